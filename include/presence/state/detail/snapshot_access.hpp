// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_SNAPSHOT_ACCESS_HPP
#define PRESENCE_STATE_DETAIL_SNAPSHOT_ACCESS_HPP

#include <presence/base/detail/memory.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_table.hpp>

#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Read access to a snapshot, for the rest of the library.
struct SnapshotReader {
  /// Returns null if the snapshot is empty, with default rules and without a timestamp.
  static const Root* read(const Snapshot& snapshot) noexcept { return snapshot.root_.get(); }
  static Timestamp now(const Snapshot& snapshot) noexcept { return snapshot.root_ ? snapshot.root_->now : absent; }
  /// Returns null if there is no such user.
  static RowView find_row(const Snapshot& snapshot, std::string_view id) noexcept {
    return snapshot.root_ ? snapshot.root_->table.find(id) : nullptr;
  }
};

/// The only access to the internals of a Snapshot.
struct SnapshotAccess : SnapshotReader {
  /// Returns an unshared root. Copies the root first if it is shared with other snapshots.
  static Root& write(Snapshot& snapshot) {
    if (!snapshot.root_) {
      snapshot.root_ = Shared<Root>::make(default_rules);
    } else if (!snapshot.root_.only_owner()) {
      snapshot.root_ = Shared<Root>::make(*snapshot.root_);
    }
    return snapshot.root_.change();
  }
  /// Returns the root if it exists and is unshared; else null.
  static Root* owned(Snapshot& snapshot) noexcept {
    return snapshot.root_ && snapshot.root_.only_owner() ? &snapshot.root_.change() : nullptr;
  }

  static UserKey key(const Snapshot& snapshot, std::string_view id) noexcept {
    return snapshot.root_ ? snapshot.root_->table.key_of(id) : UserTable().key_of(id);
  }
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_SNAPSHOT_ACCESS_HPP
