// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_MERGE_HPP
#define PRESENCE_STATE_MERGE_HPP

#include <presence/state/detail/change_sink.hpp>
#include <presence/state/reduce.hpp>
#include <presence/state/snapshot.hpp>

namespace presence {
inline namespace PRESENCE_ABI {

namespace detail {

void merge_into(Snapshot& snapshot, const Snapshot& other, const ChangeSink& on_change);

}  // namespace detail

/// Joins another snapshot into this one and advances to the later timestamp of both. The result is as if this snapshot
/// had received everything that either of them received.
///
/// The rules of `snapshot` remain in force, but its max_users is not applied: users that either snapshot knows remain
/// known. Calls `on_change` once for each user whose publicly visible state changed, after the merge is complete. If
/// memory runs out, the snapshot is unchanged. O(users), except for what both share. If `other` has few users: O(users
/// of `other` + expired sessions).
///
/// Accepts all timestamps and advances to the time of `other`, so it is for your own snapshots only. `apply_delta`,
/// `reconcile` and `Store::merge` check what a peer sent against the host's clock.
///
/// @code
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// Snapshot lobby = reduce(Snapshot(), now), match = lobby;  // two servers, each with its own players
/// lobby = reduce(std::move(lobby), PresenceEvent::connect("john", "phone", now));
/// match = reduce(std::move(match), PresenceEvent::connect("mary", "console", now));
/// assert(merge(lobby, match) == merge(match, lobby));
///
/// std::string changed;
/// const auto on_change = [&](const UserPresenceChangedView& change) { changed += change.id; };
/// merge_into(lobby, match, on_change);
/// merge_into(lobby, match, on_change);  // again: nothing new, no callback
/// assert(changed == "mary" && lobby.online_count() == 2);
/// @endcode
template <class OnChange>
void merge_into(Snapshot& snapshot, const Snapshot& other, OnChange&& on_change) {
  detail::expect_callback<OnChange>();
  detail::merge_into(snapshot, other, on_change);
}
/// The same, without a callback.
inline void merge_into(Snapshot& snapshot, const Snapshot& other) {
  presence::merge_into(snapshot, other, detail::NoCallback());
}

/// Returns the join of two snapshots. Commutative, associative and idempotent if their rules agree. Pure. For your own
/// snapshots only, like merge_into.
[[nodiscard]] Snapshot merge(Snapshot snapshot, const Snapshot& other);

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/state/detail/merge_bodies.hpp>
#endif

#endif  // PRESENCE_STATE_MERGE_HPP
