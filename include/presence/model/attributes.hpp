// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_ATTRIBUTES_HPP
#define PRESENCE_MODEL_ATTRIBUTES_HPP

#include <presence/base/detail/compact_vector.hpp>
#include <presence/model/value.hpp>

#include <cstddef>      // for size_t, ptrdiff_t
#include <string>       // for string
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {

/// An ordered map of host-defined fields: from names to Values, sorted by name. As in a std::map, a reference
/// or pointer to a value is valid until that field is erased, or the whole map is assigned to or destroyed. Inserting
/// or erasing other fields does not invalidate it.
///
/// @code
/// Attributes fields;
/// fields["created_at"] = "2019-01-07T13:17:42.375Z";
/// fields["updated_at"] = fields["created_at"];
/// assert(*fields.find("updated_at") == *fields.find("created_at"));
/// @endcode
class Attributes {
 public:
  /// One field: a name and its value.
  struct Entry {
    std::string name;  ///< unique in the map
    Value value;       ///< may be null; null is not the same as absent

    /// Returns true if the names and the values are equal.
    friend bool operator==(const Entry& a, const Entry& b) noexcept { return a.name == b.name && a.value == b.value; }
    friend bool operator!=(const Entry& a, const Entry& b) noexcept { return !(a == b); }
  };

 private:
  // Each field has its own allocation and never moves. Pointers to the fields are sorted by name and split into short
  // runs. So an insertion or removal moves few pointers, in any order of insertion.
  using Run = detail::CompactVector<Entry*>;
  using Runs = detail::CompactVector<Run>;
  static constexpr std::size_t longest_run = 128;

 public:
  /// Iterates over the fields in order of their names. Valid until a field is inserted or erased.
  class const_iterator {
   public:
    /// @{
    /// As for a standard random access iterator, but an Entry cannot be modified. An advance by n is O(n / 128).
    using iterator_category = std::random_access_iterator_tag;
    using value_type = Entry;
    using difference_type = std::ptrdiff_t;
    using pointer = const Entry*;
    using reference = const Entry&;

    const_iterator() noexcept = default;
    reference operator*() const noexcept { return *(*runs_)[run_][at_]; }
    pointer operator->() const noexcept { return &**this; }
    reference operator[](difference_type n) const noexcept { return *(*this + n); }
    const_iterator& operator++() noexcept {
      if (++at_ == (*runs_)[run_].size()) {
        at_ = 0;
        ++run_;
      }
      return *this;
    }
    const_iterator& operator--() noexcept {
      if (at_ == 0) at_ = (*runs_)[--run_].size();
      --at_;
      return *this;
    }
    const_iterator operator++(int) noexcept {
      const const_iterator before = *this;
      ++*this;
      return before;
    }
    const_iterator operator--(int) noexcept {
      const const_iterator before = *this;
      --*this;
      return before;
    }
    const_iterator& operator+=(difference_type n) noexcept;
    const_iterator& operator-=(difference_type n) noexcept { return *this += -n; }
    friend const_iterator operator+(const_iterator a, difference_type n) noexcept { return a += n; }
    friend const_iterator operator+(difference_type n, const_iterator a) noexcept { return a += n; }
    friend const_iterator operator-(const_iterator a, difference_type n) noexcept { return a -= n; }
    friend difference_type operator-(const_iterator a, const_iterator b) noexcept {
      if (a < b) return -(b - a);
      difference_type distance = static_cast<difference_type>(a.at_) - static_cast<difference_type>(b.at_);
      for (; b.run_ < a.run_; ++b.run_) distance += b.length(b.run_);
      return distance;
    }
    friend bool operator==(const_iterator a, const_iterator b) noexcept { return a.run_ == b.run_ && a.at_ == b.at_; }
    friend bool operator!=(const_iterator a, const_iterator b) noexcept { return !(a == b); }
    friend bool operator<(const_iterator a, const_iterator b) noexcept {
      return a.run_ != b.run_ ? a.run_ < b.run_ : a.at_ < b.at_;
    }
    friend bool operator>(const_iterator a, const_iterator b) noexcept { return b < a; }
    friend bool operator<=(const_iterator a, const_iterator b) noexcept { return !(b < a); }
    friend bool operator>=(const_iterator a, const_iterator b) noexcept { return !(a < b); }
    /// @}

   private:
    friend class Attributes;
    const_iterator(const Runs& runs, std::size_t run, std::size_t at) noexcept : runs_(&runs), run_(run), at_(at) {}
    difference_type length(std::size_t run) const noexcept {
      return static_cast<difference_type>((*runs_)[run].size());
    }

    const Runs* runs_ = nullptr;
    std::size_t run_ = 0, at_ = 0;
  };
  /// @{
  /// As for a standard container.
  using iterator = const_iterator;
  using value_type = Entry;
  /// @}

  Attributes() noexcept = default;
  /// @{
  /// A copy is deep. A moved-from map is empty.
  Attributes(const Attributes& other);
  Attributes(Attributes&& other) noexcept;
  Attributes& operator=(const Attributes& other);
  Attributes& operator=(Attributes&& other) noexcept;
  /// @}
  ~Attributes();

  /// Returns a reference to the value of the field. Inserts the field with a null value if it is absent. O(log fields).
  Value& operator[](std::string_view name);
  /// Returns a pointer to the value of the field, or a null pointer if it is absent. O(log fields).
  const Value* find(std::string_view name) const noexcept;
  /// Erases the field. Returns true if it existed. O(log fields).
  bool erase(std::string_view name);
  /// @{
  /// All fields, in order of their names. Names compare as bytes.
  const_iterator begin() const noexcept { return const_iterator(runs_, 0, 0); }
  const_iterator end() const noexcept { return const_iterator(runs_, runs_.size(), 0); }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  /// @}

  /// Returns true if both have the same names with equal values.
  friend bool operator==(const Attributes& a, const Attributes& b) noexcept { return are_equal(a, b); }
  friend bool operator!=(const Attributes& a, const Attributes& b) noexcept { return !(a == b); }

 private:
  friend class Value;

  static bool are_equal(const Attributes& a, const Attributes& b) noexcept;

  /// Returns the position of the field, or of the first field that is ordered after it.
  const_iterator place_of(std::string_view name) const noexcept;
  bool has(const_iterator place, std::string_view name) const noexcept { return place != end() && place->name == name; }

  Entry& insert(const_iterator place, Entry entry);
  /// Adds a run if there is no run or the run is full, so that an entry fits at the position. An append does not split
  /// a full run, so names that are inserted in ascending order fill their runs.
  void make_room(std::size_t& run, std::size_t& at);
  void destroy_entries() noexcept;
  void swap(Attributes& other) noexcept;

  Runs runs_;  // no run is empty
  std::size_t size_ = 0;
};

/// A borrowed view of the fields of an Attributes, or of what a Snapshot stores like them. Valid until their owner is
/// modified or destroyed. Ordered by name, as bytes.
///
/// @code
/// Attributes match;
/// match["map"] = "harbour";
/// match["players"] = 2;
/// const AttributesView view = match;
/// assert(view.size() == 2 && view[0].name == "map" && view.find("players").integer() == 2);
/// assert(view.find("mode").is_absent());
/// @endcode
class AttributesView {
 public:
  /// One field: its name and its value, both borrowed.
  struct Entry {
    std::string_view name;  ///< unique in the view
    ValueView value;        ///< never absent
  };

  /// Iterates over the fields in order of their names. Valid as long as the view's source.
  class const_iterator {
   public:
    /// @{
    /// As for a standard forward iterator, but each Entry is a temporary.
    using iterator_category = std::input_iterator_tag;
    using value_type = Entry;
    using difference_type = std::ptrdiff_t;
    using pointer = const Entry*;
    using reference = Entry;

    const_iterator() noexcept = default;
    Entry operator*() const noexcept { return entry(); }
    const_iterator& operator++() noexcept {
      if (member_ != nullptr) {
        ++member_;
      } else {
        ++field_;
      }
      return *this;
    }
    const_iterator operator++(int) noexcept {
      const const_iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const const_iterator& a, const const_iterator& b) noexcept {
      return a.member_ == b.member_ && (a.member_ != nullptr || a.field_ == b.field_);
    }
    friend bool operator!=(const const_iterator& a, const const_iterator& b) noexcept { return !(a == b); }
    /// @}

   private:
    friend class AttributesView;

    explicit const_iterator(const ValueMember* member) noexcept : member_(member) {}
    explicit const_iterator(Attributes::const_iterator field) noexcept : field_(field) {}
    Entry entry() const noexcept {
      if (member_ != nullptr) return {member_->name(), member_->value().view()};
      return {field_->name, field_->value.view()};
    }

    const ValueMember* member_ = nullptr;
    Attributes::const_iterator field_;
  };

  constexpr AttributesView() noexcept = default;  ///< no fields
  /// @{
  /// A view of the fields, which must outlive it. A temporary does not compile.
  AttributesView(const Attributes& fields) noexcept : fields_(fields.empty() ? nullptr : &fields) {}
  AttributesView(const Attributes&&) = delete;
  /// @}
  /// A view of the members of an object.
  AttributesView(Elements<ValueMember> members) noexcept : members_(members) {}

  /// Returns the number of fields. O(1).
  std::size_t size() const noexcept { return fields_ != nullptr ? fields_->size() : members_.size(); }
  bool empty() const noexcept { return size() == 0; }  ///< O(1)
  /// Returns the value of the field with that name, absent if there is none. O(log fields).
  ValueView find(std::string_view name) const noexcept;
  /// Returns a field by its place in the order of names. Precondition: `i` is less than the size; see PRESENCE_ASSERT.
  Entry operator[](std::size_t i) const noexcept;
  /// @{
  /// All fields, in order of their names.
  const_iterator begin() const noexcept {
    return fields_ != nullptr ? const_iterator(fields_->begin()) : const_iterator(members_.begin());
  }
  const_iterator end() const noexcept {
    return fields_ != nullptr ? const_iterator(fields_->end()) : const_iterator(members_.end());
  }
  /// @}

  /// Returns a copy that owns its fields. O(fields).
  operator Attributes() const;

  /// @{
  /// Returns true if both have the same names with equal values.
  friend bool operator==(const AttributesView& a, const AttributesView& b) noexcept { return are_equal(a, b); }
  friend bool operator!=(const AttributesView& a, const AttributesView& b) noexcept { return !(a == b); }
  /// @}

 private:
  static bool are_equal(const AttributesView& a, const AttributesView& b) noexcept;
  void copy_to(Attributes& copy) const;

  const Attributes* fields_ = nullptr;  // if it is null, the members
  Elements<ValueMember> members_;
};

/// The former name of Attributes.
using CustomFields = Attributes;

namespace detail {

/// Returns what a dotted name finds inside a value: the member whose name is the whole name, or else what the rest of
/// the name after its first dot finds inside the member that the part before it names. Absent if there is none, or if
/// the pointer is null. Linear in the size of the name, up to the levels of the objects and logarithms of their sizes.
ValueView find_inside(const Value* outer, std::string_view name) noexcept;

}  // namespace detail

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/model/detail/attributes_bodies.hpp>
#endif

#endif  // PRESENCE_MODEL_ATTRIBUTES_HPP
