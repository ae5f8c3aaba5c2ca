// SPDX-License-Identifier: MIT
#include "../support.hpp"

using namespace support;

TEST_CASE("a diff reports the users whose publicly visible state differs, dated now") {
  Told t;
  t.pass(at(0));
  t.fold(connect("ann", "phone", at(0)));
  t.fold(connect("bob", "phone", at(0)));
  const Snapshot from = t.s;
  t.pass(at(30));
  t.fold(heartbeat("ann", "phone", at(30)));
  t.fold(says("cyd", "hi", at(30)));
  t.fold(invisibly("dee", "phone", at(30)));
  t.pass(at(50));
  Told told;
  diff(from, t.s, told);
  REQUIRE(told.changes.size() == 2);
  CHECK(told.changes[0].id == "bob");
  CHECK(told.changes[0].before->online);
  CHECK_FALSE(told.changes[0].after->online);
  CHECK(told.changes[1].id == "cyd");
  CHECK_FALSE(told.changes[1].before);
  for (const auto& change : told.changes) CHECK(change.at == at(50));
}

TEST_CASE("a diff to an empty snapshot reports its users as unknown") {
  const Snapshot s = reduce(Snapshot(), connect("ann", "phone", at(7)));
  Told told;
  diff(s, Snapshot(), told);
  REQUIRE(told.changes.size() == 1);
  CHECK(told.changes[0].before);
  CHECK_FALSE(told.changes[0].after);
  CHECK(told.changes[0].at == at(7));
}

TEST_CASE("without a now each change carries the user's latest known timestamp, and changes are in that order") {
  Snapshot s = reduce(Snapshot(), connect("ann", "phone", at(9)));
  s = reduce(std::move(s), connect("bob", "phone", at(7)));
  Told told;
  diff(Snapshot(), s, told);
  REQUIRE(told.changes.size() == 2);
  CHECK(told.changes[0].id == "bob");
  CHECK(told.changes[0].at == at(7));
  CHECK(told.changes[1].at == at(9));
}

TEST_CASE("a diff is empty for equal snapshots, and one change if one of many users set a status") {
  Snapshot s;
  for (int i = 0; i < 1000; ++i) s = reduce(std::move(s), connect("user-" + std::to_string(i), "phone", at(0)));
  Told told;
  diff(s, s, told);
  CHECK(told.changes.empty());
  const Snapshot next = reduce(s, says("user-500", "hi", at(0)));
  diff(s, next, told);
  REQUIRE(told.changes.size() == 1);
  CHECK(told.changes[0].id == "user-500");
  CHECK(told.changes[0].status_changed());
}
