// SPDX-License-Identifier: MIT
#ifndef PRESENCE_REGISTERS_DETAIL_DATA_HPP
#define PRESENCE_REGISTERS_DETAIL_DATA_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/compact_vector.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/base/detail/shared_string.hpp>
#include <presence/base/time.hpp>
#include <presence/model/attributes.hpp>
#include <presence/model/detail/canonical_json.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/value.hpp>
#include <presence/registers/detail/absent.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint32_t
#include <string_view>  // for string_view
#include <utility>      // for move, swap

/// The data of a user: one register per name.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The data of a user. Rows of different snapshots share it, so it never changes.
struct UserData {
  OwnerCount owners;
  CompactVector<ValueMember> members;  // the names that have a value, ascending
  CompactVector<Timestamp> dates;      // when each of them was set
  struct Cleared {
    SharedString name;
    Timestamp at;

    friend bool operator==(const Cleared& a, const Cleared& b) noexcept { return a.name == b.name && a.at == b.at; }
  };
  CompactVector<Cleared> cleared;  // names that were removed, ascending
  Timestamp since = absent;        // of the latest full report: what was set before it is gone

  UserData() noexcept = default;
  UserData(const UserData& other)
      : members(other.members), dates(other.dates), cleared(other.cleared), since(other.since) {}
  UserData& operator=(const UserData&) = delete;

  bool nothing() const noexcept { return members.empty() && cleared.empty() && since == absent; }
  Elements<ValueMember> view() const noexcept { return {members.begin(), members.size()}; }
  /// Returns the latest date in it, or `absent`.
  Timestamp latest() const noexcept {
    Timestamp latest = later(since, latest_set());
    for (const Cleared& one : cleared) latest = later(latest, one.at);
    return latest;
  }
  /// Returns the latest date of a name that has a value, or `absent`.
  Timestamp latest_set() const noexcept {
    Timestamp latest = absent;
    for (const Timestamp at : dates) latest = later(latest, at);
    return latest;
  }
  /// Returns the size of its memory, about.
  std::size_t memory() const noexcept {
    return sizeof(UserData) + members.size() * (sizeof(ValueMember) + sizeof(Timestamp)) +
           cleared.size() * sizeof(Cleared) + bytes();
  }
  std::size_t names() const noexcept { return members.size() + cleared.size(); }
  std::size_t bytes() const noexcept {
    std::size_t sum = 0;
    for (const ValueMember& member : members)
      sum += json_bytes_of_name(member.name()) + json_bytes(member.value().view());
    for (const Cleared& one : cleared) sum += json_bytes_of_name(one.name.view());
    return sum;
  }

  friend bool operator==(const UserData& a, const UserData& b) noexcept {
    if (a.since != b.since || a.members.size() != b.members.size() || a.cleared.size() != b.cleared.size())
      return false;
    for (std::size_t i = 0; i < a.members.size(); ++i) {
      const ValueMember &one = a.members[i], &other = b.members[i];
      if (a.dates[i] != b.dates[i] || one.name() != other.name() ||
          !same_json(one.value().view(), other.value().view()))
        return false;
    }
    for (std::size_t i = 0; i < a.cleared.size(); ++i) {
      if (!(a.cleared[i] == b.cleared[i])) return false;
    }
    return true;
  }
};

/// A pointer to the data of a user, which may be null. Compares what it points to.
class UserDataPointer {
 public:
  UserDataPointer() noexcept = default;
  explicit UserDataPointer(Shared<UserData> data) noexcept : data_(std::move(data)) {}

  explicit operator bool() const noexcept { return static_cast<bool>(data_); }
  const UserData* get() const noexcept { return data_.get(); }
  const UserData* operator->() const noexcept { return data_.get(); }
  const UserData& operator*() const noexcept { return *data_; }
  Elements<ValueMember> view() const noexcept { return data_ ? data_->view() : Elements<ValueMember>(); }
  Timestamp latest() const noexcept { return data_ ? data_->latest() : absent; }

  friend bool operator==(const UserDataPointer& a, const UserDataPointer& b) noexcept {
    if (a.data_ == b.data_) return true;
    return a.data_ && b.data_ && *a.data_ == *b.data_;
  }

 private:
  Shared<UserData> data_;
};

/// Builds the data of a user from entries that are added in ascending order of their names.
class UserDataMaker {
 public:
  /// `value` is a null pointer if the name is removed.
  void add(std::string_view name, Timestamp at, const Value* value) {
    add(name, at, value == nullptr ? Value() : *value);
  }
  /// `value` is null if the name is removed.
  void add(std::string_view name, Timestamp at, Value value) {
    if (value.kind() == ValueKind::null) {
      made_.cleared.push_back({SharedString(name), at});
    } else {
      made_.members.push_back(ValueMember(name, std::move(value)));
      made_.dates.push_back(at);
    }
  }
  void set_since(Timestamp since) noexcept { made_.since = since; }
  /// Returns a null pointer if there is nothing.
  UserDataPointer take() {
    if (made_.nothing()) return UserDataPointer();
    return UserDataPointer(Shared<UserData>::make(made_));
  }

 private:
  UserData made_;
};

/// Visits the entries of the data in ascending order of their names: `visit(name, at, value)`, with a null pointer for
/// a removed name.
template <class Visit>
void each_entry(const UserData& data, Visit visit) {
  std::size_t i = 0, j = 0;
  while (i < data.members.size() || j < data.cleared.size()) {
    const bool is_cleared =
        i == data.members.size() || (j < data.cleared.size() && data.cleared[j].name.view() < data.members[i].name());
    if (is_cleared) {
      visit(data.cleared[j].name.view(), data.cleared[j].at, static_cast<const Value*>(nullptr));
      ++j;
    } else {
      visit(data.members[i].name(), data.dates[i], &data.members[i].value());
      ++i;
    }
  }
}

/// One entry of the data of a user, borrowed.
struct DataEntry {
  std::string_view name;
  Timestamp at;
  const Value* value;  // null: removed

  /// Returns whether it wins over another one of the same name: the later one, of two with the same timestamp the one
  /// with the greater JSON. A removed name loses.
  bool wins_over(const DataEntry& other) const {
    if (at != other.at) return at > other.at;
    if (value == nullptr || other.value == nullptr) return value != nullptr;
    return is_less_json(other.value->view(), value->view());
  }
};
inline Vector<DataEntry> entries_of(const UserDataPointer& data) {
  Vector<DataEntry> entries;
  if (!data) return entries;
  entries.reserve(data->names());
  each_entry(*data, [&entries](std::string_view name, Timestamp at, const Value* value) {
    entries.push_back({name, at, value});
  });
  return entries;
}

/// Joins by union; of each name, the winner remains. The later full report remains.
inline UserDataPointer joined(const UserDataPointer& a, const UserDataPointer& b) {
  if (!b || a.get() == b.get()) return a;
  if (!a) return b;
  const Vector<DataEntry> ours = entries_of(a), theirs = entries_of(b);
  UserDataMaker maker;
  maker.set_since(later(a->since, b->since));
  const auto add = [&maker](const DataEntry& entry) { maker.add(entry.name, entry.at, entry.value); };
  std::size_t i = 0, j = 0;
  while (i < ours.size() || j < theirs.size()) {
    if (j == theirs.size() || (i < ours.size() && ours[i].name < theirs[j].name)) {
      add(ours[i++]);
    } else if (i == ours.size() || theirs[j].name < ours[i].name) {
      add(theirs[j++]);
    } else {
      add(theirs[j].wins_over(ours[i]) ? theirs[j] : ours[i]);
      ++i;
      ++j;
    }
  }
  return maker.take();
}

/// Returns the data without what a removal or a full report removes, and without the removed names and the full report
/// that are older than the window.
inline UserDataPointer normal_data(const UserDataPointer& data, Timestamp removed, Timestamp window) {
  if (!data) return data;
  const Timestamp since = data->since <= removed ? absent : data->since;
  const auto is_gone = [&](Timestamp at, bool has_value) {
    return at <= removed || at < since || (!has_value && at < window);
  };
  bool changes = since != data->since || (since != absent && since < window);
  for (std::size_t i = 0; i < data->dates.size() && !changes; ++i) changes = is_gone(data->dates[i], true);
  for (std::size_t i = 0; i < data->cleared.size() && !changes; ++i) changes = is_gone(data->cleared[i].at, false);
  if (!changes) return data;
  UserDataMaker maker;
  maker.set_since(since < window ? absent : since);
  each_entry(*data, [&](std::string_view name, Timestamp at, const Value* value) {
    if (!is_gone(at, value != nullptr)) maker.add(name, at, value);
  });
  return maker.take();
}

/// Returns whether the data is larger than the rules allow.
inline bool is_over_limit(const UserDataPointer& data, const Rules& rules) noexcept {
  return data && (data->names() > rules.max_data_names || data->bytes() > rules.max_user_data_bytes);
}
/// Drops the oldest entries until the data is within the limits.
inline UserDataPointer bounded(const UserDataPointer& data, const Rules& rules) {
  if (!is_over_limit(data, rules)) return data;
  Vector<DataEntry> entries = entries_of(data);
  detail::sort(entries,
               [](const DataEntry& a, const DataEntry& b) { return a.at != b.at ? a.at > b.at : a.name < b.name; });
  std::size_t kept = 0, bytes = 0;
  for (const DataEntry& entry : entries) {
    bytes += json_bytes_of_name(entry.name) + (entry.value == nullptr ? 0 : json_bytes(entry.value->view()));
    if (kept == rules.max_data_names || bytes > rules.max_user_data_bytes) break;
    ++kept;
  }
  entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(kept), entries.end());
  detail::sort(entries, [](const DataEntry& a, const DataEntry& b) { return a.name < b.name; });
  UserDataMaker maker;
  maker.set_since(data->since);
  for (const DataEntry& entry : entries) maker.add(entry.name, entry.at, entry.value);
  return maker.take();
}

/// The activity of a session: an object, shared by the rows that have it. Its members are behind it, in the same
/// allocation.
struct alignas(ValueMember) KeptValue {
  OwnerCount owners;
  const std::uint32_t size;  // the number of members

  explicit KeptValue(std::uint32_t members) noexcept : size(members) {}
  ValueMember* members() noexcept { return static_cast<ValueMember*>(static_cast<void*>(this + 1)); }
  static std::size_t bytes_for(std::size_t members) noexcept {
    return sizeof(KeptValue) + members * sizeof(ValueMember);
  }
};
/// A pointer to the activity of a session. Null: none.
class KeptValuePointer {
 public:
  KeptValuePointer() noexcept = default;
  /// Moves the members of an object. Any other value is as an object without members.
  explicit KeptValuePointer(Value object) {
    CompactVector<ValueMember> members = take_members(object);
    if (members.size() > 0xFFFFFFFF) trap();  // limits are 32-bit numbers
    void* const memory = detail::allocate(KeptValue::bytes_for(members.size()), alignof(KeptValue));
    kept_ = detail::construct<KeptValue>(memory, static_cast<std::uint32_t>(members.size()));
    for (std::size_t i = 0; i < members.size(); ++i)
      detail::construct<ValueMember>(kept_->members() + i, std::move(members[i]));
  }
  KeptValuePointer(const KeptValuePointer& other) noexcept : kept_(other.kept_) {
    if (kept_ != nullptr) kept_->owners.add();
  }
  KeptValuePointer(KeptValuePointer&& other) noexcept : kept_(other.kept_) { other.kept_ = nullptr; }
  KeptValuePointer& operator=(KeptValuePointer other) noexcept {
    std::swap(kept_, other.kept_);
    return *this;
  }
  ~KeptValuePointer() {
    if (kept_ != nullptr && kept_->owners.drop_last()) destroy();
  }

  explicit operator bool() const noexcept { return kept_ != nullptr; }
  /// Returns an object, or absent for a null pointer.
  ValueView view() const noexcept { return kept_ != nullptr ? object_view(members()) : ValueView(); }
  Elements<ValueMember> members() const noexcept {
    return kept_ != nullptr ? Elements<ValueMember>(kept_->members(), kept_->size) : Elements<ValueMember>();
  }
  /// Returns the size of its memory, about. It is shared with copies.
  std::size_t memory() const noexcept {
    return kept_ != nullptr ? KeptValue::bytes_for(kept_->size) + json_bytes(view()) : 0;
  }

  friend bool operator==(const KeptValuePointer& a, const KeptValuePointer& b) noexcept {
    return a.kept_ == b.kept_ || (a && b && same_json(a.view(), b.view()));
  }

 private:
  void destroy() noexcept {
    const std::size_t bytes = KeptValue::bytes_for(kept_->size);
    for (std::size_t i = 0; i < kept_->size; ++i) kept_->members()[i].~ValueMember();
    kept_->~KeptValue();
    detail::deallocate(kept_, bytes, alignof(KeptValue));
  }

  KeptValue* kept_ = nullptr;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REGISTERS_DETAIL_DATA_HPP
