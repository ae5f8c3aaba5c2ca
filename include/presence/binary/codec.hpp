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
#include <presence/state/detail/fold.hpp>
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

/// Snapshots as bytes: to store one, to send one, or to send what changed since another.
///
/// Inside the frames of frames.hpp stands the timestamp (a byte: 0, or 1 and then a word), then the users in the order
/// of a snapshot, each as user_record.hpp has it, in its normal form. All of it is the same on every platform, and none
/// of it tells the rules: who reads goes by rules of their own.
namespace presence {
inline namespace PRESENCE_ABI {

/// What `decode` and Decoder read at most.
struct DecodeOptions {
  /// Users in the snapshot; one more is an Error `over_limit` at its byte. A user takes about 160 bytes of memory, the
  /// bytes that tell of one may be as few as 5: so it is this that bounds the memory for bytes that somebody else
  /// chose.
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
  if (given > 1) in.fail(ErrorCode::syntax, start, "an instant is there or it is not");
  if (given == 0 || !in.ok()) return absent;
  const Timestamp now = Timestamp::from_ns(static_cast<std::int64_t>(in.word64()));
  if (in.ok() && !in_range(now)) in.fail(ErrorCode::out_of_range, start, "an instant that cannot be held");
  return now;
}

/// Gathers the pieces in a string.
struct StringSink {
  std::string bytes;
  void operator()(std::string_view piece) { bytes += piece; }
};

/// What stands before the users.
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
  read_settled(row, root.now, root.rules,
               [&](const RegistersView& user) { write_user(out, row.name(), user, root.now); });
}

/// The users of whom `to` keeps something that `from` does not.
template <class Sink>
void write_changed_users(FrameWriter<Sink>& out, const Snapshot& from, const Snapshot& to) {
  const Root* const before = SnapshotReader::read(from);
  const Root* const after = SnapshotReader::read(to);
  if (after == nullptr) return;
  const UserTable nothing;
  UserTable::each_pair(before != nullptr ? before->table : nothing, after->table, absent, [&](RowView a, RowView b) {
    if (b == nullptr) return;
    const UserRegisters user = normal_form_of(*b, *after);
    if (a != nullptr && user == settled(*a, after->now, after->rules)) return;
    write_user(out, b->name(), user, after->now);
  });
}

/// A row of users into a snapshot that has none yet. Holds no more than it was given, and what it makes of that.
class UserReader {
 public:
  explicit UserReader(const Rules& rules, const PeerDates& dates = PeerDates(), const DecodeOptions& options = {})
      : snapshot_(rules), dates_(dates), users_left_(options.max_users) {}

  void read_head(ByteReader& in) {
    const std::size_t start = in.offset();
    const Timestamp now = read_now(in);
    if (in.ok() && !dates_.begin(now)) in.fail(ErrorCode::too_early, start, "the message is later than our clock");
    SnapshotAccess::write(snapshot_).now = now;
  }

  void read(ByteReader& in) {
    Root& root = SnapshotAccess::write(snapshot_);
    const std::size_t start = in.offset();
    UserRecord user = read_user(in, root.now, root.rules);
    if (!in.ok()) return;
    const UserKey key = root.table.key_of(user.id);
    if (!last_.empty() && !UserTable::stands_before(root.table.key_of(last_), key)) {
      in.fail(ErrorCode::syntax, start, "users out of their order");
      return;
    }
    last_ = user.id;
    if (users_left_-- == 0) {
      in.fail(ErrorCode::over_limit, start, "more users than max_users allows");
      return;
    }
    if (!dates_.admit(user.registers)) {
      in.fail(ErrorCode::too_early, start, "a user of whom something is dated too late");
      return;
    }
    normalise(user.registers, root.now, root.rules);
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

/// Reads a snapshot or a delta from pieces.
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
      while (in.ok() && !in.at_end() && begins_in_time(in, body)) users_.read(in);
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

/// What a viewer may know of a user, as registers: what a server would have reported to a client of that viewer at the
/// timestamp that all of it is dated alike. To be read by the same viewer.
inline UserRegisters reported(const UserView& seen, Timestamp at) {
  UserRegisters user;
  join_report(user, at, seen.online);
  join_status(user, at, seen.status);  // that there is none is told as well
  if (seen.last_active) join_reported_last_active(user, at, *seen.last_active);
  if (seen.invisible) join_flip(user.visibility_changes, {at, true});
  return user;
}

/// The latest timestamp that the viewer could tell from what is kept.
inline Timestamp latest_told(const Root& root, Viewer viewer) noexcept {
  Timestamp latest = absent;
  for (const RowView row : root.table) {
    RegistersView user = row.registers();
    if (row.name() == viewer.id()) {
      user.visibility_changes = {};
    } else if (!seen_by_others(row, root)) {
      continue;
    }
    latest = later(latest, latest_seen_instant(user));
  }
  return latest;
}

}  // namespace detail

/// Writes a snapshot as bytes, in pieces of some 16 KiB: `sink(std::string_view)` is called with one after another, and
/// never more than one piece is held. Equal snapshots are the same bytes, on every platform. The truth about everybody,
/// invisible or not: for storage and other servers. O(users).
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
/// The same, as one string.
inline std::string encode(const Snapshot& snapshot) {
  detail::StringSink sink;
  presence::encode(snapshot, sink);
  return std::move(sink.bytes);
}

/// What `viewer` may know of a snapshot and nothing more, for a client: what he sees of each user, as reports dated
/// with the snapshot's timestamp (without one, with the latest that he could tell). `decode` reads it, best with
/// Rules::mirror(); the same viewer then finds the same there, and events or reports may be folded into it. To a mirror
/// that has reports already it is joined by `merge_into`. What an invisible user does changes no byte of it, but for
/// that user. O(users).
template <class Sink>
void encode_for(const Snapshot& snapshot, Viewer viewer, Sink&& sink) {
  const detail::Root* const root = detail::SnapshotReader::read(snapshot);
  const Timestamp now = detail::SnapshotReader::now(snapshot);
  detail::FrameWriter<std::remove_reference_t<Sink>> out(sink, detail::FrameKind::snapshot);
  detail::write_head(out, now);
  if (root != nullptr) {
    const Timestamp dated = now != detail::absent ? now : detail::latest_told(*root, viewer);
    for (const detail::RowView row : root->table) {
      const std::optional<UserView> seen = snapshot.view(row.name(), viewer);
      if (seen) detail::write_user(out, row.name(), detail::reported(*seen, dated), now);
    }
  }
  out.finish();
}
/// The same, as one string.
inline std::string encode_for(const Snapshot& snapshot, Viewer viewer) {
  detail::StringSink sink;
  presence::encode_for(snapshot, viewer, sink);
  return std::move(sink.bytes);
}

/// Reads a snapshot from pieces of what `encode` or `encode_for` wrote, cut anywhere, as a file or a socket gives them.
///
/// @code
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// const Snapshot before = reduce(Snapshot(), PresenceEvent::connect("john", "phone", now));
/// const std::string file = encode(before);
/// Decoder decoder(before.rules());
/// for (std::size_t at = 0; at < file.size(); at += 16) decoder.push(file.substr(at, 16));  // as a file is read
/// Snapshot replica = *decoder.finish();
/// assert(replica == before);
///
/// const Snapshot after = reduce(before, PresenceEvent::set_status("john", "brb", now));
/// assert(!apply_delta(replica, encode_delta(before, after), now) && replica == reduce(after, now));
/// assert(decode(file.substr(0, 20), before.rules()).error().code == ErrorCode::truncated);
/// @endcode
class Decoder {
 public:
  /// By these rules, never the writer's; see `decode`.
  explicit Decoder(const Rules& rules, const DecodeOptions& options = {})
      : decoder_(detail::FrameKind::snapshot, rules, detail::PeerDates(), options) {}

  /// Whether all is well so far; if not, `finish` says why.
  bool push(std::string_view bytes) { return decoder_.push(bytes); }
  /// To be called after the last piece.
  Result<Snapshot> finish() {
    if (!decoder_.finish()) return decoder_.error();
    return decoder_.snapshot();
  }

 private:
  detail::SnapshotDecoder decoder_;
};

/// Reads what `encode` or `encode_for` wrote. By the rules given, never the writer's: with the same ones it is the same
/// snapshot, unless a merge brought in what is over its limits; what by these is forgotten is not there. As in a merge,
/// users are not counted against max_users.
///
/// Nothing about the bytes is trusted but what they say of users: whoever may write them may say anything about
/// anybody, of any timestamp. So it is for snapshots of one's own; what a peer sent goes to `apply_delta`, `reconcile`
/// or `Store::merge`, which judge it by the host's clock. There is one form for each snapshot, and any other is an
/// Error at its byte: `truncated`, `trailing_bytes`, `syntax`, `unknown_version`, `wrong_type` (the bytes of a delta),
/// `bad_checksum` (at the block), `out_of_range` (a timestamp at either end), `over_limit` (of ids, statuses, what is
/// kept of one user, or DecodeOptions). Checksums are there for damage, not against somebody who means it. Memory stays
/// below 64 times the bytes read; DecodeOptions bounds it further. O(bytes).
inline Result<Snapshot> decode(std::string_view bytes, const Rules& rules, const DecodeOptions& options = {}) {
  return detail::decode_as(detail::FrameKind::snapshot, bytes, rules, detail::PeerDates(), options);
}

/// What `to` has and `from` has not, as bytes: joined into `from`, or into whatever has come of it, it adds all that
/// happened since. In any order, and twice, since applying it is a merge. Costs what changed, where `to` came of
/// `from`. What `to` has forgotten it cannot tell: where session_timeout is 0, so that only a disconnect ends a
/// session, the two should be no further apart than reorder_window.
///
/// The truth about everybody, as `encode` has it.
inline std::string encode_delta(const Snapshot& from, const Snapshot& to) {
  detail::StringSink sink;
  detail::FrameWriter<detail::StringSink> out(sink, detail::FrameKind::delta);
  detail::write_head(out, detail::SnapshotReader::now(to));
  detail::write_changed_users(out, from, to);
  out.finish();
  return std::move(sink.bytes);
}

/// Joins what `encode_delta` wrote into a snapshot, as `merge_into` joins `to`, and advances to `now`, the host's own
/// clock, if that is later; never to the sender's. First what the delta says counts, then time passes: what the delta
/// changes is dated with the snapshot's timestamp before the call (without one, with `now`), what time changes with its
/// deadline.
///
/// The delta is judged by the later one of `now` and the snapshot's own timestamp. It is an Error `too_early`, at its
/// byte, if its timestamp is later than that by more than max_clock_skew, or if anything in it is dated later than its
/// timestamp by more than max_clock_skew (if it has none: later than ours by more than that). What a report said about
/// last_active may be any timestamp. `out_of_range`: `now` is at either end of the range. Rules and the other errors
/// are those of `decode`. After an error the snapshot is what it was, and no change was emitted. Costs what is in the
/// delta, and what is due.
template <class OnChange>
std::optional<Error> apply_delta(Snapshot& snapshot, std::string_view bytes, Timestamp now, OnChange&& on_change) {
  if (const std::optional<Error> error = detail::wrong_now(now)) return error;
  const Result<Snapshot> delta =
      detail::decode_as(detail::FrameKind::delta, bytes, snapshot.rules(), detail::dates_at(now, snapshot));
  if (!delta) return delta.error();
  detail::merge_from_peer(snapshot, *delta, now, detail::PeerDates(), on_change);
  return std::nullopt;
}
/// The same without a callback.
inline std::optional<Error> apply_delta(Snapshot& snapshot, std::string_view bytes, Timestamp now) {
  return presence::apply_delta(snapshot, bytes, now, detail::NoCallback());
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BINARY_CODEC_HPP
