// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_REPORTS_HPP
#define PRESENCE_STATE_REPORTS_HPP

#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/state/detail/change_sink.hpp>
#include <presence/state/detail/event_range.hpp>
#include <presence/state/diff.hpp>
#include <presence/state/reduce.hpp>
#include <presence/state/snapshot.hpp>

#include <type_traits>  // for enable_if, is_invocable

/// For clients that mirror a server: forgetting its reports when the connection is lost, and resynchronising after it
/// is restored.
namespace presence {
inline namespace PRESENCE_ABI {

namespace detail {

void forget_all_reports(Snapshot& snapshot, const ChangeSink& on_change);
Tally resync(Snapshot& snapshot, const EachEvent& each_listed, Timestamp as_of, const ChangeSink& on_change);
Tally resync(Snapshot& snapshot, const EachEvent& each_listed, const ChangeSink& on_change);

}  // namespace detail

/// Forgets what reports said about being online, for a client that lost its own connection. No user is shown online
/// because of an outdated report, and no user is assumed to have left because the client was away.
///
/// Each report is forgotten up to its own timestamp. The server's next report then takes effect, whatever the client's
/// clock says. Statuses and last_active are kept. Calls `on_change` for each user whose publicly visible state changed,
/// in the order of (timestamp, id). The changes carry `now`, or, if the snapshot has none, the latest timestamp known
/// of the user. If memory runs out, the snapshot is unchanged. O(users).
template <class OnChange>
void forget_reports_in(Snapshot& snapshot, OnChange&& on_change) {
  detail::expect_callback<OnChange>();
  detail::forget_all_reports(snapshot, on_change);
}
/// The same, without a callback.
inline void forget_reports_in(Snapshot& snapshot) { presence::forget_reports_in(snapshot, detail::NoCallback()); }

/// Returns the snapshot without what its reports said about being online.
[[nodiscard]] inline Snapshot forget_reports(Snapshot snapshot) {
  presence::forget_reports_in(snapshot);
  return snapshot;
}

/// Applies a server's full list of reports as of a timestamp, in one call. Forgets what reports from before `as_of`
/// said about being online, then applies the list. Users who remain online are not shown offline in between. Users who
/// are no longer listed go offline.
///
/// A report in the list that is dated earlier counts as of `as_of`. An event that is not a report is `invalid`. If
/// `as_of` is out of range, too late or too early, so is every event of the list, and nothing changes. The time does
/// not advance. Calls `on_change` once for each user whose publicly visible state changed, in the order of their ids.
/// If memory runs out, the snapshot is unchanged. O(users).
///
/// @code
/// const Timestamp then = *parse_timestamp("2019-01-07T13:17:42.375Z"), now = then + Duration::from_s(90);
/// Snapshot friends(Rules::mirror());
/// apply(friends, PresenceEvent::report("john", true, then), [](const UserPresenceChangedView&) {});
/// forget_reports_in(friends);  // the connection is lost: john may have left
/// assert(friends.find("john") && !friends.online("john"));
///
/// const PresenceEvent list[] = {PresenceEvent::report("john", true, now), PresenceEvent::report("mary", true, now)};
/// const Tally tally = resync(friends, list, list + 2, now);  // the connection is restored
/// assert(tally.applied == 2 && friends.online("john") && friends.online("mary"));
/// resync(friends, list, list + 1, now + Duration::from_s(1));  // users who are no longer listed go offline
/// assert(friends.online("john") && !friends.online("mary"));
/// @endcode
template <class It, class OnChange, class = detail::EnableIfIterator<It>>
Tally resync(Snapshot& snapshot, It first, It last, Timestamp as_of, OnChange&& on_change) {
  detail::expect_callback<OnChange>();
  return detail::resync(snapshot, detail::each_event(first, last), as_of, on_change);
}
/// The same, without a callback.
template <class It, class = detail::EnableIfIterator<It>>
Tally resync(Snapshot& snapshot, It first, It last, Timestamp as_of) {
  return presence::resync(snapshot, first, last, as_of, detail::NoCallback());
}
/// The same for a list that has no timestamp of the server, as lists of chat services. It counts as just after the
/// latest report that the snapshot has, whatever the timestamps of its events and the client's clock say. So it
/// replaces every earlier report, and is replaced by the server's next one. It is never too late or too early.
///
/// Without any report, it counts as of `now`, or without `now`, each of its events as of its own timestamp. If the
/// client's clock is ahead, the server's next reports then count only when their timestamps have caught up. So apply
/// something that the server has dated before the first list, such as the `health.check` that opens a connection, or
/// pass the server's time.
template <class It, class OnChange, class = detail::EnableIfIterator<It>,
          class = std::enable_if_t<std::is_invocable<OnChange&, const UserPresenceChangedView&>::value>>
Tally resync(Snapshot& snapshot, It first, It last, OnChange&& on_change) {
  return detail::resync(snapshot, detail::each_event(first, last), on_change);
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/state/detail/reports_bodies.hpp>
#endif

#endif  // PRESENCE_STATE_REPORTS_HPP
