// expect: a callback for users must accept (const presence::UserView&)
// within the first lines
// SPDX-License-Identifier: MIT
// A query: the callback receives users, not changes.
#include <presence/live.hpp>

using namespace presence;

void attempt(Store& store, const Snapshot& s);
void attempt(Store& store, const Snapshot& s) {
#if defined(CONTROL)
  const auto on_user = [](const UserView&) {};
#else
  const auto on_user = [](const UserPresenceChangedView&) {};
#endif
  query(s, UserQuery(), nobody, on_user);
  static_cast<void>(store);
  static_cast<void>(s);
}
