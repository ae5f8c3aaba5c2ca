// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_EVENTS_HPP
#define PRESENCE_JSON_EVENTS_HPP

#include <presence/base/detail/shared_string.hpp>
#include <presence/base/result.hpp>
#include <presence/base/time.hpp>
#include <presence/json/detail/fields_reader.hpp>
#include <presence/json/detail/reader.hpp>
#include <presence/json/detail/writer.hpp>
#include <presence/json/values.hpp>
#include <presence/model/attributes.hpp>
#include <presence/model/availability.hpp>
#include <presence/model/detail/canonical_json.hpp>
#include <presence/model/event.hpp>
#include <presence/model/user.hpp>
#include <presence/model/value.hpp>

#include <cstddef>           // for size_t
#include <cstdint>           // for int8_t, int64_t, uint8_t, INT8_MAX, INT8_MIN, SIZE_MAX, uintptr_t
#include <initializer_list>  // for initializer_list
#include <optional>          // for optional
#include <string>            // for string, to_string
#include <string_view>       // for string_view
#include <utility>           // for move

namespace presence {
inline namespace PRESENCE_ABI {

/// What chat services put into the object of a user and is not the user's data, beside the fields of a User:
/// moderation, devices, and what concerns only the user themselves, such as unread counts. See
/// ReadOptions::skipped_names.
// clang-format off
inline constexpr std::string_view names_beside_data[] = {
    "banned", "ban_expires", "shadow_banned", "bypass_moderation", "blocked_user_ids", "devices",
    "push_notifications", "push_preferences", "mutes", "channel_mutes", "unread_count", "unread_channels",
    "unread_threads", "total_unread_count", "total_unread_count_by_team", "latest_hidden_channels",
    "privacy_settings", "avg_response_time", "deactivated_at", "revoke_tokens_issued_before"};
// clang-format on

/// Limits for reading content of a chat service. Content beyond a limit is truncated or omitted, and noted. It is never
/// an error.
///
/// @code
/// const std::string_view json = R"({"id":"kim","online":true,"name":"Kim","banned":false})";
/// assert(*parse_user(json)->data.find("name") == "Kim" && parse_user(json)->data.size() == 1);
/// ReadOptions options;
/// options.skipped_names = {};  // none: every name is data
/// assert(parse_user(json, options)->data.size() == 2);
/// options.max_data_names = 0;
/// assert(parse_user(json, options)->data.empty());
/// @endcode
struct ReadOptions {
  /// Maximum size of a status. A longer one is truncated at a character boundary. The default is that of Rules.
  std::size_t max_status_bytes = 1024;
  std::size_t max_members = SIZE_MAX;        ///< maximum members of a channel
  std::size_t max_custom_fields = SIZE_MAX;  ///< maximum custom fields of a channel
  /// Maximum total number of elements of arrays and members of objects in the custom fields of a channel, nested ones
  /// included. A field that would exceed it is omitted.
  std::size_t max_custom_elements = SIZE_MAX;
  /// Maximum size of an activity, counted as for Rules::max_activity_bytes. A larger one counts as absent. 0: no
  /// activity is read, so a report leaves it unchanged.
  std::size_t max_activity_bytes = 1024;
  /// Maximum size of all data of a user, counted as for Rules::max_user_data_bytes. In order of the names, each field
  /// that would exceed it is omitted.
  std::size_t max_user_data_bytes = 4096;
  /// Maximum number of names in the data of a user. Of more, the first in order are read. 0: no data is read, so a
  /// report leaves it unchanged.
  std::size_t max_data_names = 64;
  /// Names in the object of a user that are not data. They are not noted. Borrowed.
  Elements<std::string_view> skipped_names{names_beside_data, sizeof(names_beside_data) / sizeof(names_beside_data[0])};
};

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

/// The recorded values of an event.
struct JsonEvent {
  std::size_t offset = 0;  ///< position of its opening brace
  JsonNote type, session, at, invisible, status, until, availability, priority, online, last_active, created_at;
  JsonNote activity, name, value, data;
  JsonUser user, me;

  static JsonNote* find(void* event, std::string_view key) noexcept {
    return static_cast<JsonEvent*>(event)->note_of(key);
  }

 private:
  JsonNote* note_of(std::string_view key) noexcept {
    switch (key.size()) {
      case 2: return is_key(key, "at") ? &at : is_key(key, "me") ? &me.self : nullptr;
      case 4:
        return is_key(key, "user")   ? &user.self
               : is_key(key, "type") ? &type
               : is_key(key, "name") ? &name
               : is_key(key, "data") ? &data
                                     : nullptr;
      case 5: return is_key(key, "until") ? &until : is_key(key, "value") ? &value : nullptr;
      case 6: return is_key(key, "status") ? &status : is_key(key, "online") ? &online : nullptr;
      case 7: return is_key(key, "session") ? &session : nullptr;
      case 8: return is_key(key, "priority") ? &priority : is_key(key, "activity") ? &activity : nullptr;
      case 9: return is_key(key, "invisible") ? &invisible : nullptr;
      case 10: return is_key(key, "created_at") ? &created_at : nullptr;
      case 11: return is_key(key, "last_active") ? &last_active : nullptr;
      case 12: return is_key(key, "availability") ? &availability : nullptr;
      default: return nullptr;
    }
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

inline void note_fields(JsonReader& in, JsonEvent& event) {
  in.fields(&event, &JsonEvent::find, [&in, &event](JsonNote& value) {
    if (&value != &event.user.self && &value != &event.me.self) {
      note(in, value);
    } else if (note_and_enter(in, value)) {
      note_fields(in, &value == &event.user.self ? event.user : event.me);
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

inline std::optional<EventType> event_type_of(std::string_view name) noexcept {
  switch (name.size()) {
    case 4:
      if (is_key(name, "data")) return EventType::set_data;
      break;
    case 6:
      if (is_key(name, "status")) return EventType::set_status;
      if (is_key(name, "report")) return EventType::report;
      if (is_key(name, "active")) return EventType::active;
      if (is_key(name, "update")) return EventType::update;
      if (is_key(name, "remove")) return EventType::remove;
      break;
    case 7:
      if (is_key(name, "connect")) return EventType::connect;
      if (is_key(name, "visible")) return EventType::set_visible;
      break;
    case 9:
      if (is_key(name, "heartbeat")) return EventType::heartbeat;
      break;
    case 10:
      if (is_key(name, "disconnect")) return EventType::disconnect;
      break;
    case 12:
      if (is_key(name, "availability")) return EventType::set_availability;
      break;
    default: break;
  }
  return std::nullopt;
}

/// A text whose grammar was checked, its strings with escapes, and the memory for what cannot be borrowed from it,
/// which is made when it is needed. A null pointer: there is none.
struct JsonContent {
  std::string_view json;
  const JsonLeniency& leniency;
  std::string& strings;
  std::optional<JsonFieldRoom>* room;

  JsonFieldRoom& made_room() const { return *room ? **room : room->emplace(); }
};

/// Releases the memory of strings with escapes, which may be as large as the text, except that of these views.
PRESENCE_DETAIL_APART inline void compact(std::string& strings, std::initializer_list<std::string_view*> views) {
  constexpr std::size_t large = 1024;
  if (strings.capacity() < large) return;
  const auto is_inside = [&strings](std::string_view view) {
    const auto start = reinterpret_cast<std::uintptr_t>(strings.data());
    const auto at = reinterpret_cast<std::uintptr_t>(view.data());
    return at >= start && at < start + strings.size();
  };
  std::size_t size = 0;
  for (const std::string_view* const view : views) size += is_inside(*view) ? view->size() : 0;
  std::string kept;
  kept.reserve(size);
  constexpr std::size_t elsewhere = static_cast<std::size_t>(-1);
  std::size_t places[8];
  std::size_t i = 0;
  for (const std::string_view* const view : views) {
    places[i++] = is_inside(*view) ? kept.size() : elsewhere;
    if (places[i - 1] != elsewhere) kept += *view;
  }
  strings.swap(kept);  // a short string moves with it
  i = 0;
  for (std::string_view* const view : views) {
    if (places[i] != elsewhere) *view = std::string_view(strings).substr(places[i], view->size());
    ++i;
  }
}

inline bool is_there(const JsonNote& value) noexcept { return value.kind != JsonKind::nothing; }

/// Fails because a value cannot be borrowed.
PRESENCE_DETAIL_RARE inline void miss_buffer(JsonJudge& judge, std::size_t offset) noexcept {
  judge.fail(ErrorCode::needs_buffer, offset, "an event with such content needs an EventBuffer");
}

/// Reads a key of an event line that is an object, into the attributes.
inline std::optional<AttributesView> judge_object(JsonJudge& judge, const JsonNote& note, JsonFieldsReader& reader,
                                                  bool has_room, Attributes& fields) {
  if (!judge.given(note, JsonKind::object, JsonJudge::an_object) || !judge.ok()) return std::nullopt;
  if (!has_room && !reader.is_empty(note.offset)) {
    miss_buffer(judge, note.offset);
  } else if (!reader.read_object(note.offset, fields)) {
    judge.fail(reader.error().code, reader.error().offset, reader.error().message);
  } else {
    return AttributesView(fields);
  }
  return std::nullopt;
}

/// Reads the activity, the name, the value and the data of an event line.
PRESENCE_DETAIL_APART inline void judge_line_content(JsonJudge& judge, JsonEvent& found, const JsonContent& content,
                                                     PresenceEventView& event) {
  std::string_view status = event.status.value_or("");
  std::string_view name_text = found.name.kind == JsonKind::string ? found.name.text : std::string_view();
  std::string_view value_text = found.value.kind == JsonKind::string ? found.value.text : std::string_view();
  if (content.room != nullptr)
    compact(content.strings, {&event.user, &event.session, &status, &name_text, &value_text});
  if (event.status) event.status = status;
  if (found.name.kind == JsonKind::string) found.name.text = name_text;
  if (found.value.kind == JsonKind::string) found.value.text = value_text;
  JsonFieldRoom none;
  const bool has_room = content.room != nullptr;
  JsonFieldRoom& room = has_room ? content.made_room() : none;
  JsonFieldsReader reader(content.json, content.leniency, room);
  event.activity = judge_object(judge, found.activity, reader, has_room, room.activity);
  const std::optional<std::string_view> name = judge.text(found.name);
  event.name = event.type == EventType::set_data
                   ? judge.needed(name, found.name, found.offset, "this event needs a name")
                   : name.value_or("");
  if (event.type == EventType::set_data && !is_there(found.value)) {
    judge.miss(found.value, found.offset, "this event needs a value, which may be null");
  } else if (judge.given(found.value) && judge.ok()) {
    const JsonKind kind = found.value.kind;
    if (kind == JsonKind::string) {
      event.value = ValueView(found.value.text);
    } else if (!has_room && (kind == JsonKind::array || kind == JsonKind::object)) {
      miss_buffer(judge, found.value.offset);
    } else if (reader.read_value(found.value.offset, room.value)) {
      event.value = ValueView(room.value);  // borrows nothing for a number or a bool
    } else {
      judge.fail(reader.error().code, reader.error().offset, reader.error().message);
    }
  }
  event.data = judge_object(judge, found.data, reader, has_room, room.data);
}

/// Reads an event line in the format of this library.
inline void judge_line(JsonJudge& judge, JsonEvent& found, EventType type, const JsonContent& content,
                       PresenceEventView& event) {
  event.type = type;
  event.user = judge.needed(judge.text(found.user.self), found.user.self, found.offset, "an event needs a user");
  const std::optional<std::string_view> session = judge.text(found.session);
  event.session = belongs_to_session(type)
                      ? judge.needed(session, found.session, found.offset, "this event needs a session")
                      : session.value_or("");
  const std::optional<bool> online = judge.truth(found.online);
  event.online = type == EventType::report
                     ? judge.needed(online, found.online, found.offset, "a report says whether the user is online")
                     : online.value_or(false);
  if (!judge.read_timestamp(found.at, event.at)) judge.miss(found.at, found.offset, "the event has no timestamp");
  event.invisible = judge.truth(found.invisible);
  if (type == EventType::set_visible) {
    judge.needed(event.invisible, found.invisible, found.offset, "this event needs invisible, true or false");
  }
  event.status = judge.text(found.status);
  if (type == EventType::set_status) {
    judge.needed(event.status, found.status, found.offset, "this event needs a status");
  }
  Timestamp until, last_active;
  if (judge.read_timestamp(found.until, until)) event.until = until;
  event.availability = judge.availability(found.availability);
  event.priority = judge.priority(found.priority);
  if (judge.read_timestamp(found.last_active, last_active)) event.last_active = last_active;
  if (type == EventType::set_data || is_there(found.activity) || is_there(found.name) || is_there(found.value) ||
      is_there(found.data))
    judge_line_content(judge, found, content, event);
}

/// Reads the id of the user that a payload of a service is about. Returns false if the payload has no user.
inline bool judge_payload_user(JsonJudge& judge, const JsonEvent& found, const JsonUser& user,
                               PresenceEventView& event) {
  if (!judge.given(user.self, JsonKind::object, JsonJudge::an_object)) {
    judge.fail(ErrorCode::missing_key, found.offset, "the event has no user");
    return false;
  }
  event.user = judge.needed_id(user.id, user.self.offset);
  if (event.user.empty()) judge.fail(ErrorCode::missing_key, user.id.offset, "the id of a user is empty");
  return true;
}

inline void judge_payload_date(JsonJudge& judge, const JsonEvent& found, PresenceEventView& event) {
  if (!judge.read_coarse_timestamp(found.created_at, event.at))
    judge.miss(found.created_at, found.offset, "the event has no created_at");
}

/// Reads the activity of a user of a service who is online. A malformed one counts as absent, and is noted.
inline void read_activity(JsonJudge& judge, const JsonNote& found, const ReadOptions& options, JsonFieldsReader& reader,
                          Attributes& activity) {
  const auto omit = [&](ErrorCode code, std::size_t offset, const char* message) {
    judge.pass_over(code, offset, message);
    activity = Attributes();
  };
  if (!judge.has(found, JsonKind::object, JsonJudge::an_object)) return;
  reader.was_broken();
  const bool is_read = reader.read_object(found.offset, activity);
  if (!is_read) {
    omit(reader.error().code, reader.error().offset, reader.error().message);
  } else if (reader.was_broken()) {
    activity = Attributes();  // which was noted
  } else if (levels_of(activity) == Value::deepest) {
    omit(ErrorCode::too_deep, found.offset, "nested too deeply");
  } else if (json_bytes(AttributesView(activity)) > options.max_activity_bytes) {
    omit(ErrorCode::over_limit, found.offset, "an activity larger than max_activity_bytes");
  }
}

inline bool has_content(const JsonUser& user, bool is_online, const ReadOptions& options) noexcept {
  return (user.others.count != 0 && options.max_data_names != 0) ||
         (is_there(user.activity) && is_online && options.max_activity_bytes != 0);
}

inline bool has_data(const JsonUser& user, const JsonDataLimits& limits, std::string_view json) noexcept {
  if (!user.others.are_all_in(json)) return true;
  for (std::size_t i = 0; i < user.others.count; ++i) {
    if (limits.is_data(user.others[i])) return true;
  }
  return false;
}

/// Reads the activity and the data of a user of a service into the room.
inline void read_user_content(JsonJudge& judge, const JsonUser& user, bool has_activity, bool has_data,
                              const ReadOptions& options, const JsonDataLimits& limits, const JsonContent& content) {
  JsonFieldRoom& room = content.made_room();
  JsonFieldsReader reader(content.json, content.leniency, room);
  if (has_activity) read_activity(judge, user.activity, options, reader, room.activity);
  if (has_data) reader.read_data(user.self.offset, user.others, limits, judge.notes(), room.data);
}
/// Fails if there is an activity or data.
PRESENCE_DETAIL_RARE inline void refuse_user_content(JsonJudge& judge, const JsonUser& user, bool has_activity,
                                                     bool has_data, const JsonDataLimits& limits,
                                                     const JsonContent& content) {
  JsonFieldRoom room;
  JsonFieldsReader reader(content.json, content.leniency, room);
  if (has_activity && judge.has(user.activity, JsonKind::object, JsonJudge::an_object) &&
      !reader.is_empty(user.activity.offset))
    miss_buffer(judge, user.activity.offset);
  const std::size_t data = has_data ? reader.first_key_of_data(user.self.offset, limits) : JsonFieldsReader::none;
  if (data != JsonFieldsReader::none) miss_buffer(judge, data);
}

/// Reads the activity and the data of a user of a service. Requires that `has_content` returned true.
PRESENCE_DETAIL_APART inline void judge_user_content(JsonJudge& judge, const JsonUser& user, bool is_online,
                                                     const ReadOptions& options, const JsonContent& content) {
  const JsonDataLimits limits(options.max_user_data_bytes, options.max_data_names, options.skipped_names);
  const bool has_activity = is_there(user.activity) && is_online && options.max_activity_bytes != 0;
  const bool has_data =
      user.others.count != 0 && options.max_data_names != 0 && detail::has_data(user, limits, content.json);
  if (!has_activity && !has_data) return;
  if (content.room != nullptr) {
    read_user_content(judge, user, has_activity, has_data, options, limits, content);
  } else {
    refuse_user_content(judge, user, has_activity, has_data, limits, content);
  }
}

PRESENCE_DETAIL_APART inline void compact_payload(std::string& strings, PresenceEventView& event) {
  std::string_view status = event.status.value_or("");
  compact(strings, {&event.user, &status});
  if (event.status) event.status = status;
}

/// Reads the payload of a service about the presence of a user.
inline void judge_payload(JsonJudge& judge, const JsonEvent& found, const JsonUser& user, bool is_whole,
                          const ReadOptions& options, const JsonContent& content, PresenceEventView& event) {
  if (!judge_payload_user(judge, found, user, event)) return;
  event.type = EventType::report;
  event.online =
      judge.needed(judge.truth(user.online), user.online, user.self.offset, "it is needed whether the user is online");
  judge_payload_date(judge, found, event);
  event.status = judge.status(user, is_whole, options);
  if (event.online) event.availability = judge.online_availability(user.availability);
  Timestamp last_active;
  if (judge.read_side_timestamp(user.last_active, last_active)) event.last_active = last_active;
  if (event.online && options.max_activity_bytes != 0) event.activity.emplace();
  if (options.max_data_names != 0) event.data.emplace();
  if (!judge.ok() || !has_content(user, event.online, options)) return;
  if (content.room != nullptr) compact_payload(content.strings, event);
  judge_user_content(judge, user, event.online, options, content);
  if (content.room == nullptr || !*content.room) return;
  if (event.activity) event.activity = AttributesView((*content.room)->activity);
  if (event.data) event.data = AttributesView((*content.room)->data);
}

/// Reads the payload of a service about a user that it deleted.
PRESENCE_DETAIL_RARE inline void judge_deletion(JsonJudge& judge, const JsonEvent& found, PresenceEventView& event) {
  if (!judge_payload_user(judge, found, found.user, event)) return;
  event.type = EventType::remove;
  judge_payload_date(judge, found, event);
}

/// Returns an event that owns its strings. Moves its attributes and its value out of the room, so that they are not
/// copied. Changes `event`.
inline Result<PresenceEvent> take_event(PresenceEventView& event, std::optional<JsonFieldRoom>& room) {
  const bool has_activity = event.activity.has_value(), has_data = event.data.has_value();
  const bool is_nested = event.value.kind() == ValueKind::array || event.value.kind() == ValueKind::object;
  event.activity.reset();
  event.data.reset();
  if (is_nested) event.value = ValueView(nullptr);
  Result<PresenceEvent> taken(static_cast<PresenceEvent>(event));
  if (has_activity) taken->activity.emplace();
  if (has_data) taken->data.emplace();
  if (!room) return taken;
  if (has_activity) *taken->activity = std::move(room->activity);
  if (has_data) *taken->data = std::move(room->data);
  if (is_nested) taken->value = std::move(room->value);
  return taken;
}

/// An event without content. It is copied, because compilers generate slow code to construct one.
inline constexpr PresenceEventView blank_event{};
inline constexpr ReadOptions default_read_options{};

/// Reads an event into a blank one. Returns false and sets `error` if the text is not an event.
inline bool read_event(std::string_view json, std::string& scratch, const ReadOptions& options,
                       std::optional<JsonFieldRoom>* room, JsonLeniency& leniency, PresenceEventView& event,
                       Error& error) {
  JsonReader in(json, scratch, &leniency, JsonReader::deepest_around_values);
  JsonNote whole;
  JsonEvent found;
  if (enter_text(in, whole)) {
    found.offset = whole.offset;
    note_fields(in, found);
    in.finish();
  }
  if (leniency.is_broken) {
    // Malformed strings are accepted only in events that are known to be from a service.
    const JsonNote& type = found.type;
    if (type.kind != JsonKind::string || type.broken || type.text.find('.') == std::string_view::npos) {
      if (leniency.notes != nullptr) leniency.notes->clear();
      error = leniency.first;
      return false;
    }
    if (in.ok() && leniency.needs_room) {
      leniency.make_room();
      return read_event(json, scratch, options, room, leniency, event, error);
    }
  }
  if (!in.ok()) {
    error = in.error();
    return false;
  }

  JsonJudge judge(json, leniency.notes);
  const JsonContent content{json, leniency, scratch, room};
  const std::string_view type = judge.needed(judge.text(found.type), found.type, found.offset, "an event needs a type");
  if (!judge.ok()) {
    // Nothing else is validated.
  } else if (const std::optional<EventType> known = event_type_of(type)) {
    judge_line(judge, found, *known, content, event);
  } else if (type == "user.presence.changed") {
    judge_payload(judge, found, found.user, false, options, content, event);
  } else if (type == "user.updated") {
    judge_payload(judge, found, found.user, true, options, content, event);
  } else if (type == "health.check" && judge.given(found.me.self)) {
    judge_payload(judge, found, found.me, false, options, content, event);
  } else if (type == "user.deleted") {
    judge_deletion(judge, found, event);
  } else if (type.find('.') != std::string_view::npos) {
    judge.fail(ErrorCode::not_presence, found.type.offset, "the event is not about presence");
  } else {
    judge.fail(ErrorCode::unknown_type, found.type.offset, "unknown type of event");
  }
  if (!judge.ok()) error = judge.error();
  return judge.ok();
}

}  // namespace detail

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
inline Result<PresenceEventView> parse_event(std::string_view json, std::string& scratch, const ReadOptions& options,
                                             ReadNotes* notes = nullptr) {
  if (notes != nullptr) notes->clear();
  Result<PresenceEventView> event(detail::blank_event);  // parsed directly into the result, without a copy
  detail::JsonLeniency leniency(notes);
  Error error;
  if (!detail::read_event(json, scratch, options, nullptr, leniency, *event, error)) event = error;
  return event;
}
/// Parses one event with the default options and without notes.
inline Result<PresenceEventView> parse_event(std::string_view json, std::string& scratch) {
  return parse_event(json, scratch, detail::default_read_options);
}

/// The memory for what an event that is parsed as a view cannot borrow from its text: strings with escapes, an
/// activity, data, and a value that is an array or an object. One buffer may be used for many events in turn, so that
/// little is allocated. The events borrow from it, so it can be neither copied nor moved.
class EventBuffer {
 public:
  EventBuffer() = default;  ///< Allocates nothing.
  EventBuffer(const EventBuffer&) = delete;
  EventBuffer& operator=(const EventBuffer&) = delete;

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
inline Result<PresenceEventView> parse_event(std::string_view json, EventBuffer& buffer, const ReadOptions& options,
                                             ReadNotes* notes = nullptr) {
  if (notes != nullptr) notes->clear();
  if (buffer.room_) detail::clear(*buffer.room_);
  Result<PresenceEventView> event(detail::blank_event);
  detail::JsonLeniency leniency(notes);
  Error error;
  if (!detail::read_event(json, buffer.scratch_, options, &buffer.room_, leniency, *event, error)) event = error;
  return event;
}
/// Parses one event of any content with the default options and without notes.
inline Result<PresenceEventView> parse_event(std::string_view json, EventBuffer& buffer) {
  return parse_event(json, buffer, detail::default_read_options);
}

/// Parses one event that owns its strings.
inline Result<PresenceEvent> parse_event(std::string_view json, const ReadOptions& options,
                                         ReadNotes* notes = nullptr) {
  if (notes != nullptr) notes->clear();
  std::string scratch;
  std::optional<detail::JsonFieldRoom> room;
  detail::JsonLeniency leniency(notes);
  PresenceEventView event = detail::blank_event;
  Error error;
  if (!detail::read_event(json, scratch, options, &room, leniency, event, error)) return error;
  return detail::take_event(event, room);
}
/// Parses one event that owns its strings, with the default options and without notes.
inline Result<PresenceEvent> parse_event(std::string_view json) {
  return parse_event(json, detail::default_read_options);
}

namespace detail {

/// Reads a user from its recorded values. Returns false after an error.
inline bool judge_user(JsonJudge& judge, const JsonUser& found, const ReadOptions& options, UserView& user) {
  user.id = judge.needed_id(found.id, found.self.offset);
  user.online = judge.truth(found.online).value_or(false);
  user.status = judge.status(found, true, options).value_or("");
  if (user.online) user.availability = judge.online_availability(found.availability);
  Timestamp last_active;
  if (judge.read_side_timestamp(found.last_active, last_active)) user.last_active = last_active;
  user.invisible = judge.has(found.invisible, JsonKind::boolean, JsonJudge::a_truth) && found.invisible.truth;
  return judge.ok();
}

/// Returns a user who owns their strings, and reads their activity and data directly into it. `user` was read from
/// `found`.
inline User take_user(JsonJudge& judge, const JsonUser& found, const UserView& user, const ReadOptions& options,
                      const JsonContent& content) {
  User taken = user;
  if (!has_content(found, user.online, options)) return taken;
  judge_user_content(judge, found, user.online, options, content);
  if (!*content.room) return taken;
  taken.activity = std::move((*content.room)->activity);
  taken.data = std::move((*content.room)->data);
  return taken;
}

/// Reads a user. Returns false after an error.
inline bool read_user(std::string_view json, std::string& scratch, const ReadOptions& options, JsonLeniency& leniency,
                      User& user, Error& error) {
  JsonReader in(json, scratch, &leniency, JsonReader::deepest_around_values);
  JsonUser found;
  if (enter_text(in, found.self)) {
    note_fields(in, found);
    in.finish();
  }
  if (!in.ok()) {
    error = in.error();
    return false;
  }
  if (leniency.needs_room) {
    leniency.make_room();
    return read_user(json, scratch, options, leniency, user, error);
  }

  JsonJudge judge(json, leniency.notes);
  UserView view;
  if (!judge_user(judge, found, options, view)) {
    error = judge.error();
    return false;
  }
  std::optional<JsonFieldRoom> room;
  if (has_content(found, view.online, options)) compact(scratch, {&view.id, &view.status});
  user = take_user(judge, found, view, options, JsonContent{json, leniency, scratch, &room});
  return true;
}

}  // namespace detail

/// Parses a user in the format of a service or of `to_json`:
/// `{"id":"u","online":true,"status":"…","availability":"away","last_active":"2019-01-07T13:17:42.375Z",
/// "invisible":true,"activity":{…},"name":"…","image":"…",…}`. Only the id is required. Other keys that are absent or
/// null are read as false or empty. The data, and the availability and the activity of a user who is online, are read
/// as in payloads of `parse_event`; an availability and an activity of another user are not read.
///
/// The status may be under `custom`. Malformed values are handled and noted as in payloads of `parse_event`. Exception:
/// an `online` that is repeated or not a bool is an error. Errors: the grammar as in a payload, then the id, then
/// `online`, each as for `parse_event`.
inline Result<User> parse_user(std::string_view json, const ReadOptions& options, ReadNotes* notes = nullptr) {
  if (notes != nullptr) notes->clear();
  std::string scratch;
  detail::JsonLeniency leniency(notes);
  User user;
  Error error;
  if (!detail::read_user(json, scratch, options, leniency, user, error)) return error;
  return user;
}
/// Parses a user with the default options and without notes.
inline Result<User> parse_user(std::string_view json) { return parse_user(json, detail::default_read_options); }

namespace detail {

/// Returns whether the availability of an online user has to be written. `online` implies the others.
constexpr bool is_word_needed(Availability availability) noexcept {
  return availability == Availability::idle || availability == Availability::away || availability == Availability::busy;
}

inline void append_json_availability(std::string& out, Availability availability) {
  out += R"(,"availability":")";
  out += presence::to_string(availability);
  out += '"';
}

PRESENCE_DETAIL_APART inline void append_json_field(std::string& out, std::string_view separator,
                                                    const AttributesView::Entry& field) {
  append_json_text(out, separator, field.name);
  out += ':';
  append_json(out, field.value);
}

PRESENCE_DETAIL_APART inline void append_json_object(std::string& out, std::string_view key,
                                                     const AttributesView& fields) {
  out += key;
  std::string_view separator = "{";
  for (const AttributesView::Entry field : fields) {
    if (!is_utf8(field.name)) continue;
    append_json_field(out, separator, field);
    separator = ",";
  }
  out += separator == "{" ? "{}" : "}";
}

}  // namespace detail

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
inline void append_json(std::string& out, const UserView& user) {
  detail::append_json_text(out, R"({"id":)", user.id);
  detail::append_json_truth(out, R"(,"online":)", user.online);
  detail::append_json_text(out, R"(,"status":)", user.status);
  if (user.online && detail::is_word_needed(user.availability))
    detail::append_json_availability(out, user.availability);
  if (user.last_active) detail::append_json_timestamp(out, R"(,"last_active":)", *user.last_active);
  if (user.invisible) out += R"(,"invisible":true)";
  if (user.online && !user.activity.empty()) detail::append_json_object(out, R"(,"activity":)", user.activity);
  for (const AttributesView::Entry field : user.data) {
    if (detail::is_data_name(field.name) && detail::is_utf8(field.name)) detail::append_json_field(out, ",", field);
  }
  out += '}';
}
/// Appends a user that owns its strings.
inline void append_json(std::string& out, const User& user) { append_json(out, UserView(user)); }

namespace detail {

inline void append_json_change(std::string& out, std::string_view id, Timestamp at,
                               const std::optional<UserView>& after) {
  append_json_timestamp(
      out, after ? R"({"type":"user.presence.changed","created_at":)" : R"({"type":"user.deleted","created_at":)", at);
  if (after) {
    out += R"(,"user":)";
    append_json(out, *after);
  } else {
    append_json_text(out, R"(,"user":{"id":)", id);
    out += '}';
  }
  out += '}';
}

}  // namespace detail

/// Appends a change, `{"type":"user.presence.changed","created_at":"…","user":{…}}`, with the user as seen after it.
/// `parse_event` reads it as a report of everything in it, within the limits of its ReadOptions. So a mirror that
/// applies the report has the same view of the user, if they have no data with one of ReadOptions::skipped_names.
///
/// A user who is no longer known, so that `change.after` is absent, is written as
/// `{"type":"user.deleted","created_at":"…","user":{"id":"u"}}`. `parse_event` reads it as a removal, so that the
/// mirror does not know the user any longer, either.
inline void append_json(std::string& out, const UserPresenceChangedView& change) {
  detail::append_json_change(out, change.id, change.at, change.after);
}
/// Appends a change that owns its strings.
inline void append_json(std::string& out, const UserPresenceChanged& change) {
  detail::append_json_change(out, change.id, change.at, detail::borrowed(change.after));
}

/// Appends an event line, which `parse_event` reads as an equal event. Equal events have the same bytes. The keys are,
/// in this order: type, user, session (if the type has one, or it is not empty), online (for a report, or if it is
/// true), at, invisible, status, until, availability, priority, last_active, activity (each if present), name (for a
/// `data` line, or if it is not empty), value (for a `data` line, or if it is not null), data (if present).
///
/// Fields are in order of their names; those whose name is not UTF-8 are omitted. Values are written as by the overload
/// for a Value: a timestamp becomes a string, and a number that is not finite becomes null. But a `value` that is not
/// JSON is omitted: the line then has no value and is not read, instead of removing the name.
inline void append_json(std::string& out, const PresenceEventView& event) {
  detail::append_json_text(out, R"({"type":)", presence::to_string(event.type));
  detail::append_json_text(out, R"(,"user":)", event.user);
  if (detail::belongs_to_session(event.type) || !event.session.empty()) {
    detail::append_json_text(out, R"(,"session":)", event.session);
  }
  if (event.type == EventType::report || event.online) detail::append_json_truth(out, R"(,"online":)", event.online);
  detail::append_json_timestamp(out, R"(,"at":)", event.at);
  if (event.invisible) detail::append_json_truth(out, R"(,"invisible":)", *event.invisible);
  if (event.status) detail::append_json_text(out, R"(,"status":)", *event.status);
  if (event.until) detail::append_json_timestamp(out, R"(,"until":)", *event.until);
  if (event.availability) detail::append_json_availability(out, *event.availability);
  if (event.priority) (out += R"(,"priority":)") += std::to_string(int{*event.priority});
  if (event.last_active) detail::append_json_timestamp(out, R"(,"last_active":)", *event.last_active);
  if (event.activity) detail::append_json_object(out, R"(,"activity":)", *event.activity);
  const bool is_data = event.type == EventType::set_data;
  if (is_data || !event.name.empty()) detail::append_json_text(out, R"(,"name":)", event.name);
  if ((is_data || event.value.kind() != ValueKind::null) && detail::is_json(event.value, Value::deepest)) {
    out += R"(,"value":)";
    append_json(out, event.value);
  }
  if (event.data) detail::append_json_object(out, R"(,"data":)", *event.data);
  out += '}';
}
/// Appends an event that owns its strings.
inline void append_json(std::string& out, const PresenceEvent& event) { append_json(out, PresenceEventView(event)); }

/// @{
/// Returns the string that `append_json` appends. Owning types and views have separate overloads, because they convert
/// to each other.
inline std::string to_json(const User& user) { return detail::json_of(user); }
inline std::string to_json(const UserView& user) { return detail::json_of(user); }
inline std::string to_json(const UserPresenceChanged& change) { return detail::json_of(change); }
inline std::string to_json(const UserPresenceChangedView& change) { return detail::json_of(change); }
inline std::string to_json(const PresenceEvent& event) { return detail::json_of(event); }
inline std::string to_json(const PresenceEventView& event) { return detail::json_of(event); }
/// @}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_EVENTS_HPP
