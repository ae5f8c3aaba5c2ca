// expect: deleted
// SPDX-License-Identifier: MIT
#include <presence/model/event.hpp>
#include <presence/state/snapshot.hpp>

#include <string>
#include <utility>

using namespace presence;

bool attempt();
bool attempt() {
  Snapshot s;
  auto event = PresenceEventView::report(*s.find("john"), Timestamp());
  return event.user.empty();
}
