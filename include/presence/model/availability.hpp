// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_AVAILABILITY_HPP
#define PRESENCE_MODEL_AVAILABILITY_HPP

#include <presence/config.hpp>

#include <cstddef>           // for size_t
#include <cstdint>           // for uint8_t
#include <initializer_list>  // for initializer_list
#include <string_view>       // for string_view

/// How available a user is, and how the sessions of a user decide it.
namespace presence {
inline namespace PRESENCE_ABI {

/// How available a user is.
enum class Availability : std::uint8_t {
  offline,    ///< not online; no session and no user can set it: a session disconnects, a user becomes invisible
  idle,       ///< online, without activity for a while
  away,       ///< online, but not at the device
  busy,       ///< online, and not to be disturbed
  available,  ///< online; what a session is that says nothing else
};

/// Returns the name of the enumerator, such as "away", or "?" for a number that is none. O(1); the string is a literal.
constexpr std::string_view to_string(Availability availability) noexcept {
  switch (availability) {
    case Availability::offline: return "offline";
    case Availability::idle: return "idle";
    case Availability::away: return "away";
    case Availability::busy: return "busy";
    case Availability::available: return "available";
  }
  return "?";
}

/// How the availabilities of a user's sessions become the user's. The session that decides also decides the activity
/// that others see. Ties are broken by the session's id: the greater one wins.
///
/// The latest update of a session is its latest event that has an `availability`: a connect, an update or a report. An
/// activity alone does not count. So if a game sends only its activity, a second device that connects may take its
/// place, and the activity disappears. Send the availability with the activity, such as `available`.
enum class SessionFold : std::uint8_t {
  by_rank,      ///< the strongest availability of the Ranking, then the higher priority, then the latest update
  by_priority,  ///< the highest priority, then the strongest availability, then the latest update
  latest,       ///< the latest update, then the strongest availability; a session without an update is the earliest
};

/// Returns the name of the enumerator, such as "by_rank", or "?" for a number that is none. O(1); the string is a
/// literal.
constexpr std::string_view to_string(SessionFold fold) noexcept {
  switch (fold) {
    case SessionFold::by_rank: return "by_rank";
    case SessionFold::by_priority: return "by_priority";
    case SessionFold::latest: return "latest";
  }
  return "?";
}

/// An order of the availabilities of whoever is online, the strongest first. If several sessions are online, the
/// strongest of their availabilities counts. By default: busy, available, away, idle.
///
/// @code
/// constexpr Ranking best_first{Availability::available, Availability::busy};  // then away and idle, as by default
/// static_assert(best_first.is_stronger(Availability::available, Availability::busy), "");
/// static_assert(Ranking().is_stronger(Availability::busy, Availability::available), "");
/// static_assert(best_first != Ranking() && Ranking{Availability::busy} == Ranking(), "");
/// @endcode
class Ranking {
 public:
  constexpr Ranking() noexcept = default;  ///< busy, available, away, idle
  /// The given order. Availabilities that are left out come last, in the default order. `offline` and repeated
  /// availabilities are ignored.
  constexpr Ranking(std::initializer_list<Availability> strongest_first) noexcept : places_{} {
    std::uint8_t next = 1;
    for (const Availability one : strongest_first) take(one, next);
    for (const Availability one : {Availability::busy, Availability::available, Availability::away, Availability::idle})
      take(one, next);
  }

  /// Returns whether `a` comes before `b`. `offline` is the weakest.
  constexpr bool is_stronger(Availability a, Availability b) const noexcept { return place(a) < place(b); }

  /// @{
  /// Returns whether both are the same order.
  friend constexpr bool operator==(const Ranking& a, const Ranking& b) noexcept {
    for (std::size_t i = 0; i < count; ++i) {
      if (a.places_[i] != b.places_[i]) return false;
    }
    return true;
  }
  friend constexpr bool operator!=(const Ranking& a, const Ranking& b) noexcept { return !(a == b); }
  /// @}

 private:
  static constexpr std::size_t count = 5;

  constexpr std::uint8_t place(Availability one) const noexcept {
    const std::size_t i = static_cast<std::size_t>(one);
    return i == 0 || i >= count ? count : places_[i];
  }
  constexpr void take(Availability one, std::uint8_t& next) noexcept {
    const std::size_t i = static_cast<std::size_t>(one);
    if (i != 0 && i < count && places_[i] == 0) places_[i] = next++;
  }

  std::uint8_t places_[count] = {0, 4, 3, 1, 2};  // by Availability; 1 is the strongest, and offline has none
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_MODEL_AVAILABILITY_HPP
