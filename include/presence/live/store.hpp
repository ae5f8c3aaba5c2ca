// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_STORE_HPP
#define PRESENCE_LIVE_STORE_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/base/detail/id_map.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/base/result.hpp>
#include <presence/live/detail/frame_order.hpp>
#include <presence/live/watches.hpp>
#include <presence/model/channel.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/user.hpp>
#include <presence/query/query.hpp>
#include <presence/state/merge.hpp>
#include <presence/state/reduce.hpp>
#include <presence/state/reports.hpp>
#include <presence/state/snapshot.hpp>

#include <cstddef>      // for size_t, ptrdiff_t
#include <cstdint>      // for uint32_t, uint64_t
#include <optional>     // for optional, nullopt
#include <string>       // for string
#include <string_view>  // for string_view
#include <type_traits>  // for enable_if, is_invocable, is_same
#include <utility>      // for exchange, forward, move, swap
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {

class Store;

/// The viewers who are notified about a change. Owns their ids, so a copy may be kept. The object that a Store passes
/// to a callback is valid until that callback returns.
class Viewers {
 public:
  /// A minimal iterator for range-based for loops.
  class const_iterator {
   public:
    /// Points to the viewer at the index.
    const_iterator(const Viewers& all, std::size_t at) noexcept : all_(&all), at_(at) {}
    const_iterator(const Viewers&&, std::size_t) = delete;
    Viewer operator*() const noexcept { return (*all_)[at_]; }  ///< borrows from the Viewers
    /// Moves to the next viewer.
    const_iterator& operator++() noexcept {
      ++at_;
      return *this;
    }
    friend bool operator!=(const const_iterator& a, const const_iterator& b) noexcept { return a.at_ != b.at_; }

   private:
    const Viewers* all_;
    std::size_t at_;
  };

  /// @{
  /// Each viewer once, in the order in which they are notified. They borrow their ids. Valid until this object is
  /// modified or destroyed. A temporary is rejected.
  std::size_t size() const noexcept { return ends_.size(); }
  Viewer operator[](std::size_t i) const& noexcept {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return Viewer(std::string_view(ids_).substr(begin, ends_[i] - begin));
  }
  const_iterator begin() const& noexcept { return const_iterator(*this, 0); }
  const_iterator end() const& noexcept { return const_iterator(*this, size()); }
  Viewer operator[](std::size_t) const&& = delete;
  const_iterator begin() const&& = delete;
  const_iterator end() const&& = delete;
  /// @}

 private:
  friend class Store;
  void clear() noexcept {
    ids_.clear();
    ends_.clear();
  }
  void add(Viewer viewer) {
    ids_ += viewer.id();
    ends_.push_back(ids_.size());
  }

  std::string ids_;  // concatenated
  std::vector<std::size_t> ends_;
};

namespace detail {

/// A callback of a Store. Shared by the Store and the Subscription that may end it.
struct Listener {
  using Notify = Callback<const UserPresenceChanged&, const Viewers&>;

  OwnerCount owners;
  mutable Store* store;  // null if ended
  std::uint64_t number;  // in the order of subscribing
  std::uint64_t since;   // changes with smaller numbers are not delivered to it
  bool wants_last_active;
  bool receives_all;   // the deliveries to all viewers
  std::string viewer;  // or only those to this viewer
  Notify notify;

  Listener(Store& of, std::uint64_t its_number, std::uint64_t from, bool last_active, std::optional<Viewer> receiver,
           Notify&& fn)
      : store(&of),
        number(its_number),
        since(from),
        wants_last_active(last_active),
        receives_all(!receiver),
        viewer(receiver ? receiver->id() : std::string_view()),
        notify(std::move(fn)) {}
};
using Listeners = std::vector<Shared<Listener>>;

}  // namespace detail

/// Owns a callback registration. Destroying it unsubscribes. It may outlive the Store. It may end inside any callback,
/// including its own.
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
  inline void reset() noexcept;
  /// Returns whether the callback may still be called.
  bool is_active() const noexcept { return listener_ && listener_->store != nullptr; }

 private:
  friend class Store;
  explicit Subscription(detail::Shared<detail::Listener> listener) noexcept : listener_(std::move(listener)) {}
  detail::Shared<detail::Listener> listener_;
};

/// Which changes a subscription receives.
struct DeliveryOptions {
  bool last_active_alone = false;  ///< also changes in which only last_active differs, one per last_active_refresh
};

/// What a Store does beyond applying events to a snapshot.
struct StoreOptions {
  /// If true, events of one user that carry the same timestamp take effect in call order. A later call that would
  /// otherwise take effect before an earlier one, or not at all, is moved 1 ns behind it.
  ///
  /// Timestamps less than 1 microsecond apart belong to one frame and count as the same. An event that is older by
  /// 1 microsecond or more is late and is not moved. An event is accepted or rejected by its original timestamp, so
  /// moving never makes it too early. Moving does not advance the time.
  ///
  /// What an invisible user does never moves anything that others see:
  /// - Their events in the frame in which they went invisible take effect after that change.
  /// - Their earlier connects and heartbeats are not moved by what they did since.
  /// - Their statuses are ordered only among themselves.
  bool keep_order_of_frame = true;
  WatchLimits limits;  ///< limits the users of one watch
};

/// A channel to watch. It is created if it does not exist.
struct WatchChannel {
  std::string type;                  ///< the type of the Channel: not empty, without a colon
  std::string id;                    ///< not empty
  std::vector<std::string> members;  ///< of the channel if it is created
  bool presence = false;             ///< the viewer is notified about its members from now on
};

/// The presence, the channels, the watches and the callbacks of one process. The only object of the library that has
/// identity. Not thread-safe: only one thread may use it at a time.
///
/// Each viewer is notified about each change once, in the order of the changes. They must have watched the user when
/// the change happened, and still watch the user. Changes describe what all other users see, so no viewer is notified
/// about what an invisible user does.
///
/// Changes are delivered at the end of the call that caused them. The order for one change is:
/// 1. the `on_delivery` callbacks;
/// 2. the viewers, in the order in which they first watched anything (a new viewer may take the place of one who ended
///    all their watches);
/// 3. for each viewer, their subscriptions in the order in which they were made.
///
/// A callback may do anything to the store but destroy it. Events that it dispatches take effect at once. The changes
/// that they cause are delivered after all earlier changes: callbacks never run inside each other. If a callback
/// throws, it counts as called; the next call that delivers calls the remaining ones.
///
/// @code
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// Store store;
/// store.watch(WatchChannel{"match", "eu-17", {"john", "mary"}, true}, Viewer("john"));
/// std::string shown;
/// const Subscription subscription = store.subscribe<UserPresenceChanged>(
///     Viewer("john"),
///     [&](const UserPresenceChanged& change) { shown += change.id + (change.after->online ? "+" : "-"); });
///
/// store.dispatch(PresenceEvent::connect("mary", "console", now));
/// store.dispatch(PresenceEvent::connect("jack", "phone", now));  // john does not watch jack
/// assert(shown == "mary+");
/// store.advance(now + Duration::from_s(60));  // once a frame: mary was silent for too long
/// assert(shown == "mary+mary-");
/// @endcode
class Store {
 public:
  /// @{
  /// Creates a store without users, or one with the users and the rules of a snapshot.
  explicit Store(const Rules& rules = {}, const StoreOptions& options = {}) : Store(Snapshot(rules), options) {}
  explicit Store(Snapshot snapshot, const StoreOptions& options = {})
      : options_(options),
        snapshot_(std::move(snapshot)),
        channels_(snapshot_.rules().hash_seed),
        watches_(options.limits, snapshot_.rules().hash_seed),
        listeners_(snapshot_.rules().hash_seed) {}
  /// @}
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store() {
    for (const detail::Listeners& all : listeners_) end(all);
    end(deliveries_);
  }

  /// Applies an event.
  Verdict dispatch(const PresenceEventView& event) {
    const Verdict verdict = fold(event);
    deliver();
    return verdict;
  }
  /// The same for an event that owns its strings. It may be a temporary.
  template <class Event = PresenceEvent, class = detail::EnableIfOwningEvent<Event>>
  Verdict dispatch(const Event& event) {
    return dispatch(PresenceEventView(event));
  }
  /// Applies the events of a range one after the other, then delivers the changes. Without `keep_order_of_frame`, it is
  /// as fast as `apply` of the range.
  template <class It, class = detail::EnableIfIterator<It>>
  Tally dispatch(It first, It last) {
    Tally tally;
    if (options_.keep_order_of_frame) {
      for (; first != last; ++first) {
        auto&& event = *first;
        tally.count(fold(PresenceEventView(event)));
      }
    } else {
      tally = apply(snapshot_, first, last, Gather{*this});
    }
    deliver();
    return tally;
  }
  /// Advances the time to `now`.
  Verdict advance(Timestamp now) {
    const Verdict verdict = apply(snapshot_, now, Gather{*this});
    deliver();
    return verdict;
  }
  /// Applies a server's full list; see presence::resync.
  template <class It>
  Tally resync(It first, It last, Timestamp as_of) {
    // A list from the frame in which the connection was lost must still count as later than the forgotten reports.
    const Timestamp behind = forgotten_ + Duration::from_ns(1);
    const bool is_moved = options_.keep_order_of_frame && forgotten_ >= as_of &&
                          forgotten_ < as_of + detail::one_frame && detail::in_range(behind);
    const Gather gather{*this};
    const Tally tally = detail::resync_moved(snapshot_, first, last, as_of, is_moved ? behind : as_of, gather);
    deliver();
    return tally;
  }
  /// Merges a snapshot that another node sent, as `apply_delta` does. Advances to `now`, the host's own clock, if that
  /// is later; never to the other node's time. A node that reconciles a copy of its snapshot with another node merges
  /// the result into its store with this call. O(changes).
  ///
  /// Returns an Error, and changes nothing, in these cases:
  /// - `too_early`: the other snapshot is dated too late, or contains data that is dated too late and is not known here
  ///   already; see `apply_delta`.
  /// - `out_of_range`: `now` is at either end of the range.
  std::optional<Error> merge(const Snapshot& other, Timestamp now) {
    if (const std::optional<Error> error = detail::wrong_now(now)) return error;
    const Gather gather{*this};
    if (!detail::merge_from_peer(snapshot_, other, now, detail::dates_at(now, snapshot_), gather))
      return Error{ErrorCode::too_early, 0, "the other node has a timestamp too far in the future"};
    deliver();
    return std::nullopt;
  }
  /// For a client that lost its own connection. Forgets the reports of online, and delivers the changes as usual. Then
  /// ends all watches, as the server does. Pending changes are delivered to the viewers who watched until now.
  /// Subscriptions stay. After the client has reconnected, query or watch again, and call `resync`.
  void connection_lost() {
    forget_reports_in(snapshot_, Gather{*this});
    if (const detail::Root* const root = detail::SnapshotReader::read(snapshot_)) {
      for (const detail::RowView row : root->table)
        forgotten_ = detail::later(forgotten_, row.registers().forgotten_up_to());
    }
    // The changes are delivered after the watches have ended, so their viewers are stored now.
    for (std::size_t i = notified_; i < pending_.size(); ++i) {
      if (pending_[i].is_farewell) continue;
      pending_[i].is_farewell = true;
      recipients_of(pending_[i], pending_[i].viewers);
    }
    watches_.clear();
    deliver();
  }

  /// Returns a copy of the snapshot. O(1).
  Snapshot snapshot() const noexcept { return snapshot_; }
  /// Returns the next time at which `advance` has something to do; see Snapshot::next_deadline.
  std::optional<Timestamp> next_deadline() const noexcept { return snapshot_.next_deadline(); }
  /// @{
  /// Returns which viewers currently watch which users. Borrowed from the store, and changes with it. For a temporary
  /// store, returns a copy.
  const Watches& watches() const& noexcept { return watches_; }
  Watches watches() const&& { return watches_; }
  /// @}

  /// Adds a channel or replaces it. Viewers who follow it are notified about its new members, and no longer about
  /// members who left. Returns an Error, and changes nothing, if its type or id is empty or its type has a colon.
  std::optional<Error> put(Channel channel) {
    if (const std::optional<Error> error = wrong_name(channel.type, channel.id)) return error;
    watches_.update(channel);
    const std::uint32_t number = channels_.add(channel.cid());
    channels_[number] = std::move(channel);
    return std::nullopt;
  }
  /// Removes a channel and ends all watches of it.
  void remove_channel(std::string_view cid) {
    const std::uint32_t number = channels_.find(cid);
    if (number == Channels::none) return;
    watches_.remove_channel(cid);
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
  std::vector<User> query_users(const UserQuery& asked, Viewer viewer) {
    std::vector<User> users = query(snapshot_, asked, viewer);
    if (asked.presence) {
      std::vector<std::string_view> ids;
      for (const User& user : users) ids.push_back(user.id);
      watches_.watch_users(viewer, ids);
    }
    return users;
  }
  /// Returns a page of channels. Channels with the same id are sorted by type. With `presence`, the viewer is notified
  /// about their current members.
  std::vector<Channel> query_channels(const ChannelQuery& asked, Viewer viewer) {
    ChannelQuery whole = asked;
    whole.sort.push_back(SortKey{"id", Order::ascending});
    whole.sort.push_back(SortKey{"type", Order::ascending});
    std::vector<Channel> page;
    for (const Channel* channel : query(channels_, whole)) page.push_back(*channel);
    if (asked.presence) {
      for (const Channel& channel : page) watches_.watch_members(viewer, channel);
    }
    return page;
  }
  /// Returns the channel, and creates it if it does not exist. With `presence`, the viewer is notified about its
  /// members, and follows later joins and leaves. Returns an Error for the same reasons as `put`.
  Result<Channel> watch(const WatchChannel& asked, Viewer viewer) {
    if (const std::optional<Error> error = wrong_name(asked.type, asked.id)) return *error;
    Channel channel;
    channel.type = asked.type;
    channel.id = asked.id;
    if (const Channel* const known = find_channel(channel.cid())) {
      channel = *known;
      if (asked.presence) watches_.watch_channel(viewer, channel);
    } else {
      channel.members = asked.members;
      const std::string id(viewer.id());  // a copy: the id may lie in a channel that moves when one is added
      put(channel);
      if (asked.presence) watches_.watch_channel(Viewer(id), channel);
    }
    return channel;
  }
  /// @{
  /// Ends the viewer's watches of one channel, or all their watches. Nothing more is delivered because of these
  /// watches. Earlier deliveries remain valid.
  void unwatch(Viewer viewer, std::string_view cid) { watches_.unwatch(viewer, cid); }
  void unwatch(Viewer viewer) { watches_.unwatch(viewer); }
  /// @}

  /// Calls `fn(const UserPresenceChanged&)` for each change that the viewer is notified about, from now until the
  /// Subscription ends. A function that takes a `UserPresenceChangedView` receives one.
  template <class Event, class Fn>
  [[nodiscard]] Subscription subscribe(Viewer viewer, Fn fn, const DeliveryOptions& options = {}) {
    static_assert(std::is_same<Event, UserPresenceChanged>::value, "there is no other event to subscribe to");
    auto notify = [kept = std::move(fn)](const UserPresenceChanged& change, const Viewers&) mutable {
      if constexpr (std::is_invocable<Fn&, const UserPresenceChanged&>::value) {
        kept(change);
      } else {
        kept(view_of(change));
      }
    };
    const std::uint32_t number = listeners_.add(viewer.id());
    return listen(listeners_[number], viewer, detail::Listener::Notify::of(std::move(notify)), options);
  }

  /// Calls `fn(const UserPresenceChanged&, const Viewers&)` once for each change, with all viewers who are notified
  /// about it. For servers: each change needs to be serialised only once. Not called if there are no such viewers.
  template <class Fn>
  [[nodiscard]] Subscription on_delivery(Fn fn, const DeliveryOptions& options = {}) {
    return listen(deliveries_, std::nullopt, detail::Listener::Notify::of(std::move(fn)), options);
  }

 private:
  friend class Subscription;
  using Channels = detail::IdMap<Channel>;
  struct Pending {
    UserPresenceChanged change;
    std::uint64_t number = 0;
    bool is_farewell = false;
    Viewers viewers;  // set only for a farewell
  };

  /// The progress of the delivery of one change. It lets delivery resume after the callback that threw.
  struct Notifying {
    bool is_open = false;
    bool is_minor = false;  // only last_active changed
    Pending pending;
    Viewers recipients;
    std::uint64_t version = 0;  // of the watches, when `recipients` was filled
    std::size_t turn = 0;       // 0: on_delivery; i: viewer i - 1
    std::uint64_t last = 0;     // number of the last listener called in this turn
  };

  /// An OnChange that stores the changes of watched users.
  struct Gather {
    Store& store;
    void operator()(const UserPresenceChangedView& change) const {
      if (!store.watches_.is_watched(change.id)) return;
      Pending pending;
      pending.change = UserPresenceChanged(change);
      pending.number = store.watches_.now_++;
      store.pending_.push_back(std::move(pending));
    }
  };

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

  static void end(const detail::Listeners& all) noexcept {
    for (const detail::Shared<detail::Listener>& listener : all) listener->store = nullptr;
  }

  Verdict fold(const PresenceEventView& event) {
    const Gather gather{*this};
    const detail::Root* const root = detail::SnapshotReader::read(snapshot_);
    const bool may_move = options_.keep_order_of_frame && root != nullptr && detail::in_range(event.at);
    const detail::RowView row = may_move ? root->table.find(event.user) : nullptr;
    if (row == nullptr) return apply(snapshot_, event, gather);
    const detail::FrameOrder order = order_of(event, row, *root);
    if (order.is_split()) return fold_split(event, order, gather);
    if (order.at == event.at) return apply(snapshot_, event, gather);
    return detail::apply_moved(snapshot_, event, order.at, gather);
  }

  static detail::FrameOrder order_of(const PresenceEventView& event, const detail::RowView& row,
                                     const detail::Root& root) {
    // Forgotten data must not affect the order, whether or not it has been dropped yet.
    if (root.rules.forget_after == Duration::highest()) return detail::FrameOrder(event, row.registers());
    return detail::FrameOrder(event, detail::normal_form_of(row, root.now, root.rules));
  }

  /// Applies an event of an invisible user: its status text at one timestamp, and the rest at another. No other user
  /// sees the rest. Applies both parts or neither.
  Verdict fold_split(const PresenceEventView& event, const detail::FrameOrder& order, const Gather& gather) {
    const Verdict form = detail::judge_form(event, snapshot_.rules());
    if (!accepted(form)) return form;
    PresenceEventView rest = event, text = event;
    rest.status = std::nullopt;
    text.type = EventType::set_status;
    Snapshot after = snapshot_;
    const detail::NoCallback no_callback;
    const Verdict of_rest = detail::apply_moved(after, rest, order.at, no_callback);
    if (!accepted(of_rest)) return of_rest;
    const Verdict of_text = detail::apply_moved(after, text, order.status_at, gather);
    if (!accepted(of_text)) return of_text;
    snapshot_ = std::move(after);
    return of_text == Verdict::unchanged ? of_rest : of_text;
  }

  Subscription listen(detail::Listeners& all, std::optional<Viewer> viewer, detail::Listener::Notify&& notify,
                      const DeliveryOptions& options) {
    auto listener = detail::Shared<detail::Listener>::make(*this, ++listener_changes_, watches_.now_,
                                                           options.last_active_alone, viewer, std::move(notify));
    all.push_back(listener);
    return Subscription(std::move(listener));
  }

  /// Removes a listener that has ended.
  void forget(const detail::Listener& listener) noexcept {
    ++listener_changes_;
    if (listener.receives_all) {
      remove_from(deliveries_, listener);
      return;
    }
    const std::uint32_t number = listeners_.find(listener.viewer);
    remove_from(listeners_[number], listener);
    if (listeners_[number].empty()) listeners_.erase(number);
  }
  static void remove_from(detail::Listeners& all, const detail::Listener& listener) noexcept {
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
    if (is_delivering_ || (pending_.empty() && !notifying_.is_open)) return;
    struct Guard {
      Store& store;
      ~Guard() {
        store.pending_.erase(store.pending_.begin(),
                             store.pending_.begin() + static_cast<std::ptrdiff_t>(store.notified_));
        store.notified_ = 0;
        store.is_delivering_ = false;
      }
    } guard{*this};
    is_delivering_ = true;
    for (;;) {
      if (!notifying_.is_open) {
        if (notified_ == pending_.size()) return;
        begin_notifying(std::move(pending_[notified_++]));
      }
      for (; notifying_.turn <= notifying_.recipients.size(); ++notifying_.turn, notifying_.last = 0) notify_in_turn();
      notifying_.is_open = false;
    }
  }

  void begin_notifying(Pending&& pending) {
    notifying_.pending = std::move(pending);
    const UserPresenceChanged& change = notifying_.pending.change;
    notifying_.is_minor =
        change.before.has_value() == change.after.has_value() && !change.online_changed() && !change.status_changed();
    notifying_.version = watches_.version_;
    notifying_.turn = 0;
    notifying_.last = 0;
    notifying_.recipients.clear();
    if (notifying_.pending.is_farewell) {
      notifying_.recipients = std::move(notifying_.pending.viewers);
    } else {
      recipients_of(notifying_.pending, notifying_.recipients);
    }
    if (notifying_.recipients.size() == 0) notifying_.turn = 1;  // on_delivery is not called either
    notifying_.is_open = true;
  }
  void recipients_of(const Pending& pending, Viewers& recipients) const {
    const std::uint32_t user = watches_.users_.find(pending.change.id);
    if (user == Channels::none) return;
    for (const Watches::Watcher& watcher : watches_.users_[user].watchers) {
      if (pending.number >= watcher.since) recipients.add(Viewer(watches_.viewers_.id_of(watcher.viewer)));
    }
  }

  /// Calls the listeners whose turn it is, in the order in which they subscribed. A callback may change the listeners
  /// or the watches; the listeners are then looked up again.
  void notify_in_turn() {
    const bool is_delivery = notifying_.turn == 0;
    const Viewer viewer = is_delivery ? nobody : notifying_.recipients[notifying_.turn - 1];
    const detail::Listeners* all = nullptr;
    std::size_t next = 0;
    for (bool is_stale = true;;) {
      if (is_stale) {
        if (!is_delivery && !still_receives(viewer)) return;
        all = is_delivery ? &deliveries_ : listeners_of(viewer);
        if (all == nullptr) return;
        const auto first = detail::partition_point(
            all->begin(), all->end(), [this](const auto& listener) { return listener->number <= notifying_.last; });
        next = static_cast<std::size_t>(first - all->begin());
        is_stale = false;
      }
      if (next == all->size()) return;
      const detail::Shared<detail::Listener> listener = (*all)[next++];  // keeps it alive until its call has returned
      notifying_.last = listener->number;
      if (notifying_.pending.number < listener->since || (notifying_.is_minor && !listener->wants_last_active))
        continue;
      const std::uint64_t changes = listener_changes_ + watches_.version_;
      listener->notify(notifying_.pending.change, notifying_.recipients);
      is_stale = changes != listener_changes_ + watches_.version_;
    }
  }

  /// Returns whether the viewer still watches the user: a callback may have ended the watch.
  bool still_receives(Viewer viewer) const noexcept {
    if (watches_.version_ == notifying_.version || notifying_.pending.is_farewell) return true;
    const std::uint32_t v = watches_.viewers_.find(viewer.id()),
                        user = watches_.users_.find(notifying_.pending.change.id);
    const Watches::Watcher* const watcher =
        v == Channels::none || user == Channels::none ? nullptr : watches_.find_watcher(user, v);
    return watcher != nullptr && notifying_.pending.number >= watcher->since;
  }
  const detail::Listeners* listeners_of(Viewer viewer) const noexcept {
    const std::uint32_t number = listeners_.find(viewer.id());
    return number == Channels::none ? nullptr : &listeners_[number];
  }

  StoreOptions options_;
  Snapshot snapshot_;
  Channels channels_;
  Watches watches_;
  detail::IdMap<detail::Listeners> listeners_;  // by viewer
  detail::Listeners deliveries_;
  std::vector<Pending> pending_;
  std::size_t notified_ = 0;  // how many of them have been taken for delivery
  Notifying notifying_;
  Timestamp forgotten_ = detail::absent;  // reports up to here were forgotten when the connection was lost
  std::uint64_t listener_changes_ = 0;
  bool is_delivering_ = false;
};

inline void Subscription::reset() noexcept {
  if (!listener_) return;
  const detail::Shared<detail::Listener> ended = std::move(listener_);
  if (Store* const store = std::exchange(ended->store, nullptr)) store->forget(*ended);
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_STORE_HPP
