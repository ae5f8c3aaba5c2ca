// SPDX-License-Identifier: MIT
#include "../support.hpp"

using namespace support;

TEST_CASE("others see an invisible user as offline with the earlier last_active; the user sees their real state") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.pass(at(1000));
  t.take();
  t.fold(invisibly("john", "phone", at(1000)));
  t.fold(heartbeat("john", "phone", at(1020)));
  CHECK(t.changes.empty());
  CHECK(t.s.find("john") == User{"john", false, "", at(0), false});
  CHECK(t.s.find("john", Viewer{"jack"}) == User{"john", false, "", at(0), false});
  CHECK(t.s.find("john", self("john")) == User{"john", true, "", at(1000), true});
  CHECK(t.s.online("john", self("john")));
  CHECK(t.s.inspect("john")->invisible_since == at(1000));
  CHECK(t.s.online_count() == 0);
}

TEST_CASE("becoming invisible while online is one change to offline") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.take();
  t.fold(invisibly("john", "phone", at(1)));
  REQUIRE(t.changes.size() == 1);
  CHECK(t.changes[0].before == User{"john", true, "", at(0), false});
  CHECK(t.changes[0].after == User{"john", false, "", at(0), false});
}

TEST_CASE("a user who has always been invisible does not exist for others") {
  Told t;
  t.pass(at(0));
  t.fold(invisibly("john", "phone", at(0)));
  CHECK(t.changes.empty());
  CHECK_FALSE(t.s.find("john"));
  CHECK_FALSE(t.s.view("john", Viewer{"jack"}));
  CHECK(t.s.size() == 0);
  CHECK(t.s.begin() == t.s.end());
  CHECK(t.s.find("john", self("john")) == User{"john", true, "", at(0), true});
  CHECK(t.s.inspect("john")->user.online);
}

TEST_CASE("a report of being online does not show an invisible user as online") {
  Told t;
  t.fold(connect("john", "phone", at(0)));
  t.fold(invisibly("john", "phone", at(1)));
  t.fold(report("john", true, at(2)));
  CHECK_FALSE(t.s.online("john"));
}

TEST_CASE("a status set while invisible is published, and nothing else") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(invisibly("john", "phone", at(1)));
  t.take();
  t.fold(says("john", "shh", at(2)));
  REQUIRE(t.changes.size() == 1);
  CHECK(t.changes[0].after == User{"john", false, "shh", at(0), false});
  PresenceEvent again = connect("john", "phone", at(3));
  again.status = "louder";
  t.fold(again);
  CHECK(t.s.find("john") == User{"john", false, "louder", at(0), false});
}

TEST_CASE("a status makes an unknown invisible user known") {
  Told t;
  PresenceEvent hello = invisibly("john", "phone", at(0));
  hello.status = "hi";
  t.fold(hello);
  CHECK(t.s.find("john") == User{"john", false, "hi", std::nullopt, false});
}

TEST_CASE("a user stays invisible until a later connect sets `invisible` to false; absent means unchanged") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(invisibly("john", "phone", at(1)));
  t.fold(disconnect("john", "phone", at(2)));
  t.fold(connect("john", "laptop", at(3)));
  CHECK_FALSE(t.s.online("john"));
  t.pass(at(10000));
  t.fold(connect("john", "laptop", at(10000)));
  CHECK_FALSE(t.s.online("john"));
  t.fold(visibly("john", "laptop", at(10001)));
  CHECK(t.s.online("john"));
}

TEST_CASE("of two visibility changes with the same timestamp, invisible wins") {
  for (const bool first : {true, false}) {
    Snapshot s;
    s = reduce(std::move(s), invisibly("john", "phone", at(0), first));
    s = reduce(std::move(s), invisibly("john", "laptop", at(0), !first));
    CHECK_FALSE(s.find("john"));
    CHECK(s.online("john", self("john")));
  }
}

TEST_CASE("when invisibility ends others see the current state, and nothing dated inside the interval") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.pass(at(100));
  t.fold(invisibly("john", "phone", at(100)));
  t.pass(at(3000));
  t.fold(connect("john", "phone", at(3000)));
  t.pass(at(3010));
  t.take();
  t.fold(visibly("john", "phone", at(3010)));
  REQUIRE(t.changes.size() == 1);
  CHECK(t.changes[0].before == User{"john", false, "", at(0), false});
  CHECK(t.changes[0].after == User{"john", true, "", at(3010), false});
}

TEST_CASE("a late event from before the change to invisible still counts for others") {
  Told t;
  t.pass(at(100));
  t.fold(invisibly("john", "phone", at(100)));
  CHECK_FALSE(t.s.find("john"));
  t.fold(connect("john", "phone", at(50)));
  CHECK(t.s.find("john") == User{"john", false, "", at(50), false});
}

TEST_CASE("a late change to invisible hides later evidence, until the user becomes visible") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.pass(at(100));
  t.fold(connect("john", "phone", at(100)));
  CHECK(last_active(t.s, "john") == at(100));
  t.fold(invisibly("john", "phone", at(50)));
  CHECK(t.s.find("john") == User{"john", false, "", at(0), false});
  t.fold(visibly("john", "phone", at(60)));
  CHECK(t.s.find("john") == User{"john", true, "", at(100), false});
}

TEST_CASE("becoming invisible while offline does not change the last_active that others see") {
  Told t;
  const double day = 86400;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(disconnect("john", "phone", at(10)));
  t.pass(at(4 * day));
  t.take();
  t.fold(invisibly("john", "phone", at(4 * day)));
  CHECK(t.changes.empty());
  CHECK(last_active(t.s, "john") == at(0));
  CHECK(last_active(t.s, "john", self("john")) == at(4 * day));
}

TEST_CASE("the timeout of an invisible user causes no change") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(invisibly("john", "phone", at(1)));
  t.take();
  t.pass(at(1000));
  CHECK(t.changes.empty());
  CHECK_FALSE(t.s.online("john", self("john")));
}
