// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_HOOKS_HPP
#define PRESENCE_JSON_HOOKS_HPP

#include <presence/base/result.hpp>
#include <presence/base/time.hpp>
#include <presence/json/channels.hpp>
#include <presence/json/detail/reader.hpp>
#include <presence/json/events.hpp>
#include <presence/json/filters.hpp>
#include <presence/model/channel.hpp>
#include <presence/model/event.hpp>
#include <presence/model/user.hpp>
#include <presence/model/value.hpp>
#include <presence/query/filter.hpp>

#include <cstdint>      // for SIZE_MAX
#include <cstdlib>      // for abort
#include <optional>     // for optional
#include <string>       // for string, to_string
#include <string_view>  // for string_view
#include <type_traits>  // for bool_constant, conjunction, decay, enable_if, false_type, is_same, void_t
#include <utility>      // for declval, move

/// For who has JSON in an `nlohmann::json` or `nlohmann::ordered_json` (any 3.x) already: with this header these
/// convert from and to the types of the library. Opt-in. It includes nothing of nlohmann's, and may come before or
/// behind it.
///
/// @code
/// #include <nlohmann/json.hpp>
///
/// const nlohmann::json message = {{"room", 7}, {"user", User{"john", true, "brb", {}, false}}};
/// assert(message["user"]["status"] == "brb");
/// const User john = message["user"].get<User>();
/// assert(john.online && !john.last_active);
/// try {
///   nlohmann::json::object().get<User>();
/// } catch (const JsonRefused<nlohmann::json>& refused) {  // or as any nlohmann::json::exception
///   assert(refused.error().code == ErrorCode::missing_key);
/// }
/// @endcode
///
/// Read and written are User, PresenceEvent, Channel, Filter, Value and Timestamp; written alone are UserView,
/// PresenceEventView, UserPresenceChanged and UserPresenceChangedView. Each has the form of its text: what is written
/// is what `to_json` with one argument writes, and a Timestamp is RFC 3339; what is read is what `parse_user` and its
/// like read without limits, a Value is as in a filter, and a Timestamp is as the `at` of an event line. Both
/// ways go through that text: who has a text is faster without nlohmann.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Whether a type has what is used here of a `basic_json`.
template <class Json, class = void>
struct IsBasicJson : std::false_type {};
template <class Json>
struct IsBasicJson<
    Json, std::void_t<typename Json::object_t, typename Json::exception, decltype(std::declval<const Json&>().dump()),
                      decltype(Json::parse(std::declval<const std::string&>()))>>
    : std::is_same<Json, std::decay_t<decltype(Json::parse(std::declval<const std::string&>()))>> {};

template <class T, class... Others>
inline constexpr bool is_one_of = (std::is_same<T, Others>::value || ...);
template <class T>
inline constexpr bool is_read_by_hook = is_one_of<T, User, PresenceEvent, Channel, Filter, Value, Timestamp>;
template <class T>
inline constexpr bool is_written_by_hook =
    is_read_by_hook<T> || is_one_of<T, UserView, PresenceEventView, UserPresenceChanged, UserPresenceChangedView>;

// T is asked first, so that of other types nothing more is instantiated. It is deduced, as a parameter of one of our
// types would also take what converts to that.
template <class Json, class T>
using EnableIfWritten =
    std::enable_if_t<std::conjunction<std::bool_constant<is_written_by_hook<T>>, IsBasicJson<Json>>::value, int>;
template <class Json, class T>
using EnableIfRead =
    std::enable_if_t<std::conjunction<std::bool_constant<is_read_by_hook<T>>, IsBasicJson<Json>>::value, int>;

template <class T>
std::string hook_text(const T& value) {
  return detail::json_of(value);
}
inline std::string hook_text(const Timestamp& at) {
  std::string out;
  append_json_instant(out, {}, at);
  return out;
}

/// Reads a text that is a value and nothing else.
inline Result<Value> parse_value(std::string_view json) {
  std::string scratch;
  JsonReader in(json, scratch);
  Value value;
  if (read_value(in, value)) in.finish();
  if (!in.ok()) return in.error();
  return value;
}

/// Reads a text that is a timestamp and nothing else, in the forms that a timestamp has in events.
inline Result<Timestamp> parse_instant(std::string_view json) {
  std::string scratch;
  JsonReader in(json, scratch);
  JsonValue found;
  in.read(found);
  in.finish();
  if (!in.ok()) return in.error();
  JsonJudge judge(json);
  const std::optional<Timestamp> at = judge.instant(found);
  if (!judge.ok()) return judge.error();
  if (at) return *at;
  if (found.kind == JsonKind::null)
    return Error{ErrorCode::wrong_type, found.offset, "an instant is a string or a number"};
  return Error{ErrorCode::unset, found.offset, "an instant in the year 1, which stands for none"};
}

inline constexpr ReadOptions unlimited_read_options{SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX};

template <class T>
Result<T> parse_as(std::string_view json) {
  if constexpr (std::is_same<T, User>::value) {
    return parse_user(json, unlimited_read_options);
  } else if constexpr (std::is_same<T, PresenceEvent>::value) {
    return parse_event(json, unlimited_read_options);
  } else if constexpr (std::is_same<T, Channel>::value) {
    return parse_channel(json, unlimited_read_options);
  } else if constexpr (std::is_same<T, Filter>::value) {
    return parse_filter(json);
  } else if constexpr (std::is_same<T, Value>::value) {
    return detail::parse_value(json);
  } else {
    return detail::parse_instant(json);
  }
}

}  // namespace detail

#if defined(__cpp_exceptions)
#define PRESENCE_HOOKS_THROW 1
#else
#define PRESENCE_HOOKS_THROW 0
#endif

#if PRESENCE_HOOKS_THROW

/// What `from_json` throws at a JSON value that is not what was asked for: an exception of nlohmann's kind, to be
/// caught as `nlohmann::json::exception`. `what()` reads `[json.exception.presence.600] a user needs an id, at byte 0
/// of dump()`.
template <class Json>
class JsonRefused : public Json::exception {
 public:
  static constexpr int number = 600;  ///< its `id`; those of nlohmann are below

  // None of nlohmann's own exceptions can be made in the same way in 3.9, 3.10 and 3.11: each of these gave `create`
  // other parameters. The constructor of their base is the same in all of 3.x.
  /// Of what a reader refused.
  explicit JsonRefused(const Error& error) : Json::exception(number, message_of(error).c_str()), error_(error) {}

  /// What is wrong, and at which byte of the `dump()` of the value that was to be converted.
  const Error& error() const noexcept { return error_; }

 private:
  static std::string message_of(const Error& error) {
    return "[json.exception.presence." + std::to_string(number) + "] " + error.message + ", at byte " +
           std::to_string(error.offset) + " of dump()";
  }

  Error error_;
};

#endif

/// For `nlohmann::json j = value` and `j["user"] = value`; with one argument, `to_json` makes a text. What is not UTF-8
/// in the value becomes U+FFFD, so that nlohmann can dump what it was given.
template <class Json, class T, detail::EnableIfWritten<Json, T> = 0>
void to_json(Json& json, const T& value) {
  json = Json::parse(detail::hook_text(value));
}

/// For `j.get<T>()` and `j.get_to(value)`. What the reader of the text refuses throws JsonRefused<Json>, and leaves
/// `value` as it was. Without exceptions it ends the program, as it does in nlohmann. What nlohmann cannot dump, a
/// string that is not UTF-8, it refuses itself. (Files with exceptions and without are two functions: hence
/// `may_throw`.)
template <class Json, class T, detail::EnableIfRead<Json, T> = 0, bool may_throw = PRESENCE_HOOKS_THROW != 0>
void from_json(const Json& json, T& value) {
  const auto text = json.dump();
  Result<T> read = detail::parse_as<T>(std::string_view(text.data(), text.size()));
  if (!read) {
#if PRESENCE_HOOKS_THROW
    throw JsonRefused<Json>(read.error());
#else
    std::abort();
#endif
  }
  value = std::move(*read);
}

#undef PRESENCE_HOOKS_THROW

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_HOOKS_HPP
