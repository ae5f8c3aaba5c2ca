// SPDX-License-Identifier: MIT
#include "../telling.hpp"

using namespace support;

namespace {

const Duration minute = seconds(60), hour = seconds(3600);

/// Sessions end after 40 s, and users are forgotten after an hour.
Rules with_an_age() {
  Rules rules;
  rules.forget_after = hour;
  return rules;
}

}  // namespace

TEST_CASE("users are not forgotten unless asked") {
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

TEST_CASE("who is offline is forgotten forget_after after the latest of what others know") {
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

TEST_CASE("who times out and is forgotten later, both while time passes, has a change for each") {
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

TEST_CASE("who is online is not forgotten, however old the news") {
  Rules rules = with_an_age();
  rules.session_timeout = Duration();
  Told t(rules);
  t.pass(at(0));
  t.fold(connect("ann", "phone", at(0)));
  t.fold(report("bob", true, at(0)));
  t.pass(at(1e8));
  CHECK(t.s.online_count() == 2);
  SUBCASE("and is at once when going offline, in one change") {
    t.take();
    t.fold(disconnect("ann", "phone", at(1e8)));
    t.fold(report("bob", false, at(1e8)));
    CHECK_FALSE(t.s.find("ann"));
    CHECK(t.s.find("bob"));  // of whom the report is news
    const auto changes = t.take();
    REQUIRE(changes.size() == 2);
    CHECK(changes[0].before.value().online);
    CHECK_FALSE(changes[0].after);
  }
  SUBCASE("and is at once when the reports are forgotten") {
    forget_reports_in(t.s);
    CHECK_FALSE(t.s.find("bob"));
    CHECK_FALSE(t.s.inspect("bob"));
  }
}

TEST_CASE("a session that times out later than its user would be forgotten keeps the user until then") {
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

TEST_CASE("who comes back after being forgotten begins anew") {
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

TEST_CASE("what an invisible user does keeps nobody from forgetting, and brings nothing back") {
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
  CHECK(himself.value().status == "");  // gone for him as for everybody
  t.take();
  t.fold(says("john", "back", *t.s.now()));
  CHECK_FALSE(last_active(t.s, "john"));
  CHECK(status(t.s, "john") == "back");
}

TEST_CASE("that a user is invisible is forgotten last, and with the rest: who only hid leaves nothing") {
  Told t(with_an_age());
  t.pass(at(0));
  t.fold(invisibly("john", "phone", at(0)));
  t.fold(disconnect("john", "phone", at(1)));
  t.pass(at(0) + hour - tick);
  CHECK(t.s.inspect("john").value().invisible_since == at(0));
  CHECK(t.s.inspect("john").value().sessions.empty());
  const Snapshot before = t.s;
  SUBCASE("comes back in time") {
    t.fold(connect("john", "laptop", at(0) + hour - tick));
    CHECK_FALSE(t.s.find("john"));
    CHECK(t.s.find("john", self("john")).value().invisible);
    t.pass(at(0) + hour + hour - tick - tick);
    CHECK(t.s.inspect("john").value().invisible_since == at(0));
    t.pass(at(0) + hour + hour - tick);
    CHECK_FALSE(t.s.inspect("john"));
  }
  SUBCASE("or does not") {
    t.pass(at(0) + hour);
    CHECK_FALSE(t.s.inspect("john"));
    CHECK(t.s == reduce(Snapshot(with_an_age()), at(0) + hour));
    CHECK(t.s.digest() == reduce(Snapshot(with_an_age()), at(0) + hour).digest());
    CHECK(detail::SnapshotAccess::read(t.s)->table.size() == 0);
    t.fold(connect("john", "laptop", at(0) + hour));
    CHECK(t.s.online("john"));
    CHECK_FALSE(t.s.find("john", self("john")).value().invisible);
    // However it was forgotten: at once when something is folded, or another node forgot it.
    CHECK(reduce(before, at(1) + hour) == reduce(Snapshot(with_an_age()), at(1) + hour));
    CHECK(merge(before, reduce(Snapshot(with_an_age()), at(0) + hour)) == reduce(Snapshot(with_an_age()), at(0) + hour));
    CHECK(merge(reduce(Snapshot(with_an_age()), at(0) + hour), before) == reduce(Snapshot(with_an_age()), at(0) + hour));
  }
  CHECK(t.s.next_deadline().has_value() == t.s.online("john"));
}

TEST_CASE("who is there stays invisible, however long ago the news, and so does who was there lately") {
  Rules rules = with_an_age();
  SUBCASE("by heartbeats") {
    Told t(rules);
    t.pass(at(0));
    t.fold(invisibly("john", "phone", at(0)));
    for (int i = 1; i < 400; ++i) {
      t.pass(at(30 * i));
      t.fold(heartbeat("john", "phone", at(30 * i)));
    }
    CHECK(t.s.inspect("john").value().invisible_since == at(0));
    CHECK(t.s.find("john", self("john")).value().online);
    // The last counts in a step of 15 minutes.
    t.pass(at(11700) + hour - tick);
    CHECK(t.s.inspect("john"));
    t.pass(at(11700) + hour);
    CHECK_FALSE(t.s.inspect("john"));
    CHECK(t.changes.empty());
  }
  SUBCASE("by a session that does not time out") {
    rules.session_timeout = Duration();
    Told t(rules);
    t.pass(at(0));
    t.fold(invisibly("john", "phone", at(0)));
    t.pass(at(1e8));
    CHECK(t.s.find("john", self("john")).value().online);
    t.fold(disconnect("john", "phone", at(1e8)));
    CHECK(t.s.inspect("john").value().invisible_since == at(0));  // while a late event could concern it
    t.pass(at(1e8 + 121));
    CHECK_FALSE(t.s.inspect("john"));
  }
}

TEST_CASE("that a user is invisible is not forgotten before what others know, nor while a late event could concern it") {
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
  soon.pass(at(160));  // timeout and window
  CHECK(soon.s.inspect("jack"));
  CHECK(soon.fold(heartbeat("jack", "pad", at(40))) == Verdict::applied);
  CHECK_FALSE(soon.s.find("jack"));
  soon.pass(at(200));
  CHECK(soon.s.inspect("jack"));
  soon.pass(at(200) + tick);
  CHECK_FALSE(soon.s.inspect("jack"));
  CHECK(soon.changes.empty());
}

TEST_CASE("guests who come once and hide do not fill the room of those who hide for good") {
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

TEST_CASE("those who hide fill no room but that of those who hide, with an age and without") {
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

TEST_CASE("a disconnect is remembered for as long as the word that it ended could come late") {
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

TEST_CASE("a mask over reports goes when what it masks would be forgotten") {
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

TEST_CASE("a mask over a report stays for as long as the report does") {
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

TEST_CASE("a mask over reports that may still come outlasts its user") {
  Rules rules = Rules::mirror();
  rules.forget_after = hour;
  Told t(rules);
  t.pass(at(600));
  t.fold(report("john", true, at(0)));
  const std::vector<PresenceEvent> nobody_is_online;
  resync(t.s, nobody_is_online.begin(), nobody_is_online.end(), at(600));
  t.pass(at(0) + hour);
  CHECK_FALSE(t.s.find("john"));
  SUBCASE("and hides those") {
    t.fold(report("john", true, at(300)));
    CHECK(t.s.find("john").value().online == false);
  }
  SUBCASE("and goes when they would be forgotten") {
    const PresenceEvent news = says("john", "back", at(0) + hour);
    t.fold(news);
    t.pass(at(600) + hour);
    Snapshot new_to_him = reduce(reduce(Snapshot(rules), at(0) + hour), news);
    new_to_him = reduce(std::move(new_to_him), at(600) + hour);
    CHECK(t.s == new_to_him);
  }
}

TEST_CASE("the changes of visibility of who is forgotten are forgotten when no late event could concern them") {
  Rules rules = with_an_age();
  rules.forget_after = seconds(10);
  const Snapshot start = reduce(Snapshot(rules), at(0)), silent = reduce(start, connect("john", "phone", at(0)));
  const Snapshot visible = reduce(start, visibly("john", "phone", at(0)));
  CHECK(reduce(visible, at(120)) != reduce(silent, at(120)));
  CHECK(reduce(visible, at(120) + tick) == reduce(silent, at(120) + tick));
  CHECK(reduce(visible, at(160)).inspect("john"));
}

TEST_CASE("a change of visibility that a late event could concern is kept, also where nothing else is") {
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

TEST_CASE("that changes of visibility were dropped is remembered of who is forgotten") {
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

TEST_CASE("zero forgets whoever goes offline") {
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

TEST_CASE("room is counted without those who are just being forgotten") {
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

TEST_CASE("who is just being forgotten leaves room although something of him is kept") {
  Rules rules;
  rules.forget_after = seconds(100);
  rules.max_users = 1;
  const std::vector<PresenceEvent> log = {connect("ann", "phone", at(0)), says("bob", "hello", at(120))};
  Snapshot s(rules);
  CHECK(replay(s, log.begin(), log.end()).applied == 2);
  CHECK(s.inspect("ann"));
  CHECK(s.find("bob"));
}

TEST_CASE("somebody unknown of whom nothing is left makes no room for somebody known") {
  Rules rules = with_an_age();
  rules.max_users = 1;
  const std::vector<PresenceEvent> log = {disconnect("ann", "phone", at(0)), says("bob", "hello", at(100)), says("cyd", "hello", at(200))};
  Snapshot s(rules);
  CHECK(replay(s, log.begin(), log.end()).over_limit == 1);
  CHECK_FALSE(s.find("cyd"));
  CHECK_FALSE(reduce(std::move(s), at(200)).inspect("ann"));
}

TEST_CASE("and takes no room of somebody else whom nobody knows") {
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

TEST_CASE("who is forgotten at once and leaves nothing needs no room") {
  Rules rules;
  rules.forget_after = Duration();
  rules.max_users = 1;
  Told t(rules);
  t.pass(at(1));
  t.fold(disconnect("ann", "phone", at(1)));
  t.fold(report("bob", true, at(0)));
  CHECK(t.s.size() == 1);
  CHECK(t.fold(report("bob", false, at(1))) == Verdict::applied);
  CHECK_FALSE(t.s.inspect("bob"));
}

TEST_CASE("merging with a node where time has not gone on brings nobody back") {
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

TEST_CASE("who times out and is forgotten in a merge has one change, in the order of its timestamp") {
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

TEST_CASE("when somebody was forgotten in a merge is decided by what both knew") {
  Told t(with_an_age());
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.take();
  Snapshot other = reduce(Snapshot(), at(10));  // by whose rules nobody is forgotten
  other = reduce(std::move(other), says("john", "gone fishing", at(10)));
  merge_into(t.s, reduce(std::move(other), at(0) + hour + hour), t);
  const auto changes = t.take();
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].at == at(10) + hour);
  CHECK(changes[0].before.value().online);
  CHECK_FALSE(changes[0].after);
}

TEST_CASE("a difference tells of the forgotten") {
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

TEST_CASE("who is online by no session that there is room for is forgotten at once, in a merge as well") {
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

TEST_CASE("who asked lately to stay invisible stays so, also where that they were active then found no room") {
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
