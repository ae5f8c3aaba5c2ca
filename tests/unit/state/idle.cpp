// SPDX-License-Identifier: MIT

// Rules::idle_after: a session that is available reads as idle after a time without an activity.

#include "../rich.hpp"

#include <optional>
#include <utility>
#include <vector>

using namespace support;

namespace {

Rules idle_after(double idle, double timeout = 1000) {
  Rules rules = with_timeout(seconds(timeout));
  rules.idle_after = seconds(idle);
  rules.heartbeat_is_activity = false;
  return rules;
}
User how(User user, Availability availability) {
  user.availability = availability;
  return user;
}
UserPresenceChanged turned(Timestamp when, Availability before, Availability after, Timestamp active = at(0)) {
  const auto seen = [active](Availability availability) {
    return how(availability == Availability::offline ? seen_offline("john", active) : seen_online("john", active),
               availability);
  };
  return changed(when, seen(before), seen(after));
}

}  // namespace

TEST_CASE("a session is idle from its latest activity and idle_after on, to the nanosecond") {
  Told t(idle_after(60));
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0) + tick));
  t.take();
  CHECK(availability(t.s, "john") == Availability::available);
  CHECK(t.s.next_deadline() == at(60) + tick);
  t.pass(at(60));
  CHECK(availability(t.s, "john") == Availability::available);
  CHECK(t.take().empty());
  t.pass(at(60) + tick);
  CHECK(rich(t.take()) == rich({turned(at(60) + tick, Availability::available, Availability::idle, at(0) + tick)}));
  CHECK(t.s.next_deadline() == at(1000) + tick);
}

TEST_CASE("the change to idle is dated when it happened, however late the time is advanced") {
  Told t(idle_after(60));
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.take();
  t.pass(at(1e6));
  CHECK(rich(t.take()) == rich({turned(at(60), Availability::available, Availability::idle),
                                turned(at(1000), Availability::idle, Availability::offline)}));
}

TEST_CASE("heartbeats and updates keep a session from being idle only if they are activities") {
  for (const bool is_activity : {true, false}) {
    Rules rules = idle_after(60);
    rules.heartbeat_is_activity = is_activity;
    for (const bool is_update : {true, false}) {
      Snapshot s = reduce(folded(rules, {connect("john", "phone", at(0))}), at(50));
      s = reduce(std::move(s), is_update ? update("john", "phone", at(50)) : heartbeat("john", "phone", at(50)));
      CHECK(s.next_deadline() == (is_activity ? at(110) : at(60)));
      s = reduce(std::move(s), acts("john", "phone", at(55)));
      CHECK(s.next_deadline() == at(115));
    }
  }
}

TEST_CASE("an activity ends the idleness at once") {
  for (const PresenceEvent& event : {acts("john", "phone", at(200)), connect("john", "phone", at(200))}) {
    Told t(idle_after(60));
    t.pass(at(0));
    t.fold(connect("john", "phone", at(0)));
    t.pass(at(200));
    CHECK(availability(t.s, "john") == Availability::idle);
    t.take();
    t.fold(event);
    CHECK(availability(t.s, "john") == Availability::available);
    CHECK(t.take().size() == 1);
    CHECK(t.s.next_deadline() == at(260));
  }
}

TEST_CASE("a session that is away or busy is never idle") {
  for (const Availability said : {Availability::away, Availability::busy}) {
    Told t(idle_after(60));
    t.pass(at(0));
    t.fold(being(connect("john", "phone", at(0)), said));
    t.take();
    CHECK(t.s.next_deadline() == at(1000));
    t.pass(at(999));
    CHECK(t.take().empty());
    CHECK(availability(t.s, "john") == said);
    t.fold(being(update("john", "phone", at(999)), Availability::available));  // no activity: idle at once
    CHECK(availability(t.s, "john") == Availability::idle);
  }
}

TEST_CASE("a session that says that it is available, or is idle, is read so") {
  Snapshot s = folded(idle_after(60), {being(connect("john", "phone", at(0)), Availability::available)});
  CHECK(s.next_deadline() == at(60));
  s = reduce(std::move(s), being(update("john", "phone", at(10)), Availability::idle));
  CHECK(availability(s, "john") == Availability::idle);
  s = reduce(std::move(s), acts("john", "phone", at(20)));
  CHECK(availability(s, "john") == Availability::idle);  // it says so itself
  CHECK(s.next_deadline() == at(1020));
}

TEST_CASE("a session without an activity is idle") {
  const Snapshot s = folded(idle_after(60), {heartbeat("john", "phone", at(0))});
  CHECK(availability(s, "john") == Availability::idle);
  CHECK(s.next_deadline() == at(1000));
}

TEST_CASE("an activity counts across a silence") {
  Told t(idle_after(600, 40));
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.pass(at(300));
  CHECK_FALSE(t.s.online("john"));
  t.fold(heartbeat("john", "phone", at(300)));
  CHECK(availability(t.s, "john") == Availability::available);
  t.fold(heartbeat("john", "phone", at(335)));
  t.pass(at(590));
  t.fold(heartbeat("john", "phone", at(590)));
  t.take();
  CHECK(t.s.next_deadline() == at(600));
  t.pass(at(640));
  CHECK(rich(t.take()) == rich({turned(at(600), Availability::available, Availability::idle),
                                turned(at(630), Availability::idle, Availability::offline)}));
  t.fold(heartbeat("john", "phone", at(640)));
  CHECK(availability(t.s, "john") == Availability::idle);
}

TEST_CASE("an activity does not count across a disconnect") {
  Snapshot s = folded(idle_after(600), {connect("john", "phone", at(0)), disconnect("john", "phone", at(10))});
  CHECK(availability(reduce(s, heartbeat("john", "phone", at(20))), "john") == Availability::idle);
  CHECK(availability(reduce(s, connect("john", "phone", at(20))), "john") == Availability::available);
  s = reduce(std::move(s), heartbeat("john", "phone", at(20)));
  s = reduce(std::move(s), acts("john", "phone", at(25)));
  CHECK(availability(s, "john") == Availability::available);
  CHECK(s.next_deadline() == at(625));
}

TEST_CASE("of an activity and a disconnect with one timestamp, a connect is later, and an active event is not") {
  const Rules rules = idle_after(600);
  const Snapshot by_connect = folded(rules, {connect("john", "phone", at(10)), disconnect("john", "phone", at(10))});
  CHECK(availability(by_connect, "john") == Availability::available);
  const Snapshot by_active = folded(
      rules, {acts("john", "phone", at(10)), disconnect("john", "phone", at(10)), heartbeat("john", "phone", at(11))});
  CHECK(availability(by_active, "john") == Availability::idle);
}

TEST_CASE("an activity counts during the grace after a disconnect") {
  Rules rules = idle_after(60);
  rules.offline_grace = seconds(100);
  Told t(rules);
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(disconnect("john", "phone", at(10)));
  t.take();
  t.pass(at(1e4));
  CHECK(rich(t.take()) == rich({turned(at(60), Availability::available, Availability::idle),
                                turned(at(110), Availability::idle, Availability::offline)}));
}

TEST_CASE("a user is idle when the last of their sessions is") {
  Told t(idle_after(60));
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(connect("john", "tv", at(25)));
  t.take();
  CHECK(t.s.next_deadline() == at(85));
  t.pass(at(100));
  CHECK(rich(t.take()) == rich({turned(at(85), Availability::available, Availability::idle, at(25))}));
}

TEST_CASE("a session that becomes idle gives way to one that is away") {
  Told t(idle_after(60));
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(being(update("john", "tv", at(1)), Availability::away));
  t.take();
  t.pass(at(100));
  CHECK(rich(t.take()) == rich({turned(at(60), Availability::available, Availability::away)}));
}

TEST_CASE("a session that becomes idle takes over if idle is stronger than what the others say") {
  Rules rules = idle_after(60);
  rules.ranking = Ranking{Availability::idle};
  Told t(rules);
  t.pass(at(0));
  t.fold(connect("john", "laptop", at(0)));
  t.fold(being(connect("john", "phone", at(10)), Availability::busy));
  t.take();
  CHECK(availability(t.s, "john") == Availability::busy);
  CHECK(t.s.next_deadline() == at(60));
  t.pass(at(60));
  CHECK(rich(t.take()) == rich({turned(at(60), Availability::busy, Availability::idle, at(10))}));
}

TEST_CASE("idle when the session ends is one change") {
  Told t(idle_after(40, 40));
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.take();
  t.pass(at(100));
  CHECK(rich(t.take()) == rich({turned(at(40), Availability::available, Availability::offline)}));
}

TEST_CASE("the idleness of an invisible user is no deadline") {
  Told t(idle_after(60));
  t.pass(at(0));
  t.fold(invisibly("john", "phone", at(0)));
  t.fold(connect("mary", "phone", at(0)));
  t.fold(hides("mary", at(0)));
  t.take();
  CHECK_FALSE(t.s.next_deadline());
  t.pass(at(100));
  CHECK(t.take().empty());
  CHECK(availability(t.s, "john", self("john")) == Availability::idle);
  t.fold(shows("john", at(100)));  // an activity of the user, but of no session
  CHECK(availability(t.s, "john") == Availability::idle);
}

TEST_CASE("a report is never idle") {
  Told t(idle_after(60));
  t.pass(at(0));
  t.fold(report("john", true, at(0)));
  CHECK_FALSE(t.s.next_deadline());
  t.pass(at(1e5));
  CHECK(availability(t.s, "john") == Availability::available);
  t.fold(heartbeat("john", "phone", at(1e5)));
  CHECK(availability(t.s, "john") == Availability::available);
}

TEST_CASE("a choice hides the idleness until it ends") {
  Told t(idle_after(60));
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(until(chooses("john", Availability::available, at(1)), at(90)));
  t.take();
  CHECK(t.s.next_deadline() == at(90));
  t.pass(at(100));
  CHECK(rich(t.take()) == rich({turned(at(90), Availability::available, Availability::idle)}));
}

TEST_CASE("without idle_after no session becomes idle") {
  const Snapshot s = folded(with_timeout(seconds(0)), {heartbeat("john", "phone", at(0))});
  CHECK_FALSE(s.next_deadline());
  CHECK(availability(reduce(s, at(1e9)), "john") == Availability::available);
}

TEST_CASE("an idle_after of any size does not overflow") {
  Rules rules = with_timeout(seconds(40));
  for (const Duration most : {Duration::highest(), Duration::highest() - tick}) {
    rules.idle_after = most;
    const Snapshot s = folded(rules, {connect("john", "phone", at(0))});
    CHECK(s.next_deadline() == at(40));
    CHECK(availability(s, "john") == Availability::available);
  }
  rules.idle_after = Duration::from_ns(-1);  // counts as 0
  CHECK(folded(rules, {heartbeat("john", "phone", at(0))}).next_deadline() == at(40));
  rules.idle_after = tick;
  const Snapshot s = folded(rules, {connect("john", "phone", at(0))});
  CHECK(s.next_deadline() == at(0) + tick);
}

TEST_CASE("merged nodes know the latest activity of a session, whichever of them had it") {
  const Snapshot here = reduce(reduce(Snapshot(idle_after(60)), at(30)), connect("john", "phone", at(0))),
                 there = reduce(here, acts("john", "phone", at(30)));
  const Snapshot late = reduce(here, heartbeat("john", "phone", at(31)));
  CHECK(here.next_deadline() == at(60));
  for (const Snapshot& s : {merge(here, there), merge(there, here), merge(late, there), merge(there, late)})
    CHECK(s.next_deadline() == at(90));
}

TEST_CASE("a second disconnect that is forgotten does not make a user idle during the grace period") {
  Rules rules = idle_after(300);
  rules.offline_grace = seconds(200);
  rules.reorder_window = seconds(5);
  Told t(rules);
  t.pass(at(0));
  for (const PresenceEvent& event :
       {connect("john", "tv", at(1)), disconnect("john", "tv", at(3)), disconnect("john", "tv", at(4))})
    t.fold(event);
  t.take();
  t.pass(at(15));
  CHECK(t.take().empty());
  CHECK(t.s.view("john")->availability == Availability::available);
  const Result<Snapshot> read = decode(encode(t.s), rules);
  CHECK(read->view("john")->availability == Availability::available);
  CHECK(*read == t.s);
  t.pass(at(203));
  CHECK_FALSE(t.s.online("john"));
  CHECK(t.take().size() == 1);
}

TEST_CASE("an activity before a session returned does not date the change of a merge") {
  const Rules rules = idle_after(10);
  Snapshot here = reduce(Snapshot(rules), at(0)), there = reduce(Snapshot(rules), at(2));
  here = reduce(std::move(here), acts("john", "phone", at(0)));
  there = reduce(reduce(std::move(there), disconnect("john", "phone", at(1))), heartbeat("john", "phone", at(2)));
  there = reduce(std::move(there), at(100));
  Changes changes;
  merge_into(here, there, [&](const UserPresenceChangedView& change) {
    changes.push_back(static_cast<UserPresenceChanged>(change));
  });
  // Of what both know it is idle at once, not from 10 on.
  CHECK(rich(changes) == rich({turned(at(0), Availability::available, Availability::idle)}));
}

TEST_CASE("an activity up to a removal does not keep its session from being idle") {
  for (const double when : {1, 2, 3}) {
    Told t(idle_after(60));
    t.pass(at(3));
    t.fold(acts("john", "phone", at(when)));
    t.fold(removes("john", at(2)));
    t.fold(heartbeat("john", "phone", at(3)));
    CHECK(availability(t.s, "john") == (when == 3 ? Availability::available : Availability::idle));
  }
}

TEST_CASE("the order of activities does not matter for idleness") {
  for (const double grace : {0.0, 5.0}) {
    for (const double timeout : {0.0, 40.0}) {
      Rules rules = idle_after(30, timeout);
      rules.offline_grace = seconds(grace);
      const std::vector<PresenceEvent> events = {acts("john", "phone", at(1)), connect("john", "phone", at(20)),
                                                 disconnect("john", "phone", at(20)), acts("john", "phone", at(22)),
                                                 being(update("john", "phone", at(59)), Availability::available)};
      for (const double end : {59.0, 89.0, 90.0, 300.0})
        CHECK(digests_of_all_orders(rules, events, at(0), at(end)).size() == 1);
    }
  }
}
