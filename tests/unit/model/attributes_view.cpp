// SPDX-License-Identifier: MIT

// AttributesView: the borrowed form of Attributes, and of what a Snapshot stores like them.

#include "../rich.hpp"

#include <presence/model/detail/canonical_json.hpp>

#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using namespace support;

static_assert(!std::is_constructible<AttributesView, Attributes>::value, "a temporary would dangle");
static_assert(!std::is_constructible<AttributesView, const Attributes&&>::value, "a temporary would dangle");
static_assert(std::is_constructible<AttributesView, const Attributes&>::value, "");
static_assert(std::is_trivially_copyable<AttributesView>::value, "it is passed by value");
static_assert(std::is_nothrow_default_constructible<AttributesView>::value, "");
static_assert(std::is_same<decltype(*std::declval<AttributesView>().begin()), AttributesView::Entry>::value, "");
static_assert(
    std::is_same<std::iterator_traits<AttributesView::const_iterator>::value_type, AttributesView::Entry>::value, "");

namespace {

/// "a=1 b=\"x\" ": the fields in order.
std::string listed(const AttributesView& view) {
  std::string line;
  for (const AttributesView::Entry entry : view)
    line += std::string(entry.name) + "=" + std::string(detail::CanonicalJson(entry.value).text()) + " ";
  return line;
}
Attributes numbered(std::size_t count) {
  Attributes all;
  for (std::size_t i = 0; i < count; ++i) all[user_id(i)] = static_cast<std::int64_t>(i);
  return all;
}
void check_is_empty(const AttributesView& view) {
  CHECK(view.empty());
  CHECK(view.size() == 0);
  CHECK(view.begin() == view.end());
  CHECK(view.find("x").is_absent());
  CHECK(view == AttributesView());
  CHECK(static_cast<Attributes>(view).empty());
}
/// Everything of the interface, for a view of these fields.
void check_is_of(const AttributesView& view, const Attributes& all) {
  CHECK(view.size() == all.size());
  CHECK(view.empty() == all.empty());
  std::size_t i = 0;
  for (const Attributes::Entry& entry : all) {
    CHECK(view[i].name == entry.name);
    CHECK(Value(view[i].value) == entry.value);
    CHECK(Value(view.find(entry.name)) == entry.value);
    CHECK_FALSE(view.find(entry.name).is_absent());
    CHECK(view.find(entry.name + "x").is_absent());
    ++i;
  }
  AttributesView::const_iterator it = view.begin();
  for (i = 0; i < all.size(); ++i) {
    CHECK(it != view.end());
    const AttributesView::const_iterator before = it++;
    CHECK((*before).name == view[i].name);
    CHECK(before != it);
  }
  CHECK(it == view.end());
  CHECK(std::distance(view.begin(), view.end()) == static_cast<std::ptrdiff_t>(all.size()));
  CHECK(static_cast<Attributes>(view) == all);
  CHECK(view == AttributesView(all));
  CHECK_FALSE(view != AttributesView(all));
}

}  // namespace

TEST_CASE("a view without fields is empty, whatever it is of") {
  check_is_empty(AttributesView());
  const Attributes none;
  check_is_empty(none);
  check_is_empty(Elements<ValueMember>());
  const Value object = Value::object(Attributes()), number = 1;
  check_is_empty(object.members());
  check_is_empty(number.members());
}

TEST_CASE("a view of fields and one of members are the same") {
  for (const std::size_t count : std::vector<std::size_t>{1, 2, 127, 128, 129, 1000}) {
    const Attributes all = numbered(count);
    check_is_of(all, all);
    const Value object = Value::object(all);
    check_is_of(object.members(), all);
    CHECK(AttributesView(all) == AttributesView(object.members()));
  }
}

TEST_CASE("the fields are in the order of their names as bytes") {
  const Attributes all =
      fields({{"b", 1}, {"a", "x"}, {"", nullptr}, {"B", true}, {"\xC3\xA4", 2.5}, {"aa", Value::array({1})}});
  const std::string expected = "=null B=true a=\"x\" aa=[1] b=1 \xC3\xA4=2.5 ";
  CHECK(listed(all) == expected);
  const Value object = Value::object(all);
  CHECK(listed(object.members()) == expected);
  CHECK(AttributesView(all).find("").kind() == ValueKind::null);  // null is not absent
  CHECK(AttributesView(all).find("c").kind() == ValueKind::absent);
}

TEST_CASE("names with a null byte and long names are found") {
  Attributes all;
  const std::string null_byte("a\0b", 3), long_name(500, 'x');
  all[null_byte] = 1;
  all["a"] = 2;
  all[long_name] = 3;
  const Value object = Value::object(all);
  for (const AttributesView& view : {AttributesView(all), AttributesView(object.members())}) {
    CHECK(view.find(null_byte).integer() == 1);
    CHECK(view.find("a").integer() == 2);
    CHECK(view.find(long_name).integer() == 3);
    CHECK(view.find(std::string(499, 'x')).is_absent());
  }
}

TEST_CASE("views are equal if they have the same names with equal values") {
  const Attributes base = fields({{"a", 1}, {"b", Value::array({1, 2})}});
  const auto same = [&base](const Attributes& other) {
    const Value object = Value::object(other);
    const bool is_same = AttributesView(base) == AttributesView(other);
    CHECK((AttributesView(base) == AttributesView(object.members())) == is_same);
    CHECK((AttributesView(object.members()) == AttributesView(base)) == is_same);
    CHECK((AttributesView(other) != AttributesView(base)) == !is_same);
    return is_same;
  };
  CHECK(same(base));
  CHECK(same(fields({{"a", 1.0}, {"b", Value::array({1.0, 2})}})));
  CHECK_FALSE(same(fields({{"a", 1}})));
  CHECK_FALSE(same(Attributes()));
  CHECK_FALSE(same(fields({{"a", 1}, {"b", Value::array({2, 1})}})));
  CHECK_FALSE(same(fields({{"a", 1}, {"c", Value::array({1, 2})}})));
  CHECK_FALSE(same(fields({{"a", "1"}, {"b", Value::array({1, 2})}})));
  CHECK_FALSE(same(fields({{"a", 1}, {"b", Value::array({1, 2})}, {"c", 1}})));
}

TEST_CASE("a view borrows, and a copy of it owns") {
  Attributes all = fields({{"a", "x"}});
  const AttributesView view = all;
  CHECK(view.find("a").text().data() == all.find("a")->view().text().data());
  const Attributes copy = view;
  all["a"] = "y";  // the reference to the map is still valid
  CHECK(view.find("a").text() == "y");
  CHECK(copy == fields({{"a", "x"}}));
  AttributesView other;
  other = view;
  CHECK(other.find("a").text() == "y");
}

TEST_CASE("the views of a snapshot's users are valid while the snapshot is not modified, also in copies") {
  Snapshot s =
      folded({doing(connect("john", "phone", at(0)), fields({{"map", "a name that is not kept inside a string"}})),
              sets("john", "image", "an address that is not kept inside a string", at(0))});
  const Snapshot kept = s;
  const UserView john = *kept.view("john");
  s = reduce(std::move(s), doing(update("john", "phone", at(1)), "x"));
  s = reduce(std::move(s), sets("john", "image", nullptr, at(1)));
  s = Snapshot();
  CHECK(listed(john.activity) == "map=\"a name that is not kept inside a string\" ");
  CHECK(listed(john.data) == "image=\"an address that is not kept inside a string\" ");
  const User copy = john;
  CHECK(copy == john);
  CHECK(UserView(copy).activity == john.activity);
}

TEST_CASE("events and views of them are equal by their fields") {
  PresenceEvent event = having(doing(report("john", true, at(0)), fields({{"a", 1}})), fields({{"b", 2}}));
  const PresenceEventView view = event;
  CHECK(view == event);
  CHECK(event == view);
  CHECK(static_cast<PresenceEvent>(view) == event);
  CHECK(view.activity->find("a").integer() == 1);
  PresenceEvent other = event;
  other.activity = Attributes();
  CHECK(other != event);
  other = event;
  other.activity.reset();
  CHECK(other != event);
  CHECK(event != PresenceEventView(other));
  other = event;
  (*other.data)["b"] = 2.0;
  CHECK(other == event);
  (*other.data)["b"] = 3;
  CHECK(other != event);
  PresenceEvent set = sets("john", "n", Value::array({1}), at(0));
  const PresenceEventView set_view = set;
  CHECK(static_cast<PresenceEvent>(set_view) == set);
  CHECK(PresenceEventView::set_data(set.user, set.name, set.value, at(0)) == set);
  set.value = 1;
  CHECK(set != sets("john", "n", Value::array({1}), at(0)));
  set.name = "m";
  CHECK(set != sets("john", "n", 1, at(0)));
}
