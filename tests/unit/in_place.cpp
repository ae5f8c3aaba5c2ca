// SPDX-License-Identifier: MIT
#include "telling.hpp"

using namespace support;

namespace {

/// What most of the traffic of a server is, in time and slightly out of it, and seldom something else.
PresenceEvent ordinary_event(Chance& chance, double second, std::size_t users) {
  const std::string user = user_id(chance.below(users)), session = chance.below(4) == 0 ? "a session with a long id" : "phone";
  const Timestamp when = at(second - (chance.below(4) == 0 ? static_cast<double>(chance.below(20)) : 0));
  switch (chance.below(12)) {
    case 0:
    case 1: return connect(user, session, when);
    case 2:
    case 3: return disconnect(user, session, when);
    case 4: return says(user, chance.below(2) == 0 ? "busy" : "gone to a place where nothing can reach me", when);
    case 5: return chance.below(4) == 0 ? random_event(chance, second, users, 4) : heartbeat(user, "pad", when);
    default: return heartbeat(user, session, when);
  }
}

/// A snapshot that nobody shares is changed in place; one that is shared is not, and neither is a pure function's.
void expect_the_same_in_place(const Rules& rules, std::size_t users, double step) {
  Chance chance(20190107);
  Snapshot alone(rules), shared(rules);
  double second = 0;
  std::size_t applied = 0;
  for (int i = 0; i < 6000; ++i) {
    second += step * static_cast<double>(chance.below(10)) / 10;
    if (chance.below(5) == 0) {
      Told one, other;
      apply(alone, at(second), one);
      apply(shared, at(second), other);
      REQUIRE(text(one.changes) == text(other.changes));
    }
    const PresenceEvent event = ordinary_event(chance, second, users);
    Told one, other;
    const Verdict verdict = apply(alone, event, one);
    const Snapshot kept = shared;
    REQUIRE(apply(shared, event, other) == verdict);
    REQUIRE(text(one.changes) == text(other.changes));
    applied += verdict == Verdict::applied ? 1u : 0u;
    if (i % 16 != 0) continue;
    REQUIRE(alone == shared);  // which notes it of the pages that both have
    REQUIRE(detail::SnapshotAccess::read(alone)->table.is_sound());
    REQUIRE(alone.digest() == shared.digest());
    REQUIRE(alone.next_deadline() == shared.next_deadline());
    REQUIRE(alone.size() == shared.size());
    REQUIRE(alone.online_count() == shared.online_count());
  }
  CHECK(applied > 1500);
}

}  // namespace

TEST_CASE("folding in place leaves and tells what folding into a copy does") {
  for (const std::size_t users : {std::size_t{3}, std::size_t{100}}) {
    for (const double step : {0.5, 8.0, 60.0}) {
      Rules rules;
      expect_the_same_in_place(rules, users, step);
      rules.last_active_refresh = Duration();
      rules.max_recent_per_user = 5;
      expect_the_same_in_place(rules, users, step);
      rules.offline_grace = seconds(10);
      expect_the_same_in_place(rules, users, step);
      rules = Rules();
      rules.session_timeout = Duration();
      rules.max_sessions_per_user = 2;
      expect_the_same_in_place(rules, users, step);
      rules = Rules();
      rules.forget_after = seconds(200);
      expect_the_same_in_place(rules, users, step);
      rules = Rules();
      rules.max_recent_per_user = 1;
      expect_the_same_in_place(rules, users, step);
    }
  }
}

TEST_CASE("a copy that is kept stays as it was, whatever is folded in place after it, and takes no part in that") {
  Rules kinds[4];
  kinds[1].last_active_refresh = Duration();
  kinds[2].max_recent_per_user = 1;
  kinds[3].max_sessions_per_user = 2;
  for (const Rules& rules : kinds) {
    Chance chance(20190108);
    Snapshot s(rules), never_copied(rules);
    double second = 0;
    for (int round = 0; round < 200; ++round) {
      const Snapshot kept = s;
      const std::uint64_t digest = kept.digest();
      for (int i = 0; i < 12; ++i) {
        second += static_cast<double>(chance.below(10));
        const PresenceEvent event = ordinary_event(chance, second, 20);
        for (Snapshot* each : {&s, &never_copied}) {
          if (i % 4 == 0) *each = reduce(std::move(*each), at(second));
          *each = reduce(std::move(*each), event);
        }
      }
      REQUIRE(kept.digest() == digest);
      REQUIRE(s == never_copied);
    }
  }
}

TEST_CASE("folding in place needs no instant") {
  Snapshot s;
  s = reduce(std::move(s), connect("john", "phone", at(0)));
  s = reduce(std::move(s), disconnect("john", "phone", at(1)));
  s = reduce(std::move(s), connect("john", "phone", at(2)));
  CHECK(s == folded({connect("john", "phone", at(2)), connect("john", "phone", at(0)), disconnect("john", "phone", at(1))}));
  Told t;
  apply(s, heartbeat("john", "phone", at(900)), t);
  REQUIRE(t.changes.size() == 1);
  CHECK(t.changes[0].at == at(900));
}
