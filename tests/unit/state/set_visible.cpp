// SPDX-License-Identifier: MIT

// Visibility changes without a session.

#include "../telling.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

using namespace support;

TEST_CASE("set_visible(false) shows an online user as offline at once, and set_visible(true) as they are") {
  Told t;
  t.pass(at(10));
  t.fold(connect("john", "phone", at(0)));
  t.take();
  CHECK(t.fold(hides("john", at(5))) == Verdict::applied);
  CHECK(text(t.take()) == text({changed(at(10), seen_online("john", at(0)), seen_offline("john", at(0)))}));
  CHECK(t.s.find("john", self("john")) == sees_himself("john", true, at(0)));
  CHECK(t.s.inspect("john")->invisible_since == at(5));
  CHECK_FALSE(t.s.next_deadline());
  CHECK(t.fold(shows("john", at(7))) == Verdict::applied);
  CHECK(text(t.take()) == text({changed(at(10), seen_offline("john", at(0)), seen_online("john", at(7)))}));
  CHECK_FALSE(t.s.inspect("john")->invisible_since);
  CHECK(t.s.next_deadline() == at(40));  // of the session that connected at 0
}

TEST_CASE(
    "set_visible(true) moves last_active to its timestamp, without rounding; set_visible(false) does not move it") {
  Told t;
  t.pass(at(1000));
  t.fold(connect("john", "phone", at(950)));
  t.fold(disconnect("john", "phone", at(951)));
  CHECK(t.fold(shows("john", at(1000.5))) == Verdict::applied);
  CHECK(last_active(t.s, "john") == at(1000.5));
  CHECK_FALSE(t.s.online("john"));
  CHECK(t.fold(shows("john", at(999))) == Verdict::applied);
  CHECK(last_active(t.s, "john") == at(1000.5));
  t.fold(hides("john", at(1001)));
  CHECK(last_active(t.s, "john") == at(1000.5));
  CHECK(last_active(t.s, "john", self("john")) == at(1000.5));
}

TEST_CASE("set_visible(false) alone makes no user known, and set_visible(true) does, as offline") {
  for (const bool has_now : {false, true}) {
    Told t;
    if (has_now) t.pass(at(5));
    CHECK(t.fold(hides("john", at(5))) == Verdict::applied);
    CHECK(t.take().empty());
    CHECK(t.s.size() == 0);
    CHECK_FALSE(t.s.find("john"));
    CHECK(t.fold(hides("john", at(5))) == Verdict::unchanged);
    CHECK(t.fold(shows("mary", at(5))) == Verdict::applied);
    CHECK(text(t.take()) == text({changed(at(5), std::nullopt, seen_offline("mary", at(5)))}));
    CHECK(t.fold(shows("mary", at(5))) == Verdict::unchanged);
    CHECK(t.fold(shows("john", at(6))) == Verdict::applied);
    CHECK(text(t.take()) == text({changed(has_now ? at(5) : at(6), std::nullopt, seen_offline("john", at(6)))}));
  }
}

TEST_CASE("a user who connects after set_visible(false) is hidden") {
  Told t;
  t.pass(at(10));
  t.fold(hides("john", at(5)));
  t.fold(connect("john", "phone", at(6)));
  t.fold(heartbeat("john", "phone", at(7)));
  CHECK(t.take().empty());
  CHECK(t.s.size() == 0);
  CHECK(t.s.find("john", self("john")) == sees_himself("john", true, at(6)));
  SUBCASE("a connect that asks to be visible shows them") {
    t.fold(visibly("john", "phone", at(8)));
    CHECK(text(t.take()) == text({changed(at(10), std::nullopt, seen_online("john", at(8)))}));
  }
  SUBCASE("set_visible(true) shows them, with nothing dated inside") {
    t.fold(heartbeat("john", "phone", at(9)));
    t.fold(shows("john", at(8)));
    CHECK(text(t.take()) == text({changed(at(10), std::nullopt, seen_online("john", at(8)))}));
  }
}

TEST_CASE("a visibility change is no evidence that a session lives, even if its event names one") {
  Told with, without;
  for (Told* const t : {&with, &without}) {
    t->pass(at(0));
    t->fold(connect("john", "phone", at(0)));
    t->pass(at(39));
    for (const bool visible : {false, true}) {
      PresenceEvent event = PresenceEvent::set_visible("john", visible, visible ? at(39) : at(38));
      if (t == &with) event.session = "phone";
      CHECK(t->fold(event) == Verdict::applied);
    }
  }
  CHECK(with.s == without.s);
  CHECK(with.s.inspect("john")->sessions.size() == 1);
  CHECK(with.s.next_deadline() == at(40));
  with.take();
  with.pass(at(40));
  CHECK(text(with.take()) == text({changed(at(40), seen_online("john", at(39)), seen_offline("john", at(39)))}));

  PresenceEvent odd = shows("mary", at(39));
  odd.session = std::string(1000, 's');  // longer than an id may be, but not read
  CHECK(without.fold(odd) == Verdict::applied);
  CHECK(without.s.inspect("mary")->sessions.empty());
}

TEST_CASE("events other than connect and set_visible change no visibility, whatever their `invisible` says") {
  for (PresenceEvent event : {heartbeat("john", "phone", at(5)), disconnect("john", "tv", at(5)),
                              says("john", "hi", at(5)), report("john", true, at(5))}) {
    event.invisible = true;
    const Snapshot s = folded({connect("john", "phone", at(0)), event});
    CHECK(s.online("john"));
    CHECK_FALSE(s.inspect("john")->invisible_since);
  }
}

TEST_CASE("at one timestamp invisible wins, whichever event says so and in whatever order") {
  const std::vector<PresenceEvent> to_hide = {hides("john", at(5)), invisibly("john", "phone", at(5))},
                                   to_show = {shows("john", at(5)), visibly("john", "phone", at(5))};
  for (const PresenceEvent& hiding : to_hide) {
    for (const PresenceEvent& showing : to_show) {
      const Snapshot a = folded({connect("john", "phone", at(0)), hiding, showing}),
                     b = folded({connect("john", "phone", at(0)), showing, hiding});
      CHECK(a == b);
      CHECK_FALSE(a.online("john"));
      CHECK(a.inspect("john")->invisible_since == at(5));
      CHECK(reduce(a, shows("john", at(5) + tick)).online("john"));
    }
  }
}

TEST_CASE("others see the same, whether a connect or a set_visible hides and shows a user") {
  const auto history = [](bool with_sessions) {
    Told t(with_timeout(seconds(40)));
    t.pass(at(0));
    t.fold(connect("john", "phone", at(0)));
    t.pass(at(10));
    t.fold(with_sessions ? invisibly("john", "phone", at(10)) : hides("john", at(10)));
    for (double second = 12; second < 50; second += 5) {
      t.pass(at(second));
      t.fold(heartbeat("john", "phone", at(second)));
    }
    t.pass(at(50));
    t.fold(with_sessions ? visibly("john", "phone", at(50)) : shows("john", at(50)));
    t.fold(heartbeat("john", "phone", at(50)));
    t.pass(at(1000));
    return text(t.take());
  };
  CHECK(history(true) == history(false));
}

TEST_CASE("nothing that a user does between set_visible(false) and set_visible(true) is seen") {
  const auto changes = [](bool does_something) {
    Told t(with_timeout(seconds(40)));
    t.pass(at(0));
    t.fold(connect("john", "phone", at(0)));
    t.fold(hides("john", at(10)));
    for (double second = 11; second < 2000; second += 13) {
      t.pass(at(second));
      if (!does_something) continue;
      t.fold(connect("john", "phone", at(second)));
      t.fold(connect("john", "tv", at(second)));
      t.fold(heartbeat("john", "tv", at(second) - tick));
      t.fold(disconnect("john", "tv", at(second) + tick));
      t.fold(report("mary", true, at(second)));
      t.fold(report("mary", false, at(second) + tick));
    }
    t.pass(at(2000));
    t.fold(disconnect("john", "phone", at(2000)));
    t.fold(shows("john", at(2000)));
    t.fold(says("john", "back", at(2000)));
    t.pass(at(3000));
    Changes of_john;
    for (const UserPresenceChanged& change : t.take()) {
      if (change.id == "john") of_john.push_back(change);
    }
    return text(of_john);
  };
  CHECK(changes(true) == changes(false));
}

TEST_CASE("a visibility change that arrives late hides what is dated after it") {
  Told t;
  t.pass(at(10));
  t.fold(connect("john", "phone", at(0)));
  t.fold(connect("john", "phone", at(8)));
  CHECK(last_active(t.s, "john") == at(8));
  t.take();
  CHECK(t.fold(hides("john", at(5))) == Verdict::applied);
  CHECK(text(t.take()) == text({changed(at(10), seen_online("john", at(8)), seen_offline("john", at(0)))}));
  CHECK(t.fold(shows("john", at(6))) == Verdict::applied);
  CHECK(text(t.take()) == text({changed(at(10), seen_offline("john", at(0)), seen_online("john", at(8)))}));
}

TEST_CASE("visibility changes and connects have the same result in every order") {
  std::vector<PresenceEvent> events = {connect("john", "phone", at(1)),
                                       hides("john", at(2)),
                                       heartbeat("john", "tv", at(3)),
                                       shows("john", at(3)),
                                       hides("john", at(4)),
                                       visibly("john", "tv", at(5))};
  std::vector<std::size_t> order = {0, 1, 2, 3, 4, 5};
  std::optional<Snapshot> first;
  do {
    Snapshot s = reduce(Snapshot(), at(2));
    for (const std::size_t i : order) s = reduce(std::move(s), events[i]);
    s = reduce(std::move(s), at(6));
    if (!first) first = s;
    REQUIRE(s == *first);
    REQUIRE(s.digest() == first->digest());
  } while (std::next_permutation(order.begin(), order.end()));
  CHECK(first->find("john") == seen_online("john", at(5)));
}

TEST_CASE("a set_visible without invisible, with an empty id or at an end of the range is invalid") {
  Told t;
  t.pass(at(5));
  t.fold(connect("john", "phone", at(4)));
  const Snapshot before = t.s;
  t.take();
  for (const bool visible : {true, false}) {
    PresenceEvent none = PresenceEvent::set_visible("john", visible, at(5));
    none.invisible.reset();
    CHECK(t.fold(none) == Verdict::invalid);
    CHECK(t.fold(saying(none, "brb")) == Verdict::invalid);
    CHECK(t.fold(PresenceEvent::set_visible("", visible, at(5))) == Verdict::invalid);
    for (const Timestamp end : {Timestamp::lowest(), Timestamp::highest()})
      CHECK(t.fold(PresenceEvent::set_visible("john", visible, end)) == Verdict::invalid);
    CHECK(t.fold(PresenceEvent::set_visible("john", visible, at(5) - seconds(120) - tick)) == Verdict::too_late);
    CHECK(t.fold(PresenceEvent::set_visible("john", visible, at(5) + seconds(60) + tick)) == Verdict::too_early);
    CHECK(t.fold(PresenceEvent::set_visible(std::string(256, 'x'), visible, at(5))) == Verdict::over_limit);
  }
  CHECK(t.s == before);
  CHECK(t.s.digest() == before.digest());
  CHECK(t.take().empty());
  for (const Timestamp extreme : {Timestamp::lowest() + tick, Timestamp::highest() - tick}) {
    CHECK(folded({shows("john", extreme)}).find("john") == seen_offline("john", extreme));
    CHECK(folded({hides("john", extreme)}).empty());
  }
}

TEST_CASE("a set_visible may carry a status, which others see even if it hides the user") {
  Told t;
  t.pass(at(5));
  CHECK(t.fold(saying(hides("john", at(5)), "gone")) == Verdict::applied);
  CHECK(text(t.take()) == text({changed(at(5), std::nullopt, seen_offline("john", std::nullopt, "gone"))}));
  CHECK(t.fold(saying(shows("john", at(6)), "back")) == Verdict::applied);
  CHECK(text(t.take()) ==
        text({changed(at(5), seen_offline("john", std::nullopt, "gone"), seen_offline("john", at(6), "back"))}));
}

TEST_CASE("visibility changes are kept by encoding and merged from either side") {
  for (const bool has_now : {false, true}) {
    Told one, other;
    for (Told* const t : {&one, &other}) {
      if (has_now) t->pass(at(6));
      t->fold(connect("john", "phone", at(1)));
    }
    one.fold(hides("john", at(5)));
    other.fold(shows("john", at(4)));
    for (const Snapshot& s : {one.s, other.s}) {
      const auto read = decode(encode(s), s.rules());
      REQUIRE(read);
      CHECK(*read == s);
    }
    const Snapshot both = merge(one.s, other.s);
    CHECK(both == merge(other.s, one.s));
    CHECK(both == reduce(one.s, shows("john", at(4))));
    CHECK(both.find("john") == seen_offline("john", at(4)));
    Told told;
    diff(other.s, one.s, told);
    CHECK(told.changes.size() == 1);
  }
}
