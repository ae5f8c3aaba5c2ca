// SPDX-License-Identifier: MIT
// A shared log on Redis Streams: the five operations that replica.hpp leaves to the host, by hiredis.
#ifndef CLUSTER_REDIS_LOG_HPP
#define CLUSTER_REDIS_LOG_HPP

#include <hiredis/hiredis.h>

#include <sys/time.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace cluster {

/// Returns the milliseconds of a position: Redis dates entries by its own clock, as "1546867062375-0".
inline std::int64_t ms_of(const std::string& position) { return std::strtoll(position.c_str(), nullptr, 10); }

/// Returns whether a position is later than another one.
inline bool is_later(const std::string& a, const std::string& b) {
  const auto number_of = [](const std::string& position) {
    const std::size_t dash = position.find('-');
    return dash == std::string::npos ? 0ull : std::strtoull(position.c_str() + dash + 1, nullptr, 10);
  };
  return ms_of(a) != ms_of(b) ? ms_of(a) > ms_of(b) : number_of(a) > number_of(b);
}

/// Returns the position that is `ms` milliseconds earlier.
inline std::string earlier(const std::string& position, std::int64_t ms) {
  const std::int64_t at = ms_of(position) - ms;
  return std::to_string(at > 0 ? at : 0) + "-0";
}

/// An entry of the log. Borrows from the reply of Redis.
struct Entry {
  std::string position;
  std::string_view from;     ///< the node and its start number, such as "node-2.1"
  std::uint64_t number = 0;  ///< counts the entries that `from` has appended
  std::string_view kind;     ///< "events" of an Outbox; "checkpoint" or "state": one was stored, by the name in `body`
  std::string_view body;
};

/// A connection to one stream and the checkpoints beside it. Each call waits for Redis, at most `patience`, so that
/// one which does not answer cannot hold up a node for long. A call that
/// fails closes the connection, as does a Redis that is still loading its file. Then `open` again, not more often than
/// few times per second. A failed call may have had its effect.
///
/// hiredis writes to closed sockets, so the program must ignore SIGPIPE.
class RedisLog {
 public:
  RedisLog(int port, std::string stream, int patience_ms = 500, int open_patience_ms = 200,
           std::string host = "127.0.0.1")
      : host_(std::move(host)),
        port_(port),
        stream_(std::move(stream)),
        patience_(time_of(patience_ms)),
        open_patience_(time_of(open_patience_ms)) {}

  bool is_open() const { return context_ != nullptr; }
  std::size_t times_loading() const { return times_loading_; }
  void close() { context_.reset(); }

  /// Returns true if there is a Redis that has loaded its file. `server` becomes a different string when it is another
  /// process than before: that one may have lost the end of the log.
  bool open(std::string& server) {
    context_.reset(redisConnectWithTimeout(host_.c_str(), port_, open_patience_));
    if (context_ != nullptr && context_->err != 0) close();
    if (context_ == nullptr || redisSetTimeout(context_.get(), open_patience_) != REDIS_OK) return false;
    const Reply reply = run("INFO server");  // an error is -LOADING, as for every other command
    if (!reply) return false;
    const std::string_view text = text_of(*reply);
    const std::size_t at = text.find("run_id:");
    server = std::string(text.substr(at, text.find('\r', at) - at));
    return redisSetTimeout(context_.get(), patience_) == REDIS_OK;
  }

  /// Operation 1. Appends an entry.
  bool append(const std::string& from, std::uint64_t number, const char* kind, std::string_view body) {
    return run("XADD %s * f %s n %s %s %b", stream_.c_str(), from.c_str(), std::to_string(number).c_str(), kind,
               body.data(), body.size()) != nullptr;
  }

  /// Operation 2. Calls `on_entry(const Entry&)` for up to `most` entries after a position. Returns their number, or
  /// nullopt. Skips what was trimmed without a word: see first_position.
  template <class Fn>
  std::optional<std::size_t> read_after(const std::string& position, int most, Fn&& on_entry) {
    const Reply reply = run("XREAD COUNT %d STREAMS %s %s", most, stream_.c_str(), position.c_str());
    if (!reply) return std::nullopt;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) return 0;
    const redisReply& entries = *reply->element[0]->element[1];
    for (std::size_t i = 0; i < entries.elements; ++i) on_entry(entry_of(*entries.element[i]));
    return entries.elements;
  }

  /// Operation 3. Stores a checkpoint by a name, and announces it in the log, both or neither. One of the kind
  /// "checkpoint" is for nodes that start or were away; one of the kind "state" is for all.
  bool put_checkpoint(const std::string& from, std::uint64_t number, const char* kind, const std::string& name,
                      std::string_view bytes) {
    const std::string key = stream_ + ":" + name;
    return run("MULTI") && run("SET %s %b", key.c_str(), bytes.data(), bytes.size()) &&
           append(from, number, kind, name) && run("EXEC");
  }

  /// Operation 4. Calls `on_bytes(std::string_view)` with a checkpoint, if there is one of that name.
  template <class Fn>
  bool get_checkpoint(const std::string& name, Fn&& on_bytes) {
    const Reply reply = run("GET %s", (stream_ + ":" + name).c_str());
    if (!reply) return false;
    if (reply->type == REDIS_REPLY_STRING) on_bytes(text_of(*reply));
    return true;
  }

  /// Operation 5. Removes entries before a position, as far as Redis can do so at low cost.
  bool trim(const std::string& position) {
    return run("XTRIM %s MINID ~ %s", stream_.c_str(), position.c_str()) != nullptr;
  }

  /// Returns the position of the first entry that was not trimmed: "" in an empty stream, nullopt on failure.
  std::optional<std::string> first_position() {
    const Reply reply = run("XRANGE %s - + COUNT 1", stream_.c_str());
    if (!reply) return std::nullopt;
    if (reply->elements == 0) return std::string();
    return std::string(text_of(*reply->element[0]->element[0]));
  }

  /// Sends any command. Returns null, and closes the connection, if there is no reply or an error.
  struct FreeReply {
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
  };
  using Reply = std::unique_ptr<redisReply, FreeReply>;
  template <class... Args>
  Reply run(const char* format, Args... args) {
    if (context_ == nullptr) return nullptr;
    Reply reply(static_cast<redisReply*>(redisCommand(context_.get(), format, args...)));
    if (reply != nullptr && reply->type != REDIS_REPLY_ERROR) return reply;
    if (reply != nullptr && text_of(*reply).substr(0, 7) == "LOADING") ++times_loading_;
    close();
    return nullptr;
  }

 private:
  struct FreeContext {
    void operator()(redisContext* context) const { redisFree(context); }
  };

  static timeval time_of(int ms) { return timeval{ms / 1000, (ms % 1000) * 1000}; }
  static std::string_view text_of(const redisReply& reply) { return std::string_view(reply.str, reply.len); }

  static Entry entry_of(const redisReply& reply) {
    Entry entry;
    entry.position = std::string(text_of(*reply.element[0]));
    const redisReply& fields = *reply.element[1];
    for (std::size_t i = 0; i + 1 < fields.elements; i += 2) {
      const std::string_view name = text_of(*fields.element[i]), value = text_of(*fields.element[i + 1]);
      if (name == "f") {
        entry.from = value;
      } else if (name == "n") {
        entry.number = std::strtoull(std::string(value).c_str(), nullptr, 10);
      } else {
        entry.kind = name;
        entry.body = value;
      }
    }
    return entry;
  }

  std::string host_;
  int port_;
  std::string stream_;
  timeval patience_, open_patience_;
  std::size_t times_loading_ = 0;
  std::unique_ptr<redisContext, FreeContext> context_;
};

}  // namespace cluster

#endif  // CLUSTER_REDIS_LOG_HPP
