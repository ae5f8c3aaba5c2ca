// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BINARY_DETAIL_ANTI_ENTROPY_BODIES_HPP
#define PRESENCE_BINARY_DETAIL_ANTI_ENTROPY_BODIES_HPP

#include <presence/base/result.hpp>
#include <presence/base/time.hpp>
#include <presence/binary/anti_entropy.hpp>
#include <presence/binary/detail/exchange.hpp>
#include <presence/state/detail/advance.hpp>
#include <presence/state/detail/change_sink.hpp>
#include <presence/state/detail/changes.hpp>
#include <presence/state/detail/merging.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/snapshot.hpp>

#include <optional>     // for optional
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for move

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

PRESENCE_DETAIL_BODY Result<std::string> reconcile_with(Snapshot& ours, std::string_view message, Timestamp now,
                                                        const ChangeSink& on_change) {
  if (const std::optional<Error> error = wrong_now(now)) return *error;
  const bool has_callback = static_cast<bool>(on_change);
  Snapshot after = ours;
  std::string answer;
  if (has_updates(message)) {
    const Result<UpdatesMessage> theirs = read_updates(message, now, ours);
    if (!theirs) return theirs.error();
    SnapshotMerge merging(after, *SnapshotAccess::read(theirs->users), now, PeerDates(), has_callback);
    merging.join_all();
    answer = answer_to(*theirs, ours, after);
    ours = std::move(after);
    if (has_callback) merging.notify(on_change);
  } else {
    const Result<SketchMessage> theirs = read_sketch(message, now, ours);
    if (!theirs) return theirs.error();
    Changes changes;
    if (now > SnapshotAccess::now(after)) advance(SnapshotAccess::write(after), now, has_callback ? &changes : nullptr);
    answer = answer_to(*theirs, after);
    ours = std::move(after);
    notify_all(changes, on_change);
  }
  return answer;
}

}  // namespace detail

PRESENCE_DETAIL_BODY std::string sketch(const Snapshot& ours) {
  return detail::begun_exchange(ours, detail::parameters_of(ours));
}

PRESENCE_DETAIL_BODY Result<std::string> reconcile(Snapshot& ours, std::string_view message, Timestamp now) {
  return presence::reconcile(ours, message, now, detail::NoCallback());
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BINARY_DETAIL_ANTI_ENTROPY_BODIES_HPP
