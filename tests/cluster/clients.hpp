// SPDX-License-Identifier: MIT
// The simulated clients of a node: devices that connect, send heartbeats, do something now and then, and leave, with a
// disconnect or without one.
#ifndef CLUSTER_CLIENTS_HPP
#define CLUSTER_CLIENTS_HPP

#include <presence/presence.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cluster {

/// splitmix64
inline std::uint64_t mixed(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

/// The shard of a user: the same on every node, so that a stream has all about its users. (FNV-1a)
inline std::size_t shard_of(std::string_view user, std::size_t shards) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : user) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return static_cast<std::size_t>(mixed(hash) % shards);
}

/// The clients of one node whose users belong to one shard. The devices of a user may be on different nodes. A session
/// id names the node, its start and the connection, and is never used again.
class Clients {
 public:
  struct Options {
    std::uint64_t seed = 1;
    std::size_t users = 0, shard = 0, shards = 1, node = 0, nodes = 1;
    std::string name;           ///< of the node and its start: "node-2.1"
    std::uint64_t start = 1;    ///< the number in it
    std::int64_t begin_ms = 0;  ///< when the node started
    std::int64_t end_ms = 0;    ///< when all clients fall silent
    std::int64_t slowdown = 1;  ///< the factor of all times between two events
    /// From the first of these times until the second, no client hides or shows its user.
    std::int64_t steady_from_ms = 0, steady_until_ms = 0;
  };

  explicit Clients(const Options& options)
      : end_(options.end_ms * 1000),
        slowdown_(options.slowdown),
        steady_from_(options.steady_from_ms * 1000),
        steady_until_(options.steady_until_ms * 1000) {
    for (std::size_t i = 0; i < options.users; ++i) {
      const std::string user = "user-" + std::to_string(i);
      if (shard_of(user, options.shards) != options.shard) continue;
      const std::uint64_t person = mixed(options.seed * 0x10001 + i);
      const std::size_t devices = person % 10 < 3 ? 2 : 1;
      for (std::size_t d = 0; d < devices; ++d) {
        if (mixed(person + d) % options.nodes != options.node) continue;
        Device device;
        device.user = user;
        device.place = options.name + "/" + std::to_string(d) + "-";
        device.state = mixed(person ^ (options.start * 64 + d));
        device.hides = person % 32 == 5;
        const bool is_early = device.below(4) != 0;
        add(std::move(device), options.begin_ms * 1000, is_early ? 3000 : 15000);
      }
    }
  }

  /// Calls `send(PresenceEvent)` for all that happens up to a time, in its order. Times are in microseconds after the
  /// beginning of the run; `date` makes timestamps of them.
  template <class Date, class Send>
  void run(std::int64_t until, Date&& date, Send&& send) {
    while (!queue_.empty() && queue_.top().first <= until && queue_.top().first < end_) {
      const auto [at, index] = queue_.top();
      queue_.pop();
      const std::int64_t next = happen(devices_[index], at, date(at), send);
      queue_.emplace(next, index);
    }
  }

  /// Returns whether nothing more happens.
  bool are_silent() const { return queue_.empty() || queue_.top().first >= end_; }

 private:
  using PresenceEvent = presence::PresenceEvent;

  struct Device {
    std::string user, place, session;
    std::uint64_t state = 0;
    bool hides = false, is_on = false;
    unsigned connections = 0;
    std::int64_t off_at = 0;

    std::uint64_t below(std::uint64_t end) { return (state = mixed(state)) % end; }
  };

  /// Returns microseconds.
  std::int64_t between_ms(Device& device, std::uint64_t least, std::uint64_t most) const {
    return slowdown_ * static_cast<std::int64_t>(1000 * least + device.below(1000 * (most - least)));
  }

  void add(Device device, std::int64_t from, std::uint64_t within_ms) {
    const std::int64_t at = from + between_ms(device, 0, within_ms);
    devices_.push_back(std::move(device));
    queue_.emplace(at, devices_.size() - 1);
  }

  template <class Send>
  std::int64_t happen(Device& device, std::int64_t now, presence::Timestamp at, Send& send) {
    const bool is_steady = steady_from_ <= now && now < steady_until_;
    if (!device.is_on) {
      device.is_on = true;
      device.session = device.place + std::to_string(++device.connections);
      device.off_at = now + between_ms(device, 4000, 40000);
      PresenceEvent hello = PresenceEvent::connect(device.user, device.session, at);
      const bool is_hidden = device.hides && device.below(2) == 0;
      if (device.hides && !is_steady) hello.invisible = is_hidden;
      send(hello);
    } else if (now >= device.off_at) {
      device.is_on = false;
      if (device.below(5) != 0) send(PresenceEvent::disconnect(device.user, device.session, at));
      return now + between_ms(device, 1000, 10000);
    } else {
      send(PresenceEvent::heartbeat(device.user, device.session, at));
      act(device, at, is_steady, send);
    }
    const std::int64_t next = now + between_ms(device, 1700, 2000);  // the longest gap is 2 s
    return next < device.off_at ? next : device.off_at;
  }

  template <class Send>
  static void act(Device& device, presence::Timestamp at, bool is_steady, Send& send) {
    switch (device.below(40)) {
      case 0:
      case 1: send(PresenceEvent::set_status(device.user, "text " + std::to_string(device.below(1000)), at)); break;
      case 2: send(PresenceEvent::active(device.user, device.session, at)); break;
      case 3: {
        PresenceEvent update = PresenceEvent::update(device.user, device.session, at);
        update.availability = device.below(2) == 0 ? presence::Availability::away : presence::Availability::busy;
        send(update);
        break;
      }
      case 4:
        send(PresenceEvent::set_data(device.user, "level", static_cast<std::int64_t>(device.below(100)), at));
        break;
      case 5: {
        const bool is_visible = device.hides && device.below(2) == 0;
        if (device.hides && !is_steady) send(PresenceEvent::set_visible(device.user, is_visible, at));
        break;
      }
      default: break;
    }
  }

  using Next = std::pair<std::int64_t, std::size_t>;
  std::int64_t end_, slowdown_, steady_from_, steady_until_;
  std::vector<Device> devices_;
  std::priority_queue<Next, std::vector<Next>, std::greater<Next>> queue_;
};

}  // namespace cluster

#endif  // CLUSTER_CLIENTS_HPP
