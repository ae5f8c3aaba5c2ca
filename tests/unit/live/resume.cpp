// SPDX-License-Identifier: MIT

// Store::resume: after a restart nobody flashes offline, no session ends, and next_wakeup knows the holds.

#include "../rich.hpp"
#include "../rooms.hpp"

#include <optional>
#include <string>
#include <vector>

using namespace support;

namespace {

const Viewer ann{"ann", "tab"};

/// A store that was encoded at `stop`, and decoded again.
Snapshot stored(const Rules& rules, const std::vector<PresenceEvent>& events, Timestamp stop) {
  Store store(rules);
  store.advance(at(0));
  for (const PresenceEvent& event : events) store.dispatch(event, at(0));
  store.advance(stop);
  return *decode(encode(store.snapshot()), rules);
}

/// What a store delivers, one line each.
struct Log {
  std::string lines;
  std::vector<Subscription> kept;

  explicit Log(Store& store) {
    kept.push_back(store.on_change([this](const UserPresenceChanged& change) {
      lines += second(change.at) + change.id + " " + name(change.before) + ">" + name(change.after) + "; ";
    }));
    kept.push_back(store.on_session_ended([this](const SessionEnded& end) {
      lines += second(end.at) + end.user + "/" + end.session + " " + std::string(to_string(end.reason)) + "; ";
    }));
  }
  static std::string second(Timestamp when) { return std::to_string((when - at(0)).ns() / 1000000000) + " "; }
  static std::string name(const std::optional<User>& user) {
    return user ? std::string(to_string(user->availability)) : "none";
  }
  std::string take() { return std::exchange(lines, {}); }
};

Rules plain() {
  Rules rules = with_timeout(seconds(40));
  rules.last_active_refresh = seconds(1e6);  // so that no heartbeat moves last_active
  return rules;
}

}  // namespace

TEST_CASE("after a restart nobody goes offline, and no session ends, before now and patience") {
  Store store(stored(
      plain(), {connect("john", "phone", at(0)), connect("mary", "tv", at(0)), connect("mary", "pc", at(0))}, at(10)));
  Log log(store);
  CHECK(store.resume(at(1000), seconds(60)) == Verdict::applied);
  CHECK(log.take().empty());
  CHECK(store.next_wakeup() == at(1060));
  CHECK(store.next_deadline() == at(1060));
  store.dispatch(heartbeat("mary", "pc", at(1030)));
  CHECK(store.next_wakeup() == at(1060));
  store.advance(at(1060) - tick);
  CHECK(log.take().empty());
  store.advance(at(2000));
  CHECK(log.take() ==
        "1060 john/phone timed_out; 1060 mary/tv timed_out; 1060 john available>offline; 1070 mary/pc timed_out; "
        "1070 mary available>offline; ");
  CHECK_FALSE(store.next_wakeup());
}

TEST_CASE("the same, if the sessions were not tracked before") {
  Store store(stored(plain(), {connect("john", "phone", at(0))}, at(10)));
  CHECK(store.resume(at(1000), seconds(60)) == Verdict::applied);
  Log log(store);
  CHECK(store.next_wakeup() == at(1060));
  store.advance(at(1100));
  CHECK(log.take() == "1060 john/phone timed_out; 1060 john available>offline; ");
}

TEST_CASE("nobody becomes idle before now and patience") {
  Rules rules = plain();
  rules.idle_after = seconds(30);
  Store store(stored(rules, {connect("john", "phone", at(0)), connect("mary", "tv", at(0))}, at(29)));
  Log log(store);
  store.resume(at(1000), seconds(60));
  CHECK(log.take().empty());
  CHECK(store.next_wakeup() == at(1060));
  store.dispatch(heartbeat("john", "phone", at(1059)));
  CHECK(store.next_wakeup() == at(1060));
  store.advance(at(1090));
  CHECK(log.take() == "1060 mary/tv timed_out; 1060 mary available>offline; 1089 john available>idle; ");
}

TEST_CASE("a disconnect during a hold ends the session once") {
  Store store(stored(plain(), {connect("john", "phone", at(0)), connect("mary", "tv", at(0))}, at(10)));
  Log log(store);
  store.resume(at(1000), seconds(60));
  store.dispatch(disconnect("john", "phone", at(1005)));
  CHECK(log.take() == "1005 john/phone disconnected; 1005 john available>offline; ");
  store.dispatch(disconnect("mary", "tv", at(990)), at(1010));  // late
  CHECK(log.take() == "990 mary/tv disconnected; 1010 mary available>offline; ");
  store.advance(at(2000));
  CHECK(log.take().empty());
  CHECK_FALSE(store.next_wakeup());
}

TEST_CASE("what passed while the host was away is delivered in order, with its own timestamps") {
  Rules rules = plain();
  rules.offline_grace = seconds(10);
  Store store(stored(rules,
                     {connect("john", "phone", at(0)), disconnect("john", "phone", at(5)), connect("kim", "pc", at(0)),
                      until(saying(connect("mary", "tv", at(0)), "brb"), at(20))},
                     at(6)));
  store.watch_users(ann, Ids{"john", "mary", "kim"});
  Log log(store);
  Changes received;
  const Subscription subscription =
      store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged& change) { received.push_back(change); });
  store.resume(at(1000), seconds(60));
  CHECK(log.take() == "15 john available>offline; 20 mary available>available; ");
  CHECK(received.size() == 2);
}

TEST_CASE("reports with a timeout are held") {
  Rules rules = plain();
  rules.report_timeout = seconds(30);
  Store store(stored(rules, {report("john", true, at(0))}, at(10)));
  Log log(store);
  store.resume(at(1000), seconds(60));
  CHECK(log.take().empty());
  CHECK(store.next_wakeup() == at(1060));
  store.dispatch(report("john", true, at(1050)));
  CHECK(store.next_wakeup() == at(1080));
  store.advance(at(1100));
  CHECK(log.take() == "1080 john available>offline; ");
}

TEST_CASE("watches and channels of sessions that are held work as before") {
  Store store(stored(plain(), {connect("ann", "tab", at(0)), connect("john", "phone", at(0))}, at(10)));
  store.resume(at(1000), seconds(60));
  store.watch_users(ann, Ids{"john"});
  REQUIRE(store.watch(WatchChannel{"lobby", "eu", {}, false}, ann));
  CHECK(store.watcher_count("lobby:eu") == 1);
  int changes = 0;
  const Subscription subscription =
      store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged&) { ++changes; });
  store.dispatch(doing(update("john", "phone", at(1001)), "match"));
  CHECK(changes == 1);
  store.advance(at(1060));
  CHECK(store.watcher_count("lobby:eu") == 0);
}

TEST_CASE("coalesced changes that are due while the host was away are delivered") {
  Store store(plain());
  store.dispatch(connect("john", "phone", at(0)));
  store.watch_users(ann, Ids{"john"});
  DeliveryOptions options;
  options.coalesce = seconds(5);
  int changes = 0;
  const Subscription subscription = store.subscribe<UserPresenceChanged>(
      ann, [&](const UserPresenceChanged&) { ++changes; }, options);
  store.dispatch(says("john", "hi", at(1)));
  CHECK(store.next_wakeup() == at(6));
  store.resume(at(1000), seconds(60));
  CHECK(changes == 1);
}

TEST_CASE("resume returns what advance returns, and then changes nothing") {
  Store store(stored(plain(), {connect("john", "phone", at(0))}, at(10)));
  const Snapshot before = store.snapshot();
  CHECK(store.resume(at(10), seconds(60)) == Verdict::unchanged);
  CHECK(store.resume(at(9), seconds(60)) == Verdict::unchanged);
  CHECK(store.resume(Timestamp::lowest(), seconds(60)) == Verdict::invalid);
  CHECK(store.resume(Timestamp::highest(), seconds(60)) == Verdict::invalid);
  CHECK(store.snapshot() == before);
}

TEST_CASE("a store is resumed as a snapshot is") {
  Rules rules = plain();
  rules.idle_after = seconds(30);
  rules.report_timeout = seconds(30);
  const Snapshot before =
      stored(rules,
             {connect("john", "phone", at(0)), report("mary", true, at(0)), hides("kim", at(0)),
              connect("kim", "pc", at(0)), connect("lee", "pc", at(0)), disconnect("lee", "pc", at(1))},
             at(10));
  for (const double patience : {-1.0, 0.0, 5.0, 60.0}) {
    Store store(before);
    Told t(rules);
    t.s = before;
    Changes delivered;
    const Subscription subscription =
        store.on_change([&](const UserPresenceChanged& change) { delivered.push_back(change); });
    store.resume(at(1000), seconds(patience));
    resume(t.s, at(1000), seconds(patience), t);
    CHECK(store.snapshot() == t.s);
    CHECK(rich(delivered) == rich(t.take()));
    store.advance(at(2000));
    t.pass(at(2000));
    CHECK(store.snapshot() == t.s);
  }
}

TEST_CASE("changes during a hold are not dated after the time of the store") {
  Rules rules = plain();
  rules.idle_after = seconds(30);
  Store store(stored(rules, {connect("john", "phone", at(0))}, at(1)));
  std::vector<Timestamp> dates;
  const Subscription subscription =
      store.on_change([&](const UserPresenceChanged& change) { dates.push_back(change.at); });
  store.resume(at(1000), seconds(600));
  CHECK_FALSE(store.merge(reduce(Snapshot(rules), says("john", "back", at(1000))), at(1001)));
  store.advance(at(1002));
  store.dispatch(says("john", "again", at(1002)));
  CHECK(dates == std::vector<Timestamp>{at(1000), at(1002)});
}
