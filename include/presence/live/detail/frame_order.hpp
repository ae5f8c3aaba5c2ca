// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_DETAIL_FRAME_ORDER_HPP
#define PRESENCE_LIVE_DETAIL_FRAME_ORDER_HPP

#include <presence/model/detail/canonical_json.hpp>
#include <presence/model/event.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/registers.hpp>

#include <cstddef>  // for size_t

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The length of a frame. Timestamps less than this apart count as the same.
inline constexpr Duration one_frame = Duration::from_ns(1000);

/// The timestamps at which an event takes effect. An event takes effect at its own timestamp, unless this would not
/// follow the call order. It then takes effect 1 ns after the user's earlier event in the same frame.
///
/// Other users must not be able to find out what an invisible user does, not even from a difference of 1 ns. This gives
/// three rules for an invisible user:
/// - An event in the frame of the cut (see `invisible_since`) takes effect no earlier than the cut, so it is hidden.
/// - An event from before that frame may be visible. It is not moved by events that may be hidden.
/// - A status is always visible. It is ordered only by other statuses and by removals.
/// - A removal is always visible. It is ordered only by what others see.
///
/// The reports of a server may arrive in any order. Their timestamps say which is the latest, however close they are.
/// So a report is moved only behind one with the same timestamp, or behind one that was moved from there.
struct FrameOrder {
  Timestamp at;         ///< of the event
  Timestamp status_at;  ///< of its status

  bool is_split() const noexcept { return at != status_at; }

  /// Precondition: `event.at` is in range. `moved` is the timestamp to which an earlier report of the user with the
  /// same timestamp was moved, or `absent`.
  FrameOrder(const PresenceEventView& event, const RegistersView& user, Timestamp moved = absent) noexcept
      : at(event.at), status_at(event.at), first_(event.at), end_(event.at + one_frame) {
    if (event.type != EventType::remove) follow(user.removed());  // what is dated up to it is dropped
    if (event.type == EventType::report) {
      follow(user.forgotten_up_to());
      end_ = later(moved, event.at) + Duration::from_ns(1);
    }
    const Timestamp cut = invisible_since(user.visibility_changes);
    const bool is_of_session = belongs_to_session(event.type), is_late = cut != absent && end_ <= cut;
    const bool asks = sets_visibility(event), asks_visible = asks && !*event.invisible;
    const bool is_private = is_of_session || asks || event.type == EventType::set_availability;
    const bool is_hidden = cut != absent && is_private && !asks_visible;
    const bool may_show = is_late && event.type != EventType::disconnect;

    if (event.status && (*event.status != user.status() || event.until.value_or(never) != user.status_until()))
      follow(user.status_at());
    status_at = at;
    if (is_hidden && !is_late) at = later(at, cut);
    if (is_of_session && !may_show) follow_session(event, user);
    // What others have seen before stays visible.
    if (asks && !asks_visible && cut == absent && !user.activities.empty())
      follow(user.activities[user.activities.size() - 1].evidence);
    if (asks) {
      for (const VisibilityChange& visibility_change : user.visibility_changes) {
        if (visibility_change.invisible != *event.invisible) follow(visibility_change.at);
      }
    }
    if (event.type == EventType::report) follow_report(event, user);
    if (event.type == EventType::set_data) follow_data(event, user);
    if (event.type == EventType::set_availability && user.rare != nullptr) follow_choice(event, *user.rare);
    if (event.type == EventType::remove) follow_all(user, cut);
    if (!event.status || !is_hidden || may_show) status_at = at;
  }

 private:
  void follow(Timestamp other) noexcept {
    const Timestamp behind = other + Duration::from_ns(1);
    if (other >= first_ && other < end_ && behind != never) at = later(at, behind);
  }
  void follow_session(const PresenceEventView& event, const RegistersView& user) noexcept {
    const SessionRegisters* const session = find_session(user.sessions, event.session);
    if (session == nullptr) return;
    if (event.type == EventType::disconnect) {
      follow(session->evidence_at());
      return;
    }
    follow(session->last_disconnect());
    follow_state(event, *session);
  }
  /// What a session says of itself is ordered by what it said before.
  void follow_state(const PresenceEventView& event, const SessionRegisters& session) noexcept {
    if (!says_availability(event.type)) return;
    if (event.activity && session.activity_moment().exists() &&
        !same_json(AttributesView(session.shown()), *event.activity, true))
      follow(session.activity_moment().at);
    if (!event.availability) return;
    const SessionState said = session.state();
    if (said.availability != *event.availability || said.priority != event.priority.value_or(std::int8_t{0}))
      follow(said.moment.at);
  }
  /// Data is always visible, and ordered only by data of the same name and by full reports.
  void follow_data(const PresenceEventView& event, const RegistersView& user) noexcept {
    if (user.rare == nullptr || !user.rare->data) return;
    follow(user.rare->data->since);
    each_entry(*user.rare->data, [&](std::string_view name, Timestamp date, const Value* value) {
      if (name == event.name && !same_json(value == nullptr ? ValueView(nullptr) : value->view(), event.value))
        follow(date);
    });
  }
  void follow_choice(const PresenceEventView& event, const RareRegisters& user) noexcept {
    if (event.availability.value_or(Availability::offline) != user.choice ||
        event.until.value_or(never) != user.choice_until)
      follow(user.choice_at);
  }
  /// A removal drops what was dated before it. It is not moved by what others do not see.
  void follow_all(const RegistersView& user, Timestamp cut) noexcept {
    follow(user.status_at());
    follow(later(user.reported_at(), user.reported_last_active_at()));
    follow(user.data_at());
    const std::size_t seen = seen_activities(user.activities, cut);
    if (seen != 0) follow(user.activities[seen - 1].value);
    if (cut != absent) return;
    for (const SessionRegisters& session : user.sessions) follow(session.latest());
    if (user.rare != nullptr) follow(user.rare->choice_at);
  }
  void follow_report(const PresenceEventView& event, const RegistersView& user) noexcept {
    const SessionRegisters* const report = user.report();
    const bool is_online = report != nullptr && report->has_evidence() && !ended_by_disconnect(*report);
    if (user.reported_at() != absent && is_online != event.online) follow(user.reported_at());
    if (report != nullptr && event.online) follow_state(event, *report);
    if (event.last_active && *event.last_active != user.reported_last_active()) follow(user.reported_last_active_at());
    if (event.data && !same_json(AttributesView(user.data()), *event.data, false)) follow(user.data_at());
  }

  Timestamp first_, end_;  // the frame, from first_ up to but not including end_
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_DETAIL_FRAME_ORDER_HPP
