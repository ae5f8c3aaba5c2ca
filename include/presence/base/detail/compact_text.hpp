// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_COMPACT_TEXT_HPP
#define PRESENCE_BASE_DETAIL_COMPACT_TEXT_HPP

#include <presence/base/detail/memory.hpp>
#include <presence/config.hpp>

#include <cstddef>      // for size_t
#include <cstring>      // for memcpy
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// A string that is one pointer, to an allocation with its size and characters. An empty one allocates nothing. For the
/// strings of small values: up to 254 bytes, the size takes one byte.
class CompactText {
 public:
  /// The first byte of the allocation. Behind it are the characters or, if it is `is_long`, a std::size_t and then the
  /// characters.
  struct Head {
    unsigned char size;

    static constexpr unsigned char is_long = 255;
  };

  CompactText() noexcept = default;
  explicit CompactText(std::string_view text) {
    if (text.empty()) return;
    head_ = construct<Head>(allocate(bytes_for(text.size()), alignof(Head)));
    head_->size = text.size() < Head::is_long ? static_cast<unsigned char>(text.size()) : Head::is_long;
    char* at = static_cast<char*>(static_cast<void*>(head_ + 1));
    if (head_->size == Head::is_long) {
      const std::size_t size = text.size();
      std::memcpy(at, &size, sizeof(size));
      at += sizeof(size);
    }
    std::memcpy(at, text.data(), text.size());
  }
  CompactText(CompactText&& other) noexcept : head_(other.release()) {}
  CompactText& operator=(CompactText&&) = delete;
  ~CompactText() {
    if (head_ != nullptr) deallocate(head_, bytes_for(text_of(head_).size()), alignof(Head));
  }

  /// @{
  /// `release` transfers the ownership of the memory to the caller; `adopt` takes it back. The pointer is null for an
  /// empty string.
  static CompactText adopt(Head* head) noexcept {
    CompactText text;
    text.head_ = head;
    return text;
  }
  Head* release() noexcept {
    Head* const head = head_;
    head_ = nullptr;
    return head;
  }
  /// @}

  /// Returns the string at a pointer that `release` returned. O(1).
  static std::string_view text_of(const Head* head) noexcept {
    if (head == nullptr) return std::string_view("", 0);
    const char* const behind = static_cast<const char*>(static_cast<const void*>(head + 1));
    if (head->size != Head::is_long) return std::string_view(behind, head->size);
    std::size_t size;
    std::memcpy(&size, behind, sizeof(size));
    return std::string_view(behind + sizeof(size), size);
  }

 private:
  /// Returns the size of the allocation. On overflow it is the maximum, so that the allocation fails normally.
  static constexpr std::size_t bytes_for(std::size_t size) noexcept {
    constexpr std::size_t most = static_cast<std::size_t>(-1) / 2;  // no object is larger
    const std::size_t before = sizeof(Head) + (size < Head::is_long ? 0 : sizeof(std::size_t));
    return size > most - before ? most : before + size;
  }

  Head* head_ = nullptr;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_DETAIL_COMPACT_TEXT_HPP
