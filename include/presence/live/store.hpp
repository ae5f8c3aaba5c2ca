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

/// The viewers who hear of a change. Owns their ids: a copy may be kept. What a Store passes to a callback is valid
/// until that callback returns.
class Viewers {
 public:
  /// Enough of an iterator for a range-for.
  class const_iterator {
   public:
    /// At the one of that index.
    const_iterator(const Viewers& all, std::size_t at) noexcept : all_(&all), at_(at) {}
    const_iterator(const Viewers&&, std::size_t) = delete;
    Viewer operator*() const noexcept { return (*all_)[at_]; }  ///< borrows from all of them
    /// On to the next.
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
  /// Each once, in the order in which they are told. They borrow their ids. Valid until this object is modified or
  /// destroyed: a temporary is refused.
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

  std::string ids_;  // one behind the other
  std::vector<std::size_t> ends_;
};

namespace detail {

/// A callback of a Store, and whoever may end it.
struct Listener {
  using Tell = Callback<const UserPresenceChanged&, const Viewers&>;

  OwnerCount owners;
  mutable Store* store;  // null: ended
  std::uint64_t number;  // in the order of subscribing
  std::uint64_t since;   // what was to be told before is not for this one
  bool wants_last_active;
  bool hears_all;      // deliveries to whomever
  std::string viewer;  // or those to this one
  Tell tell;

  Listener(Store& of, std::uint64_t its_number, std::uint64_t from, bool last_active, std::optional<Viewer> whom,
           Tell&& fn)
      : store(&of),
        number(its_number),
        since(from),
        wants_last_active(last_active),
        hears_all(!whom),
        viewer(whom ? whom->id() : std::string_view()),
        tell(std::move(fn)) {}
};
using Listeners = std::vector<Shared<Listener>>;

}  // namespace detail

/// That a callback is called; ends with its destruction. May outlive the Store, and may end inside any callback, its
/// own too.
class Subscription {
 public:
  /// Of nothing.
  Subscription() noexcept = default;
  /// @{
  /// Leaves one of nothing behind. What was subscribed to before ends.
  Subscription(Subscription&& other) noexcept : listener_(std::move(other.listener_)) {}
  Subscription& operator=(Subscription&& other) noexcept {
    // What ends may own the other one: ends last.
    Subscription taken(std::move(other));
    std::swap(listener_, taken.listener_);
    return *this;
  }
  /// @}
  ~Subscription() { reset(); }

  /// Ends it now.
  inline void reset() noexcept;
  /// Whether the callback may still be called.
  bool is_active() const noexcept { return listener_ && listener_->store != nullptr; }

 private:
  friend class Store;
  explicit Subscription(detail::Shared<detail::Listener> listener) noexcept : listener_(std::move(listener)) {}
  detail::Shared<detail::Listener> listener_;
};

/// What a subscription hears of.
struct DeliveryOptions {
  bool last_active_alone = false;  ///< also of changes of last_active alone, one each last_active_refresh
};

/// How a Store differs from the fold alone.
struct StoreOptions {
  /// If true, events of one user that carry the same timestamp take effect in call order: a later one is moved just
  /// behind what it would otherwise count before, or not at all beside. What is a microsecond older or more is late,
  /// and left as it is. An event is judged by the timestamp that it came with: it is never too early for having been
  /// moved, and moving it passes no time.
  ///
  /// What an invisible user does moves nothing that others see: their events in the frame in which they went invisible
  /// count after that, their earlier connects and heartbeats are not moved by what they did since, and their status
  /// strings are ordered among themselves alone.
  bool keep_order_of_frame = true;
  WatchLimits limits;  ///< of what one watch is about
};

/// A channel to be watched, made if it is not there.
struct WatchChannel {
  std::string type;                  ///< as of a Channel: not empty, without a colon
  std::string id;                    ///< not empty
  std::vector<std::string> members;  ///< of one that is made
  bool presence = false;             ///< the viewer hears about its members from now on
};

/// The one object with identity: the presence, the channels, the watches and the callbacks of one process. For one
/// thread at a time.
///
/// Each viewer hears of each change once, in the order in which things changed, and only of users whom they watched
/// when it happened and watch still. Changes are as everyone else sees them, so nobody hears of what an invisible user
/// does. Deliveries are made at the end of the call that caused them: of one change first `on_delivery`, then the
/// viewers in the order in which they first watched anything (who is new may take the place of one who ended all), of
/// each the subscriptions in the order in which they were made.
///
/// A callback may do anything to the store but destroy it. What it folds counts at once, and is told after all that was
/// to be told before: callbacks never run inside each other. If one throws, it has been told, and the others are told
/// by the next call.
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
/// store.dispatch(PresenceEvent::connect("jack", "phone", now));  // whom john does not watch
/// assert(shown == "mary+");
/// store.advance(now + Duration::from_s(60));  // once a frame: mary was silent for too long
/// assert(shown == "mary+mary-");
/// @endcode
class Store {
 public:
  /// @{
  /// Knows nobody, or what a snapshot knows, whose rules then stand.
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

  /// Folds an event.
  Verdict dispatch(const PresenceEventView& event) {
    const Verdict verdict = fold(event);
    deliver();
    return verdict;
  }
  /// The same, of an event that owns its strings, which may be a temporary.
  template <class Event = PresenceEvent, class = detail::EnableIfOwningEvent<Event>>
  Verdict dispatch(const Event& event) {
    return dispatch(PresenceEventView(event));
  }
  /// Folds the events of a range one after the other, then delivers. Where the order of a frame need not be kept, as
  /// fast as `apply` of the range.
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
  /// Lets time pass.
  Verdict advance(Timestamp now) {
    const Verdict verdict = apply(snapshot_, now, Gather{*this});
    deliver();
    return verdict;
  }
  /// Takes a server's full list; see presence::resync.
  template <class It>
  Tally resync(It first, It last, Timestamp as_of) {
    // In the frame in which the connection was lost the list still is later than what was forgotten.
    const Timestamp behind = forgotten_ + Duration::from_ns(1);
    const bool is_moved = options_.keep_order_of_frame && forgotten_ >= as_of &&
                          forgotten_ < as_of + detail::one_frame && detail::in_range(behind);
    const Gather gather{*this};
    const Tally tally = detail::resync_moved(snapshot_, first, last, as_of, is_moved ? behind : as_of, gather);
    deliver();
    return tally;
  }
  /// Joins what another node sent, as `apply_delta` does, and advances to `now`, the host's own clock, if that is
  /// later; never to the other's. An Error `too_early`, and nothing happens, if the other snapshot is dated too late or
  /// anything in it is that is not known here already; see `apply_delta`. `out_of_range`: `now` is at either end of the
  /// range. For a node that reconciles a copy of its snapshot with another, this is how what came of it gets back in:
  /// it costs what changed.
  std::optional<Error> merge(const Snapshot& other, Timestamp now) {
    if (const std::optional<Error> error = detail::wrong_now(now)) return error;
    const Gather gather{*this};
    if (!detail::merge_from_peer(snapshot_, other, now, detail::dates_at(now, snapshot_), gather))
      return Error{ErrorCode::too_early, 0, "another node dates something later than our clock allows"};
    deliver();
    return std::nullopt;
  }
  /// For a client whose own connection is gone: reports of online are forgotten, which is told as any other change, and
  /// then all watches end, as they do on the server. What waits to be told is told to those who watched until now.
  /// Subscriptions stay. Who connects again asks again, and resyncs.
  void connection_lost() {
    forget_reports_in(snapshot_, Gather{*this});
    if (const detail::Root* const root = detail::SnapshotReader::read(snapshot_)) {
      for (const detail::RowView row : root->table)
        forgotten_ = detail::later(forgotten_, row.registers().forgotten_up_to());
    }
    // The watches are gone when it is told.
    for (std::size_t i = told_; i < pending_.size(); ++i) {
      if (pending_[i].is_farewell) continue;
      pending_[i].is_farewell = true;
      hearers_of(pending_[i], pending_[i].viewers);
    }
    watches_.clear();
    deliver();
  }

  /// A copy, in constant time.
  Snapshot snapshot() const noexcept { return snapshot_; }
  /// When `advance` has something to do next; see Snapshot::next_deadline.
  std::optional<Timestamp> next_deadline() const noexcept { return snapshot_.next_deadline(); }
  /// @{
  /// Who hears about whom now. Borrowed from the store, and changes with it. Of a temporary store, a copy.
  const Watches& watches() const& noexcept { return watches_; }
  Watches watches() const&& { return watches_; }
  /// @}

  /// Adds a channel or replaces it. Who follows it hears of its new members and no more of those who left. Refused is
  /// one that has no name: what is wrong is returned.
  std::optional<Error> put(Channel channel) {
    if (const std::optional<Error> error = wrong_name(channel.type, channel.id)) return error;
    watches_.update(channel);
    const std::uint32_t number = channels_.add(channel.cid());
    channels_[number] = std::move(channel);
    return std::nullopt;
  }
  /// Removes a channel; watches of it end.
  void remove_channel(std::string_view cid) {
    const std::uint32_t number = channels_.find(cid);
    if (number == Channels::none) return;
    watches_.remove_channel(cid);
    channels_.erase(number);
  }
  /// @{
  /// Null: there is none. Valid until a channel is added, replaced or removed, or the store is destroyed. A temporary
  /// store is refused.
  const Channel* find_channel(std::string_view cid) const& noexcept {
    const std::uint32_t number = channels_.find(cid);
    return number == Channels::none ? nullptr : &channels_[number];
  }
  const Channel* find_channel(std::string_view cid) const&& = delete;
  /// @}

  /// A page of users, as the viewer sees them. With `presence` the viewer hears about them from now on.
  std::vector<User> query_users(const UserQuery& asked, Viewer viewer) {
    std::vector<User> users = query(snapshot_, asked, viewer);
    if (asked.presence) {
      std::vector<std::string_view> ids;
      for (const User& user : users) ids.push_back(user.id);
      watches_.watch_users(viewer, ids);
    }
    return users;
  }
  /// A page of channels; those of one id are in the order of their types. With `presence` the viewer hears about those
  /// who are their members now.
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
  /// A channel, which is made if it is not there. With `presence` the viewer hears about its members, and about who
  /// joins or leaves it later.
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
      const std::string id(viewer.id());  // which may lie in a channel that moves when one is added
      put(channel);
      if (asked.presence) watches_.watch_channel(Viewer(id), channel);
    }
    return channel;
  }
  /// @{
  /// Ends what the viewer watches of a channel, or all. Nothing more is told; what was told stands.
  void unwatch(Viewer viewer, std::string_view cid) { watches_.unwatch(viewer, cid); }
  void unwatch(Viewer viewer) { watches_.unwatch(viewer); }
  /// @}

  /// `fn(const UserPresenceChanged&)` is called for each change that the viewer hears of, from now on and until the
  /// Subscription ends. A function that wants a `UserPresenceChangedView` is given one.
  template <class Event, class Fn>
  [[nodiscard]] Subscription subscribe(Viewer viewer, Fn fn, const DeliveryOptions& options = {}) {
    static_assert(std::is_same<Event, UserPresenceChanged>::value, "there is no other event to subscribe to");
    auto tell = [kept = std::move(fn)](const UserPresenceChanged& change, const Viewers&) mutable {
      if constexpr (std::is_invocable<Fn&, const UserPresenceChanged&>::value) {
        kept(change);
      } else {
        kept(view_of(change));
      }
    };
    const std::uint32_t number = listeners_.add(viewer.id());
    return listen(listeners_[number], viewer, detail::Listener::Tell::of(std::move(tell)), options);
  }

  /// For servers: `fn(const UserPresenceChanged&, const Viewers&)` is called once for each change, with all viewers who
  /// hear of it, so that it need be serialised only once. Not where that is nobody.
  template <class Fn>
  [[nodiscard]] Subscription on_delivery(Fn fn, const DeliveryOptions& options = {}) {
    return listen(deliveries_, std::nullopt, detail::Listener::Tell::of(std::move(fn)), options);
  }

 private:
  friend class Subscription;
  using Channels = detail::IdMap<Channel>;
  struct Pending {
    UserPresenceChanged change;
    std::uint64_t number = 0;
    bool is_farewell = false;
    Viewers viewers;  // of a farewell
  };

  /// How far the telling of a change has come: whose callback throws is not called again, and the others still are.
  struct Telling {
    bool is_open = false;
    bool is_minor = false;  // of last_active alone
    Pending pending;
    Viewers hearers;
    std::uint64_t version = 0;  // of the watches, when they were found
    std::size_t turn = 0;       // zero: on_delivery; then each of the viewers
    std::uint64_t last = 0;     // the listener who was told last in this turn
  };

  /// An OnChange that keeps what somebody hears of.
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
    if (type.empty() || id.empty()) return Error{ErrorCode::missing_key, 0, "a channel needs a type and an id"};
    if (type.find(':') != std::string_view::npos)
      return Error{ErrorCode::out_of_range, 0, "a colon ends the type of a channel in its cid"};
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
    return detail::fold_moved(snapshot_, event, order.at, gather);
  }

  static detail::FrameOrder order_of(const PresenceEventView& event, const detail::RowView& row,
                                     const detail::Root& root) {
    // What has been forgotten by age decides nothing, whether or not it has been dropped yet.
    if (root.rules.forget_after == Duration::highest()) return detail::FrameOrder(event, row.registers());
    return detail::FrameOrder(event, detail::settled(row, root.now, root.rules));
  }

  /// Folds the status text of an event of an invisible user at one timestamp, and the rest of it, which nobody else
  /// sees, at another: all of it, or nothing.
  Verdict fold_split(const PresenceEventView& event, const detail::FrameOrder& order, const Gather& gather) {
    const Verdict form = detail::judge_form(event, snapshot_.rules());
    if (!accepted(form)) return form;
    PresenceEventView rest = event, text = event;
    rest.status = std::nullopt;
    text.type = EventType::set_status;
    Snapshot after = snapshot_;
    const detail::NoCallback no_callback;
    const Verdict of_rest = detail::fold_moved(after, rest, order.at, no_callback);
    if (!accepted(of_rest)) return of_rest;
    const Verdict of_text = detail::fold_moved(after, text, order.status_at, gather);
    if (!accepted(of_text)) return of_text;
    snapshot_ = std::move(after);
    return of_text == Verdict::unchanged ? of_rest : of_text;
  }

  Subscription listen(detail::Listeners& all, std::optional<Viewer> viewer, detail::Listener::Tell&& tell,
                      const DeliveryOptions& options) {
    auto listener = detail::Shared<detail::Listener>::make(*this, ++listener_changes_, watches_.now_,
                                                           options.last_active_alone, viewer, std::move(tell));
    all.push_back(listener);
    return Subscription(std::move(listener));
  }

  /// Takes a listener out that ends.
  void forget(const detail::Listener& listener) noexcept {
    ++listener_changes_;
    if (listener.hears_all) {
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
      // The last owner may be here, and the listener is still to be looked at.
      const detail::Shared<detail::Listener> kept = std::move(all[i]);
      all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
      return;
    }
  }

  /// Tells all that there is to tell, unless that is going on already.
  void deliver() {
    if (is_delivering_ || (pending_.empty() && !telling_.is_open)) return;
    struct Guard {
      Store& store;
      ~Guard() {
        store.pending_.erase(store.pending_.begin(), store.pending_.begin() + static_cast<std::ptrdiff_t>(store.told_));
        store.told_ = 0;
        store.is_delivering_ = false;
      }
    } guard{*this};
    is_delivering_ = true;
    for (;;) {
      if (!telling_.is_open) {
        if (told_ == pending_.size()) return;
        begin_to_tell(std::move(pending_[told_++]));
      }
      for (; telling_.turn <= telling_.hearers.size(); ++telling_.turn, telling_.last = 0) tell_in_turn();
      telling_.is_open = false;
    }
  }

  void begin_to_tell(Pending&& pending) {
    telling_.pending = std::move(pending);
    const UserPresenceChanged& change = telling_.pending.change;
    telling_.is_minor =
        change.before.has_value() == change.after.has_value() && !change.online_changed() && !change.status_changed();
    telling_.version = watches_.version_;
    telling_.turn = 0;
    telling_.last = 0;
    telling_.hearers.clear();
    if (telling_.pending.is_farewell) {
      telling_.hearers = std::move(telling_.pending.viewers);
    } else {
      hearers_of(telling_.pending, telling_.hearers);
    }
    if (telling_.hearers.size() == 0) telling_.turn = 1;  // nor is there a delivery
    telling_.is_open = true;
  }
  void hearers_of(const Pending& pending, Viewers& hearers) const {
    const std::uint32_t user = watches_.users_.find(pending.change.id);
    if (user == Channels::none) return;
    for (const Watches::Watcher& watcher : watches_.users_[user].watchers) {
      if (pending.number >= watcher.since) hearers.add(Viewer(watches_.viewers_.id_of(watcher.viewer)));
    }
  }

  /// Tells those whose turn it is, in the order in which they subscribed. A callback may change who that is, so they
  /// are found anew when one has changed anything.
  void tell_in_turn() {
    const bool is_delivery = telling_.turn == 0;
    const Viewer viewer = is_delivery ? nobody : telling_.hearers[telling_.turn - 1];
    const detail::Listeners* all = nullptr;
    std::size_t next = 0;
    for (bool is_stale = true;;) {
      if (is_stale) {
        if (!is_delivery && !still_hears(viewer)) return;
        all = is_delivery ? &deliveries_ : listeners_of(viewer);
        if (all == nullptr) return;
        const auto first = detail::partition_point(
            all->begin(), all->end(), [this](const auto& listener) { return listener->number <= telling_.last; });
        next = static_cast<std::size_t>(first - all->begin());
        is_stale = false;
      }
      if (next == all->size()) return;
      const detail::Shared<detail::Listener> listener = (*all)[next++];  // lives until its call has returned
      telling_.last = listener->number;
      if (telling_.pending.number < listener->since || (telling_.is_minor && !listener->wants_last_active)) continue;
      const std::uint64_t changes = listener_changes_ + watches_.version_;
      listener->tell(telling_.pending.change, telling_.hearers);
      is_stale = changes != listener_changes_ + watches_.version_;
    }
  }

  /// A callback may have ended the watch.
  bool still_hears(Viewer viewer) const noexcept {
    if (watches_.version_ == telling_.version || telling_.pending.is_farewell) return true;
    const std::uint32_t v = watches_.viewers_.find(viewer.id()),
                        user = watches_.users_.find(telling_.pending.change.id);
    const Watches::Watcher* const watcher =
        v == Channels::none || user == Channels::none ? nullptr : watches_.find_watcher(user, v);
    return watcher != nullptr && telling_.pending.number >= watcher->since;
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
  std::size_t told_ = 0;  // of them
  Telling telling_;
  Timestamp forgotten_ = detail::absent;  // reports up to here, when the connection was lost
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
