// SPDX-License-Identifier: MIT
#include <presence/state/detail/snapshot_access.hpp>

#include "../telling.hpp"

using namespace support;

TEST_CASE("a rejected event leaves digest, ==, views and deadline unchanged, and causes no change") {
  Rules rules;
  rules.max_users = 3;
  rules.max_sessions_per_user = 1;
  rules.max_id_bytes = 5;
  rules.max_status_bytes = 3;
  Told t(rules);
  t.pass(at(200));
  t.fold(saying(connect("john", "phone", at(200)), "hi"));
  t.fold(invisibly("jack", "phone", at(200)));
  t.fold(report("mary", true, at(200)));
  t.fold(connect("eve", "phone", at(200)));
  t.take();
  const Snapshot before = t.s;
  const std::uint64_t digest = before.digest();

  PresenceEvent no_type = connect("john", "phone", at(200)), no_text = says("john", "", at(200)),
                bad_value = report("john", true, at(200));
  no_type.type = static_cast<EventType>(77);
  no_text.status.reset();
  bad_value.last_active = Timestamp::lowest();
  const std::pair<PresenceEvent, Verdict> refused[] = {
      {connect("john", "phone", at(80) - tick), Verdict::too_late},
      {says("nobody", "hi", at(80)), Verdict::over_limit},  // the id has six bytes
      {disconnect("john", "phone", at(260) + tick), Verdict::too_early},
      {connect("", "phone", at(200)), Verdict::invalid},
      {connect("john", "", at(200)), Verdict::invalid},
      {heartbeat("john", "", at(200)), Verdict::invalid},
      {disconnect("john", "", at(200)), Verdict::invalid},
      {says("", "hi", at(200)), Verdict::invalid},
      {report("", true, at(200)), Verdict::invalid},
      {no_type, Verdict::invalid},
      {no_text, Verdict::invalid},
      {bad_value, Verdict::invalid},
      {report("john", true, Timestamp::highest()), Verdict::invalid},
      {connect("john", "phone", Timestamp::lowest()), Verdict::invalid},
      {connect("john", "laptop", at(200)), Verdict::over_limit},
      {connect("john", "phones", at(200)), Verdict::over_limit},
      {says("john", "four", at(200)), Verdict::over_limit},
      {saying(connect("john", "phone", at(201)), "four"), Verdict::over_limit},
      {saying(report("john", false, at(201)), "four"), Verdict::over_limit},
      {connect("ann", "phone", at(200)), Verdict::over_limit},
      {says("jack", "hi", at(200)), Verdict::over_limit},
  };
  for (const auto& [event, verdict] : refused) {
    CHECK(t.fold(event) == verdict);
    CHECK_FALSE(accepted(verdict));
    CHECK(t.s.digest() == digest);
    CHECK(t.s == before);
    CHECK(detail::SnapshotAccess::read(t.s) == detail::SnapshotAccess::read(before));  // not even copied
    CHECK(reduce(t.s, event) == before);
    CHECK(t.fold(event) == verdict);
  }
  CHECK(text(views(t.s)) == text(views(before)));
  CHECK(t.s.next_deadline() == before.next_deadline());
  CHECK(t.changes.empty());
}

TEST_CASE("malformed events are invalid before any other verdict; too_late and too_early precede max_users") {
  Rules rules;
  rules.max_users = 0;
  rules.max_id_bytes = 4;
  Told t(rules);
  t.pass(at(200));
  CHECK(t.fold(connect("johnny", "", at(0))) == Verdict::invalid);
  CHECK(t.fold(connect("johnny", "phone", Timestamp::lowest())) == Verdict::invalid);
  CHECK(t.fold(connect("john", "tv", at(0))) == Verdict::too_late);
  CHECK(t.fold(connect("john", "tv", at(500))) == Verdict::too_early);
}

TEST_CASE("the session id of a set_status or a report is not checked") {
  Rules rules;
  rules.max_id_bytes = 4;
  Told t(rules);
  PresenceEvent said = says("john", "hi", at(0)), told = report("john", true, at(0));
  said.session = told.session = "longer than four";
  CHECK(t.fold(said) == Verdict::applied);
  CHECK(t.fold(told) == Verdict::applied);
}

TEST_CASE("with reorder_window and max_clock_skew of zero only events at now are accepted") {
  Rules exact;
  exact.reorder_window = exact.max_clock_skew = Duration();
  Told t(exact);
  CHECK(t.fold(says("john", "a", at(-1e6))) == Verdict::applied);  // the snapshot has no now yet
  t.pass(at(0));
  CHECK(t.fold(says("john", "b", at(0) - tick)) == Verdict::too_late);
  CHECK(t.fold(says("john", "b", at(0) + tick)) == Verdict::too_early);
  CHECK(t.fold(says("john", "b", at(0))) == Verdict::applied);
}

TEST_CASE("ids of 255 bytes and statuses of 1024 bytes are accepted by default, and longer ones are over_limit") {
  Told t;
  CHECK(t.fold(connect(std::string(255, 'x'), std::string(255, 'y'), at(0))) == Verdict::applied);
  CHECK(t.fold(connect(std::string(256, 'x'), "y", at(0))) == Verdict::over_limit);
  CHECK(t.fold(connect("x", std::string(256, 'y'), at(0))) == Verdict::over_limit);
  CHECK(t.fold(says("x", std::string(1024, 'z'), at(0))) == Verdict::applied);
  CHECK(t.fold(says("x", std::string(1025, 'z'), at(1))) == Verdict::over_limit);
  CHECK(t.fold(report(std::string(256, 'x'), true, at(0))) == Verdict::over_limit);
}

TEST_CASE("an event is `unchanged` only if no other event can ever reveal a difference") {
  Rules rules;
  rules.last_active_refresh = seconds(100);
  Told t(rules);
  t.pass(at(100));
  CHECK(t.fold(connect("john", "phone", at(50))) == Verdict::applied);
  CHECK(t.fold(connect("john", "phone", at(40))) == Verdict::applied);  // earlier evidence, if there was a visibility change at 45
  CHECK(t.fold(connect("john", "phone", at(40))) == Verdict::unchanged);
  CHECK(t.fold(heartbeat("john", "phone", at(60))) == Verdict::applied);  // later evidence of the session
  CHECK(t.fold(heartbeat("john", "phone", at(55))) == Verdict::unchanged);
  CHECK(t.fold(heartbeat("john", "phone", at(45))) == Verdict::unchanged);
  CHECK(t.fold(heartbeat("john", "phone", at(30))) == Verdict::applied);  // the earliest evidence for the step of 0
  CHECK(t.fold(disconnect("john", "phone", at(20))) == Verdict::applied);
  CHECK(t.fold(disconnect("john", "phone", at(10))) == Verdict::unchanged);
  CHECK(t.fold(says("john", "b", at(50))) == Verdict::applied);
  CHECK(t.fold(says("john", "a", at(50))) == Verdict::unchanged);
  CHECK(t.fold(says("john", "c", at(49))) == Verdict::unchanged);
  CHECK(t.fold(says("john", "b", at(51))) == Verdict::applied);  // a later event at 50.5 now loses
  CHECK(t.fold(active(report("john", true, at(50)), at(7))) == Verdict::applied);
  CHECK(t.fold(active(report("john", false, at(50)), at(6))) == Verdict::applied);  // ends what reports before it said
  CHECK(t.fold(active(report("john", false, at(50)), at(6))) == Verdict::unchanged);
  CHECK(t.fold(active(report("john", false, at(49)), at(8))) == Verdict::unchanged);
  CHECK(t.fold(active(report("john", true, at(50)), at(8))) == Verdict::applied);
  CHECK(t.fold(report("john", true, at(51))) == Verdict::applied);
  CHECK(t.fold(invisibly("john", "phone", at(45))) == Verdict::applied);
  CHECK(t.fold(visibly("john", "phone", at(45))) == Verdict::unchanged);
}

TEST_CASE("an event exactly reorder_window old is applied, and an older one is too_late") {
  Rules rules;
  rules.reorder_window = seconds(1000);
  rules.last_active_refresh = Duration();
  Told t(rules);
  t.pass(at(0));
  CHECK(t.fold(disconnect("john", "phone", at(-1000))) == Verdict::applied);  // within the window
  t.pass(at(40));
  CHECK(t.fold(disconnect("john", "phone", at(-960))) == Verdict::applied);
  t.pass(at(80) + tick);
  CHECK(t.fold(disconnect("john", "phone", at(-960))) == Verdict::too_late);
}

TEST_CASE("a tally counts each verdict, and tallies can be added") {
  Tally tally;
  for (const Verdict verdict : {Verdict::applied, Verdict::unchanged, Verdict::unchanged, Verdict::too_late,
                                Verdict::too_early, Verdict::invalid, Verdict::over_limit, Verdict::over_limit}) {
    tally.count(verdict);
  }
  CHECK(tally.applied == 1);
  CHECK(tally.unchanged == 2);
  CHECK(tally.too_late == 1);
  CHECK(tally.too_early == 1);
  CHECK(tally.invalid == 1);
  CHECK(tally.over_limit == 2);
  CHECK(tally.accepted() == 3);
  CHECK(tally.refused() == 5);
  CHECK(tally.total() == 8);
  Tally twice = tally;
  twice += tally;
  CHECK(twice.total() == 16);
  CHECK(twice.over_limit == 4);
  CHECK(twice != tally);
  CHECK(Tally() == Tally());
}

TEST_CASE("a replay advances the time to each accepted event, and checks limits and windows at that time") {
  Rules rules;
  rules.max_users = 1;
  Told t(rules);
  const std::vector<PresenceEvent> events = {
      connect("john", "phone", at(0)), connect("jack", "laptop", at(40) - tick),   connect("john", "laptop", at(40)),
      says("john", "hi", at(1e6)),     says("john", "late", at(1e6 - 120) - tick), says("john", "in", at(1e6 - 120)),
      connect("", "phone", at(2e6))};
  const Tally tally = replay(t.s, events.begin(), events.end(), t);
  CHECK(tally.applied == 3);
  CHECK(tally.unchanged == 1);
  CHECK(tally.over_limit == 1);
  CHECK(tally.too_late == 1);
  CHECK(tally.invalid == 1);
  CHECK(t.s.now() == at(1e6));
  // The laptop connected exactly at the phone's deadline: john was never seen offline.
  CHECK(text(t.take()) == text({changed(at(0), std::nullopt, seen_online("john", at(0))),
                                changed(at(40), seen_online("john", at(0)), seen_online("john", at(40))),
                                changed(at(80), seen_online("john", at(40)), seen_offline("john", at(40))),
                                changed(at(1e6), seen_offline("john", at(40)), seen_offline("john", at(40), "hi"))}));
}

TEST_CASE("a replay groups only consecutive events with one timestamp; a repeated timestamp is late") {
  const std::vector<PresenceEvent> events = {connect("john", "phone", at(5)), connect("jack", "phone", at(6)),
                                             says("john", "hi", at(5)), says("jack", "ho", at(6))};
  Told t;
  CHECK(replay(t.s, events.begin(), events.end(), t).applied == 4);
  CHECK(text(t.take()) == text({changed(at(5), std::nullopt, seen_online("john", at(5))),
                                changed(at(6), std::nullopt, seen_online("jack", at(6))),
                                changed(at(6), seen_online("john", at(5)), seen_online("john", at(5), "hi")),
                                changed(at(6), seen_online("jack", at(6)), seen_online("jack", at(6), "ho"))}));
}

TEST_CASE("a replay reports at most one change for several events of a user at one timestamp") {
  Told t;
  t.fold(connect("john", "phone", at(0)));
  t.take();
  const std::vector<PresenceEvent> events = {disconnect("john", "phone", at(10)),
                                             says("jack", "a", at(10)),
                                             connect("john", "laptop", at(10)),
                                             says("jack", "b", at(10)),
                                             saying(disconnect("ann", "phone", at(10)), "c"),
                                             invisibly("mary", "phone", at(10)),
                                             visibly("john", "tv", at(10))};
  replay(t.s, events.begin(), events.end(), t);
  CHECK(text(t.take()) == text({changed(at(10), std::nullopt, seen_offline("ann", std::nullopt, "c")),
                                changed(at(10), std::nullopt, seen_offline("jack", std::nullopt, "b")),
                                changed(at(10), seen_online("john", at(0)), seen_online("john", at(10)))}));
}

TEST_CASE("a replay may begin at the first valid timestamp and end at the last") {
  const Timestamp first = Timestamp::from_ns(INT64_MIN + 1), last = Timestamp::from_ns(INT64_MAX - 1);
  Told t;
  CHECK(replay(t.s, connect("john", "phone", first), t) == Verdict::applied);
  CHECK(t.s.now() == first);
  CHECK(replay(t.s, says("john", "hi", last), t) == Verdict::applied);
  CHECK(t.s.now() == last);
  REQUIRE(t.changes.size() == 3);
  CHECK(t.changes[1].at == first + seconds(40));
  CHECK(replay(t.s, says("john", "ho", Timestamp::highest()), t) == Verdict::invalid);
}
