// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_REDUCE_HPP
#define PRESENCE_STATE_REDUCE_HPP

#include <presence/base/detail/chunked_vector.hpp>
#include <presence/base/detail/shared_string.hpp>
#include <presence/model/detail/event_copy.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/state/detail/advance.hpp>
#include <presence/state/detail/apply_batch.hpp>
#include <presence/state/detail/apply_event.hpp>
#include <presence/state/detail/changes.hpp>
#include <presence/state/detail/judge.hpp>
#include <presence/state/detail/replay.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_row.hpp>

#include <cstddef>      // for size_t
#include <optional>     // for optional
#include <string_view>  // for string_view
#include <type_traits>  // for enable_if, is_base_of, is_convertible, is_invocable, remove_cv, remove_reference
#include <utility>      // for move

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

template <class Event>
using EnableIfEvent = std::enable_if_t<std::is_convertible<const Event&, PresenceEventView>::value>;
template <class It>
using EnableIfIterator = std::enable_if_t<!std::is_convertible<const It&, PresenceEventView>::value>;
/// Enabled for events that own their strings. A temporary one does not convert to a view, but it lives until the call
/// returns.
template <class Event>
using EnableIfOwningEvent = std::enable_if_t<std::is_base_of<PresenceEvent, Event>::value>;
/// True for an event, or a timestamp to advance to.
template <class Input>
inline constexpr bool is_event =
    std::is_base_of<PresenceEvent, Input>::value || std::is_convertible<const Input&, PresenceEventView>::value;
template <class Input>
using EnableIfInput = std::enable_if_t<is_event<std::remove_cv_t<std::remove_reference_t<Input>>> ||
                                       std::is_convertible<const Input&, Timestamp>::value>;

}  // namespace detail

/// Applies one event to the snapshot in place and returns the verdict.
///
/// Calls `on_change(const UserPresenceChangedView&)` if the user's publicly visible state changed. The view is valid
/// until the callback returns. The callback may copy the snapshot, but must not change it. If it throws, the event
/// remains applied.
///
/// An event takes effect at once, even if it is dated a little after `now`. Its change carries `now`, or the event's
/// timestamp if the snapshot has no `now`. If memory runs out, the snapshot is unchanged. O(state kept of the user).
///
/// @code
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// int changes = 0;
/// const auto on_change = [&](const UserPresenceChangedView&) { ++changes; };
/// Snapshot s = reduce(Snapshot(), now);  // with a timestamp, so that sessions can time out
/// apply(s, PresenceEvent::connect("john", "phone", now), on_change);
/// assert(s.online("john") && changes == 1);
/// const PresenceEvent old = PresenceEvent::heartbeat("mary", "tv", now - Duration::from_s(600));
/// assert(apply(s, old, on_change) == Verdict::too_late && changes == 1);
/// apply(s, now + Duration::from_s(39), on_change);  // each frame: very cheap if nothing expired
/// assert(s.online("john") && changes == 1);
/// apply(s, *s.next_deadline(), on_change);  // sessions time out after 40 s by default
/// assert(!s.online("john") && changes == 2);
/// @endcode
template <class OnChange, class = detail::EnableIfEvent<PresenceEventView>>
Verdict apply(Snapshot& snapshot, const PresenceEventView& event, OnChange&& on_change) {
  detail::expect_callback<OnChange>();
  return detail::apply_event(snapshot, event, on_change);
}
/// The same, for an event that owns its strings. It may be a temporary.
template <class OnChange, class Event = PresenceEvent, class = detail::EnableIfOwningEvent<Event>>
Verdict apply(Snapshot& snapshot, const Event& event, OnChange&& on_change) {
  detail::expect_callback<OnChange>();
  return detail::apply_event(snapshot, PresenceEventView(event), on_change);
}

/// Advances the snapshot to `now`. Sessions time out and, if Rules::forget_after is set, users are forgotten by age,
/// each at its deadline.
///
/// Calls `on_change` after all changes are made, in the order of (deadline, id). If `now` is not later than the
/// snapshot's own, nothing changes and the verdict is `unchanged`. If `now` is at either end of the range of
/// timestamps, the verdict is `invalid`. O(expired sessions and users).
template <class OnChange>
Verdict apply(Snapshot& snapshot, Timestamp now, OnChange&& on_change) {
  detail::expect_callback<OnChange>();
  if (!detail::in_range(now)) return Verdict::invalid;
  if (now <= detail::SnapshotAccess::now(snapshot)) return Verdict::unchanged;
  detail::advance_and_notify(snapshot, now, on_change);
  return Verdict::applied;
}

/// The same, without a callback: applies one event, or advances to a timestamp. `event` is a PresenceEvent, which may
/// be a temporary, a PresenceEventView, or a Timestamp.
///
/// Accepts nothing else, so that std::apply remains usable beside it.
///
/// @code
/// const Timestamp now = Timestamp::from_s(1546867062);
/// Snapshot s;
/// assert(apply(s, PresenceEvent::connect("john", "phone", now)) == Verdict::applied);
/// assert(apply(s, now + Duration::from_s(1)) == Verdict::applied && s.online("john"));
/// @endcode
template <class Event, class = detail::EnableIfInput<Event>>
Verdict apply(Snapshot& snapshot, Event&& event) {
  using Input = std::remove_cv_t<std::remove_reference_t<Event>>;
  if constexpr (std::is_base_of<PresenceEvent, Input>::value) {
    const PresenceEvent& owner = event;
    return presence::apply(snapshot, PresenceEventView(owner), detail::NoCallback());
  } else if constexpr (detail::is_event<Input>) {
    const Input& input = event;
    const PresenceEventView& view = input;
    return presence::apply(snapshot, view, detail::NoCallback());
  } else {
    const Timestamp now = event;
    return presence::apply(snapshot, now, detail::NoCallback());
  }
}

namespace detail {

/// Counts verdicts and passes them on with their index.
template <class OnVerdict>
struct IndexedVerdicts {
  OnVerdict& on_verdict;
  Tally all;
  std::size_t next = 0;
  void count(Verdict verdict) {
    all.count(verdict);
    on_verdict(next++, verdict);
  }
};

template <class It, class Counter>
void apply_range(Snapshot& snapshot, It first, It last, const ChangeSink& on_change, Counter& tally) {
  if constexpr (can_look_ahead<It>) {
    constexpr bool borrows = may_borrow<It>;
    std::optional<StringBounds> strings;
    bool moves_nothing = true;
    while (moves_nothing && first != last)
      moves_nothing = detail::apply_some<borrows>(snapshot, first, last, on_change, tally, strings);
    if constexpr (borrows) {
      if (moves_nothing) return;
      // An event may destroy strings that later events borrow, so copy the strings first.
      const EventCopies copies(first, last, snapshot.rules());
      for (const PresenceEventView* it = copies.begin(); it != copies.end();)
        detail::apply_some<false>(snapshot, it, copies.end(), on_change, tally, strings);
    }
  } else {
    for (; first != last; ++first) {
      auto&& event = *first;
      tally.count(detail::apply_event(snapshot, event, on_change));
    }
  }
}

}  // namespace detail

/// Applies the events of a range in order and returns how many had each verdict. Equivalent to `apply` for each event,
/// but faster if the snapshot does not fit into the cache. With multi-pass iterators, the memory of the next few users
/// is prefetched while the first event is applied.
template <class It, class OnChange, class = detail::EnableIfIterator<It>>
Tally apply(Snapshot& snapshot, It first, It last, OnChange&& on_change) {
  detail::expect_callback<OnChange>();
  Tally tally;
  detail::apply_range(snapshot, first, last, on_change, tally);
  return tally;
}
/// The same. Also calls `on_verdict(std::size_t index, Verdict)` for every event, after its changes. It may copy the
/// snapshot, but must not change it.
template <class It, class OnChange, class OnVerdict, class = detail::EnableIfIterator<It>>
Tally apply(Snapshot& snapshot, It first, It last, OnChange&& on_change, OnVerdict&& on_verdict) {
  detail::expect_callback<OnChange>();
  static_assert(std::is_invocable<OnVerdict&, std::size_t, Verdict>::value,
                "a callback for verdicts must accept (std::size_t, presence::Verdict)");
  detail::IndexedVerdicts<std::remove_reference_t<OnVerdict>> verdicts{on_verdict, Tally(), 0};
  detail::apply_range(snapshot, first, last, on_change, verdicts);
  return verdicts.all;
}
/// The same, without a callback.
template <class It, class = detail::EnableIfIterator<It>>
Tally apply(Snapshot& snapshot, It first, It last) {
  return presence::apply(snapshot, first, last, detail::NoCallback());
}

/// Applies a recorded log. The snapshot's time advances with the events.
///
/// Before an event that is later than `now`, the deadlines before its timestamp pass. Then all consecutive events with
/// that timestamp are applied. Then the deadlines at that timestamp pass. `on_change` receives one change per user and
/// timestamp. An event that is not later than `now` is applied as by `apply`. A rejected event does not advance the
/// time. If memory runs out, what was applied remains applied, and `on_change` is not called again.
template <class It, class OnChange, class = detail::EnableIfIterator<It>>
Tally replay(Snapshot& snapshot, It first, It last, OnChange&& on_change) {
  detail::expect_callback<OnChange>();
  Tally tally;
  detail::Replay replay(snapshot, on_change);
  if constexpr (!detail::may_borrow<It>) {
    for (; first != last; ++first) {
      auto&& event = *first;
      tally.count(replay.fold(event));
    }
  } else if constexpr (detail::can_look_ahead<It>) {
    const detail::EventCopies copies(first, last, snapshot.rules());
    for (const PresenceEventView& event : copies) tally.count(replay.fold(event));
  } else {
    for (; first != last; ++first) {
      auto&& event = *first;
      tally.count(replay.fold(detail::EventCopy(event, snapshot.rules()).view()));
    }
  }
  replay.finish();
  return tally;
}
/// The same, without a callback.
template <class It, class = detail::EnableIfIterator<It>>
Tally replay(Snapshot& snapshot, It first, It last) {
  return presence::replay(snapshot, first, last, detail::NoCallback());
}
/// @{
/// The same, for a single event.
template <class Event, class OnChange, class = detail::EnableIfEvent<Event>, class = void>
Verdict replay(Snapshot& snapshot, const Event& event, OnChange&& on_change) {
  detail::expect_callback<OnChange>();
  detail::Replay replay(snapshot, on_change);
  Verdict verdict;
  if constexpr (std::is_base_of<PresenceEvent, Event>::value) {
    verdict = replay.fold(event);
  } else {
    verdict = replay.fold(detail::EventCopy(event, snapshot.rules()).view());  // advancing the time may move strings
  }
  replay.finish();
  return verdict;
}
inline Verdict replay(Snapshot& snapshot, PresenceEventView event) {
  return presence::replay(snapshot, event, detail::NoCallback());
}
template <class Event = PresenceEvent, class = detail::EnableIfOwningEvent<Event>>
Verdict replay(Snapshot& snapshot, const Event& event) {
  return presence::replay(snapshot, event, detail::NoCallback());
}
/// @}

namespace detail {

/// Applies the disconnects to a copy, so that running out of memory changes nothing.
PRESENCE_DETAIL_RARE inline Tally disconnect_sessions(Snapshot& snapshot, std::string_view prefix, Timestamp at,
                                                      const ChangeSink& on_change) {
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

/// Disconnects all live sessions whose id begins with `prefix`: those that Snapshot::each_session lists. For the
/// sessions of a node that is gone. Returns how many of the disconnects had each verdict.
///
/// Equivalent to `apply` of a disconnect dated `at` for each of these sessions, in the order of `each_session`. So the
/// time does not advance. A session remains live if its last heartbeat is later than `at`, or its last connect is not
/// earlier. If `at` is too late, too early, or at either end of the range of timestamps, nothing changes, and each
/// session counts with that verdict.
///
/// Calls `on_change` in the same order, after all sessions have been disconnected. A user whose sessions end one after
/// the other may have several changes. The callback may copy the snapshot, but must not change it. If it throws, the
/// sessions remain disconnected. `prefix` may borrow from the snapshot. If memory runs out, the snapshot is unchanged.
/// O(users), and O(state kept of the user) for each session that ends.
///
/// @code
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// Snapshot s = reduce(Snapshot(), now);
/// apply(s, PresenceEvent::connect("john", "node-7.2/0-13", now));
/// apply(s, PresenceEvent::connect("mary", "node-7.2/0-14", now));
/// apply(s, PresenceEvent::connect("mary", "node-8.1/0-4", now));
/// std::string offline;
/// const auto on_change = [&offline](const UserPresenceChangedView& change) { offline += change.id; };
/// const Tally tally = disconnect_sessions(s, "node-7.2/", now + Duration::from_s(1), on_change);
/// assert(tally.applied == 2 && offline == "john" && s.online("mary"));
/// @endcode
template <class OnChange>
Tally disconnect_sessions(Snapshot& snapshot, std::string_view prefix, Timestamp at, OnChange&& on_change) {
  detail::expect_callback<OnChange>();
  return detail::disconnect_sessions(snapshot, prefix, at, detail::ChangeSink(on_change));
}
/// The same, without a callback.
inline Tally disconnect_sessions(Snapshot& snapshot, std::string_view prefix, Timestamp at) {
  return presence::disconnect_sessions(snapshot, prefix, at, detail::NoCallback());
}

/// Returns the snapshot after the event, or the same snapshot if the event is rejected. Pure. Pass `std::move(s)` to
/// update it in place.
[[nodiscard]] inline Snapshot reduce(Snapshot snapshot, const PresenceEventView& event) {
  detail::apply_event(snapshot, event, detail::ChangeSink());
  return snapshot;
}

/// The same, for an event that owns its strings. It may be a temporary.
template <class Event = PresenceEvent, class = detail::EnableIfOwningEvent<Event>>
[[nodiscard]] Snapshot reduce(Snapshot snapshot, const Event& event) {
  return presence::reduce(std::move(snapshot), PresenceEventView(event));
}

/// Returns the snapshot at a later timestamp.
[[nodiscard]] inline Snapshot reduce(Snapshot snapshot, Timestamp now) {
  presence::apply(snapshot, now, detail::NoCallback());
  return snapshot;
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_REDUCE_HPP
