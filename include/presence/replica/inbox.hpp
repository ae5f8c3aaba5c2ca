// SPDX-License-Identifier: MIT
#ifndef PRESENCE_REPLICA_INBOX_HPP
#define PRESENCE_REPLICA_INBOX_HPP

#include <presence/base/result.hpp>
#include <presence/base/time.hpp>
#include <presence/binary/events.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/state/reduce.hpp>
#include <presence/state/snapshot.hpp>

#include <cstddef>      // for size_t
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for move

namespace presence {
inline namespace PRESENCE_ABI {

/// The events of other nodes, on their way from a shared log into the state of this node. Reduces the entries of the
/// log into a snapshot without a timestamp, to be merged. So an event counts however late it arrives, none counts
/// twice, and none moves this node's time. An event may be dated up to Rules::max_clock_skew after it, and so may the
/// change that the event causes.
///
/// A node may read its own entries as well: it has them already, so they change nothing.
///
/// @code
/// #include <presence/state/merge.hpp>
/// #include <vector>
///
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// const std::vector<PresenceEvent> events = {PresenceEvent::connect("mary", "node2-tv", now)};
/// const std::string entry = encode_events(events.begin(), events.end());
///
/// Snapshot s = reduce(Snapshot(), now);
/// Inbox inbox(s.rules(), "0-0");  // read the log from here
/// if (const Result<Tally> tally = inbox.add("1546867062375-0", entry, now); !tally) {
///   // a damaged entry: log tally.error(); it was skipped
/// }
/// merge_into(s, inbox.take());  // each tick; or Store::merge
/// assert(s.online("mary") && inbox.position() == "1546867062375-0");
/// @endcode
class Inbox {
 public:
  /// The rules must be those of the snapshot or Store to merge into. `position` is that of the last entry of the log
  /// that is known, such as Checkpoint::position. Only the host interprets it.
  explicit Inbox(const Rules& rules, std::string position = {})
      : news_(rules), rules_(rules), position_(std::move(position)) {}

  /// Adds an entry of the log, whose bytes an Outbox made. Returns how many events had each verdict. `too_early` are
  /// those that are dated later than `now`, the host's own clock, plus Rules::max_clock_skew. No event is too late. The
  /// other verdicts are about what was added since the last `take`, not about the Store: an entry that is read again
  /// after a `take` is `applied` again, and changes nothing in the merge. Calls
  /// `on_verdict(std::size_t index, Verdict)` for every event.
  ///
  /// If the bytes are damaged, returns the error of `decode_events`, and the entry has no effect. In both cases
  /// `position` becomes that of the entry, so that a damaged entry is not read forever. O(events).
  ///
  /// But an entry whose version is unknown (`unknown_version`) leaves `position` as it is. Usually its format is newer.
  /// Then stop reading, and add no later entry. The node can go on serving its clients and sending its own events.
  /// After its update it reads on from the position of the checkpoint from which it starts. Entries in the format of
  /// the version before are read, so update all nodes to one version before the next. A damaged version byte (byte 4)
  /// has the same error. If an updated node receives it, continue after the entry, with another Inbox.
  template <class OnVerdict>
  Result<Tally> add(std::string_view position, std::string_view batch, Timestamp now, OnVerdict&& on_verdict) {
    const Timestamp latest = now + rules_.max_clock_skew;
    const auto on_event = [&](const PresenceEventView& event) {
      return event.at > latest ? Verdict::too_early : presence::apply(news_, event);
    };
    Result<Tally> tally = presence::decode_events(batch, on_event, on_verdict);
    const bool is_newer = !tally && tally.error().code == ErrorCode::unknown_version;
    if (!is_newer) position_.assign(position.data(), position.size());
    return tally;
  }
  /// The same, without a callback.
  Result<Tally> add(std::string_view position, std::string_view batch, Timestamp now) {
    return add(position, batch, now, [](std::size_t, Verdict) {});
  }

  /// Returns all events since the last call, as a snapshot for `merge_into` or Store::merge. Merge it with a `now` that
  /// is not earlier than that of `add`: if Store::merge returns an error, keep the snapshot for the next try.
  Snapshot take() {
    Snapshot news = std::move(news_);
    news_ = Snapshot(rules_);
    return news;
  }

  /// Returns the position of the last entry that was added. The next entry to read is the one after it. A checkpoint
  /// with this position must contain what `take` has returned.
  const std::string& position() const noexcept { return position_; }

 private:
  Snapshot news_;
  Rules rules_;
  std::string position_;
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REPLICA_INBOX_HPP
