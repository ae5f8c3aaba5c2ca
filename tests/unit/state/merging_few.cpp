// SPDX-License-Identifier: MIT
#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/registers/detail/peer_dates.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/registers/detail/session.hpp>
#include <presence/state/detail/change_sink.hpp>
#include <presence/state/detail/merging.hpp>
#include <presence/state/detail/plan.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>

#include "../telling.hpp"

using namespace support;

namespace {

const void* root_of(const Snapshot& s) { return detail::SnapshotAccess::read(s); }

/// Events as a busy server receives them: mostly heartbeats, of few sessions.
PresenceEvent ordinary_event(Chance& chance, double second, std::size_t users) {
  const std::size_t user = chance.below(users), kind = chance.below(12);
  const std::string session = chance.below(6) == 0   ? "a session with a long id"
                              : chance.below(3) == 0 ? "pad"
                                                     : "phone";
  const Timestamp when = at(second - static_cast<double>(chance.below(4)));
  const std::string id = user_id(user);
  if (kind < 6) return heartbeat(id, session, when);
  if (kind < 8) return connect(id, session, when);
  if (kind < 10) return disconnect(id, session, when);
  if (kind == 10) return PresenceEvent::active(id, session, when);
  return says(id, chance.below(2) == 0 ? "busy" : "gone to a place where nothing can reach me", when);
}

struct Course {
  std::size_t users = 40;
  bool any_type = false;    // not only ordinary events
  bool is_complete = true;  // no limit and no window drops anything, so what was merged equals what was received
  bool is_limited = false;  // a limit or the window drops something, so what is kept may depend on the way
};

struct Merges {
  std::size_t in_place = 0, into_copies = 0, refused = 0;
};

void expect_equal(const Snapshot& a, const Snapshot& b) {
  REQUIRE(a == b);
  REQUIRE(a.digest() == b.digest());
  REQUIRE(a.next_deadline() == b.next_deadline());
  REQUIRE(a.online_count() == b.online_count());
  REQUIRE(a.size() == b.size());
  REQUIRE(text(views(a)) == text(views(b)));
  REQUIRE(detail::SnapshotAccess::read(a)->table.is_sound());
}

/// What a merge reported must be what others see differently after it.
void expect_changes(const Snapshot& before, const Snapshot& after, const Changes& changes) {
  std::map<std::string, std::pair<std::string, std::string>> expected, reported;
  const auto note = [](auto& all, const UserPresenceChanged& change) {
    all[change.id] = {text(change.before), text(change.after)};
  };
  diff(before, after, [&](const UserPresenceChangedView& change) { note(expected, UserPresenceChanged(change)); });
  for (const UserPresenceChanged& change : changes) note(reported, change);
  REQUIRE(reported == expected);
  REQUIRE(changes.size() == expected.size());
}

/// Merges small messages into a snapshot: the events themselves, with or without a later time, or a delta of all that
/// is kept of their users. The same must result, with the same changes, as from merging a snapshot of all users, which
/// goes another way. A message with one user too early must change nothing.
Merges expect_few_like_many(const Rules& rules, const Course& course, std::uint64_t seed) {
  CAPTURE(seed);
  Chance chance(seed);
  Merges merges;
  Snapshot ours(rules), shared(rules), one(rules);
  double second = 0;
  for (Snapshot* s : {&ours, &shared, &one}) {
    apply(*s, at(0));
    for (std::size_t i = 0; i < course.users; ++i) apply(*s, connect(user_id(i), "phone", at(0)));
  }
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    second += static_cast<double>(chance.below(100)) / 10;
    for (Snapshot* s : {&ours, &shared, &one}) apply(*s, at(second));
    Snapshot news(rules), after = ours;
    const std::size_t count = 1 + chance.below(6);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t known_users = course.users + (chance.below(4) == 0 ? 2u : 0u);  // some are new
      const PresenceEvent event = course.any_type && chance.below(3) == 0
                                      ? random_event_of_any_type(chance, second, known_users, 2)
                                      : ordinary_event(chance, second, known_users);
      apply(one, event);
      apply(news, event);
      apply(after, event);
      if (chance.below(3) == 0) {  // we have received some of them ourselves
        for (Snapshot* s : {&ours, &shared}) apply(*s, event);
      }
    }
    const std::size_t shape = chance.below(3);
    const double later = chance.below(2) == 0 ? 0 : static_cast<double>(chance.below(30));
    Snapshot bad = news;
    apply(bad, connect(user_id(chance.below(course.users)), "clock", at(second + 3600)));
    {
      const detail::PeerDates dates = detail::dates_at(*ours.now(), ours);
      REQUIRE(!detail::merge_from_peer(ours, bad, *ours.now(), dates, detail::ChangeSink()));
      expect_equal(ours, shared);
      ++merges.refused;
    }

    Told of_ours, of_shared;
    const Snapshot unchanged = merge(Snapshot(rules), ours);
    const Snapshot kept = chance.below(4) == 0 ? ours : Snapshot();
    const std::uint64_t digest = kept.digest();
    const void* const before = root_of(ours);
    const Snapshot many = shape == 2 ? merge(Snapshot(rules), after) : merge(news, shared);
    if (shape == 1) {  // as from a peer, by our own later time
      second += later;
      const detail::PeerDates dates = detail::dates_at(at(second), ours);
      REQUIRE(detail::merge_from_peer(shared, many, at(second), dates, of_shared));
      REQUIRE(detail::merge_from_peer(ours, news, at(second), dates, of_ours));
    } else {
      merge_into(shared, many, of_shared);
    }
    if (shape == 2) {
      REQUIRE(!apply_delta(ours, encode_delta(ours, after), *ours.now(), of_ours));
    } else if (shape == 0) {
      merge_into(ours, news, of_ours);
    }
    ++(root_of(ours) == before ? merges.in_place : merges.into_copies);
    expect_changes(unchanged, ours, of_ours.changes);
    if (course.is_limited) {
      shared = merge(Snapshot(rules), ours);
    } else {
      REQUIRE(text(of_ours.changes) == text(of_shared.changes));
    }
    expect_equal(ours, shared);
    REQUIRE(kept.digest() == digest);
    if (course.is_complete) {
      apply(one, at(second));
      REQUIRE(ours == one);
    }
  }
  return merges;
}

}  // namespace

TEST_CASE("a small message is merged in place like a large one, with the same changes") {
  Merges all;
  std::vector<Rules> variants(5);
  variants[1].offline_grace = seconds(10);
  variants[2].session_timeout = Duration();
  variants[3].heartbeat_is_activity = false;
  variants[3].last_active_refresh = seconds(1);
  variants[4].last_active_refresh = Duration();  // each heartbeat is visible
  for (const Rules& rules : variants) {
    for (const std::size_t users : {std::size_t{5}, std::size_t{40}, std::size_t{200}}) {
      Course course;
      course.users = users;
      const Merges merges = expect_few_like_many(rules, course, 20190107 + users);
      all.in_place += merges.in_place;
      all.into_copies += merges.into_copies;
      all.refused += merges.refused;
    }
  }
  CHECK(all.in_place > 300);
  CHECK(all.into_copies > 100);
  CHECK(all.refused > 200);
}

TEST_CASE("a small message with events of all types is merged like a large one, by any rules") {
  std::vector<Rules> variants(6);
  variants[1].offline_grace = seconds(10);
  variants[1].idle_after = seconds(20);
  variants[2].max_recent_per_user = 1;
  variants[3].max_sessions_per_user = 1;
  variants[4].reorder_window = seconds(5);
  variants[5].forget_after = seconds(40);
  for (std::size_t variant = 0; variant < variants.size(); ++variant) {
    CAPTURE(variant);
    for (const std::size_t users : {std::size_t{6}, std::size_t{60}}) {
      CAPTURE(users);
      Course course;
      course.users = users;
      course.any_type = true;
      course.is_complete = false;
      course.is_limited = variant == 2 || variant == 3 || variant == 4;
      for (std::uint64_t seed = 1; seed <= 4; ++seed) expect_few_like_many(variants[variant], course, seed);
    }
  }
}

TEST_CASE("a message of one event has the effect and the change of the event") {
  std::vector<Rules> variants(4);
  variants[1].offline_grace = seconds(10);
  variants[2].session_timeout = Duration();
  variants[3].heartbeat_is_activity = false;
  for (const Rules& rules : variants) {
    Snapshot start = reduce(Snapshot(rules), at(0));
    for (const PresenceEvent& event : {connect("john", "phone", at(-2)), connect("mary", "pad", at(-2)),
                                       connect("mary", "phone", at(-1)), says("mary", "here", at(-1))})
      start = reduce(std::move(start), event);
    for (const std::string user : {"john", "mary"}) {
      for (const PresenceEvent& event :
           {heartbeat(user, "phone", at(1)), connect(user, "phone", at(1)), PresenceEvent::active(user, "phone", at(1)),
            disconnect(user, "phone", at(1)), says(user, "a text that does not fit into a row", at(1)),
            connect(user, "tv", at(1)), connect("paul", "phone", at(1)), heartbeat(user, "phone", at(-9))}) {
        CAPTURE(event.user);
        const Snapshot message = folded(rules, {event});
        Told applied, merged, again;
        Snapshot received = merge(Snapshot(rules), start), ours = merge(Snapshot(rules), start);
        apply(received, event, applied);
        const void* const before = root_of(ours);
        merge_into(ours, message, merged);
        expect_equal(ours, received);
        CHECK(text(merged.changes) == text(applied.changes));
        CHECK(root_of(ours) == before);
        merge_into(ours, message, again);
        expect_equal(ours, received);
        CHECK(again.changes.empty());
      }
    }
  }
}

TEST_CASE("a message of one event that is dated too far in the future changes nothing") {
  Snapshot ours = reduce(Snapshot(), at(0));
  for (const std::string user : {"john", "mary"}) ours = reduce(std::move(ours), connect(user, "phone", at(-2)));
  const std::uint64_t digest = ours.digest();
  const detail::PeerDates dates = detail::dates_at(at(0), ours);
  const Timestamp much_later = at(3600);
  for (const PresenceEvent& event : {heartbeat("john", "phone", much_later), connect("john", "phone", much_later),
                                     disconnect("john", "phone", much_later), says("john", "busy", much_later)}) {
    Told told;
    CHECK_FALSE(detail::merge_from_peer(ours, folded({event}), at(0), dates, told));
    // What was joined before it is restored.
    for (const PresenceEvent& other :
         {heartbeat("mary", "phone", at(1)), connect("mary", "phone", at(1)), disconnect("mary", "phone", at(1)),
          says("mary", "busy", at(1)), connect("mary", "phone", at(50))})
      CHECK_FALSE(detail::merge_from_peer(ours, folded({other, event}), at(0), dates, told));
    CHECK(told.changes.empty());
    CHECK(ours.digest() == digest);
    CHECK(ours.online_count() == 2);
    CHECK(ours.next_deadline() == at(38));
  }
  // The clock of the message counts as well.
  for (const PresenceEvent& event : {heartbeat("john", "phone", at(1)), says("john", "busy", at(1))}) {
    const Snapshot old = reduce(folded({event}), at(-3600));
    CHECK_FALSE(detail::merge_from_peer(ours, old, at(0), dates, detail::ChangeSink()));
  }
  CHECK(ours.digest() == digest);
  CHECK(
      detail::merge_from_peer(ours, folded({disconnect("john", "phone", at(1))}), at(0), dates, detail::ChangeSink()));
  CHECK_FALSE(ours.online("john"));
}

TEST_CASE("a message of one event lets time pass") {
  Snapshot ours = reduce(Snapshot(), at(0));
  for (const std::string user : {"john", "mary"}) ours = reduce(std::move(ours), connect(user, "phone", at(0)));
  Told told;
  const Snapshot message = reduce(folded({heartbeat("john", "phone", at(30))}), at(45));
  merge_into(ours, message, told);
  CHECK(ours.now() == at(45));
  CHECK(ours.online("john"));
  CHECK_FALSE(ours.online("mary"));
  REQUIRE(told.changes.size() == 1);
  CHECK(told.changes[0].id == "mary");
}

TEST_CASE("a heartbeat that is merged together with an earlier one lengthens the run at both ends") {
  Snapshot ours = reduce(reduce(Snapshot(), at(0)), connect("mary", "tv", at(0)));
  for (const PresenceEvent& event : {connect("john", "pad", at(0)), heartbeat("john", "phone", at(10))})
    ours = reduce(std::move(ours), event);
  const std::vector<PresenceEvent> missed = {heartbeat("john", "phone", at(5)), heartbeat("john", "phone", at(12))};
  Snapshot received = ours;
  for (const PresenceEvent& event : missed) received = reduce(std::move(received), event);
  merge_into(ours, folded(missed));
  CHECK(ours.inspect("john")->sessions[1].online_since == at(5));
  CHECK(ours == received);
}

TEST_CASE("a heartbeat that is no activity is merged together with an earlier one") {
  Rules rules;
  rules.heartbeat_is_activity = false;
  Snapshot ours = reduce(reduce(Snapshot(rules), at(0)), connect("john", "pad", at(0)));
  ours = reduce(std::move(ours), heartbeat("john", "phone", at(10)));
  const std::vector<PresenceEvent> missed = {heartbeat("john", "phone", at(5)), heartbeat("john", "phone", at(12))};
  Snapshot received = ours;
  for (const PresenceEvent& event : missed) received = reduce(std::move(received), event);
  merge_into(ours, folded(rules, missed));
  CHECK(ours.inspect("john")->sessions[1].online_since == at(5));
  CHECK(ours == received);
}

namespace {

/// Replaces a user's registers, as a peer may send them.
template <class Change>
void change_registers(Snapshot& s, const std::string& id, Change change) {
  const detail::UserKey key = detail::SnapshotAccess::key(s, id);
  detail::Root& root = detail::SnapshotAccess::write(s);
  detail::Plan plan;
  plan.row = root.table.find(key);
  plan.after = plan.row.unpacked();
  change(plan.after);
  detail::commit(root, key, std::move(plan));
}

/// Merges a message in place, and in another way a snapshot of all users that has it.
void expect_merged_like_many(Snapshot ours, const Snapshot& message) {
  const Rules& rules = message.rules();
  Snapshot many(rules);
  for (std::size_t i = 0; i < 100; ++i) many = reduce(std::move(many), connect(user_id(i), "phone", at(0)));
  many = reduce(std::move(many), at(0));
  merge_into(ours, many);
  Snapshot expected = merge(Snapshot(rules), ours);
  merge_into(expected, merge(many, message));
  merge_into(ours, message);
  expect_equal(ours, expected);
}

}  // namespace

TEST_CASE("an activity that no event of its session brings is merged") {
  const Snapshot ours = reduce(reduce(Snapshot(), at(0)), connect("john", "phone", at(0)));
  Snapshot message = folded({heartbeat("john", "phone", at(1))});
  change_registers(message, "john", [](detail::UserRegisters& john) { john.activities[0].value = at(1); });
  expect_merged_like_many(ours, message);
}

TEST_CASE("a merge of one event drops sessions over the limit") {
  Rules rules;
  rules.max_sessions_per_user = 2;
  Snapshot ours = reduce(Snapshot(rules), at(0));
  for (const PresenceEvent& event : {connect("john", "pad", at(0)), connect("john", "phone", at(1))})
    ours = reduce(std::move(ours), event);
  change_registers(ours, "john", [](detail::UserRegisters& john) {
    detail::SessionRegisters third = john.sessions[1];
    third.id = detail::SharedString("tv");
    john.sessions.push_back(std::move(third));
  });
  CHECK(ours.inspect("john")->sessions.size() == 3);
  expect_merged_like_many(ours, folded(rules, {connect("john", "pad", at(2))}));
}

TEST_CASE("a session that is merged displaces the stalest, as one that is received") {
  Rules rules;
  rules.max_sessions_per_user = 2;
  Snapshot ours = reduce(Snapshot(rules), at(0));
  for (const PresenceEvent& event : {connect("john", "pad", at(0)), connect("john", "phone", at(1))})
    ours = reduce(std::move(ours), event);
  const PresenceEvent third = connect("john", "tv", at(2));
  const Snapshot received = reduce(ours, third);
  merge_into(ours, folded(rules, {third}));
  CHECK(ours.inspect("john")->sessions.size() == 2);
  CHECK(ours == received);
}

TEST_CASE("a merge that says nothing new leaves the rows where they are") {
  Snapshot ours = reduce(Snapshot(), at(0));
  for (std::size_t i = 0; i < 100; ++i) ours = reduce(std::move(ours), connect(user_id(i), "phone", at(0)));
  const Snapshot kept = ours;
  const Snapshot old = folded({heartbeat(user_id(7), "phone", at(-3)), connect(user_id(8), "phone", at(0))});
  Told told;
  merge_into(ours, old, told);
  CHECK(told.changes.empty());
  CHECK(detail::SnapshotAccess::find_row(ours, user_id(8)) == detail::SnapshotAccess::find_row(kept, user_id(8)));
}
