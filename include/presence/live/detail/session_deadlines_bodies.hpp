// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_DETAIL_SESSION_DEADLINES_BODIES_HPP
#define PRESENCE_LIVE_DETAIL_SESSION_DEADLINES_BODIES_HPP

#include <presence/base/time.hpp>
#include <presence/live/detail/session_deadlines.hpp>
#include <presence/registers/detail/absent.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint32_t, uint64_t
#include <string_view>  // for string_view
#include <utility>      // for swap

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

PRESENCE_DETAIL_BODY SessionDeadlines::SessionDeadlines(std::uint64_t seed) : users_(seed) {}

PRESENCE_DETAIL_BODY void SessionDeadlines::lower(std::string_view user, Timestamp at) {
  if (at == never) return;
  const std::uint32_t number = users_.add(user);
  if (at >= users_[number].at) return;
  users_[number].at = at;
  push(Entry{at, number});
}

PRESENCE_DETAIL_BODY bool SessionDeadlines::has_due(Timestamp to) const noexcept {
  return !heap_.empty() && heap_[0].at <= to;
}

PRESENCE_DETAIL_BODY bool SessionDeadlines::is_current(const Entry& entry) const noexcept {
  return users_.has(entry.user) && users_[entry.user].at == entry.at;
}
PRESENCE_DETAIL_BODY void SessionDeadlines::correct(const Entry& first, Timestamp next) {
  if (next == never) {
    users_.erase(first.user);
    pop();
  } else {
    users_[first.user].at = next;
    heap_[0].at = next;
    sink();
  }
}

PRESENCE_DETAIL_BODY void SessionDeadlines::push(Entry entry) {
  heap_.push_back(entry);
  for (std::size_t at = heap_.size() - 1; at > 0;) {
    const std::size_t above = (at - 1) / 2;
    if (heap_[above].at <= heap_[at].at) return;
    std::swap(heap_[above], heap_[at]);
    at = above;
  }
}
PRESENCE_DETAIL_BODY void SessionDeadlines::pop() noexcept {
  heap_[0] = heap_.back();
  heap_.pop_back();
  sink();
}
PRESENCE_DETAIL_BODY void SessionDeadlines::sink() noexcept {
  for (std::size_t at = 0;;) {
    std::size_t least = at;
    for (std::size_t below = 2 * at + 1; below <= 2 * at + 2; ++below) {
      if (below < heap_.size() && heap_[below].at < heap_[least].at) least = below;
    }
    if (least == at) return;
    std::swap(heap_[least], heap_[at]);
    at = least;
  }
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_DETAIL_SESSION_DEADLINES_BODIES_HPP
