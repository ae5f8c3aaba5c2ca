// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_LISTS_HPP
#define PRESENCE_JSON_LISTS_HPP

#include <presence/base/result.hpp>
#include <presence/json/channels.hpp>
#include <presence/json/detail/reader.hpp>
#include <presence/json/events.hpp>
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

/// A non-owning reference to the function object that receives the elements of a list.
template <class T>
class JsonReceiver {
 public:
  template <class Fn>
  explicit JsonReceiver(Fn& fn) noexcept
      : fn_(&fn), call_([](void* receiver, T&& element) { (*static_cast<Fn*>(receiver))(std::move(element)); }) {}

  void operator()(T&& element) const { call_(fn_, std::move(element)); }

 private:
  void* fn_;
  void (*call_)(void*, T&&);
};

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

inline std::optional<Error> read_users(std::string_view json, const ReadOptions& options, ReadNotes* notes,
                                       JsonReceiver<User> receiver) {
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

inline std::optional<Error> read_channels(std::string_view json, const ReadOptions& options, ReadNotes* notes,
                                          JsonReceiver<Channel> receiver) {
  if (notes != nullptr) notes->clear();
  JsonLeniency leniency(notes);
  std::size_t list = 0;
  if (const std::optional<Error> error = find_list(json, channels_key, leniency, list)) return error;
  if (const std::optional<Error> error = each_channel(json, list, leniency, options, nullptr, nullptr)) return error;
  return each_channel(json, list, leniency, options, notes, &receiver);
}

}  // namespace detail

/// Parses a list of users, as chat services return it for a query, and calls `fn(User&&)` for each user in turn:
///
///     {"users":[{"id":"john","online":true,…},{"id":"mary",…}],"duration":"5ms"}
///
/// or only the array. `fn` may take a `User`, a `const User&` or a `User&&`. It is not copied, and its result is
/// ignored. Each user is read as by `parse_user`, with the same `options`. Other keys beside `users` are skipped. An
/// empty array is a list without users.
///
/// The whole text is checked before the first call, so an error means that `fn` was not called. If `fn` throws, it is
/// not called again. `json` must remain unchanged until the last call returns.
///
/// Errors, in order of precedence, with their offsets in the whole text:
///
/// 1. The grammar of the whole text, as in a payload for `parse_event`.
/// 2. `wrong_type` at a text that is neither an array nor an object, or at `users` that is not an array;
///    `duplicate_key` at the second `users`; `missing_key` at the object, if `users` is absent or null. So the error
///    message of a service, or a list that was not loaded, is not taken for an empty list.
/// 3. Of the first malformed user: `wrong_type` if it is not an object, else its id and `online` as for `parse_user`.
///
/// Malformed content that is not an error is added to `notes`, which is cleared first and may be null: all malformed
/// strings of the text, then the others in order of the users.
///
/// O(n log n) for n bytes, because names of data are sorted. Allocates at most 16 n bytes at any moment, and what `fn`
/// keeps.
///
/// A list is written by a loop over `append_json`, with commas between the users.
///
/// @code
/// std::vector<User> users;
/// const std::optional<Error> error = parse_users(
///     R"({"users":[{"id":"john","online":true},{"id":"mary","status":"brb"}],"duration":"5ms"})",
///     [&](User&& user) { users.push_back(std::move(user)); });
/// assert(!error && users.size() == 2 && users[0].online && users[1].status == "brb");
///
/// std::string sent = R"({"users":[)";
/// for (const User& user : users) {
///   if (&user != &users.front()) sent += ',';
///   append_json(sent, user);
/// }
/// sent += "]}";
/// std::vector<User> received;
/// assert(!parse_users(sent, [&](User&& user) { received.push_back(std::move(user)); }) && received == users);
///
/// const auto never = [](const User&) { assert(false); };
/// assert(parse_users(R"([{"id":"john"},{"online":true}])", never)->offset == 15);  // the second user has no id
/// assert(parse_users(R"({"code":17,"message":"not allowed"})", never)->code == ErrorCode::missing_key);
/// @endcode
template <class Fn>
[[nodiscard]] std::optional<Error> parse_users(std::string_view json, const ReadOptions& options, ReadNotes* notes,
                                               Fn&& fn) {
  auto receive = [&fn](User&& user) { static_cast<void>(fn(std::move(user))); };
  return detail::read_users(json, options, notes, detail::JsonReceiver<User>(receive));
}
/// Parses a list of users without notes.
template <class Fn>
[[nodiscard]] std::optional<Error> parse_users(std::string_view json, const ReadOptions& options, Fn&& fn) {
  return presence::parse_users(json, options, nullptr, fn);
}
/// Parses a list of users with the default options and without notes.
template <class Fn>
[[nodiscard]] std::optional<Error> parse_users(std::string_view json, Fn&& fn) {
  return presence::parse_users(json, detail::default_read_options, nullptr, fn);
}

/// Parses a list of channels, as chat services return it for a query, and calls `fn(Channel&&)` for each in turn:
///
///     {"channels":[{"channel":{"cid":"messaging:general",…},"members":[{"user_id":"john"},…]},…],"duration":"5ms"}
///
/// or only the array. Each element is a channel or the state of a channel, and is read as by `parse_channel` with the
/// same `options`; the limits apply to each channel. For everything else, see `parse_users`: all or none, the errors,
/// the notes. The error of a malformed channel is that of `parse_channel`. 65 levels of the text are `too_deep`.
///
/// O(n log n) for n bytes. Allocates at most 16 n bytes at any moment, and what `fn` keeps.
///
/// A list is written by a loop over `append_json`, with commas between the channels. `parse_channels` reads the result
/// as equal channels where `parse_channel` does.
///
/// @code
/// const std::string page = R"({"channels":[{"channel":{"cid":"match:eu-17"},"members":[{"user_id":"john"}]},)"
///                          R"({"type":"match","id":"eu-18","members":["mary","jack"],"slots":4}]})";
/// std::size_t members = 0;
/// assert(!parse_channels(page, [&](const Channel& channel) { members += channel.members.size(); }));
/// assert(members == 3);
/// const std::optional<Error> error = parse_channels(R"([{"cid":"match:eu-17"},{}])", [](const Channel&) {});
/// assert(error->code == ErrorCode::missing_key && error->offset == 23);
/// @endcode
template <class Fn>
[[nodiscard]] std::optional<Error> parse_channels(std::string_view json, const ReadOptions& options, ReadNotes* notes,
                                                  Fn&& fn) {
  auto receive = [&fn](Channel&& channel) { static_cast<void>(fn(std::move(channel))); };
  return detail::read_channels(json, options, notes, detail::JsonReceiver<Channel>(receive));
}
/// Parses a list of channels without notes.
template <class Fn>
[[nodiscard]] std::optional<Error> parse_channels(std::string_view json, const ReadOptions& options, Fn&& fn) {
  return presence::parse_channels(json, options, nullptr, fn);
}
/// Parses a list of channels with the default options and without notes.
template <class Fn>
[[nodiscard]] std::optional<Error> parse_channels(std::string_view json, Fn&& fn) {
  return presence::parse_channels(json, detail::default_read_options, nullptr, fn);
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_LISTS_HPP
