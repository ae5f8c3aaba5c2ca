// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DIFF_HPP
#define PRESENCE_STATE_DIFF_HPP

#include <presence/state/detail/changes.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/detail/timeline.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_table.hpp>

#include <optional>  // for optional
#include <utility>   // for move

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

/// Calls `on_change` for every difference, in the order of (timestamp, id).
PRESENCE_DETAIL_APART inline void diff(const Snapshot& from, const Snapshot& to, const ChangeSink& on_change) {
  if (on_change) differences(from, to, SnapshotAccess::now(to)).each(on_change);
}

}  // namespace detail

/// Calls `on_change(const UserPresenceChangedView&)` for every user whose publicly visible state differs between `from`
/// and `to`. Applying the changes to the views of `from` gives the views of `to`. Each change carries `to.now()`, or,
/// if there is none, the latest timestamp in what others know of that user. The order is (timestamp, id). Parts that
/// both snapshots share are skipped.
///
/// @code
/// #include <presence/state/reduce.hpp>
///
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// Snapshot s = reduce(Snapshot(), PresenceEvent::connect("john", "phone", now));
/// const Snapshot shown = s;  // what the last frame showed
/// s = reduce(std::move(s), PresenceEvent::disconnect("john", "phone", now + Duration::from_s(5)));
/// s = reduce(std::move(s), PresenceEvent::connect("mary", "tv", now + Duration::from_s(5)));
/// std::string text;
/// diff(shown, s, [&](const UserPresenceChangedView& change) {
///   text += std::string(change.id) + (change.after->online ? " came, " : " went, ");
/// });
/// assert(text == "john went, mary came, ");
/// @endcode
template <class Fn>
void diff(const Snapshot& from, const Snapshot& to, Fn&& on_change) {
  detail::expect_callback<Fn>();
  detail::diff(from, to, on_change);
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DIFF_HPP
