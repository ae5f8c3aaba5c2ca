// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TESTS_BENCH_HARNESS_HPP
#define PRESENCE_TESTS_BENCH_HARNESS_HPP

// A repetition of a benchmark is one iteration: a round of so many operations, whose time per operation is reported as
// the time of the iteration. With random interleaving the rounds of the library and of its baselines then take turns
// (see run.py). Worlds live on from round to round, and so does their time.

#include "workload.hpp"

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace bench {

void register_heartbeat();
void register_live();
void register_merging();
void register_mix();
void register_passing();
void register_queries();
void register_reads();
void register_sharing();
void register_snapshots();
void register_text();
void register_wire();

inline constexpr std::size_t all_sizes[] = {10000, 100000, 1000000};

/// Adds up the time between starts and stops.
class Stopwatch {
 public:
  void start() { started_ = Clock::now(); }
  void stop() { total_ += Clock::now() - started_; }
  double seconds() const { return std::chrono::duration<double>(total_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point started_;
  Clock::duration total_{};
};

/// `round` measures with the stopwatch it is given, and returns how many operations it measured.
template <class Round>
void register_round(const std::string& name, Round round) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [round](benchmark::State& state) {
                                 for (auto _ : state) {
                                   Stopwatch watch;
                                   const std::size_t operations = round(watch);
                                   state.SetIterationTime(watch.seconds() / static_cast<double>(operations));
                                 }
                               })
      ->Iterations(1)
      ->UseManualTime();
}

[[noreturn]] inline void fail(const char* message) {
  std::fprintf(stderr, "%s\n", message);
  std::exit(EXIT_FAILURE);
}

inline void require(bool holds, const char* message) {
  if (!holds) fail(message);
}

/// A benchmark that measures refusals is worth nothing.
inline void require_applied(const Tally& tally) {
  require(tally.refused() == 0, "events of the workload were refused");
  require(tally.applied * 20 >= tally.total() * 19, "more than 5 % of the events of the workload changed nothing");
}

/// Made once for each number of users, and never destroyed: that would take as long.
template <class T>
T& cached(std::size_t users) {
  static auto& all = *new std::map<std::size_t, std::unique_ptr<T>>;
  std::unique_ptr<T>& one = all[users];
  if (!one) one = std::make_unique<T>(users);
  return *one;
}

/// Touches all memory of a snapshot, for the same reason.
inline void go_over(const Snapshot& snapshot) {
  std::size_t bytes = 0;
  for (const presence::UserView user : snapshot) bytes += user.id.size() + user.status.size();
  benchmark::DoNotOptimize(bytes);
}

template <Choice choice, Kinds kinds>
struct Draws {
  explicit Draws(std::size_t users) : draws(draw_events(users, choice, kinds)) {}
  std::vector<Draw> draws;
};

template <Choice choice, Kinds kinds>
const std::vector<Draw>& cached_draws(std::size_t users) {
  return cached<Draws<choice, kinds>>(users).draws;
}

/// All users with all their sessions, at the start.
inline Snapshot connected_users(std::size_t users, Duration spread, std::uint64_t seed) {
  Snapshot snapshot = reduce(Snapshot(workload_rules()), start);
  Tally tally;
  each_connect(users, spread, seed,
               [&](const PresenceEventView& event) { tally += presence::apply(snapshot, &event, &event + 1); });
  require_applied(tally);
  require(snapshot.online_count() == users, "not all users came online");
  return snapshot;
}

// The ways to fold a batch of events. Where somebody listens, he counts what he hears.

struct OneAtATime {
  static void fold(Snapshot& snapshot, const std::vector<PresenceEventView>& events, Tally& tally) {
    std::size_t changes = 0;
    for (const PresenceEventView& event : events)
      tally.count(presence::apply(snapshot, event, [&](const presence::UserPresenceChangedView&) { ++changes; }));
    benchmark::DoNotOptimize(changes);
  }
  static void tick(Snapshot& snapshot, Timestamp now) {
    std::size_t changes = 0;
    presence::apply(snapshot, now, [&](const presence::UserPresenceChangedView&) { ++changes; });
    benchmark::DoNotOptimize(changes);
  }
};

struct OneAtATimeUnheard {
  static void fold(Snapshot& snapshot, const std::vector<PresenceEventView>& events, Tally& tally) {
    // reduce() gives no verdict: that these count is what the other ways show with the same events.
    for (const PresenceEventView& event : events) snapshot = reduce(std::move(snapshot), event);
    tally.applied += events.size();
  }
  static void tick(Snapshot& snapshot, Timestamp now) { snapshot = reduce(std::move(snapshot), now); }
};

struct Batched {
  static void fold(Snapshot& snapshot, const std::vector<PresenceEventView>& events, Tally& tally) {
    std::size_t changes = 0;
    tally += presence::apply(snapshot, events.begin(), events.end(),
                             [&](const presence::UserPresenceChangedView&) { ++changes; });
    benchmark::DoNotOptimize(changes);
  }
  static void tick(Snapshot& snapshot, Timestamp now) { OneAtATime::tick(snapshot, now); }
};

struct BatchedUnheard {
  static void fold(Snapshot& snapshot, const std::vector<PresenceEventView>& events, Tally& tally) {
    tally += presence::apply(snapshot, events.begin(), events.end());
  }
  static void tick(Snapshot& snapshot, Timestamp now) { OneAtATimeUnheard::tick(snapshot, now); }
};

inline constexpr std::size_t warming_batches = 400, measured_batches = 400;

/// A round of batches. As many go before, unmeasured: whoever had the round before has filled the caches with his, and
/// pages of memory that lie idle for a while may have to be brought back by the host of a virtual machine, which takes
/// longer than anything that is measured here. So they have to be touched, in both of what is compared.
template <class Fold>
std::size_t measure_batches(Stopwatch& watch, Stream& stream, Fold&& fold) {
  for (std::size_t i = 0; i < warming_batches; ++i) fold(stream.next());
  for (std::size_t i = 0; i < measured_batches; ++i) {
    const std::vector<PresenceEventView>& events = stream.next();
    watch.start();
    fold(events);
    watch.stop();
  }
  return measured_batches * batch_size;
}

}  // namespace bench

#endif  // PRESENCE_TESTS_BENCH_HARNESS_HPP
