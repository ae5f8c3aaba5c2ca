// SPDX-License-Identifier: MIT
#ifndef PRESENCE_CHRONO_HPP
#define PRESENCE_CHRONO_HPP

#include <presence/base/time.hpp>

#include <chrono>  // for duration, nanoseconds, steady_clock, system_clock, time_point

/// Conversions to and from `std::chrono`, and a clock for hosts. Opt-in: `<chrono>` costs half a second per file in
/// C++20, and nothing else in the library reads a clock.
namespace presence {
inline namespace PRESENCE_ABI {

/// A time point of the system clock in nanoseconds: `std::chrono::sys_time<std::chrono::nanoseconds>` of C++20.
using SysTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

/// Returns the same point in time. Exact for every timestamp, the two ends of the range included.
constexpr SysTime to_sys_time(Timestamp at) noexcept { return SysTime(std::chrono::nanoseconds(at.ns())); }

/// Returns the same point in time, truncated towards 1970 to whole nanoseconds. A time point before 1677 or after 2262
/// gives the end of the range. Inverse of `to_sys_time`.
template <class Length>
constexpr Timestamp from_sys_time(const std::chrono::time_point<std::chrono::system_clock, Length>& at) noexcept {
  return Timestamp(at);
}

/// Returns the same length of time. Exact for every duration.
constexpr std::chrono::nanoseconds to_chrono(Duration length) noexcept { return std::chrono::nanoseconds(length.ns()); }

/// Returns the same length of time, truncated towards zero to whole nanoseconds. A length of more than 292 years gives
/// the end of the range, and a floating-point NaN gives zero. Inverse of `to_chrono`.
template <class Count, class Period>
constexpr Duration from_chrono(const std::chrono::duration<Count, Period>& length) noexcept {
  return Duration(length);
}

/// The host's time, for a library that takes time as an argument: starts as the system clock, then runs with the
/// host's monotonic clock, so it never jumps back.
///
/// A system clock may be set. If it jumps back, a snapshot that was advanced by it stands still until the clock has
/// caught up: no session times out, and events are dated before `now`. With a HostClock time runs on.
///
/// Call `adjust` from time to time, such as once per minute. If the system clock is ahead by then (it was set, or the
/// machine slept and its monotonic clock did not run), the HostClock follows at once: sessions that are silent for too
/// long time out. If the system clock is behind, the HostClock does not follow. It runs on at the speed of the
/// monotonic clock, ahead of the system clock by the `Duration` that `adjust` returns.
///
/// After the system clock was set back, a host has the following choice. If the returned Duration is small, less than
/// half of Rules::max_clock_skew, do nothing: all nodes still accept each other's events. If it is large, other nodes
/// reject this node's events as `too_early`. Then start the node again, with a new HostClock and a new snapshot, and
/// let the clients connect again: a snapshot cannot go back.
///
/// Concurrent calls of `now` are safe. A call of `adjust` must not run at the same time as another call.
///
/// @code
/// HostClock clock;
/// const Timestamp started = clock.now();
/// assert(started <= clock.now());
/// clock.adjust();  // once per minute
/// assert(started <= clock.now());
///
/// using std::chrono::seconds;  // with readings of the host's own clocks, such as an engine's frame time
/// HostClock game(Timestamp::from_s(1000), seconds(3));
/// assert(game.now(seconds(5)) == Timestamp::from_s(1002));
/// assert(game.adjust(Timestamp::from_s(1010), seconds(5)) == Duration());  // the system clock was set forward
/// assert(game.now(seconds(6)) == Timestamp::from_s(1011));
/// assert(game.adjust(Timestamp::from_s(1001), seconds(6)) == Duration::from_s(10));  // and back again
/// assert(game.now(seconds(7)) == Timestamp::from_s(1012));
/// @endcode
class HostClock {
 public:
  /// Starts at the time of `std::chrono::system_clock`, and runs with `std::chrono::steady_clock`.
  HostClock() noexcept : HostClock(Timestamp(std::chrono::system_clock::now()), steady()) {}
  /// Starts at `system`, at a moment at which the host's monotonic clock reads `monotonic`. Every later reading that is
  /// passed must be of that clock.
  constexpr HostClock(Timestamp system, std::chrono::nanoseconds monotonic) noexcept
      : at_(system), reading_(monotonic) {}

  /// Returns the current time. Never less than what an earlier call returned. O(1).
  Timestamp now() const noexcept { return now(steady()); }
  /// Returns the time when the monotonic clock reads `monotonic`. Not less than the result for any lesser reading, or
  /// for the same reading before a call of `adjust`. Saturates at the ends of the range of timestamps.
  constexpr Timestamp now(std::chrono::nanoseconds monotonic) const noexcept {
    return at_ + (Duration(monotonic) - Duration(reading_));
  }

  /// Follows the system clock if it is ahead. Returns by how much this clock is ahead of the system clock then; zero if
  /// it has followed. O(1).
  Duration adjust() noexcept {
    // The system clock is read first. If the thread is suspended in between, this clock seems to be ahead, and does not
    // follow too far.
    const Timestamp system = std::chrono::system_clock::now();
    return adjust(system, steady());
  }
  /// The same, with a reading of each clock, taken at the same moment.
  constexpr Duration adjust(Timestamp system, std::chrono::nanoseconds monotonic) noexcept {
    const Timestamp here = now(monotonic);
    if (system <= here) return here - system;
    at_ = system;
    reading_ = monotonic;
    return Duration();
  }

 private:
  static std::chrono::nanoseconds steady() noexcept {
    return to_chrono(Duration(std::chrono::steady_clock::now().time_since_epoch()));
  }

  Timestamp at_;                      // the time
  std::chrono::nanoseconds reading_;  // when the monotonic clock read this
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_CHRONO_HPP
