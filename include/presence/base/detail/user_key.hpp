// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_USER_KEY_HPP
#define PRESENCE_BASE_DETAIL_USER_KEY_HPP

#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/siphash.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint8_t, uint64_t
#include <string_view>  // for string_view

/// The hashes of a user's id. They use only 64-bit arithmetic, so they are the same on every platform.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): every input bit affects every output bit.
constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

constexpr std::uint64_t rotated(std::uint64_t x, int by) noexcept { return x << by | x >> (64 - by); }

/// A multiplicative hash of 16 bytes at a time, to distribute ids that are not chosen maliciously. Colliding ids are
/// easy to construct, for every seed. So it is used only in containers whose worst case is bounded for all ids
/// (user_table.hpp), where a collision costs only a few steps.
struct Hash {
  static constexpr std::uint64_t a = 0x9E3779B97F4A7C15u, b = 0xC2B2AE3D27D4EB4Fu, c = 0xD6E8FEB86659FD93u;

  static std::uint64_t finished(std::uint64_t state, std::uint64_t low, std::uint64_t high) noexcept {
    state = (low ^ state) * a ^ rotated((high ^ rotated(state, 23)) * b, 32);
    state = (state ^ state >> 32) * c;
    return state ^ state >> 29;
  }
  PRESENCE_DETAIL_APART static std::uint64_t of_long(std::string_view text, std::uint64_t state) noexcept {
    const char* p = text.data();
    std::size_t left = text.size();
    for (; left > 16; p += 16, left -= 16) {
      state = rotated((state ^ load_word(p)) * a, 29) ^ (rotated(state, 17) ^ load_word(p + 8)) * b;
    }
    return finished(state ^ text.size() * c, left < 8 ? load_part(p, left) : load_word(p),
                    left <= 8 ? 0 : load_part(p + 8, left - 8));
  }
};
inline std::uint64_t hash_of(const LookupKey& id, std::uint64_t seed) noexcept {
  return id.is_short() ? Hash::finished(seed, id.low(), id.high()) : Hash::of_long(id.text(), seed);
}

/// The hash that distinguishes the users of one page: pair-multiply-shift (Dietzfelbinger 1996) for short ids, SipHash
/// for long ones. An attacker without the seed cannot choose ids whose tags collide more often than by chance. Even
/// with the seed the cost is bounded, because a page has few users.
class Tagger {
 public:
  explicit constexpr Tagger(std::uint64_t seed) noexcept
      : low_(mix(seed ^ 0xA0761D6478BD642Fu) | 1), high_(mix(seed ^ 0xE7037ED1A0B428DBu) | 1) {}

  std::uint8_t tag_of(const LookupKey& id) const noexcept {
    return id.is_short() ? tag_of_short(id) : tag_of_hash(hash_long(id.text()));
  }
  std::uint8_t tag_of_short(const LookupKey& id) const noexcept {
    return tag_of_hash(id.low() * low_ + id.high() * high_);
  }

 private:
  static std::uint8_t tag_of_hash(std::uint64_t hash) noexcept {
    const auto tag = static_cast<std::uint8_t>(hash >> 56);
    return tag != 0 ? tag : 1;  // 0 means no user
  }
  PRESENCE_DETAIL_APART std::uint64_t hash_long(std::string_view id) const noexcept {
    return SipHash<1, 3>::hash64(id, {low_, high_});
  }

  std::uint64_t low_, high_;
};

/// The lookup key of a user.
///
/// `order` and the id determine the position of a user, and so the order of iteration. They must not depend on a seed.
/// `tag` distinguishes the users of one page. It is seeded, so that an attacker cannot choose ids that collide there.
struct UserKey {
  LookupKey id;
  std::uint64_t order;
  std::uint8_t tag;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_DETAIL_USER_KEY_HPP
