// SPDX-License-Identifier: MIT
#include "../telling.hpp"

using namespace support;

// The constants were computed by a second implementation of reduce, of the normal form and of the digest, written in
// another language.

namespace {

struct Outcome {
  std::uint64_t digest;
  std::size_t known, online, changes;
  std::optional<Timestamp> deadline;
};

Outcome long_history(std::uint64_t seed, const Rules& rules, bool has_all_types) {
  Told t(rules);
  Chance chance(seed);
  double second = 0;
  for (int i = 0; i < 3000; ++i) {
    t.fold(has_all_types ? random_event_of_any_type(chance, second, 25, 3) : random_event(chance, second, 25, 3));
    second += static_cast<double>(chance.below(4));
    if (chance.below(3) == 0) t.pass(at(second));
  }
  t.pass(at(second));
  return {t.s.digest(), t.s.size(), t.s.online_count(), t.changes.size(), t.s.next_deadline()};
}
Rules with(Duration timeout, Duration grace, Duration refresh) {
  Rules rules;
  rules.session_timeout = timeout;
  rules.offline_grace = grace;
  rules.last_active_refresh = refresh;
  return rules;
}
Outcome long_history(Duration timeout, Duration grace, Duration refresh) {
  return long_history(2019, with(timeout, grace, refresh), false);
}

}  // namespace

TEST_CASE("the digest of a fixed history is the same on every platform") {
  Snapshot s;
  CHECK(s.digest() == 738865958313860817u);
  s = folded({saying(connect("john", "phone", at(0)), "Eating a veggie burger..."), heartbeat("john", "phone", at(20)),
              disconnect("jack", "tv", at(1)), invisibly("mary", "phone", at(2)),
              active(report("ann", true, at(3)), at(-5))});
  CHECK(s.digest() == 18124619254463911411u);
  s = reduce(std::move(s), at(30));
  CHECK(s.digest() == 9707810250903958005u);
  s = reduce(std::move(s), at(1000));
  CHECK(s.digest() == 7338392833357897666u);
}

TEST_CASE("a long history gives the same digest, counts and deadline on every platform") {
  const Outcome usual = long_history(seconds(40), Duration(), seconds(900));
  CHECK(usual.digest == 13347463832114367834u);
  CHECK(usual.known == 25);
  CHECK(usual.online == 9);
  CHECK(usual.changes == 1881);
  CHECK(usual.deadline == at(4479));
}

TEST_CASE("a long history with an offline_grace gives the same result on every platform") {
  const Outcome riding = long_history(seconds(40), seconds(15), Duration());
  CHECK(riding.digest == 3186114906552386670u);
  CHECK(riding.known == 25);
  CHECK(riding.online == 11);
  CHECK(riding.changes == 1914);
  CHECK(riding.deadline == at(4487));
}

TEST_CASE("a long history without a timeout gives the same result on every platform") {
  const Outcome with_grace = long_history(Duration(), seconds(15), seconds(60));
  CHECK(with_grace.digest == 10044788693766831687u);
  CHECK(with_grace.online == 13);
  CHECK(with_grace.changes == 1615);
  CHECK_FALSE(with_grace.deadline);
  const Outcome without = long_history(Duration(), Duration(), seconds(60));
  CHECK(without.digest == 14663953488843659598u);
  CHECK(without.online == 13);
  CHECK(without.changes == 1614);
  CHECK_FALSE(without.deadline);
}

TEST_CASE("a long history of events of all types gives the same result on every platform") {
  const Outcome usual = long_history(2019, with(seconds(40), Duration(), seconds(900)), true);
  CHECK(usual.digest == 15056845396822258047u);
  CHECK(usual.known == 24);
  CHECK(usual.online == 7);
  CHECK(usual.changes == 2011);
  CHECK(usual.deadline == at(4527));
  Rules rules = with(seconds(40), seconds(15), Duration());
  rules.idle_after = seconds(30);
  rules.report_timeout = seconds(20);
  rules.session_fold = SessionFold::latest;
  const Outcome idle = long_history(2019, rules, true);
  CHECK(idle.digest == 2145171273237830981u);
  CHECK(idle.known == 24);
  CHECK(idle.online == 6);
  CHECK(idle.changes == 2564);
  CHECK(idle.deadline == at(4527));
  rules = with(Duration(), seconds(15), seconds(60));
  rules.idle_after = seconds(100);
  rules.session_fold = SessionFold::by_priority;
  rules.ranking = {Availability::available, Availability::busy};
  const Outcome untimed = long_history(2019, rules, true);
  CHECK(untimed.digest == 1328949568582681771u);
  CHECK(untimed.known == 24);
  CHECK(untimed.online == 14);
  CHECK(untimed.changes == 1876);
  CHECK(untimed.deadline == at(4535));
}
