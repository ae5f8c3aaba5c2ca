// SPDX-License-Identifier: MIT
#ifndef PRESENCE_QUERY_QUERY_HPP
#define PRESENCE_QUERY_QUERY_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/fwd.hpp>
#include <presence/model/channel.hpp>
#include <presence/model/fields.hpp>
#include <presence/model/user.hpp>
#include <presence/query/detail/sorting.hpp>
#include <presence/query/filter.hpp>
#include <presence/state/snapshot.hpp>

#include <cstddef>      // for size_t
#include <optional>     // for optional, nullopt
#include <string>       // for begin
#include <string_view>  // for string_view
#include <type_traits>  // for decay, enable_if, is_invocable, is_lvalue_reference
#include <utility>      // for declval
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

/// The page of a query, of the users that `may_see(id)` allows. If it is empty, of all.
std::size_t query_users(const Snapshot& snapshot, const UserQuery& asked, Viewer viewer,
                        FunctionRef<bool(std::string_view)> may_see, FunctionRef<void(const UserView&)> on_user_view);

/// An object of a range, and its place in the range.
struct PlacedObject {
  const void* object;
  std::size_t place;
};
/// Orders objects as a sorter does, and those that are equal by their places.
class PlacedOrder {
 public:
  explicit PlacedOrder(const KeySorter& sorter) noexcept : sorter_(&sorter) {}
  bool operator()(const PlacedObject& a, const PlacedObject& b) const;

 private:
  const KeySorter* sorter_;
};

/// The page of a query, of objects of any one type.
class ObjectPage {
 public:
  /// Borrows the sort keys of the query.
  ObjectPage(const Query& asked, const KeySorter::Comparisons& comparisons);
  ObjectPage(const ObjectPage&) = delete;
  ObjectPage& operator=(const ObjectPage&) = delete;
  ~ObjectPage();

  /// Adds an object that matches.
  void add(const PlacedObject& object);
  /// Returns the objects of the page, in order. Call it once, after all objects were added.
  std::vector<PlacedObject> take();

 private:
  KeySorter sorter_;
  TopK<PlacedObject, PlacedOrder> page_;
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
std::optional<Unanswerable> validate(const UserQuery& query);
std::optional<Unanswerable> validate(const ChannelQuery& query);
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
std::vector<User> query(const Snapshot& snapshot, const UserQuery& asked, Viewer viewer = nobody);

/// Returns pointers to the objects of a page from any range of objects with Fields. Objects that are equal by all keys
/// and by a field named "id" keep the order of the range. O(objects); objects outside the page are not sorted.
template <class Range>
auto query(const Range& range, const Query& asked) -> std::vector<const std::decay_t<detail::ElementOf<Range>>*> {
  static_assert(std::is_lvalue_reference<detail::ElementOf<Range>>::value,
                "a page has the addresses of objects, so they must lie somewhere");
  using T = std::decay_t<detail::ElementOf<Range>>;
  const Matcher<T> holds = compile<T>(asked.filter);
  detail::ObjectPage page(asked, detail::FieldComparisons<T>::all());
  std::size_t place = 0;
  for (const T& object : range) {
    if (holds(object)) page.add(detail::PlacedObject{&object, place});
    ++place;
  }
  const std::vector<detail::PlacedObject> taken = page.take();
  std::vector<const T*> found(taken.size());
  for (std::size_t i = 0; i < taken.size(); ++i) found[i] = static_cast<const T*>(taken[i].object);
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

#if !PRESENCE_SEPARATE
#include <presence/query/detail/query_bodies.hpp>
#endif

#endif  // PRESENCE_QUERY_QUERY_HPP
