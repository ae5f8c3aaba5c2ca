// SPDX-License-Identifier: MIT
#ifndef PRESENCE_DETAIL_CHANGES_HPP
#define PRESENCE_DETAIL_CHANGES_HPP

#include <presence/detail/algorithm.hpp>
#include <presence/detail/derived.hpp>
#include <presence/detail/memory.hpp>
#include <presence/detail/registers.hpp>
#include <presence/detail/text.hpp>
#include <presence/detail/user_row.hpp>
#include <presence/rules.hpp>
#include <presence/user.hpp>

#include <cstddef>      // for size_t, ptrdiff_t
#include <optional>     // for optional, nullopt
#include <string_view>  // for string_view
#include <utility>      // for move

/// From what was kept of a user and what is kept now to the change that others see, if any.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

inline std::optional<UserView> seen_by_others(const UserRow& row, Timestamp now, const Rules& rules) noexcept {
  return seen_by_others(row.name(), row.registers(), now, rules);
}

/// How a user looked to others, kept.
class Seen {
 public:
  Seen() noexcept = default;
  Seen(const RegistersView& user, Timestamp now, const Rules& rules) noexcept {
    const auto view = seen_by_others({}, user, now, rules);
    if (!view) return;
    is_known_ = true;
    is_online_ = view->online;
    if (view->last_active) last_active_ = *view->last_active;
    if (user.rare != nullptr) status_ = user.rare->status;
  }
  static Seen of(const UserRow* row, Timestamp now, const Rules& rules) noexcept {
    return row == nullptr ? Seen() : Seen(row->registers(), now, rules);
  }

  bool is_known() const noexcept { return is_known_; }
  bool is_online() const noexcept { return is_online_; }
  std::optional<UserView> view(std::string_view id) const noexcept {
    if (!is_known_) return std::nullopt;
    return UserView(id, is_online_, status_.view(),
                    last_active_ == absent ? std::nullopt : std::optional<Timestamp>(last_active_), false);
  }

 private:
  Text status_;
  Timestamp last_active_ = absent;
  bool is_known_ = false, is_online_ = false;
};

/// What became of a user. Needs neither snapshot to be told.
struct Change {
  Timestamp at;
  Text id;
  Seen before, after;
  std::size_t order = 0;  // of several for one user in one call
};

/// Stands where the caller does not want to hear of changes; then none are gathered.
struct Unheard {
  void operator()(const UserPresenceChangedView&) const noexcept {}
};

/// Calls `on_change` if others see a difference.
template <class OnChange>
void tell(const Change& change, OnChange& on_change) {
  UserPresenceChangedView told;
  told.id = change.id.view();
  told.before = change.before.view(told.id);
  told.after = change.after.view(told.id);
  if (told.before == told.after) return;
  told.at = change.at;
  on_change(static_cast<const UserPresenceChangedView&>(told));
}

/// The same for all, in the order of (instant, id).
template <class OnChange>
void tell_all(Vector<Change>& changes, OnChange& on_change) {
  detail::sort(changes,
               [](const Change& a, const Change& b) { return a.at != b.at ? a.at < b.at : a.id.view() < b.id.view(); });
  for (const Change& change : changes) tell(change, on_change);
}

/// Makes one of several changes of a user, which are numbered by `order`: `join(first, second)` puts the second into
/// the first.
template <class Join>
void one_per_user(Vector<Change>& changes, Join join) noexcept {
  detail::sort(changes, [](const Change& a, const Change& b) {
    return a.id == b.id ? a.order < b.order : a.id.view() < b.id.view();
  });
  std::size_t users = 0;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (users > 0 && changes[users - 1].id == changes[i].id) {
      join(changes[users - 1], changes[i]);
    } else {
      if (users != i) changes[users] = std::move(changes[i]);
      ++users;
    }
  }
  changes.erase(changes.begin() + static_cast<std::ptrdiff_t>(users), changes.end());
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_DETAIL_CHANGES_HPP
