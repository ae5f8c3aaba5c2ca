// SPDX-License-Identifier: MIT

// Filters and sorts of the activity and the data of users.

#include "../rooms.hpp"

#include <presence/json/filters.hpp>
#include <presence/query/query.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using namespace support;

namespace {

Attributes fields_of(std::string_view json) {
  const Result<Value> value = parse_value(json);
  REQUIRE(value);
  Attributes fields;
  for (const ValueMember& member : value->members()) fields[member.name()] = member.value();
  return fields;
}

/// Whether the filter matches the user: by `matches` and compiled, as a User and as a UserView.
bool holds(const Filter& filter, const User& user) {
  const UserView view(user);
  const bool is = matches(filter, user);
  CHECK(matches(filter, view) == is);
  CHECK(compile<User>(filter)(user) == is);
  CHECK(compile<UserView>(filter)(view) == is);
  return is;
}
bool holds(std::string_view filter, const User& user) {
  CAPTURE(std::string(filter));
  const Result<Filter> parsed = parse_filter(filter);
  REQUIRE(parsed);
  return holds(*parsed, user);
}

std::string found(const Snapshot& s, const UserQuery& asked, Viewer viewer = nobody) {
  std::string ids;
  for (const User& user : query(s, asked, viewer)) ids += user.id;
  return ids;
}
std::string found(const Snapshot& s, std::string_view filter, Viewer viewer = nobody) {
  UserQuery asked;
  asked.filter = *parse_filter(filter);
  return found(s, asked, viewer);
}

PresenceEvent plays(std::string user, std::string_view activity, Timestamp when) {
  PresenceEvent event = connect(std::move(user), "s", when);
  event.activity = fields_of(activity);
  return event;
}

}  // namespace

TEST_CASE("the names of a user's data are fields, and so are those of the activity behind \"activity.\"") {
  User user{"kim", true, "hi", {}, false};
  user.activity = fields_of(R"({"map":"harbour","players":3,"party":{"size":2,"tags":["eu"]}})");
  user.data = fields_of(R"({"name":"Kim Jones","level":7,"teams":["red","blue"],"born":"1990-05-01T00:00:00Z",)"
                        R"("nothing":null,"map":"bay"})");
  CHECK(holds(R"({"name":"Kim Jones","level":{"$gte":7},"teams":"red","map":"bay"})", user));
  CHECK(holds(R"({"name":{"$autocomplete":"jo"}})", user));
  CHECK_FALSE(holds(R"({"name":{"$autocomplete":"ones"}})", user));
  CHECK(holds(R"({"teams":{"$in":["green","blue"]},"born":{"$lt":"1990-05-01T01:00:00+00:30"}})", user));
  CHECK(holds(R"({"activity.map":"harbour","activity.players":{"$gt":2},"activity.party.size":2})", user));
  CHECK(holds(R"({"activity.party.tags":{"$contains":"eu"},"activity.party":{"$eq":{"size":2,"tags":["eu"]}}})", user));
  // null is not absent.
  CHECK(holds(R"({"nothing":{"$exists":true},"mood":{"$exists":false},"activity.name":{"$exists":false}})", user));
  CHECK(holds(R"({"nothing":null,"mood":null})", user));
  CHECK_FALSE(holds(R"({"mood":{"$gt":0}})", user));
  CHECK(holds(R"({"mood":{"$ne":1},"players":{"$exists":false},"activity":{"$exists":false}})", user));
  CHECK(holds(R"({"activity.":{"$exists":false},"activity..":{"$exists":false},".":{"$exists":false}})", user));
}

TEST_CASE("a dotted name descends into objects of a user's data, and a whole name takes precedence") {
  User user{"kim", true, "", {}, false};
  user.data = fields_of(R"({"a":{"b":{"c":1,"d.e":2},"b.c":3},"a.b":{"c":4},"f":{"":{"":5}},"x":[{"y":6}],)"
                        R"("status.x":7,"activity.x":8})");
  user.activity = fields_of(R"({"a.b":1,"a":{"b":2,"b.c":3,"c":{"d":4}}})");
  CHECK(holds(R"({"a.b":{"$eq":{"c":4}},"a.b.c":3,"a.b.d.e":2})", user));
  CHECK(holds(R"({"f..":5,"f.":{"$eq":{"":5}}})", user));
  CHECK(holds(R"({"x.y":{"$exists":false},"a.c":{"$exists":false},"a.b.c.d":{"$exists":false}})", user));
  CHECK(holds(R"({"status.x":7,"status":"","online.x":{"$exists":false}})", user));
  CHECK(holds(R"({"activity.a.b":1,"activity.a.b.c":3,"activity.a.c.d":4})", user));
  // Names behind "activity." are never those of the data.
  CHECK(holds(R"({"activity.x":{"$exists":false}})", user));
}

TEST_CASE("reserved names are the fields of the user, whatever a host puts into the data") {
  User user{"kim", true, "hi", at(0), false, Availability::busy};
  for (const std::string_view name : {"id", "online", "status", "last_active", "availability"}) user.data[name] = 7;
  for (const std::string_view name : {"id", "online", "status", "last_active", "availability"})
    CHECK_FALSE(holds(eq(name, 7), user));
  CHECK(holds(eq("id", "kim") && eq("online", true) && eq("status", "hi") && eq("last_active", at(0)) &&
                  eq("availability", "busy"),
              user));
}

TEST_CASE("users are found and sorted by their activity and data") {
  Told told;
  told.fold(plays("a", R"({"map":"bay","score":2})", at(0)));
  told.fold(plays("b", R"({"map":"harbour","score":10})", at(1)));
  told.fold(plays("c", R"({"score":7.5})", at(2)));
  told.fold(connect("d", "s", at(3)));
  told.fold(PresenceEvent::set_data("d", "name", "Dan Brown", at(4)));
  told.fold(PresenceEvent::set_data("b", "name", "ben", at(5)));
  told.fold(PresenceEvent::set_data("e", "name", "Eve", at(6)));  // who was never online
  told.fold(PresenceEvent::set_data("a", "home", Value::object(fields_of(R"({"city":"Kyoto"})")), at(7)));
  CHECK(found(told.s, R"({"activity.map":{"$exists":true}})") == "ab");
  CHECK(found(told.s, R"({"activity.score":{"$gt":2}})") == "bc");
  CHECK(found(told.s, R"({"name":{"$autocomplete":"b"}})") == "bd");
  CHECK(found(told.s, R"({"home.city":"Kyoto"})") == "a");
  CHECK(found(told.s, R"({"online":false,"name":"Eve"})") == "e");
  UserQuery asked;
  asked.sort = {{"activity.score", Order::descending}};
  CHECK(found(told.s, asked) == "debca");  // absent values first, in order of their ids
  asked.sort = {{"activity.score", Order::ascending}};
  CHECK(found(told.s, asked) == "acbde");
  asked.sort = {{"name", Order::ascending}};
  CHECK(found(told.s, asked) == "debac");
  asked.sort = {{"home.city", Order::ascending}, {"name", Order::descending}};
  asked.limit = 3;
  CHECK(found(told.s, asked) == "acb");
  told.fold(disconnect("b", "s", at(8)));  // and so has no activity, but data
  CHECK(found(told.s, R"({"activity.map":{"$exists":true}})") == "a");
  CHECK(found(told.s, R"({"name":"ben"})") == "b");
}

TEST_CASE("the activity of an invisible user is found by nobody else, and their data is") {
  Told told;
  PresenceEvent hidden = plays("a", R"({"map":"bay"})", at(0));
  hidden.invisible = true;
  told.fold(plays("b", R"({"map":"bay"})", at(1)));
  told.fold(hidden);
  told.fold(PresenceEvent::set_data("a", "name", "Ann", at(2)));
  for (const Viewer viewer : {nobody, self("b"), self("x")}) {
    CHECK(found(told.s, R"({"activity.map":"bay"})", viewer) == "b");
    CHECK(found(told.s, R"({"activity.map":{"$exists":false}})", viewer) == "a");
    CHECK(found(told.s, R"({"name":"Ann"})", viewer) == "a");
    UserQuery asked;
    asked.sort = {{"activity.map", Order::ascending}};
    CHECK(found(told.s, asked, viewer) == "ba");
  }
  CHECK(found(told.s, R"({"activity.map":"bay"})", self("a")) == "ab");
}

TEST_CASE("validate accepts every name that may be data, and no other type for another field") {
  CHECK_FALSE(validate(eq("mood", "sunny") && gt("activity.score", 1), Fields<User>{}));
  CHECK_FALSE(validate(UserQuery{{}, {{"mood", Order::ascending}}}));
  CHECK(validate(eq("online", "yes"), Fields<User>{})->field == "online");
  CHECK(validate(eq("last_active", true), Fields<UserView>{})->field == "last_active");
}

TEST_CASE("a name with many dots costs linear time") {
  User user{"kim", true, "", {}, false};
  Value deep = 1;
  for (int i = 0; i < 63; ++i) {
    Attributes outer;
    outer[""] = deep;
    for (int j = 0; j < 100; ++j) outer[std::string(static_cast<std::size_t>(j), '.') + "x"] = j;
    deep = Value::object(std::move(outer));
  }
  user.data[""] = deep;
  const std::string dots(1000000, '.');
  const auto start = std::chrono::steady_clock::now();
  CHECK(holds(exists("activity." + dots, false) && exists(dots, false), user));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}
