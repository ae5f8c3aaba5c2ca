// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TESTS_UNIT_SUPPORT_HPP
#define PRESENCE_TESTS_UNIT_SUPPORT_HPP

#include <doctest/doctest.h>
#include <presence/presence.hpp>

#include <cmath>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace support {

using namespace presence;

/// So many seconds after a round timestamp: a multiple of 900 s, the default refresh.
// Rounded: where doubles have more bits than elsewhere, 40.999 * 1e9 is less than 40999000000.
inline Duration seconds(double s) { return Duration::from_ns(std::llround(s * 1e9)); }
inline Timestamp at(double s) { return Timestamp::from_ms(1546858800000) + seconds(s); }
inline constexpr Duration tick = Duration::from_ns(1);

inline PresenceEvent connect(std::string user, std::string session, Timestamp when) {
  return PresenceEvent::connect(std::move(user), std::move(session), when);
}
inline PresenceEvent invisibly(std::string user, std::string session, Timestamp when, bool invisible = true) {
  PresenceEvent event = connect(std::move(user), std::move(session), when);
  event.invisible = invisible;
  return event;
}
inline PresenceEvent visibly(std::string user, std::string session, Timestamp when) {
  return invisibly(std::move(user), std::move(session), when, false);
}
inline PresenceEvent heartbeat(std::string user, std::string session, Timestamp when) {
  return PresenceEvent::heartbeat(std::move(user), std::move(session), when);
}
inline PresenceEvent disconnect(std::string user, std::string session, Timestamp when) {
  return PresenceEvent::disconnect(std::move(user), std::move(session), when);
}
inline PresenceEvent says(std::string user, std::string text, Timestamp when) {
  return PresenceEvent::set_status(std::move(user), std::move(text), when);
}
inline PresenceEvent report(std::string user, bool online, Timestamp when) { return PresenceEvent::report(std::move(user), online, when); }
inline PresenceEvent hides(std::string user, Timestamp when) { return PresenceEvent::set_visible(std::move(user), false, when); }
inline PresenceEvent shows(std::string user, Timestamp when) { return PresenceEvent::set_visible(std::move(user), true, when); }
inline PresenceEvent removes(std::string user, Timestamp when) { return PresenceEvent::remove(std::move(user), when); }
/// The event with an end of its status.
inline PresenceEvent until(PresenceEvent event, Timestamp end) {
  event.until = end;
  return event;
}

/// A snapshot that remembers every change it told of.
struct Told {
  Snapshot s;
  std::vector<UserPresenceChanged> changes;

  explicit Told(const Rules& rules = {}) : s(rules) {}
  void operator()(const UserPresenceChangedView& change) { changes.emplace_back(change); }

  Verdict fold(const PresenceEvent& event) { return apply(s, event, *this); }
  Verdict pass(Timestamp now) { return apply(s, now, *this); }
  /// What was told since the last call.
  std::vector<UserPresenceChanged> take() { return std::exchange(changes, {}); }
};

inline Rules with_timeout(Duration timeout) {
  Rules rules;
  rules.session_timeout = timeout;
  return rules;
}

inline std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

inline Viewer self(std::string_view id) { return Viewer{id}; }

inline std::optional<Timestamp> last_active(const Snapshot& s, std::string_view id, Viewer viewer = nobody) {
  const auto user = s.view(id, viewer);
  return user ? user->last_active : std::nullopt;
}

inline std::string status(const Snapshot& s, std::string_view id) { return std::string(s.view(id).value().status); }

}  // namespace support

namespace doctest {
template <>
struct StringMaker<presence::Timestamp> {
  static String convert(presence::Timestamp at) { return presence::to_string(at).c_str(); }
};
template <>
struct StringMaker<std::optional<presence::Timestamp>> {
  static String convert(const std::optional<presence::Timestamp>& at) { return at ? presence::to_string(*at).c_str() : "none"; }
};
template <>
struct StringMaker<presence::Duration> {
  static String convert(presence::Duration d) { return (std::to_string(d.ns()) + " ns").c_str(); }
};
template <>
struct StringMaker<presence::Verdict> {
  static String convert(presence::Verdict v) {
    constexpr const char* names[] = {"applied", "unchanged", "too_late", "too_early", "invalid", "over_limit"};
    return names[static_cast<int>(v)];
  }
};
}  // namespace doctest

#endif  // PRESENCE_TESTS_UNIT_SUPPORT_HPP
