// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TESTS_UNIT_RICH_HPP
#define PRESENCE_TESTS_UNIT_RICH_HPP

// Events of rich presence, and users printed with all of it.

#include "telling.hpp"

#include <presence/model/detail/canonical_json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace support {

struct Field {
  const char* name;
  Value value;
};
inline Attributes fields(std::initializer_list<Field> all) {
  Attributes made;
  for (const Field& field : all) made[field.name] = field.value;
  return made;
}

inline PresenceEvent update(std::string user, std::string session, Timestamp when) {
  return PresenceEvent::update(std::move(user), std::move(session), when);
}
inline PresenceEvent acts(std::string user, std::string session, Timestamp when) {
  return PresenceEvent::active(std::move(user), std::move(session), when);
}
inline PresenceEvent chooses(std::string user, std::optional<Availability> choice, Timestamp when) {
  return PresenceEvent::set_availability(std::move(user), choice, when);
}
inline PresenceEvent sets(std::string user, std::string name, Value value, Timestamp when) {
  return PresenceEvent::set_data(std::move(user), std::move(name), std::move(value), when);
}
/// The event, saying how available its session is, with a priority unless it is 0.
inline PresenceEvent being(PresenceEvent event, Availability how, int priority = 0) {
  event.availability = how;
  if (priority != 0) event.priority = static_cast<std::int8_t>(priority);
  return event;
}
inline PresenceEvent doing(PresenceEvent event, Attributes activity) {
  event.activity = std::move(activity);
  return event;
}
/// The same with an activity that has one field: "on" with that text.
inline PresenceEvent doing(PresenceEvent event, const char* what) {
  return doing(std::move(event), fields({{"on", what}}));
}
inline PresenceEvent having(PresenceEvent report, Attributes data) {
  report.data = std::move(data);
  return report;
}

/// What the viewer sees; offline if they do not know the user.
inline Availability availability(const Snapshot& s, std::string_view id, Viewer viewer = nobody) {
  const auto user = s.view(id, viewer);
  return user ? user->availability : Availability::offline;
}
/// Which "on" the activity of the user has; empty: none.
inline std::string activity(const Snapshot& s, std::string_view id, Viewer viewer = nobody) {
  const auto user = s.view(id, viewer);
  if (!user || user->activity.find("on").kind() != ValueKind::string) return {};
  return std::string(user->activity.find("on").text());
}

inline std::string text(const Attributes& all) {
  std::string made;
  for (const Attributes::Entry& entry : all) {
    made += made.empty() ? "{" : ", ";
    made += entry.name + ": " + std::string(detail::CanonicalJson(entry.value.view()).text());
  }
  return made.empty() ? "{}" : made + "}";
}
/// The user with everything that others can see.
inline std::string rich(const std::optional<User>& user) {
  if (!user) return "unknown";
  return text(user) + " " + std::string(to_string(user->availability)) + " " + text(user->activity) + " " +
         text(user->data);
}
inline std::string rich(const Changes& changes) {
  std::string lines;
  for (const UserPresenceChanged& change : changes) {
    lines +=
        "\n    " + to_string(change.at) + " " + change.id + ": " + rich(change.before) + " -> " + rich(change.after);
  }
  return lines;
}

/// The digests after all orders of the events, at a time that then advances to `end`. They are all the same if order
/// does not matter. Also those in the order of the timestamps, while time advances with them.
inline std::set<std::uint64_t> digests_of_all_orders(const Rules& rules, const std::vector<PresenceEvent>& events,
                                                     Timestamp start, Timestamp end) {
  std::set<std::uint64_t> digests;
  std::vector<std::size_t> order(events.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  do {
    Snapshot s = reduce(Snapshot(rules), start);
    for (const std::size_t i : order) {
      const Verdict verdict = apply(s, events[i], [](const UserPresenceChangedView&) {});
      if (!accepted(verdict)) digests.insert(i);  // none of the events may be rejected
    }
    digests.insert(reduce(std::move(s), end).digest());
  } while (std::next_permutation(order.begin(), order.end()));
  std::vector<PresenceEvent> by_date = events;
  std::stable_sort(by_date.begin(), by_date.end(),
                   [](const PresenceEvent& a, const PresenceEvent& b) { return a.at < b.at; });
  Snapshot s = reduce(Snapshot(rules), start);
  for (const PresenceEvent& event : by_date) s = reduce(reduce(std::move(s), event), event.at);
  digests.insert(reduce(std::move(s), end).digest());
  return digests;
}

/// The verdict on an event, which is applied to a copy.
inline Verdict apply_verdict(Snapshot s, const PresenceEvent& event) { return apply(s, event); }

/// Checks that the event has the verdict and leaves the snapshot as it was, however it is applied.
inline void check_refused(const Snapshot& s, const PresenceEvent& event, Verdict verdict) {
  const std::uint64_t before = s.digest();
  Snapshot shared = s;
  CHECK(apply(shared, event) == verdict);
  CHECK(shared.digest() == before);
  Snapshot own = *decode(encode(s), s.rules());
  CHECK(apply(own, event) == verdict);
  CHECK(own.digest() == before);
  CHECK(replay(own, event) == verdict);
  CHECK(own.digest() == before);
  const std::vector<PresenceEvent> twice{event, event};
  CHECK(apply(own, twice.begin(), twice.end()).refused() == 2);
  CHECK(own.digest() == before);
  CHECK(own == s);
  Store store(s);
  CHECK(store.dispatch(event) == verdict);
  CHECK(store.snapshot() == s);
}

/// A random event of rich presence, of one of a few users and sessions, dated `when`.
inline PresenceEvent random_rich_event(Chance& chance, Timestamp when, std::size_t users) {
  constexpr Availability all[] = {Availability::idle, Availability::away, Availability::busy, Availability::available};
  const std::string user = "user " + std::to_string(chance.below(users)), session = chance.below(2) == 0 ? "a" : "b";
  const auto one_of = [&chance](std::size_t n) { return static_cast<int>(chance.below(n)); };
  PresenceEvent event;
  switch (chance.below(14)) {
    case 0: event = connect(user, session, when); break;
    case 1: event = disconnect(user, session, when); break;
    case 2: event = heartbeat(user, session, when); break;
    case 3: event = acts(user, session, when); break;
    case 4: event = hides(user, when); break;
    case 5: event = shows(user, when); break;
    case 6: event = says(user, chance.below(2) == 0 ? "hi" : "", when); break;
    case 7:
    case 8:
      event = chooses(user, all[chance.below(4)], when);
      if (chance.below(3) == 0) event.availability.reset();
      break;
    case 9:
    case 10: {
      const Value values[] = {
          nullptr, one_of(3), 0.5, "text", Value::array({1, "x"}), Value::object(fields({{"x", 1}}))};
      // In a statement of its own: compilers evaluate arguments in different orders.
      const char* const name = chance.below(2) == 0 ? "name" : "n";
      event = sets(user, name, values[chance.below(6)], when);
      break;
    }
    case 11: {
      event = report(user, chance.below(2) == 0, when);
      if (chance.below(2) == 0) event = having(event, chance.below(2) == 0 ? fields({{"n", one_of(3)}}) : Attributes());
      if (chance.below(3) == 0) event = active(event, when - seconds(one_of(20)));
      break;
    }
    default: event = update(user, session, when); break;
  }
  if (event.type == EventType::connect || event.type == EventType::update || event.type == EventType::report) {
    if (chance.below(2) == 0) event.availability = all[chance.below(4)];
    if (event.availability && event.type != EventType::report && chance.below(3) == 0)
      event.priority = static_cast<std::int8_t>(one_of(3) - 1);
    if (chance.below(2) == 0)
      event.activity = chance.below(3) == 0 ? Attributes() : fields({{"on", one_of(3)}, {"since", when}});
  }
  if (event.type == EventType::set_availability || event.type == EventType::set_status) {
    if (chance.below(3) == 0) event.until = when + seconds(1 + one_of(60));
  }
  return event;
}

/// Rules of which each is chosen at random.
inline Rules random_rich_rules(Chance& chance) {
  Rules rules = with_timeout(seconds(chance.below(4) == 0 ? 0 : 40));
  rules.last_active_refresh = seconds(chance.below(2) == 0 ? 0 : 30);
  rules.heartbeat_is_activity = chance.below(2) == 0;
  rules.idle_after = seconds(chance.below(2) == 0 ? 0 : 20);
  rules.offline_grace = seconds(chance.below(2) == 0 ? 0 : 5);
  rules.report_timeout = seconds(chance.below(2) == 0 ? 0 : 15);
  rules.session_fold = static_cast<SessionFold>(chance.below(3));
  return rules;
}

}  // namespace support

#endif  // PRESENCE_TESTS_UNIT_RICH_HPP
