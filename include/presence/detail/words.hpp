// SPDX-License-Identifier: MIT
#ifndef PRESENCE_DETAIL_WORDS_HPP
#define PRESENCE_DETAIL_WORDS_HPP

#include <presence/config.hpp>
#include <presence/detail/json_reader.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint32_t
#include <string_view>  // for string_view

/// Words of UTF-8 text, whatever the case of their letters.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The letter in lower case, for the alphabets whose letters have one lower case of the same length in UTF-8: Latin
/// (Basic, Latin-1, Extended-A), Greek and Cyrillic. The rest of Unicode's folding would be a table larger than this
/// library.
constexpr std::uint32_t fold_case(std::uint32_t c) noexcept {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 0x20 : c;
  if (c >= 0xC0 && c <= 0xDE && c != 0xD7) return c + 0x20;
  const bool even_is_upper = (c >= 0x100 && c <= 0x137 && c != 0x130 && c != 0x131) || (c >= 0x14A && c <= 0x177) ||
                             (c >= 0x460 && c <= 0x481) || (c >= 0x48A && c <= 0x4BF) || (c >= 0x4D0 && c <= 0x52F);
  const bool odd_is_upper = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E) || (c >= 0x4C1 && c <= 0x4CE);
  if (even_is_upper) return c | 1;
  if (odd_is_upper) return c % 2 == 1 ? c + 1 : c;
  if (c == 0x178) return 0xFF;
  if (c >= 0x391 && c <= 0x3AB && c != 0x3A2) return c + 0x20;
  if (c == 0x386) return 0x3AC;
  if (c >= 0x388 && c <= 0x38A) return c + 0x25;
  if (c == 0x38C) return 0x3CC;
  if (c == 0x38E || c == 0x38F) return c + 0x3F;
  if (c == 0x3C2) return 0x3C3;  // the sigma at the end of a word
  if (c >= 0x410 && c <= 0x42F) return c + 0x20;
  if (c >= 0x400 && c <= 0x40F) return c + 0x50;
  return c;
}

/// Whether a letter, a digit or a mark that belongs to a word: all but ASCII's signs, and Unicode's spaces and
/// punctuation of everyday text.
constexpr bool is_of_word(std::uint32_t c) noexcept {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  return !(c >= 0x80 && c <= 0xBF && c != 0xAA && c != 0xB5 && c != 0xBA) && c != 0xD7 && c != 0xF7 &&
         !(c >= 0x2000 && c <= 0x206F) && !(c >= 0x3000 && c <= 0x303F) && c != 0xFF0C && c != 0xFF0E;
}

/// Takes the next character off a text that is not empty. A byte that is not UTF-8 is a character of its own, different
/// from all others.
inline std::uint32_t take_character(std::string_view& text) noexcept {
  const char* const p = text.data();
  const Utf8Step step = utf8_step(p, p + text.size());
  const std::size_t length = step.valid ? step.length : 1;
  text.remove_prefix(length);
  if (!step.valid) return 0x110000u + octet(p[0]);
  std::uint32_t c = octet(p[0]);
  if (length > 1) c &= 0xFFu >> (length + 1);
  for (std::size_t i = 1; i < length; ++i) c = c << 6 | (octet(p[i]) & 0x3Fu);
  return c;
}

inline bool starts_with_folded(std::string_view text, std::string_view prefix) noexcept {
  while (!prefix.empty()) {
    if (text.empty() || fold_case(take_character(text)) != fold_case(take_character(prefix))) return false;
  }
  return true;
}

/// Whether a word of the text, and what follows it, begins with the prefix, in whichever case. A prefix that begins
/// with a sign may stand anywhere.
inline bool has_word_with_prefix(std::string_view text, std::string_view prefix) noexcept {
  bool inside = false;  // a word
  while (!text.empty()) {
    std::string_view rest = text;
    const bool is_word = is_of_word(take_character(rest));
    if (!(inside && is_word) && starts_with_folded(text, prefix)) return true;
    inside = is_word;
    text = rest;
  }
  return false;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_DETAIL_WORDS_HPP
