// SPDX-License-Identifier: MIT
#ifndef PRESENCE_DETAIL_IN_PLACE_HPP
#define PRESENCE_DETAIL_IN_PLACE_HPP

#include <presence/detail/algorithm.hpp>
#include <presence/detail/changes.hpp>
#include <presence/detail/derived.hpp>
#include <presence/detail/fold.hpp>
#include <presence/detail/normal_form.hpp>
#include <presence/detail/registers.hpp>
#include <presence/detail/text.hpp>
#include <presence/detail/user_key.hpp>
#include <presence/detail/user_row.hpp>
#include <presence/detail/user_table.hpp>
#include <presence/event.hpp>
#include <presence/rules.hpp>
#include <presence/snapshot.hpp>

#include <cstddef>  // for size_t
#include <cstdint>  // for uint8_t, uint32_t
#include <utility>  // for move

/// A way round `plan_event` for what most events are: newer word of a session or a status that there is already, which
/// changes a few registers where they lie. Whatever it does not fold is for `plan_event`, which would do the same to
/// all of these: what it would forget meanwhile is forgotten when somebody looks.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

enum class InPlace : std::uint8_t {
  not_possible,  ///< nothing was changed
  unseen,        ///< folded; others see no difference
  seen,          ///< folded; others may see one
};

/// A heartbeat that changes nothing but its own instant: one that a live session sends in time, before the next step of
/// last_active.
inline bool is_mere_heartbeat(const UserRow& row, const SessionRegisters& session, Timestamp at, Timestamp now,
                              const Rules& rules) noexcept {
  if (at <= evidence(session) || !live(session, now, rules)) return false;
  const Activity* const latest = row.latest_activity();
  return latest != nullptr && latest->evidence <= at && heartbeat_value(at, rules) <= latest->value;
}

/// Later word that a session is there, of a session that is known of a user whom others know or do not know as before.
inline bool add_evidence(UserRow& row, SessionRegisters& session, const PresenceEventView& event, Timestamp now,
                         const Rules& rules, std::size_t room) noexcept {
  if (event.at <= evidence(session)) return false;
  const bool is_connect = event.type == EventType::connect;
  const Timestamp value = is_connect ? event.at : heartbeat_value(event.at, rules);
  const Activity* const latest = row.latest_activity();
  if (latest == nullptr || event.at <= latest->evidence) return false;
  if (latest->value < value) {
    if (!row.add_activity({value, event.at}, now - rules.reorder_window, room)) return false;
  }
  (is_connect ? session.connect : session.heartbeat) = event.at;
  return true;
}

/// Later word that a session has ended. Without a grace the last one is all that counts.
inline bool replace_disconnect(SessionRegisters& session, Timestamp at) noexcept {
  auto& all = session.disconnects;
  if (!all.empty() && at <= all.back()) return false;
  all.clear();
  all.push_back(at);
  return true;
}

/// Folds the event if it can be folded so into the owned page in which its user would be. Fills in `change`, where it
/// is not null, if others may see a difference. Changes nothing when memory runs out.
inline InPlace fold_in_place(Root& root, const UserKey& key, Page& page, const PresenceEventView& event,
                             Change* change) {
  const Rules& rules = root.rules;
  if (judge_form(event, rules) != Verdict::applied || judge_instant(event.at, root.now, rules) != Verdict::applied)
    return InPlace::not_possible;
  UserRow* const row = page.find(key);
  if (row == nullptr) return InPlace::not_possible;

  // More sessions than are kept of those that ended: any of them may be about to go.
  const std::size_t room = smaller_of(rules.max_recent_per_user, rules.max_sessions_per_user);
  if (row->session_count() > room) return InPlace::not_possible;

  const bool is_status = event.type == EventType::set_status;
  SessionRegisters* session = nullptr;
  RareRegisters* rare = nullptr;
  if (is_status) {
    rare = row->own_rare();
    if (rare == nullptr || event.at <= rare->status_at || rare->status_at == absent) return InPlace::not_possible;
  } else {
    if (event.type == EventType::report || event.status || (event.type == EventType::connect && event.invisible))
      return InPlace::not_possible;
    session = row->own_session(Sought(event.session));
    if (session == nullptr) return InPlace::not_possible;
    if (event.type == EventType::heartbeat && is_mere_heartbeat(*row, *session, event.at, root.now, rules)) {
      session->heartbeat = event.at;
      return InPlace::unseen;
    }
    if (event.type == EventType::disconnect && rules.offline_grace != Duration()) return InPlace::not_possible;
  }

  if (rules.forget_after != Duration::highest()) return InPlace::not_possible;
  const RegistersView user = row->registers();
  const Seen before(user, root.now, rules);
  if (!before.is_known() && user.flips.empty()) return InPlace::not_possible;

  if (is_status) {
    if (!before.is_known()) return InPlace::not_possible;
    Text status(*event.status);
    rare->status = std::move(status);
    rare->status_at = event.at;
  } else if (event.type == EventType::disconnect ? !replace_disconnect(*session, event.at)
                                                 : !add_evidence(*row, *session, event, root.now, rules, room)) {
    return InPlace::not_possible;
  }

  const RegistersView changed = row->registers();
  const Seen after(changed, root.now, rules);
  root.online += after.is_online() ? 1u : 0u;
  root.online -= before.is_online() ? 1u : 0u;
  const auto at = static_cast<std::uint32_t>(row - page.rows());
  root.table.hasten(key, page, at, due_of(changed, root.now, rules));
  if (change != nullptr) {
    change->at = root.now == absent ? event.at : root.now;
    change->id = row->id();
    change->before = before;
    change->after = after;
  }
  return InPlace::seen;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_DETAIL_IN_PLACE_HPP
