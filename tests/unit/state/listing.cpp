// SPDX-License-Identifier: MIT

// Listing everything that is kept: the ids of all users, and all live sessions.

#include "../nodes.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

using namespace support;

namespace {

using Ids = std::vector<std::string>;

Ids ids_in(const Snapshot& s) {
  Ids ids;
  s.each_user_id([&ids](std::string_view id) { ids.emplace_back(id); });
  return ids;
}
Ids sorted(Ids ids) {
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace

TEST_CASE("an empty snapshot lists no user and no session") {
  CHECK(ids_in(Snapshot()).empty());
  CHECK(sessions_in(Snapshot()).empty());
  CHECK(ids_in(reduce(Snapshot(), at(0))).empty());
}

TEST_CASE("every user of whom anything is kept is listed, whatever others know of them") {
  Snapshot s = reduce(Snapshot(), at(0));
  apply(s, connect("john", "phone", at(0)));
  apply(s, invisibly("mary", "tv", at(0)));
  apply(s, hides("ann", at(0)));
  apply(s, disconnect("bob", "never-seen", at(0)));
  apply(s, until(chooses("cid", Availability::busy, at(0)), at(10)));
  apply(s, report("dan", false, at(0)));
  apply(s, says("eve", "hi", at(0)));
  apply(s, connect("fay", "phone", at(0)));
  apply(s, removes("fay", at(0)));
  apply(s, connect("", "phone", at(0)));
  CHECK(sorted(ids_in(s)) == Ids{"ann", "bob", "cid", "dan", "eve", "fay", "john", "mary"});
  CHECK(s.size() == 3);
  for (const std::string& id : ids_in(s)) CHECK(s.inspect(id).has_value());
  // After the reorder window nothing is kept of some of them.
  s = reduce(std::move(s), at(3600));
  CHECK(sorted(ids_in(s)) == Ids{"ann", "dan", "eve", "john", "mary"});
  for (const char* gone : {"bob", "cid", "fay"}) CHECK_FALSE(s.inspect(gone));
}

TEST_CASE("the order of the users depends only on their ids, and is that of iteration") {
  const Ids order = ids_in_order(500);
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    Rules rules;
    rules.hash_seed = seed;
    Chance chance(seed);
    Snapshot s(rules);
    std::vector<PresenceEvent> events;
    for (const std::string& id : order) {
      if (chance.below(3) != 0)
        events.push_back(chance.below(2) == 0 ? connect(id, "a", at(0)) : invisibly(id, "a", at(0)));
    }
    for (std::size_t i = events.size(); i > 1; --i) std::swap(events[i - 1], events[chance.below(i)]);
    for (const PresenceEvent& event : events) apply(s, event);
    Ids expected, known;
    for (const std::string& id : order) {
      if (s.inspect(id)) expected.push_back(id);
    }
    CHECK(ids_in(s) == expected);
    UserSessions sessions;
    for (const std::string& id : expected) sessions.push_back({id, "a"});
    CHECK(sessions_in(s) == sessions);
    for (const UserView user : s) known.emplace_back(user.id);
    CHECK(known.size() < expected.size());
    std::size_t next = 0;
    for (const std::string& id : expected) next += next < known.size() && known[next] == id ? 1u : 0u;
    CHECK(next == known.size());
  }
}

TEST_CASE("a prefix lists the live sessions whose ids begin with it, in the order of the ids of each user") {
  Snapshot s = reduce(Snapshot(), at(0));
  for (const char* session : {"node-8/1", "node-7/2", "node-71/1", "node-7/10", "node-7", "node-7/1", "n"})
    apply(s, connect("john", session, at(0)));
  const auto of_john = [&s](std::string_view prefix) {
    std::string line;
    for (const UserSession& one : sessions_in(s, prefix)) line += (line.empty() ? "" : " ") + one.session;
    return line;
  };
  CHECK(of_john("") == "n node-7 node-7/1 node-7/10 node-7/2 node-71/1 node-8/1");
  CHECK(of_john("node-7") == "node-7 node-7/1 node-7/10 node-7/2 node-71/1");
  CHECK(of_john("node-7/") == "node-7/1 node-7/10 node-7/2");
  CHECK(of_john("node-7/1") == "node-7/1 node-7/10");
  CHECK(of_john("node-7/10") == "node-7/10");
  CHECK(of_john("node-7/100") == "");
  CHECK(of_john("ode-7") == "");
  CHECK(of_john(std::string_view("n\0", 2)) == "");
}

TEST_CASE("a session is listed until it disconnects or times out, also if its user is shown online for longer") {
  Rules rules = with_timeout(seconds(40));
  rules.offline_grace = seconds(30);
  Snapshot s = reduce(Snapshot(rules), at(0));
  apply(s, connect("john", "phone", at(0)));
  apply(s, connect("mary", "tv", at(0)));
  apply(s, connect("ann", "tv", at(1)));
  CHECK(sessions_in(s).size() == 3);
  apply(s, disconnect("john", "phone", at(2)));
  CHECK(s.online("john"));
  CHECK(sessions_in(s).size() == 2);
  s = reduce(std::move(s), at(40) - tick);
  CHECK(sessions_in(s).size() == 2);
  s = reduce(std::move(s), at(40));
  CHECK(s.online("mary"));
  CHECK(sessions_in(s) == UserSessions{{"ann", "tv"}});
  apply(s, heartbeat("mary", "tv", at(40)));
  CHECK(sessions_in(s).size() == 2);
}

TEST_CASE("sessions of invisible users are listed, and reports are not") {
  Snapshot s = reduce(Snapshot(), at(0));
  apply(s, invisibly("john", "phone", at(0)));
  apply(s, report("john", true, at(0)));
  apply(s, report("mary", true, at(0)));
  CHECK(sessions_in(s) == UserSessions{{"john", "phone"}});
  CHECK(sessions_in(s, "p") == UserSessions{{"john", "phone"}});
}

TEST_CASE("without a time, no session has timed out") {
  Snapshot s;
  apply(s, connect("john", "phone", at(0)));
  apply(s, connect("john", "tv", at(100000)));
  CHECK(sessions_in(s).size() == 2);
  CHECK(sessions_in(reduce(s, at(100001))) == UserSessions{{"john", "tv"}});
}

TEST_CASE("a held session is listed until its hold ends") {
  Snapshot s = reduce(Snapshot(), at(0));
  apply(s, connect("john", "phone", at(0)));
  resume(s, at(300), seconds(60));
  CHECK(sessions_in(s).size() == 1);
  CHECK(sessions_in(reduce(s, at(360))).empty());
}

TEST_CASE("a snapshot may be changed while a copy lists its sessions") {
  Snapshot s = reduce(Snapshot(), at(0));
  for (std::size_t i = 0; i < 300; ++i) {
    apply(s, connect(user_id(i), "node-1/a", at(0)));
    apply(s, connect(user_id(i), "node-2/a session with a long id", at(0)));
  }
  const Snapshot copy = s;
  std::size_t ended = 0;
  copy.each_session("node-1/", [&](std::string_view user, std::string_view session) {
    ended += apply(s, PresenceEventView::disconnect(user, session, at(1))) == Verdict::applied ? 1u : 0u;
    apply(s, PresenceEventView::remove(user, at(2)));
  });
  CHECK(ended == 300);
  CHECK(sessions_in(s).empty());
  CHECK(sessions_in(copy).size() == 600);
}

TEST_CASE("what is listed is what inspect finds, after any history") {
  Chance chance(4117);
  const Ids ids = ids_in_order(60);
  std::size_t listed = 0, hidden = 0;
  for (std::size_t round = 0; round < 60; ++round) {
    const Rules rules = random_rules_of_nodes(chance);
    Snapshot nodes[2] = {Snapshot(rules), Snapshot(rules)};
    std::vector<Snapshot> copies;
    for (int second = 0; second < 200; second += 5) {
      for (std::size_t i = chance.below(30); i > 0; --i) {
        const int late = static_cast<int>(chance.below(25));
        const std::size_t node = chance.below(2);
        apply(nodes[node], random_event_of_nodes(chance, at(second - late), round % 2 == 0 ? 4 : 60));
      }
      const std::size_t kind = chance.below(12);
      if (kind == 0) nodes[0] = merge(std::move(nodes[0]), nodes[1]);
      if (kind == 1) forget_reports_in(nodes[0]);
      if (kind == 2) copies.push_back(nodes[0]);
      if (kind == 3) {
        resume(nodes[0], at(second), seconds(static_cast<double>(chance.below(30))));
      } else if (kind < 11) {
        nodes[0] = reduce(std::move(nodes[0]), at(second));
      }
      if (second % 3 == 0) nodes[1] = reduce(std::move(nodes[1]), at(second));
      const Snapshot& s = nodes[0];
      Ids expected;
      for (const std::string& id : ids) {
        if (s.inspect(id)) expected.push_back(id);
      }
      REQUIRE(ids_in(s) == expected);
      hidden += expected.size() - s.size();
      for (const char* prefix : {"", "node-1/", "node-2/with", "node-1/a"}) {
        const UserSessions sessions = inspected_sessions(s, ids, prefix);
        listed += sessions.size();
        REQUIRE(text(sessions_in(s, prefix)) == text(sessions));
      }
    }
  }
  CHECK(listed > 1000);
  CHECK(hidden > 1000);
}
