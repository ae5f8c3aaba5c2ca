// SPDX-License-Identifier: MIT
#ifndef PRESENCE_REPLICA_OUTBOX_HPP
#define PRESENCE_REPLICA_OUTBOX_HPP

#include <presence/base/detail/id_map.hpp>
#include <presence/base/time.hpp>
#include <presence/binary/events.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/registers/detail/absent.hpp>

#include <cstddef>      // for ptrdiff_t, size_t
#include <cstdint>      // for int64_t, uint32_t
#include <optional>     // for optional, nullopt
#include <string>       // for string, to_string
#include <string_view>  // for string_view
#include <type_traits>  // for enable_if, is_base_of
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {

/// The options of an Outbox.
struct OutboxOptions {
  /// Heartbeats are sent at most once in this time. This, plus the longest time between two heartbeats of a client,
  /// plus the delay of the log, plus the difference of the nodes' clocks must be less than Rules::session_timeout. Else
  /// sessions time out on other nodes. 0: they are sent with the next batch.
  Duration heartbeat_period = Duration::from_s(10);
  /// Batches are kept for this long after they were taken, for `resend`.
  Duration resend_window = Duration::from_s(30);
};

/// The events of this node that other nodes need. Collects events, and returns them as batches to be appended to a
/// shared log, about one per tick of the host. Each node has one, for the events of its own sessions, and for
/// disconnects of the sessions of a node that is gone; see Snapshot::each_session. Cannot be copied or moved.
///
/// Not every heartbeat is sent. A heartbeat without a status waits up to heartbeat_period. If another one of its
/// session follows by then, only the later one is sent. All other events are in the next batch, and so is a heartbeat
/// that is the first of its session, the first in a step of Rules::last_active_refresh, or the first after
/// session_timeout without one. So all nodes show the same, and sessions time out at the same time on each. Their
/// snapshots may still differ in what only a late event could reveal. If last_active_refresh is 0, each heartbeat is
/// sent.
///
/// @code
/// #include <presence/live/store.hpp>
/// #include <presence/replica/inbox.hpp>
/// #include <vector>
///
/// std::vector<std::string> log;  // of an engine that all nodes use
/// Store here, there;
/// Outbox outbox(here.snapshot().rules());
/// const auto dispatch = [&](const PresenceEvent& event) {
///   here.dispatch(event).each_applied(event, [&](const PresenceEventView& applied) { outbox.add(applied); });
/// };
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// dispatch(PresenceEvent::connect("john", "node1-phone", now));
/// dispatch(PresenceEvent::set_status("john", "brb", now));
/// if (std::string batch = outbox.take(now); !batch.empty()) log.push_back(batch);  // each tick
///
/// Inbox inbox(there.snapshot().rules());  // on another node
/// for (std::size_t i = 0; i < log.size(); ++i) assert(inbox.add(std::to_string(i), log[i], now)->refused() == 0);
/// assert(!there.merge(inbox.take(), now) && there.snapshot() == here.snapshot());
/// @endcode
class Outbox {
 public:
  /// The rules must be those of all nodes.
  explicit Outbox(const Rules& rules, const OutboxOptions& options = {})
      : timeout_(rules.session_timeout),
        step_(rules.last_active_refresh),
        options_(options),
        heartbeats_(rules.hash_seed) {}

  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// Adds an event as this node has applied it: with the timestamp that Dispatched::each_applied passes on. Copies what
  /// is needed of it.
  void add(const PresenceEventView& event) {
    if (event.type == EventType::heartbeat && !event.status && step_ > Duration()) {
      add_heartbeat(event);
    } else {
      append(event);
    }
  }
  /// The same for an event that owns its strings. It may be a temporary.
  template <class Event = PresenceEvent, class = std::enable_if_t<std::is_base_of<PresenceEvent, Event>::value>>
  void add(const Event& event) {
    add(PresenceEventView(event));
  }

  /// Returns the next batch to append to the log, or an empty string if nothing is to be sent. `now` is the host's own
  /// clock. If appending may have failed, append the same bytes again: batches may be repeated, and may change places.
  /// O(events); once per heartbeat_period O(sessions).
  std::string take(Timestamp now) {
    if (heartbeats_.size() != 0 && now >= heartbeats_due_) append_heartbeats(now);
    drop_sent(now);
    if (!batch_) return std::string();
    std::string bytes = batch_->finish();
    batch_.reset();
    if (options_.resend_window > Duration()) sent_.push_back(Sent{now, bytes});
    return bytes;
  }

  /// Returns the earliest `now` with which `take` returns a batch, or nullopt. Timestamp::lowest() if one is ready.
  /// O(1).
  std::optional<Timestamp> next_take() const noexcept {
    if (batch_) return detail::absent;
    if (has_waiting_) return heartbeats_due_;
    return std::nullopt;
  }

  /// Calls `append(std::string_view)` with each batch that was taken at or after `since` and is not older than
  /// resend_window. For a connection to the log that was lost: the last batches may not have arrived.
  template <class Fn>
  void resend(Timestamp since, Fn&& append) const {
    for (const Sent& one : sent_) {
      if (one.at >= since) append(std::string_view(one.batch));
    }
  }

 private:
  /// What was added of a session's heartbeats.
  struct Heartbeats {
    Timestamp latest = detail::absent;
    bool waits = false;  ///< the latest has not been sent
  };
  struct Sent {
    Timestamp at;
    std::string batch;
  };

  void append(const PresenceEventView& event) {
    if (!batch_) batch_.emplace();
    batch_->add(event);
  }

  /// The size of the user's id separates it from that of the session.
  static std::string key_of(const PresenceEventView& event) {
    std::string key = std::to_string(event.user.size());
    key += ':';
    key += event.user;
    key += event.session;
    return key;
  }
  static PresenceEventView heartbeat_of(std::string_view key, Timestamp at) noexcept {
    std::size_t size = 0, i = 0;
    for (; key[i] != ':'; ++i) size = 10 * size + static_cast<std::size_t>(key[i] - '0');
    PresenceEventView event;
    event.user = key.substr(i + 1, size);
    event.session = key.substr(i + 1 + size);
    event.at = at;
    return event;
  }

  std::int64_t step_of(Timestamp at) const noexcept {
    const std::int64_t rest = at.ns() % step_.ns();
    return at.ns() / step_.ns() - (rest < 0 ? 1 : 0);
  }
  /// Returns whether others need an earlier heartbeat of the session beside a later one.
  bool is_needed(const Heartbeats& known, Timestamp at) const noexcept {
    if (known.latest == detail::absent || at < known.latest) return true;
    return step_of(known.latest) != step_of(at) || is_gap(known, at);
  }
  bool is_gap(const Heartbeats& known, Timestamp at) const noexcept {
    return timeout_ > Duration() && at >= known.latest + timeout_;
  }

  PRESENCE_DETAIL_APART void add_heartbeat(const PresenceEventView& event) {
    const std::uint32_t number = heartbeats_.add(key_of(event));
    Heartbeats& known = heartbeats_[number];
    if (event.at == known.latest) return;
    if (is_needed(known, event.at)) {
      // What waits is the end of an earlier run.
      if (known.waits && is_gap(known, event.at)) append(heartbeat_of(heartbeats_.id_of(number), known.latest));
      append(event);
      if (event.at < known.latest) return;
      known.waits = false;
    } else {
      known.waits = has_waiting_ = true;
    }
    known.latest = event.at;
  }

  PRESENCE_DETAIL_APART void append_heartbeats(Timestamp now) {
    const Duration kept = timeout_ > step_ ? timeout_ : step_;
    std::vector<std::uint32_t> ended;
    for (auto it = heartbeats_.begin(), end = heartbeats_.end(); it != end; ++it) {
      Heartbeats& known = heartbeats_[it.number()];
      if (known.waits) append(heartbeat_of(heartbeats_.id_of(it.number()), known.latest));
      known.waits = false;
      if (known.latest + kept < now) ended.push_back(it.number());
    }
    for (const std::uint32_t number : ended) heartbeats_.erase(number);
    has_waiting_ = false;
    heartbeats_due_ = now + options_.heartbeat_period;
  }

  void drop_sent(Timestamp now) {
    std::size_t old = 0;
    while (old < sent_.size() && sent_[old].at + options_.resend_window < now) ++old;
    sent_.erase(sent_.begin(), sent_.begin() + static_cast<std::ptrdiff_t>(old));
  }

  Duration timeout_, step_;
  OutboxOptions options_;
  std::optional<detail::EventEncoder> batch_;
  detail::IdMap<Heartbeats> heartbeats_;
  bool has_waiting_ = false;
  Timestamp heartbeats_due_ = detail::absent;
  std::vector<Sent> sent_;
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REPLICA_OUTBOX_HPP
