// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_REDUCE_BODIES_HPP
#define PRESENCE_STATE_DETAIL_REDUCE_BODIES_HPP

#include <presence/base/detail/chunked_vector.hpp>
#include <presence/base/detail/shared_string.hpp>
#include <presence/model/detail/event_copy.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/state/detail/advance.hpp>
#include <presence/state/detail/apply_batch.hpp>
#include <presence/state/detail/apply_event.hpp>
#include <presence/state/detail/change_sink.hpp>
#include <presence/state/detail/changes.hpp>
#include <presence/state/detail/event_range.hpp>
#include <presence/state/detail/judge.hpp>
#include <presence/state/detail/replay.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/reduce.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_row.hpp>

#include <cstddef>      // for size_t
#include <optional>     // for optional
#include <string_view>  // for string_view
#include <utility>      // for move

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

PRESENCE_DETAIL_BODY Verdict apply_one(Snapshot& snapshot, const PresenceEventView& event,
                                       const ChangeSink& on_change) {
  return apply_event(snapshot, event, on_change);
}

PRESENCE_DETAIL_BODY Verdict advance_to(Snapshot& snapshot, Timestamp now, const ChangeSink& on_change) {
  if (!in_range(now)) return Verdict::invalid;
  if (now <= SnapshotAccess::now(snapshot)) return Verdict::unchanged;
  advance_and_notify(snapshot, now, on_change);
  return Verdict::applied;
}

template <bool may_borrow, class Event, class Counter>
void apply_array(Snapshot& snapshot, const Event* first, const Event* last, const ChangeSink& on_change,
                 Counter& counter) {
  std::optional<StringBounds> strings;
  bool moves_nothing = true;
  while (moves_nothing && first != last)
    moves_nothing = apply_some<may_borrow>(snapshot, first, last, on_change, counter, strings);
  if constexpr (may_borrow) {
    if (moves_nothing) return;
    // An event may destroy strings that later events borrow, so copy the strings first.
    const EventCopies copies(first, last, snapshot.rules());
    for (const PresenceEventView* it = copies.begin(); it != copies.end();)
      apply_some<false>(snapshot, it, copies.end(), on_change, counter, strings);
  }
}
#if PRESENCE_SEPARATE
template void apply_array<false>(Snapshot&, const PresenceEvent*, const PresenceEvent*, const ChangeSink&, Tally&);
template void apply_array<false>(Snapshot&, const PresenceEvent*, const PresenceEvent*, const ChangeSink&,
                                 IndexedVerdicts&);
template void apply_array<false>(Snapshot&, const PresenceEventView*, const PresenceEventView*, const ChangeSink&,
                                 Tally&);
template void apply_array<false>(Snapshot&, const PresenceEventView*, const PresenceEventView*, const ChangeSink&,
                                 IndexedVerdicts&);
template void apply_array<true>(Snapshot&, const PresenceEventView*, const PresenceEventView*, const ChangeSink&,
                                Tally&);
template void apply_array<true>(Snapshot&, const PresenceEventView*, const PresenceEventView*, const ChangeSink&,
                                IndexedVerdicts&);
#endif

PRESENCE_DETAIL_BODY Tally replay_each(Snapshot& snapshot, const EachEvent& each_event, bool may_move,
                                       const ChangeSink& on_change) {
  Tally tally;
  Replay replay(snapshot, on_change);
  each_event([&](const PresenceEventView& event) {
    tally.count(may_move ? replay.fold(EventCopy(event, snapshot.rules()).view()) : replay.fold(event));
  });
  replay.finish();
  return tally;
}
PRESENCE_DETAIL_BODY Verdict replay_one(Snapshot& snapshot, const PresenceEventView& event, bool may_move,
                                        const ChangeSink& on_change) {
  Replay replay(snapshot, on_change);
  const Verdict verdict = may_move ? replay.fold(EventCopy(event, snapshot.rules()).view()) : replay.fold(event);
  replay.finish();
  return verdict;
}

/// Applies the disconnects to a copy, so that running out of memory changes nothing.
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY Tally disconnect_sessions(Snapshot& snapshot, std::string_view prefix,
                                                                    Timestamp at, const ChangeSink& on_change) {
  const Timestamp now = SnapshotAccess::now(snapshot);
  Snapshot after = snapshot;
  ChunkedVector<Change> changes;
  Tally tally;
  snapshot.each_session(prefix, [&](std::string_view user, std::string_view session) {
    const PresenceEventView event = PresenceEventView::disconnect(user, session, at);
    if (!on_change) {
      tally.count(detail::apply_event(after, event, ChangeSink()));
      return;
    }
    const RowView row = SnapshotAccess::find_row(after, user);
    const SharedString id = row != nullptr ? row->id() : SharedString(user);
    Change change{now == absent ? at : now, id, Seen::of(row, now, after.rules()), Seen()};
    const Verdict verdict = detail::apply_event(after, event, ChangeSink());
    tally.count(verdict);
    if (verdict != Verdict::applied) return;
    change.after = Seen::of(SnapshotAccess::find_row(after, user), now, after.rules());
    if (!(change.before == change.after)) changes.add(std::move(change));
  });
  snapshot = std::move(after);
  for (std::size_t i = 0; i < changes.size(); ++i) detail::notify(changes[i], on_change);
  return tally;
}

}  // namespace detail

PRESENCE_DETAIL_BODY Snapshot reduce(Snapshot snapshot, const PresenceEventView& event) {
  detail::apply_event(snapshot, event, detail::ChangeSink());
  return snapshot;
}
PRESENCE_DETAIL_BODY Snapshot reduce(Snapshot snapshot, Timestamp now) {
  detail::advance_to(snapshot, now, detail::ChangeSink());
  return snapshot;
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_REDUCE_BODIES_HPP
