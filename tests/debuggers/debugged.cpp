// SPDX-License-Identifier: MIT
// Values of every type that the debugger views show. test_gdb.py stops it at stop_here and looks at what `shown` points
// to. Prints the ids of the crowd, in the order of the table.
#include <presence/presence.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace presence;

constexpr Timestamp at = Timestamp::from_ms(1546867062000);  // 2019-01-07T13:17:42Z

constexpr Timestamp after(std::int64_t s) { return at + Duration::from_s(s); }

void fold(Snapshot& snapshot, const PresenceEvent& event) { snapshot = reduce(std::move(snapshot), event); }

// presence.natvis names these by number.
static_assert(int(ValueKind::absent) == 0 && int(ValueKind::null) == 1 && int(ValueKind::boolean) == 2 &&
                  int(ValueKind::integer) == 3 && int(ValueKind::real) == 4 && int(ValueKind::string) == 5 &&
                  int(ValueKind::timestamp) == 6 && int(ValueKind::array) == 7 && int(ValueKind::object) == 8 &&
                  int(ValueKind::invalid) == 9,
              "");
static_assert(int(Operator::everything) == 0 && int(Operator::eq) == 1 && int(Operator::autocomplete) == 11 &&
                  int(Operator::all_of) == 12 && int(Operator::none_of) == 14 && int(Operator::invalid) == 15,
              "");

static_assert(int(Availability::offline) == 0 && int(Availability::available) == 4, "");

/// Bytes that no value was made in, to be looked at as values.
template <std::size_t patterns>
struct Garbage {
  static constexpr std::size_t size = 1024;
  alignas(64) unsigned char bytes[patterns][size];

  Garbage() {
    std::uint32_t random = 1;
    for (std::size_t i = 0; i < size; ++i) {
      random = random * 1664525 + 1013904223;
      bytes[0][i] = 0;
      bytes[1][i] = 0xFF;
      bytes[2][i] = 0xA5;
      bytes[3][i] = 1;
      bytes[4][i] = static_cast<unsigned char>(random >> 24);
    }
    // Pointers to themselves, so that all that is followed leads in a circle.
    for (std::size_t i = 0; i < size; i += sizeof(void*)) {
      const void* const self = bytes[5];
      std::memcpy(bytes[5] + i, &self, sizeof(self));
    }
  }
};

struct Durations {
  Duration seconds = Duration::from_s(40), fraction = Duration::from_ms(1500), ns = Duration::from_ns(250),
           us = Duration::from_ns(1500), ms = Duration::from_ms(-20), zero, highest = Duration::from_ns(INT64_MAX),
           longest_past = Duration::from_ns(INT64_MIN);
};

struct Timestamps {
  Timestamp usual = at, fraction = at + Duration::from_ms(375), us = at + Duration::from_ns(1000),
            ns = at + Duration::from_ns(7), old = Timestamp::from_ns(-1), oldest = Timestamp::from_ns(INT64_MIN + 1),
            lowest = Timestamp::lowest(), highest = Timestamp::highest();
};

struct Users {
  User john{"john", true, "At lunch", at, false};
  User unknown{"", false, "", std::nullopt, false};
  User quoted{"a \"quoted\" \\ id\n", false,
              "\xC3\xBC"
              "ber",
              std::nullopt, true};
  User long_text{std::string(300, 'x'), false, "", std::nullopt, false};
  User away{"john", true, "", at, false, Availability::away},
      plain{"john", true, "", at, false, Availability::available},
      gone{"john", false, "", at, false, Availability::away};
  UserView view = john;
  Viewer viewer{"john"}, anyone = nobody;
  User rich{"john", true, "", at, false};
  UserView rich_view;
  Device device{"phone", Availability::busy}, playing{"phone", Availability::idle};
  Attributes nothing;
  Value object;
  AttributesView of_nothing, of_fields, of_members;

  Users() {
    rich.activity["map"] = "harbour";
    rich.activity["players"] = presence::array({1, 2});
    rich.data["name"] = "John";
    rich_view = rich;
    playing.activity = rich.activity;
    object = Value::object(rich.activity);
    of_fields = rich.activity;
    of_members = object.members();
  }
};

struct Events {
  PresenceEvent connect = PresenceEvent::connect("john", "phone", at);
  PresenceEvent hidden = PresenceEvent::connect("john", "phone", at);
  PresenceEvent status = PresenceEvent::set_status("john", "At lunch", at);
  PresenceEvent timed = PresenceEvent::set_status("john", "At lunch", at);
  PresenceEvent shows = PresenceEvent::set_visible("john", true, at),
                hides = PresenceEvent::set_visible("john", false, at);
  PresenceEvent remove = PresenceEvent::remove("john", at);
  PresenceEvent active = PresenceEvent::active("john", "phone", at);
  PresenceEvent update = PresenceEvent::update("john", "phone", at);
  PresenceEvent chooses = PresenceEvent::set_availability("john", Availability::busy, at);
  PresenceEvent chooses_nothing = PresenceEvent::set_availability("john", std::nullopt, at);
  PresenceEvent report = PresenceEvent::report(User{"mary", true, "", at, false}, after(1));
  PresenceEvent sets = PresenceEvent::set_data("john", "image", "https://x", at),
                removes = PresenceEvent::set_data("john", "image", nullptr, at);
  PresenceEvent plays = PresenceEvent::update("john", "phone", at);
  PresenceEventView sets_view = sets, plays_view = plays;
  PresenceEventView view = hidden;
  UserPresenceChanged came, changed;
  UserPresenceChangedView went;

  Events() {
    hidden.invisible = true;
    hidden.status = "hidden";
    view = hidden;
    timed.until = chooses.until = after(1);
    update.availability = Availability::away;
    update.priority = std::int8_t{-5};
    plays.activity.emplace();
    (*plays.activity)["map"] = "harbour";
    plays.data.emplace();
    plays_view = plays;
    came.id = changed.id = "john";
    went.id = "john";
    came.at = changed.at = went.at = at;
    came.after = changed.before = User{"john", false, "", std::nullopt, false};
    changed.after = User{"john", true, "At lunch", at, false};
    went.before = UserView("john", true, "", at, false);
  }
};

struct Results {
  Result<Timestamp> good = parse_timestamp("2019-01-07T13:17:42Z"), bad = parse_timestamp("2019-01-07X13:17:42Z");
  Result<int> number = 7;
  Result<std::string> text = std::string("seven");
};

struct Values {
  Value null, truth = true, falsehood = false, integer = -7, real = 1.5, text = "At \"lunch\"", instant = at,
              array = presence::array({1, "two", 3.5, nullptr, true, at}), empty = presence::array({}),
              invalid = UINT64_MAX, object = made(), empty_object = Value::object({}),
              longest_short = std::string(254, 'x'), long_text = std::string(255, 'y'), long_name = named_long();
  ValueMember member = object.members()[0];
  std::vector<int> numbers{1, 2};
  ValueView absent, text_view = text, array_view = numbers, object_view = object, real_view = 2.5;

  static Value named_long() {
    Attributes members;
    members[std::string(300, 'z')] = nullptr;
    return Value::object(members);
  }
  static Value made() {
    Attributes inner, outer;
    inner["city"] = "Kyoto";
    outer["location"] = Value::object(inner);
    outer["a name that is long"] = presence::array({Value::object(inner), 2});
    return Value::object(outer);
  }
};

struct Filters {
  Filter everything, eq = presence::eq("online", true), gt = presence::gt("last_active", at),
                     in = presence::in("id", {"john", "mary"}), complete = autocomplete("id", "ro"),
                     both = presence::eq("online", true) && exists("status", false),
                     none = nor({presence::eq("a", 1) || ne("b", nullptr), lte("c", 2.5)}), wrong = presence::eq("", 1);
};

struct Channels {
  Channel empty, room{"messaging", "kitchen", {"john", "mary"}, {}};

  Channels() {
    room.custom["name"] = "Kitchen";
    room.custom["seats"] = 4;
  }
};

struct Texts {
  detail::SharedString empty, inside{"fifteen letters"}, stored{"sixteen letters!"};
};

struct Rows {
  detail::UserRow whole{detail::SharedString("john"), registers()};
  detail::RowView borrowed = whole, none;
  detail::UserRow available{detail::SharedString("john"), registers_of_availability()};
  detail::UserRow rich{detail::SharedString("john"), registers_of_data()};

  static detail::UserRegisters registers() {
    detail::UserRegisters user;
    join_event(user, PresenceEventView::connect("john", "phone", at), Rules());
    PresenceEventView status = PresenceEventView::set_status("john", "a status that is long", after(1));
    status.until = after(60);
    join_event(user, status, Rules());
    join_event(user, PresenceEventView::remove("john", after(-1)), Rules());
    return user;
  }
  static detail::UserRegisters registers_of_data() {
    detail::UserRegisters user;
    PresenceEvent plays = PresenceEvent::connect("john", "phone", at);
    plays.activity.emplace();
    (*plays.activity)["map"] = "harbour";
    join_event(user, PresenceEventView(plays), Rules());
    plays = PresenceEvent::update("john", "desk", after(1));
    plays.activity.emplace();
    join_event(user, PresenceEventView(plays), Rules());
    const Value image = "https://x", level = 7;
    User told{"john", true, "", std::nullopt, false};
    told.data["team"] = "red";
    join_event(user, PresenceEventView::report(told, after(-5)), Rules());
    join_event(user, PresenceEventView::set_data("john", "image", image, after(2)), Rules());
    join_event(user, PresenceEventView::set_data("john", "level", level, after(3)), Rules());
    const Value null;
    join_event(user, PresenceEventView::set_data("john", "name", null, after(4)), Rules());
    return user;
  }
  static detail::UserRegisters registers_of_availability() {
    Rules rules;
    rules.idle_after = Duration::from_s(300);
    detail::UserRegisters user;
    join_event(user, PresenceEventView::connect("john", "phone", at), rules);
    PresenceEventView update = PresenceEventView::update("john", "phone", after(100));
    update.availability = Availability::busy;
    update.priority = std::int8_t{3};
    join_event(user, update, rules);
    join_event(user, PresenceEventView::heartbeat("john", "phone", after(110)), rules);
    join_event(user, PresenceEventView::disconnect("john", "phone", after(5)), rules);
    PresenceEventView choice = PresenceEventView::set_availability("john", Availability::away, after(2));
    choice.until = after(60);
    join_event(user, choice, rules);
    const User told{"john", true, "", std::nullopt, false};
    join_event(user, PresenceEventView::report(told, after(3)), rules);
    join_event(user, PresenceEventView::report("john", false, after(4)), rules);
    user.sessions[1].set_held_until(after(200));
    return user;
  }
};

struct Snapshots {
  Snapshot none, few, crowd, shared, unordered;

  Snapshots() {
    Rules rules;
    rules.offline_grace = Duration::from_s(10);
    few = unordered = Snapshot(rules);
    fold(few, PresenceEvent::connect("john", "phone", at));
    fold(few, PresenceEvent::heartbeat("john", "phone", after(5)));
    PresenceEvent hidden = PresenceEvent::connect("mary", "a session with a long id", at);
    hidden.invisible = true;
    hidden.status = "not seen";
    fold(few, hidden);
    for (std::int64_t i = 0; i < 3; ++i) {
      fold(few, PresenceEvent::connect("many", "s" + std::to_string(i), after(i)));
      fold(few, PresenceEvent::disconnect("many", "s1", after(i + 2)));
    }
    fold(few, PresenceEvent::report(User{"told", false, "told so", after(-60), false}, after(1)));
    fold(few, PresenceEvent::set_status("a user with a long id", "a status that is long", after(2)));
    fold(few, PresenceEvent::heartbeat("late", "s", after(4)));
    // All that a row has no room for, so that each array behind it is found.
    for (std::int64_t i = 0; i < 4; ++i) {
      PresenceEvent event = PresenceEvent::connect("everything", "s" + std::to_string(i), after(i));
      event.invisible = i % 2 == 0;
      event.status = "status " + std::to_string(i);
      fold(few, event);
    }
    fold(few, PresenceEvent::report("everything", true, after(3)));
    few = reduce(std::move(few), after(6));
    fold(unordered, PresenceEvent::connect("john", "phone", at));

    for (int i = 0; i < 3000; ++i) fold(crowd, PresenceEvent::connect("user" + std::to_string(i), "s", at));
    shared = crowd;
    fold(shared, PresenceEvent::connect("one more", "s", at));
  }
};

/// All of one type at each pattern of bytes.
template <class T>
struct At {
  const T* zeros;
  const T* ones;
  const T* some;
  const T* truths;
  const T* random;
  const T* circle;
  const T* nowhere;
};

Garbage<6> garbage;

template <class T>
At<T> look() {
  static_assert(sizeof(T) <= sizeof(garbage.bytes[0]), "");
  const auto as = [](const void* bytes) { return static_cast<const T*>(bytes); };
  return {as(garbage.bytes[0]),
          as(garbage.bytes[1]),
          as(garbage.bytes[2]),
          as(garbage.bytes[3]),
          as(garbage.bytes[4]),
          as(garbage.bytes[5]),
          reinterpret_cast<const T*>(std::uintptr_t{4096})};
}

struct Nonsense {
  At<Timestamp> timestamp = look<Timestamp>();
  At<Duration> duration = look<Duration>();
  At<User> user = look<User>();
  At<UserView> user_view = look<UserView>();
  At<Viewer> viewer = look<Viewer>();
  At<PresenceEvent> event = look<PresenceEvent>();
  At<PresenceEventView> event_view = look<PresenceEventView>();
  At<UserPresenceChanged> change = look<UserPresenceChanged>();
  At<UserPresenceChangedView> change_view = look<UserPresenceChangedView>();
  At<Result<Timestamp>> result = look<Result<Timestamp>>();
  At<Error> error = look<Error>();
  At<Value> value = look<Value>();
  At<ValueView> value_view = look<ValueView>();
  At<ValueMember> member = look<ValueMember>();
  At<Filter> filter = look<Filter>();
  At<Channel> channel = look<Channel>();
  At<Attributes> attributes = look<Attributes>();
  At<AttributesView> attributes_view = look<AttributesView>();
  At<Device> device = look<Device>();
  At<detail::SharedString> text = look<detail::SharedString>();
  At<detail::SessionRegisters> session = look<detail::SessionRegisters>();
  At<detail::RareOfSession> rare_of_session = look<detail::RareOfSession>();
  At<detail::SessionState> session_state = look<detail::SessionState>();
  At<detail::SessionActivity> session_activity = look<detail::SessionActivity>();
  At<detail::UserDataPointer> user_data = look<detail::UserDataPointer>();
  At<detail::SessionMoment> moment = look<detail::SessionMoment>();
  At<detail::Run> run = look<detail::Run>();
  At<detail::RareRegisters> rare = look<detail::RareRegisters>();
  At<detail::UserRow> row = look<detail::UserRow>();
  At<detail::RowView> borrowed_row = look<detail::RowView>();
  At<Snapshot> snapshot = look<Snapshot>();
};

struct Shown {
  Timestamps timestamps;
  Durations durations;
  Users users;
  Events events;
  Results results;
  Values values;
  Filters filters;
  Channels channels;
  Texts texts;
  Rows rows;
  Snapshots snapshots;
  Nonsense nonsense;
};

const Shown* shown;

}  // namespace

#if defined(__GNUC__) || defined(__clang__)
__attribute__((noinline)) void stop_here();
void stop_here() { asm volatile("" : : "g"(shown) : "memory"); }
#else
void stop_here() {}
#endif

int main() {
  const Shown all{};
  shown = &all;
  for (const UserView& user : all.snapshots.crowd)
    std::printf("%.*s\n", static_cast<int>(user.id.size()), user.id.data());
  std::fflush(stdout);
  stop_here();
  return 0;
}
