// SPDX-License-Identifier: MIT
#include "../support.hpp"

#include <string>
#include <type_traits>
#include <utility>

using namespace support;

namespace {

template <class Event, class First, class Second, class = void>
constexpr bool connects = false;
template <class Event, class First, class Second>
constexpr bool
    connects<Event, First, Second,
             std::void_t<decltype(Event::connect(std::declval<First>(), std::declval<Second>(), Timestamp())),
                         decltype(Event::disconnect(std::declval<First>(), std::declval<Second>(), Timestamp())),
                         decltype(Event::heartbeat(std::declval<First>(), std::declval<Second>(), Timestamp()))>> =
        true;
template <class Event, class First, class Second, class = void>
constexpr bool connects_or_so = false;
template <class Event, class First, class Second>
constexpr bool
    connects_or_so<Event, First, Second,
                   std::void_t<decltype(Event::connect(std::declval<First>(), std::declval<Second>(), Timestamp()))>> =
        true;
template <class Event, class First, class Second, class = void>
constexpr bool disconnects = false;
template <class Event, class First, class Second>
constexpr bool
    disconnects<Event, First, Second,
                std::void_t<decltype(Event::disconnect(std::declval<First>(), std::declval<Second>(), Timestamp()))>> =
        true;
template <class Event, class First, class Second, class = void>
constexpr bool beats = false;
template <class Event, class First, class Second>
constexpr bool
    beats<Event, First, Second,
          std::void_t<decltype(Event::heartbeat(std::declval<First>(), std::declval<Second>(), Timestamp()))>> = true;

template <class Event, class First, class Second>
constexpr bool is_refused =
    !connects_or_so<Event, First, Second> && !disconnects<Event, First, Second> && !beats<Event, First, Second>;

using Text = const char*;
static_assert(connects<PresenceEvent, UserId&, SessionId&> && connects<PresenceEvent, UserId, SessionId> &&
                  connects<PresenceEvent, const UserId&, Text> && connects<PresenceEvent, Text, SessionId> &&
                  connects<PresenceEvent, std::string, std::string> && connects<PresenceEvent, Text, Text>,
              "each in its place, or plain strings");
static_assert(connects<PresenceEventView, UserId&, SessionId&> && connects<PresenceEventView, const UserId&, Text> &&
                  connects<PresenceEventView, Text, const SessionId&>,
              "borrowed as well");
static_assert(is_refused<PresenceEvent, SessionId, UserId> && is_refused<PresenceEvent, SessionId&, const UserId&> &&
                  is_refused<PresenceEvent, SessionId, Text> && is_refused<PresenceEvent, std::string, UserId>,
              "swapped");
static_assert(is_refused<PresenceEventView, SessionId&, UserId&> && is_refused<PresenceEventView, SessionId&, Text> &&
                  is_refused<PresenceEventView, Text, UserId&>,
              "swapped and borrowed");
static_assert(!connects<PresenceEventView, UserId, Text>, "a temporary id would dangle");
static_assert(!std::is_convertible<std::string, UserId>::value && !std::is_convertible<const char*, SessionId>::value &&
                  !std::is_constructible<UserId, SessionId>::value && !std::is_convertible<UserId, SessionId>::value,
              "a string becomes an id only explicitly, and no id becomes one of the other type");

}  // namespace

TEST_CASE("an event of a UserId and a SessionId is that of their strings") {
  const UserId user("john");
  const SessionId session(std::string("phone"));
  CHECK(PresenceEvent::connect(user, session, at(1)) == PresenceEvent::connect("john", "phone", at(1)));
  CHECK(PresenceEvent::disconnect(user, session, at(1)) == PresenceEvent::disconnect("john", "phone", at(1)));
  CHECK(PresenceEvent::heartbeat(UserId("john"), SessionId("phone"), at(1)) ==
        PresenceEvent::heartbeat("john", "phone", at(1)));
  const PresenceEventView view = PresenceEventView::connect(user, session, at(1));
  CHECK(view == PresenceEvent::connect("john", "phone", at(1)));
  CHECK(view.user.data() == user.view().data());
}

TEST_CASE("braced and empty strings are accepted as before") {
  CHECK(PresenceEvent::connect({}, {}, at(1)).user.empty());
  CHECK(PresenceEvent::connect({"john"}, {"phone"}, at(1)) == PresenceEvent::connect("john", "phone", at(1)));
}

TEST_CASE("a UserId is accepted wherever the library takes an id, and compares by its bytes") {
  Snapshot s;
  const UserId john("john"), mary(std::string_view("mary"));
  apply(s, PresenceEvent::connect(john, SessionId("phone"), at(1)));
  CHECK(s.online(john));
  CHECK_FALSE(s.online(mary, Viewer(john)));
  CHECK(s.find(john)->id == john.str());
  CHECK(john == UserId("john"));
  CHECK(john != mary);
  CHECK(john < mary);
  CHECK_FALSE(mary < john);
  CHECK(UserId().view().empty());
}
