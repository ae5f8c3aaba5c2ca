// SPDX-License-Identifier: MIT
#include "../telling.hpp"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace support;

namespace {

/// Parses a copy of exactly the size of the text, so that a sanitizer sees a read past its end.
Result<Filter> parse_exactly(std::string_view text) {
  const std::unique_ptr<char[]> exact(new char[text.size() + 1]);
  char* const start = exact.get() + 1;
  text.copy(start, text.size());
  return parse_filter(std::string_view(start, text.size()));
}

void reads(std::string_view text, const Filter& expected) {
  CAPTURE(std::string(text));
  const auto filter = parse_exactly(text);
  REQUIRE(filter);
  CHECK(*filter == expected);
  CHECK_FALSE(filter->error());
}

/// Checks the error of a string with a '^' before the byte at the error's offset.
void refused(ErrorCode code, std::string marked) {
  CAPTURE(marked);
  const std::size_t offset = marked.find('^');
  REQUIRE(offset != std::string::npos);
  marked.erase(offset, 1);
  const auto filter = parse_exactly(marked);
  REQUIRE_FALSE(filter);
  CHECK(static_cast<int>(filter.error().code) == static_cast<int>(code));
  CHECK(filter.error().offset == offset);
  CHECK(std::string(filter.error().message) != "");
}

void reads_back(const Filter& filter) {
  const std::string text = to_json(filter);
  CAPTURE(text);
  REQUIRE_FALSE(filter.error());
  const auto read = parse_exactly(text);
  REQUIRE(read);
  CHECK(*read == filter);
  CHECK(to_json(*read) == text);
}

std::string repeated(std::string_view text, unsigned times) {
  std::string all;
  for (unsigned i = 0; i < times; ++i) all += text;
  return all;
}

std::string random_text(Chance& dice) {
  static const std::string_view bits[] = {"a", "Z", " ", "\"", "\\", "/", "\n", "\t", "\x01", "\x7F", "$", ".", "\xC3\xA9", "\xE7\x8C\xAB",
                                          "\xF0\x9F\x98\x80", "2019-01-07T12:00:00Z", "{", "]", "\xE2\x80\xA8"};
  std::string text;
  for (std::size_t i = dice.below(5); i > 0; --i) text += bits[dice.below(static_cast<unsigned>(std::size(bits)))];
  if (dice.below(20) == 0) text += '\0';
  return text;
}

double random_real(Chance& dice) {
  static const double some[] = {0.0, -0.0, 0.1, 1.0, 1e22, 1e23, 9007199254740993.0, 9223372036854775808.0, -9223372036854775808.0, 18446744073709551616.0, 1e300, 5e-324,
                                std::numeric_limits<double>::max(), std::numeric_limits<double>::min()};
  const std::size_t i = dice.below(static_cast<unsigned>(std::size(some)) + 6);
  if (i < std::size(some)) return some[i];
  const auto whole = static_cast<double>(static_cast<std::int64_t>(dice.bits()));
  return i % 2 == 0 ? whole : whole / static_cast<double>(1 + dice.below(1000000));
}

Value random_scalar(Chance& dice) {
  switch (dice.below(5)) {
    case 0: return Value();
    case 1: return Value(dice.below(2) == 0);
    case 2: return Value(static_cast<std::int64_t>(dice.bits() >> dice.below(64)));
    case 3: return Value(random_real(dice));
    default: return Value(random_text(dice));
  }
}

Value random_array(Chance& dice) {
  std::vector<Value> elements;
  for (std::size_t i = dice.below(4); i > 0; --i) elements.push_back(random_scalar(dice));
  return Value::array(elements);
}

/// Valid.
Filter random_filter(Chance& dice, unsigned depth) {
  if (depth > 0 && dice.below(2) == 0) {
    std::vector<Filter> parts;
    for (std::size_t i = 1 + dice.below(3); i > 0; --i) parts.push_back(random_filter(dice, depth - 1));
    constexpr Operator combining[] = {Operator::all_of, Operator::any_of, Operator::none_of};
    return Filter::combination(combining[dice.below(3)], std::move(parts));
  }
  std::string field = random_text(dice);
  if (field.empty() || field[0] == '$') field = "x" + field;
  switch (dice.below(9)) {
    case 0: return Filter();
    case 1: return eq(field, dice.below(3) == 0 ? random_array(dice) : random_scalar(dice));
    case 2: return ne(field, dice.below(3) == 0 ? random_array(dice) : random_scalar(dice));
    case 3: return in(field, random_array(dice));
    case 4: return nin(field, random_array(dice));
    case 5: return contains(field, random_scalar(dice));
    case 6: return exists(field, dice.below(2) == 0);
    case 7: return autocomplete(field, "a" + random_text(dice));
    default: {
      constexpr Operator ranges[] = {Operator::gt, Operator::gte, Operator::lt, Operator::lte};
      Value operand;
      while (operand.kind() == ValueKind::null || operand.kind() == ValueKind::boolean) operand = random_scalar(dice);
      return Filter::test(ranges[dice.below(4)], field, std::move(operand));
    }
  }
}

}  // namespace

TEST_CASE("a filter with $and, $eq and $in is read") {
  reads(R"({"$and":[{"type":{"$eq":"messaging"}},{"members":{"$in":["john","jack"]}}]})",
        and_({eq("type", "messaging"), in("members", {"john", "jack"})}));
}

TEST_CASE("a field with a plain value is read as eq") {
  reads(R"({"type":"messaging"})", eq("type", "messaging"));
  reads(R"({"x":null})", eq("x", nullptr));
  reads(R"({"x":true})", eq("x", true));
  reads(R"({"x":-7})", eq("x", -7));
  reads(R"({"x":["a",1,null,false,0.5]})", eq("x", array({"a", 1, nullptr, false, 0.5})));
  reads(R"({"x":[]})", eq("x", array({})));
}

TEST_CASE("several keys of an object are combined by and") {
  reads(R"({"a":1,"b":2,"c":3})", and_({eq("a", 1), eq("b", 2), eq("c", 3)}));
  reads(R"({"a":{"$gt":1,"$lt":5}})", and_({gt("a", 1), lt("a", 5)}));
  reads(R"({"a":{"$gt":1,"$lt":5},"b":2})", and_({gt("a", 1), lt("a", 5), eq("b", 2)}));
  reads(R"({"a":1,"$or":[{"b":2},{"c":3}]})", and_({eq("a", 1), or_({eq("b", 2), eq("c", 3)})}));
  reads(R"({"$or":[{"a":1}],"$nor":[{"b":2}]})", and_({or_({eq("a", 1)}), nor({eq("b", 2)})}));
}

TEST_CASE("an empty object is read as the filter that matches everything") {
  reads("{}", Filter());
  reads(" { } ", Filter());
  reads(R"({"$and":[{},{"a":1}]})", and_({Filter(), eq("a", 1)}));
  CHECK(to_json(Filter()) == "{}");
}

TEST_CASE("every operator is read and written") {
  const std::pair<const char*, Filter> all[] = {
      {R"({"x":{"$eq":1}})", eq("x", 1)},
      {R"({"x":{"$eq":[1,"a"]}})", eq("x", array({1, "a"}))},
      {R"({"x":{"$ne":null}})", ne("x", nullptr)},
      {R"({"x":{"$gt":1}})", gt("x", 1)},
      {R"({"x":{"$gte":"a"}})", gte("x", "a")},
      {R"({"x":{"$lt":-1}})", lt("x", -1)},
      {R"({"x":{"$lte":0.5}})", lte("x", 0.5)},
      {R"({"x":{"$in":["a",1]}})", in("x", {"a", 1})},
      {R"({"x":{"$in":[]}})", in("x", {})},
      {R"({"x":{"$nin":[true]}})", nin("x", {true})},
      {R"({"x":{"$contains":"a"}})", contains("x", "a")},
      {R"({"x":{"$exists":false}})", exists("x", false)},
      {R"({"x":{"$autocomplete":"ro"}})", autocomplete("x", "ro")},
      {R"({"$and":[{"x":{"$eq":1}},{"y":{"$eq":2}}]})", and_({eq("x", 1), eq("y", 2)})},
      {R"({"$or":[{"x":{"$eq":1}}]})", or_({eq("x", 1)})},
      {R"({"$nor":[{"x":{"$eq":1}},{}]})", nor({eq("x", 1), Filter()})},
  };
  for (const auto& one : all) {
    reads(one.first, one.second);
    CHECK(to_json(one.second) == one.first);
  }
}

TEST_CASE("white space between tokens is ignored") {
  reads(" { \"a\" : { \"$in\" : [ 1 , \"b\" ] } ,\n\t\"$or\" : [ { } , { \"c\" : null } ] } \r\n",
        and_({in("a", {1, "b"}), or_({Filter(), eq("c", nullptr)})}));
}

TEST_CASE("escapes in fields, operators and strings are decoded") {
  reads(R"({"a\u0062\n":"\"\\\/\b\f\r\t\u00e9\ud83d\ude00"})", eq("ab\n", "\"\\/\b\f\r\t\xC3\xA9\xF0\x9F\x98\x80"));
  reads(R"({"\u0061":{"\u0024in":["\u0062","c"]},"\u0024or":[{"d\t":1}]})", and_({in("a", {"b", "c"}), or_({eq("d\t", 1)})}));
  reads(R"({"a":"\u0000b"})", eq("a", std::string("\0b", 2)));
  reads_back(eq("a\"\\\x01", "\x1F/\xE7\x8C\xAB"));
}

TEST_CASE("64-bit integers are read and written exactly") {
  constexpr std::int64_t last = std::numeric_limits<std::int64_t>::max(), first = std::numeric_limits<std::int64_t>::min();
  reads(R"({"x":9223372036854775807})", eq("x", last));
  reads(R"({"x":-9223372036854775808})", eq("x", first));
  reads(R"({"x":9007199254740993})", eq("x", std::int64_t{9007199254740993}));
  for (const std::int64_t integer : {last, first, std::int64_t{0}, std::int64_t{-1}, std::int64_t{10}, std::int64_t{9007199254740993}}) {
    CHECK(to_json(Value(integer)) == std::to_string(integer));
    reads_back(eq("x", integer));
  }
  CHECK(to_json(Value(std::uint8_t{200})) == "200");
}

TEST_CASE("floating-point numbers are read as the nearest double, and read back as written") {
  reads(R"({"x":1.5})", eq("x", 1.5));
  reads(R"({"x":1e3})", eq("x", 1000));
  reads(R"({"x":0.1})", eq("x", 0.1));
  reads(R"({"x":-2.5E-3})", eq("x", -0.0025));
  reads(R"({"x":1e-400})", eq("x", 0));
  reads(R"({"x":9223372036854775808.0})", eq("x", 9223372036854775808.0));
  for (const double real : {0.1, 1.0, -0.0, 1e21, 1e22, 9007199254740992.0, 9223372036854775808.0, -9223372036854775808.0, 18446744073709551616.0, 1.7976931348623157e308, 5e-324}) {
    reads_back(eq("x", real));
    reads_back(in("x", {real, -real}));
  }
}

TEST_CASE("a value that is not valid in a filter is written as null") {
  CHECK(to_json(Value(std::numeric_limits<double>::infinity())) == "null");
  CHECK(to_json(Value(std::numeric_limits<double>::quiet_NaN())) == "null");
  CHECK(to_json(Value(std::uint64_t{1} << 63)) == "null");
  CHECK(to_json(Value()) == "null");
  CHECK(to_json(array({1, "a", nullptr, true})) == R"([1,"a",null,true])");
  CHECK(to_json(array({})) == "[]");
}

TEST_CASE("a timestamp is written as an RFC 3339 string, which matches the same users") {
  const Timestamp noon = *parse_timestamp("2019-01-07T12:00:00.5Z");
  const Filter filter = gte("last_active", noon);
  CHECK(to_json(filter) == R"({"last_active":{"$gte":"2019-01-07T12:00:00.500Z"}})");
  const auto read = parse_filter(to_json(filter));
  REQUIRE(read);
  CHECK(*read == gte("last_active", "2019-01-07T12:00:00.500Z"));
  for (const Duration off : {-tick, Duration(), tick}) {
    User user;
    user.last_active = noon + off;
    CHECK(matches(*read, user) == matches(filter, user));
  }
  CHECK(to_json(in("x", {noon, 1})) == R"({"x":{"$in":["2019-01-07T12:00:00.500Z",1]}})");
}

TEST_CASE("append_json appends to the existing content") {
  std::string out = "x";
  append_json(out, eq("a", 1));
  append_json(out, Value("b"));
  CHECK(out == R"(x{"a":{"$eq":1}}"b")");
}

// What is refused.

TEST_CASE("a filter that is not valid JSON is rejected at the wrong byte") {
  refused(ErrorCode::truncated, "^");
  refused(ErrorCode::truncated, "  ^");
  refused(ErrorCode::syntax, "^x");
  refused(ErrorCode::syntax, "{^a:1}");
  refused(ErrorCode::syntax, R"({"a" ^1})");
  refused(ErrorCode::syntax, R"({"a":^})");
  refused(ErrorCode::syntax, R"({"a":1,^})");
  refused(ErrorCode::syntax, R"({"a":[1,^]})");
  refused(ErrorCode::syntax, R"({"a":[1 ^2]})");
  refused(ErrorCode::syntax, R"({"a":tru^x})");
  refused(ErrorCode::syntax, R"({"a":0^1})");
  refused(ErrorCode::syntax, R"({"$and":[{"a":1},^]})");
  refused(ErrorCode::trailing_bytes, R"({"a":1}^})");
  refused(ErrorCode::trailing_bytes, "{} ^{}");
  refused(ErrorCode::bad_escape, R"({"a":"^\x"})");
  refused(ErrorCode::bad_escape, R"({"^\ud800":1})");
  refused(ErrorCode::bad_utf8, "{\"a\":\"^\xFF\"}");
  refused(ErrorCode::bad_utf8, "{\"^\xC0\x80\":1}");
}

TEST_CASE("a duplicate key in an object of a filter is duplicate_key") {
  refused(ErrorCode::duplicate_key, R"({"a":1,^"a":2})");
  refused(ErrorCode::duplicate_key, R"({"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,^"c":3})");
  refused(ErrorCode::duplicate_key, R"({"a":1,^"\u0061":2})");
  refused(ErrorCode::duplicate_key, R"({"a":{"$gt":1,^"$gt":2}})");
  refused(ErrorCode::duplicate_key, R"({"$or":[{"a":1}],^"$or":[{"b":1}]})");
  reads(R"({"$or":[{"a":1},{"a":2}],"a":3})", and_({or_({eq("a", 1), eq("a", 2)}), eq("a", 3)}));
}

TEST_CASE("an unknown key in place of an operator is unknown_operator") {
  refused(ErrorCode::unknown_operator, R"({"a":{^"$foo":1}})");
  refused(ErrorCode::unknown_operator, R"({"a":{^"b":1}})");
  refused(ErrorCode::unknown_operator, R"({"a":{"$gt":1,^"":1}})");
  refused(ErrorCode::unknown_operator, R"({"a":{^"$EQ":1}})");
  refused(ErrorCode::unknown_operator, R"({"a":{^"$and":[{"b":1}]}})");
  refused(ErrorCode::unknown_operator, R"({^"$eq":1})");
  refused(ErrorCode::unknown_operator, R"({^"$":1})");
  refused(ErrorCode::unknown_operator, R"({"a":1,^"$not":{"a":1}})");
  refused(ErrorCode::unknown_operator, R"({^"$invalid":"no"})");
}

TEST_CASE("a value of the wrong type is wrong_type, at the start of the value") {
  refused(ErrorCode::wrong_type, "^[]");
  refused(ErrorCode::wrong_type, " ^null");
  refused(ErrorCode::wrong_type, R"(^"a")");
  refused(ErrorCode::wrong_type, R"({"$and":^{"a":1}})");
  refused(ErrorCode::wrong_type, R"({"$or": ^null})");
  refused(ErrorCode::wrong_type, R"({"$nor":[{"a":1}, ^1]})");
  refused(ErrorCode::wrong_type, R"({"a":[1,^[2]]})");
  refused(ErrorCode::wrong_type, R"({"a":{"$in":[1,{"b":[2,^[3]]}]}})");
}

TEST_CASE("an operand that its operator does not accept is bad_operand, at the operand") {
  refused(ErrorCode::bad_operand, R"({"a":{"$gt": ^null}})");
  refused(ErrorCode::bad_operand, R"({"a":{"$gte":^true}})");
  refused(ErrorCode::bad_operand, R"({"a":{"$lt":^[1]}})");
  refused(ErrorCode::bad_operand, R"({"a":{"$lte":^false}})");
  refused(ErrorCode::bad_operand, R"({"a":{"$in":^"b"}})");
  refused(ErrorCode::bad_operand, R"({"a":{"$nin":^1}})");
  refused(ErrorCode::bad_operand, R"({"a":{"$contains":^["b"]}})");
  refused(ErrorCode::bad_operand, R"({"a":{"$exists":^1}})");
  refused(ErrorCode::bad_operand, R"({"a":{"$autocomplete":^""}})");
  refused(ErrorCode::bad_operand, R"({"a":{"$autocomplete":^1}})");
  refused(ErrorCode::bad_operand, R"({"a":{"$eq":1,"$exists": ^"yes"}})");
}

TEST_CASE("an empty field name, a field without operators and an empty combination are bad_operand") {
  refused(ErrorCode::bad_operand, R"({^"":1})");
  refused(ErrorCode::bad_operand, R"({"a":1, ^"":{"$gt":1}})");
  refused(ErrorCode::bad_operand, R"({"a":^{}})");
  refused(ErrorCode::bad_operand, R"({"$and":^[]})");
  refused(ErrorCode::bad_operand, R"({"$or": ^[ ]})");
  refused(ErrorCode::bad_operand, R"({"a":1,"$nor":^[]})");
}

TEST_CASE("a number outside the range of its type is out_of_range") {
  refused(ErrorCode::out_of_range, R"({"a":^9223372036854775808})");
  refused(ErrorCode::out_of_range, R"({"a":^-9223372036854775809})");
  refused(ErrorCode::out_of_range, R"({"a":{"$in":[1,^99999999999999999999]}})");
  refused(ErrorCode::out_of_range, R"({"a":{"$gt":^1e309}})");
  refused(ErrorCode::out_of_range, R"({"a":^-1e999999999999})");
}

TEST_CASE("the first error in a filter is reported") {
  refused(ErrorCode::bad_operand, R"({"a":{"$gt":^null},"a":2,)");
  refused(ErrorCode::unknown_operator, R"({"a":{^"$no":1e999}})");
  refused(ErrorCode::out_of_range, R"({"a":^1e999,"$no":1})");
}

TEST_CASE("a filter nested to Filter::deepest levels is read, and one more level is too_deep") {
  for (const std::string_view name : {"$and", "$or", "$nor"}) {
    const std::string opening = "{\"" + std::string(name) + "\":[", closing = "]}";
    const auto deepest = parse_exactly(repeated(opening, Filter::deepest) + R"({"a":{"$in":[1]}})" + repeated(closing, Filter::deepest));
    REQUIRE(deepest);
    CHECK_FALSE(deepest->error());
    CHECK((!*deepest).error());
    reads_back(*deepest);
    refused(ErrorCode::too_deep, repeated(opening, Filter::deepest) + "{\"" + std::string(name) + "\":^[" + R"({"a":1}]})" + repeated(closing, Filter::deepest));
    refused(ErrorCode::too_deep, repeated(opening, Filter::deepest) + "{\"" + std::string(name) + "\":^[" + repeated(opening, 500));
  }
}

TEST_CASE("the implicit and of several keys counts as a level") {
  std::string text = R"({"a":1})";
  for (unsigned i = 0; i < Filter::deepest / 2; ++i) text = R"({"a":1,"$nor":[)" + text + "]}";
  const auto filter = parse_exactly(text);
  REQUIRE(filter);
  CHECK_FALSE(filter->error());
  reads_back(*filter);
  const auto deeper = parse_exactly(R"({"a":1,"$nor":[)" + text + "]}");
  REQUIRE_FALSE(deeper);
  CHECK(static_cast<int>(deeper.error().code) == static_cast<int>(ErrorCode::too_deep));
}

TEST_CASE("a filter cut at any byte is truncated, with the error at its end") {
  const std::string_view texts[] = {
      R"({"$and":[{"type":{"$eq":"messaging"}},{"members":{"$in":["john","jack"]}}]})",
      R"({"a":{"$gt":-1.5e3,"$lt":10},"b\u0061":[true,false,null,""],"$or":[{},{"c":"\ud83d\ude00"}],"$nor":[{"d":{"$exists":true}}]})",
      "{ \"caf\xC3\xA9\" : { \"$autocomplete\" : \"\xF0\x9F\x98\x80\" } }",
  };
  for (const std::string_view text : texts) {
    REQUIRE(parse_exactly(text));
    for (std::size_t length = 0; length < text.size(); ++length) {
      const auto cut = parse_exactly(text.substr(0, length));
      CAPTURE(std::string(text.substr(0, length)));
      REQUIRE_FALSE(cut);
      CHECK(static_cast<int>(cut.error().code) == static_cast<int>(ErrorCode::truncated));
      CHECK(cut.error().offset == length);
    }
  }
}

TEST_CASE("a filter with any byte changed is rejected or read as a valid filter") {
  const std::string_view text = R"({"a":{"$gt":-1.5e3,"$in":["b",1]},"$or":[{},{"c":null}],"$nor":[{"d":{"$exists":true}}]})";
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (unsigned byte = 0; byte < 256; ++byte) {
      std::string changed(text);
      changed[i] = static_cast<char>(static_cast<unsigned char>(byte));
      const auto filter = parse_exactly(changed);
      if (filter) {
        REQUIRE_FALSE(filter->error());
        REQUIRE(parse_filter(to_json(*filter)));
      } else {
        REQUIRE(filter.error().offset <= changed.size());
      }
    }
  }
}

TEST_CASE("random filters are read back equal") {
  constexpr std::uint64_t seed = 0x5eed5;
  CAPTURE(seed);
  Chance dice(seed);
  for (int round = 0; round < 2000; ++round) {
    CAPTURE(round);
    reads_back(random_filter(dice, 4));
  }
}

TEST_CASE("an invalid filter is written with $invalid and its error, which is rejected when read") {
  Filter deep = eq("a", 1);
  for (unsigned i = 0; i <= Filter::deepest; ++i) deep = !std::move(deep);
  const Filter all[] = {gt("a", nullptr), in("a", "b"), eq("", 1), and_({}), eq("a", std::numeric_limits<double>::infinity()), deep, eq("a", 1) && gt("b", true), !gt("b", true)};
  for (const Filter& filter : all) {
    REQUIRE(filter.error());
    const std::string text = to_json(filter);
    CAPTURE(text);
    CHECK(text.find("$invalid") != std::string::npos);
    CHECK(text.find(filter.error()->message) != std::string::npos);
    const auto read = parse_exactly(text);
    REQUIRE_FALSE(read);
    CHECK(static_cast<int>(read.error().code) == static_cast<int>(ErrorCode::unknown_operator));
    CHECK(read.error().offset == 1);
  }
}

TEST_CASE("a filter longer than max_bytes is over_limit, at the first byte over it") {
  const std::string text = R"({"a":{"$in":["b",1]}})";
  FilterLimits limits;
  limits.max_bytes = text.size();
  CHECK(parse_filter(text, limits));
  limits.max_bytes = text.size() - 1;
  const auto refused = parse_filter(text, limits);
  REQUIRE_FALSE(refused);
  CHECK(static_cast<int>(refused.error().code) == static_cast<int>(ErrorCode::over_limit));
  CHECK(refused.error().offset == text.size() - 1);
}

TEST_CASE("a filter with more values than max_values is over_limit, at the first value over it") {
  // A '^' marks each value.
  const std::string texts[] = {
      R"(^{"a":^1})",
      R"(^{"a":^["b",^1]})",  // the array, and its elements below
      R"(^{"a":{"$gt":^1,"$in":^[^"b",^null]},"$or":[^{},^{"c":^[]}]})",
  };
  for (std::string marked : texts) {
    if (marked.find("[\"b\"") != std::string::npos) marked.insert(marked.find("[\"b\"") + 1, "^");
    std::vector<std::size_t> offsets;
    for (std::size_t at = marked.find('^'); at != std::string::npos; at = marked.find('^', at)) {
      offsets.push_back(at);
      marked.erase(at, 1);
    }
    CAPTURE(marked);
    FilterLimits limits;
    limits.max_values = offsets.size();
    REQUIRE(parse_filter(marked, limits));
    for (std::size_t most = 0; most < offsets.size(); ++most) {
      limits.max_values = most;
      const auto refused = parse_filter(marked, limits);
      REQUIRE_FALSE(refused);
      CHECK(static_cast<int>(refused.error().code) == static_cast<int>(ErrorCode::over_limit));
      CHECK(refused.error().offset == offsets[most]);
    }
  }
}

TEST_CASE("a duplicate operator is reported at its second occurrence, after other errors of its object") {
  refused(ErrorCode::duplicate_key, R"({"a":{"$gt":1,"$lt":1,^"$gt":2,"$lt":2}})");
  refused(ErrorCode::duplicate_key, R"({"a":{"$gt":1,^"\u0024gt":2}})");
  refused(ErrorCode::bad_operand, R"({"a":{"$gt":1,"$gt":^null}})");
  refused(ErrorCode::unknown_operator, R"({"a":{"$gt":1,"$gt":2,^"$no":3}})");
}
