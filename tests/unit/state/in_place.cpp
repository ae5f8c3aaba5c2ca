// SPDX-License-Identifier: MIT
#include <presence/state/detail/snapshot_access.hpp>

#include "../short_run.hpp"
#include "../telling.hpp"

using namespace support;

namespace {

/// Typical server traffic, partly late, with a few other events.
PresenceEvent ordinary_event(Chance& chance, double second, std::size_t users) {
  const std::string user = user_id(chance.below(users)),
                    session = chance.below(4) == 0 ? "a session with a long id" : "phone";
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

/// The same for users with many sessions.
PresenceEvent event_of_many_sessions(Chance& chance, double second, std::size_t users) {
  const std::string user = user_id(chance.below(users));
  std::string session = std::to_string(chance.below(9));
  if (chance.below(3) == 0) session = "a session with a longer id " + session;
  const Timestamp when = at(second - (chance.below(5) == 0 ? static_cast<double>(chance.below(30)) : 0));
  switch (chance.below(9)) {
    case 0:
    case 1: return connect(user, session, when);
    case 2:
    case 3: return disconnect(user, session, when);
    case 4: return chance.below(6) == 0 ? random_event(chance, second, users, 4) : says(user, "busy", when);
    default: return heartbeat(user, session, when);
  }
}

/// Applies the same events to an unshared snapshot, which changes in place, and to a shared one, which is copied.
void expect_the_same_in_place(const Rules& rules, std::size_t users, double step,
                              PresenceEvent (*some_event)(Chance&, double, std::size_t) = ordinary_event) {
  Chance chance(20190107);
  Snapshot alone(rules), shared(rules);
  double second = 0;
  std::size_t applied = 0;
  const std::size_t count = is_short_run() ? 1500 : 6000;
  for (std::size_t i = 0; i < count; ++i) {
    second += step * static_cast<double>(chance.below(10)) / 10;
    if (chance.below(5) == 0) {
      Told one, other;
      apply(alone, at(second), one);
      apply(shared, at(second), other);
      REQUIRE(text(one.changes) == text(other.changes));
    }
    const PresenceEvent event = some_event(chance, second, users);
    Told one, other;
    const Verdict verdict = apply(alone, event, one);
    const Snapshot kept = shared;
    REQUIRE(apply(shared, event, other) == verdict);
    REQUIRE(text(one.changes) == text(other.changes));
    applied += verdict == Verdict::applied ? 1u : 0u;
    if (i % 16 != 0) continue;
    REQUIRE(alone == shared);  // which caches that their pages are equal
    REQUIRE(detail::SnapshotAccess::read(alone)->table.is_sound());
    REQUIRE(alone.digest() == shared.digest());
    REQUIRE(alone.next_deadline() == shared.next_deadline());
    REQUIRE(alone.size() == shared.size());
    REQUIRE(alone.online_count() == shared.online_count());
  }
  CHECK(applied > count / 4);
}

}  // namespace

TEST_CASE("events applied in place give the same snapshot and changes as events applied to a copy") {
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

TEST_CASE("events applied in place or to a copy give the same result for users with many sessions, at any limit") {
  for (const std::uint32_t most : {1u, 3u, 6u, 64u}) {
    for (const std::uint32_t recent : {1u, 4u, 64u}) {
      for (const Duration grace : {Duration(), seconds(7)}) {
        for (const double step : {0.5, 8.0}) {
          CAPTURE(most);
          CAPTURE(recent);
          CAPTURE(grace);
          CAPTURE(step);
          Rules rules;
          rules.max_sessions_per_user = most;
          rules.max_recent_per_user = recent;
          rules.offline_grace = grace;
          expect_the_same_in_place(rules, 2, step, event_of_many_sessions);
          rules.session_timeout = Duration();
          expect_the_same_in_place(rules, 2, step, event_of_many_sessions);
        }
      }
    }
  }
}

TEST_CASE("events applied in place do not change an earlier copy, and the copy does not affect their result") {
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

TEST_CASE("events are applied in place also if the snapshot has no now") {
  Snapshot s;
  s = reduce(std::move(s), connect("john", "phone", at(0)));
  s = reduce(std::move(s), disconnect("john", "phone", at(1)));
  s = reduce(std::move(s), connect("john", "phone", at(2)));
  CHECK(s ==
        folded({connect("john", "phone", at(2)), connect("john", "phone", at(0)), disconnect("john", "phone", at(1))}));
  Told t;
  apply(s, heartbeat("john", "phone", at(900)), t);
  REQUIRE(t.changes.size() == 1);
  CHECK(t.changes[0].at == at(900));
}

TEST_CASE("a rejected event leaves shared memory shared") {
  Snapshot s = reduce(folded({connect("john", "phone", at(0))}), at(0));
  const Snapshot kept = s;
  Told t;
  CHECK(apply(s, heartbeat("john", "phone", at(3600)), t) == Verdict::too_early);
  CHECK(apply(s, heartbeat("john", "phone", at(-3600)), t) == Verdict::too_late);
  CHECK(detail::SnapshotAccess::read(s) == detail::SnapshotAccess::read(kept));
}

TEST_CASE("ids that are too long are rejected also if such a user or session exists") {
  Rules narrow;
  narrow.max_id_bytes = 5;
  Snapshot s = merge(Snapshot(narrow),
                     folded({connect("a longer name", "phone", at(0)), connect("ann", "a longer name", at(0))}));
  const Snapshot before = s;
  Told t(narrow);
  const std::pair<const char*, const char*> too_long[] = {{"a longer name", "phone"}, {"ann", "a longer name"}};
  for (const auto& [user, session] : too_long) {
    REQUIRE(s.online(user));
    CHECK(apply(s, heartbeat(user, session, at(1)), t) == Verdict::over_limit);
    CHECK(apply(s, connect(user, session, at(1)), t) == Verdict::over_limit);
    CHECK(apply(s, disconnect(user, session, at(1)), t) == Verdict::over_limit);
  }
  CHECK(apply(s, says("a longer name", "hello", at(1)), t) == Verdict::over_limit);
  CHECK(s == before);
}

TEST_CASE("an event without a session id is invalid, also if no session of the user is kept") {
  Snapshot s = merge(Snapshot(), reduce(folded({connect("john", "phone", at(0))}), at(1000)));
  REQUIRE(s.inspect("john")->sessions.empty());
  Told t;
  CHECK(apply(s, connect("john", "", at(1000)), t) == Verdict::invalid);
  CHECK(apply(s, heartbeat("john", "", at(1000)), t) == Verdict::invalid);
  CHECK(apply(s, disconnect("john", "", at(1000)), t) == Verdict::invalid);
}

TEST_CASE("a session id has no effect in a report, and does not make an unknown event type valid") {
  const Snapshot s = folded({connect("john", "phone", at(0))});
  PresenceEvent told = report("john", false, at(1)), odd = heartbeat("john", "phone", at(1));
  Snapshot plain = s, naming = s, other = s;
  Told t;
  CHECK(apply(plain, told, t) == Verdict::applied);
  told.session = "phone";
  CHECK(apply(naming, told, t) == Verdict::applied);
  CHECK(naming == plain);
  for (const int number : {static_cast<int>(EventType::remove) + 1, 255}) {
    odd.type = static_cast<EventType>(number);
    CHECK(apply(other, odd, t) == Verdict::invalid);
  }
  CHECK(other == s);
}

TEST_CASE("a connect at the timestamp of a heartbeat gives the same last_active history in place and in a copy") {
  const std::vector<PresenceEvent> events = {connect("john", "a", at(0)), connect("john", "b", at(1)),
                                             heartbeat("john", "a", at(1000)), connect("john", "b", at(1000))};
  Snapshot alone, shared;
  for (const PresenceEvent& event : events) {
    alone = reduce(std::move(alone), event);
    const Snapshot kept = shared;
    shared = reduce(shared, event);
  }
  CHECK(alone == shared);
  CHECK(alone.digest() == shared.digest());
  CHECK(kept_of(alone, "john")->activities == kept_of(shared, "john")->activities);
}

TEST_CASE("a connect in a run that a removal left without evidence lengthens this run") {
  Rules rules;
  rules.reorder_window = seconds(5);  // so the removal is dropped before the run ends
  rules.last_active_refresh = Duration();
  Snapshot s = reduce(Snapshot(rules), at(0));
  apply(s, connect("john", "tv", at(0)));
  apply(s, at(6));
  apply(s, removes("john", at(6)));
  apply(s, connect("john", "pad", at(7)));
  apply(s, at(20));
  apply(s, connect("john", "pad", at(19)));
  const Snapshot shared = s;
  const Snapshot by_copy = reduce(shared, connect("john", "tv", at(20)));
  Snapshot one = merge(Snapshot(rules), shared);
  apply(one, connect("john", "tv", at(20)));  // its row is unshared, so an event can be applied in place
  CHECK(one == by_copy);
  CHECK(one.inspect("john")->sessions[1].online_since == at(15));
  const Result<Snapshot> read = decode(encode(one), rules);
  REQUIRE(read);
  CHECK(*read == one);
}
