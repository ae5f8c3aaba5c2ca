// SPDX-License-Identifier: MIT

// What is odd in a payload of a service never loses what the payload says about presence.

#include "../rooms.hpp"

#include <presence/json/events.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace support;

namespace {

const Timestamp noon = *parse_timestamp("2024-03-01T12:00:00Z");
const std::string replacement = "\xEF\xBF\xBD";

/// Reads a copy of exactly the size of the text, so that a sanitizer sees a read past its end.
template <class Read>
auto read_exactly(std::string_view text, const Read& read) {
  const std::unique_ptr<char[]> exact(new char[text.size() + 1]);
  char* const start = exact.get() + 1;
  text.copy(start, text.size());
  return read(std::string_view(start, text.size()));
}

Result<PresenceEvent> event_of(std::string_view text, ReadNotes* notes = nullptr, const ReadOptions& options = {}) {
  return read_exactly(text, [&](std::string_view exact) { return parse_event(exact, options, notes); });
}
Result<User> user_of(std::string_view text, ReadNotes* notes = nullptr, const ReadOptions& options = {}) {
  return read_exactly(text, [&](std::string_view exact) { return parse_user(exact, options, notes); });
}

/// A payload of a type, with more keys in the object of the user and more beside it; each begins with a comma.
std::string payload(const std::string& type, const std::string& in_user, const std::string& beside = "") {
  const std::string whose = type == "health.check" ? "me" : "user";
  return R"({"type":")" + type + R"(","created_at":"2024-03-01T12:00:00Z")" + beside + ",\"" + whose +
         R"(":{"id":"kim","online":true)" + in_user + "}}";
}

constexpr std::string_view types[] = {"user.presence.changed", "user.updated", "health.check"};

/// Values of every kind, as strings of JSON.
constexpr std::string_view odd_values[] = {
    "true",
    "7",
    "-1.5e300",
    "1e999",
    "99999999999999999999999999",
    "{}",
    "[]",
    "[[{\"id\":\"kim\",\"online\":false}]]",
    "{\"online\":false,\"id\":7,\"status\":[]}",
    "\"\"",
    "\"never\"",
    "\"2024-13-01T12:00:00Z\"",
    "\"2024-03-01 12:00:00\"",
    "\"\\ud83d\"",
    "\"\\ude00\\ud83d\"",
    "\"\\ud83d\\u0041\"",
    "\"\xFF\"",
    "\"a\xC3\"",
    "\"\xED\xA0\x80\"",
    "\"\xF0\x9F\x98\"",
    "{\"\\ud83d\":\"\xFF\"}",
    "[\"\xC0\x80\",\"\\udc00\"]",
    "null",
    "\"0001-01-01T00:00:00Z\"",
    "0",
};

}  // namespace

TEST_CASE("whatever the value of an optional field, the user and whether they are online are read") {
  for (const std::string_view type : types) {
    for (const std::string_view value : odd_values) {
      for (const std::string key :
           {"status", "availability", "last_active", "custom", "name", "invisible", "created_at", "me", "user"}) {
        for (const std::string& keys :
             {",\"" + key + "\":" + std::string(value), ",\"" + key + "\":1,\"" + key + "\":" + std::string(value),
              R"(,"custom":{")" + key + "\":" + std::string(value) + "}"}) {
          const std::string text = payload(std::string(type), keys);
          CAPTURE(text);
          ReadNotes notes;
          const auto event = event_of(text, &notes);
          REQUIRE(event);
          CHECK(static_cast<int>(event->type) == static_cast<int>(EventType::report));
          CHECK(event->user == "kim");
          CHECK(event->online);
          CHECK(event->at == noon);
          CHECK(*event == *event_of(text));
          const auto user = user_of(R"({"id":"kim","online":true)" + keys + "}");
          REQUIRE(user);
          CHECK(user->id == "kim");
          CHECK(user->online);
          CHECK(user->last_active == event->last_active);
          CHECK(user->status == event->status.value_or(""));
        }
      }
    }
  }
}

TEST_CASE("an invalid optional field is treated as absent and noted once, at its offset") {
  struct Case {
    std::string keys;  // with a '^' before the place
    ErrorCode code;
  };
  for (const Case& odd : std::vector<Case>{
           {R"(,"last_active":"^")", ErrorCode::syntax},
           {R"(,"last_active":"2024-03-01^ 12:00:00Z")", ErrorCode::syntax},
           {R"(,"last_active":^"2024\u002d03")", ErrorCode::syntax},
           {R"(,"last_active":^"2024-02-30T12:00:00Z")", ErrorCode::out_of_range},
           {R"(,"last_active":^true)", ErrorCode::wrong_type},
           {R"(,"last_active":^{})", ErrorCode::wrong_type},
           {R"(,"last_active":^-7)", ErrorCode::out_of_range},
           {R"(,"last_active":^1e3)", ErrorCode::out_of_range},
           {R"(,"last_active":"2024-03-01T12:00:00Z",^"last_active":"2024-03-01T12:00:00Z")", ErrorCode::duplicate_key},
           {R"(,"status":^7)", ErrorCode::wrong_type},
           {R"(,"status":^[])", ErrorCode::wrong_type},
           {R"(,"status":"a",^"status":"b")", ErrorCode::duplicate_key},
           {R"(,"custom":^"x")", ErrorCode::wrong_type},
           {R"(,"custom":^[])", ErrorCode::wrong_type},
           {R"(,"custom":{"status":^false})", ErrorCode::wrong_type},
           {R"(,"custom":{"status":"a",^"status":"b"})", ErrorCode::duplicate_key},
           {R"(,"custom":{},^"custom":{"status":"b"})", ErrorCode::duplicate_key},
           {R"(,"name":"a^\ud83d")", ErrorCode::bad_escape},
           {R"(,"na^\udc00me":1)", ErrorCode::bad_escape},
           {R"(,"x":[{"y":"^\ud83d\n"}])", ErrorCode::bad_escape},
           {",\"name\":\"a^\xC3\"", ErrorCode::bad_utf8},
           {",\"custom\":{\"x\":[\"^\xFF\"]}", ErrorCode::bad_utf8},
       }) {
    for (const std::string_view type : types) {
      std::string text = payload(std::string(type), odd.keys);
      CAPTURE(text);
      const std::size_t offset = text.find('^');
      text.erase(offset, 1);
      ReadNotes notes;
      const auto event = event_of(text, &notes);
      REQUIRE(event);
      CHECK(event->last_active == std::nullopt);
      CHECK(event->status.value_or("") == "");
      REQUIRE(notes.count() == 1);
      CHECK(static_cast<int>(notes.begin()->code) == static_cast<int>(odd.code));
      CHECK(notes.begin()->offset == offset);
      CHECK(std::string(notes.begin()->message) != "");
    }
    std::string text = R"({"id":"kim","online":true)" + odd.keys + "}";
    CAPTURE(text);
    const std::size_t offset = text.find('^');
    text.erase(offset, 1);
    ReadNotes notes;
    const auto user = user_of(text, &notes);
    REQUIRE(user);
    CHECK(*user == User{"kim", true, "", std::nullopt, false});
    REQUIRE(notes.count() == 1);
    CHECK(static_cast<int>(notes.begin()->code) == static_cast<int>(odd.code));
    CHECK(notes.begin()->offset == offset);
  }
  ReadNotes notes;
  CHECK(*user_of(R"({"id":"kim","invisible":1})", &notes) == User{"kim", false, "", std::nullopt, false});
  CHECK(notes.count() == 1);
  CHECK(*user_of(R"({"id":"kim","invisible":true,"invisible":true})", &notes) ==
        User{"kim", false, "", std::nullopt, false});
  CHECK(notes.count() == 1);
}

TEST_CASE("ReadNotes counts all notes, keeps the first max_kept and is cleared by the next read") {
  ReadNotes notes;
  std::string keys;
  for (int i = 0; i < 100; ++i) keys += R"(,"x":"\ud83d")";
  REQUIRE(event_of(payload("user.updated", keys), &notes));
  CHECK(notes.count() == 101);  // the key is repeated as well
  CHECK(notes.end() - notes.begin() == static_cast<std::ptrdiff_t>(ReadNotes::max_kept));
  for (const Error& note : notes) CHECK(static_cast<int>(note.code) == static_cast<int>(ErrorCode::bad_escape));
  REQUIRE(event_of(payload("user.updated", ",\"x\":\"\xFF\",\"status\":\"\xFF\""), &notes));
  CHECK(notes.count() == 2);
  REQUIRE(event_of(payload("user.updated", ""), &notes));
  CHECK(notes.empty());
  CHECK(notes.begin() == notes.end());
}

TEST_CASE("invalid escapes and UTF-8 in a service user's status are read as U+FFFD") {
  const auto status = [](const std::string& json) {
    const auto event = event_of(payload("user.presence.changed", ",\"status\":" + json));
    REQUIRE(event);
    const auto user = user_of(R"({"id":"kim","custom":{"status":)" + json + "}}");
    REQUIRE(user);
    CHECK(user->status == event->status);
    return *event->status;
  };
  CHECK(status(R"("\ud83d")") == replacement);
  CHECK(status(R"("a\ud83db")") == "a" + replacement + "b");
  CHECK(status(R"("\ude00\ud83d")") == replacement + replacement);
  CHECK(status(R"("\ud83d\ud83d\ude00\n")") == replacement + "\xF0\x9F\x98\x80\n");
  CHECK(status(R"("\ud83d\u0041")") == replacement + "A");
  CHECK(status(R"("\ud83d\\u0041")") == replacement + "\\u0041");
  CHECK(status("\"\xFF\"") == replacement);
  CHECK(status("\"a\xF0\x9F\x98z\"") == "a" + replacement + "z");
  CHECK(status("\"\xED\xA0\x80\"") == replacement + replacement + replacement);
  CHECK(status("\"\\n\xC3\\n\xC3\\ud83d\xC3\xAB\"") ==
        "\n" + replacement + "\n" + replacement + replacement + "\xC3\xAB");
  // Many, of which each grows, with strings in scratch before and behind them.
  const std::string many(3000, '\xFF');
  const std::string text = R"({"me":{"online":true,"id":"k\u0069m","status":")" + many +
                           R"(","last_active":"2024-03-01T11:00:00\u005a"},"type":"health\u002echeck",)"
                           R"("created_at":"2024-03-01T12:00:00\u005a"})";
  ReadOptions options;
  options.max_status_bytes = 9000;
  for (std::string scratch : {std::string(), std::string("before"), std::string(20000, 'x')}) {
    const auto event = parse_event(text, scratch, options);
    REQUIRE(event);
    CHECK(event->user == "kim");
    REQUIRE(event->status);
    CHECK(event->status->size() == 9000);
    for (std::size_t i = 0; i < 9000; i += 3) REQUIRE(event->status->substr(i, 3) == replacement);
    CHECK(event->last_active == noon - seconds(3600));
    CHECK(event->at == noon);
  }
}

TEST_CASE("a service user's status that is too long is truncated at a character boundary and noted") {
  CHECK(ReadOptions().max_status_bytes == Rules().max_status_bytes);
  const std::string characters = "a\xC3\xAB\xE7\x8C\xAB\xF0\x9F\x98\x80";  // of 1, 2, 3 and 4 bytes
  const std::size_t ends[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
  for (std::size_t most = 0; most < std::size(ends); ++most) {
    CAPTURE(most);
    ReadOptions options;
    options.max_status_bytes = most;
    ReadNotes notes;
    const std::string text = payload("user.presence.changed", ",\"status\":\"" + characters + "\"");
    const auto event = event_of(text, &notes, options);
    REQUIRE(event);
    CHECK(event->status == characters.substr(0, ends[most]));
    CHECK(notes.count() == (most < 10 ? 1 : 0));
    if (most < 10) {
      CHECK(static_cast<int>(notes.begin()->code) == static_cast<int>(ErrorCode::over_limit));
      CHECK(notes.begin()->offset == text.find("\"a\xC3"));
    }
    CHECK(event_of(payload("user.updated", ",\"custom\":{\"status\":\"" + characters + "\"}"), nullptr, options)
              ->status == characters.substr(0, ends[most]));
    CHECK(user_of("{\"id\":\"kim\",\"status\":\"" + characters + "\"}", nullptr, options)->status ==
          characters.substr(0, ends[most]));
  }
  CHECK(event_of(payload("user.updated", ",\"status\":\"" + std::string(1025, 'x') + "\""))->status ==
        std::string(1024, 'x'));
  CHECK(event_of(payload("user.updated", ",\"status\":\"" + std::string(1024, 'x') + "\""))->status ==
        std::string(1024, 'x'));
  // What is cut is accepted.
  Snapshot s(Rules::mirror());
  CHECK(accepted(apply(s, *event_of(payload("user.updated", ",\"status\":\"" + std::string(5000, 'x') + "\"")),
                       [](const UserPresenceChangedView&) {})));
}

TEST_CASE("an invalid required field of a payload, or invalid JSON, is rejected") {
  const auto refused = [](ErrorCode code, std::string marked) {
    CAPTURE(marked);
    const std::size_t offset = marked.find('^');
    marked.erase(offset, 1);
    ReadNotes notes;
    const auto event = event_of(marked, &notes);
    REQUIRE_FALSE(event);
    CHECK(static_cast<int>(event.error().code) == static_cast<int>(code));
    CHECK(event.error().offset == offset);
    CHECK(event_of(marked).error() == event.error());
  };
  const std::string at = R"({"type":"user.updated","created_at":"2024-03-01T12:00:00Z","user":)";
  refused(ErrorCode::missing_key, at + R"({"id":^"","online":true}})");
  refused(ErrorCode::wrong_type, at + R"({"id":^7,"online":true}})");
  refused(ErrorCode::bad_escape, at + R"({"name":"\udc00","id":"a^\ud83d\ud83d","online":true}})");
  refused(ErrorCode::bad_utf8, at + "{\"id\":\"a\\n^\xFF\",\"online\":true}}");
  refused(ErrorCode::wrong_type, at + R"({"id":"kim","online":^"true"}})");
  refused(ErrorCode::duplicate_key, at + R"({"id":"kim","online":true,^"online":true}})");
  refused(ErrorCode::missing_key, at + R"(^{"id":"kim","online":null}})");
  refused(ErrorCode::syntax, R"({"type":"user.updated","created_at":"^","user":{"id":"kim","online":true}})");
  refused(ErrorCode::duplicate_key,
          R"({"type":"user.updated","created_at":1,^"created_at":2,"user":{"id":"kim","online":true}})");
  // The grammar is as strict as ever.
  refused(ErrorCode::syntax, at + R"({"id":"kim","online":true,"x":^}})");
  refused(ErrorCode::syntax, at + "{\"id\":\"kim\",\"online\":true,\"x\":\"^\n\"}}");
  refused(ErrorCode::bad_escape, at + R"({"id":"kim","online":true,"x":"^\x"}})");
  refused(ErrorCode::bad_escape, at + R"({"id":"kim","online":true,"x":"^\u12g4"}})");
  refused(ErrorCode::bad_escape, at + R"({"id":"kim","online":true,"x":"\ud83d^\x"}})");
  refused(ErrorCode::trailing_bytes, at + R"({"id":"kim","online":true,"x":"\ud83d"}}^,)");
  refused(ErrorCode::truncated, at + R"({"id":"kim","online":true,"x":"\ud83d"}^)");
  refused(ErrorCode::not_presence, R"({"type":^"message.new","text":"\ud83d"})");
}

TEST_CASE("an event line of our own with an invalid escape or UTF-8 is rejected") {
  const auto refused = [](ErrorCode code, std::string marked) {
    CAPTURE(marked);
    const std::size_t offset = marked.find('^');
    marked.erase(offset, 1);
    ReadNotes notes;
    const auto event = event_of(marked, &notes);
    REQUIRE_FALSE(event);
    CHECK(static_cast<int>(event.error().code) == static_cast<int>(code));
    CHECK(event.error().offset == offset);
    CHECK(notes.empty());
  };
  const std::string rest = R"("user":"u","session":"s","at":"2024-03-01T12:00:00Z","online":true,"status":"")";
  for (const std::string type :
       {"connect", "disconnect", "heartbeat", "status", "report", "visible", "remove", "teleport"}) {
    for (const std::string bad : {"\"^\\ud83d\"", "\"a^\\udc00\\ud83d\"", "{\"^\\ud83dx\":1}"}) {
      refused(ErrorCode::bad_escape, R"({"type":")" + type + "\",\"x\":" + bad + "," + rest + "}");
      refused(ErrorCode::bad_escape, "{\"x\":" + bad + "," + rest + R"(,"type":")" + type + "\"}");
    }
    refused(ErrorCode::bad_utf8, "{\"x\":\"^\xFF\"," + rest + ",\"y\":\"\\ud83d\",\"type\":\"" + type + "\"}");
    // The first error is reported, whatever follows.
    refused(ErrorCode::bad_escape, R"({"x":"^\ud83d",)" + rest + R"(,"type":")" + type + "\",\"y\":}");
    refused(ErrorCode::bad_escape, R"({"x":"^\ud83d",)" + rest + R"(,"type":")" + type + "\"} x");
    refused(ErrorCode::syntax, R"({"y":^,"x":"\ud83d",)" + rest + R"(,"type":")" + type + "\"}");
  }
  refused(ErrorCode::bad_escape, R"({"type":"user.^\ud83d"})");
  refused(ErrorCode::bad_escape, R"({"type":"a.b","type":"a.b","x":"^\ud83d"})");
  refused(ErrorCode::bad_escape, R"({"type":7,"x":"^\ud83d"})");
  refused(ErrorCode::bad_escape, R"({"x":"^\ud83d"})");
  refused(ErrorCode::bad_utf8, "[\"^\xFF\"]");
}

TEST_CASE("random optional fields of a payload never change its user, online and timestamp") {
  const char* const given = std::getenv("PRESENCE_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : 20240301;
  MESSAGE("PRESENCE_SEED=" << seed);
  Chance dice(seed);
  constexpr std::string_view keys[] = {"status",      "last_active", "custom", "name",       "invisible", "role",
                                       "teams",       "\\ud83d",     "\xFF",   "updated_at", "",          "status",
                                       "last_active", "custom",      "onlin",  "online_"};
  constexpr std::string_view pieces[] = {
      "a",        "\\ud83d", "\\ude00",       "\xFF",         "\xC3\xA9",       "\xE7\x8C",
      "\\n",      "\\u0000", "\\\"",          "2024-",        "03-01T",         "12:00:00Z",
      "\xF0\x9F", "\\/",     "0001-01-01T00", "\xED\xA0\x80", "\\ud83d\\ude00", "z"};
  const auto value = [&](const auto& self, int depth) -> std::string {
    switch (dice.below(depth > 0 ? 8 : 6)) {
      case 0: return std::string(odd_values[dice.below(std::size(odd_values))]);
      case 1: return std::to_string(static_cast<std::int64_t>(dice.bits() >> dice.below(64)));
      case 2:
      case 3:
      case 4:
      case 5: {
        std::string text = "\"";
        for (std::size_t i = dice.below(8); i > 0; --i) text += pieces[dice.below(std::size(pieces))];
        if (dice.below(20) == 0) text += std::string(dice.below(3000), 'x');
        return text + '"';
      }
      case 6: {
        std::string object = "{";
        for (std::size_t i = dice.below(4); i > 0; --i) {
          object += (object.size() > 1 ? ",\"" : "\"") + std::string(keys[dice.below(std::size(keys))]) +
                    "\":" + self(self, depth - 1);
        }
        return object + '}';
      }
      default: {
        std::string array = "[";
        for (std::size_t i = dice.below(4); i > 0; --i) array += (array.size() > 1 ? "," : "") + self(self, depth - 1);
        return array + ']';
      }
    }
  };
  std::string scratch;
  EventBuffer buffer;
  for (int round = 0; round < 20000; ++round) {
    CAPTURE(round);
    std::vector<std::string> fields = {R"("id":"k\u0069m")", R"("online":true)"};
    for (std::size_t i = dice.below(6); i > 0; --i) {
      const std::string field = "\"" + std::string(keys[dice.below(std::size(keys))]) + "\":" + value(value, 4);
      fields.insert(fields.begin() + static_cast<std::ptrdiff_t>(dice.below(fields.size() + 1)), field);
    }
    std::string user;
    for (const std::string& field : fields) user += (user.empty() ? "" : dice.below(2) == 0 ? "," : " , ") + field;
    const std::string type(types[dice.below(3)]), whose = type == "health.check" ? "me" : "user";
    std::string text = "{\"" + whose + "\":{" + user + R"(},"type":")" + type + R"(","x":)" + value(value, 3) +
                       R"(,"created_at":"2024-03-01T12:00:00Z"})";
    CAPTURE(text);
    const auto event = event_of(text);
    REQUIRE(event);
    REQUIRE(event->user == "kim");
    REQUIRE(event->online);
    REQUIRE(event->at == noon);
    if (event->status) REQUIRE(event->status->size() <= 1024);
    const auto borrowed = parse_event(text, buffer);
    REQUIRE(borrowed);
    REQUIRE(static_cast<PresenceEvent>(*borrowed) == *event);
    const auto light = parse_event(text, scratch);
    if (light) {
      REQUIRE(static_cast<PresenceEvent>(*light) == *event);
    } else {
      REQUIRE(light.error().code == ErrorCode::needs_buffer);
    }
    const auto again = parse_event(to_json(*event));
    REQUIRE(again);
    REQUIRE(*again == *event);
    const auto read = user_of("{" + user + "}");
    REQUIRE(read);
    REQUIRE(read->id == "kim");
    REQUIRE(read->online);
    REQUIRE(read->last_active == event->last_active);
    REQUIRE(read->status == event->status.value_or(""));
  }
}
