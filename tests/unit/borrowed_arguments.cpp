// SPDX-License-Identifier: MIT
// Calls whose arguments borrow from what they change do what they do with copies of these arguments.

#include "telling.hpp"

#include <deque>
#include <functional>
#include <iterator>
#include <memory>

using namespace support;

namespace {

/// What the users of a snapshot look like.
struct Shape {
  std::size_t users, id_bytes, status_bytes, sessions;
  bool is_shared;     // with a copy that is kept
  bool is_forgetful;  // users are forgotten by age
};

std::string describe(const Shape& shape) {
  return std::to_string(shape.users) + " users, ids of " + std::to_string(shape.id_bytes) + " bytes, statuses of " +
         std::to_string(shape.status_bytes) + ", " + std::to_string(shape.sessions) + " sessions" +
         (shape.is_shared ? ", shared" : "") + (shape.is_forgetful ? ", forgetful" : "");
}

/// Different for each number, of so many bytes or a few more.
std::string filled(std::size_t number, std::size_t bytes) {
  std::string text = std::to_string(number);
  for (char c = 'a'; text.size() < bytes; c = c == 'z' ? 'a' : static_cast<char>(c + 1)) text += c;
  return text;
}

Snapshot make(const Shape& shape) {
  Rules rules;
  rules.offline_grace = shape.sessions % 2 == 0 ? seconds(2) : seconds(0);
  if (shape.is_forgetful) rules.forget_after = seconds(100);
  Snapshot s = reduce(Snapshot(rules), at(0));
  for (std::size_t user = 0; user < shape.users; ++user) {
    const std::string id = filled(user, shape.id_bytes);
    for (std::size_t session = 0; session < shape.sessions; ++session)
      s = reduce(std::move(s), connect(id, "s" + std::to_string(session), at(0)));
    if (shape.status_bytes != 0) s = reduce(std::move(s), says(id, filled(user, shape.status_bytes), at(0)));
  }
  return s;
}

/// Of one user and of two; of a page that is full, which one more splits, and of one that was split.
std::vector<Shape> all_shapes() {
  std::vector<Shape> shapes;
  std::size_t turn = 0;
  for (const std::size_t users : {1u, 2u, 32u, 33u}) {
    for (const std::size_t id_bytes : {4u, 15u, 40u}) {
      for (const std::size_t status_bytes : {0u, 6u, 50u}) {
        for (const bool is_shared : {false, true}) {
          const std::size_t sessions[] = {1, 2, 5};
          shapes.push_back(Shape{users, id_bytes, status_bytes, sessions[turn / 2 % 3], is_shared, turn / 6 % 2 == 0});
          ++turn;
        }
      }
      ++turn;
    }
  }
  return shapes;
}

/// Two users of a snapshot, borrowed: the first and the last that it goes over, or the other way round.
struct Borrowed {
  UserView one, other;
};
Borrowed borrow(const Snapshot& s, bool from_the_end) {
  Borrowed borrowed;
  UserView first, last;
  bool is_first = true;
  for (const UserView user : s) {
    if (is_first) first = user;
    is_first = false;
    last = user;
  }
  borrowed.one = from_the_end ? last : first;
  borrowed.other = from_the_end ? first : last;
  return borrowed;
}

/// Events that borrow from two users whatever can be borrowed: whole ids and texts, parts of them, one in the place of
/// the other.
std::vector<PresenceEventView> events_about(const UserView& one, const UserView& other, Timestamp when) {
  const std::string_view part_of_id = one.id.substr(0, one.id.size() - 1), rest_of_id = one.id.substr(1);
  const std::string_view part_of_status = one.status.substr(one.status.size() / 2);
  std::vector<PresenceEventView> all;
  all.push_back(PresenceEventView::heartbeat(one.id, "s0", when));
  all.push_back(PresenceEventView::connect(one.id, "s0", when));
  all.push_back(PresenceEventView::connect(one.id, "another", when));
  all.push_back(PresenceEventView::connect(one.id, one.id, when));
  all.push_back(PresenceEventView::connect(one.id, one.status, when));
  all.push_back(PresenceEventView::connect(one.id, other.status, when));
  all.push_back(PresenceEventView::heartbeat(one.id, part_of_status, when));
  all.push_back(PresenceEventView::disconnect(one.id, "s0", when));
  all.push_back(PresenceEventView::disconnect(one.id, other.id, when));
  all.push_back(PresenceEventView::set_status(one.id, one.status, when));
  all.push_back(PresenceEventView::set_status(one.id, other.status, when));
  all.push_back(PresenceEventView::set_status(one.id, part_of_status, when));
  all.push_back(PresenceEventView::set_status(one.id, one.id, when));
  all.push_back(PresenceEventView::set_status(one.id, "a text that is not the snapshot's", when));
  all.push_back(PresenceEventView::set_status(one.id, "short", when));
  all.push_back(PresenceEventView::set_status(other.id, one.status, when));
  all.push_back(PresenceEventView::report(one, when));
  all.push_back(PresenceEventView::report(other.id, false, when));
  // Users who are not there yet.
  all.push_back(PresenceEventView::connect(part_of_id, "s0", when));
  all.push_back(PresenceEventView::connect(rest_of_id, one.id, when));
  all.push_back(PresenceEventView::connect(one.status, "s0", when));
  all.push_back(PresenceEventView::set_status(one.status, one.status, when));
  all.push_back(PresenceEventView::set_status(part_of_status, one.id, when));
  all.push_back(PresenceEventView::set_status("somebody else", one.status, when));
  all.push_back(PresenceEventView::report(part_of_status, true, when));
  // Whatever a connect may say.
  PresenceEventView hidden = PresenceEventView::connect(one.id, "hidden", when);
  hidden.invisible = true;
  hidden.status = one.status;
  all.push_back(hidden);
  PresenceEventView shown = PresenceEventView::connect(one.id, "shown", when);
  shown.invisible = false;
  shown.status = other.status;
  all.push_back(shown);
  PresenceEventView saying = PresenceEventView::heartbeat(one.id, "s0", when);
  saying.status = part_of_status;
  all.push_back(saying);
  return all;
}

std::vector<PresenceEvent> copies_of(const std::vector<PresenceEventView>& views) {
  std::vector<PresenceEvent> events;
  for (const PresenceEventView& view : views) events.push_back(static_cast<PresenceEvent>(view));
  return events;
}

/// What a call left behind.
struct Outcome {
  Snapshot s;
  std::string told;
};
bool operator==(const Outcome& a, const Outcome& b) {
  return a.s == b.s && a.s.digest() == b.s.digest() && a.told == b.told;
}

std::string numbers_of(const Tally& tally) {
  std::string numbers;
  for (const std::size_t count :
       {tally.applied, tally.unchanged, tally.too_late, tally.too_early, tally.invalid, tally.over_limit})
    numbers += std::to_string(count) + " ";
  return numbers;
}

/// Gathers what is told.
struct Listener {
  std::string told;
  void operator()(const UserPresenceChangedView& change) { told += text(Changes{UserPresenceChanged(change)}); }
};

/// Calls `call(snapshot, events, told)` with events that borrow from the snapshot, then with copies of them.
template <class Call>
void check_events(const Shape& shape, const std::vector<std::size_t>& picks, Timestamp when, Call call) {
  for (const bool from_the_end : {false, true}) {
    Outcome outcomes[2];
    for (const bool is_borrowed : {false, true}) {
      Outcome& outcome = outcomes[is_borrowed ? 1 : 0];
      outcome.s = make(shape);
      const Snapshot kept = shape.is_shared ? outcome.s : Snapshot();
      const std::uint64_t digest = kept.digest();
      const Borrowed users = borrow(outcome.s, from_the_end);
      const std::vector<PresenceEventView> all = events_about(users.one, users.other, when);
      std::vector<PresenceEventView> views;
      for (const std::size_t pick : picks) views.push_back(all[pick]);
      if (is_borrowed) {
        call(outcome.s, views, outcome.told);
      } else {
        const std::vector<PresenceEvent> events = copies_of(views);
        views.assign(events.begin(), events.end());
        call(outcome.s, views, outcome.told);
      }
      CHECK(kept.digest() == digest);
    }
    INFO(describe(shape) << ", event " << picks.front() << " of " << picks.size()
                         << ", from the end: " << from_the_end);
    CHECK(outcomes[0].told == outcomes[1].told);
    CHECK(outcomes[0] == outcomes[1]);
  }
}

const std::size_t event_count =
    events_about(UserView("id", true, "a status", {}, false), UserView("id", true, "b", {}, false), at(0)).size();

/// All shapes and all events, but not each with each.
template <class Call>
void check_single_events(Call call) {
  std::size_t turn = 0;
  for (const Shape& shape : all_shapes()) {
    ++turn;
    for (std::size_t i = turn % 3; i < event_count; i += 3) {
      check_events(shape, {i}, at(1), call);
      if (i % 2 == 0) check_events(shape, {i}, at(500), call);
    }
  }
}
/// Ranges of a few events and of more than are looked at ahead; with one other event among heartbeats, or many.
template <class Call>
void check_ranges(Call call) {
  Chance chance(77);
  for (const Shape& shape : all_shapes()) {
    for (const std::size_t count : {2, 7, 40}) {
      std::vector<std::size_t> picks;
      const bool is_mixed = chance.below(2) == 0;
      for (std::size_t i = 0; i < count; ++i)
        picks.push_back(is_mixed || chance.below(4) == 0 ? chance.below(event_count)
                        : i < 3                          ? 0
                                                         : chance.below(2) * 13);
      check_events(shape, picks, at(1), call);
      if (count == 7) check_events(shape, picks, at(500), call);
    }
  }
}

}  // namespace

TEST_CASE("an event may borrow from the snapshot that it is folded into") {
  check_single_events([](Snapshot& s, const std::vector<PresenceEventView>& events, std::string& told) {
    Listener listener;
    told += std::to_string(static_cast<int>(apply(s, events[0], listener)));
    told += listener.told;
  });
  check_single_events([](Snapshot& s, const std::vector<PresenceEventView>& events, std::string&) {
    s = reduce(std::move(s), events[0]);
  });
  check_single_events(
      [](Snapshot& s, const std::vector<PresenceEventView>& events, std::string&) { s = reduce(s, events[0]); });
}

TEST_CASE("an event may borrow from the snapshot that it is replayed into, though time passes first") {
  check_single_events([](Snapshot& s, const std::vector<PresenceEventView>& events, std::string& told) {
    Listener listener;
    told += std::to_string(static_cast<int>(replay(s, events[0], listener)));
    told += listener.told;
  });
  check_single_events([](Snapshot& s, const std::vector<PresenceEventView>& events, std::string& told) {
    told += std::to_string(static_cast<int>(replay(s, events[0])));
  });
}

TEST_CASE("the events of a range may borrow from the snapshot, whatever earlier ones have moved") {
  check_ranges([](Snapshot& s, const std::vector<PresenceEventView>& events, std::string& told) {
    Listener listener;
    told += numbers_of(apply(s, events.begin(), events.end(), listener));
    told += listener.told;
  });
  check_ranges([](Snapshot& s, const std::vector<PresenceEventView>& events, std::string& told) {
    told += numbers_of(apply(s, events.data(), events.data() + events.size()));
  });
  check_ranges([](Snapshot& s, const std::vector<PresenceEventView>& events, std::string& told) {
    const std::deque<PresenceEventView> deque(events.begin(), events.end());
    told += numbers_of(apply(s, deque.begin(), deque.end()));
  });
}

TEST_CASE("the events of a log may borrow from the snapshot that it is replayed into") {
  check_ranges([](Snapshot& s, const std::vector<PresenceEventView>& events, std::string& told) {
    Listener listener;
    std::vector<PresenceEventView> log(events);
    for (std::size_t i = 0; i < log.size(); ++i) log[i].at += seconds(40.0 * static_cast<double>(i / 2));
    told += numbers_of(replay(s, log.begin(), log.end(), listener));
    told += listener.told;
  });
  check_ranges([](Snapshot& s, const std::vector<PresenceEventView>& events, std::string& told) {
    told += numbers_of(replay(s, events.begin(), events.end()));
  });
}

TEST_CASE("a list may borrow from the snapshot that it is resynced into") {
  check_ranges([](Snapshot& s, const std::vector<PresenceEventView>& events, std::string& told) {
    Listener listener;
    told += numbers_of(resync(s, events.begin(), events.end(), at(1), listener));
    told += listener.told;
  });
  check_ranges([](Snapshot& s, const std::vector<PresenceEventView>& events, std::string& told) {
    told += numbers_of(resync(s, events.begin(), events.end(), at(2)));
  });
}

TEST_CASE("strings that are too long are refused in ranges of views as they are one by one") {
  Rules rules;
  rules.max_id_bytes = 20;
  rules.max_status_bytes = 30;
  rules.max_users = 20;
  const std::string longest_id(20, 'i'), longer_id(21, 'i'), longest_id_again(20, 'j'), huge(100000, 'h');
  const std::string longest_status(30, 's'), longer_status(31, 's');
  std::vector<PresenceEventView> events;
  for (const std::string* user : {&longest_id, &longer_id, &longest_id_again, &huge}) {
    for (const std::string* session : {&longest_id, &longer_id, &huge}) {
      events.push_back(PresenceEventView::connect(*user, *session, at(0)));
      events.push_back(PresenceEventView::heartbeat(*user, *session, at(0)));
    }
    for (const std::string* text : {&longest_status, &longer_status, &huge}) {
      events.push_back(PresenceEventView::set_status(*user, *text, at(0)));
      events.back().session = huge;  // which the type has no use for
      events.push_back(PresenceEventView::report(*user, true, at(0)));
      events.back().status = *text;
    }
  }
  Told one(rules), range(rules), log(rules), deque(rules);
  for (Told* told : {&one, &range, &log, &deque}) told->pass(at(0));
  Tally tally;
  for (const PresenceEventView& event : events) tally.count(apply(one.s, event, one));
  CHECK(tally.over_limit > 20);
  CHECK(tally.applied > 5);
  CHECK(apply(range.s, events.begin(), events.end(), range) == tally);
  CHECK(replay(log.s, events.begin(), events.end(), log) == tally);
  const std::deque<PresenceEventView> copies(events.begin(), events.end());
  CHECK(apply(deque.s, copies.begin(), copies.end(), deque) == tally);
  CHECK(range.s == one.s);
  CHECK(log.s == one.s);
  CHECK(deque.s == one.s);
  for (const PresenceEventView& event : events) {
    Snapshot folded = one.s, replayed = one.s;
    CHECK(apply(folded, event, one) == replay(replayed, event));
    CHECK(folded == replayed);
  }
}

TEST_CASE("a range of views that ends nothing is not copied") {
  // Heartbeats and all else that is done where it lies; statuses that no later event can borrow.
  Snapshot s = reduce(Snapshot(), at(0));
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < 100; ++i) ids.push_back(user_id(i));
  for (const std::string& id : ids)
    s = reduce(std::move(s), saying(connect(id, "phone", at(0)), "a status that is long"));
  std::vector<PresenceEventView> events;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    events.push_back(PresenceEventView::heartbeat(ids[i], "phone", at(1)));
    events.push_back(PresenceEventView::disconnect(ids[i], "phone", at(2)));
    events.push_back(PresenceEventView::set_status(ids[i], i % 2 == 0 ? "here" : "another status that is long", at(2)));
    events.push_back(PresenceEventView::connect(ids[i], "phone", at(3)));
  }
  std::optional<detail::StringBounds> strings;
  Tally tally;
  const detail::Unheard unheard;
  const PresenceEventView* first = events.data();
  const PresenceEventView* const last = first + events.size();
  while (first != last) REQUIRE(detail::fold_some<true>(s, first, last, unheard, tally, strings));
  CHECK(tally.applied == events.size());
}

TEST_CASE("a later event of a range may borrow nothing but the status that an earlier one replaces") {
  for (const char* const text : {"short", "fifteen letters", "a text that is too long to be kept in place"}) {
    for (const std::size_t as : {0, 1, 2}) {
      for (const bool is_status : {false, true}) {
        const auto about = [&](const Snapshot& s, std::string& owned, bool is_borrowed) {
          owned = status(s, "ann");
          const std::string_view borrowed = is_borrowed ? s.view("ann")->status : std::string_view(owned);
          std::vector<PresenceEventView> events = {PresenceEventView::set_status("ann", "something else", at(1))};
          // One that makes room beside the row, where the status lies.
          if (!is_status) {
            events.clear();
            for (int i = 0; i < 9; ++i) events.push_back(PresenceEventView::connect("ann", "phone", at(1 + i)));
          }
          events.push_back(as == 0   ? PresenceEventView::connect(borrowed, "phone", at(20))
                           : as == 1 ? PresenceEventView::connect("bob", borrowed, at(20))
                                     : PresenceEventView::set_status("bob", borrowed, at(20)));
          events.push_back(PresenceEventView::heartbeat("bob", "tv", at(21)));
          return events;
        };
        Snapshot snapshots[2];
        for (const bool is_borrowed : {false, true}) {
          Snapshot& s = snapshots[is_borrowed ? 1 : 0];
          s = folded({connect("ann", "phone", at(0)), connect("bob", "tv", at(0)), says("ann", text, at(0))});
          std::string owned;
          const std::vector<PresenceEventView> events = about(s, owned, is_borrowed);
          CHECK(apply(s, events.begin(), events.end()).applied == events.size());
        }
        CAPTURE(text);
        CAPTURE(as);
        CHECK(snapshots[0] == snapshots[1]);
      }
    }
  }
}

TEST_CASE("the events of a range may borrow from what only another snapshot keeps, which ends in a callback") {
  Chance chance(79);
  for (std::size_t round = 0; round < 60; ++round) {
    const Shape shape = {2 + chance.below(40), round % 2 == 0 ? std::size_t{8} : std::size_t{15}, 6, 1, true, false};
    Outcome outcomes[2];
    const std::uint64_t seed = chance.bits();
    for (const bool is_borrowed : {false, true}) {
      Chance same(seed);
      Outcome& outcome = outcomes[is_borrowed ? 1 : 0];
      outcome.s = make(shape);
      Snapshot kept = outcome.s;
      const Borrowed users = borrow(outcome.s, round % 3 == 0);
      const std::vector<PresenceEventView> all = events_about(users.one, users.other, at(1));
      std::vector<PresenceEventView> views = {PresenceEventView::set_status(users.one.id, "first", at(1)),
                                              PresenceEventView::connect("a new one", "phone", at(1))};
      for (std::size_t i = 0; i < 20; ++i) views.push_back(all[same.below(all.size())]);
      const std::vector<PresenceEvent> events = copies_of(views);
      if (!is_borrowed) views.assign(events.begin(), events.end());
      std::vector<Snapshot> others;  // in the memory that was theirs
      Listener listener;
      apply(outcome.s, views.begin(), views.end(), [&](const UserPresenceChangedView& change) {
        listener(change);
        kept = Snapshot();
        if (others.size() < 4) others.push_back(make(Shape{shape.users, shape.id_bytes, 7, 1, false, true}));
      });
      outcome.told = listener.told;
    }
    CHECK(outcomes[0].told == outcomes[1].told);
    CHECK(outcomes[0] == outcomes[1]);
  }
}
