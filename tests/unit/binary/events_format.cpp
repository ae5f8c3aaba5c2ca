// SPDX-License-Identifier: MIT
#include <presence/binary/events.hpp>

#include "../rich.hpp"
#include "../second_writer.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace support;
using namespace support::second_writer;

namespace {

using Events = std::vector<PresenceEvent>;
constexpr unsigned events_kind = 4, events_version = 1;
/// Bits of the bytes of an event.
constexpr unsigned status_bit = 16, visibility = 32, is_invisible = 64, more = 128;
constexpr unsigned availability_bit = 2, online_bit = 32, named = 64, resized = 8;

std::string encoded(const Events& events) { return encode_events(events.begin(), events.end()); }
std::string record_of(const PresenceEvent& event) { return body_of(encoded({event})); }
std::string framed_events(const std::vector<std::string>& blocks) {
  return framed(blocks, events_kind, events_version);
}
/// A timestamp, so many milliseconds and nanoseconds after its base.
std::string after(std::int64_t ms, std::uint64_t ns = 0) {
  const auto bits = static_cast<std::uint64_t>(ms);
  const std::uint64_t signed_last = ms < 0 ? ~(2 * bits) : 2 * bits;
  return ns == 0 ? number(2 * signed_last) : number(2 * signed_last + 1) + number(ns);
}
/// The ids of the first event of a batch.
std::string first_ids(std::string_view user, std::string_view session) {
  return octet((user.empty() ? 0 : resized) | (session.empty() ? 0 : resized * 16)) +
         (user.empty() ? "" : text_bytes(user)) + (session.empty() ? "" : text_bytes(session));
}
const std::string u = octet(resized) + text_bytes("u"), us = first_ids("u", "s");
constexpr std::int64_t second_0 = 1546858800000;
const std::string at_0 = after(second_0);

/// Heartbeats of so many of a million users, dated so many milliseconds and nanoseconds after each other.
Events heartbeats(std::size_t count, std::int64_t ms, std::int64_t ns = 0) {
  Events events;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string digits = user_id(i * 611953 % 1000000).substr(5);
    events.push_back(heartbeat("user-" + digits, "s" + digits + "a",
                               at(0) + Duration::from_ns(static_cast<std::int64_t>(i) * (ms * 1000000 + ns))));
  }
  return events;
}
std::string uuid(Chance& chance) {
  std::string text;
  for (std::size_t i = 0; i < 36; ++i)
    text += i == 8 || i == 13 || i == 18 || i == 23 ? '-' : "0123456789abcdef"[chance.below(16)];
  return text;
}

}  // namespace

TEST_CASE("a batch is frames of the kind of events, with nothing but events") {
  CHECK(encoded({}) == framed_events({}));
  CHECK(encoded({connect("u", "s", at(0)), connect("u", "s", at(0))}) ==
        framed_events({octet(0) + us + at_0 + octet(0) + octet(1 | 1 << 4) + after(0)}));
}

TEST_CASE("each type has the number of its enumerator") {
  const std::string of_session[] = {octet(0), octet(1), octet(2), octet(5), octet(6)};
  CHECK(record_of(connect("u", "s", at(0))) == of_session[0] + us + at_0);
  CHECK(record_of(disconnect("u", "s", at(0))) == of_session[1] + us + at_0);
  CHECK(record_of(heartbeat("u", "s", at(0))) == of_session[2] + us + at_0);
  CHECK(record_of(acts("u", "s", at(0))) == of_session[3] + us + at_0);
  CHECK(record_of(update("u", "s", at(0))) == of_session[4] + us + at_0);
  CHECK(record_of(says("u", "", at(0))) == octet(3 | status_bit) + u + at_0 + text_bytes(""));
  CHECK(record_of(report("u", false, at(0))) == octet(4) + u + at_0);
  CHECK(record_of(report("u", true, at(0))) == octet(4 | more) + octet(online_bit) + u + at_0);
  CHECK(record_of(chooses("u", std::nullopt, at(0))) == octet(7) + u + at_0);
  CHECK(record_of(chooses("u", Availability::busy, at(0))) ==
        octet(7 | more) + octet(availability_bit) + u + at_0 + octet(3));
  CHECK(record_of(sets("u", "n", nullptr, at(0))) ==
        octet(8 | more) + octet(named) + u + at_0 + text_bytes("n") + octet(0));
  CHECK(record_of(hides("u", at(0))) == octet(9 | visibility | is_invisible) + u + at_0);
  CHECK(record_of(shows("u", at(0))) == octet(9 | visibility) + u + at_0);
  CHECK(record_of(removes("u", at(0))) == octet(10) + u + at_0);
}

TEST_CASE("a type that is unknown, or has a session that it does not use, is the type 15") {
  PresenceEvent event = connect("u", "", at(0));
  event.type = static_cast<EventType>(11);
  CHECK(record_of(event) == octet(15) + octet(11) + u + at_0);
  event.type = static_cast<EventType>(255);
  event.session = "s";
  CHECK(record_of(event) == octet(15) + octet(255) + us + at_0);
  event.type = EventType::report;
  CHECK(record_of(event) == octet(15) + octet(4) + us + at_0);
  event.online = true;
  event.status = "x";
  CHECK(record_of(event) ==
        octet(15 | status_bit | more) + octet(online_bit) + octet(4) + us + at_0 + text_bytes("x"));
}

TEST_CASE("fields follow in the order of their bits, the status first, the name and its value last but data") {
  PresenceEvent event = update("u", "s", at(0));
  event.invisible = true;
  event.status = "x";
  event.until = at(1);
  event.availability = Availability::away;
  event.priority = std::int8_t{-1};
  event.activity = fields({{"", 1}, {"a", nullptr}});
  event.last_active = at(-1);
  event.online = true;
  event.name = "n";
  event.value = 1;
  event.data = Attributes();
  CHECK(record_of(event) == octet(6 | status_bit | visibility | is_invisible | more) + octet(255) + us + at_0 +
                                text_bytes("x") + after(1000) + octet(2) + octet(255) + number(2) + text_bytes("") +
                                octet(3) + number(2) + text_bytes("a") + octet(0) + after(-1000) + text_bytes("n") +
                                octet(3) + number(2) + number(0));
}

TEST_CASE("an id has the bytes after those that it shares, up to 255, and a size if that is another one") {
  const auto second_of = [](const std::string& first, const std::string& second) {
    const std::string one = record_of(says(first, "", at(0)));
    return body_of(encoded({says(first, "", at(0)), says(second, "", at(0))})).substr(one.size() + 1);
  };
  const std::string rest = after(0) + text_bytes("");
  CHECK(second_of("abc", "abc") == octet(3) + rest);
  CHECK(second_of("abc", "abd") == octet(2) + "d" + rest);
  CHECK(second_of("abc", "xbc") == octet(0) + "xbc" + rest);
  CHECK(second_of("abc", "ab") == octet(2 | resized) + number(0) + rest);
  CHECK(second_of("abc", "abcd") == octet(3 | resized) + text_bytes("d") + rest);
  CHECK(second_of("abc", "") == octet(resized) + number(0) + rest);
  CHECK(second_of("", "") == octet(0) + rest);
  CHECK(second_of("abcdef", "abcdef") == octet(6) + rest);
  CHECK(second_of("abcdefg", "abcdefg") == octet(7) + number(0) + rest);
  CHECK(second_of("abcdefgh", "abcdefghi") == octet(7 | resized) + number(1) + text_bytes("i") + rest);
  const std::string most(255, 'a');
  CHECK(second_of(most, most) == octet(7) + number(248) + rest);
  CHECK(second_of(most + "a", most + "a") == octet(7) + number(248) + "a" + rest);
  CHECK(second_of(most + "ab", most + "ac") == octet(7) + number(248) + "ac" + rest);
}

TEST_CASE("an id shares bytes with the last one of its kind, over events without a session") {
  const std::string body = body_of(encoded({connect("ux", "sx", at(0)), says("sy", "", at(0)), connect("sz", "sy", at(0))}));
  CHECK(body == octet(0) + first_ids("ux", "sx") + at_0 +                        //
                    octet(3 | status_bit) + octet(0) + "sy" + after(0) + text_bytes("") +  //
                    octet(0) + octet(1 | 1 << 4) + "z" + "y" + after(0));
}

TEST_CASE("a timestamp is a difference in milliseconds, and the nanoseconds after it") {
  const auto second_of = [](Timestamp first, Timestamp second) {
    const std::string one = record_of(removes("u", first));
    return body_of(encoded({removes("u", first), removes("u", second)})).substr(one.size() + 2);
  };
  const Timestamp ms_1 = Timestamp::from_ms(1);
  CHECK(record_of(removes("u", Timestamp())) == octet(10) + u + after(0));
  CHECK(record_of(removes("u", Timestamp() - tick)) == octet(10) + u + after(-1, 999999));
  CHECK(second_of(ms_1, Timestamp::from_ms(32)) == octet(124));
  CHECK(second_of(ms_1, Timestamp::from_ms(-31)) == octet(126));
  CHECK(second_of(ms_1, ms_1 + tick) == after(0, 1));
  CHECK(second_of(ms_1 + tick, ms_1) == after(0));
  CHECK(second_of(ms_1 + tick, ms_1 + tick) == after(0, 1));
  CHECK(second_of(ms_1 + tick, ms_1 - tick) == after(-1, 999999));
  CHECK(second_of(ms_1, Timestamp::lowest()) == after(-9223372036856, 224192));
  CHECK(second_of(ms_1, Timestamp::highest()) == after(9223372036853, 775807));
}

TEST_CASE("a value is its kind and its content; an invalid one has no content") {
  const auto value_of = [](const Value& value) {
    const std::string record = record_of(sets("u", "n", value, at(0)));
    return record.substr((octet(8 | more) + octet(named) + u + at_0 + text_bytes("n")).size());
  };
  CHECK(value_of(false) == octet(1));
  CHECK(value_of(true) == octet(2));
  CHECK(value_of(-2) == octet(3) + number(3));
  CHECK(value_of(1.0) == octet(4) + words(0x3FF0000000000000u, 8));
  CHECK(value_of(std::numeric_limits<double>::quiet_NaN()) == octet(4) + words(0x7FF8000000000000u, 8));
  CHECK(value_of("x") == octet(5) + text_bytes("x"));
  CHECK(value_of(Value::array({1, "x"})) == octet(6) + number(2) + octet(3) + number(2) + octet(5) + text_bytes("x"));
  CHECK(value_of(Value::object(fields({{"a", true}}))) == octet(7) + number(1) + text_bytes("a") + octet(2));
  CHECK(value_of(Timestamp::from_ns(7)) == octet(8) + words(7, 8));
  CHECK(value_of(Value(UINT64_MAX)) == octet(9));
}

TEST_CASE("a fixed batch of all types has the same bytes on every platform") {
  Events events = {being(doing(connect("user-000123", "s000123a", at(0)), fields({{"map", "harbour"}, {"n", 0.5}})),
                         Availability::away, -3),
                   saying(invisibly("user-000124", "s000124a", at(0.25)), "hi"),
                   heartbeat("user-000124", "s000124a", at(0.25) + tick),
                   acts("user-000007", "s000007a", at(0.125)),
                   update("user-000007", "s000007b", at(0.125)),
                   disconnect("jack", "tv", at(-100)),
                   until(says("jack", "Eating a veggie burger...", at(1)), at(3600)),
                   until(chooses("jack", Availability::busy, at(2)), at(2) + tick),
                   sets("mary", "home", Value::object(fields({{"city", "Kyoto"}, {"since", at(7)}})), at(3)),
                   hides("mary", at(4)),
                   active(having(report("ann", true, at(5)), fields({{"tags", Value::array({"a", nullptr, true, -1})}})),
                          at(4)),
                   removes("ann", at(6))};
  const std::string batch = encoded(events);
  CHECK(hex(batch) ==
        "5052534e0104e30000005a1d7d65e363bd61800e880b757365722d303030313233087330303031323361809c82ff89b40102"
        "fd02036d61700507686172626f7572016e04000000000000e03f706703343461e80702686902770401010105470130303730"
        "303761f2030677040062000188046a61636b027476f2b818930104a0d41819456174696e6720612076656767696520627572"
        "6765722e2e2ee0d4ee06870304a01f0101038840006d617279a01f04686f6d650702046369747905054b796f746f0573696e"
        "6365080066ebace38b77156904a01f84b00803616e6ea01f9e1f0104746167730604050161000203010a03a01f00000000aa"
        "4202cfa407b47d");
  std::size_t count = 0;
  CHECK(decode_events(batch, [&](const PresenceEventView& event) { CHECK(event == events[count++]); })->total() == 12);

  Chance chance(2019);
  events.clear();
  for (int i = 0; i < 3000; ++i)
    events.push_back(random_rich_event(chance, at(static_cast<double>(chance.below(1000))), 25));
  CHECK(checksum_after(0, encoded(events)) == 5431070734539780918u);
}

TEST_CASE("a heartbeat takes at most 20 bytes in a batch of 256, with timestamps in nanoseconds as well") {
  const auto bytes_of = [](const Events& events) {
    return static_cast<double>(encoded(events).size()) / static_cast<double>(events.size());
  };
  CHECK(bytes_of(heartbeats(256, 4)) <= 16.2);
  CHECK(bytes_of(heartbeats(256, 100)) <= 17.2);
  CHECK(bytes_of(heartbeats(256, 4, 123457)) <= 19.2);
  CHECK(bytes_of(heartbeats(1, 0)) <= 60);

  Chance chance(7);
  Events events;
  for (int i = 0; i < 256; ++i) events.push_back(heartbeat(uuid(chance), uuid(chance), at(i / 250.0)));
  CHECK(bytes_of(events) <= 75.2);
}
