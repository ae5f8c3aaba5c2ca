// expect: a callback for changes must accept (const presence::UserPresenceChangedView&)
// within the first lines
// SPDX-License-Identifier: MIT
// Ending the sessions of a node: the callback receives a change, not a user.
#include <presence/state.hpp>

using namespace presence;

void attempt(Snapshot& s, const PresenceEvent& event, Timestamp now);
void attempt(Snapshot& s, const PresenceEvent& event, Timestamp now) {
#if defined(CONTROL)
  const auto on_change = [](const UserPresenceChangedView&) {};
#else
  const auto on_change = [](const User&) {};
#endif
  disconnect_sessions(s, "node-7/", now, on_change);
  static_cast<void>(event);
}
