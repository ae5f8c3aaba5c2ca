// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_DETAIL_SESSION_DEADLINES_HPP
#define PRESENCE_LIVE_DETAIL_SESSION_DEADLINES_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/id_map.hpp>
#include <presence/base/time.hpp>
#include <presence/registers/detail/absent.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint32_t, uint64_t
#include <string_view>  // for string_view
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Finds the users who have a session that times out, without looking at the others. Stores for each user a lower bound
/// of the next timeout of their sessions. A heartbeat moves a timeout but not the bound: the bound is corrected when it
/// is reached. So each session costs O(log n) per session_timeout, and a heartbeat costs nothing.
class SessionDeadlines {
 public:
  explicit SessionDeadlines(std::uint64_t seed = 0);

  /// A session of the user times out at `at` or later.
  void lower(std::string_view user, Timestamp at);

  /// Returns the earliest timeout; `never` if there is none. `next_of(user)` returns the next timeout of the user's
  /// sessions, or `never`.
  template <class NextOf>
  Timestamp next(NextOf next_of) {
    while (!heap_.empty()) {
      const Entry first = heap_[0];
      if (is_current(first)) {
        const Timestamp next = next_of(std::string_view(users_.id_of(first.user)));
        if (next == first.at) return next;
        correct(first, next);
      } else {
        pop();
      }
    }
    return never;
  }

  /// Calls `visit(user)` for each user whose bound is not later than `to`. O(n log n) for n of them.
  template <class Visit>
  void each_due(Timestamp to, Visit visit) const {
    std::vector<std::uint32_t> users;
    std::vector<std::size_t> next;  // indices into the heap
    if (has_due(to)) next.push_back(0);
    while (!next.empty()) {
      const std::size_t at = next.back();
      next.pop_back();
      if (is_current(heap_[at])) users.push_back(heap_[at].user);
      for (std::size_t below = 2 * at + 1; below <= 2 * at + 2; ++below) {
        if (below < heap_.size() && heap_[below].at <= to) next.push_back(below);
      }
    }
    // A bound that was lowered and then corrected to its former value has two entries.
    detail::sort(users, [](std::uint32_t a, std::uint32_t b) { return a < b; });
    for (std::size_t i = 0; i < users.size(); ++i) {
      if (i == 0 || users[i] != users[i - 1]) visit(std::string_view(users_.id_of(users[i])));
    }
  }
  /// Time has passed up to `to`: corrects the bounds that are not later. `next_of(user)` returns the next timeout of
  /// the user's sessions after `to`, or `never`.
  template <class NextOf>
  void pass(Timestamp to, NextOf next_of) {
    while (has_due(to)) {
      const Entry first = heap_[0];
      if (is_current(first)) {
        correct(first, next_of(std::string_view(users_.id_of(first.user))));
      } else {
        pop();
      }
    }
  }

  bool has_due(Timestamp to) const noexcept;

 private:
  struct Bound {
    Timestamp at = never;
  };
  struct Entry {
    Timestamp at;
    std::uint32_t user;
  };

  /// A bound that was lowered leaves its former entry in the heap, until that is reached.
  bool is_current(const Entry& entry) const noexcept;
  void correct(const Entry& first, Timestamp next);

  void push(Entry entry);
  void pop() noexcept;
  /// Moves the first entry down to its place.
  void sink() noexcept;

  IdMap<Bound> users_;
  std::vector<Entry> heap_;  // the earliest first
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/live/detail/session_deadlines_bodies.hpp>
#endif

#endif  // PRESENCE_LIVE_DETAIL_SESSION_DEADLINES_HPP
