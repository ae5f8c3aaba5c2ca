// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_WATCHES_HPP
#define PRESENCE_LIVE_WATCHES_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/base/detail/id_map.hpp>
#include <presence/live/detail/viewer_map.hpp>
#include <presence/model/channel.hpp>
#include <presence/model/user.hpp>

#include <cstddef>           // for size_t
#include <cstdint>           // for uint32_t, uint64_t
#include <initializer_list>  // for initializer_list
#include <string>            // for string
#include <string_view>       // for string_view
#include <vector>            // for vector

namespace presence {
inline namespace PRESENCE_ABI {

/// Limits like those of chat services. By default there are none.
struct WatchLimits {
  /// The maximum number of users of a single watch. Only the first so many users of a channel or a page are watched.
  std::size_t max_users_per_watch = static_cast<std::size_t>(-1);
};

/// A value that stores which viewers watch which users. A viewer watches a user for as long as at least one of their
/// watches includes that user. The viewers of a user are found without iterating over all viewers. Each session of a
/// user is a viewer of its own; see Viewer. A viewer without a user id watches no user.
///
/// Memory: O(users + viewers) for each watched channel, not their product.
///
/// @code
/// Watches watches;
/// watches.watch_users(Viewer("john"), std::vector<std::string>{"mary", "ann"});  // john's friends
/// watches.watch_channel(Viewer("john"), Channel{"match", "eu-17", {"mary", "jack"}, {}});
/// assert(watches.is_watching(Viewer("john"), "jack") && !watches.is_watching(Viewer("jack"), "john"));
/// watches.update(Channel{"match", "eu-17", {"bob"}, {}});  // mary and jack left, bob joined
/// assert(!watches.is_watching(Viewer("john"), "jack") && watches.is_watching(Viewer("john"), "bob"));
/// assert(watches.is_watching(Viewer("john"), "mary"));  // still a friend
/// watches.unwatch(Viewer("john"));  // logged out
/// assert(!watches.is_watched("mary") && watches == Watches());
/// @endcode
class Watches {
 public:
  Watches() noexcept;
  /// Creates an object without watches. `hash_seed` seeds the hash of the ids; see Rules::hash_seed.
  explicit Watches(const WatchLimits& limits, std::uint64_t hash_seed = 0);
  /// @{
  /// A copy is independent. O(watches); a move is O(1).
  Watches(const Watches& other);
  Watches(Watches&& other) noexcept;
  Watches& operator=(const Watches& other);
  Watches& operator=(Watches&& other) noexcept;
  /// @}
  ~Watches();

  /// Watches the channel's members and follows later joins and leaves, which `update` passes in. O(members).
  void watch_channel(Viewer viewer, const Channel& channel);

  /// Watches the channel's current members. Replaces the member list of an earlier call for the same channel. Later
  /// joins and leaves are not followed; see `watch_channel`. O(members).
  void watch_members(Viewer viewer, const Channel& channel);

  /// Watches the users of a range of ids, known or not. Adds to the users of earlier calls. O(users).
  template <class Range = std::initializer_list<std::string_view>>
  void watch_users(Viewer viewer, const Range& ids) {
    watch_each(viewer, each_id(ids));
  }

  /// Ends the viewer's watches of the users of a range of ids, as far as `watch_users` made them. Watches of channels
  /// remain. O(users).
  template <class Range = std::initializer_list<std::string_view>>
  void unwatch_users(Viewer viewer, const Range& ids) {
    unwatch_each(viewer, each_id(ids));
  }

  /// Updates the members of a channel. Does nothing if no viewer follows the channel. O(members), whatever the number
  /// of viewers. In a Store, while changes of users who leave wait to be delivered: O(viewers) for each of these users.
  void update(const Channel& channel);
  /// Removes a channel and ends all watches of it.
  void remove_channel(std::string_view cid);

  /// Ends the viewer's watches of the channel.
  void unwatch(Viewer viewer, std::string_view cid);
  /// Ends all watches of the viewer. Watches of other sessions of the same user remain.
  void unwatch(Viewer viewer);
  /// Ends all watches of all viewers.
  void clear() noexcept;

  /// Returns whether the viewer watches the user. O(c log n) for a member of c watched channels of n viewers each.
  bool is_watching(Viewer viewer, std::string_view user) const noexcept;
  /// The former name of `is_watching`.
  bool hears(Viewer viewer, std::string_view user) const noexcept { return is_watching(viewer, user); }
  /// Returns whether at least one viewer watches the user. O(1).
  bool is_watched(std::string_view user) const noexcept;
  /// Calls `visit(Viewer)` for each viewer who watches the user. Each Viewer is valid until the watches are modified.
  /// `visit` may modify them. It is then not called for viewers who no longer watch the user, and it may be called for
  /// viewers who started to. O(n log n) for n watches of the user.
  template <class Visit>
  void each_viewer_of(std::string_view user, Visit&& visit) const {
    visit_each_viewer_of(user, visit);
  }
  /// Returns whether the same viewers watch the same users and channels through the same kinds of watches.
  friend bool operator==(const Watches& a, const Watches& b) { return are_equal(a, b); }
  friend bool operator!=(const Watches& a, const Watches& b) { return !(a == b); }

  std::size_t viewer_count() const noexcept { return viewers_.size(); }  ///< number of viewers with a watch; O(1)
  std::size_t watched_count() const noexcept { return users_.size(); }   ///< number of users who are watched; O(1)

 private:
  friend class Store;

  /// Changes are numbered. A viewer receives those since the number at which their watch began.
  static constexpr std::uint64_t never_since = static_cast<std::uint64_t>(-1);

  /// A viewer who follows a channel.
  struct Follower {
    std::uint32_t viewer = 0;
    std::uint64_t since = 0;
  };
  struct Watcher;
  struct Membership;
  struct WatchedUser;
  struct WatchedChannel;
  struct ChannelWatch;
  struct WatchingViewer;
  struct HandedOver;
  struct WaitingUser;
  using Table = detail::IdMap<WatchedUser>;

  /// Calls a function for each of several ids, until it returns false.
  using EachId = detail::FunctionRef<void(const detail::FunctionRef<bool(std::string_view)>&)>;
  template <class Range>
  static auto each_id(const Range& ids) noexcept {
    return [&ids](const detail::FunctionRef<bool(std::string_view)>& visit) {
      for (const auto& id : ids) {
        if (!visit(std::string_view(id))) return;
      }
    };
  }
  void visit_each_viewer_of(std::string_view user, const detail::FunctionRef<void(Viewer)>& visit) const;
  static bool are_equal(const Watches& a, const Watches& b);
  void watch_each(Viewer viewer, const EachId& each);

  void unwatch_each(Viewer viewer, const EachId& each);

  /// Returns all watches of a viewer by ids instead of numbers, so that two Watches can be compared. One list has the
  /// users of `watch_users`; each other list has the users of a channel.
  std::vector<std::vector<std::string>> all_of(std::uint32_t v) const;
  template <class Range>
  std::vector<std::string> ids_of(const Range& users) const;

  /// Returns the numbers of the users of a watch, ascending, without duplicates. Adds users who are not known yet.
  std::vector<std::uint32_t> numbers_of(const std::vector<std::string>& ids);

  void set_members(std::uint32_t c, const std::vector<std::string>& ids);
  static bool has(const std::vector<std::uint32_t>& ascending, std::uint32_t number) noexcept;
  void leave(std::uint32_t c, std::uint32_t user) noexcept;

  ChannelWatch& watch_of(std::uint32_t v, std::uint32_t c);
  void follow(std::uint32_t v, std::uint32_t c);
  /// As `watch_channel`, for a channel whose changes `update` has passed in. O(log n) if a viewer follows it already.
  void follow_known(Viewer viewer, const Channel& channel);

  /// Allocates nothing. To keep the starts of the watches of waiting users, see `keep_starts`.
  void unwatch_channel(std::uint32_t v, std::uint32_t c) noexcept;
  void unfollow(std::uint32_t v, std::uint32_t c) noexcept;

  void add_reason(std::uint32_t user, std::uint32_t v);
  void drop_reason(std::uint32_t user, std::uint32_t v) noexcept;
  void forget_if_unused(std::uint32_t c) noexcept;
  void forget_if_unwatched(std::uint32_t user) noexcept;
  void forget_if_idle(std::uint32_t v) noexcept;

  /// Returns the number of the first change that the viewer receives about the user, or `never_since`.
  std::uint64_t since_of(std::uint32_t user, std::uint32_t v) const noexcept;
  std::uint64_t since_of(std::uint32_t user, std::uint32_t v, const WaitingUser* waiting) const noexcept;
  std::uint64_t since_of_watches(std::uint32_t user, std::uint32_t v) const noexcept;
  std::uint64_t since_of(const Membership& membership, std::uint32_t v) const noexcept;
  /// The viewer is about to end a watch of the user. If another watch remains, they still receive the waiting changes.
  void keep_start(std::uint32_t user, std::uint32_t v);
  /// The same for all members of a channel that the viewer is about to leave.
  void keep_starts(std::uint32_t v, std::uint32_t c);
  void forget_start_if_lost(std::uint32_t user, std::uint32_t v) noexcept;

  /// Returns the viewers who watch the user, ascending, and since which change.
  std::vector<Follower> watchers_of(std::uint32_t user) const;
  /// Returns the number of watches of all viewers: channels and single users. O(viewers).
  std::size_t watch_count() const noexcept;
  /// Returns an estimate of the memory. O(viewers + users + channels).
  std::size_t bytes() const noexcept;
  /// Returns how many watches include the user, at least the number of viewers.
  std::size_t watches_of(std::uint32_t user) const noexcept;
  /// @{
  /// A change of the user waits to be delivered, or no longer. While one does, the starts of watches that end are
  /// handed over to those that remain.
  void begin_waiting(std::string_view user);
  void end_waiting(std::string_view user) noexcept;
  const WaitingUser* waiting(std::uint32_t user) const noexcept;
  bool is_waiting(std::uint32_t user) const noexcept;
  /// @}

  WatchLimits limits_;
  detail::ViewerMap<WatchingViewer> viewers_;
  detail::IdMap<WatchedUser> users_;
  detail::IdMap<WatchedChannel> channels_;
  detail::IdMap<WaitingUser> waiting_;
  std::uint64_t version_ = 0;  // counts modifications
  std::uint64_t now_ = 0;      // counts a Store's changes: viewers receive none from before their watch
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/live/detail/watches_bodies.hpp>
#endif

#endif  // PRESENCE_LIVE_WATCHES_HPP
