// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_EVENT_RANGE_HPP
#define PRESENCE_STATE_DETAIL_EVENT_RANGE_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/model/event.hpp>

#include <string>       // for iterator_traits, forward_iterator_tag
#include <type_traits>  // for is_base_of, is_convertible, is_reference, is_same, remove_const, remove_reference, void_t
#include <utility>      // for declval
#include <vector>       // for vector

/// Ranges of events: what may be done with them, and how they reach functions that are compiled once.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Whether the next few events may be read before the first is applied. They must be stored somewhere, not created when
/// the iterator is dereferenced. Views may be created: their strings are stored elsewhere.
template <class It, class = void>
inline constexpr bool can_look_ahead = false;
template <class It>
inline constexpr bool can_look_ahead<It, std::void_t<typename std::iterator_traits<It>::iterator_category>> =
    std::is_convertible<typename std::iterator_traits<It>::iterator_category, std::forward_iterator_tag>::value &&
    (std::is_reference<typename std::iterator_traits<It>::reference>::value ||
     std::is_same<const std::remove_reference_t<typename std::iterator_traits<It>::reference>,
                  const PresenceEventView>::value);

/// Whether the events of a range may borrow from the snapshot that they are applied to. Events that own their strings
/// do not.
template <class It>
inline constexpr bool may_borrow =
    !std::is_base_of<PresenceEvent, std::remove_reference_t<decltype(*std::declval<It&>())>>::value;

/// Whether the events of a range lie in one array, so that pointers to them do.
template <class It, class Event>
inline constexpr bool points_into_array = std::is_same<It, const Event*>::value || std::is_same<It, Event*>::value ||
                                          std::is_same<It, typename std::vector<Event>::const_iterator>::value ||
                                          std::is_same<It, typename std::vector<Event>::iterator>::value;

/// Calls a function for each event of a list.
using EachEvent = FunctionRef<void(const FunctionRef<void(const PresenceEventView&)>&)>;
/// Returns such a function for a range. Valid for as long as both iterators.
template <class It>
auto each_event(It& first, It& last) noexcept {
  return [&first, &last](const FunctionRef<void(const PresenceEventView&)>& visit) {
    for (; first != last; ++first) {
      auto&& listed = *first;
      const PresenceEventView event(listed);
      visit(event);
    }
  };
}

}  // namespace detail

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_EVENT_RANGE_HPP
