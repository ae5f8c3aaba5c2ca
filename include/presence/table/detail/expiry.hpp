// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TABLE_DETAIL_EXPIRY_HPP
#define PRESENCE_TABLE_DETAIL_EXPIRY_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/table/detail/branch.hpp>
#include <presence/table/detail/node.hpp>
#include <presence/table/detail/page.hpp>
#include <presence/table/detail/user_row.hpp>

#include <cstddef>  // for size_t
#include <cstdint>  // for uint32_t

/// How time finds its rows in a UserTable: by the lower bounds of deadlines and cleanups that each page and node
/// carries. Nothing here depends on where a user is.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Copies the shared pages below a node with a deadline bound at or before `now`, and the nodes above them. The node
/// must be unshared.
inline void unshare_due_below(Node& node, Timestamp now) {
  for (std::uint32_t at = 0; at < node.slot_count(); at += node.run_at(at)) {
    if (node.branches()[at] == nullptr || now < node.branches()[at]->due) continue;
    Branch& child = node.own_child(at);
    if (!child.is_page) unshare_due_below(child.as_node(), now);
  }
}

/// Calls `update_row(row, due)` for every row below a node with a deadline bound at or before `now`, and for the rows
/// of the same pages with a bound up to `soon`. Raises the bounds above to those of the rows. Nothing below may be
/// shared.
template <class UpdateRow>
void update_due_below(Node& node, Timestamp now, Timestamp soon, UpdateRow& update_row) {
  // Pages are processed in batches, so that prefetches of their rows overlap. The bound of a page is raised when all
  // of its rows are updated, the bound of the node when all of its pages are.
  constexpr std::size_t most = 12;
  struct {
    Page* page;
    std::uint32_t rows;  // a bit for each of the first rows to update
    Timestamp others;    // the earliest bound of the other rows
  } pages[most];
  std::size_t count = 0;
  Timestamp node_due = never;
  const auto update_pages = [&] {
    for (std::size_t i = 0; i < count; ++i) {
      for (std::uint32_t rows = pages[i].rows; rows != 0; rows &= rows - 1)
        pages[i].page->row(static_cast<std::uint32_t>(detail::lowest_bit(rows))).prefetch_elsewhere();
    }
    for (std::size_t i = 0; i < count; ++i) {
      Page& page = *pages[i].page;
      LowerBound* const dues = page.dues();
      const auto update_at = [&](std::size_t at) {
        update_row(page, static_cast<std::uint32_t>(at));
        pages[i].others = earlier(pages[i].others, dues[at].owned());
      };
      for (std::uint32_t rows = pages[i].rows; rows != 0; rows &= rows - 1) update_at(detail::lowest_bit(rows));
      for (std::uint32_t at = Page::room; at < page.size; ++at) update_at(at);
      page.due = pages[i].others;
      node_due = earlier(node_due, pages[i].others);
    }
    count = 0;
  };
  Branch* const* const branches = node.branches();
  const std::uint32_t slot_count = node.slot_count();
  for (std::uint32_t at = 0; at < slot_count; at += node.run_at(at)) {
    // Prefetches the next pages.
    if (at + 4 < slot_count && branches[at + 4] != nullptr) prefetch(branches[at + 4], sizeof(Page));
    if (at + 2 < slot_count && branches[at + 2] != nullptr && !node.leads_to_node(at + 2) &&
        branches[at + 2]->due <= now)
      branches[at + 2]->as_page().prefetch_dues();
    Branch* const child = branches[at];
    if (child == nullptr) continue;
    if (now < child->due || !child->is_page) {
      if (child->due <= now) update_due_below(child->as_node(), now, soon, update_row);
      node_due = earlier(node_due, child->due);
      continue;
    }
    if (count == most) update_pages();
    auto& next = pages[count++];
    next.page = &child->as_page();
    next.rows = next.page->due_rows(soon, next.others);
  }
  update_pages();
  node.due = node_due;
}

/// The least of some bounds, and the second: what is the least when the first turns out to be stale.
template <class Bounded>
struct TwoLeast {
  Bounded first{};
  Timestamp least = never, second = never;

  void add(Timestamp due, Bounded bounded) noexcept {
    if (due >= second) return;
    if (due < least) {
      second = least;
      least = due;
      first = bounded;
    } else {
      second = due;
    }
  }
};

/// Returns the earliest value of `next(row)` below a branch, if it is no later than `limit`; else any later value.
/// Each round finds the earliest value or raises a stale bound.
template <class Next>
Timestamp earliest_below(const Branch& branch, Timestamp limit, Next& next) {
  for (;;) {
    Timestamp least, second;
    if (branch.is_page) {
      const Page& page = branch.as_page();
      TwoLeast<std::uint32_t> rows;
      for (std::uint32_t i = 0; i < page.size; ++i) rows.add(page.dues()[i], i);
      least = rows.least;
      second = rows.second;
      if (least <= limit && least != never) {
        const Timestamp exact = next(page.row(rows.first));
        if (exact > least) page.dues()[rows.first].raise(exact);
        least = exact;
      }
    } else {
      const Node& node = branch.as_node();
      TwoLeast<const Branch*> children;
      const Branch* before = nullptr;  // a page may have several slots
      for (std::uint32_t at = 0; at < node.slot_count(); ++at) {
        const Branch* const child = node.branches()[at];
        if (child == before || child == nullptr) continue;
        before = child;
        children.add(child->due, child);
      }
      least = children.least;
      second = children.second;
      if (least <= limit && children.first != nullptr)
        least = earliest_below(*children.first, earlier(second, limit), next);
    }
    if (least > second && second <= limit) continue;
    least = earlier(least, second);
    branch.due.raise(least);
    return least;
  }
}

/// Calls `visit` for every row below a node that time alone may change visibly or remove at or before `now`.
template <class Visit>
void each_due_below(const Node& node, Timestamp now, Visit& visit) {
  for (std::uint32_t at = 0; at < node.slot_count(); at += node.run_at(at)) {
    const Branch* const child = node.branches()[at];
    // Prefetches one of the next pages while this one is iterated.
    if (at + 2 < node.slot_count() && node.branches()[at + 2] != nullptr)
      prefetch(node.branches()[at + 2], sizeof(Page));
    if (child == nullptr || (now < child->due && now < child->cleanup)) continue;
    if (child->is_page) {
      const Page& page = child->as_page();
      const bool all = page.cleanup <= now;
      for (std::uint32_t i = 0; i < page.size; ++i) {
        if (all || page.dues()[i] <= now) page.prefetch_row(i);
      }
      for (std::uint32_t i = 0; i < page.size; ++i) {
        if (all || page.dues()[i] <= now) visit(page.row(i));
      }
    } else {
      each_due_below(child->as_node(), now, visit);
    }
  }
}

/// Calls `next(row)` for every row of each page in which memory may be freed at `now`, and raises the bounds of the
/// pages and nodes for which it returns later times only.
template <class Next>
void update_cleanups_below(const Branch& branch, Timestamp now, Next& next) {
  Timestamp least = never;
  if (branch.is_page) {
    const Page& page = branch.as_page();
    page.prefetch_elsewhere();
    for (std::uint32_t i = 0; i < page.size; ++i) least = earlier(least, next(page.row(i)));
  } else {
    const Node& node = branch.as_node();
    for (std::uint32_t at = 0; at < node.slot_count(); at += node.run_at(at)) {
      const Branch* const child = node.branches()[at];
      if (child == nullptr) continue;
      if (child->cleanup <= now) update_cleanups_below(*child, now, next);
      least = earlier(least, child->cleanup);
    }
  }
  if (least > now) branch.cleanup.raise(least);
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_TABLE_DETAIL_EXPIRY_HPP
