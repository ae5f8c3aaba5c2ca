// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BINARY_DETAIL_USER_RECORD_HPP
#define PRESENCE_BINARY_DETAIL_USER_RECORD_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/binary/detail/bytes.hpp>
#include <presence/model/rules.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/registers.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, uint8_t, uint64_t, INT64_MAX, SIZE_MAX, UINT64_MAX
#include <string_view>  // for string_view
#include <utility>      // for move

/// The encoding of the registers of a user (for number and text see bytes.hpp).
///
///     user     = id (text), shape (byte), sessions, activities, visibility changes, rare registers
///     shape    = 1: timestamps in milliseconds | sessions << 1 | activities << 3 | 32: visibility changes
///                | 64: rare registers;
///                the counts of sessions and activities are 0 to 2, or 3: then the count minus 3 precedes the first one
///     session  = id (text), byte: 1: connect | 2: heartbeat | disconnects << 2, these timestamps;
///                the count of disconnects is 0 to 62, or 63: then the count minus 63 precedes them
///     activity = the evidence (timestamp), how much earlier the value is (number)
///     visibility changes    = number, for each: a timestamp, a byte (0, 1: invisible)
///     rare     = byte: 1: dropped range | 2: status | 4: reported | 8: as online | 16: reported last_active |
///                32: forgotten | 64: end of the status | 128: removed;
///                then of those present: from and to; at and the text; at; at and the value; up to; until; up to
///
/// A timestamp is a number: how much earlier it is than the base, with the sign in the lowest bit. The unit is
/// milliseconds if all timestamps in the record are exact in it, else nanoseconds. The base is the snapshot's
/// timestamp, rounded down to milliseconds, or 1970. All sequences are strictly ascending. So equal users have equal
/// bytes.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Encodes timestamps relative to a base, in the unit of a record. Differences wrap around at 64 bits; decoding wraps
/// them back.
class TimestampUnit {
 public:
  TimestampUnit(Timestamp now, bool in_ms) noexcept : base_(base_of(now)), in_ms_(in_ms) {}

  bool in_ms() const noexcept { return in_ms_; }
  /// Returns true if no timestamp that was noted needed nanoseconds.
  bool could_be_ms() const noexcept { return could_be_ms_; }
  void note(Timestamp at) noexcept {
    could_be_ms_ = could_be_ms_ && static_cast<std::int64_t>(base_ - raw(at)) % static_cast<std::int64_t>(ms) == 0;
  }

  void note_earlier(Timestamp at, Timestamp earlier) noexcept {
    could_be_ms_ = could_be_ms_ && (raw(at) - raw(earlier)) % ms == 0;
  }

  void append(ByteWriter& out, Timestamp at) const {
    const auto earlier_by = static_cast<std::int64_t>(base_ - raw(at)) / (in_ms_ ? static_cast<std::int64_t>(ms) : 1);
    const auto bits = static_cast<std::uint64_t>(earlier_by);
    out.number(earlier_by < 0 ? ~(bits << 1) : bits << 1);
  }
  void append_earlier(ByteWriter& out, Timestamp at, Timestamp earlier) const {
    out.number((raw(at) - raw(earlier)) / unit());
  }

  Timestamp read(ByteReader& in) noexcept {
    const std::size_t start = in.offset();
    const std::uint64_t number = in.number();
    const std::uint64_t earlier_by = (number & 1) != 0 ? ~(number >> 1) : number >> 1;
    constexpr std::int64_t most = INT64_MAX / static_cast<std::int64_t>(ms);
    const auto count = static_cast<std::int64_t>(earlier_by);
    const Timestamp at = held(in, start, base_ - earlier_by * unit(), !in_ms_ || (count <= most && count >= -most));
    note(at);
    return at;
  }
  Timestamp read_earlier(ByteReader& in, Timestamp at) noexcept {
    const std::size_t start = in.offset();
    const std::uint64_t number = in.number();
    const Timestamp earlier = held(in, start, raw(at) - number * unit(), number <= (raw(at) - raw(absent)) / unit());
    note_earlier(at, earlier);
    return earlier;
  }

 private:
  static constexpr std::uint64_t ms = 1000000;

  static std::uint64_t raw(Timestamp at) noexcept { return static_cast<std::uint64_t>(at.ns()); }
  static std::uint64_t base_of(Timestamp now) noexcept {
    if (now == absent) return 0;
    const std::int64_t rest = now.ns() % static_cast<std::int64_t>(ms);
    return raw(now) - static_cast<std::uint64_t>(rest) - (rest < 0 ? ms : 0);
  }
  std::uint64_t unit() const noexcept { return in_ms_ ? ms : 1; }
  static Timestamp held(ByteReader& in, std::size_t start, std::uint64_t bits, bool fits) noexcept {
    const Timestamp at = Timestamp::from_ns(static_cast<std::int64_t>(bits));
    if (!fits || at == absent || at == never) {
      in.fail(ErrorCode::out_of_range, start, "the timestamp is out of range");
    }
    return at;
  }

  std::uint64_t base_;
  bool in_ms_, could_be_ms_ = true;
};

namespace user_record {

/// Bits of the shape.
constexpr unsigned in_ms = 1, has_visibility_changes = 32, has_rare = 64, shape_bits = 127;
/// Bits of the rare registers.
constexpr unsigned dropped_range = 1, status = 2, reported = 4, reported_online = 8, reported_last_active = 16,
                   forgotten = 32, status_until = 64, removed = 128, rare_bits = 255;
constexpr std::size_t counts_in_shape = 3, disconnects_in_byte = 63;

inline unsigned rare_of(const RegistersView& user) noexcept {
  if (user.rare == nullptr) return 0;
  const RareRegisters& kept = *user.rare;
  return (kept.dropped_range.to != absent ? dropped_range : 0u) | (kept.status_at != absent ? status : 0u) |
         (kept.reported_at != absent ? reported : 0u) |
         (kept.reported_at != absent && kept.reported_online ? reported_online : 0u) |
         (kept.reported_last_active_at != absent ? reported_last_active : 0u) |
         (kept.forgotten_up_to != absent ? forgotten : 0u) | (kept.status_until != never ? status_until : 0u) |
         (kept.removed != absent ? removed : 0u);
}

inline bool all_in_ms(const RegistersView& user, Timestamp now) noexcept {
  TimestampUnit unit(now, true);
  const auto note = [&unit](Timestamp at) {
    if (at != absent) unit.note(at);
  };
  for (const SessionRegisters& session : user.sessions) {
    note(session.connect);
    note(session.heartbeat);
    for (const Timestamp at : session.disconnects) note(at);
  }
  for (const Activity& activity : user.activities) {
    note(activity.evidence);
    unit.note_earlier(activity.evidence, activity.value);
  }
  for (const VisibilityChange& visibility_change : user.visibility_changes) note(visibility_change.at);
  if (user.rare != nullptr) {
    const RareRegisters& kept = *user.rare;
    for (const Timestamp at :
         {kept.dropped_range.from, kept.dropped_range.to, kept.status_at, kept.reported_at,
          kept.reported_last_active_at, kept.reported_last_active, kept.forgotten_up_to, kept.removed})
      note(at);
    if (kept.status_until != never) unit.note(kept.status_until);
  }
  return unit.could_be_ms();
}

inline void append_session(ByteWriter& out, const SessionRegisters& session, const TimestampUnit& unit) {
  const std::size_t disconnects = session.disconnects.size();
  out.text(text_of(session.id));
  out.byte((session.connect != absent ? 1u : 0u) | (session.heartbeat != absent ? 2u : 0u) |
           smaller_of(disconnects, disconnects_in_byte) << 2);
  if (session.connect != absent) unit.append(out, session.connect);
  if (session.heartbeat != absent) unit.append(out, session.heartbeat);
  if (disconnects >= disconnects_in_byte) out.number(disconnects - disconnects_in_byte);
  for (const Timestamp at : session.disconnects) unit.append(out, at);
}

inline void append_rare(ByteWriter& out, const RareRegisters& kept, unsigned bits, const TimestampUnit& unit) {
  out.byte(bits);
  if ((bits & dropped_range) != 0) {
    unit.append(out, kept.dropped_range.from);
    unit.append(out, kept.dropped_range.to);
  }
  if ((bits & status) != 0) {
    unit.append(out, kept.status_at);
    out.text(text_of(kept.status));
  }
  if ((bits & reported) != 0) unit.append(out, kept.reported_at);
  if ((bits & reported_last_active) != 0) {
    unit.append(out, kept.reported_last_active_at);
    unit.append(out, kept.reported_last_active);
  }
  if ((bits & forgotten) != 0) unit.append(out, kept.forgotten_up_to);
  if ((bits & status_until) != 0) unit.append(out, kept.status_until);
  if ((bits & removed) != 0) unit.append(out, kept.removed);
}

/// Returns a count. Fails if it is greater than the reader's rules allow for one user.
inline std::size_t read_count(ByteReader& in, std::size_t start, std::uint64_t count, std::size_t most) noexcept {
  if (count > most) in.fail(ErrorCode::over_limit, start, "the user has more entries than the rules allow");
  return in.ok() ? narrowed<std::size_t>(count) : 0;
}
inline std::size_t read_count(ByteReader& in, unsigned inside, std::size_t least_outside, std::size_t most) noexcept {
  const std::size_t start = in.offset();
  std::uint64_t count = inside;
  if (inside == least_outside) {
    const std::uint64_t more = in.number();
    count = more > UINT64_MAX - inside ? UINT64_MAX : more + inside;
  }
  return read_count(in, start, count, most);
}

inline bool ascends(ByteReader& in, std::size_t start, bool is_first, bool is_greater) noexcept {
  if (!is_first && !is_greater) in.fail(ErrorCode::syntax, start, "the entries are not in ascending order");
  return in.ok();
}

/// The maximum counts that the rules allow for one user.
struct Most {
  explicit Most(const Rules& rules) noexcept
      : recent(greater_of(rules.max_recent_per_user, std::uint32_t{1})),
        sessions(sum(recent, rules.max_sessions_per_user)),
        on_both_sides_of_a_cut(sum(recent, recent)) {}

  std::size_t recent, sessions, on_both_sides_of_a_cut;

 private:
  static std::size_t sum(std::size_t a, std::size_t b) noexcept { return b > SIZE_MAX - a ? SIZE_MAX : a + b; }
};

inline SessionRegisters read_session(ByteReader& in, const Rules& rules, const Most& most, TimestampUnit& unit) {
  SessionRegisters session;
  const std::size_t start = in.offset();
  const std::string_view id = in.text(rules.max_id_bytes, "the id is longer than max_id_bytes");
  const unsigned bits = in.byte();
  if (in.ok() && (id.empty() || bits == 0)) in.fail(ErrorCode::syntax, start, "the session has no id or no timestamp");
  if (!in.ok()) return session;
  session.id = SharedString(id);
  if ((bits & 1) != 0) session.connect = unit.read(in);
  if ((bits & 2) != 0) session.heartbeat = unit.read(in);
  for (std::size_t left = read_count(in, bits >> 2, disconnects_in_byte, most.recent); left > 0 && in.ok(); --left) {
    const std::size_t at_start = in.offset();
    const Timestamp at = unit.read(in);
    auto& all = session.disconnects;
    if (ascends(in, at_start, all.empty(), !all.empty() && all.back() < at)) all.push_back(at);
  }
  return session;
}

inline void read_rare(ByteReader& in, RareRegisters& kept, const Rules& rules, TimestampUnit& unit) {
  const std::size_t start = in.offset();
  const unsigned bits = in.byte();
  if (in.ok() && (bits == 0 || bits > rare_bits || (bits & (reported | reported_online)) == reported_online ||
                  (bits & (status | status_until)) == status_until)) {
    in.fail(ErrorCode::syntax, start, "unknown set of registers");
  }
  if (!in.ok()) return;
  if ((bits & dropped_range) != 0) {
    kept.dropped_range.from = unit.read(in);
    kept.dropped_range.to = unit.read(in);
    ascends(in, start, false, kept.dropped_range.from < kept.dropped_range.to);
  }
  if ((bits & status) != 0) {
    kept.status_at = unit.read(in);
    const std::string_view text = in.text(rules.max_status_bytes, "the status is longer than max_status_bytes");
    kept.status = SharedString(text);
  }
  if ((bits & reported) != 0) kept.reported_at = unit.read(in);
  kept.reported_online = (bits & reported_online) != 0;
  if ((bits & reported_last_active) != 0) {
    kept.reported_last_active_at = unit.read(in);
    kept.reported_last_active = unit.read(in);
  }
  if ((bits & forgotten) != 0) kept.forgotten_up_to = unit.read(in);
  if ((bits & status_until) != 0) {
    if (kept.status.view().empty()) in.fail(ErrorCode::syntax, start, "the end of an empty status");
    kept.status_until = unit.read(in);
  }
  if ((bits & removed) != 0) kept.removed = unit.read(in);
}

}  // namespace user_record

inline void append_user(ByteWriter& out, std::string_view id, const RegistersView& user, Timestamp now) {
  namespace record = user_record;
  const std::size_t sessions = user.sessions.size(), activities = user.activities.size();
  const unsigned rare = record::rare_of(user);
  const TimestampUnit unit(now, record::all_in_ms(user, now));
  out.text(id);
  out.byte((unit.in_ms() ? record::in_ms : 0u) | smaller_of(sessions, record::counts_in_shape) << 1 |
           smaller_of(activities, record::counts_in_shape) << 3 |
           (user.visibility_changes.empty() ? 0u : record::has_visibility_changes) |
           (rare == 0 ? 0u : record::has_rare));
  if (sessions >= record::counts_in_shape) out.number(sessions - record::counts_in_shape);
  for (const SessionRegisters& session : user.sessions) record::append_session(out, session, unit);
  if (activities >= record::counts_in_shape) out.number(activities - record::counts_in_shape);
  for (const Activity& activity : user.activities) {
    unit.append(out, activity.evidence);
    unit.append_earlier(out, activity.evidence, activity.value);
  }
  if (!user.visibility_changes.empty()) out.number(user.visibility_changes.size());
  for (const VisibilityChange& visibility_change : user.visibility_changes) {
    unit.append(out, visibility_change.at);
    out.byte(visibility_change.invisible ? 1 : 0);
  }
  if (rare != 0) record::append_rare(out, *user.rare, rare, unit);
}

/// A decoded user: within the limits of the rules and in the canonical encoding, but not yet normalised.
struct UserRecord {
  std::string_view id;  // borrowed from the bytes
  UserRegisters registers;
};

inline UserRecord read_user(ByteReader& in, Timestamp now, const Rules& rules) {
  namespace record = user_record;
  const record::Most most(rules);
  UserRecord user;
  UserRegisters& kept = user.registers;
  const std::size_t start = in.offset();
  user.id = in.text(rules.max_id_bytes, "the id is longer than max_id_bytes");
  const unsigned shape = in.byte();
  if (in.ok() && (user.id.empty() || shape > record::shape_bits || shape <= record::in_ms)) {
    in.fail(ErrorCode::syntax, start, "the user has no id or no content");
  }
  TimestampUnit unit(now, (shape & record::in_ms) != 0);
  for (std::size_t left = record::read_count(in, shape >> 1 & 3, record::counts_in_shape, most.sessions);
       left > 0 && in.ok(); --left) {
    const std::size_t at = in.offset();
    SessionRegisters session = record::read_session(in, rules, most, unit);
    const bool is_first = kept.sessions.empty();
    if (record::ascends(in, at, is_first, !is_first && text_of(kept.sessions.back().id) < text_of(session.id)))
      kept.sessions.push_back(std::move(session));
  }
  for (std::size_t left = record::read_count(in, shape >> 3 & 3, record::counts_in_shape, most.on_both_sides_of_a_cut);
       left > 0 && in.ok(); --left) {
    const std::size_t at = in.offset();
    Activity activity;
    activity.evidence = unit.read(in);
    activity.value = unit.read_earlier(in, activity.evidence);
    const bool is_first = kept.activities.empty();
    if (record::ascends(in, at, is_first,
                        !is_first && kept.activities.back().value < activity.value &&
                            kept.activities.back().evidence < activity.evidence))
      kept.activities.push_back(activity);
  }
  if ((shape & record::has_visibility_changes) != 0) {
    const std::size_t at_count = in.offset();
    std::size_t left = record::read_count(in, at_count, in.number(), most.on_both_sides_of_a_cut);
    if (in.ok() && left == 0) in.fail(ErrorCode::syntax, at_count, "the count of visibility changes is 0");
    for (; left > 0 && in.ok(); --left) {
      const std::size_t at = in.offset();
      VisibilityChange visibility_change;
      visibility_change.at = unit.read(in);
      const unsigned truth = in.byte();
      if (truth > 1) in.fail(ErrorCode::syntax, at, "the visibility is neither 0 nor 1");
      visibility_change.invisible = truth == 1;
      const bool is_first = kept.visibility_changes.empty();
      if (record::ascends(in, at, is_first, !is_first && kept.visibility_changes.back().at < visibility_change.at))
        kept.visibility_changes.push_back(visibility_change);
    }
  }
  if ((shape & record::has_rare) != 0) record::read_rare(in, kept, rules, unit);
  for (const VisibilityChange& visibility_change : kept.visibility_changes) {
    if (!visibility_change.invisible && kept.dropped_range.contains(visibility_change.at))
      in.fail(ErrorCode::syntax, start, "a visible change inside a dropped range");
  }
  if (in.ok() && !unit.in_ms() && unit.could_be_ms())
    in.fail(ErrorCode::syntax, start, "timestamps are in nanoseconds although milliseconds suffice");
  return user;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BINARY_DETAIL_USER_RECORD_HPP
