// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_NOTICES_HPP
#define PRESENCE_LIVE_NOTICES_HPP

#include <presence/base/time.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>

#include <cstddef>   // for size_t
#include <cstdint>   // for uint8_t
#include <optional>  // for nullopt
#include <string>    // for string

/// What a Store returns and delivers besides UserPresenceChanged.
namespace presence {
inline namespace PRESENCE_ABI {

/// The result of `Store::dispatch`: the verdict, and the timestamps with which the event was applied. Converts to a
/// Verdict.
///
/// Another node that receives exactly what was applied ends with the same state; see `each_applied`.
///
/// @code
/// #include <presence/live/store.hpp>
///
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// Store here;
/// Snapshot there;  // another node
/// const auto dispatch = [&](const PresenceEvent& event) {
///   here.dispatch(event).each_applied(event, [&](const PresenceEventView& applied) {
///     there = reduce(std::move(there), applied);  // over the network
///   });
/// };
/// dispatch(PresenceEvent::connect("john", "phone", now));
/// dispatch(PresenceEvent::disconnect("john", "phone", now));  // in the same frame: moved 1 ns behind the connect
/// assert(reduce(there, now) == here.snapshot());
/// @endcode
struct Dispatched {
  Verdict verdict = Verdict::unchanged;  ///< whether it was applied, and if not, why
  /// The timestamp with which the event was applied: its own, or moved behind an earlier event of the same frame; see
  /// StoreOptions::keep_order_of_frame. If the event was rejected, its own.
  Timestamp at;
  /// The timestamp with which the event's status text was applied. Differs from `at` only for an event of an invisible
  /// user that connects and sets a status: others see the status, and must not see from its timestamp what else the
  /// user did.
  Timestamp status_at;

  /// Returns the verdict.
  constexpr operator Verdict() const noexcept { return verdict; }

  /// Calls `fn(const PresenceEventView&)` with the event as it was applied: not at all if it was rejected, twice if the
  /// status has a timestamp of its own, else once. `event` must be the event that was dispatched. The view is valid
  /// until `fn` returns.
  template <class Fn>
  void each_applied(const PresenceEventView& event, Fn&& fn) const {
    if (!accepted(verdict)) return;
    PresenceEventView applied = detail::moved_to(event, at);
    if (event.status && status_at != at) {
      PresenceEventView text = detail::moved_to(event, status_at);
      text.type = EventType::set_status;
      applied.status = std::nullopt;
      fn(static_cast<const PresenceEventView&>(applied));
      fn(static_cast<const PresenceEventView&>(text));
      return;
    }
    fn(static_cast<const PresenceEventView&>(applied));
  }
};

/// Why a session ended.
enum class SessionEndReason : std::uint8_t {
  disconnected,  ///< by a disconnect event
  timed_out,     ///< it was silent for Rules::session_timeout
  evicted,       ///< another session became live, and Rules::max_sessions_per_user was exceeded
  removed        ///< the user was removed, or the store no longer knows them
};

/// Returns the name of the enumerator, such as "timed_out", or "?" for a number that is none. O(1); the string is a
/// literal.
constexpr std::string_view to_string(SessionEndReason reason) noexcept {
  switch (reason) {
    case SessionEndReason::disconnected: return "disconnected";
    case SessionEndReason::timed_out: return "timed_out";
    case SessionEndReason::evicted: return "evicted";
    case SessionEndReason::removed: return "removed";
  }
  return "?";
}

/// A session of this store's users ended. Delivered to `Store::on_session_ended` once for each life of a session, for
/// invisible users too. It is for the host, which may close the socket of the session. Never pass it to other users.
struct SessionEnded {
  std::string user;     ///< id of the user
  std::string session;  ///< id of the session
  Timestamp at;         ///< when it ended: the disconnect, the timeout, or the event that evicted it
  SessionEndReason reason = SessionEndReason::disconnected;  ///< why it ended
};

/// A user started to watch a channel, as others see it: they watch it and are online.
struct WatchingStarted {
  std::string user;               ///< id of the user
  std::string cid;                ///< `type:id` of the channel
  std::size_t watcher_count = 0;  ///< number of users who watch the channel and are online for all others
  Timestamp at;                   ///< when it happened, by the time of the store
};

/// A user stopped watching a channel, as others see it: they no longer watch it, are no longer online, or became
/// invisible.
struct WatchingStopped {
  std::string user;               ///< id of the user
  std::string cid;                ///< `type:id` of the channel
  std::size_t watcher_count = 0;  ///< number of users who watch the channel and are online for all others
  Timestamp at;                   ///< when it happened, by the time of the store
};

/// Numbers for monitoring; see `Store::stats`.
struct StoreStats {
  std::size_t users = 0;          ///< users that others know
  std::size_t online = 0;         ///< those of them who are online
  std::size_t sessions = 0;       ///< live sessions, of invisible users too
  std::size_t channels = 0;       ///< channels that the store keeps
  std::size_t viewers = 0;        ///< viewers with a watch
  std::size_t watches = 0;        ///< their watches: each watched channel, and each user of `watch_users`, counts once
  std::size_t watched_users = 0;  ///< users that at least one viewer watches
  std::size_t bytes = 0;          ///< an estimate of the memory of users and watches, without the allocator's overhead
  Tally events;                   ///< dispatched events by verdict
  std::size_t notifications = 0;  ///< calls of callbacks
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_NOTICES_HPP
