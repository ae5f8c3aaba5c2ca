// SPDX-License-Identifier: MIT
#include "../telling.hpp"

#include <presence/registers/detail/absent.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/normal_form.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/registers/detail/session.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/table/detail/user_row.hpp>

#include <tuple>

using namespace support;

namespace {

using detail::Activity;
using detail::VisibilityChange;

Rules untimed(double grace) {
  Rules rules = with_timeout(Duration());
  rules.offline_grace = seconds(grace);
  return rules;
}

/// The only session of john, as it is kept at a timestamp.
std::string session_at(const Snapshot& s, Timestamp now) {
  const auto truth = reduce(s, now).inspect("john");
  if (!truth || truth->sessions.empty()) return "gone";
  const Session& session = truth->sessions[0];
  const auto second = [](Timestamp when) { return std::to_string((when - at(0)).s()); };
  std::string text;
  if (session.last_evidence) text += " evidence " + second(*session.last_evidence);
  if (session.online_since) text += " since " + second(*session.online_since);
  for (const Timestamp when : session.disconnects) text += " disconnect " + second(when);
  return text + (session.alive ? " alive" : "");
}

/// The same, with what the session says of itself.
std::string session_and_state_at(const Snapshot& s, Timestamp now) {
  std::string text = session_at(s, now);
  const auto truth = reduce(s, now).inspect("john");
  if (!truth || truth->sessions.empty()) return text;
  const Session& session = truth->sessions[0];
  if (session.availability)
    text += " says " + std::string(to_string(*session.availability)) + " " + std::to_string(session.priority);
  return text;
}

/// The same, from all events of the session, which are no older than the window when they arrive. `idle_after` is 0.
std::string session_of(const std::vector<PresenceEvent>& events, Timestamp now, const Rules& rules) {
  const auto rank = [](const PresenceEvent& e) {
    return e.type == EventType::connect ? 2 : e.type == EventType::disconnect ? 1 : 0;
  };
  const auto happened_before = [&](const PresenceEvent& a, const PresenceEvent& b) {
    return std::pair(a.at, rank(a)) < std::pair(b.at, rank(b));
  };
  const PresenceEvent *evidence = nullptr, *saying = nullptr;
  std::vector<Timestamp> signs, disconnects, later_disconnects;
  for (const PresenceEvent& event : events) {
    if (event.type == EventType::disconnect) continue;
    signs.push_back(event.at);
    if (evidence == nullptr || happened_before(*evidence, event)) evidence = &event;
    if (!event.availability) continue;
    const auto strength = [&](const PresenceEvent& e) {
      return std::tuple(e.at, rank(e), to_string(*e.availability), *e.priority);
    };
    if (saying == nullptr || strength(*saying) < strength(event)) saying = &event;
  }
  std::optional<PresenceEvent> reopened, last;
  for (const PresenceEvent& event : events) {
    if (event.type != EventType::disconnect) continue;
    disconnects.push_back(event.at);
    if (!last || last->at < event.at) last = event;
    if (evidence != nullptr && happened_before(*evidence, event)) {
      later_disconnects.push_back(event.at);
    } else if (evidence != nullptr && (!reopened || reopened->at < event.at)) {
      reopened = event;
    }
  }
  const Timestamp window = now - rules.reorder_window;
  const Duration span = rules.session_timeout + rules.offline_grace;
  const bool timed = rules.session_timeout != Duration(), has_grace = rules.offline_grace != Duration();
  std::sort(signs.begin(), signs.end());
  std::sort(disconnects.begin(), disconnects.end());
  std::sort(later_disconnects.begin(), later_disconnects.end());
  const bool is_closed = !later_disconnects.empty();

  bool is_kept = evidence != nullptr;
  if (is_kept && timed) is_kept = evidence->at + span >= window;
  if (is_kept && !timed && is_closed) {
    is_kept = has_grace ? later_disconnects[0] >= now - (std::max)(rules.reorder_window, rules.offline_grace)
                        : evidence->at >= window;
  }
  std::string text;
  const auto second = [](Timestamp when) { return std::to_string((when - at(0)).s()); };
  bool is_said = is_kept && saying != nullptr;
  if (is_kept) {
    Timestamp start = evidence->at;
    for (std::size_t i = signs.size(); i > 0 && start - signs[i - 1] <= span; --i) start = signs[i - 1];
    const std::optional<PresenceEvent>& over = has_grace ? reopened : last;
    is_said = is_said && !(over && happened_before(*saying, *over)) && (!timed || start <= saying->at);
    Timestamp first = (std::min)(window, evidence->at);
    if (is_said) first = (std::min)(first, saying->at);
    text += " evidence " + second(evidence->at);
    if (timed) text += " since " + second((std::max)(start, first));
  }
  for (std::size_t i = 0; i < disconnects.size(); ++i) {
    const Timestamp each = disconnects[i];
    const bool is_twice = i > 0 && disconnects[i - 1] == each,
               is_end =
                   is_kept && is_closed && each == (has_grace ? later_disconnects.front() : later_disconnects.back());
    const bool is_over = has_grace ? evidence != nullptr && reopened && each < reopened->at : each < last->at;
    if (!is_twice && !is_over && (each >= window || is_end)) text += " disconnect " + second(each);
  }
  if (is_kept && !is_closed && (!timed || now < evidence->at + rules.session_timeout)) text += " alive";
  if (is_said)
    text += " says " + std::string(to_string(*saying->availability)) + " " + std::to_string(*saying->priority);
  return text.empty() ? "gone" : text;
}

std::vector<double> flips_at(const Snapshot& s, Timestamp now) {
  const detail::Root& root = *detail::SnapshotAccess::read(s);
  detail::UserRegisters user = *kept_of(s, "john");
  detail::normalise(user, now, root.rules);
  std::vector<double> instants;
  for (const VisibilityChange& visibility_change : user.visibility_changes)
    instants.push_back(static_cast<double>((visibility_change.at - at(0)).s()) *
                       (visibility_change.invisible ? -1 : 1));
  return instants;
}

std::vector<double> activities_at(const Snapshot& s, Timestamp now) {
  const detail::Root& root = *detail::SnapshotAccess::read(s);
  detail::UserRegisters user = *kept_of(s, "john");
  detail::normalise(user, now, root.rules);
  std::vector<double> values;
  for (const Activity& activity : user.activities) values.push_back(static_cast<double>((activity.value - at(0)).s()));
  return values;
}

/// The same with the starts of runs that a reader of a row that is not normalised has to assume.
detail::UserRegisters with_normal_starts(detail::UserRegisters user, Timestamp window) {
  for (detail::SessionRegisters& session : user.sessions)
    session.set_run_start(detail::normal_run_start(session, window));
  return user;
}

using Numbers = std::vector<double>;

}  // namespace

TEST_CASE("normalising a user changes no view and no deadline, and is idempotent") {
  Chance chance(13);
  for (int round = 0; round < 60; ++round) {
    Rules rules;
    rules.session_timeout = seconds(round % 3 == 0 ? 0 : 20);
    rules.offline_grace = seconds(round % 2 == 0 ? 0 : 15);
    rules.reorder_window = seconds(round % 5 == 0 ? 5 : 30);
    rules.last_active_refresh = seconds(round % 4 == 0 ? 10 : 0);
    rules.idle_after = seconds(round % 7 < 4 ? 0 : 25);
    rules.heartbeat_is_activity = round % 8 != 0;
    rules.report_timeout = seconds(round % 4 < 2 ? 0 : 10);
    rules.session_fold = static_cast<SessionFold>(round % 3);
    Snapshot s(rules);
    double now = 0;
    for (int i = 0; i < 40; ++i) {
      s = reduce(std::move(s), random_event_of_any_type(chance, now, 3, 2));
      now += static_cast<double>(chance.below(8));
      s = reduce(std::move(s), at(now));
      const detail::Root& root = *detail::SnapshotAccess::read(s);
      for (const detail::RowView row : root.table) {
        const detail::RegistersView raw = row.registers();
        detail::UserRegisters kept = detail::normal_form_of(row, root);
        REQUIRE(detail::seen_by_others("x", raw, root.now, rules) ==
                detail::seen_by_others("x", kept, root.now, rules));
        REQUIRE(detail::seen_by_self("x", raw, root.now, rules) == detail::seen_by_self("x", kept, root.now, rules));
        REQUIRE(detail::next_change(raw, root.now, rules) == detail::next_change(kept, root.now, rules));
        const detail::UserRegisters once = kept;
        detail::normalise(kept, root.now, rules);
        REQUIRE(kept == once);
      }
    }
  }
}

TEST_CASE("normalise changes at most the starts of runs if surely_normal is true, and it is true for some users") {
  std::size_t sure = 0, all = 0;
  for (std::uint32_t round = 0; round < 60; ++round) {
    CAPTURE(round);
    Chance chance(round);
    Rules rules;
    if (round % 3 == 1) rules = untimed(0);
    if (round % 5 == 1) rules.offline_grace = seconds(15);
    if (round % 7 == 1) rules.forget_after = seconds(300);
    if (round % 11 == 1) rules.max_recent_per_user = 2;
    if (round % 4 == 1) rules.idle_after = seconds(100);
    Snapshot s(rules);
    double second = 0;
    for (int i = 0; i < 300; ++i, second += round % 2 == 0 ? 0.2 : 1.5) {
      s = reduce(std::move(s), round % 3 == 0 ? random_event_of_any_type(chance, second, 12, 2)
                                              : random_event(chance, second, 12, 2));
      if (chance.below(4) == 0) s = reduce(std::move(s), at(second));
    }
    for (const double later : {0.0, 40.0, 119.0, 121.0, 159.0, 161.0, 500.0}) {
      const Timestamp now = at(second + later);
      for (const detail::RowView row : detail::SnapshotAccess::read(s)->table) {
        detail::UserRegisters user = row.unpacked();
        detail::normalise(user, now, rules);
        const bool is_sure = detail::surely_normal(row.registers(), now, rules);
        if (is_sure) CHECK(user == with_normal_starts(row.unpacked(), now - rules.reorder_window));
        ++all;
        sure += is_sure ? 1 : 0;
      }
    }
  }
  CHECK(sure > all / 20);
  CHECK(sure < all);
}

TEST_CASE("a snapshot is the same whether time advances in steps or in one jump") {
  Chance chance(17);
  for (int round = 0; round < 40; ++round) {
    Rules rules;
    rules.session_timeout = seconds(round % 3 == 0 ? 0 : 20);
    rules.offline_grace = seconds(round % 2 == 0 ? 0 : 15);
    rules.reorder_window = seconds(40);
    rules.idle_after = seconds(round % 4 < 2 ? 0 : 50);
    rules.report_timeout = seconds(round % 5 < 2 ? 0 : 10);
    Snapshot visiting(rules), late(rules);
    for (int i = 0; i < 30; ++i) {
      const PresenceEvent event = random_event_of_any_type(chance, 35, 3, 2);
      visiting = reduce(std::move(visiting), event);
      late = reduce(std::move(late), event);
    }
    for (double now = 40; now < 300; now += 1 + static_cast<double>(chance.below(40))) {
      visiting = reduce(std::move(visiting), at(now));
      const Snapshot jumped = reduce(late, at(now));
      REQUIRE(visiting.digest() == jumped.digest());
      REQUIRE(visiting == jumped);
      REQUIRE(merge(visiting, jumped) == visiting);
      REQUIRE(merge(jumped, visiting) == visiting);
      for (std::size_t user = 0; user < 3; ++user)
        REQUIRE(visiting.inspect(user_id(user)) == jumped.inspect(user_id(user)));
    }
  }
}

TEST_CASE("with a timeout, a session's evidence is removed once its run ended before the window") {
  const Snapshot s =
      folded({connect("john", "phone", at(0)), heartbeat("john", "phone", at(5)), disconnect("john", "phone", at(9))});
  CHECK(session_at(s, at(120)) == " evidence 5 since 0 disconnect 9");
  CHECK(session_at(s, at(122)) == " evidence 5 since 2 disconnect 9");
  CHECK(session_at(s, at(125)) == " evidence 5 since 5 disconnect 9");
  CHECK(session_at(s, at(129)) == " evidence 5 since 5 disconnect 9");
  CHECK(session_at(s, at(129) + tick) == " evidence 5 since 5 disconnect 9");  // it still ends the session
  CHECK(session_at(s, at(165)) == " evidence 5 since 5 disconnect 9");
  CHECK(session_at(s, at(165) + tick) == "gone");
  const Snapshot reopened =
      folded({disconnect("john", "phone", at(9)), connect("john", "phone", at(20)), heartbeat("john", "phone", at(0))});
  CHECK(session_at(reopened, at(59)) == " evidence 20 since 0 disconnect 9 alive");
  CHECK(session_at(reopened, at(129)) == " evidence 20 since 9 disconnect 9");
  CHECK(session_at(reopened, at(129) + tick) == " evidence 20 since 9");
}

TEST_CASE("the start of a run moves up to the window, but not past its last evidence") {
  std::vector<PresenceEvent> events = {connect("john", "phone", at(0))};
  for (int second = 30; second <= 180; second += 30) events.push_back(heartbeat("john", "phone", at(second)));
  const Snapshot s = folded(events);
  CHECK(session_at(s, at(120)) == " evidence 180 since 0 alive");
  CHECK(session_at(s, at(130)) == " evidence 180 since 10 alive");
  CHECK(session_at(s, at(200)) == " evidence 180 since 80 alive");
  CHECK(session_at(s, at(300)) == " evidence 180 since 180");
  CHECK(session_at(s, at(340)) == " evidence 180 since 180");
  CHECK(session_at(s, at(340) + tick) == "gone");
  // A silence of exactly the timeout does not end a run; a longer one does.
  CHECK(session_at(folded({connect("john", "phone", at(0)), heartbeat("john", "phone", at(40))}), at(50)) ==
        " evidence 40 since 0 alive");
  const Snapshot silent = folded({connect("john", "phone", at(0)), heartbeat("john", "phone", at(41))});
  CHECK(session_at(silent, at(50)) == " evidence 41 since 41 alive");
  CHECK(session_at(reduce(silent, heartbeat("john", "phone", at(20))), at(50)) == " evidence 41 since 0 alive");
  // Late evidence that fills two silences of exactly the timeout.
  const Snapshot apart = folded({connect("john", "phone", at(0)), heartbeat("john", "phone", at(80))});
  CHECK(session_at(reduce(apart, heartbeat("john", "phone", at(40))), at(90)) == " evidence 80 since 0 alive");
  CHECK(session_at(reduce(apart, heartbeat("john", "phone", at(39))), at(90)) == " evidence 80 since 80 alive");
}

TEST_CASE("what a session says holds the start of its run") {
  std::vector<PresenceEvent> events = {connect("john", "phone", at(0)), connect("john", "phone", at(30))};
  events[1].availability = Availability::busy;
  for (int second = 60; second <= 300; second += 30) events.push_back(heartbeat("john", "phone", at(second)));
  const Snapshot s = folded(events);
  CHECK(session_at(s, at(140)) == " evidence 300 since 20 alive");
  CHECK(session_at(s, at(320)) == " evidence 300 since 30 alive");
  CHECK(reduce(s, at(320)).find("john")->availability == Availability::busy);
  CHECK(session_at(s, at(460)) == " evidence 300 since 30");
  CHECK(session_at(s, at(460) + tick) == "gone");
}

TEST_CASE("an offline_grace longer than reorder_window keeps the disconnect that ends the session") {
  Rules rules;
  rules.offline_grace = seconds(300);
  const Snapshot s = folded(rules, {connect("john", "phone", at(0)), disconnect("john", "phone", at(9))});
  CHECK(session_at(s, at(308)) == " evidence 0 since 0 disconnect 9");
  CHECK(reduce(s, at(309) - tick).online("john"));
  CHECK_FALSE(reduce(s, at(309)).online("john"));
  // The run ends at 340.
  CHECK(session_at(s, at(460)) == " evidence 0 since 0 disconnect 9");
  CHECK(session_at(s, at(460) + tick) == "gone");
  CHECK(session_at(folded(rules, {disconnect("john", "phone", at(9))}), at(129)) == " disconnect 9");
  CHECK(session_at(folded(rules, {disconnect("john", "phone", at(9))}), at(129) + tick) == "gone");
}

TEST_CASE("without offline_grace only the latest disconnect is kept; with it, those from the last evidence on are") {
  const std::vector<PresenceEvent> events = {disconnect("john", "phone", at(1)), disconnect("john", "phone", at(8)),
                                             disconnect("john", "phone", at(4)), connect("john", "phone", at(2))};
  CHECK(session_at(folded(events), at(10)) == " evidence 2 since 2 disconnect 8");
  Rules rules;
  rules.offline_grace = seconds(5);
  // The latest one before the evidence ends the life before it.
  CHECK(session_at(folded(rules, events), at(10)) == " evidence 2 since 2 disconnect 1 disconnect 4 disconnect 8");
  CHECK(session_at(reduce(folded(rules, events), disconnect("john", "phone", at(0))), at(10)) ==
        " evidence 2 since 2 disconnect 1 disconnect 4 disconnect 8");
  const std::vector<PresenceEvent> without_evidence(events.begin(), events.begin() + 3);
  CHECK(session_at(folded(rules, without_evidence), at(10)) == " disconnect 1 disconnect 4 disconnect 8");
}

TEST_CASE("without a timeout, an open session keeps its latest evidence") {
  const Rules rules = untimed(0);
  for (const double now : {120.0, 1e6}) {
    CHECK(session_at(folded(rules, {connect("john", "phone", at(0)), heartbeat("john", "phone", at(50))}), at(now)) ==
          " evidence 50 alive");
    CHECK(session_at(folded(rules, {connect("john", "phone", at(50)), heartbeat("john", "phone", at(0))}), at(now)) ==
          " evidence 50 alive");
    CHECK(session_at(folded(rules, {connect("john", "phone", at(0)), heartbeat("john", "phone", at(0))}), at(now)) ==
          " evidence 0 alive");
  }
  CHECK(session_at(folded(rules, {disconnect("john", "phone", at(0)), connect("john", "phone", at(1))}), at(120)) ==
        " evidence 1 disconnect 0 alive");
  CHECK(session_at(folded(rules, {disconnect("john", "phone", at(0)), connect("john", "phone", at(1))}),
                   at(120) + tick) == " evidence 1 alive");
}

TEST_CASE("without a timeout and a grace, a closed session's registers are removed after the reorder window") {
  const Snapshot s = folded(untimed(0), {connect("john", "phone", at(0)), heartbeat("john", "phone", at(5)),
                                         disconnect("john", "phone", at(9))});
  CHECK(session_at(s, at(125)) == " evidence 5 disconnect 9");
  CHECK(session_at(s, at(125) + tick) == " disconnect 9");
  CHECK(session_at(s, at(129)) == " disconnect 9");
  CHECK(session_at(s, at(129) + tick) == "gone");
}

TEST_CASE("without a timeout but with a grace, a closed session keeps its evidence while its end can still matter") {
  const Snapshot s = folded(untimed(10), {connect("john", "phone", at(0)), disconnect("john", "phone", at(100)),
                                          disconnect("john", "phone", at(110))});
  CHECK(session_at(s, at(109)) == " evidence 0 disconnect 100 disconnect 110");
  CHECK(reduce(s, at(110) - tick).online("john"));
  CHECK_FALSE(reduce(s, at(110)).online("john"));
  CHECK(session_at(s, at(220)) == " evidence 0 disconnect 100 disconnect 110");
  CHECK(session_at(s, at(220) + tick) == " disconnect 110");
  CHECK(session_at(s, at(230)) == " disconnect 110");
  CHECK(session_at(s, at(230) + tick) == "gone");
}

TEST_CASE("what is kept of a session follows from the set of its events and the time, whatever their order") {
  std::size_t gone = 0, reopened = 0, said = 0, all = 0;
  for (std::uint64_t round = 0; round < 3000; ++round) {
    Chance chance(round);
    Rules rules;
    rules.session_timeout = seconds(chance.below(3) == 0 ? 0 : 20);
    rules.offline_grace = seconds(chance.below(2) == 0 ? 0 : 15);
    rules.reorder_window = seconds(chance.below(2) == 0 ? 10 : 60);
    Snapshot s(rules);
    std::vector<PresenceEvent> events;
    double now = 100;
    for (int i = 0; i < 12; ++i) {
      s = reduce(std::move(s), at(now));
      const Timestamp when = at(now - static_cast<double>(chance.below(11)));
      PresenceEvent event = disconnect("john", "phone", when);
      switch (chance.below(5)) {
        case 0: break;
        case 1: event = connect("john", "phone", when); break;
        case 2: event = heartbeat("john", "phone", when); break;
        default:
          event = chance.below(2) == 0 ? connect("john", "phone", when) : PresenceEvent::update("john", "phone", when);
          event.availability = chance.below(2) == 0 ? Availability::busy : Availability::away;
          event.priority = static_cast<std::int8_t>(chance.below(3));
      }
      s = reduce(std::move(s), event);
      events.push_back(event);
      const std::string expected = session_of(events, at(now), rules);
      CAPTURE(round);
      CAPTURE(i);
      REQUIRE(session_and_state_at(s, at(now)) == expected);
      now += static_cast<double>(chance.below(chance.below(4) == 0 ? 120 : 12));
      const std::string then = session_of(events, at(now), rules);
      REQUIRE(session_and_state_at(s, at(now)) == then);
      ++all;
      gone += then == "gone" ? 1u : 0u;
      said += then.find("says") != std::string::npos ? 1u : 0u;
      reopened += then.find("disconnect") != std::string::npos && then.find("alive") != std::string::npos ? 1u : 0u;
    }
  }
  for (const std::size_t count : {gone, reopened, said}) CHECK(count > all / 20);
}

TEST_CASE("of old visibility changes, the last visible one and the invisible run's first and last are kept") {
  const std::vector<PresenceEvent> events = {visibly("john", "phone", at(1)),    invisibly("john", "phone", at(10)),
                                             visibly("john", "phone", at(20)),   invisibly("john", "phone", at(30)),
                                             invisibly("john", "phone", at(40)), invisibly("john", "phone", at(50))};
  const Snapshot s = folded(events);
  CHECK(flips_at(s, at(121)) == Numbers{1, -10, 20, -30, -40, -50});
  CHECK(flips_at(s, at(140)) == Numbers{1, -10, 20, -30, -40, -50});
  CHECK(flips_at(s, at(140) + tick) == Numbers{-10, 20, -30, -40, -50});
  CHECK(flips_at(s, at(150) + tick) == Numbers{20, -30, -40, -50});
  CHECK(flips_at(s, at(170)) == Numbers{20, -30, -40, -50});
  CHECK(flips_at(s, at(170) + tick) == Numbers{20, -30, -50});
  CHECK(flips_at(s, at(1e6)) == Numbers{20, -30, -50});
  const Snapshot visible = folded({invisibly("john", "phone", at(1)), invisibly("john", "phone", at(2)),
                                   visibly("john", "phone", at(3)), visibly("john", "phone", at(4))});
  CHECK(flips_at(visible, at(1e6)) == Numbers{-2, 4});
}

TEST_CASE("late visibility changes give the right view after older ones were discarded") {
  Told t;
  for (const PresenceEvent& event : {connect("john", "phone", at(0)), invisibly("john", "phone", at(10)),
                                     invisibly("john", "phone", at(20)), heartbeat("john", "phone", at(30))}) {
    t.fold(event);
  }
  t.pass(at(1000));
  CHECK(t.s.find("john") == seen_offline("john", at(0)));
  t.fold(visibly("john", "phone", at(900)));
  CHECK(t.s.find("john") == seen_offline("john", at(900)));
  t.fold(invisibly("john", "phone", at(890)));
  CHECK(t.s.find("john") == seen_offline("john", at(900)));
  t.fold(invisibly("john", "phone", at(950)));
  CHECK(t.s.find("john") == seen_offline("john", at(900)));
  CHECK(t.s.find("john", self("john")) == sees_himself("john", false, at(950)));
}

TEST_CASE("of activities older than the window, the greatest before invisible_since and the greatest are kept") {
  Rules rules;
  rules.last_active_refresh = Duration();
  const Snapshot s = folded(
      rules, {connect("john", "phone", at(0)), heartbeat("john", "phone", at(10)), invisibly("john", "phone", at(20)),
              heartbeat("john", "phone", at(30)), heartbeat("john", "phone", at(40))});
  CHECK(activities_at(s, at(120)) == Numbers{0, 10, 20, 30, 40});
  CHECK(activities_at(s, at(130) + tick) == Numbers{10, 20, 30, 40});
  CHECK(activities_at(s, at(140)) == Numbers{10, 20, 30, 40});
  CHECK(activities_at(s, at(140) + tick) == Numbers{10, 20, 30, 40});
  CHECK(activities_at(s, at(150) + tick) == Numbers{10, 30, 40});
  CHECK(activities_at(s, at(160)) == Numbers{10, 30, 40});
  CHECK(activities_at(s, at(160) + tick) == Numbers{10, 40});
  CHECK(activities_at(s, at(1e6)) == Numbers{10, 40});
}

TEST_CASE("an activity is removed if another one has at least its value on evidence at least as early") {
  const auto kept = [](std::initializer_list<Activity> folded_in) {
    detail::Activities activities;
    for (const Activity& activity : folded_in) detail::join_activity(activities, activity);
    return std::vector<Activity>(activities.begin(), activities.end());
  };
  const Activity low_early{at(1), at(10)}, low_late{at(1), at(20)}, high_early{at(2), at(10)}, high_late{at(2), at(20)},
      highest{at(3), at(5)};
  CHECK(kept({low_early, high_late}) == std::vector<Activity>{low_early, high_late});
  CHECK(kept({high_late, low_early}) == std::vector<Activity>{low_early, high_late});
  CHECK(kept({low_early, low_late}) == std::vector<Activity>{low_early});
  CHECK(kept({low_late, low_early}) == std::vector<Activity>{low_early});
  CHECK(kept({low_early, high_early}) == std::vector<Activity>{high_early});
  CHECK(kept({high_early, low_early}) == std::vector<Activity>{high_early});
  CHECK(kept({low_late, high_early}) == std::vector<Activity>{high_early});
  CHECK(kept({low_early, high_late, highest}) == std::vector<Activity>{highest});
  CHECK(kept({highest, low_early, high_late}) == std::vector<Activity>{highest});
}

TEST_CASE("a snapshot without a now discards nothing, however far apart the timestamps are") {
  const Snapshot s = folded({connect("john", "phone", at(0)), disconnect("john", "phone", at(5)),
                             invisibly("john", "laptop", at(10)), visibly("john", "laptop", at(1e6)),
                             invisibly("john", "laptop", at(2e6)), disconnect("jack", "phone", at(-1e6))});
  CHECK(s.inspect("john")->sessions.size() == 2);
  CHECK(kept_of(s, "john")->visibility_changes.size() == 3);
  CHECK(s.inspect("jack"));
}

TEST_CASE("a session's latest timestamp is the latest of its registers, runs excluded") {
  detail::SessionRegisters session;
  CHECK(session.latest() == detail::absent);
  session.add_disconnect(at(1));
  session.add_disconnect(at(5));
  CHECK(session.latest() == at(5));
  session.set_evidence({at(7), false});
  CHECK(session.latest() == at(7));
  session.set_state({{at(8), false}, Availability::busy, 0});
  CHECK(session.latest() == at(8));
  session.set_active({at(9), false});  // a hold moves it
  CHECK(session.latest() == at(8));
  session.set_held_until(at(20));
  CHECK(session.latest() == at(8));
}

TEST_CASE("a user's latest visible timestamp is the activity's evidence, not its rounded last_active") {
  detail::UserRegisters user;
  user.activities.push_back({at(0), at(10)});
  CHECK(detail::latest_seen_timestamp(user) == at(10));
}

TEST_CASE("a lone disconnect expires after reorder_window, whatever the timeout and the grace") {
  for (const double grace : {0.0, 60.0, 300.0}) {
    Rules rules;
    rules.offline_grace = seconds(grace);
    Snapshot s = reduce(reduce(Snapshot(rules), at(0)), disconnect("john", "phone", at(0)));
    s = reduce(std::move(s), at(120));
    CHECK(s.inspect("john"));
    s = reduce(std::move(s), at(120) + tick);
    CHECK_FALSE(s.inspect("john"));
    CHECK(s.digest() == reduce(Snapshot(rules), at(120) + tick).digest());
  }
}
