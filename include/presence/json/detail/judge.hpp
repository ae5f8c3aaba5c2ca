// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_DETAIL_JUDGE_HPP
#define PRESENCE_JSON_DETAIL_JUDGE_HPP

#include <presence/base/detail/byte_search.hpp>
#include <presence/base/detail/shared_string.hpp>
#include <presence/base/result.hpp>
#include <presence/base/time.hpp>
#include <presence/json/detail/fields_reader.hpp>
#include <presence/json/detail/reader.hpp>
#include <presence/json/limits.hpp>
#include <presence/model/availability.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int8_t, int64_t, INT8_MAX, INT8_MIN
#include <optional>     // for optional, nullopt
#include <string>       // for string
#include <string_view>  // for string_view

/// What is recorded of a text, and how it is judged.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

// Reading has two steps. One pass over the text records each relevant key with its value and position, in any order of
// keys. Then `type` is known, and the values that this type needs are validated in a fixed order.

/// Returns true if a key equals `name`, which must have the same length. Compares words, because a comparison of bytes
/// may be compiled to a function call.
template <std::size_t size_and_zero>
bool is_key(std::string_view key, const char (&name)[size_and_zero]) noexcept {
  constexpr std::size_t size = size_and_zero - 1;
  const char* const p = key.data();
  if constexpr (size >= 8) {
    return load_word(p) == load_word(name) && load_word(p + (size - 8)) == load_word(name + (size - 8));
  } else if constexpr (size >= 4) {
    return load_half_word(p) == load_half_word(name) &&
           load_half_word(p + (size - 4)) == load_half_word(name + (size - 4));
  } else {
    static_assert(size == 2, "no key is shorter, or has three");
    return p[0] == name[0] && p[1] == name[1];
  }
}

/// The recorded values of an object that describes a user.
struct JsonUser {
  JsonNote self;  ///< the position of the object, or the value found instead of an object
  JsonNote id, online, status, availability, last_active, invisible, activity;
  JsonNote custom, custom_status;
  JsonOtherKeys others;

  static JsonNote* find(void* user, std::string_view key) noexcept {
    return static_cast<JsonUser*>(user)->note_of(key);
  }

 private:
  JsonNote* note_of(std::string_view key) noexcept {
    switch (key.size()) {
      case 2:
        if (is_key(key, "id")) return &id;
        break;
      case 6:
        if (is_key(key, "online")) return &online;
        if (is_key(key, "status")) return &status;
        if (is_key(key, "custom")) return &custom;
        break;
      case 8:
        if (is_key(key, "activity")) return &activity;
        break;
      case 9:
        if (is_key(key, "invisible")) return &invisible;
        break;
      case 10:
        if (is_key(key, "created_at") || is_key(key, "updated_at") || is_key(key, "deleted_at")) return nullptr;
        break;
      case 11:
        if (is_key(key, "last_active")) return &last_active;
        break;
      case 12:
        if (is_key(key, "availability")) return &availability;
        break;
      default: break;
    }
    others.add(key);
    return nullptr;
  }
};

/// Records the value of a key that was just read.
inline void note(JsonReader& in, JsonNote& value) {
  if (value.kind == JsonKind::nothing) {
    in.read(value);
  } else {
    in.note_repeated(value);
    in.skip();
  }
}

/// Records the value of a key, but enters it if it is an object. Returns true if the reader is then inside the object.
inline bool note_and_enter(JsonReader& in, JsonNote& value) {
  if (value.kind != JsonKind::nothing || !in.at_object()) {
    note(in, value);
    return false;
  }
  value.kind = JsonKind::object;
  value.offset = in.offset();
  in.open();
  return true;
}

/// Records the values of a user. The reader is inside the object.
inline void note_fields(JsonReader& in, JsonUser& user) {
  in.fields(&user, &JsonUser::find, [&in, &user](JsonNote& value) {
    if (&value != &user.custom) {
      note(in, value);
    } else if (note_and_enter(in, user.custom)) {
      std::string_view key;
      while (in.next_key(key)) {
        if (key == "status") {
          note(in, user.custom_status);
        } else {
          in.skip();
        }
      }
    }
  });
}

/// Enters the object that is the whole text. If the text is another value, a grammar error anywhere in it takes
/// precedence over the type error.
inline bool enter_text(JsonReader& in, JsonNote& whole) {
  if (note_and_enter(in, whole)) return true;
  in.finish();
  return in.fail(ErrorCode::wrong_type, whole.offset, "expected an object");
}

/// The range of integers that are read as timestamps in nanoseconds. In other units the numbers of these years are so
/// much smaller that no number is ambiguous.
inline constexpr std::int64_t first_ns = 946684800000000000;    // 2000-01-01
inline constexpr std::int64_t beyond_ns = 7289654400000000000;  // 2201-01-01

constexpr bool is_plausible(std::int64_t ns) noexcept { return ns >= first_ns && ns < beyond_ns; }

/// Reads a number of seconds, milliseconds or microseconds: the unit that gives a year in the range above. Returns
/// false if there is none.
constexpr bool from_coarse_number(std::int64_t number, Timestamp& at) noexcept {
  for (std::int64_t unit = 1000000000; unit > 1; unit /= 1000) {
    if (number >= first_ns / unit && number < beyond_ns / unit) {
      at = Timestamp::from_ns(number * unit);
      return true;
    }
  }
  return false;
}

/// Returns the longest prefix of UTF-8 text with at most `most` bytes that ends at a character boundary.
inline std::string_view cut_text(std::string_view text, std::size_t most) noexcept {
  if (text.size() <= most) return text;
  while (most > 0 && (octet(text[most]) & 0xC0) == 0x80) --most;
  return text.substr(0, most);
}

inline std::optional<Availability> availability_of(std::string_view name) noexcept {
  constexpr Availability all[] = {Availability::available, Availability::busy, Availability::away, Availability::idle,
                                  Availability::offline};
  for (const Availability one : all) {
    if (name == presence::to_string(one)) return one;
  }
  return std::nullopt;
}

/// Converts recorded values into fields, and stores the first error. Malformed optional content of a service is not an
/// error: it is skipped and noted.
class JsonJudge {
 public:
  static constexpr const char* twice = "this key stands in the object twice";
  static constexpr const char* a_string = "expected a string";
  static constexpr const char* a_truth = "true or false is needed here";
  static constexpr const char* an_object = "expected an object";
  static constexpr const char* unknown_availability = "unknown availability";

  explicit JsonJudge(std::string_view text, ReadNotes* notes = nullptr) noexcept : text_(text), notes_(notes) {}

  bool ok() const noexcept { return !failed_; }
  const Error& error() const noexcept { return error_; }
  ReadNotes* notes() const noexcept { return notes_; }

  PRESENCE_DETAIL_RARE void fail(ErrorCode code, std::size_t offset, const char* message) noexcept {
    if (!failed_) error_ = Error{code, offset, message};
    failed_ = true;
  }

  /// Returns true if there is a value. null is treated as an absent key. Fails for a repeated key.
  bool given(const JsonNote& value) noexcept {
    if (value.kind == JsonKind::repeated) fail(ErrorCode::duplicate_key, value.offset, twice);
    return value.kind != JsonKind::nothing && value.kind != JsonKind::null && value.kind != JsonKind::repeated;
  }

  bool given(const JsonNote& value, JsonKind kind, const char* message) noexcept {
    return value.kind == kind || (value.kind != JsonKind::nothing && is_not_given(value, message));
  }

  bool given_text(const JsonNote& value) noexcept { return given(value, JsonKind::string, a_string); }

  std::optional<std::string_view> text(const JsonNote& value) noexcept {
    if (!given_text(value)) return std::nullopt;
    return value.text;
  }

  std::optional<bool> truth(const JsonNote& value) noexcept {
    if (!given(value, JsonKind::boolean, a_truth)) return std::nullopt;
    return value.truth;
  }

  std::optional<Availability> availability(const JsonNote& value) noexcept {
    if (!given_text(value)) return std::nullopt;
    const std::optional<Availability> known = availability_of(value.text);
    if (!known) fail(ErrorCode::out_of_range, value.offset, unknown_availability);
    return known;
  }

  std::optional<std::int8_t> priority(const JsonNote& value) noexcept {
    constexpr const char* an_integer = "a priority is an integer from -128 to 127";
    if (!given(value, JsonKind::number, an_integer)) return std::nullopt;
    std::int64_t number = 0;
    if (to_int64(value.text, number) && number >= INT8_MIN && number <= INT8_MAX)
      return static_cast<std::int8_t>(number);
    fail(ErrorCode::out_of_range, value.offset, an_integer);
    return std::nullopt;
  }

  /// Returns the timestamp. A timestamp in the year 1, and the number 0, are treated as an absent key.
  std::optional<Timestamp> instant(const JsonNote& value) {
    Timestamp at;
    if (!read_timestamp(value, at)) return std::nullopt;
    return at;
  }

  /// Reads the timestamp into `at`. Returns false if it is absent or an error.
  bool read_timestamp(const JsonNote& value, Timestamp& at) {
    return (value.kind == JsonKind::string && read_usual_timestamp(value.text, at)) ||
           read_unusual_timestamp(value, at, false);
  }

  /// Reads a timestamp of a service into `at`. It may be a number in a coarser unit.
  bool read_coarse_timestamp(const JsonNote& value, Timestamp& at) {
    return (value.kind == JsonKind::string && read_usual_timestamp(value.text, at)) ||
           read_unusual_timestamp(value, at, true);
  }

  /// Returns a required value. If it is absent, fails with the position of the object at `object`.
  template <class T>
  T needed(const std::optional<T>& found, const JsonNote& value, std::size_t object, const char* message) noexcept {
    if (found) return *found;
    miss(value, object, message);
    return T{};
  }

  PRESENCE_DETAIL_RARE void miss(const JsonNote& value, std::size_t object, const char* message) noexcept {
    const bool nothing = value.kind == JsonKind::nothing || value.kind == JsonKind::null;
    fail(ErrorCode::missing_key, nothing ? object : value.offset, message);
  }

  /// Returns the id of a user of a service. An id with malformed characters is an error, because after their
  /// replacement it could be the id of another user.
  std::string_view needed_id(const JsonNote& value, std::size_t object) noexcept {
    if (!given_text(value)) {
      miss(value, object, "the user has no id");
    } else if (value.broken) {
      fail_as_strict(value);
    } else {
      return value.text;
    }
    return std::string_view();
  }

  /// Fails with the error that a strict reader gives for a string in which a lenient reader replaced a part.
  PRESENCE_DETAIL_RARE void fail_as_strict(const JsonNote& value) noexcept {
    std::string unused;
    JsonReader strict(text_, unused);
    strict.seek(value.offset);
    strict.skip();
    fail(strict.error().code, strict.error().offset, strict.error().message);
  }

  // The following functions are for optional content of a service. They never fail: malformed content counts as absent,
  // and is noted.

  PRESENCE_DETAIL_RARE void pass_over(ErrorCode code, std::size_t offset, const char* message) noexcept {
    if (notes_ != nullptr) notes_->add(Error{code, offset, message});
  }

  /// Returns true if there is a value of this kind.
  bool has(const JsonNote& value, JsonKind kind, const char* message) noexcept {
    return value.kind == kind || is_noted_absent(value, message);
  }
  bool has_text(const JsonNote& value) noexcept { return has(value, JsonKind::string, a_string); }

  bool read_side_timestamp(const JsonNote& value, Timestamp& at) {
    return (value.kind == JsonKind::string && read_usual_timestamp(value.text, at)) || read_odd_timestamp(value, at);
  }

  /// Returns the availability of a user who is online: `available` if it is absent or unknown.
  Availability online_availability(const JsonNote& value) noexcept {
    if (!has_text(value)) return Availability::available;
    const std::optional<Availability> known = availability_of(value.text);
    if (known && *known != Availability::offline) return *known;
    pass_over(ErrorCode::out_of_range, value.offset,
              known ? "an online user with the availability offline" : unknown_availability);
    return Availability::available;
  }

  /// Returns the status of a user: a string, an empty string if it is cleared, or nullopt if it is unchanged. The
  /// user's own key takes precedence over one under `custom`. null clears the status. If `is_whole`, so does an absent
  /// key. A malformed status leaves it unchanged, because its real value is unknown.
  std::optional<std::string_view> status(const JsonUser& user, bool is_whole, const ReadOptions& options) noexcept {
    if (user.status.kind == JsonKind::string) return status_text(user.status, options);
    return unusual_status(user, is_whole, options);
  }

 private:
  /// Fails if there is a value. Always returns false.
  PRESENCE_DETAIL_RARE bool is_not_given(const JsonNote& value, const char* message) noexcept {
    if (given(value)) fail(ErrorCode::wrong_type, value.offset, message);
    return false;
  }

  /// Notes a value of another kind than expected, or a repeated key. Always returns false.
  PRESENCE_DETAIL_APART bool is_noted_absent(const JsonNote& value, const char* message) noexcept {
    if (value.kind == JsonKind::repeated) {
      pass_over(ErrorCode::duplicate_key, value.offset, twice);
    } else if (value.kind != JsonKind::nothing && value.kind != JsonKind::null) {
      pass_over(ErrorCode::wrong_type, value.offset, message);
    }
    return false;
  }

  static bool is_odd(const JsonNote& value) noexcept {
    return value.kind != JsonKind::nothing && value.kind != JsonKind::null && value.kind != JsonKind::string;
  }

  std::string_view status_text(const JsonNote& value, const ReadOptions& options) noexcept {
    if (value.text.size() <= options.max_status_bytes) return value.text;
    pass_over(ErrorCode::over_limit, value.offset, "a status longer than max_status_bytes is cut");
    return cut_text(value.text, options.max_status_bytes);
  }

  PRESENCE_DETAIL_RARE std::optional<std::string_view> unusual_status(const JsonUser& user, bool is_whole,
                                                                      const ReadOptions& options) noexcept {
    has_text(user.status);
    bool is_unknown = is_odd(user.status) || user.custom.kind == JsonKind::repeated;
    bool is_cleared = is_whole || user.status.kind == JsonKind::null;
    if (has(user.custom, JsonKind::object, an_object)) {
      if (has_text(user.custom_status)) return status_text(user.custom_status, options);
      is_unknown = is_unknown || is_odd(user.custom_status);
      is_cleared = is_cleared || user.custom_status.kind == JsonKind::null;
    }
    if (is_unknown || !is_cleared) return std::nullopt;
    return std::string_view();
  }

  PRESENCE_DETAIL_RARE bool read_odd_timestamp(const JsonNote& value, Timestamp& at) {
    JsonJudge judge(text_, notes_);
    if (judge.read_unusual_timestamp(value, at, true)) return true;
    if (!judge.ok()) pass_over(judge.error_.code, judge.error_.offset, judge.error_.message);
    return false;
  }

  PRESENCE_DETAIL_RARE bool read_unusual_timestamp(const JsonNote& value, Timestamp& at, bool may_be_coarse) {
    if (!given(value)) return false;
    if (value.kind == JsonKind::number) {
      std::int64_t number = 0;
      const bool is_whole = to_int64(value.text, number);
      if (is_whole && number == 0) return false;
      if (is_whole && is_plausible(number)) {
        at = Timestamp::from_ns(number);
        return true;
      }
      constexpr const char* message = "a timestamp that is a number counts nanoseconds, in the years 2000 to 2200";
      if (is_whole && may_be_coarse && from_coarse_number(number, at)) {
        pass_over(ErrorCode::out_of_range, value.offset, message);
        return true;
      }
      fail(ErrorCode::out_of_range, value.offset, message);
      return false;
    }
    if (!given(value, JsonKind::string, "expected a timestamp, as a string or a number")) return false;
    const Result<Timestamp> parsed = parse_timestamp(value.text);
    if (parsed) {
      at = *parsed;
      return true;
    }
    if (parsed.error().code == ErrorCode::unset) return false;
    if (parsed.error().code == ErrorCode::out_of_range) {
      fail(ErrorCode::out_of_range, value.offset, parsed.error().message);
    } else {
      // Not `truncated`: this string is too short, not the JSON text, and a caller may wait for more text forever. An
      // offset into an unescaped string is not an offset into the text.
      const bool borrowed = value.text.data() == text_.data() + value.offset + 1;
      fail(ErrorCode::syntax, value.offset + (borrowed ? 1 + parsed.error().offset : 0), parsed.error().message);
    }
    return false;
  }

  std::string_view text_;
  ReadNotes* notes_;
  bool failed_ = false;
  Error error_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_DETAIL_JUDGE_HPP
