// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TESTS_UNIT_SECOND_WRITER_HPP
#define PRESENCE_TESTS_UNIT_SECOND_WRITER_HPP

// A second writer of the format, independent of the library's.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace support {
namespace second_writer {

inline std::string number(std::uint64_t n) {
  std::string bytes;
  for (; n >= 128; n /= 128) bytes += static_cast<char>(static_cast<unsigned char>(n % 128 + 128));
  return bytes + static_cast<char>(n);
}
inline std::string octet(unsigned byte) { return std::string(1, static_cast<char>(static_cast<unsigned char>(byte))); }
inline std::string words(std::uint64_t word, int bytes) {
  std::string text;
  for (; bytes > 0; --bytes, word /= 256) text += octet(word % 256);
  return text;
}
inline std::string text_bytes(std::string_view text) { return number(text.size()) + std::string(text); }
/// A timestamp, so many units earlier than the base.
inline std::string earlier(std::int64_t units) {
  return number(units < 0 ? 2 * (static_cast<std::uint64_t>(-(units + 1))) + 1 : 2 * static_cast<std::uint64_t>(units));
}

inline std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}
inline std::uint64_t checksum_after(std::uint64_t last, std::string_view body) {
  const auto added = [](std::uint64_t state, std::uint64_t word) {
    return mixed(state + 0x9E3779B97F4A7C15u) ^ mixed(word ^ 0xD1B54A32D192ED03u);
  };
  std::uint64_t state = added(last, body.size());
  for (std::size_t i = 0; i < body.size(); i += 8) {
    std::uint64_t word = 0;
    for (std::size_t k = 0; k < 8 && i + k < body.size(); ++k) {
      word |= std::uint64_t{static_cast<unsigned char>(body[i + k])} << 8 * k;
    }
    state = added(state, word);
  }
  return mixed(state);
}

inline std::string framed(const std::vector<std::string>& blocks, unsigned kind = 0, unsigned version = 2) {
  std::string bytes = "PRSN" + octet(version) + octet(kind);
  std::uint64_t checksum = 256 * version + kind;
  const auto add = [&](std::string_view body) {
    checksum = checksum_after(checksum, body);
    bytes += words(body.size(), 4) + words(checksum, 8);
    bytes += body;
  };
  for (const std::string& body : blocks) add(body);
  add({});
  return bytes;
}
/// The same around a single block, or none if the body is empty.
inline std::string framed_body(std::string_view body, unsigned kind, unsigned version) {
  std::vector<std::string> blocks;
  if (!body.empty()) blocks.emplace_back(body);
  return framed(blocks, kind, version);
}
inline constexpr std::size_t before_body = 18;

/// The body of bytes with a single block.
inline std::string body_of(const std::string& bytes) {
  return bytes.substr(before_body, bytes.size() - before_body - 12);
}

}  // namespace second_writer
}  // namespace support

#endif  // PRESENCE_TESTS_UNIT_SECOND_WRITER_HPP
