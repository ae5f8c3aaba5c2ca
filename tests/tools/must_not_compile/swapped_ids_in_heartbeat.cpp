// expect: deleted
// within the first lines
// SPDX-License-Identifier: MIT
// The id of a session in the place of the id of a user.
#include <presence/model/event.hpp>

using namespace presence;

std::string attempt(const UserId& user, const SessionId& session, Timestamp now);
std::string attempt(const UserId& user, const SessionId& session, Timestamp now) {
#if defined(CONTROL)
  return std::string(PresenceEvent::heartbeat(user, session, now).user);
#else
  return std::string(PresenceEvent::heartbeat(session, user, now).user);
#endif
}
