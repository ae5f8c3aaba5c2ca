// SPDX-License-Identifier: MIT
#include "../support.hpp"

#include <string_view>

using namespace support;

namespace {
const std::string_view line = R"({"type":"connect","user":"u","session":"s","at":"2019-01-07T13:17:42.375Z","invisible":true,"status":"a\"b\u00e9\ud83d\ude00"})";

void refuses(std::string_view text, ErrorCode code, std::size_t offset) {
  CAPTURE(std::string(text));
  const auto event = parse_event(text);
  REQUIRE_FALSE(event);
  CHECK(static_cast<int>(event.error().code) == static_cast<int>(code));
  CHECK(event.error().offset == offset);
  CHECK(event.error().message[0] != '\0');
}
}  // namespace

TEST_CASE("an event line is read with its keys in any order, and unknown keys are ignored") {
  const auto event = parse_event(line);
  REQUIRE(event);
  CHECK(event->type == EventType::connect);
  CHECK(event->user == "u");
  CHECK(event->session == "s");
  CHECK(event->at == *parse_timestamp("2019-01-07T13:17:42.375Z"));
  CHECK(event->invisible == true);
  CHECK(event->status == "a\"b\xC3\xA9\xF0\x9F\x98\x80");
  const auto turned = parse_event(
      R"( { "x" : [1,{"type":"no"},null] , "status":"a\"bé😀", "invisible":true, "at":1546867062375000000, "session":"s","user":"u","type":"connect" } )");
  REQUIRE(turned);
  CHECK(*turned == *event);
}

TEST_CASE("the borrowing event view is equal to the owning event") {
  std::string scratch;
  const auto view = parse_event(line, scratch);
  REQUIRE(view);
  CHECK(static_cast<PresenceEvent>(*view) == *parse_event(line));
}

TEST_CASE("events of every type are read back as written") {
  PresenceEvent hello = invisibly("john", "phone", at(1));
  hello.status = "tab\t quote\" \x01 \xF0\x9F\x98\x80";
  PresenceEvent word = report("john", true, at(6) + tick);
  word.last_active = at(-7);
  word.status = "";
  for (const PresenceEvent& event : {hello, connect("j", "p", at(2)), visibly("j", "p", at(2)), disconnect("j", "p", at(3)),
                                     heartbeat("j", "p", at(4)), says("j", "", at(5)), word, report("j", false, at(0))}) {
    const auto read = parse_event(to_json(event));
    REQUIRE(read);
    CHECK(*read == event);
    CHECK(to_json(*read) == to_json(event));
    CHECK(to_json(PresenceEventView(event)) == to_json(event));
  }
}

TEST_CASE("a user is written with id, online, status and last_active, and read back") {
  const User user{"unique_user_id", true, "Eating a veggie burger...", *parse_timestamp("2019-01-07T13:17:42.375Z"), false};
  CHECK(to_json(user) ==
        R"({"id":"unique_user_id","online":true,"status":"Eating a veggie burger...","last_active":"2019-01-07T13:17:42.375Z"})");
  CHECK(*parse_user(to_json(user)) == user);
  CHECK(to_json(User{"x", false, "", std::nullopt, false}) == R"({"id":"x","online":false,"status":""})");
  CHECK(to_json(User{"x", true, "", std::nullopt, true}) == R"({"id":"x","online":true,"status":"","invisible":true})");
  std::string out = "user: ";
  append_json(out, User{"x", false, "", std::nullopt, false});
  CHECK(out == R"(user: {"id":"x","online":false,"status":""})");
  const auto custom = parse_user(R"({"id":"x","last_active":"0001-01-01T00:00:00Z","custom":{"status":"hi"}})");
  REQUIRE(custom);
  CHECK(*custom == User{"x", false, "hi", std::nullopt, false});
}

TEST_CASE("a written change is read as a report") {
  UserPresenceChanged change;
  change.id = "john";
  change.at = at(3);
  change.after = User{"john", true, "hi", at(1), false};
  CHECK(to_json(change) == R"({"type":"user.presence.changed","created_at":")" + to_string(at(3)) + R"(","user":)" + to_json(*change.after) + "}");
  const auto read = parse_event(to_json(change));
  REQUIRE(read);
  CHECK(*read == PresenceEvent::report(*change.after, at(3)));
}

TEST_CASE("service payloads about presence are read as reports, others are not_presence") {
  const std::string user = R"({"id":"john","online":true,"role":"admin","last_active":"2019-01-07T13:17:42.375Z"})";
  const std::string when = R"("created_at":"2020-01-01T00:00:00Z")";
  for (const std::string type : {"user.presence.changed", "user.updated"}) {
    const auto event = parse_event(R"({"type":")" + type + "\"," + when + R"(,"user":)" + user + "}");
    REQUIRE(event);
    CHECK(event->type == EventType::report);
    CHECK(event->user == "john");
    CHECK(event->online);
    CHECK(event->status.has_value() == (type == "user.updated"));
  }
  CHECK(parse_event(R"({"type":"health.check",)" + when + R"(,"me":)" + user + "}"));
  refuses(R"({"type":"health.check",)" + when + "}", ErrorCode::not_presence, 8);
  refuses(R"({"type":"user.watching.start",)" + when + R"(,"user":)" + user + "}", ErrorCode::not_presence, 8);
  refuses(R"({"type":"message.new","message":{"user":)" + user + "}}", ErrorCode::not_presence, 8);
}

TEST_CASE("invalid input returns an error code and the byte offset") {
  refuses("", ErrorCode::truncated, 0);
  refuses("connect", ErrorCode::syntax, 0);
  refuses("[]", ErrorCode::wrong_type, 0);
  refuses("{} x", ErrorCode::trailing_bytes, 3);
  refuses("{}", ErrorCode::missing_key, 0);
  refuses(R"({"type":"teleport"})", ErrorCode::unknown_type, 8);
  refuses(R"({"type":7})", ErrorCode::wrong_type, 8);
  refuses(R"({"type":"connect","type":"connect"})", ErrorCode::duplicate_key, 18);
  refuses(R"({"type":"heartbeat","user":"u","session":"s"})", ErrorCode::missing_key, 0);
  refuses(R"({"type":"heartbeat","user":"u","session":"s","at":1e3})", ErrorCode::out_of_range, 50);
  refuses(R"({"type":"heartbeat","user":"u","session":"s","at":9223372036854775808})", ErrorCode::out_of_range, 50);
  refuses(R"({"type":"heartbeat","user":"u","session":"s","at":"2019-01-07 13:17:42Z"})", ErrorCode::syntax, 61);
  refuses("{\"type\":\"\xC0\x80\"}", ErrorCode::bad_utf8, 9);
  refuses("{\"type\":\"\xED\xA0\x80\"}", ErrorCode::bad_utf8, 9);
  refuses("{\"type\":\"a\nb\"}", ErrorCode::syntax, 10);
  refuses(R"({"type":"\ud800x"})", ErrorCode::bad_escape, 9);
  refuses(R"({"type":"\udc00"})", ErrorCode::bad_escape, 9);
  refuses(R"({"type":"\q"})", ErrorCode::bad_escape, 9);
  refuses(R"({"x":01})", ErrorCode::syntax, 6);
  refuses(R"({"x":1.})", ErrorCode::syntax, 7);
  refuses(R"({"x":1,})", ErrorCode::syntax, 7);
  refuses("{\"x\":" + std::string(1000, '['), ErrorCode::too_deep, 5 + 127);
}

TEST_CASE("an event line cut at any byte is an error, and one with any byte changed does not crash") {
  for (std::size_t i = 0; i < line.size(); ++i) {
    CHECK_FALSE(parse_event(line.substr(0, i)));
    for (int byte = 0; byte < 256; ++byte) {
      std::string damaged(line);
      damaged[i] = static_cast<char>(byte);
      if (const auto event = parse_event(damaged)) CHECK(parse_event(to_json(*event)));
    }
  }
}

TEST_CASE("a user with invalid UTF-8 and control characters is written as valid JSON") {
  const User user{"\xFF\xC3", false, std::string("\0\x1F\"\\/\x7F", 6), std::nullopt, false};
  CHECK(to_json(user) == "{\"id\":\"\xEF\xBF\xBD\xEF\xBF\xBD\",\"online\":false,\"status\":\"\\u0000\\u001f\\\"\\\\/\x7F\"}");
  CHECK(parse_user(to_json(user)));
}
