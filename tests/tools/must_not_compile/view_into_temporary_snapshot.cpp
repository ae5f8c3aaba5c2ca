// expect: deleted
// SPDX-License-Identifier: MIT
#include <presence/state/reduce.hpp>

#include <string>
#include <utility>

using namespace presence;

bool attempt();
bool attempt() {
  Snapshot s;
  return reduce(s, PresenceEvent::connect("x", "phone", Timestamp())).view("x")->online;
}
