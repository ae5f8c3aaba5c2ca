// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_BYTE_SEARCH_HPP
#define PRESENCE_BASE_DETAIL_BYTE_SEARCH_HPP

#include <presence/base/detail/shared_string.hpp>
#include <presence/config.hpp>

#include <cstddef>  // for size_t
#include <cstdint>  // for uint8_t, uint32_t, uint64_t
#include <cstring>  // for memcmp, memcpy

/// Parallel tests of several bytes. The results are bit masks; the lowest bit is for the first byte.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Returns the number of zero bits below the lowest set bit. `bits` is not zero.
inline std::size_t lowest_bit(std::uint64_t bits) noexcept {
#if defined(__GNUC__) || defined(__clang__)
  return static_cast<std::size_t>(__builtin_ctzll(bits));
#else
  std::size_t below = 0;
  for (unsigned half = 32; half != 0; half /= 2) {
    if ((bits & ((std::uint64_t{1} << half) - 1)) != 0) continue;
    bits >>= half;
    below += half;
  }
  return below;
#endif
}

/// Returns the number of zero bits above the highest set bit. `bits` is not zero.
inline unsigned bits_above(std::uint64_t bits) noexcept {
#if defined(__GNUC__) || defined(__clang__)
  return static_cast<unsigned>(__builtin_clzll(bits));
#else
  unsigned above = 0;
  for (unsigned half = 32; half != 0; half /= 2) {
    if (bits >> (64 - half) != 0) continue;
    bits <<= half;
    above += half;
  }
  return above;
#endif
}

// Each function has two implementations. SSE2 builtins are called directly, because the header of the intrinsics is
// large. They are used only if SSE2 is part of the ABI. Elsewhere, translation units of one program could be compiled
// with and without SSE2, and would have different definitions of one function.
#if defined(__x86_64__) && defined(__SSE2__) && (defined(__GNUC__) || defined(__clang__))

typedef signed char SixteenBytes __attribute__((vector_size(16)));

inline SixteenBytes load_sixteen(const void* p) noexcept {
  SixteenBytes bytes;
  std::memcpy(&bytes, p, sizeof(bytes));
  return bytes;
}
/// Returns the highest bit of each byte, as a mask.
inline std::uint32_t gather_tops(SixteenBytes bytes) noexcept {
  typedef char CharVector __attribute__((vector_size(16)));
  return static_cast<std::uint32_t>(__builtin_ia32_pmovmskb128(reinterpret_cast<CharVector>(bytes)));
}

/// Returns which of 32 bytes are equal to the given one.
inline std::uint32_t equal_to(std::uint8_t sought, const std::uint8_t* bytes) noexcept {
  const auto wanted = static_cast<signed char>(sought);
  return gather_tops(load_sixteen(bytes) == wanted) | gather_tops(load_sixteen(bytes + 16) == wanted) << 16;
}

/// Returns a vector that is zero only if `size` bytes, a multiple of 16, are equal.
template <std::size_t size>
SixteenBytes differences_of(const char* a, const char* b) noexcept {
  static_assert(size != 0 && size % 16 == 0, "");
  const SixteenBytes last = load_sixteen(a + (size - 16)) ^ load_sixteen(b + (size - 16));
  if constexpr (size == 16) {
    return last;
  } else {
    return last | differences_of<size - 16>(a, b);  // recursion, because compilers do not unroll a loop here
  }
}
template <std::size_t size>
bool same_bytes(const void* a, const void* b) noexcept {
  return gather_tops(differences_of<size>(static_cast<const char*>(a), static_cast<const char*>(b)) == 0) == 0xFFFF;
}

inline constexpr std::size_t special_width = 16;

/// Returns which of `special_width` bytes are plain ASCII in a JSON string: no quote, backslash or control character,
/// and no byte of a longer UTF-8 character. Inverting the second bit exchanges the quote with the space, so the quote
/// is just above the control characters. As signed numbers, bytes that are not ASCII are lower. The backslash is
/// higher, so it is removed separately.
inline std::uint32_t plain_in_json(const char* p) noexcept {
  const SixteenBytes bytes = load_sixteen(p);
  return gather_tops(((bytes ^ 2) > 0x20) ^ (bytes == '\\'));
}

/// Returns which of `special_width` bytes are not plain.
inline std::uint64_t special_in_json(const char* p) noexcept { return plain_in_json(p) ^ 0xFFFFu; }

/// Returns which of 64 bytes are not plain.
inline std::uint64_t special_in_64(const char* p) noexcept {
  const std::uint32_t low = plain_in_json(p) | plain_in_json(p + 16) << 16;
  const std::uint32_t high = plain_in_json(p + 32) | plain_in_json(p + 48) << 16;
  return ~(std::uint64_t{high} << 32 | low);
}

#else

inline constexpr std::uint64_t one_each = 0x0101010101010101u, tops = 0x8080808080808080u;

/// Returns the highest bit of each of eight bytes, as a mask. No other bits may be set.
constexpr std::uint64_t gather_tops(std::uint64_t bytes) noexcept { return (bytes >> 7) * 0x0102040810204080u >> 56; }

/// Returns which of 32 bytes are equal to the given one.
inline std::uint32_t equal_to(std::uint8_t sought, const std::uint8_t* bytes) noexcept {
  std::uint32_t equal = 0;
  for (unsigned i = 0; i < 32; i += 8) {
    const std::uint64_t differences = load_word(reinterpret_cast<const char*>(bytes + i)) ^ one_each * sought;
    // The top bits are masked out, so no byte carries into the next.
    equal |= static_cast<std::uint32_t>(gather_tops(~(((differences & ~tops) + ~tops) | differences) & tops)) << i;
  }
  return equal;
}

inline constexpr std::size_t special_width = 8;

/// Returns true if `size` bytes are equal.
template <std::size_t size>
bool same_bytes(const void* a, const void* b) noexcept {
  return std::memcmp(a, b, size) == 0;
}

/// Returns which of `special_width` bytes are not plain ASCII in a JSON string.
inline std::uint64_t special_in_json(const char* p) noexcept {
  const std::uint64_t word = load_word(p);
  // The top bits are masked out, so no byte carries into the next. The top bit of a sum is set if the byte is plain.
  const std::uint64_t flipped = (word ^ (one_each * 2)) & ~tops, backslash = (word ^ (one_each * '\\')) & ~tops;
  return gather_tops((word | ~((flipped + one_each * (0x80 - 0x21)) & (backslash + one_each * 0x7F))) & tops);
}

/// Returns which of 64 bytes are not plain.
inline std::uint64_t special_in_64(const char* p) noexcept {
  std::uint64_t special = 0;
  for (std::size_t i = 0; i < 64; i += special_width) special |= special_in_json(p + i) << i;
  return special;
}

#endif

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_DETAIL_BYTE_SEARCH_HPP
