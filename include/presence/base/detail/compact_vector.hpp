// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_COMPACT_VECTOR_HPP
#define PRESENCE_BASE_DETAIL_COMPACT_VECTOR_HPP

#include <presence/base/detail/memory.hpp>
#include <presence/config.hpp>

#include <cstddef>      // for size_t
#include <cstring>      // for memcpy
#include <string_view>  // for string_view
#include <type_traits>  // for is_nothrow_move_constructible, is_trivially_copyable
#include <utility>      // for move, swap

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// A vector that is one pointer, to its size and its elements in one allocation. An empty one allocates nothing. For
/// members of small values, of which there may be as many as an input has bytes.
template <class T>
class CompactVector {
 public:
  /// What stands before the elements.
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
  /// Hands its memory over to who keeps the pointer, and takes it back. Null where it is empty.
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
  }  // which is less to ask, where that is only for elements
  T* begin() noexcept { return head_ == nullptr ? nullptr : elements_of(head_); }
  T* end() noexcept { return begin() + size(); }
  const T* begin() const noexcept { return head_ == nullptr ? nullptr : elements_of(head_); }
  const T* end() const noexcept { return begin() + size(); }
  T& operator[](std::size_t i) noexcept { return elements_of(head_)[i]; }
  const T& operator[](std::size_t i) const noexcept { return elements_of(head_)[i]; }

  /// Exactly so many, so that no more memory is held than is needed.
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
  /// Doubles its memory where there is no room. To push or insert one then cannot fail.
  void reserve_one_more() {
    if (head_ == nullptr || head_->size == head_->capacity) reserve(size() < 2 ? size() + 1 : size() + size());
  }
  T& push_back(T element) {
    reserve_one_more();
    T* const added = construct<T>(place(head_->size), std::move(element));
    ++head_->size;
    return *added;
  }
  /// Puts it before the element that is there, or behind all of them.
  void insert(std::size_t at, T element) {
    push_back(std::move(element));
    for (std::size_t i = size() - 1; i > at; --i) std::swap((*this)[i], (*this)[i - 1]);
  }
  void erase(std::size_t at) noexcept {
    for (std::size_t i = at + 1; i < size(); ++i) std::swap((*this)[i - 1], (*this)[i]);
    truncate(size() - 1);
  }
  /// Drops the elements from there on.
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
  /// Of plain elements: puts these behind the others.
  void append(const T* elements, std::size_t count) {
    static_assert(std::is_trivially_copyable<T>::value, "elements are copied as bytes");
    if (count == 0) return;
    reserve(size() + count);
    std::memcpy(static_cast<void*>(place(head_->size)), elements, count * sizeof(T));
    head_->size += count;
  }

 private:
  /// More than there can be, where the number of bytes cannot be held: the allocation then fails as any other.
  static constexpr std::size_t bytes_for(std::size_t capacity) noexcept {
    constexpr std::size_t most = static_cast<std::size_t>(-1);
    return capacity > (most - sizeof(Head)) / sizeof(T) ? most : sizeof(Head) + capacity * sizeof(T);
  }
  T* place(std::size_t i) noexcept { return elements_of(head_) + i; }

  Head* head_ = nullptr;
};

/// The characters of a vector of them.
inline std::string_view text_of(const CompactVector<char>::Head* head) noexcept {
  return head == nullptr ? std::string_view("", 0)
                         : std::string_view(CompactVector<char>::elements_of(head), head->size);
}
inline CompactVector<char> characters_of(std::string_view text) {
  CompactVector<char> characters;
  characters.append(text.data(), text.size());
  return characters;
}

}  // namespace detail

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_DETAIL_COMPACT_VECTOR_HPP
