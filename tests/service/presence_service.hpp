// SPDX-License-Identifier: MIT
// The endpoints of the service, over a Store. What they mean is the library's; this is the form of the requests.
#ifndef SERVICE_PRESENCE_SERVICE_HPP
#define SERVICE_PRESENCE_SERVICE_HPP

#include "envelopes.hpp"
#include "json.hpp"
#include "last_hour.hpp"
#include "tokens.hpp"
#include "transport.hpp"

#include <presence/chrono.hpp>
#include <presence/presence.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace service {

struct Options {
  presence::Rules rules;
  std::string secret;                               ///< of tokens; empty: signatures are not checked
  std::size_t users_page = 30, channels_page = 10;  ///< size of a page without a limit
  std::size_t largest_page = 1000;                  ///< the largest limit of a query
  std::size_t max_channels = 100000;
  std::size_t max_members = 10000;        ///< of a channel
  std::size_t max_channel_bytes = 16384;  ///< of the custom data of a channel, as JSON
  bool is_node = false;                   ///< shares its users with other nodes
  std::string session_prefix;             ///< of the ids of sessions; unique for each start of each node
};

/// What the service must remember of a user, and the library does not keep.
struct UserDates {
  presence::Timestamp created, updated;
};

/// What a stopped service starts from again.
struct SavedState {
  presence::Snapshot snapshot;
  std::vector<presence::Channel> channels;
  std::map<std::string, UserDates, std::less<>> dates;
  std::string position;  ///< in the log of a node
};

/// Receives what this service has changed, so that other nodes get it.
class Peer {
 public:
  virtual ~Peer() = default;
  virtual void on_applied(const presence::PresenceEventView& event) = 0;
  virtual void on_channel(const presence::Channel& channel) = 0;
  virtual void on_channel_deleted(const std::string& cid) = 0;
};

class PresenceService final : public Handler {
 public:
  /// `wake_in` asks for a call of `on_wakeup`.
  PresenceService(const Options& options, SavedState saved, std::function<void(std::chrono::nanoseconds)> wake_in);

  Response on_request(const Request& request) override;
  void on_open(Socket& socket, const Request& request) override;
  void on_message(Socket& socket, std::string_view text) override;
  void on_pong(Socket& socket) override;
  void on_health_check(Socket& socket) override;
  void on_closed(Socket& socket, bool by_client) override;
  void on_wakeup() override;

  presence::Timestamp now() const { return clock_.now(); }
  SavedState saved();
  std::size_t connection_count() const { return by_id_.size(); }

  /// @{
  /// For a node. `peer` may be null.
  void set_peer(Peer* peer) { peer_ = peer; }
  presence::Snapshot snapshot() const { return store_.snapshot(); }
  void merge(const presence::Snapshot& news);
  void take_channel(presence::Channel channel);
  void take_deleted_channel(const std::string& cid);
  /// @}

 private:
  /// An open WebSocket, which is one session of one user.
  struct Connection {
    Socket* socket = nullptr;
    std::string user, id;  // the id of the session is the connection_id of the clients
    bool is_ended = false;
    std::set<std::string> channels;  // watched
    presence::Subscription started, stopped;
    presence::Viewer viewer() const { return presence::Viewer(user, id); }
  };
  /// Who sends a request.
  struct Caller {
    std::string user;                  // empty: the server side
    Connection* connection = nullptr;  // of its connection_id; null: none that is open
    bool names_connection = false;
    bool is_server() const { return user.empty(); }
    presence::Viewer viewer() const {
      return is_server() ? presence::nobody : connection != nullptr ? connection->viewer() : presence::Viewer(user);
    }
  };
  using Events = std::vector<presence::PresenceEvent>;
  struct ChannelName {
    std::string type, id;
    std::string cid() const { return type + ':' + id; }
  };

  struct Input {
    const Request& request;
    Json json() const;
    std::string payload() const;
    const std::string& text() const { return request.body; }
    const std::string& path(std::size_t i) const { return request.path[i]; }
    ChannelName channel() const { return {path(1), path(2)}; }
  };
  using Routes = std::map<std::string, std::string (*)(PresenceService&, const Caller&, const Input&)>;
  static const Routes routes;

  // ---- requests; each returns a JSON object
  std::string answer(const Request& request);
  Token token_of(const Request& request, const std::string& token, const std::string& claimed) const;
  Caller caller_of(const Request& request) const;
  Connection& connection_of(const Caller& caller) const;
  void must_be(const Caller& caller, const std::string& user) const;

  std::string query_users(const Caller& caller, const std::string& payload);
  std::string upsert_users(const Caller& caller, const Json& body);
  std::string update_users(const Caller& caller, const Json& body);
  std::string change_users(const Caller& caller, const std::vector<std::string>& ids, const Events& events);
  std::string delete_user(const Caller& caller, const std::string& user);
  std::string delete_users(const Caller& caller, const Json& body);
  std::string make_guest(const Json& body);

  std::string query_channels(const Caller& caller, const std::string& body);
  std::string query_channel(const Caller& caller, ChannelName name, const Json& body);
  std::string update_channel(const Caller& caller, const ChannelName& name, const Json& body);
  std::string update_channel_partly(const Caller& caller, const ChannelName& name, const Json& body);
  std::string delete_channel(const Caller& caller, const ChannelName& name);
  std::string delete_channels(const Caller& caller, const Json& body);
  std::string stop_watching(const Caller& caller, const ChannelName& name);
  std::string query_members(const Caller& caller, const std::string& payload);

  std::string take_events(const Caller& caller, const Json& body);
  std::string timeline(const Caller& caller, const Request& request);

  // ---- users
  void open_session(Socket& socket, const Request& request);
  void beat(Connection& connection);
  Json own_json(const std::string& user) const;
  void update_partly(Json& object, const Json& update,
                     const std::function<bool(const std::string&)>& is_reserved) const;
  void plan(const std::string& user, Json wanted, bool is_whole, Events& events) const;
  void dispatch_all(const Events& events);
  std::vector<presence::Verdict> dispatch(const Events& events);
  std::vector<presence::User> query_dated(const std::vector<presence::User>& users,
                                          const presence::UserQuery& query) const;
  presence::User seen(const std::string& user, presence::Viewer viewer) const;
  std::string user_json(const presence::User& user, presence::Viewer viewer) const;
  std::string user_json(const std::string& user, presence::Viewer viewer) const {
    return user_json(seen(user, viewer), viewer);
  }

  // ---- time
  void begin();
  void settle();
  static presence::Timestamp in_ms(presence::Timestamp at) { return presence::Timestamp::from_ms(at.ms()); }

  // ---- channels
  const presence::Channel& channel_of(const ChannelName& name) const;
  std::vector<presence::Channel> all_channels();
  std::string creator_of(const Caller& caller, const Json& body) const;
  presence::Channel channel_from(const ChannelName& name, const Json& data) const;
  void put(presence::Channel channel);
  void store(const presence::Channel& channel);
  void announce(const presence::Channel& before, const presence::Channel& channel) const;
  void remove(const std::string& cid);
  void erase(const std::string& cid);
  void watch(Connection& connection, const presence::Channel& channel, bool with_presence);
  void leave_room(const std::string& cid, Connection& connection);
  std::string channel_json(const presence::Channel& channel, presence::Viewer viewer) const;
  std::string member_json(const presence::Channel& channel, const std::string& user, presence::Viewer viewer) const;
  std::string members_json(const presence::Channel& channel, presence::Viewer viewer, const Json& page) const;
  std::string state_json(const presence::Channel& channel, presence::Viewer viewer, const Json& body) const;

  // ---- events to sockets
  void on_delivery(const presence::UserPresenceChanged& change, const presence::Viewers& viewers);
  void on_session_ended(const presence::SessionEnded& ended);
  template <class Watching>
  presence::Subscription send_watching(Connection& connection, const char* type);
  template <class Body>
  void send_to_room(const presence::Channel& channel, const char* type, const std::string& about, Body&& body) const;
  void send_to_sessions_of(const std::string& user) const;
  Message channel_event(const std::string& cid, const char* type, presence::Timestamp at,
                        const std::string& body) const;
  Message health_check(const Connection& connection, bool is_first) const;
  Connection* open_connection(const std::string& id) const;

  Options options_;
  Tokens tokens_;
  std::function<void(std::chrono::nanoseconds)> wake_in_;
  presence::HostClock clock_;
  presence::Timestamp adjusted_;  // the clock, last
  presence::Timestamp time_;      // of the request that is served, in whole milliseconds as clients write it
  presence::Timestamp settled_;   // the store has come this far
  presence::Store store_;
  LastHour last_hour_;
  std::map<std::string, UserDates, std::less<>> dates_;
  std::unordered_map<Socket*, std::unique_ptr<Connection>> connections_;
  std::unordered_map<std::string, Connection*> by_id_;
  std::map<std::string, std::set<Connection*>> rooms_;  // the sockets that watch a channel
  struct {
    std::string type, user, cid;
    presence::Timestamp at;
    std::size_t count = 0;
    Message message;
  } last_watching_;  // is the same for nearly all watchers
  std::size_t channel_count_ = 0;
  std::uint64_t sessions_ = 0;
  std::optional<presence::Timestamp> wakeup_;
  Peer* peer_ = nullptr;
  presence::Subscription changes_, deliveries_, ends_;
};

}  // namespace service

#endif  // SERVICE_PRESENCE_SERVICE_HPP
