// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TESTS_UNIT_NODES_HPP
#define PRESENCE_TESTS_UNIT_NODES_HPP

// Sessions whose ids begin with the node that has them, and which of them are live.

#include "rich.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace support {

struct UserSession {
  std::string user, session;
  friend bool operator==(const UserSession& a, const UserSession& b) {
    return a.user == b.user && a.session == b.session;
  }
};
using UserSessions = std::vector<UserSession>;

inline std::string text(const UserSessions& all) {
  std::string lines;
  for (const UserSession& one : all) lines += "\n    " + one.user + " " + one.session;
  return lines;
}

/// What each_session lists.
inline UserSessions sessions_in(const Snapshot& s, std::string_view prefix = {}) {
  UserSessions all;
  s.each_session(prefix, [&all](std::string_view user, std::string_view session) {
    all.push_back({std::string(user), std::string(session)});
  });
  return all;
}

/// Where all events were applied.
inline Tally tally_of(std::size_t applied) {
  Tally tally;
  tally.applied = applied;
  return tally;
}

/// The ids of the users of `random_event_of_nodes`, in the order in which a snapshot iterates over them.
inline std::vector<std::string> ids_in_order(std::size_t users) {
  Snapshot all;
  for (std::size_t i = 0; i < users; ++i) apply(all, connect("user " + std::to_string(i), "a", at(0)));
  std::vector<std::string> ids;
  for (const UserView user : all) ids.emplace_back(user.id);
  return ids;
}

/// What each_session should list: the live sessions by `inspect`.
inline UserSessions inspected_sessions(const Snapshot& s, const std::vector<std::string>& ids,
                                       std::string_view prefix) {
  UserSessions all;
  for (const std::string& id : ids) {
    const std::optional<PresenceState> state = s.inspect(id);
    if (!state) continue;
    for (const Session& session : state->sessions) {
      if (session.alive && session.id.compare(0, prefix.size(), prefix) == 0) all.push_back({id, session.id});
    }
  }
  return all;
}

/// A random event of any type. The session ids are `node-0/a` to `node-2/b`, and some are too long for a row.
inline PresenceEvent random_event_of_nodes(Chance& chance, Timestamp when, std::size_t users) {
  PresenceEvent event = random_rich_event(chance, when, users);
  const std::size_t kind = chance.below(40), node = chance.below(3);
  if (kind == 0) return removes(event.user, when);
  if (kind < 4) return shows(event.user, when);
  if (kind < 8) return hides(event.user, when);
  if (kind < 20) event = connect(event.user, event.session.empty() ? "a" : event.session, when);
  if (kind < 10) event.invisible = true;
  if (!event.session.empty())
    event.session =
        "node-" + std::to_string(node) + (kind % 2 == 0 ? "/" : "/with-a-long-name-of-a-socket-") + event.session;
  return event;
}

inline Rules random_rules_of_nodes(Chance& chance) {
  Rules rules = random_rich_rules(chance);
  rules.hash_seed = chance.bits();
  if (chance.below(3) == 0) rules.forget_after = seconds(60);
  if (chance.below(3) == 0) rules.max_sessions_per_user = 2;
  if (chance.below(3) == 0) rules.max_recent_per_user = 2;
  return rules;
}

}  // namespace support

#endif  // PRESENCE_TESTS_UNIT_NODES_HPP
