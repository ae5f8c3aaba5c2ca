// expect: deleted
// SPDX-License-Identifier: MIT
#include <presence/model/event.hpp>

#include <string>
#include <utility>

using namespace presence;

bool attempt();
bool attempt() {
  PresenceEvent event;
  const PresenceEventView view(std::move(event));
  return view.user.empty();
}
