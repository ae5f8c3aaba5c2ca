// SPDX-License-Identifier: MIT

// Uses each part of the library, in a function that says what went wrong first: 0 is nothing. The library is included
// before. Written without any name that a host's macros may take.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace embed {

struct Player {
  std::string id;
  int level;
  bool ready() const { return level > 3; }
};

}  // namespace embed

template <>
struct presence::Fields<embed::Player> {
  static constexpr auto list = fields(field("id", &embed::Player::id), field("level", &embed::Player::level),
                                      field("ready", &embed::Player::ready),
                                      field("veteran", [](const embed::Player& p) { return p.level > 9; }));
};

namespace embed {

using namespace presence;

inline Timestamp second(int s) { return Timestamp::from_ms(1000 * static_cast<std::int64_t>(s)); }

inline int use_snapshots() {
  Rules rules;
  rules.offline_grace = Duration::from_s(5);
  Snapshot s(rules);
  int told = 0;
  const auto count = [&told](const UserPresenceChangedView& change) { told += change.online_changed() ? 1 : 0; };
  for (int i = 0; i < 200; ++i)
    s = reduce(std::move(s), PresenceEvent::connect("user number " + std::to_string(i), "phone", second(i % 7)));
  PresenceEvent hello = PresenceEvent::connect("john", "laptop", second(8));
  hello.status = "a text that is too long to be kept inside of anything small";
  if (apply(s, hello, count) != Verdict::applied || told != 1) return 1;
  if (apply(s, PresenceEventView::heartbeat("john", "laptop", second(9)), count) != Verdict::applied) return 2;
  const Snapshot before = s;
  const std::vector<PresenceEvent> events = {PresenceEvent::disconnect("john", "laptop", second(10)),
                                             PresenceEvent::report("mary", true, second(10)),
                                             PresenceEvent::set_status("mary", "busy", second(11))};
  if (replay(s, events.begin(), events.end(), count).applied != 3) return 3;
  s = reduce(std::move(s), second(20));
  if (s.online("john") || before.size() != 201 || s.size() != 202 || !s.next_deadline()) return 4;
  std::size_t listed = 0;
  s.each_user_id([&listed](std::string_view) { ++listed; });
  s.each_session("", [&listed](std::string_view, std::string_view) { ++listed; });
  Snapshot ended = s;
  if (listed == 0 || disconnect_sessions(ended, "", *s.now(), count).refused() != 0) return 15;
  if (!s.find("john", Viewer{"john"}) || !s.inspect("john") || s.view("nobody there")) return 5;
  std::size_t changed = 0, seen = 0;
  diff(before, s, [&changed](const UserPresenceChangedView&) { ++changed; });
  for (const UserView user : s) seen += user.id.empty() ? 0u : 1u;
  if (changed == 0 || seen != s.size()) return 6;

  const Result<Snapshot> decoded = decode(encode(s), rules);
  if (!decoded || *decoded != s || decoded->digest() != s.digest()) return 7;
  Snapshot moved_on = before;
  if (apply_delta(moved_on, encode_delta(before, s), second(20)) || moved_on != s) return 8;
  if (!decode(encode_for(s, Viewer{"john"}), rules)) return 9;
  if (merge(before, s) != s) return 10;
  Snapshot carried = before;
  const auto carry = [&carried](const PresenceEventView& event) { return apply(carried, event); };
  const Result<Tally> carried_all = decode_events(encode_events(events.begin(), events.end()), carry);
  if (!carried_all || carried_all->accepted() != events.size() || !carried.online("mary")) return 14;

  Snapshot here = before, there = s;
  Result<std::string> message = sketch(here);
  bool is_there = true;
  for (int turn = 0; message && !message->empty() && turn < 9; ++turn) {
    message = reconcile(is_there ? there : here, *message, second(20));
    is_there = !is_there;
  }
  if (!message || here != there) return 11;
  std::vector<PresenceEvent> list;
  for (const User& user : query(s, UserQuery{})) list.push_back(PresenceEvent::report(user, second(20)));
  if (resync(s, list.begin(), list.end(), second(20), count).accepted() == 0) return 12;
  return forget_reports(s).size() == 0 ? 13 : 0;
}

inline int use_filters(const Snapshot& s) {
  const Result<Filter> parsed = parse_filter(R"({"$or":[{"online":true},{"id":{"$in":["john","mary"]}}]})");
  if (!parsed || !parse_filter(to_json(*parsed))) return 1;
  UserQuery asked;
  asked.filter = *parsed;
  asked.sort = {{"last_active", Order::descending}, {"id", Order::ascending}};
  if (query(s, asked).empty()) return 2;
  const std::vector<Player> players = {{"john", 3}, {"mary", 7}, {"zoe", 5}};
  Query best;
  best.filter = eq("ready", true) && !in("id", {"zoe"});
  best.sort = {{"veteran", Order::descending}, {"level", Order::descending}};
  const std::vector<const Player*> found = query(players, best);
  if (found.size() != 1 || found[0]->id != "mary") return 3;
  return compile<Player>(gt("level", 4.5))(players[2]) && autocomplete("id", "jo").error() == std::nullopt ? 0 : 4;
}

inline int use_json() {
  const Result<PresenceEvent> event = parse_event(
      R"({"type":"connect","user":"john","session":"phone","at":"2019-01-07T13:17:42.375Z","status":"hi"})");
  if (!event || !parse_event(to_json(*event))) return 1;
  const Snapshot s = reduce(Snapshot(), *event);
  if (!parse_user(to_json(*s.find("john")))) return 2;
  if (parse_user("{\"id\":").error().offset == 0) return 3;
  const Result<Channel> channel = parse_channel(R"({"type":"guild","id":"owls","members":["john"],"level":3,"home":{"floor":2}})");
  if (!channel || !parse_channel(to_json(*channel))) return 4;
  Attributes home;
  home["floor"] = 2;
  return matches(eq("home.floor", 2) && eq("home", Value::object(home)), *channel) ? 0 : 5;
}

inline int use_stores() {
  Store store;
  store.advance(second(0));
  const Viewer sam{"sam"};
  if (!store.watch(WatchChannel{"guild", "owls", {"john", "sam"}, true}, sam)) return 1;
  std::size_t told = 0, delivered = 0;
  {
    const Subscription changes = store.subscribe<UserPresenceChanged>(
        sam, [&told](const UserPresenceChanged& change) { told += change.id.size(); });
    const Subscription deliveries = store.on_delivery(
        [&delivered](const UserPresenceChanged&, const Viewers& viewers) { delivered += viewers.size(); });
    store.dispatch(PresenceEvent::connect("john", "phone", second(1)));
  }
  store.dispatch(PresenceEvent::disconnect("john", "phone", second(2)));
  if (store.disconnect_sessions("phone", second(2)) != Tally()) return 2;
  if (told != 4 || delivered != 1) return 2;
  UserQuery users;
  users.presence = true;
  if (store.query_users(users, sam).size() != 1) return 3;
  ChannelQuery channels;
  channels.filter = contains("members", "john");
  if (store.query_channels(channels, sam).size() != 1) return 4;
  store.unwatch(sam);
  store.connection_lost();
  return 0;
}

inline int use_all() {
  if (const int wrong = use_snapshots()) return wrong;
  const Snapshot s = reduce(Snapshot(), PresenceEvent::connect("john", "phone", second(1)));
  if (const int wrong = use_filters(s)) return 20 + wrong;
  if (const int wrong = use_json()) return 40 + wrong;
  if (const int wrong = use_stores()) return 60 + wrong;
  return to_string(*parse_timestamp("2019-01-07T13:17:42.375Z")) == "2019-01-07T13:17:42.375Z" ? 0 : 80;
}

}  // namespace embed
