// SPDX-License-Identifier: MIT

// Snapshot::devices: the sessions that keep a user online.

#include "../rich.hpp"

#include <string>
#include <vector>

using namespace support;

namespace {

Rules showing(double grace = 0) {
  Rules rules = with_timeout(seconds(40));
  rules.show_devices = true;
  rules.offline_grace = seconds(grace);
  return rules;
}
/// "phone busy {on: "match"}, tv available {}"
std::string devices(const Snapshot& s, Viewer viewer = nobody, std::string_view id = "john") {
  std::string line;
  for (const Device& device : s.devices(id, viewer)) {
    line += (line.empty() ? "" : ", ") + device.session + " " + std::string(to_string(device.availability)) + " " +
            text(device.activity);
  }
  return line;
}
std::vector<PresenceEvent> two() {
  return {connect("john", "tv", at(0)), doing(being(connect("john", "phone", at(1)), Availability::busy), "match")};
}

}  // namespace

TEST_CASE("the devices are the live sessions, in the order of their ids") {
  CHECK(devices(folded(showing(), two())) == "phone busy {on: \"match\"}, tv available {}");
}

TEST_CASE("without show_devices there are none") {
  CHECK(folded(with_timeout(seconds(40)), two()).devices("john").empty());
  CHECK(folded(with_timeout(seconds(40)), two()).devices("john", self("john")).empty());
  CHECK(Snapshot().devices("john").empty());
}

TEST_CASE("an unknown or offline user has none") {
  Snapshot s = folded(showing(), two());
  CHECK(devices(s, nobody, "mary").empty());
  CHECK(devices(s, nobody, "").empty());
  s = reduce(std::move(s), disconnect("john", "tv", at(2)));
  CHECK(devices(s) == "phone busy {on: \"match\"}");
  CHECK(devices(reduce(s, at(41) - tick)) == "phone busy {on: \"match\"}");
  CHECK(devices(reduce(s, at(41))).empty());
}

TEST_CASE("a session in its grace is still a device") {
  Snapshot s = reduce(folded(showing(10), two()), disconnect("john", "phone", at(2)));
  CHECK(devices(s) == "phone busy {on: \"match\"}, tv available {}");
  CHECK(devices(reduce(s, at(12))) == "tv available {}");
}

TEST_CASE("an invisible user has devices only for themselves") {
  const Snapshot s = reduce(folded(showing(), two()), hides("john", at(2)));
  CHECK(devices(s).empty());
  CHECK(devices(s, self("mary")).empty());
  CHECK(devices(s, self("john")) == "phone busy {on: \"match\"}, tv available {}");
}

TEST_CASE("neither a choice nor a report is in the devices") {
  Snapshot s = folded(showing(), two());
  s = reduce(std::move(s), chooses("john", Availability::away, at(2)));
  s = reduce(std::move(s), doing(report("john", true, at(2)), "report"));
  CHECK(availability(s, "john") == Availability::away);
  CHECK(devices(s) == "phone busy {on: \"match\"}, tv available {}");
  CHECK(folded(showing(), {report("john", true, at(0))}).devices("john").empty());
}

TEST_CASE("a device is idle as its session is") {
  Rules rules = showing();
  rules.idle_after = seconds(10);
  Snapshot s = reduce(folded(rules, two()), at(10));
  CHECK(devices(s) == "phone busy {on: \"match\"}, tv idle {}");
}

TEST_CASE("what a session said in an earlier life is not in its device") {
  Snapshot s = folded(showing(), two());
  s = reduce(std::move(s), disconnect("john", "phone", at(2)));
  s = reduce(std::move(s), connect("john", "phone", at(3)));
  CHECK(devices(s) == "phone available {}, tv available {}");
}

TEST_CASE("one device more or less is no change") {
  Told t(showing());
  t.pass(at(0));
  t.fold(connect("john", "tv", at(0)));
  t.take();
  t.fold(heartbeat("john", "phone", at(0)));
  CHECK(t.s.devices("john").size() == 2);
  t.fold(disconnect("john", "phone", at(0)));
  t.fold(disconnect("john", "phone", at(1)));
  CHECK(t.s.devices("john").size() == 1);
  CHECK(t.take().empty());
}

TEST_CASE("a device owns its strings, and compares by all of them") {
  std::vector<Device> kept;
  {
    const Snapshot s = folded(showing(), two());
    kept = s.devices("john");
  }
  REQUIRE(kept.size() == 2);
  CHECK(kept[0].session == "phone");
  CHECK(kept[0].activity == fields({{"on", "match"}}));
  Device other = kept[0];
  CHECK(other == kept[0]);
  other.session = "x";
  CHECK(other != kept[0]);
  other = kept[0];
  other.availability = Availability::away;
  CHECK(other != kept[0]);
  other = kept[0];
  other.activity["x"] = 1;
  CHECK(other != kept[0]);
}
