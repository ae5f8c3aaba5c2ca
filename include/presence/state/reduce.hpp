// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_REDUCE_HPP
#define PRESENCE_STATE_REDUCE_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/model/detail/event_copy.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/state/detail/changes.hpp>
#include <presence/state/detail/departures.hpp>
#include <presence/state/detail/fold.hpp>
#include <presence/state/detail/in_place.hpp>
#include <presence/state/snapshot.hpp>

#include <cstddef>      // for size_t, ptrdiff_t
#include <cstdint>      // for uint64_t
#include <optional>     // for optional
#include <string>       // for iterator_traits, forward_iterator_tag
#include <string_view>  // for string_view
#include <type_traits>  // for enable_if, is_base_of, is_convertible, is_reference, is_same, remove_reference, void_t
#include <utility>      // for declval, move

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

/// Advances to a later timestamp and calls `on_change` for every visible change.
template <class OnChange>
void advance_and_tell(Snapshot& snapshot, Timestamp to, OnChange& on_change) {
  Root& root = SnapshotAccess::write(snapshot);
  if constexpr (has_callback<OnChange>) {
    Changes changes;
    advance(root, to, &changes);
    tell_all(changes, on_change);
  } else {
    advance(root, to, nullptr);
  }
}

/// Applies an event at the snapshot's own timestamp and calls `on_change` if the visible state changed. `key` is the
/// key of the event's user. Works for every event.
template <class OnChange>
Verdict fold_anew(Snapshot& snapshot, const UserKey& key, const PresenceEventView& event, OnChange& on_change,
                  bool is_admitted = false) {
  const Timestamp now = SnapshotAccess::now(snapshot);
  Plan plan = plan_event(SnapshotAccess::read(snapshot), key, event, now, count_at, is_admitted);
  if (plan.verdict != Verdict::applied) return plan.verdict;
  if constexpr (has_callback<OnChange>) {
    Change change;
    change.at = now == absent ? event.at : now;
    change.before = Seen::of(plan.row, now, snapshot.rules());
    change.after = Seen(plan.after, now, snapshot.rules());
    change.id = plan.row != nullptr ? plan.row->id() : SharedString(event.user);
    commit(SnapshotAccess::write(snapshot), key, std::move(plan));
    tell(change, on_change);
  } else {
    commit(SnapshotAccess::write(snapshot), key, std::move(plan));
  }
  return Verdict::applied;
}

/// Makes the page of a user uniquely owned and returns it, if sharing is all that prevents applying the event in place.
/// The event must be a later heartbeat of the session in the head of the row. Returns null otherwise.
inline Page* own_page_for(Snapshot& snapshot, const EventTarget& subject, const PresenceEventView& event) {
  const RowView row = subject.row();
  if (!row.is_heartbeat_of_first(event.type, subject.session) || event.at <= evidence(row.first_session()) ||
      judge_form(event, snapshot.rules()) != Verdict::applied ||
      judge_instant(event.at, SnapshotAccess::now(snapshot), snapshot.rules()) != Verdict::applied)
    return nullptr;
  return &SnapshotAccess::write(snapshot).table.own_page(subject.key);
}

/// Keeps a shared page alive, even if its other owners, possibly on other threads, release it.
class KeptPage {
 public:
  explicit KeptPage(const Page& page) noexcept : page_{&const_cast<Page&>(page)} { page_.page().owners.add(); }
  KeptPage(const KeptPage&) = delete;
  KeptPage& operator=(const KeptPage&) = delete;

 private:
  Spare page_;
};

/// Applies an event of a user in a shared page.
template <class OnChange>
PRESENCE_DETAIL_APART Verdict fold_where_shared(Snapshot& snapshot, const EventTarget& subject,
                                                const PresenceEventView& event, OnChange& on_change) {
  const KeptPage kept(*subject.way.page());  // the event may borrow from it
  if (Page* const page = own_page_for(snapshot, subject, event)) {
    const PlaceInTable place{SnapshotAccess::write(snapshot), subject, *page};
    if (fold_mere_heartbeat(place, event) || fold_in_place(place, event, on_change)) return Verdict::applied;
  }
  return fold_anew(snapshot, subject.key, event, on_change);
}

/// Applies an event of a user who has been looked up, in place if possible. If the page is uniquely owned, heartbeats
/// that only refresh the session have been applied before.
template <class OnChange>
Verdict fold_where_found(Snapshot& snapshot, const EventTarget& subject, const PresenceEventView& event,
                         OnChange& on_change) {
  if (subject.at != Page::none) {
    Root* const owned = SnapshotAccess::owned(snapshot);
    Page* const page = owned != nullptr ? subject.own_page() : nullptr;
    if (page == nullptr) return fold_where_shared(snapshot, subject, event, on_change);
    if (fold_in_place({*owned, subject, *page}, event, on_change)) return Verdict::applied;
  }
  return fold_anew(snapshot, subject.key, event, on_change);
}

/// Looks up the user of an event and applies the event.
template <class OnChange>
Verdict fold_now(Snapshot& snapshot, const PresenceEventView& event, OnChange& on_change) {
  Root* const owned = SnapshotAccess::owned(snapshot);
  if (owned != nullptr && find_and_fold_mere_heartbeat(*owned, event)) return Verdict::applied;
  const UserTable nobody;
  const Root* const root = SnapshotAccess::read(snapshot);
  EventTarget subject;
  subject.find(root != nullptr ? root->table : nobody, event);
  return fold_where_found(snapshot, subject, event, on_change);
}

/// Whether the next few events may be read before the first is applied. They must be stored somewhere, not created when
/// the iterator is dereferenced. Views may be created: their strings are stored elsewhere.
template <class It, class = void>
inline constexpr bool can_look_ahead = false;
template <class It>
inline constexpr bool can_look_ahead<It, std::void_t<typename std::iterator_traits<It>::iterator_category>> =
    std::is_convertible<typename std::iterator_traits<It>::iterator_category, std::forward_iterator_tag>::value &&
    (std::is_reference<typename std::iterator_traits<It>::reference>::value ||
     std::is_same<const std::remove_reference_t<typename std::iterator_traits<It>::reference>,
                  const PresenceEventView>::value);

/// Whether the events of a range may borrow from the snapshot that they are applied to. Events that own their strings
/// do not.
template <class It>
inline constexpr bool may_borrow =
    !std::is_base_of<PresenceEvent, std::remove_reference_t<decltype(*std::declval<It&>())>>::value;

/// Applies the event in place if that cannot change a string that later events borrow. The row's id stays where it is;
/// the row's other strings are overwritten where they are. Returns false and changes nothing if one of those may be
/// among `strings`, or if the event cannot be applied in place.
template <class OnChange>
bool fold_and_move_nothing(Root& owned, const EventTarget& subject, const PresenceEventView& event,
                           const StringBounds& strings, OnChange& on_change) {
  Page* const page = subject.own_page();
  return page != nullptr && !strings.may_touch(page->row(subject.at).status()) &&
         fold_in_place({owned, subject, *page}, event, on_change);
}

/// The maximum number of events of a range that are read before the first of them is applied.
inline constexpr std::size_t most_ahead = 32;

/// Looks up the users of the next few events of a range and returns the number of these events. Works in rounds, so
/// that cache misses overlap. First it prefetches what heartbeats read of every user. Then it prefetches the remaining
/// memory of the users that have other events.
template <class It>
PRESENCE_DETAIL_FLAT std::size_t find_some(const UserTable& table, It first, It last, EventTarget* subjects) {
  std::size_t count = 0, left = 0;
  const bool has_users = table.size() != 0;
  for (It it = first; it != last && count < most_ahead; ++it, ++count) {
    EventTarget& subject = subjects[count];
    auto&& listed = *it;
    subject.set(table, listed);
    left += has_users && !subject.step() ? 1u : 0u;  // the first node needs no prefetch
  }
  // Descend to the pages, one node per round.
  while (left != 0) {
    left = 0;
    for (std::size_t i = 0; i < count; ++i) {
      EventTarget& subject = subjects[i];
      left += !subject.way.has_arrived() && !subject.step() ? 1u : 0u;
    }
  }
  // Events other than heartbeats of the first session may read more of the user.
  It it = first;
  for (std::size_t i = 0; i < count; ++i, ++it) {
    const EventTarget& subject = subjects[i];
    auto&& listed = *it;
    const PresenceEventView& event = listed;
    if (subject.at != Page::none && !subject.may_be_of_first_session(event.type)) subject.row().prefetch_elsewhere();
  }
  return count;
}

/// Applies the next few events of a range and returns whether it processed all of them. In a range that borrows from
/// the snapshot, it stops before an event that may move or destroy strings that later events borrow. `strings` holds
/// the addresses of the borrowed strings; it is computed when first needed.
template <bool borrows, class It, class OnChange>
bool fold_some(Snapshot& snapshot, It& first, It last, OnChange& on_change, Tally& tally,
               std::optional<StringBounds>& strings) {
  const Root* const root = SnapshotAccess::read(snapshot);
  if (root == nullptr) {
    auto&& listed = *first;
    tally.count(fold_now(snapshot, listed, on_change));
    ++first;
    return true;
  }
  EventTarget subjects[most_ahead];
  const std::size_t count = find_some(root->table, first, last, subjects);

  const std::uint64_t moves = root->table.moves();
  bool are_there = true;  // the rows found are in place and unshared: a callback may copy the snapshot
  for (std::size_t i = 0; i < count; ++i, ++first) {
    auto&& listed = *first;
    const PresenceEventView& event = listed;
    Root* const owned = SnapshotAccess::owned(snapshot);
    are_there = are_there && owned == root && owned->table.moves() == moves;
    if (are_there && fold_mere_heartbeat_where_found(*owned, event, subjects[i])) {
      ++tally.applied;
      continue;
    }
    if constexpr (borrows) {
      It next = first;
      if (++next != last) {
        if (!are_there) return false;
        if (!strings) strings.emplace(first, last);
        if (!fold_and_move_nothing(*owned, subjects[i], event, *strings, on_change)) return false;
        ++tally.applied;
        continue;
      }
    }
    if (are_there) {
      tally.count(fold_where_found(snapshot, subjects[i], event, on_change));
    } else {
      tally.count(fold_now(snapshot, event, on_change));
    }
  }
  return true;
}

/// Applies the events of a log and advances the time with them. The events of one timestamp are applied together: after
/// the deadlines before that timestamp, and before the deadlines at it.
template <class OnChange>
class Replay {
 public:
  Replay(Snapshot& snapshot, OnChange& on_change) noexcept : snapshot_(snapshot), on_change_(on_change) {}
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  Verdict fold(const PresenceEventView& event) {
    if (!open_ || event.at != instant_) finish();
    const Timestamp now = SnapshotAccess::now(snapshot_);
    if (!open_ && (!in_range(event.at) || (now != absent && event.at <= now))) {
      const Lasting before = lasting_of(event.user);
      const Verdict verdict = fold_now(snapshot_, event, on_change_);
      note_change(event.user, before);
      return verdict;
    }

    const UserKey key = SnapshotAccess::key(snapshot_, event.user);
    Plan plan = plan_event(SnapshotAccess::read(snapshot_), key, event, event.at,
                           [this](const Root& root, Timestamp at) { return count_ahead(root, at); });
    if (!accepted(plan.verdict)) return plan.verdict;
    if (!open_) {
      open(event.at);
      // The time has advanced since the plan was made, which may have moved rows.
      if (const Root* const root = SnapshotAccess::read(snapshot_)) plan.row = root->table.find(key);
    }
    if (plan.verdict == Verdict::applied) {
      if constexpr (has_callback<OnChange>) {
        const Rules& rules = snapshot_.rules();
        changes_.add(Change{instant_, plan.row != nullptr ? plan.row->id() : SharedString(event.user),
                            Seen::of(plan.row, SnapshotAccess::now(snapshot_), rules),
                            Seen(plan.after, instant_, rules)});
      }
      const Verdict verdict = plan.verdict;
      const Lasting before = lasting_of(event.user);
      commit(SnapshotAccess::write(snapshot_), key, std::move(plan));
      note_change(event.user, before);
      return verdict;
    }
    return plan.verdict;
  }

  /// Passes the deadlines at the last timestamp. Calls `on_change` for what they and the events of that timestamp
  /// changed: one change per user.
  void finish() {
    if (!open_) return;
    open_ = false;
    Root& root = SnapshotAccess::write(snapshot_);
    if constexpr (has_callback<OnChange>) {
      advance(root, instant_, &changes_);
      changes_.one_per_user([](Change& first, Change& next) { first.after = std::move(next.after); });
      tell_all(changes_, on_change_);
      changes_.clear();
    } else {
      advance(root, instant_, nullptr);
    }
  }

 private:
  void open(Timestamp instant) {
    const Timestamp just_before = instant - Duration::from_ns(1), now = SnapshotAccess::now(snapshot_);
    if (in_range(just_before) && (now == absent || now < just_before))
      advance_and_tell(snapshot_, just_before, on_change_);
    open_ = true;
    instant_ = instant;
  }

  /// Returns the number of users at a later time. A second call suggests that many events are refused, so it builds an
  /// index.
  Count count_ahead(const Root& root, Timestamp at) {
    if (!departures_ && !was_asked_) {
      was_asked_ = true;
      return count_at(root, at);
    }
    if (!departures_) departures_.emplace(root);
    return departures_->at(at);
  }
  Lasting lasting_of(std::string_view user) const noexcept {
    const Root* const root = SnapshotAccess::read(snapshot_);
    return !departures_ || root == nullptr ? Lasting() : Lasting::of(root->table.find(user), root->rules);
  }
  void note_change(std::string_view user, const Lasting& before) {
    if (departures_) departures_->change(before, lasting_of(user), SnapshotAccess::now(snapshot_));
  }

  Snapshot& snapshot_;
  OnChange& on_change_;
  bool open_ = false, was_asked_ = false;
  std::optional<Departures> departures_;
  Timestamp instant_;
  Changes changes_;
};

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
  return detail::fold_now(snapshot, event, on_change);
}
/// The same, for an event that owns its strings. It may be a temporary.
template <class OnChange, class Event = PresenceEvent, class = detail::EnableIfOwningEvent<Event>>
Verdict apply(Snapshot& snapshot, const Event& event, OnChange&& on_change) {
  return detail::fold_now(snapshot, PresenceEventView(event), on_change);
}

/// Advances the snapshot to `now`. Sessions time out and, if Rules::forget_after is set, users are forgotten by age,
/// each at its deadline.
///
/// Calls `on_change` after all changes are made, in the order of (deadline, id). If `now` is not later than the
/// snapshot's own, nothing changes and the verdict is `unchanged`. If `now` is at either end of the range of
/// timestamps, the verdict is `invalid`. O(expired sessions and users).
template <class OnChange>
Verdict apply(Snapshot& snapshot, Timestamp now, OnChange&& on_change) {
  if (!detail::in_range(now)) return Verdict::invalid;
  if (now <= detail::SnapshotAccess::now(snapshot)) return Verdict::unchanged;
  detail::advance_and_tell(snapshot, now, on_change);
  return Verdict::applied;
}

/// Applies the events of a range in order and returns how many had each verdict. Equivalent to `apply` for each event,
/// but faster if the snapshot does not fit into the cache. With multi-pass iterators, the memory of the next few users
/// is prefetched while the first event is applied.
template <class It, class OnChange, class = detail::EnableIfIterator<It>>
Tally apply(Snapshot& snapshot, It first, It last, OnChange&& on_change) {
  Tally tally;
  if constexpr (detail::can_look_ahead<It>) {
    constexpr bool borrows = detail::may_borrow<It>;
    std::optional<detail::StringBounds> strings;
    bool moves_nothing = true;
    while (moves_nothing && first != last)
      moves_nothing = detail::fold_some<borrows>(snapshot, first, last, on_change, tally, strings);
    if constexpr (borrows) {
      if (moves_nothing) return tally;
      // An event may destroy strings that later events borrow, so copy the strings first.
      const detail::EventCopies copies(first, last, snapshot.rules());
      for (const PresenceEventView* it = copies.begin(); it != copies.end();)
        detail::fold_some<false>(snapshot, it, copies.end(), on_change, tally, strings);
    }
  } else {
    for (; first != last; ++first) {
      auto&& event = *first;
      tally.count(detail::fold_now(snapshot, event, on_change));
    }
  }
  return tally;
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
/// timestamp. An event that is not later than `now` is applied as by `apply`. A refused event does not advance the
/// time. If memory runs out, what was applied remains applied, and `on_change` is not called again.
template <class It, class OnChange, class = detail::EnableIfIterator<It>>
Tally replay(Snapshot& snapshot, It first, It last, OnChange&& on_change) {
  Tally tally;
  detail::Replay<std::remove_reference_t<OnChange>> replay(snapshot, on_change);
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
  detail::Replay<std::remove_reference_t<OnChange>> replay(snapshot, on_change);
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

/// Returns the snapshot after the event, or the same snapshot if the event is refused. Pure. Pass `std::move(s)` to
/// update it in place.
[[nodiscard]] inline Snapshot reduce(Snapshot snapshot, const PresenceEventView& event) {
  const detail::NoCallback no_callback;
  detail::fold_now(snapshot, event, no_callback);
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
