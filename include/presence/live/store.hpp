// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_STORE_HPP
#define PRESENCE_LIVE_STORE_HPP

#include <presence/base/detail/id_map.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/base/result.hpp>
#include <presence/live/detail/change_dates.hpp>
#include <presence/live/detail/listening.hpp>
#include <presence/live/detail/rooms.hpp>
#include <presence/live/detail/session_tracker.hpp>
#include <presence/live/detail/viewer_map.hpp>
#include <presence/live/may_see.hpp>
#include <presence/live/notices.hpp>
#include <presence/live/subscription.hpp>
#include <presence/live/viewers.hpp>
#include <presence/live/watches.hpp>
#include <presence/model/channel.hpp>
#include <presence/model/detail/event_copy.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/user.hpp>
#include <presence/query/query.hpp>
#include <presence/registers/detail/absent.hpp>
#include <presence/state/merge.hpp>
#include <presence/state/reduce.hpp>
#include <presence/state/reports.hpp>
#include <presence/state/resume.hpp>
#include <presence/state/snapshot.hpp>

#include <cstddef>           // for size_t
#include <cstdint>           // for uint32_t, uint64_t
#include <initializer_list>  // for initializer_list
#include <optional>          // for optional
#include <string>            // for string
#include <string_view>       // for string_view
#include <type_traits>       // for bool_constant, conjunction, decay, disjunction, enable_if, is_invocable, is_same
#include <utility>           // for move
#include <vector>            // for vector

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

struct CoalescedChanges;
struct FrameOrder;
struct Root;
class RowView;

}  // namespace detail

/// What a Store does beyond applying events to a snapshot.
struct StoreOptions {
  /// If true, events of one user that carry the same timestamp take effect in call order. A later call that would
  /// otherwise take effect before an earlier one, or not at all, is moved 1 ns behind it.
  ///
  /// Timestamps less than 1 microsecond apart belong to one frame and count as the same. An event that is older by
  /// 1 microsecond or more is late and is not moved. Reports of a server may arrive in any order, so a report is moved
  /// only if its timestamp is exactly the same. An event is accepted or rejected by its original timestamp, so
  /// moving never makes it too early. Moving does not advance the time.
  ///
  /// What an invisible user does never moves anything that others see:
  /// - Their events in the frame in which they went invisible take effect after that change.
  /// - Their earlier connects and heartbeats are not moved by what they did since.
  /// - Their statuses are ordered only among themselves.
  bool keep_order_of_frame = true;
  WatchLimits limits;  ///< limits the users of one watch
  MaySee may_see;      ///< which viewer may see which user; by default all
};

/// A channel to watch. It is created if it does not exist.
struct WatchChannel {
  std::string type;                  ///< the type of the Channel: not empty, without a colon
  std::string id;                    ///< not empty
  std::vector<std::string> members;  ///< of the channel if it is created
  bool presence = false;             ///< the viewer is notified about its members from now on
};

/// The presence, the channels, the watches and the callbacks of one process. The only object of the library that has
/// identity. Not thread-safe: only one thread may use it at a time. A wrong use by two threads is found by
/// PRESENCE_ASSERT in most cases.
///
/// A host calls `dispatch` for each event, `advance` when `next_wakeup` is reached, and sends what the callbacks
/// receive.
///
/// Each viewer is notified about each change once, in the order of the changes. They must have watched the user when
/// the change happened, and still watch the user. Changes describe what all other users see, so no viewer is notified
/// about what an invisible user does. Two changes of one user never have the same timestamp: a change is dated not
/// before its cause, not before the time of the store, and after the user's previous change. So a mirror that applies
/// the changes in any order, as reports or from their JSON, ends with the same view; a subscription has all of them
/// only with DeliveryOptions::last_active_alone. A change without `after`, of a user who was removed or forgotten, must
/// be applied as PresenceEvent::remove, as its JSON says: a report would leave the user known.
///
/// Changes are delivered at the end of the call that caused them. The order for one change is:
/// 1. the `on_change` callbacks;
/// 2. the `on_delivery` callbacks;
/// 3. the viewers, in the order in which they first watched anything (a new viewer may take the place of one who ended
///    all their watches);
/// 4. for each viewer, their subscriptions in the order in which they were made.
///
/// A callback may do anything to the store but destroy it. Events that it dispatches take effect at once. The changes
/// that they cause are delivered after all earlier changes: callbacks never run inside each other. If a callback
/// throws, it counts as called; the next call that delivers calls the remaining ones.
///
/// When a session ends, its watches end (those of a Viewer with that session), and `on_session_ended` is called, for
/// invisible users too. A later heartbeat that revives the session does not restore its watches.
///
/// @code
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// Store store;
/// store.dispatch(PresenceEvent::connect("john", "tab", now));
/// const Viewer john("john", "tab");
/// const Result<Channel> match = store.watch(WatchChannel{"match", "eu-17", {"john", "mary"}, true}, john);
/// std::string shown;
/// const auto show = [&](const UserPresenceChanged& c) { shown += c.id + (c.after->online ? "+" : "-"); };
/// const Subscription subscription = store.subscribe<UserPresenceChanged>(john, show);
///
/// store.dispatch(PresenceEvent::connect("mary", "console", now + Duration::from_s(1)));
/// store.dispatch(PresenceEvent::connect("jack", "phone", now + Duration::from_s(2)));  // john does not watch jack
/// assert(match && shown == "mary+");
/// store.dispatch(PresenceEvent::heartbeat("john", "tab", now + Duration::from_s(30)));
/// store.advance(*store.next_wakeup());  // mary was silent for too long
/// assert(shown == "mary+mary-");
/// @endcode
class Store {
 public:
  /// @{
  /// Creates a store without users, or one with the users and the rules of a snapshot.
  explicit Store(const Rules& rules = {}, const StoreOptions& options = {});
  explicit Store(Snapshot snapshot, const StoreOptions& options = {});
  /// @}
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store();

  /// Applies an event whose timestamp this host's own clock has set. Time follows the event: it is never too early.
  ///
  /// If the event is later than the time of the store, first the deadlines before it pass, then it is applied, then the
  /// deadlines at its timestamp pass, as in `replay`. If it is not later, it is applied at the time of the store. A
  /// rejected event does not advance the time.
  ///
  /// Never for timestamps from a client or another server: their clocks may be ahead. Use `dispatch(event, now)`.
  ///
  /// If the system clock may jump back, date events by a clock that does not, such as HostClock in
  /// <presence/chrono.hpp>. Else events count at the time of the store until the clock has caught up, and those older
  /// than Rules::reorder_window are too late.
  Dispatched dispatch(const PresenceEventView& event);
  /// The same for an event that owns its strings. It may be a temporary.
  template <class Event = PresenceEvent, class = detail::EnableIfOwningEvent<Event>>
  Dispatched dispatch(const Event& event) {
    return dispatch(PresenceEventView(event));
  }
  /// Applies an event that was dated by a client, or by the server that this store mirrors. Advances to `now`, the
  /// host's own clock, then accepts or rejects the event by it. The time advances even if the event is rejected. If
  /// `now` is at either end of the range of timestamps, the verdict is `invalid`, and nothing changes.
  Dispatched dispatch(const PresenceEventView& event, Timestamp now);
  /// The same for an event that owns its strings. It may be a temporary.
  template <class Event = PresenceEvent, class = detail::EnableIfOwningEvent<Event>>
  Dispatched dispatch(const Event& event, Timestamp now) {
    return dispatch(PresenceEventView(event), now);
  }
  /// @{
  /// Applies the events of a range one after the other, then delivers the changes. With `now`, as `dispatch(event,
  /// now)`; without, as `dispatch(event)`. Calls `on_dispatched(std::size_t index, const Dispatched&)` for every event,
  /// before the changes are delivered; it must not use the store. With `now`, and without `keep_order_of_frame`,
  /// on_dispatched and watches of sessions, it is as fast as `apply` of the range.
  template <class It, class = detail::EnableIfIterator<It>>
  Tally dispatch(It first, It last) {
    return dispatch(first, last, NoReport());
  }
  template <class It, class Fn, class = detail::EnableIfIterator<It>,
            class = std::enable_if_t<std::is_invocable<Fn&, std::size_t, const Dispatched&>::value>>
  Tally dispatch(It first, It last, Fn&& on_dispatched) {
    const Use use(*this);
    Tally tally;
    std::size_t index = 0;
    each_event(first, last, detail::absent, [&](const PresenceEventView& event) {
      const Dispatched done = dispatch_by_own_clock(event);
      tally.count(done.verdict);
      on_dispatched(index++, done);
    });
    deliver();
    return tally;
  }
  template <class It, class = detail::EnableIfIterator<It>>
  Tally dispatch(It first, It last, Timestamp now) {
    return dispatch(first, last, now, NoReport());
  }
  template <class It, class Fn, class = detail::EnableIfIterator<It>>
  Tally dispatch(It first, It last, Timestamp now, Fn&& on_dispatched) {
    static_assert(std::is_invocable<Fn&, std::size_t, const Dispatched&>::value,
                  "on_dispatched must take (std::size_t index, const Dispatched&)");
    const Use use(*this);
    const Tally tally = dispatch_range(first, last, now, on_dispatched);
    deliver();
    return tally;
  }
  /// @}
  /// Disconnects all live sessions whose id begins with `prefix`, in one call: for the sessions of a node that is gone.
  /// See Snapshot::each_session for which sessions are live, and how to choose the prefix. `at` is a timestamp of this
  /// host's own clock. Returns how many of the disconnects had each verdict.
  ///
  /// If `at` is later than the time of the store, the time advances to `at` first, whether or not there are such
  /// sessions. Then a disconnect dated `at` is dispatched for each session that is still live, in the order of
  /// `each_session`. All changes are delivered at the end, as for a range of events. If `at` is too late, or at either
  /// end of the range of timestamps, nothing changes, and each session counts with that verdict. `at` is never too
  /// early.
  ///
  /// A session with a connect or heartbeat later than `at` remains live, except in the same frame; see
  /// StoreOptions::keep_order_of_frame. If the clock of the other node was ahead, call this again when that time has
  /// passed.
  ///
  /// Other nodes are not notified. If a host has an Outbox, it dispatches the disconnects itself; see the example of
  /// Snapshot::each_session. If memory runs out, some of the sessions may have ended, and their
  /// notices may be lost, as for a range of events. Call this again for the others. O(users), and O(state kept of the
  /// user) for each session that ends.
  ///
  /// @code
  /// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
  /// Store store;
  /// store.dispatch(PresenceEvent::connect("john", "node-7.2/0-13", now));
  /// store.dispatch(PresenceEvent::connect("mary", "node-8.1/0-4", now));
  /// assert(store.disconnect_sessions("node-7.2/", now + Duration::from_s(1)).applied == 1);
  /// assert(!store.online("john") && store.online("mary"));
  /// @endcode
  Tally disconnect_sessions(std::string_view prefix, Timestamp at);
  /// Advances the time to `now`. `unchanged` if that is not later than the time of the store; `invalid` at either end
  /// of the range of timestamps.
  Verdict advance(Timestamp now);
  /// Advances the time to `now` after the host was away, and gives the sessions that were live `patience` to return;
  /// see presence::resume. Call it first after a restart, before events and watches. Returns as `advance`. O(users).
  ///
  /// Not for a node that shares its users with others: they do not know of it, and show these users offline meanwhile.
  /// There, use Rules::offline_grace.
  Verdict resume(Timestamp now, Duration patience);
  /// @{
  /// Applies a server's full list as of a timestamp of the server, or without one as of just after the latest report;
  /// see presence::resync.
  template <class It>
  Tally resync(It first, It last, Timestamp as_of) {
    return resync_listed(detail::each_event(first, last), as_of);
  }
  template <class It>
  Tally resync(It first, It last) {
    return resync_listed(detail::each_event(first, last));
  }
  /// @}
  /// Merges a snapshot that another node sent, as `apply_delta` does. Advances to `now`, the host's own clock, if that
  /// is later; never to the other node's time. A node that reconciles a copy of its snapshot with another node merges
  /// the result into its store with this call. O(changes).
  ///
  /// Returns an Error, and changes nothing, in these cases:
  /// - `too_early`: the other snapshot is dated too late, or contains data that is dated too late and is not known here
  ///   already; see `apply_delta`.
  /// - `out_of_range`: `now` is at either end of the range.
  [[nodiscard]] std::optional<Error> merge(const Snapshot& other, Timestamp now);
  /// For a client that lost its own connection. Forgets the reports of online, and delivers the changes as usual. Then
  /// ends all watches, as the server does. Pending and coalesced changes are delivered to the viewers who watched until
  /// now. Subscriptions stay. After the client has reconnected, first query or watch again, then call `resync`.
  ///
  /// So every friend is shown offline until then. A client that expects to be back within a moment calls only `resync`,
  /// so users who are still listed stay online.
  void connection_lost();

  /// Returns a copy of the snapshot. O(1). For the host: `may_see` does not apply to it.
  Snapshot snapshot() const noexcept { return snapshot_; }
  /// @{
  /// Returns the user as the viewer sees them, or nullopt if the viewer does not know of the user. As
  /// Snapshot::find, view, online and views, but `may_see` applies.
  std::optional<User> find(std::string_view id, Viewer viewer = nobody) const;
  std::optional<UserView> view(std::string_view id, Viewer viewer = nobody) const&;
  std::optional<UserView> view(std::string_view id, Viewer viewer = nobody) const&& = delete;
  bool online(std::string_view id, Viewer viewer = nobody) const;
  template <class Ids = std::initializer_list<std::string_view>, class Fn>
  std::size_t views(const Ids& ids, Viewer viewer, Fn&& on_user_view) const& {
    std::size_t seen = 0;
    snapshot_.views(ids, viewer, [&](const UserView& user) {
      if (!options_.may_see(viewer, user.id)) return;
      ++seen;
      on_user_view(user);
    });
    return seen;
  }
  template <class Ids = std::initializer_list<std::string_view>, class Fn>
  std::size_t views(const Ids& ids, Fn&& on_user_view) const& {
    return views(ids, nobody, on_user_view);
  }
  /// @}
  /// Returns the next time at which what others see changes without an event; see Snapshot::next_deadline.
  std::optional<Timestamp> next_deadline() const noexcept { return snapshot_.next_deadline(); }
  /// Returns the next time at which `advance` has something to do: the visible state changes, a session of any user
  /// ends (of an invisible one too), or coalesced changes must be delivered. nullopt if there is nothing. Sleep until
  /// then, then advance to it. O(log n) amortised; the first call is O(users), because from then on the store tracks
  /// the sessions.
  std::optional<Timestamp> next_wakeup() const;
  /// @{
  /// Returns which viewers currently watch which users. Borrowed from the store, and changes with it. For a temporary
  /// store, returns a copy.
  const Watches& watches() const& noexcept { return watches_; }
  Watches watches() const&&;
  /// @}
  /// Returns numbers for monitoring. O(users).
  StoreStats stats() const;

  /// Adds a channel or replaces it. Viewers who follow it are notified about its new members, and no longer about
  /// members who left. Returns an Error, and changes nothing, if its type or id is empty or its type has a colon.
  [[nodiscard]] std::optional<Error> put(Channel channel);
  /// Removes a channel and ends all watches of it. No WatchingStopped is delivered.
  void remove_channel(std::string_view cid);
  /// @{
  /// Returns the channel, or null if there is none. Valid until a channel is added, replaced or removed, or the store
  /// is destroyed. A temporary store is rejected.
  const Channel* find_channel(std::string_view cid) const& noexcept;
  const Channel* find_channel(std::string_view cid) const&& = delete;
  /// @}

  /// Returns a page of users, as the viewer sees them. With `presence`, the viewer is notified about them from now on.
  /// Finds only users that the store knows; to watch friends who may appear later, see `watch_users`.
  std::vector<User> query_users(const UserQuery& query, Viewer viewer);
  /// Returns a page of channels. Channels with the same id are sorted by type. With `presence`, the viewer is notified
  /// about their members from now on, and follows later joins and leaves. This does not count as watching the channel:
  /// see `watchers`.
  std::vector<Channel> query_channels(const ChannelQuery& query, Viewer viewer);
  /// Returns the channel, and creates it if it does not exist. The viewer watches it from now on: others see that in
  /// `watchers`, and the viewer receives WatchingStarted and WatchingStopped. With `presence`, the viewer is also
  /// notified about its members, and follows later joins and leaves.
  ///
  /// Returns an Error, and changes nothing, for the same reasons as `put`, and `not_live` if the viewer is a session
  /// that has ended. WatchingStarted is dated by the time of the store, so advance to the host's time first.
  [[nodiscard]] Result<Channel> watch(const WatchChannel& asked, Viewer viewer);
  /// Notifies the viewer about the users of a range of ids from now on, known or not, in addition to those of earlier
  /// calls. Does nothing if the viewer is a session that has ended. O(ids).
  template <class Range = std::initializer_list<std::string_view>>
  void watch_users(Viewer viewer, const Range& ids) {
    const Use use(*this);
    add_users(viewer, Watches::each_id(ids));
  }
  /// Ends the viewer's watches of the users of a range of ids, as far as `watch_users` and `query_users` made them.
  /// Members of channels that the viewer watches remain watched. O(ids).
  template <class Range = std::initializer_list<std::string_view>>
  void unwatch_users(Viewer viewer, const Range& ids) {
    const Use use(*this);
    watches_.unwatch_users(viewer, ids);
  }
  /// @{
  /// Ends the viewer's watches of one channel, or all their watches. Nothing more is delivered because of these
  /// watches. Earlier deliveries remain valid. Other sessions of the same user keep their watches.
  void unwatch(Viewer viewer, std::string_view cid);
  void unwatch(Viewer viewer);
  /// @}

  /// Returns the users who watch the channel and are online, as the viewer sees them, in the order of their ids. An
  /// invisible user is listed for themselves only. A user with several sessions is listed once. O(n log n).
  ///
  /// This is all that a room needs whose members are whoever is connected, such as a lobby. A dead socket leaves by
  /// itself when its session times out, without another heartbeat.
  ///
  /// @code
  /// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
  /// Store store;
  /// const Viewer ann("ann", "phone"), bob("bob", "tv");
  /// const WatchChannel lobby{"lobby", "eu", {}, false}, match{"match", "7", {}, false};
  /// std::string log;
  /// const Subscription left = store.subscribe<WatchingStopped>(
  ///     ann, [&](const WatchingStopped& notice) { log += notice.user + " left " + notice.cid; });
  /// for (const Viewer who : {ann, bob}) {
  ///   store.dispatch(PresenceEvent::connect(std::string(who.id()), std::string(who.session()), now));
  ///   assert(store.watch(lobby, who));  // join
  /// }
  /// assert(store.watch(match, bob));  // one user in two rooms
  /// assert(store.watcher_count("lobby:eu") == 2 && store.watchers("match:7")[0].id == "bob");
  /// store.unwatch(bob, "match:7");  // leave
  /// store.dispatch(PresenceEvent::heartbeat("ann", "phone", now + Duration::from_s(30)));
  /// store.advance(*store.next_wakeup());  // bob's socket is dead
  /// assert(log == "bob left lobby:eu" && store.watcher_count("lobby:eu") == 1);
  /// @endcode
  std::vector<User> watchers(std::string_view cid, Viewer viewer = nobody) const;
  /// Returns the number of users that `watchers` returns. O(1) without a `may_see` rule, else O(watchers).
  std::size_t watcher_count(std::string_view cid, Viewer viewer = nobody) const;

  /// Calls `fn` for each notice of type Event that the viewer receives, from now until the Subscription ends. Event is
  /// one of:
  /// - UserPresenceChanged: a user that the viewer watches changed. A function that takes a `UserPresenceChangedView`
  ///   receives one.
  /// - WatchingStarted, WatchingStopped: another user started or stopped to watch a channel that the viewer watches.
  template <class Event, class Fn>
  [[nodiscard]] Subscription subscribe(Viewer viewer, Fn fn, const DeliveryOptions& options = {}) {
    constexpr bool is_change = std::is_same<Event, UserPresenceChanged>::value;
    static_assert(
        is_change || std::is_same<Event, WatchingStarted>::value || std::is_same<Event, WatchingStopped>::value,
        "subscribe to UserPresenceChanged, WatchingStarted or WatchingStopped");
    // Lazily, so that a generic callback is not tried with a type that it is not for.
    static_assert(std::disjunction<std::is_invocable<Fn&, const Event&>,
                                   std::conjunction<std::bool_constant<is_change>,
                                                    std::is_invocable<Fn&, const UserPresenceChangedView&>>>::value,
                  "the callback must take a const Event&");
    auto notify = [kept = std::move(fn)](const void* notice, const Viewers&) mutable {
      const Event& event = *static_cast<const Event*>(notice);
      if constexpr (std::is_invocable<Fn&, const Event&>::value) {
        kept(event);
      } else {
        kept(view_of(event));
      }
    };
    return listen_as(viewer,
                     is_change                                     ? detail::NoticeKind::presence_changed
                     : std::is_same<Event, WatchingStarted>::value ? detail::NoticeKind::watching_started
                                                                   : detail::NoticeKind::watching_stopped,
                     detail::Notify::of(std::move(notify)), options);
  }

  /// Calls `fn(const UserPresenceChanged&, const Viewers&)` once for each change, with all viewers who are notified
  /// about it. For servers: each change needs to be serialised only once. Not called if there are no such viewers.
  template <class Fn>
  [[nodiscard]] Subscription on_delivery(Fn fn, const DeliveryOptions& options = {}) {
    static_assert(std::is_invocable<Fn&, const UserPresenceChanged&, const Viewers&>::value,
                  "the callback must take (const UserPresenceChanged&, const Viewers&)");
    auto notify = [kept = std::move(fn)](const void* notice, const Viewers& viewers) mutable {
      kept(*static_cast<const UserPresenceChanged*>(notice), viewers);
    };
    return listen(deliveries_, detail::ListenerPlace::deliveries, detail::NoticeKind::presence_changed,
                  detail::Notify::of(std::move(notify)), nobody, options);
  }
  /// Calls `fn(const UserPresenceChanged&)` for every change that others can see, watched or not, including changes in
  /// which only last_active differs. `may_see` does not apply: it is for the host, for example to write a log.
  template <class Fn>
  [[nodiscard]] Subscription on_change(Fn fn) {
    static_assert(std::is_invocable<Fn&, const UserPresenceChanged&>::value,
                  "the callback must take a const UserPresenceChanged&");
    auto notify = [kept = std::move(fn)](const void* notice, const Viewers&) mutable {
      kept(*static_cast<const UserPresenceChanged*>(notice));
    };
    return listen(every_change_, detail::ListenerPlace::every_change, detail::NoticeKind::presence_changed,
                  detail::Notify::of(std::move(notify)), nobody, {});
  }
  /// Calls `fn(const SessionEnded&)` once when a session ends, whatever the reason, so that the host can close its
  /// socket. Also for sessions of invisible users, so what it receives is not for other users. If a heartbeat revives
  /// the session, its new life ends with another call. The first call is O(users), because from then on the store
  /// tracks the sessions.
  template <class Fn>
  [[nodiscard]] Subscription on_session_ended(Fn fn) {
    static_assert(std::is_invocable<Fn&, const SessionEnded&>::value, "the callback must take a const SessionEnded&");
    sessions_.start(snapshot_);
    auto notify = [kept = std::move(fn)](const void* notice, const Viewers&) mutable {
      kept(*static_cast<const SessionEnded*>(notice));
    };
    return listen(session_ends_, detail::ListenerPlace::session_ends, detail::NoticeKind::session_ended,
                  detail::Notify::of(std::move(notify)), nobody, {});
  }

 private:
  friend class Subscription;
  using Channels = detail::IdMap<Channel>;

  /// A call that changes the store. A call inside a callback is part of the one that delivers.
  class Use {
   public:
    explicit Use(Store& store) noexcept;
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    /// Drops what a call left that ran out of memory.
    static void drop_leftovers(Store& store) noexcept;

    Store& store_;
    bool is_outermost_;
  };

  class OwnedViewer;
  struct FormerWatches;
  struct Gathered;
  struct GatherDated;
  struct Leaving;
  struct RoomChanges;

  /// A change, a change of who watches a channel, or the end of a session, before it is delivered.
  struct Pending {
    Pending();
    PRESENCE_DETAIL_APART Pending(Pending&& other) noexcept = default;
    PRESENCE_DETAIL_APART Pending& operator=(Pending&& other) noexcept = default;
    PRESENCE_DETAIL_APART ~Pending() = default;

    detail::NoticeKind kind = detail::NoticeKind::presence_changed;
    std::uint64_t number = 0;       // viewers receive it whose watch began at this number or before,
    std::uint64_t first_since = 0;  // and at this one or later
    std::uint64_t version = 0;      // of the watches, when it was queued
    Timestamp time;                 // of the store, when it happened
    UserPresenceChanged change;
    WatchingStarted started;
    WatchingStopped stopped;
    SessionEnded ended;
    detail::Shared<FormerWatches> former;       // set if the connection was lost since
    detail::Shared<detail::Listener> receiver;  // of coalesced changes; else all are notified

    const void* notice() const noexcept;
    unsigned parts() const noexcept;
    bool is_minor() const noexcept;
  };

  /// The progress of the delivery of one notice. It lets delivery resume after the callback that threw.
  struct Notifying {
    bool is_open = false;
    unsigned parts = 0;  // of the change; for other notices all of them
    bool has_recipients = false;
    Pending pending;
    Viewers recipients;
    std::uint64_t version = 0;  // of the watches, when `recipients` was filled
    std::size_t turn = 0;       // 0: on_change or on_session_ended; 1: on_delivery; i: viewer i - 2
    std::uint64_t last = 0;     // number of the last listener called in this turn
  };

  struct NoReport {
    void operator()(std::size_t, const Dispatched&) const noexcept {}
  };

  /// An OnChange that dates the changes and stores those that a listener receives.
  struct Gather {
    Store& store;
    Timestamp cause;  // changes are not dated before it
    void operator()(const UserPresenceChangedView& change) const { store.gather(change, cause); }
  };
  void gather(const UserPresenceChangedView& change, Timestamp cause);
  RoomChanges room_changes() noexcept;

  template <class Change>
  static bool is_minor(const Change& change) noexcept;
  bool is_received(const UserPresenceChangedView& change) const noexcept;

  static UserPresenceChangedView view_of(const UserPresenceChanged& change) noexcept;

  static std::optional<Error> wrong_name(std::string_view type, std::string_view id) noexcept;
  void add_channel(Channel channel);

  void add_users(Viewer viewer, const Watches::EachId& each);

  static void end(const detail::Listeners& all) noexcept;

  // Applying events.

  static Dispatched rejected(const PresenceEventView& event, Verdict verdict) noexcept;
  Dispatched counted(const Dispatched& done) noexcept;

  /// Advances to `now`, unless that is `absent`, and calls `body` for each event. Events may borrow strings from the
  /// snapshot, which an earlier event or the time may destroy.
  template <class It, class Body>
  void each_event(It first, It last, Timestamp now, Body body) {
    if constexpr (detail::may_borrow<It> && detail::can_look_ahead<It>) {
      const detail::EventCopies copies(first, last, snapshot_.rules());
      if (now != detail::absent) advance_to(now);
      for (const PresenceEventView& event : copies) body(event);
    } else {
      if (now != detail::absent) advance_to(now);
      for (; first != last; ++first) {
        auto&& event = *first;
        if constexpr (detail::may_borrow<It>) {
          body(detail::EventCopy(event, snapshot_.rules()).view());
        } else {
          body(PresenceEventView(event));
        }
      }
    }
  }

  /// Applies a range of events that were not dated by this host's clock.
  template <class It, class Fn>
  Tally dispatch_range(It first, It last, Timestamp now, Fn& on_dispatched) {
    const bool is_valid = is_in_range(now);
    if constexpr (std::is_same<std::decay_t<Fn>, NoReport>::value && detail::can_look_ahead<It>) {
      bool may_batch = is_valid && !options_.keep_order_of_frame && !sessions_.is_tracking();
      for (It it = first; may_batch && it != last; ++it) {
        auto&& event = *it;
        may_batch = PresenceEventView(event).at <= now;  // else its change is dated later
      }
      if (may_batch) return dispatch_batch(first, last, now);
    }
    Tally tally;
    std::size_t index = 0;
    each_event(first, last, is_valid ? now : detail::absent, [&](const PresenceEventView& event) {
      const Dispatched done = is_valid ? dispatch_now(event) : counted(rejected(event, Verdict::invalid));
      tally.count(done.verdict);
      on_dispatched(index++, done);
    });
    return tally;
  }
  template <class It>
  Tally dispatch_batch(It first, It last, Timestamp now) {
    Tally tally;
    if (detail::may_borrow<It> && now > time()) {
      const detail::EventCopies copies(first, last, snapshot_.rules());  // advancing the time may move strings
      advance_to(now);
      tally = apply_copies(copies);
    } else {
      advance_to(now);
      tally = apply(snapshot_, first, last, Gather{*this, detail::absent});
    }
    stats_.events += tally;
    commit();
    return tally;
  }
  Tally apply_copies(const detail::EventCopies& copies);
  static bool is_in_range(Timestamp now) noexcept;
  /// Returns the time of the store.
  Timestamp time() const noexcept;

  Tally resync_listed(const detail::EachEvent& each_listed, Timestamp as_of);
  Tally resync_listed(const detail::EachEvent& each_listed);

  Dispatched dispatch_at(const PresenceEventView& event, Timestamp now);

  /// Applies an event at the time of the store.
  Dispatched dispatch_now(const PresenceEventView& event);

  /// Applies a heartbeat that only refreshes a live session, if the user has no visibility changes. Such a heartbeat is
  /// later than all events of its session, so it is not moved; and no session starts or ends. Returns whether it was
  /// applied.
  bool refresh_session(const PresenceEventView& event) noexcept;

  /// Returns the verdict on a timestamp that this host's own clock has set. It may be too late, but never too early.
  Verdict judge_by_own_clock(Timestamp at) const noexcept;
  Dispatched dispatch_by_own_clock(const PresenceEventView& event);

  /// Returns whether the visible state changes until then. Heartbeats leave the bounds too low, so a bound that has
  /// been reached is corrected first.
  bool has_deadline_until(Timestamp to) const noexcept;

  /// As `replay` of one event that is later than the time of the store.
  Dispatched dispatch_with_deadlines(const PresenceEventView& event);
  /// The same for an event that is moved behind another one of its frame, and so behind the deadlines.
  Dispatched dispatch_moved(const PresenceEventView& event, const detail::FrameOrder& order);

  /// Advances to the event's timestamp. A status that is not moved takes effect before the deadlines at that timestamp,
  /// although the rest of the event is moved: others see the status, but not why the rest is moved. Returns the verdict
  /// on that status, or `unchanged`.
  Verdict advance_with_text(const PresenceEventView& event, const detail::FrameOrder& order);

  Verdict advance_to(Timestamp now);

  Dispatched fold(const PresenceEventView& event);

  detail::FrameOrder order_of(const PresenceEventView& event, const detail::RowView& row,
                              const detail::Root& root) const;

  /// Applies an event of an invisible user: its status text at one timestamp, and the rest at another. No other user
  /// sees the rest. Applies both parts or neither.
  Verdict fold_split(const PresenceEventView& event, const detail::FrameOrder& order);

  /// The latest report of each user that was moved behind another one with the same timestamp. Usually there are none;
  /// kept for a limited number of users.
  class MovedReports {
   public:
    explicit MovedReports(std::uint64_t seed);
    Timestamp moved_from(std::string_view user, Timestamp at) const noexcept;
    void note(std::string_view user, Timestamp from, Timestamp to);

   private:
    static constexpr std::size_t max_users = 4096;
    struct Moved {
      Timestamp from = detail::absent, to = detail::absent;
    };
    detail::IdMap<Moved> all_;
  };

  // Watches of sessions.

  /// A viewer that is a session must not inherit the watches of the session's former life. Returns false if the session
  /// has ended.
  bool renew(Viewer viewer);
  /// Ends the watches of a session that has ended, if that has not been done.
  void end_watches_of(Viewer viewer);

  // Delivering.

  /// Queues what was gathered, in the order of time. At one timestamp, sessions end before users change.
  void commit();
  /// The same for changes that were dated by their causes, in the order of (date, id).
  void commit_by_date();
  void queue(Gathered&& gathered);
  /// If memory runs out, nothing is queued.
  void queue(Pending&& pending);
  void queue(Pending&& pending, std::vector<Pending>& all);
  /// Returns the time of the store at which a session ended. Its own timestamp may be that of a client.
  Timestamp time_of(const SessionEnded& ended) const noexcept;
  void queue(SessionEnded&& ended, std::vector<Leaving>& leaving);
  void leave_rooms_before(Timestamp time, std::vector<Leaving>& leaving);
  /// Others see that the sessions left their channels, after the changes of their users at the same time.
  void leave_rooms(std::vector<Leaving>& leaving);

  Subscription listen_as(Viewer viewer, detail::NoticeKind kind, detail::Notify&& notify,
                         const DeliveryOptions& options);
  Subscription listen(detail::Listeners& all, detail::ListenerPlace place, detail::NoticeKind kind,
                      detail::Notify&& notify, Viewer viewer, const DeliveryOptions& options);
  static bool is_of_room(detail::NoticeKind kind) noexcept;
  static bool wants_minor(const detail::Listener& listener) noexcept;

  /// Removes a listener that has ended.
  void forget(const detail::Listener& listener) noexcept;
  static void remove_from(detail::Listeners& all, const detail::Listener& listener) noexcept;

  /// Delivers all pending changes, unless a delivery is already in progress.
  void deliver();
  /// Drops the notices that were taken, when they are at least half of all.
  static void drop_delivered(std::vector<Pending>& all, std::size_t& taken) noexcept;

  /// Moves the first coalesced changes whose deadline is not after `to`, and that a viewer receives, to the queue.
  /// `never`: all of them.
  void take_coalesced(Timestamp to);
  /// Viewers who have watched since different parts receive different changes.
  void queue_coalesced(const detail::Shared<detail::Listener>& receiver, const detail::CoalescedChanges& all);

  void begin_notifying(Pending&& pending);
  /// After the on_change callbacks: `may_see` may throw, and then everything else is still to be delivered.
  void find_recipients_once();
  void find_recipients();
  void end_notifying() noexcept;
  const Watches& watches_for(const Pending& pending) const noexcept;
  const detail::Rooms& rooms_for(const Pending& pending) const noexcept;
  void recipients_of(const Pending& pending, Viewers& recipients) const;
  void room_of(const Pending& pending, std::string_view user, std::string_view cid, Viewers& recipients) const;
  void watchers_of(const Pending& pending, Viewers& recipients) const;

  /// Calls the listeners whose turn it is, in the order in which they subscribed. A callback may change the listeners
  /// or the watches; the listeners are then looked up again.
  void notify_in_turn();
  const detail::Listeners* listeners_in_turn(Viewer viewer) const;

  /// Returns whether the viewer still watches the user or the channel: a callback may have ended the watch.
  bool still_receives(Viewer viewer) const;
  const detail::Listeners* listeners_of(Viewer viewer) const noexcept;

  StoreOptions options_;
  Snapshot snapshot_;
  Channels channels_;
  Watches watches_;
  detail::Rooms rooms_;
  detail::ViewerMap<std::uint64_t>
      ending_;  // viewers whose session has ended, until the notice of that number is delivered
  detail::ChangeDates dates_;
  MovedReports moved_reports_;
  mutable detail::SessionTracker sessions_;
  detail::ViewerMap<detail::Listeners> listeners_;
  detail::ViewerMap<std::uint32_t> minor_viewers_;  // how many of their listeners want changes of last_active alone
  std::size_t room_listeners_ = 0;                  // of WatchingStarted and WatchingStopped
  std::size_t minor_deliveries_ = 0;                // and how many of deliveries_
  detail::Listeners every_change_, deliveries_, session_ends_;
  detail::Listeners coalescing_;    // those that hold changes
  std::vector<Gathered> gathered_;  // of the current call, before they are queued
  std::vector<SessionEnded> ends_;
  std::vector<Pending> pending_;
  std::size_t notified_ = 0;        // how many of them have been taken for delivery
  std::vector<Pending> coalesced_;  // due now
  std::size_t coalesced_next_ = 0;  // as notified_
  Notifying notifying_;
  StoreStats stats_;                      // the counters in it
  Timestamp forgotten_ = detail::absent;  // reports up to here were forgotten when the connection was lost
  std::uint64_t listener_changes_ = 0;
  bool is_delivering_ = false;
  detail::Note is_in_use_;  // 1 during a call; may be read by a second thread
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/live/detail/store_bodies.hpp>
#endif

#endif  // PRESENCE_LIVE_STORE_HPP
