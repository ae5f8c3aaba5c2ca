// expect: deleted
// SPDX-License-Identifier: MIT
#include <presence/model/user.hpp>

#include <string>
#include <utility>

using namespace presence;

User make_user() { return User{}; }

bool attempt();
bool attempt() {
  UserView user = make_user();
  return user.id.empty();
}
