// SPDX-License-Identifier: MIT
#ifndef PRESENCE_DETAIL_TABLE_PARTS_HPP
#define PRESENCE_DETAIL_TABLE_PARTS_HPP

#include <presence/detail/algorithm.hpp>
#include <presence/detail/bits.hpp>
#include <presence/detail/derived.hpp>
#include <presence/detail/memory.hpp>
#include <presence/detail/registers.hpp>
#include <presence/detail/text.hpp>
#include <presence/detail/user_key.hpp>
#include <presence/detail/user_row.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
#include <cstring>      // for memcpy, memmove, memset
#include <string_view>  // for string_view
#include <utility>      // for exchange, move

/// What a UserTable is made of: pages of rows, nodes of pages and nodes, and a walk over them.
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

  inline Page& as_page() noexcept;
  inline const Page& as_page() const noexcept;
  inline Node& as_node() noexcept;
  inline const Node& as_node() const noexcept;

  /// Ends one ownership; null is nobody's.
  static inline void drop(Branch* branch) noexcept;

 protected:
  explicit Branch(bool page, std::uint8_t skipped_bytes = 0) noexcept : is_page(page), skipped(skipped_bytes) {}
  ~Branch() = default;
};

/// A branch that is not in its place yet; given back where something fails before it is.
struct Spare {
  Branch* branch;

  inline Page& page() noexcept { return branch->as_page(); }
  Branch* release() noexcept { return std::exchange(branch, nullptr); }
  ~Spare() { Branch::drop(branch); }
};

/// Rows in their order, and for each a tag and a lower bound of when time alone changes what others see of it.
///
/// The heads of the rows come right behind the page, each on a cache line of its own; then the instants and the tags.
/// What else there is of the rows lies before the page, the first row's nearest to it. The nodes around have the tags
/// as well. So a heartbeat reads a line of the page and one of the row, and where a row lies follows from its number
/// alone.
class alignas(64) Page : public Branch {
 public:
  /// Rows that a page holds before it is split.
  static constexpr std::uint32_t room = 32;
  /// By how many rows a page grows.
  static constexpr std::uint32_t step = 2;
  static constexpr std::uint32_t none = 0xFFFFFFFF, unsure = 0xFFFFFFFE;

  std::uint32_t size = 0;
  const std::uint32_t capacity;
  /// Shared with pages that were compared and found equal.
  EqualityMark equality;
  /// One bit for each of the first rows that is known to be offline; none after any change. Time alone turns nobody
  /// online.
  Note offline;

  /// Forgets what readers cached. Call it before a row is changed.
  void forget_notes() noexcept {
    equality.clear();
    if (offline.read() != 0) offline.write(0);
  }

  /// Whether one of the activities of a row is known to have at least that value, on evidence no later than `at`: then
  /// a heartbeat of that value says nothing new, and what else there is of the row need not be read to know it. Noted
  /// by the only owner.
  bool covers(std::uint32_t row, Timestamp value, Timestamp at) const noexcept {
    return row < room && (covered_rows_ >> row & 1) != 0 && value <= covered_value_ && at >= covered_from_;
  }
  /// Notes that it has. What is known of other rows goes if it is of a lesser value.
  void cover(std::uint32_t row, Timestamp value, Timestamp at) noexcept {
    if (row >= room || (covered_rows_ != 0 && value < covered_value_)) return;
    if (covered_rows_ == 0 || value > covered_value_) {
      covered_rows_ = 0;
      covered_value_ = value;
      covered_from_ = at;
    }
    covered_rows_ |= std::uint32_t{1} << row;
    covered_from_ = later(covered_from_, at);
  }
  /// To be called when activities of a row may have gone.
  void uncover(std::uint32_t row) noexcept {
    if (row < room) covered_rows_ &= ~(std::uint32_t{1} << row);
  }

  static Page* make(std::uint32_t capacity) {
    char* const memory = static_cast<char*>(detail::allocate(bytes_of(capacity), memory_alignment));
    char* const first = memory + capacity * sizeof(RowRest);
    const auto beyond = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(first) % line);
    const std::uint32_t skipped = beyond == 0 ? 0 : line - beyond;
    return detail::construct<Page>(first + skipped, capacity, static_cast<std::uint8_t>(skipped));
  }
  static Page* make(const Page& other) {
    Page* const copy = make(other.capacity);
    Spare unfinished{copy};
    copy->page_depth = other.page_depth;
    copy->copy_bounds(other);
    for (std::uint32_t i = 0; i < other.size; ++i) detail::construct<LowerBound>(copy->dues() + i, other.dues()[i]);
    std::memcpy(copy->tags(), other.tags(), other.size);
    for (std::uint32_t i = 0; i < other.size; ++i) other.row(i).prefetch_owners();
    for (std::uint32_t i = 0; i < other.size; ++i) {
      detail::construct<RowHead>(copy->heads() + i, other.heads()[i]);
      detail::construct<RowRest>(copy->rest(i), *other.rest(i));
      ++copy->size;
    }
    unfinished.release();
    return copy;
  }
  void destroy() noexcept {
    for (std::uint32_t i = 0; i < size; ++i) end_row(i);
    char* const memory = reinterpret_cast<char*>(this) - skipped - capacity * sizeof(RowRest);
    const std::size_t bytes = bytes_of(capacity);
    this->~Page();
    detail::deallocate(memory, bytes, memory_alignment);
  }

  RowView row(std::uint32_t at) const noexcept { return RowView(heads() + at, rest(at)); }
  RowAccess row(std::uint32_t at) noexcept { return RowAccess(heads() + at, rest(at)); }
  LowerBound* dues() noexcept { return reinterpret_cast<LowerBound*>(heads() + capacity); }
  const LowerBound* dues() const noexcept { return reinterpret_cast<const LowerBound*>(heads() + capacity); }

  /// Zero where there is no row.
  const std::uint8_t* tags() const noexcept { return const_cast<Page&>(*this).tags(); }
  /// The row of a user, or `none`. `tags` are those of the first rows, wherever they are at hand.
  std::uint32_t find(const UserKey& key, const std::uint8_t* tags) const noexcept {
    if (size > room) return find_by_id(key.id.text());
    return find_among(key.id, detail::equal_to(key.tag, tags));
  }
  std::uint32_t find(const UserKey& key) const noexcept { return find(key, tags()); }
  /// The row of an id among those with a mark; `none`, or `unsure` once it is none of the first few.
  std::uint32_t find_among_few(const Sought& id, std::uint32_t marks) const noexcept {
    for (unsigned left = 4; marks != 0; marks &= marks - 1, --left) {
      if (left == 0) return unsure;
      const auto at = static_cast<std::uint32_t>(detail::lowest_bit(marks));
      const Text& other = heads()[at].id;
      if (id.is(other)) return at;
    }
    return none;
  }
  bool is_of(std::uint32_t at, const UserKey& key) const noexcept { return key.id.is(heads()[at].id); }
  /// @{
  /// Asks for the page and all of a row, of which nothing is read; for all rows; for what lies elsewhere of them; for
  /// the instants.
  void prefetch_row(std::uint32_t at) const noexcept {
    detail::prefetch(this, sizeof(Page));
    detail::prefetch(heads() + at, sizeof(RowHead));
    detail::prefetch(rest(at), 1);  // which may lie on two lines
    detail::prefetch(&rest(at)->overflow, 1);
  }
  void prefetch_rows() const noexcept {
    const char* const first = reinterpret_cast<const char*>(rest(size - 1));
    const char* const end = reinterpret_cast<const char*>(dues() + size);
    detail::prefetch(first, static_cast<std::size_t>(end - first));
  }
  void prefetch_elsewhere() const noexcept {
    for (std::uint32_t at = 0; at < size; ++at) row(at).prefetch_elsewhere();
  }
  void prefetch_dues() const noexcept { detail::prefetch(dues(), size * sizeof(LowerBound)); }
  /// @}

  /// A bit for each of the first rows that may be due at `now`, which are asked for; and when the earliest of the
  /// others among the first ones may be. For the owner.
  std::uint32_t due_rows(Timestamp now, Timestamp& others) const noexcept {
    const LowerBound* const dues = this->dues();
    const std::uint32_t first = size < room ? size : room;
    std::uint32_t rows = 0;
    Timestamp earliest = never;
    for (std::uint32_t i = 0; i < first; ++i) {
      const Timestamp bound = dues[i].owned();
      const bool is_due = bound <= now;
      rows |= std::uint32_t{is_due} << i;
      earliest = earlier(earliest, is_due ? never : bound);
    }
    for (std::uint32_t left = rows; left != 0; left &= left - 1)
      prefetch_row(static_cast<std::uint32_t>(detail::lowest_bit(left)));
    others = earliest;
    return rows;
  }

  /// A bit for each pair of up to 32 rows of two pages, one behind the other, that are the same byte for byte, as
  /// copies are (most of what is the same is), and not due. What lies elsewhere of the others is asked for.
  static std::uint64_t mark_copies(const Page& a, std::uint32_t i, const Page& b, std::uint32_t j, std::uint32_t count,
                                   Timestamp up_to) noexcept {
    const RowHead *x = a.heads() + i, *y = b.heads() + j;
    const RowRest *rest_of_x = a.rest(i), *rest_of_y = b.rest(j);
    std::uint64_t copies = 0;
    for (std::uint32_t at = 0; at < count; ++at) {
      const bool same_head = detail::same_bytes<sizeof(RowHead)>(x++, y++);
      const bool same_rest = detail::same_bytes<sizeof(RowRest)>(rest_of_x--, rest_of_y--);
      copies |= std::uint64_t{same_head && same_rest} << at;
    }
    if (earlier(a.due, b.due) <= up_to) {
      for (std::uint32_t at = 0; at < count; ++at)
        copies &= ~(std::uint64_t{earlier(a.dues()[i + at], b.dues()[j + at]) <= up_to} << at);
    }
    const std::uint64_t all = (std::uint64_t{1} << count) - 1;
    for (std::uint64_t others = copies ^ all; others != 0; others &= others - 1) {
      const auto at = static_cast<std::uint32_t>(detail::lowest_bit(others));
      a.row(i + at).prefetch_elsewhere();
      b.row(j + at).prefetch_elsewhere();
    }
    return copies;
  }

  /// Where there is room for it.
  void insert(std::uint32_t at, UserRow&& row, std::uint8_t tag, Timestamp row_due) noexcept {
    forget_notes();
    covered_rows_ = 0;
    move_rows(*this, at, *this, at + 1, size - at);
    detail::construct<RowHead>(heads() + at, std::move(row.head));
    detail::construct<RowRest>(rest(at), std::move(row.rest));
    detail::construct<LowerBound>(dues() + at, row_due);
    tags()[at] = tag;
    ++size;
  }
  void erase(std::uint32_t at) noexcept {
    forget_notes();
    covered_rows_ = 0;
    end_row(at);
    move_rows(*this, at + 1, *this, at, size - at - 1);
    tags()[--size] = 0;
  }
  /// Moves rows of another page, from one of its on, behind those of this one, which has room for them.
  void take(Page& other, std::uint32_t from) noexcept {
    const std::uint32_t count = other.size - from;
    move_rows(other, from, *this, size, count);
    covered_rows_ = other.covered_rows_ = 0;
    size += count;
    while (other.size != from) other.tags()[--other.size] = 0;
  }

  static std::uint32_t capacity_for(std::uint32_t rows) noexcept { return (rows + step - 1) / step * step; }

 private:
  template <class T, class... Args>
  friend T* construct(void* at, Args&&... args);

  static constexpr std::uint32_t line = 64;
  /// What memory is aligned to at least, whoever gives it: some promise 16 and keep to 8. The rest of a line is asked
  /// for and skipped, which is cheaper than to ask for memory that is aligned to it.
  static constexpr std::size_t memory_alignment = alignof(void*);

  Page(std::uint32_t rows, std::uint8_t skipped_bytes) noexcept : Branch(true, skipped_bytes), capacity(rows) {
    std::memset(tags(), 0, tag_bytes(rows));
  }
  ~Page() = default;

  static std::size_t tag_bytes(std::uint32_t capacity) noexcept { return (capacity + room - 1) / room * room; }
  static inline std::size_t bytes_of(std::uint32_t capacity) noexcept;

  /// Of the rows whose tags are the one of the id.
  std::uint32_t find_among(const Sought& id, std::uint32_t marks) const noexcept {
    for (; marks != 0; marks &= marks - 1) {
      const auto at = static_cast<std::uint32_t>(detail::lowest_bit(marks));
      if (id.is(heads()[at].id)) return at;
    }
    return none;
  }
  /// By halves: in a page of more users than `room` all hashes agree, so that they stand in the order of their ids.
  PRESENCE_DETAIL_APART std::uint32_t find_by_id(std::string_view id) const noexcept {
    const RowHead* const end = heads() + size;
    const RowHead* const found =
        detail::partition_point(heads(), end, [id](const RowHead& head) { return head.id.view() < id; });
    return found != end && found->id.view() == id ? static_cast<std::uint32_t>(found - heads()) : none;
  }

  RowHead* heads() noexcept { return reinterpret_cast<RowHead*>(this + 1); }
  const RowHead* heads() const noexcept { return reinterpret_cast<const RowHead*>(this + 1); }
  RowRest* rest(std::uint32_t at) noexcept { return reinterpret_cast<RowRest*>(this) - 1 - at; }
  const RowRest* rest(std::uint32_t at) const noexcept { return reinterpret_cast<const RowRest*>(this) - 1 - at; }

  std::uint8_t* tags() noexcept { return reinterpret_cast<std::uint8_t*>(dues() + capacity); }

  void end_row(std::uint32_t at) noexcept {
    heads()[at].~RowHead();
    rest(at)->~RowRest();
  }
  /// Moves rows to where there are none, but for those that are moved away from there meanwhile. Nothing in a row
  /// points into it, so that its bytes may lie elsewhere.
  static void move_rows(Page& from, std::uint32_t first, Page& to, std::uint32_t at, std::uint32_t count) noexcept {
    if (count == 0) return;
    std::memmove(static_cast<void*>(to.heads() + at), from.heads() + first, count * sizeof(RowHead));
    std::memmove(static_cast<void*>(to.rest(at + count - 1)), from.rest(first + count - 1), count * sizeof(RowRest));
    std::memmove(static_cast<void*>(to.dues() + at), from.dues() + first, count * sizeof(LowerBound));
    std::memmove(to.tags() + at, from.tags() + first, count);
  }

  std::uint32_t covered_rows_ = 0;  // a bit for each
  Timestamp covered_value_, covered_from_;
};
static_assert(sizeof(Page) == 64, "a heartbeat should read no more");
static_assert(alignof(Page) % alignof(RowHead) == 0 && alignof(Page) % alignof(RowRest) == 0 &&
                  alignof(RowHead) % alignof(LowerBound) == 0,
              "the parts lie side by side without a gap");

inline std::size_t Page::bytes_of(std::uint32_t capacity) noexcept {
  return sizeof(Page) + capacity * (sizeof(RowHead) + sizeof(RowRest) + sizeof(LowerBound)) + tag_bytes(capacity) +
         (line - memory_alignment);
}

/// A directory: `1 << bits` slots, of which the bits of a user's hashes at the node's level name one. A page that goes
/// by fewer bits stands in a run of slots; what goes by more is behind a node, in one slot of a node with all bits.
/// Where there is no user there is no page: an empty run.
///
/// The level of a node is the first at which its users differ, so that every node leads to at least two branches: bits
/// in which all of them agree cost no node.
class Node : public Branch {
 public:
  static constexpr unsigned most_bits = 6;
  /// As many as the highest 60 bits of a hash serve.
  static constexpr unsigned levels_per_hash = 10;

  const std::uint8_t bits;
  std::size_t users = 0;
  /// A bit for each slot: whether a node is behind it. Noted here so that a page on the way need not be read to know
  /// it.
  std::uint64_t nodes = 0;

  static Node* make(unsigned bits, unsigned level) {
    return detail::construct<Node>(detail::allocate(bytes_of(bits), alignof(Node)), bits, level);
  }
  static Node* make(const Node& other) {
    Node* const copy = make(other.bits, other.level);
    copy->users = other.users;
    copy->nodes = other.nodes;
    copy->copy_bounds(other);
    for (std::uint32_t at = 0; at < other.slot_count(); ++at) {
      // Each owner that is added below waits for the one before.
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
  /// `of` are all bits that a node may go by.
  std::uint32_t slot_of(unsigned of) const noexcept { return of >> (most_bits - bits); }
  /// The same of a hash that begins with them.
  std::uint32_t slot_of(std::uint64_t order) const noexcept { return slot_of(order, bits); }
  static std::uint32_t slot_of(std::uint64_t order, unsigned bits) noexcept {
    return static_cast<std::uint32_t>(order >> 1 >> (63 - bits));
  }
  Branch** branches() noexcept { return reinterpret_cast<Branch**>(this + 1); }
  Branch* const* branches() const noexcept { return reinterpret_cast<Branch* const*>(this + 1); }
  /// Those of the first rows of the page in a slot, so that the page need not be read to know which row is meant.
  const std::uint8_t* tags(std::uint32_t slot) const noexcept { return const_cast<Node&>(*this).tags(slot); }
  /// To be called when the rows of a page that is this node's alone have become others.
  void copy_tags(std::uint32_t at) noexcept {
    const Page& page = branches()[at]->as_page();
    const std::uint32_t run = run_of(page.page_depth), first = at & ~(run - 1);
    for (std::uint32_t i = 0; i < run; ++i) std::memcpy(tags(first + i), page.tags(), Page::room);
  }
  /// @{
  /// What the node in a slot, which has no tags, is like: its bits, its level, and whether it goes by the bits of the
  /// same hash that follow those of this one.
  std::uint8_t bits_behind(std::uint32_t slot) const noexcept { return tags(slot)[0]; }
  std::uint8_t level_behind(std::uint32_t slot) const noexcept { return tags(slot)[1]; }
  bool follows(std::uint32_t slot) const noexcept { return tags(slot)[2] != 0; }
  /// @}
  /// To be called when they may have become others.
  void copy_shape(std::uint32_t slot) noexcept {
    const Node& child = branches()[slot]->as_node();
    tags(slot)[0] = child.bits;
    tags(slot)[1] = child.level;
    tags(slot)[2] = child.level == level + 1u && child.level % levels_per_hash != 0 ? 1 : 0;
  }
  /// Asks for what is read of a node of so many bits on the way through it. Reads nothing of it.
  void prefetch_slot(std::uint64_t order, unsigned of_bits) const noexcept {
    const std::uint32_t slot = slot_of(order, of_bits);
    detail::prefetch(this, 1);
    detail::prefetch(branches() + slot, 1);
    detail::prefetch(
        reinterpret_cast<const std::uint8_t*>(branches() + (std::size_t{1} << of_bits)) + slot * Page::room, 1);
  }
  /// Whether it leads to several branches, which a page cannot replace.
  bool has_several() const noexcept { return users > Page::room && bits != 0; }
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
    replace_page(at, *larger);
    return *larger;
  }
  /// Puts a smaller page in place of that of a slot where a good part of it is empty.
  void release_room(std::uint32_t at) {
    const Branch* const child = branches()[at];
    if (child == nullptr || !child->is_page) return;
    const Page& page = child->as_page();
    if (page.capacity > page.size + page.size / 4 + Page::step)
      replace_page(at, *Page::make(Page::capacity_for(page.size)));
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
    lower.page().copy_bounds(page);
    upper.page().copy_bounds(page);
    lower.page().page_depth = upper.page().page_depth = static_cast<std::uint8_t>(agree + 1);
    node.fill(at, page.page_depth, nullptr);
    page.destroy();
    const std::uint32_t run = node.run_of(agree + 1), first = at & ~(2 * run - 1);
    node.fill(first, agree + 1, lower.release());
    node.fill(first + run, agree + 1, upper.release());
  }

  /// Puts the page that `of` leads to, whose users agree with it in all bits before `level`, under a node of its own.
  static void push_down(Branch*& link, unsigned of, unsigned level) {
    Spare below{make(0, level)};
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

  /// Puts a node of that level above the one of the link, whose users it has in slot `old_bits`, with an empty page in
  /// the slots around `new_bits`.
  static void put_above(Branch*& link, unsigned level, unsigned old_bits, unsigned new_bits) {
    Spare page{Page::make(Page::step)};
    Node* const above = make(most_bits, level);
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

  /// Puts the only branch of a node, if it has but one and that is a node, in its place.
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
      joined.page().copy_bounds(first);
      joined.page().lower_bounds(second.due, second.cleanup);
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
    fill(at, bits, page);
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
    std::memset(static_cast<void*>(branches()), 0, bytes_of(of) - sizeof(Node));  // null, on any machine there is
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
  /// Puts an empty page in place of that of a slot, with all that is in it.
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
    if (branch != nullptr && branch->is_page) copy_tags(at);
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

/// Goes over the branches below a node, from the first on. Stands at one of them, and passes over it or into it.
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

#endif  // PRESENCE_DETAIL_TABLE_PARTS_HPP
