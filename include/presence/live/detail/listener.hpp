// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_DETAIL_LISTENER_HPP
#define PRESENCE_LIVE_DETAIL_LISTENER_HPP

#include <presence/base/detail/memory.hpp>
#include <presence/live/detail/coalescer.hpp>
#include <presence/live/detail/listening.hpp>
#include <presence/live/subscription.hpp>
#include <presence/model/user.hpp>

#include <cstdint>  // for uint64_t
#include <string>   // for string
#include <utility>  // for move

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The parts of a change that its receivers may choose from. `main` is delivered to all of them.
enum ChangeParts : unsigned {
  main_part = 1,
  availability_part = 2,
  activity_part = 4,
  data_part = 8,
  active_part = 16
};

template <class Change>
unsigned parts_of(const Change& change) noexcept {
  const bool is_main =
      change.before.has_value() != change.after.has_value() || change.online_changed() || change.status_changed();
  return (is_main ? main_part : 0u) | (change.availability_changed() ? availability_part : 0u) |
         (change.activity_changed() ? activity_part : 0u) | (change.data_changed() ? data_part : 0u) |
         (change.last_active_changed() ? active_part : 0u);
}
constexpr unsigned parts_wanted(const DeliveryOptions& options) noexcept {
  return main_part | (options.availability_alone ? availability_part : 0u) |
         (options.activity_alone ? activity_part : 0u) | (options.data_alone ? data_part : 0u) |
         (options.last_active_alone ? active_part : 0u);
}

/// A callback of a Store. Shared by the Store and the Subscription that may end it.
struct Listener {
  using Place = ListenerPlace;

  OwnerCount owners;
  mutable Store* store = nullptr;  // null if ended
  std::uint64_t number = 0;        // in the order of subscribing
  std::uint64_t since = 0;         // notices with smaller numbers are not delivered to it
  NoticeKind kind = NoticeKind::presence_changed;
  Place place = Place::every_change;
  DeliveryOptions options;
  std::string user, session;  // the viewer, if it has one
  mutable Coalescer coalescer;
  Notify notify;

  Listener(Notify&& fn) : notify(std::move(fn)) {}
  Viewer viewer() const noexcept { return Viewer(user, session); }
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_DETAIL_LISTENER_HPP
