// SPDX-License-Identifier: MIT
#include "../telling.hpp"

#include <list>

using namespace support;

namespace {

using Views = std::map<std::string, User>;

Views by_id(const Snapshot& s) {
  Views all;
  for (const UserView user : s) all.emplace(std::string(user.id), static_cast<User>(user));
  return all;
}

/// Maintains the views of a snapshot from its emitted changes only.
struct Follower {
  Views views;
  Timestamp last = Timestamp::lowest();
  std::string last_id;
  std::size_t told = 0;
  std::string wrong;

  void operator()(const UserPresenceChangedView& change) {
    ++told;
    const auto was = views.find(std::string(change.id));
    if (change.before == change.after || change.before.has_value() != (was != views.end()))
      wrong += "no change, or of another user; ";
    if (change.before && was != views.end() && was->second != *change.before) wrong += "before is not what was; ";
    if (change.at < last || (change.at == last && !(last_id < change.id))) wrong += "out of order; ";
    last = change.at;
    last_id = std::string(change.id);
    if (change.after) {
      views[std::string(change.id)] = static_cast<User>(*change.after);
    } else {
      views.erase(std::string(change.id));
    }
  }
  /// Each call emits its changes in the order of (timestamp, id).
  Follower& next_call() {
    last = Timestamp::lowest();
    return *this;
  }
};

std::size_t heard_by_function = 0;
void hear(const UserPresenceChangedView& change) { heard_by_function += change.id.size(); }

/// Generates its events.
struct Counting {
  using iterator_category = std::input_iterator_tag;
  using value_type = PresenceEvent;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = PresenceEvent;

  int i = 0;

  PresenceEvent operator*() const {
    return connect("a user with a name that is long " + std::to_string(i), "phone", at(i));
  }
  Counting& operator++() {
    ++i;
    return *this;
  }
  Counting operator++(int) { return Counting{i++}; }
  friend bool operator!=(const Counting& a, const Counting& b) { return a.i != b.i; }
};

}  // namespace

TEST_CASE("applying the emitted changes of a call to the views before it gives the views after it") {
  Chance chance(5);
  std::size_t told = 0;
  for (int round = 0; round < 30; ++round) {
    Rules rules;
    rules.offline_grace = seconds(round % 3 == 0 ? 4 : 0);
    rules.last_active_refresh = seconds(round % 2 == 0 ? 0 : 60);
    rules.max_users = round % 5 == 0 ? 3 : 100;
    rules.max_sessions_per_user = round % 5 == 0 ? 2 : 64;
    rules.max_recent_per_user = round % 4 == 0 ? 2 : 64;
    Snapshot s(rules);
    Follower follower;
    double now = 0;
    for (int step = 0; step < 120; ++step) {
      now += static_cast<double>(chance.below(9));
      std::vector<PresenceEvent> events;
      for (std::size_t i = chance.below(4); i < 4; ++i) events.push_back(random_event(chance, now, 6, 3));
      follower.next_call();
      switch (chance.below(8)) {
        case 0: apply(s, at(now), follower); break;
        case 1:
          for (const auto& event : events) apply(s, event, follower.next_call());
          break;
        case 2: {
          now += 1;
          for (auto& event : events) event.at = at(now);
          replay(s, events.begin(), events.end(), follower);
          break;
        }
        case 3: merge_into(s, reduce(folded(events), at(now)), follower); break;
        case 4: forget_reports_in(s, follower); break;
        case 5: resync(s, events.begin(), events.end(), at(now), follower); break;
        default: apply(s, events.front(), follower); break;
      }
      REQUIRE(follower.wrong == std::string());
      REQUIRE(follower.views == by_id(s));
      std::size_t online = 0;
      for (const auto& view : follower.views) online += view.second.online ? 1u : 0u;
      REQUIRE(s.size() == follower.views.size());
      REQUIRE(s.online_count() == online);
    }
    told += follower.told;
  }
  CHECK(told > 1000);
}

TEST_CASE("an event emits one change that says which fields of the user changed") {
  Told t;
  t.pass(at(0));
  t.fold(saying(connect("john", "phone", at(0)), "hi"));
  t.fold(saying(active(report("john", true, at(1)), at(5)), "ho"));
  t.fold(saying(invisibly("john", "phone", at(2)), ""));
  REQUIRE(t.changes.size() == 3);
  CHECK(t.changes[0].online_changed());
  CHECK(t.changes[0].status_changed());
  CHECK(t.changes[0].last_active_changed());
  CHECK_FALSE(t.changes[1].online_changed());
  CHECK(t.changes[1].status_changed());
  CHECK(t.changes[1].last_active_changed());
  CHECK(t.changes[2].online_changed());
  CHECK(t.changes[2].status_changed());
  CHECK_FALSE(t.changes[2].last_active_changed());
}

TEST_CASE("an event that changes no public view is applied but emits no change") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(says("john", "hi", at(0)));
  t.take();
  for (const PresenceEvent& event :
       {connect("john", "laptop", at(0)), heartbeat("john", "phone", at(10)), disconnect("john", "laptop", at(11)),
        says("john", "hi", at(12)), visibly("john", "phone", at(0)), report("john", false, at(13)),
        report("john", true, at(14)), disconnect("jack", "phone", at(15)), invisibly("mary", "phone", at(16))}) {
    CHECK(t.fold(event) == Verdict::applied);
  }
  CHECK(t.changes.empty());
}

TEST_CASE("without a now, a change carries the timestamp of its event, even if the event arrives late") {
  Told t;
  t.fold(says("john", "new", at(500)));
  t.fold(connect("john", "phone", at(0)));
  REQUIRE(t.changes.size() == 2);
  CHECK(t.changes[0].at == at(500));
  CHECK(t.changes[1].at == at(0));
}

TEST_CASE("a callback sees the snapshot after its event, or after the whole advance") {
  Snapshot s;
  const std::vector<PresenceEvent> events = {connect("ann", "phone", at(0)), connect("bob", "phone", at(1))};
  std::size_t known = 0;
  apply(s, events.begin(), events.end(), [&](const UserPresenceChangedView& change) {
    CHECK(s.size() == ++known);
    CHECK(s.find(change.id) == static_cast<User>(*change.after));
  });
  CHECK(known == 2);
  Snapshot copy;
  apply(s, at(100), [&](const UserPresenceChangedView& change) {
    copy = s;
    CHECK(s.now() == at(100));
    CHECK(s.online_count() == 0);
    CHECK(copy.find(change.id) == static_cast<User>(*change.after));
  });
  CHECK(copy == s);
}

TEST_CASE("a callback can be a function, a function pointer, a const callable or a mutable lambda") {
  heard_by_function = 0;
  Snapshot s;
  apply(s, connect("ann", "phone", at(0)), hear);
  apply(s, connect("bob", "phone", at(0)), &hear);
  CHECK(heard_by_function == 6);
  const auto constant = [](const UserPresenceChangedView& change) { heard_by_function += change.id.size(); };
  apply(s, connect("cyd", "phone", at(0)), constant);
  std::vector<std::string> ids;
  apply(s, connect("dee", "phone", at(0)), [&, calls = 0](const UserPresenceChangedView& change) mutable {
    ids.push_back(std::string(change.id) + std::to_string(++calls));
  });
  CHECK(heard_by_function == 9);
  CHECK(ids == std::vector<std::string>{"dee1"});
}

TEST_CASE("events may come from an array, a list, views or an iterator that generates them") {
  const PresenceEvent array[] = {connect("ann", "phone", at(0)), connect("bob", "phone", at(1))};
  const std::list<PresenceEvent> list(array, array + 2);
  const std::vector<PresenceEventView> borrowed(array, array + 2);
  Snapshot a, b, c, d, e;
  CHECK(apply(a, array, array + 2).applied == 2);
  CHECK(apply(b, list.begin(), list.end()).applied == 2);
  CHECK(apply(c, borrowed.begin(), borrowed.end()).applied == 2);
  CHECK(a == b);
  CHECK(a == c);
  CHECK(apply(d, Counting{0}, Counting{9}).applied == 9);
  CHECK(replay(e, Counting{0}, Counting{9}).applied == 9);
  CHECK(d.size() == 9);
  CHECK(reduce(d, at(8)) == e);
  Told t;
  CHECK(replay(t.s, Counting{0}, Counting{100}, t).applied == 100);
  CHECK(t.changes.size() == 160);  // 100 users connected, and the 60 that connected
                                   // up to 99 - 40 timed out by the last event
  CHECK(t.s.online_count() == 40);
}
