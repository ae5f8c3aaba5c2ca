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

/// Iterates over the branches below a node, from the first on. Stands at one of them, and passes over it or into it.
template <unsigned levels>
class Walk {
 public:
  explicit Walk(const Branch* top = nullptr) noexcept : branch_(top) {}

  /// Null: there are no more.
  const Branch* branch() const noexcept { return branch_; }
  bool at_node() const noexcept { return branch_ != nullptr && !branch_->is_page; }
  /// A lower bound of when something is due there, known without a look at it.
  Timestamp due_around() const noexcept { return depth_ == 0 ? absent : Timestamp(nodes_[depth_ - 1]->due); }

  /// From a node to the first branch in it.
  void open() noexcept {
    nodes_[depth_] = &branch_->as_node();
    at_[depth_++] = 0;
    settle();
  }
  /// To the branch after this one and all that is below it.
  void next() noexcept {
    if (depth_ == 0) {
      branch_ = nullptr;
      return;
    }
    std::uint8_t& at = at_[depth_ - 1];
    at = static_cast<std::uint8_t>(at + nodes_[depth_ - 1]->run_at(at));
    settle();
  }
  /// Asks for the rows of the page that comes next.
  void prefetch_following() const noexcept {
    if (const Page* const page = following_page()) page->prefetch_rows();
  }
  /// @{
  /// Asks for what two walks will read where they do not share it: how each branch below two nodes that were just
  /// opened begins; the rows of the pages that come next.
  static void prefetch_opened(const Walk& a, const Walk& b) noexcept {
    constexpr std::size_t beginning = 320;       // a page and four heads, or a node and half of its slots
    if (a.depth_ == 0 || b.depth_ == 0) return;  // there was nothing in it, because memory ran out
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
  /// Takes two walks that stand at the same branch on to where they do not, or to the end of one of the nodes.
  static void pass_shared(Walk& a, Walk& b) noexcept {
    if (a.depth_ != 0 && b.depth_ != 0) {
      const Node &x = *a.nodes_[a.depth_ - 1], &y = *b.nodes_[b.depth_ - 1];
      std::uint8_t &at = a.at_[a.depth_ - 1], &other_at = b.at_[b.depth_ - 1];
      if (x.bits == y.bits && at == other_at) {
        // Whatever both have stands in the same slots of both.
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
  /// Opens nodes until it stands at a page, or at the end (null).
  const Page* down_to_page() noexcept {
    while (at_node()) open();
    return branch_ == nullptr ? nullptr : &branch_->as_page();
  }

 private:
  /// The page right behind this branch in the same node; null where there is none.
  const Page* following_page() const noexcept {
    if (depth_ == 0) return nullptr;
    const Node& node = *nodes_[depth_ - 1];
    const std::uint32_t at = at_[depth_ - 1] + node.run_at(at_[depth_ - 1]);
    if (at >= node.slot_count() || node.branches()[at] == nullptr || node.leads_to_node(at)) return nullptr;
    return &node.branches()[at]->as_page();
  }
  /// Passes over empty slots, and out of nodes that end.
  void settle() noexcept {
    while (depth_ > 0) {
      const Node& node = *nodes_[depth_ - 1];
      std::uint8_t& at = at_[depth_ - 1];
      while (at < node.slot_count() && node.branches()[at] == nullptr) ++at;
      if (at < node.slot_count()) {
        branch_ = node.branches()[at];
        return;
      }
      if (--depth_ > 0) ++at_[depth_ - 1];  // a node stands in one slot
    }
    branch_ = nullptr;
  }

  const Branch* branch_;
  unsigned depth_ = 0;
  const Node* nodes_[levels] = {};  // of each depth, and where it stands in it
  std::uint8_t at_[levels] = {};
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_TABLE_DETAIL_WALK_HPP
