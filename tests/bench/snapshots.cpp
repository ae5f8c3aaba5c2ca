// SPDX-License-Identifier: MIT

// Snapshots as values: taking one, writing while many are kept, finding what differs between two.

#include "harness.hpp"

namespace bench {
namespace {

/// One that is only copied.
struct Still {
  explicit Still(std::size_t users) : snapshot(connected_users(users, Duration(), 2)) {}
  const Snapshot snapshot;
};

std::size_t take(std::size_t users, Stopwatch& watch) {
  const Snapshot& snapshot = cached<Still>(users).snapshot;
  constexpr std::size_t count = 10000;
  std::vector<Snapshot> taken;
  taken.reserve(count);
  for (const bool measured : {false, true}) {
    Stopwatch warming;
    Stopwatch& used = measured ? watch : warming;
    taken.clear();
    used.start();
    for (std::size_t i = 0; i < count; ++i) {
      taken.push_back(snapshot);
      benchmark::ClobberMemory();
    }
    used.stop();
  }
  return count;
}

enum class Measured { writing, giving_back };

/// Keeps the last hundred snapshots, each about a thousand heartbeats (two batches) later than the one before.
class Keeper {
 public:
  explicit Keeper(std::size_t users)
      : snapshot_(connected_users(users, Duration(), 2)),
        stream_(cached_draws<Choice::uniform, Kinds::heartbeats>(users), clock_, Duration::from_ns(100)),
        kept_(100) {
    Stopwatch ignored;
    for (std::size_t i = 0; i < kept_.size(); ++i) take_turn<BatchedUnheard>(ignored, ignored);
  }

  template <class Way>
  std::size_t measure(Stopwatch& watch, Measured measured) {
    constexpr std::size_t turns = 50;
    Stopwatch ignored;
    go_over(snapshot_);
    for (std::size_t i = 0; i < turns; ++i) {
      if (measured == Measured::writing) {
        take_turn<Way>(watch, ignored);
      } else {
        take_turn<Way>(ignored, watch);
      }
    }
    return turns * 2 * batch_size;
  }

 private:
  template <class Way>
  void take_turn(Stopwatch& writing, Stopwatch& giving_back) {
    giving_back.start();
    kept_[oldest_] = Snapshot();
    giving_back.stop();
    kept_[oldest_] = snapshot_;
    oldest_ = (oldest_ + 1) % kept_.size();
    Tally tally;
    for (int i = 0; i < 2; ++i) {
      const std::vector<PresenceEventView>& batch = stream_.next();
      writing.start();
      Way::fold(snapshot_, batch, tally);
      Way::tick(snapshot_, stream_.now());
      writing.stop();
    }
    require_applied(tally);
  }

  Snapshot snapshot_;
  Timestamp clock_ = start;
  Stream stream_;
  std::vector<Snapshot> kept_;
  std::size_t oldest_ = 0;
};

constexpr std::size_t changed_users = 1000;

/// Two snapshots between which a thousand users have changed their status: at the same timestamp, and a second apart.
struct Apart {
  explicit Apart(std::size_t users) : from(cached<Still>(users).snapshot), to(from) {
    const std::vector<std::uint32_t> order = shuffled_users(users, 3);
    Ids ids;
    Tally tally;
    for (std::size_t i = 0; i < changed_users; ++i) {
      ids.write(order[i], 0);
      const auto event = PresenceEventView::set_status(ids.user(), "gone fishing", start);
      tally += presence::apply(to, &event, &event + 1);
    }
    require_applied(tally);
    later = reduce(to, start + Duration::from_s(1));
  }
  Snapshot from, to, later;
};

std::size_t find_differences(const Snapshot& from, const Snapshot& to, Stopwatch& watch) {
  constexpr std::size_t repeats = 5;
  for (std::size_t i = 0; i <= repeats; ++i) {
    Stopwatch warming;
    Stopwatch& used = i == 0 ? warming : watch;
    std::size_t changes = 0;
    used.start();
    diff(from, to, [&](const presence::UserPresenceChangedView& change) {
      benchmark::DoNotOptimize(change.after->status.data());
      ++changes;
    });
    used.stop();
    require(changes == changed_users, "diff found other changes than were made");
  }
  return repeats * changed_users;
}

}  // namespace

void register_snapshots() {
  for (const std::size_t users : all_sizes) {
    const std::string size = "/" + std::to_string(users);
    register_round("snapshots/take" + size, [users](Stopwatch& watch) { return take(users, watch); });
    register_round("snapshots/write" + size, [users](Stopwatch& watch) {
      return cached<Keeper>(users).measure<OneAtATime>(watch, Measured::writing);
    });
    register_round("snapshots/write_batched" + size, [users](Stopwatch& watch) {
      return cached<Keeper>(users).measure<BatchedUnheard>(watch, Measured::writing);
    });
    register_round("snapshots/give_back" + size, [users](Stopwatch& watch) {
      return cached<Keeper>(users).measure<OneAtATime>(watch, Measured::giving_back);
    });
    register_round("snapshots/diff" + size, [users](Stopwatch& watch) {
      const auto& apart = cached<Apart>(users);
      return find_differences(apart.from, apart.to, watch);
    });
    register_round("snapshots/diff_later" + size, [users](Stopwatch& watch) {
      const auto& apart = cached<Apart>(users);
      return find_differences(apart.from, apart.later, watch);
    });
  }
}

}  // namespace bench
