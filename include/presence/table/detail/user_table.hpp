// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TABLE_DETAIL_USER_TABLE_HPP
#define PRESENCE_TABLE_DETAIL_USER_TABLE_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/byte_search.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/table/detail/branch.hpp>
#include <presence/table/detail/expiry.hpp>
#include <presence/table/detail/node.hpp>
#include <presence/table/detail/page.hpp>
#include <presence/table/detail/user_row.hpp>
#include <presence/table/detail/walk.hpp>
#include <presence/table/detail/walking.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint8_t, uint32_t, uint64_t
#include <string_view>  // for string_view
#include <utility>      // for exchange, move, swap

/// The container behind Snapshot: users by id, in pages that snapshots share until one of them changes.
///
/// A trie over the bits of the ids' hashes. Its leaves are pages of up to 32 rows. Its nodes are directories of up to
/// 64 slots. A page that needs fewer bits than its neighbours occupies several slots (extendible hashing; Fagin,
/// Nievergelt, Pippenger, Strong 1979). Bits in which all users of a subtree agree have no node (Patricia; Morrison
/// 1968).
///
/// The position of a user depends only on the current set of users. It does not depend on the order of insertion, on
/// erased users, or on a seed. So equal parts of two tables have equal positions, and the iteration order is
/// reproducible.
///
/// A lookup reads one slot in each node on the path. The last node also has the tags of the page, which give the row.
/// Then the lookup reads one cache line of the page and one of the row; these loads do not depend on each other.
///
/// The worst case is bounded for any ids. The first two hashes are fast, and ids with equal hashes are easy to
/// construct (user_key.hpp). Such ids cost one more node: SipHash separates users whose first two hashes are equal, and
/// distributes them as it does other ids. To make a branch one level deeper, an attacker must try 64 times as many ids
/// for each user in it. Users that agree in all 180 bits share a page of any size, in the order of their ids.
///
/// Code outside this header and its parts does not depend on the layout of users.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The unseeded hashes that determine the positions of users. Tests use others.
struct HashOrder {
  static std::uint64_t first(const LookupKey& id) noexcept { return hash_of(id, 0); }
  static std::uint64_t second(const LookupKey& id) noexcept { return hash_of(id, 0x8EBC6AF09C88C6E3u); }
  static std::uint64_t third(const LookupKey& id) noexcept { return SipHash<1, 3>::hash64(id.text(), {}); }
};

/// A copy-on-write table of users. Copies share all pages and nodes. A change copies the page that it modifies and the
/// nodes above it, if they are shared.
template <class Order>
class BasicUserTable {
 public:
  /// The greatest depth in nodes: ten levels for the 60 highest bits of each hash.
  static constexpr unsigned hashes = 3, levels_per_hash = Node::levels_per_hash, levels = hashes * levels_per_hash;

  explicit BasicUserTable(std::uint64_t seed = 0) noexcept : tagger_(seed) {}
  BasicUserTable(const BasicUserTable& other) noexcept : top_(other.top_), tagger_(other.tagger_) {
    if (top_ != nullptr) top_->owners.add();
    other.copies_.write(other.copies_.read() + 1);
  }
  BasicUserTable(BasicUserTable&& other) noexcept : tagger_(other.tagger_) { std::swap(top_, other.top_); }
  BasicUserTable& operator=(BasicUserTable other) noexcept {
    std::swap(top_, other.top_);
    std::swap(tagger_, other.tagger_);
    ++moves_;
    return *this;
  }
  ~BasicUserTable() { Branch::drop(top_); }

  std::size_t size() const noexcept { return top_ == nullptr ? 0 : top_->as_node().users; }
  /// @{
  /// The lower bounds of all rows. Before `due()`, time alone changes no row visibly. Before `cleanup()`, no memory of
  /// a row can be freed. `never` if the table is empty.
  Timestamp due() const noexcept { return top_ == nullptr ? never : Timestamp(top_->due); }
  Timestamp cleanup() const noexcept { return top_ == nullptr ? never : Timestamp(top_->cleanup); }
  /// @}

  UserKey key_of(std::string_view id) const noexcept {
    UserKey key;
    make_key(id, key);
    return key;
  }
  /// Like `key_of`, but writes to `key` without a copy. A copy would read recently written words in larger units, which
  /// is slow.
  void make_key(std::string_view id, UserKey& key) const noexcept {
    key.id.set(id);
    key.order = Order::first(key.id);
    key.tag = tagger_.tag_of(key.id);
  }

  /// A user's row, and whether others see the user online.
  struct Found {
    const Page* page = nullptr;
    std::uint32_t at = 0;

    explicit operator bool() const noexcept { return page != nullptr; }
    RowView row() const noexcept { return page->row(at); }
    /// Reads the page and not the row.
    bool is_online() const noexcept { return page->is_online(at); }
  };
  Found locate(const UserKey& key) const noexcept {
    const Way way = way_to(key);
    const std::uint32_t at = way.find(key);
    return at != Page::none ? Found{way.page(), at} : Found();
  }
  RowView find(const UserKey& key) const noexcept {
    const Found found = locate(key);
    return found ? found.row() : RowView();
  }
  /// The same in fewer steps for a short id, as most are. Does not read the page if a tag leads to the row.
  PRESENCE_DETAIL_FLAT Found locate(std::string_view id) const noexcept {
    if (!may_have_short_path(id)) return locate_slowly(id);
    const LookupKey sought(id);
    const ShortPath path = short_path<false>(Order::first(sought));
    if (path.tags == nullptr) return locate_slowly(id);
    if (path.page == nullptr) return Found();
    const std::uint32_t at = path.find(sought, tagger_.tag_of_short(sought));
    if (at != Page::none) return Found{path.page, at};
    return path.page->size > Page::room ? locate_slowly(id) : Found();
  }
  /// The row of a user in a page that may be changed in place; without a page if there is none, or if the page or a
  /// node on the path is shared.
  struct Owned {
    Page* page = nullptr;
    std::uint32_t at = 0;

    explicit operator bool() const noexcept { return page != nullptr; }
  };
  Owned locate_owned(const UserKey& key) const noexcept {
    const Way way = way_to(key);
    const std::uint32_t at = way.find(key);
    return at != Page::none ? Owned{way.own_page(), at} : Owned();
  }
  /// The same in fewer steps, but it may also find none if the id is long or the path is unusual.
  PRESENCE_DETAIL_FLAT Owned locate_owned_fast(std::string_view id) const noexcept {
    if (!may_have_short_path(id)) return Owned();
    const LookupKey sought(id);
    const ShortPath path = short_path<true>(Order::first(sought));
    if (path.page == nullptr || !path.is_own) return Owned();
    const std::uint32_t at = path.find(sought, tagger_.tag_of_short(sought));
    if (at == Page::none || !path.page->owners.is_one()) return Owned();
    return {const_cast<Page*>(path.page), at};
  }
  RowView find(std::string_view id) const noexcept {
    const Found found = locate(id);
    return found ? found.row() : RowView();
  }

  /// The path to the page in which the user is or would be, followed node by node. Valid until `moves()` changes.
  class Way {
   public:
    Way() noexcept {}  // uninitialised, for arrays

    bool has_arrived() const noexcept { return tags_ != nullptr; }
    /// The page, which has not been read yet; null if there is none. Call it only after the path has arrived.
    const Page* page() const noexcept { return page_; }
    std::uint32_t find(const UserKey& key) const noexcept {
      if (page_ == nullptr) return Page::none;
      if (key.id.is_short()) return page_->find(key, tags_);
      return find_long(*page_, detail::equal_to(key.tag, tags_), key.id.text(), node_->level);
    }
    /// Returns the probable row of the user by its tag alone, or `Page::none`. Does not read the page.
    std::uint32_t probable(const UserKey& key) const noexcept {
      const std::uint32_t marks = page_ != nullptr ? detail::equal_to(key.tag, tags_) : 0;
      return marks != 0 ? static_cast<std::uint32_t>(detail::lowest_bit(marks)) : Page::none;
    }
    /// Returns the page for changing its rows in place. Null if there is no page, or if it or a node on the path is
    /// shared.
    Page* own_page() const noexcept {
      if (!is_own_ || page_ == nullptr || !page_->owners.is_one()) return nullptr;
      Page& own = const_cast<Page&>(*page_);
      own.forget_notes();
      return &own;
    }

    /// Advances to the next node or to the page. Returns whether the path has arrived at the page.
    bool step(const UserKey& key) noexcept {
      const Node& node = *node_;
      is_own_ = is_own_ & node.owners.is_one();
      const std::uint32_t slot = node.slot_of(order_);
      const Branch* const branch = node.branches()[slot];
      if (!node.leads_to_node(slot)) {
        page_ = static_cast<const Page*>(branch);
        tags_ = node.tags(slot);
        return true;
      }
      node_ = static_cast<const Node*>(branch);
      bits_ = node.bits_behind(slot);
      if (node.follows(slot)) {
        order_ <<= Node::most_bits;
      } else {
        order_ = order_from(key.id.text(), key.order, node.level_behind(slot));
      }
      return false;
    }
    /// The same among several users. Also prefetches what is read next: the next node, or the page and the probable
    /// row, whose index becomes `at`; `Page::none` until then, and if there is none.
    bool step_ahead(const UserKey& key, std::uint32_t& at) noexcept {
      at = Page::none;
      if (!step(key)) {
        node_->prefetch_slot(order_, bits_);
        return false;
      }
      at = probable(key);
      if (at != Page::none) page_->prefetch_row(at);
      return true;
    }

   private:
    friend class BasicUserTable;
    /// Takes the id, so that the key need not be in memory.
    PRESENCE_DETAIL_APART static std::uint64_t order_from(std::string_view id, std::uint64_t first,
                                                          unsigned level) noexcept {
      return hash_number(LookupKey(id), first, level / levels_per_hash)
             << (Node::most_bits * (level % levels_per_hash));
    }
    /// Finds a long id. Long ids are slow to compare, and an attacker who knows the seed can choose ids with equal
    /// tags. So after one comparison it uses binary search: the order of the rows does not depend on tags.
    PRESENCE_DETAIL_APART static std::uint32_t find_long(const Page& page, std::uint32_t marks, std::string_view id,
                                                         unsigned level) noexcept {
      if (page.size > Page::room) return page.find_by_id(id);
      UserKey key;
      key.id.set(id);
      const std::uint32_t others = marks & (marks - 1);
      const std::uint32_t found = page.find_among(key.id, marks ^ others);
      if (found != Page::none || others == 0) return found;
      key.order = Order::first(key.id);
      const std::uint32_t at = place_of(page, key, level);
      return at != page.size && page.is_of(at, key) ? at : Page::none;
    }
    Way(const Branch* top, const UserKey& key) noexcept
        : node_(static_cast<const Node*>(top)),
          order_(key.order),
          page_(nullptr),
          tags_(nullptr),
          bits_(0),
          is_own_(true) {
      if (top != nullptr && top->level != 0) order_ = order_from(key.id.text(), key.order, top->level);
    }

    const Node* node_;
    std::uint64_t order_;  // the unused bits of the hash that the node uses
    const Page* page_;
    const std::uint8_t* tags_;  // of the page, in the node
    std::uint8_t bits_;         // of the node
    bool is_own_;               // no node on the path is shared with another table; the page may be
  };
  /// The most ids that `locate_together` takes.
  static constexpr std::size_t most_together = 32;
  /// Looks up several users in rounds, so that their cache misses overlap.
  PRESENCE_DETAIL_FLAT void locate_together(const std::string_view* ids, std::size_t count,
                                            Found* found) const noexcept {
    if (top_ == nullptr) {
      for (std::size_t i = 0; i < count; ++i) found[i] = Found();
      return;
    }
    UserKey keys[most_together];
    Way ways[most_together];
    std::size_t left = 0;
    std::uint32_t at;
    for (std::size_t i = 0; i < count; ++i) {
      make_key(ids[i], keys[i]);
      ways[i] = start(keys[i]);
      left += ways[i].step_ahead(keys[i], at) ? 0u : 1u;
    }
    while (left != 0) {
      left = 0;
      for (std::size_t i = 0; i < count; ++i)
        left += ways[i].has_arrived() || ways[i].step_ahead(keys[i], at) ? 0u : 1u;
    }
    for (std::size_t i = 0; i < count; ++i) {
      at = ways[i].find(keys[i]);
      found[i] = at != Page::none ? Found{ways[i].page(), at} : Found();
    }
  }

  /// Returns the path at its first node. The table must not be empty.
  Way start(const UserKey& key) const noexcept { return Way(top_, key); }
  /// Returns the complete path.
  Way way_to(const UserKey& key) const noexcept {
    Way way(top_, key);
    while (top_ != nullptr && !way.step(key)) {
    }
    return way;
  }
  /// Returns a number that changes whenever a page or row may have moved, or the table was copied and so became shared.
  std::uint64_t moves() const noexcept { return (std::uint64_t{copies_.read()} << 32) + moves_; }

  /// Returns the page of a user for changes. `way` must be the user's path in this table,
  /// found since `moves()` last changed. Copies the page and the nodes above it if they are
  /// shared; every row keeps its index. The user must be in the table. If memory runs out, no content changes.
  Page& own_page(const UserKey& key, const Way& way) {
    if (Page* const own = way.own_page()) return *own;
    ++moves_;
    own_top();
    Branch* branch = top_;
    for (Bits bits(key); !branch->is_page;) {
      Node& node = branch->as_node();
      branch = &node.own_child(node.slot_of(bits.at(node.level)));
    }
    branch->as_page().forget_notes();
    return branch->as_page();
  }

  /// Lowers the bounds of a row and of everything above it to these, if they are later. The page must be unshared.
  void lower_bounds(const UserKey& key, Page& page, std::uint32_t at, Timestamp due, Timestamp cleanup) noexcept {
    if (due != never) page.dues()[at].lower(due);
    if (page.due <= due && page.cleanup <= cleanup) return;
    Branch* branch = top_;
    for (Bits bits(key);;) {
      branch->lower_bounds(due, cleanup);
      if (branch->is_page) break;
      Node& node = branch->as_node();
      branch = node.branches()[node.slot_of(bits.at(node.level))];
    }
  }

  /// Changes the row of a user in place by `fill(row)`. The user must be in the table. From then on, time alone must
  /// not change the row visibly before `due`, no memory of it can be freed before `cleanup`, and `is_online` must be
  /// what others see. If memory runs out, nothing changes, provided that `fill` then changes nothing.
  template <class Fill>
  void change(const UserKey& key, Timestamp due, Timestamp cleanup, bool is_online, Fill fill) {
    const Way way = way_to(key);
    const std::uint32_t at = way.find(key);
    Page& own = own_page(key, way);
    lower_bounds(key, own, at, due, cleanup);  // before anything is changed
    own.invalidate_cover(at);
    fill(own.row(at));
    own.dues()[at] = due;
    own.set_online(at, is_online);
  }
  /// Exchanges the row of a user for another row of the same user. The user must be in the table, in an unshared page.
  /// Changes no bound.
  void exchange_row(const UserKey& key, UserRow& row) noexcept {
    const Way way = way_to(key);
    Page& own = *way.own_page();
    const std::uint32_t at = way.find(key);
    own.invalidate_cover(at);
    own.row(at).swap(row);
  }
  /// Adds a user who is not in the table. Time alone must not change the row visibly before `due`, and no memory of it
  /// can be freed before `cleanup`. `is_online` must be what others see. If memory runs out, no content changes.
  void insert(const UserKey& key, UserRow&& row, Timestamp due, Timestamp cleanup, bool is_online) {
    ++moves_;
    if (top_ == nullptr) top_ = Node::make(0, 0);
    own_top();
    unsigned level = 0;
    Page& page = make_room(key, level);
    page.insert(place_of(page, key, level), std::move(row), key.tag, due, is_online);
    Branch* branch = top_;
    for (Bits bits(key);;) {
      branch->lower_bounds(due, cleanup);
      if (branch->is_page) break;
      Node& node = branch->as_node();
      const std::uint32_t at = node.slot_of(bits.at(node.level));
      ++node.users;
      branch = node.branches()[at];
      if (branch == &page) node.copy_tags(at);
    }
  }

  /// Removes a user who is in the table. If memory runs out, the user may or may not be removed; all other users are
  /// unchanged.
  void erase(const UserKey& key) {
    ++moves_;
    own_top();
    Branch** links[levels];  // the pointer to each node on the path; below, the bits of the slot in it
    std::uint32_t group_bits[levels];
    unsigned depth = 0;
    links[0] = &top_;
    for (Bits bits(key);; ++depth) {
      Node& node = (*links[depth])->as_node();
      group_bits[depth] = bits.at(node.level);
      const std::uint32_t at = node.slot_of(group_bits[depth]);
      Branch& child = node.own_child(at);
      if (child.is_page) {
        Page& page = child.as_page();
        page.erase(page.find(key));
        node.copy_tags(at);
        break;
      }
      links[depth + 1] = node.branches() + at;
    }
    for (unsigned i = 0; i <= depth; ++i) --(*links[i])->as_node().users;
    for (;; --depth) {
      Node& node = (*links[depth])->as_node();
      node.join_around(node.slot_of(group_bits[depth]));
      node.release_room(node.slot_of(group_bits[depth]));
      Node::shrink(*links[depth]);
      Node::skip_if_single(*links[depth]);
      if (depth > 0) {
        Node& above = (*links[depth - 1])->as_node();
        above.copy_shape(above.slot_of(group_bits[depth - 1]));
      }
      if (depth == 0 || (*links[depth])->as_node().has_several()) break;
      Node& above = (*links[depth - 1])->as_node();
      above.collapse_into(above.slot_of(group_bits[depth - 1]));
    }
    if (top_->as_node().bits == 0) top_->level = 0;
    if (size() == 0) Branch::drop(std::exchange(top_, nullptr));
  }

  /// Copies the shared pages with a deadline bound at or before `now`, and the nodes above them. This table is then
  /// their only owner. If memory runs out, no content changes.
  void unshare_due(Timestamp now) {
    if (now < due()) return;
    ++moves_;
    own_top();
    unshare_due_below(top_->as_node(), now);
  }
  /// Calls `update_row(page, index)` for every row with a deadline bound at or before `now`, and for the rows of the
  /// same pages with a bound up to `soon`. The callback may raise the bound, but to no later than the time at which
  /// time alone changes the row next. The pages must be unshared; see `unshare_due`.
  template <class UpdateRow>
  void update_due(Timestamp now, Timestamp soon, UpdateRow update_row) {
    if (now >= due()) update_due_below(top_->as_node(), now, soon, update_row);
  }

  /// Returns the earliest value of `next(row)`, or `never`. `next` must return the next time at which time alone
  /// changes the row visibly. Raises stale bounds, so that each is read only once: O(log n) amortised over the events
  /// that made them stale. Several threads may call it at once.
  template <class Next>
  Timestamp earliest(Next next) const {
    return top_ == nullptr ? never : earliest_below(*top_, never, next);
  }

  /// Calls `visit` for every row that time alone may change visibly or remove at or before `now`.
  template <class Visit>
  void each_due(Timestamp now, Visit visit) const {
    if (now >= due() || now >= cleanup()) each_due_below(top_->as_node(), now, visit);
  }

  /// Calls `next(row)` for every row of each page in which memory may be freed at `now`. `next` returns when memory of
  /// the row can next be freed, or `now` if that is still to be done. Raises the bounds of the pages in which nothing
  /// is still to be done. The pages may be shared.
  template <class Next>
  void update_cleanups(Timestamp now, Next next) const {
    if (now >= cleanup()) update_cleanups_below(*top_, now, next);
  }

  using Cursor = TableCursor;
  static_assert(Walk::levels == levels, "a walk can go down to the deepest node");
  static Found found_at(const Cursor& at) noexcept { return Found{at.page_, at.row_}; }

  /// Returns whether the first user is iterated before the second.
  static bool is_ordered_before(const UserKey& a, const UserKey& b) noexcept {
    return compare(a.id, a.order, b.id, b.order, 0) < 0;
  }

  Cursor begin() const noexcept { return Cursor(top_, false); }
  /// Returns the first row; null if there is none.
  RowView front() const noexcept {
    const Page* const page = Walk(top_).down_to_page();
    return page != nullptr ? page->row(0) : RowView();
  }
  /// The same for who reads no more than views of the users.
  Cursor begin_views() const noexcept { return Cursor(top_, true); }
  Cursor end() const noexcept { return Cursor(); }

  /// Calls `visit(found)` for every user that others see online.
  template <class Visit>
  void each_online(Visit visit) const {
    Walk walk(top_);
    for (const Page* page; (page = walk.down_to_page()) != nullptr; walk.next()) {
      walk.prefetch_following_rests();
      for (std::uint32_t rows = page->online_rows(); rows != 0; rows &= rows - 1)
        visit(Found{page, static_cast<std::uint32_t>(detail::lowest_bit(rows))});
      for (std::uint32_t at = Page::room; at < page->size; ++at) {
        if (page->is_online(at)) visit(Found{page, at});
      }
    }
  }

  /// Calls `visit(in_a, in_b)`, in iteration order, for every user who differs between the tables. The row is null if
  /// that table lacks the user. Also visits equal users with a deadline bound at or before `up_to`: `absent` adds none
  /// of them, `never` adds all. Skips shared subtrees as a whole, and pages that were once found equal and are
  /// unchanged since.
  template <class Visit>
  static void each_pair(const BasicUserTable& a, const BasicUserTable& b, Timestamp up_to, Visit visit) {
    Walk x(a.top_), y(b.top_);
    std::uint32_t i = 0, j = 0;  // the current rows in their pages
    std::uint32_t same = 0;      // consecutive equal rows
    std::uint64_t copies = 0;    // a bit for each of the next pairs of rows, set if equal
    std::uint32_t compared = 0;  // the number of these pairs
    for (;;) {
      if (i == 0 && j == 0) {
        if (x.branch() == nullptr && y.branch() == nullptr) return;
        // A shared branch is not read if the bounds of the nodes above it are later than `up_to`.
        const bool is_shared = x.branch() == y.branch();
        if (is_shared && later(x.due_around(), y.due_around()) > up_to) {
          Walk::pass_shared(x, y);
          continue;
        }
        if ((is_shared || are_known_equal(x.branch(), y.branch())) &&
            earlier(x.branch()->due, y.branch()->due) > up_to) {
          x.next();
          y.next();
          continue;
        }
        // Nodes are opened in step, the higher one first, so that both walks reach shared branches at the same time.
        const bool x_opens = x.at_node() && (!y.at_node() || x.branch()->level <= y.branch()->level),
                   y_opens = y.at_node() && (!x.at_node() || y.branch()->level <= x.branch()->level);
        if (x_opens) x.open();
        if (y_opens) y.open();
        if (x_opens && y_opens) Walk::prefetch_opened(x, y);
        if (x_opens || y_opens) continue;
        same = 0;
      }
      const Page *const p = x.down_to_page(), *const q = y.down_to_page();
      if (p != nullptr && q != nullptr) {
        if (i == 0 && j == 0) Walk::prefetch_following(x, y);
        if (compared == 0) {
          // Compares whole pages at once. If one page has a row that the other lacks, the rows behind it may pair
          // differently, so fewer are compared.
          const std::uint32_t most = i == 0 && j == 0 ? Page::room : 4;
          compared = smaller_of(most, smaller_of(p->size - i, q->size - j));
          copies = Page::mark_copies(*p, i, *q, j, compared, up_to);
        }
        const auto passed = static_cast<std::uint32_t>(detail::lowest_bit(~copies));
        same += passed;
        i += passed;
        j += passed;
        compared -= passed;
        copies >>= passed;
      }
      if (p == nullptr || q == nullptr || (i < p->size && j < q->size)) {
        const int order = p == nullptr ? 1 : q == nullptr ? -1 : compare(p->row(i), q->row(j));
        if (order == 0 && earlier(p->dues()[i], q->dues()[j]) > up_to && p->row(i).keeps_same_as(q->row(j))) {
          ++same;
        } else {
          visit(p != nullptr && order <= 0 ? p->row(i) : RowView(), q != nullptr && order >= 0 ? q->row(j) : RowView());
        }
        if (p != nullptr && order <= 0) ++i;
        if (q != nullptr && order >= 0) ++j;
        compared = order == 0 && compared != 0 ? compared - 1 : 0;
        copies >>= 1;
      }
      const bool p_ends = p != nullptr && i == p->size, q_ends = q != nullptr && j == q->size;
      if (p_ends && q_ends && same == i && same == j) EqualityMark::share(p->equality, q->equality);
      if (p_ends) {
        x.next();
        i = 0;
      }
      if (q_ends) {
        y.next();
        j = 0;
      }
    }
  }

  /// Returns whether all invariants of the structure hold. For tests.
  bool is_sound() const noexcept {
    return top_ == nullptr ||
           (size() > 0 && (top_->as_node().bits != 0 || top_->level == 0) && is_sound(top_->as_node(), 0));
  }

 private:
  /// Where the path of a short id ends.
  struct ShortPath {
    const Page* page;          // null if there is none
    const std::uint8_t* tags;  // of the page, in the node; null if the path has to be followed in another way
    bool is_own;               // no node on the path is shared

    /// Returns the index of the user's row by its tag, or `Page::none`. There must be a page.
    std::uint32_t find(const LookupKey& id, std::uint8_t tag) const noexcept {
      return page->find_among(id, detail::equal_to(tag, tags));
    }
  };
  bool may_have_short_path(std::string_view id) const noexcept {
    return id.size() <= SharedString::room && top_ != nullptr && top_->level == 0;
  }
  /// Follows the path of a short id as long as each node uses the next bits of the first hash, as nearly all do.
  template <bool reads_owners>
  ShortPath short_path(std::uint64_t order) const noexcept {
    const Node* node = static_cast<const Node*>(top_);
    for (bool is_own = true;; order <<= Node::most_bits) {
      if (reads_owners) is_own = is_own & node->owners.is_one();
      const std::uint32_t slot = node->slot_of(order);
      const Branch* const branch = node->branches()[slot];
      if (!node->leads_to_node(slot)) return {static_cast<const Page*>(branch), node->tags(slot), is_own};
      if (!node->follows(slot)) return {nullptr, nullptr, false};
      node = static_cast<const Node*>(branch);
    }
  }
  PRESENCE_DETAIL_APART Found locate_slowly(std::string_view id) const noexcept { return locate(key_of(id)); }

  static bool are_known_equal(const Branch* a, const Branch* b) noexcept {
    return a != nullptr && b != nullptr && a->is_page && b->is_page &&
           EqualityMark::is_shared(a->as_page().equality, b->as_page().equality);
  }

  /// Returns the hash of that number that determines a user's position. The first one is given.
  static std::uint64_t hash_number(const LookupKey& id, std::uint64_t first, unsigned number) noexcept {
    return number == 0 ? first : number == 1 ? Order::second(id) : Order::third(id);
  }
  /// The bits that select a user's slot at each level. Caches the hash that was used last.
  class Bits {
   public:
    Bits(const LookupKey& id, std::uint64_t first) noexcept : id_(id), first_(first), hash_(first) {}
    explicit Bits(const UserKey& key) noexcept : Bits(key.id, key.order) {}

    unsigned at(unsigned level) noexcept {
      if (level / levels_per_hash != number_) {
        number_ = level / levels_per_hash;
        hash_ = hash_number(id_, first_, number_);
      }
      return static_cast<unsigned>(hash_ >> (64 - Node::most_bits * (level % levels_per_hash + 1))) &
             ((1u << Node::most_bits) - 1);
    }

   private:
    const LookupKey& id_;
    std::uint64_t first_, hash_;
    unsigned number_ = 0;
  };
  static unsigned bits_of(const RowView& row, unsigned level) noexcept {
    const LookupKey id(row.name());
    return Bits(id, level < levels_per_hash ? Order::first(id) : 0).at(level);
  }

  /// Returns the bits of a hash that determine positions.
  static std::uint64_t placing(std::uint64_t hash) noexcept { return hash >> (64 - Node::most_bits * levels_per_hash); }
  /// Returns the first level, from `from` on, at which two users differ; `levels` if there is none.
  static unsigned first_difference(const LookupKey& a, std::uint64_t a_first, const LookupKey& b, std::uint64_t b_first,
                                   unsigned from) noexcept {
    constexpr unsigned unused = 64 - Node::most_bits * levels_per_hash;
    std::uint64_t mask = ~std::uint64_t{0} >> unused >> (Node::most_bits * (from % levels_per_hash));
    for (unsigned number = from / levels_per_hash; number < hashes; ++number) {
      const std::uint64_t differ = placing(hash_number(a, a_first, number) ^ hash_number(b, b_first, number)) & mask;
      if (differ != 0) return number * levels_per_hash + (bits_above(differ) - unused) / Node::most_bits;
      mask = ~std::uint64_t{0};
    }
    return levels;
  }
  static unsigned first_difference(const UserKey& a, const RowView& b, unsigned from) noexcept {
    const LookupKey id(b.name());
    return first_difference(a.id, a.order, id, from < levels_per_hash ? Order::first(id) : a.order, from);
  }

  /// Compares two users in iteration order: by the bits that determine their positions, then by id. Both must agree in
  /// all hashes before hash `number`.
  static int compare(const LookupKey& a, std::uint64_t a_first, const LookupKey& b, std::uint64_t b_first,
                     unsigned number) noexcept {
    for (; number < hashes; ++number) {
      const std::uint64_t x = placing(hash_number(a, a_first, number)), y = placing(hash_number(b, b_first, number));
      if (x != y) return x < y ? -1 : 1;
    }
    return a.text().compare(b.text());
  }
  static int compare(const RowView& a, const RowView& b) noexcept {
    if (a.id() == b.id()) return 0;
    const LookupKey x(a.name()), y(b.name());
    return compare(x, Order::first(x), y, Order::first(y), 0);
  }

  /// Returns the index at which a user belongs in a page under a node of that level. O(log n).
  static std::uint32_t place_of(const Page& page, const UserKey& key, unsigned level) noexcept {
    const unsigned number = level / levels_per_hash;
    // The hash of the key is computed once, not for every comparison.
    UserKey sought = key;
    if (number > 0) sought.order = hash_number(key.id, key.order, number);
    std::uint32_t first = 0;
    for (std::uint32_t count = page.size; count > 0;) {
      const std::uint32_t half = count / 2;
      const LookupKey id(page.row(first + half).name());
      const bool is_before = compare_from(id, sought, number) < 0;
      first += is_before ? half + 1 : 0;
      count = is_before ? count - half - 1 : half;
    }
    return first;
  }
  /// Like `compare`, but `b.order` is the hash of that number.
  static int compare_from(const LookupKey& a, const UserKey& b, unsigned number) noexcept {
    const std::uint64_t x = placing(number == 0 ? Order::first(a) : hash_number(a, 0, number)), y = placing(b.order);
    if (x != y) return x < y ? -1 : 1;
    return compare(a, 0, b.id, 0, number + 1);
  }

  void own_top() {
    if (top_->owners.is_one()) return;
    Branch* const copy = Node::make(top_->as_node());
    Branch::drop(std::exchange(top_, copy));
  }

  /// Returns some user's row in a branch.
  static RowView some_row(const Branch& branch) noexcept {
    const Branch* at = &branch;
    while (!at->is_page) {
      Branch* const* child = at->as_node().branches();
      while (*child == nullptr) ++child;
      at = *child;
    }
    return at->as_page().row(0);
  }

  /// Returns the page in which a user belongs, with room for one more row, and sets `level` to that of its node.
  Page& make_room(const UserKey& key, unsigned& level) {
    Branch** link = &top_;
    Node* above = nullptr;  // the parent of the node; `slot` is the link's slot in it
    std::uint32_t slot = 0;
    unsigned agreed = 0;  // all users below agree with this one in so many first levels
    for (Bits all(key);;) {
      Node& node = (*link)->as_node();
      level = node.level;
      if (level > agreed) {
        // The user may differ from all others here in bits that no node has used so far.
        const RowView other = some_row(node);
        const unsigned differ = first_difference(key, other, agreed);
        if (differ < level) {
          const unsigned of_other = bits_of(other, differ);
          Node::put_above(*link, differ, of_other, all.at(differ));
          if (above != nullptr) above->copy_shape(slot);
          agreed = differ;  // prevents a second check: the new page has no row yet
          continue;
        }
        agreed = level;  // also after a split, which may leave the page of this user empty
      }
      const unsigned bits = all.at(level);
      const std::uint32_t at = node.slot_of(bits);
      if (node.branches()[at] == nullptr) node.fill_empty_run(at);
      Branch& child = node.own_child(at);
      if (!child.is_page) {
        link = node.branches() + at;
        above = &node;
        slot = at;
        agreed = level + 1;
        continue;
      }
      const Page& page = child.as_page();
      if (page.size < Page::room) return page.size < page.capacity ? child.as_page() : node.enlarge(at);
      unsigned differ = 0;
      for (std::uint32_t i = 0; i < page.size; ++i) differ |= bits_of(page.row(i), level) ^ bits;
      if (differ != 0) {
        unsigned agree = 0;
        while ((differ >> (Node::most_bits - 1 - agree) & 1) == 0) ++agree;
        std::uint32_t in_lower = 0;
        for (std::uint32_t i = 0; i < page.size; ++i)
          in_lower += (bits_of(page.row(i), level) >> (Node::most_bits - 1 - agree) & 1) == 0 ? 1u : 0u;
        Node::split(*link, bits, agree, in_lower);
      } else {
        unsigned next = levels;
        for (std::uint32_t i = 0; i < page.size; ++i)
          next = smaller_of(next, first_difference(key, page.row(i), level + 1));
        if (next == levels) return page.size < page.capacity ? child.as_page() : node.enlarge(at);
        if (node.bits == 0) {
          node.level = static_cast<std::uint8_t>(next);  // the top node, whose users are all in this page
        } else {
          Node::push_down(*link, bits, next);
        }
      }
      if (above != nullptr) above->copy_shape(slot);
    }
  }

  /// Returns whether the node's invariants hold. All users below it must agree in the levels before `agreed`.
  bool is_sound(const Node& node, unsigned agreed) const noexcept {
    const unsigned level = node.level;
    if (!node.has_sound_slots() || level < agreed || level >= levels) return false;
    if (node.users > Page::room && !is_first_difference(node, agreed)) return false;
    std::size_t users = 0;
    for (std::uint32_t at = 0; at < node.slot_count(); at += node.run_at(at)) {
      const Branch* const child = node.branches()[at];
      if (child == nullptr) continue;
      if (Timestamp(child->due) < node.due || Timestamp(child->cleanup) < node.cleanup) return false;
      if (!child->is_page) {
        // A node must have several branches that one page could not replace.
        if (child->as_node().users <= Page::room || child->as_node().bits == 0) return false;
        if (!is_sound(child->as_node(), level + 1)) return false;
        users += child->as_node().users;
        continue;
      }
      const Page& page = child->as_page();
      if (page.size == 0 || page.size > page.capacity) return false;
      if (page.size > Page::room && is_first_difference_in(page, level)) return false;
      // Its neighbour of the same depth must not fit into it.
      if (page.page_depth > 0) {
        const std::uint32_t run = node.run_at(at);
        const Branch* const other = node.branches()[at ^ run];
        if (other == nullptr ? node.run_is_empty(at ^ run, page.page_depth)
                             : other->is_page && other->page_depth == page.page_depth &&
                                   page.size + other->as_page().size <= Page::room)
          return false;
      }
      for (std::uint32_t i = 0; i < page.size; ++i) {
        const RowView row = page.row(i);
        if (node.branches()[node.slot_of(bits_of(row, level))] != child) return false;
        if (i > 0 && compare(page.row(i - 1), row) >= 0) return false;
        if (find(row.name()) != row || Timestamp(page.dues()[i]) < page.due) return false;
      }
      users += page.size;
    }
    return users == node.users;
  }
  /// Returns whether the users of a node agree in the levels from `agreed` up to its own, and differ in its own.
  bool is_first_difference(const Node& node, unsigned agreed) const noexcept {
    const UserKey key = key_of(some_row(node).name());
    unsigned first = levels;
    Walk walk(&node);
    for (const Page* page; (page = walk.down_to_page()) != nullptr; walk.next()) {
      for (std::uint32_t i = 0; i < page->size; ++i)
        first = smaller_of(first, first_difference(key, page->row(i), agreed));
    }
    return first == node.level || (first == levels && node.bits == 0);
  }
  /// Returns whether users of a page differ in any level from `from` on.
  bool is_first_difference_in(const Page& page, unsigned from) const noexcept {
    const UserKey key = key_of(page.row(0).name());
    for (std::uint32_t i = 1; i < page.size; ++i) {
      if (first_difference(key, page.row(i), from) != levels) return true;
    }
    return false;
  }

  Branch* top_ = nullptr;  // a node; null if there are no users
  Tagger tagger_;
  std::uint32_t moves_ = 0;
  Note copies_;  // the number of copies made of this table
};

using UserTable = BasicUserTable<HashOrder>;

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_TABLE_DETAIL_USER_TABLE_HPP
