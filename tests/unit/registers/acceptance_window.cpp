// SPDX-License-Identifier: MIT
#include "../telling.hpp"

using namespace support;

namespace {

Timestamp some_instant(Chance& chance, Timestamp around) {
  switch (chance.below(12)) {
    case 0: return Timestamp::lowest() + Duration::from_ns(static_cast<std::int64_t>(chance.below(3000)));
    case 1: return Timestamp::highest() - Duration::from_ns(static_cast<std::int64_t>(chance.below(3000)));
    case 3: return chance.below(2) == 0 ? Timestamp::lowest() : Timestamp::highest();
    case 2: return Timestamp::from_ns(static_cast<std::int64_t>(chance.bits()));
    default:
      return around + Duration::from_ns(static_cast<std::int64_t>(chance.below(4001)) - 2000) -
             seconds(static_cast<double>(chance.below(4)) * 40);
  }
}

Duration some_duration(Chance& chance) {
  const Duration kinds[] = {Duration(), seconds(40), seconds(80), Duration::from_ns(1000), Duration::highest()};
  return kinds[chance.below(5)];
}

}  // namespace

TEST_CASE("the cached acceptance window judges events and sessions as the rules do") {
  Chance chance(31);
  for (int round = 0; round < 20000; ++round) {
    Rules rules;
    rules.session_timeout = some_duration(chance);
    rules.reorder_window = some_duration(chance);
    rules.max_clock_skew = some_duration(chance);
    rules.last_active_refresh = some_duration(chance);
    rules.max_sessions_per_user = static_cast<std::uint32_t>(chance.below(3));
    Timestamp now = some_instant(chance, at(0));
    if (!detail::in_range(now)) now = detail::absent;
    detail::AcceptanceWindow bounds(now, rules);
    REQUIRE(bounds.are_of(now));
    REQUIRE(bounds.session_room() == std::min(rules.max_sessions_per_user, rules.max_recent_per_user));
    for (int i = 0; i < 20; ++i) {
      const Timestamp when = some_instant(chance, at(0));
      REQUIRE(bounds.admit(when) ==
              (detail::in_range(when) && detail::judge_instant(when, now, rules) == Verdict::applied));
      if (detail::in_range(when)) REQUIRE(bounds.heartbeat_value(when, rules) == detail::heartbeat_value(when, rules));
      detail::SessionRegisters session;
      if (chance.below(4) != 0) session.connect = some_instant(chance, at(0));
      if (chance.below(4) != 0) session.heartbeat = some_instant(chance, at(0));
      if (session.connect == Timestamp::highest() || session.heartbeat == Timestamp::highest()) continue;
      if (chance.below(2) == 0) session.disconnects.push_back(some_instant(chance, at(0)));
      REQUIRE(bounds.is_live(session) == detail::live(session, now, rules));
    }
  }
}

TEST_CASE("a default-constructed acceptance window is valid for no timestamp") {
  CHECK_FALSE(detail::AcceptanceWindow().are_of(detail::absent));
  CHECK_FALSE(detail::AcceptanceWindow().are_of(at(0)));
}
