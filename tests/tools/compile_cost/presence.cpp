// SPDX-License-Identifier: MIT

// A store behind a JSON interface: events and queries come in, changes and pages go out.
#include <presence/presence.hpp>

#include <cstdio>
#include <string>

int main(int count, char** arguments) {
  using namespace presence;
  Store store;
  const Subscription changes = store.subscribe<UserPresenceChanged>(
      Viewer("jack"), [](const UserPresenceChanged& change) { std::puts(to_json(change).c_str()); });
  if (!store.watch(WatchChannel{"messaging", "lobby", {"john"}, true}, Viewer("jack"))) return 1;
  for (int i = 1; i + 1 < count; ++i) {
    const Result<PresenceEvent> event = parse_event(arguments[i]);
    if (!event || !accepted(store.dispatch(*event))) return 1;
  }
  const Result<Filter> filter = parse_filter(count > 1 ? arguments[count - 1] : "{}");
  if (!filter) return 1;
  UserQuery query;
  query.filter = *filter;
  for (const User& user : store.query_users(query, Viewer("jack"))) std::puts(to_json(user).c_str());
}
