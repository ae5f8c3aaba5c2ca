// SPDX-License-Identifier: MIT

// The field "availability" of a user, in filters and sorts.

#include "../support.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace support;

namespace {

User user(bool online, Availability availability) { return User{"kim", online, "", std::nullopt, false, availability}; }

PresenceEvent connect_as(std::string id, Availability availability, Timestamp when) {
  PresenceEvent event = connect(std::move(id), "phone", when);
  event.availability = availability;
  return event;
}

/// The ids of a page, in its order.
std::string found(const Snapshot& s, const Filter& filter, std::vector<SortKey> sort = {}, Viewer viewer = nobody) {
  UserQuery asked;
  asked.filter = filter;
  asked.sort = std::move(sort);
  asked.limit = static_cast<std::size_t>(-1);
  std::string ids;
  for (const User& one : query(s, asked, viewer)) ids += (ids.empty() ? "" : " ") + one.id;
  return ids;
}

/// Two users are away, and of each other availability there is one. "hidden" and "gone" are busy in what they say.
Snapshot crowd() {
  Snapshot s;
  const auto fold = [&s](const PresenceEvent& event) { s = reduce(std::move(s), event); };
  fold(connect_as("a-away", Availability::away, at(0)));
  fold(connect_as("b-busy", Availability::busy, at(0)));
  fold(connect_as("c-idle", Availability::idle, at(0)));
  fold(connect("d-available", "phone", at(0)));
  fold(connect_as("e-away", Availability::away, at(0)));
  fold(connect_as("gone", Availability::busy, at(0)));
  fold(disconnect("gone", "phone", at(1)));
  fold(connect_as("hidden", Availability::busy, at(0)));
  fold(hides("hidden", at(1)));
  return s;
}

const std::vector<std::string> words = {"offline", "idle", "away", "busy", "available"};

}  // namespace

TEST_CASE("the field is the name of the availability as it is shown") {
  for (const Availability availability :
       {Availability::offline, Availability::idle, Availability::away, Availability::busy, Availability::available}) {
    for (const bool online : {true, false}) {
      const User one = user(online, availability);
      std::string shown = "offline";
      if (online) shown = availability == Availability::offline ? "available" : std::string(to_string(availability));
      for (const std::string& word : words) {
        const Filter is_it = eq("availability", word);
        CHECK(matches(is_it, one) == (word == shown));
        CHECK(matches(is_it, UserView(one)) == (word == shown));
        CHECK(compile<User>(is_it)(one) == (word == shown));
        CHECK(compile<UserView>(is_it)(UserView(one)) == (word == shown));
        CHECK(matches(ne("availability", word), one) == (word != shown));
        CHECK(compile<UserView>(ne("availability", word))(UserView(one)) == (word != shown));
      }
      CHECK(matches(exists("availability", true), one));
      CHECK_FALSE(matches(eq("availability", nullptr), one));
    }
  }
}

TEST_CASE("a filter finds the users with an availability") {
  const Snapshot s = crowd();
  CHECK(found(s, eq("availability", "away")) == "a-away e-away");
  CHECK(found(s, eq("availability", "busy")) == "b-busy");
  CHECK(found(s, eq("availability", "idle")) == "c-idle");
  CHECK(found(s, eq("availability", "available")) == "d-available");
  CHECK(found(s, eq("availability", "offline")) == "gone hidden");
  CHECK(found(s, in("availability", {"idle", "busy", "none"})) == "b-busy c-idle");
  CHECK(found(s, nin("availability", {"away", "offline"})) == "b-busy c-idle d-available");
  CHECK(found(s, ne("availability", "offline")) == found(s, eq("online", true)));
  CHECK(found(s, autocomplete("availability", "av")) == "d-available");
  CHECK(found(s, *parse_filter(R"({"availability":{"$in":["away","busy"]},"id":{"$ne":"e-away"}})")) ==
        "a-away b-busy");
  CHECK(found(s, eq("availability", "Away")) == "");
  CHECK(found(s, eq("availability", 2)) == "");
  const Snapshot later = reduce(s, at(41));
  CHECK(found(later, eq("availability", "offline")) == found(later, Filter()));
}

TEST_CASE("a sort orders by the name of the availability, and then by id") {
  const Snapshot s = crowd();
  CHECK(found(s, Filter(), {{"availability", Order::ascending}}) ==
        "d-available a-away e-away b-busy c-idle gone hidden");
  CHECK(found(s, Filter(), {{"availability", Order::descending}, {"id", Order::descending}}) ==
        "hidden gone c-idle b-busy e-away a-away d-available");
  CHECK(found(s, Filter(), {{"online", Order::descending}, {"availability", Order::ascending}}) ==
        "d-available a-away e-away b-busy c-idle gone hidden");
}

TEST_CASE("a test or a sort key of the field can be answered, with a string only") {
  for (const std::string& word : words) CHECK_FALSE(validate(eq("availability", word), Fields<User>{}));
  CHECK_FALSE(validate(UserQuery{in("availability", {"away", "busy"}), {{"availability", Order::ascending}}}));
  CHECK(validate(eq("availability", 2), Fields<User>{})->field == "availability");
  CHECK(validate(gt("availability", 2), Fields<UserView>{})->field == "availability");
  CHECK(validate(contains("availability", "away"), Fields<User>{})->field == "availability");
}

TEST_CASE("nothing about an invisible user can be found out by filtering or sorting") {
  // The two snapshots differ only in what one invisible user says.
  for (const Availability said : {Availability::idle, Availability::away, Availability::busy}) {
    Snapshot quiet, speaking;
    for (Snapshot* const s : {&quiet, &speaking}) {
      *s = reduce(std::move(*s), connect_as("a", Availability::away, at(0)));
      *s = reduce(std::move(*s), connect("hidden", "phone", at(0)));
      *s = reduce(std::move(*s), hides("hidden", at(1)));
      *s = reduce(std::move(*s), invisibly("unknown", "phone", at(1)));
    }
    for (const char* const id : {"hidden", "unknown"}) {
      PresenceEvent event = PresenceEvent::update(id, "phone", at(2));
      event.availability = said;
      speaking = reduce(std::move(speaking), event);
      speaking = reduce(std::move(speaking), PresenceEvent::set_availability(id, said, at(3)));
    }
    for (const std::string& word : words) {
      CHECK(found(speaking, eq("availability", word)) == found(quiet, eq("availability", word)));
      CHECK(found(speaking, ne("availability", word)) == found(quiet, ne("availability", word)));
      CHECK(found(speaking, eq("availability", word), {}, self("a")) ==
            found(quiet, eq("availability", word), {}, self("a")));
    }
    for (const Order order : {Order::ascending, Order::descending})
      CHECK(found(speaking, Filter(), {{"availability", order}}) == found(quiet, Filter(), {{"availability", order}}));
    CHECK(found(speaking, eq("availability", "offline")) == "hidden");
    const std::string word(to_string(said));
    for (const std::string id : {"hidden", "unknown"}) {
      // They see themselves as they are.
      const Filter is_it = eq("availability", word) && ne("id", "a");
      CHECK(found(speaking, is_it, {}, self(id)) == id);
      CHECK(found(quiet, is_it, {}, self(id)) == "");
    }
  }
}

TEST_CASE("a filter sees the user's own choice, and its end") {
  Snapshot s = reduce(Snapshot(), connect_as("kim", Availability::away, at(0)));
  PresenceEvent choice = PresenceEvent::set_availability("kim", Availability::busy, at(1));
  choice.until = at(5);
  s = reduce(std::move(s), choice);
  CHECK(found(s, eq("availability", "busy")) == "kim");
  s = reduce(std::move(s), at(5));
  CHECK(found(s, eq("availability", "busy")) == "");
  CHECK(found(s, eq("availability", "away")) == "kim");
}
