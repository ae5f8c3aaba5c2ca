// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BINARY_DETAIL_BYTES_HPP
#define PRESENCE_BINARY_DETAIL_BYTES_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/shared_string.hpp>
#include <presence/base/result.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, uint8_t, uint32_t, uint64_t
#include <cstring>      // for memcpy
#include <string>       // for string
#include <string_view>  // for string_view

/// Platform-independent encoding of numbers and strings.
///
/// A word has eight bytes, little endian. A number is LEB128: seven bits per byte, low bits first, in the minimum
/// number of bytes. A text is its size in bytes as a number, then the bytes.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// @{
/// A signed number as an unsigned one with the sign in the lowest bit, so that numbers near zero are short; and back.
constexpr std::uint64_t sign_last(std::int64_t number) noexcept {
  const auto bits = static_cast<std::uint64_t>(number);
  return number < 0 ? ~(bits << 1) : bits << 1;
}
constexpr std::int64_t from_sign_last(std::uint64_t bits) noexcept {
  return static_cast<std::int64_t>((bits & 1) != 0 ? ~(bits >> 1) : bits >> 1);
}
/// @}

/// Appends words, numbers and strings to a buffer.
class ByteWriter {
 public:
  std::size_t size() const noexcept { return size_; }
  std::string_view view() const noexcept { return std::string_view(bytes_.data(), size_); }
  void clear() noexcept { size_ = 0; }

  void byte(std::uint64_t byte) { bytes(byte, 1); }
  /// Appends the `count` low bytes of a word.
  void bytes(std::uint64_t word, unsigned count) {
    store(room_for(count), word, count);
    size_ += count;
  }
  void word64(std::uint64_t word) { bytes(word, 8); }
  void number(std::uint64_t number) {
    char* const first = room_for(10);
    char* to = first;
    for (; number >= 0x80; number >>= 7) *to++ = as_char(number | 0x80);
    *to++ = as_char(number);
    size_ += static_cast<std::size_t>(to - first);
  }
  void text(std::string_view text) {
    number(text.size());
    raw(text);
  }
  void raw(std::string_view text) {
    if (!text.empty()) std::memcpy(room_for(text.size()), text.data(), text.size());
    size_ += text.size();
  }
  /// Overwrites bytes that were written before, at that offset.
  void bytes_at(std::size_t place, std::uint64_t word, unsigned count) noexcept { store(&bytes_[place], word, count); }

 private:
  static char as_char(std::uint64_t byte) noexcept { return static_cast<char>(static_cast<std::uint8_t>(byte)); }
  static void store(char* to, std::uint64_t word, unsigned count) noexcept {
    for (unsigned i = 0; i < count; ++i) to[i] = as_char(word >> (8 * i));
  }
  char* room_for(std::size_t count) {
    if (bytes_.size() - size_ < count) bytes_.resize(2 * bytes_.size() + count + 64);
    return &bytes_[size_];
  }

  std::string bytes_;  // followed by unused capacity
  std::size_t size_ = 0;
};

/// Reads the output of a ByteWriter sequentially. Stores the first error, with its offset. After an error there is
/// nothing left to read, so callers need to check `ok()` only at the end.
class ByteReader {
 public:
  /// `offset` is the position of the bytes in the whole input; error offsets are relative to the whole input.
  explicit ByteReader(std::string_view bytes, std::size_t offset = 0) noexcept
      : rest_(bytes), end_(offset + bytes.size()) {}

  bool ok() const noexcept { return !failed_; }
  const Error& error() const noexcept { return error_; }
  bool at_end() const noexcept { return rest_.empty(); }
  /// Returns the number of bytes that are not read yet.
  std::size_t left() const noexcept { return rest_.size(); }
  /// Returns whether that is the next byte. Does not read it.
  bool is_next(unsigned byte) const noexcept { return !at_end() && static_cast<std::uint8_t>(rest_[0]) == byte; }
  /// Returns the offset of the next byte.
  std::size_t offset() const noexcept { return end_ - rest_.size(); }

  std::uint8_t byte() noexcept {
    const std::string_view one = raw(1);
    return one.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(one[0]);
  }
  std::uint32_t word32() noexcept {
    const std::string_view four = raw(4);
    return four.empty() ? 0 : static_cast<std::uint32_t>(load_half_word(four.data()));
  }
  std::uint64_t word64() noexcept {
    const std::string_view eight = raw(8);
    return eight.empty() ? 0 : load_word(eight.data());
  }
  std::uint64_t number() noexcept {
    const std::size_t start = offset();
    std::uint64_t number = 0;
    for (unsigned shift = 0;; shift += 7) {
      const std::uint8_t next = byte();
      if (!ok()) return 0;
      const bool fits = shift < 63 || next < 2, is_needed = next != 0 || shift == 0;
      if (!fits || !is_needed) {
        fail(ErrorCode::syntax, start,
             fits ? "the number is not in its shortest form" : "the number has more than 64 bits");
        return 0;
      }
      number |= std::uint64_t{next & 0x7Fu} << shift;
      if (next < 0x80) return number;
    }
  }
  /// Returns a string that is borrowed from the input.
  std::string_view text(std::size_t longest, const char* too_long) noexcept {
    const std::size_t start = offset();
    const std::uint64_t size = number();
    if (ok() && size > longest) fail(ErrorCode::over_limit, start, too_long);
    return ok() ? raw(size) : std::string_view();
  }
  /// The same, of any length. (A limit of SIZE_MAX would be one where a size has 32 bits.)
  std::string_view text() noexcept { return raw(number()); }
  /// Returns the next `count` bytes, borrowed from the input. If there are fewer, fails and returns an empty view.
  std::string_view raw(std::uint64_t count) noexcept {
    if (count > rest_.size()) {
      fail(ErrorCode::truncated, end_, "the bytes are truncated");
      return {};
    }
    const std::string_view taken = rest_.substr(0, narrowed<std::size_t>(count));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  /// Stores an error, unless there already is one.
  void fail(ErrorCode code, std::size_t offset, const char* message) noexcept {
    if (failed_) return;
    failed_ = true;
    error_.code = code;
    error_.offset = offset;
    error_.message = message;
    rest_ = rest_.substr(rest_.size());
  }

 private:
  std::string_view rest_;
  std::size_t end_;
  bool failed_ = false;
  Error error_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BINARY_DETAIL_BYTES_HPP
