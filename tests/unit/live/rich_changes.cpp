// SPDX-License-Identifier: MIT

// Deliveries of availabilities, activities and data: several deadlines in one advance, DeliveryOptions, coalescing.

#include "../rich.hpp"
#include "../rooms.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace support;

namespace {

const Viewer ann{"ann"};

/// "5 available{}>busy{on: "match"} ": the second, and what changed in it.
std::string line(const UserPresenceChanged& change) {
  const auto one = [](const std::optional<User>& user) {
    if (!user) return std::string("none");
    return std::string(to_string(user->availability)) + (user->status.empty() ? "" : "'" + user->status + "'") +
           (user->activity.empty() ? "" : text(user->activity)) + (user->data.empty() ? "" : "+" + text(user->data));
  };
  return std::to_string((change.at - at(0)).ns() / 1000000000) + " " + one(change.before) + ">" + one(change.after) +
         "; ";
}
struct Log {
  std::string lines;
  std::vector<Subscription> kept;
  std::string take() { return std::exchange(lines, {}); }
  void listen(Store& store, const DeliveryOptions& options = {}) {
    kept.push_back(store.subscribe<UserPresenceChanged>(
        ann, [this](const UserPresenceChanged& change) { lines += line(change); }, options));
  }
};

/// A store in which ann watches john, who is online.
struct Watched {
  Store store;
  Log log;
  explicit Watched(const Rules& rules = {}, const DeliveryOptions& options = {}) : store(rules) {
    store.watch_users(ann, Ids{"john"});
    store.dispatch(connect("john", "phone", at(0)));
    log.listen(store, options);
  }
};

}  // namespace

TEST_CASE("one advance over several deadlines of one user delivers one change for each, in order") {
  Rules rules = with_timeout(seconds(100));
  rules.idle_after = seconds(30);
  rules.offline_grace = seconds(10);
  Watched w(rules);
  w.store.dispatch(until(saying(chooses("john", Availability::busy, at(0)), "brb"), at(20)), at(0));
  w.log.take();
  w.store.dispatch(until(says("john", "lunch", at(1)), at(50)), at(1));
  w.store.dispatch(doing(being(update("john", "tv", at(2)), Availability::away), "film"), at(2));
  w.store.dispatch(disconnect("john", "tv", at(60)), at(2) + seconds(58));
  // Until here the deadlines at 20, 30 and 50 have passed.
  CHECK(w.log.take() ==
        "1 busy'brb'>busy'lunch'; 20 busy'lunch'>available'lunch'; 30 available'lunch'>away'lunch'{on: \"film\"}; "
        "50 away'lunch'{on: \"film\"}>away{on: \"film\"}; ");
  w.store.advance(at(1000));
  CHECK(w.log.take() == "70 away{on: \"film\"}>idle; 110 idle>offline; ");
}

TEST_CASE("the changes of several users come in the order of (timestamp, id)") {
  Rules rules = with_timeout(seconds(100));
  rules.idle_after = seconds(30);
  Store store(rules);
  for (const char* const id : {"c", "b", "a"}) store.dispatch(connect(id, "phone", at(0)));
  store.dispatch(until(chooses("a", Availability::busy, at(1)), at(30)));
  store.dispatch(until(chooses("b", Availability::busy, at(1)), at(60)));
  std::string lines;
  const Subscription subscription =
      store.on_change([&](const UserPresenceChanged& change) { lines += change.id + " " + line(change); });
  store.advance(at(90));
  CHECK(lines == "a 30 busy>idle; c 30 available>idle; b 60 busy>idle; ");
}

TEST_CASE("a viewer who does not want changes of one kind alone receives the others") {
  const Rules rules = with_timeout(seconds(1000));
  struct {
    bool availability, activity, data;
  } const cases[] = {{true, true, true},   {false, true, true},  {true, false, true},  {true, true, false},
                     {false, false, true}, {false, true, false}, {true, false, false}, {false, false, false}};
  for (const auto& wanted : cases) {
    DeliveryOptions options;
    options.availability_alone = wanted.availability;
    options.activity_alone = wanted.activity;
    options.data_alone = wanted.data;
    Watched w(rules, options);
    w.store.dispatch(chooses("john", Availability::busy, at(1)));
    CHECK(w.log.take() == (wanted.availability ? "1 available>busy; " : ""));
    w.store.dispatch(doing(update("john", "phone", at(2)), "match"));
    CHECK(w.log.take() == (wanted.activity ? "2 busy>busy{on: \"match\"}; " : ""));
    w.store.dispatch(sets("john", "n", 1, at(3)));
    CHECK(w.log.take() == (wanted.data ? "3 busy{on: \"match\"}>busy{on: \"match\"}+{n: 1}; " : ""));
    // Two kinds in one change: one of them is enough.
    w.store.dispatch(chooses("john", std::nullopt, at(4)));
    w.log.take();
    w.store.dispatch(doing(being(update("john", "phone", at(5)), Availability::away), "film"));
    CHECK(w.log.take().empty() == !(wanted.availability || wanted.activity));
    // These are always delivered: online, the status, and whether the user is known.
    w.store.dispatch(says("john", "hi", at(6)));
    CHECK(w.log.take() == "6 away{on: \"film\"}+{n: 1}>away'hi'{on: \"film\"}+{n: 1}; ");
    w.store.dispatch(disconnect("john", "phone", at(7)));
    CHECK(w.log.take() == "7 away'hi'{on: \"film\"}+{n: 1}>offline'hi'+{n: 1}; ");
    w.store.dispatch(removes("john", at(8)));
    CHECK(w.log.take() == "8 offline'hi'+{n: 1}>none; ");
    w.store.dispatch(sets("john", "n", 1, at(9)));
    CHECK(w.log.take() == "9 none>offline+{n: 1}; ");
  }
}

TEST_CASE("on_delivery has the same options, and on_change receives everything") {
  Watched w;
  DeliveryOptions options;
  options.activity_alone = options.data_alone = options.availability_alone = false;
  int delivered = 0, changed_ = 0;
  const Subscription first =
      w.store.on_delivery([&](const UserPresenceChanged&, const Viewers&) { ++delivered; }, options);
  const Subscription second = w.store.on_change([&](const UserPresenceChanged&) { ++changed_; });
  w.store.dispatch(chooses("john", Availability::busy, at(1)));
  w.store.dispatch(doing(update("john", "phone", at(2)), "match"));
  w.store.dispatch(sets("john", "n", 1, at(3)));
  CHECK(delivered == 0);
  CHECK(changed_ == 3);
  w.store.dispatch(says("john", "hi", at(4)));
  CHECK(delivered == 1);
}

TEST_CASE("activities within the window are delivered as one change, and none if they end as they began") {
  DeliveryOptions options;
  options.coalesce = seconds(5);
  Watched w(with_timeout(seconds(1000)), options);
  w.store.advance(at(10));
  w.log.take();
  w.store.dispatch(doing(update("john", "phone", at(10)), "a"));
  w.store.dispatch(doing(update("john", "phone", at(12)), "b"));
  w.store.dispatch(being(update("john", "phone", at(13)), Availability::busy));
  CHECK(w.log.take().empty());
  CHECK(w.store.next_wakeup() == at(15));
  w.store.advance(at(15));
  CHECK(w.log.take() == "13 available>busy{on: \"b\"}; ");
  w.store.dispatch(doing(update("john", "phone", at(20)), "c"));
  w.store.dispatch(sets("john", "n", 1, at(21)));
  w.store.dispatch(sets("john", "n", nullptr, at(22)));
  w.store.dispatch(doing(update("john", "phone", at(23)), "b"));
  w.store.advance(at(30));
  CHECK(w.log.take().empty());
}

TEST_CASE("a coalesced change that has become one of an unwanted kind alone is not delivered") {
  DeliveryOptions options;
  options.coalesce = seconds(5);
  options.activity_alone = false;
  Watched w(with_timeout(seconds(1000)), options);
  w.store.advance(at(10));
  w.log.take();
  w.store.dispatch(doing(saying(update("john", "phone", at(10)), "hi"), "a"));
  w.store.dispatch(doing(saying(update("john", "phone", at(11)), ""), "b"));
  w.store.advance(at(20));
  CHECK(w.log.take().empty());
  w.store.dispatch(doing(saying(update("john", "phone", at(20)), "hi"), "c"));
  w.store.advance(at(30));
  CHECK(w.log.take() == "20 available{on: \"b\"}>available'hi'{on: \"c\"}; ");
}

TEST_CASE("watchers of an invisible user receive nothing of their activity, availability or idleness") {
  Rules rules = with_timeout(seconds(100));
  rules.idle_after = seconds(30);
  Watched w(rules);
  w.store.dispatch(doing(being(update("john", "phone", at(1)), Availability::available), "match"));
  w.store.dispatch(hides("john", at(2)));
  w.log.take();
  for (const PresenceEvent& event :
       {doing(update("john", "phone", at(3)), "film"), being(update("john", "phone", at(3)), Availability::busy),
        chooses("john", Availability::away, at(3)), until(chooses("john", Availability::busy, at(4)), at(10)),
        acts("john", "tv", at(5)), doing(connect("john", "tv", at(5)), "match"), disconnect("john", "phone", at(6))}) {
    w.store.dispatch(event, at(6));
  }
  CHECK_FALSE(w.store.next_deadline());
  w.store.advance(at(90));
  CHECK(w.log.take().empty());
  w.store.dispatch(sets("john", "n", 1, at(91)));  // a publication
  CHECK(w.log.take() == "91 offline>offline+{n: 1}; ");
  w.store.dispatch(shows("john", at(92)));
  CHECK(w.log.take() == "92 offline+{n: 1}>idle{on: \"match\"}+{n: 1}; ");
}

TEST_CASE("a mirror that applies the changes as reports and removals sees what others see") {
  Chance chance(3);
  for (int history = 0; history < 60; ++history) {
    const Rules rules = random_rich_rules(chance);
    Store store(rules);
    store.advance(at(0));
    Snapshot mirror(Rules::mirror());
    Changes changes;
    const Subscription subscription =
        store.on_change([&](const UserPresenceChanged& change) { changes.push_back(change); });
    Timestamp now = at(0);
    for (int i = 0; i < 25; ++i) {
      if (chance.below(2) == 0) now = now + seconds(static_cast<double>(chance.below(20)));
      store.dispatch(random_rich_event(chance, now, 3), now);
    }
    for (std::size_t i = changes.size(); i > 1; --i) std::swap(changes[i - 1], changes[chance.below(i)]);
    for (const UserPresenceChanged& change : changes) {
      mirror = reduce(std::move(mirror),
                      change.after ? PresenceEvent::report(*change.after, change.at) : removes(change.id, change.at));
    }
    const Snapshot now_there = store.snapshot();
    for (const UserView user : now_there) CHECK(rich(mirror.find(user.id)) == rich(static_cast<User>(user)));
    CHECK(mirror.size() == now_there.size());
  }
}

TEST_CASE("a change tells which of its parts changed") {
  User before = seen_online("john", at(0));
  before.availability = Availability::available;
  const auto parts = [&before](User after) {
    UserPresenceChanged change;
    change.before = before;
    change.after = std::move(after);
    return std::string(change.online_changed() ? "online " : "") +
           (change.availability_changed() ? "availability " : "") + (change.activity_changed() ? "activity " : "") +
           (change.data_changed() ? "data " : "") + (change.status_changed() ? "status " : "") +
           (change.last_active_changed() ? "last_active " : "");
  };
  User after = before;
  CHECK(parts(after).empty());
  after.availability = Availability::offline;  // stands for available
  CHECK(parts(after).empty());
  after.availability = Availability::idle;
  CHECK(parts(after) == "availability ");
  after = before;
  after.activity = fields({{"on", 1}});
  CHECK(parts(after) == "activity ");
  after.data = fields({{"on", 1}});
  CHECK(parts(after) == "activity data ");
  before.data = fields({{"on", 1.0}});
  CHECK(parts(after) == "activity ");
  after.online = false;
  CHECK(parts(after) == "online availability activity ");
  UserPresenceChanged unknown;
  unknown.after = before;
  CHECK(unknown.online_changed());
  CHECK(unknown.availability_changed());
  CHECK(unknown.data_changed());
  CHECK_FALSE(unknown.activity_changed());
  unknown.after = seen_offline("john", std::nullopt);
  CHECK_FALSE(unknown.availability_changed());
}
