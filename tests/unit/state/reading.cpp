// SPDX-License-Identifier: MIT
#include "../support.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace support;

namespace {

/// The users that `views` shows, as one text.
template <class Ids>
std::string seen(const Snapshot& s, const Ids& ids, Viewer viewer = nobody) {
  std::string text;
  const std::size_t count = s.views(ids, viewer, [&](const UserView& user) {
    text.append(user.id).append(user.online ? "+ " : "- ");
    CHECK(s.view(user.id, viewer) == user);
  });
  CHECK(count == static_cast<std::size_t>(std::count(text.begin(), text.end(), ' ')));
  return text;
}

Snapshot room() {
  Snapshot s;
  apply(s, connect("john", "phone", at(0)));
  apply(s, connect("mary", "tablet", at(1)));
  apply(s, says("ann", "soon back", at(1)));
  apply(s, invisibly("ghost", "laptop", at(2)));
  return s;
}

}  // namespace

TEST_CASE("views shows users in the order of the ids, and passes over users that the viewer does not know") {
  const Snapshot s = room();
  const std::vector<std::string> ids = {"mary", "nobody", "ghost", "ann", "john", "mary"};
  CHECK(seen(s, ids) == "mary+ ann- john+ mary+ ");
  CHECK(seen(s, ids, Viewer("ghost")) == "mary+ ghost+ ann- john+ mary+ ");
  CHECK(seen(Snapshot(), ids) == "");
  CHECK(seen(s, std::vector<std::string_view>{}) == "");
  CHECK(seen(s, std::array<const char*, 2>{"ann", "john"}) == "ann- john+ ");
  std::size_t called = 0;
  CHECK(s.views(ids, [&](const UserView&) { ++called; }) == 4);
  CHECK(called == 4);
}

TEST_CASE("views shows any number of users") {
  Snapshot s;
  std::vector<std::string> ids;
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    ids.push_back(i % 7 == 0 ? "a user with an id that is longer than most: " + std::to_string(i) : std::to_string(i));
    if (i % 3 == 0) continue;
    apply(s, i % 2 == 0 ? connect(ids.back(), "phone", at(0)) : says(ids.back(), "hello", at(0)));
    expected += ids.back() + (i % 2 == 0 ? "+ " : "- ");
  }
  std::string text;
  s.views(ids, [&](const UserView& user) { text.append(user.id).append(user.online ? "+ " : "- "); });
  CHECK(text == expected);
  for (const std::size_t size : {1u, 31u, 32u, 33u, 64u}) {
    const std::vector<std::string> some(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(size));
    std::size_t known = 0;
    for (const std::string& id : some) known += s.view(id) ? 1u : 0u;
    CHECK(s.views(some, [](const UserView&) {}) == known);
  }
}

TEST_CASE("a Store shows views of the users that the viewer may see") {
  StoreOptions options;
  options.may_see = [](Viewer viewer, std::string_view user) { return viewer.id() != "jack" || user != "mary"; };
  Store store(room(), options);
  const std::vector<std::string> ids = {"john", "mary"};
  CHECK(store.views(ids, [](const UserView&) {}) == 2);
  std::string text;
  CHECK(store.views(ids, Viewer("jack"), [&](const UserView& user) { text.append(user.id); }) == 1);
  CHECK(text == "john");
}

TEST_CASE("what a snapshot says of online is what its registers say, whatever happened") {
  // Registers are read by an independent path: a user sees themselves online while any of their sessions is alive, and
  // others see the same unless the user is invisible or a report says otherwise.
  const std::uint64_t seed = 20260302;
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(random() % n); };
  std::size_t times_online = 0, times_offline = 0, times_invisible = 0;
  for (int history = 0; history < 60; ++history) {
    Rules rules;
    rules.session_timeout = Duration::from_s(10 + below(3) * 10);
    rules.reorder_window = Duration::from_s(below(2) * 15);
    if (history % 4 == 1) rules.forget_after = Duration::from_s(60);
    Snapshot s(rules);
    std::vector<Snapshot> kept;
    double now = 0;
    for (int step = 0; step < 300; ++step) {
      const std::string user = "user" + std::to_string(below(60)), session = below(2) == 0 ? "a" : "b";
      switch (below(8)) {
        case 0:
        case 1: apply(s, connect(user, session, at(now))); break;
        case 2: apply(s, disconnect(user, session, at(now))); break;
        case 3: apply(s, heartbeat(user, session, at(now))); break;
        case 4: apply(s, says(user, below(2) == 0 ? "here" : "", at(now))); break;
        case 5: apply(s, invisibly(user, session, at(now), below(2) == 0)); break;
        case 6: apply(s, at(now += static_cast<double>(below(8)))); break;
        default:
          if (below(10) == 0) kept.push_back(s);  // pages are shared from now on
          apply(s, PresenceEvent::remove(user, at(now)));
      }
    }
    kept.push_back(s);
    for (const Snapshot& one : kept) {
      std::size_t online = 0, known = 0;
      for (int i = 0; i < 60; ++i) {
        const std::string user = "user" + std::to_string(i);
        const auto state = one.inspect(user);
        bool alive = false;
        if (state) {
          for (const Session& session : state->sessions) alive = alive || session.alive;
        }
        const bool hidden = state && state->invisible_since;
        CHECK(one.online(user) == (alive && !hidden));
        CHECK(one.online(user, Viewer(user)) == alive);
        const auto view = one.view(user);
        CHECK((view && view->online) == one.online(user));
        const auto copy = one.find(user);
        CHECK(copy.has_value() == view.has_value());
        if (copy && view) CHECK(*copy == *view);
        online += one.online(user) ? 1u : 0u;
        known += view ? 1u : 0u;
        times_online += alive && !hidden ? 1u : 0u;
        times_offline += state && !alive ? 1u : 0u;
        times_invisible += alive && hidden ? 1u : 0u;
      }
      CHECK(one.online_count() == online);
      CHECK(one.size() == known);
      std::size_t iterated = 0;
      for (const UserView user : one) {
        CHECK(one.view(user.id) == user);
        ++iterated;
      }
      CHECK(iterated == known);
      UserQuery asked;
      asked.filter = eq("online", true);
      CHECK(query(one, asked).size() == online);
    }
  }
  CHECK(times_online > 1000);
  CHECK(times_offline > 1000);
  CHECK(times_invisible > 300);
}
