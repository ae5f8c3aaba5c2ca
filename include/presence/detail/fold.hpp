// SPDX-License-Identifier: MIT
#ifndef PRESENCE_DETAIL_FOLD_HPP
#define PRESENCE_DETAIL_FOLD_HPP

#include <presence/detail/changes.hpp>
#include <presence/detail/derived.hpp>
#include <presence/detail/normal_form.hpp>
#include <presence/detail/registers.hpp>
#include <presence/detail/user_table.hpp>
#include <presence/event.hpp>
#include <presence/rules.hpp>
#include <presence/snapshot.hpp>

#include <cstddef>  // for size_t
#include <utility>  // for move

/// The two ways in which a snapshot moves on: an event is folded, time passes. Everything in layer 4 is made of these.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The one door into a Snapshot.
struct SnapshotAccess {
  static const Root* read(const Snapshot& snapshot) noexcept { return snapshot.root_.get(); }
  /// A root that nobody else owns: what is shared with other snapshots is copied first.
  static Root& write(Snapshot& snapshot) {
    if (!snapshot.root_) {
      snapshot.root_ = Shared<Root>::make(default_rules);
    } else if (!snapshot.root_.only_owner()) {
      snapshot.root_ = Shared<Root>::make(*snapshot.root_);
    }
    return snapshot.root_.change();
  }
  static Timestamp now(const Snapshot& snapshot) noexcept { return snapshot.root_ ? snapshot.root_->now : absent; }
};

inline bool in_range(Timestamp at) noexcept { return at != absent && at != never; }

/// What is wrong with the event itself, whatever the snapshot.
inline Verdict judge_form(const PresenceEventView& event, const Rules& rules) noexcept {
  const bool has_session =
      event.type == EventType::connect || event.type == EventType::disconnect || event.type == EventType::heartbeat;
  switch (event.type) {
    case EventType::connect:
    case EventType::disconnect:
    case EventType::heartbeat:
      if (event.session.empty()) return Verdict::invalid;
      break;
    case EventType::set_status:
      if (!event.status) return Verdict::invalid;
      break;
    case EventType::report:
      if (event.last_active && !in_range(*event.last_active)) return Verdict::invalid;
      break;
    default: return Verdict::invalid;
  }
  if (event.user.empty() || !in_range(event.at)) return Verdict::invalid;
  if (event.user.size() > rules.max_id_bytes || (has_session && event.session.size() > rules.max_id_bytes))
    return Verdict::over_limit;
  if (event.status && event.status->size() > rules.max_status_bytes) return Verdict::over_limit;
  return Verdict::applied;
}

inline Verdict judge_instant(Timestamp at, Timestamp now, const Rules& rules) noexcept {
  if (now == absent) return Verdict::applied;
  if (at < now - rules.reorder_window) return Verdict::too_late;
  if (at > now + rules.max_clock_skew) return Verdict::too_early;
  return Verdict::applied;
}

/// Whether the user has room for what the event brings. Who asks to be invisible, or is, is never refused for the
/// number of sessions (`bound` lets the stalest go): otherwise what an invisible user does could decide whether an
/// earlier word about him, which others may see, still counts.
inline bool has_room(const UserRegisters& user, const PresenceEventView& event, Timestamp now,
                     const Rules& rules) noexcept {
  const bool asks_visible = event.type == EventType::connect && event.invisible && !*event.invisible;
  if (asks_visible && user.crowded.contains(event.at)) return false;
  if (event.type != EventType::connect && event.type != EventType::heartbeat) return true;
  const bool asks_invisible = event.type == EventType::connect && event.invisible && *event.invisible;
  if (asks_invisible || invisible_since(user.flips) != absent) return true;
  const SessionRegisters* session = find_session(user, event.session);
  if (session != nullptr && live(*session, now, rules)) return true;
  SessionRegisters alone;
  (event.type == EventType::connect ? alone.connect : alone.heartbeat) = event.at;
  if (session != nullptr) {
    alone.connect = later(alone.connect, session->connect);
    alone.heartbeat = later(alone.heartbeat, session->heartbeat);
    const Timestamp last = session->disconnects.empty() ? absent : session->disconnects.back();
    if (last > alone.connect && last >= alone.heartbeat) return true;  // stays ended
  }
  if (!live(alone, now, rules)) return true;
  std::size_t living = 0;
  for (const SessionRegisters& s : user.sessions) living += live(s, now, rules) ? 1u : 0u;
  return living < rules.max_sessions_per_user;
}

/// What folding an event at `now` would do, worked out without doing it: what memory can run out for, and what can be
/// refused, is behind it.
struct Plan {
  Verdict verdict = Verdict::invalid;
  Record before, after;  // the user's record as it is (null: none), and as it will be
};

/// Users that nobody else knows of, those left out that nothing is left of at `now`. Costs the users that are due where
/// the count could matter.
inline std::size_t count_unknown(const Root* root, Timestamp now) noexcept {
  if (root == nullptr) return 0;
  std::size_t unknown = root->table.size() - root->known;
  if (unknown < root->rules.max_users) return unknown;
  root->table.each_due(
      now, [&](const Record& record) { unknown -= vanishes_at(record->registers, root->rules) <= now ? 1u : 0u; });
  return unknown;
}

/// `now` is the snapshot's, or a later instant that the snapshot is about to be advanced to.
inline Plan plan_event(const Root* root, const PresenceEventView& event, Timestamp now) {
  const Rules& rules = root != nullptr ? root->rules : default_rules;
  Plan plan;
  plan.verdict = judge_form(event, rules);
  if (plan.verdict == Verdict::applied) plan.verdict = judge_instant(event.at, now, rules);
  if (plan.verdict != Verdict::applied) return plan;

  UserRegisters old;
  if (root != nullptr) {
    if (const Record* record = root->table.find(event.user)) {
      plan.before = *record;
      old = (*record)->registers;
      normalise(old, now, rules);
    }
  }
  if (!has_room(old, event, now, rules)) {
    plan.verdict = Verdict::over_limit;
    return plan;
  }
  UserRegisters joined = old;
  join_event(joined, event, rules);
  normalise(joined, now, rules);
  bound(joined, now, rules);
  if (joined == old) {
    plan.verdict = Verdict::unchanged;
    return plan;
  }

  const bool known_before = seen_by_others(event.user, old, now, rules).has_value();
  const bool known_after = seen_by_others(event.user, joined, now, rules).has_value();
  // Users nobody knows of have room of their own: how many they are must not decide whether somebody else becomes
  // known.
  const std::size_t known = root != nullptr ? root->known : 0;
  const bool one_more_known = known_after && !known_before;
  const bool one_more_unknown = !known_after && (known_before || old.empty());
  if ((one_more_known && known >= rules.max_users) ||
      (one_more_unknown && count_unknown(root, now) >= rules.max_users)) {
    plan.verdict = Verdict::over_limit;
    return plan;
  }
  plan.after = Record::make(event.user, std::move(joined));
  return plan;
}

inline Timestamp due_of(const UserRegisters& user, Timestamp now, const Rules& rules) noexcept {
  return earlier(next_change(user, now, rules), vanishes_at(user, rules));
}

/// Puts a planned record in. The root may still stand before the instant that was planned for: it is then advanced to
/// it afterwards.
inline void commit(Root& root, const Plan& plan) {
  const auto before = seen_by_others(plan.before, root.now, root.rules),
             after = seen_by_others(plan.after, root.now, root.rules);
  root.table.put(plan.after, due_of(plan.after->registers, root.now, root.rules));
  root.known = root.known + (after ? 1u : 0u) - (before ? 1u : 0u);
  root.online = root.online + (after && after->online ? 1u : 0u) - (before && before->online ? 1u : 0u);
}

/// Passes the deadlines up to and at `to`, later than now, and gathers what others see of it where `changes` is not
/// null.
inline void advance(Root& root, Timestamp to, Vector<Change>* changes) {
  const Timestamp from = root.now;
  if (to < root.table.due()) {
    root.now = to;
    return;
  }
  std::size_t fewer_online = 0;
  root.table.each_due(to, [&](const Record& record) {
    const Timestamp due = next_change(record->registers, from, root.rules);
    if (due == never || to < due) return;
    ++fewer_online;
    if (changes != nullptr) changes->push_back(Change{due, record, record, from, to});
  });
  root.table.settle(to, [&](const Record& record) {
    return vanishes_at(record->registers, root.rules) <= to ? absent : due_of(record->registers, to, root.rules);
  });
  root.online -= fewer_online;
  root.now = to;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_DETAIL_FOLD_HPP
