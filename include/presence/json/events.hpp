// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_EVENTS_HPP
#define PRESENCE_JSON_EVENTS_HPP

#include <presence/base/detail/shared_string.hpp>
#include <presence/base/result.hpp>
#include <presence/base/time.hpp>
#include <presence/json/detail/reader.hpp>
#include <presence/model/event.hpp>
#include <presence/model/user.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, uint8_t, SIZE_MAX
#include <optional>     // for optional
#include <string>       // for string
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {

/// Limits for reading content of a chat service. Content beyond a limit is truncated or omitted, and noted. It is never
/// an error.
struct ReadOptions {
  /// Maximum size of a status. A longer one is truncated at a character boundary. The default is that of Rules.
  std::size_t max_status_bytes = 1024;
  std::size_t max_members = SIZE_MAX;        ///< maximum members of a channel
  std::size_t max_custom_fields = SIZE_MAX;  ///< maximum custom fields of a channel
  /// Maximum total number of elements of arrays and members of objects in the custom fields of a channel, nested ones
  /// included. A field that would exceed it is omitted.
  std::size_t max_custom_elements = SIZE_MAX;
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
  JsonNote id, online, status, last_active, invisible;
  JsonNote custom, custom_status;

  JsonNote* find(std::string_view key) noexcept {
    switch (key.size()) {
      case 2: return is_key(key, "id") ? &id : nullptr;
      case 6:
        return is_key(key, "online")   ? &online
               : is_key(key, "status") ? &status
               : is_key(key, "custom") ? &custom
                                       : nullptr;
      case 9: return is_key(key, "invisible") ? &invisible : nullptr;
      case 11: return is_key(key, "last_active") ? &last_active : nullptr;
      default: return nullptr;
    }
  }
};

/// The recorded values of an event.
struct JsonEvent {
  std::size_t offset = 0;  ///< position of its opening brace
  JsonNote type, session, at, invisible, status, until, online, last_active, created_at;
  JsonUser user, me;

  JsonNote* find(std::string_view key) noexcept {
    switch (key.size()) {
      case 2: return is_key(key, "at") ? &at : is_key(key, "me") ? &me.self : nullptr;
      case 4: return is_key(key, "user") ? &user.self : is_key(key, "type") ? &type : nullptr;
      case 5: return is_key(key, "until") ? &until : nullptr;
      case 6: return is_key(key, "status") ? &status : is_key(key, "online") ? &online : nullptr;
      case 7: return is_key(key, "session") ? &session : nullptr;
      case 9: return is_key(key, "invisible") ? &invisible : nullptr;
      case 10: return is_key(key, "created_at") ? &created_at : nullptr;
      case 11: return is_key(key, "last_active") ? &last_active : nullptr;
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
  in.fields(user, [&in, &user](JsonNote* value) {
    if (value == nullptr) {
      in.skip();
    } else if (value != &user.custom) {
      note(in, *value);
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
  in.fields(event, [&in, &event](JsonNote* value) {
    if (value == nullptr) {
      in.skip();
    } else if (value != &event.user.self && value != &event.me.self) {
      note(in, *value);
    } else if (note_and_enter(in, *value)) {
      note_fields(in, value == &event.user.self ? event.user : event.me);
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

/// Converts recorded values into fields, and stores the first error. Malformed optional content of a service is not an
/// error: it is skipped and noted.
class JsonJudge {
 public:
  static constexpr const char* twice = "this key stands in the object twice";
  static constexpr const char* a_string = "expected a string";
  static constexpr const char* a_truth = "true or false is needed here";
  static constexpr const char* an_object = "expected an object";

  explicit JsonJudge(std::string_view text, ReadNotes* notes = nullptr) noexcept : text_(text), notes_(notes) {}

  bool ok() const noexcept { return !failed_; }
  const Error& error() const noexcept { return error_; }

  void fail(ErrorCode code, std::size_t offset, const char* message) noexcept {
    if (!failed_) error_ = Error{code, offset, message};
    failed_ = true;
  }

  /// Returns true if there is a value. null is treated as an absent key. Fails for a repeated key.
  bool given(const JsonNote& value) noexcept {
    if (value.kind == JsonKind::repeated) fail(ErrorCode::duplicate_key, value.offset, twice);
    return value.kind != JsonKind::nothing && value.kind != JsonKind::null && value.kind != JsonKind::repeated;
  }

  bool given(const JsonNote& value, JsonKind kind, const char* message) noexcept {
    if (!given(value)) return false;
    if (value.kind != kind) fail(ErrorCode::wrong_type, value.offset, message);
    return value.kind == kind;
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

  void miss(const JsonNote& value, std::size_t object, const char* message) noexcept {
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
  void fail_as_strict(const JsonNote& value) noexcept {
    std::string unused;
    JsonReader strict(text_, unused);
    strict.seek(value.offset);
    strict.skip();
    fail(strict.error().code, strict.error().offset, strict.error().message);
  }

  // The following functions are for optional content of a service. They never fail: malformed content counts as absent,
  // and is noted.

  void pass_over(ErrorCode code, std::size_t offset, const char* message) noexcept {
    if (notes_ != nullptr) notes_->add(Error{code, offset, message});
  }

  /// Returns true if there is a value of this kind.
  bool has(const JsonNote& value, JsonKind kind, const char* message) noexcept {
    if (value.kind == kind) return true;
    if (value.kind == JsonKind::repeated) {
      pass_over(ErrorCode::duplicate_key, value.offset, twice);
    } else if (value.kind != JsonKind::nothing && value.kind != JsonKind::null) {
      pass_over(ErrorCode::wrong_type, value.offset, message);
    }
    return false;
  }
  bool has_text(const JsonNote& value) noexcept { return has(value, JsonKind::string, a_string); }

  bool read_side_timestamp(const JsonNote& value, Timestamp& at) {
    return (value.kind == JsonKind::string && read_usual_timestamp(value.text, at)) || read_odd_timestamp(value, at);
  }

  /// Returns the status of a user: a string, an empty string if it is cleared, or nullopt if it is unchanged. The
  /// user's own key takes precedence over one under `custom`. null clears the status. If `is_whole`, so does an absent
  /// key. A malformed status leaves it unchanged, because its real value is unknown.
  std::optional<std::string_view> status(const JsonUser& user, bool is_whole, const ReadOptions& options) noexcept {
    if (user.status.kind == JsonKind::string) return status_text(user.status, options);
    return unusual_status(user, is_whole, options);
  }

 private:
#if defined(__GNUC__) || defined(__clang__)
#define PRESENCE_RARELY __attribute__((noinline))  // keeps the stack frame of the common path small
#else
#define PRESENCE_RARELY
#endif

  static bool is_odd(const JsonNote& value) noexcept {
    return value.kind != JsonKind::nothing && value.kind != JsonKind::null && value.kind != JsonKind::string;
  }

  std::string_view status_text(const JsonNote& value, const ReadOptions& options) noexcept {
    if (value.text.size() <= options.max_status_bytes) return value.text;
    pass_over(ErrorCode::over_limit, value.offset, "a status longer than max_status_bytes is cut");
    return cut_text(value.text, options.max_status_bytes);
  }

  PRESENCE_RARELY std::optional<std::string_view> unusual_status(const JsonUser& user, bool is_whole,
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

  PRESENCE_RARELY bool read_odd_timestamp(const JsonNote& value, Timestamp& at) {
    JsonJudge judge(text_, notes_);
    if (judge.read_unusual_timestamp(value, at, true)) return true;
    if (!judge.ok()) pass_over(judge.error_.code, judge.error_.offset, judge.error_.message);
    return false;
  }

  PRESENCE_RARELY bool read_unusual_timestamp(const JsonNote& value, Timestamp& at, bool may_be_coarse) {
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

#undef PRESENCE_RARELY

  std::string_view text_;
  ReadNotes* notes_;
  bool failed_ = false;
  Error error_;
};

inline std::optional<EventType> event_type_of(std::string_view name) noexcept {
  if (name == "heartbeat") return EventType::heartbeat;
  if (name == "connect") return EventType::connect;
  if (name == "disconnect") return EventType::disconnect;
  if (name == "status") return EventType::set_status;
  if (name == "report") return EventType::report;
  if (name == "visible") return EventType::set_visible;
  if (name == "remove") return EventType::remove;
  return std::nullopt;
}

/// Reads an event line in the format of this library.
inline void judge_line(JsonJudge& judge, const JsonEvent& found, EventType type, PresenceEventView& event) {
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
  if (judge.read_timestamp(found.last_active, last_active)) event.last_active = last_active;
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

/// Reads the payload of a service about the presence of a user.
inline void judge_payload(JsonJudge& judge, const JsonEvent& found, const JsonUser& user, bool is_whole,
                          const ReadOptions& options, PresenceEventView& event) {
  if (!judge_payload_user(judge, found, user, event)) return;
  event.type = EventType::report;
  event.online =
      judge.needed(judge.truth(user.online), user.online, user.self.offset, "it is needed whether the user is online");
  judge_payload_date(judge, found, event);
  event.status = judge.status(user, is_whole, options);
  Timestamp last_active;
  if (judge.read_side_timestamp(user.last_active, last_active)) event.last_active = last_active;
}

/// Reads the payload of a service about a user that it deleted.
inline void judge_deletion(JsonJudge& judge, const JsonEvent& found, PresenceEventView& event) {
  if (!judge_payload_user(judge, found, found.user, event)) return;
  event.type = EventType::remove;
  judge_payload_date(judge, found, event);
}

/// An event without content. It is copied, because compilers generate slow code to construct one.
inline constexpr PresenceEventView blank_event{};
inline constexpr ReadOptions default_read_options{};

/// Reads an event into a blank one. Returns false and sets `error` if the text is not an event.
inline bool read_event(std::string_view json, std::string& scratch, const ReadOptions& options, JsonLeniency& leniency,
                       PresenceEventView& event, Error& error) {
  JsonReader in(json, scratch, &leniency);
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
      return read_event(json, scratch, options, leniency, event, error);
    }
  }
  if (!in.ok()) {
    error = in.error();
    return false;
  }

  JsonJudge judge(json, leniency.notes);
  const std::string_view type = judge.needed(judge.text(found.type), found.type, found.offset, "an event needs a type");
  if (!judge.ok()) {
    // Nothing else is validated.
  } else if (const std::optional<EventType> known = event_type_of(type)) {
    judge_line(judge, found, *known, event);
  } else if (type == "user.presence.changed") {
    judge_payload(judge, found, found.user, false, options, event);
  } else if (type == "user.updated") {
    judge_payload(judge, found, found.user, true, options, event);
  } else if (type == "health.check" && judge.given(found.me.self)) {
    judge_payload(judge, found, found.me, false, options, event);
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
/// escapes, or if `scratch` has enough capacity for the text. Reads the text in one pass. Keys may have any order;
/// unknown keys are skipped.
///
/// **Event lines.** `at` is RFC 3339, or an integer number of nanoseconds since 1970 in the years 2000 to 2200. Keys in
/// brackets may be absent or null:
///
///     {"type":"connect","user":"u","session":"s","at":"2019-01-07T13:17:42.375Z"[,"invisible":true][,"status":"…"]}
///     {"type":"disconnect","user":"u","session":"s","at":…}      and likewise heartbeat
///     {"type":"status","user":"u"[,"session":"s"],"at":…,"status":"…"[,"until":…]}
///     {"type":"report","user":"u","online":true,"at":…[,"status":"…"][,"last_active":…]}
///     {"type":"visible","user":"u","at":…,"invisible":true}
///     {"type":"remove","user":"u","at":…}
///
/// Each of these keys is read on every line, even if the type does not use it: every line with a `status` may have
/// `until`, the end of that status, in the formats of `at`. A timestamp in the year 1, or the number 0, means "never"
/// and is treated as absent. Ids and strings that are empty or too long, and an end that is not later than `at`, are
/// not an error here; applying the event rejects them.
///
/// **Payloads of a chat service** become reports: `user.presence.changed` and `user.updated` about their `user`,
/// `health.check` about `me`. They must have the user's `id` (a non-empty string), the user's `online` (a bool) and the
/// event's `created_at`. Two more keys of the user are read:
///
/// * `last_active`.
/// * `status`; if it is absent or null, a `status` under `custom`. null clears the status. `user.updated` contains the
///   complete user, so an absent status also clears it. In the other types an absent status leaves it unchanged.
///
/// A `user.deleted` becomes a `remove` of its `user`. It must have the user's `id` and the event's `created_at`. Its
/// other keys are not read.
///
/// A malformed value of an optional key, or of a key that is not read, never loses the event:
///
/// * A value of another type, an unreadable timestamp or a repeated key counts as absent. A malformed status leaves the
///   status unchanged.
/// * A status longer than `options.max_status_bytes` is truncated at a character boundary.
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
///    `too_deep` (65 levels). Also `bad_utf8`, and `bad_escape` at half of a surrogate pair, unless the text is an
///    event of a service: its `type` contains a dot.
/// 2. The type, at its value: `unknown_type`; `not_presence` for another type with a dot, and for a `health.check`
///    without `me`. Nothing else of such an event is validated.
/// 3. The keys that a payload must have, or that a line reads, in the order user, session, online, at, invisible,
///    status, until, last_active. `duplicate_key` at the second key; `wrong_type` or `out_of_range` at the value;
///    `syntax` inside a timestamp; `missing_key` at the object without the key. For an empty id, or a timestamp that
///    means "never", `missing_key` is at that value.
///
/// @code
/// std::string scratch;  // reused by later calls, so nothing is allocated
/// const Result<PresenceEventView> event = parse_event(
///     R"({"type":"user.updated","created_at":"2019-01-07T13:17:42.375Z","user":{"id":"john","online":true}})",
///     scratch);
/// assert(event && event->type == EventType::report && event->user == "john" && event->online);
/// assert(to_json(*event) ==
///        R"({"type":"report","user":"john","online":true,"at":"2019-01-07T13:17:42.375Z","status":""})");
///
/// const Result<PresenceEvent> timed = parse_event(
///     R"({"type":"status","user":"u","at":"2019-01-07T13:17:42Z","status":"brb","until":"2019-01-07T13:30:00Z"})");
/// assert(*timed->until - timed->at == Duration::from_s(738));
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
  if (!detail::read_event(json, scratch, options, leniency, *event, error)) event = error;
  return event;
}
/// Parses one event with the default options and without notes.
inline Result<PresenceEventView> parse_event(std::string_view json, std::string& scratch) {
  return parse_event(json, scratch, detail::default_read_options);
}

/// Parses one event that owns its strings.
inline Result<PresenceEvent> parse_event(std::string_view json, const ReadOptions& options,
                                         ReadNotes* notes = nullptr) {
  std::string scratch;
  const Result<PresenceEventView> event = parse_event(json, scratch, options, notes);
  if (!event) return event.error();
  return static_cast<PresenceEvent>(*event);
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
  Timestamp last_active;
  if (judge.read_side_timestamp(found.last_active, last_active)) user.last_active = last_active;
  user.invisible = judge.has(found.invisible, JsonKind::boolean, JsonJudge::a_truth) && found.invisible.truth;
  return judge.ok();
}

/// Reads a user. Its strings are borrowed from the text and `scratch`. Returns false after an error.
inline bool read_user(std::string_view json, std::string& scratch, const ReadOptions& options, JsonLeniency& leniency,
                      UserView& user, Error& error) {
  JsonReader in(json, scratch, &leniency);
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
  const bool is_user = judge_user(judge, found, options, user);
  error = judge.error();
  return is_user;
}

}  // namespace detail

/// Parses a user in the format of a service or of `to_json`:
/// `{"id":"u","online":true,"status":"…","last_active":"2019-01-07T13:17:42.375Z","invisible":true}`. Only the id is
/// required. Other keys that are absent or null are read as false or empty.
///
/// The status may be under `custom`. Malformed values are handled and noted as in payloads of `parse_event`. Exception:
/// an `online` that is repeated or not a bool is an error. Errors: the grammar as in a payload, then the id, then
/// `online`, each as for `parse_event`.
inline Result<User> parse_user(std::string_view json, const ReadOptions& options, ReadNotes* notes = nullptr) {
  if (notes != nullptr) notes->clear();
  std::string scratch;
  detail::JsonLeniency leniency(notes);
  UserView user;
  Error error;
  if (!detail::read_user(json, scratch, options, leniency, user, error)) return error;
  return static_cast<User>(user);
}
/// Parses a user with the default options and without notes.
inline Result<User> parse_user(std::string_view json) { return parse_user(json, detail::default_read_options); }

namespace detail {

/// Appends a JSON string with only the required escapes. Each maximal subpart that is not UTF-8 becomes one U+FFFD, as
/// in web decoders, so that the output is always valid JSON.
inline void append_json_string(std::string& out, std::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  const char* run = p;  // start of the part that is not yet copied
  out += '"';
  while ((p = skip_plain(p, end)) != end) {
    const std::uint8_t c = octet(*p);
    if (c >= 0x80) {
      const Utf8Step step = utf8_step(p, end);
      if (!step.valid) {
        out.append(run, static_cast<std::size_t>(p - run));
        out += "\xEF\xBF\xBD";
        run = p + step.length;
      }
      p += step.length;
      continue;
    }
    out.append(run, static_cast<std::size_t>(p - run));
    out += '\\';
    switch (c) {
      case '"':
      case '\\': out += *p; break;
      case '\b': out += 'b'; break;
      case '\f': out += 'f'; break;
      case '\n': out += 'n'; break;
      case '\r': out += 'r'; break;
      case '\t': out += 't'; break;
      default:
        out += c < 0x10 ? "u000" : "u001";
        out += "0123456789abcdef"[c & 0xF];
        break;
    }
    run = ++p;
  }
  out.append(run, static_cast<std::size_t>(p - run));
  out += '"';
}

/// The following functions take the key with its quotes and punctuation, so that no key is assembled at run time.
inline void append_json_text(std::string& out, std::string_view key, std::string_view text) {
  out += key;
  append_json_string(out, text);
}

inline void append_json_truth(std::string& out, std::string_view key, bool truth) {
  out += key;
  out += truth ? "true" : "false";
}

inline void append_json_timestamp(std::string& out, std::string_view key, Timestamp at) {
  char text[longest_timestamp + 2];
  text[0] = '"';
  const std::size_t length = write_timestamp(at, text + 1);
  text[length + 1] = '"';
  out += key;
  out.append(text, length + 2);
}

template <class T>
std::string json_of(const T& value) {
  std::string out;
  out.reserve(192);  // enough for most events and users: one allocation
  append_json(out, value);
  return out;
}

}  // namespace detail

/// Appends a user:
///
///     {"id":"u","online":true,"status":"Eating a veggie burger...","last_active":"2019-01-07T13:17:42.375Z"}
///
/// An absent last_active is omitted. `,"invisible":true` is added only if it is true, in a user's view of themselves.
/// Strings have only the required escapes. Bytes that are not UTF-8 become U+FFFD, so the output is always valid JSON.
inline void append_json(std::string& out, const UserView& user) {
  detail::append_json_text(out, R"({"id":)", user.id);
  detail::append_json_truth(out, R"(,"online":)", user.online);
  detail::append_json_text(out, R"(,"status":)", user.status);
  if (user.last_active) detail::append_json_timestamp(out, R"(,"last_active":)", *user.last_active);
  if (user.invisible) out += R"(,"invisible":true)";
  out += '}';
}
/// Appends a user that owns its strings.
inline void append_json(std::string& out, const User& user) { append_json(out, UserView(user)); }

namespace detail {

inline void append_json_change(std::string& out, std::string_view id, Timestamp at,
                               const std::optional<UserView>& after) {
  append_json_timestamp(out, R"({"type":"user.presence.changed","created_at":)", at);
  out += R"(,"user":)";
  append_json(out, after ? *after : UserView(id, false, {}, std::nullopt, false));
  out += '}';
}

}  // namespace detail

/// Appends a change, `{"type":"user.presence.changed","created_at":"…","user":{…}}`, with the user as seen after it.
/// `parse_event` reads it as a report, and truncates the status to its `max_status_bytes`. A user who is no longer
/// known is written as offline and without a status.
inline void append_json(std::string& out, const UserPresenceChangedView& change) {
  detail::append_json_change(out, change.id, change.at, change.after);
}
/// Appends a change that owns its strings.
inline void append_json(std::string& out, const UserPresenceChanged& change) {
  detail::append_json_change(out, change.id, change.at, detail::borrowed(change.after));
}

/// Appends an event line, which `parse_event` reads as an equal event. Equal events have the same bytes. The keys are,
/// in this order: type, user, session (if the type has one, or it is not empty), online (for a report, or if it is
/// true), at, invisible, status, until, last_active (each if present).
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
  if (event.last_active) detail::append_json_timestamp(out, R"(,"last_active":)", *event.last_active);
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
