// SPDX-License-Identifier: MIT

// Ending the sessions of a node that is gone, of a snapshot.

#include "../nodes.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using namespace support;

namespace {

/// What disconnect_sessions is equivalent to.
Tally disconnect_one_by_one(Told& told, const std::vector<std::string>& ids, std::string_view prefix, Timestamp when) {
  Tally tally;
  for (const UserSession& one : inspected_sessions(told.s, ids, prefix))
    tally.count(told.fold(disconnect(one.user, one.session, when)));
  return tally;
}

}  // namespace

TEST_CASE("all live sessions with the prefix are disconnected, and no others") {
  Told told;
  told.pass(at(0));
  told.fold(connect("john", "node-7/1", at(0)));
  told.fold(connect("mary", "node-7/2", at(0)));
  told.fold(connect("mary", "node-8/1", at(0)));
  told.fold(invisibly("ann", "node-7/3", at(0)));
  told.fold(connect("bob", "node-71/1", at(0)));
  told.fold(connect("cid", "node-7/4", at(0)));
  told.fold(disconnect("cid", "node-7/4", at(0) + tick));
  told.fold(report("dan", true, at(0)));
  told.take();
  CHECK(disconnect_sessions(told.s, "node-7/", at(1), told) == tally_of(3));
  CHECK(text(told.take()) == text({changed(at(0), seen_online("john", at(0)), seen_offline("john", at(0)))}));
  CHECK(text(sessions_in(told.s)) == text(inspected_sessions(told.s, {"bob", "mary"}, "")));
  CHECK(told.s.online("dan"));
  CHECK(disconnect_sessions(told.s, "node-7/", at(1), told) == Tally());
  // Without a prefix all are, and reports still are not.
  CHECK(disconnect_sessions(told.s, "", at(1)) == tally_of(2));
  CHECK(sessions_in(told.s).empty());
  CHECK(told.s.online("dan"));
  CHECK(told.changes.empty());
}

TEST_CASE("a time that is too late, too early or out of range ends no session, and each counts as rejected") {
  Told told;
  told.pass(at(0));
  for (const char* user : {"john", "mary"}) told.fold(connect(user, "node-7/1", at(0)));
  told.pass(at(30));
  told.take();
  const Snapshot before = told.s;
  const Rules rules;
  CHECK(disconnect_sessions(told.s, "node-7/", at(30) - rules.reorder_window - tick, told).too_late == 2);
  CHECK(disconnect_sessions(told.s, "node-7/", at(30) + rules.max_clock_skew + tick, told).too_early == 2);
  CHECK(disconnect_sessions(told.s, "node-7/", Timestamp::lowest(), told).invalid == 2);
  CHECK(disconnect_sessions(told.s, "node-7/", Timestamp::highest(), told).invalid == 2);
  CHECK(disconnect_sessions(told.s, "node-8/", Timestamp::highest(), told) == Tally());
  CHECK(told.s == before);
  CHECK(told.changes.empty());
  CHECK(disconnect_sessions(told.s, "node-7/", at(30) + rules.max_clock_skew, told) == tally_of(2));
  CHECK(told.take().size() == 2);
  Snapshot none;
  CHECK(disconnect_sessions(none, "", at(0)) == Tally());
  CHECK(none == Snapshot());
}

TEST_CASE("a session with a later heartbeat, or a connect at that time, remains live") {
  Snapshot s = reduce(Snapshot(), at(10));
  apply(s, connect("john", "node-7/1", at(5)));
  apply(s, connect("john", "node-7/2", at(6)));
  apply(s, connect("john", "node-7/3", at(0)));
  apply(s, heartbeat("john", "node-7/3", at(6)));
  apply(s, heartbeat("john", "node-7/4", at(6) + tick));
  CHECK(disconnect_sessions(s, "node-7/", at(6)).total() == 4);
  CHECK(text(sessions_in(s)) == text(UserSessions{{"john", "node-7/2"}, {"john", "node-7/4"}}));
}

TEST_CASE("the changes come after all sessions have ended, in the order of the listing") {
  Snapshot s = reduce(Snapshot(), at(0));
  const std::vector<std::string> ids = ids_in_order(100);
  for (std::size_t i = ids.size(); i > 0; --i) {
    apply(s, connect(ids[i - 1], "node-7/1", at(0)));
    apply(s, being(connect(ids[i - 1], "node-7/2", at(0)), Availability::busy));
  }
  std::vector<std::string> changes, expected;
  std::vector<Snapshot> copies;
  disconnect_sessions(s, "node-7/", at(1), [&](const UserPresenceChangedView& change) {
    changes.push_back(std::string(change.id) + " " + std::string(to_string(change.after->availability)));
    copies.push_back(s);
    CHECK(s.online_count() == 0);
  });
  // A user is busy until the session that says so has ended, which is the last one.
  for (const std::string& id : ids) expected.push_back(id + " offline");
  CHECK(changes == expected);
  for (const Snapshot& copy : copies) CHECK(copy == s);
}

TEST_CASE("a user whose sessions end one after the other may have several changes") {
  Told told;
  told.pass(at(0));
  told.fold(being(connect("john", "node-7/1", at(0)), Availability::busy));
  told.fold(connect("john", "node-7/2", at(0)));
  told.take();
  disconnect_sessions(told.s, "node-7/", at(0) + tick, told);
  const Changes changes = told.take();
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].before->availability == Availability::busy);
  CHECK(changes[0].after->availability == Availability::available);
  CHECK(changes[1].before == changes[0].after);
  CHECK(changes[1].after->availability == Availability::offline);
}

TEST_CASE("the prefix may borrow from a session that ends") {
  for (const char* session : {"node-7", "node-7 with a name that is too long to be stored in a row"}) {
    Snapshot s = reduce(Snapshot(), at(0));
    for (std::size_t i = 0; i < 50; ++i) apply(s, connect(user_id(i), session, at(0)));
    std::string_view prefix;
    s.each_session("", [&prefix](std::string_view, std::string_view id) { prefix = id; });
    CHECK(disconnect_sessions(s, prefix, at(1)) == tally_of(50));
    CHECK(sessions_in(s).empty());
  }
}

#if defined(__cpp_exceptions)
TEST_CASE("a callback that throws leaves all sessions ended") {
  Snapshot s = reduce(Snapshot(), at(0));
  for (std::size_t i = 0; i < 50; ++i) apply(s, connect(user_id(i), "node-7/1", at(0)));
  int calls = 0;
  const auto throws = [&calls](const UserPresenceChangedView&) {
    if (++calls == 3) throw 7;
  };
  CHECK_THROWS_AS(disconnect_sessions(s, "node-7/", at(1), throws), int);
  CHECK(calls == 3);
  CHECK(sessions_in(s).empty());
}
#endif

TEST_CASE("disconnecting sessions has the same effect as a disconnect of each of them, after any history") {
  Chance chance(90210);
  const std::vector<std::string> ids = ids_in_order(60);
  Tally all;
  std::size_t changes = 0;
  for (std::size_t round = 0; round < 80; ++round) {
    const Rules rules = random_rules_of_nodes(chance);
    Told batch(rules), single(rules), silent(rules);
    std::vector<Snapshot> copies;
    for (int second = 0; second < 200; second += 5) {
      for (std::size_t i = chance.below(30); i > 0; --i) {
        const int late = static_cast<int>(chance.below(25));
        const PresenceEvent event = random_event_of_nodes(chance, at(second - late), round % 2 == 0 ? 4 : 60);
        for (Told* told : {&batch, &single, &silent}) told->fold(event);
      }
      if (chance.below(4) != 0) {
        for (Told* told : {&batch, &single, &silent}) told->pass(at(second));
      }
      if (chance.below(3) == 0) copies.push_back(batch.s);  // pages are then shared
      const char* const prefixes[] = {"", "node-1/", "node-2/with", "node-0/a"};
      const std::string prefix = prefixes[chance.below(4)];
      if (chance.below(3) != 0) continue;
      const int when = second - 10 + static_cast<int>(chance.below(15)) + (chance.below(9) == 0 ? -300 : 0);
      const Tally expected = disconnect_one_by_one(single, ids, prefix, at(when));
      REQUIRE(disconnect_sessions(batch.s, prefix, at(when), batch) == expected);
      REQUIRE(disconnect_sessions(silent.s, prefix, at(when)) == expected);
      all += expected;
      REQUIRE(batch.s == single.s);
      REQUIRE(silent.s == single.s);
      REQUIRE(batch.s.digest() == single.s.digest());
      REQUIRE(batch.s.next_deadline() == single.s.next_deadline());
      REQUIRE(batch.s.online_count() == single.s.online_count());
      REQUIRE(batch.s.size() == single.s.size());
      const Changes told = single.take();
      changes += told.size();
      REQUIRE(rich(batch.take()) == rich(told));
    }
  }
  CHECK(all.applied > 500);
  CHECK(all.too_late > 20);
  CHECK(changes > 1000);
}
