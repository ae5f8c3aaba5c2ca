// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_DETAIL_USER_BODIES_HPP
#define PRESENCE_MODEL_DETAIL_USER_BODIES_HPP

#include <presence/model/attributes.hpp>
#include <presence/model/availability.hpp>
#include <presence/model/user.hpp>

#include <optional>     // for optional, nullopt
#include <string>       // for string
#include <string_view>  // for string_view
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {

PRESENCE_DETAIL_BODY UserView::operator User() const {
  return User{std::string(id), online, std::string(status), last_active, invisible, availability, activity, data};
}
PRESENCE_DETAIL_BODY bool UserView::are_equal(const UserView& a, const UserView& b) noexcept {
  return a.id == b.id && a.online == b.online && a.status == b.status && a.last_active == b.last_active &&
         a.invisible == b.invisible &&
         detail::shown_availability(a.online, a.availability) == detail::shown_availability(b.online, b.availability) &&
         a.activity == b.activity && a.data == b.data;
}
PRESENCE_DETAIL_BODY bool operator==(const User& a, const User& b) noexcept { return UserView(a) == UserView(b); }

PRESENCE_DETAIL_BODY bool Session::are_equal(const Session& a, const Session& b) {
  return a.id == b.id && a.last_evidence == b.last_evidence && a.online_since == b.online_since &&
         a.disconnects == b.disconnects && a.online_until == b.online_until && a.alive == b.alive &&
         a.availability == b.availability && a.priority == b.priority && a.active == b.active;
}
PRESENCE_DETAIL_BODY bool Device::are_equal(const Device& a, const Device& b) {
  return a.session == b.session && a.availability == b.availability && a.activity == b.activity;
}
PRESENCE_DETAIL_BODY bool PresenceState::are_equal(const PresenceState& a, const PresenceState& b) {
  return a.user == b.user && a.status_at == b.status_at && a.invisible_since == b.invisible_since &&
         a.sessions == b.sessions && a.status_until == b.status_until && a.choice == b.choice &&
         a.choice_until == b.choice_until;
}

namespace detail {

template <class View>
bool changed_online(const std::optional<View>& before, const std::optional<View>& after) noexcept {
  return (before && before->online) != (after && after->online);
}
template <class View>
bool changed_availability(const std::optional<View>& before, const std::optional<View>& after) noexcept {
  return (before ? shown_availability(before->online, before->availability) : Availability::offline) !=
         (after ? shown_availability(after->online, after->availability) : Availability::offline);
}
template <class View>
bool changed_activity(const std::optional<View>& before, const std::optional<View>& after) noexcept {
  return (before ? AttributesView(before->activity) : AttributesView()) !=
         (after ? AttributesView(after->activity) : AttributesView());
}
template <class View>
bool changed_data(const std::optional<View>& before, const std::optional<View>& after) noexcept {
  return (before ? AttributesView(before->data) : AttributesView()) !=
         (after ? AttributesView(after->data) : AttributesView());
}
template <class View>
bool changed_status(const std::optional<View>& before, const std::optional<View>& after) noexcept {
  return (before ? std::string_view(before->status) : std::string_view()) !=
         (after ? std::string_view(after->status) : std::string_view());
}
template <class View>
bool changed_last_active(const std::optional<View>& before, const std::optional<View>& after) noexcept {
  return (before ? before->last_active : std::nullopt) != (after ? after->last_active : std::nullopt);
}

}  // namespace detail

PRESENCE_DETAIL_BODY bool UserPresenceChangedView::online_changed() const noexcept {
  return detail::changed_online(before, after);
}
PRESENCE_DETAIL_BODY bool UserPresenceChangedView::availability_changed() const noexcept {
  return detail::changed_availability(before, after);
}
PRESENCE_DETAIL_BODY bool UserPresenceChangedView::activity_changed() const noexcept {
  return detail::changed_activity(before, after);
}
PRESENCE_DETAIL_BODY bool UserPresenceChangedView::data_changed() const noexcept {
  return detail::changed_data(before, after);
}
PRESENCE_DETAIL_BODY bool UserPresenceChangedView::status_changed() const noexcept {
  return detail::changed_status(before, after);
}
PRESENCE_DETAIL_BODY bool UserPresenceChangedView::last_active_changed() const noexcept {
  return detail::changed_last_active(before, after);
}

PRESENCE_DETAIL_BODY UserPresenceChanged::UserPresenceChanged(const UserPresenceChangedView& change)
    : id(change.id), at(change.at) {
  if (change.before) before = static_cast<User>(*change.before);
  if (change.after) after = static_cast<User>(*change.after);
}
PRESENCE_DETAIL_BODY bool UserPresenceChanged::online_changed() const noexcept {
  return detail::changed_online(before, after);
}
PRESENCE_DETAIL_BODY bool UserPresenceChanged::availability_changed() const noexcept {
  return detail::changed_availability(before, after);
}
PRESENCE_DETAIL_BODY bool UserPresenceChanged::activity_changed() const noexcept {
  return detail::changed_activity(before, after);
}
PRESENCE_DETAIL_BODY bool UserPresenceChanged::data_changed() const noexcept {
  return detail::changed_data(before, after);
}
PRESENCE_DETAIL_BODY bool UserPresenceChanged::status_changed() const noexcept {
  return detail::changed_status(before, after);
}
PRESENCE_DETAIL_BODY bool UserPresenceChanged::last_active_changed() const noexcept {
  return detail::changed_last_active(before, after);
}
PRESENCE_DETAIL_BODY bool UserPresenceChanged::are_equal(const UserPresenceChanged& a,
                                                         const UserPresenceChanged& b) noexcept {
  return a.id == b.id && a.at == b.at && a.before == b.before && a.after == b.after;
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_MODEL_DETAIL_USER_BODIES_HPP
