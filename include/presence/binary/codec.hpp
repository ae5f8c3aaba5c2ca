// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BINARY_CODEC_HPP
#define PRESENCE_BINARY_CODEC_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/base/result.hpp>
#include <presence/base/time.hpp>
#include <presence/binary/detail/bytes.hpp>
#include <presence/binary/detail/framing.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/user.hpp>
#include <presence/state/merge.hpp>
#include <presence/state/snapshot.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for SIZE_MAX
#include <optional>     // for optional
#include <string>       // for string
#include <string_view>  // for string_view

/// The binary encoding of snapshots, and of deltas between two snapshots, for storage and transport.
///
/// The payload of the frames (framing.hpp) is the timestamp, then the users in snapshot order. The timestamp is a byte
/// 0 if absent, else a byte 1 and a word. Each user is in normal form, in the format of user_record.hpp. The bytes are
/// the same on every platform. They do not contain the rules: each reader applies its own.
namespace presence {
inline namespace PRESENCE_ABI {

/// Limits of `decode` and Decoder.
struct DecodeOptions {
  /// Maximum number of users in the snapshot. One more is an Error `over_limit` at its byte. A user takes about 160
  /// bytes of memory, but may be encoded in only 5 bytes. So this limit bounds the memory for untrusted bytes.
  std::size_t max_users = SIZE_MAX;
};

namespace detail {

class PeerDates;

/// Receives consecutive pieces of encoded bytes.
using PieceSink = FunctionRef<void(std::string_view)>;

void encode_to(const Snapshot& snapshot, const PieceSink& sink);
void encode_for_to(const Snapshot& snapshot, Viewer viewer, const PieceSink& sink);
std::optional<Error> apply_peer_delta(Snapshot& snapshot, std::string_view bytes, Timestamp now,
                                      const ChangeSink& on_change);

/// Reads a sequence of users into an empty snapshot. Stores only the users that it was given.
class UserReader {
 public:
  /// Without dates, accepts all of them.
  UserReader(const Rules& rules, PeerDates* dates, const DecodeOptions& options = {});

  void read_head(ByteReader& in);

  /// `version` is that of the format of the bytes.
  void read(ByteReader& in, unsigned version);

  const Snapshot& snapshot() const noexcept { return snapshot_; }

 private:
  Snapshot snapshot_;
  PeerDates* dates_;
  std::size_t users_left_;
  std::string last_;  // id
};

/// Reads a snapshot or a delta in pieces.
class SnapshotDecoder {
 public:
  SnapshotDecoder(FrameKind kind, const Rules& rules, PeerDates* dates, const DecodeOptions& options = {});

  bool push(std::string_view bytes);
  bool finish() noexcept { return frames_.finish(); }
  const Error& error() const noexcept { return frames_.error(); }
  const Snapshot& snapshot() const noexcept { return users_.snapshot(); }

 private:
  FrameReader frames_;
  UserReader users_;
  bool begun_ = false;
};

}  // namespace detail

/// Encodes a snapshot as bytes. Calls `sink(std::string_view)` with consecutive pieces of about 16 KiB, and buffers at
/// most one piece. Equal snapshots have the same bytes, on every platform. Contains the full state of all users,
/// including invisible ones: for storage and other servers only. O(users).
template <class Sink>
void encode(const Snapshot& snapshot, Sink&& sink) {
  detail::encode_to(snapshot, sink);
}
/// Returns the encoded snapshot as one string.
std::string encode(const Snapshot& snapshot);

/// Encodes only what `viewer` may see of a snapshot, to send it to a client. Each user is written as a report with the
/// snapshot's timestamp, or, without one, with the latest timestamp that the viewer can see. The end of a
/// status is encoded. No other deadline is, such as a timeout, the end of a choice or the time from which a user is
/// idle: the client needs a report then. The rule StoreOptions::may_see does not apply.
///
/// `decode` reads it, preferably with Rules::mirror(). The same viewer then sees the same state, and events or reports
/// can be applied to it. `merge_into` joins it into a mirror that already has reports. The actions of an invisible user
/// change no byte of the result, unless that user is the viewer. O(users).
template <class Sink>
void encode_for(const Snapshot& snapshot, Viewer viewer, Sink&& sink) {
  detail::encode_for_to(snapshot, viewer, sink);
}
/// Returns the encoded view of `viewer` as one string.
std::string encode_for(const Snapshot& snapshot, Viewer viewer);

/// An incremental decoder for the output of `encode` or `encode_for`. Accepts pieces of any size, for example from a
/// file or a socket.
///
/// @code
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// const Snapshot before = reduce(Snapshot(), PresenceEvent::connect("john", "phone", now));
/// const std::string file = encode(before);
/// Decoder decoder(before.rules());
/// for (std::size_t at = 0; at < file.size(); at += 16) decoder.push(file.substr(at, 16));  // pieces of a file
/// Snapshot replica = *decoder.finish();
/// assert(replica == before);
///
/// const Snapshot after = reduce(before, PresenceEvent::set_status("john", "brb", now));
/// assert(!apply_delta(replica, encode_delta(before, after), now) && replica == reduce(after, now));
/// assert(decode(file.substr(0, 20), before.rules()).error().code == ErrorCode::truncated);
/// @endcode
class Decoder {
 public:
  /// Decodes with these rules, not with the writer's; see `decode`.
  explicit Decoder(const Rules& rules, const DecodeOptions& options = {});

  /// Decodes the next piece. Returns false after an error, which `finish` returns.
  bool push(std::string_view bytes);
  /// Returns the snapshot, or the error. Call it after the last piece.
  Result<Snapshot> finish();

 private:
  detail::SnapshotDecoder decoder_;
};

/// Decodes the output of `encode` or `encode_for`. Applies the given rules, not the writer's. With equal rules the
/// result is the same snapshot, unless a merge added data beyond its limits. Data that these rules forget is omitted.
/// As in a merge, users are not counted against max_users.
///
/// The format of the bytes is validated, but their content is trusted: they may state anything about any user, with any
/// timestamp. So use it only for your own snapshots. For data from a peer use `apply_delta`, `reconcile` or
/// `Store::merge`, which check timestamps against the host's clock.
///
/// Each snapshot has exactly one valid encoding. Any other is an Error at its byte: `truncated`, `trailing_bytes`,
/// `syntax`, `unknown_version`, `wrong_type` (the bytes of a delta), `bad_checksum` (at the block), `out_of_range` (a
/// timestamp at either end), `over_limit` (of ids, statuses, the registers of one user, or DecodeOptions). Checksums
/// detect accidental damage, not tampering.
///
/// Memory stays below 64 times the bytes read; DecodeOptions bounds it further. O(bytes).
Result<Snapshot> decode(std::string_view bytes, const Rules& rules, const DecodeOptions& options = {});

/// Returns a delta: an encoding of what `to` contains and `from` does not. Applied to `from`, or to a snapshot derived
/// from it, it adds all changes since `from`. Applying a delta is a merge, so deltas may be applied in any order and
/// more than once. O(changes) if `to` was derived from `from`.
///
/// A delta does not contain data that `to` has forgotten. If session_timeout is 0, only a disconnect ends a session:
/// then the two snapshots should be at most reorder_window apart.
///
/// Contains the full state of users, including invisible ones, as `encode` does.
std::string encode_delta(const Snapshot& from, const Snapshot& to);

/// Merges the output of `encode_delta` into a snapshot, as `merge_into` merges `to`. Then advances to `now`, the host's
/// own clock, if that is later; never to the sender's clock. The delta is applied first, then the time advances.
/// Changes from the delta carry the snapshot's timestamp before the call, or, without one, `now`. Changes caused by
/// time alone carry their deadline.
///
/// The delta is checked against the later one of `now` and the snapshot's timestamp. It is an Error `too_early`, at its
/// byte, if its timestamp is later than that by more than max_clock_skew. The same applies if anything in it is later
/// than the delta's timestamp by more than max_clock_skew. For a delta without a timestamp, that limit is relative to
/// the later one of `now` and the snapshot's timestamp. A reported last_active may have any value.
///
/// `out_of_range`: `now` is at either end of the range. Rules and the other errors are as for `decode`. After an error
/// the snapshot is unchanged, and no change was emitted. O(size of the delta), plus O(expired users).
template <class OnChange>
[[nodiscard]] std::optional<Error> apply_delta(Snapshot& snapshot, std::string_view bytes, Timestamp now,
                                               OnChange&& on_change) {
  return detail::apply_peer_delta(snapshot, bytes, now, on_change);
}
/// Applies a delta without a callback.
[[nodiscard]] std::optional<Error> apply_delta(Snapshot& snapshot, std::string_view bytes, Timestamp now);

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/binary/detail/codec_bodies.hpp>
#endif

#endif  // PRESENCE_BINARY_CODEC_HPP
