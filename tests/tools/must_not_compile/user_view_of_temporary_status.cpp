// expect: deleted
// SPDX-License-Identifier: MIT
#include <presence/model/user.hpp>

#include <string>
#include <utility>

using namespace presence;

bool attempt();
bool attempt() {
  UserView user("john", true, std::string("here"), {}, false);
  return user.status.empty();
}
