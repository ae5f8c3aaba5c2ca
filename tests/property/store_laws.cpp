// SPDX-License-Identifier: MIT
// The laws, for a Store with default options. A store dates and orders what its host gives it. So law 1 is about the
// events as each_applied returns them, and law 4 replaces what an invisible user did by `advance` to its time.
#include "history.hpp"
#include "queries.hpp"
#include "shrink.hpp"
#include "store_history.hpp"

#include <presence/presence.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace property;

namespace {

using presence::Store;

bool is_dispatch(const Call& call) { return call.to == To::own_clock || call.to == To::host_now; }

std::string after_call(std::size_t i, const Call& call) {
  return "\n  after call " + std::to_string(i + 1) + ", " + told(call);
}

/// What two hosts received, of the receivers for which `is_compared`.
template <class IsCompared>
Wrong same_received(const Host& a, const Host& b, IsCompared is_compared) {
  Host::Received all = a.received;
  all.insert(b.received.begin(), b.received.end());
  for (const auto& one : all) {
    if (!is_compared(one.first)) continue;
    const auto of = [&](const Host& host) {
      const auto it = host.received.find(one.first);
      return it == host.received.end() ? std::string("    (nothing)\n") : it->second;
    };
    if (of(a) != of(b)) return one.first + " received\n" + of(a) + "  and should receive\n" + of(b);
  }
  return std::nullopt;
}
Wrong same_received(const Host& a, const Host& b) {
  return same_received(a, b, [](const std::string&) { return true; });
}

StoreMix plain_mix() {
  StoreMix mix;
  mix.events.replays = false;
  return mix;
}

// ---- what random histories found
// -------------------------------------------------------------------------------------------------------

const Timestamp start = Timestamp::from_ns(1546867062000000000);
Timestamp after(std::int64_t seconds) { return start + Duration::from_s(seconds); }

PresenceEvent invisibly(PresenceEvent event) {
  event.invisible = true;
  return event;
}
void watch(Store& store, const char* channel, Viewer viewer) {
  presence::WatchChannel what;
  what.type = "messaging";
  what.id = channel;
  CHECK(store.watch(what, viewer));
}
/// Writes what the viewer receives about users and channels into `text`.
std::vector<presence::Subscription> listen(Store& store, Viewer viewer, std::string& text,
                                           Duration coalesce = Duration()) {
  presence::DeliveryOptions options;
  options.coalesce = coalesce;
  std::vector<presence::Subscription> all;
  all.push_back(store.subscribe<UserPresenceChanged>(
      viewer,
      [&text](const UserPresenceChanged& change) { text += change.id + (change.after->online ? " on; " : " off; "); },
      options));
  all.push_back(store.subscribe<presence::WatchingStarted>(viewer, [&text](const presence::WatchingStarted& started) {
    text += started.user + " in " + started.cid + "; ";
  }));
  all.push_back(store.subscribe<presence::WatchingStopped>(viewer, [&text](const presence::WatchingStopped& stopped) {
    text += stopped.user + " left " + stopped.cid + "; ";
  }));
  return all;
}
presence::Subscription note_ends(Store& store, std::string& text) {
  return store.on_session_ended([&text](const presence::SessionEnded& end) {
    text += end.user + " " + end.session + " +" + std::to_string((end.at - start).ns() / 1000000000) + "; ";
  });
}

// ---- law 1
// -----------------------------------------------------------------------------------------------------------------------------

struct Applied {
  std::size_t events = 0, moved = 0, split = 0, rejected = 0, duplicates = 0;
};

Wrong order_does_not_matter(const StoreHistory& h, Applied& seen) {
  Host host(h);
  std::vector<PresenceEvent> applied;
  for (const Call& call : h.calls) {
    host.perform(call);
    for (std::size_t i = 0; i < host.dispatched.size(); ++i) {
      const Dispatched& done = host.dispatched[i];
      const PresenceEvent& event = call.events[i];
      std::size_t parts = 0;
      done.each_applied(event, [&](const PresenceEventView& view) {
        applied.emplace_back(view);
        ++parts;
      });
      ++seen.events;
      seen.rejected += parts == 0 ? 1u : 0u;
      seen.split += parts == 2 ? 1u : 0u;
      seen.moved += done.at != event.at ? 1u : 0u;
      if (!accepted(done.verdict) && (parts != 0 || done.at != event.at || done.status_at != event.at))
        return "a rejected event was moved or applied\n" + told(event);
    }
  }
  const Snapshot expected = host.store.snapshot();
  for (std::uint64_t order = 0; order < 4; ++order) {
    Chance chance(mixed(h.seed, order));
    std::vector<PresenceEvent> events = applied;
    if (order > 0) {
      for (std::size_t i = 0, n = events.size(); i < n; ++i) {
        if (!chance.one_in(4)) continue;
        events.push_back(events[i]);
        ++seen.duplicates;
      }
      chance.shuffle(events);
    }
    Snapshot s(h.rules);
    for (const PresenceEvent& e : events) s = presence::reduce(std::move(s), e);
    if (expected.now()) s = presence::reduce(std::move(s), *expected.now());
    if (s != expected || s.digest() != expected.digest()) {
      std::string list;
      for (const PresenceEvent& e : events) list += "    " + told(e) + "}\n";
      return "the applied events\n" + list + "  lead to\n" + all_of(s) + "\n  and the store to\n" + all_of(expected);
    }
  }
  return std::nullopt;
}

// ---- law 2
// -----------------------------------------------------------------------------------------------------------------------------

struct Split {
  std::size_t advances = 0, changes = 0, ends = 0, received = 0;
};

/// Whether the call advances the time, and if so to which: then an earlier time may pass before.
std::optional<Timestamp> advances_to(const Call& call, const Host& done) {
  switch (call.to) {
    case To::advance: return call.at;
    case To::host_now: return call.at;
    case To::own_clock:
      // The deadlines at its own timestamp pass after the event.
      if (done.dispatched.empty() || !accepted(done.dispatched.front().verdict)) return std::nullopt;
      return call.events.front().at - Duration::from_ns(1);
    default: return std::nullopt;
  }
}

Wrong time_is_additive(const StoreHistory& h, Split& seen) {
  Host direct(h), split(h);
  for (std::size_t i = 0; i < h.calls.size(); ++i) {
    const Call& call = h.calls[i];
    const bool asks = h.seed % 2 == 0 || i + 1 == h.calls.size();
    Chance chance(mixed(h.seed, std::hash<std::string>()(told(call))));
    const std::optional<Timestamp> now = split.store.snapshot().now();
    direct.perform(call);
    const std::optional<Timestamp> to = advances_to(call, direct);
    if (to && is_valid_time(*to) && (!now || *now < *to)) {
      const std::int64_t span = now ? (*to - *now).ns() : 9;
      for (std::size_t parts = chance.below(4); parts > 0; --parts) {
        const std::int64_t back =
            chance.one_in(2) ? chance.between(0, span) : chance.between(0, (std::min)(span, std::int64_t{3}));
        // Without a time, the first advance decides what is too late. Only what time ends is compared.
        if (!now && call.to != To::advance) continue;
        split.store.advance(*to - Duration::from_ns(back));
        ++seen.advances;
      }
    }
    split.perform(call);
    const std::string where = after_call(i, call);
    for (std::size_t k = 0; k < direct.dispatched.size(); ++k) {
      if (told(direct.dispatched[k]) != told(split.dispatched[k]))
        return "an event is applied with " + told(split.dispatched[k]) + " and not with " + told(direct.dispatched[k]) +
               where;
    }
    if (split.store.snapshot() != direct.store.snapshot() || all_of(split.store, asks) != all_of(direct.store, asks)) {
      return "in parts\n" + all_of(split.store) + "\n  and at once\n" + all_of(direct.store) + where;
    }
    if (Wrong wrong = same_received(split, direct)) return "in parts, " + *wrong + where;
  }
  seen.changes += direct.changes.size();
  seen.ends += direct.ended.size();
  seen.received += direct.received.size();
  return std::nullopt;
}

// ---- law 3
// -----------------------------------------------------------------------------------------------------------------------------

struct Merged {
  std::size_t pairs = 0, refused = 0, changed = 0, complete = 0;
};

Wrong merge_is_a_join(const StoreHistory& h, Merged& seen) {
  Host a(h), b(h);
  std::vector<PresenceEvent> applied;
  std::optional<Timestamp> now;
  bool is_complete = h.rules.reorder_window == Duration::highest();
  for (const Call& call : h.calls) {
    if (is_valid_time(call.at.value_or(Timestamp::lowest()))) now = now ? (std::max)(*now, *call.at) : *call.at;
    const std::uint64_t chance = mixed(h.seed, std::hash<std::string>()(told(call))) % 4;
    for (Host* host : {&a, &b}) {
      if ((host == &a && chance == 0) || (host == &b && chance == 1)) {
        if (is_dispatch(call)) continue;
      }
      host->perform(call);
      for (std::size_t i = 0; i < host->dispatched.size(); ++i)
        host->dispatched[i].each_applied(call.events[i],
                                         [&](const PresenceEventView& view) { applied.emplace_back(view); });
      if (const std::optional<Timestamp> own = host->store.snapshot().now()) now = now ? (std::max)(*now, *own) : *own;
    }
    is_complete = is_complete && (is_dispatch(call) || call.to >= To::watch || call.to == To::advance);
  }
  if (!now) return std::nullopt;
  a.store.advance(*now);
  b.store.advance(*now);
  const Snapshot of_a = a.store.snapshot(), of_b = b.store.snapshot();
  const std::size_t before = a.changes.size() + b.changes.size();
  const bool a_took = !a.store.merge(of_b, *now), b_took = !b.store.merge(of_a, *now);
  ++seen.pairs;
  const std::string both = "\n  of\n" + all_of(of_a) + "\n  and\n" + all_of(of_b);
  if (!a_took || !b_took) {
    ++seen.refused;
    // An event at the edge, moved behind another one of its frame, is beyond the edge for others. So is a hold that is
    // longer than evidence could be the cause of.
    for (const PresenceEvent& e : applied) {
      if (e.at - h.rules.max_clock_skew > *now) return std::nullopt;
    }
    for (const Call& call : h.calls) {
      if (call.to != To::resume) continue;
      const Timestamp held = *call.at + call.patience - h.rules.max_clock_skew;
      if (held - h.rules.session_timeout > *now || held - h.rules.report_timeout > *now ||
          (h.rules.idle_after != Duration() && held - h.rules.idle_after > *now))
        return std::nullopt;
    }
    return "what two stores accepted by the same time is too early for each other" + both;
  }
  const Snapshot joined = a.store.snapshot();
  if (joined != b.store.snapshot() || joined.digest() != b.store.snapshot().digest()) {
    return "one direction gives\n" + all_of(joined) + "\n  and the other one\n" + all_of(b.store.snapshot()) + both;
  }
  if (joined.now() != now) return "a merge moved the time from " + told(now) + " to " + told(joined.now()) + both;
  seen.changed += a.changes.size() + b.changes.size() - before;
  const std::string once = told(a.received);
  // With a window, a merge may drop what the other side still lacks, so only the joined snapshots absorb each other.
  if (a.store.merge(is_complete ? of_b : b.store.snapshot(), *now) || a.store.merge(b.store.snapshot(), *now))
    return "merging again is refused" + both;
  if (a.store.snapshot() != joined)
    return "merging again gives\n" + all_of(a.store.snapshot()) + "\n  and not\n" + all_of(joined) + both;
  if (told(a.received) != once) return "merging again notifies" + both;
  if (is_complete) {
    ++seen.complete;
    Snapshot all(h.rules);
    for (const PresenceEvent& e : applied) all = presence::reduce(std::move(all), e);
    all = presence::reduce(std::move(all), *now);
    if (all != joined) return "merged\n" + all_of(joined) + "\n  and all events on one node\n" + all_of(all) + both;
  }
  return std::nullopt;
}

// ---- law 4
// -----------------------------------------------------------------------------------------------------------------------------

struct Hidden {
  std::size_t intervals = 0, with_removed = 0, removed = 0, watches = 0, texts = 0, late = 0, compared = 0, changes = 0,
              notices = 0, removals = 0, begun_alone = 0, choices = 0, updates = 0, data = 0;
};

/// What others than `ghost` can find out.
std::string open_to_others(const Store& store, const std::string& ghost, std::uint64_t seed, Timestamp about) {
  const Viewer viewer{ghost == "bob" ? "ann" : "bob"};
  const Snapshot s = store.snapshot();
  std::string text = seen_by_others(s) + "\n" + answers(s, seed, viewer, about) + encode_for(s, viewer) +
                     encode_for(s, presence::nobody) + "\n" + watches_of(store, ghost);
  for (const char* cid : {"messaging:a", "messaging:b"})
    text += std::to_string(store.watcher_count(cid)) + " in " + cid + "; ";
  const presence::StoreStats stats = store.stats();
  return text + std::to_string(stats.users) + " users, " + std::to_string(stats.online) + " online, " +
         std::to_string(stats.channels) + " channels";
}

/// What remains of a call if the ghost's events, from the frame of `cut` on, are hidden: others' events and texts, and
/// time.
std::vector<Call> without_ghost(const Call& call, const std::vector<Dispatched>& dispatched, const std::string& ghost,
                                Timestamp cut, Hidden& seen, std::vector<std::optional<std::size_t>>& place,
                                std::size_t& removed) {
  std::vector<Call> calls;
  for (std::size_t i = 0; i < call.events.size(); ++i) {
    const PresenceEvent& e = call.events[i];
    Call one;
    one.to = call.to;
    one.at = call.at;
    const bool is_hidden = e.user == ghost && is_private(e) && e.at + Duration::from_ns(1000) > cut;
    const bool is_accepted = accepted(dispatched[i].verdict);
    if (e.user == ghost && e.type == EventType::remove && is_accepted) ++seen.removals;
    if (e.user == ghost && e.type == EventType::set_data && is_accepted) ++seen.data;
    if (is_hidden && is_accepted) {
      seen.choices += e.type == EventType::set_availability ? 1u : 0u;
      seen.updates += e.availability || e.activity ? 1u : 0u;
    }
    if (!is_hidden) {
      if (e.user == ghost) ++seen.late;
      place.push_back(e.user == ghost ? std::nullopt : std::optional<std::size_t>(i));
      one.events.push_back(e);
      calls.push_back(one);
      continue;
    }
    removed += is_accepted ? 1u : 0u;
    place.push_back(std::nullopt);
    if (e.status && is_accepted) {
      ++seen.texts;
      one.events.push_back(text_of(e));
    } else if (call.to == To::host_now) {
      one.to = To::advance;
    } else {
      one.to = To::advance;
      one.at = is_accepted ? e.at : Timestamp::lowest();  // the latter advances nothing
    }
    calls.push_back(one);
  }
  return calls;
}

bool asks_to_be_visible(const Call& call, const std::string& user) {
  for (const PresenceEvent& e : call.events) {
    if (is_dispatch(call) && e.user == user && asks_to_be(e, false)) return true;
  }
  return false;
}

/// One call for each event, so that between two events of a range all is delivered.
std::vector<Call> one_by_one(const Call& call) {
  std::vector<Call> calls;
  for (const PresenceEvent& e : call.events) {
    calls.push_back(call);
    calls.back().events = {e};
  }
  return calls;
}

Wrong others_see_the_same(const StoreHistory& h, std::size_t first, const std::string& ghost, Timestamp cut,
                          Hidden& seen) {
  Host full(h), some(h);
  std::size_t removed = 0;
  for (std::size_t i = 0; i < h.calls.size(); ++i) {
    const Call& call = h.calls[i];
    if (i > first && asks_to_be_visible(call, ghost)) break;
    full.perform(call);
    if (i <= first) {
      some.perform(call);
      continue;
    }
    const std::string where = "\n  of " + ghost + ", invisible since " + told(cut) + after_call(i, call);
    if (is_dispatch(call)) {
      std::vector<std::optional<std::size_t>> place;
      const std::vector<Call> rest = without_ghost(call, full.dispatched, ghost, cut, seen, place, removed);
      for (std::size_t k = 0; k < rest.size(); ++k) {
        some.perform(rest[k]);
        if (!place[k]) continue;
        const Dispatched &was = full.dispatched[*place[k]], &is = some.dispatched.front();
        if (told(was) != told(is))
          return "somebody else's event is applied with " + told(was) + " and should be with " + told(is) + where;
      }
    } else if (call.to >= To::watch && call.to <= To::query_channels && call.user == ghost) {
      ++seen.watches;
      ++removed;
    } else {
      some.perform(call);
    }
    ++seen.compared;
    const std::string all = open_to_others(full.store, ghost, mixed(h.seed, i), h.last),
                      rest = open_to_others(some.store, ghost, mixed(h.seed, i), h.last);
    if (all != rest) return "others can find out\n" + all + "\n  and should find out\n" + rest + where;
    const auto is_other = [&](const std::string& receiver) {
      return receiver != "on_session_ended" && receiver.compare(0, ghost.size(), ghost) != 0;
    };
    if (Wrong wrong = same_received(full, some, is_other)) return *wrong + where;
  }
  ++seen.intervals;
  if (removed == 0) return std::nullopt;
  ++seen.with_removed;
  seen.removed += removed;
  seen.changes += full.changes.size();
  for (const auto& one : full.received) seen.notices += one.second.find("started: ") != std::string::npos ? 1u : 0u;
  return std::nullopt;
}

Wrong nothing_shows(const StoreHistory& of, Hidden& seen) {
  StoreHistory h = of;
  h.calls.clear();
  for (const Call& call : of.calls) {
    const std::vector<Call> calls = is_dispatch(call) ? one_by_one(call) : std::vector<Call>{call};
    h.calls.insert(h.calls.end(), calls.begin(), calls.end());
  }
  Host host(h);
  for (std::size_t i = 0; i < h.calls.size(); ++i) {
    const Call& call = h.calls[i];
    host.perform(call);
    if (!is_dispatch(call) || call.events.size() != 1 || !accepted(host.dispatched.front().verdict)) continue;
    const PresenceEvent& e = call.events.front();
    if (!asks_to_be(e, true)) continue;
    if (e.type == EventType::set_visible) ++seen.begun_alone;
    const std::optional<presence::PresenceState> state = host.store.snapshot().inspect(e.user);
    if (!state || !state->invisible_since) continue;
    if (Wrong wrong = others_see_the_same(h, i, e.user, *state->invisible_since, seen)) return wrong;
  }
  return std::nullopt;
}

// ---- law 5
// -----------------------------------------------------------------------------------------------------------------------------

std::string told_views(const Views& views) {
  std::string text;
  for (const auto& user : views) text += "    " + user.first + " " + told(std::optional<User>(user.second)) + "\n";
  return text;
}

struct Story {
  std::size_t changes = 0, updates = 0, close = 0, mirrors = 0, taken_away = 0, dated = 0, removed = 0, texts = 0;
};

Wrong tells_the_story(const StoreHistory& h, Story& seen) {
  Host host(h);
  // One host subscribes from the start, the other one later.
  const std::size_t from = mixed(h.seed, 5) % (h.calls.size() + 1);
  Views views, late_views;
  Changes late;
  std::optional<presence::Subscription> subscription;
  std::map<std::string, Timestamp> last;
  std::size_t told_so_far = 0;
  for (std::size_t i = 0; i < h.calls.size(); ++i) {
    if (i == from) {
      late_views = views_of(host.store.snapshot());
      subscription = host.store.on_change([&late](const UserPresenceChanged& change) { late.push_back(change); });
    }
    const std::optional<Timestamp> now = host.store.snapshot().now();
    host.perform(h.calls[i]);
    const std::string where = after_call(i, h.calls[i]);
    const Changes changes(host.changes.begin() + static_cast<std::ptrdiff_t>(told_so_far), host.changes.end());
    told_so_far = host.changes.size();
    if (Wrong wrong = follow(views, changes)) return *wrong + where;
    if (views != views_of(host.store.snapshot()))
      return "the changes do not lead to the later views\n" + told(changes) + where;
    // The date of an event's change while time stands still: the latest of now, the event, and just after the one
    // before.
    const bool is_timeless = now && host.store.snapshot().now() == now;
    if (is_dispatch(h.calls[i]) && host.dispatched.size() == 1 && is_timeless && changes.size() == 1) {
      const auto before = last.find(changes.front().id);
      Timestamp date = (std::max)(*now, host.dispatched.front().status_at);
      if (before != last.end()) date = (std::max)(date, before->second + Duration::from_ns(1));
      if (changes.front().at != date)
        return "a change is dated " + told(changes.front().at) + " and not " + told(date) + where;
      ++seen.dated;
    }
    for (const UserPresenceChanged& change : changes) {
      const auto before = last.find(change.id);
      if (before != last.end() && before->second >= change.at)
        return "a change is not dated after the one of " + told(before->second) + ": " + told(change) + where;
      if (before != last.end() && before->second + Duration::from_ns(1) == change.at) ++seen.close;
      if (now && change.at < *now) return "a change is dated before " + told(*now) + ": " + told(change) + where;
      last[change.id] = change.at;
      ++seen.changes;
      if (change.before && change.after) ++seen.updates;
      if (h.calls[i].to == To::advance && change.after && change.status_changed()) ++seen.texts;
    }
  }
  if (subscription) {
    if (Wrong wrong = follow(late_views, late)) return "from call " + std::to_string(from + 1) + " on: " + *wrong;
    if (late_views != views_of(host.store.snapshot()))
      return "the changes from call " + std::to_string(from + 1) + " on do not lead to the later views\n" + told(late);
  }
  // A mirror removes who is no longer known. A report says nothing of a last_active that is absent. Only a late event
  // that hides all earlier evidence takes one away, or a removal.
  Views of_reports = views;
  for (auto& user : of_reports) {
    std::optional<Timestamp> reported;
    for (const UserPresenceChanged& change : host.changes) {
      if (change.id != user.first) continue;
      if (!change.after) reported.reset();
      if (change.after && change.after->last_active) reported = change.after->last_active;
    }
    if (reported != user.second.last_active) ++seen.taken_away;
    user.second.last_active = reported;
  }
  for (std::uint64_t order = 0; order < 3; ++order) {
    Chance chance(mixed(h.seed, order));
    std::vector<PresenceEvent> reports;
    for (const UserPresenceChanged& change : host.changes) {
      reports.push_back(change.after ? PresenceEvent::report(*change.after, change.at)
                                     : PresenceEvent::remove(change.id, change.at));
      if (!change.after) ++seen.removed;
    }
    chance.shuffle(reports);
    Snapshot mirror(Rules::mirror());
    for (const PresenceEvent& e : reports) mirror = presence::reduce(std::move(mirror), e);
    ++seen.mirrors;
    if (views_of(mirror) != of_reports) {
      std::string list;
      for (const PresenceEvent& e : reports) list += "    " + told(e) + "}\n";
      return "a mirror that applies\n" + list + "  sees\n" + told_views(views_of(mirror)) + "  and should see\n" +
             told_views(of_reports);
    }
  }
  return std::nullopt;
}

// ---- ends of sessions
// -------------------------------------------------------------------------------------------------------------------

struct Ends {
  std::size_t calls = 0, ends = 0, removed = 0, of_invisible = 0, left = 0;
};

using LiveSessions = std::set<std::pair<std::string, std::string>>;

LiveSessions live_sessions(const Snapshot& s) {
  LiveSessions live;
  for (const char* user : {"ann", "bob", "cyd", "dee"}) {
    const std::optional<presence::PresenceState> state = s.inspect(user);
    if (!state) continue;
    for (const presence::Session& session : state->sessions) {
      if (session.alive) live.insert({user, session.id});
    }
  }
  return live;
}

/// Every session that was live before a call and is not after it was reported, once. A removal is the reason if nothing
/// else is.
Wrong ends_are_reported(const StoreHistory& h, Ends& seen) {
  Host host(h);
  for (std::size_t i = 0; i < h.calls.size(); ++i) {
    for (const Call& call : is_dispatch(h.calls[i]) ? one_by_one(h.calls[i]) : std::vector<Call>{h.calls[i]}) {
      const std::string where = after_call(i, call);
      if (call.to == To::host_now) host.store.advance(*call.at);  // as the call itself would
      const Snapshot before = host.store.snapshot();
      const LiveSessions was = live_sessions(before);
      const std::size_t told_so_far = host.ended.size();
      host.perform(call);
      const LiveSessions is = live_sessions(host.store.snapshot());
      ++seen.calls;
      LiveSessions reported;
      for (std::size_t k = told_so_far; k < host.ended.size(); ++k) {
        const presence::SessionEnded& end = host.ended[k];
        ++seen.ends;
        if (!reported.insert({end.user, end.session}).second) return "a session ends twice: " + end.session + where;
        if (was.count({end.user, end.session}) == 0) return "a session ends that was not live: " + end.session + where;
        if (call.to != To::own_clock && call.to != To::host_now) continue;
        const PresenceEvent& e = call.events.front();
        const bool by_removal = e.type == EventType::remove && e.user == end.user;
        // By its own clock, a session may have timed out before the event, or at its timestamp.
        const bool may_time_out = call.to == To::own_clock && end.reason == presence::SessionEndReason::timed_out;
        if (by_removal && end.reason != presence::SessionEndReason::removed && !may_time_out)
          return "a removal ends a session for the reason " + std::string(to_string(end.reason)) + where;
        if (!by_removal && end.reason == presence::SessionEndReason::removed)
          return "a session of " + end.user + " ends by a removal that is none" + where;
        if (!by_removal) continue;
        ++seen.removed;
        const std::optional<presence::PresenceState> state = before.inspect(end.user);
        if (state && state->invisible_since) ++seen.of_invisible;
      }
      for (const auto& session : was) {
        if (is.count(session) == 0 && reported.count(session) == 0)
          return "the end of session " + session.second + " of " + session.first + " is not reported" + where;
      }
      if (is_dispatch(call) && call.events.front().type == EventType::remove &&
          accepted(host.dispatched.front().verdict)) {
        for (const auto& session : is) seen.left += session.first == call.events.front().user ? 1u : 0u;
      }
    }
  }
  return std::nullopt;
}

// ---- removals in a frame
// -------------------------------------------------------------------------------------------------------------------

struct Frames {
  std::size_t removals = 0, moved_removals = 0, behind = 0;
};

/// In one frame, a removal takes away what came before it and is seen, and nothing that comes after it.
Wrong removals_keep_the_order(const StoreHistory& h, Frames& seen) {
  const Duration frame = Duration::from_ns(1000);
  Host host(h);
  std::map<std::string, Timestamp> latest, removed;  // of what was applied, by user
  for (std::size_t i = 0; i < h.calls.size(); ++i) {
    for (const Call& call : is_dispatch(h.calls[i]) ? one_by_one(h.calls[i]) : std::vector<Call>{h.calls[i]}) {
      const std::string where = after_call(i, call);
      const Snapshot before = host.store.snapshot();
      host.perform(call);
      if (!is_dispatch(call) || !accepted(host.dispatched.front().verdict)) continue;
      const PresenceEvent& e = call.events.front();
      const Dispatched done = host.dispatched.front();
      const auto removal = removed.find(e.user), last = latest.find(e.user);
      const bool is_in_frame = removal != removed.end() && e.at <= removal->second && removal->second < e.at + frame;
      if (is_in_frame && e.type != EventType::remove && e.type != EventType::report) {
        ++seen.behind;
        if (done.at <= removal->second || done.status_at <= removal->second)
          return "an event after the removal of " + told(removal->second) + " is applied with " + told(done) + where;
      }
      if (e.type == EventType::remove) {
        const std::optional<presence::PresenceState> state = before.inspect(e.user);
        const bool is_invisible = state && state->invisible_since;
        ++seen.removals;
        if (!is_invisible && (last == latest.end() || last->second < e.at + frame)) {
          seen.moved_removals += done.at != e.at ? 1u : 0u;
          if (host.store.snapshot().find(e.user)) return e.user + " is known after the removal" + where;
        }
        if (removal == removed.end() || removal->second < done.at) removed[e.user] = done.at;
      }
      if (last == latest.end() || last->second < (std::max)(done.at, done.status_at))
        latest[e.user] = (std::max)(done.at, done.status_at);
    }
  }
  return std::nullopt;
}

// ---- what a user says in a frame
// -------------------------------------------------------------------------------------------------------------------

struct Sayings {
  std::size_t choices = 0, data = 0, states = 0, activities = 0, moved = 0;
};

/// The latest dates of what was applied.
class Dates {
 public:
  void note(const PresenceEventView& e) {
    const std::string user(e.user), session(e.session);
    if (e.type == EventType::remove) raise(user + " removed", e.at);
    if (e.type == EventType::set_availability) raise(user + " choice", e.at);
    if (e.type == EventType::set_data) raise(user + " name " + std::string(e.name), e.at);
    if (e.type == EventType::report && e.data) raise(user + " data", e.at);
    if (presence::detail::belongs_to_session(e.type)) raise(user + " session " + session, e.at);
  }
  /// Whether the dates of all these are before `end`.
  bool are_before(const PresenceEvent& e, std::initializer_list<std::string> what, Timestamp end) const {
    for (const std::string& one : what) {
      const auto date = latest_.find(e.user + " " + one);
      if (date != latest_.end() && date->second >= end) return false;
    }
    return true;
  }

 private:
  void raise(const std::string& what, Timestamp at) {
    const auto date = latest_.emplace(what, at).first;
    date->second = (std::max)(date->second, at);
  }

  std::map<std::string, Timestamp> latest_;
};

/// Of two events of one frame that say different things, the one that was dispatched later wins.
Wrong the_last_word_counts(const StoreHistory& h, Sayings& seen) {
  const Duration frame = Duration::from_ns(1000);
  Host host(h);
  Dates dates;
  for (std::size_t i = 0; i < h.calls.size(); ++i) {
    for (const Call& call : is_dispatch(h.calls[i]) ? one_by_one(h.calls[i]) : std::vector<Call>{h.calls[i]}) {
      const std::string where = after_call(i, call);
      host.perform(call);
      if (!is_dispatch(call) || !accepted(host.dispatched.front().verdict)) continue;
      const PresenceEvent& e = call.events.front();
      const Timestamp end = e.at + frame;
      const Snapshot s = host.store.snapshot();
      const std::optional<presence::PresenceState> state = s.inspect(e.user);
      const bool is_moved = host.dispatched.front().at != e.at;
      if (e.type == EventType::set_availability && dates.are_before(e, {"choice", "removed"}, end) &&
          !(e.until && s.now() && *e.until <= *s.now() + frame)) {
        ++seen.choices;
        seen.moved += is_moved ? 1u : 0u;
        if ((state ? state->choice : std::nullopt) != e.availability) return "another choice counts" + where;
      }
      if (e.type == EventType::set_data && dates.are_before(e, {"name " + e.name, "data", "removed"}, end)) {
        ++seen.data;
        seen.moved += is_moved ? 1u : 0u;
        const presence::Value* const value = state ? state->user.data.find(e.name) : nullptr;
        if ((value == nullptr ? presence::Value() : *value) != e.value) return "other data counts" + where;
      }
      // With a timeout shorter than a frame, later evidence may belong to another run of the session.
      const bool is_one_run = h.rules.session_timeout <= Duration() || h.rules.session_timeout >= frame;
      if ((e.type == EventType::connect || e.type == EventType::update) && state && is_one_run &&
          dates.are_before(e, {"session " + e.session, "removed"}, end)) {
        for (const presence::Session& session : state->sessions) {
          if (session.id != e.session || !session.alive || !e.availability) continue;
          ++seen.states;
          seen.moved += is_moved ? 1u : 0u;
          if (session.availability != e.availability || session.priority != e.priority.value_or(std::int8_t{0}))
            return "another availability of the session counts" + where;
        }
        for (const presence::Device& device : s.devices(e.user, Viewer(e.user))) {
          if (device.session != e.session || !e.activity) continue;
          ++seen.activities;
          if (device.activity != *e.activity) return "another activity of the session counts" + where;
        }
      }
      host.dispatched.front().each_applied(e, [&](const PresenceEventView& view) { dates.note(view); });
    }
  }
  return std::nullopt;
}

// ---- law 6
// -----------------------------------------------------------------------------------------------------------------------------

struct Rejected {
  std::size_t events = 0;
  std::map<presence::Verdict, std::size_t> by;
};

Wrong rejected_changes_nothing(const StoreHistory& h, Rejected& seen) {
  Host all(h), some(h);
  for (std::size_t i = 0; i < h.calls.size(); ++i) {
    const Call& call = h.calls[i];
    const bool asks = h.seed % 2 == 0 || i + 1 == h.calls.size();
    all.perform(call);
    const std::string where = after_call(i, call);
    if (is_dispatch(call)) {
      Call accepted_only = call;
      std::string done, expected;
      accepted_only.events.clear();
      for (std::size_t k = 0; k < call.events.size(); ++k) {
        ++seen.by[all.dispatched[k].verdict];
        if (accepted(all.dispatched[k].verdict)) {
          accepted_only.events.push_back(call.events[k]);
          done += told(all.dispatched[k]) + "\n";
        } else {
          ++seen.events;
        }
      }
      some.perform(accepted_only);  // no event at all advances to the host's time nevertheless
      for (const Dispatched& one : some.dispatched) expected += told(one) + "\n";
      if (done != expected) return "events are applied with\n" + done + "  and should be with\n" + expected + where;
    } else {
      some.perform(call);
    }
    if (all.store.snapshot() != some.store.snapshot() || all_of(all.store, asks) != all_of(some.store, asks)) {
      return "with rejected events\n" + all_of(all.store) + "\n  and without\n" + all_of(some.store) + where;
    }
    if (encode(all.store.snapshot()) != encode(some.store.snapshot()))
      return "rejected events show in what is encoded" + where;
    if (Wrong wrong = same_received(all, some)) return "with rejected events, " + *wrong + where;
  }
  return std::nullopt;
}

// ---- law 7
// -----------------------------------------------------------------------------------------------------------------------------

Wrong snapshots_are_values(const StoreHistory& h, std::size_t& kept) {
  struct Kept {
    Snapshot snapshot;
    std::string text, bytes;
  };
  Host host(h), unobserved(h);
  std::vector<Kept> taken;
  for (const Call& call : h.calls) {
    if (mixed(h.seed, std::hash<std::string>()(told(call))) % 2 == 0) {
      const Snapshot s = host.store.snapshot();
      taken.push_back(Kept{s, all_of(s), encode(s)});
    }
    host.perform(call);
    unobserved.perform(call);
  }
  kept += taken.size();
  for (const Kept& one : taken) {
    if (all_of(one.snapshot) != one.text || encode(one.snapshot) != one.bytes)
      return "a snapshot was\n" + one.text + "\n  and is\n" + all_of(one.snapshot);
  }
  // In place or not, the result is the same.
  if (host.store.snapshot() != unobserved.store.snapshot())
    return "a store whose snapshots are kept has\n" + all_of(host.store) + "\n  and else\n" + all_of(unobserved.store);
  return same_received(host, unobserved);
}

}  // namespace

TEST_CASE("store law 1: the events as they were applied give the same snapshot in any order, with duplicates") {
  StoreMix mix = plain_mix();
  mix.merges = mix.lost = mix.resyncs = mix.resumes = false;
  Applied seen;
  const auto property = [&](const StoreHistory& h) { return order_does_not_matter(h, seen); };
  std::size_t tried = try_store_histories(histories_to_try(500), mix, 101, property);
  mix.events.users = 1;
  mix.events.steps = 40;
  mix.events.hiding = true;
  tried += try_store_histories(histories_to_try(300), mix, 102, property);
  MESSAGE(tried << " histories, " << seen.events << " events, " << seen.moved << " moved, " << seen.split
                << " in two parts, " << seen.rejected << " rejected, " << seen.duplicates << " duplicates");
  CHECK_REACHED(seen.moved > tried);
  CHECK_REACHED(seen.split * 50 > tried);
}

TEST_CASE("store law 2: advancing in parts gives the same snapshot and the same sequence to each receiver") {
  Split seen;
  const auto property = [&](const StoreHistory& h) { return time_is_additive(h, seen); };
  StoreMix mix = plain_mix();
  std::size_t tried = try_store_histories(histories_to_try(700), mix, 103, property);
  mix.events.hiding = mix.events.forgetting = true;
  tried += try_store_histories(histories_to_try(200), mix, 104, property);
  mix.events.forgetting = false;
  mix.events.users = 1;
  tried += try_store_histories(histories_to_try(600), mix, 115, property);
  MESSAGE(tried << " histories, " << seen.advances << " more advances, " << seen.changes << " changes, " << seen.ends
                << " ends of sessions, " << seen.received << " receivers");
  CHECK_REACHED(seen.advances > tried);
  CHECK_REACHED(seen.ends > tried);
}

TEST_CASE("store law 3: two stores that merge each other's snapshots at one time have equal snapshots") {
  Merged seen;
  const auto property = [&](const StoreHistory& h) { return merge_is_a_join(h, seen); };
  StoreMix mix = plain_mix();
  mix.merges = mix.resyncs = false;
  std::size_t tried = try_store_histories(histories_to_try(300), mix, 105, property);
  mix.events.without_limits = true;
  tried += try_store_histories(histories_to_try(300), mix, 106, property);
  MESSAGE(tried << " histories, " << seen.pairs << " pairs, " << seen.refused << " refused, " << seen.changed
                << " changes by merging, " << seen.complete << " compared with one node");
  CHECK_REACHED(seen.complete * 10 > tried);
  CHECK_REACHED(seen.refused * 20 < tried);
  CHECK_REACHED(seen.changed > tried);
}

TEST_CASE("store law 4: others cannot observe what an invisible user does") {
  Hidden seen;
  const auto property = [&](const StoreHistory& h) { return nothing_shows(h, seen); };
  StoreMix mix = plain_mix();
  mix.merges = mix.drops = false;
  mix.events.hiding = true;
  std::size_t tried = try_store_histories(histories_to_try(300), mix, 107, property);
  mix.events.users = 2;
  mix.events.sessions = 2;
  mix.events.steps = 50;
  tried += try_store_histories(histories_to_try(100), mix, 108, property);
  mix.events.small_limits = true;
  tried += try_store_histories(histories_to_try(100), mix, 114, property);
  MESSAGE(tried << " histories, " << seen.intervals << " intervals, " << seen.with_removed
                << " in which something was removed, " << seen.removed << " calls and events, " << seen.watches
                << " calls that watch, " << seen.texts << " texts that stayed, " << seen.late
                << " other events of the ghost, " << seen.compared << " states compared, " << seen.changes
                << " changes, " << seen.notices << " receivers with notices of channels, " << seen.removals
                << " removals of the ghost, " << seen.begun_alone << " intervals begun without a connect, "
                << seen.choices << " hidden choices, " << seen.updates << " hidden words of sessions, " << seen.data
                << " names of data that stayed");
  CHECK_REACHED(seen.choices * 10 > tried);
  CHECK_REACHED(seen.updates > tried);
  CHECK_REACHED(seen.data * 4 > tried);
  CHECK_REACHED(seen.removals * 10 > tried);
  CHECK_REACHED(seen.begun_alone * 5 > tried);
  CHECK_REACHED(seen.with_removed > tried);
  CHECK_REACHED(seen.texts * 5 > tried);
  CHECK_REACHED(seen.late * 5 > tried);
  CHECK_REACHED(seen.watches > tried);
  CHECK_REACHED(seen.notices > tried);
}

TEST_CASE("store law 5: the changes tell the whole story, to a mirror in any order") {
  Story seen;
  const auto property = [&](const StoreHistory& h) { return tells_the_story(h, seen); };
  StoreMix mix = plain_mix();
  std::size_t tried = try_store_histories(histories_to_try(500), mix, 109, property);
  mix.events.users = 1;
  mix.events.hiding = true;
  tried += try_store_histories(histories_to_try(300), mix, 110, property);
  MESSAGE(tried << " histories, " << seen.changes << " changes, " << seen.updates << " updates, " << seen.close
                << " dated 1 ns after the one before, " << seen.mirrors << " mirrors, " << seen.taken_away
                << " users whose last_active was taken away, " << seen.removed << " removals by mirrors, " << seen.texts
                << " texts that ended");
  CHECK_REACHED(seen.removed * 2 > tried);
  CHECK_REACHED(seen.texts * 20 > tried);
  CHECK_REACHED(seen.close > tried);
  CHECK_REACHED(seen.dated > tried / 2);
  CHECK_REACHED(seen.updates > tried);
}

TEST_CASE("store: the end of each session is reported once, and a removal is its reason") {
  Ends seen;
  const auto property = [&](const StoreHistory& h) { return ends_are_reported(h, seen); };
  StoreMix mix = plain_mix();
  std::size_t tried = try_store_histories(histories_to_try(500), mix, 116, property);
  mix.events.removing = mix.events.hiding = true;
  tried += try_store_histories(histories_to_try(500), mix, 117, property);
  mix.events.few_sessions = true;
  mix.events.users = 2;
  tried += try_store_histories(histories_to_try(500), mix, 118, property);
  MESSAGE(tried << " histories, " << seen.calls << " calls, " << seen.ends << " ends, " << seen.removed
                << " by removals, " << seen.of_invisible << " of them of invisible users, " << seen.left
                << " sessions that outlived a removal");
  CHECK_REACHED(seen.removed * 4 > tried);
  CHECK_REACHED(seen.of_invisible * 20 > tried);
  CHECK_REACHED(seen.left * 20 > tried);
}

TEST_CASE("store: a removal takes away what came before it in its frame, and nothing that comes after it") {
  Frames seen;
  const auto property = [&](const StoreHistory& h) { return removals_keep_the_order(h, seen); };
  StoreMix mix = plain_mix();
  mix.merges = mix.resyncs = mix.lost = false;
  mix.events.removing = true;
  std::size_t tried = try_store_histories(histories_to_try(500), mix, 119, property);
  mix.events.users = 1;
  tried += try_store_histories(histories_to_try(500), mix, 120, property);
  MESSAGE(tried << " histories, " << seen.removals << " removals, " << seen.moved_removals << " moved, " << seen.behind
                << " events after one in its frame");
  CHECK_REACHED(seen.removals > tried);
  CHECK_REACHED(seen.moved_removals * 5 > tried);  // one behind another removal is not moved
  CHECK_REACHED(seen.behind * 4 > tried);
}

TEST_CASE("store: of choices, data, and what a session says in one frame, the last call counts") {
  Sayings seen;
  const auto property = [&](const StoreHistory& h) { return the_last_word_counts(h, seen); };
  StoreMix mix = plain_mix();
  mix.merges = mix.resyncs = mix.lost = false;
  std::size_t tried = try_store_histories(histories_to_try(500), mix, 121, property);
  mix.events.users = 1;
  mix.events.hiding = true;
  tried += try_store_histories(histories_to_try(500), mix, 122, property);
  MESSAGE(tried << " histories, " << seen.choices << " choices, " << seen.data << " names set, " << seen.states
                << " availabilities and " << seen.activities << " activities of sessions, " << seen.moved << " moved");
  CHECK_REACHED(seen.choices * 4 > tried);
  CHECK_REACHED(seen.data * 4 > tried);
  CHECK_REACHED(seen.states * 2 > tried);
  CHECK_REACHED(seen.activities * 10 > tried);
  CHECK_REACHED(seen.moved * 10 > tried);
}

TEST_CASE("store law 6: a rejected event leaves everything as it was") {
  Rejected seen;
  const auto property = [&](const StoreHistory& h) { return rejected_changes_nothing(h, seen); };
  StoreMix mix = plain_mix();
  std::size_t tried = try_store_histories(histories_to_try(400), mix, 111, property);
  mix.events.small_limits = mix.events.hiding = true;
  tried += try_store_histories(histories_to_try(400), mix, 112, property);
  MESSAGE(tried << " histories, " << seen.events << " rejected events");
  for (const presence::Verdict verdict : {presence::Verdict::too_late, presence::Verdict::too_early,
                                          presence::Verdict::invalid, presence::Verdict::over_limit})
    CHECK_REACHED(seen.by[verdict] * 30 > tried);
}

TEST_CASE("store law 7: a snapshot that was taken never changes, and taking it changes nothing") {
  std::size_t kept = 0;
  const std::size_t tried = try_store_histories(histories_to_try(300), plain_mix(), 113,
                                                [&](const StoreHistory& h) { return snapshots_are_values(h, kept); });
  MESSAGE(tried << " histories, " << kept << " snapshots kept");
  CHECK_REACHED(kept > tried);
}

// Small histories that broke a law once.

TEST_CASE("store law 2: coalesced changes are delivered when they are due, although those due before came to nothing") {
  Store store;
  std::string text;
  store.dispatch(PresenceEvent::set_status("ann", "a", after(0)));
  store.watch_users(Viewer("zoe"), std::vector<std::string>{"ann", "bob"});
  const auto subscriptions = listen(store, Viewer("zoe"), text, Duration::from_s(5));
  store.dispatch(PresenceEvent::set_status("ann", "b", after(1)));
  store.dispatch(PresenceEvent::set_status("ann", "a", after(2)));
  store.dispatch(PresenceEvent::connect("bob", "1", after(3)));
  store.advance(after(20));
  CHECK(text == "bob on; ");
  CHECK(*store.next_wakeup() > after(20));
}

TEST_CASE("store law 2: a viewer whose session ends receives what happened in channels before, also within one call") {
  for (const bool in_parts : {false, true}) {
    CAPTURE(in_parts);
    Store store;
    std::string text;
    store.dispatch(PresenceEvent::connect("ann", "1", after(0)));
    store.dispatch(PresenceEvent::connect("cyd", "3", after(10)));
    watch(store, "a", Viewer("ann", "1"));
    watch(store, "a", Viewer("cyd", "3"));
    const auto subscriptions = listen(store, Viewer("cyd", "3"), text);
    if (in_parts) store.advance(after(45));
    store.advance(after(60));
    CHECK(text == "ann left messaging:a; ");
  }
}

TEST_CASE("store law 2: whether an ended session may watch does not depend on when it was forgotten") {
  for (const bool in_parts : {false, true}) {
    CAPTURE(in_parts);
    Rules rules;
    rules.session_timeout = Duration::from_s(12);
    rules.reorder_window = Duration::from_s(32);
    Store store(rules);
    const std::vector<PresenceEvent> events = {PresenceEvent::connect("ann", "1", after(0)),
                                               PresenceEvent::connect("ann", "3", after(16)),
                                               PresenceEvent::report("ann", true, after(20))};
    store.dispatch(events.begin(), events.end(), after(32));
    store.advance(after(48));
    for (std::int64_t at = 49; in_parts && at < 88; ++at) store.advance(after(at));
    store.advance(after(88));
    store.watch_users(Viewer("ann", "3"), std::vector<std::string>{"bob"});
    CHECK(store.watches().is_watched("bob"));  // nothing is known of this session any more
  }
}

TEST_CASE("store law 2: a merge reports the sessions that time out by its advance") {
  for (const bool is_invisible : {false, true}) {
    CAPTURE(is_invisible);
    Store store;
    std::string text;
    const auto subscription = note_ends(store, text);
    const PresenceEvent connect = PresenceEvent::connect("ann", "1", after(0));
    store.dispatch(is_invisible ? invisibly(connect) : connect);
    CHECK(!store.merge(Snapshot(), after(50)));
    CHECK(text == "ann 1 +40; ");
  }
}

TEST_CASE("store law 2: what was due before a call is delivered before what the call causes") {
  for (const bool in_parts : {false, true}) {
    CAPTURE(in_parts);
    Store store;
    std::string text;
    watch(store, "a", Viewer("bob", "1"));
    watch(store, "a", Viewer("yan"));
    store.watch_users(Viewer("yan"), std::vector<std::string>{"bob"});
    const auto subscriptions = listen(store, Viewer("yan"), text, Duration::from_s(1));
    store.dispatch(PresenceEvent::connect("bob", "1", after(7)), after(7));
    if (in_parts) store.advance(after(8));
    store.dispatch(PresenceEvent::disconnect("bob", "1", after(7)), after(9));
    CHECK(text == "bob in messaging:a; bob on; bob left messaging:a; ");
  }
}

TEST_CASE("store law 4: the order of notices about channels does not depend on an invisible user") {
  for (const bool ghost_watches : {false, true}) {
    CAPTURE(ghost_watches);
    Store store;
    std::string text;
    store.dispatch(invisibly(PresenceEvent::connect("bob", "1", after(0))));
    if (ghost_watches) watch(store, "b", Viewer("bob"));
    for (const char* channel : {"a", "b"}) {
      watch(store, channel, Viewer("zoe"));
      watch(store, channel, Viewer("ann"));
    }
    const auto subscriptions = listen(store, Viewer("zoe"), text);
    store.dispatch(PresenceEvent::connect("ann", "1", after(1)));
    store.dispatch(PresenceEvent::disconnect("ann", "1", after(2)));
    CHECK(text == "ann in messaging:a; ann in messaging:b; ann left messaging:a; ann left messaging:b; ");
  }
}

TEST_CASE("store law 5: changes of one user have different dates, although one of another user lies ahead") {
  Store store;
  std::vector<std::pair<std::string, Timestamp>> dates;
  const auto subscription =
      store.on_change([&dates](const UserPresenceChanged& change) { dates.emplace_back(change.id, change.at); });
  store.dispatch(PresenceEvent::connect("ann", "1", after(-2)), after(0));
  store.dispatch(PresenceEvent::connect("bob", "1", after(30)), after(0));  // a clock that is ahead
  store.dispatch(PresenceEvent::disconnect("ann", "1", after(-1)), after(0));
  const std::vector<std::pair<std::string, Timestamp>> expected = {
      {"ann", after(0)}, {"bob", after(30)}, {"ann", after(0) + Duration::from_ns(1)}};
  CHECK(dates == expected);
}

TEST_CASE("store law 6: a rejected event of the host's own clock loses no end of a session") {
  for (const bool is_moved : {false, true}) {
    CAPTURE(is_moved);
    Rules rules;
    rules.max_users = 1;
    Store store(rules);
    std::string text;
    const auto subscription = note_ends(store, text);
    store.dispatch(PresenceEvent::connect("cyd", "2", after(0)));
    // Bob's disconnect makes nobody known to others, but moves what he does in the same frame.
    if (is_moved) CHECK(accepted(store.dispatch(PresenceEvent::disconnect("bob", "1", after(50)), after(0))));
    CHECK(store.dispatch(PresenceEvent::connect("bob", "1", after(50))) == presence::Verdict::over_limit);
    CHECK(store.next_wakeup() == after(40));
    store.advance(after(50));
    CHECK(text == "cyd 2 +40; ");
  }
}

TEST_CASE("store law 6: a rejected event does not affect how later changes are dated") {
  Rules rules;
  rules.max_users = 1;
  Store store(rules);
  std::vector<Timestamp> dates;
  const auto subscription =
      store.on_change([&dates](const UserPresenceChanged& change) { dates.push_back(change.at); });
  store.dispatch(PresenceEvent::connect("cyd", "2", after(0)));
  CHECK(accepted(store.dispatch(PresenceEvent::disconnect("bob", "1", after(50)), after(0))));
  CHECK(store.dispatch(PresenceEvent::connect("bob", "1", after(50))) == presence::Verdict::over_limit);
  store.dispatch(PresenceEvent::set_status("cyd", "here", after(1)));
  CHECK(dates == std::vector<Timestamp>{after(0), after(1)});
}
