// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_DETAIL_COALESCER_HPP
#define PRESENCE_LIVE_DETAIL_COALESCER_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/id_map.hpp>
#include <presence/base/time.hpp>
#include <presence/model/user.hpp>
#include <presence/registers/detail/derived.hpp>

#include <cstddef>   // for size_t, ptrdiff_t
#include <cstdint>   // for uint32_t, uint64_t
#include <optional>  // for optional
#include <utility>   // for move
#include <vector>    // for vector

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The changes of one user that a listener receives together.
///
/// A viewer who starts to watch the user in between must receive only what happened since. So changes are joined at
/// once only if no watch was modified between them.
struct CoalescedChanges {
  struct Part {
    PRESENCE_DETAIL_APART Part() {}
    PRESENCE_DETAIL_APART Part(const Part& other) = default;
    PRESENCE_DETAIL_APART Part(Part&& other) noexcept = default;
    PRESENCE_DETAIL_APART Part& operator=(Part&& other) noexcept = default;
    PRESENCE_DETAIL_APART ~Part() = default;

    UserPresenceChanged change;  // of all changes of the part
    std::uint64_t number = 0;    // of the first of them
    std::uint64_t version = 0;   // of the watches, when the change happened
  };
  Timestamp due = never;
  std::vector<Part> parts;  // in order; not empty

  /// Returns the changes from that part on as one.
  UserPresenceChanged from(std::size_t first) const {
    UserPresenceChanged change = parts.back().change;
    change.before = parts[first].change.before;
    return change;
  }
};

/// Holds the changes that a listener with DeliveryOptions::coalesce has not received yet.
class Coalescer {
 public:
  bool empty() const noexcept { return users_.size() == 0; }
  /// Returns the earliest time at which changes must be delivered, or `never`.
  Timestamp next_due() const noexcept { return empty() ? never : users_[order_[first_]].due; }

  /// `due`: when the changes of the user must be delivered, if this is the first of them. Returns whether it is.
  PRESENCE_DETAIL_RARE bool add(const UserPresenceChanged& change, std::uint64_t number, std::uint64_t version,
                                Timestamp due) {
    // If memory runs out, nothing changes.
    const std::uint32_t known = users_.find(change.id);
    if (known != none && users_[known].parts.back().version == version) {
      UserPresenceChanged& last = users_[known].parts.back().change;
      std::optional<User> after = change.after;
      last.after.swap(after);
      last.at = change.at;
      return false;
    }
    std::vector<CoalescedChanges::Part> first(1);
    first[0].change = change;
    first[0].number = number;
    first[0].version = version;
    if (known != none) {
      users_[known].parts.push_back(std::move(first[0]));
      return false;
    }
    detail::reserve_one(order_);
    CoalescedChanges& all = users_[users_.add(change.id)];
    all.parts.swap(first);
    // Time passes in order, so this changes nothing unless the store has no timestamp.
    all.due = first_ == order_.size() ? due : later(due, users_[order_.back()].due);
    order_.push_back(users_.find(change.id));
    return true;
  }

  /// Calls `visit(id)` for each user who has changes here.
  template <class Visit>
  void each_user(Visit visit) const {
    for (auto it = users_.begin(); it != users_.end(); ++it) visit(users_.id_of(it.number()));
  }

  /// Removes and returns the changes with the earliest deadline. Must not be empty.
  PRESENCE_DETAIL_RARE CoalescedChanges take() {
    const std::uint32_t user = order_[first_];
    CoalescedChanges all = std::move(users_[user]);
    users_.erase(user);
    if (++first_ * 2 > order_.size()) {
      order_.erase(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
    return all;
  }

 private:
  static constexpr std::uint32_t none = IdMap<CoalescedChanges>::none;

  IdMap<CoalescedChanges> users_;
  std::vector<std::uint32_t> order_;  // by due time
  std::size_t first_ = 0;             // those before it have been taken
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_DETAIL_COALESCER_HPP
