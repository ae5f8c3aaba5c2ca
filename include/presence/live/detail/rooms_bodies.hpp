// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_DETAIL_ROOMS_BODIES_HPP
#define PRESENCE_LIVE_DETAIL_ROOMS_BODIES_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/base/detail/sorted_chunks.hpp>
#include <presence/live/detail/rooms.hpp>
#include <presence/model/user.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint32_t, uint64_t
#include <string_view>  // for string_view
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

struct Rooms::Entry {
  std::uint32_t viewer;
  std::uint64_t since, until;  // the numbers of the changes that the viewer receives
};
struct Rooms::Occupant {
  std::uint32_t user, viewers;  // viewers: how many of the user's viewers watch the channel
};
struct Rooms::Room {
  SortedChunks<Entry, ByMember<&Entry::viewer>> viewers;
  SortedChunks<Occupant, ByMember<&Occupant::user>> users;
  std::size_t seen = 0;  // users who are online
};
struct Rooms::RoomUser {
  bool is_online = false;
  NumberSet rooms;
};
struct Rooms::RoomViewer {
  std::uint32_t user = 0;
  bool has_ended = false;
  NumberSet rooms;
};

PRESENCE_DETAIL_BODY Rooms::Rooms(std::uint64_t seed) : rooms_(seed), users_(seed), viewers_(seed) {}
PRESENCE_DETAIL_BODY Rooms::Rooms(const Rooms& other) = default;
PRESENCE_DETAIL_BODY Rooms::~Rooms() = default;

PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Rooms::enter(Viewer viewer, std::string_view cid, bool is_online,
                                                            std::uint64_t number, const OnChange& on_change) {
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
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Rooms::leave(Viewer viewer, std::string_view cid,
                                                            const OnChange& on_change) {
  const std::uint32_t r = rooms_.find(cid), v = viewers_.find(viewer);
  if (r != none && v != none) leave(v, r, on_change);
}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Rooms::leave(Viewer viewer, const OnChange& on_change) {
  const std::uint32_t v = viewers_.find(viewer);
  if (v == none) return;
  for (const std::uint32_t r : by_cid(viewers_[v].rooms)) leave(v, r, on_change);
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Rooms::end(Viewer viewer, std::uint64_t number,
                                                           const OnChange& on_change) {
  const std::uint32_t v = viewers_.find(viewer);
  if (v == none || viewers_[v].has_ended) return;
  viewers_[v].has_ended = true;
  for (const std::uint32_t r : by_cid(viewers_[v].rooms)) {
    if (Entry* const entry = rooms_[r].viewers.find(v)) entry->until = number;
    leave_as_user(viewers_[v].user, r, on_change);
  }
}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Rooms::forget_ended(Viewer viewer) {
  const std::uint32_t v = viewers_.find(viewer);
  if (v == none || !viewers_[v].has_ended) return;
  const auto ignore = [](std::string_view, std::string_view, std::size_t, bool) noexcept {};
  for (const std::uint32_t r : by_cid(viewers_[v].rooms)) leave(v, r, ignore);
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Rooms::set_online(std::string_view user, bool is_online,
                                                                  const OnChange& on_change) {
  const std::uint32_t u = users_.find(user);
  if (u == none || users_[u].is_online == is_online) return;
  users_[u].is_online = is_online;
  for (const std::uint32_t r : by_cid(users_[u].rooms)) {
    rooms_[r].seen += is_online ? 1u : static_cast<std::size_t>(-1);
    notify(r, u, is_online, on_change);
  }
}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Rooms::remove(std::string_view cid) {
  const std::uint32_t r = rooms_.find(cid);
  if (r == none) return;
  const auto ignore = [](std::string_view, std::string_view, std::size_t, bool) noexcept {};
  for (std::size_t left = rooms_[r].viewers.size(); left > 0; --left) leave(rooms_[r].viewers.back().viewer, r, ignore);
}
PRESENCE_DETAIL_BODY void Rooms::clear() noexcept {
  rooms_.clear();
  users_.clear();
  viewers_.clear();
}

PRESENCE_DETAIL_BODY bool Rooms::has(Viewer viewer) const noexcept { return viewers_.find(viewer) != none; }
PRESENCE_DETAIL_BODY bool Rooms::has_user(std::string_view user) const noexcept { return users_.find(user) != none; }
PRESENCE_DETAIL_BODY bool Rooms::is_in(std::string_view user, std::string_view cid) const noexcept {
  const std::uint32_t r = rooms_.find(cid), u = users_.find(user);
  return r != none && u != none && users_[u].rooms.find(r) != nullptr;
}
PRESENCE_DETAIL_BODY std::size_t Rooms::seen_in(std::string_view cid) const noexcept {
  const std::uint32_t r = rooms_.find(cid);
  return r == none ? 0 : rooms_[r].seen;
}
PRESENCE_DETAIL_BODY void Rooms::each_user_in(std::string_view cid,
                                              const FunctionRef<void(std::string_view)>& visit) const {
  const std::uint32_t r = rooms_.find(cid);
  if (r == none) return;
  for (const Occupant& occupant : rooms_[r].users) visit(std::string_view(users_.id_of(occupant.user)));
}
PRESENCE_DETAIL_BODY void Rooms::each_viewer_in(std::string_view cid, std::uint64_t number,
                                                const FunctionRef<void(Viewer)>& visit) const {
  const std::uint32_t r = rooms_.find(cid);
  if (r == none) return;
  for (const Entry& entry : rooms_[r].viewers) {
    if (entry.since <= number && number < entry.until) visit(viewers_.viewer_of(entry.viewer));
  }
}
PRESENCE_DETAIL_BODY bool Rooms::was_in(Viewer viewer, std::string_view cid, std::uint64_t number) const noexcept {
  const std::uint32_t r = rooms_.find(cid), v = viewers_.find(viewer);
  if (r == none || v == none) return false;
  const Entry* const entry = rooms_[r].viewers.find(v);
  return entry != nullptr && entry->since <= number && number < entry->until;
}

PRESENCE_DETAIL_BODY void Rooms::notify(std::uint32_t r, std::uint32_t u, bool is_watching,
                                        const OnChange& on_change) const {
  on_change(std::string_view(users_.id_of(u)), std::string_view(rooms_.id_of(r)), rooms_[r].seen, is_watching);
}

PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Rooms::leave(std::uint32_t v, std::uint32_t r,
                                                            const OnChange& on_change) {
  if (!viewers_[v].rooms.erase(r)) return;
  const RoomViewer& viewer = viewers_[v];
  rooms_[r].viewers.erase(v);
  if (!viewer.has_ended) leave_as_user(viewer.user, r, on_change);
  forget_if_unused(r);
  forget_if_idle(v);
}
PRESENCE_DETAIL_BODY void Rooms::forget_if_unused(std::uint32_t r) noexcept {
  if (rooms_[r].viewers.empty()) rooms_.erase(r);
}
PRESENCE_DETAIL_BODY void Rooms::forget_if_absent(std::uint32_t u) noexcept {
  if (users_[u].rooms.empty()) users_.erase(u);
}
PRESENCE_DETAIL_BODY void Rooms::forget_if_idle(std::uint32_t v) noexcept {
  if (viewers_[v].rooms.empty()) viewers_.erase(v);
}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Rooms::leave_as_user(std::uint32_t u, std::uint32_t r,
                                                                    const OnChange& on_change) {
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
template <class Numbers>
PRESENCE_DETAIL_APART std::vector<std::uint32_t> Rooms::by_cid(const Numbers& rooms) const {
  std::vector<std::uint32_t> sorted;
  for (const std::uint32_t r : rooms) sorted.push_back(r);
  detail::sort(sorted, [this](std::uint32_t a, std::uint32_t b) { return rooms_.id_of(a) < rooms_.id_of(b); });
  return sorted;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_DETAIL_ROOMS_BODIES_HPP
