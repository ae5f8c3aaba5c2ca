// expect: the callback must take (const UserPresenceChanged&, const Viewers&)
// within the first lines
// SPDX-License-Identifier: MIT
// A delivery: the callback receives the viewers as well.
#include <presence/live.hpp>

using namespace presence;

void attempt(Store& store, const Snapshot& s);
void attempt(Store& store, const Snapshot& s) {
#if defined(CONTROL)
  const auto notify = [](const UserPresenceChanged&, const Viewers&) {};
#else
  const auto notify = [](const UserPresenceChanged&) {};
#endif
  const Subscription kept = store.on_delivery(notify);
  static_cast<void>(store);
  static_cast<void>(s);
}
