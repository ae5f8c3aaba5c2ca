// SPDX-License-Identifier: MIT
#include "../telling.hpp"

using namespace support;

TEST_CASE("a late disconnect older than the session's last connect does not end the session") {
  Told t;
  t.pass(at(20));
  t.fold(connect("john", "phone", at(0)));
  t.fold(connect("john", "phone", at(20)));
  t.take();
  CHECK(t.fold(disconnect("john", "phone", at(10))) == Verdict::applied);
  CHECK(t.s.online("john"));
  CHECK(t.changes.empty());
  CHECK(t.s.next_deadline() == at(60));
}

TEST_CASE("a late connect or heartbeat older than the session's disconnect does not revive the session") {
  Told t;
  t.pass(at(20));
  t.fold(disconnect("john", "phone", at(20)));
  t.fold(connect("john", "phone", at(10)));
  CHECK(text(t.take()) == text({changed(at(20), std::nullopt, seen_offline("john", at(10)))}));
  t.fold(heartbeat("john", "phone", at(15)));
  CHECK(t.changes.empty());
  CHECK_FALSE(t.s.online("john"));
}

TEST_CASE("of two connects that arrive out of order, the later one sets the session's deadline") {
  Told t;
  t.pass(at(30));
  t.fold(connect("john", "phone", at(30)));
  t.take();
  CHECK(t.fold(connect("john", "phone", at(5))) == Verdict::applied);  // a late visibility change between could bring it to light
  CHECK(t.changes.empty());
  CHECK(t.s.next_deadline() == at(70));
  CHECK(t.s.inspect("john")->sessions[0].last_evidence == at(30));
}

TEST_CASE("a late heartbeat revives a session that has timed out, and the change is dated now") {
  Told t;
  t.fold(connect("john", "phone", at(0)));
  t.pass(at(50));
  t.take();
  CHECK(t.fold(heartbeat("john", "phone", at(20))) == Verdict::applied);
  CHECK(text(t.take()) == text({changed(at(50), seen_offline("john", at(0)), seen_online("john", at(0)))}));
  CHECK(t.s.next_deadline() == at(60));
  CHECK(t.fold(heartbeat("john", "laptop", at(10))) == Verdict::applied);  // too old to live: 10 + 40 is now
  CHECK(t.s.next_deadline() == at(60));
  CHECK_FALSE(t.s.inspect("john")->sessions[0].alive);
}

TEST_CASE("a session that times out leaves the user's other session live") {
  Told t;
  t.fold(connect("john", "phone", at(0)));
  t.fold(connect("john", "laptop", at(20)));
  t.take();
  t.pass(at(60) - tick);
  CHECK(t.changes.empty());
  CHECK(t.s.online("john"));
  t.pass(at(61));
  CHECK(text(t.take()) == text({changed(at(60), seen_online("john", at(20)), seen_offline("john", at(20)))}));
}

TEST_CASE("sessions of two users with the same session id are independent") {
  Told t;
  t.fold(connect("john", "phone", at(0)));
  t.fold(connect("jack", "phone", at(0)));
  t.fold(disconnect("jack", "phone", at(1)));
  CHECK(t.s.online("john"));
  CHECK_FALSE(t.s.online("jack"));
}

TEST_CASE("ids are compared as bytes: case, embedded and trailing null bytes are significant") {
  Told t;
  const std::string with_null("jo\0hn", 5);
  t.fold(connect("john", "phone", at(0)));
  t.fold(connect("John", "phone", at(0)));
  t.fold(connect(with_null, "phone", at(0)));
  t.fold(connect("jo", "phone", at(0)));
  t.fold(connect("jo", std::string("phone\0", 6), at(0)));
  CHECK(t.s.size() == 4);
  CHECK(t.s.online(with_null));
  CHECK_FALSE(t.s.online("joh"));
  CHECK(t.s.inspect("jo")->sessions.size() == 2);
}

TEST_CASE("event fields that do not belong to the event's type are ignored") {
  Told t;
  PresenceEvent beat = heartbeat("john", "phone", at(0));
  beat.invisible = true;
  beat.online = true;
  beat.last_active = at(500);
  t.fold(beat);
  CHECK(t.s.find("john") == seen_online("john", at(0)));
  PresenceEvent left = disconnect("john", "phone", at(1));
  left.invisible = true;
  left.online = true;
  t.fold(left);
  CHECK(t.s.find("john") == seen_offline("john", at(0)));
  PresenceEvent said = says("john", "hi", at(2));
  said.session = "laptop";
  said.invisible = true;
  said.online = true;
  said.last_active = at(500);
  t.fold(said);
  CHECK(t.s.find("john") == seen_offline("john", at(0), "hi"));
  PresenceEvent told = report("john", false, at(3));
  told.session = "tv";
  told.invisible = true;
  t.fold(told);
  CHECK(t.s.find("john") == seen_offline("john", at(0), "hi"));
  CHECK(t.s.inspect("john")->sessions.size() == 1);
  PresenceEvent hello = connect("jack", "phone", at(4));
  hello.online = true;
  hello.last_active = at(500);
  t.fold(hello);
  CHECK(t.s.find("jack") == seen_online("jack", at(4)));
  t.pass(at(100));
  CHECK_FALSE(t.s.online("jack"));
}

TEST_CASE("a connect beats a disconnect with the same timestamp, and without a timeout the session stays live") {
  Told t(with_timeout(Duration()));
  t.pass(at(0));
  t.fold(disconnect("john", "phone", at(0)));
  t.fold(connect("john", "phone", at(0)));
  t.pass(at(1e7));
  CHECK(t.s.online("john"));
  CHECK_FALSE(t.s.next_deadline());
}

TEST_CASE("an event ahead of now takes effect immediately, and its session times out from the event's timestamp") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(50)));
  CHECK(text(t.take()) == text({changed(at(0), std::nullopt, seen_online("john", at(50)))}));
  CHECK(t.s.next_deadline() == at(90));
}

TEST_CASE("advancing to the lowest or highest Timestamp is invalid and changes nothing") {
  Told t;
  t.fold(connect("john", "phone", at(0)));
  CHECK(t.pass(Timestamp::highest()) == Verdict::invalid);
  CHECK(t.pass(Timestamp::lowest()) == Verdict::invalid);
  CHECK_FALSE(t.s.now());
  CHECK(t.s.online("john"));
  CHECK_FALSE(reduce(t.s, Timestamp::highest()).now());
  CHECK(t.pass(at(1)) == Verdict::applied);
  CHECK(t.pass(Timestamp::highest()) == Verdict::invalid);
  CHECK(t.s.now() == at(1));
}

TEST_CASE("events do not change a snapshot's now") {
  Told t;
  t.fold(connect("john", "phone", at(0)));
  t.fold(connect("jack", "phone", at(5000)));
  CHECK(t.s.online_count() == 2);
  CHECK_FALSE(t.s.now());
  t.pass(at(4990));
  t.fold(heartbeat("jack", "phone", at(5050)));
  CHECK(t.s.now() == at(4990));
}

TEST_CASE("inspect returns a user's sessions in the order of their ids, without an end if there is no timeout") {
  Told t(with_timeout(Duration()));
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(disconnect("john", "laptop", at(1)));
  const auto truth = t.s.inspect("john").value();
  REQUIRE(truth.sessions.size() == 2);
  CHECK(truth.sessions[0].id == "laptop");
  CHECK_FALSE(truth.sessions[0].alive);
  CHECK_FALSE(truth.sessions[0].online_until);
  CHECK(truth.sessions[1].alive);
  CHECK_FALSE(truth.sessions[1].online_until);  // does not end by itself
  CHECK_FALSE(truth.status_at);
  CHECK_FALSE(truth.invisible_since);
  const auto no_callback = reduce(Snapshot(), disconnect("jack", "phone", at(0))).inspect("jack").value();
  CHECK(no_callback.user == User{"jack", false, "", std::nullopt, false});
}
