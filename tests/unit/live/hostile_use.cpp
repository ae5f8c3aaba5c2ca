// SPDX-License-Identifier: MIT
// Calls of a Store from within its callbacks, with ids that it owns itself, and with input that no correct client
// sends.

#include "../rooms.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace support;

namespace {

const Viewer ann{"ann"};
[[maybe_unused]] const Viewer bob{"bob"};  // only with exceptions

/// An id that std::string keeps on the heap, so that a view of it dangles when its owner is gone.
std::string long_id(std::string_view name) {
  return "an id that is too long to be kept inside a string: " + std::string(name);
}

/// So many viewers begin to watch a user, in a Store or in Watches.
template <class Target>
void watch_as_many(Target& target, std::size_t count, const std::string& name, std::string_view user) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::string id = name + " " + std::to_string(i);
    target.watch_users(Viewer(id), std::vector<std::string_view>{user});
  }
}
WatchChannel lobby(Ids members, bool presence = true) {
  WatchChannel asked;
  asked.type = "messaging";
  asked.id = "lobby";
  asked.members = std::move(members);
  asked.presence = presence;
  return asked;
}

}  // namespace

TEST_CASE("a visit of the viewers of a user may end all watches and begin others") {
  for (const std::size_t others : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
    CAPTURE(others);
    Store store;
    watch_as_many(store, 50, long_id("viewer"), "mary");
    std::size_t visits = 0;
    store.watches().each_viewer_of("mary", [&](Viewer viewer) {
      CHECK(store.watches().is_watching(viewer, "mary"));
      if (visits++ != 0) return;
      store.connection_lost();
      watch_as_many(store, others, "new", "mary");
    });
    CHECK(visits >= 1);
    CHECK(visits <= 1 + others);
    CHECK(store.stats().viewers == others);
  }
}

TEST_CASE("a visit of the viewers of a user may replace every viewer by one of other users") {
  Watches watches;
  watch_as_many(watches, 50, long_id("viewer"), "mary");
  std::size_t visits = 0;
  watches.each_viewer_of("mary", [&](Viewer) {
    if (visits++ != 0) return;
    watches.clear();
    watch_as_many(watches, 10, "new", "jack");
  });
  CHECK(visits == 1);
  CHECK(watches.viewer_count() == 10);
}

TEST_CASE("a revived session may watch with ids that it borrows from its former watches") {
  for (const bool watches_channel : {false, true}) {
    CAPTURE(watches_channel);
    const std::string john = long_id("john"), tab = long_id("tab");
    Store store;
    store.dispatch(connect(john, tab, at(0)));
    store.watch_users(Viewer(john, tab), Ids{"mary"});
    bool is_first = true;
    const Subscription all = store.on_change([&](const UserPresenceChanged& change) {
      if (change.id != "mary" || !std::exchange(is_first, false)) return;
      store.dispatch(disconnect(john, tab, at(2)));
      store.dispatch(connect(john, tab, at(3)));
      std::vector<Viewer> viewers;
      store.watches().each_viewer_of("mary", [&](Viewer viewer) { viewers.push_back(viewer); });
      REQUIRE(viewers.size() == 1);
      if (watches_channel) {
        CHECK(store.watch(lobby({"jack"}), viewers[0]).has_value());
      } else {
        store.watch_users(viewers[0], std::vector<std::string_view>{viewers[0].id(), viewers[0].session()});
      }
    });
    store.dispatch(connect("mary", "phone", at(1)));
    Watches expected;
    if (watches_channel) {
      expected.watch_channel(Viewer(john, tab), room("lobby", {"jack"}));
      CHECK(store.watcher_count("messaging:lobby") == 1);
    } else {
      expected.watch_users(Viewer(john, tab), Ids{john, tab});
    }
    CHECK(store.watches() == expected);
  }
}

TEST_CASE("a viewer may be unwatched who is borrowed from the watches that end") {
  for (const bool is_one_channel : {false, true}) {
    Store store;
    const std::string jack = long_id("jack");
    store.dispatch(connect(jack, "phone", at(0)));
    CHECK(store.watch(lobby({"mary"}), Viewer(jack)).has_value());
    CHECK(store.watcher_count("messaging:lobby") == 1);
    store.watches().each_viewer_of("mary", [&](Viewer viewer) {
      if (is_one_channel) {
        store.unwatch(viewer, "messaging:lobby");
      } else {
        store.unwatch(viewer);
      }
    });
    CHECK(store.watches() == Watches());
    CHECK(store.watcher_count("messaging:lobby") == 0);
  }
}

TEST_CASE("may_see is asked about nobody when users enter and leave a channel and no callback would receive it") {
  std::size_t asked = 0;
  StoreOptions options;
  options.may_see = [&](Viewer, std::string_view) {
    ++asked;
    return true;
  };
  Store store(Rules(), options);
  for (std::size_t i = 0; i < 100; ++i) {
    const std::string id = user_id(i);
    store.dispatch(connect(id, "phone", at(0)));
    CHECK(store.watch(lobby({}), Viewer(id)).has_value());
  }
  for (std::size_t i = 0; i < 100; ++i) store.dispatch(disconnect(user_id(i), "phone", at(1)));
  CHECK(asked == 0);
  for (std::size_t i = 0; i < 100; ++i) store.dispatch(connect(user_id(i), "phone", at(2)));
  CHECK(asked == 0);
  CHECK(store.watcher_count("messaging:lobby") == 100);
}

TEST_CASE("the events of a range may borrow their strings from the store") {
  const std::string john = long_id("john"), text(200, 'q');
  for (const bool keeps_order : {true, false}) {
    for (const bool has_now : {true, false}) {
      CAPTURE(keeps_order);
      CAPTURE(has_now);
      StoreOptions options;
      options.keep_order_of_frame = keeps_order;
      Rules rules;
      rules.forget_after = seconds(60);
      Store store(rules, options), expected(rules, options);
      for (Store* const each : {&store, &expected}) {
        each->dispatch(saying(connect(john, long_id("tab"), at(0)), text));
        each->dispatch(connect("mary", "phone", at(0)));
        each->dispatch(says("jack", text, at(0)));  // jack is forgotten before the last events
      }
      // Each later event borrows what an earlier one replaces, or what time ends.
      const UserView seen = store.view(john).value(), forgotten = store.view("jack").value();
      std::vector<PresenceEventView> events(6);
      for (std::size_t i = 0; i < events.size(); ++i) {
        events[i].type = EventType::set_status;
        events[i].at = at(50 + 10 * static_cast<double>(i));
      }
      events[0].user = seen.id;
      events[0].status = "new";
      events[1].user = "mary";
      events[1].status = seen.id;
      events[2].user = seen.id;
      events[2].status = seen.status;
      events[3].user = seen.id;
      events[3].status = "";
      events[4].user = "pete";
      events[4].status = seen.status;
      events[5].user = "mary";
      events[5].status = forgotten.status;
      const std::vector<PresenceEvent> owned = {says(john, "new", at(50)),  says("mary", john, at(60)),
                                                says(john, text, at(70)),   says(john, "", at(80)),
                                                says("pete", text, at(90)), says("mary", text, at(100))};
      Tally tally;
      if (has_now) {
        tally = store.dispatch(events.begin(), events.end(), at(100));
        expected.dispatch(owned.begin(), owned.end(), at(100));
      } else {
        tally = store.dispatch(events.begin(), events.end());
        for (const PresenceEvent& event : owned) expected.dispatch(event);
      }
      CHECK(tally.applied == events.size());
      CHECK(support::text(views(store.snapshot())) == support::text(views(expected.snapshot())));
      CHECK(status(store.snapshot(), "pete") == text);
      CHECK(status(store.snapshot(), "mary") == text);
      CHECK_FALSE(store.find("jack"));
    }
  }
}

TEST_CASE("a subscription that is made and ended inside a callback is never called") {
  Store store;
  CHECK(store.watch(lobby({"john"}), ann).has_value());
  int calls = 0, wrong = 0;
  std::vector<Subscription> own(6);
  const auto nest = [&](std::size_t index) {
    ++calls;
    for (int i = 0; i < 100; ++i) {
      Subscription made[] = {store.on_change([&](const UserPresenceChanged&) { ++wrong; }),
                             store.on_delivery([&](const UserPresenceChanged&, const Viewers&) { ++wrong; }),
                             store.on_session_ended([&](const SessionEnded&) { ++wrong; }),
                             store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged&) { ++wrong; }),
                             store.subscribe<WatchingStarted>(ann, [&](const WatchingStarted&) { ++wrong; }),
                             store.subscribe<WatchingStopped>(ann, [&](const WatchingStopped&) { ++wrong; })};
      for (Subscription& each : made) each.reset();
    }
    own[index].reset();  // the callback that is running
  };
  own[0] = store.on_change([&nest](const UserPresenceChanged&) { nest(0); });
  own[1] = store.on_delivery([&nest](const UserPresenceChanged&, const Viewers&) { nest(1); });
  own[2] = store.on_session_ended([&nest](const SessionEnded&) { nest(2); });
  own[3] = store.subscribe<UserPresenceChanged>(ann, [&nest](const UserPresenceChanged&) { nest(3); });
  own[4] = store.subscribe<WatchingStarted>(ann, [&nest](const WatchingStarted&) { nest(4); });
  own[5] = store.subscribe<WatchingStopped>(ann, [&nest](const WatchingStopped&) { nest(5); });
  for (int i = 0; i < 2; ++i) {
    store.dispatch(connect("john", "phone", at(2 * i)));
    CHECK(store.watch(lobby({}), Viewer("john")).has_value());
    store.dispatch(disconnect("john", "phone", at(2 * i + 1)));
  }
  CHECK(calls == 6);
  CHECK(wrong == 0);
  CHECK(store.stats().notifications == 6);
}

TEST_CASE("a callback may pass on viewers and ids that the store owns, also to calls that destroy them") {
  Store store;
  const std::string john = long_id("john"), mary = long_id("mary"), jack = long_id("jack");
  CHECK(store.watch(lobby({john, mary}), Viewer(jack)).has_value());
  store.dispatch(connect(john, "phone", at(0)));
  const Subscription started = store.subscribe<WatchingStarted>(Viewer(jack), [&](const WatchingStarted& notice) {
    store.unwatch(Viewer(notice.user), notice.cid);
    store.remove_channel(notice.cid);
    CHECK_FALSE(store.put(room("lobby", {notice.user, mary})));
  });
  CHECK(store.watch(lobby({}), Viewer(john)).has_value());
  CHECK(store.watches() == Watches());
  CHECK(store.watcher_count("messaging:lobby") == 0);

  // The members of a channel, as viewers of that channel.
  const Channel* const channel = store.find_channel("messaging:lobby");
  REQUIRE(channel != nullptr);
  REQUIRE(channel->members == Ids{john, mary});
  CHECK(store.watch(WatchChannel{channel->type, channel->id, channel->members, true}, Viewer(channel->members[1]))
            .has_value());
  store.watch_users(Viewer(channel->members[0]), channel->members);
  CHECK(store.watches().is_watching(Viewer(mary), john));
  CHECK(store.watches().is_watching(Viewer(john), mary));

  Viewers kept;
  const Subscription all = store.on_delivery([&](const UserPresenceChanged& change, const Viewers& viewers) {
    kept = viewers;
    for (const Viewer viewer : viewers) {
      store.unwatch(viewer);
      store.connection_lost();
      store.watch_users(viewer, Ids{change.id});
    }
  });
  store.dispatch(says(john, "hi", at(1)));
  REQUIRE(kept.size() == 2);
  CHECK(kept[0].id() == mary);
  CHECK(kept[1].id() == john);
  CHECK(store.watches().is_watching(Viewer(john), john));
  CHECK_FALSE(store.watches().is_watching(Viewer(mary), john));  // connection_lost ended it
}

TEST_CASE("a session that nobody has seen ends nothing, and makes nobody known") {
  Store store;
  store.watch_users(ann, Ids{"john", "mary"});
  std::string heard;
  const Subscription ends =
      store.on_session_ended([&](const SessionEnded& ended) { heard += ended.user + "/" + ended.session + " "; });
  const Subscription all = store.on_change(
      [&](const UserPresenceChanged& change) { heard += change.id + (change.after->online ? "+ " : "- "); });
  store.dispatch(connect("john", "phone", at(0)));
  CHECK(std::exchange(heard, {}) == "john+ ");
  store.dispatch(disconnect("john", "a session of someone else", at(1)));
  store.dispatch(disconnect("mary", "phone", at(1)));
  store.unwatch_users(Viewer("mary", "phone"), Ids{"john"});
  store.unwatch(Viewer("mary", "phone"));
  store.unwatch(Viewer("john", "a session of someone else"), "messaging:lobby");
  CHECK(heard == "");
  CHECK(store.online("john"));
  CHECK_FALSE(store.find("mary"));
  store.dispatch(heartbeat("mary", "tab", at(2)));  // its connect may still arrive
  CHECK(std::exchange(heard, {}) == "mary+ ");
  store.dispatch(disconnect("mary", "phone", at(3)));
  CHECK(heard == "");
}

TEST_CASE("a session may watch until its end is delivered, and not from the callback of its end on") {
  Store store;
  const Viewer tab("john", "tab");
  store.dispatch(connect("john", "tab", at(0)));
  store.watch_users(tab, Ids{"mary"});
  CHECK(store.watch(lobby({"mary"}), tab).has_value());
  int ends = 0, changes = 0;
  const Subscription subscription =
      store.subscribe<UserPresenceChanged>(tab, [&](const UserPresenceChanged&) { ++changes; });
  const auto check_it_cannot_watch = [&] {
    store.watch_users(tab, Ids{"jack"});
    CHECK(store.watch(lobby({}), tab).error().code == ErrorCode::not_live);
    UserQuery users;
    users.presence = true;
    CHECK(store.query_users(users, tab).size() == 2);
    ChannelQuery channels;
    channels.presence = true;
    CHECK(store.query_channels(channels, tab).size() == 1);
    store.unwatch(tab, "messaging:lobby");
    store.unwatch(tab);
    CHECK(store.watches() == Watches());
    CHECK(store.watchers("messaging:lobby").empty());
  };
  const Subscription on_end = store.on_session_ended([&](const SessionEnded&) {
    ++ends;
    check_it_cannot_watch();
  });
  store.dispatch(says("mary", "a", at(1)));
  CHECK(changes == 1);
  store.dispatch(disconnect("john", "tab", at(2)));
  CHECK(ends == 1);
  check_it_cannot_watch();
  store.dispatch(says("mary", "b", at(3)));
  CHECK(changes == 1);
}

TEST_CASE("events without ids, or with ids of 300 bytes, are rejected and change nothing") {
  const std::string huge(300, 'x');
  Store store;
  store.dispatch(connect("john", "phone", at(0)));
  store.watch_users(ann, Ids{"", huge, "john"});
  int notices = 0;
  const Subscription all = store.on_change([&](const UserPresenceChanged&) { ++notices; });
  const Subscription ends = store.on_session_ended([&](const SessionEnded&) { ++notices; });
  const Snapshot before = store.snapshot();
  const std::vector<PresenceEvent> events = {
      connect("", "phone", at(1)),    connect(huge, "phone", at(1)),   connect("john", "", at(1)),
      connect("john", huge, at(1)),   heartbeat("", "", at(1)),        heartbeat("john", huge, at(1)),
      disconnect("", "phone", at(1)), disconnect("john", huge, at(1)), says("", "hi", at(1)),
      says(huge, "hi", at(1)),        report("", true, at(1)),         report(huge, true, at(1))};
  for (const PresenceEvent& event : events) {
    CAPTURE(event.user.size());
    CAPTURE(event.session.size());
    const bool is_huge = event.user == huge || event.session == huge;
    const Dispatched done = store.dispatch(event);
    CHECK(done.verdict == (is_huge ? Verdict::over_limit : Verdict::invalid));
    CHECK(done.at == event.at);
  }
  const Tally tally = store.dispatch(events.begin(), events.end());
  CHECK(tally.invalid == 6);
  CHECK(tally.over_limit == 6);
  CHECK(store.snapshot().digest() == before.digest());
  CHECK(store.snapshot().now() == before.now());
  CHECK(notices == 0);
  CHECK(store.online("john"));
}

TEST_CASE("viewers, users and channels with empty ids and ids of 300 bytes are watched and forgotten like others") {
  const std::string huge(300, 'x'), huge_too(300, 'y');
  const Viewer viewers[] = {Viewer(huge), Viewer(huge, huge), Viewer(huge, huge_too), Viewer(huge_too, "")};
  Store store;
  std::size_t delivered = 0;
  std::vector<Subscription> subscriptions;
  for (const Viewer viewer : viewers) {
    store.watch_users(viewer, Ids{"", huge, huge_too, "john"});
    WatchChannel asked = lobby({"", huge, "john"});
    asked.id = huge;
    CHECK(store.watch(asked, viewer).has_value());
    subscriptions.push_back(
        store.subscribe<UserPresenceChanged>(viewer, [&](const UserPresenceChanged&) { ++delivered; }));
    for (const std::string& user : {std::string(), huge, huge_too, std::string("john")})
      CHECK(store.watches().is_watching(viewer, user));
  }
  for (const Viewer viewer : {Viewer(""), Viewer("", "tab"), nobody}) {  // no viewer at all
    store.watch_users(viewer, Ids{"john"});
    CHECK(store.watch(lobby({"john"}), viewer).has_value());
    CHECK_FALSE(store.watches().is_watching(viewer, "john"));
  }
  CHECK(store.stats().viewers == 4);
  store.dispatch(says("john", "hi", at(0)));
  CHECK(delivered == 4);
  store.unwatch(viewers[1], "messaging:" + huge);
  store.unwatch_users(viewers[1], Ids{"", huge, huge_too});
  store.dispatch(says("john", "hm", at(1)));
  CHECK(delivered == 8);
  for (const Viewer viewer : viewers) store.unwatch(viewer);
  CHECK(store.watches() == Watches());
  CHECK(store.watches().watched_count() == 0);
  store.dispatch(says("john", "hi", at(2)));
  CHECK(delivered == 8);
  for (const char* id : {"", ":", "messaging:", ":lobby"}) {
    CHECK(store.find_channel(id) == nullptr);
    store.remove_channel(id);
    store.unwatch(viewers[0], id);
    CHECK(store.watchers(id).empty());
  }
  CHECK(store.put(room("", "lobby", {})).has_value());
  CHECK(store.put(room("messaging", "", {})).has_value());
}

TEST_CASE("the wrong clock of one client moves neither the time of the host nor any other user") {
  const Rules rules;
  const Timestamp now = at(1000);
  struct Case {
    Timestamp dated;
    Verdict expected;
  };
  const Case cases[] = {{now + seconds(1e8), Verdict::too_early},
                        {now + rules.max_clock_skew + tick, Verdict::too_early},
                        {now + rules.max_clock_skew, Verdict::applied},
                        {now - rules.reorder_window, Verdict::applied},
                        {now - rules.reorder_window - tick, Verdict::too_late},
                        {now - seconds(1e8), Verdict::too_late},
                        {Timestamp::lowest(), Verdict::invalid},
                        {Timestamp::highest(), Verdict::invalid}};
  for (const Case& wrong : cases) {
    CAPTURE(wrong.dated);
    for (const bool as_range : {false, true}) {
      CAPTURE(as_range);
      Store store;
      store.watch_users(ann, Ids{"john", "mary"});
      std::string heard;
      const Subscription of_ann = store.subscribe<UserPresenceChanged>(
          ann, [&](const UserPresenceChanged& change) { heard += change.id + change.after->status + " "; });
      store.dispatch(connect("john", "phone", now - seconds(1)));
      CHECK(std::exchange(heard, {}) == "john ");
      const std::vector<PresenceEvent> events = {says("mary", "a", wrong.dated), says("john", "b", now)};
      if (as_range) {
        std::vector<Verdict> verdicts;
        store.dispatch(events.begin(), events.end(), now,
                       [&](std::size_t, const Dispatched& done) { verdicts.push_back(done.verdict); });
        CHECK(verdicts == std::vector<Verdict>{wrong.expected, Verdict::applied});
      } else {
        CHECK(store.dispatch(events[0], now).verdict == wrong.expected);
        CHECK(store.snapshot().now() == now);
        CHECK(store.dispatch(events[1], now).verdict == Verdict::applied);
      }
      CHECK(heard == (wrong.expected == Verdict::applied ? "marya johnb " : "johnb "));
      CHECK(store.snapshot().now() == now);
      CHECK(store.online("john"));
    }
  }
}

#if defined(__cpp_exceptions)

namespace {
struct Enough {};
}  // namespace

TEST_CASE("a change during which may_see throws is delivered once to each callback, as soon as it answers") {
  for (const bool coalesces : {false, true}) {
    for (int thrower = 1; thrower <= 3; ++thrower) {
      CAPTURE(coalesces);
      CAPTURE(thrower);
      int asked = 0, throws_at = 0;
      StoreOptions options;
      options.may_see = [&](Viewer, std::string_view) {
        if (throws_at != 0 && ++asked == throws_at) throw Enough();
        return true;
      };
      Store store(Rules(), options);
      std::string heard;
      DeliveryOptions delivery;
      if (coalesces) delivery.coalesce = seconds(5);
      const auto told = [&heard](std::string_view who, const UserPresenceChanged& change) {
        heard += std::string(who) + change.after->status + " ";
      };
      const Subscription every = store.on_change([&](const UserPresenceChanged& change) { told("all", change); });
      const Subscription delivered =
          store.on_delivery([&](const UserPresenceChanged& change,
                                const Viewers& viewers) { told(std::to_string(viewers.size()), change); },
                            delivery);
      std::vector<Subscription> subscriptions;
      for (const char* id : {"ann", "bob", "cyd"}) {
        store.watch_users(Viewer(id), Ids{"mary"});
        subscriptions.push_back(store.subscribe<UserPresenceChanged>(
            Viewer(id), [&told, id](const UserPresenceChanged& change) { told(id, change); }, delivery));
      }
      throws_at = thrower;
      CHECK_THROWS_AS(store.dispatch(says("mary", "1", at(0))), Enough);
      CHECK(std::exchange(heard, {}) == "all1 ");
      CHECK(store.snapshot().find("mary"));
      throws_at = 0;
      if (coalesces) {
        store.advance(at(1));
        CHECK(heard == "");
        store.advance(at(5));
        CHECK(std::exchange(heard, {}) == "31 ann1 bob1 cyd1 ");
        store.dispatch(says("mary", "2", at(6)));
        store.advance(at(20));
        CHECK(heard == "all2 32 ann2 bob2 cyd2 ");
      } else {
        store.dispatch(says("mary", "2", at(1)));
        CHECK(heard == "31 ann1 bob1 cyd1 all2 32 ann2 bob2 cyd2 ");
      }
    }
  }
}

TEST_CASE("if a range of ids throws, nothing is watched because of it") {
  struct Iterator {
    int i;
    std::string operator*() const {
      if (i == 3) throw Enough();
      return "user " + std::to_string(i);
    }
    Iterator& operator++() {
      ++i;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return i != other.i; }
  };
  struct Range {
    Iterator begin() const { return Iterator{0}; }
    Iterator end() const { return Iterator{5}; }
  };
  for (const bool watches_before : {false, true}) {
    CAPTURE(watches_before);
    Store store;
    Watches expected;
    if (watches_before) {
      for (const Viewer viewer : {ann, bob}) {
        store.watch_users(viewer, Ids{"user 1", "mary"});
        expected.watch_users(viewer, Ids{"user 1", "mary"});
      }
    }
    CHECK_THROWS_AS(store.watch_users(ann, Range()), Enough);
    if (watches_before) CHECK_THROWS_AS(store.unwatch_users(ann, Range()), Enough);
    CHECK(store.watches() == expected);
    CHECK(store.stats().watched_users == expected.watched_count());
    CHECK(store.stats().viewers == expected.viewer_count());
    CHECK_FALSE(store.watches().is_watched("user 0"));
    store.unwatch(ann);
    store.unwatch(bob);
    CHECK(store.stats().watched_users == 0);
  }
}

#endif
