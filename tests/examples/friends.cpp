// The friend list of a game, which mirrors a server from its JSON alone. The server is as small as can be: server.cpp
// is a whole one. The game's clock is five minutes fast, and need not be right: the server's lines are ordered by the
// server's time, and the server says when a busy ends and when a friend becomes idle.
#include <presence/presence.hpp>

#include <cstdio>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace presence;

class FriendList {
 public:
  FriendList(const char* me, std::vector<std::string> friends) : me_(me), friends_(std::move(friends)) {
    DeliveryOptions options;
    options.coalesce = Duration::from_s(2);  // a friend who comes and goes within 2 s is one line, or none
    const auto on_change = [this](const UserPresenceChanged& change) {
      if (change.online_changed())
        std::printf("      %s %s\n", change.id.c_str(), change.after && change.after->online ? "comes" : "goes");
      is_stale_ = true;
    };
    changes_ = store_.subscribe<UserPresenceChanged>(me_, on_change, options);
  }
  /// Takes what the server sends over the socket.
  void receive(std::string_view json, Timestamp now) {
    const Result<PresenceEvent> event = parse_event(json);
    if (event) {
      store_.dispatch(*event, now);
    } else if (event.error().code != ErrorCode::not_presence) {  // else it is for other parts of the game
      std::printf("      byte %zu: %s\n", event.error().offset, event.error().message);
    }
  }
  /// Takes the server's answer to the query for the friends, made after each start of a connection. It has no time of
  /// the server, and counts as just after the latest line. The first line, health.check, makes sure that there is one.
  void receive_list(std::string_view json, Timestamp now) {
    std::vector<PresenceEvent> list;
    const auto error = parse_users(json, [&](const User& user) { list.push_back(PresenceEvent::report(user, now)); });
    if (error) return static_cast<void>(std::printf("      byte %zu: %s\n", error->offset, error->message));
    store_.watch_users(me_, friends_);  // a friend may be unknown to the server yet
    store_.resync(list.begin(), list.end());
  }
  void lose_connection() { store_.connection_lost(); }

  /// Once a frame. Draws only what has changed.
  void draw(Timestamp now) {
    store_.advance(now);
    if (!std::exchange(is_stale_, false)) return;
    UserQuery friends;
    friends.filter = in("id", friends_);
    friends.sort = {{"online", Order::descending}};
    for (const User& user : store_.query_users(friends, me_)) std::printf("        %s\n", row(user).c_str());
  }

 private:
  /// "Ann, away, in a match 2/4 on desktop"
  static std::string row(const UserView& user) {
    std::string row = text(user.data.find("name"), user.id) + ", " + std::string(to_string(user.availability));
    const std::string match = text(user.activity.find("match"));  // only of a friend who is online and visible
    if (!match.empty()) row += ", in a match " + match + " on " + text(user.activity.find("device"), "some device");
    return user.status.empty() ? row : row + ": " + std::string(user.status);
  }
  static std::string text(ValueView value, std::string_view otherwise = {}) {
    return std::string(value.kind() == ValueKind::string ? value.text() : otherwise);
  }

  Store store_{Rules::mirror()};
  Viewer me_;
  std::vector<std::string> friends_;
  Subscription changes_;
  bool is_stale_ = false;
};

int main() {
  // What the friends' clients send to the server. zoe is invisible until after noon, and nobody sees the match.
  const char* const lines[] = {
      R"({"type":"data","user":"ann","at":"2019-01-07T11:54:10Z","name":"name","value":"Ann"})",
      R"({"type":"connect","user":"ann","session":"desktop","at":"2019-01-07T11:54:10Z","availability":"away","activity":{"match":"2/4","device":"desktop"}})",
      R"({"type":"connect","user":"jack","session":"phone","at":"2019-01-07T11:54:20Z","status":"Looking for a raid"})",
      R"({"type":"availability","user":"jack","at":"2019-01-07T11:54:30Z","until":"2019-01-07T12:00:00Z","availability":"busy"})",
      R"({"type":"connect","user":"mary","session":"tv","at":"2019-01-07T11:54:40Z"})",
      R"({"type":"disconnect","user":"mary","session":"tv","at":"2019-01-07T11:54:50Z"})",
      R"({"type":"connect","user":"mary","session":"tv","at":"2019-01-07T11:54:50.5Z"})",
      R"({"type":"connect","user":"zoe","session":"desktop","at":"2019-01-07T11:58:00Z","invisible":true,"activity":{"match":"1/4","device":"desktop"}})",
      R"({"type":"active","user":"jack","session":"phone","at":"2019-01-07T11:59:10Z"})",
      R"({"type":"disconnect","user":"ann","session":"desktop","at":"2019-01-07T12:00:25Z"})",
      R"({"type":"visible","user":"zoe","at":"2019-01-07T12:00:40Z","invisible":false})",
  };
  const Timestamp start = *parse_timestamp("2019-01-07T11:54:00Z"), noon = *parse_timestamp("2019-01-07T12:00:00Z");
  const std::vector<std::string> friends{"ann", "jack", "mary", "zoe"};
  const Viewer sam("sam");
  Rules rules;
  rules.session_timeout = Duration();  // the sockets say when a client is gone
  rules.idle_after = Duration::from_s(5 * 60);
  Store server(rules);
  FriendList list("sam", friends);
  Subscription socket;
  Timestamp now;
  const auto game_now = [&] { return now + Duration::from_s(5 * 60); };
  const auto say = [&](const char* to, const std::string& line) {
    std::printf("%s %s%s\n", to_string(now).substr(11, 8).c_str(), to, line.c_str());
    return line;
  };
  const char* const* next = std::begin(lines);
  for (now = start; now < noon + Duration::from_s(60); now += Duration::from_ms(100)) {
    for (; next != std::end(lines) && parse_event(*next)->at <= now; ++next)
      server.dispatch(*parse_event(say("server <- ", *next)), now);
    server.advance(now);
    if (now == start + Duration::from_s(15) || now == noon + Duration::from_s(30)) {  // sam connects
      const std::string time = to_string(now);
      list.receive(
          say("sam <- ", R"({"type":"health.check","created_at":")" + time + R"(","me":{"id":"sam","online":true}})"),
          game_now());
      UserQuery query;
      query.filter = in("id", friends);
      std::string answer = R"({"users":[)";
      for (const User& user : server.query_users(query, sam))
        append_json(answer.back() == '[' ? answer : answer += ',', user);
      list.receive_list(say("sam <- ", answer + "]}"), game_now());
      server.watch_users(sam, friends);
      socket = server.subscribe<UserPresenceChanged>(
          sam, [&](const UserPresenceChanged& change) { list.receive(say("sam <- ", to_json(change)), game_now()); });
    } else if (now == noon + Duration::from_s(20)) {
      say("", "the connection is lost");
      socket = Subscription();
      list.lose_connection();
    }
    list.draw(game_now());
  }
}
