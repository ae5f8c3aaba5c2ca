// SPDX-License-Identifier: MIT
#ifndef PRESENCE_REGISTERS_DETAIL_DERIVED_HPP
#define PRESENCE_REGISTERS_DETAIL_DERIVED_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/user.hpp>
#include <presence/registers/detail/registers.hpp>

#include <cstddef>      // for size_t
#include <optional>     // for optional, nullopt
#include <string_view>  // for string_view

/// Values derived from the registers of a user and a timestamp. None of them is stored.
///
/// `now` is `absent` if there is no time yet; this is before every deadline.
///
/// "Last evidence" is the latest timestamp at which a session is known to have been live. The parameter `cut` is the
/// timestamp at which the user became invisible to the viewer, or `absent`.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Returns the session's last evidence: the later one of its latest connect and its latest heartbeat.
inline Timestamp evidence(const SessionRegisters& session) noexcept {
  return later(session.connect, session.heartbeat);
}

/// Returns the index of the first disconnect that ends the session, or the number of disconnects if none does. All
/// later disconnects end it as well. A connect wins over a disconnect with the same timestamp; a heartbeat does not.
inline std::size_t first_ending(const SessionRegisters& session) noexcept {
  const auto& all = session.disconnects;
  if (all.empty()) return 0;
  const auto first = session.heartbeat > session.connect ? detail::not_less(all.begin(), all.end(), session.heartbeat)
                                                         : detail::greater(all.begin(), all.end(), session.connect);
  return static_cast<std::size_t>(first - all.begin());
}

inline bool ended_by_disconnect(const SessionRegisters& session) noexcept {
  const auto& all = session.disconnects;
  return !all.empty() && all.back() > session.connect && all.back() >= session.heartbeat;
}

inline Timestamp silent_until(const SessionRegisters& session, const Rules& rules) noexcept {
  return rules.session_timeout == Duration() ? never : evidence(session) + rules.session_timeout;
}

/// Returns the latest timestamp of a last evidence after which the session has timed out at `now`; `absent` if no
/// session has.
inline Timestamp timed_out_up_to(Timestamp now, const Rules& rules) noexcept {
  return now == absent || rules.session_timeout == Duration() ? absent : now - rules.session_timeout;
}
inline bool live(const SessionRegisters& session, Timestamp timed_out_up_to) noexcept {
  return evidence(session) > timed_out_up_to && !ended_by_disconnect(session);
}
inline bool live(const SessionRegisters& session, Timestamp now, const Rules& rules) noexcept {
  return live(session, timed_out_up_to(now, rules));
}

/// Returns the time until which the session keeps its user online; `absent` if it does not keep them online at all.
PRESENCE_DETAIL_FLAT inline Timestamp online_until(const SessionRegisters& session, const Rules& rules) noexcept {
  if (evidence(session) == absent) return absent;
  const Timestamp silent = silent_until(session, rules);
  if (!ended_by_disconnect(session)) return silent + rules.offline_grace;
  if (rules.offline_grace == Duration()) return absent;
  return earlier(session.disconnects[first_ending(session)], silent) + rules.offline_grace;
}

/// Returns the time from which the user is offline if no event arrives, not counting reports; `absent` if the user is
/// already offline. O(sessions).
inline Timestamp online_until(const SessionSpan& sessions, const Rules& rules) noexcept {
  const bool has_grace = rules.offline_grace != Duration();
  const SessionRegisters* latest_open = nullptr;
  Timestamp latest = absent, until = absent;
  sessions.each([&](const SessionRegisters& session) {
    const Timestamp at = evidence(session);
    if (at <= latest) return;  // an open session with later evidence lasts longer
    if (!ended_by_disconnect(session)) {
      latest_open = &session;
      latest = at;
    } else if (has_grace) {
      until = later(until, online_until(session, rules));
    }
  });
  return latest_open == nullptr ? until : later(until, online_until(*latest_open, rules));
}
inline Timestamp online_until(const RegistersView& user, const Rules& rules) noexcept {
  return online_until(user.sessions, rules);
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
  const Timestamp latest =
      later(later(user.status_at(), user.reported_at()), seen == 0 ? absent : user.activities[seen - 1].value);
  if (latest == absent) return cut != absent ? absent : online_until(user, rules);
  if (!forgets) return never;
  if (cut != absent) return latest + rules.forget_after;
  return user.reported_to_be_online() ? never : later(latest + rules.forget_after, online_until(user, rules));
}

/// Returns the part that only the user can see, for use when others have forgotten the rest.
inline RegistersView hidden_part(const RegistersView& user, Timestamp cut) noexcept {
  RegistersView hidden = user;
  const std::size_t seen = seen_activities(user.activities, cut);
  hidden.activities = {user.activities.data() + seen, user.activities.size() - seen};
  hidden.rare = nullptr;
  return hidden;
}

/// Returns the user as seen by a viewer; nullopt if the user is unknown to the viewer. `cut` is the time at which the
/// user became invisible to the viewer, or `absent`.
inline std::optional<UserView> seen_with_cut(std::string_view id, const RegistersView& user, Timestamp now,
                                             const Rules& rules, Timestamp cut) noexcept {
  if (forgotten_at(user, cut, rules) <= now) return std::nullopt;
  const std::size_t seen = seen_activities(user.activities, cut);
  UserView view;
  view.id = id;
  view.online = cut == absent && (now < online_until(user, rules) || user.reported_to_be_online());
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
  auto view = seen_with_cut(id, others_forgot ? hidden_part(user, cut) : user, now, rules, absent);
  if (view) view->invisible = cut != absent;
  return view;
}

/// Returns the latest timestamp among the registers of the user that others can observe. For an invisible user, this
/// excludes everything after `invisible_since` except published data.
inline Timestamp latest_seen_timestamp(const RegistersView& user) noexcept {
  const Timestamp cut = invisible_since(user.visibility_changes);
  const std::size_t seen = seen_activities(user.activities, cut);
  Timestamp latest = later(later(user.status_at(), user.reported_at()), later(user.reported_last_active_at(), cut));
  latest = later(latest, user.removed());
  if (seen > 0) latest = later(latest, user.activities[seen - 1].evidence);
  if (cut != absent) return latest;
  for (const SessionRegisters& session : user.sessions) latest = later(latest, latest_timestamp(session));
  return user.visibility_changes.empty() ? latest : later(latest, user.visibility_changes.back().at);
}

/// Returns the next time after `now` at which time alone changes what others see; `never` if there is none.
inline Timestamp next_change(const RegistersView& user, Timestamp now, const Rules& rules) noexcept {
  const Timestamp cut = invisible_since(user.visibility_changes), forgotten = forgotten_at(user, cut, rules);
  if (forgotten <= now) return never;
  Timestamp next = forgotten;
  if (now < user.status_until() && !user.status().empty()) next = earlier(next, user.status_until());
  if (cut != absent || user.reported_to_be_online()) return next;
  const Timestamp until = online_until(user, rules);
  return now < until ? earlier(until, next) : next;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REGISTERS_DETAIL_DERIVED_HPP
