// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_LISTS_HPP
#define PRESENCE_JSON_LISTS_HPP

#include <presence/base/result.hpp>
#include <presence/json/channels.hpp>
#include <presence/json/events.hpp>
#include <presence/json/limits.hpp>
#include <presence/model/channel.hpp>
#include <presence/model/user.hpp>

#include <optional>     // for optional
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

std::optional<Error> read_users(std::string_view json, const ReadOptions& options, ReadNotes* notes,
                                JsonReceiver<User> receiver);
std::optional<Error> read_channels(std::string_view json, const ReadOptions& options, ReadNotes* notes,
                                   JsonReceiver<Channel> receiver);

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

#if !PRESENCE_SEPARATE
#include <presence/json/detail/lists_bodies.hpp>
#endif

#endif  // PRESENCE_JSON_LISTS_HPP
