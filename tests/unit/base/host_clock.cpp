// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <presence/chrono.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>

using namespace presence;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace {

constexpr Timestamp noon = Timestamp::from_s(1546862400);
constexpr nanoseconds boot = hours(100);  // the monotonic clock at noon

}  // namespace

TEST_CASE("timestamps and time points of the system clock convert both ways without loss") {
  for (const std::int64_t ns :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1546862400123456789}, INT64_MAX, INT64_MIN}) {
    const Timestamp at = Timestamp::from_ns(ns);
    CHECK(to_sys_time(at).time_since_epoch().count() == ns);
    CHECK(from_sys_time(to_sys_time(at)) == at);
    CHECK(to_chrono(Duration::from_ns(ns)).count() == ns);
    CHECK(from_chrono(to_chrono(Duration::from_ns(ns))) == Duration::from_ns(ns));
  }
  CHECK(from_sys_time(std::chrono::time_point<std::chrono::system_clock, seconds>(seconds(-7))) ==
        Timestamp::from_s(-7));
#if defined(__cpp_lib_chrono) && __cpp_lib_chrono >= 201907L
  static_assert(std::is_same<SysTime, std::chrono::sys_time<nanoseconds>>::value, "");
#endif
}

TEST_CASE("time points and lengths that are out of range become the ends of the range") {
  using Years = std::chrono::duration<std::int64_t, std::ratio<31556952>>;
  using Point = std::chrono::time_point<std::chrono::system_clock, Years>;
  CHECK(from_sys_time(Point(Years(1000))) == Timestamp::highest());
  CHECK(from_sys_time(Point(Years(-1000))) == Timestamp::lowest());
  CHECK(from_chrono(Years(1000)) == Duration::highest());
  CHECK(from_chrono(Years(-1000)).ns() == INT64_MIN);
  CHECK(from_chrono(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())) == Duration());
  CHECK(from_chrono(std::chrono::duration<double>(0.25)) == Duration::from_ms(250));
}

TEST_CASE("a host clock starts as the system clock and runs with the monotonic clock") {
  const HostClock clock(noon, boot);
  CHECK(clock.now(boot) == noon);
  CHECK(clock.now(boot + milliseconds(16)) == noon + Duration::from_ms(16));
  CHECK(clock.now(boot + hours(24)) == noon + Duration::from_s(86400));
}

TEST_CASE("a host clock follows a system clock that jumps forward at once") {
  HostClock clock(noon, boot);
  CHECK(clock.adjust(noon + Duration::from_s(3600), boot + seconds(1)) == Duration());
  CHECK(clock.now(boot + seconds(1)) == noon + Duration::from_s(3600));
  CHECK(clock.now(boot + seconds(3)) == noon + Duration::from_s(3602));
}

TEST_CASE("a host clock runs on if the system clock jumps back by an hour, and returns how far it is ahead") {
  HostClock clock(noon, boot);
  const Timestamp before = clock.now(boot + seconds(10));
  CHECK(clock.adjust(noon - Duration::from_s(3590), boot + seconds(10)) == Duration::from_s(3600));
  CHECK(clock.now(boot + seconds(10)) == before);
  CHECK(clock.now(boot + seconds(11)) == before + Duration::from_s(1));
  // The system clock is set right half an hour later, and runs ahead an hour after that.
  CHECK(clock.adjust(noon + Duration::from_s(1800), boot + seconds(1800)) == Duration());
  CHECK(clock.now(boot + seconds(1800)) == noon + Duration::from_s(1800));
  CHECK(clock.adjust(noon + Duration::from_s(5401), boot + seconds(5400)) == Duration());
  CHECK(clock.now(boot + seconds(5400)) == noon + Duration::from_s(5401));
}

TEST_CASE("equal readings of both clocks change nothing") {
  HostClock clock(noon, boot);
  for (int i = 0; i < 3; ++i) {
    CHECK(clock.adjust(noon, boot) == Duration());
    CHECK(clock.now(boot) == noon);
  }
  CHECK(clock.adjust(noon, boot + seconds(1)) == Duration::from_s(1));  // the system clock stands still
  CHECK(clock.now(boot + seconds(1)) == noon + Duration::from_s(1));
}

TEST_CASE("whatever the system clock does, a host clock never runs back, and never behind it") {
  std::uint64_t random = 3;
  const auto below = [&random](std::uint64_t end) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::int64_t>((random >> 33) % end);
  };
  for (int history = 0; history < 50; ++history) {
    HostClock clock(noon, boot);
    nanoseconds monotonic = boot;
    Timestamp latest = noon;
    for (int i = 0; i < 100; ++i) {
      monotonic += seconds(below(3));
      const Timestamp system = noon + Duration::from_s(below(400) - 200);
      if (below(2) == 0) {
        const Duration ahead = clock.adjust(system, monotonic);
        CHECK(ahead >= Duration());
        CHECK(clock.now(monotonic) - ahead == system);
      }
      CHECK(clock.now(monotonic) >= latest);
      latest = clock.now(monotonic);
    }
  }
}

TEST_CASE("a host clock without arguments reads the clocks of the standard library") {
  const Timestamp before = std::chrono::system_clock::now();
  HostClock clock;
  const Timestamp first = clock.now();
  CHECK(first >= before);
  CHECK(first - before < Duration::from_s(60));
  CHECK(clock.adjust() < Duration::from_s(60));
  CHECK(clock.now() >= first);
}
