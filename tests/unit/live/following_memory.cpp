// SPDX-License-Identifier: MIT

// How the memory of a store grows, above all that of a channel whose members all watch it. Replaces the allocator of
// its program by one that counts.

#include <doctest/doctest.h>
#include <presence/live/store.hpp>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace {

struct Counted {
  std::size_t held = 0, most = 0, total = 0;  // bytes
};
Counted counted;

constexpr std::size_t header = 16;  // before each block, for its size

}  // namespace

// Not inline: GCC would see only one of a pair of these, and take it for a mistake.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  auto* const block = static_cast<unsigned char*>(std::malloc(bytes + header));
  if (block == nullptr) std::abort();
  std::memcpy(block, &bytes, sizeof bytes);
  counted.total += bytes;
  counted.held += bytes;
  if (counted.held > counted.most) counted.most = counted.held;
  return block + header;
}
[[gnu::noinline]] void operator delete(void* given) noexcept {
  if (given == nullptr) return;
  auto* const block = static_cast<unsigned char*>(given) - header;
  std::size_t bytes = 0;
  std::memcpy(&bytes, block, sizeof bytes);
  counted.held -= bytes;
  std::free(block);
}
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept { ::operator delete(block); }

namespace {

using namespace presence;

const Timestamp start = Timestamp::from_ms(1546858800000);

struct Taken {
  double held = 0;   // more than before
  double most = 0;   // the most that was held meanwhile
  double total = 0;  // of all allocations
};
template <class Call>
Taken taken_by(Call call) {
  const Counted before = counted;
  counted.most = counted.held;
  call();
  Taken taken;
  taken.held = static_cast<double>(counted.held) - static_cast<double>(before.held);
  taken.most = static_cast<double>(counted.most) - static_cast<double>(before.held);
  taken.total = static_cast<double>(counted.total - before.total);
  return taken;
}

/// A channel of so many members who all watch it, and what it takes.
struct Crowd {
  std::vector<std::string> ids;
  Store store;
  Taken made;

  explicit Crowd(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) ids.push_back("a member with a long id " + std::to_string(i + 100000));
    for (const std::string& id : ids) store.dispatch(PresenceEvent::connect(id, "phone", start));
    made = taken_by([this] {
      put("old");
      watch("old");
    });
  }
  void put(const char* id) { CHECK_FALSE(store.put(Channel{"messaging", id, ids, {}})); }
  void watch(const char* id) {
    WatchChannel asked;
    asked.type = "messaging";
    asked.id = id;
    asked.presence = true;
    for (const std::string& member : ids) CHECK(store.watch(asked, Viewer(member)).has_value());
  }
};
/// How much more twice as many members take.
template <class Measure>
double growth(Measure measure) {
  const double few = measure(1000), many = measure(2000);
  CAPTURE(few);
  CAPTURE(many);
  CHECK(few > 0);
  return many / few;
}
constexpr double linear = 2.5;

DeliveryOptions within_an_hour() {
  DeliveryOptions options;
  options.coalesce = Duration::from_s(3600);
  return options;
}

}  // namespace

TEST_CASE("the memory of a channel that all its members watch grows linearly with their number") {
  CHECK(growth([](std::size_t count) { return Crowd(count).made.held; }) < linear);
  CHECK(growth([](std::size_t count) { return Crowd(count).made.most; }) < linear);
}

TEST_CASE("the allocations for one change of a member grow linearly with the number of viewers") {
  CHECK(growth([](std::size_t count) {
          Crowd crowd(count);
          std::size_t notified = 0;
          const Subscription all = crowd.store.on_delivery(
              [&](const UserPresenceChanged&, const Viewers& viewers) { notified += viewers.size(); });
          const Taken taken =
              taken_by([&] { crowd.store.dispatch(PresenceEvent::set_status(crowd.ids[0], "hi", start)); });
          CHECK(notified == count);
          return taken.total;
        }) < linear);
}

TEST_CASE("the allocations for replacing the members of a channel grow linearly with their number") {
  CHECK(growth([](std::size_t count) {
          Crowd crowd(count);
          return taken_by([&] {
                   CHECK_FALSE(crowd.store.put(Channel{"messaging", "old", {"john"}, {}}));
                   crowd.put("old");
                 })
              .total;
        }) < linear);
}

TEST_CASE("while a coalesced change waits, memory grows linearly as all members go to another channel") {
  for (const bool by_put : {false, true}) {
    CAPTURE(by_put);
    CHECK(growth([&](std::size_t count) {
            Crowd crowd(count);
            crowd.put("new");
            const Subscription later =
                crowd.store.on_delivery([](const UserPresenceChanged&, const Viewers&) {}, within_an_hour());
            crowd.store.dispatch(PresenceEvent::set_status(crowd.ids[0], "hi", start));
            return taken_by([&] {
                     crowd.watch("new");
                     if (by_put) {
                       CHECK_FALSE(crowd.store.put(Channel{"messaging", "old", {}, {}}));
                     } else {
                       for (const std::string& id : crowd.ids) crowd.store.unwatch(Viewer(id), "messaging:old");
                     }
                   })
                .most;
          }) < linear);
  }
}

TEST_CASE("while a coalesced change waits, the allocations for unwatching a channel grow linearly with its members") {
  CHECK(growth([](std::size_t count) {
          Crowd crowd(count);
          const Subscription later =
              crowd.store.on_delivery([](const UserPresenceChanged&, const Viewers&) {}, within_an_hour());
          crowd.store.dispatch(PresenceEvent::set_status(crowd.ids[0], "hi", start));
          return taken_by([&] {
                   for (const std::string& id : crowd.ids) crowd.store.unwatch(Viewer(id), "messaging:old");
                 })
              .total;
        }) < linear);
}

TEST_CASE("the memory of connection_lost grows linearly with the number of viewers") {
  CHECK(growth([](std::size_t count) {
          Crowd crowd(count);
          const Subscription all = crowd.store.on_delivery([](const UserPresenceChanged&, const Viewers&) {});
          for (const std::string& id : crowd.ids) {
            crowd.store.dispatch(PresenceEvent::report(id, true, start));
            crowd.store.dispatch(PresenceEvent::disconnect(id, "phone", start + Duration::from_s(1)));
          }
          return taken_by([&] { crowd.store.connection_lost(); }).most;
        }) < linear);
}

TEST_CASE("the allocations of connection_lost grow linearly with the number of users whose changes wait") {
  for (const bool at_once : {false, true}) {
    CAPTURE(at_once);
    CHECK(growth([&](std::size_t count) {
            Store store;
            std::vector<std::string> ids;
            for (std::size_t i = 0; i < count; ++i)
              ids.push_back("a user with a long id " + std::to_string(i + 100000));
            store.watch_users(Viewer("john"), ids);
            std::size_t received = 0;
            const Subscription changes = store.subscribe<UserPresenceChanged>(
                Viewer("john"), [&](const UserPresenceChanged&) { ++received; },
                at_once ? DeliveryOptions() : within_an_hour());
            for (const std::string& id : ids) {
              store.dispatch(PresenceEvent::report(id, true, start));
              store.dispatch(PresenceEvent::set_status(id, "hi", start));
            }
            CHECK(received == (at_once ? 2 * count : 0));
            received = 0;
            const Taken taken = taken_by([&] { store.connection_lost(); });
            CHECK(received == (at_once ? count : 2 * count));  // what waited, and that all are offline
            return taken.total;
          }) < linear);
  }
}
