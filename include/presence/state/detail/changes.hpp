// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_CHANGES_HPP
#define PRESENCE_STATE_DETAIL_CHANGES_HPP

#include <presence/base/detail/shared_string.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/user.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/state/detail/timeline.hpp>
#include <presence/table/detail/user_row.hpp>

#include <optional>     // for optional, nullopt
#include <string_view>  // for string_view
#include <type_traits>  // for is_same, remove_cv

/// From what was kept of a user and what is kept now to the change that others see, if any.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

inline std::optional<UserView> seen_by_others(const RowView& row, Timestamp now, const Rules& rules) noexcept {
  return seen_by_others(row.name(), row.registers(), now, rules);
}

/// The next time, after `now`, at which time alone changes what others see of the user. Of most users only the
/// sessions are read.
inline Timestamp next_change(const RowView& row, Timestamp now, const Rules& rules) noexcept {
  if (!row.is_plain() || rules.forget_after != Duration::highest()) return next_change(row.registers(), now, rules);
  const Timestamp until = online_until(row.sessions(), rules);
  return now < until ? until : never;
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
  static Seen of(RowView row, Timestamp now, const Rules& rules) noexcept {
    return row == nullptr ? Seen() : Seen(row->registers(), now, rules);
  }

  friend bool operator==(const Seen& a, const Seen& b) noexcept {
    return a.is_known_ == b.is_known_ && a.is_online_ == b.is_online_ && a.last_active_ == b.last_active_ &&
           a.status_ == b.status_;
  }

  /// The same, but offline.
  Seen offline() const noexcept {
    Seen seen(*this);
    seen.is_online_ = false;
    return seen;
  }

  bool is_known() const noexcept { return is_known_; }
  bool is_online() const noexcept { return is_online_; }
  std::optional<UserView> view(std::string_view id) const noexcept {
    if (!is_known_) return std::nullopt;
    return UserView(id, is_online_, status_.view(),
                    last_active_ == absent ? std::nullopt : std::optional<Timestamp>(last_active_), false);
  }

 private:
  SharedString status_;
  Timestamp last_active_ = absent;
  bool is_known_ = false, is_online_ = false;
};

/// What became of a user. Needs neither snapshot to be told.
struct Change {
  Timestamp at;
  SharedString id;
  Seen before, after;
};

/// Stands where the caller does not want to hear of changes; then none are gathered.
struct NoCallback {
  void operator()(const UserPresenceChangedView&) const noexcept {}
};
template <class OnChange>
inline constexpr bool has_callback = !std::is_same<std::remove_cv_t<OnChange>, NoCallback>::value;

/// Calls `on_change` if others see a difference.
template <class OnChange>
void tell(const Change& change, OnChange& on_change) {
  if (change.before == change.after) return;
  UserPresenceChangedView told;
  told.id = change.id.view();
  told.before = change.before.view(told.id);
  told.after = change.after.view(told.id);
  told.at = change.at;
  on_change(static_cast<const UserPresenceChangedView&>(told));
}

using Changes = Timeline<Change>;

/// The same for all, in the order of (timestamp, id).
template <class OnChange>
void tell_all(Changes& changes, OnChange& on_change) {
  changes.each([&](const Change& change) { tell(change, on_change); });
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_CHANGES_HPP
