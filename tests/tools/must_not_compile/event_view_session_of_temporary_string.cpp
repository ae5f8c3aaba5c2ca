// expect: deleted
// SPDX-License-Identifier: MIT
#include <presence/model/event.hpp>

#include <string>
#include <utility>

using namespace presence;

bool attempt();
bool attempt() {
  auto event = PresenceEventView::heartbeat("john", std::to_string(7), Timestamp());
  return event.session.empty();
}
