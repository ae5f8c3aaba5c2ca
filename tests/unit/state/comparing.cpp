// SPDX-License-Identifier: MIT
#include "../telling.hpp"

#include <presence/base/detail/user_key.hpp>
#include <presence/state/detail/snapshot_access.hpp>

#include <functional>

using namespace support;

namespace {

/// The same users, added in one order or in the reverse: equal snapshots that share no memory.
Snapshot many_users(bool backwards, std::size_t count = 300) {
  Rules rules;
  rules.forget_after = seconds(5000);
  Snapshot s = reduce(Snapshot(rules), at(0));
  for (std::size_t i = 0; i < count; ++i) {
    const std::string user = user_id(backwards ? count - 1 - i : i);
    s = reduce(std::move(s), connect(user, "phone", at(0)));
    s = reduce(std::move(s), connect(user, "pad", at(1)));
    s = reduce(std::move(s), saying(report(user, true, at(2)), "a text that is kept elsewhere"));
  }
  return s;
}

std::size_t changes_between(const Snapshot& from, const Snapshot& to) {
  Told t;
  diff(from, to, t);
  return t.changes.size();
}

bool is_sound(const Snapshot& s) { return detail::SnapshotAccess::read(s)->table.is_sound(); }

}  // namespace

TEST_CASE("snapshots that were found equal compare as different after any change to one of them") {
  using Change = std::function<void(Snapshot&)>;
  const std::string user = user_id(123);
  const auto folds = [](PresenceEvent event) {
    return [event = std::move(event)](Snapshot& s) { s = reduce(std::move(s), event); };
  };
  struct Case {
    Change make;
    std::size_t changes;
    std::size_t brought_back = 0;  // users whom a merge with the snapshot before the change shows online again
  };
  const std::vector<Case> cases = {
      {folds(heartbeat(user, "phone", at(3))), 0},
      {folds(heartbeat(user, "pad", at(3))), 0},
      {folds(disconnect(user, "pad", at(3))), 0},
      {folds(connect(user, "phone", at(3))), 1},
      {folds(says(user, "another text that is kept elsewhere", at(3))), 1},
      {folds(report(user, false, at(3))), 0},
      {folds(invisibly(user, "phone", at(3))), 1},
      {folds(connect("somebody else", "phone", at(3))), 1},
      {[&](Snapshot& s) { replay(s, says(user, "here", at(3))); }, 1},
      {[&](Snapshot& s) { replay(s, says("somebody else", "here", at(3))); }, 1},
      {[](Snapshot& s) { forget_reports_in(s); }, 0},
      {[](Snapshot& s) { s = reduce(std::move(s), at(41)); }, 0},
      {[](Snapshot& s) {
         s = reduce(std::move(s), report(user_id(5), false, at(3))), s = reduce(std::move(s), at(5001));
       },
       1, 1},  // the end of a report that has no timeout is forgotten after the window, as that of a session
      {[](Snapshot& s) { s = merge(std::move(s), reduce(Snapshot(s.rules()), says(user_id(7), "here", at(3)))); }, 1},
  };
  for (const Case& change : cases) {
    for (const bool shared : {false, true}) {
      Snapshot one = many_users(false), other = many_users(true);
      CHECK(one == other);
      CHECK(changes_between(one, other) == 0);
      const Snapshot kept = shared ? other : Snapshot();
      change.make(other);
      CHECK(one != other);
      CHECK(one.digest() != other.digest());
      CHECK(changes_between(one, other) == change.changes);
      CHECK(is_sound(other));
      if (shared) CHECK(one == kept);
      const Snapshot merged = merge(one, other);
      CHECK(merged == merge(other, one));
      CHECK(changes_between(merged, reduce(other, *merged.now())) == change.brought_back);
      CHECK(is_sound(merged));
    }
  }
}

TEST_CASE("after snapshots were found equal, a diff still reports what time changes in one of them") {
  const Snapshot one = many_users(false), other = many_users(true);
  CHECK(one == other);
  const Snapshot gone = reduce(forget_reports(other), at(41));
  CHECK(changes_between(one, gone) == 300);
  CHECK(changes_between(one, reduce(gone, at(1e5))) == 300);
  Told t;
  Snapshot merged = one;
  merge_into(merged, reduce(other, at(1e5)), t);
  CHECK(t.changes.empty());  // all are reported to be online
}

TEST_CASE("snapshots with different timeouts differ; those with only different hash seeds are equal") {
  Rules rules = many_users(false).rules();
  rules.session_timeout = seconds(10);
  const Snapshot usual = reduce(reduce(Snapshot(), at(0)), connect("john", "phone", at(0)));
  const Snapshot strict = reduce(reduce(Snapshot(rules), at(0)), connect("john", "phone", at(0)));
  CHECK(changes_between(reduce(usual, at(20)), reduce(strict, at(20))) == 1);
  CHECK(usual != strict);
  Rules seeded;
  seeded.hash_seed = 7;
  const Snapshot other = reduce(reduce(Snapshot(seeded), at(0)), connect("john", "phone", at(0)));
  CHECK(usual == other);
  CHECK(usual == other);
  CHECK(merge(usual, other) == usual);
}

TEST_CASE("snapshots that were each found equal to another are equal to each other only if their digests are") {
  // Each kind of state of a user, for the first user of a page and for another.
  std::vector<std::vector<PresenceEvent>> told = {{}};
  for (const std::string& user : {user_id(12), user_id(40)}) {
    for (const double second : {3.0, 3.5}) {
      const Timestamp when = at(second);
      for (const PresenceEvent& event :
           {connect(user, "phone", when), connect(user, "pad", when), connect(user, "pod", when),
            connect(user, "a session with a long id", when), connect(user, "a session with a lost id", when),
            heartbeat(user, "phone", when), heartbeat(user, "pad", when), disconnect(user, "phone", when),
            disconnect(user, "pad", when), invisibly(user, "phone", when), visibly(user, "phone", when),
            says(user, "here", when), says(user, "there", when), says(user, "at a place that is far away", when),
            says(user, "at a place that is far off", when), report(user, false, when), report(user, true, when),
            active(report(user, true, when), at(1)), active(report(user, true, when), at(2))})
        told.push_back({event});
    }
  }
  std::vector<Snapshot> all;
  for (const auto& events : told) {
    Snapshot one = many_users(false, 60), other = many_users(true, 60);
    for (const PresenceEvent& event : events) {
      one = reduce(std::move(one), event);
      other = reduce(std::move(other), event);
    }
    REQUIRE(one == other);  // which caches that their pages are equal
    all.push_back(std::move(one));
  }
  std::size_t differ = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      REQUIRE((all[i] == all[j]) == (all[i].digest() == all[j].digest()));
      differ += all[i] != all[j] ? 1u : 0u;
    }
  }
  CHECK(differ > 2500);
}

namespace {

/// Statuses made of the constants that hash functions start from, multiply by, or mix into their state. A digest is
/// weak if content can set its state, or can make a factor zero: different pages with such a status would compare
/// equal.
std::vector<std::string> statuses_of_hash_words(std::uint64_t seed) {
  std::vector<std::string> all;
  const std::uint64_t constants[] = {0,
                                     0x9E3779B97F4A7C15u,
                                     0xD1B54A32D192ED03u,
                                     0x8CB92BA72F3D8DD7u,
                                     0xAEF17502108EF2D9u,
                                     0xA0761D6478BD642Fu,
                                     0xE7037ED1A0B428DBu,
                                     0xC2B2AE3D27D4EB4Fu};
  const auto add = [&all](std::uint64_t word) {
    std::string status;
    for (int i = 0; i < 8; ++i) status += static_cast<char>(static_cast<unsigned char>(word >> (8 * i) & 0xFF));
    all.push_back(status);
    all.push_back(status + status);
    all.push_back("sixteen bytes -- " + status);
  };
  for (const std::uint64_t a : constants) {
    add(a);
    add(detail::mix(a ^ seed));
    for (const std::uint64_t b : constants) {
      add(a ^ b);
      add(detail::mix(detail::mix(seed ^ b) ^ a));
      add(detail::mix((detail::mix(seed ^ b) | 1) ^ a));
    }
  }
  return all;
}

}  // namespace

TEST_CASE("statuses made of hash constants do not make unequal snapshots compare equal, with several seeds") {
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{99}, ~std::uint64_t{0}}) {
    Rules rules;
    rules.hash_seed = seed;
    for (const std::string& status : statuses_of_hash_words(seed)) {
      Snapshot a = reduce(Snapshot(rules), at(0));
      // Some come before "victim" in the order of users, some after.
      for (const char* id : {"ann", "bob", "eve", "mallory", "oscar"})
        a = reduce(std::move(a), says(id, status, at(0)));
      a = reduce(std::move(a), connect("victim", "s", at(0)));
      Snapshot b = reduce(a, disconnect("victim", "s", at(1)));
      // Copies that share no memory; each is first compared with its original.
      const Snapshot a2 = *decode(encode(a), rules), b2 = *decode(encode(b), rules);
      REQUIRE(a == a2);
      REQUIRE(b == b2);
      for (int again = 0; again < 2; ++again) {
        REQUIRE(a2 != b2);
        REQUIRE(a != b2);
        REQUIRE(changes_between(a2, b2) == 1);
        REQUIRE(!merge(a2, b2).online("victim"));
        REQUIRE(merge(a2, b2) == merge(b2, a2));
        Snapshot other = a2;
        REQUIRE(encode_delta(other, b2) != encode_delta(b2, b2));
      }
    }
  }
}

TEST_CASE("snapshots compare equal exactly if their content is equal, also after many comparisons") {
  // Compares many snapshots of the same users with each other, in random order.
  Chance chance(29);
  std::vector<std::pair<Snapshot, int>> all;
  for (int i = 0; i < 24; ++i) {
    const int content = static_cast<int>(chance.below(4));
    Snapshot s = reduce(Snapshot(), at(0));
    for (std::size_t user = 0; user < 40; ++user) s = reduce(std::move(s), connect(user_id(user), "s", at(0)));
    s = reduce(std::move(s), says(user_id(7), std::to_string(content), at(1)));
    all.emplace_back(std::move(s), content);
  }
  for (int step = 0; step < 3000; ++step) {
    auto& [one, content] = all[chance.below(all.size())];
    const auto& [other, its_content] = all[chance.below(all.size())];
    REQUIRE((one == other) == (content == its_content));
    REQUIRE((changes_between(one, other) == 0) == (content == its_content));
    if (chance.below(10) == 0) {
      // Destroys cached comparisons, and creates others at the same addresses.
      content = static_cast<int>(chance.below(4));
      Snapshot next = reduce(Snapshot(), at(0));
      for (std::size_t user = 0; user < 40; ++user) next = reduce(std::move(next), connect(user_id(user), "s", at(0)));
      one = reduce(std::move(next), says(user_id(7), std::to_string(content), at(1)));
    } else if (chance.below(10) == 0) {
      one = other;
      content = its_content;
    }
  }
}
