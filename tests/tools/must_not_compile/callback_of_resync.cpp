// expect: a callback for changes must accept (const presence::UserPresenceChangedView&)
// within the first lines
// SPDX-License-Identifier: MIT
// A full list: the callback receives a change, not a user.
#include <presence/state.hpp>

using namespace presence;

void attempt(Snapshot& s, const PresenceEvent& event, Timestamp now);
void attempt(Snapshot& s, const PresenceEvent& event, Timestamp now) {
#if defined(CONTROL)
  const auto on_change = [](const UserPresenceChangedView&) {};
#else
  const auto on_change = [](const User&) {};
#endif
  resync(s, &event, &event + 1, now, on_change);
  static_cast<void>(event);
  static_cast<void>(now);
}
