// SPDX-License-Identifier: MIT
#include "../rooms.hpp"

using namespace support;

namespace {

const Viewer ann{"ann"}, bob{"bob"}, cyd{"cyd"};

Result<Channel> enter(Store& store, Viewer viewer, std::string id = "lobby") {
  WatchChannel asked;
  asked.type = "messaging";
  asked.id = std::move(id);
  return store.watch(asked, viewer);
}
DeliveryOptions of_last_active() {
  DeliveryOptions options;
  options.last_active_alone = true;
  return options;
}

}  // namespace

TEST_CASE("on_change receives every public change once and in order, watched or not, and only of last_active too") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    Store store;
    Told told;
    Changes heard;
    if (seed % 2 == 0) store.watch_users(ann, Ids{user_id(0), user_id(1)});
    const Subscription subscription =
        store.on_change([&](const UserPresenceChanged& change) { heard.push_back(change); });
    for (int step = 0; step < 200; ++step) {
      CAPTURE(step);
      const Snapshot before = store.snapshot();
      const Timestamp now = at(step * 3);
      if (chance.below(3) == 0) {
        store.advance(now);
        apply(told.s, now, told);
        REQUIRE(heard.size() == told.changes.size());
        for (std::size_t i = 0; i < heard.size(); ++i) {
          CHECK(heard[i].at >= told.changes[i].at);  // later if a change before it was dated by a client's clock
          heard[i].at = told.changes[i].at;
        }
        CHECK(text(heard) == text(told.changes));
      } else {
        store.dispatch(random_event(chance, step * 3, 4, 2), before.now().value_or(at(0)));
        const Snapshot after = store.snapshot();
        Ids expected, ids;
        for (std::size_t i = 0; i < 4; ++i) {
          if (before.find(user_id(i)) != after.find(user_id(i))) expected.push_back(user_id(i));
        }
        for (const UserPresenceChanged& change : heard) {
          ids.push_back(change.id);
          CHECK(text(change.before) == text(before.find(change.id)));
          CHECK(text(change.after) == text(after.find(change.id)));
        }
        CHECK(ids == expected);
        told.s = after;
      }
      heard.clear();
      told.changes.clear();
    }
  }
}

TEST_CASE("on_change receives nothing about what an invisible user does") {
  Store store;
  Changes heard;
  const Subscription subscription =
      store.on_change([&](const UserPresenceChanged& change) { heard.push_back(change); });
  store.dispatch(connect("john", "phone", at(0)));
  store.dispatch(invisibly("john", "phone", at(1)));
  CHECK(heard.size() == 2);
  store.dispatch(connect("john", "tv", at(2)));
  store.dispatch(heartbeat("john", "tv", at(3)));
  store.dispatch(disconnect("john", "phone", at(4)));
  store.dispatch(invisibly("jack", "phone", at(4)));
  CHECK(enter(store, Viewer("john")).has_value());
  store.advance(at(1000));
  CHECK(heard.size() == 2);
  store.dispatch(says("john", "boo", at(1001)));
  CHECK(heard.size() == 3);
}

TEST_CASE("on_change receives changes in which only last_active differs without any other listener or watch") {
  Store store;
  Changes heard;
  store.dispatch(connect("john", "phone", at(0)));
  const Subscription subscription =
      store.on_change([&](const UserPresenceChanged& change) { heard.push_back(change); });
  store.dispatch(connect("john", "phone", at(1)));
  REQUIRE(heard.size() == 1);
  CHECK(text(heard) == text(Changes{changed(at(1), seen_online("john", at(0)), seen_online("john", at(1)))}));
}

TEST_CASE("on_change may end inside itself, and one made in a callback receives only later changes") {
  Store store;
  std::string heard;
  Subscription first, second;
  first = store.on_change([&](const UserPresenceChanged& change) {
    heard += "1" + change.id + " ";
    first.reset();
    second = store.on_change([&](const UserPresenceChanged& later) { heard += "2" + later.id + " "; });
  });
  const Subscription third =
      store.on_change([&](const UserPresenceChanged& change) { heard += "3" + change.id + " "; });
  const std::vector<PresenceEvent> events = {connect("john", "phone", at(0)), connect("mary", "phone", at(1))};
  store.dispatch(events.begin(), events.end());
  CHECK_FALSE(first.is_active());
  CHECK(std::exchange(heard, {}) == "1john 3john 3mary ");
  store.dispatch(connect("pete", "phone", at(2)));
  CHECK(heard == "3pete 2pete ");
}

TEST_CASE("a change is delivered to on_change, then to on_delivery, then to the viewers") {
  Store store;
  std::string heard;
  for (const Viewer viewer : {bob, ann}) store.watch_users(viewer, Ids{"john"});
  std::vector<Subscription> subscriptions;
  const auto listen = [&](Viewer viewer, std::string name) {
    subscriptions.push_back(store.subscribe<UserPresenceChanged>(
        viewer, [&heard, name](const UserPresenceChanged&) { heard += name + " "; }));
  };
  listen(ann, "ann1");
  listen(bob, "bob1");
  const Subscription all = store.on_delivery([&](const UserPresenceChanged&, const Viewers&) { heard += "delivery "; });
  listen(ann, "ann2");
  const Subscription each = store.on_change([&](const UserPresenceChanged&) { heard += "change "; });
  listen(bob, "bob2");
  const std::vector<PresenceEvent> events = {says("john", "a", at(0)), says("john", "b", at(1))};
  store.dispatch(events.begin(), events.end());
  const std::string once = "change delivery bob1 bob2 ann1 ann2 ";
  CHECK(heard == once + once);
}

TEST_CASE("viewers who want last_active alone are notified in the order in which they first watched anything") {
  Store store;
  std::string heard;
  store.dispatch(connect("john", "phone", at(0)));
  for (const Viewer viewer : {ann, bob, cyd}) store.watch_users(viewer, Ids{"john"});
  std::vector<Subscription> subscriptions;
  for (const Viewer viewer : {cyd, ann, bob}) {
    subscriptions.push_back(store.subscribe<UserPresenceChanged>(
        viewer, [&heard, name = std::string(viewer.id())](const UserPresenceChanged&) { heard += name + " "; },
        of_last_active()));
  }
  store.dispatch(says("john", "a", at(1)));
  CHECK(std::exchange(heard, {}) == "ann bob cyd ");
  store.dispatch(connect("john", "phone", at(2)));
  CHECK(heard == "ann bob cyd ");
}

TEST_CASE("on_delivery does not list a viewer whose watch a callback for the same change has ended") {
  Store store;
  std::string heard;
  for (const Viewer viewer : {ann, bob}) store.watch_users(viewer, Ids{"john"});
  const auto deliver = [&](std::string name) {
    return store.on_delivery([&heard, name](const UserPresenceChanged&, const Viewers& viewers) {
      for (const Viewer viewer : viewers) heard += name + std::string(viewer.id()) + " ";
    });
  };
  SUBCASE("on_change") {
    const Subscription ending = store.on_change([&](const UserPresenceChanged&) { store.unwatch(bob); });
    const Subscription all = deliver("1");
    store.dispatch(says("john", "a", at(0)));
    CHECK(heard == "1ann ");
  }
  SUBCASE("another on_delivery") {
    const Subscription first = deliver("1");
    const Subscription ending =
        store.on_delivery([&](const UserPresenceChanged&, const Viewers&) { store.unwatch(bob); });
    const Subscription last = deliver("2");
    store.dispatch(says("john", "a", at(0)));
    CHECK(heard == "1ann 1bob 2ann ");
  }
}

TEST_CASE("a change of last_active alone that no listener wants calls nothing") {
  Store store;
  std::size_t heard = 0;
  store.dispatch(connect("john", "phone", at(0)));
  for (const Viewer viewer : {ann, bob}) store.watch_users(viewer, Ids{"john"});
  CHECK(enter(store, Viewer("john")).has_value());
  const Subscription of_ann = store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged&) { ++heard; });
  const Subscription all = store.on_delivery([&](const UserPresenceChanged&, const Viewers&) { ++heard; });
  CHECK(store.stats().notifications == 0);
  store.dispatch(connect("john", "phone", at(1)));
  CHECK(store.stats().notifications == 0);
  {
    const Subscription of_bob = store.subscribe<UserPresenceChanged>(
        bob, [&](const UserPresenceChanged&) { ++heard; }, of_last_active());
    store.dispatch(connect("john", "phone", at(2)));
    CHECK(store.stats().notifications == 1);
    CHECK(heard == 1);
  }
  store.dispatch(connect("john", "phone", at(3)));
  CHECK(store.stats().notifications == 1);
  const Subscription every =
      store.on_delivery([&](const UserPresenceChanged&, const Viewers&) { ++heard; }, of_last_active());
  store.dispatch(connect("john", "phone", at(4)));
  CHECK(store.stats().notifications == 2);
  CHECK(heard == 2);
}

TEST_CASE("a subscription to last_active alone remains when another one of the same viewer ends") {
  Store store;
  std::size_t heard = 0;
  store.dispatch(connect("john", "phone", at(0)));
  store.watch_users(ann, Ids{"john"});
  Subscription first = store.subscribe<UserPresenceChanged>(
      ann, [&](const UserPresenceChanged&) { ++heard; }, of_last_active());
  const Subscription second = store.subscribe<UserPresenceChanged>(
      ann, [&](const UserPresenceChanged&) { ++heard; }, of_last_active());
  first.reset();
  store.dispatch(connect("john", "phone", at(1)));
  CHECK(heard == 1);
}

TEST_CASE("stats counts users, sessions, watches, channels, events by verdict and calls of callbacks") {
  Rules rules;
  rules.max_clock_skew = seconds(1);
  Store store(rules);
  const StoreStats none = store.stats();
  CHECK(none.users == 0);
  CHECK(none.sessions == 0);
  CHECK(none.bytes == 0);
  CHECK(none.watches == 0);
  CHECK(none.events == Tally());
  CHECK(none.notifications == 0);
  store.watch_users(ann, Ids{"john", "mary", "pete"});
  store.watch_users(bob, Ids{"john"});
  CHECK(enter(store, cyd).has_value());
  const Subscription changes = store.on_change([](const UserPresenceChanged&) {});
  const Subscription deliveries = store.on_delivery([](const UserPresenceChanged&, const Viewers&) {});
  const Subscription of_ann = store.subscribe<UserPresenceChanged>(ann, [](const UserPresenceChanged&) {});
  const Subscription of_cyd = store.subscribe<WatchingStarted>(cyd, [](const WatchingStarted&) {});
  const Subscription ends = store.on_session_ended([](const SessionEnded&) {});
  store.dispatch(connect("john", "phone", at(0)));    // on_change, on_delivery, ann
  store.dispatch(connect("john", "tv", at(0)));       // nothing visible
  store.dispatch(invisibly("mary", "phone", at(0)));  // nothing visible
  store.dispatch(says("jack", "hi", at(0)));          // on_change
  CHECK(enter(store, Viewer("john")).has_value());    // cyd
  store.dispatch(connect("", "phone", at(0)));
  store.dispatch(connect("john", "phone", at(9)), at(1));
  store.dispatch(connect("john", "phone", at(0)), at(1));
  StoreStats stats = store.stats();
  CHECK(stats.users == 2);
  CHECK(stats.online == 1);
  CHECK(stats.sessions == 3);
  CHECK(stats.viewers == 2);
  CHECK(stats.watches == 4);
  CHECK(stats.watched_users == 3);
  CHECK(stats.channels == 1);
  CHECK(stats.bytes > 3 * 100);  // a user takes at least that much
  CHECK(stats.bytes < 10000);
  CHECK(stats.events.applied == 4);
  CHECK(stats.events.unchanged == 1);
  CHECK(stats.events.invalid == 1);
  CHECK(stats.events.too_early == 1);
  CHECK(stats.notifications == 5);
  // A batch counts its events as well, and an ended session calls on_session_ended.
  const std::vector<PresenceEvent> events = {disconnect("john", "tv", at(2)), disconnect("mary", "phone", at(2)),
                                             disconnect("mary", "", at(2))};
  store.dispatch(events.begin(), events.end(), at(2));
  stats = store.stats();
  CHECK(stats.sessions == 1);
  CHECK(stats.events.applied == 6);
  CHECK(stats.events.invalid == 2);
  CHECK(stats.notifications == 7);
  store.unwatch(ann);
  store.unwatch(bob);
  store.remove_channel("messaging:lobby");
  stats = store.stats();
  CHECK(stats.viewers == 0);
  CHECK(stats.watched_users == 0);
  CHECK(stats.channels == 0);
}

TEST_CASE("a viewer of an empty channel watches no user and is counted as a viewer") {
  Store store;
  REQUIRE_FALSE(store.put(room("lobby", {})));
  ChannelQuery asked;
  asked.presence = true;
  CHECK(store.query_channels(asked, ann).size() == 1);
  CHECK(store.stats().watched_users == 0);
  CHECK(store.stats().viewers == 1);
  store.unwatch(ann);
  CHECK(store.stats().viewers == 0);
}

#if defined(__cpp_exceptions)

TEST_CASE("a callback of any kind that throws loses nothing for the other callbacks") {
  struct Enough {};
  // 1: on_change, 2: on_delivery, 3: a viewer's changes, 4: WatchingStarted, 5: WatchingStopped, 6: on_session_ended.
  for (int thrower = 1; thrower <= 6; ++thrower) {
    CAPTURE(thrower);
    std::string without, with;
    for (std::string* const heard : {&without, &with}) {
      Store store;
      std::size_t thrown = 0;
      const auto call = [&, heard](int kind, const std::string& line) {
        *heard += std::to_string(kind) + line + " ";
        if (heard != &with || kind != thrower) return;
        ++thrown;
        throw Enough();
      };
      std::vector<Subscription> subscriptions;
      store.watch_users(ann, Ids{"john", "mary"});
      CHECK(enter(store, ann).has_value());
      CHECK(enter(store, Viewer("john")).has_value());
      CHECK(enter(store, Viewer("mary")).has_value());
      for (const std::string& twice : {std::string("a"), std::string("b")}) {
        subscriptions.push_back(
            store.on_change([&call, twice](const UserPresenceChanged& c) { call(1, twice + c.id); }));
        subscriptions.push_back(
            store.on_delivery([&call, twice](const UserPresenceChanged& c, const Viewers&) { call(2, twice + c.id); }));
        subscriptions.push_back(store.subscribe<UserPresenceChanged>(
            ann, [&call, twice](const UserPresenceChanged& c) { call(3, twice + c.id); }));
        subscriptions.push_back(store.subscribe<WatchingStarted>(
            ann, [&call, twice](const WatchingStarted& n) { call(4, twice + n.user); }));
        subscriptions.push_back(store.subscribe<WatchingStopped>(
            ann, [&call, twice](const WatchingStopped& n) { call(5, twice + n.user); }));
        subscriptions.push_back(
            store.on_session_ended([&call, twice](const SessionEnded& e) { call(6, twice + e.user); }));
      }
      const auto attempt = [&](auto action) {
        try {
          action();
        } catch (const Enough&) {
        }
      };
      attempt([&] { store.dispatch(connect("john", "phone", at(0))); });
      attempt([&] { store.dispatch(connect("mary", "phone", at(0))); });
      attempt([&] { store.dispatch(says("mary", "hi", at(1))); });
      attempt([&] { store.dispatch(disconnect("john", "phone", at(2))); });
      attempt([&] { store.advance(at(100)); });
      for (int i = 0; i < 40; ++i) attempt([&] { store.advance(at(100)); });
      CHECK((thrown > 0) == (heard == &with));
    }
    CHECK(with == without);
  }
}

#endif
