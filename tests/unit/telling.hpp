// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TESTS_UNIT_TELLING_HPP
#define PRESENCE_TESTS_UNIT_TELLING_HPP

// Expectations that read like what is expected, and failures that say what was there instead.

#include "support.hpp"

#include <presence/registers/detail/registers.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/table/detail/user_row.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace support {

using Changes = std::vector<UserPresenceChanged>;
using Users = std::vector<User>;

inline User seen_online(std::string id, std::optional<Timestamp> last_active, std::string text = {}) {
  return User{std::move(id), true, std::move(text), last_active, false};
}
inline User seen_offline(std::string id, std::optional<Timestamp> last_active, std::string text = {}) {
  return User{std::move(id), false, std::move(text), last_active, false};
}
inline User sees_himself(std::string id, bool online, std::optional<Timestamp> last_active, std::string text = {}) {
  return User{std::move(id), online, std::move(text), last_active, true};
}

inline UserPresenceChanged changed(Timestamp when, std::optional<User> before, std::optional<User> after) {
  UserPresenceChanged change;
  change.id = before ? before->id : after->id;
  change.before = std::move(before);
  change.after = std::move(after);
  change.at = when;
  return change;
}

inline PresenceEvent saying(PresenceEvent event, std::string text) {
  event.status = std::move(text);
  return event;
}
inline PresenceEvent active(PresenceEvent event, Timestamp value) {
  event.last_active = value;
  return event;
}

/// What everyone sees, by id.
inline std::vector<User> views(const Snapshot& s) {
  std::vector<User> all;
  for (const UserView user : s) all.push_back(static_cast<User>(user));
  std::sort(all.begin(), all.end(), [](const User& a, const User& b) { return a.id < b.id; });
  return all;
}

inline Snapshot folded(const Rules& rules, const std::vector<PresenceEvent>& events) {
  Snapshot s(rules);
  for (const PresenceEvent& event : events) s = reduce(std::move(s), event);
  return s;
}
inline Snapshot folded(const std::vector<PresenceEvent>& events) { return folded(Rules(), events); }

/// What a failure shows; two of these are equal when all that they tell of is.
inline std::string text(const std::optional<User>& user) {
  if (!user) return "unknown";
  return user->id + (user->online ? " online" : " offline") + (user->invisible ? " (invisible)" : "") + " '" +
         user->status + "' " + (user->last_active ? to_string(*user->last_active) : "never");
}
inline std::string text(const std::vector<User>& users) {
  std::string lines;
  for (const User& user : users) lines += "\n    " + text(user);
  return lines;
}
inline std::string text(const Changes& changes) {
  std::string lines;
  for (const UserPresenceChanged& change : changes) {
    lines +=
        "\n    " + to_string(change.at) + " " + change.id + ": " + text(change.before) + " -> " + text(change.after);
  }
  return lines;
}

/// The registers of a user as they are kept; none: absent.
inline std::optional<detail::UserRegisters> kept_of(const Snapshot& s, std::string_view id) {
  const detail::Root* const root = detail::SnapshotAccess::read(s);
  const detail::RowView row = root != nullptr ? root->table.find(id) : nullptr;
  if (row == nullptr) return std::nullopt;
  return row->unpacked();
}

inline std::string user_id(std::size_t i) {
  std::string digits = std::to_string(i);
  return "user-" + std::string(6 - digits.size(), '0') + digits;
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every platform.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t bits() noexcept {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t n) noexcept { return static_cast<std::uint32_t>(bits() >> 32) % n; }

 private:
  std::uint64_t state_;
};

/// A random event of one of a few users and sessions, dated near `second`.
inline PresenceEvent random_event(Chance& chance, double second, std::size_t users, std::size_t sessions) {
  const std::string user = user_id(chance.below(users)), session = "session-" + std::to_string(chance.below(sessions));
  const Timestamp when = at(second - static_cast<double>(chance.below(30)));
  switch (chance.below(9)) {
    case 0: return invisibly(user, session, when);
    case 1: return visibly(user, session, when);
    case 2: return saying(connect(user, session, when), chance.below(2) == 0 ? "here" : "");
    case 3: return disconnect(user, session, when);
    case 4: return says(user, chance.below(2) == 0 ? "busy" : "away", when);
    case 5: return report(user, chance.below(2) == 0, when);
    case 6: return active(report(user, chance.below(2) == 0, when), when - seconds(5));
    case 7: return connect(user, session, when);
    default: return heartbeat(user, session, when);
  }
}

/// The same, with events of all types.
inline PresenceEvent random_event_of_any_type(Chance& chance, double second, std::size_t users, std::size_t sessions) {
  constexpr Availability all[] = {Availability::idle, Availability::away, Availability::busy, Availability::available};
  PresenceEvent event = random_event(chance, second, users, sessions);
  const bool is_of_session = !event.session.empty();
  switch (chance.below(12)) {
    case 0:
    case 1:
      if (is_of_session) event = PresenceEvent::update(event.user, event.session, event.at);
      break;
    case 2:
      if (is_of_session) event = PresenceEvent::active(event.user, event.session, event.at);
      break;
    case 3: return PresenceEvent::set_visible(event.user, chance.below(2) == 0, event.at);
    case 4:
      event = PresenceEvent::set_availability(event.user, std::nullopt, event.at);
      if (chance.below(3) != 0) event.availability = all[chance.below(4)];
      break;
    case 5:
      if (chance.below(4) == 0) return PresenceEvent::remove(event.user, event.at);
      break;
    default: break;
  }
  const bool says = event.type == EventType::update || event.type == EventType::connect ||
                    (event.type == EventType::report && event.online);
  if (says && chance.below(2) == 0) {
    event.availability = all[chance.below(4)];
    if (event.type != EventType::report && chance.below(2) == 0)
      event.priority = static_cast<std::int8_t>(chance.below(5) - 2);
  }
  const bool may_end = event.type == EventType::set_availability || event.type == EventType::set_status;
  if (may_end && chance.below(2) == 0) event.until = event.at + seconds(1 + static_cast<double>(chance.below(60)));
  return event;
}

}  // namespace support

#endif  // PRESENCE_TESTS_UNIT_TELLING_HPP
