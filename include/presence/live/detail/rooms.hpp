// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_DETAIL_ROOMS_HPP
#define PRESENCE_LIVE_DETAIL_ROOMS_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/base/detail/id_map.hpp>
#include <presence/live/detail/viewer_map.hpp>
#include <presence/model/user.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint32_t, uint64_t
#include <string_view>  // for string_view
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Stores who watches which channels, and how many of them others see. A user watches a channel as long as one of their
/// viewers does. Others see those who are publicly online.
///
/// A function that takes `on_change` calls `on_change(user, cid, count, is_watching)` whenever others see a user start
/// or stop watching. It must not modify the object.
class Rooms {
 public:
  using OnChange = FunctionRef<void(std::string_view user, std::string_view cid, std::size_t count, bool is_watching)>;

  explicit Rooms(std::uint64_t seed = 0);
  Rooms(const Rooms& other);
  Rooms& operator=(const Rooms&) = delete;
  ~Rooms();

  /// The viewer starts to watch the channel. `is_online`: others see their user online.
  void enter(Viewer viewer, std::string_view cid, bool is_online, std::uint64_t number, const OnChange& on_change);
  void leave(Viewer viewer, std::string_view cid, const OnChange& on_change);
  /// The viewer stops watching all channels.
  void leave(Viewer viewer, const OnChange& on_change);
  /// The viewer is a session that ends with the change of that number. Others see at once that it watches no channel.
  /// It still receives earlier changes, until `forget_ended`.
  void end(Viewer viewer, std::uint64_t number, const OnChange& on_change);
  void forget_ended(Viewer viewer);
  /// The user is seen to be online, or no longer.
  void set_online(std::string_view user, bool is_online, const OnChange& on_change);
  /// Removes a channel. Nobody is notified.
  void remove(std::string_view cid);
  void clear() noexcept;

  bool has(Viewer viewer) const noexcept;
  bool has_user(std::string_view user) const noexcept;
  bool is_in(std::string_view user, std::string_view cid) const noexcept;
  /// Returns the number of users who watch the channel and are online for all others. O(1).
  std::size_t seen_in(std::string_view cid) const noexcept;
  void each_user_in(std::string_view cid, const FunctionRef<void(std::string_view)>& visit) const;
  /// Calls `visit(Viewer)` for each viewer who has watched the channel since before the change with that number.
  void each_viewer_in(std::string_view cid, std::uint64_t number, const FunctionRef<void(Viewer)>& visit) const;
  bool was_in(Viewer viewer, std::string_view cid, std::uint64_t number) const noexcept;

 private:
  struct Entry;
  struct Occupant;
  struct Room;
  struct RoomUser;
  struct RoomViewer;
  static constexpr std::uint32_t none = IdMap<Room>::none;

  void notify(std::uint32_t r, std::uint32_t u, bool is_watching, const OnChange& on_change) const;

  void leave(std::uint32_t v, std::uint32_t r, const OnChange& on_change);
  void forget_if_unused(std::uint32_t r) noexcept;
  void forget_if_absent(std::uint32_t u) noexcept;
  void forget_if_idle(std::uint32_t v) noexcept;
  /// One viewer of the user leaves the channel.
  void leave_as_user(std::uint32_t u, std::uint32_t r, const OnChange& on_change);
  /// Sorts channels by their ids: the order of their numbers would show when a user first watched them.
  template <class Numbers>
  std::vector<std::uint32_t> by_cid(const Numbers& rooms) const;

  IdMap<Room> rooms_;
  IdMap<RoomUser> users_;
  ViewerMap<RoomViewer> viewers_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/live/detail/rooms_bodies.hpp>
#endif

#endif  // PRESENCE_LIVE_DETAIL_ROOMS_HPP
