// SPDX-License-Identifier: MIT

// Reading and writing text.

#include "harness.hpp"

#if PRESENCE_BENCH_NLOHMANN
#include <nlohmann/json.hpp>
#endif
#if PRESENCE_BENCH_SIMDJSON
#include <simdjson.h>
#endif

#include <ctime>

namespace bench {
namespace {

/// Calls `fn` with the numbers 0 to `count` - 1, once unmeasured and once measured.
template <class Fn>
std::size_t measure_calls(Stopwatch& watch, std::size_t count, Fn&& fn) {
  for (std::size_t i = 0; i < count; ++i) fn(i);
  watch.start();
  for (std::size_t i = 0; i < count; ++i) fn(i);
  watch.stop();
  return count;
}

constexpr std::size_t instants = 1024;  // a power of two

struct Instants {
  explicit Instants(std::size_t count) {
    Random random(5);
    for (std::size_t i = 0; i < count; ++i) {
      at.push_back(start + Duration::from_ms(random.below(0xFFFFFFFF)));
      text.push_back(to_string(at.back()));
    }
  }
  std::vector<Timestamp> at;
  std::vector<std::string> text;
};

std::size_t parse_instants(Stopwatch& watch) {
  const auto& some = cached<Instants>(instants);
  return measure_calls(watch, 100000, [&](std::size_t i) {
    const auto at = presence::parse_timestamp(some.text[i % instants]);
    if (!at || *at != some.at[i % instants]) fail("an instant reads as another");
  });
}

/// Leaves the fraction out.
std::size_t strptime_instants(Stopwatch& watch) {
  const auto& some = cached<Instants>(instants);
  return measure_calls(watch, 100000, [&](std::size_t i) {
    std::tm fields{};
    const char* rest = strptime(some.text[i % instants].c_str(), "%Y-%m-%dT%H:%M:%S", &fields);
    if (rest == nullptr || timegm(&fields) != some.at[i % instants].ms() / 1000) fail("strptime reads another instant");
  });
}

/// Into a string that has room, as strftime writes into an array.
std::size_t format_instants(Stopwatch& watch) {
  const auto& some = cached<Instants>(instants);
  std::string text;
  return measure_calls(watch, 100000, [&](std::size_t i) {
    text.clear();
    append_string(text, some.at[i % instants]);
    benchmark::DoNotOptimize(text.data());
    benchmark::ClobberMemory();
  });
}

/// Into a string made for each, which is longer than any that needs no memory.
std::size_t stringify_instants(Stopwatch& watch) {
  const auto& some = cached<Instants>(instants);
  return measure_calls(watch, 100000, [&](std::size_t i) {
    const std::string text = to_string(some.at[i % instants]);
    benchmark::DoNotOptimize(text.data());
    benchmark::ClobberMemory();
  });
}

/// Leaves the fraction out, and makes no string.
std::size_t strftime_instants(Stopwatch& watch) {
  const auto& some = cached<Instants>(instants);
  return measure_calls(watch, 100000, [&](std::size_t i) {
    const std::time_t seconds = some.at[i % instants].ms() / 1000;
    std::tm fields{};
    char text[32];
    gmtime_r(&seconds, &fields);
    if (std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &fields) != 20) fail("strftime wrote something else");
    benchmark::DoNotOptimize(&text[0]);
    benchmark::ClobberMemory();
  });
}

constexpr std::string_view payload =
    R"({"type":"user.presence.changed","user":{"id":"wandering-otter-31","role":"user",)"
    R"("created_at":"2019-01-02T08:41:11.204518Z","updated_at":"2019-01-07T12:59:03.118264Z",)"
    R"("last_active":"2019-01-07T13:17:41.902375Z","online":true,)"
    R"("name":"Otto Wanders","image":"https://images.example.org/avatars/wandering-otter-31.png",)"
    R"("status":"Eating a veggie burger...","teams":["north"]},"created_at":"2019-01-07T13:17:42.375Z"})";
static_assert(payload.size() == 410);

void check_payload(std::string_view id, bool online, std::string_view status) {
  require(id == "wandering-otter-31" && online && status == "Eating a veggie burger...",
          "the payload reads as another");
}

constexpr std::size_t payloads = 10000;

/// Others are asked for some fields only: so is the library, unless it keeps all data of the user.
std::size_t parse_payloads(bool with_data, Stopwatch& watch) {
  const std::string text(payload);
  presence::EventBuffer buffer;
  presence::ReadOptions options;
  if (!with_data) options.max_data_names = 0;
  return measure_calls(watch, payloads, [&](std::size_t) {
    const auto event = presence::parse_event(text, buffer, options);
    if (!event) fail("the payload cannot be read");
    if (event->data.has_value() != with_data) fail("the payload has other data");
    check_payload(event->user, event->online, *event->status);
    benchmark::ClobberMemory();
  });
}

#if PRESENCE_BENCH_NLOHMANN
/// Leaves timestamps as text.
std::size_t nlohmann_payloads(Stopwatch& watch) {
  const std::string text(payload);
  return measure_calls(watch, payloads, [&](std::size_t) {
    const auto parsed = nlohmann::json::parse(text);
    const auto& user = parsed.at("user");
    benchmark::DoNotOptimize(parsed.at("type").get_ref<const std::string&>().data());
    benchmark::DoNotOptimize(parsed.at("created_at").get_ref<const std::string&>().data());
    benchmark::DoNotOptimize(user.at("last_active").get_ref<const std::string&>().data());
    check_payload(user.at("id").get_ref<const std::string&>(), user.at("online").get<bool>(),
                  user.at("status").get_ref<const std::string&>());
  });
}
#endif

#if PRESENCE_BENCH_SIMDJSON
std::string_view string_of(simdjson::simdjson_result<simdjson::ondemand::value> value) {
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS) fail("simdjson finds no string");
  return text;
}

/// Reads the fields that the library reads, in the order in which they stand, and passes over the others unjudged.
std::size_t simdjson_payloads(bool instants_too, Stopwatch& watch) {
  const simdjson::padded_string text{payload};
  simdjson::ondemand::parser parser;
  return measure_calls(watch, payloads, [&](std::size_t) {
    simdjson::ondemand::document event;
    simdjson::ondemand::object user;
    bool online = false;
    if (parser.iterate(text).get(event) != simdjson::SUCCESS) fail("simdjson cannot read the payload");
    const std::string_view type = string_of(event["type"]);
    if (event["user"].get_object().get(user) != simdjson::SUCCESS) fail("simdjson finds no user");
    const std::string_view id = string_of(user["id"]), last_active = string_of(user["last_active"]);
    if (user["online"].get_bool().get(online) != simdjson::SUCCESS) fail("simdjson finds no truth");
    const std::string_view status = string_of(user["status"]), created_at = string_of(event["created_at"]);
    check_payload(id, online, status);
    if (type != "user.presence.changed") fail("simdjson finds another type");
    if (instants_too) {
      if (!presence::parse_timestamp(last_active) || !presence::parse_timestamp(created_at))
        fail("an instant cannot be read");
    } else {
      benchmark::DoNotOptimize(last_active.data());
      benchmark::DoNotOptimize(created_at.data());
    }
    benchmark::ClobberMemory();
  });
}
#endif

}  // namespace

void register_text() {
  register_round("text/parse_instant", parse_instants);
  register_round("text/strptime", strptime_instants);
  register_round("text/format_instant", format_instants);
  register_round("text/stringify_instant", stringify_instants);
  register_round("text/strftime", strftime_instants);
  register_round("text/parse_event", [](Stopwatch& watch) { return parse_payloads(false, watch); });
  register_round("text/parse_event_data", [](Stopwatch& watch) { return parse_payloads(true, watch); });
#if PRESENCE_BENCH_NLOHMANN
  register_round("text/nlohmann", nlohmann_payloads);
#endif
#if PRESENCE_BENCH_SIMDJSON
  register_round("text/simdjson", [](Stopwatch& watch) { return simdjson_payloads(false, watch); });
  register_round("text/simdjson_instants", [](Stopwatch& watch) { return simdjson_payloads(true, watch); });
#endif
}

}  // namespace bench
