// SPDX-License-Identifier: MIT
// Several nodes, each with sessions of its own, over a log that is read late, repeatedly and in pieces, and to which some
// batches are appended late or twice. In the end all nodes show what a single node shows that received all events.
#include "history.hpp"

#include <presence/presence.hpp>
#include <presence/replica.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace property;

namespace {

using presence::Checkpoint;
using presence::Inbox;
using presence::Outbox;
using presence::OutboxOptions;
using presence::Result;

Timestamp at(std::int64_t ms) { return Timestamp::from_ms(1546858800000 + ms); }

/// The users whose visible state differs. Heartbeats that were not sent may have left registers that only a late event
/// could reveal, so the snapshots themselves need not be equal.
std::string difference(const Snapshot& expected, const Snapshot& found) {
  std::string users;
  presence::diff(expected, found, [&users](const UserPresenceChangedView& change) { users += std::string(change.id) + ", "; });
  return users;
}

struct Node {
  Node(const Rules& rules, const OutboxOptions& options) : snapshot(rules), outbox(rules, options), inbox(rules) {}

  Snapshot snapshot;
  Outbox outbox;
  Inbox inbox;
  std::size_t read = 0;            ///< entries of the log
  std::vector<std::string> delayed;  ///< batches whose append has failed so far
};

class World {
 public:
  explicit World(std::uint64_t seed) : chance_(seed) {
    rules.session_timeout = Duration::from_s(60);
    rules.last_active_refresh = Duration::from_s(chance_.any({0, 20, 900}));
    rules.heartbeat_is_activity = !chance_.one_in(4);
    rules.idle_after = Duration::from_s(chance_.any({0, 25}));
    rules.offline_grace = Duration::from_s(chance_.any({0, 10}));
    OutboxOptions options;
    options.heartbeat_period = Duration::from_s(chance_.any({0, 5, 15}));
    for (std::size_t i = 0; i < 3; ++i) nodes.emplace_back(rules, options);
    all.emplace(rules);
  }

  void run(std::size_t ticks) {
    for (std::size_t i = 0; i < ticks; ++i) tick();
    // All clients leave time for the last heartbeats to be sent.
    now_ += 16000;
    for (Node& node : nodes) exchange(node, true);
    for (Node& node : nodes) receive(node, log.size());
    pass(0);
  }
  void pass(std::int64_t ms) {
    now_ += ms;
    for (Node& node : nodes) node.snapshot = reduce(std::move(node.snapshot), at(now_));
    *all = reduce(std::move(*all), at(now_));
  }

  Rules rules;
  std::deque<Node> nodes;  // an outbox cannot be moved
  std::optional<Snapshot> all;  ///< of a node that receives every event at once
  std::vector<std::string> log;
  std::size_t events = 0, sent = 0, checkpoints = 0;

 private:
  void tick() {
    now_ += chance_.between(1, 4000);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      Node& node = nodes[i];
      for (std::size_t left = chance_.below(5); left > 0; --left) happen(node, i);
      exchange(node, false);
      if (chance_.one_in(3)) receive(node, node.read + chance_.below(log.size() - node.read + 1));
      if (chance_.one_in(2)) node.snapshot = reduce(std::move(node.snapshot), at(now_));
      if (chance_.one_in(40)) restart(node);
    }
    if (chance_.one_in(2)) *all = reduce(std::move(*all), at(now_));
    // No node is behind for longer than the rules allow.
    for (Node& node : nodes) {
      if (chance_.one_in(6)) receive(node, log.size());
    }
  }

  void happen(Node& node, std::size_t number) {
    const std::string user = "user " + std::to_string(chance_.below(3)),
                      session = "node " + std::to_string(number) + " " + std::to_string(chance_.below(2));
    const Timestamp when = at(now_ - chance_.any<std::int64_t>({0, 0, 0, 500}));
    PresenceEvent event = PresenceEvent::heartbeat(user, session, when);
    switch (chance_.below(16)) {
      case 0: event = PresenceEvent::connect(user, session, when); break;
      case 1: event = PresenceEvent::disconnect(user, session, when); break;
      case 2: event = PresenceEvent::set_status(user, chance_.one_in(2) ? "here" : "there", when); break;
      case 3: event = PresenceEvent::set_visible(user, chance_.one_in(2), when); break;
      case 4: event = PresenceEvent::active(user, session, when); break;
      case 5:
        event = PresenceEvent::update(user, session, when);
        event.availability = chance_.one_in(2) ? Availability::away : Availability::busy;
        break;
      default: break;
    }
    if (!accepted(presence::apply(node.snapshot, event))) return;
    REQUIRE(accepted(presence::apply(*all, event)));
    node.outbox.add(event);
    ++events;
  }

  void append(std::string batch) {
    if (chance_.one_in(8)) log.push_back(batch);  // twice
    log.push_back(std::move(batch));
  }
  void exchange(Node& node, bool is_last) {
    if (std::string batch = node.outbox.take(at(now_)); !batch.empty()) {
      sent += presence::decode_events(batch, [](const PresenceEventView&) {}).value_or(Tally()).total();
      if (!is_last && chance_.one_in(6)) {
        node.delayed.push_back(std::move(batch));
      } else {
        append(std::move(batch));
      }
    }
    CHECK((!is_last || !node.outbox.next_take()));
    if (!is_last && !chance_.one_in(3)) return;
    for (std::string& batch : node.delayed) append(std::move(batch));
    node.delayed.clear();
    if (chance_.one_in(10)) node.outbox.resend(at(now_ - 5000), [this](std::string_view one) { log.emplace_back(one); });
  }

  void receive(Node& node, std::size_t end) {
    if (chance_.one_in(4)) node.read -= chance_.below(node.read + 1) % 5;  // some of them again
    for (; node.read < end; ++node.read) {
      const Result<Tally> tally = node.inbox.add(std::to_string(node.read), log[node.read], at(now_));
      REQUIRE(tally.has_value());
      CHECK(tally->refused() == 0);
    }
    presence::merge_into(node.snapshot, node.inbox.take());
  }

  /// Continues from a checkpoint of another node; what this node has not sent stays in its outbox.
  void restart(Node& node) {
    receive(node, log.size());
    Node& other = nodes[chance_.below(nodes.size())];
    receive(other, log.size());
    Checkpoint checkpoint;
    checkpoint.snapshot = other.snapshot;
    checkpoint.position = std::to_string(other.read);
    const Result<Checkpoint> found = presence::decode_checkpoint(presence::encode_checkpoint(checkpoint), rules);
    REQUIRE(found.has_value());
    CHECK(found->snapshot == other.snapshot);
    presence::merge_into(node.snapshot, found->snapshot);
    node.read = static_cast<std::size_t>(std::stoull(found->position));
    node.inbox = Inbox(rules, found->position);
    ++checkpoints;
  }

  Chance chance_;
  std::int64_t now_ = 0;
};

}  // namespace

TEST_CASE("nodes that read the same log show what one node with all events shows") {
  std::size_t events = 0, sent = 0, checkpoints = 0, equal = 0, nodes = 0;
  for (std::size_t round = 0; round < histories_to_try(300); ++round) {
    const std::uint64_t seed = round == 0 ? first_seed() : mixed(mixed(first_seed(), 0x4E), round);
    INFO("seed " << seed);
    World world(seed);
    world.run(60);
    for (const Node& node : world.nodes) equal += node.snapshot == *world.all ? 1u : 0u;
    nodes += world.nodes.size();
    // Also while sessions time out.
    for (const std::int64_t ms : {0, 20000, 20000, 20000, 20000}) {
      world.pass(ms);
      for (const Node& node : world.nodes) CHECK(difference(*world.all, node.snapshot) == "");
    }
    events += world.events;
    sent += world.sent;
    checkpoints += world.checkpoints;
  }
  CHECK_REACHED(sent < events);
  CHECK_REACHED(checkpoints > 100);
  CHECK_REACHED(equal * 100 >= nodes * 95);
}
