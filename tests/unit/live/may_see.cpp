// SPDX-License-Identifier: MIT
#include "../rooms.hpp"

#include <algorithm>
#include <memory>
#include <set>

using namespace support;

namespace {

const Viewer ann{"ann"}, bob{"bob"}, john{"john"}, mary{"mary"};

/// Ann may not see john and nobody may see mary, but for themselves.
StoreOptions with_blocks() {
  StoreOptions options;
  options.may_see = [](Viewer viewer, std::string_view user) {
    return user != "mary" && !(viewer.id() == "ann" && user == "john");
  };
  return options;
}
Ids ids_of(const std::vector<User>& users) {
  Ids ids;
  for (const User& user : users) ids.push_back(user.id);
  return ids;
}
Result<Channel> enter(Store& store, Viewer viewer, std::string id = "lobby") {
  WatchChannel asked;
  asked.type = "messaging";
  asked.id = std::move(id);
  return store.watch(asked, viewer);
}
DeliveryOptions within(double window) {
  DeliveryOptions options;
  options.coalesce = seconds(window);
  return options;
}

}  // namespace

TEST_CASE("a viewer does not know of a user whom they may not see") {
  Store store(Rules(), with_blocks());
  for (const char* id : {"john", "mary", "pete"}) store.dispatch(connect(id, "phone", at(0)));
  const auto knows = [&](Viewer viewer, std::string_view user) {
    const bool known = store.find(user, viewer).has_value();
    CHECK(store.view(user, viewer).has_value() == known);
    CHECK(store.online(user, viewer) == known);
    return known;
  };
  CHECK_FALSE(knows(ann, "john"));
  CHECK_FALSE(knows(Viewer("ann", "tab"), "john"));
  CHECK(knows(bob, "john"));
  CHECK(knows(nobody, "john"));
  CHECK(knows(ann, "pete"));
  for (const Viewer viewer : {ann, bob, john, nobody}) CHECK_FALSE(knows(viewer, "mary"));
  // Users always see themselves.
  CHECK(knows(mary, "mary"));
  CHECK(knows(Viewer("mary", "phone"), "mary"));
  // The host's snapshot has all.
  CHECK(store.snapshot().find("mary"));
  CHECK(store.snapshot().find("john", ann));
}

TEST_CASE("a rule that hides all users is asked for nobody as well, and never about the viewers themselves") {
  StoreOptions options;
  std::size_t asked_for_nobody = 0, asked_about_self = 0;
  options.may_see = [&](Viewer viewer, std::string_view user) {
    if (viewer == nobody) ++asked_for_nobody;
    if (!viewer.id().empty() && viewer.id() == user) ++asked_about_self;
    return false;
  };
  Store store(Rules(), options);
  store.dispatch(connect("john", "phone", at(0)));
  CHECK_FALSE(store.online("john"));
  CHECK_FALSE(store.find("", nobody));
  CHECK(store.online("john", john));
  CHECK(ids_of(store.query_users(UserQuery(), john)) == Ids{"john"});
  CHECK(store.query_users(UserQuery(), nobody).empty());
  CHECK(asked_for_nobody > 0);
  CHECK(asked_about_self == 0);
}

TEST_CASE("query_users applies offset and limit to the users whom the viewer may see") {
  Store store(Rules(), with_blocks());
  for (const char* id : {"jack", "john", "mary", "pete", "zoe"}) store.dispatch(connect(id, "phone", at(0)));
  UserQuery asked;
  CHECK(ids_of(store.query_users(asked, ann)) == Ids{"jack", "pete", "zoe"});
  CHECK(ids_of(store.query_users(asked, bob)) == Ids{"jack", "john", "pete", "zoe"});
  CHECK(ids_of(store.query_users(asked, mary)) == Ids{"jack", "john", "mary", "pete", "zoe"});
  asked.limit = 2;
  CHECK(ids_of(store.query_users(asked, ann)) == Ids{"jack", "pete"});
  asked.offset = 1;
  asked.presence = true;
  CHECK(ids_of(store.query_users(asked, ann)) == Ids{"pete", "zoe"});
  CHECK_FALSE(store.watches().is_watching(ann, "john"));
  asked.offset = 0;
  asked.filter = in("id", {"john", "mary", "zoe"});
  CHECK(ids_of(store.query_users(asked, ann)) == Ids{"zoe"});
  asked.filter = eq("online", true);
  asked.sort = {SortKey{"id", Order::descending}};
  CHECK(ids_of(store.query_users(asked, ann)) == Ids{"zoe", "pete"});
}

TEST_CASE("random queries give the same page as filtering all users by the rule first") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    std::set<std::string> hidden;
    StoreOptions options;
    options.may_see = [&hidden](Viewer, std::string_view user) { return hidden.count(std::string(user)) == 0; };
    Store store(Rules(), options);
    for (std::size_t i = 0; i < 30; ++i) {
      if (chance.below(3) == 0) hidden.insert(user_id(i));
      store.dispatch(report(user_id(i), chance.below(2) == 0, at(0)));
    }
    UserQuery asked;
    if (chance.below(2) == 0) asked.filter = eq("online", chance.below(2) == 0);
    if (chance.below(2) == 0) asked.sort = {SortKey{"online", Order::descending}};
    Ids expected;
    for (const User& user : query(store.snapshot(), asked, ann)) {
      if (hidden.count(user.id) == 0) expected.push_back(user.id);
    }
    asked.offset = chance.below(5);
    asked.limit = chance.below(12);
    const std::size_t begin = std::min(asked.offset, expected.size()),
                      end = std::min(begin + asked.limit, expected.size());
    expected =
        Ids(expected.begin() + static_cast<std::ptrdiff_t>(begin), expected.begin() + static_cast<std::ptrdiff_t>(end));
    CHECK(ids_of(store.query_users(asked, ann)) == expected);
  }
}

TEST_CASE("watcher lists and counts leave out users whom the viewer may not see") {
  Store store(Rules(), with_blocks());
  for (const Viewer viewer : {ann, bob, john, mary}) {
    store.dispatch(connect(std::string(viewer.id()), "phone", at(0)));
    CHECK(enter(store, viewer).has_value());
  }
  const auto listed = [&](Viewer viewer) {
    const Ids ids = ids_of(store.watchers("messaging:lobby", viewer));
    CHECK(store.watcher_count("messaging:lobby", viewer) == ids.size());
    return ids;
  };
  CHECK(listed(ann) == Ids{"ann", "bob"});
  CHECK(listed(bob) == Ids{"ann", "bob", "john"});
  CHECK(listed(nobody) == Ids{"ann", "bob", "john"});
  CHECK(listed(mary) == Ids{"ann", "bob", "john", "mary"});
  store.dispatch(invisibly("mary", "phone", at(1)));
  CHECK(listed(mary) == Ids{"ann", "bob", "john", "mary"});
}

TEST_CASE("viewers receive no notices about users whom they may not see") {
  Store store(Rules(), with_blocks());
  std::string heard;
  std::vector<Subscription> subscriptions;
  for (const Viewer viewer : {ann, bob, mary}) {
    const std::string who(viewer.id());
    store.watch_users(viewer, Ids{"john", "mary"});
    CHECK(enter(store, viewer).has_value());
    subscriptions.push_back(store.subscribe<UserPresenceChanged>(
        viewer, [&heard, who](const UserPresenceChanged& change) { heard += who + ":" + change.id + " "; }));
    subscriptions.push_back(store.subscribe<UserPresenceChanged>(
        viewer, [&heard, who](const UserPresenceChanged& change) { heard += who + ":later:" + change.id + " "; },
        within(5)));
    subscriptions.push_back(store.subscribe<WatchingStarted>(
        viewer, [&heard, who](const WatchingStarted& notice) { heard += who + ":+" + notice.user + " "; }));
    subscriptions.push_back(store.subscribe<WatchingStopped>(
        viewer, [&heard, who](const WatchingStopped& notice) { heard += who + ":-" + notice.user + " "; }));
  }
  const auto deliver = [&](const char* name, const DeliveryOptions& options) {
    return store.on_delivery(
        [&heard, name](const UserPresenceChanged& change, const Viewers& viewers) {
          heard += name;
          for (const Viewer viewer : viewers) heard += ":" + std::string(viewer.id());
          heard += ":" + change.id + " ";
        },
        options);
  };
  const Subscription at_once = deliver("all", {}), later = deliver("later", within(5));
  CHECK(enter(store, john).has_value());
  store.dispatch(connect("john", "phone", at(0)));
  CHECK(std::exchange(heard, {}) == "all:bob:mary:john bob:john mary:john bob:+john mary:+john ");
  store.advance(at(5));
  CHECK(std::exchange(heard, {}).find("ann") == std::string::npos);
  store.unwatch(john);
  CHECK(std::exchange(heard, {}) == "bob:-john mary:-john ");
  store.dispatch(connect("mary", "phone", at(6)));
  CHECK(std::exchange(heard, {}) == "all:mary:mary mary:mary ");
  store.advance(at(20));
  const std::string coalesced = std::exchange(heard, {});
  CHECK(coalesced.find("mary:later:mary") != std::string::npos);
  CHECK(coalesced.find("ann") == std::string::npos);
  CHECK(coalesced.find("bob") == std::string::npos);
}

TEST_CASE("on_delivery is not called for a change that no watching viewer may see") {
  Store store(Rules(), with_blocks());
  std::size_t deliveries = 0, changes = 0;
  const Subscription all = store.on_delivery([&](const UserPresenceChanged&, const Viewers&) { ++deliveries; });
  const Subscription later =
      store.on_delivery([&](const UserPresenceChanged&, const Viewers&) { ++deliveries; }, within(1));
  const Subscription each = store.on_change([&](const UserPresenceChanged&) { ++changes; });
  store.watch_users(ann, Ids{"john"});
  store.dispatch(connect("john", "phone", at(0)));
  store.advance(at(10));
  CHECK(deliveries == 0);
  CHECK(changes == 1);  // the rule does not apply to on_change
}

TEST_CASE("connection_lost does not notify viewers about users whom they may not see") {
  Store store(Rules::mirror(), with_blocks());
  store.dispatch(report("john", true, at(0)));
  std::string heard;
  std::vector<Subscription> subscriptions;
  for (const Viewer viewer : {ann, bob}) {
    store.watch_users(viewer, Ids{"john"});
    subscriptions.push_back(store.subscribe<UserPresenceChanged>(
        viewer, [&heard, who = std::string(viewer.id())](const UserPresenceChanged&) { heard += who + " "; }));
  }
  store.connection_lost();
  CHECK(heard == "bob ");
}

TEST_CASE("a rule whose answer changes applies from the next notice or query on") {
  bool is_blocked = false;
  StoreOptions options;
  options.may_see = [&](Viewer viewer, std::string_view user) {
    return !(is_blocked && viewer.id() == "ann" && user == "john");
  };
  Store store(Rules(), options);
  std::string heard;
  store.watch_users(ann, Ids{"john"});
  const Subscription at_once = store.subscribe<UserPresenceChanged>(
      ann, [&](const UserPresenceChanged& change) { heard += change.after->status + " "; });
  const Subscription later = store.subscribe<UserPresenceChanged>(
      ann, [&](const UserPresenceChanged& change) { heard += "later:" + change.after->status + " "; }, within(5));
  store.dispatch(says("john", "a", at(0)));
  CHECK(std::exchange(heard, {}) == "a ");
  is_blocked = true;
  store.advance(at(5));  // the rule is asked again at the end of the window
  CHECK(heard == "");
  store.dispatch(says("john", "b", at(6)));
  CHECK(heard == "");
  CHECK_FALSE(store.find("john", ann));
  CHECK(store.watches().is_watching(ann, "john"));
  is_blocked = false;
  store.advance(at(10));
  CHECK(heard == "");
  CHECK(store.find("john", ann));
  store.dispatch(says("john", "c", at(11)));
  CHECK(heard == "c ");
}

TEST_CASE("options with a rule can be copied, and share the callable") {
  const auto blocked = std::make_shared<std::set<std::string>>();
  StoreOptions options;
  CHECK_FALSE(options.may_see);
  CHECK(options.may_see(ann, "john"));
  options.may_see = [blocked](Viewer, std::string_view user) { return blocked->count(std::string(user)) == 0; };
  CHECK(options.may_see);
  CHECK(blocked.use_count() == 2);
  {
    const StoreOptions copy = options;
    Store one(Rules(), copy), two(Rules(), options);
    CHECK(blocked.use_count() == 2);
    blocked->insert("john");
    for (Store* const store : {&one, &two}) {
      store->dispatch(connect("john", "phone", at(0)));
      CHECK_FALSE(store->online("john", ann));
      CHECK(store->online("john", john));
    }
  }
  options.may_see = MaySee();
  CHECK_FALSE(options.may_see);
  CHECK(blocked.use_count() == 1);
}

TEST_CASE("a rule may be a function, mutable, and return what converts to bool") {
  StoreOptions options;
  options.may_see = +[](Viewer, std::string_view user) { return user == "john"; };
  CHECK(options.may_see(ann, "john"));
  CHECK_FALSE(options.may_see(ann, "mary"));
  options.may_see = [calls = 0](Viewer, std::string_view) mutable { return calls++; };
  CHECK_FALSE(options.may_see(ann, "john"));
  CHECK(options.may_see(ann, "john"));
}

TEST_CASE("without a rule viewers see all users") {
  Store store;
  store.dispatch(connect("john", "phone", at(0)));
  for (const Viewer viewer : {ann, john, nobody}) CHECK(store.online("john", viewer));
}
