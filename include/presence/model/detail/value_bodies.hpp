// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_DETAIL_VALUE_BODIES_HPP
#define PRESENCE_MODEL_DETAIL_VALUE_BODIES_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/compact_text.hpp>
#include <presence/base/detail/compact_vector.hpp>
#include <presence/base/time.hpp>
#include <presence/model/value.hpp>

#include <cstddef>           // for size_t
#include <cstdint>           // for uint8_t
#include <initializer_list>  // for initializer_list
#include <string_view>       // for string_view
#include <utility>           // for move, swap
#include <vector>            // for vector

namespace presence {
inline namespace PRESENCE_ABI {

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Value::set_text(std::string_view text) {
  content_.text = detail::CompactText(text).release();
  kind_ = ValueKind::string;
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY Value::Value(const Value& other) : Value() {
  if (other.kind_ == ValueKind::string) {
    set_text(detail::CompactText::text_of(other.content_.text));
  } else if (other.kind_ == ValueKind::array) {
    detail::CompactVector<Value> copy;
    copy.reserve(other.elements().size());
    for (const Value& element : other.elements()) copy.push_back(element);
    set_elements(std::move(copy), other.levels_);
  } else if (other.kind_ == ValueKind::object) {
    detail::CompactVector<ValueMember> copy;
    copy.reserve(other.members().size());
    for (const ValueMember& member : other.members()) copy.push_back(member);
    set_members(std::move(copy), other.levels_);
  } else {
    kind_ = other.kind_;
    content_ = other.content_;
  }
}
PRESENCE_DETAIL_BODY Value& Value::operator=(const Value& other) {
  Value copy(other);
  swap(copy);
  return *this;
}
PRESENCE_DETAIL_BODY Value& Value::operator=(Value&& other) noexcept {
  Value taken(std::move(other));
  swap(taken);
  return *this;
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Value::free_memory() noexcept {
  if (kind_ == ValueKind::string) {
    detail::CompactText::adopt(content_.text);
  } else if (kind_ == ValueKind::array) {
    detail::CompactVector<Value>::adopt(content_.elements);
  } else if (kind_ == ValueKind::object) {
    detail::CompactVector<ValueMember>::adopt(content_.members);
  }
}
PRESENCE_DETAIL_BODY void Value::set_elements(detail::CompactVector<Value> elements, unsigned levels) noexcept {
  content_.elements = elements.release();
  kind_ = ValueKind::array;
  levels_ = static_cast<std::uint8_t>(levels);
}
PRESENCE_DETAIL_BODY void Value::set_members(detail::CompactVector<ValueMember> members, unsigned levels) noexcept {
  content_.members = members.release();
  kind_ = ValueKind::object;
  levels_ = static_cast<std::uint8_t>(levels);
}
PRESENCE_DETAIL_BODY void Value::swap(Value& other) noexcept {
  std::swap(kind_, other.kind_);
  std::swap(levels_, other.levels_);
  std::swap(content_, other.content_);
}
PRESENCE_DETAIL_BODY std::vector<Value> Value::elements() const&& { return elements(); }
PRESENCE_DETAIL_BODY std::vector<ValueMember> Value::members() const&& { return members(); }

PRESENCE_DETAIL_BODY ValueMember::ValueMember(const ValueMember& other) : ValueMember(other.name(), other.value()) {}
PRESENCE_DETAIL_BODY ValueMember::ValueMember(ValueMember&& other) noexcept : Value(), size_(0) { swap(other); }
PRESENCE_DETAIL_BODY ValueMember& ValueMember::operator=(const ValueMember& other) {
  ValueMember copy(other);
  swap(copy);
  return *this;
}
PRESENCE_DETAIL_BODY ValueMember& ValueMember::operator=(ValueMember&& other) noexcept {
  ValueMember taken(std::move(other));
  swap(taken);
  return *this;
}
PRESENCE_DETAIL_BODY ValueMember::~ValueMember() {
  if (size_ == is_outside) detail::CompactText::adopt(name_.outside);
}
PRESENCE_DETAIL_BODY void ValueMember::swap(ValueMember& other) noexcept {
  std::swap(size_, other.size_);
  std::swap(name_, other.name_);
  std::swap(own_value(), other.own_value());
}

namespace detail {

PRESENCE_DETAIL_BODY CompactVector<ValueMember> take_members(Value& value) noexcept {
  if (value.kind_ != ValueKind::object) return {};
  CompactVector<ValueMember> members = CompactVector<ValueMember>::adopt(value.content_.members);
  value.kind_ = ValueKind::null;
  value.levels_ = 0;
  value.content_.number = 0;
  return members;
}

PRESENCE_DETAIL_BODY const ValueMember* find_member(const Elements<ValueMember>& members,
                                                    std::string_view name) noexcept {
  const ValueMember* const place = detail::partition_point(
      members.begin(), members.end(), [name](const ValueMember& member) { return member.name() < name; });
  return place != members.end() && place->name() == name ? place : nullptr;
}

PRESENCE_DETAIL_BODY ArrayMaker::ArrayMaker(std::size_t expected) { elements_.reserve(expected); }
PRESENCE_DETAIL_BODY ArrayMaker::~ArrayMaker() = default;
PRESENCE_DETAIL_BODY void ArrayMaker::add(Value element) {
  if (element.kind() == ValueKind::array || element.kind() == ValueKind::invalid ||
      levels_of(element) == Value::deepest) {
    is_invalid_ = true;
    elements_.clear();
  }
  if (is_invalid_) return;
  levels_ = greater_of(levels_, levels_of(element) + 1);
  elements_.push_back(std::move(element));
}
PRESENCE_DETAIL_BODY Value ArrayMaker::take() noexcept {
  Value array;
  if (is_invalid_) {
    array.set_invalid();
  } else {
    array.set_elements(std::move(elements_), levels_);
  }
  return array;
}

PRESENCE_DETAIL_BODY ObjectMaker::ObjectMaker(std::size_t expected) { members_.reserve(expected); }
PRESENCE_DETAIL_BODY void ObjectMaker::add(std::string_view name, Value value) {
  if (value.kind() == ValueKind::invalid || levels_of(value) == Value::deepest) {
    is_invalid_ = true;
    members_.clear();
  }
  if (is_invalid_) return;
  levels_ = greater_of(levels_, levels_of(value) + 1);
  is_sorted_ = is_sorted_ && (members_.empty() || members_[members_.size() - 1].name() < name);
  members_.push_back(ValueMember(name, std::move(value)));
}
PRESENCE_DETAIL_BODY bool ObjectMaker::has_repeated() {
  sort();
  for (std::size_t i = 1; i < members_.size(); ++i) {
    if (members_[i].name() == members_[i - 1].name()) return true;
  }
  return false;
}
PRESENCE_DETAIL_BODY void ObjectMaker::drop_repeated() {
  if (has_repeated()) drop_those_repeated();
}
PRESENCE_DETAIL_BODY Value ObjectMaker::take() {
  sort();
  Value object;
  if (is_invalid_) {
    object.set_invalid();
  } else {
    object.set_members(std::move(members_), levels_);
  }
  return object;
}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void ObjectMaker::drop_those_repeated() {
  std::size_t kept = 0;
  for (std::size_t i = 0, next = 0; i < members_.size(); i = next) {
    for (next = i + 1; next < members_.size() && members_[next].name() == members_[i].name();) ++next;
    if (next - i > 1) continue;
    if (kept != i) members_[kept] = std::move(members_[i]);
    ++kept;
  }
  members_.truncate(kept);
  levels_ = 1;
  for (const ValueMember& member : members_) levels_ = greater_of(levels_, levels_of(member.value()) + 1);
}
PRESENCE_DETAIL_BODY void ObjectMaker::sort() {
  if (!is_sorted_) sort_unsorted();
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void ObjectMaker::sort_unsorted() {
  detail::sort(members_.begin(), members_.size(),
               [](const ValueMember& a, const ValueMember& b) { return a.name() < b.name(); });
  is_sorted_ = true;
}

}  // namespace detail

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY Value::Value(const ValueView& view) : Value() {
  switch (view.kind()) {
    case ValueKind::boolean: *this = Value(view.truth()); break;
    case ValueKind::integer: *this = Value(view.integer()); break;
    case ValueKind::real: *this = Value(view.real()); break;
    case ValueKind::string: set_text(view.text()); break;
    case ValueKind::timestamp: *this = Value(view.instant()); break;
    case ValueKind::array: {
      detail::ArrayMaker maker(view.size());
      for (std::size_t i = 0; i < view.size(); ++i) maker.add(Value(view[i]));
      *this = maker.take();
      break;
    }
    case ValueKind::object: {
      detail::ObjectMaker maker(view.members().size());
      for (const ValueMember& member : view.members()) maker.add(member.name(), member.value());
      *this = maker.take();
      break;
    }
    case ValueKind::invalid: set_invalid(); break;
    case ValueKind::absent:
    case ValueKind::null: break;
  }
}

PRESENCE_DETAIL_BODY Value Value::array(std::initializer_list<Value> elements) {
  return array<std::initializer_list<Value>>(elements);
}
PRESENCE_DETAIL_BODY Value array(std::initializer_list<Value> elements) { return Value::array(elements); }

PRESENCE_DETAIL_BODY ValueView ValueView::find(std::string_view name) const noexcept {
  const ValueMember* const member = detail::find_member(members(), name);
  return member != nullptr ? ValueView(member->value()) : ValueView();
}
PRESENCE_DETAIL_BODY const Value* Value::find(std::string_view name) const& noexcept {
  const ValueMember* const member = detail::find_member(members(), name);
  return member != nullptr ? &member->value() : nullptr;
}

namespace detail {

PRESENCE_DETAIL_BODY Ordering compare_texts(std::string_view a, std::string_view b) noexcept {
  return ordering_of(a.compare(b), 0);
}

PRESENCE_DETAIL_BODY bool read_moment(const ValueView& value, Moment& moment) noexcept {
  if (value.kind() == ValueKind::string) return read_moment(value.text(), moment);
  if (value.kind() != ValueKind::timestamp) return false;
  moment = moment_of(value.instant());
  return true;
}

/// Compares a string with a timestamp. Unordered if the string is not an RFC 3339 timestamp.
inline Ordering compare_text(std::string_view text, Timestamp at) noexcept {
  Moment moment;
  return read_moment(text, moment) ? ordering_of(moment, moment_of(at)) : Ordering::unordered;
}

/// Compares as points in time if both strings are RFC 3339 timestamps; else compares the bytes. So equality is an
/// equivalence relation: each class is one string, or all strings of one timestamp.
inline Ordering compare_texts_or_moments(std::string_view a, std::string_view b) noexcept {
  Moment first, second;
  if (may_be_moment(b) && read_moment(a, first) && read_moment(b, second)) return ordering_of(first, second);
  return compare_texts(a, b);
}

/// A total order of values as parts of objects. Strings that are timestamps compare as points in time, among themselves
/// and with timestamps. Arrays compare lexicographically. NaN is before all numbers.
inline Ordering compare_parts(const ValueView& a, const ValueView& b) noexcept {
  if (a.kind() == ValueKind::string && b.kind() == ValueKind::string && a.text() == b.text()) return Ordering::equal;
  Moment first, second;
  const bool is_first = read_moment(a, first), is_second = read_moment(b, second);
  if (is_first && is_second) return ordering_of(first, second);
  const auto group_of = [](const ValueView& value, bool is_moment) {
    return is_moment ? ValueKind::timestamp : value.kind() == ValueKind::integer ? ValueKind::real : value.kind();
  };
  const ValueKind group = group_of(a, is_first), other = group_of(b, is_second);
  if (group != other) return ordering_of(group, other);
  switch (group) {
    case ValueKind::boolean: return ordering_of(a.truth(), b.truth());
    case ValueKind::real: {
      const Ordering order = compare_numbers(a, b);
      if (order != Ordering::unordered) return order;
      const auto is_number = [](const ValueView& v) { return v.kind() != ValueKind::real || v.real() <= v.real(); };
      return ordering_of(is_number(a), is_number(b));
    }
    case ValueKind::string: return compare_texts(a.text(), b.text());
    case ValueKind::array:
      for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
        const Ordering order = compare_parts(a[i], b[i]);
        if (order != Ordering::equal) return order;
      }
      return ordering_of(a.size(), b.size());
    case ValueKind::object: return compare_objects(a, b);
    default: return Ordering::equal;
  }
}

PRESENCE_DETAIL_BODY Ordering compare_objects(const ValueView& a, const ValueView& b) noexcept {
  const Elements<ValueMember> first = a.members(), second = b.members();
  for (std::size_t i = 0; i < first.size() && i < second.size(); ++i) {
    Ordering order = compare_texts(first[i].name(), second[i].name());
    if (order == Ordering::equal) order = compare_parts(first[i].value().view(), second[i].value().view());
    if (order != Ordering::equal) return order;
  }
  return ordering_of(first.size(), second.size());
}

PRESENCE_DETAIL_BODY Ordering compare_scalars(const ValueView& a, const ValueView& b) noexcept {
  if (a.is_number() && b.is_number()) return compare_numbers(a, b);
  if (a.is_nothing() && b.is_nothing()) return Ordering::equal;
  if (a.kind() == b.kind()) {
    switch (a.kind()) {
      case ValueKind::string: return compare_texts_or_moments(a.text(), b.text());
      case ValueKind::timestamp: return ordering_of(a.instant(), b.instant());
      case ValueKind::boolean: return ordering_of(a.truth(), b.truth());
      case ValueKind::object: return compare_objects(a, b) == Ordering::equal ? Ordering::equal : Ordering::unordered;
      default: return Ordering::unordered;
    }
  }
  if (a.kind() == ValueKind::string && b.kind() == ValueKind::timestamp) return compare_text(a.text(), b.instant());
  if (a.kind() == ValueKind::timestamp && b.kind() == ValueKind::string)
    return reversed(compare_text(b.text(), a.instant()));
  return Ordering::unordered;
}

}  // namespace detail

PRESENCE_DETAIL_BODY bool operator==(const Value& a, const Value& b) noexcept {
  if (a.view().is_number() && b.view().is_number())
    return detail::compare_numbers(a.view(), b.view()) == detail::Ordering::equal;
  if (a.kind_ != b.kind_) return false;
  switch (a.kind_) {
    case ValueKind::string: return a.view().text() == b.view().text();
    case ValueKind::array: return a.elements() == b.elements();
    case ValueKind::object: return a.members() == b.members();
    case ValueKind::boolean:
    case ValueKind::timestamp: return a.content_.number == b.content_.number;
    default: return true;
  }
}

namespace detail {

PRESENCE_DETAIL_BODY bool same_values(const ValueView& a, const ValueView& b) noexcept {
  if (a.is_number() && b.is_number()) return compare_numbers(a, b) == Ordering::equal;
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case ValueKind::string: return a.text() == b.text();
    case ValueKind::boolean: return a.truth() == b.truth();
    case ValueKind::timestamp: return a.instant() == b.instant();
    case ValueKind::object: return a.members() == b.members();
    case ValueKind::array:
      if (a.size() != b.size()) return false;
      for (std::size_t i = 0; i < a.size(); ++i) {
        if (!same_values(a[i], b[i])) return false;
      }
      return true;
    default: return true;
  }
}

}  // namespace detail

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_MODEL_DETAIL_VALUE_BODIES_HPP
