// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BINARY_DETAIL_EXCHANGE_HPP
#define PRESENCE_BINARY_DETAIL_EXCHANGE_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/base/detail/siphash.hpp>
#include <presence/base/result.hpp>
#include <presence/base/time.hpp>
#include <presence/binary/codec.hpp>
#include <presence/binary/detail/bytes.hpp>
#include <presence/binary/detail/framing.hpp>
#include <presence/binary/detail/sketch.hpp>
#include <presence/binary/detail/snapshot_record.hpp>
#include <presence/binary/detail/user_record.hpp>
#include <presence/model/rules.hpp>
#include <presence/registers/detail/normal_form.hpp>
#include <presence/registers/detail/peer_dates.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/state/detail/advance.hpp>
#include <presence/state/detail/changes.hpp>
#include <presence/state/detail/merging.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/merge.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_row.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, uint8_t, uint64_t
#include <optional>     // for optional
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for move

/// The messages of set reconciliation, and how they are answered.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The parameters of the digests in a message.
struct Terms {
  Timestamp as_of = absent;
  Bits128 salt;
  unsigned restarts = 0;  ///< how often the exchange restarted because the other side was later
};
inline constexpr unsigned most_restarts = 2;  // so that an exchange over a link that is too slow ends

/// Returns how far ahead of its own timestamp a node compares. With this lead, the other side and later answers are
/// not later than the compared timestamp. It doubles with each restart. At first it is at most a quarter of the time
/// for which sessions are remembered, so that most session data is compared.
inline Duration lead_of(const Rules& rules, unsigned restarts) noexcept {
  constexpr Duration longest = Duration::from_s(10);
  const Duration remembered = rules.session_timeout + greater_of(rules.reorder_window, rules.offline_grace);
  const Duration ahead =
      remembered == Duration() ? longest : smaller_of(longest, Duration::from_ns(remembered.ns() / 4));
  return ahead * (std::int64_t{1} << restarts);
}

/// Returns a different salt for each timestamp, so that an attacker cannot choose colliding data in advance. The salt
/// does not reveal the seed to a reader of the message.
inline Bits128 salt_of(std::uint64_t seed, Timestamp as_of) noexcept {
  constexpr std::uint64_t purpose = 0x72656E6F63696C65u;  // makes the key different from every other use of the seed
  char bytes[8];
  const auto word = static_cast<std::uint64_t>(as_of.ns());
  for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<char>(static_cast<unsigned char>(word >> (8 * i)));
  return SipHash<2, 4>::hash128(std::string_view(bytes, 8), {seed, purpose});
}

inline Terms parameters_of(const Snapshot& ours, unsigned restarts = 0) noexcept {
  const Rules& rules = ours.rules();
  const Timestamp now = SnapshotReader::now(ours);
  Terms terms;
  terms.restarts = restarts;
  if (now != absent) terms.as_of = now + lead_of(rules, restarts);
  if (terms.as_of == never) terms.as_of = now;
  terms.salt = salt_of(rules.hash_seed, terms.as_of);
  return terms;
}

/// Returns the latest timestamp that an honest peer can compare as of.
inline Timestamp latest_as_of(Timestamp now, const Snapshot& ours) noexcept {
  const Rules& rules = ours.rules();
  return later(now, SnapshotReader::now(ours)) + rules.max_clock_skew + lead_of(rules, most_restarts);
}

inline void append_terms(ByteWriter& out, const Terms& terms) {
  append_now(out, terms.as_of);
  append_bits(out, terms.salt);
  out.byte(terms.restarts);
}
inline Terms read_terms(ByteReader& in, Timestamp latest) noexcept {
  Terms terms;
  const std::size_t start = in.offset();
  terms.as_of = read_now(in);
  if (terms.as_of > latest) in.fail(ErrorCode::too_early, start, "the time of comparison is too far in the future");
  terms.salt = read_bits(in);
  const std::size_t at_restarts = in.offset();
  terms.restarts = in.byte();
  if (terms.restarts > most_restarts) in.fail(ErrorCode::syntax, at_restarts, "the exchange was restarted too often");
  return terms;
}

/// Computes a digest of each user, from the record that an encoding would contain.
class UserDigester {
 public:
  /// `now` is the time of the snapshot.
  UserDigester(const Terms& terms, const Rules& rules, Timestamp now) noexcept
      : terms_(terms), rules_(rules), now_(now) {}

  /// Returns the digest, or zero if the user will be forgotten by then. A tombstone that the snapshot still needs is in
  /// it: otherwise the other side would not learn of it, and send what was removed, again and again. Tombstones are a
  /// removal, a choice that is none or has ended, and removed names of data.
  Bits128 operator()(const RowView& row) {
    const RegistersView kept = row.registers();
    if (kept.rare != nullptr && may_drop_tombstone(*kept.rare)) {
      UserRegisters user = normal_form_of(row, terms_.as_of, rules_);
      UserRegisters ours = normal_form_of(row, now_, rules_);
      user.removed = ours.removed;
      const bool is_too_old = ours.choice_at + rules_.forget_after <= terms_.as_of;
      if (user.choice_at == absent && ours.choice_at != absent && !is_too_old)
        join_choice(user, ours.choice_at, ours.choice, ours.choice_until);
      // What is forgotten by age is not kept for late events.
      if (rules_.forget_after == Duration::highest()) user.data = std::move(ours.data);
      if (user.empty()) return Bits128();
      return digest_of(row.name(), user);
    }
    return read_normal_form_of(row, terms_.as_of, rules_, [&](const RegistersView& user) {
      return user.empty() ? Bits128() : digest_of(row.name(), user);
    });
  }

 private:
  /// Returns false if no tombstone is dropped by the time of the comparison.
  bool may_drop_tombstone(const RareRegisters& user) const noexcept {
    if (user.removed != absent && (now_ == absent || now_ < removal_needed_until(user.removed, rules_))) return true;
    if (user.choice_at != absent && choice_needed_until(user, rules_) <= terms_.as_of) return true;
    return user.data && (user.data->since != absent || !user.data->cleared.empty());
  }
  Bits128 digest_of(std::string_view name, const RegistersView& user) {
    record_.clear();
    append_user(record_, name, user, terms_.as_of);
    return SipHash<2, 4>::hash128(record_.view(), terms_.salt);
  }

  Terms terms_;
  const Rules& rules_;
  ByteWriter record_;
  Timestamp now_;
};

/// Returns the digests of all users, in snapshot order.
inline Vector<Bits128> digests_by(const Terms& terms, const Snapshot& snapshot) {
  Vector<Bits128> digests;
  const Root* const root = SnapshotReader::read(snapshot);
  if (root == nullptr) return digests;
  digests.reserve(root->table.size());
  UserDigester digest_of(terms, root->rules, root->now);
  for (const RowView row : root->table) digests.push_back(digest_of(row));
  return digests;
}

inline Sketch sketch_of(const Vector<Bits128>& digests, std::size_t cells) {
  Sketch sketch(cells);
  for (const Bits128& digest : digests) {
    if (digest != Bits128()) sketch.add(digest);
  }
  return sketch;
}

inline std::string written(const Sketch& sketch, const Terms& terms) {
  StringSink sink;
  FrameWriter<StringSink> out(sink, FrameKind::sketch);
  append_terms(out.record(), terms);
  out.record().number(sketch.size());
  out.end_record();
  for (std::size_t i = 0; i < sketch.size(); ++i) {
    sketch.append_cell(out.record(), i);
    out.end_record();
  }
  out.finish();
  return std::move(sink.bytes);
}

/// Writes a message with missing updates. `is_sent(i, row)` selects the users to send, by their index and row. `wanted`
/// are the digests of users to request.
template <class IsSent>
std::string missing_updates_of(const Snapshot& ours, const Terms& terms, bool all, const Vector<Bits128>& wanted,
                               IsSent is_sent) {
  const Root* const root = SnapshotReader::read(ours);
  StringSink sink;
  FrameWriter<StringSink> out(sink, FrameKind::updates);
  append_now(out.record(), SnapshotReader::now(ours));
  append_terms(out.record(), terms);
  out.record().byte(all ? 1 : 0);
  out.record().number(wanted.size());
  out.end_record();
  for (const Bits128& digest : wanted) {
    append_bits(out.record(), digest);
    out.end_record();
  }
  std::size_t sent = 0;
  if (root != nullptr) {
    std::size_t place = 0;
    for (const RowView row : root->table) {
      if (!is_sent(place++, row)) continue;
      write_row(out, row, *root);
      ++sent;
    }
  }
  // An empty message ends the exchange.
  if (sent == 0 && !all && wanted.empty()) return std::string();
  out.finish();
  return std::move(sink.bytes);
}

inline bool holds(const Vector<Bits128>& ascending, const Bits128& key) noexcept {
  const auto place = detail::not_less(ascending.begin(), ascending.end(), key);
  return place != ascending.end() && *place == key;
}

struct SketchMessage {
  Terms terms;
  Sketch sketch{0};
};

inline Result<SketchMessage> read_sketch(std::string_view bytes, Timestamp now, const Snapshot& ours) {
  SketchMessage message;
  FrameReader frames(FrameKind::sketch);
  const Timestamp latest = latest_as_of(now, ours);
  std::uint64_t cells = 0;
  const auto read = [&](ByteReader& in) {
    const std::size_t body = in.offset();
    if (cells == 0) {
      message.terms = read_terms(in, latest);
      const std::size_t start = in.offset();
      cells = in.number();
      if (in.ok() && !Sketch::is_size(cells)) in.fail(ErrorCode::syntax, start, "invalid number of cells of a sketch");
    }
    while (in.ok() && !in.at_end() && begins_in_time(in, body)) {
      if (message.sketch.size() == cells)
        in.fail(ErrorCode::syntax, in.offset(), "the sketch has more cells than announced");
      if (in.ok()) message.sketch.append_cell_from(in);
    }
  };
  if (!frames.push(bytes, read) || !frames.finish()) return frames.error();
  if (message.sketch.size() != cells)
    return Error{ErrorCode::syntax, bytes.size(), "the sketch has fewer cells than announced"};
  return message;
}

struct UpdatesMessage {
  Terms terms;
  bool all = false;  ///< the sender has no other users, and no more data about these
  Vector<Bits128> wanted;
  Snapshot users;
};

inline Result<UpdatesMessage> read_updates(std::string_view bytes, Timestamp now, const Snapshot& ours) {
  UpdatesMessage message;
  FrameReader frames(FrameKind::updates);
  PeerDates dates = dates_at(now, ours);
  UserReader users(ours.rules(), &dates);
  const Timestamp latest = latest_as_of(now, ours);
  bool begun = false;
  std::uint64_t wanted = 0;
  const auto read = [&](ByteReader& in) {
    const std::size_t body = in.offset();
    if (!begun) {
      users.read_head(in);
      message.terms = read_terms(in, latest);
      const std::size_t start = in.offset();
      const unsigned all = in.byte();
      if (in.ok() && all > 1) in.fail(ErrorCode::syntax, start, "the flag is neither 0 nor 1");
      message.all = all == 1;
      wanted = in.number();
      begun = true;
    }
    while (in.ok() && !in.at_end() && begins_in_time(in, body)) {
      if (wanted == 0) {
        users.read(in, frames.version());
        continue;
      }
      const std::size_t start = in.offset();
      const Bits128 digest = read_bits(in);
      if (in.ok() && !message.wanted.empty() && !(message.wanted.back() < digest))
        in.fail(ErrorCode::syntax, start, "the entries are not in ascending order");
      message.wanted.push_back(digest);
      --wanted;
    }
  };
  if (!frames.push(bytes, read) || !frames.finish()) return frames.error();
  if (wanted != 0) return Error{ErrorCode::syntax, bytes.size(), "fewer users are requested than announced"};
  message.users = users.snapshot();
  return message;
}

inline std::string begun_exchange(const Snapshot& ours, const Terms& terms) {
  return written(sketch_of(digests_by(terms, ours), Sketch::least), terms);
}

/// Restarts the exchange. Our time has passed the other side's timestamp, and data as of then may be forgotten, so new
/// parameters are needed. After `most_restarts` restarts, returns an empty message instead.
inline std::string restarted_exchange(const Snapshot& ours, const Terms& late) {
  return late.restarts < most_restarts ? begun_exchange(ours, parameters_of(ours, late.restarts + 1)) : std::string();
}

/// Returns true if a message contains missing updates. Any other valid message is a sketch.
inline bool has_updates(std::string_view message) noexcept {
  return message.size() >= frames_head &&
         static_cast<std::uint8_t>(message[frames_head - 1]) == static_cast<std::uint8_t>(FrameKind::updates);
}

inline std::string answer_to(const SketchMessage& theirs, const Snapshot& ours) {
  if (SnapshotReader::now(ours) > theirs.terms.as_of) return restarted_exchange(ours, theirs.terms);
  const Vector<Bits128> digests = digests_by(theirs.terms, ours);
  const std::size_t cells = theirs.sketch.size();
  Sketch difference = sketch_of(digests, cells);
  difference.subtract(theirs.sketch);
  Vector<Bits128> sent, wanted;
  if (difference.tell_apart(sent, wanted)) {
    const auto less = [](const Bits128& a, const Bits128& b) { return a < b; };
    detail::sort(sent, less);
    detail::sort(wanted, less);
    return missing_updates_of(ours, theirs.terms, false, wanted, [&](std::size_t place, const RowView&) {
      return digests[place] != Bits128() && holds(sent, digests[place]);
    });
  }
  if (cells * Sketch::growth < 2 * digests.size())
    return written(sketch_of(digests, cells * Sketch::growth), theirs.terms);
  // A larger sketch would not be shorter than a message with all users.
  return missing_updates_of(ours, theirs.terms, true, {}, [](std::size_t, const RowView&) { return true; });
}

/// Answers a message with missing updates. `before` is our snapshot before these updates: the other side compared with
/// it and requests users from it. `ours` is our snapshot after them.
inline std::string answer_to(const UpdatesMessage& theirs, const Snapshot& before, const Snapshot& ours) {
  const Timestamp our_now = SnapshotReader::now(before);
  if (theirs.all) {
    const Root* const known = SnapshotReader::read(theirs.users);
    const Timestamp now = later(our_now, known->now);
    const Rules& rules = before.rules();
    return missing_updates_of(before, theirs.terms, false, {}, [&](std::size_t, const RowView& row) {
      const RowView sent = known->table.find(row.name());
      return sent == nullptr || !(normal_form_of(row, now, rules) == normal_form_of(*sent, now, rules));
    });
  }
  if (theirs.wanted.empty()) return std::string();
  if (our_now > theirs.terms.as_of) return restarted_exchange(ours, theirs.terms);
  UserDigester digest_of(theirs.terms, before.rules(), our_now);
  return missing_updates_of(before, theirs.terms, false, {},
                            [&](std::size_t, const RowView& row) { return holds(theirs.wanted, digest_of(row)); });
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BINARY_DETAIL_EXCHANGE_HPP
