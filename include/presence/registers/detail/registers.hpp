// SPDX-License-Identifier: MIT
#ifndef PRESENCE_REGISTERS_DETAIL_REGISTERS_HPP
#define PRESENCE_REGISTERS_DETAIL_REGISTERS_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/small_vector.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/registers/detail/session.hpp>

#include <cstddef>      // for size_t
#include <string_view>  // for string_view
#include <utility>      // for move

/// The registers that are stored for a user, and the only operation that changes them: the join.
///
/// Every register is an element of a partial order and only grows in it. The join takes the greater of both sides. So
/// events may arrive in any order and any number of times, and nodes may merge their states. An event is a small state:
/// `join_event` joins it with the same functions with which `join` joins two users.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// A time `value` at which the user is known to have been active, and the earliest evidence for it.
struct Activity {
  Timestamp value, evidence;

  friend bool operator==(const Activity& a, const Activity& b) noexcept {
    return a.value == b.value && a.evidence == b.evidence;
  }
};

/// A request to be invisible or visible: of a connect, or a `set_visible`.
struct VisibilityChange {
  Timestamp at;
  bool invisible;

  friend bool operator==(const VisibilityChange& a, const VisibilityChange& b) noexcept {
    return a.at == b.at && a.invisible == b.invisible;
  }
};

/// The range in which visibility changes were dropped from an invisible run for lack of room (normal_form.hpp): after
/// `from`, up to and including `to`. Changes to visible inside it are ignored, because it is no longer known when the
/// user became invisible again.
struct DroppedRange {
  Timestamp from = absent, to = absent;

  bool contains(Timestamp at) const noexcept { return from < at && at <= to; }
  friend bool operator==(const DroppedRange& a, const DroppedRange& b) noexcept {
    return a.from == b.from && a.to == b.to;
  }
};

/// The registers that are empty for most users.
struct RareRegisters {
  DroppedRange dropped_range;                          // of the trailing invisible run
  Timestamp status_until = never;                      // the status reads as empty from then on
  Timestamp choice_at = absent, choice_until = never;  // the choice counts before `choice_until`
  Timestamp reported_at = absent;  // of the latest report; what it says is in the session of the reports
  Timestamp reported_last_active_at = absent, reported_last_active = absent;
  Timestamp forgotten_up_to = absent;           // reports of online up to here are ignored
  Timestamp removed = absent;                   // whatever is dated up to here is dropped, except the visibility
  UserDataPointer data;                         // by name
  Availability choice = Availability::offline;  // the user's own; offline: none

  bool nothing() const noexcept {
    return dropped_range.to == absent && status_until == never && choice_at == absent && reported_at == absent &&
           reported_last_active_at == absent && forgotten_up_to == absent && removed == absent && !data;
  }

  friend bool operator==(const RareRegisters& a, const RareRegisters& b) noexcept {
    return a.dropped_range == b.dropped_range && a.status_until == b.status_until && a.removed == b.removed &&
           a.choice_at == b.choice_at && a.choice_until == b.choice_until && a.choice == b.choice &&
           a.reported_at == b.reported_at && a.reported_last_active_at == b.reported_last_active_at &&
           a.reported_last_active == b.reported_last_active && a.forgotten_up_to == b.forgotten_up_to &&
           a.data == b.data;
  }
};

using Activities = SmallVector<Activity, 4>;
using VisibilityChanges = SmallVector<VisibilityChange, 4>;
using Sessions = SmallVector<SessionRegisters, 4>;

/// The registers of a user in unpacked form, for modification. user_row.hpp defines the stored form.
struct UserRegisters : RareRegisters {
  SharedString status;                   // empty without `status_at`
  Timestamp status_at = absent;          // when it was set, or cleared
  Sessions sessions;                     // by id
  Activities activities;                 // ascending in value and, since dominated ones are dropped, in evidence
  VisibilityChanges visibility_changes;  // ascending, one per timestamp

  bool empty() const noexcept {
    return sessions.empty() && activities.empty() && visibility_changes.empty() && status_at == absent && nothing();
  }

  friend bool operator==(const UserRegisters& a, const UserRegisters& b) noexcept {
    return a.sessions == b.sessions && a.activities == b.activities && a.visibility_changes == b.visibility_changes &&
           a.status == b.status && a.status_at == b.status_at &&
           static_cast<const RareRegisters&>(a) == static_cast<const RareRegisters&>(b);
  }
};

/// A non-owning range of a user's sessions in the order of their ids. The first is stored separately from the others.
class SessionSpan {
 public:
  class Iterator {
   public:
    Iterator(const SessionRegisters* at, const SessionRegisters* next, std::size_t left) noexcept
        : at_(at), next_(next), left_(left) {}
    const SessionRegisters& operator*() const noexcept { return *at_; }
    Iterator& operator++() noexcept {
      if (--left_ != 0) at_ = next_++;
      return *this;
    }
    friend bool operator!=(const Iterator& a, const Iterator& b) noexcept { return a.left_ != b.left_; }

   private:
    const SessionRegisters *at_, *next_;
    std::size_t left_;
  };

  SessionSpan() noexcept = default;
  SessionSpan(const SessionRegisters* first, Span<SessionRegisters> others) noexcept : first_(first), others_(others) {}

  std::size_t size() const noexcept { return first_ == nullptr ? 0 : 1 + others_.size(); }
  const SessionRegisters& operator[](std::size_t i) const noexcept { return i == 0 ? *first_ : others_[i - 1]; }
  Span<SessionRegisters> others() const noexcept { return others_; }
  /// Returns the sessions but the first.
  SessionSpan without_first() const noexcept {
    if (others_.empty()) return SessionSpan();
    return SessionSpan(others_.data(), {others_.data() + 1, others_.size() - 1});
  }
  /// Calls `visit` for each session. This is the fastest iteration over many sessions.
  template <class Visit>
  void each(Visit visit) const noexcept {
    if (first_ == nullptr) return;
    visit(*first_);
    for (const SessionRegisters& session : others_) visit(session);
  }
  Iterator begin() const noexcept { return Iterator(first_, others_.data(), size()); }
  Iterator end() const noexcept { return Iterator(nullptr, nullptr, 0); }

 private:
  const SessionRegisters* first_ = nullptr;
  Span<SessionRegisters> others_;
};

/// A non-owning view of a user's registers, independent of how they are stored. All derived values are computed from
/// it.
struct RegistersView {
  SessionSpan sessions;
  Span<Activity> activities;
  Span<VisibilityChange> visibility_changes;
  const SharedString* text = nullptr;       // the status; null if there is none
  Timestamp text_at = absent;               // when it was set
  const RareRegisters* rare = nullptr;      // null if all of them are empty
  const RareRegisters* choosing = nullptr;  // the same, for the choice; it may be the only one of them in a view
  Timestamp window = absent;                // the part of a run before it does not matter; see `normal_run_start`

  RegistersView() noexcept = default;
  RegistersView(const UserRegisters& user) noexcept
      : activities(user.activities),
        visibility_changes(user.visibility_changes),
        text(&user.status),
        text_at(user.status_at),
        rare(&user),
        choosing(&user) {
    if (!user.sessions.empty())
      sessions = SessionSpan(user.sessions.data(), {user.sessions.data() + 1, user.sessions.size() - 1});
  }

  bool empty() const noexcept {
    return sessions.size() == 0 && activities.empty() && visibility_changes.empty() && text_at == absent &&
           (rare == nullptr || rare->nothing());
  }
  Timestamp status_at() const noexcept { return text_at; }
  std::string_view status() const noexcept { return text == nullptr ? std::string_view() : text->view(); }
  Timestamp status_until() const noexcept { return rare == nullptr ? never : rare->status_until; }
  /// The status at a timestamp: empty if it has ended.
  std::string_view status(Timestamp now) const noexcept { return now < status_until() ? status() : std::string_view(); }
  Timestamp reported_at() const noexcept { return rare == nullptr ? absent : rare->reported_at; }
  Timestamp reported_last_active_at() const noexcept {
    return rare == nullptr ? absent : rare->reported_last_active_at;
  }
  Timestamp reported_last_active() const noexcept { return rare == nullptr ? absent : rare->reported_last_active; }
  Timestamp forgotten_up_to() const noexcept { return rare == nullptr ? absent : rare->forgotten_up_to; }
  Timestamp removed() const noexcept { return rare == nullptr ? absent : rare->removed; }
  Elements<ValueMember> data() const noexcept { return rare == nullptr ? Elements<ValueMember>() : rare->data.view(); }
  Timestamp data_at() const noexcept { return rare == nullptr ? absent : rare->data.latest(); }
  /// The user's own choice at a timestamp; `offline` if there is none.
  Availability choice(Timestamp now) const noexcept {
    return choosing != nullptr && now < choosing->choice_until ? choosing->choice : Availability::offline;
  }
  /// The session of the reports; null if there is none. It is the first, because its id is empty.
  const SessionRegisters* report() const noexcept {
    return sessions.size() != 0 && sessions[0].is_report() ? &sessions[0] : nullptr;
  }
};

/// Returns whether a string is ordered before the string of a lookup key.
inline bool comes_before(const SharedString& text, const LookupKey& sought) noexcept {
  if (!sought.is_short() || !text.is_inside()) return text.view() < sought.text();
  const std::uint64_t low = text.low_word();
  return low != sought.low() ? by_weight(low) < by_weight(sought.low())
                             : by_weight(text.high_word()) < by_weight(sought.high());
}
/// Returns the first session whose id is not less than `id`, or the end. The sessions must be in the order of their
/// ids. O(log n) comparisons.
template <class AnySession>
AnySession* session_position(AnySession* first, std::size_t count, const LookupKey& id) noexcept {
  return detail::partition_point(first, first + count,
                                 [&id](const SessionRegisters& session) { return comes_before(session.id, id); });
}

inline const SessionRegisters* find_session(const SessionSpan& sessions, std::string_view id) noexcept {
  if (sessions.size() == 0) return nullptr;
  const LookupKey sought(id);
  if (sought.is(sessions[0].id)) return &sessions[0];
  const Span<SessionRegisters> others = sessions.others();
  const SessionRegisters* const at = session_position(others.data(), others.size(), sought);
  return at != others.end() && sought.is(at->id) ? at : nullptr;
}

inline SessionRegisters& join_session(UserRegisters& user, std::string_view id) {
  SessionRegisters* at = session_position(user.sessions.data(), user.sessions.size(), LookupKey(id));
  if (at == user.sessions.end() || text_of(at->id) != id) {
    SessionRegisters fresh;
    fresh.id = SharedString(id);
    at = user.sessions.insert(at, std::move(fresh));
  }
  return *at;
}

/// Joins by union, with the earliest evidence for each value. A value is dropped if another value is at least as great,
/// on evidence at least as early.
inline void join_activity(Activities& activities, Activity activity) {
  const auto place = detail::partition_point(activities.begin(), activities.end(),
                                             [&](const Activity& a) { return a.value < activity.value; });
  if (place != activities.end() && place->evidence <= activity.evidence) return;
  const auto last = place != activities.end() && place->value == activity.value ? place + 1 : place;
  auto first = place;
  while (first != activities.begin() && (first - 1)->evidence >= activity.evidence) --first;
  if (first == last) {
    activities.insert(first, activity);
  } else {
    *first = activity;
    activities.erase(first + 1, last);
  }
}

/// Joins by union. Of two visibility changes with the same timestamp, the invisible one wins.
inline void join_visibility_change(VisibilityChanges& visibility_changes, VisibilityChange visibility_change) {
  const auto place = detail::partition_point(visibility_changes.begin(), visibility_changes.end(),
                                             [&](const VisibilityChange& f) { return f.at < visibility_change.at; });
  if (place == visibility_changes.end() || place->at != visibility_change.at) {
    visibility_changes.insert(place, visibility_change);
  } else {
    place->invisible = place->invisible || visibility_change.invisible;
  }
}

inline std::size_t visibility_changes_before(Span<VisibilityChange> visibility_changes, Timestamp at) noexcept {
  return static_cast<std::size_t>(detail::partition_point(visibility_changes.begin(), visibility_changes.end(),
                                                          [at](const VisibilityChange& f) { return f.at < at; }) -
                                  visibility_changes.begin());
}

/// Returns the first timestamp of the trailing run of invisible changes; `absent` if the user is visible.
inline Timestamp invisible_since(const VisibilityChange* first, const VisibilityChange* last) noexcept {
  Timestamp since = absent;
  while (last != first && (last - 1)->invisible) since = (--last)->at;
  return since;
}
inline Timestamp invisible_since(Span<VisibilityChange> visibility_changes) noexcept {
  return invisible_since(visibility_changes.data(), visibility_changes.data() + visibility_changes.size());
}

/// Merges two ascending ranges into the first. `join(ours, theirs)` combines two equal elements into the first of them.
/// O(n), however the elements are distributed.
template <class Elements, class IsBefore, class Join>
void merge_ascending(Elements& ours, const Elements& theirs, IsBefore is_before, Join join) {
  if (theirs.empty()) return;
  Elements all;
  all.reserve(ours.size() + theirs.size());
  auto from = theirs.begin();
  for (auto& element : ours) {
    for (; from != theirs.end() && is_before(*from, element); ++from) all.push_back(*from);
    if (from != theirs.end() && !is_before(element, *from)) join(element, *from++);
    all.push_back(std::move(element));
  }
  for (; from != theirs.end(); ++from) all.push_back(*from);
  ours = std::move(all);
}

/// Joins the visibility changes by union. The new dropped range spans the ranges that lie in the trailing invisible
/// run. If neither does, they are only waiting to be dropped, and the later one is kept.
inline void join_visibility_changes(UserRegisters& user, const UserRegisters& other) {
  detail::merge_ascending(
      user.visibility_changes, other.visibility_changes,
      [](const VisibilityChange& a, const VisibilityChange& b) { return a.at < b.at; },
      [](VisibilityChange& a, const VisibilityChange& b) { a.invisible = a.invisible || b.invisible; });
  const DroppedRange stretches[] = {user.dropped_range, other.dropped_range};
  for (const DroppedRange& dropped_range : stretches) {
    detail::erase_if(user.visibility_changes,
                     [&](const VisibilityChange& f) { return !f.invisible && dropped_range.contains(f.at); });
  }
  const Timestamp cut = invisible_since(user.visibility_changes);
  DroppedRange of_run, ended;
  for (const DroppedRange& dropped_range : stretches) {
    if (dropped_range.to == absent) continue;
    if (cut == absent || dropped_range.from < cut) {
      const bool is_later =
          dropped_range.to != ended.to ? ended.to < dropped_range.to : ended.from < dropped_range.from;
      if (is_later) ended = dropped_range;
    } else {
      const bool first = of_run.to == absent;
      of_run = DroppedRange{first ? dropped_range.from : earlier(of_run.from, dropped_range.from),
                            later(of_run.to, dropped_range.to)};
    }
  }
  user.dropped_range = of_run.to != absent ? of_run : ended;
}

/// Last writer wins. Of two writes with the same timestamp, the greater string wins; of two with the same string, the
/// one with the later end.
inline void join_status(UserRegisters& user, Timestamp at, std::string_view text, Timestamp until) {
  if (at < user.status_at || at == absent) return;
  if (text.empty()) until = never;  // there is nothing to end
  if (at == user.status_at) {
    const int order = text.compare(text_of(user.status));
    if (order < 0 || (order == 0 && until <= user.status_until)) return;
  }
  user.status = SharedString(text);
  user.status_at = at;
  user.status_until = until;
}

/// Last writer wins. Of two writes with the same timestamp, the greater name wins, and no choice is the least; of two
/// with the same name, the one with the later end.
inline void join_choice(UserRegisters& user, Timestamp at, Availability choice, Timestamp until) noexcept {
  if (at < user.choice_at || at == absent) return;
  if (at == user.choice_at) {
    const auto name = [](Availability one) {
      return one == Availability::offline ? std::string_view() : to_string(one);
    };
    const int order = name(choice).compare(name(user.choice));
    if (order < 0 || (order == 0 && until <= user.choice_until)) return;
  }
  user.choice_at = at;
  user.choice = choice;
  user.choice_until = until;
}

/// Last writer wins. Of two writes with the same timestamp, the later value wins.
inline void join_reported_last_active(UserRegisters& user, Timestamp at, Timestamp value) noexcept {
  if (at < user.reported_last_active_at || at == absent) return;
  user.reported_last_active = at == user.reported_last_active_at ? later(value, user.reported_last_active) : value;
  user.reported_last_active_at = at;
}

/// Returns the activity value of a heartbeat with that timestamp, rounded down to a step of `last_active_refresh` (0:
/// not rounded). So not every heartbeat changes what others see.
constexpr Timestamp heartbeat_value(Timestamp at, const Rules& rules) noexcept {
  const std::int64_t step = rules.last_active_refresh.ns();
  return step == 0 ? at : Timestamp::from_ns(floor_to(at.ns(), step, absent.ns() + 1));
}

/// Joins evidence, and what the session says of itself with it.
inline void join_said(SessionRegisters& session, const SessionMoment& moment, const PresenceEventView& event,
                      const Rules& rules) {
  if (event.activity) {
    const AttributesView& fields = *event.activity;
    const SessionActivity activity{moment, fields.empty() ? KeptValuePointer() : KeptValuePointer(as_json(fields))};
    join_session_activity(session, activity);
  }
  if (!event.availability) {
    join_evidence(session, moment, rules);
    return;
  }
  const SessionState state{moment, *event.availability, event.priority.value_or(std::int8_t{0})};
  const bool is_later = session.state() < state;
  if (is_later) session.set_state({});  // so that it needs no memory of its own
  join_evidence(session, moment, rules);
  if (is_later) session.set_state(state);
}

inline void join_disconnect(SessionRegisters& session, Timestamp at, const Rules& rules) {
  // Without an offline grace period, only the last disconnect matters.
  if (rules.offline_grace != Duration()) {
    session.add_disconnect(at);
  } else if (session.last_disconnect() < at) {
    session.set_only_disconnect(at);
  }
}

inline UserDataPointer data_of_event(const PresenceEventView& event) {
  UserDataMaker maker;
  maker.add(event.name, event.at, as_json(event.value));
  return maker.take();
}
/// Returns all of the data of a user, as a report has it. Null values are as absent names.
inline UserDataPointer data_of_report(const AttributesView& fields, Timestamp at) {
  UserDataMaker maker;
  maker.set_since(at);
  for (const AttributesView::Entry entry : fields) {
    if (!entry.value.is_nothing()) maker.add(entry.name, at, as_json(entry.value));
  }
  return maker.take();
}

inline void join_event(UserRegisters& user, const PresenceEventView& event, const Rules& rules) {
  switch (event.type) {
    case EventType::connect:
    case EventType::heartbeat:
    case EventType::active:
    case EventType::update: {
      SessionRegisters& session = join_session(user, event.session);
      const bool is_connect = event.type == EventType::connect;
      const SessionMoment moment{event.at, is_connect};
      PresenceEventView said = event;
      if (!says_availability(event.type)) {
        said.availability.reset();
        said.activity.reset();
      }
      join_said(session, moment, said, rules);
      if (!is_connect && event.type != EventType::active && !rules.heartbeat_is_activity) break;
      if (rules.idle_after != Duration()) join_active(session, moment);
      join_activity(user.activities, {is_connect ? event.at : heartbeat_value(event.at, rules), event.at});
      break;
    }
    case EventType::disconnect: join_disconnect(join_session(user, event.session), event.at, rules); break;
    case EventType::report: {
      user.reported_at = later(user.reported_at, event.at);
      SessionRegisters& session = join_session(user, std::string_view());
      if (event.online) {
        PresenceEventView said = event;
        said.priority.reset();
        join_said(session, {event.at, true}, said, rules);
      } else {
        join_disconnect(session, event.at, rules);
      }
      if (event.last_active) join_reported_last_active(user, event.at, *event.last_active);
      if (event.data) user.data = joined(user.data, data_of_report(*event.data, event.at));
      break;
    }
    case EventType::set_data: user.data = joined(user.data, data_of_event(event)); break;
    case EventType::set_availability:
      join_choice(user, event.at, event.availability.value_or(Availability::offline), event.until.value_or(never));
      break;
    case EventType::set_visible:
      // To become visible is an activity: otherwise what is dated inside the invisible interval would be seen.
      if (event.invisible && !*event.invisible) join_activity(user.activities, {event.at, event.at});
      break;
    case EventType::remove: user.removed = later(user.removed, event.at); break;
    case EventType::set_status: break;
  }
  if (sets_visibility(event)) join_visibility_change(user.visibility_changes, {event.at, *event.invisible});
  if (event.status) join_status(user, event.at, *event.status, event.until.value_or(never));
}

inline void join_sessions(Sessions& ours, const Sessions& theirs, const Rules& rules) {
  detail::merge_ascending(
      ours, theirs, [](const SessionRegisters& a, const SessionRegisters& b) { return text_of(a.id) < text_of(b.id); },
      [&rules](SessionRegisters& a, const SessionRegisters& b) { join_session_registers(a, b, rules); });
}

/// Has the same result as `join_activity` of each of `theirs`.
inline void join_activities(Activities& ours, const Activities& theirs) {
  detail::merge_ascending(
      ours, theirs, [](const Activity& a, const Activity& b) { return a.value < b.value; },
      [](Activity& a, const Activity& b) { a.evidence = earlier(a.evidence, b.evidence); });
  // From the greatest value down, each remaining activity is on earlier evidence than the one before.
  std::size_t first = ours.size();
  for (std::size_t i = ours.size(); i > 0; --i) {
    if (first == ours.size() || ours[i - 1].evidence < ours[first].evidence) ours[--first] = ours[i - 1];
  }
  ours.erase(ours.begin(), ours.begin() + static_cast<std::ptrdiff_t>(first));
}

inline void join(UserRegisters& user, const UserRegisters& other, const Rules& rules) {
  join_sessions(user.sessions, other.sessions, rules);
  join_activities(user.activities, other.activities);
  join_visibility_changes(user, other);
  join_status(user, other.status_at, text_of(other.status), other.status_until);
  join_choice(user, other.choice_at, other.choice, other.choice_until);
  user.reported_at = later(user.reported_at, other.reported_at);
  join_reported_last_active(user, other.reported_last_active_at, other.reported_last_active);
  user.forgotten_up_to = later(user.forgotten_up_to, other.forgotten_up_to);
  user.removed = later(user.removed, other.removed);
  user.data = joined(user.data, other.data);
}

/// Returns whether both store the same registers besides the sessions, compared as they are stored. Equal knowledge may
/// be stored in different forms until it is normalised.
inline bool same_beside_sessions(const RegistersView& a, const RegistersView& b) noexcept {
  return same_elements(a.activities, b.activities) && same_elements(a.visibility_changes, b.visibility_changes) &&
         a.status() == b.status() && a.status_at() == b.status_at() &&
         (a.rare == nullptr || b.rare == nullptr ? a.rare == b.rare : *a.rare == *b.rare);
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REGISTERS_DETAIL_REGISTERS_HPP
