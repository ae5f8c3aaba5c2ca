// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/user.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

using namespace presence;

namespace {

const Timestamp noon = Timestamp::from_ms(1546867062375);
const Timestamp later = noon + Duration::from_s(1);

User mary() { return User{"mary", true, "Eating a veggie burger...", noon, false}; }

template <class Text, class = void>
struct ConnectsWith : std::false_type {};
template <class Text>
struct ConnectsWith<Text, std::void_t<decltype(PresenceEventView::connect(std::declval<Text>(), "s", Timestamp()))>>
    : std::true_type {};
template <class Text, class = void>
struct SetsStatus : std::false_type {};
template <class Text>
struct SetsStatus<Text, std::void_t<decltype(PresenceEventView::set_status("u", std::declval<Text>(), Timestamp()))>>
    : std::true_type {};
template <class Text, class = void>
struct Shows : std::false_type {};
template <class Text>
struct Shows<Text, std::void_t<decltype(PresenceEventView::set_visible(std::declval<Text>(), true, Timestamp()))>>
    : std::true_type {};
template <class Text, class = void>
struct Removes : std::false_type {};
template <class Text>
struct Removes<Text, std::void_t<decltype(PresenceEventView::remove(std::declval<Text>(), Timestamp()))>>
    : std::true_type {};
template <class Event, class Who, class = void>
struct Reports : std::false_type {};
template <class Event, class Who>
struct Reports<Event, Who, std::void_t<decltype(Event::report(std::declval<Who>(), Timestamp()))>> : std::true_type {};

}  // namespace

static_assert(std::is_constructible<UserView, User&>::value && std::is_constructible<UserView, const User&>::value,
              "a user that stays can be looked at");
static_assert(!std::is_constructible<UserView, User>::value && !std::is_constructible<UserView, const User>::value,
              "one that does not stay cannot");
static_assert(!std::is_assignable<UserView&, User>::value, "not by assignment either");
static_assert(std::is_convertible<UserView, User>::value, "what was looked at can be kept");
static_assert(std::is_trivially_copyable<UserView>::value && std::is_trivially_copyable<PresenceEventView>::value,
              "views cost nothing");
static_assert(std::is_nothrow_move_constructible<User>::value && std::is_nothrow_move_assignable<User>::value, "");
static_assert(std::is_nothrow_move_constructible<PresenceEvent>::value, "");
static_assert(std::is_nothrow_move_constructible<UserPresenceChanged>::value, "");

static_assert(std::is_constructible<Viewer, const char*>::value &&
                  std::is_constructible<Viewer, std::string_view>::value,
              "");
static_assert(!std::is_convertible<std::string_view, Viewer>::value && !std::is_convertible<const char*, Viewer>::value,
              "a text is not somebody by accident");
static_assert(!std::is_default_constructible<Viewer>::value, "nobody is said in words");

static_assert(ConnectsWith<std::string&>::value && ConnectsWith<const std::string&>::value, "");
static_assert(ConnectsWith<const char*>::value && ConnectsWith<std::string_view>::value, "");
static_assert(!ConnectsWith<std::string>::value && !ConnectsWith<const std::string>::value, "would dangle");
static_assert(SetsStatus<std::string&>::value && SetsStatus<std::string_view>::value && !SetsStatus<std::string>::value,
              "");
static_assert(Shows<std::string&>::value && Shows<std::string_view>::value && !Shows<std::string>::value, "");
static_assert(Removes<std::string&>::value && Removes<std::string_view>::value && !Removes<std::string>::value, "");
static_assert(Reports<PresenceEventView, User&>::value && Reports<PresenceEventView, UserView>::value, "");
static_assert(!Reports<PresenceEventView, User>::value, "would dangle");
static_assert(Reports<PresenceEvent, User>::value && Reports<PresenceEvent, const User&>::value, "copies");

static_assert(std::is_convertible<const PresenceEvent&, PresenceEventView>::value, "");
static_assert(!std::is_convertible<PresenceEvent, PresenceEventView>::value, "would dangle");
static_assert(std::is_constructible<PresenceEvent, PresenceEventView>::value, "");
static_assert(!std::is_convertible<PresenceEventView, PresenceEvent>::value, "copying is said in words");
static_assert(std::is_convertible<const UserPresenceChangedView&, UserPresenceChanged>::value, "");

TEST_CASE("users are equal only if every field is") {
  const User user = mary();
  CHECK(user == mary());
  CHECK_FALSE(user != mary());
  User other = mary();
  other.id = "jack";
  CHECK(user != other);
  other = mary();
  other.online = false;
  CHECK(user != other);
  other = mary();
  other.status.clear();
  CHECK(user != other);
  other = mary();
  other.last_active = later;
  CHECK(user != other);
  other = mary();
  other.last_active.reset();
  CHECK(user != other);
  other = mary();
  other.invisible = true;
  CHECK(user != other);
  other = mary();
  other.availability = Availability::away;
  CHECK(user != other);
  CHECK_FALSE(user == other);
  for (Attributes User::*fields : {&User::activity, &User::data}) {
    other = mary();
    (other.*fields)["map"] = "harbour";
    CHECK(user != other);
    User same = other;
    CHECK(same == other);
    (same.*fields)["map"] = "castle";
    CHECK(same != other);
  }
  CHECK(User() == User{"", false, "", std::nullopt, false});
}

TEST_CASE("availabilities are compared as they are shown") {
  User online = mary(), other = mary();
  other.availability = Availability::available;
  CHECK(online == other);
  CHECK(UserView(online) == UserView(other));
  online.availability = Availability::busy;
  CHECK(online != other);
  CHECK(UserView(online).availability == Availability::busy);
  CHECK(static_cast<User>(UserView(online)) == online);
  online.online = other.online = false;
  CHECK(online == other);
}

TEST_CASE("a UserView borrows the strings of its User and converts back to an equal one") {
  User user{"mary", true, "here", noon, true};
  const UserView view = user;
  CHECK(view.id.data() == user.id.data());
  CHECK(view.status.data() == user.status.data());
  CHECK(view == UserView("mary", true, "here", noon, true));
  CHECK(static_cast<User>(view) == user);
  CHECK(view == user);
  CHECK(user == view);
  user.online = false;
  CHECK(view != user);
  CHECK(user != view);
  user.activity["map"] = "harbour";
  user.data["name"] = "Mary";
  const UserView fields = user;
  CHECK(fields.activity.find("map").text().data() == user.activity.find("map")->view().text().data());
  CHECK(fields.data.find("name").text().data() == user.data.find("name")->view().text().data());
  CHECK(static_cast<User>(fields) == user);
  CHECK(view != UserView("mary", true, "here", noon, false));
  CHECK(UserView() == UserView("", false, "", std::nullopt, false));
}

TEST_CASE("a Viewer has the given id, and nobody has an empty id") {
  CHECK(Viewer("john").id() == "john");
  CHECK(nobody.id().empty());
}

TEST_CASE("the event factories set only the fields their type needs") {
  const PresenceEvent connect = PresenceEvent::connect("mary", "phone", noon);
  CHECK(connect.type == EventType::connect);
  CHECK(connect.user == "mary");
  CHECK(connect.session == "phone");
  CHECK(connect.at == noon);
  CHECK_FALSE(connect.invisible);
  CHECK_FALSE(connect.status);
  CHECK_FALSE(connect.online);
  CHECK_FALSE(connect.last_active);
  CHECK_FALSE(connect.until);
  CHECK_FALSE(connect.availability);
  CHECK_FALSE(connect.priority);
  CHECK_FALSE(connect.activity);
  CHECK(connect.name.empty());
  CHECK(connect.value == Value());
  CHECK_FALSE(connect.data);
  CHECK(PresenceEvent::disconnect("mary", "phone", noon).type == EventType::disconnect);
  CHECK(PresenceEvent::heartbeat("mary", "phone", noon).type == EventType::heartbeat);

  CHECK(PresenceEvent::active("mary", "phone", noon).type == EventType::active);
  CHECK(PresenceEvent::active("mary", "phone", noon).session == "phone");
  CHECK(PresenceEvent::update("mary", "phone", noon).type == EventType::update);
  CHECK(PresenceEvent::update("mary", "phone", noon).session == "phone");
  CHECK_FALSE(PresenceEvent::update("mary", "phone", noon).availability);

  for (const std::optional<Availability> choice : {std::optional<Availability>(), {Availability::away}}) {
    PresenceEvent expected;
    expected.type = EventType::set_availability;
    expected.user = "mary";
    expected.at = noon;
    expected.availability = choice;
    CHECK(PresenceEvent::set_availability("mary", choice, noon) == expected);
  }

  PresenceEvent name;
  name.type = EventType::set_data;
  name.user = "mary";
  name.at = noon;
  name.name = "name";
  name.value = "Mary";
  CHECK(PresenceEvent::set_data("mary", "name", "Mary", noon) == name);

  const PresenceEvent status = PresenceEvent::set_status("mary", "", noon);
  CHECK(status.type == EventType::set_status);
  CHECK(status.session.empty());
  CHECK(status.status == std::optional<std::string>(""));

  for (const bool visible : {true, false}) {
    PresenceEvent expected;
    expected.type = EventType::set_visible;
    expected.user = "mary";
    expected.at = noon;
    expected.invisible = !visible;
    CHECK(PresenceEvent::set_visible("mary", visible, noon) == expected);
  }
  PresenceEvent removal;
  removal.type = EventType::remove;
  removal.user = "mary";
  removal.at = noon;
  CHECK(PresenceEvent::remove("mary", noon) == removal);

  const PresenceEvent report = PresenceEvent::report("mary", true, noon);
  CHECK(report.type == EventType::report);
  CHECK(report.online);
  CHECK_FALSE(report.status);
  CHECK_FALSE(report.availability);
  CHECK_FALSE(report.activity);
  CHECK_FALSE(report.data);

  PresenceEvent whole = PresenceEvent::report("mary", true, later);
  whole.status = "Eating a veggie burger...";
  whole.last_active = noon;
  whole.availability = Availability::available;
  whole.activity.emplace();  // nothing, and no data
  whole.data.emplace();
  CHECK(PresenceEvent::report(mary(), later) == whole);
  User user = mary();
  user.availability = *(whole.availability = Availability::busy);
  user.activity["map"] = "harbour";
  user.data["name"] = "Mary";
  CHECK(PresenceEvent::report(user, later) != whole);
  whole.activity = user.activity;
  CHECK(PresenceEvent::report(user, later) != whole);
  whole.data = user.data;
  CHECK(PresenceEvent::report(user, later) == whole);
  user.online = whole.online = false;
  whole.availability.reset();
  whole.activity.reset();
  CHECK(PresenceEvent::report(user, later) == whole);
}

TEST_CASE("the factories of an event view give equal events and borrow their strings") {
  const std::string user = "mary", session = "phone", text = "here";
  CHECK(PresenceEventView::connect(user, session, noon) == PresenceEvent::connect(user, session, noon));
  CHECK(PresenceEventView::disconnect(user, session, noon) == PresenceEvent::disconnect(user, session, noon));
  CHECK(PresenceEventView::heartbeat(user, session, noon) == PresenceEvent::heartbeat(user, session, noon));
  CHECK(PresenceEventView::active(user, session, noon) == PresenceEvent::active(user, session, noon));
  CHECK(PresenceEventView::update(user, session, noon) == PresenceEvent::update(user, session, noon));
  CHECK(PresenceEventView::set_availability(user, Availability::busy, noon) ==
        PresenceEvent::set_availability(user, Availability::busy, noon));
  const Value value("Mary");
  CHECK(PresenceEventView::set_data(user, text, value, noon) == PresenceEvent::set_data(user, text, value, noon));
  CHECK(PresenceEventView::set_status(user, text, noon) == PresenceEvent::set_status(user, text, noon));
  CHECK(PresenceEventView::set_visible(user, true, noon) == PresenceEvent::set_visible(user, true, noon));
  CHECK(PresenceEventView::set_visible(user, false, noon) == PresenceEvent::set_visible(user, false, noon));
  CHECK(PresenceEventView::remove(user, noon) == PresenceEvent::remove(user, noon));
  CHECK(PresenceEventView::report(user, true, noon) == PresenceEvent::report(user, true, noon));
  User who = mary();
  who.activity["map"] = "harbour";
  who.data["name"] = "Mary";
  CHECK(PresenceEventView::report(who, noon) == PresenceEvent::report(who, noon));
  CHECK(PresenceEventView::report(UserView(who), noon) == PresenceEventView::report(who, noon));
  CHECK(PresenceEventView::connect(user, session, noon).user.data() == user.data());
  CHECK(PresenceEventView::set_status(user, text, noon).status->data() == text.data());
  CHECK(PresenceEventView::set_data(user, text, value, noon).value.text().data() == value.view().text().data());
}

TEST_CASE("an event view has the fields of its event, and converts back to it") {
  PresenceEvent event = PresenceEvent::connect("mary", "phone", noon);
  event.invisible = false;
  event.status = "here";
  event.online = true;
  event.last_active = later;
  event.until = later + (later - noon);
  event.availability = Availability::away;
  event.priority = std::int8_t{-7};
  event.activity.emplace()["map"] = "harbour";
  event.name = "name";
  event.value = "Mary";
  event.data.emplace()["name"] = "Jane";
  const PresenceEventView view = event;
  CHECK(view.user.data() == event.user.data());
  CHECK(view.session == "phone");
  CHECK(view.invisible == std::optional<bool>(false));
  CHECK(view.status == std::optional<std::string_view>("here"));
  CHECK(view.online);
  CHECK(view.last_active == std::optional<Timestamp>(later));
  CHECK(view.until == event.until);
  CHECK(view.availability == event.availability);
  CHECK(view.priority == event.priority);
  CHECK(view.activity->find("map").text().data() == event.activity->find("map")->view().text().data());
  CHECK(view.name.data() == event.name.data());
  CHECK(view.value.text().data() == event.value.view().text().data());
  CHECK(view.data->find("name").text() == "Jane");
  CHECK(static_cast<PresenceEvent>(view) == event);
}

TEST_CASE("events are equal only if every field is") {
  const PresenceEvent event = PresenceEvent::connect("mary", "phone", noon);
  PresenceEvent other[15];
  for (PresenceEvent& one : other) one = event;
  other[0].type = EventType::heartbeat;
  other[1].user = "jack";
  other[2].session = "tv";
  other[3].at = later;
  other[4].invisible = false;
  other[5].status = "";
  other[6].online = true;
  other[7].last_active = noon;
  other[8].until = later;
  other[9].availability = Availability::away;
  other[10].priority = std::int8_t{0};
  other[11].activity.emplace();
  other[12].name = "name";
  other[13].value = 0;
  other[14].data.emplace();
  for (const PresenceEvent& one : other) {
    CHECK(event != one);
    CHECK_FALSE(event == one);
    CHECK(PresenceEventView(event) != PresenceEventView(one));
    CHECK(PresenceEventView(one) == PresenceEventView(one));
  }
  CHECK(event == PresenceEvent::connect("mary", "phone", noon));
}

TEST_CASE("a change reports which fields changed") {
  const User user = mary();
  UserPresenceChangedView change{"mary", UserView(user), UserView(user), noon};
  CHECK_FALSE(change.online_changed());
  CHECK_FALSE(change.status_changed());
  CHECK_FALSE(change.last_active_changed());
  CHECK_FALSE(change.availability_changed());
  CHECK_FALSE(change.activity_changed());
  CHECK_FALSE(change.data_changed());
  change.after->availability = Availability::available;  // as mary is already
  CHECK_FALSE(change.availability_changed());
  change.after->availability = Availability::idle;
  CHECK(change.availability_changed());
  CHECK_FALSE(change.online_changed());
  change.before->availability = Availability::idle;
  CHECK_FALSE(change.availability_changed());
  change.after->online = false;
  CHECK(change.online_changed());
  CHECK(change.availability_changed());
  change.after->status = "";
  CHECK(change.status_changed());
  change.after->last_active = later;
  CHECK(change.last_active_changed());
  change.after->last_active.reset();
  CHECK(change.last_active_changed());
  Attributes fields;
  fields["map"] = "harbour";
  change.after->activity = fields;
  CHECK(change.activity_changed());
  CHECK_FALSE(change.data_changed());
  change.before->activity = change.after->activity;
  CHECK_FALSE(change.activity_changed());
  change.after->data = fields;
  CHECK(change.data_changed());
  CHECK_FALSE(change.activity_changed());
  change.before->activity = AttributesView();
  const UserPresenceChanged owned = change;
  CHECK(owned.activity_changed());
  CHECK(owned.data_changed());
  CHECK(owned.online_changed());
  CHECK(owned.availability_changed());
  CHECK(owned.status_changed());
  CHECK(owned.last_active_changed());
}

TEST_CASE("an unknown user counts as offline, without any field and never active") {
  const User unremarkable{"mary", false, "", std::nullopt, false};
  User user = mary();
  user.activity["map"] = user.data["name"] = "harbour";
  for (const bool arriving : {true, false}) {
    UserPresenceChangedView change{"mary", std::nullopt, std::nullopt, noon};
    std::optional<UserView>& known = arriving ? change.after : change.before;
    known = UserView(unremarkable);
    CHECK_FALSE(change.online_changed());
    CHECK_FALSE(change.availability_changed());
    CHECK_FALSE(change.status_changed());
    CHECK_FALSE(change.last_active_changed());
    CHECK_FALSE(change.activity_changed());
    CHECK_FALSE(change.data_changed());
    known = UserView(user);
    CHECK(change.online_changed());
    CHECK(change.availability_changed());
    CHECK(change.status_changed());
    CHECK(change.last_active_changed());
    CHECK(change.activity_changed());
    CHECK(change.data_changed());
  }
}

TEST_CASE("a UserPresenceChanged owns its strings, and is equal if every field is") {
  UserPresenceChanged kept;
  {
    const User user = mary();
    kept = UserPresenceChangedView{user.id, std::nullopt, UserView(user), noon};
  }
  CHECK(kept.id == "mary");
  CHECK_FALSE(kept.before);
  CHECK(kept.after == std::optional<User>(mary()));
  CHECK(kept.at == noon);

  UserPresenceChanged other = kept;
  CHECK(kept == other);
  other.id = "jack";
  CHECK(kept != other);
  other = kept;
  other.before = mary();
  CHECK(kept != other);
  other = kept;
  other.after.reset();
  CHECK(kept != other);
  other = kept;
  other.at = later;
  CHECK(kept != other);
}

TEST_CASE("Session and PresenceState are equal only if every field is") {
  const Session session{"phone", later, noon, {noon}, later, true, Availability::away, 3, noon};
  Session others[9];
  for (Session& other : others) other = session;
  others[0].id = "tv";
  others[1].last_evidence.reset();
  others[2].online_since = later;
  others[3].disconnects.push_back(later);
  others[4].online_until.reset();
  others[5].alive = false;
  others[6].availability.reset();
  others[7].priority = 0;
  others[8].active = later;
  for (const Session& other : others) CHECK(session != other);
  CHECK(session == Session{"phone", later, noon, {noon}, later, true, Availability::away, 3, noon});

  const PresenceState state{mary(), noon, later, {session}, Availability::busy, later, std::nullopt};
  PresenceState states[7] = {state, state, state, state, state, state, state};
  states[0].user.online = false;
  states[1].status_at.reset();
  states[2].invisible_since = noon;
  states[3].sessions.clear();
  states[4].status_until = later;
  states[5].choice = Availability::away;
  states[6].choice_until.reset();
  for (const PresenceState& other : states) CHECK(state != other);
  CHECK(state == PresenceState{mary(), noon, later, {session}, Availability::busy, later, std::nullopt});
}

TEST_CASE("devices are equal only if every field is") {
  Device device{"phone", Availability::away, {}};
  device.activity["map"] = "harbour";
  Device others[3] = {device, device, device};
  others[0].session = "tv";
  others[1].availability = Availability::busy;
  others[2].activity["map"] = "castle";
  for (const Device& other : others) {
    CHECK(device != other);
    CHECK_FALSE(device == other);
    CHECK(other == Device(other));
  }
}

TEST_CASE("default rules have the documented values") {
  const Rules rules;
  CHECK(rules.session_timeout == Duration::from_s(40));
  CHECK(rules.offline_grace == Duration());
  CHECK(rules.last_active_refresh == Duration::from_s(900));
  CHECK(rules.heartbeat_is_activity);
  CHECK(rules.idle_after == Duration());
  CHECK(rules.report_timeout == Duration());
  CHECK(rules.session_fold == SessionFold::by_rank);
  CHECK(rules.ranking == Ranking{Availability::busy, Availability::available, Availability::away, Availability::idle});
  CHECK_FALSE(rules.show_devices);
  CHECK(rules.reorder_window == Duration::from_s(120));
  CHECK(rules.max_clock_skew == Duration::from_s(60));
  CHECK(rules.max_sessions_per_user == 64);
  CHECK(rules.max_id_bytes == 255);
  CHECK(rules.max_status_bytes == 1024);
  CHECK(rules.max_user_data_bytes == 4096);
  CHECK(rules.max_activity_bytes == 1024);
  CHECK(rules.max_data_names == 64);
}

TEST_CASE("mirror rules differ from the default only in an unlimited reorder_window and max_clock_skew") {
  Rules rules = Rules::mirror();
  CHECK(rules.reorder_window == Duration::highest());
  CHECK(rules.max_clock_skew == Duration::highest());
  rules.reorder_window = Rules().reorder_window;
  rules.max_clock_skew = Rules().max_clock_skew;
  CHECK(rules == Rules());
}

TEST_CASE("rules are equal only if every field is") {
  Rules others[21];
  const Duration day = Duration::from_s(86400);
  others[0].session_timeout = day;
  others[1].offline_grace = day;
  others[2].last_active_refresh = day;
  others[3].reorder_window = day;
  others[4].max_clock_skew = day;
  others[5].max_users = 7;
  others[6].max_sessions_per_user = 7;
  others[7].max_id_bytes = 7;
  others[8].max_status_bytes = 7;
  others[9].max_recent_per_user = 7;
  others[10].hash_seed = 7;
  others[11].forget_after = day;
  others[12].heartbeat_is_activity = false;
  others[13].idle_after = day;
  others[14].report_timeout = day;
  others[15].session_fold = SessionFold::latest;
  others[16].ranking = Ranking{Availability::away};
  others[17].show_devices = true;
  others[18].max_user_data_bytes = 7;
  others[19].max_activity_bytes = 7;
  others[20].max_data_names = 7;
  for (const Rules& other : others) {
    CHECK(Rules() != other);
    CHECK_FALSE(Rules() == other);
    CHECK(other == Rules(other));
  }
}

TEST_CASE("accepted() is true only for applied and unchanged") {
  CHECK(accepted(Verdict::applied));
  CHECK(accepted(Verdict::unchanged));
  for (const Verdict verdict : {Verdict::too_late, Verdict::too_early, Verdict::invalid, Verdict::over_limit}) {
    CHECK_FALSE(accepted(verdict));
  }
}

TEST_CASE("a tally counts each verdict separately and can be added to another") {
  const std::pair<Verdict, std::size_t Tally::*> fields[] = {
      {Verdict::applied, &Tally::applied},   {Verdict::unchanged, &Tally::unchanged},
      {Verdict::too_late, &Tally::too_late}, {Verdict::too_early, &Tally::too_early},
      {Verdict::invalid, &Tally::invalid},   {Verdict::over_limit, &Tally::over_limit},
  };
  Tally sum;
  std::size_t times = 0, accepted_times = 0;
  for (const auto& field : fields) {
    ++times;
    Tally one;
    for (std::size_t i = 0; i < times; ++i) one.count(field.first);
    CHECK(one.*field.second == times);
    CHECK(one.total() == times);
    CHECK(one.accepted() == (accepted(field.first) ? times : 0));
    CHECK(one.refused() == (accepted(field.first) ? 0 : times));
    CHECK(one != Tally());
    accepted_times += one.accepted();
    sum += one;
    CHECK(sum.*field.second == times);
  }
  CHECK(sum.total() == 1 + 2 + 3 + 4 + 5 + 6);
  CHECK(sum.accepted() == accepted_times);
  CHECK(sum.accepted() + sum.refused() == sum.total());
  Tally other = sum;
  CHECK(sum == other);
  other.count(Verdict::over_limit);
  CHECK(sum != other);
}
