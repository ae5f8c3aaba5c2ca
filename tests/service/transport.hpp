// SPDX-License-Identifier: MIT
// HTTP and WebSocket on one thread. Knows nothing about presence.
#ifndef SERVICE_TRANSPORT_HPP
#define SERVICE_TRANSPORT_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace service {

/// A request of HTTP, or the one that opened a WebSocket.
struct Request {
  std::string method;
  std::vector<std::string> path;             ///< decoded segments; none: "/"
  std::map<std::string, std::string> query;  ///< decoded; of a repeated name, the first
  std::string authorization, auth_type, if_none_match;
  std::string body;

  /// Returns the value of a query parameter, or an empty string.
  const std::string& parameter(const std::string& name) const;
};

/// The response to a Request.
struct Response {
  unsigned status = 200;
  std::string body;
  std::string type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
};

/// A text message. Shared, because the same message is often sent to many sockets.
using Message = std::shared_ptr<const std::string>;

/// An open WebSocket. Neither function calls the Handler back, so both are safe in any callback.
class Socket {
 public:
  virtual ~Socket() = default;
  /// Queues a message. If more than Limits::queue_bytes are queued, the reader is too slow: the socket is closed.
  virtual void send(Message message) = 0;
  /// Sends what is queued, then closes the socket. Messages that arrive afterwards are ignored.
  virtual void close(std::uint16_t code, std::string_view reason) = 0;
};

/// Receives what the clients send. A socket is valid from `on_open` until `on_closed` returns.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual Response on_request(const Request& request) = 0;
  virtual void on_open(Socket& socket, const Request& request) = 0;
  virtual void on_message(Socket& socket, std::string_view text) = 0;
  virtual void on_pong(Socket& socket) = 0;
  /// Limits::health_ms have passed since the last call, or since the socket was opened.
  virtual void on_health_check(Socket& socket) = 0;
  /// Called once. `by_client`: the client closed the WebSocket. Otherwise it was dropped, or this side closed it.
  virtual void on_closed(Socket& socket, bool by_client) = 0;
  /// The time that was passed to `Server::wake_at` has come.
  virtual void on_wakeup() = 0;
};

/// What one client may cost. 0 is no limit, except for times.
struct Limits {
  std::size_t header_bytes = 128 * 1024;  ///< a query for users by id is in it
  std::size_t body_bytes = 1024 * 1024;
  std::size_t message_bytes = 64 * 1024;   ///< of a WebSocket message from a client
  std::size_t queue_bytes = 1024 * 1024;   ///< that wait to be sent to a socket
  std::size_t connections = 20000;         ///< of the process
  std::size_t per_address = 0;             ///< connections of one client address
  std::size_t messages_per_second = 100;   ///< of a WebSocket, pings and pongs included
  std::size_t requests_per_second = 2000;  ///< of an HTTP connection
  int request_ms = 10000;                  ///< to send a whole request, and to read the whole response
  int idle_ms = 60000;                     ///< between two requests of a connection
  int closing_ms = 2000;                   ///< for a client to answer a close, then the connection is cut
  int ping_ms = 13000;                     ///< between two pings to each socket
  int health_ms = 27000;                   ///< between two calls of Handler::on_health_check
};

struct ServerState;

/// Writes one line to stderr. Control characters are replaced.
void log(std::string_view line);

/// Listens, and calls a Handler, all on the thread that calls `run`.
class Server {
 public:
  /// Throws std::exception if it cannot listen there. Port 0 is any free port.
  Server(const std::string& address, std::uint16_t port, const Limits& limits, Handler& handler);
  ~Server();
  std::uint16_t port() const;
  /// Serves until `stop`. Calls `on_signal` at the first SIGTERM or SIGINT; a second one has no effect.
  void run(std::function<void()> on_signal);
  /// Accepts nothing more, closes all sockets with a code, and ends `run` when the clients have answered, at the latest
  /// after Limits::closing_ms.
  void stop(std::uint16_t code, std::string_view reason);
  /// Calls a function again and again, until `stop`.
  void every(int ms, std::function<void()> call);
  /// Calls Handler::on_wakeup once in this time. Replaces the earlier call.
  void wake_in(std::chrono::nanoseconds time);

 private:
  std::unique_ptr<ServerState> state_;
};

}  // namespace service

#endif  // SERVICE_TRANSPORT_HPP
