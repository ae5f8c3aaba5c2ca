// SPDX-License-Identifier: MIT
#include "../support.hpp"

using namespace support;

TEST_CASE("a user is online while at least one session is alive") {
  Told t;
  CHECK(t.fold(connect("john", "phone", at(0))) == Verdict::applied);
  CHECK(t.fold(connect("john", "laptop", at(1))) == Verdict::applied);
  CHECK(t.fold(disconnect("john", "phone", at(2))) == Verdict::applied);
  CHECK(t.s.online("john"));
  CHECK(t.fold(disconnect("john", "laptop", at(3))) == Verdict::applied);
  CHECK_FALSE(t.s.online("john"));
  CHECK(t.s.size() == 1);
  CHECK(t.s.online_count() == 0);
}

TEST_CASE("a session id may be used again after a disconnect") {
  Told t;
  t.fold(connect("john", "phone", at(0)));
  t.fold(disconnect("john", "phone", at(1)));
  t.fold(connect("john", "phone", at(2)));
  CHECK(t.s.online("john"));
  CHECK(t.s.inspect("john")->sessions.size() == 1);
}

TEST_CASE("connecting again while connected refreshes the session") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.pass(at(30));
  CHECK(t.fold(connect("john", "phone", at(30))) == Verdict::applied);
  t.pass(at(69));
  CHECK(t.s.online("john"));
  CHECK(t.s.next_deadline() == at(70));
}

TEST_CASE("a heartbeat that arrives before its connect makes the user online") {
  Told t;
  t.pass(at(10));
  CHECK(t.fold(heartbeat("john", "phone", at(10))) == Verdict::applied);
  CHECK(t.s.online("john"));
  CHECK(t.fold(connect("john", "phone", at(5))) == Verdict::applied);
  CHECK(t.s.next_deadline() == at(50));
}

TEST_CASE("a heartbeat later than the disconnect revives the session until it times out") {
  Told t;
  t.fold(connect("john", "phone", at(0)));
  t.fold(disconnect("john", "phone", at(5)));
  t.fold(heartbeat("john", "phone", at(6)));
  CHECK(t.s.online("john"));
  t.pass(at(46));
  CHECK_FALSE(t.s.online("john"));
}

TEST_CASE("a heartbeat not later than the disconnect does not revive the session") {
  Told t;
  t.fold(disconnect("john", "phone", at(5)));
  t.fold(heartbeat("john", "phone", at(5)));
  CHECK_FALSE(t.s.online("john"));
  t.fold(heartbeat("john", "phone", at(4)));
  CHECK_FALSE(t.s.online("john"));
}

TEST_CASE("at the same timestamp a connect beats a disconnect, and a disconnect beats a heartbeat") {
  const PresenceEvent events[] = {connect("john", "phone", at(0)), disconnect("john", "phone", at(0)), heartbeat("john", "phone", at(0))};
  const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (const auto& order : orders) {
    Snapshot all, two;
    for (const int i : order) {
      all = reduce(std::move(all), events[i]);
      if (i != 0) two = reduce(std::move(two), events[i]);
    }
    CHECK(all.online("john"));
    CHECK_FALSE(two.online("john"));
  }
}

TEST_CASE("an event dated slightly ahead of now takes effect at once") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(-1)));
  t.fold(disconnect("john", "phone", at(30)));
  CHECK_FALSE(t.s.online("john"));
  CHECK(t.take().back().at == at(0));
}

TEST_CASE("a disconnect of an unknown session does not make the user known, but is remembered") {
  Told t;
  CHECK(t.fold(disconnect("john", "phone", at(5))) == Verdict::applied);
  CHECK(t.s.size() == 0);
  CHECK_FALSE(t.s.find("john"));
  CHECK(t.changes.empty());
  t.fold(connect("john", "phone", at(4)));
  CHECK(t.s.size() == 1);
  CHECK_FALSE(t.s.online("john"));
}

TEST_CASE("inspect returns each session with its timestamps") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(heartbeat("john", "phone", at(7)));
  t.fold(connect("john", "laptop", at(1)));
  t.fold(disconnect("john", "laptop", at(3)));
  const PresenceState truth = t.s.inspect("john").value();
  REQUIRE(truth.sessions.size() == 2);
  CHECK(truth.user == t.s.find("john", self("john")).value());
  CHECK(truth.sessions[0].id == "laptop");
  CHECK_FALSE(truth.sessions[0].alive);
  CHECK(truth.sessions[0].disconnects == std::vector<Timestamp>{at(3)});
  CHECK(truth.sessions[1].id == "phone");
  CHECK(truth.sessions[1].alive);
  CHECK(truth.sessions[1].last_evidence == at(7));
  CHECK(truth.sessions[1].online_since == at(0));
  CHECK(truth.sessions[1].online_until == at(47));
  CHECK_FALSE(t.s.inspect("jack"));
}
