// SPDX-License-Identifier: MIT
#include <presence/binary/codec.hpp>
#include <presence/binary/events.hpp>

#include "../rich.hpp"
#include "../second_writer.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace support;
using namespace support::second_writer;

namespace {

using Events = std::vector<PresenceEvent>;
constexpr unsigned events_kind = 4, events_version = 1;
constexpr unsigned status_bit = 16, is_invisible = 64, more = 128;
constexpr unsigned until_bit = 1, activity_bit = 8, last_active_bit = 16, named = 64, data_bit = 128;
constexpr unsigned resized = 8;

std::string encoded(const Events& events) { return encode_events(events.begin(), events.end()); }
std::string framed_events(const std::vector<std::string>& blocks) {
  return framed(blocks, events_kind, events_version);
}

/// "syntax at 5", with the offset from the start of `from`, or "accepted". Nothing may be delivered after an error.
std::string judged_bytes(std::string_view bytes, std::size_t from = 0) {
  std::size_t delivered = 0;
  const Result<Tally> tally = decode_events(bytes, [&delivered](const PresenceEventView&) { ++delivered; });
  if (tally) return "accepted";
  CHECK(delivered == 0);
  CHECK(tally.error().offset <= bytes.size());
  CHECK(std::string_view(tally.error().message) != "");
  return std::string(to_string(tally.error().code)) + " at " +
         std::to_string(static_cast<std::int64_t>(tally.error().offset) - static_cast<std::int64_t>(from));
}
/// Of a part of the only block, which begins after `before`.
std::string judged(const std::string& before, const std::string& part, const std::string& rest = {}) {
  return judged_bytes(framed_events({before + part + rest}), before_body + before.size());
}

const std::string u = octet(resized) + text_bytes("u");
const std::string us = octet(resized | resized * 16) + text_bytes("u") + text_bytes("s");
const std::string at_0 = number(0);
/// A valid event: a heartbeat of "u" in "s" at 1970.
const std::string beat = octet(2) + us + at_0;
/// A removal of the same user as before at the same time.
const std::string same = octet(10) + octet(1) + number(0);
/// The start of an event with a value, up to its name.
const std::string valued = octet(8 | more) + octet(named) + u + at_0 + text_bytes("n");
std::string judged_value(const std::string& value) { return judged(valued, value); }

}  // namespace

TEST_CASE("bytes that are no batch are errors at their first wrong byte") {
  CHECK(judged_bytes("") == "truncated at 0");
  CHECK(judged_bytes("PRS") == "truncated at 3");
  CHECK(judged_bytes("{\"type\":\"connect\"}") == "syntax at 0");
  CHECK(judged_bytes("PRSX\1\4") == "syntax at 3");
  CHECK(judged_bytes(std::string("PRSN\0\4", 6)) == "unknown_version at 4");
  for (const unsigned version : {2u, 3u, 4u, 255u})
    CHECK(judged_bytes(framed({beat}, events_kind, version)) == "unknown_version at 4");
  for (const unsigned kind : {0u, 1u, 2u, 3u, 5u, 255u})
    CHECK(judged_bytes(framed({beat}, kind, events_version)) == "wrong_type at 5");
  CHECK(judged_bytes(encode(Snapshot())) == "wrong_type at 5");
  const Result<Snapshot> other = decode(framed_events({beat}), Rules());
  REQUIRE_FALSE(other);
  CHECK(other.error() == Error{ErrorCode::wrong_type, 5, ""});
}

TEST_CASE("a batch is refused if it is truncated anywhere") {
  const std::string batch = encoded({connect("john", "phone", at(0)), says("john", "hi", at(1)),
                                     doing(update("john", "phone", at(2)), fields({{"a", 1}}))});
  for (std::size_t size = 0; size < batch.size(); ++size) {
    CHECK(judged_bytes(batch.substr(0, size)) == "truncated at " + std::to_string(size));
  }
  CHECK(judged_bytes(batch) == "accepted");
  CHECK(judged_bytes(batch + "x") == "trailing_bytes at " + std::to_string(batch.size()));
  CHECK(judged_bytes(batch + batch) == "trailing_bytes at " + std::to_string(batch.size()));
}

TEST_CASE("a batch is refused if one of its bits is changed") {
  const std::string batch = encoded({connect("john", "phone", at(0)), says("john", "hi", at(1))});
  for (std::size_t bit = 0; bit < 8 * batch.size(); ++bit) {
    std::string changed = batch;
    changed[bit / 8] = static_cast<char>(static_cast<unsigned char>(changed[bit / 8]) ^ 1u << bit % 8);
    CHECK(judged_bytes(changed) != "accepted");
  }
  std::string damaged = batch;
  damaged[30] = static_cast<char>(damaged[30] + 1);
  CHECK(judged_bytes(damaged) == "bad_checksum at 6");
}

TEST_CASE("all blocks are verified before the first event is delivered") {
  Events events(4000, connect("john", "phone", at(0)));
  for (std::size_t i = 0; i < events.size(); ++i) events[i].user = user_id(i * 7919 % 4000);
  std::string batch = encoded(events);
  REQUIRE(batch.size() > 20000);
  CHECK(judged_bytes(batch) == "accepted");
  CHECK(judged_bytes(batch.substr(0, batch.size() - 12)) == "truncated at " + std::to_string(batch.size() - 12));
  batch[batch.size() - 13] = static_cast<char>(batch[batch.size() - 13] ^ 1);
  CHECK(judged_bytes(batch).substr(0, 12) == "bad_checksum");
}

TEST_CASE("the events of a batch have one division into blocks") {
  CHECK(judged_bytes(framed_events({beat + same})) == "accepted");
  CHECK(judged_bytes(framed_events({beat, same})) ==
        "syntax at " + std::to_string(before_body + beat.size()));  // the first block is too short
  const std::string body = beat + octet(3 | status_bit) + octet(1) + number(0) + text_bytes(std::string(16384, 's'));
  CHECK(judged_bytes(framed_events({body, same})) == "accepted");
  CHECK(judged_bytes(framed_events({body + same})) == "syntax at " + std::to_string(before_body + body.size()));
  CHECK(judged_bytes(framed_events({body.substr(0, 100), body.substr(100)})) == "truncated at 118");
}

TEST_CASE("every truncated event is an error, at the end of its block") {
  const std::string batch = encoded({doing(being(saying(connect("john", "phone", at(0)), "hi"), Availability::busy, 1),
                                           fields({{"a", Value::array({1, "x", Value::object(fields({{"b", 0.5}}))})}}))});
  const std::string body = body_of(batch);
  CHECK(judged_bytes(framed_events({body})) == "accepted");
  for (std::size_t size = 1; size < body.size(); ++size) {
    const std::string verdict = judged("", body.substr(0, size));
    CHECK(verdict.substr(0, 9) == "truncated");
  }
  CHECK(judged("", body.substr(0, body.size() - 1)) == "truncated at " + std::to_string(body.size() - 1));
}

TEST_CASE("the head of an event has one form") {
  CHECK(judged("", beat) == "accepted");
  for (const unsigned type : {11u, 12u, 13u, 14u}) CHECK(judged(beat, octet(type), us + at_0) == "syntax at 0");
  CHECK(judged(beat, octet(2 | is_invisible), us + at_0) == "syntax at 0");
  CHECK(judged(beat + octet(2 | more), octet(0), us + at_0) == "syntax at 0");
  // The type 15, where a number in the head would do.
  for (unsigned type = 0; type < 11; ++type) {
    const bool is_of_session = type < 3 || type == 5 || type == 6;
    CHECK(judged(octet(15), octet(type), us + at_0) == (is_of_session ? "syntax at 0" : "accepted"));
    CHECK(judged(octet(15), octet(type), u + at_0) == "syntax at 0");
  }
  CHECK(judged(octet(15), octet(11), u + at_0) == "accepted");
  CHECK(judged(octet(15), octet(255), us + at_0) == "accepted");
  // An event without a session has none that shares bytes.
  for (unsigned bits = 1; bits < 16; ++bits) CHECK(judged(beat + octet(10), octet(1 | bits * 16), at_0) == "syntax at 0");
}

TEST_CASE("an id shares all that it can, and its size is given only if it is another one") {
  const std::string head = octet(3 | status_bit), rest = number(0) + text_bytes("");
  const auto after = [&](const std::string& first, const std::string& second) {
    return judged(head + octet(resized) + text_bytes(first) + rest + head, second, rest);
  };
  CHECK(after("abc", octet(3)) == "accepted");
  CHECK(after("abc", octet(2) + "d") == "accepted");
  CHECK(after("abc", octet(2) + "c") == "syntax at 1");
  CHECK(after("abc", octet(0) + "abc") == "syntax at 1");
  CHECK(after("abc", octet(0) + "xbc") == "accepted");
  CHECK(after("abc", octet(4)) == "syntax at 1");
  CHECK(after("abc", octet(2 | resized) + text_bytes("d")) == "syntax at 1");
  CHECK(after("abc", octet(2 | resized) + text_bytes("cx")) == "syntax at 1");
  CHECK(after("abc", octet(2 | resized) + text_bytes("xx")) == "accepted");
  CHECK(after("abc", octet(2 | resized) + text_bytes("")) == "accepted");
  CHECK(after("abc", octet(3 | resized) + text_bytes("")) == "syntax at 1");
  CHECK(after("abcdefgh", octet(7) + number(1)) == "accepted");
  CHECK(after("abcdefgh", octet(7) + number(0) + "x") == "accepted");
  CHECK(after("abcdefgh", octet(7) + number(0) + "h") == "syntax at 1");
  CHECK(after("abcdefgh", octet(7) + number(2)) == "syntax at 1");
  CHECK(after("abcdefgh", octet(7) + number(UINT64_MAX)) == "syntax at 1");
  CHECK(after("abcdef", octet(7)) == "syntax at 1");
  const std::string most(255, 'a');
  CHECK(after(most + "b", octet(7) + number(248) + "b") == "accepted");
  CHECK(after(most + "b", octet(7) + number(248) + "c") == "accepted");
  CHECK(after(most + "b", octet(7) + number(249)) == "syntax at 1");
  CHECK(after("abc", octet(3 | resized) + number(UINT64_MAX)) == "truncated at 13");
  CHECK(judged(octet(10), octet(1)) == "syntax at 1");  // there is no id before the first
  CHECK(judged(octet(10), octet(resized) + text_bytes("")) == "syntax at 1");
}

TEST_CASE("a timestamp has one form and is in the range") {
  const std::string head = octet(10) + u;
  CHECK(judged(head, number(1) + number(1)) == "accepted");
  CHECK(judged(head, number(1) + number(0)) == "syntax at 0");
  CHECK(judged(head, number(1) + number(999999)) == "accepted");
  CHECK(judged(head, number(1) + number(1000000)) == "syntax at 0");
  CHECK(judged(head, std::string("\x80\0", 2)) == "syntax at 0");
  constexpr std::uint64_t high = 9223372036854, low = 9223372036855;
  CHECK(judged(head, number(4 * high + 1) + number(775807)) == "accepted");
  CHECK(judged(head, number(4 * high + 1) + number(775808)) == "out_of_range at 0");
  CHECK(judged(head, number(4 * (high + 1))) == "out_of_range at 0");
  CHECK(judged(head, number(4 * (low - 1) + 3) + number(224192)) == "accepted");
  CHECK(judged(head, number(4 * (low - 1) + 3) + number(224191)) == "out_of_range at 0");
  CHECK(judged(head, number(4 * low + 2)) == "out_of_range at 0");
  for (const std::uint64_t far : {UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 2, UINT64_MAX - 3, UINT64_MAX / 2})
    CHECK(judged(head, number(far) + number(1)).substr(0, 6) != "accept");
  // After one at either end, so that the sum is beyond 64 bits.
  for (const std::uint64_t end : {4 * high + 1, 4 * (low - 1) + 3}) {
    const std::string first = head + number(end) + number(224192) + octet(10) + octet(1);
    CHECK(judged(first, number(UINT64_MAX - 1)) == "out_of_range at 0");
    CHECK(judged(first, number(UINT64_MAX - 3)) == "out_of_range at 0");
  }
  CHECK(judged(octet(3 | status_bit | more) + octet(until_bit) + u + at_0 + text_bytes(""), number(4 * (high + 1))) ==
        "out_of_range at 0");
  CHECK(judged(octet(4 | more) + octet(last_active_bit) + u + at_0, number(4 * low + 2)) == "out_of_range at 0");
}

TEST_CASE("a value has one form") {
  CHECK(judged_value(octet(0)) == "accepted");
  for (unsigned kind = 10; kind < 256; ++kind) CHECK(judged_value(octet(kind)) == "syntax at 0");
  CHECK(judged_value(octet(9)) == "accepted");
  CHECK(judged_value(octet(6) + number(1) + octet(9)) == "syntax at 2");
  CHECK(judged_value(octet(7) + number(1) + text_bytes("a") + octet(9)) == "syntax at 4");
  CHECK(judged_value(octet(6) + number(2) + octet(0) + octet(6) + number(0)) == "syntax at 3");
  CHECK(judged_value(octet(7) + number(2) + text_bytes("a") + octet(0) + text_bytes("b") + octet(0)) == "accepted");
  CHECK(judged_value(octet(7) + number(2) + text_bytes("a") + octet(0) + text_bytes("a") + octet(0)) == "syntax at 5");
  CHECK(judged_value(octet(7) + number(2) + text_bytes("b") + octet(0) + text_bytes("a") + octet(0)) == "syntax at 5");
  CHECK(judged_value(octet(7) + number(2) + text_bytes("") + octet(0) + text_bytes("") + octet(0)) == "syntax at 4");
  CHECK(judged_value(octet(4) + words(0x7FF8000000000000u, 8)) == "accepted");
  CHECK(judged_value(octet(4) + words(0x7FF0000000000000u, 8)) == "accepted");
  for (const std::uint64_t nan : {0x7FF8000000000001u, 0xFFF8000000000000u, 0x7FF0000000000001u, 0xFFFFFFFFFFFFFFFFu})
    CHECK(judged_value(octet(4) + words(nan, 8)) == "syntax at 0");
  CHECK(judged_value(octet(3) + std::string("\x81\0", 2)) == "syntax at 1");
  // No name and no value are no fields.
  const std::string unnamed = octet(8 | more) + octet(named) + u + at_0;
  CHECK(judged(unnamed, text_bytes("") + octet(0)) == "syntax at 0");
  CHECK(judged(unnamed, text_bytes("") + octet(1)) == "accepted");
  CHECK(judged(unnamed, text_bytes("") + octet(9)) == "accepted");
}

TEST_CASE("fields are ascending by name") {
  for (const unsigned bit : {activity_bit, data_bit}) {
    const std::string head = octet(4 | more) + octet(bit) + u + at_0;
    CHECK(judged(head, number(0)) == "accepted");
    CHECK(judged(head, number(2) + text_bytes("a") + octet(0) + text_bytes("b") + octet(9)) == "accepted");
    CHECK(judged(head, number(2) + text_bytes("a") + octet(0) + text_bytes("a") + octet(0)) == "syntax at 4");
    CHECK(judged(head, number(2) + text_bytes("b") + octet(0) + text_bytes("a") + octet(0)) == "syntax at 4");
    CHECK(judged(head, number(1) + text_bytes("a") + octet(6) + number(1) + octet(6)) == "syntax at 5");
  }
}

TEST_CASE("a value nests at most as deep as a Value") {
  std::string objects = octet(0), mixed = octet(0);
  for (unsigned level = 0; level < Value::deepest; ++level) {
    CHECK(judged_value(objects) == "accepted");
    objects = octet(7) + number(1) + text_bytes("") + objects;
    mixed = level % 2 == 0 ? octet(6) + number(1) + mixed : octet(7) + number(1) + text_bytes("") + mixed;
  }
  CHECK(judged_value(objects) == "accepted");
  CHECK(judged_value(mixed) == "accepted");
  CHECK(judged_value(octet(6) + number(1) + objects) == "syntax at " + std::to_string(2 + 3 * 63));
  CHECK(judged_value(octet(7) + number(1) + text_bytes("") + mixed).substr(0, 6) == "syntax");
  std::string without_end;
  for (int i = 0; i < 100000; ++i) without_end += octet(7) + number(1) + text_bytes("");
  CHECK(judged_value(without_end) == "syntax at " + std::to_string(3 * 64));
}

TEST_CASE("a count or a size that exceeds the bytes is truncated") {
  for (const std::uint64_t much : {std::uint64_t{3}, std::uint64_t{1} << 32, std::uint64_t{1} << 63, UINT64_MAX}) {
    CHECK(judged_value(octet(6) + number(much) + octet(0)) == "truncated at 1");
    CHECK(judged_value(octet(7) + number(much) + text_bytes("") + octet(0)) == "truncated at 1");
    CHECK(judged_value(octet(5) + number(much) + "x").substr(0, 9) == "truncated");
    CHECK(judged(octet(4 | more) + octet(activity_bit) + u + at_0, number(much) + text_bytes("") + octet(0)) ==
          "truncated at 0");
    CHECK(judged(octet(10), octet(resized) + number(much) + "x").substr(0, 9) == "truncated");
    CHECK(judged(octet(3 | status_bit) + u + at_0, number(much) + "x").substr(0, 9) == "truncated");
  }
}

TEST_CASE("random bytes in a block are refused, or are the encoding of what is read") {
  Chance chance(4);
  std::size_t taken = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string body;
    for (std::size_t left = 1 + chance.below(40); left > 0; --left)
      body += octet(chance.below(3) == 0 ? static_cast<unsigned>(chance.below(256)) : static_cast<unsigned>(chance.below(12)));
    const std::string batch = framed_events({body});
    Events events;
    std::size_t delivered = 0;
    const Result<Tally> tally = decode_events(batch, [&](const PresenceEventView& event) {
      ++delivered;
      events.push_back(static_cast<PresenceEvent>(event));
    });
    if (tally) {
      ++taken;
      CHECK(encoded(events) == batch);
    } else {
      CHECK(delivered == 0);
    }
  }
  CHECK(taken > 20);
}
