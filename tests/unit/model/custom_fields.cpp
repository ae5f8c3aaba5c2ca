// SPDX-License-Identifier: MIT
#include "../telling.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

using namespace support;

namespace {

const std::string long_text(100, 'x');

/// Checks that they equal a std::map, iterated in either direction.
void are_like(const Attributes& fields, const std::map<std::string, Value>& expected) {
  REQUIRE(fields.size() == expected.size());
  CHECK(fields.empty() == expected.empty());
  auto field = fields.begin();
  for (const auto& [name, value] : expected) {
    REQUIRE(field != fields.end());
    REQUIRE(field->name == name);
    REQUIRE((*field).value == value);
    ++field;
  }
  REQUIRE(field == fields.end());
  for (auto it = expected.rbegin(); it != expected.rend(); ++it) REQUIRE((--field)->name == it->first);
  REQUIRE(field == fields.begin());
  CHECK(fields.end() - fields.begin() == static_cast<std::ptrdiff_t>(expected.size()));
}

}  // namespace

TEST_CASE("a custom field can be set from another one") {
  Attributes fields;
  fields["b"] = long_text;
  fields["a"] = fields["b"];
  fields["c"] = fields["d"] = fields["a"];
  fields["b"] = array({fields["c"], fields["new"]});
  fields["b"] = fields["b"].elements()[0];
  for (const char* const name : {"a", "b", "c", "d"}) CHECK(*fields.find(name) == Value(long_text));
  CHECK(*fields.find("new") == Value());
}

TEST_CASE("references to custom fields stay valid while others are added and erased, and after a move") {
  constexpr int count = 1000;
  Attributes fields;
  std::vector<std::pair<std::string, Value*>> known;
  for (int i = 0; i < count; ++i) {
    const std::string name = std::to_string(i * 7919 % count);
    Value& value = fields[name];
    value = name;
    known.emplace_back(name, &value);
  }
  for (int i = 0; i < count; i += 2) CHECK(fields.erase(known[static_cast<std::size_t>(i)].first));
  for (int i = 0; i < count; ++i) fields["new" + std::to_string(i)] = i;
  for (int i = 1; i < count; i += 2) {
    const auto& [name, value] = known[static_cast<std::size_t>(i)];
    REQUIRE(fields.find(name) == value);
    REQUIRE(*value == Value(name));
  }
  Attributes moved = std::move(fields);
  CHECK(moved.find(known[1].first) == known[1].second);
  Attributes other;
  other["x"] = 1;
  std::swap(moved, other);
  CHECK(other.find(known[1].first) == known[1].second);
}

TEST_CASE("custom fields are ordered by name, in whatever order they are added and erased") {
  for (const std::size_t count : {std::size_t{1}, std::size_t{2}, std::size_t{127}, std::size_t{128}, std::size_t{129}, std::size_t{257}, std::size_t{1000}}) {
    for (int order = 0; order < 4; ++order) {
      CAPTURE(count);
      CAPTURE(order);
      Chance luck(count);
      Attributes fields;
      std::map<std::string, Value> expected;
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t number = order == 0 ? i : order == 1 ? count - i : order == 2 ? i * 7919 % count : luck.below(count);
        std::string name = std::to_string(number);
        name.insert(0, 5 - name.size(), '0');
        fields[name] = number;
        expected[name] = number;
      }
      are_like(fields, expected);
      const Attributes copy = fields;
      CHECK(copy == fields);
      while (!expected.empty()) {
        auto gone = expected.begin();
        std::advance(gone, order == 0 ? 0 : order == 1 ? static_cast<std::ptrdiff_t>(expected.size() - 1) : static_cast<std::ptrdiff_t>(luck.below(expected.size())));
        REQUIRE(fields.erase(gone->first));
        REQUIRE_FALSE(fields.erase(gone->first));
        expected.erase(gone);
        if (expected.size() % 50 == 0) are_like(fields, expected);
      }
      CHECK(fields != copy);
      CHECK(fields == Attributes());
    }
  }
}

TEST_CASE("custom fields have random-access iterators") {
  Attributes fields;
  constexpr std::ptrdiff_t count = 1000;
  for (std::ptrdiff_t i = count; i-- > 0;) fields[std::to_string(100000 + i * 7919 % count)] = i;
  for (std::ptrdiff_t from = 0; from <= count; from += 77) {
    for (std::ptrdiff_t to = 0; to <= count; to += 31) {
      const auto a = fields.begin() + from, b = a + (to - from);
      REQUIRE(b == fields.begin() + to);
      REQUIRE(b - a == to - from);
      REQUIRE((a < b) == (from < to));
      REQUIRE((a >= b) == (from >= to));
      if (to < count) REQUIRE(a[to - from].name == std::to_string(100000 + to));
    }
  }
  CHECK(std::count_if(fields.begin(), fields.end(), [](const Attributes::Entry& e) { return e.value.kind() == ValueKind::integer; }) == count);
}

TEST_CASE("custom fields support self-assignment, copy and move") {
  Attributes fields;
  for (int i = 0; i < 300; ++i) fields[std::to_string(i)] = long_text;
  const Attributes before = fields;
  Attributes& same = fields;
  fields = same;
  CHECK(fields == before);
  fields = std::move(same);
  CHECK(fields == before);
  Attributes other;
  other["a"] = 1;
  other = before;
  CHECK(other == before);
  other["0"] = 2;
  CHECK(other != before);
  other = Attributes();
  CHECK(other.empty());
}

TEST_CASE("erase and operator[] accept a name borrowed from a field of the same set") {
  Attributes fields;
  fields[long_text] = "y" + long_text;
  CHECK(fields.erase(fields.begin()->name));
  CHECK(fields.empty());
  fields["a"] = long_text;
  fields[fields.find("a")->view().text()] = 1;
  CHECK(fields.find(long_text) != nullptr);
}
