// SPDX-License-Identifier: MIT

// One allocation fails in any call of a Store. Replaces the allocator of its program by one that counts and can fail.

// An index out of bounds ends the program, where the standard library can check it.
#ifndef _GLIBCXX_ASSERTIONS
#define _GLIBCXX_ASSERTIONS 1
#endif

#include <doctest/doctest.h>
#include <presence/live/store.hpp>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t never_fails = static_cast<std::size_t>(-1);
struct Memory {
  std::size_t blocks = 0, asked = 0;
  std::size_t fails_at = never_fails;  // the number of the allocation that fails, once
};
Memory memory;

}  // namespace

// Not inline: GCC would see only one of a pair of these, and take it for a mistake.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
#if defined(__cpp_exceptions)
  if (memory.asked++ == memory.fails_at) throw std::bad_alloc();
#endif
  void* const block = std::malloc(bytes == 0 ? 1 : bytes);
  if (block == nullptr) std::abort();
  ++memory.blocks;
  return block;
}
[[gnu::noinline]] void operator delete(void* block) noexcept {
  if (block == nullptr) return;
  --memory.blocks;
  std::free(block);
}
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept { ::operator delete(block); }

#if defined(__cpp_exceptions)

namespace {

using namespace presence;
using Ids = std::vector<std::string>;

Timestamp at(int seconds) { return Timestamp::from_ms(1546858800000) + Duration::from_s(seconds); }

/// Ids on the heap, so that each copy is an allocation.
std::string long_id(const char* name) {
  return std::string("an id that is too long to be kept inside a string: ") + name;
}
const std::string john = long_id("john"), mary = long_id("mary"), jack = long_id("jack"), zoe = long_id("zoe"),
                  bob = long_id("bob"), tab = long_id("tab"), lobby = "messaging:" + long_id("lobby");

/// What a Store holds after a call.
struct Held {
  Watches watches;
  Ids watchers;
};
Held held_by(const Store& store) {
  Held held;
  held.watches = store.watches();
  for (const User& user : store.watchers(lobby)) held.watchers.push_back(user.id);
  return held;
}

/// A history of calls. One allocation of one of them fails. The host catches that, may call again, and goes on.
class History {
 public:
  History(bool coalesces, bool repeats, std::size_t failing_step, std::size_t fails_at)
      : repeats_(repeats), failing_step_(failing_step), fails_at_(fails_at) {
    if (coalesces) options_.coalesce = Duration::from_s(5);
  }
  bool has_failed() const { return has_failed_; }
  std::size_t steps() const { return held.size(); }

  std::vector<Held> held;  // after each call
  std::size_t changes = 0, ends = 0;

  void run() {
    const Ids all = {mary, jack, zoe};
    call([this] { keep(store_.subscribe<UserPresenceChanged>(Viewer(john, tab), Ignore(), options_)); });
    call([this] { keep(store_.on_change([this](const UserPresenceChanged&) { ++changes; })); });
    call([this] { keep(store_.on_session_ended([this](const SessionEnded&) { ++ends; })); });
    call([this] { keep(store_.on_delivery([](const UserPresenceChanged&, const Viewers&) {}, options_)); });
    call([this] { keep(store_.subscribe<WatchingStarted>(Viewer(john, tab), [](const WatchingStarted&) {})); });
    call([this] { keep(store_.subscribe<WatchingStopped>(Viewer(john, tab), [](const WatchingStopped&) {})); });
    call([this] { store_.dispatch(PresenceEvent::connect(john, tab, at(0))); });
    call([&] { store_.watch_users(Viewer(john, tab), all); });
    call([&] { store_.watch_users(Viewer(bob), all); });
    call([this] { watch(Viewer(john, tab)); });
    call([this] { watch(Viewer(mary)); });
    call([this] { watch(Viewer(bob)); });
    call([this] { store_.dispatch(PresenceEvent::connect(mary, tab, at(1))); });
    call([this] { store_.dispatch(PresenceEvent::connect(jack, tab, at(2)), at(2)); });
    call([&] { store_.unwatch_users(Viewer(john, tab), all); });
    call([this] { put({mary, bob}); });
    call([this] { store_.dispatch(PresenceEvent::set_status(mary, long_id("hi"), at(3))); });
    call([this] { store_.unwatch(Viewer(bob), lobby); });
    call([this] { put({mary, jack, john}); });
    call([this] {
      ChannelQuery query;
      query.presence = true;
      static_cast<void>(store_.query_channels(query, Viewer(bob)));
    });
    call([this] {
      UserQuery query;
      query.presence = true;
      static_cast<void>(store_.query_users(query, Viewer(bob)));
    });
    call([this] { store_.dispatch(PresenceEvent::disconnect(mary, tab, at(4))); });
    call([this] { store_.dispatch(PresenceEvent::connect(mary, tab, at(5))); });
    call([this] { store_.unwatch(Viewer(mary)); });
    call([this] { store_.dispatch(PresenceEvent::heartbeat(john, tab, at(20))); });
    call([this] {
      const std::vector<PresenceEvent> list = {PresenceEvent::report(mary, true, at(21)),
                                               PresenceEvent::report(zoe, true, at(21))};
      store_.resync(list.begin(), list.end(), at(21));
    });
    call([this] { store_.advance(at(49)); });
    call([this] { store_.unwatch(Viewer(john, tab)); });
    call([this] { store_.dispatch(PresenceEvent::connect(jack, tab, at(50))); });
    call([this] { store_.disconnect_sessions(tab, at(51)); });
    end_all_watches();
    call([this] { watch(Viewer(bob)); });
    call([&] { store_.watch_users(Viewer(john), all); });
    call([this] { store_.connection_lost(); });
    call([this] { watch(Viewer(bob)); });
    call([this] { store_.remove_channel(lobby); });
    call([this] { store_.advance(at(300)); });
    // If one of these calls failed and was not repeated, users are still online.
    for (const std::string& user : {mary, zoe}) store_.dispatch(PresenceEvent::report(user, false, at(301)));
    use_normally();
    subscriptions_.clear();
    use_normally();
  }

 private:
  struct Ignore {
    void operator()(const UserPresenceChanged&) const {}
  };

  template <class Step>
  void call(Step step) {
    if (held.size() == failing_step_) {
      memory.fails_at = memory.asked + fails_at_;
      try {
        step();
      } catch (const std::bad_alloc&) {
        has_failed_ = true;
      }
      memory.fails_at = never_fails;
      if (has_failed_ && repeats_) step();
    } else {
      step();
    }
    held.push_back(held_by(store_));
    const StoreStats stats = store_.stats();
    CHECK(stats.viewers <= stats.watches);  // a viewer without a watch is forgotten
  }
  void keep(Subscription made) { subscriptions_.push_back(std::move(made)); }
  void watch(Viewer viewer) {
    WatchChannel asked;
    asked.type = "messaging";
    asked.id = long_id("lobby");
    asked.members = {mary, jack, zoe};
    asked.presence = true;
    const bool watches = store_.watch(asked, viewer).has_value();  // not in CHECK, which would catch
    CHECK(watches);
  }
  void put(Ids members) {
    const bool is_put = !store_.put(Channel{"messaging", long_id("lobby"), std::move(members), {}});
    CHECK(is_put);
  }

  void end_all_watches() {
    for (const Viewer viewer : {Viewer(john, tab), Viewer(john), Viewer(mary), Viewer(bob), Viewer(zoe), Viewer("new")})
      store_.unwatch(viewer);
    const StoreStats stats = store_.stats();
    CHECK(stats.viewers == 0);
    CHECK(stats.watched_users == 0);
    CHECK(stats.watches == 0);
    CHECK(store_.watches() == Watches());
    CHECK(store_.watchers(lobby).empty());
    CHECK(store_.watcher_count(lobby) == 0);
    store_.remove_channel(lobby);
    CHECK(store_.stats().channels == 0);
    CHECK(store_.stats().bytes == Store(store_.snapshot()).stats().bytes);
  }

  /// Viewers begin and end to watch; each change is delivered once; then no viewer is left.
  void use_normally() {
    const Ids all = {mary, jack, zoe, "new"};
    const Viewer viewers[] = {Viewer(bob), Viewer(john), Viewer("new"), Viewer(zoe)};
    std::vector<Subscription> subscriptions;
    std::size_t delivered = 0, started = 0, stopped = 0;
    for (const Viewer viewer : viewers) {
      store_.watch_users(viewer, all);
      watch(viewer);
      subscriptions.push_back(
          store_.subscribe<UserPresenceChanged>(viewer, [&](const UserPresenceChanged&) { ++delivered; }));
      subscriptions.push_back(store_.subscribe<WatchingStarted>(viewer, [&](const WatchingStarted&) { ++started; }));
      subscriptions.push_back(store_.subscribe<WatchingStopped>(viewer, [&](const WatchingStopped&) { ++stopped; }));
    }
    const Timestamp now = store_.snapshot().now().value() + Duration::from_s(1);
    store_.dispatch(PresenceEvent::set_status(mary, to_string(now), now));
    CHECK(delivered == 4);
    store_.dispatch(PresenceEvent::connect(bob, "another tab", now));
    CHECK(started == 3);
    CHECK(store_.watcher_count(lobby) == 1);
    store_.dispatch(PresenceEvent::disconnect(bob, "another tab", now + Duration::from_s(1)));
    CHECK(stopped == 3);
    CHECK(delivered == 4);  // bob is no member
    for (const Viewer viewer : viewers) {
      store_.unwatch_users(viewer, all);
      CHECK(store_.watches().is_watching(viewer, mary));  // as a member
    }
    store_.dispatch(PresenceEvent::set_status(jack, to_string(now), now + Duration::from_s(1)));
    CHECK(delivered == 8);
    end_all_watches();
    store_.advance(now + Duration::from_s(1000));  // what is coalesced is delivered, and all sessions end
    CHECK_FALSE(store_.next_wakeup());
  }

  DeliveryOptions options_;
  bool repeats_;
  std::size_t failing_step_, fails_at_;
  bool has_failed_ = false;
  Store store_;
  std::vector<Subscription> subscriptions_;
};

}  // namespace

namespace {

/// Runs the history once for each allocation of each call, which fails. Returns the number of failures.
template <class Check>
std::size_t fail_everywhere(bool repeats, Check check) {
  std::size_t failures = 0;
  for (const bool coalesces : {false, true}) {
    History expected(coalesces, repeats, never_fails, never_fails);
    expected.run();
    for (std::size_t step = 0; step < expected.steps(); ++step) {
      bool has_failed = true;
      for (std::size_t allocation = 0; has_failed; ++allocation) {
        CAPTURE(coalesces);
        CAPTURE(step);
        CAPTURE(allocation);
        const std::size_t before = memory.blocks;
        {
          History history(coalesces, repeats, step, allocation);
          history.run();
          has_failed = history.has_failed();
          REQUIRE(history.steps() == expected.steps());
          check(history, expected, step);
        }
        CHECK(memory.blocks == before);
        failures += has_failed ? 1 : 0;
      }
    }
  }
  return failures;
}

}  // namespace

TEST_CASE("after a failed allocation in any call of a store, that call can be repeated") {
  CHECK(fail_everywhere(true, [](const History& history, const History& expected, std::size_t step) {
          for (std::size_t i = step; i < expected.steps(); ++i) {
            CAPTURE(i);
            CHECK(history.held[i].watches == expected.held[i].watches);
            CHECK(history.held[i].watchers == expected.held[i].watchers);
          }
          // A notice may be lost with the call, and none is delivered twice.
          CHECK(history.changes <= expected.changes);
          CHECK(history.ends <= expected.ends);
        }) > 1000);
}

TEST_CASE("after a failed allocation in any call of a store, the store can be used without repeating the call") {
  CHECK(fail_everywhere(false, [](const History&, const History&, std::size_t) {}) > 1000);
}

#endif
