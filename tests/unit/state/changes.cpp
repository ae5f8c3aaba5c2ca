// SPDX-License-Identifier: MIT
#include "../support.hpp"

#include <presence/base/detail/algorithm.hpp>

#include <algorithm>

using namespace support;

TEST_CASE("a user who becomes known causes a change, and so does each update that others see") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(says("john", "hi", at(1)));
  t.fold(disconnect("john", "phone", at(2)));
  REQUIRE(t.changes.size() == 3);
  CHECK_FALSE(t.changes[0].before);
  CHECK(t.changes[0].online_changed());
  CHECK(t.changes[0].last_active_changed());
  CHECK_FALSE(t.changes[0].status_changed());
  CHECK(t.changes[1].status_changed());
  CHECK_FALSE(t.changes[1].online_changed());
  CHECK(t.changes[2].online_changed());
  CHECK_FALSE(t.changes[2].last_active_changed());
  for (std::size_t i = 1; i < 3; ++i) CHECK(t.changes[i].before == t.changes[i - 1].after);
}

TEST_CASE("a user who becomes unknown causes a change") {
  Told t;
  t.pass(at(10));
  t.fold(connect("john", "phone", at(10)));
  t.take();
  t.fold(invisibly("john", "phone", at(5)));
  REQUIRE(t.changes.size() == 1);
  CHECK(t.changes[0].before);
  CHECK_FALSE(t.changes[0].after);
  CHECK(t.s.size() == 0);
}

TEST_CASE("an event that changes nothing others see causes no change") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.take();
  CHECK(t.fold(heartbeat("john", "phone", at(1))) == Verdict::applied);
  CHECK(t.fold(heartbeat("john", "laptop", at(1))) == Verdict::applied);
  CHECK(t.fold(disconnect("john", "laptop", at(2))) == Verdict::applied);
  CHECK(t.fold(says("john", "", at(2))) == Verdict::applied);
  t.pass(at(20));
  CHECK(t.changes.empty());
}

TEST_CASE("a change carries now, or the event's timestamp if the snapshot has no now") {
  Told t;
  t.fold(connect("john", "phone", at(7)));
  CHECK(t.take().at(0).at == at(7));
  t.pass(at(10));
  t.fold(says("john", "hi", at(8)));
  CHECK(t.take().at(0).at == at(10));
}

TEST_CASE("one call reports its changes in the order of (timestamp, id)") {
  Told t;
  t.pass(at(0));
  for (const char* id : {"dee", "ann", "cyd", "bob"}) t.fold(connect(id, "phone", at(id[0] == 'a' || id[0] == 'd' ? 2 : 1)));
  t.take();
  t.pass(at(100));
  REQUIRE(t.changes.size() == 4);
  CHECK(t.changes[0].id == "bob");
  CHECK(t.changes[1].id == "cyd");
  CHECK(t.changes[2].id == "ann");
  CHECK(t.changes[3].id == "dee");
  CHECK(t.changes[2].at == at(42));
}

TEST_CASE("changes are in byte order of the ids, also if these are not ASCII or share a prefix") {
  std::vector<std::string> ids = {"", "\xC3\xA9t\xC3\xA9", "n\xC3\xA9", "user", "users of",
                                  "users of one kind", "users of another", "users of \xE2\x82\xAC", "zoe"};
  for (char c = '0'; c <= '9'; ++c) ids.push_back(std::string("beginning alike, ") + c);
  for (std::string& id : ids) id += '.';
  Told t;
  t.pass(at(0));
  for (std::size_t i = 0; i < ids.size(); ++i) t.fold(connect(ids[i * 5 % ids.size()], "phone", at(0)));
  REQUIRE(t.take().size() == ids.size());
  t.pass(at(40));
  std::sort(ids.begin(), ids.end());
  REQUIRE(t.changes.size() == ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) CHECK(t.changes[i].id == ids[i]);
}

TEST_CASE("each sort function gives the result of std::sort, for any input order") {
  const auto less = [](std::uint32_t a, std::uint32_t b) { return a < b; };
  for (std::uint32_t size = 0; size < 120; ++size) {
    for (const std::uint32_t kind : {0u, 1u, 2u, 3u, 4u}) {
      std::vector<std::uint32_t> given;
      for (std::uint32_t i = 0; i < size; ++i) {
        const std::uint32_t mixed = (i * 2654435761u) >> 8;
        given.push_back(kind == 0 ? i : kind == 1 ? size - i : kind == 2 ? mixed : kind == 3 ? mixed % 3 : 7);
      }
      std::vector<std::uint32_t> sorted = given, all = given, heap = given, insertion = given;
      std::sort(sorted.begin(), sorted.end());
      detail::sort(all, less);
      CHECK(all == sorted);
      detail::heap_sort(heap.begin(), static_cast<std::ptrdiff_t>(size), less);
      CHECK(heap == sorted);
      detail::insertion_sort(insertion.begin(), static_cast<std::ptrdiff_t>(size), less);
      CHECK(insertion == sorted);
      for (int depth = 0; depth < 3; ++depth) {
        std::vector<std::uint32_t> shallow = given;
        detail::intro_sort(shallow.begin(), static_cast<std::ptrdiff_t>(size), less, depth);
        CHECK(shallow == sorted);
      }
      bool looked_outside = false;
      std::vector<std::uint32_t> part(size + 2, UINT32_MAX);
      std::copy(given.begin(), given.end(), part.begin() + 1);
      const auto watching = [&](std::uint32_t a, std::uint32_t b) {
        looked_outside = looked_outside || a == UINT32_MAX || b == UINT32_MAX;
        return a < b;
      };
      detail::intro_sort(part.begin() + 1, static_cast<std::ptrdiff_t>(size), watching, 20);
      CHECK_FALSE(looked_outside);
      CHECK(std::equal(sorted.begin(), sorted.end(), part.begin() + 1));
    }
  }
}

TEST_CASE("a callback may copy the snapshot, and the change that it received remains valid") {
  Snapshot s;
  std::vector<Snapshot> kept;
  const auto keep = [&](const UserPresenceChangedView& change) {
    kept.push_back(s);
    if (change.after) CHECK(s.view(change.id) == change.after);
  };
  const std::string id = "a user id that is too long to be kept inside a string";
  apply(s, at(0), keep);
  apply(s, connect(id, "phone", at(0)), keep);
  apply(s, says(id, "a status text that is too long as well to be kept inside", at(0)), keep);
  apply(s, at(40), keep);
  CHECK(kept.size() == 3);
  CHECK(kept[0].online(id));
  CHECK_FALSE(kept[2].online(id));
}

TEST_CASE("events applied without a callback give the same snapshot as with one") {
  Told t;
  Snapshot s;
  std::vector<PresenceEvent> events;
  for (int i = 0; i < 30; ++i) events.push_back(connect("user-" + std::to_string(i % 7), "phone", at(i)));
  const Tally heard = apply(t.s, events.begin(), events.end(), t), no_callback = apply(s, events.begin(), events.end());
  CHECK(heard == no_callback);
  CHECK(heard.total() == 30);
  CHECK(t.s == s);
}

#if defined(__cpp_exceptions)
TEST_CASE("if a callback throws, applied events remain applied; the rest is neither applied nor reported") {
  const std::vector<PresenceEvent> events = {connect("ann", "phone", at(0)), connect("bob", "phone", at(0)), connect("cyd", "phone", at(0))};
  Snapshot s;
  int told = 0;
  const auto throwing = [&](const UserPresenceChangedView& change) {
    ++told;
    if (change.id == "bob") throw 1;
  };
  CHECK_THROWS(apply(s, events.begin(), events.end(), throwing));
  CHECK(told == 2);
  CHECK(s.online("bob"));
  CHECK_FALSE(s.find("cyd"));
  apply(s, at(1), [](const UserPresenceChangedView&) {});
  CHECK_THROWS(apply(s, at(100), throwing));
  CHECK(s.online_count() == 0);
  CHECK(s.now() == at(100));
}
#endif
