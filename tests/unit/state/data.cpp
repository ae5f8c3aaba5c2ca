// SPDX-License-Identifier: MIT

// The data of a user: set_data, and the data of a report.

#include "../rich.hpp"

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <vector>

using namespace support;

namespace {

/// An object inside `levels` - 1 others.
Value nested(unsigned levels) {
  Value value = Value::object(fields({{"x", 1}}));
  for (unsigned i = 1; i < levels; ++i) value = Value::object(fields({{"x", value}}));
  return value;
}
std::string data(const Snapshot& s, std::string_view id = "john", Viewer viewer = nobody) {
  const auto user = s.find(id, viewer);
  return user ? text(user->data) : "unknown";
}
User with_data(User user, Attributes data) {
  user.data = std::move(data);
  return user;
}
const char* const reserved[] = {"id",       "online", "status",     "last_active", "invisible", "availability",
                                "activity", "custom", "created_at", "updated_at",  "deleted_at"};

}  // namespace

TEST_CASE("a name is set, replaced and removed, each in one change") {
  Told t;
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.take();
  const User none = seen_online("john", at(0));
  const auto seen = [&none](Attributes data) {
    User user = with_data(none, std::move(data));
    user.availability = Availability::available;
    return user;
  };
  CHECK(t.fold(sets("john", "name", "John", at(1))) == Verdict::applied);
  CHECK(t.fold(sets("john", "level", 7, at(1))) == Verdict::applied);
  CHECK(t.fold(sets("john", "name", "Johnny", at(2))) == Verdict::applied);
  CHECK(t.fold(sets("john", "name", nullptr, at(3))) == Verdict::applied);
  CHECK(t.fold(sets("john", "name", nullptr, at(3))) == Verdict::unchanged);
  CHECK(t.fold(sets("john", "name", "late", at(2.5))) == Verdict::unchanged);
  CHECK(t.fold(sets("john", "other", nullptr, at(3))) == Verdict::applied);  // nothing that others see
  const Changes changes = t.take();
  CHECK(rich(changes) ==
        rich({changed(at(0), seen({}), seen(fields({{"name", "John"}}))),
              changed(at(0), seen(fields({{"name", "John"}})), seen(fields({{"level", 7}, {"name", "John"}}))),
              changed(at(0), seen(fields({{"level", 7}, {"name", "John"}})),
                      seen(fields({{"level", 7}, {"name", "Johnny"}}))),
              changed(at(0), seen(fields({{"level", 7}, {"name", "Johnny"}})), seen(fields({{"level", 7}})))}));
  for (const UserPresenceChanged& change : changes) {
    CHECK(change.data_changed());
    CHECK_FALSE((change.online_changed() || change.availability_changed() || change.activity_changed() ||
                 change.status_changed() || change.last_active_changed()));
  }
}

TEST_CASE("setting the same value again changes its date, and nothing that is seen") {
  Told t;
  t.pass(at(0));
  t.fold(sets("john", "name", "John", at(1)));
  t.take();
  CHECK(t.fold(sets("john", "name", "John", at(1))) == Verdict::unchanged);
  CHECK(t.fold(sets("john", "name", "John", at(2))) == Verdict::applied);
  CHECK(t.take().empty());
  CHECK(t.fold(sets("john", "name", nullptr, at(1.5))) == Verdict::unchanged);
  CHECK(data(t.s) == "{name: \"John\"}");
}

TEST_CASE("1 and 1.0 are different JSON, and no change") {
  Told t;
  t.pass(at(0));
  t.fold(sets("john", "n", 1, at(1)));
  const std::uint64_t before = t.s.digest();
  t.take();
  CHECK(t.fold(sets("john", "n", 1.0, at(2))) == Verdict::applied);
  CHECK(t.take().empty());
  CHECK(t.s.digest() != before);
  CHECK(data(t.s) == text(fields({{"n", 1.0}})));
  CHECK(*decode(encode(t.s), t.s.rules()) == t.s);
}

TEST_CASE("a name makes its user known for good; one that was removed does not") {
  Told t;
  t.pass(at(0));
  t.fold(sets("john", "n", nullptr, at(0)));
  CHECK(t.take().empty());
  CHECK(t.s.size() == 0);
  CHECK(t.s.inspect("john"));
  t.fold(sets("john", "n", 0, at(1)));
  CHECK(rich(t.take()) ==
        rich({changed(at(0), std::nullopt, with_data(seen_offline("john", std::nullopt), fields({{"n", 0}})))}));
  CHECK(t.s.size() == 1);
  CHECK(t.s.online_count() == 0);
  t.pass(at(1e8));
  CHECK(data(t.s) == "{n: 0}");
  CHECK_FALSE(t.s.next_deadline());
  t.take();
  t.fold(sets("john", "n", nullptr, at(1e8)));
  CHECK(t.take().size() == 1);
  CHECK(t.s.size() == 0);
  t.pass(at(1e8 + 121));
  CHECK_FALSE(t.s.inspect("john"));  // the removed name is older than the window
}

TEST_CASE("data is seen of offline and invisible users, also if it is set then") {
  Told t(with_timeout(seconds(40)));
  t.pass(at(0));
  t.fold(connect("john", "phone", at(0)));
  t.fold(sets("john", "a", 1, at(1)));
  t.fold(hides("john", at(2)));
  t.take();
  t.fold(sets("john", "b", 2, at(3)));
  CHECK(data(t.s) == "{a: 1, b: 2}");
  CHECK(data(t.s, "john", self("john")) == "{a: 1, b: 2}");
  CHECK(t.take().size() == 1);
  t.pass(at(50));
  t.fold(sets("john", "a", nullptr, at(50)));
  CHECK(data(t.s) == "{b: 2}");
  t.fold(invisibly("mary", "tv", at(50)));
  CHECK(data(t.s, "mary") == "unknown");
  t.fold(sets("mary", "a", 1, at(51)));
  CHECK(data(t.s, "mary") == "{a: 1}");
  CHECK_FALSE(t.s.online("mary"));
}

TEST_CASE("setting data is no activity and no evidence") {
  const Snapshot s =
      reduce(folded(with_timeout(seconds(40)), {connect("john", "phone", at(0))}), sets("john", "a", 1, at(39)));
  CHECK(last_active(s, "john") == at(0));
  CHECK(s.next_deadline() == at(40));
}

TEST_CASE("of two values with one timestamp the greater JSON wins, and a removal loses") {
  struct {
    Value one, other;
    const char* wins;
  } const pairs[] = {{9, 10, "{n: 9}"},
                     {"a", "b", "{n: \"b\"}"},
                     {"a", "aa", "{n: \"aa\"}"},  // the quote is before a letter
                     {"1", 1, "{n: 1}"},
                     {true, false, "{n: true}"},
                     {-1, 1, "{n: 1}"},
                     {"", nullptr, "{n: \"\"}"},
                     {Value::array({1}), Value::array({2}), "{n: [2]}"},
                     {Value::array({2}), Value::array({10, 3}), "{n: [2]}"},
                     {Value::object(fields({{"a", 1}})), Value::array({1}), "{n: {\"a\":1}}"},
                     {"\n", "\x1f", "{n: \"\\u001f\"}"}};
  for (const auto& pair : pairs) {
    CAPTURE(pair.wins);
    const std::vector<PresenceEvent> events = {sets("john", "n", pair.one, at(1)), sets("john", "n", pair.other, at(1)),
                                               sets("john", "m", pair.other, at(1)),
                                               sets("john", "m", pair.one, at(1))};
    CHECK(digests_of_all_orders(Rules(), events, at(0), at(5)).size() == 1);
    CHECK(data(folded({events[0], events[1]})) == pair.wins);
    CHECK(data(folded({events[1], events[0]})) == pair.wins);
  }
}

TEST_CASE("a report with data replaces all data that is dated before it") {
  Told t;
  t.pass(at(0));
  t.fold(sets("john", "old", 1, at(1)));
  t.fold(sets("john", "both", 1, at(1)));
  t.fold(sets("john", "new", 1, at(3)));
  t.take();
  t.fold(having(report("john", false, at(2)), fields({{"both", 2}, {"null", nullptr}})));
  CHECK(data(t.s) == "{both: 2, new: 1}");
  CHECK(t.take().size() == 1);
  CHECK(t.fold(sets("john", "old", 3, at(1.5))) == Verdict::unchanged);
  CHECK(t.fold(sets("john", "old", 3, at(2))) == Verdict::applied);  // at the same timestamp
  CHECK(data(t.s) == "{both: 2, new: 1, old: 3}");
  t.fold(report("john", true, at(4)));  // says nothing of data
  CHECK(data(t.s) == "{both: 2, new: 1, old: 3}");
  t.fold(having(report("john", true, at(5)), Attributes()));
  CHECK(data(t.s) == "{}");
}

TEST_CASE("full reports and single names in all orders") {
  const std::vector<PresenceEvent> events = {having(report("john", true, at(2)), fields({{"a", 1}, {"b", 1}})),
                                             having(report("john", false, at(3)), fields({{"b", 2}})),
                                             sets("john", "a", 9, at(3)), sets("john", "b", nullptr, at(3)),
                                             sets("john", "c", 3, at(2.5))};
  for (const double end : {4.0, 122.0, 123.0, 124.0, 1000.0})
    CHECK(digests_of_all_orders(Rules(), events, at(0), at(end)).size() == 1);
  CHECK(data(folded(events)) == "{a: 9, b: 2}");
}

TEST_CASE("a removal removes what is dated up to it, in any order") {
  const std::vector<PresenceEvent> events = {
      sets("john", "a", 1, at(1)), sets("john", "b", 1, at(2)), sets("john", "c", 1, at(2) + tick),
      having(report("john", true, at(1.5)), fields({{"d", 1}})), removes("john", at(2))};
  CHECK(digests_of_all_orders(Rules(), events, at(0), at(5)).size() == 1);
  CHECK(digests_of_all_orders(Rules(), events, at(0), at(2000)).size() == 1);
  CHECK(data(folded(events)) == "{c: 1}");
}

TEST_CASE("merged data has the winner of each name") {
  const Snapshot base = reduce(Snapshot(), at(0));
  const Snapshot a = reduce(reduce(base, sets("john", "x", 1, at(1))), sets("john", "y", 2, at(2)));
  const Snapshot b = reduce(reduce(base, sets("john", "x", 2, at(1))), sets("john", "y", nullptr, at(3)));
  CHECK(data(merge(a, b)) == "{x: 2}");
  CHECK(merge(a, b) == merge(b, a));
  CHECK(merge(merge(a, b), b) == merge(a, b));
}

TEST_CASE("names that data cannot have are invalid") {
  const Snapshot s = folded({sets("john", "a", 1, at(0))});
  CHECK(is_reserved_name("id"));
  CHECK_FALSE(is_reserved_name("ID"));
  for (const char* const name : {"", "id", "availability"}) {
    check_refused(s, sets("john", name, 1, at(1)), Verdict::invalid);
    check_refused(s, sets("john", name, nullptr, at(1)), Verdict::invalid);
  }
  for (const char* const name : reserved) {
    CHECK(is_reserved_name(name));
    CHECK(apply_verdict(s, sets("john", name, 1, at(1))) == Verdict::invalid);
    CHECK(apply_verdict(s, having(report("john", true, at(1)), fields({{"a", 1}, {name, 1}}))) == Verdict::invalid);
    CHECK(apply_verdict(s, sets("john", std::string(name) + "s", 1, at(1))) == Verdict::applied);
  }
  check_refused(s, having(report("john", true, at(1)), fields({{"", 1}})), Verdict::invalid);
  check_refused(s, having(report("john", true, at(1)), fields({{"id", nullptr}})), Verdict::invalid);
  check_refused(s, sets("", "a", 1, at(1)), Verdict::invalid);
  CHECK(data(reduce(s, sets("john", std::string("a\0b", 3), 1, at(1)))) == text([] {
          Attributes all = fields({{"a", 1}});
          all[std::string_view("a\0b", 3)] = 1;
          return all;
        }()));
}

TEST_CASE("values that are no JSON are invalid") {
  const Snapshot s = folded({sets("john", "a", 1, at(0))});
  std::vector<Value> none = {UINT64_MAX, nested(65), Value::array({nested(64)})};
  for (const double number : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                              -std::numeric_limits<double>::infinity()}) {
    none.insert(none.end(), {Value(number), Value::array({number}), Value::object(fields({{"x", number}}))});
  }
  for (const Value& value : none) {
    check_refused(s, sets("john", "a", value, at(1)), Verdict::invalid);
    check_refused(s, having(report("john", true, at(1)), fields({{"a", value}})), Verdict::invalid);
  }
  for (const Value& value : {nested(64), Value::array({nested(63)}), Value(-0.0), Value("\xff"), Value(at(0))}) {
    const Snapshot set = reduce(s, sets("john", "a", value, at(1)));
    CHECK(set != s);
    CHECK(*decode(encode(set), set.rules()) == set);
  }
  CHECK(data(reduce(s, sets("john", "a", at(0), at(1)))) == "{a: \"" + to_string(at(0)) + "\"}");
}

TEST_CASE("at most max_data_names names are kept, and removed names count for a while") {
  Rules rules;
  rules.max_data_names = 3;
  Snapshot s = reduce(Snapshot(rules), at(0));
  for (const char* const name : {"a", "b", "c"}) s = reduce(std::move(s), sets("john", name, 1, at(0)));
  check_refused(s, sets("john", "d", 1, at(1)), Verdict::over_limit);
  check_refused(s, sets("john", "d", nullptr, at(1)), Verdict::over_limit);
  CHECK(data(reduce(s, sets("john", "b", 2, at(1)))) == "{a: 1, b: 2, c: 1}");
  CHECK(data(reduce(s, sets("mary", "d", 2, at(1))), "mary") == "{d: 2}");
  s = reduce(std::move(s), sets("john", "a", nullptr, at(1)));
  check_refused(s, sets("john", "d", 1, at(1)), Verdict::over_limit);
  s = reduce(std::move(s), at(1) + rules.reorder_window);
  check_refused(s, sets("john", "d", 1, at(100)), Verdict::over_limit);
  s = reduce(std::move(s), at(1) + rules.reorder_window + tick);
  CHECK(data(reduce(s, sets("john", "d", 1, at(100)))) == "{b: 1, c: 1, d: 1}");
  check_refused(s, having(report("john", true, at(100)), fields({{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}})),
                Verdict::over_limit);
  rules.max_data_names = 0;
  check_refused(reduce(Snapshot(rules), at(0)), sets("john", "d", 1, at(1)), Verdict::over_limit);
}

TEST_CASE("at most max_user_data_bytes of data are kept") {
  Rules rules;
  rules.max_user_data_bytes = 100;
  const auto sized = [](std::size_t bytes) { return Value(std::string(bytes - 2, 'x')); };
  Snapshot s = folded(rules, {sets("john", "a", sized(45), at(0))});  // with its name 50
  CHECK(apply_verdict(s, sets("john", "b", sized(45), at(1))) == Verdict::applied);
  check_refused(s, sets("john", "b", sized(46), at(1)), Verdict::over_limit);
  CHECK(apply_verdict(s, sets("john", "a", sized(95), at(1))) == Verdict::applied);
  check_refused(s, sets("john", "a", sized(96), at(1)), Verdict::over_limit);
  check_refused(s, sets("mary", "a", sized(96), at(1)), Verdict::over_limit);
  check_refused(s, sets("john", std::string(101, 'x'), nullptr, at(1)), Verdict::over_limit);
  CHECK(apply_verdict(s, having(report("mary", true, at(1)), fields({{"a", sized(45)}, {"b", sized(45)}}))) ==
        Verdict::applied);
  check_refused(s, having(report("mary", true, at(1)), fields({{"a", sized(45)}, {"b", sized(46)}})),
                Verdict::over_limit);
}

TEST_CASE("a report with 10,000 names is over_limit and changes nothing") {
  const Snapshot s = folded({sets("john", "a", 1, at(0))});
  Attributes many;
  for (int i = 0; i < 10000; ++i) many["n" + std::to_string(i)] = i;
  check_refused(s, having(report("john", true, at(1)), many), Verdict::over_limit);
  check_refused(s, having(report("mary", true, at(1)), many), Verdict::over_limit);
}

TEST_CASE("a merge that exceeds the limits drops the oldest names") {
  Rules rules;
  rules.max_data_names = 3;
  Snapshot a = reduce(Snapshot(rules), at(0)), b = a;
  for (int i = 0; i < 3; ++i) {
    a = reduce(std::move(a), sets("john", "a" + std::to_string(i), i, at(i * 2)));
    b = reduce(std::move(b), sets("john", "b" + std::to_string(i), i, at(i * 2 + 1)));
  }
  CHECK(data(merge(a, b)) == "{a2: 2, b1: 1, b2: 2}");
  CHECK(merge(a, b) == merge(b, a));
  CHECK(*decode(encode(merge(a, b)), rules) == merge(a, b));
}

TEST_CASE("an event may borrow the data that it replaces, its name, and its value") {
  for (const bool is_shared : {true, false}) {
    for (int way = 0; way < 12; ++way) {
      CAPTURE(way);
      Rules rules;
      if (way % 2 == 0) rules.forget_after = seconds(1000);
      Snapshot s =
          folded(rules, {sets("john", "a name that is too long to be inside", "a text that is too long", at(0)),
                         sets("john", "n", Value::array({1, "another text that is too long"}), at(0)),
                         sets("mary", "m", "short", at(0)), connect("john", "phone", at(0))});
      s = *decode(encode(reduce(std::move(s), at(1))), rules);
      Snapshot kept;
      if (is_shared) kept = s;
      const UserView john = *s.view("john"), mary = *s.view("mary");
      std::vector<PresenceEventView> events(3);
      for (PresenceEventView& event : events) {
        event.type = EventType::set_data;
        event.user = john.id;
        event.at = at(1);
      }
      events[0].name = john.data[0].name;
      events[0].value = john.data[1].value;
      events[1].name = john.data[1].name;
      events[1].value = nullptr;
      events[2].user = mary.id;
      events[2].name = john.data[0].name;
      events[2].value = john.data[0].value;
      events.push_back(PresenceEventView::report(mary.id, true, at(1)));
      events.back().data = john.data;
      events.push_back(PresenceEventView::report(john, at(1)));
      if (way / 2 % 2 == 1) std::swap(events[0], events[4]);
      if (way / 2 % 3 == 1) std::swap(events[2], events[3]);
      const std::vector<PresenceEvent> copies(events.begin(), events.end());
      Snapshot expected = *decode(encode(s), rules);
      if (way < 6) {
        CHECK(apply(expected, copies.begin(), copies.end()).refused() == 0);
        apply(s, events.begin(), events.end());
      } else {
        Store store(s);
        s = Snapshot();
        Store other(expected);
        expected = Snapshot();
        other.dispatch(copies.begin(), copies.end(), at(2));
        store.dispatch(events.begin(), events.end(), at(2));
        expected = other.snapshot();
        s = store.snapshot();
      }
      CHECK(s == expected);
    }
  }
}
