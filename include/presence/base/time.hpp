// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_TIME_HPP
#define PRESENCE_BASE_TIME_HPP

#include <presence/base/result.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, uint8_t, uint16_t, uint32_t, uint64_t, INT64_MAX, INT64_MIN
#include <cstring>      // for memcpy
#include <string>       // for string
#include <string_view>  // for string_view
#include <type_traits>  // for enable_if, is_floating_point, void_t
#include <utility>      // for declval

// Defined where <=> is, and where <compare> is complete.
#if defined(__cpp_impl_three_way_comparison) && defined(__has_include)
#if __has_include(<compare>)
#include <compare>  // for strong_ordering
#endif
#endif

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

constexpr std::int64_t saturating_add(std::int64_t a, std::int64_t b) noexcept {
  if (b > 0 && a > INT64_MAX - b) return INT64_MAX;
  if (b < 0 && a < INT64_MIN - b) return INT64_MIN;
  return a + b;
}

constexpr std::int64_t saturating_subtract(std::int64_t a, std::int64_t b) noexcept {
  if (b < 0 && a > INT64_MAX + b) return INT64_MAX;
  if (b > 0 && a < INT64_MIN + b) return INT64_MIN;
  return a - b;
}

constexpr std::int64_t saturating_multiply(std::int64_t a, std::int64_t b) noexcept {
  if (a == 0 || b == 0) return 0;
  const bool negative = (a < 0) != (b < 0);
  // Compares magnitudes, so that INT64_MIN * -1 is also detected as an overflow.
  const std::uint64_t limit =
      negative ? static_cast<std::uint64_t>(INT64_MAX) + 1 : static_cast<std::uint64_t>(INT64_MAX);
  const std::uint64_t x = a < 0 ? 0 - static_cast<std::uint64_t>(a) : static_cast<std::uint64_t>(a);
  const std::uint64_t y = b < 0 ? 0 - static_cast<std::uint64_t>(b) : static_cast<std::uint64_t>(b);
  if (x > limit / y) return negative ? INT64_MIN : INT64_MAX;
  return negative ? static_cast<std::int64_t>(0 - x * y) : static_cast<std::int64_t>(x * y);
}

/// Truncates towards zero. A division by zero gives the end of the range on the side of `a`, or zero if `a` is zero.
constexpr std::int64_t saturating_divide(std::int64_t a, std::int64_t b) noexcept {
  if (b == 0) return a == 0 ? 0 : a < 0 ? INT64_MIN : INT64_MAX;
  if (b == -1) return saturating_subtract(0, a);  // INT64_MIN / -1 is undefined
  return a / b;
}

/// Returns the greatest multiple of `step` (> 0) that is at most `value`, or `lowest` if that is greater.
constexpr std::int64_t floor_to(std::int64_t value, std::int64_t step, std::int64_t lowest) noexcept {
  const std::int64_t rest = value % step;
  const std::int64_t down = rest < 0 ? rest + step : rest;
  return value < lowest + down ? lowest : value - down;
}

constexpr std::int64_t floor_divide(std::int64_t value, std::int64_t by) noexcept {
  const std::int64_t quotient = value / by;
  return value % by < 0 ? quotient - 1 : quotient;
}

constexpr std::int64_t gcd(std::int64_t a, std::int64_t b) noexcept {
  while (b != 0) {
    const std::int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

// std::chrono types are detected by their members, because to include <chrono> costs half a second per file in C++20.
template <class D, class = void>
struct IsChronoDuration : std::false_type {};
template <class D>
struct IsChronoDuration<D, std::void_t<typename D::rep, decltype(D::period::num), decltype(D::period::den),
                                       decltype(std::declval<const D&>().count())>> : std::true_type {};

template <class P, class = void>
struct IsSystemTimePoint : std::false_type {};
template <class P>
struct IsSystemTimePoint<
    P, std::void_t<typename P::duration,
                   decltype(P::clock::to_time_t(std::declval<const typename P::clock::time_point&>())),
                   decltype(std::declval<const P&>().time_since_epoch())>> : std::true_type {};

template <class D>
constexpr std::int64_t chrono_to_ns(const D& duration) noexcept {
  constexpr std::int64_t shared = gcd(1000000000, static_cast<std::int64_t>(D::period::den));
  constexpr std::int64_t per_second = 1000000000 / shared, den = static_cast<std::int64_t>(D::period::den) / shared;
  constexpr std::int64_t num = saturating_multiply(static_cast<std::int64_t>(D::period::num), per_second);
  if constexpr (std::is_floating_point<typename D::rep>::value) {
    const double ns = static_cast<double>(duration.count()) * static_cast<double>(num) / static_cast<double>(den);
    if (!(ns == ns)) return 0;
    if (ns >= 9223372036854775807.0) return INT64_MAX;
    if (ns <= -9223372036854775808.0) return INT64_MIN;
    return static_cast<std::int64_t>(ns);
  } else {
    static_assert(num <= INT64_MAX / den, "a tick of this duration cannot be told in nanoseconds");
    // An unsigned count may exceed INT64_MAX.
    if (duration.count() > 0 && static_cast<std::uint64_t>(duration.count()) > static_cast<std::uint64_t>(INT64_MAX)) {
      return INT64_MAX;
    }
    const auto count = static_cast<std::int64_t>(duration.count());
    return saturating_add(saturating_multiply(count / den, num), count % den * num / den);
  }
}

}  // namespace detail

/// A length of time: a signed 64-bit number of nanoseconds. Arithmetic saturates at both ends instead of overflowing.
/// Converts from any `std::chrono` duration, without including that header here. Floating-point durations are truncated
/// to whole nanoseconds; NaN becomes zero.
///
/// @code
/// const Duration timeout = Duration::from_s(90);
/// assert(to_string(timeout / 4) == "22.5s" && timeout / Duration::from_s(40) == 2);
/// assert(to_string(Duration::from_ms(-250)) == "-250ms");
/// @endcode
class Duration {
 public:
  constexpr Duration() noexcept = default;  ///< zero
  /// Converts a `std::chrono` duration, truncated towards zero.
  template <class D, class = std::enable_if_t<detail::IsChronoDuration<D>::value>>
  constexpr Duration(const D& duration) noexcept : ns_(detail::chrono_to_ns(duration)) {}

  /// @{
  /// Returns a duration of that many seconds, milliseconds or nanoseconds. The number may be negative.
  static constexpr Duration from_s(std::int64_t s) noexcept {
    return Duration(detail::saturating_multiply(s, 1000000000), Raw{});
  }
  static constexpr Duration from_ms(std::int64_t ms) noexcept {
    return Duration(detail::saturating_multiply(ms, 1000000), Raw{});
  }
  static constexpr Duration from_ns(std::int64_t ns) noexcept { return Duration(ns, Raw{}); }
  /// @}
  /// Returns a duration that is longer than the distance between any two timestamps. Added to or subtracted from any
  /// timestamp, it gives the end of the range.
  static constexpr Duration highest() noexcept { return from_ns(INT64_MAX); }

  constexpr std::int64_t s() const noexcept { return ns_ / 1000000000; }  ///< whole seconds, truncated towards zero
  constexpr std::int64_t ms() const noexcept { return ns_ / 1000000; }  ///< whole milliseconds, truncated towards zero
  constexpr std::int64_t ns() const noexcept { return ns_; }            ///< nanoseconds, exact

  /// @{
  /// Saturates at both ends of the 64-bit range.
  friend constexpr Duration operator+(Duration a, Duration b) noexcept {
    return from_ns(detail::saturating_add(a.ns_, b.ns_));
  }
  friend constexpr Duration operator-(Duration a, Duration b) noexcept {
    return from_ns(detail::saturating_subtract(a.ns_, b.ns_));
  }
  friend constexpr Duration operator-(Duration a) noexcept { return from_ns(detail::saturating_subtract(0, a.ns_)); }
  friend constexpr Duration operator*(Duration a, std::int64_t n) noexcept {
    return from_ns(detail::saturating_multiply(a.ns_, n));
  }
  friend constexpr Duration operator*(std::int64_t n, Duration a) noexcept { return a * n; }
  constexpr Duration& operator+=(Duration b) noexcept { return *this = *this + b; }
  constexpr Duration& operator-=(Duration b) noexcept { return *this = *this - b; }
  constexpr Duration& operator*=(std::int64_t n) noexcept { return *this = *this * n; }
  /// @}
  /// @{
  /// Truncates towards zero. A division by zero gives the end of the range that has the sign of the dividend, and zero
  /// for a dividend of zero.
  friend constexpr Duration operator/(Duration a, std::int64_t n) noexcept {
    return from_ns(detail::saturating_divide(a.ns_, n));
  }
  constexpr Duration& operator/=(std::int64_t n) noexcept { return *this = *this / n; }
  /// @}
  /// Returns how many times `b` fits into `a`: a whole number, truncated towards zero. Saturates, and divides by zero,
  /// as the division by a number does.
  friend constexpr std::int64_t operator/(Duration a, Duration b) noexcept {
    return detail::saturating_divide(a.ns_, b.ns_);
  }

  /// Compares the signed numbers of nanoseconds: a shorter duration is less, and a negative one is less than zero.
  friend constexpr bool operator==(Duration a, Duration b) noexcept { return a.ns_ == b.ns_; }
  friend constexpr bool operator!=(Duration a, Duration b) noexcept { return a.ns_ != b.ns_; }
  friend constexpr bool operator<(Duration a, Duration b) noexcept { return a.ns_ < b.ns_; }
  friend constexpr bool operator<=(Duration a, Duration b) noexcept { return a.ns_ <= b.ns_; }
  friend constexpr bool operator>(Duration a, Duration b) noexcept { return a.ns_ > b.ns_; }
  friend constexpr bool operator>=(Duration a, Duration b) noexcept { return a.ns_ >= b.ns_; }
#if defined(__cpp_lib_three_way_comparison)
  friend constexpr std::strong_ordering operator<=>(Duration a, Duration b) noexcept {
    return a == b ? std::strong_ordering::equal : a < b ? std::strong_ordering::less : std::strong_ordering::greater;
  }
#endif

 private:
  struct Raw {};
  constexpr Duration(std::int64_t ns, Raw) noexcept : ns_(ns) {}

  std::int64_t ns_ = 0;
};

/// A point in time: a signed 64-bit number of nanoseconds since 1970-01-01T00:00:00Z, without leap seconds. The range
/// is from 1677 to 2262. Arithmetic saturates. Converts from std::chrono::system_clock time points. Time points of
/// other clocks, which have no calendar, do not compile.
///
/// @code
/// #include <chrono>
///
/// const Timestamp at = *parse_timestamp("2019-01-07T14:17:42.375+01:00");
/// assert(to_string(at) == "2019-01-07T13:17:42.375Z");  // always UTC
/// assert(at + Duration::from_s(40) - at == Duration(std::chrono::seconds(40)));
/// assert(parse_timestamp("0001-01-01T00:00:00Z").error().code == ErrorCode::unset);  // "never" of chat services
/// const Timestamp now = std::chrono::system_clock::now();  // the library itself reads no clock
/// assert(now > at && Timestamp::from_ms(now.ms()) <= now);
/// @endcode
class Timestamp {
 public:
  constexpr Timestamp() noexcept = default;  ///< 1970-01-01T00:00:00Z
  /// Converts a time point of `std::chrono::system_clock`, truncated towards 1970.
  template <class P, class = std::enable_if_t<detail::IsSystemTimePoint<P>::value>>
  constexpr Timestamp(const P& point) noexcept : ns_(detail::chrono_to_ns(point.time_since_epoch())) {}

  /// @{
  /// Returns the timestamp that many seconds, milliseconds or nanoseconds after 1970. Negative numbers are before 1970.
  static constexpr Timestamp from_s(std::int64_t s) noexcept {
    return Timestamp(detail::saturating_multiply(s, 1000000000), Raw{});
  }
  static constexpr Timestamp from_ms(std::int64_t ms) noexcept {
    return Timestamp(detail::saturating_multiply(ms, 1000000), Raw{});
  }
  static constexpr Timestamp from_ns(std::int64_t ns) noexcept { return Timestamp(ns, Raw{}); }
  /// @}
  /// @{
  /// The two ends of the range, where arithmetic saturates. They are not valid timestamps: an event with one is
  /// rejected as invalid.
  static constexpr Timestamp lowest() noexcept { return from_ns(INT64_MIN); }
  static constexpr Timestamp highest() noexcept { return from_ns(INT64_MAX); }
  /// @}

  /// @{
  /// Returns whole seconds or milliseconds since 1970, rounded towards the past.
  constexpr std::int64_t s() const noexcept { return detail::floor_divide(ns_, 1000000000); }
  constexpr std::int64_t ms() const noexcept { return detail::floor_divide(ns_, 1000000); }
  /// @}
  constexpr std::int64_t ns() const noexcept { return ns_; }  ///< nanoseconds since 1970, exact

  /// @{
  /// Saturates at both ends. Adding or subtracting Duration::highest() always gives an end of the range.
  friend constexpr Timestamp operator+(Timestamp a, Duration b) noexcept {
    return b == Duration::highest() ? highest() : from_ns(detail::saturating_add(a.ns_, b.ns()));
  }
  friend constexpr Timestamp operator+(Duration b, Timestamp a) noexcept { return a + b; }
  friend constexpr Timestamp operator-(Timestamp a, Duration b) noexcept {
    return b == Duration::highest() ? lowest() : from_ns(detail::saturating_subtract(a.ns_, b.ns()));
  }
  friend constexpr Duration operator-(Timestamp a, Timestamp b) noexcept {
    return Duration::from_ns(detail::saturating_subtract(a.ns_, b.ns_));
  }
  constexpr Timestamp& operator+=(Duration b) noexcept { return *this = *this + b; }
  constexpr Timestamp& operator-=(Duration b) noexcept { return *this = *this - b; }
  /// @}

  /// The earlier timestamp is less.
  friend constexpr bool operator==(Timestamp a, Timestamp b) noexcept { return a.ns_ == b.ns_; }
  friend constexpr bool operator!=(Timestamp a, Timestamp b) noexcept { return a.ns_ != b.ns_; }
  friend constexpr bool operator<(Timestamp a, Timestamp b) noexcept { return a.ns_ < b.ns_; }
  friend constexpr bool operator<=(Timestamp a, Timestamp b) noexcept { return a.ns_ <= b.ns_; }
  friend constexpr bool operator>(Timestamp a, Timestamp b) noexcept { return a.ns_ > b.ns_; }
  friend constexpr bool operator>=(Timestamp a, Timestamp b) noexcept { return a.ns_ >= b.ns_; }
#if defined(__cpp_lib_three_way_comparison)
  friend constexpr std::strong_ordering operator<=>(Timestamp a, Timestamp b) noexcept {
    return a == b ? std::strong_ordering::equal : a < b ? std::strong_ordering::less : std::strong_ordering::greater;
  }
#endif

 private:
  struct Raw {};
  constexpr Timestamp(std::int64_t ns, Raw) noexcept : ns_(ns) {}

  std::int64_t ns_ = 0;
};

namespace detail {

/// For each month from 1: the number of days before it, in a year that begins with March.
inline constexpr std::uint16_t days_before_month[13] = {0, 306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275};
/// For each month from 1: its number of days, without the leap day.
inline constexpr std::uint8_t days_of_month[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

/// Returns the days since 1970-01-01 of a date in the proleptic Gregorian calendar, for years from 0. March counts as
/// the first month, so that the leap day is the last day of its year. 400 years are added first, so that no
/// intermediate number is negative.
constexpr std::int64_t days_since_1970(std::uint32_t year, std::uint32_t month, std::uint32_t day) noexcept {
  const std::uint32_t y = year + 400 - (month > 2 ? 0 : 1);
  return std::int64_t{y * 365 + y / 4 - y / 100 + y / 400 + days_before_month[month] + day - 1} - (146097 + 719468);
}

struct Date {
  std::uint32_t year, month, day;
};

/// Returns the date of a day. `days` counts from 1600-03-01, which is 135080 days before 1970. After Neri and
/// Schneider, "Euclidean affine functions and their application to calendar algorithms" (2022). Centuries, years and
/// months are linear functions of the day. One product gives the quotient in its high bits and the remainder in its low
/// bits.
constexpr Date date_of_day(std::uint32_t days) noexcept {
  const std::uint32_t quarters = 4 * days + 3, century = quarters / 146097;
  const std::uint64_t years = std::uint64_t{2939745} * ((quarters - century * 146097) | 3);
  const std::uint32_t day_of_year = static_cast<std::uint32_t>(years) / 2939745 / 4;
  const std::uint32_t months = 2141 * day_of_year + 197913;
  const std::uint32_t next = day_of_year >= 306 ? 1 : 0;  // January and February count as months 13 and 14
  return {1600 + century * 100 + static_cast<std::uint32_t>(years >> 32) + next, (months >> 16) - next * 12,
          (months & 0xFFFF) / 2141 + 1};
}

constexpr std::uint32_t days_in_month(std::uint32_t year, std::uint32_t month) noexcept {
  return days_of_month[month] + (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 1u : 0u);
}

/// Returns eight characters as a little-endian word, on every platform. Compilers turn it into one load.
constexpr std::uint64_t eight_characters(const char* p) noexcept {
  const auto at = [p](unsigned i) { return std::uint64_t{static_cast<std::uint8_t>(p[i])} << (8 * i); };
  return at(0) | at(1) | at(2) | at(3) | at(4) | at(5) | at(6) | at(7);
}

/// A pattern for eight characters: a 0 matches any digit; any other character matches only itself.
class EightCharacters {
 public:
  explicit constexpr EightCharacters(const char* pattern) noexcept : pattern_(eight_characters(pattern)) {
    for (unsigned i = 0; i < 8; ++i) lift_ |= std::uint64_t{pattern[i] == '0' ? 0x80u - 10 : 0x80u - 1} << (8 * i);
  }

  /// Returns the values of the digits, each in its byte, and zeros elsewhere, if the characters match the pattern.
  constexpr std::uint64_t digits(const char* p) const noexcept { return eight_characters(p) ^ pattern_; }
  /// Returns a word in which the top bit of some byte is set if the characters did not match. Takes the result of
  /// `digits`. Adding `lift_` sets the top bit of every wrong value that does not have it already. A carry into the
  /// next byte does no harm: the byte that causes it had its top bit set itself.
  constexpr std::uint64_t misfits(std::uint64_t digits) const noexcept { return digits | (digits + lift_); }

  /// Writes the pattern with these digits: the inverse of `digits`.
  void write(std::uint64_t digits, char* p) const noexcept {
    const std::uint64_t word = digits | pattern_;
#if defined(_MSC_VER) || (defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
    std::memcpy(p, &word, sizeof(word));
#else
    for (unsigned i = 0; i < 8; ++i) p[i] = static_cast<char>(static_cast<std::uint8_t>(word >> (8 * i)));
#endif
  }

 private:
  std::uint64_t pattern_, lift_ = 0;
};

/// For each byte of a word of digits: the two-digit number that it forms with the next byte.
constexpr std::uint64_t twos_of(std::uint64_t digits) noexcept { return digits * 10 + (digits >> 8); }
constexpr std::uint32_t byte_of(std::uint64_t word, unsigned index) noexcept {
  return static_cast<std::uint32_t>(word >> (8 * index)) & 0xFF;
}

/// The inverse: the digits of three numbers below 100, each at its byte index and the next one.
template <unsigned i, unsigned j, unsigned k>
constexpr std::uint64_t three_twos(std::uint32_t a, std::uint32_t b, std::uint32_t c) noexcept {
  constexpr std::uint64_t fifteens =
      std::uint64_t{15} << (8 * i) | std::uint64_t{15} << (8 * j) | std::uint64_t{15} << (8 * k);
  const std::uint64_t twos = std::uint64_t{a} << (8 * i) | std::uint64_t{b} << (8 * j) | std::uint64_t{c} << (8 * k);
  const std::uint64_t tens = (twos * 103 >> 10) & fifteens;  // division by ten, exact for numbers up to 178
  return tens | (twos - tens * 10) << 8;
}

/// Returns the number that all eight digits form.
constexpr std::uint32_t eight_digits(std::uint64_t digits) noexcept {
  const std::uint64_t twos = (digits * 10 + (digits >> 8)) & 0x00FF00FF00FF00FF;
  const std::uint64_t fours = (twos * 100 + (twos >> 16)) & 0x0000FFFF0000FFFF;
  return static_cast<std::uint32_t>(fours * 10000 + (fours >> 32));
}

/// Reads a timestamp in the most common format: UTC, capital letters, and a year that lies completely in the range.
/// Returns false for every other string, valid or not; `read_timestamp` then reads it.
constexpr bool read_usual_timestamp(std::string_view text, Timestamp& at) noexcept {
  constexpr EightCharacters year_and_month("0000-00-"), day("00T00:00"), time_of_day("00:00:00"), decimals("00000000");
  const std::size_t size = text.size();
  if (size < 20 || size > 30 || text[size - 1] != 'Z') return false;
  const char* const p = text.data();
  // The second and third pattern overlap, so that each loads eight characters that exist.
  const std::uint64_t a = year_and_month.digits(p), b = day.digits(p + 8), c = time_of_day.digits(p + 11);
  std::uint64_t misfits = year_and_month.misfits(a) | day.misfits(b) | time_of_day.misfits(c);
  std::uint32_t fraction = 0;
  if (size != 20) {
    if (size == 21 || p[19] != '.') return false;
    // The last eight characters before the Z, without those that precede the fraction. Of nine digits, the first is
    // read separately.
    const std::uint64_t d = decimals.digits(p + size - 9) >> (size < 29 ? 8 * (29 - size) : 0);
    const std::uint32_t first = size == 30 ? std::uint32_t{static_cast<std::uint8_t>(p[20])} - '0' : 0;
    misfits |= decimals.misfits(d);
    if (first > 9) return false;
    fraction = size == 30 ? first * 100000000 + eight_digits(d) : eight_digits(d) * 10;
  }
  const std::uint64_t of_year = twos_of(a), of_time = twos_of(c);
  // Sets top bits in the same way for a month above 12, an hour above 23, and a minute or second above 59.
  misfits |= of_year + (std::uint64_t{127 - 12} << 40);
  misfits |= of_time + (std::uint64_t{127 - 23} | std::uint64_t{127 - 59} << 24 | std::uint64_t{127 - 59} << 48);
  const Date date{byte_of(of_year, 0) * 100 + byte_of(of_year, 2), byte_of(of_year, 5), byte_of(twos_of(b), 0)};
  if ((misfits & 0x8080808080808080) != 0 || date.year < 1678 || date.year > 2261) return false;
  // Month 0 has no days, so this also rejects month 0.
  if (date.day - 1 >= days_of_month[date.month] &&
      (date.month != 2 || date.day != 29 || days_in_month(date.year, 2) != 29)) {
    return false;
  }
  const std::uint32_t second_of_day = byte_of(of_time, 0) * 3600 + byte_of(of_time, 3) * 60 + byte_of(of_time, 6);
  const std::int64_t seconds = days_since_1970(date.year, date.month, date.day) * 86400 + std::int64_t{second_of_day};
  at = Timestamp::from_ns(seconds * 1000000000 + std::int64_t{fraction});
  return true;
}

/// Reads fixed-width fields from left to right, and stores the first error.
class TimestampReader {
 public:
  explicit constexpr TimestampReader(std::string_view text) noexcept : text_(text) {}

  /// Reads a number of exactly `width` digits, between `low` and `high`.
  constexpr std::int64_t number(std::size_t width, std::int64_t low, std::int64_t high) noexcept {
    std::int64_t value = 0;
    const std::size_t start = at_;
    for (std::size_t i = 0; i < width; ++i) {
      if (!digit())
        return fail(at_ < text_.size() ? ErrorCode::syntax : ErrorCode::truncated, at_,
                    "expected a digit of the timestamp");
      value = value * 10 + (text_[at_++] - '0');
    }
    if (value < low || value > high)
      return fail(ErrorCode::out_of_range, start, "month, day, hour, minute or second out of range");
    return value;
  }

  /// Reads one of the two given characters.
  constexpr void mark(char a, char b) noexcept {
    if (at_ == text_.size()) {
      fail(ErrorCode::truncated, at_, "the timestamp is truncated");
    } else if (text_[at_] != a && text_[at_] != b) {
      fail(ErrorCode::syntax, at_, "not an RFC 3339 timestamp");
    } else {
      ++at_;
    }
  }

  constexpr bool next_is(char c) const noexcept { return ok() && at_ < text_.size() && text_[at_] == c; }
  constexpr bool digit() const noexcept { return ok() && at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; }
  constexpr char take() noexcept { return text_[at_++]; }
  constexpr bool at_end() const noexcept { return at_ == text_.size(); }
  constexpr std::size_t offset() const noexcept { return at_; }
  constexpr bool ok() const noexcept { return !failed_; }
  constexpr const Error& error() const noexcept { return error_; }

  constexpr std::int64_t fail(ErrorCode code, std::size_t offset, const char* message) noexcept {
    if (!failed_) {
      failed_ = true;
      error_.code = code;
      error_.offset = offset;
      error_.message = message;
    }
    return 0;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  bool failed_ = false;
  Error error_;
};

inline constexpr std::size_t longest_timestamp = 30;  // 2019-01-07T13:17:42.375000001Z

/// Writes a timestamp into `out`, which has room for `longest_timestamp` characters. Returns the number of characters
/// written.
inline std::size_t write_timestamp(Timestamp at, char* out) noexcept {
  // Division truncates towards zero; before 1970, subtracting one second rounds towards the past instead.
  const std::int64_t cut = at.ns() % 1000000000;
  const auto fraction = static_cast<std::uint32_t>(cut < 0 ? cut + 1000000000 : cut);
  const auto since_1600 =
      static_cast<std::uint64_t>(at.ns() / 1000000000 - (cut < 0 ? 1 : 0) + std::int64_t{135080} * 86400);
  const auto days = static_cast<std::uint32_t>(since_1600 / 86400);
  const auto second_of_day = static_cast<std::uint32_t>(since_1600 - std::uint64_t{days} * 86400);
  const std::uint32_t minute_of_day = second_of_day / 60, hour = minute_of_day / 60;
  const Date date = date_of_day(days);
  constexpr EightCharacters year_and_month("0000-00-"), day_and_time("00T00:00"), thousandth(":00.000Z");
  const std::uint32_t century = date.year / 100;
  const std::uint32_t thousandths = fraction / 1000000, hundreds = fraction / 100000000;
  year_and_month.write(three_twos<0, 2, 5>(century, date.year - century * 100, date.month), out);
  day_and_time.write(three_twos<0, 3, 6>(date.day, hour, minute_of_day - hour * 60), out + 8);
  // The hundreds are a number whose first digit is always 0: that digit is at the position of the decimal point.
  thousandth.write(three_twos<1, 3, 5>(second_of_day - minute_of_day * 60, hundreds, thousandths - hundreds * 100),
                   out + 16);
  if (fraction == thousandths * 1000000) return 24;
  const auto put = [out](std::uint32_t value, std::size_t from) {
    out[from] = static_cast<char>('0' + value / 100);
    out[from + 1] = static_cast<char>('0' + value / 10 % 10);
    out[from + 2] = static_cast<char>('0' + value % 10);
    out[from + 3] = 'Z';
  };
  const std::uint32_t rest = fraction - thousandths * 1000000;
  put(rest / 1000, 23);
  if (rest % 1000 == 0) return 27;
  put(rest % 1000, 26);
  return 30;
}

/// A point in time in any year that RFC 3339 can represent.
struct Moment {
  std::int64_t second = 0;      // since 1970
  std::int64_t nanosecond = 0;  // within that second

  friend constexpr bool operator==(const Moment& a, const Moment& b) noexcept {
    return a.second == b.second && a.nanosecond == b.nanosecond;
  }
  friend constexpr bool operator!=(const Moment& a, const Moment& b) noexcept { return !(a == b); }
  friend constexpr bool operator<(const Moment& a, const Moment& b) noexcept {
    return a.second != b.second ? a.second < b.second : a.nanosecond < b.nanosecond;
  }
};

/// Reads the whole string as RFC 3339. Sets `year` to the year as written, before the offset is applied.
inline Moment read_moment(TimestampReader& in, std::int64_t& year) {
  year = in.number(4, 0, 9999);
  in.mark('-', '-');
  const std::int64_t month = in.number(2, 1, 12);
  in.mark('-', '-');
  const std::size_t day_offset = in.offset();
  const std::int64_t day = in.number(2, 1, 31);
  in.mark('T', 't');
  const std::int64_t hour = in.number(2, 0, 23);
  in.mark(':', ':');
  const std::int64_t minute = in.number(2, 0, 59);
  in.mark(':', ':');
  const std::size_t second_offset = in.offset();
  const std::int64_t second = in.number(2, 0, 60);
  std::int64_t fraction = 0;
  if (in.next_is('.')) {
    in.take();
    if (!in.digit())
      in.fail(in.at_end() ? ErrorCode::truncated : ErrorCode::syntax, in.offset(), "expected a digit of the fraction");
    std::int64_t weight = 100000000;
    for (; in.digit(); weight /= 10) {
      if (weight == 0) {
        in.fail(ErrorCode::out_of_range, in.offset(), "the fraction has more than nine digits");
        break;
      }
      fraction += weight * (in.take() - '0');
    }
  }
  std::int64_t offset_seconds = 0;
  if (in.next_is('+') || in.next_is('-')) {
    const std::int64_t sign = in.take() == '-' ? -1 : 1;
    const std::int64_t hours = in.number(2, 0, 23);
    in.mark(':', ':');
    offset_seconds = sign * (hours * 3600 + in.number(2, 0, 59) * 60);
  } else if (in.ok()) {
    in.mark('Z', 'z');
  }
  if (in.ok() && !in.at_end())
    in.fail(ErrorCode::trailing_bytes, in.offset(), "unexpected characters after the timestamp");
  const Date date{static_cast<std::uint32_t>(year), static_cast<std::uint32_t>(month), static_cast<std::uint32_t>(day)};
  if (in.ok() && date.day > days_in_month(date.year, date.month))
    in.fail(ErrorCode::out_of_range, day_offset, "the day does not exist in the month");
  if (!in.ok()) return {};

  const std::int64_t seconds =
      days_since_1970(date.year, date.month, date.day) * 86400 + hour * 3600 + minute * 60 + second - offset_seconds;
  if (second == 60 && floor_divide(seconds, 86400) * 86400 != seconds)
    in.fail(ErrorCode::out_of_range, second_offset, "a leap second is only valid at the end of a day");
  return Moment{seconds, fraction};
}

/// Reads any RFC 3339 timestamp, or returns the error.
inline Result<Timestamp> read_timestamp(std::string_view rfc3339) {
  TimestampReader in(rfc3339);
  std::int64_t year = 0;
  const Moment moment = read_moment(in, year);
  if (!in.ok()) return in.error();
  const std::int64_t seconds = moment.second, fraction = moment.nanosecond;
  if (year == 1) return Error{ErrorCode::unset, 0, "the year 1 means that there is no timestamp"};
  // The whole seconds of the lower end are rounded down, and its fraction counts upwards from there.
  constexpr std::int64_t first_second = -9223372037, last_second = 9223372036;
  const bool too_low = seconds < first_second || (seconds == first_second && fraction <= 145224192);
  const bool too_high = seconds > last_second || (seconds == last_second && fraction >= 854775807);
  if (too_low || too_high) return Error{ErrorCode::out_of_range, 0, "the timestamp is outside the years 1677 to 2262"};
  const std::int64_t ns =
      seconds < 0 ? (seconds + 1) * 1000000000 + (fraction - 1000000000) : seconds * 1000000000 + fraction;
  return Timestamp::from_ns(ns);
}

}  // namespace detail

/// Parses an RFC 3339 timestamp such as `2019-01-07T13:17:42.375Z`. Accepts 0 to 9 fraction digits, `Z` or an offset
/// such as `+01:30`, and `t` and `z` in either case. A leap second (`23:59:60Z`) is read as the second after it.
///
/// Errors, with their offset: `syntax`, `truncated`, `trailing_bytes`, `out_of_range` (no such day or time, or outside
/// 1677 to 2262), and `unset` for any timestamp in the year 1, which services use for "never". O(1).
inline Result<Timestamp> parse_timestamp(std::string_view rfc3339) {
  Timestamp at;
  if (detail::read_usual_timestamp(rfc3339, at)) return at;
  return detail::read_timestamp(rfc3339);
}

/// Appends a timestamp in RFC 3339 format, such as `2019-01-07T13:17:42.375Z`. Always UTC, with 3, 6 or 9 fraction
/// digits: the fewest that represent the timestamp exactly.
inline void append_string(std::string& out, Timestamp at) {
  char text[detail::longest_timestamp];
  out.append(text, detail::write_timestamp(at, text));
}

/// Returns the string that `append_string` appends.
inline std::string to_string(Timestamp at) {
  char text[detail::longest_timestamp];
  return std::string(text, detail::write_timestamp(at, text));
}

namespace detail {

inline constexpr std::size_t longest_duration = 22;  // -9223372036.854775808s

/// Writes a duration into `out`, which has room for `longest_duration` characters. Returns the number of characters
/// written.
inline std::size_t write_duration(Duration duration, char* out) noexcept {
  const bool is_negative = duration.ns() < 0;
  // The magnitude of INT64_MIN fits into the unsigned type only.
  const std::uint64_t ns = is_negative ? 0 - static_cast<std::uint64_t>(duration.ns())  //
                                       : static_cast<std::uint64_t>(duration.ns());
  const unsigned decimals = ns == 0 || ns >= 1000000000 ? 9 : ns >= 1000000 ? 6 : ns >= 1000 ? 3 : 0;
  constexpr const char* units[] = {"sn", "su", "sm", "s"};  // backwards, as all of it is written

  char reversed[longest_duration];
  std::size_t size = 0;
  for (const char* c = units[decimals / 3]; *c != 0; ++c) reversed[size++] = *c;
  std::uint64_t rest = ns;
  bool is_fraction_empty = true;
  for (unsigned i = 0; i < decimals; ++i, rest /= 10) {
    const auto digit = static_cast<char>(rest % 10);
    if (is_fraction_empty && digit == 0) continue;
    is_fraction_empty = false;
    reversed[size++] = static_cast<char>('0' + digit);
  }
  if (!is_fraction_empty) reversed[size++] = '.';
  do {
    reversed[size++] = static_cast<char>('0' + static_cast<char>(rest % 10));
    rest /= 10;
  } while (rest != 0);
  if (is_negative) reversed[size++] = '-';
  for (std::size_t i = 0; i < size; ++i) out[i] = reversed[size - 1 - i];
  return size;
}

}  // namespace detail

/// Appends a duration as a decimal number and a unit, such as `1.5s`, `250ms`, `-40s`, `0s`. Every nanosecond is kept.
///
/// The unit is the largest of `s`, `ms`, `us` and `ns` in which the number is at least 1; zero is `0s`. The fraction
/// has no trailing zeros. The text does not depend on the locale.
inline void append_string(std::string& out, Duration duration) {
  char text[detail::longest_duration];
  out.append(text, detail::write_duration(duration, text));
}

/// Returns the string that `append_string` appends.
inline std::string to_string(Duration duration) {
  char text[detail::longest_duration];
  return std::string(text, detail::write_duration(duration, text));
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_TIME_HPP
