// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TABLE_DETAIL_WALK_HPP
#define PRESENCE_TABLE_DETAIL_WALK_HPP

#include <presence/base/time.hpp>

#include <cstdint>  // for uint8_t, uint32_t

/// Iteration over the pages and the rows of a UserTable. walking.hpp has the bodies: whoever holds an iterator of a
/// snapshot needs no more than this.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

struct Branch;
class Node;
class Page;
class RowView;

/// Iterates over the branches below a node, starting at the first. At each branch, it can skip the branch or enter it.
class Walk {
 public:
  /// The greatest depth in nodes.
  static constexpr unsigned levels = 30;

  explicit Walk(const Branch* top = nullptr) noexcept : branch_(top) {}

  /// The current branch; null at the end.
  const Branch* branch() const noexcept { return branch_; }
  bool at_node() const noexcept;
  /// Returns a lower bound of the deadlines in the current branch, without reading it.
  Timestamp due_around() const noexcept;

  /// Moves from a node to the first branch in it.
  void open() noexcept;
  /// Moves to the next branch, skipping everything below the current one.
  void next() noexcept;
  /// Prefetches the rows of the next page.
  void prefetch_following() const noexcept;
  /// Prefetches the rests of these rows only.
  void prefetch_following_rests() const noexcept;
  /// @{
  /// Prefetches what two walks will read, except what they share. `prefetch_opened`: the beginning of each branch below
  /// two nodes that were just opened. `prefetch_following`: the rows of the next pages.
  static void prefetch_opened(const Walk& a, const Walk& b) noexcept;
  static void prefetch_following(const Walk& a, const Walk& b) noexcept;
  /// @}
  /// Advances two walks at the same branch until their branches differ, or to the end of one of the nodes.
  static void pass_shared(Walk& a, Walk& b) noexcept;
  /// Opens nodes until the current branch is a page, and returns the page; null at the end.
  const Page* down_to_page() noexcept;

 private:
  /// Returns the page that directly follows the current branch in the same node; null if there is none.
  const Page* following_page() const noexcept;
  /// Skips empty slots, and leaves nodes that are finished.
  void settle() noexcept;

  const Branch* branch_;
  unsigned depth_ = 0;
  const Node* nodes_[levels] = {};  // at each depth; below, the current slot in it
  std::uint8_t at_[levels] = {};
};

/// An iterator over the rows. Valid until the table is changed.
class TableCursor {
 public:
  TableCursor() noexcept = default;
  RowView operator*() const noexcept;
  RowView operator->() const noexcept;
  bool is_at_end() const noexcept { return page_ == nullptr; }
  TableCursor& operator++() noexcept;
  friend bool operator==(const TableCursor& a, const TableCursor& b) noexcept {
    return a.page_ == b.page_ && a.row_ == b.row_;
  }
  friend bool operator!=(const TableCursor& a, const TableCursor& b) noexcept { return !(a == b); }

 private:
  template <class Order>
  friend class BasicUserTable;
  TableCursor(const Branch* top, bool for_views) noexcept;
  void leave() noexcept;
  void enter() noexcept;

  Walk walk_;
  const Page* page_ = nullptr;
  std::uint32_t row_ = 0;
  bool for_views_ = false;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_TABLE_DETAIL_WALK_HPP
