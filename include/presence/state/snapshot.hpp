// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_SNAPSHOT_HPP
#define PRESENCE_STATE_SNAPSHOT_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/user.hpp>
#include <presence/table/detail/walk.hpp>

#include <cstddef>           // for size_t, ptrdiff_t
#include <cstdint>           // for uint64_t
#include <initializer_list>  // for initializer_list
#include <optional>          // for optional, nullopt
#include <string>            // for string, input_iterator_tag, forward_iterator_tag
#include <string_view>       // for string_view
#include <type_traits>       // for decay, is_invocable, is_lvalue_reference, is_same
#include <utility>           // for in_place, move

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

inline constexpr Rules default_rules{};

struct Root;
struct SnapshotReader;
struct SnapshotAccess;

}  // namespace detail

/// The presence of every known user at one timestamp, as an immutable value.
///
/// Copying is O(1) and shares all state; a later change to one copy does not affect the other. Several threads may read
/// copies at the same time. A snapshot that has never been given a timestamp has no `now`, and no session in it times
/// out. A moved-from snapshot equals `Snapshot{}`.
///
/// @code
/// #include <presence/state/reduce.hpp>
///
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// Snapshot s = reduce(Snapshot(), now);
/// PresenceEvent hello = PresenceEvent::connect("john", "phone", now);
/// hello.invisible = true;
/// const Snapshot before = s;  // copies one pointer; never changes
/// s = reduce(std::move(s), hello);
/// assert(s.online("john", Viewer("john")) && !s.online("john"));
/// assert(s.size() == 0 && s.begin() == s.end() && !s.next_deadline());  // others see no trace of john
/// assert(s.inspect("john")->sessions.front().id == "phone" && !before.inspect("john"));  // but the server does
/// @endcode
class Snapshot {
 public:
  class const_iterator;
  /// @{
  /// The member types of a container. Dereferencing an iterator creates a view and returns it by value.
  using iterator = const_iterator;
  using value_type = UserView;
  using reference = UserView;
  using const_reference = UserView;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  /// @}

  /// Creates an empty snapshot with the default rules. Allocates nothing.
  Snapshot() noexcept;
  /// Creates an empty snapshot with these rules. Negative durations count as zero.
  explicit Snapshot(const Rules& rules);
  /// @{
  /// Copies share all state. O(1), and allocates nothing.
  Snapshot(const Snapshot& other) noexcept;
  Snapshot(Snapshot&& other) noexcept;
  Snapshot& operator=(const Snapshot& other) noexcept;
  Snapshot& operator=(Snapshot&& other) noexcept;
  /// @}
  ~Snapshot();

  /// @{
  /// Returns the rules, which are fixed for the snapshot's life. The reference is valid until the snapshot is modified
  /// or destroyed. For a temporary, returns a copy.
  const Rules& rules() const& noexcept;
  Rules rules() const&& noexcept;
  /// @}

  /// Returns the user as `viewer` sees them, or nullopt if the viewer knows of no such user. O(1); copies two strings.
  std::optional<User> find(std::string_view id, Viewer viewer = nobody) const;

  /// @{
  /// The same, borrowed. Valid until this snapshot is modified or destroyed, so a temporary is rejected at compile
  /// time. O(1); never allocates.
  std::optional<UserView> view(std::string_view id, Viewer viewer = nobody) const& noexcept;
  std::optional<UserView> view(std::string_view id, Viewer viewer = nobody) const&& = delete;
  /// @}

  /// @{
  /// Calls `on_user_view(const UserView&)` for each of these users that `viewer` knows of, in the order of the ids.
  /// Returns their number. `ids` is a range of strings that stay where they are, such as a
  /// `std::vector<std::string>`. Many users at once are much faster than one by one if they do not fit into the cache.
  /// The views are valid until this snapshot is modified or destroyed; the callback must do neither.
  ///
  /// @code
  /// #include <presence/state/reduce.hpp>
  ///
  /// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42Z");
  /// Snapshot room = reduce(Snapshot(), PresenceEvent::connect("john", "phone", now));
  /// const std::vector<std::string> friends = {"jack", "john"};
  /// std::string online;
  /// room.views(friends, [&online](const UserView& user) {
  ///   if (user.online) online.append(user.id);
  /// });
  /// assert(online == "john");
  /// @endcode
  template <class Ids = std::initializer_list<std::string_view>, class Fn>
  std::size_t views(const Ids& ids, Viewer viewer, Fn&& on_user_view) const& {
    static_assert(std::is_invocable<Fn&, const UserView&>::value,
                  "presence: a callback for users must accept (const presence::UserView&)");
    std::string_view some[most_together];
    std::size_t count = 0, seen = 0;
    const auto view_some = [&] {
      seen += view_together(some, count, viewer, on_user_view);
      count = 0;
    };
    for (auto&& id : ids) {
      static_assert(std::is_lvalue_reference<decltype(id)>::value ||
                        std::is_same<std::decay_t<decltype(id)>, std::string_view>::value,
                    "presence: the ids must be stored in the range");
      some[count++] = id;
      if (count == most_together) view_some();
    }
    view_some();
    return seen;
  }
  template <class Ids = std::initializer_list<std::string_view>, class Fn>
  std::size_t views(const Ids& ids, Fn&& on_user_view) const& {
    return views(ids, nobody, on_user_view);
  }
  /// @}

  /// Returns whether `viewer` sees the user online. O(1).
  bool online(std::string_view id, Viewer viewer = nobody) const noexcept;

  /// Returns the sessions that keep the user online, in order of their ids, as `viewer` sees them. Empty unless
  /// Rules::show_devices; also for users who are unknown, offline or invisible to the viewer. The choice of the user
  /// and what reports say are not in it. So a mirror has no devices: neither JSON nor `encode_for` contains them. No
  /// change is emitted for it: one device more or less may be no change. The rule StoreOptions::may_see does not apply.
  /// O(sessions).
  std::vector<Device> devices(std::string_view id, Viewer viewer = nobody) const;

  /// Returns the full state of one user, whatever others may see, or nullopt if nothing is kept of the user. For
  /// servers and tests; do not show it to other users. O(sessions). Users that no other user knows, such as those who
  /// only connected invisibly, are found too. Iteration and queries do not return them; `each_user_id` does.
  std::optional<PresenceState> inspect(std::string_view id) const;

  /// Calls `on_user_id(std::string_view id)` for every user that `inspect` finds: also for those that no other user
  /// knows, such as users who only connected invisibly, and users who were removed a moment ago. For servers and tests;
  /// do not show them to other users.
  ///
  /// The order is that of iteration. Which of two users is first depends only on their ids. The ids are valid until
  /// this snapshot is modified or destroyed. The callback must do neither; it may change a copy. Allocates nothing, and
  /// throws only what the callback throws. O(users).
  ///
  /// @code
  /// #include <presence/state/reduce.hpp>
  ///
  /// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42Z");
  /// PresenceEvent hello = PresenceEvent::connect("john", "phone", now);
  /// hello.invisible = true;
  /// const Snapshot s = reduce(Snapshot(), hello);
  /// std::vector<std::string> ids;
  /// s.each_user_id([&ids](std::string_view id) { ids.emplace_back(id); });
  /// assert(ids == std::vector<std::string>{"john"} && s.empty());
  /// @endcode
  template <class Fn>
  void each_user_id(Fn&& on_user_id) const {
    static_assert(std::is_invocable<Fn&, std::string_view>::value,
                  "presence: a callback for the ids of users must accept (std::string_view)");
    list_users(on_user_id);
  }

  /// Calls `on_session(std::string_view user, std::string_view session)` for every live session whose id begins with
  /// `prefix`. An empty prefix lists all live sessions. Sessions of users that no other user knows are listed too. For
  /// servers and tests; do not show them to other users.
  ///
  /// A session is live if it is neither disconnected nor timed out at `now`: Session::alive is true in `inspect`. A
  /// session that ended a moment ago is not listed, even if Rules::offline_grace still shows its user online. Reports
  /// are not sessions, so a user who is online only by a report has none.
  ///
  /// If session ids begin with the node that has the socket, a prefix lists the sessions of one node. Let the prefix
  /// end with the separator: "node-7" also begins ids of node-71.
  ///
  /// The order is that of `each_user_id`, and of the session ids of each user. The strings are valid until this
  /// snapshot is modified or destroyed. The callback must do neither; it may change a copy. Allocates nothing, and
  /// throws only what the callback throws. O(users + sessions).
  ///
  /// To end the listed sessions, see `disconnect_sessions`. A host that must notify other nodes dispatches the
  /// disconnects itself. A session with a later heartbeat remains live, although the disconnect is `applied`: repeat
  /// this until no session is listed. Before it, merge what the node that is gone has appended.
  ///
  /// @code
  /// #include <presence/live/store.hpp>
  /// #include <presence/replica/outbox.hpp>
  ///
  /// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42Z");
  /// Store store;
  /// store.dispatch(PresenceEvent::connect("john", "node-7.2/0-13", now));
  /// store.dispatch(PresenceEvent::connect("mary", "node-8.1/0-4", now));
  /// Outbox outbox(store.snapshot().rules());
  ///
  /// std::vector<PresenceEvent> ends;  // node-7 is gone
  /// store.snapshot().each_session("node-7.2/", [&](std::string_view user, std::string_view session) {
  ///   ends.push_back(PresenceEvent::disconnect(std::string(user), std::string(session), now));
  /// });
  /// store.dispatch(ends.begin(), ends.end(), [&](std::size_t i, const Dispatched& done) {
  ///   done.each_applied(ends[i], [&](const PresenceEventView& applied) { outbox.add(applied); });
  /// });
  /// assert(!store.online("john") && store.online("mary"));
  /// assert(!outbox.take(now).empty());  // append it to the log
  /// @endcode
  template <class Fn>
  void each_session(std::string_view prefix, Fn&& on_session) const {
    static_assert(std::is_invocable<Fn&, std::string_view, std::string_view>::value,
                  "presence: a callback for sessions must accept (std::string_view user, std::string_view session)");
    list_sessions(prefix, on_session);
  }

  /// @{
  /// The number of users that everyone knows of, and how many of them everyone sees online. O(1).
  std::size_t size() const noexcept;
  std::size_t online_count() const noexcept;
  bool empty() const noexcept { return size() == 0; }
  /// @}

  /// Returns the timestamp of the snapshot, or nullopt until one is given. O(1).
  std::optional<Timestamp> now() const noexcept;

  /// Returns the earliest future time at which the visible state changes without an event (a timeout, an expiry), or
  /// nullopt. Sleep until then, then advance to it. O(log n) amortised over the events since the last call: deferred
  /// deadlines that it finds are cached. Several threads may call it at once.
  std::optional<Timestamp> next_deadline() const noexcept;

  /// Returns a digest of everything that is kept and of `now`, but not of the rules. Equal snapshots have equal digests
  /// on every platform. O(users).
  std::uint64_t digest() const;

  /// @{
  /// Iterates over the users that everyone knows of, as everyone sees them. The order depends only on these users.
  /// Multi-pass; yields UserView by value. Iterators and views are valid until the snapshot is modified or destroyed,
  /// so a temporary is rejected at compile time.
  const_iterator begin() const& noexcept;
  const_iterator end() const& noexcept;
  const_iterator begin() const&& = delete;
  const_iterator end() const&& = delete;
  /// @}

  /// Returns whether both keep the same state, at the same timestamp, with the same rules (except `hash_seed`).
  /// O(users), except for what both share.
  friend bool operator==(const Snapshot& a, const Snapshot& b) { return a.equals(b); }
  friend bool operator!=(const Snapshot& a, const Snapshot& b) { return !a.equals(b); }

 private:
  friend struct detail::SnapshotReader;
  friend struct detail::SnapshotAccess;

  static constexpr std::size_t most_together = 32;  // users that are looked up at once

  std::optional<UserView> look(std::string_view id, Viewer viewer) const noexcept;
  std::size_t view_together(const std::string_view* ids, std::size_t count, Viewer viewer,
                            detail::FunctionRef<void(const UserView&)> on_user_view) const;
  void list_users(detail::FunctionRef<void(std::string_view)> on_user_id) const;
  void list_sessions(std::string_view prefix,
                     detail::FunctionRef<void(std::string_view, std::string_view)> on_session) const;
  static bool is_self(Viewer viewer, std::string_view id) noexcept { return !viewer.id().empty() && viewer.id() == id; }

  bool equals(const Snapshot& other) const;

  detail::Shared<detail::Root> root_;
};

/// A multi-pass iterator over the users that everyone knows of. The iterator and the views that it yields are valid
/// until the snapshot is modified or destroyed.
class Snapshot::const_iterator {
 public:
  /// @{
  /// Dereferencing creates a value, which C++17 allows only for an input iterator. The iterator is multi-pass
  /// nevertheless.
  using iterator_category = std::input_iterator_tag;
  using iterator_concept = std::forward_iterator_tag;
  using value_type = UserView;
  using difference_type = std::ptrdiff_t;
  using reference = UserView;
  /// Holds the view that `operator->` points to.
  class pointer {
   public:
    /// @{
    /// The user. Valid until this object is destroyed.
    const UserView* operator->() const noexcept { return &user_; }
    const UserView& operator*() const noexcept { return user_; }
    /// @}

   private:
    friend class const_iterator;
    explicit pointer(const UserView& user) noexcept : user_(user) {}

    UserView user_;
  };
  /// @}

  const_iterator() noexcept = default;

  /// @{
  /// The user, as everyone sees them.
  UserView operator*() const noexcept;
  pointer operator->() const noexcept { return pointer(**this); }
  /// @}
  /// @{
  /// Advances to the next user that everyone knows of.
  const_iterator& operator++() noexcept;
  const_iterator operator++(int) noexcept {
    const_iterator before = *this;
    ++*this;
    return before;
  }
  /// @}

  /// Compares iterators of the same snapshot.
  friend bool operator==(const const_iterator& a, const const_iterator& b) noexcept { return a.at_ == b.at_; }
  friend bool operator!=(const const_iterator& a, const const_iterator& b) noexcept { return !(a == b); }

 private:
  friend class Snapshot;

  const_iterator(const detail::Root& root, detail::TableCursor at) noexcept;

  void skip_unknown() noexcept;

  const detail::Root* root_ = nullptr;
  detail::TableCursor at_;
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/state/detail/snapshot_bodies.hpp>
#endif

#endif  // PRESENCE_STATE_SNAPSHOT_HPP
