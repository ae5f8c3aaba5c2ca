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

/// Returns whether the ids of an event are within Rules::max_id_bytes. Only events of a session use the session id.
inline bool ids_fit(const PresenceEventView& event, const Rules& rules) noexcept {
  return event.user.size() <= rules.max_id_bytes &&
         (!belongs_to_session(event.type) || event.session.size() <= rules.max_id_bytes);
}

/// Returns the verdict on the event itself, independent of the snapshot. An event that was moved to a later timestamp
/// was judged before; its end may have passed.
inline Verdict judge_form(const PresenceEventView& event, const Rules& rules, bool is_moved = false) noexcept {
  switch (event.type) {
    case EventType::connect:
    case EventType::disconnect:
    case EventType::heartbeat:
      if (event.session.empty()) return Verdict::invalid;
      break;
    case EventType::set_status:
      if (!event.status) return Verdict::invalid;
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
  if (event.status && event.until && (!in_range(*event.until) || (!is_moved && *event.until <= event.at)))
    return Verdict::invalid;
  if (!ids_fit(event, rules)) return Verdict::over_limit;
  if (event.status && event.status->size() > rules.max_status_bytes) return Verdict::over_limit;
  return Verdict::applied;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_JUDGE_HPP
