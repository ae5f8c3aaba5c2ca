// SPDX-License-Identifier: MIT
#include "../rooms.hpp"

#include <presence/base/detail/callback.hpp>

#include <map>
#include <memory>
#include <set>

using namespace support;

namespace {

const Viewer ann{"ann"}, bob{"bob"}, cyd{"cyd"};

void watch(Store& store, Viewer viewer, Ids members, std::string id = "lobby") {
  REQUIRE_FALSE(store.put(room(id, std::move(members))));
  WatchChannel asked;
  asked.presence = true;
  asked.type = "messaging";
  asked.id = std::move(id);
  CHECK(store.watch(asked, viewer).has_value());
}
DeliveryOptions of_last_active() {
  DeliveryOptions options;
  options.last_active_alone = true;
  return options;
}

/// "who:user+status " for a user who is online, with "-" if they are offline and "?" if they are not known.
std::string line(std::string_view who, const UserPresenceChanged& change) {
  std::string text = std::string(who) + ":" + change.id;
  text += !change.after ? "?" : change.after->online ? "+" : "-";
  if (change.after) text += change.after->status;
  return text + " ";
}
/// The delivered changes, each with the name of its receiver.
struct Log {
  std::string lines;
  std::string take() { return std::exchange(lines, {}); }
  Subscription listen(Store& store, Viewer viewer, const DeliveryOptions& options = {}) {
    return listen(store, viewer, std::string(viewer.id()), options);
  }
  Subscription listen(Store& store, Viewer viewer, std::string name, const DeliveryOptions& options = {}) {
    return store.subscribe<UserPresenceChanged>(
        viewer, [this, name](const UserPresenceChanged& change) { lines += line(name, change); }, options);
  }
};

}  // namespace

TEST_CASE("viewers are notified in order, once per change, and only about users they watch") {
  Store store;
  Log log;
  const Subscription of_ann = log.listen(store, ann), of_bob = log.listen(store, bob);
  store.dispatch(connect("john", "phone", at(0)));
  CHECK(log.take() == "");
  watch(store, ann, {"john", "mary"});
  watch(store, ann, {"john"}, "garden");
  watch_user(store, ann, "john");
  watch_user(store, bob, "john");
  CHECK(log.take() == "");  // the state before the watch is no change
  store.dispatch(says("john", "hi", at(1)));
  CHECK(log.take() == "ann:john+hi bob:john+hi ");
  store.dispatch(says("mary", "hm", at(1)));
  CHECK(log.take() == "ann:mary-hm ");
  store.dispatch(says("pete", "hey", at(1)));
  store.dispatch(says("mary", "hm", at(1)));
  store.dispatch(heartbeat("john", "phone", at(2)));
  CHECK(log.take() == "");
  const std::vector<PresenceEvent> events = {connect("mary", "phone", at(2)), disconnect("john", "phone", at(3)),
                                             disconnect("mary", "phone", at(4)), connect("pete", "phone", at(4))};
  store.dispatch(events.begin(), events.end());
  CHECK(log.take() == "ann:mary+hm ann:john-hi bob:john-hi ann:mary-hm ");
}

TEST_CASE("changes caused by time are delivered in the order of their deadlines") {
  Store store(with_timeout(seconds(10)));
  Log log;
  watch(store, ann, {"john", "mary", "pete"});
  const Subscription of_ann = log.listen(store, ann);
  store.dispatch(connect("pete", "phone", at(1)));
  store.dispatch(connect("mary", "phone", at(2)));
  store.dispatch(connect("john", "phone", at(2)));
  CHECK(log.take() == "ann:pete+ ann:mary+ ann:john+ ");
  store.advance(at(11));
  CHECK(log.take() == "ann:pete- ");
  store.advance(at(50));
  CHECK(log.take() == "ann:john- ann:mary- ");
}

TEST_CASE("a delivered change carries the state before and after it and its timestamp") {
  Store store;
  Changes heard;
  watch(store, ann, {"john"});
  const Subscription subscription =
      store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged& change) { heard.push_back(change); });
  store.dispatch(connect("john", "phone", at(0)));
  store.advance(at(1));
  store.dispatch(disconnect("john", "phone", at(1)));
  const Changes expected = {changed(at(0), std::nullopt, seen_online("john", at(0))),
                            changed(at(1), seen_online("john", at(0)), seen_offline("john", at(0)))};
  CHECK(text(heard) == text(expected));
}

TEST_CASE("the actions of an invisible user are not delivered, except status changes") {
  Store store;
  Log log;
  watch(store, ann, {"john"});
  watch(store, Viewer("john"), {"john"});
  const Subscription of_ann = log.listen(store, ann, of_last_active());
  const Subscription of_john = log.listen(store, Viewer("john"), of_last_active());
  std::size_t deliveries = 0;
  const Subscription of_all =
      store.on_delivery([&](const UserPresenceChanged&, const Viewers&) { ++deliveries; }, of_last_active());
  store.dispatch(invisibly("john", "phone", at(0)));
  store.dispatch(heartbeat("john", "phone", at(20)));
  store.dispatch(connect("john", "tablet", at(21)));
  store.dispatch(disconnect("john", "phone", at(22)));
  store.dispatch(report("john", true, at(22)));
  store.advance(at(1000));
  const std::string heard = log.take();
  // A report makes a user known, invisible or not.
  CHECK(heard.find('+') == std::string::npos);
  store.dispatch(invisibly("john", "phone", at(1000)));
  store.dispatch(heartbeat("john", "phone", at(1010)));
  store.dispatch(disconnect("john", "phone", at(1011)));
  CHECK(log.take() == "");
  const std::size_t before = deliveries;
  store.dispatch(says("john", "boo", at(1012)));
  CHECK(log.take() == "ann:john-boo john:john-boo ");
  CHECK(deliveries == before + 1);
  store.dispatch(visibly("john", "phone", at(1013)));
  CHECK(log.take() == "ann:john+boo john:john+boo ");
  store.dispatch(invisibly("john", "phone", at(1014)));
  CHECK(log.take() == "ann:john-boo john:john-boo ");
}

TEST_CASE("changes of last_active alone are delivered only with last_active_alone") {
  Store store;
  Log log;
  watch(store, ann, {"john"});
  const Subscription some = log.listen(store, ann, "some"), all = log.listen(store, ann, "all", of_last_active());
  const Subscription each =
      store.on_delivery([&](const UserPresenceChanged& change, const Viewers&) { log.lines += line("each", change); });
  const Subscription every = store.on_delivery(
      [&](const UserPresenceChanged& change, const Viewers&) { log.lines += line("every", change); }, of_last_active());
  store.dispatch(connect("john", "phone", at(1)));
  CHECK(log.take() == "each:john+ every:john+ some:john+ all:john+ ");
  store.dispatch(connect("john", "phone", at(2)));
  CHECK(log.take() == "every:john+ all:john+ ");
  store.dispatch(heartbeat("john", "phone", at(3)));
  CHECK(log.take() == "");
  // Together with another change they are delivered to all.
  store.dispatch(saying(connect("john", "phone", at(4)), "hi"));
  CHECK(log.take() == "each:john+hi every:john+hi some:john+hi all:john+hi ");
}

TEST_CASE("watchers are notified when a user becomes known and when they are forgotten") {
  Rules rules;
  rules.forget_after = seconds(1000);
  Store store(rules);
  Log log;
  watch(store, ann, {"john"});
  const Subscription of_ann = log.listen(store, ann);
  store.dispatch(report("john", false, at(0)));
  CHECK(log.take() == "ann:john- ");
  store.advance(at(5000));
  CHECK(log.take() == "ann:john? ");
}

TEST_CASE("on_delivery is called once per change with all viewers, before the subscriptions") {
  Store store;
  Log log;
  watch(store, bob, {"john", "mary"});
  watch(store, ann, {"john", "mary"});
  watch_user(store, cyd, "john");  // is not known yet
  const Subscription of_ann = log.listen(store, ann), of_bob = log.listen(store, bob);
  const auto deliver = [&](std::string name) {
    return [&log, name](const UserPresenceChanged& change, const Viewers& viewers) {
      log.lines += line(name, change) + "to";
      CHECK(viewers.size() == 2);
      for (const Viewer viewer : viewers) log.lines += " " + std::string(viewer.id());
      CHECK(viewers[1].id() == "ann");
      log.lines += "; ";
    };
  };
  Subscription first = store.on_delivery(deliver("1st")), second = store.on_delivery(deliver("2nd"));
  store.dispatch(connect("john", "phone", at(0)));
  CHECK(log.take() == "1st:john+ to bob ann; 2nd:john+ to bob ann; bob:john+ ann:john+ ");
  store.dispatch(connect("pete", "phone", at(0)));
  CHECK(log.take() == "");
  first.reset();
  store.dispatch(connect("mary", "phone", at(0)));
  CHECK(log.take() == "2nd:mary+ to bob ann; bob:mary+ ann:mary+ ");
  CHECK_FALSE(first.is_active());
}

TEST_CASE("viewers are notified in the order in which they first watched anything") {
  Store store;
  Log log;
  watch(store, bob, {"mary"}, "garden");
  watch(store, cyd, {"john"});
  watch(store, ann, {"john"});
  watch(store, bob, {"john"});
  const Subscription of_ann = log.listen(store, ann), of_bob = log.listen(store, bob), of_cyd = log.listen(store, cyd);
  store.dispatch(says("john", "a", at(0)));
  CHECK(log.take() == "bob:john-a cyd:john-a ann:john-a ");
  store.unwatch(cyd, "messaging:lobby");
  store.dispatch(says("john", "b", at(1)));
  CHECK(log.take() == "bob:john-b ann:john-b ");
}

TEST_CASE("the subscriptions of one viewer are called in the order in which they were made") {
  Store store;
  Log log;
  watch(store, ann, {"john"});
  Subscription one = log.listen(store, ann, "1"), two = log.listen(store, ann, "2");
  const Subscription three = log.listen(store, ann, "3");
  store.dispatch(says("john", "a", at(0)));
  CHECK(log.take() == "1:john-a 2:john-a 3:john-a ");
  two.reset();
  store.dispatch(says("john", "b", at(1)));
  CHECK(log.take() == "1:john-b 3:john-b ");
  one = log.listen(store, ann, "4");  // ends the previous subscription
  store.dispatch(says("john", "c", at(2)));
  CHECK(log.take() == "3:john-c 4:john-c ");
}

TEST_CASE("a subscription can be moved and reset, and ends only once") {
  Store store;
  Log log;
  watch(store, ann, {"john"});
  Subscription none;
  CHECK_FALSE(none.is_active());
  none.reset();
  Subscription one = log.listen(store, ann, "1");
  CHECK(one.is_active());
  Subscription moved = std::move(one);
  CHECK(moved.is_active());
  store.dispatch(says("john", "a", at(0)));
  CHECK(log.take() == "1:john-a ");
  Subscription& same = moved;
  moved = std::move(same);
  CHECK(moved.is_active());
  none = std::move(moved);
  store.dispatch(says("john", "b", at(1)));
  CHECK(log.take() == "1:john-b ");
  none.reset();
  none.reset();
  CHECK_FALSE(none.is_active());
  store.dispatch(says("john", "c", at(2)));
  CHECK(log.take() == "");
  { const Subscription short_lived = log.listen(store, ann, "2"); }
  store.dispatch(says("john", "d", at(3)));
  CHECK(log.take() == "");
  // A viewer may subscribe again.
  const Subscription again = log.listen(store, ann, "3");
  store.dispatch(says("john", "e", at(4)));
  CHECK(log.take() == "3:john-e ");
}

TEST_CASE("a subscription may outlive its store") {
  Log log;
  const auto kept = std::make_shared<int>(1);
  Subscription of_viewer, of_deliveries, reassigned;
  {
    Store store;
    watch(store, ann, {"john"});
    of_viewer = store.subscribe<UserPresenceChanged>(ann, [kept](const UserPresenceChanged&) {});
    of_deliveries = store.on_delivery([kept](const UserPresenceChanged&, const Viewers&) {});
    reassigned = log.listen(store, ann);
    CHECK(of_viewer.is_active());
  }
  CHECK_FALSE(of_viewer.is_active());
  CHECK_FALSE(of_deliveries.is_active());
  Store other;
  watch(other, ann, {"john"});
  reassigned = log.listen(other, ann);
  other.dispatch(connect("john", "phone", at(0)));
  CHECK(log.take() == "ann:john+ ");
  Subscription moved = std::move(of_viewer);
  moved.reset();
  of_deliveries.reset();
  CHECK(kept.use_count() == 1);
}

TEST_CASE("a callback may own a subscription to its own store and ends it when destroyed") {
  Log log;
  Subscription outer;
  {
    Store store;
    watch(store, ann, {"john"});
    auto inner = std::make_shared<Subscription>(log.listen(store, bob));
    outer = store.subscribe<UserPresenceChanged>(ann, [inner](const UserPresenceChanged&) {});
    *inner = store.on_delivery([](const UserPresenceChanged&, const Viewers&) {});
  }
  outer.reset();
  Store store;
  watch(store, ann, {"john"});
  watch(store, bob, {"john"});
  auto inner = std::make_shared<Subscription>(log.listen(store, bob));
  outer = store.subscribe<UserPresenceChanged>(ann, [inner](const UserPresenceChanged&) {});
  inner.reset();
  store.dispatch(says("john", "a", at(0)));
  CHECK(log.take() == "bob:john-a ");
  outer.reset();
  store.dispatch(says("john", "b", at(1)));
  CHECK(log.take() == "");
}

TEST_CASE("an event dispatched in a callback is applied at once and delivered after the callback returns") {
  Store store;
  Log log;
  watch(store, ann, {"john", "mary"});
  watch(store, bob, {"john", "mary"});
  int depth = 0, deepest = 0, left = 3;
  const Subscription first = store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged& change) {
    deepest = std::max(deepest, ++depth);
    log.lines += line("ann", change);
    if (left-- > 0) {
      const std::string said = "m" + std::to_string(left);
      CHECK(store.dispatch(says("mary", said, at(10 - left))) == Verdict::applied);
      CHECK(status(store.snapshot(), "mary") == said);
      store.advance(at(10 - left));
    }
    --depth;
  });
  const Subscription second = store.subscribe<UserPresenceChanged>(bob, [&](const UserPresenceChanged& change) {
    deepest = std::max(deepest, ++depth);
    log.lines += line("bob", change);
    --depth;
  });
  store.dispatch(connect("john", "phone", at(0)));
  CHECK(log.take() == "ann:john+ bob:john+ ann:mary-m2 bob:mary-m2 ann:mary-m1 bob:mary-m1 ann:mary-m0 bob:mary-m0 ");
  CHECK(deepest == 1);
}

TEST_CASE("a change caused in a callback is delivered after the changes that are still pending") {
  Store store;
  Log log;
  watch(store, ann, {"john", "mary", "pete"});
  const Subscription of_ann = store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged& change) {
    log.lines += line("ann", change);
    if (change.id == "john" && change.after->status == "a") store.dispatch(says("john", "b", at(1)));
  });
  const std::vector<PresenceEvent> events = {says("john", "a", at(0)), says("mary", "x", at(0)),
                                             says("pete", "y", at(0))};
  store.dispatch(events.begin(), events.end());
  CHECK(log.take() == "ann:john-a ann:mary-x ann:pete-y ann:john-b ");
}

TEST_CASE("a viewer who starts watching in a callback does not receive earlier changes") {
  Store store;
  Log log;
  watch(store, ann, {"john", "mary"});
  const Subscription of_bob = log.listen(store, bob);
  const Subscription of_ann = store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged& change) {
    log.lines += line("ann", change);
    if (change.id == "john") {
      watch_user(store, bob, "mary");
      watch_user(store, bob, "john");
    }
  });
  const std::vector<PresenceEvent> events = {says("john", "a", at(0)), says("mary", "b", at(0))};
  store.dispatch(events.begin(), events.end());
  CHECK(log.take() == "ann:john-a ann:mary-b ");
  store.dispatch(says("mary", "c", at(1)));
  CHECK(log.take() == "ann:mary-c bob:mary-c ");
}

TEST_CASE("a viewer who starts watching in a callback receives changes dispatched later in that callback") {
  Store store;
  Log log;
  watch(store, ann, {"john"});
  store.dispatch(connect("mary", "phone", at(0)));
  const Subscription of_bob = log.listen(store, bob);
  const Subscription of_ann = store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged&) {
    store.dispatch(says("mary", "before", at(1)));
    watch_user(store, bob, "mary");
    store.dispatch(says("mary", "after", at(2)));
  });
  store.dispatch(connect("john", "phone", at(0)));
  CHECK(log.take() == "bob:mary+after ");
}

TEST_CASE("a viewer whose watches end in a callback receives no further changes") {
  for (const bool by_delivery : {false, true}) {
    CAPTURE(by_delivery);
    Store store;
    Log log;
    watch(store, ann, {"john", "mary"});
    watch(store, bob, {"john", "mary"});
    const Subscription of_bob = log.listen(store, bob);
    Subscription of_all, of_ann;
    if (by_delivery) {
      of_ann = log.listen(store, ann);
      of_all = store.on_delivery([&](const UserPresenceChanged&, const Viewers&) { store.unwatch(bob); });
    } else {
      of_ann = store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged& change) {
        log.lines += line("ann", change);
        store.unwatch(bob, "messaging:lobby");
      });
    }
    const std::vector<PresenceEvent> events = {says("john", "a", at(0)), says("mary", "b", at(0))};
    store.dispatch(events.begin(), events.end());
    CHECK(log.take() == "ann:john-a ann:mary-b ");
  }
}

TEST_CASE("a viewer who unwatches in their own callback receives no further changes on any subscription") {
  Store store;
  Log log;
  watch(store, ann, {"john", "mary"});
  watch(store, bob, {"john", "mary"});
  const Subscription first = store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged& change) {
    log.lines += line("1", change);
    store.unwatch(ann);
  });
  const Subscription second = log.listen(store, ann, "2"), of_bob = log.listen(store, bob);
  const std::vector<PresenceEvent> events = {says("john", "a", at(0)), says("mary", "b", at(0))};
  store.dispatch(events.begin(), events.end());
  CHECK(log.take() == "1:john-a bob:john-a bob:mary-b ");
}

TEST_CASE("a viewer who is unwatched and watches again in a callback does not receive pending changes") {
  Store store;
  Log log;
  watch(store, ann, {"john", "mary"});
  watch(store, bob, {"john", "mary"});
  const Subscription of_ann = store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged& change) {
    log.lines += line("ann", change);
    if (change.after->status == "a") {
      store.unwatch(bob);
      watch(store, bob, {"john", "mary"});
    }
  });
  const Subscription of_bob = log.listen(store, bob);
  const std::vector<PresenceEvent> events = {says("john", "a", at(0)), says("mary", "b", at(0))};
  store.dispatch(events.begin(), events.end());
  CHECK(log.take() == "ann:john-a ann:mary-b ");
  store.dispatch(says("john", "c", at(1)));
  CHECK(log.take() == "ann:john-c bob:john-c ");
}

TEST_CASE("ending one of two watches of the same user in a callback loses no change") {
  Store store;
  Log log;
  watch(store, ann, {"john"});
  watch(store, bob, {"john"});
  watch(store, bob, {"john"}, "garden");
  const Subscription of_ann = store.subscribe<UserPresenceChanged>(
      ann, [&](const UserPresenceChanged&) { store.unwatch(bob, "messaging:lobby"); });
  const Subscription of_bob = log.listen(store, bob);
  store.dispatch(says("john", "a", at(0)));
  CHECK(log.take() == "bob:john-a ");
}

TEST_CASE("a subscription made in a callback receives only later changes") {
  Store store;
  Log log;
  watch(store, ann, {"john", "mary"});
  std::vector<Subscription> more;
  const Subscription of_ann = store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged& change) {
    log.lines += line("1", change);
    if (!more.empty()) return;
    const std::string other = user_id(1);
    for (int i = 0; i < 20; ++i) more.push_back(log.listen(store, i % 2 == 0 ? ann : Viewer(other), "more"));
    more.push_back(
        store.on_delivery([&](const UserPresenceChanged& later, const Viewers&) { log.lines += line("all", later); }));
    store.dispatch(says("john", "later", at(1)));
  });
  const Subscription last = log.listen(store, ann, "2");
  const std::vector<PresenceEvent> events = {says("john", "a", at(0)), says("mary", "b", at(0))};
  store.dispatch(events.begin(), events.end());
  std::string expected = "1:john-a 2:john-a 1:mary-b 2:mary-b all:john-later 1:john-later 2:john-later ";
  for (int i = 0; i < 10; ++i) expected += "more:john-later ";
  CHECK(log.take() == expected);
}

TEST_CASE("a subscription may end inside its own callback") {
  Store store;
  Log log;
  watch(store, ann, {"john"});
  Subscription one, two;
  const Subscription zero = log.listen(store, ann, "0");
  // The captures live until the call has returned.
  const auto kept = std::make_shared<std::string>("a text that is kept somewhere else");
  const std::weak_ptr<std::string> watched_text = kept;
  one = store.subscribe<UserPresenceChanged>(ann, [&log, &one, text = *kept, kept](const UserPresenceChanged& change) {
    log.lines += line("1", change);
    one.reset();
    CHECK_FALSE(one.is_active());
    CHECK(text == *kept);
  });
  two = store.on_delivery([&](const UserPresenceChanged& change, const Viewers&) {
    log.lines += line("all", change);
    two = Subscription();
  });
  const Subscription three = log.listen(store, ann, "3");
  CHECK(kept.use_count() == 2);
  store.dispatch(says("john", "a", at(0)));
  CHECK(log.take() == "all:john-a 0:john-a 1:john-a 3:john-a ");
  CHECK(kept.use_count() == 1);
  store.dispatch(says("john", "b", at(1)));
  CHECK(log.take() == "0:john-b 3:john-b ");
}

TEST_CASE("a subscription replaced in its own callback receives later changes") {
  Store store;
  Log log;
  watch(store, ann, {"john"});
  Subscription one;
  one = store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged& change) {
    log.lines += line("1", change);
    one = log.listen(store, ann, "2");
  });
  store.dispatch(says("john", "a", at(0)));
  CHECK(log.take() == "1:john-a ");
  store.dispatch(says("john", "b", at(1)));
  CHECK(log.take() == "2:john-b ");
}

TEST_CASE("a callback may end any subscription, called before or after it") {
  for (std::size_t ended = 0; ended < 5; ++ended) {
    CAPTURE(ended);
    Store store;
    Log log;
    watch(store, ann, {"john"});
    watch(store, bob, {"john"});
    std::vector<Subscription> all(5);
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i] = store.subscribe<UserPresenceChanged>(i < 4 ? ann : bob, [&, i](const UserPresenceChanged& change) {
        log.lines += line(std::to_string(i), change);
        if (i == 1) all[ended].reset();
      });
    }
    store.dispatch(says("john", "a", at(0)));
    std::string expected;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i <= 1 || i != ended) expected += std::to_string(i) + ":john-a ";
    }
    CHECK(log.take() == expected);
    store.dispatch(says("john", "b", at(1)));
    expected.clear();
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i != ended) expected += std::to_string(i) + ":john-b ";
    }
    CHECK(log.take() == expected);
  }
}

TEST_CASE("a callback may end all subscriptions") {
  Store store;
  Log log;
  watch(store, ann, {"john"});
  watch(store, bob, {"john"});
  std::vector<Subscription> all;
  all.push_back(store.on_delivery([&](const UserPresenceChanged&, const Viewers&) { all.clear(); }));
  all.push_back(
      store.on_delivery([&](const UserPresenceChanged& change, const Viewers&) { log.lines += line("all", change); }));
  all.push_back(log.listen(store, ann));
  all.push_back(log.listen(store, bob));
  store.dispatch(says("john", "a", at(0)));
  store.dispatch(says("john", "b", at(1)));
  CHECK(log.take() == "");
}

TEST_CASE("a callback may remove the channel or replace its members") {
  for (const bool is_removed : {true, false}) {
    CAPTURE(is_removed);
    Store store;
    Log log;
    watch(store, ann, {"john", "mary", "pete"});
    watch(store, bob, {"john", "mary", "pete"});
    watch_user(store, bob, "pete");  // is not known yet: watches nothing
    const Subscription of_ann = store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged& change) {
      log.lines += line("ann", change);
      if (change.id != "john") return;
      if (is_removed) {
        store.remove_channel("messaging:lobby");
      } else {
        REQUIRE_FALSE(store.put(room("lobby", {"new", "pete"})));
      }
    });
    const Subscription of_bob = log.listen(store, bob);
    const std::vector<PresenceEvent> events = {says("john", "a", at(0)), says("mary", "b", at(0)),
                                               says("pete", "c", at(0))};
    store.dispatch(events.begin(), events.end());
    CHECK(log.take() == (is_removed ? "ann:john-a " : "ann:john-a ann:pete-c bob:pete-c "));
    store.dispatch(says("new", "d", at(1)));
    CHECK(log.take() == (is_removed ? "" : "ann:new-d bob:new-d "));
  }
}

TEST_CASE("a callback may take a borrowed or an owning change") {
  Store store;
  watch(store, ann, {"john"});
  std::string heard;
  const Subscription by_reference =
      store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChangedView& change) {
        heard +=
            std::string(change.id) + " " + std::string(change.after->status) + (change.before ? " known; " : " new; ");
        CHECK(change.status_changed());
      });
  const Subscription by_value = store.subscribe<UserPresenceChanged>(
      ann, [&](UserPresenceChangedView change) { heard += to_string(change.at) + "; "; });
  const Subscription owning = store.subscribe<UserPresenceChanged>(
      ann, [&](UserPresenceChanged change) { heard += std::move(change.id) + "; "; });
  store.dispatch(says("john", "a", at(0)));
  store.dispatch(says("john", "b", at(1)));
  CHECK(heard == "john a new; " + to_string(at(0)) + "; john; john b known; " + to_string(at(1)) + "; john; ");
}

namespace {
std::string heard_by_function;
void hear(const UserPresenceChanged& change) { heard_by_function += change.id; }
struct alignas(64) Aligned {
  std::string* heard;
  void operator()(const UserPresenceChanged& change) {
    CHECK(reinterpret_cast<std::uintptr_t>(this) % 64 == 0);
    *heard += change.id;
  }
};
}  // namespace

TEST_CASE("a callback can be move-only, a function or mutable") {
  Store store;
  watch(store, ann, {"john"});
  std::string heard;
  std::size_t delivered = 0;
  auto only_moves = [&heard, own = std::make_unique<int>(0)](const UserPresenceChanged&) mutable {
    heard += std::to_string(++*own);
  };
  const Subscription a = store.subscribe<UserPresenceChanged>(ann, std::move(only_moves));
  const Subscription b = store.subscribe<UserPresenceChanged>(ann, hear);
  const Subscription c = store.on_delivery([&delivered, own = std::make_unique<std::size_t>(1)](
                                               const UserPresenceChanged&, const Viewers&) { delivered += *own; });
  heard_by_function.clear();
  store.dispatch(says("john", "a", at(0)));
  store.dispatch(says("john", "b", at(1)));
  CHECK(heard == "12");
  CHECK(heard_by_function == "johnjohn");
  CHECK(delivered == 2);
}

TEST_CASE("a callable is stored with its alignment and destroyed once") {
  using Call = detail::Callback<const UserPresenceChanged&>;
  std::string heard;
  const auto kept = std::make_shared<int>(0);
  UserPresenceChanged change;
  change.id = "john";
  {
    Call call = Call::of(Aligned{&heard});
    call(change);
    const Call moved = std::move(call);
    moved(change);
    const Call counted = Call::of([kept](const UserPresenceChanged&) {});
    CHECK(kept.use_count() == 2);
    const Call none;
  }
  CHECK(heard == "johnjohn");
  CHECK(kept.use_count() == 1);
}

#if defined(__cpp_exceptions)

namespace {
struct Enough {};
}  // namespace

TEST_CASE("if a callback throws, its change counts as delivered and the next call delivers the later changes") {
  Store store;
  Log log;
  watch(store, ann, {"john", "mary"});
  bool throws = true;
  const Subscription of_ann = store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged& change) {
    log.lines += line("ann", change);
    if (std::exchange(throws, false)) throw Enough();
  });
  const std::vector<PresenceEvent> events = {says("john", "a", at(0)), says("mary", "b", at(0)),
                                             says("john", "c", at(1))};
  CHECK_THROWS_AS(store.dispatch(events.begin(), events.end()), Enough);
  CHECK(log.take() == "ann:john-a ");
  CHECK(status(store.snapshot(), "john") == "c");
  store.dispatch(says("mary", "d", at(2)));
  CHECK(log.take() == "ann:mary-b ann:john-c ann:mary-d ");
}

TEST_CASE("if a callback throws, the next call delivers that change to the remaining callbacks") {
  for (int thrower = 0; thrower < 4; ++thrower) {
    CAPTURE(thrower);
    Store store;
    Log log;
    watch(store, ann, {"john"});
    watch(store, bob, {"john"});
    bool throws = true;
    const auto told = [&](int number, const UserPresenceChanged& change) {
      log.lines += line(std::to_string(number), change);
      if (number == thrower && std::exchange(throws, false)) throw Enough();
    };
    const Subscription all =
        store.on_delivery([&](const UserPresenceChanged& change, const Viewers&) { told(0, change); });
    const Subscription of_ann =
        store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged& change) { told(1, change); });
    const Subscription of_ann_too =
        store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged& change) { told(2, change); });
    const Subscription of_bob =
        store.subscribe<UserPresenceChanged>(bob, [&](const UserPresenceChanged& change) { told(3, change); });
    CHECK_THROWS_AS(store.dispatch(says("john", "a", at(0))), Enough);
    store.dispatch(says("john", "b", at(1)));
    CHECK(log.take() == "0:john-a 1:john-a 2:john-a 3:john-a 0:john-b 1:john-b 2:john-b 3:john-b ");
  }
}

TEST_CASE("after a callback threw, unwatching or ending a subscription drops its pending changes") {
  for (const bool by_watch : {true, false}) {
    CAPTURE(by_watch);
    Store store;
    Log log;
    watch(store, ann, {"john", "mary"});
    watch(store, bob, {"john", "mary"});
    watch(store, cyd, {"john", "mary"});
    bool throws = true;
    const Subscription of_ann = store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged&) {
      if (std::exchange(throws, false)) throw Enough();
    });
    Subscription of_bob = log.listen(store, bob);
    const Subscription of_cyd = log.listen(store, cyd);
    const std::vector<PresenceEvent> events = {says("john", "a", at(0)), says("mary", "b", at(0))};
    CHECK_THROWS_AS(store.dispatch(events.begin(), events.end()), Enough);
    CHECK(log.take() == "");
    if (by_watch) {
      store.unwatch(bob);
    } else {
      of_bob.reset();
    }
    store.advance(at(1));
    CHECK(log.take() == "cyd:john-a cyd:mary-b ");
  }
}

TEST_CASE("callbacks that throw repeatedly receive each change exactly once") {
  Store store;
  Log log;
  watch(store, ann, {"john", "mary"});
  watch(store, bob, {"john", "mary"});
  const auto throwing = [&](std::string name) {
    return [&log, name](const UserPresenceChanged& change) {
      log.lines += line(name, change);
      throw Enough();
    };
  };
  const Subscription one = store.subscribe<UserPresenceChanged>(ann, throwing("1"));
  const Subscription two = store.subscribe<UserPresenceChanged>(ann, throwing("2"));
  const Subscription three = store.subscribe<UserPresenceChanged>(bob, throwing("3"));
  const std::vector<PresenceEvent> events = {says("john", "a", at(0)), says("mary", "b", at(0))};
  CHECK_THROWS_AS(store.dispatch(events.begin(), events.end()), Enough);
  for (int i = 0; i < 5; ++i) CHECK_THROWS_AS(store.advance(at(1)), Enough);
  store.advance(at(1));
  CHECK(log.take() == "1:john-a 2:john-a 3:john-a 1:mary-b 2:mary-b 3:mary-b ");
}

#endif

namespace {

/// A simple model of which viewer watches which users.
struct Model {
  struct Watching {
    std::set<std::string> followed, users;
  };
  std::map<std::string, Watching> viewers;
  std::map<std::string, std::set<std::string>> channels;

  bool is_watching(const std::string& viewer, const std::string& user) const {
    const auto it = viewers.find(viewer);
    if (it == viewers.end()) return false;
    for (const std::string& cid : it->second.followed) {
      if (channels.at(cid).count(user) != 0) return true;
    }
    return it->second.users.count(user) != 0;
  }
  void end_watches_of(const std::string& cid) {
    for (auto& [id, watching] : viewers) {
      watching.followed.erase(cid);
    }
  }
};

}  // namespace

TEST_CASE("in random histories each viewer receives exactly the visible changes of the users they watch") {
  const Ids viewers = {"v0", "v1", "v2", user_id(0)};
  std::size_t told = 0;
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    Rules rules;
    rules.offline_grace = seconds(chance.below(2) == 0 ? 0 : 7);
    rules.hash_seed = chance.bits();
    Store store(rules);
    Model model;
    std::map<std::string, std::map<std::string, Changes>> heard;  // by viewer and user
    std::map<std::string, std::set<std::string>> delivered;       // viewers by user
    std::vector<Subscription> subscriptions;
    for (const std::string& id : viewers) {
      subscriptions.push_back(store.subscribe<UserPresenceChanged>(
          Viewer(id), [&heard, id](const UserPresenceChanged& change) { heard[id][change.id].push_back(change); },
          of_last_active()));
    }
    subscriptions.push_back(store.on_delivery(
        [&](const UserPresenceChanged& change, const Viewers& all) {
          CHECK(delivered.count(change.id) == 0);
          for (const Viewer viewer : all) CHECK(delivered[change.id].insert(std::string(viewer.id())).second);
        },
        of_last_active()));

    for (std::size_t step = 0; step < 400; ++step) {
      CAPTURE(step);
      const double second = static_cast<double>(step);
      const Snapshot before = store.snapshot();
      Model watched = model;  // at the time of the change
      const std::string viewer_id = viewers[chance.below(viewers.size())];
      const Viewer viewer(viewer_id);
      const std::string id = "room" + std::to_string(chance.below(3)), cid = "messaging:" + id;
      const auto some_users = [&] {
        Ids ids;
        for (std::size_t i = chance.below(5); i > 0; --i) ids.push_back(user_id(chance.below(8)));
        return ids;
      };
      switch (chance.below(16)) {
        case 0: store.advance(at(second)); break;
        case 1: {
          const Ids members = some_users();
          REQUIRE_FALSE(store.put(room(id, members)));
          model.channels[cid] = std::set<std::string>(members.begin(), members.end());
          break;
        }
        case 2:
        case 3: {
          WatchChannel asked;
          asked.type = "messaging";
          asked.id = id;
          asked.members = some_users();
          asked.presence = chance.below(4) != 0;
          const Result<Channel> channel = store.watch(asked, viewer);
          REQUIRE(channel.has_value());
          model.channels[cid] = std::set<std::string>(channel->members.begin(), channel->members.end());
          if (asked.presence) model.viewers[viewer_id].followed.insert(cid);
          break;
        }
        case 4: {
          UserQuery asked;
          asked.offset = chance.below(4);
          asked.limit = chance.below(4);
          asked.presence = true;
          for (const User& user : store.query_users(asked, viewer)) model.viewers[viewer_id].users.insert(user.id);
          break;
        }
        case 5: {
          ChannelQuery asked;
          asked.filter = contains("members", user_id(chance.below(8)));
          asked.presence = true;
          for (const Channel& channel : store.query_channels(asked, viewer)) {
            model.viewers[viewer_id].followed.insert(channel.cid());
          }
          break;
        }
        case 6:
          store.unwatch(viewer, cid);
          model.viewers[viewer_id].followed.erase(cid);
          break;
        case 7:
          if (chance.below(2) == 0) break;
          store.unwatch(viewer);
          model.viewers.erase(viewer_id);
          break;
        case 8:
          if (chance.below(3) != 0) break;
          store.remove_channel(cid);
          if (model.channels.count(cid) != 0) model.end_watches_of(cid);
          model.channels.erase(cid);
          break;
        case 9: {
          if (chance.below(6) == 0) {
            store.connection_lost();
            model.viewers.clear();
          } else if (chance.below(3) == 0) {
            std::vector<PresenceEvent> list;
            for (const std::string& user : some_users()) list.push_back(report(user, true, at(second)));
            store.resync(list.begin(), list.end(), at(second));
          }
          break;
        }
        // At the time of the store: one call causes at most one change of a user.
        default: store.dispatch(random_event(chance, second, 8, 2), store.snapshot().now().value_or(at(0))); break;
      }

      // Starting or ending a watch emits no change.
      const Snapshot after = store.snapshot();
      for (std::size_t i = 0; i < 8; ++i) {
        const std::string user = user_id(i);
        const std::optional<User> was = before.find(user), is = after.find(user);
        std::set<std::string> hearers;
        for (const std::string& hearer : viewers) {
          CHECK(store.watches().is_watching(Viewer(hearer), user) == model.is_watching(hearer, user));
          const Changes& changes = heard[hearer][user];
          if (was == is || !watched.is_watching(hearer, user)) {
            CHECK(changes.empty());
            continue;
          }
          hearers.insert(hearer);
          REQUIRE(changes.size() == 1);
          CHECK(text(changes[0].before) == text(was));
          CHECK(text(changes[0].after) == text(is));
          ++told;
        }
        CHECK(delivered[user] == hearers);
      }
      heard.clear();
      delivered.clear();
    }
  }
  CHECK(told > 1000);
}
