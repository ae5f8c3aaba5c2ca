// SPDX-License-Identifier: MIT
#ifndef PRESENCE_QUERY_DETAIL_SORTING_HPP
#define PRESENCE_QUERY_DETAIL_SORTING_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/model/fields.hpp>
#include <presence/model/value.hpp>

#include <cstddef>      // for size_t, ptrdiff_t
#include <string_view>  // for string_view
#include <utility>      // for index_sequence, make_index_sequence, move
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

/// A total order of all values, in which all objects and invalid values are equal. Arrays compare lexicographically.
inline int compare_for_sort(const ValueView& a, const ValueView& b) noexcept {
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

/// The same, but strings always compare by their bytes, even if they are timestamps. Only identical strings are equal,
/// so this order breaks all remaining ties.
inline int compare_to_decide(const ValueView& a, const ValueView& b) noexcept {
  const int ranks = rank_of(a.kind()) - rank_of(b.kind());
  if (ranks != 0) return ranks;
  if (a.kind() == ValueKind::string) return sign_of(compare_texts(a.text(), b.text()));
  return compare_for_sort(a, b);
}

/// Compares objects of any one type by sort keys, then by a field named "id" if there is one.
class KeySorter {
 public:
  using Compare = int (*)(std::string_view name, const void* a, const void* b);
  /// How the fields of a type are compared.
  struct Comparisons {
    const std::string_view* names;  ///< of the listed fields
    std::size_t size;               ///< the number of names
    const Compare* all;             ///< of each listed field, then of any other name
    Compare id;                     ///< of the field "id", for objects that are equal by all keys; null: there is none
  };

  /// Borrows the keys.
  KeySorter(const std::vector<SortKey>& keys, const Comparisons& comparisons) {
    keys_.reserve(keys.size() + 1);
    for (const SortKey& key : keys) {
      const std::size_t field = index_of_name(comparisons.names, comparisons.size, key.field);
      const bool nulls_last = key.nulls_last || key.field == "last_active";
      keys_.push_back(Key{comparisons.all[field], key.field, key.order == Order::descending, nulls_last});
    }
    if (comparisons.id != nullptr) keys_.push_back(Key{comparisons.id, std::string_view(), false, false});
  }

  int compare(const void* a, const void* b) const {
    for (const Key& key : keys_) {
      const int order = key.compare(key.field, a, b);
      if (order == 0) continue;
      const bool is_one_absent = order >= absent_rank / 2 || order <= -absent_rank / 2;
      return key.is_descending && !(key.nulls_last && is_one_absent) ? -order : order;
    }
    return 0;
  }

 private:
  struct Key {
    Compare compare;
    std::string_view field;
    bool is_descending, nulls_last;
  };

  std::vector<Key> keys_;
};

/// The comparisons of the fields of one type.
template <class T, class Indices = std::make_index_sequence<FieldNames<T>::size>>
class FieldComparisons;
template <class T, std::size_t... i>
class FieldComparisons<T, std::index_sequence<i...>> {
  template <std::size_t field, int compare_values(const ValueView&, const ValueView&) noexcept>
  static int compare_field(std::string_view, const void* a, const void* b) {
    // The lambdas do not capture the field: its type may have no linkage, and g++ would then warn about a host's
    // header.
    return with_raw(field_at<field>(Fields<T>::list), *static_cast<const T*>(a), [b](const auto& x) {
      return with_raw(field_at<field>(Fields<T>::list), *static_cast<const T*>(b),
                      [&x](const auto& y) { return compare_values(ValueView(x), ValueView(y)); });
    });
  }
  static int compare_other(std::string_view name, const void* a, const void* b) {
    if constexpr (has_other<T>) {
      return compare_for_sort(Fields<T>::other(*static_cast<const T*>(a), name),
                              Fields<T>::other(*static_cast<const T*>(b), name));
    } else {
      static_cast<void>(name), static_cast<void>(a), static_cast<void>(b);
      return 0;  // both are absent
    }
  }
  static constexpr KeySorter::Compare id() noexcept {
    constexpr std::size_t at = index_of_field(Fields<T>::list, "id");
    if constexpr (at == sizeof...(i)) {
      return nullptr;
    } else {
      return &FieldComparisons::compare_field<at, compare_to_decide>;
    }
  }
  static constexpr KeySorter::Compare compares[] = {&FieldComparisons::compare_field<i, compare_for_sort>...,
                                                    &FieldComparisons::compare_other};

 public:
  static KeySorter::Comparisons all() noexcept { return {FieldNames<T>::all, sizeof...(i), compares, id()}; }
};

/// Selects at most `limit` items of a sorted sequence, from `offset` on, without sorting the items after them.
/// `is_before` is a strict order in which no two items are equal.
template <class Item, class IsBefore>
class TopK {
 public:
  TopK(std::size_t offset, std::size_t limit, IsBefore is_before) noexcept
      : offset_(offset),
        kept_(limit == 0                                      ? 0
              : offset > static_cast<std::size_t>(-1) - limit ? static_cast<std::size_t>(-1)
                                                              : offset + limit),
        is_before_(std::move(is_before)) {}

  void add(const Item& item) {
    if (kept_ == 0 || (is_cut_ && !is_before_(item, items_[kept_ - 1]))) return;
    items_.push_back(item);
    if (items_.size() / 2 >= kept_ && items_.size() >= 64) cut();
  }

  /// Returns an item that every item selected from now on comes before; null if there is none yet.
  const Item* bound() const noexcept { return is_cut_ && kept_ != 0 ? &items_[kept_ - 1] : nullptr; }

  /// Returns the selected items in order. Call it once, after all items were added.
  std::vector<Item> take() {
    cut();
    items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(smaller_of(offset_, items_.size())));
    return std::move(items_);
  }

 private:
  void cut() {
    detail::sort(items_, is_before_);
    if (items_.size() <= kept_) return;
    items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(kept_), items_.end());
    is_cut_ = true;
  }

  std::size_t offset_, kept_;
  IsBefore is_before_;
  bool is_cut_ = false;
  std::vector<Item> items_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_QUERY_DETAIL_SORTING_HPP
