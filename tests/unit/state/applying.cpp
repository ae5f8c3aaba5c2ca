// SPDX-License-Identifier: MIT
#include "../support.hpp"

#include <chrono>
#include <tuple>
#include <type_traits>
#include <utility>

using namespace support;

namespace {

/// A host's own event, which converts.
struct HostEvent {
  std::string user;
  operator PresenceEventView() const { return PresenceEventView::connect(user, "game", at(0)); }
};

template <class Input, class = void>
constexpr bool is_accepted = false;
template <class Input>
constexpr bool
    is_accepted<Input, std::void_t<decltype(presence::apply(std::declval<Snapshot&>(), std::declval<Input>()))>> = true;

static_assert(is_accepted<PresenceEvent> && is_accepted<const PresenceEvent&> && is_accepted<PresenceEventView>,
              "events");
static_assert(is_accepted<Timestamp> && is_accepted<std::chrono::system_clock::time_point>, "points in time");
static_assert(!is_accepted<int> && !is_accepted<std::tuple<int>> && !is_accepted<User> && !is_accepted<Duration>,
              "nothing else");

}  // namespace

TEST_CASE("apply without a callback applies an event as with one") {
  Snapshot with, without;
  const auto no_callback = [](const UserPresenceChangedView&) {};
  const PresenceEvent events[] = {connect("john", "phone", at(0)), heartbeat("john", "phone", at(5)),
                                  disconnect("john", "phone", at(6)), says("mary", "hello", at(7)),
                                  says("", "nobody", at(8))};
  for (const PresenceEvent& event : events) CHECK(apply(without, event) == apply(with, event, no_callback));
  CHECK(apply(without, at(9)) == apply(with, at(9), no_callback));
  CHECK(apply(without, at(8)) == Verdict::unchanged);
  CHECK(apply(without, Timestamp::highest()) == Verdict::invalid);
  CHECK(without == with);
  CHECK(without.size() == 2);
  CHECK(apply(without, at(1000)) == Verdict::applied);
  CHECK(apply(without, events[0]) == Verdict::too_late);
}

TEST_CASE(
    "apply without a callback accepts temporary events, views, hosts' events and points in time of the system clock") {
  Snapshot s;
  CHECK(apply(s, connect("a", "phone", at(0))) == Verdict::applied);
  PresenceEvent event = connect("b", "phone", at(0));
  CHECK(apply(s, event) == Verdict::applied);
  CHECK(apply(s, std::move(event)) == Verdict::unchanged);
  const PresenceEventView view = PresenceEventView::connect("c", "phone", at(0));
  CHECK(apply(s, view) == Verdict::applied);
  CHECK(apply(s, PresenceEventView::connect("d", "phone", at(0))) == Verdict::applied);
  CHECK(apply(s, HostEvent{"e"}) == Verdict::applied);
  CHECK(s.online_count() == 5);
  CHECK(apply(s, std::chrono::system_clock::time_point(std::chrono::hours(24 * 20000))) == Verdict::applied);
  CHECK(s.online_count() == 0);
}

TEST_CASE("apply and std::apply are both found where both namespaces are used") {
  using namespace std;
  using namespace presence;
  Snapshot s;
  PresenceEvent event = connect("a", "phone", at(0));
  const Timestamp now = at(2);
  CHECK(apply(s, event) == Verdict::applied);
  CHECK(apply(s, connect("b", "phone", at(1))) == Verdict::applied);
  CHECK(apply(s, PresenceEventView::connect("c", "phone", at(1))) == Verdict::applied);
  CHECK(apply(s, now) == Verdict::applied);
  CHECK(apply(s, at(3)) == Verdict::applied);
  CHECK(apply([](int a, int b) { return a + b; }, make_tuple(3, 4)) == 7);
  CHECK(s.size() == 3);
}
