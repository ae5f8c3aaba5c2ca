// SPDX-License-Identifier: MIT
#include "transport.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <cctype>
#include <csignal>
#include <cstdio>
#include <deque>
#include <optional>
#include <set>

namespace service {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using beast::error_code;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kept_buffer_bytes = 4096;  // a larger buffer is released after the message

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const int letter = std::tolower(static_cast<unsigned char>(c));
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

std::string decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(16 * hex_digit(text[i + 1]) + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

/// Calls `fn` with each part of a text between two separators. Skips empty parts.
template <class Fn>
void each_part(std::string_view text, char separator, Fn&& fn) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end != 0) fn(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string_view text_of(beast::string_view text) { return std::string_view(text.data(), text.size()); }

Request request_of(http::request<http::string_body>&& from) {
  Request request;
  request.method = std::string(text_of(from.method_string()));
  std::string_view target = text_of(from.target());
  target = target.substr(0, target.find('#'));
  const std::size_t end = std::min(target.find('?'), target.size());
  each_part(target.substr(0, end), '/', [&](auto part) { request.path.push_back(decoded(part, false)); });
  each_part(target.substr(std::min(end + 1, target.size())), '&', [&](std::string_view part) {
    const std::size_t name = std::min(part.find('='), part.size());
    request.query.try_emplace(decoded(part.substr(0, name), true),
                              decoded(part.substr(std::min(name + 1, part.size())), true));
  });
  request.authorization = std::string(text_of(from[http::field::authorization]));
  request.auth_type = std::string(text_of(from["stream-auth-type"]));
  request.if_none_match = std::string(text_of(from[http::field::if_none_match]));
  request.body = std::move(from.body());
  return request;
}

/// Counts what a client sends within one second.
class Rate {
 public:
  bool is_over(std::size_t limit) {
    const auto second = std::chrono::duration_cast<std::chrono::seconds>(Clock::now().time_since_epoch()).count();
    if (second != second_) count_ = 0;
    second_ = second;
    return ++count_ > limit && limit != 0;
  }

 private:
  std::int64_t second_ = 0;
  std::size_t count_ = 0;
};

}  // namespace

const std::string& Request::parameter(const std::string& name) const {
  static const std::string none;
  const auto found = query.find(name);
  return found == query.end() ? none : found->second;
}

void log(std::string_view line) {
  constexpr std::size_t longest = 400;
  std::string clean(line.substr(0, longest));
  for (char& c : clean)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  std::fprintf(stderr, "service: %s\n", clean.c_str());
}

class OpenSocket;

/// Shared by the server and its connections. They are owned by what waits in `io`, so the counters outlive it.
struct ServerState {
  ServerState(const Limits& its_limits, Handler& its_handler) : limits(its_limits), handler(its_handler) {}

  Limits limits;
  Handler& handler;
  std::set<OpenSocket*> sockets;
  std::size_t connections = 0;
  std::map<std::string, std::size_t> per_address;
  Rate refusals;
  std::optional<Clock::time_point> stops_at;
  asio::io_context io{1};
  tcp::acceptor acceptor{io};
  asio::signal_set signals{io, SIGTERM, SIGINT};
  asio::steady_timer wakeup{io}, housekeeping{io}, accept_again{io};

  void accept();
  void keep_house();
};

namespace {

/// Counts a connection for as long as it lives.
class Admission {
 public:
  Admission(ServerState& server, std::string address) : server_(server), address_(std::move(address)) {
    ++server_.connections;
    ++server_.per_address[address_];
  }
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;
  ~Admission() {
    --server_.connections;
    if (--server_.per_address[address_] == 0) server_.per_address.erase(address_);
  }
  ServerState& server() const { return server_; }
  const std::string& address() const { return address_; }

 private:
  ServerState& server_;
  std::string address_;
};

}  // namespace

/// A WebSocket. What it does is started from the loop, never inside a call of `send` or `close`.
class OpenSocket final : public Socket, public std::enable_shared_from_this<OpenSocket> {
 public:
  OpenSocket(beast::tcp_stream&& stream, std::unique_ptr<Admission> admission)
      : ws_(std::move(stream)), admission_(std::move(admission)), server_(admission_->server()) {
    beast::get_lowest_layer(ws_).expires_never();
    websocket::stream_base::timeout times{};
    times.handshake_timeout = milliseconds(limits().request_ms);
    times.idle_timeout = websocket::stream_base::none();
    times.keep_alive_pings = false;
    ws_.set_option(times);
    ws_.read_message_max(limits().message_bytes);
    ws_.auto_fragment(false);
    ws_.control_callback([this](websocket::frame_type kind, beast::string_view) {
      if (kind != websocket::frame_type::close && is_admitted()) server_.handler.on_pong(*this);
    });
  }
  ~OpenSocket() override { server_.sockets.erase(this); }

  void open(http::request<http::string_body>&& request) {
    auto kept = std::make_shared<http::request<http::string_body>>(std::move(request));
    ws_.async_accept(*kept, [self = shared_from_this(), kept](error_code error) {
      if (error) return;
      self->server_.sockets.insert(self.get());
      self->next_ping_ = Clock::now() + milliseconds(self->limits().ping_ms);
      self->next_health_ = Clock::now() + milliseconds(self->limits().health_ms);
      self->server_.handler.on_open(*self, request_of(std::move(*kept)));
      self->read();
    });
  }

  void send(Message message) override {
    if (is_closing_ || is_gone_) return;
    if (queued_bytes_ + message->size() > limits().queue_bytes && limits().queue_bytes != 0) {
      queue_.resize(std::min(queue_.size(), next_ + (is_writing_ ? 1 : 0)));
      return refuse(1013, "the client reads too slowly");
    }
    queued_bytes_ += message->size();
    queue_.push_back(std::move(message));
    proceed_soon();
  }
  void close(std::uint16_t code, std::string_view reason) override {
    if (is_closing_ || is_gone_) return;
    is_closing_ = true;
    cut_at_ = Clock::now() + milliseconds(limits().closing_ms);
    reason_ = websocket::close_reason(static_cast<websocket::close_code>(code),
                                      beast::string_view(reason.data(), std::min<std::size_t>(reason.size(), 120)));
    proceed_soon();
  }

  /// Pings, and cuts the connection if the client has not answered a close in time.
  void keep_house(Clock::time_point now) {
    if (is_closing_) {
      if (now >= cut_at_) cut();
      return;
    }
    if (now >= next_ping_) {
      next_ping_ = now + milliseconds(limits().ping_ms);
      if (!std::exchange(is_pinging_, true))
        ws_.async_ping({}, [self = shared_from_this()](error_code) { self->is_pinging_ = false; });
    }
    if (now >= next_health_) {
      next_health_ = now + milliseconds(limits().health_ms);
      server_.handler.on_health_check(*this);
    }
  }

 private:
  const Limits& limits() const { return server_.limits; }

  void read() {
    ws_.async_read(buffer_, [self = shared_from_this()](error_code error, std::size_t) {
      if (error) return self->finish(error);
      if (self->is_admitted()) self->take_message();
      self->buffer_.consume(self->buffer_.size());
      if (self->buffer_.capacity() > kept_buffer_bytes) self->buffer_.shrink_to_fit();
      self->read();
    });
  }
  void take_message() {
    if (!ws_.got_text()) return refuse(1003, "the message is binary");
    const asio::const_buffer bytes = buffer_.data();
    server_.handler.on_message(*this, std::string_view(static_cast<const char*>(bytes.data()), bytes.size()));
  }
  /// Returns whether a message or a ping is to be handled.
  bool is_admitted() {
    if (is_closing_) return false;
    if (!rate_.is_over(limits().messages_per_second)) return true;
    refuse(1008, "the client sends too many messages");
    return false;
  }
  void refuse(std::uint16_t code, const std::string& reason) {
    log(admission_->address() + ": closed with " + std::to_string(code) + ": " + reason);
    close(code, reason);
  }

  void proceed_soon() {
    if (std::exchange(is_proceeding_, true)) return;
    asio::post(server_.io, [self = shared_from_this()] {
      self->is_proceeding_ = false;
      self->proceed();
    });
  }
  /// Writes the next message, or closes the socket when all are written.
  void proceed() {
    if (is_writing_ || is_gone_ || is_close_sent_) return;
    if (next_ < queue_.size()) {
      is_writing_ = true;
      ws_.text(true);
      ws_.async_write(asio::buffer(*queue_[next_]), [self = shared_from_this()](error_code, std::size_t) {
        self->is_writing_ = false;
        self->queued_bytes_ -= self->queue_[self->next_]->size();
        self->queue_[self->next_++].reset();
        self->proceed();
      });
      return;
    }
    if (queue_.capacity() > 16) queue_.shrink_to_fit();
    queue_.clear();
    next_ = 0;
    queued_bytes_ = 0;
    if (!is_closing_) return;
    is_close_sent_ = true;
    ws_.async_close(reason_, [self = shared_from_this()](error_code) {});
  }
  void cut() {
    error_code ignored;
    beast::get_lowest_layer(ws_).socket().close(ignored);
  }
  void finish(error_code error) {
    const bool is_closed_by_client = error == websocket::error::closed && !is_closing_;
    const bool is_bad = error == websocket::error::message_too_big || error == websocket::condition::protocol_violation;
    if (is_bad && !is_closing_) log(admission_->address() + ": closed: " + error.message());
    is_gone_ = true;
    server_.sockets.erase(this);
    server_.handler.on_closed(*this, is_closed_by_client);
    ws_.control_callback();
    cut();
  }

  websocket::stream<beast::tcp_stream, false> ws_;
  std::unique_ptr<Admission> admission_;
  ServerState& server_;
  beast::flat_buffer buffer_;
  std::vector<Message> queue_;  // from next_ on, to be written
  std::size_t next_ = 0, queued_bytes_ = 0;
  Rate rate_;
  Clock::time_point next_ping_, next_health_, cut_at_;
  websocket::close_reason reason_;
  bool is_writing_ = false, is_pinging_ = false, is_proceeding_ = false;
  bool is_closing_ = false, is_close_sent_ = false, is_gone_ = false;
};

namespace {

/// A connection that sends HTTP requests, one after the other.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(tcp::socket&& socket, std::unique_ptr<Admission> admission)
      : stream_(std::move(socket)), admission_(std::move(admission)), server_(admission_->server()) {}

  void read(int patience_ms) {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(server_.limits.header_bytes));
    parser_->body_limit(server_.limits.body_bytes);
    stream_.expires_after(milliseconds(patience_ms));
    http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
      if (error) return self->fail(error);
      self->handle();
    });
  }

 private:
  void handle() {
    http::request<http::string_body> request = parser_->release();
    is_kept_alive_ = request.keep_alive();
    const unsigned version = request.version();
    if (rate_.is_over(server_.limits.requests_per_second)) return refuse(429, 9, "too many requests");
    if (websocket::is_upgrade(request)) {
      const std::string_view target = text_of(request.target());
      if (target.substr(0, target.find('?')) != "/connect") return refuse(404, 16, "no WebSocket is here");
      return std::make_shared<OpenSocket>(std::move(stream_), std::move(admission_))->open(std::move(request));
    }
    write(server_.handler.on_request(request_of(std::move(request))), version);
  }
  void fail(error_code error) {
    if (error == http::error::header_limit) return refuse(431, 24, "the header is too large");
    if (error == http::error::body_limit) return refuse(413, 22, "the body is too large");
    if (error == beast::error::timeout || error == http::error::end_of_stream) return;
    if (error.category() == http::make_error_code(http::error::bad_method).category() &&
        error != http::error::partial_message)
      refuse(400, 4, error.message());
  }
  void refuse(unsigned status, int code, const std::string& message) {
    log(admission_->address() + ": refused with " + std::to_string(status) + ": " + message);
    is_kept_alive_ = false;
    Response response;
    response.status = status;
    response.body = R"({"code":)" + std::to_string(code) + R"(,"message":")" + message + R"(","StatusCode":)" +
                    std::to_string(status) + R"(,"duration":"0ms","more_info":""})";
    write(std::move(response), 11);
  }
  void write(Response&& from, unsigned version) {
    response_ = {};
    response_.result(from.status);
    response_.version(version);
    response_.keep_alive(is_kept_alive_);
    response_.set(http::field::content_type, from.type);
    for (const auto& [name, value] : from.headers) response_.set(name, value);
    response_.body() = std::move(from.body);
    response_.prepare_payload();
    stream_.expires_after(milliseconds(server_.limits.request_ms));
    http::async_write(stream_, response_, [self = shared_from_this()](error_code error, std::size_t) {
      self->response_ = {};
      if (self->buffer_.capacity() > kept_buffer_bytes) self->buffer_.shrink_to_fit();
      if (!error && self->is_kept_alive_) return self->read(self->server_.limits.idle_ms);
      error_code ignored;
      self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    });
  }

  beast::tcp_stream stream_;
  std::unique_ptr<Admission> admission_;
  ServerState& server_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
  Rate rate_;
  bool is_kept_alive_ = false;
};

}  // namespace

void ServerState::accept() {
  acceptor.async_accept([this](error_code error, tcp::socket socket) {
    if (stops_at) return;
    if (error) {  // usually there are no free file descriptors
      log("cannot accept a connection: " + error.message());
      accept_again.expires_after(milliseconds(100));
      return accept_again.async_wait([this](error_code ended) {
        if (!ended) accept();
      });
    }
    const tcp::endpoint client = socket.remote_endpoint(error);
    const std::string address = error ? "?" : client.address().to_string();
    const auto known = per_address.find(address);
    const std::size_t from_there = known == per_address.end() ? 0 : known->second;
    if ((limits.connections != 0 && connections >= limits.connections) ||
        (limits.per_address != 0 && from_there >= limits.per_address)) {
      if (!refusals.is_over(1)) log(address + ": refused: too many connections");
      socket.non_blocking(true, error);
      constexpr std::string_view busy =
          "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
      socket.write_some(asio::buffer(busy), error);
    } else {
      socket.set_option(tcp::no_delay(true), error);
      std::make_shared<HttpConnection>(std::move(socket), std::make_unique<Admission>(*this, address))
          ->read(limits.request_ms);
    }
    accept();
  });
}

void ServerState::keep_house() {
  const Clock::time_point now = Clock::now();
  for (auto next = sockets.begin(); next != sockets.end();) (*next++)->keep_house(now);
  if (stops_at && (sockets.empty() || now >= *stops_at)) return io.stop();
  const int period_ms = stops_at ? 10 : std::clamp(std::min(limits.ping_ms, limits.health_ms) / 10, 10, 1000);
  housekeeping.expires_after(milliseconds(period_ms));
  housekeeping.async_wait([this](error_code ended) {
    if (!ended) keep_house();
  });
}

Server::Server(const std::string& address, std::uint16_t port, const Limits& limits, Handler& handler)
    : state_(std::make_unique<ServerState>(limits, handler)) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  const tcp::endpoint endpoint(asio::ip::make_address(address), port);
  state_->acceptor.open(endpoint.protocol());
  state_->acceptor.set_option(tcp::acceptor::reuse_address(true));
  state_->acceptor.bind(endpoint);
  state_->acceptor.listen(4096);
}
Server::~Server() = default;

std::uint16_t Server::port() const { return state_->acceptor.local_endpoint().port(); }

void Server::run(std::function<void()> on_signal) {
  state_->accept();
  state_->keep_house();
  state_->signals.async_wait([on_signal](error_code error, int) {
    if (!error) on_signal();
  });
  state_->io.run();
}

void Server::stop(std::uint16_t code, std::string_view reason) {
  state_->stops_at = Clock::now() + milliseconds(state_->limits.closing_ms);
  error_code ignored;
  state_->acceptor.close(ignored);
  for (OpenSocket* socket : state_->sockets) socket->close(code, reason);
  state_->keep_house();
}

void Server::every(int ms, std::function<void()> call) {
  const auto timer = std::make_shared<asio::steady_timer>(state_->io);
  const auto again = std::make_shared<std::function<void()>>();
  *again = [state = state_.get(), timer, ms, call, weak = std::weak_ptr<std::function<void()>>(again)] {
    timer->expires_after(milliseconds(std::max(ms, 1)));
    timer->async_wait([state, call, again = weak.lock()](error_code ended) {
      if (ended || state->stops_at) return;
      call();
      (*again)();
    });
  };
  (*again)();
}

void Server::wake_in(std::chrono::nanoseconds time) {
  state_->wakeup.expires_after(time);
  state_->wakeup.async_wait([state = state_.get()](error_code ended) {
    if (!ended) state->handler.on_wakeup();
  });
}

}  // namespace service
