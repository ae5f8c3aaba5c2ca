// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TABLE_DETAIL_PAGE_HPP
#define PRESENCE_TABLE_DETAIL_PAGE_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/byte_search.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/table/detail/branch.hpp>
#include <presence/table/detail/user_row.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint8_t, uint32_t, uint64_t, uintptr_t
#include <cstring>      // for memcpy, memmove, memset
#include <string_view>  // for string_view
#include <utility>      // for move

/// The leaves of a UserTable.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// A leaf: rows in iteration order. Each row has a tag and a deadline bound, the lower bound of the next time at which
/// time alone changes the row visibly.
///
/// The heads of the rows follow the page in memory, each on a separate cache line. The bounds and the tags follow the
/// heads. The rest of the rows lies before the page, that of the first row nearest to it. The nodes above the page have
/// copies of the tags. So a heartbeat reads one cache line of the page and one of the row. The address of a row depends
/// only on its index.
class alignas(64) Page : public Branch {
 public:
  /// The number of rows that a page holds before it is split.
  static constexpr std::uint32_t room = 32;
  /// The number of rows by which a page grows.
  static constexpr std::uint32_t step = 2;
  static constexpr std::uint32_t none = 0xFFFFFFFF;

  std::uint32_t size = 0;
  const std::uint32_t capacity;
  /// The mark shared with pages that were compared and found equal.
  EqualityMark equality;

  /// Clears what readers cached. Call it before a row is changed.
  void forget_notes() noexcept { equality.clear(); }

  /// Whether others see the user of a row online, answered without a look at the registers. Whoever changes a row or
  /// lets time pass sets it.
  bool is_online(std::uint32_t at) const noexcept {
    return at < room ? (online_rows_ >> at & 1) != 0 : rest(at)->is_online;
  }
  void set_online(std::uint32_t at, bool is_online) noexcept {
    rest(at)->is_online = is_online;
    if (at < room) online_rows_ = (online_rows_ & ~(std::uint32_t{1} << at)) | std::uint32_t{is_online} << at;
  }
  /// A bit for each of the first `room` rows, set if others see the user online.
  std::uint32_t online_rows() const noexcept { return online_rows_; }

  /// Returns whether a row is known to have an activity of at least that value, on evidence no later than `at`. A
  /// heartbeat of that value then does not change the activities, and the rest of the row need not be read. Only the
  /// sole owner caches this.
  bool covers(std::uint32_t row, Timestamp value, Timestamp at) const noexcept {
    return row < room && (covered_rows_ >> row & 1) != 0 && value <= covered_value_ && at >= covered_from_;
  }
  /// Caches that the row has such an activity. Clears what is cached for other rows if their value is lower.
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
  /// Clears what is cached for a row. Call it when activities of the row may be dropped.
  void invalidate_cover(std::uint32_t row) noexcept {
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
    copy->online_rows_ = other.online_rows_;
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

  /// The tags of the rows; zero beyond the last row.
  const std::uint8_t* tags() const noexcept { return const_cast<Page&>(*this).tags(); }
  /// Returns the index of the user's row, or `none`. `tags` are those of the first `room` rows, from the page or a
  /// node.
  std::uint32_t find(const UserKey& key, const std::uint8_t* tags) const noexcept {
    if (size > room) return find_by_id(key.id.text());
    return find_among(key.id, detail::equal_to(key.tag, tags));
  }
  std::uint32_t find(const UserKey& key) const noexcept { return find(key, tags()); }
  /// Finds the row of an id among the rows whose tags match.
  std::uint32_t find_among(const LookupKey& id, std::uint32_t marks) const noexcept {
    for (; marks != 0; marks &= marks - 1) {
      const auto at = static_cast<std::uint32_t>(detail::lowest_bit(marks));
      if (id.is(heads()[at].id)) return at;
    }
    return none;
  }
  /// Finds a row by binary search. In a page of more than `room` users all hashes agree, so the rows are in the order
  /// of their ids.
  PRESENCE_DETAIL_APART std::uint32_t find_by_id(std::string_view id) const noexcept {
    const RowHead* const end = heads() + size;
    const RowHead* const found =
        detail::partition_point(heads(), end, [id](const RowHead& head) { return head.id.view() < id; });
    return found != end && found->id.view() == id ? static_cast<std::uint32_t>(found - heads()) : none;
  }
  bool is_of(std::uint32_t at, const UserKey& key) const noexcept { return key.id.is(heads()[at].id); }
  /// @{
  /// Prefetches the page and one row, without reading them; all rows; the overflow of all rows; the deadline bounds.
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
  void prefetch_for_views() const noexcept {
    for (std::uint32_t at = 0; at < size; ++at) {
      const RowView one = row(at);
      if (!one.is_plain() || one.has_data()) one.prefetch_elsewhere();
    }
  }
  void prefetch_rests() const noexcept {
    detail::prefetch(this, 1);
    detail::prefetch(rest(size - 1), size * sizeof(RowRest));
  }
  void prefetch_dues() const noexcept { detail::prefetch(dues(), size * sizeof(LowerBound)); }
  /// @}

  /// Returns a bit for each of the first `room` rows, set if its deadline bound is at or before `now`, and prefetches
  /// these rows. Sets `others` to the earliest bound of the other first rows. Only the owner may call it.
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

  /// Compares pairs of up to 32 consecutive rows of two pages. Returns a bit for each pair, set if both rows are equal
  /// byte for byte and their bounds are later than `up_to`. Copies are equal in this way, and most equal rows are
  /// copies. Prefetches the overflow of the other rows.
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

  /// Inserts a row at an index. The page must have room for it.
  void insert(std::uint32_t at, UserRow&& row, std::uint8_t tag, Timestamp row_due, bool is_online) noexcept {
    forget_notes();
    covered_rows_ = 0;
    move_rows(*this, at, *this, at + 1, size - at);
    detail::construct<RowHead>(heads() + at, std::move(row.head));
    detail::construct<RowRest>(rest(at), std::move(row.rest));
    detail::construct<LowerBound>(dues() + at, row_due);
    tags()[at] = tag;
    ++size;
    rest(at)->is_online = is_online;
    find_online_rows();
  }
  void erase(std::uint32_t at) noexcept {
    forget_notes();
    covered_rows_ = 0;
    end_row(at);
    move_rows(*this, at + 1, *this, at, size - at - 1);
    tags()[--size] = 0;
    find_online_rows();
  }
  /// Moves the rows of another page, from index `from` on, behind the rows of this page. This page must have room for
  /// them.
  void take(Page& other, std::uint32_t from) noexcept {
    const std::uint32_t count = other.size - from;
    move_rows(other, from, *this, size, count);
    covered_rows_ = other.covered_rows_ = 0;
    size += count;
    while (other.size != from) other.tags()[--other.size] = 0;
    find_online_rows();
    other.find_online_rows();
  }

  static std::uint32_t capacity_for(std::uint32_t rows) noexcept { return (rows + step - 1) / step * step; }

 private:
  template <class T, class... Args>
  friend T* construct(void* at, Args&&... args);

  static constexpr std::uint32_t line = 64;
  /// The alignment that every allocator provides: some promise 16 bytes but provide 8. A page allocates the rest of a
  /// cache line and skips it, which is cheaper than an allocation with the alignment of a cache line.
  static constexpr std::size_t memory_alignment = alignof(void*);

  Page(std::uint32_t rows, std::uint8_t skipped_bytes) noexcept : Branch(true, skipped_bytes), capacity(rows) {
    std::memset(tags(), 0, tag_bytes(rows));
  }
  ~Page() = default;

  static std::size_t tag_bytes(std::uint32_t capacity) noexcept { return (capacity + room - 1) / room * room; }
  static inline std::size_t bytes_of(std::uint32_t capacity) noexcept;

  RowHead* heads() noexcept { return reinterpret_cast<RowHead*>(this + 1); }
  const RowHead* heads() const noexcept { return reinterpret_cast<const RowHead*>(this + 1); }
  RowRest* rest(std::uint32_t at) noexcept { return reinterpret_cast<RowRest*>(this) - 1 - at; }
  const RowRest* rest(std::uint32_t at) const noexcept { return reinterpret_cast<const RowRest*>(this) - 1 - at; }

  std::uint8_t* tags() noexcept { return reinterpret_cast<std::uint8_t*>(dues() + capacity); }

  void end_row(std::uint32_t at) noexcept {
    heads()[at].~RowHead();
    rest(at)->~RowRest();
  }
  /// Moves rows to places that are empty or are emptied by the same move. Rows are trivially relocatable: nothing in a
  /// row points into it.
  static void move_rows(Page& from, std::uint32_t first, Page& to, std::uint32_t at, std::uint32_t count) noexcept {
    if (count == 0) return;
    std::memmove(static_cast<void*>(to.heads() + at), from.heads() + first, count * sizeof(RowHead));
    std::memmove(static_cast<void*>(to.rest(at + count - 1)), from.rest(first + count - 1), count * sizeof(RowRest));
    std::memmove(static_cast<void*>(to.dues() + at), from.dues() + first, count * sizeof(LowerBound));
    std::memmove(to.tags() + at, from.tags() + first, count);
  }

  /// Makes the bits of the first rows. Call it when rows have moved.
  void find_online_rows() noexcept {
    online_rows_ = 0;
    const std::uint32_t first = size < room ? size : room;
    for (std::uint32_t at = 0; at < first; ++at) online_rows_ |= std::uint32_t{rest(at)->is_online} << at;
  }

  std::uint32_t online_rows_ = 0;
  std::uint32_t covered_rows_ = 0;  // a bit for each of the first rows
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

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_TABLE_DETAIL_PAGE_HPP
