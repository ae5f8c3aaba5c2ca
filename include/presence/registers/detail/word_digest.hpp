// SPDX-License-Identifier: MIT
#ifndef PRESENCE_REGISTERS_DETAIL_WORD_DIGEST_HPP
#define PRESENCE_REGISTERS_DETAIL_WORD_DIGEST_HPP

#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/base/time.hpp>

#include <cstdint>      // for uint64_t
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// An unkeyed 64-bit digest. It uses only 64-bit arithmetic on integers and single bytes, so that it is the same on
/// every platform. Different digests prove different content. Equal digests prove nothing if an attacker chose the
/// content.
class Digest {
 public:
  explicit constexpr Digest(std::uint64_t seed = 0) noexcept : state_(seed) {}

  constexpr void add(std::uint64_t word) noexcept {
    state_ = mix(state_ + 0x9E3779B97F4A7C15u) ^ mix(word ^ 0xD1B54A32D192ED03u);
  }
  constexpr void add(Timestamp at) noexcept { add(static_cast<std::uint64_t>(at.ns())); }
  /// Adds a string as its size and its words.
  void add(std::string_view text) noexcept {
    add(std::uint64_t{text.size()});
    for (; text.size() >= 8; text.remove_prefix(8)) add(load_word(text.data()));
    if (!text.empty()) add(load_part(text.data(), text.size()));
  }
  constexpr std::uint64_t value() const noexcept { return mix(state_); }

 private:
  std::uint64_t state_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REGISTERS_DETAIL_WORD_DIGEST_HPP
