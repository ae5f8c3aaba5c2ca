// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BINARY_DETAIL_USER_RECORD_HPP
#define PRESENCE_BINARY_DETAIL_USER_RECORD_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/binary/detail/bytes.hpp>
#include <presence/model/rules.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/normal_form.hpp>
#include <presence/registers/detail/registers.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, uint8_t, uint64_t, INT64_MAX, SIZE_MAX, UINT64_MAX
#include <string_view>  // for string_view
#include <utility>      // for move

/// The encoding of the registers of a user (for number and text see bytes.hpp).
///
///     user     = id (text), shape (byte), sessions, activities, visibility changes, rare registers, data
///     shape    = 1: timestamps in milliseconds | sessions << 1 | activities << 3 | 32: visibility changes
///                | 64: rare registers | 128: data;
///                the counts of sessions and activities are 0 to 2, or 3: then the count minus 3 precedes the first one
///     session  = id (text; empty for the reports), byte: 1: evidence | 2: by a connect | 4: start of the last run |
///                8: rare registers | 16: says that it is available, by its evidence | disconnects << 5;
///                then of those present: at; how much earlier than that (number, with a sign); the disconnects, whose
///                count is 0 to 6, or 7: then the count minus 7 precedes them; the rare registers
///     rare registers of a session = byte: 1: state | 2: by a connect | 4: active | 8: by a connect | 16: held until |
///                32: earlier runs | 64: activity | 128: by a connect;
///                then of those present: at, availability (byte), priority (byte); at; until; at and the value;
///                number, for each run its start and end
///     activity = the evidence (timestamp), how much earlier the value is (number)
///     visibility changes    = number, for each: a timestamp, a byte (0, 1: invisible)
///     rare     = byte: 1: dropped range | 2: status | 4: reported | 8: choice | 16: reported last_active |
///                32: forgotten | 64: end of the status | 128: removed;
///                then of those present, in this order: from and to; at and the text; at; at, a byte (the availability
///                | 128: it ends) and the end; at and the value; up to; until; up to
///     data     = number: names << 1 | 1: a full report, its timestamp, for each name: text, at, value
///     value    = byte: 0 null, 1 false, 2 true, 3 integer, 4 real, 5 string, 6 array, 7 object, then its content;
///                events (event_record.hpp) have timestamps as well: 8, and a word
///
/// Version 1 had in a session: id (text), byte: 1: connect | 2: heartbeat | disconnects << 2 (63: a number follows),
/// and these timestamps; and as bit 8 of the rare registers whether the report was of online.
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
    out.number(sign_last(earlier_by));
  }
  void append_earlier(ByteWriter& out, Timestamp at, Timestamp earlier) const {
    out.number((raw(at) - raw(earlier)) / unit());
  }

  /// For a timestamp that is usually a little earlier than another one.
  void note_beside(Timestamp at, Timestamp other) noexcept {
    could_be_ms_ = could_be_ms_ && static_cast<std::int64_t>(raw(at) - raw(other)) % static_cast<std::int64_t>(ms) == 0;
  }
  void append_beside(ByteWriter& out, Timestamp at, Timestamp other) const {
    const auto by = static_cast<std::int64_t>(raw(at) - raw(other)) / static_cast<std::int64_t>(unit());
    out.number(sign_last(by));
  }
  Timestamp read_beside(ByteReader& in, Timestamp at) noexcept {
    const std::size_t start = in.offset();
    const std::int64_t by = from_sign_last(in.number());
    constexpr std::int64_t most = INT64_MAX / static_cast<std::int64_t>(ms);
    const Timestamp other =
        held(in, start, raw(at) - static_cast<std::uint64_t>(by) * unit(), !in_ms_ || (by <= most && by >= -most));
    note_beside(at, other);
    return other;
  }

  Timestamp read(ByteReader& in) noexcept {
    const std::size_t start = in.offset();
    const std::int64_t by = from_sign_last(in.number());
    constexpr std::int64_t most = INT64_MAX / static_cast<std::int64_t>(ms);
    const Timestamp at =
        held(in, start, base_ - static_cast<std::uint64_t>(by) * unit(), !in_ms_ || (by <= most && by >= -most));
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
constexpr unsigned in_ms = 1, has_visibility_changes = 32, has_rare = 64, has_data = 128, shape_bits_1 = 127;
/// Bits of the rare registers.
constexpr unsigned dropped_range = 1, status = 2, reported = 4, choice = 8, reported_last_active = 16, forgotten = 32,
                   status_until = 64, removed = 128, rare_bits = 255;
constexpr unsigned choice_ends = 128;  // beside the number of the availability
constexpr std::size_t counts_in_shape = 3, disconnects_in_byte = 7;
/// Bits of a session; above them the number of disconnects.
constexpr unsigned evidence = 1, by_connect = 2, run_start = 4, rare_of_session = 8, available = 16, session_bits = 5;
/// Bits of what is rare of a session.
constexpr unsigned state = 1, state_by_connect = 2, active = 4, active_by_connect = 8, held = 16, runs = 32, shown = 64,
                   shown_by_connect = 128;

inline unsigned rare_of(const RegistersView& user) noexcept {
  const unsigned bits = user.status_at() != absent ? status : 0u;
  if (user.rare == nullptr) return bits;
  const RareRegisters& kept = *user.rare;
  return bits | (kept.dropped_range.to != absent ? dropped_range : 0u) | (kept.reported_at != absent ? reported : 0u) |
         (kept.choice_at != absent ? choice : 0u) |
         (kept.reported_last_active_at != absent ? reported_last_active : 0u) |
         (kept.forgotten_up_to != absent ? forgotten : 0u) | (kept.status_until != never ? status_until : 0u) |
         (kept.removed != absent ? removed : 0u);
}

inline bool ascends(ByteReader& in, std::size_t start, bool is_first, bool is_greater) noexcept {
  if (!is_first && !is_greater) in.fail(ErrorCode::syntax, start, "the entries are not in ascending order");
  return in.ok();
}

/// Kinds of a value.
constexpr unsigned null = 0, no = 1, yes = 2, integer = 3, real = 4, string = 5, array = 6, object = 7, timestamp = 8;

/// Returns the bits of a number. Those of NaN are always the same.
inline std::uint64_t canonical_bits(double number) noexcept {
  const std::uint64_t bits = bits_of(number), infinity = std::uint64_t{0x7FF} << 52;
  return (bits & ~(std::uint64_t{1} << 63)) > infinity ? infinity | std::uint64_t{1} << 51 : bits;
}

/// Appends a value, in which nothing is absent or invalid. The depth of the recursion is at most that of a value.
inline void append_value(ByteWriter& out, const ValueView& value) {
  switch (value.kind()) {
    case ValueKind::boolean: out.byte(value.truth() ? yes : no); break;
    case ValueKind::integer:
      out.byte(integer);
      out.number(sign_last(value.integer()));
      break;
    case ValueKind::real:
      out.byte(real);
      out.word64(canonical_bits(value.real()));
      break;
    case ValueKind::string:
      out.byte(string);
      out.text(value.text());
      break;
    case ValueKind::timestamp:
      out.byte(timestamp);
      out.word64(static_cast<std::uint64_t>(value.instant().ns()));
      break;
    case ValueKind::array:
      out.byte(array);
      out.number(value.size());
      for (std::size_t i = 0; i < value.size(); ++i) append_value(out, value[i]);
      break;
    case ValueKind::object:
      out.byte(object);
      out.number(value.members().size());
      for (const ValueMember& member : value.members()) {
        out.text(member.name());
        append_value(out, member.value().view());
      }
      break;
    default: out.byte(null); break;
  }
}

/// Reads a value with at most so many levels. It takes memory in proportion to the bytes that were read.
inline Value read_value(ByteReader& in, std::size_t longest, unsigned levels) {
  const std::size_t start = in.offset();
  const char* const too_long = "a value is longer than the rules allow";
  const unsigned kind = in.byte();
  if (in.ok() && (kind > object || (kind >= array && levels == 0)))
    in.fail(ErrorCode::syntax, start, kind > object ? "unknown kind of value" : "a value has too many levels");
  if (!in.ok()) return Value();
  switch (kind) {
    case no:
    case yes: return Value(kind == yes);
    case integer: return Value(from_sign_last(in.number()));
    case real: {
      const double number = number_of(in.word64());
      if (!is_json(ValueView(number), 0)) in.fail(ErrorCode::syntax, start, "a number that is not finite");
      return Value(number);
    }
    case string: return Value(in.text(longest, too_long));
    case array: {
      ArrayMaker maker;
      for (std::uint64_t left = in.number(); left > 0 && in.ok(); --left) {
        const std::size_t at = in.offset();
        Value element = read_value(in, longest, levels - 1);
        if (element.kind() == ValueKind::array) in.fail(ErrorCode::syntax, at, "an array in an array");
        maker.add(std::move(element));
      }
      return in.ok() ? maker.take() : Value();
    }
    case object: {
      ObjectMaker maker;
      std::string_view last;
      std::uint64_t left = in.number();
      for (bool is_first = true; left > 0 && in.ok(); --left, is_first = false) {
        const std::size_t at = in.offset();
        const std::string_view name = in.text(longest, too_long);
        if (!ascends(in, at, is_first, last < name)) break;
        last = name;
        maker.add(name, read_value(in, longest, levels - 1));
      }
      return in.ok() ? maker.take() : Value();
    }
    default: return Value();
  }
}

inline void append_data(ByteWriter& out, const UserData& data, const TimestampUnit& unit) {
  out.number(data.names() * 2 + (data.since != absent ? 1 : 0));
  if (data.since != absent) unit.append(out, data.since);
  each_entry(data, [&](std::string_view name, Timestamp at, const Value* value) {
    out.text(name);
    unit.append(out, at);
    append_value(out, value == nullptr ? ValueView() : value->view());
  });
}

inline UserDataPointer read_data(ByteReader& in, const Rules& rules, TimestampUnit& unit) {
  const std::size_t start = in.offset();
  const std::uint64_t number = in.number();
  if (in.ok() && number == 0) in.fail(ErrorCode::syntax, start, "the count of data is 0");
  if (in.ok() && number / 2 > rules.max_data_names)
    in.fail(ErrorCode::over_limit, start, "the user has more data than max_data_names");
  UserDataMaker maker;
  if (in.ok() && (number & 1) != 0) maker.set_since(unit.read(in));
  std::string_view last;
  for (std::uint64_t left = number / 2; left > 0 && in.ok(); --left) {
    const std::size_t at_start = in.offset();
    const std::string_view name = in.text(rules.max_user_data_bytes, "a name is longer than max_user_data_bytes");
    if (in.ok() && !is_data_name(name)) in.fail(ErrorCode::syntax, at_start, "a name that data cannot have");
    if (!ascends(in, at_start, last.empty(), last < name)) break;
    last = name;
    const Timestamp at = unit.read(in);
    Value value = read_value(in, rules.max_user_data_bytes, Value::deepest);
    if (in.ok()) maker.add(name, at, std::move(value));
  }
  if (!in.ok()) return UserDataPointer();
  const UserDataPointer data = maker.take();
  if (is_over_limit(data, rules)) in.fail(ErrorCode::over_limit, start, "the data is larger than max_user_data_bytes");
  return data;
}

inline bool all_in_ms(const RegistersView& user, Timestamp now) noexcept {
  TimestampUnit unit(now, true);
  const auto note = [&unit](Timestamp at) {
    if (at != absent) unit.note(at);
  };
  for (const SessionRegisters& session : user.sessions) {
    note(session.evidence_at());
    if (const Timestamp start = normal_run_start(session, user.window); start != absent)
      unit.note_beside(session.evidence_at(), start);
    for (const Timestamp at : session.disconnects()) note(at);
    if (session.is_simple()) continue;
    note(session.state().moment.at);
    note(session.activity_moment().at);
    note(session.active().at);
    note(session.held_until());
    for (const Run& run : session.earlier_runs()) {
      note(run.start);
      note(run.end);
    }
  }
  for (const Activity& activity : user.activities) {
    note(activity.evidence);
    unit.note_earlier(activity.evidence, activity.value);
  }
  for (const VisibilityChange& visibility_change : user.visibility_changes) note(visibility_change.at);
  note(user.status_at());
  if (user.rare != nullptr) {
    const RareRegisters& kept = *user.rare;
    for (const Timestamp at :
         {kept.dropped_range.from, kept.dropped_range.to, kept.reported_at, kept.reported_last_active_at,
          kept.reported_last_active, kept.forgotten_up_to, kept.removed, kept.choice_at})
      note(at);
    if (kept.status_until != never) unit.note(kept.status_until);
    if (kept.choice_until != never) unit.note(kept.choice_until);
    if (kept.data) {
      note(kept.data->since);
      for (const Timestamp at : kept.data->dates) note(at);
      for (const UserData::Cleared& one : kept.data->cleared) note(one.at);
    }
  }
  return unit.could_be_ms();
}

inline void append_rare_of_session(ByteWriter& out, const SessionRegisters& session, bool has_state,
                                   const TimestampUnit& unit) {
  const SessionState said = session.state();
  const SessionMoment last_active = session.active();
  const SessionActivity activity = session.activity();
  const Timestamp held_until = session.held_until();
  const Span<Run> earlier_runs = session.earlier_runs();
  out.byte((has_state ? state : 0u) | (has_state && said.moment.by_connect ? state_by_connect : 0u) |
           (last_active.exists() ? active : 0u) | (last_active.by_connect ? active_by_connect : 0u) |
           (held_until != absent ? held : 0u) | (earlier_runs.empty() ? 0u : runs) |
           (activity.moment.exists() ? shown : 0u) | (activity.moment.by_connect ? shown_by_connect : 0u));
  if (has_state) {
    unit.append(out, said.moment.at);
    out.byte(static_cast<unsigned>(said.availability));
    out.byte(static_cast<std::uint8_t>(said.priority));
  }
  if (last_active.exists()) unit.append(out, last_active.at);
  if (held_until != absent) unit.append(out, held_until);
  if (activity.moment.exists()) {
    unit.append(out, activity.moment.at);
    append_value(out, activity.value.view());
  }
  if (!earlier_runs.empty()) out.number(earlier_runs.size());
  for (const Run& run : earlier_runs) {
    unit.append(out, run.start);
    unit.append(out, run.end);
  }
}

inline void append_session(ByteWriter& out, const SessionRegisters& session, Timestamp start,
                           const TimestampUnit& unit) {
  const Span<Timestamp> disconnects = session.disconnects();
  const bool is_available = session.is_available_by_evidence(),
             has_state = !is_available && session.state().moment.exists();
  const bool is_rare = has_state || !session.has_only_life() || !session.earlier_runs().empty();
  out.text(text_of(session.id));
  out.byte((session.has_evidence() ? evidence : 0u) | (session.evidence().by_connect ? by_connect : 0u) |
           (start != absent ? run_start : 0u) | (is_rare ? rare_of_session : 0u) | (is_available ? available : 0u) |
           smaller_of(disconnects.size(), disconnects_in_byte) << session_bits);
  if (session.has_evidence()) unit.append(out, session.evidence_at());
  if (start != absent) unit.append_beside(out, session.evidence_at(), start);
  if (disconnects.size() >= disconnects_in_byte) out.number(disconnects.size() - disconnects_in_byte);
  for (const Timestamp at : disconnects) unit.append(out, at);
  if (is_rare) append_rare_of_session(out, session, has_state, unit);
}

inline void append_rare(ByteWriter& out, const RegistersView& user, unsigned bits, const TimestampUnit& unit) {
  const RareRegisters nothing;
  const RareRegisters& kept = user.rare != nullptr ? *user.rare : nothing;
  out.byte(bits);
  if ((bits & dropped_range) != 0) {
    unit.append(out, kept.dropped_range.from);
    unit.append(out, kept.dropped_range.to);
  }
  if ((bits & status) != 0) {
    unit.append(out, user.status_at());
    out.text(user.status());
  }
  if ((bits & reported) != 0) unit.append(out, kept.reported_at);
  if ((bits & choice) != 0) {
    unit.append(out, kept.choice_at);
    out.byte(static_cast<unsigned>(kept.choice) | (kept.choice_until != never ? choice_ends : 0u));
    if (kept.choice_until != never) unit.append(out, kept.choice_until);
  }
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

/// The maximum counts that the rules allow for one user.
struct Most {
  explicit Most(const Rules& rules) noexcept
      : recent(greater_of(rules.max_recent_per_user, std::uint32_t{1})),
        sessions(sum(sum(recent, rules.max_sessions_per_user), 1)),  // one is that of the reports
        on_both_sides_of_a_cut(sum(recent, recent)) {}

  std::size_t recent, sessions, on_both_sides_of_a_cut;

 private:
  static std::size_t sum(std::size_t a, std::size_t b) noexcept { return b > SIZE_MAX - a ? SIZE_MAX : a + b; }
};

inline Availability read_availability(ByteReader& in, std::size_t start, unsigned number) noexcept {
  if (in.ok() && number > static_cast<unsigned>(Availability::available))
    in.fail(ErrorCode::syntax, start, "unknown availability");
  return static_cast<Availability>(number);
}

inline void read_rare_of_session(ByteReader& in, SessionRegisters& session, Runs& earlier_runs, Timestamp& held_until,
                                 const Rules& rules, const Most& most, TimestampUnit& unit) {
  const std::size_t start = in.offset();
  const unsigned bits = in.byte();
  if (in.ok() && (bits == 0 || (bits & (state | state_by_connect)) == state_by_connect ||
                  (bits & (shown | shown_by_connect)) == shown_by_connect ||
                  (bits & (active | active_by_connect)) == active_by_connect))
    in.fail(ErrorCode::syntax, start, "unknown set of registers of a session");
  if (in.ok() && (bits & state) != 0) {
    SessionState said;
    said.moment = {unit.read(in), (bits & state_by_connect) != 0};
    const std::size_t at = in.offset();
    said.availability = read_availability(in, at, in.byte());
    said.priority = static_cast<std::int8_t>(in.byte());
    if (in.ok() && said.availability == Availability::offline)
      in.fail(ErrorCode::syntax, at, "a session says that it is offline");
    if (in.ok() && (session.is_available_by_evidence() || said == usual_state_of(session)))
      in.fail(ErrorCode::syntax, start, "a state that has a shorter form");
    if (in.ok()) session.set_state(said);
  }
  if (in.ok() && (bits & active) != 0) session.set_active({unit.read(in), (bits & active_by_connect) != 0});
  if (in.ok() && (bits & held) != 0) held_until = unit.read(in);
  if (in.ok() && (bits & shown) != 0) {
    SessionActivity latest;
    latest.moment = {unit.read(in), (bits & shown_by_connect) != 0};
    const std::size_t at = in.offset();
    Value value = read_value(in, rules.max_activity_bytes, Value::deepest);
    const bool is_none = value.kind() == ValueKind::null;
    if (in.ok() && !is_none && (value.kind() != ValueKind::object || value.members().empty()))
      in.fail(ErrorCode::syntax, at, "an activity that is no object, or empty");
    if (in.ok() && json_bytes(value.view()) > greater_of(rules.max_activity_bytes, std::uint32_t{5}))
      in.fail(ErrorCode::over_limit, at, "the activity is larger than max_activity_bytes");
    if (in.ok() && !is_none) latest.value = KeptValuePointer(std::move(value));
    if (in.ok()) session.set_activity(latest);
  }
  if (!in.ok() || (bits & runs) == 0) return;
  const std::size_t at_count = in.offset();
  std::size_t left = read_count(in, at_count, in.number(), most.recent);
  if (in.ok() && left == 0) in.fail(ErrorCode::syntax, at_count, "the count of runs is 0");
  for (; left > 0 && in.ok(); --left) {
    const std::size_t at = in.offset();
    Run run;
    run.start = unit.read(in);
    run.end = unit.read(in);
    const bool is_ordered = run.start <= run.end && (earlier_runs.empty() || earlier_runs.back().end < run.start);
    if (ascends(in, at, false, is_ordered)) earlier_runs.push_back(run);
  }
}

inline SessionRegisters read_session(ByteReader& in, const Rules& rules, const Most& most, TimestampUnit& unit) {
  SessionRegisters session;
  const std::size_t start = in.offset();
  const std::string_view id = in.text(rules.max_id_bytes, "the id is longer than max_id_bytes");
  const unsigned bits = in.byte();
  if (in.ok() && (bits == 0 || ((bits & evidence) == 0 && (bits & (by_connect | run_start | available)) != 0)))
    in.fail(ErrorCode::syntax, start, "the session has no timestamp, or an unknown set of registers");
  if (!in.ok()) return session;
  session.id = SharedString(id);
  Timestamp run_begin = absent, held_until = absent;
  if ((bits & evidence) != 0) session.set_evidence({unit.read(in), (bits & by_connect) != 0});
  if (in.ok() && (bits & run_start) != 0) run_begin = unit.read_beside(in, session.evidence_at());
  Timestamp last = absent;
  for (std::size_t left = read_count(in, bits >> session_bits, disconnects_in_byte, most.recent); left > 0 && in.ok();
       --left) {
    const std::size_t at_start = in.offset();
    const Timestamp at = unit.read(in);
    if (ascends(in, at_start, last == absent, last < at)) session.add_disconnect(at);
    last = at;
  }
  if (in.ok() && (bits & available) != 0) session.set_state(usual_state_of(session));
  Runs all;
  if (in.ok() && (bits & rare_of_session) != 0) read_rare_of_session(in, session, all, held_until, rules, most, unit);
  if (!in.ok() || !has_runs(session, rules)) return session;
  if (session.has_evidence()) {
    // A writer without timeouts has no runs.
    if (run_begin == absent) run_begin = session.evidence_at();
    if (!all.empty() && run_begin <= all.back().end) in.fail(ErrorCode::syntax, start, "the runs of a session overlap");
    const Timestamp end = later(end_of_span(session, session.evidence_at(), rules), held_until);
    if (end < run_begin) in.fail(ErrorCode::syntax, start, "the last run of a session ends before it begins");
    all.push_back({run_begin, end});
  }
  set_runs(session, std::move(all), rules);
  return session;
}

/// A session of version 1 of the format: the latest connect, the latest heartbeat, and the disconnects.
inline SessionRegisters read_session_1(ByteReader& in, const Rules& rules, const Most& most, TimestampUnit& unit) {
  SessionRegisters session;
  const std::size_t start = in.offset();
  const std::string_view id = in.text(rules.max_id_bytes, "the id is longer than max_id_bytes");
  const unsigned bits = in.byte();
  if (in.ok() && (id.empty() || bits == 0)) in.fail(ErrorCode::syntax, start, "the session has no id or no timestamp");
  if (!in.ok()) return session;
  session.id = SharedString(id);
  for (const unsigned bit : {1u, 2u}) {
    if ((bits & bit) == 0) continue;
    const Timestamp at = unit.read(in);
    if (in.ok()) join_evidence(session, {at, bit == 1u}, rules);
  }
  constexpr unsigned most_in_byte = 63;
  Timestamp last = absent;
  for (std::size_t left = read_count(in, bits >> 2, most_in_byte, most.recent); left > 0 && in.ok(); --left) {
    const std::size_t at_start = in.offset();
    const Timestamp at = unit.read(in);
    if (ascends(in, at_start, last == absent, last < at)) session.add_disconnect(at);
    last = at;
  }
  return session;
}

inline void read_rare(ByteReader& in, UserRegisters& kept, unsigned version, const Rules& rules, TimestampUnit& unit) {
  const std::size_t start = in.offset();
  const unsigned bits = in.byte();
  const bool is_1 = version == 1;
  constexpr unsigned online_1 = 8, rare_bits_1 = 63;  // version 1 has the report itself here
  const bool is_known = is_1 ? bits <= rare_bits_1 && (bits & (reported | online_1)) != online_1
                             : bits <= rare_bits && (bits & (status | status_until)) != status_until;
  if (in.ok() && (bits == 0 || !is_known)) in.fail(ErrorCode::syntax, start, "unknown set of registers");
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
  if (!is_1 && (bits & choice) != 0) {
    kept.choice_at = unit.read(in);
    const std::size_t at = in.offset();
    const unsigned number = in.byte();
    kept.choice = read_availability(in, at, number & ~choice_ends);
    if ((number & choice_ends) != 0) kept.choice_until = unit.read(in);
  }
  if ((bits & reported_last_active) != 0) {
    kept.reported_last_active_at = unit.read(in);
    kept.reported_last_active = unit.read(in);
  }
  if ((bits & forgotten) != 0) kept.forgotten_up_to = unit.read(in);
  if (!is_1 && (bits & status_until) != 0) {
    if (kept.status.view().empty()) in.fail(ErrorCode::syntax, start, "the end of an empty status");
    kept.status_until = unit.read(in);
  }
  if (!is_1 && (bits & removed) != 0) kept.removed = unit.read(in);
  if (!is_1 || (bits & reported) == 0 || !in.ok()) return;
  SessionRegisters& report = join_session(kept, std::string_view());
  if ((bits & online_1) != 0) {
    join_evidence(report, {kept.reported_at, true}, rules);
  } else {
    report.add_disconnect(kept.reported_at);
  }
}

}  // namespace user_record

inline void append_user(ByteWriter& out, std::string_view id, const RegistersView& user, Timestamp now) {
  namespace record = user_record;
  const std::size_t sessions = user.sessions.size(), activities = user.activities.size();
  const unsigned rare = record::rare_of(user);
  const bool has_data = user.rare != nullptr && user.rare->data;
  const TimestampUnit unit(now, record::all_in_ms(user, now));
  out.text(id);
  out.byte((unit.in_ms() ? record::in_ms : 0u) | smaller_of(sessions, record::counts_in_shape) << 1 |
           smaller_of(activities, record::counts_in_shape) << 3 |
           (user.visibility_changes.empty() ? 0u : record::has_visibility_changes) |
           (rare == 0 ? 0u : record::has_rare) | (has_data ? record::has_data : 0u));
  if (sessions >= record::counts_in_shape) out.number(sessions - record::counts_in_shape);
  for (const SessionRegisters& session : user.sessions)
    record::append_session(out, session, normal_run_start(session, user.window), unit);
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
  if (rare != 0) record::append_rare(out, user, rare, unit);
  if (has_data) record::append_data(out, *user.rare->data, unit);
}

/// A decoded user: within the limits of the rules and in the canonical encoding, but not yet normalised.
struct UserRecord {
  std::string_view id;  // borrowed from the bytes
  UserRegisters registers;
};

inline UserRecord read_user(ByteReader& in, unsigned version, Timestamp now, const Rules& rules) {
  namespace record = user_record;
  const record::Most most(rules);
  UserRecord user;
  UserRegisters& kept = user.registers;
  const std::size_t start = in.offset();
  user.id = in.text(rules.max_id_bytes, "the id is longer than max_id_bytes");
  const unsigned shape = in.byte();
  if (in.ok() && (user.id.empty() || (version == 1 && shape > record::shape_bits_1) || shape <= record::in_ms)) {
    in.fail(ErrorCode::syntax, start, "the user has no id or no content");
  }
  TimestampUnit unit(now, (shape & record::in_ms) != 0);
  for (std::size_t left = record::read_count(in, shape >> 1 & 3, record::counts_in_shape, most.sessions);
       left > 0 && in.ok(); --left) {
    const std::size_t at = in.offset();
    SessionRegisters session =
        version == 1 ? record::read_session_1(in, rules, most, unit) : record::read_session(in, rules, most, unit);
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
  if ((shape & record::has_rare) != 0) record::read_rare(in, kept, version, rules, unit);
  if (in.ok() && (shape & record::has_data) != 0) kept.data = record::read_data(in, rules, unit);
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
