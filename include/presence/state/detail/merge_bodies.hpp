// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_MERGE_BODIES_HPP
#define PRESENCE_STATE_DETAIL_MERGE_BODIES_HPP

#include <presence/state/detail/change_sink.hpp>
#include <presence/state/detail/merging.hpp>
#include <presence/state/merge.hpp>
#include <presence/state/snapshot.hpp>

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

PRESENCE_DETAIL_BODY void merge_into(Snapshot& snapshot, const Snapshot& other, const ChangeSink& on_change) {
  merge_own(snapshot, other, on_change);
}

}  // namespace detail

PRESENCE_DETAIL_BODY Snapshot merge(Snapshot snapshot, const Snapshot& other) {
  detail::merge_own(snapshot, other, detail::ChangeSink());
  return snapshot;
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_MERGE_BODIES_HPP
