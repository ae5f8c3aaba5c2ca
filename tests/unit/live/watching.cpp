// SPDX-License-Identifier: MIT
#include "../rooms.hpp"

#include <map>
#include <set>

using namespace support;

namespace {

using IdSet = std::set<std::string>;

const Viewer ann{"ann"}, bob{"bob"};

/// The ids of the viewers who watch the user; each must be visited once.
IdSet hearers(const Watches& w, std::string_view user) {
  IdSet all;
  w.each_viewer_of(user, [&](Viewer viewer) { CHECK(all.insert(std::string(viewer.id())).second); });
  for (const std::string& id : all) CHECK(w.is_watching(Viewer(id), user));
  CHECK(w.is_watched(user) == !all.empty());
  return all;
}
void check_nothing_is_left(const Watches& w) {
  CHECK(w == Watches());
  CHECK(w.viewer_count() == 0);
  CHECK(w.watched_count() == 0);
}

}  // namespace

TEST_CASE("watch_channel watches the members and follows later joins and leaves") {
  Watches w;
  w.watch_channel(ann, room("lobby", {"john", "mary"}));
  CHECK(hearers(w, "john") == IdSet{"ann"});
  CHECK(hearers(w, "mary") == IdSet{"ann"});
  CHECK(hearers(w, "pete") == IdSet{});
  CHECK(w.viewer_count() == 1);
  CHECK(w.watched_count() == 2);
  w.update(room("lobby", {"mary", "pete"}));
  CHECK(hearers(w, "john") == IdSet{});
  CHECK(hearers(w, "mary") == IdSet{"ann"});
  CHECK(hearers(w, "pete") == IdSet{"ann"});
  CHECK(w.watched_count() == 2);
  w.update(room("lobby", {}));
  CHECK(w.watched_count() == 0);
  CHECK(w.viewer_count() == 1);
  w.update(room("lobby", {"john"}));
  CHECK(hearers(w, "john") == IdSet{"ann"});
  w.unwatch(ann, "messaging:lobby");
  check_nothing_is_left(w);
}

TEST_CASE("watch_members watches the current members and ignores later joins and leaves") {
  Watches w;
  w.watch_members(ann, room("lobby", {"john", "mary"}));
  w.update(room("lobby", {"mary", "pete"}));
  CHECK(hearers(w, "john") == IdSet{"ann"});
  CHECK(hearers(w, "mary") == IdSet{"ann"});
  CHECK(hearers(w, "pete") == IdSet{});
  // The next query replaces the first.
  w.watch_members(ann, room("lobby", {"mary", "pete"}));
  CHECK(hearers(w, "john") == IdSet{});
  CHECK(hearers(w, "mary") == IdSet{"ann"});
  CHECK(hearers(w, "pete") == IdSet{"ann"});
  w.unwatch(ann, "messaging:lobby");
  check_nothing_is_left(w);
}

TEST_CASE("watch_users adds to earlier calls, and its watches end with unwatch(viewer)") {
  Watches w;
  w.watch_users(ann, Ids{"john", "mary", "john"});
  w.watch_users(ann, std::vector<std::string_view>{"pete", "john"});
  w.watch_users(bob, Ids{"john"});
  CHECK(hearers(w, "john") == IdSet{"ann", "bob"});
  CHECK(hearers(w, "mary") == IdSet{"ann"});
  CHECK(hearers(w, "pete") == IdSet{"ann"});
  CHECK(w.watched_count() == 3);
  CHECK(w.viewer_count() == 2);
  w.unwatch(ann, "messaging:lobby");  // watch_users is not tied to a channel
  CHECK(hearers(w, "john") == IdSet{"ann", "bob"});
  w.unwatch(ann);
  CHECK(hearers(w, "john") == IdSet{"bob"});
  CHECK(hearers(w, "mary") == IdSet{});
  w.unwatch(bob);
  check_nothing_is_left(w);
}

TEST_CASE("a viewer watches a user as long as any of their watches includes the user") {
  Watches w;
  w.watch_channel(ann, room("lobby", {"john", "mary"}));
  w.watch_channel(ann, room("lobby", {"john", "mary"}));
  w.watch_members(ann, room("lobby", {"john"}));
  w.watch_channel(ann, room("garden", {"john"}));
  w.watch_members(ann, room("cellar", {"john"}));
  CHECK(hearers(w, "john") == IdSet{"ann"});
  w.update(room("garden", {}));
  CHECK(w.is_watching(ann, "john"));
  w.unwatch(ann, "messaging:lobby");
  CHECK(w.is_watching(ann, "john"));
  CHECK_FALSE(w.is_watching(ann, "mary"));
  w.update(room("garden", {"john"}));
  w.unwatch(ann, "messaging:cellar");
  CHECK(w.is_watching(ann, "john"));
  w.watch_users(ann, Ids{"john"});
  w.unwatch(ann, "messaging:garden");
  CHECK(w.is_watching(ann, "john"));
  w.unwatch(ann, "messaging:garden");
  CHECK(w.is_watching(ann, "john"));
  w.unwatch(ann);
  check_nothing_is_left(w);
}

TEST_CASE("each_viewer_of does not visit a viewer who stopped watching the user and still watches another one") {
  Watches w;
  w.watch_users(ann, Ids{"john"});
  w.watch_users(bob, Ids{"john", "mary"});
  std::string visited;
  w.each_viewer_of("john", [&](Viewer viewer) {
    visited += std::string(viewer.id()) + " ";
    w.unwatch_users(bob, Ids{"john"});
  });
  CHECK(visited == "ann ");
  CHECK(w.is_watching(bob, "mary"));
}

TEST_CASE("the order of the members of a watched channel and duplicates do not matter") {
  Watches a, b;
  a.watch_channel(ann, room("lobby", {"john", "mary", "pete"}));
  b.watch_channel(ann, room("lobby", {"pete", "john", "mary", "john", "pete", "pete"}));
  CHECK(a == b);
  CHECK(b.watched_count() == 3);
  b.update(room("lobby", {"mary", "mary", "john", "pete"}));
  CHECK(a == b);
  b.update(room("lobby", {"mary", "mary"}));
  CHECK(a != b);
  CHECK(hearers(b, "john") == IdSet{});
  CHECK(hearers(b, "mary") == IdSet{"ann"});
  b.watch_members(bob, room("garden", {"john", "john"}));
  b.unwatch(bob);
  CHECK(hearers(b, "john") == IdSet{});
  b.unwatch(ann);
  check_nothing_is_left(b);
}

TEST_CASE("watch_channel also updates the members for the earlier watchers of the channel") {
  Watches w;
  w.watch_channel(ann, room("lobby", {"john"}));
  w.watch_channel(bob, room("lobby", {"mary"}));
  CHECK(hearers(w, "john") == IdSet{});
  CHECK(hearers(w, "mary") == IdSet{"ann", "bob"});
}

TEST_CASE("updating a channel without watchers does nothing") {
  Watches w;
  w.update(room("lobby", {"john"}));
  check_nothing_is_left(w);
  w.watch_channel(ann, room("garden", {"mary"}));
  const Watches before = w;
  w.update(room("lobby", {"john"}));
  CHECK(w == before);
  CHECK_FALSE(w.is_watched("john"));
}

TEST_CASE("remove_channel ends all watches of that channel and no others") {
  Watches w;
  w.watch_channel(ann, room("lobby", {"john", "mary"}));
  w.watch_members(bob, room("lobby", {"john"}));
  w.watch_channel(bob, room("garden", {"mary"}));
  w.watch_users(ann, Ids{"pete"});
  w.remove_channel("messaging:cellar");
  w.remove_channel("messaging:lobby");
  CHECK(hearers(w, "john") == IdSet{});
  CHECK(hearers(w, "mary") == IdSet{"bob"});
  CHECK(hearers(w, "pete") == IdSet{"ann"});
  w.update(room("lobby", {"john"}));
  CHECK(hearers(w, "john") == IdSet{});
  w.remove_channel("messaging:lobby");
  w.remove_channel("messaging:garden");
  CHECK(w.viewer_count() == 1);
  w.unwatch(ann);
  check_nothing_is_left(w);
}

TEST_CASE("unwatching what is not watched does nothing") {
  Watches w;
  w.unwatch(ann);
  w.unwatch(ann, "messaging:lobby");
  w.unwatch(nobody);
  check_nothing_is_left(w);
  w.watch_channel(ann, room("lobby", {"john"}));
  const Watches before = w;
  w.unwatch(bob);
  w.unwatch(bob, "messaging:lobby");
  w.unwatch(ann, "messaging:garden");
  w.unwatch(ann, "lobby");
  CHECK(w == before);
}

TEST_CASE("channels with the same id and different types are watched separately") {
  Watches w;
  Channel game = room("lobby", {"mary"});
  game.type = "gaming";
  w.watch_channel(ann, room("lobby", {"john"}));
  w.watch_channel(ann, game);
  w.unwatch(ann, "messaging:lobby");
  CHECK(hearers(w, "john") == IdSet{});
  CHECK(hearers(w, "mary") == IdSet{"ann"});
}

TEST_CASE("a watch includes only the first max_users_per_watch users") {
  WatchLimits limits;
  limits.max_users_per_watch = 2;
  Watches w(limits);
  w.watch_channel(ann, room("lobby", {"a", "b", "c"}));
  CHECK(hearers(w, "b") == IdSet{"ann"});
  CHECK(hearers(w, "c") == IdSet{});
  w.update(room("lobby", {"c", "b", "a"}));
  CHECK(hearers(w, "a") == IdSet{});
  CHECK(hearers(w, "b") == IdSet{"ann"});
  CHECK(hearers(w, "c") == IdSet{"ann"});
  w.watch_members(bob, room("lobby", {"d", "e", "f"}));
  w.watch_users(bob, Ids{"g", "h", "i"});
  w.watch_users(bob, Ids{"j", "k", "l"});  // a separate watch
  for (const char* id : {"d", "e", "g", "h", "j", "k"}) CHECK(hearers(w, id) == IdSet{"bob"});
  for (const char* id : {"f", "i", "l"}) CHECK(hearers(w, id) == IdSet{});
  CHECK(w.watched_count() == 8);
  w.unwatch(ann);
  w.unwatch(bob);
  check_nothing_is_left(w);
}

TEST_CASE("a max_users_per_watch of 0 watches no users") {
  WatchLimits limits;
  limits.max_users_per_watch = 0;
  Watches w(limits);
  w.watch_users(ann, Ids{"john"});
  check_nothing_is_left(w);
  w.watch_channel(ann, room("lobby", {"john"}));
  w.watch_members(ann, room("garden", {"john"}));
  CHECK(w.watched_count() == 0);
  w.unwatch(ann);
  check_nothing_is_left(w);
}

TEST_CASE("copies of watches are independent") {
  Watches w;
  w.watch_channel(ann, room("lobby", {"john"}));
  w.watch_users(bob, Ids{"mary"});
  const Watches copy = w;
  CHECK(copy == w);
  w.update(room("lobby", {"pete"}));
  CHECK(copy != w);
  w.unwatch(bob);
  CHECK(hearers(copy, "john") == IdSet{"ann"});
  CHECK(hearers(copy, "mary") == IdSet{"bob"});
  CHECK(hearers(copy, "pete") == IdSet{});
  Watches assigned;
  assigned = copy;
  w.clear();
  check_nothing_is_left(w);
  CHECK(assigned == copy);
  Watches moved = std::move(assigned);
  CHECK(moved == copy);
  moved.update(room("lobby", {}));
  CHECK(hearers(copy, "john") == IdSet{"ann"});
}

TEST_CASE("watches are equal if they hold the same watches of the same kind, in any order of calls") {
  Watches a(WatchLimits(), 1), b(WatchLimits(), 2);
  a.watch_users(bob, Ids{"x"});
  a.unwatch(bob);
  a.watch_channel(ann, room("lobby", {"john", "mary"}));
  a.watch_channel(bob, room("garden", {"john"}));
  a.watch_members(ann, room("garden", {"mary"}));
  b.watch_members(ann, room("garden", {"mary"}));
  b.watch_channel(bob, room("garden", {"john"}));
  CHECK(a != b);
  b.watch_channel(ann, room("lobby", {"mary", "john"}));
  CHECK(a == b);

  // Watches of the same users but of different kinds are not equal.
  Watches follows, found, asked_for;
  follows.watch_channel(ann, room("lobby", {"john"}));
  found.watch_members(ann, room("lobby", {"john"}));
  asked_for.watch_users(ann, Ids{"john"});
  CHECK(follows != found);
  CHECK(found != asked_for);
  CHECK(asked_for != follows);
  Watches another;
  another.watch_users(bob, Ids{"john"});
  CHECK(another != asked_for);
}

TEST_CASE("a viewer without an id watches no users") {
  Watches w;
  w.watch_channel(nobody, room("lobby", {"john"}));
  w.watch_members(nobody, room("lobby", {"john"}));
  w.watch_users(nobody, Ids{"john"});
  CHECK_FALSE(w.is_watching(nobody, "john"));
  check_nothing_is_left(w);
}

TEST_CASE("viewers may watch themselves, users without an id, and ids of any length") {
  Watches w;
  const std::string longest(5000, 'u');
  w.watch_users(Viewer(longest), Ids{longest, "", "john"});
  CHECK(hearers(w, longest) == IdSet{longest});
  CHECK(hearers(w, "") == IdSet{longest});
  w.unwatch(Viewer(longest));
  check_nothing_is_left(w);
}

namespace {

/// A simple model of the watches.
struct Model {
  struct Watch {
    bool is_following = false;
    IdSet page;
    bool operator==(const Watch& other) const { return is_following == other.is_following && page == other.page; }
  };
  struct Watching {
    std::map<std::string, Watch> channels;
    IdSet users;
    bool operator==(const Watching& other) const { return channels == other.channels && users == other.users; }
  };
  std::map<std::string, Watching> viewers;
  std::map<std::string, IdSet> members;  // of channels that a viewer follows

  void forget_idle() {
    for (auto it = viewers.begin(); it != viewers.end();) {
      it = it->second.channels.empty() && it->second.users.empty() ? viewers.erase(it) : std::next(it);
    }
    for (auto it = members.begin(); it != members.end();) {
      bool is_followed = false;
      for (const auto& [id, watching] : viewers) {
        const auto watch = watching.channels.find(it->first);
        is_followed = is_followed || (watch != watching.channels.end() && watch->second.is_following);
      }
      it = is_followed ? std::next(it) : members.erase(it);
    }
  }
  bool is_watching(const std::string& viewer, const std::string& user) const {
    const auto it = viewers.find(viewer);
    if (it == viewers.end()) return false;
    if (it->second.users.count(user) != 0) return true;
    for (const auto& [cid, watch] : it->second.channels) {
      if (watch.page.count(user) != 0) return true;
      if (watch.is_following && members.at(cid).count(user) != 0) return true;
    }
    return false;
  }
  bool operator==(const Model& other) const { return viewers == other.viewers && members == other.members; }

  /// The same watches, built from scratch.
  Watches rebuilt(std::uint64_t seed) const {
    Watches w(WatchLimits(), seed);
    for (auto it = viewers.rbegin(); it != viewers.rend(); ++it) {
      const Viewer viewer(it->first);
      for (const auto& [cid, watch] : it->second.channels) {
        Channel channel = room(cid.substr(cid.find(':') + 1), {});
        if (!watch.is_following || !watch.page.empty()) {
          channel.members.assign(watch.page.begin(), watch.page.end());
          w.watch_members(viewer, channel);
        }
        if (!watch.is_following) continue;
        channel.members.assign(members.at(cid).begin(), members.at(cid).end());
        w.watch_channel(viewer, channel);
      }
      w.watch_users(viewer, it->second.users);
    }
    return w;
  }
};

}  // namespace

TEST_CASE("random calls of Watches agree with a simple model") {
  const Ids viewers = {"ann", "bob", "cyd", "a viewer with a rather long id"};
  const Ids rooms = {"1", "2", "3"};
  Ids users = {"u0", "u1", "u2", "u3", "u4", "ann"};
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    WatchLimits limits;
    const bool is_limited = seed % 4 == 0;
    if (is_limited) limits.max_users_per_watch = 1 + chance.below(3);
    Watches w(limits, chance.bits());
    Model model;
    const auto some_ids = [&] {
      Ids ids;
      for (std::size_t i = users.size(); i > 1; --i) std::swap(users[i - 1], users[chance.below(i)]);
      ids.assign(users.begin(), users.begin() + static_cast<std::ptrdiff_t>(chance.below(users.size() + 1)));
      // With a limit this model does not count duplicates, so there are none.
      if (!is_limited && !ids.empty() && chance.below(3) == 0) ids.push_back(ids[chance.below(ids.size())]);
      return ids;
    };
    const auto counted = [&](const Ids& ids) {
      const std::size_t count = std::min(ids.size(), limits.max_users_per_watch);
      return IdSet(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count));
    };
    for (std::size_t step = 0; step < 150; ++step) {
      CAPTURE(step);
      const Watches before = w;
      const Model model_before = model;
      const std::string viewer_id = viewers[chance.below(viewers.size())];
      const Viewer viewer(viewer_id);
      const Channel channel = room(rooms[chance.below(rooms.size())], some_ids());
      const std::string cid = channel.cid();
      const IdSet ids = counted(channel.members);
      const auto set_members = [&] {
        if (model.members.count(cid) != 0) model.members[cid] = ids;
      };
      switch (chance.below(13)) {
        case 0:
        case 1:
        case 2:
          w.watch_channel(viewer, channel);
          model.viewers[viewer_id].channels[cid].is_following = true;
          model.members[cid] = ids;
          break;
        case 3:
        case 4:
          w.watch_members(viewer, channel);
          model.viewers[viewer_id].channels[cid].page = ids;
          break;
        case 5:
          w.watch_users(viewer, channel.members);
          model.viewers[viewer_id].users.insert(ids.begin(), ids.end());
          break;
        case 6:
        case 7:
        case 8:
          w.update(channel);
          set_members();
          break;
        case 9:
          w.remove_channel(cid);
          for (auto& [id, watching] : model.viewers) watching.channels.erase(cid);
          break;
        case 10:
        case 11:
          w.unwatch(viewer, cid);
          if (model.viewers.count(viewer_id) != 0) model.viewers[viewer_id].channels.erase(cid);
          break;
        default:
          w.unwatch(viewer);
          model.viewers.erase(viewer_id);
          break;
      }
      model.forget_idle();

      std::size_t watched = 0;
      for (const std::string& user : users) {
        IdSet expected;
        for (const std::string& id : viewers) {
          const bool hears = model.is_watching(id, user);
          CHECK(w.is_watching(Viewer(id), user) == hears);
          if (hears) expected.insert(id);
        }
        CHECK(hearers(w, user) == expected);
        watched += expected.empty() ? 0u : 1u;
      }
      CHECK(w.watched_count() == watched);
      CHECK(w.viewer_count() == model.viewers.size());
      CHECK(w == model.rebuilt(chance.bits()));
      CHECK((w == before) == (model == model_before));
      CHECK(before == model_before.rebuilt(0));
    }
    // Nothing remains, however the watches end.
    Watches by_channel = w;
    for (const std::string& id : rooms) by_channel.remove_channel(room(id, {}).cid());
    for (const std::string& id : viewers) {
      for (const std::string& room_id : rooms) by_channel.unwatch(Viewer(id), room(room_id, {}).cid());
      by_channel.unwatch(Viewer(id));
      w.unwatch(Viewer(id));
    }
    check_nothing_is_left(w);
    check_nothing_is_left(by_channel);
  }
}

TEST_CASE("max_users_per_watch counts each user once and keeps the first in the list") {
  WatchLimits limits;
  limits.max_users_per_watch = 2;
  Watches w(limits);
  w.watch_users(bob, Ids{"pete", "mary"});
  w.watch_channel(ann, room("lobby", {"john", "john", "mary", "john", "pete"}));
  CHECK(hearers(w, "john") == IdSet{"ann"});
  CHECK(hearers(w, "mary") == IdSet{"ann", "bob"});
  CHECK(hearers(w, "pete") == IdSet{"bob"});
  w.unwatch(ann);
  w.unwatch(bob);
  check_nothing_is_left(w);
}

TEST_CASE("many viewers of one user and many watched users can be added and removed in any order") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    Chance chance(seed);
    Watches w;
    std::map<std::string, IdSet> watched;  // by viewer
    for (int step = 0; step < 6000; ++step) {
      const std::string viewer = user_id(chance.below(700)),
                        user = chance.below(3) == 0 ? "star" : user_id(chance.below(700));
      if (step > 3000 && chance.below(2) == 0) {
        w.unwatch(Viewer(std::string_view(viewer)));
        watched.erase(viewer);
      } else {
        w.watch_users(Viewer(std::string_view(viewer)), Ids{user});
        watched[viewer].insert(user);
      }
      if (step % 1000 != 999) continue;
      IdSet expected;
      for (const auto& [who, whom] : watched) {
        if (whom.count("star") != 0) expected.insert(who);
      }
      CHECK(hearers(w, "star") == expected);
      CHECK(w.viewer_count() == watched.size());
    }
    for (const auto& entry : watched) w.unwatch(Viewer(std::string_view(entry.first)));
    check_nothing_is_left(w);
  }
}
