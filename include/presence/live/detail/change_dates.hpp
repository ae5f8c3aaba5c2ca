// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_DETAIL_CHANGE_DATES_HPP
#define PRESENCE_LIVE_DETAIL_CHANGE_DATES_HPP

#include <presence/base/detail/id_map.hpp>
#include <presence/base/time.hpp>
#include <presence/registers/detail/absent.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint64_t
#include <string>       // for string
#include <string_view>  // for string_view

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
  explicit ChangeDates(std::uint64_t seed = 0);

  /// No later change will happen before `now`.
  void pass(Timestamp now) noexcept { now_ = later(now_, now); }

  /// Returns the date of a change of the user that must not be dated before `earliest`. O(1) amortised.
  Timestamp next(std::string_view user, Timestamp earliest);

 private:
  struct Date {
    Timestamp at = absent;
  };

  void drop_past();

  Timestamp now_ = absent;
  Timestamp latest_ = absent;  // of all dates
  std::string last_;           // the user of the change that is dated `latest_`, while dates_ is empty
  IdMap<Date> dates_;
  std::size_t limit_ = 0;  // of dates_, before the past ones are dropped
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/live/detail/change_dates_bodies.hpp>
#endif

#endif  // PRESENCE_LIVE_DETAIL_CHANGE_DATES_HPP
