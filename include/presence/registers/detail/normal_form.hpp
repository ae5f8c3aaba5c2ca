// SPDX-License-Identifier: MIT
#ifndef PRESENCE_REGISTERS_DETAIL_NORMAL_FORM_HPP
#define PRESENCE_REGISTERS_DETAIL_NORMAL_FORM_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/model/rules.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/registers.hpp>

#include <cstddef>  // for size_t, ptrdiff_t
#include <cstdint>  // for uint32_t
#include <utility>  // for move

/// The normal form of a user's registers, in which equal knowledge is equal bytes, and the rules for dropping data.
///
/// `normalise` drops what can no longer matter at `now`. It never changes the state that any user sees. Idle records
/// stay unchanged until they are read (digest, ==, inspect) or an event modifies them. So the passing of time costs
/// nothing for them. `bound` drops data that could still matter to a late event, if one user has more of it than Rules
/// allow.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Returns the earliest timestamp at which a session register can still matter.
inline Timestamp session_horizon(Timestamp now, const Rules& rules) noexcept {
  return now - rules.session_timeout - greater_of(rules.reorder_window, rules.offline_grace);
}

/// Returns when a session can be dropped if no event arrives: the first time whose horizon is after its last use.
inline Timestamp session_end_of_use(const SessionRegisters& session, const Rules& rules) noexcept {
  return latest_timestamp(session) + rules.session_timeout + greater_of(rules.reorder_window, rules.offline_grace) +
         Duration::from_ns(1);
}

inline void drop_older(Timestamp& instant, Timestamp horizon) noexcept {
  if (instant < horizon) instant = absent;
}

inline void drop_older(SmallVector<Timestamp, 1>& ascending, Timestamp horizon) noexcept {
  ascending.erase(ascending.begin(), detail::not_less(ascending.begin(), ascending.end(), horizon));
}

/// Drops the registers older than the horizon. With a timeout, they can neither make the session live again nor end it.
inline void forget_timed(SessionRegisters& session, Timestamp horizon) noexcept {
  drop_older(session.connect, horizon);
  drop_older(session.heartbeat, horizon);
  drop_older(session.disconnects, horizon);
}

/// Drops old registers if sessions have no timeout. An open session keeps its last evidence, however old. A closed one
/// loses what is older than the horizon.
inline void forget_untimed(SessionRegisters& session, Timestamp horizon, const Rules& rules) noexcept {
  const std::size_t ending = first_ending(session);
  const bool ended = evidence(session) != absent && ending < session.disconnects.size();
  if (ended && (rules.offline_grace == Duration() || session.disconnects[ending] < horizon)) {
    drop_older(session.connect, horizon);
    drop_older(session.heartbeat, horizon);
  }
  drop_older(session.disconnects, horizon);
  if (session.connect != absent && session.heartbeat != absent) {
    if (session.connect < horizon && session.heartbeat > session.connect) {
      session.connect = absent;
    } else if (session.heartbeat < horizon && session.connect >= session.heartbeat) {
      session.heartbeat = absent;
    }
  }
}

/// Drops what is dated at or before a timestamp. The registers of the session may then be empty.
inline void drop_up_to(SessionRegisters& session, Timestamp instant) noexcept {
  if (session.connect <= instant) session.connect = absent;
  if (session.heartbeat <= instant) session.heartbeat = absent;
  auto& all = session.disconnects;
  all.erase(all.begin(), detail::greater(all.begin(), all.end(), instant));
}

/// Returns from when on a removal can be dropped. Evidence may be as old as the window, and its value of last_active is
/// rounded down. While such a value may be before the removal, the removal must be kept.
inline Timestamp removal_needed_until(Timestamp removed, const Rules& rules) noexcept {
  const Duration step = rules.last_active_refresh;
  const Timestamp beyond = removed + Duration::from_ns(1);
  return (step == Duration() ? beyond : heartbeat_value(removed, rules) + step) + rules.reorder_window;
}

/// Drops what a removal removes, except from the sessions.
inline void apply_removal(UserRegisters& user) noexcept {
  const Timestamp removed = user.removed;
  if (removed == absent) return;
  auto& all = user.activities;
  all.erase(all.begin(), detail::partition_point(all.begin(), all.end(),
                                                 [removed](const Activity& a) { return a.value <= removed; }));
  if (user.status_at <= removed) {
    user.status_at = absent;
    user.status_until = never;
    user.status = SharedString();
  }
  if (user.reported_at <= removed) {
    user.reported_at = absent;
    user.reported_online = false;
  }
  if (user.reported_last_active_at <= removed) user.reported_last_active_at = user.reported_last_active = absent;
  if (user.forgotten_up_to <= removed) user.forgotten_up_to = absent;
}

/// Normalises a session. `horizon` must be the `session_horizon` of `now`.
inline void normalise_session(SessionRegisters& session, Timestamp now, Timestamp horizon,
                              const Rules& rules) noexcept {
  auto& all = session.disconnects;
  if (rules.offline_grace == Duration()) {
    if (all.size() > 1) all.erase(all.begin(), all.end() - 1);
  } else if (evidence(session) != absent) {
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(first_ending(session)));
  }
  if (now == absent) return;
  if (rules.session_timeout > Duration()) {
    forget_timed(session, horizon);
  } else {
    forget_untimed(session, horizon, rules);
  }
}

/// Drops the visibility changes up to a removal that a later visible one makes irrelevant, so that nothing of a removed
/// user remains when the removal itself is dropped. Only changes that no late event can precede any more are dropped.
/// What is dropped does not depend on how long ago the removal was dropped.
inline void remove_visibility_changes(VisibilityChanges& visibility_changes, Timestamp removed, Timestamp now,
                                      const Rules& rules) noexcept {
  if (removed == absent || visibility_changes.empty()) return;
  const Timestamp old = earlier(now, removal_needed_until(removed, rules)) - rules.reorder_window;
  Timestamp last_visible = absent;
  for (const VisibilityChange& change : visibility_changes) {
    if (change.at < old && !change.invisible) last_visible = change.at;
  }
  const Timestamp dropped = earlier(removed, last_visible);
  erase_if(visibility_changes, [dropped](const VisibilityChange& change) { return change.at <= dropped; });
}

/// Drops visibility changes before the window. Keeps the three of them that a late visibility change inside the window
/// could make relevant.
inline void normalise_visibility_changes(VisibilityChanges& visibility_changes, Timestamp window) noexcept {
  const std::size_t old = visibility_changes_before(visibility_changes, window);
  if (old < 2) return;
  const Timestamp since = invisible_since(visibility_changes.data(), visibility_changes.data() + old);
  Timestamp last_visible = absent, last_invisible = absent;
  for (std::size_t i = 0; i < old; ++i)
    (visibility_changes[i].invisible ? last_invisible : last_visible) = visibility_changes[i].at;
  erase_if_among(visibility_changes, old, [&](const VisibilityChange& f) {
    return f.at != since && f.at != last_visible && f.at != last_invisible;
  });
}

/// Drops activities on evidence before the window. Keeps the greatest of them, and the greatest before the
/// `invisible_since` of the visibility changes before the window.
inline void normalise_activities(Activities& activities, Span<VisibilityChange> visibility_changes,
                                 Timestamp window) noexcept {
  const std::size_t old = seen_activities(activities, window == absent ? never : window);
  if (window == absent || old < 2) return;
  const Timestamp cut = invisible_since(
      visibility_changes.data(), visibility_changes.data() + visibility_changes_before(visibility_changes, window));
  const std::size_t before_cut = smaller_of(seen_activities(activities, cut), old);
  std::size_t kept = 0;
  if (before_cut > 0) activities[kept++] = activities[before_cut - 1];
  if (before_cut < old) activities[kept++] = activities[old - 1];
  activities.erase(activities.begin() + static_cast<std::ptrdiff_t>(kept),
                   activities.begin() + static_cast<std::ptrdiff_t>(old));
}

/// Returns the time from which nothing of the user remains if no event arrives; `never` if something always remains.
/// While that time is in the future, it is the same for the registers and for their normal form.
inline Timestamp vanishes_at(const RegistersView& user, const Rules& rules) noexcept {
  const Timestamp cut = invisible_since(user.visibility_changes);
  Timestamp at = forgotten_at(user, cut, rules);
  if (at == never) return never;
  if (cut != absent) {
    // The invisibility of a user is kept as long as their own data, which only others have forgotten.
    if (rules.forget_after == Duration::highest()) return never;
    const Timestamp dropped = user.rare == nullptr ? absent : user.rare->dropped_range.to;
    const Timestamp active = user.activities.empty() ? absent : user.activities.back().value;
    at = later(at, later(later(user.visibility_changes.back().at, dropped), active) + rules.forget_after);
    at = later(at, online_until(user, rules));
  }
  // What is kept for late events is dropped when it is older than its horizon, not when it is exactly as old.
  const auto past = [](Timestamp last) { return last + Duration::from_ns(1); };
  for (const SessionRegisters& session : user.sessions) {
    at = later(at, session_end_of_use(session, rules));
  }
  if (user.removed() != absent) at = later(at, removal_needed_until(user.removed(), rules));
  if (!user.visibility_changes.empty()) at = later(at, past(user.visibility_changes.back().at + rules.reorder_window));
  if (user.rare == nullptr) return at;
  if (user.rare->dropped_range.to != absent) at = later(at, past(user.rare->dropped_range.to + rules.reorder_window));
  if (user.rare->forgotten_up_to != absent) at = later(at, user.rare->forgotten_up_to + rules.forget_after);
  return at;
}

/// Drops what others have forgotten of the user. The hidden part of an invisible user ages separately, so that it does
/// not affect what others see. Sessions and visibility changes remain while a late event could concern them. The user
/// remains invisible until nothing else is left.
inline void forget_by_age(UserRegisters& user, Timestamp now, const Rules& rules) noexcept {
  const Timestamp cut = invisible_since(user.visibility_changes);
  if (cut != absent && vanishes_at(user, rules) <= now) {
    user = UserRegisters();
    return;
  }
  if (forgotten_at(user, cut, rules) <= now) {
    const RegistersView hidden = hidden_part(user, cut);
    const bool all = forgotten_at(hidden, absent, rules) <= now;
    user.activities.erase(user.activities.begin(), all ? user.activities.end() : hidden.activities.begin());
    if (cut == absent && !user.visibility_changes.empty() &&
        user.visibility_changes.back().at < now - rules.reorder_window)
      user.visibility_changes.clear();
    RareRegisters rest;
    rest.dropped_range = user.dropped_range;
    rest.forgotten_up_to = user.forgotten_up_to;
    rest.removed = user.removed;
    static_cast<RareRegisters&>(user) = std::move(rest);
  }
  if (user.reported_at != absent && user.reported_at <= user.forgotten_up_to) return;
  if (user.forgotten_up_to + rules.forget_after <= now) user.forgotten_up_to = absent;
}

inline void normalise_sessions(Sessions& sessions, Timestamp removed, Timestamp now, const Rules& rules) noexcept {
  const Timestamp horizon = session_horizon(now, rules);
  for (SessionRegisters& session : sessions) {
    if (removed != absent) drop_up_to(session, removed);
    normalise_session(session, now, horizon, rules);
  }
  if (now == absent && removed == absent) return;
  detail::erase_if(sessions, [](const SessionRegisters& session) { return latest_timestamp(session) == absent; });
}

inline void normalise_beside_sessions(UserRegisters& user, Timestamp now, const Rules& rules) noexcept {
  apply_removal(user);
  if (now == absent) return;
  const Timestamp window = now - rules.reorder_window;
  remove_visibility_changes(user.visibility_changes, user.removed, now, rules);
  if (user.removed != absent && removal_needed_until(user.removed, rules) <= now) user.removed = absent;
  // An ended status that no late event can tie with: the text no longer matters, only that there was one.
  if (user.status_until <= now && user.status_at < window) {
    user.status = SharedString();
    user.status_until = never;
  }
  normalise_activities(user.activities, user.visibility_changes, window);
  normalise_visibility_changes(user.visibility_changes, window);
  // While the invisible run continues, the dropped range represents the last time the user became invisible. This is
  // never dropped.
  const Timestamp cut = invisible_since(user.visibility_changes);
  if (user.dropped_range.to < window && (cut == absent || user.dropped_range.from < cut))
    user.dropped_range = DroppedRange();
  if (rules.forget_after != Duration::highest()) forget_by_age(user, now, rules);
}

inline void normalise(UserRegisters& user, Timestamp now, const Rules& rules) noexcept {
  normalise_sessions(user.sessions, user.removed, now, rules);
  normalise_beside_sessions(user, now, rules);
}

/// Returns true only if `normalise` would leave the user unchanged. This is a fast check: it returns false for some
/// users who are in normal form.
inline bool surely_normal(const RegistersView& user, Timestamp now, const Rules& rules) noexcept {
  if (now == absent || rules.offline_grace != Duration() || rules.forget_after != Duration::highest()) return false;
  const Timestamp horizon = session_horizon(now, rules), window = now - rules.reorder_window;
  const auto matters = [horizon](Timestamp at) { return at == absent || at >= horizon; };
  for (const SessionRegisters& session : user.sessions) {
    if (!matters(session.connect) || !matters(session.heartbeat) || session.disconnects.size() > 1) return false;
    if (!session.disconnects.empty() && !matters(session.disconnects[0])) return false;
  }
  const bool has_old_activities = user.activities.size() > 1 && user.activities[1].evidence < window;
  const bool has_old_visibility_changes = user.visibility_changes.size() > 1 && user.visibility_changes[1].at < window;
  return !has_old_activities && !has_old_visibility_changes &&
         (user.rare == nullptr ||
          (user.rare->dropped_range.to == absent && user.rare->removed == absent && user.rare->status_until == never));
}

/// How many activities a row stores itself.
inline constexpr std::size_t activities_in_row = 2;

/// Returns whether memory outside the user's row may hold data that time alone allows to be dropped.
inline bool has_forgettable_memory(const RegistersView& user, const Rules& rules) noexcept {
  if (user.sessions.size() > 1 || user.activities.size() > activities_in_row || !user.visibility_changes.empty())
    return true;
  if (user.sessions.size() == 1 && (!user.sessions[0].id.is_inside() || user.sessions[0].disconnects.size() > 1))
    return true;
  return user.rare != nullptr && (user.rare->dropped_range.to != absent || user.rare->removed != absent ||
                                  user.rare->status_until != never || rules.forget_after != Duration::highest());
}

/// Returns whether activities that are stored outside the user's row can be dropped.
inline bool has_old_activities_elsewhere(const RegistersView& user, Timestamp now, const Rules& rules) noexcept {
  return user.activities.size() > activities_in_row && user.activities[1].evidence < now - rules.reorder_window;
}

/// What should happen to a user's memory at some time, and when next, if no event arrives.
struct Upkeep {
  bool vanishes = false;   // nothing of the user remains
  bool is_due = false;     // memory should be freed
  Timestamp next = never;  // when to look again; no later than `now` if the user vanishes
};

/// Returns the upkeep of a user at `now`. While a session is live, memory is freed only when all sessions can be
/// dropped: until then events free memory as well, and looking at a user for each entry that has become too old would
/// cost more than the events.
inline Upkeep upkeep(const RegistersView& user, Timestamp now, const Rules& rules) noexcept {
  Upkeep result;
  result.next = vanishes_at(user, rules);
  result.vanishes = result.next <= now;
  if (!has_forgettable_memory(user, rules)) return result;
  const auto free_at = [&result, now](Timestamp at) {
    if (at <= now) {
      result.is_due = true;
    } else {
      result.next = earlier(result.next, at);
    }
  };
  bool is_live = false;
  Timestamp last_use = absent, latest = absent;
  for (const SessionRegisters& session : user.sessions) {
    is_live = is_live || live(session, now, rules);
    last_use = later(last_use, session_end_of_use(session, rules));
  }
  if (last_use != absent) free_at(last_use);
  if (is_live) {
    // No reason to look at the user, but one to free memory as that happens.
    result.is_due = result.is_due || has_old_activities_elsewhere(user, now, rules);
  } else {
    if (!user.activities.empty()) latest = later(latest, user.activities.back().evidence);
    if (!user.visibility_changes.empty()) latest = later(latest, user.visibility_changes.back().at);
    if (user.rare != nullptr) latest = later(latest, user.rare->dropped_range.to);
    // What is exactly as old as the window is kept; what is older is dropped.
    if (latest != absent) free_at(latest + rules.reorder_window + Duration::from_ns(1));
    if (user.removed() != absent) free_at(removal_needed_until(user.removed(), rules));
    if (user.status_until() != never)
      free_at(later(user.status_until(), user.status_at() + rules.reorder_window + Duration::from_ns(1)));
  }
  if (rules.forget_after != Duration::highest()) {
    const Timestamp cut = invisible_since(user.visibility_changes);
    free_at(forgotten_at(user, cut, rules));
    free_at(forgotten_at(hidden_part(user, cut), absent, rules));
    if (user.forgotten_up_to() != absent) free_at(user.forgotten_up_to() + rules.forget_after);
  }
  result.is_due = result.is_due && !surely_normal(user, now, rules);
  return result;
}

/// Returns whether session `a` is dropped before session `b`. Sessions with disconnects only are dropped first, so that
/// they cannot displace the grace period of a session that was live. Then the session that was silent for longer is
/// dropped first.
inline bool staler(const SessionRegisters& a, const SessionRegisters& b) noexcept {
  const bool a_was_there = evidence(a) != absent, b_was_there = evidence(b) != absent;
  return a_was_there != b_was_there ? b_was_there : latest_timestamp(a) < latest_timestamp(b);
}

/// Drops the stalest of the sessions for which `counts` returns true until at most `room` of them are left. Of two
/// equally stale sessions, the one with the lesser id is dropped. O(n), or O(n log n) if more than one has to be
/// dropped.
template <class Counts>
void drop_stalest_sessions(Sessions& sessions, std::size_t room, Counts counts) noexcept {
  std::size_t counted = 0;
  SessionRegisters* stalest = sessions.end();
  for (SessionRegisters& session : sessions) {
    if (!counts(session)) continue;
    ++counted;
    if (stalest == sessions.end() || staler(session, *stalest)) stalest = &session;
  }
  if (counted <= room) return;
  if (counted - room == 1) {
    sessions.erase(stalest);
    return;
  }
  const auto by_id = [](const SessionRegisters& a, const SessionRegisters& b) { return a.id.view() < b.id.view(); };
  detail::sort(sessions, [&](const SessionRegisters& a, const SessionRegisters& b) {
    const bool a_counts = counts(a), b_counts = counts(b);
    if (a_counts != b_counts) return a_counts;
    return staler(a, b) || (!staler(b, a) && by_id(a, b));
  });
  sessions.erase(sessions.begin(), sessions.begin() + static_cast<std::ptrdiff_t>(counted - room));
  detail::sort(sessions, by_id);
}

/// Bounds the visibility changes. Keeps the newest before `invisible_since` and the earliest from it on. Changes
/// dropped from the trailing invisible run are recorded as one dropped range. Later changes of that run are added to
/// the range. A user cannot become visible again inside it.
inline void bound_visibility_changes(UserRegisters& user, std::size_t room) noexcept {
  auto& visibility_changes = user.visibility_changes;
  const Timestamp cut = invisible_since(visibility_changes);
  const std::size_t before =
      cut == absent ? visibility_changes.size() : visibility_changes_before(visibility_changes, cut);
  if (cut != absent) {
    const bool run_is_crowded = user.dropped_range.to != absent && cut <= user.dropped_range.from;
    std::size_t kept =
        run_is_crowded ? visibility_changes_before(visibility_changes, user.dropped_range.from + Duration::from_ns(1))
                       : visibility_changes.size();
    kept = smaller_of(kept, before + room);
    if (kept < visibility_changes.size()) {
      user.dropped_range.to =
          run_is_crowded ? later(user.dropped_range.to, visibility_changes.back().at) : visibility_changes.back().at;
      user.dropped_range.from = visibility_changes[kept - 1].at;
      visibility_changes.erase(visibility_changes.begin() + static_cast<std::ptrdiff_t>(kept),
                               visibility_changes.end());
    }
  }
  if (before > room)
    visibility_changes.erase(visibility_changes.begin(),
                             visibility_changes.begin() + static_cast<std::ptrdiff_t>(before - room));
}

/// Bounds the activities in the same way.
inline void bound_activities(Activities& activities, Timestamp cut, std::size_t room) noexcept {
  const std::size_t before = seen_activities(activities, cut), after = activities.size() - before;
  if (after > room) activities.erase(activities.end() - static_cast<std::ptrdiff_t>(after - room), activities.end());
  if (before > room) {
    activities.erase(activities.begin(), activities.begin() + static_cast<std::ptrdiff_t>(before - room));
  }
}

/// Returns how many recent items of each kind are kept per user.
inline std::size_t recent_room(const Rules& rules) noexcept {
  return greater_of(rules.max_recent_per_user, std::uint32_t{1});
}

inline void bound_disconnects(SessionRegisters& session, const Rules& rules) noexcept {
  auto& all = session.disconnects;
  const std::size_t room = recent_room(rules);
  if (all.size() > room) all.erase(all.begin() + 1, all.begin() + 1 + static_cast<std::ptrdiff_t>(all.size() - room));
}

/// Drops the stalest live sessions over the limit. For an invisible user, the state that others see does not depend on
/// which sessions are kept. So a dropped session reveals nothing of what the user does while invisible.
inline void bound_live_sessions(Sessions& sessions, Timestamp now, const Rules& rules) noexcept {
  if (sessions.size() <= rules.max_sessions_per_user) return;
  drop_stalest_sessions(sessions, rules.max_sessions_per_user,
                        [&](const SessionRegisters& session) { return live(session, now, rules); });
}
inline void bound_ended_sessions(Sessions& sessions, Timestamp now, const Rules& rules) noexcept {
  if (sessions.size() <= recent_room(rules)) return;
  drop_stalest_sessions(sessions, recent_room(rules),
                        [&](const SessionRegisters& session) { return !live(session, now, rules); });
}

/// Bounds the visibility changes and the activities. What a user does while invisible must not displace older data. A
/// late event can still move `invisible_since` to any of the invisible changes. So each side of `invisible_since` has a
/// separate limit, and the earliest entries after it are kept.
inline void bound_beside_sessions(UserRegisters& user, const Rules& rules) noexcept {
  const std::size_t room = recent_room(rules);
  if (user.visibility_changes.size() > room || user.dropped_range.to != absent) bound_visibility_changes(user, room);
  if (user.activities.size() > room) bound_activities(user.activities, invisible_since(user.visibility_changes), room);
}

inline void bound(UserRegisters& user, Timestamp now, const Rules& rules) noexcept {
  for (SessionRegisters& session : user.sessions) bound_disconnects(session, rules);
  bound_live_sessions(user.sessions, now, rules);
  bound_ended_sessions(user.sessions, now, rules);
  normalise_beside_sessions(user, now, rules);  // a user left without an online session may be forgotten
  bound_beside_sessions(user, rules);
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REGISTERS_DETAIL_NORMAL_FORM_HPP
