// SPDX-License-Identifier: MIT
#include "../telling.hpp"

using namespace support;

// The constants were computed by a second implementation of reduce and of the digest, written in another language.

namespace {

struct Outcome {
  std::uint64_t digest;
  std::size_t known, online, changes;
  std::optional<Timestamp> deadline;
};

Outcome long_history(Duration timeout, Duration grace, Duration refresh) {
  Rules rules;
  rules.session_timeout = timeout;
  rules.offline_grace = grace;
  rules.last_active_refresh = refresh;
  Told t(rules);
  Chance chance(2019);
  double second = 0;
  for (int i = 0; i < 3000; ++i) {
    t.fold(random_event(chance, second, 25, 3));
    second += static_cast<double>(chance.below(4));
    if (chance.below(3) == 0) t.pass(at(second));
  }
  t.pass(at(second));
  return {t.s.digest(), t.s.size(), t.s.online_count(), t.changes.size(), t.s.next_deadline()};
}

}  // namespace

TEST_CASE("the digest of a fixed history is the same on every platform") {
  Snapshot s;
  CHECK(s.digest() == 738865958313860817u);
  s = folded({saying(connect("john", "phone", at(0)), "Eating a veggie burger..."), heartbeat("john", "phone", at(20)),
              disconnect("jack", "tv", at(1)), invisibly("mary", "phone", at(2)),
              active(report("ann", true, at(3)), at(-5))});
  CHECK(s.digest() == 10199559032021346695u);
  s = reduce(std::move(s), at(30));
  CHECK(s.digest() == 10716153601519028826u);
  s = reduce(std::move(s), at(1000));
  CHECK(s.digest() == 14718012260161802689u);
}

TEST_CASE("a long history gives the same digest, counts and deadline on every platform") {
  const Outcome usual = long_history(seconds(40), Duration(), seconds(900));
  CHECK(usual.digest == 6146947635287265158u);
  CHECK(usual.known == 25);
  CHECK(usual.online == 9);
  CHECK(usual.changes == 1881);
  CHECK(usual.deadline == at(4479));
}

TEST_CASE("a long history with an offline_grace gives the same result on every platform") {
  const Outcome riding = long_history(seconds(40), seconds(15), Duration());
  CHECK(riding.digest == 843428416046509600u);
  CHECK(riding.known == 25);
  CHECK(riding.online == 11);
  CHECK(riding.changes == 1903);
  CHECK(riding.deadline == at(4487));
}

TEST_CASE("a long history without a timeout gives the same result on every platform") {
  const Outcome with_grace = long_history(Duration(), seconds(15), seconds(60));
  CHECK(with_grace.digest == 6495794174124714017u);
  CHECK(with_grace.online == 13);
  CHECK(with_grace.changes == 1615);
  CHECK_FALSE(with_grace.deadline);
  const Outcome without = long_history(Duration(), Duration(), seconds(60));
  CHECK(without.digest == 4113881660447808513u);
  CHECK(without.online == 13);
  CHECK(without.changes == 1614);
  CHECK_FALSE(without.deadline);
}
