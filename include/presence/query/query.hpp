// SPDX-License-Identifier: MIT
#ifndef PRESENCE_QUERY_QUERY_HPP
#define PRESENCE_QUERY_QUERY_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/model/channel.hpp>
#include <presence/query/detail/sorting.hpp>
#include <presence/query/filter.hpp>
#include <presence/state/snapshot.hpp>

#include <cstddef>      // for size_t
#include <optional>     // for optional, nullopt
#include <string>       // for begin
#include <string_view>  // for string_view
#include <type_traits>  // for decay, enable_if, is_invocable, is_lvalue_reference
#include <utility>      // for move
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {

/// A query for a page of the objects that match a filter. The objects are sorted by the keys in turn, then by id, so
/// pages never overlap. A field that an object lacks comes last in ascending order and first in descending order,
/// unless SortKey::nulls_last says otherwise. False comes before true. A key that names no field of the objects is
/// ignored. An invalid filter matches no object.
struct Query {
  Filter filter;                                     ///< `Filter{}` matches all
  std::vector<SortKey> sort;                         ///< the first key has the highest priority
  std::size_t offset = 0;                            ///< how many matches to skip
  std::size_t limit = static_cast<std::size_t>(-1);  ///< the maximum size of the page
};

/// A query for users. Their fields are `id`, `online`, `status`, `last_active`, `availability`, `activity.NAME`, and
/// the names of their data; see Fields<User>.
///
/// @code
/// #include <presence/state/reduce.hpp>
///
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// Snapshot s = reduce(Snapshot(), PresenceEvent::connect("mary", "tv", now));
/// s = reduce(std::move(s), PresenceEvent::connect("jack", "phone", now + Duration::from_s(1)));
/// s = reduce(std::move(s), PresenceEvent::disconnect("jack", "phone", now + Duration::from_s(2)));
/// UserQuery friends;
/// friends.filter = in("id", {"mary", "jack", "ann"});  // ann is unknown
/// friends.sort = {{"online", Order::descending}, {"last_active", Order::descending}};
/// const std::vector<User> page = query(s, friends, Viewer("john"));
/// assert(page.size() == 2 && page[0].id == "mary" && page[1].id == "jack");
/// @endcode
struct UserQuery {
  /// @{
  /// As in Query.
  Filter filter;
  std::vector<SortKey> sort;
  std::size_t offset = 0;
  std::size_t limit = static_cast<std::size_t>(-1);
  /// @}
  bool presence = false;  ///< for a Store: the viewer is notified about these users from now on
};

/// A query for channels. Their fields are `type`, `id`, `cid`, `members` and custom ones.
struct ChannelQuery {
  /// @{
  /// As in Query.
  Filter filter;
  std::vector<SortKey> sort;
  std::size_t offset = 0;
  std::size_t limit = static_cast<std::size_t>(-1);
  /// @}
  bool presence = false;  ///< for a Store: the viewer is notified about their members from now on
};

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
    for (auto at = root->table.begin_views(); !at.is_at_end(); ++at) look(at.found());
  }
  // Viewers see themselves even when they are invisible.
  if (is_one_user) {
    if (const std::optional<UserView> user = snapshot.view(viewer.id(), viewer)) consider(*user);
  }
  return looked_at;
}

/// The page of a query, of the users that `may_see(id)` allows. If it is empty, of all.
inline std::size_t query_users(const Snapshot& snapshot, const UserQuery& asked, Viewer viewer,
                               FunctionRef<bool(std::string_view)> may_see,
                               FunctionRef<void(const UserView&)> on_user_view) {
  const Matcher<UserView> holds = compile<UserView>(asked.filter);
  const KeySorter sorter(asked.sort, FieldComparisons<UserView>::all());
  const auto is_before = [&](const UserView& a, const UserView& b) { return sorter.compare(&a, &b) < 0; };
  TopK<UserView, decltype(is_before)> page(asked.offset, asked.limit, is_before);
  const bool is_latest_first =
      !asked.sort.empty() && asked.sort[0].field == "last_active" && asked.sort[0].order == Order::descending;
  Timestamp least_active = absent;
  each_candidate(snapshot, asked.filter, viewer, least_active, [&](const UserView& user) {
    if (!holds(user) || (may_see && !may_see(user.id))) return;
    page.add(user);
    const UserView* const bound = is_latest_first ? page.bound() : nullptr;
    if (bound != nullptr && bound->last_active) least_active = *bound->last_active;
  });
  const std::vector<UserView> users = page.take();
  for (const UserView& user : users) on_user_view(user);
  return users.size();
}

/// An object of a range, and its place in the range.
struct PlacedObject {
  const void* object;
  std::size_t place;
};
/// Orders objects as a sorter does, and those that are equal by their places.
class PlacedOrder {
 public:
  explicit PlacedOrder(const KeySorter& sorter) noexcept : sorter_(&sorter) {}
  bool operator()(const PlacedObject& a, const PlacedObject& b) const {
    const int order = sorter_->compare(a.object, b.object);
    return order != 0 ? order < 0 : a.place < b.place;
  }

 private:
  const KeySorter* sorter_;
};

template <class Range>
using ElementOf = decltype(*std::begin(std::declval<const Range&>()));

}  // namespace detail

/// Returns the first sort key that names no field, or nullopt if there is none, or if fields have names that are known
/// only at run time, as those of users and channels. Queries accept such a key and ignore it. For hosts that want to
/// reject it: `validate(query.sort, Fields<Player>{})`. The `op` of the result is `invalid`.
template <class T>
std::optional<Unanswerable> validate(const std::vector<SortKey>& sort, Fields<T>) {
  if (detail::has_other<T>) return std::nullopt;
  for (const SortKey& key : sort) {
    if (detail::index_of_field(Fields<T>::list, key.field) == std::decay_t<decltype(Fields<T>::list)>::size)
      return Unanswerable{key.field, Operator::invalid, "there is no such field to sort by"};
  }
  return std::nullopt;
}
/// @{
/// Returns the first test of the filter, or else the first sort key, that no object can answer, or nullopt if there is
/// none.
///
/// @code
/// UserQuery query;
/// query.filter = eq("online", "yes");
/// assert(validate(query)->field == "online");
/// query.filter = eq("mood", "sunny");
/// assert(!validate(query));  // some users may have such data
/// @endcode
template <class T>
std::optional<Unanswerable> validate(const Query& query, Fields<T> fields) {
  if (std::optional<Unanswerable> wrong = presence::validate(query.filter, fields)) return wrong;
  return presence::validate(query.sort, fields);
}
inline std::optional<Unanswerable> validate(const UserQuery& query) {
  if (std::optional<Unanswerable> wrong = presence::validate(query.filter, Fields<User>{})) return wrong;
  return presence::validate(query.sort, Fields<User>{});
}
inline std::optional<Unanswerable> validate(const ChannelQuery& query) {
  if (std::optional<Unanswerable> wrong = presence::validate(query.filter, Fields<Channel>{})) return wrong;
  return presence::validate(query.sort, Fields<Channel>{});
}
/// @}

/// Calls `on_user_view(const UserView&)` for each user of the page, in the order of the page. Returns their number. The
/// filter and the sort keys see the users as the viewer sees them, so they reveal nothing about other invisible users.
/// Copies no user. Each view is valid until the snapshot is modified or destroyed.
///
/// O(ids) if the filter names ids, which are looked up. A filter that asks for `online` skips pages of the snapshot
/// that have no online users. Any other filter: O(users).
template <class Fn>
std::size_t query(const Snapshot& snapshot, const UserQuery& asked, Viewer viewer, Fn&& on_user_view) {
  static_assert(std::is_invocable<Fn&, const UserView&>::value,
                "a callback for users must accept (const presence::UserView&)");
  return detail::query_users(snapshot, asked, viewer, {}, on_user_view);
}

/// The same, but returns copies of the users.
inline std::vector<User> query(const Snapshot& snapshot, const UserQuery& asked, Viewer viewer = nobody) {
  std::vector<User> users;
  presence::query(snapshot, asked, viewer, [&](const UserView& user) { users.push_back(static_cast<User>(user)); });
  return users;
}

/// Returns pointers to the objects of a page from any range of objects with Fields. Objects that are equal by all keys
/// and by a field named "id" keep the order of the range. O(objects); objects outside the page are not sorted.
template <class Range>
auto query(const Range& range, const Query& asked) -> std::vector<const std::decay_t<detail::ElementOf<Range>>*> {
  static_assert(std::is_lvalue_reference<detail::ElementOf<Range>>::value,
                "a page has the addresses of objects, so they must lie somewhere");
  using T = std::decay_t<detail::ElementOf<Range>>;
  const Matcher<T> holds = compile<T>(asked.filter);
  const detail::KeySorter sorter(asked.sort, detail::FieldComparisons<T>::all());
  detail::TopK<detail::PlacedObject, detail::PlacedOrder> page(asked.offset, asked.limit, detail::PlacedOrder(sorter));
  std::size_t place = 0;
  for (const T& object : range) {
    if (holds(object)) page.add(detail::PlacedObject{&object, place});
    ++place;
  }
  std::vector<const T*> found;
  for (const detail::PlacedObject& one : page.take()) found.push_back(static_cast<const T*>(one.object));
  return found;
}
/// The same for channels. Ignores `presence`, which is for a Store.
template <class Range>
auto query(const Range& range, const ChannelQuery& asked) {
  return presence::query(range, Query{asked.filter, asked.sort, asked.offset, asked.limit});
}
/// A temporary range is rejected: the pointers would dangle.
template <class Range, std::enable_if_t<!std::is_lvalue_reference<Range>::value, int> = 0>
void query(Range&& range, const Query& asked) = delete;
template <class Range, std::enable_if_t<!std::is_lvalue_reference<Range>::value, int> = 0>
void query(Range&& range, const ChannelQuery& asked) = delete;

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_QUERY_QUERY_HPP
