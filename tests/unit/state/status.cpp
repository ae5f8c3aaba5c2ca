// SPDX-License-Identifier: MIT
#include "../support.hpp"

using namespace support;

TEST_CASE("a status survives disconnects, timeouts and visibility changes") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(says("john", "Eating a veggie burger...", at(1)));
  t.fold(disconnect("john", "phone", at(2)));
  CHECK(status(t.s, "john") == "Eating a veggie burger...");
  t.fold(connect("john", "phone", at(3)));
  t.pass(at(1000));
  CHECK(status(t.s, "john") == "Eating a veggie burger...");
  t.fold(invisibly("john", "phone", at(1000)));
  CHECK(status(t.s, "john") == "Eating a veggie burger...");
  t.fold(visibly("john", "phone", at(1001)));
  CHECK(status(t.s, "john") == "Eating a veggie burger...");
}

TEST_CASE("an empty string clears the status") {
  Told t;
  t.fold(says("john", "here", at(0)));
  t.fold(says("john", "", at(1)));
  CHECK(status(t.s, "john").empty());
  CHECK(t.s.size() == 1);
  CHECK(t.changes.back().status_changed());
}

TEST_CASE("an earlier status that arrives late does not replace a later one") {
  Told t;
  t.fold(says("john", "later", at(2)));
  CHECK(t.fold(says("john", "earlier", at(1))) == Verdict::unchanged);
  CHECK(status(t.s, "john") == "later");
}

TEST_CASE("of two statuses with the same timestamp the greater string wins") {
  Snapshot a, b;
  a = reduce(reduce(std::move(a), says("john", "a", at(1))), says("john", "b", at(1)));
  b = reduce(reduce(std::move(b), says("john", "b", at(1))), says("john", "a", at(1)));
  CHECK(status(a, "john") == "b");
  CHECK(a == b);
  // Bytes compare unsigned: non-ASCII strings are greater than ASCII strings.
  a = reduce(std::move(a), says("john", "\xC3\xA9", at(1)));
  CHECK(status(a, "john") == "\xC3\xA9");
}

TEST_CASE("a status on a connect carries the timestamp of the connect") {
  Told t;
  PresenceEvent hello = connect("john", "phone", at(5));
  hello.status = "hi";
  t.fold(hello);
  CHECK(status(t.s, "john") == "hi");
  CHECK(t.s.inspect("john")->status_at == at(5));
  t.fold(says("john", "old", at(4)));
  CHECK(status(t.s, "john") == "hi");
  CHECK(t.changes.size() == 1);  // connect and status are one change
}

TEST_CASE("a status alone makes a user known") {
  Told t;
  t.fold(says("john", "hi", at(0)));
  CHECK(t.s.size() == 1);
  REQUIRE(t.changes.size() == 1);
  CHECK_FALSE(t.changes[0].before);
  CHECK(t.changes[0].after == User{"john", false, "hi", std::nullopt, false});
}

TEST_CASE("a status may be long and contain any bytes") {
  Told t;
  const std::string text = std::string(500, 'x') + std::string(1, '\0') + "\xFF";
  t.fold(says("john", text, at(0)));
  CHECK(status(t.s, "john") == text);
}
