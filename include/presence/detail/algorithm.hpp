// SPDX-License-Identifier: MIT
#ifndef PRESENCE_DETAIL_ALGORITHM_HPP
#define PRESENCE_DETAIL_ALGORITHM_HPP

#include <presence/config.hpp>

#include <cstddef>  // for size_t, ptrdiff_t
#include <utility>  // for move

/// The few algorithms that the library needs. <algorithm> would add half as much again to the cost of including it.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

template <class T>
constexpr const T& greater_of(const T& a, const T& b) noexcept {
  return a < b ? b : a;
}
template <class T>
constexpr const T& smaller_of(const T& a, const T& b) noexcept {
  return b < a ? b : a;
}

/// The first element for which `is_before` no longer holds, of a range in which all for which it holds come first.
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

/// The first element that is not less than `value`, and the first that is greater, in an ascending range.
template <class It, class T>
It not_less(It first, It last, const T& value) noexcept {
  return detail::partition_point(first, last, [&](const auto& element) { return element < value; });
}
template <class It, class T>
It greater(It first, It last, const T& value) noexcept {
  return detail::partition_point(first, last, [&](const auto& element) { return !(value < element); });
}

/// Erases what `is_dropped` holds for from the first `count` elements of a vector; the rest keeps its order.
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

/// Heapsort: in place and without allocating, so that it cannot fail half-way. O(n log n); equal elements may change
/// places.
template <class Vector, class Less>
void sort(Vector& vector, Less less) noexcept {
  const auto sift = [&](std::size_t at, std::size_t size) {
    auto sinking = std::move(vector[at]);
    for (std::size_t child = 2 * at + 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && less(vector[child], vector[child + 1])) ++child;
      if (!less(sinking, vector[child])) break;
      vector[at] = std::move(vector[child]);
      at = child;
    }
    vector[at] = std::move(sinking);
  };
  for (std::size_t i = vector.size() / 2; i > 0; --i) sift(i - 1, vector.size());
  for (std::size_t size = vector.size(); size > 1; --size) {
    auto greatest = std::move(vector[0]);
    vector[0] = std::move(vector[size - 1]);
    vector[size - 1] = std::move(greatest);
    sift(0, size - 1);
  }
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_DETAIL_ALGORITHM_HPP
