// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_ROOT_HPP
#define PRESENCE_STATE_DETAIL_ROOT_HPP

#include <presence/base/detail/memory.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/user.hpp>
#include <presence/registers/detail/acceptance_window.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/normal_form.hpp>
#include <presence/state/detail/changes.hpp>
#include <presence/table/detail/user_table.hpp>

#include <cstddef>      // for size_t
#include <optional>     // for optional, nullopt
#include <string_view>  // for string_view

/// What a Snapshot points to, and what is read from it. Does not need the Snapshot, whose bodies include this.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The state that copies of a Snapshot share.
struct Root {
  OwnerCount owners;
  const Rules rules;
  Timestamp now = absent;
  std::size_t known = 0, online = 0;  // users that others know of, and see online
  UserTable table;

  explicit Root(const Rules& with) noexcept : rules(with), table(with.hash_seed) {}
  Root(const Root& other)
      : rules(other.rules), now(other.now), known(other.known), online(other.online), table(other.table) {}
  Root& operator=(const Root&) = delete;

  /// Returns the acceptance window of `now`. May only be called by the only owner.
  AcceptanceWindow& bounds() noexcept {
    if (!bounds_.are_of(now)) find_bounds();
    return bounds_;
  }

 private:
  PRESENCE_DETAIL_APART void find_bounds() noexcept { bounds_ = AcceptanceWindow(now, rules); }

  AcceptanceWindow bounds_;
};

constexpr Rules without_negative_durations(Rules rules) noexcept {
  for (Duration* duration :
       {&rules.session_timeout, &rules.offline_grace, &rules.last_active_refresh, &rules.reorder_window,
        &rules.max_clock_skew, &rules.forget_after, &rules.idle_after, &rules.report_timeout}) {
    if (*duration < Duration()) *duration = Duration();
  }
  return rules;
}

/// Whether both give the same verdicts and the same views: all rules except `hash_seed` are equal.
constexpr bool same_but_for_seed(Rules a, Rules b) noexcept {
  a.hash_seed = b.hash_seed = 0;
  return a == b;
}

inline std::optional<Timestamp> optional_timestamp(Timestamp at) noexcept {
  return at == absent || at == never ? std::nullopt : std::optional<Timestamp>(at);
}

/// Returns the normal form of the user's registers at `now`. The row may hold more if no event has touched it since.
inline UserRegisters normal_form_of(const RowView& row, Timestamp now, const Rules& rules) {
  UserRegisters user = row.unpacked();
  normalise(user, now, rules);
  return user;
}
inline UserRegisters normal_form_of(const RowView& row, const Root& root) {
  return normal_form_of(row, root.now, root.rules);
}

/// Passes the same registers to `read(const RegistersView&)` and returns its result. Does not copy them if they are
/// surely in normal form already.
template <class Read>
auto read_normal_form_of(const RowView& row, Timestamp now, const Rules& rules, Read read) {
  RegistersView kept = row.registers();
  if (surely_normal(kept, now, rules)) {
    kept.window = now - rules.reorder_window;
    return read(kept);
  }
  const UserRegisters user = normal_form_of(row, now, rules);
  return read(RegistersView(user));
}

inline std::optional<UserView> seen_by_others(const RowView& row, const Root& root) noexcept {
  return seen_by_others(row.name(), row.registers(), root.now, root.rules);
}

/// Returns a plain user as everyone sees them, and as they see themselves. Reads the row alone.
PRESENCE_DETAIL_FLAT inline UserView view_of_plain(const UserTable::Found& found) noexcept {
  const RowView row = found.row();
  const bool is_online = row.is_online();
  const Timestamp active = row.latest_active();
  UserView view(row.name(), is_online, row.status(), active == absent ? std::nullopt : std::optional<Timestamp>(active),
                false, is_online ? Availability::available : Availability::offline);
  view.data = row.data();
  return view;
}
PRESENCE_DETAIL_APART inline std::optional<UserView> view_of_other(const RowView& row, bool is_self,
                                                                   const Root& root) noexcept {
  return is_self ? seen_by_self(row.name(), row.registers(), root.now, root.rules) : seen_by_others(row, root);
}
inline std::optional<UserView> view_of(const UserTable::Found& found, bool is_self, const Root& root) noexcept {
  const RowView row = found.row();
  if (is_plain(row, root.rules)) return view_of_plain(found);
  return view_of_other(row, is_self, root);
}
PRESENCE_DETAIL_APART inline bool is_other_known(const RowView& row, const Root& root) noexcept {
  return is_known_to_others(row.registers(), root.now, root.rules);
}
inline bool is_known_to_others(const RowView& row, const Root& root) noexcept {
  return is_plain(row, root.rules) || is_other_known(row, root);
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_ROOT_HPP
