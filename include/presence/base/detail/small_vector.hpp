// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_SMALL_VECTOR_HPP
#define PRESENCE_BASE_DETAIL_SMALL_VECTOR_HPP

#include <presence/base/detail/memory.hpp>

#include <cstddef>      // for size_t, ptrdiff_t
#include <cstdint>      // for uint32_t
#include <cstring>      // for memcpy
#include <type_traits>  // for is_nothrow_copy_constructible, is_nothrow_move_assignable, is_nothrow_move_constructible, is_trivially_copyable, is_trivially_destructible
#include <utility>      // for exchange, move

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// A borrowed view of contiguous elements.
template <class T>
struct Span {
  const T* first = nullptr;
  std::size_t count = 0;

  const T* begin() const noexcept { return first; }
  const T* end() const noexcept { return first + count; }
  const T* data() const noexcept { return first; }
  std::size_t size() const noexcept { return count; }
  bool empty() const noexcept { return count == 0; }
  const T& operator[](std::size_t i) const noexcept { return first[i]; }
  const T& front() const noexcept { return first[0]; }
  const T& back() const noexcept { return first[count - 1]; }
};

template <class Range>
bool same_elements(const Range& a, const Range& b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!(a[i] == b[i])) return false;
  }
  return true;
}

/// A vector that stores up to `inside` elements inline, because most lists of a user have one or two elements.
/// Iterators are pointers. Any modification invalidates them.
template <class T, std::uint32_t inside>
class SmallVector {
  static_assert(std::is_nothrow_move_constructible<T>::value && std::is_nothrow_move_assignable<T>::value,
                "moving elements about must not fail");

 public:
  using value_type = T;
  using iterator = T*;
  using const_iterator = const T*;

  SmallVector() noexcept = default;
  SmallVector(const SmallVector& other) : SmallVector() {
    if (std::is_trivially_copyable<T>::value && other.is_inside()) {
      room_ = other.room_;
      size_ = other.size_;
    } else {
      reserve(other.size_);
      copy_elements(other);
    }
  }
  SmallVector(SmallVector&& other) noexcept { take(other); }
  SmallVector& operator=(const SmallVector& other) {
    if (this != &other) {
      SmallVector copy(other);
      clear_and_free();
      take(copy);
    }
    return *this;
  }
  SmallVector& operator=(SmallVector&& other) noexcept {
    if (this != &other) {
      clear_and_free();
      take(other);
    }
    return *this;
  }
  ~SmallVector() { clear_and_free(); }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  std::size_t bytes_elsewhere() const noexcept { return is_inside() ? 0 : capacity_ * sizeof(T); }
  T* data() noexcept { return is_inside() ? reinterpret_cast<T*>(room_.bytes) : room_.elements; }
  const T* data() const noexcept { return is_inside() ? reinterpret_cast<const T*>(room_.bytes) : room_.elements; }
  T* begin() noexcept { return data(); }
  T* end() noexcept { return data() + size_; }
  const T* begin() const noexcept { return data(); }
  const T* end() const noexcept { return data() + size_; }
  T& operator[](std::size_t i) noexcept { return data()[i]; }
  const T& operator[](std::size_t i) const noexcept { return data()[i]; }
  T& front() noexcept { return *begin(); }
  const T& front() const noexcept { return *begin(); }
  T& back() noexcept { return *(end() - 1); }
  const T& back() const noexcept { return *(end() - 1); }

  void reserve(std::size_t count) {
    if (count <= capacity_) return;
    if (count > 0x7FFFFFFF / sizeof(T)) trap();  // the limits per user are far lower
    T* const larger = static_cast<T*>(detail::allocate(count * sizeof(T), alignof(T)));
    const std::uint32_t size = size_;
    T* const old = data();
    for (std::uint32_t i = 0; i < size; ++i) detail::construct<T>(larger + i, std::move(old[i]));
    clear_and_free();
    room_.elements = larger;
    size_ = size;
    capacity_ = static_cast<std::uint32_t>(count);
  }
  T* insert(const T* before, T element) {
    const std::ptrdiff_t at = before - begin();
    push_back(std::move(element));
    T* const place = begin() + at;
    T* const last = end() - 1;
    if (place == last) return place;
    T inserted(std::move(*last));
    for (T* to = last; to != place; --to) *to = std::move(to[-1]);
    *place = std::move(inserted);
    return place;
  }
  void push_back(T element) {
    if (size_ == capacity_) reserve(std::size_t{capacity_} * 2);
    detail::construct<T>(data() + size_, std::move(element));
    ++size_;
  }
  T* erase(const T* first, const T* last) noexcept {
    T* const at = begin() + (first - begin());
    if (first != last) erase_some(at, last - first);
    return at;
  }
  T* erase(const T* at) noexcept { return erase(at, at + 1); }
  void clear() noexcept { drop_from(begin()); }

  operator Span<T>() const noexcept { return Span<T>{data(), size_}; }

  friend bool operator==(const SmallVector& a, const SmallVector& b) noexcept { return same_elements(a, b); }
  friend bool operator!=(const SmallVector& a, const SmallVector& b) noexcept { return !(a == b); }

 private:
  bool is_inside() const noexcept { return capacity_ == inside; }
  /// Copies all elements; trivial ones with one memcpy. Requires that this vector is empty and has enough capacity.
  void copy_elements(const SmallVector& other) noexcept(std::is_nothrow_copy_constructible<T>::value) {
    if constexpr (std::is_trivially_copyable<T>::value) {
      if (other.size_ != 0) std::memcpy(static_cast<void*>(data()), other.data(), other.size_ * sizeof(T));
      size_ = other.size_;
    } else {
      for (const T& element : other) detail::construct<T>(end(), element), ++size_;
    }
  }
  void erase_some(T* to, std::ptrdiff_t count) noexcept {
    for (T *from = to + count, *const stop = end(); from != stop; ++from, ++to) *to = std::move(*from);
    drop_from(to);
  }
  void drop_from(T* first) noexcept {
    const std::uint32_t left = static_cast<std::uint32_t>(first - begin());
    if constexpr (!std::is_trivially_destructible<T>::value) {
      while (size_ != left) data()[--size_].~T();
    }
    size_ = left;
  }
  void clear_and_free() noexcept {
    clear();
    if (!is_inside()) {
      detail::deallocate(room_.elements, capacity_ * sizeof(T), alignof(T));
      capacity_ = inside;
    }
  }
  /// Moves the elements of `other` here. Requires that this vector is empty.
  void take(SmallVector& other) noexcept {
    if (std::is_trivially_copyable<T>::value && other.is_inside()) {
      room_ = other.room_;
      size_ = std::exchange(other.size_, 0u);
    } else if (other.is_inside()) {
      for (T& element : other) detail::construct<T>(end(), std::move(element)), ++size_;
      other.clear();
    } else {
      room_.elements = other.room_.elements;
      size_ = other.size_;
      capacity_ = other.capacity_;
      other.size_ = 0;
      other.capacity_ = inside;
    }
  }

  union Room {
    T* elements = nullptr;
    alignas(T) unsigned char bytes[inside * sizeof(T)];
  };
  Room room_;
  std::uint32_t size_ = 0, capacity_ = inside;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_DETAIL_SMALL_VECTOR_HPP
