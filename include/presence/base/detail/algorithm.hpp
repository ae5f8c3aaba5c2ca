// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_ALGORITHM_HPP
#define PRESENCE_BASE_DETAIL_ALGORITHM_HPP

#include <presence/config.hpp>

#include <cstddef>  // for size_t, ptrdiff_t
#include <cstdint>  // for uint64_t
#include <utility>  // for move, swap

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

/// Heapsort of `count` elements from `first`.
template <class It, class Less>
void heap_sort(It first, std::ptrdiff_t count, const Less& less) {
  const auto sift = [&](std::ptrdiff_t at, std::ptrdiff_t size) {
    auto sinking = std::move(first[at]);
    for (std::ptrdiff_t child = 2 * at + 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && less(first[child], first[child + 1])) ++child;
      if (!less(sinking, first[child])) break;
      first[at] = std::move(first[child]);
      at = child;
    }
    first[at] = std::move(sinking);
  };
  for (std::ptrdiff_t i = count / 2; i > 0; --i) sift(i - 1, count);
  for (std::ptrdiff_t size = count; size > 1; --size) {
    std::swap(first[0], first[size - 1]);
    sift(0, size - 1);
  }
}

template <class It, class Less>
void insertion_sort(It first, std::ptrdiff_t count, const Less& less) {
  for (std::ptrdiff_t i = 1; i < count; ++i) {
    auto sinking = std::move(first[i]);
    std::ptrdiff_t at = i;
    for (; at > 0 && less(sinking, first[at - 1]); --at) first[at] = std::move(first[at - 1]);
    first[at] = std::move(sinking);
  }
}

/// Introsort (Musser 1997): quicksort that changes to heapsort if the recursion is too deep. Sorts in place without
/// allocation, so it cannot fail midway. O(n log n) in the worst case. Not stable.
template <class It, class Less>
void intro_sort(It first, std::ptrdiff_t count, const Less& less, int depth) {
  for (; count > 16; --depth) {
    if (depth == 0) return detail::heap_sort(first, count, less);
    // Moves the median of three to the front, as the pivot.
    const std::ptrdiff_t middle = count / 2, last = count - 1;
    if (less(first[last], first[middle])) std::swap(first[last], first[middle]);
    if (less(first[0], first[middle])) std::swap(first[0], first[middle]);
    if (less(first[last], first[0])) std::swap(first[last], first[0]);
    std::ptrdiff_t low = 0, high = count;
    for (;;) {
      while (less(first[++low], first[0])) {
      }
      while (less(first[0], first[--high])) {
      }
      if (low >= high) break;
      std::swap(first[low], first[high]);
    }
    std::swap(first[0], first[high]);
    detail::intro_sort(first + high + 1, count - high - 1, less, depth - 1);
    count = high;
  }
  detail::insertion_sort(first, count, less);
}
template <class Vector, class Less>
void sort(Vector& vector, const Less& less) {
  int depth = 0;
  for (std::size_t size = vector.size(); size > 0; size /= 2) depth += 2;
  detail::intro_sort(vector.begin(), static_cast<std::ptrdiff_t>(vector.size()), less, depth);
}

/// Makes room for one more element, so that adding it cannot fail. Amortised O(1).
template <class Vector>
void reserve_one(Vector& vector) {
  if (vector.size() == vector.capacity()) vector.reserve(vector.empty() ? 4 : 2 * vector.size());
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_DETAIL_ALGORITHM_HPP
