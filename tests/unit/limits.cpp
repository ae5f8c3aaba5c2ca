// SPDX-License-Identifier: MIT
#include "support.hpp"

using namespace support;

namespace {
detail::UserRegisters kept_of(const Snapshot& s, std::string_view id) {
  return detail::SnapshotAccess::read(s)->table.find(id)->unpacked();
}
}  // namespace

TEST_CASE("a user has at most so many live sessions; ended ones do not count") {
  Rules rules;
  rules.max_sessions_per_user = 2;
  Told t(rules);
  t.pass(at(0));
  CHECK(t.fold(connect("john", "1", at(0))) == Verdict::applied);
  CHECK(t.fold(connect("john", "2", at(0))) == Verdict::applied);
  CHECK(t.fold(connect("john", "3", at(0))) == Verdict::over_limit);
  CHECK(t.fold(heartbeat("john", "3", at(0))) == Verdict::over_limit);
  CHECK(t.fold(heartbeat("john", "2", at(1))) == Verdict::applied);
  CHECK(t.fold(disconnect("john", "1", at(2))) == Verdict::applied);
  CHECK(t.fold(connect("john", "3", at(2))) == Verdict::applied);
  CHECK(t.fold(connect("john", "1", at(3))) == Verdict::over_limit);
  t.pass(at(41));
  CHECK(t.fold(connect("john", "1", at(41))) == Verdict::applied);  // session 2 has timed out
  CHECK(t.fold(connect("jack", "1", at(41))) == Verdict::applied);
}

TEST_CASE("who asks to be invisible, or is, is never refused for the number of sessions: the stalest gives way") {
  Rules rules;
  rules.max_sessions_per_user = 2;
  Told t(rules);
  t.pass(at(0));
  t.fold(connect("john", "1", at(0)));
  t.fold(connect("john", "2", at(1)));
  CHECK(t.fold(invisibly("john", "3", at(2))) == Verdict::applied);
  CHECK(t.fold(connect("john", "4", at(3))) == Verdict::applied);
  CHECK(t.fold(visibly("john", "5", at(4))) == Verdict::applied);
  const auto sessions = t.s.inspect("john")->sessions;
  REQUIRE(sessions.size() == 2);
  CHECK(sessions[0].id == "4");
  CHECK(sessions[1].id == "5");
  CHECK(t.fold(connect("john", "6", at(5))) == Verdict::over_limit);
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
    CHECK(kept.flips.size() <= 2 * 16);
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
  // It is not known any more that there was a flip at 5: becoming visible at 4.5 could show what came after it.
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
