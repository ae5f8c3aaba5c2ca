// SPDX-License-Identifier: MIT
#include "../rooms.hpp"

#include <algorithm>

using namespace support;

namespace {

/// A client that keeps what its server notifies it about.
struct Mirror {
  Snapshot by_report{Rules::mirror()}, by_json{Rules::mirror()};

  void apply_report(const UserPresenceChanged& change) {
    const PresenceEvent event =
        change.after ? PresenceEvent::report(*change.after, change.at) : PresenceEvent::remove(change.id, change.at);
    CHECK(accepted(apply(by_report, event, [](const UserPresenceChangedView&) {})));
    const Result<PresenceEvent> read = parse_event(to_json(change));
    REQUIRE(read.has_value());
    CHECK(read->at == change.at);
    CHECK(accepted(apply(by_json, *read, [](const UserPresenceChangedView&) {})));
  }
};

DeliveryOptions of_last_active() {
  DeliveryOptions options;
  options.last_active_alone = true;
  return options;
}

void shuffle(Chance& chance, Changes& all) {
  for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[chance.below(i)]);
}

/// What everyone sees, without when they were last active.
std::vector<User> without_last_active(const Snapshot& s) {
  std::vector<User> all = views(s);
  for (User& user : all) user.last_active = std::nullopt;
  return all;
}

/// The changes of a store that all others, and that one viewer who watches everyone, received.
struct Received {
  Changes all, delivered, by_viewer;
  std::vector<Subscription> subscriptions;

  explicit Received(Store& store, const Ids& watched) {
    store.watch_users(Viewer("ann"), watched);
    subscriptions.push_back(store.on_change([this](const UserPresenceChanged& change) { all.push_back(change); }));
    subscriptions.push_back(store.on_delivery(
        [this](const UserPresenceChanged& change, const Viewers&) { delivered.push_back(change); }, of_last_active()));
    subscriptions.push_back(store.subscribe<UserPresenceChanged>(
        Viewer("ann"), [this](const UserPresenceChanged& change) { by_viewer.push_back(change); }, of_last_active()));
  }
};

const Ids everyone = {user_id(0), user_id(1), user_id(2), user_id(3), user_id(4), user_id(5)};

}  // namespace

TEST_CASE("changes of one frame that arrive in any order leave a mirror with the last one") {
  std::vector<PresenceEvent> events;
  for (int i = 0; i < 3; ++i) {
    events.push_back(connect("john", "phone", at(0)));
    events.push_back(says("john", "text " + std::to_string(i), at(0)));
    events.push_back(disconnect("john", "phone", at(0)));
  }
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Chance chance(seed);
    Store store;
    Received received(store, {"john"});
    store.dispatch(events.begin(), events.end());
    CHECK(received.all.size() >= 8);
    shuffle(chance, received.all);
    Mirror mirror;
    for (const UserPresenceChanged& change : received.all) mirror.apply_report(change);
    CHECK(text(views(mirror.by_report)) == text(views(store.snapshot())));
    CHECK(text(views(mirror.by_json)) == text(views(store.snapshot())));
  }
}

TEST_CASE("a mirror has the view of a user whose client's clock is ahead after every event") {
  const std::vector<PresenceEvent> events = {connect("john", "phone", at(50)), connect("mary", "phone", at(60)),
                                             says("john", "hi", at(1)),        disconnect("john", "phone", at(51)),
                                             says("john", "bye", at(3)),       says("mary", "hi", at(3))};
  for (std::size_t count = 1; count <= events.size(); ++count) {
    CAPTURE(count);
    Store store;
    Received received(store, {"john", "mary"});
    for (std::size_t i = 0; i < count; ++i) store.dispatch(events[i], at(static_cast<double>(i)));
    REQUIRE(received.all.size() == count);
    std::vector<std::size_t> order(count);
    for (std::size_t i = 0; i < count; ++i) order[i] = i;
    do {
      Mirror mirror;
      for (const std::size_t i : order) mirror.apply_report(received.all[i]);
      CHECK(text(views(mirror.by_report)) == text(views(store.snapshot())));
      CHECK(text(views(mirror.by_json)) == text(views(store.snapshot())));
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

TEST_CASE("in one frame, going invisible after a connect does not take back that connect") {
  for (const bool has_status : {false, true}) {
    CAPTURE(has_status);
    Store store;
    Received received(store, {"john"});
    store.dispatch(has_status ? saying(connect("john", "phone", at(0)), "hi") : connect("john", "phone", at(0)));
    store.dispatch(invisibly("john", "phone", at(0)));
    CHECK(text(store.find("john")) == text(seen_offline("john", at(0), has_status ? "hi" : "")));
    Mirror mirror;
    for (const UserPresenceChanged& change : received.all) mirror.apply_report(change);
    CHECK(text(views(mirror.by_report)) == text(views(store.snapshot())));
    CHECK(text(views(mirror.by_json)) == text(views(store.snapshot())));
  }
}

TEST_CASE("in random histories a mirror ends with the public view of the store, in whatever order changes arrive") {
  std::size_t moved = 0, changes = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    Rules rules = with_timeout(seconds(20));
    rules.offline_grace = seconds(chance.below(2) == 0 ? 0 : 5);
    rules.last_active_refresh = seconds(chance.below(2) == 0 ? 0 : 30);
    Store store(rules);
    Received received(store, everyone);
    double second = 1000;
    // A report cannot say that a user was never active. So those who may become invisible are seen once before.
    for (std::size_t i = 0; i < 2; ++i) store.dispatch(visibly(user_id(i), "session-0", at(second - 1)));
    for (std::size_t step = 0; step < 120; ++step) {
      if (chance.below(3) == 0) second += static_cast<double>(chance.below(15));
      const Timestamp now = at(second);
      PresenceEvent event = random_event(chance, second, 6, 2);
      // Those who may become invisible are dated by the store's clock: then nothing that others saw is taken back.
      const bool may_hide = event.user == user_id(0) || event.user == user_id(1);
      if (!may_hide) event.invisible = std::nullopt;
      const bool is_skewed = !may_hide && event.type != EventType::report && chance.below(3) == 0;
      event.at = is_skewed ? now + seconds(static_cast<double>(chance.below(121)) - 60) : now;
      if (event.type == EventType::report) event.last_active = std::nullopt;
      switch (chance.below(5)) {
        case 0: store.dispatch(event, now); break;
        case 1: {
          const std::vector<PresenceEvent> all = {event, says(event.user, "one", now), event,
                                                  heartbeat(event.user, "session-0", now)};
          store.dispatch(all.begin(), all.end(), now);
          break;
        }
        case 2: store.advance(now); break;
        default:
          if (is_skewed)
            store.dispatch(event, now);
          else
            store.dispatch(event);
          break;
      }
    }
    store.advance(at(second + 100));
    const std::vector<User> seen = views(store.snapshot());
    for (const Changes* const source : {&received.all, &received.delivered, &received.by_viewer}) {
      CHECK(text(*source) == text(received.all));
      for (std::size_t order = 0; order < 4; ++order) {
        Changes arriving = *source;
        if (order == 1) std::reverse(arriving.begin(), arriving.end());
        if (order > 1) shuffle(chance, arriving);
        if (order == 3) arriving.insert(arriving.end(), source->begin(), source->end());  // twice
        Mirror mirror;
        for (const UserPresenceChanged& change : arriving) mirror.apply_report(change);
        CHECK(text(views(mirror.by_report)) == text(seen));
        CHECK(text(views(mirror.by_json)) == text(seen));
      }
    }
    changes += received.all.size();
    for (const UserPresenceChanged& change : received.all) moved += change.at.ns() % 1000 != 0 ? 1u : 0u;
  }
  CHECK(changes > 3000);
  CHECK(moved > 300);
}

TEST_CASE("with late invisibility, lists and merges, a mirror still ends with who is online and their statuses") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    const Rules rules = with_timeout(seconds(20));
    Store store(rules);
    Received received(store, everyone);
    double second = 1000;
    store.advance(at(second));
    for (std::size_t step = 0; step < 120; ++step) {
      if (chance.below(3) == 0) second += static_cast<double>(chance.below(15));
      const Timestamp now = at(second);
      PresenceEvent event = random_event(chance, second, 6, 2);
      if (chance.below(3) != 0) event.at = now + seconds(static_cast<double>(chance.below(121)) - 60);
      switch (chance.below(9)) {
        case 0: {
          std::vector<PresenceEvent> list;
          for (const std::string& id : everyone) {
            if (chance.below(2) == 0) list.push_back(report(id, true, now));
          }
          if (chance.below(2) == 0)
            store.resync(list.begin(), list.end(), now + seconds(30));
          else
            store.resync(list.begin(), list.end());
          break;
        }
        case 1: CHECK_FALSE(store.merge(folded(rules, {event}), now)); break;
        case 2: store.dispatch(event, now + seconds(1)); break;
        case 3:
          if (chance.below(4) == 0) {
            store.connection_lost();
            store.watch_users(Viewer("ann"), everyone);
          }
          break;
        default: store.dispatch(event, now); break;
      }
    }
    store.advance(at(second + 100));
    Changes arriving = received.all;
    for (std::size_t order = 0; order < 3; ++order) {
      if (order > 0) shuffle(chance, arriving);
      Mirror mirror;
      for (const UserPresenceChanged& change : arriving) mirror.apply_report(change);
      for (const Snapshot* const s : {&mirror.by_report, &mirror.by_json})
        CHECK(text(without_last_active(*s)) == text(without_last_active(store.snapshot())));
    }
  }
}
