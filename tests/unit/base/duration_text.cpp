// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <presence/base/time.hpp>

#include <clocale>
#include <cstdint>
#include <string>

using presence::Duration;

namespace {

std::string of(std::int64_t ns) { return presence::to_string(Duration::from_ns(ns)); }

/// The nanoseconds that a text stands for, read digit by digit.
std::int64_t read(const std::string& text) {
  std::uint64_t number = 0, scale = 1;
  std::size_t at = text[0] == '-' ? 1 : 0;
  bool behind_point = false;
  for (; at < text.size() && (text[at] == '.' || (text[at] >= '0' && text[at] <= '9')); ++at) {
    if (text[at] == '.') {
      behind_point = true;
      continue;
    }
    number = number * 10 + static_cast<std::uint64_t>(text[at] - '0');
    if (behind_point) scale *= 10;
  }
  const std::string unit = text.substr(at);
  std::uint64_t factor = 0;
  if (unit == "s") factor = 1000000000;
  if (unit == "ms") factor = 1000000;
  if (unit == "us") factor = 1000;
  if (unit == "ns") factor = 1;
  REQUIRE(factor != 0);
  REQUIRE(factor % scale == 0);
  const std::uint64_t ns = number * (factor / scale);
  return static_cast<std::int64_t>(text[0] == '-' ? 0 - ns : ns);
}

}  // namespace

TEST_CASE("a duration is written in the largest unit in which it is at least one") {
  CHECK(of(0) == "0s");
  CHECK(of(1) == "1ns");
  CHECK(of(999) == "999ns");
  CHECK(of(1000) == "1us");
  CHECK(of(999999) == "999.999us");
  CHECK(of(1000000) == "1ms");
  CHECK(of(250000000) == "250ms");
  CHECK(of(999999999) == "999.999999ms");
  CHECK(of(1000000000) == "1s");
  CHECK(of(1500000000) == "1.5s");
  CHECK(of(-40000000000) == "-40s");
  CHECK(of(-1) == "-1ns");
  CHECK(of(-2000000) == "-2ms");
  CHECK(of(90000000000) == "90s");
}

TEST_CASE("the fraction of a duration keeps every nanosecond and has no trailing zeros") {
  CHECK(of(1000000001) == "1.000000001s");
  CHECK(of(1000100000) == "1.0001s");
  CHECK(of(10500) == "10.5us");
  CHECK(of(-1050000) == "-1.05ms");
  CHECK(of(INT64_MAX) == "9223372036.854775807s");
  CHECK(of(INT64_MIN) == "-9223372036.854775808s");
}

TEST_CASE("the text of every duration stands for the same number of nanoseconds") {
  std::uint64_t random = 7;
  for (int i = 0; i < 4000; ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    const auto ns = static_cast<std::int64_t>(random) >> (i % 64);
    CHECK(read(of(ns)) == ns);
    CHECK(read(of(ns / 1000 * 1000)) == ns / 1000 * 1000);
  }
}

TEST_CASE("a locale does not change the text of a duration") {
  // Whichever of these the machine has: their decimal separator is a comma.
  for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8"}) {
    if (std::setlocale(LC_ALL, name) != nullptr) break;
  }
  CHECK(of(1500000000) == "1.5s");
  std::setlocale(LC_ALL, "C");
}

TEST_CASE("append_string of a duration keeps what the string holds") {
  std::string text = "in ";
  presence::append_string(text, Duration::from_ms(1500));
  CHECK(text == "in 1.5s");
}
