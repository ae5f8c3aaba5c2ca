// SPDX-License-Identifier: MIT
// A small presence service, see README.md.
#include "checkpoint.hpp"
#include "presence_service.hpp"
#ifdef SERVICE_HAS_HIREDIS
#include "redis_node.hpp"
#endif
#include "transport.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

using namespace service;
using presence::Duration;

namespace {

struct Settings {
  std::string address = "127.0.0.1", checkpoint, redis;
  std::uint16_t port = 0;
  int checkpoint_ms = 10000;
  Limits limits;
  Options options;
};

constexpr const char* usage = R"(usage: service [OPTION VALUE]...
  --address A                 127.0.0.1
  --port N                    0: any, printed as the first line
  --secret S                  of tokens; without one, signatures are not checked
  --checkpoint FILE           is read at the start, and written every --checkpoint-every MS (10000) and at the end
  --redis HOST:PORT           share the users with other nodes
  --session-timeout MS        40000: a silent session ends
  --offline-grace MS          0: a user whose last session has ended stays online for this long
  --idle-after MS             0: a session without activity never becomes idle by itself
  --health-check MS           27000: between two health checks to a client
Limits, 0 for none:
  --max-header BYTES          131072    --max-body BYTES            1048576
  --max-message BYTES         65536     --max-queue BYTES           1048576
  --max-connections N         20000     --max-per-address N         0
  --max-messages N            100 per second and WebSocket
  --max-requests N            2000 per second and HTTP connection
  --max-users N               1000000   --max-channels N            100000
  --max-members N             10000     --max-page N                1000
  --request-timeout MS        10000     --idle-timeout MS           60000
  --close-timeout MS          2000
)";

template <class Number>
Number number_of(const std::string& name, const std::string& text) {
  std::size_t end = 0;
  unsigned long long number = 0;
  try {
    number = std::stoull(text, &end);
  } catch (const std::exception&) {
  }
  if (end == 0 || end != text.size() || text[0] == '-' ||
      number > static_cast<unsigned long long>(std::numeric_limits<Number>::max()))
    throw std::runtime_error(name + " " + text + " is not a number that is allowed");
  return static_cast<Number>(number);
}

Settings settings_of(int count, char** words) {
  Settings settings;
  Limits& limits = settings.limits;
  Options& options = settings.options;
  options.rules.max_users = 1000000;
  const auto text = [](std::string& to) { return [&to](const auto&, const std::string& value) { to = value; }; };
  const auto number = [](auto& to) {
    return [&to](const std::string& name, const std::string& value) {
      to = number_of<std::decay_t<decltype(to)>>(name, value);
    };
  };
  const auto ms = [](Duration& to) {
    return [&to](const std::string& name, const std::string& value) {
      to = Duration::from_ms(number_of<std::int32_t>(name, value));
    };
  };
  const std::map<std::string, std::function<void(const std::string&, const std::string&)>> known = {
      {"--address", text(settings.address)},
      {"--port", number(settings.port)},
      {"--secret", text(options.secret)},
      {"--checkpoint", text(settings.checkpoint)},
      {"--checkpoint-every", number(settings.checkpoint_ms)},
      {"--redis", text(settings.redis)},
      {"--session-timeout", ms(options.rules.session_timeout)},
      {"--offline-grace", ms(options.rules.offline_grace)},
      {"--idle-after", ms(options.rules.idle_after)},
      {"--health-check", number(limits.health_ms)},
      {"--max-header", number(limits.header_bytes)},
      {"--max-body", number(limits.body_bytes)},
      {"--max-message", number(limits.message_bytes)},
      {"--max-queue", number(limits.queue_bytes)},
      {"--max-connections", number(limits.connections)},
      {"--max-per-address", number(limits.per_address)},
      {"--max-messages", number(limits.messages_per_second)},
      {"--max-requests", number(limits.requests_per_second)},
      {"--max-users", number(options.rules.max_users)},
      {"--max-channels", number(options.max_channels)},
      {"--max-members", number(options.max_members)},
      {"--max-page", number(options.largest_page)},
      {"--request-timeout", number(limits.request_ms)},
      {"--idle-timeout", number(limits.idle_ms)},
      {"--close-timeout", number(limits.closing_ms)},
  };
  for (int i = 1; i < count; i += 2) {
    const std::string name = words[i];
    const auto found = known.find(name);
    if (found == known.end()) throw std::runtime_error("unknown option " + name + "\n" + usage);
    if (i + 1 == count) throw std::runtime_error(name + " needs a value");
    found->second(name, words[i + 1]);
  }
  if (!settings.redis.empty() && !settings.checkpoint.empty())
    throw std::runtime_error("with --redis there is no --checkpoint: the other nodes have the state");
  // Two pings may be lost before a session times out.
  const std::int64_t timeout_ms = options.rules.session_timeout.ms();
  if (timeout_ms > 0) limits.ping_ms = static_cast<int>(std::max<std::int64_t>(1, timeout_ms / 3));
  // An event is late only after its session has timed out.
  options.rules.reorder_window = std::max(options.rules.reorder_window, options.rules.session_timeout * 2);
  return settings;
}

int serve(const Settings& settings) {
  Options options = settings.options;
  const std::string random = random_hex(8);
  options.session_prefix = random;
  options.rules.hash_seed = std::stoull(random, nullptr, 16);  // the ids are not trusted
  SavedState saved;
  saved.snapshot = presence::Snapshot(options.rules);
  if (!settings.checkpoint.empty()) saved = read_checkpoint(settings.checkpoint, options.rules);
#ifndef SERVICE_HAS_HIREDIS
  if (!settings.redis.empty()) throw std::runtime_error("the service was built without hiredis, which --redis needs");
#else
  std::optional<RedisNode> node;
  if (!settings.redis.empty()) {
    const std::size_t colon = settings.redis.rfind(':');
    if (colon == std::string::npos) throw std::runtime_error("--redis " + settings.redis + " is not HOST:PORT");
    const int port = number_of<std::uint16_t>("--redis", settings.redis.substr(colon + 1));
    node.emplace(settings.redis.substr(0, colon), port, options.rules, random);
    saved = node->start();
    options.is_node = true;
  }
#endif

  Server* running = nullptr;
  PresenceService presence_service(options, std::move(saved),
                                   [&running](std::chrono::nanoseconds time) { running->wake_in(time); });
  Server server(settings.address, settings.port, settings.limits, presence_service);
  running = &server;
  presence_service.on_wakeup();
  bool is_saved = true;
  const auto save = [&] {
    if (!settings.checkpoint.empty()) is_saved = write_checkpoint(settings.checkpoint, presence_service.saved());
  };
  save();
  if (!is_saved) return 1;
  if (!settings.checkpoint.empty()) server.every(settings.checkpoint_ms, save);
#ifdef SERVICE_HAS_HIREDIS
  if (node) {
    presence_service.set_peer(&*node);
    server.every(RedisNode::tick_ms, [&] { node->tick(presence_service); });
  }
#endif
  std::cout << "listening on " << server.port() << std::endl;
  server.run([&] {
    save();
    server.stop(1001, "the server is stopping");
  });
  return is_saved ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    if (count == 2 && words[1] == std::string("--help")) {
      std::cout << usage;
      return 0;
    }
    return serve(settings_of(count, words));
  } catch (const std::exception& error) {
    std::cerr << "service: " << error.what() << '\n';
    return 1;
  }
}
