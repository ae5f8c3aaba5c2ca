// SPDX-License-Identifier: MIT
#include <presence/base/detail/shared_string.hpp>
#include <presence/registers/detail/absent.hpp>
#include <presence/registers/detail/acceptance_window.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/registers/detail/session.hpp>
#include <presence/state/detail/judge.hpp>

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

/// What is known of a session, as it was told.
struct Facts {
  std::vector<std::pair<Timestamp, bool>> evidence;  // and whether it came with a connect
  std::vector<Timestamp> disconnects;
  Timestamp held_until = detail::absent;
};

/// A session lives until a disconnect that no evidence followed, or until it was silent for the timeout. A connect
/// follows a disconnect of its own timestamp, other evidence does not. While it is held, silence does not end it. A hold
/// is known by the end of its run: if evidence and grace alone lead further, there is none.
bool lives(const Facts& facts, Timestamp now, const Rules& rules) {
  if (facts.evidence.empty()) return false;
  for (const Timestamp end : facts.disconnects) {
    bool is_followed = false;
    for (const auto& evidence : facts.evidence)
      is_followed = is_followed || evidence.first > end || (evidence.first == end && evidence.second);
    if (!is_followed) return false;
  }
  if (rules.session_timeout == Duration()) return true;
  bool is_held = now < facts.held_until;
  for (const auto& evidence : facts.evidence) {
    if (now < evidence.first + rules.session_timeout) return true;
    is_held = is_held && evidence.first + rules.session_timeout + rules.offline_grace < facts.held_until;
  }
  return is_held;
}

/// Without a timeout no silence ends a run; else one that is longer than timeout and grace does.
bool is_in_run_of(Timestamp last, Timestamp next, const Rules& rules) {
  if (rules.session_timeout == Duration()) return true;
  return next <= last + rules.session_timeout + rules.offline_grace;
}

/// The registers of that session. They need the latest evidence only.
detail::SessionRegisters registers_of(const Facts& facts) {
  detail::SessionRegisters session;
  session.id = detail::SharedString("phone");
  for (const auto& evidence : facts.evidence) {
    const detail::SessionMoment moment{evidence.first, evidence.second};
    if (session.evidence() < moment) session.set_evidence(moment);
  }
  for (const Timestamp at : facts.disconnects) session.add_disconnect(at);
  if (facts.held_until != detail::absent) session.set_held_until(facts.held_until);
  return session;
}

Duration some_duration(Chance& chance) {
  const Duration kinds[] = {Duration(), seconds(40), seconds(80), Duration::from_ns(1000), Duration::highest()};
  return kinds[chance.below(5)];
}

}  // namespace

TEST_CASE("the cached acceptance window judges events and sessions as the rules do") {
  Chance chance(31);
  std::size_t count[2] = {}, count_of_run[2] = {};
  for (int round = 0; round < 20000; ++round) {
    Rules rules;
    rules.session_timeout = some_duration(chance);
    rules.offline_grace = some_duration(chance);
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
      Facts facts;
      for (std::size_t n = chance.below(3); n > 0; --n) {
        const Timestamp evidence = some_instant(chance, at(0));
        if (detail::in_range(evidence)) facts.evidence.emplace_back(evidence, chance.below(2) == 0);
      }
      for (std::size_t n = chance.below(3); n > 0; --n) {
        const bool ties = !facts.evidence.empty() && chance.below(3) == 0;
        facts.disconnects.push_back(ties ? facts.evidence[0].first : some_instant(chance, at(0)));
        if (!detail::in_range(facts.disconnects.back())) facts.disconnects.pop_back();
      }
      if (!facts.evidence.empty() && chance.below(4) == 0) facts.held_until = some_instant(chance, at(0)) + seconds(80);
      const detail::SessionRegisters session = registers_of(facts);
      const bool is_live = lives(facts, now, rules);
      REQUIRE(bounds.is_live(session) == is_live);
      REQUIRE(detail::live(session, now, rules) == is_live);
      ++count[is_live ? 1 : 0];
      if (!session.has_evidence() || !detail::in_range(when) || when < session.evidence_at()) continue;
      const bool is_of_run = is_in_run_of(session.evidence_at(), when, rules);
      REQUIRE(bounds.is_of_run(session, when) == is_of_run);
      ++count_of_run[is_of_run ? 1 : 0];
    }
  }
  for (const std::size_t n : {count[0], count[1], count_of_run[0], count_of_run[1]}) CHECK(n > 10000);
}

TEST_CASE("a default-constructed acceptance window is valid for no timestamp") {
  CHECK_FALSE(detail::AcceptanceWindow().are_of(detail::absent));
  CHECK_FALSE(detail::AcceptanceWindow().are_of(at(0)));
}
