// SPDX-License-Identifier: MIT
#include "../support.hpp"

using namespace support;

namespace {
/// The verdict on an event. Checks that a rejected event changes nothing.
Verdict judged(const Snapshot& s, const PresenceEvent& event) {
  Told t(s.rules());
  t.s = s;
  const std::uint64_t digest = s.digest();
  const Verdict verdict = t.fold(event);
  if (!accepted(verdict) || verdict == Verdict::unchanged) {
    CHECK(t.s.digest() == digest);
    CHECK(t.s == s);
    CHECK(t.changes.empty());
  } else {
    CHECK(t.s.digest() != digest);
    CHECK(t.s != s);
  }
  return verdict;
}
}  // namespace

TEST_CASE("an event older than now - reorder_window is too_late; one exactly that old is accepted") {
  const Snapshot s = reduce(Snapshot(), at(1000));
  CHECK(judged(s, connect("john", "phone", at(880))) == Verdict::applied);
  CHECK(judged(s, connect("john", "phone", at(880) - tick)) == Verdict::too_late);
}

TEST_CASE("an event later than now + max_clock_skew is too_early; one exactly that late is accepted") {
  const Snapshot s = reduce(Snapshot(), at(1000));
  CHECK(judged(s, connect("john", "phone", at(1060))) == Verdict::applied);
  CHECK(judged(s, connect("john", "phone", at(1060) + tick)) == Verdict::too_early);
}

TEST_CASE("an empty id, a missing status, an unknown type and a timestamp out of range are invalid") {
  const Snapshot s = reduce(reduce(Snapshot(), at(0)), connect("john", "phone", at(0)));
  CHECK(judged(s, connect("", "phone", at(0))) == Verdict::invalid);
  CHECK(judged(s, connect("john", "", at(0))) == Verdict::invalid);
  CHECK(judged(s, heartbeat("john", "", at(0))) == Verdict::invalid);
  CHECK(judged(s, disconnect("john", "", at(0))) == Verdict::invalid);
  CHECK(judged(s, says("", "x", at(0))) == Verdict::invalid);
  CHECK(judged(s, report("", true, at(0))) == Verdict::invalid);
  PresenceEvent event = says("john", "x", at(0));
  event.status.reset();
  CHECK(judged(s, event) == Verdict::invalid);
  event = connect("john", "phone", at(0));
  event.type = static_cast<EventType>(17);
  CHECK(judged(s, event) == Verdict::invalid);
  for (const Timestamp end : {Timestamp::lowest(), Timestamp::highest()}) {
    CHECK(judged(s, connect("john", "phone", end)) == Verdict::invalid);
    CHECK(judged(Snapshot(), connect("john", "phone", end)) == Verdict::invalid);
    event = report("john", true, at(0));
    event.last_active = end;
    CHECK(judged(s, event) == Verdict::invalid);
    Snapshot moved = s;
    CHECK(apply(moved, end, [](const UserPresenceChangedView&) {}) == Verdict::invalid);
    CHECK(moved == s);
  }
}

TEST_CASE("an id or status over its limit is over_limit; one exactly at the limit is accepted") {
  const Snapshot s = reduce(Snapshot(), at(0));
  CHECK(judged(s, connect(std::string(255, 'x'), std::string(255, 'y'), at(0))) == Verdict::applied);
  CHECK(judged(s, connect(std::string(256, 'x'), "phone", at(0))) == Verdict::over_limit);
  CHECK(judged(s, connect("john", std::string(256, 'y'), at(0))) == Verdict::over_limit);
  CHECK(judged(s, says("john", std::string(1024, 'z'), at(0))) == Verdict::applied);
  CHECK(judged(s, says("john", std::string(1025, 'z'), at(0))) == Verdict::over_limit);
  PresenceEvent hello = connect("john", "phone", at(0));
  hello.status = std::string(1025, 'z');
  CHECK(judged(s, hello) == Verdict::over_limit);
}

TEST_CASE("the verdict is unchanged only if no register changed") {
  Snapshot s = reduce(Snapshot(), at(0));
  s = reduce(std::move(s), connect("john", "phone", at(0)));
  s = reduce(std::move(s), heartbeat("john", "phone", at(10)));
  s = reduce(std::move(s), says("john", "b", at(10)));
  CHECK(judged(s, connect("john", "phone", at(0))) == Verdict::unchanged);
  CHECK(judged(s, heartbeat("john", "phone", at(10))) == Verdict::unchanged);
  CHECK(judged(s, heartbeat("john", "phone", at(5))) == Verdict::unchanged);
  CHECK(judged(s, says("john", "a", at(10))) == Verdict::unchanged);
  CHECK(judged(s, says("john", "z", at(9))) == Verdict::unchanged);
  CHECK(judged(s, heartbeat("john", "phone", at(10) + tick)) == Verdict::applied);
  CHECK(judged(s, visibly("john", "phone", at(0))) == Verdict::applied);
  CHECK(judged(s, heartbeat("john", "phone", at(-1))) == Verdict::applied);  // evidence of an earlier step
  CHECK(judged(s, disconnect("john", "phone", at(5))) == Verdict::applied);  // remembered, although it ends no session
}

TEST_CASE("a batch counts each verdict, and a rejected event does not stop the rest") {
  Told t;
  t.pass(at(1000));
  const std::vector<PresenceEvent> events = {connect("ann", "phone", at(1000)), connect("ann", "phone", at(1000)),
                                             connect("bob", "phone", at(0)),    connect("cyd", "phone", at(2000)),
                                             connect("", "phone", at(1000)),    connect(std::string(300, 'x'), "phone", at(1000)),
                                             connect("dee", "phone", at(1000))};
  const Tally tally = apply(t.s, events.begin(), events.end(), t);
  CHECK(tally == Tally{2, 1, 1, 1, 1, 1});
  CHECK(tally.accepted() == 3);
  CHECK(tally.refused() == 4);
  CHECK(t.s.online_count() == 2);
}

TEST_CASE("Rules::mirror rejects no event as too early or too late") {
  const Timestamp first = Timestamp::from_ns(INT64_MIN + 1), last = Timestamp::from_ns(INT64_MAX - 1);
  Told any(Rules::mirror());
  any.pass(at(0));
  CHECK(any.fold(says("john", "a", first)) == Verdict::applied);
  CHECK(any.fold(says("john", "b", last)) == Verdict::applied);
}
