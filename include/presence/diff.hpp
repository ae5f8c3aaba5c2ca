// SPDX-License-Identifier: MIT
#ifndef PRESENCE_DIFF_HPP
#define PRESENCE_DIFF_HPP

#include <presence/detail/algorithm.hpp>
#include <presence/detail/changes.hpp>
#include <presence/detail/fold.hpp>
#include <presence/detail/memory.hpp>
#include <presence/detail/user_table.hpp>
#include <presence/snapshot.hpp>

#include <optional>  // for optional

namespace presence {
inline namespace PRESENCE_ABI {

namespace detail {

/// Tells what others see differently. All of it is dated alike; or, where `dated` is absent, each with the latest
/// instant that others know something of the user from.
template <class Fn>
void tell_differences(const Snapshot& from, const Snapshot& to, Timestamp dated, Fn& on_change) {
  const UserTable nothing;
  const Root* const a = SnapshotAccess::read(from);
  const Root* const b = SnapshotAccess::read(to);
  const Timestamp from_now = SnapshotAccess::now(from), to_now = SnapshotAccess::now(to);
  // Equal registers look the same only at equal instants and by equal rules; snapshots of other rules share none.
  const bool skip_shared = from_now == to_now;
  Vector<UserPresenceChangedView> undated;  // told when all are there: only then is their order known
  UserTable::each_pair(a != nullptr ? a->table : nothing, b != nullptr ? b->table : nothing, skip_shared,
                       [&](const Record* before, const Record* after) {
                         UserPresenceChangedView told;
                         if (before != nullptr) told.before = seen_by_others(*before, from_now, from.rules());
                         if (after != nullptr) told.after = seen_by_others(*after, to_now, to.rules());
                         if (told.before == told.after) return;
                         const Record& latest = after != nullptr ? *after : *before;
                         told.id = latest->name();
                         told.at = dated;
                         if (dated == absent) {
                           told.at = latest_seen_instant(latest->registers);
                           undated.push_back(told);
                         } else {
                           on_change(static_cast<const UserPresenceChangedView&>(told));
                         }
                       });
  detail::sort(undated, [](const UserPresenceChangedView& x, const UserPresenceChangedView& y) {
    return x.at != y.at ? x.at < y.at : x.id < y.id;
  });
  for (const UserPresenceChangedView& told : undated) on_change(told);
}

}  // namespace detail

/// Calls `on_change(const UserPresenceChangedView&)` for every user whom others see differently in `to` than in `from`:
/// applied to the views of the one they give the views of the other. Each carries `to.now()`, or without one the latest
/// instant that others know something of that user from. In the order of (instant, id). What both share is passed over.
template <class Fn>
void diff(const Snapshot& from, const Snapshot& to, Fn&& on_change) {
  detail::tell_differences(from, to, detail::SnapshotAccess::now(to), on_change);
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_DIFF_HPP
