// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_EVENTS_HPP
#define PRESENCE_JSON_EVENTS_HPP

#include <presence/base/result.hpp>
#include <presence/json/detail/field_room.hpp>
#include <presence/json/limits.hpp>
#include <presence/json/values.hpp>
#include <presence/model/event.hpp>
#include <presence/model/user.hpp>

#include <optional>     // for optional
#include <string>       // for string
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {

/// Parses one event. Borrows its strings from `json`, and strings with escapes from `scratch`. The event is valid until
/// either is modified or destroyed. `json` must not be a part of `scratch`. Nothing is allocated if there are no
/// escapes, or if `scratch` has enough capacity for the text and no key has escapes. Keys may have any order; unknown
/// keys of lines are skipped.
///
/// An activity and data with fields, and a value that is an array or an object, cannot be borrowed from a text. For an
/// event that has one of these, this overload fails with `needs_buffer` at it, so that nothing is lost. Pass an
/// EventBuffer in place of the string, or use an overload that returns a PresenceEvent: these read every event. A host
/// that does not want the activity and data of payloads sets `max_activity_bytes` and `max_data_names` to 0.
///
/// **Event lines.** `at` is RFC 3339, or an integer number of nanoseconds since 1970 in the years 2000 to 2200. Keys in
/// brackets may be absent or null:
///
///     {"type":"connect","user":"u","session":"s","at":"2019-01-07T13:17:42.375Z"[,"invisible":true][,"status":"…"]
///      [,"availability":"away"][,"priority":5][,"activity":{…}]}
///     {"type":"disconnect","user":"u","session":"s","at":…}      and likewise heartbeat and active
///     {"type":"update","user":"u","session":"s","at":…[,"availability":"away"][,"priority":5][,"activity":{…}]}
///     {"type":"status","user":"u"[,"session":"s"],"at":…,"status":"…"[,"until":…]}
///     {"type":"report","user":"u","online":true,"at":…[,"status":"…"][,"availability":"away"][,"last_active":…]
///      [,"activity":{…}][,"data":{…}]}
///     {"type":"availability","user":"u","at":…[,"until":…][,"availability":"away"]}
///     {"type":"data","user":"u","at":…,"name":"image","value":…}     a value of null removes the name
///     {"type":"visible","user":"u","at":…,"invisible":true}
///     {"type":"remove","user":"u","at":…}
///
/// Each of these keys is read on every line, even if the type does not use it: every line with a `status` may have
/// `until`, the end of that status, in the formats of `at`. A timestamp in the year 1, or the number 0, means "never"
/// and is treated as absent. `availability` is the name of an Availability, `priority` an integer from -128 to 127. An
/// absent availability leaves that of the session, or of the report, as it was; in a line of type `availability` it
/// means that the user makes no choice. `value`, and the values in the objects `activity` and `data`, are read as by
/// `parse_value`, up to Value::deepest levels each. An empty `activity` clears, and an absent one leaves it as it was.
/// `data` is all data of the user.
///
/// Ids and strings that are empty or too long, an end that is not later than `at`, the availability "offline", and a
/// name that is empty or reserved are not an error here; applying the event rejects them.
///
/// **Payloads of a chat service** become reports: `user.presence.changed` and `user.updated` about their `user`,
/// `health.check` about `me`. They must have the user's `id` (a non-empty string), the user's `online` (a bool) and the
/// event's `created_at`. More keys of the user are read:
///
/// * `last_active`.
/// * `availability`, if the user is online. An absent one, null, an unknown word and "offline" are read as `available`.
/// * `status`; if it is absent or null, a `status` under `custom`. null clears the status. `user.updated` contains the
///   complete user, so an absent status also clears it. In the other types an absent status leaves it unchanged.
/// * `activity`, an object, if the user is online. An absent one and null are read as an empty one.
/// * Every other key is data of the user, such as `name` and `image`, except those for which `is_reserved_name` returns
///   true and those in `options.skipped_names`. The event always has the whole data, which may be empty. A null counts
///   as absent.
///
/// A `user.deleted` becomes a `remove` of its `user`. It must have the user's `id` and the event's `created_at`. Its
/// other keys are not read.
///
/// A malformed value of an optional key, or of a key that is not read, never loses the event:
///
/// * A value of another type, an unknown availability, an unreadable timestamp or a repeated key counts as absent. A
///   malformed status leaves the status unchanged.
/// * A status longer than `options.max_status_bytes` is truncated at a character boundary.
/// * An activity and a field of data that `parse_value` would reject, that have a string with malformed characters, or
///   that exceed `options`, are read as absent. So is data with an empty name.
/// * In any string, half of a surrogate pair and bytes that are not UTF-8 are read as U+FFFD. In the `id` they are an
///   error. Bytes that are not UTF-8 need a second pass.
/// * A number that is not a timestamp in nanoseconds is read in seconds, milliseconds or microseconds, if one of these
///   gives the years 2000 to 2200. No number fits two units.
///
/// Each such place is added to `notes`, which is cleared first and may be null.
///
/// Errors have this order of precedence:
///
/// 1. The grammar of the whole text, at the first invalid byte: `syntax`, `truncated`, `trailing_bytes`, `bad_escape`,
///    `too_deep` (129 levels). Also `bad_utf8`, and `bad_escape` at half of a surrogate pair, unless the text is an
///    event of a service: its `type` contains a dot.
/// 2. The type, at its value: `unknown_type`; `not_presence` for another type with a dot, and for a `health.check`
///    without `me`. Nothing else of such an event is validated.
/// 3. The keys that a payload must have, or that a line reads, in the order user, session, online, at, invisible,
///    status, until, availability, priority, last_active, activity, name, value, data. `duplicate_key` at the second
///    key; `wrong_type` or `out_of_range` at the value; `syntax` inside a timestamp; `missing_key` at the object
///    without the key. For an empty id, or a timestamp that means "never", `missing_key` is at that value. Inside the
///    last four, the errors of `parse_value`.
/// 4. `needs_buffer`: of a line, in the order of its last four keys; of a payload, at the activity, or at the first key
///    of data that is not null, whether or not its value would be read.
///
/// O(n log n) for n bytes, because names are sorted; O(n) without data and objects. An overload without a string
/// allocates at most 16 n bytes at any moment.
///
/// @code
/// std::string scratch;  // reused by later calls, so nothing is allocated
/// const Result<PresenceEventView> event = parse_event(
///     R"({"type":"user.updated","created_at":"2019-01-07T13:17:42.375Z","user":{"id":"john","online":true}})",
///     scratch);
/// assert(event && event->type == EventType::report && event->user == "john" && event->online);
/// assert(event->availability == Availability::available && event->status == "");
///
/// const Result<PresenceEvent> timed = parse_event(
///     R"({"type":"status","user":"u","at":"2019-01-07T13:17:42Z","status":"brb","until":"2019-01-07T13:30:00Z"})");
/// assert(*timed->until - timed->at == Duration::from_s(738));
/// assert(to_json(PresenceEvent::set_availability("u", Availability::busy, timed->at)) ==
///        R"({"type":"availability","user":"u","at":"2019-01-07T13:17:42.000Z","availability":"busy"})");
///
/// assert(parse_event(R"({"type":"message.new"})").error().code == ErrorCode::not_presence);  // to be ignored
/// const Result<PresenceEvent> wrong = parse_event(R"({"type":"connect","user":7})");
/// assert(wrong.error().code == ErrorCode::wrong_type && wrong.error().offset == 25);  // at the 7
///
/// ReadNotes notes;
/// const Result<PresenceEvent> odd = parse_event(
///     R"({"type":"health.check","created_at":"2019-01-07T13:17:42Z","me":{"id":"u","online":true,"last_active":""}})",
///     ReadOptions(), &notes);
/// assert(odd->online && !odd->last_active && notes.count() == 1 && notes.begin()->offset == 103);
/// @endcode
Result<PresenceEventView> parse_event(std::string_view json, std::string& scratch, const ReadOptions& options,
                                      ReadNotes* notes = nullptr);
/// Parses one event with the default options and without notes.
Result<PresenceEventView> parse_event(std::string_view json, std::string& scratch);

/// The memory for what an event that is parsed as a view cannot borrow from its text: strings with escapes, an
/// activity, data, and a value that is an array or an object. One buffer may be used for many events in turn, so that
/// little is allocated. The events borrow from it, so it can be neither copied nor moved.
class EventBuffer {
 public:
  EventBuffer() = default;  ///< Allocates nothing.
  EventBuffer(const EventBuffer&) = delete;
  EventBuffer& operator=(const EventBuffer&) = delete;
  ~EventBuffer();

 private:
  friend Result<PresenceEventView> parse_event(std::string_view json, EventBuffer& buffer, const ReadOptions& options,
                                               ReadNotes* notes);

  std::string scratch_;
  std::optional<detail::JsonFieldRoom> room_;
};

/// Parses one event of any content. Borrows from `json` and `buffer`: the event is valid until either is modified or
/// destroyed, also by the next call with that buffer. Beyond what the overload with a string allocates, allocates only
/// for an activity, data, and a value that is an array or an object.
///
/// @code
/// EventBuffer buffer;
/// const std::string line =
///     R"({"type":"data","user":"kim","at":"2019-01-07T13:17:42.375Z","name":"home","value":{"city":"Kyoto"}})";
/// const Result<PresenceEventView> event = parse_event(line, buffer);
/// assert(event->type == EventType::set_data && event->value.find("city").text() == "Kyoto");
/// assert(to_json(*event) == line);
///
/// std::string scratch;
/// assert(parse_event(line, scratch).error().code == ErrorCode::needs_buffer);
/// @endcode
Result<PresenceEventView> parse_event(std::string_view json, EventBuffer& buffer, const ReadOptions& options,
                                      ReadNotes* notes = nullptr);
/// Parses one event of any content with the default options and without notes.
Result<PresenceEventView> parse_event(std::string_view json, EventBuffer& buffer);

/// Parses one event that owns its strings.
Result<PresenceEvent> parse_event(std::string_view json, const ReadOptions& options, ReadNotes* notes = nullptr);
/// Parses one event that owns its strings, with the default options and without notes.
Result<PresenceEvent> parse_event(std::string_view json);

/// Parses a user in the format of a service or of `to_json`:
/// `{"id":"u","online":true,"status":"…","availability":"away","last_active":"2019-01-07T13:17:42.375Z",
/// "invisible":true,"activity":{…},"name":"…","image":"…",…}`. Only the id is required. Other keys that are absent or
/// null are read as false or empty. The data, and the availability and the activity of a user who is online, are read
/// as in payloads of `parse_event`; an availability and an activity of another user are not read.
///
/// The status may be under `custom`. Malformed values are handled and noted as in payloads of `parse_event`. Exception:
/// an `online` that is repeated or not a bool is an error. Errors: the grammar as in a payload, then the id, then
/// `online`, each as for `parse_event`.
Result<User> parse_user(std::string_view json, const ReadOptions& options, ReadNotes* notes = nullptr);
/// Parses a user with the default options and without notes.
Result<User> parse_user(std::string_view json);

/// Appends a user:
///
///     {"id":"u","online":true,"status":"Eating a veggie burger...","last_active":"2019-01-07T13:17:42.375Z"}
///
/// An absent last_active is omitted. `,"availability":"away"` is added after the status if the user is online and idle,
/// away or busy; otherwise `online` implies it. `,"invisible":true` is added only if it is true, in a user's view of
/// themselves. Then follows `,"activity":{…}` if the user is online and has one. The names of the data are the last
/// keys, in order of their bytes:
///
///     {"id":"u","online":true,"status":"","activity":{"map":"harbour"},"image":"https://…","name":"Kim"}
///
/// Strings have only the required escapes. Bytes that are not UTF-8 become U+FFFD, so the output is always valid JSON.
/// Values are written as by the overload for a Value. Fields whose name is not UTF-8 are omitted. So are data with a
/// reserved or empty name, which no snapshot has.
///
/// `parse_user` reads an equal user, with two exceptions. Data with one of ReadOptions::skipped_names, or beyond the
/// limits of ReadOptions, is not read. A timestamp becomes a string, and what is not JSON becomes null, which as data
/// is absent.
void append_json(std::string& out, const UserView& user);
/// Appends a user that owns its strings.
void append_json(std::string& out, const User& user);

/// Appends a change, `{"type":"user.presence.changed","created_at":"…","user":{…}}`, with the user as seen after it.
/// `parse_event` reads it as a report of everything in it, within the limits of its ReadOptions. So a mirror that
/// applies the report has the same view of the user, if they have no data with one of ReadOptions::skipped_names.
///
/// A user who is no longer known, so that `change.after` is absent, is written as
/// `{"type":"user.deleted","created_at":"…","user":{"id":"u"}}`. `parse_event` reads it as a removal, so that the
/// mirror does not know the user any longer, either.
void append_json(std::string& out, const UserPresenceChangedView& change);
/// Appends a change that owns its strings.
void append_json(std::string& out, const UserPresenceChanged& change);

/// Appends an event line, which `parse_event` reads as an equal event. Equal events have the same bytes. The keys are,
/// in this order: type, user, session (if the type has one, or it is not empty), online (for a report, or if it is
/// true), at, invisible, status, until, availability, priority, last_active, activity (each if present), name (for a
/// `data` line, or if it is not empty), value (for a `data` line, or if it is not null), data (if present).
///
/// Fields are in order of their names; those whose name is not UTF-8 are omitted. Values are written as by the overload
/// for a Value: a timestamp becomes a string, and a number that is not finite becomes null. But a `value` that is not
/// JSON is omitted: the line then has no value and is not read, instead of removing the name.
void append_json(std::string& out, const PresenceEventView& event);
/// Appends an event that owns its strings.
void append_json(std::string& out, const PresenceEvent& event);

/// @{
/// Returns the string that `append_json` appends. Owning types and views have separate overloads, because they convert
/// to each other.
std::string to_json(const User& user);
std::string to_json(const UserView& user);
std::string to_json(const UserPresenceChanged& change);
std::string to_json(const UserPresenceChangedView& change);
std::string to_json(const PresenceEvent& event);
std::string to_json(const PresenceEventView& event);
/// @}

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/json/detail/events_bodies.hpp>
#endif

#endif  // PRESENCE_JSON_EVENTS_HPP
