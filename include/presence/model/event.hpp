// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_EVENT_HPP
#define PRESENCE_MODEL_EVENT_HPP

#include <presence/base/time.hpp>
#include <presence/model/user.hpp>

#include <cstdint>      // for uint8_t
#include <optional>     // for optional
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for move

namespace presence {
inline namespace PRESENCE_ABI {

/// What an event tells of.
enum class EventType : std::uint8_t {
  connect,     ///< a session of the user begins, or says anew that it is there
  disconnect,  ///< a session ends by its own word or its server's
  heartbeat,   ///< a session is still there
  set_status,  ///< the user sets a status text; written as `status` on the wire
  report,      ///< a server says what it knows about the user
};

namespace detail {

constexpr bool belongs_to_session(EventType type) noexcept {
  return type == EventType::connect || type == EventType::disconnect || type == EventType::heartbeat;
}

template <class One, class Other>
bool same_event(const One& a, const Other& b) noexcept {
  return a.type == b.type && a.user == b.user && a.session == b.session && a.at == b.at && a.invisible == b.invisible &&
         a.status == b.status && a.online == b.online && a.last_active == b.last_active;
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

/// What happened, and when. A plain value that owns its strings: any field may be set by hand, and is judged when the
/// event is folded.
///
/// @code
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// PresenceEvent hello = PresenceEvent::connect("john", "phone", now);
/// hello.invisible = true;  // nobody else is to see him online
/// hello.status = "In a match";
/// const PresenceEvent beat = PresenceEvent::heartbeat("john", "phone", now + Duration::from_s(15));
/// assert(beat.session == hello.session && !beat.invisible);  // he stays as he was
///
/// const PresenceEventView borrowed = hello;  // no text is copied
/// assert(borrowed.user.data() == hello.user.data());
/// @endcode
struct PresenceEvent {
  EventType type = EventType::heartbeat;  ///< says which of the fields count
  std::string user;                       ///< id of whom it is about; not empty
  std::string session;                    ///< of a connect, disconnect or heartbeat
  Timestamp at;                           ///< when it happened, by the clock of whoever saw it happen
  std::optional<bool> invisible;          ///< of a connect; absent: as before
  std::optional<std::string> status;      ///< absent: as before; empty: none from now on
  bool online = false;                    ///< of a report
  std::optional<Timestamp> last_active;   ///< of a report; absent: nothing is said about it

  /// @{
  /// An event of a session: it begins, ends, or is still there. Visibility and status stay as before unless set.
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
  /// The user's status text from now on; empty: none.
  static PresenceEvent set_status(std::string user, std::string text, Timestamp at) {
    auto event = detail::make_event<PresenceEvent>(EventType::set_status, std::move(user), std::string(), at);
    event.status = std::move(text);
    return event;
  }
  /// A server's word on whether the user is online, and nothing else.
  static PresenceEvent report(std::string user, bool online, Timestamp at) {
    auto event = detail::make_event<PresenceEvent>(EventType::report, std::move(user), std::string(), at);
    event.online = online;
    return event;
  }
  /// All that `user` says: its status too, and its last_active where it has one.
  static PresenceEvent report(const User& user, Timestamp at) {
    PresenceEvent event = report(user.id, user.online, at);
    event.status = user.status;
    event.last_active = user.last_active;
    return event;
  }

  /// Whether all fields are the same, also those that the type has no use for.
  friend bool operator==(const PresenceEvent& a, const PresenceEvent& b) noexcept { return detail::same_event(a, b); }
  friend bool operator!=(const PresenceEvent& a, const PresenceEvent& b) noexcept { return !(a == b); }
};

/// The same, borrowing its strings. Valid until any of these is modified or destroyed. Every function that takes events
/// takes views as well, so that nothing is copied to be read.
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
  /// @}

  constexpr PresenceEventView() noexcept = default;
  /// @{
  /// Borrows the strings of the event, which must outlive the view. A temporary event is refused; functions that take
  /// an event for the length of the call, such as `apply`, take a temporary PresenceEvent.
  PresenceEventView(const PresenceEvent& event) noexcept
      : type(event.type),
        user(event.user),
        session(event.session),
        at(event.at),
        invisible(event.invisible),
        online(event.online),
        last_active(event.last_active) {
    if (event.status) status = std::string_view(*event.status);
  }
  PresenceEventView(const PresenceEvent&&) = delete;
  /// @}

  /// A copy that owns its strings.
  explicit operator PresenceEvent() const {
    auto event = detail::make_event<PresenceEvent>(type, std::string(user), std::string(session), at);
    event.invisible = invisible;
    if (status) event.status = std::string(*status);
    event.online = online;
    event.last_active = last_active;
    return event;
  }

  /// @{
  /// As in PresenceEvent. Borrows the strings, which must outlive the view. A temporary string or User is refused.
  static PresenceEventView connect(detail::BorrowedText user, detail::BorrowedText session, Timestamp at) noexcept {
    return detail::make_event<PresenceEventView, std::string_view>(EventType::connect, user, session, at);
  }
  static PresenceEventView disconnect(detail::BorrowedText user, detail::BorrowedText session, Timestamp at) noexcept {
    return detail::make_event<PresenceEventView, std::string_view>(EventType::disconnect, user, session, at);
  }
  static PresenceEventView heartbeat(detail::BorrowedText user, detail::BorrowedText session, Timestamp at) noexcept {
    return detail::make_event<PresenceEventView, std::string_view>(EventType::heartbeat, user, session, at);
  }
  static PresenceEventView set_status(detail::BorrowedText user, detail::BorrowedText text, Timestamp at) noexcept {
    auto event =
        detail::make_event<PresenceEventView, std::string_view>(EventType::set_status, user, std::string_view(), at);
    event.status = std::string_view(text);
    return event;
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
    return event;
  }
  static PresenceEventView report(const User& user, Timestamp at) noexcept { return report(UserView(user), at); }
  static PresenceEventView report(const User&&, Timestamp) = delete;
  /// @}

  /// Whether all fields are the same, also those that the type has no use for.
  friend bool operator==(const PresenceEventView& a, const PresenceEventView& b) noexcept {
    return detail::same_event(a, b);
  }
  friend bool operator!=(const PresenceEventView& a, const PresenceEventView& b) noexcept { return !(a == b); }
};

/// @{
/// Whether all fields are the same. Takes temporary events.
inline bool operator==(const PresenceEvent& a, const PresenceEventView& b) noexcept { return detail::same_event(a, b); }
inline bool operator!=(const PresenceEvent& a, const PresenceEventView& b) noexcept { return !(a == b); }
inline bool operator==(const PresenceEventView& a, const PresenceEvent& b) noexcept { return detail::same_event(a, b); }
inline bool operator!=(const PresenceEventView& a, const PresenceEvent& b) noexcept { return !(a == b); }
/// @}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_MODEL_EVENT_HPP
