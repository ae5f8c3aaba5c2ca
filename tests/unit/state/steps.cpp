// SPDX-License-Identifier: MIT
#include "../telling.hpp"

using namespace support;

namespace {
Timestamp second(std::int64_t s) { return Timestamp::from_ms(s * 1000); }

std::optional<Timestamp> after_heartbeat(Duration refresh, Timestamp when) {
  Rules rules;
  rules.last_active_refresh = refresh;
  return last_active(folded(rules, {heartbeat("john", "phone", when)}), "john");
}
}  // namespace

TEST_CASE("a heartbeat rounds last_active down to a multiple of last_active_refresh, before and after 1970") {
  const Duration quarter = seconds(900);
  CHECK(after_heartbeat(quarter, second(0)) == second(0));
  CHECK(after_heartbeat(quarter, second(899)) == second(0));
  CHECK(after_heartbeat(quarter, second(900) - tick) == second(0));
  CHECK(after_heartbeat(quarter, second(900)) == second(900));
  CHECK(after_heartbeat(quarter, second(0) - tick) == second(-900));
  CHECK(after_heartbeat(quarter, second(-900)) == second(-900));
  CHECK(after_heartbeat(quarter, second(-901)) == second(-1800));
  CHECK(after_heartbeat(seconds(7), second(20)) == second(14));
  CHECK(after_heartbeat(seconds(7), second(-1)) == second(-7));
  CHECK(after_heartbeat(tick, second(20) + tick) == second(20) + tick);
  CHECK(after_heartbeat(Duration(), second(-1)) == second(-1));
  CHECK(after_heartbeat(seconds(-900), second(-1)) == second(-1));
  CHECK(after_heartbeat(Duration::highest(), second(20)) == second(0));
}

TEST_CASE("a connect sets last_active to its exact timestamp, not rounded down") {
  Told t;
  t.fold(connect("john", "phone", second(7)));
  CHECK(last_active(t.s, "john") == second(7));
  t.fold(heartbeat("john", "phone", second(899)));
  CHECK(last_active(t.s, "john") == second(7));
  t.fold(connect("john", "phone", second(899)));
  CHECK(last_active(t.s, "john") == second(899));
  t.fold(heartbeat("john", "phone", second(900)));
  CHECK(last_active(t.s, "john") == second(900));
  CHECK(last_active(folded({connect("jack", "phone", second(-1))}), "jack") == second(-1));
}

TEST_CASE("only the first heartbeat of a new last_active_refresh step emits a change") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.take();
  for (int i = 30; i < 900; i += 30) {
    t.pass(at(i));
    t.fold(heartbeat("john", "phone", at(i)));
  }
  CHECK(t.changes.empty());
  t.pass(at(905));
  t.fold(heartbeat("john", "phone", at(905)));
  CHECK(text(t.take()) == text({changed(at(905), seen_online("john", at(0)), seen_online("john", at(900)))}));
}

TEST_CASE("last_active is the latest value over all sessions") {
  Told t;
  t.fold(connect("john", "phone", at(20)));
  t.fold(connect("john", "laptop", at(10)));
  t.fold(heartbeat("john", "tv", at(-5)));
  CHECK(last_active(t.s, "john") == at(20));
  t.fold(heartbeat("john", "laptop", at(1805)));
  CHECK(last_active(t.s, "john") == at(1800));
  t.fold(disconnect("john", "laptop", at(1806)));
  t.pass(at(1e6));
  CHECK(last_active(t.s, "john") == at(1800));
}

TEST_CASE("a heartbeat without a connect sets last_active; a report or disconnect without a value does not") {
  CHECK(last_active(folded({heartbeat("john", "phone", at(5))}), "john") == at(0));
  CHECK_FALSE(last_active(folded({report("john", true, at(5))}), "john"));
  CHECK_FALSE(last_active(folded({report("john", true, at(5)), disconnect("john", "phone", at(6))}), "john"));
}

TEST_CASE("last_active is the later of the newest reported value and the value of the sessions") {
  Told t;
  t.fold(connect("john", "phone", at(10)));
  t.fold(active(report("john", true, at(100)), at(90)));
  CHECK(last_active(t.s, "john") == at(90));
  t.fold(active(report("john", true, at(101)),
                at(50)));  // a later report with an earlier value
  CHECK(last_active(t.s, "john") == at(50));
  t.fold(active(report("john", true, at(102)), at(5)));
  CHECK(last_active(t.s, "john") == at(10));
  t.fold(active(report("john", true, at(99)), at(1000)));  // a late report
  CHECK(last_active(t.s, "john") == at(10));
  t.fold(report("john", true, at(103)));  // without a last_active
  CHECK(last_active(t.s, "john") == at(10));
}

TEST_CASE("a heartbeat, a disconnect and a report may each carry a status") {
  Told t;
  t.fold(saying(heartbeat("john", "phone", at(1)), "a"));
  CHECK(t.s.find("john") == seen_online("john", at(0), "a"));
  t.fold(saying(disconnect("john", "phone", at(2)), "b"));
  CHECK(t.s.find("john") == seen_offline("john", at(0), "b"));
  t.fold(saying(report("john", true, at(3)), "c"));
  CHECK(t.s.find("john") == seen_online("john", at(0), "c"));
  CHECK(t.changes.size() == 3);
  t.fold(saying(disconnect("jack", "phone", at(3)), "d"));
  CHECK(t.s.find("jack") == seen_offline("jack", std::nullopt, "d"));
}

TEST_CASE("a status wins over an empty status with the same timestamp") {
  for (const bool cleared_first : {true, false}) {
    Told t;
    t.fold(says("john", cleared_first ? "" : "hi", at(0)));
    t.fold(says("john", cleared_first ? "hi" : "", at(0)));
    CHECK(status(t.s, "john") == "hi");
  }
  Told t;
  CHECK(t.fold(says("john", "", at(0))) == Verdict::applied);  // an empty status is a status, too
  CHECK(t.s.find("john") == seen_offline("john", std::nullopt));
  CHECK(t.fold(says("john", "", at(0))) == Verdict::unchanged);
}
