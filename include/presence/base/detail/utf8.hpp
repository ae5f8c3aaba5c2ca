// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_UTF8_HPP
#define PRESENCE_BASE_DETAIL_UTF8_HPP

#include <presence/config.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint8_t
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

constexpr std::uint8_t octet(char c) noexcept { return static_cast<std::uint8_t>(c); }

/// The result of decoding one position of a string that should be UTF-8.
struct Utf8Step {
  std::size_t length;  ///< of the character; if malformed, of its longest valid prefix, at least one byte (Unicode 3.9,
                       ///< "maximal subpart")
  bool valid;
  bool cut;  ///< invalid only because the string ends within the character
};

/// Checks the character at `p` by RFC 3629, section 4: no overlong forms, no surrogates, nothing above U+10FFFF. `p`
/// must be before `end`.
inline Utf8Step utf8_step(const char* p, const char* end) noexcept {
  const std::uint8_t lead = octet(*p);
  if (lead < 0x80) return {1, true, false};
  if (lead < 0xC2 || lead > 0xF4) return {1, false, false};
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // All restrictions beyond the continuation range apply to the second byte.
  std::uint8_t lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  std::uint8_t highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (std::size_t i = 1; i < length; ++i) {
    if (static_cast<std::size_t>(end - p) == i) return {i, false, true};
    if (octet(p[i]) < lowest || octet(p[i]) > highest) return {i, false, false};
    lowest = 0x80;
    highest = 0xBF;
  }
  return {length, true, false};
}

inline bool is_utf8(std::string_view text) noexcept {
  const char* p = text.data();
  for (const char* const end = p + text.size(); p != end;) {
    const Utf8Step step = utf8_step(p, end);
    if (!step.valid) return false;
    p += step.length;
  }
  return true;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_DETAIL_UTF8_HPP
