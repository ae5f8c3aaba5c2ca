// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_SUBSCRIPTION_HPP
#define PRESENCE_LIVE_SUBSCRIPTION_HPP

#include <presence/base/detail/memory.hpp>
#include <presence/base/time.hpp>

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

struct Listener;

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
  Subscription() noexcept;
  /// @{
  /// Takes the registration; `other` becomes empty. Assignment ends the previous subscription.
  Subscription(Subscription&& other) noexcept;
  Subscription& operator=(Subscription&& other) noexcept;
  /// @}
  ~Subscription();

  /// Unsubscribes now.
  void reset() noexcept;
  /// Returns whether the callback may still be called.
  bool is_active() const noexcept;

 private:
  friend class Store;
  explicit Subscription(detail::Shared<detail::Listener> listener) noexcept;
  detail::Shared<detail::Listener> listener_;
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_SUBSCRIPTION_HPP
