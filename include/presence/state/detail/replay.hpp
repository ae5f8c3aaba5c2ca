// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_REPLAY_HPP
#define PRESENCE_STATE_DETAIL_REPLAY_HPP

#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/state/detail/advance.hpp>
#include <presence/state/detail/apply_event.hpp>
#include <presence/state/detail/changes.hpp>
#include <presence/state/detail/departures.hpp>
#include <presence/state/detail/plan.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/snapshot.hpp>

#include <optional>     // for optional
#include <string_view>  // for string_view
#include <utility>      // for move

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Applies the events of a log and advances the time with them. The events of one timestamp are applied together: after
/// the deadlines before that timestamp, and before the deadlines at it.
class Replay {
 public:
  Replay(Snapshot& snapshot, const ChangeSink& on_change) noexcept : snapshot_(snapshot), on_change_(on_change) {}
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;
  PRESENCE_DETAIL_APART ~Replay() {}

  PRESENCE_DETAIL_APART Verdict fold(const PresenceEventView& event) {
    if (!open_ || event.at != time_) finish();
    const Timestamp now = SnapshotAccess::now(snapshot_);
    if (!open_ && (!in_range(event.at) || (now != absent && event.at <= now))) {
      const Lasting before = lasting_of(event.user);
      const Verdict verdict = apply_event(snapshot_, event, on_change_);
      note_change(event.user, before);
      return verdict;
    }

    const UserKey key = SnapshotAccess::key(snapshot_, event.user);
    Plan plan = plan_event(SnapshotAccess::read(snapshot_), key, event, event.at,
                           [this](const Root& root, Timestamp at) { return count_ahead(root, at); });
    if (!accepted(plan.verdict)) return plan.verdict;
    if (!open_) {
      open(event.at);
      // The time has advanced since the plan was made, which may have moved rows.
      if (const Root* const root = SnapshotAccess::read(snapshot_)) plan.row = root->table.find(key);
    }
    if (plan.verdict == Verdict::applied) {
      if (on_change_) {
        const Rules& rules = snapshot_.rules();
        changes_.add(Change{time_, plan.row != nullptr ? plan.row->id() : SharedString(event.user),
                            Seen::of(plan.row, SnapshotAccess::now(snapshot_), rules), Seen(plan.after, time_, rules)});
      }
      const Verdict verdict = plan.verdict;
      const Lasting before = lasting_of(event.user);
      commit(SnapshotAccess::write(snapshot_), key, std::move(plan));
      note_change(event.user, before);
      return verdict;
    }
    return plan.verdict;
  }

  /// Passes the deadlines at the last timestamp. Calls `on_change` for what they and the events of that timestamp
  /// changed: one change per user.
  PRESENCE_DETAIL_APART void finish() {
    if (!open_) return;
    open_ = false;
    Root& root = SnapshotAccess::write(snapshot_);
    advance(root, time_, on_change_ ? &changes_ : nullptr);
    if (on_change_) {
      changes_.one_per_user([](Change& first, Change& next) { first.after = std::move(next.after); });
      notify_all(changes_, on_change_);
      changes_.clear();
    }
  }

 private:
  void open(Timestamp time) {
    const Timestamp just_before = time - Duration::from_ns(1), now = SnapshotAccess::now(snapshot_);
    if (in_range(just_before) && (now == absent || now < just_before))
      advance_and_notify(snapshot_, just_before, on_change_);
    open_ = true;
    time_ = time;
  }

  /// Returns the number of users at a later time. A second call suggests that many events are rejected, so it builds an
  /// index.
  Count count_ahead(const Root& root, Timestamp at) {
    if (!departures_ && !was_asked_) {
      was_asked_ = true;
      return count_at(root, at);
    }
    if (!departures_) departures_.emplace(root);
    return departures_->at(at);
  }
  Lasting lasting_of(std::string_view user) const noexcept {
    const Root* const root = SnapshotAccess::read(snapshot_);
    return !departures_ || root == nullptr ? Lasting() : Lasting::of(root->table.find(user), root->rules);
  }
  void note_change(std::string_view user, const Lasting& before) {
    if (departures_) departures_->change(before, lasting_of(user), SnapshotAccess::now(snapshot_));
  }

  Snapshot& snapshot_;
  const ChangeSink on_change_;
  bool open_ = false, was_asked_ = false;
  std::optional<Departures> departures_;
  Timestamp time_;
  Changes changes_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_REPLAY_HPP
