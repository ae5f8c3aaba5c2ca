// SPDX-License-Identifier: MIT

// Time passes: while nothing is due, while every session times out, and while each event is followed by the question
// when something is due next.

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

/// Every user sends a heartbeat each 25 s in the same random order, as clients do. Lives on from round to round.
class Beating {
 public:
  explicit Beating(std::size_t users) : order_(shuffled_users(users, 7)), snapshot_(Snapshot(workload_rules())) {
    for (std::size_t i = 0; i < users; ++i) step(EventType::connect);
    for (std::size_t i = 0; i < users; ++i) beat_and_ask();
  }

  void beat() { step(EventType::heartbeat); }
  Timestamp ask() const { return *snapshot_.next_deadline(); }
  void beat_and_ask() {
    beat();
    benchmark::DoNotOptimize(ask());
  }
  std::size_t online() const { return snapshot_.online_count(); }

 private:
  static constexpr Duration period = Duration::from_s(25);

  void step(EventType type) {
    const auto turn = static_cast<std::int64_t>(step_ / order_.size()),
               of_turn = static_cast<std::int64_t>(step_ % order_.size());
    const Timestamp now =
        start + period * turn + Duration::from_ns(period.ns() / static_cast<std::int64_t>(order_.size()) * of_turn);
    ids_.write(order_[static_cast<std::size_t>(of_turn)], 0);
    PresenceEventView event = PresenceEventView::heartbeat(ids_.user(), ids_.session(), now);
    event.type = type;
    snapshot_ = reduce(std::move(snapshot_), now);
    snapshot_ = reduce(std::move(snapshot_), event);
    ++step_;
  }

  std::vector<std::uint32_t> order_;
  Snapshot snapshot_;
  Ids ids_;
  std::size_t step_ = 0;
};

/// `next_deadline` after each event; a quarter of a turn as warming up, and as much measured.
std::size_t ask_after_each_event(std::size_t users, Stopwatch& watch) {
  Beating& world = cached<Beating>(users);
  const std::size_t steps = users / 4;
  for (std::size_t i = 0; i < steps; ++i) world.beat_and_ask();
  for (std::size_t i = 0; i < steps; ++i) {
    world.beat();
    watch.start();
    benchmark::DoNotOptimize(world.ask());
    watch.stop();
  }
  require(world.online() == users, "somebody timed out although they sent heartbeats");
  return steps;
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
  for (const std::size_t users : {std::size_t{100000}, std::size_t{1000000}}) {
    register_round("passing/next_deadline/" + std::to_string(users),
                   [users](Stopwatch& watch) { return ask_after_each_event(users, watch); });
  }
  register_round("passing/expire/100000", [](Stopwatch& watch) { return expire(100000, watch); });
}

}  // namespace bench
