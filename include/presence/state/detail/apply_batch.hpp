// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_APPLY_BATCH_HPP
#define PRESENCE_STATE_DETAIL_APPLY_BATCH_HPP

#include <presence/model/detail/event_copy.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/state/detail/apply_event.hpp>
#include <presence/state/detail/event_range.hpp>
#include <presence/state/detail/event_target.hpp>
#include <presence/state/detail/in_place.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/page.hpp>
#include <presence/table/detail/user_table.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint64_t
#include <optional>     // for optional
#include <type_traits>  // for is_same

/// Events of a range: the users of the next few are looked up together, so that cache misses overlap.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Returns whether an event that is applied in place overwrites the status of its row. The row itself stays where it
/// is, and with it the id.
inline bool may_touch_status(const RowView& row, EventType type) noexcept {
  return type == EventType::set_status && !row.status().empty();
}

/// Applies the first event of a range in place if that cannot change a string that the events borrow. Returns false and
/// changes nothing if it may, or if the event cannot be applied in place. Computes `strings`, the addresses of the
/// strings, if it needs them for the first time.
template <class It>
bool apply_and_move_nothing(Root& owned, const EventTarget& target, const PresenceEventView& event, It first, It last,
                            std::optional<StringBounds>& strings, const ChangeSink& on_change) {
  Page* const page = target.own_page();
  if (page == nullptr) return false;
  const RowView row = page->row(target.at);
  if (may_touch_status(row, event.type)) {
    if (!strings) strings.emplace(first, last);
    if (strings->may_touch(row.status())) return false;
  }
  return apply_in_place({owned, target, *page}, event, on_change);
}

/// The maximum number of events of a range that are read before the first of them is applied.
inline constexpr std::size_t most_ahead = 32;

/// Descends from the first node of each target to the pages, one node per round. `left` targets are not there yet.
PRESENCE_DETAIL_FLAT inline void find_pages(EventTarget* targets, std::size_t count, std::size_t left) noexcept {
  while (left != 0) {
    left = 0;
    for (std::size_t i = 0; i < count; ++i) {
      EventTarget& target = targets[i];
      left += !target.way.has_arrived() && !target.step() ? 1u : 0u;
    }
  }
}

/// Looks up the users of the next few events of a range and returns the number of these events. Works in rounds, so
/// that cache misses overlap. First it prefetches what heartbeats read of every user. Then it prefetches the remaining
/// memory of the users that have other events.
template <class It>
PRESENCE_DETAIL_FLAT std::size_t find_some(const UserTable& table, It first, It last, EventTarget* targets) {
  std::size_t count = 0, left = 0;
  const bool has_users = table.size() != 0;
  for (It it = first; it != last && count < most_ahead; ++it, ++count) {
    EventTarget& target = targets[count];
    auto&& listed = *it;
    target.set(table, listed);
    left += has_users && !target.step() ? 1u : 0u;  // the first node needs no prefetch
  }
  find_pages(targets, count, left);
  // Events other than heartbeats of the first session may read more of the user.
  It it = first;
  for (std::size_t i = 0; i < count; ++i, ++it) {
    const EventTarget& target = targets[i];
    auto&& listed = *it;
    const PresenceEventView& event = listed;
    if (target.at != Page::none && !target.may_be_of_first_session(event.type)) target.row().prefetch_for_changes();
  }
  return count;
}

/// Whether a counter of verdicts may run code of the host, which may copy the snapshot.
template <class Counter>
inline constexpr bool may_call_back = !std::is_same<Counter, Tally>::value;

/// Applies the first events of a range that are heartbeats which only refresh a session. Returns how many they are, and
/// advances `first` by as many. If the counter may call back, it stops after one. The target of the event behind them
/// is confirmed as well.
template <class It, class Counter>
std::size_t refresh_found_sessions(Root& owned, It& first, EventTarget* targets, std::size_t count, Counter& tally) {
  std::size_t refreshed = 0;
  It it = first;
  while (refreshed != count) {
    auto&& listed = *it;
    targets[refreshed].confirm();
    if (!refresh_found_session(owned, listed, targets[refreshed])) break;
    tally.count(Verdict::applied);
    ++it;
    ++refreshed;
    if (may_call_back<Counter>) break;
  }
  first = it;
  return refreshed;
}

/// Applies the next few events of a range and returns whether it processed all of them. In a range that borrows from
/// the snapshot, it stops before an event that may move or destroy strings that later events borrow. `strings` holds
/// the addresses of the borrowed strings; it is computed when first needed. `tally` is a Tally, or counts in the same
/// way.
template <bool borrows, class It, class Counter>
bool apply_some(Snapshot& snapshot, It& first, It last, const ChangeSink& on_change, Counter& tally,
                std::optional<StringBounds>& strings) {
  const Root* const root = SnapshotAccess::read(snapshot);
  if (root == nullptr) {
    auto&& listed = *first;
    tally.count(apply_event(snapshot, listed, on_change));
    ++first;
    return true;
  }
  EventTarget targets[most_ahead];
  const std::size_t count = find_some(root->table, first, last, targets);

  const std::uint64_t moves = root->table.moves();
  bool are_there = true;  // the rows found are in place and unshared: a callback may copy the snapshot
  for (std::size_t i = 0; i < count;) {
    Root* const owned = SnapshotAccess::owned(snapshot);
    are_there = are_there && owned == root && owned->table.moves() == moves;
    if (are_there) {
      const std::size_t refreshed = refresh_found_sessions(*owned, first, targets + i, count - i, tally);
      i += refreshed;
      if (i == count || (refreshed != 0 && may_call_back<Counter>)) continue;
    }
    auto&& listed = *first;
    const PresenceEventView& event = listed;
    if constexpr (borrows) {
      It next = first;
      if (++next != last) {
        if (!are_there) return false;
        if (!apply_and_move_nothing(*owned, targets[i], event, first, last, strings, on_change)) return false;
        tally.count(Verdict::applied);
        first = next;
        ++i;
        continue;
      }
    }
    if (are_there) {
      tally.count(apply_to_target(snapshot, targets[i], event, on_change));
    } else {
      tally.count(apply_event(snapshot, event, on_change));
    }
    ++first;
    ++i;
  }
  return true;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_APPLY_BATCH_HPP
