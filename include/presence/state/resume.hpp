// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_RESUME_HPP
#define PRESENCE_STATE_RESUME_HPP

#include <presence/base/time.hpp>
#include <presence/state/detail/change_sink.hpp>
#include <presence/state/snapshot.hpp>

/// For a host that was away: the sessions that were live when it stopped get time to return.
namespace presence {
inline namespace PRESENCE_ABI {

namespace detail {

void resume(Snapshot& snapshot, Timestamp now, Duration patience, const ChangeSink& on_change);

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
  detail::resume(snapshot, now, patience, on_change);
}
/// The same, without a callback.
inline void resume(Snapshot& snapshot, Timestamp now, Duration patience) {
  presence::resume(snapshot, now, patience, detail::NoCallback());
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/state/detail/resume_bodies.hpp>
#endif

#endif  // PRESENCE_STATE_RESUME_HPP
