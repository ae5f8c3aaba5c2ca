// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <presence/base/time.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <random>
#include <string>
#include <string_view>

using presence::Error;
using presence::ErrorCode;
using presence::parse_timestamp;
using presence::Timestamp;

namespace {

constexpr std::int64_t second = 1000000000;

std::uint64_t seed() {
  const char* given = std::getenv("PRESENCE_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 0) : 20190107;
}

std::int64_t read(std::string_view text) {
  CAPTURE(text);
  const auto at = parse_timestamp(text);
  REQUIRE(at);
  return at->ns();
}

/// Checks the error of a string with a '^' before the byte at the error's offset.
void refused(ErrorCode code, std::string marked) {
  CAPTURE(marked);
  const std::size_t offset = marked.find('^');
  REQUIRE(offset != std::string::npos);
  marked.erase(offset, 1);
  // A copy of exactly its size, so that a sanitizer sees a read past its end.
  const std::unique_ptr<char[]> exact(new char[marked.size() + 1]);
  marked.copy(exact.get(), marked.size());
  const auto at = parse_timestamp(std::string_view(exact.get(), marked.size()));
  REQUIRE_FALSE(at);
  CHECK(static_cast<int>(at.error().code) == static_cast<int>(code));
  CHECK(at.error().offset == offset);
  CHECK(std::string(at.error().message) != "");
}

}  // namespace

TEST_CASE("a timestamp is written in UTC with the fewest of 3, 6 or 9 digits") {
  CHECK(presence::to_string(Timestamp()) == "1970-01-01T00:00:00.000Z");
  CHECK(presence::to_string(Timestamp::from_ms(1546867062375)) == "2019-01-07T13:17:42.375Z");
  CHECK(presence::to_string(Timestamp::from_ns(1546867062375 * 1000000 + 1000)) == "2019-01-07T13:17:42.375001Z");
  CHECK(presence::to_string(Timestamp::from_ns(1546867062375 * 1000000 + 1)) == "2019-01-07T13:17:42.375000001Z");
  CHECK(presence::to_string(Timestamp::from_ns(-1)) == "1969-12-31T23:59:59.999999999Z");
  CHECK(presence::to_string(Timestamp::from_ms(-1)) == "1969-12-31T23:59:59.999Z");
  CHECK(presence::to_string(Timestamp::lowest()) == "1677-09-21T00:12:43.145224192Z");
  CHECK(presence::to_string(Timestamp::highest()) == "2262-04-11T23:47:16.854775807Z");
}

TEST_CASE("a fraction may have up to nine digits") {
  CHECK(read("1970-01-01T00:00:01Z") == second);
  std::int64_t expected = second;
  std::string text = "1970-01-01T00:00:01.";
  for (std::int64_t weight = second / 10, digit = 1; weight > 0; weight /= 10, ++digit) {
    text += static_cast<char>('0' + digit);
    expected += digit * weight;
    CHECK(read(text + "Z") == expected);
  }
  refused(ErrorCode::out_of_range, "1970-01-01T00:00:01.123456789^0Z");
}

TEST_CASE("a UTC offset is subtracted from the local time, and must be in range and well-formed") {
  const std::int64_t utc = read("2019-01-07T13:17:42.375Z");
  CHECK(read("2019-01-07T14:47:42.375+01:30") == utc);
  CHECK(read("2019-01-07T05:17:42.375-08:00") == utc);
  CHECK(read("2019-01-08T13:16:42.375+23:59") == utc);
  CHECK(read("2019-01-07T13:17:42.375+00:00") == utc);
  CHECK(read("2019-01-07T13:17:42.375-00:00") == utc);
  CHECK(read("2019-01-01T00:30:00+01:00") == read("2018-12-31T23:30:00Z"));
  refused(ErrorCode::out_of_range, "2019-01-07T13:17:42+^24:00");
  refused(ErrorCode::out_of_range, "2019-01-07T13:17:42+01:^60");
  refused(ErrorCode::syntax, "2019-01-07T13:17:42+01^00");
}

TEST_CASE("T and Z may be lower case") {
  CHECK(read("2019-01-07t13:17:42.375z") == read("2019-01-07T13:17:42.375Z"));
}

TEST_CASE("a leap second reads as the next second, and is only valid at the end of a UTC day") {
  CHECK(read("2016-12-31T23:59:60Z") == read("2017-01-01T00:00:00Z"));
  CHECK(read("2016-12-31T23:59:60.5Z") == read("2017-01-01T00:00:00.5Z"));
  CHECK(read("2016-12-31T15:59:60-08:00") == read("2017-01-01T00:00:00Z"));
  refused(ErrorCode::out_of_range, "2016-12-31T22:59:^60Z");
  refused(ErrorCode::out_of_range, "2016-12-31T23:59:^60-08:00");
  refused(ErrorCode::out_of_range, "2016-12-31T23:59:^61Z");
}

TEST_CASE("a day or time that does not exist is out_of_range, at the invalid field") {
  refused(ErrorCode::out_of_range, "2019-^00-07T13:17:42Z");
  refused(ErrorCode::out_of_range, "2019-^13-07T13:17:42Z");
  refused(ErrorCode::out_of_range, "2019-01-^00T13:17:42Z");
  refused(ErrorCode::out_of_range, "2019-01-^32T13:17:42Z");
  refused(ErrorCode::out_of_range, "2019-04-^31T13:17:42Z");
  refused(ErrorCode::out_of_range, "2019-02-^29T13:17:42Z");
  refused(ErrorCode::out_of_range, "1900-02-^29T13:17:42Z");
  refused(ErrorCode::out_of_range, "2019-01-07T^24:00:00Z");
  refused(ErrorCode::out_of_range, "2019-01-07T13:^60:00Z");
  CHECK(read("2000-02-29T00:00:00Z") == 951782400 * second);
  CHECK(read("2016-02-29T00:00:00Z") == 1456704000 * second);
}

TEST_CASE("a timestamp that is not RFC 3339 is rejected at the first wrong byte or as a whole") {
  refused(ErrorCode::syntax, "^ 2019-01-07T13:17:42Z");
  refused(ErrorCode::syntax, "^yesterday");
  refused(ErrorCode::syntax, "2019^/01/07T13:17:42Z");
  refused(ErrorCode::syntax, "2019-1^-07T13:17:42Z");
  refused(ErrorCode::syntax, "2019-01-07^ 13:17:42Z");
  refused(ErrorCode::syntax, "2019-01-07T13:17:42^,375Z");
  refused(ErrorCode::syntax, "2019-01-07T13:17:42.^Z");
  refused(ErrorCode::syntax, "2019-01-07T13:17:42.375^ Z");
  refused(ErrorCode::syntax, "2019-01-07T13^-17:42Z");
  refused(ErrorCode::syntax, "^+2019-01-07T13:17:42Z");
  refused(ErrorCode::trailing_bytes, "2019-01-07T13:17:42Z^ ");
  refused(ErrorCode::trailing_bytes, "2019-01-07T13:17:42+01:00^Z");
}

TEST_CASE("a timestamp cut at any byte is truncated, with the error at its end") {
  for (const std::string whole : {"2019-01-07T13:17:42.375Z", "2019-01-07T13:17:42Z", "2019-01-07T13:17:42.375001+01:30"}) {
    for (std::size_t length = 0; length < whole.size(); ++length) {
      refused(ErrorCode::truncated, whole.substr(0, length) + '^');
    }
  }
}

TEST_CASE("a timestamp in the year 1 is unset") {
  refused(ErrorCode::unset, "^0001-01-01T00:00:00Z");
  refused(ErrorCode::unset, "^0001-12-31T23:59:59.999999999Z");
  refused(ErrorCode::unset, "^0001-06-15T12:00:00+05:00");
  refused(ErrorCode::out_of_range, "0001-^13-01T00:00:00Z");
  refused(ErrorCode::trailing_bytes, "0001-01-01T00:00:00Z^!");
  refused(ErrorCode::out_of_range, "^0000-01-01T00:00:00Z");
  refused(ErrorCode::out_of_range, "^0002-01-01T00:00:00Z");
}

TEST_CASE("the lowest and highest Timestamp are out_of_range, their neighbours are valid") {
  CHECK(read("1677-09-21T00:12:43.145224193Z") == INT64_MIN + 1);
  CHECK(read("2262-04-11T23:47:16.854775806Z") == INT64_MAX - 1);
  CHECK(read("2262-04-12T01:47:16.854775806+02:00") == INT64_MAX - 1);
  refused(ErrorCode::out_of_range, "^1677-09-21T00:12:43.145224192Z");
  refused(ErrorCode::out_of_range, "^1677-09-21T00:12:42.999999999Z");
  refused(ErrorCode::out_of_range, "^2262-04-11T23:47:16.854775807Z");
  refused(ErrorCode::out_of_range, "^2262-04-11T23:47:17Z");
  refused(ErrorCode::out_of_range, "^2262-04-11T23:47:16.854775806-00:01");
  refused(ErrorCode::out_of_range, "^1600-01-01T00:00:00Z");
  refused(ErrorCode::out_of_range, "^9999-12-31T23:59:60Z");
}

TEST_CASE("every midnight in the range agrees with counting the days one by one") {
  // The count is independent of the library's era arithmetic: it steps through days, months and leap years.
  int year = 1677, month = 9, day = 22;
  std::int64_t midnight = std::int64_t{-106751} * 86400 * second;
  std::size_t days = 0, wrong = 0;
  while (year < 2262 || month < 4 || (month == 4 && day <= 11)) {
    char date[40];
    std::snprintf(date, sizeof date, "%04d-%02d-%02d", year, month, day);
    const std::string first = std::string(date) + "T00:00:00.000Z", last = std::string(date) + "T23:59:59.999999999Z";
    const auto begins = parse_timestamp(first), ends = parse_timestamp(last);
    const bool is_last_day = year == 2262 && month == 4 && day == 11;
    const bool right = begins && begins->ns() == midnight && presence::to_string(*begins) == first &&
                       (is_last_day || (ends && ends->ns() == midnight + 86400 * second - 1 && presence::to_string(*ends) == last));
    if (!right && ++wrong == 1) FAIL_CHECK(first);
    ++days;
    const bool leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
    const int lengths[] = {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (++day > lengths[month - 1]) {
      day = 1;
      if (++month > 12) {
        month = 1;
        ++year;
      }
    }
    if (!is_last_day) midnight += 86400 * second;
  }
  CHECK(wrong == 0);
  CHECK(days == 106751 * 2 + 1);
  CHECK(midnight == std::int64_t{106751} * 86400 * second);
}

TEST_CASE("append_string appends the text of to_string") {
  std::string text = "at ";
  append_string(text, Timestamp::from_ms(1546867062375));
  append_string(text, Timestamp::from_ns(1));
  CHECK(text == "at 2019-01-07T13:17:42.375Z1970-01-01T00:00:00.000000001Z");
}

TEST_CASE("any timestamp is read back from its text, which has the fewest of 3, 6 or 9 digits") {
  const std::uint64_t from = seed();
  INFO("PRESENCE_SEED=" << from);
  std::mt19937_64 chance(from);
  for (int i = 0; i < 20000; ++i) {
    auto ns = static_cast<std::int64_t>(chance());
    const std::int64_t units[] = {1, 1000, 1000000, second, 86400 * second};
    ns -= ns % units[chance() % 5];
    if (ns == INT64_MIN || ns == INT64_MAX) continue;
    const std::string text = presence::to_string(Timestamp::from_ns(ns));
    CAPTURE(text);
    const auto back = parse_timestamp(text);
    REQUIRE(back);
    REQUIRE(back->ns() == ns);
    const std::size_t digits = text.size() - std::string_view("2019-01-07T13:17:42.Z").size();
    REQUIRE((digits == 3 || digits == 6 || digits == 9));
    if (digits > 3) REQUIRE(text.substr(text.size() - 4, 3) != "000");
  }
}
