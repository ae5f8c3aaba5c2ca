// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_DETAIL_EVENTS_BODIES_HPP
#define PRESENCE_JSON_DETAIL_EVENTS_BODIES_HPP

#include <presence/base/detail/utf8.hpp>
#include <presence/base/result.hpp>
#include <presence/base/time.hpp>
#include <presence/json/detail/field_room.hpp>
#include <presence/json/detail/fields_reader.hpp>
#include <presence/json/detail/judge.hpp>
#include <presence/json/detail/reader.hpp>
#include <presence/json/detail/user_reader.hpp>
#include <presence/json/detail/writer.hpp>
#include <presence/json/events.hpp>
#include <presence/json/limits.hpp>
#include <presence/json/values.hpp>
#include <presence/model/attributes.hpp>
#include <presence/model/availability.hpp>
#include <presence/model/detail/canonical_json.hpp>
#include <presence/model/event.hpp>
#include <presence/model/user.hpp>
#include <presence/model/value.hpp>

#include <cstddef>      // for size_t
#include <optional>     // for optional, nullopt
#include <string>       // for string, to_string
#include <string_view>  // for string_view
#include <utility>      // for move

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

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

inline void note_fields(JsonReader& in, JsonEvent& event) {
  in.fields(&event, &JsonEvent::find, [&in, &event](JsonNote& value) {
    if (&value != &event.user.self && &value != &event.me.self) {
      note(in, value);
    } else if (note_and_enter(in, value)) {
      note_fields(in, &value == &event.user.self ? event.user : event.me);
    }
  });
}

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

PRESENCE_DETAIL_BODY Result<PresenceEventView> parse_event(std::string_view json, std::string& scratch,
                                                           const ReadOptions& options, ReadNotes* notes) {
  if (notes != nullptr) notes->clear();
  Result<PresenceEventView> event(detail::blank_event);  // parsed directly into the result, without a copy
  detail::JsonLeniency leniency(notes);
  Error error;
  if (!detail::read_event(json, scratch, options, nullptr, leniency, *event, error)) event = error;
  return event;
}

PRESENCE_DETAIL_BODY Result<PresenceEventView> parse_event(std::string_view json, std::string& scratch) {
  return parse_event(json, scratch, detail::default_read_options);
}

PRESENCE_DETAIL_BODY Result<PresenceEventView> parse_event(std::string_view json, EventBuffer& buffer,
                                                           const ReadOptions& options, ReadNotes* notes) {
  if (notes != nullptr) notes->clear();
  if (buffer.room_) detail::clear(*buffer.room_);
  Result<PresenceEventView> event(detail::blank_event);
  detail::JsonLeniency leniency(notes);
  Error error;
  if (!detail::read_event(json, buffer.scratch_, options, &buffer.room_, leniency, *event, error)) event = error;
  return event;
}

PRESENCE_DETAIL_BODY Result<PresenceEventView> parse_event(std::string_view json, EventBuffer& buffer) {
  return parse_event(json, buffer, detail::default_read_options);
}

PRESENCE_DETAIL_BODY EventBuffer::~EventBuffer() = default;

PRESENCE_DETAIL_BODY Result<PresenceEvent> parse_event(std::string_view json, const ReadOptions& options,
                                                       ReadNotes* notes) {
  if (notes != nullptr) notes->clear();
  std::string scratch;
  std::optional<detail::JsonFieldRoom> room;
  detail::JsonLeniency leniency(notes);
  PresenceEventView event = detail::blank_event;
  Error error;
  if (!detail::read_event(json, scratch, options, &room, leniency, event, error)) return error;
  return detail::take_event(event, room);
}

PRESENCE_DETAIL_BODY Result<PresenceEvent> parse_event(std::string_view json) {
  return parse_event(json, detail::default_read_options);
}

PRESENCE_DETAIL_BODY Result<User> parse_user(std::string_view json, const ReadOptions& options, ReadNotes* notes) {
  if (notes != nullptr) notes->clear();
  std::string scratch;
  detail::JsonLeniency leniency(notes);
  User user;
  Error error;
  if (!detail::read_user(json, scratch, options, leniency, user, error)) return error;
  return user;
}

PRESENCE_DETAIL_BODY Result<User> parse_user(std::string_view json) {
  return parse_user(json, detail::default_read_options);
}

PRESENCE_DETAIL_BODY void append_json(std::string& out, const UserView& user) {
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

PRESENCE_DETAIL_BODY void append_json(std::string& out, const User& user) { append_json(out, UserView(user)); }

PRESENCE_DETAIL_BODY void append_json(std::string& out, const UserPresenceChangedView& change) {
  detail::append_json_change(out, change.id, change.at, change.after);
}

PRESENCE_DETAIL_BODY void append_json(std::string& out, const UserPresenceChanged& change) {
  detail::append_json_change(out, change.id, change.at, detail::borrowed(change.after));
}

PRESENCE_DETAIL_BODY void append_json(std::string& out, const PresenceEventView& event) {
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

PRESENCE_DETAIL_BODY void append_json(std::string& out, const PresenceEvent& event) {
  append_json(out, PresenceEventView(event));
}
PRESENCE_DETAIL_BODY std::string to_json(const User& user) { return detail::json_of(user); }
PRESENCE_DETAIL_BODY std::string to_json(const UserView& user) { return detail::json_of(user); }
PRESENCE_DETAIL_BODY std::string to_json(const UserPresenceChanged& change) { return detail::json_of(change); }
PRESENCE_DETAIL_BODY std::string to_json(const UserPresenceChangedView& change) { return detail::json_of(change); }
PRESENCE_DETAIL_BODY std::string to_json(const PresenceEvent& event) { return detail::json_of(event); }
PRESENCE_DETAIL_BODY std::string to_json(const PresenceEventView& event) { return detail::json_of(event); }

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_DETAIL_EVENTS_BODIES_HPP
