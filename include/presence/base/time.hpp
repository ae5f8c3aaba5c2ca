// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_TIME_HPP
#define PRESENCE_BASE_TIME_HPP

#include <presence/base/result.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, uint64_t, INT64_MAX, INT64_MIN
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

constexpr Moment moment_of(Timestamp at) noexcept {
  const std::int64_t rest = at.ns() % 1000000000;
  return rest < 0 ? Moment{at.ns() / 1000000000 - 1, rest + 1000000000} : Moment{at.ns() / 1000000000, rest};
}

/// Returns false if the string is certainly not an RFC 3339 timestamp. This rejects most other strings without parsing.
constexpr bool may_be_moment(std::string_view text) noexcept {
  return text.size() >= 20 && text.size() <= 35 && text[4] == '-' && (text[10] == 'T' || text[10] == 't');
}

/// Reads an RFC 3339 timestamp of any year. Returns false for any other string.
bool read_moment(std::string_view text, Moment& moment) noexcept;

/// Reads a timestamp in the most common format: UTC, capital letters, and a year that lies completely in the range.
/// Returns false for every other string, valid or not; `read_timestamp` then reads it.
bool read_usual_timestamp(std::string_view text, Timestamp& at) noexcept;
/// Reads any RFC 3339 timestamp, or returns the error.
Result<Timestamp> read_timestamp(std::string_view rfc3339);

inline constexpr std::size_t longest_timestamp = 30;  // 2019-01-07T13:17:42.375000001Z

/// Writes a timestamp into `out`, which has room for `longest_timestamp` characters. Returns the number of characters
/// written.
std::size_t write_timestamp(Timestamp at, char* out) noexcept;

}  // namespace detail

/// Parses an RFC 3339 timestamp such as `2019-01-07T13:17:42.375Z`. Accepts 0 to 9 fraction digits, `Z` or an offset
/// such as `+01:30`, and `t` and `z` in either case. A leap second (`23:59:60Z`) is read as the second after it.
///
/// Errors, with their offset: `syntax`, `truncated`, `trailing_bytes`, `out_of_range` (no such day or time, or outside
/// 1677 to 2262), and `unset` for any timestamp in the year 1, which services use for "never". O(1).
Result<Timestamp> parse_timestamp(std::string_view rfc3339);

/// Appends a timestamp in RFC 3339 format, such as `2019-01-07T13:17:42.375Z`. Always UTC, with 3, 6 or 9 fraction
/// digits: the fewest that represent the timestamp exactly.
void append_string(std::string& out, Timestamp at);

/// Returns the string that `append_string` appends.
std::string to_string(Timestamp at);

/// Appends a duration as a decimal number and a unit, such as `1.5s`, `250ms`, `-40s`, `0s`. Every nanosecond is kept.
///
/// The unit is the largest of `s`, `ms`, `us` and `ns` in which the number is at least 1; zero is `0s`. The fraction
/// has no trailing zeros. The text does not depend on the locale.
void append_string(std::string& out, Duration duration);

/// Returns the string that `append_string` appends.
std::string to_string(Duration duration);

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/base/detail/time_bodies.hpp>
#endif

#endif  // PRESENCE_BASE_TIME_HPP
