// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <presence/presence.hpp>
#include <presence/std.hpp>

#include <cstdint>
#include <iomanip>
#include <optional>
#include <ostream>
#include <sstream>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

using namespace presence;

namespace {

template <class T>
std::string text(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

template <class T, class = void>
constexpr bool is_printed = false;
template <class T>
constexpr bool is_printed<T, std::void_t<decltype(std::declval<std::ostream&>() << std::declval<const T&>())>> = true;

static_assert(!is_printed<std::vector<Timestamp>> && !is_printed<std::optional<Timestamp>>,
              "what only converts to a value of the library is not printed");

constexpr Timestamp at = Timestamp::from_s(1546867062);

}  // namespace

TEST_CASE("a timestamp, a duration and an enumerator are printed as their to_string") {
  CHECK(text(at) == "2019-01-07T13:17:42.000Z");
  CHECK(text(Timestamp::lowest()) == "lowest");
  CHECK(text(Timestamp::highest()) == "highest");
  CHECK(text(Duration::from_ms(-1500)) == "-1.5s");
  CHECK(text(Verdict::too_late) == "too_late");
  CHECK(text(ErrorCode::bad_utf8) == "bad_utf8");
  CHECK(text(EventType::set_status) == "status");
  CHECK(text(Availability::away) == "away");
  CHECK(text(SessionFold::by_priority) == "by_priority");
  CHECK(text(ValueKind::null) == "null");
  CHECK(text(Operator::eq) == "eq");
  CHECK(text(Order::descending) == "descending");
  CHECK(text(static_cast<Verdict>(99)) == "?");
}

TEST_CASE("a user is printed with the members that they have") {
  User user{"john", true, "say \"hi\"\n", at, false};
  CHECK(text(user) == R"(User{id="john", online=true, status="say \"hi\"\n", last_active=2019-01-07T13:17:42.000Z})");
  CHECK(text(UserView(user)) == text(user));
  user.last_active.reset();
  user.invisible = true;
  CHECK(text(user) == R"(User{id="john", online=true, status="say \"hi\"\n", invisible=true})");
}

TEST_CASE("the availability of a user is printed if online does not imply it") {
  User user{"john", true, "", at, false, Availability::away};
  CHECK(text(user) ==
        R"(User{id="john", online=true, status="", availability=away, last_active=2019-01-07T13:17:42.000Z})");
  CHECK(text(UserView(user)) == text(user));
  for (const Availability implied : {Availability::available, Availability::offline}) {
    user.availability = implied;
    CHECK(text(user) == R"(User{id="john", online=true, status="", last_active=2019-01-07T13:17:42.000Z})");
  }
  user.availability = static_cast<Availability>(99);
  CHECK(text(user).find("availability=?") != std::string::npos);
  user.online = false;
  for (const Availability unread : {Availability::away, Availability::offline}) {
    user.availability = unread;
    CHECK(text(user) == R"(User{id="john", online=false, status="", last_active=2019-01-07T13:17:42.000Z})");
  }
}

TEST_CASE("the activity and the data of users, events and devices are printed if there are any") {
  Attributes match;
  match["map"] = "harbour";
  match["players"] = array({1, 2.5});
  User user{"kim", true, "", {}, false};
  user.activity = match;
  user.data["na\nme"] = nullptr;
  CHECK(text(user) == R"(User{id="kim", online=true, status="", activity={"map":"harbour","players":[1,2.5]}, )"
                      R"(data={"na\nme":null}})");
  CHECK(text(UserView(user)) == text(user));
  CHECK(text(AttributesView(user.activity)) == R"({"map":"harbour","players":[1,2.5]})");
  CHECK(text(AttributesView(user.activity)[0]) == R"("map":"harbour")");
  CHECK(text(AttributesView()) == "{}");

  PresenceEvent event = PresenceEvent::set_data("kim", "image", nullptr, at);
  CHECK(text(event) ==
        R"(PresenceEvent{type=data, user="kim", at=2019-01-07T13:17:42.000Z, name="image", value=null})");
  CHECK(text(PresenceEventView(event)) == text(event));
  event = PresenceEvent::report("kim", false, at);
  event.activity.emplace();
  event.data = match;
  CHECK(text(event) == R"(PresenceEvent{type=report, user="kim", at=2019-01-07T13:17:42.000Z, online=false, )"
                       R"(activity={}, data={"map":"harbour","players":[1,2.5]}})");
  event = PresenceEvent::heartbeat("kim", "tab", at);
  event.name = "n";
  event.value = 1;
  CHECK(text(event).find(R"(, name="n", value=1})") != std::string::npos);

  CHECK(text(Device{"tab", Availability::busy}) == R"(Device{session="tab", availability=busy})");
  CHECK(text(Device{"tab", Availability::idle, match}) ==
        R"(Device{session="tab", availability=idle, activity={"map":"harbour","players":[1,2.5]}})");
}

TEST_CASE("a ranking is printed as its availabilities, the strongest first") {
  CHECK(text(Ranking()) == "[busy, available, away, idle]");
  CHECK(text(Ranking{Availability::available}) == "[available, busy, away, idle]");
  CHECK(text(Ranking{Availability::idle, Availability::away, Availability::available, Availability::busy}) ==
        "[idle, away, available, busy]");
}

TEST_CASE("an event is printed with the members that it has") {
  PresenceEvent event = PresenceEvent::connect("john", "phone", at);
  CHECK(text(event) == R"(PresenceEvent{type=connect, user="john", session="phone", at=2019-01-07T13:17:42.000Z})");
  CHECK(text(PresenceEventView(event)) == text(event));
  event.invisible = false;
  event.status = "";
  CHECK(
      text(event) ==
      R"(PresenceEvent{type=connect, user="john", session="phone", at=2019-01-07T13:17:42.000Z, invisible=false, status=""})");
  event = PresenceEvent::report("john", false, at);
  event.last_active = at;
  CHECK(text(event) == R"(PresenceEvent{type=report, user="john", at=2019-01-07T13:17:42.000Z, online=false, )"
                       R"(last_active=2019-01-07T13:17:42.000Z})");
  event = PresenceEvent::set_status("john", "brb", at);
  event.until = at + Duration::from_s(60);
  CHECK(text(event) == R"(PresenceEvent{type=status, user="john", at=2019-01-07T13:17:42.000Z, status="brb", )"
                       R"(until=2019-01-07T13:18:42.000Z})");
  event = PresenceEvent::update("john", "phone", at);
  event.availability = Availability::busy;
  event.priority = std::int8_t{65};
  CHECK(text(event) == R"(PresenceEvent{type=update, user="john", session="phone", at=2019-01-07T13:17:42.000Z, )"
                       R"(availability=busy, priority=65})");
  CHECK(text(PresenceEvent::set_availability("john", std::nullopt, at)) ==
        R"(PresenceEvent{type=availability, user="john", at=2019-01-07T13:17:42.000Z})");
  CHECK(text(PresenceEvent::set_visible("john", false, at)) ==
        R"(PresenceEvent{type=visible, user="john", at=2019-01-07T13:17:42.000Z, invisible=true})");
  CHECK(text(PresenceEvent::remove("john", at)) ==
        R"(PresenceEvent{type=remove, user="john", at=2019-01-07T13:17:42.000Z})");
}

TEST_CASE("a change is printed with what was seen before and after") {
  UserPresenceChanged change;
  change.id = "john";
  change.after = User{"john", true, "", {}, false};
  change.at = at;
  CHECK(text(change) == R"(UserPresenceChanged{id="john", after=User{id="john", online=true, status=""}, )"
                        R"(at=2019-01-07T13:17:42.000Z})");
  UserPresenceChangedView view;
  view.id = "john";
  view.after = UserView(*change.after);
  view.at = at;
  CHECK(text(view) == text(change));
}

TEST_CASE("the state of a user is printed with its sessions") {
  const Snapshot s = reduce(Snapshot(), PresenceEvent::connect("john", "phone", at));
  CHECK(text(*s.inspect("john")) ==
        R"(PresenceState{user=User{id="john", online=true, status="", last_active=2019-01-07T13:17:42.000Z}, )"
        R"(sessions=[Session{id="phone", last_evidence=2019-01-07T13:17:42.000Z, )"
        R"(online_since=2019-01-07T13:17:42.000Z, disconnects=[], online_until=2019-01-07T13:18:22.000Z, )"
        R"(alive=true}]})");
  PresenceEvent timed = PresenceEvent::set_status("mary", "brb", at);
  timed.until = at + Duration::from_s(60);
  CHECK(text(*reduce(s, timed).inspect("mary")) ==
        R"(PresenceState{user=User{id="mary", online=false, status="brb"}, status_at=2019-01-07T13:17:42.000Z, )"
        R"(status_until=2019-01-07T13:18:42.000Z, sessions=[]})");
  PresenceState state;
  state.user.id = "ann";
  state.choice = Availability::busy;
  state.choice_until = at;
  state.sessions.push_back(Session{"tab", {}, {}, {at}, {}, false, Availability::away, -5, at});
  CHECK(text(state) == R"(PresenceState{user=User{id="ann", online=false, status=""}, choice=busy, )"
                       R"(choice_until=2019-01-07T13:17:42.000Z, sessions=[Session{id="tab", )"
                       R"(disconnects=[2019-01-07T13:17:42.000Z], alive=false, availability=away, priority=-5, )"
                       R"(active=2019-01-07T13:17:42.000Z}]})");
  CHECK(text(s) == "Snapshot{size=1, online_count=1}");
  CHECK(text(reduce(s, at)) == "Snapshot{now=2019-01-07T13:17:42.000Z, size=1, online_count=1}");
}

TEST_CASE("values and filters are printed as JSON, channels with their fields") {
  CHECK(text(Value()) == "null");
  CHECK(text(Value(7)) == "7");
  CHECK(text(Value("seven")) == R"("seven")");
  CHECK(text(array({1, 2})) == "[1,2]");
  CHECK(text(ValueView()) == "absent");
  CHECK(text(ValueView(true)) == "true");
  const Filter filter = eq("online", true);
  CHECK(text(filter) == to_json(filter));
  Channel channel{"match", "eu", {"john", "mary"}, {}};
  CHECK(text(channel) == R"(Channel{type="match", id="eu", members=["john", "mary"], custom={}})");
  channel.custom["map"] = "harbour";
  channel.custom["size"] = 4;
  CHECK(text(channel.custom) == R"({"map":"harbour","size":4})");
  CHECK(text(*channel.custom.begin()) == R"("map":"harbour")");
  const Value object = Value::object(channel.custom);
  CHECK(text(object) == R"({"map":"harbour","size":4})");
  CHECK(text(object.view()) == text(object));
  CHECK(text(object.members()[1]) == R"("size":4)");
  CHECK(text(array({object, Value::object({})})) == R"([{"map":"harbour","size":4},{}])");
  CHECK(text(SortKey{"level", Order::descending}) == R"(SortKey{field="level", order=descending})");
  CHECK(text(SortKey{"level", Order::descending, true}) ==
        R"(SortKey{field="level", order=descending, nulls_last=true})");
}

TEST_CASE("a result is printed as its value or its error") {
  CHECK(text(Error{ErrorCode::syntax, 3, "expected a digit"}) ==
        R"(Error{code=syntax, offset=3, message="expected a digit"})");
  CHECK(text(Result<Timestamp>(at)) == text(at));
  CHECK(text(Result<int>(-7)) == "-7");
  CHECK(text(Result<std::string>(std::string("seven"))) == R"("seven")");
  CHECK(text(Result<Timestamp>(Error{ErrorCode::unset, 0, ""})) == R"(Error{code=unset, offset=0, message=""})");
  struct Hosts {};
  CHECK(text(Result<Hosts>(Hosts())) == "{?}");
}

TEST_CASE("a tally, rules and ids are printed with all of their members") {
  Tally tally;
  tally.count(Verdict::too_early);
  CHECK(text(tally) == "Tally{applied=0, unchanged=0, too_late=0, too_early=1, invalid=0, over_limit=0}");
  CHECK(text(Rules()).find("Rules{session_timeout=40s, offline_grace=0s, last_active_refresh=900s") == 0);
  Rules rules;
  rules.heartbeat_is_activity = false;
  rules.idle_after = Duration::from_s(300);
  rules.report_timeout = Duration::from_s(60);
  rules.session_fold = SessionFold::latest;
  rules.ranking = Ranking{Availability::away};
  CHECK(text(rules).find(", heartbeat_is_activity=false, idle_after=300s, report_timeout=60s, session_fold=latest, "
                         "ranking=[away, busy, available, idle], show_devices=false, reorder_window=120s,") !=
        std::string::npos);
  CHECK(
      text(rules).find(", max_status_bytes=1024, max_user_data_bytes=4096, max_activity_bytes=1024, max_data_names=64, "
                       "max_recent_per_user=64}") != std::string::npos);
  CHECK(text(UserId("john")) == R"("john")");
  CHECK(text(SessionId("phone")) == R"("phone")");
}

TEST_CASE("the width of the stream applies to the whole text") {
  std::ostringstream out;
  out << std::left << std::setw(12) << Verdict::applied << '|' << std::right << std::setw(8) << Duration::from_s(7)
      << '|';
  CHECK(out.str() == "applied     |      7s|");
}

TEST_CASE("equal values have equal hashes, and unequal ones usually do not") {
  const User user{"john", true, "brb", at, false};
  const std::hash<User> users;
  CHECK(users(user) == users(User(user)));
  CHECK(users(user) == std::hash<UserView>()(UserView(user)));
  User rich = user, same = user;
  rich.data["level"] = 1;
  same.data["level"] = 1.0;
  CHECK(users(rich) == users(same));
  CHECK(users(rich) != users(user));
  same.data = Attributes();
  same.activity["level"] = 1;
  CHECK(users(same) != users(rich));
  User other = user;
  other.id = "mary";
  CHECK(users(other) != users(user));
  other = user;
  other.online = false;
  CHECK(users(other) != users(user));
  other = user;
  other.status = "";
  CHECK(users(other) != users(user));
  other = user;
  other.last_active.reset();
  CHECK(users(other) != users(user));
  other = user;
  other.invisible = true;
  CHECK(users(other) != users(user));
  other = user;
  other.availability = Availability::away;
  CHECK(users(other) != users(user));
  other.availability = Availability::available;
  CHECK((other == user && users(other) == users(user)));
  CHECK(std::hash<Timestamp>()(at) == std::hash<Timestamp>()(Timestamp::from_ms(at.ms())));
  CHECK(std::unordered_set<Duration>{Duration::from_s(1), Duration::from_ms(1000), Duration()}.size() == 2);
  CHECK(std::unordered_set<UserId>{UserId("a"), UserId("b"), UserId("a")}.size() == 2);
  CHECK(std::unordered_set<SessionId>{SessionId("a"), SessionId("a")}.size() == 1);
}

#if defined(__cpp_lib_format)
TEST_CASE("std::format writes the same text, padded as a string") {
  CHECK(std::format("{}", Verdict::applied) == "applied");
  CHECK(std::format("{:>10}|", Duration::from_ms(1500)) == "      1.5s|");
  const User user{"john", true, "brb", at, false};
  CHECK(std::format("{}", user) == text(user));
  CHECK(std::format("{}", Snapshot()) == text(Snapshot()));
  CHECK(std::format("{}", Attributes()) == "{}");
  CHECK(std::format("{}", AttributesView()) == "{}");
  CHECK(std::format("{}", Result<Timestamp>(at)) == text(at));
}
#endif

TEST_CASE("what a store returns and delivers is printed with its members") {
  CHECK(text(Viewer("john")) == R"(Viewer{id="john"})");
  CHECK(text(Viewer("john", "tab")) == R"(Viewer{id="john", session="tab"})");
  CHECK(text(Dispatched{Verdict::applied, at, at}) == "Dispatched{verdict=applied, at=2019-01-07T13:17:42.000Z}");
  CHECK(text(Dispatched{Verdict::applied, at, at + Duration::from_s(1)}) ==
        "Dispatched{verdict=applied, at=2019-01-07T13:17:42.000Z, status_at=2019-01-07T13:17:43.000Z}");
  CHECK(text(SessionEnded{"john", "tab", at, SessionEndReason::evicted}) ==
        R"(SessionEnded{user="john", session="tab", at=2019-01-07T13:17:42.000Z, reason=evicted})");
  CHECK(text(WatchingStarted{"john", "messaging:lobby", 3, at}) ==
        R"(WatchingStarted{user="john", cid="messaging:lobby", watcher_count=3, at=2019-01-07T13:17:42.000Z})");
  CHECK(text(WatchingStopped{"john", "messaging:lobby", 2, at}).find("WatchingStopped{user=") == 0);
  CHECK(text(StoreStats()).find("StoreStats{users=0, online=0, sessions=0, channels=0, viewers=0, watches=0,") == 0);
}
