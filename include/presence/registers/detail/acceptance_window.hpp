// SPDX-License-Identifier: MIT
#ifndef PRESENCE_REGISTERS_DETAIL_ACCEPTANCE_WINDOW_HPP
#define PRESENCE_REGISTERS_DETAIL_ACCEPTANCE_WINDOW_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/model/rules.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/registers.hpp>

#include <cstdint>  // for uint64_t

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The limits for timestamps of events and sessions. They are computed in advance from `now` and the rules, so that
/// applying an event needs no additions.
class AcceptanceWindow {
 public:
  AcceptanceWindow() noexcept = default;
  AcceptanceWindow(Timestamp now, const Rules& rules) noexcept
      : now_(now),
        refresh_(rules.last_active_refresh),
        room_(smaller_of(rules.max_recent_per_user, rules.max_sessions_per_user)) {
    const Duration least = Duration::from_ns(1);
    first_ = absent + least;
    last_ = never - least;
    if (now == absent) return;
    first_ = later(first_, now - rules.reorder_window);
    last_ = earlier(last_, now + rules.max_clock_skew);
    if (rules.session_timeout != Duration()) alive_ = now - rules.session_timeout;
  }

  bool are_of(Timestamp now) const noexcept { return now_ == now; }

  /// Returns whether an event with that timestamp is neither too late, nor too early, nor invalid.
  bool admit(Timestamp at) const noexcept { return first_ <= at && at <= last_; }
  Timestamp window() const noexcept { return first_; }

  /// Returns the same as `live`, computed from the limits.
  bool is_live(const SessionRegisters& session) const noexcept {
    return evidence(session) > alive_ && !ended_by_disconnect(session);
  }

  /// Returns the number of sessions up to which none has to be dropped for a new one.
  std::uint32_t session_room() const noexcept { return room_; }

  /// Returns the same as the free function `heartbeat_value`, which divides. Avoids the division for most heartbeats,
  /// which are in the same step as the one before.
  Timestamp heartbeat_value(Timestamp at, const Rules& rules) noexcept {
    const auto into_step = static_cast<std::uint64_t>(at.ns()) - static_cast<std::uint64_t>(step_.ns());
    if (at >= step_ && into_step < static_cast<std::uint64_t>(refresh_.ns())) return step_;
    return go_to_step(at, rules);
  }

 private:
  PRESENCE_DETAIL_APART Timestamp go_to_step(Timestamp at, const Rules& rules) noexcept {
    const Timestamp value = detail::heartbeat_value(at, rules);
    if (value > first_possible()) step_ = value;  // the first step is shorter than the others
    return value;
  }

  static constexpr Timestamp first_possible() noexcept { return absent + Duration::from_ns(1); }

  Timestamp now_ = never;  // never a valid timestamp
  Timestamp first_, last_;
  Timestamp alive_ = absent;
  Timestamp step_;
  Duration refresh_;
  std::uint32_t room_ = 0;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REGISTERS_DETAIL_ACCEPTANCE_WINDOW_HPP
