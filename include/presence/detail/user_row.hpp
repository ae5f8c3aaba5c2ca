// SPDX-License-Identifier: MIT
#ifndef PRESENCE_DETAIL_USER_ROW_HPP
#define PRESENCE_DETAIL_USER_ROW_HPP

#include <presence/detail/memory.hpp>
#include <presence/detail/registers.hpp>
#include <presence/detail/text.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint8_t, uint32_t
#include <string_view>  // for string_view
#include <utility>      // for move

/// What a user is kept in: registers packed into one row.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// What of a user's registers has no room in the row itself. Its size is fixed when it is made, with some room for more
/// activities. What is forgotten leaves room for what comes, so that most changes ask for no memory. Rows of different
/// snapshots share it, and only its sole owner changes it.
class alignas(SessionRegisters) Overflow {
 public:
  struct Shape {
    std::uint32_t sessions = 0, activities = 0, flips = 0;
    bool rare = false;

    bool empty() const noexcept { return sessions == 0 && activities == 0 && flips == 0 && !rare; }
    bool has_room_for(const Shape& other) const noexcept {
      return sessions >= other.sessions && activities >= other.activities && flips >= other.flips && rare == other.rare;
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
    const std::size_t bytes = bytes_of(shape_);
    if (shape_.rare) rare()->~RareRegisters();
    for (std::uint32_t i = 0; i < shape_.sessions; ++i) sessions()[i].~SessionRegisters();
    this->~Overflow();
    detail::deallocate(this, bytes, alignof(Overflow));
  }

  const Shape& shape() const noexcept { return shape_; }
  // Of those there is room for; the row knows how many sessions.
  std::uint32_t activity_count = 0;  // 0: they are in the row
  std::uint32_t flip_count = 0;
  SessionRegisters* sessions() noexcept { return reinterpret_cast<SessionRegisters*>(this + 1); }
  RareRegisters* rare() noexcept { return reinterpret_cast<RareRegisters*>(sessions() + shape_.sessions); }
  Activity* activities() noexcept { return reinterpret_cast<Activity*>(rare() + (shape_.rare ? 1 : 0)); }
  Flip* flips() noexcept { return reinterpret_cast<Flip*>(activities() + shape_.activities); }

 private:
  template <class T, class... Args>
  friend T* construct(void* at, Args&&... args);

  explicit Overflow(const Shape& shape) noexcept : shape_(shape) {
    for (std::uint32_t i = 0; i < shape.sessions; ++i) detail::construct<SessionRegisters>(sessions() + i);
    for (std::uint32_t i = 0; i < shape.activities; ++i) detail::construct<Activity>(activities() + i);
    for (std::uint32_t i = 0; i < shape.flips; ++i) detail::construct<Flip>(flips() + i);
    if (shape.rare) detail::construct<RareRegisters>(rare());
  }
  ~Overflow() = default;

  static std::size_t bytes_of(const Shape& shape) noexcept {
    return sizeof(Overflow) + shape.sessions * sizeof(SessionRegisters) + shape.activities * sizeof(Activity) +
           shape.flips * sizeof(Flip) + (shape.rare ? sizeof(RareRegisters) : 0);
  }

  OwnerCount owners_;
  Shape shape_;
};
// The arrays follow each other without gaps, because none is aligned more strictly than the one before.
static_assert(sizeof(Overflow) % alignof(SessionRegisters) == 0 && alignof(Overflow) == alignof(SessionRegisters), "");
static_assert(alignof(RareRegisters) <= alignof(SessionRegisters) && alignof(Activity) <= alignof(RareRegisters), "");
static_assert(alignof(Flip) <= alignof(Activity), "");

/// One user, with the first session and up to two activities inside: what most users have. Copying a row shares what
/// lies elsewhere.
class UserRow {
 public:
  static constexpr std::size_t activities_inside = 2;

  UserRow() noexcept = default;
  UserRow(Text id, UserRegisters&& user) : id_(std::move(id)) {
    const Overflow::Shape shape = shape_of(user);
    if (!shape.empty()) overflow_ = Overflow::make(shape);
    fill(std::move(user));
  }
  UserRow(const UserRow& other)
      : id_(other.id_),
        session_(other.session_),
        overflow_(other.overflow_),
        session_count_(other.session_count_),
        count_(other.count_) {
    for (std::size_t i = 0; i < activities_inside; ++i) activities_[i] = other.activities_[i];
    if (overflow_ != nullptr) overflow_->add_owner();
  }
  UserRow(UserRow&& other) noexcept { swap(other); }
  UserRow& operator=(UserRow&& other) noexcept {
    swap(other);
    return *this;
  }
  UserRow& operator=(const UserRow& other) {
    UserRow copy(other);
    swap(copy);
    return *this;
  }
  ~UserRow() {
    if (overflow_ != nullptr) overflow_->drop_owner();
  }

  const Text& id() const noexcept { return id_; }
  std::string_view name() const noexcept { return id_.view(); }
  std::size_t session_count() const noexcept { return session_count_; }

  RegistersView registers() const noexcept {
    RegistersView view;
    view.activities = Span<Activity>{activities_, count_};
    if (overflow_ != nullptr) {
      if (session_count_ != 0) view.sessions = SessionSpan(&session_, {overflow_->sessions(), session_count_ - 1});
      if (count_ == 0) view.activities = Span<Activity>{overflow_->activities(), overflow_->activity_count};
      view.flips = Span<Flip>{overflow_->flips(), overflow_->flip_count};
      if (overflow_->shape().rare) view.rare = overflow_->rare();
    } else if (session_count_ != 0) {
      view.sessions = SessionSpan(&session_, {});
    }
    return view;
  }

  UserRegisters unpacked() const {
    const RegistersView view = registers();
    UserRegisters user;
    if (view.rare != nullptr) static_cast<RareRegisters&>(user) = *view.rare;
    user.sessions.reserve(view.sessions.size());
    for (const SessionRegisters& session : view.sessions) user.sessions.push_back(session);
    user.activities.reserve(view.activities.size());
    for (const Activity& activity : view.activities) user.activities.push_back(activity);
    user.flips.reserve(view.flips.size());
    for (const Flip& flip : view.flips) user.flips.push_back(flip);
    return user;
  }

  /// Whether `user` could be put in place of what is kept without asking for memory.
  bool has_room_for(const UserRegisters& user) const noexcept {
    const Overflow::Shape shape = shape_of(user);
    return shape.empty() || (overflow_ != nullptr && overflow_->only_owner() && overflow_->shape().has_room_for(shape));
  }
  /// Where there is room for it.
  void replace(UserRegisters&& user) noexcept {
    if (overflow_ != nullptr && shape_of(user).empty()) {
      overflow_->drop_owner();
      overflow_ = nullptr;
    }
    fill(std::move(user));
  }

  /// The session and the rare registers, if there are any and they may be changed where they are.
  SessionRegisters* own_session(const Sought& id) noexcept {
    if (id.is(session_.id)) return &session_;
    if (overflow_ == nullptr || !overflow_->only_owner()) return nullptr;
    for (std::uint32_t i = 0; i + 1 < session_count_; ++i) {
      if (id.is(overflow_->sessions()[i].id)) return overflow_->sessions() + i;
    }
    return nullptr;
  }
  RareRegisters* own_rare() noexcept {
    return overflow_ != nullptr && overflow_->shape().rare && overflow_->only_owner() ? overflow_->rare() : nullptr;
  }

  /// Where more is kept that a change may need; null: nowhere.
  const void* elsewhere() const noexcept { return overflow_; }

  /// The activity of the greatest value; null where there is none.
  const Activity* latest_activity() const noexcept {
    if (count_ != 0) return activities_ + (count_ - 1);
    if (overflow_ == nullptr || overflow_->activity_count == 0) return nullptr;
    return overflow_->activities() + (overflow_->activity_count - 1);
  }
  /// Adds one of a greater value than all others on later evidence, if there is room where it may be changed, for no
  /// more than `most` in all. In a row without flips what is on evidence before the window makes room, but for the
  /// greatest of it.
  bool add_activity(const Activity& latest, Timestamp window, std::size_t most) noexcept {
    const RegistersView user = registers();
    const std::size_t dropped = user.flips.empty() ? forgettable(user.activities, window) : 0;
    const Span<Activity> kept{user.activities.data() + dropped, user.activities.size() - dropped};
    if (kept.size() >= most) return false;
    if (kept.size() < activities_inside) {
      put(kept, latest, activities_);
      count_ = static_cast<std::uint8_t>(kept.size() + 1);
      if (overflow_ != nullptr && overflow_->only_owner()) overflow_->activity_count = 0;
      return true;
    }
    if (overflow_ == nullptr || !overflow_->only_owner() || overflow_->shape().activities <= kept.size()) return false;
    put(kept, latest, overflow_->activities());
    overflow_->activity_count = static_cast<std::uint32_t>(kept.size() + 1);
    count_ = 0;
    return true;
  }

  /// Whether the same is kept of a user with the same id, as it is.
  bool keeps_same_as(const UserRow& other) const noexcept {
    if (overflow_ != other.overflow_) return same_registers(registers(), other.registers());
    return count_ == other.count_ && session_ == other.session_ &&
           same_elements(Span<Activity>{activities_, count_}, Span<Activity>{other.activities_, other.count_});
  }

 private:
  /// How many of the first activities nothing depends on any more in a row without flips: those on evidence before the
  /// window, but for the greatest of them.
  static std::size_t forgettable(Span<Activity> activities, Timestamp window) noexcept {
    std::size_t old = 0;
    while (old < activities.size() && activities[old].evidence < window) ++old;
    return old < 2 ? 0 : old - 1;
  }
  /// The same ones and one more; where they go may be before where they are.
  static void put(Span<Activity> kept, const Activity& latest, Activity* to) noexcept {
    for (std::size_t i = 0; i < kept.size(); ++i) to[i] = kept[i];
    to[kept.size()] = latest;
  }

  static Overflow::Shape shape_of(const UserRegisters& user) noexcept {
    Overflow::Shape shape;
    if (user.sessions.size() > 1) shape.sessions = static_cast<std::uint32_t>(user.sessions.size() - 1);
    shape.flips = static_cast<std::uint32_t>(user.flips.size());
    // Beside flips fewer activities can be forgotten, so that there are soon more than two.
    const auto activities = static_cast<std::uint32_t>(user.activities.size());
    if (activities > activities_inside || shape.flips != 0) shape.activities = activities / 4 * 4 + 4;
    shape.rare = !user.nothing();
    return shape;
  }

  void fill(UserRegisters&& user) noexcept {
    session_ = user.sessions.empty() ? SessionRegisters() : std::move(user.sessions[0]);
    session_count_ = static_cast<std::uint32_t>(user.sessions.size());
    const bool inside = user.activities.size() <= activities_inside;
    count_ = static_cast<std::uint8_t>(inside ? user.activities.size() : 0);
    for (std::size_t i = 0; i < count_; ++i) activities_[i] = user.activities[i];
    if (overflow_ == nullptr) return;
    Overflow& more = *overflow_;
    for (std::uint32_t i = 0; i < more.shape().sessions; ++i) {
      more.sessions()[i] = i + 1 < user.sessions.size() ? std::move(user.sessions[i + 1]) : SessionRegisters();
    }
    more.activity_count = static_cast<std::uint32_t>(inside ? 0 : user.activities.size());
    for (std::size_t i = 0; i < more.activity_count; ++i) more.activities()[i] = user.activities[i];
    more.flip_count = static_cast<std::uint32_t>(user.flips.size());
    for (std::size_t i = 0; i < more.flip_count; ++i) more.flips()[i] = user.flips[i];
    if (!user.nothing()) *more.rare() = std::move(static_cast<RareRegisters&>(user));
  }

  void swap(UserRow& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(session_, other.session_);
    for (std::size_t i = 0; i < activities_inside; ++i) std::swap(activities_[i], other.activities_[i]);
    std::swap(overflow_, other.overflow_);
    std::swap(session_count_, other.session_count_);
    std::swap(count_, other.count_);
  }

  Text id_;
  SessionRegisters session_;  // the first, if there is one
  Activity activities_[activities_inside];
  Overflow* overflow_ = nullptr;
  std::uint32_t session_count_ = 0;
  std::uint8_t count_ = 0;  // of the activities inside
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_DETAIL_USER_ROW_HPP
