// SPDX-License-Identifier: MIT
#ifndef PRESENCE_REGISTERS_DETAIL_ABSENT_HPP
#define PRESENCE_REGISTERS_DETAIL_ABSENT_HPP

#include <presence/base/time.hpp>

/// The timestamps that stand for "none" and "never".
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The lowest timestamp, which means "none". No event has it: timestamps at either end of the range are rejected.
inline constexpr Timestamp absent = Timestamp::lowest();
/// The highest timestamp, which is never reached. No event has it either.
inline constexpr Timestamp never = Timestamp::highest();

// These compare integers, so that compilers select the result in CPU registers.
constexpr Timestamp later(Timestamp a, Timestamp b) noexcept { return Timestamp::from_ns(a < b ? b.ns() : a.ns()); }
constexpr Timestamp earlier(Timestamp a, Timestamp b) noexcept { return Timestamp::from_ns(b < a ? b.ns() : a.ns()); }

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REGISTERS_DETAIL_ABSENT_HPP
