// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TABLE_DETAIL_WALKING_HPP
#define PRESENCE_TABLE_DETAIL_WALKING_HPP

#include <presence/base/detail/memory.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/table/detail/branch.hpp>
#include <presence/table/detail/node.hpp>
#include <presence/table/detail/page.hpp>
#include <presence/table/detail/user_row.hpp>
#include <presence/table/detail/walk.hpp>

#include <cstddef>  // for size_t
#include <cstdint>  // for uint8_t, uint32_t

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

inline bool Walk::at_node() const noexcept { return branch_ != nullptr && !branch_->is_page; }
inline Timestamp Walk::due_around() const noexcept { return depth_ == 0 ? absent : Timestamp(nodes_[depth_ - 1]->due); }
inline void Walk::open() noexcept {
  nodes_[depth_] = &branch_->as_node();
  at_[depth_++] = 0;
  settle();
}
inline void Walk::next() noexcept {
  if (depth_ == 0) {
    branch_ = nullptr;
    return;
  }
  std::uint8_t& at = at_[depth_ - 1];
  at = static_cast<std::uint8_t>(at + nodes_[depth_ - 1]->run_at(at));
  settle();
}
inline void Walk::prefetch_following() const noexcept {
  if (const Page* const page = following_page()) page->prefetch_rows();
}
inline void Walk::prefetch_following_rests() const noexcept {
  if (const Page* const page = following_page()) page->prefetch_rests();
}
inline void Walk::prefetch_opened(const Walk& a, const Walk& b) noexcept {
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
inline void Walk::prefetch_following(const Walk& a, const Walk& b) noexcept {
  const Page *const one = a.following_page(), *const other = b.following_page();
  if (one == other) return;
  if (one != nullptr) one->prefetch_rows();
  if (other != nullptr) other->prefetch_rows();
}
inline void Walk::pass_shared(Walk& a, Walk& b) noexcept {
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
inline const Page* Walk::down_to_page() noexcept {
  while (at_node()) open();
  return branch_ == nullptr ? nullptr : &branch_->as_page();
}
inline const Page* Walk::following_page() const noexcept {
  if (depth_ == 0) return nullptr;
  const Node& node = *nodes_[depth_ - 1];
  const std::uint32_t at = at_[depth_ - 1] + node.run_at(at_[depth_ - 1]);
  if (at >= node.slot_count() || node.branches()[at] == nullptr || node.leads_to_node(at)) return nullptr;
  return &node.branches()[at]->as_page();
}
inline void Walk::settle() noexcept {
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
inline RowView TableCursor::operator*() const noexcept { return page_->row(row_); }
inline RowView TableCursor::operator->() const noexcept { return **this; }
inline TableCursor& TableCursor::operator++() noexcept {
  if (++row_ == page_->size) leave();
  return *this;
}
PRESENCE_DETAIL_APART inline void TableCursor::leave() noexcept {
  walk_.next();
  enter();
}
inline void TableCursor::enter() noexcept {
  page_ = walk_.down_to_page();
  row_ = 0;
  if (page_ == nullptr) return;
  walk_.prefetch_following();
  if (for_views_) {
    page_->prefetch_for_views();
  } else {
    page_->prefetch_elsewhere();
  }
}
inline TableCursor::TableCursor(const Branch* top, bool for_views) noexcept : walk_(top), for_views_(for_views) {
  enter();
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_TABLE_DETAIL_WALKING_HPP
