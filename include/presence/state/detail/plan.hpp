// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_PLAN_HPP
#define PRESENCE_STATE_DETAIL_PLAN_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/registers/detail/acceptance_window.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/normal_form.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/state/detail/departures.hpp>
#include <presence/state/detail/judge.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_row.hpp>
#include <presence/table/detail/user_table.hpp>

#include <cstddef>   // for size_t
#include <optional>  // for nullopt
#include <utility>   // for move

/// The general way to apply an event: work out the registers after it, then store them.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Returns whether an event makes its user visible inside the dropped range. It is no longer known when the user became
/// invisible again there.
inline bool becomes_visible_in_crowd(const UserRegisters& user, const PresenceEventView& event) noexcept {
  return sets_visibility(event) && !*event.invisible && user.dropped_range.contains(event.at);
}

/// The effect of applying an event at `now`, computed without applying it. Events are rejected only while planning, and
/// planning allocates the new registers.
struct Plan {
  Verdict verdict = Verdict::invalid;
  RowView row;          // the user's current row; null if there is none
  UserRegisters after;  // the new content of the row
};

/// A copy of the registers that an event can change, as they were before the event.
class Before {
 public:
  Before(const UserRegisters& user, const PresenceEventView& event)
      : activities_(user.activities),
        visibility_changes_(user.visibility_changes),
        status_(user.status),
        status_at_(user.status_at),
        rare_(user),
        session_count(user.sessions.size()) {
    if (!has_session(event.type)) return;
    if (const SessionRegisters* const session = find(user, event)) {
      session_ = *session;
      had_session_ = true;
    }
  }

  bool had_live_session(Timestamp now, const Rules& rules) const noexcept {
    return had_session_ && live(session_, now, rules);
  }
  /// Returns whether the event changed nothing. A removal changes sessions only if it is later than the one before.
  bool is_same(const UserRegisters& user, const PresenceEventView& event) const noexcept {
    if (user.sessions.size() != session_count || user.activities != activities_ ||
        user.visibility_changes != visibility_changes_ || user.status != status_ || user.status_at != status_at_ ||
        !(static_cast<const RareRegisters&>(user) == rare_))
      return false;
    if (!has_session(event.type)) return true;
    const SessionRegisters* const session = find(user, event);
    return session == nullptr ? !had_session_ : had_session_ && *session == session_;
  }

 private:
  static bool has_session(EventType type) noexcept { return belongs_to_session(type) || type == EventType::report; }
  static const SessionRegisters* find(const UserRegisters& user, const PresenceEventView& event) noexcept {
    const std::string_view id = event.type == EventType::report ? std::string_view() : event.session;
    return find_session(RegistersView(user).sessions, id);
  }

  Activities activities_;
  VisibilityChanges visibility_changes_;
  SharedString status_;
  Timestamp status_at_;
  RareRegisters rare_;
  SessionRegisters session_;
  bool had_session_ = false;

 public:
  const std::size_t session_count;
};

/// Normalises and bounds the sessions of a user after an event of one session was joined. Sessions are dropped for lack
/// of room only if a session was added or became live. So the cost of an event of a live session does not depend on the
/// other sessions.
inline void normalise_session_of_event(UserRegisters& user, const PresenceEventView& event, const Before& before,
                                       Timestamp now, const Rules& rules) {
  SessionRegisters& session = *session_position(user.sessions.data(), user.sessions.size(), LookupKey(event.session));
  if (user.removed != absent) drop_up_to(session, user.removed, rules);
  normalise_session(session, now, rules);
  if (session.empty()) {
    user.sessions.erase(&session);
    return;
  }
  bound_session(session, rules);
  const bool comes_in = user.sessions.size() > before.session_count;
  const bool comes_to_life = live(session, now, rules) && !before.had_live_session(now, rules);
  if (comes_in || comes_to_life) bound_live_sessions(user.sessions, now, rules);
  if (comes_in) bound_ended_sessions(user.sessions, now, rules);
}

/// Returns the numbers of known and unknown users at `now`, which may be later than the root's timestamp. O(expired
/// users).
PRESENCE_DETAIL_RARE inline Count count_at(const Root& root, Timestamp now) noexcept {
  Count count{root.known, root.table.size() - root.known};
  root.table.each_due(now, [&](const RowView& row) {
    const RegistersView user = row.registers();
    --(seen_by_others(row, root) ? count.known : count.unknown);
    if (now < vanishes_at(user, root.rules))
      ++(seen_by_others({}, user, now, root.rules) ? count.known : count.unknown);
  });
  return count;
}

/// Returns both numbers of users at a timestamp; see `count_at`.
using CountAt = FunctionRef<Count(const Root&, Timestamp)>;

/// Returns whether there is no room for one more user who is known to others, or unknown to them. Unknown users have a
/// separate limit, because their number must not decide whether another user can become known.
PRESENCE_DETAIL_RARE inline bool is_full(const Root* root, bool known, Timestamp now, const CountAt& count) {
  if (root == nullptr || root->table.size() < root->rules.max_users) return false;
  if (known && now == root->now) return root->known >= root->rules.max_users;
  const Count users = count(*root, now);
  return (known ? users.known : users.unknown) >= root->rules.max_users;
}

/// Returns the verdict on an event and its plan. `key` is the key of the event's user. `now` is the timestamp of the
/// snapshot, or a later one to which the snapshot will be advanced. `count` returns the numbers of users at `now`. If
/// `is_admitted` is true, the event's timestamp has already been checked.
PRESENCE_DETAIL_APART inline Plan plan_event(const Root* root, const UserKey& key, const PresenceEventView& event,
                                             Timestamp now, const CountAt& count, bool is_admitted = false) {
  const Rules& rules = root != nullptr ? root->rules : default_rules;
  Plan plan;
  plan.verdict = judge_form(event, rules, is_admitted);
  if (plan.verdict == Verdict::applied && !is_admitted) plan.verdict = AcceptanceWindow(now, rules).judge(event.at);
  if (plan.verdict != Verdict::applied) return plan;

  UserRegisters& user = plan.after;
  plan.row = root != nullptr ? root->table.find(key) : nullptr;
  if (plan.row != nullptr) {
    user = plan.row->unpacked();
    normalise(user, now, rules);
  }
  if (becomes_visible_in_crowd(user, event)) {
    plan.verdict = Verdict::over_limit;
    return plan;
  }
  const bool was_empty = user.empty(), known_before = is_known_to_others(user, now, rules);
  Before before(user, event);
  join_event(user, event, rules);
  if (belongs_to_session(event.type)) normalise_session_of_event(user, event, before, now, rules);
  if (event.type == EventType::remove || event.type == EventType::report) {
    normalise_sessions(user, now, rules);
    for (SessionRegisters& session : user.sessions) bound_session(session, rules);
  }
  normalise_beside_sessions(user, now, rules);
  if (is_over_limit(user.data, rules)) {
    plan.verdict = Verdict::over_limit;
    return plan;
  }
  bound_beside_sessions(user, rules);
  if (before.is_same(user, event)) {
    plan.verdict = Verdict::unchanged;
    return plan;
  }

  const bool known_after = is_known_to_others(user, now, rules);
  const bool one_more = known_after ? !known_before : !user.empty() && (known_before || was_empty);
  if (one_more && is_full(root, known_after, now, count)) {
    // A removal is never rejected for want of room. Beyond the limit nothing is kept of it for late events, except that
    // the user is invisible.
    if (event.type != EventType::remove || was_empty) {
      plan.verdict = Verdict::over_limit;
    } else if (invisible_since(user.visibility_changes) == absent) {
      user = UserRegisters();
    }
  }
  return plan;
}

/// Stores the planned registers of the user. The root's timestamp may still be earlier than that of the plan; the root
/// is then advanced afterwards. If memory runs out, nothing changes.
inline void commit(Root& root, const UserKey& key, Plan&& plan) {
  const auto before = plan.row != nullptr ? seen_by_others(*plan.row, root) : std::nullopt,
             after = seen_by_others({}, plan.after, root.now, root.rules);
  const bool is_online = after && after->online, is_known = after.has_value();
  const std::size_t known = root.known + (is_known ? 1u : 0u) - (before ? 1u : 0u),
                    online = root.online + (is_online ? 1u : 0u) - (before && before->online ? 1u : 0u);
  // A bound may be too early. An exact one would cost O(sessions²) for an event of a user with many sessions.
  constexpr std::size_t few_turns = 2;
  const Timestamp due = next_change(plan.after, root.now, root.rules, few_turns),
                  cleanup = upkeep(plan.after, root.now, root.rules).next;
  // The id in the key may point into the row that is moved, or into another row.
  const SharedString id = plan.row != nullptr ? plan.row->id() : SharedString(key.id.text());
  UserKey kept = key;
  kept.id.lies_in(id);
  if (plan.after.empty()) {
    UserTable rest(root.table);
    rest.erase(kept);
    root.table = std::move(rest);
  } else if (plan.row != nullptr) {
    root.table.change(kept, due, cleanup, is_online,
                      [&plan](const RowAccess& row) { row.replace(std::move(plan.after)); });
  } else {
    root.table.insert(kept, UserRow(id, std::move(plan.after)), due, cleanup, is_online);
  }
  root.known = known;
  root.online = online;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_PLAN_HPP
