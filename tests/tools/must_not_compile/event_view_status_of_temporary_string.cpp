// expect: deleted
// SPDX-License-Identifier: MIT
#include <presence/model/event.hpp>

#include <string>
#include <utility>

using namespace presence;

bool attempt();
bool attempt() {
  auto event = PresenceEventView::set_status("john", std::string("away"), Timestamp());
  return event.status->empty();
}
