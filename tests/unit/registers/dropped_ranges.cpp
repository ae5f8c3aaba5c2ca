// SPDX-License-Identifier: MIT
#include <presence/registers/detail/normal_form.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/state/detail/snapshot_access.hpp>

#include "../telling.hpp"

using namespace support;

namespace {
Rules with_room(std::uint32_t room) {
  Rules rules;
  rules.max_recent_per_user = room;
  rules.last_active_refresh = Duration();
  return rules;
}
Rules with_sessions(std::uint32_t sessions) {
  Rules rules;
  rules.max_sessions_per_user = sessions;
  return rules;
}
Rules with_users(std::uint32_t users) {
  Rules rules;
  rules.max_users = users;
  return rules;
}
}  // namespace

TEST_CASE("over max_sessions_per_user, only a session that becomes live displaces another one") {
  Told t(with_sessions(1));
  t.pass(at(50));
  t.fold(connect("john", "phone", at(20)));
  t.fold(disconnect("john", "laptop", at(30)));
  const auto is_live = [&](const char* id) {
    bool live = false;
    const PresenceState state = t.s.inspect("john").value();
    for (const Session& session : state.sessions) live = live || (session.id == id && session.alive);
    return live;
  };
  CHECK(t.fold(connect("john", "laptop", at(30) - tick)) == Verdict::applied);
  CHECK(t.fold(heartbeat("john", "laptop", at(30))) ==
        Verdict::applied);                                           // a disconnect beats a heartbeat of its timestamp
  CHECK(t.fold(connect("john", "tv", at(10))) == Verdict::applied);  // has timed out
  CHECK(t.fold(disconnect("john", "car", at(50))) == Verdict::applied);
  CHECK(t.fold(says("john", "hi", at(50))) == Verdict::applied);
  CHECK(t.fold(report("john", true, at(50))) == Verdict::applied);
  CHECK(is_live("phone"));
  CHECK(t.s.inspect("john")->sessions.size() == 4);
  CHECK(t.fold(connect("john", "tv", at(10) + tick)) == Verdict::applied);  // comes to life, older than the phone
  CHECK(is_live("phone"));
  CHECK_FALSE(is_live("tv"));
  CHECK(t.fold(connect("john", "laptop", at(30))) ==
        Verdict::applied);  // a connect beats a disconnect of its timestamp
  CHECK(is_live("laptop"));
  CHECK_FALSE(is_live("phone"));
}

TEST_CASE("at max_sessions_per_user, a live session can be refreshed without displacing another one") {
  Told t(with_sessions(2));
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(connect("john", "laptop", at(0)));
  t.pass(at(39));
  CHECK(t.fold(connect("john", "phone", at(39))) == Verdict::applied);
  CHECK(t.s.inspect("john")->sessions.size() == 2);
  t.pass(at(40));  // the laptop has timed out
  CHECK(t.fold(heartbeat("john", "tv", at(40))) == Verdict::applied);
  CHECK(t.s.inspect("john")->sessions.size() == 3);
  CHECK(t.fold(heartbeat("john", "laptop", at(41))) == Verdict::applied);
  CHECK(t.s.inspect("john")->sessions.size() == 2);  // without the phone
}

TEST_CASE("with max_sessions_per_user = 0 no session makes a user online") {
  Told t(with_sessions(0));
  t.pass(at(0));
  CHECK(t.fold(connect("john", "phone", at(0))) == Verdict::applied);
  CHECK(t.s.find("john") == seen_offline("john", at(0)));
  CHECK(t.fold(report("john", true, at(0))) == Verdict::applied);
  CHECK(t.s.online("john"));
  CHECK(t.fold(invisibly("jack", "phone", at(0))) == Verdict::applied);
  CHECK(t.s.inspect("jack")->sessions.empty());
}

TEST_CASE("an event that makes a known user unknown is over_limit if max_users unknown users are kept") {
  Told t(with_users(1));
  t.pass(at(10));
  t.fold(connect("john", "phone", at(10)));
  t.fold(disconnect("jack", "phone", at(10)));
  CHECK(t.fold(invisibly("john", "phone", at(10))) == Verdict::over_limit);
  CHECK(t.s.online("john"));
  t.pass(at(170) + tick);  // of jack nothing is left
  t.fold(connect("john", "laptop", at(170)));
  CHECK(t.fold(invisibly("john", "laptop", at(170))) == Verdict::applied);
  CHECK(t.s.find("john") == seen_offline("john", at(10)));
}

TEST_CASE("at max_users, an unknown user's events are applied unless they would make the user known") {
  Told t(with_users(1));
  t.pass(at(0));
  t.fold(invisibly("jack", "phone", at(0)));
  t.fold(connect("john", "phone", at(0)));
  CHECK(t.fold(heartbeat("jack", "laptop", at(1))) == Verdict::applied);
  CHECK(t.fold(says("jack", "hi", at(1))) == Verdict::over_limit);
  CHECK(t.fold(report("jack", true, at(1))) == Verdict::over_limit);
  CHECK_FALSE(t.s.find("jack"));
  CHECK(t.fold(disconnect("mary", "phone", at(1))) == Verdict::over_limit);
}

TEST_CASE("with max_users = 0 every event is over_limit and nothing is kept") {
  Told t(with_users(0));
  const Snapshot empty = t.s;
  for (const PresenceEvent& event :
       {connect("john", "phone", at(0)), disconnect("john", "phone", at(0)), invisibly("john", "phone", at(0)),
        says("john", "hi", at(0)), report("john", true, at(0))}) {
    CHECK(t.fold(event) == Verdict::over_limit);
  }
  CHECK(t.s == empty);
  CHECK(detail::SnapshotAccess::read(t.s)->table.size() == 0);
}

TEST_CASE("of more disconnects than the limit, the one that ends the session and the newest ones are kept") {
  Rules rules = with_room(4);
  rules.offline_grace = seconds(60);
  Told t(rules);
  t.pass(at(0));
  t.fold(connect("john", "phone", at(-10)));
  t.take();
  for (int i = 0; i < 1000; ++i) t.fold(disconnect("john", "phone", at(0.01 * i)));
  const auto sessions = t.s.inspect("john")->sessions;
  REQUIRE(sessions.size() == 1);
  CHECK(sessions[0].disconnects == std::vector<Timestamp>{at(0), at(9.97), at(9.98), at(9.99)});
  CHECK(t.s.next_deadline() == at(60));
  CHECK(t.changes.empty());
}

TEST_CASE("of more ended sessions than the limit, those that ended last are kept, and every live session is") {
  Told t(with_room(4));
  t.pass(at(0));
  t.fold(connect("john", "live", at(-30)));
  for (int i = 0; i < 500; ++i) {
    t.fold(connect("john", std::to_string(1000 + i), at(0)));
    t.fold(disconnect("john", std::to_string(1000 + i), at(0) + seconds(0.001 * i) + tick));
  }
  CHECK(t.s.inspect("john")->sessions.size() == 6);  // they go when another comes in
  t.fold(connect("john", "2000", at(1)));
  const auto sessions = t.s.inspect("john")->sessions;
  REQUIRE(sessions.size() == 6);
  CHECK(sessions[0].id == "1496");
  CHECK(sessions[3].id == "1499");
  CHECK(sessions[4].id == "2000");
  CHECK(sessions[5].id == "live");
  CHECK(t.s.online("john"));
}

TEST_CASE("of more activities of a visible user than the limit, the newest are kept") {
  Told t(with_room(4));
  t.pass(at(100));
  for (int i = 0; i < 100; ++i) t.fold(heartbeat("john", "phone", at(i)));
  CHECK(kept_of(t.s, "john")->activities.size() == 4);
  CHECK(last_active(t.s, "john") == at(99));
  t.fold(invisibly("john", "phone", at(98)));
  CHECK(last_active(t.s, "john") == at(97));
  t.fold(invisibly("john", "phone",
                   at(50)));  // what was before is not known any more
  CHECK_FALSE(t.s.find("john"));
}

TEST_CASE("many activities while invisible do not displace the last_active that others see or may see later") {
  Told t(with_room(4));
  t.pass(at(100));
  for (int i = 0; i < 3; ++i) t.fold(heartbeat("john", "phone", at(i)));
  t.fold(invisibly("john", "phone", at(10)));
  for (int i = 11; i < 100; ++i) t.fold(heartbeat("john", "phone", at(i)));
  CHECK(kept_of(t.s, "john")->activities.size() <= 8);
  CHECK(last_active(t.s, "john") == at(2));
  t.fold(visibly("john", "phone", at(12)));    // not invisible at 10 any more
  t.fold(invisibly("john", "phone", at(14)));  // but from here on
  CHECK(last_active(t.s, "john") == at(13));
}

TEST_CASE("over the limit, the first visibility changes of the invisible run and the newest before it are kept") {
  Told t(with_room(4));
  t.pass(at(100));
  for (int i = 0; i < 20; ++i) t.fold(invisibly("john", "phone", at(i), i % 2 == 0));
  for (int i = 20; i < 100; ++i) t.fold(invisibly("john", "phone", at(i)));
  const auto kept = *kept_of(t.s, "john");
  CHECK(kept.visibility_changes.size() == 8);
  CHECK(kept.visibility_changes.front() == detail::VisibilityChange{at(16), true});
  CHECK(kept.visibility_changes[3] == detail::VisibilityChange{at(19), false});
  CHECK(kept.visibility_changes[4] == detail::VisibilityChange{at(20), true});
  CHECK(kept.visibility_changes.back() == detail::VisibilityChange{at(23), true});
  CHECK(kept.dropped_range == detail::DroppedRange{at(23), at(99)});
  CHECK(t.s.inspect("john")->invisible_since == at(20));
}

TEST_CASE("an event that makes a user visible inside a dropped range is over_limit, exact to the nanosecond") {
  Told t(with_room(2));
  t.pass(at(100));
  t.fold(connect("john", "phone", at(0)));
  for (int i = 10; i <= 20; ++i) t.fold(invisibly("john", "phone", at(i)));
  CHECK(kept_of(t.s, "john")->dropped_range == detail::DroppedRange{at(11), at(20)});
  const Snapshot before = t.s;
  t.take();
  CHECK(t.fold(visibly("john", "phone", at(11) + tick)) == Verdict::over_limit);
  CHECK(t.fold(visibly("john", "phone", at(20))) == Verdict::over_limit);
  CHECK(t.s == before);
  CHECK(accepted(t.fold(connect("john", "phone", at(15)))));  // says nothing about it
  CHECK(accepted(t.fold(visibly("john", "phone",
                                at(11)))));  // of a timestamp's two visibility changes the invisible one stands
  CHECK(t.s.inspect("john")->invisible_since == at(10));
  CHECK(t.changes.empty());
  CHECK(t.fold(visibly("john", "phone", at(20) + tick)) == Verdict::applied);
  CHECK(t.s.find("john") == seen_offline("john", at(20) + tick));
  CHECK(t.fold(invisibly("john", "phone", at(30))) == Verdict::applied);
  CHECK(t.s.find("john") == seen_offline("john", at(20) + tick));
  t.pass(at(140));
  CHECK(t.fold(invisibly("jack", "phone", at(140))) == Verdict::applied);
  t.pass(at(140) + tick);
  CHECK(t.s.inspect("john")->invisible_since == at(30));
  CHECK(t.fold(visibly("john", "phone", at(31))) == Verdict::applied);
}

TEST_CASE("a dropped range is kept while its end lies in the reorder window") {
  Told t(with_room(1));
  t.pass(at(0));
  for (int i = 0; i < 5; ++i) t.fold(invisibly("john", "phone", at(i)));
  t.pass(at(124));
  CHECK(t.s.digest() != reduce(folded(with_room(1), {invisibly("john", "phone", at(0))}), at(124)).digest());
  CHECK(t.fold(visibly("john", "laptop", at(4))) == Verdict::over_limit);
  t.pass(at(124) + tick);
  CHECK(t.fold(visibly("john", "laptop", at(5))) == Verdict::applied);
  CHECK(kept_of(t.s, "john")->dropped_range == detail::DroppedRange());
}

TEST_CASE("many events of one user leave the records of other users unchanged") {
  Told t(with_room(8));
  t.pass(at(0));
  t.fold(saying(connect("jack", "phone", at(0)), "hi"));
  const Snapshot before = t.s;
  Chance chance(9);
  for (int i = 0; i < 3000; ++i) {
    PresenceEvent event = random_event(chance, 0, 1, 500);
    event.at = event.at + Duration::from_ns(i);
    t.fold(event);
  }
  const auto kept = *kept_of(t.s, user_id(0));
  std::size_t reports = 0;
  for (const auto& session : kept.sessions) reports += session.is_report() ? 1u : 0u;
  CHECK(reports == 1);  // which the limits do not count
  CHECK(kept.sessions.size() - reports <= 64 + 8);
  CHECK(kept.activities.size() <= 2 * 8);
  CHECK(kept.visibility_changes.size() <= 2 * 8);
  CHECK(*kept_of(t.s, "jack") == *kept_of(before, "jack"));
  CHECK(t.s.inspect("jack") == before.inspect("jack"));
  const Snapshot alone = reduce(Snapshot(with_room(8)), at(0));
  CHECK(reduce(alone, saying(connect("jack", "phone", at(0)), "hi")).inspect("jack") == t.s.inspect("jack"));
}

TEST_CASE("max_recent_per_user = 0 keeps one record of each kind") {
  Told t(with_room(0));
  t.pass(at(10));
  for (int i = 0; i < 9; ++i) {
    t.fold(heartbeat("john", "phone", at(i)));
    t.fold(visibly("john", "phone", at(i)));
    t.fold(disconnect("jack", std::to_string(i), at(i)));
  }
  CHECK(t.s.online("john"));
  CHECK(last_active(t.s, "john") == at(8));
  CHECK(kept_of(t.s, "john")->visibility_changes.size() == 1);
  CHECK(kept_of(t.s, "jack")->sessions.size() == 1);
}

TEST_CASE("two dropped ranges of one invisible run join to one range from the earlier start to the later end") {
  detail::UserRegisters a, b;
  a.visibility_changes.push_back({at(1), true});
  a.dropped_range = {at(1), at(2)};
  b.visibility_changes.push_back({at(1), true});
  b.visibility_changes.push_back({at(5), true});
  b.dropped_range = {at(5), at(9)};
  detail::UserRegisters ab = a, ba = b;
  detail::join(ab, b, Rules());
  detail::join(ba, a, Rules());
  CHECK((ab.dropped_range == detail::DroppedRange{at(1), at(9)}));
  CHECK(ab == ba);
}

TEST_CASE("a dropped range is kept while its invisible run lasts, and then until reorder_window after its end") {
  detail::UserRegisters user;
  user.visibility_changes.push_back({at(1), true});
  user.dropped_range = {at(1), at(5)};
  const Rules rules;
  detail::normalise(user, at(1e6), rules);
  CHECK((user.dropped_range == detail::DroppedRange{at(1), at(5)}));
  user.visibility_changes.push_back({at(6), false});
  detail::normalise(user, at(5) + rules.reorder_window, rules);
  CHECK((user.dropped_range == detail::DroppedRange{at(1), at(5)}));
  detail::normalise(user, at(5) + rules.reorder_window + tick, rules);
  CHECK(user.dropped_range == detail::DroppedRange());
}

TEST_CASE("later changes of an invisible run extend its dropped range, even if there is room again") {
  Rules rules;
  rules.max_recent_per_user = 2;
  Told t(rules);
  t.pass(at(0));
  for (int i = 1; i <= 3; ++i) t.fold(invisibly("john", "phone", at(i)));
  t.fold(visibly("john", "phone", at(1.5)));
  t.fold(invisibly("john", "phone", at(4)));
  const auto kept = *kept_of(t.s, "john");
  CHECK((kept.dropped_range == detail::DroppedRange{at(2), at(4)}));
  CHECK(kept.visibility_changes.back().at == at(2));
}

TEST_CASE("a merge removes expired records before it applies the limits") {
  Rules rules;
  rules.max_recent_per_user = 3;
  Snapshot old(rules), recent(rules);
  for (int i = 1; i <= 3; ++i) old = reduce(std::move(old), invisibly("john", "phone", at(i)));
  recent = reduce(reduce(std::move(recent), invisibly("john", "phone", at(200))), at(300));
  const Snapshot merged = merge(reduce(std::move(old), at(10)), recent);
  const auto kept = *kept_of(merged, "john");
  CHECK(kept.dropped_range == detail::DroppedRange());
  CHECK(kept.visibility_changes.back().at == at(200));
}

TEST_CASE("a merge keeps the dropped range of an invisible run that has ended") {
  Told t(with_room(1));
  for (int i = 0; i < 3; ++i) t.fold(invisibly("john", "phone", at(i)));
  t.fold(visibly("john", "phone", at(4)));
  const Snapshot before = t.s;
  t.fold(heartbeat("john", "phone", at(5)));
  const Snapshot merged = merge(before, t.s), other_way = merge(t.s, before);
  CHECK(merged == t.s);
  CHECK(other_way == t.s);
  Told m(with_room(1));
  m.s = merged;
  CHECK(m.fold(visibly("john", "pad", at(1.5))) == Verdict::over_limit);
}

TEST_CASE("of the dropped ranges of two invisible runs that have ended, a merge keeps the later one") {
  Told a(with_room(1)), b(with_room(1));
  for (int i = 0; i < 3; ++i) a.fold(invisibly("john", "phone", at(i)));
  a.fold(visibly("john", "phone", at(20)));
  for (int i = 10; i < 13; ++i) b.fold(invisibly("john", "phone", at(i)));
  b.fold(visibly("john", "phone", at(20)));
  const Snapshot there = merge(a.s, b.s), back = merge(b.s, a.s);
  CHECK(there == back);
  CHECK(merge(there, a.s) == there);
  CHECK(merge(there, b.s) == there);
  CHECK(apply(a.s, visibly("john", "pad", at(1.5)), [](const UserPresenceChangedView&) {}) == Verdict::over_limit);
  Told m(with_room(1));
  m.s = there;
  CHECK(m.fold(visibly("john", "pad", at(11.5))) == Verdict::over_limit);
}
