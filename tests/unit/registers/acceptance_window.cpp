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

/// The rules of acceptance, as they are stated in Rules.
Verdict judged(Timestamp when, Timestamp now, const Rules& rules) {
  if (now == detail::absent) return Verdict::applied;
  if (when < now - rules.reorder_window) return Verdict::too_late;
  return when > now + rules.max_clock_skew ? Verdict::too_early : Verdict::applied;
}

/// A session lives until its first later disconnect or until it has been silent for the timeout.
bool lives(const detail::SessionRegisters& session, Timestamp now, const Rules& rules) {
  const Timestamp evidence = std::max(session.connect, session.heartbeat);
  if (evidence == detail::absent) return false;
  for (const Timestamp end : session.disconnects) {
    if (end > session.connect && end >= session.heartbeat) return false;
  }
  return rules.session_timeout == Duration() || now < evidence + rules.session_timeout;
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
      const Verdict verdict = judged(when, now, rules);
      REQUIRE(bounds.admit(when) == (detail::in_range(when) && verdict == Verdict::applied));
      if (detail::in_range(when)) REQUIRE(bounds.judge(when) == verdict);
      if (detail::in_range(when)) REQUIRE(bounds.heartbeat_value(when, rules) == detail::heartbeat_value(when, rules));
      detail::SessionRegisters session;
      if (chance.below(4) != 0) session.connect = some_instant(chance, at(0));
      if (chance.below(4) != 0) session.heartbeat = some_instant(chance, at(0));
      if (session.connect == Timestamp::highest() || session.heartbeat == Timestamp::highest()) continue;
      if (chance.below(2) == 0) session.disconnects.push_back(some_instant(chance, at(0)));
      REQUIRE(bounds.is_live(session) == lives(session, now, rules));
      REQUIRE(detail::live(session, now, rules) == lives(session, now, rules));
    }
  }
}

TEST_CASE("a default-constructed acceptance window is valid for no timestamp") {
  CHECK_FALSE(detail::AcceptanceWindow().are_of(detail::absent));
  CHECK_FALSE(detail::AcceptanceWindow().are_of(at(0)));
}
