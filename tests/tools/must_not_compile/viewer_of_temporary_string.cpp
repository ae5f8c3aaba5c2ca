// expect: deleted
// SPDX-License-Identifier: MIT
#include <presence/model/user.hpp>

#include <string>
#include <utility>

using namespace presence;

bool attempt();
bool attempt() {
  Viewer viewer(std::to_string(7));
  return viewer.id().empty();
}
