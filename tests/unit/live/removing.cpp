// SPDX-License-Identifier: MIT

// Removals, ends of statuses and visibility changes in a Store.

#include "../rooms.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using namespace support;

namespace {

using Reason = SessionEndReason;
using Ends = std::vector<SessionEnded>;

std::string lines_of(Ends ends) {
  std::sort(ends.begin(), ends.end(), [](const SessionEnded& a, const SessionEnded& b) {
    return std::tie(a.at, a.user, a.session) < std::tie(b.at, b.user, b.session);
  });
  std::string lines;
  for (const SessionEnded& end : ends) {
    lines +=
        "\n    " + to_string(end.at) + " " + end.user + "/" + end.session + " " + std::string(to_string(end.reason));
  }
  return lines;
}

/// The ends of sessions that a store delivers.
struct Ended {
  Ends all;
  Subscription subscription;
  explicit Ended(Store& store)
      : subscription(store.on_session_ended([this](const SessionEnded& end) { all.push_back(end); })) {}
  std::string take() { return lines_of(std::exchange(all, {})); }
};

/// What a viewer receives about the users whom they watch.
struct Received {
  Changes all;
  Subscription subscription;
  Received(Store& store, Viewer viewer)
      : subscription(store.subscribe<UserPresenceChanged>(
            viewer, [this](const UserPresenceChanged& change) { all.push_back(change); })) {}
  Changes take() { return std::exchange(all, {}); }
};

const Viewer ann{"ann"};

}  // namespace

TEST_CASE("a removal ends every session of its user with the reason removed, once") {
  Store store;
  Ended ended(store);
  store.dispatch(connect("john", "phone", at(1)));
  store.dispatch(connect("john", "tv", at(2)));
  store.dispatch(invisibly("kim", "phone", at(2)));
  store.dispatch(connect("mary", "phone", at(2)));
  store.dispatch(connect("mary", "old", at(2)));
  store.dispatch(disconnect("mary", "old", at(3)));
  ended.take();
  CHECK(store.dispatch(removes("john", at(5))) == Verdict::applied);
  CHECK(ended.take() == lines_of({{"john", "phone", at(5), Reason::removed}, {"john", "tv", at(5), Reason::removed}}));
  CHECK(store.dispatch(removes("kim", at(6))) == Verdict::applied);
  CHECK(ended.take() == lines_of({{"kim", "phone", at(6), Reason::removed}}));
  CHECK(store.dispatch(removes("mary", at(7))) == Verdict::applied);
  CHECK(ended.take() == lines_of({{"mary", "phone", at(7), Reason::removed}}));
  store.dispatch(removes("john", at(8)));
  store.dispatch(removes("stranger", at(8)));
  store.advance(at(1000));
  CHECK(ended.take().empty());
}

TEST_CASE("a removal that arrives late ends only the sessions without later evidence") {
  Store store;
  Ended ended(store);
  store.dispatch(connect("john", "old", at(1)));
  store.dispatch(connect("john", "new", at(1)));
  store.dispatch(heartbeat("john", "new", at(10)));
  CHECK(store.dispatch(removes("john", at(5)), at(12)) == Verdict::applied);
  CHECK(ended.take() == lines_of({{"john", "old", at(5), Reason::removed}}));
  CHECK(store.find("john") == seen_online("john", std::nullopt));
  store.advance(at(100));
  CHECK(ended.take() == lines_of({{"john", "new", at(50), Reason::timed_out}}));
}

TEST_CASE("a removal reads no session id") {
  Store store;
  Ended ended(store);
  store.dispatch(connect("john", "phone", at(1)));
  store.dispatch(connect("john", "tv", at(2)));
  PresenceEvent removal = removes("john", at(5));
  removal.session = "phone";
  CHECK(store.dispatch(removal) == Verdict::applied);
  CHECK(ended.take() == lines_of({{"john", "phone", at(5), Reason::removed}, {"john", "tv", at(5), Reason::removed}}));
}

TEST_CASE("a heartbeat after a removal begins a new life of its session") {
  Store store;
  Ended ended(store);
  store.dispatch(connect("john", "phone", at(1)));
  store.dispatch(removes("john", at(5)));
  ended.take();
  store.dispatch(heartbeat("john", "phone", at(6)));
  CHECK(store.online("john"));
  CHECK(store.next_wakeup() == at(46));
  store.dispatch(removes("john", at(7)));
  CHECK(ended.take() == lines_of({{"john", "phone", at(7), Reason::removed}}));
  store.dispatch(heartbeat("john", "phone", at(8)));
  store.advance(at(100));
  CHECK(ended.take() == lines_of({{"john", "phone", at(48), Reason::timed_out}}));
  CHECK_FALSE(store.find("john"));
}

TEST_CASE("watchers are notified of a removal, also of an invisible user whom others knew") {
  Store store;
  Received received(store, ann);
  store.watch_users(ann, Ids{"john", "kim", "lee", "stranger"});
  store.dispatch(connect("john", "phone", at(1)));
  store.dispatch(connect("kim", "phone", at(1)));
  store.dispatch(hides("kim", at(2)));
  store.dispatch(invisibly("lee", "phone", at(2)));
  received.take();
  for (const char* const id : {"john", "kim", "lee", "stranger"}) store.dispatch(removes(id, at(5)));
  CHECK(text(received.take()) == text({changed(at(5), seen_online("john", at(1)), std::nullopt),
                                       changed(at(5), seen_offline("kim", at(1)), std::nullopt)}));
  // The watches stay.
  store.dispatch(connect("john", "phone", at(6)));
  store.dispatch(connect("kim", "phone", at(6)));
  CHECK(text(received.take()) == text({changed(at(6), std::nullopt, seen_online("john", at(6)))}));
}

TEST_CASE("watchers are notified of set_visible as of a connect that hides and shows") {
  Store store;
  Received received(store, ann);
  Ended ended(store);
  store.watch_users(ann, Ids{"john"});
  store.dispatch(connect("john", "phone", at(1)));
  received.take();
  store.dispatch(hides("john", at(2)));
  CHECK(text(received.take()) == text({changed(at(2), seen_online("john", at(1)), seen_offline("john", at(1)))}));
  store.dispatch(heartbeat("john", "phone", at(3)));
  store.dispatch(shows("john", at(4)));
  CHECK(text(received.take()) == text({changed(at(4), seen_offline("john", at(1)), seen_online("john", at(4)))}));
  CHECK(ended.take().empty());
  store.advance(at(100));
  CHECK(ended.take() == lines_of({{"john", "phone", at(43), Reason::timed_out}}));
}

TEST_CASE("next_wakeup includes the end of a status, of an offline or invisible user as well") {
  Store store;
  Received received(store, ann);
  store.watch_users(ann, Ids{"john", "kim"});
  store.dispatch(until(says("john", "brb", at(0)), at(10)));
  CHECK(store.next_wakeup() == at(10));
  CHECK(store.next_deadline() == at(10));
  store.dispatch(invisibly("kim", "phone", at(1)));
  store.dispatch(until(says("kim", "hidden", at(1)), at(60)));
  received.take();
  store.advance(at(9));
  CHECK(received.take().empty());
  store.advance(*store.next_wakeup());
  CHECK(text(received.take()) ==
        text({changed(at(10), seen_offline("john", std::nullopt, "brb"), seen_offline("john", std::nullopt))}));
  CHECK(store.next_wakeup() == at(41));  // the session of the invisible user
  CHECK(store.next_deadline() == at(60));
  store.advance(*store.next_wakeup());
  CHECK(received.take().empty());
  CHECK(store.next_wakeup() == at(60));
  store.advance(*store.next_wakeup());
  CHECK(text(received.take()) ==
        text({changed(at(60), seen_offline("kim", std::nullopt, "hidden"), seen_offline("kim", std::nullopt))}));
  CHECK_FALSE(store.next_wakeup());
}

TEST_CASE("a removal leaves no wakeup of its user behind") {
  Store store;
  store.next_wakeup();  // from now on sessions are tracked
  store.dispatch(until(saying(connect("john", "phone", at(0)), "brb"), at(10)));
  CHECK(store.next_wakeup() == at(10));
  store.dispatch(removes("john", at(1)));
  CHECK_FALSE(store.next_wakeup());
  CHECK_FALSE(store.next_deadline());
}

TEST_CASE("an event at the end of a status passes that end in one change with it") {
  Store store;
  Received received(store, ann);
  store.watch_users(ann, Ids{"john"});
  store.dispatch(until(says("john", "brb", at(0)), at(10)));
  received.take();
  store.dispatch(says("john", "here", at(10)));
  CHECK(text(received.take()) ==
        text({changed(at(10), seen_offline("john", std::nullopt, "brb"), seen_offline("john", std::nullopt, "here"))}));
  store.dispatch(until(says("john", "lunch", at(20)), at(30)));
  store.dispatch(connect("john", "phone", at(35)));
  CHECK(text(received.take()) ==
        text({changed(at(20), seen_offline("john", std::nullopt, "here"), seen_offline("john", std::nullopt, "lunch")),
              changed(at(30), seen_offline("john", std::nullopt, "lunch"), seen_offline("john", std::nullopt)),
              changed(at(35), seen_offline("john", std::nullopt), seen_online("john", at(35)))}));
}

TEST_CASE("in one frame, a removal takes effect after what was called before it, and before what follows") {
  for (const PresenceEvent& first :
       {connect("john", "phone", at(5)), heartbeat("john", "phone", at(5)), says("john", "hi", at(5)),
        shows("john", at(5)), visibly("john", "phone", at(5)), until(says("john", "hi", at(5)), at(9))}) {
    CAPTURE(to_json(first));
    Store store;
    const Dispatched known = store.dispatch(first);
    CHECK(store.find("john"));
    const Dispatched removed = store.dispatch(removes("john", at(5)));
    CHECK(removed == Verdict::applied);
    CHECK(removed.at >= known.at);
    CHECK(removed.at <= known.at + tick);
    CHECK_FALSE(store.find("john"));
    const Dispatched again = store.dispatch(first);
    CHECK(again == Verdict::applied);
    CHECK(again.at == removed.at + tick);
    CHECK(store.find("john"));
    CHECK(store.snapshot().now() == at(5));
  }
}

TEST_CASE("in one frame, an event dated a little earlier takes effect after the removal that was called before it") {
  const Duration part = Duration::from_ns(700);
  Store store;
  store.dispatch(removes("john", at(5) + part));
  const Dispatched came = store.dispatch(connect("john", "phone", at(5)));
  CHECK(came == Verdict::applied);
  CHECK(came.at == at(5) + part + tick);
  CHECK(store.find("john") == seen_online("john", at(5) + part + tick));
  // And a removal after events that were moved.
  const Dispatched removed = store.dispatch(removes("john", at(5)));
  CHECK(removed == Verdict::applied);
  CHECK(removed.at >= came.at);
  CHECK_FALSE(store.find("john"));
  // One that is older by more is late, and gone. Only that the session was not silent then is kept.
  const PresenceEvent late = connect("john", "phone", at(5) - Duration::from_s(1));
  CHECK(store.dispatch(late) == Verdict::applied);
  CHECK(store.dispatch(late) == Verdict::unchanged);
  CHECK_FALSE(store.find("john"));
}

TEST_CASE("in one frame, a removal dated a little earlier takes effect after what was called before it") {
  const Timestamp part = at(5) + Duration::from_ns(700);
  for (const PresenceEvent& first :
       {connect("john", "phone", part), heartbeat("john", "phone", part), says("john", "hi", part),
        until(says("john", "hi", part), at(9)), shows("john", part), report("john", true, part),
        report("john", false, part), active(report("john", true, part), at(1))}) {
    CAPTURE(to_json(first));
    Store store;
    store.dispatch(first);
    const Dispatched removed = store.dispatch(removes("john", at(5)));
    CHECK(removed == Verdict::applied);
    CHECK(removed.at == part + tick);
    CHECK_FALSE(store.find("john"));
  }
}

TEST_CASE("in one frame, the last end of a status counts, and an end moves with its event") {
  const Timestamp part = at(5) + Duration::from_ns(700);
  for (const char* const text : {"hi", "ho", "ha"}) {
    for (const Timestamp end : {at(7), at(5) + tick, part, part + tick}) {
      CAPTURE(text);
      CAPTURE(end);
      Store store;
      store.dispatch(until(says("john", "hi", part), at(9)));
      const PresenceEvent event = until(says("john", text, at(5)), end);
      const Dispatched done = store.dispatch(event);
      CHECK(done == Verdict::applied);
      CHECK(done.at == part + tick);
      const Timestamp ends = std::max(end, done.at + tick);
      CHECK(store.snapshot().inspect("john").value().status_until == ends);
      // Another node that receives what was applied has the same.
      Snapshot there;
      done.each_applied(event, [&](const PresenceEventView& one) {
        CHECK(one.until == ends);
        there = reduce(std::move(there), one);
      });
      CHECK(there.inspect("john") == store.snapshot().inspect("john"));
    }
  }
}

TEST_CASE("in the frame in which a user went invisible, set_visible(false) hides nothing that was seen") {
  Store store;
  store.dispatch(connect("john", "phone", at(5)));
  store.dispatch(hides("john", at(5) + Duration::from_ns(700)));
  REQUIRE(store.find("john") == seen_offline("john", at(5)));
  CHECK(store.dispatch(hides("john", at(5))) == Verdict::unchanged);
  CHECK(store.find("john") == seen_offline("john", at(5)));
}

TEST_CASE("in one frame, the second of two removals is unchanged") {
  Store store;
  store.dispatch(connect("john", "phone", at(1)));
  CHECK(store.dispatch(removes("john", at(5))) == Verdict::applied);
  const Dispatched second = store.dispatch(removes("john", at(5)));
  CHECK(second == Verdict::unchanged);
  CHECK(second.at == at(5));
}

TEST_CASE("in one frame, a report takes effect after the removal that was called before it") {
  Store store;
  store.dispatch(removes("john", at(5)));
  const Dispatched reported = store.dispatch(report("john", true, at(5)));
  CHECK(reported == Verdict::applied);
  CHECK(reported.at == at(5) + tick);
  CHECK(store.online("john"));
  CHECK(store.dispatch(removes("john", at(5))).at >= reported.at);
  CHECK_FALSE(store.find("john"));
}

TEST_CASE("in one frame, a report takes effect after a removal that was moved behind another report") {
  Store store;
  store.dispatch(report("john", true, at(5)));
  store.dispatch(removes("john", at(5)));
  CHECK_FALSE(store.find("john"));
  CHECK(store.dispatch(report("john", true, at(5))) == Verdict::applied);
  CHECK(store.online("john"));
}

TEST_CASE("without keep_order_of_frame, what has the timestamp of a removal is gone") {
  StoreOptions options;
  options.keep_order_of_frame = false;
  Store store(Rules{}, options);
  store.dispatch(removes("john", at(5)));
  const Dispatched came = store.dispatch(connect("john", "phone", at(5)));
  CHECK(came == Verdict::applied);  // only that the session was not silent then is kept
  CHECK(came.at == at(5));
  CHECK_FALSE(store.find("john"));
  CHECK(store.dispatch(connect("john", "phone", at(5))) == Verdict::unchanged);
}

TEST_CASE("in one frame, what an invisible user did does not move their removal") {
  const auto applied_at = [](bool does_something) {
    Store store;
    store.dispatch(connect("john", "phone", at(1)));
    store.dispatch(hides("john", at(2)));
    if (does_something) {
      for (int i = 0; i < 5; ++i) {
        store.dispatch(connect("john", "phone", at(5)));
        store.dispatch(disconnect("john", "phone", at(5)));
      }
    }
    Changes changes;
    const Subscription all = store.on_change([&changes](const UserPresenceChanged& one) { changes.push_back(one); });
    store.dispatch(removes("john", at(5)));
    return text(changes);
  };
  CHECK(applied_at(true) == applied_at(false));
}

TEST_CASE("in one frame, a removal takes effect after a visible change of a user who is invisible again") {
  for (const bool hides_by_connect : {false, true}) {
    CAPTURE(hides_by_connect);
    Store store;
    store.dispatch(connect("noor", "phone", at(0)), at(0));
    store.dispatch(PresenceEvent::set_visible("noor", false, at(0)), at(0));
    store.dispatch(PresenceEvent::set_visible("noor", true, at(0)), at(0));
    PresenceEvent hide =
        hides_by_connect ? connect("noor", "phone", at(0)) : PresenceEvent::set_visible("noor", false, at(0));
    hide.invisible = true;
    store.dispatch(hide, at(0));
    REQUIRE(store.find("noor"));
    store.dispatch(PresenceEvent::heartbeat("noor", "phone", at(0)), at(0));  // does not move the removal
    CHECK(accepted(store.dispatch(PresenceEvent::remove("noor", at(0)), at(0)).verdict));
    CHECK_FALSE(store.find("noor"));
  }
}

TEST_CASE("a hidden heartbeat whose last_active would be rounded to the time of a removal does not move it") {
  const Timestamp step = Timestamp::from_s(900 * 1'700'000);  // a multiple of last_active_refresh
  for (const bool sends_heartbeat : {false, true}) {
    CAPTURE(sends_heartbeat);
    Store store;
    store.dispatch(connect("noor", "phone", step - seconds(5)));
    store.dispatch(PresenceEvent::set_visible("noor", false, step + seconds(1)));
    if (sends_heartbeat) store.dispatch(PresenceEvent::heartbeat("noor", "phone", step + seconds(2)));
    store.advance(step + seconds(3));
    CHECK(store.dispatch(PresenceEvent::remove("noor", step)).at == step);
  }
}

TEST_CASE("in one frame, the last of several visibility changes wins, with and without a session") {
  for (const bool last_is_visible : {false, true}) {
    Store store;
    store.dispatch(connect("john", "phone", at(1)));
    store.dispatch(PresenceEvent::set_visible("john", !last_is_visible, at(5)));
    CHECK(store.online("john") == !last_is_visible);
    store.dispatch(PresenceEvent::set_visible("john", last_is_visible, at(5)));
    CHECK(store.online("john") == last_is_visible);
    store.dispatch(invisibly("john", "phone", at(5), last_is_visible));
    CHECK(store.online("john") == !last_is_visible);
    store.dispatch(PresenceEvent::set_visible("john", last_is_visible, at(5)));
    CHECK(store.online("john") == last_is_visible);
  }
}

TEST_CASE("a node that receives what was applied has the same users after removals, in whatever order it arrives") {
  Chance chance(7);
  for (int round = 0; round < 100; ++round) {
    CAPTURE(round);
    Store here;
    std::vector<PresenceEvent> applied;
    Timestamp now = at(1);
    for (int step = 0; step < 12; ++step) {
      PresenceEvent event;
      switch (chance.below(8)) {
        case 0:
        case 1: event = removes("john", now); break;
        case 2: event = PresenceEvent::set_visible("john", chance.below(2) == 0, now); break;
        case 3: event = until(says("john", "hi", now), now + seconds(1 + static_cast<double>(chance.below(3)))); break;
        case 4: event = heartbeat("john", "phone", now); break;
        case 5: event = disconnect("john", "phone", now); break;
        case 6: event = report("john", chance.below(2) == 0, now); break;
        default: event = connect("john", "phone", now); break;
      }
      here.dispatch(event).each_applied(
          event, [&applied](const PresenceEventView& one) { applied.push_back(static_cast<PresenceEvent>(one)); });
      if (chance.below(2) == 0) now = now + seconds(static_cast<double>(chance.below(2)));
    }
    for (std::size_t i = applied.size(); i > 1; --i) std::swap(applied[i - 1], applied[chance.below(i)]);
    Snapshot there = folded(applied);
    here.advance(now + seconds(1));
    REQUIRE(reduce(std::move(there), now + seconds(1)) == here.snapshot());
  }
}

TEST_CASE("a removed user leaves the channels that their sessions watched") {
  Store store;
  const Viewer john{"john", "phone"}, mary{"mary", "phone"};
  std::string left;
  for (const Viewer viewer : {john, mary}) {
    store.dispatch(connect(std::string(viewer.id()), std::string(viewer.session()), at(1)));
    WatchChannel lobby;
    lobby.type = "messaging";
    lobby.id = "lobby";
    REQUIRE(store.watch(lobby, viewer).has_value());
  }
  const Subscription of_mary =
      store.subscribe<WatchingStopped>(mary, [&left](const WatchingStopped& notice) { left += notice.user + ' '; });
  REQUIRE(store.watcher_count("messaging:lobby") == 2);
  store.dispatch(removes("john", at(5)));
  CHECK(left == "john ");
  CHECK(store.watcher_count("messaging:lobby") == 1);
  store.dispatch(heartbeat("john", "phone", at(6)));
  CHECK(store.watcher_count("messaging:lobby") == 1);  // a new life watches nothing
}

TEST_CASE("the statistics of a store count no removed user") {
  Store store;
  store.dispatch(connect("john", "phone", at(1)));
  store.dispatch(connect("mary", "phone", at(1)));
  store.dispatch(removes("john", at(5)));
  const StoreStats stats = store.stats();
  CHECK(stats.users == 1);
  CHECK(stats.online == 1);
  CHECK(stats.sessions == 1);
  CHECK(stats.events.applied == 3);
}

TEST_CASE("a merged removal ends sessions and notifies watchers as a dispatched one") {
  Store store;
  Ended ended(store);
  Received received(store, ann);
  store.watch_users(ann, Ids{"john"});
  store.dispatch(connect("john", "phone", at(1)));
  store.advance(at(6));
  received.take();
  CHECK_FALSE(store.merge(reduce(reduce(Snapshot(), removes("john", at(5))), at(6)), at(6)));
  CHECK(text(received.take()) == text({changed(at(6), seen_online("john", at(1)), std::nullopt)}));
  CHECK(ended.take() == lines_of({{"john", "phone", at(5), Reason::removed}}));
}

TEST_CASE("a removal that is rejected leaves a store as it was") {
  Store store;
  Ended ended(store);
  store.dispatch(connect("john", "phone", at(200)));
  const Snapshot before = store.snapshot();
  CHECK(store.dispatch(removes("john", at(200) - seconds(120) - tick)) == Verdict::too_late);
  CHECK(store.dispatch(removes("john", at(261)), at(200)) == Verdict::too_early);
  CHECK(store.dispatch(removes("", at(200))) == Verdict::invalid);
  CHECK(store.dispatch(until(says("john", "brb", at(200)), at(200))) == Verdict::invalid);
  CHECK(store.snapshot() == before);
  CHECK(ended.take().empty());
}
