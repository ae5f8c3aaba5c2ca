// SPDX-License-Identifier: MIT
#include "../colliding_ids.hpp"
#include "../support.hpp"
#include "../telling.hpp"

#include <presence/base/detail/id_map.hpp>
#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/user_key.hpp>

#include <map>
#include <set>

using namespace support;

namespace {

using Numbers = detail::IdMap<int>;

/// Hashes that are equal except for the `kept` bits.
template <std::uint64_t kept>
struct BadHash {
  static std::uint64_t of(std::string_view id, std::uint64_t seed) noexcept {
    return detail::IdHash::of(id, seed) & kept;
  }
};

/// The expected content. Each element must keep its number.
struct Model {
  struct Thing {
    std::uint32_t number;
    int thing;
  };
  std::map<std::string, Thing> things;

  template <class Map>
  void compare(const Map& table) const {
    CHECK(table.size() == things.size());
    std::set<std::uint32_t> taken;
    for (const auto& [id, thing] : things) {
      const std::uint32_t number = table.find(id);
      REQUIRE(number == thing.number);
      CHECK(table.has(number));
      CHECK(table.id_of(number) == id);
      CHECK(table[number] == thing.thing);
      CHECK(taken.insert(number).second);
    }
    std::set<std::uint32_t> met;
    for (auto it = table.begin(); it != table.end(); ++it) {
      CHECK(met.insert(it.number()).second);
      CHECK(*it == table[it.number()]);
    }
    CHECK(met == taken);
    CHECK(table.is_sound());
  }
};

template <class Map>
void add(Map& table, Model& model, const std::string& id, int thing) {
  const bool is_new = model.things.count(id) == 0;
  CHECK((table.find(id) == Numbers::none) == is_new);
  const std::uint32_t number = table.add(id);
  CHECK(table.find(id) == number);
  if (!is_new) {
    CHECK(number == model.things[id].number);
    return;
  }
  CHECK(table[number] == 0);
  table[number] = thing;
  model.things[id] = Model::Thing{number, thing};
}
template <class Map>
void erase(Map& table, Model& model, const std::string& id) {
  const std::uint32_t number = table.find(id);
  const auto known = model.things.find(id);
  REQUIRE((number == Numbers::none) == (known == model.things.end()));
  if (number == Numbers::none) return;
  table.erase(number);
  model.things.erase(known);
  CHECK(table.find(id) == Numbers::none);
  CHECK_FALSE(table.has(number));
}

std::string some_id(Chance& chance, std::size_t ids) {
  const std::size_t i = chance.below(ids);
  return i == 0 ? std::string() : std::string(i % 40, 'x') + std::to_string(i);
}

}  // namespace

TEST_CASE("an IdMap behaves like std::map under random operations, and each id keeps its number") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    Numbers table(seed % 3 == 0 ? 0 : chance.bits());
    Model model;
    const std::size_t ids = seed % 2 == 0 ? 12 : 300;
    for (int step = 1; step <= 1500; ++step) {
      const std::string id = some_id(chance, ids);
      // Grows for a while, then shrinks.
      const bool grows = step / 250 % 2 == 0;
      if (chance.below(3) == 0 ? grows : !grows) {
        erase(table, model, id);
      } else {
        add(table, model, id, step);
      }
      if (chance.below(400) == 0) {
        table.clear();
        model.things.clear();
      }
      if (step % 25 == 0) model.compare(table);
    }
    for (std::size_t i = 0; i < ids; ++i) {
      erase(table, model, i == 0 ? std::string() : std::string(i % 40, 'x') + std::to_string(i));
    }
    model.compare(table);
    CHECK(table.size() == 0);
    CHECK_FALSE(table.begin() != table.end());
  }
}

TEST_CASE("ids that start in the same slot are distinguished, whichever is erased first") {
  constexpr std::uint64_t seed = 5;
  std::vector<std::string> ids;
  for (std::size_t i = 0; ids.size() < 80; ++i) {
    std::string id = "id-" + std::to_string(i);
    if ((detail::hash_of(detail::LookupKey(id), detail::mix(seed)) & 511) == 511) ids.push_back(std::move(id));
  }
  for (std::uint64_t round = 1; round <= 8; ++round) {
    CAPTURE(round);
    Chance chance(round);
    Numbers table(seed);
    Model model;
    int thing = 0;
    for (std::size_t step = 0; step < 400; ++step) {
      const std::string& id = ids[chance.below(ids.size())];
      if (chance.below(3) == 0) {
        erase(table, model, id);
      } else {
        add(table, model, id, ++thing);
      }
      if (step % 20 == 0) model.compare(table);
    }
    for (const std::string& id : ids) {
      erase(table, model, id);
      model.compare(table);
    }
  }
}

template <class Map>
void expect_a_map(std::uint64_t seed, const std::vector<std::string>& ids, std::size_t steps) {
  CAPTURE(seed);
  Chance chance(seed);
  Map table(seed);
  Model model;
  for (std::size_t step = 0; step < steps; ++step) {
    const bool grows = step * 4 / steps % 2 == 0;
    const std::string& id = ids[chance.below(ids.size())];
    if (chance.below(4) == 0 ? grows : !grows) {
      erase(table, model, id);
    } else {
      add(table, model, id, static_cast<int>(step) + 1);
    }
    if (step % 29 == 0) model.compare(table);
  }
  const Map copy = table;
  model.compare(copy);
  for (const std::string& id : ids) erase(table, model, id);
  model.compare(table);
}

TEST_CASE("an IdMap finds its ids whichever bits of their hashes agree") {
  std::vector<std::string> ids = {"", std::string(1, '\0'), std::string(2, '\0')};
  for (std::size_t i = 0; i < 150; ++i) ids.push_back(std::string(i % 5, 'x') + std::to_string(i));
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    expect_a_map<detail::IdMap<int, BadHash<0>>>(seed, ids, 900);
    expect_a_map<detail::IdMap<int, BadHash<1>>>(seed, ids, 900);
    expect_a_map<detail::IdMap<int, BadHash<0x8000000000000000>>>(seed, ids, 900);
    expect_a_map<detail::IdMap<int, BadHash<0x0800000000000003>>>(seed, ids, 900);
    expect_a_map<detail::IdMap<int, BadHash<0xFFFFFFFFFFFFFF00>>>(seed, ids, 900);
  }
}

TEST_CASE("an IdMap of equal hashes stays sound when ids are inserted and erased in order") {
  for (const bool backwards : {false, true}) {
    detail::IdMap<int, BadHash<0>> map;
    std::vector<std::uint32_t> numbers;
    for (int i = 0; i < 1000; ++i) {
      numbers.push_back(map.add(std::to_string(backwards ? 9999 - i : 1000 + i)));
      if (i % 37 == 0) CHECK(map.is_sound());
    }
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      map.erase(numbers[i % 2 == 0 ? i : numbers.size() - i]);
      if (i % 37 == 0) CHECK(map.is_sound());
    }
    CHECK(map.size() == 0);
  }
}

TEST_CASE("ids with colliding hashes are distinguished") {
  for (const auto& ids :
       {colliding::same_hash(300), colliding::same_hash_short(300), colliding::same_hash_long(256, 4),
        colliding::same_low_bits(300, 10, [](std::string_view id) { return detail::IdHash::of(id, 0); })}) {
    expect_a_map<Numbers>(0, ids, 1500);
    expect_a_map<Numbers>(77, ids, 1500);
  }
}

TEST_CASE("an empty IdMap finds nothing and iterates over nothing") {
  Numbers table;
  CHECK(table.size() == 0);
  CHECK(table.find("john") == Numbers::none);
  CHECK(table.find("") == Numbers::none);
  CHECK_FALSE(table.begin() != table.end());
  table.clear();
  CHECK(table.find("") == Numbers::none);
}

TEST_CASE("empty ids, very long ids and ids with null bytes are supported") {
  Numbers table;
  const std::string zeros("a\0b", 3), other_zeros("a\0c", 3), longest(100000, 'q');
  const std::vector<std::string> ids = {"",
                                        zeros,
                                        other_zeros,
                                        "a",
                                        longest,
                                        longest + "r",
                                        std::string(15, 'z'),
                                        std::string(16, 'z'),
                                        std::string(17, 'z')};
  std::vector<std::uint32_t> numbers;
  for (const std::string& id : ids) numbers.push_back(table.add(id));
  CHECK(table.size() == ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    CHECK(table.find(ids[i]) == numbers[i]);
    CHECK(table.add(ids[i]) == numbers[i]);
  }
  table.erase(table.find(""));
  CHECK(table.find("") == Numbers::none);
  CHECK(table.find(zeros) == numbers[1]);
  CHECK(table.find(longest.substr(1)) == Numbers::none);
}

TEST_CASE("the number of an erased id is reused, with a default-constructed value") {
  detail::IdMap<std::vector<std::string>> table;
  const std::uint32_t ann = table.add("ann"), bob = table.add("bob");
  table[ann] = {"a", "list"};
  table[bob] = {"another"};
  table.erase(ann);
  CHECK(table.size() == 1);
  const std::uint32_t cyd = table.add("cyd");
  CHECK(cyd == ann);
  CHECK(table[cyd].empty());
  CHECK(table[bob] == std::vector<std::string>{"another"});
}

TEST_CASE("a copy of an IdMap is independent") {
  Numbers table(9);
  for (std::size_t i = 0; i < 50; ++i) table[table.add(user_id(i))] = static_cast<int>(i);
  Numbers copy = table;
  table.erase(table.find(user_id(7)));
  table[table.find(user_id(8))] = -1;
  copy.add("more");
  CHECK(copy.size() == 51);
  CHECK(table.size() == 49);
  CHECK(table.find("more") == Numbers::none);
  CHECK(copy[copy.find(user_id(7))] == 7);
  CHECK(copy[copy.find(user_id(8))] == 8);
  table.clear();
  CHECK(table.size() == 0);
  CHECK(table.find(user_id(1)) == Numbers::none);
  CHECK(table.add("first") == 0);
}
