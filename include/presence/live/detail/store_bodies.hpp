// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_DETAIL_STORE_BODIES_HPP
#define PRESENCE_LIVE_DETAIL_STORE_BODIES_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/base/result.hpp>
#include <presence/live/detail/change_dates.hpp>
#include <presence/live/detail/coalescer.hpp>
#include <presence/live/detail/frame_order.hpp>
#include <presence/live/detail/listener.hpp>
#include <presence/live/detail/listening.hpp>
#include <presence/live/detail/rooms.hpp>
#include <presence/live/detail/session_tracker.hpp>
#include <presence/live/notices.hpp>
#include <presence/live/store.hpp>
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
#include <presence/registers/detail/acceptance_window.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/state/detail/holding.hpp>
#include <presence/state/detail/in_place.hpp>
#include <presence/state/detail/judge.hpp>
#include <presence/state/detail/merging.hpp>
#include <presence/state/detail/replay.hpp>
#include <presence/state/detail/resyncing.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/merge.hpp>
#include <presence/state/reduce.hpp>
#include <presence/state/reports.hpp>
#include <presence/state/resume.hpp>
#include <presence/state/snapshot.hpp>

#include <cstddef>      // for size_t, ptrdiff_t
#include <cstdint>      // for uint32_t, uint64_t
#include <optional>     // for optional, nullopt
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for exchange, move, swap
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {

/// The ids of a viewer, which may be borrowed from a channel or a watch that is about to move or to end.
class Store::OwnedViewer {
 public:
  PRESENCE_DETAIL_RARE explicit OwnedViewer(Viewer viewer) : user_(viewer.id()), session_(viewer.session()) {}
  Viewer viewer() const noexcept { return Viewer(user_, session_); }

 private:
  std::string user_, session_;
};

/// The watches that ended when the connection was lost, while earlier changes wait to be delivered.
struct Store::FormerWatches {
  detail::OwnerCount owners;
  Watches watches;
  detail::Rooms rooms;
  FormerWatches(const Watches& all, const detail::Rooms& all_rooms) : watches(all), rooms(all_rooms) {}
};

/// A change of the current call.
struct Store::Gathered {
  PRESENCE_DETAIL_APART Gathered(const UserPresenceChangedView& seen, Timestamp when) : change(seen), time(when) {}
  PRESENCE_DETAIL_APART Gathered(Gathered&& other) noexcept = default;
  PRESENCE_DETAIL_APART Gathered& operator=(Gathered&& other) noexcept = default;
  PRESENCE_DETAIL_APART ~Gathered() = default;

  UserPresenceChanged change;
  Timestamp time;  // of the store, when it happened; its date may be later
};

/// The same for changes with several causes: a change is not dated before what others can see of the user.
struct Store::GatherDated {
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

struct Store::RoomChanges {
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

/// A session that has ended, before others see that it left its channels.
struct Store::Leaving {
  PRESENCE_DETAIL_APART Leaving(Viewer viewer, std::uint64_t when, Timestamp its_time, Timestamp store_time)
      : owner(viewer), number(when), at(its_time), time(store_time) {}
  PRESENCE_DETAIL_APART Leaving(Leaving&& other) noexcept = default;
  PRESENCE_DETAIL_APART ~Leaving() = default;

  OwnedViewer owner;
  std::uint64_t number;
  Timestamp at, time;
};

template <class Change>
bool Store::is_minor(const Change& change) noexcept {
  return (detail::parts_of(change) & ~unsigned{detail::active_part}) == 0;
}

PRESENCE_DETAIL_BODY Store::Use::Use(Store& store) noexcept : store_(store), is_outermost_(!store.is_delivering_) {
  if (!store.gathered_.empty() || !store.ends_.empty()) drop_leftovers(store);
  if (!is_outermost_) return;
  // Not a lock: it finds most wrong uses, and costs a right one almost nothing.
  PRESENCE_ASSERT(store.is_in_use_.read() == 0,
                  "two threads use a Store at once, or on_dispatched or may_see changes it");
  store.is_in_use_.write(1);
}
PRESENCE_DETAIL_BODY Store::Use::~Use() {
  if (is_outermost_) store_.is_in_use_.write(0);
}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Store::Use::drop_leftovers(Store& store) noexcept {
  store.gathered_.clear();
  store.ends_.clear();
}

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY Store::Pending::Pending() {}
PRESENCE_DETAIL_BODY const void* Store::Pending::notice() const noexcept {
  switch (kind) {
    case detail::NoticeKind::presence_changed: return &change;
    case detail::NoticeKind::watching_started: return &started;
    case detail::NoticeKind::watching_stopped: return &stopped;
    default: return &ended;
  }
}
PRESENCE_DETAIL_BODY unsigned Store::Pending::parts() const noexcept {
  return kind == detail::NoticeKind::presence_changed ? detail::parts_of(change) : ~0u;
}
PRESENCE_DETAIL_BODY bool Store::Pending::is_minor() const noexcept {
  return kind == detail::NoticeKind::presence_changed && Store::is_minor(change);
}

PRESENCE_DETAIL_BODY Store::Store(const Rules& rules, const StoreOptions& options) : Store(Snapshot(rules), options) {}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY Store::Store(Snapshot snapshot, const StoreOptions& options)
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
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY Store::~Store() {
  PRESENCE_ASSERT(!is_delivering_ && is_in_use_.read() == 0, "a Store is destroyed inside one of its callbacks");
  for (const detail::Listeners& all : listeners_) end(all);
  end(every_change_);
  end(deliveries_);
  end(session_ends_);
}

PRESENCE_DETAIL_BODY Dispatched Store::dispatch(const PresenceEventView& event) {
  const Use use(*this);
  const Dispatched done = dispatch_by_own_clock(event);
  deliver();
  return done;
}
PRESENCE_DETAIL_BODY Dispatched Store::dispatch(const PresenceEventView& event, Timestamp now) {
  const Use use(*this);
  if (!detail::in_range(now)) return counted(rejected(event, Verdict::invalid));
  const Dispatched done = dispatch_at(event, now);
  deliver();
  return done;
}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY Tally Store::disconnect_sessions(std::string_view prefix, Timestamp at) {
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
PRESENCE_DETAIL_BODY Verdict Store::advance(Timestamp now) {
  const Use use(*this);
  const Verdict verdict = advance_to(now);
  deliver();
  return verdict;
}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY Verdict Store::resume(Timestamp now, Duration patience) {
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
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY std::optional<Error> Store::merge(const Snapshot& other, Timestamp now) {
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
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Store::connection_lost() {
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
PRESENCE_DETAIL_BODY std::optional<User> Store::find(std::string_view id, Viewer viewer) const {
  return options_.may_see(viewer, id) ? snapshot_.find(id, viewer) : std::nullopt;
}
PRESENCE_DETAIL_BODY std::optional<UserView> Store::view(std::string_view id, Viewer viewer) const& {
  return options_.may_see(viewer, id) ? snapshot_.view(id, viewer) : std::nullopt;
}
PRESENCE_DETAIL_BODY bool Store::online(std::string_view id, Viewer viewer) const {
  return options_.may_see(viewer, id) && snapshot_.online(id, viewer);
}
PRESENCE_DETAIL_BODY std::optional<Timestamp> Store::next_wakeup() const {
  sessions_.start(snapshot_);
  Timestamp next = sessions_.next_timeout(snapshot_);
  if (const std::optional<Timestamp> deadline = next_deadline()) next = detail::earlier(next, *deadline);
  for (const detail::Shared<detail::Listener>& listener : coalescing_)
    next = detail::earlier(next, listener->coalescer.next_due());
  return next == detail::never ? std::nullopt : std::optional<Timestamp>(next);
}
PRESENCE_DETAIL_BODY Watches Store::watches() const&& { return watches_; }
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY StoreStats Store::stats() const {
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

PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY std::optional<Error> Store::put(Channel channel) {
  const Use use(*this);
  if (const std::optional<Error> error = wrong_name(channel.type, channel.id)) return error;
  add_channel(std::move(channel));
  return std::nullopt;
}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Store::remove_channel(std::string_view cid) {
  const Use use(*this);
  const std::uint32_t number = channels_.find(cid);
  if (number == Channels::none) return;
  watches_.remove_channel(cid);
  rooms_.remove(cid);
  channels_.erase(number);
}
PRESENCE_DETAIL_BODY const Channel* Store::find_channel(std::string_view cid) const& noexcept {
  const std::uint32_t number = channels_.find(cid);
  return number == Channels::none ? nullptr : &channels_[number];
}

PRESENCE_DETAIL_BODY std::vector<User> Store::query_users(const UserQuery& query, Viewer viewer) {
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
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY std::vector<Channel> Store::query_channels(const ChannelQuery& query,
                                                                                     Viewer viewer) {
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
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY Result<Channel> Store::watch(const WatchChannel& asked, Viewer viewer) {
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
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Store::unwatch(Viewer viewer, std::string_view cid) {
  const Use use(*this);
  const OwnedViewer kept(viewer);
  const std::string kept_cid(cid);
  watches_.unwatch(kept.viewer(), kept_cid);
  rooms_.leave(kept.viewer(), kept_cid, room_changes());
  deliver();
}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Store::unwatch(Viewer viewer) {
  const Use use(*this);
  const OwnedViewer kept(viewer);
  watches_.unwatch(kept.viewer());
  rooms_.leave(kept.viewer(), room_changes());
  deliver();
}

PRESENCE_DETAIL_BODY std::vector<User> Store::watchers(std::string_view cid, Viewer viewer) const {
  std::vector<User> all;
  rooms_.each_user_in(cid, [&](std::string_view user) {
    std::optional<User> seen = find(user, viewer);
    if (seen && seen->online) all.push_back(*std::move(seen));
  });
  detail::sort(all, [](const User& a, const User& b) { return a.id < b.id; });
  return all;
}
PRESENCE_DETAIL_BODY std::size_t Store::watcher_count(std::string_view cid, Viewer viewer) const {
  if (options_.may_see) {
    std::size_t count = 0;
    rooms_.each_user_in(cid, [&](std::string_view user) { count += online(user, viewer) ? 1u : 0u; });
    return count;
  }
  const bool is_hidden =
      rooms_.is_in(viewer.id(), cid) && snapshot_.online(viewer.id(), viewer) && !snapshot_.online(viewer.id());
  return rooms_.seen_in(cid) + (is_hidden ? 1u : 0u);
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Store::gather(const UserPresenceChangedView& change, Timestamp cause) {
  const Timestamp at = dates_.next(change.id, detail::later(change.at, cause));
  if (!is_received(change)) return;
  Gathered gathered(change, change.at);
  gathered.change.at = at;
  gathered_.push_back(std::move(gathered));
}

PRESENCE_DETAIL_BODY Store::RoomChanges Store::room_changes() noexcept {
  const Timestamp now = detail::SnapshotReader::now(snapshot_);
  return RoomChanges{*this, now, now};
}
PRESENCE_DETAIL_BODY bool Store::is_received(const UserPresenceChangedView& change) const noexcept {
  if (!every_change_.empty()) return true;
  if (is_minor(change)) return (minor_deliveries_ != 0 || minor_viewers_.size() != 0) && watches_.is_watched(change.id);
  return watches_.is_watched(change.id) || rooms_.has_user(change.id);
}

PRESENCE_DETAIL_BODY UserPresenceChangedView Store::view_of(const UserPresenceChanged& change) noexcept {
  UserPresenceChangedView view;
  view.id = change.id;
  view.before = detail::borrowed(change.before);
  view.after = detail::borrowed(change.after);
  view.at = change.at;
  return view;
}

PRESENCE_DETAIL_BODY std::optional<Error> Store::wrong_name(std::string_view type, std::string_view id) noexcept {
  if (type.empty() || id.empty()) return Error{ErrorCode::missing_key, 0, "the channel has no type or no id"};
  if (type.find(':') != std::string_view::npos)
    return Error{ErrorCode::out_of_range, 0, "a channel type must not contain a colon"};
  return std::nullopt;
}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Store::add_channel(Channel channel) {
  watches_.update(channel);
  const std::uint32_t number = channels_.add(channel.cid());
  channels_[number] = std::move(channel);
}

PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Store::add_users(Viewer viewer, const Watches::EachId& each) {
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

PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Store::end(const detail::Listeners& all) noexcept {
  for (const detail::Shared<detail::Listener>& listener : all) listener->store = nullptr;
}

PRESENCE_DETAIL_BODY Dispatched Store::rejected(const PresenceEventView& event, Verdict verdict) noexcept {
  return Dispatched{verdict, event.at, event.at};
}
PRESENCE_DETAIL_BODY Dispatched Store::counted(const Dispatched& done) noexcept {
  stats_.events.count(done.verdict);
  return done;
}

PRESENCE_DETAIL_BODY Tally Store::apply_copies(const detail::EventCopies& copies) {
  return apply(snapshot_, copies.begin(), copies.end(), Gather{*this, detail::absent});
}
PRESENCE_DETAIL_BODY bool Store::is_in_range(Timestamp now) noexcept { return detail::in_range(now); }
PRESENCE_DETAIL_BODY Timestamp Store::time() const noexcept { return detail::SnapshotReader::now(snapshot_); }

PRESENCE_DETAIL_BODY Tally Store::resync_listed(const detail::EachEvent& each_listed, Timestamp as_of) {
  const Use use(*this);
  // A list from the frame in which the connection was lost must still count as later than the forgotten reports.
  const Timestamp behind = forgotten_ + Duration::from_ns(1);
  const bool is_moved = options_.keep_order_of_frame && forgotten_ >= as_of && forgotten_ < as_of + detail::one_frame &&
                        detail::in_range(behind);
  const GatherDated gather{*this};
  const Tally tally = detail::resync_moved(snapshot_, each_listed, as_of, is_moved ? behind : as_of, gather);
  commit_by_date();
  deliver();
  return tally;
}
PRESENCE_DETAIL_BODY Tally Store::resync_listed(const detail::EachEvent& each_listed) {
  const Use use(*this);
  const GatherDated gather{*this};
  const Tally tally = detail::resync_behind_reports(snapshot_, each_listed, gather);
  commit_by_date();
  deliver();
  return tally;
}

PRESENCE_DETAIL_BODY Dispatched Store::dispatch_at(const PresenceEventView& event, Timestamp now) {
  if (now <= detail::SnapshotReader::now(snapshot_)) return dispatch_now(event);
  const detail::EventCopy copy(event, snapshot_.rules());  // advancing the time may move strings
  advance_to(now);
  return dispatch_now(copy.view());
}

PRESENCE_DETAIL_BODY Dispatched Store::dispatch_now(const PresenceEventView& event) {
  if (refresh_session(event)) {
    commit();
    return counted(Dispatched{Verdict::applied, event.at, event.at});
  }
  const detail::SessionTracker::Probe probe = sessions_.probe(snapshot_, event, detail::SnapshotReader::now(snapshot_));
  Dispatched done = fold(event);
  if (accepted(done.verdict)) {
    sessions_.compare(probe, snapshot_, event.type, done.at, ends_);
    commit();
  }
  return counted(done);
}

PRESENCE_DETAIL_BODY bool Store::refresh_session(const PresenceEventView& event) noexcept {
  detail::Root* const owned = detail::SnapshotAccess::owned(snapshot_);
  return owned != nullptr && detail::find_and_refresh_session<true>(*owned, event);
}

PRESENCE_DETAIL_BODY Verdict Store::judge_by_own_clock(Timestamp at) const noexcept {
  if (!detail::in_range(at)) return Verdict::invalid;
  const Timestamp now = detail::SnapshotReader::now(snapshot_);
  return at > now ? Verdict::applied : detail::AcceptanceWindow(now, snapshot_.rules()).judge(at);
}
PRESENCE_DETAIL_BODY Dispatched Store::dispatch_by_own_clock(const PresenceEventView& event) {
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

PRESENCE_DETAIL_BODY bool Store::has_deadline_until(Timestamp to) const noexcept {
  if (detail::SnapshotReader::read(snapshot_)->table.due() > to) return false;
  const std::optional<Timestamp> next = snapshot_.next_deadline();
  return next && *next <= to;
}

PRESENCE_DETAIL_BODY Dispatched Store::dispatch_with_deadlines(const PresenceEventView& event) {
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
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY Dispatched Store::dispatch_moved(const PresenceEventView& event,
                                                                           const detail::FrameOrder& order) {
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

PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY Verdict Store::advance_with_text(const PresenceEventView& event,
                                                                           const detail::FrameOrder& order) {
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

PRESENCE_DETAIL_BODY Verdict Store::advance_to(Timestamp now) {
  if (detail::in_range(now)) ends_ = sessions_.timeouts_until(snapshot_, now);
  const Verdict verdict = apply(snapshot_, now, Gather{*this, detail::absent});
  sessions_.pass(snapshot_);
  commit();
  return verdict;
}

PRESENCE_DETAIL_BODY Dispatched Store::fold(const PresenceEventView& event) {
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

PRESENCE_DETAIL_BODY detail::FrameOrder Store::order_of(const PresenceEventView& event, const detail::RowView& row,
                                                        const detail::Root& root) const {
  const Timestamp moved =
      event.type == EventType::report ? moved_reports_.moved_from(event.user, event.at) : detail::absent;
  // Forgotten data must not affect the order, whether or not it has been dropped yet.
  if (root.rules.forget_after == Duration::highest()) return detail::FrameOrder(event, row.registers(), moved);
  return detail::FrameOrder(event, detail::normal_form_of(row, root.now, root.rules), moved);
}

PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY Verdict Store::fold_split(const PresenceEventView& event,
                                                                    const detail::FrameOrder& order) {
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

PRESENCE_DETAIL_BODY Store::MovedReports::MovedReports(std::uint64_t seed) : all_(seed) {}
PRESENCE_DETAIL_BODY Timestamp Store::MovedReports::moved_from(std::string_view user, Timestamp at) const noexcept {
  const std::uint32_t number = all_.size() == 0 ? Channels::none : all_.find(user);
  return number != Channels::none && all_[number].from == at ? all_[number].to : detail::absent;
}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Store::MovedReports::note(std::string_view user, Timestamp from,
                                                                         Timestamp to) {
  if (all_.size() >= max_users && all_.find(user) == Channels::none) all_.clear();
  all_[all_.add(user)] = Moved{from, to};
}

PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY bool Store::renew(Viewer viewer) {
  if (viewer.session().empty()) return true;
  sessions_.start(snapshot_);
  end_watches_of(viewer);
  return !detail::SessionTracker::has_ended(snapshot_, viewer.id(), viewer.session());
}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Store::end_watches_of(Viewer viewer) {
  const std::uint32_t number = ending_.find(viewer);
  if (number == Channels::none) return;
  ending_.erase(number);
  watches_.unwatch(viewer);
  rooms_.forget_ended(viewer);
}

PRESENCE_DETAIL_BODY void Store::commit() {
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
PRESENCE_DETAIL_BODY void Store::commit_by_date() {
  detail::sort(gathered_, [](const Gathered& a, const Gathered& b) {
    return a.change.at != b.change.at ? a.change.at < b.change.at : a.change.id < b.change.id;
  });
  commit();
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Store::queue(Gathered&& gathered) {
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
PRESENCE_DETAIL_BODY void Store::queue(Pending&& pending) { queue(std::move(pending), pending_); }
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Store::queue(Pending&& pending, std::vector<Pending>& all) {
  detail::reserve_one(all);
  if (pending.kind == detail::NoticeKind::presence_changed) watches_.begin_waiting(pending.change.id);
  all.push_back(std::move(pending));
}
PRESENCE_DETAIL_BODY Timestamp Store::time_of(const SessionEnded& ended) const noexcept {
  return ended.reason == SessionEndReason::timed_out ? ended.at : detail::SnapshotReader::now(snapshot_);
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Store::queue(SessionEnded&& ended, std::vector<Leaving>& leaving) {
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
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Store::leave_rooms_before(Timestamp time,
                                                                          std::vector<Leaving>& leaving) {
  if (!leaving.empty() && leaving.back().time < time) leave_rooms(leaving);
}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Store::leave_rooms(std::vector<Leaving>& leaving) {
  for (const Leaving& left : leaving)
    rooms_.end(left.owner.viewer(), left.number, RoomChanges{*this, left.at, left.time});
  leaving.clear();
}

PRESENCE_DETAIL_BODY Subscription Store::listen_as(Viewer viewer, detail::NoticeKind kind, detail::Notify&& notify,
                                                   const DeliveryOptions& options) {
  const std::uint32_t number = listeners_.add(viewer);
  return listen(listeners_[number], detail::ListenerPlace::of_viewer, kind, std::move(notify), viewer, options);
}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY Subscription Store::listen(detail::Listeners& all,
                                                                     detail::ListenerPlace place,
                                                                     detail::NoticeKind kind, detail::Notify&& notify,
                                                                     Viewer viewer, const DeliveryOptions& options) {
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
PRESENCE_DETAIL_BODY bool Store::is_of_room(detail::NoticeKind kind) noexcept {
  return kind == detail::NoticeKind::watching_started || kind == detail::NoticeKind::watching_stopped;
}
PRESENCE_DETAIL_BODY bool Store::wants_minor(const detail::Listener& listener) noexcept {
  return listener.options.last_active_alone && listener.kind == detail::NoticeKind::presence_changed &&
         listener.place != detail::Listener::Place::every_change;
}

PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Store::forget(const detail::Listener& listener) noexcept {
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
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Store::remove_from(detail::Listeners& all,
                                                                  const detail::Listener& listener) noexcept {
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].get() != &listener) continue;
    // This may be the last owner, and `listener` must stay valid until the end.
    const detail::Shared<detail::Listener> kept = std::move(all[i]);
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
}

PRESENCE_DETAIL_BODY void Store::deliver() {
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
PRESENCE_DETAIL_BODY void Store::drop_delivered(std::vector<Pending>& all, std::size_t& taken) noexcept {
  if (2 * taken < all.size()) return;
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(taken));
  taken = 0;
}

PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Store::take_coalesced(Timestamp to) {
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
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Store::queue_coalesced(const detail::Shared<detail::Listener>& receiver,
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

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Store::begin_notifying(Pending&& pending) {
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
PRESENCE_DETAIL_BODY void Store::find_recipients_once() {
  if (!notifying_.has_recipients) find_recipients();
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Store::find_recipients() {
  notifying_.recipients.clear();
  recipients_of(notifying_.pending, notifying_.recipients);
  notifying_.version = watches_.version_;
  notifying_.has_recipients = true;
}
PRESENCE_DETAIL_BODY void Store::end_notifying() noexcept {
  notifying_.is_open = false;
  if (notifying_.pending.kind == detail::NoticeKind::presence_changed)
    watches_.end_waiting(notifying_.pending.change.id);
  notifying_.pending.former = {};
  notifying_.pending.receiver = {};
}
PRESENCE_DETAIL_BODY const Watches& Store::watches_for(const Pending& pending) const noexcept {
  return pending.former ? pending.former->watches : watches_;
}
PRESENCE_DETAIL_BODY const detail::Rooms& Store::rooms_for(const Pending& pending) const noexcept {
  return pending.former ? pending.former->rooms : rooms_;
}
PRESENCE_DETAIL_BODY void Store::recipients_of(const Pending& pending, Viewers& recipients) const {
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
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Store::room_of(const Pending& pending, std::string_view user,
                                                               std::string_view cid, Viewers& recipients) const {
  rooms_for(pending).each_viewer_in(cid, pending.number, [&](Viewer viewer) {
    if (viewer.id() != user && options_.may_see(viewer, user)) recipients.add(viewer);
  });
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Store::watchers_of(const Pending& pending, Viewers& recipients) const {
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

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Store::notify_in_turn() {
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
PRESENCE_DETAIL_BODY const detail::Listeners* Store::listeners_in_turn(Viewer viewer) const {
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

PRESENCE_DETAIL_BODY bool Store::still_receives(Viewer viewer) const {
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
PRESENCE_DETAIL_BODY const detail::Listeners* Store::listeners_of(Viewer viewer) const noexcept {
  const std::uint32_t number = listeners_.find(viewer);
  return number == Channels::none ? nullptr : &listeners_[number];
}

PRESENCE_DETAIL_BODY Subscription::Subscription() noexcept = default;
PRESENCE_DETAIL_BODY Subscription::Subscription(Subscription&& other) noexcept
    : listener_(std::move(other.listener_)) {}
PRESENCE_DETAIL_BODY Subscription& Subscription::operator=(Subscription&& other) noexcept {
  // The previous callback may own `other`, so it is destroyed last.
  Subscription taken(std::move(other));
  std::swap(listener_, taken.listener_);
  return *this;
}
PRESENCE_DETAIL_BODY Subscription::~Subscription() { reset(); }

PRESENCE_DETAIL_BODY bool Subscription::is_active() const noexcept { return listener_ && listener_->store != nullptr; }

PRESENCE_DETAIL_BODY Subscription::Subscription(detail::Shared<detail::Listener> listener) noexcept
    : listener_(std::move(listener)) {}

PRESENCE_DETAIL_BODY void Subscription::reset() noexcept {
  if (!listener_) return;
  const detail::Shared<detail::Listener> ended = std::move(listener_);
  if (Store* const store = std::exchange(ended->store, nullptr)) store->forget(*ended);
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_DETAIL_STORE_BODIES_HPP
