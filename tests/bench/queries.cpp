// SPDX-License-Identifier: MIT

// Filters over objects, beside the lambda that somebody would write by hand; users looked up by their ids; and changes
// delivered to many viewers.

#include "harness.hpp"

#include <presence/presence.hpp>

#include <string>
#include <unordered_set>
#include <vector>

namespace bench {
namespace {

using presence::Channel;
using presence::Filter;
using presence::Store;
using presence::UserPresenceChanged;
using presence::UserQuery;
using presence::Viewer;

constexpr std::size_t objects = 100000;

std::string user_name(std::size_t i) { return "user-" + std::to_string(100000 + i); }

/// Channels of four types with two to five members each.
const std::vector<Channel>& channels() {
  static const auto& all = *new std::vector<Channel>([] {
    std::vector<Channel> made;
    const char* const types[] = {"messaging", "livestream", "team", "gaming"};
    std::uint64_t state = 1;
    const auto next = [&](std::size_t n) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      return static_cast<std::size_t>((state >> 33) % n);
    };
    for (std::size_t i = 0; i < objects; ++i) {
      Channel channel;
      channel.type = types[next(4)];
      channel.id = "channel-" + std::to_string(i);
      for (std::size_t members = 2 + next(4); members > 0; --members)
        channel.members.push_back(user_name(next(20000)));
      made.push_back(std::move(channel));
    }
    return made;
  }());
  return all;
}

template <class Holds>
std::size_t count_channels(Stopwatch& watch, const Holds& holds, std::size_t expected_at_least) {
  const std::vector<Channel>& all = channels();
  std::size_t found = 0;
  watch.start();
  for (const Channel& channel : all) found += holds(channel) ? 1u : 0u;
  watch.stop();
  require(found >= expected_at_least, "the filter found too few");
  return objects;
}

std::vector<std::string> hundred_ids() {
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < 100; ++i) ids.push_back("channel-" + std::to_string(i * 997));
  return ids;
}

std::size_t filter_messaging(Stopwatch& watch) {
  const auto holds = presence::compile<Channel>(
      presence::and_({presence::eq("type", "messaging"), presence::in("members", {user_name(7), user_name(19999)})}));
  return count_channels(watch, holds, 1);
}
std::size_t lambda_messaging(Stopwatch& watch) {
  const std::string john = user_name(7), jack = user_name(19999);
  return count_channels(
      watch,
      [&](const Channel& channel) {
        if (channel.type != "messaging") return false;
        for (const std::string& member : channel.members) {
          if (member == john || member == jack) return true;
        }
        return false;
      },
      1);
}
std::size_t filter_ids(Stopwatch& watch) {
  const auto holds = presence::compile<Channel>(presence::in("id", hundred_ids()));
  return count_channels(watch, holds, 100);
}
std::size_t lambda_ids(Stopwatch& watch) {
  const std::vector<std::string> ids = hundred_ids();
  const std::unordered_set<std::string> set(ids.begin(), ids.end());
  return count_channels(watch, [&](const Channel& channel) { return set.count(channel.id) != 0; }, 100);
}

struct Everybody {
  explicit Everybody(std::size_t users) : snapshot(connected_users(users, Duration(), 2)) {}
  const Snapshot snapshot;
};

/// A page of a hundred users by their ids, out of all: per user in the page.
std::size_t look_up(std::size_t users, Stopwatch& watch) {
  const Snapshot& snapshot = cached<Everybody>(users).snapshot;
  std::vector<std::string> ids;
  for (const presence::UserView& user : snapshot) {
    ids.emplace_back(user.id);
    if (ids.size() == 100) break;
  }
  UserQuery asked;
  asked.filter = presence::in("id", ids);
  asked.limit = 100;
  constexpr std::size_t pages = 100;
  std::size_t found = 0;
  watch.start();
  for (std::size_t i = 0; i < pages; ++i)
    found += presence::query(snapshot, asked, presence::nobody, [](const presence::UserView&) {});
  watch.stop();
  require(found == 100 * pages, "not everybody was found");
  return found;
}

/// Ten thousand viewers who watch a hundred users each, of a thousand; who hear of each change of a status.
struct Audience {
  static constexpr std::size_t viewers = 10000, users = 1000, watched = 100;

  explicit Audience(std::size_t) : store(workload_rules()) {
    store.advance(start);
    for (std::size_t i = 0; i < users; ++i)
      require(accepted(store.dispatch(presence::PresenceEvent::connect(user_name(i), "s", start))), "refused");
    for (std::size_t v = 0; v < viewers; ++v) {
      std::vector<std::string> ids;
      for (std::size_t i = 0; i < watched; ++i) ids.push_back(user_name((v * 7 + i * 10) % users));
      UserQuery asked;
      asked.filter = presence::in("id", ids);
      asked.limit = watched;
      asked.presence = true;
      const std::string name = "viewer-" + std::to_string(v);
      require(store.query_users(asked, Viewer(name)).size() == watched, "not everybody was found");
      subscriptions.push_back(store.subscribe<UserPresenceChanged>(
          Viewer(name), [this](const UserPresenceChanged& change) { heard += change.after->status.size(); }));
    }
  }

  Store store;
  std::vector<presence::Subscription> subscriptions;
  std::size_t heard = 0;
  std::size_t rounds = 0;
};

std::size_t deliver(Stopwatch& watch) {
  Audience& audience = cached<Audience>(0);
  const std::size_t before = audience.heard;
  const Timestamp now = start + Duration::from_ms(static_cast<std::int64_t>(++audience.rounds));
  std::vector<presence::PresenceEvent> events;
  const std::string text = audience.rounds % 2 == 0 ? "a" : "b";
  for (std::size_t i = 0; i < 200; ++i)
    events.push_back(presence::PresenceEvent::set_status(user_name(i * 5), text, now));
  watch.start();
  for (const presence::PresenceEvent& event : events) audience.store.dispatch(event);
  watch.stop();
  const std::size_t heard = audience.heard - before;
  require(heard >= 200 * Audience::viewers * Audience::watched / Audience::users / 2, "too few heard of it");
  return heard;
}

}  // namespace

void register_queries() {
  const std::string size = "/" + std::to_string(objects);
  register_round("queries/filter_messaging" + size, filter_messaging);
  register_round("queries/lambda_messaging" + size, lambda_messaging);
  register_round("queries/filter_ids" + size, filter_ids);
  register_round("queries/lambda_ids" + size, lambda_ids);
  register_round("queries/deliver" + size, deliver);
  for (const std::size_t users : all_sizes) {
    register_round("queries/look_up/" + std::to_string(users), [users](Stopwatch& watch) { return look_up(users, watch); });
  }
}

}  // namespace bench
