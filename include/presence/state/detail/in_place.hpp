// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_IN_PLACE_HPP
#define PRESENCE_STATE_DETAIL_IN_PLACE_HPP

#include <presence/base/detail/shared_string.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/user.hpp>
#include <presence/registers/detail/acceptance_window.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/normal_form.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/state/detail/changes.hpp>
#include <presence/state/detail/event_target.hpp>
#include <presence/state/detail/judge.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/page.hpp>
#include <presence/table/detail/user_row.hpp>
#include <presence/table/detail/user_table.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint32_t
#include <optional>     // for optional, nullopt
#include <string_view>  // for string_view
#include <utility>      // for exchange, in_place, move

/// A fast path around `plan_event` for the most frequent events: newer events of a known session, or a newer status.
/// They change a few registers in place. Events that it does not apply are left to `plan_event`. For the events that it
/// applies, `plan_event` would have the same effect. What `plan_event` would also drop is dropped when the user is next
/// normalised (normal_form.hpp).
///
/// Except for heartbeats without a visible effect, it applies only to users whose visible state depends only on their
/// sessions and their status. Such users are not invisible, have no reports, and are not forgotten by age.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// A user's row in the table of a root that is its only owner.
struct PlaceInTable {
  Root& root;
  const EventTarget& target;
  Page& page;

  std::uint32_t at() const noexcept { return target.at; }
  RowAccess row() const noexcept { return page.row(target.at); }
  /// Lowers the bounds of the row to these, if they are later.
  void lower_bounds(Timestamp due, Timestamp cleanup) const noexcept {
    root.table.lower_bounds(target.key, page, target.at, due, cleanup);
  }
  /// Lowers the cleanup bound of the row to the end of use of a session that has evidence or a disconnect at `at`. That
  /// is later than the window behind it, so most bounds are early enough and it is not computed.
  void lower_cleanup_to_end_of_use(const SessionRegisters& session, Timestamp at) const noexcept {
    if (at + root.rules.reorder_window < page.cleanup) lower_bounds(never, session_end_of_use(session, root.rules));
  }
};

/// Returns whether the sessions keep the user online. Valid only for users whose visible state depends only on their
/// sessions and their status.
inline bool is_online(const RowView& row, const Root& root, const AcceptanceWindow& bounds) noexcept {
  if (root.rules.offline_grace != Duration()) return root.now < online_until(row.sessions(), root.rules);
  for (const SessionRegisters& session : row.sessions()) {
    if (bounds.is_live(session)) return true;
  }
  return false;
}
/// Returns the number of live sessions.
PRESENCE_DETAIL_FLAT inline std::size_t count_live(const RowView& row, const AcceptanceWindow& bounds) noexcept {
  std::size_t live = 0;
  row.sessions().each([&](const SessionRegisters& session) { live += bounds.is_live(session) ? 1u : 0u; });
  return live;
}

/// The visible state of such a user. Nothing says that they are other than available.
struct VisibleState {
  bool online;
  Timestamp last_active;
  std::string_view status;

  friend bool operator==(const VisibleState& a, const VisibleState& b) noexcept {
    return a.online == b.online && a.last_active == b.last_active && a.status == b.status;
  }
  std::optional<UserView> view(std::string_view id) const noexcept {
    return std::optional<UserView>(std::in_place, id, online, status,
                                   last_active == absent ? std::nullopt : std::optional<Timestamp>(last_active), false,
                                   online ? Availability::available : Availability::offline);
  }
};

/// Calls `on_change` if the visible state changed.
PRESENCE_DETAIL_APART inline void notify(const PlaceInTable& place, Timestamp at, const VisibleState& before,
                                         const VisibleState& after, const ChangeSink& on_change) {
  if (before == after) return;
  const std::string_view id = place.row().name();
  UserPresenceChangedView changed{id, before.view(id), after.view(id), place.root.now == absent ? at : place.root.now};
  changed.before->data = changed.after->data = place.row().data();
  on_change(changed);
}

/// Applies a later status of a user who is known to others. Returns whether the event was applied.
inline bool apply_status(const PlaceInTable& place, const PresenceEventView& event, const AcceptanceWindow& bounds,
                         const ChangeSink& on_change) {
  const RowAccess row = place.row();
  const Timestamp status_at = row.status_at(), active = row.latest_active();
  if (event.at <= status_at || (active == absent && status_at == absent) || !event.status || event.until ||
      event.status->size() > place.root.rules.max_status_bytes)
    return false;
  if (on_change) {
    SharedString after(*event.status);
    row.need_status_at() = event.at;
    const SharedString before(std::exchange(row.own_status(), std::move(after)));
    const VisibleState was{is_online(row, place.root, bounds), active, before.view()};
    notify(place, event.at, was, VisibleState{was.online, was.last_active, row.status()}, on_change);
  } else {
    Timestamp* own_status_at = row.own_status_at();
    if (own_status_at != nullptr) {
      row.own_status().assign(*event.status);
    } else {
      SharedString after(*event.status);
      own_status_at = &row.need_status_at();
      row.own_status() = std::move(after);
    }
    *own_status_at = event.at;
  }
  return true;
}

/// Room for one more earlier run of a session. If it is not used, because memory ran out later, it is released.
class RoomForRun {
 public:
  /// Drops the runs that ended before the window. The session may move afterwards. Does nothing unless `is_needed` is
  /// true.
  RoomForRun(SessionRegisters*& session, Timestamp window, bool is_needed) : session_(session), is_needed_(is_needed) {
    if (!is_needed) return;
    const Span<Run> runs = session->earlier_runs();
    const Run* const kept =
        detail::partition_point(runs.begin(), runs.end(), [window](const Run& run) { return run.end < window; });
    session->drop_earlier_runs(static_cast<std::size_t>(kept - runs.begin()));
    session->reserve_earlier_run();
  }
  RoomForRun(const RoomForRun&) = delete;
  RoomForRun& operator=(const RoomForRun&) = delete;
  ~RoomForRun() {
    if (is_needed_) session_->settle();
  }

 private:
  SessionRegisters*& session_;
  bool is_needed_;
};

/// Applies a later connect, activity or disconnect of a known session. Returns whether the event was applied.
inline bool apply_session_event(const PlaceInTable& place, const PresenceEventView& event, AcceptanceWindow& bounds,
                                const ChangeSink& on_change) {
  Root& root = place.root;
  const RowAccess row = place.row();
  SessionRegisters* found = row.own_session(place.target.session);
  const Activity* const latest = row.latest_activity();
  if (found == nullptr || latest == nullptr || event.status || sets_visibility(event) ||
      (says_availability(event.type) && (event.availability || event.activity || event.priority)) ||
      !found->has_only_life() || !found->is_refreshable())
    return false;
  // After a removal, the runs may be without evidence. The event may be in one of them.
  if (!found->has_evidence() && !found->is_simple() && !found->earlier_runs().empty()) return false;
  const Timestamp active_before = latest->value;
  const bool was_live = bounds.is_live(*found), is_disconnect = event.type == EventType::disconnect;
  bool was_online = was_live;
  if (!was_live) {
    // If all registers of the session are forgettable, it counts as a new one, and others may have to be dropped for
    // it.
    if (row.session_count() > bounds.session_room() && session_end_of_use(*found, root.rules) <= root.now) return false;
    if (!is_disconnect && row.session_count() > root.rules.max_sessions_per_user) {
      const std::size_t live = count_live(row, bounds);
      if (live >= root.rules.max_sessions_per_user) return false;  // one has to be dropped
      was_online = live != 0;
    }
    was_online = was_online || is_online(row, root, bounds);
  }

  if (is_disconnect) {
    const Timestamp last = found->last_disconnect();
    if (event.at <= last) return false;
    if (root.rules.offline_grace == Duration()) {
      found->set_only_disconnect(event.at);
    } else {
      // With an offline grace period, the disconnect before the last evidence matters as well, and any that ends the
      // session earlier.
      if (event.at <= found->evidence_at() || ended_by_disconnect(*found)) return false;
      if (last != absent && recent_room(root.rules) < 2) return false;
      found->add_disconnect(event.at);
      if (last != absent) place.lower_bounds(never, session_end_of_use(*found, root.rules));
    }
  } else {
    if (event.at <= found->evidence_at() || event.at <= latest->evidence) return false;
    const bool has_timeout = root.rules.session_timeout != Duration();
    const bool begins_run = has_timeout && (!found->has_evidence() || !bounds.is_of_run(*found, event.at));
    // An earlier run matters until it has ended before the window.
    const bool keeps_run =
        begins_run && found->has_evidence() && (root.now == absent || bounds.window() <= run_end(*found, root.rules));
    if (keeps_run && found->earlier_runs().size() >= recent_room(root.rules)) return false;
    const RoomForRun room(found, bounds.window(), keeps_run);
    const bool is_connect = event.type == EventType::connect;
    const Timestamp value = is_connect ? event.at : bounds.heartbeat_value(event.at, root.rules);
    if (active_before < value) {
      place.page.invalidate_cover(place.at());
      row.add_activity({value, event.at}, bounds.window(), recent_room(root.rules));
      found = row.own_session(place.target.session);  // adding an activity may move it
      if (row.activities().size() > RowRest::activities_inside) place.lower_cleanup_to_end_of_use(*found, event.at);
    }
    if (keeps_run) {
      found->add_earlier_run({found->run_start(), storable(run_end(*found, root.rules))});
      place.lower_cleanup_to_end_of_use(*found, event.at);
    }
    if (begins_run) found->set_run_start(event.at);
    found->set_evidence({event.at, is_connect});
    if (!found->is_simple()) {
      const Timestamp over = reopened_at(*found);
      found->keep_disconnects([over](Timestamp at) { return at >= over; });
    }
  }

  // If a live session keeps the user online, no other session has to be read.
  const bool is_live = bounds.is_live(*found);
  Timestamp until = absent;
  if (is_live || row.session_count() == 1) {
    until = online_until(*found, root.rules);
  } else {
    until = online_until(row.sessions(), root.rules);
  }
  const bool stays_online = root.now < until;
  if (stays_online != was_online) {
    root.online += stays_online ? 1u : 0u;
    root.online -= was_online ? 1u : 0u;
    place.page.set_online(place.at(), stays_online);
  }
  // A deferred deadline leaves the bound as it is. The deadline may be earlier if the user came online or a session
  // ended.
  if (stays_online && (is_disconnect || !was_online)) place.lower_bounds(until, never);
  // The bound for dropping the sessions is there already. Other memory can be freed when the last session has ended for
  // the window.
  if (is_disconnect && row.has_memory_elsewhere()) {
    const Timestamp last = later(event.at, root.now) + root.rules.offline_grace;
    if (until <= last) place.lower_bounds(never, last + root.rules.reorder_window + Duration::from_ns(1));
  }
  if (on_change) {
    const VisibleState before{was_online, active_before, row.status()},
        after{stays_online, row.latest_active(), before.status};
    notify(place, event.at, before, after, on_change);
  }
  return true;
}

/// Returns whether the session is live, and `at` is later than its last evidence and in the same run.
inline bool is_refreshed_by(const SessionRegisters& session, Timestamp at, const AcceptanceWindow& bounds) noexcept {
  return at > session.evidence_at() && bounds.is_of_run(session, at) && session.is_refreshable() &&
         bounds.is_live(session);
}
/// Returns whether a heartbeat of that timestamp and value leaves the user's activities unchanged.
inline bool is_activity_known(const RowView& row, Timestamp value, Timestamp at) noexcept {
  const Activity* const latest = row.latest_activity();
  return latest != nullptr && latest->evidence <= at && latest->value >= value;
}

/// Returns whether no change of the user comes earlier if a session lasts longer. Of several sessions that say what
/// they are, the longer one may decide before another one does.
inline bool is_independent_of_length(const RowView& row, const Rules& rules) noexcept {
  return row.session_count() == 1 || is_plain(row, rules) || says_nothing(row.registers(), rules);
}

/// Applies a heartbeat that only refreshes the session: its session is live, and neither the value of last_active nor
/// the time from which the session is idle changes. Returns whether the heartbeat was applied. `row` is the user's.
inline bool refresh_session(Root& root, Page& page, std::uint32_t row, const LookupKey& id,
                            const PresenceEventView& event) noexcept {
  AcceptanceWindow& bounds = root.bounds();
  const Rules& rules = root.rules;
  const Timestamp at = event.at;
  if (event.type != EventType::heartbeat || event.status || !bounds.admit(at) || event.session.empty() ||
      !ids_fit(event, rules) || (rules.idle_after != Duration() && rules.heartbeat_is_activity))
    return false;
  SessionRegisters* const session = page.row(row).own_session(id);
  if (session == nullptr || !is_refreshed_by(*session, at, bounds)) return false;
  if (!rules.heartbeat_is_activity) {
    if (!is_independent_of_length(page.row(row), rules)) return false;
    session->refresh(at);
    return true;
  }
  // The page caches both, so that the rest of the row is not read.
  const Timestamp value = bounds.heartbeat_value(at, rules);
  if (!page.covers(row, value, at)) {
    if (!is_activity_known(page.row(row), value, at) || !is_independent_of_length(page.row(row), rules)) return false;
    page.cover(row, value, at);
  }
  session->refresh(at);
  return true;
}
inline bool refresh_session(const PlaceInTable& place, const PresenceEventView& event) noexcept {
  return refresh_session(place.root, place.page, place.at(), place.target.session, event);
}

/// Returns whether `one` differs from `other`, a row of the same user, only by such a heartbeat of the first session.
inline bool is_ahead_by_refresh(const RowView& one, const RowView& other, AcceptanceWindow& bounds,
                                const Rules& rules) noexcept {
  const SessionRegisters &session = one.first_session(), &before = other.first_session();
  const Timestamp at = session.evidence_at();
  return rules.idle_after == Duration() && is_independent_of_length(one, rules) && bounds.admit(at) &&
         !session.evidence().by_connect && session.is_simple() && before.is_simple() && session.is_refreshable() &&
         !session.is_report() && is_refreshed_by(before, at, bounds) && before.id == session.id &&
         before.run_start() == session.run_start() && before.last_disconnect() == session.last_disconnect() &&
         (!rules.heartbeat_is_activity || is_activity_known(other, bounds.heartbeat_value(at, rules), at)) &&
         one.keeps_same_beside(other);
}

template <bool only_plain>
bool refresh_in(Root& root, const UserTable::Owned& user, const PresenceEventView& event) noexcept {
  if (only_plain && !is_plain(user.page->row(user.at), root.rules)) return false;
  return refresh_session(root, *user.page, user.at, LookupKey(event.session), event);
}
template <bool only_plain>
PRESENCE_DETAIL_APART bool find_and_refresh_slowly(Root& root, const PresenceEventView& event) noexcept {
  const UserTable::Owned found = root.table.locate_owned(root.table.key_of(event.user));
  return found && refresh_in<only_plain>(root, found, event);
}
/// Looks up the user of a heartbeat, and applies the heartbeat if it only refreshes a session in an unshared page.
/// Returns whether it was applied. The result of the lookup is not returned, because it would have to be kept until the
/// end. If `only_plain`, the user must be plain as well.
template <bool only_plain = false>
PRESENCE_DETAIL_FLAT bool find_and_refresh_session(Root& root, const PresenceEventView& event) noexcept {
  if (event.type != EventType::heartbeat) return false;
  const UserTable::Owned found = root.table.locate_owned_fast(event.user);
  if (!found) return find_and_refresh_slowly<only_plain>(root, event);
  found.page->forget_notes();
  return refresh_in<only_plain>(root, found, event);
}

/// Does the same if the path and the row are already known.
PRESENCE_DETAIL_FLAT inline bool refresh_found_session(Root& root, const PresenceEventView& event,
                                                       const EventTarget& target) noexcept {
  if (event.type != EventType::heartbeat) return false;
  Page* const page = target.own_page();
  return page != nullptr && refresh_session({root, target, *page}, event);
}

/// Applies an event, other than a heartbeat that only refreshes the session, to the user's row in place if possible.
/// Calls `on_change` if the visible state changed. Returns whether the event was applied. If memory runs out, nothing
/// changes.
inline bool apply_in_place(const PlaceInTable& place, const PresenceEventView& event, const ChangeSink& on_change) {
  AcceptanceWindow& bounds = place.root.bounds();
  const Rules& rules = place.root.rules;
  const RowAccess row = place.row();
  if (!bounds.admit(event.at) || !ids_fit(event, rules) || !is_plain(row, rules)) return false;
  if (event.type == EventType::set_status) return apply_status(place, event, bounds, on_change);
  const bool is_activity = event.type == EventType::connect || event.type == EventType::active ||
                           (event.type == EventType::heartbeat && rules.heartbeat_is_activity);
  return (is_activity || event.type == EventType::disconnect) && !event.session.empty() &&
         apply_session_event(place, event, bounds, on_change);
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_IN_PLACE_HPP
