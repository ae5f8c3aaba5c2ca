// SPDX-License-Identifier: MIT
#include <presence/state/detail/change_sink.hpp>
#include <presence/state/detail/snapshot_access.hpp>

#include "../telling.hpp"

using namespace support;

namespace {

PresenceEvent ordinary_event(Chance& chance, double second, std::size_t users, std::size_t seldom) {
  const std::string user = user_id(chance.below(users));
  const std::string session = chance.below(seldom / 2) == 0 ? "a session with a long id" : "phone";
  const Timestamp when = at(second - (chance.below(seldom / 2) == 0 ? static_cast<double>(chance.below(20)) : 0));
  switch (chance.below(seldom)) {
    case 0: return connect(user, session, when);
    case 1: return disconnect(user, session, when);
    case 2: return says(user, chance.below(2) == 0 ? "busy" : "gone to a place where nothing can reach me", when);
    case 3: return random_event(chance, second, users, 4);
    default: return heartbeat(user, session, when);
  }
}

const void* root_of(const Snapshot& s) { return detail::SnapshotAccess::read(s); }

struct Merges {
  std::size_t in_place = 0, into_copies = 0;
};

/// Each event is applied to one of two nodes, or to both; then each is merged into the other. The result must equal a
/// node that received all events, and the emitted changes must equal those of a merge into a copy.
Merges expect_the_same_in_place(const Rules& rules, std::size_t users, double step, std::size_t seldom) {
  Chance chance(20190107);
  Merges merges;
  Snapshot ours(rules), theirs(rules), shared(rules), one(rules);
  double second = 0;
  for (int round = 0; round < 100; ++round) {
    second += step * static_cast<double>(chance.below(100)) / 100;
    for (Snapshot* s : {&ours, &theirs, &shared, &one}) apply(*s, at(second), detail::NoCallback());
    for (std::size_t i = 0; i < users; ++i) {
      const PresenceEvent event =
          round == 0 ? connect(user_id(i), "phone", at(second)) : ordinary_event(chance, second, users, seldom);
      apply(one, event, detail::NoCallback());
      const std::size_t told = chance.below(3);
      if (told != 0) apply(theirs, event, detail::NoCallback());
      if (told == 1) continue;
      apply(ours, event, detail::NoCallback());
      apply(shared, event, detail::NoCallback());
    }

    Told of_ours, of_shared;
    const void* const before = root_of(ours);
    const bool is_news = ours != theirs;
    const Snapshot kept = shared;
    merge_into(shared, theirs, of_shared);
    merge_into(ours, theirs, of_ours);
    if (is_news) ++(root_of(ours) == before ? merges.in_place : merges.into_copies);
    merge_into(theirs, ours, detail::NoCallback());
    REQUIRE(text(of_ours.changes) == text(of_shared.changes));
    for (const Snapshot* s : {&ours, &theirs, &shared}) {
      REQUIRE(*s == one);
      REQUIRE(s->digest() == one.digest());
      REQUIRE(s->next_deadline() == one.next_deadline());
      REQUIRE(s->online_count() == one.online_count());
      REQUIRE(s->size() == one.size());
      REQUIRE(detail::SnapshotAccess::read(*s)->table.is_sound());
    }
  }
  return merges;
}

}  // namespace

TEST_CASE("a merge in place gives the same snapshot and changes as a merge into a copy") {
  Rules rules;
  for (const std::size_t users : {std::size_t{5}, std::size_t{120}}) {
    const Merges only_heartbeats = expect_the_same_in_place(rules, users, 1, 100000);
    CHECK(only_heartbeats.in_place > 60);
    const Merges mixed = expect_the_same_in_place(rules, users, 10, 8);
    CHECK(mixed.into_copies > 60);
  }
  rules.last_active_refresh = Duration();  // each heartbeat is visible
  CHECK(expect_the_same_in_place(rules, 20, 1, 100000).in_place < 20);
  rules = Rules();
  rules.session_timeout = Duration();
  CHECK(expect_the_same_in_place(rules, 20, 1, 100000).in_place > 20);
  rules = Rules();
  rules.offline_grace = seconds(10);
  expect_the_same_in_place(rules, 20, 10, 8);
}

TEST_CASE("a merge into a snapshot does not change its copies") {
  Snapshot ours = reduce(Snapshot(), at(0));
  for (std::size_t i = 0; i < 100; ++i) ours = reduce(std::move(ours), connect(user_id(i), "phone", at(0)));
  Snapshot theirs = merge(Snapshot(), ours);
  for (std::size_t i = 0; i < 100; ++i) theirs = reduce(std::move(theirs), heartbeat(user_id(i), "phone", at(3)));
  const Snapshot kept = ours;
  const std::uint64_t digest = kept.digest();
  merge_into(ours, theirs, detail::NoCallback());
  CHECK(ours == theirs);
  CHECK(kept != ours);
  CHECK(kept.digest() == digest);
  CHECK(kept.next_deadline() == at(40));
  CHECK(ours.next_deadline() == at(43));
}

TEST_CASE("a merge applies heartbeats together with any number of status changes") {
  for (const std::size_t others :
       {std::size_t{0}, std::size_t{1}, std::size_t{50}, std::size_t{90}, std::size_t{200}}) {
    Snapshot ours = reduce(Snapshot(), at(0));
    for (std::size_t i = 0; i < 400; ++i) ours = reduce(std::move(ours), connect(user_id(i), "phone", at(0)));
    Snapshot theirs = merge(Snapshot(), ours);
    for (std::size_t i = 0; i < 400; ++i)
      theirs = reduce(std::move(theirs),
                      i < others ? says(user_id(i), "busy", at(2)) : heartbeat(user_id(i), "phone", at(3)));
    std::size_t told = 0;
    merge_into(ours, theirs, [&](const UserPresenceChangedView& change) {
      CHECK(change.after->status == "busy");
      ++told;
    });
    CHECK(told == others);
    CHECK(ours == theirs);
  }
}

TEST_CASE("a merge does not confuse a session known only to one side with one known only to the other") {
  Snapshot ours = reduce(reduce(Snapshot(), at(0)), connect("john", "phone", at(0)));
  Snapshot theirs = reduce(reduce(Snapshot(), at(0)), connect("john", "pad", at(0)));
  theirs = reduce(std::move(theirs), heartbeat("john", "pad", at(3)));
  merge_into(ours, theirs, detail::NoCallback());
  CHECK(ours.next_deadline() == at(43));
  ours = reduce(std::move(ours), disconnect("john", "pad", at(4)));
  CHECK(ours.online("john"));
  CHECK(ours.next_deadline() == at(40));
}

// A connect beats a disconnect with the same timestamp, a heartbeat does not.
TEST_CASE("a connect is merged even if a heartbeat and an activity carry the same timestamp") {
  Snapshot ours = reduce(reduce(Snapshot(), at(0)), connect("john", "phone", at(0)));
  ours = reduce(std::move(ours), connect("john", "tv", at(7)));
  Snapshot theirs = merge(Snapshot(), ours);
  theirs = reduce(std::move(theirs), connect("john", "phone", at(7)));
  theirs = reduce(std::move(theirs), heartbeat("john", "phone", at(7)));
  merge_into(ours, theirs, detail::NoCallback());
  CHECK(ours == theirs);
  CHECK(ours.digest() == theirs.digest());
}

TEST_CASE("a heartbeat that the other side has dropped by its own rules is not merged") {
  Rules hasty = with_timeout(seconds(2));
  hasty.reorder_window = seconds(1);
  Snapshot ours = reduce(reduce(Snapshot(), at(0)), connect("john", "phone", at(0)));
  Snapshot theirs = reduce(reduce(Snapshot(hasty), at(0)), connect("john", "phone", at(0)));
  theirs = reduce(std::move(theirs), heartbeat("john", "phone", at(1)));
  for (Snapshot* s : {&ours, &theirs}) *s = reduce(std::move(*s), at(10));
  merge_into(ours, theirs, detail::NoCallback());
  CHECK(ours.next_deadline() == at(40));
}
