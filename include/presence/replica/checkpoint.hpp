// SPDX-License-Identifier: MIT
#ifndef PRESENCE_REPLICA_CHECKPOINT_HPP
#define PRESENCE_REPLICA_CHECKPOINT_HPP

#include <presence/base/result.hpp>
#include <presence/base/time.hpp>
#include <presence/binary/codec.hpp>
#include <presence/binary/detail/bytes.hpp>
#include <presence/binary/detail/framing.hpp>
#include <presence/model/availability.hpp>
#include <presence/model/rules.hpp>
#include <presence/registers/detail/digest.hpp>
#include <presence/state/snapshot.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint64_t
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for move

/// The format of a checkpoint (for word, number and text see bytes.hpp):
///
///     "PRSN", version (1 byte), kind (1 byte), size of the body (4 bytes, little endian), checksum of the body (a
///     word) body = a fingerprint of the rules (a word), the position (text) the encoding of the snapshot (codec.hpp)
///
/// The snapshot has a version of its own. A rule that is added to the fingerprint raises the checkpoint's version.
namespace presence {
inline namespace PRESENCE_ABI {

/// A snapshot, and the position in a shared log up to which it contains the events. A node that starts, or that has
/// missed too much, continues from the latest checkpoint of any node instead of the beginning of the log.
///
/// Start in this order: decode the checkpoint, read the log from its position to its end through an Inbox, `merge_into`
/// the snapshot, then create the Store and let time pass. If time passed first, sessions would time out whose
/// heartbeats are still in the log. Store::merge lets time pass, so do not call it for a part of the log.
///
/// @code
/// #include <presence/replica/inbox.hpp>
/// #include <vector>
///
/// const Timestamp then = *parse_timestamp("2019-01-07T13:17:42.375Z"), now = then + Duration::from_s(50);
/// Checkpoint checkpoint;
/// checkpoint.snapshot = reduce(Snapshot(), then);
/// checkpoint.snapshot = reduce(std::move(checkpoint.snapshot), PresenceEvent::connect("john", "node1-phone", then));
/// checkpoint.position = "41";
/// const std::string stored = encode_checkpoint(checkpoint);  // one node stores it, and may trim the log before 41
///
/// Result<Checkpoint> found = decode_checkpoint(stored, Rules());  // another node starts
/// Inbox inbox(Rules(), found->position);
/// const std::vector<PresenceEvent> missed = {
///     PresenceEvent::heartbeat("john", "node1-phone", then + Duration::from_s(30))};
/// assert(inbox.add("42", encode_events(missed.begin(), missed.end()), now)->applied == 1);
/// merge_into(found->snapshot, inbox.take());
/// apply(found->snapshot, now);
/// assert(found->snapshot.online("john") && inbox.position() == "42");
/// @endcode
struct Checkpoint {
  /// What the node knew when the checkpoint was taken.
  Snapshot snapshot;
  /// Of the last entry of the log whose events the snapshot contains. Only the host interprets it. Take the snapshot
  /// when the result of Outbox::take has been appended, and that of Inbox::take has been merged. Otherwise a node that
  /// starts from it has events that no other node receives. Heartbeats that wait in the Outbox do no harm: they
  /// only refresh sessions.
  std::string position;
};

namespace detail {

/// Returns a number that is equal for rules with which equal events lead to equal snapshots. The limits do not count:
/// they may differ between nodes.
inline std::uint64_t fingerprint_of(const Rules& rules) noexcept {
  Digest digest;
  for (const Duration length : {rules.session_timeout, rules.offline_grace, rules.last_active_refresh, rules.idle_after,
                                rules.report_timeout, rules.reorder_window, rules.forget_after})
    digest.add(static_cast<std::uint64_t>(length < Duration() ? 0 : length.ns()));
  digest.add(std::uint64_t{rules.heartbeat_is_activity});
  digest.add(static_cast<std::uint64_t>(rules.session_fold));
  for (const Availability a : {Availability::idle, Availability::away, Availability::busy, Availability::available}) {
    for (const Availability b : {Availability::idle, Availability::away, Availability::busy, Availability::available})
      digest.add(std::uint64_t{rules.ranking.is_stronger(a, b)});
  }
  return digest.value();
}

/// Reads the part of a checkpoint before its snapshot.
inline std::string_view read_checkpoint_head(ByteReader& in, const Rules& rules) noexcept {
  const unsigned version = read_frames_head(in, FrameKind::checkpoint);
  const std::size_t size = in.word32();
  const std::uint64_t checksum = in.word64();
  const std::size_t start = in.offset();
  ByteReader body(in.raw(size), start);
  if (!in.ok()) return std::string_view();
  const std::uint64_t fingerprint = body.word64();
  const std::string_view position = body.text();
  if (body.ok() && !body.at_end()) body.fail(ErrorCode::syntax, body.offset(), "the head is longer than its position");
  Digest digest(first_checksum(FrameKind::checkpoint, version));
  digest.add(fingerprint);
  digest.add(position);
  if (digest.value() != checksum) {
    in.fail(ErrorCode::bad_checksum, frames_head, "the bytes are not those that were written");
  } else if (!body.ok()) {
    in.fail(body.error().code, body.error().offset, body.error().message);
  } else if (fingerprint != fingerprint_of(rules)) {
    in.fail(ErrorCode::wrong_type, start, "the checkpoint was written with other rules");
  }
  return position;
}

}  // namespace detail

/// Encodes a checkpoint as bytes, the same on every platform. Calls `sink(std::string_view)` with consecutive pieces.
/// The first one is the position with a few bytes; the others are those of `encode`, of about 16 KiB, and at most one
/// is buffered. So a host can do other work between two pieces: the checkpoint has a copy of the snapshot, and what
/// happens meanwhile is not in it. Contains the full state of all users, as `encode` does. The position must be shorter
/// than 4 GiB. O(users).
///
/// @code
/// #include <presence/live/store.hpp>
///
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// Store store;
/// store.dispatch(PresenceEvent::connect("john", "node1-phone", now));
/// const Checkpoint checkpoint{store.snapshot(), "41"};  // O(1)
/// std::string stored;
/// encode_checkpoint(checkpoint, [&](std::string_view piece) {
///   stored += piece;
///   store.dispatch(PresenceEvent::set_status("john", "brb", now));  // clients are served between two pieces
/// });
/// const Snapshot after = store.snapshot();
/// assert(stored == encode_checkpoint(checkpoint) && after.view("john")->status == "brb");
/// @endcode
template <class Sink>
void encode_checkpoint(const Checkpoint& checkpoint, Sink&& sink) {
  constexpr detail::FrameKind kind = detail::FrameKind::checkpoint;
  const std::uint64_t fingerprint = detail::fingerprint_of(checkpoint.snapshot.rules());
  detail::ByteWriter body, out;
  body.word64(fingerprint);
  body.text(checkpoint.position);
  detail::Digest checksum(detail::first_checksum(kind, detail::version_of(kind)));
  checksum.add(fingerprint);
  checksum.add(std::string_view(checkpoint.position));
  out.raw("PRSN");
  out.byte(detail::version_of(kind));
  out.byte(static_cast<std::uint64_t>(kind));
  out.bytes(body.size(), 4);
  out.word64(checksum.value());
  out.raw(body.view());
  sink(out.view());
  presence::encode(checkpoint.snapshot, sink);
}
/// Returns the encoded checkpoint as one string.
inline std::string encode_checkpoint(const Checkpoint& checkpoint) {
  detail::StringSink sink;
  presence::encode_checkpoint(checkpoint, sink);
  return std::move(sink.bytes);
}

/// Decodes the output of `encode_checkpoint`. `rules` must decide as those of the writer: their durations, fold and
/// ranking must be equal, otherwise the Error is `wrong_type`. Limits may differ. Then, and for the other errors, see
/// `decode`. As there, the content is trusted. O(bytes).
///
/// `unknown_version`: a newer version of the library wrote the checkpoint, or the snapshot in it. A running node keeps
/// its snapshot and its position, and reads the checkpoint again after its update. A node that starts cannot continue
/// from it, so start it with the newer version.
inline Result<Checkpoint> decode_checkpoint(std::string_view bytes, const Rules& rules,
                                            const DecodeOptions& options = {}) {
  detail::ByteReader in(bytes);
  const std::string_view position = detail::read_checkpoint_head(in, rules);
  if (!in.ok()) return in.error();
  Result<Snapshot> snapshot = presence::decode(bytes.substr(in.offset()), rules, options);
  if (!snapshot) {
    Error error = snapshot.error();
    error.offset += in.offset();
    return error;
  }
  Checkpoint checkpoint;
  checkpoint.snapshot = *std::move(snapshot);
  checkpoint.position = std::string(position);
  return checkpoint;
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REPLICA_CHECKPOINT_HPP
