// SPDX-License-Identifier: MIT
#include "../telling.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
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

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

/// Checks what a text reads as: alone, as a custom field and as an operand.
void reads(const std::string& json, const Value& expected) {
  CAPTURE(json.substr(0, 200));
  const auto value = parse_value(json);
  REQUIRE(value);
  CHECK(*value == expected);
  ReadNotes notes;
  const auto channel = parse_channel(R"({"cid":"t:c","x":)" + json + "}", {}, &notes);
  REQUIRE(channel);
  CHECK(notes.empty());
  REQUIRE(channel->custom.find("x") != nullptr);
  CHECK(*channel->custom.find("x") == expected);
  const auto filter = parse_filter(R"({"x":{"$eq":)" + json + "}}");
  REQUIRE(filter);
  CHECK(*filter == eq("x", expected));
}

/// Checks the error of a text with a '^' before the byte at the error's offset.
void is_rejected(ErrorCode code, std::string marked, std::string_view message = "") {
  CAPTURE(marked.substr(0, 200));
  const std::size_t offset = marked.find('^');
  REQUIRE(offset != std::string::npos);
  marked.erase(offset, 1);
  const auto value = parse_value(marked);
  REQUIRE_FALSE(value);
  CHECK(static_cast<int>(value.error().code) == static_cast<int>(code));
  CHECK(value.error().offset == offset);
  CHECK(std::string(value.error().message).find(message) != std::string::npos);
  const std::string before = R"({"x":{"$eq":)";
  const auto filter = parse_filter(before + marked + "}}");
  REQUIRE_FALSE(filter);
  if (code == ErrorCode::truncated || code == ErrorCode::too_deep || code == ErrorCode::trailing_bytes) return;
  CHECK(static_cast<int>(filter.error().code) == static_cast<int>(code));
  CHECK(filter.error().offset == before.size() + offset);
}

/// Checks what a custom field reads as, and what is noted of it: at each '^', with this code.
void reads_custom(ErrorCode code, std::string marked, const Value* expected, const ReadOptions& options = {}) {
  CAPTURE(marked);
  marked = R"({"cid":"t:c","x":)" + marked + R"(,"y":1})";
  std::vector<std::size_t> offsets;
  for (std::size_t at = marked.find('^'); at != std::string::npos; at = marked.find('^')) {
    offsets.push_back(at);
    marked.erase(at, 1);
  }
  ReadNotes notes;
  const auto channel = parse_channel(marked, options, &notes);
  REQUIRE(channel);
  CHECK(*channel->custom.find("y") == Value(1));
  REQUIRE((channel->custom.find("x") != nullptr) == (expected != nullptr));
  if (expected != nullptr) CHECK(*channel->custom.find("x") == *expected);
  REQUIRE(notes.count() == offsets.size());
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    CHECK(static_cast<int>(notes.begin()[i].code) == static_cast<int>(code));
    CHECK(notes.begin()[i].offset == offsets[i]);
    CHECK(std::string(notes.begin()[i].message) != "");
  }
}

Value random_value(Chance& dice, unsigned levels, bool may_be_array) {
  constexpr std::string_view texts[] = {"", "a", "b", "a.b", "$eq", "\n", "\xC3\xA9", "caf\xC3\xA9 au lait", "id", "\"\\"};
  switch (levels == 0 ? dice.below(5) : dice.below(8)) {
    case 0: return Value();
    case 1: return Value(dice.below(2) == 0);
    case 2: return Value(static_cast<std::int64_t>(dice.bits() >> dice.below(64)));
    case 3: return Value(static_cast<double>(dice.below(1000)) / 8);
    case 4: return Value(texts[dice.below(std::size(texts))]);
    case 5:
      if (may_be_array) {
        std::vector<Value> elements;
        for (std::size_t left = dice.below(4); left > 0; --left) elements.push_back(random_value(dice, levels - 1, false));
        return array(elements);
      }
      return Value();
    default: {
      Attributes members;
      for (std::size_t left = dice.below(5); left > 0; --left)
        members[texts[dice.below(std::size(texts))]] = random_value(dice, levels - 1, true);
      return Value::object(std::move(members));
    }
  }
}

/// The members in a random order, with spaces.
void append_shuffled(std::string& out, Chance& dice, const Value& value) {
  if (value.kind() == ValueKind::array) {
    out += "[ ";
    for (std::size_t i = 0; i < value.elements().size(); ++i) {
      if (i > 0) out += " ,";
      append_shuffled(out, dice, value.elements()[i]);
    }
    out += ']';
  } else if (value.kind() == ValueKind::object) {
    std::vector<ValueMember> members = Value(value).members();
    for (std::size_t i = members.size(); i > 1; --i) std::swap(members[i - 1], members[dice.below(i)]);
    out += '{';
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (i > 0) out += ", ";
      out += to_json(Value(members[i].name())) + " : ";
      append_shuffled(out, dice, members[i].value());
    }
    out += " }";
  } else {
    out += to_json(value);
  }
}

}  // namespace

TEST_CASE("objects are read as values, as custom fields and as operands") {
  reads("{}", Value::object({}));
  reads(R"({"city":"Kyoto","floor":3})", object({{"city", "Kyoto"}, {"floor", 3}}));
  reads(R"( { "b" : { "c" : [ 1 , { "d" : null } ] } , "a" : 1.5 } )", object({{"a", 1.5}, {"b", object({{"c", array({1, object({{"d", nullptr}})})}})}}));
  reads(R"([{},{"a":{}},0])", array({object({}), object({{"a", object({})}}), 0}));
  reads(R"({"":{"":""},"$eq":1,"a.b":2,"id":3,"\u0000":4,"\ud83d\ude00":5})", object({{"", object({{"", ""}})}, {"$eq", 1}, {"a.b", 2}, {"id", 3}, {std::string(1, '\0'), 4}, {"\xF0\x9F\x98\x80", 5}}));
  reads(R"({"a\n":"\n","\u0062":["\t",{"\\":"\""}]})", object({{"a\n", "\n"}, {"b", array({"\t", object({{"\\", "\""}})})}}));
}

TEST_CASE("an object as the condition of a field has operators, not members") {
  CHECK(parse_filter(R"({"a":{"city":"Kyoto"}})").error().code == ErrorCode::unknown_operator);
  CHECK(parse_filter(R"({"a":{}})").error().code == ErrorCode::bad_operand);
  CHECK(*parse_filter(R"({"a.b":{"$in":[{"city":"Kyoto"},1],"$ne":{}}})") ==
        (in("a.b", {object({{"city", "Kyoto"}}), 1}) && ne("a.b", object({}))));
  CHECK(*parse_filter(R"({"a":[{"b":1}]})") == eq("a", array({object({{"b", 1}})})));
  for (const std::string_view name : {"$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$autocomplete"}) {
    const auto filter = parse_filter("{\"a\":{\"" + std::string(name) + "\":{\"b\":1}}}");
    REQUIRE_FALSE(filter);
    CHECK(filter.error().code == ErrorCode::bad_operand);
    CHECK(filter.error().offset == 9 + name.size());
    CHECK(std::string(filter.error().message).find(std::string(name) + " ") == 0);
  }
}

TEST_CASE("what is no object is rejected at the first byte that is wrong") {
  is_rejected(ErrorCode::syntax, R"({"a":1,^})");
  is_rejected(ErrorCode::syntax, R"({"a" ^1})");
  is_rejected(ErrorCode::syntax, R"({"a":{"b":1 ^"c":2}})");
  is_rejected(ErrorCode::syntax, R"({^1:2})");
  is_rejected(ErrorCode::truncated, R"({"a":{"b":[1^)");
  is_rejected(ErrorCode::truncated, R"({"a":{}^)");
  is_rejected(ErrorCode::trailing_bytes, R"({"a":{}}^})");
  is_rejected(ErrorCode::wrong_type, R"({"a":[1,^[2]]})");
  is_rejected(ErrorCode::wrong_type, R"([{"a":[^[{}]]}])");
  is_rejected(ErrorCode::out_of_range, R"({"a":{"b":^1e999},"a":2})");
  is_rejected(ErrorCode::bad_escape, R"({"a":{"^\ud83d":1}})");
  is_rejected(ErrorCode::bad_utf8, "{\"a\":{\"^\xFF\":1}}");
}

TEST_CASE("a value and an operand reject the first name that is repeated in an object, after the object") {
  is_rejected(ErrorCode::duplicate_key, R"({"a":1,^"a":2})", "twice");
  is_rejected(ErrorCode::duplicate_key, R"({"b":1,"a":1,"c":{"a":0},^"a":2,"b":2})");
  is_rejected(ErrorCode::duplicate_key, R"({"b":1,"\u0061":1,"c":{"x":1,"y":"\n"},^"b":2,"a":2})");
  is_rejected(ErrorCode::duplicate_key, R"([{"":{"a\n":1,^"a\u000a":{}}},{"a":1,"a":1}])");
  is_rejected(ErrorCode::duplicate_key, R"({"a":1,"b":{"c":1,^"c":1},"a":1})");
  is_rejected(ErrorCode::out_of_range, R"({"a":1,"a":2,"b":^1e999})");
  std::string names;
  for (int i = 0; i < 10000; ++i) names += "\"" + std::to_string(i * 7919 % 10000) + "\":0,";
  is_rejected(ErrorCode::duplicate_key, "{" + names + "^\"5000\":1}");
  is_rejected(ErrorCode::duplicate_key, R"({"a":1)" + repeated(R"(,"b":1)", 1) + repeated(R"(,^"b":1)", 1) + repeated(R"(,"b":1)", 10000) + "}");
}

TEST_CASE("a custom field omits a name that is repeated in an object, with all its values, and notes it") {
  const Value rest = object({{"b", 1}}), empty = object({}), nested = object({{"b", object({{"d", 1}})}});
  reads_custom(ErrorCode::duplicate_key, R"({"a":1,"b":1,^"a":2})", &rest);
  reads_custom(ErrorCode::duplicate_key, R"({"a":{"x":1},"b":1,^"\u0061":[],"a":null})", &rest);
  reads_custom(ErrorCode::duplicate_key, R"({"a":1,^"a":1})", &empty);
  reads_custom(ErrorCode::duplicate_key, R"({"b":{"c":1,"d":1,^"c":{}}})", &nested);
  reads_custom(ErrorCode::duplicate_key, R"({"a":{"c":1,^"c":1},"b":1,^"a":1})", &rest);
  const Value listed = array({object({}), object({{"b", 1}})});
  reads_custom(ErrorCode::duplicate_key, R"([{"a":1,^"a":1},{"a":1,"b":1,^"a":1}])", &listed);
}

TEST_CASE("a custom field with a part that no Value holds is omitted and noted") {
  reads_custom(ErrorCode::out_of_range, R"({"a":{"b":[^1e999]},"c":1e999})", nullptr);
  reads_custom(ErrorCode::out_of_range, R"([{},{"a":^9223372036854775808}])", nullptr);
  reads_custom(ErrorCode::wrong_type, R"({"a":[1,^[]],"b":[[]]})", nullptr);
  reads_custom(ErrorCode::wrong_type, R"([{"a":[^[{"a":1,"a":1}]]}])", nullptr);
}

TEST_CASE("elements and members count for max_custom_elements, nested ones too") {
  const std::string text = R"({"a":[1,{"b":2}],"c":{}})";  // a, c, its two elements, and b
  const Value whole = object({{"a", array({1, object({{"b", 2}})})}, {"c", object({})}});
  ReadOptions options;
  options.max_custom_elements = 5;
  reads_custom(ErrorCode::over_limit, text, &whole, options);
  options.max_custom_elements = 4;
  reads_custom(ErrorCode::over_limit, "^" + text, nullptr, options);
  options.max_custom_elements = 0;
  const Value empty = object({});
  reads_custom(ErrorCode::over_limit, "{}", &empty, options);
  reads_custom(ErrorCode::over_limit, R"(^{"a":{}})", nullptr, options);
}

TEST_CASE("members of objects count for max_values of a filter") {
  const std::string text = R"({"x":{"$eq":{"a":[1,{"b":2}],"c":{}}}})";  // the filter, the object, and five inside
  FilterLimits limits;
  limits.max_values = 7;
  CHECK(parse_filter(text, limits));
  limits.max_values = 6;
  const auto filter = parse_filter(text, limits);
  REQUIRE_FALSE(filter);
  CHECK(filter.error().code == ErrorCode::over_limit);
  CHECK(filter.error().offset == text.find("{}"));
}

TEST_CASE("a value of 64 levels is read and written, and one more level is too_deep") {
  for (const bool with_arrays : {false, true}) {
    const std::string two = with_arrays ? R"({"a":[)" : R"({"a":{"a":)", ends = with_arrays ? "]}" : "}}";
    const std::string deepest = repeated(two, 32) + (with_arrays ? "" : "1") + repeated(ends, 32);
    const auto value = parse_value(deepest);
    REQUIRE(value);
    CHECK(to_json(*value) == deepest);
    CHECK(Value(value->view()) == *value);
    is_rejected(ErrorCode::too_deep, repeated(two, 32) + "^{}" + repeated(ends, 32), "deep");
    is_rejected(ErrorCode::too_deep, repeated(two, 32) + "^" + repeated(two, 100000));
    is_rejected(ErrorCode::too_deep, repeated(two, 32) + "^[" + repeated(two, 100000));
  }
  is_rejected(ErrorCode::too_deep, repeated(R"({"a":)", 64) + "^" + repeated(R"({"a":)", 100000));
  CHECK(parse_channel(R"({"cid":"t:c","x":)" + repeated(R"({"a":)", 100000)).error().code == ErrorCode::too_deep);
  CHECK(parse_filter(R"({"x":{"$eq":)" + repeated(R"({"a":)", 100000)).error().code == ErrorCode::too_deep);

  // The object of a channel is one more level: it is not written what could not be read.
  Channel channel;
  channel.custom["deep"] = *parse_value(repeated(R"({"a":)", 63) + "1" + repeated("}", 63));
  channel.custom["deepest"] = *parse_value(repeated(R"({"a":)", 64) + "1" + repeated("}", 64));
  const auto read = parse_channel(to_json(channel));
  REQUIRE(read);
  CHECK(channel.custom.erase("deepest"));
  CHECK(*read == channel);
}

TEST_CASE("an operand of 64 levels is read in the deepest filter, and in a query with it") {
  const std::string operand = repeated(R"({"a":)", 64) + "1" + repeated("}", 64);
  Filter filter = eq("x", *parse_value(operand));
  CHECK(to_json(filter) == R"({"x":{"$eq":)" + operand + "}}");
  CHECK(parse_filter(R"({"x":{"$eq":{"a":)" + operand + "}}}").error() == (Error{ErrorCode::too_deep, 12 + 5 * 64, ""}));
  for (unsigned i = 0; i < Filter::deepest; ++i) filter = !filter;
  REQUIRE_FALSE(filter.error());
  CHECK(*parse_filter(to_json(filter)) == filter);
  UserQuery query;
  query.filter = filter;
  CHECK(parse_user_query(to_json(query))->filter == filter);
}

TEST_CASE("members are written in bytewise order of their names, and equal values have the same bytes") {
  CHECK(to_json(object({})) == "{}");
  CHECK(to_json(object({{"b", array({object({}), 1})}, {"a", nullptr}})) == R"({"a":null,"b":[{},1]})");
  CHECK(to_json(*parse_value(R"({"\u00e9":1,"b":2,"a":3,"":4,"Z":5,"ab":6})")) == "{\"\":4,\"Z\":5,\"a\":3,\"ab\":6,\"b\":2,\"\xC3\xA9\":1}");
  CHECK(to_json(object({{"at", at(0)}, {"inf", std::numeric_limits<double>::infinity()}, {"q\"", "\n"}})) ==
        R"({"at":"2019-01-07T11:00:00.000Z","inf":null,"q\"":"\n"})");
  // Names that are not UTF-8 could be equal once they are written.
  CHECK(to_json(object({{"\xFE", 1}, {"\xFF", 2}, {"a", object({{"\xC3", 3}})}})) == R"({"a":{}})");
}

TEST_CASE("random values are read back equal, in whatever order their members are") {
  const char* const given = std::getenv("PRESENCE_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : 20241129;
  MESSAGE("PRESENCE_SEED=" << seed);
  Chance dice(seed);
  for (int round = 0; round < 3000; ++round) {
    CAPTURE(round);
    const Value value = random_value(dice, 4, true);
    const std::string text = to_json(value);
    std::string shuffled;
    append_shuffled(shuffled, dice, value);
    CAPTURE(shuffled);
    reads(text, value);
    reads(shuffled, value);
    CHECK(to_json(*parse_value(shuffled)) == text);
    const Filter filter = eq("x", value);
    REQUIRE(*parse_filter(to_json(filter)) == filter);
    Channel channel{"t", "c", {}, {}};
    channel.custom["x"] = value;
    REQUIRE(*parse_channel(to_json(channel)) == channel);
  }
}

TEST_CASE("objects with 10000 members are read in any order, and each level of many in linear time") {
  std::map<std::string, int> expected;
  std::string text = "{";
  for (int i = 0; i < 10000; ++i) {
    const std::string name = "a name that is long " + std::to_string(i * 7919 % 10000);
    text += (i > 0 ? ",\"" : "\"") + name + "\":" + std::to_string(i);
    expected[name] = i;
  }
  text += '}';
  const auto value = parse_value(text);
  REQUIRE(value);
  REQUIRE(value->members().size() == expected.size());
  auto next = expected.begin();
  for (const ValueMember& member : value->members()) {
    REQUIRE(member.name() == next->first);
    REQUIRE(member.value() == Value(next->second));
    ++next;
  }
  std::string deep = text;
  for (int i = 0; i < 60; ++i) deep = R"({"a":0,"b":)" + deep + R"(,"c":0})";
  reads(deep, *parse_value(deep));
}
