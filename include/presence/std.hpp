// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STD_HPP
#define PRESENCE_STD_HPP

#include <presence/base/detail/printing.hpp>
#include <presence/base/result.hpp>
#include <presence/base/time.hpp>
#include <presence/json/detail/writer.hpp>
#include <presence/json/events.hpp>
#include <presence/json/filters.hpp>
#include <presence/json/values.hpp>
#include <presence/live/notices.hpp>
#include <presence/model/attributes.hpp>
#include <presence/model/availability.hpp>
#include <presence/model/channel.hpp>
#include <presence/model/event.hpp>
#include <presence/model/fields.hpp>
#include <presence/model/ids.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/user.hpp>
#include <presence/model/value.hpp>
#include <presence/query/filter.hpp>
#include <presence/state/snapshot.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, uint64_t
#include <functional>   // for hash
#include <optional>     // for optional
#include <ostream>      // for ostream
#include <string>       // for string, to_string
#include <string_view>  // for string_view
#include <type_traits>  // for bool_constant, enable_if, is_arithmetic, is_convertible, is_enum, is_same, void_t

#if defined(__has_include)
// MSVC says its standard in _MSVC_LANG. Without /Zc:__cplusplus, __cplusplus is that of C++98.
#if (__cplusplus > 201703L || (defined(_MSVC_LANG) && _MSVC_LANG > 201703L)) && __has_include(<format>)
#include <format>  // for formatter
#endif
#endif

/// What the standard library knows of the types of this library. Opt-in.
///
/// - `std::ostream << value` for every value type: User, PresenceEvent, Timestamp, Verdict, Error, Result and so on. So
///   doctest, Catch2 and GoogleTest print the values of a failed assertion.
/// - `std::formatter` for the same types, where the standard library has `<format>`. The width, the fill and the
///   alignment of a string may be given.
/// - `std::hash` for Timestamp, Duration, User, UserView, UserId and SessionId. Equal values have equal hashes. Not for
///   Value: 1 and 1.0 are equal.
///
/// An enumerator, a Timestamp or a Duration is printed as its `to_string`, a Value or a Filter as JSON, and a Ranking
/// as a list, the strongest first. Other types are printed with the names of their members: for people, not for
/// programs. That text may change with any version.
///
/// @code
/// #include <sstream>
/// #include <unordered_set>
///
/// std::ostringstream out;
/// out << User{"john", true, "brb", Timestamp::from_s(0), false} << ' ' << Verdict::too_late;
/// assert(out.str() == R"(User{id="john", online=true, status="brb", last_active=1970-01-01T00:00:00.000Z} too_late)");
///
/// std::unordered_set<Timestamp> seen;
/// assert(seen.insert(Timestamp::from_s(7)).second && !seen.insert(Timestamp::from_s(7)).second);
/// @endcode
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// True for the types that have an operator<< and a formatter.
template <class T>
struct HasText : std::bool_constant<IsPrinted<T>::value ||
                                    is_among<T, Attributes::Entry, AttributesView::Entry, UserId, SessionId>> {};

// Declared first, so that each can print what another type contains.
template <class T>
void append_text(std::string& out, const T& value);

inline void append_text_of(std::string& out, Duration value) { append_string(out, value); }
inline void append_text_of(std::string& out, Timestamp value) {
  if (value == Timestamp::lowest()) {
    out += "lowest";
  } else if (value == Timestamp::highest()) {
    out += "highest";
  } else {
    append_string(out, value);
  }
}
inline void append_text_of(std::string& out, bool value) { out += value ? "true" : "false"; }
inline void append_text_of(std::string& out, std::string_view value) { append_json_string(out, value); }
inline void append_text_of(std::string& out, const ValueView& value) {
  if (value.is_absent()) {
    out += "absent";
  } else {
    append_json(out, value);
  }
}
inline void append_text_of(std::string& out, const Value& value) { append_json(out, value); }
inline void append_text_of(std::string& out, const Filter& value) { append_json(out, value); }

/// Writes `Name{first=…, second=…}`. A member that is an empty optional is left out.
class MemberWriter {
 public:
  MemberWriter(std::string& out, const char* name) : out_(out) { (out_ += name) += '{'; }

  template <class T>
  MemberWriter& operator()(const char* name, const T& value) {
    if (!is_first_) out_ += ", ";
    is_first_ = false;
    (out_ += name) += '=';
    detail::append_text(out_, value);
    return *this;
  }
  template <class T>
  MemberWriter& operator()(const char* name, const std::optional<T>& value) {
    return value ? (*this)(name, *value) : *this;
  }
  void end() { out_ += '}'; }

 private:
  std::string& out_;
  bool is_first_ = true;
};

template <class Range>
void append_list(std::string& out, const Range& range) {
  const char* separator = "[";
  for (const auto& element : range) {
    out += separator;
    detail::append_text(out, element);
    separator = ", ";
  }
  out += *separator == '[' ? "[]" : "]";
}

inline void append_text_of(std::string& out, const Error& error) {
  MemberWriter write(out, "Error");
  write("code", error.code)("offset", error.offset);
  write("message", std::string_view(error.message)).end();
}

inline void append_text_of(std::string& out, const Ranking& ranking) {
  constexpr Availability all[] = {Availability::idle, Availability::away, Availability::busy, Availability::available};
  Availability strongest_first[4] = {};
  for (const Availability one : all) {
    std::size_t place = 0;
    for (const Availability other : all) place += ranking.is_stronger(other, one) ? 1u : 0u;
    strongest_first[place] = one;
  }
  detail::append_list(out, strongest_first);
}

template <class AnyUser>
void append_user(std::string& out, const AnyUser& user) {
  MemberWriter write(out, "User");
  write("id", user.id)("online", user.online)("status", user.status);
  const Availability shown = shown_availability(user.online, user.availability);
  if (user.online && shown != Availability::available) write("availability", shown);
  write("last_active", user.last_active);
  if (user.invisible) write("invisible", true);
  if (!user.activity.empty()) write("activity", user.activity);
  if (!user.data.empty()) write("data", user.data);
  write.end();
}
inline void append_text_of(std::string& out, const User& user) { append_user(out, user); }
inline void append_text_of(std::string& out, const UserView& user) { append_user(out, user); }

inline void append_text_of(std::string& out, const Session& session) {
  MemberWriter write(out, "Session");
  write("id", session.id)("last_evidence", session.last_evidence)("online_since", session.online_since);
  write("disconnects", session.disconnects)("online_until", session.online_until)("alive", session.alive);
  write("availability", session.availability);
  if (session.availability) write("priority", session.priority);
  write("active", session.active).end();
}
inline void append_text_of(std::string& out, const Device& device) {
  MemberWriter write(out, "Device");
  write("session", device.session)("availability", device.availability);
  if (!device.activity.empty()) write("activity", device.activity);
  write.end();
}
inline void append_text_of(std::string& out, const PresenceState& state) {
  MemberWriter write(out, "PresenceState");
  write("user", state.user)("status_at", state.status_at)("status_until", state.status_until);
  write("invisible_since", state.invisible_since)("choice", state.choice)("choice_until", state.choice_until);
  write("sessions", state.sessions).end();
}

template <class Change>
void append_change(std::string& out, const Change& change) {
  MemberWriter write(out, "UserPresenceChanged");
  write("id", change.id)("before", change.before)("after", change.after)("at", change.at).end();
}
inline void append_text_of(std::string& out, const UserPresenceChanged& change) { append_change(out, change); }
inline void append_text_of(std::string& out, const UserPresenceChangedView& change) { append_change(out, change); }

template <class Event>
void append_event(std::string& out, const Event& event) {
  MemberWriter write(out, "PresenceEvent");
  write("type", event.type)("user", event.user);
  if (!event.session.empty() || belongs_to_session(event.type)) write("session", event.session);
  write("at", event.at)("invisible", event.invisible)("status", event.status)("until", event.until);
  write("availability", event.availability)("priority", event.priority);
  if (event.online || event.type == EventType::report) write("online", event.online);
  write("last_active", event.last_active)("activity", event.activity);
  const bool is_data = event.type == EventType::set_data;
  if (is_data || !event.name.empty()) write("name", event.name);
  if (is_data || ValueView(event.value).kind() != ValueKind::null) write("value", event.value);
  write("data", event.data).end();
}
inline void append_text_of(std::string& out, const PresenceEvent& event) { append_event(out, event); }
inline void append_text_of(std::string& out, const PresenceEventView& event) { append_event(out, event); }

inline void append_text_of(std::string& out, const Rules& rules) {
  MemberWriter write(out, "Rules");
  write("session_timeout", rules.session_timeout)("offline_grace", rules.offline_grace);
  write("last_active_refresh", rules.last_active_refresh)("heartbeat_is_activity", rules.heartbeat_is_activity);
  write("idle_after", rules.idle_after)("report_timeout", rules.report_timeout);
  write("session_fold", rules.session_fold)("ranking", rules.ranking)("show_devices", rules.show_devices);
  write("reorder_window", rules.reorder_window);
  write("max_clock_skew", rules.max_clock_skew)("forget_after", rules.forget_after)("max_users", rules.max_users);
  write("max_sessions_per_user", rules.max_sessions_per_user)("max_id_bytes", rules.max_id_bytes);
  write("max_status_bytes", rules.max_status_bytes)("max_user_data_bytes", rules.max_user_data_bytes);
  write("max_activity_bytes", rules.max_activity_bytes)("max_data_names", rules.max_data_names);
  write("max_recent_per_user", rules.max_recent_per_user).end();
}
inline void append_text_of(std::string& out, const Tally& tally) {
  MemberWriter write(out, "Tally");
  write("applied", tally.applied)("unchanged", tally.unchanged)("too_late", tally.too_late);
  write("too_early", tally.too_early)("invalid", tally.invalid)("over_limit", tally.over_limit).end();
}
inline void append_text_of(std::string& out, Viewer viewer) {
  MemberWriter write(out, "Viewer");
  write("id", viewer.id());
  if (!viewer.session().empty()) write("session", viewer.session());
  write.end();
}
inline void append_text_of(std::string& out, const Dispatched& done) {
  MemberWriter write(out, "Dispatched");
  write("verdict", done.verdict)("at", done.at);
  if (done.status_at != done.at) write("status_at", done.status_at);
  write.end();
}
inline void append_text_of(std::string& out, const SessionEnded& ended) {
  MemberWriter write(out, "SessionEnded");
  write("user", ended.user)("session", ended.session)("at", ended.at)("reason", ended.reason).end();
}
template <class Watching>
void append_watching(std::string& out, const char* name, const Watching& watching) {
  MemberWriter write(out, name);
  write("user", watching.user)("cid", watching.cid)("watcher_count", watching.watcher_count);
  write("at", watching.at).end();
}
inline void append_text_of(std::string& out, const WatchingStarted& started) {
  append_watching(out, "WatchingStarted", started);
}
inline void append_text_of(std::string& out, const WatchingStopped& stopped) {
  append_watching(out, "WatchingStopped", stopped);
}
inline void append_text_of(std::string& out, const StoreStats& stats) {
  MemberWriter write(out, "StoreStats");
  write("users", stats.users)("online", stats.online)("sessions", stats.sessions)("channels", stats.channels);
  write("viewers", stats.viewers)("watches", stats.watches)("watched_users", stats.watched_users);
  write("bytes", stats.bytes)("events", stats.events)("notifications", stats.notifications).end();
}
/// Prints the number of users only: there may be millions.
inline void append_text_of(std::string& out, const Snapshot& snapshot) {
  MemberWriter write(out, "Snapshot");
  write("now", snapshot.now())("size", snapshot.size())("online_count", snapshot.online_count()).end();
}

inline void append_text_of(std::string& out, const ValueMember& member) {
  append_json_string(out, member.name());
  out += ':';
  append_json(out, member.value());
}
inline void append_text_of(std::string& out, const AttributesView::Entry& entry) {
  append_json_string(out, entry.name);
  out += ':';
  append_text_of(out, entry.value);
}
inline void append_text_of(std::string& out, const Attributes::Entry& entry) {
  append_text_of(out, AttributesView::Entry{entry.name, entry.value});
}
inline void append_text_of(std::string& out, const AttributesView& attributes) {
  const char* separator = "{";
  for (const AttributesView::Entry entry : attributes) {
    out += separator;
    append_text_of(out, entry);
    separator = ",";
  }
  out += *separator == '{' ? "{}" : "}";
}
inline void append_text_of(std::string& out, const Attributes& attributes) {
  append_text_of(out, AttributesView(attributes));
}
inline void append_text_of(std::string& out, const Channel& channel) {
  MemberWriter write(out, "Channel");
  write("type", channel.type)("id", channel.id)("members", channel.members)("custom", channel.custom).end();
}
inline void append_text_of(std::string& out, const SortKey& key) {
  MemberWriter write(out, "SortKey");
  write("field", key.field)("order", key.order);
  if (key.nulls_last) write("nulls_last", key.nulls_last);
  write.end();
}
template <class T>
void append_text_of(std::string& out, const Result<T>& result) {
  if (result) {
    detail::append_text(out, *result);
  } else {
    append_text_of(out, result.error());
  }
}

template <class T, class = void>
struct IsList : std::false_type {};
template <class T>
struct IsList<T, std::void_t<decltype(std::declval<const T&>().begin()), decltype(std::declval<const T&>().end())>>
    : std::true_type {};

template <class T>
void append_text(std::string& out, const T& value) {
  if constexpr (std::is_enum<T>::value && HasText<T>::value) {
    out += to_string(value);
  } else if constexpr (std::is_arithmetic<T>::value && !std::is_same<T, bool>::value) {
    append_text_of(out, ValueView(value));
  } else if constexpr (std::is_convertible<const T&, std::string_view>::value) {
    append_text_of(out, std::string_view(value));
  } else if constexpr (HasText<T>::value || std::is_same<T, bool>::value) {
    append_text_of(out, value);
  } else if constexpr (IsList<T>::value) {
    detail::append_list(out, value);
  } else {
    out += "{?}";  // what a Result of a host holds
  }
}

template <class T>
std::string text_for_people(const T& value) {
  std::string out;
  detail::append_text(out, value);
  return out;
}

inline std::size_t combined(std::size_t seed, std::size_t other) noexcept {
  return seed ^ (other + static_cast<std::size_t>(0x9E3779B9) + (seed << 6) + (seed >> 2));
}
inline std::size_t hash_of_user(const UserView& user) noexcept {
  const std::hash<std::string_view> texts;
  std::size_t hash = combined(texts(user.id), texts(user.status));
  hash = combined(hash, (user.online ? 1u : 0u) + (user.invisible ? 2u : 0u) + (user.last_active ? 4u : 0u));
  hash = combined(hash, static_cast<std::size_t>(shown_availability(user.online, user.availability)));
  // Not their values: 1 and 1.0 are equal.
  for (const AttributesView::Entry entry : user.activity) hash = combined(hash, texts(entry.name));
  for (const AttributesView::Entry entry : user.data) hash = combined(hash, texts(entry.name) + 1);
  return combined(hash, std::hash<std::int64_t>()(user.last_active ? user.last_active->ns() : 0));
}

}  // namespace detail

/// Writes the value as text, in the width of the stream. See above for its form. Accepts exactly the value types of the
/// library, and nothing that only converts to one.
template <class T, std::enable_if_t<detail::HasText<T>::value, int> = 0>
std::ostream& operator<<(std::ostream& out, const T& value) {
  return out << detail::text_for_people(value);
}

}  // namespace PRESENCE_ABI
}  // namespace presence

/// @cond
// Equal values have equal hashes. The number may differ between platforms and versions.
template <>
struct std::hash<presence::Timestamp> {
  std::size_t operator()(presence::Timestamp at) const noexcept { return std::hash<std::int64_t>()(at.ns()); }
};
template <>
struct std::hash<presence::Duration> {
  std::size_t operator()(presence::Duration length) const noexcept { return std::hash<std::int64_t>()(length.ns()); }
};
template <>
struct std::hash<presence::User> {
  std::size_t operator()(const presence::User& user) const noexcept { return presence::detail::hash_of_user(user); }
};
template <>
struct std::hash<presence::UserView> {
  std::size_t operator()(const presence::UserView& user) const noexcept { return presence::detail::hash_of_user(user); }
};
template <>
struct std::hash<presence::UserId> {
  std::size_t operator()(const presence::UserId& id) const noexcept { return std::hash<std::string_view>()(id.view()); }
};
template <>
struct std::hash<presence::SessionId> {
  std::size_t operator()(const presence::SessionId& id) const noexcept {
    return std::hash<std::string_view>()(id.view());
  }
};

#if defined(__cpp_lib_format)
// Formats the value as operator<< writes it. The format specification is that of a string.
template <class T>
requires(presence::detail::HasText<T>::value) struct std::formatter<T, char> : std::formatter<std::string_view, char> {
  template <class Context>
  auto format(const T& value, Context& context) const {
    return std::formatter<std::string_view, char>::format(presence::detail::text_for_people(value), context);
  }
};
#if defined(__cpp_lib_format_ranges)
// They are ranges as well, whose formatter would be as good a match.
template <>
inline constexpr auto std::format_kind<presence::Snapshot> = std::range_format::disabled;
template <>
inline constexpr auto std::format_kind<presence::Attributes> = std::range_format::disabled;
template <>
inline constexpr auto std::format_kind<presence::AttributesView> = std::range_format::disabled;
#endif
#endif
/// @endcond

#endif  // PRESENCE_STD_HPP
