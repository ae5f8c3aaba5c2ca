// The library for the page without a server: C functions that take and return JSON, around one Store and a clock that
// the page moves. playground.js calls them.
#include <presence/presence.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../last_hour.hpp"

using namespace presence;

namespace {

std::string object(std::string_view key, const std::string& value) {
  return "{\"" + std::string(key) + "\":" + value + "}";
}
std::string quoted(std::string_view text) { return to_json(Value(std::string(text))); }
std::string failure(const Error& error) {
  return object("error", R"({"code":)" + quoted(to_string(error.code)) + R"(,"offset":)" +
                             std::to_string(error.offset) + R"(,"message":)" + quoted(error.message) + "}");
}
template <class Element>
std::string array(const std::vector<Element>& elements) {
  std::string json = "[";
  for (const Element& element : elements) append_json(&element == &elements[0] ? json : json += ',', element);
  return json + "]";
}

class Playground {
 public:
  Playground(Timestamp now, const Rules& rules) : now_(now), store_(rules), hour_(now) {
    store_.advance(now);
    changes_ = store_.on_change([this](const UserPresenceChanged& change) { hour_.add(change); });
    deliveries_ = store_.on_delivery([this](const UserPresenceChanged& change, const Viewers& viewers) {
      const std::string event = to_json(change);
      for (const Viewer viewer : viewers) notify(viewer, event);
    });
    ends_ = store_.on_session_ended([this](const SessionEnded& ended) {
      watching_.erase({ended.user, ended.session});
      record_own(ended.user, ended.at);
      notify(Viewer(ended.user, ended.session), R"({"type":"session.ended","created_at":")" + to_string(ended.at) +
                                                    R"(","reason":)" + quoted(to_string(ended.reason)) + "}");
    });
  }

  /// Applies an event as a server applies what a client has dated: by the clock of the playground.
  std::string dispatch(std::string_view json) {
    const Result<PresenceEvent> event = parse_event(json);
    if (!event) return failure(event.error());
    const Dispatched done = store_.dispatch(*event, now_);
    record_own(event->user, done.at);
    return R"({"verdict":)" + quoted(to_string(done.verdict)) + R"(,"at":")" + to_string(done.at) + "\"}";
  }
  std::string advance(Timestamp now) {
    if (now < now_) return failure(Error{ErrorCode::out_of_range, 0, "the clock cannot go back"});
    now_ = now;
    store_.advance(now);
    return "{}";
  }
  std::string next_wakeup() const {
    const std::optional<Timestamp> next = store_.next_wakeup();
    return object("at", next ? quoted(to_string(*next)) : "null");
  }

  std::string query_users(Viewer viewer, std::string_view json) {
    const Result<UserQuery> asked = parse_user_query(json);
    if (!asked) return failure(asked.error());
    return object("users", array(store_.query_users(*asked, viewer)));
  }
  std::string watch_user(Viewer viewer, std::string_view id) {
    store_.watch_users(viewer, std::vector<std::string_view>{id});
    return "{}";
  }
  std::string watch(Viewer viewer, std::string type, std::string id) {
    const std::pair<std::string, std::string> ids(viewer.id(), viewer.session());
    if (watching_.count(ids) == 0) watching_.emplace(ids, listen(viewer));
    const Result<Channel> channel = store_.watch(WatchChannel{std::move(type), std::move(id), {}, false}, viewer);
    if (!channel) return failure(channel.error());
    return watchers(viewer, channel->cid());
  }
  std::string unwatch(Viewer viewer, std::string_view cid) {
    store_.unwatch(viewer, cid);
    return watchers(viewer, cid);
  }
  std::string watchers(Viewer viewer, std::string_view cid) const {
    return R"({"watcher_count":)" + std::to_string(store_.watcher_count(cid, viewer)) + R"(,"watchers":)" +
           array(store_.watchers(cid, viewer)) + "}";
  }

  std::string timeline(std::string_view viewer) {
    record_own(viewer, now_);
    return hour_.to_json(viewer, now_, {}, 1'000);
  }
  /// Returns what viewers were sent since the last call.
  std::string take_notices() { return "[" + std::exchange(notices_, std::string()) + "]"; }

 private:
  struct Watching {
    Subscription started, stopped;
  };
  Watching listen(Viewer viewer) {
    return {listen_to<WatchingStarted>(viewer, "start"), listen_to<WatchingStopped>(viewer, "stop")};
  }
  template <class Notice>
  Subscription listen_to(Viewer viewer, const std::string& what) {
    const std::string id(viewer.id()), session(viewer.session());
    return store_.subscribe<Notice>(viewer, [this, id, session, what](const Notice& notice) {
      const Viewer to(id, session);
      std::string event = R"({"type":"user.watching.)" + what + R"(","created_at":")" + to_string(notice.at) +
                          R"(","cid":)" + quoted(notice.cid) + R"(,"watcher_count":)" +
                          std::to_string(notice.watcher_count);
      if (const std::optional<User> user = store_.find(notice.user, to)) event += R"(,"user":)" + to_json(*user);
      notify(to, event + "}");
    });
  }
  void notify(Viewer to, const std::string& event) {
    if (to.session().empty()) return;
    if (!notices_.empty()) notices_ += ',';
    notices_ +=
        R"({"user":)" + quoted(to.id()) + R"(,"session":)" + quoted(to.session()) + R"(,"event":)" + event + "}";
  }
  void record_own(std::string_view id, Timestamp at) { hour_.set_own(id, store_.view(id, Viewer(id)), at); }

  Timestamp now_;
  Store store_;
  service::LastHour hour_;
  std::string notices_;
  std::map<std::pair<std::string, std::string>, Watching> watching_;
  Subscription changes_, deliveries_, ends_;
};

/// Reads durations in seconds. An absent one keeps its default.
std::optional<Error> read_rules(std::string_view json, Rules& rules) {
  const Result<Value> read = parse_value(json);
  if (!read) return read.error();
  const auto set = [&read](Duration& duration, std::string_view name) {
    const ValueView value = ValueView(*read).find(name);
    if (value.kind() == ValueKind::integer) duration = Duration::from_s(value.integer());
  };
  set(rules.session_timeout, "session_timeout");
  set(rules.offline_grace, "offline_grace");
  set(rules.idle_after, "idle_after");
  set(rules.last_active_refresh, "last_active_refresh");
  rules.heartbeat_is_activity = false;  // so that a user who only keeps the page open becomes idle
  return std::nullopt;
}

std::optional<Playground> playground;
std::string answer;  // the last one; valid until the next call

/// Calls `fn(Playground&)`, and returns its JSON.
template <class Fn>
const char* ask(Fn&& fn) {
  answer = playground ? fn(*playground) : failure(Error{ErrorCode::out_of_range, 0, "playground_start comes first"});
  return answer.c_str();
}

}  // namespace

#define EXPORTED extern "C" __attribute__((used, visibility("default")))

// Each returns a JSON object, which is valid until the next call. A failure is {"error":{"code","offset","message"}}.

EXPORTED const char* playground_start(const char* now, const char* rules_json) {
  Rules rules;
  const Result<Timestamp> at = parse_timestamp(now);
  const std::optional<Error> error = at ? read_rules(rules_json, rules) : at.error();
  if (!error) playground.emplace(*at, rules);
  return ask([&error](Playground&) { return error ? failure(*error) : std::string("{}"); });
}
EXPORTED const char* playground_advance(const char* now) {
  return ask([now](Playground& it) {
    const Result<Timestamp> at = parse_timestamp(now);
    return at ? it.advance(*at) : failure(at.error());
  });
}
EXPORTED const char* playground_next_wakeup() {
  return ask([](Playground& it) { return it.next_wakeup(); });
}
EXPORTED const char* playground_dispatch(const char* event) {
  return ask([event](Playground& it) { return it.dispatch(event); });
}
EXPORTED const char* playground_query_users(const char* user, const char* session, const char* query) {
  return ask([&](Playground& it) { return it.query_users(Viewer(user, session), query); });
}
EXPORTED const char* playground_watch_user(const char* user, const char* session, const char* id) {
  return ask([&](Playground& it) { return it.watch_user(Viewer(user, session), id); });
}
EXPORTED const char* playground_watch(const char* user, const char* session, const char* type, const char* id) {
  return ask([&](Playground& it) { return it.watch(Viewer(user, session), type, id); });
}
EXPORTED const char* playground_unwatch(const char* user, const char* session, const char* cid) {
  return ask([&](Playground& it) { return it.unwatch(Viewer(user, session), cid); });
}
EXPORTED const char* playground_watchers(const char* user, const char* session, const char* cid) {
  return ask([&](Playground& it) { return it.watchers(Viewer(user, session), cid); });
}
EXPORTED const char* playground_timeline(const char* user) {
  return ask([user](Playground& it) { return it.timeline(user); });
}
EXPORTED const char* playground_take_notices() {
  return ask([](Playground& it) { return object("notices", it.take_notices()); });
}
