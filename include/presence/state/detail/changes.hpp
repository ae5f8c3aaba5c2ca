// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_CHANGES_HPP
#define PRESENCE_STATE_DETAIL_CHANGES_HPP

#include <presence/base/detail/shared_string.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/user.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/state/detail/change_sink.hpp>
#include <presence/state/detail/timeline.hpp>
#include <presence/table/detail/user_row.hpp>

#include <optional>     // for optional, nullopt
#include <string_view>  // for string_view
#include <utility>      // for move

/// Finds the change that others see, if any, between a user's previous and current registers.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

inline std::optional<UserView> seen_by_others(const RowView& row, Timestamp now, const Rules& rules) noexcept {
  return seen_by_others(row.name(), row.registers(), now, rules);
}

/// Returns the next time after `now` at which the user's visible state changes without an event. For most users, reads
/// only the sessions.
inline Timestamp next_change(const RowView& row, Timestamp now, const Rules& rules) noexcept {
  if (!is_plain(row, rules)) return next_change(row.registers(), now, rules);
  const Timestamp until = online_until(row.sessions(), rules);
  return now < until ? until : never;
}

/// What others see of a plain user, except the data.
struct PlainState {
  bool online;
  Timestamp last_active;
  const SharedString& status;

  /// Refers to the status of the row.
  PRESENCE_DETAIL_APART static PlainState of(const RowView& row, bool is_online) noexcept {
    return {is_online, row.latest_active(), row.shared_status()};
  }
  friend bool operator==(const PlainState& a, const PlainState& b) noexcept {
    return a.online == b.online && a.last_active == b.last_active && a.status == b.status;
  }
};

/// An owning copy of what others saw of a user.
class Seen {
 public:
  Seen() noexcept = default;
  Seen(const RegistersView& user, Timestamp now, const Rules& rules) noexcept {
    const auto view = seen_by_others({}, user, now, rules);
    if (!view) return;
    is_known_ = true;
    is_online_ = view->online;
    availability_ = view->availability;
    if (view->last_active) last_active_ = *view->last_active;
    if (!view->status.empty() && user.text != nullptr) status_ = *user.text;
    if (!view->data.empty()) data_ = user.rare->data;
    if (!view->activity.empty()) activity_ = Shown::of(user, now, rules).activity;
  }
  /// What others see of a plain user. Reads no sessions.
  static Seen of_plain(const RowView& row, bool is_online) noexcept {
    return Seen(row, PlainState::of(row, is_online));
  }
  /// The same for a state of the user that may not be the present one. Of the row it reads only the data.
  Seen(const RowView& row, const PlainState& state) noexcept
      : status_(state.status),
        last_active_(state.last_active),
        is_known_(true),
        is_online_(state.online),
        availability_(state.online ? Availability::available : Availability::offline) {
    if (row.has_data()) data_ = row.shared_data();
  }
  static Seen of(RowView row, Timestamp now, const Rules& rules) noexcept {
    return row == nullptr ? Seen() : Seen(row->registers(), now, rules);
  }

  friend bool operator==(const Seen& a, const Seen& b) noexcept {
    return a.is_known_ == b.is_known_ && a.is_online_ == b.is_online_ && a.availability_ == b.availability_ &&
           a.last_active_ == b.last_active_ && a.status_ == b.status_ &&
           AttributesView(a.activity_.members()) == AttributesView(b.activity_.members()) &&
           same_data(a.data_, b.data_);
  }

  /// Returns a copy that is offline.
  Seen offline() const noexcept {
    Seen seen(*this);
    seen.is_online_ = false;
    seen.availability_ = Availability::offline;
    seen.activity_ = KeptValuePointer();
    return seen;
  }

  bool is_known() const noexcept { return is_known_; }
  bool is_online() const noexcept { return is_online_; }
  std::optional<UserView> view(std::string_view id) const noexcept {
    if (!is_known_) return std::nullopt;
    UserView view(id, is_online_, status_.view(),
                  last_active_ == absent ? std::nullopt : std::optional<Timestamp>(last_active_), false, availability_);
    view.activity = activity_.members();
    view.data = data_.view();
    return view;
  }

 private:
  /// Returns whether others see the same data, whatever its dates.
  static bool same_data(const UserDataPointer& a, const UserDataPointer& b) noexcept {
    return a.get() == b.get() || AttributesView(a.view()) == AttributesView(b.view());
  }

  SharedString status_;
  Timestamp last_active_ = absent;
  bool is_known_ = false, is_online_ = false;
  Availability availability_ = Availability::offline;
  KeptValuePointer activity_;
  UserDataPointer data_;
};

/// The change of one user. Valid without either snapshot.
struct Change {
  Timestamp at;
  SharedString id;
  Seen before, after;

  Change() noexcept = default;
  Change(Timestamp when, const SharedString& user, Seen seen_before, Seen seen_after) noexcept
      : at(when), id(user), before(std::move(seen_before)), after(std::move(seen_after)) {}
  /// The change of a plain user between two states.
  Change(Timestamp when, const RowView& row, const PlainState& state_before, const PlainState& state_after) noexcept
      : at(when), id(row.id()), before(row, state_before), after(row, state_after) {}
};

/// Calls `on_change`, which must not be empty, if the publicly visible state changed.
PRESENCE_DETAIL_APART inline void notify(const Change& change, const ChangeSink& on_change) {
  if (change.before == change.after) return;
  UserPresenceChangedView changed;
  changed.id = change.id.view();
  changed.before = change.before.view(changed.id);
  changed.after = change.after.view(changed.id);
  changed.at = change.at;
  on_change(changed);
}

using Changes = Timeline<Change>;

/// Does the same for all changes, in the order of (timestamp, id), unless `on_change` is empty.
inline void notify_all(Changes& changes, const ChangeSink& on_change) {
  if (!on_change) return;
  changes.each([&](const Change& change) { notify(change, on_change); });
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_CHANGES_HPP
