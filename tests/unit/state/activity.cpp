// SPDX-License-Identifier: MIT

// What a session is doing: PresenceEvent::activity.

#include "../rich.hpp"

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace support;

namespace {

/// An object inside `levels` - 1 others.
Value nested(unsigned levels) {
  Value value = Value::object(fields({{"x", 1}}));
  for (unsigned i = 1; i < levels; ++i) value = Value::object(fields({{"x", value}}));
  return value;
}
/// A value of JSON whose size counts as `bytes`.
Value text_of_size(std::size_t bytes) { return Value(std::string(bytes - 2, 'x')); }

const Attributes match = fields({{"map", "harbour"}, {"players", 2}, {"on", "match"}});

}  // namespace

TEST_CASE("connects, updates and reports set the activity, and others see all of it") {
  for (const PresenceEvent& event :
       {connect("john", "phone", at(1)), update("john", "phone", at(1)), report("john", true, at(1))}) {
    Told t;
    t.pass(at(1));
    CHECK(t.fold(doing(event, match)) == Verdict::applied);
    const Changes changes = t.take();
    REQUIRE(changes.size() == 1);
    CHECK(changes[0].after->activity == match);
    CHECK(changes[0].activity_changed());
    CHECK(t.s.view("john")->activity == AttributesView(match));
    CHECK(t.s.view("john", self("john"))->activity == AttributesView(match));
    CHECK(t.s.find("john")->activity == match);
  }
}

TEST_CASE("other events do not read an activity") {
  for (const PresenceEvent& event :
       {heartbeat("john", "phone", at(1)), acts("john", "phone", at(1)), says("john", "x", at(1)),
        chooses("john", Availability::busy, at(1)), sets("john", "n", 1, at(1)), disconnect("john", "phone", at(1))}) {
    const Snapshot s = folded({connect("john", "phone", at(0))});
    CHECK(reduce(s, doing(event, match)) == reduce(s, event));
  }
}

TEST_CASE("absent leaves the activity, and empty clears it") {
  Told t;
  t.pass(at(0));
  t.fold(doing(connect("john", "phone", at(0)), "match"));
  t.take();
  t.fold(update("john", "phone", at(1)));
  t.fold(connect("john", "phone", at(2)));
  CHECK(activity(t.s, "john") == "match");
  t.take();
  CHECK(t.fold(doing(update("john", "phone", at(3)), Attributes())) == Verdict::applied);
  CHECK(t.s.view("john")->activity.empty());
  CHECK(t.take().size() == 1);
  CHECK(t.fold(doing(update("john", "phone", at(2.5)), "late")) == Verdict::unchanged);
  CHECK(t.s.view("john")->activity.empty());
  CHECK(t.fold(doing(update("john", "tv", at(4)), Attributes())) == Verdict::applied);
  CHECK(t.take().empty());
}

TEST_CASE("the latest activity wins, and of two with one moment the one with the greater JSON") {
  const auto last = [](const std::vector<PresenceEvent>& events) {
    CHECK(digests_of_all_orders(Rules(), events, at(0), at(5)).size() == 1);
    return text(folded(events).find("john")->activity);
  };
  const PresenceEvent base = update("john", "phone", at(1));
  CHECK(last({doing(base, "a"), doing(update("john", "phone", at(2)), "b"), doing(base, "c")}) == "{on: \"b\"}");
  CHECK(last({doing(base, "a"), doing(base, "b")}) == "{on: \"b\"}");
  CHECK(last({doing(base, "b"), doing(base, Attributes())}) == "{on: \"b\"}");
  CHECK(last({doing(base, fields({{"n", 9}})), doing(base, fields({{"n", 10}}))}) == "{n: 9}");
  CHECK(last({doing(base, fields({{"a", 1}, {"b", 1}})), doing(base, fields({{"a", 1}}))}) == "{a: 1}");  // } after ,
  CHECK(last({doing(base, fields({{"n", 1}})), doing(base, fields({{"n", true}}))}) == "{n: true}");
  // What came with a connect is later.
  CHECK(last({doing(base, "z"), doing(connect("john", "phone", at(1)), "a")}) == "{on: \"a\"}");
  CHECK(last({doing(base, "z"), doing(connect("john", "phone", at(1)), Attributes())}) == "{}");
  CHECK(last({doing(base, "a"), disconnect("john", "phone", at(1)), connect("john", "phone", at(2))}) == "{}");
  CHECK(last({doing(connect("john", "phone", at(1)), "a"), disconnect("john", "phone", at(1)),
              heartbeat("john", "phone", at(2))}) == "{on: \"a\"}");
  CHECK(last({doing(report("john", true, at(1)), "a"), doing(report("john", true, at(1)), "b"),
              report("john", false, at(1))}) == "{on: \"b\"}");
}

TEST_CASE("the activity is that of the deciding session, also when a choice decides the availability") {
  Snapshot s = folded({doing(being(connect("john", "phone", at(0)), Availability::busy), "match"),
                       doing(connect("john", "tv", at(1)), "film")});
  CHECK(activity(s, "john") == "match");
  s = reduce(std::move(s), chooses("john", Availability::available, at(2)));
  CHECK(activity(s, "john") == "match");
  s = reduce(std::move(s), being(update("john", "phone", at(3)), Availability::away));
  CHECK(activity(s, "john") == "film");
  // A session that decides and does nothing hides what the others do.
  s = reduce(std::move(s), being(connect("john", "car", at(4)), Availability::busy));
  CHECK(activity(s, "john").empty());
}

TEST_CASE("an activity is hidden while its user is offline or invisible") {
  Told t(with_timeout(seconds(40)));
  t.pass(at(0));
  t.fold(doing(connect("john", "phone", at(0)), "match"));
  t.fold(hides("john", at(1)));
  CHECK(t.s.view("john")->activity.empty());
  CHECK(activity(t.s, "john", self("john")) == "match");
  t.take();
  t.fold(doing(update("john", "phone", at(2)), "film"));
  CHECK(t.take().empty());
  t.fold(shows("john", at(3)));
  CHECK(activity(t.s, "john") == "film");
  t.pass(at(50));
  CHECK(t.s.view("john")->activity.empty());
  CHECK(t.s.view("john", self("john"))->activity.empty());
}

TEST_CASE("an activity counts only in the present life of its session") {
  Rules rules = with_timeout(seconds(40));
  for (const double grace : {0.0, 10.0}) {
    rules.offline_grace = seconds(grace);
    const Snapshot s = folded(rules, {doing(connect("john", "phone", at(0)), "match")});
    const Timestamp last = at(40 + grace);
    CHECK(activity(reduce(s, heartbeat("john", "phone", last)), "john") == "match");
    CHECK(activity(reduce(s, heartbeat("john", "phone", last + tick)), "john").empty());
    const Snapshot gone = reduce(s, disconnect("john", "phone", at(1)));
    CHECK(activity(gone, "john") == (grace == 0 ? "" : "match"));
    CHECK(activity(reduce(gone, connect("john", "phone", at(2))), "john").empty());
    CHECK(
        digests_of_all_orders(rules,
                              {doing(update("john", "phone", at(0)), "match"), disconnect("john", "phone", at(20)),
                               heartbeat("john", "phone", last + tick), doing(update("john", "phone", at(19)), "film")},
                              at(0), last + seconds(1))
            .size() == 1);
  }
}

TEST_CASE("merged nodes show the later of the activities of a session, whichever of them had it") {
  const Snapshot here = folded({doing(connect("john", "phone", at(0)), "menu")}),
                 there = reduce(here, doing(update("john", "phone", at(1)), "match"));
  Snapshot late = reduce(here, heartbeat("john", "phone", at(2)));  // what both said of the session is not lost by it
  CHECK(activity(merge(here, there), "john") == "match");
  CHECK(activity(merge(there, here), "john") == "match");
  CHECK(activity(merge(late, there), "john") == "match");
  CHECK(activity(merge(there, late), "john") == "match");
}

TEST_CASE("the activity of a session before it returned does not date the change of a merge") {
  const Rules rules = with_timeout(seconds(40));
  Snapshot here = reduce(Snapshot(rules), at(0)), there = here;
  here = reduce(std::move(here), doing(update("john", "phone", at(0)), "match"));
  for (Snapshot* s : {&here, &there}) *s = reduce(std::move(*s), connect("john", "tv", at(0)));
  there = reduce(std::move(there), at(2));
  for (const PresenceEvent& event :
       {disconnect("john", "phone", at(1)), heartbeat("john", "phone", at(2)), says("john", "hi", at(2))})
    there = reduce(std::move(there), event);
  // The tv decides until 40, then the phone, of which nothing is seen.
  there = reduce(std::move(there), at(41));
  Changes changes;
  merge_into(here, there, [&](const UserPresenceChangedView& change) {
    changes.push_back(static_cast<UserPresenceChanged>(change));
  });
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].after->status == "hi");
  CHECK(changes[0].after->activity == Attributes());
  CHECK(changes[0].at == at(0));
}

TEST_CASE("a removal removes the activity that is dated up to it, and its session may live on without") {
  for (const double when : {1, 2, 3}) {
    const Snapshot s = folded(
        {doing(update("john", "phone", at(when)), "match"), removes("john", at(2)), heartbeat("john", "phone", at(4))});
    CHECK(s.online("john"));
    CHECK(activity(s, "john") == (when == 3 ? "match" : ""));
  }
}

TEST_CASE("timestamps inside an activity are kept as strings") {
  const Timestamp start = at(5);
  const Snapshot s = folded({doing(connect("john", "phone", at(0)), fields({{"since", start}}))});
  CHECK(*s.find("john")->activity.find("since") == Value(to_string(start)));
  CHECK(folded({doing(connect("john", "phone", at(0)), fields({{"since", to_string(start)}}))}) == s);
}

TEST_CASE("values of every kind are kept as they are") {
  const Attributes all = fields({{"", "no name"},
                                 {"array", Value::array({1, 2.5, "x", nullptr, true})},
                                 {"big", std::numeric_limits<std::int64_t>::min()},
                                 {"id", "a reserved name of data"},
                                 {"nothing", nullptr},
                                 {"object", nested(3)},
                                 {"real", 0.1},
                                 {"zero", -0.0}});
  const Snapshot s = folded({doing(connect("john", "phone", at(0)), all)});
  CHECK(s.find("john")->activity == all);
  CHECK(text(s.find("john")->activity) == text(all));
  CHECK(*decode(encode(s), s.rules()) == s);
}

TEST_CASE("an activity that is no JSON is invalid") {
  const Snapshot s = folded({doing(connect("john", "phone", at(0)), "match")});
  for (const double none : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                            -std::numeric_limits<double>::infinity()}) {
    for (const Value& value : {Value(none), Value::array({1, none}), Value::object(fields({{"x", none}}))}) {
      check_refused(s, doing(update("john", "phone", at(1)), fields({{"n", value}})), Verdict::invalid);
      check_refused(s, doing(connect("mary", "phone", at(1)), fields({{"n", value}})), Verdict::invalid);
      check_refused(s, doing(report("john", true, at(1)), fields({{"n", value}})), Verdict::invalid);
      check_refused(s, doing(report("john", false, at(1)), fields({{"n", value}})), Verdict::invalid);
    }
  }
  check_refused(s, doing(update("john", "phone", at(1)), fields({{"n", UINT64_MAX}})), Verdict::invalid);
  // With the object that the activity itself is, there may be 64 levels.
  CHECK(reduce(s, doing(update("john", "phone", at(1)), fields({{"n", nested(63)}}))) != s);
  check_refused(s, doing(update("john", "phone", at(1)), fields({{"n", nested(64)}})), Verdict::invalid);
  check_refused(s, doing(update("john", "phone", at(1)), fields({{"n", nested(65)}})), Verdict::invalid);
}

TEST_CASE("an activity beyond max_activity_bytes is over_limit and changes nothing") {
  Rules rules;
  rules.max_activity_bytes = 100;
  const Snapshot s = folded(rules, {doing(connect("john", "phone", at(0)), "match")});
  const std::size_t most = 100 - 2 - 1 - 4;  // without the braces and the name
  const PresenceEvent event = update("john", "phone", at(1));
  CHECK(text(reduce(s, doing(event, fields({{"n", text_of_size(most)}}))).find("john")->activity) !=
        text(s.find("john")->activity));
  check_refused(s, doing(event, fields({{"n", text_of_size(most + 1)}})), Verdict::over_limit);
  check_refused(s, doing(report("john", true, at(1)), fields({{"n", text_of_size(most + 1)}})), Verdict::over_limit);
  Attributes many;
  for (int i = 0; i < 10000; ++i) many["name " + std::to_string(i)] = i;
  check_refused(s, doing(event, many), Verdict::over_limit);
  rules.max_activity_bytes = 0;
  const Snapshot none = folded(rules, {connect("john", "phone", at(0))});
  check_refused(none, doing(event, fields({{"n", 1}})), Verdict::over_limit);
}

TEST_CASE("an empty activity and empty data fit any limits, so all of an online user can be reported") {
  Rules rules;
  rules.max_activity_bytes = rules.max_user_data_bytes = rules.max_data_names = 0;
  User john;
  john.id = "john";
  john.online = true;
  CHECK(Told(rules).fold(PresenceEvent::report(john, at(0))) == Verdict::applied);
  CHECK(Told(rules).fold(doing(connect("john", "phone", at(0)), Attributes())) == Verdict::applied);
  rules.max_activity_bytes = rules.max_user_data_bytes = rules.max_data_names = 0xFFFFFFFF;
  CHECK(Told(rules).fold(PresenceEvent::report(john, at(0))) == Verdict::applied);
}

TEST_CASE("an activity of a node with a higher limit is dropped in a merge, so the result can be stored") {
  Rules rules;
  rules.max_activity_bytes = 10;
  const Snapshot theirs = folded({doing(connect("john", "phone", at(0)), match)});
  for (const Snapshot& ours : {Snapshot(rules), folded(rules, {connect("john", "phone", at(-1))})}) {
    const Snapshot merged = merge(ours, theirs);
    CHECK(merged.view("john")->online);
    CHECK(merged.view("john")->activity.empty());
    const Result<Snapshot> restored = decode(encode(merged), rules);
    REQUIRE(restored);
    CHECK(*restored == merged);
  }
}

TEST_CASE("an event may borrow the activity that it replaces") {
  for (const bool is_shared : {true, false}) {
    for (int way = 0; way < 6; ++way) {
      Snapshot s = folded({doing(connect("john", "phone", at(0)), match),
                           doing(connect("mary", "tv", at(0)), "a long text that no string keeps inside")});
      s = *decode(encode(reduce(std::move(s), at(1))), s.rules());
      Snapshot kept;
      if (is_shared) kept = s;
      const UserView john = *s.view("john"), mary = *s.view("mary");
      PresenceEventView event = PresenceEventView::update("john", "phone", at(1));
      event.activity = way % 2 == 0 ? mary.activity : john.activity;
      const PresenceEvent copy(event);
      const Snapshot expected = reduce(*decode(encode(s), s.rules()), copy);
      if (way < 2) {
        apply(s, event);
      } else if (way < 4) {
        replay(s, event);
      } else {
        PresenceEventView other = event;
        other.user = "mary";
        other.session = "tv";
        const std::vector<PresenceEventView> all{event, other, event};
        const std::vector<PresenceEvent> copies{copy, PresenceEvent(other), copy};
        Snapshot by_copies = *decode(encode(s), s.rules());
        apply(by_copies, copies.begin(), copies.end());
        apply(s, all.begin(), all.end());
        CHECK(s == by_copies);
        continue;
      }
      CHECK(s == expected);
    }
  }
}
