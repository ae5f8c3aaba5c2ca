// SPDX-License-Identifier: MIT
#include "../support.hpp"

using namespace support;

TEST_CASE("removing expired sessions changes neither what others see nor the user's own last_active") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(invisibly("john", "phone", at(30)));
  t.fold(heartbeat("john", "phone", at(50)));
  const auto others = t.s.find("john");
  for (const double later : {100.0, 200.0, 1000.0, 1e6, 1e9}) {
    t.pass(at(later));
    CHECK(t.s.find("john") == others);
    CHECK(last_active(t.s, "john", self("john")) == at(30));
    CHECK(t.s.inspect("john")->invisible_since == at(30));
    CHECK(t.s.inspect("john")->user.last_active == at(30));  // of the normal form
  }
  CHECK(t.s.inspect("john")->sessions.empty());
}

TEST_CASE("a timed-out session is removed once it is older than session_timeout + reorder_window") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.pass(at(160));
  CHECK(t.s.inspect("john")->sessions.size() == 1);
  t.pass(at(160) + tick);
  CHECK(t.s.inspect("john")->sessions.empty());
  CHECK(last_active(t.s, "john") == at(0));
}

TEST_CASE("without a timeout an open session keeps its latest evidence, however old") {
  Told t(with_timeout(Duration()));
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(heartbeat("john", "phone", at(10)));
  t.pass(at(1e8));
  const auto sessions = t.s.inspect("john")->sessions;
  REQUIRE(sessions.size() == 1);
  CHECK(sessions[0].last_evidence == at(10));
  CHECK_FALSE(sessions[0].online_since);
  CHECK(t.s.online("john"));
}

TEST_CASE("without a timeout a closed session is removed when its disconnect is older than reorder_window") {
  Told t(with_timeout(Duration()));
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(disconnect("john", "phone", at(10)));
  t.pass(at(130));
  CHECK(t.s.inspect("john")->sessions.size() == 1);
  t.pass(at(130) + tick);
  CHECK(t.s.inspect("john")->sessions.empty());
}

TEST_CASE("a user known only by a disconnect leaves no state when it expires") {
  Told t;
  t.pass(at(0));
  t.fold(disconnect("john", "phone", at(0)));
  t.pass(at(120));
  CHECK(t.s.inspect("john"));
  t.pass(at(120) + tick);
  CHECK_FALSE(t.s.inspect("john"));
  CHECK(t.s == reduce(Snapshot(), at(120) + tick));
}

TEST_CASE("a snapshot that was advanced in many steps equals one that was advanced in one") {
  const std::vector<PresenceEvent> events = {
      connect("john", "phone", at(0)),  invisibly("john", "laptop", at(5)), visibly("john", "phone", at(9)), disconnect("john", "laptop", at(20)),
      disconnect("ann", "phone", at(3)), says("ann", "hi", at(4)),           connect("bob", "tv", at(30)),    heartbeat("john", "phone", at(40))};
  Snapshot stepwise, at_once;
  for (const auto& event : events) {
    stepwise = reduce(reduce(std::move(stepwise), event.at), event);
    at_once = reduce(std::move(at_once), event);
  }
  for (const double later : {60.0, 165.0, 200.0, 1e4}) {
    for (double i = 40; i < later; i += later / 9) stepwise = reduce(std::move(stepwise), at(i));
    stepwise = reduce(std::move(stepwise), at(later));
    at_once = reduce(std::move(at_once), at(later));
    CHECK(stepwise == at_once);
    CHECK(stepwise.digest() == at_once.digest());
  }
}
