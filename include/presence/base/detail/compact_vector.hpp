// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_COMPACT_VECTOR_HPP
#define PRESENCE_BASE_DETAIL_COMPACT_VECTOR_HPP

#include <presence/base/detail/memory.hpp>
#include <presence/config.hpp>

#include <cstddef>      // for size_t
#include <type_traits>  // for is_nothrow_move_constructible
#include <utility>      // for move, swap

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// A vector that is one pointer, to an allocation with its size and elements. An empty one allocates nothing. For
/// members of small values, whose number may be as large as the number of bytes of an input.
template <class T>
class CompactVector {
 public:
  /// The header before the elements.
  struct Head {
    std::size_t size, capacity;
  };

  CompactVector() noexcept = default;
  CompactVector(const CompactVector& other) : CompactVector() {
    reserve(other.size());
    for (const T& element : other) {
      construct<T>(place(size()), element);
      ++head_->size;
    }
  }
  CompactVector(CompactVector&& other) noexcept : head_(other.release()) {}
  CompactVector& operator=(CompactVector other) noexcept {
    std::swap(head_, other.head_);
    return *this;
  }
  ~CompactVector() { clear(); }

  /// @{
  /// `release` transfers the ownership of the memory to the caller; `adopt` takes it back. The pointer is null for an
  /// empty vector without memory.
  static CompactVector adopt(Head* head) noexcept {
    CompactVector vector;
    vector.head_ = head;
    return vector;
  }
  Head* release() noexcept {
    Head* const head = head_;
    head_ = nullptr;
    return head;
  }
  static T* elements_of(Head* head) noexcept { return static_cast<T*>(static_cast<void*>(head + 1)); }
  static const T* elements_of(const Head* head) noexcept {
    return static_cast<const T*>(static_cast<const void*>(head + 1));
  }
  /// @}

  std::size_t size() const noexcept { return head_ == nullptr ? 0 : head_->size; }
  bool empty() const noexcept { return size() == 0; }
  bool has_memory() const noexcept {
    return head_ != nullptr;
  }  // cheaper than `empty`, if memory is only allocated for elements
  T* begin() noexcept { return head_ == nullptr ? nullptr : elements_of(head_); }
  T* end() noexcept { return begin() + size(); }
  const T* begin() const noexcept { return head_ == nullptr ? nullptr : elements_of(head_); }
  const T* end() const noexcept { return begin() + size(); }
  T& operator[](std::size_t i) noexcept { return elements_of(head_)[i]; }
  const T& operator[](std::size_t i) const noexcept { return elements_of(head_)[i]; }

  /// Reserves exactly this capacity, so that no more memory is used than needed.
  void reserve(std::size_t capacity) {
    static_assert(std::is_nothrow_move_constructible<T>::value, "elements move to larger memory");
    static_assert(alignof(T) <= sizeof(Head), "elements lie right behind the head");
    if (capacity == 0 || (head_ != nullptr && capacity <= head_->capacity)) return;
    Head* const larger = construct<Head>(allocate(bytes_for(capacity), alignof(T)), Head{0, capacity});
    if (head_ != nullptr) {
      for (T& element : *this) {
        construct<T>(elements_of(larger) + larger->size, std::move(element));
        ++larger->size;
      }
      clear();
    }
    head_ = larger;
  }
  /// Doubles the capacity if the vector is full. The next push or insert then cannot fail.
  void reserve_one_more() {
    if (head_ == nullptr || head_->size == head_->capacity) reserve(size() < 2 ? size() + 1 : size() + size());
  }
  T& push_back(T element) {
    reserve_one_more();
    T* const added = construct<T>(place(head_->size), std::move(element));
    ++head_->size;
    return *added;
  }
  /// Inserts an element at index `at`, or at the end.
  void insert(std::size_t at, T element) {
    push_back(std::move(element));
    for (std::size_t i = size() - 1; i > at; --i) std::swap((*this)[i], (*this)[i - 1]);
  }
  void erase(std::size_t at) noexcept {
    for (std::size_t i = at + 1; i < size(); ++i) std::swap((*this)[i - 1], (*this)[i]);
    truncate(size() - 1);
  }
  /// Removes all elements after the first `count`.
  void truncate(std::size_t count) noexcept {
    if (head_ == nullptr) return;
    while (head_->size > count) elements_of(head_)[--head_->size].~T();
  }
  void clear() noexcept {
    if (head_ == nullptr) return;
    truncate(0);
    deallocate(head_, bytes_for(head_->capacity), alignof(T));
    head_ = nullptr;
  }

 private:
  /// Returns the size of the allocation. On overflow it is the maximum, so that the allocation fails normally.
  static constexpr std::size_t bytes_for(std::size_t capacity) noexcept {
    constexpr std::size_t most = static_cast<std::size_t>(-1) / 2;  // no object is larger
    return capacity > (most - sizeof(Head)) / sizeof(T) ? most : sizeof(Head) + capacity * sizeof(T);
  }
  T* place(std::size_t i) noexcept { return elements_of(head_) + i; }

  Head* head_ = nullptr;
};

}  // namespace detail

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_DETAIL_COMPACT_VECTOR_HPP
