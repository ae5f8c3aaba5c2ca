// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_DECIMAL_HPP
#define PRESENCE_BASE_DETAIL_DECIMAL_HPP

#include <presence/config.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, uint32_t, uint64_t
#include <cstring>      // for memcpy
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

// strtod and printf are not used, because they depend on the locale. <charconv> is not used, because some standard
// libraries do not support it for doubles. All arithmetic here is exact and on integers. So neither the rounding mode
// nor the floating-point unit of the host affects the result.

static_assert(sizeof(double) == 8, "presence: double must be the binary64 of IEEE 754");

/// The number of digits that are read exactly. The midpoint between two doubles has up to 768 significant digits. Of
/// later digits it only matters whether all are zero.
inline constexpr std::size_t most_digits = 770;

/// A natural number of fixed capacity, with the arithmetic that the two conversions need.
struct BigNatural {
  std::size_t size = 0;         ///< number of limbs; the highest is not zero
  std::uint32_t limb[84] = {};  ///< little endian; zero from `size` on. 771 digits and 45 bits need 82 limbs.

  void trim() noexcept {
    while (size != 0 && limb[size - 1] == 0) --size;
  }

  int bits() const noexcept {
    int n = 32 * static_cast<int>(size);
    if (size != 0)
      for (std::uint32_t top = limb[size - 1]; top < 0x80000000; top <<= 1) --n;
    return n;
  }

  /// *this = *this * factor + addend
  void multiply(std::uint32_t factor, std::uint32_t addend = 0) noexcept {
    std::uint64_t carry = addend;
    for (std::size_t i = 0; i < size; ++i, carry >>= 32) {
      carry += std::uint64_t{limb[i]} * factor;
      limb[i] = static_cast<std::uint32_t>(carry);
    }
    if (carry != 0) limb[size++] = static_cast<std::uint32_t>(carry);
  }

  void multiply_by_power_of_5(int power) noexcept {
    for (; power >= 13; power -= 13) multiply(1220703125);  // 5^13, the highest power that fits a limb
    for (; power > 0; --power) multiply(5);
  }

  void shift_left(int count) noexcept {
    multiply(std::uint32_t{1} << (count % 32));
    const auto limbs = static_cast<std::size_t>(count / 32);
    if (size == 0 || limbs == 0) return;
    for (std::size_t i = size; i-- != 0;) limb[i + limbs] = limb[i];
    for (std::size_t i = 0; i < limbs; ++i) limb[i] = 0;
    size += limbs;
  }

  void add(const BigNatural& other, std::uint32_t times) noexcept {
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < other.size || carry != 0; ++i, carry >>= 32) {
      carry += limb[i] + std::uint64_t{other.limb[i]} * times;
      limb[i] = static_cast<std::uint32_t>(carry);
      if (i >= size) size = i + 1;
    }
    trim();
  }

  /// *this = *this - other * times. The product must not exceed *this.
  void subtract(const BigNatural& other, std::uint32_t times) noexcept {
    std::uint64_t borrow = 0;
    for (std::size_t i = 0; i < other.size; ++i) {
      borrow += std::uint64_t{other.limb[i]} * times;
      const auto low = static_cast<std::uint32_t>(borrow);
      borrow = (borrow >> 32) + (limb[i] < low ? 1 : 0);
      limb[i] -= low;
    }
    trim();
  }

  /// Returns a negative number, zero or a positive number if *this is less than, equal to or greater than `other`.
  int compare(const BigNatural& other) const noexcept {
    if (size != other.size) return size < other.size ? -1 : 1;
    for (std::size_t i = size; i-- != 0;)
      if (limb[i] != other.limb[i]) return limb[i] < other.limb[i] ? -1 : 1;
    return 0;
  }

  /// Returns the quotient and leaves the remainder in *this. The quotient must be below 2^14, and the top limb of the
  /// divisor must have 18 bits. Then *this has no more limbs than the divisor, and the quotient of the top limbs alone
  /// is at most one too low.
  std::uint32_t divide(const BigNatural& divisor) noexcept {
    const std::size_t top = divisor.size - 1;
    std::uint32_t quotient = limb[top] / (divisor.limb[top] + 1);
    subtract(divisor, quotient);
    if (compare(divisor) >= 0) {
      subtract(divisor, 1);
      ++quotient;
    }
    return quotient;
  }
};

/// Returns the left shift that prepares a divisor of `bits` bits for divide().
constexpr int divisor_shift(int bits) noexcept { return (18 + 32 - bits % 32) % 32; }

/// Compares a + times * b with c.
inline int compare_sum(const BigNatural& a, const BigNatural& b, std::uint32_t times, const BigNatural& c) noexcept {
  BigNatural sum = a;
  sum.add(b, times);
  return sum.compare(c);
}

/// Returns the bits of the double nearest to numerator * 10^exponent, ties to even. If the value is too large, the
/// result is at least the bits of infinity. The numerator is not zero. The value is at least 10^-325 and below 10^309.
inline std::uint64_t nearest_double(BigNatural& numerator, int exponent) noexcept {
  BigNatural divisor{1, {1}};
  // 10^n is 5^n * 2^n; the powers of two are applied at the end.
  if (exponent < 0) {
    divisor.multiply_by_power_of_5(-exponent);
  } else {
    numerator.multiply_by_power_of_5(exponent);
  }
  // Shifted so that the first quotient has 13 or 14 bits. With three times 14 more bits, it has at least two bits more
  // than a double.
  int width = divisor.bits();
  if (width < numerator.bits() - 13) width = numerator.bits() - 13;
  width += divisor_shift(width);
  exponent += width - divisor.bits();
  divisor.shift_left(width - divisor.bits());
  exponent -= width + 13 - numerator.bits();
  numerator.shift_left(width + 13 - numerator.bits());
  std::uint64_t quotient = numerator.divide(divisor);
  for (int i = 0; i < 3; ++i) {
    numerator.shift_left(14);
    quotient = quotient << 14 | numerator.divide(divisor);
  }
  exponent -= 3 * 14;

  // The value is (quotient + a remainder below one) * 2^exponent. No double has a bit below 2^-1074.
  int surplus = (quotient >> 55 != 0 ? 56 : 55) - 53;
  if (exponent + surplus < -1074) surplus = -1074 - exponent;
  std::uint64_t mantissa = quotient >> surplus;
  const std::uint64_t rest = quotient - (mantissa << surplus), half = std::uint64_t{1} << (surplus - 1);
  if (rest > half || (rest == half && (numerator.size != 0 || mantissa % 2 != 0))) ++mantissa;
  // Added, not or-ed: the top bit of the mantissa is not stored, but adds one to the exponent. A mantissa that was
  // rounded up to a power of two carries into the exponent.
  return (static_cast<std::uint64_t>(exponent + surplus + 1074) << 52) + mantissa;
}

/// Reads a JSON number (RFC 8259) as the nearest double, ties to even. Returns false if it is too large. The caller has
/// checked the grammar.
inline bool read_double(std::string_view number, double& value) noexcept {
  const char* p = number.data();
  const char* const end = p + number.size();
  const bool negative = p != end && *p == '-';
  if (negative) ++p;

  BigNatural digits;
  std::size_t count = 0;      // number of digits from the first nonzero one
  std::int64_t exponent = 0;  // the digits are multiplied by this power of ten
  std::uint32_t group = 0, group_scale = 1;
  bool fraction = false, more = false;
  for (; p != end && *p != 'e' && *p != 'E'; ++p) {
    if (*p == '.') {
      fraction = true;
      continue;
    }
    const bool kept = count < most_digits;
    if (fraction && kept) --exponent;
    if (!fraction && !kept) ++exponent;
    const auto digit = static_cast<std::uint32_t>(*p - '0');
    if (!kept) {
      more = more || digit != 0;
    } else if (count != 0 || digit != 0) {
      ++count;
      group = group * 10 + digit;
      group_scale *= 10;
      if (group_scale == 1000000000) {
        digits.multiply(group_scale, group);
        group = 0;
        group_scale = 1;
      }
    }
  }
  digits.multiply(group_scale, group);
  if (more) {  // any nonzero digit has the same effect
    digits.multiply(10, 1);
    ++count;
    --exponent;
  }
  if (p != end && ++p != end) {
    const bool below_one = *p == '-';
    if (*p == '-' || *p == '+') ++p;
    std::int64_t written = 0;
    // No text has enough digits to compensate an exponent of this size.
    for (; p != end && written < 100000000000000000; ++p) written = written * 10 + (*p - '0');
    exponent += below_one ? -written : written;
  }

  const std::int64_t magnitude = exponent + static_cast<std::int64_t>(count);  // in [10^(magnitude-1), 10^magnitude)
  std::uint64_t bits = 0;
  if (count != 0 && magnitude > -324) {  // half of the smallest double is 2.47e-324
    if (magnitude > 309) return false;   // the largest is 1.8e308
    bits = nearest_double(digits, static_cast<int>(exponent));
    if (bits >= std::uint64_t{0x7FF} << 52) return false;
  }
  if (negative) bits |= std::uint64_t{1} << 63;
  std::memcpy(&value, &bits, sizeof value);
  return true;
}

/// Returns true if `read_double` succeeds. Almost all numbers are below 10^308, which is known without the arithmetic.
inline bool fits_double(std::string_view number) noexcept {
  std::size_t at = !number.empty() && number[0] == '-' ? 1 : 0;
  const std::size_t first = at;
  while (at < number.size() && number[at] >= '0' && number[at] <= '9') ++at;
  std::size_t magnitude = at - first;
  while (at < number.size() && number[at] != 'e' && number[at] != 'E') ++at;
  if (at < number.size() && ++at < number.size()) {
    const bool below_one = number[at] == '-';
    if (below_one || number[at] == '+') ++at;
    for (std::size_t exponent = 0; !below_one && at < number.size() && magnitude <= 308; ++at) {
      magnitude -= exponent;
      exponent = exponent * 10 + static_cast<std::size_t>(number[at] - '0');
      magnitude += exponent;
    }
  }
  double value = 0;
  return magnitude <= 308 || read_double(number, value);
}

/// Writes the digits of the shortest decimal that is read as mantissa * 2^exponent; if there are several, the nearest.
/// Returns the number of digits, at most 17. `point` is the position of the decimal point, counted from before the
/// first digit. The algorithm is that of Steele and White (1990), with the scale estimate of Burger and Dybvig (1996).
inline int shortest_digits(std::uint64_t mantissa, int exponent, bool lower_is_nearer, char* out, int& point) noexcept {
  // The value is rest / unit. The distance to the midpoint below it is gap / unit; to the midpoint above, `up` times
  // that.
  const std::uint32_t up = lower_is_nearer ? 2 : 1;
  BigNatural unit{1, {1}}, gap{1, {1}};
  BigNatural rest{2, {static_cast<std::uint32_t>(mantissa & 0xFFFFFFFF), static_cast<std::uint32_t>(mantissa >> 32)}};
  rest.trim();
  // log10(2) is about 78913 / 2^18. The estimate is never too high, and at most one too low; 400 keeps it above zero.
  point = ((exponent + rest.bits() - 1) * 78913 + (400 << 18)) / (1 << 18) - 400 + 1;
  // The gap is a half or a quarter of a unit in the last place: gap * 2^up is one unit.
  int rest_shift = static_cast<int>(up), unit_shift = static_cast<int>(up), gap_shift = 0;
  if (exponent >= 0) {
    rest_shift += exponent;
    gap_shift += exponent;
  } else {
    unit_shift -= exponent;
  }
  if (point >= 0) {
    unit.multiply_by_power_of_5(point);
    unit_shift += point;
  } else {
    rest.multiply_by_power_of_5(-point);
    gap.multiply_by_power_of_5(-point);
    rest_shift -= point;
    gap_shift -= point;
  }
  const int aligning = divisor_shift(unit.bits() + unit_shift);
  rest.shift_left(rest_shift + aligning);
  gap.shift_left(gap_shift + aligning);
  unit.shift_left(unit_shift + aligning);

  // A midpoint is read as this double if the mantissa is even.
  const int tie = mantissa % 2 == 0 ? 1 : 0;
  if (compare_sum(rest, gap, up, unit) + tie > 0) {
    ++point;  // replaces the first multiplication by ten
  } else {
    rest.multiply(10);
    gap.multiply(10);
  }
  for (int count = 0;;) {
    std::uint32_t digit = rest.divide(unit);
    const bool low = rest.compare(gap) - tie < 0;                  // near enough with this as the last digit
    const bool high = compare_sum(rest, gap, up, unit) + tie > 0;  // so is the next higher digit, never ten
    if (high && (!low || compare_sum(rest, rest, 1, unit) + static_cast<int>(digit % 2) > 0)) ++digit;
    out[count++] = static_cast<char>('0' + digit);
    if (low || high) return count;
    rest.multiply(10);
    gap.multiply(10);
  }
}

/// The length of the longest output, -0.0000012345678901234567.
inline constexpr std::size_t longest_double = 25;

/// Writes the shortest decimal that is read as the same double, as a JSON number. It always has a '.' or an exponent,
/// so that it is not read as an integer ("1.0", "0.1", "1e+300", "-0.0", "5e-324"). The value must be finite. Returns
/// the length.
inline std::size_t write_double(double value, char* out) noexcept {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  constexpr std::uint64_t hidden = std::uint64_t{1} << 52;
  const std::uint64_t fraction = bits & (hidden - 1);
  const int field = static_cast<int>(bits >> 52 & 0x7FF);
  char digits[17] = {'0'};
  int count = 1, point = 1;
  if (field > 0) {
    count = shortest_digits(fraction + hidden, field - 1075, fraction == 0 && field > 1, digits, point);
  } else if (fraction != 0) {
    count = shortest_digits(fraction, -1074, false, digits, point);
  }

  char* p = out;
  if (bits >> 63 != 0) *p++ = '-';
  // Uses an exponent in the same cases as JavaScript.
  if (point > -6 && point <= 21) {
    if (point <= 0) *p++ = '0';
    for (int i = 0; i < point; ++i) *p++ = i < count ? digits[i] : '0';
    *p++ = '.';
    for (int i = point; i < 0; ++i) *p++ = '0';
    for (int i = point > 0 ? point : 0; i < count; ++i) *p++ = digits[i];
    if (point >= count) *p++ = '0';
  } else {
    *p++ = digits[0];
    if (count > 1) *p++ = '.';
    for (int i = 1; i < count; ++i) *p++ = digits[i];
    *p++ = 'e';
    *p++ = point > 0 ? '+' : '-';
    const int exponent = point > 0 ? point - 1 : 1 - point;
    if (exponent >= 100) *p++ = static_cast<char>('0' + exponent / 100);
    if (exponent >= 10) *p++ = static_cast<char>('0' + exponent / 10 % 10);
    *p++ = static_cast<char>('0' + exponent % 10);
  }
  return static_cast<std::size_t>(p - out);
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_DETAIL_DECIMAL_HPP
