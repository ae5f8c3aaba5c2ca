// SPDX-License-Identifier: MIT

// What reading costs of memory, whatever is read. This file has an allocator of its own, and so a namespace of its own:
// it shares no helpers with the others.

#include <cstddef>
#include <cstdlib>

namespace reading {
struct Memory {
  std::size_t bytes = 0, most = 0;
};
inline Memory memory;
inline void* allocate(std::size_t bytes, std::size_t) {
  memory.bytes += bytes;
  if (memory.bytes > memory.most) memory.most = memory.bytes;
  return std::malloc(bytes);
}
inline void free(void* block, std::size_t bytes, std::size_t) noexcept {
  memory.bytes -= bytes;
  std::free(block);
}
}  // namespace reading

#define PRESENCE_ALLOC(bytes, alignment) reading::allocate(bytes, alignment)
#define PRESENCE_FREE(block, bytes, alignment) reading::free(block, bytes, alignment)
// Another than that of a file with an allocator of another kind.
#define v0_2_0_alloc v0_2_0_alloc_reading

#include <doctest/doctest.h>
#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/binary/codec.hpp>
#include <presence/binary/detail/framing.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Built together with other files the library may have been included before the macros were there.
#if PRESENCE_CUSTOM_ALLOCATOR

namespace abi = presence::v0_2_0_alloc;  // with another version goes another name above

namespace {

using namespace presence;

std::string number(std::uint64_t n) {
  std::string bytes;
  for (; n >= 128; n /= 128) bytes += static_cast<char>(static_cast<unsigned char>(n % 128 + 128));
  return bytes + static_cast<char>(n);
}
std::string two(std::size_t i) {
  std::string id(2, '\0');
  id[0] = static_cast<char>(static_cast<unsigned char>(i >> 8));
  id[1] = static_cast<char>(static_cast<unsigned char>(i));
  return id;
}

/// Records in blocks, closed where they are to be.
class ChunkedVector {
 public:
  explicit ChunkedVector(bool is_delta = false)
      : bytes_(is_delta ? std::string("PRSN\1\1", 6) : std::string("PRSN\1\0", 6)), checksum_(is_delta ? 257 : 256) {
    add(std::string(1, '\0'));
  }
  void add(std::string_view record) {
    body_ += record;
    if (body_.size() >= detail::block_size) end_block();
  }
  std::string finished() {
    if (!body_.empty()) end_block();
    end_block();
    return bytes_;
  }

 private:
  void end_block() {
    checksum_ = detail::next_checksum(checksum_, body_);
    for (unsigned i = 0; i < 4; ++i) bytes_ += static_cast<char>(static_cast<unsigned char>(body_.size() >> 8 * i));
    for (unsigned i = 0; i < 8; ++i) bytes_ += static_cast<char>(static_cast<unsigned char>(checksum_ >> 8 * i));
    bytes_ += body_;
    body_.clear();
  }

  std::string bytes_, body_;
  std::uint64_t checksum_;
};

/// Users in the order of a snapshot, equal except for their ids.
std::string users_of(const std::string& rest, const std::vector<std::string>& ids) {
  Snapshot s;
  for (const std::string& id : ids) {
    s = reduce(std::move(s), PresenceEvent::set_status(id, "x", Timestamp::from_ms(0)));
  }
  ChunkedVector blocks;
  for (const UserView user : s) blocks.add(number(user.id.size()) + std::string(user.id) + rest);
  return blocks.finished();
}
std::string users_of(const std::string& rest, std::size_t count = 65536) {
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < count; ++i) ids.push_back(two(i));
  return users_of(rest, ids);
}
std::string one_user(const std::string& shape_and_all) {
  ChunkedVector blocks;
  blocks.add(std::string("\1a") + shape_and_all);
  return blocks.finished();
}

std::size_t taken_by(std::string_view bytes, bool is_taken, const Rules& rules = {}) {
  const std::size_t before = reading::memory.bytes;
  reading::memory.most = before;
  {
    const Result<Snapshot> s = decode(bytes, rules);
    CHECK(s.has_value() == is_taken);
  }
  CHECK(reading::memory.bytes == before);
  return reading::memory.most - before;
}

void stays_small(const std::string& bytes, bool is_taken, const Rules& rules = {}) {
  const std::size_t most = 64 * bytes.size() + 4096;
  CHECK(taken_by(bytes, is_taken, rules) < most);
}

}  // namespace

TEST_CASE("decoding users with very small records takes less than 64 times their bytes of memory") {
  stays_small(users_of(std::string("\x41\x20\0", 3)), true);          // forgotten up to a timestamp
  stays_small(users_of(std::string("\x41\2\0\0", 4)), true);          // a status without a text
  stays_small(users_of(std::string("\x21\1\0\1", 4)), true);          // a visibility change
  stays_small(users_of(std::string("\x09\0\0", 3)), true);            // an activity
  stays_small(users_of(std::string("\x03\1p\1\0", 5)), true);         // a session
  stays_small(users_of(std::string("\x05\1p\1\0\1q\1\0", 9)), true);  // two sessions
  stays_small(users_of(std::string("\x61\1\0\1\x20\0", 6)), true);    // a visibility change and a rare register
  stays_small(users_of(std::string("\x03\1p\1\0", 5), 300), true);
  stays_small(users_of(std::string("\x03\1p\1\0", 5), 1), true);
  stays_small(users_of(std::string("\x41\x20\0", 3), 30), true);
}

TEST_CASE("decoding ids chosen to leave pages nearly empty takes less than 64 times their bytes of memory") {
  // So many that share the first bits of their hash that their page is divided, and one apart from them at every bit.
  constexpr unsigned bits = 16, together = 33;
  std::vector<std::string> ids, apart(bits);
  std::size_t near = 0, found = 0;
  for (std::uint64_t n = 0; n < 1u << 26 && (near < together || found < bits); ++n) {
    std::string id(4, '\0');
    for (unsigned i = 0; i < 4; ++i) id[i] = static_cast<char>(static_cast<unsigned char>(n >> 8 * i));
    detail::LookupKey sought;
    sought.set(id);
    const std::uint64_t first = detail::hash_of(sought, 0) >> (64 - bits);
    unsigned shared = 0;
    while (shared < bits && (first >> (bits - 1 - shared) & 1) == 0) ++shared;
    if (shared == bits) {
      if (near++ < together) ids.push_back(id);
    } else if (apart[shared].empty()) {
      apart[shared] = id;
      ids.push_back(id);
      ++found;
    }
  }
  REQUIRE(ids.size() == together + bits);
  stays_small(users_of(std::string("\x41\x20\0", 3), ids), true);
}

TEST_CASE("decoding a user with 50000 records of a kind takes less than 64 times its bytes of memory") {
  Rules rules;
  rules.max_sessions_per_user = rules.max_recent_per_user = 10000000;
  rules.offline_grace = Duration::from_s(1);
  constexpr std::uint64_t count = 50000;
  std::string sessions = "\x07" + number(count - 3), activities = "\x19" + number(count - 3),
              visibility_changes = "\x21" + number(count), disconnects = std::string("\x03\1p\xFC", 4) + number(count - 63);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string at = number(2 * (count - i));
    sessions += number(2) + two(static_cast<std::size_t>(i)) + std::string("\1\0", 2);
    activities += at + std::string(1, '\0');
    visibility_changes += at + std::string(1, '\1');
    disconnects += at;
  }
  for (const std::string& user : {sessions, activities, visibility_changes, disconnects}) {
    stays_small(one_user(user), true, rules);
    stays_small(one_user(user.substr(0, user.size() - 1)), false, rules);
  }
}

TEST_CASE("lengths and counts that exceed the input allocate less than 4 KiB") {
  Rules rules;
  rules.max_sessions_per_user = rules.max_recent_per_user = rules.max_id_bytes = rules.max_status_bytes = 0xFFFFFFFF;
  const std::string many = number(0xFFFFFFF0), without_end = number(UINT64_MAX);
  for (const std::string& much : {many, without_end}) {
    for (const std::string& user : {"\x07" + much, "\x19" + much, "\x21" + much, std::string("\x03\1p\xFC", 4) + much,
                                    "\x03" + much, std::string("\x41\2\0", 3) + much}) {
      CHECK(taken_by(one_user(user), false, rules) < 4096);
    }
    ChunkedVector blocks;
    blocks.add(much);
    CHECK(taken_by(blocks.finished(), false, rules) < 4096);
  }
  const std::string block = std::string("PRSN\1\0", 6) + std::string(3, '\xFF') + "\x7F" + std::string(8, 'c');
  CHECK(taken_by(block + "x", false) < 4096);
  Decoder decoder{Rules()};
  const std::size_t before = reading::memory.bytes;
  for (int i = 0; i < 1000; ++i) decoder.push(i == 0 ? std::string_view(block) : std::string_view("x"));
  CHECK(reading::memory.bytes - before < 4096);
}

TEST_CASE("a decoder destroyed before the end frees its memory") {
  const std::size_t before = reading::memory.bytes;
  {
    const std::string bytes = users_of(std::string("\x03\1p\1\0", 5), 9000);
    Decoder decoder{Rules()};
    CHECK(decoder.push(std::string_view(bytes).substr(0, bytes.size() / 2)));
    CHECK(reading::memory.bytes > before);
  }
  CHECK(reading::memory.bytes == before);
}

#endif
