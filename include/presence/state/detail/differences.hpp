// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_DIFFERENCES_HPP
#define PRESENCE_STATE_DETAIL_DIFFERENCES_HPP

#include <presence/state/detail/changes.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/detail/timeline.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_table.hpp>

#include <utility>  // for move

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Returns the differences that others see, borrowed from both snapshots. Each carries `dated`, or, if that is
/// `absent`, the latest timestamp in what others know of the user.
PRESENCE_DETAIL_APART inline Timeline<UserPresenceChangedView> differences(const Snapshot& from, const Snapshot& to,
                                                                           Timestamp dated) {
  const UserTable nothing;
  const Root* const a = SnapshotAccess::read(from);
  const Root* const b = SnapshotAccess::read(to);
  const Timestamp from_now = SnapshotAccess::now(from), to_now = SnapshotAccess::now(to);
  Timeline<UserPresenceChangedView> changes;
  // A shared part looks the same at both timestamps if no deadline in it passes up to the later one. Both must have the
  // same rules.
  const Timestamp up_to = same_but_for_seed(from.rules(), to.rules()) ? later(from_now, to_now) : never;
  UserTable::each_pair(a != nullptr ? a->table : nothing, b != nullptr ? b->table : nothing, up_to,
                       [&](RowView before, RowView after) {
                         UserPresenceChangedView change;
                         if (before != nullptr) change.before = seen_by_others(*before, from_now, from.rules());
                         if (after != nullptr) change.after = seen_by_others(*after, to_now, to.rules());
                         if (change.before == change.after) return;
                         const RowView& latest = after != nullptr ? *after : *before;
                         change.id = latest.name();
                         change.at = dated;
                         // Forgotten data must not matter, whether or not it has been dropped yet.
                         if (dated == absent)
                           change.at = latest_seen_timestamp(normal_form_of(latest, after != nullptr ? *b : *a));
                         changes.add(std::move(change));
                       });
  return changes;
}

}  // namespace detail

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_DIFFERENCES_HPP
