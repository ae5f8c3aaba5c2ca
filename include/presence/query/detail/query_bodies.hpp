// SPDX-License-Identifier: MIT
#ifndef PRESENCE_QUERY_DETAIL_QUERY_BODIES_HPP
#define PRESENCE_QUERY_DETAIL_QUERY_BODIES_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/callback.hpp>
#include <presence/base/detail/shared_string.hpp>
#include <presence/base/time.hpp>
#include <presence/model/channel.hpp>
#include <presence/model/fields.hpp>
#include <presence/model/user.hpp>
#include <presence/model/value.hpp>
#include <presence/query/detail/candidates.hpp>
#include <presence/query/detail/sorting.hpp>
#include <presence/query/filter.hpp>
#include <presence/query/query.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/snapshot.hpp>

#include <cstddef>      // for size_t
#include <optional>     // for optional
#include <string_view>  // for string_view
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The rank of an absent value. It is so great that a comparison returns at least half of it, or its negative, if and
/// only if one of two values is absent.
inline constexpr int absent_rank = 64;

/// Returns the rank of a kind of value in the sort order: as in MongoDB, except that absent values come last. A string
/// that is a timestamp has the rank of timestamps. Among the other strings, the order would not be transitive.
constexpr int rank_of(ValueKind kind) noexcept {
  switch (kind) {
    case ValueKind::integer:
    case ValueKind::real: return 0;
    case ValueKind::string: return 1;
    case ValueKind::array: return 2;
    case ValueKind::boolean: return 3;
    case ValueKind::timestamp: return 4;
    case ValueKind::object:
    case ValueKind::invalid: return 5;
    case ValueKind::absent:
    case ValueKind::null: break;
  }
  return absent_rank;
}

constexpr int sign_of(Ordering order) noexcept {
  return order == Ordering::less ? -1 : order == Ordering::greater ? 1 : 0;
}

PRESENCE_DETAIL_BODY int compare_for_sort(const ValueView& a, const ValueView& b) noexcept {
  Moment first, second;
  const bool is_first = read_moment(a, first), is_second = read_moment(b, second);
  if (is_first && is_second) return sign_of(ordering_of(first, second));
  const int ranks =
      rank_of(is_first ? ValueKind::timestamp : a.kind()) - rank_of(is_second ? ValueKind::timestamp : b.kind());
  if (ranks != 0) return ranks;
  if (a.kind() == ValueKind::array) {
    for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
      const int order = compare_for_sort(a[i], b[i]);
      if (order != 0) return order < 0 ? -1 : 1;  // an absent element is no absent value
    }
    return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
  }
  if (a.kind() == ValueKind::string) return sign_of(compare_texts(a.text(), b.text()));
  if (a.kind() == ValueKind::object) return 0;
  const Ordering order = compare_scalars(a, b);
  if (order != Ordering::unordered) return sign_of(order);
  // NaN comes before all numbers.
  const auto is_number = [](const ValueView& v) { return v.kind() != ValueKind::real || v.real() <= v.real(); };
  return (is_number(a) ? 1 : 0) - (is_number(b) ? 1 : 0);
}

PRESENCE_DETAIL_BODY int compare_to_decide(const ValueView& a, const ValueView& b) noexcept {
  const int ranks = rank_of(a.kind()) - rank_of(b.kind());
  if (ranks != 0) return ranks;
  if (a.kind() == ValueKind::string) return sign_of(compare_texts(a.text(), b.text()));
  return compare_for_sort(a, b);
}

PRESENCE_DETAIL_BODY KeySorter::KeySorter(const std::vector<SortKey>& keys, const Comparisons& comparisons) {
  keys_.reserve(keys.size() + 1);
  for (const SortKey& key : keys) {
    const std::size_t field = index_of_name(comparisons.names, comparisons.size, key.field);
    const bool nulls_last = key.nulls_last || key.field == "last_active";
    keys_.push_back(Key{comparisons.all[field], key.field, key.order == Order::descending, nulls_last});
  }
  if (comparisons.id != nullptr) keys_.push_back(Key{comparisons.id, std::string_view(), false, false});
}
PRESENCE_DETAIL_BODY int KeySorter::compare(const void* a, const void* b) const {
  for (const Key& key : keys_) {
    const int order = key.compare(key.field, a, b);
    if (order == 0) continue;
    const bool is_one_absent = order >= absent_rank / 2 || order <= -absent_rank / 2;
    return key.is_descending && !(key.nulls_last && is_one_absent) ? -order : order;
  }
  return 0;
}

PRESENCE_DETAIL_BODY std::size_t query_users(const Snapshot& snapshot, const UserQuery& asked, Viewer viewer,
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

PRESENCE_DETAIL_BODY bool PlacedOrder::operator()(const PlacedObject& a, const PlacedObject& b) const {
  const int order = sorter_->compare(a.object, b.object);
  return order != 0 ? order < 0 : a.place < b.place;
}

PRESENCE_DETAIL_BODY ObjectPage::ObjectPage(const Query& asked, const KeySorter::Comparisons& comparisons)
    : sorter_(asked.sort, comparisons), page_(asked.offset, asked.limit, PlacedOrder(sorter_)) {}
PRESENCE_DETAIL_BODY ObjectPage::~ObjectPage() = default;
PRESENCE_DETAIL_BODY void ObjectPage::add(const PlacedObject& object) { page_.add(object); }
PRESENCE_DETAIL_BODY std::vector<PlacedObject> ObjectPage::take() { return page_.take(); }

}  // namespace detail

PRESENCE_DETAIL_BODY std::optional<Unanswerable> validate(const UserQuery& query) {
  if (std::optional<Unanswerable> wrong = presence::validate(query.filter, Fields<User>{})) return wrong;
  return presence::validate(query.sort, Fields<User>{});
}
PRESENCE_DETAIL_BODY std::optional<Unanswerable> validate(const ChannelQuery& query) {
  if (std::optional<Unanswerable> wrong = presence::validate(query.filter, Fields<Channel>{})) return wrong;
  return presence::validate(query.sort, Fields<Channel>{});
}

PRESENCE_DETAIL_BODY std::vector<User> query(const Snapshot& snapshot, const UserQuery& asked, Viewer viewer) {
  std::vector<User> users;
  presence::query(snapshot, asked, viewer, [&](const UserView& user) { users.push_back(static_cast<User>(user)); });
  return users;
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_QUERY_DETAIL_QUERY_BODIES_HPP
