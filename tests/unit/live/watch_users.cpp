// SPDX-License-Identifier: MIT
#include "../rooms.hpp"

#include <list>
#include <map>
#include <set>

using namespace support;

namespace {

const Viewer ann{"ann"}, bob{"bob"};

Subscription listen(Store& store, Viewer viewer, Ids& heard) {
  return store.subscribe<UserPresenceChanged>(
      viewer, [&heard](const UserPresenceChanged& change) { heard.push_back(change.id); });
}

}  // namespace

TEST_CASE("watch_users notifies about users who become known later, and unwatch_users ends it") {
  Store store;
  Ids heard;
  const Subscription subscription = listen(store, ann, heard);
  store.watch_users(ann, Ids{"john", "mary", "john"});
  CHECK_FALSE(store.find("john"));
  CHECK(store.watches().watched_count() == 2);
  store.dispatch(connect("john", "phone", at(0)));
  store.dispatch(says("mary", "hi", at(1)));
  store.dispatch(says("pete", "hi", at(1)));
  CHECK(heard == Ids{"john", "mary"});
  store.unwatch_users(ann, Ids{"john", "john", "pete", "unknown"});
  store.dispatch(disconnect("john", "phone", at(2)));
  store.dispatch(says("mary", "ho", at(3)));
  CHECK(heard == Ids{"john", "mary", "mary"});
  store.unwatch_users(ann, Ids{"mary"});
  CHECK(store.watches() == Watches());
  store.unwatch_users(ann, Ids{"mary"});
  store.unwatch_users(bob, Ids{"mary"});
  store.unwatch_users(nobody, Ids{"mary"});
  CHECK(store.watches() == Watches());
}

TEST_CASE("watch_users and unwatch_users take any range of ids, also none") {
  Store store;
  store.watch_users(ann, Ids{});
  CHECK(store.watches() == Watches());
  const char* const literals[] = {"john", "mary"};
  store.watch_users(ann, literals);
  store.watch_users(ann, std::list<std::string_view>{"pete"});
  store.watch_users(ann, std::set<std::string>{"jack", "john"});
  for (const char* id : {"john", "mary", "pete", "jack"}) CHECK(store.watches().is_watching(ann, id));
  store.unwatch_users(ann, Ids{});
  CHECK(store.watches().watched_count() == 4);
  store.unwatch_users(ann, std::set<std::string_view>{"john", "jack"});
  store.unwatch_users(ann, std::list<std::string>{"pete"});
  store.unwatch_users(ann, literals);
  CHECK(store.watches() == Watches());
}

TEST_CASE("watch_users, unwatch_users and views take ids in braces") {
  Store store;
  store.watch_users(Viewer("jack"), {"john", "mary"});
  CHECK(store.watches().is_watching(Viewer("jack"), "mary"));
  store.unwatch_users(Viewer("jack"), {"mary"});
  CHECK(store.watches().is_watching(Viewer("jack"), "john"));
  CHECK_FALSE(store.watches().is_watching(Viewer("jack"), "mary"));

  store.dispatch(PresenceEvent::connect("john", "phone", at(0)));
  std::size_t online = 0;
  const auto count = [&online](const UserView& user) { online += user.online ? 1 : 0; };
  CHECK(store.views({"john", "mary"}, count) == 1);
  CHECK(store.views({"john", "mary"}, Viewer("jack"), count) == 1);
  CHECK(store.snapshot().views({"john", "mary"}, count) == 1);
  CHECK(online == 3);
}

TEST_CASE("unwatch_users ends the watches of query_users, and leaves those of channels") {
  Store store;
  for (const char* id : {"john", "mary"}) store.dispatch(connect(id, "phone", at(0)));
  UserQuery asked;
  asked.presence = true;
  CHECK(store.query_users(asked, ann).size() == 2);
  REQUIRE_FALSE(store.put(room("lobby", {"mary"})));
  ChannelQuery channels;
  channels.presence = true;
  store.query_channels(channels, ann);
  store.unwatch_users(ann, Ids{"john", "mary"});
  CHECK_FALSE(store.watches().is_watching(ann, "john"));
  CHECK(store.watches().is_watching(ann, "mary"));
  store.unwatch(ann, "messaging:lobby");
  CHECK(store.watches() == Watches());
}

TEST_CASE("100,000 users can be watched and unwatched in one call") {
  constexpr std::size_t count = 100000;
  Ids ids;
  for (std::size_t i = 0; i < count; ++i) ids.push_back(user_id(i));
  Store store;
  store.watch_users(ann, ids);
  store.watch_users(ann, ids);
  CHECK(store.watches().watched_count() == count);
  CHECK(store.watches().is_watching(ann, user_id(count - 1)));
  Ids heard;
  const Subscription subscription = listen(store, ann, heard);
  store.dispatch(connect(user_id(77777), "phone", at(0)));
  CHECK(heard == Ids{user_id(77777)});
  ids.erase(ids.begin() + 5000);
  store.unwatch_users(ann, ids);
  CHECK(store.watches().watched_count() == 1);
  CHECK(store.watches().is_watching(ann, user_id(5000)));
}

TEST_CASE("ids may be borrowed from the store") {
  Store store;
  Ids members;
  for (std::size_t i = 0; i < 100; ++i) {
    members.push_back("u" + std::to_string(i));
    store.dispatch(connect(members.back(), "phone", at(0)));
  }
  REQUIRE_FALSE(store.put(room("lobby", members)));
  const Channel* const lobby = store.find_channel("messaging:lobby");
  REQUIRE(lobby != nullptr);
  if (lobby != nullptr) store.watch_users(ann, lobby->members);
  std::vector<std::string_view> ids;
  for (const std::string& id : members) ids.push_back(store.view(id)->id);
  store.watch_users(Viewer(store.view("u0")->id), ids);
  for (const std::string& id : members) {
    CHECK(store.watches().is_watching(ann, id));
    CHECK(store.watches().is_watching(Viewer("u0"), id));
  }
  // The ids of viewers of the store's watches, among them one who watches nothing yet.
  const auto all_viewers = [&] {
    std::vector<std::string_view> viewers;
    store.watches().each_viewer_of("u5", [&](Viewer viewer) { viewers.push_back(viewer.id()); });
    return viewers;
  };
  REQUIRE(all_viewers().size() == 2);
  store.watch_users(bob, all_viewers());
  CHECK(store.watches().is_watching(bob, "ann"));
  CHECK(store.watches().is_watching(bob, "u0"));
  store.unwatch_users(bob, all_viewers());
  CHECK_FALSE(store.watches().is_watching(bob, "ann"));
  store.watches().each_viewer_of("u5", [&](Viewer viewer) { store.watch_users(viewer, Ids{"new"}); });
  CHECK(store.watches().is_watching(ann, "new"));
  store.watches().each_viewer_of("u5", [&](Viewer viewer) { store.unwatch_users(viewer, ids); });
  CHECK_FALSE(store.watches().is_watched("u5"));
  CHECK(store.watches().is_watching(Viewer("u0"), "new"));
}

TEST_CASE("max_users_per_watch counts a repeated id of watch_users once") {
  StoreOptions options;
  options.limits.max_users_per_watch = 2;
  Store store(Rules(), options);
  store.watch_users(ann, Ids{"john", "john", "mary", "pete"});
  CHECK(store.watches().is_watching(ann, "john"));
  CHECK(store.watches().is_watching(ann, "mary"));
  CHECK_FALSE(store.watches().is_watching(ann, "pete"));
}

TEST_CASE("each session of a user is a viewer of its own") {
  const std::string nul(1, '\0');
  const std::vector<std::pair<std::string, std::string>> viewers = {
      {"a", "bc"}, {"ab", "c"}, {"abc", ""}, {"a", ""}, {"a", "b"}, {"a" + nul, "b"}, {"a", nul + "b"}, {"a", nul}};
  Store store;
  std::map<std::pair<std::string, std::string>, Ids> heard;
  std::vector<Subscription> subscriptions;
  for (const auto& id : viewers) subscriptions.push_back(listen(store, Viewer(id.first, id.second), heard[id]));
  double second = 0;
  for (const auto& id : viewers) {
    store.watch_users(Viewer(id.first, id.second), Ids{"john"});
    CHECK(store.watches().viewer_count() == 1);
    for (const auto& other : viewers)
      CHECK(store.watches().is_watching(Viewer(other.first, other.second), "john") == (other == id));
    store.dispatch(says("john", std::to_string(second), at(second)));
    second += 1;
    for (const auto& other : viewers) CHECK(heard[other].size() == (other == id ? 1 : 0));
    heard[id].clear();
    for (const auto& other : viewers) {
      if (other != id) store.unwatch_users(Viewer(other.first, other.second), Ids{"john"});
      if (other != id) store.unwatch(Viewer(other.first, other.second));
    }
    CHECK(store.watches().is_watching(Viewer(id.first, id.second), "john"));
    store.unwatch(Viewer(id.first, id.second));
    CHECK(store.watches() == Watches());
  }
}

TEST_CASE("a session that has ended cannot watch users") {
  Store store;
  store.dispatch(connect("ann", "tab", at(0)));
  store.watch_users(Viewer("ann", "tab"), Ids{"john"});
  store.dispatch(disconnect("ann", "tab", at(1)));
  CHECK(store.watches() == Watches());
  store.watch_users(Viewer("ann", "tab"), Ids{"john"});
  UserQuery asked;
  asked.presence = true;
  CHECK(store.query_users(asked, Viewer("ann", "tab")).size() == 1);
  REQUIRE_FALSE(store.put(room("lobby", {"mary"})));
  ChannelQuery channels;
  channels.presence = true;
  CHECK(store.query_channels(channels, Viewer("ann", "tab")).size() == 1);
  CHECK(store.watches() == Watches());
}

namespace {

using Who = std::pair<std::string, std::string>;  // user and session
using IdSet = std::set<std::string>;

/// A simple model of the watches of viewers with sessions.
struct Model {
  struct Watching {
    std::map<std::string, IdSet> pages;  // by channel
    IdSet followed, users;
  };
  std::map<Who, Watching> viewers;
  std::map<std::string, IdSet> members;  // as of the last call for the channel while it was followed

  bool is_watching(const Who& who, const std::string& user) const {
    const auto it = viewers.find(who);
    if (it == viewers.end()) return false;
    if (it->second.users.count(user) != 0) return true;
    for (const auto& [cid, page] : it->second.pages) {
      if (page.count(user) != 0) return true;
    }
    for (const std::string& cid : it->second.followed) {
      if (members.at(cid).count(user) != 0) return true;
    }
    return false;
  }
  bool is_followed(const std::string& cid) const {
    for (const auto& [who, watching] : viewers) {
      if (watching.followed.count(cid) != 0) return true;
    }
    return false;
  }
  std::size_t viewer_count() const {
    std::size_t count = 0;
    for (const auto& [who, w] : viewers) count += w.pages.empty() && w.followed.empty() && w.users.empty() ? 0u : 1u;
    return count;
  }
};

}  // namespace

TEST_CASE("random calls of Watches for viewers with sessions agree with a simple model") {
  const std::vector<Who> viewers = {
      {"a", "bc"}, {"ab", "c"}, {"abc", ""}, {"a", std::string("\0b", 2)}, {std::string("a\0", 2), "b"}};
  const Ids rooms = {"1", "2", "3"};
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    Watches w(WatchLimits(), chance.bits());
    Model model;
    const auto some_ids = [&] {
      Ids ids;
      for (std::size_t i = chance.below(7); i > 0; --i) ids.push_back(user_id(chance.below(6)));
      return ids;
    };
    for (std::size_t step = 0; step < 200; ++step) {
      CAPTURE(step);
      const Who& who = viewers[chance.below(viewers.size())];
      const Viewer viewer(who.first, who.second);
      const Channel channel = room(rooms[chance.below(rooms.size())], some_ids());
      const std::string cid = channel.cid();
      const IdSet ids(channel.members.begin(), channel.members.end());
      switch (chance.below(12)) {
        case 0:
        case 1:
          w.watch_channel(viewer, channel);
          model.viewers[who].followed.insert(cid);
          model.members[cid] = ids;
          break;
        case 2:
          w.watch_members(viewer, channel);
          model.viewers[who].pages[cid] = ids;
          break;
        case 3:
        case 4:
          w.watch_users(viewer, channel.members);
          model.viewers[who].users.insert(ids.begin(), ids.end());
          break;
        case 5:
        case 6:
          w.unwatch_users(viewer, channel.members);
          for (const std::string& id : ids) model.viewers[who].users.erase(id);
          break;
        case 7:
        case 8:
          w.update(channel);
          if (model.is_followed(cid)) model.members[cid] = ids;
          break;
        case 9:
          w.unwatch(viewer, cid);
          model.viewers[who].pages.erase(cid);
          model.viewers[who].followed.erase(cid);
          break;
        case 10:
          w.unwatch(viewer);
          model.viewers.erase(who);
          break;
        default:
          w.remove_channel(cid);
          for (auto& [each, watching] : model.viewers) watching.pages.erase(cid), watching.followed.erase(cid);
          break;
      }
      std::size_t watched = 0;
      for (std::size_t i = 0; i < 6; ++i) {
        const std::string user = user_id(i);
        std::set<Who> expected, visited;
        for (const Who& each : viewers) {
          const bool is_watching = model.is_watching(each, user);
          CHECK(w.is_watching(Viewer(each.first, each.second), user) == is_watching);
          if (is_watching) expected.insert(each);
        }
        w.each_viewer_of(user, [&](Viewer each) {
          CHECK(visited.emplace(std::string(each.id()), std::string(each.session())).second);
        });
        CHECK(visited == expected);
        CHECK(w.is_watched(user) == !expected.empty());
        watched += expected.empty() ? 0u : 1u;
      }
      CHECK(w.watched_count() == watched);
      CHECK(w.viewer_count() == model.viewer_count());
    }
    for (const Who& who : viewers) w.unwatch(Viewer(who.first, who.second));
    CHECK(w == Watches());
    CHECK(w.watched_count() == 0);
  }
}
