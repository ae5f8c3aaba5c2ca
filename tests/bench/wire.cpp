// SPDX-License-Identifier: MIT

// Snapshots as bytes: whole, as deltas, and what two nodes say to each other until they agree. Batches of events.

#include "harness.hpp"

#include <string>
#include <utility>

namespace bench {
namespace {

/// The same one, and one that is so many heartbeats of other users later.
struct Apart {
  explicit Apart(std::size_t users) : first(connected_users(users, Duration(), 2)), bytes(encode(first)) {}

  Snapshot later(std::size_t changes, std::uint64_t seed) const {
    Snapshot snapshot = first;
    const std::vector<std::uint32_t> order = shuffled_users(static_cast<std::size_t>(first.size()), seed);
    Ids ids;
    Tally tally;
    for (std::size_t i = 0; i < changes; ++i) {
      ids.write(order[i], 0);
      const auto event = PresenceEventView::heartbeat(ids.user(), ids.session(), start + Duration::from_ms(500));
      tally += presence::apply(snapshot, &event, &event + 1);
    }
    require_applied(tally);
    return snapshot;
  }
  Snapshot first;
  std::string bytes;
};

std::size_t encode_all(std::size_t users, Stopwatch& watch) {
  const auto& apart = cached<Apart>(users);
  watch.start();
  const std::string bytes = encode(apart.first);
  watch.stop();
  require(bytes == apart.bytes, "one snapshot is two encodings");
  return users;
}

std::size_t decode_all(std::size_t users, Stopwatch& watch) {
  const auto& apart = cached<Apart>(users);
  watch.start();
  const auto decoded = presence::decode(apart.bytes, apart.first.rules());
  watch.stop();
  require(decoded && *decoded == apart.first, "an encoding reads as another snapshot");
  return users;
}

constexpr std::size_t changes = 1000;

std::size_t encode_changes(std::size_t users, Stopwatch& watch) {
  const auto& apart = cached<Apart>(users);
  const Snapshot later = apart.later(changes, 3);
  watch.start();
  const std::string delta = encode_delta(apart.first, later);
  watch.stop();
  benchmark::DoNotOptimize(delta.data());
  return changes;
}

std::size_t apply_changes(std::size_t users, Stopwatch& watch) {
  const auto& apart = cached<Apart>(users);
  const Snapshot later = apart.later(changes, 3);
  const std::string delta = encode_delta(apart.first, later);
  Snapshot replica = apart.first;
  watch.start();
  const bool failed = apply_delta(replica, delta, replica.now().value_or(start)).has_value();
  watch.stop();
  require(!failed && replica == later, "a delta leads elsewhere");
  return changes;
}

/// All that both sides do.
std::size_t exchange(std::size_t users, std::size_t differences, Stopwatch& watch) {
  const auto& apart = cached<Apart>(users);
  Snapshot nodes[] = {apart.later(differences / 2, 3), apart.later(differences - differences / 2, 4)};
  watch.start();
  std::string message = sketch(nodes[0]);
  for (std::size_t turn = 1; !message.empty(); ++turn)
    message = *reconcile(nodes[turn % 2], message, nodes[0].now().value_or(start));
  watch.stop();
  require(nodes[0] == nodes[1], "two nodes still differ");
  return 1;
}

/// Batches of heartbeats of random users, a tenth of a second each, as events that own their strings.
struct Batches {
  static constexpr std::size_t count = 100, events_of_each = 256;

  explicit Batches(std::size_t users) {
    Random random(5);
    Ids ids;
    for (std::size_t i = 0; i < count * events_of_each; ++i) {
      ids.write(random.below(users), 0);
      const auto at = start + Duration::from_ms(static_cast<std::int64_t>(i * 100 / events_of_each));
      events.push_back(presence::PresenceEvent::heartbeat(std::string(ids.user()), std::string(ids.session()), at));
    }
    for (std::size_t i = 0; i < count; ++i) bytes.push_back(encode(i));
  }

  std::string encode(std::size_t i) const {
    const auto first = events.begin() + static_cast<std::ptrdiff_t>(i * events_of_each);
    return encode_events(first, first + static_cast<std::ptrdiff_t>(events_of_each));
  }
  std::vector<presence::PresenceEvent> events;
  std::vector<std::string> bytes;
};

std::size_t encode_batches(std::size_t users, Stopwatch& watch) {
  const auto& batches = cached<Batches>(users);
  std::size_t bytes = 0;
  watch.start();
  for (std::size_t i = 0; i < Batches::count; ++i) bytes += batches.encode(i).size();
  watch.stop();
  require(bytes <= 18 * batches.events.size(), "a heartbeat takes more than 18 bytes");
  return batches.events.size();
}

/// Without applying the events.
std::size_t decode_batches(std::size_t users, Stopwatch& watch) {
  const auto& batches = cached<Batches>(users);
  std::size_t ids = 0;
  Tally tally;
  watch.start();
  for (const std::string& batch : batches.bytes) {
    tally += presence::decode_events(batch, [&ids](const PresenceEventView& event) { ids += event.user.size(); })
                 .value_or(Tally());
  }
  watch.stop();
  benchmark::DoNotOptimize(ids);
  require(tally.applied == batches.events.size(), "a batch has other events");
  return batches.events.size();
}

}  // namespace

void register_wire() {
  for (const std::size_t users : all_sizes) {
    const auto name = [&](const char* what) { return "wire/" + std::string(what) + '/' + std::to_string(users); };
    register_round(name("encode"), [=](Stopwatch& watch) { return encode_all(users, watch); });
    register_round(name("decode"), [=](Stopwatch& watch) { return decode_all(users, watch); });
    register_round(name("encode_delta"), [=](Stopwatch& watch) { return encode_changes(users, watch); });
    register_round(name("apply_delta"), [=](Stopwatch& watch) { return apply_changes(users, watch); });
    register_round(name("encode_events"), [=](Stopwatch& watch) { return encode_batches(users, watch); });
    register_round(name("decode_events"), [=](Stopwatch& watch) { return decode_batches(users, watch); });
    for (const std::size_t differences : {1u, 100u, 10000u}) {
      if (differences > users / 2) continue;
      register_round(name(("exchange_" + std::to_string(differences)).c_str()),
                     [=](Stopwatch& watch) { return exchange(users, differences, watch); });
    }
  }
}

}  // namespace bench
