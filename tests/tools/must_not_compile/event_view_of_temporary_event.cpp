// expect: deleted
// SPDX-License-Identifier: MIT
#include <presence/model/event.hpp>

#include <string>
#include <utility>

using namespace presence;

bool attempt();
bool attempt() {
  PresenceEventView event = PresenceEvent::connect("john", "phone", Timestamp());
  return event.user.empty();
}
