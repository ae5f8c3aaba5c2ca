// SPDX-License-Identifier: MIT
#ifndef PRESENCE_QUERY_DETAIL_WORD_PREFIX_HPP
#define PRESENCE_QUERY_DETAIL_WORD_PREFIX_HPP

#include <presence/base/detail/compact_vector.hpp>
#include <presence/base/detail/utf8.hpp>
#include <presence/config.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint32_t
#include <string_view>  // for string_view

/// Case-insensitive search for words in UTF-8 strings.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Returns the letter in lower case. Supports the alphabets whose letters have one lower case of the same length in
/// UTF-8: Latin (Basic, Latin-1, Extended-A), Greek and Cyrillic. Full Unicode case folding would need a table larger
/// than this library.
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
  if (c == 0x3C2) return 0x3C3;  // final sigma
  if (c >= 0x410 && c <= 0x42F) return c + 0x20;
  if (c >= 0x400 && c <= 0x40F) return c + 0x50;
  return c;
}

/// Returns whether the character belongs to a word: a letter, a digit or a mark. These are all characters but
/// ASCII symbols, and the common Unicode spaces and punctuation.
constexpr bool is_of_word(std::uint32_t c) noexcept {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  return !(c >= 0x80 && c <= 0xBF && c != 0xAA && c != 0xB5 && c != 0xBA) && c != 0xD7 && c != 0xF7 &&
         !(c >= 0x2000 && c <= 0x206F) && !(c >= 0x3000 && c <= 0x303F) && c != 0xFF0C && c != 0xFF0E;
}

/// Removes and returns the first character of a string, which must not be empty. A byte that is not valid UTF-8 counts
/// as a character, different from all valid ones.
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

/// A word prefix that is prepared for searches in many strings. A search is always linear in the size of the string
/// (Knuth, Morris, Pratt 1977).
///
/// A prefix that begins with a word character matches only at the start of a word. For this, the pattern begins with a
/// boundary symbol, which matches every character that does not belong to a word.
class WordPrefix {
 public:
  WordPrefix() noexcept = default;
  explicit WordPrefix(std::string_view prefix) {
    std::size_t count = 0;
    for (std::string_view rest = prefix; !rest.empty(); ++count) take_character(rest);
    if (count == 0) return;
    symbols_.reserve(count + 1);
    for (std::string_view rest = prefix; !rest.empty();) {
      const std::uint32_t character = take_character(rest);
      if (symbols_.empty() && is_of_word(character)) symbols_.push_back(boundary);
      symbols_.push_back(fold_case(character));
    }
    borders_.reserve(symbols_.size());
    borders_.push_back(0);
    for (std::size_t i = 1; i < symbols_.size(); ++i) {
      const std::size_t border = next(borders_[i - 1], symbols_[i]);
      borders_.push_back(border);
    }
  }

  /// Returns whether the text, from the start of one of its words on, begins with the prefix. Ignores case. A prefix
  /// that begins with another character matches anywhere. An empty prefix matches every string that is not empty.
  bool is_in(std::string_view text) const noexcept {
    if (symbols_.empty()) return !text.empty();
    std::size_t matched = symbols_[0] == boundary ? 1 : 0;  // a word may begin where the text does
    while (!text.empty()) {
      matched = next(matched, fold_case(take_character(text)));
      if (matched == symbols_.size()) return true;
    }
    return false;
  }

 private:
  static constexpr std::uint32_t boundary = 0xFFFFFFFF;  // not a character

  /// Folding is safe here: a character belongs to a word in both cases or in neither.
  static bool is_matched(std::uint32_t symbol, std::uint32_t folded) noexcept {
    return symbol == boundary ? !is_of_word(folded) : symbol == folded;
  }
  /// Returns how many symbols match up to and including this character, if `matched` symbols matched before it.
  std::size_t next(std::size_t matched, std::uint32_t folded) const noexcept {
    while (!is_matched(symbols_[matched], folded)) {
      if (matched == 0) return 0;
      matched = borders_[matched - 1];
    }
    return matched + 1;
  }

  CompactVector<std::uint32_t> symbols_;
  CompactVector<std::size_t>
      borders_;  // for each prefix of the symbols, the length of its longest border (also a proper suffix)
};

inline bool has_word_with_prefix(std::string_view text, std::string_view prefix) {
  return WordPrefix(prefix).is_in(text);
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_QUERY_DETAIL_WORD_PREFIX_HPP
