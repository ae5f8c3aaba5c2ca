// SPDX-License-Identifier: MIT

// What is counted, not timed: what is allocated per user, per event in a world that has normal_form_of, and per member
// of a channel whose members watch each other; and what iterates over the wire. Prints one object of JSON.
// usage: memory [users]      (one million)

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace host {

/// Of everything the program asks for: what is inside a Snapshot comes through the library's own hooks, anything else
/// that a call may need through operator new.
struct Memory {
  std::size_t asked = 0, bytes = 0;
};
inline Memory memory;

inline void* allocate(std::size_t bytes, std::size_t alignment) {
  ++memory.asked;
  memory.bytes += bytes;
  void* const block = alignment <= alignof(std::max_align_t)
                          ? std::malloc(bytes)
                          : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (block == nullptr) std::abort();
  return block;
}

inline void free(void* block, std::size_t bytes, std::size_t) noexcept {
  memory.bytes -= bytes;
  std::free(block);
}

}  // namespace host

#define PRESENCE_ALLOC(bytes, alignment) host::allocate(bytes, alignment)
#define PRESENCE_FREE(block, bytes, alignment) host::free(block, bytes, alignment)

#include "workload.hpp"

#include <presence/live.hpp>

#include <sys/resource.h>

#include <utility>

namespace {

std::size_t news = 0, new_bytes = 0;
constexpr std::size_t size_in_front = alignof(std::max_align_t);  // each block is preceded by its size

}  // namespace

void* operator new(std::size_t bytes) {
  ++news;
  new_bytes += bytes;
  void* const block = std::malloc(size_in_front + bytes);
  if (block == nullptr) std::abort();
  std::memcpy(block, &bytes, sizeof(bytes));
  return static_cast<char*>(block) + size_in_front;
}
void operator delete(void* block) noexcept {
  if (block == nullptr) return;
  void* const all = static_cast<char*>(block) - size_in_front;
  std::size_t bytes = 0;
  std::memcpy(&bytes, all, sizeof(bytes));
  new_bytes -= bytes;
  std::free(all);
}
void operator delete(void* block, std::size_t) noexcept { operator delete(block); }

namespace {

using namespace bench;

void require(bool holds, const char* message) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", message);
  std::exit(EXIT_FAILURE);
}

std::size_t bytes_in_use() { return host::memory.bytes + new_bytes; }

double peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

Snapshot connected_users(std::size_t users) {
  Snapshot snapshot = reduce(Snapshot(workload_rules()), start);
  each_connect(users, Duration(), 2, [&](const PresenceEventView& event) {
    require(presence::apply(snapshot, &event, &event + 1).applied == 1, "a connect was not applied");
  });
  return snapshot;
}

/// What a user costs who has more than sessions, in bytes.
struct Rich {
  static constexpr std::size_t users = 10000;
  double plain = 0, idle = 0;  // idle: sessions become idle by themselves
  double status = 0;           // of 15 bytes
  double activity = 0;         // in one session, of 100 bytes of JSON
  double sessions = 0;         // each with an availability and an activity
  double data = 0;             // five names

  Rich() {
    Rules rules = workload_rules();
    plain = per_user(rules, [](PresenceEventView&) {});
    require(presence::to_json(presence::Value::object(activity_of("user-000000"))).size() == 100, "not 100 bytes");
    Attributes doing;
    activity = per_user(rules, [&](PresenceEventView& event) {
      if (event.session.back() != 'a') return;
      doing = activity_of(event.user);
      event.activity = presence::AttributesView(doing);
    });
    sessions = per_user(rules, [&](PresenceEventView& event) {
      doing = activity_of(event.user);
      event.activity = presence::AttributesView(doing);
      event.availability = presence::Availability::busy;
    });
    const auto nothing_more = [](PresenceEventView&) {};
    status = per_user(rules, nothing_more, Later::status);
    data = per_user(rules, nothing_more, Later::data);
    rules.idle_after = Duration::from_s(300);
    idle = per_user(rules, nothing_more);
  }

 private:
  using Attributes = presence::Attributes;
  /// What each user says after connecting.
  enum class Later { nothing, status, data };

  template <class Change>
  static double per_user(const Rules& rules, Change change, Later later = Later::nothing) {
    const std::size_t before = bytes_in_use();
    Snapshot snapshot = reduce(Snapshot(rules), start);
    each_connect(users, Duration(), 2, [&](PresenceEventView event) {
      change(event);
      require(presence::apply(snapshot, &event, &event + 1).applied == 1, "a connect was not applied");
    });
    const auto apply = [&snapshot](const PresenceEventView& event) {
      require(presence::apply(snapshot, &event, &event + 1).applied == 1, "a status or data was not applied");
    };
    Ids ids;
    for (std::uint32_t user = 0; later != Later::nothing && user < users; ++user) {
      ids.write(user, 0);
      if (later == Later::status) {
        apply(PresenceEventView::set_status(ids.user(), "out until three", start));
        continue;
      }
      each_data(ids.user(), [&](std::string_view name, const presence::Value& value) {
        apply(PresenceEventView::set_data(ids.user(), name, value, start));
      });
    }
    return static_cast<double>(bytes_in_use() - before) / static_cast<double>(users);
  }
};

/// Allocations per event of events of one type, each of another user, half of them with somebody who listens.
double allocations(Snapshot& snapshot, std::size_t users, Timestamp& clock, EventType type) {
  constexpr std::size_t count = 10000;
  Ids ids;
  Tally tally;
  const std::size_t before = host::memory.asked + news;
  for (std::size_t i = 0; i < count; ++i) {
    ids.write(static_cast<std::uint32_t>(i * 7919 % users), 0);
    clock += Duration::from_ns(100);
    PresenceEventView event;
    event.type = type;
    event.user = ids.user();
    event.session = ids.session();
    event.at = clock;
    if (i % 2 == 0) {
      tally += presence::apply(snapshot, &event, &event + 1);
    } else {
      tally.count(presence::apply(snapshot, event, [](const presence::UserPresenceChangedView&) {}));
    }
  }
  require(tally.applied == count, "events were not applied");
  return static_cast<double>(host::memory.asked + news - before) / static_cast<double>(count);
}

/// Another node's, which so many of the users have told something else.
Snapshot elsewhere(Snapshot snapshot, std::size_t users, std::size_t differences, Timestamp at) {
  Ids ids;
  for (std::size_t i = 0; i < differences; ++i) {
    ids.write(static_cast<std::uint32_t>(i * 7919 % users), 0);
    const auto event = PresenceEventView::heartbeat(ids.user(), ids.session(),
                                                    at + Duration::from_ms(static_cast<std::int64_t>(i % 64)));
    require(presence::apply(snapshot, &event, &event + 1).applied == 1, "a heartbeat was not applied");
  }
  return snapshot;
}

/// What two nodes say to each other until they agree.
struct Exchange {
  std::size_t differences = 0, messages = 0, bytes = 0;

  Exchange(const Snapshot& snapshot, std::size_t users, std::size_t of) : differences(of) {
    Snapshot nodes[] = {snapshot, elsewhere(snapshot, users, of, start + Duration::from_s(1))};
    std::string message = sketch(nodes[0]);
    while (!message.empty()) {
      ++messages;
      bytes += message.size();
      auto answer = reconcile(nodes[messages % 2], message, nodes[0].now().value_or(start));
      require(answer.has_value(), "a message cannot be read");
      message = *answer;
    }
    require(nodes[0] == nodes[1], "two nodes still differ");
  }
};

/// What a channel costs per member, after all its members have begun to watch it and each other.
struct Room {
  static constexpr std::size_t members = 10000;
  double ids = 0;            // a plain list of the members
  double users = 0;          // if the viewers are users: all that the store keeps of the channel and of the watches
  double sessions = 0;       // if they are sessions, whose timeouts the store then tracks
  double subscriptions = 0;  // a subscription each, with a callback of 8 bytes

  Room() {
    const std::size_t before = bytes_in_use();
    std::vector<std::string> list;
    list.reserve(members);
    Ids written;
    for (std::uint32_t member = 0; member < members; ++member) {
      written.write(member, 0);
      list.emplace_back(written.user());
    }
    ids = per_member(before);
    double subscribed = 0;
    users = watched(list, false, subscriptions);
    sessions = watched(list, true, subscribed);
  }

 private:
  static double per_member(std::size_t before) {
    return static_cast<double>(bytes_in_use() - before) / static_cast<double>(members);
  }
  static double watched(const std::vector<std::string>& list, bool as_sessions, double& subscribed) {
    presence::Store store(connected_users(members));
    presence::WatchChannel room;
    room.type = "room";
    room.id = "lobby";
    room.presence = true;
    room.members = list;
    const auto viewer_of = [&](std::uint32_t member, Ids& written) {
      written.write(member, 0);
      return as_sessions ? presence::Viewer(list[member], written.session()) : presence::Viewer(list[member]);
    };
    Ids written;
    const std::size_t before = bytes_in_use();
    for (std::uint32_t member = 0; member < members; ++member)
      require(store.watch(room, viewer_of(member, written)).has_value(), "a member cannot watch");
    const double bytes = per_member(before);
    require(store.watcher_count("room:lobby") == members, "not all members watch");

    std::vector<presence::Subscription> subscriptions;
    subscriptions.reserve(members);
    std::size_t heard = 0;
    const std::size_t unsubscribed = bytes_in_use();
    for (std::uint32_t member = 0; member < members; ++member) {
      subscriptions.push_back(store.subscribe<presence::UserPresenceChanged>(
          viewer_of(member, written), [&heard](const presence::UserPresenceChanged&) { ++heard; }));
    }
    subscribed = per_member(unsubscribed);
    return bytes;
  }
};

}  // namespace

int main(int argc, char** argv) {
  const std::size_t users = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1000000;
  require(users >= 10000 && users <= 1000000, "usage: memory [users, 10000 to 1000000]");

  const double peak_before = peak_megabytes();
  const std::size_t bytes_before = host::memory.bytes;
  Snapshot snapshot = connected_users(users);
  const std::size_t bytes = host::memory.bytes - bytes_before;
  const double peak_after = peak_megabytes();

  const double encoded = static_cast<double>(encode(snapshot).size()) / static_cast<double>(users);
  const double for_others =
      static_cast<double>(encode_for(snapshot, presence::nobody).size()) / static_cast<double>(users);
  const std::size_t changes = 1000;
  const double delta =
      static_cast<double>(
          encode_delta(snapshot, elsewhere(snapshot, users, changes, start + Duration::from_s(1))).size()) /
      static_cast<double>(changes);
  const Exchange exchanges[] = {{snapshot, users, 1}, {snapshot, users, 100}, {snapshot, users, users / 100}};

  const Room room;
  const Rich rich;

  Timestamp clock = start;
  allocations(snapshot, users, clock, EventType::heartbeat);  // what is made at the first need may be made now
  const double heartbeat = allocations(snapshot, users, clock, EventType::heartbeat);
  allocations(snapshot, users, clock, EventType::disconnect);
  allocations(snapshot, users, clock, EventType::connect);
  const double disconnect = allocations(snapshot, users, clock, EventType::disconnect);
  const double third_connect = allocations(snapshot, users, clock, EventType::connect);
  allocations(snapshot, users, clock, EventType::disconnect);
  const double fourth_connect = allocations(snapshot, users, clock, EventType::connect);

  std::printf(
      "{\"users\": %zu, \"sessions\": %zu, \"bytes_per_user\": %.1f, \"peak_megabytes\": %.0f, "
      "\"peak_megabytes_before\": %.0f, \"allocations\": {\"heartbeat\": %g, \"disconnect\": %g, \"third_connect\": "
      "%g, \"fourth_connect\": %g}, "
      "\"room_bytes_per_member\": {\"ids\": %.1f, \"users\": %.1f, \"sessions\": %.1f, \"subscription\": %.1f}, "
      "\"rich_bytes_per_user\": {\"plain\": %.1f, \"status\": %.1f, \"idle\": %.1f, \"activity\": %.1f, \"sessions\": "
      "%.1f, \"data\": "
      "%.1f}, "
      "\"encoded_bytes\": {\"user\": %.1f, \"user_for_others\": %.1f, \"change\": %.1f}, \"exchanges\": [",
      users, sessions_among(users), static_cast<double>(bytes) / static_cast<double>(users), peak_after, peak_before,
      heartbeat, disconnect, third_connect, fourth_connect, room.ids, room.users, room.sessions, room.subscriptions,
      rich.plain, rich.status, rich.idle, rich.activity, rich.sessions, rich.data, encoded, for_others, delta);
  const char* separator = "";
  for (const Exchange& one : exchanges) {
    std::printf("%s{\"differences\": %zu, \"messages\": %zu, \"bytes\": %zu}", separator, one.differences, one.messages,
                one.bytes);
    separator = ", ";
  }
  std::puts("]}");
  return EXIT_SUCCESS;
}
