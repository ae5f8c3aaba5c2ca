// SPDX-License-Identifier: MIT
#include "../rooms.hpp"

#include <map>

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
  t.take();
  // An earlier report of offline only ends what reports before it said.
  CHECK(t.fold(report("john", false, at(95) - tick)) == Verdict::applied);
  CHECK(t.fold(saying(report("john", false, at(94)), "late")) == Verdict::unchanged);
  CHECK(t.fold(report("john", false, at(95))) == Verdict::applied);  // at the same timestamp online wins
  CHECK(t.fold(report("john", false, at(95))) == Verdict::unchanged);
  CHECK(t.fold(report("jack", false, at(98))) == Verdict::applied);
  CHECK(t.take().empty());
  CHECK(t.s.online_count() == 2);
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

namespace {

Tally take_list(Told& t, const std::vector<PresenceEvent>& list) { return resync(t.s, list.begin(), list.end(), t); }
Tally take_list(Store& store, const std::vector<PresenceEvent>& list) { return store.resync(list.begin(), list.end()); }

/// A report of a server whose clock differs from the client's by so many seconds.
PresenceEvent reported(std::string user, bool online, double second, double ahead) {
  return report(std::move(user), online, at(second + ahead));
}

}  // namespace

TEST_CASE("a list without a server time replaces all reports, however far the clocks are apart") {
  for (const double ahead : {-7200.0, -300.0, -1.0, 0.0, 1.0, 300.0, 7200.0}) {
    for (const double list_ahead : {-7200.0, 0.0, 7200.0}) {
      CAPTURE(ahead);
      CAPTURE(list_ahead);
      Told t(Rules::mirror());
      t.pass(at(100));
      for (const char* id : {"john", "jack", "mary"}) t.fold(reported(id, true, 100, ahead));
      t.fold(reported("ann", false, 90, ahead));
      t.take();
      // Their own timestamps do not count.
      CHECK(take_list(t, {reported("john", true, 110, list_ahead), reported("ann", true, 110, list_ahead),
                          reported("bob", false, 110, list_ahead)})
                .applied == 3);
      CHECK(text(t.take()) ==
            text({changed(at(100), seen_offline("ann", std::nullopt), seen_online("ann", std::nullopt)),
                  changed(at(100), std::nullopt, seen_offline("bob", std::nullopt)),
                  changed(at(100), seen_online("jack", std::nullopt), seen_offline("jack", std::nullopt)),
                  changed(at(100), seen_online("mary", std::nullopt), seen_offline("mary", std::nullopt))}));
      CHECK(t.s.now() == at(100));
      // No ghosts: an earlier report that arrives again brings nobody back.
      for (const char* id : {"jack", "mary"}) CHECK(accepted(t.fold(reported(id, true, 100, ahead))));
      CHECK(accepted(t.fold(reported("john", false, 100, ahead))));
      CHECK(t.s.online("john"));
      CHECK_FALSE(t.s.online("jack"));
      CHECK_FALSE(t.s.online("mary"));
      CHECK(t.changes.empty());
      // No gaps: the next report of the server counts, for users listed and not.
      for (const char* id : {"john", "ann"}) CHECK(t.fold(reported(id, false, 101, ahead)) == Verdict::applied);
      for (const char* id : {"jack", "mary", "bob"}) CHECK(t.fold(reported(id, true, 101, ahead)) == Verdict::applied);
      CHECK(t.s.online_count() == 3);
      CHECK(t.take().size() == 5);
    }
  }
}

TEST_CASE("a list without a server time is never too late or too early") {
  for (const double ahead : {-50.0, 0.0, 50.0}) {
    Told t;  // rules that judge
    t.pass(at(100));
    t.fold(reported("john", true, 100, ahead));
    CHECK(take_list(t, {report("mary", true, at(-5000)), report("jack", true, at(5000))}).applied == 2);
    CHECK_FALSE(t.s.online("john"));
    CHECK(t.s.online("mary"));
    CHECK(t.s.online("jack"));
    t.pass(at(10000));
    CHECK(take_list(t, {report("john", true, at(0))}).applied == 1);
    CHECK(t.s.online_count() == 1);
    CHECK(t.s.online("john"));
  }
}

TEST_CASE("without any report, a list without a server time counts as of now") {
  Told t;
  t.pass(at(100));
  t.fold(connect("ann", "phone", at(100)));
  t.take();
  CHECK(take_list(t, {report("john", true, at(7000)), report("mary", false, at(-7000))}).applied == 2);
  CHECK(text(t.take()) == text({changed(at(100), std::nullopt, seen_online("john", std::nullopt)),
                                changed(at(100), std::nullopt, seen_offline("mary", std::nullopt))}));
  CHECK(t.fold(report("john", false, at(100) - tick)) == Verdict::applied);
  CHECK(t.s.online("john"));
  CHECK(t.fold(report("john", false, at(100) + tick)) == Verdict::applied);
  CHECK(t.s.online("ann"));
}

TEST_CASE("without any report and without a now, each entry of a list counts as of its own timestamp") {
  Told t(Rules::mirror());
  CHECK(take_list(t, {report("john", true, at(10)), report("mary", true, at(20))}).applied == 2);
  CHECK(t.s.online_count() == 2);
  CHECK_FALSE(t.s.now());
  CHECK(t.take().size() == 2);
  CHECK(t.fold(report("john", false, at(10) - tick)) == Verdict::applied);
  CHECK(t.s.online_count() == 2);
  CHECK(t.fold(report("john", false, at(10) + tick)) == Verdict::applied);
  CHECK(t.fold(report("mary", false, at(20) + tick)) == Verdict::applied);
}

TEST_CASE("a list without a server time can follow another one, and each replaces the one before") {
  for (const double ahead : {-7200.0, 7200.0}) {
    Told t(Rules::mirror());
    t.pass(at(100));
    t.fold(reported("john", true, 100, ahead));
    const std::vector<PresenceEvent> both = {report("john", true, at(0)), report("mary", true, at(0))};
    take_list(t, both);
    CHECK(t.s.online_count() == 2);
    t.take();
    for (int i = 0; i < 5; ++i) {
      take_list(t, both);
      CHECK(t.changes.empty());
    }
    CHECK(t.s.online_count() == 2);
    take_list(t, {both[1]});
    CHECK(text(t.take()) ==
          text({changed(at(100), seen_online("john", std::nullopt), seen_offline("john", std::nullopt))}));
    take_list(t, {both[0]});
    CHECK(t.s.online("john"));
    CHECK_FALSE(t.s.online("mary"));
    // The lists have moved ahead of the last report by nanoseconds only.
    CHECK(t.fold(reported("john", false, 100.001, ahead)) == Verdict::applied);
    CHECK(t.fold(reported("mary", true, 100.001, ahead)) == Verdict::applied);
    CHECK_FALSE(t.s.online("john"));
    CHECK(t.s.online("mary"));
  }
}

TEST_CASE("an empty list without a server time takes all reported users offline, and sessions stay") {
  for (const double ahead : {-7200.0, 0.0, 7200.0}) {
    CAPTURE(ahead);
    Told t(Rules::mirror());
    t.pass(at(100));
    t.fold(reported("john", true, 100, ahead));
    t.fold(reported("jack", true, 99, ahead));
    t.fold(connect("jack", "phone", at(100)));
    t.fold(saying(reported("ann", true, 98, ahead), "hi"));
    t.take();
    CHECK(take_list(t, {}).total() == 0);
    CHECK(text(t.take()) ==
          text({changed(at(100), seen_online("ann", std::nullopt, "hi"), seen_offline("ann", std::nullopt, "hi")),
                changed(at(100), seen_online("john", std::nullopt), seen_offline("john", std::nullopt))}));
    CHECK(t.s.online("jack"));
    const Snapshot once = t.s;
    take_list(t, {});
    CHECK(text(views(t.s)) == text(views(once)));
    CHECK(t.changes.empty());
    CHECK(t.fold(reported("ann", true, 101, ahead)) == Verdict::applied);
    CHECK(t.s.online("ann"));
  }
  Told empty;
  CHECK(take_list(empty, {}).total() == 0);
  CHECK(empty.s == Snapshot());
  CHECK(empty.changes.empty());
}

TEST_CASE("after forget_reports, a list without a server time counts, and so does the next report") {
  for (const double ahead : {-7200.0, 0.0, 7200.0}) {
    CAPTURE(ahead);
    Told t(Rules::mirror());
    t.pass(at(100));
    t.fold(reported("john", true, 100, ahead));
    t.fold(reported("mary", true, 99, ahead));
    t.fold(reported("jack", true, 98, ahead));
    forget_reports_in(t.s, t);
    t.take();
    take_list(t, {report("john", true, at(0)), report("jack", true, at(0))});
    CHECK(text(t.take()) ==
          text({changed(at(100), seen_offline("jack", std::nullopt), seen_online("jack", std::nullopt)),
                changed(at(100), seen_offline("john", std::nullopt), seen_online("john", std::nullopt))}));
    CHECK_FALSE(t.s.online("mary"));
    CHECK(t.fold(reported("mary", true, 99, ahead)) == Verdict::unchanged);
    CHECK(t.fold(reported("mary", true, 101, ahead)) == Verdict::applied);
    CHECK(t.fold(reported("john", false, 101, ahead)) == Verdict::applied);
    forget_reports_in(t.s, t);
    CHECK(t.s.online_count() == 0);
    take_list(t, {report("john", true, at(0))});
    CHECK(t.s.online_count() == 1);
  }
}

TEST_CASE("a list without a server time counts after a list with one that took its users offline") {
  Told t(Rules::mirror());
  t.pass(at(100));
  t.fold(report("john", true, at(10)));
  take_list(t, {}, at(50));
  CHECK_FALSE(t.s.online("john"));
  CHECK(take_list(t, {report("john", true, at(0))}).applied == 1);
  CHECK(t.s.online("john"));
  CHECK(t.fold(report("john", false, at(51))) == Verdict::applied);
}

TEST_CASE("an invalid entry of a list without a server time is counted, and the others are applied") {
  Rules rules = Rules::mirror();
  rules.max_id_bytes = 8;
  rules.max_users = 3;
  Told t(rules);
  t.pass(at(100));
  t.fold(report("john", true, at(100)));
  t.fold(report("jack", true, at(100)));
  t.take();
  PresenceEvent bad_value = report("john", false, at(96));
  bad_value.last_active = Timestamp::highest();
  const Tally tally =
      take_list(t, {connect("john", "phone", at(96)), says("jack", "hi", at(96)), report("", true, at(96)),
                    report("mary", true, Timestamp::lowest()), report("mary", true, Timestamp::highest()), bad_value,
                    report("a long id", true, at(96)), report("john", true, at(96)), report("mary", true, at(96)),
                    report("ann", true, at(96)), saying(report("john", true, at(96)), std::string(2000, 'x'))});
  CHECK(tally.invalid == 6);
  CHECK(tally.over_limit == 3);
  CHECK(tally.applied == 2);
  CHECK(text(t.take()) == text({changed(at(100), seen_online("jack", std::nullopt), seen_offline("jack", std::nullopt)),
                                changed(at(100), std::nullopt, seen_online("mary", std::nullopt))}));
}

TEST_CASE("a list without a server time works next to either end of the range of timestamps") {
  for (const Timestamp when : {Timestamp::lowest() + tick, Timestamp::highest() - tick}) {
    CAPTURE(when);
    Told t(Rules::mirror());
    t.fold(report("john", true, when));
    t.fold(report("mary", true, when));
    t.take();
    CHECK(take_list(t, {report("john", true, at(0))}).accepted() == 1);
    CHECK(t.s.online("john"));
    CHECK(t.changes.size() <= 1);
    for (const UserPresenceChanged& change : t.changes) CHECK(change.id == "mary");
  }
}

TEST_CASE("a store takes a list without a server time without a flash, and later reports count") {
  for (const double ahead : {-7200.0, -60.0, 0.0, 60.0, 7200.0}) {
    for (const bool is_lost : {false, true}) {
      for (const bool has_now : {false, true}) {
        CAPTURE(ahead);
        CAPTURE(is_lost);
        CAPTURE(has_now);
        Store store(Rules::mirror());
        std::string lines;
        const Subscription changes = store.on_change([&](const UserPresenceChanged& change) {
          lines += change.id + (change.after->online ? "+" : "-") + change.after->status + " ";
        });
        if (has_now) {
          for (const char* id : {"john", "mary"}) store.dispatch(reported(id, true, 100, ahead), at(100));
        } else {  // a list leaves the store without a time
          const std::vector<PresenceEvent> all = {reported("john", true, 100, ahead),
                                                  reported("mary", true, 100, ahead)};
          store.resync(all.begin(), all.end(), at(100 + ahead));
        }
        CHECK(std::exchange(lines, {}) == "john+ mary+ ");
        if (is_lost) {
          store.connection_lost();
          CHECK(std::exchange(lines, {}) == "john- mary- ");
        }
        take_list(store, {saying(report("john", true, at(0)), "x"), report("jack", true, at(0))});
        CHECK(std::exchange(lines, {}) == (is_lost ? "jack+ john+x " : "jack+ john+x mary- "));
        take_list(store, {saying(report("john", true, at(0)), "x"), report("jack", true, at(0))});
        CHECK(lines.empty());
        if (has_now) {
          CHECK(store.dispatch(reported("mary", true, 99.9, ahead), at(100)) == Verdict::unchanged);
          CHECK(lines.empty());
          CHECK(store.dispatch(reported("john", false, 101, ahead), at(100)) == Verdict::applied);
          CHECK(store.dispatch(reported("mary", true, 101, ahead), at(100)) == Verdict::applied);
          CHECK(std::exchange(lines, {}) == "john-x mary+ ");
        }
        store.connection_lost();
        take_list(store, {});
        CHECK(store.snapshot().online_count() == 0);
      }
    }
  }
}

TEST_CASE("in random histories a list without a server time ends with exactly the users it lists online") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    Told t(chance.below(2) == 0 ? Rules() : Rules::mirror());
    const bool has_now = chance.below(4) != 0;
    if (has_now) t.pass(at(1000));
    for (std::size_t round = 0; round < 30; ++round) {
      for (std::size_t i = chance.below(6); i > 0; --i) {
        PresenceEvent event = random_event(chance, 1000 + static_cast<double>(chance.below(60)), 6, 1);
        if (event.type != EventType::report) event = report(event.user, chance.below(2) == 0, event.at);
        t.fold(event);
      }
      if (chance.below(4) == 0) forget_reports_in(t.s, t);
      std::vector<PresenceEvent> list;
      std::map<std::string, bool> listed;
      for (std::size_t i = 0; i < 6; ++i) {
        if (chance.below(2) == 0) continue;
        listed[user_id(i)] = chance.below(4) != 0;
        list.push_back(report(user_id(i), listed[user_id(i)], at(static_cast<double>(chance.below(5000)))));
      }
      const std::vector<User> before = views(t.s);
      std::map<std::string, std::optional<User>> seen;
      for (const User& user : before) seen[user.id] = user;
      t.take();
      CHECK(take_list(t, list).accepted() == list.size());
      for (std::size_t i = 0; i < 6; ++i)
        CHECK(t.s.online(user_id(i)) == (listed.count(user_id(i)) != 0 && listed[user_id(i)]));
      // One change for each user whose view changed, and none for others.
      const Changes changes = t.take();
      std::size_t expected = 0;
      for (const User& user : views(t.s)) expected += seen[user.id] == std::optional<User>(user) ? 0u : 1u;
      CHECK(changes.size() == expected);
      for (const UserPresenceChanged& change : changes) CHECK(text(change.before) == text(seen[change.id]));
    }
  }
}
