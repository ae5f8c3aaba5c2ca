// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_DETAIL_SESSION_TRACKER_HPP
#define PRESENCE_LIVE_DETAIL_SESSION_TRACKER_HPP

#include <presence/live/detail/session_deadlines.hpp>
#include <presence/live/notices.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/snapshot.hpp>

#include <cstdint>      // for uint64_t
#include <string>       // for string
#include <string_view>  // for string_view
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

struct Root;
class RowView;
class SessionRegisters;

/// Finds out when sessions end: by an event, by a merge, or by time. Before `start` it does nothing. The functions that
/// take `ends` add the sessions that have ended.
class SessionTracker {
 public:
  /// What the session of an event, and the others of its user, were before the event.
  struct Probe {
    bool is_used = false, was_live = false;
    std::string user, session;        // copies: the event may borrow them from the snapshot
    std::vector<std::string> others;  // live ones, if a connect may evict one, or a removal ends them
  };

  explicit SessionTracker(std::uint64_t seed);

  /// O(users) for the first call.
  void start(const Snapshot& snapshot);
  bool is_tracking() const noexcept { return is_tracking_; }

  static bool is_live(const SessionRegisters& session, Timestamp now, const Rules& rules) noexcept;
  /// Returns whether the snapshot knows the session, and it has ended.
  static bool has_ended(const Snapshot& snapshot, std::string_view user, std::string_view id);

  /// Returns when the next session of any user times out, or `never`. Corrects the bounds that are too low.
  Timestamp next_timeout(const Snapshot& snapshot);
  /// Heartbeats leave the bounds too low, so a bound that has been reached is corrected first.
  bool has_timeout_until(const Snapshot& snapshot, Timestamp to);
  /// Corrects the bounds up to the time of the snapshot.
  void pass(const Snapshot& snapshot);

  /// Returns the sessions that time out after the time of the snapshot and not after `to`, if no event arrives.
  std::vector<SessionEnded> timeouts_until(const Snapshot& snapshot, Timestamp to) const;

  /// To be called before an event. `now` is the time at which the event takes effect.
  Probe probe(const Snapshot& snapshot, const PresenceEventView& event, Timestamp now) const;
  /// To be called after the event, which was applied with the timestamp `at`.
  void compare(const Probe& probe, const Snapshot& snapshot, EventType type, Timestamp at,
               std::vector<SessionEnded>& ends);
  /// Adds the timeouts up to the timestamp of an event that is earlier than the deadlines there. `ends` has the
  /// sessions that the event ended.
  static void add_timeouts(std::vector<SessionEnded> timeouts, const Probe& probe, const Snapshot& snapshot,
                           Timestamp at, std::vector<SessionEnded>& ends);

  /// Finds the sessions that started or ended between two snapshots, by a merge and by the time that passed.
  void compare(const Snapshot& before, const Snapshot& after, std::vector<SessionEnded>& ends);

 private:
  /// Returns the session if it is live, else null.
  static const SessionRegisters* find_live(const Snapshot& snapshot, std::string_view user,
                                           std::string_view id) noexcept;
  static Timestamp next_timeout_of(const RowView& row, Timestamp now, const Rules& rules) noexcept;
  static Timestamp next_timeout_of(const Snapshot& snapshot, std::string_view user) noexcept;
  /// Returns how a session ended during a merge.
  static SessionEnded end_of(std::string_view user, const SessionRegisters& session, bool is_kept, const Root& root);

  SessionDeadlines deadlines_;
  bool is_tracking_ = false;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/live/detail/session_tracker_bodies.hpp>
#endif

#endif  // PRESENCE_LIVE_DETAIL_SESSION_TRACKER_HPP
