// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_REDUCE_HPP
#define PRESENCE_STATE_REDUCE_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/model/detail/event_copy.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/state/detail/change_sink.hpp>
#include <presence/state/detail/event_range.hpp>
#include <presence/state/snapshot.hpp>

#include <cstddef>      // for size_t
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

/// Counts verdicts and passes them on with their index.
struct IndexedVerdicts {
  FunctionRef<void(std::size_t, Verdict)> on_verdict;
  Tally all;
  std::size_t next = 0;
  void count(Verdict verdict) {
    all.count(verdict);
    on_verdict(next++, verdict);
  }
};

Verdict apply_one(Snapshot& snapshot, const PresenceEventView& event, const ChangeSink& on_change);
Verdict advance_to(Snapshot& snapshot, Timestamp now, const ChangeSink& on_change);
/// Applies events that lie in an array, of PresenceEvent or of PresenceEventView. `may_borrow`: from the snapshot.
/// `counter` is a Tally or IndexedVerdicts.
template <bool may_borrow, class Event, class Counter>
void apply_array(Snapshot& snapshot, const Event* first, const Event* last, const ChangeSink& on_change,
                 Counter& counter);
/// Replays the events. `may_move`: they may borrow from the snapshot, so that their strings must be copied first.
Tally replay_each(Snapshot& snapshot, const EachEvent& each_event, bool may_move, const ChangeSink& on_change);
Verdict replay_one(Snapshot& snapshot, const PresenceEventView& event, bool may_move, const ChangeSink& on_change);
Tally disconnect_sessions(Snapshot& snapshot, std::string_view prefix, Timestamp at, const ChangeSink& on_change);

template <class It, class Counter>
void apply_range(Snapshot& snapshot, It first, It last, const ChangeSink& on_change, Counter& counter) {
  if constexpr (points_into_array<It, PresenceEvent> || points_into_array<It, PresenceEventView>) {
    if (first == last) return;
    const auto* const begin = &*first;
    detail::apply_array<may_borrow<It>>(snapshot, begin, begin + (last - first), on_change, counter);
  } else if constexpr (!can_look_ahead<It>) {
    for (; first != last; ++first) {
      auto&& event = *first;
      counter.count(detail::apply_one(snapshot, event, on_change));
    }
  } else if constexpr (may_borrow<It>) {
    // An event may destroy strings that later events borrow.
    const EventCopies copies(first, last, snapshot.rules());
    detail::apply_array<false>(snapshot, copies.begin(), copies.end(), on_change, counter);
  } else {
    constexpr std::size_t together = 32;
    PresenceEventView events[together];
    while (first != last) {
      std::size_t count = 0;
      for (; count < together && first != last; ++first, ++count) {
        auto&& listed = *first;
        const PresenceEventView event(listed);
        events[count] = event;
      }
      detail::apply_array<false>(snapshot, events, events + count, on_change, counter);
    }
  }
}

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
  return detail::apply_one(snapshot, event, on_change);
}
/// The same, for an event that owns its strings. It may be a temporary.
template <class OnChange, class Event = PresenceEvent, class = detail::EnableIfOwningEvent<Event>>
Verdict apply(Snapshot& snapshot, const Event& event, OnChange&& on_change) {
  detail::expect_callback<OnChange>();
  return detail::apply_one(snapshot, PresenceEventView(event), on_change);
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
  return detail::advance_to(snapshot, now, on_change);
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
  detail::IndexedVerdicts verdicts{on_verdict, Tally(), 0};
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
  if constexpr (detail::may_borrow<It> && detail::can_look_ahead<It>) {
    const detail::EventCopies copies(first, last, snapshot.rules());
    const PresenceEventView *begin = copies.begin(), *end = copies.end();
    return detail::replay_each(snapshot, detail::each_event(begin, end), false, on_change);
  } else {
    return detail::replay_each(snapshot, detail::each_event(first, last), detail::may_borrow<It>, on_change);
  }
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
  return detail::replay_one(snapshot, event, !std::is_base_of<PresenceEvent, Event>::value, on_change);
}
inline Verdict replay(Snapshot& snapshot, PresenceEventView event) {
  return presence::replay(snapshot, event, detail::NoCallback());
}
template <class Event = PresenceEvent, class = detail::EnableIfOwningEvent<Event>>
Verdict replay(Snapshot& snapshot, const Event& event) {
  return presence::replay(snapshot, event, detail::NoCallback());
}
/// @}

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
[[nodiscard]] Snapshot reduce(Snapshot snapshot, const PresenceEventView& event);

/// The same, for an event that owns its strings. It may be a temporary.
template <class Event = PresenceEvent, class = detail::EnableIfOwningEvent<Event>>
[[nodiscard]] Snapshot reduce(Snapshot snapshot, const Event& event) {
  return presence::reduce(std::move(snapshot), PresenceEventView(event));
}

/// Returns the snapshot at a later timestamp.
[[nodiscard]] Snapshot reduce(Snapshot snapshot, Timestamp now);

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/state/detail/reduce_bodies.hpp>
#endif

#endif  // PRESENCE_STATE_REDUCE_HPP
