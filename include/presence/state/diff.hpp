// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DIFF_HPP
#define PRESENCE_STATE_DIFF_HPP

#include <presence/state/detail/changes.hpp>
#include <presence/state/detail/fold.hpp>
#include <presence/state/detail/timeline.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_table.hpp>

#include <optional>  // for optional

namespace presence {
inline namespace PRESENCE_ABI {

namespace detail {

/// What others see differently, borrowed from both snapshots. All of it is dated alike;
/// or, where `dated` is absent, each with the latest timestamp that others know something of the user from.
inline Timeline<UserPresenceChangedView> differences(const Snapshot& from, const Snapshot& to, Timestamp dated) {
  const UserTable nothing;
  const Root* const a = SnapshotAccess::read(from);
  const Root* const b = SnapshotAccess::read(to);
  const Timestamp from_now = SnapshotAccess::now(from), to_now = SnapshotAccess::now(to);
  Timeline<UserPresenceChangedView> changes;
  // What both share looks the same at both timestamps if nothing in it is due up to the later one, and both go by the
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
                         change.at = dated != absent ? dated : latest_seen_instant(latest.registers());
                         changes.add(change);
                       });
  return changes;
}

}  // namespace detail

/// Calls `on_change(const UserPresenceChangedView&)` for every user whom others see differently in `to` than in `from`:
/// applied to the views of the one they give the views of the other. Each carries `to.now()`, or without one the latest
/// timestamp that others know something of that user from. In the order of (timestamp, id). What both share is passed
/// over.
///
/// @code
/// #include <presence/state/reduce.hpp>
///
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// Snapshot s = reduce(Snapshot(), PresenceEvent::connect("john", "phone", now));
/// const Snapshot shown = s;  // by the last frame
/// s = reduce(std::move(s), PresenceEvent::disconnect("john", "phone", now + Duration::from_s(5)));
/// s = reduce(std::move(s), PresenceEvent::connect("mary", "tv", now + Duration::from_s(5)));
/// std::string news;
/// diff(shown, s, [&](const UserPresenceChangedView& change) {
///   news += std::string(change.id) + (change.after->online ? " came, " : " went, ");
/// });
/// assert(news == "john went, mary came, ");
/// @endcode
template <class Fn>
void diff(const Snapshot& from, const Snapshot& to, Fn&& on_change) {
  detail::differences(from, to, detail::SnapshotAccess::now(to)).each(on_change);
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DIFF_HPP
