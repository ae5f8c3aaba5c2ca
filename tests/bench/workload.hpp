// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TESTS_BENCH_WORKLOAD_HPP
#define PRESENCE_TESTS_BENCH_WORKLOAD_HPP

// What all benchmarks feed to the library and to its baselines: the same on every run and every machine.
//
// Users are called "user-000123", their sessions "s000123a" and, for three users in ten, "s000123b". Each second a
// tenth of as many events comes as there are users: 70 % heartbeats, 10 % connects, 10 % disconnects, 10 % statuses of
// 0 to 40 bytes. A session that was silent for 30 s ends.

#include <presence/presence.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

using presence::Duration;
using presence::EventType;
using presence::PresenceEventView;
using presence::Rules;
using presence::Snapshot;
using presence::Tally;
using presence::Timestamp;

inline Rules workload_rules() {
  Rules rules;
  rules.session_timeout = Duration::from_s(30);
  return rules;
}

inline constexpr Timestamp start = Timestamp::from_ms(1772409600000);  // 2026-03-02T00:00:00Z
inline constexpr std::size_t batch_size = 512;

/// How many events come each second: a tenth of the users, rounded so that seconds are made of whole batches.
constexpr std::size_t events_per_second(std::size_t users) { return (users + 4999) / 5000 * batch_size; }

/// Bits of a number that look random: SplitMix64's.
constexpr std::uint64_t scatter(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(scatter(seed)) {}

  std::uint64_t next() { return scatter(state_++); }
  std::uint32_t below(std::size_t limit) { return static_cast<std::uint32_t>((next() >> 32) * limit >> 32); }
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

inline std::vector<std::uint32_t> shuffled_users(std::size_t users, std::uint64_t seed) {
  std::vector<std::uint32_t> order(users);
  std::iota(order.begin(), order.end(), 0u);
  Random random(seed);
  for (std::size_t i = users; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

constexpr std::uint32_t sessions_of(std::uint32_t user) { return scatter(user) % 10 < 3 ? 2 : 1; }

inline std::size_t sessions_among(std::size_t users) {
  std::size_t sessions = 0;
  for (std::uint32_t user = 0; user < users; ++user) sessions += sessions_of(user);
  return sessions;
}

/// The strings of one event.
struct Ids {
  std::array<char, 32> text;

  void write(std::uint32_t user_number, std::uint32_t session_number) {
    constexpr std::string_view model = "user-000000s000000a";
    std::copy(model.begin(), model.end(), text.begin());
    for (std::size_t digit = 6; digit-- > 0; user_number /= 10)
      text[5 + digit] = text[12 + digit] = static_cast<char>('0' + user_number % 10);
    text[18] = static_cast<char>('a' + session_number);
  }
  std::string_view user() const { return {text.data(), 11}; }
  std::string_view session() const { return {text.data() + 11, 8}; }
};

/// An event, but for its strings and its timestamp.
struct Draw {
  std::uint32_t user = 0;
  std::uint8_t session = 0;
  EventType type = EventType::heartbeat;
  std::uint8_t status_from = 0, status_bytes = 0;
};

enum class Choice { uniform, zipf };  ///< of users; zipf with exponent 0.99
enum class Kinds { heartbeats, statuses, mixed };

inline std::vector<Draw> draw_events(std::size_t users, Choice choice, Kinds kinds) {
  Random random(users);
  std::vector<double> below_rank;  // how likely a lower rank is, times a constant
  std::vector<std::uint32_t> user_of_rank;
  double weights = 0;
  if (choice == Choice::zipf) {
    for (std::size_t rank = 0; rank < users; ++rank) {
      below_rank.push_back(weights);
      weights += std::pow(static_cast<double>(rank + 1), -0.99);
    }
    user_of_rank = shuffled_users(users, 1);
  }
  std::vector<Draw> draws(std::max<std::size_t>(40 * events_per_second(users), 1u << 20));
  for (Draw& draw : draws) {
    if (choice == Choice::zipf) {
      const auto above = std::upper_bound(below_rank.begin(), below_rank.end(), random.unit() * weights);
      draw.user = user_of_rank[static_cast<std::size_t>(above - below_rank.begin() - 1)];
    } else {
      draw.user = random.below(users);
    }
    draw.session = static_cast<std::uint8_t>(random.below(sessions_of(draw.user)));
    draw.status_from = static_cast<std::uint8_t>(random.below(64));
    draw.status_bytes = static_cast<std::uint8_t>(random.below(41));
    const std::uint32_t kind = random.below(10);
    if (kinds == Kinds::statuses || (kinds == Kinds::mixed && kind == 0)) draw.type = EventType::set_status;
    if (kinds == Kinds::mixed && kind == 1) draw.type = EventType::connect;
    if (kinds == Kinds::mixed && kind == 2) draw.type = EventType::disconnect;
  }
  return draws;
}

inline std::string_view status_text(const Draw& draw) {
  static constexpr std::string_view words =
      "out for lunch, back at two; in a meeting until further notice, please knock; travelling this week, slow to "
      "answer";
  static_assert(words.size() >= 64 + 40, "any start and any length must fit");
  return words.substr(draw.status_from, draw.status_bytes);
}

/// Makes events of draws, a batch at a time and in the same few kilobytes, as a server does that reads them from a
/// socket: what is measured finds their strings in the cache. Goes round and round; time goes on by `gap` an event.
class Stream {
 public:
  Stream(const std::vector<Draw>& draws, Timestamp& clock, Duration gap)
      : draws_(draws), clock_(clock), gap_(gap), ids_(batch_size), events_(batch_size) {}

  const std::vector<PresenceEventView>& next() {
    first_ = (first_ + batch_size) % draws_.size();
    for (std::size_t i = 0; i < batch_size; ++i) {
      const Draw& draw = draws_[first_ + i];
      ids_[i].write(draw.user, draw.session);
      write(events_[i], draw.type, ids_[i], draw);
    }
    return events_;
  }

  /// The same sessions once more, later.
  const std::vector<PresenceEventView>& again(EventType type) {
    for (std::size_t i = 0; i < batch_size; ++i) write(events_[i], type, ids_[i], draws_[first_ + i]);
    return events_;
  }

  /// The number of the user of an event of the batch, for who needs no text.
  std::uint32_t user(std::size_t i) const { return draws_[first_ + i].user; }
  Timestamp now() const { return clock_; }

 private:
  void write(PresenceEventView& event, EventType type, const Ids& ids, const Draw& draw) {
    clock_ += gap_;
    event.type = type;
    event.user = ids.user();
    event.session = ids.session();
    event.at = clock_;
    event.status.reset();
    if (type == EventType::set_status) {
      event.session = {};
      event.status = status_text(draw);
    }
  }

  const std::vector<Draw>& draws_;  // a multiple of batch_size
  Timestamp& clock_;
  Duration gap_;
  std::vector<Ids> ids_;
  std::vector<PresenceEventView> events_;
  std::size_t first_ = 0;
};

/// When a session of a world that begins connected last connected: at most `spread` before the start. A function of the
/// session alone, so that worlds built in different orders are equal.
inline Timestamp connected_at(std::uint32_t user, std::uint32_t session, Duration spread) {
  const std::uint64_t before = scatter(user * 2 + session) % static_cast<std::uint64_t>(spread.ns() + 1);
  return start - Duration::from_ns(static_cast<std::int64_t>(before));
}

/// Calls `fn` with a connect of each session of each user, users in an order that `seed` decides.
template <class Fn>
void each_connect(std::size_t users, Duration spread, std::uint64_t seed, Fn&& fn) {
  Ids ids;
  for (const std::uint32_t user : shuffled_users(users, seed)) {
    for (std::uint32_t session = 0; session < sessions_of(user); ++session) {
      ids.write(user, session);
      PresenceEventView event;
      event.type = EventType::connect;
      event.user = ids.user();
      event.session = ids.session();
      event.at = connected_at(user, session, spread);
      fn(static_cast<const PresenceEventView&>(event));
    }
  }
}

/// What a session in a match does: 100 bytes of JSON, which differ from user to user.
inline presence::Attributes activity_of(std::string_view user) {
  presence::Attributes activity;
  activity["match"] = std::string("eu-west/").append(user);
  activity["mode"] = "ranked";
  activity["map"] = "harbour";
  activity["party"] = 4;
  activity["details"] = "round 3 of ten";
  return activity;
}

/// Five names of data, as a profile has them.
template <class Fn>
void each_data(std::string_view user, Fn&& fn) {
  fn("name", presence::Value(std::string("Jane ").append(user)));
  fn("image", presence::Value(std::string("https://example.org/").append(user).append(".png")));
  fn("team", presence::Value("harbour"));
  fn("level", presence::Value(17));
  fn("country", presence::Value("NL"));
}

}  // namespace bench

#endif  // PRESENCE_TESTS_BENCH_WORKLOAD_HPP
