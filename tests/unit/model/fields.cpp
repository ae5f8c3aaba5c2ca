// SPDX-License-Identifier: MIT
#include "../support.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace support;

namespace {

/// A host's type that cannot be copied.
class Player {
 public:
  std::string id;
  int level = 0;
  double score = 0;
  bool guest = false;
  std::optional<std::string> title;
  std::optional<int> rank;
  std::optional<Timestamp> seen;
  std::vector<std::string> friends;
  std::vector<int> wins;
  std::string clan_name;
  Attributes custom;

  explicit Player(std::string player_id) : id(std::move(player_id)) {}
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;
  Player(Player&&) = default;
  Player& operator=(Player&&) = default;
  ~Player() = default;

  std::string clan() const { return "[" + clan_name + "]"; }
  const std::string& clan_by_reference() const noexcept { return clan_name; }
  std::string_view clan_view() const noexcept { return clan_name; }
  std::uint64_t total() const noexcept {
    std::uint64_t sum = 0;
    for (const int win : wins) sum += static_cast<std::uint64_t>(win);
    return sum;
  }
};

int asked_for_other = 0;

/// Of one field "x".
template <class T>
struct One {
  T x;
};

struct Empty {};

}  // namespace

template <>
struct presence::Fields<Player> {
  static constexpr auto list = fields(
      field("id", &Player::id), field("level", &Player::level), field("score", &Player::score), field("guest", &Player::guest),
      field("title", &Player::title), field("rank", &Player::rank), field("seen", &Player::seen), field("friends", &Player::friends),
      field("wins", &Player::wins), field("clan", &Player::clan), field("clan_by_reference", &Player::clan_by_reference),
      field("clan_view", &Player::clan_view), field("total", &Player::total),
      field("shout", [](const Player& p) { return p.clan_name + "!"; }), field("kind", [](const Player& p) { return p.guest ? "guest" : nullptr; }),
      field("best", [](const Player& p) { return p.wins.empty() ? std::optional<int>() : std::optional<int>(p.wins.back()); }),
      field("names", [](const Player& p) { return std::vector<std::string>{p.id, p.clan_name}; }),
      field("first_friend", [](const Player& p) { return p.friends.empty() ? ValueView() : ValueView(p.friends.front()); }));
  static ValueView other(const Player& player, std::string_view name) {
    ++asked_for_other;
    const Value* const value = player.custom.find(name);
    return value != nullptr ? ValueView(*value) : ValueView();
  }
};

template <class T>
struct presence::Fields<One<T>> {
  static constexpr auto list = fields(field("x", &One<T>::x));
};

template <>
struct presence::Fields<Empty> {
  static constexpr auto list = fields();
};

namespace {

bool holds(const Filter& filter, const Player& player) {
  REQUIRE_FALSE(filter.error());
  const bool answer = matches(filter, player);
  REQUIRE(compile<Player>(filter)(player) == answer);
  REQUIRE(compile<Player>(!filter)(player) == !answer);
  return answer;
}

/// Whether the field of this type is what a custom field is that holds the same.
template <class T>
void is_like(const Value& value, T&& x, const std::vector<Filter>& filters) {
  const One<std::decay_t<T>> typed{std::forward<T>(x)};
  Channel custom;
  custom.custom["x"] = value;
  const bool is_there = value.kind() != ValueKind::null;
  for (const Filter& filter : filters) {
    CAPTURE(to_json(filter));
    CAPTURE(to_json(value));
    const bool expected = is_there ? matches(filter, custom) : matches(filter, Channel());
    CHECK(matches(filter, typed) == expected);
    CHECK(compile<One<std::decay_t<T>>>(filter)(typed) == expected);
    if (is_there) CHECK(compile<Channel>(filter)(custom) == expected);
  }
}

Player rover() {
  Player player("rover");
  player.level = 5;
  player.score = 1.5;
  player.title = "Curiosity";
  player.seen = at(7);
  player.friends = {"john", "jack"};
  player.wins = {3, 4};
  player.clan_name = "Mars";
  player.custom["mood"] = "good";
  player.custom["level"] = 99;
  return player;
}

std::string unanswerable(const std::optional<Unanswerable>& wrong) { return wrong ? wrong->field : "none"; }

}  // namespace

TEST_CASE("a data member is a field") {
  const Player player = rover();
  CHECK(holds(eq("id", "rover"), player));
  CHECK(holds(in("id", {"john", "rover"}), player));
  CHECK(holds(eq("level", 5), player));
  CHECK(holds(gt("level", 4.5), player));
  CHECK(holds(lt("score", 2), player));
  CHECK(holds(eq("guest", false), player));
  CHECK_FALSE(holds(eq("guest", 0), player));
}

TEST_CASE("a member function is a field") {
  const Player player = rover();
  CHECK(holds(eq("clan", "[Mars]"), player));
  CHECK(holds(autocomplete("clan", "ma"), player));
  CHECK(holds(gt("clan", "[Ma"), player));
  CHECK(holds(eq("clan_by_reference", "Mars"), player));
  CHECK(holds(in("clan_view", {"Venus", "Mars"}), player));
  CHECK(holds(eq("total", 7), player));
  CHECK(holds(nin("total", {3, 4}), player));
}

TEST_CASE("a lambda is a field, and may return a temporary") {
  Player player = rover();
  CHECK(holds(eq("shout", "Mars!"), player));
  player.clan_name = std::string(100, 'm');
  CHECK(holds(eq("shout", std::string(100, 'm') + "!"), player));
  CHECK(holds(eq("names", array({"rover", std::string(100, 'm')})), player));
  CHECK(holds(contains("names", "rover"), player));
  CHECK(holds(in("names", {"x", "rover"}), player));
  CHECK(holds(eq("best", 4), player));
  CHECK(holds(eq("first_friend", "john"), player));
  player.wins.clear();
  player.friends.clear();
  CHECK(holds(exists("best", false), player));
  CHECK(holds(eq("first_friend", nullptr), player));
  CHECK(holds(eq("kind", nullptr), player));
  player.guest = true;
  CHECK(holds(eq("kind", "guest"), player));
}

TEST_CASE("an optional field that is empty is absent") {
  Player player = rover();
  CHECK(holds(exists("title", true), player));
  CHECK(holds(autocomplete("title", "cur"), player));
  CHECK(holds(exists("rank", false), player));
  CHECK(holds(eq("rank", nullptr), player));
  CHECK(holds(ne("rank", 0), player));
  CHECK_FALSE(holds(lt("rank", 5), player));
  player.rank = 3;
  CHECK(holds(lt("rank", 5), player));
  CHECK(holds(gte("seen", at(7)), player));
  player.seen.reset();
  CHECK_FALSE(holds(gte("seen", at(7)), player));
}

TEST_CASE("a vector is an array") {
  const Player player = rover();
  CHECK(holds(contains("friends", "jack"), player));
  CHECK(holds(eq("friends", array({"jack", "john"})), player));
  CHECK(holds(in("friends", {"x", "john"}), player));
  CHECK_FALSE(holds(in("friends", {"x", "y"}), player));
  CHECK(holds(autocomplete("friends", "ja"), player));
  CHECK(holds(gt("friends", "jo"), player));
  CHECK(holds(contains("wins", 4.0), player));
  CHECK(holds(eq("wins", array({4, 3})), player));
  CHECK(holds(gt("wins", 3), player));
  CHECK_FALSE(holds(gt("wins", 4), player));
}

TEST_CASE("`other` is called only for names that are not in the list") {
  const Player player = rover();
  asked_for_other = 0;
  CHECK(holds(eq("level", 5), player));
  CHECK(holds(exists("rank", false), player));
  CHECK(asked_for_other == 0);
  CHECK(holds(eq("mood", "good"), player));
  CHECK(holds(exists("Level", false), player));
  CHECK(asked_for_other > 0);
}

TEST_CASE("in a type without fields every field is absent") {
  const Filter some = exists("x", true);
  CHECK_FALSE(matches(some, Empty()));
  CHECK_FALSE(compile<Empty>(some)(Empty()));
  CHECK(matches(eq("x", nullptr), Empty()));
  CHECK(compile<Empty>(!some)(Empty()));
  CHECK(unanswerable(validate(some, Fields<Empty>{})) == "x");
}

TEST_CASE("a query over objects that cannot be copied returns pointers in order") {
  std::vector<Player> players;
  for (int i = 0; i < 5; ++i) {
    players.push_back(rover());
    players.back().id = std::string(1, static_cast<char>('a' + i));
    players.back().level = i % 2;
    players.back().clan_name = std::string(30, static_cast<char>('z' - i));
    players.back().custom["rank"] = i;
  }
  players[3].custom["luck"] = 1;
  const auto found = query(players, Query{gte("level", 0), {{"level", Order::descending}, {"clan", Order::ascending}}});
  REQUIRE(found.size() == 5);
  CHECK(found[0] == &players[3]);
  CHECK(found[1] == &players[1]);
  CHECK(found[2] == &players[4]);
  CHECK(found[3] == &players[2]);
  CHECK(found[4] == &players[0]);
  const auto lucky = query(players, Query{exists("mood", true), {{"luck"}}, 0, 2});
  REQUIRE(lucky.size() == 2);
  CHECK(lucky[0] == &players[3]);
  CHECK(lucky[1] == &players[0]);
}

TEST_CASE("typed fields match filters like custom fields with the same values") {
  const std::vector<Filter> filters{
      eq("x", 1), eq("x", 1.0), eq("x", "a"), eq("x", true), eq("x", nullptr), eq("x", at(0)), eq("x", to_string(at(0))), eq("x", array({1})), eq("x", array({"a", "b"})), eq("x", array({})),
      ne("x", 1), ne("x", "a"), ne("x", nullptr), ne("x", array({"a"})), gt("x", 0), gt("x", ""), gte("x", at(0)), gte("x", to_string(at(0))), lt("x", 2), lt("x", "b"), lte("x", "a"), lte("x", at(0)),
      in("x", {1, "a", true, at(0)}), in("x", {"b", "c", "d", "e", "f", "a"}), in("x", {nullptr}), in("x", {}), in("x", {at(0), at(1)}), nin("x", {1, "a"}), nin("x", {nullptr}), nin("x", {to_string(at(0))}),
      contains("x", 1), contains("x", "a"), contains("x", at(0)), contains("x", nullptr), exists("x", true), exists("x", false), autocomplete("x", "A"), autocomplete("x", "2019")};
  is_like(true, true, filters);
  is_like(1, 1, filters);
  is_like(1, std::int8_t{1}, filters);
  is_like(1, std::uint16_t{1}, filters);
  is_like(1, 1L, filters);
  is_like(std::uint64_t{1} << 63, std::uint64_t{1} << 63, filters);
  is_like(1, 1.0, filters);
  is_like(1.5, 1.5f, filters);
  is_like(at(0), at(0), filters);
  is_like("a", std::string("a"), filters);
  is_like("", std::string(), filters);
  is_like(to_string(at(0)), to_string(at(0)), filters);
  is_like("a", std::string_view("a"), filters);
  is_like("a", static_cast<const char*>("a"), filters);
  is_like(nullptr, std::optional<int>(), filters);
  is_like(1, std::optional<int>(1), filters);
  is_like("a", std::optional<std::string>("a"), filters);
  is_like(false, std::optional<bool>(false), filters);
  is_like(at(0), std::optional<Timestamp>(at(0)), filters);
  is_like(array({"a", "b"}), std::vector<std::string>{"b", "a"}, filters);
  is_like(array({}), std::vector<std::string>(), filters);
  is_like(array({to_string(at(0))}), std::vector<std::string>{to_string(at(0))}, filters);
  is_like(array({"a"}), std::vector<std::string_view>{"a"}, filters);
  is_like(array({1, 2}), std::vector<int>{2, 1}, filters);
  is_like(array({1}), std::vector<double>{1.0}, filters);
  is_like(array({at(0)}), std::vector<Timestamp>{at(0)}, filters);
  is_like(array({1, "a"}), std::vector<Value>{"a", 1}, filters);
  is_like(array({1, nullptr}), std::vector<std::optional<int>>{std::nullopt, 1}, filters);
  is_like("a", Value("a"), filters);
  is_like(array({1}), array({1}), filters);
}

TEST_CASE("elements of a nested array are invalid and equal to nothing") {
  const One<std::vector<std::vector<int>>> nested{{{1}, {2}}};
  for (const Filter& filter : {eq("x", 1), eq("x", array({1})), eq("x", nullptr), gt("x", 0), in("x", {1, 2, nullptr})}) {
    CHECK_FALSE(matches(filter, nested));
    CHECK_FALSE(compile<One<std::vector<std::vector<int>>>>(filter)(nested));
  }
  CHECK(ValueView(nested.x)[0].kind() == ValueKind::invalid);
}

TEST_CASE("validate accepts filters that the fields of a type can answer") {
  const Fields<Player> fields{};
  for (const Filter& filter : {Filter(), eq("id", "a"), eq("id", nullptr), gt("level", 1.5), eq("score", 1), eq("guest", true), eq("title", "x"), gt("rank", 1), gte("seen", at(0)), gte("seen", to_string(at(0))),
                               eq("friends", array({"a"})), eq("friends", "a"), contains("friends", "a"), contains("wins", 1), eq("wins", array({1, 2.0})), in("wins", {1, 2}), autocomplete("clan", "a"),
                               autocomplete("friends", "a"), autocomplete("kind", "g"), eq("best", 4), exists("guest", true), eq("first_friend", 1), eq("anything", 1), contains("anything", 1), in("id", {})}) {
    CAPTURE(to_json(filter));
    CHECK(unanswerable(validate(filter, fields)) == "none");
  }
}

TEST_CASE("validate rejects filters that the fields of a type cannot answer") {
  const Fields<Player> fields{};
  for (const Filter& filter : {eq("id", 1), ne("id", true), gt("id", at(0)) && eq("id", 1), lt("level", "5"), eq("score", "1"), eq("guest", 1), eq("guest", "true"), gt("guest", 1), eq("title", 1), gt("rank", "1"), gte("seen", 5),
                               gte("seen", "yesterday"), eq("friends", 1), eq("friends", array({"a", 1})), contains("friends", 1), contains("id", "r"), contains("level", 1), eq("id", array({"a"})), in("wins", {"1"}),
                               autocomplete("level", "5"), autocomplete("wins", "5"), eq("clan", 1), eq("clan_view", 1), eq("total", "7"), eq("shout", true), eq("best", "4"), eq("names", 1)}) {
    CAPTURE(to_json(filter));
    const auto wrong = validate(filter, fields);
    REQUIRE(wrong);
    CHECK(wrong->field != "");
    CHECK(wrong->op != Operator::invalid);
    CHECK(std::string(wrong->message) != "");
  }
}

TEST_CASE("validate returns the first test that cannot be answered, at any depth") {
  const auto wrong = validate(and_({eq("level", 1), or_({nor({gt("guest", 1)}), eq("id", 1)}), eq("score", "x")}), Fields<Player>{});
  REQUIRE(wrong);
  CHECK(wrong->field == "guest");
  CHECK(wrong->op == Operator::gt);
}

TEST_CASE("validate returns the error of an invalid filter") {
  const Filter filter = and_({eq("nothing", 1), gt("level", true)});
  const auto wrong = validate(filter, Fields<User>{});
  REQUIRE(wrong);
  CHECK(wrong->field.empty());
  CHECK(wrong->op == Operator::invalid);
  CHECK(std::string(wrong->message) == filter.error()->message);
}

TEST_CASE("validate checks filters against the fields of User, UserView and Channel") {
  for (const Filter& filter : {eq("id", "a"), eq("online", true), autocomplete("status", "b"), gt("last_active", at(0)), gt("last_active", "2019-01-07T12:00:00Z"), exists("last_active", false)}) {
    CAPTURE(to_json(filter));
    CHECK(unanswerable(validate(filter, Fields<User>{})) == "none");
    CHECK(unanswerable(validate(filter, Fields<UserView>{})) == "none");
  }
  for (const Filter& filter : {eq("online", "true"), eq("online", 1), gt("status", 1), gt("last_active", 1), gt("last_active", "now"), contains("id", "a")}) {
    CAPTURE(to_json(filter));
    CHECK(unanswerable(validate(filter, Fields<User>{})) == filter.field());
    CHECK(unanswerable(validate(filter, Fields<UserView>{})) == filter.field());
  }
  for (const Filter& filter : {eq("type", "a"), eq("cid", "a:b"), in("members", {"a"}), contains("members", "a"), eq("level", 1), contains("tags", "a")}) {
    CAPTURE(to_json(filter));
    CHECK(unanswerable(validate(filter, Fields<Channel>{})) == "none");
  }
  CHECK(unanswerable(validate(eq("members", 1), Fields<Channel>{})) == "members");
  CHECK(unanswerable(validate(eq("cid", 1), Fields<Channel>{})) == "cid");
  CHECK(unanswerable(validate(eq("type", array({"a"})), Fields<Channel>{})) == "type");
}

TEST_CASE("validate accepts a test with some operands of a wrong type") {
  // "level" is sometimes 1, though never "1".
  CHECK(unanswerable(validate(in("level", {1, "1"}), Fields<Player>{})) == "none");
  CHECK(unanswerable(validate(nin("id", {"a", nullptr, 1}), Fields<Player>{})) == "none");
}

TEST_CASE("a User and a UserView have the same fields") {
  User john{"john", true, "busy", at(3), true};
  for (const bool known : {true, false}) {
    if (!known) john.last_active.reset();
    for (const Filter& filter : {eq("id", "john"), eq("online", true), autocomplete("status", "BU"), eq("last_active", at(3)), exists("last_active", true), exists("invisible", true), exists("name", true)}) {
      CAPTURE(to_json(filter));
      const bool expected = filter.field() == "last_active" ? known : filter.field() != "invisible" && filter.field() != "name";
      CHECK(matches(filter, john) == expected);
      CHECK(matches(filter, UserView(john)) == expected);
      CHECK(compile<User>(filter)(john) == expected);
      CHECK(compile<UserView>(filter)(john) == expected);
    }
  }
}

TEST_CASE("custom fields are found by name and iterated in the order of their names") {
  Attributes custom;
  CHECK(custom.empty());
  CHECK(custom.find("a") == nullptr);
  CHECK(custom["b"] == Value());
  CHECK(custom.size() == 1);
  custom["b"] = 2;
  custom["c"] = "three";
  custom["a"] = true;
  CHECK(custom["b"] == Value(2));
  CHECK(custom.size() == 3);
  std::string names;
  for (const Attributes::Entry& entry : custom) names += entry.name;
  CHECK(names == "abc");
  REQUIRE(custom.find("c") != nullptr);
  CHECK(*custom.find("c") == Value("three"));
  CHECK(custom.find("") == nullptr);
  CHECK(custom.find("d") == nullptr);
  CHECK(custom.find("aa") == nullptr);
  CHECK(custom.erase("b"));
  CHECK_FALSE(custom.erase("b"));
  CHECK(custom.find("b") == nullptr);
  CHECK(custom.size() == 2);
}

TEST_CASE("custom fields are equal if their names and values are, in whatever order they were set") {
  Attributes a, b;
  CHECK(a == b);
  a["x"] = 1;
  CHECK(a != b);
  a["y"] = "z";
  b["y"] = "z";
  b["x"] = 1.0;
  CHECK(a == b);
  b["x"] = 2;
  CHECK(a != b);
  b["x"] = 1;
  b["w"] = nullptr;
  CHECK(a != b);
}

TEST_CASE("operator[] creates a missing custom field as null") {
  Channel channel;
  channel.custom["x"];
  CHECK(matches(exists("x", true), channel));
  CHECK(matches(eq("x", nullptr), channel));
}

TEST_CASE("channels are equal only if every field is") {
  const Channel channel{"messaging", "mars", {"john"}, {}};
  Channel other = channel;
  CHECK(other == channel);
  CHECK(channel.cid() == "messaging:mars");
  other.members.push_back("jack");
  CHECK(other != channel);
  other = channel;
  other.custom["x"] = 1;
  CHECK(other != channel);
  other = channel;
  other.id = "venus";
  CHECK(other != channel);
  other = channel;
  other.type = "team";
  CHECK(other != channel);
}

TEST_CASE("a dotted name is one name, also where a field is an object") {
  Attributes members;
  members["b"] = 1;
  const Value object = Value::object(members);
  Player player("ann");
  player.custom["a"] = object;
  CHECK(holds(exists("a.b", false), player));
  CHECK(holds(eq("a", object), player));
  player.custom["a.b"] = 2;
  CHECK(holds(eq("a.b", 2), player));
  const One<Value> one{object};
  CHECK(matches(eq("x", object), one));
  CHECK(compile<One<Value>>(in("x", {1, object}))(one));
  CHECK_FALSE(matches(exists("x.b", true), one));
  CHECK_FALSE(compile<One<Value>>(exists("x.b", true))(one));
  CHECK(validate(exists("x.b", true), Fields<One<Value>>{})->field == "x.b");
  CHECK_FALSE(validate(eq("x", object), Fields<One<Value>>{}));
  const One<std::vector<Value>> many{{1, object}};
  CHECK(matches(contains("x", object), many));
  CHECK(compile<One<std::vector<Value>>>(eq("x", array({object, 1})))(many));
  CHECK(validate(eq("level", object), Fields<Player>{})->field == "level");
}

TEST_CASE("a Value constructed from a ValueView has an equal kind and value") {
  const Value values[] = {nullptr, true, 5, 0.5, "text", at(0), array({1, "a", nullptr}), array({}), Value(std::uint64_t{1} << 63)};
  for (const Value& value : values) {
    const Value copy(value.view());
    CHECK(copy.kind() == value.kind());
    CHECK(copy == value);
  }
  const std::vector<std::string> texts{"a", "b"};
  CHECK(Value(ValueView(texts)) == array({"a", "b"}));
  CHECK(Value(ValueView()).kind() == ValueKind::null);
}
