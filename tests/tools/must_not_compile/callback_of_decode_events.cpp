// expect: a callback for events must accept (const presence::PresenceEventView&)
// within the first lines
// SPDX-License-Identifier: MIT
// A batch of events: the callback receives an event that borrows, not one that it may change.
#include <presence/binary.hpp>

#include <string_view>

using namespace presence;

bool attempt(std::string_view batch);
bool attempt(std::string_view batch) {
#if defined(CONTROL)
  const auto on_event = [](const PresenceEventView&) {};
#else
  const auto on_event = [](PresenceEventView&) {};
#endif
  return decode_events(batch, on_event).has_value();
}
