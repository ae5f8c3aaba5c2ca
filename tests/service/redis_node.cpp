// SPDX-License-Identifier: MIT
#include "redis_node.hpp"

#include <functional>
#include <stdexcept>
#include <utility>

using namespace presence;
using cluster::Entry;

namespace service {
namespace {

constexpr int most_entries = 500;
constexpr std::int64_t kept_ms = 10000;  // of the log before a checkpoint
constexpr Duration retry = Duration::from_ms(500), checkpoint_period = Duration::from_s(10);

OutboxOptions options_for(const Rules& rules) {
  OutboxOptions options;
  // Pings are a third of the timeout apart; a quarter for the outbox leaves time for the log.
  options.heartbeat_period = Duration::from_ns(rules.session_timeout.ns() / 4);
  options.resend_window = rules.reorder_window;
  return options;
}

/// The delay of this node's turn to write a checkpoint, so that not all do it at once.
Duration delay_of(const std::string& name) {
  return Duration::from_ms(static_cast<std::int64_t>(std::hash<std::string>()(name) % 5000));
}

void refuse(const Error& error) { log(std::string("an entry of the log is skipped: ") + error.message); }

}  // namespace

RedisNode::RedisNode(const std::string& host, int port, const Rules& rules, std::string name)
    : rules_(rules),
      name_(std::move(name)),
      log_(port, "presence-service", 500, 200, host),
      outbox_options_(options_for(rules)),
      outbox_(rules, outbox_options_),
      inbox_(rules) {}

SavedState RedisNode::start() {
  SavedState state;
  state.snapshot = Snapshot(rules_);
  const auto fail = [] { throw std::runtime_error("Redis does not answer, or has data of a newer version"); };
  if (!log_.open(server_)) fail();
  if (!log_.get_checkpoint("newest", [&](std::string_view bytes) {
        Result<Checkpoint> found = decode_checkpoint(bytes, rules_);
        if (!found) throw std::runtime_error(std::string("the checkpoint in Redis: ") + found.error().message);
        state.snapshot = std::move(found->snapshot);
        position_ = found->position;
      }))
    fail();
  inbox_ = Inbox(rules_, position_);
  // The hash has the latest state of each channel. What is in the log is read again by the first ticks.
  const std::string position = position_;
  do {
    if (!read(
            clock_.now(), [&](const Snapshot& news) { merge_into(state.snapshot, news); }, [](const Entry&) {}))
      fail();
  } while (!has_caught_up_);
  const cluster::RedisLog::Reply all = log_.run("HGETALL presence-service:channels");
  if (!all) fail();
  for (std::size_t i = 1; i < all->elements; i += 2) {
    Result<Channel> channel = parse_channel(std::string_view(all->element[i]->str, all->element[i]->len));
    if (channel) state.channels.push_back(*std::move(channel));
  }
  position_ = cluster::earlier(position_, 1000);
  last_contact_ = sent_at_ = checkpoint_seen_ = clock_.now();
  return state;
}

void RedisNode::tick(PresenceService& to) {
  const Timestamp now = clock_.now();
  const auto merge = [&to](const Snapshot& news) { to.merge(news); };
  send(now);
  if (!log_.is_open() && !reopen(to, now)) return;
  for (int i = 0; i < 10 && read(now, merge, [&](const Entry& entry) { take_channel(entry, to); }); ++i) {
    last_contact_ = now;
    if (has_caught_up_) break;
  }
  const bool is_due = now - checkpoint_seen_ > checkpoint_period + delay_of(name_);
  if (log_.is_open() && has_caught_up_ && is_sent_ && (is_due || wants_to_send_state_)) put_checkpoint(to);
}

void RedisNode::queue(std::string cid, std::string json) {
  own_[cid] = 0;
  channels_.emplace_back(std::move(cid), std::move(json));
}

/// The last entry of a channel wins, on all nodes. While one of this node is still to be read back, it is the later
/// one.
void RedisNode::take_channel(const Entry& entry, PresenceService& to) {
  const bool is_deleted = entry.kind == "channel-deleted";
  Result<Channel> channel = is_deleted ? Channel() : parse_channel(entry.body);
  if (!channel) return refuse(channel.error());
  const std::string cid = is_deleted ? std::string(entry.body) : channel->cid();
  if (const auto own = own_.find(cid); own != own_.end()) {
    if (entry.from == name_ && entry.number == own->second) own_.erase(own);
    return;
  }
  if (is_deleted) return to.take_deleted_channel(cid);
  to.take_channel(*std::move(channel));
}

bool RedisNode::send(Timestamp now) {
  const std::string batch = outbox_.take(now);
  if (!batch.empty()) {
    is_sent_ = log_.is_open() && is_sent_ && append("events", batch);
    if (is_sent_) sent_at_ = now;
  }
  return log_.is_open() && send_channels() && is_sent_;
}

bool RedisNode::send_channels() {
  std::size_t sent = 0;
  for (const auto& [cid, json] : channels_) {
    const bool is_kept = !json.empty();
    const bool is_stored = is_kept ? log_.run("HSET presence-service:channels %b %b", cid.data(), cid.size(),
                                              json.data(), json.size()) != nullptr
                                   : log_.run("HDEL presence-service:channels %b", cid.data(), cid.size()) != nullptr;
    if (!is_stored || !append(is_kept ? "channel" : "channel-deleted", is_kept ? json : cid)) break;
    own_[cid] = last_number_;
    ++sent;
  }
  channels_.erase(channels_.begin(), channels_.begin() + static_cast<std::ptrdiff_t>(sent));
  return channels_.empty();
}

bool RedisNode::append(const char* kind, const std::string& body) {
  return log_.append(name_, ++last_number_, kind, body);
}

/// Connects again: merges the newest checkpoint, sends the last seconds again, and reads them again.
bool RedisNode::reopen(PresenceService& to, Timestamp now) {
  if (now < retry_at_) return false;
  std::string server;
  const bool is_open = log_.open(server);
  retry_at_ = clock_.now() + retry;
  if (!is_open) return false;
  const bool is_other = server != server_;  // the end of the log may be lost
  if (!read_checkpoint("newest", [&to](const Snapshot& news) { to.merge(news); })) return false;
  is_sent_ = true;
  outbox_.resend(is_other ? Timestamp::lowest() : sent_at_,
                 [this](std::string_view batch) { is_sent_ = is_sent_ && append("events", std::string(batch)); });
  if (is_other || now - last_contact_ + Duration::from_s(1) >= outbox_options_.resend_window)
    wants_to_send_state_ = true;
  if (!is_sent_) {
    log_.close();
    return false;
  }
  position_ = cluster::earlier(position_, is_other ? 5000 : 1000);
  has_caught_up_ = false;
  server_ = server;
  sent_at_ = last_contact_ = now;
  log("connected to Redis again");
  return true;
}

/// Reads the next entries. Returns false if the connection was lost, or if an entry has a newer version.
template <class OnNews, class OnChannel>
bool RedisNode::read(Timestamp now, OnNews&& on_news, OnChannel&& on_channel) {
  const bool is_steady = has_caught_up_ && now - last_contact_ < Duration::from_ms(kept_ms / 2);
  const std::string before = position_;
  bool is_stopped = false;
  std::vector<std::string> states;
  const std::optional<std::size_t> count = log_.read_after(position_, most_entries, [&](const Entry& entry) {
    if (is_stopped) return;
    if (entry.kind == "events") {
      const Result<Tally> tally = inbox_.add(entry.position, entry.body, now);
      is_stopped = !tally && tally.error().code == ErrorCode::unknown_version;
      if (!tally) refuse(tally.error());
    } else if (entry.kind == "checkpoint") {
      checkpoint_seen_ = clock_.now();
    } else if (entry.kind == "state" && entry.from != name_) {
      states.emplace_back(entry.body);
    } else if (entry.kind == "channel" || entry.kind == "channel-deleted") {
      on_channel(entry);
    }
    if (!is_stopped) position_ = entry.position;
  });
  on_news(inbox_.take());
  for (const std::string& name : states)
    if (!read_checkpoint(name, on_news)) return false;
  has_caught_up_ = count && *count < most_entries && !is_stopped;
  if (!count) return false;
  if (!is_steady) {
    // Redis skips what was trimmed. The newest checkpoint has it.
    const std::optional<std::string> first = log_.first_position();
    if (!first) return false;
    if (!first->empty() && cluster::is_later(*first, before) && !read_checkpoint("newest", on_news)) return false;
  }
  return log_.is_open() && !is_stopped;
}

template <class OnNews>
bool RedisNode::read_checkpoint(const std::string& name, OnNews&& on_news) {
  return log_.get_checkpoint(name, [&](std::string_view bytes) {
    const Result<Checkpoint> found = decode_checkpoint(bytes, rules_);
    if (!found) return refuse(found.error());
    on_news(found->snapshot);
  });
}

void RedisNode::put_checkpoint(PresenceService& to) {
  const std::string bytes = encode_checkpoint(Checkpoint{to.snapshot(), position_});
  const bool is_state = std::exchange(wants_to_send_state_, false);
  checkpoint_seen_ = clock_.now();
  const bool is_put =
      log_.put_checkpoint(name_, ++last_number_, is_state ? "state" : "checkpoint", is_state ? name_ : "newest", bytes);
  if (is_put && !is_state) log_.trim(cluster::earlier(position_, kept_ms));
}

}  // namespace service
