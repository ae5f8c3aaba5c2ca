// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_DETAIL_WRITER_HPP
#define PRESENCE_JSON_DETAIL_WRITER_HPP

#include <presence/base/detail/byte_search.hpp>
#include <presence/base/detail/utf8.hpp>
#include <presence/base/time.hpp>
#include <presence/json/detail/reader.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint8_t
#include <string>       // for string
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Appends a JSON string with only the required escapes. Each maximal subpart that is not UTF-8 becomes one U+FFFD, as
/// in web decoders, so that the output is always valid JSON.
PRESENCE_DETAIL_APART inline void append_json_string(std::string& out, std::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  const char* run = p;  // start of the part that is not yet copied
  out += '"';
  while ((p = skip_plain(p, end)) != end) {
    const std::uint8_t c = octet(*p);
    if (c >= 0x80) {
      const Utf8Step step = utf8_step(p, end);
      if (!step.valid) {
        out.append(run, static_cast<std::size_t>(p - run));
        out += "\xEF\xBF\xBD";
        run = p + step.length;
      }
      p += step.length;
      continue;
    }
    out.append(run, static_cast<std::size_t>(p - run));
    out += '\\';
    switch (c) {
      case '"':
      case '\\': out += *p; break;
      case '\b': out += 'b'; break;
      case '\f': out += 'f'; break;
      case '\n': out += 'n'; break;
      case '\r': out += 'r'; break;
      case '\t': out += 't'; break;
      default:
        out += c < 0x10 ? "u000" : "u001";
        out += "0123456789abcdef"[c & 0xF];
        break;
    }
    run = ++p;
  }
  out.append(run, static_cast<std::size_t>(p - run));
  out += '"';
}

/// The following functions take the key with its quotes and punctuation, so that no key is assembled at run time.
PRESENCE_DETAIL_APART inline void append_json_text(std::string& out, std::string_view key, std::string_view text) {
  out += key;
  append_json_string(out, text);
}

PRESENCE_DETAIL_APART inline void append_json_truth(std::string& out, std::string_view key, bool truth) {
  out += key;
  out += truth ? "true" : "false";
}

PRESENCE_DETAIL_APART inline void append_json_timestamp(std::string& out, std::string_view key, Timestamp at) {
  char text[longest_timestamp + 2];
  text[0] = '"';
  const std::size_t length = write_timestamp(at, text + 1);
  text[length + 1] = '"';
  out += key;
  out.append(text, length + 2);
}

template <class T>
std::string json_of(const T& value) {
  std::string out;
  out.reserve(192);  // enough for most events and users: one allocation
  append_json(out, value);
  return out;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_DETAIL_WRITER_HPP
