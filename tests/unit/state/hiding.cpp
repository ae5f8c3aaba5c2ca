// SPDX-License-Identifier: MIT
#include "../telling.hpp"

using namespace support;

namespace {
/// Everything that others can observe of a snapshot, as one string.
std::string observable(const Snapshot& s) {
  return text(views(s)) + " " + std::to_string(s.size()) + " " + std::to_string(s.online_count()) + " " +
         (s.next_deadline() ? to_string(*s.next_deadline()) : "none");
}
}  // namespace

TEST_CASE("others cannot observe the connects, heartbeats and disconnects of an invisible user") {
  for (const bool known_before : {true, false}) {
    Rules rules;
    rules.last_active_refresh = Duration();
    rules.offline_grace = seconds(5);
    Told with(rules), without(rules);
    const auto both = [&](const PresenceEvent& event) {
      with.fold(event);
      without.fold(event);
    };
    const auto inside = [&](const PresenceEvent& event) { CHECK(with.fold(event) == Verdict::applied); };
    for (double now = 0; now <= 400; now += 10) {
      with.pass(at(now));
      without.pass(at(now));
      if (now == 0 && known_before) both(connect("john", "phone", at(0)));
      if (now == 0) both(connect("jack", "phone", at(0)));
      if (now == 20) both(invisibly("john", "phone", at(15)));
      if (now == 30) inside(connect("john", "laptop", at(30)));
      if (now == 40) inside(heartbeat("john", "phone", at(40)));
      if (now == 50) inside(disconnect("john", "laptop", at(48)));
      if (now == 60) inside(invisibly("john", "tv", at(55)));
      if (now == 70) both(says("john", "busy", at(70)));
      if (now == 100) both(heartbeat("john", "old", at(14)));  // late, from before the visibility change
      if (now == 130) both(report("john", true, at(130)));
      if (now == 150) inside(heartbeat("john", "tv", at(150)));
      if (now == 300) both(visibly("john", "car", at(300)));
      CHECK(text(with.changes) == text(without.changes));
      CHECK(observable(with.s) == observable(without.s));
      for (const Viewer viewer : {nobody, Viewer{"jack"}, Viewer{"mary"}}) {
        CHECK(text(with.s.find("john", viewer)) == text(without.s.find("john", viewer)));
      }
    }
  }
}

TEST_CASE("`invisible` is true only in the user's own view") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  CHECK(t.s.find("john", self("john")) == seen_online("john", at(0)));
  t.fold(invisibly("john", "phone", at(1)));
  t.fold(invisibly("jack", "phone", at(1)));
  CHECK(t.s.find("john", self("john")) == sees_himself("john", true, at(1)));
  CHECK(t.s.find("john", self("jack")) == seen_offline("john", at(0)));
  CHECK(t.s.find("jack", self("jack")) == sees_himself("jack", true, at(1)));
  CHECK_FALSE(t.s.find("jack", self("john")));
  CHECK(text(views(t.s)) == text(Users{seen_offline("john", at(0))}));
  for (const auto& change : t.changes) {
    if (change.before) CHECK_FALSE(change.before->invisible);
    if (change.after) CHECK_FALSE(change.after->invisible);
  }
  t.pass(at(50));
  CHECK(t.s.find("john", self("john")) == sees_himself("john", false, at(1)));
}

TEST_CASE("becoming invisible while offline changes nothing that others see") {
  Told t;
  t.fold(connect("john", "phone", at(0)));
  t.pass(at(100));
  t.take();
  CHECK(t.fold(invisibly("john", "phone", at(100))) == Verdict::applied);
  CHECK(t.fold(disconnect("john", "phone", at(101))) == Verdict::applied);
  t.pass(at(500));
  CHECK(t.changes.empty());
  CHECK_FALSE(t.s.next_deadline());
}

TEST_CASE("invisible_since is the first timestamp of the trailing invisible run, and evidence at it is hidden") {
  Rules rules;
  rules.last_active_refresh = Duration();
  Told t(rules);
  t.pass(at(100));
  t.fold(visibly("john", "phone", at(10)));
  t.fold(invisibly("john", "phone", at(40)));
  t.fold(heartbeat("john", "phone", at(50)));
  t.fold(invisibly("john", "phone", at(60)));
  CHECK(t.s.inspect("john")->invisible_since == at(40));
  CHECK(last_active(t.s, "john") == at(10));
  t.fold(heartbeat("john", "laptop", at(40)));
  CHECK(last_active(t.s, "john") == at(10));
  t.fold(heartbeat("john", "laptop", at(40) - tick));
  CHECK(last_active(t.s, "john") == at(40) - tick);
  t.fold(invisibly("john", "tv", at(30)));
  CHECK(last_active(t.s, "john") == at(10));
  CHECK(t.s.inspect("john")->invisible_since == at(30));
  t.fold(visibly("john", "tv", at(55)));  // the trailing invisible run now begins at 60
  CHECK(t.s.inspect("john")->invisible_since == at(60));
  CHECK(last_active(t.s, "john") == at(55));
}

TEST_CASE("a connect without `invisible` keeps a visible user visible and an invisible user invisible") {
  Told t;
  t.pass(at(0));
  t.fold(visibly("john", "phone", at(0)));
  t.fold(connect("john", "phone", at(1)));
  CHECK(t.s.online("john"));
  t.fold(invisibly("john", "phone", at(2)));
  t.fold(disconnect("john", "phone", at(3)));
  t.pass(at(1e6));
  t.take();
  t.fold(connect("john", "phone", at(1e6)));
  CHECK(t.changes.empty());
  CHECK(t.s.find("john") == seen_offline("john", at(1)));
  CHECK(t.s.inspect("john")->invisible_since == at(2));
}

TEST_CASE("when a user becomes visible, sessions that began while they were invisible count") {
  Told t;
  t.pass(at(0));
  t.fold(invisibly("john", "phone", at(0)));
  t.fold(connect("john", "laptop", at(10)));
  t.pass(at(30));
  t.fold(visibly("john", "tv", at(30)));
  t.fold(disconnect("john", "tv", at(31)));
  CHECK(text(t.take()) == text({changed(at(30), std::nullopt, seen_online("john", at(30)))}));
  CHECK(t.s.next_deadline() == at(50));  // the laptop's
}

TEST_CASE("a late change to visible shows the user's current state, in a change at now") {
  Told t;
  t.pass(at(0));
  t.fold(invisibly("john", "phone", at(0)));
  t.pass(at(60));
  CHECK_FALSE(t.s.find("john"));
  t.fold(visibly("john", "phone", at(15)));
  CHECK(text(t.take()) == text({changed(at(60), std::nullopt, seen_offline("john", at(15)))}));
}

TEST_CASE("a late visibility change can make a user unknown again") {
  Told t;
  t.pass(at(10));
  t.fold(connect("john", "phone", at(10)));
  t.take();
  t.fold(invisibly("john", "phone", at(5)));
  CHECK(text(t.take()) == text({changed(at(10), seen_online("john", at(10)), std::nullopt)}));
  CHECK(t.s.size() == 0);
  CHECK(t.s.online_count() == 0);
  CHECK(t.s.inspect("john")->user.online);
}

TEST_CASE("a report about an invisible user shows them as offline, and a status changes only their status") {
  Told t;
  t.pass(at(0));
  t.fold(invisibly("john", "phone", at(0)));
  t.fold(report("john", true, at(1)));
  CHECK(text(t.take()) == text({changed(at(0), std::nullopt, seen_offline("john", std::nullopt))}));
  CHECK(t.s.online_count() == 0);
  CHECK_FALSE(t.s.next_deadline());
  t.fold(saying(connect("john", "laptop", at(2)), "hi"));
  CHECK(text(t.take()) ==
        text({changed(at(0), seen_offline("john", std::nullopt), seen_offline("john", std::nullopt, "hi"))}));
  t.fold(visibly("john", "laptop", at(3)));
  CHECK(text(t.take()) ==
        text({changed(at(0), seen_offline("john", std::nullopt, "hi"), seen_online("john", at(3), "hi"))}));
}

TEST_CASE("invisible users among many others are not counted, iterated or reported") {
  Told t;
  t.pass(at(0));
  std::vector<User> expected;
  for (std::size_t i = 0; i < 300; ++i) {
    t.fold(i % 3 == 0 ? invisibly(user_id(i), "phone", at(0)) : connect(user_id(i), "phone", at(0)));
    if (i % 3 != 0) expected.push_back(seen_online(user_id(i), at(0)));
  }
  CHECK(t.s.size() == 200);
  CHECK(t.s.online_count() == 200);
  CHECK(text(views(t.s)) == text(expected));
  CHECK(t.changes.size() == 200);
}
