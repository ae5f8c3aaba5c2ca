// SPDX-License-Identifier: MIT
#include "../support.hpp"

using namespace support;

TEST_CASE("a session ends exactly session_timeout after its last evidence") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(heartbeat("john", "phone", at(10)));
  t.pass(at(50) - tick);
  CHECK(t.s.online("john"));
  t.pass(at(50));
  CHECK_FALSE(t.s.online("john"));
}

TEST_CASE("a session times out at its deadline, not at the tick that noticed it") {
  Told t;
  t.fold(connect("john", "phone", at(0)));
  t.fold(connect("jack", "phone", at(3)));
  t.take();
  t.pass(at(5000));
  const auto changes = t.take();
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].id == "john");
  CHECK(changes[0].at == at(40));
  CHECK(changes[0].online_changed());
  CHECK_FALSE(changes[0].last_active_changed());
  CHECK(changes[1].id == "jack");
  CHECK(changes[1].at == at(43));
}

TEST_CASE("a session_timeout of 0 disables timeouts") {
  Told t(with_timeout(Duration()));
  t.fold(connect("john", "phone", at(0)));
  CHECK_FALSE(t.s.next_deadline());
  t.pass(at(1e8));
  CHECK(t.s.online("john"));
  t.fold(disconnect("john", "phone", at(1e8)));
  CHECK_FALSE(t.s.online("john"));
}

TEST_CASE("a snapshot without a now has no expired sessions and rejects no event as too late or too early") {
  Told t;
  CHECK_FALSE(t.s.now());
  CHECK(t.fold(connect("john", "phone", at(1e6))) == Verdict::applied);
  CHECK(t.fold(connect("jack", "phone", at(-1e6))) == Verdict::applied);
  CHECK(t.s.online_count() == 2);
  CHECK(t.s.next_deadline() == at(-1e6 + 40));
  t.pass(at(1e6));
  CHECK(t.s.online("john"));
  CHECK_FALSE(t.s.online("jack"));
}

TEST_CASE("advancing to a timestamp that is not later than now changes nothing") {
  Told t;
  t.pass(at(10));
  const std::uint64_t digest = t.s.digest();
  CHECK(t.pass(at(10)) == Verdict::unchanged);
  CHECK(t.pass(at(9)) == Verdict::unchanged);
  CHECK(t.s.digest() == digest);
  CHECK(t.s.now() == at(10));
}

TEST_CASE("time alone never turns a user online") {
  Told t;
  t.pass(at(0));
  t.fold(disconnect("john", "phone", at(30)));
  t.fold(connect("john", "phone", at(20)));
  t.fold(connect("jack", "phone", at(-100)));
  CHECK(t.s.online_count() == 0);
  for (int i = 0; i < 200; ++i) {
    t.pass(at(i));
    CHECK(t.s.online_count() == 0);
  }
}

TEST_CASE("nothing changes before next_deadline, and something changes at it") {
  Told t;
  t.pass(at(0));
  for (int i = 0; i < 300; ++i) t.fold(connect("user-" + std::to_string(i), "phone", at(i * 0.1)));
  for (int i = 0; i < 300; i += 3) t.fold(heartbeat("user-" + std::to_string(i), "phone", at(50)));
  t.take();
  while (const auto deadline = t.s.next_deadline()) {
    t.pass(*deadline - tick);
    CHECK(t.take().empty());
    t.pass(*deadline);
    const auto changes = t.take();
    CHECK_FALSE(changes.empty());
    for (const auto& change : changes) CHECK(change.at == *deadline);
  }
  CHECK(t.s.online_count() == 0);
}

TEST_CASE("invisible users, and users online by report, have no deadline") {
  Told t;
  t.pass(at(0));
  t.fold(invisibly("john", "phone", at(0)));
  CHECK_FALSE(t.s.next_deadline());
  t.fold(connect("jack", "phone", at(0)));
  CHECK(t.s.next_deadline() == at(40));
  t.fold(report("jack", true, at(0)));
  CHECK_FALSE(t.s.next_deadline());
  t.fold(report("jack", false, at(1)));
  CHECK(t.s.next_deadline() == at(40));
}
