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

/// The two operations that advance a snapshot: applying an event, and advancing its time. Everything in layer 4 is
/// built from them.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The only access to the internals of a Snapshot.
struct SnapshotAccess : SnapshotReader {
  /// Returns an unshared root. Copies the root first if it is shared with other snapshots.
  static Root& write(Snapshot& snapshot) {
    if (!snapshot.root_) {
      snapshot.root_ = Shared<Root>::make(default_rules);
    } else if (!snapshot.root_.only_owner()) {
      snapshot.root_ = Shared<Root>::make(*snapshot.root_);
    }
    return snapshot.root_.change();
  }
  /// Returns the root if it exists and is unshared; else null.
  static Root* owned(Snapshot& snapshot) noexcept {
    return snapshot.root_ && snapshot.root_.only_owner() ? &snapshot.root_.change() : nullptr;
  }

  static UserKey key(const Snapshot& snapshot, std::string_view id) noexcept {
    return snapshot.root_ ? snapshot.root_->table.key_of(id) : UserTable().key_of(id);
  }
};

inline bool in_range(Timestamp at) noexcept { return at != absent && at != never; }

/// Returns the verdict on the event itself, independent of the snapshot.
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

/// Returns whether an event makes its user visible inside the dropped range. It is no longer known when the user became
/// invisible again there.
inline bool becomes_visible_in_crowd(const UserRegisters& user, const PresenceEventView& event) noexcept {
  return event.type == EventType::connect && event.invisible && !*event.invisible &&
         user.dropped_range.contains(event.at);
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

/// Normalises and bounds the sessions of a user after an event of one session was joined. Sessions are dropped for lack
/// of room only if a session was added or became live. So the cost of an event of a live session does not depend on the
/// other sessions.
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

/// Returns the numbers of known and unknown users at `now`, which may be later than the root's timestamp. O(expired
/// users).
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

/// Returns whether there is no room for one more user who is known to others, or unknown to them. Unknown users have a
/// separate limit, because their number must not decide whether another user can become known. `count(root, now)` must
/// return both numbers.
template <class CountAt>
bool is_full(const Root* root, bool known, Timestamp now, CountAt&& count) {
  if (root == nullptr || root->table.size() < root->rules.max_users) return false;
  // Time alone makes no user known. It makes no user unknown if `forget_after` is unlimited.
  if (known && root->rules.forget_after == Duration::highest()) return root->known >= root->rules.max_users;
  const Count users = count(*root, now);
  return (known ? users.known : users.unknown) >= root->rules.max_users;
}

/// Returns the verdict on an event and its plan. `key` is the key of the event's user. `now` is the timestamp of the
/// snapshot, or a later one to which the snapshot will be advanced. `count` returns the numbers of users at `now`. If
/// `is_admitted` is true, the event's timestamp has already been checked.
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

/// Stores the planned registers of the user. The root's timestamp may still be earlier than that of the plan; the root
/// is then advanced afterwards. If memory runs out, nothing changes.
inline void commit(Root& root, const UserKey& key, Plan&& plan) {
  const auto before = plan.row != nullptr ? seen_by_others(*plan.row, root) : std::nullopt,
             after = seen_by_others({}, plan.after, root.now, root.rules);
  const bool is_online = after && after->online, is_known = after.has_value();
  const std::size_t known = root.known + (is_known ? 1u : 0u) - (before ? 1u : 0u),
                    online = root.online + (is_online ? 1u : 0u) - (before && before->online ? 1u : 0u);
  const Timestamp due = next_change(plan.after, root.now, root.rules),
                  cleanup = next_cleanup(plan.after, root.now, root.rules);
  // The id in the key may point into the row that is moved, or into another row.
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

/// The users to remove at a later time, and smaller rows for users with much droppable data. Computed before anything
/// is changed.
struct Cleanup {
  Vector<SharedString> vanished;
  Vector<UserRow> rows;

  bool empty() const noexcept { return vanished.empty() && rows.empty(); }
};

/// Returns the cleanup of the table for a later time. Copies the pages of the smaller rows if they are shared. If
/// memory runs out, no content changes.
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

/// Advances the root to `to`, which must be later than its timestamp, and processes all deadlines up to and including
/// `to`. Adds the visible changes to `changes` unless it is null. Frees the memory of data that can no longer matter.
/// If memory runs out, nothing changes.
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
  // A deferred deadline, which is the most frequent case, is updated at once. A passed one is updated only when nothing
  // can fail any more. Without a callback and without a cleanup, that is also at once.
  const bool can_fail = changes != nullptr || forgets || !cleanup.empty();
  struct Due {
    LowerBound* bound;
    Timestamp next;
  };
  Vector<Due> passed;
  root.table.own_due(to);
  root.table.settle(to, [&](const RowView& row, LowerBound& bound) {
    if (!forgets) {
      // The first session may be enough to show that the user has not expired.
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
      ++fewer_online;  // the only visible effect of time alone
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
    // A user may time out and then be forgotten: these are two separate changes.
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
  // Raises the bounds of the pages, which would otherwise still contain the passed deadlines.
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
