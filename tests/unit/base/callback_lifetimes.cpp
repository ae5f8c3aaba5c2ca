// SPDX-License-Identifier: MIT
// Callbacks of a Store that unsubscribe themselves or each other, or remove what they were called for.

#include "../telling.hpp"

#include <memory>

using namespace support;

namespace {

void watch(Store& store, Viewer viewer, std::vector<std::string> ids) {
  CHECK_FALSE(store.put(Channel{"friends", "of-" + std::string(viewer.id()), std::move(ids), {}}));
  WatchChannel asked;
  asked.type = "friends";
  asked.id = "of-" + std::string(viewer.id());
  asked.presence = true;
  CHECK(store.watch(asked, viewer).has_value());
}

const char* const long_id = "an id that is too long to be kept inside a string";

/// Counts its instances, so that a leaked callback is found.
struct Counted {
  explicit Counted(int& count) : count_(&count) { ++*count_; }
  Counted(const Counted& other) : count_(other.count_) { ++*count_; }
  ~Counted() { --*count_; }

 private:
  int* count_;
};

}  // namespace

TEST_CASE("a callback may reset its own subscription, which destroys the callback and what it owns") {
  int alive = 0;
  for (const std::string& viewer : {std::string("john"), std::string(long_id)}) {
    for (const bool is_delivery : {false, true}) {
      Store store;
      watch(store, Viewer(viewer), {"mary"});
      auto own = std::make_shared<Subscription>();
      int calls = 0;
      const auto act = [&calls, own, counted = Counted(alive)] {
        own->reset();
        ++calls;
      };
      *own = is_delivery
                 ? store.on_delivery([act](const UserPresenceChanged&, const Viewers&) { act(); })
                 : store.subscribe<UserPresenceChanged>(Viewer(viewer), [act](const UserPresenceChanged&) { act(); });
      store.dispatch(connect("mary", "tv", at(0)));
      store.dispatch(says("mary", "here", at(1)));
      CHECK(calls == 1);
      CHECK_FALSE(own->is_active());
    }
  }
  CHECK(alive == 0);
}

TEST_CASE("a callback that unsubscribes itself may own subscriptions that would be called next") {
  for (const std::size_t owned : std::vector<std::size_t>{1, 2, 5}) {
    for (const std::size_t others : std::vector<std::size_t>{0, 1, 3}) {
      for (const bool is_delivery : {false, true}) {
        for (const bool is_first : {false, true}) {
          Store store;
          watch(store, Viewer("john"), {"mary"});
          int calls = 0, of_others = 0;
          const auto subscribe = [&](auto call) {
            return is_delivery ? store.on_delivery([call](const UserPresenceChanged&, const Viewers&) { call(); })
                               : store.subscribe<UserPresenceChanged>(Viewer("john"),
                                                                      [call](const UserPresenceChanged&) { call(); });
          };
          auto held = std::make_shared<std::vector<Subscription>>();
          Subscription owner;
          std::vector<Subscription> rest;
          const auto add_owned = [&] {
            for (std::size_t i = 0; i < owned; ++i) held->push_back(subscribe([&calls] { ++calls; }));
          };
          if (is_first) add_owned();
          // Destroying it destroys the subscriptions it holds: there is no other owner.
          owner = subscribe([&owner, held] { owner = Subscription(); });
          if (!is_first) add_owned();
          for (std::size_t i = 0; i < others; ++i) rest.push_back(subscribe([&of_others] { ++of_others; }));
          held.reset();
          store.dispatch(connect("mary", "tv", at(0)));
          CHECK(calls == static_cast<int>(is_first ? owned : 0));
          CHECK(of_others == static_cast<int>(others));
          store.dispatch(disconnect("mary", "tv", at(1)));
          CHECK(calls == static_cast<int>(is_first ? owned : 0));
          CHECK(of_others == static_cast<int>(2 * others));
        }
      }
    }
  }
}

TEST_CASE("a subscription may be move-assigned from one owned by its own callback") {
  Store store;
  watch(store, Viewer("john"), {"mary"});
  int calls = 0;
  auto other = std::make_unique<Subscription>(
      store.subscribe<UserPresenceChanged>(Viewer("john"), [&calls](const UserPresenceChanged&) { ++calls; }));
  Subscription* const lies_in_callback = other.get();
  Subscription subscription = store.subscribe<UserPresenceChanged>(
      Viewer("john"), [kept = std::shared_ptr<Subscription>(std::move(other))](const UserPresenceChanged&) {});
  subscription = std::move(*lies_in_callback);
  CHECK(subscription.is_active());
  store.dispatch(connect("mary", "tv", at(0)));
  CHECK(calls == 1);
  Subscription& same = subscription;
  subscription = std::move(same);
  CHECK(subscription.is_active());
  store.dispatch(disconnect("mary", "tv", at(1)));
  CHECK(calls == 2);
}

TEST_CASE("a callback may add subscriptions for many viewers and dispatch") {
  Store store;
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < 40; ++i) ids.push_back(i % 2 == 0 ? user_id(i) : long_id + std::to_string(i));
  for (const std::string& id : ids) watch(store, Viewer(id), {"mary"});
  std::vector<Subscription> all;
  std::size_t calls = 0;
  all.push_back(store.on_delivery([&](const UserPresenceChanged& change, const Viewers& viewers) {
    for (const Viewer viewer : viewers) {
      all.push_back(store.subscribe<UserPresenceChanged>(viewer, [&calls](const UserPresenceChanged&) { ++calls; }));
      all.push_back(store.on_delivery([&calls](const UserPresenceChanged&, const Viewers&) { ++calls; }));
    }
    store.dispatch(says(change.id, "again", at(1)));
  }));
  store.dispatch(connect("mary", "tv", at(0)));
  CHECK(calls > 0);
  all.clear();
  calls = 0;
  store.dispatch(says("mary", "nobody hears of it", at(2)));
  CHECK(calls == 0);
}

TEST_CASE("a callback may modify its store in any way while using its arguments") {
  for (std::size_t act = 0; act < 14; ++act) {
    for (const std::string& viewer : {std::string("john"), std::string(long_id)}) {
      for (const bool keeps_order : {false, true}) {
        StoreOptions options;
        options.keep_order_of_frame = keeps_order;
        Rules rules;
        rules.forget_after = seconds(100);
        Store store(rules, options);
        store.advance(at(0));
        watch(store, Viewer(viewer), {"mary", "jack", long_id});
        watch(store, Viewer("ann"), {"mary", "jack", long_id});
        std::vector<Subscription> more;
        std::vector<Viewers> kept;
        int calls = 0;
        std::string told;
        const auto react = [&](const UserPresenceChanged& change, const Viewers& viewers) {
          if (++calls > 6) return;
          const Timestamp when = at(calls);
          const Viewer first = viewers[0];
          switch (act) {
            case 0: store.unwatch(first); break;
            case 1: store.unwatch(first, "friends:of-" + std::string(first.id())); break;
            case 2: store.connection_lost(); break;
            case 3: store.remove_channel("friends:of-" + std::string(first.id())); break;
            case 4:
              CHECK_FALSE(store.put(Channel{"friends", "of-" + std::string(first.id()), {change.id + "!"}, {}}));
              break;
            case 5:
              store.dispatch(
                  PresenceEventView::set_status(change.id, change.after ? change.after->status : change.id, when));
              break;
            case 6: store.dispatch(PresenceEventView::connect(first.id(), change.id, when)); break;
            case 7: store.advance(at(200)); break;
            case 8: {
              const PresenceEventView events[] = {PresenceEventView::report(change.id, false, when),
                                                  PresenceEventView::set_status(change.id, first.id(), when)};
              store.dispatch(events, events + 2);
              store.resync(events, events + 1, when);
              break;
            }
            case 9:
              CHECK_FALSE(store.merge(
                  reduce(store.snapshot(), PresenceEventView::set_status(change.id, "merged", when)), when));
              break;
            case 10:
              more.push_back(
                  store.subscribe<UserPresenceChanged>(first, [&calls](const UserPresenceChanged&) { ++calls; }));
              break;
            case 11: more.clear(); break;
            case 12: {
              UserQuery everybody;
              everybody.presence = true;
              store.query_users(everybody, first);
              CHECK(store.watch(WatchChannel{"new", std::to_string(calls), {change.id}, true}, first).has_value());
              break;
            }
            default: store.watches().each_viewer_of(change.id, [&](Viewer one) { store.unwatch(one); }); break;
          }
          kept.push_back(viewers);
          told += change.id;
          for (const Viewer one : viewers) told += one.id();
        };
        more.push_back(store.subscribe<UserPresenceChanged>(
            Viewer(viewer), [&](const UserPresenceChanged& change) { told += change.id; }));
        const Subscription first = store.on_delivery(react);
        more.push_back(store.on_delivery([&](const UserPresenceChanged& change, const Viewers& viewers) {
          told += change.id;
          for (const Viewer one : viewers) told += one.id();
        }));
        store.dispatch(connect("mary", "tv", at(0)));
        store.dispatch(saying(connect(long_id, "tv", at(1)), "a text that is too long to be kept in place"));
        store.advance(at(41));
        CHECK(calls > 0);
        for (const Viewers& viewers : kept) CHECK(viewers.size() > 0);
        CHECK(told.find("mary") != std::string::npos);
      }
    }
  }
}
