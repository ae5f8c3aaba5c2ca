// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_SUBSCRIPTION_HPP
#define PRESENCE_LIVE_SUBSCRIPTION_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/base/time.hpp>
#include <presence/live/detail/coalescer.hpp>
#include <presence/live/viewers.hpp>
#include <presence/model/user.hpp>

#include <cstdint>      // for uint64_t
#include <optional>     // for optional
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for move, swap
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {

class Store;

/// Which changes a subscription receives, and when.
struct DeliveryOptions {
  bool last_active_alone = false;  ///< also changes in which only last_active differs, one per last_active_refresh
  /// @{
  /// If false, changes are not delivered in which nothing else differs, last_active aside. A change of `online`, of the
  /// status, or of whether the user is known is always delivered.
  bool availability_alone = true;
  bool activity_alone = true;
  bool data_alone = true;
  /// @}
  /// Changes of one user within this time of the first one are delivered as one, when it has passed. The one change
  /// has the state before the first and after the last of them, and the timestamp of the last. If both states are the
  /// same, it is not delivered: a user who reconnects within this time causes no notification. 0 delivers each change
  /// at once. `Store::next_wakeup` includes its end. Applies to UserPresenceChanged only.
  Duration coalesce;
};

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

/// What a listener receives.
enum class NoticeKind : unsigned char { presence_changed, watching_started, watching_stopped, session_ended };

/// A callback of a Store. Shared by the Store and the Subscription that may end it.
struct Listener {
  using Notify = Callback<const void*, const Viewers&>;  // the notice, whose type follows from the kind

  /// Where the store keeps it.
  enum class Place : unsigned char { every_change, deliveries, session_ends, of_viewer };

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
using Listeners = std::vector<Shared<Listener>>;

}  // namespace detail

/// Owns a callback registration. Destroying it unsubscribes. It may outlive the Store. It may end inside any callback,
/// including its own.
///
/// @code
/// #include <presence/live/store.hpp>
///
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// Store store;
/// store.watch_users(Viewer("ann"), std::vector<std::string>{"john"});
/// int changes = 0;
/// Subscription kept;  // a member of what receives the changes
/// kept = store.subscribe<UserPresenceChanged>(Viewer("ann"), [&](const UserPresenceChanged&) { ++changes; });
/// store.dispatch(PresenceEvent::connect("john", "phone", now));
/// kept.reset();
/// store.dispatch(PresenceEvent::disconnect("john", "phone", now + Duration::from_s(1)));
/// assert(changes == 1 && !kept.is_active());
/// @endcode
class Subscription {
 public:
  /// An empty subscription.
  Subscription() noexcept = default;
  /// @{
  /// Takes the registration; `other` becomes empty. Assignment ends the previous subscription.
  Subscription(Subscription&& other) noexcept : listener_(std::move(other.listener_)) {}
  Subscription& operator=(Subscription&& other) noexcept {
    // The previous callback may own `other`, so it is destroyed last.
    Subscription taken(std::move(other));
    std::swap(listener_, taken.listener_);
    return *this;
  }
  /// @}
  ~Subscription() { reset(); }

  /// Unsubscribes now.
  void reset() noexcept;
  /// Returns whether the callback may still be called.
  bool is_active() const noexcept { return listener_ && listener_->store != nullptr; }

 private:
  friend class Store;
  explicit Subscription(detail::Shared<detail::Listener> listener) noexcept : listener_(std::move(listener)) {}
  detail::Shared<detail::Listener> listener_;
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_SUBSCRIPTION_HPP
