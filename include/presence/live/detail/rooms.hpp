// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_DETAIL_ROOMS_HPP
#define PRESENCE_LIVE_DETAIL_ROOMS_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/callback.hpp>
#include <presence/base/detail/id_map.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/base/detail/sorted_chunks.hpp>
#include <presence/live/detail/viewer_map.hpp>
#include <presence/model/user.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint32_t, uint64_t
#include <string>       // for string
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

  explicit Rooms(std::uint64_t seed = 0) : rooms_(seed), users_(seed), viewers_(seed) {}

  /// The viewer starts to watch the channel. `is_online`: others see their user online.
  PRESENCE_DETAIL_RARE void enter(Viewer viewer, std::string_view cid, bool is_online, std::uint64_t number,
                                  const OnChange& on_change) {
    if (viewer.id().empty()) return;
    const std::uint32_t r = rooms_.add(cid);
    Rollback forget_room([this, r]() noexcept { forget_if_unused(r); });
    const std::uint32_t u = users_.add(viewer.id());
    Rollback forget_user([this, u]() noexcept { forget_if_absent(u); });
    const std::uint32_t v = viewers_.add(viewer);
    Rollback forget_viewer([this, v]() noexcept { forget_if_idle(v); });
    if (viewers_[v].rooms.find(r) != nullptr) {
      forget_room.release();
      forget_user.release();
      forget_viewer.release();
      return;
    }
    viewers_[v].user = u;
    Occupant* const known = rooms_[r].users.find(u);
    if (known == nullptr) users_[u].rooms.insert(r);
    Rollback leave_room([this, r, u]() noexcept { users_[u].rooms.erase(r); });
    if (known == nullptr) rooms_[r].users.insert(Occupant{u, 0});
    Rollback leave_users([this, r, u]() noexcept { rooms_[r].users.erase(u); });
    if (known != nullptr) {
      leave_room.release();
      leave_users.release();
    }
    rooms_[r].viewers.insert(Entry{v, number, static_cast<std::uint64_t>(-1)});
    Rollback leave_viewers([this, r, v]() noexcept { rooms_[r].viewers.erase(v); });
    viewers_[v].rooms.insert(r);
    forget_room.release();
    forget_user.release();
    forget_viewer.release();
    leave_room.release();
    leave_users.release();
    leave_viewers.release();
    Occupant* const occupant = rooms_[r].users.find(u);
    if (occupant == nullptr || ++occupant->viewers > 1) return;
    users_[u].is_online = is_online;
    if (!is_online) return;
    ++rooms_[r].seen;
    notify(r, u, true, on_change);
  }
  PRESENCE_DETAIL_RARE void leave(Viewer viewer, std::string_view cid, const OnChange& on_change) {
    const std::uint32_t r = rooms_.find(cid), v = viewers_.find(viewer);
    if (r != none && v != none) leave(v, r, on_change);
  }
  /// The viewer stops watching all channels.
  PRESENCE_DETAIL_RARE void leave(Viewer viewer, const OnChange& on_change) {
    const std::uint32_t v = viewers_.find(viewer);
    if (v == none) return;
    for (const std::uint32_t r : by_cid(viewers_[v].rooms)) leave(v, r, on_change);
  }
  /// The viewer is a session that ends with the change of that number. Others see at once that it watches no channel.
  /// It still receives earlier changes, until `forget_ended`.
  PRESENCE_DETAIL_APART void end(Viewer viewer, std::uint64_t number, const OnChange& on_change) {
    const std::uint32_t v = viewers_.find(viewer);
    if (v == none || viewers_[v].has_ended) return;
    viewers_[v].has_ended = true;
    for (const std::uint32_t r : by_cid(viewers_[v].rooms)) {
      if (Entry* const entry = rooms_[r].viewers.find(v)) entry->until = number;
      leave_as_user(viewers_[v].user, r, on_change);
    }
  }
  PRESENCE_DETAIL_RARE void forget_ended(Viewer viewer) {
    const std::uint32_t v = viewers_.find(viewer);
    if (v == none || !viewers_[v].has_ended) return;
    const auto ignore = [](std::string_view, std::string_view, std::size_t, bool) noexcept {};
    for (const std::uint32_t r : by_cid(viewers_[v].rooms)) leave(v, r, ignore);
  }
  /// The user is seen to be online, or no longer.
  PRESENCE_DETAIL_APART void set_online(std::string_view user, bool is_online, const OnChange& on_change) {
    const std::uint32_t u = users_.find(user);
    if (u == none || users_[u].is_online == is_online) return;
    users_[u].is_online = is_online;
    for (const std::uint32_t r : by_cid(users_[u].rooms)) {
      rooms_[r].seen += is_online ? 1u : static_cast<std::size_t>(-1);
      notify(r, u, is_online, on_change);
    }
  }
  /// Removes a channel. Nobody is notified.
  PRESENCE_DETAIL_RARE void remove(std::string_view cid) {
    const std::uint32_t r = rooms_.find(cid);
    if (r == none) return;
    const auto ignore = [](std::string_view, std::string_view, std::size_t, bool) noexcept {};
    for (std::size_t left = rooms_[r].viewers.size(); left > 0; --left)
      leave(rooms_[r].viewers.back().viewer, r, ignore);
  }
  void clear() noexcept {
    rooms_.clear();
    users_.clear();
    viewers_.clear();
  }

  bool has(Viewer viewer) const noexcept { return viewers_.find(viewer) != none; }
  bool has_user(std::string_view user) const noexcept { return users_.find(user) != none; }
  bool is_in(std::string_view user, std::string_view cid) const noexcept {
    const std::uint32_t r = rooms_.find(cid), u = users_.find(user);
    return r != none && u != none && users_[u].rooms.find(r) != nullptr;
  }
  /// Returns the number of users who watch the channel and are online for all others. O(1).
  std::size_t seen_in(std::string_view cid) const noexcept {
    const std::uint32_t r = rooms_.find(cid);
    return r == none ? 0 : rooms_[r].seen;
  }
  void each_user_in(std::string_view cid, const FunctionRef<void(std::string_view)>& visit) const {
    const std::uint32_t r = rooms_.find(cid);
    if (r == none) return;
    for (const Occupant& occupant : rooms_[r].users) visit(std::string_view(users_.id_of(occupant.user)));
  }
  /// Calls `visit(Viewer)` for each viewer who has watched the channel since before the change with that number.
  void each_viewer_in(std::string_view cid, std::uint64_t number, const FunctionRef<void(Viewer)>& visit) const {
    const std::uint32_t r = rooms_.find(cid);
    if (r == none) return;
    for (const Entry& entry : rooms_[r].viewers) {
      if (entry.since <= number && number < entry.until) visit(viewers_.viewer_of(entry.viewer));
    }
  }
  bool was_in(Viewer viewer, std::string_view cid, std::uint64_t number) const noexcept {
    const std::uint32_t r = rooms_.find(cid), v = viewers_.find(viewer);
    if (r == none || v == none) return false;
    const Entry* const entry = rooms_[r].viewers.find(v);
    return entry != nullptr && entry->since <= number && number < entry->until;
  }

 private:
  struct Entry {
    std::uint32_t viewer;
    std::uint64_t since, until;  // the numbers of the changes that the viewer receives
  };
  struct Occupant {
    std::uint32_t user, viewers;  // viewers: how many of the user's viewers watch the channel
  };
  struct Room {
    SortedChunks<Entry, ByMember<&Entry::viewer>> viewers;
    SortedChunks<Occupant, ByMember<&Occupant::user>> users;
    std::size_t seen = 0;  // users who are online
  };
  struct RoomUser {
    bool is_online = false;
    NumberSet rooms;
  };
  struct RoomViewer {
    std::uint32_t user = 0;
    bool has_ended = false;
    NumberSet rooms;
  };
  static constexpr std::uint32_t none = IdMap<Room>::none;

  void notify(std::uint32_t r, std::uint32_t u, bool is_watching, const OnChange& on_change) const {
    on_change(std::string_view(users_.id_of(u)), std::string_view(rooms_.id_of(r)), rooms_[r].seen, is_watching);
  }

  PRESENCE_DETAIL_RARE void leave(std::uint32_t v, std::uint32_t r, const OnChange& on_change) {
    if (!viewers_[v].rooms.erase(r)) return;
    const RoomViewer& viewer = viewers_[v];
    rooms_[r].viewers.erase(v);
    if (!viewer.has_ended) leave_as_user(viewer.user, r, on_change);
    forget_if_unused(r);
    forget_if_idle(v);
  }
  void forget_if_unused(std::uint32_t r) noexcept {
    if (rooms_[r].viewers.empty()) rooms_.erase(r);
  }
  void forget_if_absent(std::uint32_t u) noexcept {
    if (users_[u].rooms.empty()) users_.erase(u);
  }
  void forget_if_idle(std::uint32_t v) noexcept {
    if (viewers_[v].rooms.empty()) viewers_.erase(v);
  }
  /// One viewer of the user leaves the channel.
  PRESENCE_DETAIL_RARE void leave_as_user(std::uint32_t u, std::uint32_t r, const OnChange& on_change) {
    Occupant* const occupant = rooms_[r].users.find(u);
    if (occupant == nullptr || --occupant->viewers != 0) return;
    rooms_[r].users.erase(u);
    users_[u].rooms.erase(r);
    if (users_[u].is_online) {
      --rooms_[r].seen;
      notify(r, u, false, on_change);
    }
    forget_if_absent(u);
  }
  /// Sorts channels by their ids: the order of their numbers would show when a user first watched them.
  PRESENCE_DETAIL_APART std::vector<std::uint32_t> by_cid(const NumberSet& rooms) const {
    std::vector<std::uint32_t> sorted;
    for (const std::uint32_t r : rooms) sorted.push_back(r);
    detail::sort(sorted, [this](std::uint32_t a, std::uint32_t b) { return rooms_.id_of(a) < rooms_.id_of(b); });
    return sorted;
  }

  IdMap<Room> rooms_;
  IdMap<RoomUser> users_;
  ViewerMap<RoomViewer> viewers_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_DETAIL_ROOMS_HPP
