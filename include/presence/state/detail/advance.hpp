// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_ADVANCE_HPP
#define PRESENCE_STATE_DETAIL_ADVANCE_HPP

#include <presence/base/detail/memory.hpp>
#include <presence/base/detail/shared_string.hpp>
#include <presence/model/rules.hpp>
#include <presence/registers/detail/acceptance_window.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/normal_form.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/state/detail/changes.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/page.hpp>
#include <presence/table/detail/user_row.hpp>
#include <presence/table/detail/user_table.hpp>

#include <cstddef>  // for size_t
#include <cstdint>  // for uint32_t
#include <utility>  // for move

/// How time passes: expiry, forgetting, and giving memory back.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The users to remove at a later time, and smaller rows for users with much droppable data. Computed before anything
/// is changed.
struct Cleanup {
  Vector<SharedString> vanished;
  Vector<UserRow> rows;
};

/// The users whose memory is not freed at a time because a session is live: the first one, so that only the head of a
/// row is read. See `upkeep`.
class KeptWhileLive {
 public:
  KeptWhileLive(Timestamp at, const Rules& rules) noexcept
      : window_(at, rules),
        is_used_(rules.forget_after == Duration::highest()),
        until_(rules.session_timeout == Duration() ? never : at + rules.reorder_window) {}

  bool has(const RowView& row) const noexcept {
    return is_used_ && !row.first_session().is_report() && window_.is_live(row.first_session());
  }
  /// Returns the time before which no memory of such a user should be freed. Without timeouts only an event can end the
  /// session, and it lowers the bound.
  Timestamp until() const noexcept { return until_; }

 private:
  AcceptanceWindow window_;
  bool is_used_;
  Timestamp until_;
};

/// Returns the cleanup of the table for a later time, and updates the bounds of all pages without one. Copies the pages
/// of the smaller rows if they are shared. If memory runs out, no content changes.
inline Cleanup plan_cleanup(Root& root, Timestamp to, const KeptWhileLive& kept) {
  Cleanup cleanup;
  root.table.update_cleanups(to, [&](const RowView& row) {
    if (kept.has(row)) return kept.until();
    const RegistersView user = row.registers();
    const Upkeep needed = upkeep(user, to, root.rules);
    if (needed.vanishes) {
      cleanup.vanished.push_back(row.id());
      return to;
    }
    if (needed.is_due) {
      UserRow smaller(row.id(), normal_form_of(row, to, root.rules));
      if (RowView(smaller).bytes_elsewhere() < row.bytes_elsewhere()) {
        cleanup.rows.push_back(std::move(smaller));
        return to;
      }
    }
    return needed.next;
  });
  for (const UserRow& row : cleanup.rows) {
    const UserKey key = root.table.key_of(row.head.id.view());
    root.table.own_page(key, root.table.way_to(key));
  }
  return cleanup;
}

/// Does the work of `advance` if a bound has been reached.
PRESENCE_DETAIL_APART inline void pass_deadlines(Root& root, Timestamp to, Changes* changes) {
  const Timestamp from = root.now;
  const Rules& rules = root.rules;
  const bool forgets = rules.forget_after != Duration::highest();
  std::size_t fewer_online = 0, fewer_known = 0;
  const KeptWhileLive kept(to, rules);
  Cleanup cleanup = plan_cleanup(root, to, kept);
  // A deferred deadline, which is the most frequent case, is updated at once. A passed one is updated only when nothing
  // can fail any more. If there is no callback and no user to remove, that is also at once.
  const bool can_fail = changes != nullptr || forgets || !cleanup.vanished.empty();
  struct Passed {
    Page* page;
    std::uint32_t at;
    Timestamp next;
    bool ends_online;
  };
  /// The passed deadlines. Until they are kept, the users are offline only for now.
  struct AllPassed {
    Vector<Passed> rows;
    bool is_kept = false;

    void add(const Passed& row) {
      rows.push_back(row);
      if (row.ends_online) row.page->set_online(row.at, false);
    }
    void raise_bounds() const noexcept {
      for (const Passed& row : rows) row.page->dues()[row.at] = row.next;
    }
    ~AllPassed() {
      if (is_kept) return;
      for (const Passed& row : rows) {
        if (row.ends_online) row.page->set_online(row.at, true);
      }
    }
  } passed;
  root.table.unshare_due(to);
  // Heartbeats do not raise the bounds. So the bounds of a page that will soon be too low are raised together.
  const Timestamp soon = forgets ? to : to + Duration::from_ns(rules.session_timeout.ns() / 8);
  root.table.update_due(to, soon, [&](Page& page, std::uint32_t at) {
    const RowView row = RowView(page.row(at));
    LowerBound& bound = page.dues()[at];
    const bool is_simple = is_plain(row, rules);
    if (is_simple) {
      // The first session may be enough to show that the user has not expired.
      const Timestamp until = online_until(row.first_session(), rules), known = bound.owned();
      if (until > to || known > to) {
        bound = later(known, until);
        return;
      }
    }
    const Timestamp next = next_change(row, from, rules);
    if (next > to) {
      bound = next;
      return;
    }
    const RegistersView user = row.registers();
    if (is_simple) {
      ++fewer_online;
      if (!can_fail) {
        bound = never;
        page.set_online(at, false);
        return;
      }
      if (changes != nullptr) {
        const Seen before(user, from, rules);
        changes->add(Change{next, row.id(), before, before.offline()});
      }
      passed.add({&page, at, never, true});
      return;
    }
    // A user may become idle, time out, lose their status, and be forgotten: each of these is a separate change.
    bool ends_online = false;
    for (Timestamp then = from, due; (due = next_change(user, then, rules)) <= to; then = due) {
      const Seen before(user, then, rules), after(user, due, rules);
      ends_online = ends_online || (before.is_online() && !after.is_online());
      fewer_known += after.is_known() ? 0u : 1u;
      if (changes != nullptr) changes->add(Change{due, row.id(), before, after});
    }
    fewer_online += ends_online ? 1u : 0u;
    const Timestamp later_one = next_change(user, to, rules);
    if (can_fail) {
      passed.add({&page, at, later_one, ends_online});
    } else {
      bound = later_one;
      if (ends_online) page.set_online(at, false);
    }
  });
  if (cleanup.vanished.empty()) {
    passed.raise_bounds();
  } else {
    UserTable rest(root.table);
    for (const SharedString& id : cleanup.vanished) rest.erase(rest.key_of(id.view()));
    passed.raise_bounds();
    root.table = std::move(rest);
  }
  passed.is_kept = true;
  // Raises the bounds of the pages, which would otherwise still contain the passed deadlines.
  if (!passed.rows.empty()) root.table.update_due(to, to, [](const Page&, std::uint32_t) {});
  for (UserRow& row : cleanup.rows) root.table.exchange_row(root.table.key_of(row.head.id.view()), row);
  root.table.update_cleanups(
      to, [&](const RowView& row) { return kept.has(row) ? kept.until() : upkeep(row.registers(), to, rules).next; });
  root.online -= fewer_online;
  root.known -= fewer_known;
  root.now = to;
}

/// Advances the root to `to`, which must be later than its timestamp, and processes all deadlines up to and including
/// `to`. Adds the visible changes to `changes` unless it is null. Frees the memory of data that can no longer matter.
/// If memory runs out, nothing changes.
inline void advance(Root& root, Timestamp to, Changes* changes) {
  if (to < root.table.due() && to < root.table.cleanup()) {
    root.now = to;
  } else {
    pass_deadlines(root, to, changes);
  }
}

/// Advances to a later timestamp and calls `on_change` for every visible change.
inline void advance_and_notify(Snapshot& snapshot, Timestamp to, const ChangeSink& on_change) {
  Root& root = SnapshotAccess::write(snapshot);
  Changes changes;
  advance(root, to, on_change ? &changes : nullptr);
  notify_all(changes, on_change);
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_ADVANCE_HPP
