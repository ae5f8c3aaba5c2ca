// A friend list in the main loop of a small game. Each frame some things happen, time passes, and when a friend's
// presence has changed the list is drawn again: who is online first, then who was active last.
#include <presence/presence.hpp>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace {

using namespace presence;

/// What a server of the game would send. One of them happens at each of these seconds.
struct Script {
  int second;
  const char* what;
  void (*happens)(Store&, Timestamp);
};

const Script script[] = {
    {0, "mary comes online",
     [](Store& store, Timestamp now) { store.dispatch(PresenceEvent::connect("mary", "console", now)); }},
    {1, "jack comes online, and says so",
     [](Store& store, Timestamp now) {
       PresenceEvent hello = PresenceEvent::connect("jack", "phone", now);
       hello.status = "Looking for a raid";
       store.dispatch(hello);
     }},
    {3, "zoe comes online invisibly",
     [](Store& store, Timestamp now) {
       PresenceEvent quietly = PresenceEvent::connect("zoe", "pc", now);
       quietly.invisible = true;
       store.dispatch(quietly);
     }},
    {5, "zoe sets a text all the same",
     [](Store& store, Timestamp now) { store.dispatch(PresenceEvent::set_status("zoe", "Not here", now)); }},
    {8, "liam joins the guild, and then comes online",
     [](Store& store, Timestamp now) {
       Channel guild = *store.find_channel("guild:owls");
       guild.members.emplace_back("liam");
       store.put(guild);
       store.dispatch(PresenceEvent::connect("liam", "phone", now));
     }},
    {20, "mary's console is still there",
     [](Store& store, Timestamp now) { store.dispatch(PresenceEvent::heartbeat("mary", "console", now)); }},
    {25, "liam reconnects within a frame",
     [](Store& store, Timestamp now) {
       store.dispatch(PresenceEvent::disconnect("liam", "phone", now));
       store.dispatch(PresenceEvent::connect("liam", "phone", now));
     }},
    {44, "zoe shows herself",
     [](Store& store, Timestamp now) {
       PresenceEvent openly = PresenceEvent::connect("zoe", "pc", now);
       openly.invisible = false;
       store.dispatch(openly);
     }},
};

void draw(const Snapshot& presence, const std::vector<std::string>& members, Viewer me) {
  UserQuery friends;
  friends.filter = in("id", members);
  friends.sort = {{"online", Order::descending}, {"last_active", Order::descending}};
  query(presence, friends, me, [&](const UserView& user) {
    std::printf("    %s %-5.*s %.*s\n", user.online ? "o" : ".", static_cast<int>(user.id.size()), user.id.data(),
                static_cast<int>(user.status.size()), user.status.data());
  });
}

}  // namespace

int main() {
  const Timestamp start = *parse_timestamp("2019-01-07T13:00:00Z");
  const Viewer me{"sam"};

  Store store;
  store.advance(start);
  const WatchChannel guild{"guild", "owls", {"mary", "jack", "zoe", "sam"}, true};
  if (!store.watch(guild, me)) return 1;

  bool is_stale = true;
  const Subscription changes =
      store.subscribe<UserPresenceChanged>(me, [&is_stale, start](const UserPresenceChanged& change) {
        const bool online = change.after && change.after->online;
        std::printf("  %2d s: %s is %s%s\n", static_cast<int>((change.at - start).s()), change.id.c_str(),
                    online ? "online" : "offline", change.status_changed() ? ", with a new text" : "");
        is_stale = true;
      });

  // Ten frames a second, for a minute.
  constexpr int frames = 600;
  std::size_t next = 0;
  for (int frame = 0; frame <= frames; ++frame) {
    const Timestamp now = start + Duration::from_ms(100 * frame);
    store.advance(now);
    for (; next < sizeof(script) / sizeof(*script) && start + Duration::from_s(script[next].second) <= now; ++next) {
      std::printf("%2d s: %s\n", script[next].second, script[next].what);
      script[next].happens(store, now);
    }
    if (!is_stale) continue;
    is_stale = false;
    draw(store.snapshot(), store.find_channel("guild:owls")->members, me);
  }
  return 0;
}
