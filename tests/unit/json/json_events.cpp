// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <presence/json/events.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using presence::Availability;
using presence::Duration;
using presence::ErrorCode;
using presence::EventType;
using presence::parse_event;
using presence::parse_timestamp;
using presence::PresenceEvent;
using presence::PresenceEventView;
using presence::Timestamp;

namespace {

const Timestamp noon = Timestamp::from_ms(1546867062375);  // 2019-01-07T13:17:42.375Z

PresenceEvent read(std::string_view json) {
  CAPTURE(std::string(json));
  const auto event = parse_event(json);
  if (!event) MESSAGE(event.error().message << " at " << event.error().offset);
  REQUIRE(event);
  return *event;
}

/// What a payload of a service says that says only that.
PresenceEvent report_of_online(std::string user, Timestamp at) {
  PresenceEvent event = PresenceEvent::report(std::move(user), true, at);
  event.availability = Availability::available;
  event.activity.emplace();
  event.data.emplace();
  return event;
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
  std::string scratch;
  CHECK(parse_event(marked, scratch).error() == event.error());
}

}  // namespace

TEST_CASE("an event line of each type is read as the event its factory creates") {
  CHECK(read(R"({"type":"connect","user":"u","session":"s","at":"2019-01-07T13:17:42.375Z"})") ==
        PresenceEvent::connect("u", "s", noon));
  CHECK(read(R"({"type":"disconnect","user":"u","session":"s","at":"2019-01-07T13:17:42.375Z"})") ==
        PresenceEvent::disconnect("u", "s", noon));
  CHECK(read(R"({"type":"heartbeat","user":"u","session":"s","at":"2019-01-07T13:17:42.375Z"})") ==
        PresenceEvent::heartbeat("u", "s", noon));
  CHECK(read(R"({"type":"status","user":"u","at":"2019-01-07T13:17:42.375Z","status":"here"})") ==
        PresenceEvent::set_status("u", "here", noon));
  CHECK(read(R"({"type":"status","user":"u","at":"2019-01-07T13:17:42.375Z","status":""})") ==
        PresenceEvent::set_status("u", "", noon));
  CHECK(read(R"({"type":"report","user":"u","online":true,"at":"2019-01-07T13:17:42.375Z"})") ==
        PresenceEvent::report("u", true, noon));
  CHECK(read(R"({"type":"report","user":"u","online":false,"at":"2019-01-07T13:17:42.375Z"})") ==
        PresenceEvent::report("u", false, noon));
}

TEST_CASE("optional keys of an event line are read") {
  PresenceEvent connect = PresenceEvent::connect("u", "s", noon);
  connect.invisible = true;
  connect.status = "here";
  CHECK(
      read(
          R"({"type":"connect","user":"u","session":"s","at":1546867062375000000,"invisible":true,"status":"here"})") ==
      connect);
  connect.invisible = false;
  connect.status = "";
  CHECK(read(R"({"type":"connect","user":"u","session":"s","at":1546867062375000000,"invisible":false,"status":""})") ==
        connect);
  PresenceEvent status = PresenceEvent::set_status("u", "Quit", noon);
  status.session = "s";
  CHECK(read(R"({"type":"status","user":"u","session":"s","status":"Quit","at":1546867062375000000})") == status);
  PresenceEvent report = PresenceEvent::report("u", true, noon);
  report.status = "here";
  report.last_active = noon - Duration::from_ns(5);
  CHECK(
      read(
          R"({"type":"report","user":"u","online":true,"at":1546867062375000000,"status":"here","last_active":1546867062374999995})") ==
      report);
  PresenceEvent heartbeat = PresenceEvent::heartbeat("u", "s", noon);
  heartbeat.status = "still here";
  CHECK(read(R"({"type":"heartbeat","user":"u","session":"s","at":1546867062375000000,"status":"still here"})") ==
        heartbeat);
}

TEST_CASE("a null value is treated as an absent key") {
  CHECK(
      read(
          R"({"type":"connect","user":"u","session":"s","at":1546867062375000000,"invisible":null,"status":null,"last_active":null,"online":null})") ==
      PresenceEvent::connect("u", "s", noon));
  CHECK(read(R"({"type":"status","user":"u","session":null,"at":1546867062375000000,"status":"x"})") ==
        PresenceEvent::set_status("u", "x", noon));
  refused(ErrorCode::missing_key, R"(^{"type":"status","user":"u","at":1546867062375000000,"status":null})");
  refused(ErrorCode::missing_key, R"(^{"type":null,"user":"u","at":1546867062375000000,"status":"x"})");
  refused(ErrorCode::missing_key, R"(^{"type":"connect","user":null,"session":"s","at":1546867062375000000})");
  refused(ErrorCode::missing_key, R"(^{"type":"connect","user":"u","session":"s","at":null})");
  refused(ErrorCode::missing_key, R"(^{"type":"report","user":"u","online":null,"at":1546867062375000000})");
}

TEST_CASE("a timestamp is an RFC 3339 string or an integer of nanoseconds") {
  const auto at = [](const std::string& value) {
    return read(R"({"type":"connect","user":"u","session":"s","at":)" + value + "}").at.ns();
  };
  CHECK(at("1546867062375000000") == noon.ns());
  CHECK(at("946684800000000000") == parse_timestamp("2000-01-01T00:00:00Z")->ns());
  CHECK(at("7289654399999999999") == parse_timestamp("2200-12-31T23:59:59.999999999Z")->ns());
  CHECK(at(R"("2019-01-07T14:47:42.375+01:30")") == noon.ns());
  CHECK(at(R"("2019-01-07T13:17\u003a42.375Z")") == noon.ns());
}

TEST_CASE("keys may be in any order, with white space and escapes") {
  std::vector<std::string> pairs = {R"("type":"connect")",         R"("user":"u")",       R"("session":"s")",
                                    R"("at":1546867062375000000)", R"("invisible":true)", R"("other":{"type":["x"]})"};
  PresenceEvent expected = PresenceEvent::connect("u", "s", noon);
  expected.invisible = true;
  std::sort(pairs.begin(), pairs.end());
  std::size_t orders = 0;
  do {
    std::string line = "{";
    for (const std::string& pair : pairs) line += (line.size() > 1 ? "," : "") + pair;
    REQUIRE(read(line + "}") == expected);
    ++orders;
  } while (std::next_permutation(pairs.begin(), pairs.end()));
  CHECK(orders == 720);
  CHECK(read("\t{ \"type\"\r:\n\"connect\" , \"user\":\"u\" ,\"session\": \"s\",\"at\" : 1546867062375000000 "
             ",\"invisible\" : true } "
             "\r\n") == expected);
  CHECK(
      read(R"({"\u0074ype":"co\u006enect","us\u0065r":"u","session":"s","at":1546867062375000000,"invisible":true})") ==
      expected);
}

TEST_CASE("unknown keys are ignored, whatever their values and even if duplicated") {
  CHECK(
      read(
          R"({"a":[{"type":1},[[]],{}],"type":"connect","a":null,"user":"u","b":-1.5e+3,"session":"s","b":"\u00e9","at":1546867062375000000,"Type":0})") ==
      PresenceEvent::connect("u", "s", noon));
}

TEST_CASE("empty ids, null bytes and long statuses are read: applying the event validates them") {
  CHECK(read(R"({"type":"connect","user":"","session":"","at":1546867062375000000})") ==
        PresenceEvent::connect("", "", noon));
  CHECK(read(R"({"type":"status","user":"a\u0000b","at":1546867062375000000,"status":")" + std::string(5000, 'x') +
             "\"}") == PresenceEvent::set_status(std::string("a\0b", 3), std::string(5000, 'x'), noon));
}

TEST_CASE("strings without escapes are borrowed from the line, and scratch is unchanged") {
  const std::string line =
      R"({"type":"connect","user":"zoë","session":"s","at":"2019-01-07T13:17:42.375Z","status":"猫の手も借りたい","x":"\n"})";
  std::string scratch = "kept";
  const auto event = parse_event(line, scratch);
  REQUIRE(event);
  CHECK(event->user.data() == line.data() + line.find("zoë"));
  CHECK(event->session.data() == line.data() + line.find("\"s\"") + 1);
  CHECK(event->status->data() == line.data() + line.find("猫"));
  CHECK(scratch == "kept");
}

TEST_CASE("strings with escapes are decoded into scratch, and all remain valid") {
  // Longer than any small buffer, each with an escape at its very start and end.
  const std::string user(40, 'u'), session(50, 's'), status(60, 't');
  const std::string line = R"({"typ\u0065":"conn\u0065ct","user":"\n)" + user + R"(\n","session":"\n)" + session +
                           R"(\n","at":"2019-01-07T13:17:42.375\u005a","status":"\n)" + status + R"(\n"})";
  for (std::string scratch : {std::string(), std::string("what was there before"), std::string(2000, 'x')}) {
    const char* const room = scratch.capacity() >= line.size() ? scratch.data() : nullptr;
    const auto event = parse_event(line, scratch);
    REQUIRE(event);
    CHECK(event->user == '\n' + user + '\n');
    CHECK(event->session == '\n' + session + '\n');
    CHECK(event->status == std::optional<std::string_view>('\n' + status + '\n'));
    CHECK(event->at == noon);
    for (const std::string_view text : {event->user, event->session, *event->status}) {
      CHECK(text.data() >= scratch.data());
      CHECK(text.data() + text.size() <= scratch.data() + scratch.size());
    }
    if (room != nullptr) CHECK(scratch.data() == room);
  }
}

TEST_CASE("parse_event with and without scratch returns equal events") {
  for (
      const std::string_view line : {
          R"({"type":"connect","user":"u\t","session":"s","at":1546867062375000000,"invisible":false,"status":"\ud83d\ude00"})",
          R"({"type":"report","user":"u","online":true,"at":1546867062375000000,"last_active":1546867062374000000})",
      }) {
    std::string scratch;
    const auto borrowed = parse_event(line, scratch);
    REQUIRE(borrowed);
    CHECK(read(line) == *borrowed);
  }
}

TEST_CASE("a service's user.presence.changed, user.updated and health.check are reports dated created_at") {
  PresenceEvent expected = report_of_online("mary", noon);
  for (const std::string type : {"user.presence.changed", "user.updated"}) {
    if (type == "user.updated") expected.status = "";
    CHECK(
        read(
            R"({"type":")" + type +
            R"(","at":1,"online":false,"user":{"id":"mary","banned":true,"online":true},"created_at":"2019-01-07T13:17:42.375Z"})") ==
        expected);
  }
  expected.status.reset();
  CHECK(
      read(
          R"({"type":"health.check","user":"x","me":{"id":"mary","online":true,"invisible":true},"created_at":1546867062375000000})") ==
      expected);
  expected.last_active = Timestamp::from_ms(1);
  expected.status = "here";
  CHECK(
      read(
          R"({"created_at":1546867062375000000,"user":{"last_active":"1970-01-01T00:00:00.001Z","status":"here","online":true,)"
          R"("id":"mary","created_at":"bad","mutes":0,"devices":[]},"type":"user.presence.changed"})") == expected);
}

TEST_CASE("a service user's status may be in custom; a status of the user itself takes precedence") {
  const auto status = [](const std::string& type, const std::string& keys) {
    return read(R"({"type":")" + type + R"(","created_at":1546867062375000000,"user":{"id":"u","online":false)" + keys +
                "}}")
        .status;
  };
  for (const std::string type : {"user.presence.changed", "user.updated"}) {
    CHECK(status(type, R"(,"status":"")") == std::optional<std::string>(""));
    CHECK(status(type, R"(,"custom":{"status":"there","x":{"status":1}})") == std::optional<std::string>("there"));
    CHECK(status(type, R"(,"custom":{"status":"there"},"status":"here")") == std::optional<std::string>("here"));
    CHECK(status(type, R"(,"status":"","custom":{"status":"there"})") == std::optional<std::string>(""));
    CHECK(status(type, R"(,"status":null,"custom":{"status":"there"})") == std::optional<std::string>("there"));
    CHECK(status(type, R"(,"status":"here","custom":{"status":1,"status":2},"custom":3)") ==
          std::optional<std::string>("here"));
  }
}

TEST_CASE("a null status clears it; an absent status clears it only in user.updated") {
  const auto status = [](const std::string& type, const std::string& keys) {
    return read(R"({"type":")" + type + R"(","created_at":1546867062375000000,"user":{"id":"u","online":false)" + keys +
                R"(},"me":{"id":"u","online":false)" + keys + "}}")
        .status;
  };
  const std::optional<std::string> cleared = "";
  for (const std::string type : {"user.presence.changed", "user.updated", "health.check"}) {
    CAPTURE(type);
    const std::optional<std::string> if_absent = type == "user.updated" ? cleared : std::nullopt;
    for (const std::string keys : {R"(,"status":null)", R"(,"custom":{"status":null})", R"(,"status":null,"custom":1)",
                                   R"(,"status":null,"custom":{})"}) {
      CAPTURE(keys);
      CHECK(status(type, keys) == cleared);
    }
    for (const std::string keys : {"", R"(,"custom":null)", R"(,"custom":{})", R"(,"custom":"anything")",
                                   R"(,"custom":["status"])", R"(,"custom":{"Status":null})"}) {
      CAPTURE(keys);
      CHECK(status(type, keys) == if_absent);
    }
    // What it is cannot be known.
    for (const std::string keys :
         {R"(,"status":7)", R"(,"status":{})", R"(,"status":"a","status":"b")", R"(,"custom":{"status":[]})",
          R"(,"custom":{"status":"a","status":null})", R"(,"custom":{},"custom":{"status":"a"})",
          R"(,"status":false,"custom":{"status":null})", R"(,"status":null,"custom":{"status":1})"}) {
      CAPTURE(keys);
      CHECK(status(type, keys) == std::nullopt);
    }
    CHECK(status(type, R"(,"status":7,"custom":{"status":"there"})") == std::optional<std::string>("there"));
  }
}

TEST_CASE("a last_active of the year 1, 0 or null is absent") {
  for (const std::string value :
       {R"("0001-01-01T00:00:00Z")", "null", R"("0001-01-01T00:00:00.000000+00:00")", "0", "-0"}) {
    CAPTURE(value);
    PresenceEvent expected = PresenceEvent::report("u", false, noon);
    expected.data.emplace();
    CHECK(read(R"({"type":"user.presence.changed","created_at":1546867062375000000,"user":{"id":"u","online":false,)"
               R"("last_active":)" +
               value + "}}") == expected);
    CHECK(read(R"({"type":"report","user":"u","online":false,"at":1546867062375000000,"last_active":)" + value + "}") ==
          PresenceEvent::report("u", false, noon));
  }
}

TEST_CASE("other events of a service are not_presence, whatever they contain") {
  refused(ErrorCode::not_presence,
          R"({"type":^"message.new","message":{"user":{"id":"u","online":true}},"created_at":1546867062375000000})");
  refused(ErrorCode::not_presence,
          R"({"type":^"user.watching.start","user":{"id":"u","online":true},"created_at":1546867062375000000})");
  refused(ErrorCode::not_presence, R"({"user":7,"user":8,"at":[],"type":^"a.b","me":{"id":1,"id":2}})");
  refused(ErrorCode::not_presence, R"({"type":^"health.check","created_at":1546867062375000000})");
  refused(ErrorCode::not_presence,
          R"({"type":^"health.check","me":null,"user":{"id":"u","online":true},"created_at":1546867062375000000})");
  refused(ErrorCode::not_presence, R"({"type":^"user\u002ebanned"})");
}

TEST_CASE("a service event that is not about presence must still be valid JSON") {
  refused(ErrorCode::syntax, R"({"type":"message.new","message":{"user":{"id":"u","online":tru^}}})");
  refused(ErrorCode::truncated, R"({"type":"message.new","message":{"user":{}^)");
  refused(ErrorCode::bad_escape, R"({"type":"message.new","text":"^\x"})");
}

TEST_CASE("an unknown event type is unknown_type") {
  refused(ErrorCode::unknown_type, R"({"type":^"teleport","user":"u","session":"s","at":1546867062375000000})");
  refused(ErrorCode::unknown_type, R"({"type":^"","user":"u","session":"s","at":1546867062375000000})");
  refused(ErrorCode::unknown_type, R"({"type":^"Connect","user":"u","session":"s","at":1546867062375000000})");
  refused(ErrorCode::unknown_type, R"({"type":^"set_status","user":"u","status":"","at":1546867062375000000})");
  refused(ErrorCode::unknown_type, R"({"type":^"connect ","user":"u","session":"s","at":1546867062375000000})");
}

TEST_CASE("an absent required key is missing_key, at the object that lacks it") {
  refused(ErrorCode::missing_key, R"(^{})");
  refused(ErrorCode::missing_key, R"( ^{"user":"u","session":"s","at":1546867062375000000})");
  for (const std::string type : {"connect", "disconnect", "heartbeat"}) {
    refused(ErrorCode::missing_key, R"(  ^{"type":")" + type + R"(","session":"s","at":1546867062375000000})");
    refused(ErrorCode::missing_key, R"(^{"type":")" + type + R"(","user":"u","at":1546867062375000000})");
    refused(ErrorCode::missing_key, R"(^{"type":")" + type + R"(","user":"u","session":"s"})");
    refused(ErrorCode::missing_key,
            R"(^{"type":")" + type + R"(","user":"u","session":"s","created_at":1546867062375000000})");
  }
  refused(ErrorCode::missing_key, R"(^{"type":"status","status":"x","at":1546867062375000000})");
  refused(ErrorCode::missing_key, R"(^{"type":"status","user":"u","at":1546867062375000000})");
  refused(ErrorCode::missing_key, R"(^{"type":"status","user":"u","status":"x"})");
  refused(ErrorCode::missing_key, R"(^{"type":"report","online":true,"at":1546867062375000000})");
  refused(ErrorCode::missing_key, R"(^{"type":"report","user":"u","at":1546867062375000000})");
  refused(ErrorCode::missing_key, R"(^{"type":"report","user":"u","online":true})");
  refused(ErrorCode::missing_key, R"(^{"type":"user.updated","created_at":1546867062375000000})");
  refused(ErrorCode::missing_key, R"(^{"type":"user.updated","created_at":1546867062375000000,"user":null})");
  refused(ErrorCode::missing_key,
          R"(^{"type":"user.updated","created_at":1546867062375000000,"me":{"id":"u","online":true}})");
  refused(ErrorCode::missing_key,
          R"({"type":"user.updated","created_at":1546867062375000000,"user":^{"online":true}})");
  refused(ErrorCode::missing_key, R"({"type":"user.updated","created_at":1546867062375000000,"user": ^{"id":"u"}})");
  refused(ErrorCode::missing_key,
          R"({"type":"health.check","created_at":1546867062375000000,"me":^{"id":"u","online":null}})");
  refused(ErrorCode::missing_key, R"(^{"type":"user.presence.changed","user":{"id":"u","online":true}})");
  refused(
      ErrorCode::missing_key,
      R"(^{"type":"user.presence.changed","user":{"id":"u","online":true,"created_at":1546867062375000000},"at":1546867062375000000})");
}

TEST_CASE("an event dated the year 1, or 0, is rejected as missing_key") {
  for (const std::string never : {R"("0001-01-01T00:00:00Z")", "0", "-0"}) {
    refused(ErrorCode::missing_key, R"({"type":"connect","user":"u","session":"s","at":^)" + never + "}");
    refused(ErrorCode::missing_key,
            R"({"type":"user.updated","created_at":^)" + never + R"(,"user":{"id":"u","online":true}})");
  }
}

TEST_CASE("an integer that is not a plausible timestamp in nanoseconds is out_of_range in an event line") {
  for (const std::string number :
       {"1", "-1", "1546867062", "1546867062375", "1546867062375000", "946684799999999999", "7289654400000000000",
        "-1546867062375000000", "9223372036854775807", "-9223372036854775808"}) {
    refused(ErrorCode::out_of_range, R"({"type":"connect","user":"u","session":"s","at":^)" + number + "}");
    refused(ErrorCode::out_of_range,
            R"({"type":"report","user":"u","online":true,"at":1546867062375000000,"last_active":^)" + number + "}");
  }
}

TEST_CASE("a service's timestamp in seconds, milliseconds or microseconds is converted and noted") {
  const auto event = [](const std::string& created_at, const std::string& last_active, presence::ReadNotes& notes) {
    const auto read = parse_event(R"({"type":"health.check","created_at":)" + created_at +
                                      R"(,"me":{"id":"u","online":true,"last_active":)" + last_active + "}}",
                                  presence::ReadOptions(), &notes);
    REQUIRE(read);
    return *read;
  };
  presence::ReadNotes notes;
  for (const std::string number : {"1546867062", "1546867062000", "1546867062000000"}) {
    const PresenceEvent read = event(number, number, notes);
    CHECK(read.at == noon - Duration::from_ms(375));
    CHECK(read.last_active == noon - Duration::from_ms(375));
    CHECK(notes.count() == 2);
  }
  const PresenceEvent exact = event("1546867062375000000", "1546867062375000000", notes);
  CHECK(exact.at == noon);
  CHECK(exact.last_active == noon);
  CHECK(notes.empty());
  // The first and the last of each unit, and the numbers beside them.
  for (const std::int64_t unit : {std::int64_t{1000000000}, std::int64_t{1000000}, std::int64_t{1000}}) {
    const std::int64_t first = 946684800000000000 / unit, last = 7289654400000000000 / unit - 1;
    CHECK(event("1546867062", std::to_string(first), notes).last_active == Timestamp::from_ns(first * unit));
    CHECK(event("1546867062", std::to_string(last), notes).last_active == Timestamp::from_ns(last * unit));
    CHECK(event("1546867062", std::to_string(first - 1), notes).last_active == std::nullopt);
    CHECK(event("1546867062", std::to_string(last + 1), notes).last_active == std::nullopt);
  }
  for (const std::string number : {"7", "-1546867062", "1546867062.5", "1.5e9", "99999999999999999999"}) {
    CHECK(event("1546867062", number, notes).last_active == std::nullopt);
    CHECK(notes.count() == 2);
    refused(ErrorCode::out_of_range,
            R"({"type":"user.updated","created_at":^)" + number + R"(,"user":{"id":"u","online":true}})");
  }
}

TEST_CASE("a value of the wrong type is wrong_type, at the start of the value") {
  refused(ErrorCode::wrong_type, R"({"type":^1})");
  refused(ErrorCode::wrong_type, R"({"type":^["connect"]})");
  refused(ErrorCode::wrong_type, R"({"type":"connect","user": ^{"id":"u"},"session":"s","at":1546867062375000000})");
  refused(ErrorCode::wrong_type, R"({"type":"connect","user":^1,"session":"s","at":1546867062375000000})");
  refused(ErrorCode::wrong_type, R"({"type":"connect","user":"u","session":^false,"at":1546867062375000000})");
  refused(ErrorCode::wrong_type, R"({"type":"connect","user":"u","session":"s","at":^true})");
  refused(ErrorCode::wrong_type, R"({"type":"connect","user":"u","session":"s","at":^{}})");
  refused(ErrorCode::wrong_type,
          R"({"type":"connect","user":"u","session":"s","at":1546867062375000000,"invisible":^"true"})");
  refused(ErrorCode::wrong_type,
          R"({"type":"connect","user":"u","session":"s","at":1546867062375000000,"invisible":^1})");
  refused(ErrorCode::wrong_type,
          R"({"type":"connect","user":"u","session":"s","at":1546867062375000000,"status":^[]})");
  refused(ErrorCode::wrong_type, R"({"type":"status","user":"u","at":1546867062375000000,"status":^0})");
  refused(ErrorCode::wrong_type, R"({"type":"status","user":"u","session":^0,"at":1546867062375000000,"status":""})");
  refused(ErrorCode::wrong_type, R"({"type":"report","user":"u","online":^"yes","at":1546867062375000000})");
  refused(ErrorCode::wrong_type,
          R"({"type":"report","user":"u","online":true,"at":1546867062375000000,"last_active":^false})");
  refused(ErrorCode::wrong_type, R"({"type":"user.updated","created_at":1546867062375000000,"user":^"u"})");
  refused(ErrorCode::wrong_type, R"({"type":"health.check","created_at":1546867062375000000,"me":^[]})");
  refused(ErrorCode::wrong_type,
          R"({"type":"user.updated","created_at":1546867062375000000,"user":{"id":^1,"online":true}})");
  refused(ErrorCode::wrong_type,
          R"({"type":"user.updated","created_at":1546867062375000000,"user":{"id":"u","online":^0}})");
  refused(ErrorCode::wrong_type, R"({"type":"user.updated","created_at":^[],"user":{"id":"u","online":true}})");
  refused(ErrorCode::wrong_type, "^[]");
  refused(ErrorCode::wrong_type, " ^\"connect\"");
  refused(ErrorCode::wrong_type, "^null");
  refused(ErrorCode::wrong_type, "^-1");
}

TEST_CASE("an invalid timestamp is out_of_range at its start, or a syntax error at the wrong byte") {
  const auto at = [](ErrorCode code, const std::string& value) {
    refused(code, R"({"type":"connect","user":"u","session":"s","at":)" + value + "}");
    refused(code, R"({"type":"report","user":"u","online":true,"at":1546867062375000000,"last_active":)" + value + "}");
    refused(code, R"({"type":"user.updated","created_at":)" + value + R"(,"user":{"id":"u","online":true}})");
  };
  at(ErrorCode::out_of_range, "^9223372036854775808");
  at(ErrorCode::out_of_range, "^-9223372036854775809");
  at(ErrorCode::out_of_range, "^1e3");
  at(ErrorCode::out_of_range, "^1.0");
  at(ErrorCode::out_of_range, "^-99999999999999999999999999");
  at(ErrorCode::out_of_range, R"(^"2019-13-07T13:17:42Z")");
  at(ErrorCode::out_of_range, R"(^"2300-01-07T13:17:42Z")");
  at(ErrorCode::syntax, R"("2019-01-07^ 13:17:42Z")");
  at(ErrorCode::syntax, R"("2019-01-07T13:17:42Z^ ")");
  at(ErrorCode::syntax, R"("2019-01-07^")");
  at(ErrorCode::syntax, R"("^")");
  at(ErrorCode::syntax, R"(^"2019\u002d01-07")");
}

TEST_CASE("a duplicate of a key that is read is duplicate_key; other keys may be repeated") {
  refused(ErrorCode::duplicate_key,
          R"({"type":"connect",^"type":"connect","user":"u","session":"s","at":1546867062375000000})");
  refused(ErrorCode::duplicate_key,
          R"({"type":"connect","user":"u",^"user":"u","session":"s","at":1546867062375000000})");
  refused(ErrorCode::duplicate_key,
          R"({"type":"connect","user":"u", ^"us\u0065r":{},"session":"s","at":1546867062375000000})");
  refused(ErrorCode::duplicate_key,
          R"({"user":{},"type":"connect",^"user":"u","session":"s","at":1546867062375000000})");
  refused(ErrorCode::duplicate_key,
          R"({"type":"connect","user":"u","session":"s","at":1546867062375000000,^"session":"s"})");
  refused(
      ErrorCode::duplicate_key,
      R"({"type":"connect","user":"u","session":"s","at":1546867062375000000,^"at":1546867062375000000,"at":1546867062375000000})");
  refused(ErrorCode::duplicate_key,
          R"({"type":"connect","user":"u","session":"s","at":1546867062375000000,"invisible":null,^"invisible":true})");
  refused(ErrorCode::duplicate_key,
          R"({"type":"connect","user":"u","session":"s","at":1546867062375000000,"status":"",^"status":null})");
  refused(ErrorCode::duplicate_key,
          R"({"type":"report","user":"u","online":true,^"online":true,"at":1546867062375000000})");
  refused(ErrorCode::duplicate_key,
          R"({"type":"report","user":"u","online":true,"at":1546867062375000000,"last_active":1,^"last_active":1})");
  refused(ErrorCode::duplicate_key,
          R"({"type":"user.updated","created_at":1546867062375000000,"user":{"id":"u","online":true},^"user":{}})");
  refused(
      ErrorCode::duplicate_key,
      R"({"type":"user.updated","created_at":1546867062375000000,^"created_at":1546867062375000000,"user":{"id":"u","online":true}})");
  refused(ErrorCode::duplicate_key,
          R"({"type":"user.updated","created_at":1546867062375000000,"user":{"id":"u",^"id":"u","online":true}})");
  refused(ErrorCode::duplicate_key,
          R"({"type":"user.updated","created_at":1546867062375000000,"user":{"id":"u","online":true,^"online":true}})");
  refused(ErrorCode::duplicate_key,
          R"({"type":"health.check","created_at":1546867062375000000,"me":{"id":"u","online":true},^"me":null})");
  // These are not read by such a type.
  CHECK(
      read(
          R"({"type":"connect","user":"u","session":"s","at":1546867062375000000,"created_at":1,"created_at":2,"me":3,"me":{}})") ==
      PresenceEvent::connect("u", "s", noon));
  CHECK(read(R"({"type":"health.check","at":1,"at":2,"online":1,"created_at":1546867062375000000,)"
             R"("me":{"id":"u","online":true,"invisible":1,"invisible":2}})") == report_of_online("u", noon));
}

TEST_CASE("of several errors, JSON syntax is reported first, then the type, then the keys in a fixed order") {
  refused(ErrorCode::syntax, R"({"type":7,"type":8,"user":9,"x":^})");
  refused(ErrorCode::trailing_bytes, R"({"type":"teleport"} ^{})");
  refused(ErrorCode::trailing_bytes, R"([]^[])");
  refused(ErrorCode::unknown_type, R"({"user":9,"user":9,"type":^"teleport"})");
  refused(ErrorCode::wrong_type, R"({"status":1,"at":true,"session":2,"user":^9,"type":"connect"})");
  refused(ErrorCode::duplicate_key, R"({"status":1,"at":true,"session":2,^"session":3,"user":"u","type":"connect"})");
  refused(ErrorCode::missing_key, R"(^{"status":1,"at":true,"user":"u","type":"connect"})");
  refused(ErrorCode::wrong_type, R"({"status":1,"at":^true,"session":"s","user":"u","type":"connect"})");
}
