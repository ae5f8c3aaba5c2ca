// SPDX-License-Identifier: MIT
#include "../rooms.hpp"

#include <list>

using namespace support;

namespace {

const Viewer ann{"ann"}, bob{"bob"};

WatchChannel watching(std::string id, Ids members, bool presence = true) {
  WatchChannel asked;
  asked.type = "messaging";
  asked.id = std::move(id);
  asked.members = std::move(members);
  asked.presence = presence;
  return asked;
}
StoreOptions unordered() {
  StoreOptions options;
  options.keep_order_of_frame = false;
  return options;
}
/// Dispatches all events and returns john's public view.
std::optional<User> john_after(const std::vector<PresenceEvent>& events, const StoreOptions& options = {}) {
  Store store(Rules(), options), batch(Rules(), options);
  for (const PresenceEvent& event : events) CHECK(accepted(store.dispatch(event)));
  CHECK(batch.dispatch(events.begin(), events.end()).accepted() == events.size());
  CHECK(batch.snapshot() == store.snapshot());
  return store.snapshot().find("john");
}
bool john_online_after(const std::vector<PresenceEvent>& events, const StoreOptions& options = {}) {
  const std::optional<User> john = john_after(events, options);
  return john && john->online;
}
std::string john_says_after(const std::vector<PresenceEvent>& events, const StoreOptions& options = {}) {
  const std::optional<User> john = john_after(events, options);
  return john ? john->status : "unknown";
}

}  // namespace

TEST_CASE("a store applies events and advances time as a snapshot does") {
  Store store(with_timeout(seconds(10)));
  Snapshot s(with_timeout(seconds(10)));
  CHECK_FALSE(store.next_deadline());
  for (const PresenceEvent& event :
       {connect("john", "phone", at(0)), says("john", "hi", at(1)), connect("", "x", at(2))}) {
    CHECK(store.dispatch(event) == replay(s, event));
    CHECK(store.snapshot() == s);
  }
  CHECK(store.next_deadline() == at(10));
  CHECK(store.advance(at(5)) == Verdict::applied);
  CHECK(store.advance(at(5)) == Verdict::unchanged);
  CHECK(store.advance(at(4)) == Verdict::unchanged);
  CHECK(store.snapshot().now() == at(5));
  CHECK(store.snapshot().online("john"));
  CHECK(store.advance(at(10)) == Verdict::applied);
  CHECK_FALSE(store.snapshot().online("john"));
  CHECK_FALSE(store.next_deadline());
  CHECK(store.snapshot().rules() == with_timeout(seconds(10)));
}

TEST_CASE("a store can start from a snapshot, and snapshot() returns an independent copy") {
  const Snapshot first = folded({connect("john", "phone", at(0))});
  Store store(first);
  const Snapshot taken = store.snapshot();
  CHECK(taken == first);
  store.dispatch(says("john", "busy", at(1)));
  store.advance(at(100));
  CHECK(taken == first);
  CHECK(taken.online("john"));
  CHECK(store.snapshot() != first);
  CHECK(first.find("john")->status.empty());
}

TEST_CASE("channels can be put, found, replaced and removed") {
  Store store;
  CHECK(store.find_channel("messaging:lobby") == nullptr);
  CHECK_FALSE(store.put(room("messaging", "lobby", {"john"})));
  CHECK_FALSE(store.put(room("gaming", "lobby", {"mary"})));
  CHECK_FALSE(store.put(room("messaging", "a:b", {})));
  REQUIRE(store.find_channel("messaging:lobby") != nullptr);
  CHECK(*store.find_channel("messaging:lobby") == room("messaging", "lobby", {"john"}));
  CHECK(*store.find_channel("gaming:lobby") == room("gaming", "lobby", {"mary"}));
  CHECK(store.find_channel("messaging:a:b") != nullptr);
  Channel renamed = room("messaging", "lobby", {"pete"});
  renamed.custom["name"] = Value("The lobby");
  CHECK_FALSE(store.put(renamed));
  CHECK(*store.find_channel("messaging:lobby") == renamed);
  store.remove_channel("messaging:lobby");
  store.remove_channel("messaging:lobby");
  store.remove_channel("");
  CHECK(store.find_channel("messaging:lobby") == nullptr);
  CHECK(store.find_channel("gaming:lobby") != nullptr);
}

TEST_CASE("a channel without a type or id, or with a colon in its type, is rejected") {
  Store store;
  const auto code_of_put = [&](const char* type, const char* id) {
    const std::optional<Error> error = store.put(room(type, id, {"john"}));
    return error ? std::optional<ErrorCode>(error->code) : std::nullopt;
  };
  CHECK(code_of_put("", "lobby") == ErrorCode::missing_key);
  CHECK(code_of_put("messaging", "") == ErrorCode::missing_key);
  CHECK(code_of_put("", "") == ErrorCode::missing_key);
  CHECK(code_of_put("mess:aging", "lobby") == ErrorCode::out_of_range);
  for (const auto& [type, id, code] :
       {std::make_tuple("", "lobby", ErrorCode::missing_key), std::make_tuple("messaging", "", ErrorCode::missing_key),
        std::make_tuple("a:b", "lobby", ErrorCode::out_of_range)}) {
    WatchChannel asked = watching(id, {"john"});
    asked.type = type;
    const Result<Channel> watched = store.watch(asked, ann);
    REQUIRE_FALSE(watched.has_value());
    CHECK(watched.error().code == code);
  }
  CHECK(store.watches() == Watches());
  CHECK(store.query_channels(ChannelQuery(), ann).empty());
}

TEST_CASE("watching an absent channel creates it; watching an existing one leaves it unchanged") {
  Store store;
  const Result<Channel> made = store.watch(watching("lobby", {"john", "mary"}), ann);
  REQUIRE(made.has_value());
  CHECK(*made == room("messaging", "lobby", {"john", "mary"}));
  CHECK(*store.find_channel("messaging:lobby") == *made);
  CHECK(store.watches().is_watching(ann, "john"));
  // An existing channel is unchanged.
  const Result<Channel> known = store.watch(watching("lobby", {"pete"}), bob);
  REQUIRE(known.has_value());
  CHECK(*known == *made);
  CHECK(store.watches().is_watching(bob, "mary"));
  CHECK_FALSE(store.watches().is_watching(bob, "pete"));
  CHECK(store.watch(watching("garden", {"john"}, false), Viewer("cyd")).has_value());
  CHECK(store.find_channel("messaging:garden") != nullptr);
  CHECK_FALSE(store.watches().is_watching(Viewer("cyd"), "john"));
  CHECK(store.watch(watching("cellar", {"john"}), nobody).has_value());
  CHECK(store.watches().viewer_count() == 2);
}

TEST_CASE("users who join a watched channel are watched, and those who leave are not") {
  Store store;
  CHECK(store.watch(watching("lobby", {"john"}), ann).has_value());
  CHECK_FALSE(store.put(room("messaging", "lobby", {"mary"})));
  CHECK_FALSE(store.watches().is_watching(ann, "john"));
  CHECK(store.watches().is_watching(ann, "mary"));
  store.remove_channel("messaging:lobby");
  CHECK(store.watches() == Watches());
  CHECK_FALSE(store.put(room("messaging", "lobby", {"mary"})));
  CHECK(store.watches() == Watches());
}

TEST_CASE("query_users watches the returned page with presence, and nothing without") {
  Store store;
  for (const char* id : {"u1", "u2", "u3", "u4"}) store.dispatch(connect(id, "phone", at(0)));
  store.dispatch(invisibly("u0", "phone", at(0)));
  UserQuery asked;
  asked.limit = 2;
  const auto ids_of = [](const std::vector<User>& users) {
    Ids ids;
    for (const User& user : users) ids.push_back(user.id);
    return ids;
  };
  CHECK(ids_of(store.query_users(asked, ann)) == Ids{"u1", "u2"});
  CHECK(store.watches() == Watches());
  asked.presence = true;
  CHECK(ids_of(store.query_users(asked, ann)) == Ids{"u1", "u2"});
  asked.offset = 3;
  CHECK(ids_of(store.query_users(asked, ann)) == Ids{"u4"});
  CHECK(store.watches().is_watching(ann, "u1"));
  CHECK(store.watches().is_watching(ann, "u2"));
  CHECK_FALSE(store.watches().is_watching(ann, "u3"));
  CHECK(store.watches().is_watching(ann, "u4"));
  CHECK_FALSE(store.watches().is_watching(ann, "u0"));
  // As the viewer sees them.
  asked.offset = 0;
  CHECK(ids_of(store.query_users(asked, Viewer("u0"))) == Ids{"u0", "u1"});
  store.unwatch(ann);
  store.unwatch(Viewer("u0"));
  CHECK(store.watches() == Watches());
}

TEST_CASE("query_channels with presence follows the members of the channels it found") {
  Store store;
  REQUIRE_FALSE(store.put(room("messaging", "b", {"john"})));
  REQUIRE_FALSE(store.put(room("gaming", "b", {"mary"})));
  REQUIRE_FALSE(store.put(room("messaging", "a", {"pete"})));
  ChannelQuery asked;
  asked.limit = 2;
  const std::vector<Channel> unwatched = store.query_channels(asked, ann);
  REQUIRE(unwatched.size() == 2);
  CHECK(unwatched[0].cid() == "messaging:a");
  CHECK(unwatched[1].cid() == "gaming:b");
  CHECK(store.watches() == Watches());
  asked.presence = true;
  CHECK(store.query_channels(asked, ann) == unwatched);
  CHECK(store.watches().is_watching(ann, "pete"));
  CHECK(store.watches().is_watching(ann, "mary"));
  CHECK_FALSE(store.watches().is_watching(ann, "john"));
  REQUIRE_FALSE(store.put(room("gaming", "b", {"john"})));
  CHECK_FALSE(store.watches().is_watching(ann, "mary"));
  CHECK(store.watches().is_watching(ann, "john"));
  store.unwatch(ann, "gaming:b");
  CHECK_FALSE(store.watches().is_watching(ann, "john"));
  CHECK(store.watches().is_watching(ann, "pete"));
  asked.filter = contains("members", "nobody");
  asked.sort = {SortKey{"cid", Order::descending}};
  CHECK(store.query_channels(asked, ann).empty());
}

TEST_CASE("a store applies the watch limits of its options") {
  StoreOptions options;
  options.limits.max_users_per_watch = 1;
  Store store(Rules(), options);
  REQUIRE(store.watch(watching("lobby", {"john", "mary"}), ann).has_value());
  const Channel* const lobby = store.find_channel("messaging:lobby");
  CHECK((lobby != nullptr && lobby->members.size() == 2));
  CHECK(store.watches().is_watching(ann, "john"));
  CHECK_FALSE(store.watches().is_watching(ann, "mary"));
}

TEST_CASE("in one frame, a connect followed by a disconnect leaves the user offline") {
  const std::vector<PresenceEvent> events = {connect("john", "phone", at(5)), disconnect("john", "phone", at(5))};
  CHECK_FALSE(john_online_after(events));
  CHECK(john_online_after(events, unordered()));
  CHECK(john_after(events)->last_active == at(5));
}

TEST_CASE("in one frame, a heartbeat followed by a disconnect leaves the user offline") {
  CHECK_FALSE(john_online_after(
      {connect("john", "phone", at(0)), heartbeat("john", "phone", at(5)), disconnect("john", "phone", at(5))}));
}

TEST_CASE("in one frame, a disconnect takes effect after a heartbeat that was moved forward") {
  std::vector<PresenceEvent> events = {connect("john", "phone", at(0)), disconnect("john", "phone", at(5)),
                                       heartbeat("john", "phone", at(5)), disconnect("john", "phone", at(5))};
  CHECK_FALSE(john_online_after(events));
  for (int i = 0; i < 10; ++i) {
    events.push_back(heartbeat("john", "phone", at(5)));
    CHECK(john_online_after(events));
    events.push_back(disconnect("john", "phone", at(5)));
    CHECK_FALSE(john_online_after(events));
  }
}

TEST_CASE("in one frame, a disconnect followed by a connect or a heartbeat leaves the user online") {
  std::vector<PresenceEvent> events = {connect("john", "phone", at(0)), disconnect("john", "phone", at(5)),
                                       connect("john", "phone", at(5))};
  CHECK(john_online_after(events));
  events.push_back(disconnect("john", "phone", at(5)));
  CHECK_FALSE(john_online_after(events));
  CHECK(john_online_after(events, unordered()));
  events.push_back(heartbeat("john", "phone", at(5)));
  CHECK(john_online_after(events));
  events.pop_back();
  events.push_back(connect("john", "phone", at(5)));
  CHECK(john_online_after(events));

  events = {connect("john", "phone", at(0)), disconnect("john", "phone", at(5)), heartbeat("john", "phone", at(5))};
  CHECK(john_online_after(events));
  CHECK_FALSE(john_online_after(events, unordered()));
}

TEST_CASE("in one frame, the last status wins") {
  const std::vector<PresenceEvent> events = {says("john", "zebra", at(5)), says("john", "apple", at(5))};
  CHECK(john_says_after(events) == "apple");
  CHECK(john_says_after(events, unordered()) == "zebra");
  CHECK(john_says_after({says("john", "a", at(5)), says("john", "b", at(5)), says("john", "a", at(5))}) == "a");
  CHECK(john_says_after({says("john", "b", at(5)), says("john", "", at(5))}) == "");
  CHECK(john_says_after(
            {saying(connect("john", "phone", at(5)), "b"), saying(connect("john", "tablet", at(5)), "a")}) == "a");
  CHECK(john_says_after({saying(report("john", true, at(5)), "b"), says("john", "a", at(5))}) == "a");
}

TEST_CASE("in one frame, the same status a second time is unchanged") {
  Store store;
  CHECK(store.dispatch(says("john", "hi", at(5))) == Verdict::applied);
  CHECK(store.dispatch(says("john", "hi", at(5))) == Verdict::unchanged);
  CHECK(store.snapshot().inspect("john")->status_at == at(5));
}

TEST_CASE("in one frame, the last visibility change wins") {
  const std::vector<PresenceEvent> hides = {visibly("john", "phone", at(5)), invisibly("john", "phone", at(5))},
                                   shows = {invisibly("john", "phone", at(5)), visibly("john", "phone", at(5))};
  CHECK_FALSE(john_online_after(hides));
  CHECK(john_online_after(shows));
  CHECK_FALSE(john_online_after(shows, unordered()));
  CHECK_FALSE(john_online_after({shows[0], shows[1], shows[0]}));
  CHECK(john_online_after({shows[0], shows[1], shows[0], shows[1]}));
  CHECK(john_online_after({invisibly("john", "phone", at(5)), visibly("john", "tablet", at(5))}));
}

TEST_CASE("in one frame, the last report wins") {
  const std::vector<PresenceEvent> events = {report("john", true, at(5)), report("john", false, at(5))};
  CHECK_FALSE(john_online_after(events));
  CHECK(john_online_after(events, unordered()));
  CHECK(john_online_after({events[0], events[1], events[0]}));
  CHECK_FALSE(john_online_after({events[0], events[1], events[0], events[0], events[1]}));
  const std::vector<PresenceEvent> actives = {active(report("john", true, at(5)), at(4)),
                                              active(report("john", true, at(5)), at(3))};
  CHECK(john_after(actives)->last_active == at(3));
  CHECK(john_after(actives, unordered())->last_active == at(4));
}

TEST_CASE("in one frame, each of many calls takes effect after the one before") {
  Store store;
  for (std::size_t i = 0; i < 400; ++i) {
    const std::string text = std::to_string(400 - i);
    CHECK(store.dispatch(connect("john", "phone", at(5))) == Verdict::applied);
    REQUIRE(store.snapshot().online("john"));
    store.dispatch(says("john", text, at(5)));
    REQUIRE(status(store.snapshot(), "john") == text);
    CHECK(store.dispatch(disconnect("john", "phone", at(5))) == Verdict::applied);
    REQUIRE_FALSE(store.snapshot().online("john"));
  }
  CHECK(last_active(store.snapshot(), "john").value() - at(5) < Duration::from_ns(1000));
}

TEST_CASE("events of different users or sessions with the same timestamp keep that timestamp") {
  Store store;
  for (const char* id : {"ann", "bob", "cyd"}) {
    store.dispatch(connect(id, "phone", at(5)));
    store.dispatch(connect(id, "tablet", at(5)));
    store.dispatch(heartbeat(id, "phone", at(5)));
    store.dispatch(says(id, "hi", at(5)));
    store.dispatch(report(id, true, at(5)));
    CHECK(last_active(store.snapshot(), id) == at(5));
    const PresenceState kept = store.snapshot().inspect(id).value();
    CHECK(kept.status_at == at(5));
    for (const Session& session : kept.sessions) CHECK(session.last_evidence == at(5));
  }
  store.dispatch(disconnect("ann", "tablet", at(5)));
  CHECK(store.snapshot().online("ann"));
  store.dispatch(disconnect("bob", "watch", at(5)));
  CHECK(store.snapshot().online("bob"));
}

TEST_CASE("an event 1 us older than the last one is late; one less old takes effect after it") {
  const Duration microsecond = Duration::from_ns(1000);
  for (const bool is_late : {true, false}) {
    CAPTURE(is_late);
    const Timestamp earlier = at(5) - microsecond + (is_late ? Duration() : tick);
    const std::vector<PresenceEvent> statuses = {says("john", "new", at(5)), says("john", "old", earlier)};
    CHECK(john_says_after(statuses) == (is_late ? "new" : "old"));
    CHECK(john_online_after({connect("john", "phone", at(5)), disconnect("john", "phone", earlier)}) == is_late);
    // Reports of a server may arrive in any order.
    CHECK(john_online_after({report("john", true, at(5)), report("john", false, earlier)}));
    CHECK(john_online_after({invisibly("john", "phone", at(5)), visibly("john", "phone", earlier)}) != is_late);
  }
  // Late events are applied with their own timestamps.
  Store store;
  Snapshot s;
  for (const PresenceEvent& event :
       {connect("john", "phone", at(5)), says("john", "hi", at(5)), disconnect("john", "phone", at(3)),
        says("john", "no", at(4)), report("john", false, at(2)), report("john", true, at(1))}) {
    store.dispatch(event);
    replay(s, event);
  }
  CHECK(store.snapshot() == s);
  CHECK(store.snapshot().online("john"));
}

TEST_CASE("a store rejects the lowest and the highest timestamp as invalid") {
  Store store;
  store.dispatch(connect("john", "phone", at(0)));
  const Snapshot before = store.snapshot();
  const Timestamp first = Timestamp::from_ns(INT64_MIN), last = Timestamp::from_ns(INT64_MAX);
  for (const Timestamp when : {first, last}) {
    CHECK(store.dispatch(disconnect("john", "phone", when)) == Verdict::invalid);
    CHECK(store.dispatch(says("john", "x", when)) == Verdict::invalid);
    CHECK(store.advance(when) == Verdict::invalid);
  }
  for (const Timestamp now : {first, last}) {
    CHECK(store.dispatch(says("john", "x", at(0)), now) == Verdict::invalid);
    const std::vector<PresenceEvent> list = {says("john", "x", at(0))};
    CHECK(store.dispatch(list.begin(), list.end(), now).invalid == 1);
  }
  CHECK(store.snapshot() == before);
  CHECK(store.dispatch(says("john", "a", last - tick)) == Verdict::applied);
  CHECK(store.snapshot().now() == last - tick);
  Store early;
  CHECK(early.dispatch(says("john", "x", first + tick)) == Verdict::applied);
  CHECK(early.snapshot().now() == first + tick);
}

TEST_CASE("an event moved forward within its frame is not too_early for that") {
  Rules rules;
  rules.max_clock_skew = Duration();
  Store store(rules);
  store.advance(at(5));
  CHECK(store.dispatch(connect("john", "phone", at(5))) == Verdict::applied);
  CHECK(store.dispatch(disconnect("john", "phone", at(5))) == Verdict::applied);
  CHECK_FALSE(store.snapshot().online("john"));
  CHECK(store.dispatch(says("john", "b", at(5))) == Verdict::applied);
  CHECK(store.dispatch(says("john", "a", at(5))) == Verdict::applied);
  CHECK(status(store.snapshot(), "john") == "a");
}

TEST_CASE("events moved forward within a frame do not advance time, however many there are") {
  for (const bool hidden : {true, false}) {
    CAPTURE(hidden);
    Store store;
    store.advance(at(0));
    const Timestamp latest = at(60);  // that is not too early
    CHECK(store.dispatch(invisibly("john", "phone", latest, hidden), at(0)) == Verdict::applied);
    for (int i = 0; i < 3000; ++i) {
      CHECK(accepted(store.dispatch(disconnect("john", "phone", latest), at(0))));
      CHECK(accepted(store.dispatch(connect("john", "phone", latest), at(0))));
    }
    CHECK(store.snapshot().now() == at(0));
    // Other events that are too early are still rejected.
    CHECK(store.dispatch(connect("mary", "tv", latest + tick), at(0)) == Verdict::too_early);
    CHECK(store.dispatch(connect("john", "phone", latest + tick), at(0)) == Verdict::too_early);
  }
}

TEST_CASE("an event is judged by its original timestamp before anything changes") {
  Rules rules;
  rules.max_status_bytes = 5;
  rules.max_sessions_per_user = 1;
  Store store(rules);
  store.advance(at(0));
  const Timestamp latest = at(60), earliest = at(-120);
  store.dispatch(saying(invisibly("john", "phone", latest), "hi"), at(0));
  store.dispatch(says("mary", "hi", earliest), at(0));
  watch_user(store, ann, "john");
  watch_user(store, ann, "mary");
  std::size_t heard = 0;
  const Subscription subscription =
      store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged&) { ++heard; });
  const Snapshot before = store.snapshot();
  const auto refused = [&](const PresenceEvent& event, Verdict expected) {
    CHECK(store.dispatch(event, at(0)) == expected);
    const std::vector<PresenceEvent> list = {event};
    CHECK(store.dispatch(list.begin(), list.end(), at(0)).refused() == 1);
    CHECK(store.snapshot() == before);
    CHECK(store.snapshot().digest() == before.digest());
    CHECK(store.snapshot().now() == before.now());
    CHECK(heard == 0);
  };
  refused(saying(visibly("john", "phone", latest), "longer"), Verdict::over_limit);
  refused(saying(disconnect("john", "phone", latest), "longer"), Verdict::over_limit);
  refused(says("john", "longer", latest), Verdict::over_limit);
  refused(disconnect("john", "", latest), Verdict::invalid);
  // Its moved timestamp would be accepted, but its original one is too late.
  refused(says("mary", "ho", earliest - tick), Verdict::too_late);
  // At the last timestamp an event cannot be moved forward.
  Store end;
  const Timestamp last = Timestamp::from_ns(INT64_MAX - 1);
  CHECK(end.dispatch(says("john", "b", last)) == Verdict::applied);
  CHECK(end.dispatch(says("john", "a", last)) == Verdict::unchanged);
  CHECK(status(end.snapshot(), "john") == "b");
}

TEST_CASE("in one frame, an invisible user sees their own calls take effect in call order") {
  const auto himself = [](const std::vector<PresenceEvent>& events) {
    Store store;
    for (const PresenceEvent& event : events) CHECK(accepted(store.dispatch(event)));
    const std::optional<User> john = store.snapshot().find("john", self("john"));
    REQUIRE(john);
    CHECK(john->invisible);
    CHECK_FALSE(store.snapshot().online("john"));
    return john->online;
  };
  std::vector<PresenceEvent> events = {invisibly("john", "phone", at(5))};
  CHECK(himself(events));
  for (int i = 0; i < 5; ++i) {
    events.push_back(disconnect("john", "phone", at(5)));
    CHECK_FALSE(himself(events));
    events.push_back(i % 2 == 0 ? connect("john", "phone", at(5)) : heartbeat("john", "phone", at(5)));
    CHECK(himself(events));
    events.push_back(saying(disconnect("john", "phone", at(5)), "bye"));
    CHECK_FALSE(himself(events));
    events.push_back(saying(connect("john", "phone", at(5)), "back"));
    CHECK(himself(events));
  }
  // Also if the visibility change itself was moved forward.
  CHECK_FALSE(himself(
      {visibly("john", "phone", at(5)), invisibly("john", "phone", at(5)), disconnect("john", "phone", at(5))}));
}

TEST_CASE("the status of an invisible user is moved forward only past earlier statuses") {
  Store store;
  store.dispatch(invisibly("john", "phone", at(5)));
  store.dispatch(disconnect("john", "phone", at(5)));
  store.dispatch(saying(connect("john", "phone", at(5)), "b"));
  CHECK(store.snapshot().inspect("john")->status_at == at(5));
  CHECK(store.snapshot().find("john", self("john"))->online);
  store.dispatch(saying(disconnect("john", "phone", at(5)), "a"));
  CHECK(store.snapshot().inspect("john")->status_at == at(5) + tick);
  CHECK_FALSE(store.snapshot().find("john", self("john"))->online);
  CHECK(status(store.snapshot(), "john") == "a");
  // For a visible user the whole event is moved to one timestamp.
  Store other;
  other.dispatch(connect("john", "phone", at(5)));
  other.dispatch(saying(disconnect("john", "phone", at(5)), "a"));
  CHECK(other.snapshot().inspect("john")->status_at == at(5) + tick);
}

TEST_CASE("an event whose status is rejected is rejected as a whole") {
  Rules rules;
  rules.max_users = 1;
  Store store(rules);
  store.dispatch(connect("mary", "tv", at(0)));
  store.dispatch(invisibly("john", "phone", at(5)));
  store.dispatch(disconnect("john", "phone", at(5)));
  const Snapshot before = store.snapshot();
  CHECK(store.dispatch(saying(connect("john", "phone", at(5)), "hi")) == Verdict::over_limit);
  CHECK(store.snapshot() == before);
  CHECK(store.snapshot().digest() == before.digest());
  CHECK(store.dispatch(connect("john", "phone", at(5))) == Verdict::applied);
}

TEST_CASE("events after a user went invisible are hidden, even if dated earlier in the same frame") {
  Store store;
  store.dispatch(visibly("john", "phone", at(5)));
  store.dispatch(invisibly("john", "phone", at(5)));
  const Timestamp cut = store.snapshot().inspect("john")->invisible_since.value();
  CHECK(cut == at(5) + tick);
  store.dispatch(connect("john", "tv", at(5) - tick));
  store.dispatch(heartbeat("john", "tablet", at(5)));
  CHECK(store.snapshot().find("john")->last_active == at(5));
  CHECK(store.snapshot().find("john", self("john"))->last_active == cut);
  // An event dated a frame earlier is late and keeps its timestamp.
  store.dispatch(connect("john", "car", cut - Duration::from_ns(1000)));
  CHECK(store.snapshot().inspect("john")->sessions[0].last_evidence == cut - Duration::from_ns(1000));
}

TEST_CASE("an event dated before a user went invisible is not moved by their later events") {
  Rules rules;
  rules.last_active_refresh = Duration();
  const auto seen_after = [&](bool hidden) {
    Store store(rules);
    store.dispatch(connect("john", "phone", at(0)));
    store.dispatch(disconnect("john", "phone", at(5)));
    store.dispatch(invisibly("john", "tv", at(6)));
    if (hidden) store.dispatch(disconnect("john", "phone", at(7)));  // the only disconnect that is kept
    store.dispatch(heartbeat("john", "phone", at(5)));
    return text(store.snapshot().find("john"));
  };
  CHECK(seen_after(true) == seen_after(false));
}

TEST_CASE("in one frame, an event is not moved behind a connect that has been forgotten by age") {
  Rules rules = with_timeout(seconds(40));
  rules.forget_after = seconds(10);
  rules.reorder_window = seconds(120);
  Store store(rules);
  store.dispatch(connect("john", "phone", at(0)));
  store.dispatch(disconnect("john", "phone", at(1)));
  store.advance(at(30));
  REQUIRE_FALSE(store.find("john"));
  // An encoded snapshot has no forgotten data. In the store it may not have been dropped yet.
  const Result<Snapshot> stored = decode(encode(store.snapshot()), rules);
  REQUIRE(stored.has_value());
  Store other(*stored);
  for (Store* const each : {&store, &other}) {
    const Dispatched done = each->dispatch(invisibly("john", "tv", at(0)), at(30));
    CHECK(done.verdict == Verdict::applied);
    CHECK(done.at == at(0));
  }
  CHECK(store.snapshot() == other.snapshot());
}

TEST_CASE("a list moved forward within its frame is judged by its original timestamp and does not advance time") {
  Rules rules;
  rules.max_clock_skew = Duration();
  Store store(rules);
  store.advance(at(5));
  store.dispatch(report("john", true, at(5)));
  store.dispatch(report("mary", true, at(5)));
  store.connection_lost();
  const std::vector<PresenceEvent> list = {report("john", true, at(5)), report("pete", true, at(4)),
                                           report("jo", true, at(5) + tick)};
  const Snapshot before = store.snapshot();
  CHECK(store.resync(list.begin(), list.end(), at(5) + tick).too_early == 3);
  CHECK(store.resync(list.begin(), list.end(), at(-500)).too_late == 3);
  for (const Timestamp end : {Timestamp::lowest(), Timestamp::highest()}) {
    CHECK(store.resync(list.begin(), list.end(), end).invalid == 3);
    Store fresh(rules);
    CHECK(fresh.resync(list.begin(), list.end(), end).invalid == 3);
    CHECK(fresh.snapshot() == Snapshot(rules));
  }
  CHECK(store.snapshot() == before);
  const Tally tally = store.resync(list.begin(), list.end(), at(5));
  CHECK(tally.applied == 2);
  CHECK(tally.too_early == 1);
  CHECK(store.snapshot().now() == at(5));
  CHECK(store.snapshot().online("john"));
  CHECK(store.snapshot().online("pete"));
  CHECK_FALSE(store.snapshot().online("mary"));
  CHECK_FALSE(store.snapshot().find("jo"));
}

TEST_CASE("a batch in a store gives the same result as its events one by one") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    const StoreOptions options = seed % 2 == 0 ? StoreOptions() : unordered();
    Store one(Rules(), options), batch(Rules(), options);
    Changes heard_by_one, heard_by_batch;
    DeliveryOptions all;
    all.last_active_alone = true;
    REQUIRE(one.watch(watching("all", {user_id(0), user_id(1), user_id(2)}), ann).has_value());
    REQUIRE(batch.watch(watching("all", {user_id(0), user_id(1), user_id(2)}), ann).has_value());
    const Subscription of_one = one.subscribe<UserPresenceChanged>(
        ann, [&](const UserPresenceChanged& change) { heard_by_one.push_back(change); }, all);
    const Subscription of_batch = batch.subscribe<UserPresenceChanged>(
        ann, [&](const UserPresenceChanged& change) { heard_by_batch.push_back(change); }, all);
    for (double second = 0; second < 200; second += 40) {
      std::list<PresenceEvent> events;
      for (std::size_t i = chance.below(40); i > 0; --i) events.push_back(random_event(chance, second, 4, 2));
      Tally tally;
      for (const PresenceEvent& event : events) tally.count(one.dispatch(event));
      CHECK(batch.dispatch(events.begin(), events.end()) == tally);
      CHECK(one.snapshot() == batch.snapshot());
      one.advance(at(second));
      batch.advance(at(second));
      CHECK(text(heard_by_one) == text(heard_by_batch));
    }
  }
}

TEST_CASE("resync applies a server's full list to a store and notifies watchers once per changed user") {
  Store store(Rules::mirror());
  store.dispatch(report("john", true, at(0)));
  store.dispatch(report("mary", true, at(0)));
  REQUIRE(store.watch(watching("lobby", {"john", "mary", "pete"}), ann).has_value());
  Changes heard;
  const Subscription subscription =
      store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged& change) { heard.push_back(change); });
  const std::vector<PresenceEvent> list = {report("mary", true, at(10)), report("pete", true, at(10))};
  CHECK(store.resync(list.begin(), list.end(), at(10)).accepted() == 2);
  REQUIRE(heard.size() == 2);
  CHECK(heard[0].id == "john");
  CHECK_FALSE(heard[0].after->online);
  CHECK(heard[1].id == "pete");
  CHECK(heard[1].after->online);
  Snapshot s(Rules::mirror());
  replay(s, report("john", true, at(0)));
  replay(s, report("mary", true, at(0)));
  resync(s, list.begin(), list.end(), at(10));
  CHECK(store.snapshot() == s);
}

TEST_CASE("merging a snapshot into a store notifies the watchers of the changed users") {
  Store store;
  store.dispatch(connect("john", "phone", at(0)));
  store.advance(at(1));
  REQUIRE(store.watch(watching("lobby", {"john", "mary"}), ann).has_value());
  Changes heard;
  const Subscription subscription =
      store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged& change) { heard.push_back(change); });
  const Snapshot other = reduce(
      folded({connect("mary", "phone", at(2)), connect("pete", "phone", at(2)), disconnect("john", "phone", at(3))}),
      at(5));
  const Snapshot merged = merge(store.snapshot(), other);
  CHECK_FALSE(store.merge(other, at(5)));
  CHECK(store.snapshot() == merged);
  CHECK(store.snapshot().now() == at(5));
  // In the order of the dates. No change is dated before its cause.
  CHECK(heard == Changes{changed(at(2), std::nullopt, seen_online("mary", at(2))),
                         changed(at(3), seen_online("john", at(0)), seen_offline("john", at(0)))});
  CHECK_FALSE(store.merge(other, at(5)));
  CHECK(heard.size() == 2);
}

TEST_CASE("connection_lost notifies watchers of users who go offline, then ends all watches") {
  Store store(Rules::mirror());
  store.dispatch(saying(report("john", true, at(0)), "hi"));
  store.dispatch(report("mary", false, at(0)));
  store.dispatch(report("pete", true, at(0)));
  REQUIRE(store.watch(watching("lobby", {"john", "mary"}), ann).has_value());
  watch_user(store, bob, "john");
  std::string log;
  const auto listener = [&](std::string name) {
    return [&log, name](const UserPresenceChanged& change) {
      log += name + " " + change.id + (change.after->online ? " on; " : " off; ");
    };
  };
  const Subscription of_ann = store.subscribe<UserPresenceChanged>(ann, listener("ann"));
  const Subscription of_bob = store.subscribe<UserPresenceChanged>(bob, listener("bob"));
  std::size_t hearers = 0;
  const Subscription of_all =
      store.on_delivery([&](const UserPresenceChanged&, const Viewers& all) { hearers += all.size(); });
  store.connection_lost();
  CHECK(log == "ann john off; bob john off; ");
  CHECK(hearers == 2);
  CHECK(store.watches() == Watches());
  CHECK(status(store.snapshot(), "john") == "hi");
  CHECK(store.find_channel("messaging:lobby") != nullptr);
  store.dispatch(report("john", true, at(1)));
  CHECK(store.snapshot().online("john"));
  store.connection_lost();
  CHECK(log == "ann john off; bob john off; ");
  // After a reconnect viewers watch again; their subscriptions are still active.
  CHECK(of_ann.is_active());
  REQUIRE(store.watch(watching("lobby", {}), ann).has_value());
  store.dispatch(report("john", true, at(2)));
  CHECK(log == "ann john off; bob john off; ann john on; ");
}

TEST_CASE("local sessions survive connection_lost") {
  Store store;
  store.dispatch(connect("john", "phone", at(0)));
  store.dispatch(report("john", true, at(0)));
  watch_user(store, ann, "john");
  std::size_t heard = 0;
  const Subscription subscription =
      store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged&) { ++heard; });
  store.connection_lost();
  CHECK(store.snapshot().online("john"));
  CHECK(heard == 0);
  CHECK(store.watches() == Watches());
}

TEST_CASE("changes of connection_lost inside a callback are delivered after the change being delivered") {
  Store store(Rules::mirror());
  store.dispatch(report("john", true, at(0)));
  store.dispatch(report("mary", true, at(0)));
  REQUIRE(store.watch(watching("lobby", {"john", "mary"}), ann).has_value());
  REQUIRE(store.watch(watching("lobby", {}), bob).has_value());
  std::string log;
  const Subscription of_ann = store.subscribe<UserPresenceChanged>(ann, [&](const UserPresenceChanged& change) {
    log += "ann " + change.id + " " + change.after->status + (change.after->online ? " on; " : " off; ");
    if (!change.after->online) return;
    store.connection_lost();
    CHECK(store.watches() == Watches());
    log += "lost; ";
  });
  const Subscription of_bob = store.subscribe<UserPresenceChanged>(bob, [&](const UserPresenceChanged& change) {
    log += "bob " + change.id + " " + change.after->status + (change.after->online ? " on; " : " off; ");
  });
  store.dispatch(says("john", "hi", at(1)));
  // In the order of the dates: john's change is dated after the one before. Bob's watch ends before that one reaches
  // bob.
  const std::string all = "ann john hi on; lost; ann mary  off; bob mary  off; ann john hi off; bob john hi off; ";
  CHECK(log == all);
  store.dispatch(report("john", true, at(2)));
  CHECK(log == all);
}

TEST_CASE("a second connection_lost does not take waiting changes from those who watched until the first") {
  Store store;
  store.watch_users(ann, Ids{"john"});
  std::string received;
  const Subscription changes = store.subscribe<UserPresenceChanged>(
      ann, [&](const UserPresenceChanged& change) { received += change.id + " " + change.after->status + "; "; });
  const Subscription losing = store.on_change([&](const UserPresenceChanged& change) {
    if (change.id != "trigger") return;
    store.dispatch(says("john", "hi", at(1)));
    store.connection_lost();
    store.connection_lost();
  });
  store.dispatch(connect("trigger", "phone", at(0)));
  CHECK(received == "john hi; ");
}

TEST_CASE("a report after connection_lost counts, even in the same frame") {
  Store store(Rules::mirror());
  store.dispatch(report("john", true, at(0)));
  store.connection_lost();
  CHECK_FALSE(store.snapshot().online("john"));
  store.dispatch(report("john", true, at(0)));
  CHECK(store.snapshot().online("john"));
  store.dispatch(report("john", false, at(0)));
  CHECK_FALSE(store.snapshot().online("john"));
}

TEST_CASE("a list after connection_lost counts, even as of the timestamp of the last report") {
  Store store(Rules::mirror());
  store.dispatch(report("john", true, at(0)));
  store.dispatch(report("mary", true, at(0)));
  store.connection_lost();
  const std::vector<PresenceEvent> list = {report("john", true, at(0))};
  CHECK(store.resync(list.begin(), list.end(), at(0)).accepted() == 1);
  CHECK(store.snapshot().online("john"));
  CHECK_FALSE(store.snapshot().online("mary"));
}
