// SPDX-License-Identifier: MIT

// resume: a host was away, and whoever was online gets time to return.

#include "../rich.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

using namespace support;

namespace {

Rules rules_of(double timeout, double idle = 0, double grace = 0, double report_timeout = 0) {
  Rules rules = with_timeout(seconds(timeout));
  rules.idle_after = seconds(idle);
  rules.offline_grace = seconds(grace);
  rules.report_timeout = seconds(report_timeout);
  return rules;
}
/// At the time `stop`, all of the events having been applied.
Told stopped(const Rules& rules, const std::vector<PresenceEvent>& events, Timestamp stop) {
  Told t(rules);
  t.pass(at(0));
  for (const PresenceEvent& event : events) t.fold(event);
  t.pass(stop);
  t.take();
  return t;
}
/// "10:00:40.000Z john online -> offline; ", with the availabilities; unknown: none.
std::string turns(const Changes& changes) {
  std::string lines;
  for (const UserPresenceChanged& change : changes) {
    const auto one = [](const std::optional<User>& user) {
      return user ? std::string(to_string(user->availability)) : "none";
    };
    lines += std::to_string((change.at - at(0)).ns() / 1000000000) + " " + change.id + " " + one(change.before) + ">" +
             one(change.after) + "; ";
  }
  return lines;
}

}  // namespace

TEST_CASE("a session that was live is held until now and patience, to the nanosecond") {
  Told t = stopped(rules_of(40), {connect("john", "phone", at(0))}, at(10));
  resume(t.s, at(1000), seconds(60), t);
  CHECK(t.take().empty());
  CHECK(t.s.now() == at(1000));
  CHECK(t.s.online("john"));
  CHECK(last_active(t.s, "john") == at(0));
  CHECK(t.s.next_deadline() == at(1060));
  CHECK(t.s.inspect("john")->sessions.at(0).alive);
  CHECK(t.s.inspect("john")->sessions.at(0).online_until == at(1060));
  CHECK(t.s.inspect("john")->sessions.at(0).last_evidence == at(0));
  t.pass(at(1060) - tick);
  CHECK(t.s.online("john"));
  t.pass(at(2000));
  CHECK(turns(t.take()) == "1060 john available>offline; ");
}

TEST_CASE("a session that sends a heartbeat goes on as usual, but a hold is not shortened") {
  for (const bool is_activity : {true, false}) {
    Rules rules = rules_of(40);
    rules.heartbeat_is_activity = is_activity;
    Told t = stopped(rules, {connect("john", "phone", at(0))}, at(10));
    resume(t.s, at(1000), seconds(60), t);
    t.fold(heartbeat("john", "phone", at(1005)));
    CHECK(t.s.next_deadline() == at(1060));
    t.fold(heartbeat("john", "phone", at(1020)));
    CHECK(t.s.next_deadline() == at(1060));
    t.fold(heartbeat("john", "phone", at(1021)));
    CHECK(t.s.next_deadline() == at(1061));
    const Snapshot same = *decode(encode(t.s), rules);
    CHECK(same == t.s);
    t.pass(at(2000));
    CHECK(reduce(same, at(2000)) == t.s);
    CHECK_FALSE(t.s.online("john"));
  }
}

TEST_CASE("a session that has ended is not held") {
  Told t = stopped(rules_of(40),
                   {connect("john", "phone", at(0)), disconnect("john", "phone", at(1)), connect("mary", "tv", at(0))},
                   at(40));
  CHECK_FALSE(t.s.online("mary"));
  resume(t.s, at(1000), seconds(60), t);
  CHECK(t.take().empty());
  CHECK(t.s.online_count() == 0);
  CHECK_FALSE(t.s.next_deadline());
}

TEST_CASE("the grace after a disconnect, and the ends of statuses and choices, pass meanwhile") {
  Told t =
      stopped(rules_of(40, 0, 20),
              {connect("john", "phone", at(0)), disconnect("john", "phone", at(5)),
               being(connect("mary", "tv", at(0)), Availability::away),
               until(chooses("mary", Availability::busy, at(1)), at(50)), until(says("kim", "brb", at(0)), at(30))},
              at(10));
  resume(t.s, at(1000), seconds(60), t);
  CHECK(turns(t.take()) == "25 john available>offline; 30 kim offline>offline; 50 mary busy>away; ");
  CHECK(t.s.next_deadline() == at(1060));
}

TEST_CASE("a session in its grace is not held, so a late heartbeat does not bring it back") {
  Rules rules = rules_of(40, 0, 20);
  rules.reorder_window = seconds(2000);
  Told t = stopped(rules, {connect("john", "phone", at(0)), disconnect("john", "phone", at(5))}, at(10));
  const Snapshot expected = reduce(t.s, at(1000));
  resume(t.s, at(1000), seconds(60), t);
  CHECK(t.s == expected);
  t.take();
  t.fold(heartbeat("john", "phone", at(6)));
  CHECK_FALSE(t.s.online("john"));
}

TEST_CASE("a disconnect ends a hold, also one that is late") {
  for (const double second : {5.0, 900.0, 1010.0}) {
    Rules rules = rules_of(40);
    rules.reorder_window = seconds(2000);
    Told t = stopped(rules, {connect("john", "phone", at(0))}, at(10));
    resume(t.s, at(1000), seconds(60), t);
    t.fold(disconnect("john", "phone", at(second)));
    CHECK(turns(t.take()) == "1000 john available>offline; ");
    CHECK_FALSE(t.s.next_deadline());
  }
}

TEST_CASE("a disconnect during a hold has its grace, but not beyond the hold") {
  Told t = stopped(rules_of(40, 0, 20), {connect("john", "phone", at(0))}, at(10));
  resume(t.s, at(1000), seconds(60), t);
  CHECK(t.s.next_deadline() == at(1060));
  t.fold(disconnect("john", "phone", at(1010)));
  CHECK(t.s.next_deadline() == at(1030));
  t.fold(disconnect("john", "phone", at(1005)));
  CHECK(t.s.next_deadline() == at(1025));
  t.fold(connect("john", "phone", at(1020)));
  CHECK(t.s.next_deadline() == at(1080));
  CHECK(t.take().size() == 1);  // last_active
}

TEST_CASE("a session that was not idle is not idle before now and patience") {
  Rules rules = rules_of(100, 60);
  rules.heartbeat_is_activity = false;
  const std::vector<PresenceEvent> events = {connect("john", "phone", at(0)), heartbeat("mary", "tv", at(0)),
                                             being(connect("kim", "pc", at(0)), Availability::away)};
  Told t = stopped(rules, events, at(59));
  resume(t.s, at(1000), seconds(50), t);
  CHECK(t.take().empty());
  CHECK(availability(t.s, "john") == Availability::available);
  CHECK(availability(t.s, "mary") == Availability::idle);  // was idle before
  CHECK(availability(t.s, "kim") == Availability::away);
  CHECK(last_active(t.s, "john") == at(0));
  CHECK(t.s.next_deadline() == at(1050));
  t.fold(heartbeat("john", "phone", at(1010)));
  t.pass(at(1051));
  CHECK(turns(t.take()) == "1050 john available>idle; 1050 kim away>offline; 1050 mary idle>none; ");
  t.fold(acts("john", "phone", at(1051)));
  CHECK(availability(t.s, "john") == Availability::available);
  SUBCASE("and one that was idle still is") {
    Told late = stopped(rules, events, at(60));
    resume(late.s, at(1000), seconds(50), late);
    CHECK(late.take().empty());
    CHECK(availability(late.s, "john") == Availability::idle);
  }
  SUBCASE("an idle_after that is longer than patience goes on") {
    rules.idle_after = seconds(990);
    Told long_idle = stopped(rules, events, at(50));
    resume(long_idle.s, at(100), seconds(50), long_idle);
    long_idle.fold(heartbeat("john", "phone", at(149)));
    long_idle.pass(at(149));
    CHECK(long_idle.s.inspect("john")->sessions.at(0).active == at(0));
    CHECK(availability(long_idle.s, "john") == Availability::available);
  }
}

TEST_CASE("reports with a timeout are held, and those without need none") {
  for (const double timeout : {0.0, 30.0}) {
    Told t = stopped(rules_of(40, 0, 0, timeout), {being(report("john", true, at(0)), Availability::busy)}, at(10));
    resume(t.s, at(1000), seconds(60), t);
    CHECK(t.take().empty());
    CHECK(availability(t.s, "john") == Availability::busy);
    CHECK(t.s.next_deadline() == (timeout == 0 ? std::optional<Timestamp>() : at(1060)));
    t.fold(report("john", false, at(1001)));
    CHECK(turns(t.take()) == "1000 john busy>offline; ");
  }
}

TEST_CASE("without a timeout only the time moves") {
  Told t = stopped(rules_of(0), {connect("john", "phone", at(0))}, at(10));
  const Snapshot expected = reduce(t.s, at(1000));
  resume(t.s, at(1000), seconds(60), t);
  CHECK(t.s == expected);
}

TEST_CASE("what a session said is kept over a hold") {
  Told t =
      stopped(rules_of(40), {doing(being(connect("john", "phone", at(0)), Availability::busy, 3), "match")}, at(10));
  resume(t.s, at(1000), seconds(60), t);
  t.fold(heartbeat("john", "phone", at(1030)));
  CHECK(availability(t.s, "john") == Availability::busy);
  CHECK(activity(t.s, "john") == "match");
  CHECK(t.s.inspect("john")->sessions.at(0).priority == 3);
  t.pass(at(1070));
  t.fold(heartbeat("john", "phone", at(1071)));
  CHECK(availability(t.s, "john") == Availability::available);  // a silence of more than 40 s
}

TEST_CASE("invisible users are held as well, unseen") {
  Told t = stopped(rules_of(40), {connect("john", "phone", at(0)), hides("john", at(1))}, at(10));
  resume(t.s, at(1000), seconds(60), t);
  CHECK(t.take().empty());
  CHECK_FALSE(t.s.online("john"));
  CHECK(t.s.online("john", self("john")));
  CHECK_FALSE(t.s.next_deadline());
}

TEST_CASE("a patience that is short, negative or endless") {
  const Rules rules = rules_of(40);
  for (const Duration patience :
       {Duration(), seconds(-5), Duration::from_ns(std::numeric_limits<std::int64_t>::min())}) {
    Told t = stopped(rules, {connect("john", "phone", at(0))}, at(10));
    resume(t.s, at(1000), patience, t);
    // It is held until now, so it ends now.
    CHECK(turns(t.take()) == "1000 john available>offline; ");
  }
  Told t = stopped(rules, {connect("john", "phone", at(0))}, at(10));
  resume(t.s, at(15), seconds(1), t);  // its own timeout is later
  CHECK(t.s.next_deadline() == at(40));
  resume(t.s, at(1000), tick, t);
  CHECK(t.s.next_deadline() == at(1000) + tick);
  resume(t.s, at(1000) + tick, seconds(1), t);  // online until then
  CHECK(t.take().empty());
  CHECK(t.s.next_deadline() == at(1001) + tick);
  t = stopped(rules, {connect("john", "phone", at(0))}, at(10));
  resume(t.s, at(1000), Duration::highest(), t);
  CHECK(t.s.online("john"));
  CHECK(t.s.next_deadline() == Timestamp::highest() - tick);
  CHECK(*decode(encode(t.s), rules) == t.s);
  t.fold(disconnect("john", "phone", at(1001)));
  CHECK_FALSE(t.s.online("john"));
}

TEST_CASE("resume does nothing if now is not later, or out of range") {
  Told t = stopped(rules_of(40), {connect("john", "phone", at(0))}, at(10));
  const Snapshot before = t.s;
  for (const Timestamp now : {at(10), at(5), Timestamp::lowest(), Timestamp::highest()}) {
    resume(t.s, now, seconds(60), t);
    CHECK(t.s == before);
  }
  CHECK(t.take().empty());
  Snapshot never_used;
  resume(never_used, at(5), seconds(60));
  CHECK(never_used.now() == at(5));
}

TEST_CASE("a snapshot without a time is resumed with all sessions that have not ended") {
  Told t(rules_of(40));
  t.fold(connect("john", "phone", at(0)));
  t.take();
  resume(t.s, at(1000), seconds(60), t);
  CHECK(t.take().empty());
  CHECK(t.s.next_deadline() == at(1060));
}

TEST_CASE("resuming twice holds those who are held") {
  Told t = stopped(rules_of(40, 60), {connect("john", "phone", at(0))}, at(10));
  resume(t.s, at(1000), seconds(60), t);
  resume(t.s, at(1050), seconds(60), t);
  CHECK(t.take().empty());
  CHECK(t.s.next_deadline() == at(1110));
  CHECK(availability(t.s, "john") == Availability::available);
}

TEST_CASE("a snapshot that was copied before does not change, and a hold survives encoding") {
  Told t = stopped(rules_of(40, 60), {connect("john", "phone", at(0)), connect("mary", "tv", at(0))}, at(10));
  const Snapshot before = t.s;
  const std::uint64_t digest = before.digest();
  resume(t.s, at(1000), seconds(60), t);
  CHECK(before.digest() == digest);
  CHECK(before.now() == at(10));
  const Snapshot copy = *decode(encode(t.s), t.s.rules());
  CHECK(copy == t.s);
  CHECK(copy.next_deadline() == t.s.next_deadline());
  Snapshot third = before;
  CHECK_FALSE(apply_delta(third, encode_delta(before, t.s), at(1000)));
  CHECK(third == t.s);
}

TEST_CASE("merges join the longer hold") {
  const Rules rules = rules_of(40, 60);
  Told t = stopped(rules, {connect("john", "phone", at(0))}, at(10));
  Snapshot a = t.s, b = t.s;
  resume(a, at(1000), seconds(60));
  resume(b, at(1000), seconds(90));
  CHECK(merge(a, b).next_deadline() == b.next_deadline());
  CHECK(merge(a, b) == merge(b, a));
  CHECK(merge(a, a) == a);
}

TEST_CASE("other nodes take a hold that is within their limits, also if sessions become idle soon") {
  const Rules rules = rules_of(40, 10);
  const Snapshot before = stopped(rules, {connect("john", "phone", at(0))}, at(1)).s;
  for (const double patience : {60.0, 71.0, 100.0, 101.0}) {
    Snapshot held = before, peer = reduce(Snapshot(rules), at(1000));
    resume(held, at(1000), seconds(patience));
    CHECK(apply_delta(peer, encode_delta(Snapshot(rules), held), at(1000)).has_value() == (patience > 100));
  }
}

TEST_CASE("a hold within the grace period of a later heartbeat does not prolong the session, dropped or not") {
  Rules rules = rules_of(20, 0, 3);
  rules.heartbeat_is_activity = false;
  Told t = stopped(rules, {connect("john", "tv", at(0))}, at(0));
  resume(t.s, at(6), seconds(20), t);  // held until 26 s
  t.fold(heartbeat("john", "tv", at(4)));  // shown until 27 s
  t.pass(at(23));
  std::size_t listed = 0;
  const auto count = [&listed](std::string_view, std::string_view) { ++listed; };
  t.s.each_session("", count);
  CHECK(listed == 1);
  t.pass(at(24));
  listed = 0;
  t.s.each_session("", count);
  CHECK(listed == 0);
  CHECK_FALSE(t.s.inspect("john")->sessions[0].alive);
}

TEST_CASE("a session that is held is not fresher than one that connects") {
  Rules rules = rules_of(40, 10);
  rules.max_sessions_per_user = 1;
  Told t = stopped(rules, {connect("john", "phone", at(0))}, at(1));
  resume(t.s, at(1000), seconds(60), t);
  PresenceEvent returning = connect("john", "laptop", at(1000));
  returning.availability = Availability::busy;
  t.fold(returning);
  CHECK(availability(t.s, "john") == Availability::busy);
  REQUIRE(t.s.inspect("john")->sessions.size() == 1);
  CHECK(t.s.inspect("john")->sessions[0].id == "laptop");
}
