// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_BYTE_SEARCH_HPP
#define PRESENCE_BASE_DETAIL_BYTE_SEARCH_HPP

#include <presence/base/detail/shared_string.hpp>
#include <presence/config.hpp>

#include <cstddef>  // for size_t
#include <cstdint>  // for uint8_t, uint32_t, uint64_t
#include <cstring>  // for memcmp, memcpy

/// Bytes looked at side by side, and the bits that say what was seen: the lowest for the first byte.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// How many bits below the lowest that is set; there is one.
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

/// How many bits above the highest that is set; there is one.
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

// Two bodies of each function. The intrinsics of SSE2 are called by the compilers' names for them: their header is
// long. Only where SSE2 is part of the ABI: elsewhere the files of one program may differ in having it, and would have
// to agree on one body.
#if defined(__x86_64__) && defined(__SSE2__) && (defined(__GNUC__) || defined(__clang__))

typedef signed char SixteenBytes __attribute__((vector_size(16)));

inline SixteenBytes load_sixteen(const void* p) noexcept {
  SixteenBytes bytes;
  std::memcpy(&bytes, p, sizeof(bytes));
  return bytes;
}
/// The highest bits of the bytes.
inline std::uint32_t gather_tops(SixteenBytes bytes) noexcept {
  typedef char Operand __attribute__((vector_size(16)));
  return static_cast<std::uint32_t>(__builtin_ia32_pmovmskb128(reinterpret_cast<Operand>(bytes)));
}

/// Which of 32 bytes are the one given.
inline std::uint32_t equal_to(std::uint8_t sought, const std::uint8_t* bytes) noexcept {
  const auto wanted = static_cast<signed char>(sought);
  return gather_tops(load_sixteen(bytes) == wanted) | gather_tops(load_sixteen(bytes + 16) == wanted) << 16;
}

/// Whether so many bytes, a multiple of 16, are the same.
template <std::size_t size>
SixteenBytes differences_of(const char* a, const char* b) noexcept {
  static_assert(size != 0 && size % 16 == 0, "");
  const SixteenBytes last = load_sixteen(a + (size - 16)) ^ load_sixteen(b + (size - 16));
  if constexpr (size == 16) {
    return last;
  } else {
    return last | differences_of<size - 16>(a, b);  // without a loop, which would not be unrolled
  }
}
template <std::size_t size>
bool same_bytes(const void* a, const void* b) noexcept {
  return gather_tops(differences_of<size>(static_cast<const char*>(a), static_cast<const char*>(b)) == 0) == 0xFFFF;
}

inline constexpr std::size_t special_width = 16;

/// Which of `special_width` bytes stand for themselves in a JSON string, and are ASCII: no quote, backslash or control
/// character, and no byte of a longer UTF-8 character. With their second bit flipped, quotes come right above the
/// control characters and change places with the space; as signed numbers, the bytes that are no ASCII come below. The
/// backslash is above as well, and is taken out.
inline std::uint32_t plain_in_json(const char* p) noexcept {
  const SixteenBytes bytes = load_sixteen(p);
  return gather_tops(((bytes ^ 2) > 0x20) ^ (bytes == '\\'));
}

/// Which of `special_width` bytes do not.
inline std::uint64_t special_in_json(const char* p) noexcept { return plain_in_json(p) ^ 0xFFFFu; }

/// Which of 64 bytes do not.
inline std::uint64_t special_in_64(const char* p) noexcept {
  const std::uint32_t low = plain_in_json(p) | plain_in_json(p + 16) << 16;
  const std::uint32_t high = plain_in_json(p + 32) | plain_in_json(p + 48) << 16;
  return ~(std::uint64_t{high} << 32 | low);
}

#else

inline constexpr std::uint64_t one_each = 0x0101010101010101u, tops = 0x8080808080808080u;

/// The highest bits of eight bytes, of which no others are set.
constexpr std::uint64_t gather_tops(std::uint64_t bytes) noexcept { return (bytes >> 7) * 0x0102040810204080u >> 56; }

/// Which of 32 bytes are the one given.
inline std::uint32_t equal_to(std::uint8_t sought, const std::uint8_t* bytes) noexcept {
  std::uint32_t equal = 0;
  for (unsigned i = 0; i < 32; i += 8) {
    const std::uint64_t differences = load_word(reinterpret_cast<const char*>(bytes + i)) ^ one_each * sought;
    // Without their top bits the bytes do not carry into each other.
    equal |= static_cast<std::uint32_t>(gather_tops(~(((differences & ~tops) + ~tops) | differences) & tops)) << i;
  }
  return equal;
}

inline constexpr std::size_t special_width = 8;

/// Whether so many bytes are the same.
template <std::size_t size>
bool same_bytes(const void* a, const void* b) noexcept {
  return std::memcmp(a, b, size) == 0;
}

/// Which of `special_width` bytes do not stand for themselves in a JSON string, or are no ASCII.
inline std::uint64_t special_in_json(const char* p) noexcept {
  const std::uint64_t word = load_word(p);
  // Without their top bits the bytes do not carry into each other: the sums have theirs where a byte is plain.
  const std::uint64_t flipped = (word ^ (one_each * 2)) & ~tops, backslash = (word ^ (one_each * '\\')) & ~tops;
  return gather_tops((word | ~((flipped + one_each * (0x80 - 0x21)) & (backslash + one_each * 0x7F))) & tops);
}

/// Which of 64 bytes do not.
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
