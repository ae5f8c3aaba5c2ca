// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TABLE_DETAIL_BRANCH_HPP
#define PRESENCE_TABLE_DETAIL_BRANCH_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/registers/detail/derived.hpp>

#include <cstdint>  // for int64_t, uint8_t
#include <utility>  // for exchange

/// What pages and nodes of a UserTable have in common. What tells them apart is defined in node.hpp.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

class Page;
class Node;

/// A lower bound of a point in time. Only the owner of what it is a bound of may lower it. Whoever reads that may raise
/// it to the exact value, on several threads at once: all of them find the same.
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
  /// For the owner: a plain load, so that many can be made side by side.
  Timestamp owned() const noexcept { return at_; }

  static_assert(sizeof(Timestamp) == sizeof(std::int64_t), "it is read as a number");
#if defined(__GNUC__) || defined(__clang__)
  void raise(Timestamp to) const noexcept { __atomic_store_n(number(), to.ns(), __ATOMIC_RELAXED); }

 private:
  Timestamp read() const noexcept { return Timestamp::from_ns(__atomic_load_n(number(), __ATOMIC_RELAXED)); }
  std::int64_t* number() const noexcept { return reinterpret_cast<std::int64_t*>(&at_); }
#else
  // A volatile access of an aligned word is relaxed and atomic where there is no such built-in function.
  void raise(Timestamp to) const noexcept { *number() = to.ns(); }

 private:
  Timestamp read() const noexcept { return Timestamp::from_ns(*number()); }
  volatile std::int64_t* number() const noexcept { return reinterpret_cast<volatile std::int64_t*>(&at_); }
#endif

  mutable Timestamp at_;
};

/// Marks things that were compared and found equal. Those that hold the same mark are equal for as long as neither is
/// changed: a change takes the mark away. A mark lives as long as anything holds it, so that no later one can be taken
/// for it.
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
  /// Gives both the same mark, unless each has one already. Several threads may do so at once.
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
  /// For the owner of what is marked.
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

/// A page or a node. Owned by every node that it is in, once for each, however many slots it stands in there.
struct Branch {
  OwnerCount owners;
  bool is_page;
  /// Of a page: how many of its node's bits place it.
  std::uint8_t page_depth = 0;
  /// Of a page: bytes of its memory before it.
  const std::uint8_t skipped;
  /// Of a node: which bits of the hashes it goes by. All users below it agree in the bits before.
  std::uint8_t level = 0;
  /// Nothing that others see of it changes by time alone before this.
  LowerBound due = never;
  /// No memory in it can be given back by time alone before this.
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

  /// Ends one ownership; null is nobody's.
  static void drop(Branch* branch) noexcept;

 protected:
  explicit Branch(bool page, std::uint8_t skipped_bytes = 0) noexcept : is_page(page), skipped(skipped_bytes) {}
  ~Branch() = default;
};

/// A branch that is not in its place yet; given back where something fails before it is.
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
