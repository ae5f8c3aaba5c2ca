// SPDX-License-Identifier: MIT
// Nodes that are updated one after the other. What the newer ones write has a newer version, with a body that the
// others cannot read.
#include <presence/binary/anti_entropy.hpp>
#include <presence/binary/detail/framing.hpp>
#include <presence/replica.hpp>

#include "../rich.hpp"
#include "../second_writer.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace support;
using namespace support::second_writer;

namespace {

constexpr unsigned snapshot_kind = 0, delta_kind = 1, sketch_kind = 2, updates_kind = 3, events_kind = 4,
                   checkpoint_kind = 5;
constexpr unsigned all_kinds[] = {snapshot_kind, delta_kind, sketch_kind, updates_kind, events_kind, checkpoint_kind};
constexpr std::size_t frame_head = 6;

std::string batch_of(const std::vector<PresenceEvent>& events) { return encode_events(events.begin(), events.end()); }
unsigned byte_of(const std::string& bytes, std::size_t place) { return static_cast<unsigned char>(bytes[place]); }
std::string random_bytes(Chance& chance, std::size_t most) {
  std::string bytes;
  for (std::size_t left = chance.below(most + 1); left > 0; --left)
    bytes += octet(static_cast<unsigned>(chance.below(256)));
  return bytes;
}

/// The same kind in a newer version.
std::string newer(const std::string& bytes, Chance& chance) {
  const unsigned kind = byte_of(bytes, 5);
  const unsigned version = byte_of(bytes, 4) + 1 + static_cast<unsigned>(chance.below(3));
  const std::string head = "PRSN" + octet(version) + octet(kind);
  switch (chance.below(6)) {
    case 0: return head + random_bytes(chance, 100);  // another layout, or another checksum
    case 1: return head + bytes.substr(frame_head);
    case 2: return head + bytes.substr(frame_head, chance.below(bytes.size() - frame_head));
    case 3: return framed_body(random_bytes(chance, 100), kind, version);
    case 4: return head;
    // Of the body, only the version says that it is not to be read.
    default:
      return kind == checkpoint_kind ? head + bytes.substr(frame_head) : framed_body(body_of(bytes), kind, version);
  }
}

Snapshot some_users() {
  return reduce(folded({connect("john", "phone", at(0)), says("john", "hi", at(1)), connect("mary", "tv", at(2))}),
                at(5));
}

/// Current bytes of that kind.
std::string written(unsigned kind) {
  const Snapshot users = some_users();
  switch (kind) {
    case snapshot_kind: return encode(users);
    case delta_kind: return encode_delta(Snapshot(), users);
    case sketch_kind: return presence::sketch(users);
    case updates_kind: {
      Snapshot other = reduce(Snapshot(), at(5));
      return *reconcile(other, presence::sketch(users), at(5));
    }
    case events_kind: return batch_of({connect("john", "phone", at(0)), says("john", "hi", at(1))});
    default: return encode_checkpoint(Checkpoint{users, "41"});
  }
}

/// "unknown_version at 4" or "accepted". Nothing may be taken of what is refused.
std::string judged(unsigned kind, std::string_view bytes) {
  std::optional<Error> error;
  const auto keep = [&error](const auto& result) {
    if (!result) error = result.error();
  };
  const Snapshot before = reduce(Snapshot(), says("ann", "here", at(4)));
  Snapshot after = before;
  Inbox inbox(Rules(), "6");
  std::size_t delivered = 0;
  switch (kind) {
    case snapshot_kind: keep(decode(bytes, Rules())); break;
    case delta_kind: error = apply_delta(after, bytes, at(5)); break;
    case sketch_kind:
    case updates_kind: keep(reconcile(after, bytes, at(5))); break;
    case events_kind: keep(inbox.add("7", bytes, at(5), [&delivered](std::size_t, Verdict) { ++delivered; })); break;
    default: keep(decode_checkpoint(bytes, Rules())); break;
  }
  if (!error) return "accepted";
  CHECK(after == before);
  CHECK(delivered == 0);
  CHECK(inbox.take() == Snapshot());
  CHECK((inbox.position() == "6") == (kind != events_kind || error->code == ErrorCode::unknown_version));
  return std::string(to_string(error->code)) + " at " + std::to_string(error->offset);
}

}  // namespace

TEST_CASE("every reader recognises a newer version before it judges anything after the first six bytes") {
  Chance chance(20260302);
  for (const unsigned kind : all_kinds) {
    const std::string bytes = written(kind);
    CAPTURE(kind);
    REQUIRE(byte_of(bytes, 5) == kind);
    REQUIRE(judged(kind, bytes) == "accepted");
    for (unsigned version = byte_of(bytes, 4) + 1; version < 256; version += 1 + version / 8) {
      CAPTURE(version);
      const std::string head = "PRSN" + octet(version) + octet(kind);
      for (std::size_t size = 0; size < frame_head; ++size)
        CHECK(judged(kind, head.substr(0, size)) == "truncated at " + std::to_string(size));
      for (std::size_t size = frame_head; size <= bytes.size(); ++size)
        CHECK(judged(kind, head + bytes.substr(frame_head, size - frame_head)) == "unknown_version at 4");
      CHECK(judged(kind, head + bytes.substr(frame_head) + "x") == "unknown_version at 4");
      CHECK(judged(kind, framed({body_of(bytes)}, kind, version)) == "unknown_version at 4");
      CHECK(judged(kind, framed({}, kind, version)) == "unknown_version at 4");
      for (int i = 0; i < 20; ++i) CHECK(judged(kind, head + random_bytes(chance, 60)) == "unknown_version at 4");
    }
  }
}

TEST_CASE("a version that is newer than all is unknown whatever its kind is") {
  for (const unsigned reader : all_kinds) {
    for (const unsigned kind : {0u, 1u, 2u, 3u, 4u, 5u, 6u, 255u})
      CHECK(judged(reader, "PRSN" + octet(4) + octet(kind)) == "unknown_version at 4");
  }
}

TEST_CASE("a decoder that receives pieces recognises a newer version with the sixth byte") {
  const std::string bytes = "PRSN" + octet(3) + octet(snapshot_kind) + "anything";
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    Decoder decoder((Rules()));
    for (std::size_t i = 0; i < bytes.size(); i += size)
      CHECK(decoder.push(std::string_view(bytes).substr(i, size)) == (i + size < frame_head));
    CHECK(decoder.finish().error() == Error{ErrorCode::unknown_version, 4, ""});
  }
}

TEST_CASE("a checkpoint with a snapshot of a newer version is unknown, and nothing of it is taken") {
  const Checkpoint checkpoint{some_users(), "41"};
  const std::string bytes = encode_checkpoint(checkpoint), snapshot = encode(checkpoint.snapshot);
  const std::size_t begin = bytes.size() - snapshot.size();
  Chance chance(7);
  for (int i = 0; i < 100; ++i)
    CHECK(judged(checkpoint_kind, bytes.substr(0, begin) + newer(snapshot, chance)) ==
          "unknown_version at " + std::to_string(begin + 4));
}

TEST_CASE("stored bytes of one version earlier are read, messages of an exchange are not") {
  for (const unsigned kind : all_kinds) {
    CAPTURE(kind);
    const bool is_message = kind == sketch_kind || kind == updates_kind;
    for (unsigned version = 1; version < 5; ++version) {
      const unsigned current = detail::version_of(static_cast<detail::FrameKind>(kind));
      CHECK(detail::is_read(static_cast<detail::FrameKind>(kind), version) ==
            (version == current || (!is_message && version + 1 == current)));
    }
    CHECK_FALSE(detail::is_read(static_cast<detail::FrameKind>(kind), 0));
  }
  // A user with a status, which is the same record in versions 1 and 2.
  const std::string body = octet(0) + text_bytes("john") + octet(1 | 64) + octet(2) + earlier(0) + text_bytes("hi");
  for (const unsigned version : {1u, 2u}) {
    Snapshot s;
    CHECK_FALSE(apply_delta(s, framed({body}, delta_kind, version), at(0)));
    CHECK(status(s, "john") == "hi");
    const std::string empty = encode_checkpoint(Checkpoint{Snapshot(), "41"}), snapshot = framed({body}, 0, version);
    const Result<Checkpoint> found =
        decode_checkpoint(empty.substr(0, empty.size() - encode(Snapshot()).size()) + snapshot, Rules());
    REQUIRE(found.has_value());
    CHECK(found->snapshot == *decode(snapshot, Rules()));
    CHECK(status(found->snapshot, "john") == "hi");
  }
}

TEST_CASE("a node stops at a newer entry, serves on, and continues from there after its update") {
  const std::string first = batch_of({connect("ann", "2-tv", at(0))}), second = batch_of({says("mary", "hi", at(1))}),
                    third = batch_of({connect("mary", "2-tv", at(2))});
  std::string second_as_written = "PRSN" + octet(2) + octet(events_kind) + "another layout";
  const Rules rules;
  Snapshot s(rules), all = folded({connect("ann", "2-tv", at(0)), says("mary", "hi", at(1)),
                                   connect("mary", "2-tv", at(2)), connect("john", "1-phone", at(3))});
  Inbox inbox(rules, "0");
  CHECK(inbox.add("1", first, at(3))->applied == 1);
  CHECK(inbox.add("2", second_as_written, at(3)).error().code == ErrorCode::unknown_version);
  CHECK(inbox.position() == "1");
  merge_into(s, inbox.take());
  CHECK(apply(s, connect("john", "1-phone", at(3))) == Verdict::applied);  // its own client
  CHECK(s.online("ann"));
  CHECK(inbox.add("2", second_as_written, at(4)).error().code == ErrorCode::unknown_version);  // it may try again
  CHECK(inbox.position() == "1");

  const std::string stored = encode_checkpoint(Checkpoint{s, inbox.position()});  // it ends, and starts updated
  Result<Checkpoint> own = decode_checkpoint(stored, rules);
  REQUIRE(own.has_value());
  Inbox updated(rules, own->position);
  CHECK(updated.add("2", second, at(5))->applied == 1);
  CHECK(updated.add("3", third, at(5))->applied == 1);
  merge_into(own->snapshot, updated.take());
  CHECK(updated.position() == "3");
  own->snapshot = reduce(std::move(own->snapshot), at(5));
  CHECK(own->snapshot == reduce(std::move(all), at(5)));
}

namespace {

/// What is in the log, or a checkpoint.
struct Written {
  std::string as_written;  ///< in the version of its writer
  std::string readable;    ///< the same content in the version that this library knows: what updated readers read
  bool is_newer = false;
};

struct Node {
  Node(const Rules& rules, const OutboxOptions& options) : snapshot(rules), outbox(rules, options), inbox(rules, "0") {}

  std::size_t position() const { return static_cast<std::size_t>(std::stoull(inbox.position())); }

  Snapshot snapshot;
  Outbox outbox;
  Inbox inbox;
  bool is_updated = false, is_stopped = false;
};

/// Several nodes with one log and one place for the newest checkpoint. The position is the number of entries read.
class World {
 public:
  explicit World(std::uint64_t seed) : chance_(seed), all(rules_()) {
    OutboxOptions options;
    options.heartbeat_period = seconds(5);
    for (std::size_t i = 0; i < 3; ++i) nodes.emplace_back(rules_(), options);
  }

  void run() {
    constexpr std::size_t ticks = 40;
    std::size_t update_at[3];
    for (std::size_t& tick_of_update : update_at) tick_of_update = chance_.below(ticks);
    for (std::size_t i = 0; i < ticks; ++i) {
      now_ += 1 + static_cast<std::int64_t>(chance_.below(3000));
      for (std::size_t number = 0; number < nodes.size(); ++number) {
        if (update_at[number] == i) restart_updated(nodes[number]);
        tick(nodes[number], number);
      }
      if (chance_.below(2) == 0) all = reduce(std::move(all), now());
    }
    now_ += 5000;  // the last heartbeats are sent
    for (Node& node : nodes) send(node);
    for (Node& node : nodes) read(node, log.size());
    for (Node& node : nodes) node.snapshot = reduce(std::move(node.snapshot), now());
    all = reduce(std::move(all), now());
  }

  std::deque<Node> nodes;  // an outbox cannot be moved
  std::vector<Written> log;
  std::size_t stops = 0, served = 0, refused_checkpoints = 0, merged_checkpoints = 0;

 private:
  static Rules rules_() {
    Rules rules = with_timeout(seconds(20));
    rules.last_active_refresh = Duration();  // every heartbeat is sent, so that all is equal in the end
    rules.reorder_window = seconds(600);     // longer than a node may be stopped
    return rules;
  }
  Timestamp now() const { return Timestamp::from_ms(1546858800000 + now_); }

  void tick(Node& node, std::size_t number) {
    for (std::size_t left = chance_.below(4); left > 0; --left) serve(node, number);
    if (chance_.below(2) == 0) send(node);
    if (chance_.below(2) == 0) read(node, node.position() + chance_.below(log.size() - node.position() + 1));
    if (chance_.below(4) == 0) read(node, log.size());
    if (chance_.below(10) == 0) merge_checkpoint(node);
    if (chance_.below(6) == 0 && node.position() == log.size()) put_checkpoint(node);
    if (chance_.below(2) == 0) node.snapshot = reduce(std::move(node.snapshot), now());
  }

  void serve(Node& node, std::size_t number) {
    const std::string user = user_id(chance_.below(4)),
                      session = std::to_string(number) + "-" + std::to_string(chance_.below(2));
    PresenceEvent event = heartbeat(user, session, now());
    switch (chance_.below(8)) {
      case 0: event = connect(user, session, now()); break;
      case 1: event = disconnect(user, session, now()); break;
      case 2: event = says(user, "status " + std::to_string(chance_.below(3)), now()); break;
      case 3: event = chance_.below(2) == 0 ? hides(user, now()) : shows(user, now()); break;
      case 4: event = doing(support::update(user, session, now()), "chess"); break;
      default: break;
    }
    event.at -= Duration::from_ms(chance_.below(3) == 0 ? 500 : 0);
    if (!accepted(apply(node.snapshot, event))) return;
    REQUIRE(accepted(apply(all, event)));
    node.outbox.add(event);
    served += node.is_stopped ? 1 : 0;
  }

  Written written_by(const Node& node, const std::string& bytes) {
    return {node.is_updated ? newer(bytes, chance_) : bytes, bytes, node.is_updated};
  }
  static const std::string& bytes_for(const Node& node, const Written& one) {
    return node.is_updated ? one.readable : one.as_written;
  }

  void send(Node& node) {
    const std::string batch = node.outbox.take(now());
    if (!batch.empty()) log.push_back(written_by(node, batch));
  }

  void read(Node& node, std::size_t end) {
    if (node.position() < trimmed_) {
      merge_checkpoint(node);
      if (node.position() < trimmed_) return;
    }
    for (std::size_t i = node.position(); i < end; ++i) {
      const std::string before = node.inbox.position();
      const Result<Tally> tally = node.inbox.add(std::to_string(i + 1), bytes_for(node, log[i]), now());
      node.is_stopped = !tally;
      if (!tally) {
        CHECK(tally.error().code == ErrorCode::unknown_version);
        CHECK((log[i].is_newer && !node.is_updated));
        CHECK(node.inbox.position() == before);
        ++stops;
        break;
      }
      CHECK(tally->refused() == 0);
    }
    merge_into(node.snapshot, node.inbox.take());
  }

  void put_checkpoint(const Node& node) {
    const Checkpoint checkpoint{node.snapshot, node.inbox.position()};
    const std::string bytes = encode_checkpoint(checkpoint);
    newest_ = written_by(node, bytes);
    if (node.is_updated && chance_.below(3) == 0) {  // only its snapshot has a newer version
      const std::string snapshot = encode(checkpoint.snapshot);
      newest_->as_written = bytes.substr(0, bytes.size() - snapshot.size()) + newer(snapshot, chance_);
    }
    if (chance_.below(2) == 0) trimmed_ = node.position();
  }

  void merge_checkpoint(Node& node) {
    if (!newest_) return;
    const Result<Checkpoint> found = decode_checkpoint(bytes_for(node, *newest_), rules_());
    if (!found) {
      CHECK(found.error().code == ErrorCode::unknown_version);
      CHECK((newest_->is_newer && !node.is_updated));
      ++refused_checkpoints;
      return;
    }
    merge_into(node.snapshot, found->snapshot);
    if (std::stoull(found->position) > node.position()) node.inbox = Inbox(rules_(), found->position);
    ++merged_checkpoints;
  }

  /// The node ends and starts again with what it has stored.
  void restart_updated(Node& node) {
    const std::string stored = encode_checkpoint(Checkpoint{node.snapshot, node.inbox.position()});
    Result<Checkpoint> own = decode_checkpoint(stored, rules_());
    REQUIRE(own.has_value());
    CHECK(own->snapshot == node.snapshot);
    node.snapshot = std::move(own->snapshot);
    node.inbox = Inbox(rules_(), own->position);
    node.is_updated = true;
    node.is_stopped = false;
  }

  Chance chance_;
  std::int64_t now_ = 0;
  std::optional<Written> newest_;
  std::size_t trimmed_ = 0;  // entries that are no longer in the log

 public:
  Snapshot all;  ///< of a node that receives every event at once
};

}  // namespace

TEST_CASE("nodes that are updated one after the other end with what one node with all events has") {
  std::size_t stops = 0, served = 0, refused = 0, merged = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    INFO("seed " << seed);
    World world(seed);
    world.run();
    for (const Node& node : world.nodes) {
      CHECK(node.is_updated);
      CHECK(node.position() == world.log.size());
      CHECK(text(views(node.snapshot)) == text(views(world.all)));
      CHECK(node.snapshot == world.all);
      CHECK(encode(node.snapshot) == encode(world.all));
    }
    stops += world.stops;
    served += world.served;
    refused += world.refused_checkpoints;
    merged += world.merged_checkpoints;
  }
  CHECK(stops > 500);
  CHECK(served > 500);
  CHECK(refused > 100);
  CHECK(merged > 100);
}
