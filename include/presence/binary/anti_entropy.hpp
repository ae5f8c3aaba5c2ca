// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BINARY_ANTI_ENTROPY_HPP
#define PRESENCE_BINARY_ANTI_ENTROPY_HPP

#include <presence/base/result.hpp>
#include <presence/base/time.hpp>
#include <presence/binary/codec.hpp>
#include <presence/state/merge.hpp>
#include <presence/state/snapshot.hpp>

#include <string>       // for string
#include <string_view>  // for string_view

/// Anti-entropy (Demers et al. 1987): two nodes find the differences between their snapshots and send each other only
/// those.
///
/// Messages are framed as described in framing.hpp. There are two kinds:
/// - A sketch: the parameters, the number of cells (a number), and the cells.
/// - Missing updates: the timestamp, the parameters, whether these are all users (a byte), how many users are wanted (a
///   number), the digests of those (two words each, ascending), and users as in a snapshot.
///
/// The parameters are a timestamp, a salt (two words) and the number of restarts (a byte). Users are compared by a
/// 128-bit SipHash-2-4 of their record as of that timestamp, keyed with the salt. So it does not matter what either
/// node has already forgotten. The low word of 128 bits comes first.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

Result<std::string> reconcile_with(Snapshot& ours, std::string_view message, Timestamp now,
                                   const ChangeSink& on_change);

}  // namespace detail

/// Returns the first message of an exchange with another node: a set sketch of `ours` (an invertible Bloom lookup
/// table). It has about 730 bytes, for any number of users. The other node passes it to `reconcile` and sends back the
/// answer. Both repeat this until an answer is empty: then each node has all data of both. O(users).
///
/// @code
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// Snapshot ours = reduce(Snapshot(), now), theirs = ours;
/// ours = reduce(std::move(ours), PresenceEvent::connect("john", "phone", now));
/// theirs = reduce(std::move(theirs), PresenceEvent::connect("mary", "tv", now));
///
/// std::string message = sketch(ours);  // periodically
/// for (bool to_them = true; !message.empty(); to_them = !to_them) {
///   const Result<std::string> answer = reconcile(to_them ? theirs : ours, message, now);  // on arrival
///   assert(answer);  // else see answer.error()
///   message = *answer;
/// }
/// assert(ours == theirs && ours.online("mary") && theirs.online("john"));
/// @endcode
///
/// Three messages resolve a difference of about five users. Each further message covers four times as many. The number
/// of messages depends only on the number of differences. Messages are independent of each other: a lost one ends the
/// exchange, and a late or repeated one is answered again. Neither does any harm, and the next exchange finds the
/// remaining differences.
///
/// Both snapshots may change during the exchange. Data that will be forgotten within ten seconds is not compared,
/// except that something was removed. If it is shorter, the limit is a quarter of session_timeout plus reorder_window
/// (or plus offline_grace, if that is longer). If messages take longer than this limit, the exchange restarts with
/// twice the limit, and once more with four times the limit. Over a slower link no differences are found.
///
/// Both nodes must use the same rules. If session_timeout is 0, they must reconcile at least once per reorder_window,
/// because a forgotten disconnect is not sent. Messages contain the full state of users, as `encode` does: use them
/// only between servers that trust each other.
///
/// Users are compared by 128-bit digests. The salt is derived from Rules::hash_seed and the time, and is part of the
/// message. Without the seed an attacker cannot choose ids or strings that collide.
std::string sketch(const Snapshot& ours);

/// Processes a message of an exchange that `sketch` began. Merges its updates into `ours`, as `apply_delta` does, and
/// advances to `now`, the host's own clock, if that is later. Returns the answer to send back; it is empty if the
/// exchange is complete. `on_change` receives the same changes that `apply_delta` would emit.
///
/// Errors are as for `apply_delta`. `too_early` is also returned if the message compares as of a timestamp that no node
/// with these rules could use. After an error, or if memory runs out, `ours` is unchanged. The size of an answer is
/// bounded by four times the message, or by all users. O(users).
template <class OnChange>
Result<std::string> reconcile(Snapshot& ours, std::string_view message, Timestamp now, OnChange&& on_change) {
  return detail::reconcile_with(ours, message, now, on_change);
}
/// Processes a message without a callback.
Result<std::string> reconcile(Snapshot& ours, std::string_view message, Timestamp now);

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/binary/detail/anti_entropy_bodies.hpp>
#endif

#endif  // PRESENCE_BINARY_ANTI_ENTROPY_HPP
