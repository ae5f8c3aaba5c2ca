// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <presence/json/events.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <random>
#include <string>
#include <string_view>

using namespace presence;

namespace {

const Timestamp noon = Timestamp::from_ms(1546867062375);  // 2019-01-07T13:17:42.375Z

std::uint64_t seed() {
  const char* given = std::getenv("PRESENCE_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 0) : 20190107;
}

std::string written(std::string_view text) {
  const UserView user(text, false, "", std::nullopt, false);
  const std::string json = to_json(user);
  constexpr std::string_view before = R"({"id":)", after = R"(,"online":false,"status":""})";
  REQUIRE(json.size() >= before.size() + after.size());
  return json.substr(before.size(), json.size() - before.size() - after.size());
}

class Random {
 public:
  explicit Random(std::uint64_t from) : bits_(from) {}

  std::size_t below(std::size_t n) { return static_cast<std::uint32_t>(bits_() >> 32) % n; }
  bool coin() { return below(2) == 0; }
  Timestamp instant() {
    const auto ns = static_cast<std::int64_t>(bits_());
    return Timestamp::from_ns(ns == INT64_MIN || ns == INT64_MAX ? 0 : ns);
  }
  std::string bytes() {
    std::string text;
    for (std::size_t n = below(24); n > 0; --n) text += static_cast<char>(below(256));
    return text;
  }
  /// Of every length of UTF-8, control characters and what JSON escapes among them.
  std::string text() {
    std::string out;
    const auto put = [&out](std::size_t byte) { out += static_cast<char>(byte); };
    for (std::size_t n = below(24); n > 0; --n) {
      switch (below(7)) {
        case 0: put(below(0x20)); break;
        case 1: out += coin() ? '"' : '\\'; break;
        case 2:
          put(0xC2 + below(0x1E));
          put(0x80 + below(0x40));
          break;
        case 3:
          put(0xE1 + below(0xC));
          put(0x80 + below(0x40));
          put(0x80 + below(0x40));
          break;
        case 4:
          put(0xF1 + below(3));
          put(0x80 + below(0x40));
          put(0x80 + below(0x40));
          put(0x80 + below(0x40));
          break;
        default: put(0x20 + below(0x60)); break;
      }
    }
    return out;
  }
  PresenceEvent event() {
    PresenceEvent event;
    switch (below(8)) {
      case 0: event = PresenceEvent::connect(text(), text(), instant()); break;
      case 1: event = PresenceEvent::disconnect(text(), text(), instant()); break;
      case 2: event = PresenceEvent::heartbeat(text(), text(), instant()); break;
      case 3: event = PresenceEvent::set_status(text(), text(), instant()); break;
      case 4: event = PresenceEvent::report(text(), coin(), instant()); break;
      case 5: event = PresenceEvent::set_visible(text(), coin(), instant()); break;
      case 6: event = PresenceEvent::remove(text(), instant()); break;
      default: event = PresenceEvent::report(user(), instant()); break;
    }
    if (below(4) == 0) {
      if (coin()) event.invisible = coin();
      if (coin()) event.status = text();
      if (coin()) event.until = instant();
      if (coin()) event.last_active = instant();
      event.online = coin();
      event.session = text();
    }
    return event;
  }
  User user() {
    User user{text(), coin(), text(), std::nullopt, below(4) == 0};
    if (coin()) user.last_active = instant();
    return user;
  }

 private:
  std::mt19937_64 bits_;
};

}  // namespace

TEST_CASE("a user is written without its absent fields") {
  const User user{"unique_user_id", true, "Eating a veggie burger...", noon, false};
  CHECK(
      to_json(user) ==
      R"({"id":"unique_user_id","online":true,"status":"Eating a veggie burger...","last_active":"2019-01-07T13:17:42.375Z"})");
  CHECK(to_json(User{"u", false, "", std::nullopt, false}) == R"({"id":"u","online":false,"status":""})");
  CHECK(to_json(User{"u", true, "", Timestamp::from_ns(1), true}) ==
        R"({"id":"u","online":true,"status":"","last_active":"1970-01-01T00:00:00.000000001Z","invisible":true})");
}

TEST_CASE("events of each type are written with their keys in a fixed order") {
  CHECK(to_json(PresenceEvent::connect("u", "s", noon)) ==
        R"({"type":"connect","user":"u","session":"s","at":"2019-01-07T13:17:42.375Z"})");
  CHECK(to_json(PresenceEvent::disconnect("u", "s", noon)) ==
        R"({"type":"disconnect","user":"u","session":"s","at":"2019-01-07T13:17:42.375Z"})");
  CHECK(to_json(PresenceEvent::heartbeat("u", "", noon)) ==
        R"({"type":"heartbeat","user":"u","session":"","at":"2019-01-07T13:17:42.375Z"})");
  CHECK(to_json(PresenceEvent::set_status("u", "here", noon)) ==
        R"({"type":"status","user":"u","at":"2019-01-07T13:17:42.375Z","status":"here"})");
  CHECK(to_json(PresenceEvent::report("u", false, noon)) ==
        R"({"type":"report","user":"u","online":false,"at":"2019-01-07T13:17:42.375Z"})");
  CHECK(to_json(PresenceEvent::set_visible("u", true, noon)) ==
        R"({"type":"visible","user":"u","at":"2019-01-07T13:17:42.375Z","invisible":false})");
  CHECK(to_json(PresenceEvent::set_visible("u", false, noon)) ==
        R"({"type":"visible","user":"u","at":"2019-01-07T13:17:42.375Z","invisible":true})");
  CHECK(to_json(PresenceEvent::remove("u", noon)) == R"({"type":"remove","user":"u","at":"2019-01-07T13:17:42.375Z"})");
  PresenceEvent all = PresenceEvent::connect("u", "s", noon);
  all.invisible = false;
  all.status = "";
  all.until = noon;
  all.online = true;
  all.last_active = Timestamp();
  CHECK(to_json(all) == R"({"type":"connect","user":"u","session":"s","online":true,"at":"2019-01-07T13:17:42.375Z",)"
                        R"("invisible":false,"status":"","until":"2019-01-07T13:17:42.375Z",)"
                        R"("last_active":"1970-01-01T00:00:00.000Z"})");
}

TEST_CASE(
    "a change is written as a service's user.presence.changed, or as user.deleted if the user is unknown after it") {
  const User user{"u", true, "here", noon, false};
  const UserPresenceChangedView change{"u", std::nullopt, UserView(user), noon};
  CHECK(to_json(change) ==
        R"({"type":"user.presence.changed","created_at":"2019-01-07T13:17:42.375Z","user":)" + to_json(user) + "}");
  const UserPresenceChangedView gone{"u", UserView(user), std::nullopt, noon};
  CHECK(to_json(gone) == R"({"type":"user.deleted","created_at":"2019-01-07T13:17:42.375Z","user":{"id":"u"}})");
  const UserPresenceChangedView odd{"\"\xff", std::nullopt, std::nullopt, noon};
  CHECK(to_json(odd) == R"({"type":"user.deleted","created_at":"2019-01-07T13:17:42.375Z","user":{"id":"\")"
                        "\xEF\xBF\xBD"
                        R"("}})");
}

TEST_CASE("a written change is read as a report of the user's state, or as their removal") {
  const User user{"u", true, "here", noon - Duration::from_s(9), false};
  const auto here = parse_event(to_json(UserPresenceChangedView{"u", std::nullopt, UserView(user), noon}));
  REQUIRE(here);
  CHECK(*here == PresenceEvent::report(user, noon));
  const auto gone = parse_event(to_json(UserPresenceChangedView{"u", UserView(user), std::nullopt, noon}));
  REQUIRE(gone);
  CHECK(*gone == PresenceEvent::remove("u", noon));
}

TEST_CASE("views are written like the owning types, and append_json appends to the existing content") {
  const User user{"u", true, "here", noon, false};
  CHECK(to_json(UserView(user)) == to_json(user));
  const PresenceEvent event = PresenceEvent::report(user, noon);
  CHECK(to_json(PresenceEventView(event)) == to_json(event));
  for (const bool known : {true, false}) {
    const UserPresenceChangedView change{"u", std::nullopt, known ? std::optional<UserView>(user) : std::nullopt, noon};
    CHECK(to_json(UserPresenceChanged(change)) == to_json(change));
    std::string out = "[";
    append_json(out, change);
    append_json(out, UserPresenceChanged(change));
    CHECK(out == "[" + to_json(change) + to_json(change));
  }
  std::string out = "[";
  append_json(out, user);
  append_json(out, UserView(user));
  append_json(out, event);
  append_json(out, PresenceEventView(event));
  CHECK(out == "[" + to_json(user) + to_json(user) + to_json(event) + to_json(event));
}

TEST_CASE("only characters that JSON requires to be escaped are escaped") {
  CHECK(written("") == R"("")");
  CHECK(written("\"\\/") == R"("\"\\/")");
  CHECK(written("\b\f\n\r\t") == R"("\b\f\n\r\t")");
  CHECK(written(std::string_view("\0\x01\x0B\x0E\x0F\x10\x1A\x1F", 8)) ==
        R"("\u0000\u0001\u000b\u000e\u000f\u0010\u001a\u001f")");
  CHECK(written("\x7F zo\xC3\xAB \xE2\x80\xA8 \xF0\x9F\x98\x80 </script>") ==
        "\"\x7F zo\xC3\xAB \xE2\x80\xA8 \xF0\x9F\x98\x80 </script>\"");
}

TEST_CASE("each invalid part of a UTF-8 string is written as one U+FFFD") {
  const std::string bad = "\xEF\xBF\xBD";
  CHECK(written("a\xFF"
                "b") == "\"a" + bad + "b\"");
  CHECK(written("\x80\xBF") == '"' + bad + bad + '"');
  CHECK(written("\xC0\xAF") == '"' + bad + bad + '"');
  CHECK(written("\xED\xA0\x80") == '"' + bad + bad + bad + '"');
  CHECK(written("\xF4\x90\x80\x80") == '"' + bad + bad + bad + bad + '"');
  CHECK(written("\xE2\x82") == '"' + bad + '"');
  CHECK(written("\xE2\x82\"") == '"' + bad + "\\\"\"");
  CHECK(written("\xF0\x9F\x98") == '"' + bad + '"');
  CHECK(written("\xF0\x9F\x98\xF0\x9F\x98\x80") == '"' + bad + "\xF0\x9F\x98\x80\"");
  // The example of the Unicode standard, table 3-8.
  CHECK(written("a\xF1\x80\x80\xE1\x80\xC2"
                "b\x80"
                "c\x80\xBF"
                "d") == "\"a" + bad + bad + bad + "b" + bad + "c" + bad + bad + "d\"");
}

TEST_CASE("random events are read back equal from a single line") {
  const std::uint64_t from = seed();
  INFO("PRESENCE_SEED=" << from);
  Random random(from);
  for (int i = 0; i < 20000; ++i) {
    const PresenceEvent event = random.event();
    const std::string line = to_json(event);
    CAPTURE(line);
    const auto back = parse_event(line);
    REQUIRE(back);
    REQUIRE(*back == event);
    REQUIRE(line.find('\n') == std::string::npos);
  }
}

TEST_CASE("random users are read back equal") {
  const std::uint64_t from = seed();
  INFO("PRESENCE_SEED=" << from);
  Random random(from);
  for (int i = 0; i < 20000; ++i) {
    const User user = random.user();
    const std::string json = to_json(user);
    CAPTURE(json);
    const auto back = parse_user(json);
    REQUIRE(back);
    REQUIRE(*back == user);
  }
}

TEST_CASE("an event of random bytes is written as JSON that is read and written the same again") {
  const std::uint64_t from = seed();
  INFO("PRESENCE_SEED=" << from);
  Random random(from);
  for (int i = 0; i < 20000; ++i) {
    PresenceEvent event = PresenceEvent::connect(random.bytes(), random.bytes(), random.instant());
    event.status = random.bytes();
    const std::string line = to_json(event);
    CAPTURE(line);
    const auto back = parse_event(line);
    REQUIRE(back);
    REQUIRE(to_json(*back) == line);
  }
}
