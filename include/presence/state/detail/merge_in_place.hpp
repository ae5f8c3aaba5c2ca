// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_MERGE_IN_PLACE_HPP
#define PRESENCE_STATE_DETAIL_MERGE_IN_PLACE_HPP

#include <presence/base/detail/chunked_vector.hpp>
#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/registers/detail/acceptance_window.hpp>
#include <presence/registers/detail/normal_form.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/state/detail/in_place.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/page.hpp>
#include <presence/table/detail/user_row.hpp>
#include <presence/table/detail/user_table.hpp>

#include <cstddef>   // for size_t
#include <cstdint>   // for uint8_t, uint32_t
#include <optional>  // for nullopt, optional
#include <utility>   // for move

/// Joining the users of a small message where they are, instead of in a copy of the snapshot.
///
/// A row that a peer has changed by a few ordinary events is joined by these events, as if they had been received: this
/// costs what applying them costs. `OneEvent` reads the event of a row that has nothing else, which is most rows of
/// small messages. For other rows, `EventsAhead` finds the events by comparing the rows. Each of them says only what is
/// in the peer's row. `covers` then returns whether that was all.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// What was in unshared rows before they were changed in place. The destructor restores it unless `keep` was called.
/// Until then no row may be added or removed. If memory runs out, a `save` function changes nothing.
class UndoLog {
 public:
  UndoLog() noexcept = default;
  UndoLog(const UndoLog&) = delete;
  UndoLog& operator=(const UndoLog&) = delete;
  ~UndoLog() {
    // A row is saved after the parts of it. The saved rows share overflows, which can be changed only without them.
    undo(rows_);
    undo(simple_);
    undo(sessions_);
    undo(statuses_);
    undo(heartbeats_);
    if (root_ == nullptr) return;
    root_->known = known_;
    root_->online = online_;
    if (may_raise_bounds_) lower_bounds();
  }

  /// The rows to change, but for heartbeats of their sessions, are those of the users in `theirs`.
  void begin(Root& root, const UserTable& theirs) noexcept {
    root_ = &root;
    theirs_ = &theirs;
    known_ = root.known;
    online_ = root.online;
  }
  /// Call it before the time advances: this raises the bounds of rows as they are then. They may be too late for what
  /// is restored.
  void may_raise_bounds() noexcept { may_raise_bounds_ = true; }
  /// Saves the evidence of a session that is to be refreshed.
  void save_heartbeat(SessionRegisters& session) { heartbeats_.add(SavedHeartbeat{&session, session.evidence()}); }
  void save_row(Page& page, std::uint32_t at) {
    rows_.add(SavedRow{{&page, at}, UserRow(page.row(at)), page.dues()[at].owned(), page.is_online(at)});
  }
  /// Saves what an event can change that is applied in place to a plain row.
  void save_for(const PlaceInTable& place, EventType type) {
    const RowAccess row = place.row();
    if (type == EventType::set_status) {
      statuses_.add(SavedStatus{{&place.page, place.at()}, row.own_status(), row.status_at()});
      return;
    }
    const SessionRegisters* const session = row.own_session(place.target.session);
    if (session == nullptr) return;  // the event will not be applied in place
    const bool adds_activity = type != EventType::disconnect;
    if (SavedSimple::suffices(row, *session, adds_activity)) {
      simple_.add(SavedSimple(place, *session, adds_activity));
    } else {
      sessions_.add(place, *session, adds_activity);
    }
  }
  void keep() noexcept {
    rows_.clear();
    simple_.clear();
    sessions_.clear();
    statuses_.clear();
    heartbeats_.clear();
    root_ = nullptr;
  }

 private:
  struct Place {
    Page* page;
    std::uint32_t at;

    RowAccess row() const noexcept { return page->row(at); }
  };
  struct SavedHeartbeat {
    SessionRegisters* session;
    SessionMoment before;

    void restore() noexcept { session->set_evidence(before); }
  };
  struct SavedRow {
    Place place;
    UserRow row;
    Timestamp due;
    bool was_online;

    void restore() noexcept {
      place.row().swap(row);
      place.page->dues()[place.at] = due;
      place.page->invalidate_cover(place.at);
      place.page->set_online(place.at, was_online);
    }
  };
  /// The parts that an event changes of a session without a history, and of a row with few activities. Most are so.
  struct SavedSimple {
    Place place;
    SessionMoment evidence;
    Timestamp run_start, disconnect;
    Activity activities[RowRest::activities_inside];
    std::uint8_t session, activity_count;
    bool has_activities, was_online;

    static bool suffices(const RowView& row, const SessionRegisters& session, bool adds_activity) noexcept {
      return session.is_simple() && session.is_refreshable() && row.session_count() <= 2 &&
             (!adds_activity || row.activities().size() <= RowRest::activities_inside);
    }
    SavedSimple(const PlaceInTable& in, const SessionRegisters& before, bool adds_activity) noexcept
        : place{&in.page, in.at()},
          evidence(before.evidence()),
          run_start(before.run_start()),
          disconnect(before.last_disconnect()),
          session(&before == &in.row().first_session() ? 0 : 1),
          activity_count(0),
          has_activities(adds_activity),
          was_online(in.page.is_online(in.at())) {
      if (!has_activities) return;
      for (const Activity& activity : in.row().activities()) activities[activity_count++] = activity;
    }

    void restore() noexcept {
      const RowAccess row = place.row();
      if (SessionRegisters* const changed = row.own_session(LookupKey(row.sessions()[session].id.view()))) {
        changed->drop_earlier_runs(changed->earlier_runs().size());
        changed->set_only_disconnect(disconnect);
        changed->set_evidence(evidence);
        changed->set_run_start(run_start);
      }
      if (has_activities) row.put_back_activities({activities, activity_count});
      place.page->invalidate_cover(place.at);
      place.page->set_online(place.at, was_online);
    }
  };
  /// The same of any session.
  struct SavedSession {
    Place place;
    SessionRegisters session;
    Activities activities;
    bool has_activities, was_online;

    SavedSession(const PlaceInTable& in, const SessionRegisters& before, bool adds_activity)
        : place{&in.page, in.at()},
          session(before),
          has_activities(adds_activity),
          was_online(in.page.is_online(in.at())) {
      if (!has_activities) return;
      for (const Activity& activity : in.row().activities()) activities.push_back(activity);
    }

    void restore() noexcept {
      const RowAccess row = place.row();
      if (SessionRegisters* const changed = row.own_session(LookupKey(session.id.view())))
        *changed = std::move(session);
      if (has_activities) row.put_back_activities({activities.data(), activities.size()});
      place.page->invalidate_cover(place.at);
      place.page->set_online(place.at, was_online);
    }
  };
  struct SavedStatus {
    Place place;
    SharedString status;
    Timestamp at;

    void restore() noexcept {
      place.row().own_status() = std::move(status);
      if (Timestamp* const status_at = place.row().own_status_at()) *status_at = at;
    }
  };

  template <class Saved>
  static void undo(ChunkedVector<Saved>& all) noexcept {
    for (std::size_t i = all.size(); i != 0; --i) all[i - 1].restore();
    all.clear();
  }
  /// Lowers the bounds of all rows that may have been changed, as far as any correct bound.
  void lower_bounds() const noexcept {
    UserTable& table = root_->table;
    for (const RowView theirs : *theirs_) {
      const UserKey key = table.key_of(theirs.name());
      const UserTable::Owned ours = table.locate_owned(key);
      if (ours) table.lower_bounds(key, *ours.page, ours.at, root_->now, root_->now);
    }
  }

  Root* root_ = nullptr;
  const UserTable* theirs_ = nullptr;
  bool may_raise_bounds_ = false;
  std::size_t known_ = 0, online_ = 0;
  ChunkedVector<SavedRow> rows_;
  ChunkedVector<SavedSimple> simple_;
  ChunkedVector<SavedSession> sessions_;
  ChunkedVector<SavedStatus> statuses_;
  ChunkedVector<SavedHeartbeat> heartbeats_;
};

/// Returns whether the row has only what `EventsAhead` compares: sessions without a history, activities, and a status
/// without an end.
inline bool has_only_ordinary(const RowView& theirs) noexcept {
  const bool is_ordinary = theirs.is_plain() ? !theirs.has_data() : theirs.has_nothing_elsewhere();
  if (!is_ordinary || theirs.session_count() > 2) return false;
  for (const SessionRegisters& session : theirs.sessions()) {
    if (!session.is_simple() || !session.is_refreshable() || session.is_report()) return false;
  }
  return true;
}

/// Returns the type of the event that leaves evidence in a session, with or without an activity; nullopt if none does.
inline std::optional<EventType> type_of_evidence(bool by_connect, bool is_activity, const Rules& rules) noexcept {
  if (!is_activity) {
    if (by_connect || rules.heartbeat_is_activity) return std::nullopt;
    return EventType::heartbeat;
  }
  return by_connect ? EventType::connect : rules.heartbeat_is_activity ? EventType::heartbeat : EventType::active;
}

/// The event that leaves exactly the registers of a row of an unknown user. Joining the row is then the same as
/// applying the event, and a plain row of ours needs no comparison with it.
class OneEvent {
 public:
  /// Returns false if there is no such event.
  bool read(const RowView& theirs, AcceptanceWindow& bounds, const Rules& rules) noexcept {
    event_.user = theirs.name();
    return theirs.session_count() == 0 ? read_status(theirs) : read_session(theirs, bounds, rules);
  }
  /// Call it only after `read` returned true.
  const PresenceEventView& event() const noexcept { return event_; }

 private:
  bool read_status(const RowView& theirs) noexcept {
    if (!theirs.is_plain() || theirs.has_data() || !theirs.activities().empty()) return false;
    event_.type = EventType::set_status;
    event_.at = theirs.status_at();
    event_.status = theirs.status();
    return true;
  }
  bool read_session(const RowView& theirs, AcceptanceWindow& bounds, const Rules& rules) noexcept {
    const SessionRegisters& session = theirs.first_session();
    if (theirs.session_count() != 1 || !theirs.has_nothing_elsewhere() || !session.is_simple() ||
        !session.is_refreshable() || session.is_report())
      return false;
    const Span<Activity> activities = theirs.activities();
    const Timestamp at = session.evidence_at(), ended = session.last_disconnect();
    event_.session = session.id.view();
    if (at == absent) {
      event_.type = EventType::disconnect;
      event_.at = ended;
      return activities.empty();
    }
    event_.at = at;
    if (ended != absent || session.run_start() != (has_runs(session, rules) ? at : absent)) return false;
    const bool by_connect = session.evidence().by_connect;
    const std::optional<EventType> type = type_of_evidence(by_connect, !activities.empty(), rules);
    if (!type) return false;
    event_.type = *type;
    return activities.empty() || (activities.size() == 1 && activities[0].evidence == at &&
                                  activities[0].value == (by_connect ? at : bounds.heartbeat_value(at, rules)));
  }

  PresenceEventView event_;
};

/// Returns whether joining theirs, which is simple, changes nothing of ours.
inline bool covers(const SessionRegisters& ours, const SessionRegisters& theirs, const Rules& rules) noexcept {
  const Timestamp ended = theirs.last_disconnect();
  if (ended != absent) {
    // Without a grace period only the last disconnect counts.
    bool has_end = rules.offline_grace == Duration() && ended <= ours.last_disconnect();
    for (const Timestamp at : ours.disconnects()) has_end = has_end || at == ended;
    if (!has_end) return false;
  }
  if (!theirs.has_evidence()) return true;
  if (ours.evidence() < theirs.evidence()) return false;
  return !has_runs(theirs, rules) ||
         (ours.run_start() <= theirs.run_start() && run_end(theirs, rules) <= run_end(ours, rules));
}
inline bool covers(const Span<Activity>& ours, const Activity& theirs) noexcept {
  for (const Activity& activity : ours) {
    if (activity.value >= theirs.value && activity.evidence <= theirs.evidence) return true;
  }
  return false;
}
/// Returns whether joining theirs, which has only what is ordinary, changes nothing of ours.
inline bool covers(const RowView& ours, const RowView& theirs, const Rules& rules) noexcept {
  for (const SessionRegisters& session : theirs.sessions()) {
    const SessionRegisters* const known = find_session(ours.sessions(), session.id.view());
    if (known == nullptr || !covers(*known, session, rules)) return false;
  }
  const Span<Activity> known = ours.activities();
  for (const Activity& activity : theirs.activities()) {
    if (!covers(known, activity)) return false;
  }
  const Timestamp status_at = theirs.status_at();
  return status_at < ours.status_at() || (status_at == ours.status_at() && theirs.status() == ours.status());
}

/// The events by which a row of theirs, which has only what is ordinary, may be ahead of a plain row of ours: later
/// evidence or disconnects of sessions that we have, and a later status.
class EventsAhead {
 public:
  explicit EventsAhead(const RowView& theirs) noexcept : theirs_(theirs) {}

  /// Returns false if a session of theirs is unknown, or if an event would say more than theirs.
  bool find(const RowView& ours, AcceptanceWindow& bounds, const Rules& rules) noexcept {
    for (const SessionRegisters& session : theirs_.sessions()) {
      const SessionRegisters* const known = find_session(ours.sessions(), session.id.view());
      if (known == nullptr) return false;
      const Timestamp evidence = session.evidence_at(), ended = session.last_disconnect();
      const bool ends = known->last_disconnect() < ended;
      if (ends && ended < evidence) add(EventType::disconnect, session, ended);
      if (known->evidence() < session.evidence()) {
        const Timestamp step = bounds.heartbeat_value(evidence, rules);
        const bool by_connect = session.evidence().by_connect;
        const bool is_active = is_activity_known(theirs_, by_connect ? evidence : step, evidence);
        const std::optional<EventType> type = type_of_evidence(by_connect, is_active, rules);
        if (!type) return false;
        add(*type, session, evidence);
      }
      if (ends && !(ended < evidence)) add(EventType::disconnect, session, ended);
    }
    has_status_ = ours.status_at() < theirs_.status_at();
    return true;
  }

  std::size_t size() const noexcept { return count_ + (has_status_ ? 1u : 0u); }
  PresenceEventView operator[](std::size_t i) const noexcept {
    PresenceEventView event;
    event.user = theirs_.name();
    if (i == count_) {
      event.type = EventType::set_status;
      event.at = theirs_.status_at();
      event.status = theirs_.status();
    } else {
      event.type = all_[i].type;
      event.at = all_[i].at;
      event.session = all_[i].session->id.view();
    }
    return event;
  }

 private:
  struct OfSession {
    EventType type;
    Timestamp at;
    const SessionRegisters* session;
  };

  void add(EventType type, const SessionRegisters& session, Timestamp at) noexcept {
    all_[count_++] = OfSession{type, at, &session};
  }

  RowView theirs_;
  OfSession all_[4];  // two of each of two sessions
  std::size_t count_ = 0;
  bool has_status_ = false;
};

/// Returns the session of ours that such a row of theirs only refreshes, null if it does more: they have one session,
/// whose evidence is a later heartbeat in the same run, and activities that we have. Refreshing the session with this
/// evidence is then the whole join.
inline SessionRegisters* refreshed_by(const RowView& theirs, Page& page, std::uint32_t at, AcceptanceWindow& bounds,
                                      const Rules& rules) noexcept {
  const SessionRegisters& session = theirs.first_session();
  const Timestamp evidence = session.evidence_at();
  if (theirs.session_count() != 1 || !theirs.has_nothing_elsewhere() || rules.idle_after != Duration() ||
      session.evidence().by_connect || session.last_disconnect() != absent || !session.is_simple() ||
      session.is_report() || !bounds.admit(evidence))
    return nullptr;
  const RowAccess row = page.row(at);
  SessionRegisters* const ours = row.own_session(LookupKey(session.id.view()));
  if (ours == nullptr || session.run_start() < ours->run_start() || !is_refreshed_by(*ours, evidence, bounds) ||
      !is_independent_of_length(row, rules))
    return nullptr;
  for (const Activity& activity : theirs.activities()) {
    if (page.covers(at, activity.value, activity.evidence)) continue;
    if (!is_activity_known(row, activity.value, activity.evidence)) return nullptr;
    page.cover(at, activity.value, activity.evidence);
  }
  return ours;
}

/// Returns whether `bound` surely changes nothing of the user, at any time.
inline bool is_surely_within_bounds(const UserRegisters& user, Timestamp now, const Rules& rules) {
  const std::size_t room = recent_room(rules);
  if (user.sessions.size() > room || user.sessions.size() > rules.max_sessions_per_user) return false;
  bool is_small = user.activities.size() <= room && user.visibility_changes.empty() && !user.data;
  for (const SessionRegisters& session : user.sessions) is_small = is_small && session.is_simple();
  if (is_small) return true;
  // The rest of `bound` does not depend on the time.
  UserRegisters bounded = user;
  bound(bounded, now, rules);
  return bounded == user;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_MERGE_IN_PLACE_HPP
