// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <presence/model.hpp>

#include <string_view>

using namespace presence;

static_assert(to_string(Verdict::applied) == std::string_view("applied"), "at compile time too");

TEST_CASE("each verdict has the name of its enumerator") {
  CHECK(to_string(Verdict::applied) == "applied");
  CHECK(to_string(Verdict::unchanged) == "unchanged");
  CHECK(to_string(Verdict::too_late) == "too_late");
  CHECK(to_string(Verdict::too_early) == "too_early");
  CHECK(to_string(Verdict::invalid) == "invalid");
  CHECK(to_string(Verdict::over_limit) == "over_limit");
}

TEST_CASE("each event type has its name on the wire") {
  CHECK(to_string(EventType::connect) == "connect");
  CHECK(to_string(EventType::disconnect) == "disconnect");
  CHECK(to_string(EventType::heartbeat) == "heartbeat");
  CHECK(to_string(EventType::set_status) == "status");
  CHECK(to_string(EventType::report) == "report");
  CHECK(to_string(EventType::active) == "active");
  CHECK(to_string(EventType::update) == "update");
  CHECK(to_string(EventType::set_availability) == "availability");
  CHECK(to_string(EventType::set_visible) == "visible");
  CHECK(to_string(EventType::remove) == "remove");
}

TEST_CASE("each availability and each SessionFold has the name of its enumerator") {
  CHECK(to_string(Availability::offline) == "offline");
  CHECK(to_string(Availability::idle) == "idle");
  CHECK(to_string(Availability::away) == "away");
  CHECK(to_string(Availability::busy) == "busy");
  CHECK(to_string(Availability::available) == "available");
  CHECK(to_string(SessionFold::by_rank) == "by_rank");
  CHECK(to_string(SessionFold::by_priority) == "by_priority");
  CHECK(to_string(SessionFold::latest) == "latest");
}

TEST_CASE("each kind of value, operator and sort order has the name of its enumerator") {
  CHECK(to_string(ValueKind::absent) == "absent");
  CHECK(to_string(ValueKind::null) == "null");
  CHECK(to_string(ValueKind::boolean) == "boolean");
  CHECK(to_string(ValueKind::integer) == "integer");
  CHECK(to_string(ValueKind::real) == "real");
  CHECK(to_string(ValueKind::string) == "string");
  CHECK(to_string(ValueKind::timestamp) == "timestamp");
  CHECK(to_string(ValueKind::array) == "array");
  CHECK(to_string(ValueKind::object) == "object");
  CHECK(to_string(ValueKind::invalid) == "invalid");
  CHECK(to_string(Operator::everything) == "everything");
  CHECK(to_string(Operator::eq) == "eq");
  CHECK(to_string(Operator::ne) == "ne");
  CHECK(to_string(Operator::gt) == "gt");
  CHECK(to_string(Operator::gte) == "gte");
  CHECK(to_string(Operator::lt) == "lt");
  CHECK(to_string(Operator::lte) == "lte");
  CHECK(to_string(Operator::in) == "in");
  CHECK(to_string(Operator::nin) == "nin");
  CHECK(to_string(Operator::contains) == "contains");
  CHECK(to_string(Operator::exists) == "exists");
  CHECK(to_string(Operator::autocomplete) == "autocomplete");
  CHECK(to_string(Operator::all_of) == "all_of");
  CHECK(to_string(Operator::any_of) == "any_of");
  CHECK(to_string(Operator::none_of) == "none_of");
  CHECK(to_string(Operator::invalid) == "invalid");
  CHECK(to_string(Order::ascending) == "ascending");
  CHECK(to_string(Order::descending) == "descending");
}

TEST_CASE("a number that is no enumerator has the name \"?\"") {
  CHECK(to_string(static_cast<Verdict>(200)) == "?");
  CHECK(to_string(static_cast<EventType>(200)) == "?");
  CHECK(to_string(static_cast<Availability>(5)) == "?");
  CHECK(to_string(static_cast<SessionFold>(3)) == "?");
  CHECK(to_string(static_cast<ValueKind>(200)) == "?");
  CHECK(to_string(static_cast<Operator>(200)) == "?");
  CHECK(to_string(static_cast<Order>(200)) == "?");
}
