// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TIME_HPP
#define PRESENCE_TIME_HPP

#include <presence/result.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, INT64_MAX, INT64_MIN
#include <string>       // for string
#include <string_view>  // for string_view
#include <type_traits>  // for enable_if, is_floating_point, void_t
#include <utility>      // for declval

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
  // Compared by magnitude: the one product that overflows without a zero divisor, INT64_MIN * -1, is caught here too.
  const std::uint64_t limit =
      negative ? static_cast<std::uint64_t>(INT64_MAX) + 1 : static_cast<std::uint64_t>(INT64_MAX);
  const std::uint64_t x = a < 0 ? 0 - static_cast<std::uint64_t>(a) : static_cast<std::uint64_t>(a);
  const std::uint64_t y = b < 0 ? 0 - static_cast<std::uint64_t>(b) : static_cast<std::uint64_t>(b);
  if (x > limit / y) return negative ? INT64_MIN : INT64_MAX;
  return negative ? static_cast<std::int64_t>(0 - x * y) : static_cast<std::int64_t>(x * y);
}

/// The greatest multiple of `step` (> 0) that is not later than `value`, and not lower than `lowest`.
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

// std::chrono is recognised by its shape: including <chrono> costs half a second a file in C++20.
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
    // An unsigned count may be greater than any signed one.
    if (duration.count() > 0 && static_cast<std::uint64_t>(duration.count()) > static_cast<std::uint64_t>(INT64_MAX)) {
      return INT64_MAX;
    }
    const auto count = static_cast<std::int64_t>(duration.count());
    return saturating_add(saturating_multiply(count / den, num), count % den * num / den);
  }
}

}  // namespace detail

/// A length of time: a signed 64-bit number of nanoseconds. Arithmetic saturates at both ends instead of overflowing.
/// Converts from any std::chrono duration, without <chrono> being included here; floating ones are cut to whole
/// nanoseconds and NaN reads as zero.
class Duration {
 public:
  constexpr Duration() noexcept = default;
  template <class D, class = std::enable_if_t<detail::IsChronoDuration<D>::value>>
  constexpr Duration(const D& duration) noexcept : ns_(detail::chrono_to_ns(duration)) {}

  static constexpr Duration from_s(std::int64_t s) noexcept {
    return Duration(detail::saturating_multiply(s, 1000000000), Raw{});
  }
  static constexpr Duration from_ms(std::int64_t ms) noexcept {
    return Duration(detail::saturating_multiply(ms, 1000000), Raw{});
  }
  static constexpr Duration from_ns(std::int64_t ns) noexcept { return Duration(ns, Raw{}); }
  /// Longer than any two instants are apart: added to an instant or taken from it, it gives the end of the range.
  static constexpr Duration forever() noexcept { return from_ns(INT64_MAX); }

  constexpr std::int64_t s() const noexcept { return ns_ / 1000000000; }  ///< whole seconds, cut towards zero
  constexpr std::int64_t ms() const noexcept { return ns_ / 1000000; }    ///< whole milliseconds, cut towards zero
  constexpr std::int64_t ns() const noexcept { return ns_; }

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

  friend constexpr bool operator==(Duration a, Duration b) noexcept { return a.ns_ == b.ns_; }
  friend constexpr bool operator!=(Duration a, Duration b) noexcept { return a.ns_ != b.ns_; }
  friend constexpr bool operator<(Duration a, Duration b) noexcept { return a.ns_ < b.ns_; }
  friend constexpr bool operator<=(Duration a, Duration b) noexcept { return a.ns_ <= b.ns_; }
  friend constexpr bool operator>(Duration a, Duration b) noexcept { return a.ns_ > b.ns_; }
  friend constexpr bool operator>=(Duration a, Duration b) noexcept { return a.ns_ >= b.ns_; }

 private:
  struct Raw {};
  constexpr Duration(std::int64_t ns, Raw) noexcept : ns_(ns) {}

  std::int64_t ns_ = 0;
};

/// An instant: a signed 64-bit number of nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted. Reaches from
/// 1677 to 2262. Arithmetic saturates. Converts from std::chrono::system_clock time points; those of other clocks,
/// which have no calendar, are refused.
class Timestamp {
 public:
  constexpr Timestamp() noexcept = default;
  template <class P, class = std::enable_if_t<detail::IsSystemTimePoint<P>::value>>
  constexpr Timestamp(const P& point) noexcept : ns_(detail::chrono_to_ns(point.time_since_epoch())) {}

  static constexpr Timestamp from_ms(std::int64_t ms) noexcept {
    return Timestamp(detail::saturating_multiply(ms, 1000000), Raw{});
  }
  static constexpr Timestamp from_ns(std::int64_t ns) noexcept { return Timestamp(ns, Raw{}); }
  /// The two ends, where arithmetic saturates. They are no instants: an event that carries one is refused as invalid.
  static constexpr Timestamp lowest() noexcept { return from_ns(INT64_MIN); }
  static constexpr Timestamp highest() noexcept { return from_ns(INT64_MAX); }

  constexpr std::int64_t ms() const noexcept {
    return detail::floor_divide(ns_, 1000000);
  }  ///< whole milliseconds, cut towards the past
  constexpr std::int64_t ns() const noexcept { return ns_; }

  friend constexpr Timestamp operator+(Timestamp a, Duration b) noexcept {
    return b == Duration::forever() ? highest() : from_ns(detail::saturating_add(a.ns_, b.ns()));
  }
  friend constexpr Timestamp operator+(Duration b, Timestamp a) noexcept { return a + b; }
  friend constexpr Timestamp operator-(Timestamp a, Duration b) noexcept {
    return b == Duration::forever() ? lowest() : from_ns(detail::saturating_subtract(a.ns_, b.ns()));
  }
  friend constexpr Duration operator-(Timestamp a, Timestamp b) noexcept {
    return Duration::from_ns(detail::saturating_subtract(a.ns_, b.ns_));
  }
  constexpr Timestamp& operator+=(Duration b) noexcept { return *this = *this + b; }
  constexpr Timestamp& operator-=(Duration b) noexcept { return *this = *this - b; }

  friend constexpr bool operator==(Timestamp a, Timestamp b) noexcept { return a.ns_ == b.ns_; }
  friend constexpr bool operator!=(Timestamp a, Timestamp b) noexcept { return a.ns_ != b.ns_; }
  friend constexpr bool operator<(Timestamp a, Timestamp b) noexcept { return a.ns_ < b.ns_; }
  friend constexpr bool operator<=(Timestamp a, Timestamp b) noexcept { return a.ns_ <= b.ns_; }
  friend constexpr bool operator>(Timestamp a, Timestamp b) noexcept { return a.ns_ > b.ns_; }
  friend constexpr bool operator>=(Timestamp a, Timestamp b) noexcept { return a.ns_ >= b.ns_; }

 private:
  struct Raw {};
  constexpr Timestamp(std::int64_t ns, Raw) noexcept : ns_(ns) {}

  std::int64_t ns_ = 0;
};

namespace detail {

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar. March is counted as the first month, so that
/// the day that a leap year adds is the last of its year.
constexpr std::int64_t days_since_1970(std::int64_t year, std::int64_t month, std::int64_t day) noexcept {
  const std::int64_t y = month > 2 ? year : year - 1;
  const std::int64_t era = floor_divide(y, 400);
  const std::int64_t year_of_era = y - era * 400;
  const std::int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

struct Date {
  std::int64_t year, month, day;
};

constexpr Date date_of_day(std::int64_t days) noexcept {
  const std::int64_t shifted = days + 719468;
  const std::int64_t era = floor_divide(shifted, 146097);
  const std::int64_t day_of_era = shifted - era * 146097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const std::int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day_of_year - (153 * shifted_month + 2) / 5 + 1};
}

constexpr std::int64_t days_in_month(std::int64_t year, std::int64_t month) noexcept {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/// Reads fixed-width fields from left to right, and remembers the first place that did not fit.
class InstantReader {
 public:
  explicit constexpr InstantReader(std::string_view text) noexcept : text_(text) {}

  /// A number of exactly `width` digits, between `low` and `high`.
  constexpr std::int64_t number(std::size_t width, std::int64_t low, std::int64_t high) noexcept {
    std::int64_t value = 0;
    const std::size_t start = at_;
    for (std::size_t i = 0; i < width; ++i) {
      if (!digit())
        return fail(at_ < text_.size() ? ErrorCode::syntax : ErrorCode::truncated, at_, "an instant has a digit here");
      value = value * 10 + (text_[at_++] - '0');
    }
    if (value < low || value > high)
      return fail(ErrorCode::out_of_range, start, "no such month, day, hour, minute or second");
    return value;
  }

  /// One of the two given characters.
  constexpr void mark(char a, char b) noexcept {
    if (at_ == text_.size()) {
      fail(ErrorCode::truncated, at_, "the text ends inside an instant");
    } else if (text_[at_] != a && text_[at_] != b) {
      fail(ErrorCode::syntax, at_, "not an instant as RFC 3339 writes it");
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

inline constexpr std::size_t longest_instant = 30;  // 2019-01-07T13:17:42.375000001Z

/// Writes into `out`, which has room for `longest_instant`, and returns how many characters it wrote.
inline std::size_t write_instant(Timestamp at, char* out) noexcept {
  const std::int64_t seconds = floor_divide(at.ns(), 1000000000);
  const std::int64_t days = floor_divide(seconds, 86400);
  const std::int64_t second_of_day = seconds - days * 86400;
  // Not at.ns() - seconds * 1e9: at the lower end that product is out of range.
  const std::int64_t rest = at.ns() % 1000000000, fraction = rest < 0 ? rest + 1000000000 : rest;
  const Date date = date_of_day(days);
  char* p = out;
  const auto put = [&p](std::int64_t value, int width) {
    for (int i = width - 1; i >= 0; --i, value /= 10) p[i] = static_cast<char>('0' + value % 10);
    p += width;
  };
  put(date.year, 4);
  *p++ = '-';
  put(date.month, 2);
  *p++ = '-';
  put(date.day, 2);
  *p++ = 'T';
  put(second_of_day / 3600, 2);
  *p++ = ':';
  put(second_of_day / 60 % 60, 2);
  *p++ = ':';
  put(second_of_day % 60, 2);
  *p++ = '.';
  if (fraction % 1000000 == 0) {
    put(fraction / 1000000, 3);
  } else if (fraction % 1000 == 0) {
    put(fraction / 1000, 6);
  } else {
    put(fraction, 9);
  }
  *p++ = 'Z';
  return static_cast<std::size_t>(p - out);
}

}  // namespace detail

/// Reads an instant as RFC 3339 writes it: `2019-01-07T13:17:42.375Z`, with 0 to 9 digits of fraction, `Z` or an offset
/// such as `+01:30`, `t` and `z` in either case. A leap second (`23:59:60Z`) reads as the second after it. Errors, with
/// their offset: `syntax`, `truncated`, `trailing_bytes`, `out_of_range` (no such day or time, or outside 1677 to
/// 2262), and `unset` for any instant of the year 1, which services write where they mean "never". Takes constant time.
inline Result<Timestamp> parse_timestamp(std::string_view rfc3339) {
  detail::InstantReader in(rfc3339);
  const std::int64_t year = in.number(4, 0, 9999);
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
      in.fail(in.at_end() ? ErrorCode::truncated : ErrorCode::syntax, in.offset(), "a fraction has a digit here");
    std::int64_t weight = 100000000;
    for (; in.digit(); weight /= 10) {
      if (weight == 0) {
        in.fail(ErrorCode::out_of_range, in.offset(), "a fraction has at most nine digits");
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
  if (in.ok() && !in.at_end()) in.fail(ErrorCode::trailing_bytes, in.offset(), "something follows the instant");
  if (in.ok() && day > detail::days_in_month(year, month))
    in.fail(ErrorCode::out_of_range, day_offset, "the month has no such day");
  if (!in.ok()) return in.error();

  const std::int64_t seconds =
      detail::days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset_seconds;
  if (second == 60 && detail::floor_divide(seconds, 86400) * 86400 != seconds) {
    return Error{ErrorCode::out_of_range, second_offset, "a leap second ends a day"};
  }
  if (year == 1) return Error{ErrorCode::unset, 0, "an instant in the year 1 stands for none"};
  // The lower end is one second further away than its whole seconds: its fraction counts upwards from there.
  constexpr std::int64_t first_second = -9223372037, last_second = 9223372036;
  const bool too_low = seconds < first_second || (seconds == first_second && fraction <= 145224192);
  const bool too_high = seconds > last_second || (seconds == last_second && fraction >= 854775807);
  if (too_low || too_high) return Error{ErrorCode::out_of_range, 0, "an instant lies between the years 1677 and 2262"};
  const std::int64_t ns =
      seconds < 0 ? (seconds + 1) * 1000000000 + (fraction - 1000000000) : seconds * 1000000000 + fraction;
  return Timestamp::from_ns(ns);
}

/// `2019-01-07T13:17:42.375Z`: always UTC, with 3, 6 or 9 digits of fraction, the fewest that read back as the same
/// instant.
inline std::string to_string(Timestamp at) {
  char text[detail::longest_instant];
  return std::string(text, detail::write_instant(at, text));
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_TIME_HPP
