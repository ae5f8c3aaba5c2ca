// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TABLE_DETAIL_USER_ROW_HPP
#define PRESENCE_TABLE_DETAIL_USER_ROW_HPP

#include <presence/base/detail/memory.hpp>
#include <presence/base/detail/shared_string.hpp>
#include <presence/registers/detail/registers.hpp>

#include <cstddef>      // for nullptr_t, size_t
#include <cstdint>      // for uint8_t, uint16_t, uint32_t
#include <string_view>  // for string_view
#include <utility>      // for exchange, move, swap

/// The storage of a user: registers packed into one row.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The registers of a user that do not fit into the row itself. The capacity is fixed on construction, with some room
/// for more activities. Dropped data leaves room for new data, so that most changes allocate no memory. Rows of
/// different snapshots share it, and only its sole owner changes it.
class alignas(SessionRegisters) Overflow {
 public:
  struct Shape {
    std::uint32_t sessions = 0, activities = 0, visibility_changes = 0;
    bool rare = false;

    bool empty() const noexcept { return sessions == 0 && activities == 0 && visibility_changes == 0 && !rare; }
    bool has_room_for(const Shape& other) const noexcept {
      return sessions >= other.sessions && activities >= other.activities &&
             visibility_changes >= other.visibility_changes && rare == other.rare;
    }
  };

  static Overflow* make(const Shape& shape) {
    void* const memory = detail::allocate(bytes_of(shape), alignof(Overflow));
    return detail::construct<Overflow>(memory, shape);
  }
  Overflow(const Overflow&) = delete;
  Overflow& operator=(const Overflow&) = delete;

  void add_owner() noexcept { owners_.add(); }
  bool only_owner() const noexcept { return owners_.is_one(); }
  void drop_owner() noexcept {
    if (!owners_.drop_last()) return;
    const std::size_t bytes = bytes_of(shape());
    if (has_rare()) rare()->~RareRegisters();
    for (std::uint32_t i = 0; i < session_room_; ++i) sessions()[i].~SessionRegisters();
    this->~Overflow();
    detail::deallocate(this, bytes, alignof(Overflow));
  }

  /// Returns whether there is room for such a shape without wasting much memory.
  bool fits(const Shape& other) const noexcept {
    const std::size_t needed = bytes_of(other), slack = needed / 4 + sizeof(SessionRegisters);
    return shape().has_room_for(other) && bytes_of(shape()) <= needed + slack;
  }
  /// Returns the size of all memory that it holds, in bytes.
  std::size_t bytes() noexcept {
    std::size_t sum = bytes_of(shape());
    for (std::uint32_t i = 0; i < session_room_; ++i) sum += sessions()[i].bytes_elsewhere();
    if (!has_rare()) return sum;
    return sum + (rare()->data ? rare()->data->memory() : 0);
  }

  /// Takes over the content of another one. This one must be empty and have room for it.
  void take(Overflow& other) {
    if (other.only_owner()) {
      for (std::uint32_t i = 0; i < other.session_room_; ++i) sessions()[i] = std::move(other.sessions()[i]);
      if (other.has_rare()) *rare() = std::move(*other.rare());
    } else {
      for (std::uint32_t i = 0; i < other.session_room_; ++i) sessions()[i] = other.sessions()[i];
      if (other.has_rare()) *rare() = *other.rare();
    }
    for (std::uint32_t i = 0; i < other.activity_count; ++i) activities()[i] = other.activities()[i];
    for (std::uint32_t i = 0; i < other.visibility_change_count; ++i)
      visibility_changes()[i] = other.visibility_changes()[i];
    activity_count = other.activity_count;
    visibility_change_count = other.visibility_change_count;
    status_at = other.status_at;
  }

  /// Returns the capacity for so many activities and some more.
  static constexpr std::uint32_t room_for(std::uint32_t activities) noexcept { return activities / 4 * 4 + 4; }
  Shape shape() const noexcept {
    Shape shape;
    shape.sessions = session_room_;
    shape.activities = activity_room_;
    shape.visibility_changes = change_room_and_rare_ >> 1;
    shape.rare = has_rare();
    return shape;
  }
  std::uint32_t session_room() const noexcept { return session_room_; }
  std::uint32_t activity_room() const noexcept { return activity_room_; }
  bool has_rare() const noexcept { return (change_room_and_rare_ & 1) != 0; }
  Timestamp status_at = absent;  // of the row's status; there is always room for it
  // The numbers of elements in use. The row stores the number of sessions.
  std::uint32_t activity_count = 0;  // 0: they are in the row
  std::uint32_t visibility_change_count = 0;
  SessionRegisters* sessions() noexcept { return reinterpret_cast<SessionRegisters*>(this + 1); }
  RareRegisters* rare() noexcept { return reinterpret_cast<RareRegisters*>(sessions() + session_room_); }
  Activity* activities() noexcept { return reinterpret_cast<Activity*>(rare() + (has_rare() ? 1 : 0)); }
  VisibilityChange* visibility_changes() noexcept {
    return reinterpret_cast<VisibilityChange*>(activities() + activity_room_);
  }

 private:
  template <class T, class... Args>
  friend T* construct(void* at, Args&&... args);

  explicit Overflow(const Shape& shape) noexcept
      : session_room_(shape.sessions),
        activity_room_(shape.activities),
        change_room_and_rare_(shape.visibility_changes << 1 | std::uint32_t{shape.rare}) {
    for (std::uint32_t i = 0; i < shape.sessions; ++i) detail::construct<SessionRegisters>(sessions() + i);
    for (std::uint32_t i = 0; i < shape.activities; ++i) detail::construct<Activity>(activities() + i);
    for (std::uint32_t i = 0; i < shape.visibility_changes; ++i)
      detail::construct<VisibilityChange>(visibility_changes() + i);
    if (shape.rare) detail::construct<RareRegisters>(rare());
  }
  ~Overflow() = default;

  static std::size_t bytes_of(const Shape& shape) noexcept {
    return sizeof(Overflow) + shape.sessions * sizeof(SessionRegisters) + shape.activities * sizeof(Activity) +
           shape.visibility_changes * sizeof(VisibilityChange) + (shape.rare ? sizeof(RareRegisters) : 0);
  }

  OwnerCount owners_;
  const std::uint32_t session_room_, activity_room_, change_room_and_rare_;  // the lowest bit: room for rare registers
};
static_assert(sizeof(Overflow) == 32, "half a cache line for a user who has only a status");
// The arrays follow each other without gaps, because none is aligned more strictly than the one before.
static_assert(sizeof(Overflow) % alignof(SessionRegisters) == 0 && alignof(Overflow) == alignof(SessionRegisters), "");
static_assert(alignof(RareRegisters) <= alignof(SessionRegisters) && alignof(Activity) <= alignof(RareRegisters), "");
static_assert(alignof(VisibilityChange) <= alignof(Activity), "");

/// The part of a row that every heartbeat reads: one cache line.
struct RowHead {
  SharedString id;
  SessionRegisters session;  // the first, if there is one
};
static_assert(sizeof(RowHead) == 64, "a heartbeat should read no more");

/// The rest of a row: what others see of a user beside their sessions, with up to two activities inside, which is
/// enough for most users. Copies share the overflow.
struct alignas(8) RowRest {
  static constexpr std::size_t activities_inside = 2;

  Activity activities[activities_inside];
  SharedString status;
  Overflow* overflow = nullptr;
  std::uint32_t session_count = 0;
  std::uint8_t count = 0;  // of the activities inside
  bool is_plain = true;    // see RowView::is_plain
  bool has_data = false;
  bool is_online = false;  // as others see the user; see Page::set_online

  RowRest() noexcept = default;
  RowRest(const RowRest& other) noexcept
      : status(other.status),
        overflow(other.overflow),
        session_count(other.session_count),
        count(other.count),
        is_plain(other.is_plain),
        has_data(other.has_data),
        is_online(other.is_online) {
    for (std::size_t i = 0; i < activities_inside; ++i) activities[i] = other.activities[i];
    if (overflow != nullptr) overflow->add_owner();
  }
  RowRest(RowRest&& other) noexcept : RowRest() { swap(other); }
  RowRest& operator=(RowRest other) noexcept {
    swap(other);
    return *this;
  }
  ~RowRest() {
    if (overflow != nullptr) overflow->drop_owner();
  }
  /// Exchanges all but `is_online`, which belongs to the place of the row in a page.
  void swap(RowRest& other) noexcept {
    for (std::size_t i = 0; i < activities_inside; ++i) std::swap(activities[i], other.activities[i]);
    std::swap(status, other.status);
    std::swap(overflow, other.overflow);
    std::swap(session_count, other.session_count);
    std::swap(count, other.count);
    std::swap(is_plain, other.is_plain);
    std::swap(has_data, other.has_data);
  }
};
static_assert(sizeof(void*) != 8 || sizeof(RowRest) == 64, "a read of a user should touch two lines");

/// A non-owning view of one user's row, which has two parts. It is used like a pointer to a row: null if there is no
/// such user.
class RowView {
 public:
  RowView() noexcept = default;
  RowView(std::nullptr_t) noexcept {}
  RowView(const RowHead* head, const RowRest* rest) noexcept : head_(head), rest_(rest) {}

  const RowView& operator*() const noexcept { return *this; }
  const RowView* operator->() const noexcept { return this; }
  friend bool operator==(const RowView& a, const RowView& b) noexcept { return a.head_ == b.head_; }
  friend bool operator!=(const RowView& a, const RowView& b) noexcept { return a.head_ != b.head_; }

  const SharedString& id() const noexcept { return head_->id; }
  std::string_view name() const noexcept { return head_->id.view(); }
  std::size_t session_count() const noexcept { return rest_->session_count; }

  /// The first session; empty registers if the user has none.
  const SessionRegisters& first_session() const noexcept { return head_->session; }
  SessionSpan sessions() const noexcept {
    return rest_->session_count == 0 ? SessionSpan() : SessionSpan(&head_->session, other_sessions());
  }
  std::string_view status() const noexcept { return rest_->status.view(); }
  /// The value of the latest activity, or `absent`.
  Timestamp latest_active() const noexcept {
    if (rest_->count != 0) return rest_->activities[rest_->count - 1].value;
    return activities().empty() ? absent : activities().back().value;
  }
  Timestamp status_at() const noexcept { return rest_->overflow != nullptr ? rest_->overflow->status_at : absent; }
  /// Whether others see the user online. Only of a row in a page; see Page::set_online.
  bool is_online() const noexcept { return rest_->is_online; }
  /// Returns whether only sessions that say nothing, activities, data and a status without an end are stored for the
  /// user, and the user is known to others whether or not they are online. Reports are not among it.
  bool is_plain() const noexcept { return rest_->is_plain; }

  /// Returns whether a view of a plain user has to read more than the row.
  bool has_data() const noexcept { return rest_->has_data; }
  /// What the user publishes by name.
  Elements<ValueMember> data() const noexcept {
    return rest_->has_data && has_rare() ? rest_->overflow->rare()->data.view() : Elements<ValueMember>();
  }

  /// @{
  /// The same, for copies that share them.
  const SharedString& shared_status() const noexcept { return rest_->status; }
  UserDataPointer shared_data() const noexcept {
    return has_rare() ? rest_->overflow->rare()->data : UserDataPointer();
  }
  /// @}

  RegistersView registers() const noexcept {
    RegistersView view;
    view.sessions = sessions();
    view.activities = activities();
    view.text = &rest_->status;
    if (Overflow* const more = rest_->overflow) {
      view.visibility_changes = Span<VisibilityChange>{more->visibility_changes(), more->visibility_change_count};
      view.text_at = more->status_at;
      if (more->has_rare()) view.rare = view.choosing = more->rare();
    }
    return view;
  }

  UserRegisters unpacked() const {
    const RegistersView view = registers();
    UserRegisters user;
    if (view.rare != nullptr) static_cast<RareRegisters&>(user) = *view.rare;
    user.status = rest_->status;
    user.status_at = view.status_at();
    user.sessions.reserve(view.sessions.size());
    for (const SessionRegisters& session : view.sessions) user.sessions.push_back(session);
    user.activities.reserve(view.activities.size());
    for (const Activity& activity : view.activities) user.activities.push_back(activity);
    user.visibility_changes.reserve(view.visibility_changes.size());
    for (const VisibilityChange& visibility_change : view.visibility_changes)
      user.visibility_changes.push_back(visibility_change);
    return user;
  }

  /// @{
  /// Prefetches the memory outside of the page; the overflow; only its beginning, which is enough for counting its
  /// owners.
  void prefetch_for_changes() const noexcept {
    head_->session.rare().prefetch();
    rest_->status.prefetch();
    prefetch_elsewhere();
  }
  void prefetch_elsewhere() const noexcept {
    if (rest_->overflow != nullptr) detail::prefetch(rest_->overflow, 192);
  }
  void prefetch_owners() const noexcept {
    if (rest_->overflow != nullptr) detail::prefetch(rest_->overflow, 1);
  }
  /// @}

  Span<Activity> activities() const noexcept {
    if (rest_->count != 0 || rest_->overflow == nullptr) return {rest_->activities, rest_->count};
    return {rest_->overflow->activities(), rest_->overflow->activity_count};
  }
  /// Returns the activity of the greatest value; null if there is none.
  const Activity* latest_activity() const noexcept {
    const Span<Activity> all = activities();
    return all.empty() ? nullptr : &all.back();
  }

  /// Returns the size of the user's memory outside the row in bytes, without the id.
  std::size_t bytes_elsewhere() const noexcept {
    return head_->session.bytes_elsewhere() + rest_->status.bytes_elsewhere() +
           (rest_->overflow != nullptr ? rest_->overflow->bytes() : 0);
  }

  /// Returns whether only the row has registers, and these are at most one session and activities.
  bool has_nothing_elsewhere() const noexcept { return rest_->overflow == nullptr && rest_->status.view().empty(); }
  /// Returns whether the row may have memory outside of the page.
  bool has_memory_elsewhere() const noexcept {
    return rest_->overflow != nullptr || !rest_->status.is_inside() || !head_->session.id.is_inside() ||
           !head_->session.is_simple();
  }

  /// @{
  /// Returns whether both rows of a user with the same id store the same registers, compared as they are stored.
  /// `keeps_same_beside` does not compare the first session.
  bool keeps_same_as(const RowView& other) const noexcept {
    return head_->session == other.head_->session && keeps_same_beside(other);
  }
  bool keeps_same_beside(const RowView& other) const noexcept {
    if (rest_->session_count != other.rest_->session_count) return false;
    if (rest_->overflow == other.rest_->overflow)
      return rest_->count == other.rest_->count && rest_->status == other.rest_->status &&
             same_elements(Span<Activity>{rest_->activities, rest_->count},
                           Span<Activity>{other.rest_->activities, other.rest_->count});
    return same_elements(other_sessions(), other.other_sessions()) &&
           same_beside_sessions(registers(), other.registers());
  }
  /// @}

 protected:
  friend struct UserRow;
  friend class KeptOverflow;

  Span<SessionRegisters> other_sessions() const noexcept {
    if (rest_->session_count < 2) return {};
    return {rest_->overflow->sessions(), rest_->session_count - 1};
  }
  bool has_rare() const noexcept { return rest_->overflow != nullptr && rest_->overflow->has_rare(); }

  const RowHead* head_ = nullptr;
  const RowRest* rest_ = nullptr;
};

/// Returns whether the user is plain, and by the rules time alone can only turn such a user offline.
inline bool is_plain(const RowView& row, const Rules& rules) noexcept {
  return rules.forget_after == Duration::highest() && rules.idle_after == Duration() && row.is_plain();
}

/// A view of one user's row through which the row may be changed.
class RowAccess : public RowView {
 public:
  RowAccess() noexcept = default;
  RowAccess(RowHead* head, RowRest* rest) noexcept : RowView(head, rest) {}

  /// Replaces the stored registers by `user`. If memory runs out, nothing changes.
  void replace(UserRegisters&& user) const {
    const Overflow::Shape shape = shape_of(user);
    Overflow*& overflow = rest().overflow;
    if (shape.empty() && user.status_at == absent) {
      if (overflow != nullptr) std::exchange(overflow, nullptr)->drop_owner();
    } else if (overflow == nullptr || !overflow->only_owner() || !overflow->fits(shape)) {
      Overflow* const fresh = Overflow::make(shape);
      if (Overflow* const old = std::exchange(overflow, fresh)) old->drop_owner();
    }
    fill(std::move(user));
  }

  /// Swaps the content with another row of the same user.
  inline void swap(struct UserRow& row) const noexcept;

  /// The status, for changes in place. A row with a text must have `status_at` as well.
  SharedString& own_status() const noexcept { return rest().status; }
  /// Returns the session or the timestamp of the status, if there is room for them that may be changed in place; else
  /// null.
  SessionRegisters* own_session(const LookupKey& id) const noexcept {
    if (id.is(head_->session.id)) return &head().session;
    Overflow* const more = rest_->overflow;
    if (rest_->session_count < 2 || !more->only_owner()) return nullptr;
    const std::size_t others = rest_->session_count - 1;
    SessionRegisters* const at = session_position(more->sessions(), others, id);
    return at != more->sessions() + others && id.is(at->id) ? at : nullptr;
  }
  /// Returns whether that session cannot be changed in place only because the overflow is shared.
  bool shares_session(const LookupKey& id) const noexcept {
    if (rest_->session_count < 2 || id.is(head_->session.id) || rest_->overflow->only_owner()) return false;
    const Span<SessionRegisters> others = other_sessions();
    const SessionRegisters* const at = session_position(others.data(), others.size(), id);
    return at != others.end() && id.is(at->id);
  }
  /// Copies a shared overflow. If memory runs out, nothing changes.
  void unshare_overflow() const { widen(0); }
  Timestamp* own_status_at() const noexcept {
    Overflow* const more = rest_->overflow;
    return more != nullptr && more->only_owner() ? &more->status_at : nullptr;
  }

  /// Returns the timestamp of the status for changes in place. Allocates or copies the overflow if necessary. If memory
  /// runs out, nothing changes.
  Timestamp& need_status_at() const {
    if (own_status_at() == nullptr) widen(0);
    return rest_->overflow->status_at;
  }

  /// Adds an activity to a plain row. Its value must be greater, and its evidence later, than those of all others.
  /// First drops the activities on evidence before the window, except the greatest of them. Then drops the oldest, so
  /// that at most `most` remain. If memory runs out, nothing changes.
  void add_activity(const Activity& latest, Timestamp window, std::size_t most) const {
    constexpr std::size_t inside = RowRest::activities_inside;
    const Span<Activity> all = activities();
    std::size_t dropped = forgettable(all, window);
    if (all.size() - dropped >= most) dropped = all.size() + 1 - most;
    const std::size_t kept = all.size() - dropped;
    if (kept < inside) {
      put({all.data() + dropped, kept}, latest, rest().activities);
      rest().count = static_cast<std::uint8_t>(kept + 1);
      if (rest_->overflow != nullptr && rest_->overflow->only_owner()) rest_->overflow->activity_count = 0;
      return;
    }
    Overflow* const more = rest_->overflow;
    if (more == nullptr || !more->only_owner() || more->activity_room() <= kept)
      widen(static_cast<std::uint32_t>(kept + 1));
    put({activities().data() + dropped, kept}, latest, rest_->overflow->activities());
    rest_->overflow->activity_count = static_cast<std::uint32_t>(kept + 1);
    rest().count = 0;
  }
  /// Replaces the activities by those that the row had before some were added. Never fails: the room is still there.
  void put_back_activities(const Span<Activity>& before) const noexcept {
    Overflow* const more = rest_->overflow;
    const bool inside = before.size() <= RowRest::activities_inside;
    const bool has_own_room = more != nullptr && more->only_owner();
    if (inside) {
      put(before, rest().activities);
    } else if (has_own_room) {
      put(before, more->activities());
    }
    rest().count = static_cast<std::uint8_t>(inside ? before.size() : 0);
    if (has_own_room) more->activity_count = static_cast<std::uint32_t>(inside ? 0 : before.size());
  }

 private:
  RowHead& head() const noexcept { return const_cast<RowHead&>(*head_); }
  RowRest& rest() const noexcept { return const_cast<RowRest&>(*rest_); }

  /// Replaces the overflow by an unshared one with at least the given room. The content is unchanged.
  void widen(std::uint32_t activities) const {
    Overflow* const old = rest_->overflow;
    Overflow::Shape shape;
    if (old != nullptr) shape = old->shape();
    if (shape.activities < activities) shape.activities = Overflow::room_for(activities);
    struct Unfinished {
      Overflow* made;
      ~Unfinished() {
        if (made != nullptr) made->drop_owner();
      }
    } unfinished{Overflow::make(shape)};
    if (old != nullptr) unfinished.made->take(*old);
    rest().overflow = std::exchange(unfinished.made, old);
  }

  /// Returns how many of the first activities can be dropped in a row without visibility changes. These are those on
  /// evidence before the window, except the greatest of them.
  static std::size_t forgettable(Span<Activity> activities, Timestamp window) noexcept {
    std::size_t old = 0;
    while (old < activities.size() && activities[old].evidence < window) ++old;
    return old < 2 ? 0 : old - 1;
  }
  /// Copies the kept activities and one more to `to`, which may overlap with them if it begins no later.
  static void put(Span<Activity> kept, const Activity& latest, Activity* to) noexcept {
    put(kept, to);
    to[kept.size()] = latest;
  }
  static void put(Span<Activity> kept, Activity* to) noexcept {
    for (std::size_t i = 0; i < kept.size(); ++i) to[i] = kept[i];
  }

  static Overflow::Shape shape_of(const UserRegisters& user) noexcept {
    Overflow::Shape shape;
    if (user.sessions.size() > 1) shape.sessions = static_cast<std::uint32_t>(user.sessions.size() - 1);
    shape.visibility_changes = static_cast<std::uint32_t>(user.visibility_changes.size());
    // With visibility changes, fewer activities can be dropped, so there are soon more than two.
    const auto activities = static_cast<std::uint32_t>(user.activities.size());
    if (activities > RowRest::activities_inside || shape.visibility_changes != 0)
      shape.activities = Overflow::room_for(activities);
    shape.rare = !user.nothing();
    return shape;
  }

  static bool say_nothing(const Sessions& sessions) noexcept {
    for (const SessionRegisters& session : sessions) {
      if (!session.says_nothing() || session.is_report()) return false;
    }
    return true;
  }

  void fill(UserRegisters&& user) const noexcept {
    RowRest& rest = this->rest();
    rest.is_plain = user.visibility_changes.empty() && user.reported_at == absent &&
                    user.reported_last_active_at == absent && user.forgotten_up_to == absent &&
                    user.dropped_range.to == absent && user.removed == absent && user.status_until == never &&
                    user.choice_at == absent && say_nothing(user.sessions) &&
                    (!user.activities.empty() || user.status_at != absent);
    head().session = user.sessions.empty() ? SessionRegisters() : std::move(user.sessions[0]);
    rest.status = std::move(user.status);
    rest.has_data = static_cast<bool>(user.data);
    rest.session_count = static_cast<std::uint32_t>(user.sessions.size());
    const bool inside = user.activities.size() <= RowRest::activities_inside;
    rest.count = static_cast<std::uint8_t>(inside ? user.activities.size() : 0);
    for (std::size_t i = 0; i < rest.count; ++i) rest.activities[i] = user.activities[i];
    if (rest.overflow == nullptr) return;
    Overflow& more = *rest.overflow;
    for (std::uint32_t i = 0; i < more.session_room(); ++i) {
      more.sessions()[i] = i + 1 < user.sessions.size() ? std::move(user.sessions[i + 1]) : SessionRegisters();
    }
    more.activity_count = static_cast<std::uint32_t>(inside ? 0 : user.activities.size());
    for (std::size_t i = 0; i < more.activity_count; ++i) more.activities()[i] = user.activities[i];
    more.status_at = user.status_at;
    more.visibility_change_count = static_cast<std::uint32_t>(user.visibility_changes.size());
    for (std::size_t i = 0; i < more.visibility_change_count; ++i)
      more.visibility_changes()[i] = user.visibility_changes[i];
    if (!user.nothing()) *more.rare() = std::move(static_cast<RareRegisters&>(user));
  }
};

/// Keeps the overflow of a row, even if its other owners, possibly on other threads, release it. The row must have one.
class KeptOverflow {
 public:
  explicit KeptOverflow(const RowView& row) noexcept : overflow_(*row.rest_->overflow) { overflow_.add_owner(); }
  KeptOverflow(const KeptOverflow&) = delete;
  KeptOverflow& operator=(const KeptOverflow&) = delete;
  ~KeptOverflow() { overflow_.drop_owner(); }

 private:
  Overflow& overflow_;
};

/// A row that is not in a page.
struct UserRow {
  RowHead head;
  RowRest rest;

  UserRow() noexcept = default;
  /// Copies a row, whose overflow is then shared.
  explicit UserRow(const RowView& row) : head(*row.head_), rest(*row.rest_) {}
  UserRow(SharedString id, UserRegisters&& user) {
    head.id = std::move(id);
    RowAccess(&head, &rest).replace(std::move(user));
  }
  operator RowView() const noexcept { return RowView(&head, &rest); }
};

inline void RowAccess::swap(UserRow& row) const noexcept {
  std::swap(head(), row.head);
  rest().swap(row.rest);
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_TABLE_DETAIL_USER_ROW_HPP
