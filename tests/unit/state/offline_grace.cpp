// SPDX-License-Identifier: MIT
#include "../support.hpp"

using namespace support;

namespace {
Rules with_grace(Duration grace) {
  Rules rules;
  rules.offline_grace = grace;
  return rules;
}
}  // namespace

TEST_CASE("a user stays online for offline_grace after their last session ended") {
  Told t(with_grace(seconds(10)));
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.take();
  t.fold(disconnect("john", "phone", at(5)));
  CHECK(t.s.online("john"));
  CHECK(t.changes.empty());
  CHECK(t.s.next_deadline() == at(15));
  t.pass(at(100));
  REQUIRE(t.changes.size() == 1);
  CHECK(t.changes[0].at == at(15));
}

TEST_CASE("a new session within offline_grace keeps the user online and emits no change") {
  Told t(with_grace(seconds(10)));
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.take();
  t.fold(disconnect("john", "phone", at(5)));
  t.pass(at(14));
  t.fold(heartbeat("john", "laptop", at(14)));
  t.pass(at(60));
  CHECK(t.changes.empty());
  CHECK(t.s.online("john"));
  CHECK(t.s.next_deadline() == at(64));
}

TEST_CASE("offline_grace also delays a timeout") {
  Told t(with_grace(seconds(10)));
  t.fold(connect("john", "phone", at(0)));
  CHECK(t.s.next_deadline() == at(50));
}

TEST_CASE("a session ends at its first disconnect after its last evidence, not at a later one") {
  Told t(with_grace(seconds(10)));
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(disconnect("john", "phone", at(20)));
  t.fold(disconnect("john", "phone", at(8)));
  CHECK(t.s.next_deadline() == at(18));
  t.fold(heartbeat("john", "phone", at(12)));
  CHECK(t.s.next_deadline() == at(30));
}

TEST_CASE("a disconnect after the timeout does not prolong the session") {
  Told t(with_grace(seconds(10)));
  t.pass(at(39));
  t.fold(connect("john", "phone", at(0)));
  t.fold(disconnect("john", "phone", at(70)));
  CHECK(t.s.next_deadline() == at(50));
}

TEST_CASE("offline_grace does not delay going invisible") {
  Told t(with_grace(seconds(10)));
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(invisibly("john", "phone", at(1)));
  CHECK_FALSE(t.s.online("john"));
}
