// SPDX-License-Identifier: MIT

// Ranking: the order in which availabilities are stronger than others.

#include "../support.hpp"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <vector>

using namespace support;

namespace {

constexpr Availability offline = Availability::offline, idle = Availability::idle, away = Availability::away,
                       busy = Availability::busy, available = Availability::available;
constexpr Availability none = static_cast<Availability>(5);
constexpr Availability all[] = {offline, idle, away, busy, available};

/// The availabilities in the order of the ranking, as its comparison says.
std::string order_of(const Ranking& ranking) {
  std::vector<Availability> sorted(all, all + 5);
  std::sort(sorted.begin(), sorted.end(), [&](Availability a, Availability b) { return ranking.is_stronger(a, b); });
  std::string names;
  for (const Availability one : sorted) names += (names.empty() ? "" : " ") + std::string(to_string(one));
  return names;
}

}  // namespace

TEST_CASE("the default ranking is busy, available, away, idle, and then offline") {
  CHECK(order_of(Ranking()) == "busy available away idle offline");
  CHECK(order_of(Rules().ranking) == order_of(Ranking()));
  CHECK(order_of(Ranking{}) == order_of(Ranking()));
}

TEST_CASE("what is left out comes last, in the default order") {
  CHECK(order_of(Ranking{idle}) == "idle busy available away offline");
  CHECK(order_of(Ranking{away, available}) == "away available busy idle offline");
  CHECK(order_of(Ranking{available, busy}) == "available busy away idle offline");
  CHECK(order_of(Ranking{idle, away, available, busy}) == "idle away available busy offline");
}

TEST_CASE("offline, repeated availabilities, and numbers that are none are ignored") {
  CHECK(order_of(Ranking{offline}) == order_of(Ranking()));
  CHECK(order_of(Ranking{offline, idle, idle, offline, away, idle}) == "idle away busy available offline");
  CHECK(order_of(Ranking{none, static_cast<Availability>(255), away}) == "away busy available idle offline");
  CHECK(Ranking{away, none, away} == Ranking{away});
}

TEST_CASE("the comparison is a strict order") {
  for (const Ranking& ranking : {Ranking(), Ranking{idle, available}, Ranking{available}}) {
    for (const Availability a : all) {
      CHECK_FALSE(ranking.is_stronger(a, a));
      for (const Availability b : all) CHECK((a == b || ranking.is_stronger(a, b) != ranking.is_stronger(b, a)));
    }
    for (const Availability a : all) {
      CHECK((a == offline || ranking.is_stronger(a, offline)));
      CHECK((a == offline || ranking.is_stronger(a, none)));
      CHECK_FALSE(ranking.is_stronger(none, a));
    }
    CHECK_FALSE(ranking.is_stronger(none, none));
  }
}

TEST_CASE("rankings are equal if they are the same order") {
  std::vector<Availability> order = {idle, away, busy, available};
  std::vector<Ranking> rankings;
  do {
    rankings.push_back(Ranking{order[0], order[1], order[2], order[3]});
  } while (std::next_permutation(order.begin(), order.end()));
  REQUIRE(rankings.size() == 24);
  for (std::size_t i = 0; i < rankings.size(); ++i) {
    for (std::size_t j = 0; j < rankings.size(); ++j) {
      CHECK((rankings[i] == rankings[j]) == (i == j));
      CHECK((rankings[i] != rankings[j]) == (i != j));
      CHECK((order_of(rankings[i]) == order_of(rankings[j])) == (i == j));
    }
  }
  CHECK(Ranking{busy, available, away, idle} == Ranking());
  CHECK(Ranking{busy} == Ranking());
  Rules rules;
  rules.ranking = Ranking{idle};
  CHECK(rules != Rules());
}

TEST_CASE("a ranking is a constant expression") {
  constexpr Ranking ranking{away};
  static_assert(ranking.is_stronger(away, busy) && !ranking.is_stronger(idle, available), "");
  static_assert(ranking != Ranking(), "");
  CHECK(ranking == Ranking{away});
}
