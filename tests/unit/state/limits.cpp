// SPDX-License-Identifier: MIT
#include "../support.hpp"

using namespace support;

namespace {
detail::UserRegisters kept_of(const Snapshot& s, std::string_view id) {
  return detail::SnapshotAccess::read(s)->table.find(id)->unpacked();
}
}  // namespace

namespace {
/// The ids of the sessions that are kept, in order; of the ended ones in brackets.
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

TEST_CASE(
    "a user has at most so many live sessions: the one with the oldest evidence gives way; ended ones do not count") {
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
  CHECK(t.fold(heartbeat("john", "4", at(6))) == Verdict::applied);  // is back
  CHECK(sessions_of(t.s, "john") == "4 5");
  t.pass(at(45));
  CHECK(sessions_of(t.s, "john") == "4 (5)");
  CHECK(t.fold(connect("john", "6", at(45))) == Verdict::applied);  // session 5 has timed out
  CHECK(sessions_of(t.s, "john") == "4 (5) 6");
  CHECK(t.fold(connect("jack", "1", at(45))) == Verdict::applied);
  CHECK(t.s.online_count() == 2);
}

TEST_CASE("silent sessions do not shut out a live one") {
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

TEST_CASE("of two sessions of one timestamp the one with the lesser id gives way, whichever came first") {
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

TEST_CASE("an event whose own session would give way at once counts for all else that it says") {
  Rules rules;
  rules.max_sessions_per_user = 1;
  rules.last_active_refresh = Duration();
  Told t(rules);
  t.pass(at(10));
  t.fold(connect("john", "phone", at(10)));
  t.take();
  CHECK(t.fold(connect("john", "pad", at(5))) == Verdict::applied);  // that he was active then may come to matter
  CHECK(sessions_of(t.s, "john") == "phone");
  CHECK(t.fold(connect("john", "pad", at(5))) == Verdict::unchanged);
  CHECK(t.take().empty());
  PresenceEvent with_text = heartbeat("john", "tv", at(6));
  with_text.status = "hello";
  CHECK(t.fold(with_text) == Verdict::applied);
  CHECK(sessions_of(t.s, "john") == "phone");
  CHECK(status(t.s, "john") == "hello");
  t.fold(invisibly("john", "pad", at(9)));  // which others would have seen as he left
  CHECK(sessions_of(t.s, "john") == "phone");
  CHECK(t.s.find("john") == User{"john", false, "hello", at(6), false});
}

TEST_CASE("for the number of sessions nothing is refused, and the newest stay, in any order") {
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

TEST_CASE("of more live sessions than fit the oldest give way in a merge as well, many at once") {
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

TEST_CASE("of more ended sessions than fit those that ended first go in a merge") {
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

TEST_CASE("who asks to be invisible, or is, is not refused either, and others see nothing of who gave way") {
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
  CHECK(t.fold(connect("john", "1", at(1.5))) == Verdict::applied);  // before he went, so that others see it
  CHECK(t.s.find("john") == User{"john", false, "", at(1.5), false});
  CHECK(t.fold(visibly("john", "5", at(4))) == Verdict::applied);
  CHECK(sessions_of(t.s, "john") == "4 5");
  CHECK(t.s.online("john"));
}

TEST_CASE("when the session that stayed ends nobody brings back the one that gave way but its own next word") {
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

TEST_CASE("there are at most so many users that others know of, and as many again whom nobody knows of") {
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

TEST_CASE("room of which nothing is left is given back") {
  Rules rules;
  rules.max_users = 1;
  Told t(rules);
  t.pass(at(0));
  CHECK(t.fold(disconnect("x1", "phone", at(0))) == Verdict::applied);
  CHECK(t.fold(disconnect("x2", "phone", at(0))) == Verdict::over_limit);
  t.pass(at(160));
  CHECK(t.fold(disconnect("x2", "phone", at(160))) == Verdict::over_limit);
  t.pass(at(160) + tick);
  CHECK(t.fold(disconnect("x2", "phone", at(160))) == Verdict::applied);
}

TEST_CASE("a flood from one user stays within what is kept of one user, and costs nobody else") {
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
    for (const auto& session_kept : kept.sessions) CHECK(session_kept.disconnects.size() <= 16);
  }
  CHECK(kept_of(t.s, "jack") == kept_of(before, "jack"));
}

TEST_CASE("past the room for changes of visibility an invisible user stays invisible") {
  Rules rules;
  rules.max_recent_per_user = 2;
  Told t(rules);
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  for (int i = 1; i <= 10; ++i) CHECK(t.fold(invisibly("john", "phone", at(i))) == Verdict::applied);
  // It is not known any more that there was a visibility change at 5: becoming visible at 4.5 could show what came after it.
  CHECK(t.fold(visibly("john", "laptop", at(4.5))) == Verdict::over_limit);
  CHECK_FALSE(t.s.online("john"));
  CHECK(t.fold(visibly("john", "laptop", at(1.5))) == Verdict::applied);
  CHECK(t.s.find("john") == User{"john", false, "", at(1.5), false});
  CHECK(t.fold(visibly("john", "laptop", at(10) + tick)) == Verdict::applied);
  CHECK(t.s.online("john"));
}

TEST_CASE("disconnects of sessions that nobody heard of do not end the grace of one that was") {
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
