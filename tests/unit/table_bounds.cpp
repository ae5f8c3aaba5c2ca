// SPDX-License-Identifier: MIT
#include "telling.hpp"

#include <presence/detail/user_table.hpp>

#include <set>

using namespace support;

namespace {

using detail::Record;
using detail::UserTable;

Record record(const std::string& id, Timestamp due) {
  detail::UserRegisters registers;
  registers.status_at = due;  // stands for when the record is due; the table does not read it
  return Record::make(id, std::move(registers));
}
Timestamp due_of(const Record& r) { return r->registers.status_at; }

using Model = std::map<std::string, Timestamp>;

Timestamp true_due(const Model& model) {
  Timestamp due = detail::never;
  for (const auto& entry : model) due = detail::earlier(due, entry.second);
  return due;
}

void check_same(const UserTable& table, const Model& model) {
  REQUIRE(table.size() == model.size());
  REQUIRE(table.due() <= true_due(model));
  REQUIRE(table.earliest(due_of) == true_due(model));
  auto expected = model.begin();
  for (const Record& r : table) {
    REQUIRE(expected != model.end());
    REQUIRE(std::string(r->name()) == expected->first);
    REQUIRE(due_of(r) == expected->second);
    REQUIRE(table.find(expected->first) != nullptr);
    ++expected;
  }
  REQUIRE(expected == model.end());
}

}  // namespace

TEST_CASE("a table's bound on what is due next is never late, and what is due earliest is exact") {
  Chance chance(31);
  UserTable table;
  Model model;
  std::vector<std::pair<UserTable, Model>> kept;
  for (int step = 0; step < 6000; ++step) {
    const std::string id = user_id(chance.below(1500));
    const Timestamp due = at(step + static_cast<double>(chance.below(2000)));
    table.put(record(id, due), due);
    model[id] = due;
    if (step % 97 == 0) {
      const Timestamp now = at(step + static_cast<double>(chance.below(700)));
      std::set<std::string> visited, expected;
      table.each_due(now, [&](const Record& r) { visited.insert(std::string(r->name())); });
      table.settle(now, [&](const Record& r) { return due_of(r) <= now ? detail::absent : due_of(r); });
      for (auto it = model.begin(); it != model.end();) {
        if (it->second > now) {
          ++it;
          continue;
        }
        REQUIRE(visited.count(it->first) == 1);
        it = model.erase(it);
      }
      check_same(table, model);
      if (kept.size() < 20) kept.emplace_back(table, model);
    }
  }
  for (const auto& [copy, then] : kept) check_same(copy, then);
}

TEST_CASE("a full page is halved where an id lands inside it, and kept where it lands behind") {
  const std::size_t room = UserTable::Page::room;
  for (std::size_t place = 0; place <= room; ++place) {
    UserTable table;
    Model model;
    for (std::size_t i = 0; i < room; ++i) {
      const std::string id = user_id(2 * i + 1);
      const Timestamp due = at(static_cast<double>(1000 - i));
      table.put(record(id, due), due);
      model[id] = due;
    }
    const UserTable before = table;
    const Model then = model;
    table.put(record(user_id(2 * place), at(5)), at(5));
    model[user_id(2 * place)] = at(5);
    check_same(table, model);
    check_same(before, then);
    REQUIRE(table.due() == at(5));
    for (std::size_t i = 0; i < room; ++i) {  // both halves go on growing
      const std::string id = user_id(2 * i + 1) + "a";
      table.put(record(id, at(3000)), at(3000));
      model[id] = at(3000);
    }
    check_same(table, model);
  }
}

TEST_CASE("replacing a record does not raise the bound, and settling does") {
  UserTable table;
  table.put(record("john", at(10)), at(10));
  table.put(record("john", at(50)), at(50));
  CHECK(table.size() == 1);
  CHECK(table.due() == at(10));
  CHECK(table.earliest(due_of) == at(50));
  std::size_t asked = 0;
  table.settle(at(10), [&](const Record& r) {
    ++asked;
    return due_of(r);
  });
  CHECK(asked == 1);
  CHECK(table.due() == at(50));
  table.settle(at(49), [&](const Record& r) {
    ++asked;
    return due_of(r);
  });
  CHECK(asked == 1);
  table.settle(at(50), [](const Record&) { return detail::absent; });
  CHECK(table.size() == 0);
  CHECK(table.due() == detail::never);
  CHECK(table.find("john") == nullptr);
  CHECK(table.begin() == table.end());
  table.put(record("jack", at(1)), at(1));
  CHECK(table.find("jack") != nullptr);
}

TEST_CASE("two tables are walked in step, page by page where they share them, as a naive walk would") {
  Chance chance(37);
  for (int round = 0; round < 30; ++round) {
    UserTable a;
    for (std::size_t i = 0; i < 400; ++i) {
      const Timestamp due = at(static_cast<double>(chance.below(100)));
      a.put(record(user_id(chance.below(900)), due), due);
    }
    UserTable b = a;
    for (std::size_t i = chance.below(40); i > 0; --i) b.put(record(user_id(chance.below(900)), at(500)), at(500));
    if (round % 3 == 0) {
      const auto gone = [&](const Record& r) { return due_of(r) < at(20) ? detail::absent : due_of(r); };
      b.settle(at(20), gone);
    }
    if (round % 5 == 0) std::swap(a, b);
    std::map<std::string, std::pair<const Record*, const Record*>> naive, walked, skipping;
    for (const Record& r : a) naive[std::string(r->name())].first = &r;
    for (const Record& r : b) naive[std::string(r->name())].second = &r;
    std::string last;
    const auto note = [&](auto& into) {
      last.clear();
      return [&](const Record* x, const Record* y) {
        const std::string id((x != nullptr ? *x : *y)->name());
        REQUIRE(last < id);
        last = id;
        into[id] = {x, y};
      };
    };
    UserTable::each_pair(a, b, false, note(walked));
    REQUIRE(walked == naive);
    UserTable::each_pair(a, b, true, note(skipping));
    for (auto it = naive.begin(); it != naive.end();) {
      const auto& [x, y] = it->second;
      it = x != nullptr && y != nullptr && *x == *y ? naive.erase(it) : std::next(it);
    }
    REQUIRE(skipping == naive);
  }
}
