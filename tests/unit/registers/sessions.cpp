// SPDX-License-Identifier: MIT

// The registers of one session, compared with plain ones that keep everything beside each other.

#include "../telling.hpp"

#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/small_vector.hpp>
#include <presence/registers/detail/absent.hpp>
#include <presence/registers/detail/data.hpp>
#include <presence/registers/detail/session.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace support;
using detail::Run;
using detail::SessionActivity;
using detail::SessionMoment;
using detail::SessionRegisters;
using detail::SessionState;

namespace {

Timestamp on(std::size_t tick) { return Timestamp::from_ns(static_cast<std::int64_t>(tick)); }

SessionState saying_available(const SessionMoment& moment) { return {moment, Availability::available, 0}; }

detail::KeptValuePointer what(const std::string& text) {
  if (text.empty()) return {};
  Attributes fields;
  fields["on"] = text;
  return detail::KeptValuePointer(Value::object(std::move(fields)));
}

/// What the registers should be.
struct Plain {
  std::string id;
  SessionMoment evidence;
  Timestamp run_start = detail::absent;
  std::set<Timestamp> disconnects;
  std::vector<Run> runs;
  std::optional<SessionState> state;
  std::optional<SessionMoment> active, shown_at;
  std::string shown;  // empty: none
  std::optional<Timestamp> held_until;

  bool has_past() const { return disconnects.size() > 1 || !runs.empty(); }
  bool is_usual() const { return state && evidence.exists() && *state == saying_available(evidence); }
  bool is_rich() const { return (state && !is_usual()) || active || shown_at || held_until; }
  /// Compares all but the id and the start of the last run.
  bool same_beside_run_start(const Plain& other) const {
    return evidence == other.evidence && disconnects == other.disconnects && runs == other.runs &&
           state == other.state && active == other.active && shown_at == other.shown_at && shown == other.shown &&
           held_until == other.held_until;
  }
  friend bool operator==(const Plain& a, const Plain& b) {
    return a.id == b.id && a.run_start == b.run_start && a.same_beside_run_start(b);
  }
};

bool same(const SessionState& a, const SessionState& b) {
  return a.moment == b.moment && a.availability == b.availability && a.priority == b.priority;
}

/// Compares everything that can be read.
void check(const SessionRegisters& session, const Plain& plain) {
  REQUIRE(session.id.view() == plain.id);
  REQUIRE(session.is_report() == plain.id.empty());
  REQUIRE(session.evidence() == plain.evidence);
  REQUIRE(session.evidence_at() == plain.evidence.at);
  REQUIRE(session.has_evidence() == plain.evidence.exists());
  REQUIRE(session.run_start() == plain.run_start);

  REQUIRE(session.is_simple() == (!plain.has_past() && !plain.is_rich()));
  REQUIRE(session.has_only_life() == !plain.is_rich());
  REQUIRE((session.rare().past() != nullptr) == plain.has_past());
  REQUIRE((session.rare().rich() != nullptr) == plain.is_rich());

  const auto disconnects = session.disconnects();
  REQUIRE(std::equal(disconnects.begin(), disconnects.end(), plain.disconnects.begin(), plain.disconnects.end()));
  const Timestamp last = plain.disconnects.empty() ? detail::absent : *plain.disconnects.rbegin();
  REQUIRE(session.last_disconnect() == last);
  // Fast checks, which say so at least of a session with no more than one disconnect.
  if (session.is_open()) REQUIRE((plain.evidence.at > last && !plain.held_until));
  if (session.is_over()) REQUIRE(last > plain.evidence.at);
  if (!plain.is_rich() && plain.disconnects.size() < 2) REQUIRE(session.is_open() == (plain.evidence.at > last));
  if (plain.disconnects.size() < 2) REQUIRE(session.is_over() == (last > plain.evidence.at));

  const auto runs = session.earlier_runs();
  REQUIRE(std::equal(runs.begin(), runs.end(), plain.runs.begin(), plain.runs.end()));
  REQUIRE(same(session.state(), plain.state.value_or(SessionState())));
  REQUIRE(session.is_available_by_evidence() == plain.is_usual());
  REQUIRE(session.is_refreshable() == !plain.is_usual());
  REQUIRE(session.active() == plain.active.value_or(SessionMoment()));
  REQUIRE(session.activity_moment() == plain.shown_at.value_or(SessionMoment()));
  REQUIRE(session.activity() == SessionActivity{plain.shown_at.value_or(SessionMoment()), what(plain.shown)});
  REQUIRE(session.shown().size() == (plain.shown.empty() ? 0 : 1));
  if (!plain.shown.empty()) REQUIRE(session.shown()[0].value().view().text() == plain.shown);
  REQUIRE(session.held_until() == plain.held_until.value_or(detail::absent));
  const bool says_something =
      !plain.shown.empty() || (plain.state && plain.state->availability != Availability::available);
  REQUIRE(session.says_nothing() == !says_something);

  Timestamp latest = std::max(plain.evidence.at, last);
  if (plain.state) latest = std::max(latest, plain.state->moment.at);
  if (plain.shown_at) latest = std::max(latest, plain.shown_at->at);
  REQUIRE(session.latest() == latest);
  REQUIRE(session.empty() ==
          (!plain.evidence.exists() && plain.disconnects.empty() && !plain.has_past() && !plain.is_rich()));
  REQUIRE((session.bytes_elsewhere() == session.id.bytes_elsewhere()) == session.is_simple());
}

/// Builds and changes registers at random, and plain ones with them.
class Author {
 public:
  explicit Author(std::uint64_t seed) : chance_(seed) {}

  std::size_t below(std::size_t n) { return chance_.below(n); }
  /// Few timestamps, so that registers are often equal.
  Timestamp some_time() { return on(1 + below(6)); }
  SessionMoment some_moment() { return {some_time(), below(2) == 0}; }
  SessionState some_state(const SessionMoment& evidence) {
    if (evidence.exists() && below(3) == 0) return saying_available(evidence);
    static constexpr Availability all[] = {Availability::idle, Availability::away, Availability::available};
    return {some_moment(), all[below(3)], static_cast<std::int8_t>(below(2))};
  }
  /// Up to four that neither overlap nor touch.
  std::vector<Run> some_runs() {
    std::vector<Run> runs;
    for (std::size_t at = below(3); runs.size() < 4 && below(4) != 0; at += 2) {
      const std::size_t end = at + below(2);
      runs.push_back({on(at), on(end)});
      at = end;
    }
    return runs;
  }
  static detail::Runs as_runs(const std::vector<Run>& all) {
    detail::Runs runs;
    for (const Run& run : all) runs.push_back(run);
    return runs;
  }

  /// Replaces the evidence. A state that is available by it is taken out for that, as the contract requires; any other
  /// may be.
  void set_evidence(SessionRegisters& session, Plain& plain, const SessionMoment& moment) {
    const bool takes_out = plain.is_usual() || below(2) == 0;
    if (takes_out) session.set_state({});
    session.set_evidence(moment);
    if (takes_out && plain.state) session.set_state(*plain.state);
    plain.evidence = moment;
  }

  void change(SessionRegisters& session, Plain& plain) {
    switch (below(18)) {
      case 0: set_evidence(session, plain, below(5) == 0 ? SessionMoment() : some_moment()); break;
      case 1: {
        const Timestamp when = some_time();
        if (plain.is_usual() || !(plain.evidence < SessionMoment{when, false})) break;
        session.refresh(when);
        plain.evidence = {when, false};
        break;
      }
      case 2: session.set_run_start(plain.run_start = below(3) == 0 ? detail::absent : some_time()); break;
      case 3:
      case 4:
      case 5: {
        const Timestamp when = some_time();
        session.add_disconnect(when);
        plain.disconnects.insert(when);
        break;
      }
      case 6: {
        const Timestamp when = below(2) == 0 ? detail::absent : some_time();
        session.set_only_disconnect(when);
        plain.disconnects.clear();
        if (when != detail::absent) plain.disconnects.insert(when);
        break;
      }
      case 7: {
        const std::size_t mask = below(128);
        const auto keeps = [mask](Timestamp when) { return (mask >> when.ns() & 1) != 0; };
        session.keep_disconnects(keeps);
        std::set<Timestamp> kept;
        for (const Timestamp when : plain.disconnects) {
          if (keeps(when)) kept.insert(when);
        }
        plain.disconnects = kept;
        break;
      }
      case 8: {
        if (plain.disconnects.size() < 3) break;
        const std::size_t count = 1 + below(plain.disconnects.size() - 2);
        const std::size_t from = below(plain.disconnects.size() - count + 1);
        session.drop_disconnects(from, count);
        const auto first = std::next(plain.disconnects.begin(), static_cast<std::ptrdiff_t>(from));
        plain.disconnects.erase(first, std::next(first, static_cast<std::ptrdiff_t>(count)));
        break;
      }
      case 9:
        plain.runs = some_runs();
        session.set_earlier_runs(as_runs(plain.runs));
        break;
      case 10: {
        const std::size_t count = below(plain.runs.size() + 1);
        session.drop_earlier_runs(count);
        plain.runs.erase(plain.runs.begin(), plain.runs.begin() + static_cast<std::ptrdiff_t>(count));
        break;
      }
      case 11: {
        if (plain.runs.empty()) break;
        const std::size_t count = 1 + below(plain.runs.size());
        plain.runs.erase(plain.runs.begin(), plain.runs.begin() + static_cast<std::ptrdiff_t>(count));
        plain.runs.push_back({on(50), on(51)});
        session.replace_earlier_runs(count, plain.runs.back());
        break;
      }
      case 12: {
        if (plain.runs.empty()) break;
        session.set_first_run_start(plain.runs.front().start = plain.runs.front().end);
        break;
      }
      case 13: {
        session.reserve_earlier_run();
        if (below(2) == 0 && plain.runs.size() < 6) {
          const std::size_t begin = plain.runs.empty() ? 0 : static_cast<std::size_t>(plain.runs.back().end.ns()) + 1;
          plain.runs.push_back({on(begin), on(begin + 1)});
          session.add_earlier_run(plain.runs.back());
        }
        session.settle();
        break;
      }
      case 14:
        plain.state.reset();
        if (below(2) == 0) plain.state = some_state(plain.evidence);
        session.set_state(plain.state.value_or(SessionState()));
        break;
      case 15:
        plain.shown_at.reset(), plain.shown.clear();
        if (below(2) == 0)
          plain.shown_at = some_moment(), plain.shown = below(2) == 0 ? "" : below(2) == 0 ? "map" : "a game";
        session.set_activity({plain.shown_at.value_or(SessionMoment()), what(plain.shown)});
        break;
      case 16:
        plain.active.reset();
        if (below(2) == 0) plain.active = some_moment();
        session.set_active(plain.active.value_or(SessionMoment()));
        break;
      default:
        plain.held_until.reset();
        if (below(2) == 0) plain.held_until = some_time();
        session.set_held_until(plain.held_until.value_or(detail::absent));
        break;
    }
  }

  /// Returns the registers that the plain ones stand for, made in a random order out of others, some of which were
  /// more.
  SessionRegisters built(const Plain& plain) {
    SessionRegisters session;
    Plain detours;
    for (std::size_t i = below(12); i > 0; --i) change(session, detours);
    session.id = detail::SharedString(plain.id);
    std::size_t order[] = {0, 1, 2, 3, 4, 5, 6};
    for (std::size_t i = 7; i > 1; --i) std::swap(order[i - 1], order[below(i)]);
    for (const std::size_t part : order) {
      switch (part) {
        case 0: set_evidence(session, detours, plain.evidence); break;
        case 1: session.set_run_start(plain.run_start); break;
        case 2: {
          std::vector<Timestamp> all(plain.disconnects.begin(), plain.disconnects.end());
          if (all.empty() || below(2) == 0) {
            session.set_only_disconnect(detail::absent);
          } else {
            session.set_only_disconnect(all[below(all.size())]);
          }
          for (std::size_t i = all.size(); i > 0; --i) {
            std::swap(all[i - 1], all[below(i)]);
            session.add_disconnect(all[i - 1]);
          }
          break;
        }
        case 3: session.set_earlier_runs(as_runs(plain.runs)); break;
        case 4:
          detours.state = plain.state;
          session.set_state(plain.state.value_or(SessionState()));
          break;
        case 5:
          session.set_active(plain.active.value_or(SessionMoment()));
          session.set_held_until(plain.held_until.value_or(detail::absent));
          break;
        default: session.set_activity({plain.shown_at.value_or(SessionMoment()), what(plain.shown)}); break;
      }
    }
    return session;
  }

 private:
  Chance chance_;
};

struct Pair {
  SessionRegisters session;
  Plain plain;
};

/// Copies and moves one to another, or to itself.
void pass_on(Author& author, Pair& from, Pair& to) {
  switch (author.below(6)) {
    case 0: to = from; break;
    case 1: {
      const Pair copy(from);
      check(from.session, from.plain);
      to = copy;
      break;
    }
    case 2: {
      Pair moved(std::move(from));
      from = to;
      to = std::move(moved);
      break;
    }
    case 3: std::swap(from, to); break;
    case 4: {
      detail::SmallVector<SessionRegisters, 1> all;
      all.push_back(to.session);
      all.insert(all.begin(), from.session);
      check(all[0], from.plain);
      all.erase(all.begin());
      check(all[0], to.plain);
      to.session = std::move(all[0]);
      break;
    }
    default: to.session = author.built(to.plain); break;
  }
}

}  // namespace

TEST_CASE("the registers of a session are like plain ones under random changes, copies and moves") {
  const char* const given = std::getenv("PRESENCE_SEED");
  const std::uint64_t first = given != nullptr ? std::strtoull(given, nullptr, 10) : 20;
  for (std::uint64_t seed = first; seed < first + 6; ++seed) {
    INFO("PRESENCE_SEED=" << seed);
    Author author(seed);
    std::vector<Pair> all(3);
    const std::string long_id = "an id that is too long for what is inside: ";
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i].plain.id = i == 0 ? "" : i == 1 ? "phone" : long_id;
      all[i].session.id = detail::SharedString(all[i].plain.id);
    }
    std::size_t equal = 0;
    for (int step = 0; step < 5000; ++step) {
      Pair& one = all[author.below(all.size())];
      if (author.below(12) == 0) {
        pass_on(author, one, all[author.below(all.size())]);
      } else {
        author.change(one.session, one.plain);
      }
      for (const Pair& a : all) {
        check(a.session, a.plain);
        for (const Pair& b : all) {
          REQUIRE((a.session == b.session) == (a.plain == b.plain));
          REQUIRE(a.session.same_beside_run_start(b.session) == a.plain.same_beside_run_start(b.plain));
          equal += &a != &b && a.plain == b.plain ? 1u : 0u;
        }
      }
      const SessionRegisters again = author.built(one.plain);
      check(again, one.plain);
      REQUIRE(again == one.session);
    }
    CHECK(equal > 0);
  }
}

TEST_CASE("several disconnects of a session become one and none") {
  SessionRegisters session, one, none;
  one.add_disconnect(on(2));
  for (const std::size_t when : {3u, 1u, 2u, 3u}) session.add_disconnect(on(when));
  REQUIRE(session.disconnects().size() == 3);
  CHECK(session.disconnects()[0] == on(1));
  CHECK(session.disconnects()[1] == on(2));
  CHECK(session.disconnects()[2] == on(3));
  CHECK(session.last_disconnect() == on(3));
  CHECK_FALSE(session.is_simple());
  CHECK_FALSE(session.empty());

  SessionRegisters first(session), last(session);
  session.drop_disconnects(2, 1);
  CHECK(session.last_disconnect() == on(2));
  session.keep_disconnects([](Timestamp when) { return when == on(2); });
  CHECK(session == one);
  CHECK(session.is_simple());
  CHECK(session.last_disconnect() == on(2));
  session.keep_disconnects([](Timestamp) { return false; });
  CHECK(session == none);
  CHECK(session.empty());

  first.set_only_disconnect(on(2));
  CHECK(first == one);
  last.set_only_disconnect(detail::absent);
  CHECK(last == none);
  CHECK(last.empty());
}

TEST_CASE("a session whose disconnects became one keeps its runs, and the other way round") {
  SessionRegisters session, expected;
  for (const std::size_t when : {1u, 2u}) session.add_disconnect(on(when));
  session.add_earlier_run({on(1), on(2)});
  SessionRegisters other(session);
  session.set_only_disconnect(on(2));
  expected.add_earlier_run({on(1), on(2)});
  CHECK_FALSE(session == expected);
  expected.add_disconnect(on(2));
  CHECK(session == expected);
  CHECK_FALSE(session.is_simple());
  session.drop_earlier_runs(1);
  CHECK(session.is_simple());

  other.drop_earlier_runs(1);
  CHECK(other.earlier_runs().empty());
  CHECK(other.disconnects().size() == 2);
  CHECK_FALSE(other.is_simple());
}

TEST_CASE("a session keeps its past when it begins to say something, and when it says nothing any more") {
  SessionRegisters session;
  session.set_evidence({on(9), true});
  session.set_state(saying_available({on(9), true}));
  session.set_held_until(on(20));
  CHECK_FALSE(session.has_only_life());
  CHECK(session.rare().past() == nullptr);
  session.add_earlier_run({on(1), on(2)});
  for (const std::size_t when : {3u, 5u}) session.add_disconnect(on(when));
  session.set_active({on(9), true});
  SessionRegisters copy(session);

  session.set_held_until(detail::absent);
  CHECK_FALSE(session.has_only_life());
  session.set_active({});
  CHECK(session.has_only_life());
  CHECK_FALSE(session.is_simple());
  CHECK(session.earlier_runs().size() == 1);
  CHECK(session.disconnects().size() == 2);
  CHECK(session.evidence() == SessionMoment{on(9), true});
  CHECK(session.state() == saying_available({on(9), true}));
  session.set_held_until(on(20));
  session.set_active({on(9), true});
  CHECK(session == copy);

  session.drop_earlier_runs(1);
  session.set_only_disconnect(detail::absent);
  CHECK_FALSE(session.has_only_life());
  CHECK(session.rare().past() == nullptr);
  CHECK(session.held_until() == on(20));
  CHECK_FALSE(session == copy);
}

TEST_CASE("a state that is later than the evidence takes no memory once the evidence is as late") {
  const SessionMoment late{on(8), false};
  SessionRegisters before, expected;
  before.set_evidence({on(5), false});
  before.set_state(saying_available(late));
  expected.set_evidence(late);
  expected.set_state(saying_available(late));
  SessionRegisters set(before), refreshed(before), joined(before);
  set.set_evidence(late);
  CHECK(set == expected);
  CHECK(set.is_simple());
  refreshed.refresh(on(8));
  CHECK(refreshed == expected);
  CHECK(refreshed.is_simple());
  detail::join_evidence(joined, late, Rules());
  expected.set_run_start(joined.run_start());
  CHECK(joined == expected);
}

TEST_CASE("room for a run of a session that is not used leaves nothing") {
  SessionRegisters session;
  session.reserve_earlier_run();
  session.settle();
  CHECK(session.is_simple());
  CHECK(session.empty());
  CHECK(session == SessionRegisters());
}

TEST_CASE("a run that joins others begins with the first of them and ends with the last") {
  const auto joined = [](const Run& run) {
    detail::Runs runs = Author::as_runs({{on(1), on(3)}, {on(6), on(9)}, {on(20), on(21)}});
    detail::join_run(runs, run);
    return runs;
  };
  CHECK(joined({on(2), on(7)}) == Author::as_runs({{on(1), on(9)}, {on(20), on(21)}}));
  CHECK(joined({on(3), on(4)}) == Author::as_runs({{on(1), on(4)}, {on(6), on(9)}, {on(20), on(21)}}));
  CHECK(joined({on(4), on(6)}) == Author::as_runs({{on(1), on(3)}, {on(4), on(9)}, {on(20), on(21)}}));
  CHECK(joined({on(7), on(8)}) == Author::as_runs({{on(1), on(3)}, {on(6), on(9)}, {on(20), on(21)}}));
  CHECK(joined({on(0), on(30)}) == Author::as_runs({{on(0), on(30)}}));
}

TEST_CASE("sessions at the bounds of what they say are neither over nor open by mistake") {
  SessionRegisters session;
  session.set_evidence({on(5), false});
  CHECK(session.is_open());
  session.add_disconnect(on(3));
  CHECK(session.is_open());
  CHECK_FALSE(session.is_over());
  session.add_disconnect(on(2));  // two before the evidence
  CHECK_FALSE(session.is_over());
  session.set_only_disconnect(on(5));  // the evidence is no connect, so neither is known at once
  CHECK_FALSE(session.is_open());
  CHECK_FALSE(session.is_over());
  session.set_only_disconnect(on(6));
  CHECK(session.is_over());
  session.set_only_disconnect(detail::absent);
  session.set_held_until(on(9));
  CHECK_FALSE(session.is_open());
}
