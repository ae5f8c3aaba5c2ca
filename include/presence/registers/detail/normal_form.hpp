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

/// Forgetting: the one form in which equal knowledge is equal bytes.
///
/// `normalise` drops what can no longer matter at `now`, and never changes what anybody sees. Records that nothing
/// happens to are left as they are until somebody looks (digest, ==, inspect) or an event touches them, so that time
/// passing costs nothing for them. `bound` drops what could still matter to a late event, when one user has more of it
/// than Rules allow.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// How far back a register of a session can still matter.
inline Timestamp session_horizon(Timestamp now, const Rules& rules) noexcept {
  return now - rules.session_timeout - greater_of(rules.reorder_window, rules.offline_grace);
}

inline void drop_older(Timestamp& instant, Timestamp horizon) noexcept {
  if (instant < horizon) instant = absent;
}

inline void drop_older(SmallVector<Timestamp, 1>& ascending, Timestamp horizon) noexcept {
  ascending.erase(ascending.begin(), detail::not_less(ascending.begin(), ascending.end(), horizon));
}

/// With a timeout, what is older than the horizon cannot bring the session back, nor end it.
inline void forget_timed(SessionRegisters& session, Timestamp horizon) noexcept {
  drop_older(session.connect, horizon);
  drop_older(session.heartbeat, horizon);
  drop_older(session.disconnects, horizon);
}

/// Without a timeout an open session lives on its latest evidence, however old; a closed one loses what is older than
/// the horizon.
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

/// `horizon` is the session_horizon of `now`.
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

/// Of the visibility changes before the window stay the three that a late visibility change inside it could bring to
/// light.
inline void normalise_flips(Flips& visibility_changes, Timestamp window) noexcept {
  const std::size_t old = flips_before(visibility_changes, window);
  if (old < 2) return;
  const Timestamp since = invisible_since(visibility_changes.data(), visibility_changes.data() + old);
  Timestamp last_visible = absent, last_invisible = absent;
  for (std::size_t i = 0; i < old; ++i)
    (visibility_changes[i].invisible ? last_invisible : last_visible) = visibility_changes[i].at;
  erase_if_among(visibility_changes, old, [&](const VisibilityChange& f) {
    return f.at != since && f.at != last_visible && f.at != last_invisible;
  });
}

/// Of the activities on evidence before the window stays the greatest, and the greatest before the cut of the
/// visibility changes before the window.
inline void normalise_activities(Activities& activities, Span<VisibilityChange> visibility_changes,
                                 Timestamp window) noexcept {
  const std::size_t old = seen_activities(activities, window == absent ? never : window);
  if (window == absent || old < 2) return;
  const Timestamp cut =
      invisible_since(visibility_changes.data(), visibility_changes.data() + flips_before(visibility_changes, window));
  const std::size_t before_cut = smaller_of(seen_activities(activities, cut), old);
  std::size_t kept = 0;
  if (before_cut > 0) activities[kept++] = activities[before_cut - 1];
  if (before_cut < old) activities[kept++] = activities[old - 1];
  activities.erase(activities.begin() + static_cast<std::ptrdiff_t>(kept),
                   activities.begin() + static_cast<std::ptrdiff_t>(old));
}

/// From this timestamp on time alone leaves nothing of the user; `never` for those of whom something always stays. The
/// same of the registers as they are and of their normal form, while it is to come.
inline Timestamp vanishes_at(const RegistersView& user, const Rules& rules) noexcept {
  const Timestamp cut = invisible_since(user.visibility_changes);
  Timestamp at = forgotten_at(user, cut, rules);
  if (at == never) return never;
  if (cut != absent) {
    // That a user is invisible lasts as long as what they did themselves, which only others have forgotten.
    if (rules.forget_after == Duration::highest()) return never;
    const Timestamp dropped = user.rare == nullptr ? absent : user.rare->dropped_range.to;
    const Timestamp active = user.activities.empty() ? absent : user.activities.back().value;
    at = later(at, later(later(user.visibility_changes.back().at, dropped), active) + rules.forget_after);
    at = later(at, online_until(user, rules));
  }
  // What is kept for late events is forgotten when older than its horizon, not when as old.
  const auto past = [](Timestamp last) { return last + Duration::from_ns(1); };
  for (const SessionRegisters& session : user.sessions) {
    const Timestamp silent = latest_instant(session) + rules.session_timeout;
    at = later(at, past(silent + greater_of(rules.reorder_window, rules.offline_grace)));
  }
  if (!user.visibility_changes.empty()) at = later(at, past(user.visibility_changes.back().at + rules.reorder_window));
  if (user.rare == nullptr) return at;
  if (user.rare->dropped_range.to != absent) at = later(at, past(user.rare->dropped_range.to + rules.reorder_window));
  if (user.rare->forgotten_up_to != absent) at = later(at, user.rare->forgotten_up_to + rules.forget_after);
  return at;
}

/// Drops what others have forgotten of the user; of an invisible one what is hidden from them has an age of its own, so
/// that it decides nothing about what they see. Sessions and visibility changes stay for as long as a late event could
/// concern them, and that the user is invisible until nothing else is left.
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
    static_cast<RareRegisters&>(user) = std::move(rest);
  }
  if (user.reported_at != absent && user.reported_at <= user.forgotten_up_to) return;
  if (user.forgotten_up_to + rules.forget_after <= now) user.forgotten_up_to = absent;
}

inline void normalise_sessions(Sessions& sessions, Timestamp now, const Rules& rules) noexcept {
  const Timestamp horizon = session_horizon(now, rules);
  for (SessionRegisters& session : sessions) normalise_session(session, now, horizon, rules);
  if (now == absent) return;
  detail::erase_if(sessions, [](const SessionRegisters& session) { return latest_instant(session) == absent; });
}

inline void normalise_beside_sessions(UserRegisters& user, Timestamp now, const Rules& rules) noexcept {
  if (now == absent) return;
  const Timestamp window = now - rules.reorder_window;
  normalise_activities(user.activities, user.visibility_changes, window);
  normalise_flips(user.visibility_changes, window);
  // While the run goes on, the stretch stands for the last time the user went invisible, which is never forgotten.
  const Timestamp cut = invisible_since(user.visibility_changes);
  if (user.dropped_range.to < window && (cut == absent || user.dropped_range.from < cut))
    user.dropped_range = DroppedRange();
  if (rules.forget_after != Duration::highest()) forget_by_age(user, now, rules);
}

inline void normalise(UserRegisters& user, Timestamp now, const Rules& rules) noexcept {
  normalise_sessions(user.sessions, now, rules);
  normalise_beside_sessions(user, now, rules);
}

/// Whether `normalise` would leave the user as he is. Looks no closer than is quick: of some it says no who are in
/// their normal form.
inline bool surely_normal(const RegistersView& user, Timestamp now, const Rules& rules) noexcept {
  if (now == absent || rules.offline_grace != Duration() || rules.forget_after != Duration::highest()) return false;
  const Timestamp horizon = session_horizon(now, rules), window = now - rules.reorder_window;
  const auto matters = [horizon](Timestamp at) { return at == absent || at >= horizon; };
  for (const SessionRegisters& session : user.sessions) {
    if (!matters(session.connect) || !matters(session.heartbeat) || session.disconnects.size() > 1) return false;
    if (!session.disconnects.empty() && !matters(session.disconnects[0])) return false;
  }
  const bool has_old_activities = user.activities.size() > 1 && user.activities[1].evidence < window;
  const bool has_old_flips = user.visibility_changes.size() > 1 && user.visibility_changes[1].at < window;
  return !has_old_activities && !has_old_flips && (user.rare == nullptr || user.rare->dropped_range.to == absent);
}

/// When the oldest of several activities has had its time.
inline Timestamp old_activities_end(Span<Activity> activities, const Rules& rules) noexcept {
  return activities[1].evidence + rules.reorder_window + Duration::from_ns(1);
}

/// Whether memory outside the user's row may hold what time lets go of.
inline bool has_forgettable_memory(const RegistersView& user, const Rules& rules) noexcept {
  constexpr std::size_t activities_in_row = 2;
  if (user.sessions.size() > 1 || user.activities.size() > activities_in_row || !user.visibility_changes.empty())
    return true;
  if (user.sessions.size() == 1 && (!user.sessions[0].id.is_inside() || user.sessions[0].disconnects.size() > 1))
    return true;
  return user.rare != nullptr && (user.rare->dropped_range.to != absent || rules.forget_after != Duration::highest());
}

/// The earliest time after `now` at which, without an event, memory that holds what is kept of the user can be given
/// back; `never` if there is none.
inline Timestamp next_cleanup(const RegistersView& user, Timestamp now, const Rules& rules) noexcept {
  Timestamp next = vanishes_at(user, rules);
  if (!has_forgettable_memory(user, rules)) return next;
  const auto note = [&next, now](Timestamp at) {
    if (at > now) next = earlier(next, at);
  };
  // What is as old as a horizon is kept, what is older is not.
  const auto note_past = [&note](Timestamp last, Duration kept) {
    if (last != absent) note(last + kept + Duration::from_ns(1));
  };
  const Duration session_kept = rules.session_timeout + greater_of(rules.reorder_window, rules.offline_grace);
  for (const SessionRegisters& session : user.sessions) {
    note_past(latest_instant(session), session_kept);
    if (session.disconnects.size() > 1) note_past(session.disconnects[0], session_kept);
  }
  for (std::size_t i = 1; i < user.activities.size(); ++i) note_past(user.activities[i].evidence, rules.reorder_window);
  for (std::size_t i = 1; i < user.visibility_changes.size(); ++i)
    note_past(user.visibility_changes[i].at, rules.reorder_window);
  if (user.rare != nullptr && user.rare->dropped_range.to != absent)
    note_past(user.rare->dropped_range.to, rules.reorder_window);
  if (rules.forget_after == Duration::highest()) return next;
  const Timestamp cut = invisible_since(user.visibility_changes);
  note(forgotten_at(user, cut, rules));
  note(forgotten_at(hidden_part(user, cut), absent, rules));
  if (user.forgotten_up_to() != absent) note(user.forgotten_up_to() + rules.forget_after);
  return next;
}

/// Which of two sessions can be missed first: one of which nothing but disconnects was ever heard, so that those cannot
/// crowd out the grace of one that was there; then one that has been silent for longer.
inline bool staler(const SessionRegisters& a, const SessionRegisters& b) noexcept {
  const bool a_was_there = evidence(a) != absent, b_was_there = evidence(b) != absent;
  return a_was_there != b_was_there ? b_was_there : latest_instant(a) < latest_instant(b);
}

/// Drops the stalest sessions until at most `room` of those for which `counts` holds are left. Of two that are as stale
/// as each other the one with the lesser id goes. O(n), or O(n log n) where more than one has to go.
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

/// Of the visibility changes keeps the newest before the cut and the earliest from the cut on. Those that go from the
/// invisible run are remembered as one stretch: what comes later in that run goes into it too, and inside it nobody
/// becomes visible again.
inline void bound_flips(UserRegisters& user, std::size_t room) noexcept {
  auto& visibility_changes = user.visibility_changes;
  const Timestamp cut = invisible_since(visibility_changes);
  const std::size_t before = cut == absent ? visibility_changes.size() : flips_before(visibility_changes, cut);
  if (cut != absent) {
    const bool run_is_crowded = user.dropped_range.to != absent && cut <= user.dropped_range.from;
    std::size_t kept = run_is_crowded ? flips_before(visibility_changes, user.dropped_range.from + Duration::from_ns(1))
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

/// Likewise of the activities.
inline void bound_activities(Activities& activities, Timestamp cut, std::size_t room) noexcept {
  const std::size_t before = seen_activities(activities, cut), after = activities.size() - before;
  if (after > room) activities.erase(activities.end() - static_cast<std::ptrdiff_t>(after - room), activities.end());
  if (before > room) {
    activities.erase(activities.begin(), activities.begin() + static_cast<std::ptrdiff_t>(before - room));
  }
}

/// How many of each kind of what is recent are kept of a user.
inline std::size_t recent_room(const Rules& rules) noexcept {
  return greater_of(rules.max_recent_per_user, std::uint32_t{1});
}

inline void bound_disconnects(SessionRegisters& session, const Rules& rules) noexcept {
  auto& all = session.disconnects;
  const std::size_t room = recent_room(rules);
  if (all.size() > room) all.erase(all.begin() + 1, all.begin() + 1 + static_cast<std::ptrdiff_t>(all.size() - room));
}

/// What others see of a user does not depend on which sessions are kept of one who is invisible, so that nothing they
/// do then can be told by which of them went.
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

/// Nothing that a user does while invisible may crowd out what was there before, at whichever of the invisible
/// visibility changes the user may yet turn out to have gone invisible. So each side of the cut has room of its own,
/// and after it the earliest stay.
inline void bound_beside_sessions(UserRegisters& user, const Rules& rules) noexcept {
  const std::size_t room = recent_room(rules);
  if (user.visibility_changes.size() > room || user.dropped_range.to != absent) bound_flips(user, room);
  if (user.activities.size() > room) bound_activities(user.activities, invisible_since(user.visibility_changes), room);
}

inline void bound(UserRegisters& user, Timestamp now, const Rules& rules) noexcept {
  for (SessionRegisters& session : user.sessions) bound_disconnects(session, rules);
  bound_live_sessions(user.sessions, now, rules);
  bound_ended_sessions(user.sessions, now, rules);
  normalise_beside_sessions(user, now, rules);  // who is online for no session any more may be forgotten
  bound_beside_sessions(user, rules);
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REGISTERS_DETAIL_NORMAL_FORM_HPP
