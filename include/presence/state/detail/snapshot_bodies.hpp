// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_SNAPSHOT_BODIES_HPP
#define PRESENCE_STATE_DETAIL_SNAPSHOT_BODIES_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/user.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/digest.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_table.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint64_t
#include <optional>     // for optional, nullopt
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for in_place, move
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {

PRESENCE_DETAIL_BODY Snapshot::Snapshot() noexcept = default;
PRESENCE_DETAIL_BODY Snapshot::Snapshot(const Rules& rules)
    : root_(detail::Shared<detail::Root>::make(detail::without_negative_durations(rules))) {}
PRESENCE_DETAIL_BODY Snapshot::Snapshot(const Snapshot& other) noexcept = default;
PRESENCE_DETAIL_BODY Snapshot::Snapshot(Snapshot&& other) noexcept = default;
PRESENCE_DETAIL_BODY Snapshot& Snapshot::operator=(const Snapshot& other) noexcept = default;
PRESENCE_DETAIL_BODY Snapshot& Snapshot::operator=(Snapshot&& other) noexcept = default;
PRESENCE_DETAIL_BODY Snapshot::~Snapshot() = default;
PRESENCE_DETAIL_BODY const Rules& Snapshot::rules() const& noexcept {
  return root_ ? root_->rules : detail::default_rules;
}
PRESENCE_DETAIL_BODY Rules Snapshot::rules() const&& noexcept { return root_ ? root_->rules : detail::default_rules; }
PRESENCE_DETAIL_BODY std::optional<User> Snapshot::find(std::string_view id, Viewer viewer) const {
  const std::optional<UserView> seen = look(id, viewer);
  return seen ? std::optional<User>(std::in_place, *seen) : std::nullopt;
}
PRESENCE_DETAIL_BODY std::optional<UserView> Snapshot::view(std::string_view id, Viewer viewer) const& noexcept {
  return look(id, viewer);
}
PRESENCE_DETAIL_BODY bool Snapshot::online(std::string_view id, Viewer viewer) const noexcept {
  if (!root_) return false;
  const detail::UserTable::Found found = root_->table.locate(id);
  if (!found) return false;
  if (!is_self(viewer, id) || detail::is_plain(found.row(), root_->rules)) return found.is_online();
  const std::optional<UserView> seen = detail::view_of_other(found.row(), true, *root_);
  return seen && seen->online;
}
PRESENCE_DETAIL_BODY std::vector<Device> Snapshot::devices(std::string_view id, Viewer viewer) const {
  std::vector<Device> devices;
  const detail::RowView row = root_ && root_->rules.show_devices ? root_->table.find(id) : detail::RowView();
  if (row == nullptr) return devices;
  const detail::RegistersView user = row.registers();
  if (viewer.id() != id && detail::invisible_since(user.visibility_changes) != detail::absent) return devices;
  for (const detail::SessionRegisters& session : user.sessions) {
    if (session.is_report() || detail::online_until(session, root_->rules) <= root_->now) continue;
    const detail::Standing standing = detail::Standing::of(session, root_->now, root_->rules);
    const AttributesView activity(detail::shown_activity(session, root_->rules));
    devices.push_back(Device{std::string(session.id.view()), standing.availability, static_cast<Attributes>(activity)});
  }
  return devices;
}
PRESENCE_DETAIL_BODY std::optional<PresenceState> Snapshot::inspect(std::string_view id) const {
  const detail::RowView row = root_ ? root_->table.find(id) : detail::RowView();
  if (row == nullptr) return std::nullopt;
  const detail::UserRegisters user = detail::normal_form_of(*row, *root_);
  PresenceState state;
  if (const auto seen = detail::seen_by_self(id, user, root_->now, root_->rules)) {
    state.user = static_cast<User>(*seen);
  } else {
    state.user.id = std::string(id);
  }
  state.status_at = detail::optional_timestamp(user.status_at);
  if (user.choice != Availability::offline && root_->now < user.choice_until) {
    state.choice = user.choice;
    if (user.choice_until != detail::never) state.choice_until = user.choice_until;
  }
  if (user.status_until != detail::never) state.status_until = user.status_until;
  state.invisible_since = detail::optional_timestamp(detail::invisible_since(user.visibility_changes));
  for (const detail::SessionRegisters& kept : user.sessions) {
    Session session;
    session.id = std::string(detail::text_of(kept.id));
    if (kept.is_report()) continue;
    const detail::SessionState said = detail::present_state(kept, root_->rules);
    const detail::Span<Timestamp> disconnects = kept.disconnects();
    session.last_evidence = detail::optional_timestamp(kept.evidence_at());
    session.online_since = detail::optional_timestamp(kept.run_start());
    session.disconnects.assign(disconnects.begin(), disconnects.end());
    if (said.moment.exists()) session.availability = said.availability;
    session.priority = said.priority;
    session.active = detail::optional_timestamp(kept.active().at);
    session.online_until = detail::optional_timestamp(detail::online_until(kept, root_->rules));
    session.alive = detail::live(kept, root_->now, root_->rules);
    state.sessions.push_back(std::move(session));
  }
  return state;
}
PRESENCE_DETAIL_BODY std::size_t Snapshot::size() const noexcept { return root_ ? root_->known : 0; }
PRESENCE_DETAIL_BODY std::size_t Snapshot::online_count() const noexcept { return root_ ? root_->online : 0; }
PRESENCE_DETAIL_BODY std::optional<Timestamp> Snapshot::now() const noexcept {
  return root_ ? detail::optional_timestamp(root_->now) : std::nullopt;
}
PRESENCE_DETAIL_BODY std::optional<Timestamp> Snapshot::next_deadline() const noexcept {
  if (!root_) return std::nullopt;
  return detail::optional_timestamp(root_->table.earliest(
      [&](const detail::RowView& row) { return detail::next_change(row, root_->now, root_->rules); }));
}
PRESENCE_DETAIL_BODY std::uint64_t Snapshot::digest() const {
  detail::Digest digest;
  digest.add(root_ ? root_->now : detail::absent);
  std::uint64_t users = 0;  // a sum, so that the order of users does not matter
  if (root_) {
    for (const detail::RowView row : root_->table) {
      users += detail::read_normal_form_of(row, root_->now, root_->rules, [&row](const detail::RegistersView& user) {
        return detail::digest_of(row.name(), user);
      });
    }
  }
  digest.add(users);
  return digest.value();
}
PRESENCE_DETAIL_BODY std::optional<UserView> Snapshot::look(std::string_view id, Viewer viewer) const noexcept {
  if (!root_) return std::nullopt;
  const detail::UserTable::Found found = root_->table.locate(id);
  if (!found) return std::nullopt;
  return detail::view_of(found, is_self(viewer, id), *root_);
}
PRESENCE_DETAIL_BODY std::size_t Snapshot::view_together(
    const std::string_view* ids, std::size_t count, Viewer viewer,
    detail::FunctionRef<void(const UserView&)> on_user_view) const {
  static_assert(most_together == detail::UserTable::most_together, "what is looked up together has room");
  if (!root_) return 0;
  detail::UserTable::Found found[detail::UserTable::most_together];
  root_->table.locate_together(ids, count, found);
  std::size_t seen = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::optional<UserView> user =
        found[i] ? detail::view_of(found[i], is_self(viewer, ids[i]), *root_) : std::nullopt;
    if (!user) continue;
    ++seen;
    on_user_view(*user);
  }
  return seen;
}
PRESENCE_DETAIL_BODY void Snapshot::list_users(detail::FunctionRef<void(std::string_view)> on_user_id) const {
  if (!root_) return;
  for (detail::UserTable::Cursor at = root_->table.begin_views(); !at.is_at_end(); ++at) on_user_id((*at).name());
}
PRESENCE_DETAIL_BODY void Snapshot::list_sessions(
    std::string_view prefix, detail::FunctionRef<void(std::string_view, std::string_view)> on_session) const {
  if (!root_) return;
  for (const detail::RowView row : root_->table) {
    for (const detail::SessionRegisters& session : row.sessions()) {
      const std::string_view id = session.id.view();
      if (session.is_report() || id.substr(0, prefix.size()) != prefix) continue;
      if (detail::live(session, root_->now, root_->rules)) on_session(row.name(), id);
    }
  }
}
PRESENCE_DETAIL_BODY bool Snapshot::equals(const Snapshot& other) const {
  if (root_ == other.root_) return true;
  const std::size_t users = root_ ? root_->table.size() : 0, their_users = other.root_ ? other.root_->table.size() : 0;
  if (!detail::same_but_for_seed(rules(), other.rules()) || now() != other.now() || users != their_users) return false;
  if (users == 0) return true;
  bool equal = true;
  detail::UserTable::each_pair(root_->table, other.root_->table, detail::absent,
                               [&](detail::RowView a, detail::RowView b) {
                                 equal = equal && a != nullptr && b != nullptr &&
                                         detail::normal_form_of(*a, *root_) == detail::normal_form_of(*b, *other.root_);
                               });
  return equal;
}
PRESENCE_DETAIL_BODY UserView Snapshot::const_iterator::operator*() const noexcept {
  const detail::UserTable::Found found = detail::UserTable::found_at(at_);
  if (detail::is_plain(found.row(), root_->rules)) return detail::view_of_plain(found);
  return *detail::view_of_other(found.row(), false, *root_);
}
PRESENCE_DETAIL_BODY Snapshot::const_iterator& Snapshot::const_iterator::operator++() noexcept {
  ++at_;
  skip_unknown();
  return *this;
}
PRESENCE_DETAIL_BODY Snapshot::const_iterator::const_iterator(const detail::Root& root,
                                                              detail::UserTable::Cursor at) noexcept
    : root_(&root), at_(at) {
  skip_unknown();
}
PRESENCE_DETAIL_BODY void Snapshot::const_iterator::skip_unknown() noexcept {
  while (!at_.is_at_end() && !detail::is_known_to_others(*at_, *root_)) ++at_;
}
PRESENCE_DETAIL_BODY Snapshot::const_iterator Snapshot::begin() const& noexcept {
  return root_ ? const_iterator(*root_, root_->table.begin_views()) : const_iterator();
}
PRESENCE_DETAIL_BODY Snapshot::const_iterator Snapshot::end() const& noexcept {
  return root_ ? const_iterator(*root_, root_->table.end()) : const_iterator();
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_SNAPSHOT_BODIES_HPP
