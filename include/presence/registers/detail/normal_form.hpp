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

/// Returns the first time from which nothing of the session remains, if no event arrives; `never` if it remains. At
/// that time, everything of it is older than the window.
PRESENCE_DETAIL_FLAT inline Timestamp session_end_of_use(const SessionRegisters& session, const Rules& rules) noexcept {
  const SessionMoment active = session.active();
  // An activity before a disconnect goes with it.
  const bool lasts = active.exists() && active.follows(session.last_disconnect());
  const Timestamp idle = lasts ? active.at + rules.idle_after : absent;
  const auto past_window = [&rules, idle](Timestamp last) {
    return later(idle, last == absent ? absent : last + rules.reorder_window + Duration::from_ns(1));
  };
  Timestamp last = session.last_disconnect();
  if (has_runs(session, rules)) {
    // Earlier runs end before the last one.
    if (session.has_evidence()) {
      last = later(last, run_end(session, rules));
    } else if (const Run* const last_run = session.last_earlier_run()) {
      last = later(last, last_run->end);
    }
    return past_window(last);
  }
  if (!session.has_evidence()) return past_window(last);
  if (!ended_by_disconnect(session)) return never;
  // What the session said, and its activity, go with its evidence.
  const auto past = [&rules](Timestamp at) { return at + rules.reorder_window + Duration::from_ns(1); };
  if (rules.offline_grace == Duration()) return past(later(last, session.evidence_at()));
  // The disconnect that ends it is kept until the grace has passed, also if that is later than the window.
  return later(past(last),
               first_ending(session) + greater_of(rules.reorder_window, rules.offline_grace) + Duration::from_ns(1));
}

/// Returns the start of the last run in the normal form: the part before the window does not matter, except as far as
/// registers are dated in it.
inline Timestamp normal_run_start(const SessionRegisters& session, Timestamp window) noexcept {
  const Timestamp start = session.run_start();
  if (start == absent || window <= start) return start;
  Timestamp first = start <= session.evidence_at() ? earlier(window, session.evidence_at()) : window;
  const SessionMoment said = session.state().moment, shown = session.activity_moment();
  if (said.exists() && start <= said.at) first = earlier(first, said.at);
  if (shown.exists() && start <= shown.at) first = earlier(first, shown.at);
  return later(start, first);
}

/// Drops the runs that ended before the window, and what the session said in them, and the part of the other runs that
/// is before the window. Requires a timeout.
inline void forget_runs(SessionRegisters& session, Timestamp window, const Rules& rules) noexcept {
  if (session.has_evidence() && run_end(session, rules) < window) {
    session.set_state({});
    session.set_activity({});
    session.set_evidence({});
    session.set_run_start(absent);
    session.set_held_until(absent);
    session.drop_earlier_runs(session.earlier_runs().size());  // they ended before
    return;
  }
  if (session.has_evidence()) {
    session.set_run_start(normal_run_start(session, window));
    if (session.held_until() <= end_of_span(session, session.evidence_at(), rules)) session.set_held_until(absent);
  }
  const Span<Run> runs = session.earlier_runs();
  if (runs.empty()) return;
  const SessionMoment said = session.state().moment, shown = session.activity_moment();
  bool drops_evidence = false, drops_state = false, drops_activity = false;
  std::size_t past = 0;
  for (; past < runs.size() && runs[past].end < window; ++past) {
    const Run& run = runs[past];
    // After a merge, what remains of removed evidence may be later than the last evidence.
    drops_evidence = drops_evidence || (session.has_evidence() && run.contains(session.evidence_at()));
    drops_state = drops_state || (said.exists() && run.contains(said.at));
    drops_activity = drops_activity || (shown.exists() && run.contains(shown.at));
  }
  if (drops_state) session.set_state({});
  if (drops_activity) session.set_activity({});
  if (drops_evidence) {
    const Run last{session.run_start(), storable(run_end(session, rules))};
    session.set_evidence({});
    session.set_run_start(absent);
    session.set_held_until(absent);
    session.replace_earlier_runs(past, last);
  } else {
    session.drop_earlier_runs(past);
  }
  const Run* const first = session.first_earlier_run();
  if (first == nullptr) return;
  Timestamp start = window;
  // After a merge, the evidence may be earlier than a run that a removal left without any.
  for (const Timestamp at : {session.evidence_at(), session.state().moment.at, session.activity_moment().at}) {
    if (at != absent && first->contains(at)) start = earlier(start, at);
  }
  session.set_first_run_start(later(first->start, start));
}

/// Drops what can no longer matter of a session. The registers of the session may then be empty.
inline void normalise_session(SessionRegisters& session, Timestamp now, const Rules& rules) noexcept {
  const bool has_grace = rules.offline_grace != Duration();
  // Without a grace period nothing counts any more after a disconnect.
  const Timestamp over = has_grace ? reopened_at(session) : session.last_disconnect();
  if (over != absent && (!has_grace || session.has_evidence()))
    session.keep_disconnects([over](Timestamp at) { return at >= over; });
  const SessionMoment said = session.state().moment, active = session.active(), shown = session.activity_moment();
  if (shown.exists() && !shown.follows(over)) session.set_activity({});
  if (said.exists() && !said.follows(over)) session.set_state({});
  if (active.exists() && !active.follows(over)) session.set_active({});
  if (now == absent) return;
  const Timestamp window = now - rules.reorder_window;
  if (session.active().exists() && session.active().at + rules.idle_after <= now) session.set_active({});
  const SessionMoment cleared = session.activity_moment();
  if (cleared.exists() && cleared.at < window && session.shown().size() == 0) session.set_activity({});
  if (has_runs(session, rules)) {
    forget_runs(session, window, rules);
  } else if (const Timestamp ending = first_ending(session); ending != absent) {
    const bool is_over = has_grace ? ending < now - greater_of(rules.reorder_window, rules.offline_grace)
                                   : session.evidence_at() < window;
    if (is_over) {
      session.set_state({});
      session.set_active({});
      session.set_activity({});
      session.set_evidence({});
    }
  }
  const Timestamp ending = first_ending(session);
  // No activity before a disconnect counts in a later life, also when the disconnect is forgotten. The one that ends
  // the session is not forgotten before the session, so an activity before it may count until then.
  if (ending == absent || session.active().follows(ending)) {
    for (const Timestamp at : session.disconnects()) {
      if (at < window && at != ending && session.active().exists() && !session.active().follows(at)) {
        session.set_active({});
        break;
      }
    }
  }
  session.keep_disconnects([window, ending](Timestamp at) { return at >= window || at == ending; });
}

/// Returns from when on a removal can be dropped. Evidence may be as old as the window, and its value of last_active is
/// rounded down. While such a value may be before the removal, the removal must be kept.
inline Timestamp removal_needed_until(Timestamp removed, const Rules& rules) noexcept {
  const Duration step = rules.last_active_refresh;
  const Timestamp beyond = removed + Duration::from_ns(1);
  return (step == Duration() ? beyond : heartbeat_value(removed, rules) + step) + rules.reorder_window;
}

/// Returns from when on a choice can be dropped: when it has ended or is none, and no late event can tie with it.
inline Timestamp choice_needed_until(const RareRegisters& user, const Rules& rules) noexcept {
  const Timestamp old = user.choice_at + rules.reorder_window + Duration::from_ns(1);
  return user.choice == Availability::offline ? old : later(old, user.choice_until);
}

/// Drops what a removal removes, except from the sessions.
inline void apply_removal(UserRegisters& user) {
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
  user.data = normal_data(user.data, removed, absent);
  if (user.choice_at <= removed) {
    user.choice_at = absent;
    user.choice = Availability::offline;
    user.choice_until = never;
  }
  if (user.reported_at <= removed) user.reported_at = absent;
  if (user.reported_last_active_at <= removed) user.reported_last_active_at = user.reported_last_active = absent;
  if (user.forgotten_up_to <= removed) user.forgotten_up_to = absent;
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
    // What reports say is forgotten with what others know.
    const bool has_report = user.report() != nullptr;
    at = later(at, online_until(has_report ? user.sessions.without_first() : user.sessions, rules));
  }
  const bool forgets = rules.forget_after != Duration::highest();
  // What is kept for late events is dropped when it is older than its horizon, not when it is exactly as old.
  const auto past = [](Timestamp last) { return last + Duration::from_ns(1); };
  for (const SessionRegisters& session : user.sessions) {
    if (!forgets || !session.is_report()) at = later(at, session_end_of_use(session, rules));
  }
  if (user.removed() != absent) at = later(at, removal_needed_until(user.removed(), rules));
  // What is forgotten by age is not kept for late events. While no time is known, nothing is forgotten.
  if (user.data_at() != absent) at = later(at, past(forgets ? absent : user.data_at() + rules.reorder_window));
  if (user.rare != nullptr && user.rare->choice_at != absent)
    at = later(at, earlier(choice_needed_until(*user.rare, rules), user.rare->choice_at + rules.forget_after));
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
    if (!user.sessions.empty() && user.sessions[0].is_report()) user.sessions.erase(user.sessions.begin());
    RareRegisters rest;
    rest.dropped_range = user.dropped_range;
    rest.forgotten_up_to = user.forgotten_up_to;
    rest.removed = user.removed;
    if (now < user.choice_at + rules.forget_after) {
      rest.choice_at = user.choice_at;
      rest.choice = user.choice;
      rest.choice_until = user.choice_until;
    }
    static_cast<RareRegisters&>(user) = std::move(rest);
    user.status = SharedString();
    user.status_at = absent;
  }
  if (user.reported_at != absent && user.reported_at <= user.forgotten_up_to) return;
  if (user.forgotten_up_to + rules.forget_after <= now) user.forgotten_up_to = absent;
}

/// Returns the timestamp up to which the registers of a session are void: of a removal, and for the session of the
/// reports also of `forget_reports`.
inline Timestamp dropped_up_to(const RareRegisters& user, const SessionRegisters& session) noexcept {
  return session.is_report() ? later(user.removed, user.forgotten_up_to) : user.removed;
}

inline void normalise_sessions(UserRegisters& user, Timestamp now, const Rules& rules) {
  for (SessionRegisters& session : user.sessions) {
    const Timestamp gone = dropped_up_to(user, session);
    if (gone != absent) drop_up_to(session, gone, rules);
    normalise_session(session, now, rules);
  }
  detail::erase_if(user.sessions, [](const SessionRegisters& session) { return session.empty(); });
}

inline void normalise_beside_sessions(UserRegisters& user, Timestamp now, const Rules& rules) {
  apply_removal(user);
  user.data = normal_data(user.data, absent, now == absent ? absent : now - rules.reorder_window);
  if (now == absent) return;
  const Timestamp window = now - rules.reorder_window;
  remove_visibility_changes(user.visibility_changes, user.removed, now, rules);
  if (user.removed != absent && removal_needed_until(user.removed, rules) <= now) user.removed = absent;
  if (user.choice_at != absent && choice_needed_until(user, rules) <= now) {
    user.choice_at = absent;
    user.choice = Availability::offline;
    user.choice_until = never;
  }
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

inline void normalise(UserRegisters& user, Timestamp now, const Rules& rules) {
  normalise_sessions(user, now, rules);
  normalise_beside_sessions(user, now, rules);
}

/// Returns true only if `normalise` would leave the user unchanged. This is a fast check: it returns false for some
/// users who are in normal form.
inline bool surely_normal(const RegistersView& user, Timestamp now, const Rules& rules) noexcept {
  if (now == absent || rules.offline_grace != Duration() || rules.forget_after != Duration::highest()) return false;
  const Timestamp window = now - rules.reorder_window;
  for (const SessionRegisters& session : user.sessions) {
    const Timestamp last = session.last_disconnect();
    const SessionMoment said = session.state().moment;
    if (!session.is_simple() || (last != absent && last < window) || (said.exists() && !said.follows(last)))
      return false;
    if (!session.has_evidence()) continue;
    // The part of a run before the window is ignored by whoever reads it (normal_run_start).
    if (has_runs(session, rules) ? run_end(session, rules) < window
                                 : ended_by_disconnect(session) && session.evidence_at() < window)
      return false;
  }
  const bool has_old_activities = user.activities.size() > 1 && user.activities[1].evidence < window;
  const bool has_old_visibility_changes = user.visibility_changes.size() > 1 && user.visibility_changes[1].at < window;
  if (has_old_activities || has_old_visibility_changes) return false;
  if (user.rare == nullptr) return true;
  const RareRegisters& rare = *user.rare;
  const bool may_forget_data = rare.data && (!rare.data->cleared.empty() || rare.data->since != absent);
  return !may_forget_data && rare.dropped_range.to == absent && rare.removed == absent && rare.choice_at == absent &&
         rare.status_until == never;
}

/// How many activities a row stores itself.
inline constexpr std::size_t activities_in_row = 2;

/// Returns whether memory outside the user's row may hold data that time alone allows to be dropped.
inline bool has_forgettable_memory(const RegistersView& user, const Rules& rules) noexcept {
  if (user.sessions.size() > 1 || user.activities.size() > activities_in_row || !user.visibility_changes.empty())
    return true;
  if (user.sessions.size() == 1 && (!user.sessions[0].id.is_inside() || !user.sessions[0].is_simple())) return true;
  if (rules.forget_after != Duration::highest() && (user.rare != nullptr || user.status_at() != absent)) return true;
  return user.rare != nullptr &&
         (user.rare->dropped_range.to != absent || user.rare->removed != absent || user.rare->choice_at != absent ||
          user.rare->status_until != never || user.rare->data);
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
    if (user.rare != nullptr && user.rare->choice_at != absent) free_at(choice_needed_until(*user.rare, rules));
    if (user.data_at() != absent) free_at(user.data_at() + rules.reorder_window + Duration::from_ns(1));
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
  const bool a_was_there = a.has_evidence(), b_was_there = b.has_evidence();
  return a_was_there != b_was_there ? b_was_there : a.latest() < b.latest();
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

/// Bounds what is kept of a session for late events.
inline void bound_session(SessionRegisters& session, const Rules& rules) noexcept {
  if (session.is_simple()) return;
  const std::size_t room = recent_room(rules);
  const Span<Timestamp> all = session.disconnects();
  if (all.size() > room) {
    // The first one that ends the session is not only for late events. One before it began the session's present life.
    const Timestamp ending = first_ending(session);
    if (room == 1) {
      session.set_only_disconnect(ending != absent ? ending : all.front());
    } else {
      session.drop_disconnects(ending != absent && ending != all.front() ? 2 : 1, all.size() - room);
    }
  }
  const std::size_t runs = session.earlier_runs().size();
  if (runs > room) session.drop_earlier_runs(runs - room);
}

/// Drops the stalest live sessions over the limit. For an invisible user, the state that others see does not depend on
/// which sessions are kept. So a dropped session reveals nothing of what the user does while invisible.
inline void bound_live_sessions(Sessions& sessions, Timestamp now, const Rules& rules) noexcept {
  if (sessions.size() <= rules.max_sessions_per_user) return;
  drop_stalest_sessions(sessions, rules.max_sessions_per_user, [&](const SessionRegisters& session) {
    return !session.is_report() && live(session, now, rules);
  });
}
inline void bound_ended_sessions(Sessions& sessions, Timestamp now, const Rules& rules) noexcept {
  if (sessions.size() <= recent_room(rules)) return;
  drop_stalest_sessions(sessions, recent_room(rules), [&](const SessionRegisters& session) {
    return !session.is_report() && !live(session, now, rules);
  });
}

/// Bounds the visibility changes and the activities. What a user does while invisible must not displace older data. A
/// late event can still move `invisible_since` to any of the invisible changes. So each side of `invisible_since` has a
/// separate limit, and the earliest entries after it are kept.
inline void bound_beside_sessions(UserRegisters& user, const Rules& rules) {
  user.data = bounded(user.data, rules);
  const std::size_t room = recent_room(rules);
  if (user.visibility_changes.size() > room || user.dropped_range.to != absent) bound_visibility_changes(user, room);
  if (user.activities.size() > room) bound_activities(user.activities, invisible_since(user.visibility_changes), room);
}

inline void bound(UserRegisters& user, Timestamp now, const Rules& rules) {
  for (SessionRegisters& session : user.sessions) {
    bound_session(session, rules);
    // Another node may allow larger ones.
    const KeptValuePointer activity = session.activity().value;
    if (activity && json_bytes(activity.view()) > rules.max_activity_bytes) session.set_activity({});
  }
  detail::erase_if(user.sessions, [](const SessionRegisters& session) { return session.empty(); });
  bound_live_sessions(user.sessions, now, rules);
  bound_ended_sessions(user.sessions, now, rules);
  normalise_beside_sessions(user, now, rules);  // a user left without an online session may be forgotten
  bound_beside_sessions(user, rules);
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REGISTERS_DETAIL_NORMAL_FORM_HPP
