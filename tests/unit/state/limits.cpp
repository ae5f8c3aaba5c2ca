// SPDX-License-Identifier: MIT
#include <presence/registers/detail/registers.hpp>
#include <presence/state/detail/snapshot_access.hpp>

#include "../support.hpp"

using namespace support;

namespace {
detail::UserRegisters kept_of(const Snapshot& s, std::string_view id) {
  return detail::SnapshotAccess::read(s)->table.find(id)->unpacked();
}
}  // namespace

namespace {
/// The ids of the kept sessions, in order; those of ended sessions in brackets.
std::string sessions_of(const Snapshot& s, std::string_view id) {
  std::string text;
  const std::optional<PresenceState> state = s.inspect(id);
  if (!state) return text;
  for (const Session& session : state->sessions) {
    text += (text.empty() ? "" : " ") + (session.alive ? session.id : "(" + session.id + ")");
  }
  return text;
}
}  // namespace

TEST_CASE("max_sessions_per_user limits live sessions, not ended ones: that with the oldest evidence is dropped") {
  Rules rules;
  rules.max_sessions_per_user = 2;
  Told t(rules);
  t.pass(at(0));
  CHECK(t.fold(connect("john", "1", at(0))) == Verdict::applied);
  CHECK(t.fold(connect("john", "2", at(1))) == Verdict::applied);
  CHECK(t.fold(connect("john", "3", at(2))) == Verdict::applied);
  CHECK(sessions_of(t.s, "john") == "2 3");
  CHECK(t.fold(heartbeat("john", "2", at(3))) == Verdict::applied);
  CHECK(t.fold(heartbeat("john", "4", at(4))) == Verdict::applied);
  CHECK(sessions_of(t.s, "john") == "2 4");
  CHECK(t.fold(disconnect("john", "4", at(5))) == Verdict::applied);
  CHECK(t.fold(connect("john", "5", at(5))) == Verdict::applied);
  CHECK(sessions_of(t.s, "john") == "2 (4) 5");
  CHECK(t.fold(heartbeat("john", "4", at(6))) == Verdict::applied);  // returns
  CHECK(sessions_of(t.s, "john") == "4 5");
  t.pass(at(45));
  CHECK(sessions_of(t.s, "john") == "4 (5)");
  CHECK(t.fold(connect("john", "6", at(45))) == Verdict::applied);  // session 5 has timed out
  CHECK(sessions_of(t.s, "john") == "4 (5) 6");
  CHECK(t.fold(connect("jack", "1", at(45))) == Verdict::applied);
  CHECK(t.s.online_count() == 2);
}

TEST_CASE("sessions with older evidence do not block a new session") {
  Rules rules;
  rules.max_sessions_per_user = 2;
  Told t(rules);
  t.pass(at(0));
  t.fold(connect("john", "silent 1", at(0)));
  t.fold(connect("john", "silent 2", at(0)));
  t.pass(at(30));
  CHECK(t.fold(connect("john", "live", at(30))) == Verdict::applied);
  CHECK(sessions_of(t.s, "john") == "live silent 2");
  t.pass(at(40));
  CHECK(t.s.online("john"));
}

TEST_CASE("of two sessions with the same timestamp the one with the lesser id is dropped, in either order") {
  Rules rules;
  rules.max_sessions_per_user = 1;
  for (const bool first : {false, true}) {
    Told t(rules);
    t.pass(at(0));
    t.fold(connect("john", first ? "a" : "b", at(0)));
    CHECK(accepted(t.fold(connect("john", first ? "b" : "a", at(0)))));
    CHECK(sessions_of(t.s, "john") == "b");
  }
}

TEST_CASE("an event whose own session is dropped at once still counts for its other content") {
  Rules rules;
  rules.max_sessions_per_user = 1;
  rules.last_active_refresh = Duration();
  Told t(rules);
  t.pass(at(10));
  t.fold(connect("john", "phone", at(10)));
  t.take();
  CHECK(t.fold(connect("john", "pad", at(5))) == Verdict::applied);  // a later event can reveal this activity
  CHECK(sessions_of(t.s, "john") == "phone");
  CHECK(t.fold(connect("john", "pad", at(5))) == Verdict::unchanged);
  CHECK(t.take().empty());
  PresenceEvent with_text = heartbeat("john", "tv", at(6));
  with_text.status = "hello";
  CHECK(t.fold(with_text) == Verdict::applied);
  CHECK(sessions_of(t.s, "john") == "phone");
  CHECK(status(t.s, "john") == "hello");
  t.fold(invisibly("john", "pad", at(9)));  // becomes invisible at 9: others see no activity after it
  CHECK(sessions_of(t.s, "john") == "phone");
  CHECK(t.s.find("john") == User{"john", false, "hello", at(6), false});
}

TEST_CASE("no event is rejected for the number of sessions, and the newest are kept, in any order") {
  for (std::uint32_t most = 0; most <= 6; ++most) {
    Rules rules;
    rules.max_sessions_per_user = most;
    for (int rotation = 0; rotation < 6; ++rotation) {
      Told t(rules);
      t.pass(at(10));
      for (int i = 0; i < 6; ++i) {
        const int session = (i * 5 + rotation) % 6;
        CHECK(t.fold(connect("john", std::to_string(session), at(session))) == Verdict::applied);
      }
      std::string newest;
      for (std::uint32_t i = 6 - most; i < 6; ++i) newest += (newest.empty() ? "" : " ") + std::to_string(i);
      CHECK(sessions_of(t.s, "john") == newest);
      CHECK(t.s.online("john") == (most > 0));
      CHECK(last_active(t.s, "john") == at(5));
    }
  }
}

TEST_CASE("a merge with too many live sessions drops the oldest ones, also several at once") {
  Rules rules;
  rules.max_sessions_per_user = 5;
  Snapshot one = reduce(Snapshot(rules), at(0)), other = one;
  for (int i = 0; i < 5; ++i) {
    one = reduce(std::move(one), connect("john", "a" + std::to_string(9 - i), at(-2 * i)));
    other = reduce(std::move(other), connect("john", "b" + std::to_string(i), at(-2 * i - 1)));
  }
  const Snapshot both = merge(one, other);
  CHECK(sessions_of(both, "john") == "a7 a8 a9 b0 b1");
  CHECK(merge(other, one) == both);
  CHECK(merge(both, one) == both);
}

TEST_CASE("a merge with too many ended sessions drops those that ended first") {
  Rules rules;
  rules.max_recent_per_user = 3;
  Snapshot one = reduce(Snapshot(rules), at(10)), other = one;
  for (int i = 0; i < 3; ++i) {
    for (Snapshot* s : {&one, &other}) {
      const std::string session = (s == &one ? "a" : "b") + std::to_string(i);
      const Timestamp when = at(2 * i + (s == &one ? 0 : 1));
      *s = reduce(std::move(*s), connect("john", session, when));
      *s = reduce(std::move(*s), disconnect("john", session, when + tick));
    }
  }
  const Snapshot both = merge(one, other);
  CHECK(sessions_of(both, "john") == "(a2) (b1) (b2)");
  CHECK(merge(other, one) == both);
}

TEST_CASE("an invisible connect over the limit is accepted too, and others see no dropped session") {
  Rules rules;
  rules.max_sessions_per_user = 2;
  Told t(rules);
  t.pass(at(0));
  t.fold(connect("john", "1", at(0)));
  t.fold(connect("john", "2", at(1)));
  CHECK(t.fold(invisibly("john", "3", at(2))) == Verdict::applied);
  t.take();
  CHECK(t.fold(connect("john", "4", at(3))) == Verdict::applied);
  CHECK(sessions_of(t.s, "john") == "3 4");
  CHECK(t.take().empty());
  CHECK(t.s.find("john") == User{"john", false, "", at(1), false});
  CHECK(t.fold(connect("john", "1", at(1.5))) == Verdict::applied);  // before john became invisible, so others see it
  CHECK(t.s.find("john") == User{"john", false, "", at(1.5), false});
  CHECK(t.fold(visibly("john", "5", at(4))) == Verdict::applied);
  CHECK(sessions_of(t.s, "john") == "4 5");
  CHECK(t.s.online("john"));
}

TEST_CASE("a dropped session returns only by its own next event, not when the kept session ends") {
  Rules rules;
  rules.max_sessions_per_user = 1;
  rules.offline_grace = seconds(5);
  Told t(rules);
  t.pass(at(0));
  t.fold(connect("john", "1", at(0)));
  t.fold(connect("john", "2", at(1)));
  t.fold(disconnect("john", "2", at(2)));
  CHECK(t.s.online("john"));
  CHECK(t.s.next_deadline() == at(7));
  t.fold(heartbeat("john", "1", at(3)));
  t.pass(at(7));
  CHECK(t.s.online("john"));
  CHECK(t.s.next_deadline() == at(48));
}

TEST_CASE("there are at most max_users known users, and at most as many unknown users") {
  Rules rules;
  rules.max_users = 2;
  Told t(rules);
  t.pass(at(0));
  CHECK(t.fold(invisibly("x1", "phone", at(0))) == Verdict::applied);
  CHECK(t.fold(disconnect("x2", "phone", at(0))) == Verdict::applied);
  CHECK(t.fold(invisibly("x3", "phone", at(0))) == Verdict::over_limit);
  CHECK(t.fold(connect("ann", "phone", at(0))) == Verdict::applied);
  CHECK(t.fold(says("bob", "hi", at(0))) == Verdict::applied);
  CHECK(t.fold(connect("cyd", "phone", at(0))) == Verdict::over_limit);
  CHECK(t.fold(report("cyd", true, at(0))) == Verdict::over_limit);
  CHECK(t.fold(visibly("x1", "phone", at(1))) == Verdict::over_limit);  // would be the third that others know
  CHECK(t.fold(heartbeat("ann", "phone", at(1))) == Verdict::applied);
  CHECK(t.s.size() == 2);
}

TEST_CASE("a user who leaves no state frees their capacity") {
  Rules rules;
  rules.max_users = 1;
  Told t(rules);
  t.pass(at(0));
  CHECK(t.fold(disconnect("x1", "phone", at(0))) == Verdict::applied);
  CHECK(t.fold(disconnect("x2", "phone", at(0))) == Verdict::over_limit);
  t.pass(at(120));
  CHECK(t.fold(disconnect("x2", "phone", at(120))) == Verdict::over_limit);
  t.pass(at(120) + tick);
  CHECK(t.fold(disconnect("x2", "phone", at(120))) == Verdict::applied);
}

TEST_CASE("a flood from one user stays within the per-user limits and does not affect other users") {
  Rules rules;
  rules.offline_grace = seconds(5);
  rules.last_active_refresh = Duration();
  rules.max_sessions_per_user = 8;
  rules.max_recent_per_user = 16;
  Told t(rules);
  t.pass(at(0));
  t.fold(connect("jack", "phone", at(0)));
  const Snapshot before = t.s;
  for (int i = 0; i < 2000; ++i) {
    const Timestamp when = at(-119 + 0.05 * i);
    const std::string session = std::to_string(i % 5 == 0 ? i : i % 3);
    t.fold(i % 2 == 0 ? connect("john", session, when) : invisibly("john", session, when, i % 4 == 1));
    t.fold(disconnect("john", session, when + tick));
    t.fold(disconnect("john", "0", when + tick));
    const auto kept = kept_of(t.s, "john");
    CHECK(kept.sessions.size() <= 8 + 16);
    CHECK(kept.visibility_changes.size() <= 2 * 16);
    CHECK(kept.activities.size() <= 2 * 16);
    for (const auto& session_kept : kept.sessions) CHECK(session_kept.disconnects().size() <= 16);
  }
  CHECK(kept_of(t.s, "jack") == kept_of(before, "jack"));
}

TEST_CASE("an invisible user stays invisible if visibility changes over max_recent_per_user are dropped") {
  Rules rules;
  rules.max_recent_per_user = 2;
  Told t(rules);
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  for (int i = 1; i <= 10; ++i) CHECK(t.fold(invisibly("john", "phone", at(i))) == Verdict::applied);
  // The visibility change at 5 was dropped: becoming visible at 4.5 could show what came after 5.
  CHECK(t.fold(visibly("john", "laptop", at(4.5))) == Verdict::over_limit);
  CHECK_FALSE(t.s.online("john"));
  CHECK(t.fold(visibly("john", "laptop", at(1.5))) == Verdict::applied);
  CHECK(t.s.find("john") == User{"john", false, "", at(1.5), false});
  CHECK(t.fold(visibly("john", "laptop", at(10) + tick)) == Verdict::applied);
  CHECK(t.s.online("john"));
}

TEST_CASE("disconnects of unknown sessions do not end the offline grace of a known session") {
  Rules rules;
  rules.offline_grace = seconds(60);
  rules.max_recent_per_user = 4;
  Told t(rules);
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(disconnect("john", "phone", at(0) + tick));
  t.take();
  for (int i = 1; i < 6; ++i) t.fold(disconnect("john", "unknown " + std::to_string(i), at(i)));
  CHECK(t.s.online("john"));
  CHECK(t.changes.empty());
  CHECK(t.s.next_deadline() == at(60) + tick);
}
