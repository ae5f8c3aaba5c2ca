// The friend list of a game, which mirrors a server like that of server.cpp from its JSON alone. The game's clock is
// five minutes fast, and need not be right: the server's lines are ordered by the server's time.
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
    for (const User& user : store_.query_users(friends, me_))
      std::printf("        %s %-5s %s\n", user.online ? "o" : ".", user.id.c_str(), user.status.c_str());
  }

 private:
  Store store_{Rules::mirror()};
  Viewer me_;
  std::vector<std::string> friends_;
  Subscription changes_;
  bool is_stale_ = false;
};

int main() {
  struct Line {
    int second;
    enum { line, answer, lost } kind;
    const char* json;
  };
  const Line lines[] = {
      {0, Line::line, R"({"type":"health.check","created_at":"2019-01-07T13:00:00Z","me":{"id":"sam","online":true}})"},
      {0, Line::answer,
       R"({"users":[{"id":"jack","online":true,"status":"Looking for a raid"},{"id":"mary","online":false}]})"},
      {5, Line::line,
       R"({"type":"user.presence.changed","created_at":"2019-01-07T13:00:05Z","user":{"id":"mary","online":true}})"},
      {8, Line::line,
       R"({"type":"user.watching.start","created_at":"2019-01-07T13:00:08Z","cid":"lobby:eu","watcher_count":2})"},
      {10, Line::line,
       R"({"type":"user.presence.changed","created_at":"2019-01-07T13:00:10Z","user":{"id":"mary","online":false}})"},
      {10, Line::line,
       R"({"type":"user.presence.changed","created_at":"2019-01-07T13:00:10.5Z","user":{"id":"mary","online":true}})"},
      {11, Line::line,
       R"({"type":"user.presence.changed","created_at":"2019-01-07T13:00:11Z","user":{"id":"mary","online":false}})"},
      {15, Line::line,
       R"({"type":"user.presence.changed","created_at":"2019-01-07T13:00:15Z","user":{"id":"zoe","online":true}})"},
      {20, Line::line,
       R"({"type":"user.presence.changed","created_at":"2019-01-07T13:00:20Z","user":{"id":"liam","online":true}})"},
      {30, Line::lost, "the connection is lost"},
      {40, Line::line,
       R"({"type":"health.check","created_at":"2019-01-07T13:00:40Z","me":{"id":"sam","online":true}})"},
      {40, Line::answer, R"({"users":[{"id":"mary","online":true},{"id":"zoe","online":true,"status":"Hi!"}]})"},
      {45, Line::line,
       R"({"type":"user.presence.changed","created_at":"2019-01-07T13:00:45Z","user":{"id":"zoe","online":false}})"},
  };
  const Timestamp start = *parse_timestamp("2019-01-07T13:05:00Z");
  FriendList list("sam", {"jack", "mary", "zoe"});  // zoe has never been online; liam is no friend
  const Line* next = std::begin(lines);
  for (int frame = 0; frame < 500; ++frame) {
    const Timestamp now = start + Duration::from_ms(100 * frame);
    for (; next != std::end(lines) && next->second * 10 == frame; ++next) {
      std::printf("%2d s %s\n", next->second, next->json);
      if (next->kind == Line::line) list.receive(next->json, now);
      if (next->kind == Line::answer) list.receive_list(next->json, now);
      if (next->kind == Line::lost) list.lose_connection();
    }
    list.draw(now);
  }
}
