// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_DETAIL_EVENT_BODIES_HPP
#define PRESENCE_MODEL_DETAIL_EVENT_BODIES_HPP

#include <presence/base/time.hpp>
#include <presence/model/attributes.hpp>
#include <presence/model/event.hpp>
#include <presence/model/user.hpp>
#include <presence/model/value.hpp>

#include <optional>     // for optional
#include <string>       // for string
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {

namespace detail {

template <class One, class Other>
bool same_fields(const std::optional<One>& a, const std::optional<Other>& b) noexcept {
  return a.has_value() == b.has_value() && (!a || AttributesView(*a) == AttributesView(*b));
}

template <class One, class Other>
bool same_event(const One& a, const Other& b) noexcept {
  return a.type == b.type && a.user == b.user && a.session == b.session && a.at == b.at && a.invisible == b.invisible &&
         a.status == b.status && a.online == b.online && a.last_active == b.last_active && a.until == b.until &&
         a.availability == b.availability && a.priority == b.priority && same_fields(a.activity, b.activity) &&
         a.name == b.name && same_values(ValueView(a.value), ValueView(b.value)) && same_fields(a.data, b.data);
}

}  // namespace detail

PRESENCE_DETAIL_BODY PresenceEvent PresenceEvent::report(const User& user, Timestamp at) {
  PresenceEvent event = report(user.id, user.online, at);
  event.status = user.status;
  event.last_active = user.last_active;
  event.data = user.data;
  if (user.online) {
    event.availability = detail::shown_availability(true, user.availability);
    event.activity = user.activity;
  }
  return event;
}
PRESENCE_DETAIL_BODY bool PresenceEvent::are_equal(const PresenceEvent& a, const PresenceEvent& b) noexcept {
  return detail::same_event(a, b);
}

PRESENCE_DETAIL_BODY PresenceEventView::PresenceEventView(const PresenceEvent& event) noexcept
    : type(event.type),
      user(event.user),
      session(event.session),
      at(event.at),
      invisible(event.invisible),
      online(event.online),
      last_active(event.last_active),
      until(event.until),
      availability(event.availability),
      priority(event.priority),
      name(event.name),
      value(event.value) {
  if (event.activity) activity = AttributesView(*event.activity);
  if (event.data) data = AttributesView(*event.data);
  if (event.status) status = std::string_view(*event.status);
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY PresenceEventView::operator PresenceEvent() const {
  auto event = detail::make_event<PresenceEvent>(type, std::string(user), std::string(session), at);
  event.invisible = invisible;
  if (status) event.status = std::string(*status);
  event.online = online;
  event.last_active = last_active;
  event.until = until;
  event.availability = availability;
  event.priority = priority;
  if (activity) event.activity = static_cast<Attributes>(*activity);
  event.name = std::string(name);
  event.value = Value(value);
  if (data) event.data = static_cast<Attributes>(*data);
  return event;
}
PRESENCE_DETAIL_BODY bool PresenceEventView::are_equal(const PresenceEventView& a,
                                                       const PresenceEventView& b) noexcept {
  return detail::same_event(a, b);
}

PRESENCE_DETAIL_BODY bool operator==(const PresenceEvent& a, const PresenceEventView& b) noexcept {
  return detail::same_event(a, b);
}
PRESENCE_DETAIL_BODY bool operator==(const PresenceEventView& a, const PresenceEvent& b) noexcept {
  return detail::same_event(a, b);
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_MODEL_DETAIL_EVENT_BODIES_HPP
