// SPDX-License-Identifier: MIT
// The conformance vectors of other presence systems, run against the library. See tests/data/vectors/README.md.
//
// They are read from <data>/vectors/, where <data> is the environment's PRESENCE_TEST_DATA, or else the definition of
// that name. A vector passes, is skipped because the library has no such notion, or differs on purpose: then it is
// listed below with what is found instead. Anything else is a failure, also a listed difference that is none any more.
#include <presence/presence.hpp>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#ifndef PRESENCE_TEST_DATA
#define PRESENCE_TEST_DATA "tests/data"
#endif

namespace {

using Json = nlohmann::json;
using presence::Availability;
using presence::Duration;
using presence::PresenceEvent;
using presence::PresenceState;
using presence::Ranking;
using presence::Rules;
using presence::SessionFold;
using presence::Snapshot;
using presence::Tally;
using presence::Timestamp;
using presence::User;
using presence::UserPresenceChanged;
using presence::UserPresenceChangedView;
using presence::UserView;
using presence::Viewer;

// ---- what is run, and what is known about it ----------------------------------------------------------------------

struct File {
  const char* name;
  bool lists_sessions;  // its clients mirror each session of a user, not only the user
  bool is_exact;        // its times of activity are not rounded
};
constexpr File files[] = {
    {"chat_servers.json", false, true}, {"discourse.json", false, false}, {"fluid.json", false, false},
    {"nakama.json", false, false},      {"phoenix_js.json", true, false}, {"pusher.json", false, false},
    {"y_awareness.json", false, false},
};
constexpr std::size_t vectors_in_all = 99, least_passed = 80;

/// Needs that are met; a vector that has any other is skipped.
constexpr const char* met_needs[] = {
    "third-party-removal",  // a disconnect may come from anybody; a session that is there answers with a heartbeat
    "self-renew",           // heartbeats are the host's to send: here, of a node's own session each renew_after_ms
    "design-choice",        // where ours is another one, it is listed below
    "idle",
    "away",
    "xa",   // extended away: it is away here
    "dnd",  // do not disturb: busy
    "timed-status",
    "rev",                 // a join that comes again is the same event, and so dated as before
    "observer-staleness",  // the observer resumes, and sends heartbeats for the connections that its service lists
};

/// The rules that a peer follows, by what its file or vector calls them. A policy that is not here is skipped.
struct Policy {
  const char* name;
  SessionFold fold;
  Ranking ranking;
};
constexpr Policy policies[] = {
    {"latest", SessionFold::latest, {}},
    {"invisible>online>dnd>idle>offline", SessionFold::by_rank, {Availability::available, Availability::busy}},
    // Of an idle session that is available: 100 - 10.
    {"score: online first; available 100, invisible -50, dnd -75, away -100, xa -200, mobile -400, offline -500, idle "
     "-10",
     SessionFold::by_rank,
     {Availability::available, Availability::idle, Availability::busy, Availability::away}},
    {"any-session-hides-user", SessionFold::by_rank, {}},
};

/// Returns null if the vector has no policy, or one that is not followed.
const Policy* policy_of(const Json& vector) {
  if (!vector.contains("policy")) return nullptr;
  const std::string name = vector.at("policy").front().get<std::string>();
  const auto it =
      std::find_if(std::begin(policies), std::end(policies), [&](const Policy& p) { return p.name == name; });
  return it == std::end(policies) ? nullptr : &*it;
}

/// An expectation that is not met on purpose.
struct Deliberate {
  const char* id;
  int after;          // the step
  const char* key;    // of the expectation
  const char* found;  // instead
  const char* reason;
};
constexpr const char* connecting_is_activity =
    "connecting sets last_active, again and for a second session too: a change, though not one that is delivered";
constexpr const char* the_latest_text_counts =
    "a text that comes with a connect counts as one set at that instant, also when the session is there already";
constexpr const char* a_text_is_published = "a text is a publication, also when one is invisible";
constexpr const char* a_newer_session_decides =
    "connecting sets last_active, and the latest session decides whose activity others see";
constexpr Deliberate deliberate[] = {
    {"chat_servers-014", 0, "until_ms", "1737393212000", "an end is kept as it was set, to the nanosecond"},
    {"chat_servers-023", 0, "status", "\"brb\"", a_text_is_published},
    {"chat_servers-027", 1, "active_session", "\"b\"",
     "extended away is away here: of two such sessions with the same timestamp, the greater id decides"},
    {"chat_servers-031", 1, "changes", "active u (last_active)",
     "a heartbeat moves last_active: a change, though not one that is delivered"},
    {"discourse-005", 1, "changes", "active user (last_active)", connecting_is_activity},
    {"discourse-005", 2, "changes", "active user (last_active)", connecting_is_activity},
    {"fluid-007", 1, "changes", "update attendeeId-4 (activity, last_active)", a_newer_session_decides},
    {"fluid-016", 3, "changes", "update attendeeId-4 (activity, last_active)", a_newer_session_decides},
    {"nakama-002", 1, "status", "\"two\"", the_latest_text_counts},
    {"nakama-002", 1, "changes", "update u (status, last_active)", the_latest_text_counts},
    {"nakama-005", 2, "changes", "update u (status)", a_text_is_published},
    {"pusher-004", 1, "changes", "update B (status)", "who is there does not join again: new words are an update"},
    {"pusher-006", 1, "changes", "known C (known)", "a report makes a user known, also a report of being offline"},
};

// ---- the interpreter ----------------------------------------------------------------------------------------------

/// An expectation that is not met, or something that should not be.
struct Failure {
  int after;
  std::string key, wanted, found;
};

std::string told(const std::string& id, const Failure& f) {
  return id + ", after step " + std::to_string(f.after) + ", " + f.key + ": wanted " + f.wanted + ", found " + f.found;
}

bool is_one_of(const std::string& key, std::initializer_list<std::string_view> keys) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

/// Keys of an expectation that assert nothing. `clock` is a counter inside the peer.
bool says_where_to_look(const std::string& key) {
  return is_one_of(key, {"after", "at_ms", "node", "user", "topic", "viewer", "clock"});
}

/// The vectors' timestamp 0 is 2019-01-07T13:00:00Z.
Timestamp instant(std::int64_t ms) { return Timestamp::from_ms(1546866000000 + ms); }
constexpr Duration one_ns = Duration::from_ns(1);

/// A change, and for peers that mirror sessions the living ones of that user before and after it.
struct Told {
  UserPresenceChanged change;
  Json sessions_before, sessions_after;
};

/// One process of the peer: a snapshot, its changes since the step began, and in some vectors a session of its own.
struct Node {
  Snapshot snapshot;
  std::vector<Told> told;
  std::string own;                         // a user of whom this node is the only session; empty: none
  std::optional<std::int64_t> renewed_ms;  // when that session last spoke; absent: it has left
};

/// The name of one more node: for peers that mirror sessions, a client that mirrors users alone.
constexpr const char* of_users = "mirror of users";

/// Runs one vector. The host's part is played here and is as small as it can be: it dates what happens, sends
/// heartbeats for a node's own session, keeps diffs back until it has a list to apply them to, and passes changes on to
/// watchers. What a vector expects of users, sessions and changes is read from the library alone.
class World {
 public:
  World(const File& file, const Json& json, const Json& vector)
      : vector_(vector), lists_sessions_(file.lists_sessions), config_(json.value("config", Json::object())) {
    config_.update(vector.value("config", Json::object()));
    bool mirrors = false;
    for (const Json& step : vector.at("steps")) {
      if (step.at("op").get<std::string>().rfind("mirror_", 0) == 0) mirrors = true;
      if (step.contains("user")) names_.insert(step.at("user").get<std::string>());
    }
    if (mirrors) rules_ = Rules::mirror();
    rules_.session_timeout = Duration::from_ms(config_.value("offline_after_ms", std::int64_t{0}));
    if (file.is_exact) rules_.last_active_refresh = Duration();
    if (config_.contains("stale_grace_ms")) {
      patience_ = Duration::from_ms(config_.at("stale_grace_ms").get<std::int64_t>());
      rules_.session_timeout = Duration::from_ms(patience_.ms() / 10);  // shorter, so that only a hold lasts as long
      rules_.heartbeat_is_activity = false;                             // they are not the user's
    }
    if (const Policy* policy = policy_of(vector)) {
      rules_.session_fold = policy->fold;
      rules_.ranking = policy->ranking;
    }
    if (config_.value("boundary", "inclusive") == "strict") rules_.session_timeout += Duration::from_ms(1);
    nodes_[""].snapshot = nodes_[of_users].snapshot = Snapshot(rules_);
  }

  std::vector<Failure> run() {
    for (const auto& [key, value] : config_.items()) {
      if (!is_one_of(key, {"offline_after_ms", "renew_after_ms", "check_every_ms", "boundary", "stale_grace_ms",
                           "heartbeat_ms", "note"})) {
        fail("interpreter", "a setting that is known", key);
      }
    }
    meet_expectations();
    for (const Json& step : vector_.at("steps")) {
      ++after_;
      for (auto& [name, node] : nodes_) node.told.clear();
      notified_.clear();
      error_ = Json();
      at_ms_ = step.at("at_ms").get<std::int64_t>();
      pass_time(true);
      perform(step, step.at("op").get<std::string>());
      pass_time(false);
      meet_expectations();
    }
    if (expectations_met_ != vector_.at("expect").size()) fail("interpreter", "expectations after some step", "others");
    return failures_;
  }

 private:
  // ---- time, events, changes --------------------------------------------------------------------------------------

  /// Moves every node to the present. With `before_an_operation` what is due by then happens, but the timestamp itself
  /// is left to replay, which makes one change of all that the operation does to a user.
  void pass_time(bool before_an_operation) {
    if (is_away_) return;
    send_heartbeats();
    for (auto& [name, node] : nodes_) {
      const std::int64_t renew_after = config_.value("renew_after_ms", std::int64_t{0});
      while (renew_after > 0 && node.renewed_ms && *node.renewed_ms + renew_after <= at_ms_) {
        *node.renewed_ms += renew_after;
        fold(node, {PresenceEvent::heartbeat(node.own, node.own, instant(*node.renewed_ms))});
      }
      const Timestamp to = instant(at_ms_);
      advance(node, to - one_ns);
      if (!before_an_operation || node.snapshot.next_deadline() == to) advance(node, to);
    }
  }

  /// For each connection that the observer's service lists, three in each timeout.
  void send_heartbeats() {
    if (patience_ == Duration()) return;
    const std::int64_t step = rules_.session_timeout.ms() / 3;
    for (; beaten_ms_ + step <= at_ms_; beaten_ms_ += step) {
      std::vector<PresenceEvent> beats;
      for (const auto& [user, session] : listed_) {
        beats.push_back(PresenceEvent::heartbeat(user, session, instant(beaten_ms_ + step)));
      }
      fold(node(""), std::move(beats));
    }
  }

  void advance(Node& node, Timestamp to) {
    call(
        node, [to](Snapshot& s, auto&& on_change) { apply(s, to, on_change); },
        [to](const Snapshot& s) { return reduce(s, to); });
  }

  /// Applies events, each timestamp separately, and advances time to them.
  void fold(Node& node, std::vector<PresenceEvent> events) {
    for (PresenceEvent& event : events) {
      if (!is_repeated_) put_in_turn(node.snapshot, event);
    }
    std::stable_sort(events.begin(), events.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
    for (auto first = events.begin(); first != events.end();) {
      const auto last = std::find_if(first, events.end(), [first](const auto& event) { return event.at != first->at; });
      call(
          node, [&](Snapshot& s, auto&& on_change) { expect_accepted(replay(s, first, last, on_change)); },
          [&](Snapshot s) {
            std::for_each(first, last, [&s](const PresenceEvent& event) { s = reduce(std::move(s), event); });
            return reduce(std::move(s), std::prev(last)->at);
          });
      first = last;
    }
  }

  /// What the library asks of a host: of a session's evidence and its disconnects, the later in turn is later in time.
  static void put_in_turn(const Snapshot& snapshot, PresenceEvent& event) {
    const std::optional<PresenceState> state = snapshot.inspect(event.user);
    if (!state) return;
    for (const presence::Session& session : state->sessions) {
      if (session.id != event.session) continue;
      if (event.type == presence::EventType::disconnect) {
        if (session.last_evidence && *session.last_evidence >= event.at) event.at = *session.last_evidence + one_ns;
      } else if (!session.disconnects.empty() && session.disconnects.back() >= event.at) {
        event.at = session.disconnects.back() + one_ns;
      }
    }
  }

  /// Changes a snapshot by one call, records its changes, and compares it with the pure function and with diff.
  template <class InPlace, class Pure>
  void call(Node& node, InPlace in_place, Pure pure) {
    const Snapshot before = node.snapshot;
    std::vector<UserPresenceChanged> changes, differences;
    in_place(node.snapshot, [&changes](const UserPresenceChangedView& change) { changes.emplace_back(change); });
    diff(before, node.snapshot, [&](const UserPresenceChangedView& change) { differences.emplace_back(change); });
    for (const UserPresenceChanged& change : changes) {
      node.told.push_back({change, sessions(before, change.id), sessions(node.snapshot, change.id)});
      deliver(change);
    }
    if (pure(before) != node.snapshot) fail("library", "what the pure function gives", "another snapshot");
    const auto less = [](const UserPresenceChanged& a, const UserPresenceChanged& b) { return a.id < b.id; };
    const auto same = [](const UserPresenceChanged& a, const UserPresenceChanged& b) {
      return a.id == b.id && a.before == b.before && a.after == b.after;
    };
    std::sort(changes.begin(), changes.end(), less);
    std::sort(differences.begin(), differences.end(), less);
    if (!std::equal(changes.begin(), changes.end(), differences.begin(), differences.end(), same)) {
      fail("library", "the changes that diff gives, one a user", "others");
    }
  }

  void expect_accepted(const Tally& tally) {
    if (tally.refused() > 0) fail("library", "each event accepted", std::to_string(tally.refused()) + " refused");
  }

  /// Watchers are notified about every change except changes of only last_active.
  void deliver(const UserPresenceChanged& change) {
    const bool known_changed = change.before.has_value() != change.after.has_value();
    if (!known_changed && !change.online_changed() && !change.status_changed()) return;
    for (const auto& [watcher, users] : watches_) {
      if (users.count(change.id) == 0) continue;
      notified_.push_back({{"watcher", watcher},
                           {"user", change.id},
                           {"online", change.after && change.after->online},
                           {"status", change.after ? change.after->status : ""}});
    }
  }

  // ---- operations -------------------------------------------------------------------------------------------------

  void perform(const Json& step, const std::string& op) {
    const Timestamp at = instant(at_ms_);
    const auto text = [&step](const char* key) { return step.at(key).get<std::string>(); };
    if (op == "tick") {
      expect_keys(step, {"node"});
    } else if (op == "connect" || op == "status") {
      expect_keys(step, {"user", "session", "topic", "status", "invisible", "state", "until_ms", "rev"});
      if (op == "status" && !step.contains("invisible") && !step.contains("state") &&
          is_alive(node(""), text("user"), text("session"))) {
        fold(node(""), {PresenceEvent::set_status(text("user"), text("status"), at)});
      } else if (step.value("state", "") == "offline") {
        fold(node(""), {PresenceEvent::disconnect(text("user"), text("session"), at)});
      } else {
        connect(step, op);
      }
    } else if (op == "heartbeat") {
      expect_keys(step, {"user", "session"});
      listed_.insert({text("user"), text("session")});
      fold(node(""), {PresenceEvent::heartbeat(text("user"), text("session"), at)});
    } else if (op == "session_state") {
      expect_keys(step, {"user", "session", "state", "idle"});
      update(step);
    } else if (op == "disconnect") {
      expect_keys(step, {"user", "session", "topic"});
      listed_.erase({text("user"), text("session")});
      fold(node(""), {PresenceEvent::disconnect(text("user"), text("session"), at)});
    } else if (op == "observer_link") {
      expect_keys(step, {"up"});
      is_away_ = !step.at("up").get<bool>();
      if (!is_away_) come_back();
    } else if (op == "watch" || op == "unwatch" || op == "unwatch_all") {
      expect_keys(step, {"watcher", "user"});
      if (op == "watch") watches_[text("watcher")].insert(text("user"));
      if (op == "unwatch") watches_[text("watcher")].erase(text("user"));
      if (op == "unwatch_all") watches_.erase(text("watcher"));
    } else if (op == "mirror_state" || op == "mirror_diff" || op == "reconnect" || op == "clear") {
      perform_as_mirror(step, op);
    } else {
      perform_on_nodes(step, op);
    }
    if (step.contains("topic")) {
      topics_.insert(text("topic"));
      if (topics_.size() > 1) fail("interpreter", "one topic", "several");
    }
  }

  void connect(const Json& step, const std::string& op) {
    const std::string user = step.at("user").get<std::string>(), session = step.at("session").get<std::string>();
    const std::string state = step.value("state", "");
    PresenceEvent event = PresenceEvent::connect(user, session, instant(at_ms_));
    if (step.contains("status")) event.status = step.at("status").get<std::string>();
    if (step.contains("invisible")) event.invisible = step.at("invisible").get<bool>();
    if (state == "invisible") event.invisible = true;
    if (!state.empty() && !event.invisible && op == "connect") event.availability = parse_availability(state);
    if (!state.empty() || step.contains("rev")) event.activity = named(session);
    if (step.contains("rev")) {
      const auto [first, is_new] = joined_ms_.try_emplace({user, session, step.at("rev").get<int>()}, at_ms_);
      event.at = instant(first->second);
      is_repeated_ = !is_new;
      if (is_new) listed_.insert({user, session});
    }
    std::vector<PresenceEvent> events{event};
    if (!state.empty() && op == "status") {  // of the user, not of the session
      events.push_back(PresenceEvent::set_availability(user, parse_availability(state), instant(at_ms_)));
      if (step.contains("until_ms")) events.back().until = Timestamp::from_ms(step.at("until_ms").get<std::int64_t>());
    }
    fold(node(""), std::move(events));
    is_repeated_ = false;
  }

  /// What a session says about itself, as it comes over the wire. A session that says it is offline disconnects.
  void update(const Json& step) {
    const Timestamp at = instant(at_ms_);
    std::string state = step.at("state").get<std::string>();
    if (step.value("idle", false)) state = "idle";
    if (state == "offline") {
      fold(node(""),
           {PresenceEvent::disconnect(step.at("user").get<std::string>(), step.at("session").get<std::string>(), at)});
      return;
    }
    const Json line{
        {"type", "update"},    {"user", step.at("user")},         {"session", step.at("session")},
        {"at", to_string(at)}, {"availability", our_word(state)}, {"activity", {{"session", step.at("session")}}}};
    const presence::Result<PresenceEvent> event = presence::parse_event(line.dump());
    if (event) {
      fold(node(""), {*event});
    } else {
      error_ = event.error().code == presence::ErrorCode::out_of_range ? "invalid" : event.error().message;
    }
  }

  /// The observer was away, and its service lists nobody yet.
  void come_back() {
    Node& observer = node("");
    const Timestamp now = instant(at_ms_);
    listed_.clear();
    beaten_ms_ = at_ms_;
    const auto come = [&](Snapshot& s, auto&& on_change) { presence::resume(s, now, patience_, on_change); };
    call(observer, come, [&](Snapshot s) {
      presence::resume(s, now, patience_);
      return s;
    });
  }

  /// The session that decides is the one whose activity others see: its name.
  static presence::Attributes named(const std::string& session) {
    presence::Attributes activity;
    activity["session"] = session;
    return activity;
  }

  static std::string our_word(const std::string& state) {
    if (state == "online" || state == "chat") return "available";
    if (state == "dnd") return "busy";
    if (state == "xa") return "away";
    return state;
  }

  static std::optional<Availability> parse_availability(const std::string& state) {
    for (const Availability one :
         {Availability::idle, Availability::away, Availability::busy, Availability::available}) {
      if (to_string(one) == our_word(state)) return one;
    }
    return static_cast<Availability>(99);  // which is refused
  }

  /// A client that mirrors a server: it receives the whole list, and joins and leaves.
  void perform_as_mirror(const Json& step, const std::string& op) {
    if (op == "mirror_state") {
      expect_keys(step, {"members", "me"});
      me_ = step.value("me", "");
      std::vector<PresenceEvent> list;
      if (lists_sessions_) list_sessions(step.at("members"));
      for (const auto& [user, value] : step.at("members").items()) {
        list.push_back(lists_sessions_ ? report_of(user, instant(at_ms_)) : report(user, true, value));
      }
      list_users(node(lists_sessions_ ? of_users : ""), list);
      compare_mirrors();
      in_sync_ = true;
      for (const Json& kept_back : std::exchange(pending_, {})) apply_diff(kept_back);
    } else if (op == "mirror_diff") {
      expect_keys(step, {"joins", "leaves"});
      if (in_sync_) {
        apply_diff(step);
      } else {
        pending_.push_back(step);
      }
    } else if (op == "reconnect") {
      expect_keys(step, {});
      in_sync_ = false;
    } else {
      expect_keys(step, {});
      in_sync_ = false;
      call(
          node(""), [](Snapshot& s, auto&& on_change) { forget_reports_in(s, on_change); },
          [](const Snapshot& s) { return forget_reports(s); });
    }
  }

  void list_users(Node& mirror, const std::vector<PresenceEvent>& list) {
    const Timestamp as_of = instant(at_ms_);
    call(
        mirror,
        [&](Snapshot& s, auto&& on_change) { expect_accepted(resync(s, list.begin(), list.end(), as_of, on_change)); },
        [&](Snapshot s) {
          resync(s, list.begin(), list.end(), as_of);
          return s;
        });
  }

  /// What a server that sees what our mirror of sessions does would report.
  PresenceEvent report_of(const std::string& user, Timestamp at) {
    const std::optional<User> seen = node("").snapshot.find(user);
    return seen ? PresenceEvent::report(*seen, at) : PresenceEvent::report(user, false, at);
  }

  /// A client that receives only such reports of users sees the same users online.
  void compare_mirrors() {
    if (!lists_sessions_) return;
    Json of_sessions = Json::object(), of_reports = Json::object();
    for (const UserView user : node("").snapshot) {
      if (user.online) of_sessions[std::string(user.id)] = std::string(user.status);
    }
    for (const UserView user : node(of_users).snapshot) {
      if (user.online) of_reports[std::string(user.id)] = std::string(user.status);
    }
    if (of_sessions != of_reports) fail("mirror of users", of_sessions.dump(), of_reports.dump());
  }

  PresenceEvent report(const std::string& user, bool online, const Json& text) const {
    PresenceEvent event = PresenceEvent::report(user, online, instant(at_ms_));
    if (text.is_string()) event.status = text.get<std::string>();
    return event;
  }

  /// What sessions say about themselves is in these vectors the same for all of one user: it is the status.
  void list_sessions(const Json& members) {
    std::vector<PresenceEvent> events;
    for (const auto& [user, listed] : members.items()) connect_each(user, listed, events);
    for (const UserView user : node("").snapshot) {
      const std::string id(user.id);
      const Json list = members.value(id, Json::array());
      for (const Json& session : sessions(node("").snapshot, id)) {
        const auto is_it = [&session](const Json& other) { return other.at("ref") == session.at("ref"); };
        if (std::none_of(list.begin(), list.end(), is_it)) {
          events.push_back(PresenceEvent::disconnect(id, session.at("ref").get<std::string>(), instant(at_ms_)));
        }
      }
    }
    fold(node(""), std::move(events));
  }

  /// A list is oldest first: each session that is new is dated a nanosecond after the one before it.
  void connect_each(const std::string& user, const Json& listed, std::vector<PresenceEvent>& events) {
    Timestamp at = instant(at_ms_);
    for (Json about : listed) {
      const std::string ref = about.at("ref").get<std::string>();
      if (is_alive(node(""), user, ref)) continue;
      about.erase("ref");
      events.push_back(PresenceEvent::connect(user, ref, at));
      events.back().status = about.dump();
      at += one_ns;
    }
  }

  void apply_diff(const Json& step) {
    std::vector<PresenceEvent> events;
    for (const auto& [user, joined] : step.at("joins").items()) {
      if (lists_sessions_) {
        connect_each(user, joined, events);
      } else {
        events.push_back(report(user, true, joined));
      }
    }
    for (const auto& [key, left] : step.at("leaves").items()) {
      if (lists_sessions_) {
        for (const Json& session : left) {
          events.push_back(PresenceEvent::disconnect(key, session.at("ref").get<std::string>(), instant(at_ms_)));
        }
      } else {
        events.push_back(report(left.get<std::string>(), false, Json()));
      }
    }
    fold(node(""), std::move(events));
    if (!lists_sessions_) return;
    std::vector<PresenceEvent> reports;  // dated later than those of a list at the same timestamp
    for (const char* key : {"joins", "leaves"}) {
      for (const auto& [user, value] : step.at(key).items())
        reports.push_back(report_of(user, instant(at_ms_) + one_ns));
    }
    fold(node(of_users), std::move(reports));
    compare_mirrors();
  }

  /// Several nodes, each with a snapshot. A node speaks for one user, whose session is that node.
  void perform_on_nodes(const Json& step, const std::string& op) {
    const Timestamp at = instant(at_ms_);
    const auto text = [&step](const char* key) { return step.at(key).get<std::string>(); };
    if (op == "node") {
      expect_keys(step, {"node"});
      Node& added = nodes_[text("node")];
      added.snapshot = Snapshot(rules_);
      added.own = text("node");
      added.renewed_ms = at_ms_;
      fold(added, {PresenceEvent::connect(added.own, added.own, at)});
    } else if (op == "local") {
      expect_keys(step, {"node", "user", "meta"});
      Node& speaker = node(text("node"));
      if (text("user") != speaker.own) fail("interpreter", "a node that speaks for its own user", text("user"));
      if (step.at("meta").is_null()) {
        speaker.renewed_ms.reset();
        fold(speaker,
             {PresenceEvent::disconnect(speaker.own, speaker.own, at), PresenceEvent::set_status(speaker.own, "", at)});
      } else {
        speaker.renewed_ms = at_ms_;
        fold(speaker,
             {is_alive(speaker, speaker.own, speaker.own) ? PresenceEvent::heartbeat(speaker.own, speaker.own, at)
                                                          : PresenceEvent::connect(speaker.own, speaker.own, at),
              PresenceEvent::set_status(speaker.own, step.at("meta").dump(), at)});
      }
    } else if (op == "declare_gone") {
      expect_keys(step, {"node", "user"});
      fold(node(text("node")), {PresenceEvent::disconnect(text("user"), text("user"), at)});
    } else if (op == "snapshot_of") {
      expect_keys(step, {"node", "name"});
      saved_[text("name")] = node(text("node")).snapshot;
    } else if (op == "apply_saved") {
      expect_keys(step, {"name", "into"});
      merge_into_node(node(text("into")), saved_[text("name")]);
    } else if (op == "merge") {
      expect_keys(step, {"from", "into", "users"});
      Node& into = node(text("into"));
      merge_into_node(into, node(text("from")).snapshot);
      // A merge covers all users: only the changes of the requested users are compared.
      const auto users = step.at("users").get<std::set<std::string>>();
      const auto not_asked_for = [&users](const Told& t) { return users.count(t.change.id) == 0; };
      into.told.erase(std::remove_if(into.told.begin(), into.told.end(), not_asked_for), into.told.end());
    } else {
      fail("interpreter", "an operation that is known", op);
    }
  }

  void merge_into_node(Node& node, const Snapshot& other) {
    call(
        node, [&other](Snapshot& s, auto&& on_change) { merge_into(s, other, on_change); },
        [&other](const Snapshot& s) { return merge(other, s); });  // the other way round, which is the same
    // A node that others consider gone announces itself again.
    if (node.renewed_ms && !is_alive(node, node.own, node.own)) {
      node.renewed_ms = at_ms_;
      fold(node, {PresenceEvent::heartbeat(node.own, node.own, instant(at_ms_))});
    }
  }

  // ---- expectations -----------------------------------------------------------------------------------------------

  void meet_expectations() {
    for (const Json& expectation : vector_.at("expect")) {
      if (expectation.at("after").get<int>() != after_) continue;
      ++expectations_met_;
      at_ms_ = expectation.at("at_ms").get<std::int64_t>();
      pass_time(false);
      for (const auto& [key, wanted] : expectation.items()) {
        if (says_where_to_look(key)) continue;
        const Node& asked = node(expectation.value("node", ""));
        if (key == "changes") {
          Json found = Json::array();
          for (const Told& change : asked.told) describe(change, found);
          meet_as_set(key, wanted, found);
        } else if (key == "notified") {
          meet_as_set(key, wanted, notified_);
        } else {
          const bool are_members = key == "members" || key == "members_without_self";
          const Json want = are_members      ? Json(wanted.get<std::set<std::string>>())
                            : key == "state" ? Json(our_word(wanted.get<std::string>()))
                                             : wanted;
          const Json found = look(asked, key, expectation);
          if (found != want) fail(key, wanted.dump(), found.dump());
        }
      }
    }
  }

  Json look(const Node& at, const std::string& key, const Json& expectation) {
    const Snapshot& s = at.snapshot;
    const std::string viewer = expectation.value("viewer", "");
    const std::string user = expectation.value("user", "");
    if (key == "online") {
      const auto seen = see(s, user, viewer);
      return seen && seen->online;
    }
    if (key == "status") {
      const auto seen = see(s, user, viewer);
      return seen ? Json(seen->status) : Json();
    }
    if (key == "meta") {
      const auto seen = see(s, user, viewer);
      return seen && !seen->status.empty() ? parse(seen->status) : Json();
    }
    if (key == "members") {
      std::set<std::string> users = hidden_users(s, viewer);
      for (const UserView shown : s) {
        if (shown.online) users.emplace(shown.id);
      }
      return users;
    }
    if (key == "members_without_self") {
      presence::UserQuery others;
      others.filter = presence::and_({presence::eq("online", true), presence::ne("id", viewer)});
      std::set<std::string> users;
      for (const User& shown : presence::query(s, others, Viewer(viewer))) users.insert(shown.id);
      return users;
    }
    if (key == "state") {
      const auto seen = see(s, user, viewer);
      if (!seen || !seen->online) return "offline";
      return seen->invisible ? "invisible" : std::string(to_string(shown_availability(*seen)));
    }
    if (key == "reachable_now") {
      const auto seen = see(s, user, viewer);
      return seen && seen->online && shown_availability(*seen) == Availability::available;
    }
    if (key == "active_session" || key == "current_session") {
      const auto seen = see(s, user, viewer);
      const presence::Value* const name = seen ? seen->activity.find("session") : nullptr;
      return name != nullptr ? Json(std::string(name->view().text())) : Json();
    }
    if (key == "last_active_ms") {
      const auto seen = see(s, user, viewer);
      return seen && seen->last_active ? Json((*seen->last_active - instant(0)).ms()) : Json();
    }
    if (key == "until_ms") {
      const std::optional<PresenceState> state = s.inspect(user);
      return state && state->choice_until ? Json(state->choice_until->ms()) : Json();
    }
    if (key == "known") return s.find(user).has_value();
    if (key == "error") return error_;
    if (key == "count") return s.online_count() + hidden_users(s, viewer).size();
    if (key == "mirror") {
      Json all = Json::object();
      for (const UserView shown : s) {
        const std::string id(shown.id);
        if (shown.online) all[id] = lists_sessions_ ? sessions(s, id) : Json(std::string(shown.status));
      }
      return all;
    }
    if (key == "first_ref") {
      const Json all = sessions(s, user);
      return all.empty() ? Json() : all.front().at("ref");
    }
    if (key == "me") return s.online(me_, Viewer(me_)) ? Json(me_) : Json();
    if (key == "pending") return pending_.size();  // these two are the host's
    if (key == "in_sync") return in_sync_;
    return "a key that the interpreter does not know";
  }

  static Availability shown_availability(const User& online) {
    return online.availability == Availability::offline ? Availability::available : online.availability;
  }

  static bool sees_all(const std::string& viewer) { return viewer.empty() || viewer == "@admin"; }

  /// The owner, who is the viewer if none is named, sees their own state.
  static std::optional<User> see(const Snapshot& s, const std::string& user, const std::string& viewer) {
    if (!sees_all(viewer)) return s.find(user, Viewer(viewer));
    const std::optional<PresenceState> state = s.inspect(user);
    return state ? std::optional<User>(state->user) : std::nullopt;
  }

  /// Who is online and shows it to the viewer alone.
  std::set<std::string> hidden_users(const Snapshot& s, const std::string& viewer) const {
    std::set<std::string> users;
    for (const std::string& name : names_) {
      const std::optional<User> seen = see(s, name, viewer);
      if (seen && seen->online && seen->invisible) users.insert(name);
    }
    return users;
  }

  static Json parse(const std::string& text) { return Json::parse(text, nullptr, false); }

  static bool is_alive(const Node& at, const std::string& user, const std::string& id) {
    const std::optional<PresenceState> state = at.snapshot.inspect(user);
    if (!state) return false;
    return std::any_of(state->sessions.begin(), state->sessions.end(),
                       [&id](const presence::Session& session) { return session.alive && session.id == id; });
  }

  /// The living sessions, oldest first, with what they say about themselves.
  Json sessions(const Snapshot& s, const std::string& user) const {
    Json all = Json::array();
    const std::optional<PresenceState> state = lists_sessions_ ? s.inspect(user) : std::nullopt;
    if (!state) return all;
    std::vector<presence::Session> sorted = state->sessions;
    // Without a timeout the last evidence is the connect, because these peers have no heartbeats.
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
      return std::pair(a.online_since, a.last_evidence) < std::pair(b.online_since, b.last_evidence);
    });
    for (const presence::Session& session : sorted) {
      if (!session.alive) continue;
      Json about = parse(state->user.status);
      about["ref"] = session.id;
      all.push_back(about);
    }
    return all;
  }

  /// The records that a vector would list for this change: for peers that mirror sessions those that came and those
  /// that went; otherwise, and where no session did, one for the user.
  void describe(const Told& t, Json& out) const {
    const auto missing_in = [](const Json& others, const Json& all) {
      Json missing = Json::array();
      for (const Json& session : all) {
        const auto is_it = [&session](const Json& other) { return other.at("ref") == session.at("ref"); };
        if (std::none_of(others.begin(), others.end(), is_it)) missing.push_back(session);
      }
      return missing;
    };
    const Json joined = missing_in(t.sessions_before, t.sessions_after);
    const Json left = missing_in(t.sessions_after, t.sessions_before);
    if (!joined.empty()) {
      out.push_back({{"kind", "join"},
                     {"user", t.change.id},
                     {"sessions", joined},
                     {"current", t.sessions_before.empty() ? Json() : t.sessions_before}});
    }
    if (!left.empty()) {
      out.push_back({{"kind", "leave"}, {"user", t.change.id}, {"sessions", left}, {"current", t.sessions_after}});
    }
    if (!joined.empty() || !left.empty()) return;

    const std::optional<User>&before = t.change.before, &after = t.change.after;
    Json what = Json::array();
    std::string kind;
    const auto add = [&](bool changed, const char* name, const char* calls_it) {
      if (!changed) return;
      if (kind.empty()) kind = calls_it;
      what.push_back(name);
    };
    add(t.change.online_changed(), "online", after && after->online ? "join" : "leave");
    add(before.has_value() != after.has_value(), "known", after ? "known" : "gone");
    add(t.change.availability_changed() && !t.change.online_changed(), "state", "state");
    add(t.change.status_changed(), "status", "update");
    add(t.change.activity_changed() && !t.change.online_changed(), "activity", "update");
    add(t.change.data_changed(), "data", "update");
    add(t.change.last_active_changed(), "last_active", "active");
    Json record{{"kind", kind}, {"user", t.change.id}, {"what", what}};
    if (before) record["prev_status"] = before->status;
    if (after) record["status"] = record["meta"] = after->status;
    out.push_back(record);
  }

  /// Each wanted record is found, all that it lists being the same, and nothing else is.
  void meet_as_set(const std::string& key, const Json& wanted, const Json& found) {
    std::vector<Json> left(found.begin(), found.end());
    bool met = wanted.size() == found.size();
    for (const Json& record : wanted) {
      const auto match =
          std::find_if(left.begin(), left.end(), [&record](const Json& other) { return agrees(record, other); });
      met = met && match != left.end();
      if (match != left.end()) left.erase(match);
    }
    if (!met) fail(key, wanted.dump(), in_short(found));
  }

  static bool agrees(const Json& wanted, const Json& found) {
    for (const auto& [key, value] : wanted.items()) {
      if (!found.contains(key)) return false;
      const bool is_same = key == "kind" ? our_kind(value) == found.at(key) : value == found.at(key);
      if (!is_same) return false;
    }
    return true;
  }

  static Json our_kind(const Json& kind) {
    if (kind == "online") return "join";
    if (kind == "offline") return "leave";
    if (kind == "status") return "update";
    return kind;
  }

  /// "update ann (status)"
  static std::string in_short(const Json& records) {
    std::string text;
    for (const Json& record : records) {
      text += (text.empty() ? "" : "; ") + record.value("kind", "told") + " " + record.at("user").get<std::string>();
      std::string what;
      for (const Json& part : record.value("what", Json::array())) {
        what += (what.empty() ? "" : ", ") + part.get<std::string>();
      }
      if (!what.empty()) text += " (" + what + ")";
    }
    return text.empty() ? "nothing" : text;
  }

  // ---- the rest ---------------------------------------------------------------------------------------------------

  /// An unknown key of a step is an error.
  void expect_keys(const Json& step, std::initializer_list<std::string_view> keys) {
    for (const auto& [key, value] : step.items()) {
      if (!is_one_of(key, {"at_ms", "op"}) && !is_one_of(key, keys)) fail("interpreter", "a key that is known", key);
    }
  }

  Node& node(const std::string& name) {
    if (nodes_.count(name) == 0) {
      fail("interpreter", "a node that is known", name);
      nodes_[name].snapshot = Snapshot(rules_);
    }
    return nodes_[name];
  }

  void fail(std::string key, std::string wanted, std::string found) {
    failures_.push_back({after_, std::move(key), std::move(wanted), std::move(found)});
  }

  const Json& vector_;
  bool lists_sessions_;
  Json config_;
  Rules rules_;
  std::set<std::string> names_, topics_;

  std::map<std::string, Node> nodes_;
  std::map<std::string, Snapshot> saved_;
  std::map<std::string, std::set<std::string>> watches_;
  Json notified_ = Json::array();
  std::string me_;
  std::vector<Json> pending_;
  bool in_sync_ = false;
  Json error_;  // of the step

  // Of a peer whose observer may be away: how long others get to return, and the connections that its service lists.
  Duration patience_;
  bool is_away_ = false, is_repeated_ = false;
  std::int64_t beaten_ms_ = 0;
  std::set<std::pair<std::string, std::string>> listed_;
  std::map<std::tuple<std::string, std::string, int>, std::int64_t> joined_ms_;

  int after_ = -1;  // the step that is performed
  std::size_t expectations_met_ = 0;
  std::int64_t at_ms_ = 0;
  std::vector<Failure> failures_;
};

// ---- all of them --------------------------------------------------------------------------------------------------

Json load(const File& file) {
  const char* const set = std::getenv("PRESENCE_TEST_DATA");
  const std::string path = std::string(set != nullptr ? set : PRESENCE_TEST_DATA) + "/vectors/" + file.name;
  std::ifstream in(path, std::ios::binary);
  Json json = Json::parse(in, nullptr, false);
  REQUIRE_MESSAGE(json.is_object(), path << " cannot be read");
  REQUIRE(json.at("schema") == "presence-vectors/1");
  return json;
}

/// Returns whether something is expected while the observer is away. Then its host does not advance the time, and
/// nothing is asked of the library.
bool expects_of_an_absent_observer(const Json& vector) {
  bool is_away = false;
  int after = -1;
  for (const Json& step : vector.at("steps")) {
    ++after;
    if (step.at("op") == "observer_link") is_away = !step.at("up").get<bool>();
    for (const Json& expectation : vector.at("expect")) {
      if (is_away && expectation.at("after") == after) return true;
    }
  }
  return false;
}

/// Why a vector is not run; empty: it is.
std::string skipped_for(const Json& vector) {
  if (vector.contains("policy") && policy_of(vector) == nullptr) return "policy";
  if (expects_of_an_absent_observer(vector)) return "anything to ask while the observer is away";
  std::string unmet;
  for (const Json& need : vector.value("needs", Json::array())) {
    if (std::find(std::begin(met_needs), std::end(met_needs), need.get<std::string>()) != std::end(met_needs)) continue;
    unmet += (unmet.empty() ? "" : ", ") + need.get<std::string>();
  }
  return unmet;
}

bool is_deliberate(const std::string& id) {
  return std::any_of(std::begin(deliberate), std::end(deliberate), [&id](const Deliberate& d) { return d.id == id; });
}

struct Count {
  std::size_t passed = 0, skipped = 0, deliberate = 0, failed = 0;

  Count& operator+=(const Count& other) {
    passed += other.passed;
    skipped += other.skipped;
    deliberate += other.deliberate;
    failed += other.failed;
    return *this;
  }
};

std::string row(const std::string& name, const Count& count) {
  const auto cell = [](std::string text, std::size_t width) {
    return std::string(width - (std::min)(width, text.size()), ' ') + text;
  };
  return name + std::string(18 - (std::min)(name.size(), std::size_t{18}), ' ') +
         cell(std::to_string(count.passed), 8) + cell(std::to_string(count.skipped), 9) +
         cell(std::to_string(count.deliberate), 12) + cell(std::to_string(count.failed), 8) + "\n";
}

/// What is wrong with a vector that was run: what was found but not listed, and what is listed but was not found.
std::vector<std::string> wrong_with(const std::string& id, const std::vector<Failure>& failures) {
  std::vector<std::string> wrong;
  const auto lists = [&id](const Deliberate& d, const Failure& f) {
    return d.id == id && d.after == f.after && d.key == f.key && d.found == f.found;
  };
  for (const Failure& f : failures) {
    if (std::none_of(std::begin(deliberate), std::end(deliberate), [&](const Deliberate& d) { return lists(d, f); })) {
      wrong.push_back(told(id, f));
    }
  }
  for (const Deliberate& d : deliberate) {
    if (d.id != id) continue;
    if (std::none_of(failures.begin(), failures.end(), [&](const Failure& f) { return lists(d, f); })) {
      wrong.push_back(id + ", after step " + std::to_string(d.after) + ", " + d.key +
                      ": listed as different on purpose (" + d.found + "), which it is not");
    }
  }
  return wrong;
}

/// Ways to make an expected value wrong, in each of its parts. A record that lists less of a change is not wrong.
std::vector<Json> corrupted(const Json& value, bool are_records) {
  if (value.is_boolean()) return {Json(!value.get<bool>())};
  if (value.is_number()) return {Json(value.get<std::int64_t>() + 1)};
  if (value.is_string()) return {Json(value.get<std::string>() + "~")};
  if (value.is_null()) return {Json("~")};

  std::vector<Json> all{value};
  if (value.is_object()) {
    all.back()["~"] = "~";
  } else {
    const bool are_texts = value.empty() || value.front().is_string();
    all.back().push_back(are_texts ? Json("~") : Json{{"kind", "join"}, {"user", "~"}, {"ref", "~"}});
  }
  const auto replaced = [&value](const auto& key, const Json& by) {
    Json copy = value;
    copy[key] = by;
    return copy;
  };
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      all.push_back(value);
      all.back().erase(i);
      if (are_records) {
        for (const auto& [key, part] : value[i].items()) {
          for (Json& bad : corrupted(part, false)) {
            Json record = value[i];
            record[key] = std::move(bad);
            all.push_back(replaced(i, record));
          }
        }
      } else {
        for (const Json& bad : corrupted(value[i], false)) all.push_back(replaced(i, bad));
      }
    }
  } else {
    for (const auto& [key, part] : value.items()) {
      all.push_back(value);
      all.back().erase(key);
      for (const Json& bad : corrupted(part, false)) all.push_back(replaced(key, bad));
    }
  }
  return all;
}

}  // namespace

TEST_CASE("the conformance vectors pass, except for the listed deliberate differences") {
  Count in_all;
  std::map<std::string, std::size_t> skipped;  // by file and reason
  std::set<std::string> ids;
  std::string table = "\n                    passed  skipped  on purpose  failed\n";
  for (const File& file : files) {
    const Json json = load(file);
    Count count;
    for (const Json& vector : json.at("vectors")) {
      const std::string id = vector.at("id").get<std::string>();
      CHECK_MESSAGE(ids.insert(id).second, id << " is there twice");
      const std::string why = skipped_for(vector);
      if (!why.empty()) {
        ++count.skipped;
        ++skipped[std::string(file.name) + ", skipped for want of " + why];
        CHECK_MESSAGE(!is_deliberate(id), id << " is listed as different on purpose, but is skipped");
        continue;
      }
      const std::vector<std::string> wrong = wrong_with(id, World(file, json, vector).run());
      for (const std::string& text : wrong) FAIL_CHECK(text);
      if (!wrong.empty()) {
        ++count.failed;
      } else if (is_deliberate(id)) {
        ++count.deliberate;
      } else {
        ++count.passed;
      }
    }
    table += row(file.name, count);
    in_all += count;
  }
  table += row("in all", in_all);
  for (const auto& [why, times] : skipped) table += why + ": " + std::to_string(times) + "\n";
  for (const Deliberate& d : deliberate) {
    CHECK_MESSAGE(ids.count(d.id) == 1, std::string(d.id)
                                            << " is listed as different on purpose, but there is no such vector");
    table += std::string("on purpose: ") + d.id + ", after step " + std::to_string(d.after) + ", " + d.key + ": " +
             d.reason + "\n";
  }
  MESSAGE(table);
  CHECK(in_all.failed == 0);
  CHECK(in_all.passed >= least_passed);
  CHECK(ids.size() >= vectors_in_all);
}

TEST_CASE("every wrong expectation in a vector is reported with its step and key") {
  std::size_t tried = 0;
  for (const File& file : files) {
    const Json json = load(file);
    for (const Json& vector : json.at("vectors")) {
      const std::string id = vector.at("id").get<std::string>();
      if (!skipped_for(vector).empty() || !World(file, json, vector).run().empty()) continue;
      for (std::size_t i = 0; i < vector.at("expect").size(); ++i) {
        const int after = vector.at("expect")[i].at("after").get<int>();
        for (const auto& item : vector.at("expect")[i].items()) {
          const std::string& key = item.key();
          if (says_where_to_look(key)) continue;
          for (const Json& bad : corrupted(item.value(), key == "changes" || key == "notified")) {
            Json spoilt = vector;
            spoilt["expect"][i][key] = bad;
            const std::vector<Failure> failures = World(file, json, spoilt).run();
            CHECK_MESSAGE((failures.size() == 1 && failures[0].after == after && failures[0].key == key),
                          id << ", after step " << after << ", " << key << ": taken for right: " << bad.dump());
            ++tried;
          }
        }
      }
    }
  }
  MESSAGE(tried << " wrong expectations");
  CHECK(tried > 500);
}
