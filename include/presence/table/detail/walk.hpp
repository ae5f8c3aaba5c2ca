// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TABLE_DETAIL_WALK_HPP
#define PRESENCE_TABLE_DETAIL_WALK_HPP

#include <presence/base/detail/memory.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/table/detail/branch.hpp>
#include <presence/table/detail/node.hpp>
#include <presence/table/detail/page.hpp>

#include <cstdint>  // for uint8_t, uint32_t

/// Iteration over the pages of a UserTable.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Iterates over the branches below a node, starting at the first. At each branch, it can skip the branch or enter it.
template <unsigned levels>
class Walk {
 public:
  explicit Walk(const Branch* top = nullptr) noexcept : branch_(top) {}

  /// The current branch; null at the end.
  const Branch* branch() const noexcept { return branch_; }
  bool at_node() const noexcept { return branch_ != nullptr && !branch_->is_page; }
  /// Returns a lower bound of the deadlines in the current branch, without reading it.
  Timestamp due_around() const noexcept { return depth_ == 0 ? absent : Timestamp(nodes_[depth_ - 1]->due); }

  /// Moves from a node to the first branch in it.
  void open() noexcept {
    nodes_[depth_] = &branch_->as_node();
    at_[depth_++] = 0;
    settle();
  }
  /// Moves to the next branch, skipping everything below the current one.
  void next() noexcept {
    if (depth_ == 0) {
      branch_ = nullptr;
      return;
    }
    std::uint8_t& at = at_[depth_ - 1];
    at = static_cast<std::uint8_t>(at + nodes_[depth_ - 1]->run_at(at));
    settle();
  }
  /// Prefetches the rows of the next page.
  void prefetch_following() const noexcept {
    if (const Page* const page = following_page()) page->prefetch_rows();
  }
  /// Prefetches the rests of these rows only.
  void prefetch_following_rests() const noexcept {
    if (const Page* const page = following_page()) page->prefetch_rests();
  }
  /// @{
  /// Prefetches what two walks will read, except what they share. `prefetch_opened`: the beginning of each branch below
  /// two nodes that were just opened. `prefetch_following`: the rows of the next pages.
  static void prefetch_opened(const Walk& a, const Walk& b) noexcept {
    constexpr std::size_t beginning = 320;       // a page and four heads, or a node and half of its slots
    if (a.depth_ == 0 || b.depth_ == 0) return;  // an empty node, left when memory ran out
    const Node &x = *a.nodes_[a.depth_ - 1], &y = *b.nodes_[b.depth_ - 1];
    if (x.bits != y.bits) return;
    for (std::uint32_t at = 0; at < x.slot_count(); ++at) {
      const Branch *const one = x.branches()[at], *const other = y.branches()[at];
      if (one == other) continue;
      if (one != nullptr) detail::prefetch(one, beginning);
      if (other != nullptr) detail::prefetch(other, beginning);
    }
  }
  static void prefetch_following(const Walk& a, const Walk& b) noexcept {
    const Page *const one = a.following_page(), *const other = b.following_page();
    if (one == other) return;
    if (one != nullptr) one->prefetch_rows();
    if (other != nullptr) other->prefetch_rows();
  }
  /// @}
  /// Advances two walks at the same branch until their branches differ, or to the end of one of the nodes.
  static void pass_shared(Walk& a, Walk& b) noexcept {
    if (a.depth_ != 0 && b.depth_ != 0) {
      const Node &x = *a.nodes_[a.depth_ - 1], &y = *b.nodes_[b.depth_ - 1];
      std::uint8_t &at = a.at_[a.depth_ - 1], &other_at = b.at_[b.depth_ - 1];
      if (x.bits == y.bits && at == other_at) {
        // Shared branches occupy the same slots in both nodes.
        while (at < x.slot_count() && x.branches()[at] == y.branches()[at]) ++at;
        other_at = at;
        a.settle();
        b.settle();
        return;
      }
    }
    a.next();
    b.next();
  }
  /// Opens nodes until the current branch is a page, and returns the page; null at the end.
  const Page* down_to_page() noexcept {
    while (at_node()) open();
    return branch_ == nullptr ? nullptr : &branch_->as_page();
  }

 private:
  /// Returns the page that directly follows the current branch in the same node; null if there is none.
  const Page* following_page() const noexcept {
    if (depth_ == 0) return nullptr;
    const Node& node = *nodes_[depth_ - 1];
    const std::uint32_t at = at_[depth_ - 1] + node.run_at(at_[depth_ - 1]);
    if (at >= node.slot_count() || node.branches()[at] == nullptr || node.leads_to_node(at)) return nullptr;
    return &node.branches()[at]->as_page();
  }
  /// Skips empty slots, and leaves nodes that are finished.
  void settle() noexcept {
    while (depth_ > 0) {
      const Node& node = *nodes_[depth_ - 1];
      std::uint8_t& at = at_[depth_ - 1];
      while (at < node.slot_count() && node.branches()[at] == nullptr) ++at;
      if (at < node.slot_count()) {
        branch_ = node.branches()[at];
        return;
      }
      if (--depth_ > 0) ++at_[depth_ - 1];  // a node occupies one slot
    }
    branch_ = nullptr;
  }

  const Branch* branch_;
  unsigned depth_ = 0;
  const Node* nodes_[levels] = {};  // at each depth; below, the current slot in it
  std::uint8_t at_[levels] = {};
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_TABLE_DETAIL_WALK_HPP
