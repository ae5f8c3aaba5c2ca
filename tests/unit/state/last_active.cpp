// SPDX-License-Identifier: MIT
#include "../support.hpp"

using namespace support;

TEST_CASE("connecting sets last_active, and heartbeats move it in steps counted from 1970") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(10)));
  CHECK(last_active(t.s, "john") == at(10));
  for (int i = 1; i < 90; ++i) {
    t.pass(at(10 * i));
    t.fold(heartbeat("john", "phone", at(10 * i)));
  }
  CHECK(last_active(t.s, "john") == at(10));
  t.pass(at(901));
  t.fold(heartbeat("john", "phone", at(901)));
  CHECK(last_active(t.s, "john") == at(900));
  CHECK(t.take().back().last_active_changed());
}

TEST_CASE("with a last_active_refresh of zero each heartbeat updates last_active") {
  Rules rules;
  rules.last_active_refresh = Duration();
  Told t(rules);
  t.fold(connect("john", "phone", at(0)));
  t.fold(heartbeat("john", "phone", at(7)));
  CHECK(last_active(t.s, "john") == at(7));
}

TEST_CASE("last_active steps before 1970 are rounded down as well") {
  Told t;
  t.fold(heartbeat("john", "phone", Timestamp::from_ms(-1)));
  CHECK(last_active(t.s, "john") == Timestamp::from_ms(-900000));
}

TEST_CASE("a disconnect, a timeout and a status do not move last_active") {
  Told t;
  t.fold(connect("john", "phone", at(0)));
  t.fold(disconnect("john", "phone", at(20)));
  t.fold(says("john", "gone", at(21)));
  t.pass(at(2000));
  CHECK(last_active(t.s, "john") == at(0));
}

TEST_CASE("a user who never connected has no last_active") {
  Told t;
  t.fold(says("john", "hi", at(0)));
  REQUIRE(t.s.find("john"));
  CHECK_FALSE(last_active(t.s, "john"));
}

TEST_CASE("a late connect does not move last_active back") {
  Told t;
  t.pass(at(100));
  t.fold(connect("john", "phone", at(100)));
  t.fold(connect("john", "laptop", at(50)));
  CHECK(last_active(t.s, "john") == at(100));
}

TEST_CASE("last_active is the later of the value of a report and that of the user's connects") {
  Told t;
  t.fold(connect("john", "phone", at(100)));
  PresenceEvent earlier = report("john", true, at(101));
  earlier.last_active = at(50);
  t.fold(earlier);
  CHECK(last_active(t.s, "john") == at(100));
  PresenceEvent later = report("john", true, at(102));
  later.last_active = at(150);
  t.fold(later);
  CHECK(last_active(t.s, "john") == at(150));
}
