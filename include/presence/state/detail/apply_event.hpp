// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_APPLY_EVENT_HPP
#define PRESENCE_STATE_DETAIL_APPLY_EVENT_HPP

#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/registers/detail/acceptance_window.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/state/detail/advance.hpp>
#include <presence/state/detail/changes.hpp>
#include <presence/state/detail/event_target.hpp>
#include <presence/state/detail/in_place.hpp>
#include <presence/state/detail/judge.hpp>
#include <presence/state/detail/plan.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/page.hpp>
#include <presence/table/detail/user_row.hpp>
#include <presence/table/detail/user_table.hpp>

#include <utility>  // for move

/// The way of an event: find, judge, apply, derive the change.
///
/// `apply_event` looks up the user (event_target.hpp). `apply_to_target` then chooses one of two bodies. in_place.hpp
/// changes the registers of a plain row in an unshared page where they are. plan.hpp works for every event: it computes
/// the registers after the event and stores them. Both judge the event before they change anything (judge.hpp,
/// acceptance_window.hpp), and call the callback last. apply_batch.hpp looks up the users of several events together.
///
/// Most events are heartbeats that only refresh a session. `apply_event` tries that part of in_place.hpp first,
/// together with the lookup. If it kept the result of the lookup for the other events, a heartbeat would cost a sixth
/// more instructions.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Applies an event at the snapshot's own timestamp and calls `on_change` if the visible state changed. `key` is the
/// key of the event's user. Works for every event.
PRESENCE_DETAIL_APART inline Verdict apply_by_plan(Snapshot& snapshot, const UserKey& key,
                                                   const PresenceEventView& event, const ChangeSink& on_change,
                                                   bool is_admitted = false) {
  const Timestamp now = SnapshotAccess::now(snapshot);
  Plan plan = plan_event(SnapshotAccess::read(snapshot), key, event, now, count_at, is_admitted);
  if (plan.verdict != Verdict::applied) return plan.verdict;
  Change change;
  if (on_change) {
    change.at = now == absent ? event.at : now;
    change.before = Seen::of(plan.row, now, snapshot.rules());
    change.after = Seen(plan.after, now, snapshot.rules());
    change.id = plan.row != nullptr ? plan.row->id() : SharedString(event.user);
  }
  commit(SnapshotAccess::write(snapshot), key, std::move(plan));
  if (on_change) notify(change, on_change);
  return Verdict::applied;
}

/// Keeps a shared page alive, even if its other owners, possibly on other threads, release it.
class KeptPage {
 public:
  explicit KeptPage(const Page& page) noexcept : page_{&const_cast<Page&>(page)} { page_.page().owners.add(); }
  KeptPage(const KeptPage&) = delete;
  KeptPage& operator=(const KeptPage&) = delete;

 private:
  Spare page_;
};

/// Returns whether the event is later than what it would replace: of a known session, or a status.
inline bool is_later_than_known(const RowView& row, const PresenceEventView& event) noexcept {
  if (event.type == EventType::set_status) return row.status_at() < event.at;
  if (!belongs_to_session(event.type)) return false;
  const SessionRegisters* const session = find_session(row.sessions(), event.session);
  return session != nullptr && later(session->evidence_at(), session->last_disconnect()) < event.at;
}

/// Copies the shared page of a user if sharing is probably all that prevents applying the event in place. Returns the
/// copy; null otherwise.
inline Page* copy_page_for(Snapshot& snapshot, const EventTarget& target, const PresenceEventView& event) {
  const Rules& rules = snapshot.rules();
  const bool may_be_refresh = event.type == EventType::heartbeat;
  if ((!may_be_refresh && !is_plain(target.row(), rules)) || !is_later_than_known(target.row(), event) ||
      judge_form(event, rules) != Verdict::applied ||
      !AcceptanceWindow(SnapshotAccess::now(snapshot), rules).admit(event.at))
    return nullptr;
  UserTable& table = SnapshotAccess::write(snapshot).table;  // perhaps a copy, in which every path is shared
  return &table.own_page(target.key, table.way_to(target.key));
}

/// Applies an event in place if sharing the overflow is what prevents it: the session is there. Returns whether the
/// event was applied.
PRESENCE_DETAIL_APART inline bool apply_in_shared_overflow(const PlaceInTable& place, const PresenceEventView& event,
                                                           const ChangeSink& on_change) {
  const KeptOverflow kept(place.row());  // the event may borrow from it
  place.row().unshare_overflow();
  return refresh_session(place, event) || apply_in_place(place, event, on_change);
}
inline bool is_prevented_by_overflow(const RowAccess& row, const LookupKey& session,
                                     const PresenceEventView& event) noexcept {
  return row.shares_session(session) && belongs_to_session(event.type) && is_later_than_known(row, event);
}

/// Applies an event of a user in a shared page.
PRESENCE_DETAIL_APART inline Verdict apply_in_shared_page(Snapshot& snapshot, const EventTarget& target,
                                                          const PresenceEventView& event, const ChangeSink& on_change) {
  const KeptPage kept(*target.way.page());  // the event may borrow from it
  if (Page* const page = copy_page_for(snapshot, target, event)) {
    const PlaceInTable place{SnapshotAccess::write(snapshot), target, *page};
    if (is_prevented_by_overflow(place.row(), target.session, event)) {
      if (apply_in_shared_overflow(place, event, on_change)) return Verdict::applied;
    } else if (refresh_session(place, event) || apply_in_place(place, event, on_change)) {
      return Verdict::applied;
    }
  }
  return apply_by_plan(snapshot, target.key, event, on_change);
}

/// Applies an event of a user who has been looked up: in place if the row is there and the page can be changed, else by
/// a plan. In an unshared page, heartbeats that only refresh the session have been applied before.
PRESENCE_DETAIL_APART inline Verdict apply_to_target(Snapshot& snapshot, const EventTarget& target,
                                                     const PresenceEventView& event, const ChangeSink& on_change) {
  if (target.at != Page::none) {
    Root* const owned = SnapshotAccess::owned(snapshot);
    Page* const page = owned != nullptr ? target.own_page() : nullptr;
    if (page == nullptr) return apply_in_shared_page(snapshot, target, event, on_change);
    const PlaceInTable place{*owned, target, *page};
    if (is_prevented_by_overflow(place.row(), target.session, event)) {
      if (apply_in_shared_overflow(place, event, on_change)) return Verdict::applied;
    } else if (apply_in_place(place, event, on_change)) {
      return Verdict::applied;
    }
  }
  return apply_by_plan(snapshot, target.key, event, on_change);
}

/// Looks up the user of an event and applies the event.
inline Verdict apply_event(Snapshot& snapshot, const PresenceEventView& event, const ChangeSink& on_change) {
  Root* const owned = SnapshotAccess::owned(snapshot);
  if (owned != nullptr && find_and_refresh_session(*owned, event)) return Verdict::applied;
  const UserTable nobody;
  const Root* const root = SnapshotAccess::read(snapshot);
  EventTarget target;
  target.find(root != nullptr ? root->table : nobody, event);
  return apply_to_target(snapshot, target, event, on_change);
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_APPLY_EVENT_HPP
