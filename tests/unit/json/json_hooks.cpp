// SPDX-License-Identifier: MIT
#include "../rooms.hpp"

#include <presence/json/channels.hpp>
#include <presence/json_hooks.hpp>

// The hooks are asked for before nlohmann's header: they need nothing of it.
#if __has_include(<nlohmann/json.hpp>)

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using namespace support;

namespace {

const Timestamp noon = *parse_timestamp("2019-01-07T12:00:00.5Z");

User ann() { return User{"ann", true, "caf\xC3\xA9 \"\n", noon, true}; }

Channel general() {
  Channel channel = room("general", {"ann", "bob"});
  channel.custom["level"] = 3;
  channel.custom["ratio"] = 3.0;
  channel.custom["tags"] = array({"a", nullptr, false, -1});
  return channel;
}

UserPresenceChanged change() { return changed(noon, std::nullopt, ann()); }

PresenceEvent event() { return active(saying(report("ann", true, noon), "here"), noon - seconds(1)); }

/// A value as JSON is what its text says, and reads back.
template <class Json, class T>
void goes_both_ways(const T& value, std::string_view text) {
  CAPTURE(std::string(text));
  const Json json = value;
  CHECK(json == Json::parse(text));
  CHECK(json.template get<T>() == value);
  T same;
  json.get_to(same);
  CHECK(same == value);
}

template <class Json, class T, class = void>
struct IsWritten : std::false_type {};
template <class Json, class T>
struct IsWritten<Json, T, std::void_t<decltype(to_json(std::declval<Json&>(), std::declval<const T&>()))>>
    : std::true_type {};
template <class Json, class T, class = void>
struct IsRead : std::false_type {};
template <class Json, class T>
struct IsRead<Json, T, std::void_t<decltype(from_json(std::declval<const Json&>(), std::declval<T&>()))>>
    : std::true_type {};

/// Looks like a basic_json, and is none.
struct Other {
  using object_t = int;
  using exception = int;
  static int parse(const std::string&) { return 0; }
  std::string dump() const { return {}; }
};
struct Converted {
  operator User() const { return ann(); }
};

}  // namespace

static_assert(std::is_same<decltype(to_json(ann())), std::string>::value, "with one argument a text is made");
static_assert(std::is_same<decltype(presence::to_json(general())), std::string>::value,
              "with one argument a text is made");
static_assert(IsWritten<nlohmann::json, UserView>::value && !IsRead<nlohmann::json, UserView>::value,
              "a view is written alone");
static_assert(IsWritten<nlohmann::json, UserPresenceChanged>::value &&
                  !IsRead<nlohmann::json, UserPresenceChanged>::value,
              "a change is written alone");
static_assert(IsWritten<nlohmann::json, Value>::value && IsRead<nlohmann::json, Value>::value,
              "a value is written and read");
static_assert(!IsWritten<nlohmann::json, Duration>::value && !IsWritten<nlohmann::json, Converted>::value &&
                  !IsWritten<nlohmann::json, std::optional<Timestamp>>::value,
              "what converts to a type with a hook has none itself");
static_assert(!IsWritten<Other, User>::value && !IsRead<Other, User>::value, "what is no basic_json has no hooks");
static_assert(!IsWritten<std::string, User>::value && !IsWritten<std::map<std::string, int>, User>::value &&
                  !IsRead<std::string, Value>::value,
              "what is no basic_json has no hooks");
static_assert(std::is_constructible<nlohmann::json, User>::value &&
                  !std::is_constructible<nlohmann::json, Duration>::value,
              "nlohmann finds the hooks");

TEST_CASE_TEMPLATE("types with a JSON form convert to nlohmann's JSON and back", Json, nlohmann::json,
                   nlohmann::ordered_json) {
  goes_both_ways<Json>(
      ann(),
      R"({"id":"ann","online":true,"status":"caf\u00e9 \"\n","last_active":"2019-01-07T12:00:00.500Z","invisible":true})");
  goes_both_ways<Json>(User{"", false, "", std::nullopt, false}, R"({"id":"","online":false,"status":""})");
  goes_both_ways<Json>(
      event(),
      R"({"type":"report","user":"ann","online":true,"at":"2019-01-07T12:00:00.500Z","status":"here","last_active":"2019-01-07T11:59:59.500Z"})");
  goes_both_ways<Json>(
      invisibly("ann", "phone", noon),
      R"({"type":"connect","user":"ann","session":"phone","at":"2019-01-07T12:00:00.500Z","invisible":true})");
  goes_both_ways<Json>(
      general(),
      R"({"type":"messaging","id":"general","members":["ann","bob"],"level":3,"ratio":3.0,"tags":["a",null,false,-1]})");
  goes_both_ways<Json>(eq("type", "messaging") && in("members", {"ann", 0.1}),
                       R"({"$and":[{"type":{"$eq":"messaging"}},{"members":{"$in":["ann",0.1]}}]})");
  goes_both_ways<Json>(Filter(), "{}");
  goes_both_ways<Json>(noon, R"("2019-01-07T12:00:00.500Z")");
  for (const Value& value : {Value(), Value(true), Value(-1), Value(INT64_MAX), Value(INT64_MIN), Value("a"),
                             Value(0.1), Value(1e300), array({}), array({1, "a", nullptr})}) {
    goes_both_ways<Json>(value, to_json(value));
  }
}

TEST_CASE_TEMPLATE("views and changes convert to nlohmann's JSON", Json, nlohmann::json, nlohmann::ordered_json) {
  const User user = ann();
  CHECK(Json(UserView(user)) == Json(user));
  const UserPresenceChanged told = change();
  CHECK(Json(told) == Json::parse(to_json(told)));
  const PresenceEvent happened = event();
  CHECK(Json(PresenceEventView(happened)) == Json(happened));
  UserPresenceChangedView view;
  view.id = told.id;
  view.after = UserView(*told.after);
  view.at = told.at;
  CHECK(Json(view) == Json(told));
  CHECK(Json(told).template get<PresenceEvent>() == PresenceEvent::report(ann(), noon));
}

TEST_CASE("an ordered_json has the keys in the order of to_json") {
  CHECK(nlohmann::ordered_json(ann()).dump() == to_json(ann()));
  CHECK(nlohmann::ordered_json(general()).dump() == to_json(general()));
  CHECK(nlohmann::ordered_json(event()).dump() == to_json(event()));
}

TEST_CASE_TEMPLATE("containers of types with hooks convert as well", Json, nlohmann::json, nlohmann::ordered_json) {
  const std::vector<User> users = {ann(), seen_offline("bob", std::nullopt)};
  Json json;
  json["users"] = users;
  json["rooms"]["general"] = general();
  json["at"] = noon;
  CHECK(json["users"].size() == 2);
  CHECK(json["users"][1]["id"] == "bob");
  CHECK(json["users"].template get<std::vector<User>>() == users);
  CHECK(json.at("users").at(0).template get<User>() == users[0]);
  CHECK(json["rooms"].template get<std::map<std::string, Channel>>().at("general") == general());
  CHECK(json.value("at", Timestamp()) == noon);
  const User converted = json["users"][0];
  CHECK(converted == ann());
}

TEST_CASE_TEMPLATE("the hooks read every form that the string parsers accept", Json, nlohmann::json,
                   nlohmann::ordered_json) {
  CHECK(Json{{"id", "u"}, {"custom", {{"status", "there"}}}, {"last_active", noon.ns()}, {"banned", {1, 2}}}
            .template get<User>() == User{"u", false, "there", noon, false});
  CHECK(Json{{"cid", "messaging:general"}, {"members", {{{"user_id", "ann"}}, "bob"}}, {"teams", {{"red"}}}}
            .template get<Channel>() == room("general", {"ann", "bob"}));  // an array in an array is no field
  const Json location = {{"at", {{"floor", 3}}}, {"city", "Kyoto"}};
  const Value read = location.template get<Value>();
  const Value* const at = read.find("at");
  REQUIRE(at != nullptr);
  REQUIRE(at->members().size() == 1);
  CHECK(at->members()[0].name() == "floor");
  CHECK(at->members()[0].value() == Value(3));
  CHECK(Json(read) == location);
  CHECK(Json{{"level", {{"$gt", 3}}}}.template get<Filter>() == gt("level", 3));
  CHECK(Json(noon.ns()).template get<Timestamp>() == noon);
  CHECK(Json("2019-01-07T13:30:00.5+01:30").template get<Timestamp>() == noon);
  CHECK(static_cast<int>(Json(3.0).template get<Value>().kind()) == static_cast<int>(ValueKind::real));
  CHECK(static_cast<int>(Json(3u).template get<Value>().kind()) == static_cast<int>(ValueKind::integer));
}

TEST_CASE("the hooks read a status of any length") {
  User user = ann();
  user.status = std::string(5000, 'x');
  CHECK(nlohmann::json(user).get<User>() == user);
  CHECK(nlohmann::json(changed(noon, std::nullopt, user)).get<PresenceEvent>().status == user.status);
}

TEST_CASE("the hooks convert activities and data of any size") {
  User user = ann();
  user.online = true;
  user.activity["map"] = std::string(5000, 'x');
  for (int i = 0; i < 100; ++i) user.data["n" + std::to_string(i)] = array({i, "a"});
  CHECK(nlohmann::json(user).get<User>() == user);
  CHECK(nlohmann::ordered_json(user).dump() == to_json(user));
  CHECK(nlohmann::json(changed(noon, std::nullopt, user)).get<PresenceEvent>() == PresenceEvent::report(user, noon));
  PresenceEvent event = PresenceEvent::set_data("ann", "image", array({1, "b"}), noon);
  event.activity = user.activity;
  CHECK(nlohmann::json(event).get<PresenceEvent>() == event);
}

TEST_CASE("a service's data is read leniently from nlohmann's JSON as well") {
  const auto user = nlohmann::json::parse(R"({"id":"ann","online":true,"status":7,"last_active":""})").get<User>();
  CHECK(user == User{"ann", true, "", std::nullopt, false});
  const auto state =
      nlohmann::json::parse(R"({"channel":{"cid":"messaging:general"},"members":[{"user_id":"ann"},7]})");
  CHECK(state.get<Channel>() == room("general", {"ann"}));
}

TEST_CASE("a timestamp in a Value converts to an RFC 3339 string, and back to a string Value") {
  CHECK(nlohmann::json(Value(noon)) == "2019-01-07T12:00:00.500Z");
  CHECK(nlohmann::json(Value(noon)).get<Value>() == Value("2019-01-07T12:00:00.500Z"));
  CHECK(nlohmann::json(gte("at", noon)).get<Filter>() == gte("at", "2019-01-07T12:00:00.500Z"));
}

TEST_CASE("invalid UTF-8 converts to U+FFFD, so that the JSON can be dumped") {
  const nlohmann::json json = says("ann", "a\xFF\xC3", noon);
  CHECK(json["status"] == "a\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(json.dump() ==
        "{\"at\":\"2019-01-07T12:00:00.500Z\",\"status\":\"a\xEF\xBF\xBD\xEF\xBF\xBD\",\"type\":\"status\",\"user\":"
        "\"ann\"}");
}

#if defined(__cpp_exceptions)

namespace {

/// What is thrown where a T is asked for; `from_json` leaves what was there.
template <class T, class Json>
void refused(const Json& json, ErrorCode code, std::size_t offset, const T& before) {
  CAPTURE(json.dump());
  T value = before;
  bool thrown = false;
  try {
    json.get_to(value);
  } catch (const typename Json::exception& e) {
    thrown = true;
    REQUIRE(e.id == 600);
    const auto* const ours = static_cast<const JsonRefused<Json>*>(&e);
    CHECK(static_cast<int>(ours->error().code) == static_cast<int>(code));
    CHECK(ours->error().offset == offset);
    CHECK(std::string(e.what()) == "[json.exception.presence.600] " + std::string(ours->error().message) +
                                       ", at byte " + std::to_string(offset) + " of dump()");
  }
  CHECK(thrown);
  CHECK(value == before);
  CHECK_THROWS_AS(json.template get<T>(), JsonRefused<Json>);
}

}  // namespace

TEST_CASE_TEMPLATE("invalid JSON throws an exception derived from nlohmann's, with the error code and offset", Json,
                   nlohmann::json, nlohmann::ordered_json) {
  refused(Json::parse(R"({"online":true})"), ErrorCode::missing_key, 0, ann());
  refused(Json::parse(R"({"id":7})"), ErrorCode::wrong_type, 6, ann());
  refused(Json(), ErrorCode::wrong_type, 0, ann());
  refused(Json::parse(R"({"type":"message.new"})"), ErrorCode::not_presence, 8, event());
  refused(Json::parse(R"({"cid":"general"})"), ErrorCode::out_of_range, 7, general());
  refused(Json::parse(R"({"cid":"t:c","id":7,"type":"x"})"), ErrorCode::out_of_range, 7, general());
  refused(Json::parse(R"({"a":{"$gt":null}})"), ErrorCode::bad_operand, 12, Filter());
  refused(Json(!gt("a", nullptr)), ErrorCode::unknown_operator, 1, eq("a", 1));
  refused(Json::array({1, Json::array()}), ErrorCode::wrong_type, 3, Value(1));
  refused(Json(UINT64_MAX), ErrorCode::out_of_range, 0, Value(1));
  refused(Json::parse(R"({"a":[[]]})"), ErrorCode::wrong_type, 6, Value(1));
  refused(Json(), ErrorCode::wrong_type, 0, noon);
  refused(Json::array(), ErrorCode::wrong_type, 0, noon);
  refused(Json(1.5), ErrorCode::out_of_range, 0, noon);
  refused(Json(-1), ErrorCode::out_of_range, 0, noon);
  refused(Json(0), ErrorCode::unset, 0, noon);
  refused(Json("never"), ErrorCode::syntax, 1, noon);
  refused(Json("2019-01-32T00:00:00Z"), ErrorCode::out_of_range, 0, noon);
  refused(Json("0001-01-01T00:00:00Z"), ErrorCode::unset, 0, noon);
}

TEST_CASE("nlohmann values that are not valid JSON, or nested too deeply, throw") {
  CHECK_THROWS_AS(nlohmann::json("\xFF").get<Value>(), nlohmann::json::type_error);
  CHECK_THROWS_AS((nlohmann::json{{"id", "\xFF"}}.get<User>()), nlohmann::json::type_error);
  refused(nlohmann::json(nlohmann::json::value_t::discarded), ErrorCode::syntax, 0, Value(1));
  nlohmann::json deep = 1;
  for (int i = 0; i < 129; ++i) deep = nlohmann::json::array({std::move(deep)});
  refused(nlohmann::json{{"id", "u"}, {"x", deep}}, ErrorCode::too_deep, 14 + 127, ann());
}

TEST_CASE("a vector with one invalid element throws") {
  CHECK_THROWS_AS(nlohmann::json::parse(R"([{"id":"a"},{}])").get<std::vector<User>>(), JsonRefused<nlohmann::json>);
  CHECK_THROWS_AS(nlohmann::json::parse(R"([{"id":"a"},{}])").get<std::vector<User>>(), nlohmann::json::exception);
}

#endif

#endif
