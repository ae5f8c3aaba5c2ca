// SPDX-License-Identifier: MIT
#ifndef PRESENCE_DETAIL_USER_TABLE_HPP
#define PRESENCE_DETAIL_USER_TABLE_HPP

#include <presence/detail/algorithm.hpp>
#include <presence/detail/memory.hpp>
#include <presence/detail/normal_form.hpp>
#include <presence/detail/registers.hpp>

#include <cstddef>      // for size_t, ptrdiff_t
#include <string_view>  // for string_view
#include <utility>      // for move

/// The container behind Snapshot: users by id, in pages that snapshots share until one of them changes.
///
/// Nothing outside this header knows how users are laid out.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Never changed once it is in a table: an update puts another one in its place.
struct UserRecord {
  OwnerCount owners;
  String id;
  UserRegisters registers;

  UserRecord(std::string_view user, UserRegisters&& kept) : id(user.data(), user.size()), registers(std::move(kept)) {}
  std::string_view name() const noexcept { return text_of(id); }
};
using Record = Shared<UserRecord>;

/// Copying a table copies one pointer for every `Page::room / 2` users or so; a write to a shared page copies that
/// page's pointers.
class UserTable {
 public:
  struct Page {
    static constexpr std::size_t room = 64;

    OwnerCount owners;
    std::size_t size = 0;
    /// No record of the page changes by time alone before this. Only a lower bound: what defers a deadline does not
    /// look for the next one.
    Timestamp due = never;
    Record records[room];

    Page() noexcept = default;
    Page(const Page& other) noexcept : size(other.size), due(other.due) {
      for (std::size_t i = 0; i < size; ++i) records[i] = other.records[i];
    }
    Page& operator=(const Page&) = delete;
  };

  std::size_t size() const noexcept { return size_; }
  /// No record changes by time alone before this; a lower bound.
  Timestamp due() const noexcept { return due_; }

  const Record* find(std::string_view id) const noexcept {
    const std::size_t page = page_of(id);
    if (page == pages_.size()) return nullptr;
    const std::size_t slot = slot_of(*pages_[page], id);
    return slot < pages_[page]->size && pages_[page]->records[slot]->name() == id ? &pages_[page]->records[slot]
                                                                                  : nullptr;
  }

  /// Adds the record, or replaces the one of the same id. Changes nothing when memory runs out.
  void put(Record record, Timestamp due) {
    if (pages_.empty()) {
      pages_.reserve(1);
      pages_.push_back(Shared<Page>::make());
    }
    const std::size_t at = page_of(record->name());
    Page& page = own(at);
    const std::size_t slot = slot_of(page, record->name());
    if (slot < page.size && page.records[slot]->name() == record->name()) {
      page.records[slot] = std::move(record);
      lower(page.due, due);
    } else if (page.size < Page::room) {
      insert(page, slot, std::move(record), due);
      ++size_;
    } else {
      if (pages_.size() == pages_.capacity()) pages_.reserve(2 * pages_.size());
      Shared<Page> next = Shared<Page>::make();
      Page& upper = next.change();
      // Ids that arrive in ascending order fill their pages: only one that lands inside a full page halves it.
      const std::size_t kept = slot == Page::room ? Page::room : Page::room / 2;
      for (std::size_t i = kept; i < Page::room; ++i) upper.records[i - kept] = std::move(page.records[i]);
      upper.size = Page::room - kept;
      upper.due = page.due;
      page.size = kept;
      if (slot <= kept && kept < Page::room) {
        insert(page, slot, std::move(record), due);
      } else {
        insert(upper, slot - kept, std::move(record), due);
      }
      pages_.insert(pages_.begin() + static_cast<std::ptrdiff_t>(at) + 1, std::move(next));
      ++size_;
    }
    lower(due_, due);
  }

  /// Adds a record whose id is greater than every id in the table.
  void append(Record record, Timestamp due) {
    if (pages_.empty() || pages_.back()->size == Page::room) pages_.push_back(Shared<Page>::make());
    Page& page = pages_.back().change();
    insert(page, page.size, std::move(record), due);
    ++size_;
    lower(due_, due);
  }

  /// Takes from every page that has something due at `now` the records for which `due_after(record)` is `absent`, and
  /// notes for the others what it returns: when time alone changes them next. Changes nothing when memory runs out.
  template <class DueAfter>
  void settle(Timestamp now, DueAfter due_after) {
    for (std::size_t i = 0; i < pages_.size(); ++i) {
      if (pages_[i]->due <= now) own(i);
    }
    Timestamp due = never;
    std::size_t kept_pages = 0;
    for (std::size_t i = 0; i < pages_.size(); ++i) {
      if (pages_[i]->due <= now) settle_page(pages_[i].change(), due_after);
      if (pages_[i]->size == 0) continue;
      lower(due, pages_[i]->due);
      if (kept_pages != i) pages_[kept_pages] = std::move(pages_[i]);
      ++kept_pages;
    }
    pages_.erase(pages_.begin() + static_cast<std::ptrdiff_t>(kept_pages), pages_.end());
    due_ = due;
  }

  /// Goes over the records in ascending order of id.
  class Cursor {
   public:
    Cursor() noexcept = default;
    const Record& operator*() const noexcept { return (*pages_)[page_]->records[slot_]; }
    const Record* operator->() const noexcept { return &**this; }
    Cursor& operator++() noexcept {
      if (++slot_ == (*pages_)[page_]->size) next_page();
      return *this;
    }
    friend bool operator==(const Cursor& a, const Cursor& b) noexcept {
      return a.page_ == b.page_ && a.slot_ == b.slot_;
    }
    friend bool operator!=(const Cursor& a, const Cursor& b) noexcept { return !(a == b); }

   private:
    friend class UserTable;
    Cursor(const Vector<Shared<Page>>& pages, std::size_t page) noexcept : pages_(&pages), page_(page) {}
    const Shared<Page>& page() const noexcept { return (*pages_)[page_]; }
    bool starts_page() const noexcept { return slot_ == 0; }
    void next_page() noexcept {
      slot_ = 0;
      ++page_;
    }

    const Vector<Shared<Page>>* pages_ = nullptr;
    std::size_t page_ = 0, slot_ = 0;
  };

  Cursor begin() const noexcept { return Cursor(pages_, 0); }
  Cursor end() const noexcept { return Cursor(pages_, pages_.size()); }

  /// Calls `visit(in_a, in_b)` for every id in either table, in ascending order; the pointer is null where that table
  /// lacks the id. With `skip_shared`, pages and records that both share are passed over.
  template <class Visit>
  static void each_pair(const UserTable& a, const UserTable& b, bool skip_shared, Visit visit) {
    Cursor x = a.begin(), y = b.begin();
    const Cursor x_end = a.end(), y_end = b.end();
    while (x != x_end || y != y_end) {
      if (x != x_end && y != y_end && skip_shared && x.starts_page() && y.starts_page() && x.page() == y.page()) {
        x.next_page();
        y.next_page();
        continue;
      }
      const int order = x == x_end ? 1 : y == y_end ? -1 : (*x)->name().compare((*y)->name());
      const Record* const in_a = order <= 0 ? &*x : nullptr;
      const Record* const in_b = order >= 0 ? &*y : nullptr;
      if (in_a == nullptr || in_b == nullptr || !skip_shared || *in_a != *in_b) visit(in_a, in_b);
      if (in_a != nullptr) ++x;
      if (in_b != nullptr) ++y;
    }
  }

  /// The earliest of what `next(record)` returns, which must be when time alone changes the record next. Looks only
  /// where it may lie.
  template <class Next>
  Timestamp earliest(Next next) const {
    Timestamp least = never;
    if (due_ == never) return never;
    for (const Shared<Page>& page : pages_) {
      if (page->due >= least) continue;
      for (std::size_t i = 0; i < page->size; ++i) lower(least, next(page->records[i]));
    }
    return least;
  }

  /// Calls `visit` for the records of every page that may have something due before or at `now`.
  template <class Visit>
  void each_due(Timestamp now, Visit visit) const {
    if (now < due_) return;
    for (const Shared<Page>& page : pages_) {
      if (now < page->due) continue;
      for (std::size_t i = 0; i < page->size; ++i) visit(page->records[i]);
    }
  }

 private:
  static void lower(Timestamp& due, Timestamp to) noexcept { due = earlier(due, to); }

  /// The last page whose first id is not greater: where the id is, or belongs.
  std::size_t page_of(std::string_view id) const noexcept {
    const auto after = detail::partition_point(pages_.begin(), pages_.end(), [id](const Shared<Page>& page) {
      return page->size != 0 && page->records[0]->name() <= id;
    });
    return after == pages_.begin() ? 0 : static_cast<std::size_t>(after - pages_.begin()) - 1;
  }

  static std::size_t slot_of(const Page& page, std::string_view id) noexcept {
    const Record* const slot = detail::partition_point(page.records, page.records + page.size,
                                                       [id](const Record& record) { return record->name() < id; });
    return static_cast<std::size_t>(slot - page.records);
  }

  Page& own(std::size_t at) {
    if (!pages_[at].only_owner()) pages_[at] = Shared<Page>::make(*pages_[at]);
    return pages_[at].change();
  }

  static void insert(Page& page, std::size_t slot, Record record, Timestamp due) noexcept {
    for (std::size_t i = page.size; i > slot; --i) page.records[i] = std::move(page.records[i - 1]);
    page.records[slot] = std::move(record);
    ++page.size;
    lower(page.due, due);
  }

  template <class DueAfter>
  void settle_page(Page& page, DueAfter due_after) {
    Timestamp due = never;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < page.size; ++i) {
      const Timestamp next = due_after(page.records[i]);
      if (next == absent) continue;
      lower(due, next);
      if (kept != i) page.records[kept] = std::move(page.records[i]);
      ++kept;
    }
    for (std::size_t i = kept; i < page.size; ++i) page.records[i] = Record();
    size_ -= page.size - kept;
    page.size = kept;
    page.due = due;
  }

  Vector<Shared<Page>> pages_;
  std::size_t size_ = 0;
  Timestamp due_ = never;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_DETAIL_USER_TABLE_HPP
