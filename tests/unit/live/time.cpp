// SPDX-License-Identifier: MIT
#include "../rooms.hpp"

#include <algorithm>
#include <map>
#include <set>

using namespace support;

namespace {

/// What a store emits: the changes that others see, and the ends of sessions.
struct Emitted {
  Changes changes;
  std::vector<SessionEnded> ends;
  std::vector<Subscription> subscriptions;

  explicit Emitted(Store& store) {
    subscriptions.push_back(store.on_change([this](const UserPresenceChanged& change) { changes.push_back(change); }));
    subscriptions.push_back(store.on_session_ended([this](const SessionEnded& end) { ends.push_back(end); }));
  }
  bool empty() const { return changes.empty() && ends.empty(); }
  Changes take() { return std::exchange(changes, {}); }
};

std::string lines_of(const std::vector<SessionEnded>& ends) {
  constexpr const char* reasons[] = {"disconnected", "timed_out", "evicted", "removed"};
  std::string lines;
  for (const SessionEnded& end : ends) {
    lines +=
        "\n    " + to_string(end.at) + " " + end.user + "/" + end.session + " " + reasons[static_cast<int>(end.reason)];
  }
  return lines;
}

PresenceEvent longer_than_allowed(PresenceEvent event) { return saying(std::move(event), std::string(2000, 'x')); }

StoreOptions options_of(bool keeps_order) {
  StoreOptions options;
  options.keep_order_of_frame = keeps_order;
  return options;
}

Timestamp now_of(const Store& store) { return store.snapshot().now().value(); }

/// Events that no store accepts whose rules allow the users of `few_users` only.
std::vector<PresenceEvent> unacceptable_events(Timestamp when) {
  const std::string long_id(300, 'x');
  return {connect("", "phone", when),
          connect("john", "", when),
          heartbeat("", "", when),
          connect(long_id, "phone", when),
          connect("john", long_id, when),
          disconnect("john", long_id, when),
          connect("mary", "phone", when),  // the store is full
          heartbeat("mary", "phone", when),
          says("mary", "hi", when),
          report("mary", true, when),
          longer_than_allowed(connect("john", "phone", when)),
          longer_than_allowed(heartbeat("ghost", "phone", when)),
          longer_than_allowed(says("john", "", when)),
          connect("john", "phone", Timestamp::lowest()),
          connect("john", "phone", Timestamp::highest()),
          disconnect("john", "phone", Timestamp::highest()),
          PresenceEvent()};
}
/// A store that is full: john has a session, ghost has one that others do not see.
void fill(Store& store) {
  store.dispatch(connect("john", "phone", at(0)));
  store.dispatch(invisibly("ghost", "phone", at(0)));
}
Rules for_one_user(Duration timeout) {
  Rules rules = with_timeout(timeout);
  rules.max_users = 1;
  return rules;
}

}  // namespace

TEST_CASE("an event of the host's own clock is never too early, and time follows it") {
  Store store;
  double second = 0;
  for (const double idle : {0.0, 0.5, 61.0, 3600.0, 1e6, 3e8}) {
    second += idle;
    const Dispatched done = store.dispatch(connect("john", "phone", at(second)));
    CHECK(accepted(done.verdict));
    CHECK(done.at == at(second));
    CHECK(done.status_at == at(second));
    CHECK(now_of(store) == at(second));
    CHECK(store.online("john"));
  }
  CHECK(store.stats().events.too_early == 0);
}

TEST_CASE("deadlines before an event pass before it, and those at its timestamp after it") {
  Store store(with_timeout(seconds(10)));
  for (const char* id : {"early", "equal", "late"}) {
    const double second = id == std::string("early") ? 0 : id == std::string("equal") ? 10 : 11;
    store.dispatch(connect(id, "phone", at(second)));
    store.dispatch(heartbeat("early", "phone", at(9)));
  }
  Emitted emitted(store);
  store.dispatch(says("equal", "back", at(20)));
  // early ended at 19, before the event. One change shows both the status and the timeout at 20.
  CHECK(text(emitted.take()) ==
        text({changed(at(19), seen_online("early", at(0)), seen_offline("early", at(0))),
              changed(at(20), seen_online("equal", at(10)), seen_offline("equal", at(10), "back"))}));
  CHECK(lines_of(emitted.ends) == lines_of({SessionEnded{"early", "phone", at(19), SessionEndReason::timed_out},
                                            SessionEnded{"equal", "phone", at(20), SessionEndReason::timed_out}}));
  CHECK(store.online("late"));
}

TEST_CASE("the status of an invisible user counts before the deadlines at its timestamp, whatever else they did") {
  for (const bool is_moved : {false, true}) {
    CAPTURE(is_moved);
    Store store;
    store.dispatch(until(saying(connect("john", "phone", at(0)), "brb"), at(20)));
    store.dispatch(hides("john", at(1)));
    // A hidden disconnect moves a connect of its frame behind it, but not the status of that connect.
    if (is_moved) CHECK(accepted(store.dispatch(disconnect("john", "tv", at(20)), at(1))));
    Emitted emitted(store);
    const Dispatched done = store.dispatch(saying(connect("john", "tv", at(20)), "back"));
    CHECK(done.verdict == Verdict::applied);
    CHECK((done.at != at(20)) == is_moved);
    CHECK(done.status_at == at(20));
    CHECK(text(emitted.take()) ==
          text({changed(at(20), seen_offline("john", at(0), "brb"), seen_offline("john", at(0), "back"))}));
    CHECK(now_of(store) == at(20));
  }
}

TEST_CASE("an event of the own clock changes a store as replay changes a snapshot") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    Rules rules = with_timeout(seconds(10));
    rules.offline_grace = seconds(chance.below(2) == 0 ? 0 : 5);
    Store store(rules, options_of(false));
    Emitted emitted(store);
    Told t(rules);
    double second = 0;
    for (std::size_t step = 0; step < 200; ++step) {
      second += static_cast<double>(chance.below(8));
      PresenceEvent event = random_event(chance, second, 4, 2);
      if (chance.below(3) != 0) event.at = at(second);
      CHECK(store.dispatch(event) == replay(t.s, event, t));
      CHECK(store.snapshot() == t.s);
      CHECK(store.snapshot().digest() == t.s.digest());
      Changes all = emitted.take();
      // The dates of a store may differ, because no two are the same.
      for (UserPresenceChanged& change : all) change.at = at(0);
      for (UserPresenceChanged& change : t.changes) change.at = at(0);
      CHECK(text(all) == text(t.take()));
    }
  }
}

TEST_CASE("a heartbeat exactly at the deadline keeps the session, and the next deadline counts from it") {
  for (const bool is_invisible : {false, true}) {
    CAPTURE(is_invisible);
    Store store(with_timeout(seconds(10)));
    store.dispatch(invisibly("john", "phone", at(0), is_invisible));
    Emitted emitted(store);
    for (const double second : {10.0, 20.0, 30.0}) {
      CHECK(store.dispatch(heartbeat("john", "phone", at(second))) == Verdict::applied);
      CHECK(store.online("john", self("john")));
      CHECK(store.next_wakeup() == at(second + 10));
      CHECK(emitted.empty());
    }
    store.advance(at(100));
    CHECK_FALSE(store.online("john", self("john")));
    CHECK(lines_of(emitted.ends) == lines_of({SessionEnded{"john", "phone", at(40), SessionEndReason::timed_out}}));
  }
}

TEST_CASE("a connect exactly at the deadline keeps its session as well") {
  Store store(with_timeout(seconds(10)));
  store.dispatch(connect("john", "phone", at(0)));
  Emitted emitted(store);
  store.dispatch(connect("john", "phone", at(10)));
  CHECK(emitted.ends.empty());
  store.advance(at(50));
  CHECK(lines_of(emitted.ends) == lines_of({SessionEnded{"john", "phone", at(20), SessionEndReason::timed_out}}));
}

TEST_CASE("a rejected event leaves the snapshot, its digest and the time identical, and emits nothing") {
  // At 5 no deadline has passed, at 10 one is reached, at 20 two have passed.
  for (const double second : {5.0, 10.0, 20.0}) {
    for (const bool keeps_order : {true, false}) {
      CAPTURE(second);
      CAPTURE(keeps_order);
      Store store(for_one_user(seconds(10)), options_of(keeps_order)),
          twin(for_one_user(seconds(10)), options_of(keeps_order));
      Emitted emitted(store), expected(twin);
      fill(store);
      fill(twin);
      emitted.take();
      expected.take();
      const Snapshot before = store.snapshot();
      for (const PresenceEvent& event : unacceptable_events(at(second))) {
        CAPTURE(to_json(event).substr(0, 100));
        const Dispatched done = store.dispatch(event);
        CHECK_FALSE(accepted(done.verdict));
        CHECK(done.at == event.at);
        CHECK(done.status_at == event.at);
        CHECK(store.snapshot() == before);
        CHECK(store.snapshot().digest() == before.digest());
        CHECK(store.snapshot().now() == at(0));
        CHECK(emitted.empty());
        CHECK(store.next_deadline() == twin.next_deadline());
        CHECK(store.next_wakeup() == twin.next_wakeup());
        done.each_applied(event, [](const PresenceEventView&) { FAIL("nothing was applied"); });
      }
      // Nothing remains of them: what comes later is the same, with the same timestamps.
      for (Store* const both : {&store, &twin}) both->advance(at(30));
      CHECK(text(emitted.take()) == text(expected.take()));
      CHECK(lines_of(emitted.ends) == lines_of(expected.ends));
      CHECK(emitted.ends.size() == 2);
    }
  }
}

TEST_CASE("a rejected event leaves an empty store as it was") {
  Store store(for_one_user(seconds(10)));
  Emitted emitted(store);
  for (const PresenceEvent& event :
       {connect("", "phone", at(0)), connect("john", std::string(300, 'x'), at(0)),
        connect("john", "phone", Timestamp::highest()), longer_than_allowed(connect("john", "phone", at(0)))}) {
    CHECK_FALSE(accepted(store.dispatch(event).verdict));
    CHECK(store.snapshot() == Snapshot(for_one_user(seconds(10))));
    CHECK_FALSE(store.snapshot().now());
    CHECK_FALSE(store.next_wakeup());
  }
  CHECK(emitted.empty());
}

TEST_CASE("an event that is moved behind another one of its frame and rejected leaves no trace") {
  Store store(for_one_user(seconds(10))), twin(for_one_user(seconds(10)));
  Emitted emitted(store), expected(twin);
  for (Store* const both : {&store, &twin}) {
    both->dispatch(connect("john", "phone", at(0)));
    both->dispatch(invisibly("ghost", "phone", at(10) + Duration::from_ns(500)), at(1));
  }
  const Snapshot before = store.snapshot();
  emitted.take();
  expected.take();
  CHECK(store.dispatch(visibly("ghost", "phone", at(10))) == Verdict::over_limit);
  CHECK(store.snapshot() == before);
  CHECK(store.snapshot().now() == at(1));
  CHECK(emitted.empty());
  CHECK(store.next_wakeup() == twin.next_wakeup());
  for (Store* const both : {&store, &twin}) both->advance(at(30));
  CHECK(text(emitted.take()) == text(expected.take()));
  CHECK(lines_of(emitted.ends) == lines_of(expected.ends));
  CHECK(emitted.ends.size() == 2);
}

TEST_CASE("a heartbeat from the frame of a change of visibility is moved behind it, and no other heartbeat is moved") {
  for (const bool changes_visibility : {false, true}) {
    CAPTURE(changes_visibility);
    Store store;
    store.dispatch(connect("john", "phone", at(0)), at(1));
    if (changes_visibility) store.dispatch(hides("john", at(0) + 5 * tick), at(1));
    const Dispatched done = store.dispatch(heartbeat("john", "phone", at(0) + 3 * tick), at(1));
    CHECK(done.verdict == Verdict::applied);
    CHECK(done.at == at(0) + (changes_visibility ? 5 : 3) * tick);
  }
}

TEST_CASE("an event that somebody else dated is judged by the time of the host") {
  Rules rules;
  rules.max_clock_skew = seconds(60);
  rules.reorder_window = seconds(120);
  Store store(rules);
  CHECK(store.dispatch(connect("a", "phone", at(1060)), at(1000)) == Verdict::applied);
  CHECK(store.dispatch(connect("b", "phone", at(1060) + tick), at(1000)) == Verdict::too_early);
  CHECK(store.dispatch(connect("c", "phone", at(880)), at(1000)) == Verdict::applied);
  CHECK(store.dispatch(connect("d", "phone", at(880) - tick), at(1000)) == Verdict::too_late);
  CHECK(now_of(store) == at(1000));
  CHECK_FALSE(store.find("b"));
  CHECK_FALSE(store.find("d"));
  // An earlier `now` does not move the time back, and does not judge.
  CHECK(store.dispatch(connect("b", "phone", at(1060)), at(900)) == Verdict::applied);
  CHECK(store.dispatch(connect("e", "phone", at(879)), at(900)) == Verdict::too_late);
  CHECK(now_of(store) == at(1000));
  CHECK(store.stats().events.too_early == 1);
  CHECK(store.stats().events.too_late == 2);
}

TEST_CASE("with a time of the host, the time advances even if the event is rejected") {
  Store store(for_one_user(seconds(10)));
  store.dispatch(connect("john", "phone", at(0)));
  Emitted emitted(store);
  double second = 4;
  for (const PresenceEvent& event : unacceptable_events(at(4))) {
    second += 1;
    CHECK_FALSE(accepted(store.dispatch(event, at(second)).verdict));
    CHECK(now_of(store) == at(second));
  }
  CHECK(text(emitted.take()) == text({changed(at(10), seen_online("john", at(0)), seen_offline("john", at(0)))}));
  CHECK(lines_of(std::exchange(emitted.ends, {})) ==
        lines_of({SessionEnded{"john", "phone", at(10), SessionEndReason::timed_out}}));
  // A time at either end of the range is none.
  const Snapshot before = store.snapshot();
  for (const Timestamp now : {Timestamp::lowest(), Timestamp::highest()}) {
    CHECK(store.dispatch(heartbeat("john", "phone", at(second)), now) == Verdict::invalid);
    const std::vector<PresenceEvent> events = {heartbeat("john", "phone", at(second))};
    CHECK(store.dispatch(events.begin(), events.end(), now).invalid == 1);
    CHECK(store.advance(now) == Verdict::invalid);
    CHECK(store.snapshot() == before);
  }
  CHECK(emitted.empty());
}

TEST_CASE("a node that receives what was applied, in any order, ends with the same snapshot") {
  std::size_t split = 0, moved = 0;
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    Rules rules = with_timeout(seconds(10));
    rules.offline_grace = seconds(chance.below(2) == 0 ? 0 : 5);
    rules.last_active_refresh = seconds(chance.below(2) == 0 ? 0 : 7);
    Store store(rules);
    std::vector<PresenceEvent> applied;
    double second = 1000;
    for (std::size_t left = 1 + chance.below(40); left > 0; --left) {
      if (chance.below(3) == 0) second += static_cast<double>(chance.below(8));
      PresenceEvent event = random_event(chance, second, 3, 3);
      event.at = at(second) + Duration::from_ns(static_cast<std::int64_t>(chance.below(3) * 300));
      if (chance.below(3) == 0) event = saying(std::move(event), "text " + std::to_string(chance.below(3)));
      const bool is_skewed = chance.below(3) == 0;
      if (is_skewed) event.at = event.at + seconds(static_cast<double>(chance.below(60)) - 30);
      const Dispatched done = is_skewed ? store.dispatch(event, at(second)) : store.dispatch(event);
      REQUIRE(accepted(done.verdict));
      std::size_t parts = 0;
      done.each_applied(event, [&](const PresenceEventView& view) {
        applied.push_back(static_cast<PresenceEvent>(view));
        ++parts;
      });
      CHECK(parts == (event.status && done.at != done.status_at ? 2u : 1u));
      split += parts == 2 ? 1u : 0u;
      moved += done.at != event.at ? 1u : 0u;
      CHECK(done.at >= event.at);
      CHECK(done.at < event.at + Duration::from_ns(2000));
    }
    for (std::size_t i = applied.size(); i > 1; --i) std::swap(applied[i - 1], applied[chance.below(i)]);
    Snapshot there(rules);
    for (const PresenceEvent& event : applied) there = reduce(std::move(there), event);
    there = reduce(std::move(there), now_of(store));
    CHECK(there == store.snapshot());
    CHECK(there.digest() == store.snapshot().digest());
    CHECK(text(views(there)) == text(views(store.snapshot())));
    for (std::size_t i = 0; i < 3; ++i) CHECK(there.inspect(user_id(i)) == store.snapshot().inspect(user_id(i)));
  }
  CHECK(moved > 150);
  CHECK(split > 10);
}

TEST_CASE("a batch calls on_dispatched for every index once, and equals its events one by one") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    for (const bool keeps_order : {true, false}) {
      for (const bool has_now : {true, false}) {
        CAPTURE(seed);
        CAPTURE(keeps_order);
        CAPTURE(has_now);
        Chance chance(seed);
        Rules rules = with_timeout(seconds(10));
        rules.max_users = 4;
        Store one(rules, options_of(keeps_order)), batch(rules, options_of(keeps_order)),
            silent(rules, options_of(keeps_order));
        Emitted of_one(one), of_batch(batch);
        Changes of_silent;  // without a watch of sessions
        const Subscription kept =
            silent.on_change([&](const UserPresenceChanged& change) { of_silent.push_back(change); });
        double second = 0;
        for (std::size_t round = 0; round < 6; ++round) {
          second += static_cast<double>(chance.below(40));
          std::vector<PresenceEvent> events;
          for (std::size_t i = chance.below(30); i > 0; --i) {
            if (chance.below(4) == 0) second += static_cast<double>(chance.below(3));
            PresenceEvent event = random_event(chance, second, 6, 2);
            if (chance.below(2) == 0) event.at = at(second);
            if (chance.below(10) == 0) event.user.clear();
            if (chance.below(10) == 0) event.at = at(second - 500);
            if (has_now && chance.below(5) == 0) event.at = at(second + static_cast<double>(chance.below(90)));
            events.push_back(event);
          }
          const Timestamp now = at(second);
          std::vector<Dispatched> expected;
          Tally tally;
          for (const PresenceEvent& event : events) {
            expected.push_back(has_now ? one.dispatch(event, now) : one.dispatch(event));
            tally.count(expected.back().verdict);
          }
          if (has_now && events.empty()) one.advance(now);
          std::vector<std::size_t> indexes;
          const auto on_dispatched = [&](std::size_t index, const Dispatched& done) {
            indexes.push_back(index);
            REQUIRE(index < expected.size());
            CHECK(done.verdict == expected[index].verdict);
            CHECK(done.at == expected[index].at);
            CHECK(done.status_at == expected[index].status_at);
          };
          if (has_now) {
            CHECK(batch.dispatch(events.begin(), events.end(), now, on_dispatched) == tally);
            CHECK(silent.dispatch(events.begin(), events.end(), now) == tally);
          } else {
            CHECK(batch.dispatch(events.begin(), events.end(), on_dispatched) == tally);
            CHECK(silent.dispatch(events.begin(), events.end()) == tally);
          }
          REQUIRE(indexes.size() == events.size());
          for (std::size_t i = 0; i < indexes.size(); ++i) CHECK(indexes[i] == i);
          CHECK(batch.snapshot() == one.snapshot());
          CHECK(silent.snapshot() == one.snapshot());
          CHECK(batch.snapshot().now() == one.snapshot().now());
          CHECK(text(of_batch.changes) == text(of_one.changes));
          CHECK(text(of_silent) == text(of_one.changes));
          CHECK(lines_of(of_batch.ends) == lines_of(of_one.ends));
          CHECK(batch.stats().events == one.stats().events);
          CHECK(silent.stats().events == one.stats().events);
        }
      }
    }
  }
}

TEST_CASE("the tally counts each event by its verdict, and stats add them up") {
  Store store(for_one_user(seconds(10)));
  const std::vector<PresenceEvent> events = {connect("john", "phone", at(0)),    connect("john", "phone", at(0)),
                                             connect("john", "phone", at(-500)), connect("john", "phone", at(500)),
                                             connect("", "phone", at(0)),        connect("mary", "phone", at(0))};
  const Tally tally = store.dispatch(events.begin(), events.end(), at(0));
  Tally expected;
  expected.applied = expected.unchanged = expected.too_late = expected.too_early = expected.invalid =
      expected.over_limit = 1;
  CHECK(tally == expected);
  CHECK(store.stats().events == expected);
  // Without a `now`, the fourth is applied and moves the time, so what was late before is later now.
  const Tally second = store.dispatch(events.begin(), events.end());
  Tally own;
  own.unchanged = 2;
  own.too_late = 2;
  own.applied = 1;
  own.invalid = 1;
  CHECK(second == own);
  expected += own;
  CHECK(store.stats().events == expected);
  store.advance(at(1000));
  CHECK(store.stats().events == expected);
}

TEST_CASE("next_deadline is what others see, next_wakeup also ends of hidden and of second sessions") {
  Store store(with_timeout(seconds(10)));
  CHECK_FALSE(store.next_wakeup());
  store.advance(at(0));
  CHECK_FALSE(store.next_wakeup());
  store.dispatch(invisibly("ghost", "phone", at(1)));
  CHECK_FALSE(store.next_deadline());
  CHECK(store.next_wakeup() == at(11));
  store.dispatch(connect("john", "phone", at(2)));
  store.dispatch(connect("john", "laptop", at(4)));
  CHECK(store.next_deadline() == at(14));
  CHECK(store.next_wakeup() == at(11));
  CHECK(store.advance(at(11)) == Verdict::applied);
  CHECK(store.next_wakeup() == at(12));  // the phone, which others cannot see
  store.dispatch(heartbeat("john", "phone", at(11)));
  CHECK(store.next_wakeup() == at(14));
  store.dispatch(disconnect("john", "laptop", at(11)));
  CHECK(store.next_wakeup() == at(21));
  CHECK(store.next_deadline() == at(21));
  store.dispatch(disconnect("john", "phone", at(11)));
  CHECK_FALSE(store.next_wakeup());
  CHECK_FALSE(store.next_deadline());
}

TEST_CASE("next_wakeup includes the end of the grace, forgetting, and coalesced changes") {
  Rules rules = with_timeout(seconds(10));
  rules.offline_grace = seconds(5);
  rules.forget_after = seconds(100);
  rules.last_active_refresh = seconds(0);
  Store store(rules);
  DeliveryOptions joined;
  joined.coalesce = seconds(2);
  Changes received;
  const Ids watched = {"john"};
  store.watch_users(Viewer("ann"), watched);
  const Subscription subscription = store.subscribe<UserPresenceChanged>(
      Viewer("ann"), [&](const UserPresenceChanged& change) { received.push_back(change); }, joined);
  store.dispatch(connect("john", "phone", at(0)));
  CHECK(store.next_deadline() == at(15));
  CHECK(store.next_wakeup() == at(2));
  store.advance(at(2));
  CHECK(received.size() == 1);
  CHECK(store.next_wakeup() == at(10));  // the session ends
  store.advance(at(10));
  CHECK(store.online("john"));
  CHECK(store.next_wakeup() == at(15));  // the grace ends
  store.advance(at(15));
  CHECK_FALSE(store.online("john"));
  CHECK(store.next_wakeup() == at(17));
  store.advance(at(17));
  CHECK(received.size() == 2);
  CHECK(store.next_wakeup() == at(100));
  CHECK(store.next_deadline() == at(100));
  store.advance(at(100));
  CHECK_FALSE(store.find("john"));
  CHECK(store.next_wakeup() == at(102));
  store.advance(at(102));
  CHECK(received.size() == 3);
  CHECK_FALSE(store.next_wakeup());
}

TEST_CASE("a host that sleeps until next_wakeup sees every change and end at exactly its time") {
  std::size_t seen = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    Rules rules = with_timeout(seconds(7.3));
    rules.offline_grace = seconds(chance.below(2) == 0 ? 0 : 2.1);
    rules.max_sessions_per_user = chance.below(2) == 0 ? 64 : 2;
    if (chance.below(3) == 0) rules.forget_after = seconds(30);
    Store sleeping(rules), ticking(rules);
    Emitted of_sleeping(sleeping), of_ticking(ticking);
    DeliveryOptions joined;
    joined.coalesce = seconds(1.7);
    Changes joined_of_sleeping, joined_of_ticking;
    const Ids all = {user_id(0), user_id(1), user_id(2), user_id(3)};
    std::vector<Subscription> subscriptions;
    for (Store* const store : {&sleeping, &ticking}) {
      Changes& changes = store == &sleeping ? joined_of_sleeping : joined_of_ticking;
      store->watch_users(Viewer("ann"), all);
      subscriptions.push_back(store->subscribe<UserPresenceChanged>(
          Viewer("ann"), [&changes](const UserPresenceChanged& change) { changes.push_back(change); }, joined));
    }
    double second = 0, ticked = 0;
    const auto sleep_until = [&](Timestamp next) {
      while (const std::optional<Timestamp> wakeup = sleeping.next_wakeup()) {
        if (*wakeup >= next) break;
        REQUIRE((!sleeping.snapshot().now() || *wakeup > now_of(sleeping)));
        const std::size_t changes = of_sleeping.changes.size(), ends = of_sleeping.ends.size();
        sleeping.advance(*wakeup);
        for (std::size_t i = changes; i < of_sleeping.changes.size(); ++i) CHECK(of_sleeping.changes[i].at == *wakeup);
        for (std::size_t i = ends; i < of_sleeping.ends.size(); ++i) CHECK(of_sleeping.ends[i].at == *wakeup);
      }
    };
    for (std::size_t step = 0; step < 150; ++step) {
      // Every event at its own millisecond, so that no deadline is at the timestamp of an event.
      second = static_cast<double>(static_cast<std::int64_t>(second) + static_cast<std::int64_t>(chance.below(5))) +
               0.001 * static_cast<double>(step + 1);
      PresenceEvent event = random_event(chance, second, 4, 3);
      event.at = at(second);
      sleep_until(event.at);
      for (; ticked < second; ticked += 0.1) ticking.advance(at(ticked));
      if (chance.below(12) == 0) {
        Snapshot other(rules);
        other = reduce(std::move(other), event);
        sleeping.advance(event.at);
        ticking.advance(event.at);
        CHECK_FALSE(sleeping.merge(other, event.at));
        CHECK_FALSE(ticking.merge(other, event.at));
      } else {
        CHECK(sleeping.dispatch(event) == ticking.dispatch(event));
      }
      CHECK(sleeping.snapshot() == ticking.snapshot());
    }
    sleep_until(at(second + 100));
    CHECK_FALSE(sleeping.next_wakeup());
    ticking.advance(at(second + 100));
    CHECK(text(of_sleeping.changes) == text(of_ticking.changes));
    CHECK(lines_of(of_sleeping.ends) == lines_of(of_ticking.ends));
    CHECK(text(joined_of_sleeping) == text(joined_of_ticking));
    seen += of_sleeping.ends.size() + joined_of_sleeping.size();
  }
  CHECK(seen > 1000);
}

TEST_CASE("when the host's clock jumps back, events are applied at the time of the store") {
  Rules rules;
  rules.session_timeout = seconds(300);
  rules.reorder_window = seconds(120);
  Store store(rules);
  Emitted emitted(store);
  store.dispatch(connect("john", "phone", at(1000)));
  emitted.take();
  // Within the reorder window it is accepted, beyond it is too late.
  CHECK(store.dispatch(connect("mary", "phone", at(880))) == Verdict::applied);
  CHECK(store.dispatch(connect("jack", "phone", at(880) - tick)) == Verdict::too_late);
  CHECK(store.dispatch(says("john", "hi", at(990))) == Verdict::applied);
  CHECK(now_of(store) == at(1000));
  CHECK(text(emitted.take()) ==
        text({changed(at(1000), std::nullopt, seen_online("mary", at(880))),
              changed(at(1000) + tick, seen_online("john", at(1000)), seen_online("john", at(1000), "hi"))}));
  // A disconnect from before the connect does not end the session.
  CHECK(store.dispatch(disconnect("john", "phone", at(995))) == Verdict::applied);
  CHECK(store.online("john"));
  CHECK(emitted.empty());
  CHECK(store.advance(at(995)) == Verdict::unchanged);
  CHECK(now_of(store) == at(1000));
  // The deadlines count from the events, not from the time of the store.
  CHECK(store.next_wakeup() == at(1180));
  // When the clock has caught up, time follows it again.
  CHECK(store.dispatch(heartbeat("john", "phone", at(1001))) == Verdict::applied);
  CHECK(now_of(store) == at(1001));
}

TEST_CASE("many changes of one user in one call at one timestamp have increasing dates") {
  for (const bool has_now : {false, true}) {
    for (const bool keeps_order : {true, false}) {
      CAPTURE(has_now);
      CAPTURE(keeps_order);
      Store store(Rules(), options_of(keeps_order));
      Emitted emitted(store);
      std::vector<PresenceEvent> events;
      for (int i = 0; i < 200; ++i) {
        for (const char* id : {"ann", "bob", "cyd"}) {
          events.push_back(i % 2 == 0 ? connect(id, "phone-" + std::to_string(i), at(0))
                                      : disconnect(id, "phone-" + std::to_string(i - 1), at(0)));
        }
      }
      if (has_now)
        store.dispatch(events.begin(), events.end(), at(0));
      else
        store.dispatch(events.begin(), events.end());
      std::map<std::string, Timestamp> last;
      for (const UserPresenceChanged& change : emitted.changes) {
        const auto known = last.find(change.id);
        if (known == last.end()) {
          CHECK(change.at == at(0));
        } else {
          CHECK(change.at > known->second);
        }
        last[change.id] = change.at;
      }
      CHECK(emitted.changes.size() == (keeps_order ? 600u : 3u));
    }
  }
}

TEST_CASE("no two changes of one user have the same date, however many users change in one call") {
  Store store;
  Emitted emitted(store);
  std::vector<PresenceEvent> events;
  for (std::size_t i = 0; i < 100; ++i) events.push_back(connect(user_id(i), "phone", at(0)));
  for (std::size_t i = 0; i < 100; ++i) events.push_back(says(user_id(i), "hi", at(0)));
  store.dispatch(events.begin(), events.end());
  CHECK(emitted.changes.size() == 200);
  std::set<std::pair<std::string, Timestamp>> dates;
  for (const UserPresenceChanged& change : emitted.changes) dates.emplace(change.id, change.at);
  CHECK(dates.size() == 200);
}

TEST_CASE("a change that another user's later change precedes is still dated after its user's previous one") {
  Store store;
  Emitted emitted(store);
  store.dispatch(connect("john", "phone", at(50)), at(0));
  store.dispatch(connect("mary", "phone", at(60)), at(0));
  store.dispatch(says("john", "hi", at(0)), at(0));
  store.dispatch(says("mary", "hi", at(0)), at(0));
  store.dispatch(says("john", "ho", at(50)), at(0));
  CHECK(text(emitted.take()) ==
        text({changed(at(50), std::nullopt, seen_online("john", at(50))),
              changed(at(60), std::nullopt, seen_online("mary", at(60))),
              changed(at(50) + tick, seen_online("john", at(50)), seen_online("john", at(50), "hi")),
              changed(at(60) + tick, seen_online("mary", at(60)), seen_online("mary", at(60), "hi")),
              changed(at(50) + tick + tick, seen_online("john", at(50), "hi"), seen_online("john", at(50), "ho"))}));
}

TEST_CASE("the change of a list or a merge is not dated before its cause or the time of the store") {
  Store store;
  store.advance(at(0));
  Emitted emitted(store);
  const std::vector<PresenceEvent> list = {report("john", true, at(30))};
  CHECK(store.resync(list.begin(), list.end(), at(30)).applied == 1);
  REQUIRE(emitted.changes.size() == 1);
  CHECK(emitted.take()[0].at == at(30));

  Store merging;
  merging.advance(at(0));
  Emitted merged(merging);
  CHECK_FALSE(merging.merge(folded({connect("mary", "phone", at(30))}), at(10)));
  REQUIRE(merged.changes.size() == 1);
  CHECK(merged.take()[0].at == at(30));
  CHECK_FALSE(merging.merge(folded({connect("jack", "phone", at(5))}), at(20)));
  REQUIRE(merged.changes.size() == 1);
  CHECK(merged.take()[0].at >= at(5));
}

TEST_CASE("changes are dated by the time of the store, their cause, or behind the user's previous change") {
  std::size_t behind = 0, seen = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    Rules rules = with_timeout(seconds(20));
    Store store(rules);
    Emitted emitted(store);
    std::map<std::string, Timestamp> last;  // of each user
    double second = 1000;
    for (std::size_t step = 0; step < 200; ++step) {
      if (chance.below(3) == 0) second += static_cast<double>(chance.below(15));
      const Timestamp now = at(second);
      store.advance(now);
      for (const UserPresenceChanged& change : emitted.take()) {
        CHECK(change.at <= std::max(now, last.count(change.id) != 0 ? last[change.id] + tick : now));
        if (last.count(change.id) != 0) CHECK(change.at > last[change.id]);
        last[change.id] = change.at;
      }
      PresenceEvent event = random_event(chance, second, 4, 2);
      event.at = now + seconds(static_cast<double>(chance.below(121)) - 60);
      if (chance.below(3) == 0) event.at = now;
      const Dispatched done =
          chance.below(2) == 0 || event.at > now ? store.dispatch(event, now) : store.dispatch(event);
      REQUIRE(accepted(done.verdict));
      const Changes changes = emitted.take();
      CHECK(changes.size() <= 1);
      for (const UserPresenceChanged& change : changes) {
        CHECK(change.id == event.user);
        Timestamp expected = std::max(now, event.status ? done.status_at : done.at);
        if (last.count(change.id) != 0 && last[change.id] >= expected) {
          expected = last[change.id] + tick;
          ++behind;
        }
        CHECK(change.at == expected);
        last[change.id] = change.at;
        ++seen;
      }
    }
  }
  CHECK(seen > 1500);
  CHECK(behind > 200);
}
