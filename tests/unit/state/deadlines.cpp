// SPDX-License-Identifier: MIT
#include <presence/state/detail/snapshot_access.hpp>

#include "../telling.hpp"

using namespace support;

namespace {
/// The expected next_deadline, computed slowly: the timestamp of the first change if time advances far.
std::optional<Timestamp> first_change(const Snapshot& s) {
  Snapshot later = s;
  std::optional<Timestamp> first;
  apply(later, at(1e9), [&](const UserPresenceChangedView& change) {
    if (!first) first = change.at;
  });
  return first;
}
}  // namespace

TEST_CASE("there is no deadline if time alone changes nothing that others see") {
  CHECK_FALSE(Snapshot().next_deadline());
  CHECK_FALSE(reduce(Snapshot(), at(0)).next_deadline());
  CHECK_FALSE(folded({says("john", "hi", at(0))}).next_deadline());
  CHECK_FALSE(folded({disconnect("john", "phone", at(0))}).next_deadline());  // it expires, but no user sees that
  CHECK_FALSE(folded({connect("john", "phone", at(0)), disconnect("john", "phone", at(1))}).next_deadline());
  CHECK_FALSE(folded({report("john", true, at(0))}).next_deadline());
  CHECK_FALSE(folded({connect("john", "phone", at(0)), report("john", true, at(0))}).next_deadline());
  CHECK_FALSE(folded({invisibly("john", "phone", at(0))}).next_deadline());
  CHECK_FALSE(reduce(folded({connect("john", "phone", at(0))}), at(40)).next_deadline());
}

TEST_CASE("the deadline is the latest among a user's sessions, and the earliest among users") {
  Told t;
  t.fold(connect("john", "phone", at(10)));
  t.fold(connect("john", "laptop", at(0)));
  CHECK(t.s.next_deadline() == at(50));
  t.fold(connect("jack", "phone", at(5)));
  CHECK(t.s.next_deadline() == at(45));
  t.fold(disconnect("jack", "phone", at(6)));
  CHECK(t.s.next_deadline() == at(50));
  t.fold(disconnect("john", "phone", at(11)));
  CHECK(t.s.next_deadline() == at(40));
}

TEST_CASE("a heartbeat postpones the deadline at once, and a disconnect restores that of the other session") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  for (int i = 1; i < 50; ++i) {
    t.pass(at(10 * i));
    t.fold(heartbeat("john", "phone", at(10 * i)));
    CHECK(t.s.next_deadline() == at(10 * i + 40));
  }
  t.fold(heartbeat("john", "laptop", at(480)));
  t.fold(disconnect("john", "phone", at(495)));
  CHECK(t.s.next_deadline() == at(520));
}

TEST_CASE("a deadline is restored when the report or the invisibility that hid it ends") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(report("john", true, at(1)));
  CHECK_FALSE(t.s.next_deadline());
  forget_reports_in(t.s);
  CHECK(t.s.next_deadline() == at(40));
  t.fold(invisibly("john", "phone", at(2)));
  CHECK_FALSE(t.s.next_deadline());
  t.fold(visibly("john", "phone", at(3)));
  CHECK(t.s.next_deadline() == at(43));
  t.fold(report("john", true, at(4)));
  const std::vector<PresenceEvent> nobody_listed;
  resync(t.s, nobody_listed.begin(), nobody_listed.end(), at(5));
  CHECK(t.s.next_deadline() == at(43));
}

TEST_CASE("a host that sleeps until next_deadline misses no change, also with hundreds of users") {
  Rules rules;
  rules.offline_grace = seconds(3);
  Told t(rules);
  Chance chance(3);
  double now = 0;
  t.pass(at(now));
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 60; ++i) t.fold(random_event(chance, now, 700, 2));
    t.take();
    for (int i = 0; i < 4; ++i) {
      const auto deadline = t.s.next_deadline();
      REQUIRE(deadline == first_change(t.s));
      if (!deadline) break;
      const Snapshot before = t.s;
      t.pass(*deadline - tick);
      REQUIRE(t.take().empty());
      REQUIRE(t.s.next_deadline() == deadline);
      t.pass(*deadline);
      const Changes changes = t.take();
      REQUIRE_FALSE(changes.empty());
      for (const auto& change : changes) {
        REQUIRE(change.at == *deadline);
        REQUIRE(change.online_changed());
        REQUIRE_FALSE(change.after->online);
        REQUIRE(change.before == before.find(change.id));
        REQUIRE(change.after == t.s.find(change.id));
      }
      REQUIRE(t.s.online_count() + changes.size() == before.online_count());
    }
    now += 7;
    t.pass(at(now));
    now = static_cast<double>((t.s.now().value() - at(0)).s()) + 1;
  }
}

TEST_CASE("users known only by a disconnect are removed when it expires, without a deadline for it") {
  Told t;
  t.pass(at(0));
  for (std::size_t i = 0; i < 200; ++i) t.fold(disconnect(user_id(i), "phone", at(0)));
  for (std::size_t i = 200; i < 300; ++i) t.fold(connect(user_id(i), "phone", at(0)));
  CHECK(t.s.next_deadline() == at(40));
  t.pass(at(120));
  CHECK(t.s.inspect(user_id(7)));
  CHECK(t.s.size() == 100);
  t.pass(at(120) + tick);
  CHECK_FALSE(t.s.inspect(user_id(7)));
  CHECK(t.s.size() == 100);
  CHECK(t.changes.size() == 200);  // 100 users became known and timed out
  CHECK(detail::SnapshotAccess::read(t.s)->table.size() == 100);
}
