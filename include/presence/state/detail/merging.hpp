// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_MERGING_HPP
#define PRESENCE_STATE_DETAIL_MERGING_HPP

#include <presence/base/result.hpp>
#include <presence/model/rules.hpp>
#include <presence/registers/detail/acceptance_window.hpp>
#include <presence/registers/detail/normal_form.hpp>
#include <presence/registers/detail/peer_dates.hpp>
#include <presence/state/detail/advance.hpp>
#include <presence/state/detail/apply_batch.hpp>
#include <presence/state/detail/apply_event.hpp>
#include <presence/state/detail/changes.hpp>
#include <presence/state/detail/event_target.hpp>
#include <presence/state/detail/in_place.hpp>
#include <presence/state/detail/judge.hpp>
#include <presence/state/detail/merge_in_place.hpp>
#include <presence/state/detail/plan.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_table.hpp>

#include <cstddef>   // for size_t
#include <cstdint>   // for uint32_t, uint64_t
#include <optional>  // for optional, nullopt
#include <utility>   // for move

/// Two snapshots become one.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Returns the timestamp of a user's change in a merge. `user` is the join before anything is forgotten. First the
/// registers are joined, then the time advances to the later timestamp. What time then changes carries the last
/// deadline that passes.
inline Timestamp time_of_merge(const RegistersView& user, Timestamp our_now, Timestamp now,
                               const Rules& rules) noexcept {
  Timestamp last = never;
  for (Timestamp due = next_change(user, our_now, rules); due <= now; due = next_change(user, due, rules)) {
    last = due;
  }
  if (last != never) return last;
  if (our_now != absent) return our_now;
  return now != absent ? now : latest_seen_timestamp(user);
}

/// Joining first, and then letting time pass, must give the result of joining at the later time. It does so for equal
/// rules, unless users are forgotten by age, or without a time until now. Theirs must not have forgotten more than we
/// have: what a removal left there has no place beside what it removed here.
inline bool can_join_in_place(const Root& ours, const Root& theirs) noexcept {
  return ours.table.size() != 0 && ours.now != absent && theirs.now <= ours.now &&
         ours.rules.forget_after == Duration::highest() && same_but_for_seed(ours.rules, theirs.rules);
}

/// Joins a message of one user if it is the same as one event that is applied in place, and no time passes. Then
/// nothing has to be undone or collected, so the join costs little more than the event. Returns whether it was joined.
/// If memory runs out, nothing changes.
PRESENCE_DETAIL_APART inline bool join_one_event(Snapshot& snapshot, const Root& theirs, Timestamp now, PeerDates dates,
                                                 const ChangeSink& on_change) {
  Root* const root = SnapshotAccess::owned(snapshot);
  if (theirs.table.size() != 1 || root == nullptr || root->now < now || !can_join_in_place(*root, theirs)) return false;
  const RowView row = theirs.table.front();
  if (!dates.admits_all() && !(dates.begin(theirs.now) && dates.admit(row.registers()))) return false;
  EventTarget target;
  target.find(root->table, row.name());
  Page* const page = target.own_page();
  AcceptanceWindow& bounds = root->bounds();
  // A merge drops sessions over the limit, which events of other sessions do not.
  if (page == nullptr || page->row(target.at).session_count() > bounds.session_room()) return false;
  if (SessionRegisters* const session = refreshed_by(row, *page, target.at, bounds, root->rules)) {
    session->refresh(row.first_session().evidence_at());
    return true;
  }
  OneEvent one;
  if (!is_plain(page->row(target.at), root->rules) || !one.read(row, bounds, root->rules)) return false;
  target.session.set(one.event().session);
  return apply_in_place({*root, target, *page}, one.event(), on_change) ||
         covers(page->row(target.at), row, root->rules);
}

/// A merge in progress. It has two ways.
///
/// If theirs are few users, as in a delta, these are looked up and joined in place, with a log of what was there before
/// (merge_in_place.hpp). Then the time advances. So the cost depends on the number of these users only, and nothing is
/// copied that does not change.
///
/// Otherwise both tables are iterated side by side, except for what they share. Heartbeats that only refresh a session
/// are written in place where the row is unshared, and can be undone. Everything else is joined into a copy, which
/// replaces the snapshot at the end. The copy is deferred while there are few such users, because it would share the
/// rows. Users of a small message that cannot be joined in place, such as new ones, are also deferred, to a copy.
class SnapshotMerge {
 public:
  /// The merge advances to `now` if that is later. Collects the changes for `notify` only if `has_callback` is true.
  SnapshotMerge(Snapshot& snapshot, const Root& theirs, Timestamp now, const PeerDates& dates, bool has_callback)
      : has_callback_(has_callback),
        snapshot_(snapshot),
        theirs_(theirs),
        mine_(SnapshotAccess::read(snapshot)),
        root_(SnapshotAccess::owned(snapshot)),
        our_now_(SnapshotAccess::now(snapshot)),
        now_(later(our_now_, now)),
        same_rules_(same_but_for_seed(snapshot.rules(), theirs.rules)),
        bounds_(now_, snapshot.rules()),
        dates_(dates) {}

  SnapshotMerge(const SnapshotMerge&) = delete;
  SnapshotMerge& operator=(const SnapshotMerge&) = delete;
  PRESENCE_DETAIL_APART ~SnapshotMerge() {}

  /// Returns false if something of theirs is dated too far in the future. Then nothing has changed.
  PRESENCE_DETAIL_APART bool join_all() {
    if (!dates_.begin(theirs_.now)) return false;
    const bool are_few = theirs_.table.size() <= surely_few + size_of_mine() / cheaper_to_pass_than_to_look_up;
    if (are_few && mine_ != nullptr && can_join_in_place(*mine_, theirs_)) {
      join_few_in_place();
    } else {
      if (our_now_ < now_ || root_ == nullptr) begin_copy();
      if (are_few) {
        join_few();
      } else {
        const UserTable nothing;
        UserTable::each_pair(mine_ != nullptr ? mine_->table : nothing, theirs_.table, same_rules_ ? absent : never,
                             [this](const RowView& ours, const RowView& theirs) { join_if_theirs(ours, theirs); });
      }
    }
    if (is_too_early_) return false;
    if (!has_copy_ && !put_off_.empty()) begin_copy();
    if (has_copy_) {
      snapshot_ = std::move(merged_);
    } else if (our_now_ < now_) {
      pass_time();
    }
    undo_.keep();
    return true;
  }

  PRESENCE_DETAIL_APART void notify(const ChangeSink& on_change) {
    // If time changed the user as well, both become one change, with the timestamp of the last.
    if (may_repeat_) {
      changes_.one_per_user([](Change& first, Change& next) {
        next.before = std::move(first.before);
        first = std::move(next);
      });
    }
    notify_all(changes_, on_change);
  }

 private:
  static constexpr std::size_t surely_few = 4, cheaper_to_pass_than_to_look_up = 16;

  struct Pair {
    RowView ours, theirs;
  };

  const Rules& rules() const noexcept { return snapshot_.rules(); }
  std::size_t size_of_mine() const noexcept { return mine_ != nullptr ? mine_->table.size() : 0; }
  std::size_t most_to_put_off() const noexcept { return mine_->table.size() / 16 + 64; }

  /// Returns whether a user of theirs is dated too far in the future. Registers equal to ours pass: they were judged
  /// when they arrived, and have no new effect.
  bool is_too_early(const RowView& ours, const RowView& theirs) {
    return !dates_.admits_all() && is_too_early_for_dates(ours, theirs);
  }
  PRESENCE_DETAIL_APART bool is_too_early_for_dates(const RowView& ours, const RowView& theirs) {
    if (dates_.admit(theirs.registers())) return false;
    is_too_early_ = is_too_early_ || ours == nullptr || !(ours.unpacked() == theirs.unpacked());
    return is_too_early_;
  }

  void join_if_theirs(const RowView& ours, const RowView& theirs) {
    // Users that are only ours, or equal on both sides, change by time alone.
    if (theirs == nullptr || is_too_early_ || is_too_early(ours, theirs)) return;
    join(ours, theirs);
  }
  void join_few() {
    for (const RowView theirs : theirs_.table)
      join_if_theirs(mine_ != nullptr ? mine_->table.find(theirs.name()) : nullptr, theirs);
  }

  /// Looks up the next users of theirs together, so that the cache misses overlap.
  void join_few_in_place() {
    root_ = &SnapshotAccess::write(snapshot_);
    mine_ = root_;
    undo_.begin(*root_, theirs_.table);
    // The last change needs no undoing: it has its own guarantee.
    needs_undo_ = our_now_ < now_ || theirs_.table.size() > 1;
    constexpr std::size_t together = 16;
    EventTarget targets[together];
    RowView rows[together];
    UserTable::Cursor next = theirs_.table.begin();
    while (!next.is_at_end() && !is_too_early_) {
      std::size_t count = 0;
      for (; count < together && !next.is_at_end(); ++next) {
        rows[count] = *next;
        targets[count].start(root_->table, rows[count].name());
        ++count;
      }
      const std::uint64_t moves = root_->table.moves();
      find_pages(targets, count, count);
      // Most events of small messages, other than heartbeats, read it if there is one.
      for (std::size_t i = 0; i < count; ++i) {
        if (targets[i].at != Page::none) targets[i].row().prefetch_elsewhere();
      }
      for (std::size_t i = 0; i < count && !is_too_early_; ++i) {
        if (has_copy_) {
          join_if_theirs(mine_->table.find(targets[i].key), rows[i]);
          continue;
        }
        if (root_->table.moves() != moves) targets[i].way = root_->table.way_to(targets[i].key);
        targets[i].at = targets[i].way.find(targets[i].key);
        join_in_place(targets[i], rows[i]);
      }
    }
  }

  void join_in_place(EventTarget& target, const RowView& theirs) {
    const RowView ours = target.at != Page::none ? target.row() : RowView();
    if (is_too_early(ours, theirs)) return;
    // Inserting a user cannot be undone.
    if (ours == nullptr) return needs_undo_ ? put_off(ours, theirs) : join_into_root(ours, theirs);
    // A merge drops sessions over the limit, which events of other sessions do not.
    if (ours.session_count() > root_->bounds().session_room()) return join(ours, theirs);
    if (refresh(target, theirs)) return;
    if (is_plain(ours, rules())) {
      OneEvent one;
      if (one.read(theirs, root_->bounds(), rules())) {
        if (add_event(target, theirs, one.event())) return;
      } else if (has_only_ordinary(theirs) && add_events(target, theirs)) {
        return;
      }
    }
    join_registers(target.key, theirs);
  }

  /// Refreshes a session if that is all that theirs do.
  bool refresh(const EventTarget& target, const RowView& theirs) {
    Page* const page = target.own_page();
    if (page == nullptr) return false;
    SessionRegisters* const session = refreshed_by(theirs, *page, target.at, root_->bounds(), rules());
    if (session == nullptr) return false;
    if (needs_undo_) undo_.save_heartbeat(*session);
    session->refresh(theirs.first_session().evidence_at());
    return true;
  }

  /// Applies the event that theirs are to a plain row of ours. Returns whether theirs are then joined.
  bool add_event(EventTarget& target, const RowView& theirs, const PresenceEventView& event) {
    // A shared page is copied only for a change.
    if (target.own_page() == nullptr && !is_later_than_known(target.row(), event))
      return covers(target.row(), theirs, rules());
    Page& page = root_->table.own_page(target.key, target.way);
    target.session.set(event.session);
    const PlaceInTable place{*root_, target, page};
    const RowView row = place.row();
    const PlainState present = PlainState::of(row, page.is_online(target.at));
    const SharedString former_status = present.status;
    const PlainState before{present.online, present.last_active, former_status};
    // Collecting the change may fail.
    if (needs_undo_ || has_callback_) undo_.save_for(place, event.type);
    if (!(event.type == EventType::heartbeat && refresh_session(place, event)) &&
        !apply_in_place(place, event, ChangeSink()))
      return covers(row, theirs, rules());
    if (has_callback_) {
      const PlainState after = PlainState::of(row, page.is_online(target.at));
      if (!(before == after)) changes_.add(our_now_, row, before, after);
    }
    return true;
  }

  /// Applies the events by which theirs are ahead. Returns whether that was all.
  bool add_events(EventTarget& target, const RowView& theirs) {
    EventsAhead events(theirs);
    if (!events.find(target.row(), root_->bounds(), rules())) return false;
    if (events.size() == 0) return covers(target.row(), theirs, rules());
    Page& page = root_->table.own_page(target.key, target.way);
    const PlaceInTable place{*root_, target, page};
    Seen before;
    if (has_callback_) before = Seen::of_plain(place.row(), page.is_online(target.at));
    bool are_applied = true;
    for (std::size_t i = 0; i < events.size() && are_applied; ++i) {
      const PresenceEventView event = events[i];
      target.session.set(event.session);
      // The registers may have to be joined after the events, and memory may run out then.
      undo_.save_for(place, event.type);
      are_applied = refresh_session(place, event) || apply_in_place(place, event, ChangeSink());
    }
    const bool is_all = are_applied && covers(place.row(), theirs, rules());
    if (has_callback_)
      add_change(place.row().id(), std::move(before), Seen::of_plain(place.row(), page.is_online(target.at)));
    may_repeat_ = may_repeat_ || !is_all;
    return is_all;
  }
  void add_change(const SharedString& id, Seen&& before, Seen&& after) {
    changes_.add(our_now_, id, std::move(before), std::move(after));
  }

  /// Joins the registers of a user in place, or defers it.
  PRESENCE_DETAIL_APART void join_registers(const UserKey& key, const RowView& theirs) {
    UserTable& table = root_->table;
    const UserTable::Way way = table.way_to(key);
    const std::uint32_t at = way.find(key);
    const RowView ours = way.page()->row(at);
    const UserRegisters known = normal_form_of(ours, *mine_), other = normal_form_of(theirs, theirs_);
    UserRegisters user = joined(known, other);
    normalise(user, our_now_, rules());
    if (user == known) return;
    if (user.empty() || !is_surely_within_bounds(user, our_now_, rules())) return put_off(ours, theirs);
    Page& page = table.own_page(key, way);
    if (has_callback_)
      add_change(page.row(at).id(), Seen(page.row(at).registers(), our_now_, rules()), Seen(user, our_now_, rules()));
    if (needs_undo_) undo_.save_row(page, at);
    Plan plan;
    plan.row = page.row(at);
    plan.after = std::move(user);
    commit(*root_, key, std::move(plan));
  }

  /// Returns the join of two normal forms, each at its side's own timestamp.
  UserRegisters joined(const UserRegisters& ours, const UserRegisters& theirs) const {
    UserRegisters user = ours;
    detail::join(user, theirs, rules());
    // What one side has removed of the other must not decide when the user changes.
    if (user.removed != absent || user.forgotten_up_to != absent) normalise(user, absent, rules());
    return user;
  }

  void join(const RowView& ours, const RowView& theirs) {
    const bool comparable = same_rules_ && ours != nullptr;
    if (comparable && is_ahead_by_refresh(ours, theirs, bounds_, rules())) return;
    if (comparable && is_ahead_by_refresh(theirs, ours, bounds_, rules())) {
      const SessionRegisters& first = theirs.first_session();
      const UserKey key = root_->table.key_of(theirs.name());
      const LookupKey session(first.id.view());
      const UserTable::Way way = root_->table.way_to(key);
      const std::uint32_t at = way.find(key);
      Page* const page = has_copy_ ? &root_->table.own_page(key, way) : way.own_page();
      if (SessionRegisters* const refreshed = page != nullptr ? page->row(at).own_session(session) : nullptr) {
        if (!has_copy_) undo_.save_heartbeat(*refreshed);
        refreshed->refresh(first.evidence_at());
        return;
      }
    }
    if (has_copy_) {
      join_into_root(ours, theirs);
    } else {
      put_off(ours, theirs);
    }
  }

  void pass_time() {
    undo_.may_raise_bounds();
    advance(*root_, now_, has_callback_ ? &changes_ : nullptr);
    may_repeat_ = true;
  }

  void put_off(const RowView& ours, const RowView& theirs) {
    put_off_.push_back({ours, theirs});
    if (put_off_.size() > most_to_put_off()) begin_copy();
  }

  void begin_copy() {
    ours_ = snapshot_;
    merged_ = ours_;
    root_ = &SnapshotAccess::write(merged_);
    has_copy_ = true;
    if (our_now_ < now_) pass_time();
    for (const Pair& pair : put_off_) {
      // Where others were joined in place, the row may have moved.
      join_into_root(pair.ours != nullptr ? mine_->table.find(pair.theirs.name()) : pair.ours, pair.theirs);
    }
    put_off_.clear();
  }

  /// Joins a user into the copy, or into the snapshot's own root if this is the only change of the merge.
  PRESENCE_DETAIL_APART void join_into_root(const RowView& ours, const RowView& theirs) {
    // Equal snapshots must merge to equal ones, whatever they have not forgotten yet.
    UserRegisters known, other = normal_form_of(theirs, theirs_);
    if (ours != nullptr) known = normal_form_of(ours, *mine_);
    UserRegisters user = ours != nullptr ? joined(known, other) : other;
    Change change;
    if (has_callback_) change.at = time_of_merge(user, our_now_, now_, rules());
    normalise(user, now_, rules());
    if (ours != nullptr && our_now_ != now_) known = normal_form_of(ours, now_, rules());
    const bool as_before = ours != nullptr ? user == known : user.empty();
    // With forget_after, the user may have been forgotten by age; then the joined registers decide when.
    if (as_before && (ours == nullptr || rules().forget_after == Duration::highest())) return;
    // Theirs may be at a later time, at which more has been forgotten. It is then used as it is.
    if (same_rules_ && theirs_.now < now_) other = normal_form_of(theirs, now_, rules());
    const bool is_theirs = same_rules_ && user == other;
    if (!is_theirs) bound(user, now_, rules());

    const UserKey key = root_->table.key_of(theirs.name());
    const RowView row = root_->table.find(key);
    if (has_callback_) {
      change.id = theirs.id();
      change.before = Seen::of(ours, our_now_, rules());
      change.after = Seen(user, now_, rules());
      changes_.add(std::move(change));
    }
    if (as_before || (row == nullptr && user.empty())) return;
    Plan plan;
    plan.row = row;
    plan.after = std::move(user);
    commit(*root_, key, std::move(plan));
  }

  UndoLog undo_;
  bool needs_undo_ = true;
  bool may_repeat_ = false;  // several changes of a user may have been collected
  const bool has_callback_;
  Snapshot& snapshot_;
  const Root& theirs_;
  const Root* mine_;
  Root* root_;  // the root to write to: the snapshot's own until there is a copy
  bool has_copy_ = false;
  const Timestamp our_now_, now_;
  const bool same_rules_;
  AcceptanceWindow bounds_;
  PeerDates dates_;
  bool is_too_early_ = false;
  Vector<Pair> put_off_;
  Snapshot ours_, merged_;  // once there is a copy: what remains if memory runs out, and the copy
  Changes changes_;
};

/// Returns the error if the host's clock is out of range, or nullopt.
inline std::optional<Error> wrong_now(Timestamp now) noexcept {
  if (in_range(now)) return std::nullopt;
  return Error{ErrorCode::out_of_range, 0, "now is at either end of the range of timestamps"};
}
inline PeerDates dates_at(Timestamp now, const Snapshot& ours) noexcept {
  return PeerDates(later(now, SnapshotAccess::now(ours)), ours.rules());
}

/// Joins what a peer sent, like merge_into, and advances to the host's `now` if that is later. `now` must be in range.
/// Returns false if the peer's data is dated too far in the future. Then nothing has changed.
PRESENCE_DETAIL_APART inline bool merge_from_peer(Snapshot& snapshot, const Snapshot& other, Timestamp now,
                                                  const PeerDates& dates, const ChangeSink& on_change) {
  const Root* const theirs = SnapshotAccess::read(other);
  if (theirs == nullptr || theirs == SnapshotAccess::read(snapshot)) {
    if (now > SnapshotAccess::now(snapshot)) advance_and_notify(snapshot, now, on_change);
    return true;
  }
  if (join_one_event(snapshot, *theirs, now, dates, on_change)) return true;
  SnapshotMerge merging(snapshot, *theirs, now, dates, static_cast<bool>(on_change));
  if (!merging.join_all()) return false;
  if (on_change) merging.notify(on_change);
  return true;
}

/// Joins a snapshot of the host's own, like merge_into.
PRESENCE_DETAIL_APART inline void merge_own(Snapshot& snapshot, const Snapshot& other, const ChangeSink& on_change) {
  const Root* const theirs = SnapshotAccess::read(other);
  if (theirs == nullptr || theirs == SnapshotAccess::read(snapshot)) return;
  if (join_one_event(snapshot, *theirs, theirs->now, PeerDates(), on_change)) return;
  SnapshotMerge merging(snapshot, *theirs, theirs->now, PeerDates(), static_cast<bool>(on_change));
  merging.join_all();
  if (on_change) merging.notify(on_change);
}

}  // namespace detail

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_MERGING_HPP
