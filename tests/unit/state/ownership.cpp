// SPDX-License-Identifier: MIT
#include "../telling.hpp"

#include <iterator>
#include <type_traits>

using namespace support;

namespace {

template <class S, class = void>
struct CanBorrow : std::false_type {};
template <class S>
struct CanBorrow<S, std::void_t<decltype(std::declval<S>().view("john"))>> : std::true_type {};

template <class Event, class... Texts>
struct Accepts {
  template <class E>
  static auto test(int) -> decltype(E::connect(std::declval<Texts>()..., Timestamp()), std::true_type());
  template <class E>
  static std::false_type test(...);
  static constexpr bool value = decltype(test<Event>(0))::value;
};

// A view of a temporary would dangle.
static_assert(CanBorrow<Snapshot&>::value, "");
static_assert(CanBorrow<const Snapshot&>::value, "");
static_assert(!CanBorrow<Snapshot>::value, "");
static_assert(!CanBorrow<const Snapshot>::value, "");
static_assert(Accepts<PresenceEventView, const std::string&, const char*>::value, "");
static_assert(!Accepts<PresenceEventView, std::string, const char*>::value, "");
static_assert(Accepts<PresenceEvent, std::string, std::string>::value, "");

static_assert(std::is_nothrow_default_constructible<Snapshot>::value, "");
static_assert(std::is_nothrow_copy_constructible<Snapshot>::value, "");
static_assert(std::is_nothrow_move_constructible<Snapshot>::value, "");
static_assert(std::is_nothrow_copy_assignable<Snapshot>::value, "");
static_assert(std::is_nothrow_move_assignable<Snapshot>::value, "");
static_assert(!std::is_convertible<Rules, Snapshot>::value, "");
static_assert(sizeof(Snapshot) == sizeof(void*), "copying one copies a pointer");

static_assert(std::is_same<std::iterator_traits<Snapshot::const_iterator>::reference, UserView>::value, "");
static_assert(std::is_same<Snapshot::value_type, UserView>::value, "");
static_assert(std::is_same<decltype(*std::declval<Snapshot::const_iterator>()), UserView>::value, "");

}  // namespace

TEST_CASE("snapshots can be stored in containers, swapped and assigned to themselves") {
  std::vector<Snapshot> history;
  Snapshot s;
  for (int i = 0; i < 50; ++i) {
    s = reduce(std::move(s), connect(user_id(static_cast<std::size_t>(i)), "phone", at(i)));
    history.push_back(s);
  }
  for (std::size_t i = 0; i < history.size(); ++i) CHECK(history[i].size() == i + 1);
  Snapshot& same = s;
  s = same;
  CHECK(s == history.back());
  s = std::move(same);
  CHECK(s == history.back());
  std::swap(history.front(), history.back());
  CHECK(history.front().size() == 50);
  history.erase(history.begin());
  CHECK(history.back().size() == 1);
}

TEST_CASE("changing a copy by any function leaves the original unchanged") {
  const Snapshot original = reduce(
      folded({connect("john", "phone", at(0)), report("jack", true, at(0)), disconnect("mary", "tv", at(0))}), at(1));
  const std::uint64_t digest = original.digest();
  const std::string seen = text(views(original));
  const std::vector<PresenceEvent> events = {says("john", "hi", at(2)), report("ann", true, at(3))};
  Snapshot copies[8];
  for (Snapshot& copy : copies) copy = original;
  const auto no_callback = [](const UserPresenceChangedView&) {};
  apply(copies[0], events[0], no_callback);
  apply(copies[1], at(1000), no_callback);
  apply(copies[2], events.begin(), events.end());
  replay(copies[3], events.begin(), events.end());
  merge_into(copies[4], folded(events));
  forget_reports_in(copies[5]);
  resync(copies[6], events.begin(), events.end(), at(2));
  copies[7] = reduce(std::move(copies[7]), connect("eve", "phone", at(1)));
  for (const Snapshot& copy : copies) CHECK(copy != original);
  CHECK(original.digest() == digest);
  CHECK(text(views(original)) == seen);
  CHECK(original.now() == at(1));
}

TEST_CASE("a view stays valid while its snapshot is unchanged, even if copies change") {
  const Snapshot s = folded({saying(connect("john", "phone", at(0)), "a text that is too long to be kept in place")});
  const UserView view = s.view("john").value();
  Snapshot copy = s;
  copy = reduce(std::move(copy), says("john", "another one", at(1)));
  copy = Snapshot();
  CHECK(view.status == "a text that is too long to be kept in place");
  CHECK(view.id == "john");
}

TEST_CASE("a snapshot keeps its rules, with negative durations replaced by zero") {
  Rules rules;
  rules.session_timeout = seconds(-1);
  rules.offline_grace = Duration::from_ns(INT64_MIN);
  rules.last_active_refresh = seconds(-1);
  rules.reorder_window = seconds(-1);
  rules.max_clock_skew = seconds(-1);
  rules.forget_after = rules.idle_after = rules.report_timeout = seconds(-1);
  rules.max_users = 7;
  const Snapshot s(rules);
  CHECK(s.rules().session_timeout == Duration());
  CHECK(s.rules().offline_grace == Duration());
  CHECK(s.rules().last_active_refresh == Duration());
  CHECK(s.rules().reorder_window == Duration());
  CHECK(s.rules().max_clock_skew == Duration());
  CHECK(s.rules().forget_after == Duration());
  CHECK(s.rules().idle_after == Duration());
  CHECK(s.rules().report_timeout == Duration());
  CHECK(s.rules().max_users == 7);
  CHECK(Snapshot().rules() == Rules());
  CHECK(reduce(s, at(5)).rules() == s.rules());
}

TEST_CASE("operator== compares the rules except hash_seed; the digest does not include them") {
  const Rules usual;
  const std::vector<PresenceEvent> events = {connect("john", "phone", at(0)), says("jack", "hi", at(0))};
  const Snapshot s = folded(usual, events);
  Rules changed_rules[10];
  changed_rules[0].session_timeout = seconds(41);
  changed_rules[1].offline_grace = seconds(1);
  changed_rules[2].last_active_refresh = seconds(901);
  changed_rules[3].reorder_window = seconds(121);
  changed_rules[4].max_clock_skew = seconds(61);
  changed_rules[5].max_users = 9;
  changed_rules[6].max_sessions_per_user = 9;
  changed_rules[7].max_id_bytes = 9;
  changed_rules[8].max_status_bytes = 9;
  changed_rules[9].max_recent_per_user = 9;
  for (const Rules& rules : changed_rules) {
    CHECK(rules != usual);
    CHECK(folded(rules, events) != s);
    CHECK(Snapshot(rules) != Snapshot());
    CHECK(folded(rules, events).digest() == s.digest());
  }
  Rules seeded;
  seeded.hash_seed = 99;
  CHECK(seeded != usual);
  CHECK(folded(seeded, events) == s);
  CHECK(merge(folded(seeded, events), s) == s);
  CHECK(text(views(folded(seeded, events))) == text(views(s)));
}

TEST_CASE("operator== and the digest cover every register and now") {
  const std::vector<PresenceEvent> events = {connect("john", "phone", at(0)),
                                             heartbeat("john", "phone", at(1)),
                                             disconnect("john", "phone", at(2)),
                                             connect("john", "laptop", at(0)),
                                             says("john", "a", at(3)),
                                             invisibly("john", "phone", at(-5)),
                                             report("john", true, at(3)),
                                             report("john", false, at(4)),
                                             active(report("john", false, at(4)), at(1)),
                                             active(report("john", false, at(4)), at(2)),
                                             says("john", "b", at(3)),
                                             says("john", "b", at(4)),
                                             connect("Jo", "phone", at(0))};
  Snapshot s;
  std::vector<Snapshot> seen = {s};
  const auto add = [&](const Snapshot& next) {
    for (const Snapshot& other : seen) {
      CHECK(next != other);
      CHECK(next.digest() != other.digest());
    }
    seen.push_back(next);
  };
  for (const PresenceEvent& event : events) add(s = reduce(std::move(s), event));
  add(s = forget_reports(std::move(s)));
  add(s = reduce(std::move(s), at(5)));
  add(s = reduce(std::move(s), at(6)));
  add(reduce(Snapshot(), at(6)));
}

TEST_CASE("iterators are multi-pass: a copy continues from where it was made") {
  Snapshot s;
  for (std::size_t i = 0; i < 150; ++i) s = reduce(std::move(s), connect(user_id(i), "phone", at(0)));
  s = reduce(std::move(s), invisibly(user_id(149) + "a", "phone", at(0)));
  std::vector<std::string> ids;
  for (const UserView user : s) ids.emplace_back(user.id);
  REQUIRE(ids.size() == 150);
  auto it = s.begin();
  for (int i = 0; i < 70; ++i) ++it;
  auto copy = it;
  CHECK((*it).id == ids[70]);
  CHECK((*++it).id == ids[71]);
  CHECK((*copy++).id == ids[70]);
  CHECK(copy == it);
  CHECK(copy != s.begin());
  std::size_t left = 0;
  for (; copy != s.end(); ++copy) ++left;
  CHECK(left == 79);
  const Snapshot empty, timed = reduce(Snapshot(), at(0));
  CHECK(empty.begin() == empty.end());
  CHECK(timed.begin() == timed.end());
  CHECK(empty.empty());
  CHECK(Snapshot::const_iterator() == Snapshot::const_iterator());
}

TEST_CASE("an invisible user who was never seen is visible only to a viewer with their own id") {
  const Snapshot s = folded({invisibly("john", "phone", at(0)), connect("johnny", "phone", at(0))});
  CHECK(s.find("john", Viewer{"john"}) == sees_himself("john", true, at(0)));
  for (const Viewer viewer : {nobody, Viewer{""}, Viewer{"johnny"}, Viewer{"joh"}, Viewer{"John"}}) {
    CHECK_FALSE(s.find("john", viewer));
    CHECK_FALSE(s.view("john", viewer));
    CHECK_FALSE(s.online("john", viewer));
    CHECK(s.find("johnny", viewer) == seen_online("johnny", at(0)));
  }
  CHECK_FALSE(s.find("", Viewer{""}));
  CHECK_FALSE(s.inspect(""));
  CHECK_FALSE(Snapshot().find("john", Viewer{"john"}));
  CHECK_FALSE(folded({disconnect("john", "phone", at(0))}).find("john", Viewer{"john"}));
}
