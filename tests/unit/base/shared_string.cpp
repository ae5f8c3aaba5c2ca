// SPDX-License-Identifier: MIT
#include <presence/base/detail/shared_string.hpp>

#include "../telling.hpp"

using namespace support;
using detail::SharedString;

TEST_CASE("assigning to a SharedString leaves its copies unchanged") {
  Chance chance(41);
  const std::string letters = "There is a tide in the affairs of men, which, taken at the flood, leads on to fortune.";
  const auto some_text = [&] { return letters.substr(chance.below(20), chance.below(5) == 0 ? chance.below(3) : chance.below(60)); };
  SharedString text;
  std::vector<std::pair<SharedString, std::string>> copies;
  std::string expected;
  for (int i = 0; i < 20000; ++i) {
    if (chance.below(8) == 0) copies.emplace_back(text, expected);
    if (copies.size() > 5) copies.erase(copies.begin() + static_cast<std::ptrdiff_t>(chance.below(5)));
    expected = some_text();
    text.assign(expected);
    REQUIRE(text.view() == expected);
    REQUIRE(text == SharedString(expected));
    REQUIRE(SharedString(expected) == text);
    for (const auto& [copy, then] : copies) REQUIRE(copy.view() == then);
  }
}

TEST_CASE("a SharedString may be assigned a part of itself") {
  for (std::size_t from = 0; from < 60; ++from) {
    const std::string whole = "all the world's a stage, and all the men and women merely players";
    SharedString text(whole);
    text.assign(text.view().substr(from));
    CHECK(text.view() == whole.substr(from));
  }
}

TEST_CASE("a status may be set to a part of itself") {
  Snapshot s = folded({connect("john", "phone", at(0)), says("john", "a status that is kept elsewhere", at(0))});
  const auto part = PresenceEventView::set_status("john", s.view("john")->status.substr(2), at(1));
  s = reduce(std::move(s), part);
  CHECK(s.find("john")->status == "status that is kept elsewhere");
}
