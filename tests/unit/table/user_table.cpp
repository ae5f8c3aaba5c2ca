// SPDX-License-Identifier: MIT
#include "../colliding_ids.hpp"
#include "../telling.hpp"

#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/siphash.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/registers/detail/absent.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/table/detail/user_row.hpp>
#include <presence/table/detail/user_table.hpp>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <tuple>

using namespace support;

namespace {

using detail::LookupKey;
using detail::RowView;
using detail::UserRow;

/// All hashes begin with the same 20 bits.
struct PrefixOrder {
  static std::uint64_t first(const LookupKey& id) { return detail::hash_of(id, 0) >> 20 | 0xABCDE00000000000u; }
  static std::uint64_t second(const LookupKey& id) { return detail::hash_of(id, 1); }
  static std::uint64_t third(const LookupKey& id) { return detail::hash_of(id, 2); }
};
/// All hashes agree, but the second does not.
struct SecondOrder {
  static std::uint64_t first(const LookupKey&) { return 0x123456789ABCDEF0u; }
  static std::uint64_t second(const LookupKey& id) { return detail::hash_of(id, 1); }
  static std::uint64_t third(const LookupKey& id) { return detail::hash_of(id, 2); }
};
/// All hashes are equal: only the ids differ.
struct NoOrder {
  static std::uint64_t first(const LookupKey&) { return 0xFFFFFFFFFFFFFFFFu; }
  static std::uint64_t second(const LookupKey&) { return 0; }
  static std::uint64_t third(const LookupKey&) { return 0; }
};
/// The first two hashes agree, but the third does not.
struct ThirdOrder {
  static std::uint64_t first(const LookupKey&) { return 0x123456789ABCDEF0u; }
  static std::uint64_t second(const LookupKey&) { return 1; }
  static std::uint64_t third(const LookupKey& id) { return detail::hash_of(id, 2); }
};
/// In each hash a few bits differ, far behind each other.
struct SparseOrder {
  static std::uint64_t first(const LookupKey& id) {
    return (detail::hash_of(id, 0) & 0x0100000000000100u) | 0x4000000000000000u;
  }
  static std::uint64_t second(const LookupKey& id) { return detail::hash_of(id, 1) & 0x0000000300000070u; }
  static std::uint64_t third(const LookupKey& id) { return detail::hash_of(id, 2) & 0x000000F000000080u; }
};
/// The last bits of the first two hashes and the first ones of the next, in all combinations.
struct BoundaryOrder {
  static std::uint64_t first(const LookupKey& id) { return detail::hash_of(id, 0) & 0x0000000000000030u; }
  static std::uint64_t second(const LookupKey& id) { return detail::hash_of(id, 1) & 0xC000000000000030u; }
  static std::uint64_t third(const LookupKey& id) { return detail::hash_of(id, 2) & 0xFFF0000000000000u; }
};
/// Most agree in the bits between others in which many differ: nodes come between nodes, and go again.
struct RareOrder {
  static std::uint64_t of(std::uint64_t hash) {
    const std::uint64_t rare = hash % 61 == 0 ? 0x0000800000000000u : hash % 67 == 0 ? 0x0000000010000000u : 0;
    return (hash & 0x80000000000003F0u) | (rare ^ 0x0000800010000000u);
  }
  static std::uint64_t first(const LookupKey& id) { return of(detail::hash_of(id, 0)); }
  static std::uint64_t second(const LookupKey& id) { return of(detail::hash_of(id, 1)); }
  static std::uint64_t third(const LookupKey& id) { return detail::hash_of(id, 2); }
};
/// Four hashes in all.
struct FewOrder {
  static std::uint64_t first(const LookupKey& id) { return (detail::hash_of(id, 0) >> 62) << 30; }
  static std::uint64_t second(const LookupKey& id) { return detail::hash_of(id, 0) << 62; }
  static std::uint64_t third(const LookupKey&) { return 5; }
};

struct Value {
  std::int64_t kept, due, cleanup;
};
using Model = std::map<std::string, Value>;

detail::UserRegisters registers_of(std::int64_t value) {
  detail::UserRegisters registers;
  registers.status_at = Timestamp::from_ns(value);
  return registers;
}
/// Whether others see a user with this value online, for tests of what pages keep of it.
bool is_online(std::int64_t value) { return value % 3 == 0; }
std::int64_t value_of(const RowView& row) { return row.registers().status_at().ns(); }

template <class Table>
void put(Table& table, const std::string& id, std::int64_t value, std::int64_t due, std::int64_t cleanup = INT64_MAX) {
  const detail::UserKey key = table.key_of(id);
  const Timestamp due_at = Timestamp::from_ns(due), cleanup_at = Timestamp::from_ns(cleanup);
  if (table.find(key) == nullptr) {
    table.insert(key, UserRow(detail::SharedString(id), registers_of(value)), due_at, cleanup_at, is_online(value));
  } else {
    table.change(key, due_at, cleanup_at, is_online(value),
                 [&](const detail::RowAccess& row) { row.replace(registers_of(value)); });
  }
}

template <class Table>
std::vector<std::string> ids_of(const Table& table) {
  std::vector<std::string> ids;
  for (const RowView row : table) ids.emplace_back(row.name());
  return ids;
}

template <class Table>
void compare(const Table& table, const Model& model) {
  REQUIRE(table.size() == model.size());
  REQUIRE(table.is_sound());
  std::set<std::string> met;
  for (const RowView row : table) {
    const auto expected = model.find(std::string(row.name()));
    REQUIRE(expected != model.end());
    REQUIRE(value_of(row) == expected->second.kept);
    REQUIRE(met.insert(expected->first).second);
  }
  REQUIRE(met.size() == model.size());
  std::int64_t due = INT64_MAX;
  std::size_t online = 0;
  for (const auto& [id, value] : model) {
    const RowView found = table.find(id);
    REQUIRE(found != nullptr);
    REQUIRE(value_of(*found) == value.kept);
    REQUIRE(found.is_online() == is_online(value.kept));
    REQUIRE(table.locate(id).row() == found);
    REQUIRE(table.locate(id).is_online() == is_online(value.kept));
    online += is_online(value.kept) ? 1u : 0u;
    due = std::min(due, value.due);
  }
  table.each_online([&](const typename Table::Found& found) {
    REQUIRE(is_online(value_of(found.row())));
    --online;
  });
  REQUIRE(online == 0);
  REQUIRE(table.due().ns() <= due);
  REQUIRE(table.earliest([&](const RowView& row) { return Timestamp::from_ns(model.at(std::string(row.name())).due); })
              .ns() == due);
}

std::uint64_t seed_given(std::uint64_t otherwise) {
  const char* given = std::getenv("PRESENCE_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 0) : otherwise;
}

}  // namespace

TEST_CASE_TEMPLATE("the table behaves like std::map and its copies never change, however the hashes are distributed",
                   Order, detail::HashOrder, PrefixOrder, SecondOrder, ThirdOrder, SparseOrder, BoundaryOrder,
                   RareOrder, NoOrder, FewOrder) {
  using Table = detail::BasicUserTable<Order>;
  const std::uint64_t seed = seed_given(7);
  INFO("PRESENCE_SEED=", seed);
  Chance chance(seed);
  Table table(chance.bits());
  Model model;
  std::vector<std::pair<Table, Model>> kept;
  for (int step = 0; step < 5000; ++step) {
    const bool shrinking = step / 1000 % 2 == 1;
    const std::string id = chance.below(4) == 0 ? "a longer id than fits inside, " + user_id(chance.below(500))
                                                : user_id(chance.below(500));
    const auto value = static_cast<std::int64_t>(chance.below(1000)),
               due = static_cast<std::int64_t>(chance.below(100000)),
               cleanup = static_cast<std::int64_t>(chance.below(100000));
    // At a bound, as often as not.
    const auto some_time = [&](Timestamp bound) {
      return chance.below(2) == 0 || model.empty() ? static_cast<std::int64_t>(chance.below(30000)) : bound.ns();
    };
    if (chance.below(100) == 0) {
      const std::int64_t now = some_time(chance.below(2) == 0 ? table.due() : table.cleanup());
      std::set<std::string> visited;
      table.each_due(Timestamp::from_ns(now), [&](const RowView& row) { visited.emplace(row.name()); });
      for (auto& [name, of] : model) {
        if (of.due <= now || of.cleanup <= now) REQUIRE(visited.count(name) == 1);
        if (of.due <= now) of.due = now + 1 + static_cast<std::int64_t>(chance.below(100000));
      }
      table.unshare_due(Timestamp::from_ns(now));
      // Rows that are due soon may be normal_form_of together with due rows of their page.
      const std::int64_t soon = now + static_cast<std::int64_t>(chance.below(2) * chance.below(20000));
      table.update_due(Timestamp::from_ns(now), Timestamp::from_ns(soon),
                       [&](detail::Page& page, std::uint32_t at) {
                         const RowView row = page.row(at);
                         page.dues()[at] = Timestamp::from_ns(model.at(std::string(row.name())).due);
                       });
      REQUIRE(table.due().ns() > now);
    } else if (chance.below(100) == 0) {
      const std::int64_t now = some_time(table.cleanup());
      const auto cleanup_of = [&](const RowView& row) {
        return Timestamp::from_ns(model.at(std::string(row.name())).cleanup);
      };
      const Timestamp before = table.cleanup();
      std::set<std::string> visited;
      table.update_cleanups(Timestamp::from_ns(now), [&](const RowView& row) {
        visited.emplace(row.name());
        return detail::earlier(cleanup_of(row), Timestamp::from_ns(now));  // nothing is done yet
      });
      REQUIRE(table.cleanup() == before);
      for (auto& [name, of] : model) {
        if (of.cleanup > now) continue;
        REQUIRE(visited.count(name) == 1);
        of.cleanup = now + 1 + static_cast<std::int64_t>(chance.below(100000));
      }
      table.update_cleanups(Timestamp::from_ns(now), cleanup_of);
      REQUIRE(table.cleanup().ns() > now);
    } else if (chance.below(shrinking ? 2u : 20u) != 0 || model.empty()) {
      put(table, id, value, due, cleanup);
      model[id] = {value, due, cleanup};
    } else {
      auto gone = model.lower_bound(id);
      if (gone == model.end()) gone = model.begin();
      table.erase(table.key_of(gone->first));
      REQUIRE(table.find(gone->first) == nullptr);
      model.erase(gone);
    }
    REQUIRE((table.find(id) != nullptr) == (model.count(id) == 1));
    if (step % 250 == 249) {
      compare(table, model);
      // Not so of the copies: their pages are shared with a table for which more time has passed.
      for (const auto& [name, of] : model) REQUIRE(table.cleanup().ns() <= of.cleanup);
      kept.emplace_back(table, model);
    }
  }
  for (const auto& [copy, then] : kept) compare(copy, then);
  while (!model.empty()) {
    table.erase(table.key_of(model.begin()->first));
    model.erase(model.begin());
    REQUIRE(table.is_sound());
  }
  CHECK(table.size() == 0);
  CHECK(table.begin() == table.end());
  CHECK(table.due() == detail::never);
  for (const auto& [copy, then] : kept) compare(copy, then);
}

TEST_CASE_TEMPLATE("the order of users depends only on their ids, not on insertion order, erased users or the seed",
                   Order, detail::HashOrder, PrefixOrder, SecondOrder, ThirdOrder, SparseOrder, BoundaryOrder,
                   RareOrder, NoOrder, FewOrder) {
  using Table = detail::BasicUserTable<Order>;
  Chance chance(seed_given(11));
  Table there(1), back(2), visited(3);
  for (std::size_t i = 0; i < 400; ++i) put(there, user_id(i), 0, 0);
  for (std::size_t i = 400; i > 0; --i) put(back, user_id(i - 1), 0, 0);
  for (std::size_t i = 0; i < 900; ++i) put(visited, user_id(i), 0, 0);
  for (std::size_t i = 900; i > 400; --i) visited.erase(visited.key_of(user_id(i - 1)));
  CHECK(ids_of(there) == ids_of(back));
  CHECK(ids_of(there) == ids_of(visited));
  CHECK(visited.is_sound());
}

TEST_CASE_TEMPLATE("the table stays sound as users are erased in order, forwards and backwards", Order,
                   detail::HashOrder, PrefixOrder, SecondOrder, ThirdOrder, SparseOrder, BoundaryOrder, RareOrder,
                   NoOrder, FewOrder) {
  using Table = detail::BasicUserTable<Order>;
  Table all(1);
  for (std::size_t i = 0; i < 600; ++i) put(all, user_id(i), 0, 0);
  std::vector<std::string> ids = ids_of(all);
  // Neighbours are erased one after another, from either end.
  for (int round = 0; round < 2; ++round) {
    Table table = all;
    for (const std::string& id : ids) {
      table.erase(table.key_of(id));
      REQUIRE(table.is_sound());
    }
    std::reverse(ids.begin(), ids.end());
  }
}

TEST_CASE("the iteration order of users is the same on every platform") {
  detail::UserTable table(99);
  std::string all;
  for (const char* id : {"john", "jack", "mary", "ann", "bob", "eve", "a much longer id than the others have"})
    put(table, id, 0, 0);
  for (const RowView row : table) all += std::string(row.name()) + ";";
  CHECK(all == "bob;jack;john;mary;ann;eve;a much longer id than the others have;");
}

TEST_CASE("users are iterated in the order of the highest 60 bits of three hashes, then of their ids") {
  const auto place_of = [](const std::string& id) {
    const std::uint64_t hashes[] = {colliding::WordHash::of(id, 0), colliding::WordHash::of(id, 0x8EBC6AF09C88C6E3u),
                                    detail::SipHash<1, 3>::hash64(id, {})};
    return std::make_tuple(hashes[0] >> 4, hashes[1] >> 4, hashes[2] >> 4, id);
  };
  // A snapshot is read in the order in which another machine wrote it, also where someone chose the ids.
  for (std::vector<std::string> ids :
       {colliding::random_ids(500, 20), colliding::same_hash_short(200), colliding::same_hash(200)}) {
    detail::UserTable table(99);
    for (const std::string& id : ids) put(table, id, 0, 0);
    std::sort(ids.begin(), ids.end(), [&](const auto& a, const auto& b) { return place_of(a) < place_of(b); });
    CHECK(ids_of(table) == ids);
    for (std::size_t i = 1; i < ids.size(); ++i)
      CHECK(detail::UserTable::is_ordered_before(table.key_of(ids[i - 1]), table.key_of(ids[i])));
  }
}

TEST_CASE_TEMPLATE("each_pair visits every difference of two tables and skips shared pages without expired rows", Order,
                   detail::HashOrder, PrefixOrder, SecondOrder, ThirdOrder, SparseOrder, BoundaryOrder, RareOrder,
                   NoOrder, FewOrder) {
  using Table = detail::BasicUserTable<Order>;
  Chance chance(seed_given(37));
  for (int round = 0; round < 30; ++round) {
    Table a(5);
    for (std::size_t i = 0; i < 600; ++i)
      put(a, user_id(chance.below(900)), 1, static_cast<std::int64_t>(chance.below(1000)));
    Table b = a;
    std::set<std::string> touched;
    for (std::size_t i = round % 2 == 0 ? 6 : chance.below(40); i > 0; --i) {
      const std::string id = user_id(chance.below(900));
      touched.insert(id);
      if (b.find(id) != nullptr && chance.below(3) == 0) {
        b.erase(b.key_of(id));
      } else {
        put(b, id, 2, 500);
      }
    }
    if (round % 5 == 0) std::swap(a, b);
    for (const Timestamp up_to : {detail::never, detail::absent, Timestamp::from_ns(100), a.due(), b.due()}) {
      std::map<std::string, std::pair<RowView, RowView>> met;
      Table::each_pair(a, b, up_to, [&](const RowView x, const RowView y) {
        std::string id;
        if (x != nullptr) id = x->name();
        if (y != nullptr) id = y->name();
        REQUIRE(met.emplace(id, std::make_pair(x, y)).second);
        REQUIRE(x == a.find(id));
        REQUIRE(y == b.find(id));
      });
      std::size_t users = a.size();
      for (const RowView row : b) users += a.find(row.name()) == nullptr ? 1u : 0u;
      if (up_to == detail::never) CHECK(met.size() == users);
      // Few changes leave most pages shared.
      if (up_to == detail::absent && touched.size() < 8 && std::is_same<Order, detail::HashOrder>::value)
        CHECK(met.size() < users);
      for (const std::string& id : touched) {
        if (a.find(id) != nullptr || b.find(id) != nullptr) CHECK(met.count(id) == 1);
      }
      if (up_to != detail::never && up_to != detail::absent) {
        // Every row that may have expired by then is visited.
        a.each_due(up_to, [&](const RowView& row) { CHECK(met.count(std::string(row.name())) == 1); });
      }
    }
  }
}

TEST_CASE("finding the next deadline examines each deferred row about once") {
  // Each step defers the deadline of one user, then asks for the earliest. Few rows may be looked at for each.
  constexpr std::size_t users = 3000;
  detail::UserTable table;
  std::map<std::string, std::int64_t> due;
  for (std::size_t i = 0; i < users; ++i) {
    due[user_id(i)] = 1000000 + static_cast<std::int64_t>(i);
    put(table, user_id(i), 1, due[user_id(i)]);
  }
  std::size_t looked_at = 0;
  const auto exact = [&](const RowView& row) {
    ++looked_at;
    return Timestamp::from_ns(due.at(std::string(row.name())));
  };
  Chance chance(seed_given(5));
  for (const bool in_turn : {true, false}) {
    looked_at = 0;
    std::size_t steps = 0;
    for (std::size_t i = 0; i < 4 * users; ++i, ++steps) {
      const std::string id = user_id(in_turn ? i % users : chance.below(users));
      due[id] += 5000 + static_cast<std::int64_t>(i);
      std::int64_t least = INT64_MAX;
      if (i % 50 == 0) {
        for (const auto& [name, at] : due) least = std::min(least, at);
        REQUIRE(table.earliest(exact).ns() == least);
      } else {
        table.earliest(exact);
      }
    }
    CAPTURE(in_turn);
    CHECK(looked_at <= 2 * steps + users);
    CHECK(table.is_sound());
  }
}

namespace {

/// The length of the longest path to a user, in nodes.
std::size_t longest_way(const detail::UserTable& table, const std::vector<std::string>& ids) {
  std::size_t longest = 0;
  for (const std::string& id : ids) {
    const detail::UserKey key = table.key_of(id);
    auto way = table.start(key);
    std::size_t nodes = 1;
    while (!way.step(key)) ++nodes;
    REQUIRE(way.find(key) != detail::Page::none);
    REQUIRE(way.page()->size <= detail::Page::room);
    longest = std::max(longest, nodes);
  }
  return longest;
}

}  // namespace

TEST_CASE("ids with colliding hashes are at most a few levels deeper than others, and no page is too large") {
  constexpr std::size_t n = 3000;
  const std::vector<std::vector<std::string>> hostile = {
      colliding::same_hash(n),
      colliding::same_hash_short(n),
      colliding::same_hash_long(n, 8),
      // The bits that place users first are the highest.
      colliding::same_low_bits(200, 12, [](std::string_view id) { return detail::hash_of(LookupKey(id), 0) >> 52; }),
  };
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{12345}}) {
    detail::UserTable others(seed);
    const std::vector<std::string> random = colliding::random_ids(n, 32);
    for (const std::string& id : random) put(others, id, 1, 1);
    const std::size_t usual = longest_way(others, random);
    for (const std::vector<std::string>& ids : hostile) {
      REQUIRE(ids.size() >= 200);
      detail::UserTable table(seed);
      for (const std::string& id : ids) put(table, id, 1, 1);
      CHECK(table.is_sound());
      CHECK(longest_way(table, ids) <= usual + 1);
      detail::UserTable beside = others;
      for (const std::string& id : ids) put(beside, id, 1, 1);
      CHECK(beside.is_sound());
      CHECK(longest_way(beside, random) <= usual + 2);
      CHECK(longest_way(beside, ids) <= usual + 4);
      for (const std::string& id : ids) beside.erase(beside.key_of(id));
      CHECK(beside.is_sound());
      CHECK(ids_of(beside) == ids_of(others));
    }
  }
}

TEST_CASE_TEMPLATE("long ids with equal tags are distinguished", Order, detail::HashOrder, PrefixOrder, SecondOrder,
                   ThirdOrder, SparseOrder, BoundaryOrder, RareOrder, NoOrder, FewOrder) {
  detail::BasicUserTable<Order> table(7);
  const std::vector<std::string> ids =
      colliding::same_low_bits(600, 8, [&](std::string_view id) { return std::uint64_t{table.key_of(id).tag}; });
  REQUIRE(ids[0].size() > detail::SharedString::room);
  for (std::size_t known = 0; known < ids.size(); ++known) {
    if (known % 50 == 0 || known < 40) {
      for (std::size_t i = 0; i < ids.size(); ++i) {
        const RowView row = table.find(ids[i]);
        REQUIRE((row != nullptr) == (i < known));
        if (i < known) REQUIRE(row.name() == ids[i]);
      }
    }
    put(table, ids[known], 1, 1);
  }
}

#if defined(__cpp_exceptions)

TEST_CASE("a row whose change throws keeps its old deadline") {
  struct Failure {};
  detail::UserTable table(99);
  put(table, "ann", 1, 50);
  put(table, "bob", 1, 80);
  CHECK_THROWS_AS(table.change(table.key_of("ann"), Timestamp::from_ns(90), detail::never, false,
                               [](const detail::RowAccess&) { throw Failure(); }),
                  Failure);
  std::vector<std::string> visited;
  table.each_due(Timestamp::from_ns(50), [&](const RowView& row) { visited.emplace_back(row.name()); });
  CHECK(visited == std::vector<std::string>{"ann"});
}

#endif
