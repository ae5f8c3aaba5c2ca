// SPDX-License-Identifier: MIT

// Reads of users of one or two sessions and a short status, beside a bare map that finds the user and, for writes,
// stores a timestamp.

#include "baselines.hpp"
#include "harness.hpp"

#include <presence/presence.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace bench {
namespace {

constexpr std::string_view short_status = "out for lunch";

Snapshot with_statuses(std::size_t users) {
  Snapshot snapshot = connected_users(users, Duration::from_s(20), 2);
  Ids ids;
  Tally tally;
  for (std::uint32_t user = 0; user < users; ++user) {
    ids.write(user, 0);
    PresenceEventView event;
    event.type = EventType::set_status;
    event.user = ids.user();
    event.at = start;
    event.status = short_status;
    tally += presence::apply(snapshot, &event, &event + 1);
  }
  require_applied(tally);
  return snapshot;
}

struct ReadWorld {
  explicit ReadWorld(std::size_t users) : snapshot(with_statuses(users)), map(users_in_map<FastMap>(users, 2)) {}
  const Snapshot snapshot;
  FastMap::Map map;
  Timestamp clock = start;
};

/// Reads the users of batches of events one by one, or all of a batch at once.
template <class Read>
std::size_t read_batches(std::size_t users, Stopwatch& watch, Read&& read) {
  auto& world = cached<ReadWorld>(users);
  Stream stream(cached_draws<Choice::uniform, Kinds::heartbeats>(users), world.clock, Duration());
  std::vector<std::string_view> ids;
  std::size_t seen = 0;
  const std::size_t reads = measure_batches(watch, stream, [&](const std::vector<PresenceEventView>& batch) {
    ids.clear();
    for (const PresenceEventView& event : batch) ids.push_back(event.user);
    seen += read(world, ids);
  });
  require(seen == (warming_batches + measured_batches) * batch_size, "somebody was not found");
  return reads;
}

std::size_t map_find(ReadWorld& world, const std::vector<std::string_view>& ids) {
  std::size_t seen = 0;
  for (const std::string_view id : ids) {
    const auto found = FastMap::find(world.map, id);
    seen += found != world.map.end() && found->second != Timestamp() ? 1u : 0u;
  }
  return seen;
}
std::size_t read_online(ReadWorld& world, const std::vector<std::string_view>& ids) {
  std::size_t seen = 0;
  for (const std::string_view id : ids) seen += world.snapshot.online(id) ? 1u : 0u;
  return seen;
}
/// Of a User or a UserView.
template <class AnyUser>
bool is_as_expected(const AnyUser& user) {
  return user.online && user.status.size() == short_status.size();
}
template <class Look>
std::size_t read_each(const std::vector<std::string_view>& ids, Look look) {
  std::size_t seen = 0;
  for (const std::string_view id : ids) {
    const auto user = look(id);
    seen += user && is_as_expected(*user) ? 1u : 0u;
  }
  return seen;
}
std::size_t read_view(ReadWorld& world, const std::vector<std::string_view>& ids) {
  return read_each(ids, [&world](std::string_view id) { return world.snapshot.view(id); });
}
std::size_t read_find(ReadWorld& world, const std::vector<std::string_view>& ids) {
  return read_each(ids, [&world](std::string_view id) { return world.snapshot.find(id); });
}
std::size_t read_together(ReadWorld& world, const std::vector<std::string_view>& ids) {
  std::size_t seen = 0;
  world.snapshot.views(ids, [&seen](const presence::UserView& user) { seen += is_as_expected(user) ? 1u : 0u; });
  return seen;
}

std::size_t iterate(std::size_t users, Stopwatch& watch) {
  const Snapshot& snapshot = cached<ReadWorld>(users).snapshot;
  std::size_t online = 0, bytes = 0;
  watch.start();
  for (const presence::UserView user : snapshot) {
    online += user.online ? 1u : 0u;
    bytes += user.status.size();
  }
  watch.stop();
  require(online == users && bytes == users * short_status.size(), "somebody was passed over");
  return users;
}

/// The thirty users online who were active last: all of it, not per user.
std::size_t first_page(std::size_t users, Stopwatch& watch) {
  const Snapshot& snapshot = cached<ReadWorld>(users).snapshot;
  presence::UserQuery asked;
  asked.filter = presence::eq("online", true);
  asked.sort = {{"last_active", presence::Order::descending}};
  asked.limit = 30;
  constexpr std::size_t pages = 5;
  std::size_t found = 0;
  watch.start();
  for (std::size_t i = 0; i < pages; ++i)
    found += presence::query(snapshot, asked, presence::nobody, [](const presence::UserView&) {});
  watch.stop();
  require(found == 30 * pages, "the page is not full");
  return pages;
}

}  // namespace

void register_reads() {
  for (const std::size_t users : all_sizes) {
    const auto add = [users](const char* name, auto read) {
      register_round(std::string("reads/") + name + "/" + std::to_string(users),
                     [users, read](Stopwatch& watch) { return read_batches(users, watch, read); });
    };
    add("map", map_find);
    add("online", read_online);
    add("view", read_view);
    add("find", read_find);
    add("together", read_together);
    register_round("reads/iterate/" + std::to_string(users),
                   [users](Stopwatch& watch) { return iterate(users, watch); });
    register_round("reads/first_page/" + std::to_string(users),
                   [users](Stopwatch& watch) { return first_page(users, watch); });
  }
}

}  // namespace bench
