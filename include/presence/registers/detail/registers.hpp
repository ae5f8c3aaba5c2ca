// SPDX-License-Identifier: MIT
#ifndef PRESENCE_REGISTERS_DETAIL_REGISTERS_HPP
#define PRESENCE_REGISTERS_DETAIL_REGISTERS_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/small_vector.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>

#include <cstddef>      // for size_t
#include <string_view>  // for string_view
#include <utility>      // for move

/// What is kept of a user, and the one operation that changes it: the join.
///
/// Every register only ever grows in some order, and joining takes the greater of both sides. That is why events may
/// come in any order and any number of times, and why nodes may merge. An event is a small state: `join_event` joins it
/// with the very functions with which `join` joins two users.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The bottom of the order of timestamps. Never the timestamp of an event: those at the ends of the range are refused.
inline constexpr Timestamp absent = Timestamp::lowest();

// Of numbers, which compilers choose between in registers.
constexpr Timestamp later(Timestamp a, Timestamp b) noexcept { return Timestamp::from_ns(a < b ? b.ns() : a.ns()); }
constexpr Timestamp earlier(Timestamp a, Timestamp b) noexcept { return Timestamp::from_ns(b < a ? b.ns() : a.ns()); }

/// That a user is known to have been active at `value`, and the earliest evidence for it.
struct Activity {
  Timestamp value, evidence;

  friend bool operator==(const Activity& a, const Activity& b) noexcept {
    return a.value == b.value && a.evidence == b.evidence;
  }
};

/// That a connect asked to be invisible, or visible.
struct VisibilityChange {
  Timestamp at;
  bool invisible;

  friend bool operator==(const VisibilityChange& a, const VisibilityChange& b) noexcept {
    return a.at == b.at && a.invisible == b.invisible;
  }
};

/// Where visibility changes were dropped from an invisible run for want of room (normal_form.hpp): after `from`, up to
/// and with `to`. Becoming visible there is disregarded, since it is not known any more when the user went invisible
/// again.
struct DroppedRange {
  Timestamp from = absent, to = absent;

  bool contains(Timestamp at) const noexcept { return from < at && at <= to; }
  friend bool operator==(const DroppedRange& a, const DroppedRange& b) noexcept {
    return a.from == b.from && a.to == b.to;
  }
};

struct SessionRegisters {
  SharedString id;
  Timestamp connect = absent, heartbeat = absent;
  SmallVector<Timestamp, 1> disconnects;  // ascending, each once

  friend bool operator==(const SessionRegisters& a, const SessionRegisters& b) noexcept {
    return a.id == b.id && a.connect == b.connect && a.heartbeat == b.heartbeat && a.disconnects == b.disconnects;
  }
};

/// What of most users there is nothing to keep.
struct RareRegisters {
  DroppedRange dropped_range;  // of the invisible run
  Timestamp status_at = absent;
  SharedString status;
  Timestamp reported_at = absent;
  Timestamp reported_last_active_at = absent, reported_last_active = absent;
  Timestamp forgotten_up_to = absent;  // reports of online up to here are disregarded
  bool reported_online = false;

  bool nothing() const noexcept {
    return dropped_range.to == absent && status_at == absent && reported_at == absent &&
           reported_last_active_at == absent && forgotten_up_to == absent;
  }

  friend bool operator==(const RareRegisters& a, const RareRegisters& b) noexcept {
    return a.dropped_range == b.dropped_range && a.status_at == b.status_at && a.status == b.status &&
           a.reported_at == b.reported_at && a.reported_online == b.reported_online &&
           a.reported_last_active_at == b.reported_last_active_at && a.reported_last_active == b.reported_last_active &&
           a.forgotten_up_to == b.forgotten_up_to;
  }
};

using Activities = SmallVector<Activity, 4>;
using Flips = SmallVector<VisibilityChange, 4>;
using Sessions = SmallVector<SessionRegisters, 4>;

/// What is kept of a user, spread out so that it can be worked on (user_row.hpp is what it is kept in).
struct UserRegisters : RareRegisters {
  Sessions sessions;         // by id
  Activities activities;     // ascending in value and, since dominated ones go, in evidence
  Flips visibility_changes;  // ascending, one a timestamp

  bool empty() const noexcept {
    return sessions.empty() && activities.empty() && visibility_changes.empty() && nothing();
  }

  friend bool operator==(const UserRegisters& a, const UserRegisters& b) noexcept {
    return a.sessions == b.sessions && a.activities == b.activities && a.visibility_changes == b.visibility_changes &&
           static_cast<const RareRegisters&>(a) == static_cast<const RareRegisters&>(b);
  }
};

/// The sessions of a user by id, of which the first is kept apart from the others.
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
  /// Calls `visit` for each: the quickest way over many.
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

/// The registers of a user, borrowed from wherever they are kept: what everything that is derived from them reads.
struct RegistersView {
  SessionSpan sessions;
  Span<Activity> activities;
  Span<VisibilityChange> visibility_changes;
  const RareRegisters* rare = nullptr;  // null: none of them

  RegistersView() noexcept = default;
  RegistersView(const UserRegisters& user) noexcept
      : activities(user.activities), visibility_changes(user.visibility_changes), rare(&user) {
    if (!user.sessions.empty())
      sessions = SessionSpan(user.sessions.data(), {user.sessions.data() + 1, user.sessions.size() - 1});
  }

  bool empty() const noexcept {
    return sessions.size() == 0 && activities.empty() && visibility_changes.empty() &&
           (rare == nullptr || rare->nothing());
  }
  Timestamp status_at() const noexcept { return rare == nullptr ? absent : rare->status_at; }
  std::string_view status() const noexcept { return rare == nullptr ? std::string_view() : rare->status.view(); }
  Timestamp reported_at() const noexcept { return rare == nullptr ? absent : rare->reported_at; }
  Timestamp reported_last_active_at() const noexcept {
    return rare == nullptr ? absent : rare->reported_last_active_at;
  }
  Timestamp reported_last_active() const noexcept { return rare == nullptr ? absent : rare->reported_last_active; }
  Timestamp forgotten_up_to() const noexcept { return rare == nullptr ? absent : rare->forgotten_up_to; }
  bool reported_to_be_online() const noexcept {
    return rare != nullptr && rare->reported_online && rare->reported_at > rare->forgotten_up_to;
  }
};

/// The bytes of a word in the order of their weight: strings compare as their words then do.
constexpr std::uint64_t by_weight(std::uint64_t word) noexcept {
  word = (word & 0x00FF00FF00FF00FFu) << 8 | (word >> 8 & 0x00FF00FF00FF00FFu);
  word = (word & 0x0000FFFF0000FFFFu) << 16 | (word >> 16 & 0x0000FFFF0000FFFFu);
  return word << 32 | word >> 32;
}
/// Whether a text comes before the one that is looked for.
inline bool comes_before(const SharedString& text, const LookupKey& sought) noexcept {
  if (!sought.is_short() || !text.is_inside()) return text.view() < sought.text();
  const std::uint64_t low = text.low_word();
  return low != sought.low() ? by_weight(low) < by_weight(sought.low())
                             : by_weight(text.high_word()) < by_weight(sought.high());
}
/// The first of some sessions, in the order of their ids, whose id is not less. O(log n) comparisons.
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

inline void join_disconnect(SessionRegisters& session, Timestamp at) {
  const auto place = detail::not_less(session.disconnects.begin(), session.disconnects.end(), at);
  if (place == session.disconnects.end() || *place != at) session.disconnects.insert(place, at);
}

/// Union, with the earliest evidence for each value; a value goes when another is at least as great on evidence at
/// least as early.
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

/// Union; of two visibility changes at one timestamp the invisible one stands.
inline void join_flip(Flips& visibility_changes, VisibilityChange visibility_change) {
  const auto place = detail::partition_point(visibility_changes.begin(), visibility_changes.end(),
                                             [&](const VisibilityChange& f) { return f.at < visibility_change.at; });
  if (place == visibility_changes.end() || place->at != visibility_change.at) {
    visibility_changes.insert(place, visibility_change);
  } else {
    place->invisible = place->invisible || visibility_change.invisible;
  }
}

inline std::size_t flips_before(Span<VisibilityChange> visibility_changes, Timestamp at) noexcept {
  return static_cast<std::size_t>(detail::partition_point(visibility_changes.begin(), visibility_changes.end(),
                                                          [at](const VisibilityChange& f) { return f.at < at; }) -
                                  visibility_changes.begin());
}

/// The cut: the first timestamp of the run of invisible visibility changes that is not followed by a visible one;
/// `absent`: the user is visible.
inline Timestamp invisible_since(const VisibilityChange* first, const VisibilityChange* last) noexcept {
  Timestamp since = absent;
  while (last != first && (last - 1)->invisible) since = (--last)->at;
  return since;
}
inline Timestamp invisible_since(Span<VisibilityChange> visibility_changes) noexcept {
  return invisible_since(visibility_changes.data(), visibility_changes.data() + visibility_changes.size());
}

/// All of two ascending ranges, of which the first is taken from: `join(ours, theirs)` makes one of two that are equal.
/// O(n), however they lie.
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

/// Union. Of the stretches the one that holds all those that lie in the trailing invisible run; where none does, so
/// that they only wait to be forgotten, the later.
inline void join_flips(UserRegisters& user, const UserRegisters& other) {
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

/// The last writer stands; of two at one timestamp the one with the greater text.
inline void join_status(UserRegisters& user, Timestamp at, std::string_view text) {
  if (at < user.status_at || at == absent || (at == user.status_at && text <= text_of(user.status))) return;
  user.status = SharedString(text);
  user.status_at = at;
}

/// The last writer stands; of two at one timestamp the one who says online.
inline void join_report(UserRegisters& user, Timestamp at, bool online) noexcept {
  if (at < user.reported_at || at == absent) return;
  user.reported_online = online || (at == user.reported_at && user.reported_online);
  user.reported_at = at;
}

/// The last writer stands; of two at one timestamp the one with the later value.
inline void join_reported_last_active(UserRegisters& user, Timestamp at, Timestamp value) noexcept {
  if (at < user.reported_last_active_at || at == absent) return;
  user.reported_last_active = at == user.reported_last_active_at ? later(value, user.reported_last_active) : value;
  user.reported_last_active_at = at;
}

/// The activity that evidence at a timestamp stands for: a heartbeat counts in steps, so that not each of them changes
/// what others see.
constexpr Timestamp heartbeat_value(Timestamp at, const Rules& rules) noexcept {
  const std::int64_t step = rules.last_active_refresh.ns();
  return step == 0 ? at : Timestamp::from_ns(floor_to(at.ns(), step, absent.ns() + 1));
}

inline void join_event(UserRegisters& user, const PresenceEventView& event, const Rules& rules) {
  switch (event.type) {
    case EventType::connect: {
      SessionRegisters& session = join_session(user, event.session);
      session.connect = later(session.connect, event.at);
      join_activity(user.activities, {event.at, event.at});
      if (event.invisible) join_flip(user.visibility_changes, {event.at, *event.invisible});
      break;
    }
    case EventType::heartbeat: {
      SessionRegisters& session = join_session(user, event.session);
      session.heartbeat = later(session.heartbeat, event.at);
      join_activity(user.activities, {heartbeat_value(event.at, rules), event.at});
      break;
    }
    case EventType::disconnect: {
      SessionRegisters& session = join_session(user, event.session);
      // Without a grace only the last one matters.
      if (rules.offline_grace == Duration()) {
        if (!session.disconnects.empty() && session.disconnects.back() >= event.at) break;
        session.disconnects.clear();
      }
      join_disconnect(session, event.at);
      break;
    }
    case EventType::report:
      join_report(user, event.at, event.online);
      if (event.last_active) join_reported_last_active(user, event.at, *event.last_active);
      break;
    case EventType::set_status: break;
  }
  if (event.status) join_status(user, event.at, *event.status);
}

inline void join_sessions(Sessions& ours, const Sessions& theirs) {
  detail::merge_ascending(
      ours, theirs, [](const SessionRegisters& a, const SessionRegisters& b) { return text_of(a.id) < text_of(b.id); },
      [](SessionRegisters& a, const SessionRegisters& b) {
        a.connect = later(a.connect, b.connect);
        a.heartbeat = later(a.heartbeat, b.heartbeat);
        detail::merge_ascending(
            a.disconnects, b.disconnects, [](Timestamp x, Timestamp y) { return x < y; }, [](Timestamp&, Timestamp) {});
      });
}

/// The same as join_activity of each.
inline void join_activities(Activities& ours, const Activities& theirs) {
  detail::merge_ascending(
      ours, theirs, [](const Activity& a, const Activity& b) { return a.value < b.value; },
      [](Activity& a, const Activity& b) { a.evidence = earlier(a.evidence, b.evidence); });
  // From the greatest value down, what is left is on ever earlier evidence.
  std::size_t first = ours.size();
  for (std::size_t i = ours.size(); i > 0; --i) {
    if (first == ours.size() || ours[i - 1].evidence < ours[first].evidence) ours[--first] = ours[i - 1];
  }
  ours.erase(ours.begin(), ours.begin() + static_cast<std::ptrdiff_t>(first));
}

inline void join(UserRegisters& user, const UserRegisters& other) {
  join_sessions(user.sessions, other.sessions);
  join_activities(user.activities, other.activities);
  join_flips(user, other);
  join_status(user, other.status_at, text_of(other.status));
  join_report(user, other.reported_at, other.reported_online);
  join_reported_last_active(user, other.reported_last_active_at, other.reported_last_active);
  user.forgotten_up_to = later(user.forgotten_up_to, other.forgotten_up_to);
}

/// Whether the same is kept beside the sessions, as it is: equal knowledge may be kept in unequal ways until it is
/// normalised.
inline bool same_beside_sessions(const RegistersView& a, const RegistersView& b) noexcept {
  return same_elements(a.activities, b.activities) && same_elements(a.visibility_changes, b.visibility_changes) &&
         (a.rare == nullptr || b.rare == nullptr ? a.rare == b.rare : *a.rare == *b.rare);
}

/// The latest timestamp that anything kept of the session is dated; `absent` where nothing is kept.
inline Timestamp latest_instant(const SessionRegisters& session) noexcept {
  return later(later(session.connect, session.heartbeat),
               session.disconnects.empty() ? absent : session.disconnects.back());
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REGISTERS_DETAIL_REGISTERS_HPP
