// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_RULES_HPP
#define PRESENCE_MODEL_RULES_HPP

#include <presence/base/time.hpp>
#include <presence/model/availability.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint8_t, uint32_t, uint64_t
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {

/// The parameters by which a Snapshot applies events. Constant for the lifetime of the snapshot. A negative duration
/// counts as zero.
///
/// The durations decide what the state is: nodes that merge must use the same ones. The limits bound what one process
/// stores. An event that would exceed a limit is rejected with Verdict::over_limit. Exceptions: max_sessions_per_user
/// and max_recent_per_user, where the oldest entry is dropped instead. Beyond a limit, the order of arrival may matter
/// for that user.
///
/// @code
/// Rules rules;
/// rules.session_timeout = Duration::from_s(90);  // clients send a heartbeat every 30 s: two may be lost
/// rules.offline_grace = Duration::from_s(10);    // a change of network shows no user as offline
/// rules.max_status_bytes = 140;
/// rules.hash_seed = 0x9E3779B97F4A7C15;  // a secret of the host, if ids are not trusted
/// assert(rules.reorder_window > rules.session_timeout);  // an event that is too late has timed out anyway
/// assert(!accepted(Verdict::too_late) && accepted(Verdict::unchanged));
/// assert(Rules::mirror().max_clock_skew == Duration::highest());
/// @endcode
struct Rules {
  /// Sessions time out this long after their last connect, heartbeat, active or update. 0 disables timeouts.
  Duration session_timeout = Duration::from_s(40);
  /// A user stays online this long after their last session ended, to hide short reconnects.
  Duration offline_grace = Duration::from_s(0);
  /// Heartbeats, updates and `active` events that count as activity move last_active only in steps of this length,
  /// counted from 1970. 0: each of them moves it. A connect always moves it to its own timestamp. `idle_after` counts
  /// from the exact timestamp.
  Duration last_active_refresh = Duration::from_s(15 * 60);
  /// If false, a heartbeat or an update only shows that its session is connected, and moves neither last_active nor the
  /// time of `idle_after`. Then only connects and `active` events are activity.
  bool heartbeat_is_activity = true;
  /// A session that is `available` reads as `idle` when it had no activity for this long. 0: no session becomes idle by
  /// itself. With heartbeat_is_activity, a session whose heartbeats arrive in time is never idle, unless this is
  /// shorter than the time between two of them.
  Duration idle_after = Duration::from_s(0);
  /// A report of online counts for this long, like the timeout of a session; then offline_grace applies. 0: until the
  /// next report. It counts from the report's own timestamp to the time of the snapshot. So if a server's clock is
  /// behind the mirror's by this much, its reports have ended when they arrive: add the difference of the clocks.
  Duration report_timeout = Duration::from_s(0);
  /// How the sessions of a user, and the reports, decide the user's availability.
  SessionFold session_fold = SessionFold::by_rank;
  Ranking ranking;  ///< which availability is the strongest; for session_fold
  /// If true, Snapshot::devices returns the sessions that keep a user online.
  bool show_devices = false;
  /// An event is rejected as too_late if it is older than now by more than this.
  Duration reorder_window = Duration::from_s(2 * 60);
  /// An event is rejected as too_early if it is later than now by more than this.
  Duration max_clock_skew = Duration::from_s(60);
  /// An offline user is forgotten this long after the latest timestamp that others can see: last_active, the status
  /// text or a report. highest(): no user is forgotten.
  ///
  /// Others then no longer know the user, which is a change like any other. The memory of the user is released. A user
  /// who is online, or reported online, is not forgotten.
  ///
  /// What others knew of an invisible user is forgotten as if the user had done nothing since they became invisible.
  /// The invisibility is forgotten with the rest: when all sessions have ended, and this long after the last connect or
  /// heartbeat (in steps of last_active_refresh). So guests who connect once while invisible do not stay forever.
  ///
  /// An event about a forgotten user creates a new user, whatever the event's timestamp. The result then depends on the
  /// order of arrival, and on what each of two nodes has stored. So this should be much longer than any event is late.
  Duration forget_after = Duration::highest();

  /// Maximum number of users that others know. As many users again may exist that no other user knows. The two limits
  /// are separate: invisible users take no capacity from others. Without forget_after, invisible users keep theirs
  /// forever.
  std::uint32_t max_users = 0xFFFFFFFF;
  /// Maximum number of live sessions; ended ones do not count. If one more becomes live, the session with the oldest
  /// connect or heartbeat is dropped. Of two with the same timestamp, the one with the lesser id is dropped. Nothing of
  /// it is kept until it sends another connect or heartbeat.
  ///
  /// No event is rejected because of this limit. The other content of an event (last_active, visibility, a status text)
  /// always counts. An event whose own session is dropped at once, and that has no other new content, is `unchanged`.
  std::uint32_t max_sessions_per_user = 64;
  std::uint32_t max_id_bytes = 255;       ///< maximum size of the id of a user or a session
  std::uint32_t max_status_bytes = 1024;  ///< maximum size of a status text
  /// Maximum size of all data of a user, and of the activity of a session: of the names and values, about as JSON has
  /// them. An event that would exceed it is over_limit. If a merge would, the oldest names are dropped.
  std::uint32_t max_user_data_bytes = 4096;
  std::uint32_t max_activity_bytes = 1024;  ///< maximum size of the activity of a session; see max_user_data_bytes
  /// Maximum number of names in the data of a user. A removed name counts while it is kept for late events.
  std::uint32_t max_data_names = 64;
  /// Maximum of each kind of per-user history that is kept only for late events: ended sessions, disconnects of one
  /// session, visibility changes, and values of last_active inside the reorder window. Beyond it the oldest entries are
  /// dropped; ended sessions are dropped when another session is added. For that user, late events and merges may then
  /// have a different result.
  std::uint32_t max_recent_per_user = 64;

  /// The seed of the tags that distinguish the users of one page, of the maps of a Store, and of the salt of set
  /// reconciliation. A secret value keeps others from choosing ids whose tags are equal. Without one, such ids cost at
  /// most a few times as much to look up: worst cases are bounded for any ids. No observable result depends on the
  /// seed, including == and digests of snapshots.
  std::uint64_t hash_seed = 0;

  /// Returns the rules for a client that only mirrors reports. The server's clock is not the client's clock, so no
  /// event is too early or too late.
  static constexpr Rules mirror() noexcept {
    Rules rules;
    rules.reorder_window = Duration::highest();
    rules.max_clock_skew = Duration::highest();
    return rules;
  }

  /// Returns true if all fields are equal, including hash_seed.
  friend constexpr bool operator==(const Rules& a, const Rules& b) noexcept {
    return a.session_timeout == b.session_timeout && a.offline_grace == b.offline_grace &&
           a.last_active_refresh == b.last_active_refresh && a.reorder_window == b.reorder_window &&
           a.max_clock_skew == b.max_clock_skew && a.heartbeat_is_activity == b.heartbeat_is_activity &&
           a.idle_after == b.idle_after && a.report_timeout == b.report_timeout && a.session_fold == b.session_fold &&
           a.ranking == b.ranking && a.forget_after == b.forget_after && a.max_users == b.max_users &&
           a.max_sessions_per_user == b.max_sessions_per_user && a.max_id_bytes == b.max_id_bytes &&
           a.max_status_bytes == b.max_status_bytes && a.max_user_data_bytes == b.max_user_data_bytes &&
           a.max_activity_bytes == b.max_activity_bytes && a.max_data_names == b.max_data_names &&
           a.show_devices == b.show_devices && a.max_recent_per_user == b.max_recent_per_user &&
           a.hash_seed == b.hash_seed;
  }
  friend constexpr bool operator!=(const Rules& a, const Rules& b) noexcept { return !(a == b); }
};

/// The outcome of applying an input.
enum class Verdict : std::uint8_t {
  applied,    ///< the snapshot changed
  unchanged,  ///< nothing changed, not even history that only a late event can reveal
  too_late,   ///< earlier than now - reorder_window
  too_early,  ///< later than now + max_clock_skew
  /// an empty id, an unknown type, a timestamp at either end of the range, a field that its type needs and that is
  /// absent, a reserved or empty name of data, a value that is not JSON, an `until` that is not later than `at`, the
  /// availability `offline`, or a priority without an availability
  invalid,
  over_limit  ///< more users or bytes than Rules allow, or a visibility change inside a range that was dropped
};

/// Returns the name of the enumerator, such as "too_late", or "?" for a number that is none. O(1); the string is a
/// literal.
constexpr std::string_view to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::applied: return "applied";
    case Verdict::unchanged: return "unchanged";
    case Verdict::too_late: return "too_late";
    case Verdict::too_early: return "too_early";
    case Verdict::invalid: return "invalid";
    case Verdict::over_limit: return "over_limit";
  }
  return "?";
}

/// Returns true if the input was accepted. An input that was not accepted left the snapshot unchanged.
constexpr bool accepted(Verdict verdict) noexcept {
  return verdict == Verdict::applied || verdict == Verdict::unchanged;
}

/// The number of inputs of a batch for each verdict.
struct Tally {
  /// @{
  /// The number of inputs with that verdict.
  std::size_t applied = 0, unchanged = 0, too_late = 0, too_early = 0, invalid = 0, over_limit = 0;
  /// @}

  /// Counts one input.
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
  constexpr std::size_t accepted() const noexcept { return applied + unchanged; }  ///< number of accepted inputs
  /// Returns the number of inputs that were rejected and left the snapshot unchanged.
  constexpr std::size_t refused() const noexcept { return too_late + too_early + invalid + over_limit; }
  constexpr std::size_t total() const noexcept { return accepted() + refused(); }  ///< number of all inputs

  /// Adds the counts of another batch.
  constexpr Tally& operator+=(const Tally& other) noexcept {
    applied += other.applied;
    unchanged += other.unchanged;
    too_late += other.too_late;
    too_early += other.too_early;
    invalid += other.invalid;
    over_limit += other.over_limit;
    return *this;
  }
  /// Returns true if all counts are equal.
  friend constexpr bool operator==(const Tally& a, const Tally& b) noexcept {
    return a.applied == b.applied && a.unchanged == b.unchanged && a.too_late == b.too_late &&
           a.too_early == b.too_early && a.invalid == b.invalid && a.over_limit == b.over_limit;
  }
  friend constexpr bool operator!=(const Tally& a, const Tally& b) noexcept { return !(a == b); }
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_MODEL_RULES_HPP
