// SPDX-License-Identifier: MIT

// The end of a status: `until` of an event.

#include "../telling.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

using namespace support;

namespace {

constexpr Duration ms = Duration::from_ms(1);

/// A status as it is written: the greatest of these wins.
struct Written {
  Timestamp at;
  std::string text;
  std::optional<Timestamp> end;

  bool operator<(const Written& other) const {
    return std::make_tuple(at, text, last()) < std::make_tuple(other.at, other.text, other.last());
  }
  /// There is nothing to end of an empty text.
  Timestamp last() const { return text.empty() ? Timestamp::highest() : end.value_or(Timestamp::highest()); }
  std::string read_at(Timestamp now) const { return end && now >= *end ? "" : text; }
};

PresenceEvent event_of(const Written& written) {
  PresenceEvent event = says("john", written.text, written.at);
  event.until = written.end;
  return event;
}

}  // namespace

TEST_CASE("a status reads as empty from its end on, which is one change with that timestamp") {
  Told t;
  t.pass(at(0));
  CHECK(t.fold(until(says("john", "brb", at(0)), at(10))) == Verdict::applied);
  CHECK(t.s.inspect("john")->status_until == at(10));
  t.take();
  CHECK(t.s.next_deadline() == at(10));
  t.pass(at(10) - tick);
  CHECK(status(t.s, "john") == "brb");
  CHECK(t.take().empty());
  CHECK(t.s.next_deadline() == at(10));
  t.pass(at(10));
  CHECK(status(t.s, "john").empty());
  CHECK(text(t.take()) ==
        text({changed(at(10), seen_offline("john", std::nullopt, "brb"), seen_offline("john", std::nullopt))}));
  CHECK_FALSE(t.s.next_deadline());
  t.pass(at(1e6));
  CHECK(t.take().empty());
}

TEST_CASE("the end of a status is a change with its own timestamp, however late the time is advanced") {
  Told t(with_timeout(seconds(40)));
  t.pass(at(0));
  t.fold(until(saying(connect("john", "phone", at(0)), "brb"), at(10)));
  t.fold(until(says("mary", "away", at(0)), at(10)));
  t.fold(until(says("kim", "away", at(0)), at(50)));
  t.take();
  t.pass(at(1e6));
  CHECK(text(t.take()) ==
        text({changed(at(10), seen_online("john", at(0), "brb"), seen_online("john", at(0))),
              changed(at(10), seen_offline("mary", std::nullopt, "away"), seen_offline("mary", std::nullopt)),
              changed(at(40), seen_online("john", at(0)), seen_offline("john", at(0))),
              changed(at(50), seen_offline("kim", std::nullopt, "away"), seen_offline("kim", std::nullopt))}));
}

TEST_CASE("a status that ends when its user's session does is one change") {
  Told t(with_timeout(seconds(40)));
  t.pass(at(0));
  t.fold(until(saying(connect("john", "phone", at(0)), "brb"), at(40)));
  t.take();
  t.pass(at(100));
  CHECK(text(t.take()) == text({changed(at(40), seen_online("john", at(0), "brb"), seen_offline("john", at(0)))}));
}

TEST_CASE("every type of event may carry a status with an end") {
  for (PresenceEvent event :
       {connect("john", "phone", at(0)), heartbeat("john", "phone", at(0)), disconnect("john", "phone", at(0)),
        report("john", false, at(0)), report("john", true, at(0)), shows("john", at(0)), hides("john", at(0)),
        says("john", "brb", at(0)), invisibly("john", "phone", at(0))}) {
    CAPTURE(std::string(to_string(event.type)));
    event.status = "brb";
    event.until = at(10);
    Told t(with_timeout(seconds(1000)));
    t.pass(at(0));
    CHECK(t.fold(event) == Verdict::applied);
    CHECK(status(t.s, "john") == "brb");
    CHECK(t.s.next_deadline() == at(10));
    t.pass(at(10));
    CHECK(status(t.s, "john").empty());
  }
}

TEST_CASE("the end of the status of an invisible user is seen at its timestamp, and nothing else is") {
  Told t(with_timeout(seconds(40)));
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(invisibly("john", "phone", at(1)));
  t.fold(until(says("john", "brb", at(2)), at(60)));
  t.take();
  CHECK(t.s.next_deadline() == at(60));
  t.pass(at(1000));
  CHECK(text(t.take()) == text({changed(at(60), seen_offline("john", at(0), "brb"), seen_offline("john", at(0)))}));
  CHECK(t.s.view("john", self("john")).value().status.empty());
}

TEST_CASE("an empty text with an end is no deadline and no change") {
  Told t;
  t.pass(at(0));
  CHECK(t.fold(until(says("john", "", at(0)), at(10))) == Verdict::applied);
  CHECK(t.s.size() == 1);
  t.take();
  CHECK_FALSE(t.s.next_deadline());
  t.pass(at(20));
  CHECK(t.take().empty());
}

TEST_CASE("a status that is replaced before its end does not end the new one") {
  Told t;
  t.pass(at(0));
  t.fold(until(says("john", "brb", at(0)), at(10)));
  t.fold(says("john", "here", at(5)));
  CHECK_FALSE(t.s.next_deadline());
  t.pass(at(20));
  CHECK(status(t.s, "john") == "here");
  SUBCASE("nor is an ended one replaced by an older one that arrives late") {
    t.fold(until(says("john", "lunch", at(20)), at(30)));
    t.pass(at(40));
    CHECK(t.fold(says("john", "older", at(19))) == Verdict::unchanged);
    CHECK(status(t.s, "john").empty());
  }
  SUBCASE("a status with an end replaces one without") {
    t.fold(until(says("john", "lunch", at(20)), at(30)));
    CHECK(status(t.s, "john") == "lunch");
    t.pass(at(30));
    CHECK(status(t.s, "john").empty());  // and not "here"
  }
}

TEST_CASE("a status that arrives after its end makes its user known, and is never seen") {
  Told t;
  t.pass(at(20));
  CHECK(t.fold(until(says("john", "brb", at(0)), at(10))) == Verdict::applied);
  CHECK(text(t.take()) == text({changed(at(20), std::nullopt, seen_offline("john", std::nullopt))}));
  CHECK_FALSE(t.s.next_deadline());
  t.fold(says("mary", "here", at(0)));
  t.take();
  SUBCASE("it clears an older text") {
    CHECK(t.fold(until(says("mary", "brb", at(1)), at(10))) == Verdict::applied);
    CHECK(status(t.s, "mary").empty());
    CHECK(t.take().size() == 1);
  }
  SUBCASE("if it ends exactly now, it has ended") {
    CHECK(t.fold(until(says("mary", "brb", at(1)), at(20))) == Verdict::applied);
    CHECK(status(t.s, "mary").empty());
  }
  SUBCASE("if it ends one nanosecond later, it has not") {
    CHECK(t.fold(until(says("mary", "brb", at(1)), at(20) + tick)) == Verdict::applied);
    CHECK(status(t.s, "mary") == "brb");
    CHECK(t.s.next_deadline() == at(20) + tick);
  }
}

TEST_CASE("a user whose status ended long ago stays known") {
  Told t;
  t.pass(at(0));
  t.fold(until(says("john", "brb", at(0)), at(10)));
  for (const double second : {10.0, 100.0, 1000.0, 1e9}) {
    t.pass(at(second));
    CHECK(t.s.view("john").has_value());
  }
  t.take();
  CHECK(t.fold(connect("john", "phone", at(1e9))) == Verdict::applied);
  CHECK(text(t.take()) == text({changed(at(1e9), seen_offline("john", std::nullopt), seen_online("john", at(1e9)))}));
}

TEST_CASE("the last status wins; at one timestamp the greater text, then the later end; an empty text has no end") {
  std::vector<Written> all;
  for (const double second : {1.0, 2.0}) {
    for (const char* const written : {"", "a", "b", "\xC3\xA9"}) {
      for (const std::optional<Timestamp> end :
           {std::optional<Timestamp>(at(second) + tick), std::optional<Timestamp>(at(5)),
            std::optional<Timestamp>(at(5) + tick), std::optional<Timestamp>(Timestamp::highest() - tick),
            std::optional<Timestamp>()})
        all.push_back(Written{at(second), written, end});
    }
  }
  for (const bool has_now : {false, true}) {
    for (const Written& first : all) {
      for (const Written& second : all) {
        CAPTURE(to_json(event_of(first)));
        CAPTURE(to_json(event_of(second)));
        Told t;
        if (has_now) t.pass(at(3));
        REQUIRE(t.fold(event_of(first)) == Verdict::applied);
        REQUIRE(t.fold(event_of(second)) == (first < second ? Verdict::applied : Verdict::unchanged));
        const Written& winner = std::max(first, second);
        const std::string seen = has_now ? winner.read_at(at(3)) : winner.text;
        REQUIRE(status(t.s, "john") == seen);
        const bool has_end = winner.end && !seen.empty();
        REQUIRE(t.s.next_deadline() == (has_end ? winner.end : std::nullopt));
        Told expected;
        if (has_now) expected.pass(at(3));
        expected.fold(event_of(winner));
        REQUIRE(t.s == expected.s);
        t.pass(at(5));
        REQUIRE(status(t.s, "john") == winner.read_at(at(5)));
      }
    }
  }
}

TEST_CASE("an end that is not later than its event, or at either end of the range, is invalid") {
  for (const bool has_now : {false, true}) {
    Told t;
    if (has_now) t.pass(at(5));
    t.fold(says("john", "here", at(4)));
    t.take();
    const Snapshot before = t.s;
    for (PresenceEvent event : {says("john", "brb", at(5)), saying(connect("john", "phone", at(5)), "brb"),
                                saying(report("mary", true, at(5)), ""), saying(heartbeat("john", "phone", at(5)), "x"),
                                saying(shows("john", at(5)), "x"), saying(disconnect("john", "phone", at(5)), "x")}) {
      for (const Timestamp end :
           {at(5), at(5) - tick, at(-1e6), Timestamp::lowest(), Timestamp::lowest() + tick, Timestamp::highest()}) {
        CAPTURE(end);
        event.until = end;
        CHECK(t.fold(event) == Verdict::invalid);
        CHECK(t.s == before);
        CHECK(t.s.digest() == before.digest());
      }
    }
    CHECK(t.take().empty());
  }
}

TEST_CASE("an end without a status is not read, even one that would be invalid") {
  for (const PresenceEvent& event :
       {connect("john", "phone", at(5)), heartbeat("john", "phone", at(5)), disconnect("john", "phone", at(5)),
        report("john", true, at(5)), shows("john", at(5)), hides("john", at(5)), removes("john", at(5))}) {
    CAPTURE(std::string(to_string(event.type)));
    for (const Timestamp end :
         {at(5), at(4), at(6), Timestamp::lowest(), Timestamp::highest(), Timestamp::highest() - tick}) {
      CAPTURE(end);
      Told with, without;
      for (Told* const t : {&with, &without}) {
        t->pass(at(5));
        t->fold(says("john", "here", at(4)));
      }
      CHECK(with.fold(until(event, end)) == without.fold(event));
      CHECK(with.s == without.s);
      CHECK(with.s.next_deadline() == without.s.next_deadline());
    }
  }
}

TEST_CASE("an end may be one nanosecond after its event, and one before the end of the range") {
  Told t;
  t.pass(at(0));
  CHECK(t.fold(until(says("john", "brb", at(0)), at(0) + tick)) == Verdict::applied);
  CHECK(t.s.next_deadline() == at(0) + tick);
  t.take();
  t.pass(at(0) + tick);
  CHECK(text(t.take()) ==
        text({changed(at(0) + tick, seen_offline("john", std::nullopt, "brb"), seen_offline("john", std::nullopt))}));

  const Timestamp last = Timestamp::highest() - tick;
  t.fold(until(says("john", "forever", at(1)), last));
  t.take();
  CHECK(t.s.next_deadline() == last);
  t.pass(last - tick);
  CHECK(status(t.s, "john") == "forever");
  CHECK(t.take().empty());
  CHECK(t.pass(last) == Verdict::applied);
  CHECK(status(t.s, "john").empty());
  const Changes changes = t.take();
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].at == last);

  Told first;
  CHECK(first.fold(until(says("john", "brb", Timestamp::lowest() + tick), Timestamp::lowest() + tick + tick)) ==
        Verdict::applied);
  CHECK(first.s.next_deadline() == Timestamp::lowest() + tick + tick);
  CHECK(status(first.s, "john") == "brb");
}

TEST_CASE("without a time no status has ended; the first time that passes is told of every end before it") {
  Told t;
  t.fold(until(says("john", "brb", at(0)), at(10)));
  t.fold(says("mary", "here", at(1000)));
  CHECK(status(t.s, "john") == "brb");
  CHECK(t.s.next_deadline() == at(10));
  t.take();
  t.pass(at(20));
  CHECK(text(t.take()) ==
        text({changed(at(10), seen_offline("john", std::nullopt, "brb"), seen_offline("john", std::nullopt))}));
}

TEST_CASE("advancing in steps over the end of a status equals advancing at once") {
  for (const bool is_invisible : {false, true}) {
    Told once(with_timeout(seconds(40)));
    once.pass(at(0));
    once.fold(invisibly("john", "phone", at(0), is_invisible));
    once.fold(until(says("john", "brb", at(1)), at(10)));
    Told stepwise = once;
    once.pass(at(3000));
    for (double second = 1; second <= 3000; second += second < 60 ? 1 : 70) stepwise.pass(at(second));
    stepwise.pass(at(3000));
    CHECK(once.s == stepwise.s);
    CHECK(once.s.digest() == stepwise.s.digest());
    CHECK(text(once.take()) == text(stepwise.take()));
  }
}

TEST_CASE("a snapshot with ends of statuses is encoded and decoded unchanged") {
  for (const bool has_now : {false, true}) {
    Told t;
    if (has_now) t.pass(at(5));
    t.fold(until(says("john", "brb", at(0)), at(10)));
    t.fold(until(says("mary", "ended", at(0)), at(1)));
    t.fold(until(says("kim", "", at(0)), at(20)));
    t.fold(until(saying(invisibly("ann", "phone", at(0)), "hidden"), at(0) + tick));
    t.fold(until(says("bob", "long", at(0)), Timestamp::highest() - tick));
    const auto read = decode(encode(t.s), t.s.rules());
    REQUIRE(read);
    CHECK(*read == t.s);
    CHECK(read->digest() == t.s.digest());
    CHECK(read->next_deadline() == t.s.next_deadline());
    CHECK(read->inspect("john") == t.s.inspect("john"));
    CHECK(encode(*read) == encode(t.s));
    Told back;
    back.s = *read;
    t.take();
    back.pass(at(100));
    t.pass(at(100));
    CHECK(text(back.take()) == text(t.take()));
  }
}

TEST_CASE("merged nodes have the status that wins, with its end") {
  const Snapshot start = reduce(Snapshot(), at(2));
  const Snapshot without = reduce(start, says("john", "brb", at(1))),
                 with = reduce(start, until(says("john", "brb", at(1)), at(10))),
                 later = reduce(start, until(says("john", "at lunch", at(2)), at(20)));
  CHECK(merge(with, without) == without);
  CHECK(merge(without, with) == without);
  CHECK(merge(with, later) == later);
  CHECK(merge(later, with) == later);
  CHECK(merge(with, with) == with);
  CHECK(merge(with, reduce(Snapshot(), at(15))).next_deadline() == std::nullopt);
  Told t;
  t.s = with;
  merge_into(t.s, reduce(Snapshot(), at(15)), t);
  REQUIRE(t.changes.size() == 1);
  CHECK(t.changes[0].after.value().status.empty());
}

TEST_CASE("of an ended status the text matters as long as an event may have its timestamp") {
  Told one, other;
  for (Told* const t : {&one, &other}) t->pass(at(0));
  one.fold(until(says("john", "b", at(0)), at(10)));
  other.fold(until(says("john", "c", at(0)), at(20)));
  for (Told* const t : {&one, &other}) t->pass(at(120));
  CHECK_FALSE(one.s == other.s);
  CHECK(one.s.digest() != other.s.digest());
  Told late = one;
  CHECK(late.fold(says("john", "a", at(0))) == Verdict::unchanged);
  CHECK(late.fold(says("john", "bb", at(0))) == Verdict::applied);
  CHECK(status(late.s, "john") == "bb");
  for (Told* const t : {&one, &other}) t->pass(at(120) + tick);
  CHECK(one.s == other.s);
  CHECK(one.s.digest() == other.s.digest());
  CHECK_FALSE(one.s == reduce(Snapshot(), at(120) + tick));
}

TEST_CASE("snapshots that differ in the end of a status only are different") {
  const auto ending = [](std::optional<Timestamp> end) {
    PresenceEvent event = says("john", "brb", at(0));
    event.until = end;
    return reduce(reduce(Snapshot(), at(0)), event);
  };
  const std::vector<Snapshot> all = {ending(std::nullopt), ending(at(10)), ending(at(10) + tick)};
  for (const Snapshot& a : all) {
    for (const Snapshot& b : all) {
      CHECK((a == b) == (&a == &b));
      CHECK((a.digest() == b.digest()) == (&a == &b));
    }
  }
}

TEST_CASE("a listed report counts as of the list even if its status has ended by then") {
  const std::vector<PresenceEvent> list = {until(saying(report("john", true, at(5)), "brb"), at(10)),
                                           until(saying(report("kim", true, at(5)), "brb"), at(60)),
                                           until(saying(report("ann", true, at(5)), "brb"), at(5))};
  for (const bool has_time : {false, true}) {
    CAPTURE(has_time);
    Told t;
    t.pass(at(30));
    t.fold(report("mary", true, at(20)));
    const Tally tally =
        has_time ? resync(t.s, list.begin(), list.end(), at(21)) : resync(t.s, list.begin(), list.end(), t);
    CHECK(tally.applied == 2);
    CHECK(tally.invalid == 1);  // the last one ends when it is written
    CHECK(t.s.find("john") == seen_online("john", std::nullopt));
    CHECK(t.s.find("kim") == seen_online("kim", std::nullopt, "brb"));
    CHECK(t.s.next_deadline() == at(60));
    CHECK_FALSE(t.s.online("mary"));
  }
}

TEST_CASE("a diff over the end of a status is one change of the status") {
  Told t;
  t.pass(at(0));
  t.fold(until(says("john", "brb", at(0)), at(10)));
  const Snapshot before = t.s;
  t.pass(at(30));
  Told told;
  diff(before, t.s, told);
  REQUIRE(told.changes.size() == 1);
  CHECK(told.changes[0].status_changed());
  CHECK(told.changes[0].at == at(30));
  told.take();
  diff(before, reduce(before, at(9)), told);
  CHECK(told.changes.empty());
}

TEST_CASE("a user is forgotten forget_after after the status was set, whether or not it ended before") {
  Rules rules;
  rules.forget_after = seconds(3600);
  Told t(rules);
  t.pass(at(0));
  t.fold(until(says("john", "brb", at(0)), at(10)));
  t.take();
  t.pass(at(1e5));
  CHECK(text(t.take()) ==
        text({changed(at(10), seen_offline("john", std::nullopt, "brb"), seen_offline("john", std::nullopt)),
              changed(at(3600), seen_offline("john", std::nullopt), std::nullopt)}));
  CHECK(t.s.empty());
}

TEST_CASE("in random histories the status is that of the last writer until its end, and changes tell it") {
  Chance chance(20190107);
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    Told t;
    Told steady;  // without time until the end
    std::optional<Written> winner;
    Timestamp now = at(10);
    t.pass(now);
    const Snapshot start = t.s;
    for (int step = 0; step < 12; ++step) {
      if (chance.below(3) == 0) {
        now = now + seconds(static_cast<double>(chance.below(6)));
        t.pass(now);
      } else {
        Written written;
        written.at = at(static_cast<double>(chance.below(12)));
        written.text = std::string(chance.below(3), 'x');
        if (chance.below(3) > 0) written.end = written.at + seconds(static_cast<double>(1 + chance.below(20))) - ms;
        t.fold(event_of(written));
        steady.fold(event_of(written));
        if (!winner || *winner < written) winner = written;
      }
      if (!winner) continue;
      REQUIRE(status(t.s, "john") == winner->read_at(now));
      const bool will_end = winner->end && !winner->read_at(now).empty();
      REQUIRE(t.s.next_deadline() == (will_end ? winner->end : std::nullopt));
    }
    steady.pass(now);
    REQUIRE(steady.s == t.s);
    REQUIRE(steady.s.digest() == t.s.digest());
    std::optional<User> seen;
    for (const UserPresenceChanged& change : t.changes) {
      REQUIRE(change.before == seen);
      REQUIRE(change.after != seen);
      seen = change.after;
    }
    REQUIRE(seen == t.s.find("john"));
  }
}
