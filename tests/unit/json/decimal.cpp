// SPDX-License-Identifier: MIT
#include "../telling.hpp"

#include <presence/base/detail/decimal.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

using namespace support;

namespace {

constexpr std::uint64_t sign = std::uint64_t{1} << 63, infinity = std::uint64_t{0x7FF} << 52;
constexpr std::uint64_t too_large = ~std::uint64_t{0};  // no bits of a finite double

std::uint64_t bits_of(double value) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

double from_bits(std::uint64_t bits) {
  double value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

std::uint64_t read(const std::string& text) {
  // A copy of exactly the size of the text, so that a sanitizer sees a read past its end.
  const std::vector<char> exact(text.begin(), text.end());
  double value = 42.5;
  if (detail::read_double(std::string_view(exact.data(), exact.size()), value)) return bits_of(value);
  CHECK(value == 42.5);
  return too_large;
}

/// What the standard library makes of it, and how it writes so many digits behind the point. Windows' C library errs in
/// the last digit.
#if defined(_WIN32)
std::uint64_t expected(const std::string& text) {
  double value = 0;
  const bool plus = text[0] == '+';
  const auto end = std::from_chars(text.data() + (plus ? 1 : 0), text.data() + text.size(), value);
  if (end.ec == std::errc::result_out_of_range) value = std::strtod(text.c_str(), nullptr);  // zero or endless
  const std::uint64_t bits = bits_of(value);
  return (bits & ~sign) == infinity ? too_large : bits;
}

std::string rounded(double value, int digits) {
  char text[64];
  return std::string(text, std::to_chars(text, text + sizeof text, value, std::chars_format::scientific, digits).ptr);
}
#else
std::uint64_t expected(const std::string& text) {
  const std::uint64_t bits = bits_of(std::strtod(text.c_str(), nullptr));
  return (bits & ~sign) == infinity ? too_large : bits;
}

std::string rounded(double value, int digits) {
  char text[64];
  return std::string(text, static_cast<std::size_t>(std::snprintf(text, sizeof text, "%.*e", digits, value)));
}
#endif

std::string written(double value) {
  // A vector of exactly the room that is asked for.
  std::vector<char> room(detail::longest_double);
  return std::string(room.data(), detail::write_double(value, room.data()));
}

std::string zeros(std::size_t count) { return std::string(count, '0'); }

/// Without sign, point, exponent and the zeros on both sides.
std::string digits_of(const std::string& text) {
  std::string digits;
  for (const char c : text) {
    if (c == 'e') break;
    if (c >= '0' && c <= '9' && (c != '0' || !digits.empty())) digits += c;
  }
  while (!digits.empty() && digits.back() == '0') digits.pop_back();
  return digits;
}

std::uint64_t finite(Chance& chance) {
  for (;;) {
    const std::uint64_t bits = chance.bits();
    if ((bits & infinity) != infinity) return bits;
  }
}

/// number * 2^power in full, by arithmetic that shares nothing with the library: its digits, and the exponent of ten.
std::string in_full(std::uint64_t number, int power, int& exponent) {
  std::vector<std::uint32_t> groups;  // of nine digits, lowest first
  for (; number != 0; number /= 1000000000) groups.push_back(static_cast<std::uint32_t>(number % 1000000000));
  exponent = power < 0 ? power : 0;
  for (int i = power < 0 ? -power : power; i > 0; --i) {
    std::uint64_t carry = 0;
    for (std::uint32_t& group : groups) {
      carry += std::uint64_t{group} * (power < 0 ? 5 : 2);
      group = static_cast<std::uint32_t>(carry % 1000000000);
      carry /= 1000000000;
    }
    if (carry != 0) groups.push_back(static_cast<std::uint32_t>(carry));
  }
  std::string digits;
  for (std::size_t i = groups.size(); i-- != 0;) {
    const std::string group = std::to_string(groups[i]);
    digits += digits.empty() ? group : zeros(9 - group.size()) + group;
  }
  return digits;
}

}  // namespace

TEST_CASE("a decimal reads as the nearest double, ties to even") {
  struct Row {
    std::string text;
    std::uint64_t bits;
  };
  const Row rows[] = {
      {"0", 0},
      {"-0", sign},
      {"0.0", 0},
      {"-0.000e-5", sign},
      {"0e999999999999", 0},
      {"-0.00E+999999999999999999999999999999", sign},
      {"1", 0x3FF0000000000000},
      {"-1.5", sign | 0x3FF8000000000000},
      {"0.1", 0x3FB999999999999A},
      {"10e-1", 0x3FF0000000000000},
      {"1E+2", 0x4059000000000000},
      {"3.141592653589793", 0x400921FB54442D18},
      {"1e22", 0x4480F0CF064DD592},
      {"1e23", 0x44B52D02C7E14AF6},
      {"8.41e21", 0x447C7E83209E90B2},
      {"6.02214076e23", 0x44DFE185CA57C517},
      {"123456789012345680", 0x437B69B4BA630F35},
      {"9007199254740991", 0x433FFFFFFFFFFFFF},
      {"9007199254740992", 0x4340000000000000},
      {"9007199254740993", 0x4340000000000000},
      {"9007199254740993.0", 0x4340000000000000},
      {"9007199254740993." + zeros(3000), 0x4340000000000000},
      {"9007199254740993." + zeros(3000) + "1", 0x4340000000000001},
      {"9007199254740993" + zeros(3000) + "1e-3001", 0x4340000000000001},
      {"9007199254740992." + std::string(3000, '9'), 0x4340000000000000},
      {"9007199254740995", 0x4340000000000002},
      {"9007199254740994." + std::string(3000, '9'), 0x4340000000000001},
      // 1 + 2^-53 and its neighbours
      {"1.00000000000000011102230246251565404236316680908203125", 0x3FF0000000000000},
      {"1.00000000000000011102230246251565404236316680908203124", 0x3FF0000000000000},
      {"1.00000000000000011102230246251565404236316680908203126", 0x3FF0000000000001},
      {"1.00000000000000011102230246251565404236316680908203125" + zeros(2000) + "1", 0x3FF0000000000001},
      // 1 + 3 * 2^-53
      {"1.00000000000000033306690738754696212708950042724609375", 0x3FF0000000000002},
      // around the smallest normal one
      {"2.2250738585072011e-308", 0x000FFFFFFFFFFFFF},
      {"2.2250738585072012e-308", 0x0010000000000000},
      {"2.2250738585072014e-308", 0x0010000000000000},
      {"2.225073858507201e-308", 0x000FFFFFFFFFFFFF},
      // around the smallest
      {"4.9e-324", 1},
      {"5e-324", 1},
      {"-3e-324", sign | 1},
      {"2.4703282292062327e-324", 0},
      {"2.4703282292062328e-324", 1},
      {"-2.4703282292062327e-324", sign},
      {"7.4e-324", 1},
      {"7.5e-324", 2},
      {"1e-324", 0},
      {"9.9e-325", 0},
      {"1e-325", 0},
      {"1e-400", 0},
      {"-1e-400", sign},
      {"1e-999999999999", 0},
      {"-1e-99999999999999999999999999", sign},
      {"0." + zeros(5000) + "1e5001", 0x3FF0000000000000},
      {"1" + zeros(5000) + "e-5000", 0x3FF0000000000000},
      {"1" + zeros(5000), too_large},
      {"0." + zeros(5000) + "1", 0},
      // around the largest
      {"1.7976931348623157e308", 0x7FEFFFFFFFFFFFFF},
      {"-1.7976931348623157e308", sign | 0x7FEFFFFFFFFFFFFF},
      {"1.7976931348623158e308", 0x7FEFFFFFFFFFFFFF},
      {"1.7976931348623159e308", too_large},
      {"-1.7976931348623159e308", too_large},
      {"1.8e308", too_large},
      {"1e308", 0x7FE1CCF385EBC8A0},
      {"1e309", too_large},
      {"0.1e309", 0x7FE1CCF385EBC8A0},
      {"1e310", too_large},
      {"1e999999999999", too_large},
      {"-1e99999999999999999999999999", too_large},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(read(row.text) == row.bits);
  }
}

TEST_CASE("a decimal half-way between two doubles rounds to even, and every further digit counts") {
  Chance random(20190107);
  std::size_t longest = 0;
  for (int i = 0; i < 1000; ++i) {
    // Every fourth has an exponent near the smallest, where the decimals are longest; the first four are the extremes.
    std::uint64_t bits = finite(random) & ~sign;
    if (i % 4 == 0) bits &= std::uint64_t{0x003FFFFFFFFFFFFF};
    if (i == 0) bits = 0;
    if (i == 1) bits = 0x000FFFFFFFFFFFFF;
    if (i == 2) bits = 0x001FFFFFFFFFFFFF;
    if (i == 3) bits = infinity - 1;
    const int field = static_cast<int>(bits >> 52);
    const std::uint64_t mantissa = (bits & 0x000FFFFFFFFFFFFF) | (field != 0 ? std::uint64_t{1} << 52 : 0);
    int exponent = 0;
    std::string digits = in_full(2 * mantissa + 1, (field != 0 ? field : 1) - 1076, exponent);
    const auto with = [&](const std::string& text) { return text + "e" + std::to_string(exponent); };
    const auto above = [&](std::uint64_t b) { return b + 1 == infinity ? too_large : b + 1; };
    if (digits_of(digits).size() > longest) longest = digits_of(digits).size();

    CAPTURE(bits);
    CHECK(read(with(digits)) == (bits % 2 == 0 ? bits : above(bits)));
    CHECK(read(digits + zeros(900) + "e" + std::to_string(exponent - 900)) == (bits % 2 == 0 ? bits : above(bits)));
    CHECK(read(with(digits + "." + zeros(900) + "1")) == above(bits));
    ++digits.back();  // which is even where the number is an integer, and else a five
    CHECK(read(with(digits)) == above(bits));
    digits.back() = static_cast<char>(digits.back() - 2);
    if (digits.back() < '0') continue;
    CHECK(read(with(digits)) == bits);
    CHECK(read(with(digits + "." + std::string(900, '9'))) == bits);
  }
  CHECK(longest == 768);
}

TEST_CASE("a double is written in its shortest form and never as an integer") {
  struct Row {
    double value;
    std::string_view text;
  };
  const Row rows[] = {
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {1.0, "1.0"},
      {-1.0, "-1.0"},
      {10.0, "10.0"},
      {0.1, "0.1"},
      {0.3, "0.3"},
      {0.1 + 0.2, "0.30000000000000004"},
      {1.5, "1.5"},
      {-123.456, "-123.456"},
      {100000.0, "100000.0"},
      {123456789012345680.0, "123456789012345680.0"},
      {9007199254740992.0, "9007199254740992.0"},
      {9007199254740993.0, "9007199254740992.0"},
      {1e20, "100000000000000000000.0"},
      {999999999999999900000.0, "999999999999999900000.0"},
      {-123456789012345680000.0, "-123456789012345680000.0"},
      {1e21, "1e+21"},
      {1.2345e21, "1.2345e+21"},
      {1e22, "1e+22"},
      {1e23, "1e+23"},
      {9.999999999999997e22, "9.999999999999997e+22"},
      {8.41e21, "8.41e+21"},
      {1e-5, "0.00001"},
      {1e-6, "0.000001"},
      {-1.2345678901234567e-6, "-0.0000012345678901234567"},
      {9.999999999999997e-7, "9.999999999999997e-7"},
      {1e-7, "1e-7"},
      {-1.5e-10, "-1.5e-10"},
      {1e100, "1e+100"},
      {1e300, "1e+300"},
      {5e-324, "5e-324"},
      {1e-323, "1e-323"},
      {2.2250738585072014e-308, "2.2250738585072014e-308"},
      {2.225073858507201e-308, "2.225073858507201e-308"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {-1.7976931348623157e308, "-1.7976931348623157e+308"},
      // Powers of two, whose lower neighbour is nearer than the upper.
      {5.684341886080802e-14, "5.684341886080802e-14"},
      {9.5367431640625e-7, "9.5367431640625e-7"},
      {1.8014398509481984e16, "18014398509481984.0"},
      {9.007199254740992e15, "9007199254740992.0"},
      {4.450147717014403e-308, "4.450147717014403e-308"},
  };
  for (const Row& row : rows) CHECK(written(row.value) == std::string(row.text));
}

TEST_CASE("powers of two and their neighbours are read back as written, with at most 17 digits") {
  for (std::uint64_t field = 0; field < 0x7FF; ++field) {
    for (std::uint64_t bits = field << 52, i = 0; i < 3; ++i) {
      const std::uint64_t near_it = bits + i - (field != 0 ? 1 : 0);
      const std::string text = written(from_bits(near_it));
      CAPTURE(text);
      CHECK(read(text) == near_it);
      CHECK(expected(text) == near_it);
      CHECK(digits_of(text).size() <= 17);
    }
  }
}

TEST_CASE("any double is written as the shortest decimal that reads back as it, and the nearest of those") {
  Chance random(20200330);
  int wrong = 0;
  for (int i = 0; i < 100000; ++i) {
    std::uint64_t bits = finite(random);
    // A quarter each of everyday size, or with few bits, where short decimals are.
    if (i % 4 == 0) bits = (bits & ~infinity) | (std::uint64_t{1023 - 30 + random.below(90)} << 52);
    if (i % 4 == 1) bits &= ~std::uint64_t{0} << random.below(52);
    const double value = from_bits(bits);
    const std::string text = written(value);
    bool right = read(text) == bits && expected(text) == bits && text.find_first_of(".e") != std::string::npos;
    const int count = static_cast<int>(digits_of(text).size());
    std::string other;
    if (count > 1) {
      other = rounded(value, count - 2);
      right = right && expected(other) != bits;
    }
    if (count > 0) {
      // For a power of two the nearest of this length may be the wrong side of half-way.
      other = rounded(value, count - 1);
      right = right && (expected(other) != bits || digits_of(other) == digits_of(text));
    }
    if (right) continue;
    if (++wrong < 10) FAIL_CHECK(text << " for bits " << bits << ", not " << other);
  }
  CHECK(wrong == 0);
}

TEST_CASE("any decimal reads as the same double as with the C library") {
  Chance random(20190108);
  int wrong = 0;
  for (int i = 0; i < 100000; ++i) {
    std::string text = random.below(2) == 0 ? "-" : "";
    const std::size_t count = 1 + random.below(40), point = 1 + random.below(count);
    for (unsigned k = 0; k < count; ++k) {
      if (k == point) text += '.';
      // No leading zero but the one before a point: the grammar has no others.
      text += static_cast<char>(k == 0 && point > 1 ? '1' + random.below(9) : '0' + random.below(10));
    }
    if (random.below(4) != 0) {
      text += random.below(2) == 0 ? "e" : "E";
      const std::size_t kind = random.below(3);
      text += kind == 0 ? "" : kind == 1 ? "+" : "-";
      text += std::to_string(random.below(i % 2 == 0 ? 30 : 350));
    }
    const std::uint64_t got = read(text), wanted = expected(text);
    if (got == wanted) continue;
    if (++wrong < 10) FAIL_CHECK(text << " read as " << got << ", not " << wanted);
  }
  CHECK(wrong == 0);
}

TEST_CASE("fits_double is true exactly if reading the decimal does not overflow") {
  const std::string nines(308, '9'), ones(309, '1');
  for (const std::string& text : {std::string("0"),
                                  std::string("-0.0"),
                                  std::string("0e999"),
                                  std::string("1e308"),
                                  std::string("1E+308"),
                                  std::string("1e309"),
                                  std::string("-1e309"),
                                  std::string("1e0309"),
                                  std::string("1e00000000000000000000308"),
                                  std::string("17976931348623157e292"),
                                  std::string("17976931348623159e292"),
                                  std::string("10e308"),
                                  std::string("0.1e309"),
                                  std::string("0.001e311"),
                                  std::string("0.001e312"),
                                  std::string("9.9e-999999999999"),
                                  std::string("1e99999999999999999999999"),
                                  nines,
                                  nines + ".5",
                                  nines + "e0",
                                  nines + "0",
                                  nines + "e1",
                                  ones,
                                  ones + ".25e-1",
                                  ones + "e-300",
                                  std::string(400, '1'),
                                  std::string(400, '1') + "e-100"}) {
    CAPTURE(text);
    const std::vector<char> exact(text.begin(), text.end());
    CHECK(detail::fits_double(std::string_view(exact.data(), exact.size())) == (read(text) != too_large));
  }
  Chance random(20240301);
  for (int i = 0; i < 20000; ++i) {
    std::string text = random.below(2) == 0 ? "-" : "";
    text += std::to_string(1 + random.below(9));
    for (std::size_t k = random.below(12); k > 0; --k) text += static_cast<char>('0' + random.below(10));
    if (random.below(2) == 0) text += "." + std::to_string(random.below(1000));
    text += "e" + std::to_string(random.below(2) == 0 ? 290 + random.below(25) : random.below(400));
    CAPTURE(text);
    REQUIRE(detail::fits_double(text) == (read(text) != too_large));
  }
}
