// SPDX-License-Identifier: MIT
#ifndef PRESENCE_REGISTERS_DETAIL_PEER_DATES_HPP
#define PRESENCE_REGISTERS_DETAIL_PEER_DATES_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/model/rules.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/registers.hpp>

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Returns the latest timestamp in a user's registers; it may be `absent`. The reported last_active and the end of a
/// status are excluded: they are values that an event may set to any timestamp, and they constrain no later event. Only
/// the timestamp of that event counts.
inline Timestamp latest_date(const RegistersView& user, const Rules& rules) noexcept {
  Timestamp latest = absent;
  for (const SessionRegisters& session : user.sessions) {
    latest = later(latest, session.latest());
    if (session.is_simple()) continue;
    // A run ends when evidence at this timestamp would end it.
    const Duration span = timeout_of(session, rules) + rules.offline_grace;
    latest = later(latest, session.held_until() - span);
    // A hold moves the activity so that the session is not idle before it ends.
    const bool ends_with_run = session.has_evidence() && has_runs(session, rules) &&
                               session.active().at + rules.idle_after <= run_end(session, rules);
    if (!ends_with_run) latest = later(latest, session.active().at);
    if (const Run* const last_run = session.last_earlier_run()) latest = later(latest, last_run->end - span);
  }
  // The last activity has the latest evidence, and no value is later than its evidence.
  if (!user.activities.empty()) latest = later(latest, user.activities.back().evidence);
  if (!user.visibility_changes.empty()) latest = later(latest, user.visibility_changes.back().at);
  latest = later(latest, user.status_at());
  if (user.rare == nullptr) return latest;
  const RareRegisters& rare = *user.rare;
  latest = later(later(latest, rare.dropped_range.to), rare.reported_at);
  latest = later(latest, later(rare.choice_at, rare.data.latest()));
  return later(latest, later(rare.removed, later(rare.reported_last_active_at, rare.forgotten_up_to)));
}

/// Limits how far in the future a peer's message and its content may be dated, by the host's clock. So a peer cannot
/// plant data that remains in effect long after it was received. Its content is dated no later than an event of the
/// peer could be.
class PeerDates {
 public:
  /// Accepts everything. Use it for the host's own snapshots.
  PeerDates() noexcept = default;
  /// `now` must be the later one of the host's clock and the timestamp of the snapshot that the message is joined into.
  PeerDates(Timestamp now, const Rules& rules) noexcept
      : rules_(rules), skew_(rules.max_clock_skew), latest_now_(now + skew_), latest_(latest_now_) {}

  /// Returns whether a message may have this timestamp; `absent` means none. From then on, the message's content is
  /// judged by its timestamp, if it has one.
  bool begin(Timestamp theirs) noexcept {
    if (theirs != absent) latest_ = theirs + skew_;
    return theirs <= latest_now_;
  }
  bool admit(const RegistersView& user) const noexcept { return admits_all() || latest_date(user, rules_) <= latest_; }
  bool admits_all() const noexcept { return latest_ == never; }

 private:
  Rules rules_;
  Duration skew_ = Duration::highest();
  Timestamp latest_now_ = never, latest_ = never;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REGISTERS_DETAIL_PEER_DATES_HPP
