// SPDX-License-Identifier: MIT
// Random histories of one store: the events of history.hpp, dated by the host's own clock or by somebody else's,
// between calls that watch users and channels.
#ifndef PRESENCE_TESTS_PROPERTY_STORE_HISTORY_HPP
#define PRESENCE_TESTS_PROPERTY_STORE_HISTORY_HPP

#include "history.hpp"
#include "shrink.hpp"

#include <presence/presence.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace property {

using presence::Dispatched;

enum class To {
  own_clock,  ///< dispatch(event), or of a range
  host_now,   ///< dispatch(event, now), or of a range
  advance,
  resync,
  merge,      ///< a snapshot of the events, which advanced to `other_at` where there is one
  lost,       ///< connection_lost
  resume,     ///< after the host was away
  watch,      ///< a channel, with or without its members' presence
  leave,      ///< unwatch(viewer, cid)
  leave_all,  ///< unwatch(viewer)
  watch_users,
  unwatch_users,
  query_users,     ///< with presence
  query_channels,  ///< with presence
  put,             ///< a channel with other members
  drop             ///< remove_channel
};

/// One call of a host.
struct Call {
  To to = To::advance;
  std::vector<PresenceEvent> events;
  std::optional<Timestamp> at, other_at;
  Duration patience;          ///< of a resume
  std::string user, session;  ///< the viewer
  std::string channel;
  std::vector<std::string> ids;
  bool presence = false;
  Viewer viewer() const { return Viewer(user, session); }
};

struct StoreHistory {
  std::uint64_t seed = 0;
  Rules rules;
  Duration coalesce;  ///< of one of the subscriptions
  std::vector<Call> calls;
  Timestamp last;  ///< a timestamp near the last events
};

/// What the calls of a history may be, beyond what Mix says of its events.
struct StoreMix {
  Mix events;
  bool merges = true, lost = true, resyncs = true, drops = true, resumes = true;
};

// ---- writing one
// -----------------------------------------------------------------------------------------------------------------------

inline bool is_valid_time(Timestamp at) { return at != Timestamp::lowest() && at != Timestamp::highest(); }

/// Stretches a history of nanoseconds, so that it spans one frame or several.
inline void stretch(StoreHistory& h, std::int64_t by) {
  const Timestamp base = h.last;
  const auto move = [&](Timestamp& at) {
    if (is_valid_time(at)) at = base + (at - base) * by;
  };
  Rules& r = h.rules;
  for (Duration* d : {&r.session_timeout, &r.offline_grace, &r.last_active_refresh, &r.reorder_window,
                      &r.max_clock_skew, &r.forget_after, &r.idle_after, &r.report_timeout}) {
    if (*d != Duration::highest()) *d = *d * by;
  }
  h.coalesce = h.coalesce * by;
  for (Call& call : h.calls) {
    if (call.at) move(*call.at);
    if (call.other_at) move(*call.other_at);
    call.patience = call.patience * by;
    for (PresenceEvent& e : call.events) {
      move(e.at);
      if (e.last_active) move(*e.last_active);
      if (e.until) move(*e.until);
    }
  }
}

class StoreAuthor {
 public:
  StoreAuthor(const History& of, const StoreMix& mix) : chance_(mixed(of.seed, 4711)), of_(of), mix_(mix) {
    h_.seed = of.seed;
    h_.rules = of.rules;
    h_.last = of.last;
    for (const Duration d :
         {of.rules.session_timeout, of.rules.offline_grace, of.rules.reorder_window, of.rules.max_clock_skew}) {
      if (d != Duration::highest() && d >= Duration::from_s(1)) unit_ = Duration::from_s(1);
    }
    h_.coalesce = unit_ * chance_.any<std::int64_t>({1, 2, 4, 9});
  }

  StoreHistory write() {
    for (const Step& step : of_.steps) {
      while (chance_.one_in(2)) h_.calls.push_back(watching());
      add(step);
    }
    if (unit_ == Duration::from_ns(1)) stretch(h_, chance_.any<std::int64_t>({1, 1, 150, 400}));
    return std::move(h_);
  }

 private:
  void add(const Step& step) {
    Call call;
    call.events = step.events;
    switch (step.what) {
      case Do::event:
      case Do::batch:
      case Do::replay:
        if (chance_.one_in(2) && !step.events.empty()) {
          call.to = To::host_now;
          call.at = now_for(step.events.front());
          pass(*call.at);
        } else {
          call.to = To::own_clock;
          for (const PresenceEvent& e : step.events) pass(e.at);
        }
        break;
      case Do::advance:
        // Without a grace, which would keep users online by sessions that have timed out before.
        call.to = mix_.resumes && h_.rules.offline_grace <= Duration() && chance_.one_in(5) ? To::resume : To::advance;
        if (call.to == To::resume) call.patience = unit_ * chance_.any<std::int64_t>({0, 1, 3, 9, 9});
        call.at = step.at;
        pass(*step.at);
        break;
      case Do::resync:
        if (!mix_.resyncs) return;
        call.to = To::resync;
        call.at = step.at;
        break;
      case Do::merge:
        if (!mix_.merges) return;
        call.to = To::merge;
        call.other_at = step.at;
        call.at = now_for(step.events.empty() ? PresenceEvent() : step.events.front());
        pass(*call.at);
        break;
      case Do::forget:
        if (!mix_.lost) return;
        call.to = To::lost;
        break;
    }
    h_.calls.push_back(std::move(call));
  }

  void pass(Timestamp at) {
    if (is_valid_time(at) && (!now_ || at > *now_)) now_ = at;
  }
  /// A time of the host at which the event is at an edge of what is accepted, or near it.
  Timestamp now_for(const PresenceEvent& e) {
    Timestamp now = now_.value_or(e.at);
    if (is_valid_time(e.at)) {
      switch (chance_.below(6)) {
        case 0: now = e.at; break;
        case 1: now = e.at + unit_ * chance_.between(-3, 3); break;
        case 2:
          if (h_.rules.reorder_window < unit_ * 100) now = e.at + h_.rules.reorder_window;
          break;
        case 3:
          if (h_.rules.max_clock_skew < unit_ * 100) now = e.at - h_.rules.max_clock_skew;
          break;
        default: break;
      }
    }
    if (now_ && now < *now_ && !chance_.one_in(10)) now = *now_ + unit_ * chance_.between(0, 1);
    if (mix_.events.bad && chance_.one_in(60)) now = chance_.any({Timestamp::lowest(), Timestamp::highest()});
    return now;
  }

  std::vector<std::string> some_users() {
    std::vector<std::string> ids;
    for (std::size_t i = 1 + chance_.below(4); i > 0; --i)
      ids.push_back(chance_.any<const char*>({"ann", "bob", "cyd", "dee", "eve"}));
    return ids;
  }

  Call watching() {
    Call call;
    call.user = chance_.any<const char*>({"ann", "ann", "bob", "bob", "cyd", "dee", "zoe", "zoe"});
    if (!chance_.one_in(3)) call.session = chance_.any<const char*>({"1", "2", "3"});
    if (call.user == "zoe") call.session.clear();
    call.channel = chance_.any<const char*>({"a", "b"});
    call.presence = !chance_.one_in(3);
    switch (chance_.below(16)) {
      default: call.to = To::watch; break;
      case 7: call.to = To::leave; break;
      case 8: call.to = To::leave_all; break;
      case 9:
      case 10:
        call.to = To::watch_users;
        call.ids = some_users();
        break;
      case 11:
        call.to = To::unwatch_users;
        call.ids = some_users();
        break;
      case 12: call.to = To::query_users; break;
      case 13: call.to = To::query_channels; break;
      case 14:
        call.to = To::put;
        call.ids = some_users();
        break;
      case 15: call.to = mix_.drops && chance_.one_in(2) ? To::drop : To::watch; break;
    }
    return call;
  }

  Chance chance_;
  const History& of_;
  StoreMix mix_;
  StoreHistory h_;
  Duration unit_ = Duration::from_ns(1);
  std::optional<Timestamp> now_;
};

inline StoreHistory random_store_history(std::uint64_t seed, const StoreMix& mix) {
  return StoreAuthor(random_history(seed, mix.events), mix).write();
}

// ---- telling one
// -----------------------------------------------------------------------------------------------------------------------

inline std::string quoted(const std::vector<std::string>& ids) {
  std::string text = "std::vector<std::string>{";
  for (const std::string& id : ids) text += (text.back() == '{' ? "\"" : ", \"") + id + "\"";
  return text + "}";
}

inline std::string told(const Call& call) {
  const std::string viewer = "Viewer(\"" + call.user + "\", \"" + call.session + "\")",
                    cid = "\"messaging:" + call.channel + "\"";
  const std::string presence = call.presence ? "true" : "false";
  const bool is_one = call.events.size() == 1;
  const std::string list = is_one ? "  " + told(call.events.front()) : told(call.events, "list");
  const std::string at = call.at ? told(*call.at) : "";
  switch (call.to) {
    case To::own_clock:
      return list + (is_one ? "store.dispatch(e); }\n" : "  store.dispatch(list.begin(), list.end()); list.clear();\n");
    case To::host_now:
      return list + (is_one ? "store.dispatch(e, " + at + "); }\n"
                            : "  store.dispatch(list.begin(), list.end(), " + at + "); list.clear();\n");
    case To::advance: return "  store.advance(" + at + ");\n";
    case To::resync:
      return told(call.events, "list") + "  store.resync(list.begin(), list.end(), " + at + "); list.clear();\n";
    case To::merge:
      return told(call.events, "list") + "  store.merge(other_node(rules, list, " + told(call.other_at) + "), " + at +
             "); list.clear();\n";
    case To::lost: return "  store.connection_lost();\n";
    case To::resume: return "  store.resume(" + at + ", " + told(call.patience) + ");\n";
    case To::watch:
      return "  store.watch(WatchChannel{\"messaging\", \"" + call.channel + "\", {}, " + presence + "}, " + viewer +
             ");\n";
    case To::leave: return "  store.unwatch(" + viewer + ", " + cid + ");\n";
    case To::leave_all: return "  store.unwatch(" + viewer + ");\n";
    case To::watch_users: return "  store.watch_users(" + viewer + ", " + quoted(call.ids) + ");\n";
    case To::unwatch_users: return "  store.unwatch_users(" + viewer + ", " + quoted(call.ids) + ");\n";
    case To::query_users: return "  store.query_users(all_with_presence, " + viewer + ");\n";
    case To::query_channels: return "  store.query_channels(all_with_presence, " + viewer + ");\n";
    case To::put:
      return "  store.put(Channel{\"messaging\", \"" + call.channel + "\", " + quoted(call.ids) + ", {}});\n";
    case To::drop: return "  store.remove_channel(" + cid + ");\n";
  }
  return "";
}

inline std::string told(const StoreHistory& h) {
  std::string text = told(h.rules) + "  Store store(rules);\n";
  for (const Call& call : h.calls) text += told(call);
  return text;
}

inline std::string told(const Dispatched& done) {
  return std::to_string(static_cast<int>(done.verdict)) + " at " + told(done.at) + ", status at " +
         told(done.status_at);
}

// ---- shrinking one
// ---------------------------------------------------------------------------------------------------------------------

template <class Property>
class StoreShrinker {
 public:
  StoreShrinker(StoreHistory h, const Property& holds) : h_(std::move(h)), holds_(holds) {}

  StoreHistory smallest() {
    for (bool smaller = true; smaller && budget_ > 0;) {
      smaller = cut([](StoreHistory& h) -> std::vector<Call>& { return h.calls; });
      for (std::size_t i = 0; i < h_.calls.size(); ++i) {
        smaller = cut([i](StoreHistory& h) -> std::vector<PresenceEvent>& { return h.calls[i].events; }) || smaller;
        smaller = cut([i](StoreHistory& h) -> std::vector<std::string>& { return h.calls[i].ids; }) || smaller;
        for (std::size_t k = 0; k < h_.calls[i].events.size(); ++k) smaller = simplify(i, k) || smaller;
      }
      smaller = plain_rules() || smaller;
    }
    return h_;
  }

 private:
  bool keep_if_failing(StoreHistory candidate) {
    if (budget_ == 0) return false;
    --budget_;
    if (!holds_(candidate)) return false;
    h_ = std::move(candidate);
    return true;
  }
  template <class Of>
  bool cut(Of of) {
    bool smaller = false;
    for (std::size_t length = of(h_).size(); length > 0; length /= 2) {
      for (std::size_t from = 0; from + length <= of(h_).size();) {
        StoreHistory candidate = h_;
        auto& items = of(candidate);
        const auto begin = items.begin() + static_cast<std::ptrdiff_t>(from);
        items.erase(begin, begin + static_cast<std::ptrdiff_t>(length));
        if (keep_if_failing(std::move(candidate))) {
          smaller = true;
        } else {
          ++from;
        }
      }
    }
    return smaller;
  }
  bool simplify(std::size_t call, std::size_t event) {
    bool smaller = false;
    const auto attempt = [&](auto change) {
      StoreHistory candidate = h_;
      PresenceEvent& e = candidate.calls[call].events[event];
      const PresenceEvent before = e;
      change(e);
      if (e != before && keep_if_failing(std::move(candidate))) smaller = true;
    };
    each_simplification(attempt);
    return smaller;
  }
  bool plain_rules() {
    bool smaller = false;
    const auto attempt = [&](auto change) {
      StoreHistory candidate = h_;
      change(candidate.rules);
      if (candidate.rules != h_.rules && keep_if_failing(std::move(candidate))) smaller = true;
    };
    attempt([](Rules& r) { r.offline_grace = Duration(); });
    attempt([](Rules& r) { r.session_timeout = Duration(); });
    attempt([](Rules& r) { r.last_active_refresh = Duration(); });
    attempt([](Rules& r) { r.reorder_window = Duration::highest(); });
    attempt([](Rules& r) { r.max_clock_skew = Duration::highest(); });
    attempt([](Rules& r) { r.forget_after = Duration::highest(); });
    attempt([](Rules& r) { r.idle_after = Duration(); });
    attempt([](Rules& r) { r.report_timeout = Duration(); });
    attempt([](Rules& r) { r.heartbeat_is_activity = true; });
    attempt([](Rules& r) { r.session_fold = presence::SessionFold::by_rank; });
    attempt([](Rules& r) { r.ranking = presence::Ranking(); });
    attempt([](Rules& r) { r.show_devices = false; });
    attempt([](Rules& r) { r.hash_seed = 0; });
    return smaller;
  }

  StoreHistory h_;
  const Property& holds_;
  std::size_t budget_ = 20000;
};

/// Tries `property` on random histories of a store until one fails. Returns how many it tried.
template <class Property>
std::size_t try_store_histories(std::size_t count, const StoreMix& mix, std::uint64_t salt, const Property& property) {
  const std::uint64_t first = first_seed();
  std::size_t tried = 0;
  for (; tried < count; ++tried) {
    const std::uint64_t seed = tried == 0 ? first : mixed(mixed(first, salt), tried);
    const StoreHistory h = random_store_history(seed, mix);
    if (!property(h)) continue;
    const StoreHistory small = StoreShrinker<Property>(h, property).smallest();
    const Wrong wrong = property(small);
    FAIL_CHECK("wrong: " << wrong.value_or("(not any more)") << "\n  // seed " << h.seed << ", " << small.calls.size()
                         << " calls\n"
                         << told(small));
    break;
  }
  return tried;
}

// ---- a host
// ----------------------------------------------------------------------------------------------------------------------------

/// A store with all its callbacks, and what each of them received.
class Host {
 public:
  /// By receiver: a viewer, or one of the callbacks for the host.
  using Received = std::map<std::string, std::string>;

  presence::Store store;
  Changes changes;  ///< on_change
  Received received;
  std::vector<presence::SessionEnded> ended;  ///< on_session_ended
  std::vector<Dispatched> dispatched;         ///< by the last call, of each event

  explicit Host(const StoreHistory& h) : store(h.rules) {
    for (const char* id : {"a", "b"}) put(id, {"ann", "bob", "cyd"});
    listen_as_host();
    for (const char* user : {"ann", "bob", "cyd", "dee"}) {
      for (const char* session : {"", "1", "2", "3"}) listen_as(user, session, presence::DeliveryOptions());
    }
    presence::DeliveryOptions all;
    all.last_active_alone = true;
    listen_as("zoe", "", all);
    presence::DeliveryOptions few;  // of the changes of the availability, the activity and data only some
    few.availability_alone = h.seed % 2 == 0;
    few.activity_alone = h.seed % 4 < 2;
    few.data_alone = h.seed % 8 < 4;
    listen_as("xia", "", few);
    watch("xia", "a");
    presence::DeliveryOptions together = all;
    together.coalesce = h.coalesce;
    listen_as("yan", "", together);
    watch("yan", "a");
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  void perform(const Call& call) {
    dispatched.clear();
    const auto note = [this](std::size_t, const Dispatched& done) { dispatched.push_back(done); };
    const std::string cid = "messaging:" + call.channel;
    switch (call.to) {
      case To::own_clock:
        if (call.events.size() == 1) {
          dispatched.push_back(store.dispatch(call.events.front()));
        } else {
          store.dispatch(call.events.begin(), call.events.end(), note);
        }
        break;
      case To::host_now:
        if (call.events.size() == 1) {
          dispatched.push_back(store.dispatch(call.events.front(), *call.at));
        } else {
          store.dispatch(call.events.begin(), call.events.end(), *call.at, note);
        }
        break;
      case To::advance: store.advance(*call.at); break;
      case To::resync: store.resync(call.events.begin(), call.events.end(), *call.at); break;
      case To::merge:
        merged = !store.merge(other_node(store.snapshot().rules(), call.events, call.other_at), *call.at);
        break;
      case To::lost: store.connection_lost(); break;
      case To::resume: store.resume(*call.at, call.patience); break;
      case To::watch: {
        presence::WatchChannel what;
        what.type = "messaging";
        what.id = call.channel;
        what.presence = call.presence;
        if (!store.watch(what, call.viewer())) ++refused_watches;
        break;
      }
      case To::leave: store.unwatch(call.viewer(), cid); break;
      case To::leave_all: store.unwatch(call.viewer()); break;
      case To::watch_users: store.watch_users(call.viewer(), call.ids); break;
      case To::unwatch_users: store.unwatch_users(call.viewer(), call.ids); break;
      case To::query_users: {
        presence::UserQuery query;
        query.presence = true;
        store.query_users(query, call.viewer());
        break;
      }
      case To::query_channels: {
        presence::ChannelQuery query;
        query.presence = true;
        store.query_channels(query, call.viewer());
        break;
      }
      case To::put: put(call.channel, call.ids); break;
      case To::drop: store.remove_channel(cid); break;
    }
  }

  std::size_t refused_watches = 0;
  bool merged = false;  ///< by the last call that merges

 private:
  void put(const std::string& id, const std::vector<std::string>& members) {
    presence::Channel channel;
    channel.type = "messaging";
    channel.id = id;
    channel.members = members;
    CHECK(!store.put(std::move(channel)));
  }
  void watch(std::string_view user, const std::string& id) {
    presence::WatchChannel what;
    what.type = "messaging";
    what.id = id;
    what.presence = true;
    CHECK(store.watch(what, Viewer(user)));
  }
  void listen_as_host() {
    subscriptions_.push_back(store.on_change([this](const UserPresenceChanged& change) {
      changes.push_back(change);
      received["on_change"] += told(change) + "\n";
    }));
    subscriptions_.push_back(store.on_session_ended([this](const presence::SessionEnded& end) {
      ended.push_back(end);
      received["on_session_ended"] +=
          told(end.at) + " " + end.user + " " + end.session + " " + std::to_string(static_cast<int>(end.reason)) + "\n";
    }));
  }
  void listen_as(const std::string& user, const std::string& session, const presence::DeliveryOptions& options) {
    const Viewer viewer(user, session);
    const std::string name = user + " " + session;
    subscriptions_.push_back(store.subscribe<UserPresenceChanged>(
        viewer, [this, name](const UserPresenceChanged& change) { received[name] += told(change) + "\n"; }, options));
    subscriptions_.push_back(store.subscribe<presence::WatchingStarted>(
        viewer,
        [this, name](const presence::WatchingStarted& start) { received[name] += "started: " + notice(start); }));
    subscriptions_.push_back(store.subscribe<presence::WatchingStopped>(
        viewer, [this, name](const presence::WatchingStopped& stop) { received[name] += "stopped: " + notice(stop); }));
  }
  template <class Notice>
  static std::string notice(const Notice& notice) {
    return told(notice.at) + " " + notice.user + " in " + notice.cid + ", " + std::to_string(notice.watcher_count) +
           " left\n";
  }

  std::vector<presence::Subscription> subscriptions_;
};

/// Who watches whom and which channels, as far as it can be asked.
inline std::string watches_of(const presence::Store& store, const std::string& except = "") {
  std::string text;
  for (const char* user : {"ann", "bob", "cyd", "dee", "zoe"}) {
    if (user == except) continue;
    for (const char* session : {"", "1", "2", "3"}) {
      const Viewer viewer(user, session);
      text += std::string(user) + " " + session + ":";
      for (const char* other : {"ann", "bob", "cyd", "dee", "eve"})
        text += store.watches().is_watching(viewer, other) ? std::string(" ") + other : "";
      text += "; ";
    }
    for (const char* cid : {"messaging:a", "messaging:b"}) {
      text += std::to_string(store.watcher_count(cid, Viewer(user))) + " in " + cid + " for " + user + ":";
      const std::vector<User> watchers = store.watchers(cid, Viewer(user));
      for (const User& watcher : watchers) text += " " + watcher.id + " " + told(std::optional<User>(watcher));
      if (watchers.size() != store.watcher_count(cid, Viewer(user))) text += " BUT watcher_count differs";
    }
    text += "\n";
  }
  return text;
}

/// Everything that can be asked of a store. `wakeup` may be left out, because next_wakeup corrects what the store keeps
/// of sessions.
inline std::string all_of(const presence::Store& store, bool wakeup = true) {
  std::string text = all_of(store.snapshot()) + "\n" + watches_of(store);
  if (wakeup) text += "next wakeup " + told(store.next_wakeup());
  for (const char* cid : {"messaging:a", "messaging:b"}) {
    const presence::Channel* const channel = store.find_channel(cid);
    text += std::string(", ") + cid + (channel == nullptr ? " none" : "");
    if (channel != nullptr) {
      for (const std::string& member : channel->members) text += " " + member;
    }
  }
  const presence::StoreStats stats = store.stats();
  return text + ", " + std::to_string(stats.users) + " users, " + std::to_string(stats.online) + " online, " +
         std::to_string(stats.sessions) + " sessions, " + std::to_string(stats.viewers) + " viewers, " +
         std::to_string(stats.watched_users) + " watched, " + std::to_string(stats.channels) + " channels";
}

inline std::string told(const Host::Received& received) {
  std::string text;
  for (const auto& one : received) text += "    " + one.first + " received\n" + one.second;
  return text;
}

}  // namespace property

#endif  // PRESENCE_TESTS_PROPERTY_STORE_HISTORY_HPP
