// SPDX-License-Identifier: MIT
// What test_costs.py counts the instructions of: only those inside `measured`.
#include "../unit/colliding_ids.hpp"

#include <presence/presence.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

using namespace presence;

namespace {

const Timestamp start = Timestamp::from_ms(1546858800000);

template <class Do>
__attribute__((noinline)) void measured(const Do& what) {
  what();
}

Snapshot at(Rules rules, Timestamp now) { return reduce(Snapshot(rules), now); }

/// Events of one user with so many live and ended sessions: `live` of them in turn.
void one_user(std::string_view what, std::size_t live, std::size_t ended, Duration grace) {
  Rules rules;
  rules.offline_grace = grace;
  Snapshot s = at(rules, start);
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < live + ended; ++i) ids.push_back("session-" + std::to_string(i * 37 % 997));
  std::int64_t ns = 0;
  const auto next = [&ns] { return start + Duration::from_ns(++ns); };
  for (std::size_t i = live; i < live + ended; ++i) {
    s = reduce(std::move(s), PresenceEventView::connect("john", ids[i], next()));
    s = reduce(std::move(s), PresenceEventView::disconnect("john", ids[i], next()));
  }
  for (std::size_t i = 0; i < live; ++i) s = reduce(std::move(s), PresenceEventView::connect("john", ids[i], next()));
  s = reduce(std::move(s), start + Duration::from_ms(1));
  ns = 1000000;
  const auto unread = [](const UserPresenceChangedView&) {};
  for (std::size_t i = 0; i < 200; ++i) {
    const std::string& id = ids[i * 7 % live];
    const PresenceEventView beat = PresenceEventView::heartbeat("john", id, next());
    const PresenceEventView end = PresenceEventView::disconnect("john", id, next());
    const PresenceEventView back = PresenceEventView::connect("john", id, next());
    const auto fold = [&](const PresenceEventView& event, std::string_view name) {
      if (what == name) {
        measured([&] { apply(s, event, unread); });
      } else {
        apply(s, event, unread);
      }
    };
    fold(beat, "heartbeat");
    fold(end, "disconnect");
    fold(back, "reconnect");
    fold(PresenceEventView::disconnect("john", id, next()), "second disconnect");
    fold(PresenceEventView::heartbeat("john", id, next()), "revival");
  }
  if (s.inspect("john")->sessions.size() != live + ended) std::exit(3);
}

/// Connects that are refused because so many users are there, of whom all are due by then.
void refused(std::string_view what, std::size_t users) {
  Rules rules;
  rules.max_users = static_cast<std::uint32_t>(users);
  if (what != "visible") rules.forget_after = Duration::from_s(100000);
  Snapshot s = at(rules, start);
  const bool hidden = what == "hidden";
  const auto hello = [&](std::string id, Timestamp when) {
    PresenceEvent event = PresenceEvent::connect(std::move(id), "s", when);
    if (hidden) event.invisible = true;
    return event;
  };
  for (std::size_t i = 0; i < users; ++i) s = reduce(std::move(s), hello("user" + std::to_string(i), start));
  std::vector<PresenceEvent> log;
  for (int i = 0; i < 2000; ++i) {
    const Timestamp when = start + Duration::from_s(i % 2 == 0 ? 2 + i / 100 : 50 + i);
    log.push_back(i % 20 == 0 ? PresenceEvent::heartbeat("user" + std::to_string(i % 20), "s", when)
                              : hello("new" + std::to_string(i), when));
  }
  Tally tally;
  measured([&] { tally = replay(s, log.begin(), log.end()); });
  if (tally.over_limit != 1900) std::exit(3);
}

std::vector<std::string> some_ids(std::string_view what, std::size_t count) {
  if (what == "same_hash") return colliding::same_hash(count);
  if (what == "same_hash_short") return colliding::same_hash_short(count);
  if (what == "same_hash_long") return colliding::same_hash_long(count, 8);
  return colliding::random_ids(count, what == "random_16" ? 16 : what == "random_32" ? 32 : 144);
}

Channel channel_of(const std::vector<std::string>& ids) {
  Channel channel;
  channel.type = "a";
  channel.id = "channel";
  channel.members = ids;
  return channel;
}

void ids(std::string_view what, std::string_view kind, std::size_t count) {
  const std::vector<std::string> all = some_ids(kind, count);
  const Channel channel = channel_of(all);
  Watches watches;
  const auto watch = [&] { watches.watch_channel(Viewer("jack"), channel); };
  const auto unwatch = [&] { watches.unwatch(Viewer("jack")); };
  std::size_t found = 0;
  const auto find = [&] {
    for (const std::string& id : all) found += watches.is_watched(id) ? 1u : 0u;
  };
  if (what == "watch") measured(watch);
  else watch();
  if (what == "is_watched") measured(find);
  else find();
  if (what == "unwatch") measured(unwatch);
  else unwatch();
  if (found != count || watches.watched_count() != 0) std::exit(3);
}

/// One viewer after the other comes to watch a user, those who are known the longest last; then they go again.
void viewers(std::size_t count) {
  const std::vector<std::string> all = colliding::random_ids(count, 12);
  const std::string user = "somebody everybody knows";
  Watches watches;
  for (const std::string& id : all) watches.watch_users(Viewer(std::string_view(id)), std::vector<std::string>{"first"});
  const std::vector<std::string_view> one{user};
  measured([&] {
    for (std::size_t i = all.size(); i-- > 0;) watches.watch_users(Viewer(std::string_view(all[i])), one);
    for (const std::string& id : all) watches.unwatch(Viewer(std::string_view(id)));
  });
}

/// A viewer comes to watch one user after the other, those who are known the longest last.
void watched(std::size_t count, std::size_t limit) {
  const std::vector<std::string> all = colliding::random_ids(count, 12);
  WatchLimits limits;
  limits.max_users_per_watch = limit;
  Watches watches(limits);
  for (const std::string& id : all) watches.watch_users(Viewer("first"), std::vector<std::string_view>{id});
  const std::vector<std::string> reversed(all.rbegin(), all.rend());
  measured([&] {
    if (limit < count) {
      watches.watch_channel(Viewer("jack"), channel_of(reversed));
    } else {
      for (const std::string& id : reversed) watches.watch_users(Viewer("jack"), std::vector<std::string_view>{id});
    }
    watches.unwatch(Viewer("jack"));
  });
}

/// Two snapshots of one user with so many sessions each are merged by rules under which half of them have to go.
void merged(std::size_t sessions) {
  Rules roomy;
  roomy.max_sessions_per_user = roomy.max_recent_per_user = 1000000;
  Rules rules = roomy;
  rules.max_sessions_per_user = static_cast<std::uint32_t>(sessions);
  Snapshot sides[2] = {at(rules, start), at(roomy, start)};
  std::string id;
  for (std::size_t i = 0; i < 2 * sessions; ++i) {
    id = std::to_string(1000000 + i * 7919 % (2 * sessions));
    Snapshot one = reduce(Snapshot(roomy), PresenceEventView::connect("john", id, start + Duration::from_ns(static_cast<std::int64_t>(i * 31 % sessions))));
    sides[i % 2] = merge(std::move(sides[i % 2]), one);
  }
  measured([&] { sides[0] = merge(std::move(sides[0]), sides[1]); });
  if (sides[0].inspect("john")->sessions.size() != sessions) std::exit(3);
}

}  // namespace

int main(int argc, char** argv) {
  const auto word = [&](int i) { return i < argc ? std::string_view(argv[i]) : std::string_view(); };
  const auto number = [&](int i) { return i < argc ? std::strtoul(argv[i], nullptr, 10) : 0; };
  if (word(1) == "one_user") one_user(word(2), number(3), number(4), Duration::from_s(static_cast<std::int64_t>(number(5))));
  else if (word(1) == "refused") refused(word(2), number(3));
  else if (word(1) == "ids") ids(word(2), word(3), number(4));
  else if (word(1) == "viewers") viewers(number(2));
  else if (word(1) == "watched") watched(number(2), number(3));
  else if (word(1) == "merged") merged(number(2));
  else return 2;
}
