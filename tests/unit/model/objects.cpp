// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <presence/model/attributes.hpp>
#include <presence/model/value.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using namespace presence;

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
/// The value in so many objects, or in objects and arrays by turns.
Value nested(unsigned levels, Value value, bool with_arrays = false) {
  for (unsigned i = 0; i < levels; ++i) value = with_arrays && i % 2 == 1 ? array({value}) : object({{"x", value}});
  return value;
}
bool is_invalid(const Value& value) { return value.kind() == ValueKind::invalid; }

template <class T, class = void>
struct FindsIn : std::false_type {};
template <class T>
struct FindsIn<T, std::void_t<decltype(std::declval<T>().find("a"))>> : std::true_type {};

}  // namespace

static_assert(sizeof(Value) <= 2 * sizeof(std::int64_t), "objects take no room in other values");
static_assert(std::is_nothrow_move_constructible<ValueMember>::value && std::is_nothrow_move_assignable<ValueMember>::value, "");
static_assert(FindsIn<const Value&>::value && !FindsIn<Value>::value && !FindsIn<const Value>::value, "would dangle");
static_assert(FindsIn<ValueView>::value, "borrows from what it is a view of");
static_assert(std::is_same<decltype(std::declval<Value>().members()), std::vector<ValueMember>>::value, "copies");

TEST_CASE("an object has the members of its Attributes, ascending by name as bytes") {
  const Value value = object({{"floor", 3}, {"city", "Kyoto"}, {"\xC3\xA9", nullptr}, {"", array({1, "a"})}, {"Zone", 2.5}});
  CHECK(value.kind() == ValueKind::object);
  std::string names;
  for (const ValueMember& member : value.members()) names += std::string(member.name()) + ";";
  CHECK(names == ";Zone;city;floor;\xC3\xA9;");
  CHECK(value.members()[2].value() == Value("Kyoto"));
  CHECK(*value.find("floor") == Value(3));
  CHECK(value.find("\xC3\xA9")->kind() == ValueKind::null);
  CHECK(value.find("")->elements().size() == 2);
  CHECK(value.find("flo") == nullptr);
  CHECK(value.find("floors") == nullptr);
  CHECK(value.elements().empty());

  const ValueView view = value;
  CHECK(view.kind() == ValueKind::object);
  CHECK(view.members().size() == 5);
  CHECK(view.find("city").text() == "Kyoto");
  CHECK(view.find("\xC3\xA9").kind() == ValueKind::null);
  CHECK(view.find("street").is_absent());
}

TEST_CASE("an empty object is an object without members, and other kinds have no members") {
  const Value empty = Value::object({});
  CHECK(empty.kind() == ValueKind::object);
  CHECK(empty.members().empty());
  CHECK(empty.find("") == nullptr);
  CHECK(empty == Value::object({}));
  CHECK(empty != array({}));
  CHECK(empty != Value());
  CHECK(Value(empty.view()) == empty);
  for (const Value& other : {Value(), Value(1), Value("a"), array({1})}) {
    CHECK(other.members().empty());
    CHECK(other.find("a") == nullptr);
    CHECK(other.view().members().empty());
    CHECK(other.view().find("a").is_absent());
  }
  CHECK(ValueView().find("a").is_absent());
}

TEST_CASE("copies of an object are deep, and a moved-from object is null") {
  const std::string long_name(1000, 'n'), long_text(1000, 't');
  Value value = object({{"a", 1}, {"eightchr", 2}, {"ninechars", 3}, {long_name, long_text}, {"o", object({{"p", array({object({{"q", "r"}})})}})}});
  const Value copy = value, viewed(value.view());
  CHECK(copy == value);
  CHECK(viewed == value);
  CHECK(copy.find(long_name)->view().text().data() != value.find(long_name)->view().text().data());
  CHECK(copy.members()[1].name() == "eightchr");
  CHECK(copy.members().data() != value.members().data());
  Value moved = std::move(value);
  CHECK(moved == copy);
  CHECK(value.kind() == ValueKind::null);
  CHECK(value == Value());
  // A part of itself.
  moved = *moved.find("o");
  CHECK(moved == *copy.find("o"));
  moved = moved.find("p")->elements()[0];
  CHECK(moved == object({{"q", "r"}}));
  const std::vector<ValueMember> kept = Value(copy).members();
  CHECK(kept.size() == 5);
  CHECK(kept[0] == copy.members()[0]);
  ValueMember member = kept[3];
  member = kept[4];
  CHECK(member.name() == "o");
  member = ValueMember("x", 1);
  CHECK(member != kept[0]);
  CHECK(member == ValueMember("x", 1.0));
}

TEST_CASE("objects are equal if they have the same names with equal values") {
  const Value value = object({{"a", 1}, {"b", object({{"c", array({1, 2})}})}});
  CHECK(value == object({{"b", object({{"c", array({1.0, 2})}})}, {"a", 1.0}}));
  CHECK(value != object({{"a", 1}}));
  CHECK(value != object({{"a", 1}, {"b", object({{"c", array({2, 1})}})}}));
  CHECK(value != object({{"a", 1}, {"d", object({{"c", array({1, 2})}})}}));
  CHECK(object({{"a", nullptr}}) != object({}));
  CHECK(object({{"a", std::numeric_limits<double>::quiet_NaN()}}) != object({{"a", std::numeric_limits<double>::quiet_NaN()}}));
}

TEST_CASE("the values of an Attributes are moved into its object") {
  Attributes members;
  members["a"] = std::string(1000, 'a');
  const char* const text = members.find("a")->view().text().data();
  const Value value = Value::object(std::move(members));
  CHECK(value.find("a")->view().text().data() == text);
}

TEST_CASE("an object with an invalid member is invalid, and so is an array or object that contains it") {
  CHECK(is_invalid(object({{"a", 1}, {"b", UINT64_MAX}, {"c", 2}})));
  CHECK(is_invalid(object({{"a", object({{"b", array({array({1})})}})}})));
  CHECK(is_invalid(array({1, object({{"a", UINT64_MAX}})})));
}

TEST_CASE("arrays and objects contain each other, but an array directly in an array is invalid") {
  const Value value = array({object({{"a", array({1, object({})})}}), 2});
  CHECK(value.kind() == ValueKind::array);
  CHECK(value.elements()[0].find("a")->elements()[1].kind() == ValueKind::object);
  CHECK(value.view()[0].find("a")[1].kind() == ValueKind::object);
  CHECK(is_invalid(array({object({}), array({})})));
  const std::vector<std::vector<Value>> rows = {{object({})}};
  CHECK(is_invalid(array(rows)));
  CHECK(Value(ValueView(rows[0])) == array({object({})}));
}

TEST_CASE("a value nests to Value::deepest levels, and is invalid beyond") {
  static_assert(Value::deepest == 64, "");
  for (const bool with_arrays : {false, true}) {
    const Value deepest = nested(Value::deepest, 1, with_arrays);
    REQUIRE(deepest.kind() == (with_arrays ? ValueKind::array : ValueKind::object));
    const Value copy = deepest, viewed(deepest.view());
    CHECK(copy == deepest);
    CHECK(viewed == deepest);
    CHECK(nested(Value::deepest, 2, with_arrays) != deepest);
    CHECK(is_invalid(object({{"a", deepest}})));
    CHECK(is_invalid(object({{"a", viewed}, {"b", 1}})));
    CHECK(is_invalid(object({{"a", 1}, {"b", copy}})));
    CHECK(is_invalid(nested(Value::deepest + 1, 1, with_arrays)));
    CHECK(is_invalid(nested(100000, 1, with_arrays)));
    if (!with_arrays) CHECK(is_invalid(array({1, deepest})));
    CHECK_FALSE(is_invalid(object({{"a", with_arrays ? deepest.elements()[0] : *deepest.find("x")}})));
  }
  // The deepest part counts, wherever it is.
  const Value inner = nested(Value::deepest - 1, 1);
  for (const Value& deepest : {object({{"a", inner}, {"b", 1}}), object({{"a", 1}, {"b", inner}}), array({inner, 1}), array({1, inner})}) {
    CHECK_FALSE(is_invalid(deepest));
    CHECK(is_invalid(object({{"a", deepest}})));
    CHECK(is_invalid(object({{"a", Value(deepest.view())}})));
  }
  // An empty array or object is a level as well.
  CHECK_FALSE(is_invalid(nested(Value::deepest - 1, object({}))));
  CHECK(is_invalid(nested(Value::deepest, object({}))));
  CHECK(is_invalid(nested(Value::deepest, array({}))));
}

TEST_CASE("an object has any number of members with any names") {
  Attributes members;
  std::map<std::string, int> expected;
  for (int i = 0; i < 10000; ++i) {
    const std::string name = std::string(static_cast<std::size_t>(i % 21), '\0') + std::to_string(i * 7919 % 10007) + (i % 3 == 0 ? "." : "");
    members[name] = i;
    expected[name] = i;
  }
  const Value value = Value::object(members);
  REQUIRE(value.members().size() == expected.size());
  auto next = expected.begin();
  for (const ValueMember& member : value.members()) {
    REQUIRE(member.name() == next->first);
    REQUIRE(member.value() == Value(next->second));
    REQUIRE(value.find(next->first) == &member.value());
    ++next;
  }
  CHECK(value == Value::object(std::move(members)));
}
