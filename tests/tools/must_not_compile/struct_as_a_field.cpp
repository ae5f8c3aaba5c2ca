// expect: a field must be a bool, a number, a string, a Timestamp
// within the first lines
// SPDX-License-Identifier: MIT
// A struct is no value.
#include <presence/query.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

using namespace presence;

struct Place {
  int x, y;
};
struct Player {
  std::string id;
#if defined(CONTROL)
  std::vector<int> items;
#else
  Place items;
#endif
};
template <>
struct presence::Fields<Player> {
  static constexpr auto list = fields(field("id", &Player::id), field("items", &Player::items));
};

bool attempt(const Player& player);
bool attempt(const Player& player) { return matches(eq("items", 7), player); }
