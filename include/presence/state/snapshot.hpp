// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_SNAPSHOT_HPP
#define PRESENCE_STATE_SNAPSHOT_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/user.hpp>
#include <presence/registers/detail/acceptance_window.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/digest.hpp>
#include <presence/registers/detail/normal_form.hpp>
#include <presence/state/detail/changes.hpp>
#include <presence/table/detail/user_table.hpp>

#include <cstddef>           // for size_t, ptrdiff_t
#include <cstdint>           // for uint64_t
#include <initializer_list>  // for initializer_list
#include <optional>          // for optional, nullopt
#include <string>            // for string, input_iterator_tag, forward_iterator_tag
#include <string_view>       // for string_view
#include <type_traits>       // for decay, is_invocable, is_lvalue_reference, is_same
#include <utility>           // for in_place, move

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

inline constexpr Rules default_rules{};

/// The state that copies of a Snapshot share.
struct Root {
  OwnerCount owners;
  const Rules rules;
  Timestamp now = absent;
  std::size_t known = 0, online = 0;  // users that others know of, and see online
  UserTable table;

  explicit Root(const Rules& with) noexcept : rules(with), table(with.hash_seed) {}
  Root(const Root& other)
      : rules(other.rules), now(other.now), known(other.known), online(other.online), table(other.table) {}
  Root& operator=(const Root&) = delete;

  /// Returns the acceptance window of `now`. May only be called by the only owner.
  AcceptanceWindow& bounds() noexcept {
    if (!bounds_.are_of(now)) find_bounds();
    return bounds_;
  }

 private:
  PRESENCE_DETAIL_APART void find_bounds() noexcept { bounds_ = AcceptanceWindow(now, rules); }

  AcceptanceWindow bounds_;
};

constexpr Rules without_negative_durations(Rules rules) noexcept {
  for (Duration* duration :
       {&rules.session_timeout, &rules.offline_grace, &rules.last_active_refresh, &rules.reorder_window,
        &rules.max_clock_skew, &rules.forget_after, &rules.idle_after, &rules.report_timeout}) {
    if (*duration < Duration()) *duration = Duration();
  }
  return rules;
}

/// Whether both give the same verdicts and the same views: all rules except `hash_seed` are equal.
constexpr bool same_but_for_seed(Rules a, Rules b) noexcept {
  a.hash_seed = b.hash_seed = 0;
  return a == b;
}

inline std::optional<Timestamp> optional_timestamp(Timestamp at) noexcept {
  return at == absent || at == never ? std::nullopt : std::optional<Timestamp>(at);
}

/// Returns the normal form of the user's registers at `now`. The row may hold more if no event has touched it since.
inline UserRegisters normal_form_of(const RowView& row, Timestamp now, const Rules& rules) {
  UserRegisters user = row.unpacked();
  normalise(user, now, rules);
  return user;
}
inline UserRegisters normal_form_of(const RowView& row, const Root& root) {
  return normal_form_of(row, root.now, root.rules);
}

/// Passes the same registers to `read(const RegistersView&)` and returns its result. Does not copy them if they are
/// surely in normal form already.
template <class Read>
auto read_normal_form_of(const RowView& row, Timestamp now, const Rules& rules, Read read) {
  RegistersView kept = row.registers();
  if (surely_normal(kept, now, rules)) {
    kept.window = now - rules.reorder_window;
    return read(kept);
  }
  const UserRegisters user = normal_form_of(row, now, rules);
  return read(RegistersView(user));
}

inline std::optional<UserView> seen_by_others(const RowView& row, const Root& root) noexcept {
  return seen_by_others(row.name(), row.registers(), root.now, root.rules);
}

/// Returns a plain user as everyone sees them, and as they see themselves. Reads the row alone.
PRESENCE_DETAIL_FLAT inline UserView view_of_plain(const UserTable::Found& found) noexcept {
  const RowView row = found.row();
  const bool is_online = row.is_online();
  const Timestamp active = row.latest_active();
  UserView view(row.name(), is_online, row.status(), active == absent ? std::nullopt : std::optional<Timestamp>(active),
                false, is_online ? Availability::available : Availability::offline);
  view.data = row.data();
  return view;
}
PRESENCE_DETAIL_APART inline std::optional<UserView> view_of_other(const RowView& row, bool is_self,
                                                                   const Root& root) noexcept {
  return is_self ? seen_by_self(row.name(), row.registers(), root.now, root.rules) : seen_by_others(row, root);
}
inline std::optional<UserView> view_of(const UserTable::Found& found, bool is_self, const Root& root) noexcept {
  const RowView row = found.row();
  if (is_plain(row, root.rules)) return view_of_plain(found);
  return view_of_other(row, is_self, root);
}
PRESENCE_DETAIL_APART inline bool is_other_known(const RowView& row, const Root& root) noexcept {
  return is_known_to_others(row.registers(), root.now, root.rules);
}
inline bool is_known_to_others(const RowView& row, const Root& root) noexcept {
  return is_plain(row, root.rules) || is_other_known(row, root);
}

struct SnapshotReader;
struct SnapshotAccess;

}  // namespace detail

/// The presence of every known user at one timestamp, as an immutable value.
///
/// Copying is O(1) and shares all state; a later change to one copy does not affect the other. Several threads may read
/// copies at the same time. A snapshot that has never been given a timestamp has no `now`, and no session in it times
/// out. A moved-from snapshot equals `Snapshot{}`.
///
/// @code
/// #include <presence/state/reduce.hpp>
///
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// Snapshot s = reduce(Snapshot(), now);
/// PresenceEvent hello = PresenceEvent::connect("john", "phone", now);
/// hello.invisible = true;
/// const Snapshot before = s;  // copies one pointer; never changes
/// s = reduce(std::move(s), hello);
/// assert(s.online("john", Viewer("john")) && !s.online("john"));
/// assert(s.size() == 0 && s.begin() == s.end() && !s.next_deadline());  // others see no trace of john
/// assert(s.inspect("john")->sessions.front().id == "phone" && !before.inspect("john"));  // but the server does
/// @endcode
class Snapshot {
 public:
  class const_iterator;
  /// @{
  /// The member types of a container. Dereferencing an iterator creates a view and returns it by value.
  using iterator = const_iterator;
  using value_type = UserView;
  using reference = UserView;
  using const_reference = UserView;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  /// @}

  /// Creates an empty snapshot with the default rules. Allocates nothing.
  Snapshot() noexcept = default;
  /// Creates an empty snapshot with these rules. Negative durations count as zero.
  explicit Snapshot(const Rules& rules)
      : root_(detail::Shared<detail::Root>::make(detail::without_negative_durations(rules))) {}

  /// @{
  /// Returns the rules, which are fixed for the snapshot's life. The reference is valid until the snapshot is modified
  /// or destroyed. For a temporary, returns a copy.
  const Rules& rules() const& noexcept { return root_ ? root_->rules : detail::default_rules; }
  Rules rules() const&& noexcept { return root_ ? root_->rules : detail::default_rules; }
  /// @}

  /// Returns the user as `viewer` sees them, or nullopt if the viewer knows of no such user. O(1); copies two strings.
  std::optional<User> find(std::string_view id, Viewer viewer = nobody) const {
    const std::optional<UserView> seen = look(id, viewer);
    return seen ? std::optional<User>(std::in_place, *seen) : std::nullopt;
  }

  /// @{
  /// The same, borrowed. Valid until this snapshot is modified or destroyed, so a temporary is rejected at compile
  /// time. O(1); never allocates.
  std::optional<UserView> view(std::string_view id, Viewer viewer = nobody) const& noexcept { return look(id, viewer); }
  std::optional<UserView> view(std::string_view id, Viewer viewer = nobody) const&& = delete;
  /// @}

  /// @{
  /// Calls `on_user_view(const UserView&)` for each of these users that `viewer` knows of, in the order of the ids.
  /// Returns their number. `ids` is a range of strings that stay where they are, such as a
  /// `std::vector<std::string>`. Many users at once are much faster than one by one if they do not fit into the cache.
  /// The views are valid until this snapshot is modified or destroyed; the callback must do neither.
  ///
  /// @code
  /// #include <presence/state/reduce.hpp>
  ///
  /// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42Z");
  /// Snapshot room = reduce(Snapshot(), PresenceEvent::connect("john", "phone", now));
  /// const std::vector<std::string> friends = {"jack", "john"};
  /// std::string online;
  /// room.views(friends, [&online](const UserView& user) {
  ///   if (user.online) online.append(user.id);
  /// });
  /// assert(online == "john");
  /// @endcode
  template <class Ids = std::initializer_list<std::string_view>, class Fn>
  std::size_t views(const Ids& ids, Viewer viewer, Fn&& on_user_view) const& {
    static_assert(std::is_invocable<Fn&, const UserView&>::value,
                  "presence: a callback for users must accept (const presence::UserView&)");
    std::string_view some[detail::UserTable::most_together];
    std::size_t count = 0, seen = 0;
    const auto view_some = [&] {
      seen += view_together(some, count, viewer, on_user_view);
      count = 0;
    };
    for (auto&& id : ids) {
      static_assert(std::is_lvalue_reference<decltype(id)>::value ||
                        std::is_same<std::decay_t<decltype(id)>, std::string_view>::value,
                    "presence: the ids must be stored in the range");
      some[count++] = id;
      if (count == detail::UserTable::most_together) view_some();
    }
    view_some();
    return seen;
  }
  template <class Ids = std::initializer_list<std::string_view>, class Fn>
  std::size_t views(const Ids& ids, Fn&& on_user_view) const& {
    return views(ids, nobody, on_user_view);
  }
  /// @}

  /// Returns whether `viewer` sees the user online. O(1).
  bool online(std::string_view id, Viewer viewer = nobody) const noexcept {
    if (!root_) return false;
    const detail::UserTable::Found found = root_->table.locate(id);
    if (!found) return false;
    if (!is_self(viewer, id) || detail::is_plain(found.row(), root_->rules)) return found.is_online();
    const std::optional<UserView> seen = detail::view_of_other(found.row(), true, *root_);
    return seen && seen->online;
  }

  /// Returns the sessions that keep the user online, in order of their ids, as `viewer` sees them. Empty unless
  /// Rules::show_devices; also for users who are unknown, offline or invisible to the viewer. The choice of the user
  /// and what reports say are not in it. So a mirror has no devices: neither JSON nor `encode_for` contains them. No
  /// change is emitted for it: one device more or less may be no change. The rule StoreOptions::may_see does not apply.
  /// O(sessions).
  std::vector<Device> devices(std::string_view id, Viewer viewer = nobody) const {
    std::vector<Device> devices;
    const detail::RowView row = root_ && root_->rules.show_devices ? find_row(id) : detail::RowView();
    if (row == nullptr) return devices;
    const detail::RegistersView user = row.registers();
    if (viewer.id() != id && detail::invisible_since(user.visibility_changes) != detail::absent) return devices;
    for (const detail::SessionRegisters& session : user.sessions) {
      if (session.is_report() || detail::online_until(session, root_->rules) <= root_->now) continue;
      const detail::Standing standing = detail::Standing::of(session, root_->now, root_->rules);
      const AttributesView activity(detail::shown_activity(session, root_->rules));
      devices.push_back(
          Device{std::string(session.id.view()), standing.availability, static_cast<Attributes>(activity)});
    }
    return devices;
  }

  /// Returns the full state of one user, whatever others may see, or nullopt if nothing is kept of the user. For
  /// servers and tests; do not show it to other users. O(sessions). Users that no other user knows, such as those who
  /// only connected invisibly, are found too. Iteration and queries do not return them; `each_user_id` does.
  std::optional<PresenceState> inspect(std::string_view id) const {
    detail::RowView row = find_row(id);
    if (row == nullptr) return std::nullopt;
    const detail::UserRegisters user = detail::normal_form_of(*row, *root_);
    PresenceState state;
    if (const auto seen = detail::seen_by_self(id, user, root_->now, root_->rules)) {
      state.user = static_cast<User>(*seen);
    } else {
      state.user.id = std::string(id);
    }
    state.status_at = detail::optional_timestamp(user.status_at);
    if (user.choice != Availability::offline && root_->now < user.choice_until) {
      state.choice = user.choice;
      if (user.choice_until != detail::never) state.choice_until = user.choice_until;
    }
    if (user.status_until != detail::never) state.status_until = user.status_until;
    state.invisible_since = detail::optional_timestamp(detail::invisible_since(user.visibility_changes));
    for (const detail::SessionRegisters& kept : user.sessions) {
      Session session;
      session.id = std::string(detail::text_of(kept.id));
      if (kept.is_report()) continue;
      const detail::SessionState said = detail::present_state(kept, root_->rules);
      const detail::Span<Timestamp> disconnects = kept.disconnects();
      session.last_evidence = detail::optional_timestamp(kept.evidence_at());
      session.online_since = detail::optional_timestamp(kept.run_start());
      session.disconnects.assign(disconnects.begin(), disconnects.end());
      if (said.moment.exists()) session.availability = said.availability;
      session.priority = said.priority;
      session.active = detail::optional_timestamp(kept.active().at);
      session.online_until = detail::optional_timestamp(detail::online_until(kept, root_->rules));
      session.alive = detail::live(kept, root_->now, root_->rules);
      state.sessions.push_back(std::move(session));
    }
    return state;
  }

  /// Calls `on_user_id(std::string_view id)` for every user that `inspect` finds: also for those that no other user
  /// knows, such as users who only connected invisibly, and users who were removed a moment ago. For servers and tests;
  /// do not show them to other users.
  ///
  /// The order is that of iteration. Which of two users is first depends only on their ids. The ids are valid until
  /// this snapshot is modified or destroyed. The callback must do neither; it may change a copy. Allocates nothing, and
  /// throws only what the callback throws. O(users).
  ///
  /// @code
  /// #include <presence/state/reduce.hpp>
  ///
  /// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42Z");
  /// PresenceEvent hello = PresenceEvent::connect("john", "phone", now);
  /// hello.invisible = true;
  /// const Snapshot s = reduce(Snapshot(), hello);
  /// std::vector<std::string> ids;
  /// s.each_user_id([&ids](std::string_view id) { ids.emplace_back(id); });
  /// assert(ids == std::vector<std::string>{"john"} && s.empty());
  /// @endcode
  template <class Fn>
  void each_user_id(Fn&& on_user_id) const {
    static_assert(std::is_invocable<Fn&, std::string_view>::value,
                  "presence: a callback for the ids of users must accept (std::string_view)");
    if (!root_) return;
    for (detail::UserTable::Cursor at = root_->table.begin_views(); !at.is_at_end(); ++at) on_user_id((*at).name());
  }

  /// Calls `on_session(std::string_view user, std::string_view session)` for every live session whose id begins with
  /// `prefix`. An empty prefix lists all live sessions. Sessions of users that no other user knows are listed too. For
  /// servers and tests; do not show them to other users.
  ///
  /// A session is live if it is neither disconnected nor timed out at `now`: Session::alive is true in `inspect`. A
  /// session that ended a moment ago is not listed, even if Rules::offline_grace still shows its user online. Reports
  /// are not sessions, so a user who is online only by a report has none.
  ///
  /// If session ids begin with the node that has the socket, a prefix lists the sessions of one node. Let the prefix
  /// end with the separator: "node-7" also begins ids of node-71.
  ///
  /// The order is that of `each_user_id`, and of the session ids of each user. The strings are valid until this
  /// snapshot is modified or destroyed. The callback must do neither; it may change a copy. Allocates nothing, and
  /// throws only what the callback throws. O(users + sessions).
  ///
  /// To end the listed sessions, see `disconnect_sessions`. A host that must notify other nodes dispatches the
  /// disconnects itself. A session with a later heartbeat remains live, although the disconnect is `applied`: repeat
  /// this until no session is listed. Before it, merge what the node that is gone has appended.
  ///
  /// @code
  /// #include <presence/live/store.hpp>
  /// #include <presence/replica/outbox.hpp>
  ///
  /// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42Z");
  /// Store store;
  /// store.dispatch(PresenceEvent::connect("john", "node-7.2/0-13", now));
  /// store.dispatch(PresenceEvent::connect("mary", "node-8.1/0-4", now));
  /// Outbox outbox(store.snapshot().rules());
  ///
  /// std::vector<PresenceEvent> ends;  // node-7 is gone
  /// store.snapshot().each_session("node-7.2/", [&](std::string_view user, std::string_view session) {
  ///   ends.push_back(PresenceEvent::disconnect(std::string(user), std::string(session), now));
  /// });
  /// store.dispatch(ends.begin(), ends.end(), [&](std::size_t i, const Dispatched& done) {
  ///   done.each_applied(ends[i], [&](const PresenceEventView& applied) { outbox.add(applied); });
  /// });
  /// assert(!store.online("john") && store.online("mary"));
  /// assert(!outbox.take(now).empty());  // append it to the log
  /// @endcode
  template <class Fn>
  void each_session(std::string_view prefix, Fn&& on_session) const {
    static_assert(std::is_invocable<Fn&, std::string_view, std::string_view>::value,
                  "presence: a callback for sessions must accept (std::string_view user, std::string_view session)");
    if (!root_) return;
    for (const detail::RowView row : root_->table) {
      for (const detail::SessionRegisters& session : row.sessions()) {
        const std::string_view id = session.id.view();
        if (session.is_report() || id.substr(0, prefix.size()) != prefix) continue;
        if (detail::live(session, root_->now, root_->rules)) on_session(row.name(), id);
      }
    }
  }

  /// @{
  /// The number of users that everyone knows of, and how many of them everyone sees online. O(1).
  std::size_t size() const noexcept { return root_ ? root_->known : 0; }
  std::size_t online_count() const noexcept { return root_ ? root_->online : 0; }
  bool empty() const noexcept { return size() == 0; }
  /// @}

  /// Returns the timestamp of the snapshot, or nullopt until one is given. O(1).
  std::optional<Timestamp> now() const noexcept {
    return root_ ? detail::optional_timestamp(root_->now) : std::nullopt;
  }

  /// Returns the earliest future time at which the visible state changes without an event (a timeout, an expiry), or
  /// nullopt. Sleep until then, then advance to it. O(log n) amortised over the events since the last call: deferred
  /// deadlines that it finds are cached. Several threads may call it at once.
  std::optional<Timestamp> next_deadline() const noexcept {
    if (!root_) return std::nullopt;
    return detail::optional_timestamp(root_->table.earliest(
        [&](const detail::RowView& row) { return detail::next_change(row, root_->now, root_->rules); }));
  }

  /// Returns a digest of everything that is kept and of `now`, but not of the rules. Equal snapshots have equal digests
  /// on every platform. O(users).
  std::uint64_t digest() const {
    detail::Digest digest;
    digest.add(root_ ? root_->now : detail::absent);
    std::uint64_t users = 0;  // a sum, so that the order of users does not matter
    if (root_) {
      for (const detail::RowView row : root_->table) {
        users += detail::read_normal_form_of(row, root_->now, root_->rules, [&row](const detail::RegistersView& user) {
          return detail::digest_of(row.name(), user);
        });
      }
    }
    digest.add(users);
    return digest.value();
  }

  /// @{
  /// Iterates over the users that everyone knows of, as everyone sees them. The order depends only on these users.
  /// Multi-pass; yields UserView by value. Iterators and views are valid until the snapshot is modified or destroyed,
  /// so a temporary is rejected at compile time.
  const_iterator begin() const& noexcept;
  const_iterator end() const& noexcept;
  const_iterator begin() const&& = delete;
  const_iterator end() const&& = delete;
  /// @}

  /// Returns whether both keep the same state, at the same timestamp, with the same rules (except `hash_seed`).
  /// O(users), except for what both share.
  friend bool operator==(const Snapshot& a, const Snapshot& b) { return a.equals(b); }
  friend bool operator!=(const Snapshot& a, const Snapshot& b) { return !a.equals(b); }

 private:
  friend struct detail::SnapshotReader;
  friend struct detail::SnapshotAccess;

  detail::RowView find_row(std::string_view id) const noexcept { return root_ ? root_->table.find(id) : nullptr; }

  std::optional<UserView> look(std::string_view id, Viewer viewer) const noexcept {
    if (!root_) return std::nullopt;
    const detail::UserTable::Found found = root_->table.locate(id);
    if (!found) return std::nullopt;
    return detail::view_of(found, is_self(viewer, id), *root_);
  }
  std::size_t view_together(const std::string_view* ids, std::size_t count, Viewer viewer,
                            detail::FunctionRef<void(const UserView&)> on_user_view) const {
    if (!root_) return 0;
    detail::UserTable::Found found[detail::UserTable::most_together];
    root_->table.locate_together(ids, count, found);
    std::size_t seen = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::optional<UserView> user =
          found[i] ? detail::view_of(found[i], is_self(viewer, ids[i]), *root_) : std::nullopt;
      if (!user) continue;
      ++seen;
      on_user_view(*user);
    }
    return seen;
  }
  static bool is_self(Viewer viewer, std::string_view id) noexcept { return !viewer.id().empty() && viewer.id() == id; }

  bool equals(const Snapshot& other) const {
    if (root_ == other.root_) return true;
    const std::size_t users = root_ ? root_->table.size() : 0,
                      their_users = other.root_ ? other.root_->table.size() : 0;
    if (!detail::same_but_for_seed(rules(), other.rules()) || now() != other.now() || users != their_users)
      return false;
    if (users == 0) return true;
    bool equal = true;
    detail::UserTable::each_pair(
        root_->table, other.root_->table, detail::absent, [&](detail::RowView a, detail::RowView b) {
          equal = equal && a != nullptr && b != nullptr &&
                  detail::normal_form_of(*a, *root_) == detail::normal_form_of(*b, *other.root_);
        });
    return equal;
  }

  detail::Shared<detail::Root> root_;
};

/// A multi-pass iterator over the users that everyone knows of. The iterator and the views that it yields are valid
/// until the snapshot is modified or destroyed.
class Snapshot::const_iterator {
 public:
  /// @{
  /// Dereferencing creates a value, which C++17 allows only for an input iterator. The iterator is multi-pass
  /// nevertheless.
  using iterator_category = std::input_iterator_tag;
  using iterator_concept = std::forward_iterator_tag;
  using value_type = UserView;
  using difference_type = std::ptrdiff_t;
  using reference = UserView;
  /// Holds the view that `operator->` points to.
  class pointer {
   public:
    /// @{
    /// The user. Valid until this object is destroyed.
    const UserView* operator->() const noexcept { return &user_; }
    const UserView& operator*() const noexcept { return user_; }
    /// @}

   private:
    friend class const_iterator;
    explicit pointer(const UserView& user) noexcept : user_(user) {}

    UserView user_;
  };
  /// @}

  const_iterator() noexcept = default;

  /// @{
  /// The user, as everyone sees them.
  UserView operator*() const noexcept {
    const detail::UserTable::Found found = at_.found();
    if (detail::is_plain(found.row(), root_->rules)) return detail::view_of_plain(found);
    return *detail::view_of_other(found.row(), false, *root_);
  }
  pointer operator->() const noexcept { return pointer(**this); }
  /// @}
  /// @{
  /// Advances to the next user that everyone knows of.
  const_iterator& operator++() noexcept {
    ++at_;
    skip_unknown();
    return *this;
  }
  const_iterator operator++(int) noexcept {
    const_iterator before = *this;
    ++*this;
    return before;
  }
  /// @}

  /// Compares iterators of the same snapshot.
  friend bool operator==(const const_iterator& a, const const_iterator& b) noexcept { return a.at_ == b.at_; }
  friend bool operator!=(const const_iterator& a, const const_iterator& b) noexcept { return !(a == b); }

 private:
  friend class Snapshot;

  const_iterator(const detail::Root& root, detail::UserTable::Cursor at) noexcept : root_(&root), at_(at) {
    skip_unknown();
  }

  void skip_unknown() noexcept {
    while (!at_.is_at_end() && !detail::is_known_to_others(*at_, *root_)) ++at_;
  }

  const detail::Root* root_ = nullptr;
  detail::UserTable::Cursor at_;
};

inline Snapshot::const_iterator Snapshot::begin() const& noexcept {
  return root_ ? const_iterator(*root_, root_->table.begin_views()) : const_iterator();
}
inline Snapshot::const_iterator Snapshot::end() const& noexcept {
  return root_ ? const_iterator(*root_, root_->table.end()) : const_iterator();
}

namespace detail {

/// Read access to a snapshot, for the rest of the library.
struct SnapshotReader {
  /// Returns null if the snapshot is empty, with default rules and without a timestamp.
  static const Root* read(const Snapshot& snapshot) noexcept { return snapshot.root_.get(); }
  static Timestamp now(const Snapshot& snapshot) noexcept { return snapshot.root_ ? snapshot.root_->now : absent; }
  /// Returns null if there is no such user.
  static RowView find_row(const Snapshot& snapshot, std::string_view id) noexcept { return snapshot.find_row(id); }
};

}  // namespace detail

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_SNAPSHOT_HPP
