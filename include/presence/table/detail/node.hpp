// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TABLE_DETAIL_NODE_HPP
#define PRESENCE_TABLE_DETAIL_NODE_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/byte_search.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/table/detail/branch.hpp>
#include <presence/table/detail/page.hpp>

#include <cstddef>  // for size_t
#include <cstdint>  // for uint8_t, uint32_t, uint64_t
#include <cstring>  // for memcmp, memcpy, memset
#include <utility>  // for exchange

/// The directories of a UserTable.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// A directory of `1 << bits` slots. The bits of a user's hashes at the node's level select one of them. A page that
/// needs fewer bits occupies a run of consecutive slots. Users that need more bits are below a child node, which
/// occupies one slot of a node with all bits. A run without users is empty: it has no page.
///
/// The level of a node is the first at which its users differ. So every node leads to at least two branches, and bits
/// in which all of its users agree cost no node.
class Node : public Branch {
 public:
  static constexpr unsigned most_bits = 6;
  /// The number of levels that the highest 60 bits of a hash are enough for.
  static constexpr unsigned levels_per_hash = 10;

  const std::uint8_t bits;
  std::size_t users = 0;
  /// A bit for each slot, set if its branch is a node. Cached here so that the branch need not be read.
  std::uint64_t nodes = 0;

  static Node* make(unsigned bits, unsigned at_level) {
    return detail::construct<Node>(detail::allocate(bytes_of(bits), alignof(Node)), bits, at_level);
  }
  static Node* make(const Node& other) {
    Node* const copy = make(other.bits, other.level);
    copy->users = other.users;
    copy->nodes = other.nodes;
    copy->copy_bounds(other);
    for (std::uint32_t at = 0; at < other.slot_count(); ++at) {
      // Prefetched, because each owner that is added below would wait for the one before.
      if (other.branches()[at] != nullptr) detail::prefetch(other.branches()[at], 1);
      copy->copy_slot(at, other, at);
    }
    for (std::uint32_t at = 0; at < other.slot_count(); at += other.run_at(at)) {
      if (Branch* const child = other.branches()[at]) child->owners.add();
    }
    return copy;
  }
  void destroy() noexcept {
    for (std::uint32_t at = 0, next; at < slot_count(); at = next) {
      next = at + run_at(at);
      Branch::drop(branches()[at]);
    }
    forget();
  }

  std::uint32_t slot_count() const noexcept { return std::uint32_t{1} << bits; }
  /// Returns the slot of a user. `of` are all bits that a node may use.
  std::uint32_t slot_of(unsigned of) const noexcept { return of >> (most_bits - bits); }
  /// Returns the slot for a hash that begins with these bits.
  std::uint32_t slot_of(std::uint64_t order) const noexcept { return slot_of(order, bits); }
  static std::uint32_t slot_of(std::uint64_t order, unsigned bits) noexcept {
    return static_cast<std::uint32_t>(order >> 1 >> (63 - bits));
  }
  Branch** branches() noexcept { return reinterpret_cast<Branch**>(this + 1); }
  Branch* const* branches() const noexcept { return reinterpret_cast<Branch* const*>(this + 1); }
  /// A copy of the tags of the first rows of the page in a slot. So a lookup finds the row without reading the page.
  const std::uint8_t* tags(std::uint32_t slot) const noexcept { return const_cast<Node&>(*this).tags(slot); }
  /// Updates the copies of a page's tags. Call it when the rows of the page have changed. Only this node may own the
  /// page.
  void copy_tags(std::uint32_t at) noexcept {
    const Page& page = branches()[at]->as_page();
    const std::uint32_t run = run_of(page.page_depth), first = at & ~(run - 1);
    for (std::uint32_t i = 0; i < run; ++i) std::memcpy(tags(first + i), page.tags(), Page::room);
  }
  /// @{
  /// Cached properties of the node in a slot, stored in place of tags. These are its bits, its level, and whether it
  /// uses the next bits of the same hash.
  std::uint8_t bits_behind(std::uint32_t slot) const noexcept { return tags(slot)[0]; }
  std::uint8_t level_behind(std::uint32_t slot) const noexcept { return tags(slot)[1]; }
  bool follows(std::uint32_t slot) const noexcept { return tags(slot)[2] != 0; }
  /// @}
  /// Updates these properties. Call it when they may have changed.
  void copy_shape(std::uint32_t slot) noexcept {
    const Node& child = branches()[slot]->as_node();
    tags(slot)[0] = child.bits;
    tags(slot)[1] = child.level;
    tags(slot)[2] = child.level == level + 1u && child.level % levels_per_hash != 0 ? 1 : 0;
  }
  /// Prefetches what a lookup reads of this node, which has `of_bits` bits. Does not read the node.
  void prefetch_slot(std::uint64_t order, unsigned of_bits) const noexcept {
    const std::uint32_t slot = slot_of(order, of_bits);
    detail::prefetch(this, 1);
    detail::prefetch(branches() + slot, 1);
    detail::prefetch(
        reinterpret_cast<const std::uint8_t*>(branches() + (std::size_t{1} << of_bits)) + slot * Page::room, 1);
  }
  /// Returns whether it leads to several branches that one page cannot replace.
  bool has_several() const noexcept { return users > Page::room && bits != 0; }
  bool leads_to_node(std::uint32_t slot) const noexcept { return (nodes >> slot & 1) != 0; }
  /// Returns the number of slots occupied by the page that starts there; 1 for a node or an empty slot. Does not read
  /// the page.
  std::uint32_t run_at(std::uint32_t at) const noexcept {
    const Branch* const child = branches()[at];
    if (child == nullptr) return 1;
    std::uint32_t end = at + 1;
    while (end < slot_count() && branches()[end] == child) ++end;
    return end - at;
  }

  bool run_is_empty(std::uint32_t first, unsigned depth) const noexcept {
    for (std::uint32_t i = 0; i < run_of(depth); ++i) {
      if (branches()[first + i] != nullptr) return false;
    }
    return true;
  }

  /// Returns the child of a slot for changes. Copies the child if it is shared.
  Branch& own_child(std::uint32_t at) {
    Branch* const child = branches()[at];
    if (child->owners.is_one()) return *child;
    if (child->is_page) {
      fill(at, child->page_depth, Page::make(child->as_page()));
    } else {
      branches()[at] = Node::make(child->as_node());
    }
    Branch::drop(child);
    return *branches()[at];
  }

  /// Puts a new page into the widest empty run around an empty slot.
  void fill_empty_run(std::uint32_t at) {
    const unsigned depth = empty_depth(at);
    Page* const page = Page::make(Page::step);
    page->page_depth = static_cast<std::uint8_t>(depth);
    fill(at, depth, page);
  }

  /// Replaces the page of a slot by a larger one with the same rows.
  Page& enlarge(std::uint32_t at) {
    Page& page = branches()[at]->as_page();
    Page* const larger = Page::make(page.capacity + (page.capacity < Page::room ? Page::step : page.capacity / 2));
    replace_page(at, *larger);
    return *larger;
  }
  /// Replaces the page of a slot by a smaller one if a large part of it is empty.
  void release_room(std::uint32_t at) {
    const Branch* const child = branches()[at];
    if (child == nullptr || !child->is_page) return;
    const Page& page = child->as_page();
    if (page.capacity > page.size + page.size / 4 + Page::step)
      replace_page(at, *Page::make(Page::capacity_for(page.size)));
  }

  /// Replaces the full page that `of` leads to by two pages. All its users must agree with `of` in the first `agree`
  /// bits. The first `in_lower` rows move to the lower half of the remaining run.
  static void split(Branch*& link, unsigned of, unsigned agree, std::uint32_t in_lower) {
    const std::uint32_t in_upper = link->as_node().branches()[link->as_node().slot_of(of)]->as_page().size - in_lower;
    Spare lower{Page::make(Page::capacity_for(in_lower + 1))}, upper{Page::make(Page::capacity_for(in_upper + 1))};
    if (agree + 1 > link->as_node().bits) set_bits(link, agree + 1);
    Node& node = link->as_node();
    const std::uint32_t at = node.slot_of(of);
    Page& page = node.branches()[at]->as_page();
    upper.page().take(page, in_lower);
    lower.page().take(page, 0);
    lower.page().copy_bounds(page);
    upper.page().copy_bounds(page);
    lower.page().page_depth = upper.page().page_depth = static_cast<std::uint8_t>(agree + 1);
    node.fill(at, page.page_depth, nullptr);
    page.destroy();
    const std::uint32_t run = node.run_of(agree + 1), first = at & ~(2 * run - 1);
    node.fill(first, agree + 1, lower.release());
    node.fill(first + run, agree + 1, upper.release());
  }

  /// Moves the page that `of` leads to below a new node of that level. All its users must agree with `of` in all bits
  /// before `at_level`.
  static void push_down(Branch*& link, unsigned of, unsigned at_level) {
    Spare below{make(0, at_level)};
    if (link->as_node().bits < most_bits) set_bits(link, most_bits);
    Node& node = link->as_node();
    const std::uint32_t at = node.slot_of(of);
    Page& page = node.branches()[at]->as_page();
    node.fill(at, page.page_depth, nullptr);
    page.page_depth = 0;
    Node& only = below.branch->as_node();
    only.users = page.size;
    only.copy_bounds(page);
    only.fill(0, 0, &page);
    node.put_node(at, *below.release());
  }

  /// Inserts a node of that level above the node of the link. The old node is in slot `old_bits` of the new one, and an
  /// empty page is in the slots around `new_bits`.
  static void put_above(Branch*& link, unsigned at_level, unsigned old_bits, unsigned new_bits) {
    Spare page{Page::make(Page::step)};
    Node* const above = make(most_bits, at_level);
    Node& below = link->as_node();
    above->users = below.users;
    above->copy_bounds(below);
    above->put_node(above->slot_of(old_bits), below);
    const std::uint32_t at = above->slot_of(new_bits);
    const unsigned depth = above->empty_depth(at);
    page.page().page_depth = static_cast<std::uint8_t>(depth);
    above->fill(at, depth, page.release());
    link = above;
  }

  /// Replaces a node by its only branch, if it has only one and that is a node.
  static void skip_if_single(Branch*& link) noexcept {
    Node& node = link->as_node();
    if (node.nodes == 0 || (node.nodes & (node.nodes - 1)) != 0) return;
    const auto only = static_cast<std::uint32_t>(detail::lowest_bit(node.nodes));
    for (std::uint32_t at = 0; at < node.slot_count(); ++at) {
      if (at != only && node.branches()[at] != nullptr) return;
    }
    link = node.branches()[only];
    node.forget();
  }

  /// Merges the page of a slot, which has lost a user, with its neighbours as long as one page has room for both.
  void join_around(std::uint32_t at) {
    Branch* const child = branches()[at];
    if (child != nullptr && !child->is_page) return;
    if (child != nullptr && child->as_page().size == 0) {
      fill(at, child->page_depth, nullptr);
      child->as_page().destroy();
    }
    for (;;) {
      const unsigned depth = depth_at(at);
      if (depth == 0) return;
      const std::uint32_t run = run_of(depth), low = at & ~(2 * run - 1), high = low + run;
      if (!is_whole(low, depth) || !is_whole(high, depth)) return;
      if (branches()[low] == nullptr || branches()[high] == nullptr) {
        Branch& page = own_child(branches()[low] == nullptr ? high : low);
        page.page_depth = static_cast<std::uint8_t>(depth - 1);
        fill(at, depth - 1, &page);
        continue;
      }
      const std::uint32_t together = branches()[low]->as_page().size + branches()[high]->as_page().size;
      if (together > Page::room) return;
      Spare joined{Page::make(Page::capacity_for(together))};
      Page &first = own_child(low).as_page(), &second = own_child(high).as_page();
      joined.page().take(first, 0);
      joined.page().take(second, 0);
      joined.page().copy_bounds(first);
      joined.page().lower_bounds(second.due, second.cleanup);
      joined.page().page_depth = static_cast<std::uint8_t>(depth - 1);
      fill(at, depth - 1, joined.release());
      first.destroy();
      second.destroy();
    }
  }

  /// Replaces the node of a slot by the only page below it. Call it when the node has few enough users for one page.
  void collapse_into(std::uint32_t at) noexcept {
    Node& below = branches()[at]->as_node();
    Branch* const page = below.branches()[0];
    if (page != nullptr) page->page_depth = static_cast<std::uint8_t>(bits);
    fill(at, bits, page);
    nodes &= ~(std::uint64_t{1} << at);
    below.forget();
  }

  /// Reduces the node's bits to as few as its pages need.
  static void shrink(Branch*& link) {
    const unsigned needed = link->as_node().needed_bits();
    if (needed < link->as_node().bits) set_bits(link, needed);
  }

  /// Returns whether the invariants of the slots hold, whatever the pages contain. For tests.
  bool has_sound_slots() const noexcept {
    for (std::uint32_t at = 0; at < slot_count(); at += run_at(at)) {
      const Branch* const child = branches()[at];
      const unsigned depth = depth_at(at);
      if (leads_to_node(at) != (child != nullptr && !child->is_page)) return false;
      if (leads_to_node(at) && (bits_behind(at) != child->as_node().bits || level_behind(at) != child->level))
        return false;
      if (child == nullptr) continue;
      if (depth > bits || (at & (run_of(depth) - 1)) != 0) return false;
      for (std::uint32_t i = 0; i < run_of(depth); ++i) {
        if (branches()[at + i] != child) return false;
        if (child->is_page && std::memcmp(tags(at + i), child->as_page().tags(), Page::room) != 0) return false;
      }
    }
    return needed_bits() == bits;
  }

 private:
  template <class T, class... Args>
  friend T* construct(void* at, Args&&... args);

  Node(unsigned of, unsigned at_level) noexcept : Branch(false), bits(static_cast<std::uint8_t>(of)) {
    level = static_cast<std::uint8_t>(at_level);
    std::memset(static_cast<void*>(branches()), 0, bytes_of(of) - sizeof(Node));  // null on all supported machines
  }
  ~Node() = default;
  static std::size_t bytes_of(unsigned bits) noexcept {
    return sizeof(Node) + ((sizeof(Branch*) + Page::room) << bits);
  }
  std::uint8_t* tags(std::uint32_t slot) noexcept {
    return reinterpret_cast<std::uint8_t*>(branches() + slot_count()) + std::size_t{slot} * Page::room;
  }
  void put_node(std::uint32_t at, Branch& node) noexcept {
    branches()[at] = &node;
    nodes |= std::uint64_t{1} << at;
    copy_shape(at);
  }
  /// Moves all rows of a slot's page to an empty page, and puts that page in its place.
  void replace_page(std::uint32_t at, Page& other) noexcept {
    Page& page = branches()[at]->as_page();
    other.page_depth = page.page_depth;
    other.copy_bounds(page);
    other.take(page, 0);
    fill(at, page.page_depth, &other);
    page.destroy();
  }
  void copy_slot(std::uint32_t to, const Node& other, std::uint32_t from) noexcept {
    branches()[to] = other.branches()[from];
    std::memcpy(tags(to), other.tags(from), Page::room);
  }
  /// Destroys the node, but not its branches.
  void forget() noexcept {
    const std::size_t bytes = bytes_of(bits);
    this->~Node();
    detail::deallocate(this, bytes, alignof(Node));
  }

  std::uint32_t run_of(unsigned depth) const noexcept { return std::uint32_t{1} << (bits - depth); }
  /// Puts a branch into all slots of the run of that depth around a slot.
  void fill(std::uint32_t at, unsigned depth, Branch* branch) noexcept {
    const std::uint32_t run = run_of(depth), first = at & ~(run - 1);
    for (std::uint32_t i = 0; i < run; ++i) branches()[first + i] = branch;
    if (branch != nullptr && branch->is_page) copy_tags(at);
  }
  /// Returns whether a run is one page or is empty.
  bool is_whole(std::uint32_t first, unsigned depth) const noexcept {
    const Branch* const child = branches()[first];
    return child == nullptr ? run_is_empty(first, depth) : child->is_page && child->page_depth == depth;
  }
  /// Returns the depth of the widest empty run around an empty slot.
  unsigned empty_depth(std::uint32_t at) const noexcept {
    unsigned depth = bits;
    while (depth > 0 && run_is_empty((at & ~(run_of(depth) - 1)) ^ run_of(depth), depth)) --depth;
    return depth;
  }

  /// Returns the number of bits that select the content of a slot.
  unsigned depth_at(std::uint32_t at) const noexcept {
    const Branch* const child = branches()[at];
    return child == nullptr ? empty_depth(at) : child->is_page ? child->page_depth : most_bits;
  }
  unsigned needed_bits() const noexcept {
    unsigned needed = 0;
    for (std::uint32_t at = 0; at < slot_count(); at += run_at(at)) needed = greater_of(needed, depth_at(at));
    return needed;
  }

  static void set_bits(Branch*& link, unsigned bits) {
    Node& old = link->as_node();
    Node* const fresh = make(bits, old.level);
    for (std::uint32_t at = 0; at < fresh->slot_count(); ++at)
      fresh->copy_slot(at, old, bits > old.bits ? at >> (bits - old.bits) : at << (old.bits - bits));
    fresh->users = old.users;
    fresh->copy_bounds(old);
    link = fresh;
    old.forget();
  }
};

inline Page& Branch::as_page() noexcept { return static_cast<Page&>(*this); }
inline const Page& Branch::as_page() const noexcept { return static_cast<const Page&>(*this); }
inline Node& Branch::as_node() noexcept { return static_cast<Node&>(*this); }
inline const Node& Branch::as_node() const noexcept { return static_cast<const Node&>(*this); }

inline void Branch::drop(Branch* branch) noexcept {
  if (branch == nullptr || !branch->owners.drop_last()) return;
  if (branch->is_page) {
    branch->as_page().destroy();
  } else {
    branch->as_node().destroy();
  }
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_TABLE_DETAIL_NODE_HPP
