// SPDX-License-Identifier: MIT
#ifndef PRESENCE_QUERY_DETAIL_CANDIDATES_HPP
#define PRESENCE_QUERY_DETAIL_CANDIDATES_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/callback.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/base/time.hpp>
#include <presence/model/user.hpp>
#include <presence/model/value.hpp>
#include <presence/query/filter.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/snapshot.hpp>

#include <cstddef>      // for size_t
#include <optional>     // for optional
#include <string_view>  // for string_view
#include <vector>       // for vector

/// Which users a filter may match, found without a look at all of them.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Adds the ids that a matching user can have. Returns false, with any ids added, if the filter does not limit the ids.
inline bool add_ids_asked_for(const Filter& filter, std::vector<std::string_view>& ids) {
  // A timestamp (or a string that is one) equals every id that is the same timestamp in another notation, so these ids
  // cannot be listed.
  const auto add = [&ids](const ValueView& value) {
    Moment moment;
    if (read_moment(value, moment)) return false;
    if (value.kind() == ValueKind::string) ids.push_back(value.text());
    return true;
  };
  switch (filter.op()) {
    case Operator::invalid: return true;
    case Operator::eq:
    case Operator::in: {
      if (filter.field() != "id") return false;
      const ValueView operand = filter.operand().view();
      if (operand.kind() != ValueKind::array) return add(operand);
      if (filter.op() == Operator::eq) return true;  // an id is a string, so it never equals an array
      for (std::size_t i = 0; i < operand.size(); ++i) {
        if (!add(operand[i])) return false;
      }
      return true;
    }
    case Operator::all_of: {
      bool is_limited = false;
      std::vector<std::string_view> fewest, others;
      for (const Filter& part : filter.parts()) {
        others.clear();
        if (!add_ids_asked_for(part, others) || (is_limited && others.size() >= fewest.size())) continue;
        fewest.swap(others);
        is_limited = true;
      }
      for (const std::string_view id : fewest) ids.push_back(id);
      return is_limited;
    }
    case Operator::any_of:
      for (const Filter& part : filter.parts()) {
        if (!add_ids_asked_for(part, ids)) return false;
      }
      return true;
    default: return false;
  }
}

/// Returns whether the filter can match only users who are online.
inline bool asks_for_online(const Filter& filter) noexcept {
  const auto is = [](const ValueView& value, bool truth) {
    return value.kind() == ValueKind::boolean && value.truth() == truth;
  };
  switch (filter.op()) {
    case Operator::eq: return filter.field() == "online" && is(filter.operand().view(), true);
    case Operator::ne: return filter.field() == "online" && is(filter.operand().view(), false);
    case Operator::in: {
      if (filter.field() != "online") return false;
      for (const Value& value : filter.operand().elements()) {
        if (is(value.view(), false)) return false;
      }
      return true;
    }
    case Operator::all_of:
      for (const Filter& part : filter.parts()) {
        if (asks_for_online(part)) return true;
      }
      return false;
    case Operator::any_of:
      for (const Filter& part : filter.parts()) {
        if (!asks_for_online(part)) return false;
      }
      return true;
    default: return false;
  }
}

/// Calls `consider` once with the view of every user that the filter may match, in no order. If the filter names ids,
/// looks up only these users. If it asks for users who are online, looks only at those. Users whose last_active is
/// known to be earlier than `least_active` are passed over; the callback may raise it. Returns the number of users
/// examined.
inline std::size_t each_candidate(const Snapshot& snapshot, const Filter& filter, Viewer viewer,
                                  const Timestamp& least_active, FunctionRef<void(const UserView&)> consider) {
  std::size_t looked_at = 0;
  std::vector<std::string_view> ids;
  if (add_ids_asked_for(filter, ids)) {
    detail::sort(ids, [](std::string_view a, std::string_view b) { return a < b; });
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (i == 0 || ids[i] != ids[i - 1]) ids[looked_at++] = ids[i];
    }
    ids.resize(looked_at);
    snapshot.views(ids, viewer, consider);
    return looked_at;
  }

  const Root* const root = SnapshotReader::read(snapshot);
  if (root == nullptr) return looked_at;
  const LookupKey self(viewer.id());
  const bool is_one_user = !viewer.id().empty();
  const auto look = [&](const UserTable::Found& found) {
    ++looked_at;
    const RowView row = found.row();
    // Users who were never active come last: `absent` is the least timestamp.
    if (least_active != absent && is_plain(row, root->rules) && row.latest_active() < least_active) return;
    const std::optional<UserView> user = view_of(found, false, *root);
    if (user && !(is_one_user && self.is(row.id()))) consider(*user);
  };
  if (asks_for_online(filter)) {
    root->table.each_online(look);
  } else {
    for (auto at = root->table.begin_views(); !at.is_at_end(); ++at) look(UserTable::found_at(at));
  }
  // Viewers see themselves even when they are invisible.
  if (is_one_user) {
    if (const std::optional<UserView> user = snapshot.view(viewer.id(), viewer)) consider(*user);
  }
  return looked_at;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_QUERY_DETAIL_CANDIDATES_HPP
