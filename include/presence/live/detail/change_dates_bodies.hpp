// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_DETAIL_CHANGE_DATES_BODIES_HPP
#define PRESENCE_LIVE_DETAIL_CHANGE_DATES_BODIES_HPP

#include <presence/base/time.hpp>
#include <presence/live/detail/change_dates.hpp>
#include <presence/registers/detail/absent.hpp>

#include <cstdint>      // for uint32_t, uint64_t
#include <string_view>  // for string_view
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

PRESENCE_DETAIL_BODY ChangeDates::ChangeDates(std::uint64_t seed) : dates_(seed) {}

PRESENCE_DETAIL_BODY Timestamp ChangeDates::next(std::string_view user, Timestamp earliest) {
  if (latest_ < now_ || latest_ == absent) {
    // Every earlier change of every user is dated before all later ones.
    if (dates_.size() != 0) dates_.clear();
    last_.assign(user.data(), user.size());
    return latest_ = earliest;
  }
  if (dates_.size() == 0) {
    dates_[dates_.add(last_)].at = latest_;
    limit_ = 64;
  }
  if (dates_.size() >= limit_) drop_past();
  Date& last = dates_[dates_.add(user)];
  last.at = last.at == absent ? earliest : later(earliest, last.at + Duration::from_ns(1));
  latest_ = later(latest_, last.at);
  return last.at;
}

PRESENCE_DETAIL_BODY void ChangeDates::drop_past() {
  std::vector<std::uint32_t> past;
  for (auto it = dates_.begin(); it != dates_.end(); ++it) {
    if ((*it).at < now_) past.push_back(it.number());
  }
  for (const std::uint32_t number : past) dates_.erase(number);
  limit_ = 2 * dates_.size() + 64;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_DETAIL_CHANGE_DATES_BODIES_HPP
