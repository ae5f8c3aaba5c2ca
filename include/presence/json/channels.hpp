// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_CHANNELS_HPP
#define PRESENCE_JSON_CHANNELS_HPP

#include <presence/base/result.hpp>
#include <presence/json/events.hpp>
#include <presence/json/limits.hpp>
#include <presence/model/channel.hpp>

#include <string>       // for string
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {

/// Parses a channel in the format of chat services:
///
///     {"type":"messaging","id":"general","members":["john",{"user_id":"jack"},{"user":{"id":"mary"}}],"level":3}
///
/// or the state of a channel, as services return it for a query. Of a state, `channel` and `members` are read. If
/// `members` is absent, those of its `channel` are used:
///
///     {"channel":{"cid":"messaging:general","level":3},"members":[{"user_id":"jack","user":{…}}],"read":[…],…}
///
/// A `cid`, such as "messaging:general", may replace the type, the id or both. The type ends at its first colon. A
/// member is the id of a user, or an object with that id as `user_id`, as the `id` of its `user`, or as both. Other
/// keys of a member are skipped. Members keep their order and are not deduplicated. null as the value of any of these
/// keys is treated as an absent key. If `members` is absent, the channel has no members.
///
/// Every other key is a custom field: null, a bool, an integer, a number, a string, an array or an object, such as the
/// `created_by` and `config` of a service. A timestamp is read as a string. A field that contains an array directly in
/// an array is not representable in a Value. It is omitted and noted.
///
/// Malformed content never loses the channel: it is omitted and added to `notes`, which is cleared first and may be
/// null. Malformed content is: a member that names no user, or two users; a custom field with a number that is not
/// representable in a Value; a repeated key, also of a nested object; a value of another type. In strings, half of a
/// surrogate pair and bytes that are not UTF-8 are read as U+FFFD. A type, an id, a cid or a member with these counts
/// as malformed. Beyond the limits in `options`, the first members are kept, and the custom fields whose names are
/// first in order.
///
/// Strings that are empty or too long, and types with a colon, are read unchanged; Store::put validates them.
///
/// Errors, in order of precedence:
///
/// 1. The grammar, as in a payload for `parse_event`, but `too_deep` at 65 levels.
/// 2. A type or an id that neither its own key nor a cid provides: `missing_key` at the brace of the channel, or
///    `wrong_type`, `duplicate_key`, `bad_escape` or `bad_utf8` at the malformed key.
/// 3. `out_of_range` at a cid that is not "type:id".
///
/// O(n log n) for n bytes. Allocates at most 16 n bytes at any moment.
///
/// @code
/// const Result<Channel> match = parse_channel(
///     R"({"cid":"match:eu-17","members":["john",{"user_id":"mary","role":"host"}],"slots":4,"config":{}})");
/// assert(match && match->type == "match" && match->id == "eu-17" && match->members.back() == "mary");
/// assert(match->custom.size() == 2 && *match->custom.find("slots") == Value(4));
/// assert(to_json(*match) == R"({"type":"match","id":"eu-17","members":["john","mary"],"config":{},"slots":4})");
/// assert(parse_channel(R"({"type":"match"})").error().code == ErrorCode::missing_key);
///
/// ReadNotes notes;
/// const Result<Channel> state = parse_channel(
///     R"({"channel":{"cid":"match:eu-17","slots":4},"members":[{"user_id":"john"},{"user_id":7}],"watcher_count":2})",
///     ReadOptions(), &notes);
/// assert(state->cid() == "match:eu-17" && state->members.size() == 1 && state->custom.size() == 1);
/// assert(notes.begin()->code == ErrorCode::wrong_type && notes.begin()->offset == 84);  // at the 7
/// @endcode
Result<Channel> parse_channel(std::string_view json, const ReadOptions& options, ReadNotes* notes = nullptr);
/// Parses a channel with the default options and without notes.
Result<Channel> parse_channel(std::string_view json);

/// Appends a channel. `parse_channel` reads it as an equal channel if all its values are representable in JSON:
///
///     {"type":"messaging","id":"general","members":["john","jack"],"level":3,"name":"General"}
///
/// Equal channels have the same bytes: the custom fields follow the members, in order of their names. A timestamp is
/// written in RFC 3339 format, which is read as a string. A number that is not finite is written as null. Each part of
/// a string that is not UTF-8 is written as U+FFFD.
///
/// Custom fields that could not be read as such are omitted: those named `type`, `id`, `cid` or `members`, those whose
/// name is not UTF-8, invalid values, and values with Value::deepest levels: the channel is one more.
void append_json(std::string& out, const Channel& channel);
/// Returns the string that `append_json` appends.
std::string to_json(const Channel& channel);

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/json/detail/channels_bodies.hpp>
#endif

#endif  // PRESENCE_JSON_CHANNELS_HPP
