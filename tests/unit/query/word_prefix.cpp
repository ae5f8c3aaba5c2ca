// SPDX-License-Identifier: MIT
#include "../support.hpp"

#include <presence/query/detail/word_prefix.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using namespace support;

namespace {

/// Whether the prefix matches this string, as a custom field and as a built-in one.
bool finds(std::string_view prefix, std::string_view text) {
  Channel channel;
  channel.custom["x"] = text;
  channel.type = std::string(text);
  const bool found = matches(autocomplete("x", prefix), channel);
  REQUIRE(compile<Channel>(autocomplete("x", prefix))(channel) == found);
  REQUIRE(matches(autocomplete("type", prefix), channel) == found);
  REQUIRE(compile<Channel>(autocomplete("type", prefix))(channel) == found);
  return found;
}

}  // namespace

TEST_CASE("autocomplete finds the beginning of any word, and no other part of it") {
  CHECK(finds("cur", "curiosity rover on mars"));
  CHECK(finds("ro", "curiosity rover on mars"));
  CHECK(finds("mars", "curiosity rover on mars"));
  CHECK(finds("c", "c"));
  CHECK_FALSE(finds("ver", "curiosity rover on mars"));
  CHECK_FALSE(finds("ars", "curiosity rover on mars"));
  CHECK_FALSE(finds("marsh", "curiosity rover on mars"));
  CHECK_FALSE(finds("cc", "c"));
}

TEST_CASE("autocomplete ignores the case of ASCII letters") {
  CHECK(finds("RO", "curiosity rover"));
  CHECK(finds("ro", "CURIOSITY ROVER"));
  CHECK(finds("rOvEr", "Curiosity RoVeR"));
  CHECK(finds("Az", "aZ"));
}

TEST_CASE("punctuation is not case-folded") {
  CHECK_FALSE(finds("a@", "a`"));
  CHECK_FALSE(finds("a[", "a{"));
  CHECK_FALSE(finds("a\xC3\x97", "a\xC3\xB7"));  // × and ÷
}

TEST_CASE("autocomplete ignores the case of Latin-1 letters") {
  CHECK(finds("\xC3\xA9t", "\xC3\x89t\xC3\xA9"));       // ét, Été
  CHECK(finds("\xC3\x84", "\xC3\xA4rger"));             // Ä, ärger
  CHECK(finds("\xC3\xA0\xC3\xBE", "\xC3\x80\xC3\x9E"));  // the first and the last
  CHECK(finds("stra\xC3\x9F", "STRA\xC3\x9F" "E"));      // ß has one case
  CHECK_FALSE(finds("\xC3\xA9", "e"));                  // an accent is no case
  CHECK_FALSE(finds("\xC3\xA9", "\xC3\xA8"));
}

TEST_CASE("autocomplete ignores the case of Latin Extended-A letters") {
  CHECK(finds("\xC5\x82\xC3\xB3", "\xC5\x81\xC3\x93" "D\xC5\xB9"));  // łó, ŁÓDŹ
  CHECK(finds("\xC4\x8D", "\xC4\x8C" "esky"));                 // č
  CHECK(finds("\xC5\xBE", "\xC5\xBDivot"));                     // ž
  CHECK(finds("\xC5\xB8", "\xC3\xBF"));                         // Ÿ and ÿ
  CHECK_FALSE(finds("\xC4\x8C", "\xC4\x8F"));                   // Č and ď
  CHECK_FALSE(finds("\xC5\x82", "\xC5\x83"));                   // ł and Ń
}

TEST_CASE("autocomplete ignores the case of Greek letters, and final sigma equals sigma") {
  CHECK(finds("\xCE\xB1\xCE\xB8", "\xCE\x91\xCE\x98\xCE\x97\xCE\x9D\xCE\x91"));  // αθ, ΑΘΗΝΑ
  CHECK(finds("\xCE\xA9", "\xCF\x89"));                                         // Ω and ω
  CHECK(finds("\xCE\x9F\xCE\xA3", "\xCE\xBF\xCF\x82"));                         // ΟΣ and ος
  CHECK(finds("\xCF\x83", "\xCF\x82"));                                         // both small sigmas
}

TEST_CASE("autocomplete ignores the case of accented Greek letters") {
  CHECK(finds("\xCE\xAD\xCE\xBB", "\xCE\x88\xCE\xBB\xCE\xBB\xCE\xB7\xCE\xBD\xCE\xB1\xCF\x82"));  // έλ, Έλληνας
  CHECK(finds("\xCE\xAC", "\xCE\x86"));                                                         // ά, Ά
  CHECK(finds("\xCE\xAE", "\xCE\x89"));                                                         // ή, Ή
  CHECK(finds("\xCE\xAF", "\xCE\x8A"));                                                         // ί, Ί
  CHECK(finds("\xCF\x8C", "\xCE\x8C"));                                                         // ό, Ό
  CHECK(finds("\xCF\x8D", "\xCE\x8E"));                                                         // ύ, Ύ
  CHECK(finds("\xCF\x8E", "\xCE\x8F"));                                                         // ώ, Ώ
}

TEST_CASE("autocomplete ignores the case of Cyrillic letters") {
  CHECK(finds("\xD0\xBC\xD0\xBE", "\xD0\x9C\xD0\x9E\xD0\xA1\xD0\x9A\xD0\x92\xD0\x90"));  // мо, МОСКВА
  CHECK(finds("\xD1\x91", "\xD0\x81\xD0\xBB\xD0\xBA\xD0\xB0"));                         // ё, Ёлка
  CHECK(finds("\xD0\xAF", "\xD1\x8F"));                                                 // Я and я
  CHECK(finds("\xD1\x97", "\xD0\x87"));                                                 // ї and Ї
}

TEST_CASE("autocomplete ignores the case of the Ukrainian letter ghe with upturn") {
  CHECK(finds("\xD2\x91\xD0\xB0", "\xD2\x90\xD0\xB0\xD0\xBD\xD0\xBE\xD0\xBA"));  // ґа, Ґанок
}

TEST_CASE("words begin after punctuation, white space and underscores") {
  CHECK(finds("rover", "curiosity_rover"));
  CHECK(finds("rover", "curiosity-rover"));
  CHECK(finds("rover", "(rover)"));
  CHECK(finds("rover", "mars/rover.txt"));
  CHECK(finds("txt", "mars/rover.txt"));
  CHECK(finds("smith", "o'smith"));
  CHECK(finds("rover", "\tthe\n rover"));
  CHECK(finds("rover", "the\xC2\xA0rover"));      // a space that breaks no line
  CHECK(finds("rover", "\xC2\xABrover\xC2\xBB"));  // «rover»
  CHECK(finds("rover", "mars\xE2\x80\x94rover"));  // mars—rover
  CHECK(finds("rover", "\xE3\x80\x8Crover"));      // 「rover
}

TEST_CASE("digits are part of words") {
  CHECK(finds("42", "room 42"));
  CHECK(finds("4", "room 42"));
  CHECK_FALSE(finds("2", "room 42"));
  CHECK_FALSE(finds("42", "room42"));
  CHECK(finds("room4", "room42"));
}

TEST_CASE("letters of any alphabet are part of words") {
  CHECK_FALSE(finds("b", "\xC3\xA9" "b"));       // éb
  CHECK_FALSE(finds("b", "\xE7\x8C\xAB" "b"));   // 猫b
  CHECK(finds("\xE7\x8C\xAB", "\xE7\x8C\xAB" "b"));
  CHECK(finds("\xF0\x9F\x98\x80", "a \xF0\x9F\x98\x80"));
}

TEST_CASE("a prefix of several words must match consecutive words exactly") {
  CHECK(finds("curiosity ro", "the Curiosity Rover"));
  CHECK(finds("the curiosity rover", "the Curiosity Rover"));
  CHECK_FALSE(finds("curiosity  ro", "the Curiosity Rover"));
  CHECK_FALSE(finds("the rover", "the Curiosity Rover"));
  CHECK_FALSE(finds("rover the", "the Curiosity Rover"));
  CHECK_FALSE(finds("curiosity rover ", "the Curiosity Rover"));
}

TEST_CASE("a prefix that begins with punctuation or a space may match anywhere") {
  CHECK(finds("_ro", "curiosity_rover"));
  CHECK(finds("@", "john@mars"));
  CHECK(finds(" ro", "curiosity rover"));
  CHECK_FALSE(finds("-ro", "curiosity_rover"));
}

TEST_CASE("no prefix matches an empty string") {
  CHECK_FALSE(finds("a", ""));
  CHECK_FALSE(finds(" ", ""));
  CHECK_FALSE(finds("\xFF", ""));
}

TEST_CASE("a prefix that ends or begins inside a UTF-8 character does not match it") {
  CHECK_FALSE(finds("\xC3", "\xC3\xA9"));
  CHECK_FALSE(finds("\xF0\x9F\x98", "\xF0\x9F\x98\x80"));
  CHECK_FALSE(finds("caf\xC3", "caf\xC3\xA9"));
  CHECK_FALSE(finds("\xA9", "\xC3\xA9"));
}

TEST_CASE("bytes that are not valid UTF-8 match only themselves") {
  CHECK(finds("a\xFF", "a\xFF" "b"));
  CHECK(finds("\xFF", "\xFF"));
  CHECK_FALSE(finds("\xFE", "\xFF"));
  CHECK(finds("b", "\xFF b"));
  CHECK_FALSE(finds("a\xC3\xA9", "a\xC3"));
  CHECK_FALSE(finds("\xC0\x80", std::string_view("\0", 1)));  // an overlong form is no other spelling
  CHECK_FALSE(finds("\xC1\xA1", "a"));
  CHECK_FALSE(finds("\xC3\xBF", "\xFF"));  // ÿ, whose number is that of the byte
}

TEST_CASE("a string cut inside a UTF-8 character is read byte by byte") {
  // Of every length, so that a sanitizer sees a read past the end.
  const std::string whole = "a\xF0\x9F\x98\x80 \xE7\x8C\xAB\xC3\xA9";
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    const std::string text = whole.substr(0, length);
    CAPTURE(length);
    CHECK(finds("a", text) == (length > 0));
    if (length > 0) CHECK(finds(text, text));
    CHECK(finds("\xE7\x8C\xAB", text) == (length >= 9));
  }
}

TEST_CASE("case folding never changes whether a code point is part of a word") {
  for (std::uint32_t c = 0; c < 0x110100; ++c) {
    if (detail::is_of_word(c) != detail::is_of_word(detail::fold_case(c))) FAIL(c);
  }
}

TEST_CASE("a prefix is found even after partial matches of it") {
  const auto plainly = [](std::string_view text, std::string_view prefix) {
    for (std::size_t i = 0; i + prefix.size() <= text.size(); ++i) {
      const bool begins = i == 0 || text[i] == '-' || text[i - 1] == '-';
      if (begins && text.substr(i, prefix.size()) == prefix) return true;
    }
    return false;
  };
  // All strings and prefixes of two signs, up to a length.
  const auto made_of = [](unsigned bits, std::size_t size) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += (bits >> i & 1u) != 0 ? 'a' : '-';
    return text;
  };
  for (std::size_t length = 1; length <= 5; ++length) {
    for (unsigned p = 0; p < 1u << length; ++p) {
      const std::string prefix = made_of(p, length);
      const detail::WordPrefix ready(prefix);
      for (std::size_t size = 0; size <= 10; ++size) {
        for (unsigned t = 0; t < 1u << size; ++t) {
          const std::string text = made_of(t, size);
          if (ready.is_in(text) != plainly(text, prefix)) FAIL(text << " " << prefix);
        }
      }
    }
  }
}
