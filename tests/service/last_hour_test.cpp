// SPDX-License-Identifier: MIT
#include "last_hour.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>

using namespace presence;
using service::LastHour;

namespace {

const Timestamp start = *parse_timestamp("2019-01-07T13:00:00Z");
Timestamp at(int seconds) { return start + Duration::from_s(seconds); }

UserPresenceChanged change(const std::string& id, std::optional<Availability> availability, int seconds) {
  UserPresenceChanged made;
  made.id = id;
  made.after = User();
  made.after->id = id;
  made.after->online = availability.has_value();
  made.after->availability = availability.value_or(Availability::offline);
  made.at = at(seconds);
  return made;
}
UserView hidden(const std::string& id, bool invisible) {
  UserView own;
  own.id = id;
  own.online = true;
  own.invisible = invisible;
  return own;
}
std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t i = text.find(part); i != std::string::npos; i = text.find(part, i + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("spans follow what others see, and the last one reaches to now") {
  LastHour hour(start);
  hour.add(change("ann", Availability::available, 10));
  hour.add(change("ann", Availability::available, 15));  // another field changed
  hour.add(change("ann", Availability::busy, 20));
  hour.add(change("ann", std::nullopt, 30));
  hour.add(change("ann", Availability::idle, 40));
  CHECK(hour.to_json("bob", at(60)) ==
        R"({"now":"2019-01-07T13:01:00.000Z","from":"2019-01-07T13:00:00.000Z","users":[{"id":"ann","spans":[)"
        R"({"from":"2019-01-07T13:00:10.000Z","to":"2019-01-07T13:00:20.000Z","state":"online"},)"
        R"({"from":"2019-01-07T13:00:20.000Z","to":"2019-01-07T13:00:30.000Z","state":"busy"},)"
        R"({"from":"2019-01-07T13:00:40.000Z","to":"2019-01-07T13:01:00.000Z","state":"idle"}]}]})");
}

TEST_CASE("what is older than an hour is cut off and forgotten") {
  LastHour hour(start);
  hour.add(change("ann", Availability::available, 10));
  hour.add(change("ann", std::nullopt, 20));
  hour.add(change("bob", Availability::away, 30));
  const std::string json = hour.to_json("", at(3'700));
  CHECK(json.find(R"("from":"2019-01-07T13:01:40.000Z","users")") != std::string::npos);
  CHECK(json.find("ann") == std::string::npos);
  CHECK(json.find(R"({"from":"2019-01-07T13:01:40.000Z","to":"2019-01-07T14:01:40.000Z","state":"away"})") !=
        std::string::npos);
}

TEST_CASE("only the user sees when they were invisible") {
  LastHour hour(start);
  hour.add(change("ann", Availability::available, 10));
  hour.add(change("ann", std::nullopt, 20));
  hour.set_own("ann", hidden("ann", true), at(20));
  hour.set_own("ann", hidden("ann", true), at(25));
  const std::string others = hour.to_json("bob", at(40));
  CHECK(others.find("invisible") == std::string::npos);
  const std::string own = hour.to_json("ann", at(40));
  CHECK(own.find(R"({"from":"2019-01-07T13:00:20.000Z","to":"2019-01-07T13:00:40.000Z","state":"invisible"})") !=
        std::string::npos);
  hour.set_own("ann", std::nullopt, at(45));
  CHECK(hour.to_json("ann", at(50)).find("13:00:45.000Z") != std::string::npos);

  hour.set_own("eve", hidden("eve", true), at(46));  // was never seen by others
  CHECK(hour.to_json("bob", at(50)).find("eve") == std::string::npos);
  CHECK(hour.to_json("eve", at(50)).find("eve") != std::string::npos);
}

TEST_CASE("a removed user is not listed any more") {
  LastHour hour(start);
  hour.add(change("ann", Availability::available, 10));
  UserPresenceChanged removed;
  removed.id = "ann";
  removed.at = at(20);
  hour.add(removed);
  CHECK(hour.to_json("bob", at(30)).find("ann") == std::string::npos);
}

TEST_CASE("a user who changes often keeps the latest spans") {
  LastHour hour(start);
  for (int i = 0; i < 1000; ++i) hour.add(change("ann", i % 2 == 0 ? Availability::away : Availability::busy, i));
  const std::string json = hour.to_json("bob", at(1000));
  CHECK(count(json, "\"state\"") == LastHour::most_spans);
  CHECK(json.find(R"("from":"2019-01-07T13:16:39.000Z","to":"2019-01-07T13:16:40.000Z","state":"busy")") !=
        std::string::npos);
}

TEST_CASE("users beyond the limit are recorded when there is room again") {
  LastHour hour(start);
  for (std::size_t i = 0; i < LastHour::most_users; ++i) {
    hour.add(change("u" + std::to_string(i), Availability::available, 1));
    hour.add(change("u" + std::to_string(i), std::nullopt, 2));
  }
  hour.add(change("late", Availability::available, 3));
  CHECK(hour.to_json("", at(4), {"late"}).find("late") == std::string::npos);
  hour.set_own("shy", hidden("shy", true), at(4));  // takes no place of others, and has one
  CHECK(hour.to_json("shy", at(4), {"shy"}).find("shy") != std::string::npos);
  hour.add(change("later", Availability::available, 3'700));
  CHECK(hour.to_json("", at(3'701), {"later"}).find("later") != std::string::npos);
}

TEST_CASE("lists the users that were asked for, or the first ones") {
  LastHour hour(start);
  for (int i = 0; i < 9; ++i) hour.add(change("u" + std::to_string(i), Availability::available, i));
  CHECK(count(hour.to_json("", at(20), {"u3", "u1", "none"}), "\"id\"") == 2);
  const std::string first = hour.to_json("u7", at(20), {}, 4);
  CHECK(count(first, "\"id\"") == 4);
  CHECK(first.find("u7") < first.find("u0"));
  CHECK(hour.to_json("", at(20), {"a\"b"}).find("\"users\":[]") != std::string::npos);
}
