// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <presence/json/events.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

using presence::ErrorCode;
using presence::parse_user;
using presence::Timestamp;
using presence::User;

namespace {

User read(std::string_view json) {
  CAPTURE(std::string(json));
  const auto user = parse_user(json);
  REQUIRE(user);
  return *user;
}

/// Checks the error of a string with a '^' before the byte at the error's offset.
void refused(ErrorCode code, std::string marked) {
  CAPTURE(marked);
  const std::size_t offset = marked.find('^');
  REQUIRE(offset != std::string::npos);
  marked.erase(offset, 1);
  const auto user = parse_user(marked);
  REQUIRE_FALSE(user);
  CHECK(static_cast<int>(user.error().code) == static_cast<int>(code));
  CHECK(user.error().offset == offset);
  CHECK(std::string(user.error().message) != "");
}

}  // namespace

TEST_CASE("a user is read with all its fields, in any order") {
  CHECK(
      read(
          R"({"id":"unique_user_id","online":true,"status":"Eating a veggie burger...","last_active":"2019-01-07T13:17:42.375Z"})") ==
      User{"unique_user_id", true, "Eating a veggie burger...", Timestamp::from_ms(1546867062375), false});
  CHECK(read(R"({"invisible":true,"last_active":1546867062375000000,"status":"\u00e9","online":false,"id":""})") ==
        User{"", false, "\xC3\xA9", Timestamp::from_ms(1546867062375), true});
}

TEST_CASE("a user needs only an id") {
  CHECK(read(R"({"id":"u"})") == User{"u", false, "", std::nullopt, false});
  CHECK(read(R"({"id":"u","online":null,"status":null,"last_active":null,"invisible":null,"custom":null})") ==
        User{"u", false, "", std::nullopt, false});
  refused(ErrorCode::missing_key, "^{}");
  refused(ErrorCode::missing_key, R"( ^{"online":true})");
  refused(ErrorCode::missing_key, R"(^{"id":null})");
  refused(ErrorCode::missing_key, R"(^{"user":{"id":"u"}})");
}

TEST_CASE("a last_active in the year 1 is absent") {
  CHECK_FALSE(read(R"({"id":"u","last_active":"0001-01-01T00:00:00Z"})").last_active);
}

TEST_CASE("a user's status may be in custom; a status of the user itself takes precedence") {
  CHECK(read(R"({"id":"u","custom":{"color":"red","status":"there"}})").status == "there");
  CHECK(read(R"({"id":"u","custom":{"status":"there"},"status":"here"})").status == "here");
  CHECK(read(R"({"id":"u","status":"","custom":{"status":"there"}})").status == "");
  CHECK(read(R"({"id":"u","status":null,"custom":{"status":"there"}})").status == "there");
  CHECK(read(R"({"id":"u","custom":["status"]})").status == "");
}

TEST_CASE("keys beside the data of a user are ignored, whatever their values and even if duplicated") {
  CHECK(read(R"({"mutes":"all","id":"u","mutes":{"id":[1,2,{}]},"created_at":"x","unread_count":1,"banned":"never"})") ==
        User{"u", false, "", std::nullopt, false});
}

TEST_CASE("an invalid user is rejected with the error code and offset") {
  refused(ErrorCode::wrong_type, "^[]");
  refused(ErrorCode::wrong_type, "^\"u\"");
  refused(ErrorCode::wrong_type, R"({"id":^1})");
  refused(ErrorCode::wrong_type, R"({"id":"u","online":^"true"})");
  refused(ErrorCode::duplicate_key, R"({"id":"u",^"id":"u"})");
  refused(ErrorCode::duplicate_key, R"({"id":"u","online":true,^"online":true})");
  refused(ErrorCode::truncated, R"({"id":"u"^)");
  refused(ErrorCode::truncated, "^");
  refused(ErrorCode::trailing_bytes, R"({"id":"u"}^,)");
  refused(ErrorCode::syntax, R"({"id":7,"x":^})");
}
