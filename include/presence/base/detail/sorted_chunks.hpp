// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_SORTED_CHUNKS_HPP
#define PRESENCE_BASE_DETAIL_SORTED_CHUNKS_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/memory.hpp>

#include <cstddef>      // for size_t, ptrdiff_t
#include <cstdint>      // for uint32_t
#include <cstring>      // for memcpy, memmove
#include <type_traits>  // for is_nothrow_move_constructible, is_trivially_copyable
#include <utility>      // for exchange, move, swap

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

/// How a ChunkList treats the elements of one type. The functions are null if the bytes of an element can be copied.
struct ElementType {
  std::size_t size, alignment;
  std::size_t room;                                 // the maximum number of elements in a chunk
  void (*relocate)(void* to, void* from) noexcept;  // move-constructs and then destroys
  void (*copy)(void* to, const void* from);
  void (*destroy)(void* element) noexcept;
};

/// The part of SortedChunks that does not depend on the type of the elements: their memory.
class ChunkList {
 public:
  struct Chunk {
    unsigned char* bytes = nullptr;
    std::size_t size = 0, capacity = 0;  // in elements
  };

  ChunkList() noexcept = default;
  ChunkList(ChunkList&& other) noexcept : first_(std::exchange(other.first_, Chunk())), more_(std::move(other.more_)) {
    other.more_.clear();
  }
  PRESENCE_DETAIL_APART ChunkList(const ChunkList& other, const ElementType& type) {
    Rollback drop([&]() noexcept { clear(type); });
    copy_chunk(other.first_, first_, other.first_.size, type);
    more_.reserve(other.more_.size());
    for (const Chunk& chunk : other.more_) {
      more_.push_back(Chunk());
      copy_chunk(chunk, more_.back(), type.room, type);
    }
    drop.release();
  }

  bool empty() const noexcept { return first_.size == 0 && more_.empty(); }
  PRESENCE_DETAIL_APART std::size_t size() const noexcept {
    std::size_t count = first_.size;
    for (const Chunk& chunk : more_) count += chunk.size;
    return count;
  }
  /// The index of the last chunk.
  std::size_t last() const noexcept { return more_.size(); }
  const Chunk& operator[](std::size_t place) const noexcept { return place == 0 ? first_ : more_[place - 1]; }

  PRESENCE_DETAIL_APART void clear(const ElementType& type) noexcept {
    for (std::size_t place = 0; place <= last(); ++place) {
      Chunk& chunk = at(place);
      if (type.destroy != nullptr) {
        while (chunk.size != 0) type.destroy(chunk.bytes + --chunk.size * type.size);
      }
      free_chunk(chunk, type);
    }
    more_.clear();
  }
  void swap(ChunkList& other) noexcept {
    std::swap(first_, other.first_);
    more_.swap(other.more_);
  }

  /// Makes a gap for an element in a chunk with fewer than `room` elements. The caller must construct the element. If
  /// memory runs out, nothing changes.
  PRESENCE_DETAIL_APART void* make_gap(std::size_t place, std::size_t index, const ElementType& type) {
    Chunk& chunk = at(place);
    if (chunk.size == chunk.capacity) {
      Chunk larger;
      allocate_chunk(larger, chunk.capacity == 0 ? 1 : 2 * chunk.capacity, type);
      relocate(larger.bytes, chunk.bytes, chunk.size, type);
      larger.size = chunk.size;
      free_chunk(chunk, type);
      chunk = larger;
    }
    unsigned char* const gap = chunk.bytes + index * type.size;
    relocate(gap + type.size, gap, chunk.size - index, type);
    ++chunk.size;
    return gap;
  }

  PRESENCE_DETAIL_APART void erase(std::size_t place, std::size_t index, const ElementType& type) noexcept {
    Chunk& chunk = at(place);
    unsigned char* const gone = chunk.bytes + index * type.size;
    if (type.destroy != nullptr) type.destroy(gone);
    --chunk.size;
    relocate(gone, gone + type.size, chunk.size - index, type);
    if (!more_.empty() && chunk.size < type.room / 4) join_around(place, type);
  }

  /// Moves the upper half of a full chunk to a new chunk. For the last chunk it moves only the last element, so that
  /// ascending insertions fill their chunks. If memory runs out, nothing changes.
  PRESENCE_DETAIL_APART void split(std::size_t place, const ElementType& type) {
    const std::size_t room = type.room, kept = place == more_.size() ? room - 1 : room / 2;
    detail::reserve_one(more_);
    Chunk upper;
    allocate_chunk(upper, room, type);
    Chunk& from = at(place);
    upper.size = from.size - kept;
    relocate(upper.bytes, from.bytes + kept * type.size, upper.size, type);
    from.size = kept;
    more_.insert(more_.begin() + static_cast<std::ptrdiff_t>(place), upper);
  }

 private:
  Chunk& at(std::size_t place) noexcept { return place == 0 ? first_ : more_[place - 1]; }

  static void allocate_chunk(Chunk& chunk, std::size_t capacity, const ElementType& type) {
    chunk.bytes = static_cast<unsigned char*>(detail::allocate(capacity * type.size, type.alignment));
    chunk.capacity = capacity;
  }
  static void free_chunk(Chunk& chunk, const ElementType& type) noexcept {
    if (chunk.bytes != nullptr) detail::deallocate(chunk.bytes, chunk.capacity * type.size, type.alignment);
    chunk = Chunk();
  }
  /// Moves elements to raw memory, which may overlap with theirs.
  PRESENCE_DETAIL_APART static void relocate(unsigned char* to, unsigned char* from, std::size_t count,
                                             const ElementType& type) noexcept {
    if (count == 0 || to == nullptr || from == nullptr) return;
    if (type.relocate == nullptr) {
      std::memmove(to, from, count * type.size);
    } else if (to < from) {
      for (std::size_t i = 0; i < count; ++i) type.relocate(to + i * type.size, from + i * type.size);
    } else {
      for (std::size_t i = count; i > 0; --i) type.relocate(to + (i - 1) * type.size, from + (i - 1) * type.size);
    }
  }
  static void copy_chunk(const Chunk& from, Chunk& to, std::size_t capacity, const ElementType& type) {
    if (capacity == 0) return;
    allocate_chunk(to, capacity, type);
    if (type.copy == nullptr) {
      if (from.size != 0) std::memcpy(to.bytes, from.bytes, from.size * type.size);
      to.size = from.size;
    } else {
      for (; to.size < from.size; ++to.size)
        type.copy(to.bytes + to.size * type.size, from.bytes + to.size * type.size);
    }
  }

  /// Moves the rest of a small chunk to a neighbour, if that has enough free capacity.
  PRESENCE_DETAIL_APART void join_around(std::size_t place, const ElementType& type) noexcept {
    if (place > 0 && take_over(place - 1, place, type)) return;
    if (place < more_.size() && take_over(place, place + 1, type)) return;
    if (place > 0 && at(place).size == 0) drop(place, type);
  }
  bool take_over(std::size_t to, std::size_t from, const ElementType& type) noexcept {
    Chunk &lower = at(to), &upper = at(from);
    const std::size_t both = lower.size + upper.size;
    if (both > type.room / 4 * 3 || both > lower.capacity) return false;
    relocate(lower.bytes + lower.size * type.size, upper.bytes, upper.size, type);
    lower.size = both;
    drop(from, type);
    return true;
  }
  void drop(std::size_t place, const ElementType& type) noexcept {
    free_chunk(at(place), type);
    more_.erase(more_.begin() + static_cast<std::ptrdiff_t>(place - 1));
  }

  Chunk first_;
  Vector<Chunk> more_;  // none is empty; each has capacity for `room` elements
};

/// A sorted sequence in chunks of at most 4 KiB. An insertion or removal moves at most one chunk and the list of
/// chunks, for any number of elements and any position. The first chunk is a plain vector, so few elements cost the
/// same as in a sorted vector.
///
/// Elements are sorted by `Key::of(element)`. Equal keys may occur more than once.
template <class T, class Key>
class SortedChunks {
  static_assert(std::is_nothrow_move_constructible<T>::value, "moving elements about must not fail");

 public:
  /// The maximum number of elements in a chunk.
  static constexpr std::size_t room = 4096 / sizeof(T) < 8 ? 8 : 4096 / sizeof(T);

  SortedChunks() noexcept = default;
  SortedChunks(const SortedChunks& other) : list_(other.list_, type) {}
  SortedChunks(SortedChunks&& other) noexcept = default;
  SortedChunks& operator=(SortedChunks other) noexcept {
    swap(other);
    return *this;
  }
  ~SortedChunks() { clear(); }

  bool empty() const noexcept { return list_.empty(); }
  std::size_t size() const noexcept { return list_.size(); }
  const T& back() const noexcept {
    const Chunk& chunk = list_[list_.last()];
    return elements(chunk)[chunk.size - 1];
  }

  /// Returns an element with that key, or a null pointer if there is none.
  template <class K>
  PRESENCE_DETAIL_APART const T* find(const K& key) const noexcept {
    const Chunk& chunk = list_[place_of(key)];
    const T *const last = elements(chunk) + chunk.size, *const at = not_less_in(chunk, key);
    return at != last && !(key < Key::of(*at)) ? at : nullptr;
  }
  template <class K>
  T* find(const K& key) noexcept {
    return const_cast<T*>(static_cast<const SortedChunks&>(*this).find(key));
  }

  /// Returns the number of elements whose key is not greater. O(log n + chunks).
  template <class K>
  std::size_t count_up_to(const K& key) const noexcept {
    const std::size_t place = place_of(key);
    std::size_t count = 0;
    for (std::size_t i = 0; i < place; ++i) count += list_[i].size;
    return count + greater_in(list_[place], key);
  }

  /// Inserts an element after those with the same key. If memory runs out, nothing is inserted.
  PRESENCE_DETAIL_APART T& insert(T element) {
    std::size_t place = place_of(Key::of(element));
    if (list_[place].size >= room) {
      list_.split(place, type);
      place = place_of(Key::of(element));
    }
    void* const gap = list_.make_gap(place, greater_in(list_[place], Key::of(element)), type);
    return *detail::construct<T>(gap, std::move(element));
  }

  /// Erases one element with that key. Returns false if there is none.
  template <class K>
  PRESENCE_DETAIL_APART bool erase(const K& key) noexcept {
    const std::size_t place = place_of(key);
    const Chunk& chunk = list_[place];
    const T *const first = elements(chunk), *const at = not_less_in(chunk, key);
    if (at == first + chunk.size || key < Key::of(*at)) return false;
    list_.erase(place, static_cast<std::size_t>(at - first), type);
    return true;
  }
  void clear() noexcept { list_.clear(type); }
  void swap(SortedChunks& other) noexcept { list_.swap(other.list_); }

  /// Iterates over the elements in order.
  class const_iterator {
   public:
    const_iterator(const ChunkList& all, std::size_t place) noexcept : all_(&all), place_(place) { skip(); }
    const T& operator*() const noexcept { return elements((*all_)[place_])[at_]; }
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
      while (place_ <= all_->last() && at_ == (*all_)[place_].size) {
        ++place_;
        at_ = 0;
      }
    }
    const ChunkList* all_;
    std::size_t place_, at_ = 0;
  };
  const_iterator begin() const noexcept { return const_iterator(list_, 0); }
  const_iterator end() const noexcept { return const_iterator(list_, list_.last() + 1); }

  /// Returns true if the chunks are sorted, none is too large, and none except the first is empty. For tests.
  bool is_sound() const noexcept {
    for (std::size_t place = 0; place <= list_.last(); ++place) {
      const Chunk& chunk = list_[place];
      if (chunk.size > room || (place > 0 && chunk.size == 0)) return false;
      const T* const all = elements(chunk);
      for (std::size_t i = 1; i < chunk.size; ++i) {
        if (Key::of(all[i]) < Key::of(all[i - 1])) return false;
      }
      if (place == 0 || list_[place - 1].size == 0) continue;
      const Chunk& before = list_[place - 1];
      if (Key::of(all[0]) < Key::of(elements(before)[before.size - 1])) return false;
    }
    return true;
  }
  std::size_t chunk_count() const noexcept { return list_.last() + 1; }

 private:
  using Chunk = ChunkList::Chunk;

  static void relocate(void* to, void* from) noexcept {
    T* const element = static_cast<T*>(from);
    detail::construct<T>(to, std::move(*element));
    element->~T();
  }
  static void copy(void* to, const void* from) { detail::construct<T>(to, *static_cast<const T*>(from)); }
  static void destroy(void* element) noexcept { static_cast<T*>(element)->~T(); }
  static constexpr ElementType type_of() noexcept {
    if constexpr (std::is_trivially_copyable<T>::value) {
      return ElementType{sizeof(T), alignof(T), room, nullptr, nullptr, nullptr};
    } else {
      return ElementType{sizeof(T), alignof(T), room, &relocate, &copy, &destroy};
    }
  }
  static constexpr ElementType type = type_of();

  static const T* elements(const Chunk& chunk) noexcept {
    return static_cast<const T*>(static_cast<const void*>(chunk.bytes));
  }
  /// Returns the index of the last chunk whose first key is not greater, or of the first chunk.
  template <class K>
  std::size_t place_of(const K& key) const noexcept {
    std::size_t first = 1, count = list_.last();
    while (count > 0) {
      const std::size_t half = count / 2;
      if (key < Key::of(*elements(list_[first + half]))) {
        count = half;
      } else {
        first += half + 1;
        count -= half + 1;
      }
    }
    return first - 1;
  }
  template <class K>
  static const T* not_less_in(const Chunk& chunk, const K& key) noexcept {
    return detail::partition_point(elements(chunk), elements(chunk) + chunk.size,
                                   [&key](const T& element) { return Key::of(element) < key; });
  }
  template <class K>
  static std::size_t greater_in(const Chunk& chunk, const K& key) noexcept {
    const T* const first = elements(chunk);
    const T* const at = detail::partition_point(first, first + chunk.size,
                                                [&key](const T& element) { return !(key < Key::of(element)); });
    return static_cast<std::size_t>(at - first);
  }

  ChunkList list_;
};

/// A set of the numbers of an IdMap, ascending.
using NumberSet = SortedChunks<std::uint32_t, ByItself>;

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_DETAIL_SORTED_CHUNKS_HPP
