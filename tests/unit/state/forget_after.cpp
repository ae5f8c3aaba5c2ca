// SPDX-License-Identifier: MIT
#include <presence/state/detail/snapshot_access.hpp>

#include "../telling.hpp"

using namespace support;

namespace {

const Duration minute = seconds(60), hour = seconds(3600);

/// Sessions time out after 40 s, and users are forgotten after an hour.
Rules with_an_age() {
  Rules rules;
  rules.forget_after = hour;
  return rules;
}

}  // namespace

TEST_CASE("users are not forgotten by default") {
  Told t;
  t.pass(at(0));
  t.fold(says("john", "gone fishing", at(0)));
  t.pass(at(1e9));
  CHECK(status(t.s, "john") == "gone fishing");
  CHECK_FALSE(t.s.next_deadline());
  Told before_1970;
  before_1970.fold(says("john", "gone fishing", Timestamp::from_ms(-1000)));
  CHECK_FALSE(before_1970.s.next_deadline());
}

TEST_CASE("an offline user is forgotten forget_after after the latest timestamp that others can see") {
  Told t(with_an_age());
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(disconnect("john", "phone", at(1)));
  t.pass(at(100));
  t.fold(says("john", "gone fishing", at(100)));
  t.fold(report("john", false, at(120)));
  t.take();
  CHECK(t.s.next_deadline() == at(120) + hour);
  t.pass(at(120) + hour - tick);
  CHECK(status(t.s, "john") == "gone fishing");
  CHECK(t.take().empty());
  t.pass(at(120) + hour);
  CHECK_FALSE(t.s.find("john"));
  CHECK_FALSE(t.s.find("john", self("john")));
  CHECK(t.s.empty());
  CHECK(t.s.begin() == t.s.end());
  CHECK_FALSE(t.s.next_deadline());
  const auto changes = t.take();
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].at == at(120) + hour);
  CHECK(changes[0].before.value().status == "gone fishing");
  CHECK_FALSE(changes[0].after);
  CHECK(changes[0].status_changed());
}

TEST_CASE("a user who times out and is forgotten in one advance of time has a change for each") {
  Told t(with_an_age());
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.take();
  t.pass(at(1e6));
  const auto changes = t.take();
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].at == at(40));
  CHECK(changes[0].after.value().online == false);
  CHECK(changes[1].at == at(0) + hour);
  CHECK(changes[1].before == changes[0].after);
  CHECK_FALSE(changes[1].after);
  CHECK(t.s.size() == 0);
  CHECK(t.s.online_count() == 0);
}

TEST_CASE("a user who is online, or reported online, is not forgotten, however old the last event") {
  Rules rules = with_an_age();
  rules.session_timeout = Duration();
  Told t(rules);
  t.pass(at(0));
  t.fold(connect("ann", "phone", at(0)));
  t.fold(report("bob", true, at(0)));
  t.pass(at(1e8));
  CHECK(t.s.online_count() == 2);
  SUBCASE("after going offline they are forgotten at once, in one change") {
    t.take();
    t.fold(disconnect("ann", "phone", at(1e8)));
    t.fold(report("bob", false, at(1e8)));
    CHECK_FALSE(t.s.find("ann"));
    CHECK(t.s.find("bob"));  // the report is recent
    const auto changes = t.take();
    REQUIRE(changes.size() == 2);
    CHECK(changes[0].before.value().online);
    CHECK_FALSE(changes[0].after);
  }
  SUBCASE("after forget_reports a user who was only reported online is forgotten at once") {
    forget_reports_in(t.s);
    CHECK_FALSE(t.s.find("bob"));
    CHECK_FALSE(t.s.inspect("bob"));
  }
}

TEST_CASE("a session that times out later than forget_after keeps its user until it times out") {
  Rules rules = with_an_age();
  rules.session_timeout = hour + minute;
  Told t(rules);
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.take();
  t.pass(at(0) + hour + minute - tick);
  CHECK(t.s.online("john"));
  t.pass(at(0) + hour + minute);
  const auto changes = t.take();
  REQUIRE(changes.size() == 1);
  CHECK_FALSE(changes[0].after);
}

TEST_CASE("a user who returns after being forgotten is a new user") {
  Told t(with_an_age());
  t.pass(at(0));
  t.fold(says("john", "gone fishing", at(0)));
  t.pass(at(0) + hour);
  t.take();
  t.fold(connect("john", "phone", at(0) + hour));
  CHECK(status(t.s, "john") == "");
  const auto changes = t.take();
  REQUIRE(changes.size() == 1);
  CHECK_FALSE(changes[0].before);
}

TEST_CASE("sessions of an invisible user neither delay forgetting nor restore what was forgotten") {
  Told t(with_an_age());
  t.pass(at(0));
  t.fold(says("john", "gone fishing", at(0)));
  t.fold(invisibly("john", "phone", at(1)));
  for (Timestamp now = at(30); now < at(0) + hour + hour; now += seconds(30)) {
    t.pass(now);
    t.fold(heartbeat("john", "phone", now));
    CHECK(t.s.find("john").has_value() == (now < at(0) + hour));
  }
  const auto himself = t.s.find("john", self("john"));
  CHECK(himself.value().online);
  CHECK(himself.value().status == "");  // forgotten in the user's own view as well
  t.take();
  t.fold(says("john", "back", *t.s.now()));
  CHECK_FALSE(last_active(t.s, "john"));
  CHECK(status(t.s, "john") == "back");
}

TEST_CASE("invisibility is forgotten last, and a user who was only ever invisible then leaves no state") {
  Told t(with_an_age());
  t.pass(at(0));
  t.fold(invisibly("john", "phone", at(0)));
  t.fold(disconnect("john", "phone", at(1)));
  t.pass(at(0) + hour - tick);
  CHECK(t.s.inspect("john").value().invisible_since == at(0));
  CHECK(t.s.inspect("john").value().sessions.empty());
  const Snapshot before = t.s;
  SUBCASE("a connect in time keeps the user invisible") {
    t.fold(connect("john", "laptop", at(0) + hour - tick));
    CHECK_FALSE(t.s.find("john"));
    CHECK(t.s.find("john", self("john")).value().invisible);
    t.pass(at(0) + hour + hour - tick - tick);
    CHECK(t.s.inspect("john").value().invisible_since == at(0));
    t.pass(at(0) + hour + hour - tick);
    CHECK_FALSE(t.s.inspect("john"));
  }
  SUBCASE("without a connect in time the user is forgotten completely") {
    t.pass(at(0) + hour);
    CHECK_FALSE(t.s.inspect("john"));
    CHECK(t.s == reduce(Snapshot(with_an_age()), at(0) + hour));
    CHECK(t.s.digest() == reduce(Snapshot(with_an_age()), at(0) + hour).digest());
    CHECK(detail::SnapshotAccess::read(t.s)->table.size() == 0);
    t.fold(connect("john", "laptop", at(0) + hour));
    CHECK(t.s.online("john"));
    CHECK_FALSE(t.s.find("john", self("john")).value().invisible);
    // The same if time advances in one step, or if another node forgot the user.
    CHECK(reduce(before, at(1) + hour) == reduce(Snapshot(with_an_age()), at(1) + hour));
    CHECK(merge(before, reduce(Snapshot(with_an_age()), at(0) + hour)) == reduce(Snapshot(with_an_age()), at(0) + hour));
    CHECK(merge(reduce(Snapshot(with_an_age()), at(0) + hour), before) == reduce(Snapshot(with_an_age()), at(0) + hour));
  }
  CHECK(t.s.next_deadline().has_value() == t.s.online("john"));
}

TEST_CASE("a user stays invisible while a session is alive, and until forget_after after the last evidence") {
  Rules rules = with_an_age();
  SUBCASE("kept alive by heartbeats") {
    Told t(rules);
    t.pass(at(0));
    t.fold(invisibly("john", "phone", at(0)));
    for (int i = 1; i < 400; ++i) {
      t.pass(at(30 * i));
      t.fold(heartbeat("john", "phone", at(30 * i)));
    }
    CHECK(t.s.inspect("john").value().invisible_since == at(0));
    CHECK(t.s.find("john", self("john")).value().online);
    // The last heartbeat counts in steps of 15 minutes.
    t.pass(at(11700) + hour - tick);
    CHECK(t.s.inspect("john"));
    t.pass(at(11700) + hour);
    CHECK_FALSE(t.s.inspect("john"));
    CHECK(t.changes.empty());
  }
  SUBCASE("with a session that does not time out") {
    rules.session_timeout = Duration();
    Told t(rules);
    t.pass(at(0));
    t.fold(invisibly("john", "phone", at(0)));
    t.pass(at(1e8));
    CHECK(t.s.find("john", self("john")).value().online);
    t.fold(disconnect("john", "phone", at(1e8)));
    CHECK(t.s.inspect("john").value().invisible_since == at(0));  // while a late event can refer to it
    t.pass(at(1e8 + 121));
    CHECK_FALSE(t.s.inspect("john"));
  }
}

TEST_CASE("invisibility is kept while others know the user, and while a late event can refer to it") {
  Rules rules = with_an_age();
  Told t(rules);
  t.pass(at(0));
  t.fold(invisibly("john", "phone", at(0)));
  t.pass(at(1800));
  t.fold(says("john", "here", at(1800)));
  t.pass(at(1800) + hour - tick);
  CHECK(status(t.s, "john") == "here");
  CHECK(t.s.inspect("john").value().invisible_since == at(0));
  t.take();
  t.pass(at(1800) + hour);
  CHECK_FALSE(t.s.inspect("john"));
  CHECK(t.take().size() == 1);

  rules.forget_after = seconds(1);
  Told soon(rules);
  soon.pass(at(0));
  soon.fold(invisibly("jack", "phone", at(0)));
  soon.pass(at(160));  // session_timeout + reorder_window
  CHECK(soon.s.inspect("jack"));
  CHECK(soon.fold(heartbeat("jack", "pad", at(40))) == Verdict::applied);
  CHECK_FALSE(soon.s.find("jack"));
  soon.pass(at(200));
  CHECK(soon.s.inspect("jack"));
  soon.pass(at(200) + tick);
  CHECK_FALSE(soon.s.inspect("jack"));
  CHECK(soon.changes.empty());
}

TEST_CASE("guests who connect once while invisible free their capacity after forget_after") {
  Rules rules = with_an_age();
  rules.max_users = 5;
  Told t(rules);
  for (std::size_t round = 0; round < 10; ++round) {
    const Timestamp now = at(static_cast<double>(round) * 3600);
    t.pass(now);
    for (std::size_t i = 0; i < 5; ++i)
      CHECK(t.fold(invisibly(user_id(5 * round + i), "phone", now)) == Verdict::applied);
    CHECK(t.fold(invisibly("one more", "phone", now)) == Verdict::over_limit);
    CHECK(detail::SnapshotAccess::read(t.s)->table.size() == 5);
  }
  CHECK(t.changes.empty());
}

TEST_CASE("invisible users take only the capacity for unknown users, with and without forget_after") {
  for (const Duration age : {Duration::highest(), hour}) {
    Rules rules;
    rules.forget_after = age;
    rules.max_users = 3;
    Told t(rules);
    t.pass(at(0));
    for (std::size_t i = 0; i < 3; ++i) CHECK(t.fold(invisibly(user_id(i), "phone", at(0))) == Verdict::applied);
    CHECK(t.fold(invisibly("one more", "phone", at(0))) == Verdict::over_limit);
    for (std::size_t i = 10; i < 13; ++i) CHECK(t.fold(connect(user_id(i), "phone", at(0))) == Verdict::applied);
    CHECK(t.fold(connect("one more", "phone", at(0))) == Verdict::over_limit);
    CHECK(t.s.size() == 3);
    const std::vector<PresenceEvent> log = {heartbeat(user_id(10), "phone", at(30)), invisibly("later", "phone", at(200)),
                                            invisibly("last", "phone", at(7300))};
    const Tally tally = replay(t.s, log.begin(), log.end());
    CHECK(tally.over_limit == (age == hour ? 1u : 2u));
  }
}

TEST_CASE("a disconnect is kept as long as a heartbeat from before it can arrive late") {
  Rules rules = with_an_age();
  rules.forget_after = seconds(10);
  rules.session_timeout = Duration();
  Told t(rules);
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.pass(at(20));
  t.fold(disconnect("john", "phone", at(20)));
  CHECK_FALSE(t.s.find("john"));
  t.pass(at(100));
  t.fold(heartbeat("john", "phone", at(15)));
  CHECK_FALSE(t.s.online("john"));
  t.pass(at(141));
  CHECK_FALSE(t.s.inspect("john"));
}

TEST_CASE("forgotten_up_to is released when the reports that it hides would be forgotten") {
  Rules rules = Rules::mirror();
  rules.forget_after = hour;
  Told t(rules);
  t.pass(at(0));
  t.fold(report("john", true, at(0)));
  forget_reports_in(t.s);
  CHECK(t.s.find("john").value().online == false);
  t.fold(report("john", true, at(0)));
  CHECK(t.s.find("john").value().online == false);
  t.pass(at(0) + hour);
  CHECK_FALSE(t.s.inspect("john"));
  CHECK(t.s == reduce(Snapshot(rules), at(0) + hour));
}

TEST_CASE("forgotten_up_to is kept as long as the report that it hides") {
  Rules rules = Rules::mirror();
  rules.forget_after = hour;
  Told t(rules);
  t.pass(at(0));
  t.fold(report("john", true, at(0)));
  forget_reports_in(t.s);
  t.pass(at(1800));
  t.fold(says("john", "gone fishing", at(1800)));
  t.take();
  t.pass(at(0) + hour);
  t.fold(says("john", "still gone", at(0) + hour));
  CHECK(t.s.find("john").value().online == false);
}

TEST_CASE("forgotten_up_to outlasts its user while reports that it hides can still arrive") {
  Rules rules = Rules::mirror();
  rules.forget_after = hour;
  Told t(rules);
  t.pass(at(600));
  t.fold(report("john", true, at(0)));
  const std::vector<PresenceEvent> nobody_is_online;
  resync(t.s, nobody_is_online.begin(), nobody_is_online.end(), at(600));
  t.pass(at(0) + hour);
  CHECK_FALSE(t.s.find("john"));
  SUBCASE("it hides such a report") {
    t.fold(report("john", true, at(300)));
    CHECK(t.s.find("john").value().online == false);
  }
  SUBCASE("it is released when such reports would be forgotten") {
    const PresenceEvent news = says("john", "back", at(0) + hour);
    t.fold(news);
    t.pass(at(600) + hour);
    Snapshot new_to_him = reduce(reduce(Snapshot(rules), at(0) + hour), news);
    new_to_him = reduce(std::move(new_to_him), at(600) + hour);
    CHECK(t.s == new_to_him);
  }
}

TEST_CASE("a forgotten user's visibility changes are released when no late event can refer to them") {
  Rules rules = with_an_age();
  rules.forget_after = seconds(10);
  const Snapshot start = reduce(Snapshot(rules), at(0)), silent = reduce(start, connect("john", "phone", at(0)));
  const Snapshot visible = reduce(start, visibly("john", "phone", at(0)));
  CHECK(reduce(visible, at(120)) != reduce(silent, at(120)));
  CHECK(reduce(visible, at(120) + tick) == reduce(silent, at(120) + tick));
  CHECK(reduce(visible, at(160)).inspect("john"));
}

TEST_CASE("a visibility change that a late event can refer to is kept, also if nothing else of the user is") {
  Rules theirs = with_timeout(seconds(10)), ours;
  theirs.reorder_window = Duration();
  ours.forget_after = seconds(10);
  Snapshot other = reduce(Snapshot(theirs), at(0));
  other = reduce(std::move(other), visibly("john", "phone", at(0)));
  other = reduce(std::move(other), at(100));
  Snapshot s = merge(reduce(Snapshot(ours), at(100)), other);
  CHECK(s.empty());
  s = reduce(std::move(s), at(120));
  CHECK(s.inspect("john"));
  s = reduce(std::move(s), at(120) + tick);
  CHECK_FALSE(s.inspect("john"));
}

TEST_CASE("a visibility change inside a dropped range is rejected also after the user was forgotten") {
  Rules rules = with_an_age();
  rules.forget_after = seconds(10);
  rules.max_recent_per_user = 2;
  Told t(rules);
  t.pass(at(0));
  t.fold(says("john", "here", at(0)));
  for (int i = 1; i < 7; ++i) t.fold(invisibly("john", "phone", at(i)));
  t.pass(at(60));
  CHECK_FALSE(t.s.find("john"));
  t.fold(heartbeat("john", "phone", at(60)));
  CHECK(t.fold(visibly("john", "phone", at(4))) == Verdict::over_limit);
}

TEST_CASE("a forget_after of zero or less forgets users as soon as they are offline") {
  Rules rules;
  rules.forget_after = seconds(-1);  // counts as zero
  Told t(rules);
  CHECK(t.s.rules().forget_after == Duration());
  t.pass(at(10));
  t.fold(connect("john", "phone", at(10)));
  t.fold(says("jack", "here?", at(10)));
  CHECK(t.s.size() == 1);
  CHECK(t.s.online("john"));
  t.pass(at(50));
  CHECK(t.s.empty());
  CHECK(t.take().back().at == at(50));
}

TEST_CASE("users who are forgotten at an event's timestamp free their capacity for that event") {
  Rules rules = with_an_age();
  rules.max_users = 1;
  const std::vector<PresenceEvent> log = {says("ann", "hello", at(0)), says("bob", "hello", at(0) + hour), says("cyd", "hello", at(1) + hour)};
  Snapshot s(rules);
  const Tally tally = replay(s, log.begin(), log.end());
  CHECK(tally.applied == 2);
  CHECK(tally.over_limit == 1);
  CHECK(s.find("bob"));
  CHECK(s.size() == 1);
}

TEST_CASE("a forgotten user frees their capacity, although history for late events is kept") {
  Rules rules;
  rules.forget_after = seconds(100);
  rules.max_users = 1;
  const std::vector<PresenceEvent> log = {connect("ann", "phone", at(0)), says("bob", "hello", at(120))};
  Snapshot s(rules);
  CHECK(replay(s, log.begin(), log.end()).applied == 2);
  CHECK(s.inspect("ann"));
  CHECK(s.find("bob"));
}

TEST_CASE("an unknown user who expires frees no capacity for known users") {
  Rules rules = with_an_age();
  rules.max_users = 1;
  const std::vector<PresenceEvent> log = {disconnect("ann", "phone", at(0)), says("bob", "hello", at(100)), says("cyd", "hello", at(200))};
  Snapshot s(rules);
  CHECK(replay(s, log.begin(), log.end()).over_limit == 1);
  CHECK_FALSE(s.find("cyd"));
  CHECK_FALSE(reduce(std::move(s), at(200)).inspect("ann"));
}

TEST_CASE("an unknown user who expires frees capacity for another unknown user, with and without forget_after") {
  Rules rules;
  rules.max_users = 1;
  for (const Duration age : {Duration::highest(), hour}) {
    rules.forget_after = age;
    Snapshot s(rules);
    const std::vector<PresenceEvent> log = {disconnect("ann", "phone", at(0)), disconnect("bob", "phone", at(100)), disconnect("cyd", "phone", at(200))};
    const Tally tally = replay(s, log.begin(), log.end());
    CHECK(tally.applied == 2);
    CHECK(tally.over_limit == 1);
    CHECK(s.inspect("cyd"));
  }
}

TEST_CASE("a user who is forgotten at once needs capacity only if an event leaves state for late ones") {
  Rules rules;
  rules.forget_after = Duration();
  rules.max_users = 1;
  Told t(rules);
  t.pass(at(1));
  t.fold(disconnect("ann", "phone", at(1)));
  t.fold(report("bob", true, at(0)));
  CHECK(t.s.size() == 1);
  // The end of a session is kept for late events. That of a report is forgotten with what others know, as a status is.
  CHECK(t.fold(disconnect("cyd", "phone", at(1))) == Verdict::over_limit);
  CHECK(t.s.online("bob"));
  CHECK(t.fold(says("cyd", "hi", at(1))) == Verdict::unchanged);
  CHECK_FALSE(t.s.inspect("cyd"));
  CHECK(t.fold(report("bob", false, at(1))) == Verdict::applied);
  CHECK(t.s.empty());
  CHECK_FALSE(t.s.inspect("bob"));
  CHECK(t.fold(report("bob", false, at(1))) == Verdict::unchanged);
  CHECK(t.fold(disconnect("cyd", "phone", at(1))) == Verdict::over_limit);
  t.pass(at(121) + tick);  // nothing is left of ann
  CHECK(t.fold(disconnect("cyd", "phone", at(121))) == Verdict::applied);
}

TEST_CASE("a merge with a snapshot of an earlier now does not restore forgotten users") {
  Told t(with_an_age());
  t.pass(at(0));
  t.fold(says("john", "gone fishing", at(0)));
  const Snapshot later = reduce(t.s, at(0) + hour);
  CHECK(later.empty());
  CHECK(merge(later, t.s) == later);
  t.take();
  merge_into(t.s, later, t);
  CHECK(t.s == later);
  const auto changes = t.take();
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].at == at(0) + hour);
}

TEST_CASE("a user who times out and is forgotten in one merge has one change, sorted by its timestamp") {
  Told t(with_an_age());
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(connect("jack", "phone", at(60)));
  t.take();
  merge_into(t.s, reduce(Snapshot(t.s.rules()), at(30) + hour), t);
  const auto changes = t.take();
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].id == "jack");
  CHECK(changes[0].at == at(100));
  CHECK(changes[1].id == "john");
  CHECK(changes[1].at == at(0) + hour);
  CHECK(changes[1].before.value().online);
  CHECK_FALSE(changes[1].after);
}

TEST_CASE("the time at which a merge forgets a user depends on what both snapshots know") {
  Told t(with_an_age());
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.take();
  Snapshot other = reduce(Snapshot(), at(10));  // its rules forget no user
  other = reduce(std::move(other), says("john", "gone fishing", at(10)));
  merge_into(t.s, reduce(std::move(other), at(0) + hour + hour), t);
  const auto changes = t.take();
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].at == at(10) + hour);
  CHECK(changes[0].before.value().online);
  CHECK_FALSE(changes[0].after);
}

TEST_CASE("a diff reports a user who was forgotten") {
  Told t(with_an_age());
  t.pass(at(0));
  t.fold(says("john", "gone fishing", at(0)));
  t.take();
  diff(t.s, reduce(t.s, at(0) + hour), t);
  const auto changes = t.take();
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].before.value().status == "gone fishing");
  CHECK_FALSE(changes[0].after);
}

TEST_CASE("with max_sessions_per_user and forget_after of zero a connect leaves no user, also in a merge") {
  Rules rules;
  rules.forget_after = Duration();
  rules.max_sessions_per_user = 0;
  const Snapshot nobody_yet = reduce(Snapshot(rules), at(0)), other = reduce(reduce(Snapshot(), at(0)), connect("john", "phone", at(0)));
  const Snapshot merged = merge(nobody_yet, other);
  CHECK(merged == nobody_yet);
  CHECK(merged.digest() == nobody_yet.digest());
  CHECK(detail::SnapshotAccess::read(merged)->table.size() == 0);
  Told t(rules);
  t.pass(at(0));
  CHECK(accepted(t.fold(connect("john", "phone", at(0)))));
  CHECK(t.s == nobody_yet);
  CHECK(t.changes.empty());
}

TEST_CASE("a repeated invisible connect restarts forget_after, also if there is no capacity for its activity") {
  Rules rules = with_an_age();
  rules.max_recent_per_user = 2;
  rules.last_active_refresh = Duration();
  Told t(rules);
  t.pass(at(0));
  t.fold(invisibly("john", "phone", at(0)));
  t.pass(at(100));
  for (int i = 1; i < 5; ++i) t.fold(heartbeat("john", "phone", at(i)));
  t.fold(invisibly("john", "phone", at(100)));
  t.pass(at(100) + hour - tick);
  CHECK(t.s.inspect("john").value().invisible_since == at(0));
  t.pass(at(100) + hour);
  CHECK_FALSE(t.s.inspect("john"));
}
