// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_REPORTS_HPP
#define PRESENCE_STATE_REPORTS_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/state/detail/advance.hpp>
#include <presence/state/detail/apply_event.hpp>
#include <presence/state/detail/changes.hpp>
#include <presence/state/detail/judge.hpp>
#include <presence/state/detail/plan.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/diff.hpp>
#include <presence/state/reduce.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_table.hpp>

#include <optional>     // for nullopt
#include <string_view>  // for string_view
#include <type_traits>  // for enable_if, is_invocable
#include <utility>      // for move

/// For clients that mirror a server: forgetting its reports when the connection is lost, and resynchronising after it
/// is restored.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Raises `forgotten_up_to` to the value that `up_to(registers)` returns, for every user with an earlier one. Up to
/// that timestamp reports of being online are forgotten. If memory runs out, some users may have been changed.
PRESENCE_DETAIL_RARE inline void forget_reports_up_to(Snapshot& snapshot,
                                                      FunctionRef<Timestamp(const RegistersView&)> up_to) {
  const Root* const root = SnapshotAccess::read(snapshot);
  if (root == nullptr) return;
  const Snapshot before = snapshot;  // iterated while the other one changes
  for (const RowView row : root->table) {
    const RegistersView kept = row.registers();
    if (up_to(kept) <= kept.forgotten_up_to()) continue;  // then the normal form needs no change either
    Plan plan;
    plan.after = normal_form_of(row, *root);
    const Timestamp instant = up_to(RegistersView(plan.after));
    if (instant <= plan.after.forgotten_up_to) continue;
    plan.row = row;
    plan.after.forgotten_up_to = instant;
    normalise(plan.after, root->now, root->rules);
    // The run of forgotten evidence is kept, as one more of the earlier runs.
    for (SessionRegisters& session : plan.after.sessions) bound_session(session, root->rules);
    commit(SnapshotAccess::write(snapshot), root->table.key_of(row.name()), std::move(plan));
  }
}

/// Forgets the reports that are older than a list. Listed users have a report as of the list or later, which is kept.
inline void forget_unlisted(Snapshot& snapshot, Timestamp list) {
  forget_reports_up_to(snapshot, [list](const RegistersView& user) {
    return user.reported_at() != absent && user.reported_at() < list ? list - Duration::from_ns(1) : absent;
  });
}

/// Applies an event at `to`, which is later than the event's timestamp. The event is judged by its own timestamp, so
/// moving it does not make it too early. The time does not advance.
PRESENCE_DETAIL_RARE inline Verdict apply_moved(Snapshot& snapshot, const PresenceEventView& event, Timestamp to,
                                                const ChangeSink& on_change) {
  Verdict verdict = judge_form(event, snapshot.rules());
  if (accepted(verdict)) verdict = AcceptanceWindow(SnapshotAccess::now(snapshot), snapshot.rules()).judge(event.at);
  if (!accepted(verdict)) return verdict;
  PresenceEventView moved = event;
  moved.at = to;
  return apply_by_plan(snapshot, SnapshotAccess::key(snapshot, event.user), moved, on_change, true);
}

/// Returns a listed report as of the list. A status that has ended by then is empty.
inline PresenceEventView listed_at(PresenceEventView event, Timestamp at) noexcept {
  event.at = at;
  if (event.status && event.until && *event.until <= at) {
    event.status = std::string_view();
    event.until = std::nullopt;
  }
  return event;
}

/// Replaces `snapshot` by `after` and calls `on_change` for every visible change. All memory is allocated before the
/// replacement.
PRESENCE_DETAIL_RARE inline void replace_and_notify(Snapshot& snapshot, const Snapshot& after, Timestamp dated,
                                                    const ChangeSink& on_change) {
  const Snapshot before = snapshot;
  Timeline<UserPresenceChangedView> changes;
  if (on_change) changes = differences(before, after, dated);
  snapshot = after;
  if (on_change) changes.each(on_change);
}

/// Calls a function for each event of a list.
using EachEvent = FunctionRef<void(const FunctionRef<void(const PresenceEventView&)>&)>;
/// Returns such a function for a range. Valid for as long as both iterators.
template <class It>
auto each_event(It& first, It& last) noexcept {
  return [&first, &last](const FunctionRef<void(const PresenceEventView&)>& visit) {
    for (; first != last; ++first) {
      auto&& listed = *first;
      const PresenceEventView event(listed);
      visit(event);
    }
  };
}

/// A resync that is judged by `as_of` and takes effect as of `counted`, which is not earlier.
PRESENCE_DETAIL_RARE inline Tally resync_moved(Snapshot& snapshot, const EachEvent& each_listed, Timestamp as_of,
                                               Timestamp counted, const ChangeSink& on_change) {
  const Snapshot before = snapshot;
  const Timestamp now = SnapshotAccess::now(before);
  Verdict verdict = in_range(as_of) ? Verdict::applied : Verdict::invalid;
  if (accepted(verdict)) verdict = AcceptanceWindow(now, before.rules()).judge(as_of);

  Tally tally;
  Snapshot after = before;
  each_listed([&](PresenceEventView event) {
    Verdict of_event = verdict;
    if (accepted(verdict)) {
      of_event = event.type != EventType::report ? Verdict::invalid : judge_form(event, before.rules());
    }
    if (accepted(of_event)) {
      event = listed_at(event, later(event.at, as_of));
      of_event = event.at < counted ? apply_moved(after, event, counted, ChangeSink())
                                    : apply_event(after, event, ChangeSink());
    }
    tally.count(of_event);
  });
  if (!accepted(verdict)) return tally;
  forget_unlisted(after, counted);
  replace_and_notify(snapshot, after, now != absent ? now : counted, on_change);
  return tally;
}

/// A resync that takes effect just after the latest report, or without any as of the snapshot's time.
PRESENCE_DETAIL_RARE inline Tally resync_behind_reports(Snapshot& snapshot, const EachEvent& each_listed,
                                                        const ChangeSink& on_change) {
  const Snapshot before = snapshot;
  const Timestamp now = SnapshotAccess::now(before);
  Timestamp latest = absent;
  if (const Root* const root = SnapshotAccess::read(before)) {
    for (const RowView row : root->table) {
      const RegistersView user = row.registers();
      latest = later(latest, later(user.reported_at(), user.forgotten_up_to()));
    }
  }
  // At the end of the range there is no later timestamp.
  const Timestamp behind = latest + Duration::from_ns(1);
  Timestamp counted = in_range(behind) ? behind : latest;
  if (latest == absent) counted = now;
  Tally tally;
  Snapshot after = before;
  each_listed([&](PresenceEventView event) {
    Verdict form = judge_form(event, before.rules());
    if (event.type != EventType::report) form = Verdict::invalid;
    if (!accepted(form)) {
      tally.count(form);
      return;
    }
    if (counted != absent) event.at = counted;
    tally.count(apply_by_plan(after, SnapshotAccess::key(after, event.user), event, ChangeSink(), true));
  });
  if (latest != absent) forget_unlisted(after, counted);
  replace_and_notify(snapshot, after, now != absent ? now : counted, on_change);
  return tally;
}

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
  Snapshot after = snapshot;
  detail::forget_reports_up_to(after, [](const detail::RegistersView& user) { return user.reported_at(); });
  detail::replace_and_notify(snapshot, after, detail::SnapshotAccess::now(after), on_change);
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
  return detail::resync_moved(snapshot, detail::each_event(first, last), as_of, as_of, on_change);
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
  return detail::resync_behind_reports(snapshot, detail::each_event(first, last), on_change);
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_REPORTS_HPP
