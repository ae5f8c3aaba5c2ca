// SPDX-License-Identifier: MIT
#include "../rooms.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

using namespace support;

namespace {

using Reason = SessionEndReason;
using Ends = std::vector<SessionEnded>;

std::string lines_of(const Ends& ends) {
  constexpr const char* reasons[] = {"disconnected", "timed_out", "evicted", "removed"};
  std::string lines;
  for (const SessionEnded& end : ends) {
    lines +=
        "\n    " + to_string(end.at) + " " + end.user + "/" + end.session + " " + reasons[static_cast<int>(end.reason)];
  }
  return lines;
}

/// The ends of sessions that a store delivers.
struct Ended {
  Ends all;
  Subscription subscription;
  explicit Ended(Store& store)
      : subscription(store.on_session_ended([this](const SessionEnded& end) { all.push_back(end); })) {}
  std::string take() { return lines_of(std::exchange(all, {})); }
};

WatchChannel lobby(bool presence = true, Ids members = {"mary"}) {
  WatchChannel asked;
  asked.type = "messaging";
  asked.id = "lobby";
  asked.members = std::move(members);
  asked.presence = presence;
  return asked;
}
const std::string cid = "messaging:lobby";
const Viewer tab{"john", "tab"}, phone{"john", "phone"};

/// Whether the session is live, for whoever sees it.
bool is_alive(const Snapshot& s, const std::string& user, const std::string& session) {
  const std::optional<PresenceState> state = s.inspect(user);
  if (!state) return false;
  for (const Session& known : state->sessions) {
    if (known.id == session) return known.alive;
  }
  return false;
}

/// Every live session, and when it times out.
using Lives = std::map<std::pair<std::string, std::string>, Timestamp>;
Lives lives_in(const Snapshot& s, std::size_t users, Duration timeout) {
  Lives lives;
  for (std::size_t i = 0; i < users; ++i) {
    const std::optional<PresenceState> state = s.inspect(user_id(i));
    if (!state) continue;
    for (const Session& session : state->sessions) {
      if (!session.alive) continue;
      lives[{user_id(i), session.id}] =
          timeout == Duration() ? Timestamp::highest() : session.last_evidence.value() + timeout;
    }
  }
  return lives;
}
/// Sorts by user and session, to compare what one call delivered.
Ends sorted(Ends ends) {
  std::sort(ends.begin(), ends.end(), [](const SessionEnded& a, const SessionEnded& b) {
    return std::tie(a.user, a.session, a.at) < std::tie(b.user, b.session, b.at);
  });
  return ends;
}

}  // namespace

TEST_CASE("on_session_ended is called once when a session disconnects, times out or is evicted") {
  Rules rules = with_timeout(seconds(10));
  rules.max_sessions_per_user = 2;
  Store store(rules);
  Ended ended(store);
  store.dispatch(connect("john", "a", at(0)));
  store.dispatch(connect("john", "b", at(1)));
  store.dispatch(connect("mary", "a", at(1)));
  CHECK(ended.all.empty());
  store.dispatch(connect("john", "c", at(2)));
  CHECK(ended.take() == lines_of({SessionEnded{"john", "a", at(2), Reason::evicted}}));
  store.dispatch(disconnect("john", "b", at(3)));
  CHECK(ended.take() == lines_of({SessionEnded{"john", "b", at(3), Reason::disconnected}}));
  store.advance(at(100));
  CHECK(ended.take() == lines_of({SessionEnded{"mary", "a", at(11), Reason::timed_out},
                                  SessionEnded{"john", "c", at(12), Reason::timed_out}}));
  store.dispatch(disconnect("john", "a", at(100)));
  store.dispatch(disconnect("john", "c", at(100)));
  store.dispatch(disconnect("nobody", "c", at(100)));
  store.advance(at(1000));
  CHECK(ended.all.empty());
}

TEST_CASE("a session that connects but is dropped at once has no life and no end") {
  Rules rules = with_timeout(seconds(100));
  rules.max_sessions_per_user = 1;
  Store store(rules);
  Ended ended(store);
  store.dispatch(connect("john", "new", at(50)));
  store.dispatch(connect("john", "old", at(40)), at(50));
  CHECK(is_alive(store.snapshot(), "john", "new"));
  CHECK_FALSE(is_alive(store.snapshot(), "john", "old"));
  store.dispatch(heartbeat("jack", "phone", at(50) - seconds(100)), at(50));
  CHECK(ended.all.empty());
  store.advance(at(1000));
  CHECK(ended.take() == lines_of({SessionEnded{"john", "new", at(150), Reason::timed_out}}));
}

TEST_CASE("a late disconnect ends the session when it is dated, and one from before the last heartbeat ends nothing") {
  Store store(with_timeout(seconds(40)));
  Ended ended(store);
  store.dispatch(connect("john", "phone", at(0)));
  store.dispatch(heartbeat("john", "phone", at(20)));
  store.dispatch(disconnect("john", "phone", at(15)));
  store.dispatch(disconnect("john", "phone", at(19)), at(21));
  CHECK(ended.all.empty());
  store.dispatch(disconnect("john", "phone", at(25)), at(30));
  CHECK(ended.take() == lines_of({SessionEnded{"john", "phone", at(25), Reason::disconnected}}));
  store.dispatch(disconnect("john", "phone", at(22)), at(31));
  store.dispatch(disconnect("john", "phone", at(32)));
  CHECK(ended.all.empty());
}

TEST_CASE("the sessions of invisible users end as well") {
  Rules rules = with_timeout(seconds(10));
  rules.max_sessions_per_user = 1;
  Store store(rules);
  Ended ended(store);
  Changes changes;
  const Subscription subscription =
      store.on_change([&](const UserPresenceChanged& change) { changes.push_back(change); });
  store.dispatch(invisibly("john", "a", at(0)));
  store.dispatch(connect("john", "b", at(1)));
  CHECK(ended.take() == lines_of({SessionEnded{"john", "a", at(1), Reason::evicted}}));
  store.dispatch(disconnect("john", "b", at(2)));
  CHECK(ended.take() == lines_of({SessionEnded{"john", "b", at(2), Reason::disconnected}}));
  store.dispatch(heartbeat("john", "b", at(3)));
  CHECK(store.next_wakeup() == at(13));
  store.advance(at(13));
  CHECK(ended.take() == lines_of({SessionEnded{"john", "b", at(13), Reason::timed_out}}));
  CHECK(changes.empty());
}

TEST_CASE("a heartbeat revives a session, and the new life ends with another call") {
  Store store(with_timeout(seconds(10)));
  Ended ended(store);
  store.dispatch(connect("john", "phone", at(0)));
  for (double second = 1; second < 5; second += 1) {
    store.dispatch(disconnect("john", "phone", at(second)));
    CHECK(ended.take() == lines_of({SessionEnded{"john", "phone", at(second), Reason::disconnected}}));
    store.dispatch(heartbeat("john", "phone", at(second + 0.5)));
    CHECK(ended.all.empty());
  }
  store.advance(at(14.5));
  CHECK(ended.take() == lines_of({SessionEnded{"john", "phone", at(14.5), Reason::timed_out}}));
  // A heartbeat that was under way for long.
  store.dispatch(heartbeat("john", "phone", at(7)), at(15));
  CHECK(ended.all.empty());
  CHECK(store.next_wakeup() == at(17));
  // One event of the own clock passes the timeout and revives the session.
  store.dispatch(heartbeat("john", "phone", at(20)));
  CHECK(ended.take() == lines_of({SessionEnded{"john", "phone", at(17), Reason::timed_out}}));
  CHECK(store.next_wakeup() == at(30));
  store.advance(at(30));
  CHECK(ended.take() == lines_of({SessionEnded{"john", "phone", at(30), Reason::timed_out}}));
}

TEST_CASE("in one frame, each end and each revival of a session counts") {
  Store store;
  Ended ended(store);
  std::vector<PresenceEvent> events;
  for (int i = 0; i < 5; ++i) {
    events.push_back(heartbeat("john", "phone", at(0)));
    events.push_back(disconnect("john", "phone", at(0)));
  }
  store.dispatch(events.begin(), events.end());
  REQUIRE(ended.all.size() == 5);
  for (std::size_t i = 1; i < 5; ++i) CHECK(ended.all[i].at > ended.all[i - 1].at);
}

TEST_CASE("a disconnect exactly at the deadline ends the session once, by the disconnect") {
  for (const bool is_invisible : {false, true}) {
    CAPTURE(is_invisible);
    Store store(with_timeout(seconds(10)));
    Ended ended(store);
    store.dispatch(invisibly("john", "phone", at(0), is_invisible));
    store.dispatch(disconnect("john", "phone", at(10)));
    CHECK(ended.take() == lines_of({SessionEnded{"john", "phone", at(10), Reason::disconnected}}));
    store.advance(at(100));
    CHECK(ended.all.empty());
  }
}

TEST_CASE("a session whose deadline is at the connect of another one ends once") {
  Rules rules = with_timeout(seconds(10));
  rules.max_sessions_per_user = 1;
  Store store(rules);
  Ended ended(store);
  store.dispatch(connect("john", "a", at(0)));
  store.dispatch(connect("john", "b", at(10)));
  REQUIRE(ended.all.size() == 1);
  CHECK(ended.all[0].session == "a");
  CHECK(ended.all[0].at == at(10));
  store.advance(at(100));
  REQUIRE(ended.all.size() == 2);
  CHECK(ended.all[1].session == "b");
  CHECK(ended.all[1].at == at(20));
}

TEST_CASE("a subscription made late receives the ends of sessions that already run, and no earlier ones") {
  for (const bool is_from_snapshot : {false, true}) {
    CAPTURE(is_from_snapshot);
    Store first(with_timeout(seconds(10)));
    first.dispatch(connect("john", "a", at(0)));
    first.dispatch(invisibly("ghost", "a", at(1)));
    first.dispatch(connect("mary", "a", at(2)));
    first.dispatch(disconnect("mary", "a", at(3)));
    Store second(first.snapshot());
    Store& store = is_from_snapshot ? second : first;
    {
      Ended ended(store);
      CHECK(ended.all.empty());
    }
    CHECK(store.next_wakeup() == at(10));
    Ended ended(store);
    store.dispatch(heartbeat("john", "a", at(5)));
    store.advance(at(50));
    CHECK(ended.take() == lines_of({SessionEnded{"ghost", "a", at(11), Reason::timed_out},
                                    SessionEnded{"john", "a", at(15), Reason::timed_out}}));
  }
}

TEST_CASE("a store made from a snapshot without a time delivers the ends of its sessions") {
  Store store(folded(with_timeout(seconds(10)), {connect("john", "a", at(0)), invisibly("ghost", "a", at(1))}));
  Ended ended(store);
  CHECK(store.next_wakeup() == at(10));
  store.dispatch(connect("mary", "a", at(30)));
  CHECK(ended.take() == lines_of({SessionEnded{"john", "a", at(10), Reason::timed_out},
                                  SessionEnded{"ghost", "a", at(11), Reason::timed_out}}));
}

TEST_CASE("without a session_timeout, sessions end by a disconnect or an eviction only") {
  Rules rules = with_timeout(seconds(0));
  rules.max_sessions_per_user = 1;
  Store store(rules);
  Ended ended(store);
  store.dispatch(connect("john", "a", at(0)));
  CHECK_FALSE(store.next_wakeup());
  store.dispatch(connect("mary", "a", at(1e8)));
  CHECK(ended.all.empty());
  store.dispatch(connect("john", "b", at(1e8)));
  CHECK(ended.take() == lines_of({SessionEnded{"john", "a", at(1e8), Reason::evicted}}));
  store.dispatch(disconnect("john", "b", at(1e8 + 1)));
  CHECK(ended.take() == lines_of({SessionEnded{"john", "b", at(1e8 + 1), Reason::disconnected}}));
  CHECK_FALSE(store.next_wakeup());
}

TEST_CASE("with a reorder_window of 0, each session still ends once with its reason") {
  Rules rules = with_timeout(seconds(10));
  rules.reorder_window = seconds(0);
  Store store(rules);
  Ended ended(store);
  store.dispatch(connect("john", "a", at(0)));
  store.dispatch(connect("john", "b", at(1)));
  store.dispatch(disconnect("john", "a", at(2)));
  CHECK(ended.take() == lines_of({SessionEnded{"john", "a", at(2), Reason::disconnected}}));
  CHECK(store.dispatch(disconnect("john", "b", at(1))) == Verdict::too_late);
  store.advance(at(100));
  CHECK(ended.take() == lines_of({SessionEnded{"john", "b", at(11), Reason::timed_out}}));
}

TEST_CASE("with an offline_grace, a session ends when it ends, not when its user goes offline") {
  Rules rules = with_timeout(seconds(10));
  rules.offline_grace = seconds(5);
  Store store(rules);
  Ended ended(store);
  store.dispatch(connect("john", "a", at(0)));
  store.dispatch(connect("john", "b", at(0)));
  store.dispatch(disconnect("john", "a", at(1)));
  CHECK(ended.take() == lines_of({SessionEnded{"john", "a", at(1), Reason::disconnected}}));
  CHECK(store.next_wakeup() == at(10));
  store.advance(at(10));
  CHECK(ended.take() == lines_of({SessionEnded{"john", "b", at(10), Reason::timed_out}}));
  CHECK(store.online("john"));
  store.advance(at(15));
  CHECK_FALSE(store.online("john"));
  CHECK(ended.all.empty());
}

TEST_CASE("a session ends once though its user is forgotten") {
  Rules rules = with_timeout(seconds(10));
  rules.forget_after = seconds(1);
  rules.last_active_refresh = seconds(0);
  for (const bool is_invisible : {false, true}) {
    CAPTURE(is_invisible);
    Store store(rules);
    Ended ended(store);
    store.dispatch(invisibly("john", "a", at(0), is_invisible));
    store.dispatch(invisibly("john", "b", at(1), is_invisible));
    store.dispatch(disconnect("john", "a", at(2)));
    CHECK(ended.take() == lines_of({SessionEnded{"john", "a", at(2), Reason::disconnected}}));
    store.advance(at(1000));
    CHECK(ended.take() == lines_of({SessionEnded{"john", "b", at(11), Reason::timed_out}}));
    CHECK_FALSE(store.snapshot().inspect("john"));
    store.dispatch(connect("john", "b", at(1000)));
    store.advance(at(2000));
    CHECK(ended.take() == lines_of({SessionEnded{"john", "b", at(1010), Reason::timed_out}}));
  }
}

TEST_CASE("a merge ends sessions by what the other node knows of them") {
  Rules rules = with_timeout(seconds(100));
  rules.max_sessions_per_user = 2;
  Store store(rules);
  Ended ended(store);
  for (const char* id : {"john", "mary", "jack"}) {
    store.dispatch(connect(id, "a", at(0)));
    store.dispatch(connect(id, "b", at(1)));
  }
  store.dispatch(invisibly("ghost", "a", at(1)));
  const Snapshot before = store.snapshot();
  Snapshot other = before;
  other = reduce(std::move(other), disconnect("john", "a", at(3)));
  other = reduce(std::move(other), disconnect("ghost", "a", at(4)));
  other = reduce(std::move(other), connect("mary", "c", at(5)));
  CHECK_FALSE(store.merge(other, at(10)));
  CHECK(lines_of(sorted(std::exchange(ended.all, {}))) ==
        lines_of({SessionEnded{"ghost", "a", at(4), Reason::disconnected},
                  SessionEnded{"john", "a", at(3), Reason::disconnected},
                  SessionEnded{"mary", "a", at(10), Reason::evicted}}));
  CHECK_FALSE(store.merge(other, at(11)));
  CHECK(ended.all.empty());
}

TEST_CASE("a merge brings sessions whose ends are delivered later") {
  Store store(with_timeout(seconds(10)));
  Ended ended(store);
  store.dispatch(connect("john", "a", at(0)));
  store.dispatch(disconnect("john", "a", at(1)));
  ended.all.clear();
  const Snapshot other =
      folded(with_timeout(seconds(10)),
             {heartbeat("john", "a", at(2)), connect("mary", "a", at(3)), invisibly("ghost", "a", at(4)),
              connect("gone", "a", at(3)), disconnect("gone", "a", at(4)), connect("longer", "a", at(-10))});
  CHECK_FALSE(store.merge(other, at(5)));
  CHECK(ended.all.empty());
  CHECK(store.next_wakeup() == at(12));
  store.advance(at(100));
  CHECK(ended.take() == lines_of({SessionEnded{"john", "a", at(12), Reason::timed_out},
                                  SessionEnded{"mary", "a", at(13), Reason::timed_out},
                                  SessionEnded{"ghost", "a", at(14), Reason::timed_out}}));
}

TEST_CASE("a merge that advances the time delivers the ends of the sessions that time out") {
  for (const bool has_content : {false, true}) {
    CAPTURE(has_content);
    Store store(with_timeout(seconds(10)));
    Ended ended(store);
    store.dispatch(connect("john", "a", at(0)));
    store.dispatch(invisibly("ghost", "a", at(1)));
    store.dispatch(connect("mary", "a", at(2)));
    Snapshot other(with_timeout(seconds(10)));
    if (has_content) {
      other = folded(with_timeout(seconds(10)), {heartbeat("mary", "a", at(9)), connect("jack", "a", at(9))});
    }
    CHECK_FALSE(store.merge(other, at(15)));
    Ends expected = {SessionEnded{"john", "a", at(10), Reason::timed_out},
                     SessionEnded{"ghost", "a", at(11), Reason::timed_out}};
    if (!has_content) expected.push_back(SessionEnded{"mary", "a", at(12), Reason::timed_out});
    CHECK(ended.take() == lines_of(expected));
    store.advance(at(100));
    CHECK(ended.all.size() == (has_content ? 2u : 0u));
  }
}

TEST_CASE("a merged session that the merge also keeps alive does not end") {
  Store store(with_timeout(seconds(10)));
  Ended ended(store);
  store.dispatch(connect("john", "a", at(0)));
  CHECK_FALSE(store.merge(folded(with_timeout(seconds(10)), {heartbeat("john", "a", at(9))}), at(15)));
  CHECK(ended.all.empty());
  CHECK(store.next_wakeup() == at(19));
  store.advance(at(19));
  CHECK(ended.take() == lines_of({SessionEnded{"john", "a", at(19), Reason::timed_out}}));
}

TEST_CASE("a rejected merge ends no session") {
  Store store(with_timeout(seconds(10)));
  Ended ended(store);
  store.dispatch(connect("john", "a", at(0)));
  CHECK(store.merge(folded({connect("mary", "a", at(5000))}), at(20)).has_value());
  CHECK(ended.all.empty());
  CHECK(store.next_wakeup() == at(10));
  store.advance(at(20));
  CHECK(ended.take() == lines_of({SessionEnded{"john", "a", at(10), Reason::timed_out}}));
}

TEST_CASE("in random histories on_session_ended is called exactly when a session stops being alive") {
  std::size_t seen = 0;
  std::map<Reason, std::size_t> reasons;
  for (std::uint64_t seed = 1; seed <= 80; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    constexpr std::size_t users = 4;
    Rules rules = with_timeout(seconds(chance.below(6) == 0 ? 0 : 8));
    rules.offline_grace = seconds(chance.below(3) == 0 ? 4 : 0);
    if (chance.below(2) == 0) rules.max_sessions_per_user = 2;
    if (chance.below(4) == 0) rules.reorder_window = seconds(0);
    if (chance.below(4) == 0) rules.forget_after = seconds(20);
    if (chance.below(3) == 0) rules.max_users = 3;
    StoreOptions options;
    options.keep_order_of_frame = chance.below(3) != 0;
    Store store(rules, options);
    Ended ended(store);
    double second = 0;
    for (std::size_t step = 0; step < 250; ++step) {
      CAPTURE(step);
      if (chance.below(3) != 0) second += static_cast<double>(chance.below(chance.below(6) == 0 ? 20 : 4));
      PresenceEvent event = random_event(chance, second, users, 3);
      event.at = at(second);
      const std::size_t kind = chance.below(4);
      if (kind == 2) event.at = event.at + seconds(static_cast<double>(chance.below(20)) - 15);

      // Until just before the event, or until the time of the host, only time passes.
      Ends expected;
      Snapshot shadow = store.snapshot();
      Lives lives = lives_in(shadow, users, rules.session_timeout);
      const auto pass_until = [&](Timestamp to) {
        if (shadow.now() && to <= *shadow.now()) return;
        shadow = reduce(std::move(shadow), to);
        const Lives after = lives_in(shadow, users, rules.session_timeout);
        for (const auto& [name, until] : lives) {
          if (after.count(name) == 0)
            expected.push_back(SessionEnded{name.first, name.second, until, Reason::timed_out});
        }
        lives = after;
      };
      Dispatched done;
      if (kind == 0) {
        pass_until(at(second));
        store.advance(at(second));
      } else if (kind == 1) {
        const Snapshot before = store.snapshot();
        done = store.dispatch(event);
        if (accepted(done.verdict)) {
          pass_until(event.at - tick);
        } else {
          CHECK(store.snapshot() == before);
        }
      } else {
        pass_until(at(second));
        done = store.dispatch(event, at(second));
      }
      // What ended since then ended by the event, or at its timestamp.
      const Lives after = lives_in(store.snapshot(), users, rules.session_timeout);
      for (const auto& [name, until] : lives) {
        if (after.count(name) != 0) continue;
        SessionEnded end{name.first, name.second, done.at, Reason::evicted};
        if (event.type == EventType::disconnect && name.first == event.user && name.second == event.session) {
          end.reason = Reason::disconnected;
        } else if (until <= store.snapshot().now()) {
          end.at = until;
          end.reason = Reason::timed_out;
        }
        expected.push_back(end);
      }
      CHECK(lines_of(sorted(ended.all)) == lines_of(sorted(expected)));
      for (const SessionEnded& end : ended.all) ++reasons[end.reason];
      seen += ended.all.size();
      ended.all.clear();

      // The next end is at the next wakeup, or later.
      const std::optional<Timestamp> wakeup = store.next_wakeup();
      for (const auto& [name, until] : after) {
        if (until != Timestamp::highest()) CHECK((wakeup && *wakeup <= until));
      }
    }
  }
  CHECK(seen > 3000);
  for (const Reason reason : {Reason::disconnected, Reason::timed_out, Reason::evicted}) CHECK(reasons[reason] > 100);
}

TEST_CASE("when a session ends its watches end, and those of other sessions and of the user stay") {
  for (const std::size_t how : {0u, 1u, 2u, 3u}) {
    CAPTURE(how);
    Rules rules = with_timeout(seconds(10));
    rules.max_sessions_per_user = 2;
    Store store(rules);
    store.dispatch(connect("mary", "a", at(0)));
    store.dispatch(connect("john", "tab", at(0)));
    store.dispatch(connect("john", "phone", at(1)));
    const Ids watched = {"mary", "jack"};
    UserQuery found;
    found.presence = true;
    ChannelQuery rooms;
    rooms.presence = true;
    for (const Viewer viewer : {tab, phone, Viewer("john")}) {
      REQUIRE(store.watch(lobby(), viewer).has_value());
      store.watch_users(viewer, watched);
      CHECK(store.query_users(found, viewer).size() == 2);
      CHECK(store.query_channels(rooms, viewer).size() == 1);
    }
    CHECK(store.watches().viewer_count() == 3);
    switch (how) {
      case 0: store.dispatch(disconnect("john", "tab", at(5))); break;
      case 1: store.advance(at(10)); break;
      case 2: store.dispatch(connect("john", "laptop", at(5))); break;
      default: CHECK_FALSE(store.merge(reduce(store.snapshot(), disconnect("john", "tab", at(5))), at(6))); break;
    }
    CHECK_FALSE(store.watches().is_watching(tab, "mary"));
    CHECK_FALSE(store.watches().is_watching(tab, "jack"));
    CHECK(store.watches().is_watching(phone, "jack"));
    CHECK(store.watches().is_watching(Viewer("john"), "jack"));
    CHECK(store.watches().viewer_count() == 2);
    CHECK(store.watcher_count(cid) == 1);
  }
}

TEST_CASE("two tabs of a user receive what each of them watches") {
  Store store;
  store.dispatch(connect("john", "tab", at(0)));
  store.dispatch(connect("john", "phone", at(0)));
  const Ids mary = {"mary"}, jack = {"jack"};
  store.watch_users(tab, mary);
  store.watch_users(phone, jack);
  std::string received;
  std::vector<Subscription> subscriptions;
  for (const Viewer viewer : {tab, phone, Viewer("john")}) {
    subscriptions.push_back(store.subscribe<UserPresenceChanged>(
        viewer, [&received, name = std::string(viewer.session())](const UserPresenceChanged& change) {
          received += name + ":" + change.id + " ";
        }));
  }
  store.dispatch(connect("mary", "a", at(1)));
  store.dispatch(connect("jack", "a", at(1)));
  CHECK(std::exchange(received, {}) == "tab:mary phone:jack ");
  store.dispatch(disconnect("john", "tab", at(2)));
  store.dispatch(says("mary", "hi", at(3)));
  store.dispatch(says("jack", "hi", at(3)));
  CHECK(std::exchange(received, {}) == "phone:jack ");
  // The subscription remains, and receives again when the session watches again.
  store.dispatch(connect("john", "tab", at(4)));
  store.dispatch(says("mary", "ho", at(5)));
  CHECK(received.empty());
  store.watch_users(tab, mary);
  store.dispatch(says("mary", "hey", at(6)));
  CHECK(received == "tab:mary ");
}

TEST_CASE("a change at the timestamp at which the watching session ends is delivered before or with the end, once") {
  Store store(with_timeout(seconds(10)));
  store.dispatch(connect("mary", "a", at(0)));
  store.dispatch(connect("john", "tab", at(5)));
  const Ids mary = {"mary"};
  store.watch_users(tab, mary);
  std::string received;
  const Subscription changes = store.subscribe<UserPresenceChanged>(
      tab, [&](const UserPresenceChanged& change) { received += change.id + " "; });
  const Subscription ends = store.on_session_ended([&](const SessionEnded& end) { received += end.user + "! "; });
  store.advance(at(100));
  CHECK(received == "mary! mary john! ");
}

TEST_CASE("a revived session gets no watches back") {
  for (const bool has_heartbeat : {true, false}) {
    CAPTURE(has_heartbeat);
    Store store;
    store.dispatch(connect("john", "tab", at(0)));
    store.dispatch(connect("john", "phone", at(0)));
    REQUIRE(store.watch(lobby(), tab).has_value());
    store.dispatch(disconnect("john", "tab", at(1)));
    store.dispatch(has_heartbeat ? heartbeat("john", "tab", at(2)) : connect("john", "tab", at(2)));
    CHECK(is_alive(store.snapshot(), "john", "tab"));
    CHECK(store.watches().viewer_count() == 0);
    CHECK(store.watcher_count(cid) == 0);
    REQUIRE(store.watch(lobby(), tab).has_value());
    CHECK(store.watches().is_watching(tab, "mary"));
    CHECK(store.watcher_count(cid) == 1);
  }
}

TEST_CASE("a heartbeat that passes the timeout of its session in one call gets no watches back either") {
  Store store(with_timeout(seconds(10)));
  store.dispatch(connect("john", "tab", at(0)));
  REQUIRE(store.watch(lobby(), tab).has_value());
  store.dispatch(heartbeat("john", "tab", at(10)));  // keeps the session
  CHECK(store.watches().is_watching(tab, "mary"));
  CHECK(store.watcher_count(cid) == 1);
  store.dispatch(heartbeat("john", "tab", at(20) + tick));
  CHECK(is_alive(store.snapshot(), "john", "tab"));
  CHECK_FALSE(store.watches().is_watching(tab, "mary"));
  CHECK(store.watcher_count(cid) == 0);
}

TEST_CASE("a watch of the new life survives when it is made before the end of the former one is delivered") {
  // How the session watches again.
  const std::vector<std::function<void(Store&)>> ways = {
      [](Store& store) { REQUIRE(store.watch(lobby(), tab).has_value()); },
      [](Store& store) { store.watch_users(tab, Ids{"mary"}); }, [](Store& store) { watch_user(store, tab, "mary"); },
      [](Store& store) {
        ChannelQuery asked;
        asked.presence = true;
        CHECK(store.query_channels(asked, tab).size() == 1);
      }};
  for (std::size_t i = 0; i < ways.size(); ++i) {
    CAPTURE(i);
    Store store;
    REQUIRE_FALSE(store.put(room("lobby", {"mary"})));
    store.dispatch(connect("mary", "a", at(0)));
    store.dispatch(connect("john", "tab", at(0)));
    store.watch_users(tab, Ids{"mary", "former"});
    std::size_t calls = 0;
    const Subscription reconnect = store.on_change([&](const UserPresenceChanged& change) {
      if (change.id != "trigger") return;
      store.dispatch(disconnect("john", "tab", at(2)));
      CHECK_FALSE(store.watch(lobby(), tab).has_value());
      store.dispatch(connect("john", "tab", at(3)));
      ways[i](store);
      CHECK(calls == 0);  // the end has not been delivered
    });
    Ended ended(store);
    const Subscription count = store.on_session_ended([&](const SessionEnded&) { ++calls; });
    store.dispatch(connect("trigger", "a", at(1)));
    CHECK(ended.take() == lines_of({SessionEnded{"john", "tab", at(2), Reason::disconnected}}));
    CHECK(calls == 1);
    CHECK(store.watches().is_watching(tab, "mary"));
    CHECK_FALSE(store.watches().is_watching(tab, "former"));
    std::string received;
    const Subscription changes = store.subscribe<UserPresenceChanged>(
        tab, [&](const UserPresenceChanged& change) { received += change.after->status; });
    store.dispatch(says("mary", "hi", at(4)));
    CHECK(received == "hi");
    store.dispatch(disconnect("john", "tab", at(5)));
    CHECK_FALSE(store.watches().is_watching(tab, "mary"));
  }
}

TEST_CASE("a session that reconnects in a callback and does not watch again has no watches") {
  Store store;
  store.dispatch(connect("john", "tab", at(0)));
  store.watch_users(tab, Ids{"mary"});
  const Subscription reconnect = store.on_change([&](const UserPresenceChanged& change) {
    if (change.id != "trigger") return;
    store.dispatch(disconnect("john", "tab", at(2)));
    store.dispatch(connect("john", "tab", at(3)));
  });
  store.dispatch(connect("trigger", "a", at(1)));
  CHECK(store.watches().viewer_count() == 0);
}

TEST_CASE("the watches of a new life last until its own end, even if the former end is delivered later") {
  Store store;
  store.dispatch(connect("john", "tab", at(0)));
  store.watch_users(tab, Ids{"mary"});
  std::string received;
  const Subscription changes = store.subscribe<UserPresenceChanged>(
      tab, [&](const UserPresenceChanged& change) { received += change.id + " "; });
  const Subscription ends = store.on_session_ended([&](const SessionEnded& end) { received += end.session + "! "; });
  const Subscription reconnect = store.on_change([&](const UserPresenceChanged& change) {
    if (change.id != "trigger") return;
    store.dispatch(disconnect("john", "tab", at(2)));
    store.dispatch(connect("john", "tab", at(3)));
    store.watch_users(tab, Ids{"jack"});
    store.dispatch(connect("jack", "a", at(4)));
    store.dispatch(disconnect("john", "tab", at(5)));
  });
  store.dispatch(connect("trigger", "a", at(1)));
  CHECK(received == "tab! jack tab! ");
  CHECK(store.watches().viewer_count() == 0);
}

TEST_CASE("a session that has ended cannot watch") {
  const auto cannot = [](Store& store) {
    const Watches before = store.watches();
    const Result<Channel> refused = store.watch(lobby(), tab);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == ErrorCode::not_live);
    CHECK(store.find_channel(cid) == nullptr);
    store.watch_users(tab, Ids{"mary"});
    watch_user(store, tab, "mary");
    ChannelQuery asked;
    asked.presence = true;
    store.query_channels(asked, tab);
    CHECK(store.watches() == before);
    CHECK(store.watcher_count(cid) == 0);
    // A watch by the user, or by a session of the same name of another user, is none of this session.
    CHECK(store.watch(lobby(), Viewer("jack", "tab")).has_value());
    CHECK(store.watch(lobby(), Viewer("john")).has_value());
    store.dispatch(connect("john", "tab", store.snapshot().now().value()));
    CHECK(store.watch(lobby(), tab).has_value());
  };
  Rules rules = with_timeout(seconds(10));
  rules.max_sessions_per_user = 1;
  {
    Store store(rules);
    store.dispatch(connect("mary", "a", at(0)));
    store.dispatch(connect("john", "tab", at(0)));
    store.dispatch(disconnect("john", "tab", at(1)));
    cannot(store);
  }
  {
    Store store(rules);
    store.dispatch(invisibly("john", "tab", at(0)));
    store.advance(at(10));
    cannot(store);
  }
  {
    rules.reorder_window = seconds(0);
    Store store(rules);
    store.dispatch(connect("john", "tab", at(0)));
    store.dispatch(disconnect("john", "tab", at(1)));
    cannot(store);
  }
}

TEST_CASE("others receive WatchingStopped when the last session of a user that watches a channel ends") {
  for (const bool by_timeout : {false, true}) {
    CAPTURE(by_timeout);
    Rules rules = with_timeout(seconds(10));
    rules.offline_grace = seconds(by_timeout ? 30 : 0);
    Store store(rules);
    store.dispatch(connect("john", "tab", at(0)));
    store.dispatch(connect("john", "phone", at(5)));
    store.dispatch(connect("ann", "a", at(5)));
    REQUIRE(store.watch(lobby(false), Viewer("ann")).has_value());
    REQUIRE(store.watch(lobby(false), tab).has_value());
    REQUIRE(store.watch(lobby(false), phone).has_value());
    CHECK(store.watcher_count(cid) == 2);
    std::vector<WatchingStopped> stopped;
    std::vector<WatchingStarted> started;
    const Subscription stops = store.subscribe<WatchingStopped>(
        Viewer("ann"), [&](const WatchingStopped& notice) { stopped.push_back(notice); });
    const Subscription starts = store.subscribe<WatchingStarted>(
        Viewer("ann"), [&](const WatchingStarted& notice) { started.push_back(notice); });
    store.dispatch(heartbeat("ann", "a", at(9)));
    if (by_timeout)
      store.advance(at(10));
    else
      store.dispatch(disconnect("john", "tab", at(10)));
    CHECK(stopped.empty());
    CHECK(store.watcher_count(cid) == 2);
    if (by_timeout)
      store.advance(at(16));
    else
      store.dispatch(disconnect("john", "phone", at(11)));
    REQUIRE(stopped.size() == 1);
    CHECK(stopped[0].user == "john");
    CHECK(stopped[0].cid == cid);
    CHECK(stopped[0].watcher_count == 1);
    CHECK(stopped[0].at == at(by_timeout ? 15 : 11));
    CHECK(store.watcher_count(cid) == 1);
    CHECK(store.online("john") == by_timeout);  // within the grace
    // A revival is not a watch.
    store.dispatch(connect("john", "tab", at(17)));
    CHECK(started.empty());
    REQUIRE(store.watch(lobby(false), tab).has_value());
    REQUIRE(started.size() == 1);
    CHECK(started[0].watcher_count == 2);
    CHECK(stopped.size() == 1);
  }
}

TEST_CASE("no WatchingStopped shows the end of an invisible session, and one shows that a user became invisible") {
  Store store(with_timeout(seconds(10)));
  store.dispatch(invisibly("ghost", "tab", at(0)));
  store.dispatch(connect("john", "tab", at(0)));
  REQUIRE(store.watch(lobby(false), Viewer("ann")).has_value());
  REQUIRE(store.watch(lobby(false), Viewer("ghost", "tab")).has_value());
  REQUIRE(store.watch(lobby(false), tab).has_value());
  std::string stopped;
  const Subscription stops = store.subscribe<WatchingStopped>(Viewer("ann"), [&](const WatchingStopped& notice) {
    stopped += notice.user + std::to_string(notice.watcher_count) + " ";
  });
  store.dispatch(invisibly("john", "tab", at(1)));
  CHECK(stopped == "john0 ");
  CHECK(store.watchers(cid, self("john")).size() == 1);
  Ended ended(store);
  store.advance(at(100));
  CHECK(ended.all.size() == 2);
  CHECK(stopped == "john0 ");
  CHECK(store.watchers(cid, self("john")).empty());
}
