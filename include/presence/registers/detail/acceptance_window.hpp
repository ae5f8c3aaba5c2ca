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

/// The limits for timestamps of events and sessions: an event older than `now - reorder_window` is too late, and one
/// later than `now + max_clock_skew` is too early. Without `now`, none is. The limits are computed in advance, so that
/// applying an event needs no additions.
class AcceptanceWindow {
 public:
  AcceptanceWindow() noexcept = default;
  AcceptanceWindow(Timestamp now, const Rules& rules) noexcept
      : now_(now),
        refresh_(rules.last_active_refresh),
        span_(span_of_silence(rules)),
        room_(smaller_of(rules.max_recent_per_user, rules.max_sessions_per_user)) {
    const Duration least = Duration::from_ns(1);
    first_ = absent + least;
    last_ = never - least;
    if (now == absent) return;
    first_ = later(first_, now - rules.reorder_window);
    last_ = earlier(last_, now + rules.max_clock_skew);
    timed_out_up_to_ = detail::timed_out_up_to(now, rules);
  }

  bool are_of(Timestamp now) const noexcept { return now_ == now; }

  /// Returns the verdict on the timestamp of an event, which must not be at either end of the range of timestamps.
  Verdict judge(Timestamp at) const noexcept {
    return at < first_ ? Verdict::too_late : at > last_ ? Verdict::too_early : Verdict::applied;
  }
  /// Returns whether an event with that timestamp is neither too late, nor too early, nor invalid.
  bool admit(Timestamp at) const noexcept { return first_ <= at && at <= last_; }
  Timestamp window() const noexcept { return first_; }

  /// Returns whether a session, other than that of the reports, is neither disconnected nor timed out.
  bool is_live(const SessionRegisters& session) const noexcept {
    // Most sessions are surely open, or over.
    if (session.is_open()) return session.evidence_at() > timed_out_up_to_;
    if (session.is_over()) return false;
    if (session.evidence_at() <= timed_out_up_to_ && !is_held(session)) return false;
    return !ended_by_disconnect(session);
  }
  /// Returns whether evidence at that timestamp belongs to the same run as the session's last evidence, which is
  /// earlier.
  bool is_of_run(const SessionRegisters& session, Timestamp at) const noexcept {
    return static_cast<std::uint64_t>(at.ns()) - static_cast<std::uint64_t>(session.evidence_at().ns()) <= span_;
  }

  /// Returns the number of sessions up to which none has to be dropped for a new one.
  std::uint32_t session_room() const noexcept { return room_; }

  /// Returns `heartbeat_value(at, rules)`. Most heartbeats are in the same step as the one before, so its result is
  /// cached, because it divides.
  Timestamp heartbeat_value(Timestamp at, const Rules& rules) noexcept {
    const auto into_step = static_cast<std::uint64_t>(at.ns()) - static_cast<std::uint64_t>(step_.ns());
    if (at >= step_ && into_step < static_cast<std::uint64_t>(refresh_.ns())) return step_;
    return go_to_step(at, rules);
  }

 private:
  bool is_held(const SessionRegisters& session) const noexcept {
    const Timestamp held = session.held_until();
    return session.has_evidence() && now_ < held && !is_of_run(session, held);
  }

  /// Returns how long a silence inside a run may be, in nanoseconds.
  static std::uint64_t span_of_silence(const Rules& rules) noexcept {
    const Duration span = rules.session_timeout + rules.offline_grace;
    const bool is_endless = rules.session_timeout == Duration() || span == Duration::highest();
    return is_endless ? UINT64_MAX : static_cast<std::uint64_t>(span.ns());
  }

  PRESENCE_DETAIL_APART Timestamp go_to_step(Timestamp at, const Rules& rules) noexcept {
    const Timestamp value = detail::heartbeat_value(at, rules);
    if (value > first_possible()) step_ = value;  // the first step is shorter than the others
    return value;
  }

  static constexpr Timestamp first_possible() noexcept { return absent + Duration::from_ns(1); }

  Timestamp now_ = never;  // never a valid timestamp
  Timestamp first_, last_;
  Timestamp timed_out_up_to_ = absent;
  Timestamp step_;
  Duration refresh_;
  std::uint64_t span_ = UINT64_MAX;  // in nanoseconds
  std::uint32_t room_ = 0;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REGISTERS_DETAIL_ACCEPTANCE_WINDOW_HPP
