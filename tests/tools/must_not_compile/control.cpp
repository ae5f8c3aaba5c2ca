// SPDX-License-Identifier: MIT
// What must compile: the same with strings and objects that live long enough.
#include <presence/presence.hpp>

#include <iterator>
#include <string>
#include <utility>

using namespace presence;

struct HostString {
  std::string text;
  operator std::string_view() const { return text; }
};

User make_user() { return User{}; }

bool attempt();
bool attempt() {
  std::string id = "john";
  const std::string constant = "john";
  const HostString host{"john"};
  const std::string_view view = id;
  const Viewer viewers[] = {Viewer(id),
                            Viewer(constant),
                            Viewer(host),
                            Viewer(view),
                            Viewer("john"),
                            Viewer{""},
                            Viewer(std::string_view(id)),
                            nobody};
  const Timestamp now = Timestamp::from_ms(1);
  const auto no_callback = [](const UserPresenceChangedView&) {};

  // Temporary events live as long as the call.
  Snapshot s;
  apply(s, PresenceEvent::connect("a", "b", now), no_callback);
  apply(s, PresenceEvent(PresenceEventView::connect("a", "b", now)), no_callback);
  replay(s, PresenceEvent::connect("a", "b", now), no_callback);
  replay(s, PresenceEvent::connect("a", "b", now));
  s = reduce(s, PresenceEvent::connect("a", "b", now));
  s = reduce(std::move(s), PresenceEventView::connect("a", id, now));
  apply(s, PresenceEventView::report(UserView(id, true, constant, {}, false), now), no_callback);
  Store store;
  store.dispatch(PresenceEvent::connect("a", "b", now));
  store.dispatch(PresenceEventView::connect(host, "b", now));
  store.dispatch({});
  store.dispatch({PresenceEvent::connect("a", "b", now)});
  const PresenceEvent event = PresenceEvent::connect("a", "b", now);
  const PresenceEventView borrowed = event;
  store.dispatch(event);
  store.dispatch(borrowed);
  store.dispatch({event});
  PresenceEvent list[] = {event, event};
  apply(s, std::make_move_iterator(list), std::make_move_iterator(list + 2));
  replay(s, std::make_move_iterator(list), std::make_move_iterator(list + 2), no_callback);
  resync(s, std::make_move_iterator(list), std::make_move_iterator(list + 2), now);
  store.dispatch(std::make_move_iterator(list), std::make_move_iterator(list + 2));
  to_json(PresenceEvent::connect("a", "b", now));
  bool same = borrowed == PresenceEvent::connect("a", "b", now) && PresenceEvent::connect("a", "b", now) != borrowed;

  const User user = make_user();
  const UserView seen = user;
  for (const UserView& each : reduce(s, now)) same = same && each.online;  // the loop keeps the snapshot
  const Rules& rules = reduce(s, now).rules();                             // a copy
  const Watches& watches = Store().watches();                              // a copy
  const Channel* const channel = store.find_channel("match:eu");
  const UserView none({}, false, {}, {}, false), hosts(host, true, host, {}, false);
  return same && seen.online && none.online && hosts.online && channel != nullptr && watches.is_watched("a") &&
         rules.max_users == 0 && viewers[0].id().empty() && s.begin() == s.end();
}
