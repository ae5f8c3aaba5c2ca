// expect: deleted
// SPDX-License-Identifier: MIT
#include <presence/model/event.hpp>

#include <string>
#include <utility>

using namespace presence;

bool attempt();
bool attempt() {
  auto event = PresenceEventView::connect(std::string("a") + "b", "phone", Timestamp());
  return event.user.empty();
}
