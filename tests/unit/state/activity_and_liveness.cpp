// SPDX-License-Identifier: MIT

// What keeps a session alive, and what is an activity of its user: `active` events, Rules::heartbeat_is_activity.

#include "../rich.hpp"

#include <optional>
#include <vector>

using namespace support;

namespace {

/// Sessions of 40 s, last_active in steps of 10 s.
Rules steps(bool heartbeat_is_activity) {
  Rules rules = with_timeout(seconds(40));
  rules.last_active_refresh = seconds(10);
  rules.heartbeat_is_activity = heartbeat_is_activity;
  return rules;
}

}  // namespace

TEST_CASE("an active event moves last_active as a heartbeat does, rounded down") {
  for (const bool is_activity : {true, false}) {
    CAPTURE(is_activity);
    Told t(steps(is_activity));
    t.pass(at(0));
    t.fold(connect("john", "phone", at(3)));
    CHECK(last_active(t.s, "john") == at(3));
    t.take();
    CHECK(t.fold(acts("john", "phone", at(27))) == Verdict::applied);
    CHECK(text(t.take()) == text({changed(at(0), seen_online("john", at(3)), seen_online("john", at(20)))}));
    CHECK(t.fold(acts("john", "phone", at(29))) == Verdict::applied);
    CHECK(t.take().empty());
    CHECK(t.s.next_deadline() == at(69));
  }
}

TEST_CASE("an active event of an unknown session connects it") {
  Told t(steps(false));
  t.pass(at(0));
  CHECK(t.fold(acts("john", "phone", at(17))) == Verdict::applied);
  CHECK(text(t.take()) == text({changed(at(0), std::nullopt, seen_online("john", at(10)))}));
  t.fold(disconnect("john", "phone", at(18)));
  CHECK(text(t.take()) == text({changed(at(0), seen_online("john", at(10)), seen_offline("john", at(10)))}));
}

TEST_CASE("heartbeats and updates are activities only with heartbeat_is_activity") {
  for (const bool is_activity : {true, false}) {
    CAPTURE(is_activity);
    for (const bool is_update : {true, false}) {
      Snapshot s = folded(steps(is_activity), {connect("john", "phone", at(3))});
      s = reduce(std::move(s), is_update ? update("john", "phone", at(25)) : heartbeat("john", "phone", at(25)));
      CHECK(last_active(s, "john") == (is_activity ? at(20) : at(3)));
      CHECK(s.inspect("john")->sessions.at(0).last_evidence == at(25));
      CHECK(reduce(s, at(65) - tick).online("john"));
      CHECK_FALSE(reduce(s, at(65)).online("john"));
      s = reduce(std::move(s), connect("john", "phone", at(28)));
      CHECK(last_active(s, "john") == at(28));
    }
  }
}

TEST_CASE("a user of whom only a heartbeat is known is known while they are online") {
  for (const bool is_update : {true, false}) {
    Told t(steps(false));
    t.pass(at(0));
    CHECK(t.fold(is_update ? update("john", "phone", at(0)) : heartbeat("john", "phone", at(0))) == Verdict::applied);
    CHECK(text(t.take()) == text({changed(at(0), std::nullopt, seen_online("john", std::nullopt))}));
    CHECK(t.s.size() == 1);
    CHECK(t.s.online_count() == 1);
    CHECK(t.s.next_deadline() == at(40));
    SUBCASE("until the session times out") {
      t.pass(at(1000));
      CHECK(text(t.take()) == text({changed(at(40), seen_online("john", std::nullopt), std::nullopt)}));
    }
    SUBCASE("until the session disconnects") {
      t.fold(disconnect("john", "phone", at(5)));
      CHECK(text(t.take()) == text({changed(at(0), seen_online("john", std::nullopt), std::nullopt)}));
      CHECK_FALSE(t.s.next_deadline());
    }
    SUBCASE("until the last of them ends") {
      t.fold(heartbeat("john", "tv", at(10)));
      t.fold(disconnect("john", "phone", at(11)));
      CHECK(t.take().empty());
      t.pass(at(60));
      CHECK(text(t.take()) == text({changed(at(50), seen_online("john", std::nullopt), std::nullopt)}));
    }
    SUBCASE("and longer if they have a status, whether or not it is empty") {
      t.fold(says("john", "", at(1)));
      CHECK(t.take().empty());
      t.pass(at(60));
      CHECK(text(t.take()) ==
            text({changed(at(40), seen_online("john", std::nullopt), seen_offline("john", std::nullopt))}));
    }
    CHECK(t.s.online_count() == 0);
    CHECK(t.s.size() == (t.s.find("john") ? 1 : 0));
  }
}

TEST_CASE("such a user stays known during the grace") {
  Rules rules = steps(false);
  rules.offline_grace = seconds(5);
  Told t(rules);
  t.pass(at(0));
  t.fold(heartbeat("john", "phone", at(0)));
  t.fold(disconnect("john", "phone", at(1)));
  t.take();
  CHECK(t.s.next_deadline() == at(6));
  t.pass(at(10));
  CHECK(text(t.take()) == text({changed(at(6), seen_online("john", std::nullopt), std::nullopt)}));
}

TEST_CASE("such a user who becomes invisible is no longer known to others, but sees themselves") {
  Told t(steps(false));
  t.pass(at(0));
  t.fold(heartbeat("john", "phone", at(0)));
  t.take();
  t.fold(hides("john", at(1)));
  CHECK(text(t.take()) == text({changed(at(0), seen_online("john", std::nullopt), std::nullopt)}));
  CHECK(t.s.size() == 0);
  CHECK(t.s.find("john", self("john")) == sees_himself("john", true, std::nullopt));
  t.fold(shows("john", at(2)));  // an activity
  CHECK(text(t.take()) == text({changed(at(0), std::nullopt, seen_online("john", at(2)))}));
}

TEST_CASE("the activity of a session outlives its other sessions' heartbeats") {
  Told t(steps(false));
  t.pass(at(0));
  t.fold(connect("john", "phone", at(1)));
  t.fold(heartbeat("john", "tv", at(30)));
  t.take();
  t.pass(at(100));
  CHECK(text(t.take()) == text({changed(at(70), seen_online("john", at(1)), seen_offline("john", at(1)))}));
}

TEST_CASE("the order of activities and heartbeats does not matter") {
  for (const bool is_activity : {true, false}) {
    for (const double grace : {0.0, 7.0}) {
      Rules rules = steps(is_activity);
      rules.offline_grace = seconds(grace);
      rules.idle_after = seconds(grace == 0 ? 0 : 15);
      CHECK(digests_of_all_orders(
                rules,
                {heartbeat("john", "phone", at(1)), acts("john", "phone", at(12)), update("john", "phone", at(13)),
                 disconnect("john", "phone", at(13)), connect("john", "phone", at(13))},
                at(0), at(20))
                .size() == 1);
      CHECK(digests_of_all_orders(
                rules,
                {heartbeat("john", "phone", at(2)), acts("john", "phone", at(2)), disconnect("john", "phone", at(2)),
                 acts("john", "tv", at(59)), heartbeat("john", "phone", at(59))},
                at(0), at(61))
                .size() == 1);
    }
  }
}

TEST_CASE("an active event in place has the same effect as in a shared snapshot") {
  for (const bool is_activity : {true, false}) {
    Snapshot own = reduce(Snapshot(steps(is_activity)), at(0));
    own = reduce(std::move(own), connect("john", "phone", at(0)));
    Snapshot shared = own;
    own = *decode(encode(own), own.rules());
    for (const double second : {1.0, 11.0, 12.0, 39.0, 55.0, 200.0, 201.0}) {
      for (const PresenceEvent& event :
           {acts("john", "phone", at(second)), heartbeat("john", "phone", at(second + 0.5))}) {
        own = reduce(std::move(own), at(second));
        const Snapshot kept = shared;
        shared = reduce(reduce(kept, at(second)), event);
        own = reduce(std::move(own), event);
        CHECK(own.digest() == shared.digest());
        CHECK(rich(own.find("john")) == rich(shared.find("john")));
      }
    }
  }
}

TEST_CASE("an active event or an update without a session is invalid") {
  const Snapshot s = folded(steps(true), {connect("john", "phone", at(0)), says("john", "hi", at(0))});
  check_refused(s, acts("john", "", at(1)), Verdict::invalid);
  check_refused(s, update("john", "", at(1)), Verdict::invalid);
  check_refused(s, acts("", "phone", at(1)), Verdict::invalid);
  check_refused(s, acts("john", "phone", Timestamp::lowest()), Verdict::invalid);
  check_refused(s, update("john", "phone", Timestamp::highest()), Verdict::invalid);
  check_refused(s, acts("john", std::string(256, 'x'), at(1)), Verdict::over_limit);
}
