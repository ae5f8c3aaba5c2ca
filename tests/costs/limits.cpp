// SPDX-License-Identifier: MIT
// What test_costs.py counts the instructions of: only those inside `measured`.
#include "../unit/colliding_ids.hpp"

#include <presence/presence.hpp>

#include <cstdint>
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
  if (what == "watch")
    measured(watch);
  else
    watch();
  if (what == "is_watched")
    measured(find);
  else
    find();
  if (what == "unwatch")
    measured(unwatch);
  else
    unwatch();
  if (found != count || watches.watched_count() != 0) std::exit(3);
}

/// One viewer after the other comes to watch a user, those who are known the longest last; then they go again.
void viewers(std::size_t count) {
  const std::vector<std::string> all = colliding::random_ids(count, 12);
  const std::string user = "somebody everybody knows";
  Watches watches;
  for (const std::string& id : all)
    watches.watch_users(Viewer(std::string_view(id)), std::vector<std::string>{"first"});
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
    Snapshot one = reduce(Snapshot(roomy),
                          PresenceEventView::connect(
                              "john", id, start + Duration::from_ns(static_cast<std::int64_t>(i * 31 % sessions))));
    sides[i % 2] = merge(std::move(sides[i % 2]), one);
  }
  measured([&] { sides[0] = merge(std::move(sides[0]), sides[1]); });
  if (sides[0].inspect("john")->sessions.size() != sessions) std::exit(3);
}

// ---- users with more than sessions ----

constexpr Availability choices[] = {Availability::idle, Availability::away, Availability::busy,
                                    Availability::available};

void require(bool holds) {
  if (!holds) std::exit(3);
}

/// A session that says how available it is, and what it does.
PresenceEvent rich_connect(std::string session, std::size_t i, Timestamp when) {
  PresenceEvent event = PresenceEvent::connect("john", std::move(session), when);
  event.availability = choices[i % 4];
  event.priority = static_cast<std::int8_t>(i / 4 % 16);
  event.activity = Attributes();
  (*event.activity)["match"] = static_cast<std::int64_t>(i);
  return event;
}

/// Events of one user whose sessions all differ, or are all the same except for their ids, or whose ends no one sees.
void rich_user(std::string_view what, std::string_view kind, std::size_t sessions) {
  Rules rules;
  rules.session_timeout = Duration::from_s(40);
  if (kind == "idle") rules.idle_after = Duration::from_s(25);
  Snapshot s = at(rules, start);
  const auto id_of = [&](std::size_t i) {
    return (kind == "tied" ? std::string(200, 'x') : std::string()) + std::to_string(1000 + i);
  };
  const auto when_of = [&](std::size_t i) { return start + Duration::from_ms(static_cast<std::int64_t>(i)); };
  for (std::size_t i = 0; i < sessions; ++i) {
    PresenceEvent event = rich_connect(id_of(i), i, kind == "tied" ? start : when_of(i));
    if (kind == "tied") {
      event.priority = 0;
      event.availability = Availability::busy;
    }
    if (kind == "hidden") {  // the strongest ends last
      event.availability = i + 1 == sessions ? Availability::available : Availability::away;
    }
    if (kind == "alike") {  // the strongest ends first, but the next one says the same
      event.availability = Availability::busy;
      event.priority = static_cast<std::int8_t>(127 - i);
      event.activity.reset();
    }
    s = reduce(std::move(s), event);
  }
  require(s.inspect("john")->sessions.size() == sessions);
  const auto unread = [](const UserPresenceChangedView&) {};
  if (what == "turns") {
    measured([&] { apply(s, start + Duration::from_s(60), unread); });
    require(!s.online("john"));
    return;
  }
  const Timestamp late = start + Duration::from_s(20);
  s = reduce(std::move(s), late);
  for (std::size_t i = 0; i < 100; ++i) {
    const std::size_t which = i * 7 % sessions;
    PresenceEvent event =
        PresenceEvent::heartbeat("john", id_of(which), late + Duration::from_ns(static_cast<std::int64_t>(i)));
    if (what == "update") {
      event = rich_connect(id_of(which), which + i, event.at);
      event.type = EventType::update;
    } else if (what == "reconnect") {
      apply(s, PresenceEvent::disconnect("john", id_of(which), event.at), unread);
      event = rich_connect(id_of(which), which, event.at);
    }
    measured([&] { apply(s, event, unread); });
  }
  require(s.inspect("john")->sessions.size() == sessions);
}

/// Names that begin alike, or are random.
std::string name_of(std::string_view kind, std::size_t i) {
  return (kind == "alike" ? std::string(200, 'x') : std::string("n")) + std::to_string(1000000 + i * 7919 % 1000000);
}
Attributes fields_of(std::string_view kind, std::size_t count) {
  Attributes fields;
  for (std::size_t i = 0; i < count; ++i) fields[name_of(kind, i)] = 1;
  return fields;
}
/// As deep as a value may be.
Value nested(std::size_t levels) {
  Value value = 1;
  for (std::size_t i = 0; i < levels; ++i) {
    Attributes outer;
    outer["a"] = std::move(value);
    value = Value::object(std::move(outer));
  }
  return value;
}

/// A report with so many names of data, or an update with so many fields of activity, which is refused unless the
/// limits allow it.
void fields(std::string_view what, std::string_view kind, std::size_t count) {
  Rules rules;
  const bool fits = what == "data_that_fits" || what == "activity_that_fits";
  if (fits) rules.max_user_data_bytes = rules.max_activity_bytes = rules.max_data_names = 100000000;
  Snapshot s = at(rules, start);
  PresenceEvent event = rich_connect("s", 0, start);
  if (what == "data" || what == "data_that_fits") {
    event = PresenceEvent::report("john", true, start);
    event.data = fields_of(kind, count);
  } else {
    event.activity = fields_of(kind, count);
  }
  Verdict verdict{};
  const std::vector<PresenceEvent> events{event};
  if (kind == "batch") {
    measured([&] {
      verdict = apply(s, events.begin(), events.end()).over_limit == 1 ? Verdict::over_limit : Verdict::applied;
    });
  } else {
    measured([&] { verdict = apply(s, event, [](const UserPresenceChangedView&) {}); });
  }
  require(verdict == (fits ? Verdict::applied : Verdict::over_limit));
}

/// An activity as deep as allowed in a session, time after time at one timestamp, beside one that is flat.
void deep(std::size_t levels) {
  Snapshot s = at(Rules(), start);
  for (std::size_t i = 0; i < 100; ++i) {
    PresenceEvent event = rich_connect("s", 0, start);
    Attributes activity;
    activity["a"] = nested(levels);
    activity["b"] = static_cast<std::int64_t>(i);
    if (levels == 0) activity["c"] = std::string(6 * (Value::deepest - 2), 'c');
    event.activity = std::move(activity);
    Verdict verdict{};
    measured([&] { verdict = apply(s, event, [](const UserPresenceChangedView&) {}); });
    require(accepted(verdict));
  }
}

/// Names are set one after the other, beside so many others.
void names(std::size_t count) {
  Rules rules;
  rules.max_user_data_bytes = rules.max_data_names = 1000000;
  Snapshot s = at(rules, start);
  const auto set = [&](std::size_t i, int value, Timestamp when) {
    return apply(s, PresenceEvent::set_data("john", name_of("random", i), value, when),
                 [](const UserPresenceChangedView&) {});
  };
  for (std::size_t i = 0; i < count; ++i) require(accepted(set(i, 1, start)));
  for (std::size_t i = 0; i < 50; ++i) {
    measured([&] { set(i % count, 2, start + Duration::from_ns(static_cast<std::int64_t>(i + 1))); });
  }
}

/// A session that was silent for too long time and again. Its runs arrive in a bad order; `merged`: half of them with
/// another snapshot.
void runs(std::string_view what, std::size_t count) {
  Rules rules;
  rules.session_timeout = Duration::from_ms(1);
  rules.max_recent_per_user = 1000000;
  Snapshot sides[2] = {at(rules, start), at(rules, start)};
  const auto beat = [&](Snapshot& s, std::size_t i) {
    const auto event =
        PresenceEvent::heartbeat("john", "s", start - Duration::from_ms(static_cast<std::int64_t>(2 * i + 1)));
    require(accepted(apply(s, event, [](const UserPresenceChangedView&) {})));
  };
  const bool is_merge = what == "merged";
  for (std::size_t i = 0; i < count; ++i) beat(sides[is_merge ? i % 2 : 0], i);
  std::string bytes;
  if (what == "merged") {
    measured([&] { sides[0] = merge(std::move(sides[0]), sides[1]); });
  } else if (what == "decoded") {
    bytes = encode(sides[0]);
    measured([&] { require(decode(bytes, rules).has_value()); });
  } else {
    for (std::size_t i = 0; i < 50; ++i) measured([&] { beat(sides[0], count + i); });
  }
  require(sides[0].size() == 1);
}

}  // namespace

int main(int argc, char** argv) {
  const auto word = [&](int i) { return i < argc ? std::string_view(argv[i]) : std::string_view(); };
  const auto number = [&](int i) { return i < argc ? std::strtoul(argv[i], nullptr, 10) : 0; };
  if (word(1) == "one_user")
    one_user(word(2), number(3), number(4), Duration::from_s(static_cast<std::int64_t>(number(5))));
  else if (word(1) == "refused")
    refused(word(2), number(3));
  else if (word(1) == "ids")
    ids(word(2), word(3), number(4));
  else if (word(1) == "viewers")
    viewers(number(2));
  else if (word(1) == "watched")
    watched(number(2), number(3));
  else if (word(1) == "merged")
    merged(number(2));
  else if (word(1) == "rich_user")
    rich_user(word(2), word(3), number(4));
  else if (word(1) == "fields")
    fields(word(2), word(3), number(4));
  else if (word(1) == "deep")
    deep(number(2));
  else if (word(1) == "names")
    names(number(2));
  else if (word(1) == "runs")
    runs(word(2), number(3));
  else
    return 2;
}
