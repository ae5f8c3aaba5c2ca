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
inline UserRegisters joined(const UserRecord& ours, const Root& our_root, const UserRecord& theirs,
                            const Root& their_root) {
  UserRegisters user = normal_form_of(ours, our_root);
  join(user, normal_form_of(theirs, their_root));
  return user;
}

/// The registers of one side as they read at the merged instant.
inline UserRegisters settled(const UserRecord& record, Timestamp now, const Rules& rules) {
  UserRegisters user = record.registers;
  normalise(user, now, rules);
  return user;
}

/// What the change of a user is dated, given the join before anything is forgotten. First the registers are joined,
/// then time moves on to the later instant: what time then changes is dated with the deadline.
inline Timestamp instant_of_merge(const UserRegisters& user, Timestamp our_now, Timestamp now,
                                  const Rules& rules) noexcept {
  if (seen_by_others({}, user, our_now, rules) != seen_by_others({}, user, now, rules))
    return online_until(user, rules);
  if (our_now != absent) return our_now;
  return now != absent ? now : latest_seen_instant(user);
}

}  // namespace detail

/// Joins another snapshot into this one and advances to the later instant of both, as if everything that either was
/// told had been told to this one. Our rules stand, and users are not counted against them: what both know stays known.
/// `on_change` hears of each user whom others see differently, once, when all is done. When memory runs out the
/// snapshot is what it was. O(users).
template <class OnChange>
void merge_into(Snapshot& snapshot, const Snapshot& other, OnChange&& on_change) {
  const detail::Root* const theirs = detail::SnapshotAccess::read(other);
  if (theirs == nullptr || theirs == detail::SnapshotAccess::read(snapshot)) return;
  const Snapshot ours = snapshot;  // keeps what is told alive, and is what is left if memory runs out
  const detail::UserTable nothing;
  const detail::Root* const mine = detail::SnapshotAccess::read(ours);
  const Rules& rules = ours.rules();
  const Timestamp our_now = detail::SnapshotAccess::now(ours), now = detail::later(our_now, theirs->now);

  Snapshot merged{rules};
  detail::Root& root = detail::SnapshotAccess::write(merged);
  root.now = now;
  const bool same_rules = detail::same_but_for_seed(rules, theirs->rules);
  detail::Vector<detail::Change> changes;
  constexpr bool is_heard = detail::is_heard<std::remove_reference_t<OnChange>>;
  detail::UserTable::each_pair(mine != nullptr ? mine->table : nothing, theirs->table, false,
                               [&](const detail::Record* a, const detail::Record* b) {
                                 detail::Record record = a != nullptr ? *a : *b;
                                 Timestamp at;
                                 const auto date = [&](const detail::UserRegisters& user) {
                                   if constexpr (is_heard) at = detail::instant_of_merge(user, our_now, now, rules);
                                 };
                                 if (a != nullptr && (b == nullptr || *a == *b)) {
                                   date(record->registers);
                                 } else {
                                   detail::UserRegisters user = a == nullptr ? detail::normal_form_of(**b, *theirs)
                                                                             : detail::joined(**a, *mine, **b, *theirs);
                                   date(user);
                                   detail::normalise(user, now, rules);
                                   // What already is the join goes on being shared, as it is: merging with an equal
                                   // snapshot changes nothing.
                                   if (a != nullptr && user == detail::settled(**a, now, rules)) {
                                     record = *a;
                                   } else if (same_rules && user == detail::settled(**b, now, rules)) {
                                     record = *b;
                                   } else {
                                     detail::bound(user, now, rules);
                                     record = detail::Record::make(record->name(), std::move(user));
                                   }
                                 }
                                 const auto after = detail::seen_by_others(record, now, rules);
                                 if constexpr (is_heard) {
                                   const detail::Record before = a != nullptr ? *a : detail::Record();
                                   if (detail::seen_by_others(before, our_now, rules) != after) {
                                     changes.push_back(detail::Change{at, before, record, our_now, now});
                                   }
                                 }
                                 if (detail::vanishes_at(record->registers, rules) <= now) return;
                                 root.table.append(record, detail::due_of(record->registers, now, rules));
                                 root.known += after ? 1u : 0u;
                                 root.online += after && after->online ? 1u : 0u;
                               });
  snapshot = std::move(merged);
  detail::tell_all(changes, rules, on_change);
}
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
