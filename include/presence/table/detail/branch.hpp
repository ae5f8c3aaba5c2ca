// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TABLE_DETAIL_BRANCH_HPP
#define PRESENCE_TABLE_DETAIL_BRANCH_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/registers/detail/derived.hpp>

#include <cstdint>  // for int64_t, uint8_t
#include <utility>  // for exchange

/// The common part of the pages and nodes of a UserTable. node.hpp defines the conversions to either of them.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

class Page;
class Node;

/// A lower bound of a point in time. Only the owner of the bounded object may lower it. Any reader may raise it to the
/// exact value. Several threads may do so at once, because all of them compute the same value.
class LowerBound {
 public:
  constexpr LowerBound(Timestamp at) noexcept : at_(at) {}
  LowerBound(const LowerBound& other) noexcept : at_(other.read()) {}
  LowerBound& operator=(const LowerBound& other) noexcept { return *this = other.read(); }
  LowerBound& operator=(Timestamp at) noexcept {
    raise(at);
    return *this;
  }
  operator Timestamp() const noexcept { return read(); }
  void lower(Timestamp to) noexcept { *this = earlier(read(), to); }
  /// Returns the bound by a plain load, so that many loads can run in parallel. Only the owner may call it.
  Timestamp owned() const noexcept { return at_; }

  static_assert(sizeof(Timestamp) == sizeof(std::int64_t), "it is read as a number");
#if defined(__GNUC__) || defined(__clang__)
  void raise(Timestamp to) const noexcept { __atomic_store_n(number(), to.ns(), __ATOMIC_RELAXED); }

 private:
  Timestamp read() const noexcept { return Timestamp::from_ns(__atomic_load_n(number(), __ATOMIC_RELAXED)); }
  std::int64_t* number() const noexcept { return reinterpret_cast<std::int64_t*>(&at_); }
#else
  // On compilers without these built-in functions, a volatile access of an aligned word is relaxed and atomic.
  void raise(Timestamp to) const noexcept { *number() = to.ns(); }

 private:
  Timestamp read() const noexcept { return Timestamp::from_ns(*number()); }
  volatile std::int64_t* number() const noexcept { return reinterpret_cast<volatile std::int64_t*>(&at_); }
#endif

  mutable Timestamp at_;
};

/// Marks objects that were compared and found equal. Objects with the same mark are equal. A change of an object
/// removes its mark. A mark lives as long as any object has it, so that a later mark cannot have the same address.
class EqualityMark {
 public:
  EqualityMark() noexcept = default;
  EqualityMark(const EqualityMark&) = delete;
  EqualityMark& operator=(const EqualityMark&) = delete;
  ~EqualityMark() { clear(); }

  static bool is_shared(const EqualityMark& a, const EqualityMark& b) noexcept {
    const Mark* const mark = a.mark_.get();
    return mark != nullptr && mark == b.mark_.get();
  }
  /// Gives both the same mark, unless each already has one. Several threads may call it at once.
  static void share(const EqualityMark& a, const EqualityMark& b) {
    Mark *known = a.mark_.get(), *const other = b.mark_.get();
    if (known != nullptr && other != nullptr) return;
    if (known == nullptr) known = other;
    if (known != nullptr) {
      known->owners.add();
    } else {
      known = detail::create<Mark>();
      known->owners.add();
      if (!b.mark_.set(known)) drop(known);
    }
    if (!(a.mark_.get() == nullptr ? a : b).mark_.set(known)) drop(known);
  }
  /// Removes the mark. Only the owner of the marked object may call it.
  void clear() noexcept {
    Mark* const mark = mark_.get();
    if (mark == nullptr) return;
    mark_.clear();
    drop(mark);
  }

 private:
  struct Mark {
    OwnerCount owners;
  };
  static void drop(Mark* mark) noexcept {
    if (mark->owners.drop_last()) detail::destroy(mark);
  }

  SetOncePointer<Mark> mark_;
};

/// A page or a node. Each node that contains it owns it once, however many slots it occupies there.
struct Branch {
  OwnerCount owners;
  bool is_page;
  /// Of a page: the number of its node's bits that select it.
  std::uint8_t page_depth = 0;
  /// Of a page: the number of skipped bytes at the start of its memory, for alignment.
  const std::uint8_t skipped;
  /// Of a node: which bits of the hashes it uses. All users below it agree in the bits before.
  std::uint8_t level = 0;
  /// The deadline bound: before this, time alone changes nothing in it visibly.
  LowerBound due = never;
  /// The cleanup bound: before this, time alone allows no memory in it to be freed.
  LowerBound cleanup = never;

  Branch(const Branch&) = delete;
  Branch& operator=(const Branch&) = delete;

  void copy_bounds(const Branch& other) noexcept {
    due = other.due;
    cleanup = other.cleanup;
  }
  void lower_bounds(Timestamp new_due, Timestamp new_cleanup) noexcept {
    due.lower(new_due);
    cleanup.lower(new_cleanup);
  }

  Page& as_page() noexcept;
  const Page& as_page() const noexcept;
  Node& as_node() noexcept;
  const Node& as_node() const noexcept;

  /// Ends one ownership of the branch. Does nothing if it is null.
  static void drop(Branch* branch) noexcept;

 protected:
  explicit Branch(bool page, std::uint8_t skipped_bytes = 0) noexcept : is_page(page), skipped(skipped_bytes) {}
  ~Branch() = default;
};

/// Owns a branch that is not in the tree yet. Frees it if an operation fails before that.
struct Spare {
  Branch* branch;

  Page& page() noexcept { return branch->as_page(); }
  Branch* release() noexcept { return std::exchange(branch, nullptr); }
  ~Spare() { Branch::drop(branch); }
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_TABLE_DETAIL_BRANCH_HPP
