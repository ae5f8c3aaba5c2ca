// expect: deleted
// SPDX-License-Identifier: MIT
#include <presence/model/user.hpp>

#include <string>
#include <utility>

using namespace presence;

struct HostString {
  std::string text;
  operator std::string_view() const { return text; }
};

bool attempt();
bool attempt() {
  Viewer viewer(HostString{"john"});
  return viewer.id().empty();
}
