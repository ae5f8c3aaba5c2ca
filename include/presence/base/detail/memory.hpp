// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_MEMORY_HPP
#define PRESENCE_BASE_DETAIL_MEMORY_HPP

#include <presence/config.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint32_t, uint64_t
#include <new>          // for operator new, operator delete, align_val_t
#include <type_traits>  // for true_type
#include <utility>      // for forward, swap
#include <vector>       // for vector

#if !defined(__GNUC__) && !defined(__clang__)
#include <atomic>  // for atomic
#endif

// Hosts with a leak detector may define a macro `new`. Every `new` of the library is in this file.
#pragma push_macro("new")
#undef new

/// Allocation and shared ownership of the memory in a Snapshot.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

inline void* allocate(std::size_t bytes, std::size_t alignment) {
#if PRESENCE_CUSTOM_ALLOCATOR
  static_cast<void>(alignment);  // the macro of a host may not use it
  return PRESENCE_ALLOC(bytes, alignment);
#else
  if (alignment > __STDCPP_DEFAULT_NEW_ALIGNMENT__)
    return ::operator new(bytes, static_cast<std::align_val_t>(alignment));
  return ::operator new(bytes);
#endif
}

inline void deallocate(void* memory, std::size_t bytes, std::size_t alignment) noexcept {
  static_cast<void>(bytes);
#if PRESENCE_CUSTOM_ALLOCATOR
  static_cast<void>(alignment);
  PRESENCE_FREE(memory, bytes, alignment);
#else
  if (alignment > __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
    ::operator delete(memory, static_cast<std::align_val_t>(alignment));
  } else {
    ::operator delete(memory);
  }
#endif
}

/// Prefetches memory that is about to be read. Covers every cache line, if the memory begins at a line or lies within
/// one.
inline void prefetch(const void* address, std::size_t bytes) noexcept {
#if defined(__GNUC__) || defined(__clang__)
  const char* const first = static_cast<const char*>(address);
  for (std::size_t at = 0; at < bytes; at += 64) __builtin_prefetch(first + at);
  // Without this, gcc treats a function that only prefetches as pure and removes calls to it.
  __asm__ volatile("");
#else
  static_cast<void>(address), static_cast<void>(bytes);
#endif
}

/// Constructs an object in the given memory.
template <class T, class... Args>
T* construct(void* at, Args&&... args) {
  return ::new (at) T(std::forward<Args>(args)...);
}

/// `allocate` and `deallocate` for the standard containers.
template <class T>
class Allocator {
 public:
  using value_type = T;
  using is_always_equal = std::true_type;

  Allocator() noexcept = default;
  template <class U>
  Allocator(const Allocator<U>&) noexcept {}

  T* allocate(std::size_t count) {
    if (count > static_cast<std::size_t>(-1) / sizeof(T)) trap();  // containers never request more than max_size
    return static_cast<T*>(detail::allocate(count * sizeof(T), alignof(T)));
  }
  void deallocate(T* memory, std::size_t count) noexcept { detail::deallocate(memory, count * sizeof(T), alignof(T)); }

  friend bool operator==(const Allocator&, const Allocator&) noexcept { return true; }
  friend bool operator!=(const Allocator&, const Allocator&) noexcept { return false; }
};

template <class T>
using Vector = std::vector<T, Allocator<T>>;

/// A thread-safe reference count. <atomic> costs 0.4 s per file in C++20, so compiler builtins are used instead if
/// there are any.
class OwnerCount {
 public:
#if defined(__GNUC__) || defined(__clang__)
  void add() noexcept { __atomic_add_fetch(&count_, 1, __ATOMIC_RELAXED); }
  bool drop_last() noexcept { return __atomic_sub_fetch(&count_, 1, __ATOMIC_ACQ_REL) == 0; }
  /// Acquires: when this returns true, all reads of the former owners have finished.
  bool is_one() const noexcept { return __atomic_load_n(&count_, __ATOMIC_ACQUIRE) == 1; }

 private:
  std::uint32_t count_ = 1;
#else
  void add() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
  bool drop_last() noexcept { return count_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
  bool is_one() const noexcept { return count_.load(std::memory_order_acquire) == 1; }

 private:
  std::atomic<std::uint32_t> count_{1};
#endif
};

/// A cached number that several threads may write at the same time, because all of them compute the same value. Zero
/// means that nothing is cached.
class Note {
 public:
#if defined(__GNUC__) || defined(__clang__)
  std::uint32_t read() const noexcept { return __atomic_load_n(&number_, __ATOMIC_RELAXED); }
  void write(std::uint32_t number) const noexcept { __atomic_store_n(&number_, number, __ATOMIC_RELAXED); }

 private:
  mutable std::uint32_t number_ = 0;
#else
  std::uint32_t read() const noexcept { return number_.load(std::memory_order_relaxed); }
  void write(std::uint32_t number) const noexcept { number_.store(number, std::memory_order_relaxed); }

 private:
  mutable std::atomic<std::uint32_t> number_{0};
#endif
};

/// A pointer that several threads may try to set. The first one succeeds.
template <class T>
class SetOncePointer {
 public:
#if defined(__GNUC__) || defined(__clang__)
  T* get() const noexcept { return __atomic_load_n(&pointer_, __ATOMIC_ACQUIRE); }
  /// Sets the pointer if it is null. Returns true if it was set.
  bool set(T* pointer) const noexcept {
    T* expected = nullptr;
    return __atomic_compare_exchange_n(&pointer_, &expected, pointer, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
  }
  /// Requires that no other thread uses it.
  void clear() noexcept { pointer_ = nullptr; }

 private:
  mutable T* pointer_ = nullptr;
#else
  T* get() const noexcept { return pointer_.load(std::memory_order_acquire); }
  bool set(T* pointer) const noexcept {
    T* expected = nullptr;
    return pointer_.compare_exchange_strong(expected, pointer, std::memory_order_release, std::memory_order_relaxed);
  }
  void clear() noexcept { pointer_.store(nullptr, std::memory_order_relaxed); }

 private:
  mutable std::atomic<T*> pointer_{nullptr};
#endif
};

/// Allocates and constructs an object. Frees the memory if the constructor throws: types of the host may throw,
/// although this library does not.
template <class T, class... Args>
T* create(Args&&... args) {
  struct Room {
    void* memory;
    ~Room() {
      if (memory != nullptr) detail::deallocate(memory, sizeof(T), alignof(T));
    }
  } room{detail::allocate(sizeof(T), alignof(T))};
  T* const object = detail::construct<T>(room.memory, std::forward<Args>(args)...);
  room.memory = nullptr;
  return object;
}
template <class T>
void destroy(T* object) noexcept {
  object->~T();
  detail::deallocate(object, sizeof(T), alignof(T));
}

/// Calls a function when its scope is left before `release`: undoes what was done before an allocation failed.
template <class Undo>
class Rollback {
 public:
  explicit Rollback(const Undo& undo) noexcept : undo_(undo) {}
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;
  ~Rollback() {
    if (is_armed_) undo_();
  }
  void release() noexcept { is_armed_ = false; }

 private:
  Undo undo_;
  bool is_armed_ = true;
};
template <class Undo>
Rollback(const Undo&) -> Rollback<Undo>;

/// A reference-counted pointer to a T, which has a member `OwnerCount owners`.
template <class T>
class Shared {
 public:
  Shared() noexcept = default;
  Shared(const Shared& other) noexcept : object_(other.object_) {
    if (object_ != nullptr) object_->owners.add();
  }
  Shared(Shared&& other) noexcept : object_(other.object_) { other.object_ = nullptr; }
  Shared& operator=(Shared other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Shared() {
    if (object_ != nullptr && object_->owners.drop_last()) detail::destroy(object_);
  }

  template <class... Args>
  static Shared make(Args&&... args) {
    Shared made;
    made.object_ = detail::create<T>(std::forward<Args>(args)...);
    return made;
  }

  explicit operator bool() const noexcept { return object_ != nullptr; }
  const T& operator*() const noexcept { return *object_; }
  const T* operator->() const noexcept { return object_; }
  const T* get() const noexcept { return object_; }
  bool only_owner() const noexcept { return object_->owners.is_one(); }
  /// Requires that this is the only owner.
  T& change() noexcept { return *object_; }

  friend bool operator==(const Shared& a, const Shared& b) noexcept { return a.object_ == b.object_; }
  friend bool operator!=(const Shared& a, const Shared& b) noexcept { return a.object_ != b.object_; }

 private:
  T* object_ = nullptr;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#pragma pop_macro("new")

#endif  // PRESENCE_BASE_DETAIL_MEMORY_HPP
