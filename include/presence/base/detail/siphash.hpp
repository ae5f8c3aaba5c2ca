// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_SIPHASH_HPP
#define PRESENCE_BASE_DETAIL_SIPHASH_HPP

#include <presence/base/detail/shared_string.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint64_t
#include <string_view>  // for string_view

/// SipHash (Aumasson, Bernstein 2012): a keyed hash of strings. An attacker without the key cannot choose strings that
/// collide more often than by chance. An attacker with the key can only try many strings.
///
/// Uses only 64-bit arithmetic, so the result is the same on every platform. tests/unit/base/siphash.cpp has the
/// published test vectors.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// 128 bits: a key or a hash. Ordered as an unsigned number.
struct Bits128 {
  std::uint64_t low = 0, high = 0;

  friend constexpr bool operator==(const Bits128& a, const Bits128& b) noexcept {
    return a.low == b.low && a.high == b.high;
  }
  friend constexpr bool operator!=(const Bits128& a, const Bits128& b) noexcept { return !(a == b); }
  friend constexpr bool operator<(const Bits128& a, const Bits128& b) noexcept {
    return a.high != b.high ? a.high < b.high : a.low < b.low;
  }
};

/// SipHash-c-d: c rounds for each word of the message, and d rounds at the end.
template <unsigned compression_rounds, unsigned final_rounds>
class SipHash {
 public:
  /// Returns the 64-bit hash.
  static std::uint64_t hash64(std::string_view message, const Bits128& key) noexcept {
    SipHash state(key);
    state.absorb(message);
    state.v2_ ^= 0xFF;
    return state.finish();
  }
  /// Returns the 128-bit hash. It is a different function from the 64-bit one.
  static Bits128 hash128(std::string_view message, const Bits128& key) noexcept {
    SipHash state(key);
    state.v1_ ^= 0xEE;
    state.absorb(message);
    state.v2_ ^= 0xEE;
    Bits128 hash;
    hash.low = state.finish();
    state.v1_ ^= 0xDD;
    hash.high = state.finish();
    return hash;
  }

 private:
  explicit SipHash(const Bits128& key) noexcept
      : v0_(key.low ^ 0x736F6D6570736575u),
        v1_(key.high ^ 0x646F72616E646F6Du),
        v2_(key.low ^ 0x6C7967656E657261u),
        v3_(key.high ^ 0x7465646279746573u) {}

  static constexpr std::uint64_t rotated_left(std::uint64_t x, int by) noexcept { return x << by | x >> (64 - by); }

  void round() noexcept {
    v0_ += v1_;
    v1_ = rotated_left(v1_, 13) ^ v0_;
    v0_ = rotated_left(v0_, 32);
    v2_ += v3_;
    v3_ = rotated_left(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = rotated_left(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = rotated_left(v1_, 17) ^ v2_;
    v2_ = rotated_left(v2_, 32);
  }
  void add(std::uint64_t word) noexcept {
    v3_ ^= word;
    for (unsigned i = 0; i < compression_rounds; ++i) round();
    v0_ ^= word;
  }
  void absorb(std::string_view message) noexcept {
    const std::uint64_t size = message.size();
    for (; message.size() >= 8; message.remove_prefix(8)) add(load_word(message.data()));
    add(load_part(message.data(), message.size()) | size << 56);
  }
  std::uint64_t finish() noexcept {
    for (unsigned i = 0; i < final_rounds; ++i) round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

  std::uint64_t v0_, v1_, v2_, v3_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_DETAIL_SIPHASH_HPP
