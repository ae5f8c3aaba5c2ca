// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_DETAIL_VIEWER_MAP_HPP
#define PRESENCE_LIVE_DETAIL_VIEWER_MAP_HPP

#include <presence/base/detail/id_map.hpp>
#include <presence/model/user.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint32_t, uint64_t
#include <cstring>      // for memcpy
#include <string>       // for string
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The ids of a viewer as one string: the user, the session, and the length of the session in 4 bytes. So different
/// viewers have different keys, whatever bytes their ids contain.
class ViewerKey {
 public:
  explicit ViewerKey(Viewer viewer) {
    const std::string_view user = viewer.id(), session = viewer.session();
    size_ = user.size() + session.size() + length_bytes;
    char* to = nearby_;
    if (size_ > sizeof(nearby_)) {
      long_.resize(size_);
      to = &long_[0];
    }
    if (!user.empty()) std::memcpy(to, user.data(), user.size());
    if (!session.empty()) std::memcpy(to + user.size(), session.data(), session.size());
    std::size_t length = session.size();
    for (std::size_t i = 0; i < length_bytes; ++i, length >>= 8)
      to[user.size() + session.size() + i] = static_cast<char>(static_cast<unsigned char>(length & 0xFF));
  }
  std::string_view bytes() const noexcept {
    return size_ > sizeof(nearby_) ? std::string_view(long_) : std::string_view(nearby_, size_);
  }

  /// Returns the viewer of a key. Borrows from it.
  static Viewer viewer_of(std::string_view key) noexcept {
    const std::size_t ids = key.size() - length_bytes;
    std::size_t length = 0;
    for (std::size_t i = length_bytes; i > 0; --i) length = length << 8 | static_cast<unsigned char>(key[ids + i - 1]);
    const std::size_t user = ids - length;
    return Viewer(key.substr(0, user), key.substr(user, ids - user));
  }

 private:
  static constexpr std::size_t length_bytes = 4;

  std::size_t size_;
  char nearby_[256];
  std::string long_;  // only if the key does not fit into nearby_
};

/// A map from viewers to values, with the numbers of an IdMap.
template <class T>
class ViewerMap {
 public:
  static constexpr std::uint32_t none = IdMap<T>::none;

  explicit ViewerMap(std::uint64_t seed = 0) noexcept : map_(seed) {}

  std::size_t size() const noexcept { return map_.size(); }
  std::uint32_t find(Viewer viewer) const noexcept {
    return map_.size() == 0 ? none : map_.find(ViewerKey(viewer).bytes());
  }
  std::uint32_t add(Viewer viewer) { return map_.add(ViewerKey(viewer).bytes()); }
  void erase(std::uint32_t number) noexcept { map_.erase(number); }
  void clear() noexcept { map_.clear(); }
  bool has(std::uint32_t number) const noexcept { return map_.has(number); }
  /// Borrows from the map. Valid until a viewer is added or erased.
  Viewer viewer_of(std::uint32_t number) const noexcept { return ViewerKey::viewer_of(map_.id_of(number)); }
  T& operator[](std::uint32_t number) noexcept { return map_[number]; }
  const T& operator[](std::uint32_t number) const noexcept { return map_[number]; }
  auto begin() const noexcept { return map_.begin(); }
  auto end() const noexcept { return map_.end(); }

 private:
  IdMap<T> map_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_DETAIL_VIEWER_MAP_HPP
