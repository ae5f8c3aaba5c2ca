// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TESTS_UNIT_COLLIDING_IDS_HPP
#define PRESENCE_TESTS_UNIT_COLLIDING_IDS_HPP

// Ids that were chosen so that their hashes collide. Stands alone: it does not ask the library for its hash.

#include <presence/base/detail/shared_string.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace colliding {

/// A multiplicative hash that takes 16 bytes a step. The ids below are solved for it, and `same_low_bits` is for any
/// hash.
struct WordHash {
  static constexpr std::uint64_t a = 0x9E3779B97F4A7C15u, b = 0xC2B2AE3D27D4EB4Fu, c = 0xD6E8FEB86659FD93u;

  static constexpr std::uint64_t rotated(std::uint64_t x, int by) noexcept { return x << by | x >> (64 - by); }
  static std::uint64_t word(const char* p, std::size_t size) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size && i < 8; ++i) value |= std::uint64_t{static_cast<unsigned char>(p[i])} << 8 * i;
    return value;
  }
  static std::uint64_t step(std::uint64_t state, std::uint64_t low, std::uint64_t high) noexcept {
    return rotated((state ^ low) * a, 29) ^ (rotated(state, 17) ^ high) * b;
  }
  /// The part of the last step before a bijection.
  static std::uint64_t joined(std::uint64_t state, std::uint64_t low, std::uint64_t high) noexcept {
    return (low ^ state) * a ^ rotated((high ^ rotated(state, 23)) * b, 32);
  }
  static std::uint64_t of(std::string_view id, std::uint64_t seed) noexcept {
    std::uint64_t state = seed;
    const char* p = id.data();
    std::size_t left = id.size();
    for (; left > 16; p += 16, left -= 16) state = step(state, word(p, 8), word(p + 8, 8));
    std::uint64_t high = left <= 8 ? 0 : word(p + 8, left - 8);
    if (id.size() > 15) {
      state ^= id.size() * c;
    } else {
      high |= std::uint64_t{id.size()} << 56;
    }
    state = joined(state, word(p, left), high);
    state = (state ^ state >> 32) * c;
    return state ^ state >> 29;
  }
};

namespace detail {

constexpr bool is_plain(unsigned byte) noexcept { return byte >= 0x21 && byte < 0x7F && byte != '"' && byte != '\\'; }
inline bool is_plain_word(std::uint64_t word) noexcept {
  for (int i = 0; i < 8; ++i, word >>= 8) {
    if (!is_plain(static_cast<unsigned>(word & 0xFF))) return false;
  }
  return true;
}
inline std::uint64_t plain_word(std::mt19937_64& random) {
  std::uint64_t bits = random(), word = 0;
  for (int i = 0; i < 8; ++i) {
    unsigned byte = 0x21 + static_cast<unsigned>(bits & 0xFF) % 94;
    if (!is_plain(byte)) byte = '-';
    word = word << 8 | byte;
    bits >>= 8;
  }
  return word;
}
/// What an odd number is multiplied by to get 1 (Newton's iteration: each round doubles the bits that are right).
constexpr std::uint64_t inverse(std::uint64_t odd) noexcept {
  std::uint64_t x = odd;
  for (int i = 0; i < 5; ++i) x *= 2 - odd * x;
  return x;
}
inline std::string text_of(const std::vector<std::uint64_t>& words) {
  std::string text;
  for (std::uint64_t word : words) {
    for (int i = 0; i < 8; ++i, word >>= 8) text += static_cast<char>(static_cast<unsigned char>(word & 0xFF));
  }
  return text;
}

/// Finds plain text x with (x * b) ^ ((x ^ k) * b) == target. Bit by bit from the lowest on,
/// since no bit of a product depends on higher bits of its factors: a wrong turn shows at the next bit.
inline bool solve(std::uint64_t target, std::uint64_t k, int bit, std::uint64_t x, std::uint64_t& found) {
  if (bit > 0 && bit % 8 == 0 && !is_plain(static_cast<unsigned>(x >> (bit - 8) & 0xFF))) return false;
  if (bit == 64) {
    found = x;
    return true;
  }
  const std::uint64_t up_to = bit == 63 ? ~std::uint64_t{0} : (std::uint64_t{2} << bit) - 1;
  const std::uint64_t sum = (x * WordHash::b) ^ ((x ^ (k & up_to)) * WordHash::b);
  if ((sum >> bit & 1) != (target >> bit & 1)) return false;
  return solve(target, k, bit + 1, x, found) || solve(target, k, bit + 1, x | std::uint64_t{1} << bit, found);
}

/// Last blocks of 16 plain bytes that take the state to the same end: any first half goes, and the second half that
/// makes up for it follows from it. One in some thousands is plain.
inline std::vector<std::string> same_end(std::size_t n, std::uint64_t state, const std::vector<std::uint64_t>& before,
                                         std::mt19937_64& random) {
  constexpr std::uint64_t undo_b = inverse(WordHash::b);
  const std::uint64_t target = WordHash::joined(state, plain_word(random), plain_word(random));
  std::vector<std::string> ids;
  std::vector<std::uint64_t> words = before;
  words.resize(before.size() + 2);
  while (ids.size() < n) {
    std::uint64_t& low = words[before.size()];
    std::uint64_t& high = words[before.size() + 1];
    low = plain_word(random);
    high = WordHash::rotated(state, 23) ^ undo_b * WordHash::rotated(target ^ (low ^ state) * WordHash::a, 32);
    if (is_plain_word(high)) ids.push_back(text_of(words));
  }
  return ids;
}

}  // namespace detail

/// Different ids of 32 printable bytes, all of which have one WordHash by the seed 0, and one by the seed 0x8EBC...:
/// those by which a snapshot places its users. The first block is solved for, so that both seeds come to the same
/// state; from there on they are one.
inline std::vector<std::string> same_hash(std::size_t n) {
  constexpr std::uint64_t seed = 0x8EBC6AF09C88C6E3u;
  std::mt19937_64 random(7);
  std::uint64_t low, high;
  for (;;) {
    low = detail::plain_word(random);
    const std::uint64_t gap = WordHash::rotated((low * WordHash::a) ^ ((low ^ seed) * WordHash::a), 29);
    if (detail::solve(gap, WordHash::rotated(seed, 17), 0, 0, high)) break;
  }
  return detail::same_end(n, WordHash::step(0, low, high) ^ 32 * WordHash::c, {low, high}, random);
}

/// Different ids of 16 printable bytes, all of which have one WordHash by that seed.
inline std::vector<std::string> same_hash_short(std::size_t n, std::uint64_t seed = 0) {
  std::mt19937_64 random(11);
  return detail::same_end(n, seed ^ 16 * WordHash::c, {}, random);
}

/// Up to 4 to the power of `blocks` different ids of 16 * blocks + 16 bytes, not all printable, of which no seed tells
/// one from another by WordHash. The highest bit of a word stays the highest bit through an odd multiplication, so what
/// changes it in one block is known for certain, and taken back in the next.
inline std::vector<std::string> same_hash_long(std::size_t n, unsigned blocks) {
  std::mt19937_64 random(3);
  std::vector<std::uint64_t> base;
  for (unsigned i = 0; i < 2 * blocks + 2; ++i) base.push_back(random());
  std::vector<std::string> ids;
  for (std::uint64_t variant = 0; ids.size() < n && (blocks > 31 || variant < std::uint64_t{1} << 2 * blocks);
       ++variant) {
    std::vector<std::uint64_t> words = base;
    std::uint64_t change = 0;  // of the state
    for (unsigned i = 0; i < blocks; ++i) {
      const std::uint64_t first = variant >> 2 * i & 1, second = variant >> (2 * i + 1) & 1;
      words[2 * i] ^= change ^ first << 63;
      words[2 * i + 1] ^= WordHash::rotated(change, 17) ^ second << 63;
      change = WordHash::rotated(first << 63, 29) ^ second << 63;
    }
    words[2 * blocks] ^= change;
    words[2 * blocks + 1] ^= WordHash::rotated(change, 23);
    ids.push_back(detail::text_of(words));
  }
  return ids;
}

/// Different ids of 16 printable bytes whose hashes agree in the lowest `bits` bits, found by trying. Takes about
/// n * 2^bits calls of `hash`, which is given a string_view and returns an unsigned number.
template <class Hash>
std::vector<std::string> same_low_bits(std::size_t n, unsigned bits, Hash hash) {
  std::mt19937_64 random(5);
  const std::uint64_t mask = bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
  const std::string head = detail::text_of({detail::plain_word(random)});
  std::vector<std::string> ids;
  std::uint64_t wanted = 0;
  for (std::uint64_t i = 0; ids.size() < n; ++i) {
    std::string id = head;
    for (unsigned k = 0; k < 8; ++k) id += static_cast<char>('A' + (i >> 5 * k & 31));
    const std::uint64_t value = static_cast<std::uint64_t>(hash(std::string_view(id))) & mask;
    if (i == 0) wanted = value;
    if (value == wanted) ids.push_back(id);
  }
  return ids;
}

/// Printable ids of that size that nobody chose, to compare with.
inline std::vector<std::string> random_ids(std::size_t n, std::size_t size) {
  std::mt19937_64 random(13);
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < n; ++i) {
    std::string id;
    while (id.size() < size) id += detail::text_of({detail::plain_word(random)});
    id.resize(size);
    ids.push_back(id);
  }
  return ids;
}

}  // namespace colliding

#endif  // PRESENCE_TESTS_UNIT_COLLIDING_IDS_HPP
