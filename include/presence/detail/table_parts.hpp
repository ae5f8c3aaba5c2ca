// SPDX-License-Identifier: MIT
#ifndef PRESENCE_DETAIL_TABLE_PARTS_HPP
#define PRESENCE_DETAIL_TABLE_PARTS_HPP

#include <presence/detail/algorithm.hpp>
#include <presence/detail/derived.hpp>
#include <presence/detail/digest.hpp>
#include <presence/detail/memory.hpp>
#include <presence/detail/registers.hpp>
#include <presence/detail/text.hpp>
#include <presence/detail/user_key.hpp>
#include <presence/detail/user_row.hpp>

#include <cstddef>  // for size_t
#include <cstdint>  // for uint8_t, uint32_t, uint64_t
#include <utility>  // for move

/// What a UserTable is made of: pages of rows, nodes of pages and nodes, and a walk over them.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Asks for memory that is about to be read. To be called from where it is not all that is done: compilers take a
/// function that does nothing else for one that does nothing.
inline void prefetch(const void* address, std::size_t bytes) noexcept {
#if defined(__GNUC__) || defined(__clang__)
  const char* const first = static_cast<const char*>(address);
  for (std::size_t at = 0; at < bytes; at += 64) __builtin_prefetch(first + at);
  __builtin_prefetch(first + bytes - 1);
#else
  static_cast<void>(address), static_cast<void>(bytes);
#endif
}

class Page;
class Node;

/// A page or a node. Owned by every node that it is in, once for each, however many slots it stands in there.
struct Branch {
  OwnerCount owners;
  bool is_page;
  /// Of a page: how many of its node's bits place it.
  std::uint8_t page_depth = 0;
  /// Nothing in it changes by time alone before this. Only a lower bound: what defers a deadline does not look for the
  /// next one.
  Timestamp due = never;

  Branch(const Branch&) = delete;
  Branch& operator=(const Branch&) = delete;

  inline Page& as_page() noexcept;
  inline const Page& as_page() const noexcept;
  inline Node& as_node() noexcept;
  inline const Node& as_node() const noexcept;

  /// Ends one ownership; null is nobody's.
  static inline void drop(Branch* branch) noexcept;

 protected:
  explicit Branch(bool page) noexcept : is_page(page) {}
  ~Branch() = default;
};

/// A branch that is not in its place yet; given back where something fails before it is.
struct Spare {
  Branch* branch;

  inline Page& page() noexcept { return branch->as_page(); }
  Branch* release() noexcept { return std::exchange(branch, nullptr); }
  ~Spare() { Branch::drop(branch); }
};

/// Rows in their order, and for each a tag and an instant before which time changes nothing in it: a lower bound too.
class alignas(16) Page : public Branch {
 public:
  /// Rows that a page holds before it is split.
  static constexpr std::uint32_t room = 32;
  /// By how many rows a page grows.
  static constexpr std::uint32_t step = 4;

  std::uint32_t size = 0;
  const std::uint32_t capacity;
  /// Of the rows, where another page was found to be the same; none after any change.
  Note digest;

  /// One bit for each row that may be online, once somebody has looked, and the highest bit; none after any change.
  /// Time alone turns nobody online.
  Note online;
  static constexpr std::uint64_t online_is_noted = std::uint64_t{1} << 63;

  /// To be called before a row is changed: what was noted of what was there is none of what is.
  void forget_notes() noexcept {
    if (digest.read() != 0) digest.write(0);
    if (online.read() != 0) online.write(0);
  }
  std::uint64_t find_digest(std::uint64_t seed) const noexcept {
    std::uint64_t sum = seed;
    for (const UserRow& row : *this) sum = mix(sum ^ digest_of(row.name(), row.registers(), seed));
    return sum | 1;  // zero stands for none
  }

  static Page* make(std::uint32_t capacity) {
    return detail::construct<Page>(detail::allocate(bytes_of(capacity), alignof(Page)), capacity);
  }
  static Page* make(const Page& other) {
    Page* const copy = make(other.capacity);
    Spare unfinished{copy};
    copy->page_depth = other.page_depth;
    copy->due = other.due;
    for (std::uint32_t i = 0; i < other.size; ++i) {
      detail::construct<UserRow>(copy->rows() + i, other.rows()[i]);
      copy->copy_head(i, other, i);
      ++copy->size;
    }
    unfinished.release();
    return copy;
  }
  void destroy() noexcept {
    for (std::uint32_t i = 0; i < size; ++i) rows()[i].~UserRow();
    const std::size_t bytes = bytes_of(capacity);
    this->~Page();
    detail::deallocate(this, bytes, alignof(Page));
  }

  Timestamp* dues() noexcept { return reinterpret_cast<Timestamp*>(tags() + tag_bytes(capacity)); }
  const Timestamp* dues() const noexcept { return reinterpret_cast<const Timestamp*>(tags() + tag_bytes(capacity)); }
  UserRow* rows() noexcept { return reinterpret_cast<UserRow*>(dues() + capacity); }
  const UserRow* rows() const noexcept { return reinterpret_cast<const UserRow*>(dues() + capacity); }
  const UserRow* begin() const noexcept { return rows(); }
  const UserRow* end() const noexcept { return rows() + size; }

  const UserRow* find(const UserKey& key) const noexcept {
    for (std::uint32_t i = 0; i < size; i += 8) {
      for (std::uint64_t marks = marks_at(i, key.tag); marks != 0; marks &= marks - 1) {
        const std::uint32_t at = i + lowest_mark(marks);
        if (at < size && key.id.is(rows()[at].id())) return rows() + at;
      }
    }
    return nullptr;
  }
  UserRow* find(const UserKey& key) noexcept { return const_cast<UserRow*>(static_cast<const Page&>(*this).find(key)); }
  std::uint32_t index_of(const UserKey& key) const noexcept { return static_cast<std::uint32_t>(find(key) - rows()); }

  /// The row that is probably meant, by its tag alone; null where there is none.
  const UserRow* probable(const UserKey& key) const noexcept {
    for (std::uint32_t i = 0; i < size; i += 8) {
      const std::uint64_t marks = marks_at(i, key.tag);
      if (marks == 0) continue;
      const std::uint32_t at = i + lowest_mark(marks);
      return at < size ? rows() + at : nullptr;
    }
    return nullptr;
  }
  /// How much of a page tells which row that is.
  static constexpr std::size_t head_bytes() noexcept { return sizeof(Page) + room; }
  static constexpr std::size_t dues_end() noexcept { return head_bytes() + room * sizeof(Timestamp); }

  /// Where there is room for it.
  void insert(std::uint32_t at, UserRow&& row, std::uint8_t tag, Timestamp row_due) noexcept {
    forget_notes();
    detail::construct<UserRow>(rows() + size);
    for (std::uint32_t i = size; i > at; --i) {
      rows()[i] = std::move(rows()[i - 1]);
      copy_head(i, *this, i - 1);
    }
    rows()[at] = std::move(row);
    tags()[at] = tag;
    dues()[at] = row_due;
    ++size;
  }
  void erase(std::uint32_t at) noexcept {
    forget_notes();
    for (std::uint32_t i = at + 1; i < size; ++i) {
      rows()[i - 1] = std::move(rows()[i]);
      copy_head(i - 1, *this, i);
    }
    rows()[--size].~UserRow();
  }
  /// Moves rows of another page, from one of its on, behind those of this one, which has room for them.
  void take(Page& other, std::uint32_t from) noexcept {
    for (std::uint32_t i = from; i < other.size; ++i) {
      detail::construct<UserRow>(rows() + size, std::move(other.rows()[i]));
      copy_head(size++, other, i);
      other.rows()[i].~UserRow();
    }
    other.size = from;
  }

  static std::uint32_t capacity_for(std::uint32_t rows) noexcept { return (rows + step - 1) / step * step; }

 private:
  template <class T, class... Args>
  friend T* construct(void* at, Args&&... args);

  explicit Page(std::uint32_t rows) noexcept : Branch(true), capacity(rows) {
    for (std::uint32_t i = 0; i < tag_bytes(rows); ++i) tags()[i] = 0;
  }
  ~Page() = default;

  std::uint8_t* tags() noexcept { return reinterpret_cast<std::uint8_t*>(this + 1); }
  const std::uint8_t* tags() const noexcept { return reinterpret_cast<const std::uint8_t*>(this + 1); }
  static std::size_t tag_bytes(std::uint32_t capacity) noexcept { return (std::size_t{capacity} + 7) / 8 * 8; }
  static std::size_t bytes_of(std::uint32_t capacity) noexcept {
    return sizeof(Page) + tag_bytes(capacity) + capacity * (sizeof(Timestamp) + sizeof(UserRow));
  }

  /// All of a row but the row itself.
  void copy_head(std::uint32_t to, const Page& other, std::uint32_t from) noexcept {
    tags()[to] = other.tags()[from];
    dues()[to] = other.dues()[from];
  }

  /// Of eight tags the highest bits of those that are the one given, and perhaps of some that are not (after one that
  /// is): the ids tell.
  std::uint64_t marks_at(std::uint32_t at, std::uint8_t tag) const noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    const std::uint64_t differences = load_word(reinterpret_cast<const char*>(tags() + at)) ^ ones * tag;
    return (differences - ones) & ~differences & tops;
  }
  static std::uint32_t lowest_mark(std::uint64_t marks) noexcept {
#if defined(__GNUC__) || defined(__clang__)
    return static_cast<std::uint32_t>(__builtin_ctzll(marks)) / 8;
#else
    std::uint32_t at = 0;
    for (; (marks & 0xFF) == 0; marks >>= 8) ++at;
    return at;
#endif
  }
};
static_assert(sizeof(Page) % 8 == 0 && alignof(Timestamp) <= 8 && alignof(UserRow) <= 8,
              "the instants follow the tags without a gap, and the rows follow them");

/// A directory: `1 << bits` slots, of which the next bits of a user's hash name one. A page that goes by fewer bits
/// stands in a run of slots; what goes by more is behind a node, in one slot of a node with all bits. Where there is no
/// user there is no page: an empty run.
class Node : public Branch {
 public:
  static constexpr unsigned most_bits = 6;

  const std::uint8_t bits;
  std::size_t users = 0;
  /// A bit for each slot: whether a node is behind it. Noted here so that a page on the way need not be read to know
  /// it.
  std::uint64_t nodes = 0;

  static Node* make(unsigned bits) {
    return detail::construct<Node>(detail::allocate(bytes_of(bits), alignof(Node)), bits);
  }
  static Node* make(const Node& other) {
    Node* const copy = make(other.bits);
    copy->users = other.users;
    copy->nodes = other.nodes;
    copy->due = other.due;
    for (std::uint32_t at = 0; at < other.slot_count(); at += other.run_at(at)) {
      Branch* const child = other.branches()[at];
      if (child == nullptr) continue;
      child->owners.add();
      copy->fill(at, other.depth_at(at), child);
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
  /// `of` are all bits that a node may go by.
  std::uint32_t slot_of(unsigned of) const noexcept { return of >> (most_bits - bits); }
  Branch** branches() noexcept { return reinterpret_cast<Branch**>(this + 1); }
  Branch* const* branches() const noexcept { return reinterpret_cast<Branch* const*>(this + 1); }
  bool leads_to_node(std::uint32_t slot) const noexcept { return (nodes >> slot & 1) != 0; }
  /// How many slots the page that starts there stands in; one for a node and for an empty slot. Reads nothing of it.
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

  /// The child of a slot, this node's alone from now on.
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

  /// Puts a page into the widest empty run around an empty slot.
  void fill_empty_run(std::uint32_t at) {
    const unsigned depth = empty_depth(at);
    Page* const page = Page::make(Page::step);
    page->page_depth = static_cast<std::uint8_t>(depth);
    fill(at, depth, page);
  }

  /// Puts a larger page in place of that of a slot.
  Page& enlarge(std::uint32_t at) {
    Page& page = branches()[at]->as_page();
    Page* const larger = Page::make(page.capacity + (page.capacity < Page::room ? Page::step : page.capacity / 2));
    larger->page_depth = page.page_depth;
    larger->due = page.due;
    larger->take(page, 0);
    fill(at, page.page_depth, larger);
    page.destroy();
    return *larger;
  }

  /// Puts two pages in place of the full one that `of` leads to. All its users agree with `of` in the first `agree`
  /// bits; the first `in_lower` rows go to the lower half of what is left of the run.
  static void split(Branch*& link, unsigned of, unsigned agree, std::uint32_t in_lower) {
    const std::uint32_t in_upper = link->as_node().branches()[link->as_node().slot_of(of)]->as_page().size - in_lower;
    Spare lower{Page::make(Page::capacity_for(in_lower + 1))}, upper{Page::make(Page::capacity_for(in_upper + 1))};
    if (agree + 1 > link->as_node().bits) set_bits(link, agree + 1);
    Node& node = link->as_node();
    const std::uint32_t at = node.slot_of(of);
    Page& page = node.branches()[at]->as_page();
    upper.page().take(page, in_lower);
    lower.page().take(page, 0);
    lower.page().due = upper.page().due = page.due;
    lower.page().page_depth = upper.page().page_depth = static_cast<std::uint8_t>(agree + 1);
    node.fill(at, page.page_depth, nullptr);
    page.destroy();
    const std::uint32_t run = node.run_of(agree + 1), first = at & ~(2 * run - 1);
    node.fill(first, agree + 1, lower.release());
    node.fill(first + run, agree + 1, upper.release());
  }

  /// Puts the page that `of` leads to, whose users agree with it in all bits that a node can go by, under a node of its
  /// own.
  static void push_down(Branch*& link, unsigned of) {
    Spare below{make(0)};
    if (link->as_node().bits < most_bits) set_bits(link, most_bits);
    Node& node = link->as_node();
    const std::uint32_t at = node.slot_of(of);
    Page& page = node.branches()[at]->as_page();
    node.fill(at, page.page_depth, nullptr);
    page.page_depth = 0;
    Node& only = below.branch->as_node();
    only.users = page.size;
    only.due = page.due;
    only.branches()[0] = &page;
    node.branches()[at] = below.release();
    node.nodes |= std::uint64_t{1} << at;
  }

  /// Joins the page of a slot, which has lost a user, with its neighbours as long as one page has room for both.
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
      joined.page().due = earlier(first.due, second.due);
      joined.page().page_depth = static_cast<std::uint8_t>(depth - 1);
      fill(at, depth - 1, joined.release());
      first.destroy();
      second.destroy();
    }
  }

  /// Puts the only page under the node of a slot in that node's place, if it has so few users.
  void take_up(std::uint32_t at) noexcept {
    Node& below = branches()[at]->as_node();
    Branch* const page = below.branches()[0];
    if (page != nullptr) page->page_depth = static_cast<std::uint8_t>(bits);
    branches()[at] = page;
    nodes &= ~(std::uint64_t{1} << at);
    below.forget();
  }

  /// Gives the node as few bits as its pages go by.
  static void shrink(Branch*& link) {
    const unsigned needed = link->as_node().needed_bits();
    if (needed < link->as_node().bits) set_bits(link, needed);
  }

  /// For tests: whether the slots are as they should be, whatever is in the pages.
  bool has_sound_slots() const noexcept {
    for (std::uint32_t at = 0; at < slot_count(); at += run_at(at)) {
      const Branch* const child = branches()[at];
      const unsigned depth = depth_at(at);
      if (leads_to_node(at) != (child != nullptr && !child->is_page)) return false;
      if (child == nullptr) continue;
      if (depth > bits || (at & (run_of(depth) - 1)) != 0) return false;
      for (std::uint32_t i = 0; i < run_of(depth); ++i) {
        if (branches()[at + i] != child) return false;
      }
    }
    return needed_bits() == bits;
  }

 private:
  template <class T, class... Args>
  friend T* construct(void* at, Args&&... args);

  explicit Node(unsigned of) noexcept : Branch(false), bits(static_cast<std::uint8_t>(of)) {
    for (std::uint32_t at = 0; at < slot_count(); ++at) branches()[at] = nullptr;
  }
  ~Node() = default;
  static std::size_t bytes_of(unsigned bits) noexcept { return sizeof(Node) + (sizeof(Branch*) << bits); }
  /// Ends the node, not what was in it.
  void forget() noexcept {
    const std::size_t bytes = bytes_of(bits);
    this->~Node();
    detail::deallocate(this, bytes, alignof(Node));
  }

  std::uint32_t run_of(unsigned depth) const noexcept { return std::uint32_t{1} << (bits - depth); }
  /// Puts a branch into the run of that depth around a slot.
  void fill(std::uint32_t at, unsigned depth, Branch* branch) noexcept {
    const std::uint32_t run = run_of(depth), first = at & ~(run - 1);
    for (std::uint32_t i = 0; i < run; ++i) branches()[first + i] = branch;
  }
  /// Whether a run is one page or empty.
  bool is_whole(std::uint32_t first, unsigned depth) const noexcept {
    const Branch* const child = branches()[first];
    return child == nullptr ? run_is_empty(first, depth) : child->is_page && child->page_depth == depth;
  }
  /// The depth of the widest empty run around an empty slot.
  unsigned empty_depth(std::uint32_t at) const noexcept {
    unsigned depth = bits;
    while (depth > 0 && run_is_empty((at & ~(run_of(depth) - 1)) ^ run_of(depth), depth)) --depth;
    return depth;
  }

  /// By how many bits one comes to what is in a slot.
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
    Node* const fresh = make(bits);
    for (std::uint32_t at = 0; at < fresh->slot_count(); ++at) {
      fresh->branches()[at] = old.branches()[bits > old.bits ? at >> (bits - old.bits) : at << (old.bits - bits)];
    }
    fresh->users = old.users;
    fresh->due = old.due;
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

/// Goes over the branches below a node, from the first on. Stands at one of them, and passes over it or into it.
template <unsigned levels>
class Walk {
 public:
  explicit Walk(const Branch* top = nullptr) noexcept : branch_(top) {}

  /// Null: there are no more.
  const Branch* branch() const noexcept { return branch_; }
  bool at_node() const noexcept { return branch_ != nullptr && !branch_->is_page; }
  /// A lower bound of when something is due there, known without a look at it.
  Timestamp due_around() const noexcept { return depth_ == 0 ? absent : nodes_[depth_ - 1]->due; }
  unsigned depth() const noexcept { return depth_; }

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
  /// Opens nodes until it stands at a page, or at the end (null).
  const Page* down_to_page() noexcept {
    while (at_node()) open();
    return branch_ == nullptr ? nullptr : &branch_->as_page();
  }

 private:
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

#endif  // PRESENCE_DETAIL_TABLE_PARTS_HPP
