// expect: specialize presence::Fields<T> to filter or sort objects of type T
// within the first lines
// SPDX-License-Identifier: MIT
// So does a compiled filter.
#include <presence/query.hpp>

#include <string>
#include <vector>

using namespace presence;

struct Player {
  std::string id;
};

#if defined(CONTROL)
template <>
struct presence::Fields<Player> {
  static constexpr auto list = fields(field("id", &Player::id));
};
#endif
bool attempt(const Player& player, const std::vector<Player>& players);
bool attempt(const Player& player, const std::vector<Player>& players) {
  static_cast<void>(player);
  static_cast<void>(players);
  return compile<Player>(Filter())(player);
}
