// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_DIFF_BODIES_HPP
#define PRESENCE_STATE_DETAIL_DIFF_BODIES_HPP

#include <presence/state/detail/change_sink.hpp>
#include <presence/state/detail/differences.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/diff.hpp>
#include <presence/state/snapshot.hpp>

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void diff(const Snapshot& from, const Snapshot& to,
                                                     const ChangeSink& on_change) {
  if (on_change) differences(from, to, SnapshotAccess::now(to)).each(on_change);
}

}  // namespace detail

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_DIFF_BODIES_HPP
