// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_RESUME_HPP
#define PRESENCE_STATE_RESUME_HPP

#include <presence/base/time.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/registers/detail/session.hpp>
#include <presence/state/detail/advance.hpp>
#include <presence/state/detail/changes.hpp>
#include <presence/state/detail/plan.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_row.hpp>

#include <utility>  // for forward, move

/// For a host that was away: the sessions that were live when it stopped get time to return.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Returns whether the session keeps its user online at `now`, and only a silence will end it.
inline bool can_be_held(const SessionRegisters& session, Timestamp now, const Rules& rules) noexcept {
  return has_runs(session, rules) && session.has_evidence() && !ended_by_disconnect(session) &&
         now < online_until(session, rules);
}

/// Prolongs the last run of each session that is online, at least until `until`. A session that was not idle is not
/// idle before then. If memory runs out, some users may have been changed.
PRESENCE_DETAIL_RARE inline void hold_sessions(Snapshot& snapshot, Timestamp until) {
  const Root* const root = SnapshotAccess::read(snapshot);
  if (root == nullptr) return;
  const Snapshot before = snapshot;  // iterated while the other one changes
  const Rules& rules = before.rules();
  const Timestamp now = root->now;
  until = storable(until);
  for (const RowView row : root->table) {
    bool is_held = false;
    row.sessions().each([&](const SessionRegisters& session) { is_held |= can_be_held(session, now, rules); });
    if (!is_held) continue;
    Plan plan;
    plan.row = row;
    plan.after = normal_form_of(row, *root);
    for (SessionRegisters& session : plan.after.sessions) {
      if (!can_be_held(session, now, rules)) continue;
      const Timestamp idle = idle_from(session, rules);
      if (run_end(session, rules) < until) session.set_held_until(until);
      if (now < idle && idle != never) {
        const SessionMoment active{until - rules.idle_after, false};
        join_active(session, active);
      }
    }
    commit(SnapshotAccess::write(snapshot), root->table.key_of(row.name()), std::move(plan));
  }
}

/// Returns whether a snapshot can be resumed at that time: it is in range, and later than the time of the snapshot.
inline bool can_resume(const Snapshot& snapshot, Timestamp now) noexcept {
  return in_range(now) && SnapshotReader::now(snapshot) < now;
}

/// Resumes a snapshot that `can_resume`.
PRESENCE_DETAIL_RARE inline void resume(Snapshot& snapshot, Timestamp now, Duration patience,
                                        const ChangeSink& on_change) {
  Snapshot after = snapshot;
  hold_sessions(after, now + (patience < Duration() ? Duration() : patience));
  Changes changes;
  advance(SnapshotAccess::write(after), now, &changes);
  snapshot = std::move(after);
  notify_all(changes, on_change);
}

}  // namespace detail

/// Advances a snapshot to `now` after its host was away, for example after a restart from `decode`. Nobody who was
/// online goes offline, or idle, by silence before `now + patience`: their sessions get that long to send their next
/// heartbeat. Choose a `patience` a little longer than clients take to reconnect.
///
/// Other nodes take a hold only up to `session_timeout + offline_grace + max_clock_skew` from their own time: with more
/// patience, they refuse to merge this node's snapshot as too_early until the rest has passed.
///
/// A hold is no activity: last_active does not move, and a disconnect still ends the session, also a late one. What
/// ends at a given time, such as a status or the grace after a disconnect, ends then. Sessions without a timeout, and
/// reports without a report_timeout, need no hold. A negative `patience` counts as 0.
///
/// Calls `on_change` for each change that the passing of time causes, in the order of (timestamp, id). Does nothing if
/// `now` is not later than the snapshot's. If memory runs out, the snapshot is unchanged. O(users).
///
/// @code
/// #include <presence/state/reduce.hpp>
///
/// const Timestamp stop = *parse_timestamp("2019-01-07T13:17:42Z");
/// Snapshot room;
/// apply(room, PresenceEvent::connect("john", "phone", stop), [](const UserPresenceChangedView&) {});
/// apply(room, stop, [](const UserPresenceChangedView&) {});
///
/// const Timestamp restart = stop + Duration::from_s(300);  // much longer than session_timeout
/// int changes = 0;
/// resume(room, restart, Duration::from_s(60), [&changes](const UserPresenceChangedView&) { ++changes; });
/// assert(room.online("john") && changes == 0);
/// assert(room.next_deadline() == restart + Duration::from_s(60));  // unless john's phone sends a heartbeat
/// @endcode
template <class OnChange>
void resume(Snapshot& snapshot, Timestamp now, Duration patience, OnChange&& on_change) {
  detail::expect_callback<OnChange>();
  if (detail::can_resume(snapshot, now)) detail::resume(snapshot, now, patience, on_change);
}
/// The same, without a callback.
inline void resume(Snapshot& snapshot, Timestamp now, Duration patience) {
  presence::resume(snapshot, now, patience, detail::NoCallback());
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_RESUME_HPP
