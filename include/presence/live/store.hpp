// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_STORE_HPP
#define PRESENCE_LIVE_STORE_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/callback.hpp>
#include <presence/base/detail/id_map.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/base/result.hpp>
#include <presence/live/detail/change_dates.hpp>
#include <presence/live/detail/frame_order.hpp>
#include <presence/live/detail/rooms.hpp>
#include <presence/live/detail/session_tracker.hpp>
#include <presence/live/detail/viewer_map.hpp>
#include <presence/live/may_see.hpp>
#include <presence/live/notices.hpp>
#include <presence/live/subscription.hpp>
#include <presence/live/viewers.hpp>
#include <presence/live/watches.hpp>
#include <presence/model/channel.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/user.hpp>
#include <presence/query/query.hpp>
#include <presence/registers/detail/acceptance_window.hpp>
#include <presence/state/detail/in_place.hpp>
#include <presence/state/merge.hpp>
#include <presence/state/reduce.hpp>
#include <presence/state/reports.hpp>
#include <presence/state/resume.hpp>
#include <presence/state/snapshot.hpp>

#include <cstddef>           // for size_t, ptrdiff_t
#include <cstdint>           // for uint32_t, uint64_t
#include <initializer_list>  // for initializer_list
#include <optional>          // for optional, nullopt
#include <string>            // for string
#include <string_view>       // for string_view
#include <type_traits>       // for enable_if, is_invocable, is_same
#include <utility>           // for exchange, forward, move
#include <vector>            // for vector

namespace presence {
inline namespace PRESENCE_ABI {

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
  explicit Store(const Rules& rules = {}, const StoreOptions& options = {}) : Store(Snapshot(rules), options) {}
  PRESENCE_DETAIL_RARE explicit Store(Snapshot snapshot, const StoreOptions& options = {})
      : options_(options),
        snapshot_(std::move(snapshot)),
        channels_(snapshot_.rules().hash_seed),
        watches_(options.limits, snapshot_.rules().hash_seed),
        rooms_(snapshot_.rules().hash_seed),
        ending_(snapshot_.rules().hash_seed),
        dates_(snapshot_.rules().hash_seed),
        moved_reports_(snapshot_.rules().hash_seed),
        sessions_(snapshot_.rules().hash_seed),
        listeners_(snapshot_.rules().hash_seed),
        minor_viewers_(snapshot_.rules().hash_seed) {}
  /// @}
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  PRESENCE_DETAIL_RARE ~Store() {
    PRESENCE_ASSERT(!is_delivering_ && is_in_use_.read() == 0, "a Store is destroyed inside one of its callbacks");
    for (const detail::Listeners& all : listeners_) end(all);
    end(every_change_);
    end(deliveries_);
    end(session_ends_);
  }

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
  Dispatched dispatch(const PresenceEventView& event) {
    const Use use(*this);
    const Dispatched done = dispatch_by_own_clock(event);
    deliver();
    return done;
  }
  /// The same for an event that owns its strings. It may be a temporary.
  template <class Event = PresenceEvent, class = detail::EnableIfOwningEvent<Event>>
  Dispatched dispatch(const Event& event) {
    return dispatch(PresenceEventView(event));
  }
  /// Applies an event that was dated by a client, or by the server that this store mirrors. Advances to `now`, the
  /// host's own clock, then accepts or rejects the event by it. The time advances even if the event is rejected. If
  /// `now` is at either end of the range of timestamps, the verdict is `invalid`, and nothing changes.
  Dispatched dispatch(const PresenceEventView& event, Timestamp now) {
    const Use use(*this);
    if (!detail::in_range(now)) return counted(rejected(event, Verdict::invalid));
    const Dispatched done = dispatch_at(event, now);
    deliver();
    return done;
  }
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
  PRESENCE_DETAIL_RARE Tally disconnect_sessions(std::string_view prefix, Timestamp at) {
    const Use use(*this);
    const std::string kept_prefix(prefix);  // may be borrowed from a session that is about to end
    const Verdict verdict = judge_by_own_clock(at);
    // Also without such a session: the time must not depend on what invisible users have.
    if (accepted(verdict) && at > detail::SnapshotReader::now(snapshot_)) advance_to(at);
    std::vector<PresenceEventView> events;
    snapshot_.each_session(kept_prefix, [&events, at](std::string_view user, std::string_view session) {
      events.push_back(PresenceEventView::disconnect(user, session, at));
    });
    Tally tally;
    if (accepted(verdict)) {
      NoReport no_report;
      tally = dispatch_range(events.cbegin(), events.cend(), detail::SnapshotReader::now(snapshot_), no_report);
    } else {
      for (const PresenceEventView& event : events) tally.count(counted(rejected(event, verdict)));
    }
    deliver();
    return tally;
  }
  /// Advances the time to `now`. `unchanged` if that is not later than the time of the store; `invalid` at either end
  /// of the range of timestamps.
  Verdict advance(Timestamp now) {
    const Use use(*this);
    const Verdict verdict = advance_to(now);
    deliver();
    return verdict;
  }
  /// Advances the time to `now` after the host was away, and gives the sessions that were live `patience` to return;
  /// see presence::resume. Call it first after a restart, before events and watches. Returns as `advance`. O(users).
  ///
  /// Not for a node that shares its users with others: they do not know of it, and show these users offline meanwhile.
  /// There, use Rules::offline_grace.
  PRESENCE_DETAIL_RARE Verdict resume(Timestamp now, Duration patience) {
    const Use use(*this);
    const Snapshot before = snapshot_;
    detail::Rollback rollback([this, &before]() noexcept { snapshot_ = before; });
    if (detail::can_resume(snapshot_, now)) {
      Snapshot held = snapshot_;
      detail::hold_sessions(held, now + (patience < Duration() ? Duration() : patience));
      snapshot_ = std::move(held);
    }
    const Verdict verdict = advance_to(now);
    rollback.release();
    deliver();
    return verdict;
  }
  /// @{
  /// Applies a server's full list as of a timestamp of the server, or without one as of just after the latest report;
  /// see presence::resync.
  template <class It>
  Tally resync(It first, It last, Timestamp as_of) {
    const Use use(*this);
    // A list from the frame in which the connection was lost must still count as later than the forgotten reports.
    const Timestamp behind = forgotten_ + Duration::from_ns(1);
    const bool is_moved = options_.keep_order_of_frame && forgotten_ >= as_of &&
                          forgotten_ < as_of + detail::one_frame && detail::in_range(behind);
    const GatherDated gather{*this};
    const Tally tally =
        detail::resync_moved(snapshot_, detail::each_event(first, last), as_of, is_moved ? behind : as_of, gather);
    commit_by_date();
    deliver();
    return tally;
  }
  template <class It>
  Tally resync(It first, It last) {
    const Use use(*this);
    const GatherDated gather{*this};
    const Tally tally = presence::resync(snapshot_, first, last, gather);
    commit_by_date();
    deliver();
    return tally;
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
  [[nodiscard]] PRESENCE_DETAIL_RARE std::optional<Error> merge(const Snapshot& other, Timestamp now) {
    const Use use(*this);
    if (const std::optional<Error> error = detail::wrong_now(now)) return error;
    const GatherDated gather{*this};
    Snapshot before;
    if (sessions_.is_tracking()) before = snapshot_;
    if (!detail::merge_from_peer(snapshot_, other, now, detail::dates_at(now, snapshot_), gather))
      return Error{ErrorCode::too_early, 0, "the other node has a timestamp too far in the future"};
    if (sessions_.is_tracking()) sessions_.compare(before, snapshot_, ends_);
    commit_by_date();
    deliver();
    return std::nullopt;
  }
  /// For a client that lost its own connection. Forgets the reports of online, and delivers the changes as usual. Then
  /// ends all watches, as the server does. Pending and coalesced changes are delivered to the viewers who watched until
  /// now. Subscriptions stay. After the client has reconnected, first query or watch again, then call `resync`.
  ///
  /// So every friend is shown offline until then. A client that expects to be back within a moment calls only `resync`,
  /// so users who are still listed stay online.
  PRESENCE_DETAIL_RARE void connection_lost() {
    const Use use(*this);
    const GatherDated gather{*this};
    forget_reports_in(snapshot_, gather);
    if (const detail::Root* const root = detail::SnapshotReader::read(snapshot_)) {
      for (const detail::RowView row : root->table)
        forgotten_ = detail::later(forgotten_, row.registers().forgotten_up_to());
    }
    commit_by_date();
    // The changes are delivered after the watches have ended, so these are kept until then.
    take_coalesced(detail::never);
    if (notified_ != pending_.size() || coalesced_next_ != coalesced_.size()) {
      auto former = detail::Shared<FormerWatches>::make(watches_, rooms_);
      for (std::size_t i = coalesced_next_; i < coalesced_.size(); ++i) {
        if (!coalesced_[i].former) coalesced_[i].former = former;
      }
      for (std::size_t i = notified_; i < pending_.size(); ++i) {
        if (!pending_[i].former) pending_[i].former = former;
      }
    }
    watches_.clear();
    rooms_.clear();
    deliver();
  }

  /// Returns a copy of the snapshot. O(1). For the host: `may_see` does not apply to it.
  Snapshot snapshot() const noexcept { return snapshot_; }
  /// @{
  /// Returns the user as the viewer sees them, or nullopt if the viewer does not know of the user. As
  /// Snapshot::find, view, online and views, but `may_see` applies.
  std::optional<User> find(std::string_view id, Viewer viewer = nobody) const {
    return options_.may_see(viewer, id) ? snapshot_.find(id, viewer) : std::nullopt;
  }
  std::optional<UserView> view(std::string_view id, Viewer viewer = nobody) const& {
    return options_.may_see(viewer, id) ? snapshot_.view(id, viewer) : std::nullopt;
  }
  std::optional<UserView> view(std::string_view id, Viewer viewer = nobody) const&& = delete;
  bool online(std::string_view id, Viewer viewer = nobody) const {
    return options_.may_see(viewer, id) && snapshot_.online(id, viewer);
  }
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
  std::optional<Timestamp> next_wakeup() const {
    sessions_.start(snapshot_);
    Timestamp next = sessions_.next_timeout(snapshot_);
    if (const std::optional<Timestamp> deadline = next_deadline()) next = detail::earlier(next, *deadline);
    for (const detail::Shared<detail::Listener>& listener : coalescing_)
      next = detail::earlier(next, listener->coalescer.next_due());
    return next == detail::never ? std::nullopt : std::optional<Timestamp>(next);
  }
  /// @{
  /// Returns which viewers currently watch which users. Borrowed from the store, and changes with it. For a temporary
  /// store, returns a copy.
  const Watches& watches() const& noexcept { return watches_; }
  Watches watches() const&& { return watches_; }
  /// @}
  /// Returns numbers for monitoring. O(users).
  PRESENCE_DETAIL_RARE StoreStats stats() const {
    StoreStats stats = stats_;
    stats.users = snapshot_.size();
    stats.online = snapshot_.online_count();
    if (const detail::Root* const root = detail::SnapshotReader::read(snapshot_)) {
      for (const detail::RowView row : root->table) {
        const detail::RegistersView user = row.registers();
        for (const detail::SessionRegisters& session : user.sessions)
          stats.sessions += detail::SessionTracker::is_live(session, root->now, root->rules) ? 1u : 0u;
        stats.bytes += sizeof(detail::UserRow) + row.name().size() + user.status().size();
        if (user.sessions.size() > 1) stats.bytes += (user.sessions.size() - 1) * sizeof(detail::SessionRegisters);
      }
    }
    stats.bytes += watches_.bytes();
    stats.watches = watches_.watch_count();
    stats.viewers = watches_.viewer_count();
    stats.watched_users = watches_.watched_count();
    stats.channels = channels_.size();
    return stats;
  }

  /// Adds a channel or replaces it. Viewers who follow it are notified about its new members, and no longer about
  /// members who left. Returns an Error, and changes nothing, if its type or id is empty or its type has a colon.
  [[nodiscard]] PRESENCE_DETAIL_RARE std::optional<Error> put(Channel channel) {
    const Use use(*this);
    if (const std::optional<Error> error = wrong_name(channel.type, channel.id)) return error;
    add_channel(std::move(channel));
    return std::nullopt;
  }
  /// Removes a channel and ends all watches of it. No WatchingStopped is delivered.
  PRESENCE_DETAIL_RARE void remove_channel(std::string_view cid) {
    const Use use(*this);
    const std::uint32_t number = channels_.find(cid);
    if (number == Channels::none) return;
    watches_.remove_channel(cid);
    rooms_.remove(cid);
    channels_.erase(number);
  }
  /// @{
  /// Returns the channel, or null if there is none. Valid until a channel is added, replaced or removed, or the store
  /// is destroyed. A temporary store is rejected.
  const Channel* find_channel(std::string_view cid) const& noexcept {
    const std::uint32_t number = channels_.find(cid);
    return number == Channels::none ? nullptr : &channels_[number];
  }
  const Channel* find_channel(std::string_view cid) const&& = delete;
  /// @}

  /// Returns a page of users, as the viewer sees them. With `presence`, the viewer is notified about them from now on.
  /// Finds only users that the store knows; to watch friends who may appear later, see `watch_users`.
  std::vector<User> query_users(const UserQuery& query, Viewer viewer) {
    const Use use(*this);
    std::vector<User> users;
    const auto may_see = [this, viewer](std::string_view user) { return options_.may_see(viewer, user); };
    detail::query_users(snapshot_, query, viewer, may_see,
                        [&users](const UserView& user) { users.push_back(static_cast<User>(user)); });
    if (query.presence) {
      std::vector<std::string_view> ids;
      for (const User& user : users) ids.push_back(user.id);
      add_users(viewer, Watches::each_id(ids));
    }
    return users;
  }
  /// Returns a page of channels. Channels with the same id are sorted by type. With `presence`, the viewer is notified
  /// about their members from now on, and follows later joins and leaves. This does not count as watching the channel:
  /// see `watchers`.
  PRESENCE_DETAIL_RARE std::vector<Channel> query_channels(const ChannelQuery& query, Viewer viewer) {
    const Use use(*this);
    ChannelQuery whole = query;
    whole.sort.push_back(SortKey{"id", Order::ascending});
    whole.sort.push_back(SortKey{"type", Order::ascending});
    std::vector<Channel> page;
    for (const Channel* channel : presence::query(channels_, whole)) page.push_back(*channel);
    const OwnedViewer kept(viewer);
    if (query.presence && renew(kept.viewer())) {
      for (const Channel& channel : page) watches_.follow_known(kept.viewer(), channel);
    }
    return page;
  }
  /// Returns the channel, and creates it if it does not exist. The viewer watches it from now on: others see that in
  /// `watchers`, and the viewer receives WatchingStarted and WatchingStopped. With `presence`, the viewer is also
  /// notified about its members, and follows later joins and leaves.
  ///
  /// Returns an Error, and changes nothing, for the same reasons as `put`, and `not_live` if the viewer is a session
  /// that has ended. WatchingStarted is dated by the time of the store, so advance to the host's time first.
  [[nodiscard]] PRESENCE_DETAIL_RARE Result<Channel> watch(const WatchChannel& asked, Viewer viewer) {
    const Use use(*this);
    if (const std::optional<Error> error = wrong_name(asked.type, asked.id)) return *error;
    const OwnedViewer owned(viewer);
    const Viewer kept = owned.viewer();
    if (!renew(kept)) return Error{ErrorCode::not_live, 0, "the session of the viewer has ended"};
    Channel channel;
    channel.type = asked.type;
    channel.id = asked.id;
    const std::string cid = channel.cid();
    if (const Channel* const known = find_channel(cid)) {
      channel = *known;
    } else {
      channel.members = asked.members;
      add_channel(channel);
    }
    if (asked.presence) watches_.follow_known(kept, channel);
    rooms_.enter(kept, cid, snapshot_.online(kept.id()), watches_.now_, room_changes());
    deliver();
    return channel;
  }
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
  PRESENCE_DETAIL_RARE void unwatch(Viewer viewer, std::string_view cid) {
    const Use use(*this);
    const OwnedViewer kept(viewer);
    const std::string kept_cid(cid);
    watches_.unwatch(kept.viewer(), kept_cid);
    rooms_.leave(kept.viewer(), kept_cid, room_changes());
    deliver();
  }
  PRESENCE_DETAIL_RARE void unwatch(Viewer viewer) {
    const Use use(*this);
    const OwnedViewer kept(viewer);
    watches_.unwatch(kept.viewer());
    rooms_.leave(kept.viewer(), room_changes());
    deliver();
  }
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
  std::vector<User> watchers(std::string_view cid, Viewer viewer = nobody) const {
    std::vector<User> all;
    rooms_.each_user_in(cid, [&](std::string_view user) {
      std::optional<User> seen = find(user, viewer);
      if (seen && seen->online) all.push_back(*std::move(seen));
    });
    detail::sort(all, [](const User& a, const User& b) { return a.id < b.id; });
    return all;
  }
  /// Returns the number of users that `watchers` returns. O(1) without a `may_see` rule, else O(watchers).
  std::size_t watcher_count(std::string_view cid, Viewer viewer = nobody) const {
    if (options_.may_see) {
      std::size_t count = 0;
      rooms_.each_user_in(cid, [&](std::string_view user) { count += online(user, viewer) ? 1u : 0u; });
      return count;
    }
    const bool is_hidden =
        rooms_.is_in(viewer.id(), cid) && snapshot_.online(viewer.id(), viewer) && !snapshot_.online(viewer.id());
    return rooms_.seen_in(cid) + (is_hidden ? 1u : 0u);
  }

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
    const std::uint32_t number = listeners_.add(viewer);
    return listen(listeners_[number], detail::Listener::Place::of_viewer,
                  is_change                                     ? detail::NoticeKind::presence_changed
                  : std::is_same<Event, WatchingStarted>::value ? detail::NoticeKind::watching_started
                                                                : detail::NoticeKind::watching_stopped,
                  detail::Listener::Notify::of(std::move(notify)), viewer, options);
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
    return listen(deliveries_, detail::Listener::Place::deliveries, detail::NoticeKind::presence_changed,
                  detail::Listener::Notify::of(std::move(notify)), nobody, options);
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
    return listen(every_change_, detail::Listener::Place::every_change, detail::NoticeKind::presence_changed,
                  detail::Listener::Notify::of(std::move(notify)), nobody, {});
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
    return listen(session_ends_, detail::Listener::Place::session_ends, detail::NoticeKind::session_ended,
                  detail::Listener::Notify::of(std::move(notify)), nobody, {});
  }

 private:
  friend class Subscription;
  using Channels = detail::IdMap<Channel>;

  /// A call that changes the store. A call inside a callback is part of the one that delivers.
  class Use {
   public:
    explicit Use(Store& store) noexcept : store_(store), is_outermost_(!store.is_delivering_) {
      if (!store.gathered_.empty() || !store.ends_.empty()) drop_leftovers(store);
      if (!is_outermost_) return;
      // Not a lock: it finds most wrong uses, and costs a right one almost nothing.
      PRESENCE_ASSERT(store.is_in_use_.read() == 0,
                      "two threads use a Store at once, or on_dispatched or may_see changes it");
      store.is_in_use_.write(1);
    }
    ~Use() {
      if (is_outermost_) store_.is_in_use_.write(0);
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    /// Drops what a call left that ran out of memory.
    PRESENCE_DETAIL_RARE static void drop_leftovers(Store& store) noexcept {
      store.gathered_.clear();
      store.ends_.clear();
    }

    Store& store_;
    bool is_outermost_;
  };

  /// The ids of a viewer, which may be borrowed from a channel or a watch that is about to move or to end.
  class OwnedViewer {
   public:
    PRESENCE_DETAIL_RARE explicit OwnedViewer(Viewer viewer) : user_(viewer.id()), session_(viewer.session()) {}
    Viewer viewer() const noexcept { return Viewer(user_, session_); }

   private:
    std::string user_, session_;
  };

  /// The watches that ended when the connection was lost, while earlier changes wait to be delivered.
  struct FormerWatches {
    detail::OwnerCount owners;
    Watches watches;
    detail::Rooms rooms;
    FormerWatches(const Watches& all, const detail::Rooms& all_rooms) : watches(all), rooms(all_rooms) {}
  };

  /// A change, a change of who watches a channel, or the end of a session, before it is delivered.
  struct Pending {
    PRESENCE_DETAIL_APART Pending() {}
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

    const void* notice() const noexcept {
      switch (kind) {
        case detail::NoticeKind::presence_changed: return &change;
        case detail::NoticeKind::watching_started: return &started;
        case detail::NoticeKind::watching_stopped: return &stopped;
        default: return &ended;
      }
    }
    unsigned parts() const noexcept {
      return kind == detail::NoticeKind::presence_changed ? detail::parts_of(change) : ~0u;
    }
    bool is_minor() const noexcept { return kind == detail::NoticeKind::presence_changed && Store::is_minor(change); }
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

  /// A change of the current call.
  struct Gathered {
    PRESENCE_DETAIL_APART Gathered(const UserPresenceChangedView& seen, Timestamp when) : change(seen), time(when) {}
    PRESENCE_DETAIL_APART Gathered(Gathered&& other) noexcept = default;
    PRESENCE_DETAIL_APART Gathered& operator=(Gathered&& other) noexcept = default;
    PRESENCE_DETAIL_APART ~Gathered() = default;

    UserPresenceChanged change;
    Timestamp time;  // of the store, when it happened; its date may be later
  };

  /// An OnChange that dates the changes and stores those that a listener receives.
  struct Gather {
    Store& store;
    Timestamp cause;  // changes are not dated before it
    void operator()(const UserPresenceChangedView& change) const { store.gather(change, cause); }
  };
  /// The same for changes with several causes: a change is not dated before what others can see of the user.
  struct GatherDated {
    Store& store;
    void operator()(const UserPresenceChangedView& change) const {
      const detail::RowView row = detail::SnapshotReader::find_row(store.snapshot_, change.id);
      Timestamp cause = detail::absent;
      // Forgotten data must not matter, whether or not it has been dropped yet.
      if (row != nullptr)
        cause =
            detail::latest_seen_timestamp(detail::normal_form_of(row, *detail::SnapshotReader::read(store.snapshot_)));
      store.gather(change, cause);
    }
  };
  PRESENCE_DETAIL_APART void gather(const UserPresenceChangedView& change, Timestamp cause) {
    const Timestamp at = dates_.next(change.id, detail::later(change.at, cause));
    if (!is_received(change)) return;
    Gathered gathered(change, change.at);
    gathered.change.at = at;
    gathered_.push_back(std::move(gathered));
  }
  struct RoomChanges {
    Store& store;
    Timestamp at, time;
    PRESENCE_DETAIL_RARE void operator()(std::string_view user, std::string_view cid, std::size_t count,
                                         bool is_watching) const {
      if (store.room_listeners_ == 0) return;
      Pending pending;
      pending.number = store.watches_.now_++;
      pending.time = time;
      if (is_watching) {
        pending.kind = detail::NoticeKind::watching_started;
        pending.started = WatchingStarted{std::string(user), std::string(cid), count, at};
      } else {
        pending.kind = detail::NoticeKind::watching_stopped;
        pending.stopped = WatchingStopped{std::string(user), std::string(cid), count, at};
      }
      store.queue(std::move(pending));
    }
  };

  RoomChanges room_changes() noexcept {
    const Timestamp now = detail::SnapshotReader::now(snapshot_);
    return RoomChanges{*this, now, now};
  }

  /// A session that has ended, before others see that it left its channels.
  struct Leaving {
    PRESENCE_DETAIL_APART Leaving(Viewer viewer, std::uint64_t when, Timestamp its_time, Timestamp store_time)
        : owner(viewer), number(when), at(its_time), time(store_time) {}
    PRESENCE_DETAIL_APART Leaving(Leaving&& other) noexcept = default;
    PRESENCE_DETAIL_APART ~Leaving() = default;

    OwnedViewer owner;
    std::uint64_t number;
    Timestamp at, time;
  };

  template <class Change>
  static bool is_minor(const Change& change) noexcept {
    return (detail::parts_of(change) & ~unsigned{detail::active_part}) == 0;
  }
  bool is_received(const UserPresenceChangedView& change) const noexcept {
    if (!every_change_.empty()) return true;
    if (is_minor(change))
      return (minor_deliveries_ != 0 || minor_viewers_.size() != 0) && watches_.is_watched(change.id);
    return watches_.is_watched(change.id) || rooms_.has_user(change.id);
  }

  static UserPresenceChangedView view_of(const UserPresenceChanged& change) noexcept {
    UserPresenceChangedView view;
    view.id = change.id;
    view.before = detail::borrowed(change.before);
    view.after = detail::borrowed(change.after);
    view.at = change.at;
    return view;
  }

  static std::optional<Error> wrong_name(std::string_view type, std::string_view id) noexcept {
    if (type.empty() || id.empty()) return Error{ErrorCode::missing_key, 0, "the channel has no type or no id"};
    if (type.find(':') != std::string_view::npos)
      return Error{ErrorCode::out_of_range, 0, "a channel type must not contain a colon"};
    return std::nullopt;
  }
  PRESENCE_DETAIL_RARE void add_channel(Channel channel) {
    watches_.update(channel);
    const std::uint32_t number = channels_.add(channel.cid());
    channels_[number] = std::move(channel);
  }

  PRESENCE_DETAIL_RARE void add_users(Viewer viewer, const Watches::EachId& each) {
    const OwnedViewer kept(viewer);
    if (ending_.find(kept.viewer()) == Channels::none) {
      if (renew(kept.viewer())) watches_.watch_each(kept.viewer(), each);
      return;
    }
    std::vector<std::string> copies;  // the ids may be borrowed from the watches that end now
    each([&copies](std::string_view id) {
      copies.emplace_back(id);
      return true;
    });
    if (renew(kept.viewer())) watches_.watch_users(kept.viewer(), copies);
  }

  PRESENCE_DETAIL_RARE static void end(const detail::Listeners& all) noexcept {
    for (const detail::Shared<detail::Listener>& listener : all) listener->store = nullptr;
  }

  // Applying events.

  static Dispatched rejected(const PresenceEventView& event, Verdict verdict) noexcept {
    return Dispatched{verdict, event.at, event.at};
  }
  Dispatched counted(const Dispatched& done) noexcept {
    stats_.events.count(done.verdict);
    return done;
  }

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
    Tally tally;
    const bool is_valid = detail::in_range(now);
    bool may_batch = is_valid && std::is_same<std::decay_t<Fn>, NoReport>::value && !options_.keep_order_of_frame &&
                     !sessions_.is_tracking();
    if constexpr (detail::can_look_ahead<It>) {
      for (It it = first; may_batch && it != last; ++it) {
        auto&& event = *it;
        may_batch = PresenceEventView(event).at <= now;  // else its change is dated later
      }
    } else {
      may_batch = false;
    }
    if (may_batch) {
      if (detail::may_borrow<It> && now > detail::SnapshotReader::now(snapshot_)) {
        const detail::EventCopies copies(first, last, snapshot_.rules());  // advancing the time may move strings
        advance_to(now);
        tally = apply(snapshot_, copies.begin(), copies.end(), Gather{*this, detail::absent});
      } else {
        advance_to(now);
        tally = apply(snapshot_, first, last, Gather{*this, detail::absent});
      }
      stats_.events += tally;
      commit();
    } else {
      std::size_t index = 0;
      each_event(first, last, is_valid ? now : detail::absent, [&](const PresenceEventView& event) {
        const Dispatched done = is_valid ? dispatch_now(event) : counted(rejected(event, Verdict::invalid));
        tally.count(done.verdict);
        on_dispatched(index++, done);
      });
    }
    return tally;
  }

  Dispatched dispatch_at(const PresenceEventView& event, Timestamp now) {
    if (now <= detail::SnapshotReader::now(snapshot_)) return dispatch_now(event);
    const detail::EventCopy copy(event, snapshot_.rules());  // advancing the time may move strings
    advance_to(now);
    return dispatch_now(copy.view());
  }

  /// Applies an event at the time of the store.
  Dispatched dispatch_now(const PresenceEventView& event) {
    if (refresh_session(event)) {
      commit();
      return counted(Dispatched{Verdict::applied, event.at, event.at});
    }
    const detail::SessionTracker::Probe probe =
        sessions_.probe(snapshot_, event, detail::SnapshotReader::now(snapshot_));
    Dispatched done = fold(event);
    if (accepted(done.verdict)) {
      sessions_.compare(probe, snapshot_, event.type, done.at, ends_);
      commit();
    }
    return counted(done);
  }

  /// Applies a heartbeat that only refreshes a live session, if the user has no visibility changes. Such a heartbeat is
  /// later than all events of its session, so it is not moved; and no session starts or ends. Returns whether it was
  /// applied.
  bool refresh_session(const PresenceEventView& event) noexcept {
    detail::Root* const owned = detail::SnapshotAccess::owned(snapshot_);
    return owned != nullptr && detail::find_and_refresh_session<true>(*owned, event);
  }

  /// Returns the verdict on a timestamp that this host's own clock has set. It may be too late, but never too early.
  Verdict judge_by_own_clock(Timestamp at) const noexcept {
    if (!detail::in_range(at)) return Verdict::invalid;
    const Timestamp now = detail::SnapshotReader::now(snapshot_);
    return at > now ? Verdict::applied : detail::AcceptanceWindow(now, snapshot_.rules()).judge(at);
  }
  Dispatched dispatch_by_own_clock(const PresenceEventView& event) {
    const Timestamp now = detail::SnapshotReader::now(snapshot_);
    if (!detail::in_range(event.at) || (now != detail::absent && event.at <= now)) return dispatch_now(event);
    const Verdict form = detail::judge_form(event, snapshot_.rules());
    if (!accepted(form)) return counted(rejected(event, form));

    detail::Root& root = detail::SnapshotAccess::write(snapshot_);
    if (root.table.cleanup() > event.at && !sessions_.has_timeout_until(snapshot_, event.at) &&
        !has_deadline_until(event.at)) {
      // Until then time changes nothing, so advancing is setting the time.
      root.now = event.at;
      const Dispatched done = dispatch_now(event);
      if (!accepted(done.verdict)) detail::SnapshotAccess::write(snapshot_).now = now;
      return done;
    }
    return dispatch_with_deadlines(detail::EventCopy(event, snapshot_.rules()).view());
  }

  /// Returns whether the visible state changes until then. Heartbeats leave the bounds too low, so a bound that has
  /// been reached is corrected first.
  bool has_deadline_until(Timestamp to) const noexcept {
    if (detail::SnapshotReader::read(snapshot_)->table.due() > to) return false;
    const std::optional<Timestamp> next = snapshot_.next_deadline();
    return next && *next <= to;
  }

  /// As `replay` of one event that is later than the time of the store.
  Dispatched dispatch_with_deadlines(const PresenceEventView& event) {
    const detail::RowView row = detail::SnapshotAccess::read(snapshot_)->table.find(event.user);
    if (row != nullptr) {
      const detail::FrameOrder order = order_of(event, row, *detail::SnapshotAccess::read(snapshot_));
      if (order.is_split() || order.at != event.at) return dispatch_moved(event, order);
    }
    const detail::SessionTracker::Probe probe = sessions_.probe(snapshot_, event, event.at - Duration::from_ns(1));
    std::vector<SessionEnded> timeouts = sessions_.timeouts_until(snapshot_, event.at);
    const Gather gather{*this, detail::absent};
    detail::Replay replay(snapshot_, gather);
    Dispatched done = rejected(event, replay.fold(event));
    replay.finish();
    if (accepted(done.verdict)) {
      sessions_.compare(probe, snapshot_, event.type, done.at, ends_);
      // The event takes effect before the deadlines at its timestamp.
      detail::SessionTracker::add_timeouts(std::move(timeouts), probe, snapshot_, event.at, ends_);
      sessions_.pass(snapshot_);
    }
    commit();
    return counted(done);
  }
  /// The same for an event that is moved behind another one of its frame, and so behind the deadlines.
  PRESENCE_DETAIL_RARE Dispatched dispatch_moved(const PresenceEventView& event, const detail::FrameOrder& order) {
    const Snapshot before = snapshot_;
    const detail::ChangeDates dates = dates_;
    std::vector<SessionEnded> timeouts = sessions_.timeouts_until(snapshot_, event.at);
    const Verdict of_text = advance_with_text(event, order);
    const detail::SessionTracker::Probe probe = sessions_.probe(snapshot_, event, event.at);
    Dispatched done = accepted(of_text) ? fold(event) : rejected(event, of_text);
    if (accepted(done.verdict)) {
      if (of_text == Verdict::applied) done.verdict = of_text;
      ends_ = std::move(timeouts);
      sessions_.compare(probe, snapshot_, event.type, done.at, ends_);
      sessions_.pass(snapshot_);
    } else {
      snapshot_ = before;
      dates_ = dates;
      gathered_.clear();
    }
    commit();
    return counted(done);
  }

  /// Advances to the event's timestamp. A status that is not moved takes effect before the deadlines at that timestamp,
  /// although the rest of the event is moved: others see the status, but not why the rest is moved. Returns the verdict
  /// on that status, or `unchanged`.
  PRESENCE_DETAIL_RARE Verdict advance_with_text(const PresenceEventView& event, const detail::FrameOrder& order) {
    const Gather gather{*this, detail::absent};
    if (!order.is_split() || order.status_at != event.at) {
      apply(snapshot_, event.at, gather);
      return Verdict::unchanged;
    }
    PresenceEventView text = event;
    text.type = EventType::set_status;
    detail::Replay replay(snapshot_, gather);
    const Verdict verdict = replay.fold(text);
    replay.finish();
    return verdict;
  }

  Verdict advance_to(Timestamp now) {
    if (detail::in_range(now)) ends_ = sessions_.timeouts_until(snapshot_, now);
    const Verdict verdict = apply(snapshot_, now, Gather{*this, detail::absent});
    sessions_.pass(snapshot_);
    commit();
    return verdict;
  }

  Dispatched fold(const PresenceEventView& event) {
    const detail::Root* const root = detail::SnapshotReader::read(snapshot_);
    const bool may_move = options_.keep_order_of_frame && root != nullptr && detail::in_range(event.at);
    const detail::RowView row = may_move ? root->table.find(event.user) : nullptr;
    Dispatched done = rejected(event, Verdict::unchanged);
    if (row != nullptr) {
      const detail::FrameOrder order = order_of(event, row, *root);
      if (order.is_split()) {
        done.verdict = fold_split(event, order);
        if (accepted(done.verdict)) {
          done.at = order.at;
          done.status_at = order.status_at;
        }
        return done;
      }
      if (order.at != event.at) {
        const Gather gather{*this, order.at};
        if (event.type == EventType::report) moved_reports_.note(event.user, event.at, order.at);
        PresenceEventView moved = detail::moved_to(event, order.at);
        const Verdict form = detail::judge_form(event, snapshot_.rules());
        moved.at = event.at;
        done.verdict = accepted(form) ? detail::apply_moved(snapshot_, moved, order.at, gather) : form;
        if (accepted(done.verdict)) done.at = done.status_at = order.at;
        return done;
      }
    }
    done.verdict = apply(snapshot_, event, Gather{*this, event.at});
    return done;
  }

  detail::FrameOrder order_of(const PresenceEventView& event, const detail::RowView& row,
                              const detail::Root& root) const {
    const Timestamp moved =
        event.type == EventType::report ? moved_reports_.moved_from(event.user, event.at) : detail::absent;
    // Forgotten data must not affect the order, whether or not it has been dropped yet.
    if (root.rules.forget_after == Duration::highest()) return detail::FrameOrder(event, row.registers(), moved);
    return detail::FrameOrder(event, detail::normal_form_of(row, root.now, root.rules), moved);
  }

  /// Applies an event of an invisible user: its status text at one timestamp, and the rest at another. No other user
  /// sees the rest. Applies both parts or neither.
  PRESENCE_DETAIL_RARE Verdict fold_split(const PresenceEventView& event, const detail::FrameOrder& order) {
    const Verdict form = detail::judge_form(event, snapshot_.rules());
    if (!accepted(form)) return form;
    PresenceEventView rest = detail::moved_to(event, order.at), text = detail::moved_to(event, order.status_at);
    rest.at = text.at = event.at;
    rest.status = std::nullopt;
    text.type = EventType::set_status;
    Snapshot after = snapshot_;
    const detail::NoCallback no_callback;
    const Verdict of_rest = detail::apply_moved(after, rest, order.at, no_callback);
    if (!accepted(of_rest)) return of_rest;
    const Gather gather{*this, order.status_at};
    const Verdict of_text = detail::apply_moved(after, text, order.status_at, gather);
    if (!accepted(of_text)) return of_text;
    snapshot_ = std::move(after);
    return of_text == Verdict::unchanged ? of_rest : of_text;
  }

  /// The latest report of each user that was moved behind another one with the same timestamp. Usually there are none;
  /// kept for a limited number of users.
  class MovedReports {
   public:
    explicit MovedReports(std::uint64_t seed) : all_(seed) {}
    Timestamp moved_from(std::string_view user, Timestamp at) const noexcept {
      const std::uint32_t number = all_.size() == 0 ? Channels::none : all_.find(user);
      return number != Channels::none && all_[number].from == at ? all_[number].to : detail::absent;
    }
    PRESENCE_DETAIL_RARE void note(std::string_view user, Timestamp from, Timestamp to) {
      if (all_.size() >= max_users && all_.find(user) == Channels::none) all_.clear();
      all_[all_.add(user)] = Moved{from, to};
    }

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
  PRESENCE_DETAIL_RARE bool renew(Viewer viewer) {
    if (viewer.session().empty()) return true;
    sessions_.start(snapshot_);
    end_watches_of(viewer);
    return !detail::SessionTracker::has_ended(snapshot_, viewer.id(), viewer.session());
  }
  /// Ends the watches of a session that has ended, if that has not been done.
  PRESENCE_DETAIL_RARE void end_watches_of(Viewer viewer) {
    const std::uint32_t number = ending_.find(viewer);
    if (number == Channels::none) return;
    ending_.erase(number);
    watches_.unwatch(viewer);
    rooms_.forget_ended(viewer);
  }

  // Delivering.

  /// Queues what was gathered, in the order of time. At one timestamp, sessions end before users change.
  void commit() {
    dates_.pass(detail::SnapshotReader::now(snapshot_));
    if (gathered_.empty() && ends_.empty()) return;
    detail::sort(ends_, [this](const SessionEnded& a, const SessionEnded& b) {
      const Timestamp first = time_of(a), second = time_of(b);
      if (first != second) return first < second;
      if (a.at != b.at) return a.at < b.at;
      return a.user != b.user ? a.user < b.user : a.session < b.session;
    });
    std::size_t ended = 0;
    std::vector<Leaving> leaving;
    const auto queue_ends_up_to = [&](Timestamp time) {
      for (; ended < ends_.size() && time_of(ends_[ended]) <= time; ++ended) {
        leave_rooms_before(time_of(ends_[ended]), leaving);
        queue(std::move(ends_[ended]), leaving);
      }
    };
    for (Gathered& gathered : gathered_) {
      queue_ends_up_to(gathered.time);
      leave_rooms_before(gathered.time, leaving);
      queue(std::move(gathered));
    }
    queue_ends_up_to(detail::never);
    leave_rooms(leaving);
    gathered_.clear();
    ends_.clear();
  }
  /// The same for changes that were dated by their causes, in the order of (date, id).
  void commit_by_date() {
    detail::sort(gathered_, [](const Gathered& a, const Gathered& b) {
      return a.change.at != b.change.at ? a.change.at < b.change.at : a.change.id < b.change.id;
    });
    commit();
  }
  PRESENCE_DETAIL_APART void queue(Gathered&& gathered) {
    const bool is_online = gathered.change.after && gathered.change.after->online;
    const std::string id = gathered.change.id;
    const Timestamp at = gathered.change.at, time = gathered.time;
    Pending pending;
    pending.change = std::move(gathered.change);
    pending.number = watches_.now_++;
    pending.version = watches_.version_;
    pending.time = time;
    queue(std::move(pending));
    rooms_.set_online(id, is_online, RoomChanges{*this, at, time});
  }
  /// If memory runs out, nothing is queued.
  void queue(Pending&& pending) { queue(std::move(pending), pending_); }
  PRESENCE_DETAIL_APART void queue(Pending&& pending, std::vector<Pending>& all) {
    detail::reserve_one(all);
    if (pending.kind == detail::NoticeKind::presence_changed) watches_.begin_waiting(pending.change.id);
    all.push_back(std::move(pending));
  }
  /// Returns the time of the store at which a session ended. Its own timestamp may be that of a client.
  Timestamp time_of(const SessionEnded& ended) const noexcept {
    return ended.reason == SessionEndReason::timed_out ? ended.at : detail::SnapshotReader::now(snapshot_);
  }
  PRESENCE_DETAIL_APART void queue(SessionEnded&& ended, std::vector<Leaving>& leaving) {
    // Its watches end when this is delivered, after the earlier notices.
    Leaving left(Viewer(ended.user, ended.session), watches_.now_, ended.at, time_of(ended));
    Pending pending;
    pending.kind = detail::NoticeKind::session_ended;
    pending.number = watches_.now_++;
    pending.time = left.time;
    const Viewer viewer = left.owner.viewer();
    if (watches_.viewers_.find(viewer) != Channels::none || rooms_.has(viewer))
      ending_[ending_.add(viewer)] = pending.number;
    pending.ended = std::move(ended);
    queue(std::move(pending));
    leaving.push_back(std::move(left));
  }
  PRESENCE_DETAIL_APART void leave_rooms_before(Timestamp time, std::vector<Leaving>& leaving) {
    if (!leaving.empty() && leaving.back().time < time) leave_rooms(leaving);
  }
  /// Others see that the sessions left their channels, after the changes of their users at the same time.
  PRESENCE_DETAIL_RARE void leave_rooms(std::vector<Leaving>& leaving) {
    for (const Leaving& left : leaving)
      rooms_.end(left.owner.viewer(), left.number, RoomChanges{*this, left.at, left.time});
    leaving.clear();
  }

  PRESENCE_DETAIL_RARE Subscription listen(detail::Listeners& all, detail::Listener::Place place,
                                           detail::NoticeKind kind, detail::Listener::Notify&& notify, Viewer viewer,
                                           const DeliveryOptions& options) {
    auto listener = detail::Shared<detail::Listener>::make(std::move(notify));
    detail::Listener& made = listener.change();
    made.store = this;
    made.number = ++listener_changes_;
    made.since = watches_.now_;
    made.kind = kind;
    made.place = place;
    made.options = options;
    made.user = std::string(viewer.id());
    made.session = std::string(viewer.session());
    if (is_of_room(kind)) ++room_listeners_;
    if (wants_minor(made)) {
      if (place == detail::Listener::Place::deliveries) {
        ++minor_deliveries_;
      } else {
        ++minor_viewers_[minor_viewers_.add(viewer)];
      }
    }
    all.push_back(listener);
    return Subscription(std::move(listener));
  }
  static bool is_of_room(detail::NoticeKind kind) noexcept {
    return kind == detail::NoticeKind::watching_started || kind == detail::NoticeKind::watching_stopped;
  }
  static bool wants_minor(const detail::Listener& listener) noexcept {
    return listener.options.last_active_alone && listener.kind == detail::NoticeKind::presence_changed &&
           listener.place != detail::Listener::Place::every_change;
  }

  /// Removes a listener that has ended.
  PRESENCE_DETAIL_RARE void forget(const detail::Listener& listener) noexcept {
    ++listener_changes_;
    if (!listener.coalescer.empty()) {
      listener.coalescer.each_user([this](const std::string& user) { watches_.end_waiting(user); });
      remove_from(coalescing_, listener);
    }
    const bool is_minor = wants_minor(listener);
    if (is_of_room(listener.kind)) --room_listeners_;
    switch (listener.place) {
      case detail::Listener::Place::every_change: remove_from(every_change_, listener); return;
      case detail::Listener::Place::session_ends: remove_from(session_ends_, listener); return;
      case detail::Listener::Place::deliveries:
        if (is_minor) --minor_deliveries_;
        remove_from(deliveries_, listener);
        return;
      default: break;
    }
    if (is_minor) {
      const std::uint32_t viewer = minor_viewers_.find(listener.viewer());
      if (--minor_viewers_[viewer] == 0) minor_viewers_.erase(viewer);
    }
    const std::uint32_t number = listeners_.find(listener.viewer());
    detail::Listeners& all = listeners_[number];
    if (all.size() > 1) {
      remove_from(all, listener);
      return;
    }
    const detail::Shared<detail::Listener> kept = std::move(all.front());  // valid until the end
    listeners_.erase(number);
  }
  PRESENCE_DETAIL_RARE static void remove_from(detail::Listeners& all, const detail::Listener& listener) noexcept {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].get() != &listener) continue;
      // This may be the last owner, and `listener` must stay valid until the end.
      const detail::Shared<detail::Listener> kept = std::move(all[i]);
      all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
      return;
    }
  }

  /// Delivers all pending changes, unless a delivery is already in progress.
  void deliver() {
    if (is_delivering_ || (notified_ == pending_.size() && !notifying_.is_open && coalescing_.empty() &&
                           coalesced_next_ == coalesced_.size()))
      return;
    struct Guard {
      Store& store;
      ~Guard() {
        store.drop_delivered(store.pending_, store.notified_);
        store.drop_delivered(store.coalesced_, store.coalesced_next_);
        store.is_delivering_ = false;
      }
    } guard{*this};
    is_delivering_ = true;
    for (;;) {
      if (!notifying_.is_open) {
        const bool is_last = notified_ == pending_.size();
        if (coalesced_next_ == coalesced_.size() && !coalescing_.empty())
          take_coalesced(is_last ? detail::SnapshotReader::now(snapshot_) : pending_[notified_].time);
        if (coalesced_next_ != coalesced_.size()) {
          begin_notifying(std::move(coalesced_[coalesced_next_++]));
        } else if (is_last) {
          return;
        } else {
          begin_notifying(std::move(pending_[notified_++]));
        }
      }
      for (;; ++notifying_.turn, notifying_.last = 0) {
        if (notifying_.turn > 0) find_recipients_once();
        if (notifying_.turn >= notifying_.recipients.size() + 2) break;
        notify_in_turn();
      }
      end_notifying();
    }
  }
  /// Drops the notices that were taken, when they are at least half of all.
  static void drop_delivered(std::vector<Pending>& all, std::size_t& taken) noexcept {
    if (2 * taken < all.size()) return;
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(taken));
    taken = 0;
  }

  /// Moves the first coalesced changes whose deadline is not after `to`, and that a viewer receives, to the queue.
  /// `never`: all of them.
  PRESENCE_DETAIL_RARE void take_coalesced(Timestamp to) {
    do {
      const detail::Shared<detail::Listener>* first = nullptr;
      for (const detail::Shared<detail::Listener>& listener : coalescing_) {
        if (first == nullptr || listener->coalescer.next_due() < (*first)->coalescer.next_due()) first = &listener;
      }
      if (first == nullptr || (*first)->coalescer.next_due() > to) return;
      const detail::Shared<detail::Listener> receiver = *first;
      const detail::CoalescedChanges all = receiver->coalescer.take();
      if (receiver->coalescer.empty()) remove_from(coalescing_, *receiver);
      queue_coalesced(receiver, all);
      watches_.end_waiting(all.parts.back().change.id);
    } while (to == detail::never || coalesced_next_ == coalesced_.size());
  }
  /// Viewers who have watched since different parts receive different changes.
  PRESENCE_DETAIL_RARE void queue_coalesced(const detail::Shared<detail::Listener>& receiver,
                                            const detail::CoalescedChanges& all) {
    for (std::size_t i = 0; i < all.parts.size(); ++i) {
      Pending pending;
      pending.change = all.from(i);
      if (pending.change.before == pending.change.after) continue;
      if ((detail::parts_of(pending.change) & detail::parts_wanted(receiver->options)) == 0) continue;
      pending.number = all.parts[i].number;
      pending.first_since = i == 0 ? 0 : all.parts[i - 1].number + 1;
      pending.receiver = receiver;
      queue(std::move(pending), coalesced_);
    }
  }

  PRESENCE_DETAIL_APART void begin_notifying(Pending&& pending) {
    notifying_.pending = std::move(pending);
    notifying_.parts = notifying_.pending.parts();
    notifying_.turn = 0;
    notifying_.last = 0;
    if (notifying_.pending.kind == detail::NoticeKind::session_ended) {
      const Viewer viewer(notifying_.pending.ended.user, notifying_.pending.ended.session);
      const std::uint32_t number = ending_.find(viewer);
      if (number != Channels::none && ending_[number] == notifying_.pending.number) end_watches_of(viewer);
    }
    notifying_.recipients.clear();
    notifying_.has_recipients = false;
    notifying_.is_open = true;
  }
  /// After the on_change callbacks: `may_see` may throw, and then everything else is still to be delivered.
  void find_recipients_once() {
    if (!notifying_.has_recipients) find_recipients();
  }
  PRESENCE_DETAIL_APART void find_recipients() {
    notifying_.recipients.clear();
    recipients_of(notifying_.pending, notifying_.recipients);
    notifying_.version = watches_.version_;
    notifying_.has_recipients = true;
  }
  void end_notifying() noexcept {
    notifying_.is_open = false;
    if (notifying_.pending.kind == detail::NoticeKind::presence_changed)
      watches_.end_waiting(notifying_.pending.change.id);
    notifying_.pending.former = {};
    notifying_.pending.receiver = {};
  }
  const Watches& watches_for(const Pending& pending) const noexcept {
    return pending.former ? pending.former->watches : watches_;
  }
  const detail::Rooms& rooms_for(const Pending& pending) const noexcept {
    return pending.former ? pending.former->rooms : rooms_;
  }
  void recipients_of(const Pending& pending, Viewers& recipients) const {
    switch (pending.kind) {
      case detail::NoticeKind::presence_changed: watchers_of(pending, recipients); return;
      case detail::NoticeKind::watching_started:
        room_of(pending, pending.started.user, pending.started.cid, recipients);
        return;
      case detail::NoticeKind::watching_stopped:
        room_of(pending, pending.stopped.user, pending.stopped.cid, recipients);
        return;
      default: return;
    }
  }
  PRESENCE_DETAIL_APART void room_of(const Pending& pending, std::string_view user, std::string_view cid,
                                     Viewers& recipients) const {
    rooms_for(pending).each_viewer_in(cid, pending.number, [&](Viewer viewer) {
      if (viewer.id() != user && options_.may_see(viewer, user)) recipients.add(viewer);
    });
  }
  PRESENCE_DETAIL_APART void watchers_of(const Pending& pending, Viewers& recipients) const {
    const Watches& watches = watches_for(pending);
    const std::uint32_t user = watches.users_.find(pending.change.id);
    if (user == Channels::none) return;
    const auto add = [&](std::uint32_t v, std::uint64_t since) {
      if (since > pending.number || since < pending.first_since) return;
      const Viewer viewer = watches.viewers_.viewer_of(v);
      if (options_.may_see(viewer, pending.change.id)) recipients.add(viewer);
    };
    const auto add_one = [&](Viewer viewer) {
      const std::uint32_t v = watches.viewers_.find(viewer);
      if (v != Channels::none) add(v, watches.since_of(user, v));
    };
    if (pending.receiver && pending.receiver->place == detail::Listener::Place::of_viewer) {
      add_one(pending.receiver->viewer());
    } else if (pending.is_minor() && minor_deliveries_ == 0 && !pending.receiver &&
               minor_viewers_.size() <= watches.watches_of(user)) {
      std::vector<std::uint32_t> viewers;
      for (auto it = minor_viewers_.begin(); it != minor_viewers_.end(); ++it) {
        const std::uint32_t v = watches.viewers_.find(minor_viewers_.viewer_of(it.number()));
        if (v != Channels::none) viewers.push_back(v);
      }
      detail::sort(viewers, [](std::uint32_t a, std::uint32_t b) { return a < b; });
      for (const std::uint32_t v : viewers) add(v, watches.since_of(user, v));
    } else {
      for (const Watches::Follower& watcher : watches.watchers_of(user)) add(watcher.viewer, watcher.since);
    }
  }

  /// Calls the listeners whose turn it is, in the order in which they subscribed. A callback may change the listeners
  /// or the watches; the listeners are then looked up again.
  PRESENCE_DETAIL_APART void notify_in_turn() {
    const Pending& pending = notifying_.pending;
    if (pending.receiver) {
      find_recipients_once();
      if (notifying_.turn != 0 || notifying_.last != 0 || notifying_.recipients.size() == 0 ||
          pending.receiver->store == nullptr)
        return;
      const detail::Shared<detail::Listener> listener = pending.receiver;
      notifying_.last = listener->number;
      ++stats_.notifications;
      listener->notify(pending.notice(), notifying_.recipients);
      return;
    }
    const Viewer viewer = notifying_.turn < 2 ? nobody : notifying_.recipients[notifying_.turn - 2];
    const detail::Listeners* all = nullptr;
    std::size_t next = 0;
    for (bool is_stale = true;;) {
      if (is_stale) {
        if (notifying_.turn == 1 && notifying_.version != watches_.version_) find_recipients();
        all = listeners_in_turn(viewer);
        if (all == nullptr) return;
        const auto first = detail::partition_point(
            all->begin(), all->end(), [this](const auto& listener) { return listener->number <= notifying_.last; });
        next = static_cast<std::size_t>(first - all->begin());
        is_stale = false;
      }
      if (next == all->size()) return;
      const detail::Shared<detail::Listener> listener = (*all)[next++];  // keeps it alive until its call has returned
      notifying_.last = listener->number;
      if (pending.number < listener->since || pending.kind != listener->kind) continue;
      if (notifying_.turn > 0 && (notifying_.parts & detail::parts_wanted(listener->options)) == 0) continue;
      if (listener->options.coalesce > Duration() && pending.kind == detail::NoticeKind::presence_changed &&
          !pending.former) {
        detail::reserve_one(coalescing_);
        const Timestamp due = pending.time + listener->options.coalesce;
        const bool was_empty = listener->coalescer.empty();
        const bool is_first = listener->coalescer.add(pending.change, pending.number, pending.version, due);
        if (was_empty) coalescing_.push_back(listener);
        if (is_first) watches_.begin_waiting(pending.change.id);
        continue;
      }
      const std::uint64_t changes = listener_changes_ + watches_.version_;
      ++stats_.notifications;
      listener->notify(pending.notice(), notifying_.recipients);
      is_stale = changes != listener_changes_ + watches_.version_;
    }
  }
  const detail::Listeners* listeners_in_turn(Viewer viewer) const {
    if (notifying_.turn == 0) {
      switch (notifying_.pending.kind) {
        case detail::NoticeKind::presence_changed: return &every_change_;
        case detail::NoticeKind::session_ended: return &session_ends_;
        default: return nullptr;
      }
    }
    if (notifying_.turn == 1) return notifying_.recipients.size() == 0 ? nullptr : &deliveries_;
    return still_receives(viewer) ? listeners_of(viewer) : nullptr;
  }

  /// Returns whether the viewer still watches the user or the channel: a callback may have ended the watch.
  bool still_receives(Viewer viewer) const {
    const Pending& pending = notifying_.pending;
    if (pending.former) return true;
    if (pending.kind == detail::NoticeKind::watching_started)
      return rooms_.was_in(viewer, pending.started.cid, pending.number);
    if (pending.kind == detail::NoticeKind::watching_stopped)
      return rooms_.was_in(viewer, pending.stopped.cid, pending.number);
    if (watches_.version_ == notifying_.version) return true;
    const std::uint32_t v = watches_.viewers_.find(viewer), user = watches_.users_.find(pending.change.id);
    return v != Channels::none && user != Channels::none && watches_.since_of(user, v) <= pending.number;
  }
  const detail::Listeners* listeners_of(Viewer viewer) const noexcept {
    const std::uint32_t number = listeners_.find(viewer);
    return number == Channels::none ? nullptr : &listeners_[number];
  }

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

inline void Subscription::reset() noexcept {
  if (!listener_) return;
  const detail::Shared<detail::Listener> ended = std::move(listener_);
  if (Store* const store = std::exchange(ended->store, nullptr)) store->forget(*ended);
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_STORE_HPP
