// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_HOOKS_HPP
#define PRESENCE_JSON_HOOKS_HPP

#include <presence/base/result.hpp>
#include <presence/base/time.hpp>
#include <presence/json/channels.hpp>
#include <presence/json/detail/judge.hpp>
#include <presence/json/detail/reader.hpp>
#include <presence/json/detail/writer.hpp>
#include <presence/json/events.hpp>
#include <presence/json/filters.hpp>
#include <presence/json/limits.hpp>
#include <presence/json/values.hpp>
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

/// Conversions between the types of the library and `nlohmann::json` or `nlohmann::ordered_json` (any 3.x). Opt-in.
/// This header does not include nlohmann's, and may be included before or after it.
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
/// } catch (const JsonRefused<nlohmann::json>& refused) {  // or nlohmann::json::exception
///   assert(refused.error().code == ErrorCode::missing_key);
/// }
/// @endcode
///
/// User, PresenceEvent, Channel, Filter, Value and Timestamp can be read and written. UserView, PresenceEventView,
/// UserPresenceChanged and UserPresenceChangedView can only be written.
///
/// The format is that of the JSON text. The output is that of `to_json` with one argument; a Timestamp is an RFC 3339
/// string. The input is that of `parse_user` and the other parsers, without limits. A Value is read as by
/// `parse_value`, and a Timestamp as the `at` of an event line. Both directions convert through that text, so for JSON
/// text the parsers of this library are faster than nlohmann with these conversions.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// True if a type has the members of a `basic_json` that are used here.
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

// T is checked first, so that nothing more is instantiated for other types. T is deduced, because a parameter of a
// library type would also accept types that convert to it.
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
  append_json_timestamp(out, {}, at);
  return out;
}

/// Parses a JSON text that is one timestamp, in the formats that events use.
inline Result<Timestamp> parse_json_timestamp(std::string_view json) {
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
    return Error{ErrorCode::wrong_type, found.offset, "expected a timestamp, as a string or a number"};
  return Error{ErrorCode::unset, found.offset, "the year 1 means that there is no timestamp"};
}

inline constexpr ReadOptions unlimited_read_options{SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX,
                                                    SIZE_MAX, SIZE_MAX, SIZE_MAX};

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
    return presence::parse_value(json);
  } else {
    return detail::parse_json_timestamp(json);
  }
}

}  // namespace detail

#if defined(__cpp_exceptions)
#define PRESENCE_HOOKS_THROW 1
#else
#define PRESENCE_HOOKS_THROW 0
#endif

#if PRESENCE_HOOKS_THROW

/// The exception that `from_json` throws if a JSON value cannot be converted. It derives from
/// `nlohmann::json::exception`. `what()` returns, for example,
/// `[json.exception.presence.600] a user needs an id, at byte 0 of dump()`.
template <class Json>
class JsonRefused : public Json::exception {
 public:
  static constexpr int number = 600;  ///< its `id`; the ids of nlohmann are less

  // nlohmann's own exceptions cannot be created in the same way in 3.9, 3.10 and 3.11, because the parameters of
  // `create` differ. The constructor of their base is the same in all of 3.x.
  /// Creates the exception for an error of a parser.
  explicit JsonRefused(const Error& error) : Json::exception(number, message_of(error).c_str()), error_(error) {}

  /// Returns the error. Its offset is relative to the `dump()` of the value that was to be converted.
  const Error& error() const noexcept { return error_; }

 private:
  static std::string message_of(const Error& error) {
    return "[json.exception.presence." + std::to_string(number) + "] " + error.message + ", at byte " +
           std::to_string(error.offset) + " of dump()";
  }

  Error error_;
};

#endif

/// Converts a value to nlohmann JSON, for `nlohmann::json j = value` and `j["user"] = value`. With one argument,
/// `to_json` returns JSON text instead. Bytes that are not UTF-8 become U+FFFD, so that nlohmann can dump the result.
template <class Json, class T, detail::EnableIfWritten<Json, T> = 0>
void to_json(Json& json, const T& value) {
  json = Json::parse(detail::hook_text(value));
}

/// Converts from nlohmann JSON, for `j.get<T>()` and `j.get_to(value)`. If the parser rejects the text, throws
/// JsonRefused<Json> and leaves `value` unchanged. Without exceptions it terminates the program, as nlohmann does.
/// nlohmann itself rejects a string that is not UTF-8, because it cannot dump it. (`may_throw` makes translation units
/// with and without exceptions use different functions.)
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
