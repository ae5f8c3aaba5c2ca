// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_SORTED_CHUNKS_HPP
#define PRESENCE_BASE_DETAIL_SORTED_CHUNKS_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/memory.hpp>

#include <cstddef>      // for size_t, ptrdiff_t
#include <cstdint>      // for uint32_t
#include <type_traits>  // for is_nothrow_move_assignable, is_nothrow_move_constructible
#include <utility>      // for move

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// A key for SortedChunks: the element itself.
struct ByItself {
  template <class T>
  static const T& of(const T& element) noexcept {
    return element;
  }
};
/// A key for SortedChunks: a member of the element, as in `ByMember<&Element::member>`.
template <auto member>
struct ByMember {
  template <class T>
  static const auto& of(const T& element) noexcept {
    return element.*member;
  }
};

/// A sorted sequence in chunks of at most 4 KiB. An insertion or removal moves at most one chunk and the list of
/// chunks, for any number of elements and any position. The first chunk is a plain vector, so few elements cost the
/// same as in a sorted vector.
///
/// Elements are sorted by `Key::of(element)`. Equal keys may occur more than once.
template <class T, class Key>
class SortedChunks {
  static_assert(std::is_nothrow_move_constructible<T>::value && std::is_nothrow_move_assignable<T>::value,
                "moving elements about must not fail");
  using Chunk = Vector<T>;

 public:
  /// The maximum number of elements in a chunk.
  static constexpr std::size_t room = 4096 / sizeof(T) < 8 ? 8 : 4096 / sizeof(T);

  bool empty() const noexcept { return first_.empty() && more_.empty(); }
  std::size_t size() const noexcept {
    std::size_t count = first_.size();
    for (const Chunk& chunk : more_) count += chunk.size();
    return count;
  }
  const T& back() const noexcept { return more_.empty() ? first_.back() : more_.back().back(); }

  /// Returns an element with that key, or a null pointer if there is none.
  template <class K>
  const T* find(const K& key) const noexcept {
    const Chunk& chunk = chunk_at(place_of(key));
    const std::size_t at = not_less_in(chunk, key);
    return at != chunk.size() && !(key < Key::of(chunk[at])) ? &chunk[at] : nullptr;
  }
  template <class K>
  T* find(const K& key) noexcept {
    return const_cast<T*>(static_cast<const SortedChunks&>(*this).find(key));
  }

  /// Returns the number of elements whose key is not greater. O(log n + chunks).
  template <class K>
  std::size_t count_up_to(const K& key) const noexcept {
    const std::size_t place = place_of(key);
    std::size_t count = place == 0 ? 0 : first_.size();
    for (std::size_t i = 1; i < place; ++i) count += more_[i - 1].size();
    const Chunk& chunk = chunk_at(place);
    return count + greater_in(chunk, key);
  }

  /// Inserts an element after those with the same key. If memory runs out, nothing is inserted.
  T& insert(T element) {
    std::size_t place = place_of(Key::of(element));
    if (chunk_at(place).size() >= room) {
      split(place);
      place = place_of(Key::of(element));
    }
    Chunk& chunk = chunk_at(place);
    const std::size_t at = greater_in(chunk, Key::of(element));
    return *chunk.insert(chunk.begin() + static_cast<std::ptrdiff_t>(at), std::move(element));
  }

  /// Erases one element with that key. Returns false if there is none.
  template <class K>
  bool erase(const K& key) noexcept {
    const std::size_t place = place_of(key);
    Chunk& chunk = chunk_at(place);
    const std::size_t at = not_less_in(chunk, key);
    if (at == chunk.size() || key < Key::of(chunk[at])) return false;
    chunk.erase(chunk.begin() + static_cast<std::ptrdiff_t>(at));
    if (!more_.empty() && chunk.size() < room / 4) join_around(place);
    return true;
  }
  void clear() noexcept {
    first_ = Chunk();
    more_ = Vector<Chunk>();
  }
  void swap(SortedChunks& other) noexcept {
    first_.swap(other.first_);
    more_.swap(other.more_);
  }

  /// Iterates over the elements in order.
  class const_iterator {
   public:
    const_iterator(const SortedChunks& all, std::size_t place) noexcept : all_(&all), place_(place) { skip(); }
    const T& operator*() const noexcept { return all_->chunk_at(place_)[at_]; }
    const_iterator& operator++() noexcept {
      ++at_;
      skip();
      return *this;
    }
    friend bool operator!=(const const_iterator& a, const const_iterator& b) noexcept {
      return a.place_ != b.place_ || a.at_ != b.at_;
    }

   private:
    void skip() noexcept {
      while (place_ <= all_->more_.size() && at_ == all_->chunk_at(place_).size()) {
        ++place_;
        at_ = 0;
      }
    }
    const SortedChunks* all_;
    std::size_t place_, at_ = 0;
  };
  const_iterator begin() const noexcept { return const_iterator(*this, 0); }
  const_iterator end() const noexcept { return const_iterator(*this, more_.size() + 1); }

  /// Returns true if the chunks are sorted, none is too large, and none except the first is empty. For tests.
  bool is_sound() const noexcept {
    for (std::size_t place = 0; place <= more_.size(); ++place) {
      const Chunk& chunk = chunk_at(place);
      if (chunk.size() > room || (place > 0 && chunk.empty())) return false;
      for (std::size_t i = 1; i < chunk.size(); ++i) {
        if (Key::of(chunk[i]) < Key::of(chunk[i - 1])) return false;
      }
      if (place == 0 || chunk_at(place - 1).empty()) continue;
      if (Key::of(chunk.front()) < Key::of(chunk_at(place - 1).back())) return false;
    }
    return true;
  }
  std::size_t chunk_count() const noexcept { return more_.size() + 1; }

 private:
  const Chunk& chunk_at(std::size_t place) const noexcept { return place == 0 ? first_ : more_[place - 1]; }
  Chunk& chunk_at(std::size_t place) noexcept { return place == 0 ? first_ : more_[place - 1]; }

  /// Returns the index of the last chunk whose first key is not greater, or of the first chunk.
  template <class K>
  std::size_t place_of(const K& key) const noexcept {
    if (more_.empty()) return 0;
    const auto after = detail::partition_point(more_.begin(), more_.end(),
                                               [&key](const Chunk& chunk) { return !(key < Key::of(chunk.front())); });
    return static_cast<std::size_t>(after - more_.begin());
  }
  template <class K>
  static std::size_t not_less_in(const Chunk& chunk, const K& key) noexcept {
    const auto at = detail::partition_point(chunk.begin(), chunk.end(),
                                            [&key](const T& element) { return Key::of(element) < key; });
    return static_cast<std::size_t>(at - chunk.begin());
  }
  template <class K>
  static std::size_t greater_in(const Chunk& chunk, const K& key) noexcept {
    const auto at = detail::partition_point(chunk.begin(), chunk.end(),
                                            [&key](const T& element) { return !(key < Key::of(element)); });
    return static_cast<std::size_t>(at - chunk.begin());
  }

  /// Moves the upper half of a full chunk to a new chunk. For the last chunk it moves only the last element, so that
  /// ascending insertions fill their chunks.
  void split(std::size_t place) {
    const std::size_t kept = place == more_.size() ? room - 1 : room / 2;
    Chunk upper;
    upper.reserve(room);
    more_.insert(more_.begin() + static_cast<std::ptrdiff_t>(place), std::move(upper));
    Chunk &from = chunk_at(place), &to = chunk_at(place + 1);
    for (std::size_t i = kept; i < from.size(); ++i) to.push_back(std::move(from[i]));
    from.erase(from.begin() + static_cast<std::ptrdiff_t>(kept), from.end());
  }

  /// Moves the rest of a small chunk to a neighbour, if that has enough free capacity.
  void join_around(std::size_t place) noexcept {
    if (place > 0 && take_over(place - 1, place)) return;
    if (place < more_.size() && take_over(place, place + 1)) return;
    if (place > 0 && chunk_at(place).empty()) more_.erase(more_.begin() + static_cast<std::ptrdiff_t>(place - 1));
  }
  bool take_over(std::size_t to, std::size_t from) noexcept {
    Chunk &lower = chunk_at(to), &upper = chunk_at(from);
    const std::size_t both = lower.size() + upper.size();
    if (both > room / 4 * 3 || both > lower.capacity()) return false;
    for (T& element : upper) lower.push_back(std::move(element));
    more_.erase(more_.begin() + static_cast<std::ptrdiff_t>(from - 1));
    return true;
  }

  Chunk first_;
  Vector<Chunk> more_;  // none is empty; each has capacity for `room` elements
};

/// A set of the numbers of an IdMap, ascending.
using NumberSet = SortedChunks<std::uint32_t, ByItself>;

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_DETAIL_SORTED_CHUNKS_HPP
