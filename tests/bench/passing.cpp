// SPDX-License-Identifier: MIT

// Time passes: while nothing is due, and while every session times out.

#include "harness.hpp"

namespace bench {
namespace {

struct Quiet {
  explicit Quiet(std::size_t users) : snapshot(connected_users(users, Duration(), 2)) {}
  const Snapshot snapshot;
};

std::size_t pass_idly(std::size_t users, Stopwatch& watch) {
  constexpr std::int64_t steps = 10000;
  Snapshot snapshot = cached<Quiet>(users).snapshot;
  snapshot = reduce(std::move(snapshot), start + Duration::from_ms(1));  // no longer shares what every step writes
  watch.start();
  for (std::int64_t i = 1; i <= steps; ++i) snapshot = reduce(std::move(snapshot), start + Duration::from_ms(1 + i));
  watch.stop();
  require(snapshot.online_count() == users, "somebody timed out where nothing was due");
  return static_cast<std::size_t>(steps);
}

/// The last heartbeats of all sessions came within half a minute; all end within the next, second by second.
std::size_t expire(std::size_t users, Stopwatch& watch) {
  Snapshot snapshot = connected_users(users, Duration::from_ms(29999), 2);
  watch.start();
  for (std::int64_t second = 1; second <= 30; ++second)
    snapshot = reduce(std::move(snapshot), start + Duration::from_s(second));
  watch.stop();
  require(snapshot.online_count() == 0, "somebody did not time out");
  return sessions_among(users);
}

}  // namespace

void register_passing() {
  for (const std::size_t users : all_sizes) {
    register_round("passing/idle/" + std::to_string(users),
                   [users](Stopwatch& watch) { return pass_idly(users, watch); });
  }
  register_round("passing/expire/100000", [](Stopwatch& watch) { return expire(100000, watch); });
}

}  // namespace bench
