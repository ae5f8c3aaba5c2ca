// SPDX-License-Identifier: MIT
#ifndef PRESENCE_REGISTERS_DETAIL_DERIVED_HPP
#define PRESENCE_REGISTERS_DETAIL_DERIVED_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/model/availability.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/user.hpp>
#include <presence/registers/detail/registers.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int8_t
#include <optional>     // for optional, nullopt
#include <string_view>  // for string_view

/// Values derived from the registers of a user and a timestamp. None of them is stored.
///
/// `now` is `absent` if there is no time yet; this is before every deadline.
///
/// "Evidence" is the latest moment at which a session is known to have been live. The parameter `cut` is the
/// timestamp at which the user became invisible to the viewer, or `absent`.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Returns the first disconnect that ends the session, or `absent`. All later disconnects end it as well.
inline Timestamp first_ending(const SessionRegisters& session) noexcept {
  const SessionMoment evidence = session.evidence();
  if (!evidence.exists()) return absent;
  for (const Timestamp at : session.disconnects()) {
    if (!evidence.follows(at)) return at;
  }
  return absent;
}
/// Returns the latest disconnect that evidence followed, or `absent`. What the session said up to then belongs to an
/// earlier life.
inline Timestamp reopened_at(const SessionRegisters& session) noexcept {
  const SessionMoment evidence = session.evidence();
  Timestamp latest = absent;
  for (const Timestamp at : session.disconnects()) {
    if (evidence.follows(at)) latest = at;
  }
  return latest;
}

inline bool ended_by_disconnect(const SessionRegisters& session) noexcept {
  const Timestamp last = session.last_disconnect();
  return last != absent && !session.evidence().follows(last);
}

/// Returns the time at which the session times out. Requires evidence. A hold that does not prolong the run has no
/// effect, whether or not it has been dropped yet.
inline Timestamp silent_until(const SessionRegisters& session, const Rules& rules) noexcept {
  const Duration timeout = timeout_of(session, rules);
  if (timeout == Duration()) return never;
  const Timestamp held = session.held_until();
  return held > end_of_span(session, session.evidence_at(), rules) ? held : session.evidence_at() + timeout;
}

/// Returns the latest timestamp of a last evidence after which a session has timed out at `now`; `absent` if no session
/// has. Not for the session of the reports, nor for one that is held.
inline Timestamp timed_out_up_to(Timestamp now, const Rules& rules) noexcept {
  return now == absent || rules.session_timeout == Duration() ? absent : now - rules.session_timeout;
}
/// Returns whether the session is neither disconnected nor timed out.
inline bool live(const SessionRegisters& session, Timestamp now, const Rules& rules) noexcept {
  return session.has_evidence() && !ended_by_disconnect(session) && now < silent_until(session, rules);
}

/// Returns the time until which a session that is surely open keeps its user online. Not for that of the reports.
inline Timestamp open_until(Timestamp evidence, const Rules& rules) noexcept {
  return rules.session_timeout == Duration() ? never : evidence + rules.session_timeout + rules.offline_grace;
}
/// Returns `online_until` for any session, in more steps.
PRESENCE_DETAIL_FLAT inline Timestamp online_until_any(const SessionRegisters& session, const Rules& rules) noexcept {
  if (!session.has_evidence()) return absent;
  const bool has_ended = ended_by_disconnect(session);
  if (has_ended && rules.offline_grace == Duration()) return absent;
  const Timestamp end = has_runs(session, rules) ? run_end(session, rules) : never;
  return has_ended ? earlier(first_ending(session) + rules.offline_grace, end) : end;
}
/// Returns the time until which the session keeps its user online; `absent` if it does not keep them online at all.
inline Timestamp online_until(const SessionRegisters& session, const Rules& rules) noexcept {
  if (session.is_open() && !session.is_report()) return open_until(session.evidence_at(), rules);
  if (session.is_over() && rules.offline_grace == Duration()) return absent;
  return online_until_any(session, rules);
}

/// Returns the time from which the user is offline if no event arrives; `absent` if the user is already offline.
/// O(sessions).
inline Timestamp online_until(const SessionSpan& sessions, const Rules& rules) noexcept {
  if (sessions.size() == 0) return absent;
  // The first one may be that of the reports. Of the others, only the latest of those that are surely open or over
  // matters.
  Timestamp until = online_until(sessions[0], rules), evidence = absent, over = absent;
  bool are_all_sure = true;
  for (const SessionRegisters& session : sessions.others()) {
    if (session.is_open()) {
      evidence = later(evidence, session.evidence_at());
    } else if (session.is_over()) {
      over = later(over, session.over_since());
    } else {
      are_all_sure = false;
    }
  }
  if (evidence != absent) until = later(until, open_until(evidence, rules));
  if (are_all_sure && (rules.offline_grace == Duration() || over == absent || over + rules.offline_grace <= until))
    return until;
  for (const SessionRegisters& session : sessions.others()) {
    const bool is_past = session.is_over() && session.over_since() + rules.offline_grace <= until;
    if (!session.is_open() && !is_past) until = later(until, online_until(session, rules));
  }
  return until;
}
inline Timestamp online_until(const RegistersView& user, const Rules& rules) noexcept {
  return online_until(user.sessions, rules);
}

/// Returns whether the moment exists and is in the session's present life.
inline bool is_of_present_life(const SessionRegisters& session, const SessionMoment& moment,
                               const Rules& rules) noexcept {
  if (!moment.exists() || !moment.follows(reopened_at(session))) return false;
  return !has_runs(session, rules) || session.run_start() <= moment.at;
}
/// Returns what the session says of itself, if it said it in its present life.
inline SessionState present_state(const SessionRegisters& session, const Rules& rules) noexcept {
  const SessionState state = session.state();
  return is_of_present_life(session, state.moment, rules) ? state : SessionState();
}

/// Returns from when on a session that says nothing else is idle; `absent` if it always is, because it had no activity
/// in its present life.
inline Timestamp idle_from(const SessionRegisters& session, const Rules& rules) noexcept {
  if (rules.idle_after == Duration() || session.is_report()) return never;
  const SessionMoment active = session.active();
  return active.exists() && active.follows(reopened_at(session)) ? active.at + rules.idle_after : absent;
}

/// Returns whether the activity of the session was set in its present life.
inline bool shows_activity(const SessionRegisters& session, const Rules& rules) noexcept {
  return is_of_present_life(session, session.activity_moment(), rules);
}
/// Returns that activity, empty if there is none. Borrows it from the session.
inline Elements<ValueMember> shown_activity(const SessionRegisters& session, const Rules& rules) noexcept {
  return shows_activity(session, rules) ? session.shown() : Elements<ValueMember>();
}
/// The same as an owner of it.
inline KeptValuePointer present_activity(const SessionRegisters& session, const Rules& rules) noexcept {
  return shows_activity(session, rules) ? session.activity().value : KeptValuePointer();
}

/// What one session contributes to the availability of its user.
struct Standing {
  const SessionRegisters* session = nullptr;
  Availability availability = Availability::offline;
  std::int8_t priority = 0;
  SessionMoment reported;
  std::string_view id;

  static Standing of(const SessionRegisters& session, Timestamp now, const Rules& rules) noexcept {
    const SessionState state = present_state(session, rules);
    Standing standing{&session, state.availability, state.priority, state.moment, session.id.view()};
    if (state.availability == Availability::offline || state.availability == Availability::available)
      standing.availability = idle_from(session, rules) <= now ? Availability::idle : Availability::available;
    return standing;
  }
  /// Returns whether this one decides, and not the other. Never a tie, because ids differ.
  bool decides_over(const Standing& other, const Rules& rules) const noexcept {
    const auto stronger = [&rules](const Standing& a, const Standing& b) {
      return rules.ranking.is_stronger(a.availability, b.availability);
    };
    const bool by_priority = rules.session_fold == SessionFold::by_priority;
    if (rules.session_fold == SessionFold::latest && !(reported == other.reported)) return other.reported < reported;
    if (by_priority && priority != other.priority) return priority > other.priority;
    if (availability != other.availability) return stronger(*this, other);
    if (rules.session_fold == SessionFold::by_rank && priority != other.priority) return priority > other.priority;
    if (!(reported == other.reported)) return other.reported < reported;
    return id > other.id;
  }
};

/// Returns the session that decides the availability and the activity of a user who is online; without a session if
/// there is none. O(sessions).
inline Standing deciding_session(const RegistersView& user, Timestamp now, const Rules& rules) noexcept {
  Standing best;
  user.sessions.each([&](const SessionRegisters& session) {
    if (online_until(session, rules) <= now) return;
    const Standing standing = Standing::of(session, now, rules);
    if (best.session == nullptr || standing.decides_over(best, rules)) best = standing;
  });
  return best;
}

/// Returns the availability of a user who is online.
inline Availability availability_of(const RegistersView& user, const Standing& deciding, Timestamp now) noexcept {
  const Availability choice = user.choice(now);
  return choice != Availability::offline ? choice : deciding.availability;
}

/// What others see of a user who is online: their own choice, else the availability of the session that decides; and
/// the activity of that session.
struct Shown {
  Availability availability = Availability::offline;
  KeptValuePointer activity;

  static Shown of(const RegistersView& user, Timestamp now, const Rules& rules) noexcept {
    return of(user, deciding_session(user, now, rules), now, rules);
  }
  /// The same if the session that decides is known.
  static Shown of(const RegistersView& user, const Standing& deciding, Timestamp now, const Rules& rules) noexcept {
    Shown shown;
    if (deciding.session == nullptr) return shown;
    shown.availability = availability_of(user, deciding, now);
    shown.activity = present_activity(*deciding.session, rules);
    return shown;
  }
  friend bool operator==(const Shown& a, const Shown& b) noexcept {
    return a.availability == b.availability &&
           AttributesView(a.activity.members()) == AttributesView(b.activity.members());
  }
};

/// Returns whether no session says more of itself than that it is available, and neither does the user: then whoever is
/// online is available. This is so for most users.
inline bool says_nothing(const RegistersView& user, const Rules& rules) noexcept {
  if (rules.idle_after != Duration() || (user.choosing != nullptr && user.choosing->choice_at != absent)) return false;
  bool nothing = true;
  user.sessions.each([&](const SessionRegisters& session) { nothing = nothing && session.says_nothing(); });
  return nothing;
}

/// Returns the next time after `now` at which what the user shows while online may change. `deciding` is the session
/// that decides at `now`. The other sessions do not matter before it ends or becomes idle, unless idle is stronger than
/// available. O(1), or else O(sessions).
inline Timestamp next_turn(const RegistersView& user, const Standing& deciding, Timestamp now,
                           const Rules& rules) noexcept {
  Timestamp next = never;
  const auto add = [&next, now](Timestamp at) {
    if (at > now) next = earlier(next, at);
  };
  if (user.choosing != nullptr && user.choosing->choice != Availability::offline) add(user.choosing->choice_until);
  if (deciding.session != nullptr) {
    add(online_until(*deciding.session, rules));
    add(idle_from(*deciding.session, rules));
  }
  if (rules.idle_after != Duration() && rules.ranking.is_stronger(Availability::idle, Availability::available))
    user.sessions.each([&](const SessionRegisters& session) { add(idle_from(session, rules)); });
  return next;
}

/// Returns how many of the activities are on evidence before `cut`, and so may be seen by others. For a visible user,
/// these are all activities.
inline std::size_t seen_activities(Span<Activity> activities, Timestamp cut) noexcept {
  if (cut == absent) return activities.size();
  const auto end = detail::partition_point(activities.begin(), activities.end(),
                                           [cut](const Activity& a) { return a.evidence < cut; });
  return static_cast<std::size_t>(end - activities.begin());
}

/// Returns the time from which the user is unknown to a viewer if no event arrives. `absent` if the user is already
/// unknown; `never` if time alone does not make them unknown. A removed user with only a live session left is known
/// while they are online. `cut` is the time at which they became invisible to the viewer, or `absent`.
inline Timestamp forgotten_at(const RegistersView& user, Timestamp cut, const Rules& rules) noexcept {
  const std::size_t seen = seen_activities(user.activities, cut);
  const bool forgets = rules.forget_after != Duration::highest();
  if (!forgets && seen != 0) return never;  // most users, without a look at the other registers
  Timestamp latest =
      later(later(user.status_at(), user.reported_at()), seen == 0 ? absent : user.activities[seen - 1].value);
  if (!user.data().empty()) latest = later(latest, user.rare->data->latest_set());
  if (latest == absent) return cut != absent ? absent : online_until(user, rules);
  if (!forgets) return never;
  if (cut != absent) return latest + rules.forget_after;
  return later(latest + rules.forget_after, online_until(user, rules));
}

/// Returns the part that only the user can see, for use when others have forgotten the rest.
inline RegistersView hidden_part(const RegistersView& user, Timestamp cut) noexcept {
  RegistersView hidden = user;
  const std::size_t seen = seen_activities(user.activities, cut);
  hidden.activities = {user.activities.data() + seen, user.activities.size() - seen};
  hidden.rare = nullptr;
  hidden.text = nullptr;
  hidden.text_at = absent;
  if (hidden.report() != nullptr) hidden.sessions = hidden.sessions.without_first();
  return hidden;
}

/// Completes the view of a user who is online.
inline void show(const RegistersView& user, Timestamp now, const Rules& rules, UserView& view) noexcept {
  if (says_nothing(user, rules)) {
    view.availability = Availability::available;
    return;
  }
  const Standing deciding = deciding_session(user, now, rules);
  view.availability = availability_of(user, deciding, now);
  if (deciding.session != nullptr) view.activity = shown_activity(*deciding.session, rules);
}

/// Returns the user as seen by a viewer; nullopt if the user is unknown to the viewer. `cut` is the time at which the
/// user became invisible to the viewer, or `absent`.
inline std::optional<UserView> seen_with_cut(std::string_view id, const RegistersView& user, Timestamp now,
                                             const Rules& rules, Timestamp cut) noexcept {
  if (forgotten_at(user, cut, rules) <= now) return std::nullopt;
  const std::size_t seen = seen_activities(user.activities, cut);
  UserView view;
  view.id = id;
  view.online = cut == absent && now < online_until(user, rules);
  view.data = user.data();
  if (view.online) show(user, now, rules, view);
  view.status = user.status(now);
  const Timestamp active = later(seen == 0 ? absent : user.activities[seen - 1].value, user.reported_last_active());
  if (active != absent) view.last_active = active;
  return view;
}

inline bool is_known_to_others(const RegistersView& user, Timestamp now, const Rules& rules) noexcept {
  return now < forgotten_at(user, invisible_since(user.visibility_changes), rules);
}

inline std::optional<UserView> seen_by_others(std::string_view id, const RegistersView& user, Timestamp now,
                                              const Rules& rules) noexcept {
  return seen_with_cut(id, user, now, rules, invisible_since(user.visibility_changes));
}

inline std::optional<UserView> seen_by_self(std::string_view id, const RegistersView& user, Timestamp now,
                                            const Rules& rules) noexcept {
  const Timestamp cut = invisible_since(user.visibility_changes);
  const bool others_forgot = cut != absent && forgotten_at(user, cut, rules) <= now;
  RegistersView seen = others_forgot ? hidden_part(user, cut) : user;
  const bool is_choice_old =
      others_forgot && seen.choosing != nullptr && seen.choosing->choice_at + rules.forget_after <= now;
  if (is_choice_old) seen.choosing = nullptr;
  auto view = seen_with_cut(id, seen, now, rules, absent);
  if (view) view->invisible = cut != absent;
  return view;
}

/// Returns the latest timestamp among the registers of the user that others can observe. For an invisible user, this
/// excludes everything after `invisible_since` except published data.
inline Timestamp latest_seen_timestamp(const RegistersView& user) noexcept {
  const Timestamp cut = invisible_since(user.visibility_changes);
  const std::size_t seen = seen_activities(user.activities, cut);
  Timestamp latest = later(later(user.status_at(), user.reported_at()), later(user.reported_last_active_at(), cut));
  latest = later(latest, later(user.removed(), user.data_at()));
  if (seen > 0) latest = later(latest, user.activities[seen - 1].evidence);
  if (cut != absent) return latest;
  for (const SessionRegisters& session : user.sessions) latest = later(latest, session.latest());
  if (user.rare != nullptr) latest = later(latest, user.rare->choice_at);
  return user.visibility_changes.empty() ? latest : later(latest, user.visibility_changes.back().at);
}

/// Returns the next time after `now` at which time alone changes what others see; `never` if there is none. Each turn
/// of the sessions that changes nothing costs O(sessions). After that many, the next turn is returned, which may be
/// earlier.
inline Timestamp next_change(const RegistersView& user, Timestamp now, const Rules& rules,
                             std::size_t turns = static_cast<std::size_t>(-1)) noexcept {
  const Timestamp cut = invisible_since(user.visibility_changes), forgotten = forgotten_at(user, cut, rules);
  if (forgotten <= now) return never;
  Timestamp next = forgotten;
  if (now < user.status_until() && !user.status().empty()) next = earlier(next, user.status_until());
  const Timestamp until = online_until(user, rules);
  if (cut != absent || until <= now) return next;
  next = earlier(next, until);
  if (says_nothing(user, rules)) return next;
  Standing deciding = deciding_session(user, now, rules);
  const Shown before = Shown::of(user, deciding, now, rules);
  for (Timestamp at = next_turn(user, deciding, now, rules); at < next; at = next_turn(user, deciding, at, rules)) {
    deciding = deciding_session(user, at, rules);
    if (!(Shown::of(user, deciding, at, rules) == before) || turns-- == 0) return at;
  }
  return next;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REGISTERS_DETAIL_DERIVED_HPP
