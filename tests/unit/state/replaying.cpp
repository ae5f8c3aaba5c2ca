// SPDX-License-Identifier: MIT
#include <presence/state/detail/replay.hpp>

#include "../telling.hpp"

using namespace support;

namespace {
Tally replayed(Told& t, const std::vector<PresenceEvent>& events) { return replay(t.s, events.begin(), events.end(), t); }

/// Yields events by value, as an iterator that generates them does.
class Making {
 public:
  explicit Making(int i) : i_(i) {}
  PresenceEvent operator*() const { return connect("a user id that is too long to be kept inside a string " + std::to_string(i_), "phone", at(i_)); }
  Making& operator++() {
    ++i_;
    return *this;
  }
  friend bool operator!=(const Making& a, const Making& b) { return a.i_ != b.i_; }

 private:
  int i_;
};
}  // namespace

TEST_CASE("replay advances to the time of each event and processes the deadlines in between") {
  Told t;
  const Tally tally = replayed(t, {connect("john", "phone", at(0)), connect("jack", "phone", at(1000))});
  CHECK(tally.applied == 2);
  CHECK(t.s.now() == at(1000));
  REQUIRE(t.changes.size() == 3);
  CHECK(t.changes[1].id == "john");
  CHECK(t.changes[1].at == at(40));
  CHECK(t.changes[2].at == at(1000));
}

TEST_CASE("a session refreshed exactly at its deadline never goes offline") {
  Told t;
  replayed(t, {connect("john", "phone", at(0)), heartbeat("john", "phone", at(40))});
  CHECK(t.s.online("john"));
  CHECK(t.changes.size() == 1);
  CHECK(t.s.next_deadline() == at(80));
}

TEST_CASE("a user whose session is refreshed just after its deadline is offline in between") {
  Told t;
  replayed(t, {connect("john", "phone", at(0)), heartbeat("john", "phone", at(40) + tick)});
  REQUIRE(t.changes.size() == 3);
  CHECK(t.changes[1].at == at(40));
  CHECK(t.changes[2].at == at(40) + tick);
}

TEST_CASE("in a replay, the events of one timestamp emit one change per user, ordered by id") {
  Told t;
  replayed(t, {connect("john", "phone", at(5)), says("ann", "hi", at(5)), disconnect("john", "phone", at(4)), says("john", "x", at(6)),
               disconnect("john", "phone", at(6)), connect("john", "laptop", at(6)), says("john", "y", at(6))});
  REQUIRE(t.changes.size() == 3);
  CHECK(t.changes[0].id == "ann");
  CHECK(t.changes[1].id == "john");
  CHECK(t.changes[2].id == "john");
  CHECK(t.changes[2].after->status == "y");
  CHECK(t.changes[2].after->online);
}

TEST_CASE("in a replay, a timeout and an event at the same timestamp emit one change of the user") {
  Told t;
  replayed(t, {connect("john", "phone", at(0)), connect("jack", "phone", at(40)), says("john", "z", at(40))});
  REQUIRE(t.changes.size() == 3);
  CHECK(t.changes[1].id == "jack");
  CHECK(t.changes[2].id == "john");
  CHECK(t.changes[2].after == User{"john", false, "z", at(0), false});
  CHECK(t.changes[2].at == at(40));
}

TEST_CASE("replay applies a late event at now and does not move time back") {
  Told t;
  const Tally tally = replayed(t, {connect("john", "phone", at(100)), connect("jack", "phone", at(50)), connect("mary", "phone", at(-21))});
  CHECK(tally.applied == 2);
  CHECK(tally.too_late == 1);
  CHECK(t.s.now() == at(100));
  CHECK_FALSE(t.s.online("jack"));
  CHECK(t.changes.back().id == "jack");
  CHECK(t.changes.back().at == at(100));
}

TEST_CASE("a refused event moves no time") {
  Told t;
  replayed(t, {connect("john", "phone", at(0))});
  const std::uint64_t digest = t.s.digest();
  const Tally tally = replayed(t, {connect("", "phone", at(100)), connect(std::string(256, 'x'), "phone", at(100)),
                                   heartbeat("john", "phone", Timestamp::highest())});
  CHECK(tally.invalid == 2);
  CHECK(tally.over_limit == 1);
  CHECK(t.s.now() == at(0));
  CHECK(t.s.digest() == digest);
}

TEST_CASE("replaying single events, a range or generated events gives the same result") {
  Told one, range, made;
  std::vector<PresenceEvent> events;
  for (int i = 0; i < 50; ++i) events.push_back(*Making(i));
  for (const auto& event : events) CHECK(replay(one.s, event, one) == Verdict::applied);
  replayed(range, events);
  replay(made.s, Making(0), Making(50), made);
  CHECK(one.s == range.s);
  CHECK(made.s == range.s);
  CHECK(one.changes == range.changes);
  CHECK(made.changes == range.changes);
  Snapshot no_callback;
  replay(no_callback, events.begin(), events.end());
  CHECK(no_callback == range.s);
}

TEST_CASE("replaying events equals advancing to each event's timestamp and applying it") {
  Told t;
  Snapshot stepwise;
  for (int i = 0; i < 400; ++i) {
    const auto event = i % 7 == 3 ? disconnect("user-" + std::to_string(i % 5), "phone", at(i * 9))
                                  : heartbeat("user-" + std::to_string(i % 5), "phone", at(i * 9));
    replay(t.s, event, t);
    stepwise = reduce(reduce(std::move(stepwise), event.at), event);
  }
  CHECK(t.s == stepwise);
}

namespace {

/// A random event of one of a few users; many events make users invisible or are their first.
PresenceEvent event_of_many(Chance& chance, Timestamp when) {
  const std::string user = user_id(chance.below(14)), session = chance.below(3) == 0 ? "pad" : "phone";
  switch (chance.below(9)) {
    case 0: return disconnect(user, session, when);
    case 1: return heartbeat(user, session, when);
    case 2: return invisibly(user, session, when);
    case 3: return invisibly(user, "once", when);
    case 4: return visibly(user, session, when);
    case 5: return says(user, "hi", when);
    case 6: return report(user, chance.below(2) == 0, when);
    default: return connect(user, session, when);
  }
}

}  // namespace

TEST_CASE("replaying a log with max_users reached gives the same verdicts as replaying its events one by one") {
  std::size_t refused = 0, taken = 0;
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    Rules rules;
    rules.max_users = static_cast<std::uint32_t>(1 + chance.below(5));
    rules.reorder_window = seconds(chance.below(2) == 0 ? 20 : 120);
    if (seed % 4 != 0) rules.forget_after = seconds(static_cast<double>(chance.below(200)));
    if (seed % 3 == 0) rules.offline_grace = seconds(9);
    if (seed % 5 == 0) rules.session_timeout = Duration();
    Snapshot together(rules), apart(rules);
    Told t;
    {
      detail::Replay log(together, t);
      double second = 0;
      for (int i = 0; i < 300; ++i) {
        second += static_cast<double>(chance.below(chance.below(5) == 0 ? 120 : 12)) + 0.001;
        // Some events are dated ahead of later ones, some are late; no two have the same timestamp.
        const double shift = static_cast<double>(chance.below(4) == 0 ? chance.below(60) : 30);
        const PresenceEvent event = event_of_many(chance, at(second + shift - 30) + Duration::from_ns(i));
        const Verdict expected = replay(apart, event);
        REQUIRE(log.fold(event) == expected);
        refused += expected == Verdict::over_limit ? 1u : 0u;
        taken += accepted(expected) ? 1u : 0u;
      }
      log.finish();
    }
    REQUIRE(together == apart);
    REQUIRE(together.digest() == apart.digest());
  }
  CHECK(refused > 5000);
  CHECK(taken > 5000);
  MESSAGE(refused << " refused, " << taken << " taken");
}
