// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_TIMELINE_HPP
#define PRESENCE_STATE_DETAIL_TIMELINE_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/callback.hpp>
#include <presence/base/detail/chunked_vector.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/base/detail/shared_string.hpp>
#include <presence/base/time.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint32_t, uint64_t
#include <string_view>  // for string_view
#include <utility>      // for forward

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Collects changes of users, each with a timestamp `at` and the user's `id`, and iterates over them in the order of
/// (timestamp, id). Only small keys are sorted: all memory is allocated while collecting, and nothing large is moved.
template <class T>
class Timeline {
 public:
  std::size_t size() const noexcept { return keys_.size(); }

  /// Adds an element, which is constructed in its place. Adds nothing if memory runs out.
  template <class... Args>
  void add(Args&&... args) {
    add_key(all_.add(std::forward<Args>(args)...));
  }
  void clear() noexcept {
    keys_.clear();
    all_.clear();
  }

  /// Merges all changes of a user into the first. `join(first, next)` merges the change that was added next into the
  /// first.
  void one_per_user(const FunctionRef<void(T&, T&)>& join) noexcept {
    detail::sort(keys_, [this](const Key& a, const Key& b) { return is_before(a, b); });
    std::size_t users = 0;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      if (users > 0 && is_same_id(keys_[users - 1], keys_[i])) {
        join(all_[keys_[users - 1].index], all_[keys_[i].index]);
        keys_[users - 1].at = all_[keys_[users - 1].index].at;
      } else {
        keys_[users++] = keys_[i];
      }
    }
    keys_.resize(users);
  }

  void each(const FunctionRef<void(const T&)>& visit) {
    detail::sort(keys_, [this](const Key& a, const Key& b) { return a.at != b.at ? a.at < b.at : is_before(a, b); });
    for (const Key& key : keys_) visit(all_[key.index]);
  }

 private:
  struct Key {
    Timestamp at;
    std::uint64_t first_bytes = 0, next_bytes = 0;  // of the id
    std::uint32_t index = 0;
  };

  /// Adds the key of the last element. An element without a key does not count, so a failure here adds nothing.
  void add_key(const T& added) {
    const std::string_view id = text_of(added.id);
    detail::reserve_one(keys_);
    keys_.push_back(Key{added.at, bytes_of(id, 0), bytes_of(id, 8), static_cast<std::uint32_t>(all_.size() - 1)});
  }
  /// Returns 8 bytes of an id from an index on as a number. If two ids differ only from there on, and in these bytes,
  /// the greater id has the greater number.
  static std::uint64_t bytes_of(std::string_view id, std::size_t from) noexcept {
    if (id.size() <= from) return 0;
    const std::size_t left = id.size() - from;
    return by_weight(left < 8 ? load_part(id.data() + from, left) : load_word(id.data() + from));
  }
  int compare_ids(const Key& a, const Key& b) const noexcept {
    return text_of(all_[a.index].id).compare(text_of(all_[b.index].id));
  }
  bool is_same_id(const Key& a, const Key& b) const noexcept {
    return a.first_bytes == b.first_bytes && a.next_bytes == b.next_bytes && compare_ids(a, b) == 0;
  }
  /// Returns whether `a` has the lesser id, or the same id and was added first.
  bool is_before(const Key& a, const Key& b) const noexcept {
    if (a.first_bytes != b.first_bytes) return a.first_bytes < b.first_bytes;
    if (a.next_bytes != b.next_bytes) return a.next_bytes < b.next_bytes;
    const int order = compare_ids(a, b);
    return order != 0 ? order < 0 : a.index < b.index;
  }

  Vector<Key> keys_;
  ChunkedVector<T> all_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_TIMELINE_HPP
