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

/// Limits on what is read from a service. Content beyond a limit is cut or left out, and noted; it is never an error.
struct ReadOptions {
  /// Of a status, which is cut at a character. The default is that of Rules.
  std::size_t max_status_bytes = 1024;
  std::size_t max_members = SIZE_MAX;        ///< of a channel
  std::size_t max_custom_fields = SIZE_MAX;  ///< of a channel
  /// Elements of all arrays among the custom fields of a channel. A field whose array exceeds it is left out.
  std::size_t max_custom_elements = SIZE_MAX;
};

namespace detail {

// Reading goes in two steps. In one pass over the text each key that could matter is noted with its value and its
// place, whatever comes first; when all is read, and `type` known, the values that this type needs are judged in a
// fixed order.

/// Whether a key is this one, which is as long. In words: a comparison of bytes may become a call.
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

/// What is noted of an object that describes a user.
struct JsonUser {
  JsonNote self;  ///< where the object stands, or what stands there in its place
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

/// What is noted of an event.
struct JsonEvent {
  std::size_t offset = 0;  ///< of its opening brace
  JsonNote type, session, at, invisible, status, online, last_active, created_at;
  JsonUser user, me;

  JsonNote* find(std::string_view key) noexcept {
    switch (key.size()) {
      case 2: return is_key(key, "at") ? &at : is_key(key, "me") ? &me.self : nullptr;
      case 4: return is_key(key, "user") ? &user.self : is_key(key, "type") ? &type : nullptr;
      case 6: return is_key(key, "status") ? &status : is_key(key, "online") ? &online : nullptr;
      case 7: return is_key(key, "session") ? &session : nullptr;
      case 9: return is_key(key, "invisible") ? &invisible : nullptr;
      case 10: return is_key(key, "created_at") ? &created_at : nullptr;
      case 11: return is_key(key, "last_active") ? &last_active : nullptr;
      default: return nullptr;
    }
  }
};

/// Notes the value of a key that was just read.
inline void note(JsonReader& in, JsonNote& value) {
  if (value.kind == JsonKind::nothing) {
    in.read(value);
  } else {
    in.note_repeated(value);
    in.skip();
  }
}

/// The same for a key whose value may be an object to look into: then true, and the reader stands inside.
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

/// Notes what is known of a user, once the reader stands inside the object.
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

/// Goes into the object that the whole text is. An error of the grammar, wherever it stands, goes before one of the
/// type.
inline bool enter_text(JsonReader& in, JsonNote& whole) {
  if (note_and_enter(in, whole)) return true;
  in.finish();
  return in.fail(ErrorCode::wrong_type, whole.offset, "an object is needed here");
}

/// A whole number that stands for a timestamp is one of nanoseconds in these years. In other units the numbers of these
/// years are so much smaller that none can be taken for another.
inline constexpr std::int64_t first_ns = 946684800000000000;    // 2000-01-01
inline constexpr std::int64_t beyond_ns = 7289654400000000000;  // 2201-01-01

constexpr bool is_plausible(std::int64_t ns) noexcept { return ns >= first_ns && ns < beyond_ns; }

/// Reads a number of seconds, milliseconds or microseconds, whichever gives one of the years above.
constexpr bool from_coarse_number(std::int64_t number, Timestamp& at) noexcept {
  for (std::int64_t unit = 1000000000; unit > 1; unit /= 1000) {
    if (number >= first_ns / unit && number < beyond_ns / unit) {
      at = Timestamp::from_ns(number * unit);
      return true;
    }
  }
  return false;
}

/// The longest start of a text of UTF-8 that has at most `most` bytes and ends with a character.
inline std::string_view cut_text(std::string_view text, std::size_t most) noexcept {
  if (text.size() <= most) return text;
  while (most > 0 && (octet(text[most]) & 0xC0) == 0x80) --most;
  return text.substr(0, most);
}

/// Turns what was noted into fields, and remembers the first that is not what it should be. What a service says and is
/// not needed is passed over instead.
class JsonJudge {
 public:
  static constexpr const char* twice = "this key stands in the object twice";
  static constexpr const char* a_string = "a string is needed here";
  static constexpr const char* a_truth = "true or false is needed here";
  static constexpr const char* an_object = "an object is needed here";

  explicit JsonJudge(std::string_view text, ReadNotes* notes = nullptr) noexcept : text_(text), notes_(notes) {}

  bool ok() const noexcept { return !failed_; }
  const Error& error() const noexcept { return error_; }

  void fail(ErrorCode code, std::size_t offset, const char* message) noexcept {
    if (!failed_) error_ = Error{code, offset, message};
    failed_ = true;
  }

  /// Whether something stands there. null reads as if the key were absent.
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

  /// A timestamp of the year 1, and 0, read as if the key were absent.
  std::optional<Timestamp> instant(const JsonNote& value) {
    Timestamp at;
    if (!read_instant(value, at)) return std::nullopt;
    return at;
  }

  /// The same, and where it is absent, or an error, false.
  bool read_instant(const JsonNote& value, Timestamp& at) {
    return (value.kind == JsonKind::string && read_usual_instant(value.text, at)) ||
           read_unusual_instant(value, at, false);
  }

  /// The same of a service, which may count in a coarser unit.
  bool read_coarse_instant(const JsonNote& value, Timestamp& at) {
    return (value.kind == JsonKind::string && read_usual_instant(value.text, at)) ||
           read_unusual_instant(value, at, true);
  }

  /// What must be there, or is missing from the object at `object`.
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

  /// The id of a user of a service. One with characters that cannot be read is none: it could be that of another user.
  std::string_view needed_id(const JsonNote& value, std::size_t object) noexcept {
    if (!given_text(value)) {
      miss(value, object, "a user needs an id");
    } else if (value.broken) {
      fail_as_strict(value);
    } else {
      return value.text;
    }
    return std::string_view();
  }

  /// As a strict reader does, of a string that a lenient one replaced a part of.
  void fail_as_strict(const JsonNote& value) noexcept {
    std::string unused;
    JsonReader strict(text_, unused);
    strict.seek(value.offset);
    strict.skip();
    fail(strict.error().code, strict.error().offset, strict.error().message);
  }

  // What follows is for what a service says besides. Nothing of it fails: what is odd counts as absent, and is noted.

  void pass_over(ErrorCode code, std::size_t offset, const char* message) noexcept {
    if (notes_ != nullptr) notes_->add(Error{code, offset, message});
  }

  /// Whether something of this kind stands there.
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

  bool read_side_instant(const JsonNote& value, Timestamp& at) {
    return (value.kind == JsonKind::string && read_usual_instant(value.text, at)) || read_odd_instant(value, at);
  }

  /// What is said about the status of a user: a text, nothing, or that there is none, which is an empty text. The
  /// user's own key goes before one under `custom`. null says that there is none; so does an absent key in what is the
  /// whole truth about the user. A status that cannot be read says nothing: another may be there.
  std::optional<std::string_view> status(const JsonUser& user, bool is_whole, const ReadOptions& options) noexcept {
    if (user.status.kind == JsonKind::string) return status_text(user.status, options);
    return unusual_status(user, is_whole, options);
  }

 private:
#if defined(__GNUC__) || defined(__clang__)
#define PRESENCE_RARELY __attribute__((noinline))  // few strings need it, and the others would pay for its stack
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

  PRESENCE_RARELY bool read_odd_instant(const JsonNote& value, Timestamp& at) {
    JsonJudge judge(text_, notes_);
    if (judge.read_unusual_instant(value, at, true)) return true;
    if (!judge.ok()) pass_over(judge.error_.code, judge.error_.offset, judge.error_.message);
    return false;
  }

  PRESENCE_RARELY bool read_unusual_instant(const JsonNote& value, Timestamp& at, bool may_be_coarse) {
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
    if (!given(value, JsonKind::string, "an instant is a string or a number")) return false;
    const Result<Timestamp> parsed = parse_timestamp(value.text);
    if (parsed) {
      at = *parsed;
      return true;
    }
    if (parsed.error().code == ErrorCode::unset) return false;
    if (parsed.error().code == ErrorCode::out_of_range) {
      fail(ErrorCode::out_of_range, value.offset, parsed.error().message);
    } else {
      // Truncated is this string, not the text it stands in: a caller who waits for the rest of the text would wait for
      // ever. An offset into a string that had escapes means nothing in the text.
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
  return std::nullopt;
}

inline std::string_view name_of(EventType type) noexcept {
  switch (type) {
    case EventType::connect: return "connect";
    case EventType::disconnect: return "disconnect";
    case EventType::heartbeat: return "heartbeat";
    case EventType::set_status: return "status";
    case EventType::report: return "report";
  }
  return "";
}

/// An event line of our own.
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
  if (!judge.read_instant(found.at, event.at)) judge.miss(found.at, found.offset, "an event needs an instant");
  event.invisible = judge.truth(found.invisible);
  event.status = judge.text(found.status);
  if (type == EventType::set_status) {
    judge.needed(event.status, found.status, found.offset, "this event needs a status");
  }
  Timestamp last_active;
  if (judge.read_instant(found.last_active, last_active)) event.last_active = last_active;
}

/// What a service says about a user.
inline void judge_payload(JsonJudge& judge, const JsonEvent& found, const JsonUser& user, bool is_whole,
                          const ReadOptions& options, PresenceEventView& event) {
  if (!judge.given(user.self, JsonKind::object, JsonJudge::an_object)) {
    judge.fail(ErrorCode::missing_key, found.offset, "this event needs a user");
    return;
  }
  event.type = EventType::report;
  event.user = judge.needed_id(user.id, user.self.offset);
  if (event.user.empty()) judge.fail(ErrorCode::missing_key, user.id.offset, "the id of a user is empty");
  event.online =
      judge.needed(judge.truth(user.online), user.online, user.self.offset, "it is needed whether the user is online");
  if (!judge.read_coarse_instant(found.created_at, event.at))
    judge.miss(found.created_at, found.offset, "an event needs the instant of its creation");
  event.status = judge.status(user, is_whole, options);
  Timestamp last_active;
  if (judge.read_side_instant(user.last_active, last_active)) event.last_active = last_active;
}

/// What an event is before it is read. It is copied: to make one, compilers clear the memory, in a slow way.
inline constexpr PresenceEventView blank_event{};
inline constexpr ReadOptions default_read_options{};

/// Reads an event into a blank one. False, and says why, where there is none.
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
    // Only what is seen to be of a service may have such strings.
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
    // Nothing else is judged.
  } else if (const std::optional<EventType> known = event_type_of(type)) {
    judge_line(judge, found, *known, event);
  } else if (type == "user.presence.changed") {
    judge_payload(judge, found, found.user, false, options, event);
  } else if (type == "user.updated") {
    judge_payload(judge, found, found.user, true, options, event);
  } else if (type == "health.check" && judge.given(found.me.self)) {
    judge_payload(judge, found, found.me, false, options, event);
  } else if (type.find('.') != std::string_view::npos) {
    judge.fail(ErrorCode::not_presence, found.type.offset, "an event that says nothing about presence");
  } else {
    judge.fail(ErrorCode::unknown_type, found.type.offset, "no such event");
  }
  if (!judge.ok()) error = judge.error();
  return judge.ok();
}

}  // namespace detail

/// Reads one event, borrowing its strings from `json` and, where a string has escapes, from `scratch`: the event ends
/// when either is changed. `json` must not lie in `scratch`. Without escapes nothing is allocated, nor when scratch has
/// room for the text. One pass; keys come in any order; unknown keys are skipped.
///
/// **Event lines.** `at` is RFC 3339, or a whole number of nanoseconds since 1970 in the years 2000 to 2200. Keys in
/// brackets may be absent or null:
///
///     {"type":"connect","user":"u","session":"s","at":"2019-01-07T13:17:42.375Z"[,"invisible":true][,"status":"…"]}
///     {"type":"disconnect","user":"u","session":"s","at":…}      and likewise heartbeat
///     {"type":"status","user":"u"[,"session":"s"],"at":…,"status":"…"}
///     {"type":"report","user":"u","online":true,"at":…[,"status":"…"][,"last_active":…]}
///
/// Each of these keys is read on every line, whether its type has a use for it or not. A timestamp of the year 1, or
/// the number 0, means "never" and reads as absent. Ids and strings that are empty or too long are read; applying the
/// event rejects them.
///
/// **Payloads of a chat service** become reports: `user.presence.changed` and `user.updated` about their `user`,
/// `health.check` about `me`. They must have the user's `id` (a string that is not empty), the user's `online` (a bool)
/// and the event's `created_at`. Two more keys of the user are read:
///
/// * `last_active`.
/// * `status`; if it is absent or null, a `status` under `custom`. null clears the status. `user.updated` is the whole
///   truth about the user: there an absent status clears it as well. In the other types an absent status leaves the
///   status as it is.
///
/// A malformed value of these two, or of a key that is not read, never loses `online`:
///
/// * A value of another type, an unreadable timestamp or a key that stands twice counts as absent. A malformed status
///   leaves the status as it is.
/// * A status longer than `options.max_status_bytes` is cut at a character.
/// * In any string, half of a surrogate pair and bytes that are not UTF-8 read as U+FFFD. In the `id` they are an
/// error.
///   Bytes that are not UTF-8 cost a second pass.
/// * A number that is no timestamp in nanoseconds is read in seconds, milliseconds or microseconds, if one of these
///   gives the years 2000 to 2200. No number fits two units.
///
/// Each such place is added to `notes`, which is cleared first and may be null.
///
/// Errors come in this order:
///
/// 1. The grammar of the whole text, at the first byte that fits nowhere: `syntax`, `truncated`, `trailing_bytes`,
///    `bad_escape`, `too_deep` (65 levels). Unless the text was seen to be of a service, by a `type` with a dot, also
///    `bad_utf8`, and `bad_escape` at half of a surrogate pair.
/// 2. The type, at its value: `unknown_type`; `not_presence` for another type with a dot, and for a `health.check`
///    without `me`. Nothing else of these is judged.
/// 3. The keys that a payload must have, or that a line reads, in the order user, session, online, at, invisible,
///    status, last_active: `duplicate_key` at the second; `wrong_type` or `out_of_range` at the value; `syntax` inside
///    a timestamp; `missing_key` at the object that lacks it, or at what stands in its place: an empty id, or a
///    timestamp that means "never".
///
/// @code
/// std::string scratch;  // kept from call to call: then nothing is allocated
/// const Result<PresenceEventView> event = parse_event(
///     R"({"type":"user.updated","created_at":"2019-01-07T13:17:42.375Z","user":{"id":"john","online":true}})",
///     scratch);
/// assert(event && event->type == EventType::report && event->user == "john" && event->online);
/// assert(to_json(*event) ==
///        R"({"type":"report","user":"john","online":true,"at":"2019-01-07T13:17:42.375Z","status":""})");
///
/// assert(parse_event(R"({"type":"message.new"})").error().code == ErrorCode::not_presence);  // to be passed over
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
  Result<PresenceEventView> event(detail::blank_event);  // which is read where the caller wants it
  detail::JsonLeniency leniency(notes);
  Error error;
  if (!detail::read_event(json, scratch, options, leniency, *event, error)) event = error;
  return event;
}
/// The same, with the default options and without notes.
inline Result<PresenceEventView> parse_event(std::string_view json, std::string& scratch) {
  return parse_event(json, scratch, detail::default_read_options);
}

/// The same, owning its strings.
inline Result<PresenceEvent> parse_event(std::string_view json, const ReadOptions& options,
                                         ReadNotes* notes = nullptr) {
  std::string scratch;
  const Result<PresenceEventView> event = parse_event(json, scratch, options, notes);
  if (!event) return event.error();
  return static_cast<PresenceEvent>(*event);
}
/// The same, owning its strings, with the default options and without notes.
inline Result<PresenceEvent> parse_event(std::string_view json) {
  return parse_event(json, detail::default_read_options);
}

namespace detail {

/// Reads a user, whose strings are borrowed from the text and scratch. False after an error.
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
  user.id = judge.needed_id(found.id, found.self.offset);
  user.online = judge.truth(found.online).value_or(false);
  user.status = judge.status(found, true, options).value_or("");
  Timestamp last_active;
  if (judge.read_side_instant(found.last_active, last_active)) user.last_active = last_active;
  user.invisible = judge.has(found.invisible, JsonKind::boolean, JsonJudge::a_truth) && found.invisible.truth;
  error = judge.error();
  return judge.ok();
}

}  // namespace detail

/// Reads a user, as a service or `to_json` writes one:
/// `{"id":"u","online":true,"status":"…","last_active":"2019-01-07T13:17:42.375Z","invisible":true}`. Only the id must
/// be there. Other keys that are absent or null read as false or empty.
///
/// A status may stand under `custom`. Malformed values are treated and noted as `parse_event` does in payloads, except
/// that an `online` that is not a bool, or stands twice, is an error. Errors: the grammar as in a payload, then the id,
/// then `online`, each as for `parse_event`.
inline Result<User> parse_user(std::string_view json, const ReadOptions& options, ReadNotes* notes = nullptr) {
  if (notes != nullptr) notes->clear();
  std::string scratch;
  detail::JsonLeniency leniency(notes);
  UserView user;
  Error error;
  if (!detail::read_user(json, scratch, options, leniency, user, error)) return error;
  return static_cast<User>(user);
}
/// The same, with the default options and without notes.
inline Result<User> parse_user(std::string_view json) { return parse_user(json, detail::default_read_options); }

namespace detail {

/// Writes a string, escaped only where JSON must. What is not UTF-8 becomes U+FFFD, one for each maximal subpart, as
/// every decoder of the web does, so that the output is JSON whatever was stored.
inline void append_json_string(std::string& out, std::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  const char* run = p;  // what is yet to be copied
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

/// These take the key with all that stands around it, so that no key is put together at run time.
inline void append_json_text(std::string& out, std::string_view key, std::string_view text) {
  out += key;
  append_json_string(out, text);
}

inline void append_json_truth(std::string& out, std::string_view key, bool truth) {
  out += key;
  out += truth ? "true" : "false";
}

inline void append_json_instant(std::string& out, std::string_view key, Timestamp at) {
  char text[longest_instant + 2];
  text[0] = '"';
  const std::size_t length = write_instant(at, text + 1);
  text[length + 1] = '"';
  out += key;
  out.append(text, length + 2);
}

template <class T>
std::string json_of(const T& value) {
  std::string out;
  out.reserve(192);  // most events and users fit, so that the string grows once
  append_json(out, value);
  return out;
}

}  // namespace detail

/// Appends a user:
///
///     {"id":"u","online":true,"status":"Eating a veggie burger...","last_active":"2019-01-07T13:17:42.375Z"}
///
/// An absent last_active is left out; `,"invisible":true` is added only where it is true, in what users see of
/// themselves. Text is written as it is and escaped only where JSON must; what is not UTF-8 becomes U+FFFD, so that the
/// output is always JSON.
inline void append_json(std::string& out, const UserView& user) {
  detail::append_json_text(out, R"({"id":)", user.id);
  detail::append_json_truth(out, R"(,"online":)", user.online);
  detail::append_json_text(out, R"(,"status":)", user.status);
  if (user.last_active) detail::append_json_instant(out, R"(,"last_active":)", *user.last_active);
  if (user.invisible) out += R"(,"invisible":true)";
  out += '}';
}
/// The same, of one that owns its strings.
inline void append_json(std::string& out, const User& user) { append_json(out, UserView(user)); }

namespace detail {

inline void append_json_change(std::string& out, std::string_view id, Timestamp at,
                               const std::optional<UserView>& after) {
  append_json_instant(out, R"({"type":"user.presence.changed","created_at":)", at);
  out += R"(,"user":)";
  append_json(out, after ? *after : UserView(id, false, {}, std::nullopt, false));
  out += '}';
}

}  // namespace detail

/// Appends a change, `{"type":"user.presence.changed","created_at":"…","user":{…}}`, with the user as seen after it.
/// `parse_event` reads it as a report, in which its `max_status_bytes` cuts the status. Who is no longer known is
/// written as offline and without a status.
inline void append_json(std::string& out, const UserPresenceChangedView& change) {
  detail::append_json_change(out, change.id, change.at, change.after);
}
/// The same, of one that owns its strings.
inline void append_json(std::string& out, const UserPresenceChanged& change) {
  detail::append_json_change(out, change.id, change.at, detail::borrowed(change.after));
}

/// Appends an event line, which `parse_event` reads as the same event. Always the same keys for the same event, in this
/// order: type, user, session (where the type has one, or it is not empty), online (of a report, or where it is true),
/// at, invisible, status, last_active (where present).
inline void append_json(std::string& out, const PresenceEventView& event) {
  detail::append_json_text(out, R"({"type":)", detail::name_of(event.type));
  detail::append_json_text(out, R"(,"user":)", event.user);
  if (detail::belongs_to_session(event.type) || !event.session.empty()) {
    detail::append_json_text(out, R"(,"session":)", event.session);
  }
  if (event.type == EventType::report || event.online) detail::append_json_truth(out, R"(,"online":)", event.online);
  detail::append_json_instant(out, R"(,"at":)", event.at);
  if (event.invisible) detail::append_json_truth(out, R"(,"invisible":)", *event.invisible);
  if (event.status) detail::append_json_text(out, R"(,"status":)", *event.status);
  if (event.last_active) detail::append_json_instant(out, R"(,"last_active":)", *event.last_active);
  out += '}';
}
/// The same, of one that owns its strings.
inline void append_json(std::string& out, const PresenceEvent& event) { append_json(out, PresenceEventView(event)); }

/// @{
/// What `append_json` appends. Each owning type has its own overload beside the view: the two convert to each other.
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
