// SPDX-License-Identifier: MIT

// What each type of event line needs and reads, and the payload of a user that a service deleted.

#include <doctest/doctest.h>
#include <presence/json/events.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace presence;

namespace {

const Timestamp noon = *parse_timestamp("2024-03-01T12:00:00Z");
constexpr Duration minute = Duration::from_s(60);

/// One type, with its name on the wire and the keys that a line of it needs besides type, user and at.
struct Type {
  EventType type;
  std::string name;
  std::string needed;  // each begins with a comma
};

const std::vector<Type> types = {
    {EventType::connect, "connect", R"(,"session":"s")"},
    {EventType::disconnect, "disconnect", R"(,"session":"s")"},
    {EventType::heartbeat, "heartbeat", R"(,"session":"s")"},
    {EventType::set_status, "status", R"(,"status":"t")"},
    {EventType::report, "report", R"(,"online":true)"},
    {EventType::set_visible, "visible", R"(,"invisible":true)"},
    {EventType::remove, "remove", ""},
    {EventType::active, "active", R"(,"session":"s")"},
    {EventType::update, "update", R"(,"session":"s")"},
    {EventType::set_availability, "availability", ""},
};

std::string line(const Type& type, const std::string& more = "") {
  return R"({"type":")" + type.name + R"(","user":"u","at":"2024-03-01T12:00:00Z")" + type.needed + more + "}";
}

PresenceEvent read(std::string_view json, ReadNotes* notes = nullptr) {
  CAPTURE(std::string(json));
  const auto event = parse_event(json, ReadOptions(), notes);
  if (!event) MESSAGE(event.error().message << " at " << event.error().offset);
  REQUIRE(event);
  std::string scratch;
  REQUIRE(*parse_event(json, scratch) == *event);
  return *event;
}

/// Checks the error of a string with a '^' before the byte at the error's offset.
void refused(ErrorCode code, std::string marked) {
  CAPTURE(marked);
  const std::size_t offset = marked.find('^');
  REQUIRE(offset != std::string::npos);
  marked.erase(offset, 1);
  const auto event = parse_event(marked);
  REQUIRE_FALSE(event);
  CHECK(static_cast<int>(event.error().code) == static_cast<int>(code));
  CHECK(event.error().offset == offset);
  CHECK(std::string(event.error().message) != "");
}

/// A payload of a deleted user, with more keys in the object of the user and more beside it; each begins with a comma.
std::string deleted(const std::string& in_user, const std::string& beside = "") {
  return R"({"type":"user.deleted","created_at":"2024-03-01T12:00:00Z")" + beside + R"(,"user":{"id":"kim")" + in_user +
         "}}";
}

}  // namespace

TEST_CASE("a line of each type is read with only the keys that it needs") {
  for (const Type& type : types) {
    const PresenceEvent event = read(line(type));
    CHECK(static_cast<int>(event.type) == static_cast<int>(type.type));
    CHECK(event.user == "u");
    CHECK(event.at == noon);
    CHECK(event.until == std::nullopt);
    CHECK(event.availability == std::nullopt);
    CHECK(event.priority == std::nullopt);
    CHECK(event.last_active == std::nullopt);
    CHECK(std::string(to_string(event.type)) == type.name);
  }
  CHECK(read(line(types[5])) == PresenceEvent::set_visible("u", false, noon));
  CHECK(read(R"({"type":"visible","user":"u","at":1709294400000000000,"invisible":false})") ==
        PresenceEvent::set_visible("u", true, noon));
  CHECK(read(line(types[6])) == PresenceEvent::remove("u", noon));
  CHECK(read(line(types[7])) == PresenceEvent::active("u", "s", noon));
  CHECK(read(line(types[8])) == PresenceEvent::update("u", "s", noon));
  CHECK(read(line(types[9])) == PresenceEvent::set_availability("u", std::nullopt, noon));
}

TEST_CASE("a line that lacks a key that its type needs is missing_key, at its brace") {
  for (const Type& type : types) {
    for (const std::string absent : {"", ",\"x\":null"}) {
      const std::string rest = absent + type.needed + "}";
      refused(ErrorCode::missing_key, R"(^{"type":")" + type.name + R"(","at":"2024-03-01T12:00:00Z")" + rest);
      refused(ErrorCode::missing_key, R"(^{"type":")" + type.name + R"(","user":"u")" + rest);
    }
    if (!type.needed.empty()) {
      const std::string key = type.needed.substr(0, type.needed.find(':') + 1);
      refused(ErrorCode::missing_key, R"( ^{"type":")" + type.name + R"(","user":"u","at":"2024-03-01T12:00:00Z"})");
      refused(ErrorCode::missing_key,
              R"( ^{"type":")" + type.name + R"(","user":"u","at":"2024-03-01T12:00:00Z")" + key + "null}");
    }
  }
}

TEST_CASE("every type with every field, and with only its own, is read back as written") {
  for (const Type& type : types) {
    PresenceEvent bare = read(line(type));
    PresenceEvent full = bare;
    full.session = "s \"1\"";
    full.invisible = false;
    full.status = "back at 12\n";
    full.online = true;
    full.until = noon + minute;
    full.availability = Availability::busy;
    full.priority = std::int8_t{-3};
    full.last_active = noon - minute;
    PresenceEvent with_end = bare;
    with_end.until = noon - minute;
    for (const PresenceEvent& event : {bare, full, with_end}) {
      const std::string text = to_json(event);
      CHECK(read(text) == event);
      CHECK(to_json(read(text)) == text);
      CHECK(to_json(PresenceEventView(event)) == text);
    }
    CHECK(to_json(full) == R"({"type":")" + type.name +
                               R"(","user":"u","session":"s \"1\"","online":true,"at":"2024-03-01T12:00:00.000Z",)"
                               R"("invisible":false,"status":"back at 12\n","until":"2024-03-01T12:01:00.000Z",)"
                               R"("availability":"busy","priority":-3,"last_active":"2024-03-01T11:59:00.000Z"})");
  }
}

TEST_CASE(
    "until is read on every line, as a string or in nanoseconds, whatever its order and with or without a status") {
  for (const Type& type : types) {
    for (const std::string value : {R"("2024-03-01T12:01:00Z")", R"("2024-03-01T13:01:00+01:00")",
                                    R"("2024-03-01T12:01:00\u005a")", "1709294460000000000"}) {
      PresenceEvent expected = read(line(type));
      expected.until = noon + minute;
      CHECK(read(line(type, ",\"until\":" + value)) == expected);
      CHECK(read(line(type, ",\"unt\\u0069l\":" + value)) == expected);
      std::string first = line(type);
      first.insert(1, "\"until\":" + value + ",");
      CHECK(read(first) == expected);
    }
  }
}

TEST_CASE("an until that is null, the year 1 or 0 is absent") {
  for (const Type& type : types) {
    for (const std::string value : {"null", R"("0001-01-01T00:00:00Z")", "0", "-0"})
      CHECK(read(line(type, ",\"until\":" + value)) == read(line(type)));
  }
}

TEST_CASE("an until that is not later than the event is read: applying the event validates it") {
  for (const Duration distance : {Duration(), minute, Duration::from_ns(1)}) {
    PresenceEvent event = PresenceEvent::set_status("u", "t", noon);
    event.until = noon - distance;
    CHECK(read(to_json(event)) == event);
  }
}

TEST_CASE("keys of the length of until, and until in other objects, are skipped") {
  for (const std::string key : {"untie", "Until", "unti", "untill", "xntil", "unxil", "\\u0000ntil"})
    CHECK(read(line(types[3], ",\"" + key + "\":[7],\"" + key + "\":{}")) == read(line(types[3])));
  CHECK(read(line(types[3], R"(,"x":{"until":7,"until":[]})")) == read(line(types[3])));
}

TEST_CASE("an until that is no timestamp is rejected as an at is, at the value") {
  for (const Type& type : types) {
    refused(ErrorCode::wrong_type, line(type, R"(,"until":^true)"));
    refused(ErrorCode::wrong_type, line(type, R"(,"until": ^{})"));
    refused(ErrorCode::wrong_type, line(type, R"(,"until":^["2024-03-01T12:01:00Z"])"));
    refused(ErrorCode::out_of_range, line(type, R"(,"until":^1709294460)"));
    refused(ErrorCode::out_of_range, line(type, R"(,"until":^1709294460000)"));
    refused(ErrorCode::out_of_range, line(type, R"(,"until":^1e18)"));
    refused(ErrorCode::out_of_range, line(type, R"(,"until":^9223372036854775808)"));
    refused(ErrorCode::out_of_range, line(type, R"(,"until":^"2300-01-01T00:00:00Z")"));
    refused(ErrorCode::out_of_range, line(type, R"(,"until":^"2024-02-30T00:00:00Z")"));
    refused(ErrorCode::syntax, line(type, R"(,"until":"^never")"));
    refused(ErrorCode::syntax, line(type, R"(,"until":"2024-03-01^ 12:01:00Z")"));
    refused(ErrorCode::syntax, line(type, R"(,"until":"^")"));
    refused(ErrorCode::syntax, line(type, R"(,"until":^"2024\u002d03")"));
  }
}

TEST_CASE("a repeated key of a line of any type is duplicate_key, at the second") {
  for (const Type& type : types) {
    for (const std::string key : {"session", "online", "invisible", "status", "until", "availability", "priority",
                                  "last_active", "user", "at", "type"}) {
      const std::string text = line(type);
      const bool is_there = text.find('"' + key + "\":") != std::string::npos;
      const std::string first = is_there ? "" : ",\"" + key + "\":null";
      refused(ErrorCode::duplicate_key, line(type, first + ",^\"" + key + "\":null"));
    }
  }
}

TEST_CASE("an invisible of a visible line that is not a bool is wrong_type, at the value") {
  const std::string start = R"({"type":"visible","user":"u","at":"2024-03-01T12:00:00Z","invisible":^)";
  for (const std::string value : {"0", "1", "\"true\"", "[]", "{}", "-1.5"})
    refused(ErrorCode::wrong_type, start + value + "}");
}

TEST_CASE("of several errors of a line, those of invisible, status, until and last_active are reported in this order") {
  const std::string start = R"({"type":"visible","user":"u","at":"2024-03-01T12:00:00Z")";
  refused(ErrorCode::missing_key, "^" + start + R"(,"last_active":1,"until":1,"status":1})");
  refused(ErrorCode::wrong_type, start + R"(,"last_active":1,"until":1,"status":1,"invisible":^1})");
  refused(ErrorCode::wrong_type, start + R"(,"last_active":1,"until":1,"status":^1,"invisible":true})");
  refused(ErrorCode::out_of_range, start + R"(,"last_active":1,"until":^1,"status":"","invisible":true})");
  refused(ErrorCode::out_of_range, start + R"(,"last_active":^1,"until":0,"status":"","invisible":true})");
  refused(ErrorCode::wrong_type, R"({"type":"remove","until":1,"at":^[],"user":"u"})");
  refused(ErrorCode::unknown_type, R"({"type":^"set_visible","until":1})");
  refused(ErrorCode::unknown_type, R"({"type":^"removed","until":1})");
}

TEST_CASE("a service's user.deleted is a removal of the user, dated created_at") {
  ReadNotes notes;
  CHECK(read(deleted(""), &notes) == PresenceEvent::remove("kim", noon));
  CHECK(notes.empty());
  CHECK(read(R"({"user":{"name":"Kim","online":true,"role":"user","deleted_at":"2024-03-01T11:59:59.9Z","id":"kim",)"
             R"("last_active":"2024-02-29T08:00:00Z","custom":{"status":"bye"},"status":"bye","invisible":true},)"
             R"("hard_delete":false,"mark_messages_deleted":true,"created_at":"2024-03-01T13:00:00+01:00",)"
             R"("type":"user\u002edeleted"})",
             &notes) == PresenceEvent::remove("kim", noon));
  CHECK(notes.empty());
  CHECK(read(R"({"type":"user.deleted","created_at":1709294400,"user":{"id":"kim"}})", &notes) ==
        PresenceEvent::remove("kim", noon));
  CHECK(notes.count() == 1);
  CHECK(read(to_json(PresenceEvent::remove("kim", noon))) == PresenceEvent::remove("kim", noon));
}

TEST_CASE("whatever the value of another key of a user.deleted, the removal is read") {
  for (const std::string value :
       {"true", "7", "-1.5e300", "1e999", "{}", "[]", "null", "\"\"", "\"never\"", "0", "{\"id\":7,\"id\":8}"}) {
    for (const std::string key : {"online", "status", "last_active", "custom", "name", "invisible", "deleted_at",
                                  "availability", "until", "at", "session", "me", "type_", "created_at", "user"}) {
      const std::string once = ",\"" + key + "\":" + value;
      ReadNotes notes;
      CHECK(read(deleted(once), &notes) == PresenceEvent::remove("kim", noon));
      CHECK(notes.empty());
      CHECK(read(deleted(once + once), &notes) == PresenceEvent::remove("kim", noon));
      CHECK(notes.empty());
      if (key == "created_at" || key == "user") continue;
      CHECK(read(deleted("", once + once), &notes) == PresenceEvent::remove("kim", noon));
      CHECK(notes.empty());
    }
  }
}

TEST_CASE("strings of a user.deleted that are not UTF-8 are noted, but in the id they are an error") {
  for (const std::string text : {"\xFF", "a\\ud83d", "\\udc00", "\xED\xA0\x80"}) {
    for (const std::string& keys :
         {",\"name\":\"" + text + "\"", ",\"status\":\"" + text + "\"", ",\"" + text + "\":1"}) {
      ReadNotes notes;
      CHECK(read(deleted(keys), &notes) == PresenceEvent::remove("kim", noon));
      CHECK_FALSE(notes.empty());
    }
  }
  const std::string start = R"({"type":"user.deleted","created_at":"2024-03-01T12:00:00Z","user":)";
  refused(ErrorCode::bad_utf8, start + "{\"id\":\"a^\xFF\"}}");
  refused(ErrorCode::bad_escape, start + R"({"id":"a^\ud83d"}})");
}

TEST_CASE("a user.deleted without a user, an id or a created_at is rejected") {
  const std::string start = R"({"type":"user.deleted","created_at":"2024-03-01T12:00:00Z")";
  refused(ErrorCode::missing_key, "^" + start + "}");
  refused(ErrorCode::missing_key, "^" + start + R"(,"user":null})");
  refused(ErrorCode::missing_key, "^" + start + R"(,"me":{"id":"kim"}})");
  refused(ErrorCode::wrong_type, start + R"(,"user":^"kim"})");
  refused(ErrorCode::duplicate_key, start + R"(,"user":{"id":"kim"},^"user":{"id":"kim"}})");
  refused(ErrorCode::missing_key, start + R"(,"user":^{}})");
  refused(ErrorCode::missing_key, start + R"(,"user": ^{"id":null}})");
  refused(ErrorCode::missing_key, start + R"(,"user":{"id":^""}})");
  refused(ErrorCode::wrong_type, start + R"(,"user":{"id":^7}})");
  refused(ErrorCode::duplicate_key, start + R"(,"user":{"id":"kim",^"id":"kim"}})");
  refused(ErrorCode::missing_key, R"(^{"type":"user.deleted","user":{"id":"kim"},"at":1709294400000000000})");
  refused(ErrorCode::missing_key, R"(^{"type":"user.deleted","user":{"id":"kim"},"created_at":null})");
  refused(ErrorCode::missing_key,
          R"({"type":"user.deleted","user":{"id":"kim"},"created_at":^"0001-01-01T00:00:00Z"})");
  refused(ErrorCode::wrong_type, R"({"type":"user.deleted","user":{"id":"kim"},"created_at":^[]})");
  refused(ErrorCode::out_of_range, R"({"type":"user.deleted","user":{"id":"kim"},"created_at":^7})");
  refused(ErrorCode::duplicate_key,
          R"({"type":"user.deleted","created_at":1709294400000000000,^"created_at":1,"user":{"id":"kim"}})");
  // The id is reported before the date, as in other payloads.
  refused(ErrorCode::wrong_type, R"({"type":"user.deleted","created_at":[],"user":{"id":^7}})");
  refused(ErrorCode::syntax, start + R"(,"user":{"id":"kim","x":^}})");
}

TEST_CASE("a deleted_at removes no user: a report and a user with one are read as without") {
  CHECK(read(R"({"type":"user.updated","created_at":"2024-03-01T12:00:00Z","user":{"id":"kim","online":false,)"
             R"("deleted_at":"2024-03-01T11:00:00Z"}})")
            .type == EventType::report);
  CHECK(*parse_user(R"({"id":"kim","online":true,"deleted_at":"2024-03-01T11:00:00Z"})") ==
        User{"kim", true, "", std::nullopt, false});
}
