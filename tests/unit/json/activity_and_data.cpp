// SPDX-License-Identifier: MIT

// The activity of sessions and the data of users, in event lines, users and payloads of services.

#include "../json_texts.hpp"
#include "../rooms.hpp"

#include <presence/json/events.hpp>
#include <presence/json/lists.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace support;

namespace {

const Timestamp noon = *parse_timestamp("2024-03-01T12:00:00Z");

std::string repeated(std::string_view part, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += part;
  return all;
}
/// A value with so many levels, as JSON.
std::string nested(std::size_t levels) { return repeated("{\"a\":", levels - 1) + "{}" + repeated("}", levels - 1); }
Value value_of(const std::string& json) {
  const Result<Value> value = parse_value(json);
  REQUIRE(value);
  return *value;
}
Attributes fields_of(const std::string& json) {
  Attributes fields;
  for (const ValueMember& member : value_of(json).members()) fields[member.name()] = member.value();
  return fields;
}

PresenceEvent read(const std::string& json, ReadNotes* notes = nullptr, const ReadOptions& options = {}) {
  CAPTURE(json);
  const Result<PresenceEvent> event = parse_event(json, options, notes);
  REQUIRE(event);
  EventBuffer buffer;
  const Result<PresenceEventView> view = parse_event(json, buffer, options);
  REQUIRE(view);
  CHECK(*view == *event);
  return *event;
}
User read_user(const std::string& json, ReadNotes* notes = nullptr, const ReadOptions& options = {}) {
  CAPTURE(json);
  const Result<User> user = parse_user(json, options, notes);
  REQUIRE(user);
  std::vector<User> list;
  ReadNotes of_list;
  REQUIRE_FALSE(
      parse_users("[{\"id\":\"u\"}," + json + "]", options, &of_list, [&](User&& one) { list.push_back(one); }));
  REQUIRE(list.size() == 2);
  CHECK(list[1] == *user);
  if (notes != nullptr) CHECK(of_list.count() == notes->count());
  return *user;
}

void refused(ErrorCode code, std::string marked) {
  CAPTURE(marked);
  const std::size_t offset = unmark(marked);
  const Result<PresenceEvent> event = parse_event(marked);
  REQUIRE_FALSE(event);
  CHECK(to_string(event.error().code) == to_string(code));
  CHECK(event.error().offset == offset);
  EventBuffer buffer;
  CHECK(parse_event(marked, buffer).error() == event.error());
}
void needs_buffer(std::string marked) {
  CAPTURE(marked);
  const std::size_t offset = unmark(marked);
  std::string scratch;
  const Result<PresenceEventView> event = parse_event(marked, scratch);
  REQUIRE_FALSE(event);
  CHECK(event.error() == Error{ErrorCode::needs_buffer, offset, ""});
}

constexpr std::string_view begin = R"({"type":"update","user":"u","session":"s","at":"2024-03-01T12:00:00Z")";
std::string line(const std::string& keys) { return std::string(begin) + keys + "}"; }
std::string data_line(const std::string& keys) {
  return R"({"type":"data","user":"u","at":"2024-03-01T12:00:00Z")" + keys + "}";
}

}  // namespace

TEST_CASE("a data line sets a name to a value of any kind, and null removes it") {
  for (const std::string json : {"null", "true", "-7", "2.5", "\"https://x/y\"", R"("\u0061\n")",
                                 "[1,null,{\"a\":\"b\"}]", "{\"b\":[],\"a\":{}}", "\"2024-03-01T12:00:00Z\"", "[]"}) {
    const PresenceEvent event = read(data_line(R"(,"name":"image","value":)" + json));
    CHECK(event == PresenceEvent::set_data("u", "image", value_of(json), noon));
    CHECK(read(to_json(event)) == event);
    CHECK(read(R"({"value":)" + json +
               R"(,"na\u006de":"image","at":"2024-03-01T12:00:00Z","user":"u","type":"data"})") == event);
  }
  CHECK(to_json(PresenceEvent::set_data("u", "image", nullptr, noon)) ==
        R"({"type":"data","user":"u","at":"2024-03-01T12:00:00.000Z","name":"image","value":null})");
  refused(ErrorCode::missing_key, "^" + data_line(R"(,"name":"image")"));
  refused(ErrorCode::missing_key, "^" + data_line(R"(,"value":7)"));
  refused(ErrorCode::missing_key, "^" + data_line(R"(,"name":null,"value":7)"));
  refused(ErrorCode::wrong_type, data_line(R"(,"name":^7,"value":7)"));
  refused(ErrorCode::duplicate_key, data_line(R"(,"name":"a","value":null,^"value":null)"));
  refused(ErrorCode::duplicate_key, data_line(R"(,"name":"a",^"name":"a","value":null)"));
}

TEST_CASE("an event line carries an activity and data") {
  PresenceEvent event = PresenceEvent::update("u", "s", noon);
  CHECK(read(line("")) == event);
  CHECK(read(line(R"(,"activity":null,"data":null,"name":null,"value":null)")) == event);
  event.activity.emplace();
  CHECK(read(line(R"(,"activity":{})")) == event);
  event.activity = fields_of(R"({"map":"harbour","players":[1,2.5],"none":null,"in":{"deep":true}})");
  CHECK(read(line(R"(,"activity":{"players":[1,2.5],"map":"harbour","in":{"deep":true},"none":null})")) == event);
  CHECK(to_json(event) == R"({"type":"update","user":"u","session":"s","at":"2024-03-01T12:00:00.000Z",)"
                          R"("activity":{"in":{"deep":true},"map":"harbour","none":null,"players":[1,2.5]}})");

  event = PresenceEvent::report("u", false, noon);
  event.data = fields_of(R"({"name":"U","image":"i"})");
  event.last_active = noon;
  event.activity.emplace();
  CHECK(to_json(event) == R"({"type":"report","user":"u","online":false,"at":"2024-03-01T12:00:00.000Z",)"
                          R"("last_active":"2024-03-01T12:00:00.000Z","activity":{},"data":{"image":"i","name":"U"}})");
  CHECK(read(to_json(event)) == event);
  // A line of any type has any of them.
  event = PresenceEvent::connect("u", "s", noon);
  event.activity = fields_of(R"({"a":1})");
  event.data = fields_of(R"({"b":2})");
  event.name = "c";
  event.value = value_of("[3]");
  CHECK(to_json(event) == R"({"type":"connect","user":"u","session":"s","at":"2024-03-01T12:00:00.000Z",)"
                          R"("activity":{"a":1},"name":"c","value":[3],"data":{"b":2}})");
  CHECK(read(to_json(event)) == event);
  CHECK(to_json(PresenceEventView(event)) == to_json(event));
}

TEST_CASE("the values of event lines are read as by parse_value, with errors at the same bytes") {
  for (const std::string& keys :
       {R"(,"activity":)" + std::string("{\"x\":V}"), R"(,"data":)" + std::string("{\"x\":V}"),
        std::string(R"(,"name":"n","value":V)"), std::string(R"(,"activity":{"z":[],"x":{"y":[{"u":V}]}})")}) {
    const auto with = [&](const std::string& value) {
      std::string text = keys;
      return line(text.replace(text.find('V'), 1, value));
    };
    refused(ErrorCode::wrong_type, with("[1,^[2]]"));
    refused(ErrorCode::wrong_type, with("[1,^[2]," + nested(64) + "]"));  // the first error counts
    refused(ErrorCode::out_of_range, with("{\"a\":[^9223372036854775808]}"));
    refused(ErrorCode::out_of_range, with("^1e999"));
    refused(ErrorCode::duplicate_key, with(R"({"a":1,"b":2,^"\u0061":3})"));
    CHECK(read(with("\"\xC3\xAB\"")).type == EventType::update);
    refused(ErrorCode::bad_utf8, with("\"^\xFF\""));
    refused(ErrorCode::bad_escape, with(R"("^\ud83d")"));
  }
  refused(ErrorCode::wrong_type, line(R"(,"activity":^[])"));
  refused(ErrorCode::wrong_type, line(R"(,"data":^"x")"));
  refused(ErrorCode::duplicate_key, line(R"(,"activity":{"a":1,"b":[],^"a":2,"a":3})"));
  refused(ErrorCode::out_of_range, line(R"(,"activity":{"a":1,"a":^1e999})"));
  refused(ErrorCode::duplicate_key, line(R"(,"activity":{},^"activity":{})"));
  // The order of precedence is that of the keys when they are written.
  refused(ErrorCode::out_of_range, line(R"(,"data":7,"value":[[]],"name":8,"activity":{"x":^1e999})"));
  refused(ErrorCode::wrong_type, line(R"(,"data":7,"value":[[]],"name":^8,"activity":{})"));
  refused(ErrorCode::wrong_type, line(R"(,"data":7,"value":[^[]],"name":"x")"));
  refused(ErrorCode::wrong_type, line(R"(,"data":^7,"value":[])"));
  refused(ErrorCode::wrong_type, line(R"(,"data":7,"last_active":^true)"));
}

TEST_CASE("each value of an event line nests up to the levels of a Value") {
  const std::string deepest = nested(64), deeper = nested(65);
  CHECK(read(data_line(R"(,"name":"n","value":)" + deepest)).value == value_of(deepest));
  CHECK(*read(line(R"(,"data":{"x":)" + deepest + "}")).data->find("x") == value_of(deepest));
  PresenceEvent event = PresenceEvent::report("u", true, noon);
  event.data.emplace();
  (*event.data)["x"] = value_of(deepest);
  CHECK(read(to_json(event)) == event);
  const std::string key = "{\"a\":";
  for (const std::string& before : {std::string(R"(,"name":"n","value":)"), std::string(R"(,"activity":{"x":)")}) {
    std::string text = before + deeper;
    text.insert(before.size() + 64 * key.size(), "^");
    refused(ErrorCode::too_deep,
            line(text + (before.back() == ':' && before.find('{') != std::string::npos ? "}" : "")));
  }
}

TEST_CASE("an event whose content fits into a view is borrowed without an EventBuffer, another one is needs_buffer") {
  std::string scratch;
  for (const std::string value : {"null", "true", "7", "-2.5", "\"text\"", R"("\n")"}) {
    const std::string text = data_line(R"(,"name":"image","value":)" + value);
    const Result<PresenceEventView> event = parse_event(text, scratch);
    REQUIRE(event);
    CHECK(*event == read(text));
  }
  const std::string text = data_line(R"(,"name":"image","value":"text")");
  const Result<PresenceEventView> event = parse_event(text, scratch);
  CHECK(event->value.text().data() == text.data() + text.find("text\""));
  CHECK(event->name.data() == text.data() + text.find("image"));
  for (const std::string& borrowed :
       {line(R"(,"activity":{},"data":{ })"), payloads(R"(,"activity":{},"x":null)")[0]}) {
    const Result<PresenceEventView> view = parse_event(borrowed, scratch);
    REQUIRE(view);
    CHECK(*view == read(borrowed));
  }

  needs_buffer(data_line(R"(,"name":"n","value":^[])"));
  needs_buffer(data_line(R"(,"name":"n","value":^{})"));
  needs_buffer(line(R"(,"activity":^{"a":null})"));
  needs_buffer(line(R"(,"value":[],"data":{"a":null},"activity":^{"a":null})"));
  needs_buffer(line(R"(,"data":^{"a":1})"));
  for (const std::string& payload : payloads(R"(,"banned":false,"x":null,^"name":"Kim")")) needs_buffer(payload);
  for (const std::string& payload : payloads(R"(,^"n\u0061me":[[]])")) needs_buffer(payload);
  for (const std::string& payload : payloads(R"(,"name":"Kim","activity":^{"a":1})")) needs_buffer(payload);
  // An error of the event itself is found first.
  CHECK(parse_event(R"({"type":"user.updated","user":{"id":"u","online":true,"name":"n"}})", scratch).error().code ==
        ErrorCode::missing_key);
  // A host that wants neither of them needs no buffer.
  ReadOptions options;
  options.max_data_names = options.max_activity_bytes = 0;
  for (const std::string& payload : payloads(R"(,"name":"Kim","activity":{"a":1})")) {
    ReadNotes notes;
    const Result<PresenceEventView> view = parse_event(payload, scratch, options, &notes);
    REQUIRE(view);
    CHECK_FALSE(view->activity);
    CHECK_FALSE(view->data);
    CHECK(view->online);
    CHECK(notes.empty());
  }
}

TEST_CASE("an EventBuffer is used for many events in turn") {
  EventBuffer buffer;
  const std::string first = payloads(R"(,"name":"Kim","activity":{"a":1})")[0];
  REQUIRE(parse_event(first, buffer)->data->size() == 1);
  const std::string second = payloads("")[0];
  const Result<PresenceEventView> event = parse_event(second, buffer);
  CHECK(event->data->empty());
  CHECK(event->activity->empty());
  const std::string third = data_line(R"(,"name":"n","value":[1])"), fourth = line(R"(,"activity":{"b":2})");
  CHECK(parse_event(third, buffer)->value.size() == 1);
  const Result<PresenceEventView> last = parse_event(fourth, buffer);
  CHECK(*last == read(fourth));
}

TEST_CASE("the data of a user are the last keys of their JSON, and never a reserved name") {
  User user{"kim", true, "hi", noon, true, Availability::away};
  CHECK(to_json(user) == R"({"id":"kim","online":true,"status":"hi","availability":"away",)"
                         R"("last_active":"2024-03-01T12:00:00.000Z","invisible":true})");
  user.activity["map"] = "harbour";
  user.data["name"] = "Kim";
  user.data["Zed"] = array({1, 2});
  user.data["teams"] = fields_of("{}").empty() ? Value() : Value(1);
  user.data["\xC3\xAB\""] = 2.5;
  CHECK(to_json(user) == R"({"id":"kim","online":true,"status":"hi","availability":"away",)"
                         R"("last_active":"2024-03-01T12:00:00.000Z","invisible":true,"activity":{"map":"harbour"},)"
                         "\"Zed\":[1,2],\"name\":\"Kim\",\"teams\":null,\"\xC3\xAB\\\"\":2.5}");
  CHECK(to_json(UserView(user)) == to_json(user));
  user.data.erase("teams");
  CHECK(read_user(to_json(user)) == user);
  const std::string before = to_json(user);
  for (const std::string_view name : {"id", "online", "status", "last_active", "invisible", "availability", "activity",
                                      "custom", "created_at", "updated_at", "deleted_at", "", "\xFF"}) {
    user.data[name] = "never written";
  }
  user.activity["\xC3"] = "never written";
  CHECK(to_json(user) == before);
  user.online = false;  // and so has no activity
  CHECK(to_json(user).find("activity") == std::string::npos);
}

TEST_CASE("every key of a service's user that is not another field is data") {
  const std::string keys =
      R"(,"role":"admin","created_at":"2020-03-30T07:54:46Z","updated_at":7,"deleted_at":[],"last_active":null,)"
      R"("teams":["red"],"banned":false,"image":"https://x/y","n\u0061me":"Kim\n","devices":[{"id":"d"}],"x":null,)"
      R"("custom":{"status":"hi","name":"no"},"unread_count":7,"profile":{"city":"Kyoto","born":{"year":1990}}})";
  Attributes expected = fields_of(R"({"role":"admin","teams":["red"],"image":"https://x/y","name":"Kim\n",)"
                                  R"("profile":{"city":"Kyoto","born":{"year":1990}}})");
  const std::string in_user = keys.substr(0, keys.size() - 1);
  for (const bool online : {true, false}) {
    for (const std::string& payload : payloads(in_user, online)) {
      ReadNotes notes;
      const PresenceEvent event = read(payload, &notes);
      REQUIRE(event.data);
      CHECK(*event.data == expected);
      CHECK(event.activity.has_value() == online);
      CHECK(event.status == "hi");
      CHECK(notes.empty());
    }
  }
  CHECK(read_user("{\"id\":\"kim\"" + keys).data == expected);
  for (const std::string& payload : payloads("")) {
    REQUIRE(read(payload).data);
    CHECK(read(payload).data->empty());
  }
  // More than a few keys, and keys in another order, are read alike.
  std::string many = R"(,"name":"Kim")";
  expected = fields_of(R"({"name":"Kim"})");
  for (int i = 0; i < 60; ++i) {
    const std::string name = "n" + std::to_string(i * 7919 % 60);
    many += ",\"" + name + "\":" + std::to_string(i);
    expected[name] = i;
    if (i % 7 != 0) continue;
    for (const std::string& payload : payloads(many)) CHECK(*read(payload).data == expected);
    CHECK(read_user("{\"id\":\"kim\"" + many + "}").data == expected);
  }
}

TEST_CASE("the names that are not data can be replaced") {
  const std::string json = R"({"id":"kim","banned":true,"devices":[],"name":"Kim","language":"en"})";
  CHECK(read_user(json).data == fields_of(R"({"name":"Kim","language":"en"})"));
  ReadOptions options;
  options.skipped_names = {};
  CHECK(read_user(json, nullptr, options).data ==
        fields_of(R"({"banned":true,"devices":[],"name":"Kim","language":"en"})"));
  for (const std::string_view name : names_beside_data) {
    const std::string user = R"({"id":"kim",")" + std::string(name) + "\":1}";
    CHECK(read_user(user).data.empty());
    CHECK(read_user(user, nullptr, options).data.size() == 1);
  }
  const std::string_view mine[] = {"name", "", "status", "languag"};
  options.skipped_names = {mine, 4};
  CHECK(read_user(json, nullptr, options).data == fields_of(R"({"banned":true,"devices":[],"language":"en"})"));
}

TEST_CASE("what of a user's data is malformed or over a limit is omitted and noted, and loses nothing else") {
  const std::string too_long(4096, 'x');
  struct Case {
    std::string key, value;
    ErrorCode code;
    std::size_t at;  // in the value, or none if it is at the key
  };
  constexpr std::size_t at_key = static_cast<std::size_t>(-1);
  const std::vector<Case> cases = {
      {"x", "[1,[2]]", ErrorCode::wrong_type, 3},
      {"x", "1e999", ErrorCode::out_of_range, 0},
      {"x", "{\"a\":[9223372036854775808]}", ErrorCode::out_of_range, 6},
      {"x", R"({"a":1,"a":2})", ErrorCode::duplicate_key, 7},
      {"x", nested(65), ErrorCode::too_deep, 64 * 5},
      {"x", "[" + nested(100) + "]", ErrorCode::too_deep, 1 + 63 * 5},
      {"x", "\"" + too_long + "\"", ErrorCode::over_limit, 0},
      {"x", "\"a\xFF\"", ErrorCode::bad_utf8, 2},
      {"x", R"({"a":["\ud83d"]})", ErrorCode::bad_escape, 7},
      {"x", "{\"\xFF\":1}", ErrorCode::bad_utf8, 2},
      {"", "1", ErrorCode::out_of_range, at_key},
      {too_long, "1", ErrorCode::over_limit, 0},
  };
  for (const Case& one : cases) {
    const std::string keys = R"(,"a":"before",")" + one.key + "\":" + one.value + R"(,"z":["behind"])";
    CAPTURE(keys.substr(0, 60));
    for (const std::string& payload : payloads(keys)) {
      ReadNotes notes;
      const PresenceEvent event = read(payload, &notes);
      CHECK(event.user == "kim");
      CHECK(event.online);
      CHECK(*event.data == fields_of(R"({"a":"before","z":["behind"]})"));
      REQUIRE(notes.count() == 1);
      CHECK(to_string(notes.begin()->code) == to_string(one.code));
      const std::size_t key = payload.find(R"(re",")") + 4;
      CHECK(notes.begin()->offset == (one.at == at_key ? key : key + one.key.size() + 3 + one.at));
      Snapshot mirror(Rules::mirror());
      CHECK(accepted(apply(mirror, event, [](const UserPresenceChangedView&) {})));
    }
    ReadNotes notes;
    CHECK(read_user("{\"id\":\"kim\"" + keys + "}", &notes).data == fields_of(R"({"a":"before","z":["behind"]})"));
    CHECK(notes.count() == 1);
  }
  // A name with malformed characters.
  ReadNotes notes;
  CHECK(read_user("{\"id\":\"kim\",\"\xFF\":1,\"z\":2}", &notes).data == fields_of(R"({"z":2})"));
  CHECK(notes.count() == 1);
  // A repeated name.
  for (const std::string& payload : payloads(R"(,"x":1,"z":2,"\u0078":3,"x":4)")) {
    CHECK(*read(payload, &notes).data == fields_of(R"({"z":2})"));
    REQUIRE(notes.count() == 1);
    CHECK(to_string(notes.begin()->code) == "duplicate_key");
    CHECK(notes.begin()->offset == payload.find("\"\\u0078"));
  }
}

TEST_CASE("the limits of a user's data count as those of Rules") {
  CHECK(ReadOptions().max_user_data_bytes == Rules().max_user_data_bytes);
  CHECK(ReadOptions().max_activity_bytes == Rules().max_activity_bytes);
  CHECK(ReadOptions().max_data_names == Rules().max_data_names);
  const std::string json = R"({"id":"u","c":"333","a":"1","b":[22],"d":4})";
  // "a" has 1 + 4 + 3 bytes, "b" 1 + 4 + 2 + 8 + 1, "c" 1 + 4 + 5 and "d" 1 + 4 + 8.
  const auto names = [&](std::size_t bytes, std::size_t most, std::size_t noted) {
    ReadOptions options;
    options.max_user_data_bytes = bytes;
    options.max_data_names = most;
    ReadNotes notes;
    std::string all;
    for (const Attributes::Entry& entry : read_user(json, &notes, options).data) all += entry.name;
    CHECK(notes.count() == noted);
    return all;
  };
  CHECK(names(47, 4, 0) == "abcd");
  CHECK(names(46, 4, 1) == "abc");
  CHECK(names(8, 4, 3) == "a");
  CHECK(names(23, 4, 2) == "ac");
  CHECK(names(7, 4, 4) == "");
  CHECK(names(47, 3, 1) == "abc");
  CHECK(names(47, 1, 1) == "a");
  CHECK(names(47, 0, 0) == "");

  // What is within the limits is applied with the same limits, and nothing larger would be.
  Rules rules = Rules::mirror();
  for (std::size_t bytes = 8; bytes <= 47; ++bytes) {
    rules.max_user_data_bytes = static_cast<std::uint32_t>(bytes);
    ReadOptions options;
    options.max_user_data_bytes = bytes;
    Snapshot mirror(rules);
    const PresenceEvent event = PresenceEvent::report(read_user(json, nullptr, options), noon);
    CHECK(accepted(apply(mirror, event, [](const UserPresenceChangedView&) {})));
    if (event.data->size() == 4) continue;
    CHECK_FALSE(
        accepted(apply(mirror, PresenceEvent::report(read_user(json), noon), [](const UserPresenceChangedView&) {})));
  }
}

TEST_CASE("a service user's activity is read if they are online, and a malformed one counts as absent") {
  for (const std::string& payload : payloads(R"(,"activity":{"map":"harbour","at":[1]})"))
    CHECK(*read(payload).activity == fields_of(R"({"map":"harbour","at":[1]})"));
  CHECK(read_user(R"({"id":"u","online":true,"activity":{"a":1}})").activity == fields_of(R"({"a":1})"));
  for (const std::string absent : {"", R"(,"activity":null)", R"(,"activity":{})"}) {
    for (const std::string& payload : payloads(absent)) {
      ReadNotes notes;
      REQUIRE(read(payload, &notes).activity);
      CHECK(read(payload).activity->empty());
      CHECK(notes.empty());
    }
  }
  for (const std::string& payload : payloads(R"(,"activity":{"a":1})", false)) {
    ReadNotes notes;
    CHECK_FALSE(read(payload, &notes).activity);
    CHECK(notes.empty());
  }
  CHECK(read_user(R"({"id":"u","online":false,"activity":{"a":1}})").activity.empty());
  const std::vector<std::pair<std::string, ErrorCode>> odd = {
      {"^7", ErrorCode::wrong_type},
      {"^[]", ErrorCode::wrong_type},
      {"{\"a\":[^[]]}", ErrorCode::wrong_type},
      {"{\"a\":^1e999}", ErrorCode::out_of_range},
      {"{\"a\":1,^\"a\":2}", ErrorCode::duplicate_key},
      {"{},^\"activity\":{}", ErrorCode::duplicate_key},
      {"{\"a\":\"^\xFF\"}", ErrorCode::bad_utf8},
      {"{\"^\\ud83d\":1}", ErrorCode::bad_escape},
      {"^{\"a\":\"" + std::string(1024, 'x') + "\"}", ErrorCode::over_limit},
      {"^{\"x\":" + nested(64) + "}", ErrorCode::too_deep},
      {"{\"x\":" + repeated("{\"a\":", 64) + "^{}" + repeated("}", 64) + "}", ErrorCode::too_deep},
  };
  for (const auto& one : odd) {
    for (std::string marked : payloads(R"(,"activity":)" + one.first + R"(,"name":"Kim")")) {
      const std::size_t offset = unmark(marked);
      ReadNotes notes;
      const PresenceEvent event = read(marked, &notes);
      CHECK(event.online);
      REQUIRE(event.activity);
      CHECK(event.activity->empty());
      CHECK(*event.data == fields_of(R"({"name":"Kim"})"));
      REQUIRE(notes.count() == 1);
      CHECK(to_string(notes.begin()->code) == to_string(one.second));
      CHECK(notes.begin()->offset == offset);
    }
  }
  // Of exactly the limit, and as deep as a session may have it.
  const std::string fits = "{\"a\":\"" + std::string(1024 - 9, 'x') + "\"}", deepest = "{\"x\":" + nested(63) + "}";
  for (const std::string& activity : {fits, deepest}) {
    for (const std::string& payload : payloads(R"(,"activity":)" + activity)) {
      const PresenceEvent event = read(payload);
      CHECK(*event.activity == fields_of(activity));
      Snapshot mirror(Rules::mirror());
      CHECK(accepted(apply(mirror, event, [](const UserPresenceChangedView&) {})));
    }
  }
}

TEST_CASE("a value that is not JSON is written as no removal") {
  PresenceEvent event = PresenceEvent::set_data("u", "n", Value(UINT64_MAX), noon);
  CHECK(to_json(event) == R"({"type":"data","user":"u","at":"2024-03-01T12:00:00.000Z","name":"n"})");
  CHECK(parse_event(to_json(event)).error().code == ErrorCode::missing_key);
  event.value = array({1e300 * 1e300});
  CHECK(parse_event(to_json(event)).error().code == ErrorCode::missing_key);
  event.value = noon;
  CHECK(read(to_json(event)).value == "2024-03-01T12:00:00.000Z");
}

TEST_CASE("a mirror that reads the changes of a snapshot has the same view of activities and data") {
  Chance dice(20240302);
  Rules rules;
  rules.session_timeout = seconds(30);
  const auto value = [&](const auto& self, unsigned levels) -> Value {
    switch (dice.below(levels > 0 ? 9 : 6)) {
      case 0: return Value();
      case 1: return Value(dice.below(2) == 0);
      case 2: return Value(static_cast<std::int64_t>(dice.bits()));
      case 3: return Value(static_cast<double>(dice.below(1000)) / 7);
      case 4: return Value("\"\n\xC3\xAB" + std::to_string(dice.below(1000)));
      case 5: return Value(noon);
      case 6: {
        std::vector<Value> elements;
        for (std::size_t i = dice.below(4); i > 0; --i) {
          Value element = self(self, levels - 1);
          if (element.kind() != ValueKind::array) elements.push_back(std::move(element));
        }
        return Value::array(elements);
      }
      default: {
        Attributes members;
        for (std::size_t i = dice.below(4); i > 0; --i)
          members["\"" + std::to_string(dice.below(9))] = self(self, levels - 1);
        return Value::object(std::move(members));
      }
    }
  };
  Told told(rules);
  Snapshot mirror(Rules::mirror());
  Timestamp now = noon;
  std::size_t changes = 0, of_activity = 0, of_data = 0;
  EventBuffer buffer;
  for (int step = 0; step < 4000; ++step) {
    now = now + Duration::from_ms(1 + static_cast<std::int64_t>(dice.below(4000)));
    const std::string user = "u" + std::to_string(dice.below(5)), session = "s" + std::to_string(dice.below(2));
    PresenceEvent event = PresenceEvent::update(user, session, now);
    switch (dice.below(8)) {
      case 0: event = disconnect(user, session, now); break;
      case 1: event = PresenceEvent::set_visible(user, dice.below(3) > 0, now); break;
      case 2:
      case 3: event = PresenceEvent::set_data(user, "n" + std::to_string(dice.below(6)), value(value, 3), now); break;
      case 4: event = says(user, "hi", now); break;
      default:
        event.availability = Availability::busy;
        event.activity.emplace();
        for (std::size_t i = dice.below(3); i > 0; --i) (*event.activity)["a" + std::to_string(i)] = value(value, 2);
    }
    told.pass(now);
    told.fold(event);
    for (const UserPresenceChanged& change : told.take()) {
      ReadNotes notes;
      const std::string text = to_json(change);
      CAPTURE(text);
      const Result<PresenceEventView> report = parse_event(text, buffer, ReadOptions(), &notes);
      REQUIRE(report);
      REQUIRE(notes.empty());
      REQUIRE(accepted(apply(mirror, *report, [](const UserPresenceChangedView&) {})));
      ++changes;
      of_activity += change.activity_changed() ? 1u : 0u;
      of_data += change.data_changed() ? 1u : 0u;
    }
    for (const UserView& seen : told.s) {
      REQUIRE(mirror.view(seen.id));
      REQUIRE(*mirror.view(seen.id) == seen);
    }
  }
  CHECK(changes > 1000);
  CHECK(of_activity > 200);
  CHECK(of_data > 200);
}

TEST_CASE("random events are read as they are written") {
  Chance dice(7);
  const auto fields = [&] {
    Attributes made;
    for (std::size_t i = dice.below(4); i > 0; --i) {
      Attributes inner;
      inner["\xF0\x9F\x98\x80"] = static_cast<int>(dice.below(9));
      made["\\" + std::to_string(dice.below(9))] = dice.below(2) == 0 ? Value::object(inner) : array({"a", "\""});
    }
    return made;
  };
  for (int round = 0; round < 5000; ++round) {
    PresenceEvent event;
    event.type = static_cast<EventType>(dice.below(11));
    event.user = "u";
    event.session = dice.below(2) == 0 ? "s" : "";
    event.at = noon;
    if (event.type == EventType::set_status) event.status = "s";
    event.invisible = dice.below(2) == 0;
    if (dice.below(2) == 0) event.activity = fields();
    if (dice.below(2) == 0) event.data = fields();
    if (dice.below(2) == 0) event.name = "n\n";
    if (dice.below(2) == 0) event.value = dice.below(2) == 0 ? Value(1.5) : Value::object(fields());
    CAPTURE(to_json(event));
    REQUIRE(read(to_json(event)) == event);
  }
}

TEST_CASE("a change with data as deep as a Value is read by a mirror, alone and in a list") {
  User user{"kim", true, "", noon, false};
  user.data["x"] = value_of(nested(64));
  user.activity["x"] = value_of(nested(63));
  UserPresenceChanged change;
  change.id = user.id;
  change.after = user;
  change.at = noon;
  ReadNotes notes;
  CHECK(read(to_json(change), &notes) == PresenceEvent::report(user, noon));
  CHECK(notes.empty());
  CHECK(read_user(to_json(user)) == user);
  std::vector<User> list;
  CHECK_FALSE(parse_users("{\"users\":[" + to_json(user) + "]}", [&](User&& one) { list.push_back(std::move(one)); }));
  REQUIRE(list.size() == 1);
  CHECK(list[0] == user);
}

TEST_CASE("strings with escapes stay valid beside data of any size") {
  for (const std::size_t size : {1u, 10u, 500u, 2000u, 5000u}) {
    const std::string data = R"(,"na\u006de":{"a":")" + std::string(size, 'x') + R"(\n"},"activity":{"b":"\n"})";
    ReadOptions options;
    options.max_user_data_bytes = 10000;
    for (const std::string status : {"", "\\n", "a status\\tthat is longer than sixteen bytes"}) {
      const std::string keys = R"(,"status":")" + status + '"' + data;
      const Value value = value_of('"' + status + '"');
      const std::string shown(value.view().text());
      for (std::string payload : payloads(keys)) {
        payload.replace(payload.find("\"kim\""), 5, R"("k\u0069m")");
        const PresenceEvent event = read(payload, nullptr, options);
        CHECK(event.user == "kim");
        CHECK(event.status == shown);
        const Value* const name = event.data->find("name");
        REQUIRE(name != nullptr);
        CHECK(name->view().find("a").text().size() == size + 1);
        CHECK(event.activity->find("b") != nullptr);
        CHECK(to_json(event).find(R"("b":"\n")") != std::string::npos);
      }
      const std::string user = R"({"id":"k\u0069m","online":true)" + keys + "}";
      CHECK(read_user(user, nullptr, options).id == "kim");
      CHECK(read_user(user, nullptr, options).status == shown);
      std::vector<User> list;
      CHECK_FALSE(parse_users("[" + user + R"(,{"id":"\u0075"},)" + user + "," + user + "]", options,
                              [&](User&& one) { list.push_back(std::move(one)); }));
      REQUIRE(list.size() == 4);
      CHECK(list[1].id == "u");
      CHECK(list[2] == list[0]);
      CHECK(list[3] == read_user(user, nullptr, options));

      const PresenceEvent event =
          read(R"({"type":"connect","user":"\n","session":"\ts","at":"2024-03-01T12:00:00Z","name":"\r","value":"v\\",)"
               R"("status":")" +
               status + R"(","data":{"na\u006de":")" + std::string(size, 'x') + R"("}})");
      CHECK(event.user == "\n");
      CHECK(event.session == "\ts");
      CHECK(event.status == shown);
      CHECK(event.name == "\r");
      CHECK(event.value == "v\\");
      const Value* const name = event.data->find("name");
      REQUIRE(name != nullptr);
      CHECK(name->view().text().size() == size);
    }
  }
}
