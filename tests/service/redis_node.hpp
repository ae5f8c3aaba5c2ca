// SPDX-License-Identifier: MIT
// Shares the users and the channels of this service with other nodes, over Redis. ../cluster/README.md explains it.
#ifndef SERVICE_REDIS_NODE_HPP
#define SERVICE_REDIS_NODE_HPP

#include "../cluster/redis_log.hpp"
#include "presence_service.hpp"

#include <presence/chrono.hpp>
#include <presence/replica.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace service {

class RedisNode final : public Peer {
 public:
  static constexpr int tick_ms = 20;

  /// `name` is unique for each start of each node.
  RedisNode(const std::string& host, int port, const presence::Rules& rules, std::string name);

  /// Returns the state of the other nodes: the newest checkpoint, the log after it, and the channels. Throws
  /// std::runtime_error if Redis does not answer.
  SavedState start();
  /// Sends what was applied, takes in what others sent, and writes a checkpoint if it is this node's turn.
  void tick(PresenceService& to);

  void on_applied(const presence::PresenceEventView& event) override { outbox_.add(event); }
  void on_channel(const presence::Channel& channel) override { queue(channel.cid(), to_json(channel)); }
  void on_channel_deleted(const std::string& cid) override { queue(cid, ""); }

 private:
  void queue(std::string cid, std::string json);
  void take_channel(const cluster::Entry& entry, PresenceService& to);
  bool send(presence::Timestamp now);
  bool send_channels();
  bool append(const char* kind, const std::string& body);
  bool reopen(PresenceService& to, presence::Timestamp now);
  template <class OnNews, class OnChannel>
  bool read(presence::Timestamp now, OnNews&& on_news, OnChannel&& on_channel);
  template <class OnNews>
  bool read_checkpoint(const std::string& name, OnNews&& on_news);
  void put_checkpoint(PresenceService& to);

  presence::Rules rules_;
  presence::HostClock clock_;
  std::string name_, server_, position_ = "0-0";
  cluster::RedisLog log_;
  presence::OutboxOptions outbox_options_;
  presence::Outbox outbox_;
  presence::Inbox inbox_;
  std::vector<std::pair<std::string, std::string>> channels_;  // to be sent: cid, and JSON or nothing
  std::map<std::string, std::uint64_t> own_;  // channels whose entry of this node has not been read back: its number
  std::uint64_t last_number_ = 0;
  bool has_caught_up_ = false, is_sent_ = true, wants_to_send_state_ = false;
  presence::Timestamp retry_at_, sent_at_, last_contact_, checkpoint_seen_;
};

}  // namespace service

#endif  // SERVICE_REDIS_NODE_HPP
