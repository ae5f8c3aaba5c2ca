// SPDX-License-Identifier: MIT
#ifndef PRESENCE_DETAIL_CHANGES_HPP
#define PRESENCE_DETAIL_CHANGES_HPP

#include <presence/detail/algorithm.hpp>
#include <presence/detail/derived.hpp>
#include <presence/detail/memory.hpp>
#include <presence/detail/user_table.hpp>
#include <presence/rules.hpp>
#include <presence/user.hpp>

#include <cstddef>      // for size_t
#include <optional>     // for optional
#include <string_view>  // for string_view

/// From what was kept of a user and what is kept now to the change that others see, if any.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Holds both records, so that what it shows lives as long as it does, whatever becomes of the snapshot.
struct Change {
  Timestamp at;
  Record before, after;  // null: nothing was kept
  Timestamp before_now, after_now;
  std::size_t order = 0;  // of several for one user in one call

  std::string_view id() const noexcept { return after ? after->name() : before->name(); }
};

inline std::optional<UserView> seen_by_others(const Record& record, Timestamp now, const Rules& rules) noexcept {
  return record ? seen_by_others(record->name(), record->registers, now, rules) : std::nullopt;
}

/// Stands where the caller does not want to hear of changes; then none are gathered.
struct Unheard {
  void operator()(const UserPresenceChangedView&) const noexcept {}
};

/// Calls `on_change` if others see a difference.
template <class OnChange>
void tell(const Change& change, const Rules& rules, OnChange& on_change) {
  UserPresenceChangedView told;
  told.before = seen_by_others(change.before, change.before_now, rules);
  told.after = seen_by_others(change.after, change.after_now, rules);
  if (told.before == told.after) return;
  told.id = change.id();
  told.at = change.at;
  on_change(static_cast<const UserPresenceChangedView&>(told));
}

/// The same for all, in the order of (instant, id).
template <class OnChange>
void tell_all(Vector<Change>& changes, const Rules& rules, OnChange& on_change) {
  detail::sort(changes, [](const Change& a, const Change& b) { return a.at != b.at ? a.at < b.at : a.id() < b.id(); });
  for (const Change& change : changes) tell(change, rules, on_change);
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_DETAIL_CHANGES_HPP
