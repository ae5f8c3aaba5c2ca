// SPDX-License-Identifier: MIT
#include "../support.hpp"

using namespace support;

namespace {
PresenceEvent report_of(std::string id, bool online, std::string text, std::optional<Timestamp> active, Timestamp when) {
  return PresenceEvent::report(User{std::move(id), online, std::move(text), active, false}, when);
}
Tally list(Told& t, const std::vector<PresenceEvent>& events, Timestamp as_of) { return resync(t.s, events.begin(), events.end(), as_of, t); }
}  // namespace

TEST_CASE("a report sets the presence, status and last_active of a user as the server sent them") {
  Told t(Rules::mirror());
  t.fold(report_of("john", true, "hi", at(-500), at(0)));
  CHECK(t.s.find("john") == User{"john", true, "hi", at(-500), false});
  REQUIRE(t.changes.size() == 1);
  CHECK_FALSE(t.changes[0].before);
}

TEST_CASE("a field missing from a report is left unchanged") {
  Told t(Rules::mirror());
  t.fold(report_of("john", true, "hi", at(-500), at(0)));
  t.fold(report("john", false, at(1)));
  CHECK(t.s.find("john") == User{"john", false, "hi", at(-500), false});
}

TEST_CASE("each field of a report is its own last-writer-wins register") {
  Told t(Rules::mirror());
  t.fold(report_of("john", true, "new", at(10), at(5)));
  t.fold(report_of("john", false, "old", at(90), at(4)));
  CHECK(t.s.find("john") == User{"john", true, "new", at(10), false});
  t.fold(report("john", false, at(7)));
  t.fold(report_of("john", true, "newer", at(20), at(6)));
  CHECK(t.s.find("john") == User{"john", false, "newer", at(20), false});
}

TEST_CASE("of two reports with the same timestamp, online and the later last_active win") {
  for (const bool first : {true, false}) {
    Told t(Rules::mirror());
    t.fold(report_of("john", first, "", at(first ? 10 : 20), at(5)));
    t.fold(report_of("john", !first, "", at(first ? 20 : 10), at(5)));
    CHECK(t.s.find("john") == User{"john", true, "", at(20), false});
  }
}

TEST_CASE("neither a local disconnect nor the passing of time ends a report") {
  Told t;
  t.pass(at(0));
  t.fold(report("john", true, at(0)));
  t.fold(connect("john", "phone", at(0)));
  t.fold(disconnect("john", "phone", at(1)));
  t.pass(at(100000));
  CHECK(t.s.online("john"));
}

TEST_CASE("forget_reports_in takes users offline who are online only by report, and keeps the rest") {
  Told t(Rules::mirror());
  t.pass(at(100));
  t.fold(report_of("john", true, "hi", at(10), at(50)));
  t.fold(report("jack", false, at(50)));
  t.fold(connect("mary", "phone", at(100)));
  t.take();
  forget_reports_in(t.s, t);
  REQUIRE(t.changes.size() == 1);
  CHECK(t.changes[0].after == User{"john", false, "hi", at(10), false});
  CHECK(t.changes[0].at == at(100));
  CHECK(t.s.online("mary"));
  CHECK(t.s.size() == 3);
  CHECK(forget_reports(t.s) == t.s);
}

TEST_CASE("after forget_reports_in a newer report counts, even if it is older than now") {
  Told t(Rules::mirror());
  t.pass(at(1000));
  t.fold(report("john", true, at(50)));
  forget_reports_in(t.s, t);
  CHECK_FALSE(t.s.online("john"));
  t.fold(report("john", true, at(50)));
  CHECK_FALSE(t.s.online("john"));  // the same stale report again
  t.fold(report("john", true, at(51)));
  CHECK(t.s.online("john"));
}

TEST_CASE("resync applies the whole list in one call and emits no change for a user who remains online") {
  Told t(Rules::mirror());
  for (const char* id : {"ann", "bob", "cyd"}) t.fold(report(id, true, at(0)));
  t.take();
  const Tally tally = list(t, {report("ann", true, at(10)), report("dee", true, at(10))}, at(10));
  CHECK(tally.applied == 2);
  const auto changes = t.take();
  REQUIRE(changes.size() == 3);
  CHECK(changes[0].id == "bob");
  CHECK_FALSE(changes[0].after->online);
  CHECK(changes[1].id == "cyd");
  CHECK(changes[2].id == "dee");
  CHECK(changes[2].after->online);
  for (const auto& change : changes) CHECK(change.at == at(10));
  CHECK(t.s.online("ann"));
}

TEST_CASE("resync dates older entries as of the list and keeps known reports newer than the list") {
  Told t(Rules::mirror());
  t.fold(report("bob", true, at(20)));
  list(t, {report("ann", true, at(3))}, at(10));
  CHECK(t.s.online("ann"));
  CHECK(t.s.online("bob"));
  t.fold(report("ann", false, at(9)));
  CHECK(t.s.online("ann"));
}

TEST_CASE("a report older than the list does not bring back a user who is no longer listed") {
  Told t(Rules::mirror());
  t.fold(report("bob", true, at(0)));
  list(t, {}, at(10));
  CHECK_FALSE(t.s.online("bob"));
  t.fold(report("bob", true, at(9)));
  CHECK_FALSE(t.s.online("bob"));
  t.fold(report("bob", true, at(10)));
  CHECK(t.s.online("bob"));
}

TEST_CASE("resync counts entries that are not valid reports as invalid and applies the rest") {
  Told t(Rules::mirror());
  const Tally tally = list(t, {connect("ann", "phone", at(10)), report("", true, at(10)), report("bob", true, at(10))}, at(10));
  CHECK(tally.invalid == 2);
  CHECK(tally.applied == 1);
  CHECK(t.s.size() == 1);
}

TEST_CASE("a resync as of a rejected timestamp changes nothing") {
  Told t;
  t.pass(at(1000));
  t.fold(report("bob", true, at(1000)));
  const std::uint64_t digest = t.s.digest();
  const std::vector<PresenceEvent> events = {report("ann", true, at(1000))};
  CHECK(list(t, events, at(1000 - 121)).too_late == 1);
  CHECK(list(t, events, at(1061)).too_early == 1);
  CHECK(list(t, events, Timestamp::highest()).invalid == 1);
  CHECK(t.s.digest() == digest);
  CHECK(t.s.online("bob"));
}

TEST_CASE("Rules::mirror accepts reports of any timestamp") {
  Told t(Rules::mirror());
  t.pass(at(0));
  CHECK(t.fold(report("ann", true, at(1e9))) == Verdict::applied);
  CHECK(t.fold(report("bob", true, at(-1e9))) == Verdict::applied);
}
