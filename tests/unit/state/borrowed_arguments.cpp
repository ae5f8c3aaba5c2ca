// SPDX-License-Identifier: MIT
// A call whose arguments borrow from the object that it changes has the same result as with copies of the arguments.

#include "../telling.hpp"

#include <presence/model/detail/event_copy.hpp>
#include <presence/state/detail/apply_batch.hpp>
#include <presence/state/detail/change_sink.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <iterator>

using namespace support;

namespace {

/// The parameters of a snapshot and its users.
struct Shape {
  std::size_t users, id_bytes, status_bytes, sessions;
  bool is_shared;     // a copy of the snapshot is kept
  bool is_forgetful;  // users are forgotten by age
};

std::string describe(const Shape& shape) {
  return std::to_string(shape.users) + " users, ids of " + std::to_string(shape.id_bytes) + " bytes, statuses of " +
         std::to_string(shape.status_bytes) + ", " + std::to_string(shape.sessions) + " sessions" +
         (shape.is_shared ? ", shared" : "") + (shape.is_forgetful ? ", forgetful" : "");
}

/// Returns a string that is different for each number and has at least `bytes` bytes.
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

/// Snapshots with one user, with two, with a full page (one more user splits it), and with a page that was split.
std::vector<Shape> all_shapes() {
  std::vector<Shape> shapes;
  std::size_t turn = 0;
  for (const std::size_t users : std::vector<std::size_t>{1, 2, 32, 33}) {
    for (const std::size_t id_bytes : std::vector<std::size_t>{4, 15, 40}) {
      for (const std::size_t status_bytes : std::vector<std::size_t>{0, 6, 50}) {
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

/// Views of the first and the last user in iteration order, or the other way round.
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

/// Events that borrow strings from two users in all ways: whole ids and statuses, parts of them, and each in the place
/// of the other.
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
  // Users who are not in the snapshot yet.
  all.push_back(PresenceEventView::connect(part_of_id, "s0", when));
  all.push_back(PresenceEventView::connect(rest_of_id, one.id, when));
  all.push_back(PresenceEventView::connect(one.status, "s0", when));
  all.push_back(PresenceEventView::set_status(one.status, one.status, when));
  all.push_back(PresenceEventView::set_status(part_of_status, one.id, when));
  all.push_back(PresenceEventView::set_status("somebody else", one.status, when));
  all.push_back(PresenceEventView::report(part_of_status, true, when));
  // Connects and heartbeats with optional fields.
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

/// The snapshot and the changes after a call.
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

/// Collects the reported changes.
struct Listener {
  std::string told;
  void operator()(const UserPresenceChangedView& change) { told += text(Changes{UserPresenceChanged(change)}); }
};

/// An input iterator that makes an event about the first user of a snapshot, from what the snapshot says by then.
template <class Event>
class Making {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = Event;
  using difference_type = std::ptrdiff_t;
  using pointer = const Event*;
  using reference = Event;

  Making(const Snapshot& from, int number) : from_(&from), number_(number) {}
  Event operator*() const {
    const UserView user = *from_->begin();
    PresenceEventView event = PresenceEventView::connect(user.id, "s0", at(500.0 * (number_ + 1)));
    event.status = user.status;
    return static_cast<Event>(event);
  }
  Making& operator++() {
    ++number_;
    return *this;
  }
  friend bool operator!=(const Making& a, const Making& b) { return a.number_ != b.number_; }

 private:
  const Snapshot* from_;
  int number_;
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

/// All shapes and all events, but not all combinations.
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
/// Ranges of a few events and of more than the look-ahead; few or many of the events are not heartbeats.
template <class Call>
void check_ranges(Call call) {
  Chance chance(77);
  for (const Shape& shape : all_shapes()) {
    for (const std::size_t count : std::vector<std::size_t>{2, 7, 40}) {
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

TEST_CASE("an event may borrow strings from the snapshot that it is applied to") {
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

TEST_CASE("a replayed event may borrow strings from the snapshot, although the time advances first") {
  check_single_events([](Snapshot& s, const std::vector<PresenceEventView>& events, std::string& told) {
    Listener listener;
    told += std::to_string(static_cast<int>(replay(s, events[0], listener)));
    told += listener.told;
  });
  check_single_events([](Snapshot& s, const std::vector<PresenceEventView>& events, std::string& told) {
    told += std::to_string(static_cast<int>(replay(s, events[0])));
  });
}

TEST_CASE("events of a range may borrow strings from the snapshot, also if earlier events move them") {
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

TEST_CASE("events of a replayed log may borrow strings from the snapshot") {
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

TEST_CASE("events that are made while they are replayed may borrow strings from the snapshot as it is by then") {
  for (const Shape& shape : all_shapes()) {
    CAPTURE(describe(shape));
    Outcome copied{make(shape), ""}, borrowed{make(shape), ""};
    Listener of_copied, of_borrowed;
    const Tally tally =
        replay(copied.s, Making<PresenceEvent>(copied.s, 0), Making<PresenceEvent>(copied.s, 5), of_copied);
    CHECK(tally.applied == 5);
    CHECK(replay(borrowed.s, Making<PresenceEventView>(borrowed.s, 0), Making<PresenceEventView>(borrowed.s, 5),
                 of_borrowed) == tally);
    copied.told = of_copied.told;
    borrowed.told = of_borrowed.told;
    CHECK(copied == borrowed);
  }
}

TEST_CASE("the events of a resync may borrow strings from the snapshot") {
  check_ranges([](Snapshot& s, const std::vector<PresenceEventView>& events, std::string& told) {
    Listener listener;
    told += numbers_of(resync(s, events.begin(), events.end(), at(1), listener));
    told += listener.told;
  });
  check_ranges([](Snapshot& s, const std::vector<PresenceEventView>& events, std::string& told) {
    told += numbers_of(resync(s, events.begin(), events.end(), at(2)));
  });
}

TEST_CASE("strings that are too long are rejected in ranges of views as in single events") {
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
      events.back().session = huge;  // which this type ignores
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

TEST_CASE("a range of views is not copied if it borrows no string that its events move or destroy") {
  // Heartbeats and other events that are applied in place; statuses that no later event can borrow.
  Snapshot s = reduce(Snapshot(), at(0));
  // The ids are contiguous, so that no memory of the snapshot lies between them.
  std::string all;
  for (std::size_t i = 0; i < 100; ++i) all += user_id(i);
  std::vector<std::string_view> ids;
  for (std::size_t i = 0, begin = 0; i < 100; begin += ids[i].size(), ++i)
    ids.push_back(std::string_view(all).substr(begin, user_id(i).size()));
  for (const std::string_view id : ids)
    s = reduce(std::move(s), saying(connect(std::string(id), "phone", at(0)), "a status that is long"));
  std::vector<PresenceEventView> events;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    events.push_back(PresenceEventView::heartbeat(ids[i], "phone", at(1)));
    events.push_back(PresenceEventView::disconnect(ids[i], "phone", at(2)));
    events.push_back(PresenceEventView::set_status(ids[i], i % 2 == 0 ? "here" : "another status that is long", at(2)));
    events.push_back(PresenceEventView::connect(ids[i], "phone", at(3)));
  }
  std::optional<detail::StringBounds> strings;
  Tally tally;
  const detail::NoCallback no_callback;
  const PresenceEventView* first = events.data();
  const PresenceEventView* const last = first + events.size();
  while (first != last) REQUIRE(detail::apply_some<true>(s, first, last, no_callback, tally, strings));
  CHECK(tally.applied == events.size());
}

TEST_CASE("a range that borrows only one status may replace or move that status in an earlier event") {
  for (const char* const text : {"short", "fifteen letters", "a text that is too long to be kept in place"}) {
    for (const std::size_t as : std::vector<std::size_t>{0, 1, 2}) {
      for (const bool is_status : {false, true}) {
        const auto about = [&](const Snapshot& s, std::string& owned, bool is_borrowed) {
          owned = status(s, "ann");
          const std::string_view borrowed = is_borrowed ? s.view("ann")->status : std::string_view(owned);
          std::vector<PresenceEventView> events = {PresenceEventView::set_status("ann", "something else", at(1))};
          // Connects that move the status to overflow memory outside the row.
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

TEST_CASE("events of a range may borrow strings that only a copy still owns, also if a callback releases the copy") {
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
      std::vector<Snapshot> others;  // reuse the memory of the released strings
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

namespace {

const char* const long_name = "a name that is too long to be kept inside a string";

/// The ids of the viewers who watch a user, borrowed from the watches.
std::vector<std::string_view> fans_of(const Watches& watches, std::string_view user) {
  std::vector<std::string_view> ids;
  watches.each_viewer_of(user, [&ids](Viewer viewer) { ids.push_back(viewer.id()); });
  return ids;
}
std::vector<std::string> sorted(const std::vector<std::string_view>& ids) {
  std::vector<std::string> all(ids.begin(), ids.end());
  std::sort(all.begin(), all.end());
  return all;
}

/// Watches with `count` viewers of mary, with short and long ids.
Watches with_fans(std::size_t count) {
  Watches watches;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string id = filled(i, i % 2 == 0 ? 4 : 40);
    watches.watch_users(Viewer(id), std::vector<std::string>{"mary", "jack"});
    watches.watch_channel(Viewer(id), Channel{"match", "eu", {"mary", "bob"}, {}});
  }
  return watches;
}

}  // namespace

TEST_CASE("watches may be changed with ids that borrow from the same watches") {
  for (const std::size_t count : std::vector<std::size_t>{1, 2, 3, 4, 7, 8, 9, 16, 33}) {
    for (std::size_t which = 0; which < count; which += 1 + count / 4) {
      const auto changed_by = [&](auto change) {
        Watches borrowing = with_fans(count), copying = borrowing;
        change(borrowing, fans_of(borrowing, "mary"), which);
        const std::vector<std::string> copies = [&] {
          const std::vector<std::string_view> ids = fans_of(copying, "mary");
          return std::vector<std::string>(ids.begin(), ids.end());
        }();
        change(copying, std::vector<std::string_view>(copies.begin(), copies.end()), which);
        CHECK(borrowing == copying);
        CHECK(sorted(fans_of(borrowing, "mary")) == sorted(fans_of(copying, "mary")));
        return borrowing;
      };
      using Fans = std::vector<std::string_view>;
      changed_by([](Watches& w, const Fans& fans, std::size_t i) { w.unwatch(Viewer(fans[i])); });
      changed_by([](Watches& w, const Fans& fans, std::size_t i) { w.unwatch(Viewer(fans[i]), "match:eu"); });
      changed_by([](Watches& w, const Fans& fans, std::size_t i) { w.watch_users(Viewer(fans[i]), fans); });
      changed_by([](Watches& w, const Fans& fans, std::size_t i) { w.watch_users(Viewer(fans[i].substr(1)), fans); });
      changed_by([](Watches& w, const Fans& fans, std::size_t) { w.watch_users(Viewer("a newcomer"), fans); });
      changed_by([](Watches& w, const Fans& fans, std::size_t i) {
        w.watch_channel(Viewer(fans[i].substr(1)), Channel{"match", "us", {"mary"}, {}});
        w.watch_members(Viewer(w.is_watched("mary") ? "another" : "one"), Channel{"match", "eu", {"jack"}, {}});
      });
      changed_by([](Watches& w, const Fans& fans, std::size_t i) {
        w.watch_members(Viewer(fans[i].substr(1)), Channel{"match", "asia", {"mary"}, {}});
      });
      changed_by([](Watches& w, const Fans& fans, std::size_t i) {
        for (std::size_t j = i; j < fans.size(); j += fans.size()) w.unwatch(Viewer(fans[j]));
        w.remove_channel("match:eu");
      });
    }
    const Watches newcomer = [&] {
      Watches w = with_fans(count);
      w.watch_users(Viewer("a newcomer"), fans_of(w, "mary"));
      return w;
    }();
    for (std::size_t i = 0; i < count; ++i) CHECK(newcomer.is_watching(Viewer("a newcomer"), filled(i, i % 2 == 0 ? 4 : 40)));
  }
}

TEST_CASE("a callback of each_viewer_of may change the watches") {
  for (const std::size_t count : std::vector<std::size_t>{1, 2, 3, 8, 20}) {
    Watches w = with_fans(count);
    std::size_t visits = 0;
    w.each_viewer_of("mary", [&](Viewer viewer) {
      ++visits;
      w.unwatch(viewer);
    });
    CHECK(visits == count);
    CHECK(w == Watches());

    w = with_fans(count);
    visits = 0;
    w.each_viewer_of("mary", [&](Viewer) {
      ++visits;
      w.clear();
    });
    CHECK(visits == 1);

    w = with_fans(count);
    visits = 0;
    w.each_viewer_of("mary", [&](Viewer viewer) {
      const std::string id = "one more fan of " + std::string(viewer.id());
      w.watch_users(Viewer(id), std::vector<std::string>{"mary", id});
      ++visits;
    });
    CHECK(visits == count);
    CHECK(fans_of(w, "mary").size() == 2 * count);

    // New viewers take the slots of those who were removed.
    w = with_fans(count);
    std::vector<std::string> visited;
    w.each_viewer_of("mary", [&](Viewer viewer) {
      visited.emplace_back(viewer.id());
      for (std::size_t i = 0; i < count; ++i) {
        const std::string id = filled(i, i % 2 == 0 ? 4 : 40);
        w.unwatch(Viewer(id));
        w.watch_users(Viewer("who is not a fan of hers"), std::vector<std::string>{id});
      }
    });
    CHECK(visited.size() == 1);
  }
}

TEST_CASE("calls that change a store may pass strings that borrow from its channels") {
  for (std::size_t before = 0; before < 9; ++before) {
    for (const bool is_long : {false, true}) {
      Store store;
      const std::string name = is_long ? long_name : "ann";
      CHECK_FALSE(store.put(Channel{"match", name, {name, "mary"}, {}}));
      for (std::size_t i = 0; i < before; ++i) CHECK_FALSE(store.put(Channel{"other", user_id(i), {}, {}}));
      const Channel* known = store.find_channel("match:" + name);
      REQUIRE(known != nullptr);

      // Adding a channel may move other channels; the viewer's id lies in one of them.
      REQUIRE(store.watch(WatchChannel{"match", "new", {"jack"}, true}, Viewer(known->id)));
      CHECK(store.watches().is_watching(Viewer(name), "jack"));
      CHECK(store.watches().viewer_count() == 1);

      known = store.find_channel("match:" + name);
      REQUIRE(store.watch(WatchChannel{known->type, known->id, {}, true}, Viewer(known->members[0])));
      CHECK(store.watches().is_watching(Viewer(name), "mary"));
      CHECK_FALSE(store.put(*known));
      known = store.find_channel("match:" + name);
      CHECK(*known == Channel{"match", name, {name, "mary"}, {}});
      ChannelQuery all;
      all.presence = true;
      CHECK(store.query_channels(all, Viewer(known->members[1])).size() == std::min<std::size_t>(before + 2, 10));
      CHECK(store.watches().is_watching(Viewer("mary"), name));
      const Subscription subscription =
          store.subscribe<UserPresenceChanged>(Viewer(known->id), [](const UserPresenceChanged&) {});
      store.unwatch(Viewer(known->members[1]), known->cid());
      CHECK_FALSE(store.watches().is_watching(Viewer("mary"), name));
      CHECK(store.dispatch(PresenceEventView::connect(known->members[0], known->id, at(0))) == Verdict::applied);
      CHECK(store.snapshot().online(name));
      store.unwatch(Viewer(known->id));
      CHECK_FALSE(store.watches().is_watching(Viewer(name), "jack"));

      // Removes a channel by an id that lies in it.
      CHECK_FALSE(store.put(Channel{"match", "last", {"match:last"}, {}}));
      const Channel* const last = store.find_channel("match:last");
      REQUIRE(last != nullptr);
      REQUIRE(last->members.size() == 1);
      store.remove_channel(last->members[0]);
      CHECK(store.find_channel("match:last") == nullptr);
      CHECK(store.find_channel("match:" + name) != nullptr);
    }
  }
}

TEST_CASE("events may borrow strings from a snapshot of the store that they are dispatched to") {
  for (const bool keeps_order : {false, true}) {
    std::size_t turn = 0;
    for (const Shape& shape : all_shapes()) {
      if (++turn % 3 != 0) continue;
      StoreOptions options;
      options.keep_order_of_frame = keeps_order;
      Store borrowing(make(shape), options), copying(make(shape), options);
      for (std::size_t i = 0; i < event_count; ++i) {
        const Timestamp when = at(1 + static_cast<double>(i));
        Snapshot s = borrowing.snapshot();
        const Borrowed users = borrow(s, i % 2 == 0);
        const std::vector<PresenceEventView> views = events_about(users.one, users.other, when);
        const std::vector<PresenceEvent> events = copies_of(views);
        CHECK(borrowing.dispatch(views[i]) == copying.dispatch(events[i]));
        CHECK(borrowing.dispatch(views.begin(), views.end()) == copying.dispatch(events.begin(), events.end()));
        CHECK(borrowing.resync(views.begin(), views.end(), when) == copying.resync(events.begin(), events.end(), when));
        CHECK(borrowing.snapshot() == copying.snapshot());
      }
    }
  }
}

TEST_CASE("a snapshot may be merged with itself, assigned to itself, and decode messages that lie in its statuses") {
  for (const bool is_shared : {false, true}) {
    Snapshot s = make(Shape{40, 20, 30, 2, is_shared, false});
    const Snapshot kept = is_shared ? s : Snapshot(), copy = s;
    const std::uint64_t digest = s.digest();
    std::size_t changes = 0;
    const auto count = [&changes](const UserPresenceChangedView&) { ++changes; };
    Snapshot& same = s;
    merge_into(s, same, count);
    s = merge(s, same);
    s = merge(std::move(s), copy);
    s = same;
    s = std::move(same);
    diff(s, same, count);
    CHECK(s.digest() == digest);
    CHECK(changes == 0);

    // Messages that lie in a status.
    const std::string delta = encode_delta(Snapshot(s.rules()), reduce(s, connect("somebody else", "tv", at(1))));
    Rules rules = s.rules();
    rules.max_status_bytes = 100000;
    Snapshot carrier = folded(rules, {says("ann", delta, at(0)), says("bob", sketch(s), at(0))});
    const std::string message = *reconcile(s, sketch(carrier), at(2));
    CHECK_FALSE(apply_delta(carrier, carrier.view("ann")->status, at(2), count));
    CHECK(carrier.online("somebody else"));
    CHECK(reconcile(carrier, carrier.view("bob")->status, at(2)));
    CHECK(apply_delta(carrier, carrier.view("bob")->status, at(2)));
    carrier = reduce(std::move(carrier), says("ann", message, at(2)));
    static_cast<void>(reconcile(carrier, carrier.view("ann")->status, at(2), count));
    Store store(carrier);
    CHECK_FALSE(store.merge(store.snapshot(), at(2)));
    CHECK(store.snapshot() == carrier);
  }
}
