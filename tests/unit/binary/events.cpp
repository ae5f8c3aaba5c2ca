// SPDX-License-Identifier: MIT
#include <presence/binary/events.hpp>
#include <presence/model/detail/canonical_json.hpp>
#include <presence/state/detail/judge.hpp>

#include "../rich.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace support;

namespace {

using Events = std::vector<PresenceEvent>;

std::string encoded(const Events& events) { return encode_events(events.begin(), events.end()); }

Events decoded(std::string_view batch) {
  Events events;
  const Result<Tally> tally = decode_events(
      batch, [&events](const PresenceEventView& event) { events.push_back(static_cast<PresenceEvent>(event)); });
  REQUIRE(tally.has_value());
  CHECK(tally->total() == events.size());
  return events;
}

/// Also the bits of numbers, whose kinds are not compared by ==.
bool are_identical(const ValueView& a, const ValueView& b) {
  if (a.kind() != b.kind()) return false;
  if (a.kind() == ValueKind::real) return detail::bits_of(a.real()) == detail::bits_of(b.real());
  if (a.kind() == ValueKind::array) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (i >= b.size() || !are_identical(a[i], b[i])) return false;
    }
    return a.size() == b.size();
  }
  if (a.kind() == ValueKind::object) {
    for (std::size_t i = 0; i < a.members().size(); ++i) {
      if (i >= b.members().size() || a.members()[i].name() != b.members()[i].name() ||
          !are_identical(a.members()[i].value().view(), b.members()[i].value().view()))
        return false;
    }
    return a.members().size() == b.members().size();
  }
  return detail::same_values(a, b);
}
bool are_identical(const std::optional<Attributes>& a, const std::optional<Attributes>& b) {
  if (!a || !b) return !a && !b;
  if (a->size() != b->size()) return false;
  for (auto i = a->begin(), j = b->begin(); i != a->end(); ++i, ++j) {
    if (i->name != j->name || !are_identical(i->value.view(), j->value.view())) return false;
  }
  return true;
}
bool are_identical(const Events& a, const Events& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] || !are_identical(a[i].value.view(), b[i].value.view()) ||
        !are_identical(a[i].activity, b[i].activity) || !are_identical(a[i].data, b[i].data))
      return false;
  }
  return true;
}
void check_round_trip(const Events& events) {
  const std::string batch = encoded(events);
  const Events read = decoded(batch);
  CHECK(are_identical(read, events));
  CHECK(encoded(read) == batch);
}
/// The event alone, and among others that could lend it their fields.
void check_round_trip(const PresenceEvent& event) {
  check_round_trip(Events{event});
  PresenceEvent full = update("john", "phone", at(1));
  full.invisible = true;
  full.status = "full";
  full.online = true;
  full.last_active = full.until = at(9);
  full.availability = Availability::busy;
  full.priority = std::int8_t{3};
  full.activity = full.data = fields({{"full", 1}});
  full.name = "full";
  full.value = "full";
  check_round_trip(Events{full, event, event, full, event});
}

constexpr EventType all_types[] = {EventType::connect,    EventType::disconnect,       EventType::heartbeat,
                                   EventType::set_status, EventType::report,           EventType::active,
                                   EventType::update,     EventType::set_availability, EventType::set_data,
                                   EventType::set_visible, EventType::remove};

Value nested(unsigned levels) {
  Value value = 1;
  for (unsigned i = 0; i < levels; ++i)
    value = i % 2 == 0 ? Value::array({value}) : Value::object(fields({{"in", value}}));
  return value;
}

}  // namespace

TEST_CASE("a batch without events is a batch") {
  const std::string batch = encoded({});
  CHECK(batch.size() == 18);
  CHECK(decoded(batch).empty());
}

TEST_CASE("each function that makes an event makes one that is read as it was") {
  User user;
  user.id = "john";
  user.online = true;
  user.status = "hi";
  user.last_active = at(3);
  user.availability = Availability::away;
  user.activity = fields({{"map", "harbour"}});
  user.data = fields({{"name", "John"}});
  check_round_trip(Events{connect("john", "phone", at(0)), disconnect("john", "phone", at(1)),
                          heartbeat("mary", "tv", at(2)), says("john", "hi", at(3)), report("john", true, at(4)),
                          report("john", false, at(4)), PresenceEvent::report(user, at(5)), acts("john", "a", at(6)),
                          update("john", "a", at(7)), chooses("john", Availability::busy, at(8)),
                          chooses("john", std::nullopt, at(9)), sets("john", "name", "John", at(10)),
                          sets("john", "name", nullptr, at(11)), hides("john", at(12)), shows("john", at(13)),
                          removes("john", at(14))});
}

TEST_CASE("every field of an event of every type is read as it was, also those that its type does not use") {
  for (const EventType type : all_types) {
    PresenceEvent base;
    base.type = type;
    base.user = "john";
    base.at = at(5);
    check_round_trip(base);
    PresenceEvent event = base;
    event.session = "phone";
    check_round_trip(event);
    for (const bool truth : {false, true}) {
      event = base;
      event.invisible = truth;
      check_round_trip(event);
      event.online = truth;
      check_round_trip(event);
    }
    for (const char* const text : {"", "Eating a veggie burger..."}) {
      event = base;
      event.status = text;
      check_round_trip(event);
      event.name = text;
      check_round_trip(event);
      event.value = text;
      check_round_trip(event);
    }
    for (const double second : {-1e9, 0.0, 4.9999, 5.0, 5.000000001, 6.0}) {
      event = base;
      event.until = at(second);
      check_round_trip(event);
      event.last_active = at(second);
      check_round_trip(event);
      event.until.reset();
      check_round_trip(event);
    }
    for (const Availability how : {Availability::offline, Availability::idle, Availability::available}) {
      event = base;
      event.availability = how;
      check_round_trip(event);
      for (const int priority : {-128, -1, 0, 127}) {
        event.priority = static_cast<std::int8_t>(priority);
        check_round_trip(event);
      }
      event.availability.reset();
      check_round_trip(event);
    }
    for (const Attributes& some : {Attributes(), fields({{"a", 1}}), fields({{"", nullptr}, {"b", "x"}, {"c", true}})}) {
      event = base;
      event.activity = some;
      check_round_trip(event);
      event.data = some;
      check_round_trip(event);
      event.activity.reset();
      check_round_trip(event);
    }
  }
}

TEST_CASE("values of every kind are read as they were") {
  const Value values[] = {
      nullptr,
      false,
      true,
      0,
      -1,
      63,
      64,
      INT64_MAX,
      INT64_MIN,
      0.0,
      -0.0,
      1.0,
      0.1,
      std::numeric_limits<double>::infinity(),
      -std::numeric_limits<double>::infinity(),
      std::numeric_limits<double>::denorm_min(),
      "",
      "x",
      std::string(300, 'y'),
      std::string("\0\xFF", 2),
      at(7),
      Timestamp::lowest(),
      Timestamp::highest(),
      Value(UINT64_MAX),
      Value::array({}),
      Value::array({nullptr, 1, 1.5, "x", at(1), true, Value::object({})}),
      Value::object({}),
      Value::object(fields({{"", 1}, {"a", Value::array({1})}, {"b", Value::object(fields({{"c", at(2)}}))}})),
      nested(63),
      nested(64),
      nested(65),  // invalid
  };
  for (const Value& value : values) {
    check_round_trip(sets("john", "name", value, at(1)));
    check_round_trip(doing(update("john", "a", at(1)), fields({{"x", value}, {"y", value}})));
    check_round_trip(having(report("john", true, at(1)), fields({{"x", value}, {"y", 1}})));
  }
}

TEST_CASE("NaN is read as NaN, with the same bytes whatever its sign and payload were") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string batch = encoded({sets("john", "name", nan, at(1))});
  CHECK(encoded({sets("john", "name", -nan, at(1))}) == batch);
  CHECK(encoded({sets("john", "name", std::nan("7"), at(1))}) == batch);
  const Events read = decoded(batch);
  REQUIRE(read.size() == 1);
  REQUIRE(read[0].value.kind() == ValueKind::real);
  CHECK(read[0].value.view().real() != read[0].value.view().real());
}

TEST_CASE("a view's value that no Value holds is read as an invalid one") {
  const std::uint64_t much[] = {1, UINT64_MAX};
  const std::vector<std::uint64_t> with_much(much, much + 2);
  const std::vector<Value> with_array = {1, Value::array({2})}, deep = {nested(63), nested(64)};
  const std::optional<int> nothing;
  const std::vector<std::optional<int>> with_nothing = {1, nothing};
  for (const ValueView& value : {ValueView(), ValueView(nothing), ValueView(with_much), ValueView(with_array),
                                 ValueView(deep), ValueView(with_nothing)}) {
    PresenceEventView event = PresenceEventView::remove("john", at(1));
    event.type = EventType::set_data;
    event.name = "name";
    event.value = value;
    CHECK(detail::judge_form(event, Rules()) == Verdict::invalid);
    const Result<Tally> tally =
        decode_events(encode_events(&event, &event + 1), [](const PresenceEventView& read) {
          CHECK(read.value.kind() == ValueKind::invalid);
          return detail::judge_form(read, Rules());
        });
    REQUIRE(tally.has_value());
    CHECK(tally->invalid == 1);
  }
}

TEST_CASE("invalid events are read as they were, and leave the events after them as they were") {
  const std::string long_id(1000, 'i'), longer_id(300, 'i');
  PresenceEvent unknown_type = connect("john", "phone", at(1)), unknown_availability = update("john", "phone", at(1));
  unknown_availability.availability = static_cast<Availability>(200);
  PresenceEvent status_of_session = says("john", "hi", at(1));
  status_of_session.session = "phone";
  Events events = {connect("", "phone", at(1)),
                   connect("john", "", at(1)),
                   connect("", "", Timestamp()),
                   heartbeat("john", "phone", Timestamp::lowest()),
                   heartbeat("john", "phone", Timestamp::highest()),
                   until(says("john", "hi", Timestamp::highest()), Timestamp::lowest()),
                   connect(long_id, longer_id, at(1)),
                   connect(long_id, long_id, at(1)),
                   connect(longer_id, longer_id, at(1)),
                   connect(long_id + "x", long_id + "x", at(1)),
                   says("john", std::string(100000, 's'), at(1)),
                   status_of_session,
                   unknown_availability};
  for (const int type : {11, 12, 13, 14, 15, 16, 255}) {
    unknown_type.type = static_cast<EventType>(type);
    events.push_back(unknown_type);
    unknown_type.session = type % 2 == 0 ? "" : "phone";
    events.push_back(unknown_type);
  }
  for (const PresenceEvent& event : events) check_round_trip(event);
  check_round_trip(events);
}

TEST_CASE("timestamps are read as they were, in any order") {
  std::vector<Timestamp> dates = {at(0),  at(0),    at(1),     at(0.5),       at(-100),           at(1e-9),
                                  at(1e9), at(-1e9), Timestamp(), Timestamp() - tick, Timestamp() + tick};
  for (const std::int64_t ns : {INT64_MIN, INT64_MIN + 1, INT64_MIN + 224191, INT64_MIN + 224192, INT64_MAX,
                                INT64_MAX - 1, INT64_MAX - 775807, INT64_MAX - 775808, std::int64_t{999999},
                                std::int64_t{1000000}, std::int64_t{-999999}, std::int64_t{-1000000}})
    dates.push_back(Timestamp::from_ns(ns));
  for (const Timestamp first : dates) {
    for (const Timestamp second : dates) {
      PresenceEvent event = active(until(heartbeat("john", "phone", first), second), second);
      check_round_trip(Events{event, heartbeat("john", "phone", second), event});
    }
  }
}

TEST_CASE("ids are read as they were, whatever they share with the previous ones") {
  const std::string many(254, 'a');
  const std::vector<std::string> ids = {"",       "a",        "aaaaaa",   "aaaaaaa",  "aaaaaaab", "aaaaaaaa", "b",
                                        many,     many + "a", many + "b", many + "ab", many + "aa", many + "aac",
                                        many + many};
  Events events;
  for (const std::string& first : ids) {
    for (const std::string& second : ids) {
      events.push_back(connect(first, second, at(1)));
      events.push_back(says(second, "x", at(1)));
      events.push_back(connect(second, first, at(1)));
    }
  }
  check_round_trip(events);
}

TEST_CASE("events of blocks of many sizes are read as they were") {
  for (std::size_t size = 16384 - 60; size < 16384 + 20; ++size) {
    check_round_trip(Events{says("john", std::string(size, 's'), at(1)), heartbeat("john", "phone", at(1)),
                            says("john", std::string(20000, 's'), at(1)), heartbeat("john", "phone", at(1))});
  }
  Events events;
  for (std::size_t i = 0; i < 5000; ++i)
    events.push_back(heartbeat(user_id(i), "phone", at(static_cast<double>(i) / 10)));
  check_round_trip(events);
}

TEST_CASE("the same events have the same bytes, as events and as views, from any range") {
  const Events events = {connect("john", "phone", at(1)),
                         doing(being(update("john", "phone", at(2)), Availability::busy, 2), "chess"),
                         sets("john", "home", Value::object(fields({{"city", "Kyoto"}})), at(3))};
  const std::string batch = encoded(events);
  const std::vector<PresenceEventView> views(events.begin(), events.end());
  CHECK(encode_events(views.begin(), views.end()) == batch);
  CHECK(encode_events(views.data(), views.data() + views.size()) == batch);

  // Each event is a temporary that is gone before the next one.
  class Made {
   public:
    Made(const Events& all, std::size_t i) : all_(&all), at_(i) {}
    PresenceEvent operator*() const { return (*all_)[at_]; }
    Made& operator++() {
      ++at_;
      return *this;
    }
    bool operator!=(const Made& other) const { return at_ != other.at_; }

   private:
    const Events* all_;
    std::size_t at_;
  };
  CHECK(encode_events(Made(events, 0), Made(events, events.size())) == batch);
}

TEST_CASE("attributes have the same bytes as an object with the same members") {
  Attributes activity = fields({{"b", 1}, {"a", "x"}});
  PresenceEvent owner = doing(update("john", "phone", at(1)), activity);
  const Value object = Value::object(activity);
  PresenceEventView view = PresenceEventView::update("john", "phone", at(1));
  view.activity = AttributesView(object.members());
  CHECK(encode_events(&view, &view + 1) == encoded({owner}));
}

TEST_CASE("verdicts are counted, and each is passed on with the index of its event") {
  Events events = {connect("john", "phone", at(0)), connect("john", "phone", at(0)), connect("", "phone", at(0)),
                   connect("john", "phone", at(-1000)), connect("john", "phone", at(1000)),
                   says("john", std::string(5000, 'x'), at(1)), says("john", "x", at(1))};
  const std::string batch = encoded(events);
  Snapshot s = reduce(Snapshot(), at(0));
  const auto on_event = [&s](const PresenceEventView& event) { return apply(s, event); };
  std::string told;
  const auto on_verdict = [&told](std::size_t index, Verdict verdict) {
    told += std::to_string(index) + " " + std::string(to_string(verdict)) + ", ";
  };
  Tally tally;
  tally.applied = 2;
  tally.unchanged = tally.too_late = tally.too_early = tally.invalid = tally.over_limit = 1;
  CHECK(decode_events(batch, on_event, on_verdict).value_or(Tally()) == tally);
  CHECK(told == "0 applied, 1 unchanged, 2 invalid, 3 too_late, 4 too_early, 5 over_limit, 6 applied, ");

  // The same from `apply` for the events themselves, and for a Store.
  Snapshot other = reduce(Snapshot(), at(0));
  CHECK(apply(other, events.begin(), events.end()) == tally);
  CHECK(other == s);
  Store store(reduce(Snapshot(), at(0)));
  const auto dispatch = [&store](const PresenceEventView& event) { return store.dispatch(event, at(0)); };
  CHECK(decode_events(batch, dispatch).value_or(Tally()) == tally);
  CHECK(store.snapshot() == s);
}

TEST_CASE("a callback may accept the index, and may have no verdict: then events count as applied") {
  const std::string batch = encoded({connect("john", "phone", at(0)), connect("", "", at(1))});
  std::vector<std::size_t> indices;
  Tally tally;
  tally.applied = 2;
  const auto with_index = [&indices](std::size_t index, const PresenceEventView&) { indices.push_back(index); };
  CHECK(decode_events(batch, with_index).value_or(Tally()) == tally);
  CHECK(indices == std::vector<std::size_t>{0, 1});
  CHECK(decode_events(batch, [&indices](const PresenceEventView&) { return indices.size(); }).value_or(Tally()) == tally);
  struct Counter {
    std::size_t events = 0;
    Verdict operator()(PresenceEventView event) {
      ++events;
      return event.user.empty() ? Verdict::invalid : Verdict::unchanged;
    }
  } counter;
  const Result<Tally> counted = decode_events(batch, counter);
  CHECK(counter.events == 2);
  CHECK((counted->invalid == 1 && counted->unchanged == 1));
}

TEST_CASE("a callback may decode the same bytes again") {
  const std::string batch = encoded({sets("john", "n", Value::array({1, 2}), at(0)), says("john", "x", at(1))});
  std::size_t inner = 0;
  const auto count = [&inner](const PresenceEventView&) { ++inner; };
  CHECK(decode_events(batch, [&](const PresenceEventView&) { return decode_events(batch, count); })->total() == 2);
  CHECK(inner == 4);
}

TEST_CASE("a batch that is applied again, and in any order with another, leads to the same snapshot") {
  const Events first = {connect("john", "phone", at(0)), says("john", "x", at(1)), disconnect("john", "phone", at(9))},
               second = {heartbeat("john", "phone", at(5)), report("mary", true, at(6))};
  const auto after = [](std::initializer_list<const Events*> batches) {
    Snapshot s = reduce(Snapshot(), at(10));
    for (const Events* batch : batches)
      CHECK(decode_events(encoded(*batch), [&s](const PresenceEventView& event) { return apply(s, event); })->refused() ==
            0);
    return s;
  };
  const Snapshot expected = after({&first, &second});
  CHECK(after({&second, &first}) == expected);
  CHECK(after({&first, &second, &first, &second}) == expected);
}
