// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_DETAIL_EVENT_COPY_HPP
#define PRESENCE_MODEL_DETAIL_EVENT_COPY_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/chunked_vector.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/model/attributes.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/value.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint32_t, uintptr_t
#include <cstring>      // for memcpy
#include <string_view>  // for string_view
#include <type_traits>  // for is_trivially_destructible

/// Copies of the strings of events. They are made before a change to a snapshot that the events may borrow from.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Returns how many bytes a name may have before only a part of it is copied. A reserved name is invalid, however low
/// the limit is, so that the limit is never lower than those are long.
inline std::uint32_t name_limit(const Rules& rules) noexcept {
  constexpr std::uint32_t longest_reserved = 16;
  return rules.max_user_data_bytes < longest_reserved ? longest_reserved : rules.max_user_data_bytes;
}

/// Returns true if a string of an event is longer than the rules allow. Of such a string only one byte more than the
/// limit is copied. The event is rejected in the same way.
inline bool is_too_long(const PresenceEventView& event, const Rules& rules) noexcept {
  return event.user.size() > rules.max_id_bytes || event.session.size() > rules.max_id_bytes ||
         event.name.size() > name_limit(rules) || (event.status && event.status->size() > rules.max_status_bytes);
}
PRESENCE_DETAIL_APART inline PresenceEventView cut(const PresenceEventView& event, const Rules& rules) noexcept {
  const auto shortened = [](std::string_view text, std::uint32_t limit) noexcept {
    return text.size() > limit ? std::string_view(text.data(), std::size_t{limit} + 1) : text;
  };
  PresenceEventView shorter(event);
  shorter.user = shortened(event.user, rules.max_id_bytes);
  shorter.session = shortened(event.session, rules.max_id_bytes);
  shorter.name = shortened(event.name, name_limit(rules));
  if (event.status) shorter.status = shortened(*event.status, rules.max_status_bytes);
  return shorter;
}

inline PresenceEventView within_limits(const PresenceEventView& event, const Rules& rules) noexcept {
  return is_too_long(event, rules) ? cut(event, rules) : event;
}

inline std::size_t string_bytes(const PresenceEventView& event) noexcept {
  return event.user.size() + event.session.size() + event.name.size() + (event.status ? event.status->size() : 0);
}

/// Copies a string to `to`, makes the view refer to the copy, and advances `to`. Short strings are copied without
/// memcpy: most ids are short, and that call would cost more than everything else here.
inline void move_string(std::string_view& text, char*& to) noexcept {
  const std::size_t size = text.size();
  const char* const from = text.data();
  if (size > 16) {
    std::memcpy(to, from, size);
  } else if (size >= 8) {  // the two copies may overlap
    char first[8], last[8];
    std::memcpy(first, from, 8);
    std::memcpy(last, from + (size - 8), 8);
    std::memcpy(to, first, 8);
    std::memcpy(to + (size - 8), last, 8);
  } else {
    for (std::size_t i = 0; i < size; ++i) to[i] = from[i];
  }
  text = std::string_view(to, size);
  to += size;
}
inline void move_strings(PresenceEventView& event, char*& to) noexcept {
  move_string(event.user, to);
  move_string(event.session, to);
  if (!event.name.empty()) move_string(event.name, to);
  if (event.status) move_string(*event.status, to);
}

/// Copies of the fields and the value of one event.
class FieldsCopy {
 public:
  /// Copies those of an event, and makes the event refer to the copies. They must not move any more.
  void take(PresenceEventView& event) {
    if (event.activity) {
      activity_ = *event.activity;
      event.activity = AttributesView(activity_);
    }
    if (event.data) {
      data_ = *event.data;
      event.data = AttributesView(data_);
    }
    if (borrows(event.value)) {
      value_ = Value(event.value);
      event.value = ValueView(value_);
    }
  }
  static bool is_needed(const PresenceEventView& event) noexcept {
    return event.activity || event.data || borrows(event.value);
  }

 private:
  static bool borrows(const ValueView& value) noexcept {
    return value.kind() == ValueKind::string || value.kind() == ValueKind::array || value.kind() == ValueKind::object;
  }

  Attributes activity_, data_;
  Value value_;
};

/// One event with copies of its strings.
class EventCopy {
 public:
  EventCopy(const PresenceEventView& event, const Rules& rules) : view_(within_limits(event, rules)) {
    char* chars = inside_;
    const std::size_t bytes = string_bytes(view_);
    if (bytes > sizeof(inside_)) {
      more_.resize(bytes);
      chars = more_.data();
    }
    move_strings(view_, chars);
    if (FieldsCopy::is_needed(view_)) fields_.take(view_);
  }
  EventCopy(const EventCopy&) = delete;
  EventCopy& operator=(const EventCopy&) = delete;

  const PresenceEventView& view() const noexcept { return view_; }

 private:
  PresenceEventView view_;
  FieldsCopy fields_;
  Vector<char> more_;
  char inside_[128];
};

/// The address ranges of the strings of events: one range each for users, sessions and statuses.
class StringBounds {
 public:
  /// Requires a forward range.
  template <class It>
  StringBounds(It first, It last) {
    Addresses users, sessions, statuses;  // local, so that they are in registers
    for (; first != last; ++first) {
      auto&& listed = *first;
      const PresenceEventView& event = listed;
      users.add(event.user);
      sessions.add(event.session);
      if (event.status) statuses.add(*event.status);
    }
    users_ = users;
    sessions_ = sessions;
    statuses_ = statuses;
  }
  /// Returns true if a string of the events may be within `text`.
  bool may_touch(std::string_view text) const noexcept {
    return !text.empty() && (users_.touches(text) || sessions_.touches(text) || statuses_.touches(text));
  }

 private:
  struct Addresses {
    std::uintptr_t first = UINTPTR_MAX, end = 0;

    void add(std::string_view text) noexcept {
      const auto at = reinterpret_cast<std::uintptr_t>(text.data());
      if (text.empty()) return;
      first = smaller_of(first, at);
      end = greater_of(end, at + text.size());
    }
    bool touches(std::string_view text) const noexcept {
      const auto at = reinterpret_cast<std::uintptr_t>(text.data());
      return at < end && first < at + text.size();
    }
  };
  Addresses users_, sessions_, statuses_;
};

/// The events of a forward range, with copies of their strings in one allocation.
class EventCopies {
 public:
  template <class It>
  EventCopies(It first, It last, const Rules& rules) : room_(count_and_bytes(first, last, rules)) {
    char* to = reinterpret_cast<char*>(room_.events + room_.count);
    for (PresenceEventView* copy = room_.events; first != last; ++first, ++copy) {
      auto&& listed = *first;
      const PresenceEventView& event = listed;
      detail::construct<PresenceEventView>(copy, within_limits(event, rules));
      move_strings(*copy, to);
      if (FieldsCopy::is_needed(*copy)) fields_.add(FieldsCopy()).take(*copy);
    }
  }

  const PresenceEventView* begin() const noexcept { return room_.events; }
  const PresenceEventView* end() const noexcept { return room_.events + room_.count; }

 private:
  struct Size {
    std::size_t count = 0, bytes = 0;
  };
  template <class It>
  static Size count_and_bytes(It first, It last, const Rules& rules) {
    Size size;
    for (; first != last; ++first, ++size.count) {
      auto&& listed = *first;
      const PresenceEventView& event = listed;
      size.bytes += sizeof(PresenceEventView) + string_bytes(within_limits(event, rules));
    }
    return size;
  }

  static_assert(std::is_trivially_destructible<PresenceEventView>::value, "they end with their memory");
  struct Room {
    explicit Room(const Size& size)
        : count(size.count),
          bytes(size.bytes),
          events(static_cast<PresenceEventView*>(detail::allocate(size.bytes, alignof(PresenceEventView)))) {}
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;
    ~Room() { detail::deallocate(events, bytes, alignof(PresenceEventView)); }

    const std::size_t count, bytes;
    PresenceEventView* const events;  // followed by the strings
  };
  const Room room_;
  ChunkedVector<FieldsCopy> fields_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_MODEL_DETAIL_EVENT_COPY_HPP
