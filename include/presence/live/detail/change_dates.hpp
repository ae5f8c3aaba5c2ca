// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_DETAIL_CHANGE_DATES_HPP
#define PRESENCE_LIVE_DETAIL_CHANGE_DATES_HPP

#include <presence/base/detail/id_map.hpp>
#include <presence/base/time.hpp>
#include <presence/registers/detail/registers.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint32_t, uint64_t
#include <string>       // for string
#include <string_view>  // for string_view
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Gives the changes of one user strictly increasing timestamps, each as early as possible. Then a mirror that applies
/// them as reports ends with the last one, in whatever order they arrive.
///
/// Stores only dates that can still matter: those that are not earlier than the time of the store. These are usually
/// few, except while a client's clock is ahead.
class ChangeDates {
 public:
  explicit ChangeDates(std::uint64_t seed = 0) : dates_(seed) {}

  /// No later change will happen before `now`.
  void pass(Timestamp now) noexcept { now_ = later(now_, now); }

  /// Returns the date of a change of the user that must not be dated before `earliest`. O(1) amortised.
  Timestamp next(std::string_view user, Timestamp earliest) {
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

 private:
  struct Date {
    Timestamp at = absent;
  };

  void drop_past() {
    std::vector<std::uint32_t> past;
    for (auto it = dates_.begin(); it != dates_.end(); ++it) {
      if ((*it).at < now_) past.push_back(it.number());
    }
    for (const std::uint32_t number : past) dates_.erase(number);
    limit_ = 2 * dates_.size() + 64;
  }

  Timestamp now_ = absent;
  Timestamp latest_ = absent;  // of all dates
  std::string last_;           // the user of the change that is dated `latest_`, while dates_ is empty
  IdMap<Date> dates_;
  std::size_t limit_ = 0;  // of dates_, before the past ones are dropped
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_DETAIL_CHANGE_DATES_HPP
