// expect: the callback must take a const Event&
// within the first lines
// SPDX-License-Identifier: MIT
// A subscription: the callback receives the event that is subscribed to.
#include <presence/live.hpp>

using namespace presence;

void attempt(Store& store, const Snapshot& s);
void attempt(Store& store, const Snapshot& s) {
#if defined(CONTROL)
  const auto notify = [](const WatchingStarted&) {};
#else
  const auto notify = [](const UserPresenceChanged&) {};
#endif
  const Subscription kept = store.subscribe<WatchingStarted>(nobody, notify);
  static_cast<void>(store);
  static_cast<void>(s);
}
