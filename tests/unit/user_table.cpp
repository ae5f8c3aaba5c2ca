// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <cstdlib>
#include <map>
#include <random>

using namespace support;
using presence::detail::Record;
using presence::detail::UserRegisters;
using presence::detail::UserTable;

namespace {
using Model = std::map<std::string, std::pair<std::int64_t, std::int64_t>>;  // id -> status_at, due

Record record_of(const std::string& id, std::int64_t value) {
  UserRegisters registers;
  registers.status_at = Timestamp::from_ns(value);
  return Record::make(std::string_view(id), std::move(registers));
}

void compare(const UserTable& table, const Model& model) {
  REQUIRE(table.size() == model.size());
  auto expected = model.begin();
  std::int64_t due = INT64_MAX;
  for (const Record& record : table) {
    REQUIRE(expected != model.end());
    CHECK(record->name() == expected->first);
    CHECK(record->registers.status_at.ns() == expected->second.first);
    due = std::min(due, expected->second.second);
    ++expected;
  }
  CHECK(table.due().ns() <= due);
  for (const auto& [id, value] : model) {
    const Record* found = table.find(id);
    REQUIRE(found != nullptr);
    CHECK((*found)->registers.status_at.ns() == value.first);
  }
}
}  // namespace

TEST_CASE("the table is a sorted map whose copies never change") {
  const char* given = std::getenv("PRESENCE_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : 7;
  INFO("PRESENCE_SEED=", seed);
  std::mt19937_64 random(seed);
  UserTable table;
  Model model;
  std::vector<std::pair<UserTable, Model>> kept;
  for (int step = 0; step < 6000; ++step) {
    const auto id = std::to_string(random() % 700);
    const auto value = static_cast<std::int64_t>(random() % 1000), due = static_cast<std::int64_t>(random() % 100000);
    if (random() % 100 != 0) {
      table.put(record_of(id, value), Timestamp::from_ns(due));
      model[id] = {value, due};
    } else {
      // What is due goes, or goes on until later.
      const auto now = static_cast<std::int64_t>(random() % 3000);
      std::size_t visited = 0, due_count = 0;
      table.each_due(Timestamp::from_ns(now), [&](const Record& record) {
        ++visited;
        due_count += model.at(std::string(record->name())).second <= now ? 1u : 0u;
      });
      std::size_t expected = 0;
      for (const auto& entry : model) expected += entry.second.second <= now ? 1u : 0u;
      CHECK(due_count == expected);
      CHECK(visited <= model.size());
      table.settle(Timestamp::from_ns(now), [&](const Record& record) {
        auto& entry = model.at(std::string(record->name()));
        if (entry.second > now) return Timestamp::from_ns(entry.second);
        if (entry.second % 2 == 0) return presence::detail::absent;
        entry.second += 50000;
        return Timestamp::from_ns(entry.second);
      });
      for (auto it = model.begin(); it != model.end();) it = it->second.second <= now ? model.erase(it) : std::next(it);
    }
    CHECK((table.find(id) != nullptr) == (model.count(id) == 1));
    if (step % 500 == 499) {
      compare(table, model);
      kept.emplace_back(table, model);
    }
  }
  for (const auto& [copy, then] : kept) compare(copy, then);
}

TEST_CASE("ids that come in order, and against it, are found and stay in order") {
  for (const bool ascending : {true, false}) {
    UserTable table;
    Model model;
    for (int i = 0; i < 1000; ++i) {
      const std::string id = std::to_string(10000 + (ascending ? i : 999 - i));
      if (ascending && i % 2 == 0) {
        table.append(record_of(id, i), presence::detail::never);
      } else {
        table.put(record_of(id, i), presence::detail::never);
      }
      model[id] = {i, INT64_MAX};
    }
    compare(table, model);
    CHECK(table.find("") == nullptr);
    CHECK(table.find("1") == nullptr);
    CHECK(table.find("99999") == nullptr);
  }
}

TEST_CASE("a walk over two tables meets every id of either once, and passes over what they share") {
  std::mt19937_64 random(11);
  UserTable a;
  for (int i = 0; i < 500; ++i) a.put(record_of(std::to_string(random() % 2000), i), presence::detail::never);
  UserTable b = a;
  std::map<std::string, int> touched;
  for (int i = 0; i < 20; ++i) {
    const std::string id = std::to_string(random() % 2000);
    b.put(record_of(id, 5000 + i), presence::detail::never);
    touched[id] = 1;
  }
  std::map<std::string, int> seen;
  std::string last;
  UserTable::each_pair(a, b, false, [&](const Record* x, const Record* y) {
    REQUIRE((x != nullptr || y != nullptr));
    const std::string id((x != nullptr ? *x : *y)->name());
    CHECK(last < id);
    last = id;
    ++seen[id];
    CHECK((x != nullptr) == (a.find(id) != nullptr));
    CHECK((y != nullptr) == (b.find(id) != nullptr));
  });
  CHECK(seen.size() == b.size());
  std::map<std::string, int> different;
  UserTable::each_pair(a, b, true, [&](const Record* x, const Record* y) { different[std::string((x != nullptr ? *x : *y)->name())] = 1; });
  CHECK(different == touched);
}
