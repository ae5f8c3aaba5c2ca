// expect: deleted
// SPDX-License-Identifier: MIT
#include <presence/model/event.hpp>

#include <string>
#include <utility>

using namespace presence;

bool attempt();
bool attempt() {
  const PresenceEventView events[] = {PresenceEvent::heartbeat("john", "phone", Timestamp())};
  return events[0].user.empty();
}
