// SPDX-License-Identifier: MIT
#include "../telling.hpp"

using namespace support;

namespace {
Tally take_list(Told& t, const std::vector<PresenceEvent>& list, Timestamp as_of) {
  return resync(t.s, list.begin(), list.end(), as_of, t);
}
}  // namespace

TEST_CASE("a resync emits one change per user, ordered by id and dated now") {
  Told t;
  t.pass(at(100));
  t.fold(report("john", true, at(90)));
  t.fold(report("jack", true, at(90)));
  t.fold(report("ann", true, at(90)));
  t.take();
  const Tally tally = take_list(t, {report("mary", true, at(95)), saying(report("john", true, at(95)), "hi")}, at(95));
  CHECK(tally.applied == 2);
  CHECK(tally.total() == 2);
  CHECK(text(t.take()) ==
        text({changed(at(100), seen_online("ann", std::nullopt), seen_offline("ann", std::nullopt)),
              changed(at(100), seen_online("jack", std::nullopt), seen_offline("jack", std::nullopt)),
              changed(at(100), seen_online("john", std::nullopt), seen_online("john", std::nullopt, "hi")),
              changed(at(100), std::nullopt, seen_online("mary", std::nullopt))}));
  CHECK(t.s.now() == at(100));
  CHECK(t.s.online_count() == 2);
}

TEST_CASE("without a now the changes of a resync carry the timestamp of the list") {
  Told t;
  t.fold(report("john", true, at(90)));
  t.take();
  take_list(t, {report("ann", true, at(97))}, at(95));
  CHECK(text(t.take()) ==
        text({changed(at(95), std::nullopt, seen_online("ann", std::nullopt)),
              changed(at(95), seen_online("john", std::nullopt), seen_offline("john", std::nullopt))}));
  CHECK_FALSE(t.s.now());
}

TEST_CASE("an empty list takes every user offline who was online only by an older report") {
  Told t;
  t.pass(at(100));
  t.fold(report("john", true, at(90)));
  t.fold(connect("john", "phone", at(90)));
  t.fold(report("jack", true, at(95)));
  t.fold(report("ann", true, at(95) - tick));
  t.fold(saying(active(report("bob", true, at(80)), at(70)), "away"));
  t.take();
  CHECK(take_list(t, {}, at(95)).total() == 0);
  CHECK(text(t.take()) ==
        text({changed(at(100), seen_online("ann", std::nullopt), seen_offline("ann", std::nullopt)),
              changed(at(100), seen_online("bob", at(70), "away"), seen_offline("bob", at(70), "away"))}));
  CHECK(t.s.online("john"));  // has a session
  CHECK(t.s.online("jack"));  // the report is not older than the list
  CHECK(t.s.next_deadline() == at(130));
}

TEST_CASE("a list entry is dated as of the list, or by its own timestamp if that is later") {
  Told t;
  t.pass(at(100));
  t.fold(saying(report("john", false, at(80)), "old"));
  take_list(t, {active(saying(report("john", true, at(10)), "new"), at(5)), report("jack", true, at(99))}, at(95));
  CHECK(t.s.find("john") == seen_online("john", at(5), "new"));
  CHECK(t.fold(report("john", false, at(95) - tick)) == Verdict::unchanged);
  CHECK(t.fold(saying(report("john", false, at(94)), "late")) == Verdict::unchanged);
  CHECK(t.fold(report("john", false, at(95))) == Verdict::unchanged);  // at the same timestamp online wins
  CHECK(t.fold(report("jack", false, at(98))) == Verdict::unchanged);
  CHECK(t.fold(report("jack", false, at(99) + tick)) == Verdict::applied);
  CHECK(t.fold(report("john", false, at(95) + tick)) == Verdict::applied);
  CHECK(t.s.online_count() == 0);
}

TEST_CASE("of two entries of a user the later wins; if both are dated as of the list, online wins") {
  Told t;
  t.pass(at(100));
  take_list(t,
            {report("john", true, at(96)), report("john", false, at(97)), report("jack", true, at(1)),
             report("jack", false, at(2))},
            at(95));
  CHECK_FALSE(t.s.online("john"));
  CHECK(t.s.online("jack"));
}

TEST_CASE("after a resync, only a report not older than the list brings back a user who is not listed") {
  Told t;
  t.pass(at(100));
  t.fold(report("john", true, at(80)));
  t.fold(report("jack", true, at(80)));
  take_list(t, {}, at(95));
  t.fold(report("john", true, at(95) - tick));
  CHECK_FALSE(t.s.online("john"));
  t.fold(report("john", true, at(95)));
  CHECK(t.s.online("john"));
  t.fold(report("jack", true, at(96)));
  CHECK(t.s.online("jack"));
}

TEST_CASE("resync gives each entry its own verdict: invalid, over_limit, too_early, applied or unchanged") {
  Rules rules;
  rules.max_id_bytes = 4;
  rules.max_users = 1;
  Told t(rules);
  t.pass(at(100));
  PresenceEvent no_instant = report("john", true, Timestamp::lowest()), bad_value = report("john", true, at(96));
  bad_value.last_active = Timestamp::highest();
  const Tally tally =
      take_list(t,
                {connect("john", "phone", at(96)), says("john", "hi", at(96)), report("", true, at(96)), no_instant,
                 bad_value, report("johnny", true, at(96)), report("john", true, at(161)), report("john", true, at(96)),
                 report("jack", true, at(96)), report("john", true, at(96))},
                at(95));
  CHECK(tally.invalid == 5);
  CHECK(tally.over_limit == 2);
  CHECK(tally.too_early == 1);
  CHECK(tally.applied == 1);
  CHECK(tally.unchanged == 1);
  CHECK(text(t.take()) == text({changed(at(100), std::nullopt, seen_online("john", std::nullopt))}));
}

TEST_CASE("a list as of a timestamp that is too late, too early or invalid changes nothing, to the nanosecond") {
  Told t;
  t.pass(at(200));
  t.fold(report("john", true, at(150)));
  t.take();
  const Snapshot before = t.s;
  const std::vector<PresenceEvent> list = {report("jack", true, at(200)), report("", true, at(200))};
  CHECK(take_list(t, list, at(80) - tick).too_late == 2);
  CHECK(take_list(t, list, at(260) + tick).too_early == 2);
  CHECK(take_list(t, list, Timestamp::lowest()).invalid == 2);
  CHECK(take_list(t, list, Timestamp::highest()).invalid == 2);
  CHECK(take_list(t, {}, at(260) + tick).total() == 0);
  CHECK(t.s == before);
  CHECK(t.changes.empty());
  Told late, early;
  late.s = early.s = before;
  CHECK(take_list(late, list, at(80)).applied == 1);
  CHECK(late.s.online("john"));
  CHECK(late.s.online("jack"));
  CHECK(take_list(early, list, at(260)).applied == 1);
  CHECK_FALSE(early.s.online("john"));
}

TEST_CASE("an empty list changes nothing for users without reports") {
  Told t;
  t.pass(at(100));
  t.fold(connect("john", "phone", at(100)));
  t.fold(invisibly("jack", "phone", at(100)));
  t.fold(disconnect("mary", "phone", at(100)));
  const Snapshot before = t.s;
  t.take();
  take_list(t, {}, at(100));
  CHECK(t.s == before);
  CHECK(t.changes.empty());
}

TEST_CASE("applying the same list twice changes nothing the second time") {
  Told t;
  t.pass(at(100));
  t.fold(report("john", true, at(90)));
  const std::vector<PresenceEvent> list = {report("jack", true, at(95)), report("mary", false, at(95))};
  take_list(t, list, at(95));
  const Snapshot once = t.s;
  t.take();
  CHECK(take_list(t, list, at(95)).unchanged == 2);
  CHECK(t.s == once);
  CHECK(t.changes.empty());
}

TEST_CASE("forget_reports_in emits a change per user taken offline, dated now or, without a now, by the report") {
  for (const bool timed : {true, false}) {
    Told t;
    if (timed) t.pass(at(100));
    t.fold(report("john", true, at(90)));
    t.fold(saying(report("jack", true, at(95)), "hi"));
    t.fold(report("mary", false, at(95)));
    t.fold(report("ann", true, at(95)));
    t.fold(connect("ann", "phone", at(96)));
    t.fold(report("eve", true, at(90)));
    t.fold(invisibly("eve", "phone", at(80)));
    t.take();
    forget_reports_in(t.s, t);
    Changes expected = {
        changed(at(timed ? 100 : 90), seen_online("john", std::nullopt), seen_offline("john", std::nullopt)),
        changed(at(timed ? 100 : 95), seen_online("jack", std::nullopt, "hi"),
                seen_offline("jack", std::nullopt, "hi"))};
    if (timed) std::swap(expected[0], expected[1]);
    CHECK(text(t.take()) == text(expected));
    CHECK(t.s.online_count() == 1);
    const Snapshot once = t.s;
    forget_reports_in(t.s, t);
    CHECK(t.s == once);
    CHECK(t.changes.empty());
  }
}

TEST_CASE("a forgotten report, or an older one, has no effect when it arrives again") {
  Told t;
  t.fold(report("john", true, at(90)));
  t.s = forget_reports(std::move(t.s));
  CHECK(t.fold(report("john", true, at(90))) == Verdict::unchanged);
  CHECK(t.fold(report("john", true, at(89))) == Verdict::unchanged);
  CHECK_FALSE(t.s.online("john"));
  CHECK(t.fold(report("john", true, at(90) + tick)) == Verdict::applied);
  CHECK(t.s.online("john"));
}

TEST_CASE("forget_reports leaves its argument and a snapshot without reports unchanged") {
  const Snapshot reported = folded({report("john", true, at(0))}), local = folded({connect("john", "phone", at(0))});
  CHECK_FALSE(forget_reports(reported).online("john"));
  CHECK(reported.online("john"));
  CHECK(forget_reports(local) == local);
  CHECK(forget_reports(Snapshot()) == Snapshot());
  Told t;
  forget_reports_in(t.s, t);
  CHECK(t.changes.empty());
}

TEST_CASE("a report counts until the next report, independently of the user's sessions") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(report("john", true, at(1)));
  t.take();
  t.pass(at(1000));
  CHECK(t.changes.empty());  // the session timed out, the report still counts
  t.fold(report("john", false, at(1000)));
  CHECK(text(t.take()) == text({changed(at(1000), seen_online("john", at(0)), seen_offline("john", at(0)))}));
  t.fold(connect("john", "phone", at(1000)));
  CHECK(t.s.online("john"));  // a session is enough, whatever the report says
}

TEST_CASE("a list entry that would be too late on its own is dated as of the list") {
  Snapshot s = reduce(Snapshot(), at(0));
  const std::vector<PresenceEvent> list = {report("john", true, at(-1000))};
  REQUIRE(apply(s, list[0], [](const UserPresenceChangedView&) {}) == Verdict::too_late);
  CHECK(resync(s, list.begin(), list.end(), at(0)).applied == 1);
  CHECK(s.online("john"));
}
