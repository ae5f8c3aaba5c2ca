// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_CHUNKED_VECTOR_HPP
#define PRESENCE_BASE_DETAIL_CHUNKED_VECTOR_HPP

#include <presence/base/detail/memory.hpp>

#include <cstddef>  // for size_t
#include <utility>  // for exchange, forward, move, swap

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// An append-only sequence in blocks of fixed size. Elements never move. No block is so large that an allocator
/// requests it from the operating system.
template <class T>
class ChunkedVector {
 public:
  ChunkedVector() noexcept = default;
  ChunkedVector(ChunkedVector&& other) noexcept
      : blocks_(std::move(other.blocks_)), size_(std::exchange(other.size_, 0u)) {
    other.blocks_.clear();
  }
  ChunkedVector& operator=(ChunkedVector&& other) noexcept {
    ChunkedVector taken(std::move(other));
    blocks_.swap(taken.blocks_);
    std::swap(size_, taken.size_);
    return *this;
  }
  ~ChunkedVector() { clear(); }

  std::size_t size() const noexcept { return size_; }
  T& operator[](std::size_t i) noexcept { return blocks_[i / block][i % block]; }
  const T& operator[](std::size_t i) const noexcept { return blocks_[i / block][i % block]; }

  /// Appends an element, which is constructed in its place. If memory runs out, nothing is added.
  template <class... Args>
  T& add(Args&&... args) {
    if (size_ == blocks_.size() * block) add_block();
    T* const added = detail::construct<T>(&(*this)[size_], std::forward<Args>(args)...);
    ++size_;
    return *added;
  }
  void clear() noexcept {
    while (size_ != 0) (*this)[--size_].~T();
    for (T* const memory : blocks_) detail::deallocate(memory, bytes, alignof(T));
    blocks_.clear();
  }

 private:
  PRESENCE_DETAIL_APART void add_block() {
    blocks_.push_back(nullptr);
    struct Unfinished {
      Vector<T*>* blocks;
      ~Unfinished() {
        if (blocks != nullptr) blocks->pop_back();
      }
    } unfinished{&blocks_};
    blocks_.back() = static_cast<T*>(detail::allocate(bytes, alignof(T)));
    unfinished.blocks = nullptr;
  }

  static constexpr std::size_t block = 64, bytes = block * sizeof(T);

  Vector<T*> blocks_;
  std::size_t size_ = 0;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_DETAIL_CHUNKED_VECTOR_HPP
