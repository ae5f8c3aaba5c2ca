// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BINARY_DETAIL_EVENT_RECORD_HPP
#define PRESENCE_BINARY_DETAIL_EVENT_RECORD_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/compact_vector.hpp>
#include <presence/base/result.hpp>
#include <presence/base/time.hpp>
#include <presence/binary/detail/bytes.hpp>
#include <presence/binary/detail/event_recorder.hpp>
#include <presence/binary/detail/user_record.hpp>
#include <presence/model/attributes.hpp>
#include <presence/model/availability.hpp>
#include <presence/model/event.hpp>
#include <presence/model/value.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int8_t, int64_t, uint64_t
#include <optional>     // for optional
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for move

/// The encoding of the events of a batch (for number and text see bytes.hpp).
///
///     event     = head (byte): the type | 16: status | 32: invisible, whose value is 64 | 128: more fields;
///                 if it has more fields, a byte: 1: until | 2: availability | 4: priority | 8: activity |
///                 16: last_active | 32: online | 64: name and value | 128: data;
///                 of the type 15: the number of the type (byte);
///                 what the ids share (byte): that of the user | that of the session << 4; user (id);
///                 of an event of a session or the type 15: session (id); at (timestamp);
///                 then of those present, in this order: status (text), until (timestamp), availability (byte),
///                 priority (byte), activity (fields), last_active (timestamp), name (text) and value, data (fields)
///     id        = shares a number of bytes with the beginning of the previous id: 0 to 6, or 7: then the number of
///     these
///                 bytes minus 7 precedes the rest | 8: it has another size than the previous id; then the size of the
///                 rest precedes it
///     timestamp = number: milliseconds after the base, with the sign in the lowest bit, << 1 | 1: it is no multiple of
///                 a millisecond; then the nanoseconds after that millisecond (number) follow
///     fields    = number, for each: name (text), value; strictly ascending by name
///     value     = as in user_record.hpp, or 8 and a timestamp (word), or, if it is no part of another value,
///                 9: an invalid value
///
/// The types have the numbers of EventType. Without a session, its half of a byte is 0. The type 15 is for other
/// numbers, and for an event that has a session although its type has none. As many bytes of an id are shared as are
/// equal, but at most 255. The previous user is that of the previous event, the previous session that of the last event
/// that has one; before them, both are empty. The base of `at` is that of the previous event, or 1970, and the base of
/// other timestamps is `at`. NaN has one form. So equal sequences of events have equal bytes.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {
namespace event_record {

/// Bits of the head, above the type.
constexpr unsigned other_type = 15, status = 16, visibility = 32, is_invisible = 64, more = 128;
/// Bits of the second byte.
constexpr unsigned until = 1, availability = 2, priority = 4, activity = 8, last_active = 16, online = 32, named = 64,
                   data = 128;
/// A kind of a value that is no part of another one.
constexpr unsigned invalid = 9;

constexpr bool is_known(unsigned type) noexcept { return type <= static_cast<unsigned>(EventType::remove); }
/// Returns whether the head has the number of the type.
constexpr bool is_usual(unsigned type, bool has_session) noexcept {
  return is_known(type) && (belongs_to_session(static_cast<EventType>(type)) || !has_session);
}

/// A timestamp as whole milliseconds, rounded down, and the nanoseconds after them.
struct SplitTimestamp {
  std::int64_t ms = 0, rest = 0;

  SplitTimestamp() noexcept = default;
  explicit SplitTimestamp(Timestamp at) noexcept : ms(at.ns() / 1000000), rest(at.ns() % 1000000) {
    if (rest >= 0) return;
    --ms;
    rest += 1000000;
  }
};

inline void append_timestamp(ByteWriter& out, const SplitTimestamp& at, std::int64_t base) {
  out.number(sign_last(at.ms - base) << 1 | (at.rest != 0 ? 1 : 0));
  if (at.rest != 0) out.number(static_cast<std::uint64_t>(at.rest));
}

inline Timestamp read_timestamp(ByteReader& in, std::int64_t base) noexcept {
  const std::size_t start = in.offset();
  const std::uint64_t number = in.number();
  const std::int64_t by = from_sign_last(number >> 1);
  std::uint64_t rest = 0;
  if ((number & 1) != 0) {
    rest = in.number();
    if (in.ok() && (rest == 0 || rest >= 1000000))
      in.fail(ErrorCode::syntax, start, "the nanoseconds of a timestamp are not a part of a millisecond");
  }
  const std::int64_t ms = base + by;
  // Wraps around at 64 bits, and then has other parts.
  const auto at = Timestamp::from_ns(static_cast<std::int64_t>(static_cast<std::uint64_t>(ms) * 1000000u + rest));
  const SplitTimestamp parts(at);
  if (parts.ms != ms || static_cast<std::uint64_t>(parts.rest) != rest)
    in.fail(ErrorCode::out_of_range, start, "the timestamp is out of range");
  return at;
}

/// Returns whether an owning value can hold it: nothing in it is absent or invalid, and it has at most so many levels.
inline bool is_whole(const ValueView& value, unsigned levels) noexcept {
  switch (value.kind()) {
    case ValueKind::absent:
    case ValueKind::invalid: return false;
    case ValueKind::array:
      if (levels == 0) return false;
      for (std::size_t i = 0; i < value.size(); ++i) {
        if (!is_whole(value[i], levels - 1)) return false;
      }
      return true;
    case ValueKind::object:
      if (levels == 0) return false;
      for (const ValueMember& member : value.members()) {
        if (!is_whole(member.value().view(), levels - 1)) return false;
      }
      return true;
    default: return true;
  }
}

inline void append_any_value(ByteWriter& out, const ValueView& value) {
  if (is_whole(value, Value::deepest)) {
    user_record::append_value(out, value);
  } else {
    out.byte(invalid);
  }
}

inline void append_fields(ByteWriter& out, const AttributesView& fields) {
  out.number(fields.size());
  for (const AttributesView::Entry field : fields) {
    out.text(field.name);
    append_any_value(out, field.value);
  }
}

inline std::string_view read_text(ByteReader& in) noexcept { return in.text(); }

/// Reads a number of elements; each takes at least so many bytes.
inline std::uint64_t read_count(ByteReader& in, std::size_t bytes_of_each) noexcept {
  const std::size_t start = in.offset();
  const std::uint64_t count = in.number();
  if (in.ok() && count > in.left() / bytes_of_each)
    in.fail(ErrorCode::truncated, start, "fewer elements than announced");
  return in.ok() ? count : 0;
}

/// Reads a value with at most so many levels, which is part of another one. If `builds` is false, checks it, allocates
/// nothing and returns null. To build, the bytes must have been checked: then no more is reserved than there is.
inline Value read_value(ByteReader& in, unsigned levels, bool builds) {
  using namespace user_record;
  const std::size_t start = in.offset();
  const unsigned kind = in.byte();
  if ((kind == array || kind == object) && levels == 0)
    in.fail(ErrorCode::syntax, start, "a value has too many levels");
  switch (kind) {
    case null: break;
    case no:
    case yes: return Value(kind == yes);
    case integer: return Value(from_sign_last(in.number()));
    case real: {
      const std::uint64_t bits = in.word64();
      const double number = number_of(bits);
      if (canonical_bits(number) != bits) in.fail(ErrorCode::syntax, start, "NaN in another form");
      return Value(number);
    }
    case string: {
      const std::string_view text = read_text(in);
      return builds ? Value(text) : Value();
    }
    case timestamp: return Value(Timestamp::from_ns(static_cast<std::int64_t>(in.word64())));
    case array: {
      std::uint64_t left = read_count(in, 1);
      ArrayMaker maker(builds ? narrowed<std::size_t>(left) : 0);
      for (; left > 0 && in.ok(); --left) {
        if (in.is_next(array)) in.fail(ErrorCode::syntax, in.offset(), "an array in an array");
        Value element = read_value(in, levels - 1, builds);
        if (builds) maker.add(std::move(element));
      }
      return builds ? maker.take() : Value();
    }
    case object: {
      std::uint64_t left = read_count(in, 2);
      ObjectMaker maker(builds ? narrowed<std::size_t>(left) : 0);
      std::string_view last;
      for (bool is_first = true; left > 0 && in.ok(); --left, is_first = false) {
        const std::size_t at = in.offset();
        const std::string_view name = read_text(in);
        if (!ascends(in, at, is_first, last < name)) break;
        last = name;
        Value value = read_value(in, levels - 1, builds);
        if (builds) maker.add(name, std::move(value));
      }
      return builds ? maker.take() : Value();
    }
    default: in.fail(ErrorCode::syntax, start, "unknown kind of value"); break;
  }
  return Value();
}

/// Reads a value that is no part of another one.
inline Value read_any_value(ByteReader& in, bool builds) {
  if (!in.is_next(invalid)) return read_value(in, Value::deepest, builds);
  in.byte();
  return Value(UINT64_MAX);
}

/// The fields of one event. Unlike an object, they may contain invalid values.
using Fields = CompactVector<ValueMember>;

/// Appends to `fields`, which are empty.
inline AttributesView read_fields(ByteReader& in, Fields& fields, bool builds) {
  std::uint64_t left = read_count(in, 2);
  if (builds) fields.reserve(narrowed<std::size_t>(left));
  std::string_view last;
  for (bool is_first = true; left > 0 && in.ok(); --left, is_first = false) {
    const std::size_t at = in.offset();
    const std::string_view name = read_text(in);
    if (!user_record::ascends(in, at, is_first, last < name)) break;
    last = name;
    Value value = read_any_value(in, builds);
    if (builds) fields.push_back(ValueMember(name, std::move(value)));
  }
  return AttributesView(Elements<ValueMember>(fields.begin(), fields.size()));
}

}  // namespace event_record

/// Reads the output of an EventRecorder, one event at a time.
class EventReader {
 public:
  /// If `builds` is false, only checks the events: `event` then has no fields and no value, and nothing is allocated
  /// for them. To build, the bytes must have been checked.
  explicit EventReader(bool builds) noexcept : builds_(builds) {}

  /// Returns the event that was read last. Borrows from the bytes and the reader.
  const PresenceEventView& event() const noexcept { return event_; }

  PRESENCE_DETAIL_APART void read(ByteReader& in) {
    namespace record = event_record;
    event_ = PresenceEventView();
    const std::size_t start = in.offset();
    const unsigned head = in.byte(), fields = (head & record::more) != 0 ? read_more_byte(in) : 0;
    if ((head & record::is_invisible) != 0 && (head & record::visibility) == 0)
      in.fail(ErrorCode::syntax, start, "an absent field has a value");
    unsigned type = head & record::other_type;
    const bool is_usual = type != record::other_type;
    const std::size_t of_type = is_usual ? start : in.offset();
    if (!is_usual) {
      type = in.byte();
    } else if (!record::is_known(type)) {
      in.fail(ErrorCode::syntax, start, "unknown type of event");
    }
    event_.type = static_cast<EventType>(type);
    const std::size_t of_ids = in.offset();
    const unsigned ids = in.byte(), of_session = ids >> record::session_shift;
    event_.user = read_id(in, user_, ids & (record::shared_bits | record::is_resized));
    if (!is_usual || belongs_to_session(event_.type)) {
      event_.session = read_id(in, session_, of_session);
    } else if (of_session != 0) {
      in.fail(ErrorCode::syntax, of_ids, "an absent session shares bytes");
    }
    if (!is_usual && record::is_usual(type, !event_.session.empty()))
      in.fail(ErrorCode::syntax, of_type, "the type is not in its shortest form");
    event_.at = record::read_timestamp(in, last_ms_);
    last_ms_ = record::SplitTimestamp(event_.at).ms;
    if ((head & record::status) != 0) event_.status = record::read_text(in);
    if ((head & record::visibility) != 0) event_.invisible = (head & record::is_invisible) != 0;
    if (fields != 0) read_more(in, fields);
  }

 private:
  static unsigned read_more_byte(ByteReader& in) noexcept {
    const std::size_t start = in.offset();
    const unsigned fields = in.byte();
    if (fields == 0) in.fail(ErrorCode::syntax, start, "more fields are announced than there are");
    return fields;
  }

  PRESENCE_DETAIL_APART void read_more(ByteReader& in, unsigned fields) {
    namespace record = event_record;
    activity_.clear();
    data_.clear();
    if ((fields & record::until) != 0) event_.until = record::read_timestamp(in, last_ms_);
    if ((fields & record::availability) != 0) event_.availability = static_cast<Availability>(in.byte());
    if ((fields & record::priority) != 0) event_.priority = static_cast<std::int8_t>(in.byte());
    if ((fields & record::activity) != 0) event_.activity = record::read_fields(in, activity_, builds_);
    if ((fields & record::last_active) != 0) event_.last_active = record::read_timestamp(in, last_ms_);
    event_.online = (fields & record::online) != 0;
    if ((fields & record::named) != 0) {
      const std::size_t start = in.offset();
      event_.name = record::read_text(in);
      if (event_.name.empty() && in.is_next(user_record::null))
        in.fail(ErrorCode::syntax, start, "neither a name nor a value");
      value_ = record::read_any_value(in, builds_);
      event_.value = ValueView(value_);
    }
    if ((fields & record::data) != 0) event_.data = record::read_fields(in, data_, builds_);
  }

  static std::string_view read_id(ByteReader& in, std::string& last, unsigned bits) {
    namespace record = event_record;
    const std::size_t start = in.offset(), most = smaller_of(last.size(), record::most_shared);
    std::uint64_t shared = bits & record::shared_bits;
    if (shared == record::shared_bits) {
      const std::uint64_t beyond = in.number();
      shared = beyond > most ? most + 1 : shared + beyond;
    }
    if (shared > most) in.fail(ErrorCode::syntax, start, "an id shares more than the previous one has");
    const auto kept = narrowed<std::size_t>(in.ok() ? shared : 0);
    const bool is_resized = (bits & record::is_resized) != 0;
    const std::string_view rest = in.raw(is_resized ? in.number() : last.size() - kept);
    if (is_resized && kept + rest.size() == last.size())
      in.fail(ErrorCode::syntax, start, "the size of an id is that of the previous one");
    if (kept < most && !rest.empty() && rest[0] == last[kept])
      in.fail(ErrorCode::syntax, start, "an id shares less than it could");
    if (!in.ok()) return std::string_view();
    last.resize(kept);
    last.append(rest.data(), rest.size());
    return last;
  }

  bool builds_;
  PresenceEventView event_;
  std::string user_, session_;
  std::int64_t last_ms_ = 0;
  event_record::Fields activity_, data_;
  Value value_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BINARY_DETAIL_EVENT_RECORD_HPP
