// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_RESUME_BODIES_HPP
#define PRESENCE_STATE_DETAIL_RESUME_BODIES_HPP

#include <presence/base/time.hpp>
#include <presence/state/detail/advance.hpp>
#include <presence/state/detail/changes.hpp>
#include <presence/state/detail/holding.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/resume.hpp>
#include <presence/state/snapshot.hpp>

#include <utility>  // for move

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Resumes a snapshot that `can_resume`.
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void resume(Snapshot& snapshot, Timestamp now, Duration patience,
                                                      const ChangeSink& on_change) {
  if (!can_resume(snapshot, now)) return;
  Snapshot after = snapshot;
  hold_sessions(after, now + (patience < Duration() ? Duration() : patience));
  Changes changes;
  advance(SnapshotAccess::write(after), now, &changes);
  snapshot = std::move(after);
  notify_all(changes, on_change);
}

}  // namespace detail

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_RESUME_BODIES_HPP
