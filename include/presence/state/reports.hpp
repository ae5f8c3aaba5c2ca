// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_REPORTS_HPP
#define PRESENCE_STATE_REPORTS_HPP

#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/state/detail/changes.hpp>
#include <presence/state/detail/fold.hpp>
#include <presence/state/diff.hpp>
#include <presence/state/reduce.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_table.hpp>

#include <utility>  // for move

/// For clients that mirror a server: what becomes of its reports when the connection to it is lost, and found again.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Raises the timestamp up to which reports of online are forgotten to what `up_to(registers)` returns, for every user
/// whose it would raise. When memory runs out some of it is done.
template <class UpTo>
void forget_reports_up_to(Snapshot& snapshot, UpTo up_to) {
  const Root* const root = SnapshotAccess::read(snapshot);
  if (root == nullptr) return;
  const Snapshot before = snapshot;  // is iterated while the other changes
  for (const RowView row : root->table) {
    const RegistersView kept = row.registers();
    if (up_to(kept) <= kept.forgotten_up_to()) continue;  // nor would it raise what is left of that
    Plan plan;
    plan.after = normal_form_of(row, *root);
    const Timestamp instant = up_to(RegistersView(plan.after));
    if (instant <= plan.after.forgotten_up_to) continue;
    plan.row = row;
    plan.after.forgotten_up_to = instant;
    normalise(plan.after, root->now, root->rules);
    commit(SnapshotAccess::write(snapshot), root->table.key_of(row.name()), std::move(plan));
  }
}

/// Folds an event at a later timestamp than it came with, by which it is judged: it is not too early for having been
/// moved, and no time passes for it.
template <class OnChange>
Verdict fold_moved(Snapshot& snapshot, const PresenceEventView& event, Timestamp to, OnChange& on_change) {
  Verdict verdict = judge_form(event, snapshot.rules());
  if (accepted(verdict)) verdict = judge_instant(event.at, SnapshotAccess::now(snapshot), snapshot.rules());
  if (!accepted(verdict)) return verdict;
  PresenceEventView moved = event;
  moved.at = to;
  return fold_anew(snapshot, SnapshotAccess::key(snapshot, event.user), moved, on_change, true);
}

/// Puts `after` in the place of `snapshot`, and tells what others see of it. All memory is asked for before.
template <class OnChange>
void replace_and_tell(Snapshot& snapshot, const Snapshot& after, Timestamp dated, OnChange& on_change) {
  const Snapshot before = snapshot;
  Timeline<UserPresenceChangedView> changes;
  if constexpr (has_callback<OnChange>) changes = differences(before, after, dated);
  snapshot = after;
  changes.each(on_change);
}

/// A resync as of a timestamp that it is judged by, and that counts as `counted`, which is not earlier.
template <class It, class OnChange>
Tally resync_moved(Snapshot& snapshot, It first, It last, Timestamp as_of, Timestamp counted, OnChange& on_change) {
  const Snapshot before = snapshot;
  const Timestamp now = SnapshotAccess::now(before);
  Verdict verdict = in_range(as_of) ? Verdict::applied : Verdict::invalid;
  if (accepted(verdict)) verdict = judge_instant(as_of, now, before.rules());

  Tally tally;
  Snapshot after = before;
  const NoCallback no_callback;
  for (; first != last; ++first) {
    auto&& listed = *first;
    PresenceEventView event(listed);
    if (!accepted(verdict)) {
      tally.count(verdict);
    } else if (event.type != EventType::report) {
      tally.count(Verdict::invalid);
    } else {
      if (in_range(event.at)) event.at = later(event.at, as_of);
      const bool is_moved = in_range(event.at) && event.at < counted;
      tally.count(is_moved ? fold_moved(after, event, counted, no_callback) : fold_now(after, event, no_callback));
    }
  }
  if (!accepted(verdict)) return tally;
  // Who is listed has a report as of the list or later, which this leaves alone.
  forget_reports_up_to(after, [counted](const RegistersView& user) {
    return user.reported_at() != absent && user.reported_at() < counted ? counted - Duration::from_ns(1) : absent;
  });
  replace_and_tell(snapshot, after, now != absent ? now : counted, on_change);
  return tally;
}

}  // namespace detail

/// Forgets what reports said about being online, for a client that lost its own connection: nobody is shown online on
/// stale word, and nobody is taken for gone because it was the client who was away. Each report is forgotten up to its
/// own timestamp, so that the server's next one counts whatever the client's clock says. Statuses and last_active stay.
/// `on_change` hears of each user whom others see differently, by timestamp and id; the changes carry `now`, or without
/// one the latest timestamp known of the user. When memory runs out the snapshot is what it was. O(users).
template <class OnChange>
void forget_reports_in(Snapshot& snapshot, OnChange&& on_change) {
  Snapshot after = snapshot;
  detail::forget_reports_up_to(after, [](const detail::RegistersView& user) { return user.reported_at(); });
  detail::replace_and_tell(snapshot, after, detail::SnapshotAccess::now(after), on_change);
}
/// The same where nobody listens.
inline void forget_reports_in(Snapshot& snapshot) { presence::forget_reports_in(snapshot, detail::NoCallback()); }

/// The snapshot without its reports of online.
[[nodiscard]] inline Snapshot forget_reports(Snapshot snapshot) {
  presence::forget_reports_in(snapshot);
  return snapshot;
}

/// Takes a server's full list as of a timestamp: reports of online from before it are forgotten and the list is folded,
/// in one call, so that who stays online never flashes offline and who is no longer listed goes offline. A report in
/// the list that is dated earlier counts as of `as_of`; an event that is no report is invalid. If `as_of` is out of
/// range, too late or too early, so is all of the list, and nothing changes. Passes no time. `on_change` hears of each
/// user whom others see differently, once, by id. When memory runs out the snapshot is what it was. O(users).
///
/// @code
/// const Timestamp then = *parse_timestamp("2019-01-07T13:17:42.375Z"), now = then + Duration::from_s(90);
/// Snapshot friends(Rules::mirror());
/// apply(friends, PresenceEvent::report("john", true, then), [](const UserPresenceChangedView&) {});
/// forget_reports_in(friends);  // the connection is lost: who knows whether he is still there
/// assert(friends.find("john") && !friends.online("john"));
///
/// const PresenceEvent list[] = {PresenceEvent::report("john", true, now), PresenceEvent::report("mary", true, now)};
/// const Tally tally = resync(friends, list, list + 2, now);  // it is back
/// assert(tally.applied == 2 && friends.online("john") && friends.online("mary"));
/// resync(friends, list, list + 1, now + Duration::from_s(1));  // who is not listed any more has gone
/// assert(friends.online("john") && !friends.online("mary"));
/// @endcode
template <class It, class OnChange, class = detail::EnableIfIterator<It>>
Tally resync(Snapshot& snapshot, It first, It last, Timestamp as_of, OnChange&& on_change) {
  return detail::resync_moved(snapshot, first, last, as_of, as_of, on_change);
}
/// The same where nobody listens.
template <class It, class = detail::EnableIfIterator<It>>
Tally resync(Snapshot& snapshot, It first, It last, Timestamp as_of) {
  return presence::resync(snapshot, first, last, as_of, detail::NoCallback());
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_REPORTS_HPP
