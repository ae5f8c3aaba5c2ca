// SPDX-License-Identifier: MIT
#include "../support.hpp"

#include <algorithm>
#include <iterator>
#include <type_traits>

using namespace support;

namespace {
/// splitmix64 (Steele, Lea, Flood 2014): the same numbers everywhere.
struct Chance {
  std::uint64_t state;
  std::uint64_t next() {
    std::uint64_t z = (state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  int below(int n) { return static_cast<int>(next() % static_cast<std::uint64_t>(n)); }
};

Snapshot long_history() {
  Chance chance{2026};
  Snapshot s;
  double now = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::string user = "user-" + std::to_string(chance.below(500)), session = std::to_string(chance.below(3));
    const Timestamp when = at(now - chance.below(100) * 0.5);
    switch (chance.below(10)) {
      case 0: s = reduce(std::move(s), connect(user, session, when)); break;
      case 1: s = reduce(std::move(s), invisibly(user, session, when, chance.below(2) == 0)); break;
      case 2: s = reduce(std::move(s), disconnect(user, session, when)); break;
      case 3: s = reduce(std::move(s), says(user, std::string(static_cast<std::size_t>(chance.below(40)), 'x'), when)); break;
      case 4: s = reduce(std::move(s), report(user, chance.below(2) == 0, when)); break;
      case 5: s = reduce(std::move(s), at(now += chance.below(3))); break;
      default: s = reduce(std::move(s), heartbeat(user, session, when)); break;
    }
  }
  return s;
}
}  // namespace

static_assert(std::is_nothrow_move_constructible_v<Snapshot> && std::is_nothrow_move_assignable_v<Snapshot>);
static_assert(std::is_nothrow_copy_constructible_v<Snapshot> && std::is_nothrow_default_constructible_v<Snapshot>);
static_assert(sizeof(Snapshot) == sizeof(void*), "copying a snapshot copies one pointer");
static_assert(!std::is_convertible_v<Rules, Snapshot>);

template <class S, class = void>
struct CanView : std::false_type {};
template <class S>
struct CanView<S, std::void_t<decltype(std::declval<S>().view("john"))>> : std::true_type {};
static_assert(CanView<const Snapshot&>::value && CanView<Snapshot&>::value);
static_assert(!CanView<Snapshot>::value && !CanView<const Snapshot>::value, "a view of a temporary would dangle");

TEST_CASE("a copy is unaffected by later changes to the original") {
  Told t;
  t.pass(at(0));
  std::vector<std::pair<Snapshot, std::uint64_t>> kept;
  for (int i = 0; i < 300; ++i) {
    t.fold(connect("user-" + std::to_string(i * 7 % 100), "phone", at(i * 0.1)));
    if (i % 10 == 0) t.pass(at(i));
    kept.emplace_back(t.s, t.s.digest());
  }
  for (const auto& [copy, digest] : kept) CHECK(copy.digest() == digest);
}

TEST_CASE("a moved-from snapshot equals Snapshot{}") {
  Snapshot s(with_timeout(seconds(5)));
  s = reduce(std::move(s), connect("john", "phone", at(0)));
  const Snapshot taken = std::move(s);
  CHECK(s == Snapshot{});  // NOLINT(bugprone-use-after-move)
  CHECK(s.rules() == Rules{});
  CHECK(s.size() == 0);
  CHECK(taken.online("john"));
  s = reduce(std::move(s), connect("jack", "phone", at(0)));
  CHECK(s.online("jack"));
}

TEST_CASE("iteration visits the publicly known users, multi-pass, in an order independent of insertion") {
  Snapshot forwards, backwards;
  for (int i = 0; i < 200; ++i) {
    forwards = reduce(std::move(forwards), connect("user-" + std::to_string(i), "phone", at(0)));
    backwards = reduce(std::move(backwards), connect("user-" + std::to_string(199 - i), "phone", at(0)));
  }
  forwards = reduce(std::move(forwards), invisibly("user-hidden", "phone", at(0)));
  std::vector<std::string> one, two;
  for (const UserView user : forwards) one.emplace_back(user.id);
  for (const UserView user : backwards) two.emplace_back(user.id);
  CHECK(one == two);
  CHECK(one.size() == forwards.size());
  auto it = forwards.begin();
  const auto copy = it++;
  CHECK((*copy).id == one[0]);
  CHECK((*it).id == one[1]);
  CHECK(std::distance(forwards.begin(), forwards.end()) == 200);
  for (const UserView user : forwards) CHECK(forwards.view(user.id) == user);
}

TEST_CASE("find, view and online agree, and a viewer with an empty id sees what the public sees") {
  Snapshot s = reduce(Snapshot(), invisibly("john", "phone", at(0)));
  s = reduce(std::move(s), says("john", "hi", at(0)));
  for (const Viewer viewer : {nobody, Viewer{""}, Viewer{"jack"}, Viewer{"john"}}) {
    CHECK(s.find("john", viewer) == s.view("john", viewer).value());
    CHECK(s.online("john", viewer) == (viewer.id() == "john"));
  }
  CHECK_FALSE(s.find("", Viewer{""}));
  CHECK_FALSE(s.find("jack", Viewer{"jack"}));
}

TEST_CASE("operator== compares content, now and rules except hash_seed; the digest only content and now") {
  const Snapshot s = reduce(Snapshot(), connect("john", "phone", at(0)));
  CHECK(s != Snapshot());
  CHECK(reduce(s, at(0)) != s);
  CHECK(reduce(s, at(0)).digest() != s.digest());
  CHECK(Snapshot(Rules{}) == Snapshot());
  Rules seeded;
  seeded.hash_seed = 42;
  CHECK(reduce(Snapshot(seeded), connect("john", "phone", at(0))) == s);
  Rules other;
  other.session_timeout = seconds(41);
  const Snapshot t = reduce(Snapshot(other), connect("john", "phone", at(0)));
  CHECK(t != s);
  CHECK(t.digest() == s.digest());
}

TEST_CASE("the same history has the same digest on every platform") {
  const Snapshot s = long_history();
  CHECK(s.size() == 500);
  CHECK(s.digest() == 681006621927255951u);
}
