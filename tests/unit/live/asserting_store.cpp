// SPDX-License-Identifier: MIT

// What a Store's own PRESENCE_ASSERT finds: its use by two threads, its change in a function that must not use it, and
// its destruction inside a callback. A program of its own, because it starts threads.

#include <string>
#include <vector>

namespace {

std::vector<std::string> broken;           // the messages of the preconditions that were broken
void (*when_broken)() noexcept = nullptr;  // called for each

bool record(const char* message) {
  broken.emplace_back(message);
  if (when_broken != nullptr) when_broken();
  return false;
}

}  // namespace

#define PRESENCE_ASSERT(condition, message) ((condition) ? void() : static_cast<void>(record(message)))
#include <doctest/doctest.h>
#include <presence/live/store.hpp>

#include <cstddef>
#include <memory>
#include <thread>
#include <utility>

#if defined(__unix__) && !defined(__EMSCRIPTEN__)
#define PRESENCE_TEST_FORKS 1
#include <sys/wait.h>
#include <unistd.h>
#else
#define PRESENCE_TEST_FORKS 0
#endif

using namespace presence;

namespace {

using Messages = std::vector<std::string>;
const Messages two_threads = {"two threads use a Store at once, or on_dispatched or may_see changes it"};

Messages taken() { return std::exchange(broken, {}); }

Timestamp at(int seconds) { return Timestamp::from_ms(1546858800000) + Duration::from_s(seconds); }

const std::vector<PresenceEvent> one_event = {PresenceEvent::connect("john", "phone", at(1))};

/// Runs `call` in another thread and waits for its end: the two threads use the store at once, and no data race occurs.
template <class Call>
void in_another_thread(Call call) {
  std::thread other(call);
  other.join();
}

}  // namespace

TEST_CASE("a second thread that changes a Store during a call of the first one is found") {
  Store store;
  store.advance(at(0));
  std::size_t calls = 0;
  const auto advance_elsewhere = [&](std::size_t, const Dispatched&) {
    ++calls;
    in_another_thread([&] { store.advance(at(0)); });
  };
  store.dispatch(one_event.begin(), one_event.end(), advance_elsewhere);
  CHECK(calls == 1);
  CHECK(taken() == two_threads);
  store.dispatch(one_event.begin(), one_event.end(), at(2), advance_elsewhere);
  CHECK(calls == 2);
  CHECK(taken() == two_threads);
}

TEST_CASE("a second thread may use a Store after the call of the first one has returned") {
  Store store;
  std::size_t dispatched = 0;
  const auto count = [&](std::size_t, const Dispatched&) { ++dispatched; };
  store.dispatch(one_event.begin(), one_event.end(), count);
  in_another_thread([&] { store.dispatch(one_event.begin(), one_event.end(), at(3), count); });
  in_another_thread([&] { store.connection_lost(); });
  CHECK(dispatched == 2);
  CHECK(taken().empty());
}

TEST_CASE("on_dispatched and may_see are found if they change the Store, and may read it") {
  for (const bool changes : {false, true}) {
    CAPTURE(changes);
    Store* used = nullptr;
    const auto use = [&] {
      if (used == nullptr) return;
      if (changes) {
        used->advance(at(0));
      } else {
        static_cast<void>(used->online("john"));
      }
    };
    StoreOptions options;
    std::size_t asked = 0;
    options.may_see = [&](Viewer viewer, std::string_view) {
      ++asked;
      if (viewer.id() == "ann") use();
      return true;
    };
    Store store(Rules(), options);
    used = &store;
    store.dispatch(one_event.begin(), one_event.end(), [&](std::size_t, const Dispatched&) { use(); });
    CHECK(taken() == (changes ? two_threads : Messages()));
    CHECK(store.query_users(UserQuery(), Viewer("ann")).size() == 1);
    CHECK(asked >= 1);
    CHECK(taken() == (changes ? two_threads : Messages()));
  }
}

TEST_CASE("callbacks may call a Store in any depth of calls") {
  Store store;
  int left = 20;
  const Subscription all = store.on_change([&](const UserPresenceChanged& change) {
    if (left-- == 0) return;
    store.dispatch(PresenceEvent::set_status(change.id, std::to_string(left), at(30 - left)));
    store.advance(at(30 - left));
    store.watch_users(Viewer("ann"), std::vector<std::string>{change.id});
    store.connection_lost();
  });
  store.dispatch(PresenceEvent::connect("john", "phone", at(0)));
  CHECK(left == -1);
  CHECK(taken().empty());
}

TEST_CASE("a Store may be destroyed between calls") {
  auto store = std::make_unique<Store>();
  store->dispatch(one_event.begin(), one_event.end(), [](std::size_t, const Dispatched&) {});
  store.reset();
  CHECK(taken().empty());
}

#if defined(__cpp_exceptions)
TEST_CASE("a Store may be used and destroyed after a callback threw") {
  struct Enough {};
  for (const bool on_dispatched : {false, true}) {
    CAPTURE(on_dispatched);
    auto store = std::make_unique<Store>();
    const auto fails = [](std::size_t, const Dispatched&) { throw Enough(); };
    const Subscription all = store->on_change([](const UserPresenceChanged&) { throw Enough(); });
    if (on_dispatched) {
      CHECK_THROWS_AS(store->dispatch(one_event.begin(), one_event.end(), fails), Enough);
    } else {
      CHECK_THROWS_AS(store->dispatch(one_event[0]), Enough);
    }
    static_cast<void>(store->put(Channel{"messaging", "lobby", {}, {}}));
    store.reset();
    CHECK(taken().empty());
  }
}
#endif

#if PRESENCE_TEST_FORKS
namespace {

/// Returns whether the precondition is broken. The process that breaks it ends at once, as it must not go on.
template <class Call>
bool is_found(Call call) {
  const pid_t child = fork();
  if (child == 0) {
    when_broken = []() noexcept {
      _exit(broken.back() == "a Store is destroyed inside one of its callbacks" ? 42 : 1);
    };
    call();
    _exit(0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return false;
  return WIFEXITED(status) && WEXITSTATUS(status) == 42;
}

}  // namespace

TEST_CASE("the destruction of a Store inside one of its callbacks is found") {
  auto store = std::make_unique<Store>();
  const auto destroy = [&] { store.reset(); };
  const auto dispatch = [&] { store->dispatch(one_event[0]); };
  const std::vector<std::string> john = {"john"};
  store->watch_users(Viewer("ann"), john);
  SUBCASE("on_change") {
    const Subscription all = store->on_change([&](const UserPresenceChanged&) { destroy(); });
    CHECK(is_found(dispatch));
  }
  SUBCASE("on_delivery") {
    const Subscription all = store->on_delivery([&](const UserPresenceChanged&, const Viewers&) { destroy(); });
    CHECK(is_found(dispatch));
  }
  SUBCASE("a viewer's callback") {
    const Subscription all =
        store->subscribe<UserPresenceChanged>(Viewer("ann"), [&](const UserPresenceChanged&) { destroy(); });
    CHECK(is_found(dispatch));
  }
  SUBCASE("on_session_ended") {
    const Subscription all = store->on_session_ended([&](const SessionEnded&) { destroy(); });
    CHECK(is_found([&] {
      dispatch();
      store->advance(at(1000));
    }));
  }
  SUBCASE("on_dispatched") {
    const auto on_dispatched = [&](std::size_t, const Dispatched&) { destroy(); };
    CHECK(is_found([&] { store->dispatch(one_event.begin(), one_event.end(), on_dispatched); }));
    CHECK(is_found([&] { store->dispatch(one_event.begin(), one_event.end(), at(2), on_dispatched); }));
  }
  SUBCASE("none of them") { CHECK_FALSE(is_found(dispatch)); }
}
#endif
