// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_SHARED_STRING_HPP
#define PRESENCE_BASE_DETAIL_SHARED_STRING_HPP

#include <presence/base/detail/memory.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint32_t, uint64_t
#include <cstring>      // for memcmp, memcpy, memmove
#include <string_view>  // for string_view
#include <utility>      // for swap

/// The strings of ids and statuses in a Snapshot.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Loads eight bytes, or four, as a little-endian number on every platform.
inline std::uint64_t load_word(const char* bytes) noexcept {
#if defined(_MSC_VER) || (defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof(word));
#else
  std::uint64_t word = 0;
  for (unsigned i = 0; i < 8; ++i) word |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
#endif
  return word;
}
inline std::uint64_t load_half_word(const char* bytes) noexcept {
#if defined(_MSC_VER) || (defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
  std::uint32_t word;
  std::memcpy(&word, bytes, sizeof(word));
#else
  std::uint32_t word = 0;
  for (unsigned i = 0; i < 4; ++i) word |= std::uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
#endif
  return word;
}
/// Loads fewer than eight bytes as a little-endian number.
inline std::uint64_t load_part(const char* bytes, std::size_t count) noexcept {
  if (count >= 4) {
    const std::size_t last = count - 4;  // the two loads may overlap
    return load_half_word(bytes) | load_half_word(bytes + last) << (8 * last);
  }
  std::uint64_t word = 0;
  for (unsigned i = 0; i < count; ++i) word |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return word;
}

/// Returns the word with its bytes in reverse order. Words in this order compare as the strings in them do.
constexpr std::uint64_t by_weight(std::uint64_t word) noexcept {
  word = (word & 0x00FF00FF00FF00FFu) << 8 | (word >> 8 & 0x00FF00FF00FF00FFu);
  word = (word & 0x0000FFFF0000FFFFu) << 16 | (word >> 16 & 0x0000FFFF0000FFFFu);
  return word << 32 | word >> 32;
}

/// An immutable string. Up to 15 bytes are stored inline. A longer string is on the heap and shared by all copies, with
/// a reference count. Copying allocates nothing. Data pointer and size are known without a read of the heap memory.
class SharedString {
 public:
  static constexpr std::size_t room = 15;

  SharedString() noexcept = default;
  explicit SharedString(std::string_view text) {
    if (text.size() > 0xFFFFFFFF) trap();  // limits are 32-bit numbers
    if (text.size() <= room) {
      if (!text.empty()) std::memcpy(bytes_, text.data(), text.size());
      bytes_[room] = static_cast<char>(text.size());
    } else {
      const auto size = static_cast<std::uint32_t>(text.size());
      const std::size_t steps = Stored::steps_for(size);
      void* const memory = detail::allocate(steps * Stored::step, alignof(Stored));
      Stored* const stored = detail::construct<Stored>(memory, steps);
      std::memcpy(bytes_, &stored, sizeof(stored));
      bytes_[room] = elsewhere;
      fill(text.data(), size);
    }
  }
  SharedString(const SharedString& other) noexcept {
    std::memcpy(bytes_, other.bytes_, sizeof(bytes_));
    if (bytes_[room] == elsewhere) stored()->owners.add();
  }
  SharedString(SharedString&& other) noexcept { swap(other); }
  SharedString& operator=(const SharedString& other) noexcept {
    SharedString copy(other);
    swap(copy);
    return *this;
  }
  SharedString& operator=(SharedString&& other) noexcept {
    swap(other);
    return *this;
  }
  ~SharedString() {
    if (bytes_[room] == elsewhere) drop();
  }

  /// Replaces the string. Reuses the memory if it is not shared and has the size that the new string needs. If memory
  /// runs out, the string is unchanged.
  void assign(std::string_view text) {
    const auto size = static_cast<std::uint32_t>(text.size());
    if (bytes_[room] == elsewhere && text.size() > room && text.size() <= 0xFFFFFFFF &&
        stored()->steps == Stored::steps_for(size) && stored()->owners.is_one()) {
      fill(text.data(), size);
    } else {
      *this = SharedString(text);
    }
  }

  std::string_view view() const noexcept {
    if (bytes_[room] != elsewhere) return std::string_view(bytes_, static_cast<std::size_t>(bytes_[room]));
    std::uint32_t size;
    std::memcpy(&size, bytes_ + sizeof(Stored*), sizeof(size));
    return std::string_view(stored()->text(), size);
  }
  bool empty() const noexcept { return bytes_[room] == 0; }
  /// Prefetches the beginning of a string that is on the heap, without reading it.
  void prefetch() const noexcept {
    if (bytes_[room] == elsewhere) detail::prefetch(stored(), sizeof(Stored));
  }
  /// Returns the size of the heap memory, which is shared with copies.
  std::size_t bytes_elsewhere() const noexcept { return is_inside() ? 0 : stored()->steps * Stored::step; }
  /// Returns true if the string is stored inline. Then the two words are its bytes, padded with zeros, with the size in
  /// the highest byte.
  bool is_inside() const noexcept { return bytes_[room] != elsewhere; }
  std::uint64_t low_word() const noexcept { return load_word(bytes_); }
  std::uint64_t high_word() const noexcept { return load_word(bytes_ + 8); }

  friend bool operator==(const SharedString& a, const SharedString& b) noexcept {
    return std::memcmp(a.bytes_, b.bytes_, sizeof(a.bytes_)) == 0 || (!a.is_inside() && a.view() == b.view());
  }
  friend bool operator!=(const SharedString& a, const SharedString& b) noexcept { return !(a == b); }

 private:
  struct Stored {
    OwnerCount owners;
    const std::uint32_t steps;  // size of the memory; a string with the same number of steps can reuse it

    static constexpr std::size_t step = 16;
    explicit Stored(std::size_t of_memory) noexcept : steps(static_cast<std::uint32_t>(of_memory)) {}
    static std::size_t steps_for(std::uint32_t size) noexcept { return (sizeof(Stored) + size - 1) / step + 1; }
    char* text() noexcept { return reinterpret_cast<char*>(this + 1); }
  };
  static constexpr char elsewhere = 127;

  Stored* stored() const noexcept {
    Stored* pointer;
    std::memcpy(&pointer, bytes_, sizeof(pointer));
    return pointer;
  }
  void drop() noexcept {
    Stored* const last = stored();
    if (!last->owners.drop_last()) return;
    const std::size_t bytes = last->steps * Stored::step;
    last->~Stored();
    detail::deallocate(last, bytes, alignof(Stored));
  }
  /// Copies the bytes into the heap memory and sets the size.
  void fill(const char* text, std::uint32_t size) noexcept {
    std::memmove(stored()->text(), text, size);  // may overlap the old string
    std::memcpy(bytes_ + sizeof(Stored*), &size, sizeof(size));
  }
  void swap(SharedString& other) noexcept {
    char bytes[sizeof(bytes_)];
    std::memcpy(bytes, bytes_, sizeof(bytes_));
    std::memcpy(bytes_, other.bytes_, sizeof(bytes_));
    std::memcpy(other.bytes_, bytes, sizeof(bytes_));
  }

  alignas(8) char bytes_[room + 1] = {};
};

inline std::string_view text_of(const SharedString& text) noexcept { return text.view(); }
inline std::string_view text_of(std::string_view text) noexcept { return text; }

/// A string to search for, prepared for many comparisons with SharedStrings.
class LookupKey {
 public:
  LookupKey() noexcept {}  // uninitialised, for arrays
  explicit LookupKey(std::string_view text) noexcept { set(text); }

  void set(std::string_view text) noexcept {
    const std::size_t size = text.size();
    const char* const p = text.data();
    data_ = p;
    size_ = size;
    if (size > SharedString::room) {
      low_ = high_ = 0;
    } else if (size >= 8) {
      low_ = load_word(p);
      // The last eight bytes overlap the first ones, so the overlap is shifted out.
      high_ = (size == 8 ? 0 : load_word(p + (size - 8)) >> (8 * (16 - size))) | std::uint64_t{size} << 56;
    } else {
      low_ = load_part(p, size);
      high_ = std::uint64_t{size} << 56;
    }
  }

  /// Points the key to an equal string, `copy`, which must outlive it.
  void lies_in(const SharedString& copy) noexcept { data_ = copy.view().data(); }

  std::string_view text() const noexcept { return std::string_view(data_, size_); }
  bool is_short() const noexcept { return size_ <= SharedString::room; }
  std::uint64_t low() const noexcept { return low_; }
  std::uint64_t high() const noexcept { return high_; }

  bool is(const SharedString& text) const noexcept {
    return is_short() ? text.low_word() == low_ && text.high_word() == high_ : is_long(text, this->text());
  }

 private:
  PRESENCE_DETAIL_APART static bool is_long(const SharedString& text, std::string_view sought) noexcept {
    return !text.is_inside() && text.view() == sought;
  }

  const char* data_;
  std::size_t size_;
  std::uint64_t low_, high_;
};

/// The former name of LookupKey, for tests of the hashes that were written against 0.1.
using Sought = LookupKey;

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_DETAIL_SHARED_STRING_HPP
