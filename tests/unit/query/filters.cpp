// SPDX-License-Identifier: MIT
#include "../support.hpp"

#include <presence/query/detail/operand.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace support;

namespace {

/// Whether the filter holds. Checks that the compiled filter agrees, and that its negation is the opposite.
template <class T>
bool holds(const Filter& filter, const T& object) {
  const bool answer = matches(filter, object);
  REQUIRE(compile<T>(filter)(object) == answer);
  const Filter opposite = !filter;
  if (!opposite.error()) {
    REQUIRE(matches(opposite, object) != answer);
    REQUIRE(compile<T>(opposite)(object) != answer);
  }
  return answer;
}

/// The same filter about another field.
Filter about(std::string_view field, const Filter& filter) {
  if (filter.parts().empty()) return Filter::test(filter.op(), field, filter.operand());
  std::vector<Filter> parts;
  for (const Filter& part : filter.parts()) parts.push_back(about(field, part));
  return Filter::combination(filter.op(), std::move(parts));
}

bool all_texts(const std::vector<Value>& values) {
  for (const Value& value : values) {
    if (value.kind() != ValueKind::string) return false;
  }
  return true;
}

/// Whether a valid filter about "x" holds where that is this value; as a custom field, and as one that has that type.
bool holds_for(const Filter& filter, const Value& value) {
  REQUIRE_FALSE(filter.error());
  Channel channel;
  channel.custom["x"] = value;
  const bool answer = holds(filter, channel);
  if (value.kind() == ValueKind::string) {
    channel.type = std::string(value.view().text());
    REQUIRE(holds(about("type", filter), channel) == answer);
    User user;
    user.status = channel.type;
    REQUIRE(holds(about("status", filter), user) == answer);
    REQUIRE(holds(about("status", filter), UserView(user)) == answer);
  }
  if (value.kind() == ValueKind::array && all_texts(value.elements())) {
    for (const Value& element : value.elements()) channel.members.emplace_back(element.view().text());
    REQUIRE(holds(about("members", filter), channel) == answer);
  }
  if (value.kind() == ValueKind::boolean || value.kind() == ValueKind::timestamp) {
    User user;
    if (value.kind() == ValueKind::boolean) {
      user.online = value.view().truth();
    } else {
      user.last_active = value.view().instant();
    }
    const char* const field = value.kind() == ValueKind::boolean ? "online" : "last_active";
    REQUIRE(holds(about(field, filter), user) == answer);
    REQUIRE(holds(about(field, filter), UserView(user)) == answer);
  }
  return answer;
}

/// Whether a filter about "last_active" holds where there is none, and one about a custom field.
bool holds_without(const Filter& filter) {
  REQUIRE_FALSE(filter.error());
  const bool answer = holds(about("x", filter), Channel());
  REQUIRE(holds(about("x", filter), User()) == answer);
  REQUIRE(holds(about("last_active", filter), User()) == answer);
  REQUIRE(holds(about("last_active", filter), UserView()) == answer);
  return answer;
}

/// Checks that a filter is invalid for this reason and holds for nothing, and so does every filter that contains it.
void is_invalid(const Filter& filter, ErrorCode code = ErrorCode::bad_operand) {
  REQUIRE(filter.error());
  CHECK(static_cast<int>(filter.error()->code) == static_cast<int>(code));
  CHECK(std::string(filter.error()->message) != "");
  CHECK(filter.op() == Operator::invalid);
  Channel some;
  some.custom["x"] = 1;
  const Filter containing[] = {filter,
                               !filter,
                               !!filter,
                               and_({filter, exists("x", true)}),
                               or_({exists("x", true), filter}),
                               nor({filter, exists("x", false)}),
                               filter && exists("x", true),
                               exists("x", true) || filter};
  for (const Filter& one : containing) {
    REQUIRE(one.error());
    CHECK(one.error()->code == filter.error()->code);
    CHECK(std::string(one.error()->message) == filter.error()->message);
    for (const Channel& object : {Channel(), some}) CHECK_FALSE(holds(one, object));
  }
}

Filter negated(unsigned times) {
  Filter filter = eq("x", 1);
  for (unsigned i = 0; i < times; ++i) filter = !std::move(filter);
  return filter;
}

const Timestamp noon = *parse_timestamp("2019-01-07T12:00:00Z");
constexpr std::int64_t odd = (std::int64_t{1} << 53) + 1;  // no double is this number
constexpr double near_odd = 9007199254740992.0;            // 2^53, the nearest
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t too_large = std::uint64_t{1} << 63;

}  // namespace

TEST_CASE("a default-constructed filter matches everything") {
  CHECK(holds(Filter(), User()));
  CHECK(holds(Filter(), Channel()));
  CHECK_FALSE(holds(!Filter(), Channel()));
  CHECK(Filter().op() == Operator::everything);
  CHECK_FALSE(Filter().error());
}

// One operator at a time.

TEST_CASE("eq with a value matches an equal field") {
  CHECK(holds_for(eq("x", "a"), "a"));
  CHECK_FALSE(holds_for(eq("x", "a"), "b"));
  CHECK_FALSE(holds_for(eq("x", "a"), "ab"));
  CHECK_FALSE(holds_for(eq("x", "ab"), "a"));
  CHECK_FALSE(holds_for(eq("x", "a"), "A"));
  CHECK(holds_for(eq("x", ""), ""));
  CHECK_FALSE(holds_for(eq("x", ""), "a"));
  CHECK(holds_for(eq("x", true), true));
  CHECK_FALSE(holds_for(eq("x", true), false));
  CHECK(holds_for(eq("x", -3), -3));
  CHECK_FALSE(holds_for(eq("x", -3), 3));
  CHECK(holds_for(eq("x", 0.5), 0.5));
  CHECK(holds_for(eq("x", noon), noon));
  CHECK_FALSE(holds_for(eq("x", noon), noon + tick));
}

TEST_CASE("strings with embedded null bytes are compared as a whole") {
  const std::string a("a\0b", 3), b("a\0c", 3);
  CHECK(holds_for(eq("x", a), a));
  CHECK_FALSE(holds_for(eq("x", a), b));
  CHECK_FALSE(holds_for(eq("x", a), "a"));
}

TEST_CASE("eq with a value matches an array that contains it") {
  CHECK(holds_for(eq("x", "a"), array({"b", "a"})));
  CHECK_FALSE(holds_for(eq("x", "a"), array({"b", "c"})));
  CHECK_FALSE(holds_for(eq("x", "a"), array({})));
  CHECK(holds_for(eq("x", 2), array({"b", 2.0, true})));
  CHECK(holds_for(eq("x", true), array({"b", 2, true})));
  CHECK_FALSE(holds_for(eq("x", false), array({"b", 2, true})));
  CHECK(holds_for(eq("x", noon), array({"b", noon})));
}

TEST_CASE("eq with an array matches an array with the same set of elements") {
  CHECK(holds_for(eq("x", array({"a", "b"})), array({"a", "b"})));
  CHECK(holds_for(eq("x", array({"a", "b"})), array({"b", "a"})));
  CHECK(holds_for(eq("x", array({"a", "b", "a"})), array({"b", "a"})));
  CHECK(holds_for(eq("x", array({"a", "b"})), array({"b", "a", "b"})));
  CHECK_FALSE(holds_for(eq("x", array({"a", "b"})), array({"a"})));
  CHECK_FALSE(holds_for(eq("x", array({"a"})), array({"a", "b"})));
  CHECK_FALSE(holds_for(eq("x", array({"a", "b"})), array({"a", "c"})));
  CHECK(holds_for(eq("x", array({1, 2.0, true})), array({true, 2, 1.0})));
  CHECK_FALSE(holds_for(eq("x", array({1, "2"})), array({1, 2})));
}

TEST_CASE("eq with an empty array matches only an empty array") {
  CHECK(holds_for(eq("x", array({})), array({})));
  CHECK_FALSE(holds_for(eq("x", array({})), array({"a"})));
  CHECK_FALSE(holds_for(eq("x", array({})), "a"));
  CHECK_FALSE(holds_for(eq("x", array({})), nullptr));
  CHECK_FALSE(holds_without(eq("x", array({}))));
}

TEST_CASE("eq with an array does not match a scalar that it contains") {
  CHECK_FALSE(holds_for(eq("x", array({"a"})), "a"));
  CHECK_FALSE(holds_for(eq("x", array({1})), 1));
  CHECK_FALSE(holds_for(eq("x", array({nullptr})), nullptr));
  CHECK_FALSE(holds_without(eq("x", array({nullptr}))));
}

TEST_CASE("ne matches exactly if eq does not") {
  const Value values[] = {nullptr, true, false, 0, 1, 1.5, "a", "", noon, array({}), array({"a"}), array({"a", "b"}), array({1, nullptr})};
  for (const Value& operand : values) {
    for (const Value& field : values) {
      CAPTURE(to_json(operand));
      CAPTURE(to_json(field));
      CHECK(holds_for(ne("x", operand), field) != holds_for(eq("x", operand), field));
    }
    CHECK(holds_without(ne("x", operand)) != holds_without(eq("x", operand)));
  }
  CHECK(holds_for(ne("x", "a"), "b"));
  CHECK_FALSE(holds_for(ne("x", "a"), array({"b", "a"})));
  CHECK(holds_for(ne("x", 1), "1"));
}

TEST_CASE("ne and nin match an absent field") {
  CHECK(holds_without(ne("x", "a")));
  CHECK(holds_without(ne("x", false)));
  CHECK(holds_without(ne("x", array({"a"}))));
  CHECK(holds_without(nin("x", {"a", 1})));
  CHECK(holds_without(nin("x", {})));
}

TEST_CASE("gt, gte, lt and lte compare numbers") {
  for (const Value& two : {Value(2), Value(2.0)}) {
    CHECK(holds_for(gt("x", two), 3));
    CHECK(holds_for(gt("x", two), 2.5));
    CHECK_FALSE(holds_for(gt("x", two), 2));
    CHECK_FALSE(holds_for(gt("x", two), -3));
    CHECK(holds_for(gte("x", two), 2));
    CHECK(holds_for(gte("x", two), 2.0));
    CHECK_FALSE(holds_for(gte("x", two), 1.5));
    CHECK(holds_for(lt("x", two), 1));
    CHECK(holds_for(lt("x", two), -infinity));
    CHECK_FALSE(holds_for(lt("x", two), 2.0));
    CHECK_FALSE(holds_for(lt("x", two), 2.5));
    CHECK(holds_for(lte("x", two), 2));
    CHECK_FALSE(holds_for(lte("x", two), 3));
  }
}

TEST_CASE("gt, gte, lt and lte compare strings byte by byte") {
  CHECK(holds_for(gt("x", "a"), "b"));
  CHECK(holds_for(gt("x", "a"), "aa"));
  CHECK(holds_for(gt("x", "Z"), "a"));
  CHECK(holds_for(gt("x", "z"), "\xC3\xA9"));
  CHECK_FALSE(holds_for(gt("x", "a"), "a"));
  CHECK(holds_for(gte("x", "a"), "a"));
  CHECK_FALSE(holds_for(gte("x", "b"), "a"));
  CHECK(holds_for(lt("x", "b"), "a"));
  CHECK(holds_for(lt("x", "b"), ""));
  CHECK_FALSE(holds_for(lt("x", "b"), "b"));
  CHECK(holds_for(lte("x", "b"), "b"));
  CHECK_FALSE(holds_for(lte("x", "b"), "ba"));
}

TEST_CASE("gt, gte, lt and lte compare timestamps") {
  CHECK(holds_for(gt("x", noon), noon + tick));
  CHECK_FALSE(holds_for(gt("x", noon), noon));
  CHECK(holds_for(gte("x", noon), noon));
  CHECK_FALSE(holds_for(gte("x", noon), noon - tick));
  CHECK(holds_for(lt("x", noon), noon - tick));
  CHECK_FALSE(holds_for(lt("x", noon), noon));
  CHECK(holds_for(lte("x", noon), noon));
  CHECK_FALSE(holds_for(lte("x", noon), noon + tick));
}

TEST_CASE("a range test matches an array if it matches an element") {
  CHECK(holds_for(gt("x", 5), array({1, 6})));
  CHECK_FALSE(holds_for(gt("x", 6), array({1, 6})));
  CHECK(holds_for(gte("x", 6), array({"z", 1, 6.0})));
  CHECK(holds_for(lt("x", "b"), array({"c", "a"})));
  CHECK_FALSE(holds_for(lt("x", "a"), array({"c", "a"})));
  CHECK(holds_for(lte("x", "a"), array({"c", "a"})));
  CHECK_FALSE(holds_for(gt("x", 0), array({})));
}

TEST_CASE("a range test never matches a value of another type") {
  const Value fields[] = {nullptr, true, 5, "b", noon, array({}), array({nullptr, false})};
  const Value operands[] = {3, "a", noon - tick};
  for (const Value& operand : operands) {
    for (const Value& field : fields) {
      const bool same = field.kind() == operand.kind();
      CAPTURE(to_json(operand));
      CAPTURE(to_json(field));
      CHECK(holds_for(gt("x", operand), field) == same);
      CHECK(holds_for(gte("x", operand), field) == same);
      CHECK_FALSE(holds_for(lt("x", operand), field));
      CHECK_FALSE(holds_for(lte("x", operand), field));
    }
  }
}

TEST_CASE("no range test matches an absent field or null") {
  for (const Value& operand : {Value(0), Value(-1.5), Value(""), Value("a"), Value(noon)}) {
    for (const Operator op : {Operator::gt, Operator::gte, Operator::lt, Operator::lte}) {
      CHECK_FALSE(holds_without(Filter::test(op, "x", operand)));
      CHECK_FALSE(holds_for(Filter::test(op, "x", operand), nullptr));
    }
  }
}

TEST_CASE("in matches a field that is equal to one of the values") {
  CHECK(holds_for(in("x", {"a", "b"}), "a"));
  CHECK(holds_for(in("x", {"a", "b"}), "b"));
  CHECK(holds_for(in("x", {"a"}), "a"));
  CHECK_FALSE(holds_for(in("x", {"a", "b"}), "c"));
  CHECK(holds_for(in("x", {"a", 1, true, noon}), 1.0));
  CHECK(holds_for(in("x", {"a", 1, true, noon}), true));
  CHECK(holds_for(in("x", {"a", 1, true, noon}), noon));
  CHECK_FALSE(holds_for(in("x", {"a", 1, true, noon}), false));
  CHECK_FALSE(holds_for(in("x", {"a", 1, true, noon}), 2));
  CHECK_FALSE(holds_without(in("x", {"a", 1, true, noon})));
}

TEST_CASE("in matches an array that has an element in common with the values") {
  CHECK(holds_for(in("x", {"a", "b"}), array({"c", "b"})));
  CHECK_FALSE(holds_for(in("x", {"a", "b"}), array({"c", "d"})));
  CHECK_FALSE(holds_for(in("x", {"a", "b"}), array({})));
  CHECK(holds_for(in("x", {1, 2}), array({"1", 2.0})));
  CHECK_FALSE(holds_for(in("x", {1, 2}), array({"1", 2.5})));
}

TEST_CASE("nin matches if in does not") {
  CHECK_FALSE(holds_for(nin("x", {"a", "b"}), "a"));
  CHECK(holds_for(nin("x", {"a", "b"}), "c"));
  CHECK_FALSE(holds_for(nin("x", {"a", "b"}), array({"c", "b"})));
  CHECK(holds_for(nin("x", {"a", "b"}), array({"c", "d"})));
  CHECK(holds_for(nin("x", {"a", "b"}), array({})));
  CHECK(holds_for(nin("x", {"1"}), 1));
  CHECK(holds_for(nin("x", {"a"}), nullptr));
}

TEST_CASE("an empty in matches nothing and an empty nin matches everything") {
  for (const Value& field : {Value(), Value(true), Value(0), Value(""), Value("a"), array({}), array({"a"})}) {
    CHECK_FALSE(holds_for(in("x", {}), field));
    CHECK(holds_for(nin("x", {}), field));
  }
  CHECK_FALSE(holds_without(in("x", {})));
  CHECK(holds_without(nin("x", {})));
}

TEST_CASE("in and nin accept ranges of anything that converts to Value") {
  const std::vector<std::string> names{"a", "b"};
  const std::vector<int> numbers{1, 2};
  const std::string_view views[] = {"a", "b"};
  CHECK(in("x", names) == in("x", {"a", "b"}));
  CHECK(nin("x", names) == nin("x", {"a", "b"}));
  CHECK(in("x", numbers) == in("x", {1, 2}));
  CHECK(nin("x", views) == nin("x", {"a", "b"}));
  CHECK(in("x", std::vector<Value>{"a", 1}) == in("x", {"a", 1}));
  CHECK(in("x", array({"a", 1})) == in("x", {"a", 1}));
  CHECK(holds_for(in("x", std::vector<std::string>()), "a") == false);
}

TEST_CASE("in with null among the values matches an absent field and null") {
  CHECK(holds_without(in("x", {"a", nullptr})));
  CHECK(holds_for(in("x", {"a", nullptr}), nullptr));
  CHECK_FALSE(holds_for(in("x", {"a", nullptr}), "b"));
  CHECK_FALSE(holds_without(nin("x", {"a", nullptr})));
  CHECK(holds_for(nin("x", {"a", nullptr}), "b"));
}

TEST_CASE("in with 300 values matches each of them and no other") {
  std::vector<std::string> texts;
  std::vector<Value> numbers, instants;
  for (int i = 0; i < 300; ++i) {
    texts.push_back("user-" + std::to_string(2 * i));
    numbers.emplace_back(i % 3 == 0 ? Value(2.0 * i) : Value(2 * i));
    instants.emplace_back(noon + seconds(2 * ((i * 7) % 300)));
  }
  const auto by_text = compile<User>(in("status", texts));
  const auto by_number = compile<Channel>(in("x", numbers));
  const auto by_instant = compile<User>(in("last_active", instants));
  for (int i = -1; i < 601; ++i) {
    CAPTURE(i);
    const bool expected = i >= 0 && i < 600 && i % 2 == 0;
    User user;
    user.status = "user-" + std::to_string(i);
    user.last_active = noon + seconds(i);
    Channel channel;
    channel.custom["x"] = i;
    REQUIRE(by_text(user) == expected);
    REQUIRE(by_instant(user) == expected);
    REQUIRE(by_number(channel) == expected);
    if (i % 20 < 2) {
      REQUIRE(matches(in("status", texts), user) == expected);
      REQUIRE(matches(in("last_active", instants), user) == expected);
      REQUIRE(matches(in("x", numbers), channel) == expected);
    }
  }
}

TEST_CASE("contains matches an array with the value") {
  CHECK(holds_for(contains("x", "a"), array({"b", "a"})));
  CHECK_FALSE(holds_for(contains("x", "a"), array({"b", "aa"})));
  CHECK_FALSE(holds_for(contains("x", "a"), array({})));
  CHECK(holds_for(contains("x", 1), array({"1", 1.0})));
  CHECK_FALSE(holds_for(contains("x", 1), array({"1", true})));
  CHECK(holds_for(contains("x", nullptr), array({1, nullptr})));
}

TEST_CASE("contains does not match a field that is not an array") {
  CHECK_FALSE(holds_for(contains("x", "a"), "a"));
  CHECK_FALSE(holds_for(contains("x", "a"), "cat"));
  CHECK_FALSE(holds_for(contains("x", 1), 1));
  CHECK_FALSE(holds_for(contains("x", true), true));
  CHECK_FALSE(holds_for(contains("x", noon), noon));
  CHECK_FALSE(holds_for(contains("x", nullptr), nullptr));
  CHECK_FALSE(holds_without(contains("x", nullptr)));
  CHECK_FALSE(holds_without(contains("x", "a")));
}

TEST_CASE("exists(true) matches if the object has the field, exists(false) if it does not") {
  for (const Value& field : {Value(false), Value(0), Value(""), Value(noon), array({})}) {
    CHECK(holds_for(exists("x", true), field));
    CHECK_FALSE(holds_for(exists("x", false), field));
  }
  CHECK_FALSE(holds_without(exists("x", true)));
  CHECK(holds_without(exists("x", false)));
}

TEST_CASE("a field that is null exists") {
  CHECK(holds_for(exists("x", true), nullptr));
  CHECK_FALSE(holds_for(exists("x", false), nullptr));
}

TEST_CASE("autocomplete matches if a word of the field starts with the prefix, whatever the case") {
  CHECK(holds_for(autocomplete("x", "ro"), "Curiosity Rover"));
  CHECK(holds_for(autocomplete("x", "CUR"), "Curiosity Rover"));
  CHECK_FALSE(holds_for(autocomplete("x", "over"), "Curiosity Rover"));
  CHECK_FALSE(holds_for(autocomplete("x", "Rovers"), "Curiosity Rover"));
}

TEST_CASE("autocomplete matches an array if it matches an element") {
  CHECK(holds_for(autocomplete("x", "ro"), array({"Curiosity", "the Rover"})));
  CHECK_FALSE(holds_for(autocomplete("x", "ro"), array({"Curiosity", "euro"})));
  CHECK(holds_for(autocomplete("x", "ro"), array({1, nullptr, "Rover"})));
  CHECK_FALSE(holds_for(autocomplete("x", "ro"), array({})));
}

TEST_CASE("autocomplete does not match a field that is not a string") {
  CHECK_FALSE(holds_for(autocomplete("x", "1"), 1));
  CHECK_FALSE(holds_for(autocomplete("x", "t"), true));
  CHECK_FALSE(holds_for(autocomplete("x", "2019"), noon));
  CHECK_FALSE(holds_for(autocomplete("x", "n"), nullptr));
  CHECK_FALSE(holds_without(autocomplete("x", "n")));
}

// Combinations.

TEST_CASE("and_ matches if all of its filters do, or_ if any does, nor if none does") {
  const Filter yes = eq("x", 1), no = eq("x", 2);
  CHECK(holds_for(and_({yes}), 1));
  CHECK_FALSE(holds_for(and_({no}), 1));
  CHECK(holds_for(and_({yes, yes, yes}), 1));
  CHECK_FALSE(holds_for(and_({no, yes, yes}), 1));
  CHECK_FALSE(holds_for(and_({yes, yes, no}), 1));
  CHECK(holds_for(or_({yes}), 1));
  CHECK_FALSE(holds_for(or_({no}), 1));
  CHECK(holds_for(or_({no, no, yes}), 1));
  CHECK(holds_for(or_({yes, no, no}), 1));
  CHECK_FALSE(holds_for(or_({no, no, no}), 1));
  CHECK_FALSE(holds_for(nor({yes}), 1));
  CHECK(holds_for(nor({no}), 1));
  CHECK(holds_for(nor({no, no}), 1));
  CHECK_FALSE(holds_for(nor({no, yes}), 1));
}

TEST_CASE("the operators &&, || and ! build the same filters as and_, or_ and nor") {
  const Filter a = eq("x", 1), b = gt("y", 2), c = exists("z", true);
  CHECK((a && b) == and_({a, b}));
  CHECK((a || b) == or_({a, b}));
  CHECK(!a == nor({a}));
  CHECK((a && b && c) == and_({a, b, c}));
  CHECK((a && (b && c)) == and_({a, b, c}));
  CHECK((a || b || c) == or_({a, b, c}));
  CHECK(((a && b) || c) == or_({and_({a, b}), c}));
  CHECK((a && (b || c)) == and_({a, or_({b, c})}));
  CHECK(!(a || b) == nor({or_({a, b})}));
  CHECK(a == eq("x", 1));  // and they leave what they are given as it was
}

TEST_CASE("nested combinations evaluate like the boolean expression") {
  const Filter yes = eq("x", 1), no = eq("x", 2);
  for (int bits = 0; bits < 16; ++bits) {
    const bool truth[] = {(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
    const Filter part[] = {truth[0] ? yes : no, truth[1] ? yes : no, truth[2] ? yes : no, truth[3] ? yes : no};
    CAPTURE(bits);
    CHECK(holds_for(and_({or_({part[0], part[1]}), nor({part[2], part[3]})}), 1) ==
          ((truth[0] || truth[1]) && !(truth[2] || truth[3])));
    CHECK(holds_for(or_({and_({part[0], nor({part[1]})}), and_({part[2], part[3]})}), 1) ==
          ((truth[0] && !truth[1]) || (truth[2] && truth[3])));
    CHECK(holds_for(nor({and_({part[0], part[1]}), or_({part[2]}), part[3]}), 1) ==
          !((truth[0] && truth[1]) || truth[2] || truth[3]));
  }
}

TEST_CASE("a chain of one operator is flattened to one level") {
  Filter both = eq("x", 0), either = eq("x", 0);
  for (int i = 1; i < 1000; ++i) {
    both = std::move(both) && ne("x", i);
    either = eq("x", i) || std::move(either);
  }
  REQUIRE_FALSE(both.error());
  REQUIRE_FALSE(either.error());
  CHECK(both.parts().size() == 1000);
  CHECK(both.parts()[999] == ne("x", 999));
  CHECK(either.parts().size() == 1000);
  CHECK(either.parts()[999] == eq("x", 0));
  CHECK(holds_for(both, 0));
  CHECK_FALSE(holds_for(both, 5));
  CHECK(holds_for(either, 999));
  CHECK_FALSE(holds_for(either, 1000));
  for (unsigned i = 1; i < Filter::deepest; ++i) both = !std::move(both);
  CHECK_FALSE(both.error());
  CHECK((!both).error());
}

TEST_CASE("filters nest up to Filter::deepest levels; one more level is too_deep") {
  const Filter deepest = negated(Filter::deepest);
  CHECK_FALSE(deepest.error());
  CHECK(holds_for(deepest, 1) == (Filter::deepest % 2 == 0));
  CHECK(holds_for(deepest, 2) == (Filter::deepest % 2 == 1));
  is_invalid(negated(Filter::deepest + 1), ErrorCode::too_deep);
  is_invalid(and_({deepest}), ErrorCode::too_deep);
  is_invalid(or_({eq("x", 1), deepest}), ErrorCode::too_deep);
  is_invalid(deepest && eq("x", 1), ErrorCode::too_deep);
  const Filter wide = or_({negated(Filter::deepest - 1), negated(3), eq("x", 1)});
  CHECK_FALSE(wide.error());
  CHECK((wide && wide).error());
  CHECK_FALSE((wide || wide).error());
}

// Values.

TEST_CASE("eq with null matches a field that is absent or null, and an array that contains null") {
  CHECK(holds_without(eq("x", nullptr)));
  CHECK(holds_for(eq("x", nullptr), nullptr));
  for (const Value& field : {Value(false), Value(0), Value(""), Value(noon), array({}), array({"a"})}) {
    CHECK_FALSE(holds_for(eq("x", nullptr), field));
  }
  CHECK(holds_for(eq("x", nullptr), array({"a", nullptr})));
}

TEST_CASE("ne with null matches a field that is neither absent nor null") {
  CHECK_FALSE(holds_without(ne("x", nullptr)));
  CHECK_FALSE(holds_for(ne("x", nullptr), nullptr));
  for (const Value& field : {Value(false), Value(0), Value(""), Value(noon), array({}), array({"a"})}) {
    CHECK(holds_for(ne("x", nullptr), field));
  }
}

TEST_CASE("a null const char* is the value null") {
  const char* const none = nullptr;
  CHECK(Value(none).kind() == ValueKind::null);
  CHECK(ValueView(none).kind() == ValueKind::null);
  CHECK(eq("x", none) == eq("x", nullptr));
}

TEST_CASE("integers and floating-point numbers compare by their numeric value") {
  CHECK(holds_for(eq("x", 1), 1.0));
  CHECK(holds_for(eq("x", 1.0), 1));
  CHECK(holds_for(in("x", {3, 1.0, 2}), 1));
  CHECK(holds_for(eq("x", 0), -0.0));
  CHECK(holds_for(eq("x", 0.0), -0.0));
  CHECK_FALSE(holds_for(eq("x", 1), 1.5));
  CHECK_FALSE(holds_for(eq("x", -1), -1.5));
  CHECK(holds_for(lt("x", -1), -1.5));
  CHECK(holds_for(gt("x", -1.5), -1));
  CHECK(holds_for(eq("x", 1.0), std::uint8_t{1}));
  CHECK(holds_for(eq("x", 1), 1.0f));
}

TEST_CASE("integers that a double cannot represent are compared exactly") {
  CHECK_FALSE(holds_for(eq("x", odd), near_odd));
  CHECK_FALSE(holds_for(eq("x", near_odd), odd));
  CHECK_FALSE(holds_for(in("x", {odd, 1}), near_odd));
  CHECK(holds_for(eq("x", near_odd), odd - 1));
  CHECK(holds_for(gt("x", near_odd), odd));
  CHECK(holds_for(lt("x", odd), near_odd));
  CHECK_FALSE(holds_for(gte("x", odd), near_odd));
  CHECK_FALSE(holds_for(lte("x", -odd), -near_odd));
  CHECK(holds_for(lt("x", -near_odd), -odd));
}

TEST_CASE("integers at the ends of their range compare exactly with any double") {
  constexpr std::int64_t last = std::numeric_limits<std::int64_t>::max(), first = std::numeric_limits<std::int64_t>::min();
  constexpr double end = 9223372036854775808.0;
  CHECK_FALSE(holds_for(eq("x", last), end));
  CHECK(holds_for(gt("x", last), end));
  CHECK(holds_for(lt("x", end), last));
  CHECK(holds_for(eq("x", first), -end));
  CHECK(holds_for(eq("x", -end), first));
  CHECK(holds_for(lt("x", first), -2 * end));
  CHECK(holds_for(gt("x", last), infinity));
  CHECK(holds_for(lt("x", first), -infinity));
  CHECK(holds_for(in("x", {end, last, first, -end, 0}), last));
  CHECK_FALSE(holds_for(in("x", {end, first, 0}), last));
}

TEST_CASE("a NaN field is equal to nothing and in no range") {
  for (const Value& number : {Value(0), Value(0.5), Value(-1e300)}) {
    for (const Operator op : {Operator::eq, Operator::gt, Operator::gte, Operator::lt, Operator::lte, Operator::contains}) {
      CHECK_FALSE(holds_for(Filter::test(op, "x", number), not_a_number));
      CHECK_FALSE(holds_for(Filter::test(op, "x", number), array({not_a_number})));
    }
    CHECK_FALSE(holds_for(in("x", {number, 7}), not_a_number));
    CHECK(holds_for(ne("x", number), not_a_number));
    CHECK_FALSE(holds_for(eq("x", array({number})), array({not_a_number})));
  }
}

TEST_CASE("a timestamp and an RFC 3339 string compare as timestamps, whichever of them is the field") {
  const Value texts[] = {"2019-01-07T12:00:00Z", "2019-01-07T12:00:00.000Z", "2019-01-07T14:00:00+02:00", "2019-01-07T07:00:00.0-05:00"};
  for (const Value& text : texts) {
    CHECK(holds_for(eq("x", text), noon));
    CHECK(holds_for(eq("x", noon), text));
    CHECK_FALSE(holds_for(eq("x", text), noon + tick));
    CHECK_FALSE(holds_for(eq("x", noon - tick), text));
    CHECK_FALSE(holds_for(ne("x", text), noon));
    CHECK(holds_for(in("x", {"a", text}), noon));
    CHECK(holds_for(in("x", {"a", noon}), text));
    CHECK_FALSE(holds_for(nin("x", {noon, noon + tick}), text));
    CHECK(holds_for(eq("x", noon), array({"a", text})));
    CHECK(holds_for(contains("x", text), array({"a", noon})));
    CHECK(holds_for(contains("x", noon), array({"a", text})));
    CHECK(holds_for(eq("x", array({noon, "a"})), array({"a", text})));
    CHECK(holds_for(gt("x", text), noon + tick));
    CHECK_FALSE(holds_for(gt("x", text), noon));
    CHECK(holds_for(gte("x", text), noon));
    CHECK(holds_for(lt("x", text), noon - tick));
    CHECK(holds_for(lte("x", text), noon));
    CHECK(holds_for(gt("x", noon - tick), text));
    CHECK(holds_for(lt("x", noon + tick), text));
    CHECK_FALSE(holds_for(lt("x", noon), text));
    CHECK(holds_for(lte("x", noon), text));
    CHECK(holds_for(gte("x", noon), text));
  }
}

TEST_CASE("a timestamp and a string that is not RFC 3339 match no comparison") {
  for (const Value& text : {Value("noon"), Value(""), Value("2019-01-07"), Value("2019-13-07T12:00:00Z")}) {
    for (const Operator op : {Operator::eq, Operator::gt, Operator::gte, Operator::lt, Operator::lte}) {
      CHECK_FALSE(holds_for(Filter::test(op, "x", noon), text));
      CHECK_FALSE(holds_for(Filter::test(op, "x", text), noon));
    }
    CHECK(holds_for(ne("x", noon), text));
  }
}

TEST_CASE("RFC 3339 strings compare as points in time") {
  const char* const ascending[] = {"0000-01-01T00:00:00Z",           "0001-01-01T00:00:00Z",
                                   "1600-02-29T23:59:59Z",           "1969-12-31T23:59:59.999999999Z",
                                   "1970-01-01T00:00:00Z",           "2019-01-07T13:00:00+02:00",
                                   "2019-01-07T12:00:00Z",           "2020-05-19T21:32:07.06796Z",
                                   "2020-05-19T21:32:07.067961Z",    "2020-05-19T21:32:07.0679611+00:00",
                                   "2262-04-11T23:47:16.854775807Z", "2262-04-11T23:47:16.854775808Z",
                                   "9999-12-31T23:59:58.999Z",       "9999-12-31T23:59:60Z"};
  for (const char* const& a : ascending) {
    for (const char* const& b : ascending) {
      CAPTURE(a);
      CAPTURE(b);
      CHECK(holds_for(gt("x", a), b) == (&b > &a));
      CHECK(holds_for(gte("x", a), b) == (&b >= &a));
      CHECK(holds_for(lt("x", a), b) == (&b < &a));
      CHECK(holds_for(lte("x", a), b) == (&b <= &a));
      CHECK(holds_for(eq("x", a), b) == (&b == &a));
    }
  }
}

TEST_CASE("RFC 3339 strings of the same point in time are equal in every test") {
  const std::vector<const char*> ways[] = {
      {"2019-01-07T12:00:00Z", "2019-01-07T12:00:00.000Z", "2019-01-07t14:00:00.0+02:00", "2019-01-06T23:00:00-13:00"},
      {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59.00z", "9999-12-31T22:59:59-01:00"},
      {"0001-01-01T00:00:00Z", "0001-01-01T01:00:00+01:00", "0000-12-31T23:00:00-01:00"},
      {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"},
  };
  for (const auto& same : ways) {
    for (const char* const a : same) {
      for (const char* const b : same) {
        CAPTURE(a);
        CAPTURE(b);
        CHECK(holds_for(eq("x", a), b));
        CHECK_FALSE(holds_for(ne("x", a), b));
        CHECK(holds_for(in("x", {"a", a, "b"}), b));
        CHECK_FALSE(holds_for(nin("x", {"a", a, "b"}), b));
        CHECK(holds_for(in("x", {"a", a, "b"}), array({"c", b})));
        CHECK(holds_for(contains("x", a), array({"c", b})));
        CHECK(holds_for(eq("x", array({"c", a})), array({b, "c", a})));
        CHECK(holds_for(eq("x", array({"c", a, b})), array({b, "c"})));
        CHECK_FALSE(holds_for(eq("x", array({"c", a, b})), array({b, "c", "d"})));
        CHECK_FALSE(holds_for(gt("x", a), b));
        CHECK(holds_for(lte("x", a), b));
        CHECK((Value(a) == Value(b)) == (std::string_view(a) == b));
      }
    }
  }
}

TEST_CASE("an RFC 3339 string and another string compare as bytes and are never equal") {
  const char* const instant = "2019-01-07T12:00:00Z";
  for (const char* const text : {"2019", "2019-01-07T12:00:00", "2019-01-07T12:00:00Z ", "2019-01-07T12:00:00.Z",
                                 "2019-02-30T12:00:00Z", "x", "", "2019-01-07T12:00:00.0123456789Z"}) {
    CAPTURE(text);
    const int order = std::string_view(instant).compare(text);
    CHECK(holds_for(gt("x", text), instant) == (order > 0));
    CHECK(holds_for(lt("x", instant), text) == (order > 0));
    CHECK(holds_for(lt("x", text), instant) == (order < 0));
    CHECK_FALSE(holds_for(eq("x", text), instant));
    CHECK_FALSE(holds_for(eq("x", instant), text));
    CHECK_FALSE(holds_for(in("x", {text, "y"}), instant));
    CHECK_FALSE(holds_for(eq("x", array({text})), array({instant})));
  }
}

TEST_CASE("RFC 3339 strings outside the range of Timestamp compare with timestamps") {
  CHECK(holds_for(lt("x", "9999-12-31T23:59:59Z"), noon));
  CHECK(holds_for(gt("x", noon), "9999-12-31T23:59:59Z"));
  CHECK(holds_for(gt("x", "0001-01-01T00:00:00Z"), noon));
  CHECK_FALSE(holds_for(eq("x", "9999-12-31T23:59:59Z"), noon));
  CHECK(holds_for(eq("x", "2262-04-11T23:47:16.854775807Z"), Timestamp::highest()));
  CHECK(holds_for(gt("x", Timestamp::highest()), "2262-04-11T23:47:16.854775808Z"));
  CHECK(holds_for(eq("x", "1677-09-21T00:12:43.145224192Z"), Timestamp::lowest()));
  CHECK(holds_for(lt("x", Timestamp::lowest()), "1677-09-21T00:12:43.145224191Z"));
}

TEST_CASE("arrays of thousands of timestamps and RFC 3339 strings are compared as sets") {
  std::vector<Value> one, other;
  for (int i = 0; i < 3000; ++i) {
    const Timestamp at = noon + seconds(i % 1100);
    one.push_back(i % 2 == 0 ? Value(at) : Value(to_string(at)));
    std::string text = to_string(noon + seconds((i * 7) % 1100));
    text.replace(text.size() - 1, 1, "+00:00");
    other.push_back(i % 3 == 0 ? Value(text) : Value(noon + seconds((i * 7) % 1100)));
  }
  CHECK(holds_for(eq("x", array(one)), array(other)));
  other.emplace_back("another");
  CHECK_FALSE(holds_for(eq("x", array(one)), array(other)));
  one.emplace_back("another");
  CHECK(holds_for(eq("x", array(one)), array(other)));
  one.emplace_back(1);
  one.emplace_back(true);
  one.emplace_back(nullptr);
  CHECK_FALSE(holds_for(eq("x", array(one)), array(other)));
  other.emplace_back(nullptr);
  other.emplace_back(true);
  CHECK_FALSE(holds_for(eq("x", array(one)), array(other)));
  other.emplace_back(1.0);
  CHECK(holds_for(eq("x", array(one)), array(other)));
  other.emplace_back(false);
  CHECK_FALSE(holds_for(eq("x", array(one)), array(other)));
}

TEST_CASE("values of different types are never equal") {
  const Value values[] = {nullptr, true, false, 0, 1, "true", "1", "0", "", "null", noon, array({})};
  for (const Value& a : values) {
    for (const Value& b : values) {
      CAPTURE(to_json(a));
      CAPTURE(to_json(b));
      CHECK(holds_for(eq("x", a), b) == (&a == &b));
      CHECK((a == b) == (&a == &b));
      if (a.kind() == ValueKind::array) continue;
      CHECK(holds_for(in("x", {a}), b) == (&a == &b));
      CHECK(holds_for(contains("x", a), array({b})) == (&a == &b && b.kind() != ValueKind::array));
    }
  }
}

// What is invalid.

TEST_CASE("a test with an operand of a type that its operator does not accept is invalid") {
  for (const Value& operand : {Value(), Value(true), array({1}), array({})}) {
    is_invalid(gt("x", operand));
    is_invalid(gte("x", operand));
    is_invalid(lt("x", operand));
    is_invalid(lte("x", operand));
  }
  for (const Value& operand : {Value(), Value(true), Value(1), Value("a"), Value(noon)}) {
    is_invalid(in("x", operand));
    is_invalid(nin("x", operand));
  }
  is_invalid(contains("x", array({1})));
  for (const Value& operand : {Value(), Value(1), Value("true"), array({true})}) is_invalid(Filter::test(Operator::exists, "x", operand));
  for (const Value& operand : {Value(), Value(1), Value(true), Value(noon), array({"a"})}) {
    is_invalid(Filter::test(Operator::autocomplete, "x", operand));
  }
}

TEST_CASE("autocomplete with an empty prefix is invalid") {
  is_invalid(autocomplete("x", ""));
  is_invalid(autocomplete("x", std::string_view()));
}

TEST_CASE("an unsigned integer above the signed 64-bit range is invalid") {
  CHECK(Value(too_large).kind() == ValueKind::invalid);
  CHECK(ValueView(too_large).kind() == ValueKind::invalid);
  CHECK(Value(too_large - 1).kind() == ValueKind::integer);
  is_invalid(eq("x", too_large));
  is_invalid(ne("x", too_large));
  is_invalid(gt("x", too_large));
  is_invalid(contains("x", too_large));
  is_invalid(in("x", {1, too_large}));
  is_invalid(eq("x", array({too_large})));
  CHECK(holds_for(eq("x", too_large - 1), std::numeric_limits<std::int64_t>::max()));
}

TEST_CASE("a field with an invalid value exists and is equal to nothing") {
  CHECK_FALSE(holds_for(eq("x", -1), too_large));
  CHECK_FALSE(holds_for(eq("x", nullptr), too_large));
  CHECK_FALSE(holds_for(lt("x", 0), too_large));
  CHECK_FALSE(holds_for(in("x", {1, nullptr, "a", true}), too_large));
  CHECK(holds_for(ne("x", 1), too_large));
  CHECK(holds_for(exists("x", true), too_large));
}

TEST_CASE("an array in an array is invalid") {
  const Value nested = array({1, array({2})});
  CHECK(nested.kind() == ValueKind::invalid);
  is_invalid(eq("x", nested));
  is_invalid(in("x", nested));
  is_invalid(nin("x", {array({1})}));
}

TEST_CASE("a test with infinity or NaN is invalid") {
  for (const double number : {infinity, -infinity, not_a_number}) {
    is_invalid(eq("x", number));
    is_invalid(ne("x", number));
    is_invalid(gt("x", number));
    is_invalid(lte("x", number));
    is_invalid(contains("x", number));
    is_invalid(in("x", {1, number}));
    is_invalid(nin("x", {number}));
    is_invalid(eq("x", array({number})));
  }
  CHECK_FALSE(eq("x", std::numeric_limits<double>::max()).error());
  CHECK_FALSE(eq("x", std::numeric_limits<double>::denorm_min()).error());
}

TEST_CASE("a field name that is empty or starts with $ is invalid") {
  for (const char* const name : {"", "$", "$x", "$eq"}) {
    is_invalid(eq(name, 1));
    is_invalid(exists(name, true));
    is_invalid(in(name, {1}));
  }
  CHECK_FALSE(eq("x$", 1).error());
}

TEST_CASE("a combination without parts is invalid") {
  is_invalid(and_({}));
  is_invalid(or_({}));
  is_invalid(nor({}));
}

TEST_CASE("Filter::test and Filter::combination reject operators of the other kind") {
  for (const Operator op : {Operator::everything, Operator::all_of, Operator::any_of, Operator::none_of, Operator::invalid}) {
    is_invalid(Filter::test(op, "x", 1));
  }
  for (const Operator op : {Operator::everything, Operator::eq, Operator::in, Operator::invalid}) {
    is_invalid(Filter::combination(op, {eq("x", 1)}), ErrorCode::unknown_operator);
  }
}

TEST_CASE("a combination has the error of its first invalid part") {
  const Filter deep = and_({negated(Filter::deepest)});
  const Filter wrong = gt("x", true);
  CHECK(and_({eq("x", 1), deep, wrong}).error()->code == ErrorCode::too_deep);
  CHECK(and_({eq("x", 1), wrong, deep}).error()->code == ErrorCode::bad_operand);
  CHECK((wrong || deep).error()->code == ErrorCode::bad_operand);
}

// Filters as values.

TEST_CASE("filters are equal if their structure, fields and operands are") {
  CHECK(Filter() == Filter());
  CHECK(eq("x", 1) == eq("x", 1));
  CHECK(eq("x", 1) == eq("x", 1.0));
  CHECK(eq("x", 1) != eq("y", 1));
  CHECK(eq("x", 1) != eq("x", 2));
  CHECK(eq("x", 1) != eq("x", "1"));
  CHECK(eq("x", 1) != ne("x", 1));
  CHECK(eq("x", noon) != eq("x", "2019-01-07T12:00:00Z"));
  CHECK(in("x", {1, 2}) != in("x", {2, 1}));
  CHECK(in("x", {1, 2}) != in("x", {1}));
  CHECK(and_({eq("x", 1)}) != eq("x", 1));
  CHECK(and_({eq("x", 1), eq("y", 1)}) != and_({eq("y", 1), eq("x", 1)}));
  CHECK(and_({eq("x", 1), eq("y", 1)}) != or_({eq("x", 1), eq("y", 1)}));
  CHECK(eq("x", true) != Filter());
  CHECK(gt("x", true) == lt("y", true));  // both invalid for the same
  CHECK(gt("x", true) != negated(Filter::deepest + 1));
  CHECK(gt("x", true) != Filter());
}

TEST_CASE("a filter provides its operator, field, operand and parts") {
  const Filter test = in("members", {"john", "jack"});
  CHECK(test.op() == Operator::in);
  CHECK(test.field() == "members");
  CHECK(test.operand() == array({"john", "jack"}));
  CHECK(test.parts().empty());
  const Filter both = test && eq("type", "messaging");
  CHECK(both.op() == Operator::all_of);
  CHECK(both.field().empty());
  REQUIRE(both.parts().size() == 2);
  CHECK(both.parts()[0] == test);
}

TEST_CASE("a compiled filter and its copies outlive the filter") {
  auto filter = std::make_unique<Filter>(in("members", std::vector<std::string>{std::string(40, 'a'), std::string(40, 'b')}) &&
                                         autocomplete("type", std::string(40, 'c')) && eq(std::string(40, 'd'), 1));
  const auto compiled = compile<Channel>(*filter);
  filter.reset();
  Channel channel;
  channel.type = std::string(50, 'C');
  channel.members = {"x", std::string(40, 'b')};
  CHECK_FALSE(compiled(channel));
  channel.custom[std::string(40, 'd')] = 1;
  CHECK(compiled(channel));
  const auto copied = compiled;
  CHECK(copied(channel));
}

TEST_CASE("filters can test id, online, status and last_active of a user, but not invisible") {
  User john{"john", true, "busy", noon, false};
  CHECK(holds(eq("id", "john"), john));
  CHECK(holds(eq("online", true) && eq("status", "busy"), john));
  CHECK(holds(eq("last_active", "2019-01-07T13:00:00+01:00"), john));
  CHECK_FALSE(holds(exists("invisible", true), john));  // not a field that can be queried
  CHECK_FALSE(holds(eq("ID", "john"), john));
  john.last_active.reset();
  CHECK(holds(exists("last_active", false), john));
}

TEST_CASE("filters can test a channel's fields and custom fields; custom fields cannot shadow built-in ones") {
  Channel channel{"messaging", "mars", {"john", "jack"}, {}};
  channel.custom["name"] = "Curiosity Rover";
  channel.custom["type"] = "hidden behind the type";
  channel.custom["cid"] = 1;
  CHECK(holds(eq("type", "messaging") && in("members", {"john", "joe"}), channel));
  CHECK(holds(eq("cid", "messaging:mars"), channel));
  CHECK_FALSE(holds(eq("cid", 1), channel));
  CHECK(holds(in("cid", {"messaging:mars"}), channel));
  CHECK(holds(autocomplete("name", "ro"), channel));
  CHECK(holds(eq("members", array({"jack", "john"})), channel));
  CHECK_FALSE(holds(eq("type", "hidden behind the type"), channel));
  CHECK(holds(exists("level", false), channel));
}

// Costs, by what is read of an object.

namespace {

std::size_t reads = 0;

/// A text that counts how often it is read.
struct CountedText {
  std::string text;
  operator std::string_view() const {
    ++reads;
    return text;
  }
};

}  // namespace

TEST_CASE("every test of an array reads each element at most once") {
  for (const std::size_t count : {1u, 64u, 1024u, 1025u, 5000u}) {
    std::vector<CountedText> members;
    std::vector<Value> all, others, twice;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string name = "user-" + std::to_string(i);
      members.push_back(CountedText{name});
      all.emplace_back(name);
      others.emplace_back(std::string(name + "-"));
    }
    twice = all;
    twice.insert(twice.end(), all.rbegin(), all.rend());
    const ValueView field = members;
    const auto asks = [&](const Filter& filter, bool expected) {
      CAPTURE(count);
      CAPTURE(to_json(filter).substr(0, 40));
      reads = 0;
      CHECK(detail::holds(filter.op(), field, filter.operand()) == expected);
      CHECK(reads <= count);
      reads = 0;
      if (filter.operand().kind() == ValueKind::array) {
        CHECK(detail::SetOperand(filter.op(), filter.operand()).answer(field) == expected);
      } else if (filter.op() == Operator::autocomplete) {
        CHECK(detail::PrefixOperand(filter.op(), filter.operand()).answer(field) == expected);
      } else {
        CHECK(detail::ScalarOperand(filter.op(), filter.operand()).answer(field) == expected);
      }
      CHECK(reads <= count);
    };
    asks(eq("members", array(all)), true);
    asks(eq("members", array(twice)), true);
    asks(ne("members", array(twice)), false);
    asks(eq("members", array(others)), false);
    asks(in("members", array(others)), false);
    asks(nin("members", array(others)), true);
    asks(in("members", {all.back()}), true);
    asks(contains("members", others.back()), false);
    asks(autocomplete("members", "x"), false);
    asks(gt("members", "v"), false);
    all.push_back(others.back());
    asks(eq("members", array(all)), false);
    others.insert(others.end(), twice.begin(), twice.end());
    asks(eq("members", array(others)), false);
  }
}

namespace {

struct SameHash {
  static std::uint64_t of(std::string_view) { return 0x1234567890ABCDEF; }
};
struct SameFirstBits {
  static std::uint64_t of(std::string_view text) { return detail::TextHash::of(text) >> 30; }
};
struct FewHashes {
  static std::uint64_t of(std::string_view text) { return (detail::TextHash::of(text) & 3) * 0x4000000000000000; }
};

/// Checks that exactly these strings are found, each at its own index.
template <class Hash>
void finds_exactly(const std::vector<std::string>& texts, const std::vector<std::string>& others) {
  using Set = detail::BasicTextSet<Hash>;
  std::size_t bytes = 0;
  for (const std::string& text : texts) bytes += text.size();
  Set* const made = Set::make(texts.size(), bytes);
  for (const std::string& text : texts) made->add(text);
  made->finish();
  Set* const copy = Set::copy(*made);
  Set::drop(made);
  std::vector<std::string> at(copy->size());
  for (const std::string& text : texts) {
    const std::size_t place = copy->find(text);
    REQUIRE(place < at.size());
    REQUIRE((at[place].empty() || at[place] == text));
    at[place] = text;
  }
  for (const std::string& text : others) REQUIRE(copy->find(text) == Set::none);
  Set::drop(copy);
}

}  // namespace

TEST_CASE("a TextSet finds its strings and no others, even if hashes collide") {
  std::vector<std::string> texts, others;
  for (int i = 0; i < 400; ++i) {
    // Of a few sizes, alike at the beginning, in the middle or up to their last byte.
    std::string text(static_cast<std::size_t>(i % 7 == 0 ? 1 + i / 7 % 3 : 5 + i % 5 * 11), 'a');
    if (i % 5 == 4) text.resize(300, 'b');
    const std::size_t at = i % 3 == 0 ? text.size() - 1 : i % 3 == 1 ? text.size() / 2 : 0;
    text[at] = static_cast<char>('A' + i % 50);
    (i % 4 == 3 ? others : texts).push_back(text);
  }
  std::vector<std::string> absent;
  for (const std::string& text : others) {
    bool is_there = false;
    for (const std::string& one : texts) is_there = is_there || one == text;
    if (!is_there) absent.push_back(text);
  }
  REQUIRE(absent.size() > 20);
  absent.emplace_back();
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{4}, std::size_t{5}, std::size_t{6}, std::size_t{30}, texts.size()}) {
    const std::vector<std::string> some(texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(count));
    CAPTURE(count);
    finds_exactly<detail::TextHash>(some, absent);
    finds_exactly<SameHash>(some, absent);
    finds_exactly<SameFirstBits>(some, absent);
    finds_exactly<FewHashes>(some, absent);
  }
}

// Taking parts of a filter or of a value for the whole.

TEST_CASE("a filter or value may be assigned a part of itself, or itself") {
  Filter filter = (eq("a", std::string(40, 'x')) || eq("b", 2)) && gt("c", 3);
  filter = filter.parts()[0];
  CHECK(filter == (eq("a", std::string(40, 'x')) || eq("b", 2)));
  filter = Filter(filter.parts()[0]);
  CHECK(filter == eq("a", std::string(40, 'x')));
  Filter& same_filter = filter;
  filter = same_filter;
  filter = std::move(same_filter);
  CHECK(filter == eq("a", std::string(40, 'x')));
  filter = filter && filter;
  CHECK(filter.parts().size() == 2);

  Value value = array({std::string(40, 'x'), 2});
  value = value.elements()[0];
  CHECK(value == Value(std::string(40, 'x')));
  Value& same_value = value;
  value = same_value;
  value = std::move(same_value);
  CHECK(value == Value(std::string(40, 'x')));
  value = array({value, value});
  CHECK(value.elements().size() == 2);
  Matcher<Channel> matcher = compile<Channel>(in("type", {"a", "b"}) && eq("x", array({1, "y"})));
  Matcher<Channel>& same_matcher = matcher;
  matcher = same_matcher;
  Channel channel;
  channel.type = "b";
  channel.custom["x"] = array({"y", 1});
  CHECK(matcher(channel));
}

TEST_CASE("parts, field and elements of a temporary are returned by value") {
  const auto parts = (eq("a", 1) && eq("b", std::string(40, 'x'))).parts();
  REQUIRE(parts.size() == 2);
  CHECK(parts[1] == eq("b", std::string(40, 'x')));
  const auto name = eq(std::string(40, 'n'), 1).field();
  CHECK(name == std::string(40, 'n'));
  const auto elements = array({1, std::string(40, 'x')}).elements();
  CHECK(elements[1] == Value(std::string(40, 'x')));
}
