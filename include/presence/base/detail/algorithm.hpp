// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_ALGORITHM_HPP
#define PRESENCE_BASE_DETAIL_ALGORITHM_HPP

#include <presence/config.hpp>

#include <cstddef>      // for size_t, ptrdiff_t
#include <cstdint>      // for uint64_t
#include <cstring>      // for memcpy, memmove
#include <type_traits>  // for is_trivially_copyable
#include <utility>      // for move, swap

/// The few algorithms that the library needs. <algorithm> would increase the compile time of the library by half.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Converts a number that is known to fit. A template, because the cast is needed only on some platforms.
template <class To>
constexpr To narrowed(std::uint64_t number) noexcept {
  return static_cast<To>(number);
}

template <class T>
constexpr const T& greater_of(const T& a, const T& b) noexcept {
  return a < b ? b : a;
}
template <class T>
constexpr const T& smaller_of(const T& a, const T& b) noexcept {
  return b < a ? b : a;
}

/// Returns the first element for which `is_before` is false. All elements for which it is true must come first.
template <class It, class IsBefore>
It partition_point(It first, It last, IsBefore is_before) noexcept {
  auto count = last - first;
  while (count > 0) {
    const auto half = count / 2;
    if (is_before(*(first + half))) {
      first += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return first;
}

/// Return the first element that is not less than `value`, or that is greater, in an ascending range.
template <class It, class T>
It not_less(It first, It last, const T& value) noexcept {
  return detail::partition_point(first, last, [&](const auto& element) { return element < value; });
}
template <class It, class T>
It greater(It first, It last, const T& value) noexcept {
  return detail::partition_point(first, last, [&](const auto& element) { return !(value < element); });
}

/// Erases those of the first `count` elements of a vector for which `is_dropped` is true. The others keep their order.
template <class Vector, class IsDropped>
void erase_if_among(Vector& vector, std::size_t count, IsDropped is_dropped) noexcept {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (is_dropped(vector[i])) continue;
    if (kept != i) vector[kept] = std::move(vector[i]);
    ++kept;
  }
  vector.erase(vector.begin() + static_cast<std::ptrdiff_t>(kept), vector.begin() + static_cast<std::ptrdiff_t>(count));
}
template <class Vector, class IsDropped>
void erase_if(Vector& vector, IsDropped is_dropped) noexcept {
  detail::erase_if_among(vector, vector.size(), is_dropped);
}

/// Sorts elements of any type, which it knows only by their size and by two functions. So it is compiled once, not once
/// per type. Not stable. Never allocates.
class ElementSorter {
 public:
  /// The elements begin at `first`, `size` bytes apart. `exchange` exchanges two of them; null if their bytes
  /// can be copied.
  ElementSorter(void* first, std::size_t size, void (*exchange)(void*, void*) noexcept, const void* order,
                bool (*is_less)(const void* order, const void* a, const void* b)) noexcept
      : first_(static_cast<unsigned char*>(first)), size_(size), swap_(exchange), order_(order), is_less_(is_less) {}

  /// Heapsort of `count` elements from `first`.
  PRESENCE_DETAIL_RARE void heap_sort(std::size_t first, std::size_t count) const {
    for (std::size_t i = count / 2; i > 0; --i) sift(first, i - 1, count);
    for (std::size_t size = count; size > 1; --size) {
      swap(first, first + size - 1);
      sift(first, 0, size - 1);
    }
  }

  PRESENCE_DETAIL_APART void insertion_sort(std::size_t first, std::size_t count) const {
    for (std::size_t i = first + 1; i < first + count; ++i) {
      std::size_t to = i;
      while (to > first && less(i, to - 1)) --to;
      if (to != i) move_back(i, to);
    }
  }

  /// Introsort (Musser 1997): quicksort that changes to heapsort if the recursion is too deep. Sorts in place without
  /// allocation, so it cannot fail midway. O(n log n) in the worst case.
  PRESENCE_DETAIL_APART void intro_sort(std::size_t first, std::size_t count, int depth) const {
    for (; count > 16; --depth) {
      if (depth == 0) return heap_sort(first, count);
      // Moves the median of three to the front, as the pivot.
      const std::size_t middle = first + count / 2, last = first + count - 1;
      if (less(last, middle)) swap(last, middle);
      if (less(first, middle)) swap(first, middle);
      if (less(last, first)) swap(last, first);
      std::size_t low = first, high = first + count;
      for (;;) {
        while (less(++low, first)) {
        }
        while (less(first, --high)) {
        }
        if (low >= high) break;
        swap(low, high);
      }
      swap(first, high);
      intro_sort(high + 1, first + count - high - 1, depth - 1);
      count = high - first;
    }
    insertion_sort(first, count);
  }

 private:
  unsigned char* at(std::size_t i) const noexcept { return first_ + i * size_; }
  bool less(std::size_t a, std::size_t b) const { return is_less_(order_, at(a), at(b)); }
  void swap(std::size_t a, std::size_t b) const noexcept {
    if (a == b) return;
    if (swap_ != nullptr) return swap_(at(a), at(b));
    unsigned char *x = at(a), *y = at(b), part[part_size];
    for (std::size_t left = size_, some; left != 0; left -= some, x += some, y += some) {
      some = left < part_size ? left : part_size;
      std::memcpy(part, x, some);
      std::memcpy(x, y, some);
      std::memcpy(y, part, some);
    }
  }
  /// Moves an element back to the place of an earlier one, and those from there on one place forward.
  void move_back(std::size_t from, std::size_t to) const noexcept {
    if (swap_ != nullptr || size_ > part_size) {
      for (; from > to; --from) swap(from, from - 1);
      return;
    }
    unsigned char part[part_size];
    std::memcpy(part, at(from), size_);
    std::memmove(at(to + 1), at(to), (from - to) * size_);
    std::memcpy(at(to), part, size_);
  }
  void sift(std::size_t first, std::size_t sinking, std::size_t size) const {
    for (std::size_t child = 2 * sinking + 1; child < size; child = 2 * sinking + 1) {
      if (child + 1 < size && less(first + child, first + child + 1)) ++child;
      if (!less(first + sinking, first + child)) break;
      swap(first + sinking, first + child);
      sinking = child;
    }
  }

  static constexpr std::size_t part_size = 64;

  unsigned char* first_;
  std::size_t size_;
  void (*swap_)(void*, void*) noexcept;
  const void* order_;
  bool (*is_less_)(const void*, const void*, const void*);
};

/// How an ElementSorter exchanges and compares elements of type T.
template <class T>
void swap_elements(void* a, void* b) noexcept {
  std::swap(*static_cast<T*>(a), *static_cast<T*>(b));
}
template <class T, class Less>
bool is_less_element(const void* less, const void* a, const void* b) {
  return (*static_cast<const Less*>(less))(*static_cast<const T*>(a), *static_cast<const T*>(b));
}
template <class T, class Less>
ElementSorter sorter_of(T* first, const Less& less) noexcept {
  if constexpr (std::is_trivially_copyable<T>::value) {
    return ElementSorter(first, sizeof(T), nullptr, &less, &detail::is_less_element<T, Less>);
  } else {
    return ElementSorter(first, sizeof(T), &detail::swap_elements<T>, &less, &detail::is_less_element<T, Less>);
  }
}

/// @{
/// Sort `count` elements from `first`, see ElementSorter.
template <class It, class Less>
void heap_sort(It first, std::ptrdiff_t count, const Less& less) {
  if (count > 1) detail::sorter_of(&*first, less).heap_sort(0, static_cast<std::size_t>(count));
}
template <class It, class Less>
void insertion_sort(It first, std::ptrdiff_t count, const Less& less) {
  if (count > 1) detail::sorter_of(&*first, less).insertion_sort(0, static_cast<std::size_t>(count));
}
template <class It, class Less>
void intro_sort(It first, std::ptrdiff_t count, const Less& less, int depth) {
  if (count > 1) detail::sorter_of(&*first, less).intro_sort(0, static_cast<std::size_t>(count), depth);
}
/// @}
/// @{
/// Sorts `count` elements from `first`, or a vector. O(n log n). Not stable.
template <class T, class Less>
void sort(T* first, std::size_t count, const Less& less) {
  int depth = 0;
  for (std::size_t size = count; size > 0; size /= 2) depth += 2;
  detail::intro_sort(first, static_cast<std::ptrdiff_t>(count), less, depth);
}
template <class Vector, class Less>
void sort(Vector& vector, const Less& less) {
  if (vector.size() != 0) detail::sort(&*vector.begin(), vector.size(), less);
}
/// @}

/// Makes room for one more element, so that adding it cannot fail. Amortised O(1).
template <class Vector>
void reserve_one(Vector& vector) {
  if (vector.size() == vector.capacity()) vector.reserve(vector.empty() ? 4 : 2 * vector.size());
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_DETAIL_ALGORITHM_HPP
