// SPDX-License-Identifier: MIT
#include "../telling.hpp"

#include <presence/state/detail/event_range.hpp>
#include <presence/table/detail/user_table.hpp>

#include <deque>
#include <iterator>
#include <list>

using namespace support;

namespace {

/// An input iterator that creates its events when dereferenced, so that the batch cannot look ahead.
class Making {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = PresenceEvent;
  using difference_type = std::ptrdiff_t;
  using pointer = const PresenceEvent*;
  using reference = PresenceEvent;

  explicit Making(const PresenceEvent* at) : at_(at) {}
  PresenceEvent operator*() const { return *at_; }
  Making& operator++() {
    ++at_;
    return *this;
  }
  friend bool operator!=(const Making& a, const Making& b) { return a.at_ != b.at_; }

 private:
  const PresenceEvent* at_;
};

static_assert(detail::can_look_ahead<const PresenceEvent*>, "");
static_assert(detail::can_look_ahead<std::list<PresenceEvent>::iterator>, "");
static_assert(!detail::can_look_ahead<Making>, "");

}  // namespace

TEST_CASE("a batch gives the same snapshot, verdicts and changes as its events applied one by one") {
  Chance chance(71);
  for (std::size_t round = 0; round < 40; ++round) {
    Rules rules;
    rules.offline_grace = seconds(chance.below(2) == 0 ? 0 : 7);
    rules.hash_seed = chance.bits();
    rules.max_users = chance.below(3) == 0 ? 20 : 0xFFFFFFFF;
    Told one(rules), batch(rules), made(rules);
    Tally expected, found, from_made;
    std::vector<Snapshot> copies;
    for (double second = 0; second < 200; second += 40) {
      std::vector<PresenceEvent> events;
      for (std::size_t i = chance.below(100); i > 0; --i) {
        events.push_back(random_event(chance, second, 2 + 40 * (round % 4), 3));
      }
      for (const PresenceEvent& event : events) expected.count(one.fold(event));
      if (chance.below(2) == 0) copies.push_back(batch.s);  // pages are now shared
      found += apply(batch.s, events.begin(), events.end(), batch);
      from_made += apply(made.s, Making(events.data()), Making(events.data() + events.size()), made);
      for (Told* told : {&one, &batch, &made}) told->pass(at(second));
    }
    CHECK(found == expected);
    CHECK(from_made == expected);
    CHECK(batch.s == one.s);
    CHECK(batch.s.digest() == one.s.digest());
    CHECK(made.s == one.s);
    const std::string changes = text(one.take());
    CHECK(text(batch.take()) == changes);
    CHECK(text(made.take()) == changes);
  }
}

TEST_CASE("a batch may consist of events or views, come from a vector, list or deque, and be empty") {
  const std::vector<PresenceEvent> events = {connect("john", "phone", at(0)), says("john", "hi", at(1)),
                                             heartbeat("john", "phone", at(2)), connect("", "phone", at(3))};
  const std::vector<PresenceEventView> views(events.begin(), events.end());
  const std::list<PresenceEvent> list(events.begin(), events.end());
  const std::deque<PresenceEventView> deque(events.begin(), events.end());
  Snapshot a, b, c, d;
  const Tally tally = apply(a, events.begin(), events.end());
  CHECK(tally.applied == 3);
  CHECK(tally.invalid == 1);
  CHECK(apply(b, views.begin(), views.end()) == tally);
  CHECK(apply(c, list.begin(), list.end()) == tally);
  CHECK(apply(d, deque.begin(), deque.end()) == tally);
  CHECK(a == b);
  CHECK(a == c);
  CHECK(a == d);
  CHECK(apply(a, list.end(), list.end()) == Tally());
  CHECK(a == b);
}

TEST_CASE("ranges of every kind, longer than what is looked up at once, give what their events give one by one") {
  struct Numbered : PresenceEvent {
    explicit Numbered(const PresenceEvent& event) : PresenceEvent(event) {}
    int number = 0;
  };
  Chance chance(73);
  std::vector<PresenceEvent> events;
  for (std::size_t i = 0; i < 200; ++i) events.push_back(random_event(chance, 0, 20, 3));
  Told one;
  std::vector<Verdict> expected;
  for (const PresenceEvent& event : events) expected.push_back(one.fold(event));
  const std::string changes = text(one.take());
  Snapshot replayed;
  const Tally of_replay = replay(replayed, events.begin(), events.end());

  const auto check = [&](auto first, auto last) {
    Told told;
    std::vector<Verdict> verdicts;
    Tally counted;
    apply(told.s, first, last, told, [&](std::size_t index, Verdict verdict) {
      CHECK(index == verdicts.size());
      verdicts.push_back(verdict);
    });
    CHECK(verdicts == expected);
    CHECK(told.s == one.s);
    CHECK(text(told.take()) == changes);
    Snapshot s;
    for (const Verdict verdict : expected) counted.count(verdict);
    CHECK(apply(s, first, last) == counted);
    CHECK(s == one.s);
    s = Snapshot();
    CHECK(replay(s, first, last) == of_replay);
    CHECK(s == replayed);
  };
  check(events.cbegin(), events.cend());
  check(events.data(), events.data() + events.size());
  check(Making(events.data()), Making(events.data() + events.size()));
  const std::list<PresenceEvent> list(events.begin(), events.end());
  check(list.begin(), list.end());
  std::deque<PresenceEvent> deque(events.begin(), events.end());
  check(deque.begin(), deque.end());
  const std::vector<PresenceEvent> backwards(events.rbegin(), events.rend());
  check(backwards.rbegin(), backwards.rend());
  const std::vector<Numbered> numbered(events.begin(), events.end());
  check(numbered.begin(), numbered.end());
  const std::vector<PresenceEventView> views(events.begin(), events.end());
  check(views.begin(), views.end());
  check(views.data(), views.data() + views.size());
  const std::deque<PresenceEventView> some_views(events.begin(), events.end());
  check(some_views.begin(), some_views.end());
}

TEST_CASE("a callback may copy the snapshot during a batch; the copy contains the events applied so far") {
  std::vector<PresenceEvent> events;
  for (std::size_t i = 0; i < 60; ++i) events.push_back(connect(user_id(i), "phone", at(0)));
  Snapshot s;
  std::vector<Snapshot> copies;
  apply(s, events.begin(), events.end(), [&](const UserPresenceChangedView&) { copies.push_back(s); });
  REQUIRE(copies.size() == 60);
  for (std::size_t i = 0; i < 60; ++i) {
    CHECK(copies[i].size() == i + 1);
    CHECK(copies[i].online(user_id(i)));
    CHECK_FALSE(copies[i].view(user_id(i + 1)));
  }
}

TEST_CASE("a callback may change a copy of the snapshot during a batch; both remain independent") {
  for (const std::size_t users : std::vector<std::size_t>{3, 200, 5000}) {
    for (const bool is_changed : {false, true}) {
      Snapshot s = reduce(Snapshot(), at(0));
      std::vector<PresenceEvent> events;
      for (std::size_t i = 0; i < users; ++i) events.push_back(connect(user_id(i), "phone", at(0)));
      apply(s, events.begin(), events.end());
      Snapshot copy;
      std::uint64_t digest = 0;
      std::vector<PresenceEvent> more;
      for (std::size_t i = 0; i < users; ++i)
        more.push_back(i % 8 == 0 ? says(user_id(i), "here", at(1)) : heartbeat(user_id(i), "phone", at(1)));
      Snapshot one_by_one = s;
      for (const PresenceEvent& event : more) one_by_one = reduce(std::move(one_by_one), event);
      // After each change, the copy has its own root, and perhaps its own nodes.
      apply(s, more.begin(), more.end(), [&](const UserPresenceChangedView& change) {
        if (digest != 0) CHECK(copy.digest() == digest);
        copy = reduce(s, at(2));
        if (is_changed) copy = reduce(std::move(copy), PresenceEventView::set_status(change.id, change.id, at(2)));
        digest = copy.digest();
      });
      CHECK(copy.digest() == digest);
      CHECK(s == one_by_one);
    }
  }
}

TEST_CASE("a heartbeat that only refreshes the session has the same effect in place as on a shared snapshot") {
  // Applies the same events with a copy kept, so that nothing is changed in place, and without one.
  Chance chance(73);
  for (std::size_t round = 0; round < 60; ++round) {
    Rules rules = with_timeout(seconds(round % 3 == 0 ? 0 : 40));
    rules.last_active_refresh = seconds(round % 2 == 0 ? 900 : 20);
    rules.offline_grace = seconds(round % 5 == 0 ? 10 : 0);
    Told alone(rules), shared(rules);
    for (double second = 0; second < 300; second += 1) {
      const std::string user = user_id(chance.below(5)), session = "s" + std::to_string(chance.below(3));
      const Timestamp when = at(second - static_cast<double>(chance.below(4)));
      const PresenceEvent event =
          chance.below(4) != 0 ? heartbeat(user, session, when) : random_event(chance, second, 5, 3);
      const Snapshot kept = shared.s;
      CHECK(alone.fold(event) == shared.fold(event));
      if (chance.below(5) == 0) {
        alone.pass(at(second));
        shared.pass(at(second));
      }
      CHECK(alone.s.next_deadline() == shared.s.next_deadline());
    }
    CHECK(alone.s == shared.s);
    CHECK(alone.s.digest() == shared.s.digest());
    CHECK(text(alone.take()) == text(shared.take()));
  }
}

TEST_CASE("a batch adds users that its look-ahead does not find, also if their hash has the tag of an empty slot") {
  // An empty slot has the tag 0. Ids whose hash gives 0 have the tag 1 instead: the events are about such new users.
  const detail::UserTable table;
  std::vector<PresenceEvent> events, others;
  for (std::size_t i = 0; events.size() < 300; ++i) {
    const std::uint8_t tag = table.key_of(user_id(i)).tag;
    REQUIRE(tag != 0);
    if (tag != 1) continue;
    events.push_back(says(user_id(i), "here", at(0)));
    others.push_back(says(user_id(i + 1), "here", at(0)));
  }
  Snapshot s = folded(others);
  CHECK(apply(s, events.begin(), events.end()).accepted() == events.size());
  for (const PresenceEvent& event : events) CHECK(s.find(event.user));
}

TEST_CASE("a batch leaves copies of the snapshot unchanged, also if several of its users share a page") {
  Snapshot s;
  for (std::size_t i = 0; i < 600; ++i) s = reduce(std::move(s), connect(user_id(i), "phone", at(0)));
  std::vector<PresenceEvent> events;  // in page order
  for (const UserView user : s) events.push_back(heartbeat(std::string(user.id), "phone", at(1)));
  for (const bool touched : {false, true}) {
    const Snapshot kept = s;
    const std::uint64_t digest = kept.digest();
    Snapshot one = kept;
    if (touched) {  // so that the snapshot owns its nodes
      s = reduce(std::move(s), heartbeat(user_id(7), "phone", at(1)));
      one = reduce(std::move(one), heartbeat(user_id(7), "phone", at(1)));
    }
    for (const PresenceEvent& event : events) one = reduce(std::move(one), event);
    apply(s, events.begin(), events.end());
    CHECK(kept.digest() == digest);
    CHECK(s == one);
    for (PresenceEvent& event : events) event.at += seconds(1);
  }
}

TEST_CASE("on_verdict receives the index and the verdict of every event of a range, in order") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    Rules rules;
    rules.max_users = 5;
    std::list<PresenceEvent> events;
    for (std::size_t i = chance.below(100); i > 0; --i) {
      events.push_back(random_event(chance, static_cast<double>(chance.below(400)), 12, 2));
      if (chance.below(10) == 0) events.back().user.clear();
    }
    Snapshot one = reduce(Snapshot(rules), at(150)), range = one, of_views = one;
    std::vector<Verdict> expected;
    for (const PresenceEvent& event : events) expected.push_back(apply(one, event));
    std::size_t changes = 0, changes_of_range = 0;
    std::vector<Verdict> verdicts;
    const auto on_verdict = [&verdicts](std::size_t index, Verdict verdict) {
      CHECK(index == verdicts.size());
      verdicts.push_back(verdict);
    };
    Snapshot again = reduce(Snapshot(rules), at(150));
    apply(again, events.begin(), events.end(), [&](const UserPresenceChangedView&) { ++changes; });
    const Tally tally = apply(
        range, events.begin(), events.end(), [&](const UserPresenceChangedView&) { ++changes_of_range; }, on_verdict);
    CHECK(verdicts == expected);
    CHECK(changes == changes_of_range);
    CHECK(tally.total() == events.size());
    CHECK(range == one);

    verdicts.clear();
    const std::vector<PresenceEventView> views(events.begin(), events.end());
    apply(of_views, views.begin(), views.end(), [](const UserPresenceChangedView&) {}, on_verdict);
    CHECK(verdicts == expected);
    CHECK(of_views == one);
  }
}

TEST_CASE(
    "on_verdict may copy the snapshot during a batch; the copies contain the events applied so far, and never change") {
  constexpr std::size_t users = 50;
  std::vector<PresenceEvent> events;
  for (std::size_t i = 0; i < users; ++i) events.push_back(connect(user_id(i), "phone", at(0)));
  Snapshot s = reduce(Snapshot(), at(0)), one_by_one = reduce(Snapshot(), at(0));  // which share nothing
  apply(s, events.begin(), events.end());
  apply(one_by_one, events.begin(), events.end());
  events.clear();
  for (std::size_t i = 0; i < users; ++i)
    events.push_back(i % 16 == 15 ? says(user_id(i), "here", at(1)) : heartbeat(user_id(i), "phone", at(1)));
  std::vector<Snapshot> copies;
  apply(
      s, events.begin(), events.end(), [](const UserPresenceChangedView&) {},
      [&](std::size_t index, Verdict) {
        if (index % 3 == 0) copies.push_back(s);
      });
  REQUIRE(copies.size() == (users + 2) / 3);
  for (std::size_t i = 0; i < users; ++i) {
    CAPTURE(i);
    apply(one_by_one, events[i]);
    if (i % 3 == 0) CHECK(copies[i / 3] == one_by_one);
  }
  CHECK(s == one_by_one);
}
