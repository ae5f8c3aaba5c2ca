// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_ID_MAP_HPP
#define PRESENCE_BASE_DETAIL_ID_MAP_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/config.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint8_t, uint32_t, uint64_t
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for move
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The default hash of an IdMap. Tests use other hashes.
struct IdHash {
  PRESENCE_DETAIL_APART static std::uint64_t of(std::string_view id, std::uint64_t seed) noexcept {
    return hash_of(LookupKey(id), seed);
  }
};

/// The part of an IdMap that does not depend on the values: the ids, their numbers and hashes.
///
/// A hash table with separate chaining, whose chains are AVL trees (Adelson-Velsky, Landis 1962) ordered by (hash, sum,
/// id). So find, add and erase need O(log n) comparisons for all ids and hashes, and O(1) with a good hash. The links
/// are numbers in the nodes, so erase allocates nothing.
class IdIndex {
 public:
  static constexpr std::uint32_t none = 0xFFFFFFFF;

  /// The number of ids, an upper bound on their numbers, and the number of nodes for which there is memory.
  std::size_t size() const noexcept { return nodes_.size() - free_.size(); }
  std::size_t end() const noexcept { return nodes_.size(); }
  std::size_t capacity() const noexcept { return nodes_.capacity(); }

  bool has(std::uint32_t number) const noexcept { return number < nodes_.size() && nodes_[number].height != 0; }
  const std::string& id_of(std::uint32_t number) const noexcept { return nodes_[number].id; }

  PRESENCE_DETAIL_APART std::uint32_t find(std::string_view id, std::uint64_t hash) const noexcept {
    if (buckets_.empty()) return none;
    const Bucket& bucket = bucket_of(hash);
    if ((bucket.marks & mark_of(hash)) == 0) return none;
    const Node& root = nodes_[bucket.root];
    if (root.hash == hash && root.id == id) return bucket.root;
    return find_below(bucket.root, id, hash);
  }

  /// Makes room for one more id, so that only the copy of its string can still fail in `add`.
  PRESENCE_DETAIL_APART void reserve_one() {
    if (buckets_.size() < 2 * (size() + 1)) grow();
    if (!free_.empty()) return;
    detail::reserve_one(nodes_);
    free_.reserve(nodes_.capacity());  // so that erase does not allocate
  }
  /// Adds an id that is absent, and for which there is room. Returns its number.
  PRESENCE_DETAIL_APART std::uint32_t add(std::string_view id, std::uint64_t hash) {
    Node fresh;
    fresh.id = std::string(id);
    fresh.hash = hash;
    fresh.sum = sum_of(id);
    fresh.height = 1;
    std::uint32_t number;
    if (free_.empty()) {
      number = static_cast<std::uint32_t>(nodes_.size());
      nodes_.push_back(std::move(fresh));
    } else {
      number = free_.back();
      free_.pop_back();
      nodes_[number] = std::move(fresh);
    }
    link(number);
    return number;
  }
  PRESENCE_DETAIL_APART void erase(std::uint32_t number) noexcept {
    unlink(number);
    nodes_[number] = Node();
    free_.push_back(number);
  }
  void clear() noexcept {
    nodes_.clear();
    free_.clear();
    buckets_.clear();
  }

  /// Returns true if every tree is ordered and balanced, and has all nodes of its bucket. For tests.
  bool is_sound() const noexcept {
    std::size_t count = 0;
    for (const Bucket& bucket : buckets_) {
      if (!is_sound(bucket.root, bucket, count)) return false;
    }
    return count == size();
  }

 private:
  struct Node {
    std::uint64_t hash = 0, sum = 0;  // of the id
    std::uint32_t child[2] = {none, none};
    std::uint8_t height = 0;  // of the subtree; 0: erased
    std::string id;
  };
  struct Bucket {
    std::uint32_t root = none;
    std::uint32_t marks = 0;  // a filter of the hashes in the tree, and perhaps of erased ones; ends most misses early
  };
  /// An upper bound on the height of an AVL tree of all numbers: 1.4405 * log2(2^32) rounded up, plus one for the empty
  /// link below.
  static constexpr unsigned most_levels = 48;

  static std::uint32_t mark_of(std::uint64_t hash) noexcept { return std::uint32_t{1} << (hash >> 59); }
  const Bucket& bucket_of(std::uint64_t hash) const noexcept {
    return buckets_[narrowed<std::size_t>(hash & (buckets_.size() - 1))];
  }
  Bucket& bucket_of(std::uint64_t hash) noexcept {
    return buckets_[narrowed<std::size_t>(hash & (buckets_.size() - 1))];
  }

  /// Returns a second, cheap hash of all words of an id. It distinguishes most ids with equal hashes without reading
  /// the stored ids. It need not be a good hash: if it collides too, a comparison only costs a comparison of the ids.
  static std::uint64_t sum_of(std::string_view id) noexcept {
    std::uint64_t sum = 0;
    const char* p = id.data();
    std::size_t left = id.size();
    for (; left >= 8; p += 8, left -= 8) sum = rotated(sum, 11) + load_word(p);
    return rotated(sum, 11) + load_part(p, left);
  }
  static bool is_before(const Node& a, const Node& b) noexcept {
    // In parentheses, because clang++ takes `hash <` for std::hash behind a host's `using namespace std`.
    if (a.hash != b.hash) return (a.hash) < b.hash;
    return a.sum != b.sum ? a.sum < b.sum : a.id < b.id;
  }

  /// Continues a search below a root that did not match.
  PRESENCE_DETAIL_APART std::uint32_t find_below(std::uint32_t at, std::string_view id,
                                                 std::uint64_t hash) const noexcept {
    // Among ids with equal hashes, the sums decide most steps.
    const Node* const nodes = nodes_.data();
    const std::uint64_t sum = sum_of(id);
    do {
      const Node& entry = nodes[at];
      bool is_after = hash > entry.hash;
      if (hash == entry.hash) {
        is_after = sum > entry.sum;
        if (sum == entry.sum) {
          const int order = id.compare(entry.id);
          if (order == 0) break;
          is_after = order > 0;
        }
      }
      at = entry.child[is_after ? 1 : 0];
    } while (at != none);
    return at;
  }

  unsigned height_of(std::uint32_t at) const noexcept { return at == none ? 0u : nodes_[at].height; }
  void note_height(Node& entry) noexcept {
    const unsigned left = height_of(entry.child[0]), right = height_of(entry.child[1]);
    entry.height = static_cast<std::uint8_t>(1 + (left < right ? right : left));
  }
  /// Rotates a node towards `side`. Its child on the other side takes its place. Returns that child.
  std::uint32_t rotated_to(unsigned side, std::uint32_t at) noexcept {
    Node& sinking = nodes_[at];
    const std::uint32_t rising = sinking.child[1 - side];
    sinking.child[1 - side] = nodes_[rising].child[side];
    nodes_[rising].child[side] = at;
    note_height(sinking);
    note_height(nodes_[rising]);
    return rising;
  }
  /// Rebalances a node whose subtrees may differ in height by two. Returns the new root of its tree.
  std::uint32_t balanced(std::uint32_t at) noexcept {
    Node& entry = nodes_[at];
    const unsigned left = height_of(entry.child[0]), right = height_of(entry.child[1]);
    if (left > right + 1 || right > left + 1) {
      const unsigned high = right > left ? 1 : 0;
      const Node& child = nodes_[entry.child[high]];
      if (height_of(child.child[high]) < height_of(child.child[1 - high]))
        entry.child[high] = rotated_to(high, entry.child[high]);
      return rotated_to(1 - high, at);
    }
    note_height(entry);
    return at;
  }
  /// Rebalances the nodes on a path, from the lowest up to the first whose height does not change.
  PRESENCE_DETAIL_APART void balance(std::uint32_t* const* way, unsigned levels) noexcept {
    while (levels > 0) {
      std::uint32_t& link = *way[--levels];
      const unsigned before = nodes_[link].height;
      link = balanced(link);
      if (nodes_[link].height == before) return;
    }
  }

  PRESENCE_DETAIL_APART void link(std::uint32_t number) noexcept {
    Node& fresh = nodes_[number];
    Bucket& bucket = bucket_of(fresh.hash);
    bucket.marks |= mark_of(fresh.hash);
    std::uint32_t* way[most_levels];
    unsigned levels = 0;
    std::uint32_t* link = &bucket.root;
    while (*link != none) {
      way[levels++] = link;
      Node& entry = nodes_[*link];
      link = &entry.child[is_before(entry, fresh) ? 1 : 0];
    }
    *link = number;
    balance(way, levels);
  }

  PRESENCE_DETAIL_APART void unlink(std::uint32_t number) noexcept {
    Node& gone = nodes_[number];
    Bucket& bucket = bucket_of(gone.hash);
    std::uint32_t* way[most_levels];
    unsigned levels = 0;
    std::uint32_t* link = &bucket.root;
    while (*link != number) {
      way[levels++] = link;
      Node& entry = nodes_[*link];
      link = &entry.child[is_before(entry, gone) ? 1 : 0];
    }
    if (gone.child[0] != none && gone.child[1] != none) {
      // The successor, which has no left child, takes its place.
      std::uint32_t& place = *link;
      const unsigned below = levels + 1;
      way[levels++] = link;
      link = &gone.child[1];
      while (nodes_[*link].child[0] != none) {
        way[levels++] = link;
        link = &nodes_[*link].child[0];
      }
      const std::uint32_t next = *link;
      *link = nodes_[next].child[1];
      Node& heir = nodes_[next];
      heir.child[0] = gone.child[0];
      heir.child[1] = gone.child[1];
      heir.height = gone.height;
      place = next;
      if (below < levels) way[below] = &heir.child[1];
    } else {
      *link = gone.child[gone.child[0] != none ? 0 : 1];
    }
    if (bucket.root == none) bucket.marks = 0;
    balance(way, levels);
  }

  /// Doubles the number of buckets. Each tree is split into two in order, without any comparison.
  PRESENCE_DETAIL_APART void grow() {
    std::vector<Bucket> larger(buckets_.empty() ? 8 : 2 * buckets_.size());
    buckets_.swap(larger);
    for (std::size_t i = 0; i < larger.size(); ++i) {
      const std::uint32_t root = larger[i].root;
      if (root == none) continue;
      if (nodes_[root].height == 1) {
        bucket_of(nodes_[root].hash) = Bucket{root, mark_of(nodes_[root].hash)};
        continue;
      }
      Chain chains[2];
      take_apart(root, larger.size(), chains);
      for (std::size_t half = 0; half < 2; ++half) {
        Bucket& bucket = buckets_[i + half * larger.size()];
        bucket.marks = chains[half].marks;
        bucket.root = put_together(chains[half].first, chains[half].size);
      }
    }
  }
  /// Entries in order, linked by their right child.
  struct Chain {
    std::uint32_t first = none, last = none, marks = 0;
    std::size_t size = 0;
  };
  PRESENCE_DETAIL_APART void take_apart(std::uint32_t at, std::size_t bit, Chain* chains) noexcept {
    while (at != none) {
      Node& entry = nodes_[at];
      take_apart(entry.child[0], bit, chains);
      const std::uint32_t right = entry.child[1];
      entry.child[1] = none;
      Chain& chain = chains[(entry.hash & bit) != 0 ? 1 : 0];
      (chain.last == none ? chain.first : nodes_[chain.last].child[1]) = at;
      chain.last = at;
      chain.marks |= mark_of(entry.hash);
      ++chain.size;
      at = right;
    }
  }
  /// Removes `count` nodes from a chain, and builds a balanced tree of them: the two sides of each node differ by at
  /// most one entry.
  PRESENCE_DETAIL_APART std::uint32_t put_together(std::uint32_t& first, std::size_t count) noexcept {
    if (count == 0) return none;
    const std::uint32_t left = put_together(first, count / 2), root = first;
    Node& entry = nodes_[root];
    first = entry.child[1];
    entry.child[0] = left;
    entry.child[1] = put_together(first, count - 1 - count / 2);
    note_height(entry);
    return root;
  }

  bool is_sound(std::uint32_t at, const Bucket& bucket, std::size_t& count) const noexcept {
    if (at == none) return true;
    ++count;
    const Node& entry = nodes_[at];
    const unsigned left = height_of(entry.child[0]), right = height_of(entry.child[1]);
    if (entry.height != 1 + (left < right ? right : left) || left > right + 1 || right > left + 1) return false;
    if (&bucket_of(entry.hash) != &bucket || (bucket.marks & mark_of(entry.hash)) == 0) return false;
    if (entry.child[0] != none && !is_before(nodes_[entry.child[0]], entry)) return false;
    if (entry.child[1] != none && !is_before(entry, nodes_[entry.child[1]])) return false;
    return is_sound(entry.child[0], bucket, count) && is_sound(entry.child[1], bucket, count);
  }

  std::vector<Node> nodes_;
  std::vector<std::uint32_t> free_;
  std::vector<Bucket> buckets_;  // a power of two, at least twice the number of ids
};

/// A map from ids to values. Each value has a number that stays the same until it is erased. Numbers of erased values
/// are reused. See IdIndex for the costs.
template <class T, class Hash = IdHash>
class IdMap {
 public:
  static constexpr std::uint32_t none = IdIndex::none;

  explicit IdMap(std::uint64_t seed = 0) noexcept : seed_(mix(seed)) {}

  std::size_t size() const noexcept { return index_.size(); }

  /// Returns the number of the id, or `none` if it is absent.
  std::uint32_t find(std::string_view id) const noexcept {
    return index_.size() == 0 ? none : index_.find(id, Hash::of(id, seed_));
  }

  /// Returns the number of the id. Adds the id if it is absent. If memory runs out, nothing is added.
  PRESENCE_DETAIL_APART std::uint32_t add(std::string_view id) {
    const std::uint64_t hash = Hash::of(id, seed_);
    const std::uint32_t known = index_.find(id, hash);
    if (known != none) return known;
    index_.reserve_one();
    if (values_.size() < index_.capacity()) values_.resize(index_.capacity());
    return index_.add(id, hash);
  }

  void erase(std::uint32_t number) noexcept {
    index_.erase(number);
    values_[number] = T();
  }

  void clear() noexcept {
    values_.clear();
    index_.clear();
  }

  bool has(std::uint32_t number) const noexcept { return index_.has(number); }
  const std::string& id_of(std::uint32_t number) const noexcept { return index_.id_of(number); }
  T& operator[](std::uint32_t number) noexcept { return values_[number]; }
  const T& operator[](std::uint32_t number) const noexcept { return values_[number]; }

  /// Iterates over the values in order of their numbers.
  class const_iterator {
   public:
    const_iterator(const IdMap& map, std::size_t at) noexcept : map_(&map), at_(at) { skip(); }
    const T& operator*() const noexcept { return map_->values_[at_]; }
    const_iterator& operator++() noexcept {
      ++at_;
      skip();
      return *this;
    }
    std::uint32_t number() const noexcept { return static_cast<std::uint32_t>(at_); }
    friend bool operator!=(const const_iterator& a, const const_iterator& b) noexcept { return a.at_ != b.at_; }

   private:
    void skip() noexcept {
      while (at_ < map_->index_.end() && !map_->index_.has(number())) ++at_;
    }
    const IdMap* map_;
    std::size_t at_;
  };
  const_iterator begin() const noexcept { return const_iterator(*this, 0); }
  const_iterator end() const noexcept { return const_iterator(*this, index_.end()); }

  /// Returns true if every tree is ordered and balanced, and has all entries of its bucket. For tests.
  bool is_sound() const noexcept { return index_.is_sound(); }

 private:
  std::uint64_t seed_;
  IdIndex index_;
  std::vector<T> values_;  // as many as the index has memory for
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_DETAIL_ID_MAP_HPP
