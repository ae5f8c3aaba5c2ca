// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_RULES_HPP
#define PRESENCE_MODEL_RULES_HPP

#include <presence/base/time.hpp>

#include <cstddef>  // for size_t
#include <cstdint>  // for uint8_t, uint32_t, uint64_t

namespace presence {
inline namespace PRESENCE_ABI {

/// What a Snapshot is folded by. Fixed for its life. A negative duration counts as zero.
///
/// The durations decide what is true; nodes that merge must agree on them. The limits decide what one process can be
/// made to store; an event that would exceed one is rejected with Verdict::over_limit, but for sessions and what is
/// recent, where the oldest gives way. Past a limit the order of arrival may matter for the user concerned.
///
/// @code
/// Rules rules;
/// rules.session_timeout = Duration::from_s(90);  // clients beat every 30 s: two beats may be lost
/// rules.offline_grace = Duration::from_s(10);    // a change of network shows nobody offline
/// rules.max_status_bytes = 140;
/// rules.hash_seed = 0x9E3779B97F4A7C15;  // a secret of the host, where ids come from strangers
/// assert(rules.reorder_window > rules.session_timeout);  // what is too late would have timed out by now
/// assert(!accepted(Verdict::too_late) && accepted(Verdict::unchanged));
/// assert(Rules::mirror().max_clock_skew == Duration::highest());
/// @endcode
struct Rules {
  /// A session silent for this long has ended. 0: silence ends none.
  Duration session_timeout = Duration::from_s(40);
  /// A user whose last session ended stays online this much longer, to ride out a reconnect.
  Duration offline_grace = Duration::from_s(0);
  /// The steps, counted from 1970 on, in which last_active follows heartbeats. 0: it follows each of them.
  Duration last_active_refresh = Duration::from_s(15 * 60);
  /// An event older than now by more than this is refused as too_late.
  Duration reorder_window = Duration::from_s(2 * 60);
  /// An event later than now by more than this is refused as too_early.
  Duration max_clock_skew = Duration::from_s(60);
  /// A user who is offline is forgotten this long after the latest of what others know: last_active, the status text, a
  /// report. Others then know of no such user, which is a change like any other, and what was kept of the user is given
  /// back. Who is online, or reported to be, is not forgotten. Of who is invisible what others knew is forgotten as if
  /// nothing had been done since; that the user is invisible is forgotten with the rest, once all sessions have ended
  /// and this long after the last connect or heartbeat (in steps of last_active_refresh), so that guests who come once
  /// and hide do not stay for good. An event about somebody who was just forgotten finds a new user, however it is
  /// dated: there the order of arrival matters, and what two nodes know, so this should be much longer than anything
  /// comes late. highest(): nobody is forgotten.
  Duration forget_after = Duration::highest();

  /// Users that others know of; as many again may exist that nobody else knows of. Either room is full for its own:
  /// those who hide take no room from others. Without forget_after those who hide keep theirs for good.
  std::uint32_t max_users = 0xFFFFFFFF;
  /// Live ones; ended ones do not count. When one more comes to life, the session with the oldest connect or heartbeat
  /// gives way: nothing of it is kept, until it sends another. Of two of the same timestamp the one with the lesser id
  /// does. No event is rejected for this limit. What an event says besides (last_active, visibility, a status text)
  /// counts in any case; one whose own session gives way at once, and that says nothing new besides, is `unchanged`.
  std::uint32_t max_sessions_per_user = 64;
  std::uint32_t max_id_bytes = 255;       ///< of a user or a session
  std::uint32_t max_status_bytes = 1024;  ///< of a status text
  /// Of what is kept of one user only for events that may still come late: ended sessions, disconnects of one session,
  /// changes of visibility and values of last_active inside the reorder window. Past it the oldest go, ended sessions
  /// when another session comes in; of that user a late event, and what another node knows, may then count differently.
  std::uint32_t max_recent_per_user = 64;

  /// Seeds the hash that tells users of one page apart, the digests by which pages are found to be the same, and the
  /// tables of a Store, so that nobody who does not know it can choose ids or strings that look alike to them. Nothing
  /// that can be observed depends on it, == and digests of snapshots included.
  std::uint64_t hash_seed = 0;

  /// For a client that only mirrors reports: the server's clock is not its own, so nothing is too early or too late.
  static constexpr Rules mirror() noexcept {
    Rules rules;
    rules.reorder_window = Duration::highest();
    rules.max_clock_skew = Duration::highest();
    return rules;
  }

  /// Whether all are the same, hash_seed too.
  friend constexpr bool operator==(const Rules& a, const Rules& b) noexcept {
    return a.session_timeout == b.session_timeout && a.offline_grace == b.offline_grace &&
           a.last_active_refresh == b.last_active_refresh && a.reorder_window == b.reorder_window &&
           a.max_clock_skew == b.max_clock_skew && a.forget_after == b.forget_after && a.max_users == b.max_users &&
           a.max_sessions_per_user == b.max_sessions_per_user && a.max_id_bytes == b.max_id_bytes &&
           a.max_status_bytes == b.max_status_bytes && a.max_recent_per_user == b.max_recent_per_user &&
           a.hash_seed == b.hash_seed;
  }
  friend constexpr bool operator!=(const Rules& a, const Rules& b) noexcept { return !(a == b); }
};

/// What became of an input.
enum class Verdict : std::uint8_t {
  applied,    ///< the snapshot is not what it was
  unchanged,  ///< nothing in it changed, not even what only a late event could bring to light
  too_late,   ///< older than now - reorder_window
  too_early,  ///< later than now + max_clock_skew
  invalid,    ///< an empty id, a status event without a text, an unknown type, a timestamp at either end of the range
  over_limit  ///< more users or bytes than Rules allow, or a change of visibility among some that were dropped
};

/// Whether an input counts. One that does not has left the snapshot exactly as it was.
constexpr bool accepted(Verdict verdict) noexcept {
  return verdict == Verdict::applied || verdict == Verdict::unchanged;
}

/// How many inputs of a batch had which verdict.
struct Tally {
  /// @{
  /// Inputs with the verdict of that name.
  std::size_t applied = 0, unchanged = 0, too_late = 0, too_early = 0, invalid = 0, over_limit = 0;
  /// @}

  /// Adds one input.
  constexpr void count(Verdict verdict) noexcept {
    switch (verdict) {
      case Verdict::applied: ++applied; break;
      case Verdict::unchanged: ++unchanged; break;
      case Verdict::too_late: ++too_late; break;
      case Verdict::too_early: ++too_early; break;
      case Verdict::invalid: ++invalid; break;
      case Verdict::over_limit: ++over_limit; break;
    }
  }
  constexpr std::size_t accepted() const noexcept { return applied + unchanged; }  ///< inputs that count
  /// Inputs that left the snapshot as it was because something is wrong with them.
  constexpr std::size_t refused() const noexcept { return too_late + too_early + invalid + over_limit; }
  constexpr std::size_t total() const noexcept { return accepted() + refused(); }  ///< all inputs

  /// Adds another batch.
  constexpr Tally& operator+=(const Tally& other) noexcept {
    applied += other.applied;
    unchanged += other.unchanged;
    too_late += other.too_late;
    too_early += other.too_early;
    invalid += other.invalid;
    over_limit += other.over_limit;
    return *this;
  }
  /// Whether each verdict was as frequent.
  friend constexpr bool operator==(const Tally& a, const Tally& b) noexcept {
    return a.applied == b.applied && a.unchanged == b.unchanged && a.too_late == b.too_late &&
           a.too_early == b.too_early && a.invalid == b.invalid && a.over_limit == b.over_limit;
  }
  friend constexpr bool operator!=(const Tally& a, const Tally& b) noexcept { return !(a == b); }
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_MODEL_RULES_HPP
