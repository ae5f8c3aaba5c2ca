// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BINARY_DETAIL_CODEC_BODIES_HPP
#define PRESENCE_BINARY_DETAIL_CODEC_BODIES_HPP

#include <presence/base/result.hpp>
#include <presence/base/time.hpp>
#include <presence/binary/codec.hpp>
#include <presence/binary/detail/bytes.hpp>
#include <presence/binary/detail/framing.hpp>
#include <presence/binary/detail/snapshot_record.hpp>
#include <presence/binary/detail/user_record.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/user.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/normal_form.hpp>
#include <presence/registers/detail/peer_dates.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/state/detail/changes.hpp>
#include <presence/state/detail/judge.hpp>
#include <presence/state/detail/merging.hpp>
#include <presence/state/detail/plan.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/merge.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_table.hpp>

#include <cstddef>      // for size_t
#include <optional>     // for optional, nullopt
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for move

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

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

PRESENCE_DETAIL_BODY UserReader::UserReader(const Rules& rules, PeerDates* dates, const DecodeOptions& options)
    : snapshot_(rules), dates_(dates), users_left_(options.max_users) {}

PRESENCE_DETAIL_BODY void UserReader::read_head(ByteReader& in) {
  const std::size_t start = in.offset();
  const Timestamp now = read_now(in);
  if (in.ok() && dates_ != nullptr && !dates_->begin(now))
    in.fail(ErrorCode::too_early, start, "the message's timestamp is too far in the future");
  SnapshotAccess::write(snapshot_).now = now;
}

PRESENCE_DETAIL_BODY void UserReader::read(ByteReader& in, unsigned version) {
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
  if (dates_ != nullptr && !dates_->admit(user.registers)) {
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

PRESENCE_DETAIL_BODY SnapshotDecoder::SnapshotDecoder(FrameKind kind, const Rules& rules, PeerDates* dates,
                                                      const DecodeOptions& options)
    : frames_(kind), users_(rules, dates, options) {}

PRESENCE_DETAIL_BODY bool SnapshotDecoder::push(std::string_view bytes) {
  return frames_.push(bytes, [this](ByteReader& in) {
    const std::size_t body = in.offset();
    if (!begun_) users_.read_head(in);
    begun_ = true;
    while (in.ok() && !in.at_end() && begins_in_time(in, body)) users_.read(in, frames_.version());
  });
}

inline Result<Snapshot> decode_as(FrameKind kind, std::string_view bytes, const Rules& rules,
                                  PeerDates dates = PeerDates(), const DecodeOptions& options = {}) {
  SnapshotDecoder decoder(kind, rules, &dates, options);
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

PRESENCE_DETAIL_BODY void encode_to(const Snapshot& snapshot, const PieceSink& sink) {
  const Root* const root = SnapshotReader::read(snapshot);
  FrameWriter<const PieceSink> out(sink, FrameKind::snapshot);
  write_head(out, SnapshotReader::now(snapshot));
  if (root != nullptr) {
    for (const RowView row : root->table) write_row(out, row, *root);
  }
  out.finish();
}
PRESENCE_DETAIL_BODY void encode_for_to(const Snapshot& snapshot, Viewer viewer, const PieceSink& sink) {
  const Root* const root = SnapshotReader::read(snapshot);
  const Timestamp now = SnapshotReader::now(snapshot);
  FrameWriter<const PieceSink> out(sink, FrameKind::snapshot);
  write_head(out, now);
  if (root != nullptr) {
    const Timestamp dated = now != absent ? now : latest_published(*root, viewer);
    for (const RowView row : root->table) {
      const std::optional<UserView> seen = snapshot.view(row.name(), viewer);
      const Timestamp status_until = row.registers().status_until();
      if (seen) write_user(out, row.name(), reported(*seen, status_until, dated), now);
    }
  }
  out.finish();
}
PRESENCE_DETAIL_BODY std::optional<Error> apply_peer_delta(Snapshot& snapshot, std::string_view bytes, Timestamp now,
                                                           const ChangeSink& on_change) {
  if (const std::optional<Error> error = wrong_now(now)) return error;
  const Result<Snapshot> delta = decode_as(FrameKind::delta, bytes, snapshot.rules(), dates_at(now, snapshot));
  if (!delta) return delta.error();
  merge_from_peer(snapshot, *delta, now, PeerDates(), on_change);
  return std::nullopt;
}

}  // namespace detail

PRESENCE_DETAIL_BODY std::string encode(const Snapshot& snapshot) {
  detail::StringSink sink;
  presence::encode(snapshot, sink);
  return std::move(sink.bytes);
}

PRESENCE_DETAIL_BODY std::string encode_for(const Snapshot& snapshot, Viewer viewer) {
  detail::StringSink sink;
  presence::encode_for(snapshot, viewer, sink);
  return std::move(sink.bytes);
}

PRESENCE_DETAIL_BODY Decoder::Decoder(const Rules& rules, const DecodeOptions& options)
    : decoder_(detail::FrameKind::snapshot, rules, nullptr, options) {}
PRESENCE_DETAIL_BODY bool Decoder::push(std::string_view bytes) { return decoder_.push(bytes); }
PRESENCE_DETAIL_BODY Result<Snapshot> Decoder::finish() {
  if (!decoder_.finish()) return decoder_.error();
  return decoder_.snapshot();
}

PRESENCE_DETAIL_BODY Result<Snapshot> decode(std::string_view bytes, const Rules& rules, const DecodeOptions& options) {
  return detail::decode_as(detail::FrameKind::snapshot, bytes, rules, detail::PeerDates(), options);
}

PRESENCE_DETAIL_BODY std::string encode_delta(const Snapshot& from, const Snapshot& to) {
  detail::StringSink sink;
  detail::FrameWriter<detail::StringSink> out(sink, detail::FrameKind::delta);
  detail::write_head(out, detail::SnapshotReader::now(to));
  detail::write_changed_users(out, from, to);
  out.finish();
  return std::move(sink.bytes);
}

PRESENCE_DETAIL_BODY std::optional<Error> apply_delta(Snapshot& snapshot, std::string_view bytes, Timestamp now) {
  return presence::apply_delta(snapshot, bytes, now, detail::NoCallback());
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BINARY_DETAIL_CODEC_BODIES_HPP
