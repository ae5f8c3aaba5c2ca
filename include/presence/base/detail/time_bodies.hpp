// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_TIME_BODIES_HPP
#define PRESENCE_BASE_DETAIL_TIME_BODIES_HPP

#include <presence/base/result.hpp>
#include <presence/base/time.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, uint8_t, uint16_t, uint32_t, uint64_t
#include <cstring>      // for memcpy
#include <string>       // for string
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {
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

PRESENCE_DETAIL_BODY bool read_usual_timestamp(std::string_view text, Timestamp& at) noexcept {
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

PRESENCE_DETAIL_BODY std::size_t write_timestamp(Timestamp at, char* out) noexcept {
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

PRESENCE_DETAIL_BODY bool read_moment(std::string_view text, Moment& moment) noexcept {
  if (!may_be_moment(text)) return false;
  Timestamp at;
  if (read_usual_timestamp(text, at)) {
    moment = moment_of(at);
    return true;
  }
  TimestampReader in(text);
  std::int64_t year = 0;
  moment = read_moment(in, year);
  return in.ok();
}

PRESENCE_DETAIL_BODY Result<Timestamp> read_timestamp(std::string_view rfc3339) {
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

PRESENCE_DETAIL_BODY Result<Timestamp> parse_timestamp(std::string_view rfc3339) {
  Timestamp at;
  if (detail::read_usual_timestamp(rfc3339, at)) return at;
  return detail::read_timestamp(rfc3339);
}

PRESENCE_DETAIL_BODY void append_string(std::string& out, Timestamp at) {
  char text[detail::longest_timestamp];
  out.append(text, detail::write_timestamp(at, text));
}

PRESENCE_DETAIL_BODY std::string to_string(Timestamp at) {
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

PRESENCE_DETAIL_BODY void append_string(std::string& out, Duration duration) {
  char text[detail::longest_duration];
  out.append(text, detail::write_duration(duration, text));
}

PRESENCE_DETAIL_BODY std::string to_string(Duration duration) {
  char text[detail::longest_duration];
  return std::string(text, detail::write_duration(duration, text));
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_DETAIL_TIME_BODIES_HPP
