// SPDX-License-Identifier: MIT
#ifndef PRESENCE_DETAIL_ID_TABLE_HPP
#define PRESENCE_DETAIL_ID_TABLE_HPP

#include <presence/detail/user_key.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint32_t, uint64_t
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for move
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Things by id, each with a number that it keeps until it is erased; numbers of erased ones are given anew. Open
/// addressing with linear probing; erasing moves back what follows, so that nothing is left in the way.
template <class T>
class IdTable {
 public:
  static constexpr std::uint32_t none = 0xFFFFFFFF;

  explicit IdTable(std::uint64_t seed = 0) noexcept : seed_(mix(seed)) {}

  std::size_t size() const noexcept { return entries_.size() - free_.size(); }

  /// `none`: it is not there.
  std::uint32_t find(std::string_view id) const noexcept {
    if (places_.empty()) return none;
    const std::uint64_t hash = hash_of(Sought(id), seed_);
    for (std::size_t at = home_of(hash);; at = after(at)) {
      const Place& place = places_[at];
      if (place.number == none) return none;
      if (place.mark == mark_of(hash) && entries_[place.number].id == id) return place.number;
    }
  }

  /// Its number, after it was added if it was not there.
  std::uint32_t add(std::string_view id) {
    const std::uint32_t known = find(id);
    if (known != none) return known;
    if (places_.size() < 2 * (size() + 1)) grow();
    if (free_.empty()) {
      free_.reserve(entries_.size() + 1);  // so that erasing needs no memory
      entries_.push_back(Entry{std::string(id), T(), true});
      put(static_cast<std::uint32_t>(entries_.size() - 1));
      return static_cast<std::uint32_t>(entries_.size() - 1);
    }
    Entry fresh{std::string(id), T(), true};
    const std::uint32_t number = free_.back();
    free_.pop_back();
    entries_[number] = std::move(fresh);
    put(number);
    return number;
  }

  void erase(std::uint32_t number) noexcept {
    const std::uint64_t hash = hash_of(Sought(entries_[number].id), seed_);
    std::size_t hole = home_of(hash);
    while (places_[hole].number != number) hole = after(hole);
    for (std::size_t at = after(hole); places_[at].number != none; at = after(at)) {
      const std::size_t home = home_of(hash_of(Sought(entries_[places_[at].number].id), seed_));
      // Whether the hole lies between its home and where it is.
      if (((at - home) & (places_.size() - 1)) < ((at - hole) & (places_.size() - 1))) continue;
      places_[hole] = places_[at];
      hole = at;
    }
    places_[hole] = Place();
    entries_[number] = Entry();
    free_.push_back(number);
  }

  void clear() noexcept {
    entries_.clear();
    free_.clear();
    places_.clear();
  }

  bool has(std::uint32_t number) const noexcept { return entries_[number].is_used; }
  const std::string& id_of(std::uint32_t number) const noexcept { return entries_[number].id; }
  T& operator[](std::uint32_t number) noexcept { return entries_[number].thing; }
  const T& operator[](std::uint32_t number) const noexcept { return entries_[number].thing; }

  /// Goes over the things, by their numbers.
  class const_iterator {
   public:
    const_iterator(const IdTable& table, std::size_t at) noexcept : table_(&table), at_(at) { skip(); }
    const T& operator*() const noexcept { return table_->entries_[at_].thing; }
    std::uint32_t number() const noexcept { return static_cast<std::uint32_t>(at_); }
    const_iterator& operator++() noexcept {
      ++at_;
      skip();
      return *this;
    }
    friend bool operator!=(const const_iterator& a, const const_iterator& b) noexcept { return a.at_ != b.at_; }

   private:
    void skip() noexcept {
      while (at_ < table_->entries_.size() && !table_->entries_[at_].is_used) ++at_;
    }
    const IdTable* table_;
    std::size_t at_;
  };
  const_iterator begin() const noexcept { return const_iterator(*this, 0); }
  const_iterator end() const noexcept { return const_iterator(*this, entries_.size()); }

 private:
  struct Entry {
    std::string id;
    T thing{};
    bool is_used = false;
  };
  struct Place {
    std::uint32_t mark = 0, number = none;
  };

  static std::uint32_t mark_of(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash >> 32); }
  std::size_t home_of(std::uint64_t hash) const noexcept {
    return static_cast<std::uint32_t>(hash) & (places_.size() - 1);
  }
  std::size_t after(std::size_t at) const noexcept { return (at + 1) & (places_.size() - 1); }

  void put(std::uint32_t number) noexcept {
    const std::uint64_t hash = hash_of(Sought(entries_[number].id), seed_);
    std::size_t at = home_of(hash);
    while (places_[at].number != none) at = after(at);
    places_[at] = Place{mark_of(hash), number};
  }
  void grow() {
    std::vector<Place> larger(places_.empty() ? 8 : 2 * places_.size());
    places_.swap(larger);
    for (std::uint32_t number = 0; number < entries_.size(); ++number) {
      if (entries_[number].is_used) put(number);
    }
  }

  std::uint64_t seed_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  std::vector<Place> places_;  // a power of two of them, at most half of them taken
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_DETAIL_ID_TABLE_HPP
