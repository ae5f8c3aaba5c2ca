// SPDX-License-Identifier: MIT
#include "../support.hpp"
#include "../telling.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace support;

namespace {

struct Part {
  std::string name;
  Value value;
};
Value object(const std::vector<Part>& parts) {
  Attributes members;
  for (const Part& part : parts) members[part.name] = part.value;
  return Value::object(std::move(members));
}
Channel channel_with(const std::vector<Part>& parts) {
  Channel channel;
  for (const Part& part : parts) channel.custom[part.name] = part.value;
  return channel;
}

/// Whether the filter holds. Checks that the compiled filter agrees, and that its negation is the opposite.
bool holds(const Filter& filter, const Channel& channel) {
  REQUIRE_FALSE(filter.error());
  const bool answer = matches(filter, channel);
  REQUIRE(compile<Channel>(filter)(channel) == answer);
  REQUIRE(matches(!filter, channel) != answer);
  return answer;
}
bool is_there(std::string_view name, const Channel& channel) { return holds(exists(name, true), channel); }

void is_rejected(const Filter& filter, std::string_view named) {
  REQUIRE(filter.error());
  CHECK(static_cast<int>(filter.error()->code) == static_cast<int>(ErrorCode::bad_operand));
  CHECK(std::string(filter.error()->message).find(named) != std::string::npos);
  CHECK_FALSE(matches(filter, channel_with({{"a", object({})}})));
}

// ---- a naive interpreter ----------------------------------------------------------------------------------------

enum class Kind { null, boolean, number, string, moment, array, object };
struct Plain {
  Kind kind = Kind::null;
  double number_value = 0;  // of a bool as well
  std::string text;         // of a moment, how it is written
  std::vector<Plain> elements;
  std::map<std::string, Plain> members;
};

const Timestamp noon = at(0);

/// A random value of a few, so that many are equal. Its first part is the same in both forms.
std::pair<Plain, Value> random_scalar(Chance& dice) {
  Plain plain;
  switch (dice.below(9)) {
    case 0: return {plain, Value()};
    case 1: plain.kind = Kind::boolean; plain.number_value = 1; return {plain, Value(true)};
    case 2: plain.kind = Kind::boolean; return {plain, Value(false)};
    case 3: plain.kind = Kind::number; plain.number_value = 1; return {plain, Value(1)};
    case 4: plain.kind = Kind::number; plain.number_value = 1; return {plain, Value(1.0)};
    case 5: plain.kind = Kind::number; plain.number_value = 2.5; return {plain, Value(2.5)};
    case 6: plain.kind = Kind::string; plain.text = "b"; return {plain, Value("b")};
    case 7: plain.kind = Kind::moment; return {plain, Value(noon)};
    default: plain.kind = Kind::moment; return {plain, Value(to_string(noon))};
  }
}
constexpr std::string_view names[] = {"a", "b", "c", "d", "", "a.b", "b.c.", ".a"};
std::string random_name(Chance& dice) { return std::string(names[dice.below(std::size(names))]); }

std::pair<Plain, Value> random_value(Chance& dice, unsigned levels, bool may_be_array) {
  const std::size_t what = levels == 0 ? 0 : dice.below(8);
  if (what < 2 || (what == 2 && !may_be_array)) return random_scalar(dice);
  Plain plain;
  if (what == 2) {
    plain.kind = Kind::array;
    std::vector<Value> elements;
    for (std::size_t left = dice.below(4); left > 0; --left) {
      const auto [one, value] = random_value(dice, levels - 1, false);
      plain.elements.push_back(one);
      elements.push_back(value);
    }
    return {plain, array(elements)};
  }
  plain.kind = Kind::object;
  Attributes members;
  for (std::size_t left = dice.below(5); left > 0; --left) {
    const std::string name = random_name(dice);
    const auto [one, value] = random_value(dice, levels - 1, true);
    plain.members[name] = one;
    members[name] = value;
  }
  return {plain, Value::object(members)};
}

/// As parts of objects.
bool are_equal(const Plain& a, const Plain& b) {
  if (a.kind != b.kind || a.elements.size() != b.elements.size() || a.members.size() != b.members.size()) return false;
  for (std::size_t i = 0; i < a.elements.size(); ++i) {
    if (!are_equal(a.elements[i], b.elements[i])) return false;
  }
  for (const auto& [name, value] : a.members) {
    const auto other = b.members.find(name);
    if (other == b.members.end() || !are_equal(value, other->second)) return false;
  }
  return a.number_value == b.number_value && a.text == b.text;
}
bool has(const std::vector<Plain>& elements, const Plain& value) {
  for (const Plain& element : elements) {
    if (are_equal(element, value)) return true;
  }
  return false;
}

/// The name of one that is there, or of none.
std::string random_path(Chance& dice, const std::map<std::string, Plain>& members) {
  if (members.empty() || dice.below(8) == 0) return random_name(dice);
  auto member = members.begin();
  for (std::size_t left = dice.below(members.size()); left > 0; --left) ++member;
  if (dice.below(5) == 0) return member->first;
  return member->first + (member->second.kind == Kind::object ? "." + random_path(dice, member->second.members) : "");
}

std::optional<Plain> resolve(const std::map<std::string, Plain>& members, const std::string& name) {
  const auto whole = members.find(name);
  if (whole != members.end()) return whole->second;
  const std::size_t dot = name.find('.');
  if (dot == std::string::npos) return std::nullopt;
  const auto first = members.find(name.substr(0, dot));
  if (first == members.end() || first->second.kind != Kind::object) return std::nullopt;
  return resolve(first->second.members, name.substr(dot + 1));
}

bool naive_eq(const Plain& field, const Plain& operand) {
  if (operand.kind != Kind::array) return field.kind == Kind::array ? has(field.elements, operand) : are_equal(field, operand);
  if (field.kind != Kind::array) return false;
  for (const Plain& one : operand.elements) {
    if (!has(field.elements, one)) return false;
  }
  for (const Plain& one : field.elements) {
    if (!has(operand.elements, one)) return false;
  }
  return true;
}
bool naive_in(const Plain& field, const Plain& operands) {
  for (const Plain& one : operands.elements) {
    if (naive_eq(field, one)) return true;
  }
  return false;
}
bool naive_gt(const Plain& field, double than) {
  if (field.kind == Kind::number) return field.number_value > than;
  if (field.kind != Kind::array) return false;
  for (const Plain& element : field.elements) {
    if (element.kind == Kind::number && element.number_value > than) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a dotted name descends into objects") {
  const Channel channel = channel_with({{"location", object({{"city", "Kyoto"}, {"at", object({{"floor", 3}})}})}, {"level", 7}});
  CHECK(holds(eq("location.city", "Kyoto"), channel));
  CHECK(holds(gt("location.at.floor", 2), channel));
  CHECK(holds(autocomplete("location.city", "kyo"), channel));
  CHECK(holds(in("location.at.floor", {1, 3}), channel));
  CHECK(holds(ne("location.city", "Osaka"), channel));
  CHECK(is_there("location.at", channel));
  for (const std::string_view absent : {"location.street", "location.city.x", "level.x", "locatio.city", "location.", ".location", "location..city", "location.at.floor.", "x.y", "."}) {
    CAPTURE(std::string(absent));
    CHECK_FALSE(is_there(absent, channel));
    CHECK(holds(eq(absent, nullptr), channel));
  }
}

TEST_CASE("a field or member whose whole name has the dots takes precedence at each level") {
  CHECK(holds(eq("a.b.c", 1), channel_with({{"a.b.c", 1}, {"a", object({{"b.c", 2}, {"b", object({{"c", 3}})}})}})));
  CHECK(holds(eq("a.b.c", 2), channel_with({{"a", object({{"b.c", 2}, {"b", object({{"c", 3}})}})}})));
  CHECK(holds(eq("a.b.c", 3), channel_with({{"a", object({{"b", object({{"c", 3}})}})}})));
  // A null value is there as well.
  CHECK(holds(eq("a.b", nullptr), channel_with({{"a.b", nullptr}, {"a", object({{"b", 1}})}})));
  // Only the whole rest, not a part of it.
  CHECK_FALSE(is_there("a.b.c", channel_with({{"a.b", object({{"c", 1}})}})));
  // Empty names are names.
  CHECK(holds(eq("a.", 1), channel_with({{"a", object({{"", 1}})}})));
  CHECK(holds(eq("a..b", 1), channel_with({{"a", object({{"", object({{"b", 1}})}})}})));
  CHECK(holds(eq(".a", 1), channel_with({{"", object({{"a", 1}})}})));
  const std::string zero(1, '\0');
  CHECK(holds(eq(zero + "." + zero, 1), channel_with({{zero, object({{zero, 1}})}})));
}

TEST_CASE("the fields that every channel has are not descended into") {
  Channel channel = channel_with({{"members", object({{"x", 1}})}, {"cid", object({{"x", 1}})}, {"id.x", 1}});
  channel.id = "c";
  CHECK_FALSE(is_there("members.x", channel));
  CHECK_FALSE(is_there("cid.x", channel));
  CHECK_FALSE(is_there("type.x", channel));
  CHECK(is_there("id.x", channel));  // the whole name
}

TEST_CASE("a dotted name does not descend into arrays") {
  const Channel channel = channel_with({{"players", array({object({{"name", "ann"}}), object({{"name", "bob"}})})}});
  CHECK_FALSE(is_there("players.name", channel));
  CHECK_FALSE(holds(eq("players.name", "ann"), channel));
  CHECK_FALSE(is_there("players.0", channel));
  CHECK(holds(contains("players", object({{"name", "bob"}})), channel));
}

TEST_CASE("eq with an object compares names and values, in any order") {
  const Value home = object({{"city", "Kyoto"}, {"floor", 3}});
  const Channel channel = channel_with({{"location", object({{"floor", 3.0}, {"city", "Kyoto"}})}, {"all", array({1, home})}});
  CHECK(holds(eq("location", home), channel));
  CHECK(holds(eq("all", home), channel));
  CHECK(holds(eq("all", array({home, 1, home})), channel));
  CHECK(holds(in("location", {1, home}), channel));
  CHECK(holds(in("all", {object({}), home}), channel));
  CHECK_FALSE(holds(nin("location", {1, home}), channel));
  CHECK_FALSE(holds(ne("location", home), channel));
  for (const Value& other : {object({{"city", "Kyoto"}}), object({{"city", "Kyoto"}, {"floor", "3"}}), object({}), object({{"city", "Kyoto"}, {"floor", 3}, {"x", nullptr}}), object({{"city", "Kyoto"}, {"Floor", 3}})}) {
    CHECK_FALSE(holds(eq("location", other), channel));
    CHECK_FALSE(holds(in("all", {other, Value("x")}), channel));
    CHECK(holds(ne("all", other), channel));
  }
  CHECK(holds(eq("empty", object({})), channel_with({{"empty", object({})}})));
  CHECK_FALSE(holds(eq("empty", object({})), channel_with({{"empty", array({})}})));
  CHECK_FALSE(holds(eq("empty", object({})), channel_with({})));
  // Timestamps in one notation and another; arrays in order; NaN equals nothing.
  CHECK(holds(eq("o", object({{"at", noon}})), channel_with({{"o", object({{"at", to_string(noon)}})}})));
  CHECK_FALSE(holds(eq("o", object({{"a", array({1, 2})}})), channel_with({{"o", object({{"a", array({2, 1})}})}})));
  CHECK_FALSE(holds(eq("o", object({{"a", 1.0}})), channel_with({{"o", object({{"a", std::numeric_limits<double>::quiet_NaN()}})}})));
}

TEST_CASE("an operator that does not accept an object says so by its name") {
  const Value some = object({{"a", 1}});
  is_rejected(gt("a", some), "$gt ");
  is_rejected(gte("a", some), "$gte ");
  is_rejected(lt("a", some), "$lt ");
  is_rejected(lte("a", object({})), "$lte ");
  is_rejected(in("a", some), "$in ");
  is_rejected(nin("a", some), "$nin ");
  is_rejected(Filter::test(Operator::exists, "a", some), "$exists ");
  is_rejected(Filter::test(Operator::autocomplete, "a", some), "$autocomplete ");
  is_rejected(eq("a", object({{"b", array({object({{"c", std::numeric_limits<double>::infinity()}})})}})), "finite");
  is_rejected(in("a", {object({{"c", std::numeric_limits<double>::quiet_NaN()}})}), "finite");
  is_rejected(eq("a", object({{"b", UINT64_MAX}})), "cannot be held");
  CHECK_FALSE(eq("a", some).error());
  CHECK_FALSE(contains("a", some).error());
}

TEST_CASE("random filters say of random objects what a naive interpreter says") {
  const char* const given = std::getenv("PRESENCE_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : 20241129;
  MESSAGE("PRESENCE_SEED=" << seed);
  Chance dice(seed);
  std::size_t held = 0, found = 0;
  for (int round = 0; round < 20000; ++round) {
    CAPTURE(round);
    Channel channel;
    std::map<std::string, Plain> fields;
    for (std::size_t left = dice.below(5); left > 0; --left) {
      const std::string name = random_name(dice);
      const auto [plain, value] = random_value(dice, 3, true);
      fields[name] = plain;
      channel.custom[name] = value;
    }
    std::string name = random_path(dice, fields);
    if (name.empty()) name = "a";
    CAPTURE(name);
    CAPTURE(to_json(channel));
    const std::optional<Plain> resolved = resolve(fields, name);
    const Plain field = resolved.value_or(Plain());
    found += resolved && fields.count(name) == 0 ? 1u : 0u;
    const std::pair<Plain, Value> drawn = random_value(dice, 2, true);
    Plain plain = drawn.first;
    Value operand = drawn.second;
    if (resolved && dice.below(3) == 0) {  // the same, so that it is equal
      plain = field;
      const ValueView same = Fields<Channel>::other(channel, name);
      operand = Value(same);
    }
    CAPTURE(to_json(operand));
    REQUIRE(is_there(name, channel) == resolved.has_value());
    REQUIRE(holds(eq(name, operand), channel) == naive_eq(field, plain));
    REQUIRE(holds(ne(name, operand), channel) != naive_eq(field, plain));
    held += naive_eq(field, plain) ? 1u : 0u;
    if (plain.kind == Kind::array) {
      REQUIRE(holds(in(name, operand), channel) == naive_in(field, plain));
      REQUIRE(holds(nin(name, operand), channel) != naive_in(field, plain));
    } else {
      REQUIRE(holds(contains(name, operand), channel) == (field.kind == Kind::array && has(field.elements, plain)));
      Plain more;
      more.elements = {plain};
      std::vector<Value> operands = {operand};
      for (std::size_t left = dice.below(8); left > 0; --left) {
        const auto [one, value] = random_value(dice, 2, false);
        more.elements.push_back(one);
        operands.push_back(value);
      }
      REQUIRE(holds(in(name, array(operands)), channel) == naive_in(field, more));
    }
    REQUIRE(holds(gt(name, 1), channel) == naive_gt(field, 1));
  }
  CHECK(found > 1500);  // behind a dot
  CHECK(held > 2500);
}

TEST_CASE("channels are sorted by a dotted name; objects are neither before nor after each other") {
  std::vector<Channel> channels;
  const Value floors[] = {3, 1, "x", object({{"a", 2}}), object({{"a", 1}}), nullptr, 2};
  for (const Value& floor : floors) {
    channels.push_back(channel_with({{"location", object({{"floor", floor}})}}));
    channels.back().id = std::to_string(channels.size());
  }
  channels.push_back(channel_with({}));
  channels.back().id = "8";
  ChannelQuery asked;
  asked.sort = {{"location.floor", Order::ascending}};
  std::string ids;
  for (const Channel* const one : query(channels, asked)) ids += one->id;
  CHECK(ids == "27134568");
  asked.sort = {{"location.floor", Order::descending}};
  ids.clear();
  for (const Channel* const one : query(channels, asked)) ids += one->id;
  CHECK(ids == "68453172");
  CHECK_FALSE(validate(asked));
}

TEST_CASE("a filter with a name of 10000 dots, or about an object with 10000 members, is answered") {
  std::string name = "a";
  for (int i = 0; i < 10000; ++i) name += ".a";
  Value inner = object({{"a", 1}, {name, 2}});
  for (unsigned i = 1; i + 1 < Value::deepest; ++i) inner = object({{"a", inner}});
  Channel channel = channel_with({{"a", inner}});
  CHECK_FALSE(is_there(name, channel));
  CHECK_FALSE(is_there(std::string(10000, '.'), channel));
  Attributes members;
  for (int i = 0; i < 10000; ++i) members["m" + std::to_string(i)] = i;
  channel.custom["large"] = Value::object(members);
  CHECK(holds(eq("large.m9999", 9999), channel));
  CHECK(holds(eq("large", Value::object(members)), channel));
  std::vector<Value> many;
  for (int i = 0; i < 1000; ++i) many.push_back(object({{"n", i}, {"m", members["m7"]}}));
  channel.custom["many"] = array(many);
  CHECK(holds(eq("many", array(many)), channel));
  CHECK(holds(in("many", {object({{"n", 1}}), many[500]}), channel));
  members["m5000"] = -1;
  CHECK_FALSE(holds(eq("large", Value::object(members)), channel));
}
