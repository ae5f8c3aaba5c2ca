// SPDX-License-Identifier: MIT
#ifndef PRESENCE_DETAIL_DIGEST_HPP
#define PRESENCE_DETAIL_DIGEST_HPP

#include <presence/detail/registers.hpp>
#include <presence/detail/text.hpp>
#include <presence/detail/user_key.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint64_t
#include <string_view>  // for string_view

/// The digest of what is kept of a user.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// A text as its size and the words it is made of.
template <class AnyDigest>
void add_text(AnyDigest& digest, std::string_view text) noexcept {
  digest.add(std::uint64_t{text.size()});
  for (; text.size() >= 8; text.remove_prefix(8)) digest.add(load_word(text.data()));
  if (!text.empty()) digest.add(load_part(text.data(), text.size()));
}

/// Made of 64-bit arithmetic on numbers and single bytes alone, so that it is the same on every platform.
class Digest {
 public:
  static constexpr bool counts_nothing = true;  // whether what is not kept is added, too

  explicit constexpr Digest(std::uint64_t seed = 0) noexcept : state_(seed) {}

  constexpr void add(std::uint64_t word) noexcept {
    state_ = mix(state_ + 0x9E3779B97F4A7C15u) ^ mix(word ^ 0xD1B54A32D192ED03u);
  }
  constexpr void add(Timestamp at) noexcept { add(static_cast<std::uint64_t>(at.ns())); }
  void add(std::string_view text) noexcept { add_text(*this, text); }
  constexpr std::uint64_t value() const noexcept { return mix(state_); }

 private:
  std::uint64_t state_;
};

/// A quicker one, for what is compared within one process only: multiplications whose halves are folded. Whoever does
/// not know the secret cannot choose what has the same digest.
class QuickDigest {
 public:
  static constexpr bool counts_nothing = false;

  explicit constexpr QuickDigest(std::uint64_t secret) noexcept
      : word_key_(mix(secret ^ 0x8CB92BA72F3D8DD7u)), state_key_(mix(secret ^ 0xAEF17502108EF2D9u)), state_(secret) {}

  void add(std::uint64_t word) noexcept { state_ = product(word ^ word_key_, state_ ^ state_key_); }
  void add(Timestamp at) noexcept { add(static_cast<std::uint64_t>(at.ns())); }
  void add(std::string_view text) noexcept { add_text(*this, text); }
  std::uint64_t value() const noexcept { return mix(state_); }

 private:
  static std::uint64_t product(std::uint64_t a, std::uint64_t b) noexcept {
#if defined(__SIZEOF_INT128__)
    __extension__ typedef unsigned __int128 Wide;
    const Wide wide = Wide{a} * b;
    return static_cast<std::uint64_t>(wide) ^ static_cast<std::uint64_t>(wide >> 64);
#else
    return mix(a) ^ mix(b + 0x9E3779B97F4A7C15u);
#endif
  }

  std::uint64_t word_key_, state_key_, state_;
};

/// Adds what is kept of a user, as it is: of a normal form where equal knowledge is to have equal digests.
template <class AnyDigest>
void add_user(AnyDigest& digest, std::string_view id, const RegistersView& user) noexcept {
  digest.add(id);
  digest.add(std::uint64_t{user.sessions.size()});
  for (const SessionRegisters& session : user.sessions) {
    digest.add(text_of(session.id));
    digest.add(session.connect);
    digest.add(session.heartbeat);
    digest.add(std::uint64_t{session.disconnects.size()});
    for (const Timestamp at : session.disconnects) digest.add(at);
  }
  digest.add(std::uint64_t{user.activities.size()});
  for (const Activity& activity : user.activities) {
    digest.add(activity.value);
    digest.add(activity.evidence);
  }
  digest.add(std::uint64_t{user.flips.size()});
  for (const Flip& flip : user.flips) {
    digest.add(flip.at);
    digest.add(std::uint64_t{flip.invisible});
  }
  const RareRegisters nothing;
  const RareRegisters& rare = user.rare != nullptr ? *user.rare : nothing;
  if (!AnyDigest::counts_nothing) {
    digest.add(std::uint64_t{user.rare != nullptr});
    if (user.rare == nullptr) return;
  }
  digest.add(rare.crowded.from);
  digest.add(rare.crowded.to);
  digest.add(rare.status_at);
  digest.add(text_of(rare.status));
  digest.add(rare.reported_at);
  digest.add(std::uint64_t{rare.reported_online});
  digest.add(rare.reported_last_active_at);
  digest.add(rare.reported_last_active);
  digest.add(rare.forgotten_up_to);
}

inline std::uint64_t digest_of(std::string_view id, const RegistersView& user, std::uint64_t seed = 0) noexcept {
  Digest digest(seed);
  add_user(digest, id, user);
  return digest.value();
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_DETAIL_DIGEST_HPP
