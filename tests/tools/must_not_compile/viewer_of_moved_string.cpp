// expect: deleted
// SPDX-License-Identifier: MIT
#include <presence/model/user.hpp>

#include <string>
#include <utility>

using namespace presence;

bool attempt();
bool attempt() {
  std::string id = "john";
  Viewer viewer{std::move(id)};
  return viewer.id().empty();
}
