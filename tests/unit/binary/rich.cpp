// SPDX-License-Identifier: MIT
#include <presence/binary/codec.hpp>

#include "../rich.hpp"
#include "../second_writer.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace support;
using namespace support::second_writer;

namespace {

const std::string no_now = octet(0);
constexpr unsigned in_ms = 1, one_session = 2, rare = 64, data_bit = 128;
constexpr unsigned evidence = 1, by_connect = 2, run_start = 4, rare_of_session = 8, is_available = 16;
constexpr unsigned state = 1, state_by_connect = 2, active_bit = 4, active_by_connect = 8, held = 16, runs = 32,
                   shown = 64, shown_by_connect = 128;

/// "syntax at 5: the message", with the offset from the start of `from`, or "accepted".
std::string judged(const std::string& before, const std::string& record, const std::string& after,
                   const Rules& rules = {}) {
  const Result<Snapshot> result = decode(framed({no_now + before + record + after}), rules);
  if (result) return "accepted";
  const char* const codes[] = {"syntax", "truncated"};
  const auto code = static_cast<std::size_t>(result.error().code);
  const std::string name = result.error().code == ErrorCode::over_limit     ? "over_limit"
                           : result.error().code == ErrorCode::out_of_range ? "out_of_range"
                           : code < 2                                       ? codes[code]
                                                                            : "another";
  return name + " at " +
         std::to_string(static_cast<std::int64_t>(result.error().offset) -
                        static_cast<std::int64_t>(before_body + no_now.size() + before.size()));
}
const std::string user_with_session = text_bytes("u") + octet(in_ms | one_session);
const std::string user_with_rare = text_bytes("u") + octet(in_ms | rare);
const std::string user_with_data = text_bytes("u") + octet(in_ms | data_bit);
/// The head of a session that has evidence at the base, and registers that are rare.
const std::string rare_session = text_bytes("s") + octet(evidence | rare_of_session) + earlier(0);
std::string judged_session(const std::string& record, const Rules& rules = {}) {
  return judged(user_with_session, record, {}, rules);
}
std::string judged_rare_session(const std::string& record, const Rules& rules = {}) {
  return judged(user_with_session + rare_session, record, {}, rules);
}
std::string judged_activity(const std::string& value, const Rules& rules = {}) {
  return judged(user_with_session + rare_session + octet(shown) + earlier(0), value, {}, rules);
}
std::string judged_data(const std::string& record, const Rules& rules = {}) {
  return judged(user_with_data, record, {}, rules);
}
std::string judged_value(const std::string& value, const Rules& rules = {}) {
  return judged(user_with_data + number(2) + text_bytes("n") + earlier(0), value, {}, rules);
}
std::string object_of(const std::string& member) { return octet(7) + number(1) + text_bytes("x") + member; }

Snapshot random_snapshot(Chance& chance, const Rules& rules, std::size_t events) {
  Snapshot s(rules);
  double second = 0;
  for (std::size_t i = 0; i < events; ++i) {
    if (chance.below(4) == 0) {
      second += static_cast<double>(chance.below(40));
      s = reduce(std::move(s), at(second));
    }
    s = reduce(std::move(s), random_rich_event(chance,
                                               at(second - static_cast<double>(chance.below(60))) +
                                                   Duration::from_ns(chance.below(2) == 0 ? 0 : 7),
                                               4));
    if (chance.below(20) == 0) s = reduce(std::move(s), removes("user 1", at(second)));
    if (chance.below(20) == 0) s = forget_reports(std::move(s));
    if (chance.below(30) == 0) {
      second += 100;
      resume(s, at(second), seconds(30));
    }
  }
  return s;
}

}  // namespace

TEST_CASE("what is encoded is decoded, with every register of rich presence") {
  Rules rules = with_timeout(seconds(40));
  rules.idle_after = seconds(1000);
  rules.offline_grace = seconds(5);
  rules.reorder_window = seconds(500);
  const PresenceEvent base = update("john", "phone", at(100));
  struct {
    const char* name;
    std::vector<PresenceEvent> events;
  } const cases[] = {
      {"a state", {being(base, Availability::away, -128)}},
      {"a state of an earlier moment", {being(base, Availability::busy, 127), heartbeat("john", "phone", at(101))}},
      {"a state that takes no memory", {being(base, Availability::available)}},
      {"the same of a connect", {being(connect("john", "phone", at(100)), Availability::available)}},
      {"a state by a connect",
       {being(connect("john", "phone", at(100)), Availability::busy), heartbeat("john", "phone", at(101))}},
      {"an activity",
       {doing(base, fields({{"a", Value::array({1, 2.5, "x", nullptr, true, false})},
                            {"o", Value::object(fields({{"", -1}}))}}))}},
      {"an activity by a connect",
       {doing(connect("john", "phone", at(100)), "x"), heartbeat("john", "phone", at(101))}},
      {"no activity", {doing(base, Attributes())}},
      {"earlier runs",
       {base, heartbeat("john", "phone", at(30)),
        doing(being(update("john", "phone", at(30)), Availability::away), "x")}},
      {"runs without evidence",
       {heartbeat("john", "phone", at(30)), removes("john", at(40)), says("john", "x", at(50))}},
      {"many disconnects",
       [] {
         std::vector<PresenceEvent> all = {heartbeat("john", "phone", at(99))};
         for (int i = 0; i < 9; ++i) all.push_back(disconnect("john", "phone", at(100 + i)));
         return all;
       }()},
      {"a choice", {chooses("john", Availability::idle, at(100))}},
      {"a choice with an end", {until(chooses("john", Availability::busy, at(100)), at(300) + tick)}},
      {"no choice, with an end", {until(chooses("john", std::nullopt, at(100)), at(300))}},
      {"data",
       {sets("john", "b", 1, at(100)), sets("john", "a", Value(), at(101)), sets("john", "c", "x", at(102) + tick)}},
      {"removed data only", {sets("john", "a", Value(), at(101))}},
      {"a full report",
       {having(report("john", true, at(100)), fields({{"a", 1}})),
        having(report("mary", false, at(100)), Attributes())}},
      {"a report", {doing(being(report("john", true, at(100)), Availability::away), "x")}},
      {"a status with an end", {until(says("john", "x", at(100)), at(150))}},
  };
  for (const auto& one : cases) {
    CAPTURE(one.name);
    for (const bool has_now : {true, false}) {
      Snapshot s(rules);
      for (const PresenceEvent& event : one.events) s = reduce(std::move(s), event);
      if (has_now) s = reduce(std::move(s), at(120));
      const std::string bytes = encode(s);
      const Result<Snapshot> copy = decode(bytes, rules);
      REQUIRE(copy);
      CHECK(*copy == s);
      CHECK(copy->digest() == s.digest());
      CHECK(encode(*copy) == bytes);
      CHECK(copy->next_deadline() == s.next_deadline());
      CHECK(s.inspect("john") == copy->inspect("john"));
      for (std::size_t size = 0; size < bytes.size(); ++size) {
        const Result<Snapshot> part = decode(std::string_view(bytes).substr(0, size), rules);
        REQUIRE_FALSE(part);
        CHECK(part.error().code == ErrorCode::truncated);
      }
    }
  }
}

TEST_CASE("random snapshots, deltas between them, and merges of what was decoded") {
  Chance chance(5);
  for (int round = 0; round < 120; ++round) {
    const Rules rules = random_rich_rules(chance);
    const Snapshot s = random_snapshot(chance, rules, 25);
    const Result<Snapshot> copy = decode(encode(s), rules);
    REQUIRE(copy);
    CHECK(*copy == s);
    CHECK(encode(*copy) == encode(s));
    for (const UserView user : s) {
      CHECK(rich(copy->find(user.id)) == rich(static_cast<User>(user)));
      CHECK(rich(copy->find(user.id, self(user.id))) == rich(s.find(user.id, self(user.id))));
    }
    CHECK(copy->next_deadline() == s.next_deadline());
    if (!s.now()) continue;
    Snapshot later = s;
    for (int i = 0; i < 10; ++i) later = reduce(std::move(later), random_rich_event(chance, *s.now(), 5));
    later = reduce(std::move(later), *s.now() + seconds(static_cast<double>(1 + chance.below(60))));
    Snapshot replica = *copy;
    REQUIRE_FALSE(apply_delta(replica, encode_delta(s, later), *later.now()));
    CHECK(replica == later);
    REQUIRE_FALSE(apply_delta(replica, encode_delta(s, later), *later.now()));
    CHECK(replica == later);
  }
}

TEST_CASE("encode_for shows each viewer exactly what they see") {
  Chance chance(6);
  for (int round = 0; round < 120; ++round) {
    const Snapshot s = random_snapshot(chance, random_rich_rules(chance), 25);
    for (const char* const id : {"", "user 0", "user 1", "a stranger"}) {
      const Viewer viewer(id);
      const Result<Snapshot> mirror = decode(encode_for(s, viewer), Rules::mirror());
      REQUIRE(mirror);
      for (int i = 0; i < 4; ++i) {
        const std::string user = "user " + std::to_string(i);
        CHECK(rich(mirror->find(user, viewer)) == rich(s.find(user, viewer)));
        if (user != id) CHECK(rich(mirror->find(user)) == rich(s.find(user)));
      }
      CHECK((mirror->inspect("user 3") ? 1 : 0) == (s.find("user 3", viewer) ? 1 : 0));
    }
  }
}

TEST_CASE("encode_for shows when a status ends, and not when a choice or a session does") {
  Snapshot s = reduce(Snapshot(with_timeout(seconds(40))), at(0));
  s = reduce(std::move(s), until(saying(connect("john", "phone", at(0)), "brb"), at(50) + tick));
  s = reduce(std::move(s), until(chooses("john", Availability::busy, at(0)), at(20)));
  const Result<Snapshot> mirror = decode(encode_for(s, Viewer("ann")), Rules::mirror());
  REQUIRE(mirror);
  CHECK(mirror->next_deadline() == at(50) + tick);
  CHECK(status(reduce(*mirror, at(50)), "john") == "brb");
  CHECK(status(reduce(*mirror, at(50) + tick), "john").empty());
  CHECK(availability(reduce(*mirror, at(1000)), "john") == Availability::busy);
}

TEST_CASE("what an invisible user does changes no byte for others, but their data does") {
  const auto bytes = [](const std::vector<PresenceEvent>& doings) {
    Snapshot s = folded({doing(connect("john", "phone", at(0)), "match"), hides("john", at(1))});
    for (const PresenceEvent& event : doings) s = reduce(std::move(s), event);
    return encode_for(s, Viewer("ann")) + encode_for(reduce(s, at(30)), Viewer("ann"));
  };
  const std::string alone = bytes({});
  CHECK(bytes({doing(being(update("john", "phone", at(2)), Availability::busy, 3), "film"), acts("john", "tv", at(3)),
               chooses("john", Availability::away, at(4)), until(chooses("john", Availability::busy, at(5)), at(20)),
               disconnect("john", "phone", at(6))}) == alone);
  CHECK(bytes({sets("john", "n", 1, at(2))}) != alone);
}

TEST_CASE("the bytes of rich presence are as documented") {
  Rules rules = with_timeout(seconds(0));
  const Snapshot s =
      folded(rules, {doing(being(update("john", "a", at(0)), Availability::busy, -1), fields({{"n", 1}})),
                     sets("john", "b", 0.5, at(0)), until(chooses("john", Availability::away, at(0)), at(10))});
  const std::int64_t base = -at(0).ns() / 1000000, end = base - 10000;
  CHECK(body_of(encode(s)) == no_now + text_bytes("john") + octet(in_ms | one_session | 8 | rare | data_bit) +
                                  text_bytes("a") + octet(evidence | rare_of_session) + earlier(base) +
                                  octet(state | shown) + earlier(base) + octet(3) + octet(255) + earlier(base) +
                                  octet(7) + number(1) + text_bytes("n") + octet(3) + number(2) + earlier(base) +
                                  number(0) + octet(8) + earlier(base) + octet(2 | 128) + earlier(end) + number(2) +
                                  text_bytes("b") + earlier(base) + octet(4) + words(0x3FE0000000000000u, 8));
}

TEST_CASE("a malformed session is an error at its byte") {
  const std::string head = text_bytes("s");
  CHECK(judged_session(head + octet(evidence) + earlier(0)) == "accepted");
  CHECK(judged_session(text_bytes("") + octet(evidence | by_connect) + earlier(0)) == "accepted");  // the reports
  CHECK(judged_session(head + octet(evidence | run_start) + earlier(0) + number(3)) == "accepted");
  CHECK(judged_session(head + octet(0)) == "syntax at 0");
  CHECK(judged_session(head + octet(by_connect)) == "syntax at 0");
  CHECK(judged_session(head + octet(run_start)) == "syntax at 0");
  CHECK(judged_session(head + octet(is_available)) == "syntax at 0");
  CHECK(judged_rare_session(octet(0)) == "syntax at 0");
  CHECK(judged_rare_session(octet(state_by_connect)) == "syntax at 0");
  CHECK(judged_rare_session(octet(active_by_connect) + earlier(0)) == "syntax at 0");
  CHECK(judged_rare_session(octet(shown_by_connect) + earlier(0)) == "syntax at 0");
  CHECK(judged_rare_session(octet(active_bit | active_by_connect) + earlier(0)) == "accepted");
  CHECK(judged_rare_session(octet(held) + earlier(-100000)) == "accepted");
}

TEST_CASE("a malformed state is an error at its byte") {
  const std::string head = octet(state) + earlier(1);
  CHECK(judged_rare_session(head + octet(3) + octet(0)) == "accepted");
  CHECK(judged_rare_session(head + octet(0) + octet(0)) == "syntax at 2");  // offline
  CHECK(judged_rare_session(head + octet(5) + octet(0)) == "syntax at 2");
  CHECK(judged_rare_session(octet(state) + earlier(0) + octet(4) + octet(0)) == "syntax at 0");  // has a shorter form
  CHECK(judged_rare_session(octet(state) + earlier(0) + octet(4) + octet(1)) == "accepted");
  CHECK(judged_rare_session(head + octet(4) + octet(0)) == "accepted");
  const std::string available_too = text_bytes("s") + octet(evidence | rare_of_session | is_available) + earlier(0);
  CHECK(judged(user_with_session + available_too, head + octet(3) + octet(0), {}) == "syntax at 0");
  CHECK(judged(user_with_session + available_too, octet(active_bit) + earlier(0), {}) == "accepted");
}

TEST_CASE("malformed runs are an error at their byte") {
  const std::string head = octet(runs);
  const std::string one = earlier(200000) + earlier(190000);
  CHECK(judged_rare_session(head + number(1) + one) == "accepted");
  CHECK(judged_rare_session(head + number(0)) == "syntax at 1");
  CHECK(judged_rare_session(head + number(1) + earlier(190000) + earlier(200000)) == "syntax at 2");
  CHECK(judged_rare_session(head + number(2) + one + one) == "syntax at " + std::to_string(2 + one.size()));
  Rules rules;
  rules.max_recent_per_user = 2;
  CHECK(judged_rare_session(head + number(3), rules) == "over_limit at 1");
  CHECK(judged_rare_session(head + number(UINT64_MAX), rules) == "over_limit at 1");
  // Into the run of the evidence.
  CHECK(judged_session(rare_session + head + number(1) + earlier(1000) + earlier(0)) == "syntax at 0");
}

TEST_CASE("a malformed activity is an error at its byte") {
  const std::string one = object_of(octet(1));
  CHECK(judged_activity(one) == "accepted");
  CHECK(judged_activity(octet(0)) == "accepted");
  CHECK(judged_activity(octet(7) + number(0)) == "syntax at 0");
  for (const unsigned kind : {1u, 2u}) CHECK(judged_activity(octet(kind)) == "syntax at 0");
  CHECK(judged_activity(octet(5) + text_bytes("x")) == "syntax at 0");
  CHECK(judged_activity(octet(6) + number(0)) == "syntax at 0");
  CHECK(judged_activity(octet(8)) == "syntax at 0");
  CHECK(judged_activity(octet(7) + number(2) + text_bytes("b") + octet(1) + text_bytes("a") + octet(1)) ==
        "syntax at 5");
  CHECK(judged_activity(octet(7) + number(2) + text_bytes("a") + octet(1) + text_bytes("a") + octet(1)) ==
        "syntax at 5");
  Rules rules;
  rules.max_activity_bytes = 20;  // the object has 2 and 4 and its name
  CHECK(judged_activity(object_of(octet(5) + text_bytes("12345678901")), rules) == "accepted");
  CHECK(judged_activity(object_of(octet(5) + text_bytes("123456789012")), rules) == "over_limit at 0");
  CHECK(judged_activity(object_of(octet(5) + text_bytes("123456789012345678901")), rules) == "over_limit at 5");
}

TEST_CASE("malformed data is an error at its byte") {
  const auto entry = [](const char* name) { return text_bytes(name) + earlier(0) + octet(1); };
  CHECK(judged_data(number(2) + entry("n")) == "accepted");
  CHECK(judged_data(number(1) + earlier(0)) == "accepted");  // of a full report without data
  CHECK(judged_data(number(0)) == "syntax at 0");
  CHECK(judged_data(number(2) + entry("")) == "syntax at 1");
  CHECK(judged_data(number(2) + entry("id")) == "syntax at 1");
  CHECK(judged_data(number(4) + entry("a") + entry("a")) == "syntax at 5");
  CHECK(judged_data(number(4) + entry("b") + entry("a")) == "syntax at 5");
  Rules rules;
  rules.max_data_names = 1;
  rules.max_user_data_bytes = 20;
  CHECK(judged_data(number(2) + entry("n"), rules) == "accepted");
  CHECK(judged_data(number(4) + entry("a") + entry("b"), rules) == "over_limit at 0");
  CHECK(judged_data(number(UINT64_MAX), rules) == "over_limit at 0");
  CHECK(judged_data(number(2) + entry("a name of 21 bytes 21"), rules) == "over_limit at 1");
  const auto text = [](const char* characters) {
    return number(2) + text_bytes("n") + earlier(0) + octet(5) + text_bytes(characters);
  };
  CHECK(judged_data(text("1234567890123"), rules) == "accepted");
  CHECK(judged_data(text("12345678901234"), rules) == "over_limit at 0");
  CHECK(judged_data(text("123456789012345678901"), rules) == "over_limit at 5");
}

TEST_CASE("a malformed value is an error at its byte") {
  CHECK(judged_value(octet(0)) == "accepted");  // removed
  CHECK(judged_value(octet(3) + number(UINT64_MAX)) == "accepted");
  CHECK(judged_value(octet(4) + words(0x3FF0000000000000u, 8)) == "accepted");
  for (const std::uint64_t bits : {0x7FF0000000000000u, 0xFFF0000000000000u, 0x7FF8000000000000u, 0x7FF0000000000001u})
    CHECK(judged_value(octet(4) + words(bits, 8)) == "syntax at 0");
  CHECK(judged_value(octet(6) + number(2) + octet(1) + octet(8)) == "syntax at 3");
  CHECK(judged_value(octet(6) + number(1) + octet(6) + number(0)) == "syntax at 2");  // an array in an array
  CHECK(judged_value(octet(9)) == "syntax at 0");
  CHECK(judged_value(octet(255)) == "syntax at 0");
  std::string deep = octet(1);
  for (int i = 0; i < 64; ++i) deep = object_of(deep);
  CHECK(judged_value(deep) == "accepted");
  CHECK(judged_value(object_of(deep)) == "syntax at " + std::to_string(64 * 4));
  std::string very_deep;
  for (int i = 0; i < 100000; ++i) very_deep += octet(7) + number(1) + text_bytes("x");
  CHECK(judged_value(very_deep) == "syntax at " + std::to_string(64 * 4));
  CHECK(judged_value(octet(6) + number(UINT64_MAX) + octet(1)).substr(0, 10) == "truncated ");
  CHECK(judged_value(octet(7) + number(UINT64_MAX) + text_bytes("x") + octet(1)).substr(0, 10) == "truncated ");
}

TEST_CASE("malformed rare registers are an error at their byte") {
  CHECK(judged(user_with_rare, octet(8) + earlier(0) + octet(0), {}) == "accepted");  // no choice
  CHECK(judged(user_with_rare, octet(8) + earlier(0) + octet(5), {}) == "syntax at 2");
  CHECK(judged(user_with_rare, octet(8) + earlier(0) + octet(128 | 5) + earlier(-9), {}) == "syntax at 2");
  CHECK(judged(user_with_rare, octet(8) + earlier(0) + octet(128 | 4) + earlier(-9), {}) == "accepted");
  CHECK(judged(user_with_rare, octet(64) + earlier(0), {}) == "syntax at 0");  // the end of no status
  CHECK(judged(user_with_rare, octet(0), {}) == "syntax at 0");
}

TEST_CASE("version 1 is still read: connects, heartbeats, disconnects, and reports") {
  const auto read = [](const std::string& record) { return decode(framed({no_now + record}, 0, 1), Rules()); };
  const std::string user = text_bytes("john") + octet(in_ms | one_session);
  const std::string phone = text_bytes("phone");
  const auto base = [](std::int64_t seconds_after) { return earlier(-1000 * seconds_after); };
  struct {
    std::string session;
    std::vector<PresenceEvent> events;
  } const cases[] = {
      {octet(1) + base(9), {connect("john", "phone", Timestamp::from_ms(9000))}},
      {octet(2) + base(9), {heartbeat("john", "phone", Timestamp::from_ms(9000))}},
      {octet(3) + base(5) + base(9),
       {connect("john", "phone", Timestamp::from_ms(5000)), heartbeat("john", "phone", Timestamp::from_ms(9000))}},
      {octet(3) + base(9) + base(5),
       {connect("john", "phone", Timestamp::from_ms(9000)), heartbeat("john", "phone", Timestamp::from_ms(5000))}},
      {octet(3 | 1 << 2) + base(9) + base(99) + base(7),
       {connect("john", "phone", Timestamp::from_ms(9000)), heartbeat("john", "phone", Timestamp::from_ms(99000)),
        disconnect("john", "phone", Timestamp::from_ms(7000))}},
      {octet(1 << 2) + base(7), {disconnect("john", "phone", Timestamp::from_ms(7000))}},
  };
  for (const auto& one : cases) {
    const Result<Snapshot> result = read(user + phone + one.session);
    REQUIRE(result);
    CHECK(result->inspect("john")->sessions == folded(one.events).inspect("john")->sessions);
  }
  for (const bool is_online : {true, false}) {
    const Result<Snapshot> result =
        read(text_bytes("john") + octet(in_ms | rare) + octet(is_online ? 4 | 8 : 4) + base(9));
    REQUIRE(result);
    CHECK(*result == folded({report("john", is_online, Timestamp::from_ms(9000))}));
  }
  // What it does not have.
  const auto judged_1 = [&](const std::string& record) {
    const Result<Snapshot> result = read(record);
    return result ? std::string("accepted") : std::to_string(result.error().offset - before_body - 1);
  };
  CHECK(judged_1(text_bytes("u") + octet(in_ms | data_bit) + number(1) + base(0)) == "0");
  CHECK(judged_1(text_bytes("u") + octet(in_ms | rare) + octet(8) + base(0)) == "3");  // online, but not reported
  CHECK(judged_1(text_bytes("u") + octet(in_ms | rare) + octet(128) + base(0)) == "3");
  CHECK(judged_1(text_bytes("u") + octet(in_ms | one_session) + text_bytes("") + octet(1) + base(0)) == "3");
}

TEST_CASE("other versions are unknown") {
  const std::string body = no_now + user_with_session + text_bytes("s") + octet(evidence) + earlier(0);
  CHECK(decode(framed({body}), Rules()));
  for (const unsigned version : {0u, 3u, 255u})
    CHECK(decode(framed({body}, 0, version), Rules()).error().code == ErrorCode::unknown_version);
}

TEST_CASE("a peer's state that is later than its session's evidence is encoded so that it can be decoded") {
  const std::string record = text_bytes("s") + octet(evidence | rare_of_session) + earlier(-5) + octet(state) +
                             earlier(-8) + octet(static_cast<unsigned>(Availability::available)) + octet(0);
  for (const bool has_timeout : {true, false}) {
    const Rules rules = with_timeout(seconds(has_timeout ? 40 : 0));
    const Result<Snapshot> theirs = decode(framed({no_now + user_with_session + record}), rules);
    REQUIRE(theirs);
    const PresenceEvent beat = heartbeat("u", "s", Timestamp::from_ms(8));
    Snapshot refreshed = *theirs;
    CHECK(apply(refreshed, beat) == Verdict::applied);
    for (const Snapshot& s : {reduce(*theirs, saying(beat, "x")), refreshed, reduce(*theirs, beat),
                              merge(*theirs, reduce(Snapshot(rules), beat))}) {
      const Result<Snapshot> copy = decode(encode(s), rules);
      REQUIRE(copy);
      CHECK(*copy == s);
      CHECK(copy->digest() == s.digest());
    }
  }
}
