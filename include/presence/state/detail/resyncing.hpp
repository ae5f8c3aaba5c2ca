// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_RESYNCING_HPP
#define PRESENCE_STATE_DETAIL_RESYNCING_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/registers/detail/acceptance_window.hpp>
#include <presence/registers/detail/normal_form.hpp>
#include <presence/state/detail/apply_event.hpp>
#include <presence/state/detail/change_sink.hpp>
#include <presence/state/detail/differences.hpp>
#include <presence/state/detail/event_range.hpp>
#include <presence/state/detail/judge.hpp>
#include <presence/state/detail/plan.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/detail/timeline.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_table.hpp>

#include <optional>     // for nullopt
#include <string_view>  // for string_view
#include <utility>      // for move

/// Lists of what users report, and reports that are forgotten.
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

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_RESYNCING_HPP
