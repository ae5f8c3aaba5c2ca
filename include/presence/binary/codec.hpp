// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BINARY_CODEC_HPP
#define PRESENCE_BINARY_CODEC_HPP

#include <presence/base/result.hpp>
#include <presence/binary/detail/framing.hpp>
#include <presence/binary/detail/user_record.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/user.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/normal_form.hpp>
#include <presence/registers/detail/peer_dates.hpp>
#include <presence/state/detail/judge.hpp>
#include <presence/state/detail/plan.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/merge.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_table.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, uint64_t, SIZE_MAX
#include <optional>     // for optional, nullopt
#include <string>       // for string
#include <string_view>  // for string_view
#include <type_traits>  // for remove_reference_t
#include <utility>      // for move

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

inline void append_now(ByteWriter& out, Timestamp now) {
  out.byte(now != absent ? 1 : 0);
  if (now != absent) out.word64(static_cast<std::uint64_t>(now.ns()));
}

inline Timestamp read_now(ByteReader& in) noexcept {
  const std::size_t start = in.offset();
  const unsigned given = in.byte();
  if (given > 1) in.fail(ErrorCode::syntax, start, "the timestamp flag is neither 0 nor 1");
  if (given == 0 || !in.ok()) return absent;
  const Timestamp now = Timestamp::from_ns(static_cast<std::int64_t>(in.word64()));
  if (in.ok() && !in_range(now)) in.fail(ErrorCode::out_of_range, start, "the timestamp is out of range");
  return now;
}

/// Writes the record that precedes the users.
template <class Sink>
void write_head(FrameWriter<Sink>& out, Timestamp now) {
  append_now(out.record(), now);
  out.end_record();
}

template <class Sink>
void write_user(FrameWriter<Sink>& out, std::string_view id, const RegistersView& user, Timestamp now) {
  append_user(out.record(), id, user, now);
  out.end_record();
}

template <class Sink>
void write_row(FrameWriter<Sink>& out, const RowView& row, const Root& root) {
  read_normal_form_of(row, root.now, root.rules,
                      [&](const RegistersView& user) { write_user(out, row.name(), user, root.now); });
}

/// Writes the users whose registers in `to` differ from those in `from`.
template <class Sink>
void write_changed_users(FrameWriter<Sink>& out, const Snapshot& from, const Snapshot& to) {
  const Root* const before = SnapshotReader::read(from);
  const Root* const after = SnapshotReader::read(to);
  if (after == nullptr) return;
  const UserTable nothing;
  UserTable::each_pair(before != nullptr ? before->table : nothing, after->table, absent, [&](RowView a, RowView b) {
    if (b == nullptr) return;
    const UserRegisters user = normal_form_of(*b, *after);
    if (a != nullptr && user == normal_form_of(*a, after->now, after->rules)) return;
    write_user(out, b->name(), user, after->now);
  });
}

/// Reads a sequence of users into an empty snapshot. Stores only the users that it was given.
class UserReader {
 public:
  explicit UserReader(const Rules& rules, const PeerDates& dates = PeerDates(), const DecodeOptions& options = {})
      : snapshot_(rules), dates_(dates), users_left_(options.max_users) {}

  void read_head(ByteReader& in) {
    const std::size_t start = in.offset();
    const Timestamp now = read_now(in);
    if (in.ok() && !dates_.begin(now))
      in.fail(ErrorCode::too_early, start, "the message's timestamp is too far in the future");
    SnapshotAccess::write(snapshot_).now = now;
  }

  /// `version` is that of the format of the bytes.
  void read(ByteReader& in, unsigned version) {
    Root& root = SnapshotAccess::write(snapshot_);
    const std::size_t start = in.offset();
    UserRecord user = read_user(in, version, root.now, root.rules);
    if (!in.ok()) return;
    const UserKey key = root.table.key_of(user.id);
    if (!last_.empty() && !UserTable::is_ordered_before(root.table.key_of(last_), key)) {
      in.fail(ErrorCode::syntax, start, "the users are not in order");
      return;
    }
    last_ = user.id;
    if (users_left_-- == 0) {
      in.fail(ErrorCode::over_limit, start, "more users than max_users allows");
      return;
    }
    if (!dates_.admit(user.registers)) {
      in.fail(ErrorCode::too_early, start, "the user has a timestamp too far in the future");
      return;
    }
    normalise(user.registers, root.now, root.rules);
    // The run of removed evidence is one more of those before it.
    for (SessionRegisters& session : user.registers.sessions) bound_session(session, root.rules);
    if (user.registers.empty()) return;
    Plan plan;
    plan.after = std::move(user.registers);
    commit(root, key, std::move(plan));
  }

  const Snapshot& snapshot() const noexcept { return snapshot_; }

 private:
  Snapshot snapshot_;
  PeerDates dates_;
  std::size_t users_left_;
  std::string last_;  // id
};

/// Reads a snapshot or a delta in pieces.
class SnapshotDecoder {
 public:
  SnapshotDecoder(FrameKind kind, const Rules& rules, const PeerDates& dates = PeerDates(),
                  const DecodeOptions& options = {})
      : frames_(kind), users_(rules, dates, options) {}

  bool push(std::string_view bytes) {
    return frames_.push(bytes, [this](ByteReader& in) {
      const std::size_t body = in.offset();
      if (!begun_) users_.read_head(in);
      begun_ = true;
      while (in.ok() && !in.at_end() && begins_in_time(in, body)) users_.read(in, frames_.version());
    });
  }
  bool finish() noexcept { return frames_.finish(); }
  const Error& error() const noexcept { return frames_.error(); }
  const Snapshot& snapshot() const noexcept { return users_.snapshot(); }

 private:
  FrameReader frames_;
  UserReader users_;
  bool begun_ = false;
};

inline Result<Snapshot> decode_as(FrameKind kind, std::string_view bytes, const Rules& rules,
                                  const PeerDates& dates = PeerDates(), const DecodeOptions& options = {}) {
  SnapshotDecoder decoder(kind, rules, dates, options);
  if (!decoder.push(bytes) || !decoder.finish()) return decoder.error();
  return decoder.snapshot();
}

/// Returns the registers of a user as a viewer sees them: as if a server had reported them to that viewer's client. All
/// registers have the timestamp `at`; a status ends when it does in the snapshot. To be read by the same viewer. The
/// rules of the snapshot do not matter: the report has no run, as from a writer without timeouts.
inline UserRegisters reported(const UserView& seen, Timestamp status_until, Timestamp at) {
  UserRegisters user;
  PresenceEventView report = PresenceEventView::report(seen, at);
  report.status.reset();
  report.last_active.reset();
  join_event(user, report, default_rules);
  // Also if it is empty, to clear an older status.
  join_status(user, at, seen.status, seen.status.empty() ? never : status_until);
  if (seen.last_active) join_reported_last_active(user, at, *seen.last_active);
  if (seen.invisible) join_visibility_change(user.visibility_changes, {at, true});
  return user;
}

/// Returns the latest timestamp that the viewer can see in the snapshot.
inline Timestamp latest_published(const Root& root, Viewer viewer) {
  Timestamp latest = absent;
  for (const RowView row : root.table) {
    const bool is_self = row.name() == viewer.id();
    if (!is_self && !seen_by_others(row, root)) continue;
    // Forgotten data must not matter, whether or not it has been dropped yet.
    const Timestamp of_user =
        read_normal_form_of(row, root.now, root.rules, [is_self](const RegistersView& registers) noexcept {
          RegistersView user = registers;
          if (is_self) user.visibility_changes = {};
          return latest_seen_timestamp(user);
        });
    latest = later(latest, of_user);
  }
  return latest;
}

}  // namespace detail

/// Encodes a snapshot as bytes. Calls `sink(std::string_view)` with consecutive pieces of about 16 KiB, and buffers at
/// most one piece. Equal snapshots have the same bytes, on every platform. Contains the full state of all users,
/// including invisible ones: for storage and other servers only. O(users).
template <class Sink>
void encode(const Snapshot& snapshot, Sink&& sink) {
  const detail::Root* const root = detail::SnapshotReader::read(snapshot);
  detail::FrameWriter<std::remove_reference_t<Sink>> out(sink, detail::FrameKind::snapshot);
  detail::write_head(out, detail::SnapshotReader::now(snapshot));
  if (root != nullptr) {
    for (const detail::RowView row : root->table) detail::write_row(out, row, *root);
  }
  out.finish();
}
/// Returns the encoded snapshot as one string.
inline std::string encode(const Snapshot& snapshot) {
  detail::StringSink sink;
  presence::encode(snapshot, sink);
  return std::move(sink.bytes);
}

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
  const detail::Root* const root = detail::SnapshotReader::read(snapshot);
  const Timestamp now = detail::SnapshotReader::now(snapshot);
  detail::FrameWriter<std::remove_reference_t<Sink>> out(sink, detail::FrameKind::snapshot);
  detail::write_head(out, now);
  if (root != nullptr) {
    const Timestamp dated = now != detail::absent ? now : detail::latest_published(*root, viewer);
    for (const detail::RowView row : root->table) {
      const std::optional<UserView> seen = snapshot.view(row.name(), viewer);
      const Timestamp status_until = row.registers().status_until();
      if (seen) detail::write_user(out, row.name(), detail::reported(*seen, status_until, dated), now);
    }
  }
  out.finish();
}
/// Returns the encoded view of `viewer` as one string.
inline std::string encode_for(const Snapshot& snapshot, Viewer viewer) {
  detail::StringSink sink;
  presence::encode_for(snapshot, viewer, sink);
  return std::move(sink.bytes);
}

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
  explicit Decoder(const Rules& rules, const DecodeOptions& options = {})
      : decoder_(detail::FrameKind::snapshot, rules, detail::PeerDates(), options) {}

  /// Decodes the next piece. Returns false after an error, which `finish` returns.
  bool push(std::string_view bytes) { return decoder_.push(bytes); }
  /// Returns the snapshot, or the error. Call it after the last piece.
  Result<Snapshot> finish() {
    if (!decoder_.finish()) return decoder_.error();
    return decoder_.snapshot();
  }

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
inline Result<Snapshot> decode(std::string_view bytes, const Rules& rules, const DecodeOptions& options = {}) {
  return detail::decode_as(detail::FrameKind::snapshot, bytes, rules, detail::PeerDates(), options);
}

/// Returns a delta: an encoding of what `to` contains and `from` does not. Applied to `from`, or to a snapshot derived
/// from it, it adds all changes since `from`. Applying a delta is a merge, so deltas may be applied in any order and
/// more than once. O(changes) if `to` was derived from `from`.
///
/// A delta does not contain data that `to` has forgotten. If session_timeout is 0, only a disconnect ends a session:
/// then the two snapshots should be at most reorder_window apart.
///
/// Contains the full state of users, including invisible ones, as `encode` does.
inline std::string encode_delta(const Snapshot& from, const Snapshot& to) {
  detail::StringSink sink;
  detail::FrameWriter<detail::StringSink> out(sink, detail::FrameKind::delta);
  detail::write_head(out, detail::SnapshotReader::now(to));
  detail::write_changed_users(out, from, to);
  out.finish();
  return std::move(sink.bytes);
}

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
  if (const std::optional<Error> error = detail::wrong_now(now)) return error;
  const Result<Snapshot> delta =
      detail::decode_as(detail::FrameKind::delta, bytes, snapshot.rules(), detail::dates_at(now, snapshot));
  if (!delta) return delta.error();
  detail::merge_from_peer(snapshot, *delta, now, detail::PeerDates(), on_change);
  return std::nullopt;
}
/// Applies a delta without a callback.
[[nodiscard]] inline std::optional<Error> apply_delta(Snapshot& snapshot, std::string_view bytes, Timestamp now) {
  return presence::apply_delta(snapshot, bytes, now, detail::NoCallback());
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BINARY_CODEC_HPP
