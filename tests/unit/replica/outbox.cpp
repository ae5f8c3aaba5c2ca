// SPDX-License-Identifier: MIT
#include <presence/replica/outbox.hpp>

#include "../rich.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace support;

namespace {

Rules steps_of(double refresh, double timeout = 40) {
  Rules rules = with_timeout(seconds(timeout));
  rules.last_active_refresh = seconds(refresh);
  return rules;
}
OutboxOptions period_of(double period) {
  OutboxOptions options;
  options.heartbeat_period = seconds(period);
  return options;
}

/// "phone 3, tv 5": the sessions and seconds of the events of a batch; a type that is no heartbeat stands before them.
std::string text_of(std::string_view batch) {
  if (batch.empty()) return "nothing";
  std::string text;
  const Result<Tally> tally = decode_events(batch, [&text](const PresenceEventView& event) {
    if (!text.empty()) text += ", ";
    if (event.type != EventType::heartbeat) text += std::string(to_string(event.type)) + ' ';
    text += std::string(event.session) + ' ' + std::to_string((event.at - at(0)).ns() / 1000000000);
  });
  REQUIRE(tally.has_value());
  return text;
}

}  // namespace

TEST_CASE("an outbox without events returns no batch") {
  Outbox outbox((Rules()));
  CHECK(outbox.take(at(0)).empty());
  CHECK_FALSE(outbox.next_take());
}

TEST_CASE("events other than heartbeats are in the next batch, as they are and in their order") {
  const std::vector<PresenceEvent> events = {
      connect("john", "phone", at(0)),   says("john", "hi", at(1)),
      hides("john", at(2)),              doing(being(update("john", "phone", at(3)), Availability::busy, 1), "chess"),
      acts("john", "phone", at(4)),      sets("john", "name", Value::array({1, "x"}), at(5)),
      report("mary", true, at(6)),       chooses("john", Availability::away, at(7)),
      disconnect("john", "phone", at(8)), removes("john", at(9)),
      saying(heartbeat("john", "phone", at(10)), "with a status")};
  Outbox outbox((Rules()));
  for (const PresenceEvent& event : events) {
    PresenceEvent passing = event;
    outbox.add(passing);  // copied: it may change afterwards
    passing = PresenceEvent();
    CHECK(outbox.next_take() == Timestamp::lowest());
  }
  CHECK(outbox.take(at(10)) == encode_events(events.begin(), events.end()));
  CHECK(outbox.take(at(10)).empty());
  CHECK_FALSE(outbox.next_take());
}

TEST_CASE("of the heartbeats of a session the last one is sent, once per period") {
  Outbox outbox(steps_of(900), period_of(10));
  outbox.add(heartbeat("john", "phone", at(0)));
  CHECK(text_of(outbox.take(at(0))) == "phone 0");  // the first of its session
  CHECK_FALSE(outbox.next_take());
  for (const double second : {1, 2, 3}) {
    outbox.add(heartbeat("john", "phone", at(second)));
    CHECK(outbox.next_take() == at(10));
    CHECK(outbox.take(at(second)).empty());
  }
  outbox.add(heartbeat("john", "tv", at(3)));
  CHECK(text_of(outbox.take(at(3))) == "tv 3");  // the first of its session
  outbox.add(heartbeat("john", "tv", at(6)));
  CHECK(outbox.take(at(9.999)).empty());
  CHECK(text_of(outbox.take(at(10))) == "phone 3, tv 6");
  CHECK(outbox.take(at(100)).empty());
  CHECK_FALSE(outbox.next_take());
}

TEST_CASE("other events do not wait for heartbeats, nor do heartbeats go with them") {
  Outbox outbox(steps_of(900), period_of(10));
  outbox.add(connect("john", "phone", at(0)));
  outbox.add(heartbeat("john", "phone", at(0)));
  CHECK(text_of(outbox.take(at(0))) == "connect phone 0, phone 0");
  outbox.add(heartbeat("john", "phone", at(2)));
  outbox.add(disconnect("john", "phone", at(3)));
  CHECK(text_of(outbox.take(at(3))) == "disconnect phone 3");
  CHECK(text_of(outbox.take(at(10))) == "phone 2");
}

TEST_CASE("a heartbeat with a status does not wait") {
  Outbox outbox(steps_of(900), period_of(10));
  outbox.add(heartbeat("john", "phone", at(0)));
  CHECK(text_of(outbox.take(at(0))) == "phone 0");
  const PresenceEvent event = saying(heartbeat("john", "phone", at(1)), "hi");
  outbox.add(event);
  CHECK(outbox.take(at(1)) == encode_events(&event, &event + 1));
  CHECK_FALSE(outbox.next_take());
}

TEST_CASE("the first heartbeat in each step of last_active_refresh is sent at once") {
  Outbox outbox(steps_of(60), period_of(30));
  const auto sent = [&outbox](double second) {
    outbox.add(heartbeat("john", "phone", at(second)));
    return text_of(outbox.take(at(second)));
  };
  CHECK(sent(0) == "phone 0");
  CHECK(sent(20) == "nothing");
  CHECK(sent(30) == "phone 30");  // after the period
  CHECK(sent(59) == "nothing");
  CHECK(sent(60) == "phone 60");
  CHECK(sent(61) == "nothing");
  CHECK(sent(-1) == "phone -1");  // late
  CHECK(sent(62) == "nothing");
  CHECK(sent(62) == "nothing");
  CHECK(text_of(outbox.take(at(90))) == "phone 62");
  CHECK(sent(0) == "phone 0");
}

TEST_CASE("steps are counted from 1970, also before it") {
  Outbox outbox(steps_of(60, 0), period_of(1000));
  const auto is_sent = [&outbox](std::int64_t second) {
    outbox.add(heartbeat("john", "phone", Timestamp::from_s(second)));
    return !outbox.take(Timestamp::from_s(-1000)).empty();
  };
  CHECK(is_sent(-61));
  CHECK(is_sent(-60));
  CHECK_FALSE(is_sent(-59));
  CHECK_FALSE(is_sent(-1));
  CHECK(is_sent(0));
  CHECK_FALSE(is_sent(59));
}

TEST_CASE("without last_active_refresh each heartbeat is sent") {
  Outbox outbox(steps_of(0), period_of(1000));
  for (const double second : {0, 1, 2, 3}) outbox.add(heartbeat("john", "phone", at(second)));
  CHECK(text_of(outbox.take(at(3))) == "phone 0, phone 1, phone 2, phone 3");
}

TEST_CASE("after a gap of session_timeout both ends of it are sent") {
  Outbox outbox(steps_of(900, 40), period_of(1000));
  outbox.add(heartbeat("john", "phone", at(0)));
  CHECK(text_of(outbox.take(at(0))) == "phone 0");
  outbox.add(heartbeat("john", "phone", at(1)));
  outbox.add(heartbeat("john", "phone", at(40.999)));
  CHECK(outbox.take(at(41)).empty());
  outbox.add(heartbeat("john", "phone", at(80.999)));
  CHECK(text_of(outbox.take(at(81))) == "phone 40, phone 80");
  outbox.add(heartbeat("john", "phone", at(130)));
  CHECK(text_of(outbox.take(at(130))) == "phone 130");
}

TEST_CASE("sessions of different users are different, whatever the ids are") {
  Outbox outbox(steps_of(900), period_of(10));
  const char* const ids[][2] = {{"a", "bc"}, {"ab", "c"}, {"", "abc"}, {"abc", ""}, {"1:a", "b"}, {"1", ":ab"}};
  std::vector<PresenceEvent> events;
  for (const auto& [user, session] : ids) events.push_back(heartbeat(user, session, at(0)));
  for (const PresenceEvent& event : events) outbox.add(event);
  CHECK(outbox.take(at(0)) == encode_events(events.begin(), events.end()));
  for (PresenceEvent& event : events) {
    event.at = at(1);
    outbox.add(event);
  }
  CHECK(outbox.take(at(1)).empty());
  CHECK(outbox.take(at(10)) == encode_events(events.begin(), events.end()));
}

TEST_CASE("the sessions that have ended are forgotten") {
  Outbox outbox(steps_of(60, 40), period_of(10));
  outbox.add(heartbeat("john", "phone", at(0)));
  CHECK(text_of(outbox.take(at(60))) == "phone 0");
  outbox.add(heartbeat("john", "phone", at(0)));
  CHECK(outbox.take(at(61)).empty());  // known
  CHECK(outbox.take(at(70)).empty());  // forgets it
  outbox.add(heartbeat("john", "phone", at(0)));
  CHECK(text_of(outbox.take(at(70))) == "phone 0");
}

TEST_CASE("batches can be sent again for as long as resend_window says") {
  OutboxOptions options;
  options.resend_window = seconds(30);
  Outbox outbox(Rules(), options);
  std::vector<std::string> batches;
  for (const double second : {0, 10, 20, 30, 31}) {
    outbox.add(says("john", "x", at(second)));
    batches.push_back(outbox.take(at(second)));
  }
  const auto again = [&outbox](double since) {
    std::vector<std::string> found;
    outbox.resend(at(since), [&found](std::string_view batch) { found.emplace_back(batch); });
    return found;
  };
  CHECK(again(-100) == std::vector<std::string>(batches.begin() + 1, batches.end()));
  CHECK(again(10) == std::vector<std::string>(batches.begin() + 1, batches.end()));
  CHECK(again(10.001) == std::vector<std::string>(batches.begin() + 2, batches.end()));
  CHECK(again(32).empty());
  CHECK(outbox.take(at(61)).empty());
  CHECK(again(-100) == std::vector<std::string>{batches.back()});
}
