// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_HOLDING_HPP
#define PRESENCE_STATE_DETAIL_HOLDING_HPP

#include <presence/base/time.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/registers/detail/session.hpp>
#include <presence/state/detail/plan.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_row.hpp>

#include <utility>  // for move

/// Sessions that are held online after a pause.
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

}  // namespace detail

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_HOLDING_HPP
