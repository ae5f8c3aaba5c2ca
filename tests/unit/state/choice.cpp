// SPDX-License-Identifier: MIT

// The user's own choice of availability: set_availability.

#include "../rich.hpp"

#include <optional>
#include <string>
#include <vector>

using namespace support;

namespace {

constexpr Availability busy = Availability::busy, away = Availability::away, available = Availability::available;

Snapshot online(const Rules& rules = {}) {
  return reduce(folded(rules, {being(connect("john", "phone", at(0)), away)}), at(0));
}

}  // namespace

TEST_CASE("a choice takes precedence over all sessions, and no choice lets them decide") {
  for (const Availability one : {Availability::idle, away, busy, available}) {
    Told t;
    t.s = online();
    t.take();
    CHECK(t.fold(chooses("john", one, at(1))) == Verdict::applied);
    CHECK(availability(t.s, "john") == one);
    CHECK(t.s.inspect("john")->choice == one);
    CHECK_FALSE(t.s.inspect("john")->choice_until);
    CHECK(t.take().size() == (one == away ? 0 : 1));
    t.fold(being(update("john", "tv", at(2)), busy));
    CHECK(availability(t.s, "john") == one);
    t.take();
    CHECK(t.fold(chooses("john", std::nullopt, at(3))) == Verdict::applied);
    CHECK(availability(t.s, "john") == busy);
    CHECK_FALSE(t.s.inspect("john")->choice);
    CHECK(t.take().size() == (one == busy ? 0 : 1));
    CHECK_FALSE(t.fold(chooses("john", std::nullopt, at(3))) == Verdict::applied);
  }
}

TEST_CASE("a choice is no activity and no evidence") {
  Snapshot s = reduce(online(), chooses("john", busy, at(30)));
  CHECK(last_active(s, "john") == at(0));
  CHECK_FALSE(reduce(s, at(40)).online("john"));
  Rules rules;
  rules.idle_after = seconds(10);
  s = reduce(folded(rules, {connect("john", "phone", at(0))}), at(9));
  s = reduce(reduce(std::move(s), chooses("john", std::nullopt, at(9))), at(10));
  CHECK(availability(s, "john") == Availability::idle);
}

TEST_CASE("a choice makes no user known, and counts once they are online") {
  Told t;
  t.pass(at(0));
  CHECK(t.fold(chooses("john", busy, at(0))) == Verdict::applied);
  CHECK(t.take().empty());
  CHECK(t.s.size() == 0);
  CHECK_FALSE(t.s.find("john"));
  CHECK_FALSE(t.s.find("john", self("john")));
  CHECK(t.s.inspect("john")->choice == busy);
  t.fold(connect("john", "phone", at(1)));
  CHECK(availability(t.s, "john") == busy);
  t.pass(at(100));
  CHECK(availability(t.s, "john") == Availability::offline);
  t.fold(connect("john", "phone", at(100)));
  CHECK(availability(t.s, "john") == busy);  // it has no end
}

TEST_CASE("a choice counts for a user who is reported online") {
  Snapshot s = folded({report("john", true, at(0)), chooses("john", busy, at(1))});
  CHECK(availability(s, "john") == busy);
  s = reduce(std::move(s), being(report("john", true, at(2)), away));
  CHECK(availability(s, "john") == busy);
  CHECK(availability(reduce(s, report("john", false, at(3))), "john") == Availability::offline);
}

TEST_CASE("a choice ends at its until, to the nanosecond, and falls back to the sessions") {
  Told t;
  t.s = online(with_timeout(seconds(1000)));
  t.fold(chooses("john", available, at(1)));
  t.fold(until(chooses("john", busy, at(2)), at(50)));
  t.take();
  CHECK(t.s.inspect("john")->choice_until == at(50));
  CHECK(t.s.next_deadline() == at(50));
  t.pass(at(50) - tick);
  CHECK(availability(t.s, "john") == busy);
  t.pass(at(50));
  CHECK(availability(t.s, "john") == away);  // never to an older choice
  const Changes changes = t.take();
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].at == at(50));
  CHECK_FALSE(t.s.inspect("john")->choice);
  CHECK_FALSE(t.s.inspect("john")->choice_until);
  CHECK(t.s.next_deadline() == at(1000));
}

TEST_CASE("the end of a choice that changes nothing is no deadline") {
  Told t;
  t.s = online(with_timeout(seconds(1000)));
  t.fold(until(chooses("john", away, at(2)), at(50)));
  t.take();
  CHECK(t.s.next_deadline() == at(1000));
  t.pass(at(60));
  CHECK(t.take().empty());
}

TEST_CASE("the end of a choice is seen late with its own timestamp, and not when the user is offline then") {
  Told t;
  t.s = online(with_timeout(seconds(40)));
  t.fold(until(chooses("john", busy, at(2)), at(30)));
  t.fold(until(chooses("mary", busy, at(2)), at(30)));
  t.fold(connect("kim", "phone", at(0)));
  t.fold(until(chooses("kim", busy, at(2)), at(50)));
  t.take();
  t.pass(at(1000));
  const Changes changes = t.take();
  REQUIRE(changes.size() == 3);
  CHECK(changes[0].id == "john");
  CHECK(changes[0].at == at(30));
  CHECK(changes[1].at == at(40));
  CHECK(changes[2].at == at(40));
  CHECK(rich(changes[2].after) == rich(seen_offline("kim", at(0))));
}

TEST_CASE("a choice that ends when the session does is one change") {
  Told t;
  t.s = online(with_timeout(seconds(40)));
  t.fold(until(chooses("john", busy, at(2)), at(40)));
  t.take();
  t.pass(at(100));
  CHECK(t.take().size() == 1);
}

TEST_CASE("a choice that ended before it arrived is never seen, and replaces an older one") {
  Told t;
  t.s = online(with_timeout(seconds(1000)));
  t.fold(chooses("john", busy, at(1)));
  t.pass(at(60));
  t.take();
  CHECK(t.fold(until(chooses("john", available, at(5)), at(50))) == Verdict::applied);
  CHECK(availability(t.s, "john") == away);
  CHECK(t.take().size() == 1);
  CHECK_FALSE(t.s.inspect("john")->choice);
}

TEST_CASE("the choice of an invisible user is seen by themselves, and by others when they are visible again") {
  Told t;
  t.s = online(with_timeout(seconds(1000)));
  t.fold(hides("john", at(1)));
  t.take();
  const std::optional<Timestamp> deadline = t.s.next_deadline();
  CHECK(t.fold(until(chooses("john", busy, at(2)), at(50))) == Verdict::applied);
  CHECK(t.take().empty());
  CHECK(t.s.next_deadline() == deadline);
  CHECK(availability(t.s, "john") == Availability::offline);
  CHECK(availability(t.s, "john", self("john")) == busy);
  SUBCASE("before its end") {
    t.pass(at(20));
    t.fold(shows("john", at(20)));
    CHECK(availability(t.s, "john") == busy);
    CHECK(t.s.next_deadline() == at(50));
  }
  SUBCASE("after its end") {
    t.pass(at(60));
    CHECK(t.take().empty());
    CHECK(availability(t.s, "john", self("john")) == away);
    t.fold(shows("john", at(60)));
    CHECK(availability(t.s, "john") == away);
  }
}

TEST_CASE("the later choice wins; of two with one timestamp the greater name, then the later end") {
  const auto choice = [](const std::vector<PresenceEvent>& events) {
    std::vector<PresenceEvent> rest = events;
    rest.push_back(connect("john", "phone", at(0)));
    CHECK(digests_of_all_orders(with_timeout(seconds(1000)), rest, at(0), at(5)).size() == 1);
    CHECK(digests_of_all_orders(with_timeout(seconds(1000)), rest, at(0), at(500)).size() == 1);
    const auto state = folded(with_timeout(seconds(1000)), events).inspect("john");
    const std::string end = state->choice_until ? to_string(*state->choice_until) : "never";
    return (state->choice ? std::string(to_string(*state->choice)) : "none") + " until " + end;
  };
  CHECK(choice({chooses("john", busy, at(2)), chooses("john", away, at(1))}) == "busy until never");
  CHECK(choice({chooses("john", busy, at(1)), chooses("john", std::nullopt, at(2))}) == "none until never");
  CHECK(choice({chooses("john", busy, at(1)), chooses("john", std::nullopt, at(1))}) == "busy until never");
  CHECK(choice({chooses("john", available, at(1)), chooses("john", away, at(1))}) == "away until never");
  CHECK(choice({chooses("john", Availability::idle, at(1)), chooses("john", busy, at(1))}) == "idle until never");
  CHECK(choice({until(chooses("john", busy, at(1)), at(9)), until(chooses("john", busy, at(1)), at(8))}) ==
        "busy until " + to_string(at(9)));
  CHECK(choice({until(chooses("john", busy, at(1)), at(9)), chooses("john", busy, at(1))}) == "busy until never");
  CHECK(choice({until(chooses("john", away, at(1)), at(99)), until(chooses("john", busy, at(1)), at(9))}) ==
        "busy until " + to_string(at(9)));
}

TEST_CASE("a removal removes the choice that is dated up to it") {
  for (const double second : {1.0, 2.0, 3.0}) {
    const std::vector<PresenceEvent> events = {chooses("john", busy, at(second)), removes("john", at(2)),
                                               connect("john", "phone", at(3))};
    CHECK(digests_of_all_orders(Rules(), events, at(0), at(10)).size() == 1);
    CHECK(availability(folded(events), "john") == (second > 2 ? busy : available));
  }
}

TEST_CASE("a choice that is none, or has ended, is forgotten when it is older than the window") {
  Rules rules = with_timeout(seconds(0));
  rules.reorder_window = seconds(100);
  const Snapshot base = reduce(folded(rules, {connect("john", "phone", at(0))}), at(0));
  Snapshot none = reduce(base, chooses("john", std::nullopt, at(0)));
  CHECK(none != base);
  CHECK(reduce(none, at(100)) != reduce(base, at(100)));
  CHECK(reduce(none, at(100) + tick) == reduce(base, at(100) + tick));
  none = reduce(base, until(chooses("john", busy, at(0)), at(300)));
  CHECK(reduce(none, at(300) - tick) != reduce(base, at(300) - tick));
  CHECK(reduce(none, at(300)) == reduce(base, at(300)));
  none = reduce(base, chooses("john", busy, at(0)));
  CHECK(reduce(none, at(1e6)) != reduce(base, at(1e6)));
  // A user without anything else vanishes with it.
  CHECK_FALSE(reduce(reduce(Snapshot(rules), chooses("mary", std::nullopt, at(0))), at(101)).inspect("mary"));
}

TEST_CASE("a choice that cannot be made is invalid") {
  const Snapshot s = reduce(online(), until(chooses("john", busy, at(0)), at(100)));
  check_refused(s, chooses("john", Availability::offline, at(1)), Verdict::invalid);
  check_refused(s, chooses("john", static_cast<Availability>(5), at(1)), Verdict::invalid);
  check_refused(s, chooses("", busy, at(1)), Verdict::invalid);
  check_refused(s, chooses("john", busy, Timestamp::lowest()), Verdict::invalid);
  for (const Timestamp end : {at(1), at(0), Timestamp::lowest(), Timestamp::highest()}) {
    check_refused(s, until(chooses("john", busy, at(1)), end), Verdict::invalid);
    check_refused(s, until(chooses("john", std::nullopt, at(1)), end), Verdict::invalid);
  }
  CHECK(reduce(s, until(chooses("john", busy, at(1)), at(1) + tick)) != s);
  check_refused(s, chooses(std::string(256, 'x'), busy, at(1)), Verdict::over_limit);
}

TEST_CASE("a choice may carry a status, whose end is the same") {
  Snapshot s = reduce(online(with_timeout(seconds(1000))), at(0));
  PresenceEvent event = until(chooses("john", busy, at(1)), at(50));
  event.status = "in a meeting";
  s = reduce(std::move(s), event);
  CHECK(status(s, "john") == "in a meeting");
  s = reduce(std::move(s), at(50));
  CHECK(status(s, "john").empty());
  CHECK(availability(s, "john") == away);
}
