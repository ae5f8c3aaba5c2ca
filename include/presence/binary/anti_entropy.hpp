// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BINARY_ANTI_ENTROPY_HPP
#define PRESENCE_BINARY_ANTI_ENTROPY_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/base/detail/siphash.hpp>
#include <presence/base/result.hpp>
#include <presence/binary/codec.hpp>
#include <presence/binary/detail/framing.hpp>
#include <presence/binary/detail/sketch.hpp>
#include <presence/registers/detail/peer_dates.hpp>
#include <presence/state/merge.hpp>
#include <presence/state/snapshot.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, uint64_t
#include <optional>     // for optional
#include <string>       // for string
#include <string_view>  // for string_view
#include <type_traits>  // for remove_reference_t
#include <utility>      // for move

/// Two nodes find out what either knows and the other does not, and tell each other just that (anti-entropy; Demers and
/// others 1987).
///
/// Messages are framed as frames.hpp says. A sketch holds terms, the number of its cells (a number), and the cells;
/// news hold the timestamp, terms, whether these are all (a byte), how many are wanted (a number), what is wanted (two
/// words each, ascending), and users as a snapshot has them. Terms are a timestamp, a salt (two words) and a number of
/// restarts (a byte): users are compared by SipHash-2-4 with 128 bits, keyed with the salt, of what their record would
/// be at that timestamp, so that it does not matter how far either has got with forgetting. Of 128 bits the lower word
/// comes first.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// What the digests in a message are of.
struct Terms {
  Timestamp as_of = absent;
  Bits128 salt;
  unsigned restarts = 0;  ///< how often they were put off, since the other side was later
};
inline constexpr unsigned most_restarts = 2;  // so that the messages of a link that is too slow end

/// How far ahead of their own time nodes compare: a little, so that the other side, and the answers to come, are not
/// later; with each restart twice as much. A quarter of the time for which sessions are remembered, so that most of
/// what is known of them is compared.
inline Duration lead_of(const Rules& rules, unsigned restarts) noexcept {
  constexpr Duration longest = Duration::from_s(10);
  const Duration remembered = rules.session_timeout + greater_of(rules.reorder_window, rules.offline_grace);
  const Duration ahead =
      remembered == Duration() ? longest : smaller_of(longest, Duration::from_ns(remembered.ns() / 4));
  return ahead * (std::int64_t{1} << restarts);
}

/// Another one for each timestamp, so that nobody can choose in advance what has the same digest; and one that does not
/// give the seed away to whoever reads the message.
inline Bits128 salt_of(std::uint64_t seed, Timestamp as_of) noexcept {
  constexpr std::uint64_t purpose = 0x72656E6F63696C65u;  // no other use of the seed has the same key
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

/// The latest timestamp as of which an honest peer can ask to compare.
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
  if (terms.as_of > latest) in.fail(ErrorCode::too_early, start, "no peer compares as of so late a time");
  terms.salt = read_bits(in);
  const std::size_t at_restarts = in.offset();
  terms.restarts = in.byte();
  if (terms.restarts > most_restarts) in.fail(ErrorCode::syntax, at_restarts, "no exchange begins anew so often");
  return terms;
}

/// A key for each user, made of what an encoding would hold of them.
class UserDigester {
 public:
  UserDigester(const Terms& terms, const Rules& rules) noexcept : terms_(terms), rules_(rules) {}

  /// Zero: nothing will be left of the user.
  Bits128 operator()(const RowView& row) {
    return read_settled(row, terms_.as_of, rules_, [&](const RegistersView& user) {
      if (user.empty()) return Bits128();
      record_.clear();
      append_user(record_, row.name(), user, terms_.as_of);
      return SipHash<2, 4>::hash128(record_.view(), terms_.salt);
    });
  }

 private:
  Terms terms_;
  const Rules& rules_;
  ByteWriter record_;
};

/// Of all users, in their order.
inline Vector<Bits128> digests_by(const Terms& terms, const Snapshot& snapshot) {
  Vector<Bits128> digests;
  const Root* const root = SnapshotReader::read(snapshot);
  if (root == nullptr) return digests;
  digests.reserve(root->table.size());
  UserDigester digest_of(terms, root->rules);
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

/// Writes news: `is_told(i, row)` says of which users, by their place in the order; `wanted` are digests of others.
template <class IsTold>
std::string missing_updates_of(const Snapshot& ours, const Terms& terms, bool all, const Vector<Bits128>& wanted,
                               IsTold is_told) {
  const Root* const root = SnapshotReader::read(ours);
  StringSink sink;
  FrameWriter<StringSink> out(sink, FrameKind::news);
  append_now(out.record(), SnapshotReader::now(ours));
  append_terms(out.record(), terms);
  out.record().byte(all ? 1 : 0);
  out.record().number(wanted.size());
  out.end_record();
  for (const Bits128& digest : wanted) {
    append_bits(out.record(), digest);
    out.end_record();
  }
  std::size_t told = 0;
  if (root != nullptr) {
    std::size_t place = 0;
    for (const RowView row : root->table) {
      if (!is_told(place++, row)) continue;
      write_row(out, row, *root);
      ++told;
    }
  }
  // With nothing to tell and nothing to ask there is nothing to say.
  if (told == 0 && !all && wanted.empty()) return std::string();
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
      if (in.ok() && !Sketch::is_size(cells)) in.fail(ErrorCode::syntax, start, "no number of cells that a sketch has");
    }
    while (in.ok() && !in.at_end() && begins_in_time(in, body)) {
      if (message.sketch.size() == cells)
        in.fail(ErrorCode::syntax, in.offset(), "more cells than were said to be there");
      if (in.ok()) message.sketch.append_cell_from(in);
    }
  };
  if (!frames.push(bytes, read) || !frames.finish()) return frames.error();
  if (message.sketch.size() != cells)
    return Error{ErrorCode::syntax, bytes.size(), "fewer cells than were said to be there"};
  return message;
}

struct NewsMessage {
  Terms terms;
  bool all = false;  ///< the sender knows of no other users, or of no more about these
  Vector<Bits128> wanted;
  Snapshot users;
};

inline Result<NewsMessage> read_news(std::string_view bytes, Timestamp now, const Snapshot& ours) {
  NewsMessage message;
  FrameReader frames(FrameKind::news);
  UserReader users(ours.rules(), dates_at(now, ours));
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
      if (in.ok() && all > 1) in.fail(ErrorCode::syntax, start, "these are all or they are not");
      message.all = all == 1;
      wanted = in.number();
      begun = true;
    }
    while (in.ok() && !in.at_end() && begins_in_time(in, body)) {
      if (wanted == 0) {
        users.read(in);
        continue;
      }
      const std::size_t start = in.offset();
      const Bits128 digest = read_bits(in);
      if (in.ok() && !message.wanted.empty() && !(message.wanted.back() < digest))
        in.fail(ErrorCode::syntax, start, "not in ascending order");
      message.wanted.push_back(digest);
      --wanted;
    }
  };
  if (!frames.push(bytes, read) || !frames.finish()) return frames.error();
  if (wanted != 0) return Error{ErrorCode::syntax, bytes.size(), "less is wanted than was said"};
  message.users = users.snapshot();
  return message;
}

inline std::string begun_exchange(const Snapshot& ours, const Terms& terms) {
  return written(sketch_of(digests_by(terms, ours), Sketch::least), terms);
}

/// The other side's terms are of a timestamp that is over here, and what was known then may be forgotten: others are
/// needed, unless that was so before.
inline std::string restarted_exchange(const Snapshot& ours, const Terms& late) {
  return late.restarts < most_restarts ? begun_exchange(ours, parameters_of(ours, late.restarts + 1)) : std::string();
}

/// Whether a message, if it is one, holds news; else it must be a sketch.
inline bool is_news(std::string_view message) noexcept {
  return message.size() >= frames_head &&
         static_cast<std::uint8_t>(message[frames_head - 1]) == static_cast<std::uint8_t>(FrameKind::news);
}

inline std::string answer_to(const SketchMessage& theirs, const Snapshot& ours) {
  if (SnapshotReader::now(ours) > theirs.terms.as_of) return restarted_exchange(ours, theirs.terms);
  const Vector<Bits128> digests = digests_by(theirs.terms, ours);
  const std::size_t cells = theirs.sketch.size();
  Sketch difference = sketch_of(digests, cells);
  difference.subtract(theirs.sketch);
  Vector<Bits128> told, wanted;
  if (difference.tell_apart(told, wanted)) {
    const auto less = [](const Bits128& a, const Bits128& b) { return a < b; };
    detail::sort(told, less);
    detail::sort(wanted, less);
    return missing_updates_of(ours, theirs.terms, false, wanted, [&](std::size_t place, const RowView&) {
      return digests[place] != Bits128() && holds(told, digests[place]);
    });
  }
  if (cells * Sketch::growth < 2 * digests.size())
    return written(sketch_of(digests, cells * Sketch::growth), theirs.terms);
  // By now all users are as short to tell.
  return missing_updates_of(ours, theirs.terms, true, {}, [](std::size_t, const RowView&) { return true; });
}

/// `before` is what was known before the news, and what they ask for; `ours` is what is known now.
inline std::string answer_to(const NewsMessage& theirs, const Snapshot& before, const Snapshot& ours) {
  const Timestamp our_now = SnapshotReader::now(before);
  if (theirs.all) {
    const Root* const known = SnapshotReader::read(theirs.users);
    const Timestamp now = later(our_now, known->now);
    const Rules& rules = before.rules();
    return missing_updates_of(before, theirs.terms, false, {}, [&](std::size_t, const RowView& row) {
      const RowView told = known->table.find(row.name());
      return told == nullptr || !(settled(row, now, rules) == settled(*told, now, rules));
    });
  }
  if (theirs.wanted.empty()) return std::string();
  if (our_now > theirs.terms.as_of) return restarted_exchange(ours, theirs.terms);
  UserDigester digest_of(theirs.terms, before.rules());
  return missing_updates_of(before, theirs.terms, false, {},
                            [&](std::size_t, const RowView& row) { return holds(theirs.wanted, digest_of(row)); });
}

}  // namespace detail

/// Begins an exchange with another node: a sketch of what `ours` knows, of some 730 bytes however many users there are.
/// The other node gives it to `reconcile`, sends the answer back, and so on until there is none: then both know what
/// either knew. O(users).
///
/// @code
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// Snapshot ours = reduce(Snapshot(), now), theirs = ours;
/// ours = reduce(std::move(ours), PresenceEvent::connect("john", "phone", now));
/// theirs = reduce(std::move(theirs), PresenceEvent::connect("mary", "tv", now));
///
/// std::string message = sketch(ours);  // now and then
/// for (bool to_them = true; !message.empty(); to_them = !to_them) {
///   const Result<std::string> answer = reconcile(to_them ? theirs : ours, message, now);  // as it arrives
///   assert(answer);  // else answer.error() says what is wrong with the message
///   message = *answer;
/// }
/// assert(ours == theirs && ours.online("mary") && theirs.online("john"));
/// @endcode
///
/// Three messages make up for a difference of some five users, one more for every four times as much: the number
/// depends on the differences alone. Each message stands for itself. One that is lost ends the exchange, one that comes
/// late or twice is answered again; nothing of it does harm, and the next exchange finds what is left.
///
/// Both may move on meanwhile. What nobody will remember in ten seconds any more is not compared (or, if that is
/// shorter, in a quarter of session_timeout and reorder_window together). Where a message takes longer than that the
/// exchange begins anew, with twice as much, and once more: over a link that is slower still nothing is found.
///
/// Both must go by the same rules, and where session_timeout is 0 agree at least once a reorder_window: a disconnect
/// that has been forgotten is not told. The truth about everybody, as `encode` has it: for servers that trust each
/// other.
///
/// Users are compared by 128 bits, under a salt that is made of Rules::hash_seed and the time and travels in the
/// message: whoever does not know the seed cannot choose ids or strings that pass for others.
inline std::string sketch(const Snapshot& ours) { return detail::begun_exchange(ours, detail::parameters_of(ours)); }

/// Reads a message of such an exchange: joins what it brings into `ours`, as `apply_delta` does, advances to `now`, the
/// host's own clock, if that is later, and returns the answer for the node that sent it: an empty one if there is
/// nothing more to say. `on_change` receives what `apply_delta` would emit.
///
/// An Error as from `apply_delta`: `too_early` also if the message asks to compare as of a time that no node of these
/// rules could ask for. `ours` is then what it was, as when memory runs out. Answers are never larger than what they
/// are made of: four times the message, or all users. O(users).
template <class OnChange>
Result<std::string> reconcile(Snapshot& ours, std::string_view message, Timestamp now, OnChange&& on_change) {
  if (const std::optional<Error> error = detail::wrong_now(now)) return *error;
  constexpr bool has_callback = detail::has_callback<std::remove_reference_t<OnChange>>;
  Snapshot after = ours;
  std::string answer;
  if (detail::is_news(message)) {
    const Result<detail::NewsMessage> theirs = detail::read_news(message, now, ours);
    if (!theirs) return theirs.error();
    detail::Merging<has_callback> merging(after, *detail::SnapshotAccess::read(theirs->users), now);
    merging.join_all();
    answer = detail::answer_to(*theirs, ours, after);
    ours = std::move(after);
    if constexpr (has_callback) merging.tell(on_change);
  } else {
    const Result<detail::SketchMessage> theirs = detail::read_sketch(message, now, ours);
    if (!theirs) return theirs.error();
    detail::Changes changes;
    if (now > detail::SnapshotAccess::now(after))
      detail::advance(detail::SnapshotAccess::write(after), now, has_callback ? &changes : nullptr);
    answer = detail::answer_to(*theirs, after);
    ours = std::move(after);
    detail::tell_all(changes, on_change);
  }
  return answer;
}
/// The same without a callback.
inline Result<std::string> reconcile(Snapshot& ours, std::string_view message, Timestamp now) {
  return presence::reconcile(ours, message, now, detail::NoCallback());
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BINARY_ANTI_ENTROPY_HPP
