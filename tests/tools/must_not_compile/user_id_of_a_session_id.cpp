// expect: no matching function | no matching conversion | ambiguous
// SPDX-License-Identifier: MIT
// No id becomes one of the other type.
#include <presence/model/ids.hpp>

using namespace presence;

UserId attempt(const SessionId& session);
UserId attempt(const SessionId& session) {
#if defined(CONTROL)
  return UserId(session.view());
#else
  return UserId(session);
#endif
}
