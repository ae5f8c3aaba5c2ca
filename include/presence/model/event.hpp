// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_EVENT_HPP
#define PRESENCE_MODEL_EVENT_HPP

#include <presence/base/time.hpp>
#include <presence/model/attributes.hpp>
#include <presence/model/ids.hpp>
#include <presence/model/user.hpp>
#include <presence/model/value.hpp>

#include <cstdint>      // for uint8_t
#include <optional>     // for optional
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for move

namespace presence {
inline namespace PRESENCE_ABI {

/// The type of an event.
enum class EventType : std::uint8_t {
  connect,           ///< a session of the user starts, or confirms again that it is connected
  disconnect,        ///< a session ends; sent by the client or by its server
  heartbeat,         ///< a session is still connected
  set_status,        ///< the user sets a status text; named `status` in the wire format
  report,            ///< a server reports what it knows about the user
  active,            ///< a session is still connected, and the user did something in it
  update,            ///< a session is still connected, and its availability changes
  set_availability,  ///< the user chooses an availability for all sessions; named `availability` in the wire format
  set_data,          ///< the user sets or removes one name of their data; named `data` in the wire format
  set_visible,       ///< the user becomes visible or invisible without a connect; named `visible` in the wire format
  remove,            ///< everything about the user that is dated up to this event is forgotten
};

/// Returns the name of the type on the wire, the `type` of an event line: "status" for `set_status`,
/// "availability" for `set_availability`, "data" for `set_data`, "visible" for `set_visible`, else the name of the
/// enumerator. Returns "?" for a number that is no type. O(1); the string is a literal.
constexpr std::string_view to_string(EventType type) noexcept {
  switch (type) {
    case EventType::connect: return "connect";
    case EventType::disconnect: return "disconnect";
    case EventType::heartbeat: return "heartbeat";
    case EventType::set_status: return "status";
    case EventType::report: return "report";
    case EventType::active: return "active";
    case EventType::update: return "update";
    case EventType::set_availability: return "availability";
    case EventType::set_data: return "data";
    case EventType::set_visible: return "visible";
    case EventType::remove: return "remove";
  }
  return "?";
}

/// Returns whether a name cannot be used in the data of a user, because something else has it in the JSON of a user:
/// id, online, status, last_active, invisible, availability, activity, custom, created_at, updated_at, deleted_at.
constexpr bool is_reserved_name(std::string_view name) noexcept {
  for (const std::string_view one :
       {std::string_view("id"), std::string_view("online"), std::string_view("status"), std::string_view("last_active"),
        std::string_view("invisible"), std::string_view("availability"), std::string_view("activity"),
        std::string_view("custom"), std::string_view("created_at"), std::string_view("updated_at"),
        std::string_view("deleted_at")}) {
    if (name == one) return true;
  }
  return false;
}

namespace detail {

constexpr bool is_data_name(std::string_view name) noexcept { return !name.empty() && !is_reserved_name(name); }

constexpr bool belongs_to_session(EventType type) noexcept {
  return type == EventType::connect || type == EventType::disconnect || type == EventType::heartbeat ||
         type == EventType::active || type == EventType::update;
}

/// Returns whether events of that type may say how available their session is.
constexpr bool says_availability(EventType type) noexcept {
  return type == EventType::connect || type == EventType::update || type == EventType::report;
}

/// Returns whether the event asks for the user to be visible or invisible.
template <class Event>
constexpr bool sets_visibility(const Event& event) noexcept {
  return event.invisible.has_value() && (event.type == EventType::connect || event.type == EventType::set_visible);
}

/// Returns the event with a later timestamp. An end stays later than the event.
template <class Event>
Event moved_to(Event event, Timestamp at) noexcept {
  event.at = at;
  if (event.until && *event.until <= at) event.until = at + Duration::from_ns(1);
  return event;
}

template <class Event, class Text>
Event make_event(EventType type, Text user, Text session, Timestamp at) {
  Event event;
  event.type = type;
  event.user = std::move(user);
  event.session = std::move(session);
  event.at = at;
  return event;
}

}  // namespace detail

/// A presence event: what happened, and when. A plain value that owns its strings. Any field may be set directly.
/// Fields are validated when the event is applied.
///
/// The first parameter of each function is the id of the user. To let the compiler find a session's id in its place,
/// use UserId and SessionId (ids.hpp): swapped, they do not compile.
///
/// @code
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// PresenceEvent hello = PresenceEvent::connect("john", "phone", now);
/// hello.invisible = true;  // other users see john as offline
/// hello.status = "In a match";
/// const PresenceEvent beat = PresenceEvent::heartbeat("john", "phone", now + Duration::from_s(15));
/// assert(beat.session == hello.session && !beat.invisible);  // absent: unchanged
///
/// const PresenceEventView borrowed = hello;  // copies no string
/// assert(borrowed.user.data() == hello.user.data());
/// @endcode
struct PresenceEvent {
  EventType type = EventType::heartbeat;  ///< decides which other fields are used
  std::string user;                       ///< id of the user; not empty
  std::string session;                    ///< id of the session; for the events of one
  Timestamp at;                           ///< when it happened, by the clock of the observer
  std::optional<bool> invisible;          ///< for connect and set_visible; absent: unchanged
  std::optional<std::string> status;      ///< for every type but remove; absent: unchanged; empty: clears the status
  bool online = false;                    ///< for report
  std::optional<Timestamp> last_active;   ///< for report; absent: unchanged
  /// From then on the status of the event reads as empty, and the choice of set_availability no longer counts. Absent:
  /// there is no end.
  std::optional<Timestamp> until;
  /// For connect, update and report: of the session, or of the user in a report; absent: unchanged. For
  /// set_availability: the user's choice; absent: none.
  std::optional<Availability> availability;
  /// With an availability of connect and update: of the session; absent: 0. Without an availability it is invalid.
  std::optional<std::int8_t> priority;
  /// For connect, update and report: what the session is doing, such as the match that is played. Others see that of
  /// the session that decides the availability, and only while the user is online and visible. Empty: nothing; absent:
  /// unchanged.
  std::optional<Attributes> activity;
  std::string name;  ///< for set_data: the name whose value is set; not empty, and not reserved
  Value value;       ///< for set_data; null removes the name
  std::optional<Attributes>
      data;  ///< for report: all data of the user; names that are not in it are removed; absent: unchanged

  /// @{
  /// Returns an event of a session: it starts, ends, or is still connected. Visibility and status are unchanged unless
  /// set.
  static PresenceEvent connect(std::string user, std::string session, Timestamp at) {
    return detail::make_event<PresenceEvent>(EventType::connect, std::move(user), std::move(session), at);
  }
  static PresenceEvent disconnect(std::string user, std::string session, Timestamp at) {
    return detail::make_event<PresenceEvent>(EventType::disconnect, std::move(user), std::move(session), at);
  }
  static PresenceEvent heartbeat(std::string user, std::string session, Timestamp at) {
    return detail::make_event<PresenceEvent>(EventType::heartbeat, std::move(user), std::move(session), at);
  }
  /// @}
  /// @{
  /// A SessionId in the place of the user's id, or a UserId in that of the session's, does not compile.
  template <class First, class Second, detail::EnableIfSwapped<First, Second> = 0>
  static PresenceEvent connect(First&&, Second&&, Timestamp) = delete;
  template <class First, class Second, detail::EnableIfSwapped<First, Second> = 0>
  static PresenceEvent disconnect(First&&, Second&&, Timestamp) = delete;
  template <class First, class Second, detail::EnableIfSwapped<First, Second> = 0>
  static PresenceEvent heartbeat(First&&, Second&&, Timestamp) = delete;
  template <class First, class Second, detail::EnableIfSwapped<First, Second> = 0>
  static PresenceEvent active(First&&, Second&&, Timestamp) = delete;
  template <class First, class Second, detail::EnableIfSwapped<First, Second> = 0>
  static PresenceEvent update(First&&, Second&&, Timestamp) = delete;
  /// @}
  /// Returns an event that sets the user's status text. An empty string clears it. Set `until` for a status that ends.
  /// A status is no activity and no sign of life.
  static PresenceEvent set_status(std::string user, std::string text, Timestamp at) {
    auto event = detail::make_event<PresenceEvent>(EventType::set_status, std::move(user), std::string(), at);
    event.status = std::move(text);
    return event;
  }
  /// Returns an event of a session that is still connected and in which the user did something. It moves `last_active`
  /// as a heartbeat does, also if Rules::heartbeat_is_activity is false.
  static PresenceEvent active(std::string user, std::string session, Timestamp at) {
    return detail::make_event<PresenceEvent>(EventType::active, std::move(user), std::move(session), at);
  }
  /// Returns an event of a session that is still connected. Set `availability` or `activity` on it, or both, and
  /// `priority` with the availability if sessions are ordered by it. What it says counts until the session says
  /// something else, disconnects, or is silent for longer than session_timeout and offline_grace. Another connect or
  /// heartbeat before then leaves it unchanged.
  static PresenceEvent update(std::string user, std::string session, Timestamp at) {
    return detail::make_event<PresenceEvent>(EventType::update, std::move(user), std::move(session), at);
  }
  /// Returns an event that sets the user's own choice, which takes precedence over all sessions while the user is
  /// online. nullopt: none, so the sessions decide. Set `until` for a choice that ends. A choice is no activity and no
  /// sign of life. `offline` is invalid: use set_visible.
  static PresenceEvent set_availability(std::string user, std::optional<Availability> choice, Timestamp at) {
    auto event = detail::make_event<PresenceEvent>(EventType::set_availability, std::move(user), std::string(), at);
    event.availability = choice;
    return event;
  }
  /// Returns an event that sets one name of the user's data, such as "name" or "image", or removes it with null. Like a
  /// status, data is published: others see it also while the user is offline or invisible, or has never connected.
  /// `is_reserved_name` lists the names that are invalid. A value that is not JSON (an infinite number, too many
  /// levels) is invalid as well. A timestamp is stored as its RFC 3339 string.
  static PresenceEvent set_data(std::string user, std::string name, Value value, Timestamp at) {
    auto event = detail::make_event<PresenceEvent>(EventType::set_data, std::move(user), std::string(), at);
    event.name = std::move(name);
    event.value = std::move(value);
    return event;
  }
  /// Returns an event that makes the user visible or invisible. Unlike a connect, it belongs to no session. A visible
  /// one is an activity, also if the user was visible or unknown: `last_active` is then no earlier than `at`, so that
  /// nothing dated inside the invisible interval is seen. An invisible one wins over a visible one with the same
  /// timestamp.
  static PresenceEvent set_visible(std::string user, bool visible, Timestamp at) {
    auto event = detail::make_event<PresenceEvent>(EventType::set_visible, std::move(user), std::string(), at);
    event.invisible = !visible;
    return event;
  }
  /// Returns an event that removes the user: everything dated at or before `at` is forgotten, in whatever order events
  /// arrive. Events dated later make the user known again: disconnect the user's sessions, or stop their heartbeats.
  ///
  /// The removal is kept for events that are still under way, for at most Rules::last_active_refresh +
  /// Rules::reorder_window after `at`. The ids of the user's sessions are kept for session_timeout + offline_grace +
  /// reorder_window after their last event. The user's own id is kept as long as any of these. Whether the user is
  /// invisible is kept until Rules::forget_after, by default forever, so that no late event shows them. To have it
  /// dropped as well, apply set_visible(user, true, at) after the removal, with the same `at`: others see no change.
  ///
  /// When the removal has been dropped, a merge with a snapshot from before it brings the user back: with that of an
  /// old backup, or of a node that was out of reach for longer. Remove the user again: from a backup with the same
  /// `at`, before its time advances; from another snapshot with the current time. A removal changes no watches and no
  /// channels of a Store; see Store::unwatch and Store::put.
  static PresenceEvent remove(std::string user, Timestamp at) {
    return detail::make_event<PresenceEvent>(EventType::remove, std::move(user), std::string(), at);
  }
  /// Returns a server's report that the user is online or offline. It contains nothing else.
  static PresenceEvent report(std::string user, bool online, Timestamp at) {
    auto event = detail::make_event<PresenceEvent>(EventType::report, std::move(user), std::string(), at);
    event.online = online;
    return event;
  }
  /// Returns a report of all fields of `user` except `invisible`: also the status, the data, the availability and the
  /// activity of a user who is online, and last_active if it is set.
  static PresenceEvent report(const User& user, Timestamp at);

  /// Returns true if all fields are equal, including those that the type does not use.
  friend bool operator==(const PresenceEvent& a, const PresenceEvent& b) noexcept { return are_equal(a, b); }
  friend bool operator!=(const PresenceEvent& a, const PresenceEvent& b) noexcept { return !(a == b); }

 private:
  static bool are_equal(const PresenceEvent& a, const PresenceEvent& b) noexcept;
};

/// A PresenceEvent that borrows its strings. Valid until any of them is modified or destroyed. Every function that
/// takes events also takes views, so no copy is needed.
struct PresenceEventView {
  /// @{
  /// As in PresenceEvent.
  EventType type = EventType::heartbeat;
  std::string_view user;
  std::string_view session;
  Timestamp at;
  std::optional<bool> invisible;
  std::optional<std::string_view> status;
  bool online = false;
  std::optional<Timestamp> last_active;
  std::optional<Timestamp> until;
  std::optional<Availability> availability;
  std::optional<std::int8_t> priority;
  std::optional<AttributesView> activity;
  std::string_view name;
  ValueView value = nullptr;
  std::optional<AttributesView> data;
  /// @}

  constexpr PresenceEventView() noexcept = default;
  /// @{
  /// Borrows the strings of the event, which must outlive the view. A temporary event does not compile. Functions that
  /// use an event only during the call, such as `apply`, accept a temporary PresenceEvent.
  PresenceEventView(const PresenceEvent& event) noexcept;
  PresenceEventView(const PresenceEvent&&) = delete;
  /// @}

  /// Returns a copy that owns its strings.
  explicit operator PresenceEvent() const;

  /// @{
  /// As in PresenceEvent. Borrows the strings, which must outlive the view. A temporary string or User does not
  /// compile.
  static PresenceEventView connect(detail::BorrowedText user, detail::BorrowedText session, Timestamp at) noexcept {
    return detail::make_event<PresenceEventView, std::string_view>(EventType::connect, user, session, at);
  }
  static PresenceEventView disconnect(detail::BorrowedText user, detail::BorrowedText session, Timestamp at) noexcept {
    return detail::make_event<PresenceEventView, std::string_view>(EventType::disconnect, user, session, at);
  }
  static PresenceEventView heartbeat(detail::BorrowedText user, detail::BorrowedText session, Timestamp at) noexcept {
    return detail::make_event<PresenceEventView, std::string_view>(EventType::heartbeat, user, session, at);
  }
  template <class First, class Second, detail::EnableIfSwapped<First, Second> = 0>
  static PresenceEventView connect(First&&, Second&&, Timestamp) = delete;
  template <class First, class Second, detail::EnableIfSwapped<First, Second> = 0>
  static PresenceEventView disconnect(First&&, Second&&, Timestamp) = delete;
  static PresenceEventView active(detail::BorrowedText user, detail::BorrowedText session, Timestamp at) noexcept {
    return detail::make_event<PresenceEventView, std::string_view>(EventType::active, user, session, at);
  }
  static PresenceEventView update(detail::BorrowedText user, detail::BorrowedText session, Timestamp at) noexcept {
    return detail::make_event<PresenceEventView, std::string_view>(EventType::update, user, session, at);
  }
  template <class First, class Second, detail::EnableIfSwapped<First, Second> = 0>
  static PresenceEventView heartbeat(First&&, Second&&, Timestamp) = delete;
  template <class First, class Second, detail::EnableIfSwapped<First, Second> = 0>
  static PresenceEventView active(First&&, Second&&, Timestamp) = delete;
  template <class First, class Second, detail::EnableIfSwapped<First, Second> = 0>
  static PresenceEventView update(First&&, Second&&, Timestamp) = delete;
  static PresenceEventView set_status(detail::BorrowedText user, detail::BorrowedText text, Timestamp at) noexcept {
    auto event =
        detail::make_event<PresenceEventView, std::string_view>(EventType::set_status, user, std::string_view(), at);
    event.status = std::string_view(text);
    return event;
  }
  static PresenceEventView set_availability(detail::BorrowedText user, std::optional<Availability> choice,
                                            Timestamp at) noexcept {
    auto event = detail::make_event<PresenceEventView, std::string_view>(EventType::set_availability, user,
                                                                         std::string_view(), at);
    event.availability = choice;
    return event;
  }
  static PresenceEventView set_data(detail::BorrowedText user, detail::BorrowedText name, const Value& value,
                                    Timestamp at) noexcept {
    auto event =
        detail::make_event<PresenceEventView, std::string_view>(EventType::set_data, user, std::string_view(), at);
    event.name = name;
    event.value = ValueView(value);
    return event;
  }
  static PresenceEventView set_data(detail::BorrowedText, detail::BorrowedText, const Value&&, Timestamp) = delete;
  static PresenceEventView set_visible(detail::BorrowedText user, bool visible, Timestamp at) noexcept {
    auto event =
        detail::make_event<PresenceEventView, std::string_view>(EventType::set_visible, user, std::string_view(), at);
    event.invisible = !visible;
    return event;
  }
  static PresenceEventView remove(detail::BorrowedText user, Timestamp at) noexcept {
    return detail::make_event<PresenceEventView, std::string_view>(EventType::remove, user, std::string_view(), at);
  }
  static PresenceEventView report(detail::BorrowedText user, bool online, Timestamp at) noexcept {
    auto event =
        detail::make_event<PresenceEventView, std::string_view>(EventType::report, user, std::string_view(), at);
    event.online = online;
    return event;
  }
  static PresenceEventView report(const UserView& user, Timestamp at) noexcept {
    PresenceEventView event = report(user.id, user.online, at);
    event.status = user.status;
    event.last_active = user.last_active;
    event.data = user.data;
    if (user.online) {
      event.availability = detail::shown_availability(true, user.availability);
      event.activity = user.activity;
    }
    return event;
  }
  static PresenceEventView report(const User& user, Timestamp at) noexcept { return report(UserView(user), at); }
  static PresenceEventView report(const User&&, Timestamp) = delete;
  /// @}

  /// Returns true if all fields are equal, including those that the type does not use.
  friend bool operator==(const PresenceEventView& a, const PresenceEventView& b) noexcept { return are_equal(a, b); }
  friend bool operator!=(const PresenceEventView& a, const PresenceEventView& b) noexcept { return !(a == b); }

 private:
  static bool are_equal(const PresenceEventView& a, const PresenceEventView& b) noexcept;
};

/// @{
/// Returns true if all fields are equal. Accepts temporary events.
bool operator==(const PresenceEvent& a, const PresenceEventView& b) noexcept;
inline bool operator!=(const PresenceEvent& a, const PresenceEventView& b) noexcept { return !(a == b); }
bool operator==(const PresenceEventView& a, const PresenceEvent& b) noexcept;
inline bool operator!=(const PresenceEventView& a, const PresenceEvent& b) noexcept { return !(a == b); }
/// @}

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/model/detail/event_bodies.hpp>
#endif

#endif  // PRESENCE_MODEL_EVENT_HPP
