// SPDX-License-Identifier: MIT
#include "../support.hpp"

#include <cstdint>

using namespace support;

TEST_CASE("timestamps and durations at both ends of their ranges cause no overflow") {
  const Timestamp first = Timestamp::from_ns(INT64_MIN + 1), last = Timestamp::from_ns(INT64_MAX - 1);
  const Duration durations[] = {Duration::from_ns(INT64_MIN), Duration::from_ns(-1), Duration(), tick, seconds(40), Duration::highest()};
  for (const Duration timeout : durations) {
    for (const Duration grace : durations) {
      for (const Duration refresh : durations) {
        for (const Duration window : durations) {
          Rules rules;
          rules.session_timeout = timeout;
          rules.offline_grace = grace;
          rules.last_active_refresh = refresh;
          rules.reorder_window = window;
          rules.max_clock_skew = window;
          Told t(rules);
          for (const Timestamp now : {first, at(0), last}) {
            for (const Timestamp when : {first, first + tick, at(0), last - tick, last}) {
              t.fold(connect("john", "phone", when));
              t.fold(heartbeat("john", "laptop", when));
              t.fold(disconnect("john", "phone", when));
              t.fold(invisibly("jack", "phone", when, when.ns() % 2 == 0));
              PresenceEvent word = report("mary", true, when);
              word.last_active = when;
              t.fold(word);
            }
            t.pass(now);
            CHECK(t.s.now() == now);
            CHECK(merge(t.s, t.s) == t.s);
          }
          CHECK(t.s.rules().session_timeout >= Duration());
        }
      }
    }
  }
}

TEST_CASE("a deadline beyond the last timestamp does not exist") {
  const Timestamp last = Timestamp::from_ns(INT64_MAX - 1);
  Told t;
  t.fold(connect("john", "phone", last));
  CHECK_FALSE(t.s.next_deadline());
  t.pass(last);
  CHECK(t.s.online("john"));
}

TEST_CASE("a last_active step that would begin before the first timestamp is clamped to it") {
  const Timestamp first = Timestamp::from_ns(INT64_MIN + 1);
  Told t;
  t.fold(heartbeat("john", "phone", first));
  CHECK(last_active(t.s, "john") == first);
}
