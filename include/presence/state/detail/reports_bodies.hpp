// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_REPORTS_BODIES_HPP
#define PRESENCE_STATE_DETAIL_REPORTS_BODIES_HPP

#include <presence/model/rules.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/state/detail/change_sink.hpp>
#include <presence/state/detail/event_range.hpp>
#include <presence/state/detail/resyncing.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/reports.hpp>
#include <presence/state/snapshot.hpp>

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

PRESENCE_DETAIL_BODY void forget_all_reports(Snapshot& snapshot, const ChangeSink& on_change) {
  Snapshot after = snapshot;
  forget_reports_up_to(after, [](const RegistersView& user) { return user.reported_at(); });
  replace_and_notify(snapshot, after, SnapshotAccess::now(after), on_change);
}

PRESENCE_DETAIL_BODY Tally resync(Snapshot& snapshot, const EachEvent& each_listed, Timestamp as_of,
                                  const ChangeSink& on_change) {
  return resync_moved(snapshot, each_listed, as_of, as_of, on_change);
}
PRESENCE_DETAIL_BODY Tally resync(Snapshot& snapshot, const EachEvent& each_listed, const ChangeSink& on_change) {
  return resync_behind_reports(snapshot, each_listed, on_change);
}

}  // namespace detail

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_REPORTS_BODIES_HPP
