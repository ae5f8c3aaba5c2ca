// SPDX-License-Identifier: MIT
#include "../telling.hpp"

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
  if (session.connected) text += " connect " + second(*session.connected);
  if (session.heartbeat) text += " heartbeat " + second(*session.heartbeat);
  for (const Timestamp when : session.disconnects) text += " disconnect " + second(when);
  return text + (session.alive ? " alive" : "");
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
    Snapshot s(rules);
    double now = 0;
    for (int i = 0; i < 40; ++i) {
      s = reduce(std::move(s), random_event(chance, now, 3, 2));
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

TEST_CASE("normalise leaves a user unchanged if surely_normal is true, and surely_normal is true for some users") {
  std::size_t sure = 0, all = 0;
  for (std::uint32_t round = 0; round < 60; ++round) {
    CAPTURE(round);
    Chance chance(round);
    Rules rules;
    if (round % 3 == 1) rules = untimed(0);
    if (round % 5 == 1) rules.offline_grace = seconds(15);
    if (round % 7 == 1) rules.forget_after = seconds(300);
    if (round % 11 == 1) rules.max_recent_per_user = 2;
    Snapshot s(rules);
    double second = 0;
    for (int i = 0; i < 300; ++i, second += round % 2 == 0 ? 0.2 : 1.5) {
      s = reduce(std::move(s), random_event(chance, second, 12, 2));
      if (chance.below(4) == 0) s = reduce(std::move(s), at(second));
    }
    for (const double later : {0.0, 40.0, 119.0, 121.0, 159.0, 161.0, 500.0}) {
      const Timestamp now = at(second + later);
      for (const detail::RowView row : detail::SnapshotAccess::read(s)->table) {
        detail::UserRegisters user = row.unpacked();
        detail::normalise(user, now, rules);
        const bool is_sure = detail::surely_normal(row.registers(), now, rules);
        if (is_sure) CHECK(user == row.unpacked());
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
    Snapshot visiting(rules), late(rules);
    for (int i = 0; i < 30; ++i) {
      const PresenceEvent event = random_event(chance, 35, 3, 2);
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

TEST_CASE("with a timeout, each register of a session is removed separately once it is older than the horizon") {
  const Snapshot s =
      folded({connect("john", "phone", at(0)), heartbeat("john", "phone", at(5)), disconnect("john", "phone", at(9))});
  CHECK(session_at(s, at(160)) == " connect 0 heartbeat 5 disconnect 9");
  CHECK(session_at(s, at(160) + tick) == " heartbeat 5 disconnect 9");
  CHECK(session_at(s, at(165)) == " heartbeat 5 disconnect 9");
  CHECK(session_at(s, at(165) + tick) == " disconnect 9");
  CHECK(session_at(s, at(169)) == " disconnect 9");
  CHECK(session_at(s, at(169) + tick) == "gone");
}

TEST_CASE("an offline_grace longer than reorder_window extends the horizon") {
  Rules rules;
  rules.offline_grace = seconds(300);
  const Snapshot s = folded(rules, {connect("john", "phone", at(0)), disconnect("john", "phone", at(9))});
  CHECK(session_at(s, at(308)) == " connect 0 disconnect 9");
  CHECK(reduce(s, at(309) - tick).online("john"));
  CHECK_FALSE(reduce(s, at(309)).online("john"));
  CHECK(session_at(s, at(340)) == " connect 0 disconnect 9");
  CHECK(session_at(s, at(340) + tick) == " disconnect 9");
  CHECK(session_at(s, at(349)) == " disconnect 9");
  CHECK(session_at(s, at(349) + tick) == "gone");
  CHECK(session_at(folded(rules, {disconnect("john", "phone", at(9))}), at(349)) == " disconnect 9");
  CHECK(session_at(folded(rules, {disconnect("john", "phone", at(9))}), at(349) + tick) == "gone");
}

TEST_CASE("without offline_grace only the latest disconnect is kept; with it, those after the last evidence are") {
  const std::vector<PresenceEvent> events = {disconnect("john", "phone", at(1)), disconnect("john", "phone", at(8)),
                                             disconnect("john", "phone", at(4)), connect("john", "phone", at(2))};
  CHECK(session_at(folded(events), at(10)) == " connect 2 disconnect 8");
  Rules rules;
  rules.offline_grace = seconds(5);
  CHECK(session_at(folded(rules, events), at(10)) == " connect 2 disconnect 4 disconnect 8");
  const std::vector<PresenceEvent> without_evidence(events.begin(), events.begin() + 3);
  CHECK(session_at(folded(rules, without_evidence), at(10)) == " disconnect 1 disconnect 4 disconnect 8");
}

TEST_CASE("without a timeout, an open session keeps only its latest evidence after the reorder window") {
  const Rules rules = untimed(0);
  CHECK(session_at(folded(rules, {connect("john", "phone", at(0)), heartbeat("john", "phone", at(50))}), at(120)) ==
        " connect 0 heartbeat 50 alive");
  CHECK(session_at(folded(rules, {connect("john", "phone", at(0)), heartbeat("john", "phone", at(50))}),
                   at(120) + tick) == " heartbeat 50 alive");
  CHECK(session_at(folded(rules, {connect("john", "phone", at(50)), heartbeat("john", "phone", at(0))}), at(1e6)) ==
        " connect 50 alive");
  CHECK(session_at(folded(rules, {connect("john", "phone", at(0)), heartbeat("john", "phone", at(0))}), at(1e6)) ==
        " connect 0 alive");
  CHECK(session_at(folded(rules, {disconnect("john", "phone", at(0)), connect("john", "phone", at(1))}), at(120)) ==
        " connect 1 disconnect 0 alive");
  CHECK(session_at(folded(rules, {disconnect("john", "phone", at(0)), connect("john", "phone", at(1))}),
                   at(120) + tick) == " connect 1 alive");
}

TEST_CASE("without a timeout and a grace, a closed session's registers are removed after the reorder window") {
  const Snapshot s = folded(untimed(0), {connect("john", "phone", at(0)), heartbeat("john", "phone", at(5)),
                                         disconnect("john", "phone", at(9))});
  CHECK(session_at(s, at(120)) == " connect 0 heartbeat 5 disconnect 9");
  CHECK(session_at(s, at(120) + tick) == " heartbeat 5 disconnect 9");
  CHECK(session_at(s, at(125) + tick) == " disconnect 9");
  CHECK(session_at(s, at(129)) == " disconnect 9");
  CHECK(session_at(s, at(129) + tick) == "gone");
}

TEST_CASE("without a timeout but with a grace, a closed session keeps its evidence while its end can still matter") {
  const Snapshot s = folded(untimed(10), {connect("john", "phone", at(0)), disconnect("john", "phone", at(100)),
                                          disconnect("john", "phone", at(110))});
  CHECK(session_at(s, at(109)) == " connect 0 disconnect 100 disconnect 110");
  CHECK(reduce(s, at(110) - tick).online("john"));
  CHECK_FALSE(reduce(s, at(110)).online("john"));
  CHECK(session_at(s, at(220)) == " connect 0 disconnect 100 disconnect 110");
  CHECK(session_at(s, at(220) + tick) == " disconnect 110");
  CHECK(session_at(s, at(230) + tick) == "gone");
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

TEST_CASE("a session's latest timestamp is the later one of its last disconnect and its evidence") {
  detail::SessionRegisters session;
  CHECK(detail::latest_timestamp(session) == detail::absent);
  session.disconnects.push_back(at(1));
  session.disconnects.push_back(at(5));
  CHECK(detail::latest_timestamp(session) == at(5));
  session.heartbeat = at(7);
  CHECK(detail::latest_timestamp(session) == at(7));
}

TEST_CASE("a user's latest visible timestamp is the activity's evidence, not its rounded last_active") {
  detail::UserRegisters user;
  user.activities.push_back({at(0), at(10)});
  CHECK(detail::latest_seen_timestamp(user) == at(10));
}

TEST_CASE("with offline_grace < reorder_window, a lone disconnect expires after session_timeout + reorder_window") {
  Rules rules;
  rules.offline_grace = seconds(60);
  Snapshot s = reduce(reduce(Snapshot(rules), at(0)), disconnect("john", "phone", at(0)));
  s = reduce(std::move(s), at(160) + tick);
  CHECK_FALSE(s.inspect("john"));
  CHECK(s.digest() == reduce(Snapshot(rules), at(160) + tick).digest());
}
