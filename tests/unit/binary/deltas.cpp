// SPDX-License-Identifier: MIT
#include <presence/binary/codec.hpp>

#include "../../property/history.hpp"
#include "../telling.hpp"

#include <algorithm>

using namespace support;

namespace {

Snapshot with_delta(Snapshot s, const std::string& delta, Timestamp now) {
  const std::optional<Timestamp> before = s.now();
  const std::optional<Error> error = apply_delta(s, delta, now);
  CHECK_FALSE(error);
  CHECK(s.now() == (before && *before > now ? before : now));
  return s;
}
/// The later now of both snapshots, or `otherwise`.
Timestamp later_of(const Snapshot& a, const Snapshot& b, double otherwise) {
  if (!a.now() && !b.now()) return at(otherwise);
  return (std::max)(a.now().value_or(*b.now()), b.now().value_or(*a.now()));
}

Rules random_rules(Chance& chance) {
  Rules rules;
  if (chance.below(3) == 0) rules.session_timeout = Duration();
  if (chance.below(3) == 0) rules.offline_grace = seconds(10);
  if (chance.below(3) == 0) rules.last_active_refresh = Duration();
  return rules;
}

/// Moves on by events, by time and by what other nodes know.
Snapshot moved_on(Snapshot s, Chance& chance, double& second) {
  for (std::size_t n = chance.below(8); n > 0; --n) {
    switch (chance.below(6)) {
      case 0:
        second += static_cast<double>(chance.below(40));
        s = reduce(std::move(s), at(second));
        break;
      case 1: {
        Snapshot other(s.rules());
        for (std::size_t k = chance.below(5); k > 0; --k) {
          other = reduce(std::move(other), random_event(chance, second, 4, 3));
        }
        if (chance.below(2) == 0) other = reduce(std::move(other), at(second));
        s = merge(std::move(s), other);
        break;
      }
      default: s = reduce(std::move(s), random_event(chance, second, 4, 3));
    }
  }
  return s;
}

Snapshot begun(Chance& chance, const Rules& rules, double& second) {
  Snapshot s(rules);
  if (chance.below(3) != 0) s = reduce(std::move(s), at(second));
  return moved_on(std::move(s), chance, second);
}

template <class Check>
void for_histories(std::size_t otherwise, Check check) {
  const std::size_t histories = property::histories_to_try(otherwise);
  for (std::size_t i = 0; i < histories; ++i) {
    const std::uint64_t seed = property::first_seed() + i;
    Chance chance(seed);
    const std::string why = check(chance);
    const std::string wrong = why.empty() ? "" : why + " (PRESENCE_SEED=" + std::to_string(seed) + ")";
    REQUIRE(wrong == "");
  }
}

std::vector<UserPresenceChanged> told_by_delta(Snapshot s, const std::string& delta, Timestamp now) {
  Told t;
  t.s = std::move(s);
  CHECK_FALSE(apply_delta(t.s, delta, now, t));
  return t.take();
}
/// Dated as by a host whose clock has got as far as the later one of both.
std::vector<UserPresenceChanged> told_by_merge(Snapshot s, const Snapshot& other) {
  Told t;
  t.s = std::move(s);
  merge_into(t.s, other, t);
  return t.take();
}
/// What is changed by a delta is dated from the snapshot's timestamp on, up to that of the host, and leads to the new
/// views.
std::string story_of(const Snapshot& from, const Snapshot& to, const std::vector<UserPresenceChanged>& changes) {
  property::Views views = property::views_of(from);
  if (const auto wrong = property::follow(views, changes)) return *wrong;
  if (views != property::views_of(to)) return "the changes lead elsewhere";
  for (const UserPresenceChanged& change : changes) {
    if (change.at > *to.now() || (from.now() && change.at < *from.now())) return "a change is dated outside the call";
  }
  return {};
}

/// Without a timeout, the end of a session that has already expired from the record cannot be derived from the rest.
bool ends_can_be_lost(const Rules& rules, double from, double to) {
  return rules.session_timeout == Duration() && to - from > 90;
}

Snapshot many(std::size_t users) {
  Snapshot s;
  for (std::size_t i = 0; i < users; ++i) s = reduce(std::move(s), connect(user_id(i), "phone", at(0)));
  return reduce(std::move(s), at(1));
}

}  // namespace

TEST_CASE("applying encode_delta(from, to) to `from` gives `to`") {
  for_histories(2000, [](Chance& chance) -> std::string {
    double second = 30;
    const Rules rules = random_rules(chance);
    const Snapshot from = begun(chance, rules, second);
    const double begin = second;
    const Snapshot to = moved_on(from, chance, second);
    const std::string delta = encode_delta(from, to);
    const Timestamp now = later_of(from, to, second);
    if (with_delta(from, delta, now) != reduce(merge(from, to), now)) return "not the merge";
    if (ends_can_be_lost(rules, begin, second)) return {};
    if (with_delta(from, delta, now) != reduce(to, now)) return "elsewhere";
    if (with_delta(from, delta, now).digest() != reduce(to, now).digest()) return "another digest";
    if (to.now() && told_by_delta(from, delta, now) != told_by_merge(from, to)) return "other changes told";
    if (delta.size() > encode(to).size()) return "more than all of it";
    return {};
  });
}

TEST_CASE("applying the delta of two unrelated snapshots gives their merge") {
  for_histories(2000, [](Chance& chance) -> std::string {
    const Rules rules = random_rules(chance);
    double second = 30, other_second = 10 + static_cast<double>(chance.below(40));
    const Snapshot a = begun(chance, rules, second), b = begun(chance, rules, other_second);
    const std::string delta = encode_delta(a, b);
    const Timestamp now = later_of(a, b, 70);
    if (with_delta(a, delta, now) != reduce(merge(a, b), now)) return "not the merge";
    if ((a.now() || b.now()) && told_by_delta(a, delta, now) != told_by_merge(a, b)) return "other changes told";
    return {};
  });
}

TEST_CASE("a delta gives the merge if the receiver's clock is behind or ahead of the sender's") {
  std::size_t behind = 0, ahead = 0;
  for_histories(3000, [&](Chance& chance) -> std::string {
    const Rules rules = random_rules(chance);
    double second = 30, other_second = 10 + static_cast<double>(chance.below(40));
    const Snapshot a = begun(chance, rules, second), b = begun(chance, rules, other_second);
    const Timestamp later = later_of(a, b, 70), now = later + seconds(static_cast<double>(chance.below(100)) - 50);
    const Timestamp end = (std::max)(later, now);
    if (b.now() && *b.now() > (std::max)(now, a.now().value_or(now)) + rules.max_clock_skew) return {};
    behind += now < end ? 1u : 0u;
    ahead += now > later ? 1u : 0u;
    const Snapshot joined = with_delta(a, encode_delta(a, b), now);
    // Later the snapshot does not depend on which clock was used in between.
    if (reduce(joined, end) != reduce(merge(a, b), end)) return "not the merge";
    const std::string wrong = story_of(a, joined, told_by_delta(a, encode_delta(a, b), now));
    if (!wrong.empty()) return wrong;
    if (with_delta(joined, encode_delta(a, b), now) != joined) return "not idempotent";
    Snapshot in_place = merge(Snapshot(rules), a);
    if (apply_delta(in_place, encode_delta(a, b), now) || in_place != joined) return "otherwise in place";
    return {};
  });
  CHECK(behind > 0);
  CHECK(ahead > 0);
}

TEST_CASE("deltas applied in any order, twice or late give the same snapshot") {
  for_histories(800, [](Chance& chance) -> std::string {
    double second = 30, other_second = 30;
    const Rules rules = random_rules(chance);
    std::vector<Snapshot> chain = {begun(chance, rules, second)};
    std::vector<std::string> deltas;
    for (int i = 0; i < 4; ++i) {
      const double begin = second;
      chain.push_back(moved_on(chain.back(), chance, second));
      if (ends_can_be_lost(rules, begin, second)) return {};
      deltas.push_back(encode_delta(chain[chain.size() - 2], chain.back()));
    }
    Snapshot replica = chain[0];
    for (std::size_t i = 0; i < deltas.size(); ++i) {  // in order, with nothing lost
      const Timestamp now = later_of(replica, chain[i + 1], second);
      replica = with_delta(std::move(replica), deltas[i], now);
      if (replica != reduce(chain[i + 1], now)) return "a replica that differs";
    }
    const Snapshot moved = moved_on(chain[0], chance, other_second);
    // What one node has forgotten since another came to know of it counts by the way that it took between them.
    if (second > 90 || other_second > 90) return {};
    Snapshot late = moved, in_order = moved;
    const Timestamp now = later_of(moved, chain.back(), (std::max)(second, other_second));
    for (const std::string& delta : deltas) in_order = with_delta(std::move(in_order), delta, now);
    Snapshot merged = moved;
    for (const Snapshot& link : chain) merged = merge(std::move(merged), link);
    if (in_order != reduce(merged, now)) return "not the merges";
    if (in_order != reduce(merge(moved, chain.back()), now)) return "not the merge";
    deltas.push_back(deltas[chance.below(deltas.size())]);
    for (std::size_t n = deltas.size(); n > 1; --n) std::swap(deltas[n - 1], deltas[chance.below(n)]);
    for (const std::string& delta : deltas) late = with_delta(std::move(late), delta, now);
    if (late != in_order) return "the order counts";
    return {};
  });
}

TEST_CASE("a delta from an empty snapshot contains the whole snapshot") {
  for_histories(500, [](Chance& chance) -> std::string {
    const Rules rules = random_rules(chance);
    double second = 30;
    const Snapshot to = begun(chance, rules, second);
    const std::string delta = encode_delta(Snapshot(rules), to);
    const Timestamp now = to.now().value_or(at(second));
    if (with_delta(Snapshot(rules), delta, now) != reduce(to, now)) return "not whole";
    return delta.size() == encode(to).size() ? "" : "of another size";
  });
}

TEST_CASE("applying a delta gives the merge if max_recent_per_user is small") {
  for_histories(1000, [](Chance& chance) -> std::string {
    Rules rules = random_rules(chance);
    rules.max_recent_per_user = static_cast<std::uint32_t>(1 + chance.below(3));
    double second = 30, other_second = 40;
    const Snapshot a = begun(chance, rules, second), b = begun(chance, rules, other_second);
    if (!a.now() && !b.now()) return "";
    return with_delta(a, encode_delta(a, b), later_of(a, b, 0)) == merge(a, b) ? "" : "not the merge";
  });
}

TEST_CASE("a delta's size depends on the changes, not on the number of users") {
  const Snapshot from = many(100000);
  const Snapshot to = reduce(from, says("user-000007", "hello", at(1)));
  const std::string delta = encode_delta(from, to);
  CHECK(delta.size() < 200);
  CHECK(with_delta(from, delta, at(1)) == to);
  const Snapshot later = reduce(from, at(2));
  CHECK(encode_delta(from, later).size() < 50);
  CHECK(with_delta(from, encode_delta(from, later), at(2)) == later);
  CHECK(encode_delta(from, from).size() < 50);
  CHECK(with_delta(from, encode_delta(from, from), at(1)) == from);
  CHECK(encode_delta(to, Snapshot()) == encode_delta(Snapshot(), Snapshot()));
}

TEST_CASE("a delta omits users that changed only by the passing of time") {
  const Snapshot from =
      folded({connect("john", "phone", at(0)), disconnect("john", "tv", at(0)), visibly("ann", "tv", at(0)),
              visibly("ann", "tv", at(1)), heartbeat("ann", "tv", at(2))});
  const Snapshot before = reduce(from, at(10)), after = reduce(before, at(1000));
  CHECK(encode_delta(before, after).size() == encode_delta(Snapshot(), reduce(Snapshot(), at(1000))).size());
  CHECK(with_delta(before, encode_delta(before, after), at(1000)) == after);
}

TEST_CASE("a delta with many changes spans several blocks") {
  const Snapshot from = many(3000);
  Snapshot to = from;
  for (std::size_t i = 0; i < 3000; i += 2) to = reduce(std::move(to), says(user_id(i), std::string(30, 'x'), at(1)));
  const std::string delta = encode_delta(from, to);
  CHECK(delta.size() > 3 * 16384);
  CHECK(with_delta(from, delta, at(1)) == to);
}

TEST_CASE("a delta carries invisibility, a cleared status and a timeout") {
  const Snapshot from =
      reduce(folded({saying(connect("john", "phone", at(0)), "hi"), connect("ann", "tv", at(0))}), at(1));
  const Snapshot to = reduce(reduce(reduce(from, invisibly("john", "phone", at(2))), says("john", "", at(3))), at(100));
  Told t;
  t.s = from;
  CHECK_FALSE(apply_delta(t.s, encode_delta(from, to), at(100), t));
  CHECK(t.s == to);
  const auto changes = t.take();
  CHECK(changes == told_by_merge(from, to));
  CHECK(changes.size() == 2);
  CHECK_FALSE(t.s.online("ann"));
  CHECK(status(t.s, "john") == "");
  CHECK(t.s.find("john", self("john"))->invisible);
}

TEST_CASE("an invalid delta changes nothing and reports no change") {
  const Snapshot from = reduce(folded({connect("john", "phone", at(0)), connect("ann", "tv", at(0))}), at(1));
  const Snapshot to = reduce(reduce(from, says("john", "hi", at(2))), at(100));
  const std::string delta = encode_delta(from, to);
  const auto refused = [&from](const std::string& bytes) {
    Told t;
    t.s = from;
    const std::optional<Error> error = apply_delta(t.s, bytes, at(100), t);
    return error && t.s == from && t.s.digest() == from.digest() && t.changes.empty();
  };
  for (std::size_t n = 0; n < delta.size(); ++n) REQUIRE(refused(delta.substr(0, n)));
  for (std::size_t i = 0; i < 8 * delta.size(); ++i) {
    std::string harmed = delta;
    harmed[i / 8] = static_cast<char>(harmed[i / 8] ^ 1 << i % 8);
    CAPTURE(i);
    REQUIRE(refused(harmed));
  }
  CHECK(refused(delta + delta));
  CHECK(refused(encode(to)));
  CHECK(refused(""));
  Rules strict;
  strict.max_status_bytes = 1;
  Snapshot narrow(strict);
  const std::optional<Error> error = apply_delta(narrow, delta, at(100));
  REQUIRE(error);
  CHECK(error->code == ErrorCode::over_limit);
  CHECK(narrow == Snapshot(strict));
}

TEST_CASE("a delta is applied by the rules of the receiving snapshot") {
  const Snapshot to = reduce(folded({connect("john", "phone", at(0))}), at(30));
  Snapshot s(with_timeout(seconds(20)));
  CHECK_FALSE(apply_delta(s, encode_delta(Snapshot(), to), at(30)));
  CHECK(s.rules() == with_timeout(seconds(20)));
  CHECK_FALSE(s.online("john"));
}
