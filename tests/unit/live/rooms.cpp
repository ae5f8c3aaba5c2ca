// SPDX-License-Identifier: MIT
#include "../rooms.hpp"

#include <functional>
#include <map>
#include <set>
#include <tuple>

using namespace support;

namespace {

const Viewer ann{"ann"}, bob{"bob"}, cyd{"cyd"};
const char* const lobby = "messaging:lobby";

Result<Channel> enter(Store& store, Viewer viewer, std::string id = "lobby") {
  WatchChannel asked;
  asked.type = "messaging";
  asked.id = std::move(id);
  return store.watch(asked, viewer);
}
Ids ids_of(const std::vector<User>& users) {
  Ids ids;
  for (const User& user : users) ids.push_back(user.id);
  return ids;
}
Ids listed(const Store& store, std::string_view cid = lobby, Viewer viewer = nobody) {
  const std::vector<User> all = store.watchers(cid, viewer);
  CHECK(store.watcher_count(cid, viewer) == all.size());
  for (const User& user : all) CHECK(text(user) == text(store.find(user.id, viewer)));
  return ids_of(all);
}

/// The notices of viewers, as "who:+user=count " and "who:-user=count ".
struct Log {
  std::string lines;
  std::vector<Subscription> subscriptions;

  std::string take() { return std::exchange(lines, {}); }
  void listen(Store& store, Viewer viewer) {
    const std::string who(viewer.id());
    subscriptions.push_back(store.subscribe<WatchingStarted>(viewer, [this, who](const WatchingStarted& notice) {
      lines += who + ":+" + notice.user + "=" + std::to_string(notice.watcher_count) + " ";
    }));
    subscriptions.push_back(store.subscribe<WatchingStopped>(viewer, [this, who](const WatchingStopped& notice) {
      lines += who + ":-" + notice.user + "=" + std::to_string(notice.watcher_count) + " ";
    }));
  }
};

}  // namespace

TEST_CASE("watchers returns the users who watch the channel and are online, in the order of their ids") {
  Store store;
  CHECK(listed(store) == Ids{});
  for (const char* id : {"mary", "john", "pete", "jack"}) store.dispatch(connect(id, "phone", at(0)));
  store.dispatch(disconnect("pete", "phone", at(1)));
  for (const char* id : {"mary", "pete", "john"}) CHECK(enter(store, Viewer(id)).has_value());
  CHECK(listed(store) == Ids{"john", "mary"});
  CHECK(listed(store, lobby, Viewer("pete")) == Ids{"john", "mary"});
  CHECK(listed(store, "messaging:garden") == Ids{});
  CHECK(listed(store, "lobby") == Ids{});
  CHECK(enter(store, nobody).has_value());
  CHECK(listed(store) == Ids{"john", "mary"});
}

TEST_CASE("the viewers of a channel are notified when another user starts or stops watching it") {
  Store store;
  Log log;
  for (const Viewer viewer : {ann, bob, cyd}) {
    log.listen(store, viewer);
    store.dispatch(connect(std::string(viewer.id()), "phone", at(0)));
  }
  CHECK(enter(store, ann).has_value());
  CHECK(log.take() == "");
  CHECK(enter(store, bob).has_value());
  CHECK(log.take() == "ann:+bob=2 ");
  CHECK(enter(store, bob).has_value());
  CHECK(log.take() == "");
  CHECK(enter(store, cyd).has_value());
  CHECK(log.take() == "ann:+cyd=3 bob:+cyd=3 ");
  store.unwatch(bob, lobby);
  CHECK(log.take() == "ann:-bob=2 cyd:-bob=2 ");
  store.unwatch(bob, lobby);
  store.unwatch(cyd, "messaging:garden");
  CHECK(log.take() == "");
  store.unwatch(cyd);
  CHECK(log.take() == "ann:-cyd=1 ");
  CHECK(listed(store) == Ids{"ann"});
  store.unwatch(ann);
  CHECK(listed(store) == Ids{});
  CHECK(log.take() == "");
}

TEST_CASE("a notice carries the user, the channel, the count after it and its timestamp") {
  Store store;
  store.dispatch(connect("bob", "phone", at(1)));
  CHECK(enter(store, ann).has_value());
  std::string heard;
  const auto add = [&](const auto& notice) {
    heard +=
        notice.user + " " + notice.cid + " " + std::to_string(notice.watcher_count) + " " + to_string(notice.at) + "\n";
    CHECK(notice.watcher_count == store.watcher_count(notice.cid));
  };
  const Subscription started =
      store.subscribe<WatchingStarted>(ann, [&](const WatchingStarted& notice) { add(notice); });
  const Subscription stopped =
      store.subscribe<WatchingStopped>(ann, [&](const WatchingStopped& notice) { add(notice); });
  store.advance(at(2));
  CHECK(enter(store, bob).has_value());
  store.dispatch(disconnect("bob", "phone", at(3)));
  store.dispatch(connect("bob", "phone", at(5)));
  store.advance(at(50));
  CHECK(heard == "bob messaging:lobby 1 " + to_string(at(2)) + "\nbob messaging:lobby 0 " + to_string(at(3)) +
                     "\nbob messaging:lobby 1 " + to_string(at(5)) + "\nbob messaging:lobby 0 " + to_string(at(45)) +
                     "\n");
}

TEST_CASE("a user with several sessions is counted once, and stops with the last one") {
  Store store;
  Log log;
  log.listen(store, ann);
  log.listen(store, Viewer("john", "tab 1"));
  CHECK(enter(store, ann).has_value());
  store.dispatch(connect("john", "tab 1", at(0)));
  store.dispatch(connect("john", "tab 2", at(0)));
  CHECK(enter(store, Viewer("john", "tab 1")).has_value());
  CHECK(log.take() == "ann:+john=1 ");
  CHECK(enter(store, Viewer("john", "tab 2")).has_value());
  CHECK(log.take() == "");
  CHECK(listed(store) == Ids{"john"});
  store.unwatch(Viewer("john", "tab 1"), lobby);
  CHECK(log.take() == "");
  CHECK(listed(store) == Ids{"john"});
  store.unwatch(Viewer("john"));  // a viewer of its own, which watches nothing
  CHECK(listed(store) == Ids{"john"});
  store.unwatch(Viewer("john", "tab 2"));
  CHECK(log.take() == "ann:-john=0 ");
  CHECK(listed(store) == Ids{});
  CHECK(store.online("john"));
}

TEST_CASE("a user in two channels starts and stops in each of them") {
  Store store;
  Log log;
  log.listen(store, ann);
  log.listen(store, bob);
  CHECK(enter(store, ann, "lobby").has_value());
  CHECK(enter(store, bob, "garden").has_value());
  CHECK(enter(store, Viewer("john"), "lobby").has_value());
  CHECK(enter(store, Viewer("john"), "garden").has_value());
  store.dispatch(connect("john", "phone", at(0)));
  CHECK(log.take() == "bob:+john=1 ann:+john=1 ");  // in the order of the ids of the channels
  store.unwatch(Viewer("john"), "messaging:garden");
  CHECK(log.take() == "bob:-john=0 ");
  CHECK(listed(store, "messaging:garden") == Ids{});
  CHECK(listed(store) == Ids{"john"});
  store.dispatch(disconnect("john", "phone", at(1)));
  CHECK(log.take() == "ann:-john=0 ");
}

TEST_CASE("a session that ends stops watching by itself, and a revived one does not watch again") {
  for (const bool times_out : {false, true}) {
    CAPTURE(times_out);
    Store store;
    Log log;
    log.listen(store, ann);
    CHECK(enter(store, ann).has_value());
    store.dispatch(connect("john", "tab", at(0)));
    store.dispatch(connect("john", "phone", at(15)));
    CHECK(enter(store, Viewer("john", "tab")).has_value());
    CHECK(log.take() == "ann:+john=1 ");
    if (times_out) {
      CHECK(store.next_wakeup() == at(40));
      store.advance(at(40) - tick);
      CHECK(log.take() == "");
      store.advance(at(40));
    } else {
      store.dispatch(disconnect("john", "tab", at(29)));
    }
    CHECK(log.take() == "ann:-john=0 ");
    CHECK(store.online("john"));
    CHECK(listed(store) == Ids{});
    store.dispatch(heartbeat("john", "tab", at(41)));
    CHECK(listed(store) == Ids{});
    CHECK(log.take() == "");
    CHECK(enter(store, Viewer("john", "tab")).has_value());
    CHECK(log.take() == "ann:+john=1 ");
  }
}

TEST_CASE("the only session of a user that ends causes one WatchingStopped") {
  for (const bool times_out : {false, true}) {
    CAPTURE(times_out);
    Store store;
    Log log;
    log.listen(store, ann);
    CHECK(enter(store, ann).has_value());
    store.dispatch(connect("john", "tab", at(0)));
    CHECK(enter(store, Viewer("john", "tab")).has_value());
    CHECK(enter(store, Viewer("john")).has_value());
    CHECK(log.take() == "ann:+john=1 ");
    times_out ? static_cast<void>(store.advance(at(100)))
              : static_cast<void>(store.dispatch(disconnect("john", "tab", at(9))));
    CHECK(log.take() == "ann:-john=0 ");
    store.dispatch(connect("john", "tab", at(101)));  // the viewer without a session still watches
    CHECK(log.take() == "ann:+john=1 ");
  }
}

TEST_CASE("an ended session cannot watch a channel and is not counted") {
  Store store;
  store.dispatch(connect("john", "tab", at(0)));
  store.dispatch(connect("john", "phone", at(0)));
  store.dispatch(disconnect("john", "tab", at(1)));
  const Result<Channel> refused = enter(store, Viewer("john", "tab"));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::not_live);
  CHECK(store.find_channel(lobby) == nullptr);
  CHECK(enter(store, Viewer("john", "phone")).has_value());
  CHECK(listed(store) == Ids{"john"});
}

TEST_CASE("remove_channel ends the watches of a channel without notices") {
  Store store;
  Log log;
  log.listen(store, ann);
  store.dispatch(connect("john", "phone", at(0)));
  for (const Viewer viewer : {ann, Viewer("john")}) CHECK(enter(store, viewer).has_value());
  log.take();
  store.remove_channel(lobby);
  store.advance(at(1));
  CHECK(log.take() == "");
  CHECK(listed(store) == Ids{});
  CHECK_FALSE(store.put(room("lobby", {})));
  CHECK(listed(store) == Ids{});
  store.dispatch(disconnect("john", "phone", at(2)));
  CHECK(log.take() == "");
}

TEST_CASE("connection_lost notifies the viewers of a channel about users who go offline, then ends all watches") {
  Store store(Rules::mirror());
  Log log;
  log.listen(store, ann);
  for (const Viewer viewer : {ann, bob, Viewer("john")}) CHECK(enter(store, viewer).has_value());
  store.dispatch(report("john", true, at(0)));
  CHECK(log.take() == "ann:+john=1 ");
  store.connection_lost();
  CHECK(log.take() == "ann:-john=0 ");
  store.dispatch(report("john", true, at(1)));
  CHECK(log.take() == "");
  CHECK(listed(store) == Ids{});
}

TEST_CASE("a notice that is delivered after connection_lost goes only to those who watched when it happened") {
  Store store;
  Log log;
  const Viewer tab{"john", "tab"};
  for (const Viewer viewer : {ann, cyd, tab}) log.listen(store, viewer);
  store.dispatch(connect("bob", "phone", at(0)));
  store.dispatch(connect("john", "tab", at(0)));
  for (const Viewer viewer : {ann, tab}) CHECK(enter(store, viewer).has_value());
  log.take();
  std::function<void()> meanwhile;
  const Subscription subscription = store.on_change([&](const UserPresenceChanged& change) {
    if (change.id != "trigger") return;
    meanwhile();
    store.connection_lost();
  });
  SUBCASE("not to a session that ended before") {
    meanwhile = [&] {
      store.dispatch(disconnect("john", "tab", at(1)));
      CHECK(enter(store, bob).has_value());
    };
    store.dispatch(connect("trigger", "phone", at(1)));
    CHECK(log.take() == "ann:-john=0 ann:+bob=1 ");
  }
  SUBCASE("not to a viewer who entered later") {
    meanwhile = [&] {
      CHECK(enter(store, bob).has_value());
      CHECK(enter(store, cyd).has_value());
    };
    store.dispatch(connect("trigger", "phone", at(1)));
    CHECK(log.take() == "ann:+bob=2 john:+bob=2 ");
  }
}

TEST_CASE("a viewer who leaves and enters again in a callback does not receive the notice being delivered") {
  Store store;
  std::string heard;
  store.dispatch(connect("cyd", "phone", at(0)));
  for (const Viewer viewer : {ann, bob}) CHECK(enter(store, viewer).has_value());
  const Subscription of_ann = store.subscribe<WatchingStarted>(ann, [&](const WatchingStarted& notice) {
    heard += "ann:" + notice.user + " ";
    store.unwatch(bob, lobby);
    CHECK(enter(store, bob).has_value());
  });
  const Subscription of_bob = store.subscribe<WatchingStarted>(
      bob, [&](const WatchingStarted& notice) { heard += "bob:" + notice.user + " "; });
  CHECK(enter(store, cyd).has_value());
  CHECK(heard == "ann:cyd ");
}

TEST_CASE("an invisible user is listed and counted for themselves only, and others receive no notices about them") {
  Store store;
  Log log;
  log.listen(store, ann);
  log.listen(store, Viewer("john"));
  store.dispatch(connect("ann", "phone", at(0)));
  store.dispatch(invisibly("john", "phone", at(0)));
  for (const Viewer viewer : {ann, Viewer("john")}) CHECK(enter(store, viewer).has_value());
  CHECK(log.take() == "");
  CHECK(listed(store) == Ids{"ann"});
  CHECK(listed(store, lobby, ann) == Ids{"ann"});
  CHECK(listed(store, lobby, Viewer("john")) == Ids{"ann", "john"});
  CHECK(listed(store, lobby, Viewer("john", "phone")) == Ids{"ann", "john"});
  CHECK(listed(store, "messaging:garden", Viewer("john")) == Ids{});
  store.dispatch(heartbeat("john", "phone", at(20)));
  store.dispatch(connect("john", "tv", at(21)));
  store.unwatch(Viewer("john"), lobby);
  CHECK(listed(store, lobby, Viewer("john")) == Ids{"ann"});
  CHECK(enter(store, Viewer("john")).has_value());
  store.dispatch(disconnect("john", "phone", at(22)));
  store.dispatch(disconnect("john", "tv", at(22)));
  CHECK(listed(store, lobby, Viewer("john")) == Ids{"ann"});
  CHECK(log.take() == "");
  // John is notified about others, invisible or not.
  store.dispatch(disconnect("ann", "phone", at(23)));
  CHECK(log.take() == "john:-ann=0 ");
}

TEST_CASE("a user who turns invisible stops watching at once, and one who turns visible starts") {
  Rules rules;
  rules.offline_grace = seconds(100);
  Store store(rules);
  Log log;
  log.listen(store, ann);
  store.dispatch(connect("john", "phone", at(0)));
  for (const Viewer viewer : {ann, Viewer("john", "phone")}) CHECK(enter(store, viewer).has_value());
  CHECK(log.take() == "ann:+john=1 ");
  store.dispatch(invisibly("john", "phone", at(1)));
  CHECK(log.take() == "ann:-john=0 ");
  CHECK(listed(store) == Ids{});
  store.dispatch(visibly("john", "phone", at(2)));
  CHECK(log.take() == "ann:+john=1 ");
  CHECK(listed(store) == Ids{"john"});
}

TEST_CASE("a user who watches without a session starts and stops as they go online and offline") {
  Store store;
  Log log;
  log.listen(store, ann);
  for (const Viewer viewer : {ann, Viewer("john")}) CHECK(enter(store, viewer).has_value());
  CHECK(log.take() == "");
  store.dispatch(says("john", "hi", at(0)));
  CHECK(log.take() == "");
  store.dispatch(connect("john", "phone", at(1)));
  CHECK(log.take() == "ann:+john=1 ");
  store.dispatch(saying(connect("john", "tv", at(2)), "ho"));
  CHECK(log.take() == "");
  store.dispatch(disconnect("john", "phone", at(3)));
  CHECK(log.take() == "");
  store.advance(at(1000));
  CHECK(log.take() == "ann:-john=0 ");
}

TEST_CASE("a presence change that starts or stops a watch is delivered before the notice") {
  Store store;
  Log log;
  log.listen(store, ann);
  store.watch_users(ann, Ids{"john"});
  const Subscription changes = store.subscribe<UserPresenceChanged>(
      ann, [&](const UserPresenceChanged& change) { log.lines += change.id + (change.after->online ? "+ " : "- "); });
  for (const Viewer viewer : {ann, Viewer("john")}) CHECK(enter(store, viewer).has_value());
  const std::vector<PresenceEvent> events = {connect("john", "phone", at(0)), disconnect("john", "phone", at(1)),
                                             connect("john", "phone", at(2))};
  store.dispatch(events.begin(), events.end());
  CHECK(log.take() == "john+ ann:+john=1 john- ann:-john=0 john+ ann:+john=1 ");
}

TEST_CASE("when a user's only session ends, the presence change is delivered before WatchingStopped") {
  for (const bool times_out : {false, true}) {
    CAPTURE(times_out);
    Store store;
    Log log;
    log.listen(store, ann);
    store.watch_users(ann, Ids{"john"});
    store.dispatch(connect("john", "tab", at(0)));
    for (const Viewer viewer : {ann, Viewer("john", "tab")}) CHECK(enter(store, viewer).has_value());
    log.take();
    const Subscription changes = store.subscribe<UserPresenceChanged>(
        ann, [&](const UserPresenceChanged& change) { log.lines += change.id + (change.after->online ? "+ " : "- "); });
    times_out ? static_cast<void>(store.advance(at(100)))
              : static_cast<void>(store.dispatch(disconnect("john", "tab", at(9))));
    CHECK(log.take() == "john- ann:-john=0 ");
  }
}

TEST_CASE("a viewer of a channel receives no notices from before their watch or after its end") {
  Store store;
  Log log;
  for (const Viewer viewer : {ann, bob, cyd}) log.listen(store, viewer);
  CHECK(enter(store, ann).has_value());
  CHECK(enter(store, bob).has_value());
  CHECK(enter(store, Viewer("john")).has_value());
  bool is_first = true;
  const Subscription replacing = store.subscribe<WatchingStarted>(ann, [&](const WatchingStarted&) {
    if (!std::exchange(is_first, false)) return;
    store.unwatch(bob);
    CHECK(enter(store, cyd).has_value());
    CHECK(enter(store, Viewer("mary")).has_value());
    store.dispatch(connect("mary", "phone", at(1)));
  });
  store.dispatch(connect("john", "phone", at(0)));
  CHECK(log.take() == "ann:+john=1 ann:+mary=2 cyd:+mary=2 ");
}

TEST_CASE("a viewer who starts to watch a channel while notices are pending does not receive them") {
  Store store;
  Log log;
  for (const Viewer viewer : {ann, cyd}) log.listen(store, viewer);
  for (const Viewer viewer : {ann, Viewer("john"), Viewer("pete")}) CHECK(enter(store, viewer).has_value());
  const Subscription entering =
      store.subscribe<WatchingStarted>(ann, [&](const WatchingStarted&) { CHECK(enter(store, cyd).has_value()); });
  const std::vector<PresenceEvent> events = {connect("john", "phone", at(0)), connect("pete", "phone", at(0))};
  store.dispatch(events.begin(), events.end());
  CHECK(log.take() == "ann:+john=1 ann:+pete=2 ");
  store.dispatch(disconnect("john", "phone", at(1)));
  CHECK(log.take() == "ann:-john=1 cyd:-john=1 ");
}

TEST_CASE("the viewer that is passed to a visitor of the watches can be unwatched") {
  Store store;
  const std::string long_id(60, 'j');
  for (const std::string& id : {std::string("john"), long_id}) {
    CAPTURE(id);
    const Viewer john(id);
    Log log;
    log.listen(store, ann);
    CHECK(enter(store, ann).has_value());
    store.dispatch(connect(id, "phone", at(0)));
    for (const bool all : {false, true}) {
      WatchChannel asked;
      asked.type = "messaging";
      asked.id = "lobby";
      asked.presence = true;
      CHECK_FALSE(store.put(room("lobby", {"mary"})));
      CHECK(store.watch(asked, john).has_value());
      CHECK(log.take() == "ann:+" + id + "=1 ");
      store.watches().each_viewer_of(
          "mary", [&](Viewer viewer) { all ? store.unwatch(viewer) : store.unwatch(viewer, lobby); });
      CHECK(log.take() == "ann:-" + id + "=0 ");
      CHECK(listed(store) == Ids{});
      store.unwatch(john);
      log.take();
    }
  }
}

namespace {

using Publicly = std::map<std::string, std::set<std::string>>;  // who is seen in a channel

/// Who watches which channels: pairs of user and session.
struct Model {
  std::map<std::string, std::set<std::pair<std::string, std::string>>> channels;

  /// Recomputes who is seen in each channel.
  Publicly seen(const Store& store) const {
    Publicly all;
    for (const auto& [cid, viewers] : channels) {
      for (const auto& [user, session] : viewers) {
        if (store.snapshot().online(user)) all[cid].insert(user);
      }
    }
    return all;
  }
};
bool is_live(const Store& store, const std::string& user, const std::string& session) {
  const std::optional<PresenceState> state = store.snapshot().inspect(user);
  if (!state) return false;
  for (const Session& each : state->sessions) {
    if (each.id == session) return each.alive;
  }
  return false;
}
/// A notice: the viewer, the channel, the user, and whether they started.
using Notices = std::multiset<std::tuple<std::string, std::string, std::string, bool>>;

}  // namespace

TEST_CASE("in random histories each viewer of a channel receives exactly the changes of who is seen in it") {
  const Ids cids = {"messaging:0", "messaging:1"};
  std::size_t received = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    Rules rules;
    rules.hash_seed = chance.bits();
    if (seed % 3 == 0) rules.offline_grace = seconds(7);
    if (seed % 4 == 0) rules.max_sessions_per_user = 2;
    Store store(rules);
    Model model;
    Notices notices;
    std::map<std::string, std::size_t> counts;  // as the notices say
    std::vector<Subscription> subscriptions;
    const auto hear = [&](const std::string& who, const auto& notice, bool is_start) {
      CHECK(notices.emplace(who, notice.cid, notice.user, is_start) != notices.end());
      if (who == "eye") {
        counts[notice.cid] += is_start ? 1u : static_cast<std::size_t>(-1);
        CHECK(notice.watcher_count == counts[notice.cid]);
      }
    };
    const auto listen = [&](Viewer viewer, std::string who) {
      subscriptions.push_back(store.subscribe<WatchingStarted>(
          viewer, [&hear, who](const WatchingStarted& notice) { hear(who, notice, true); }));
      subscriptions.push_back(store.subscribe<WatchingStopped>(
          viewer, [&hear, who](const WatchingStopped& notice) { hear(who, notice, false); }));
    };
    std::vector<std::pair<std::string, std::string>> viewers;
    for (std::size_t i = 0; i < 4; ++i) {
      for (const char* session : {"", "session-0", "session-1", "session-2"}) viewers.emplace_back(user_id(i), session);
    }
    for (const auto& [user, session] : viewers) listen(Viewer(user, session), user + "/" + session);
    listen(Viewer("eye"), "eye");  // watches all channels and is never online

    for (std::size_t step = 0; step < 250; ++step) {
      CAPTURE(step);
      const double second = static_cast<double>(step) * 2;
      for (const std::string& cid : cids) {
        if (model.channels[cid].insert({"eye", ""}).second) {
          CHECK(enter(store, Viewer("eye"), cid.substr(10)).has_value());
          counts[cid] = store.watcher_count(cid);
        }
      }
      const Model before = model;
      const Publicly was = model.seen(store);
      std::map<std::pair<std::string, std::string>, bool> was_live;
      for (const auto& [user, session] : viewers) was_live[{user, session}] = is_live(store, user, session);
      notices.clear();
      bool is_silent = false, is_lost = false;
      const auto& [user, session] = viewers[chance.below(viewers.size())];
      const Viewer viewer(user, session);
      const std::string cid = cids[chance.below(cids.size())];
      switch (chance.below(14)) {
        case 0:
        case 1:
        case 2:
        case 3:
          if (enter(store, viewer, cid.substr(10)).has_value()) model.channels[cid].insert({user, session});
          break;
        case 4:
          store.unwatch(viewer, cid);
          model.channels[cid].erase({user, session});
          break;
        case 5:
          store.unwatch(viewer);
          for (auto& [id, all] : model.channels) all.erase({user, session});
          break;
        case 6:
          if (chance.below(6) != 0) break;
          is_silent = true;
          store.remove_channel(cid);
          model.channels.erase(cid);
          break;
        case 7:
          if (chance.below(8) != 0) break;
          is_lost = true;
          store.connection_lost();
          break;
        case 8: store.advance(at(second)); break;
        // At the time of the store: one call causes at most one change of a user.
        default: store.dispatch(random_event(chance, second, 4, 3), store.snapshot().now().value_or(at(0))); break;
      }
      // Sessions that ended have left.
      for (const auto& each : viewers) {
        if (each.second.empty() || !was_live[each] || is_live(store, each.first, each.second)) continue;
        for (auto& [id, all] : model.channels) all.erase(each);
      }

      const Publicly is = model.seen(store);
      if (is_lost) model.channels.clear();
      Notices expected;
      for (const std::string& id : cids) {
        if (is_silent && id == cid) continue;
        const std::set<std::string> none;
        const std::set<std::string>&a = was.count(id) != 0 ? was.at(id) : none,
              &b = is.count(id) != 0 ? is.at(id) : none;
        const auto after = model.channels.find(id);
        for (const auto& [who, tab] : before.channels.at(id)) {
          // Those who leave in the same call may have received some of the notices.
          if (!is_lost && (after == model.channels.end() || after->second.count({who, tab}) == 0)) {
            for (auto it = notices.begin(); it != notices.end();) {
              it = std::get<0>(*it) == who + "/" + tab && std::get<1>(*it) == id ? notices.erase(it) : std::next(it);
            }
            continue;
          }
          const std::string name = who == "eye" ? who : who + "/" + tab;
          for (std::size_t i = 0; i < 4; ++i) {
            const std::string other = user_id(i);
            if (other != who && a.count(other) != b.count(other))
              expected.emplace(name, id, other, b.count(other) != 0);
          }
        }
      }
      received += expected.size();
      CHECK(notices == expected);
      for (const std::string& id : cids) {
        for (std::size_t i = 0; i < 5; ++i) {
          const std::string as = i < 4 ? user_id(i) : "";
          std::set<std::string> ids;
          const auto all = model.channels.find(id);
          if (all != model.channels.end()) {
            for (const auto& entry : all->second) {
              if (store.snapshot().online(entry.first, Viewer(as))) ids.insert(entry.first);
            }
          }
          CHECK(listed(store, id, Viewer(as)) == Ids(ids.begin(), ids.end()));
        }
      }
    }
  }
  CHECK(received > 5000);
}

TEST_CASE("others cannot distinguish what an invisible user does in channels from the passing of time") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    const std::string ghost = "ghost";
    const bool was_seen = chance.below(2) == 0;
    const Ids users = {"ann", "bob", "cyd"};
    Store with, without;
    std::map<std::string, std::string> of_with, of_without;  // by receiver
    std::vector<Subscription> subscriptions;
    const auto listen = [&](Store& store, std::map<std::string, std::string>& heard) {
      for (const std::string& id : users) {
        const auto add = [&heard, id](const auto& notice, const char* kind) {
          heard[id] +=
              kind + notice.user + notice.cid + std::to_string(notice.watcher_count) + to_string(notice.at) + "\n";
        };
        subscriptions.push_back(
            store.subscribe<WatchingStarted>(Viewer(id), [add](const WatchingStarted& notice) { add(notice, "+"); }));
        subscriptions.push_back(
            store.subscribe<WatchingStopped>(Viewer(id), [add](const WatchingStopped& notice) { add(notice, "-"); }));
        subscriptions.push_back(store.subscribe<UserPresenceChanged>(
            Viewer(id), [&heard, id](const UserPresenceChanged& change) { heard[id] += text(Changes{change}); }));
      }
    };
    listen(with, of_with);
    listen(without, of_without);
    for (Store* const store : {&with, &without}) {
      for (const std::string& id : users) store->watch_users(Viewer(id), Ids{"ann", "bob", "cyd", ghost});
      if (!was_seen) continue;
      store->dispatch(connect(ghost, "session-0", at(0)));
      CHECK(enter(*store, Viewer(ghost), "0").has_value());
      CHECK(enter(*store, Viewer(ghost, "session-0"), "1").has_value());
      store->dispatch(invisibly(ghost, "session-0", at(1)));
    }
    if (!was_seen) {
      with.dispatch(invisibly(ghost, "session-0", at(1)));
      without.advance(at(1));
    }
    double second = 1;
    for (std::size_t step = 0; step < 150; ++step) {
      CAPTURE(step);
      if (chance.below(4) != 0) second += static_cast<double>(chance.below(50)) / 10;
      const std::string session = "session-" + std::to_string(chance.below(2)),
                        user = users[chance.below(users.size())];
      const std::string id = std::to_string(chance.below(2));
      const std::string tab = chance.below(2) == 0 ? "" : session;
      const std::size_t what = chance.below(7);
      if (chance.below(2) == 0) {
        switch (what) {
          case 0: with.unwatch(Viewer(ghost, tab), "messaging:" + id); break;
          case 1: with.unwatch(Viewer(ghost, tab)); break;
          case 2:
          case 3: static_cast<void>(enter(with, Viewer(ghost, tab), id).has_value()); break;
          default: {
            PresenceEvent event = connect(ghost, session, at(second));
            if (what == 4) event = heartbeat(ghost, session, at(second));
            if (what == 5) event = disconnect(ghost, session, at(second));
            if (accepted(with.dispatch(event))) without.advance(at(second));
            break;
          }
        }
      } else {
        for (Store* const store : {&with, &without}) {
          switch (what) {
            case 0: store->unwatch(Viewer(user, tab), "messaging:" + id); break;
            case 1: store->advance(at(second)); break;
            case 2:
            case 3: static_cast<void>(enter(*store, Viewer(user, tab), id).has_value()); break;
            case 4: store->dispatch(heartbeat(user, session, at(second))); break;
            case 5: store->dispatch(disconnect(user, session, at(second))); break;
            default: store->dispatch(connect(user, session, at(second))); break;
          }
        }
      }
      const bool is_same = of_with == of_without;
      REQUIRE(is_same);
      for (const char* cid : {"messaging:0", "messaging:1"}) {
        for (const std::string& as : {std::string(), users[0], users[1]}) {
          REQUIRE(listed(with, cid, Viewer(as)) == listed(without, cid, Viewer(as)));
        }
      }
    }
    CHECK(of_with["ann"].size() > 100);
  }
}
