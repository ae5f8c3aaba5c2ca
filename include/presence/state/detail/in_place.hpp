// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_IN_PLACE_HPP
#define PRESENCE_STATE_DETAIL_IN_PLACE_HPP

#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/user.hpp>
#include <presence/registers/detail/acceptance_window.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/normal_form.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/state/detail/changes.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_row.hpp>
#include <presence/table/detail/user_table.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint32_t
#include <optional>     // for optional, nullopt
#include <string_view>  // for string_view
#include <utility>      // for exchange, move

/// A way round `plan_event` for what most events are: newer word of a session or a status that there is already, which
/// changes a few registers where they lie. Whatever it does not fold is for `plan_event`, which would do the same to
/// all of these: what it would forget meanwhile is forgotten when somebody looks.
///
/// Apart from heartbeats that nobody could notice, this is for users of whom others see just what their sessions and
/// their status say: nobody hides them, reports them, or forgets them by age.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Who an event is of, made ready to be looked for, and what is found.
struct EventTarget {
  UserKey key;
  LookupKey session;
  UserTable::Way way;
  std::uint32_t at;  // row in the page; Page::none: there is none

  EventTarget() noexcept {}  // leaves all open, for arrays

  void set(const UserTable& table, const PresenceEventView& event) noexcept {
    table.make_key(event.user, key);
    session.set(event.session);
    way = table.start(key);
    at = Page::none;
  }
  /// All of it at once. Goes the way itself instead of taking `way_to` over, and sets the session last, so that no more
  /// than is needed next is kept in registers: 4 to 9 % of the instructions of a heartbeat.
  void find(const UserTable& table, const PresenceEventView& event) noexcept {
    table.make_key(event.user, key);
    way = table.start(key);
    at = Page::none;
    if (table.size() != 0) {
      while (!way.step(key)) {
      }
      at = way.find(key);
    }
    session.set(event.session);
  }
  /// Goes on by a node, and asks for what is read next: of the page, for the row that is probably meant. Returns
  /// whether it has arrived there.
  bool step() noexcept {
    if (!way.step(key)) {
      way.prefetch();
      return false;
    }
    at = way.probable(key);
    if (at != Page::none) way.page()->prefetch_row(at);
    return true;
  }
  RowView row() const noexcept { return way.page()->row(at); }
  /// Whether an event of the row may be a heartbeat of the session in its head.
  bool may_be_of_first_session(EventType type) const noexcept {
    return type == EventType::heartbeat && row().first_session().id.low_word() == session.low();
  }
  /// The page, to have the row changed in place; null where there is none, or something is shared.
  Page* own_page() const noexcept { return at != Page::none ? way.own_page() : nullptr; }
};

/// A user's row where it lies in the table of a root that owns it.
struct PlaceInTable {
  Root& root;
  const EventTarget& subject;
  Page& page;

  std::uint32_t at() const noexcept { return subject.at; }
  RowAccess row() const noexcept { return page.row(subject.at); }
  /// Lowers the bounds of the row to these, where they are later.
  void lower_bounds(Timestamp due, Timestamp cleanup) const noexcept {
    root.table.lower_bounds(subject.key, page, subject.at, due, cleanup);
  }
};

/// Whether the sessions hold such a user online. Looked at only where somebody may be told.
inline bool is_online(const RowView& row, const Root& root, const AcceptanceWindow& bounds) noexcept {
  if (root.rules.offline_grace != Duration()) return root.now < online_until(row.sessions(), root.rules);
  for (const SessionRegisters& session : row.sessions()) {
    if (bounds.is_live(session)) return true;
  }
  return false;
}
/// How many of them are live.
inline std::size_t count_live(const RowView& row, const AcceptanceWindow& bounds) noexcept {
  std::size_t live = 0;
  row.sessions().each([&](const SessionRegisters& session) { live += bounds.is_live(session) ? 1u : 0u; });
  return live;
}

/// How others see such a user.
struct VisibleState {
  bool online;
  Timestamp last_active;
  std::string_view status;

  friend bool operator==(const VisibleState& a, const VisibleState& b) noexcept {
    return a.online == b.online && a.last_active == b.last_active && a.status == b.status;
  }
  UserView view(std::string_view id) const noexcept {
    return UserView(id, online, status, last_active == absent ? std::nullopt : std::optional<Timestamp>(last_active),
                    false);
  }
};

template <class OnChange>
void tell(const PlaceInTable& place, Timestamp at, const VisibleState& before, const VisibleState& after,
          OnChange& on_change) {
  if (before == after) return;
  UserPresenceChangedView told;
  told.id = place.row().name();
  told.before = before.view(told.id);
  told.after = after.view(told.id);
  told.at = place.root.now == absent ? at : place.root.now;
  on_change(static_cast<const UserPresenceChangedView&>(told));
}

/// A later status text of a user whom others know.
template <class OnChange>
bool fold_status(const PlaceInTable& place, const PresenceEventView& event, const AcceptanceWindow& bounds,
                 OnChange& on_change) {
  const RowAccess row = place.row();
  const Timestamp status_at = row.status_at(), active = row.latest_active();
  if (event.at <= status_at || (active == absent && status_at == absent) || !event.status ||
      event.status->size() > place.root.rules.max_status_bytes)
    return false;
  if constexpr (has_callback<OnChange>) {
    SharedString after(*event.status);  // which may lie in what makes room
    RareRegisters& rare = row.need_rare();
    const SharedString before(std::exchange(rare.status, std::move(after)));
    rare.status_at = event.at;
    const VisibleState was{is_online(row, place.root, bounds), active, before.view()};
    tell(place, event.at, was, VisibleState{was.online, was.last_active, rare.status.view()}, on_change);
  } else {
    static_cast<void>(bounds), static_cast<void>(on_change);
    RareRegisters* rare = row.own_rare();
    if (rare != nullptr) {
      rare->status.assign(*event.status);
    } else {
      SharedString after(*event.status);
      rare = &row.need_rare();
      rare->status = std::move(after);
    }
    rare->status_at = event.at;
  }
  return true;
}

/// Later word that a session is there, or that it has ended, of a session that is known.
template <class OnChange>
bool fold_session_event(const PlaceInTable& place, const PresenceEventView& event, AcceptanceWindow& bounds,
                        OnChange& on_change) {
  Root& root = place.root;
  const RowAccess row = place.row();
  SessionRegisters* found = row.own_session(place.subject.session);
  const Activity* const latest = row.latest_activity();
  if (found == nullptr || latest == nullptr || event.status || (event.type == EventType::connect && event.invisible))
    return false;
  const Timestamp active_before = latest->value;
  const bool was_live = bounds.is_live(*found), is_disconnect = event.type == EventType::disconnect;
  bool was_online = was_live;
  if (!was_live) {
    // One of which all is forgotten comes in anew, and others may have to go for it.
    if (row.session_count() > bounds.session_room() && latest_instant(*found) < session_horizon(root.now, root.rules))
      return false;
    if (!is_disconnect && row.session_count() > root.rules.max_sessions_per_user) {
      const std::size_t live = count_live(row, bounds);
      if (live >= root.rules.max_sessions_per_user) return false;  // one has to go
      was_online = live != 0;
    }
    was_online = was_online || is_online(row, root, bounds);
  }

  if (is_disconnect) {
    auto& all = found->disconnects;
    if (!all.empty() && event.at <= all.back()) return false;
    // With a grace the first that ends a session counts as well.
    if (root.rules.offline_grace != Duration() &&
        (ended_by_disconnect(*found) || event.at <= found->connect || event.at < found->heartbeat))
      return false;
    all.clear();
    all.push_back(event.at);
  } else {
    if (event.at <= evidence(*found) || event.at <= latest->evidence) return false;
    const bool is_connect = event.type == EventType::connect;
    const Timestamp value = is_connect ? event.at : bounds.heartbeat_value(event.at, root.rules);
    if (active_before < value) {
      place.page.invalidate_cover(place.at());
      row.add_activity({value, event.at}, bounds.window(), recent_room(root.rules));
      if (row.activities().size() > RowRest::activities_inside)
        place.lower_bounds(never, old_activities_end(row.activities(), root.rules));
      found = row.own_session(place.subject.session);  // which may have been put elsewhere
    }
    (is_connect ? found->connect : found->heartbeat) = event.at;
  }

  // Of a user whom a live session holds online no other has to be looked at.
  const bool is_live = bounds.is_live(*found);
  Timestamp until = absent;
  if (is_live || row.session_count() == 1) {
    until = online_until(*found, root.rules);
  } else {
    until = online_until(row.sessions(), root.rules);
  }
  const bool stays_online = root.now < until;
  root.online += stays_online ? 1u : 0u;
  root.online -= was_online ? 1u : 0u;
  // What defers a deadline leaves the bound as it is; it may be earlier where the user came online, or a session ended.
  if (stays_online && (is_disconnect || !was_online)) place.lower_bounds(until, never);
  if constexpr (has_callback<OnChange>) {
    const VisibleState before{was_online, active_before, row.status()},
        after{stays_online, row.latest_active(), before.status};
    tell(place, event.at, before, after, on_change);
  } else {
    static_cast<void>(on_change);
  }
  return true;
}

/// Whether a session is there, and word of that timestamp is newer.
inline bool is_defended(const SessionRegisters& session, Timestamp at, const AcceptanceWindow& bounds) noexcept {
  return at > evidence(session) && bounds.is_live(session);
}
/// Whether a heartbeat of that timestamp and value says nothing new of the user but that the session is still there.
inline bool says_nothing_new(const RowView& row, Timestamp value, Timestamp at) noexcept {
  const Activity* const latest = row.latest_activity();
  return latest != nullptr && latest->evidence <= at && latest->value >= value;
}

/// Folds a heartbeat that changes nothing but its own timestamp: one that a live session sends in time, before the next
/// step of last_active.
inline bool fold_mere_heartbeat(const PlaceInTable& place, const PresenceEventView& event) noexcept {
  AcceptanceWindow& bounds = place.root.bounds();
  const Rules& rules = place.root.rules;
  const Timestamp at = event.at;
  if (event.type != EventType::heartbeat || event.status || !bounds.admit(at) || event.session.empty() ||
      event.user.size() > rules.max_id_bytes || event.session.size() > rules.max_id_bytes)
    return false;
  SessionRegisters* const session = place.row().own_session(place.subject.session);
  if (session == nullptr || !is_defended(*session, at, bounds)) return false;
  // That the heartbeat says nothing new of last_active is noted in the page, so that the rest of the row is not read.
  const Timestamp value = bounds.heartbeat_value(at, rules);
  if (!place.page.covers(place.at(), value, at)) {
    if (!says_nothing_new(place.row(), value, at)) return false;
    place.page.cover(place.at(), value, at);
  }
  session->heartbeat = at;
  return true;
}

/// Whether all that one row keeps of a user and another does not is such a heartbeat of the first session.
inline bool is_ahead_by_mere_heartbeat(const RowView& one, const RowView& other, AcceptanceWindow& bounds,
                                       const Rules& rules) noexcept {
  const SessionRegisters &session = one.first_session(), &before = other.first_session();
  const Timestamp at = session.heartbeat;
  return bounds.admit(at) && is_defended(before, at, bounds) && before.connect == session.connect &&
         before.id == session.id && same_elements(before.disconnects, session.disconnects) &&
         says_nothing_new(other, bounds.heartbeat_value(at, rules), at) && one.keeps_same_beside(other);
}

/// Looks for the user of a heartbeat, and folds it if it is a mere one of somebody in a page that is the root's alone.
/// What was found is not handed on: it would have to be kept at hand until the end.
PRESENCE_DETAIL_FLAT inline bool find_and_fold_mere_heartbeat(Root& root, const PresenceEventView& event) noexcept {
  if (event.type != EventType::heartbeat) return false;
  EventTarget subject;
  subject.find(root.table, event);
  Page* const page = subject.own_page();
  return page != nullptr && fold_mere_heartbeat({root, subject, *page}, event);
}

/// The same where the way is known, and perhaps the row.
PRESENCE_DETAIL_FLAT inline bool fold_mere_heartbeat_where_found(Root& root, const PresenceEventView& event,
                                                                 EventTarget& subject) noexcept {
  if (subject.at == Page::none) return false;
  if (!subject.way.page()->is_of(subject.at, subject.key)) subject.at = subject.way.find(subject.key);
  Page* const page = subject.own_page();
  return page != nullptr && fold_mere_heartbeat({root, subject, *page}, event);
}

/// Folds an event that is no mere heartbeat into the user's row, if it can be folded so, and tells of it. Changes
/// nothing when memory runs out.
template <class OnChange>
bool fold_in_place(const PlaceInTable& place, const PresenceEventView& event, OnChange& on_change) {
  AcceptanceWindow& bounds = place.root.bounds();
  const Rules& rules = place.root.rules;
  const RowAccess row = place.row();
  if (!bounds.admit(event.at) || event.user.size() > rules.max_id_bytes || rules.forget_after != Duration::highest() ||
      !row.is_plain())
    return false;
  if (event.type == EventType::set_status) return fold_status(place, event, bounds, on_change);
  if (!belongs_to_session(event.type) || event.session.empty() || event.session.size() > rules.max_id_bytes)
    return false;
  return fold_session_event(place, event, bounds, on_change);
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_IN_PLACE_HPP
