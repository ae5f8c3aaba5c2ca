// SPDX-License-Identifier: MIT

// A writer, alone and while another thread encodes one copy of its snapshot after the other, as for checkpoints. A third
// writer takes copies about as often, but no thread reads them. So the cost of the first write to each shared page is
// separate from that of sharing the caches and the memory with another thread.
//
// This is the worst case. A host that writes a checkpoint every few seconds pays for one copy in that time.

#include "harness.hpp"

#include <atomic>
#include <string_view>
#include <thread>
#include <utility>

namespace bench {
namespace {

/// Encodes copies on another thread. Takes the next one when it has finished the one before.
class Encoder {
 public:
  Encoder() : thread_([this] { run(); }) {}
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  ~Encoder() {
    is_over_ = true;
    thread_.join();
  }

  /// Called by the writer after each batch.
  void offer(const Snapshot& snapshot) {
    if (has_copy_.load(std::memory_order_acquire)) return;
    copy_ = snapshot;
    has_copy_.store(true, std::memory_order_release);
    ++taken_;
  }
  std::size_t taken() const { return taken_; }

 private:
  void run() {
    while (!is_over_) {
      if (!has_copy_.load(std::memory_order_acquire)) {
        std::this_thread::yield();
        continue;
      }
      std::size_t bytes = 0;
      encode(copy_, [&bytes](std::string_view piece) { bytes += piece.size(); });
      benchmark::DoNotOptimize(bytes);
      copy_ = Snapshot();
      has_copy_.store(false, std::memory_order_release);
    }
  }

  std::atomic<bool> is_over_{false}, has_copy_{false};
  Snapshot copy_;  // of the thread that has_copy_ says
  std::size_t taken_ = 0;
  std::thread thread_;
};

constexpr std::size_t turns = 1000;  // so that a round has several encodings
/// After how many batches the next copy is taken if no thread encodes. About as often as an encoder takes one.
constexpr std::size_t turns_of_a_copy = 40;

struct Alone {
  void offer(const Snapshot&) {}
  std::size_t taken() const { return 1; }
};
struct Copying {
  void offer(const Snapshot& snapshot) {
    if (offered_++ % turns_of_a_copy != 0) return;
    copy_ = snapshot;
    ++taken_;
  }
  std::size_t taken() const { return taken_; }

  Snapshot copy_;
  std::size_t offered_ = 0, taken_ = 0;
};

template <EventType type>
class Writer {
 public:
  explicit Writer(std::size_t users)
      : snapshot_(connected_users(users, Duration(), 2)),
        stream_(cached_draws<Choice::uniform, Kinds::heartbeats>(users), clock_, Duration::from_ns(100)) {}

  template <class Reader>
  std::size_t measure(Stopwatch& watch) {
    Stopwatch ignored;
    Tally tally;
    for (std::size_t i = 0; i < warming_batches; ++i) fold(tally);
    Reader reader;
    for (std::size_t i = 0; i < turns; ++i) {
      const std::vector<PresenceEventView>& batch = next();
      watch.start();
      OneAtATime::fold(snapshot_, batch, tally);
      reader.offer(snapshot_);
      watch.stop();
    }
    require_applied(tally);
    require(reader.taken() > 0, "no copy was taken");
    return turns * batch_size;
  }

 private:
  const std::vector<PresenceEventView>& next() {
    stream_.next();
    return stream_.again(type);
  }
  void fold(Tally& tally) { OneAtATime::fold(snapshot_, next(), tally); }

  Snapshot snapshot_;
  Timestamp clock_ = start;
  Stream stream_;
};

template <EventType type>
void register_writer(const std::string& kind, std::size_t users) {
  const std::string size = "/" + std::to_string(users);
  register_round("sharing/" + kind + "_alone" + size,
                 [users](Stopwatch& watch) { return cached<Writer<type>>(users).template measure<Alone>(watch); });
  register_round("sharing/" + kind + "_copying" + size,
                 [users](Stopwatch& watch) { return cached<Writer<type>>(users).template measure<Copying>(watch); });
  register_round("sharing/" + kind + "_encoded" + size,
                 [users](Stopwatch& watch) { return cached<Writer<type>>(users).template measure<Encoder>(watch); });
}

}  // namespace

void register_sharing() {
  for (const std::size_t users : {std::size_t{10000}, std::size_t{100000}}) {
    register_writer<EventType::heartbeat>("heartbeat", users);
    register_writer<EventType::connect>("connect", users);
  }
}

}  // namespace bench
