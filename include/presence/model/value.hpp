// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_VALUE_HPP
#define PRESENCE_MODEL_VALUE_HPP

#include <presence/base/detail/compact_vector.hpp>
#include <presence/base/time.hpp>

#include <cstddef>           // for ptrdiff_t, size_t, nullptr_t
#include <cstdint>           // for int64_t, uint8_t, uint64_t, INT64_MAX
#include <initializer_list>  // for initializer_list
#include <optional>          // for optional
#include <string>            // for string
#include <string_view>       // for string_view
#include <type_traits>  // for enable_if, is_base_of, is_class, is_convertible, is_floating_point, is_integral, is_same
#include <utility>      // for declval, move, swap
#include <vector>       // for vector

/// The values of fields, and the operands of filters.
namespace presence {
inline namespace PRESENCE_ABI {

/// The type of a value.
enum class ValueKind : std::uint8_t {
  absent,               ///< the object does not have the field; only for a ValueView
  null,                 ///< the field exists, and its value is null
  boolean,              ///< true or false
  integer,              ///< a signed 64-bit integer
  real,                 ///< a double
  string,               ///< a string: any bytes, usually UTF-8
  timestamp,            ///< a Timestamp
  array,                ///< of values that are not arrays
  invalid,              ///< not representable: an unsigned integer above INT64_MAX, an array in an array
  text = string,        ///< the former name of `string`
  instant = timestamp,  ///< the former name of `timestamp`
};

/// Returns the name of the enumerator, such as "integer", or "?" for a number that is none. O(1); the string is a
/// literal.
constexpr std::string_view to_string(ValueKind kind) noexcept {
  switch (kind) {
    case ValueKind::absent: return "absent";
    case ValueKind::null: return "null";
    case ValueKind::boolean: return "boolean";
    case ValueKind::integer: return "integer";
    case ValueKind::real: return "real";
    case ValueKind::string: return "string";
    case ValueKind::timestamp: return "timestamp";
    case ValueKind::array: return "array";
    case ValueKind::invalid: return "invalid";
  }
  return "?";
}

/// The operator of one node of a filter.
enum class Operator : std::uint8_t {
  everything,  ///< matches every object: the filter `{}`
  /// @{
  /// The comparison of the function with the same name (filter.hpp).
  eq,
  ne,
  gt,
  gte,
  lt,
  lte,
  in,
  nin,
  contains,
  exists,
  autocomplete,
  /// @}
  all_of,   ///< `$and`
  any_of,   ///< `$or`
  none_of,  ///< `$nor`
  invalid   ///< wrongly constructed: matches no object
};

/// Returns the name of the enumerator, such as "eq", or "?" for a number that is none. O(1); the string is a literal.
constexpr std::string_view to_string(Operator op) noexcept {
  switch (op) {
    case Operator::everything: return "everything";
    case Operator::eq: return "eq";
    case Operator::ne: return "ne";
    case Operator::gt: return "gt";
    case Operator::gte: return "gte";
    case Operator::lt: return "lt";
    case Operator::lte: return "lte";
    case Operator::in: return "in";
    case Operator::nin: return "nin";
    case Operator::contains: return "contains";
    case Operator::exists: return "exists";
    case Operator::autocomplete: return "autocomplete";
    case Operator::all_of: return "all_of";
    case Operator::any_of: return "any_of";
    case Operator::none_of: return "none_of";
    case Operator::invalid: return "invalid";
  }
  return "?";
}

class Value;
template <class T>
class Elements;

namespace detail {

class ArrayMaker;
std::string_view text_of(const Value& value) noexcept;

template <class T>
inline constexpr bool is_character = std::is_same<T, char>::value || std::is_same<T, wchar_t>::value ||
                                     std::is_same<T, char16_t>::value || std::is_same<T, char32_t>::value;
template <class T>
using EnableIfInteger =
    std::enable_if_t<std::is_integral<T>::value && !std::is_same<T, bool>::value && !is_character<T>, int>;
template <class T>
using EnableIfBool = std::enable_if_t<std::is_same<T, bool>::value, int>;
template <class T>
using EnableIfReal = std::enable_if_t<std::is_floating_point<T>::value, int>;
/// Enables a constructor for classes that convert to a string view. The constructors are templates, so a braced list
/// does not match them: `{"a", "b"}` is never taken as the begin and end iterators of one string.
template <class T>
using EnableIfTextView =
    std::enable_if_t<std::is_class<T>::value && std::is_convertible<const T&, std::string_view>::value, int>;
template <class T>
using EnableIfStringOnly =
    std::enable_if_t<std::is_class<T>::value && !std::is_convertible<const T&, std::string_view>::value &&
                         std::is_convertible<const T&, std::string>::value,
                     int>;

template <class Integer>
constexpr bool fits_int64(Integer integer) noexcept {
  if constexpr (std::is_signed<Integer>::value) {
    static_cast<void>(integer);
    return true;
  } else {
    return static_cast<std::uint64_t>(integer) <= static_cast<std::uint64_t>(INT64_MAX);
  }
}

/// Returns `range.size()`, or zero if the range has no `size()`.
template <class Range>
auto size_known_of(const Range& range, int) -> decltype(static_cast<std::size_t>(range.size())) {
  return static_cast<std::size_t>(range.size());
}
template <class Range>
std::size_t size_known_of(const Range&, long) {
  return 0;
}

}  // namespace detail

/// A borrowed view of a value. Valid until the source of the value is modified or destroyed. Converts from every type
/// that a filter can compare: bool, integers, floating-point numbers, strings, timestamps, optionals of these, and
/// contiguous containers of these.
class ValueView {
 public:
  constexpr ValueView() noexcept = default;  ///< absent
  /// @{
  /// A value of the kind that corresponds to its C++ type. A null pointer is null. An empty optional is absent. An
  /// unsigned integer above INT64_MAX is invalid.
  constexpr ValueView(std::nullptr_t) noexcept : kind_(ValueKind::null) {}
  template <class Truth, detail::EnableIfBool<Truth> = 0>
  constexpr ValueView(Truth truth) noexcept : kind_(ValueKind::boolean), number_(truth ? 1 : 0) {}
  template <class Integer, detail::EnableIfInteger<Integer> = 0>
  constexpr ValueView(Integer integer) noexcept
      : kind_(detail::fits_int64(integer) ? ValueKind::integer : ValueKind::invalid),
        number_(static_cast<std::int64_t>(integer)) {}
  template <class Real, detail::EnableIfReal<Real> = 0>
  constexpr ValueView(Real real) noexcept : kind_(ValueKind::real), real_(static_cast<double>(real)) {}
  constexpr ValueView(Timestamp at) noexcept : kind_(ValueKind::timestamp), number_(at.ns()) {}
  template <class Text, detail::EnableIfTextView<Text> = 0>
  constexpr ValueView(const Text& text) noexcept : kind_(ValueKind::string) {
    const std::string_view characters = text;
    data_ = characters.data();
    size_ = characters.size();
  }
  template <class Text, std::enable_if_t<std::is_base_of<std::string, Text>::value, int> = 0>
  ValueView(const Text&&) = delete;
  constexpr ValueView(const char* text) noexcept {
    if (text == nullptr) {
      kind_ = ValueKind::null;
    } else {
      *this = ValueView(std::string_view(text));
    }
  }
  ValueView(const Value& value) noexcept;
  ValueView(const Value&&) = delete;
  template <class T, std::enable_if_t<std::is_convertible<const T&, ValueView>::value, int> = 0>
  ValueView(const std::optional<T>& value) noexcept {
    if (value) *this = ValueView(*value);
  }
  template <class T>
  ValueView(const std::optional<T>&& value) = delete;
  /// @}
  /// An array of the elements of a contiguous range. An element that is itself an array is invalid.
  template <class Range, class Element = std::remove_reference_t<decltype(*std::declval<const Range&>().data())>,
            std::enable_if_t<std::is_convertible<Element&, ValueView>::value &&
                                 !std::is_convertible<const Range&, std::string_view>::value,
                             int> = 0>
  ValueView(const Range& range) noexcept
      : kind_(ValueKind::array), data_(range.data()), size_(range.size()), element_(&element_of<Element>) {}
  ValueView(Elements<Value> elements) noexcept;  ///< an array of the elements
  template <class Range, class = std::enable_if_t<!std::is_lvalue_reference<Range>::value>,
            class Element = std::remove_reference_t<decltype(*std::declval<const Range&>().data())>,
            std::enable_if_t<std::is_convertible<Element&, ValueView>::value &&
                                 !std::is_convertible<const Range&, std::string_view>::value,
                             int> = 0>
  ValueView(Range&& range) = delete;

  constexpr ValueKind kind() const noexcept { return kind_; }  ///< decides which of the functions below may be called
  /// Returns true if the object does not have the field. Null is not absent.
  constexpr bool is_absent() const noexcept { return kind_ == ValueKind::absent; }
  /// Returns true if there is no value to compare: it is absent or null.
  constexpr bool is_nothing() const noexcept { return kind_ == ValueKind::absent || kind_ == ValueKind::null; }
  /// Returns true for an integer or a real number. These compare with each other.
  constexpr bool is_number() const noexcept { return kind_ == ValueKind::integer || kind_ == ValueKind::real; }

  /// @{
  /// Returns the value. Precondition: it is of that kind. See PRESENCE_ASSERT.
  constexpr bool truth() const noexcept { return of(ValueKind::boolean).number_ != 0; }
  constexpr std::int64_t integer() const noexcept { return of(ValueKind::integer).number_; }
  constexpr double real() const noexcept { return of(ValueKind::real).real_; }
  constexpr Timestamp instant() const noexcept { return Timestamp::from_ns(of(ValueKind::timestamp).number_); }
  std::string_view text() const noexcept {
    return std::string_view(static_cast<const char*>(of(ValueKind::string).data_), size_);
  }
  /// @}
  /// @{
  /// The number of elements of an array, and an element. Preconditions: the value is an array, and the index is less
  /// than its size. See PRESENCE_ASSERT.
  std::size_t size() const noexcept { return of(ValueKind::array).size_; }
  ValueView operator[](std::size_t i) const noexcept {
    PRESENCE_ASSERT(i < size(), "an index of a ValueView beyond its elements");
    return element_(data_, i);
  }
  /// @}

 private:
  template <class Element>
  static ValueView element_of(const void* data, std::size_t i) noexcept {
    ValueView element = static_cast<const Element*>(data)[i];
    if (element.kind_ == ValueKind::array) element.kind_ = ValueKind::invalid;
    return element;
  }
  constexpr const ValueView& of(ValueKind kind) const noexcept {
    PRESENCE_ASSERT(kind_ == kind, "a ValueView is read as a value of another kind");
    return *this;
  }

  ValueKind kind_ = ValueKind::absent;
  union {
    std::int64_t number_ = 0;  // of a bool, an integer, or a timestamp
    double real_;
  };
  const void* data_ = nullptr;
  std::size_t size_ = 0;
  ValueView (*element_)(const void*, std::size_t) noexcept = nullptr;
};

/// A borrowed view of contiguous elements. Valid until the owner of the elements is modified or destroyed. Has the
/// read-only interface of a std::vector, and converts to one by copying the elements.
template <class T>
class Elements {
 public:
  /// @{
  /// As for a standard container; elements cannot be modified.
  using value_type = T;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  using reference = const T&;
  using const_reference = const T&;
  using iterator = const T*;
  using const_iterator = const T*;
  /// @}

  constexpr Elements() noexcept = default;  ///< no elements
  /// A view of `size` elements, starting at `first`.
  constexpr Elements(const T* first, std::size_t size) noexcept : first_(first), size_(size) {}

  /// @{
  /// As for a standard container.
  const T* begin() const noexcept { return first_; }
  const T* end() const noexcept { return first_ + size_; }
  const T* cbegin() const noexcept { return begin(); }
  const T* cend() const noexcept { return end(); }
  const T* data() const noexcept { return first_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  /// @}
  /// @{
  /// Returns an element. Precondition: the index is less than the size. See PRESENCE_ASSERT.
  const T& operator[](std::size_t i) const noexcept {
    PRESENCE_ASSERT(i < size_, "an index beyond the elements");
    return first_[i];
  }
  const T& at(std::size_t i) const noexcept { return (*this)[i]; }
  const T& front() const noexcept { return (*this)[0]; }
  const T& back() const noexcept { return (*this)[size_ - 1]; }
  /// @}

  /// Returns copies of all elements.
  operator std::vector<T>() const { return std::vector<T>(begin(), end()); }

  /// @{
  /// Returns true if both have equal elements in the same order.
  friend bool operator==(const Elements& a, const Elements& b) noexcept { return is_same(a, b.first_, b.size_); }
  friend bool operator!=(const Elements& a, const Elements& b) noexcept { return !(a == b); }
  friend bool operator==(const Elements& a, const std::vector<T>& b) noexcept { return is_same(a, b.data(), b.size()); }
  friend bool operator!=(const Elements& a, const std::vector<T>& b) noexcept { return !(a == b); }
  friend bool operator==(const std::vector<T>& a, const Elements& b) noexcept { return b == a; }
  friend bool operator!=(const std::vector<T>& a, const Elements& b) noexcept { return !(b == a); }
  /// @}

 private:
  static bool is_same(const Elements& a, const T* b, std::size_t size) noexcept {
    if (a.size_ != size) return false;
    for (std::size_t i = 0; i < size; ++i) {
      if (!(a.first_[i] == b[i])) return false;
    }
    return true;
  }

  const T* first_ = nullptr;
  std::size_t size_ = 0;
};

/// An owning value: null, a bool, a 64-bit integer, a double, a string, a timestamp, or an array of these. Each C++
/// type creates a value of its own kind: "true" is a string, and 1 is not a bool.
///
/// @code
/// assert(Value(7) == Value(7.0) && Value(7) != Value("7") && Value(1) != Value(true));
/// const Value tags = array({"ranked", "eu"});
/// assert(tags.kind() == ValueKind::array && tags.view()[1].text() == "eu");
/// assert(Value(UINT64_MAX).kind() == ValueKind::invalid);  // not representable
///
/// const std::optional<Timestamp> never_seen;  // a view of the host's data, without a copy
/// assert(ValueView(never_seen).is_absent() && !Value().view().is_absent());  // null is not absent
/// @endcode
class Value {
 public:
  constexpr Value() noexcept : content_{0}, kind_(ValueKind::null) {}  ///< null
  /// @{
  /// A value of the kind that corresponds to its C++ type. A null pointer is null. An unsigned integer above INT64_MAX
  /// is invalid. A braced list is never a string: `{"a", "b"}` does not convert to a Value, but `array({"a", "b"})`
  /// does.
  constexpr Value(std::nullptr_t) noexcept : Value() {}
  template <class Truth, detail::EnableIfBool<Truth> = 0>
  constexpr Value(Truth truth) noexcept : content_{truth ? 1 : 0}, kind_(ValueKind::boolean) {}
  template <class Integer, detail::EnableIfInteger<Integer> = 0>
  constexpr Value(Integer integer) noexcept
      : content_{detail::fits_int64(integer) ? static_cast<std::int64_t>(integer) : 0},
        kind_(detail::fits_int64(integer) ? ValueKind::integer : ValueKind::invalid) {}
  template <class Real, detail::EnableIfReal<Real> = 0>
  Value(Real real) noexcept : Value() {
    kind_ = ValueKind::real;
    content_.real = static_cast<double>(real);
  }
  constexpr Value(Timestamp at) noexcept : content_{at.ns()}, kind_(ValueKind::timestamp) {}
  template <class Text, detail::EnableIfTextView<Text> = 0>
  Value(const Text& text) : Value() {
    set_text(text);
  }
  template <class Text, detail::EnableIfStringOnly<Text> = 0>
  explicit Value(const Text& text) : Value() {
    const std::string& string = text;
    set_text(string);
  }
  Value(const char* text) : Value() {
    if (text != nullptr) set_text(std::string_view(text));
  }
  /// @}
  /// A copy of the borrowed value. Absent becomes null.
  explicit Value(const ValueView& view);

  /// A deep copy.
  Value(const Value& other) : Value() {
    if (other.kind_ == ValueKind::string) {
      set_text(detail::text_of(other.content_.text));
    } else if (other.kind_ == ValueKind::array) {
      detail::CompactVector<Value> copy;
      copy.reserve(other.elements().size());
      for (const Value& element : other.elements()) copy.push_back(element);
      set_elements(std::move(copy));
    } else {
      kind_ = other.kind_;
      content_ = other.content_;
    }
  }
  /// The moved-from value is null.
  Value(Value&& other) noexcept : content_(other.content_), kind_(other.kind_) {
    other.kind_ = ValueKind::null;
    other.content_.number = 0;
  }
  /// @{
  /// Replaces the value. `other` may be an element of this value.
  Value& operator=(const Value& other) {
    Value copy(other);
    swap(copy);
    return *this;
  }
  Value& operator=(Value&& other) noexcept {
    Value taken(std::move(other));
    swap(taken);
    return *this;
  }
  /// @}
  ~Value() {
    if (kind_ == ValueKind::string) {
      detail::CompactVector<char>::adopt(content_.text);
    } else if (kind_ == ValueKind::array) {
      detail::CompactVector<Value>::adopt(content_.elements);
    }
  }

  /// @{
  /// Returns an array of the elements of a list, or of a range of elements that convert to Value. The result is invalid
  /// if an element is an array or is invalid.
  static Value array(std::initializer_list<Value> elements) { return array<std::initializer_list<Value>>(elements); }
  template <class Range>
  static Value array(const Range& elements);
  /// @}

  ValueKind kind() const noexcept { return kind_; }             ///< never absent
  ValueView view() const noexcept { return ValueView(*this); }  ///< valid until this value is modified or destroyed
  /// @{
  /// The elements of an array; empty for other kinds. For a temporary, the elements are copied.
  Elements<Value> elements() const& noexcept {
    if (kind_ != ValueKind::array || content_.elements == nullptr) return {};
    return {detail::CompactVector<Value>::elements_of(content_.elements), content_.elements->size};
  }
  std::vector<Value> elements() const&& { return elements(); }
  /// @}

  /// Returns true if both have the same kind and equal values. Numbers of both kinds compare exactly: 1 equals 1.0.
  /// Strings are equal if their bytes are equal, even if they contain timestamps. Two invalid values are equal.
  friend bool operator==(const Value& a, const Value& b) noexcept;
  friend bool operator!=(const Value& a, const Value& b) noexcept { return !(a == b); }

 private:
  friend class ValueView;
  friend class detail::ArrayMaker;
  friend std::string_view detail::text_of(const Value& value) noexcept;

  void set_text(std::string_view text) {
    content_.text = detail::characters_of(text).release();
    kind_ = ValueKind::string;
  }
  void set_elements(detail::CompactVector<Value> elements) noexcept {
    content_.elements = elements.release();
    kind_ = ValueKind::array;
  }
  void swap(Value& other) noexcept {
    std::swap(kind_, other.kind_);
    std::swap(content_, other.content_);
  }

  union Content {
    std::int64_t number;  // of a bool, an integer, or a timestamp
    double real;
    detail::CompactVector<char>::Head* text;
    detail::CompactVector<Value>::Head* elements;
  };

  Content content_;
  ValueKind kind_;  // last, so that a derived class can use the padding after it
};

namespace detail {

/// Returns the string of a value whose kind is `text`.
inline std::string_view text_of(const Value& value) noexcept { return text_of(value.content_.text); }

/// Builds an array from elements that are added one at a time.
class ArrayMaker {
 public:
  /// `expected` is the usual number of elements, so that no more memory is allocated than needed.
  explicit ArrayMaker(std::size_t expected = 0) { elements_.reserve(expected); }

  void add(Value element) {
    if (element.kind() == ValueKind::array || element.kind() == ValueKind::invalid) {
      is_invalid_ = true;
      elements_.clear();
    }
    if (!is_invalid_) elements_.push_back(std::move(element));
  }
  Value take() noexcept {
    Value array;
    if (is_invalid_) {
      array.kind_ = ValueKind::invalid;
    } else {
      array.set_elements(std::move(elements_));
    }
    return array;
  }

 private:
  CompactVector<Value> elements_;
  bool is_invalid_ = false;
};

}  // namespace detail

inline Value::Value(const ValueView& view) : Value() {
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
    case ValueKind::invalid: kind_ = ValueKind::invalid; break;
    case ValueKind::absent:
    case ValueKind::null: break;
  }
}

template <class Range>
Value Value::array(const Range& elements) {
  detail::ArrayMaker maker(detail::size_known_of(elements, 0));
  for (const auto& element : elements) maker.add(Value(element));
  return maker.take();
}

/// @{
/// Returns an array, for filters that compare with one.
inline Value array(std::initializer_list<Value> elements) { return Value::array(elements); }
template <class Range>
Value array(const Range& elements) {
  return Value::array(elements);
}
/// @}

inline ValueView::ValueView(const Value& value) noexcept : kind_(value.kind_) {
  switch (value.kind_) {
    case ValueKind::real: real_ = value.content_.real; break;
    case ValueKind::string: {
      const std::string_view text = detail::text_of(value.content_.text);
      data_ = text.data();
      size_ = text.size();
      break;
    }
    case ValueKind::array: *this = ValueView(value.elements()); break;
    default: number_ = value.content_.number; break;
  }
}
inline ValueView::ValueView(Elements<Value> elements) noexcept
    : kind_(ValueKind::array), data_(elements.data()), size_(elements.size()), element_(&element_of<Value>) {}

namespace detail {

/// The result of a comparison. Unordered: the kinds are never equal, or a value is NaN.
enum class Ordering : std::uint8_t { less, equal, greater, unordered };

template <class T>
constexpr Ordering ordering_of(const T& a, const T& b) noexcept {
  return a < b ? Ordering::less : b < a ? Ordering::greater : Ordering::equal;
}
constexpr Ordering reversed(Ordering order) noexcept {
  return order == Ordering::less ? Ordering::greater : order == Ordering::greater ? Ordering::less : order;
}

/// Compares exactly. A conversion of either number to the type of the other could make unequal numbers equal.
constexpr Ordering compare_numbers(std::int64_t a, double b) noexcept {
  constexpr double end = 9223372036854775808.0;
  if (b >= end) return Ordering::less;
  if (b < -end) return Ordering::greater;
  if (!(b < end)) return Ordering::unordered;
  const auto whole = static_cast<std::int64_t>(b);
  if (a != whole) return ordering_of(a, whole);
  return ordering_of(0.0, b - static_cast<double>(whole));
}

constexpr Ordering compare_numbers(const ValueView& a, const ValueView& b) noexcept {
  if (a.kind() == ValueKind::integer) {
    return b.kind() == ValueKind::integer ? ordering_of(a.integer(), b.integer())
                                          : compare_numbers(a.integer(), b.real());
  }
  if (b.kind() == ValueKind::integer) return reversed(compare_numbers(b.integer(), a.real()));
  if (!(a.real() <= b.real() || a.real() >= b.real())) return Ordering::unordered;
  return ordering_of(a.real(), b.real());
}

inline Ordering compare_texts(std::string_view a, std::string_view b) noexcept { return ordering_of(a.compare(b), 0); }

constexpr Moment moment_of(Timestamp at) noexcept {
  const std::int64_t rest = at.ns() % 1000000000;
  return rest < 0 ? Moment{at.ns() / 1000000000 - 1, rest + 1000000000} : Moment{at.ns() / 1000000000, rest};
}

/// Returns false if the string is certainly not an RFC 3339 timestamp. This rejects most other strings without parsing.
constexpr bool may_be_moment(std::string_view text) noexcept {
  return text.size() >= 20 && text.size() <= 35 && text[4] == '-' && (text[10] == 'T' || text[10] == 't');
}

/// Reads an RFC 3339 timestamp of any year. Returns false for any other string.
inline bool read_moment(std::string_view text, Moment& moment) noexcept {
  if (!may_be_moment(text)) return false;
  Timestamp at;
  if (read_usual_timestamp(text, at)) {
    moment = moment_of(at);
    return true;
  }
  TimestampReader in(text);
  std::int64_t year = 0;
  moment = read_moment(in, year);
  return in.ok();
}

/// Reads a timestamp, or a string that contains one. Returns false for any other value.
inline bool read_moment(const ValueView& value, Moment& moment) noexcept {
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

/// Compares values that are not arrays.
inline Ordering compare_scalars(const ValueView& a, const ValueView& b) noexcept {
  if (a.is_number() && b.is_number()) return compare_numbers(a, b);
  if (a.is_nothing() && b.is_nothing()) return Ordering::equal;
  if (a.kind() == b.kind()) {
    switch (a.kind()) {
      case ValueKind::string: return compare_texts_or_moments(a.text(), b.text());
      case ValueKind::timestamp: return ordering_of(a.instant(), b.instant());
      case ValueKind::boolean: return ordering_of(a.truth(), b.truth());
      default: return Ordering::unordered;
    }
  }
  if (a.kind() == ValueKind::string && b.kind() == ValueKind::timestamp) return compare_text(a.text(), b.instant());
  if (a.kind() == ValueKind::timestamp && b.kind() == ValueKind::string)
    return reversed(compare_text(b.text(), a.instant()));
  return Ordering::unordered;
}

}  // namespace detail

/// Compares numbers exactly: neither is converted to the type of the other.
inline bool operator==(const Value& a, const Value& b) noexcept {
  if (a.view().is_number() && b.view().is_number())
    return detail::compare_numbers(a.view(), b.view()) == detail::Ordering::equal;
  if (a.kind_ != b.kind_) return false;
  switch (a.kind_) {
    case ValueKind::string: return a.view().text() == b.view().text();
    case ValueKind::array: return a.elements() == b.elements();
    case ValueKind::boolean:
    case ValueKind::timestamp: return a.content_.number == b.content_.number;
    default: return true;
  }
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_MODEL_VALUE_HPP
