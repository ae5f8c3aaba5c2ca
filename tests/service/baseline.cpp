// SPDX-License-Identifier: MIT
// What measure.py compares the service with: the same work by the library alone, without sockets.
//
// usage: baseline SESSIONS WATCHERS CHANGES   prints {"connect_us":…,"notification_us":…,"change_us":…}
#include <presence/presence.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

using namespace presence;

namespace {

template <class Fn>
double microseconds(Fn&& fn) {
  const auto begin = std::chrono::steady_clock::now();
  fn();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

int main(int count, char** words) {
  if (count != 4) return 2;
  const int sessions = std::atoi(words[1]), watchers = std::atoi(words[2]), changes = std::atoi(words[3]);
  Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
  Store store;
  std::vector<std::shared_ptr<const std::string>> queue;
  const Subscription deliveries = store.on_delivery([&](const UserPresenceChanged& change, const Viewers& viewers) {
    const auto message = std::make_shared<const std::string>(to_json(change));
    for (const Viewer viewer : viewers) {
      if (!viewer.id().empty()) queue.push_back(message);
    }
  });
  const Subscription ends = store.on_session_ended([](const SessionEnded&) {});
  const double connects = microseconds([&] {
    for (int i = 0; i < sessions; ++i) {
      const std::string user = "user-" + std::to_string(i);
      store.dispatch(PresenceEvent::set_data(user, "name", Value("User " + user), now));
      store.dispatch(PresenceEvent::set_data(user, "role", Value("user"), now));
      store.dispatch(PresenceEvent::connect(user, "session-" + std::to_string(i), now));
      const std::string me = to_json(*store.find(user, Viewer(user)));
      queue.push_back(std::make_shared<const std::string>(me));
    }
  });
  const WatchChannel room{"messaging", "room", {"user-0"}, true};
  for (int i = 0; i < watchers; ++i) {
    const std::string user = "user-" + std::to_string(i), session = "session-" + std::to_string(i);
    if (!store.watch(room, Viewer(user, session))) return 1;
  }
  queue.clear();
  const double notifications = microseconds([&] {
    for (int i = 0; i < changes; ++i) {
      now += Duration::from_ms(1);
      store.dispatch(PresenceEvent::set_status("user-0", "change " + std::to_string(i), now));
    }
  });
  std::printf("{\"connect_us\":%.3f,\"notification_us\":%.4f,\"change_us\":%.3f,\"notifications\":%zu}\n",
              connects / sessions, notifications / static_cast<double>(queue.size()), notifications / changes,
              queue.size());
}
