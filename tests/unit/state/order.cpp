// SPDX-License-Identifier: MIT
#include "../telling.hpp"

#include <algorithm>

using namespace support;

namespace {

/// Applies the events in every order, some of them twice, with advances in between; all results must be equal.
void check_every_order(const Rules& rules, const std::vector<PresenceEvent>& events) {
  std::vector<std::size_t> order(events.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const Snapshot expected = reduce(folded(rules, events), at(110));
  const std::uint64_t digest = expected.digest();
  std::size_t number = 0, wrong = 0;
  do {
    Snapshot s(rules);
    for (std::size_t i = 0; i < order.size(); ++i) {
      if ((number + i) % 3 == 0) s = reduce(std::move(s), at(50 + static_cast<double>(i)));
      REQUIRE(accepted(apply(s, events[order[i]], [](const UserPresenceChangedView&) {})));
      if ((number + i) % 4 == 0) s = reduce(std::move(s), events[order[i / 2]]);
    }
    s = reduce(std::move(s), at(110));
    wrong += s == expected && s.digest() == digest && views(s) == views(expected) ? 0u : 1u;
    ++number;
  } while (std::next_permutation(order.begin(), order.end()));
  CHECK(wrong == 0);
  CHECK(number >= 120);
}

Rules rules_with(Duration timeout, Duration grace, Duration refresh) {
  Rules rules;
  rules.session_timeout = timeout;
  rules.offline_grace = grace;
  rules.last_active_refresh = refresh;
  return rules;
}

void check_every_order(const std::vector<PresenceEvent>& events) {
  for (const double timeout : {0.0, 40.0}) {
    for (const double grace : {0.0, 25.0}) {
      check_every_order(rules_with(seconds(timeout), seconds(grace), Duration()), events);
    }
  }
}

}  // namespace

TEST_CASE("the order in which the events of one session arrive does not matter") {
  check_every_order({connect("john", "phone", at(10)), heartbeat("john", "phone", at(30)),
                     disconnect("john", "phone", at(30)), disconnect("john", "phone", at(45)),
                     connect("john", "phone", at(60)), disconnect("john", "phone", at(60))});
}

TEST_CASE("the order in which heartbeats and disconnects without a connect arrive does not matter") {
  check_every_order({disconnect("john", "phone", at(12)), heartbeat("john", "phone", at(12)),
                     heartbeat("john", "phone", at(13)), disconnect("john", "phone", at(80)),
                     disconnect("john", "phone", at(90)), heartbeat("john", "laptop", at(85))});
}

TEST_CASE("the order in which visibility changes arrive does not matter") {
  check_every_order({visibly("john", "phone", at(10)), invisibly("john", "phone", at(20)),
                     heartbeat("john", "phone", at(25)), invisibly("john", "laptop", at(30)),
                     visibly("john", "tv", at(30)), connect("john", "phone", at(70))});
}

TEST_CASE("the order in which statuses and reports arrive does not matter") {
  check_every_order({says("john", "b", at(10)), saying(connect("john", "phone", at(10)), "c"),
                     saying(report("john", true, at(11)), ""), active(report("john", false, at(11)), at(5)),
                     active(report("john", false, at(12)), at(4)), says("john", "a", at(5))});
}

TEST_CASE("the order in which the events of several users arrive does not matter") {
  check_every_order({connect("john", "phone", at(10)), invisibly("jack", "phone", at(11)),
                     disconnect("mary", "phone", at(12)), says("jack", "hi", at(13)), report("mary", true, at(14)),
                     disconnect("john", "phone", at(15))});
}

TEST_CASE("a duplicate event has the verdict unchanged and emits no change") {
  Told t;
  t.pass(at(100));
  const std::vector<PresenceEvent> events = {connect("john", "phone", at(90)),   heartbeat("john", "phone", at(95)),
                                             disconnect("john", "tv", at(96)),   says("john", "hi", at(97)),
                                             invisibly("jack", "phone", at(98)), report("mary", true, at(99))};
  for (const PresenceEvent& event : events) CHECK(t.fold(event) == Verdict::applied);
  const Snapshot once = t.s;
  t.take();
  for (const PresenceEvent& event : events) CHECK(t.fold(event) == Verdict::unchanged);
  CHECK(t.s == once);
  CHECK(t.changes.empty());
}

TEST_CASE("advancing in one step or in many between events gives the same snapshot and changes") {
  Chance chance(7);
  for (int round = 0; round < 60; ++round) {
    Rules rules;
    rules.last_active_refresh = seconds(4);
    rules.offline_grace = seconds(round % 2 == 0 ? 0 : 6);
    Snapshot stepping(rules), jumping(rules);
    Changes steps, jumps;
    const auto into = [](Changes& changes) {
      return [&changes](const UserPresenceChangedView& change) { changes.emplace_back(change); };
    };
    for (double second = 0; second < 400; second += 20) {
      const PresenceEvent event = random_event(chance, second, 4, 2);
      for (double between = second - 19; between < second; between += 1 + static_cast<double>(chance.below(5))) {
        apply(stepping, at(between), into(steps));
      }
      apply(stepping, at(second), into(steps));
      apply(jumping, at(second), into(jumps));
      apply(stepping, event, into(steps));
      apply(jumping, event, into(jumps));
    }
    REQUIRE(stepping == jumping);
    REQUIRE(stepping.digest() == jumping.digest());
    REQUIRE(views(stepping) == views(jumping));
    REQUIRE(stepping.next_deadline() == jumping.next_deadline());
    REQUIRE(steps == jumps);
  }
}
