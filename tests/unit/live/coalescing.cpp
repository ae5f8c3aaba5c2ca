// SPDX-License-Identifier: MIT
#include "../rooms.hpp"

#include <map>

using namespace support;

namespace {

const Viewer ann{"ann"}, bob{"bob"}, cyd{"cyd"};

DeliveryOptions within(double window, bool last_active_alone = false) {
  DeliveryOptions options;
  options.coalesce = seconds(window);
  options.last_active_alone = last_active_alone;
  return options;
}
/// "who:user(before>after) ", with the status of a user who is known.
std::string line(std::string_view who, const UserPresenceChanged& change) {
  const auto state = [](const std::optional<User>& user) {
    return !user ? std::string("?") : (user->online ? "+" : "-") + user->status;
  };
  return std::string(who) + ":" + change.id + "(" + state(change.before) + ">" + state(change.after) + ") ";
}
struct Log {
  std::string lines;
  std::string take() { return std::exchange(lines, {}); }
  Subscription listen(Store& store, Viewer viewer, const DeliveryOptions& options) {
    return store.subscribe<UserPresenceChanged>(
        viewer,
        [this, who = std::string(viewer.id())](const UserPresenceChanged& change) { lines += line(who, change); },
        options);
  }
  Subscription deliver(Store& store, const DeliveryOptions& options) {
    return store.on_delivery(
        [this](const UserPresenceChanged& change, const Viewers& viewers) {
          for (const Viewer viewer : viewers) lines += line(viewer.id(), change);
          lines += "| ";
        },
        options);
  }
};

}  // namespace

TEST_CASE("changes of one user within the window are delivered as one when it has passed") {
  Store store;
  store.watch_users(ann, Ids{"john"});
  Changes heard;
  const Subscription subscription = store.subscribe<UserPresenceChanged>(
      ann, [&](const UserPresenceChanged& change) { heard.push_back(change); }, within(5));
  store.dispatch(connect("john", "phone", at(1)));
  store.dispatch(says("john", "a", at(2)));
  store.dispatch(says("john", "b", at(5)));
  CHECK(store.next_wakeup() == at(6));  // later changes do not extend the window
  store.advance(at(6) - tick);
  CHECK(heard.empty());
  store.advance(at(6));
  CHECK(text(heard) == text(Changes{changed(at(5), std::nullopt, seen_online("john", at(1), "b"))}));
  CHECK(store.next_wakeup() == at(41));
  store.advance(at(20));
  CHECK(heard.size() == 1);
}

TEST_CASE("a user who returns to the same state within the window causes no notification") {
  Store store;
  Log log;
  store.watch_users(ann, Ids{"john"});
  store.dispatch(connect("john", "phone", at(0)));
  const Subscription of_ann = log.listen(store, ann, within(5)), of_all = log.deliver(store, within(5));
  store.dispatch(disconnect("john", "phone", at(1)));
  store.dispatch(connect("john", "phone", at(3)));
  store.dispatch(says("john", "a", at(3)));
  store.dispatch(says("john", "", at(4)));
  store.advance(at(20));
  CHECK(log.take() == "");
  // Last_active differs, for those who want it.
  const Subscription of_bob = log.listen(store, bob, within(5, true));
  store.watch_users(bob, Ids{"john"});
  store.dispatch(disconnect("john", "phone", at(21)));
  store.dispatch(connect("john", "phone", at(22)));
  store.advance(at(30));
  CHECK(log.take() == "bob:john(+>+) ");
  store.dispatch(says("john", "a", at(31)));
  store.dispatch(says("john", "", at(31)));
  store.advance(at(40));
  CHECK(log.take() == "");
}

TEST_CASE("a user who returns to the same state does not delay the changes of other users") {
  Store store;
  Log log;
  store.watch_users(ann, Ids{"john", "mary", "pete"});
  for (const char* id : {"john", "mary", "pete"}) store.dispatch(report(id, false, at(0)));
  const Subscription of_ann = log.listen(store, ann, within(5));
  const std::vector<PresenceEvent> events = {says("john", "a", at(1)), says("john", "", at(1)),
                                             says("mary", "b", at(1)), says("pete", "c", at(2))};
  store.dispatch(events.begin(), events.end());
  SUBCASE("at its due time") {
    store.advance(at(6));
    CHECK(log.take() == "ann:mary(->-b) ");
    store.advance(at(7));
    CHECK(log.take() == "ann:pete(->-c) ");
  }
  SUBCASE("in one step") {
    store.advance(at(100));
    CHECK(log.take() == "ann:mary(->-b) ann:pete(->-c) ");
    CHECK(store.next_wakeup() == std::nullopt);
  }
  SUBCASE("nor do changes without viewers") {
    const Subscription of_all = log.deliver(store, within(2));
    store.dispatch(says("john", "x", at(3)));
    store.dispatch(says("mary", "y", at(3)));
    store.unwatch_users(ann, Ids{"john"});
    store.advance(at(100));
    CHECK(log.take() == "ann:mary(-b>-y) | ann:mary(->-y) ann:pete(->-c) ");
  }
}

TEST_CASE("a change at the end of a window begins the next one") {
  Store store;
  Log log;
  store.watch_users(ann, Ids{"john"});
  const Subscription of_ann = log.listen(store, ann, within(5));
  store.dispatch(says("john", "a", at(0)));
  store.dispatch(says("john", "b", at(5)));
  CHECK(log.take() == "ann:john(?>-a) ");
  CHECK(store.next_wakeup() == at(10));
  store.advance(at(10));
  CHECK(log.take() == "ann:john(-a>-b) ");
  // Several windows in one call.
  const std::vector<PresenceEvent> events = {says("john", "c", at(20)), says("john", "d", at(24)),
                                             says("john", "e", at(25)), says("john", "f", at(40))};
  store.dispatch(events.begin(), events.end());
  CHECK(log.take() == "ann:john(-b>-d) ann:john(-d>-e) ");
  store.advance(at(45));
  CHECK(log.take() == "ann:john(-e>-f) ");
}

TEST_CASE("listeners with different windows receive the same changes, each at its time") {
  Store store;
  Log log;
  for (const Viewer viewer : {ann, bob, cyd}) store.watch_users(viewer, Ids{"john", "mary"});
  const Subscription of_ann = log.listen(store, ann, within(0)), of_bob = log.listen(store, bob, within(2)),
                     of_cyd = log.listen(store, cyd, within(6));
  store.dispatch(says("john", "a", at(0)));
  CHECK(log.take() == "ann:john(?>-a) ");
  store.dispatch(says("mary", "x", at(1)));
  CHECK(log.take() == "ann:mary(?>-x) ");
  CHECK(store.next_wakeup() == at(2));
  store.advance(at(2));
  CHECK(log.take() == "bob:john(?>-a) ");
  store.dispatch(says("john", "b", at(2)));
  CHECK(log.take() == "ann:john(-a>-b) ");
  CHECK(store.next_wakeup() == at(3));
  store.advance(at(3));
  CHECK(log.take() == "bob:mary(?>-x) ");
  store.advance(at(100));
  CHECK(log.take() == "bob:john(-a>-b) cyd:john(?>-b) cyd:mary(?>-x) ");
}

TEST_CASE("on_delivery coalesces for all viewers at once") {
  Store store;
  Log log;
  for (const Viewer viewer : {ann, bob}) store.watch_users(viewer, Ids{"john"});
  const Subscription of_all = log.deliver(store, within(2)), at_once = log.deliver(store, within(0));
  store.dispatch(says("john", "a", at(0)));
  store.dispatch(says("john", "b", at(1)));
  CHECK(log.take() == "ann:john(?>-a) bob:john(?>-a) | ann:john(-a>-b) bob:john(-a>-b) | ");
  store.advance(at(2));
  CHECK(log.take() == "ann:john(?>-b) bob:john(?>-b) | ");
}

TEST_CASE("a window of 0 or less delivers at once") {
  for (const double window : {0.0, -1.0}) {
    Store store;
    Log log;
    store.watch_users(ann, Ids{"john"});
    const Subscription of_ann = log.listen(store, ann, within(window));
    store.dispatch(says("john", "a", at(0)));
    CHECK(log.take() == "ann:john(?>-a) ");
    CHECK_FALSE(store.next_wakeup());
  }
}

TEST_CASE("the longest window never ends by itself, and connection_lost delivers what waits") {
  Store store;
  Log log;
  store.watch_users(ann, Ids{"john", "mary"});
  DeliveryOptions options;
  options.coalesce = Duration::highest();
  const Subscription of_ann = log.listen(store, ann, options);
  store.dispatch(says("john", "a", at(0)));
  store.dispatch(says("mary", "b", at(0)));
  CHECK_FALSE(store.next_wakeup());
  store.advance(at(1e8));
  CHECK(log.take() == "");
  store.connection_lost();
  CHECK(log.take() == "ann:john(?>-a) ann:mary(?>-b) ");
}

TEST_CASE("changes of last_active alone are coalesced for those who want them, and begin no window for others") {
  Store store;
  Log log;
  store.dispatch(connect("john", "phone", at(0)));
  for (const Viewer viewer : {ann, bob}) store.watch_users(viewer, Ids{"john"});
  const Subscription of_ann = log.listen(store, ann, within(5)), of_bob = log.listen(store, bob, within(5, true));
  store.dispatch(connect("john", "phone", at(1)));
  store.dispatch(connect("john", "phone", at(2)));
  store.dispatch(says("john", "a", at(4)));
  store.advance(at(6));
  CHECK(log.take() == "bob:john(+>+a) ");
  store.advance(at(9) - tick);
  CHECK(log.take() == "");
  store.advance(at(9));
  CHECK(log.take() == "ann:john(+>+a) ");
}

TEST_CASE("the window begins at the time of the store, even if a client's clock is ahead") {
  Store store;
  Log log;
  store.watch_users(ann, Ids{"john"});
  const Subscription of_ann = log.listen(store, ann, within(5));
  REQUIRE(store.dispatch(says("john", "a", at(4)), at(1)) == Verdict::applied);
  CHECK(store.next_wakeup() == at(6));
  store.advance(at(6));
  CHECK(log.take() == "ann:john(?>-a) ");
}

TEST_CASE("a viewer who starts to watch within the window receives only what happened since") {
  Store store;
  Log log;
  store.watch_users(ann, Ids{"john"});
  const Subscription of_all = log.deliver(store, within(5)), of_bob = log.listen(store, bob, within(5));
  store.dispatch(says("john", "a", at(0)));
  store.watch_users(bob, Ids{"john"});
  store.advance(at(3));
  SUBCASE("nothing") {
    store.advance(at(10));
    CHECK(log.take() == "ann:john(?>-a) | ");
  }
  SUBCASE("another state") {
    store.dispatch(says("john", "b", at(4)));
    store.advance(at(5));
    CHECK(log.take() == "ann:john(?>-b) | bob:john(-a>-b) | ");
    store.advance(at(9));
    CHECK(log.take() == "bob:john(-a>-b) ");
  }
  SUBCASE("a state that was left again") {
    store.dispatch(says("john", "b", at(4)));
    store.dispatch(says("john", "a", at(4)));
    store.advance(at(20));
    CHECK(log.take() == "ann:john(?>-a) | ");
  }
}

TEST_CASE("a viewer who starts to watch between two changes of one call receives the later ones") {
  Store store;
  Log log;
  store.watch_users(ann, Ids{"john"});
  bool is_first = true;
  const Subscription starting = store.on_change([&](const UserPresenceChanged&) {
    if (!std::exchange(is_first, false)) return;
    store.dispatch(says("john", "b", at(1)));
    store.watch_users(bob, Ids{"john"});
    store.dispatch(says("john", "c", at(2)));
  });
  const Subscription of_all = log.deliver(store, within(5)), of_bob = log.listen(store, bob, within(7));
  store.dispatch(says("john", "a", at(0)));
  store.advance(at(20));
  CHECK(log.take() == "ann:john(?>-c) | bob:john(-b>-c) | bob:john(-b>-c) ");
}

TEST_CASE("a viewer who stops watching within the window receives nothing") {
  for (const bool again : {false, true}) {
    CAPTURE(again);
    Store store;
    Log log;
    for (const Viewer viewer : {ann, bob}) store.watch_users(viewer, Ids{"john"});
    const Subscription of_all = log.deliver(store, within(5)), of_ann = log.listen(store, ann, within(5)),
                       of_bob = log.listen(store, bob, within(5));
    store.dispatch(says("john", "a", at(0)));
    store.unwatch(bob);
    if (again) store.watch_users(bob, Ids{"john"});
    store.advance(at(10));
    CHECK(log.take() == "ann:john(?>-a) | ann:john(?>-a) ");
    store.unwatch(ann);
    store.advance(at(20));
    CHECK(log.take() == "");
  }
}

TEST_CASE("a viewer who is unwatched in a callback receives no further coalesced changes") {
  Store store;
  Log log;
  store.watch_users(ann, Ids{"john"});
  const Subscription of_all = store.on_delivery(
      [&](const UserPresenceChanged& change, const Viewers& viewers) {
        for (const Viewer viewer : viewers) log.lines += line(viewer.id(), change);
        store.unwatch(bob);
      },
      within(5));
  store.dispatch(says("john", "a", at(0)));
  store.watch_users(bob, Ids{"john"});
  store.dispatch(says("john", "b", at(1)));
  store.advance(at(10));
  CHECK(log.take() == "ann:john(?>-b) ");
}

TEST_CASE("connection_lost delivers what waits and what it causes, to those who watched until then") {
  Store store(Rules::mirror());
  Log log;
  store.dispatch(report("john", true, at(0)));
  store.dispatch(report("mary", true, at(0)));
  store.watch_users(ann, Ids{"john", "mary"});
  const Subscription of_ann = log.listen(store, ann, within(5)), of_all = log.deliver(store, within(5));
  store.dispatch(saying(report("john", true, at(1)), "a"));
  store.connection_lost();
  const std::string heard = log.take();
  CHECK(heard.find("ann:john(+>+a) ") != std::string::npos);
  CHECK(heard.find("ann:john(+a>-a) ") > heard.find("ann:john(+>+a) "));
  CHECK(heard.find("ann:mary(+>-) ") != std::string::npos);
  CHECK_FALSE(store.next_wakeup());
  store.advance(at(100));
  CHECK(log.take() == "");
}

TEST_CASE("a subscription that ends within the window receives nothing, and next_wakeup ignores it") {
  Store store;
  Log log;
  store.watch_users(ann, Ids{"john"});
  Subscription one = log.listen(store, ann, within(5)), two = log.listen(store, ann, within(7)),
               all = log.deliver(store, within(6));
  store.dispatch(says("john", "a", at(0)));
  CHECK(store.next_wakeup() == at(5));
  one.reset();
  CHECK(store.next_wakeup() == at(6));
  all.reset();
  CHECK(store.next_wakeup() == at(7));
  two.reset();
  CHECK_FALSE(store.next_wakeup());
  store.advance(at(10));
  CHECK(log.take() == "");
}

TEST_CASE("a subscription may end inside its own coalesced callback") {
  Store store;
  std::size_t heard = 0;
  store.watch_users(ann, Ids{"john", "mary"});
  Subscription subscription;
  subscription = store.subscribe<UserPresenceChanged>(
      ann,
      [&](const UserPresenceChanged&) {
        ++heard;
        subscription.reset();
      },
      within(5));
  store.dispatch(says("john", "a", at(0)));
  store.dispatch(says("mary", "a", at(0)));
  store.advance(at(10));
  CHECK(heard == 1);
  CHECK_FALSE(store.next_wakeup());
}

#if defined(__cpp_exceptions)

TEST_CASE("if a coalesced callback throws, the other coalesced changes are delivered by the next call") {
  struct Enough {};
  Store store;
  Log log;
  for (const Viewer viewer : {ann, bob}) store.watch_users(viewer, Ids{"john", "mary"});
  const Subscription of_ann = store.subscribe<UserPresenceChanged>(
      ann,
      [&](const UserPresenceChanged& change) {
        log.lines += line("ann", change);
        throw Enough();
      },
      within(5));
  const Subscription of_bob = log.listen(store, bob, within(5));
  store.dispatch(says("john", "a", at(0)));
  store.dispatch(says("mary", "b", at(0)));
  CHECK_THROWS_AS(store.advance(at(10)), Enough);
  CHECK(log.take() == "ann:john(?>-a) ");
  CHECK_THROWS_AS(store.advance(at(10)), Enough);
  store.advance(at(10));
  const std::string rest = log.take();
  for (const char* each : {"ann:mary(?>-b) ", "bob:john(?>-a) ", "bob:mary(?>-b) "}) {
    CHECK(rest.find(each) != std::string::npos);
    CHECK(rest.find(each) == rest.rfind(each));
  }
  CHECK(rest.find("ann:john") == std::string::npos);
}

#endif

TEST_CASE("in random histories, one large advance delivers the same coalesced changes as many small ones") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    Rules rules;
    if (seed % 2 == 0) rules.offline_grace = seconds(3);
    Store large(rules), small(rules);
    std::map<std::string, std::string> of_large, of_small;  // by receiver
    std::vector<Subscription> subscriptions;
    const double windows[] = {0, 1, 2.5, 17};
    const auto listen = [&](Store& store, std::map<std::string, std::string>& heard) {
      for (std::size_t i = 0; i < 4; ++i) {
        const std::string name = "v" + std::to_string(i);
        store.watch_users(Viewer(name), Ids{user_id(0), user_id(1), user_id(2)});
        subscriptions.push_back(store.subscribe<UserPresenceChanged>(
            Viewer(name), [&heard, name](const UserPresenceChanged& change) { heard[name] += text(Changes{change}); },
            within(windows[i], i % 2 == 0)));
      }
      subscriptions.push_back(store.on_delivery(
          [&heard](const UserPresenceChanged& change, const Viewers& viewers) {
            heard["all"] += std::to_string(viewers.size()) + text(Changes{change});
          },
          within(4)));
    };
    listen(large, of_large);
    listen(small, of_small);
    double second = 0;
    for (std::size_t step = 0; step < 80; ++step) {
      CAPTURE(step);
      const double next = second + static_cast<double>(chance.below(400)) / 10;
      for (double t = second; t < next; t += 0.05) small.advance(at(t));
      second = next;
      small.advance(at(second));
      large.advance(at(second));
      for (std::size_t i = chance.below(4); i > 0; --i) {
        const PresenceEvent event = random_event(chance, second + 29, 3, 2);
        CHECK(large.dispatch(event, at(second)) == small.dispatch(event, at(second)));
      }
      const bool is_same = of_large == of_small;
      REQUIRE(is_same);
    }
    CHECK(of_large["all"].size() > 100);
  }
}

TEST_CASE("a host that sleeps until next_wakeup delivers each coalesced change at its time") {
  Store store;
  store.watch_users(ann, Ids{"john", "mary"});
  std::string lines;
  const Subscription of_ann = store.subscribe<UserPresenceChanged>(
      ann,
      [&](const UserPresenceChanged& change) {
        lines += line("ann", change) + to_string(*store.snapshot().now()) + "\n";
      },
      within(5));
  store.dispatch(connect("john", "phone", at(0)));
  store.dispatch(says("mary", "a", at(3)));
  store.dispatch(says("mary", "b", at(4)));
  std::size_t wakeups = 0;
  while (const std::optional<Timestamp> next = store.next_wakeup()) {
    REQUIRE(++wakeups < 10);
    store.advance(*next);
  }
  CHECK(wakeups == 4);
  CHECK(lines == "ann:john(?>+) " + to_string(at(5)) + "\nann:mary(?>-b) " + to_string(at(8)) + "\nann:john(+>-) " +
                     to_string(at(45)) + "\n");
}
