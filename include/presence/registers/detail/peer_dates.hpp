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

/// The latest timestamp of anything that is kept of a user. It may be `absent`. What a report said about last_active is
/// a value, which an event may set to any timestamp; it binds nobody, so only the date of that report counts.
inline Timestamp latest_date(const RegistersView& user) noexcept {
  Timestamp latest = absent;
  for (const SessionRegisters& session : user.sessions) latest = later(latest, latest_instant(session));
  // The last has the latest evidence, and no value is later than its evidence.
  if (!user.activities.empty()) latest = later(latest, user.activities.back().evidence);
  if (!user.visibility_changes.empty()) latest = later(latest, user.visibility_changes.back().at);
  if (user.rare == nullptr) return latest;
  const RareRegisters& rare = *user.rare;
  latest = later(later(latest, rare.dropped_range.to), later(rare.status_at, rare.reported_at));
  return later(latest, later(rare.reported_last_active_at, rare.forgotten_up_to));
}

/// How late a message of a peer may be dated, and what is in it, judged by the host's clock. No peer can then plant
/// anything that counts long after it was told: what it says is no later than an event of its own could be.
class PeerDates {
 public:
  /// Takes everything: for snapshots of one's own.
  PeerDates() noexcept = default;
  /// `now` is the later one of the host's clock and of the snapshot that the message is joined into.
  PeerDates(Timestamp now, const Rules& rules) noexcept
      : skew_(rules.max_clock_skew), latest_now_(now + skew_), latest_(latest_now_) {}

  /// Whether a message may have this timestamp, or none. What is in it is measured by it from then on.
  bool begin(Timestamp theirs) noexcept {
    if (theirs != absent) latest_ = theirs + skew_;
    return theirs <= latest_now_;
  }
  bool admit(const RegistersView& user) const noexcept { return latest_ == never || latest_date(user) <= latest_; }

 private:
  Duration skew_ = Duration::highest();
  Timestamp latest_now_ = never, latest_ = never;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REGISTERS_DETAIL_PEER_DATES_HPP
