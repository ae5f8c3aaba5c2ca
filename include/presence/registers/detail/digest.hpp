// SPDX-License-Identifier: MIT
#ifndef PRESENCE_REGISTERS_DETAIL_DIGEST_HPP
#define PRESENCE_REGISTERS_DETAIL_DIGEST_HPP

#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/registers/detail/registers.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint64_t
#include <string_view>  // for string_view

/// The digest of a user's registers.
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

/// Returns the digest of a user's registers as they are stored. Pass the normal form if equal knowledge must have equal
/// digests.
inline std::uint64_t digest_of(std::string_view id, const RegistersView& user, std::uint64_t seed = 0) noexcept {
  Digest digest(seed);
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
  digest.add(std::uint64_t{user.visibility_changes.size()});
  for (const VisibilityChange& visibility_change : user.visibility_changes) {
    digest.add(visibility_change.at);
    digest.add(std::uint64_t{visibility_change.invisible});
  }
  const RareRegisters nothing;
  const RareRegisters& rare = user.rare != nullptr ? *user.rare : nothing;
  digest.add(rare.dropped_range.from);
  digest.add(rare.dropped_range.to);
  digest.add(rare.status_at);
  digest.add(text_of(rare.status));
  digest.add(rare.reported_at);
  digest.add(std::uint64_t{rare.reported_online});
  digest.add(rare.reported_last_active_at);
  digest.add(rare.reported_last_active);
  digest.add(rare.forgotten_up_to);
  // Absent in most users, whose digests are those of the versions without these registers.
  if (rare.status_until != never) {
    digest.add(std::uint64_t{1});
    digest.add(rare.status_until);
  }
  if (rare.removed != absent) {
    digest.add(std::uint64_t{2});
    digest.add(rare.removed);
  }
  return digest.value();
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REGISTERS_DETAIL_DIGEST_HPP
