// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_FOLD_HPP
#define PRESENCE_STATE_DETAIL_FOLD_HPP

#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/normal_form.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/state/detail/changes.hpp>
#include <presence/state/detail/departures.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_row.hpp>
#include <presence/table/detail/user_table.hpp>

#include <cstddef>      // for size_t
#include <optional>     // for nullopt
#include <string_view>  // for string_view
#include <utility>      // for move

/// The two ways in which a snapshot moves on: an event is folded, time passes. Everything in layer 4 is made of these.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The one door into a Snapshot.
struct SnapshotAccess : SnapshotReader {
  /// A root that nobody else owns: what is shared with other snapshots is copied first.
  static Root& write(Snapshot& snapshot) {
    if (!snapshot.root_) {
      snapshot.root_ = Shared<Root>::make(default_rules);
    } else if (!snapshot.root_.only_owner()) {
      snapshot.root_ = Shared<Root>::make(*snapshot.root_);
    }
    return snapshot.root_.change();
  }
  /// The root, if there is one and nobody else owns it.
  static Root* owned(Snapshot& snapshot) noexcept {
    return snapshot.root_ && snapshot.root_.only_owner() ? &snapshot.root_.change() : nullptr;
  }

  static UserKey key(const Snapshot& snapshot, std::string_view id) noexcept {
    return snapshot.root_ ? snapshot.root_->table.key_of(id) : UserTable().key_of(id);
  }
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

/// Whether an event makes its user visible where visibility changes were dropped: it is not known any more when the
/// user went invisible again.
inline bool becomes_visible_in_crowd(const UserRegisters& user, const PresenceEventView& event) noexcept {
  return event.type == EventType::connect && event.invisible && !*event.invisible &&
         user.dropped_range.contains(event.at);
}

/// What folding an event at `now` would do, worked out without doing it: what memory can run out for, and what can be
/// refused, is behind it.
struct Plan {
  Verdict verdict = Verdict::invalid;
  RowView row;          // the user's, as it is; null: none
  UserRegisters after;  // and what will be in it
};

/// What an event can change of a user, as it was before.
class Before {
 public:
  Before(const UserRegisters& user, const PresenceEventView& event)
      : activities_(user.activities),
        flips_(user.visibility_changes),
        rare_(user),
        session_count(user.sessions.size()) {
    if (!belongs_to_session(event.type)) return;
    if (const SessionRegisters* const session = find_session(RegistersView(user).sessions, event.session)) {
      session_ = *session;
      had_session_ = true;
    }
  }

  bool had_live_session(Timestamp now, const Rules& rules) const noexcept {
    return had_session_ && live(session_, now, rules);
  }
  bool is_same(const UserRegisters& user, const PresenceEventView& event) const noexcept {
    if (user.sessions.size() != session_count || user.activities != activities_ || user.visibility_changes != flips_ ||
        !(static_cast<const RareRegisters&>(user) == rare_))
      return false;
    if (!belongs_to_session(event.type)) return true;
    const SessionRegisters* const session = find_session(RegistersView(user).sessions, event.session);
    return session == nullptr ? !had_session_ : had_session_ && *session == session_;
  }

 private:
  Activities activities_;
  Flips flips_;
  RareRegisters rare_;
  SessionRegisters session_;
  bool had_session_ = false;

 public:
  const std::size_t session_count;
};

/// Brings the sessions in order of a user to one of whom an event was just joined. Sessions go for want of room when
/// another comes in, or comes to life: so that word of one that is there costs the same whatever the others are.
inline void settle_session(UserRegisters& user, const PresenceEventView& event, const Before& before, Timestamp now,
                           const Rules& rules) noexcept {
  SessionRegisters& session = *session_position(user.sessions.data(), user.sessions.size(), LookupKey(event.session));
  normalise_session(session, now, session_horizon(now, rules), rules);
  bound_disconnects(session, rules);
  const bool comes_in = user.sessions.size() > before.session_count;
  const bool comes_to_life = live(session, now, rules) && !before.had_live_session(now, rules);
  if (comes_in || comes_to_life) bound_live_sessions(user.sessions, now, rules);
  if (comes_in) bound_ended_sessions(user.sessions, now, rules);
}

/// How many there are at `now`, which may be later than the root's timestamp. Costs the users that are due.
inline Count count_at(const Root& root, Timestamp now) noexcept {
  Count count{root.known, root.table.size() - root.known};
  root.table.each_due(now, [&](const RowView& row) {
    const RegistersView user = row.registers();
    --(seen_by_others(row, root) ? count.known : count.unknown);
    if (now < vanishes_at(user, root.rules))
      ++(seen_by_others({}, user, now, root.rules) ? count.known : count.unknown);
  });
  return count;
}

/// Whether there is no room for one more that others know of, or do not. Users nobody knows of have room of their own:
/// how many they are must not decide whether somebody else becomes known.
/// `count(root, now)` counts them.
template <class CountAt>
bool is_full(const Root* root, bool known, Timestamp now, CountAt&& count) {
  if (root == nullptr || root->table.size() < root->rules.max_users) return false;
  // Time alone makes nobody known, and without an age nobody unknown.
  if (known && root->rules.forget_after == Duration::highest()) return root->known >= root->rules.max_users;
  const Count users = count(*root, now);
  return (known ? users.known : users.unknown) >= root->rules.max_users;
}

/// Judges and plans an event of the user whom `key` stands for. `now` is the snapshot's, or a later timestamp that the
/// snapshot is about to be advanced to. `count` is asked how many users there are then. The timestamp of one that is
/// admitted has been judged before.
template <class CountAt>
Plan plan_event(const Root* root, const UserKey& key, const PresenceEventView& event, Timestamp now, CountAt&& count,
                bool is_admitted = false) {
  const Rules& rules = root != nullptr ? root->rules : default_rules;
  Plan plan;
  plan.verdict = judge_form(event, rules);
  if (plan.verdict == Verdict::applied && !is_admitted) plan.verdict = judge_instant(event.at, now, rules);
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
  if (belongs_to_session(event.type)) settle_session(user, event, before, now, rules);
  normalise_beside_sessions(user, now, rules);
  bound_beside_sessions(user, rules);
  if (before.is_same(user, event)) {
    plan.verdict = Verdict::unchanged;
    return plan;
  }

  const bool known_after = is_known_to_others(user, now, rules);
  const bool one_more = known_after ? !known_before : !user.empty() && (known_before || was_empty);
  if (one_more && is_full(root, known_after, now, count)) plan.verdict = Verdict::over_limit;
  return plan;
}

/// Puts what was planned for the user in. The root may still stand before the timestamp that was planned for: it is
/// then advanced to it afterwards. Changes nothing when memory runs out.
inline void commit(Root& root, const UserKey& key, Plan&& plan) {
  const auto before = plan.row != nullptr ? seen_by_others(*plan.row, root) : std::nullopt,
             after = seen_by_others({}, plan.after, root.now, root.rules);
  const bool is_online = after && after->online, is_known = after.has_value();
  const std::size_t known = root.known + (is_known ? 1u : 0u) - (before ? 1u : 0u),
                    online = root.online + (is_online ? 1u : 0u) - (before && before->online ? 1u : 0u);
  const Timestamp due = next_change(plan.after, root.now, root.rules),
                  cleanup = next_cleanup(plan.after, root.now, root.rules);
  // The id that was looked for may lie in the row that is moved, or in another one.
  const SharedString id = plan.row != nullptr ? plan.row->id() : SharedString(key.id.text());
  UserKey kept = key;
  kept.id.lies_in(id);
  if (plan.after.empty()) {
    UserTable rest(root.table);
    rest.erase(kept);
    root.table = std::move(rest);
  } else if (plan.row != nullptr) {
    root.table.change(kept, due, cleanup, [&plan](const RowAccess& row) { row.replace(std::move(plan.after)); });
  } else {
    root.table.insert(kept, UserRow(id, std::move(plan.after)), due, cleanup);
  }
  root.known = known;
  root.online = online;
}

/// What time leaves of the users of a table at a later time, worked out before anything is changed: who vanishes, and
/// smaller rows for those of whom much can be forgotten.
struct Cleanup {
  Vector<SharedString> vanished;
  Vector<UserRow> rows;

  bool empty() const noexcept { return vanished.empty() && rows.empty(); }
};

/// Makes the pages that the cleanup is about the table's own. Changes no content when memory runs out.
inline Cleanup plan_cleanup(Root& root, Timestamp to) {
  Cleanup cleanup;
  if (to < root.table.cleanup()) return cleanup;
  root.table.each_cleanup(to, [&](const RowView& row) {
    const RegistersView user = row.registers();
    if (vanishes_at(user, root.rules) <= to) {
      cleanup.vanished.push_back(row.id());
    } else if (has_forgettable_memory(user, root.rules) && !surely_normal(user, to, root.rules)) {
      UserRow smaller(row.id(), settled(row, to, root.rules));
      if (RowView(smaller).bytes_elsewhere() < row.bytes_elsewhere()) cleanup.rows.push_back(std::move(smaller));
    }
  });
  for (const UserRow& row : cleanup.rows) root.table.own_page(root.table.key_of(row.head.id.view()));
  return cleanup;
}

/// Passes the deadlines up to and at `to`, later than now, and gathers what others see of it where `changes` is not
/// null. Gives back the memory of what can no longer matter. Changes nothing when memory runs out.
inline void advance(Root& root, Timestamp to, Changes* changes) {
  const Timestamp from = root.now;
  if (to < root.table.due() && to < root.table.cleanup()) {
    root.now = to;
    return;
  }
  const Rules& rules = root.rules;
  const bool forgets = rules.forget_after != Duration::highest();
  std::size_t fewer_online = 0, fewer_known = 0;
  Cleanup cleanup = plan_cleanup(root, to);
  // A deadline that was deferred, as most are, is updated at once. One that has passed is updated only when nothing can
  // fail any more: without a callback and without a cleanup, that is at once as well.
  const bool can_fail = changes != nullptr || forgets || !cleanup.empty();
  struct Due {
    LowerBound* bound;
    Timestamp next;
  };
  Vector<Due> passed;
  root.table.own_due(to);
  root.table.settle(to, [&](const RowView& row, LowerBound& bound) {
    if (!forgets) {
      // The first session alone is enough to know that it is not yet.
      const Timestamp until = online_until(row.first_session(), rules);
      if (until > to) {
        bound = until;
        return;
      }
    }
    const Timestamp next = next_change(row, from, rules);
    if (next > to) {
      bound = next;
      return;
    }
    const RegistersView user = row.registers();
    if (!forgets) {
      ++fewer_online;  // which is all that time alone does to others
      if (!can_fail) {
        bound = never;
        return;
      }
      if (changes != nullptr) {
        const Seen before(user, from, rules);
        changes->add(Change{next, row.id(), before, before.offline()});
      }
      passed.push_back({&bound, never});
      return;
    }
    // One may time out and be forgotten: each is a change of its own.
    for (Timestamp at = from, due; (due = next_change(user, at, rules)) <= to; at = due) {
      const Seen before(user, at, rules), after(user, due, rules);
      fewer_online += before.is_online() ? 1u : 0u;
      fewer_known += after.is_known() ? 0u : 1u;
      if (changes != nullptr) changes->add(Change{due, row.id(), before, after});
    }
    passed.push_back({&bound, next_change(user, to, rules)});
  });
  if (cleanup.vanished.empty()) {
    for (const Due& due : passed) *due.bound = due.next;
  } else {
    UserTable rest(root.table);
    for (const SharedString& id : cleanup.vanished) rest.erase(rest.key_of(id.view()));
    for (const Due& due : passed) *due.bound = due.next;
    root.table = std::move(rest);
  }
  // So that the pages do not say that something is due that has passed.
  if (!passed.empty()) root.table.settle(to, [](const RowView&, LowerBound&) {});
  for (UserRow& row : cleanup.rows) root.table.exchange_row(root.table.key_of(row.head.id.view()), row);
  root.table.set_cleanups(to, [&](const RowView& row) { return next_cleanup(row.registers(), to, rules); });
  root.online -= fewer_online;
  root.known -= fewer_known;
  root.now = to;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_FOLD_HPP
