// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <presence/json/detail/reader.hpp>
#include <presence/json/events.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>

using namespace presence;

namespace {

const std::string_view lines[] = {
    R"({"type":"connect","user":"u","session":"s","at":"2019-01-07T13:17:42.375Z","invisible":true,"status":"zo\u00eb \ud83d\ude00"})",
    R"( {"x":[1.5e-3,-0,null,{"y":[]},false] , "type":"report","user":"猫","online":false,"at":1546867062375000000,"last_active":null} )",
    R"({"type":"user.presence.changed","created_at":"2020-03-30T07:54:46.207332Z","user":{"id":"bender","role":"user","online":true,)"
    R"("last_active":"0001-01-01T00:00:00Z","custom":{"status":"\"Bite\"\t\/"},"teams":["a","b"]}})",
    R"({"type":"health.check","connection_id":"c\\","me":{"id":"bender","online":true,"devices":[{}]},"created_at":1546867062375000000})",
};

/// Parses a copy of exactly the size of the text, so that a sanitizer sees a read past its end.
Result<PresenceEvent> parse_exactly(std::string_view text) {
  const std::unique_ptr<char[]> exact(new char[text.size() + 1]);
  char* const start = exact.get() + 1;  // odd addresses too
  text.copy(start, text.size());
  return parse_event(std::string_view(start, text.size()));
}

/// Checks the error of a string with a '^' before the byte at the error's offset.
void refused(ErrorCode code, std::string marked) {
  CAPTURE(marked);
  const std::size_t offset = marked.find('^');
  REQUIRE(offset != std::string::npos);
  marked.erase(offset, 1);
  const auto event = parse_exactly(marked);
  REQUIRE_FALSE(event);
  CHECK(static_cast<int>(event.error().code) == static_cast<int>(code));
  CHECK(event.error().offset == offset);
  CHECK(std::string(event.error().message) != "");
}

/// The same for a value, once where it is skipped and once where it is read.
void refused_value(ErrorCode code, const std::string& marked) {
  refused(code, R"({"type":"connect","user":"u","session":"s","at":1546867062375000000,"other":)" + marked + "}");
  refused(code, R"({"type":"connect","user":"u","session":"s","at":1546867062375000000,"status":)" + marked + "}");
  if (code == ErrorCode::bad_utf8 || marked.find("\\ud") != std::string::npos) {
    // What is read as U+FFFD where it is a service's is refused where it is not seen to be.
    refused(code, R"({"type":"teleport","user":{"custom":{"status":)" + marked + "}}}");
    refused(code, R"({"user":{"custom":{"status":)" + marked + "}}}");
  } else {
    refused(code, R"({"type":"message.new","user":{"custom":{"status":)" + marked + "}}}");
  }
}

bool accepted_value(const std::string& value) {
  return static_cast<bool>(
      parse_exactly(R"({"type":"connect","user":"u","session":"s","at":1546867062375000000,"other":)" + value + "}"));
}

std::optional<std::string> status_of(const std::string& value) {
  const auto event = parse_exactly(R"({"type":"status","user":"u","at":1546867062375000000,"status":)" + value + "}");
  return event ? event->status : std::nullopt;
}

/// RFC 3629 by decoding and encoding again: nothing of the reader's own way.
bool is_one_character(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])); };
  const std::size_t length = at(0) < 0x80 ? 1 : at(0) >> 5 == 6 ? 2 : at(0) >> 4 == 14 ? 3 : at(0) >> 3 == 30 ? 4 : 0;
  if (length != bytes.size()) return false;
  std::uint32_t code = length == 1 ? at(0) : at(0) & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if (at(i) >> 6 != 2) return false;
    code = code << 6 | (at(i) & 0x3F);
  }
  const std::size_t shortest = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  return shortest == length && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
}

std::string bytes_of(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out += static_cast<char>(value);
  return out;
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  while (times-- > 0) out += text;
  return out;
}

}  // namespace

TEST_CASE("an unknown key may have any value that is valid by RFC 8259") {
  for (const std::string value : {"null",
                                  "true",
                                  "false",
                                  "0",
                                  "-0",
                                  "10",
                                  "-12",
                                  "0.5",
                                  "-0.0",
                                  "1e5",
                                  "1E+5",
                                  "1.25e-10",
                                  "123456789012345678901234567890",
                                  "\"\"",
                                  "\"a\"",
                                  R"("\"\\\/\b\f\n\r\t\u0000\uFFFF\ud83d\uDE00")",
                                  "[]",
                                  "[ ]",
                                  "{}",
                                  "{ }",
                                  "[1]",
                                  "[1,2]",
                                  "[ 1 , [ ] ]",
                                  R"({"":0})",
                                  R"({"a":1,"a":2})",
                                  R"({"a":{"b":[{"c":null}]}})",
                                  "\"\x7F\"",
                                  "\"\xF4\x8F\xBF\xBF\""}) {
    CAPTURE(value);
    CHECK(accepted_value(value));
    CHECK(accepted_value(" \t\r\n" + value + " \t\r\n"));
  }
}

TEST_CASE("a value that is not valid by RFC 8259 is rejected at the wrong byte") {
  for (const std::string value : {"^", "^NaN", "^Infinity", "^+1", "^.5", "^'a'", "^undefined", "^True", "^)", "^]",
                                  "^:", "^,", "^\xEF\xBB\xBF", "^\f0"}) {
    refused_value(ErrorCode::syntax, value);
  }
  // A literal goes wrong at the first letter that differs.
  refused_value(ErrorCode::syntax, "nul^");
  refused_value(ErrorCode::syntax, "nul^L");
  refused_value(ErrorCode::syntax, "tru^ e");
  refused_value(ErrorCode::syntax, "fals^");
  refused_value(ErrorCode::syntax, "true^x");
  refused_value(ErrorCode::syntax, "0^1");
  refused_value(ErrorCode::syntax, "-0^1");
  refused_value(ErrorCode::syntax, "-^");
  refused_value(ErrorCode::syntax, "-^-1");
  refused_value(ErrorCode::syntax, "-^.5");
  refused_value(ErrorCode::syntax, "-^Infinity");
  refused_value(ErrorCode::syntax, "1.^");
  refused_value(ErrorCode::syntax, "1.^e5");
  refused_value(ErrorCode::syntax, "1e^");
  refused_value(ErrorCode::syntax, "1e+^");
  refused_value(ErrorCode::syntax, "1e^.5");
  refused_value(ErrorCode::syntax, "1^a");
  refused_value(ErrorCode::syntax, "0^x10");
  refused_value(ErrorCode::syntax, "1 ^2");
  refused_value(ErrorCode::syntax, "1^/**/");
  refused_value(ErrorCode::syntax, "[1,^]");
  refused_value(ErrorCode::syntax, "[^,1]");
  refused_value(ErrorCode::syntax, "[1 ^2]");
  refused_value(ErrorCode::syntax, "[1^:2]");
  refused_value(ErrorCode::syntax, "[1^}");
  refused_value(ErrorCode::syntax, "[^}");
  refused_value(ErrorCode::syntax, "{^]");
  refused_value(ErrorCode::syntax, "{^,}");
  refused_value(ErrorCode::syntax, R"({"a"^})");
  refused_value(ErrorCode::syntax, R"({"a" ^1})");
  refused_value(ErrorCode::syntax, R"({"a":^})");
  refused_value(ErrorCode::syntax, R"({"a":1,^})");
  refused_value(ErrorCode::syntax, R"({"a":1^;"b":2})");
  refused_value(ErrorCode::syntax, R"({"a":1 ^"b":2})");
  refused_value(ErrorCode::syntax, R"({"a":1^]})");
  refused_value(ErrorCode::syntax, "{^a:1}");
  refused_value(ErrorCode::syntax, "{^1:1}");
  refused_value(ErrorCode::syntax, "{^'a':1}");
}

TEST_CASE("invalid bytes before or after the object are rejected") {
  refused(ErrorCode::truncated, "^");
  refused(ErrorCode::truncated, " \t\r\n^");
  refused(ErrorCode::syntax, "^\xEF\xBB\xBF{}");
  refused(ErrorCode::syntax, "^}");
  refused(ErrorCode::syntax, "^connect");
  refused(ErrorCode::syntax, "^//\n{}");
  refused(ErrorCode::trailing_bytes, "{}^{}");
  refused(ErrorCode::trailing_bytes, "{} ^x");
  refused(ErrorCode::trailing_bytes, "{}^,");
  refused(ErrorCode::trailing_bytes, "{}^}");
  refused(ErrorCode::trailing_bytes, std::string("{}^\0", 4));
  refused(ErrorCode::trailing_bytes, "[]^]");
  refused(ErrorCode::trailing_bytes, "{}\n^{}");
}

TEST_CASE("unescaped control characters in strings and keys are rejected at any position") {
  for (int c = 0; c < 0x20; ++c) {
    for (std::size_t before = 0; before < 20; ++before) {
      const std::string text =
          '"' + std::string(before, 'a') + '^' + static_cast<char>(c) + std::string(20 - before, 'b') + '"';
      refused_value(ErrorCode::syntax, text);
      refused_value(ErrorCode::syntax, '{' + text + ":0}");
    }
  }
}

TEST_CASE("strings of every length are read completely, with an escape or character at any position") {
  for (std::size_t length = 0; length < 70; ++length) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i) text += static_cast<char>('!' + (i * 7) % 94);
    for (char& c : text) c = c == '"' || c == '\\' ? ' ' : c;
    REQUIRE(status_of('"' + text + '"') == text);
    for (std::size_t at = 0; at <= length; ++at) {
      std::string with_escape = text, with_character = text, decoded = text;
      with_escape.insert(at, "\\\"");
      decoded.insert(at, "\"");
      REQUIRE(status_of('"' + with_escape + '"') == decoded);
      with_character.insert(at, "\xC3\xAB");
      REQUIRE(status_of('"' + with_character + '"') == with_character);
    }
  }
}

TEST_CASE("escapes are decoded") {
  CHECK(status_of(R"("\"\\\/\b\f\n\r\t")") == "\"\\/\b\f\n\r\t");
  CHECK(status_of(R"("\u0000")") == std::string(1, '\0'));
  CHECK(status_of(R"("\u0041\u007f\u0080\u07FF\u0800\uffff")") == "A\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF");
  CHECK(status_of(R"("\ud800\udc00\uDBFF\uDFFF\ud83d\ude00")") == "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\xF0\x9F\x98\x80");
  CHECK(status_of(R"("\ud7ff\ue000")") == "\xED\x9F\xBF\xEE\x80\x80");
  CHECK(status_of(R"("\\u0041")") == "\\u0041");
}

TEST_CASE("an unknown escape or half of a surrogate pair is bad_escape, at the backslash") {
  for (int c = 0; c < 256; ++c) {
    if (std::string_view("\"\\/bfnrtu").find(static_cast<char>(c)) != std::string_view::npos || c == '^') continue;
    refused_value(ErrorCode::bad_escape, std::string("\"a^\\") + static_cast<char>(c) + '"');
  }
  for (const std::string text : {R"("^\u")",           R"("^\u12")",
                                 R"("^\u123")",        R"("^\u12G4")",
                                 R"("^\u 123")",       R"("^\u-123")",
                                 R"("^\u+123")",       R"("^\U0041")",
                                 R"("a^\ud800")",      R"("a^\udbff")",
                                 R"("a^\udc00")",      R"("a^\udfff")",
                                 R"("^\ud800x")",      R"("^\ud800\n")",
                                 R"("^\ud800\u0041")", R"("^\ud800\ud800\udc00")",
                                 R"("^\ud800\ue000")", R"("\ud800\udc00^\udc00")",
                                 R"("^\udc00\ud800")", R"("^\ud800\u12")"}) {
    refused_value(ErrorCode::bad_escape, text);
    refused_value(ErrorCode::bad_escape, '{' + text + ":0}");
  }
}

TEST_CASE("invalid UTF-8 in strings and keys is bad_utf8, at the first invalid byte") {
  for (const std::string text : {"^\x80",
                                 "^\xBF",
                                 "^\xC0\x80",
                                 "^\xC1\xBF",
                                 "^\xC3",
                                 "^\xC3(",
                                 "^\xE0\x9F\xBF",
                                 "^\xE2\x82",
                                 "^\xE2(\xA1",
                                 "^\xED\xA0\x80",
                                 "^\xED\xBF\xBF",
                                 "^\xF0\x8F\xBF\xBF",
                                 "^\xF0\x9F\x98",
                                 "^\xF0\x9F(\x80",
                                 "^\xF4\x90\x80\x80",
                                 "^\xF5\x80\x80\x80",
                                 "^\xF8\x88\x80\x80\x80",
                                 "^\xFE",
                                 "^\xFF",
                                 "\xC3\xAB^\xC3",
                                 "abcdefg^\x80",
                                 "abcdefgh^\x80",
                                 "abcdefghijk\xF0\x9F\x98\x80^\x80"}) {
    refused_value(ErrorCode::bad_utf8, '"' + text + '"');
    refused_value(ErrorCode::bad_utf8, "{\"" + text + "\":0}");
  }
}

TEST_CASE("UTF-8 is validated by RFC 3629, for all two-byte sequences and the edges of longer ones") {
  std::size_t wrong = 0, good = 0;
  const auto try_bytes = [&](const std::string& bytes) {
    const bool expected = is_one_character(bytes);
    if (status_of('"' + bytes + '"').has_value() != expected) ++wrong;
    good += expected ? 1 : 0;
  };
  const int edges[] = {0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
  for (int a = 0x80; a < 256; ++a) {
    try_bytes(bytes_of({a}));
    for (int b = 0x80; b < 256; ++b) {
      try_bytes(bytes_of({a, b}));
      if (a < 0xDF || b > 0xC0) continue;
      for (const int c : edges) {
        // Three bytes that are a character and a letter are no single character, yet good.
        if (c < 0x80) continue;
        try_bytes(bytes_of({a, b, c}));
        if (a < 0xEF) continue;
        for (const int d : edges) {
          if (d >= 0x80) try_bytes(bytes_of({a, b, c, d}));
        }
      }
    }
  }
  CHECK(wrong == 0);
  CHECK(good > 2000);
}

TEST_CASE("nesting is accepted up to 128 levels, and the 129th is too_deep") {
  // The event itself is one.
  for (const std::string key : {"other", "status", "user", "me"}) {
    const std::string before = R"({"type":"message.new",")" + key + "\":";
    refused(ErrorCode::not_presence, R"({"type":^)" + before.substr(8) + repeated("[", 127) + repeated("]", 127) + "}");
    refused(ErrorCode::too_deep, before + repeated("[", 127) + "^[" + repeated("]", 128) + "}");
    refused(ErrorCode::too_deep, before + repeated("{\"user\":", 127) + "^{" + repeated("}", 128) + "}");
    refused(ErrorCode::too_deep, before + repeated("[{\"\":", 63) + "[^{}]" + repeated("}]", 63) + "}");
    refused(ErrorCode::too_deep, before + repeated("[", 127) + "^" + repeated("[", 1000000));
  }
  refused(ErrorCode::wrong_type, "^" + repeated("[", 128) + repeated("]", 128));
  refused(ErrorCode::too_deep, repeated("[", 128) + "^[");
  // Levels that were left do not count.
  CHECK(accepted_value('[' + repeated("[[]],", 1000) + "[]]"));
}

TEST_CASE("arrays and objects must be closed by the matching bracket") {
  CHECK(accepted_value(R"([{"a":[{"b":[]}]},[{}],{"c":{"d":[{}]}}])"));
  refused_value(ErrorCode::syntax, R"([{"a":[{"b":[^}}]}]])");
  refused_value(ErrorCode::syntax, R"({"a":[{"b":1^]}]})");
  refused_value(ErrorCode::syntax, R"([{"a":[]},[{"b":{}}^}]])");
}

TEST_CASE("an event cut at any byte is truncated, with the error at its end") {
  for (const std::string_view line : lines) {
    CAPTURE(std::string(line));
    REQUIRE(parse_exactly(line));
    const std::size_t whole = line.find_last_of('}') + 1;
    for (std::size_t length = 0; length < whole; ++length) {
      CAPTURE(length);
      const auto event = parse_exactly(line.substr(0, length));
      REQUIRE_FALSE(event);
      REQUIRE(event.error() == Error{ErrorCode::truncated, length, ""});
    }
  }
}

TEST_CASE("an event with any byte changed, removed or inserted is an event or an error inside it, never a crash") {
  for (const std::string_view line : lines) {
    for (std::size_t at = 0; at < line.size(); ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string changed(line), longer(line);
        changed[at] = static_cast<char>(c);
        longer.insert(at, 1, static_cast<char>(c));
        for (const std::string& text : {changed, longer}) {
          if (const auto event = parse_exactly(text)) {
            const auto again = parse_event(to_json(*event));
            REQUIRE(again);
            REQUIRE(*again == *event);
          } else {
            REQUIRE(event.error().offset <= text.size());
          }
        }
      }
      std::string shorter(line);
      shorter.erase(at, 1);
      const auto event = parse_exactly(shorter);
      REQUIRE((event || event.error().offset <= shorter.size()));
    }
  }
}

TEST_CASE("randomly cut and spliced lines are an event or an error inside them, never a crash") {
  const char* given = std::getenv("PRESENCE_SEED");
  const std::uint64_t from = given != nullptr ? std::strtoull(given, nullptr, 0) : 20190107;
  INFO("PRESENCE_SEED=" << from);
  std::mt19937_64 bits(from);
  const auto below = [&bits](std::size_t n) { return static_cast<std::uint32_t>(bits() >> 32) % n; };
  const std::string_view pieces[] = {"\\", "\"", "\\u",  "\\ud83d", "{",    "}",    "[",  "]",
                                     ",",  ":",  "null", "1e",      "\xF0", "\x80", "\n", "\\\""};
  for (int i = 0; i < 20000; ++i) {
    const std::string_view a = lines[below(4)], b = lines[below(4)];
    std::string text = std::string(a.substr(0, below(a.size() + 1))) + std::string(b.substr(below(b.size() + 1)));
    for (std::size_t n = below(4); n > 0; --n) text.insert(below(text.size() + 1), pieces[below(16)]);
    CAPTURE(text);
    const auto event = parse_exactly(text);
    REQUIRE((event || event.error().offset <= text.size()));
  }
}

TEST_CASE("the end of a run of plain bytes is found at any position, for every byte") {
  for (const std::size_t size : {0u, 1u, 7u, 8u, 9u, 15u, 16u, 17u, 63u, 64u, 65u, 79u, 80u, 81u, 128u, 150u}) {
    CAPTURE(size);
    for (std::size_t at = 0; at < size; ++at) {
      for (unsigned byte = 0; byte < 256; ++byte) {
        const std::unique_ptr<char[]> text(new char[size]);
        for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(' ' + i % 2);
        text[at] = static_cast<char>(static_cast<unsigned char>(byte));
        const bool ends = byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\';
        const char *const first = text.get(), *const end = first + size;
        detail::Marks marks(std::string_view(first, size));
        const bool found = marks.next(first) == (ends ? first + at : end) &&
                           (!ends || marks.next(first + at + 1) == end) &&
                           detail::skip_plain(first, end) == (ends ? first + at : end);
        if (!found) FAIL("byte " << byte << " at " << at);
      }
    }
    const std::string plain(size, 'x');
    CHECK(detail::Marks(plain).next(plain.data()) == plain.data() + size);
  }
}
