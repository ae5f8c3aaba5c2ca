// SPDX-License-Identifier: MIT

// Reports are a session of their own: their grace, Rules::report_timeout, ties, and what they say.

#include "../rich.hpp"

#include <presence/registers/detail/registers.hpp>

#include <optional>
#include <string>
#include <vector>

using namespace support;

namespace {

Rules leased(double timeout, double grace = 0) {
  Rules rules = with_timeout(seconds(40));
  rules.report_timeout = seconds(timeout);
  rules.offline_grace = seconds(grace);
  return rules;
}
User with(User user, Availability how, Attributes activity = {}) {
  user.availability = how;
  user.activity = std::move(activity);
  return user;
}

}  // namespace

TEST_CASE("without report_timeout a report of online counts until the next report") {
  Told t(leased(0));
  t.pass(at(0));
  t.fold(report("john", true, at(0)));
  CHECK_FALSE(t.s.next_deadline());
  t.pass(at(1e8));
  CHECK(t.s.online("john"));
  t.take();
  t.fold(report("john", false, at(1e8)));
  CHECK(text(t.take()) ==
        text({changed(at(1e8), seen_online("john", std::nullopt), seen_offline("john", std::nullopt))}));
}

TEST_CASE("a report of online counts for report_timeout and the grace, to the nanosecond") {
  for (const double grace : {0.0, 10.0}) {
    Told t(leased(100, grace));
    t.pass(at(0));
    t.fold(report("john", true, at(0)));
    t.take();
    const Timestamp end = at(100 + grace);
    CHECK(t.s.next_deadline() == end);
    t.pass(end - tick);
    CHECK(t.s.online("john"));
    t.pass(at(1e4));
    CHECK(text(t.take()) ==
          text({changed(end, seen_online("john", std::nullopt), seen_offline("john", std::nullopt))}));
    CHECK(t.s.size() == 1);  // a report makes its user known for good
    t.fold(report("john", true, at(1e4)));
    CHECK(t.s.online("john"));
  }
}

TEST_CASE("another report of online renews it") {
  Snapshot s = folded(leased(100), {report("john", true, at(0)), report("john", true, at(60))});
  CHECK(s.next_deadline() == at(160));
  s = reduce(std::move(s), report("john", true, at(30)));  // late
  CHECK(s.next_deadline() == at(160));
}

TEST_CASE("the offline_grace applies to a report of offline") {
  for (const double timeout : {0.0, 100.0}) {
    Told t(leased(timeout, 10));
    t.pass(at(0));
    t.fold(report("john", true, at(0)));
    t.take();
    t.fold(report("john", false, at(5)));
    CHECK(t.take().empty());
    CHECK(t.s.next_deadline() == at(15));
    SUBCASE("it passes") {
      t.pass(at(20));
      CHECK(text(t.take()) ==
            text({changed(at(15), seen_online("john", std::nullopt), seen_offline("john", std::nullopt))}));
    }
    SUBCASE("or a report of online cancels it without a trace") {
      t.fold(report("john", true, at(8)));
      t.pass(at(20));
      CHECK(t.take().empty());
      CHECK(t.s.online("john"));
    }
    SUBCASE("a later report of offline does not prolong it") {
      t.fold(report("john", false, at(9)));
      t.pass(at(15));
      CHECK_FALSE(t.s.online("john"));
    }
  }
  // The grace does not outlast the lease.
  const Snapshot s = folded(leased(100, 10), {report("john", true, at(0)), report("john", false, at(105))});
  CHECK(s.next_deadline() == at(110));
}

TEST_CASE("at one timestamp a report of online wins") {
  for (const double timeout : {0.0, 100.0}) {
    const std::vector<PresenceEvent> events = {report("john", true, at(1)), report("john", false, at(1))};
    CHECK(digests_of_all_orders(leased(timeout), events, at(0), at(10)).size() == 1);
    CHECK(folded(leased(timeout), events).online("john"));
  }
}

TEST_CASE("reports and the user's own sessions are independent of each other") {
  Told t(leased(100));
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(report("john", false, at(1)));  // does not end the phone
  CHECK(t.s.online("john"));
  t.fold(report("john", true, at(2)));
  t.fold(disconnect("john", "phone", at(3)));
  CHECK(t.s.online("john"));
  t.take();
  t.pass(at(200));
  CHECK(text(t.take()) == text({changed(at(102), seen_online("john", at(0)), seen_offline("john", at(0)))}));
}

TEST_CASE("the reports are not in the sessions of a user, and take no room from them") {
  Rules rules = leased(100);
  rules.max_sessions_per_user = 1;
  const Snapshot s =
      folded(rules, {connect("john", "phone", at(0)), report("john", true, at(1)), connect("john", "tv", at(2))});
  const auto sessions = s.inspect("john")->sessions;
  REQUIRE(sessions.size() == 1);
  CHECK(sessions[0].id == "tv");
  CHECK(reduce(s, disconnect("john", "tv", at(3))).online("john"));
  CHECK(Store(s).stats().sessions == 1);
}

TEST_CASE("a report has an availability and an activity like a session, with the priority 0") {
  Snapshot s = folded(leased(100), {doing(being(report("john", true, at(0)), Availability::busy), "match")});
  CHECK(rich(s.find("john")) ==
        rich(with(seen_online("john", std::nullopt), Availability::busy, fields({{"on", "match"}}))));
  // An update that is stronger by priority, rank, or date decides.
  s = reduce(std::move(s), doing(being(connect("john", "phone", at(1)), Availability::busy), "phone"));
  CHECK(activity(s, "john") == "phone");
  s = reduce(std::move(s), doing(being(report("john", true, at(2)), Availability::busy), "report"));
  CHECK(activity(s, "john") == "report");
  s = reduce(std::move(s), being(update("john", "phone", at(1.5)), Availability::busy, 1));
  CHECK(activity(s, "john") == "phone");
  // At one moment the greater id wins, and that of the reports is empty.
  s = folded(leased(100), {doing(being(report("john", true, at(1)), Availability::busy), "report"),
                           doing(being(connect("john", "a", at(1)), Availability::busy), "a")});
  CHECK(activity(s, "john") == "a");
}

TEST_CASE("a report that says nothing leaves the availability, and a report of offline begins a new life") {
  Snapshot s = folded(leased(100), {doing(being(report("john", true, at(0)), Availability::busy), "match")});
  s = reduce(std::move(s), report("john", true, at(1)));
  CHECK(availability(s, "john") == Availability::busy);
  CHECK(activity(s, "john") == "match");
  s = reduce(reduce(std::move(s), report("john", false, at(2))), report("john", true, at(3)));
  CHECK(availability(s, "john") == Availability::available);
  CHECK(activity(s, "john").empty());
}

TEST_CASE("a silence longer than report_timeout begins a new life of the reports") {
  Rules rules = leased(50);
  const PresenceEvent first = being(report("john", true, at(0)), Availability::busy);
  CHECK(availability(folded(rules, {first, report("john", true, at(50))}), "john") == Availability::busy);
  CHECK(availability(folded(rules, {first, report("john", true, at(50) + tick)}), "john") == Availability::available);
  CHECK(digests_of_all_orders(rules,
                              {first, report("john", true, at(55)), report("john", true, at(20)),
                               doing(report("john", true, at(3)), "match"), report("john", false, at(3))},
                              at(0), at(60))
            .size() == 1);
}

TEST_CASE("a report of offline that says something is a report of offline") {
  const Snapshot s = folded({doing(being(report("john", false, at(0)), Availability::busy), "match")});
  CHECK(rich(s.find("john")) == rich(seen_offline("john", std::nullopt)));
  CHECK(s == folded({report("john", false, at(0))}));
}

TEST_CASE("a report of a user has all of their fields") {
  User john{"john", true, "hi", at(-5), true};
  john.availability = Availability::away;
  john.activity = fields({{"on", "match"}});
  john.data = fields({{"name", "John"}});
  const PresenceEvent event = PresenceEvent::report(john, at(0));
  CHECK(event.availability == Availability::away);
  CHECK_FALSE(event.priority);
  CHECK_FALSE(event.invisible);
  CHECK(event.activity == john.activity);
  CHECK(event.data == john.data);
  CHECK(PresenceEventView::report(john, at(0)) == event);
  User seen = john;
  seen.invisible = false;
  CHECK(rich(folded({event}).find("john")) == rich(seen));
  SUBCASE("online and offline in one is available") {
    john.availability = Availability::offline;
    CHECK(PresenceEvent::report(john, at(0)).availability == Availability::available);
    CHECK(availability(folded({PresenceEvent::report(john, at(0))}), "john") == Availability::available);
  }
  SUBCASE("one who is offline has neither availability nor activity") {
    john.online = false;
    CHECK_FALSE(PresenceEvent::report(john, at(0)).availability);
    CHECK_FALSE(PresenceEvent::report(john, at(0)).activity);
    CHECK(PresenceEvent::report(john, at(0)).data == john.data);
  }
  SUBCASE("one who does nothing has no activity, also if an older report had one") {
    john.activity = Attributes();
    CHECK(activity(folded({event, PresenceEvent::report(john, at(1))}), "john").empty());
  }
}

TEST_CASE("forgetting the reports ends them at once, without grace, and keeps their data") {
  Told t(leased(100, 10));
  t.pass(at(0));
  t.fold(having(doing(being(report("john", true, at(0)), Availability::busy), "match"), fields({{"n", 1}})));
  t.take();
  forget_reports_in(t.s, t);
  const Changes changes = t.take();
  REQUIRE(changes.size() == 1);
  CHECK_FALSE(changes[0].after->online);
  CHECK(changes[0].after->data == fields({{"n", 1}}));
  CHECK(changes[0].after->activity.empty());
  CHECK_FALSE(t.s.next_deadline());
  t.fold(report("john", true, at(1)));
  CHECK(availability(t.s, "john") == Availability::available);  // it does not inherit what was forgotten
}

TEST_CASE("forgetting the reports keeps no more of their earlier runs than max_recent_per_user") {
  Rules rules = leased(4);
  rules.max_recent_per_user = 1;
  const Snapshot s = forget_reports(
      folded(rules, {report("john", true, at(7)), report("john", true, at(19)), says("john", "a", at(1))}));
  const detail::UserRegisters kept = *kept_of(s, "john");
  REQUIRE(kept.sessions.size() == 1);
  CHECK(kept.sessions[0].earlier_runs().size() == 1);
  CHECK(kept.sessions[0].earlier_runs()[0].start == at(19));
  const Result<Snapshot> again = decode(encode(s), rules);
  REQUIRE(again);
  CHECK(*again == s);
}

TEST_CASE("a removal ends the reports that are dated up to it") {
  const std::vector<PresenceEvent> events = {being(report("john", true, at(1)), Availability::busy),
                                             doing(report("john", true, at(3)), "match"), removes("john", at(2)),
                                             report("john", false, at(2))};
  for (const double timeout : {0.0, 50.0}) {
    CHECK(digests_of_all_orders(leased(timeout), events, at(0), at(10)).size() == 1);
    const Snapshot s = folded(leased(timeout), events);
    CHECK(availability(s, "john") == Availability::available);
    CHECK(activity(s, "john") == "match");
    CHECK_FALSE(reduce(s, removes("john", at(3))).find("john"));
  }
}
