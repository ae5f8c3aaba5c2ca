// SPDX-License-Identifier: MIT

// Two nodes merge what they know, and share no memory. Counted per user.

#include "baselines.hpp"
#include "harness.hpp"

namespace bench {
namespace {

constexpr std::uint64_t our_order = 2, their_order = 3;

struct Nodes {
  explicit Nodes(std::size_t users)
      : ours(connected_users(users, Duration(), our_order)), equal(connected_users(users, Duration(), their_order)) {
    require(ours == equal, "the two nodes are not equal");
    newer = equal;
    const std::vector<std::uint32_t> order = shuffled_users(users, 4);
    Ids ids;
    Tally tally;
    for (std::size_t i = 0; i < users / 10; ++i) {
      ids.write(order[i], 0);
      const auto event = PresenceEventView::heartbeat(ids.user(), ids.session(), start + Duration::from_ms(500));
      tally += presence::apply(newer, &event, &event + 1);
    }
    require_applied(tally);
  }
  Snapshot ours, equal, newer;
};

/// Two that have never met.
std::size_t merge_equal(std::size_t users, Stopwatch& watch) {
  Snapshot ours = connected_users(users, Duration(), our_order);
  const Snapshot theirs = connected_users(users, Duration(), their_order);
  go_over(ours);
  go_over(theirs);
  watch.start();
  merge_into(ours, theirs);
  watch.stop();
  require(ours == theirs, "the merge of two equal snapshots is not equal to them");
  return users;
}

/// Two that were found to be equal before.
std::size_t merge_equal_again(std::size_t users, Stopwatch& watch) {
  const auto& nodes = cached<Nodes>(users);
  Snapshot merged = nodes.ours;
  go_over(merged);
  go_over(nodes.equal);
  watch.start();
  merge_into(merged, nodes.equal);
  watch.stop();
  require(merged == nodes.ours, "the merge of two equal snapshots is not equal to them");
  return users;
}

std::size_t merge_newer(std::size_t users, Stopwatch& watch) {
  const auto& nodes = cached<Nodes>(users);
  Snapshot merged = connected_users(users, Duration(), our_order);  // anew, so that it is written in place
  go_over(merged);
  go_over(nodes.newer);
  watch.start();
  merge_into(merged, nodes.newer);
  watch.stop();
  require(merged == nodes.newer, "the merge with a newer snapshot is not equal to it");
  return users;
}

// Small messages: events that a node received, reduced into a snapshot each, against applying the same events. As a
// Store does, both listen.

constexpr std::size_t merged_events = 12800;

struct Messages {
  Messages(std::size_t users, EventType type, std::size_t together) {
    const std::vector<std::uint32_t> order = shuffled_users(users, 5);
    Ids ids;
    for (std::size_t i = 0; i < merged_events; ++i) {
      ids.write(order[i], 0);
      presence::PresenceEvent event;
      event.type = type;
      event.user = ids.user();
      event.at = start + Duration::from_ms(2500);
      if (type == EventType::set_status) event.status = "in a match";
      if (type != EventType::set_status) event.session = ids.session();
      events.push_back(std::move(event));
    }
    for (std::size_t i = 0; i < events.size(); i += together) {
      Snapshot message(workload_rules());
      for (std::size_t j = i; j < events.size() && j < i + together; ++j)
        message = reduce(std::move(message), events[j]);
      messages.push_back(std::move(message));
    }
  }
  std::vector<presence::PresenceEvent> events;
  std::vector<Snapshot> messages;
};

std::size_t take_messages(std::size_t users, EventType type, std::size_t together, bool merges, Stopwatch& watch) {
  const Messages all(users, type, together);
  Snapshot ours = connected_users(users, Duration(), our_order);
  presence::apply(ours, start + Duration::from_ms(2500));
  std::size_t changes = 0;
  const auto on_change = [&changes](const presence::UserPresenceChangedView&) { ++changes; };
  go_over(ours);
  watch.start();
  if (merges) {
    for (const Snapshot& message : all.messages) merge_into(ours, message, on_change);
  } else {
    for (std::size_t i = 0; i < all.events.size(); i += together)
      presence::apply(ours, all.events.begin() + static_cast<std::ptrdiff_t>(i),
                      all.events.begin() + static_cast<std::ptrdiff_t>(i + together), on_change);
  }
  watch.stop();
  // A user with another session stays online after a disconnect.
  const bool is_as_expected = type == EventType::heartbeat    ? changes == 0
                              : type == EventType::disconnect ? changes > merged_events / 2
                                                              : changes == merged_events;
  require(is_as_expected, "the users have not changed as expected");
  return merged_events;
}

// The bare map: iterates over theirs, finds each in ours, takes the later. Where theirs is such a map too, it is
// iterated in the order of its table, which for absl is nearly that of ours, so that hardly a look-up misses the cache;
// hence also theirs as a list in an order of its own, which is how maps that keep their entries in one array go over
// them.

using List = std::vector<std::pair<std::string, Timestamp>>;

void make(FastMap::Map& map, std::size_t users, std::uint64_t order) { map = users_in_map<FastMap>(users, order); }
void make(List& list, std::size_t users, std::uint64_t order) {
  each_connect(users, Duration(), order, [&](const PresenceEventView& event) {
    if (list.empty() || list.back().first != event.user) list.emplace_back(event.user, event.at);
  });
}

template <class Entries>
void go_over(const Entries& entries) {
  std::size_t bytes = 0;
  for (const auto& entry : entries) bytes += entry.first.size();
  benchmark::DoNotOptimize(bytes);
}

template <class Theirs>
struct MapNodes {
  explicit MapNodes(std::size_t users) : ours(users_in_map<FastMap>(users, our_order)) {
    make(theirs, users, their_order);
  }
  FastMap::Map ours;
  Theirs theirs;
};

template <class Theirs>
std::size_t merge_maps(std::size_t users, bool newer, Stopwatch& watch) {
  auto& nodes = cached<MapNodes<Theirs>>(users);
  if (newer) {
    std::size_t position = 0;
    for (auto& entry : nodes.theirs) {
      if (scatter(position++) % 10 == 0) entry.second += Duration::from_ms(500);
    }
  }
  go_over(nodes.ours);
  go_over(nodes.theirs);
  watch.start();
  for (const auto& entry : nodes.theirs) {
    const auto found = FastMap::find(nodes.ours, entry.first);
    if (found != nodes.ours.end() && found->second < entry.second) found->second = entry.second;
  }
  benchmark::ClobberMemory();
  watch.stop();
  return users;
}

}  // namespace

void register_merging() {
  constexpr std::pair<const char*, EventType> kinds[] = {{"heartbeat", EventType::heartbeat},
                                                         {"connect", EventType::connect},
                                                         {"status", EventType::set_status},
                                                         {"disconnect", EventType::disconnect}};
  for (const auto& kind : kinds) {
    for (const std::size_t together : {std::size_t{1}, std::size_t{64}}) {
      const std::string name = std::string(kind.first) + "/" + std::to_string(together);
      const EventType type = kind.second;
      for (const bool merges : {false, true}) {
        register_round(
            (merges ? "merging/message_" : "merging/applied_") + name,
            [type, together, merges](Stopwatch& w) { return take_messages(100000, type, together, merges, w); });
      }
    }
  }
  for (const std::size_t users : {std::size_t{100000}, std::size_t{1000000}}) {
    const std::string size = "/" + std::to_string(users);
    register_round("merging/equal" + size, [users](Stopwatch& watch) { return merge_equal(users, watch); });
    register_round("merging/equal_again" + size, [users](Stopwatch& watch) { return merge_equal_again(users, watch); });
    register_round("merging/newer" + size, [users](Stopwatch& watch) { return merge_newer(users, watch); });
    for (const bool newer : {false, true}) {
      const std::string which = (newer ? "newer" : "equal") + size;
      register_round("merging/map_" + which,
                     [users, newer](Stopwatch& watch) { return merge_maps<FastMap::Map>(users, newer, watch); });
      register_round("merging/list_" + which,
                     [users, newer](Stopwatch& watch) { return merge_maps<List>(users, newer, watch); });
    }
  }
}

}  // namespace bench
