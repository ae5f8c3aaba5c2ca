// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <presence/base/time.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>

using presence::Duration;
using presence::Timestamp;

namespace {

constexpr std::int64_t lowest = INT64_MIN, highest = INT64_MAX;

constexpr Duration ns(std::int64_t n) { return Duration::from_ns(n); }

using Frames = std::chrono::duration<std::int64_t, std::ratio<1, 60>>;
using SystemMs = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

}  // namespace

static_assert(!std::is_constructible<Timestamp, std::chrono::steady_clock::time_point>::value, "has no calendar");
static_assert(std::is_convertible<std::chrono::system_clock::time_point, Timestamp>::value, "has one");
static_assert(std::is_convertible<SystemMs, Timestamp>::value, "in any unit");
static_assert(std::is_convertible<std::chrono::seconds, Duration>::value, "durations convert");
static_assert(!std::is_constructible<Duration, std::chrono::system_clock::time_point>::value,
              "a timestamp is no length");
static_assert(!std::is_constructible<Timestamp, std::chrono::seconds>::value, "a length is no timestamp");
static_assert(!std::is_constructible<Duration, int>::value && !std::is_constructible<Timestamp, std::int64_t>::value,
              "a bare number has no unit");
static_assert(!std::is_convertible<Duration, Timestamp>::value && !std::is_convertible<Timestamp, Duration>::value,
              "nor are they each other");
static_assert(Duration(std::chrono::minutes(2)) == Duration::from_s(120), "at compile time too");

TEST_CASE("a default duration is zero, and from_s, from_ms and from_ns convert to nanoseconds") {
  CHECK(Duration().ns() == 0);
  CHECK(Duration::from_s(-3).ns() == -3000000000);
  CHECK(Duration::from_ms(1500).ns() == 1500000000);
  CHECK(Duration::from_ns(7).ns() == 7);
  CHECK(Duration::highest().ns() == highest);
}

TEST_CASE("s() and ms() of a duration round towards zero") {
  CHECK(ns(1999999999).s() == 1);
  CHECK(ns(-1999999999).s() == -1);
  CHECK(ns(1999999).ms() == 1);
  CHECK(ns(-1999999).ms() == -1);
}

TEST_CASE("ms() of a timestamp rounds down") {
  CHECK(Timestamp::from_ns(1999999).ms() == 1);
  CHECK(Timestamp::from_ns(-1).ms() == -1);
  CHECK(Timestamp::from_ns(-1000000).ms() == -1);
  CHECK(Timestamp::from_ns(-1000001).ms() == -2);
  CHECK(Timestamp::lowest().ms() == -9223372036855);
}

TEST_CASE("unit conversions that overflow saturate") {
  CHECK(Duration::from_s(highest).ns() == highest);
  CHECK(Duration::from_s(lowest).ns() == lowest);
  CHECK(Duration::from_s(9223372036).ns() == 9223372036000000000);
  CHECK(Duration::from_s(9223372037).ns() == highest);
  CHECK(Duration::from_s(-9223372036).ns() == -9223372036000000000);
  CHECK(Duration::from_s(-9223372037).ns() == lowest);
  CHECK(Duration::from_ms(highest).ns() == highest);
  CHECK(Duration::from_ms(-9223372036855).ns() == lowest);
  CHECK(Timestamp::from_ms(9223372036855) == Timestamp::highest());
  CHECK(Timestamp::from_ms(-9223372036855) == Timestamp::lowest());
  CHECK(Timestamp::from_ms(9223372036854).ns() == 9223372036854000000);
}

TEST_CASE("sums and differences of durations saturate at both ends") {
  CHECK((ns(highest - 1) + ns(1)).ns() == highest);
  CHECK((ns(highest) + ns(1)).ns() == highest);
  CHECK((ns(lowest + 1) + ns(-1)).ns() == lowest);
  CHECK((ns(lowest) + ns(-1)).ns() == lowest);
  CHECK((ns(lowest) + ns(highest)).ns() == -1);
  CHECK((ns(lowest) - ns(1)).ns() == lowest);
  CHECK((ns(highest) - ns(-1)).ns() == highest);
  CHECK((ns(0) - ns(lowest)).ns() == highest);
  CHECK((ns(-1) - ns(lowest)).ns() == highest);
  CHECK((-ns(lowest)).ns() == highest);
  CHECK((-ns(highest)).ns() == -highest);
  CHECK((ns(5) - ns(7)).ns() == -2);
}

TEST_CASE("products of durations saturate at both ends") {
  CHECK((ns(3) * -4).ns() == -12);
  CHECK((-4 * ns(-3)).ns() == 12);
  CHECK((ns(lowest) * -1).ns() == highest);
  CHECK((ns(-1) * lowest).ns() == highest);
  CHECK((ns(lowest) * 1).ns() == lowest);
  CHECK((ns(lowest / 2) * 2).ns() == lowest);
  CHECK((ns(lowest / 2 - 1) * 2).ns() == lowest);
  CHECK((ns(highest / 2 + 1) * 2).ns() == highest);
  CHECK((ns(highest / 2) * 2).ns() == highest - 1);
  CHECK((ns(highest) * lowest).ns() == lowest);
  CHECK((ns(lowest) * 0).ns() == 0);
  CHECK((ns(0) * lowest).ns() == 0);
}

TEST_CASE("a duration divided by a number is truncated towards zero") {
  CHECK((ns(7) / 2).ns() == 3);
  CHECK((ns(-7) / 2).ns() == -3);
  CHECK((ns(7) / -2).ns() == -3);
  CHECK((ns(0) / 5).ns() == 0);
  CHECK((ns(lowest) / 1).ns() == lowest);
  CHECK((ns(highest) / highest).ns() == 1);
  Duration half = Duration::from_s(3);
  half /= 2;
  CHECK(half == Duration::from_ms(1500));
  half *= -2;
  CHECK(half == Duration::from_s(-3));
}

TEST_CASE("a duration divided by a duration is how many times the one fits into the other") {
  CHECK(Duration::from_s(90) / Duration::from_s(40) == 2);
  CHECK(Duration::from_s(-90) / Duration::from_s(40) == -2);
  CHECK(ns(39) / ns(40) == 0);
  CHECK(ns(lowest) / ns(lowest) == 1);
  static_assert(std::is_same<decltype(ns(1) / ns(1)), std::int64_t>::value, "a number, not a length");
}

TEST_CASE("divisions by zero and of the lowest duration by -1 saturate") {
  CHECK((ns(7) / 0).ns() == highest);
  CHECK((ns(-7) / 0).ns() == lowest);
  CHECK((ns(0) / 0).ns() == 0);
  CHECK((ns(lowest) / -1).ns() == highest);
  CHECK((ns(5) / -1).ns() == -5);
  CHECK(ns(1) / Duration() == highest);
  CHECK(ns(-1) / Duration() == lowest);
  CHECK(Duration() / Duration() == 0);
  CHECK(ns(lowest) / ns(-1) == highest);
  static_assert((Duration::from_s(1) / 0).ns() == INT64_MAX, "at compile time too");
}

TEST_CASE("from_s of a timestamp counts from 1970 and saturates, and s() rounds down") {
  CHECK(Timestamp::from_s(1546867062) == Timestamp::from_ms(1546867062000));
  CHECK(Timestamp::from_s(-1).ns() == -1000000000);
  CHECK(Timestamp::from_s(9223372037) == Timestamp::highest());
  CHECK(Timestamp::from_s(-9223372037) == Timestamp::lowest());
  CHECK(Timestamp::from_s(9223372036).ns() == 9223372036000000000);
  CHECK(Timestamp::from_ms(1999).s() == 1);
  CHECK(Timestamp::from_ns(-1).s() == -1);
  CHECK(Timestamp::from_s(-7).s() == -7);
  CHECK(Timestamp::lowest().s() == -9223372037);
}

#if defined(__cpp_lib_three_way_comparison)
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wzero-as-null-pointer-constant"  // of what clang++ itself makes of "= default"
#endif
TEST_CASE("<=> orders timestamps and durations, and those of a host that contain them") {
  struct Hosts {
    Timestamp at;
    Duration length;
    auto operator<=>(const Hosts&) const = default;
  };
  const Hosts first{Timestamp::from_s(1), Duration::from_s(9)}, second{Timestamp::from_s(2), Duration::from_s(-1)};
  constexpr std::compare_three_way order;
  CHECK(first < second);
  CHECK(order(first, second) == std::strong_ordering::less);
  CHECK(order(Timestamp::from_s(2), Timestamp::from_s(1)) == std::strong_ordering::greater);
  CHECK(order(Duration::from_s(-2), Duration::from_s(1)) == std::strong_ordering::less);
  CHECK(order(Duration::from_s(3), Duration::from_s(3)) == std::strong_ordering::equal);
}
#if defined(__clang__)
#pragma clang diagnostic pop
#endif
#endif

TEST_CASE("durations support += and -= and compare by length") {
  Duration sum = ns(5);
  sum += ns(7);
  CHECK(sum.ns() == 12);
  sum -= ns(20);
  CHECK(sum.ns() == -8);
  CHECK(ns(1) < ns(2));
  CHECK(ns(1) <= ns(1));
  CHECK(ns(2) > ns(-2));
  CHECK(ns(2) >= ns(2));
  CHECK(ns(2) == ns(2));
  CHECK(ns(2) != ns(3));
  CHECK_FALSE(ns(2) < ns(2));
  CHECK_FALSE(ns(2) > ns(2));
}

TEST_CASE("adding and subtracting durations and subtracting timestamps saturate at both ends") {
  const Timestamp at = Timestamp::from_ns(100);
  CHECK((at + ns(5)).ns() == 105);
  CHECK((ns(5) + at).ns() == 105);
  CHECK((at - ns(205)).ns() == -105);
  CHECK((at - Timestamp::from_ns(30)).ns() == 70);
  CHECK(at + Duration::highest() == Timestamp::highest());
  CHECK(Timestamp::from_ns(-100) - Duration::highest() == Timestamp::lowest());
  CHECK((Timestamp::highest() - Timestamp::lowest()) == Duration::highest());
  CHECK((Timestamp::lowest() - Timestamp::highest()).ns() == lowest);
  Timestamp moved = at;
  moved += ns(1);
  CHECK(moved > at);
  moved -= ns(2);
  CHECK(moved < at);
  CHECK(moved <= at);
  CHECK(at >= moved);
  CHECK(at != moved);
  CHECK(moved + ns(1) == at);
  CHECK(Timestamp() == Timestamp::from_ms(0));
}

TEST_CASE("chrono durations of every unit convert to nanoseconds, rounded towards zero") {
  CHECK(Duration(std::chrono::nanoseconds(5)).ns() == 5);
  CHECK(Duration(std::chrono::microseconds(5)).ns() == 5000);
  CHECK(Duration(std::chrono::milliseconds(-5)).ns() == -5000000);
  CHECK(Duration(std::chrono::seconds(5)).ns() == 5000000000);
  CHECK(Duration(std::chrono::hours(2)) == Duration::from_s(7200));
  CHECK(Duration(std::chrono::duration<std::int64_t, std::pico>(1999)).ns() == 1);
  CHECK(Duration(std::chrono::duration<std::int64_t, std::pico>(-1999)).ns() == -1);
  CHECK(Duration(std::chrono::duration<short, std::ratio<86400>>(2)) == Duration::from_s(172800));
}

TEST_CASE("frames of a sixtieth of a second add up without drift") {
  CHECK(Duration(Frames(60)) == Duration::from_s(1));
  CHECK(Duration(Frames(1)).ns() == 16666666);
  CHECK(Duration(Frames(-1)).ns() == -16666666);
  CHECK(Duration(Frames(2)).ns() == 33333333);
  CHECK(Duration(Frames(3)) == Duration::from_ms(50));
  CHECK(Duration(Frames(216000 * 1000000LL + 1)).ns() == 3600000000LL * 1000000000 + 16666666);
}

TEST_CASE("chrono durations that are too long saturate") {
  CHECK(Duration((std::chrono::hours::max)()).ns() == highest);
  CHECK(Duration((std::chrono::hours::min)()).ns() == lowest);
  CHECK(Duration((std::chrono::seconds::max)()).ns() == highest);
  CHECK(Duration((std::chrono::milliseconds::min)()).ns() == lowest);
  CHECK(Duration((std::chrono::nanoseconds::max)()).ns() == highest);
  CHECK(Duration((std::chrono::nanoseconds::min)()).ns() == lowest);
  CHECK(Duration((Frames::max)()).ns() == highest);
  CHECK(Duration((Frames::min)()).ns() == lowest);
}

TEST_CASE("floating-point durations are rounded towards zero to whole nanoseconds") {
  using Nanos = std::chrono::duration<double, std::nano>;
  CHECK(Duration(Nanos(1.9)).ns() == 1);
  CHECK(Duration(Nanos(-1.9)).ns() == -1);
  CHECK(Duration(std::chrono::duration<double>(0.25)) == Duration::from_ms(250));
  CHECK(Duration(std::chrono::duration<float>(0.5f)) == Duration::from_ms(500));
  CHECK(Duration(std::chrono::duration<float, std::milli>(-16.5f)).ns() == -16500000);
  CHECK(Duration(std::chrono::duration<double, std::ratio<1, 60>>(30.0)) == Duration::from_ms(500));
}

TEST_CASE("floating-point durations that are too long saturate, and NaN is zero") {
  using Seconds = std::chrono::duration<double>;
  CHECK(Duration(Seconds(1e300)).ns() == highest);
  CHECK(Duration(Seconds(-1e300)).ns() == lowest);
  CHECK(Duration(Seconds(std::numeric_limits<double>::infinity())).ns() == highest);
  CHECK(Duration(Seconds(-std::numeric_limits<double>::infinity())).ns() == lowest);
  CHECK(Duration(Seconds(9223372036.854775807)).ns() == highest);
  CHECK(Duration(Seconds(std::numeric_limits<double>::quiet_NaN())).ns() == 0);
  CHECK(Duration(std::chrono::duration<float>(std::numeric_limits<float>::quiet_NaN())).ns() == 0);
}

TEST_CASE("system_clock time points of any unit convert to timestamps") {
  const auto day = std::chrono::hours(24 * 17903);
  CHECK(Timestamp(std::chrono::system_clock::time_point(day)) == Timestamp::from_ms(17903LL * 86400000));
  CHECK(Timestamp(SystemMs(std::chrono::milliseconds(-1))).ns() == -1000000);
  const auto point =
      std::chrono::system_clock::time_point(std::chrono::duration_cast<std::chrono::system_clock::duration>(day));
  const Timestamp implicit = point;
  CHECK(presence::to_string(implicit) == "2019-01-07T00:00:00.000Z");
}

TEST_CASE("an unsigned chrono count above the signed range saturates") {
  using Unsigned = std::chrono::duration<std::uint64_t, std::nano>;
  CHECK(Duration(Unsigned(UINT64_MAX)) == Duration::highest());
  CHECK(Duration(std::chrono::duration<std::uint64_t>(UINT64_MAX)) == Duration::highest());
  CHECK(Duration(Unsigned(INT64_MAX)) == Duration::highest());
  CHECK(Duration(Unsigned(7)) == Duration::from_ns(7));
}
