// SPDX-License-Identifier: MIT

// What reading a batch of events costs of memory, whatever is read: of the library's own allocator and of `new`. This
// file replaces both, so it is a program of its own and shares no helpers with the others.

#include <cstddef>
#include <cstdlib>
#include <new>

namespace reading {
struct Memory {
  std::size_t bytes = 0, most = 0, allocations = 0;
};
inline Memory memory;
/// The size of a block stands before it.
constexpr std::size_t before_block = 16;
inline void* allocate(std::size_t bytes) noexcept {
  void* const block = std::malloc(before_block + bytes);
  if (block == nullptr) std::abort();
  *static_cast<std::size_t*>(block) = bytes;
  memory.bytes += bytes;
  ++memory.allocations;
  if (memory.bytes > memory.most) memory.most = memory.bytes;
  return static_cast<char*>(block) + before_block;
}
inline void free(void* block) noexcept {
  if (block == nullptr) return;
  void* const whole = static_cast<char*>(block) - before_block;
  memory.bytes -= *static_cast<std::size_t*>(whole);
  std::free(whole);
}
}  // namespace reading

void* operator new(std::size_t bytes) { return reading::allocate(bytes); }
void operator delete(void* block) noexcept { reading::free(block); }
void operator delete(void* block, std::size_t) noexcept { reading::free(block); }

#include <doctest/doctest.h>
#include <presence/binary/detail/framing.hpp>
#include <presence/binary/events.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace presence;

std::string number(std::uint64_t n) {
  std::string bytes;
  for (; n >= 128; n /= 128) bytes += static_cast<char>(static_cast<unsigned char>(n % 128 + 128));
  return bytes + static_cast<char>(n);
}
std::string repeated(const std::string& one, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += one;
  return all;
}

/// The events in blocks.
std::string batch_of(const std::vector<std::string>& events) {
  std::string bytes("PRSN\1\4", 6), body;
  std::uint64_t checksum = 256 + 4;
  const auto end_block = [&] {
    checksum = detail::next_checksum(checksum, body);
    for (unsigned i = 0; i < 4; ++i) bytes += static_cast<char>(static_cast<unsigned char>(body.size() >> 8 * i));
    for (unsigned i = 0; i < 8; ++i) bytes += static_cast<char>(static_cast<unsigned char>(checksum >> 8 * i));
    bytes += body;
    body.clear();
  };
  for (const std::string& event : events) {
    body += event;
    if (body.size() >= detail::block_size) end_block();
  }
  if (!body.empty()) end_block();
  end_block();
  return bytes;
}
/// An event of the user "u" with that name and value; an event with that activity.
const std::string user("\x08\1u\0", 4);
std::string with_value(const std::string& value) { return "\x88\x40" + user + std::string(1, '\0') + value; }
std::string with_activity(const std::string& fields) { return "\x84\x08" + user + fields; }

struct Cost {
  std::size_t most, allocations;
};
Cost cost_of(std::string_view bytes, bool is_taken) {
  reading::Memory& memory = reading::memory;
  const std::size_t before = memory.bytes, allocations = memory.allocations;
  memory.most = before;
  bool was_taken = false;
  {
    std::size_t events = 0;
    const Result<Tally> tally = decode_events(bytes, [&events](const PresenceEventView&) { ++events; });
    was_taken = tally.has_value() && tally->total() == events;
  }
  const Cost cost{memory.most - before, memory.allocations - allocations};
  CHECK(memory.bytes == before);
  CHECK(was_taken == is_taken);
  return cost;
}
void stays_small(const std::string& event) {
  const std::string batch = batch_of({event});
  CHECK(cost_of(batch, true).most <= 16 * batch.size());
  const std::string twice = batch_of({event, event.substr(0, 2) + std::string("\1\0", 2) + event.substr(6)});
  CHECK(cost_of(twice, true).most <= 16 * twice.size());
  // Without its last byte it is refused, at no cost.
  CHECK(cost_of(batch_of({event.substr(0, event.size() - 1)}), false).most < 256);
}
std::string short_names(std::size_t count, const std::string& value) {
  std::string members = number(count);
  for (std::size_t i = 0; i < count; ++i) {
    members += std::string("\3", 1) + static_cast<char>(static_cast<unsigned char>(i >> 16)) +
               static_cast<char>(static_cast<unsigned char>(i >> 8)) + static_cast<char>(static_cast<unsigned char>(i));
    members += value;
  }
  return members;
}

}  // namespace

TEST_CASE("events without fields and values allocate nothing if their ids are short") {
  std::vector<PresenceEvent> events;
  for (int i = 0; i < 5000; ++i) {
    events.push_back(PresenceEvent::heartbeat("user" + std::to_string(i), "s" + std::to_string(i), Timestamp::from_s(i)));
    events.push_back(PresenceEvent::set_status("user" + std::to_string(i), std::string(100, 'x'), Timestamp::from_s(i)));
  }
  CHECK(cost_of(encode_events(events.begin(), events.end()), true).allocations == 0);
}

TEST_CASE("values of the smallest records take at most 16 times the bytes") {
  const std::string null(1, '\0'), yes("\2"), text("\5\1x"), empty_text("\5\0", 2), empty_object("\7\0", 2),
      one_member("\7\1\0\0", 4);
  for (const std::size_t count : {1u, 2u, 30u, 10000u}) {
    for (const std::string& element : {null, yes, text, empty_text, empty_object, one_member}) {
      stays_small(with_value("\6" + number(count) + repeated(element, count)));
      stays_small(with_value("\7" + short_names(count, element)));
      stays_small(with_value("\7" + short_names(count, "\6" + number(3) + repeated(element, 3))));
      stays_small(with_activity(short_names(count, element)));
    }
  }
  for (const unsigned levels : {2u, 10u, 63u, 64u}) {
    stays_small(with_value(repeated(std::string("\7\1\0", 3), levels) + null));
    stays_small(with_value(repeated(std::string("\6\1\7\1\0", 5), levels / 2) + null));
  }
  // Many values of many levels.
  std::string deep = "\6" + number(500);
  for (int i = 0; i < 500; ++i) deep += repeated(std::string("\7\1\0", 3), 63) + null;
  stays_small(with_value(deep));
}

TEST_CASE("long ids, names, texts and many small events take at most 16 times the bytes") {
  for (const std::size_t size : {1u, 15u, 16u, 1000u, 100000u}) {
    const std::string text = number(size) + std::string(size, 'x');
    stays_small(with_value("\5" + text));
    stays_small(with_activity(number(1) + text + "\5" + text));
    std::vector<PresenceEvent> events;
    for (std::size_t i = 0; i < 3; ++i)
      events.push_back(PresenceEvent::connect(std::string(size + i, 'u'), std::string(2 * size + i, 's'), Timestamp()));
    const std::string batch = encode_events(events.begin(), events.end());
    CHECK(cost_of(batch, true).most <= 16 * batch.size());
  }
  const std::vector<std::string> removals(50000, std::string("\x0A\0\0", 3));
  const std::string batch = batch_of(removals);
  CHECK(cost_of(batch, true).allocations == 0);
}

TEST_CASE("an id shares so little with the previous one that few bytes never stand for many") {
  // A user id of 100000 bytes, and then the shortest events: all but the first share 255 bytes at most.
  std::vector<PresenceEvent> events(2, PresenceEvent::remove(std::string(100000, 'u'), Timestamp()));
  CHECK(encode_events(events.begin(), events.end()).size() > 199000);
}

TEST_CASE("lengths and counts that exceed the input allocate less than 256 bytes") {
  for (const std::uint64_t much : {std::uint64_t{100000}, std::uint64_t{0xFFFFFFF0}, UINT64_MAX}) {
    for (const std::string& event :
         {with_value("\5" + number(much)), with_value("\6" + number(much) + repeated(std::string(1, '\2'), 1000)),
          with_value("\7" + number(much) + short_names(1000, "\2")), with_activity(number(much)),
          std::string("\x0A\x08", 2) + number(much), std::string("\x13\x08\1u\0", 5) + number(much)})
      CHECK(cost_of(batch_of({event}), false).most < 256);
  }
  // The counts of nested objects, each of which would fit.
  std::string nested;
  for (int i = 0; i < 64; ++i) nested += "\7" + number(1000) + std::string(1, '\0');
  CHECK(cost_of(batch_of({with_value(nested + std::string(20000, '\0'))}), false).most < 256);
}
