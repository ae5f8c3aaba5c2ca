// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MERGE_HPP
#define PRESENCE_MERGE_HPP

#include <presence/detail/changes.hpp>
#include <presence/detail/fold.hpp>
#include <presence/detail/normal_form.hpp>
#include <presence/detail/user_table.hpp>
#include <presence/reduce.hpp>
#include <presence/snapshot.hpp>

#include <utility>  // for move

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The join of two users. What is joined are the normal forms at either side's own instant: equal snapshots must merge
/// to equal ones, whatever they have not yet got round to forgetting.
inline UserRegisters joined(const RowView& ours, const Root& our_root, const RowView& theirs, const Root& their_root) {
  UserRegisters user = normal_form_of(ours, our_root);
  join(user, normal_form_of(theirs, their_root));
  return user;
}

/// Calls `visit(ours, theirs)` for every user of theirs of whom not the same is kept, or perhaps for some more; of ours
/// alone for some. Where they are few, such as those of a delta, they are looked up, so that it costs no more than they
/// are; where they are many, both are gone over side by side, less what they share.
template <class Visit>
void each_of_theirs(const UserTable& ours, const UserTable& theirs, Timestamp up_to, Visit visit) {
  constexpr std::size_t cheaper_to_pass_than_to_look_up = 16;
  if (theirs.size() < ours.size() / cheaper_to_pass_than_to_look_up) {
    for (const RowView row : theirs) visit(ours.find(row.name()), row);
  } else {
    UserTable::each_pair(ours, theirs, up_to, visit);
  }
}

/// What the change of a user is dated, given the join before anything is forgotten. First the registers are joined,
/// then time moves on to the later instant: what time then changes is dated with the last deadline it passes.
inline Timestamp instant_of_merge(const RegistersView& user, Timestamp our_now, Timestamp now,
                                  const Rules& rules) noexcept {
  Timestamp last = never;
  for (Timestamp due = next_change(user, our_now, rules); due <= now; due = next_change(user, due, rules)) {
    last = due;
  }
  if (last != never) return last;
  if (our_now != absent) return our_now;
  return now != absent ? now : latest_seen_instant(user);
}

}  // namespace detail

/// Joins another snapshot into this one and advances to the later instant of both, as if everything that either was
/// told had been told to this one. Our rules stand, and users are not counted against them: what both know stays known.
/// `on_change` hears of each user whom others see differently, once, when all is done. When memory runs out the
/// snapshot is what it was. O(users), less what both share; of few users of theirs O(theirs), and what is due.
///
/// @code
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// Snapshot lobby = reduce(Snapshot(), now), match = lobby;  // two servers, each with its own players
/// lobby = reduce(std::move(lobby), PresenceEvent::connect("john", "phone", now));
/// match = reduce(std::move(match), PresenceEvent::connect("mary", "console", now));
/// assert(merge(lobby, match) == merge(match, lobby));
///
/// std::string heard;
/// const auto on_change = [&](const UserPresenceChangedView& change) { heard += change.id; };
/// merge_into(lobby, match, on_change);
/// merge_into(lobby, match, on_change);  // again: nothing that was not known
/// assert(heard == "mary" && lobby.online_count() == 2);
/// @endcode
template <class OnChange>
void merge_into(Snapshot& snapshot, const Snapshot& other, OnChange&& on_change) {
  const detail::Root* const theirs = detail::SnapshotAccess::read(other);
  if (theirs == nullptr || theirs == detail::SnapshotAccess::read(snapshot)) return;
  const Snapshot ours = snapshot;  // is what is left if memory runs out
  const detail::Root* const mine = detail::SnapshotAccess::read(ours);
  const Rules& rules = ours.rules();
  const Timestamp our_now = detail::SnapshotAccess::now(ours), now = detail::later(our_now, theirs->now);
  const bool same_rules = detail::same_but_for_seed(rules, theirs->rules);

  constexpr bool is_heard = detail::is_heard<std::remove_reference_t<OnChange>>;
  detail::Changes changes;
  Snapshot merged = ours;
  detail::Root& root = detail::SnapshotAccess::write(merged);
  if (our_now < now) detail::advance(root, now, is_heard ? &changes : nullptr);

  const detail::UserTable nothing;
  const auto join_user = [&](detail::RowView a, detail::RowView b) {
    // What is ours alone, or the same on both sides, changes by time alone.
    if (b == nullptr) return;
    detail::UserRegisters user =
        a == nullptr ? detail::normal_form_of(*b, *theirs) : detail::joined(*a, *mine, *b, *theirs);
    detail::Change change;
    if constexpr (is_heard) change.at = detail::instant_of_merge(user, our_now, now, rules);
    detail::normalise(user, now, rules);
    const bool as_before = a != nullptr ? user == detail::settled(*a, now, rules) : user.empty();
    // Unless it has been forgotten by age: then what both knew decides when.
    if (as_before && (a == nullptr || rules.forget_after == Duration::highest())) return;
    const bool is_theirs = same_rules && user == detail::settled(*b, now, rules);
    if (!is_theirs) detail::bound(user, now, rules);

    const detail::UserKey key = root.table.key_of(b->name());
    const detail::RowView row = root.table.find(key);
    if constexpr (is_heard) {
      change.id = b->id();
      change.before = detail::Seen::of(a, our_now, rules);
      change.after = detail::Seen(user, now, rules);
      changes.add(std::move(change));
    }
    if (as_before || (row == nullptr && user.empty())) return;
    detail::Plan plan;
    plan.row = row;
    plan.after = std::move(user);
    detail::commit(root, key, std::move(plan));
  };
  detail::each_of_theirs(mine != nullptr ? mine->table : nothing, theirs->table,
                         same_rules ? detail::absent : detail::never, join_user);
  snapshot = std::move(merged);
  // Of somebody whom time changed as well, the last change is dated as all of it is.
  if constexpr (is_heard) {
    changes.one_per_user([](detail::Change& first, detail::Change& next) {
      next.before = std::move(first.before);
      first = std::move(next);
    });
    detail::tell_all(changes, on_change);
  }
}
/// The same where nobody listens.
inline void merge_into(Snapshot& snapshot, const Snapshot& other) {
  presence::merge_into(snapshot, other, detail::Unheard());
}

/// The join of two snapshots: commutative, associative and idempotent while their rules agree. See merge_into.
[[nodiscard]] inline Snapshot merge(Snapshot snapshot, const Snapshot& other) {
  presence::merge_into(snapshot, other);
  return snapshot;
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_MERGE_HPP
