// SPDX-License-Identifier: MIT
#include "../telling.hpp"

using namespace support;

namespace {
Snapshot folded(std::initializer_list<PresenceEvent> events, Timestamp now, const Rules& rules = {}) {
  Snapshot s(rules);
  for (const auto& event : events) s = reduce(std::move(s), event);
  return reduce(std::move(s), now);
}
}  // namespace

TEST_CASE("merging two nodes equals applying all events on one node") {
  const PresenceEvent a = connect("john", "phone", at(0)), b = disconnect("john", "phone", at(5)), c = says("john", "hi", at(3)),
                      d = invisibly("jack", "phone", at(4));
  const Snapshot one = folded({a, b, c, d}, at(10));
  const Snapshot left = folded({a, d}, at(10)), right = folded({b, c}, at(10));
  CHECK(merge(left, right) == one);
  CHECK(merge(right, left) == one);
  CHECK(merge(one, left) == one);
  CHECK(merge(one, one) == one);
  CHECK(merge(merge(left, right), right).digest() == one.digest());
}

TEST_CASE("merge_into advances to the later timestamp and emits one change per user") {
  Told t;
  t.s = folded({connect("john", "phone", at(0)), connect("jack", "phone", at(5))}, at(10));
  const Snapshot other = folded({says("john", "hi", at(20)), connect("mary", "phone", at(90))}, at(100));
  merge_into(t.s, other, t);
  CHECK(t.s.now() == at(100));
  REQUIRE(t.changes.size() == 3);
  CHECK(t.changes[0].id == "mary");  // joined at our now
  CHECK(t.changes[0].at == at(10));
  CHECK(t.changes[1].id == "john");  // ended at the deadline
  CHECK(t.changes[1].at == at(40));
  CHECK(t.changes[1].after == User{"john", false, "hi", at(0), false});
  CHECK(t.changes[2].id == "jack");
  CHECK(t.changes[2].at == at(45));
  CHECK(t.s.size() == 3);
  CHECK(t.s.online_count() == 1);
  CHECK(t.s.next_deadline() == at(130));
}

TEST_CASE("a merge keeps the rules of the left snapshot") {
  const Snapshot ours = folded({connect("john", "phone", at(0))}, at(10), with_timeout(seconds(20)));
  const Snapshot merged = merge(ours, folded({connect("jack", "phone", at(0))}, at(10)));
  CHECK(merged.rules().session_timeout == seconds(20));
  CHECK(merged.next_deadline() == at(20));
}

TEST_CASE("merging with an empty snapshot, with itself or with a copy changes nothing") {
  Told t;
  t.s = folded({connect("john", "phone", at(0))}, at(10));
  const Snapshot before = t.s;
  merge_into(t.s, Snapshot(), t);
  merge_into(t.s, t.s, t);
  merge_into(t.s, before, t);
  CHECK(t.s == before);
  CHECK(t.changes.empty());
  CHECK(merge(Snapshot(), before) == before);
}

TEST_CASE("a merge keeps all users, even beyond max_users") {
  Rules rules;
  rules.max_users = 1;
  const Snapshot merged = merge(folded({connect("ann", "phone", at(0))}, at(1), rules), folded({connect("bob", "phone", at(0))}, at(1), rules));
  CHECK(merged.size() == 2);
}

TEST_CASE("a merge makes a user invisible if either side received the visibility change") {
  const Snapshot visible = folded({connect("john", "phone", at(0)), heartbeat("john", "phone", at(20))}, at(20));
  const Snapshot hidden = folded({invisibly("john", "phone", at(10))}, at(20));
  for (const Snapshot& merged : {merge(visible, hidden), merge(hidden, visible)}) {
    CHECK(merged.find("john") == User{"john", false, "", at(0), false});
  }
}

TEST_CASE("a merge applies max_recent_per_user to a user known only to the other side") {
  Rules rules;
  rules.max_recent_per_user = 4;
  Snapshot theirs;
  for (int i = 0; i < 60; ++i) theirs = reduce(std::move(theirs), disconnect("john", std::to_string(i), at(i)));
  const Snapshot merged = merge(Snapshot(rules), theirs);
  CHECK(merged.inspect("john")->sessions.size() == 4);
}

TEST_CASE("merging with an empty snapshot changes nothing, with another hash_seed and past max_recent_per_user") {
  Rules rules;
  rules.max_recent_per_user = 1;
  Snapshot s(rules);
  for (int i = 0; i < 3; ++i) s = reduce(std::move(s), invisibly("john", std::to_string(i), at(i)));
  s = reduce(std::move(s), at(100));
  rules.hash_seed = 7;
  CHECK(merge(Snapshot(rules), s) == s);
  CHECK(merge(s, Snapshot(rules)) == s);
}

TEST_CASE("merging a small snapshot into a large one equals merging the large one into the small one") {
  for (std::uint32_t round = 0; round < 40; ++round) {
    CAPTURE(round);
    Chance chance(round);
    Rules rules;
    rules.offline_grace = seconds(round % 2 == 0 ? 0 : 15);
    if (round % 3 == 0) rules.forget_after = seconds(120);
    Told large(rules);
    Snapshot small(rules);
    double second = 0;
    for (int i = 0; i < 600; ++i, second += 0.2) {
      large.fold(random_event(chance, second, 100, 2));
      if (i % 200 == 199) large.pass(at(second));
    }
    for (int i = 0; i < 4; ++i) small = reduce(std::move(small), random_event(chance, second, 150, 2));
    if (round % 4 != 0) small = reduce(std::move(small), at(second + static_cast<double>(chance.below(60))));
    REQUIRE(small.size() < large.s.size() / 16);
    large.take();

    const Snapshot before = large.s, other_way = merge(small, before);
    merge_into(large.s, small, large);
    CHECK(large.s == other_way);
    CHECK(large.s.digest() == other_way.digest());
    CHECK(large.s.size() == other_way.size());
    CHECK(large.s.online_count() == other_way.online_count());
    CHECK(large.s.next_deadline() == other_way.next_deadline());
    // Applying the changes to the views before gives the views after.
    std::map<std::string, User> seen;
    for (const User& user : views(before)) seen[user.id] = user;
    for (const UserPresenceChanged& change : large.take()) {
      if (change.after) {
        seen[change.id] = *change.after;
      } else {
        seen.erase(change.id);
      }
    }
    std::vector<User> led_to;
    for (const auto& [id, user] : seen) led_to.push_back(user);
    CHECK(led_to == views(large.s));
  }
}
