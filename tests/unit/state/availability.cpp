// SPDX-License-Identifier: MIT

// How the sessions of a user decide their availability: SessionFold, Ranking, priorities, ties, and the present life of
// a session. Which session decides is read from its activity.

#include "../rich.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace support;

namespace {

constexpr Availability all[] = {Availability::idle, Availability::away, Availability::busy, Availability::available};

Rules folding(SessionFold fold, const Ranking& ranking = {}) {
  Rules rules = with_timeout(seconds(40));
  rules.session_fold = fold;
  rules.ranking = ranking;
  return rules;
}

/// A session that says something, and does what its id is.
PresenceEvent said(const char* session, Timestamp when, Availability how, int priority = 0) {
  return doing(being(update("john", session, when), how, priority), session);
}
/// "busy by tv": the user's availability, and the session that decides.
std::string decided(const Snapshot& s) {
  return std::string(to_string(availability(s, "john"))) + " by " + activity(s, "john");
}
/// The same after all orders of the events; "depends on the order" if they differ.
std::string decided(const Rules& rules, std::vector<PresenceEvent> events) {
  if (digests_of_all_orders(rules, events, at(0), at(30)).size() != 1) return "depends on the order";
  return decided(folded(rules, events));
}

}  // namespace

TEST_CASE("by rank the strongest availability counts") {
  const std::vector<std::vector<Availability>> orders = {
      {Availability::busy, Availability::available, Availability::away, Availability::idle},
      {Availability::available, Availability::busy, Availability::away, Availability::idle},
      {Availability::idle, Availability::away, Availability::available, Availability::busy}};
  for (const auto& order : orders) {
    const Rules rules = folding(SessionFold::by_rank, Ranking{order[0], order[1], order[2], order[3]});
    for (std::size_t stronger = 0; stronger < 4; ++stronger) {
      for (std::size_t weaker = stronger + 1; weaker < 4; ++weaker) {
        const std::string expected = std::string(to_string(order[stronger])) + " by a";
        // Neither a priority, nor a later update, nor a greater id outweighs it.
        CHECK(decided(rules, {said("a", at(1), order[stronger]), said("b", at(2), order[weaker], 5)}) == expected);
      }
    }
  }
}

TEST_CASE("by rank, ties are broken by the priority, the later update, and the greater id") {
  const Rules rules = folding(SessionFold::by_rank);
  const Availability busy = Availability::busy;
  CHECK(decided(rules, {said("a", at(1), busy, 1), said("b", at(2), busy)}) == "busy by a");
  CHECK(decided(rules, {said("a", at(1), busy), said("b", at(2), busy, -1)}) == "busy by a");
  CHECK(decided(rules, {said("a", at(2), busy), said("b", at(1), busy)}) == "busy by a");
  CHECK(decided(rules, {said("a", at(1), busy), said("b", at(1), busy)}) == "busy by b");
  CHECK(decided(rules, {said("b", at(1), busy), said("ab", at(1), busy)}) == "busy by b");
  // At one timestamp, what came with a connect is later.
  CHECK(decided(rules, {doing(being(connect("john", "a", at(1)), busy), "a"), said("b", at(1), busy)}) == "busy by a");
}

TEST_CASE("by priority the highest priority counts, then the rank, the later update, and the greater id") {
  const Rules rules = folding(SessionFold::by_priority);
  const Availability busy = Availability::busy, away = Availability::away;
  CHECK(decided(rules, {said("a", at(1), away, 1), said("b", at(2), busy)}) == "away by a");
  CHECK(decided(rules, {said("a", at(1), away, -127), said("b", at(2), busy, -128)}) == "away by a");
  CHECK(decided(rules, {said("a", at(1), away, 127), said("b", at(2), busy, 126)}) == "away by a");
  CHECK(decided(rules, {said("a", at(1), away, 127), said("b", at(2), busy, -128)}) == "away by a");
  CHECK(decided(rules, {said("a", at(1), busy, 3), said("b", at(2), away, 3)}) == "busy by a");
  CHECK(decided(rules, {said("a", at(2), busy, 3), said("b", at(1), busy, 3)}) == "busy by a");
  CHECK(decided(rules, {said("a", at(1), busy, 3), said("b", at(1), busy, 3)}) == "busy by b");
  // Whoever says nothing has the priority 0.
  CHECK(decided(rules, {doing(connect("john", "a", at(1)), "a"), said("b", at(1), busy, -1)}) == "available by a");
  CHECK(decided(rules, {doing(connect("john", "b", at(1)), "b"), said("a", at(1), away, 1)}) == "away by a");
}

TEST_CASE("with latest the latest update counts, then the rank, and the greater id, but no priority") {
  const Rules rules = folding(SessionFold::latest);
  const Availability busy = Availability::busy, away = Availability::away;
  CHECK(decided(rules, {said("a", at(2), away), said("b", at(1), busy, 9)}) == "away by a");
  CHECK(decided(rules, {said("a", at(1), busy), said("b", at(1), away, 9)}) == "busy by a");
  CHECK(decided(rules, {said("a", at(1), busy, 9), said("b", at(1), busy)}) == "busy by b");
  // A session without an update is the earliest, whenever it connected.
  CHECK(decided(rules, {said("a", at(1), away), doing(connect("john", "b", at(9)), "b")}) == "away by a");
  CHECK(decided(rules, {doing(connect("john", "a", at(9)), "a"), doing(connect("john", "b", at(1)), "b")}) ==
        "available by b");
  CHECK(decided(rules, {doing(being(connect("john", "a", at(1)), away), "a"), said("b", at(1), busy)}) == "away by a");
  // A heartbeat is no update.
  for (const Availability how : all) {
    const PresenceEvent first = being(update("john", "a", at(1)), how),
                        second = being(update("john", "b", at(2)), away);
    CHECK(availability(folded(rules, {first, second, heartbeat("john", "a", at(3))}), "john") == away);
    CHECK(availability(folded(rules, {first, heartbeat("john", "a", at(3)), second}), "john") == away);
  }
}

TEST_CASE("what a session said before it returned does not date the change of a merge") {
  const Rules rules = folding(SessionFold::by_rank);
  Snapshot here = reduce(Snapshot(rules), at(0)), there = here;
  here = reduce(std::move(here), being(update("john", "phone", at(0)), Availability::busy));
  for (Snapshot* s : {&here, &there})
    *s = reduce(std::move(*s), being(update("john", "tv", at(0)), Availability::busy));
  there = reduce(std::move(there), at(2));
  there = reduce(reduce(std::move(there), disconnect("john", "phone", at(1))), heartbeat("john", "phone", at(2)));
  there = reduce(std::move(there), at(41));
  Changes changes;
  merge_into(here, there, [&](const UserPresenceChangedView& change) {
    changes.push_back(static_cast<UserPresenceChanged>(change));
  });
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].after->availability == Availability::available);
  CHECK(changes[0].at == at(40));  // when the tv timed out
}

TEST_CASE("a session that says nothing is available") {
  const Snapshot s = folded({connect("john", "phone", at(0))});
  CHECK(availability(s, "john") == Availability::available);
  CHECK_FALSE(s.inspect("john")->sessions.at(0).availability);
}

TEST_CASE("a later update replaces the availability and the priority") {
  Snapshot s = folded({said("a", at(1), Availability::busy, 7)});
  CHECK(s.inspect("john")->sessions.at(0).priority == 7);
  s = reduce(std::move(s), said("a", at(2), Availability::away));
  CHECK(s.inspect("john")->sessions.at(0).availability == Availability::away);
  CHECK(s.inspect("john")->sessions.at(0).priority == 0);
  CHECK(reduce(s, said("a", at(1.5), Availability::busy, 9)).inspect("john")->sessions.at(0).priority == 0);
  // What says nothing leaves it as it is.
  for (const PresenceEvent& event : {connect("john", "a", at(3)), heartbeat("john", "a", at(3)),
                                     acts("john", "a", at(3)), update("john", "a", at(3)), says("john", "x", at(3))})
    CHECK(availability(reduce(s, event), "john") == Availability::away);
}

TEST_CASE("of two updates with one timestamp the greater name wins, then the higher priority") {
  const auto state = [](const std::vector<PresenceEvent>& events) {
    CHECK(digests_of_all_orders(Rules(), events, at(0), at(5)).size() == 1);
    const Session session = folded(events).inspect("john")->sessions.at(0);
    return std::string(to_string(session.availability.value())) + " " + std::to_string(session.priority);
  };
  std::vector<std::string> names;
  for (const Availability one : all) names.emplace_back(to_string(one));
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = 0; j < 4; ++j) {
      const std::vector<PresenceEvent> both = {being(update("john", "a", at(1)), all[i], 1),
                                               being(update("john", "a", at(1)), all[j], 2)};
      CHECK(state(both) == (i == j ? names[i] + " 2" : names[i] > names[j] ? names[i] + " 1" : names[j] + " 2"));
    }
  }
  CHECK(state({being(connect("john", "a", at(1)), Availability::available),
               being(update("john", "a", at(1)), Availability::idle, 9)}) == "available 0");
}

TEST_CASE("what a session said before a disconnect does not count") {
  Snapshot s = folded({said("a", at(1), Availability::busy), disconnect("john", "a", at(5))});
  for (const PresenceEvent& event :
       {connect("john", "a", at(6)), heartbeat("john", "a", at(6)), update("john", "a", at(6))}) {
    const Snapshot back = reduce(s, event);
    CHECK(decided(back) == "available by ");
    CHECK_FALSE(back.inspect("john")->sessions.at(0).availability);
  }
  // An update that is late belongs to the earlier life; so does one with the timestamp of the disconnect.
  s = reduce(std::move(s), connect("john", "a", at(6)));
  CHECK(decided(reduce(s, said("a", at(4), Availability::away))) == "available by ");
  CHECK(decided(reduce(s, said("a", at(5), Availability::away))) == "available by ");
  CHECK(decided(reduce(s, doing(being(connect("john", "a", at(5)), Availability::away), "a"))) == "away by a");
}

TEST_CASE("what a session said before a silence that ends a session does not count") {
  for (const double grace : {0.0, 10.0}) {
    CAPTURE(grace);
    Rules rules = folding(SessionFold::by_rank);
    rules.offline_grace = seconds(grace);
    rules.reorder_window = seconds(1000);
    const double most = 40 + grace;  // so long a silence does not end it
    const PresenceEvent before = said("a", at(0), Availability::busy);
    const PresenceEvent near = heartbeat("john", "a", at(most)), far = heartbeat("john", "a", at(most) + tick);
    CHECK(decided(folded(rules, {before, near})) == "busy by a");
    CHECK(decided(folded(rules, {before, far})) == "available by ");
    // A heartbeat that arrives late fills the silence.
    CHECK(decided(folded(rules, {before, far, heartbeat("john", "a", at(20))})) == "busy by a");
    CHECK(decided(folded(rules, {before, far, heartbeat("john", "tv", at(20))})) == "available by ");
    CHECK(digests_of_all_orders(
              rules, {before, far, heartbeat("john", "a", at(20)), said("a", at(1), Availability::away)}, at(0), at(55))
              .size() == 1);
  }
}

TEST_CASE("what a session said counts during the grace after its disconnect, and not after a reconnect") {
  Rules rules = folding(SessionFold::by_rank);
  rules.offline_grace = seconds(10);
  Told t(rules);
  t.pass(at(0));
  t.fold(said("a", at(0), Availability::busy));
  t.take();
  t.fold(disconnect("john", "a", at(5)));
  CHECK(t.take().empty());
  CHECK(decided(t.s) == "busy by a");
  SUBCASE("until it has passed") {
    t.pass(at(15) - tick);
    CHECK(decided(t.s) == "busy by a");
    t.pass(at(15));
    CHECK(decided(t.s) == "offline by ");
  }
  SUBCASE("the reconnect has to say it again") {
    t.fold(connect("john", "a", at(6)));
    CHECK(decided(t.s) == "available by ");
  }
  SUBCASE("and then it does") {
    t.fold(doing(being(connect("john", "a", at(6)), Availability::busy), "a"));
    CHECK(decided(t.s) == "busy by a");
    CHECK(t.take().size() == 1);  // last_active
  }
  SUBCASE("another session may decide") {
    t.fold(doing(connect("john", "b", at(6)), "b"));
    CHECK(decided(t.s) == "busy by a");
    t.pass(at(15));
    CHECK(decided(t.s) == "available by b");
  }
}

TEST_CASE("a session that ends gives way to the next, in one change with its timestamp") {
  Told t(folding(SessionFold::by_rank));
  t.pass(at(0));
  t.fold(said("a", at(0), Availability::busy));
  t.fold(said("b", at(10), Availability::away));
  t.take();
  CHECK(t.s.next_deadline() == at(40));
  t.pass(at(45));
  const Changes changes = t.take();
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].at == at(40));
  CHECK(changes[0].availability_changed());
  CHECK(changes[0].activity_changed());
  CHECK_FALSE(changes[0].online_changed());
  CHECK(decided(t.s) == "away by b");
}

TEST_CASE("the availability of others is hidden while they are offline or invisible") {
  Snapshot s = folded({said("a", at(0), Availability::busy)});
  const Snapshot hidden = reduce(s, hides("john", at(1)));
  CHECK(availability(hidden, "john") == Availability::offline);
  CHECK(availability(hidden, "john", self("john")) == Availability::busy);
  CHECK(availability(reduce(hidden, shows("john", at(2))), "john") == Availability::busy);
  CHECK(availability(reduce(s, disconnect("john", "a", at(1))), "john") == Availability::offline);
}

TEST_CASE("a user who is online is never offline in availability, and the other way round") {
  Chance chance(7);
  for (int round = 0; round < 200; ++round) {
    Rules rules = folding(static_cast<SessionFold>(chance.below(3)));
    rules.idle_after = seconds(static_cast<double>(chance.below(3)) * 20);
    Snapshot s = reduce(Snapshot(rules), at(0));
    for (int i = 0; i < 12; ++i) {
      PresenceEvent event = random_event(chance, 30, 2, 2);
      if (event.type == EventType::connect || event.type == EventType::report)
        event.availability = all[chance.below(4)];
      s = reduce(std::move(s), event);
      for (const UserView user : s) CHECK((user.availability == Availability::offline) == !user.online);
    }
  }
}

TEST_CASE("an availability that no session can have is invalid") {
  const Snapshot s = folded({said("a", at(0), Availability::busy)});
  for (const Availability one : {Availability::offline, static_cast<Availability>(5), static_cast<Availability>(255)}) {
    check_refused(s, being(update("john", "a", at(1)), one), Verdict::invalid);
    check_refused(s, being(connect("john", "a", at(1)), one), Verdict::invalid);
    check_refused(s, being(connect("mary", "a", at(1)), one), Verdict::invalid);
    check_refused(s, being(report("john", true, at(1)), one), Verdict::invalid);
    check_refused(s, being(report("john", false, at(1)), one), Verdict::invalid);
    CHECK(reduce(s, being(heartbeat("john", "a", at(1)), one)) ==
          reduce(s, heartbeat("john", "a", at(1))));  // not read
  }
}

TEST_CASE("a priority without an availability is invalid for an update, and not read where there is none") {
  const Snapshot s = folded({said("a", at(0), Availability::busy)});
  for (const int priority : {-128, 0, 127}) {
    PresenceEvent event = update("john", "a", at(1));
    event.priority = static_cast<std::int8_t>(priority);
    check_refused(s, event, Verdict::invalid);
    event.type = EventType::connect;
    check_refused(s, event, Verdict::invalid);
    event.type = EventType::heartbeat;
    CHECK(reduce(s, event) == reduce(s, heartbeat("john", "a", at(1))));
    PresenceEvent told = being(report("john", true, at(1)), Availability::away);
    const Snapshot plain = reduce(s, told);
    told.priority = static_cast<std::int8_t>(priority);
    CHECK(reduce(s, told) == plain);
  }
}

TEST_CASE("three sessions and a report in all orders") {
  for (const SessionFold fold : {SessionFold::by_rank, SessionFold::by_priority, SessionFold::latest}) {
    CHECK(decided(folding(fold), {said("a", at(1), Availability::away, 1), said("b", at(3), Availability::idle, 2),
                                  disconnect("john", "b", at(3)), doing(connect("john", "b", at(3)), "b"),
                                  doing(being(report("john", true, at(2)), Availability::busy), "report")}) ==
          (fold == SessionFold::by_priority ? "away by a" : "busy by report"));
  }
}
