// SPDX-License-Identifier: MIT

// A Store beside what it is built on: notifications beside plain callbacks, `dispatch` beside `apply`, and the question
// when to wake up next.

#include "harness.hpp"

#include <presence/live.hpp>

#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace bench {
namespace {

using presence::PresenceEvent;
using presence::SessionEnded;
using presence::Store;
using presence::StoreOptions;
using presence::Subscription;
using presence::User;
using presence::UserPresenceChanged;
using presence::Viewer;

std::string user_id(std::size_t number) {
  Ids ids;
  ids.write(static_cast<std::uint32_t>(number), 0);
  return std::string(ids.user());
}

// Notifications. Both sides call one callback per viewer and change, which adds up what it receives.

constexpr std::size_t viewers = 10000;

/// The users of the changes, and whom each viewer watches.
struct Friends {
  static constexpr std::size_t changes = 1000, watched = 100;
  std::vector<std::string> watched_by(std::size_t viewer) const {
    Random random(viewer);
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < watched; ++i) ids.push_back(user_id(random.below(viewers)));
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return ids;
  }
};
/// One channel whose members all watch it.
struct Room {
  static constexpr std::size_t changes = 20;
};

/// Each change is a new status of a random user. Lives on from round to round.
class Statuses {
 public:
  PresenceEvent next() {
    clock_ += Duration::from_ns(10000);
    return PresenceEvent::set_status(user_id(random_.below(viewers)), ++count_ % 2 == 0 ? "away" : "at lunch", clock_);
  }

 private:
  Random random_{1};
  Timestamp clock_ = start;
  std::size_t count_ = 0;
};

class StoreAudience {
 public:
  explicit StoreAudience(Friends friends) : store_(connected_users(viewers, Duration(), 2)) {
    for (std::size_t viewer = 0; viewer < viewers; ++viewer) {
      const std::string id = user_id(viewer);
      store_.watch_users(Viewer(id), friends.watched_by(viewer));
      subscribe(Viewer(id));
    }
  }
  explicit StoreAudience(Room) : store_(connected_users(viewers, Duration(), 2)) {
    presence::WatchChannel room;
    room.type = "room";
    room.id = "lobby";
    room.presence = true;
    for (std::size_t member = 0; member < viewers; ++member) room.members.push_back(user_id(member));
    for (const std::string& member : room.members) {
      require(store_.watch(room, Viewer(member)).has_value(), "a member cannot watch");
      subscribe(Viewer(member));
    }
  }

  void change(const PresenceEvent& event) { store_.dispatch(event); }
  std::size_t notifications() const { return notifications_; }

 private:
  void subscribe(Viewer viewer) {
    subscriptions_.push_back(store_.subscribe<UserPresenceChanged>(viewer, [this](const UserPresenceChanged& change) {
      ++notifications_;
      bytes_ += change.after->status.size();
    }));
  }

  Store store_;
  std::vector<Subscription> subscriptions_;
  std::size_t notifications_ = 0, bytes_ = 0;
};

/// The least that could be called the same: a callback per watch, found by the id of the user who changes.
class PlainAudience {
 public:
  explicit PlainAudience(Friends friends) {
    for (std::size_t viewer = 0; viewer < viewers; ++viewer) {
      for (const std::string& id : friends.watched_by(viewer)) listen(id);
    }
  }
  explicit PlainAudience(Room) : is_room_(true) {
    for (std::size_t viewer = 0; viewer < viewers; ++viewer) listen(room_);
  }

  void change(const PresenceEvent& event) {
    User& user = users_[event.user];
    UserPresenceChanged change;
    change.id = event.user;
    change.before = user;
    user.status = *event.status;
    change.after = user;
    change.at = event.at;
    const auto found = callbacks_.find(is_room_ ? room_ : event.user);
    if (found == callbacks_.end()) return;
    for (const auto& callback : found->second) callback(change);
  }
  std::size_t notifications() const { return notifications_; }

 private:
  void listen(const std::string& id) {
    callbacks_[id].push_back([this](const UserPresenceChanged& change) {
      ++notifications_;
      bytes_ += change.after->status.size();
    });
  }

  std::unordered_map<std::string, std::vector<std::function<void(const UserPresenceChanged&)>>> callbacks_;
  std::unordered_map<std::string, User> users_;
  std::size_t notifications_ = 0, bytes_ = 0;
  const std::string room_ = "room:lobby";
  bool is_room_ = false;
};

template <class Audience, class Scene>
struct Notifying {
  explicit Notifying(std::size_t) : audience(Scene()) {}
  Audience audience;
  Statuses statuses;
};

/// Per notification.
template <class Audience, class Scene>
void register_notifying(const std::string& name) {
  register_round("live/notify/" + name + "/" + std::to_string(viewers), [](Stopwatch& watch) {
    auto& world = cached<Notifying<Audience, Scene>>(0);
    std::vector<PresenceEvent> events;
    for (std::size_t i = 0; i < 2 * Scene::changes; ++i) events.push_back(world.statuses.next());
    for (std::size_t i = 0; i < Scene::changes; ++i) world.audience.change(events[i]);
    const std::size_t before = world.audience.notifications();
    watch.start();
    for (std::size_t i = Scene::changes; i < events.size(); ++i) world.audience.change(events[i]);
    watch.stop();
    return world.audience.notifications() - before;
  });
}

// Events. All ways fold the same batches.

/// How long after one event the next one comes: in the mix at the rate of the workload, so that sessions time out.
constexpr Duration gap_of(Kinds kinds, std::size_t users) {
  return kinds == Kinds::mixed ? Duration::from_ns(1000000000 / static_cast<std::int64_t>(events_per_second(users)))
                               : Duration::from_ns(100);
}

class Applying {
 public:
  explicit Applying(Snapshot&& snapshot) : snapshot_(std::move(snapshot)) {}

  void fold(const std::vector<PresenceEventView>& events, Tally& tally) {
    OneAtATime::fold(snapshot_, events, tally);
    OneAtATime::tick(snapshot_, events.back().at);
  }

 protected:
  Snapshot snapshot_;
};

class Dispatching {
 public:
  explicit Dispatching(Snapshot&& snapshot) : store_(std::move(snapshot)) {}

  void fold(const std::vector<PresenceEventView>& events, Tally& tally) {
    for (const PresenceEventView& event : events) tally.count(store_.dispatch(event));
  }

 protected:
  Dispatching(Snapshot&& snapshot, const StoreOptions& options) : store_(std::move(snapshot), options) {}
  Store store_;
};

class DispatchingTracked : public Dispatching {
 public:
  explicit DispatchingTracked(Snapshot&& snapshot)
      : Dispatching(std::move(snapshot)),
        subscription_(store_.on_session_ended([this](const SessionEnded&) { ++ended_; })) {}

 private:
  Subscription subscription_;
  std::size_t ended_ = 0;
};

/// Calls `fn(first, last, now)` with each 256 events.
template <class Fn>
void each_part(const std::vector<PresenceEventView>& events, Fn&& fn) {
  constexpr std::size_t part = 256;
  static_assert(batch_size % part == 0, "a batch must be made of whole parts");
  for (std::size_t first = 0; first < events.size(); first += part) {
    const PresenceEventView* const begin = events.data() + first;
    fn(begin, begin + part, begin[part - 1].at);
  }
}

class ApplyingParts : public Applying {
 public:
  using Applying::Applying;
  void fold(const std::vector<PresenceEventView>& events, Tally& tally) {
    each_part(events, [&](const PresenceEventView* first, const PresenceEventView* last, Timestamp now) {
      OneAtATime::tick(snapshot_, now);
      std::size_t changes = 0;
      tally += presence::apply(snapshot_, first, last, [&](const presence::UserPresenceChangedView&) { ++changes; });
      benchmark::DoNotOptimize(changes);
    });
  }
};

template <bool keep_order>
class DispatchingParts : public Dispatching {
 public:
  explicit DispatchingParts(Snapshot&& snapshot) : Dispatching(std::move(snapshot), options()) {}
  void fold(const std::vector<PresenceEventView>& events, Tally& tally) {
    each_part(events, [&](const PresenceEventView* first, const PresenceEventView* last, Timestamp now) {
      tally += store_.dispatch(first, last, now);
    });
  }

 private:
  static StoreOptions options() {
    StoreOptions options;
    options.keep_order_of_frame = keep_order;
    return options;
  }
};

template <class Way, Kinds kinds>
class EventWorld {
 public:
  explicit EventWorld(std::size_t users)
      : stream_(cached_draws<Choice::uniform, kinds>(users), clock_, gap_of(kinds, users)),
        way_(connected_users(users, kinds == Kinds::mixed ? Duration::from_s(30) : Duration(), 2)) {
    // After ten seconds hardly anything is left of the beginning, in which nobody sent anything.
    const std::size_t batches = kinds == Kinds::mixed ? 10 * events_per_second(users) / batch_size : 0;
    Tally tally;
    for (std::size_t i = 0; i < batches; ++i) way_.fold(stream_.next(), tally);
  }

  std::size_t measure(Stopwatch& watch) {
    Tally tally;
    const std::size_t events =
        measure_batches(watch, stream_, [&](const std::vector<PresenceEventView>& batch) { way_.fold(batch, tally); });
    require_applied(tally);
    return events;
  }

 private:
  Timestamp clock_ = start;
  Stream stream_;
  Way way_;
};

template <class Way, Kinds kinds>
void register_way(const std::string& name, std::size_t users) {
  register_round("live/" + name + "/" + std::to_string(users),
                 [users](Stopwatch& watch) { return cached<EventWorld<Way, kinds>>(users).measure(watch); });
}

// The question when to wake up next, after each heartbeat. Every user has one session, which sends one each 25 s.

enum class Question { none, next_deadline, next_wakeup };

template <Question question>
class Asking {
 public:
  explicit Asking(std::size_t users)
      : order_(shuffled_users(users, 7)),
        store_(workload_rules()),
        subscription_(store_.on_session_ended([this](const SessionEnded&) { ++ended_; })) {
    for (std::size_t i = 0; i < users; ++i) step(EventType::connect);
    for (std::size_t i = 0; i < users; ++i) step(EventType::heartbeat);
  }

  /// Per event. A quarter of a turn as warming up, and as much measured.
  std::size_t measure(Stopwatch& watch) {
    const std::size_t steps = order_.size() / 4;
    for (std::size_t i = 0; i < steps; ++i) step(EventType::heartbeat);
    watch.start();
    for (std::size_t i = 0; i < steps; ++i) step(EventType::heartbeat);
    watch.stop();
    require(ended_ == 0, "a session ended although it sent heartbeats");
    return steps;
  }

 private:
  void step(EventType type) {
    if (at_ == order_.size()) at_ = 0;
    ids_.write(order_[at_++], 0);
    clock_ += Duration::from_ns(Duration::from_s(25).ns() / static_cast<std::int64_t>(order_.size()));
    PresenceEventView event = PresenceEventView::heartbeat(ids_.user(), ids_.session(), clock_);
    event.type = type;
    store_.dispatch(event);
    if (question == Question::next_deadline) benchmark::DoNotOptimize(store_.next_deadline());
    if (question == Question::next_wakeup) benchmark::DoNotOptimize(store_.next_wakeup());
  }

  std::vector<std::uint32_t> order_;
  Store store_;
  std::size_t ended_ = 0, at_ = 0;
  Subscription subscription_;
  Timestamp clock_ = start;
  Ids ids_;
};

template <Question question>
void register_asking(const std::string& name, std::size_t users) {
  register_round("live/wakeup/" + name + "/" + std::to_string(users),
                 [users](Stopwatch& watch) { return cached<Asking<question>>(users).measure(watch); });
}

}  // namespace

void register_live() {
  register_notifying<StoreAudience, Friends>("friends");
  register_notifying<PlainAudience, Friends>("friends_plain");
  register_notifying<StoreAudience, Room>("room");
  register_notifying<PlainAudience, Room>("room_plain");
  for (const std::size_t users : {std::size_t{10000}, std::size_t{100000}}) {
    register_way<Applying, Kinds::heartbeats>("apply/heartbeat", users);
    register_way<Dispatching, Kinds::heartbeats>("dispatch/heartbeat", users);
    register_way<DispatchingTracked, Kinds::heartbeats>("dispatch_tracked/heartbeat", users);
    register_way<Applying, Kinds::statuses>("apply/status", users);
    register_way<Dispatching, Kinds::statuses>("dispatch/status", users);
    register_way<Applying, Kinds::mixed>("apply/mix", users);
    register_way<Dispatching, Kinds::mixed>("dispatch/mix", users);
    register_way<DispatchingTracked, Kinds::mixed>("dispatch_tracked/mix", users);
    register_way<ApplyingParts, Kinds::mixed>("apply_256/mix", users);
    register_way<DispatchingParts<true>, Kinds::mixed>("dispatch_256/mix", users);
    register_way<DispatchingParts<false>, Kinds::mixed>("dispatch_256_any_order/mix", users);
    register_asking<Question::none>("not_asked", users);
    register_asking<Question::next_deadline>("next_deadline", users);
    register_asking<Question::next_wakeup>("next_wakeup", users);
  }
}

}  // namespace bench
