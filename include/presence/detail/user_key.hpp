// SPDX-License-Identifier: MIT
#ifndef PRESENCE_DETAIL_USER_KEY_HPP
#define PRESENCE_DETAIL_USER_KEY_HPP

#include <presence/detail/text.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint8_t, uint64_t
#include <string_view>  // for string_view

/// The hashes of a user's id, made of 64-bit arithmetic alone, so that they are the same on every platform.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

constexpr std::uint64_t rotated(std::uint64_t x, int by) noexcept { return x << by | x >> (64 - by); }

/// A multiplicative hash of 16 bytes at a time. Good at spreading ids that nobody chose on purpose; against those that
/// somebody did stands the structure that it is used in (user_table.hpp).
inline std::uint64_t hash_of(const Sought& id, std::uint64_t seed) noexcept {
  constexpr std::uint64_t a = 0x9E3779B97F4A7C15u, b = 0xC2B2AE3D27D4EB4Fu, c = 0xD6E8FEB86659FD93u;
  std::uint64_t state = seed, low = id.low(), high = id.high();
  if (!id.is_short()) {
    const char* p = id.text().data();
    std::size_t left = id.text().size();
    for (; left > 16; p += 16, left -= 16) {
      state = rotated((state ^ load_word(p)) * a, 29) ^ (rotated(state, 17) ^ load_word(p + 8)) * b;
    }
    low = left < 8 ? load_part(p, left) : load_word(p);
    high = left <= 8 ? 0 : load_part(p + 8, left - 8);
    state ^= id.text().size() * c;
  }
  state = (low ^ state) * a ^ rotated((high ^ rotated(state, 23)) * b, 32);
  state = (state ^ state >> 32) * c;
  return state ^ state >> 29;
}

/// What a user is found by.
///
/// `order` and the id decide where a user is kept, and so in which order users are gone over: nothing of that may
/// depend on a seed. `tag` tells the users of one page apart, and is seeded, so that nobody can choose ids that look
/// alike there.
struct UserKey {
  Sought id;
  std::uint64_t order = 0;
  std::uint8_t tag = 0;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_DETAIL_USER_KEY_HPP
