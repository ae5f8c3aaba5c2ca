// SPDX-License-Identifier: MIT
#include "../telling.hpp"

#include <presence/query/detail/candidates.hpp>
#include <presence/registers/detail/absent.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace support;

struct Seat {
  int row;
};
template <>
struct presence::Fields<Seat> {
  static constexpr auto list = fields(field("row", &Seat::row));
};

namespace {

constexpr std::size_t without_limit = static_cast<std::size_t>(-1);

std::string numbered(std::size_t i) { return "user-" + std::to_string(i); }

std::vector<std::string> ids_of(const std::vector<User>& users) {
  std::vector<std::string> ids;
  for (const User& user : users) ids.push_back(user.id);
  return ids;
}
template <class T>
std::vector<std::string> ids_of(const std::vector<const T*>& objects) {
  std::vector<std::string> ids;
  for (const T* object : objects) ids.push_back(object->id);
  return ids;
}
std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : " ") + text;
  return all;
}

UserQuery all_of(Filter filter, std::vector<SortKey> sort = {}) {
  UserQuery asked;
  asked.filter = std::move(filter);
  asked.sort = std::move(sort);
  asked.limit = without_limit;
  return asked;
}

std::string found(const Snapshot& s, const Filter& filter, Viewer viewer = nobody) {
  return joined(ids_of(query(s, all_of(filter), viewer)));
}
std::string sorted(const Snapshot& s, std::vector<SortKey> keys, Viewer viewer = nobody) {
  return joined(ids_of(query(s, all_of(Filter(), std::move(keys)), viewer)));
}

/// The number of users that a query examines.
std::size_t looked_at(const Snapshot& s, const Filter& filter, Viewer viewer = nobody) {
  const Timestamp none = detail::absent;
  return detail::each_candidate(s, filter, viewer, none, [](const UserView&) {});
}

Channel channel(std::string id, const Value& x) {
  Channel made;
  made.type = "messaging";
  made.id = std::move(id);
  made.custom["x"] = x;
  return made;
}

/// The oracle: users as everyone sees them, filtered one by one.
std::vector<User> plainly(const Snapshot& s, const Filter& filter) {
  std::vector<User> users;
  for (const UserView& user : s) {
    if (matches(filter, user)) users.push_back(static_cast<User>(user));
  }
  std::sort(users.begin(), users.end(), [](const User& a, const User& b) { return a.id < b.id; });
  return users;
}

Snapshot some_users() {
  Snapshot s;
  s = reduce(std::move(s), connect("john", "phone", at(1)));
  s = reduce(std::move(s), says("john", "busy", at(1)));
  s = reduce(std::move(s), connect("jack", "phone", at(2)));
  s = reduce(std::move(s), connect("anna", "phone", at(3)));
  s = reduce(std::move(s), disconnect("anna", "phone", at(4)));
  s = reduce(std::move(s), says("zoe", "away", at(5)));
  return s;
}

/// A snapshot of `count` users, every tenth of them online.
Snapshot many_users(unsigned count) {
  Snapshot s;
  for (unsigned i = 0; i < count; ++i) {
    s = reduce(std::move(s), connect(numbered(i), "a", at(1)));
    if (i % 10 != 0) s = reduce(std::move(s), disconnect(numbered(i), "a", at(2)));
  }
  return s;
}

/// The places of integers and strings of a channel in the order that the oracle sorts by.
int compare_simply(const Value* a, const Value* b) {
  if (a == nullptr || b == nullptr) return (a == nullptr ? 1 : 0) - (b == nullptr ? 1 : 0);
  if (a->kind() != b->kind()) return a->kind() == ValueKind::integer ? -1 : 1;
  if (a->kind() == ValueKind::integer)
    return a->view().integer() < b->view().integer() ? -1 : a->view().integer() > b->view().integer() ? 1 : 0;
  return a->view().text().compare(b->view().text());
}

}  // namespace

// Snapshots.

TEST_CASE("a query returns the users that match the filter, in the order of their ids") {
  const Snapshot s = some_users();
  CHECK(found(s, Filter()) == "anna jack john zoe");
  CHECK(found(s, eq("online", true)) == "jack john");
  CHECK(found(s, eq("online", false)) == "anna zoe");
  CHECK(found(s, eq("status", "busy")) == "john");
  CHECK(found(s, gt("last_active", at(2))) == "anna");
  CHECK(found(s, exists("last_active", false)) == "zoe");
  CHECK(found(s, autocomplete("status", "A") || eq("id", "jack")) == "jack zoe");
  CHECK(found(s, eq("nothing", 1)) == "");
  CHECK(found(Snapshot(), Filter()) == "");
  CHECK(found(Snapshot(), eq("online", true)) == "");
  CHECK(found(Snapshot(), eq("id", "john"), self("john")) == "");
}

TEST_CASE("a query returns the same users as find") {
  const Snapshot s = some_users();
  const std::vector<User> users = query(s, all_of(Filter()));
  REQUIRE(users.size() == 4);
  for (const User& user : users) CHECK(user == s.find(user.id));
}

TEST_CASE("an invalid filter finds no user") {
  const Snapshot s = some_users();
  CHECK(found(s, gt("id", true)) == "");
  CHECK(found(s, !gt("id", true)) == "");
  CHECK(found(s, eq("id", "john") || gt("id", true)) == "");
  CHECK(found(s, eq("online", true) && gt("id", true)) == "");
}

TEST_CASE("users are sorted by any of their fields") {
  const Snapshot s = some_users();
  CHECK(sorted(s, {{"id", Order::descending}}) == "zoe john jack anna");
  CHECK(sorted(s, {{"online"}}) == "anna zoe jack john");
  CHECK(sorted(s, {{"online", Order::descending}}) == "jack john anna zoe");
  CHECK(sorted(s, {{"status"}}) == "anna jack zoe john");
  CHECK(sorted(s, {{"status", Order::descending}}) == "john zoe anna jack");
  CHECK(sorted(s, {{"online", Order::descending}, {"id", Order::descending}}) == "john jack zoe anna");
  CHECK(sorted(s, {{"online"}, {"status"}}) == "anna zoe jack john");
  CHECK(sorted(s, {{"online"}, {"status", Order::descending}}) == "zoe anna john jack");
}

TEST_CASE("users without the sort field come last in ascending and first in descending order") {
  Snapshot s = some_users();
  s = reduce(std::move(s), PresenceEvent::set_data("jack", "level", 2, at(6)));
  s = reduce(std::move(s), PresenceEvent::set_data("john", "level", 1, at(6)));
  CHECK(sorted(s, {{"level"}}) == "john jack anna zoe");
  CHECK(sorted(s, {{"level", Order::descending}}) == "anna zoe jack john");
  CHECK(sorted(s, {{"level", Order::descending, true}}) == "jack john anna zoe");
}

TEST_CASE("users who were never active come last by last_active, in ascending and descending order") {
  const Snapshot s = some_users();
  const auto active = [&](const char* id) { return *last_active(s, id); };
  REQUIRE(active("john") < active("jack"));
  REQUIRE(active("jack") < active("anna"));
  CHECK(sorted(s, {{"last_active"}}) == "john jack anna zoe");
  CHECK(sorted(s, {{"last_active", Order::descending}}) == "anna jack john zoe");
}

TEST_CASE("a sort key that names no field of users is ignored") {
  const Snapshot s = some_users();
  CHECK(sorted(s, {{"name"}}) == "anna jack john zoe");
  CHECK(sorted(s, {{"name", Order::descending}, {"online"}}) == "anna zoe jack john");
  CHECK(sorted(s, {{""}, {"id", Order::descending}}) == "zoe john jack anna");
  CHECK(sorted(s, {{"invisible", Order::descending}}) == "anna jack john zoe");
}

TEST_CASE("offset and limit select a page of users") {
  const Snapshot s = some_users();
  UserQuery asked;
  const auto page = [&](std::size_t offset, std::size_t limit) {
    asked.offset = offset;
    asked.limit = limit;
    return joined(ids_of(query(s, asked)));
  };
  CHECK(page(0, 2) == "anna jack");
  CHECK(page(1, 2) == "jack john");
  CHECK(page(3, 2) == "zoe");
  CHECK(page(4, 2) == "");
  CHECK(page(0, 0) == "");
  CHECK(page(2, 0) == "");
  CHECK(page(without_limit, 2) == "");
  CHECK(page(without_limit, without_limit) == "");
  CHECK(page(1, without_limit) == "jack john zoe");
  CHECK(page(without_limit - 1, 1) == "");
}

TEST_CASE("a query without a limit has none") {
  CHECK(query(many_users(100), UserQuery()).size() == 100);
  std::vector<Channel> channels;
  for (unsigned i = 0; i < 40; ++i) channels.push_back(channel(numbered(i), i));
  CHECK(query(channels, ChannelQuery()).size() == 40);
  CHECK(query(channels, Query()).size() == 40);
}

TEST_CASE("validate names the first sort key that is no field, after the filter") {
  Query seats;
  seats.sort = {{"row", Order::descending}, {"colum", Order::descending}, {"x"}};
  REQUIRE(validate(seats, Fields<Seat>{}));
  CHECK(validate(seats, Fields<Seat>{})->field == "colum");
  CHECK(validate(seats, Fields<Seat>{})->op == Operator::invalid);
  CHECK(validate(seats.sort, Fields<Seat>{})->field == "colum");
  const std::vector<Seat> three = {{1}, {2}, {3}};
  CHECK(query(three, seats).size() == 3);  // ignored by the query itself
  seats.filter = eq("ro", 1);
  CHECK(validate(seats, Fields<Seat>{})->field == "ro");
  seats.filter = Filter();
  seats.sort.resize(1);
  CHECK_FALSE(validate(seats, Fields<Seat>{}));

  UserQuery users;
  users.sort = {{"name"}, {"activity.map"}};  // users may have any data
  CHECK_FALSE(validate(users));
  CHECK(query(many_users(3), users).size() == 3);
  users.filter = eq("online", 7);
  CHECK(validate(users)->field == "online");

  ChannelQuery channels;
  channels.sort = {{"a custom field"}};  // channels may have any field
  CHECK_FALSE(validate(channels));
  channels.filter = eq("id", 7);
  CHECK(validate(channels)->field == "id");
}

TEST_CASE("a query calls back once for each user of a page, in its order") {
  const Snapshot s = some_users();
  UserQuery asked = all_of(Filter(), {{"online", Order::descending}});
  asked.limit = 3;
  std::string ids;
  const std::size_t count = query(s, asked, nobody, [&](const UserView& user) {
    ids += std::string(user.id) + " ";
    CHECK(user == s.view(user.id));
  });
  CHECK(count == 3);
  CHECK(ids == "jack john anna ");
}

// Viewers.

TEST_CASE("viewers find themselves by their own state, and other users by their visible state") {
  Snapshot s = some_users();
  s = reduce(std::move(s), invisibly("john", "phone", at(6)));
  s = reduce(std::move(s), invisibly("ghost", "phone", at(6)));
  CHECK(s.online("john", self("john")));
  CHECK(found(s, eq("online", true)) == "jack");
  CHECK(found(s, eq("online", true), self("john")) == "jack john");
  CHECK(found(s, eq("online", true), self("jack")) == "jack");
  CHECK(found(s, eq("online", false), self("john")) == "anna zoe");
  CHECK(found(s, eq("online", false), self("jack")) == "anna john zoe");
  CHECK(found(s, eq("id", "john") && eq("online", true), self("john")) == "john");
  CHECK(found(s, eq("id", "john") && eq("online", true), self("jack")) == "");
  CHECK(found(s, in("id", {"john", "jack"}) && eq("online", false), self("jack")) == "john");
  CHECK(found(s, gt("last_active", at(5)), self("john")) == "john");
  CHECK(found(s, gt("last_active", at(5)), self("jack")) == "");
  CHECK(found(s, gt("last_active", at(5))) == "");
}

TEST_CASE("a user that was never visible is found only by themselves") {
  Snapshot s = some_users();
  s = reduce(std::move(s), invisibly("ghost", "phone", at(6)));
  REQUIRE_FALSE(s.find("ghost"));
  REQUIRE(s.find("ghost", self("ghost")));
  for (const Filter& filter : {Filter(), eq("online", true), eq("id", "ghost"), ne("id", "john"),
                               in("id", {"ghost", "x"}) || eq("id", "y"), exists("last_active", true)}) {
    CAPTURE(to_json(filter));
    CHECK(found(s, filter).find("ghost") == std::string::npos);
    CHECK(found(s, filter, self("john")).find("ghost") == std::string::npos);
    CHECK(found(s, filter, self("ghost")).find("ghost") != std::string::npos);
  }
}

TEST_CASE("viewers are sorted by their own state, other users by their visible state") {
  Snapshot s = some_users();
  s = reduce(std::move(s), invisibly("john", "phone", at(6)));
  CHECK(sorted(s, {{"online", Order::descending}}, self("john")) == "jack john anna zoe");
  CHECK(sorted(s, {{"online", Order::descending}}, self("anna")) == "jack anna john zoe");
  CHECK(sorted(s, {{"online", Order::descending}}) == "jack anna john zoe");
}

TEST_CASE("with random visibility changes, a query returns what find returns for each viewer") {
  constexpr std::uint64_t seed = 0x1e5;
  CAPTURE(seed);
  Chance luck(seed);
  Snapshot s;
  for (unsigned step = 0; step < 200; ++step) {
    const std::string user = numbered(luck.below(12));
    const Timestamp when = at(step);
    s = reduce(std::move(s),
               luck.below(2) == 0 ? invisibly(user, "a", when, luck.below(2) == 0) : disconnect(user, "a", when));
    CAPTURE(step);
    for (const Filter& filter : {Filter(), eq("online", true), eq("online", false), in("id", {"user-1", "user-2"}),
                                 exists("last_active", false)}) {
      CAPTURE(to_json(filter));
      const std::string viewer = numbered(luck.below(14));
      std::vector<std::string> expected;
      for (unsigned i = 0; i < 12; ++i) {
        const auto view = s.find(numbered(i), self(viewer));
        if (view && matches(filter, *view)) expected.push_back(view->id);
      }
      std::sort(expected.begin(), expected.end());
      REQUIRE(found(s, filter, self(viewer)) == joined(expected));
    }
  }
}

// What is looked at.

TEST_CASE("a filter on ids examines only these users") {
  const Snapshot s = many_users(100);
  CHECK(looked_at(s, Filter()) == 100);
  CHECK(looked_at(s, eq("id", "user-7")) == 1);
  CHECK(looked_at(s, eq("id", "nobody")) <= 1);
  CHECK(looked_at(s, in("id", {"user-7", "user-8", "nobody"})) <= 3);
  CHECK(looked_at(s, in("id", {})) == 0);
  CHECK(looked_at(s, eq("id", 7)) == 0);
  CHECK(looked_at(s, eq("id", nullptr)) == 0);
  CHECK(looked_at(s, eq("id", array({"user-7"}))) == 0);
  CHECK(looked_at(s, gt("id", true)) == 0);
  CHECK(found(s, eq("id", "user-7")) == "user-7");
  CHECK(found(s, in("id", {"user-8", "nobody", "user-7"})) == "user-7 user-8");
  CHECK(found(s, in("id", {7, "user-7", nullptr})) == "user-7");
  CHECK(found(s, eq("id", "")) == "");
}

TEST_CASE("a filter on ids combined by && with other conditions examines only these users") {
  const Snapshot s = many_users(100);
  CHECK(looked_at(s, eq("id", "user-7") && eq("online", true)) == 1);
  CHECK(looked_at(s, eq("online", true) && eq("id", "user-7")) == 1);
  CHECK(looked_at(s, in("id", {"user-1", "user-2", "user-3"}) && eq("status", "") && in("id", {"user-2", "user-9"})) ==
        2);
  CHECK(looked_at(s, and_({eq("status", ""), and_({or_({eq("id", "user-1"), eq("id", "user-2")}), Filter()})})) == 2);
  CHECK(found(s, eq("id", "user-7") && eq("online", true)) == "");
  CHECK(found(s, eq("id", "user-10") && eq("online", true)) == "user-10");
  CHECK(found(s, in("id", {"user-1", "user-2", "user-3"}) && in("id", {"user-2", "user-9"})) == "user-2");
}

TEST_CASE("a filter on ids in every part of an || examines only these users") {
  const Snapshot s = many_users(100);
  CHECK(looked_at(s, eq("id", "user-7") || in("id", {"user-8", "user-9"})) == 3);
  CHECK(looked_at(s, (eq("id", "user-7") && eq("online", true)) || eq("id", "user-10")) == 2);
  CHECK(looked_at(s, eq("id", "user-7") || eq("online", true)) == 100);
  CHECK(found(s, eq("id", "user-7") || in("id", {"user-8", "user-9"})) == "user-7 user-8 user-9");
  CHECK(found(s, eq("id", "user-7") || (eq("id", "user-20") && eq("online", true))) == "user-20 user-7");
}

TEST_CASE("a user named several times is found once") {
  const Snapshot s = many_users(100);
  CHECK(looked_at(s, in("id", {"user-7", "user-7", "user-8", "user-7"})) == 2);
  CHECK(looked_at(s, eq("id", "user-7") || eq("id", "user-7")) == 1);
  CHECK(found(s, in("id", {"user-7", "user-7", "user-8", "user-7"})) == "user-7 user-8");
  CHECK(found(s, eq("id", "user-7") || in("id", {"user-7", "user-9"})) == "user-7 user-9");
  std::vector<std::string> many;
  for (unsigned i = 0; i < 300; ++i) many.push_back(numbered(i % 50));
  CHECK(looked_at(s, in("id", many)) == 50);
  CHECK(query(s, all_of(in("id", many))).size() == 50);
  CHECK(found(s, in("id", {"user-7", "user-7"}), self("user-7")) == "user-7");
}

TEST_CASE("a filter that excludes ids finds all other users") {
  const Snapshot s = many_users(30);
  CHECK(query(s, all_of(ne("id", "user-7"))).size() == 29);
  CHECK(query(s, all_of(nin("id", {"user-7", "user-8"}))).size() == 28);
  CHECK(query(s, all_of(!eq("id", "user-7"))).size() == 29);
  CHECK(query(s, all_of(nor({eq("id", "user-7"), eq("id", "user-8")}))).size() == 28);
}

TEST_CASE("an id that is an RFC 3339 string is found by its timestamp and by equal strings") {
  Snapshot s = many_users(10);
  const std::string spelled = "2019-01-07T14:00:00+02:00";
  s = reduce(std::move(s), connect(spelled, "a", at(3)));
  const Timestamp noon = *parse_timestamp("2019-01-07T12:00:00Z");
  CHECK(found(s, eq("id", noon)) == spelled);
  CHECK(found(s, in("id", {"user-1", noon})) == spelled + " user-1");
  CHECK(found(s, eq("id", "2019-01-07T12:00:00Z")) == spelled);
  CHECK(found(s, eq("id", spelled)) == spelled);
  const std::string another = "2019-01-07T12:00:00.0Z";
  s = reduce(std::move(s), connect(another, "a", at(3)));
  CHECK(found(s, eq("id", "2019-01-07T12:00:00Z")) == another + " " + spelled);
  CHECK(found(s, in("id", {"user-1", "2019-01-07T12:00:00Z"})) == another + " " + spelled + " user-1");
  CHECK(found(s, ne("id", spelled) && in("id", {another, "user-1"})) == "user-1");
}

TEST_CASE("ids that are the same timestamp are sorted by their bytes, so that pages do not overlap") {
  Snapshot s;
  std::vector<std::string> ids;
  for (int hours = 0; hours < 24; ++hours) {
    const std::string two = (hours < 10 ? "0" : "") + std::to_string(hours);
    ids.push_back("2019-01-07T" + two + ":00:00+" + two + ":00");
    ids.push_back("x" + two);
  }
  std::vector<Channel> channels;
  for (const std::string& id : ids) {
    s = reduce(std::move(s), connect(id, "a", at(1)));
    channels.insert(channels.begin(), channel(id, 1));
  }
  std::sort(ids.begin(), ids.end());
  for (const std::vector<SortKey>& keys :
       {std::vector<SortKey>(), {{"online", Order::ascending}}, {{"x", Order::descending}}}) {
    std::vector<std::string> of_users, of_channels;
    for (std::size_t offset = 0; offset < ids.size(); offset += 5) {
      UserQuery users = all_of(Filter(), keys);
      users.offset = offset;
      users.limit = 5;
      for (const std::string& id : ids_of(query(s, users))) of_users.push_back(id);
      for (const std::string& id : ids_of(query(channels, Query{Filter(), keys, offset, 5}))) of_channels.push_back(id);
    }
    CHECK(joined(of_users) == joined(ids));
    CHECK(joined(of_channels) == joined(ids));
  }
}

TEST_CASE("RFC 3339 strings are sorted by time, after other strings") {
  std::vector<Channel> channels;
  const char* const ascending[] = {"",
                                   "2019",
                                   "a",
                                   "z",
                                   "0001-01-01T00:00:00Z",
                                   "2019-01-07T13:00:00+02:00",
                                   "2019-01-07T12:00:00Z",
                                   "2020-05-19T21:32:07.06796Z",
                                   "2020-05-19T21:32:07.067961Z",
                                   "9999-12-31T23:59:59Z"};
  for (const char* const text : ascending) channels.push_back(channel(text, text));
  channels.push_back(channel("2020-05-19T21:32:07.0679605Z", *parse_timestamp("2020-05-19T21:32:07.0679605Z")));
  const auto sorted_by_x = [&](Order order) {
    return joined(ids_of(query(channels, Query{Filter(), {{"x", order}}})));
  };
  std::vector<std::string> expected(std::begin(ascending), std::end(ascending));
  expected.insert(expected.begin() + 8, "2020-05-19T21:32:07.0679605Z");
  CHECK(sorted_by_x(Order::ascending) == joined(expected));
  std::reverse(expected.begin(), expected.end());
  CHECK(sorted_by_x(Order::descending) == joined(expected));
}

TEST_CASE("after the first query for online users, further ones examine few offline users") {
  Snapshot s = many_users(1000);
  REQUIRE(s.online_count() == 100);
  CHECK(looked_at(s, eq("online", true)) <= 1000);
  const Filter asking[] = {eq("online", true),
                           ne("online", false),
                           in("online", {true}),
                           eq("online", true) && ne("id", "user-10"),
                           ne("status", "x") && eq("online", true),
                           or_({eq("online", true), and_({Filter(), ne("online", false)})})};
  for (const Filter& filter : asking) {
    CAPTURE(to_json(filter));
    CHECK(looked_at(s, filter) <= 110);  // and the few that no note is kept of
    CHECK(looked_at(s, filter) >= 100);
    CHECK(query(s, all_of(filter)).size() == plainly(s, filter).size());
  }
  const Filter other[] = {ne("online", nullptr),
                          eq("online", false),
                          nin("online", {true}),
                          !eq("online", true),
                          eq("online", true) || eq("status", ""),
                          in("online", {true, false}),
                          eq("online", "true"),
                          gte("online", "x")};
  for (const Filter& filter : other) {
    CAPTURE(to_json(filter));
    CHECK(query(s, all_of(filter)).size() == plainly(s, filter).size());
  }
}

TEST_CASE("users who come online after a query for online users are found by the next one") {
  Snapshot s = many_users(300);
  CHECK(query(s, all_of(eq("online", true))).size() == 30);
  const Snapshot before = s;
  s = reduce(std::move(s), connect("user-7", "b", at(5)));
  s = reduce(std::move(s), connect("newcomer", "b", at(5)));
  s = reduce(std::move(s), report("user-8", true, at(5)));
  CHECK(query(s, all_of(eq("online", true))).size() == 33);
  CHECK(query(before, all_of(eq("online", true))).size() == 30);
  CHECK(found(s, eq("online", true) && ne("id", "x")).find("newcomer") == 0);
}

TEST_CASE("users who timed out in a later snapshot are still found online in the earlier one") {
  const Snapshot early = reduce(many_users(300), at(10));
  const Snapshot late = reduce(early, at(1000));
  REQUIRE(late.online_count() == 0);
  // What is noted of the later snapshot must not be read for the earlier one, with which it shares what it can.
  CHECK(query(late, all_of(eq("online", true))).empty());
  CHECK(query(early, all_of(eq("online", true))).size() == 30);
  CHECK(query(late, all_of(eq("online", true))).empty());
  CHECK(query(early, all_of(eq("online", true))).size() == 30);
}

TEST_CASE("querying a snapshot where users are offline does not hide them in one where they are online") {
  Rules rules = with_timeout(Duration());
  rules.offline_grace = seconds(20);
  Snapshot s{rules};
  for (unsigned i = 0; i < 200; ++i) s = reduce(std::move(s), connect(numbered(i), "a", at(1)));
  for (unsigned i = 0; i < 200; ++i) s = reduce(std::move(s), disconnect(numbered(i), "a", at(2)));
  const Snapshot during = reduce(s, at(3)), after = reduce(s, at(30));
  REQUIRE(during.online_count() == 200);
  REQUIRE(after.online_count() == 0);
  CHECK(query(after, all_of(eq("online", true))).empty());
  CHECK(query(during, all_of(eq("online", true))).size() == 200);
  CHECK(query(s, all_of(eq("online", true))).size() == 200);
}

TEST_CASE("queries for online users agree with a linear scan at every step of random histories") {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    CAPTURE(seed);
    Chance luck(seed);
    Rules rules = with_timeout(seed % 2 == 0 ? seconds(40) : seconds(7));
    rules.offline_grace = seed % 3 == 0 ? Duration() : seconds(5);
    if (seed == 4) rules.forget_after = seconds(60);
    constexpr unsigned users = 200;
    Snapshot s{rules}, older{rules}, sibling{rules};
    double now = 100;
    const auto event = [&] {
      const std::string user = numbered(luck.below(users)), session(1, static_cast<char>('a' + luck.below(3)));
      const Timestamp when = at(now + static_cast<double>(luck.below(20)) - 10.0);
      switch (luck.below(8)) {
        case 0:
        case 1: return connect(user, session, when);
        case 2: return disconnect(user, session, when);
        case 3: return invisibly(user, session, when);
        case 4: return visibly(user, session, when);
        case 5: return heartbeat(user, session, when);
        case 6: return says(user, "here", when);
        default: return report(user, luck.below(2) == 0, when);
      }
    };
    const auto agrees = [&](const Snapshot& snapshot) {
      const std::vector<User> expected = plainly(snapshot, eq("online", true));
      REQUIRE(expected.size() == snapshot.online_count());
      REQUIRE(query(snapshot, all_of(eq("online", true))) == expected);
      // What it is passed over now is right, too; and who are looked at are those online, but for the last of full
      // pages.
      REQUIRE(query(snapshot, all_of(ne("online", false))) == expected);
      REQUIRE(looked_at(snapshot, eq("online", true)) <= expected.size() + snapshot.size() / 60 + 1);
    };
    for (unsigned step = 0; step < 1200; ++step) {
      CAPTURE(step);
      if (luck.below(4) == 0) now += luck.below(4) == 0 ? 10 : 0.5;
      switch (luck.below(16)) {
        case 0: s = reduce(std::move(s), at(now)); break;
        case 1: older = s; break;  // the same state under two names
        case 2: older = reduce(std::move(older), at(now + static_cast<double>(luck.below(30)))); break;
        case 3: older = reduce(std::move(older), event()); break;
        case 4: sibling = s; break;
        case 5: sibling = reduce(std::move(sibling), event()); break;
        case 6:
          if (luck.below(5) == 0) s = merge(std::move(s), sibling);
          break;
        case 7:
          if (luck.below(10) == 0) s = forget_reports(std::move(s));
          break;
        default: s = reduce(std::move(s), event()); break;
      }
      // In either order, as what is noted while one is asked may be shared with the other.
      if (step % 2 == 0) agrees(older);
      agrees(s);
      if (step % 2 == 1) agrees(older);
      if (step % 16 == 0) agrees(sibling);
    }
  }
}

TEST_CASE("a query for online users finds all 1000 of them, also when repeated") {
  Snapshot s;
  for (unsigned i = 0; i < 1000; ++i) s = reduce(std::move(s), connect(numbered(i), "a", at(1)));
  for (int again = 0; again < 3; ++again) CHECK(query(s, all_of(eq("online", true))).size() == 1000);
}

// Ranges.

TEST_CASE("a query of a range returns pointers to its objects") {
  const std::vector<Channel> channels{channel("c", 1), channel("a", 2), channel("b", 1)};
  const auto page = query(channels, Query{eq("x", 1), {}, 0, 10});
  REQUIRE(page.size() == 2);
  CHECK(page[0] == &channels[2]);
  CHECK(page[1] == &channels[0]);
  const std::list<User> users{{"b", true, "", {}, false}, {"a", false, "", {}, false}};
  CHECK(joined(ids_of(query(users, Query{Filter(), {}, 0, 9}))) == "a b");
  const Channel raw[] = {channel("z", 1), channel("y", 2)};
  CHECK(joined(ids_of(query(raw, Query{}))) == "y z");
  CHECK(query(std::as_const(channels), Query{gt("x", true), {}, 0, 9}).empty());
  const std::vector<Channel> none;
  CHECK(query(none, Query()).empty());
}

TEST_CASE("objects with the same id keep the order of their range") {
  std::vector<Channel> channels;
  for (int i = 0; i < 200; ++i) channels.push_back(channel(i % 2 == 0 ? "same" : "other", i));
  const auto page = query(channels, Query());
  REQUIRE(page.size() == 200);
  for (std::size_t i = 0; i < 100; ++i) {
    CHECK(page[i] == &channels[2 * i + 1]);
    CHECK(page[100 + i] == &channels[2 * i]);
  }
  const auto turned = query(channels, Query{Filter(), {{"type", Order::descending}}, 99, 2});
  REQUIRE(turned.size() == 2);
  CHECK(turned[0] == &channels[199]);
  CHECK(turned[1] == &channels[0]);
}

TEST_CASE("values of different types are sorted by type") {
  const std::vector<Channel> channels{channel("null", nullptr),
                                      channel("timestamp", at(0)),
                                      channel("true", true),
                                      channel("array", array({1})),
                                      channel("false", false),
                                      channel("text", "1"),
                                      channel("integer", 5),
                                      channel("real", 2.5),
                                      Channel{"messaging", "absent", {}, {}},
                                      channel("array2", array({1, 1})),
                                      channel("array0", array({}))};
  CHECK(joined(ids_of(query(channels, Query{Filter(), {{"x"}}, 0, 99}))) ==
        "real integer text array0 array array2 false true timestamp absent null");
  CHECK(joined(ids_of(query(channels, Query{Filter(), {{"x", Order::descending}}, 0, 99}))) ==
        "absent null timestamp true false array2 array array0 text integer real");
}

TEST_CASE("numbers are sorted exactly, with NaN before them") {
  constexpr std::int64_t large = (std::int64_t{1} << 53) + 1;
  const double zero = 0.0;
  const std::vector<Channel> channels{
      channel("d", large), channel("c", 9007199254740992.0), channel("a", -1.5), channel("nan", zero / zero),
      channel("b", -1),    channel("nan2", -(zero / zero)),  channel("b2", -1.0)};
  CHECK(joined(ids_of(query(channels, Query{Filter(), {{"x"}}, 0, 99}))) == "nan nan2 a b b2 c d");
}

TEST_CASE("offset and limit select a page of channels") {
  std::vector<Channel> channels;
  for (int i = 0; i < 9; ++i) channels.push_back(channel(std::string(1, static_cast<char>('a' + i)), i % 3));
  ChannelQuery asked;
  asked.filter = ne("x", 1);
  asked.sort = {{"x", Order::descending}};
  asked.offset = 2;
  asked.limit = 3;
  CHECK(joined(ids_of(query(channels, asked))) == "i a d");
}

TEST_CASE("pages of channels concatenate to the whole sorted list without overlap") {
  constexpr std::uint64_t seed = 0xFA6E5;
  CAPTURE(seed);
  Chance luck(seed);
  for (unsigned round = 0; round < 60; ++round) {
    CAPTURE(round);
    std::vector<Channel> channels;
    for (std::size_t i = luck.below(round < 50 ? 60u : 700u); i > 0; --i) {
      Channel made{"messaging", numbered(luck.below(500)), {}, {}};
      for (const char* const name : {"x", "y"}) {
        const std::size_t kind = luck.below(4);
        if (kind == 1) made.custom[name] = static_cast<int>(luck.below(4)) - 2;
        if (kind >= 2) made.custom[name] = std::string(1 + luck.below(2), static_cast<char>('a' + luck.below(2)));
      }
      channels.push_back(made);
    }
    std::vector<SortKey> keys;
    for (std::size_t i = luck.below(4); i > 0; --i) {
      const char* const names[] = {"x", "y", "id", "unknown"};
      const char* const name = names[luck.below(4)];
      const Order order = luck.below(2) == 0 ? Order::ascending : Order::descending;
      const bool nulls_last = luck.below(2) == 0;
      keys.push_back({name, order, nulls_last});
    }
    const Filter filter = luck.below(2) == 0 ? Filter() : ne("x", "a");

    std::vector<const Channel*> expected;
    for (const Channel& one : channels) {
      const Value* const x = one.custom.find("x");
      if (filter == Filter() || x == nullptr || *x != Value("a")) expected.push_back(&one);
    }
    std::stable_sort(expected.begin(), expected.end(), [&](const Channel* a, const Channel* b) {
      for (const SortKey& key : keys) {
        const Value* const x = a->custom.find(key.field);
        const Value* const y = b->custom.find(key.field);
        if (key.field != "id" && key.nulls_last && (x == nullptr) != (y == nullptr)) return y == nullptr;
        const int order = key.field == "id" ? a->id.compare(b->id) : compare_simply(x, y);
        if (order != 0) return key.order == Order::ascending ? order < 0 : order > 0;
      }
      return a->id < b->id;
    });

    REQUIRE(query(channels, Query{filter, keys}) == expected);
    const std::size_t limit = 1 + luck.below(luck.below(2) == 0 ? 5 : 70);
    std::vector<const Channel*> together;
    for (std::size_t offset = 0;; offset += limit) {
      const auto page = query(channels, Query{filter, keys, offset, limit});
      REQUIRE(page.size() == std::min(limit, expected.size() - std::min(expected.size(), offset)));
      if (page.empty()) break;
      together.insert(together.end(), page.begin(), page.end());
    }
    REQUIRE(together == expected);
  }
}

TEST_CASE("pages of users concatenate to the whole sorted list, for every sort key") {
  constexpr std::uint64_t seed = 0xC0DE;
  CAPTURE(seed);
  Chance luck(seed);
  Snapshot s;
  for (unsigned i = 0; i < 400; ++i) {
    const std::string user = numbered(i);
    if (luck.below(3) != 0) s = reduce(std::move(s), connect(user, "a", at(static_cast<double>(luck.below(30)))));
    if (luck.below(3) == 0) s = reduce(std::move(s), disconnect(user, "a", at(31)));
    if (luck.below(3) != 1)
      s = reduce(std::move(s), says(user, std::string(1, static_cast<char>('a' + luck.below(3))), at(32)));
  }
  for (const char* const field : {"id", "online", "status", "last_active", "unknown"}) {
    for (const Order order : {Order::ascending, Order::descending}) {
      const std::string name = field;
      CAPTURE(name);
      std::vector<User> expected;
      for (const UserView& user : s) expected.push_back(static_cast<User>(user));
      std::sort(expected.begin(), expected.end(), [](const User& a, const User& b) { return a.id < b.id; });
      std::stable_sort(expected.begin(), expected.end(), [&](const User& first, const User& second) {
        const User& a = order == Order::ascending ? first : second;
        const User& b = order == Order::ascending ? second : first;
        if (name == "id") return a.id < b.id;
        if (name == "online") return a.online < b.online;
        if (name == "status") return a.status < b.status;
        if (name != "last_active" || a.last_active == b.last_active) return false;
        // Users who were never active come last in either direction.
        if (!first.last_active || !second.last_active) return first.last_active.has_value();
        return *a.last_active < *b.last_active;
      });
      std::vector<User> together;
      UserQuery asked = all_of(Filter(), {{name, order}});
      for (asked.limit = 37;; asked.offset += asked.limit) {
        const std::vector<User> page = query(s, asked);
        if (page.empty()) break;
        together.insert(together.end(), page.begin(), page.end());
      }
      REQUIRE(together == expected);
    }
  }
}

TEST_CASE("users who were never active come after all pages of others by last_active") {
  Snapshot s = reduce(Snapshot(), at(0));
  for (unsigned i = 0; i < 300; ++i) {
    const std::string user = numbered(i);
    s = reduce(std::move(s), says(user, "hi", at(1)));
    if (i % 3 == 0) s = reduce(std::move(s), connect(user, "a", at(i / 300.0)));
  }
  for (const Order order : {Order::ascending, Order::descending}) {
    UserQuery asked = all_of(Filter(), {{"last_active", order}});
    asked.limit = 5;
    for (const User& user : query(s, asked)) CHECK(user.last_active);
    asked.offset = 98;
    std::size_t active = 0;
    for (const User& user : query(s, asked)) active += user.last_active ? 1u : 0u;
    CHECK(active == 2);
  }
}

TEST_CASE("nulls_last puts absent values and nulls last in descending order") {
  std::vector<Channel> channels(3, Channel{"match", "", {}, {}});
  channels[0].id = "lacks", channels[1].id = "has", channels[2].id = "null";
  channels[1].custom["level"] = 3;
  channels[2].custom["level"] = Value(nullptr);
  const auto first_of = [&channels](const SortKey& key) { return query(channels, Query{Filter(), {key}})[0]->id; };
  CHECK(first_of(SortKey{"level", Order::descending}) == "lacks");
  CHECK(first_of(SortKey{"level", Order::descending, true}) == "has");
  CHECK(first_of(SortKey{"level", Order::ascending, true}) == "has");
}

TEST_CASE("nulls_last does not concern nulls inside of an array") {
  std::vector<Channel> channels(2, Channel{"match", "", {}, {}});
  channels[0].id = "number", channels[1].id = "null";
  channels[0].custom["levels"] = *parse_value("[1]");
  channels[1].custom["levels"] = *parse_value("[null]");
  for (const bool nulls_last : {false, true}) {
    const SortKey key{"levels", Order::descending, nulls_last};
    CHECK(query(channels, Query{Filter(), {key}})[0]->id == "null");
  }
}

TEST_CASE("sort keys are equal if their fields are") {
  CHECK(SortKey{"a"} == SortKey{"a", Order::ascending});
  CHECK(SortKey{"a"} != SortKey{"b"});
  CHECK(SortKey{"a"} != SortKey{"a", Order::descending});
  CHECK(SortKey{"a", Order::ascending, true} != SortKey{"a", Order::ascending});
}
