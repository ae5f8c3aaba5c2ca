// The presence of a chat server: a Store decides which socket is sent what. Clock, network and disk are simulated, and
// what the clients are sent is printed. friends.cpp is a client of such a server.
#include <presence/presence.hpp>

#include <algorithm>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace presence;

struct Socket {
  bool is_dropped = false;         // the client is gone, but nothing has closed the socket
  std::vector<std::string> lines;  // to be sent
  Subscription started, stopped;   // end with the socket
};

/// What a server reads when it starts. Watches are not in it: the clients that come back watch again.
struct Disk {
  std::string snapshot, channels;
};

class Server {
  using Ids = std::pair<std::string, std::string>;

 public:
  Server(const Disk& disk, Timestamp now) : now_(now), store_(decode(disk.snapshot, Rules()).value_or(Snapshot())) {
    store_.resume(now, Duration::from_s(60));  // who was online gets a minute to return, and nobody is shown offline
    if (parse_channels(disk.channels, [this](Channel&& one) { put(std::move(one)); })) std::cout << "no channels\n";
    changes_ = store_.on_delivery([this](const UserPresenceChanged& change, const Viewers& viewers) {
      const std::string line = to_json(change);  // once, for any number of viewers
      for (const Viewer viewer : viewers) send(viewer, line);
    });
    ends_ = store_.on_session_ended([this](const SessionEnded& ended) {
      if (sockets_.erase({ended.user, ended.session})) say() << ended.user << "'s socket is closed\n";
    });
  }

  void connect(Viewer who, std::optional<bool> invisible = {}, std::optional<std::string> status = {}) {
    auto& [ids, socket] = *sockets_.try_emplace(ids_of(who)).first;
    const Viewer self(ids.first, ids.second);  // borrows the ids, which live as long as the socket
    socket.started = send_watching<WatchingStarted>(self, "user.watching.start");
    socket.stopped = send_watching<WatchingStopped>(self, "user.watching.stop");
    PresenceEvent hello = PresenceEvent::connect(ids.first, ids.second, now_);  // dated by the server
    hello.invisible = invisible;
    hello.status = std::move(status);
    say() << ids.first << " connects: " << to_string(store_.dispatch(hello).verdict) << '\n';
    // The first line has the server's time: what is sent later is dated after it, whatever the client's clock says.
    const std::string me = to_json(store_.find(ids.first, self).value_or(User()));
    send(self, R"({"type":"health.check","created_at":")" + to_string(now_) + R"(","me":)" + me + "}");
  }
  void disconnect(Viewer who) { store_.dispatch(PresenceEventView::disconnect(who.id(), who.session(), now_)); }
  /// Takes what a client says, dated by the server.
  void take(PresenceEvent event) {
    event.at = now_;
    const auto verdict = store_.dispatch(event).verdict;
    say() << event.user << " sends " << to_string(event.type) << ": " << to_string(verdict) << '\n';
  }
  void drop(Viewer who) { sockets_.at(ids_of(who)).is_dropped = true; }
  void query_channels(Viewer who, std::string_view body) {
    const Result<ChannelQuery> asked = parse_channel_query(body);
    send(who, asked ? list("channels", store_.query_channels(*asked, who)) : refusal(asked.error()));
  }
  void query_users(Viewer who, std::string_view body) {
    const Result<UserQuery> asked = parse_user_query(body);
    send(who, asked ? list("users", store_.query_users(*asked, who)) : refusal(asked.error()));
  }
  void watch_lobby(Viewer who) {
    store_.advance(now_);  // the others are sent the time of the store
    const Result<Channel> lobby = store_.watch(WatchChannel{"lobby", "eu", {}, true}, who);
    send(who, lobby ? list("watchers", store_.watchers("lobby:eu", who)) : refusal(lobby.error()));
    say() << who.id() << " counts " << store_.watcher_count("lobby:eu", who) << " in the lobby\n";
  }
  void put(Channel channel) {
    if (store_.put(std::move(channel))) std::cout << "not a channel\n";
  }
  Disk save() { return {encode(store_.snapshot()), list("channels", store_.query_channels(ChannelQuery(), nobody))}; }
  /// The loop: sleeps until a client's heartbeat or the store's next wakeup, whichever comes first.
  void run_for(int seconds) {
    send_all();
    for (const Timestamp end = now_ + Duration::from_s(seconds); now_ < end; send_all()) {
      const Timestamp beat = Timestamp::from_s(now_.s() / 15 * 15 + 15), wakeup = store_.next_wakeup().value_or(end);
      now_ = std::max(now_, std::min({beat, wakeup, end}));  // a wakeup may have passed during a restart
      if (wakeup <= now_) store_.advance(now_);
      for (const auto& [ids, socket] : sockets_)
        if (now_ == beat && !socket.is_dropped) store_.dispatch(PresenceEvent::heartbeat(ids.first, ids.second, now_));
    }
  }

 private:
  template <class Watching>
  Subscription send_watching(Viewer to, std::string type) {
    return store_.subscribe<Watching>(to, [this, to, type](const Watching& watching) {
      std::string line = R"({"type":")" + type + R"(","created_at":")" + to_string(watching.at) + R"(","cid":)";
      append_json(line, Value(watching.cid));
      if (const auto user = store_.find(watching.user, to)) append_json(line += R"(,"user":)", *user);
      send(to, line + R"(,"watcher_count":)" + std::to_string(watching.watcher_count) + "}");
    });
  }
  template <class Element>
  static std::string list(const std::string& name, const std::vector<Element>& elements) {
    std::string json = "{\"" + name + "\":[";
    for (const Element& element : elements) append_json(&element == &elements[0] ? json : json += ',', element);
    return json + "]}";
  }
  static std::string refusal(const Error& error) {
    const std::string offset = std::to_string(error.offset);
    return R"({"code":400,"reason":")" + std::string(to_string(error.code)) + R"(","offset":)" + offset + "}";
  }
  static Ids ids_of(Viewer who) { return {std::string(who.id()), std::string(who.session())}; }
  void send(Viewer to, const std::string& line) { sockets_.at(ids_of(to)).lines.push_back(line); }
  void send_all() {
    // The members of the lobby are its watchers. They change after the delivery: only a user who is still a member is
    // followed when the others are to be notified that the user went offline.
    Channel lobby{"lobby", "eu", {}, {}};
    for (User& user : store_.watchers(lobby.cid())) lobby.members.push_back(std::move(user.id));
    put(std::move(lobby));
    for (auto& [ids, socket] : sockets_)
      for (const std::string& line : std::exchange(socket.lines, {}))
        if (!socket.is_dropped) say() << ids.first << " <- " << line << '\n';
  }
  std::ostream& say() const { return std::cout << to_string(now_).substr(11, 8) << ' '; }
  Timestamp now_;
  Store store_;
  std::map<Ids, Socket> sockets_;
  Subscription changes_, ends_;
};

int main() {
  const Viewer john("john", "laptop"), jack("jack", "phone"), ann("ann", "phone"), mary("mary", "tv");
  const Timestamp start = *parse_timestamp("2019-01-07T13:00:00Z");
  Disk disk{"", R"([{"cid":"messaging:dev","members":["john","jack"]}])"};
  {
    Server server(disk, start);
    server.connect(john, {}, "In a review");
    server.connect(ann, true, "Not here");
    server.connect(jack);
    server.query_channels(jack, R"({"filter_conditions":{"members":{"$in":["jack"]}},"limit":10,"presence":true})");
    server.query_users(jack, R"({"filter_conditions":{"id":{"$in":["john","ann","mary"]}},"sort":{"id":1}})");
    server.query_users(jack, R"({"filter_conditions":{"id":{"$above":5}}})");
    server.run_for(5);
    server.take(PresenceEvent::set_data("john", "name", "John", {}));
    server.take(PresenceEvent::set_data("john", "image", "https://example.org/john.png", {}));
    PresenceEvent busy = PresenceEvent::set_availability("john", Availability::busy, {});
    busy.until = start + Duration::from_s(30);  // then it ends by itself
    server.take(busy);
    PresenceEvent away = PresenceEvent::update("john", "laptop", {});
    away.availability = Availability::away;  // not seen before the busy ends
    away.activity.emplace()["review"] = "parsers";
    server.take(away);
    server.put({"messaging", "dev", {"john", "jack", "mary"}, {}});  // jack follows the members, and so mary
    server.connect(mary);
    for (const Viewer who : {john, ann, jack}) server.watch_lobby(who);  // ann is invisible: only ann counts ann
    server.run_for(15);
    server.drop(jack);  // silence: the session times out 40 s after its last heartbeat
    server.run_for(40);
    server.connect(ann, false);  // visible again
    server.run_for(5);
    for (const Viewer who : {john, ann, mary}) server.disconnect(who);
    server.run_for(300);  // nobody is there, so the store is not advanced; nobody is too early after that
    for (const Viewer who : {john, mary, ann}) server.connect(who);
    server.run_for(10);
    disk = server.save();
  }
  std::cout << "restart\n";
  Server server(disk, start + Duration::from_s(465));  // 90 s later: longer than sessions may be silent
  for (const Viewer who : {john, mary}) {
    server.connect(who);
    server.query_users(who, R"({"filter_conditions":{"online":true},"sort":{"id":1},"presence":true})");
  }
  server.run_for(90);  // only ann, who does not come back, changes
}
