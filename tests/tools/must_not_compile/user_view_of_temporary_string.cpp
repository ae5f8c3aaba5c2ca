// expect: deleted
// SPDX-License-Identifier: MIT
#include <presence/model/user.hpp>

#include <string>
#include <utility>

using namespace presence;

bool attempt();
bool attempt() {
  UserView user(std::to_string(7), true, "here", {}, false);
  return user.id.empty();
}
