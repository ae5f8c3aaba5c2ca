// SPDX-License-Identifier: MIT

// The runs of a session: what is kept of those before the last one.

#include "../rich.hpp"

#include <vector>

using namespace support;

namespace {

/// A session times out after 10 s. Events may be late by so many seconds, and are no activity.
Rules rules_of(double window) {
  Rules rules = with_timeout(seconds(10));
  rules.reorder_window = seconds(window);
  rules.heartbeat_is_activity = false;
  return rules;
}
Snapshot folded_at(Timestamp now, const Rules& rules, const std::vector<PresenceEvent>& events) {
  Snapshot s = reduce(Snapshot(rules), now);
  for (const PresenceEvent& event : events) s = reduce(std::move(s), event);
  return s;
}
/// Since when john's session is online after late heartbeats every 10 s, from one timestamp up to another.
Timestamp online_since(Snapshot s, double from, double to) {
  for (double t = to - 10; t >= from; t -= 10) s = reduce(std::move(s), heartbeat("john", "phone", at(t)));
  return s.inspect("john").value().sessions.at(0).online_since.value();
}

}  // namespace

TEST_CASE("of more runs than max_recent_per_user and the last one, the earliest are dropped") {
  Rules rules = rules_of(1000);
  rules.max_recent_per_user = 2;
  std::vector<PresenceEvent> events;
  for (const double t : {0, 100, 200, 300}) events.push_back(heartbeat("john", "phone", at(t)));
  const Snapshot s = folded_at(at(300), rules, events);
  CHECK(online_since(s, 290, 300) == at(290));
  CHECK(online_since(s, 220, 300) == at(220));
  // A heartbeat at the end of a run joins it.
  CHECK(online_since(s, 210, 300) == at(200));
  CHECK(online_since(s, 110, 300) == at(100));
  CHECK(online_since(s, 10, 300) == at(10));  // the run of 0 was dropped
}

TEST_CASE("snapshots that differ in an earlier run of a session are different") {
  const Rules rules = rules_of(1000);
  const PresenceEvent first = heartbeat("john", "phone", at(0)), second = heartbeat("john", "phone", at(5)),
                      last = heartbeat("john", "phone", at(300));
  const Snapshot none = folded_at(at(300), rules, {last}), one = folded_at(at(300), rules, {first, last}),
                 longer = folded_at(at(300), rules, {first, second, last});
  CHECK(none != one);
  CHECK(none != longer);
  CHECK(one != longer);
  CHECK(none.digest() != one.digest());
  CHECK(none.digest() != longer.digest());
  CHECK(one.digest() != longer.digest());
}

TEST_CASE("what a session said in an earlier run is forgotten with that run") {
  const auto after = [](const PresenceEvent& first) {
    Snapshot s = folded_at(at(0), rules_of(1000), {first});
    s = reduce(reduce(std::move(s), at(300)), heartbeat("john", "phone", at(300)));
    s = reduce(reduce(std::move(s), at(1005)), heartbeat("john", "phone", at(1005)));
    return reduce(std::move(s), at(1010));
  };
  const PresenceEvent plain = heartbeat("john", "phone", at(0)),
                      said = being(update("john", "phone", at(0)), Availability::busy),
                      shown = doing(update("john", "phone", at(0)), "map");
  for (const PresenceEvent& event : {said, shown}) {
    CHECK(after(event) != after(plain));  // the run ends with the window
    CHECK(reduce(after(event), at(1010) + tick) == reduce(after(plain), at(1010) + tick));
    CHECK(reduce(after(event), at(1010) + tick).digest() == reduce(after(plain), at(1010) + tick).digest());
  }
}
