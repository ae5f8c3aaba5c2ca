// SPDX-License-Identifier: MIT

// StoreOptions::keep_order_of_frame with updates, activities, choices and data; and law 4 for them.

#include "../rich.hpp"
#include "../rooms.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace support;

namespace {

constexpr Availability busy = Availability::busy, away = Availability::away, available = Availability::available;
const Viewer ann{"ann"};

/// Dispatches the events at one time, and returns with how many nanoseconds they were moved: "0 1 2".
std::string moves(Store& store, const std::vector<PresenceEvent>& events, Timestamp now) {
  std::string line;
  for (const PresenceEvent& event : events) {
    const Dispatched done = store.dispatch(event, now);
    if (!accepted(done.verdict)) return "not accepted";
    line += (line.empty() ? "" : " ") + std::to_string((done.at - event.at).ns());
  }
  return line;
}

}  // namespace

TEST_CASE("updates of one frame take effect in call order") {
  Store store;
  const PresenceEvent event = update("john", "phone", at(1));
  CHECK(moves(store, {being(event, busy), being(event, away, 3), being(event, available)}, at(1)) == "0 1 2");
  CHECK(availability(store.snapshot(), "john") == available);
  CHECK(store.snapshot().inspect("john")->sessions.at(0).priority == 0);
  CHECK(moves(store, {being(event, available), event, heartbeat("john", "phone", at(1))}, at(1)) ==
        "0 0 0");  // as it is
  CHECK(moves(store, {being(event, available, 1)}, at(1)) == "3");
  CHECK(store.snapshot().inspect("john")->sessions.at(0).priority == 1);
  // Another session has an order of its own.
  CHECK(moves(store, {being(update("john", "tv", at(1)), away)}, at(1)) == "0");
}

TEST_CASE("an update behind a connect, and a connect behind an update, of one frame") {
  Store store;
  CHECK(moves(store, {being(connect("john", "phone", at(1)), busy), being(update("john", "phone", at(1)), away)},
              at(1)) == "0 1");
  CHECK(availability(store.snapshot(), "john") == away);
  CHECK(moves(store, {being(connect("john", "phone", at(1)), available)}, at(1)) == "2");
  CHECK(availability(store.snapshot(), "john") == available);
  CHECK(moves(store, {disconnect("john", "phone", at(1)), being(update("john", "phone", at(1)), busy)}, at(1)) ==
        "3 4");
  CHECK(availability(store.snapshot(), "john") == busy);
}

TEST_CASE("activities of one frame take effect in call order") {
  Store store;
  const PresenceEvent event = update("john", "phone", at(1));
  CHECK(moves(store, {doing(event, "b"), doing(event, "a"), doing(event, Attributes()), doing(event, "c")}, at(1)) ==
        "0 1 2 3");
  CHECK(activity(store.snapshot(), "john") == "c");
  CHECK(moves(store, {doing(event, "c")}, at(1)) == "0");
  CHECK(moves(store, {doing(event, fields({{"n", 1}})), doing(event, fields({{"n", 1.0}}))}, at(1)) == "4 5");
  CHECK(moves(store, {doing(being(event, busy), "x"), being(event, away), doing(event, "y")}, at(1)) == "6 7 7");
  CHECK(availability(store.snapshot(), "john") == away);
  CHECK(activity(store.snapshot(), "john") == "y");
}

TEST_CASE("choices of one frame take effect in call order") {
  Store store(with_timeout(seconds(1000)));
  store.dispatch(connect("john", "phone", at(0)));
  CHECK(moves(store,
              {chooses("john", busy, at(1)), chooses("john", available, at(1)), chooses("john", std::nullopt, at(1)),
               chooses("john", away, at(1)), until(chooses("john", away, at(1)), at(50)), chooses("john", away, at(1))},
              at(1)) == "0 1 2 3 4 5");
  CHECK(store.snapshot().inspect("john")->choice == away);
  CHECK_FALSE(store.snapshot().inspect("john")->choice_until);
  CHECK(moves(store, {chooses("john", away, at(1))}, at(1)) == "0");
}

TEST_CASE("data of one name and frame takes effect in call order") {
  Store store;
  CHECK(moves(store,
              {sets("john", "n", 2, at(1)), sets("john", "n", 1, at(1)), sets("john", "m", 1, at(1)),
               sets("john", "n", nullptr, at(1)), sets("john", "n", "x", at(1)), sets("john", "n", "x", at(1))},
              at(1)) == "0 1 0 2 3 0");
  CHECK(text(store.find("john")->data) == "{m: 1, n: \"x\"}");
  CHECK(moves(store, {sets("john", "other", nullptr, at(1)), sets("john", "other", nullptr, at(1))}, at(1)) == "0 0");
}

TEST_CASE("reports with one timestamp take effect in call order") {
  Store store;
  const PresenceEvent event = report("john", true, at(1));
  CHECK(moves(store,
              {having(being(event, busy), fields({{"n", 2}})), being(event, away), doing(event, "b"), doing(event, "a"),
               having(event, fields({{"n", 1}})), having(event, Attributes()), report("john", false, at(1))},
              at(1)) == "0 1 0 1 1 2 3");
  CHECK_FALSE(store.online("john"));
  CHECK(store.find("john")->data.empty());
  // A report is not moved behind one that is later, however close.
  Store other;
  CHECK(moves(other, {being(report("john", true, at(1) + tick), busy), being(event, away)}, at(1)) == "0 0");
  CHECK(availability(other.snapshot(), "john") == busy);
}

TEST_CASE("a single name behind a full report, and a full report behind a single name") {
  Store store;
  CHECK(moves(store,
              {having(report("john", true, at(1)), fields({{"n", 2}})), sets("john", "n", 1, at(1)),
               sets("john", "m", 1, at(1))},
              at(1)) == "0 1 1");
  CHECK(text(store.find("john")->data) == "{m: 1, n: 1}");
  Store other;
  CHECK(moves(other, {sets("john", "m", 1, at(1)), having(report("john", true, at(1)), fields({{"n", 2}}))}, at(1)) ==
        "0 1");
  CHECK(text(other.find("john")->data) == "{n: 2}");
}

TEST_CASE("the same event once more in its frame is not moved, also if it has timestamps and nulls") {
  const std::vector<Value> list{at(5), 1.5, nullptr};
  const Value when(at(5)), nested(list);
  for (const Value& value : {Value(1), when, nested, Value::object(fields({{"when", when}, {"none", nullptr}}))}) {
    Store store;
    PresenceEvent told = report("mary", true, at(1));
    told.data = fields({{"kept", value}, {"none", nullptr}});
    for (const PresenceEvent& event : {doing(connect("john", "phone", at(1)), fields({{"kept", value}})),
                                       PresenceEvent::set_data("john", "kept", value, at(1)), told})
      CHECK(moves(store, {event, event, event}, at(1)) == "0 0 0");
    PresenceEvent other = told;
    other.data = fields({{"kept", value}, {"more", nullptr}, {"none", "not null"}});
    CHECK(moves(store, {other, told, told}, at(1)) == "1 2 0");
  }
}

TEST_CASE("everything of the frame of a removal takes effect after it, and a removal after what was seen") {
  Store store;
  store.dispatch(connect("john", "phone", at(0)));
  CHECK(moves(store,
              {being(update("john", "phone", at(1)), busy), chooses("john", away, at(1)), sets("john", "n", 1, at(1)),
               removes("john", at(1))},
              at(1)) == "0 0 0 1");
  CHECK_FALSE(store.snapshot().inspect("john")->choice);
  CHECK_FALSE(store.find("john"));
  CHECK(moves(store,
              {sets("john", "n", 1, at(1)), chooses("john", away, at(1)), doing(update("john", "phone", at(1)), "x")},
              at(1)) == "2 2 2");
  CHECK(rich(store.find("john")).find("away {on: \"x\"} {n: 1}") != std::string::npos);
  // Also after one of them alone.
  CHECK(moves(store, {sets("kim", "n", 1, at(1)), removes("kim", at(1))}, at(1)) == "0 1");
  CHECK(moves(store, {chooses("pat", away, at(1)), removes("pat", at(1))}, at(1)) == "0 1");
  CHECK_FALSE(store.find("kim"));
  CHECK_FALSE(store.snapshot().inspect("pat")->choice);
}

TEST_CASE("an event that is a microsecond older is late, and is not moved") {
  Store store;
  const Duration us = Duration::from_ns(1000);
  store.dispatch(chooses("john", busy, at(1) + us), at(1) + us);
  store.dispatch(sets("john", "n", 1, at(1) + us), at(1) + us);
  store.dispatch(being(update("john", "phone", at(1) + us), busy), at(1) + us);
  CHECK(moves(store,
              {chooses("john", away, at(1)), sets("john", "n", 2, at(1)), being(update("john", "phone", at(1)), away)},
              at(2)) == "0 0 0");
  CHECK(moves(store,
              {chooses("john", away, at(1) + tick), sets("john", "n", 2, at(1) + tick),
               being(update("john", "phone", at(1) + tick), away)},
              at(2)) == "1000 1000 1000");
}

TEST_CASE("without keep_order_of_frame nothing is moved") {
  StoreOptions options;
  options.keep_order_of_frame = false;
  Store store(Rules(), options);
  const PresenceEvent event = update("john", "phone", at(1));
  CHECK(moves(store,
              {being(event, busy), being(event, available), chooses("john", busy, at(1)), chooses("john", away, at(1))},
              at(1)) == "0 0 0 0");
  CHECK(availability(store.snapshot(), "john") == busy);
}

TEST_CASE("what a hidden user does moves nothing that is seen") {
  const auto seen = [](const std::vector<PresenceEvent>& hidden_doings) {
    Store store;
    store.dispatch(connect("john", "phone", at(0)));
    store.dispatch(hides("john", at(1)));
    store.advance(at(2));
    std::string line;
    const Subscription subscription =
        store.on_change([&](const UserPresenceChanged& change) { line += rich(Changes{change}); });
    for (const PresenceEvent& event : hidden_doings) CHECK(accepted(store.dispatch(event, at(2))));
    for (const PresenceEvent& event :
         {says("john", "hi", at(2)), sets("john", "n", 1, at(2)), sets("john", "n", 2, at(2)),
          says("john", "ho", at(2)), removes("john", at(2)), sets("john", "n", 3, at(2))})
      line += " " + to_string(store.dispatch(event, at(2)).at);
    store.advance(at(1000));
    return line + encode_for(store.snapshot(), ann);
  };
  const std::string alone = seen({});
  CHECK(seen({chooses("john", busy, at(2)), chooses("john", away, at(2)), chooses("john", std::nullopt, at(2))}) ==
        alone);
  CHECK(seen({being(update("john", "phone", at(2)), busy), being(update("john", "phone", at(2)), away),
              doing(update("john", "phone", at(2)), "b"), doing(update("john", "phone", at(2)), "a")}) == alone);
  CHECK(seen({acts("john", "phone", at(2)), disconnect("john", "phone", at(2)), connect("john", "phone", at(2)),
              hides("john", at(2)), heartbeat("john", "tv", at(2))}) == alone);
}

TEST_CASE("an update of a hidden user with a status is applied as two, in any frame") {
  Store store;
  Snapshot there = reduce(Snapshot(), at(0));
  const auto dispatch = [&](const PresenceEvent& event, Timestamp now) {
    const Dispatched done = store.dispatch(event, now);
    done.each_applied(event, [&](const PresenceEventView& applied) { CHECK(accepted(apply(there, applied))); });
    return done;
  };
  dispatch(connect("john", "phone", at(0)), at(0));
  dispatch(hides("john", at(0)), at(0));
  dispatch(being(update("john", "phone", at(0)), busy), at(0));
  const Dispatched done = dispatch(saying(being(update("john", "phone", at(0)), away), "hi"), at(0));
  CHECK(done.status_at == at(0));
  CHECK(done.at > at(0));
  CHECK(there == store.snapshot());
  CHECK(availability(there, "john", self("john")) == away);
  CHECK(status(there, "john") == "hi");
}

TEST_CASE("another node that applies what was applied, in any order, has the same state") {
  Chance chance(11);
  for (int history = 0; history < 150; ++history) {
    const Rules rules = random_rich_rules(chance);
    Store store(rules);
    store.advance(at(0));
    Timestamp now = at(0);
    std::vector<PresenceEvent> applied;
    for (int i = 0; i < 20; ++i) {
      if (chance.below(3) == 0)
        now = now + (chance.below(2) == 0 ? Duration::from_ns(300) : seconds(static_cast<double>(chance.below(20))));
      PresenceEvent event =
          random_rich_event(chance, now + Duration::from_ns(static_cast<std::int64_t>(chance.below(3))), 2);
      const Dispatched done = store.dispatch(event, now);
      CHECK(accepted(done.verdict));
      done.each_applied(event, [&](const PresenceEventView& view) { applied.emplace_back(view); });
      // The latest call of the frame decides.
      const auto state = store.snapshot().inspect(event.user);
      const std::optional<Availability> none;
      if (event.type == EventType::set_availability) CHECK((state ? state->choice : none) == event.availability);
      if (event.type == EventType::set_data && event.value.kind() != ValueKind::null)
        CHECK(*state->user.data.find(event.name) == event.value);
      if (event.type == EventType::set_data && event.value.kind() == ValueKind::null)
        CHECK((!state || state->user.data.find(event.name) == nullptr));
    }
    for (int order = 0; order < 3; ++order) {
      for (std::size_t i = applied.size(); i > 1; --i) std::swap(applied[i - 1], applied[chance.below(i)]);
      Snapshot there(rules);
      for (const PresenceEvent& event : applied) there = reduce(std::move(there), event);
      there = reduce(std::move(there), now);
      CHECK(there.digest() == store.snapshot().digest());
    }
  }
}
