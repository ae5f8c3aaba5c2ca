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
#include <utility>      // for move

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Collects changes of users, each with a timestamp `at` and the user's `id`, and iterates over them in the order of
/// (timestamp, id). Only small keys are sorted: all memory is allocated while collecting, and nothing large is moved.
template <class T>
class Timeline {
 public:
  std::size_t size() const noexcept { return keys_.size(); }

  /// Adds nothing if memory runs out.
  void add(T&& happening) {
    const T& added = all_.add(std::move(happening));
    // An element without a key does not count, so a failure here adds nothing.
    keys_.push_back(Key{added.at, first_bytes(text_of(added.id)), static_cast<std::uint32_t>(all_.size() - 1)});
  }
  void clear() noexcept {
    keys_.clear();
    all_.clear();
  }

  /// Merges all changes of a user into the first. `join(first, next)` merges the change that was added next into the
  /// first.
  void one_per_user(const FunctionRef<void(T&, T&)>& join) noexcept {
    detail::sort(keys_, [this](const Key& a, const Key& b) {
      const int order = compare_ids(a, b);
      return order != 0 ? order < 0 : a.index < b.index;
    });
    std::size_t users = 0;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      if (users > 0 && compare_ids(keys_[users - 1], keys_[i]) == 0) {
        join(all_[keys_[users - 1].index], all_[keys_[i].index]);
        keys_[users - 1].at = all_[keys_[users - 1].index].at;
      } else {
        keys_[users++] = keys_[i];
      }
    }
    keys_.resize(users);
  }

  void each(const FunctionRef<void(const T&)>& visit) {
    detail::sort(keys_, [this](const Key& a, const Key& b) {
      if (a.at != b.at) return a.at < b.at;
      const int order = compare_ids(a, b);
      return order != 0 ? order < 0 : a.index < b.index;
    });
    for (const Key& key : keys_) visit(all_[key.index]);
  }

 private:
  struct Key {
    Timestamp at;
    std::uint64_t first_bytes = 0;  // of the id
    std::uint32_t index = 0;
  };

  /// Returns the first 8 bytes of an id as a number. If two ids differ in these bytes, the greater id has the greater
  /// number.
  static std::uint64_t first_bytes(std::string_view id) noexcept {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < 8; ++i) word = word << 8 | (i < id.size() ? static_cast<unsigned char>(id[i]) : 0u);
    return word;
  }
  int compare_ids(const Key& a, const Key& b) const noexcept {
    if (a.first_bytes != b.first_bytes) return a.first_bytes < b.first_bytes ? -1 : 1;
    return text_of(all_[a.index].id).compare(text_of(all_[b.index].id));
  }

  Vector<Key> keys_;
  ChunkedVector<T> all_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_TIMELINE_HPP
