// SPDX-License-Identifier: MIT

// Heartbeats of known sessions, against bare maps that find the user and store a timestamp. They come so fast that no
// timeout falls due: what timers cost is in the mix.

#include "baselines.hpp"
#include "harness.hpp"

namespace bench {
namespace {

constexpr Duration heartbeat_gap = Duration::from_ns(100);

struct HeartbeatWorld {
  explicit HeartbeatWorld(std::size_t users) : snapshot(connected_users(users, Duration(), 2)) {}
  Snapshot snapshot;
  Timestamp clock = start;
};

template <class Way, Choice choice>
void register_library(const std::string& way, const std::string& chosen, std::size_t users) {
  register_round("heartbeat/" + way + "/" + chosen + "/" + std::to_string(users), [users](Stopwatch& watch) {
    auto& world = cached<HeartbeatWorld>(users);
    Stream stream(cached_draws<choice, Kinds::heartbeats>(users), world.clock, heartbeat_gap);
    Tally tally;
    const std::size_t events = measure_batches(watch, stream, [&](const std::vector<PresenceEventView>& batch) {
      Way::fold(world.snapshot, batch, tally);
      Way::tick(world.snapshot, stream.now());
    });
    require_applied(tally);
    return events;
  });
}

template <class Kind>
struct MapWorld {
  explicit MapWorld(std::size_t users) : map(users_in_map<Kind>(users, 2)) {}
  typename Kind::Map map;
  Timestamp clock = start;
};

template <class Kind, Choice choice>
void register_map(const std::string& kind, const std::string& chosen, std::size_t users) {
  register_round("heartbeat/" + kind + "/" + chosen + "/" + std::to_string(users), [users](Stopwatch& watch) {
    auto& world = cached<MapWorld<Kind>>(users);
    Stream stream(cached_draws<choice, Kinds::heartbeats>(users), world.clock, heartbeat_gap);
    return measure_batches(watch, stream, [&](const std::vector<PresenceEventView>& batch) {
      for (const PresenceEventView& event : batch) {
        const auto found = Kind::find(world.map, event.user);
        if (found != world.map.end()) found->second = event.at;
      }
      benchmark::ClobberMemory();
    });
  });
}

struct ArrayWorld {
  explicit ArrayWorld(std::size_t users) : instants(users, start) {}
  std::vector<Timestamp> instants;
  Timestamp clock = start;
};

template <Choice choice>
void register_array(const std::string& chosen, std::size_t users) {
  register_round("heartbeat/array/" + chosen + "/" + std::to_string(users), [users](Stopwatch& watch) {
    auto& world = cached<ArrayWorld>(users);
    Stream stream(cached_draws<choice, Kinds::heartbeats>(users), world.clock, heartbeat_gap);
    return measure_batches(watch, stream, [&](const std::vector<PresenceEventView>& batch) {
      for (std::size_t i = 0; i < batch.size(); ++i) world.instants[stream.user(i)] = batch[i].at;
      benchmark::DoNotOptimize(world.instants.data());
      benchmark::ClobberMemory();
    });
  });
}

template <Choice choice>
void register_choice(const std::string& chosen) {
  for (const std::size_t users : all_sizes) {
    register_library<OneAtATime, choice>("one", chosen, users);
    register_library<OneAtATimeUnheard, choice>("one_unheard", chosen, users);
    register_library<BatchedUnheard, choice>("batched", chosen, users);
    register_array<choice>(chosen, users);
    register_map<StdMap, choice>("unordered_map", chosen, users);
#if PRESENCE_BENCH_ABSL
    register_map<AbslMap, choice>("absl", chosen, users);
#endif
  }
}

}  // namespace

void register_heartbeat() {
  register_choice<Choice::uniform>("uniform");
  register_choice<Choice::zipf>("zipf");
}

}  // namespace bench
