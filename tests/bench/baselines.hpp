// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TESTS_BENCH_BASELINES_HPP
#define PRESENCE_TESTS_BENCH_BASELINES_HPP

// What the library is measured against: containers that do the least that could be called the same.

#include "workload.hpp"

#if PRESENCE_BENCH_ABSL
#include <absl/container/flat_hash_map.h>
#endif

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

namespace bench {

/// Finds the user and stores the timestamp; knows of no sessions.
class StdMap {
 public:
  using Map = std::unordered_map<std::string, Timestamp>;
  // C++17 has no look-up by string_view in it; ids of this length fit into a string without an allocation.
  static Map::iterator find(Map& map, std::string_view user) { return map.find(std::string(user)); }
};

#if PRESENCE_BENCH_ABSL
class AbslMap {
 public:
  using Map = absl::flat_hash_map<std::string, Timestamp>;
  static Map::iterator find(Map& map, std::string_view user) {
    return map.find(absl::string_view(user.data(), user.size()));  // which need not be the one of the standard library
  }
};
using FastMap = AbslMap;
#else
using FastMap = StdMap;
#endif

template <class Kind>
typename Kind::Map users_in_map(std::size_t users, std::uint64_t seed) {
  typename Kind::Map map;
  each_connect(users, Duration(), seed,
               [&](const PresenceEventView& event) { map[std::string(event.user)] = event.at; });
  return map;
}

/// The first version of a presence service that anyone writes: maps in a map, gone through at every tick. Tells
/// nothing, keeps no last_active in steps, knows of no order, no duplicates and no invisible users.
class MapsInMap {
 public:
  void fold(const PresenceEventView& event) {
    User& user = users_[std::string(event.user)];
    switch (event.type) {
      case EventType::connect:
      case EventType::heartbeat:
      case EventType::active:
      case EventType::update:
        user.sessions[std::string(event.session)] = event.at;
        user.last_active = event.at;
        break;
      case EventType::disconnect:
        user.sessions.erase(std::string(event.session));
        user.last_active = event.at;
        break;
      case EventType::set_status: user.status = *event.status; break;
      case EventType::report:
      case EventType::set_availability:
      case EventType::set_data:
      case EventType::set_visible:
      case EventType::remove: break;  // the workload has none
    }
  }

  void tick(Timestamp now) {
    online_ = 0;
    for (auto& entry : users_) {
      auto& sessions = entry.second.sessions;
      for (auto session = sessions.begin(); session != sessions.end();)
        session = session->second + timeout_ <= now ? sessions.erase(session) : std::next(session);
      online_ += sessions.empty() ? 0u : 1u;
    }
  }

  std::size_t online_count() const { return online_; }

 private:
  struct User {
    std::map<std::string, Timestamp> sessions;
    std::string status;
    Timestamp last_active;
  };

  std::unordered_map<std::string, User> users_;
  Duration timeout_ = workload_rules().session_timeout;
  std::size_t online_ = 0;
};

}  // namespace bench

#endif  // PRESENCE_TESTS_BENCH_BASELINES_HPP
