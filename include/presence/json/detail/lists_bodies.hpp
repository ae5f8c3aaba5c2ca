// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_DETAIL_LISTS_BODIES_HPP
#define PRESENCE_JSON_DETAIL_LISTS_BODIES_HPP

#include <presence/base/result.hpp>
#include <presence/json/detail/channel_reader.hpp>
#include <presence/json/detail/field_room.hpp>
#include <presence/json/detail/judge.hpp>
#include <presence/json/detail/reader.hpp>
#include <presence/json/detail/user_reader.hpp>
#include <presence/json/limits.hpp>
#include <presence/json/lists.hpp>
#include <presence/model/channel.hpp>
#include <presence/model/user.hpp>

#include <cstddef>      // for size_t
#include <optional>     // for optional, nullopt
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for move

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The key of a list, how deep its text may nest, and the messages for an object without it and for a value that is not
/// an array.
struct JsonListKey {
  std::string_view name;
  unsigned deepest;
  const char* missing;
  const char* wrong;
};
inline constexpr JsonListKey users_key{"users", JsonReader::deepest_around_values, "the object has no users",
                                       "users must be an array"};
inline constexpr JsonListKey channels_key{"channels", JsonReader::deepest, "the object has no channels",
                                          "channels must be an array"};

/// Checks the grammar of the whole text, and finds the list: the text itself, or the value of its key.
inline std::optional<Error> find_list(std::string_view json, const JsonListKey& key, JsonLeniency& leniency,
                                      std::size_t& list) {
  std::string scratch;
  JsonReader in(json, scratch, &leniency, key.deepest);
  JsonValue whole, found;
  if (note_and_enter(in, whole)) {
    std::string_view name;
    while (in.next_key(name)) {
      if (name == key.name) {
        note(in, found);
      } else {
        in.skip();
      }
    }
  }
  in.finish();
  if (!in.ok()) return in.error();
  leniency.stop_noting();
  list = whole.kind == JsonKind::array ? whole.offset : found.offset;
  if (whole.kind == JsonKind::array) return std::nullopt;
  if (whole.kind != JsonKind::object)
    return Error{ErrorCode::wrong_type, whole.offset, "expected an array, or an object with one"};
  JsonJudge judge(json);
  if (judge.given(found, JsonKind::array, key.wrong)) return std::nullopt;
  judge.miss(found, whole.offset, key.missing);
  return judge.error();
}

/// Reads each user of a list whose grammar was checked. Without a receiver, only finds the first error.
inline std::optional<Error> each_user(JsonReader& in, std::size_t list, JsonJudge judge, const ReadOptions& options,
                                      const JsonContent& content, const JsonReceiver<User>* receiver) {
  in.seek(list);
  in.open();
  while (in.next_element()) {
    JsonUser found;
    if (note_and_enter(in, found.self)) {
      note_fields(in, found);
    } else {
      judge.fail(ErrorCode::wrong_type, found.self.offset, "a user is an object");
    }
    UserView user;
    if (!judge.ok() || !judge_user(judge, found, options, user)) return judge.error();
    if (receiver == nullptr) continue;
    // Only for large users, because the memory is allocated again.
    if (has_content(found, user.online, options) && in.offset() - found.self.offset > content.json.size() / 16) {
      compact(content.strings, {&user.id, &user.status});
      in.forget_strings();
    }
    (*receiver)(take_user(judge, found, user, options, content));
  }
  return std::nullopt;
}

PRESENCE_DETAIL_BODY std::optional<Error> read_users(std::string_view json, const ReadOptions& options,
                                                     ReadNotes* notes, JsonReceiver<User> receiver) {
  if (notes != nullptr) notes->clear();
  JsonLeniency leniency(notes);
  std::size_t list = 0;
  if (const std::optional<Error> error = find_list(json, users_key, leniency, list)) return error;
  std::string scratch;
  std::optional<JsonFieldRoom> room;
  const JsonContent content{json, leniency, scratch, &room};
  JsonReader in(json, scratch, &leniency, users_key.deepest);
  if (const std::optional<Error> error = each_user(in, list, JsonJudge(json), options, content, nullptr)) return error;
  return each_user(in, list, JsonJudge(json, notes), options, content, &receiver);
}

/// As `each_user`, for channels and states of channels.
inline std::optional<Error> each_channel(std::string_view json, std::size_t list, JsonLeniency leniency,
                                         const ReadOptions& options, ReadNotes* notes,
                                         const JsonReceiver<Channel>* receiver) {
  JsonChannelReader channels(json, options, leniency, notes);
  std::string unused;  // skipped strings are not decoded
  JsonReader in(json, unused, &leniency);
  in.seek(list);
  in.open();
  while (in.next_element()) {
    in.peek();
    const std::size_t offset = in.offset();
    in.skip();
    if (receiver == nullptr) {
      if (!channels.check_at(offset)) return channels.error();
      continue;
    }
    Channel channel;
    if (!channels.read_at(offset, channel)) return channels.error();
    (*receiver)(std::move(channel));
  }
  return std::nullopt;
}

PRESENCE_DETAIL_BODY std::optional<Error> read_channels(std::string_view json, const ReadOptions& options,
                                                        ReadNotes* notes, JsonReceiver<Channel> receiver) {
  if (notes != nullptr) notes->clear();
  JsonLeniency leniency(notes);
  std::size_t list = 0;
  if (const std::optional<Error> error = find_list(json, channels_key, leniency, list)) return error;
  if (const std::optional<Error> error = each_channel(json, list, leniency, options, nullptr, nullptr)) return error;
  return each_channel(json, list, leniency, options, notes, &receiver);
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_DETAIL_LISTS_BODIES_HPP
