// SPDX-License-Identifier: MIT
#include "../rooms.hpp"

#include <map>
#include <set>
#include <tuple>

using namespace support;

namespace {

const Viewer ann{"ann"}, bob{"bob"};

void put(Store& store, std::string id, Ids members) {
  REQUIRE_FALSE(store.put(room(std::move(id), std::move(members))));
}
void follow(Store& store, Viewer viewer, std::string id) {
  WatchChannel asked;
  asked.type = "messaging";
  asked.id = std::move(id);
  asked.presence = true;
  CHECK(store.watch(asked, viewer).has_value());
}
void follow_found(Store& store, Viewer viewer, std::string id) {
  ChannelQuery asked;
  asked.filter = eq("id", id);
  asked.presence = true;
  store.query_channels(asked, viewer);
}
Subscription listen(Store& store, Viewer viewer, Ids& heard, Duration coalesce = {}) {
  DeliveryOptions options;
  options.coalesce = coalesce;
  return store.subscribe<UserPresenceChanged>(
      viewer, [&heard](const UserPresenceChanged& change) { heard.push_back(change.id + ":" + change.after->status); },
      options);
}

}  // namespace

TEST_CASE("query_channels with presence follows later joins and leaves, and without presence nothing") {
  Store store;
  put(store, "lobby", {"john"});
  ChannelQuery asked;
  CHECK(store.query_channels(asked, ann).size() == 1);
  CHECK(store.watches() == Watches());
  asked.presence = true;
  CHECK(store.query_channels(asked, ann).size() == 1);
  Ids heard;
  const Subscription subscription = listen(store, ann, heard);
  put(store, "lobby", {"mary"});
  store.dispatch(says("john", "a", at(0)));
  store.dispatch(says("mary", "b", at(0)));
  CHECK(heard == Ids{"mary:b"});
  // A later query does not take the members as of an earlier one.
  follow_found(store, bob, "lobby");
  CHECK(store.watches().is_watching(bob, "mary"));
  CHECK_FALSE(store.watches().is_watching(bob, "john"));
  // It is not a watch of the channel.
  store.dispatch(connect("ann", "phone", at(1)));
  CHECK(store.watcher_count("messaging:lobby") == 0);
  store.remove_channel("messaging:lobby");
  CHECK(store.watches() == Watches());
}

TEST_CASE("a query without a limit finds and watches all users and channels") {
  Store store;
  constexpr std::size_t count = 3000;
  for (std::size_t i = 0; i < count; ++i) {
    store.dispatch(report(user_id(i), true, at(0)));
    put(store, user_id(i), {"member-" + user_id(i)});
  }
  UserQuery users;
  users.presence = true;
  CHECK(store.query_users(users, ann).size() == count);
  CHECK(store.watches().watched_count() == count);
  ChannelQuery channels;
  channels.presence = true;
  CHECK(store.query_channels(channels, bob).size() == count);
  CHECK(store.watches().watched_count() == 2 * count);
}

TEST_CASE("a viewer who goes from one channel to another in a callback receives the pending changes") {
  for (const std::size_t others : {0u, 1u, 2u, 5u}) {
    for (const bool by_query : {false, true}) {
      CAPTURE(others);
      CAPTURE(by_query);
      Store store;
      put(store, "old", {"john"});
      put(store, "new", {"john"});
      follow(store, ann, "old");
      for (std::size_t i = 0; i < others; ++i) {
        put(store, user_id(i), {"john"});
        follow(store, bob, user_id(i));
      }
      Ids heard;
      bool is_first = true;
      const Subscription moving = store.on_change([&](const UserPresenceChanged&) {
        if (!std::exchange(is_first, false)) return;
        by_query ? follow_found(store, ann, "new") : follow(store, ann, "new");
        store.unwatch(ann, "messaging:old");
      });
      const Subscription subscription = listen(store, ann, heard);
      const std::vector<PresenceEvent> events = {says("pete", "x", at(0)), says("john", "a", at(0)),
                                                 says("john", "b", at(1))};
      store.dispatch(events.begin(), events.end());
      store.dispatch(says("john", "c", at(2)));
      CHECK(heard == Ids{"john:a", "john:b", "john:c"});
    }
  }
}

TEST_CASE("a viewer who goes from a channel to watch_users, or back, in a callback receives the pending changes") {
  for (const bool back : {false, true}) {
    for (const bool is_removed : {false, true}) {
      CAPTURE(back);
      CAPTURE(is_removed);
      Store store;
      put(store, "lobby", {"john"});
      put(store, "other", {"john"});
      follow(store, bob, "other");
      const auto enter = [&](bool channel) {
        channel ? follow(store, ann, "lobby") : store.watch_users(ann, Ids{"john"});
      };
      enter(!back);
      Ids heard;
      bool is_first = true;
      const Subscription moving = store.on_change([&](const UserPresenceChanged&) {
        if (!std::exchange(is_first, false)) return;
        enter(back);
        if (back) {
          store.unwatch_users(ann, Ids{"john"});
        } else if (is_removed) {
          store.remove_channel("messaging:lobby");
        } else {
          store.unwatch(ann, "messaging:lobby");
        }
      });
      const Subscription subscription = listen(store, ann, heard);
      const std::vector<PresenceEvent> events = {says("pete", "x", at(0)), says("john", "a", at(0))};
      store.dispatch(events.begin(), events.end());
      CHECK(heard == Ids{"john:a"});
    }
  }
}

TEST_CASE("a member who goes from one followed channel to another in a callback is watched throughout") {
  Store store;
  put(store, "old", {"john", "mary"});
  put(store, "new", {"mary"});
  follow(store, ann, "old");
  follow(store, ann, "new");
  Ids heard;
  bool is_first = true;
  const Subscription moving = store.on_change([&](const UserPresenceChanged&) {
    if (!std::exchange(is_first, false)) return;
    put(store, "new", {"mary", "john"});
    put(store, "old", {});
  });
  const Subscription subscription = listen(store, ann, heard);
  const std::vector<PresenceEvent> events = {says("pete", "x", at(0)), says("john", "a", at(0)),
                                             says("mary", "b", at(0))};
  store.dispatch(events.begin(), events.end());
  CHECK(heard == Ids{"john:a", "mary:b"});
}

TEST_CASE("a viewer who goes from one watch to another while a coalesced change waits receives it once") {
  Store store;
  put(store, "old", {"john"});
  put(store, "new", {"john"});
  put(store, "third", {"john"});
  follow(store, ann, "old");
  follow(store, bob, "third");
  Ids heard;
  const Subscription subscription = listen(store, ann, heard, seconds(1));
  store.dispatch(says("john", "a", at(0)));
  follow(store, ann, "new");
  store.unwatch(ann, "messaging:old");
  store.watch_users(ann, Ids{"john"});
  store.unwatch(ann, "messaging:new");
  store.advance(at(10));
  CHECK(heard == Ids{"john:a"});
}

namespace {

/// A simple model of which viewer watches which users.
struct Model {
  std::map<std::string, std::set<std::string>> members;   // by channel
  std::map<std::string, std::set<std::string>> followed;  // channels by viewer
  std::map<std::string, std::set<std::string>> users;     // of watch_users by viewer

  bool is_watching(const std::string& viewer, const std::string& user) const {
    const auto own = users.find(viewer);
    if (own != users.end() && own->second.count(user) != 0) return true;
    const auto channels = followed.find(viewer);
    if (channels == followed.end()) return false;
    for (const std::string& id : channels->second) {
      const auto channel = members.find(id);
      if (channel != members.end() && channel->second.count(user) != 0) return true;
    }
    return false;
  }
};

enum class Via { viewers, deliveries };

/// Random calls inside and outside of callbacks. Each viewer keeps what they see of each user they watch: what the
/// store returned when the watch began, then what each change says. A change that is lost or repeated breaks the chain.
struct Driver {
  const Ids viewers = {"v0", "v1", "v2"};
  const std::size_t user_count = 4;
  Chance chance;
  bool keeps_all;  // no watch of a user ends without another one
  Store store;
  Model model;
  std::map<std::pair<std::string, std::string>, std::optional<User>> seen;  // by viewer and user
  std::map<std::pair<std::string, std::string>, Timestamp> latest;
  std::vector<Subscription> subscriptions;
  double second = 0;
  std::size_t received = 0, in_callbacks = 0, broken = 0;
  int depth = 0;

  Driver(std::uint64_t seed, bool all, Via via, const std::vector<Duration>& windows) : chance(seed), keeps_all(all) {
    REQUIRE_FALSE(store.put(room("all", {user_id(0), user_id(1), user_id(2), user_id(3)})));
    model.members["all"] = {user_id(0), user_id(1), user_id(2), user_id(3)};
    for (const std::string& id : viewers) {
      follow(store, Viewer(id), "all");
      model.followed[id].insert("all");
    }
    note_starts(Model());
    subscriptions.push_back(store.on_change([this](const UserPresenceChanged&) { act_in_callback(); }));
    DeliveryOptions options;
    options.last_active_alone = true;
    if (via == Via::deliveries) {
      options.coalesce = windows[0];
      subscriptions.push_back(store.on_delivery(
          [this](const UserPresenceChanged& change, const Viewers& all_viewers) {
            for (const Viewer viewer : all_viewers) receive(std::string(viewer.id()), change);
            act_in_callback();
          },
          options));
      return;
    }
    for (std::size_t i = 0; i < viewers.size(); ++i) {
      options.coalesce = windows[i % windows.size()];
      subscriptions.push_back(store.subscribe<UserPresenceChanged>(
          Viewer(viewers[i]),
          [this, id = viewers[i]](const UserPresenceChanged& change) {
            receive(id, change);
            act_in_callback();
          },
          options));
    }
  }

  void receive(const std::string& viewer, const UserPresenceChanged& change) {
    ++received;
    const auto key = std::make_pair(viewer, change.id);
    const auto known = seen.find(key);
    const bool is_later = latest.count(key) == 0 || latest[key] < change.at;
    const bool is_chained = known != seen.end() && text(known->second) == text(change.before);
    if (!(is_chained && is_later) && ++broken == 1) {
      FAIL_CHECK(viewer << std::string(is_later ? "" : ", after a change dated " + to_string(latest[key]) + ",")
                        << " saw " << (known == seen.end() ? "nothing" : text(known->second)) << " but received "
                        << text(Changes{change}));
    }
    seen[key] = change.after;
    latest[key] = change.at;
  }
  void note_starts(const Model& before) {
    for (const std::string& viewer : viewers) {
      for (std::size_t i = 0; i < user_count; ++i) {
        const std::string user = user_id(i);
        const auto key = std::make_pair(viewer, user);
        const bool was = before.is_watching(viewer, user), is = model.is_watching(viewer, user);
        if (was && !is) seen.erase(key), latest.erase(key);
        if (!was && is) seen[key] = store.find(user);
        CHECK(store.watches().is_watching(Viewer(viewer), user) == is);
      }
    }
  }
  bool may_become(const Model& next) const {
    if (!keeps_all) return true;
    for (const std::string& viewer : viewers) {
      for (std::size_t i = 0; i < user_count; ++i) {
        if (!next.is_watching(viewer, user_id(i))) return false;
      }
    }
    return true;
  }
  void change_watches() {
    const std::string viewer_id = viewers[chance.below(viewers.size())], user = user_id(chance.below(user_count));
    const Viewer viewer(viewer_id);
    const std::string id = chance.below(4) == 0 ? "all" : "room" + std::to_string(chance.below(3));
    Model next = model;
    switch (chance.below(8)) {
      case 0:
      case 1:
        next.followed[viewer_id].insert(id);
        next.members[id];
        if (!may_become(next)) return;
        std::swap(model, next);
        follow(store, viewer, id);
        break;
      case 2:
      case 3:
        next.followed[viewer_id].erase(id);
        if (!may_become(next)) return;
        std::swap(model, next);
        store.unwatch(viewer, "messaging:" + id);
        break;
      case 4:
        next.users[viewer_id].insert(user);
        if (!may_become(next)) return;
        std::swap(model, next);
        store.watch_users(viewer, Ids{user, user});
        break;
      case 5:
        next.users[viewer_id].erase(user);
        if (!may_become(next)) return;
        std::swap(model, next);
        store.unwatch_users(viewer, Ids{user});
        break;
      case 6: {
        Ids members;
        for (std::size_t i = 0; i < user_count; ++i) {
          if (chance.below(3) != 0) members.push_back(user_id(i));
        }
        next.members[id] = std::set<std::string>(members.begin(), members.end());
        if (!may_become(next)) return;
        std::swap(model, next);
        put(store, id, members);
        break;
      }
      default:
        next.members.erase(id);
        for (const std::string& each : viewers) next.followed[each].erase(id);
        if (!may_become(next)) return;
        std::swap(model, next);
        store.remove_channel("messaging:" + id);
        break;
    }
    note_starts(next);
  }
  void send() {
    const std::string user = user_id(chance.below(user_count)), session = chance.below(2) == 0 ? "phone" : "tv";
    const Timestamp when = at(second);
    switch (chance.below(5)) {
      case 0: store.dispatch(connect(user, session, when)); break;
      case 1: store.dispatch(disconnect(user, session, when)); break;
      case 2: store.dispatch(invisibly(user, session, when, chance.below(2) == 0)); break;
      default: store.dispatch(says(user, chance.below(2) == 0 ? "busy" : "away", when)); break;
    }
  }
  void act_in_callback() {
    if (in_callbacks >= 6) return;
    ++in_callbacks;
    for (std::size_t i = chance.below(4); i > 0; --i) chance.below(3) == 0 ? send() : change_watches();
  }
  void step() {
    in_callbacks = 0;
    switch (chance.below(4)) {
      case 0: change_watches(); break;
      case 1:
        second += static_cast<double>(chance.below(40)) / 10;
        store.advance(at(second));
        break;
      case 2: {
        std::vector<PresenceEvent> events;
        for (std::size_t i = chance.below(5); i > 0; --i) {
          const std::string user = user_id(chance.below(user_count));
          second += 0.1;
          events.push_back(chance.below(2) == 0 ? says(user, std::to_string(chance.below(3)), at(second))
                                                : connect(user, "phone", at(second)));
        }
        store.dispatch(events.begin(), events.end());
        break;
      }
      default: send(); break;
    }
  }
  void finish() {
    in_callbacks = 100;
    second += 1000;
    store.advance(at(second));
    for (const std::string& viewer : viewers) {
      for (std::size_t i = 0; i < user_count; ++i) {
        const std::string user = user_id(i);
        if (!model.is_watching(viewer, user)) continue;
        const auto known = seen.find({viewer, user});
        REQUIRE(known != seen.end());
        CHECK(text(known->second) == text(store.find(user)));
      }
    }
  }
};

std::size_t received_in_histories(bool keeps_all, Via via, const std::vector<Duration>& windows) {
  std::size_t received = 0, failed = 0;
  for (std::uint64_t seed = 1; seed <= 60 && failed == 0; ++seed) {
    CAPTURE(seed);
    Driver driver(seed, keeps_all, via, windows);
    for (int i = 0; i < 120 && driver.broken == 0; ++i) {
      CAPTURE(i);
      driver.step();
    }
    if (driver.broken == 0) driver.finish();
    failed += driver.broken;
    received += driver.received;
  }
  return received;
}

}  // namespace

TEST_CASE("in random histories, watches that replace each other in callbacks lose and repeat no change") {
  CHECK(received_in_histories(true, Via::viewers, {Duration()}) > 5000);
}
TEST_CASE(
    "in random histories, watches that replace each other while coalesced changes wait lose and repeat no change") {
  CHECK(received_in_histories(true, Via::viewers, {seconds(2), seconds(20), Duration()}) > 3000);
}
TEST_CASE("in random histories, on_delivery lists each viewer once for each change while watches replace each other") {
  CHECK(received_in_histories(true, Via::deliveries, {Duration()}) > 5000);
  CHECK(received_in_histories(true, Via::deliveries, {seconds(3)}) > 2000);
}
TEST_CASE("in random histories, a watch that begins or ends in a callback receives exactly the changes in between") {
  CHECK(received_in_histories(false, Via::viewers, {Duration()}) > 2000);
}
TEST_CASE("in random histories, coalesced changes start from what the viewer saw when the watch began") {
  CHECK(received_in_histories(false, Via::viewers, {seconds(2), seconds(20), Duration()}) > 1000);
}
TEST_CASE("in random histories, on_delivery starts from what each viewer saw when the watch began") {
  CHECK(received_in_histories(false, Via::deliveries, {Duration()}) > 2000);
  CHECK(received_in_histories(false, Via::deliveries, {seconds(3)}) > 1000);
}
