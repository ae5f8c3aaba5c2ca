// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_HPP
#define PRESENCE_JSON_HPP

#include <presence/detail/json_reader.hpp>
#include <presence/detail/text.hpp>
#include <presence/event.hpp>
#include <presence/result.hpp>
#include <presence/time.hpp>
#include <presence/user.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, uint8_t
#include <optional>     // for optional
#include <string>       // for string
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {
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

/// Turns what was noted into fields, and remembers the first that is not what it should be.
class JsonJudge {
 public:
  explicit JsonJudge(std::string_view text) noexcept : text_(text) {}

  bool ok() const noexcept { return !failed_; }
  const Error& error() const noexcept { return error_; }

  void fail(ErrorCode code, std::size_t offset, const char* message) noexcept {
    if (!failed_) error_ = Error{code, offset, message};
    failed_ = true;
  }

  /// Whether something stands there. null reads as if the key were absent.
  bool given(const JsonNote& value) noexcept {
    if (value.kind == JsonKind::repeated)
      fail(ErrorCode::duplicate_key, value.offset, "this key stands in the object twice");
    return value.kind != JsonKind::nothing && value.kind != JsonKind::null && value.kind != JsonKind::repeated;
  }

  bool given(const JsonNote& value, JsonKind kind, const char* message) noexcept {
    if (!given(value)) return false;
    if (value.kind != kind) fail(ErrorCode::wrong_type, value.offset, message);
    return value.kind == kind;
  }

  bool given_text(const JsonNote& value) noexcept { return given(value, JsonKind::string, "a string is needed here"); }

  std::optional<std::string_view> text(const JsonNote& value) noexcept {
    if (!given_text(value)) return std::nullopt;
    return value.text;
  }

  std::optional<bool> truth(const JsonNote& value) noexcept {
    if (!given(value, JsonKind::boolean, "true or false is needed here")) return std::nullopt;
    return value.truth;
  }

  /// An instant of the year 1 reads as if the key were absent.
  std::optional<Timestamp> instant(const JsonNote& value) {
    Timestamp at;
    if (!read_instant(value, at)) return std::nullopt;
    return at;
  }

  /// The same, and where it is absent, or an error, false.
  bool read_instant(const JsonNote& value, Timestamp& at) {
    return (value.kind == JsonKind::string && read_usual_instant(value.text, at)) || read_unusual_instant(value, at);
  }

  /// Which of the two status texts counts, if it is given: the user's own goes before one under `custom`, which is not
  /// even looked at then.
  const JsonNote* status(const JsonUser& user) noexcept {
    const JsonNote* const own = &user.status;
    if (given(*own)) return given_text(*own) ? own : nullptr;
    if (!given(user.custom) || user.custom.kind != JsonKind::object) return nullptr;
    return given_text(user.custom_status) ? &user.custom_status : nullptr;
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

 private:
#if defined(__GNUC__) || defined(__clang__)
  __attribute__((noinline))  // few instants need it, and the others would pay for its stack
#endif
  bool
  read_unusual_instant(const JsonNote& value, Timestamp& at) {
    if (!given(value)) return false;
    if (value.kind == JsonKind::number) {
      std::int64_t ns = 0;
      if (!to_int64(value.text, ns)) {
        fail(ErrorCode::out_of_range, value.offset, "an instant is a whole number of nanoseconds, of 64 bits");
        return false;
      }
      at = Timestamp::from_ns(ns);
      return true;
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

  std::string_view text_;
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
inline void judge_payload(JsonJudge& judge, const JsonEvent& found, const JsonUser& user, PresenceEventView& event) {
  if (!judge.given(user.self, JsonKind::object, "an object is needed here")) {
    judge.fail(ErrorCode::missing_key, found.offset, "this event needs a user");
    return;
  }
  event.type = EventType::report;
  if (judge.given_text(user.id)) {
    event.user = user.id.text;
  } else {
    judge.miss(user.id, user.self.offset, "a user needs an id");
  }
  event.online =
      judge.needed(judge.truth(user.online), user.online, user.self.offset, "it is needed whether the user is online");
  if (!judge.read_instant(found.created_at, event.at))
    judge.miss(found.created_at, found.offset, "an event needs the instant of its creation");
  if (const JsonNote* const status = judge.status(user)) event.status = status->text;
  Timestamp last_active;
  if (judge.read_instant(user.last_active, last_active)) event.last_active = last_active;
}

/// What an event is before it is read. It is copied: to make one, compilers clear the memory, in a slow way.
inline constexpr PresenceEventView blank_event{};

/// Reads an event into a blank one. False, and says why, where there is none.
inline bool read_event(std::string_view json, std::string& scratch, PresenceEventView& event, Error& error) {
  JsonReader in(json, scratch);
  JsonNote whole;
  JsonEvent found;
  if (enter_text(in, whole)) {
    found.offset = whole.offset;
    note_fields(in, found);
    in.finish();
  }
  if (!in.ok()) {
    error = in.error();
    return false;
  }

  JsonJudge judge(json);
  const std::string_view type = judge.needed(judge.text(found.type), found.type, found.offset, "an event needs a type");
  if (!judge.ok()) {
    // Nothing else is judged.
  } else if (const std::optional<EventType> known = event_type_of(type)) {
    judge_line(judge, found, *known, event);
  } else if (type == "user.presence.changed" || type == "user.updated") {
    judge_payload(judge, found, found.user, event);
  } else if (type == "health.check" && judge.given(found.me.self)) {
    judge_payload(judge, found, found.me, event);
  } else if (type.find('.') != std::string_view::npos) {
    judge.fail(ErrorCode::not_presence, found.type.offset, "an event that says nothing about presence");
  } else {
    judge.fail(ErrorCode::unknown_type, found.type.offset, "no such event");
  }
  if (!judge.ok()) error = judge.error();
  return judge.ok();
}

}  // namespace detail

/// Reads one event, borrowing its texts from `json` and, where a text has escapes, from `scratch`: the event ends when
/// either is changed. `json` must not lie in `scratch`. Without escapes nothing is allocated, nor when scratch has room
/// for the text. One pass; keys come in any order.
///
/// Event lines, where `at` is RFC 3339 or a whole number of nanoseconds since 1970, and what stands in brackets may be
/// absent or null:
///
///     {"type":"connect","user":"u","session":"s","at":"2019-01-07T13:17:42.375Z"[,"invisible":true][,"status":"…"]}
///     {"type":"disconnect","user":"u","session":"s","at":…}      and likewise heartbeat
///     {"type":"status","user":"u"[,"session":"s"],"at":…,"status":"…"}
///     {"type":"report","user":"u","online":true,"at":…[,"status":"…"][,"last_active":…]}
///
/// Each of these keys is read on every line, whether its type has a use for it or not; a year 1 in `last_active` reads
/// as absent.
///
/// Payloads of a chat service become reports: `user.presence.changed` and `user.updated` about their `user`,
/// `health.check` about `me`. The user's `id` and `online` are needed, as is the event's `created_at`; `last_active`
/// and `status`, which may stand under `custom` instead, are not.
///
/// Unknown keys are passed over, and so are ids and texts that are empty or too long: those the fold judges. Errors
/// come in this order:
///
/// 1. The grammar of the whole text, at what fits nowhere: `syntax`, `truncated`, `trailing_bytes`, `bad_utf8`,
///    `bad_escape`, `too_deep` (65 levels).
/// 2. The type, at its value: `unknown_type` or, for one with a dot, which is some other event of a service, and for a
///    `health.check` without `me`, `not_presence`. Nothing else of these is judged.
/// 3. The keys that the type reads, in the order user, session, online, at, invisible, status, last_active:
///    `duplicate_key` at the second; `wrong_type` or `out_of_range` at the value; `syntax` inside an instant;
///    `missing_key` at the object that lacks it, or at the instant of the year 1 that stands in its place.
///
/// @code
/// std::string scratch;  // kept from call to call: then nothing is allocated
/// const Result<PresenceEventView> event = parse_event(
///     R"({"type":"user.updated","created_at":"2019-01-07T13:17:42.375Z","user":{"id":"john","online":true}})",
///     scratch);
/// assert(event && event->type == EventType::report && event->user == "john" && event->online);
/// assert(to_json(*event) == R"({"type":"report","user":"john","online":true,"at":"2019-01-07T13:17:42.375Z"})");
///
/// assert(parse_event(R"({"type":"message.new"})").error().code == ErrorCode::not_presence);  // to be passed over
/// const Result<PresenceEvent> wrong = parse_event(R"({"type":"connect","user":7})");
/// assert(wrong.error().code == ErrorCode::wrong_type && wrong.error().offset == 25);  // at the 7
/// @endcode
inline Result<PresenceEventView> parse_event(std::string_view json, std::string& scratch) {
  Result<PresenceEventView> event(detail::blank_event);  // which is read where the caller wants it
  Error error;
  if (!detail::read_event(json, scratch, *event, error)) event = error;
  return event;
}

/// The same, owning its texts.
inline Result<PresenceEvent> parse_event(std::string_view json) {
  std::string scratch;
  const Result<PresenceEventView> event = parse_event(json, scratch);
  if (!event) return event.error();
  return static_cast<PresenceEvent>(*event);
}

/// Reads a user: `{"id":"u","online":true,"status":"…","last_active":"2019-01-07T13:17:42.375Z","invisible":true}`.
/// Only the id is needed. A status may stand under `custom` instead, an instant may be a whole number of nanoseconds,
/// null reads as absent, and so does a last_active of the year 1. Errors as for `parse_event`, the keys in the order of
/// the example.
inline Result<User> parse_user(std::string_view json) {
  std::string scratch;
  detail::JsonReader in(json, scratch);
  detail::JsonUser found;
  if (detail::enter_text(in, found.self)) {
    detail::note_fields(in, found);
    in.finish();
  }
  if (!in.ok()) return in.error();

  detail::JsonJudge judge(json);
  UserView user;
  user.id = judge.needed(judge.text(found.id), found.id, found.self.offset, "a user needs an id");
  user.online = judge.truth(found.online).value_or(false);
  if (const detail::JsonNote* const status = judge.status(found)) user.status = status->text;
  user.last_active = judge.instant(found.last_active);
  user.invisible = judge.truth(found.invisible).value_or(false);
  if (!judge.ok()) return judge.error();
  return static_cast<User>(user);
}

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
/// The same, of one that owns its texts.
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
/// `parse_event` reads it as a report. Who is no longer known is written as offline and without a status.
inline void append_json(std::string& out, const UserPresenceChangedView& change) {
  detail::append_json_change(out, change.id, change.at, change.after);
}
/// The same, of one that owns its texts.
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
/// The same, of one that owns its texts.
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

#endif  // PRESENCE_JSON_HPP
