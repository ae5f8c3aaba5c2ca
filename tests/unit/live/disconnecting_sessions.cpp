// SPDX-License-Identifier: MIT

// Ending the sessions of a node that is gone, in a store.

#include "../nodes.hpp"
#include "../rooms.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace support;

namespace {

/// Everything that a store delivers, in order, as lines.
class Log {
 public:
  explicit Log(Store& store) : store_(store) {
    keep(store.on_change([this](const UserPresenceChanged& change) { add("change", change); }));
    keep(store.on_delivery([this](const UserPresenceChanged& change, const Viewers& viewers) {
      add("to " + std::to_string(viewers.size()), change);
    }));
  }
  void note_ends() {
    keep(store_.on_session_ended([this](const SessionEnded& end) {
      lines_ += "\n    " + to_string(end.at) + " ended " + end.user + " " + end.session + " " +
                std::string(to_string(end.reason));
    }));
  }
  void note_viewer(Viewer viewer, Duration coalesce) {
    const std::string name = std::string(viewer.id()) + " receives";
    DeliveryOptions options;
    options.last_active_alone = true;
    options.coalesce = coalesce;
    keep(store_.subscribe<UserPresenceChanged>(
        viewer, [this, name](const UserPresenceChanged& change) { add(name, change); }, options));
    keep(store_.subscribe<WatchingStopped>(viewer, [this, name](const WatchingStopped& notice) {
      lines_ += "\n    " + to_string(notice.at) + " " + name + " that " + notice.user + " left " + notice.cid;
    }));
  }
  std::string take() { return std::exchange(lines_, {}); }

 private:
  void keep(Subscription made) { kept_.push_back(std::move(made)); }
  void add(const std::string& what, const UserPresenceChanged& change) {
    lines_ += "\n    " + to_string(change.at) + " " + what + " " + change.id + ": " + rich(change.before) + " -> " +
              rich(change.after);
  }

  Store& store_;
  std::string lines_;
  std::vector<Subscription> kept_;
};

WatchChannel lobby() {
  WatchChannel asked;
  asked.type = "messaging";
  asked.id = "lobby";
  asked.members = {"user 0", "user 1", "user 2"};
  asked.presence = true;
  return asked;
}

/// A store with viewers, and everything that it delivers.
struct Watched {
  Store store;
  Log log;

  Watched(const Rules& rules, const StoreOptions& options, bool tracks, Duration coalesce)
      : store(rules, options), log(store) {
    if (tracks) log.note_ends();
    for (const char* viewer : {"user 3", "observer"}) {
      log.note_viewer(Viewer(viewer), coalesce);
      const bool watches = store.watch(lobby(), Viewer(viewer)).has_value();
      CHECK(watches);
      store.watch_users(Viewer(viewer), Ids{"user 1", "user 3"});
    }
  }
  void dispatch(const PresenceEvent& event, Timestamp now) {
    const Dispatched done = store.dispatch(event, now);
    const Viewer viewer(event.user, event.session);
    if (event.type == EventType::connect && accepted(done)) static_cast<void>(store.watch(lobby(), viewer).has_value());
  }
};

/// What Store::disconnect_sessions is equivalent to.
Tally disconnect_one_by_one(Store& store, const Ids& ids, std::string_view prefix, Timestamp when) {
  const std::optional<Timestamp> now = store.snapshot().now();
  const bool is_later = !now || when > *now;
  if (is_later && when < Timestamp::highest()) store.advance(when);
  Tally tally;
  for (const UserSession& one : inspected_sessions(store.snapshot(), ids, prefix))
    tally.count(store.dispatch(disconnect(one.user, one.session, when)));
  return tally;
}

}  // namespace

TEST_CASE("the sessions of a node end in one call, at the time of the call") {
  Store store;
  Changes changes;
  const Subscription subscription =
      store.on_change([&changes](const UserPresenceChanged& change) { changes.push_back(change); });
  std::string ends;
  const Subscription ended = store.on_session_ended([&ends](const SessionEnded& end) {
    CHECK(end.reason == SessionEndReason::disconnected);
    ends += end.user + " ";
  });
  store.dispatch(connect("john", "node-7.2/1", at(0)));
  store.dispatch(invisibly("mary", "node-7.2/2", at(0)));
  store.dispatch(connect("ann", "node-7.3/1", at(0)));
  changes.clear();
  CHECK(store.disconnect_sessions("node-7.2/", at(5)) == tally_of(2));
  CHECK(text(changes) == text({changed(at(5), seen_online("john", at(0)), seen_offline("john", at(0)))}));
  CHECK((ends == "john mary " || ends == "mary john "));
  CHECK(store.snapshot().now() == at(5));
  CHECK(text(sessions_in(store.snapshot())) == text(UserSessions{{"ann", "node-7.3/1"}}));
  CHECK(store.stats().events.applied == 5);
  CHECK(store.disconnect_sessions("node-7.2/", at(6)) == Tally());
}

TEST_CASE("the watches of the sessions end with them") {
  Store store;
  for (const char* session : {"node-7/1", "node-8/1"}) {
    store.dispatch(connect("john", session, at(0)));
    store.watch_users(Viewer("john", session), Ids{"mary"});
  }
  CHECK(store.stats().watches == 2);
  store.disconnect_sessions("node-7/", at(1));
  CHECK(store.stats().watches == 1);
  CHECK(store.watches().is_watching(Viewer("john", "node-8/1"), "mary"));
}

TEST_CASE("the time advances to the call before the sessions end, whether or not there are any") {
  Store store(with_timeout(seconds(40)));
  std::string ends;
  const Subscription ended = store.on_session_ended([&ends](const SessionEnded& end) {
    ends += end.user + " " + std::string(to_string(end.reason)) + " at " + to_string(end.at) + "\n";
  });
  store.dispatch(connect("john", "node-7/1", at(0)));
  store.dispatch(connect("mary", "node-7/2", at(10)));
  // John's session has timed out by then.
  CHECK(store.disconnect_sessions("node-7/", at(40)) == tally_of(1));
  CHECK(ends == "john timed_out at " + to_string(at(40)) + "\nmary disconnected at " + to_string(at(40)) + "\n");
  CHECK(store.disconnect_sessions("node-9/", at(50)) == Tally());
  CHECK(store.snapshot().now() == at(50));
  // A time that is far ahead is the host's own, so it is not too early.
  Store without_timeout(with_timeout(Duration()));
  without_timeout.dispatch(connect("john", "node-7/1", at(0)));
  CHECK(without_timeout.disconnect_sessions("node-7/", at(5000)) == tally_of(1));
  CHECK_FALSE(without_timeout.online("john"));
}

TEST_CASE("a time that is too late or out of range changes nothing") {
  Store store;
  Log log(store);
  store.dispatch(connect("john", "node-7/1", at(0)));
  store.dispatch(invisibly("mary", "node-7/2", at(1)));
  const Snapshot before = store.snapshot();
  log.take();
  CHECK(store.disconnect_sessions("node-7/", at(1) - Rules().reorder_window - tick).too_late == 2);
  CHECK(store.disconnect_sessions("node-7/", Timestamp::lowest()).invalid == 2);
  CHECK(store.disconnect_sessions("node-7/", Timestamp::highest()).invalid == 2);
  CHECK(store.stats().events.refused() == 6);
  CHECK(store.snapshot() == before);
  CHECK(log.take().empty());
  Store none;
  CHECK(none.disconnect_sessions("", at(0)) == Tally());
  CHECK(none.snapshot().now() == at(0));
}

TEST_CASE("a disconnect in the frame of a heartbeat ends the session") {
  for (const bool keeps_order : {true, false}) {
    StoreOptions options;
    options.keep_order_of_frame = keeps_order;
    Store store(Rules(), options);
    store.dispatch(connect("john", "node-7/1", at(0)));
    store.dispatch(connect("mary", "node-7/2", at(0)));
    store.dispatch(connect("mary", "node-7/2", at(1)));
    CHECK(store.disconnect_sessions("node-7/", at(1)) == tally_of(2));
    CHECK_FALSE(store.online("john"));
    CHECK(store.online("mary") != keeps_order);  // a connect is later than a disconnect with the same timestamp
  }
}

TEST_CASE("a callback may disconnect the sessions of a node, and the prefix may borrow from what ends") {
  Store store;
  Log log(store);
  store.dispatch(connect("john", "node-7/a name that is too long to be stored in a row", at(0)));
  store.dispatch(connect("mary", "node-7/1", at(0)));
  std::optional<Subscription> once;
  once = store.on_change([&](const UserPresenceChanged& change) {
    if (change.id != "ann") return;
    CHECK(store.disconnect_sessions("node-7/", at(2)) == tally_of(2));
  });
  store.dispatch(connect("ann", "node-8/1", at(1)));
  CHECK(text(sessions_in(store.snapshot())) == text(UserSessions{{"ann", "node-8/1"}}));
  once.reset();
  log.take();

  store.dispatch(connect("john", "node-7/a name that is too long to be stored in a row", at(3)));
  std::string_view borrowed;
  store.snapshot().each_session("node-7/", [&](std::string_view, std::string_view session) { borrowed = session; });
  CHECK(store.disconnect_sessions(borrowed, at(4)) == tally_of(1));
}

TEST_CASE("a store without the order of frames and without tracked sessions disconnects them as a batch") {
  StoreOptions options;
  options.keep_order_of_frame = false;
  Store batch(Rules(), options), tracked(Rules(), options);
  Log log_of_batch(batch), log_of_tracked(tracked);
  const Subscription tracking = tracked.on_session_ended([](const SessionEnded&) {});
  for (Store* store : {&batch, &tracked}) {
    for (std::size_t i = 0; i < 200; ++i) {
      store->dispatch(connect(user_id(i), i % 3 == 0 ? "node-7/1" : "node-7/a name that is too long for a row", at(0)));
      if (i % 4 == 0) store->dispatch(connect(user_id(i), "node-8/1", at(0)));
    }
    CHECK(store->disconnect_sessions("node-7/", at(1)) == tally_of(200));
  }
  CHECK(batch.snapshot() == tracked.snapshot());
  CHECK(log_of_batch.take() == log_of_tracked.take());
  CHECK(sessions_in(batch.snapshot()).size() == 50);
}

TEST_CASE("disconnecting sessions delivers what a dispatch of each disconnect delivers, after any history") {
  Chance chance(7017);
  const Ids ids = ids_in_order(20);
  Tally all;
  std::size_t lines = 0;
  for (std::size_t round = 0; round < 60; ++round) {
    const Rules rules = random_rules_of_nodes(chance);
    StoreOptions options;
    options.keep_order_of_frame = round % 3 != 0;
    const bool tracks = round % 4 != 0;
    const Duration coalesce = seconds(chance.below(3) == 0 ? 3 : 0);
    Watched batch(rules, options, tracks, coalesce), single(rules, options, tracks, coalesce);
    for (int second = 0; second < 150; second += 5) {
      for (std::size_t i = chance.below(20); i > 0; --i) {
        // Several events of one user in a frame.
        const int late = chance.below(3) == 0 ? static_cast<int>(chance.below(20)) : 0;
        const PresenceEvent event = random_event_of_nodes(chance, at(second - late), round % 2 == 0 ? 4 : 20);
        for (Watched* one : {&batch, &single}) one->dispatch(event, at(second));
      }
      if (chance.below(2) == 0) continue;
      const char* const prefixes[] = {"", "node-1/", "node-2/with", "node-0/a"};
      const std::string prefix = prefixes[chance.below(4)];
      const std::size_t kind = chance.below(10);
      const Timestamp when = kind == 0   ? at(second - 300)
                             : kind == 1 ? Timestamp::highest()
                             : kind < 5  ? at(second)
                             : kind < 7  ? at(second - 7)
                                         : at(second + 3);
      REQUIRE(batch.log.take() == single.log.take());
      const Tally expected = disconnect_one_by_one(single.store, ids, prefix, when);
      REQUIRE(batch.store.disconnect_sessions(prefix, when) == expected);
      all += expected;
      REQUIRE(batch.store.snapshot() == single.store.snapshot());
      REQUIRE(batch.store.snapshot().digest() == single.store.snapshot().digest());
      REQUIRE(batch.store.watches() == single.store.watches());
      REQUIRE(batch.store.stats().events == single.store.stats().events);
      REQUIRE(batch.store.next_wakeup() == single.store.next_wakeup());
      const std::string told = single.log.take();
      lines += static_cast<std::size_t>(std::count(told.begin(), told.end(), '\n'));
      REQUIRE(batch.log.take() == told);
    }
    for (Watched* one : {&batch, &single}) one->store.advance(at(1000));
    CHECK(batch.log.take() == single.log.take());
  }
  CHECK(all.applied > 300);
  CHECK(all.refused() > 20);
  CHECK(lines > 1000);
}

TEST_CASE("nothing that an invisible user has or does can be seen when the sessions of a node end") {
  Chance chance(404);
  for (std::size_t round = 0; round < 60; ++round) {
    Rules rules = random_rules_of_nodes(chance);
    rules.max_recent_per_user = 64;
    StoreOptions options;
    options.keep_order_of_frame = round % 3 != 0;
    // Ends of sessions are for the host, so they are not compared.
    Watched with(rules, options, false, Duration()), without(rules, options, false, Duration());
    for (Watched* one : {&with, &without}) one->dispatch(hides("user 0", at(0)), at(0));
    for (int second = 1; second < 120; second += 3) {
      for (Watched* one : {&with, &without}) one->store.advance(at(second));
      for (std::size_t i = chance.below(8); i > 0; --i) {
        const PresenceEvent event = random_event_of_nodes(chance, at(second), 5);
        if (event.user != "user 0") {
          for (Watched* one : {&with, &without}) one->dispatch(event, at(second));
        } else if (detail::belongs_to_session(event.type) && !event.status && event.invisible.value_or(true)) {
          with.store.dispatch(event, at(second));
        }
      }
      if (chance.below(3) == 0) {
        const Timestamp when = at(second + static_cast<int>(chance.below(4)) - 2);
        for (Watched* one : {&with, &without}) one->store.disconnect_sessions("node-1/", when);
      }
      REQUIRE(with.store.snapshot().now() == without.store.snapshot().now());
      REQUIRE(with.store.snapshot().next_deadline() == without.store.snapshot().next_deadline());
      REQUIRE(with.log.take() == without.log.take());
    }
  }
}
