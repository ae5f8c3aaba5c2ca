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

/// A total order of all values, in which all objects and invalid values are equal. Arrays compare lexicographically.
int compare_for_sort(const ValueView& a, const ValueView& b) noexcept;
/// The same, but strings always compare by their bytes, even if they are timestamps. Only identical strings are equal,
/// so this order breaks all remaining ties.
int compare_to_decide(const ValueView& a, const ValueView& b) noexcept;

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
  KeySorter(const std::vector<SortKey>& keys, const Comparisons& comparisons);

  int compare(const void* a, const void* b) const;

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
