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

/// What follows from the registers of a user and a timestamp. Nothing of it is stored.
///
/// `now` is `absent` where there is none yet, which is before every deadline. A timestamp that is `never` does not
/// come.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

inline constexpr Timestamp never = Timestamp::highest();

/// The latest word that a session was there.
inline Timestamp evidence(const SessionRegisters& session) noexcept {
  return later(session.connect, session.heartbeat);
}

/// The index of the first disconnect that ends the session; all after it do as well. A connect beats a disconnect of
/// its timestamp, a heartbeat does not.
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

inline bool live(const SessionRegisters& session, Timestamp now, const Rules& rules) noexcept {
  return evidence(session) != absent && !ended_by_disconnect(session) && now < silent_until(session, rules);
}

/// The session keeps its user online before this timestamp; `absent`: it does not at all.
inline Timestamp online_until(const SessionRegisters& session, const Rules& rules) noexcept {
  if (evidence(session) == absent) return absent;
  const std::size_t ending = first_ending(session);
  const bool ended = ending < session.disconnects.size();
  if (ended && rules.offline_grace == Duration()) return absent;
  const Timestamp silent = silent_until(session, rules);
  return (ended ? earlier(session.disconnects[ending], silent) : silent) + rules.offline_grace;
}

/// From this timestamp on time alone keeps the user offline, reports aside; `absent`: the user is offline as it is.
inline Timestamp online_until(const SessionSpan& sessions, const Rules& rules) noexcept {
  const bool has_grace = rules.offline_grace != Duration();
  const SessionRegisters* latest_open = nullptr;
  Timestamp latest = absent, until = absent;
  sessions.each([&](const SessionRegisters& session) {
    const Timestamp at = evidence(session);
    if (at <= latest) return;  // an open one of later evidence lasts longer
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

/// How many of the activities are on evidence before the cut, and so may be seen by others: all of a visible user's.
inline std::size_t seen_activities(Span<Activity> activities, Timestamp cut) noexcept {
  if (cut == absent) return activities.size();
  const auto end = detail::partition_point(activities.begin(), activities.end(),
                                           [cut](const Activity& a) { return a.evidence < cut; });
  return static_cast<std::size_t>(end - activities.begin());
}

/// From this timestamp on time alone makes the user unknown to somebody for whom the user went invisible at `cut`, if
/// at all; `absent`: the user is unknown as it is.
inline Timestamp forgotten_at(const RegistersView& user, Timestamp cut, const Rules& rules) noexcept {
  const std::size_t seen = seen_activities(user.activities, cut);
  const Timestamp latest =
      later(later(user.status_at(), user.reported_at()), seen == 0 ? absent : user.activities[seen - 1].value);
  if (latest == absent) return absent;
  if (rules.forget_after == Duration::highest()) return never;
  if (cut != absent) return latest + rules.forget_after;
  return user.reported_to_be_online() ? never : later(latest + rules.forget_after, online_until(user, rules));
}

/// What nobody but the user knows, where others have forgotten what they knew.
inline RegistersView hidden_part(const RegistersView& user, Timestamp cut) noexcept {
  RegistersView hidden = user;
  const std::size_t seen = seen_activities(user.activities, cut);
  hidden.activities = {user.activities.data() + seen, user.activities.size() - seen};
  hidden.rare = nullptr;
  return hidden;
}

/// How the user looks to somebody for whom the user went invisible at `cut`, if at all.
inline std::optional<UserView> seen_with_cut(std::string_view id, const RegistersView& user, Timestamp now,
                                             const Rules& rules, Timestamp cut) noexcept {
  if (forgotten_at(user, cut, rules) <= now) return std::nullopt;
  const std::size_t seen = seen_activities(user.activities, cut);
  UserView view;
  view.id = id;
  view.online = cut == absent && (now < online_until(user, rules) || user.reported_to_be_online());
  view.status = user.status();
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

/// The latest timestamp that others could tell what is kept of the user apart by: of an invisible user nothing after
/// the cut but what is published.
inline Timestamp latest_seen_instant(const RegistersView& user) noexcept {
  const Timestamp cut = invisible_since(user.visibility_changes);
  const std::size_t seen = seen_activities(user.activities, cut);
  Timestamp latest = later(later(user.status_at(), user.reported_at()), later(user.reported_last_active_at(), cut));
  if (seen > 0) latest = later(latest, user.activities[seen - 1].evidence);
  if (cut != absent) return latest;
  for (const SessionRegisters& session : user.sessions) latest = later(latest, latest_instant(session));
  return user.visibility_changes.empty() ? latest : later(latest, user.visibility_changes.back().at);
}

/// The next timestamp, after `now`, at which time alone changes what others see; `never` where there is none.
inline Timestamp next_change(const RegistersView& user, Timestamp now, const Rules& rules) noexcept {
  const Timestamp cut = invisible_since(user.visibility_changes), forgotten = forgotten_at(user, cut, rules);
  if (forgotten <= now) return never;
  if (cut != absent) return forgotten;
  if (user.reported_to_be_online()) return never;
  const Timestamp until = online_until(user, rules);
  return now < until ? until : forgotten;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REGISTERS_DETAIL_DERIVED_HPP
