// SPDX-License-Identifier: MIT

// The whole workload, and each kind of event by itself.

#include "baselines.hpp"
#include "harness.hpp"

namespace bench {
namespace {

constexpr auto half_a_minute = Duration::from_s(30);

/// Something that folds events and passes the time once a second.
class Ticking {
 public:
  explicit Ticking(std::size_t users)
      : batches_a_second_(events_per_second(users) / batch_size),
        stream_(cached_draws<Choice::uniform, Kinds::mixed>(users), clock_,
                Duration::from_ns(1000000000 / static_cast<std::int64_t>(events_per_second(users)))) {}

  Stream& stream() { return stream_; }
  bool second_is_over() { return ++batches_ % batches_a_second_ == 0; }
  std::size_t batches_in(std::size_t seconds) const { return seconds * batches_a_second_; }

 private:
  Timestamp clock_ = start;
  std::size_t batches_ = 0, batches_a_second_;
  Stream stream_;
};

// Sessions begin connected in the half minute before the start, so that from the first second on some end. Ten seconds
// later hardly anything is left of this beginning.
constexpr std::size_t seconds_to_settle = 10;

class LibraryWorld {
 public:
  explicit LibraryWorld(std::size_t users) : time_(users), snapshot_(connected_users(users, half_a_minute, 2)) {
    Tally tally;
    for (std::size_t i = 0; i < time_.batches_in(seconds_to_settle); ++i)
      fold<BatchedUnheard>(time_.stream().next(), tally);
    require_applied(tally);
  }

  template <class Way>
  std::size_t measure(Stopwatch& watch) {
    Tally tally;
    const std::size_t events = measure_batches(
        watch, time_.stream(), [&](const std::vector<PresenceEventView>& batch) { fold<Way>(batch, tally); });
    require_applied(tally);
    return events;
  }

 private:
  template <class Way>
  void fold(const std::vector<PresenceEventView>& batch, Tally& tally) {
    Way::fold(snapshot_, batch, tally);
    if (time_.second_is_over()) Way::tick(snapshot_, time_.stream().now());
  }

  Ticking time_;
  Snapshot snapshot_;
};

class MapsWorld {
 public:
  explicit MapsWorld(std::size_t users) : time_(users) {
    each_connect(users, half_a_minute, 2, [&](const PresenceEventView& event) { maps_.fold(event); });
    for (std::size_t i = 0; i < time_.batches_in(seconds_to_settle); ++i) fold(time_.stream().next());
  }

  std::size_t measure(Stopwatch& watch) {
    return measure_batches(watch, time_.stream(), [&](const std::vector<PresenceEventView>& batch) { fold(batch); });
  }

 private:
  void fold(const std::vector<PresenceEventView>& batch) {
    for (const PresenceEventView& event : batch) maps_.fold(event);
    if (time_.second_is_over()) maps_.tick(time_.stream().now());
    benchmark::DoNotOptimize(maps_.online_count());
  }

  Ticking time_;
  MapsInMap maps_;
};

template <class Way>
void register_way(const std::string& way, std::size_t users) {
  register_round("mix/" + way + "/" + std::to_string(users),
                 [users](Stopwatch& watch) { return cached<LibraryWorld>(users).measure<Way>(watch); });
}

// Each kind by itself, one event at a time with somebody who listens, in a world without timeouts.

enum class Users {
  plain,
  idle,  ///< whose sessions become idle by themselves
  rich,  ///< with two sessions that say how available they are, and what they do
};

/// What the sessions of a rich user say on a connect.
void enrich(PresenceEventView& event, const presence::AttributesView& activity) {
  event.activity = activity;
  event.availability = event.session.back() == 'a' ? presence::Availability::busy : presence::Availability::away;
}

template <Users kind>
struct KindsWorld {
  explicit KindsWorld(std::size_t users) {
    Rules rules = workload_rules();
    if (kind == Users::idle) rules.idle_after = Duration::from_s(300);
    snapshot = reduce(Snapshot(rules), start);
    for (std::uint32_t user = 0; kind == Users::rich && user < users; ++user) {
      Ids ids;
      ids.write(user, 0);
      activities.push_back(activity_of(ids.user()));
    }
    Tally tally;
    const auto connect = [&](PresenceEventView event) { tally += presence::apply(snapshot, &event, &event + 1); };
    if (kind != Users::rich) each_connect(users, Duration(), 2, connect);
    for (std::uint32_t user = 0; kind == Users::rich && user < users; ++user) {
      for (std::uint32_t session = 0; session < 2; ++session) {
        Ids ids;
        ids.write(user, session);
        auto event = PresenceEventView::connect(ids.user(), ids.session(), start);
        enrich(event, activities[user]);
        connect(event);
      }
    }
    require_applied(tally);
    require(snapshot.online_count() == users, "not all users came online");
  }
  Snapshot snapshot;
  std::vector<presence::Attributes> activities;  // of rich users
  Timestamp clock = start;
};

constexpr auto kinds_gap = Duration::from_ns(100);

template <Kinds kinds, Users kind_of_users = Users::plain>
void register_kind(const std::string& kind, std::size_t users) {
  register_round("kinds/" + kind + "/" + std::to_string(users), [users](Stopwatch& watch) {
    auto& world = cached<KindsWorld<kind_of_users>>(users);
    Stream stream(cached_draws<Choice::uniform, kinds>(users), world.clock, kinds_gap);
    Tally tally;
    const std::size_t events = measure_batches(watch, stream, [&](const std::vector<PresenceEventView>& batch) {
      OneAtATime::fold(world.snapshot, batch, tally);
      OneAtATime::tick(world.snapshot, stream.now());
    });
    require_applied(tally);
    return events;
  });
}

/// Sessions leave and come back, so that there are always some to leave; only one of both is measured.
template <Users kind_of_users = Users::plain>
void register_leaving(EventType measured, const std::string& kind, std::size_t users) {
  register_round("kinds/" + kind + "/" + std::to_string(users), [measured, users](Stopwatch& watch) {
    auto& world = cached<KindsWorld<kind_of_users>>(users);
    Stream stream(cached_draws<Choice::uniform, Kinds::heartbeats>(users), world.clock, kinds_gap);
    Tally tally;
    for (std::size_t i = 0; i < measured_batches; ++i) {
      stream.next();
      for (const EventType type : {EventType::disconnect, EventType::connect}) {
        std::vector<PresenceEventView> batch = stream.again(type);
        for (std::size_t k = 0; kind_of_users == Users::rich && type == EventType::connect && k < batch.size(); ++k)
          enrich(batch[k], world.activities[stream.user(k)]);
        Stopwatch ignored;
        Stopwatch& used = type == measured ? watch : ignored;
        used.start();
        OneAtATime::fold(world.snapshot, batch, tally);
        used.stop();
        OneAtATime::tick(world.snapshot, stream.now());
      }
    }
    require_applied(tally);
    return measured_batches * batch_size;
  });
}

}  // namespace

void register_mix() {
  for (const std::size_t users : all_sizes) {
    register_way<OneAtATime>("one", users);
    register_way<OneAtATimeUnheard>("one_unheard", users);
    register_way<Batched>("batched_heard", users);
    register_way<BatchedUnheard>("batched", users);
    if (users < 1000000) {
      register_round("mix/std_maps/" + std::to_string(users),
                     [users](Stopwatch& watch) { return cached<MapsWorld>(users).measure(watch); });
    }
  }
  constexpr std::size_t users = 100000;
  register_kind<Kinds::heartbeats>("heartbeat", users);
  register_kind<Kinds::statuses>("status", users);
  register_leaving(EventType::connect, "connect", users);
  register_leaving(EventType::disconnect, "disconnect", users);
  register_kind<Kinds::heartbeats, Users::idle>("heartbeat_idle", users);
  register_leaving<Users::idle>(EventType::connect, "connect_idle", users);
  register_kind<Kinds::heartbeats, Users::rich>("heartbeat_rich", users);
  register_leaving<Users::rich>(EventType::connect, "connect_rich", users);
}

}  // namespace bench
