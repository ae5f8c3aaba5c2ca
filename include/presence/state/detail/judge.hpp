// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_JUDGE_HPP
#define PRESENCE_STATE_DETAIL_JUDGE_HPP

#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/registers/detail/derived.hpp>

/// Whether an event is admitted, by its form and by its timestamp.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

inline bool in_range(Timestamp at) noexcept { return at != absent && at != never; }

/// Returns whether a session or a user can say that. A session does not say that it is offline: it disconnects.
constexpr bool is_said(Availability availability) noexcept {
  return availability > Availability::offline && availability <= Availability::available;
}

/// Returns whether the ids of an event are within Rules::max_id_bytes. Only events of a session use the session id.
inline bool ids_fit(const PresenceEventView& event, const Rules& rules) noexcept {
  return event.user.size() <= rules.max_id_bytes &&
         (!belongs_to_session(event.type) || event.session.size() <= rules.max_id_bytes);
}

/// Judges a name of data and its value.
inline Verdict judge_data(const PresenceEventView& event, const Rules& rules) noexcept {
  const std::size_t bytes = json_bytes_of_name(event.name) + json_bytes(event.value);
  return bytes <= rules.max_user_data_bytes && rules.max_data_names != 0 ? Verdict::applied : Verdict::over_limit;
}
/// Judges the activity of a session or a report, and the data of a report.
inline Verdict judge_fields(const PresenceEventView& event, const Rules& rules) noexcept {
  if (event.activity) {
    // The fields become an object, which is one level more.
    if (!is_json(*event.activity, Value::deepest - 1)) return Verdict::invalid;
    if (!event.activity->empty() && json_bytes(*event.activity) > rules.max_activity_bytes) return Verdict::over_limit;
  }
  if (!event.data || event.type != EventType::report) return Verdict::applied;
  for (const AttributesView::Entry entry : *event.data) {
    if (!is_data_name(entry.name) || !is_json(entry.value, Value::deepest)) return Verdict::invalid;
  }
  const bool fits = json_bytes(*event.data) - json_bytes(AttributesView()) <= rules.max_user_data_bytes &&
                    event.data->size() <= rules.max_data_names;
  return fits ? Verdict::applied : Verdict::over_limit;
}

/// Returns the verdict on the event itself, independent of the snapshot. An event that was moved to a later timestamp
/// was judged before; its end may have passed.
inline Verdict judge_form(const PresenceEventView& event, const Rules& rules, bool is_moved = false) noexcept {
  switch (event.type) {
    case EventType::connect:
    case EventType::disconnect:
    case EventType::heartbeat:
    case EventType::active:
    case EventType::update:
      if (event.session.empty()) return Verdict::invalid;
      break;
    case EventType::set_status:
      if (!event.status) return Verdict::invalid;
      break;
    case EventType::set_data:
      if (!is_data_name(event.name) || !is_json(event.value, Value::deepest)) return Verdict::invalid;
      break;
    case EventType::set_availability:
      if (event.availability && !is_said(*event.availability)) return Verdict::invalid;
      break;
    case EventType::set_visible:
      if (!event.invisible) return Verdict::invalid;
      break;
    case EventType::remove: break;
    case EventType::report:
      if (event.last_active && !in_range(*event.last_active)) return Verdict::invalid;
      break;
    default: return Verdict::invalid;
  }
  if (event.user.empty() || !in_range(event.at)) return Verdict::invalid;
  const bool may_end = event.status || event.type == EventType::set_availability;
  if (may_end && event.until && (!in_range(*event.until) || (!is_moved && *event.until <= event.at)))
    return Verdict::invalid;
  if (says_availability(event.type)) {
    if (event.availability && !is_said(*event.availability)) return Verdict::invalid;
    if (event.priority && !event.availability && event.type != EventType::report) return Verdict::invalid;
  }
  if (!ids_fit(event, rules)) return Verdict::over_limit;
  if (event.status && event.status->size() > rules.max_status_bytes) return Verdict::over_limit;
  if (event.type == EventType::set_data) return judge_data(event, rules);
  if (says_availability(event.type) && (event.activity || event.data)) return judge_fields(event, rules);
  return Verdict::applied;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_JUDGE_HPP
