// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_DETAIL_SESSION_TRACKER_BODIES_HPP
#define PRESENCE_LIVE_DETAIL_SESSION_TRACKER_BODIES_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/live/detail/session_tracker.hpp>
#include <presence/live/notices.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/registers/detail/absent.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/snapshot.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint64_t
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for move
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

PRESENCE_DETAIL_BODY SessionTracker::SessionTracker(std::uint64_t seed) : deadlines_(seed) {}

PRESENCE_DETAIL_BODY void SessionTracker::start(const Snapshot& snapshot) {
  if (is_tracking_) return;
  if (const Root* const root = SnapshotReader::read(snapshot)) {
    for (const RowView row : root->table) deadlines_.lower(row.name(), next_timeout_of(row, root->now, root->rules));
  }
  is_tracking_ = true;
}

PRESENCE_DETAIL_BODY bool SessionTracker::is_live(const SessionRegisters& session, Timestamp now,
                                                  const Rules& rules) noexcept {
  return !session.is_report() && live(session, now, rules);
}
PRESENCE_DETAIL_BODY bool SessionTracker::has_ended(const Snapshot& snapshot, std::string_view user,
                                                    std::string_view id) {
  const RowView row = SnapshotReader::find_row(snapshot, user);
  if (row == nullptr) return false;
  // Forgotten data must not matter, whether or not it has been dropped yet.
  const Root& root = *SnapshotReader::read(snapshot);
  return read_normal_form_of(row, root.now, root.rules, [&](const RegistersView& kept) noexcept {
    const SessionRegisters* const session = find_session(kept.sessions, id);
    return session != nullptr && !is_live(*session, root.now, root.rules);
  });
}

PRESENCE_DETAIL_BODY Timestamp SessionTracker::next_timeout(const Snapshot& snapshot) {
  return deadlines_.next([&](std::string_view user) { return next_timeout_of(snapshot, user); });
}
PRESENCE_DETAIL_BODY bool SessionTracker::has_timeout_until(const Snapshot& snapshot, Timestamp to) {
  return deadlines_.has_due(to) && next_timeout(snapshot) <= to;
}
PRESENCE_DETAIL_BODY void SessionTracker::pass(const Snapshot& snapshot) {
  const Timestamp now = SnapshotReader::now(snapshot);
  if (deadlines_.has_due(now))
    deadlines_.pass(now, [&](std::string_view user) { return next_timeout_of(snapshot, user); });
}

PRESENCE_DETAIL_BODY std::vector<SessionEnded> SessionTracker::timeouts_until(const Snapshot& snapshot,
                                                                              Timestamp to) const {
  std::vector<SessionEnded> timeouts;
  const Root* const root = SnapshotReader::read(snapshot);
  if (root == nullptr || to <= root->now) return timeouts;
  deadlines_.each_due(to, [&](std::string_view user) {
    const RowView row = root->table.find(user);
    if (row == nullptr) return;
    for (const SessionRegisters& session : row.registers().sessions) {
      const Timestamp until = silent_until(session, root->rules);
      if (until <= to && is_live(session, root->now, root->rules))
        timeouts.push_back(
            SessionEnded{std::string(user), std::string(session.id.view()), until, SessionEndReason::timed_out});
    }
  });
  return timeouts;
}

PRESENCE_DETAIL_BODY SessionTracker::Probe SessionTracker::probe(const Snapshot& snapshot,
                                                                 const PresenceEventView& event, Timestamp now) const {
  Probe found;
  const bool is_removal = event.type == EventType::remove;
  if (!is_tracking_ || (!belongs_to_session(event.type) && !is_removal)) return found;
  found.is_used = true;
  found.user = std::string(event.user);
  if (!is_removal) found.session = std::string(event.session);
  const RowView row = SnapshotReader::find_row(snapshot, event.user);
  if (row == nullptr) return found;
  const Rules& rules = snapshot.rules();
  const RegistersView user = row.registers();
  std::size_t count = 0;
  for (const SessionRegisters& session : user.sessions) {
    if (!is_live(session, now, rules)) continue;
    ++count;
    if (!is_removal && session.id.view() == event.session) found.was_live = true;
  }
  if (!is_removal && (found.was_live || count < rules.max_sessions_per_user)) return found;
  for (const SessionRegisters& session : user.sessions) {
    if (is_live(session, now, rules)) found.others.emplace_back(session.id.view());
  }
  return found;
}
PRESENCE_DETAIL_BODY void SessionTracker::compare(const Probe& probe, const Snapshot& snapshot, EventType type,
                                                  Timestamp at, std::vector<SessionEnded>& ends) {
  if (!probe.is_used) return;
  const SessionRegisters* const session = find_live(snapshot, probe.user, probe.session);
  if (session != nullptr && !probe.was_live) deadlines_.lower(probe.user, silent_until(*session, snapshot.rules()));
  if (session == nullptr && probe.was_live) {
    const bool is_known = SnapshotReader::find_row(snapshot, probe.user) != nullptr;
    SessionEndReason reason = is_known ? SessionEndReason::evicted : SessionEndReason::removed;
    if (type == EventType::disconnect) reason = SessionEndReason::disconnected;
    ends.push_back(SessionEnded{probe.user, probe.session, at, reason});
  }
  const SessionEndReason reason_of_others =
      type == EventType::remove ? SessionEndReason::removed : SessionEndReason::evicted;
  for (const std::string& other : probe.others) {
    if (find_live(snapshot, probe.user, other) == nullptr)
      ends.push_back(SessionEnded{probe.user, other, at, reason_of_others});
  }
}
PRESENCE_DETAIL_BODY void SessionTracker::add_timeouts(std::vector<SessionEnded> timeouts, const Probe& probe,
                                                       const Snapshot& snapshot, Timestamp at,
                                                       std::vector<SessionEnded>& ends) {
  const std::size_t by_event = ends.size();
  for (SessionEnded& timeout : timeouts) {
    if (timeout.at == at && timeout.user == probe.user && find_live(snapshot, timeout.user, timeout.session) != nullptr)
      continue;
    std::size_t i = 0;
    while (i < by_event && !(ends[i].user == timeout.user && ends[i].session == timeout.session)) ++i;
    if (i == by_event) {
      ends.push_back(std::move(timeout));
    } else if (ends[i].reason == SessionEndReason::evicted) {
      ends[i] = std::move(timeout);
    }
  }
}

PRESENCE_DETAIL_BODY void SessionTracker::compare(const Snapshot& before, const Snapshot& after,
                                                  std::vector<SessionEnded>& ends) {
  const Root* const was = SnapshotReader::read(before);
  const Root* const is = SnapshotReader::read(after);
  if (is == nullptr || was == is) return;
  const UserTable none;
  const UserTable& former = was == nullptr ? none : was->table;
  const Timestamp then = was == nullptr ? absent : was->now;
  std::vector<SessionEnded> found;
  const auto compare_rows = [&](const RowView& a, const RowView& b) {
    if (a == nullptr) return;
    for (const SessionRegisters& session : a.registers().sessions) {
      if (!is_live(session, then, is->rules)) continue;
      const SessionRegisters* const left =
          b == nullptr ? nullptr : find_session(b.registers().sessions, session.id.view());
      if (left != nullptr && is_live(*left, is->now, is->rules)) continue;
      const bool is_kept = left != nullptr && left->has_evidence();
      const Timestamp removed = b == nullptr ? absent : b.registers().removed();
      if (session.evidence_at() <= removed) {
        found.push_back(
            SessionEnded{std::string(a.name()), std::string(session.id.view()), removed, SessionEndReason::removed});
      } else {
        found.push_back(end_of(a.name(), is_kept ? *left : session, is_kept, *is));
      }
    }
  };
  // Time alone changes no row.
  deadlines_.each_due(is->now, [&](std::string_view user) { compare_rows(former.find(user), is->table.find(user)); });
  UserTable::each_pair(former, is->table, absent, [&](RowView a, RowView b) {
    if (b != nullptr) deadlines_.lower(b.name(), next_timeout_of(b, is->now, is->rules));
    compare_rows(a, b);
  });
  // A session may have been found in both ways.
  const auto is_before = [](const SessionEnded& a, const SessionEnded& b) {
    return a.user != b.user ? a.user < b.user : a.session < b.session;
  };
  detail::sort(found, is_before);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (i == 0 || is_before(ends.back(), found[i])) ends.push_back(std::move(found[i]));
  }
  pass(after);
}

PRESENCE_DETAIL_BODY const SessionRegisters* SessionTracker::find_live(const Snapshot& snapshot, std::string_view user,
                                                                       std::string_view id) noexcept {
  const RowView row = SnapshotReader::find_row(snapshot, user);
  const SessionRegisters* const session = row == nullptr ? nullptr : find_session(row.registers().sessions, id);
  const bool is_here = session != nullptr && is_live(*session, SnapshotReader::now(snapshot), snapshot.rules());
  return is_here ? session : nullptr;
}
PRESENCE_DETAIL_BODY Timestamp SessionTracker::next_timeout_of(const RowView& row, Timestamp now,
                                                               const Rules& rules) noexcept {
  Timestamp next = never;
  for (const SessionRegisters& session : row.registers().sessions) {
    if (is_live(session, now, rules)) next = earlier(next, silent_until(session, rules));
  }
  return next;
}
PRESENCE_DETAIL_BODY Timestamp SessionTracker::next_timeout_of(const Snapshot& snapshot,
                                                               std::string_view user) noexcept {
  const RowView row = SnapshotReader::find_row(snapshot, user);
  return row == nullptr ? never : next_timeout_of(row, SnapshotReader::now(snapshot), snapshot.rules());
}
PRESENCE_DETAIL_BODY SessionEnded SessionTracker::end_of(std::string_view user, const SessionRegisters& session,
                                                         bool is_kept, const Root& root) {
  SessionEnded ended{std::string(user), std::string(session.id.view()), root.now, SessionEndReason::evicted};
  const Timestamp silent = silent_until(session, root.rules);
  if (is_kept && ended_by_disconnect(session)) {
    ended.at = earlier(first_ending(session), silent);
    ended.reason = ended.at == silent ? SessionEndReason::timed_out : SessionEndReason::disconnected;
  } else if (root.now != absent && silent <= root.now) {
    ended.at = silent;
    ended.reason = SessionEndReason::timed_out;
  }
  return ended;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_DETAIL_SESSION_TRACKER_BODIES_HPP
