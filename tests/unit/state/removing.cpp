// SPDX-License-Identifier: MIT

// Removals of users.

#include "../telling.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using namespace support;

namespace {

/// Applies the events in every order, and `now` last. Returns the snapshot, which is the same for all.
Snapshot in_every_order(const Rules& rules, const std::vector<PresenceEvent>& events, Timestamp now) {
  std::vector<std::size_t> order(events.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::optional<Snapshot> first;
  do {
    Snapshot s(rules);
    for (const std::size_t i : order) s = reduce(std::move(s), events[i]);
    s = reduce(std::move(s), now);
    if (!first) first = s;
    REQUIRE(s == *first);
    REQUIRE(s.digest() == first->digest());
  } while (std::next_permutation(order.begin(), order.end()));
  return *first;
}
Snapshot in_every_order(const std::vector<PresenceEvent>& events, Timestamp now) {
  return in_every_order(Rules(), events, now);
}

constexpr std::int64_t refresh = 10;  // seconds
Rules with_short_steps() {
  Rules rules = with_timeout(seconds(20));
  rules.last_active_refresh = seconds(refresh);
  rules.reorder_window = seconds(1000);
  rules.max_clock_skew = seconds(1000);
  return rules;
}

/// What is seen of a user after a set of events, by the rules in words and without registers. For whole seconds, the
/// rules above, and no `forget_after` or grace. `self`: as the user sees themselves.
std::optional<User> seen_after(const std::vector<PresenceEvent>& events, Timestamp now, bool self) {
  Timestamp removed = Timestamp::lowest(), hidden_since = Timestamp::highest();  // neither
  for (const PresenceEvent& event : events) {
    if (event.type == EventType::remove) removed = std::max(removed, event.at);
  }
  // At one timestamp invisible wins.
  std::map<Timestamp, bool> visibility;
  for (const PresenceEvent& event : events) {
    if (event.invisible) visibility[event.at] = visibility[event.at] || *event.invisible;
  }
  for (const auto& change : visibility) {
    if (!change.second) {
      hidden_since = Timestamp::highest();
    } else {
      hidden_since = std::min(hidden_since, change.first);
    }
  }

  std::map<std::string, std::pair<Timestamp, bool>> sessions;  // the last evidence, and whether it was a connect
  std::vector<const PresenceEvent*> left;
  for (const PresenceEvent& event : events) {
    if (event.type != EventType::remove && event.at > removed) left.push_back(&event);
  }
  for (const PresenceEvent* const event : left) {
    if (event->type != EventType::connect && event->type != EventType::heartbeat) continue;
    const std::pair<Timestamp, bool> evidence(event->at, event->type == EventType::connect);
    const auto found = sessions.emplace(event->session, evidence).first;
    found->second = std::max(found->second, evidence);
  }
  bool is_online = false;
  for (const auto& session : sessions) {
    const auto& evidence = session.second;
    bool is_over = now >= evidence.first + seconds(20);
    for (const PresenceEvent* const event : left) {
      if (event->type == EventType::disconnect && event->session == session.first)
        is_over = is_over || event->at > evidence.first || (event->at == evidence.first && !evidence.second);
    }
    is_online = is_online || !is_over;
  }

  std::optional<std::pair<Timestamp, bool>> reported;
  std::optional<std::pair<Timestamp, Timestamp>> reported_active;
  std::optional<Timestamp> active;
  const PresenceEvent* writer = nullptr;
  const auto end_of = [](const PresenceEvent& event) { return event.until.value_or(Timestamp::highest()); };
  for (const PresenceEvent* const event : left) {
    if (event->type == EventType::report) {
      reported =
          std::max(reported.value_or(std::make_pair(event->at, false)), std::make_pair(event->at, event->online));
      if (event->last_active) {
        const auto told = std::make_pair(event->at, *event->last_active);
        reported_active = std::max(reported_active.value_or(told), told);
      }
    }
    std::optional<Timestamp> value;
    if (event->type == EventType::connect || (event->invisible && !*event->invisible)) value = event->at;
    if (event->type == EventType::heartbeat) {
      const std::int64_t step = refresh * 1000000000;
      value = Timestamp::from_ns(event->at.ns() - event->at.ns() % step);
    }
    const bool is_seen = self || event->at < hidden_since;
    if (value && is_seen && *value > removed) active = std::max(active.value_or(*value), *value);
    if (event->status && (writer == nullptr || std::make_tuple(writer->at, *writer->status, end_of(*writer)) <
                                                   std::make_tuple(event->at, *event->status, end_of(*event))))
      writer = event;
  }
  is_online = is_online || (reported && reported->second);
  const bool is_invisible = hidden_since != Timestamp::highest();
  if (is_invisible && !self) is_online = false;
  if (!is_online && !active && !reported && writer == nullptr) return std::nullopt;
  if (reported_active) active = std::max(active.value_or(reported_active->second), reported_active->second);
  User user{"john", is_online, "", active, self && is_invisible};
  if (writer != nullptr && now < end_of(*writer)) user.status = *writer->status;
  return user;
}

/// The next time at which others see something else without an event: a timeout, or the end of a status.
std::optional<Timestamp> next_change_after(const std::vector<PresenceEvent>& events, Timestamp now) {
  const std::optional<User> seen = seen_after(events, now, false);
  std::optional<Timestamp> next;
  for (const PresenceEvent& event : events) {
    for (const Timestamp end : {event.at + seconds(20), event.until.value_or(now)}) {
      if (end > now && (!next || end < *next) && seen_after(events, end, false) != seen) next = end;
    }
  }
  return next;
}

PresenceEvent random_event_of_john(Chance& chance) {
  const Timestamp when = at(static_cast<double>(chance.below(40)));
  const std::string session(1, static_cast<char>('a' + chance.below(2)));
  PresenceEvent event;
  switch (chance.below(12)) {
    case 0: event = invisibly("john", session, when); break;
    case 1: event = visibly("john", session, when); break;
    case 2: event = hides("john", when); break;
    case 3: event = shows("john", when); break;
    case 4: event = disconnect("john", session, when); break;
    case 5: event = report("john", chance.below(2) == 0, when); break;
    case 6: event = active(report("john", true, when), when - seconds(static_cast<double>(chance.below(9)))); break;
    case 7: return removes("john", when);
    case 8: event = says("john", "busy", when); break;
    case 9: event = connect("john", session, when); break;
    default: event = heartbeat("john", session, when); break;
  }
  if (chance.below(4) == 0) event.status = chance.below(2) == 0 ? "away" : "";
  if (chance.below(2) == 0) event.until = when + seconds(static_cast<double>(1 + chance.below(40)));
  return event;
}

}  // namespace

TEST_CASE("a removed user is unknown at once, to themselves too, and nothing of them is left") {
  Told t;
  t.pass(at(10));
  t.fold(saying(connect("john", "phone", at(1)), "here"));
  t.fold(connect("john", "tv", at(2)));
  t.fold(active(report("john", true, at(3)), at(3)));
  t.take();
  const User before = t.s.find("john").value();
  CHECK(t.fold(removes("john", at(5))) == Verdict::applied);
  CHECK(text(t.take()) == text({changed(at(10), before, std::nullopt)}));
  CHECK_FALSE(t.s.find("john"));
  CHECK_FALSE(t.s.find("john", self("john")));
  CHECK_FALSE(t.s.online("john"));
  CHECK(t.s.empty());
  CHECK(t.s.online_count() == 0);
  CHECK(t.s.begin() == t.s.end());
  CHECK_FALSE(t.s.next_deadline());
  t.pass(at(1e6));
  CHECK(t.take().empty());
}

TEST_CASE("the removal of a user without a time is dated by its own timestamp") {
  Told t;
  t.fold(connect("john", "phone", at(1)));
  t.take();
  CHECK(t.fold(removes("john", at(1))) == Verdict::applied);
  CHECK(text(t.take()) == text({changed(at(1), seen_online("john", at(1)), std::nullopt)}));
  CHECK_FALSE(t.s.next_deadline());
}

TEST_CASE("the removal of a user whom nobody knows is applied and makes no user known; an earlier one is unchanged") {
  for (const bool has_now : {false, true}) {
    Told t;
    if (has_now) t.pass(at(6));
    CHECK(t.fold(removes("john", at(5))) == Verdict::applied);
    CHECK(t.fold(removes("john", at(5))) == Verdict::unchanged);
    CHECK(t.fold(removes("john", at(4))) == Verdict::unchanged);
    CHECK(t.fold(says("john", "hi", at(5))) == Verdict::unchanged);
    CHECK(t.fold(removes("john", at(5) + tick)) == Verdict::applied);
    CHECK(t.take().empty());
    CHECK(t.s.empty());
    CHECK_FALSE(t.s.find("john", self("john")));
    CHECK_FALSE(t.s.next_deadline());
  }
}

TEST_CASE("whatever is dated up to a removal is gone in every order of arrival, and what is later stays") {
  const Timestamp removed = at(905);
  const std::vector<PresenceEvent> all = {
      saying(connect("john", "a", at(903)), "here"), heartbeat("john", "a", removed), disconnect("john", "b", removed),
      until(says("john", "brb", removed), at(950)), active(report("john", true, at(904)), removed)};
  for (const PresenceEvent& gone : all) {
    CAPTURE(to_json(gone));
    const Snapshot with = in_every_order({gone, removes("john", removed)}, at(906));
    CHECK(with.empty());
    CHECK_FALSE(with.next_deadline());
    CHECK(reduce(with, at(1300)) == reduce(folded({removes("john", removed)}), at(1300)));
  }
}

TEST_CASE("events up to a removal change nothing that can be seen, in any order, and leave no trace in the end") {
  const Timestamp removed = at(905);
  const std::vector<PresenceEvent> gone = {
      saying(connect("john", "a", at(903)), "here"), heartbeat("john", "a", removed), disconnect("john", "b", removed),
      until(says("john", "brb", removed), at(950)), active(report("john", true, at(904)), removed)};
  for (const std::vector<PresenceEvent>& later :
       std::vector<std::vector<PresenceEvent>>{{},
                                               {connect("john", "a", removed + tick)},
                                               {heartbeat("john", "b", at(906))},
                                               {says("john", "new", removed + tick)},
                                               {report("john", false, at(906))},
                                               {disconnect("john", "a", at(906))},
                                               {shows("john", removed + tick)}}) {
    std::vector<PresenceEvent> without = {removes("john", removed)};
    without.insert(without.end(), later.begin(), later.end());
    std::vector<PresenceEvent> with = without;
    with.insert(with.end(), gone.begin(), gone.end());
    // That a session was not silent then is kept as long as a silence could end it.
    const Snapshot some = in_every_order(without, at(907)), all = in_every_order(with, at(907));
    CHECK(views(all) == views(some));
    CHECK(all.next_deadline() == some.next_deadline());
    CHECK(reduce(all, at(1300)) == reduce(some, at(1300)));
  }
}

TEST_CASE("a connect of the removal's timestamp is gone, and one a nanosecond later is not") {
  Snapshot s = folded({removes("john", at(5)), connect("john", "phone", at(5))});
  CHECK(s.empty());
  s = reduce(std::move(s), connect("john", "phone", at(5) + tick));
  CHECK(s.find("john") == seen_online("john", at(5) + tick));
}

TEST_CASE("a heartbeat after a removal that rounds down to before it makes its user known only while online") {
  Told t(with_timeout(seconds(40)));
  t.pass(at(10));
  t.fold(connect("john", "phone", at(5)));
  t.fold(removes("john", at(6)));
  t.take();
  CHECK(t.fold(heartbeat("john", "phone", at(10))) == Verdict::applied);
  CHECK(text(t.take()) == text({changed(at(10), std::nullopt, seen_online("john", std::nullopt))}));
  CHECK(t.s.next_deadline() == at(50));
  SUBCASE("a timeout is one change: known and online, then unknown") {
    t.pass(at(1000));
    CHECK(text(t.take()) == text({changed(at(50), seen_online("john", std::nullopt), std::nullopt)}));
    CHECK(t.s.empty());
  }
  SUBCASE("so is a disconnect") {
    t.pass(at(20));
    t.fold(disconnect("john", "phone", at(20)));
    CHECK(text(t.take()) == text({changed(at(20), seen_online("john", std::nullopt), std::nullopt)}));
    CHECK(t.s.empty());
  }
  SUBCASE("with a status the user stays known") {
    t.fold(says("john", "hi", at(10)));
    t.take();
    t.pass(at(1000));
    CHECK(text(t.take()) ==
          text({changed(at(50), seen_online("john", std::nullopt, "hi"), seen_offline("john", std::nullopt, "hi"))}));
  }
  SUBCASE("with a heartbeat of a later step the user has a last_active, and stays known") {
    for (double second = 30; second <= 900; second += 30) {
      t.pass(at(second));
      t.fold(heartbeat("john", "phone", at(second)));
    }
    CHECK(text(t.take()) == text({changed(at(900), seen_online("john", std::nullopt), seen_online("john", at(900)))}));
    t.pass(at(2000));
    CHECK(t.s.find("john") == seen_offline("john", at(900)));
  }
  SUBCASE("while invisible they are unknown to others, and known to themselves while online") {
    t.fold(hides("john", at(10)));
    CHECK(text(t.take()) == text({changed(at(10), seen_online("john", std::nullopt), std::nullopt)}));
    CHECK(t.s.find("john", self("john")) == sees_himself("john", true, std::nullopt));
    t.pass(at(50));
    CHECK(t.take().empty());
    CHECK_FALSE(t.s.find("john", self("john")));
  }
}

TEST_CASE("with a grace, a user without a last_active is known until the grace is over, and a removal has no grace") {
  Rules rules = with_timeout(seconds(40));
  rules.offline_grace = seconds(10);
  Told t(rules);
  t.pass(at(10));
  t.fold(connect("john", "phone", at(5)));
  t.take();
  t.fold(removes("john", at(6)));
  CHECK(text(t.take()) == text({changed(at(10), seen_online("john", at(5)), std::nullopt)}));
  CHECK_FALSE(t.s.next_deadline());
  t.fold(heartbeat("john", "phone", at(10)));
  t.fold(disconnect("john", "phone", at(10)));
  CHECK(t.s.online("john"));
  t.take();
  t.pass(at(100));
  CHECK(text(t.take()) == text({changed(at(20), seen_online("john", std::nullopt), std::nullopt)}));
}

TEST_CASE("with exact last_active, a heartbeat right after a removal gives one") {
  Rules rules;
  rules.last_active_refresh = Duration();
  CHECK(folded(rules, {removes("john", at(5)), heartbeat("john", "phone", at(5) + tick)}).find("john") ==
        seen_online("john", at(5) + tick));
}

TEST_CASE("a report counts by its own date, whatever last_active it reports") {
  const std::vector<PresenceEvent> early = {active(report("john", true, at(4)), at(3)), removes("john", at(5))};
  CHECK(in_every_order(early, at(6)).empty());
  CHECK(in_every_order({active(report("john", true, at(6)), at(3)), removes("john", at(5))}, at(6)).find("john") ==
        seen_online("john", at(3)));
  // The later report says nothing of last_active, and the earlier one is gone.
  CHECK(in_every_order(
            {active(report("john", true, at(4)), at(3)), report("john", true, at(6)), removes("john", at(5))}, at(6))
            .find("john") == seen_online("john", std::nullopt));
}

TEST_CASE("marks of forget_reports dated up to a removal are gone, and later reports count") {
  const auto history = [](bool forgets, bool removes_after) {
    Told t;
    t.pass(at(1));
    t.fold(report("john", true, at(1)));
    if (forgets) forget_reports_in(t.s);
    t.pass(at(5));
    if (removes_after) t.fold(removes("john", at(5)));
    t.fold(report("john", true, at(6)));
    return t.s;
  };
  CHECK(history(true, true) == history(false, true));
  CHECK(history(true, true).online("john"));
}

TEST_CASE("a user who is known only while online becomes unknown, even if the removal was forgotten before") {
  Told t(with_timeout(seconds(2000)));  // a window of 120 s, steps of 900 s
  t.pass(at(0));
  t.fold(removes("john", at(0)));
  t.fold(heartbeat("john", "phone", at(50)));
  t.pass(at(1020));
  CHECK(t.fold(disconnect("john", "tv", at(1020))) == Verdict::applied);
  CHECK(t.s.find("john") == seen_online("john", std::nullopt));
  CHECK(t.s.next_deadline() == at(2050));
  t.take();
  t.pass(at(2050));
  CHECK(text(t.take()) == text({changed(at(2050), seen_online("john", std::nullopt), std::nullopt)}));
  CHECK(t.s.empty());
}

TEST_CASE("a user who was known only while online makes room for another one") {
  Rules rules = with_timeout(seconds(20));
  rules.max_users = 1;
  Store store(rules);
  store.dispatch(connect("john", "phone", at(1)));
  store.dispatch(removes("john", at(5)));
  store.dispatch(heartbeat("john", "phone", at(6)));
  REQUIRE(store.find("john") == seen_online("john", std::nullopt));
  CHECK(store.dispatch(connect("mary", "phone", at(25))) == Verdict::over_limit);
  CHECK(store.dispatch(connect("mary", "phone", at(27))) == Verdict::applied);
  CHECK_FALSE(store.find("john"));
}

TEST_CASE("a removal ends a status, and its end is then no change") {
  Told t;
  t.pass(at(0));
  t.fold(until(says("john", "brb", at(0)), at(10)));
  t.fold(removes("john", at(1)));
  t.take();
  CHECK_FALSE(t.s.next_deadline());
  t.pass(at(20));
  CHECK(t.take().empty());
  // One that is set later ends, and does not fall back to the removed one.
  t.fold(until(says("john", "lunch", at(20)), at(30)));
  t.pass(at(30));
  CHECK(status(t.s, "john").empty());
}

TEST_CASE("whether a user is invisible survives their removal") {
  Told t;
  t.pass(at(10));
  t.fold(connect("john", "phone", at(1)));
  t.fold(hides("john", at(2)));
  t.take();
  CHECK(t.fold(removes("john", at(5))) == Verdict::applied);
  CHECK(text(t.take()) == text({changed(at(10), seen_offline("john", at(1)), std::nullopt)}));
  t.fold(connect("john", "phone", at(6)));
  t.fold(heartbeat("john", "phone", at(7)));
  CHECK(t.take().empty());
  CHECK_FALSE(t.s.find("john"));
  CHECK(t.s.find("john", self("john")) == sees_himself("john", true, at(6)));
  t.fold(shows("john", at(8)));
  CHECK(text(t.take()) == text({changed(at(10), std::nullopt, seen_online("john", at(8)))}));
}

TEST_CASE("a visibility change that arrives after the removal that it precedes counts, but its activity does not") {
  Told t;
  t.pass(at(10));
  t.fold(removes("john", at(5)));
  CHECK(t.fold(hides("john", at(2))) == Verdict::applied);
  t.fold(connect("john", "phone", at(6)));
  CHECK_FALSE(t.s.find("john"));
  CHECK(t.fold(shows("john", at(3))) == Verdict::applied);
  CHECK(t.s.find("john") == seen_online("john", at(6)));
  CHECK(folded({removes("john", at(5)), shows("john", at(5))}).empty());
  CHECK(folded({removes("john", at(5)), visibly("john", "phone", at(5))}).empty());
  in_every_order({hides("john", at(2)), shows("john", at(3)), connect("john", "a", at(1)), removes("john", at(3)),
                  heartbeat("john", "a", at(4)), hides("john", at(4))},
                 at(5));
}

TEST_CASE("others do not see the removal of an invisible user whom they never knew") {
  Told t;
  t.pass(at(10));
  t.fold(invisibly("john", "phone", at(1)));
  CHECK(t.s.find("john", self("john")));
  CHECK(t.fold(removes("john", at(5))) == Verdict::applied);
  CHECK(t.take().empty());
  CHECK_FALSE(t.s.find("john", self("john")));
}

TEST_CASE("a removal is forgotten when no event that is still accepted rounds down to it") {
  Rules rules = with_timeout(seconds(1000));  // a window of 120 s, steps of 900 s
  Told t(rules);
  t.pass(at(0));
  t.fold(says("john", "hi", at(0)));
  t.fold(removes("john", at(0)));
  const auto is_forgotten = [&rules](const Snapshot& s) { return s == reduce(Snapshot(rules), s.now().value()); };
  CHECK_FALSE(is_forgotten(t.s));
  t.pass(at(1020) - tick);
  CHECK_FALSE(is_forgotten(t.s));
  Told late = t;
  CHECK(late.fold(heartbeat("john", "phone", at(900) - tick)) == Verdict::applied);
  CHECK(late.s.find("john") == seen_online("john", std::nullopt));
  t.pass(at(1020));
  CHECK(is_forgotten(t.s));
  CHECK(t.s.digest() == reduce(Snapshot(rules), at(1020)).digest());
  CHECK(t.fold(heartbeat("john", "phone", at(900))) == Verdict::applied);
  CHECK(t.s.find("john") == seen_online("john", at(900)));
}

TEST_CASE("once a removal is forgotten, a user who has returned since is the same as a new one") {
  for (const Duration step : {seconds(0), seconds(900)}) {
    for (const PresenceEvent& later :
         {connect("john", "phone", at(0) + tick), shows("john", at(1)), hides("john", at(1)), says("john", "hi", at(1)),
          report("john", true, at(1)), until(says("john", "hi", at(1)), at(5000))}) {
      CAPTURE(step);
      CAPTURE(to_json(later));
      Rules rules;
      rules.last_active_refresh = step;
      Told removed(rules), fresh(rules);
      for (Told* const t : {&removed, &fresh}) t->pass(at(0));
      removed.fold(says("john", "bye", at(0)));
      removed.fold(removes("john", at(0)));
      for (Told* const t : {&removed, &fresh}) t->fold(later);
      const Timestamp forgotten = at(120) + (step == Duration() ? tick : step);
      for (Told* const t : {&removed, &fresh}) t->pass(forgotten - tick);
      CHECK_FALSE(removed.s == fresh.s);
      CHECK(removed.s.digest() != fresh.s.digest());
      if (step == Duration()) CHECK(removed.fold(says("john", "bye", at(0))) == Verdict::unchanged);
      for (Told* const t : {&removed, &fresh}) t->pass(forgotten);
      CHECK(removed.s == fresh.s);
      CHECK(removed.s.digest() == fresh.s.digest());
    }
  }
}

TEST_CASE("what a removal drops of the visibility changes does not depend on when its user was last looked at") {
  Told early, late;
  for (Told* const t : {&early, &late}) {
    t->pass(at(0));
    for (const PresenceEvent& event : {hides("john", at(1)), removes("john", at(5))}) t->fold(event);
    t->pass(at(1000));
    t->fold(shows("john", at(1000)));
  }
  early.pass(at(1020));  // the removal is forgotten
  for (Told* const t : {&early, &late}) {
    CHECK(t->fold(says("john", "hi", at(1020))) == Verdict::applied);
    t->pass(at(3000));
  }
  CHECK(early.s == late.s);
  CHECK(early.s.digest() == late.s.digest());
}

TEST_CASE("a removal is forgotten at the same time, whether its user was known or not") {
  Told known, unknown;
  for (Told* const t : {&known, &unknown}) t->pass(at(0));
  known.fold(says("john", "hi", at(0)));
  for (Told* const t : {&known, &unknown}) {
    t->fold(removes("john", at(0)));
    t->pass(at(1));
  }
  CHECK(known.s == unknown.s);
  for (Told* const t : {&known, &unknown}) t->pass(at(1e5));
  CHECK(known.s == unknown.s);
  CHECK(known.s == reduce(Snapshot(), at(1e5)));
}

TEST_CASE(
    "visibility changes older than the window have the same result, whether an event arrives before or after a removal "
    "is forgotten") {
  Rules rules = with_short_steps();
  rules.reorder_window = seconds(15);
  const auto history = [&rules](const std::vector<PresenceEvent>& early, bool arrives_after) {
    Snapshot s = reduce(Snapshot(rules), at(10));
    for (const PresenceEvent& event : early) s = reduce(std::move(s), event);
    s = reduce(reduce(std::move(s), at(54)), removes("john", at(54)));
    if (arrives_after) s = reduce(std::move(s), at(80));
    s = reduce(std::move(s), at(70));
    s = reduce(std::move(s), connect("john", "a", at(70)));
    return reduce(std::move(s), at(80));
  };
  for (const std::vector<PresenceEvent>& early : std::vector<std::vector<PresenceEvent>>{
           {}, {shows("john", at(9))}, {hides("john", at(8)), shows("john", at(9))}})
    CHECK(history(early, true) == history(early, false));
}

TEST_CASE("a stored user can be removed whatever the limits, and makes room for another") {
  Rules rules;
  rules.max_users = 1;
  rules.max_sessions_per_user = 1;
  rules.max_recent_per_user = 1;
  Told t(rules);
  t.pass(at(5));
  t.fold(connect("john", "phone", at(1)));
  CHECK(t.fold(connect("mary", "phone", at(1))) == Verdict::over_limit);
  CHECK(t.fold(removes("john", at(2))) == Verdict::applied);
  CHECK(t.fold(removes("john", at(3))) == Verdict::applied);
  CHECK(t.fold(connect("mary", "phone", at(4))) == Verdict::applied);
  CHECK(t.s.find("mary"));
  CHECK(t.fold(removes("mary", at(4))) == Verdict::applied);
  CHECK(t.s.empty());
  // An invisible one as well.
  Told hidden(rules);
  hidden.pass(at(5));
  hidden.fold(invisibly("john", "phone", at(1)));
  CHECK(hidden.fold(removes("john", at(2))) == Verdict::applied);
  CHECK_FALSE(hidden.s.find("john", self("john")));
}

TEST_CASE("a removal beyond the limit keeps nothing of its user, except that they are invisible") {
  Rules rules;
  rules.max_users = 1;
  const auto full = [&rules] {
    Told t(rules);
    t.pass(at(10));
    t.fold(hides("kim", at(1)));  // takes the only place of an unknown user
    t.fold(connect("mary", "phone", at(1)));
    return t;
  };
  Told visible = full();
  const Snapshot without_mary = reduce(reduce(Snapshot(rules), at(10)), hides("kim", at(1)));
  CHECK(visible.fold(removes("mary", at(5))) == Verdict::applied);
  CHECK(visible.s == without_mary);
  CHECK(visible.s.digest() == without_mary.digest());
  Told hidden = full();
  hidden.fold(hides("mary", at(2)));
  CHECK(hidden.fold(removes("mary", at(5))) == Verdict::applied);
  CHECK_FALSE(hidden.s.find("mary"));
  CHECK(hidden.fold(connect("mary", "phone", at(6))) == Verdict::applied);
  CHECK_FALSE(hidden.s.find("mary"));
  CHECK(hidden.s.find("mary", self("mary")).value().invisible);
}

TEST_CASE("a removal of a user who is not stored needs room among the unknown users") {
  Rules rules;
  rules.max_users = 1;
  Told t(rules);
  t.pass(at(5));
  t.fold(connect("john", "phone", at(1)));
  t.fold(hides("kim", at(1)));
  const Snapshot before = t.s;
  CHECK(t.fold(removes("mary", at(2))) == Verdict::over_limit);
  CHECK(t.s == before);
  CHECK(t.fold(removes("kim", at(2))) == Verdict::applied);
}

TEST_CASE("a removal with an empty or too long id, or outside the accepted time, changes nothing") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.take();
  const Snapshot before = t.s;
  CHECK(t.fold(removes("", at(0))) == Verdict::invalid);
  CHECK(t.fold(removes("john", Timestamp::lowest())) == Verdict::invalid);
  CHECK(t.fold(removes("john", Timestamp::highest())) == Verdict::invalid);
  CHECK(t.fold(removes(std::string(256, 'x'), at(0))) == Verdict::over_limit);
  CHECK(t.fold(removes("john", at(-120) - tick)) == Verdict::too_late);
  CHECK(t.fold(removes("john", at(60) + tick)) == Verdict::too_early);
  CHECK(t.s == before);
  CHECK(t.s.digest() == before.digest());
  CHECK(t.take().empty());
  PresenceEvent odd = removes("john", at(0));
  odd.session = std::string(1000, 's');  // not read
  odd.online = true;
  odd.last_active = at(5);
  CHECK(t.fold(odd) == Verdict::applied);
  CHECK(t.s.empty());
}

TEST_CASE("a removal may be ahead of the time: what comes before it is gone already") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  CHECK(t.fold(removes("john", at(60))) == Verdict::applied);
  CHECK(t.s.empty());
  t.pass(at(30));
  CHECK(t.fold(connect("john", "phone", at(30))) == Verdict::applied);  // it was not silent: that is kept
  CHECK(t.fold(connect("john", "phone", at(30))) == Verdict::unchanged);
  CHECK(t.s.empty());
  t.pass(at(61));
  CHECK(t.fold(connect("john", "phone", at(61))) == Verdict::applied);
  CHECK(t.s.online("john"));
}

TEST_CASE("a removal may carry the first or the last timestamp that events have") {
  const Timestamp first = Timestamp::lowest() + tick, last = Timestamp::highest() - tick;
  CHECK(folded({connect("john", "phone", first), removes("john", first)}).empty());
  CHECK(folded({removes("john", first), connect("john", "phone", first + tick)}).find("john") ==
        seen_online("john", first + tick));
  CHECK(folded({connect("john", "phone", last), says("john", "hi", last), removes("john", last)}).empty());
  CHECK(folded({removes("john", last), heartbeat("john", "phone", last)}).empty());
  Told t;
  t.fold(removes("john", last));
  CHECK(t.pass(last) == Verdict::applied);
  CHECK(t.s.empty());
  CHECK_FALSE(t.s.next_deadline());
}

TEST_CASE("a removed node and one where the user is active merge to what is later than the removal") {
  for (const bool has_now : {false, true}) {
    const auto node = [has_now](const std::vector<PresenceEvent>& events) {
      Snapshot s = has_now ? reduce(Snapshot(), at(10)) : Snapshot();
      for (const PresenceEvent& event : events) s = reduce(std::move(s), event);
      return s;
    };
    const PresenceEvent came = connect("john", "phone", at(1)), removal = removes("john", at(5));
    const Snapshot removed = node({came, removal});
    for (const PresenceEvent& other : {heartbeat("john", "phone", at(4)), heartbeat("john", "phone", at(5)),
                                       says("john", "hi", at(5)), report("john", true, at(2))}) {
      const Snapshot active = node({came, other});
      const Snapshot all = node({came, other, removal});
      CHECK(merge(removed, active) == all);
      CHECK(merge(active, removed) == all);
      CHECK_FALSE(all.find("john"));
    }
    const Snapshot active = node({came, heartbeat("john", "phone", at(6))}), both = merge(active, removed);
    CHECK(both == merge(removed, active));
    CHECK(both == node({came, heartbeat("john", "phone", at(6)), removal}));
    CHECK(both.find("john") == seen_online("john", std::nullopt));
    CHECK(merge(both, active) == both);
    CHECK(merge(removed, removed) == removed);
    Told told;
    told.s = active;
    merge_into(told.s, removed, told);
    REQUIRE(told.changes.size() == 1);
    CHECK(told.changes[0].after == seen_online("john", std::nullopt));
  }
}

TEST_CASE("a removal that a merge brings is a change of the merge's timestamp, whatever it removed") {
  Told t(with_timeout(seconds(20)));
  t.pass(at(10));
  t.fold(until(saying(connect("john", "phone", at(1)), "brb"), at(30)));
  t.take();
  merge_into(t.s, reduce(reduce(Snapshot(t.s.rules()), removes("john", at(5))), at(100)), t);
  CHECK(text(t.take()) == text({changed(at(10), seen_online("john", at(1), "brb"), std::nullopt)}));
  // Without a time it is that of the removal.
  Told untimed;
  untimed.fold(connect("john", "phone", at(1)));
  untimed.take();
  merge_into(untimed.s, reduce(Snapshot(), removes("john", at(5))), untimed);
  CHECK(text(untimed.take()) == text({changed(at(5), seen_online("john", at(1)), std::nullopt)}));
}

TEST_CASE("a removal is kept by encoding: what it removed does not come back") {
  for (const bool has_now : {false, true}) {
    Told t;
    if (has_now) t.pass(at(10));
    t.fold(connect("john", "phone", at(1)));
    t.fold(removes("john", at(5)));
    t.fold(removes("mary", at(5)));
    t.fold(heartbeat("mary", "phone", at(6)));
    t.fold(removes("kim", at(7)));
    t.fold(saying(hides("kim", at(8)), "hi"));
    t.fold(removes("ann", at(7) + tick));
    auto read = decode(encode(t.s), t.s.rules());
    REQUIRE(read);
    CHECK(*read == t.s);
    CHECK(read->digest() == t.s.digest());
    CHECK(encode(*read) == encode(t.s));
    CHECK(views(*read) == views(t.s));
    for (const PresenceEvent& late : {connect("john", "tv", at(5)), heartbeat("mary", "phone", at(4)),
                                      says("kim", "old", at(7)), report("john", true, at(3))}) {
      const Snapshot after = reduce(*read, late);
      CHECK(views(after) == views(t.s));
      CHECK(reduce(after, at(1e5)) == reduce(t.s, at(1e5)));
    }
    t.pass(at(1e5));
    CHECK(reduce(*read, at(1e5)) == t.s);
  }
}

TEST_CASE("a diff over a removal is one change from known to unknown") {
  Told t;
  t.pass(at(10));
  t.fold(connect("john", "phone", at(1)));
  t.fold(connect("mary", "phone", at(1)));
  t.fold(invisibly("kim", "phone", at(1)));
  const Snapshot before = t.s;
  for (const char* const id : {"john", "kim", "nobody"}) t.fold(removes(id, at(5)));
  Told told;
  diff(before, t.s, told);
  CHECK(text(told.take()) == text({changed(at(10), seen_online("john", at(1)), std::nullopt)}));
  diff(t.s, before, told);
  CHECK(text(told.take()) == text({changed(at(10), std::nullopt, seen_online("john", at(1)))}));
}

TEST_CASE("with forget_after a removed user is no deadline, and one who returns is forgotten as a new user") {
  Rules rules = with_timeout(seconds(40));
  rules.forget_after = seconds(3600);
  Told t(rules);
  t.pass(at(0));
  t.fold(saying(connect("john", "phone", at(0)), "hi"));
  t.pass(at(10));
  t.fold(removes("john", at(10)));
  t.take();
  CHECK_FALSE(t.s.next_deadline());
  SUBCASE("nothing more happens") {
    t.pass(at(1e6));
    CHECK(t.take().empty());
    CHECK(t.s == reduce(Snapshot(rules), at(1e6)));
  }
  SUBCASE("a connect makes them known, until forget_after after it") {
    t.pass(at(20));
    t.fold(connect("john", "phone", at(20)));
    t.pass(at(1e6));
    CHECK(text(t.take()) == text({changed(at(20), std::nullopt, seen_online("john", at(20))),
                                  changed(at(60), seen_online("john", at(20)), seen_offline("john", at(20))),
                                  changed(at(3620), seen_offline("john", at(20)), std::nullopt)}));
  }
  SUBCASE("a session without a last_active ends in one change") {
    t.pass(at(20));
    t.fold(heartbeat("john", "phone", at(20)));
    t.pass(at(1e6));
    CHECK(text(t.take()) == text({changed(at(20), std::nullopt, seen_online("john", std::nullopt)),
                                  changed(at(60), seen_online("john", std::nullopt), std::nullopt)}));
  }
  SUBCASE("an invisible one is forgotten with their invisibility") {
    t.pass(at(20));
    t.fold(invisibly("john", "phone", at(20)));
    t.pass(at(1e6));
    CHECK(t.take().empty());
    CHECK(t.s == reduce(Snapshot(rules), at(1e6)));
  }
}

TEST_CASE("removals of many users touch nothing of others") {
  Told t;
  t.pass(at(10));
  for (std::size_t i = 0; i < 300; ++i) t.fold(connect(user_id(i), "phone", at(1)));
  for (std::size_t i = 0; i < 300; i += 3) t.fold(removes(user_id(i), at(5)));
  CHECK(t.s.size() == 200);
  CHECK(t.s.online_count() == 200);
  CHECK(views(t.s).size() == 200);
  for (std::size_t i = 0; i < 300; ++i) CHECK(t.s.online(user_id(i)) == (i % 3 != 0));
  t.pass(at(1e5));
  CHECK(t.s.size() == 200);
}

TEST_CASE("in random histories what is seen is what the set of events says, in whatever order they arrive") {
  Chance chance(20190107);
  for (int round = 0; round < 4000; ++round) {
    CAPTURE(round);
    std::vector<PresenceEvent> events;
    for (std::size_t left = 1 + chance.below(9); left > 0; --left) events.push_back(random_event_of_john(chance));
    std::string lines;
    for (const PresenceEvent& event : events) lines += "\n" + to_json(event);
    CAPTURE(lines);
    std::optional<Snapshot> first;
    const Timestamp end = at(40 + static_cast<double>(chance.below(30)));
    for (int order = 0; order < 3; ++order) {
      for (std::size_t i = events.size(); i > 1; --i) std::swap(events[i - 1], events[chance.below(i)]);
      Told t(with_short_steps());
      std::vector<PresenceEvent> so_far;
      Timestamp now = at(0);
      if (order > 0) t.pass(now);
      for (const PresenceEvent& event : events) {
        const Snapshot before = order == 2 ? t.s : Snapshot();
        const std::uint64_t digest = before.digest();
        REQUIRE(accepted(t.fold(event)));
        REQUIRE(before.digest() == digest);
        REQUIRE(t.fold(event) == Verdict::unchanged);
        so_far.push_back(event);
        if (order == 0) continue;
        REQUIRE(t.s.find("john") == seen_after(so_far, now, false));
        REQUIRE(t.s.find("john", self("john")) == seen_after(so_far, now, true));
        REQUIRE(t.s.next_deadline() == next_change_after(so_far, now));
        if (chance.below(3) > 0) continue;
        now = now + seconds(static_cast<double>(chance.below(15)));
        t.pass(std::min(now, end));
        now = std::min(now, end);
        REQUIRE(t.s.find("john") == seen_after(so_far, now, false));
      }
      if (order == 0) {
        Told batch(with_short_steps());
        apply(batch.s, events.begin(), events.end(), batch);
        REQUIRE(batch.s == t.s);
        const std::size_t half = events.size() / 2;
        const std::vector<PresenceEvent> some(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(half)),
            rest(events.begin() + static_cast<std::ptrdiff_t>(half), events.end());
        REQUIRE(merge(folded(with_short_steps(), some), folded(with_short_steps(), rest)) == t.s);
      }
      t.pass(end);
      REQUIRE(t.s.next_deadline() == next_change_after(events, end));
      if (!first) first = t.s;
      REQUIRE(t.s == *first);
      REQUIRE(t.s.digest() == first->digest());
      REQUIRE(text(t.s.find("john")) == text(seen_after(events, end, false)));
      REQUIRE(text(t.s.find("john", self("john"))) == text(seen_after(events, end, true)));
      const auto read = decode(encode(t.s), t.s.rules());
      REQUIRE(read);
      REQUIRE(*read == t.s);
      std::optional<User> seen;
      for (const UserPresenceChanged& change : t.changes) {
        REQUIRE(change.before == seen);
        REQUIRE(change.after != seen);
        seen = change.after;
      }
      REQUIRE(seen == t.s.find("john"));
    }
  }
}
