// expect: deleted
// SPDX-License-Identifier: MIT
#include <presence/state/snapshot.hpp>

#include <string>
#include <utility>

using namespace presence;

bool attempt();
bool attempt() {
  Snapshot s;
  return s.online("john", Viewer(std::string("john") + "1"));
}
