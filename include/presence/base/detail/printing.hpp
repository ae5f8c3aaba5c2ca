// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_PRINTING_HPP
#define PRESENCE_BASE_DETAIL_PRINTING_HPP

#include <presence/config.hpp>
#include <presence/fwd.hpp>

#include <type_traits>  // for bool_constant, enable_if, is_same, true_type

/// Names the header that is missing if a value of this library is written to a stream.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

template <class T, class... All>
inline constexpr bool is_among = (std::is_same<T, All>::value || ...);

/// True for the types that <presence/std.hpp> prints.
template <class T>
struct IsPrinted
    : std::bool_constant<
          is_among<T, Duration, Timestamp, ErrorCode, Error, Availability, SessionFold, Ranking, User, UserView,
                   Session, Device, PresenceState, UserPresenceChanged, UserPresenceChangedView, EventType,
                   PresenceEvent, PresenceEventView, Rules, Verdict, Tally, Snapshot, ValueKind, Value, ValueView,
                   ValueMember, Attributes, AttributesView, Channel, Operator, Filter, Order, SortKey, Viewer,
                   Dispatched, SessionEndReason, SessionEnded, WatchingStarted, WatchingStopped, StoreStats>> {};
template <class T>
struct IsPrinted<Result<T>> : std::true_type {};

/// Converts from every stream of characters. <ostream> is not included for it.
class AnyStream {
 public:
  template <class Stream, std::enable_if_t<std::is_same<typename Stream::char_type, char>::value, int> = 0,
            class = decltype(&Stream::flush)>
  AnyStream(Stream&) noexcept {}
};

/// Converts from every type that <presence/std.hpp> prints. Its name is what a compiler says of `std::cout << user`.
class IncludePresenceStdHppToPrintThis {
 public:
  template <class T, std::enable_if_t<IsPrinted<T>::value, int> = 0>
  IncludePresenceStdHppToPrintThis(const T&) noexcept {}
};

}  // namespace detail

// Both arguments need a conversion, so every other operator that accepts them is preferred: that of <presence/std.hpp>,
// and those of hosts. A test framework that tries whether a value can be printed finds that it cannot.
void operator<<(detail::AnyStream, detail::IncludePresenceStdHppToPrintThis) = delete;

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_DETAIL_PRINTING_HPP
