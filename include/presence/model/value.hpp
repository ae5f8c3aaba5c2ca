// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_VALUE_HPP
#define PRESENCE_MODEL_VALUE_HPP

#include <presence/base/detail/compact_text.hpp>
#include <presence/base/detail/compact_vector.hpp>
#include <presence/base/time.hpp>

#include <cstddef>           // for ptrdiff_t, size_t, nullptr_t
#include <cstdint>           // for int64_t, uint8_t, uint64_t, INT64_MAX
#include <cstring>           // for memcpy
#include <initializer_list>  // for initializer_list
#include <optional>          // for optional
#include <string>            // for string
#include <string_view>       // for string_view
#include <type_traits>  // for enable_if, is_base_of, is_class, is_convertible, is_floating_point, is_integral, is_same
#include <utility>      // for declval, move
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
  object,               ///< of members: names with values
  invalid,              ///< not representable: an unsigned integer above INT64_MAX, an array in an array, too deep
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
    case ValueKind::object: return "object";
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
class ValueMember;
class Attributes;
template <class T>
class Elements;

namespace detail {

class ArrayMaker;
class ObjectMaker;
std::string_view text_of(const Value& value) noexcept;
unsigned levels_of(const Value& value) noexcept;
/// Moves the members out of an object, which is null afterwards. Returns none for other kinds.
CompactVector<ValueMember> take_members(Value& value) noexcept;
ValueView object_view(const Elements<ValueMember>& members) noexcept;

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
  /// Returns the members of an object, ascending by name; empty for other kinds. Borrowed from the source of the value.
  Elements<ValueMember> members() const noexcept;
  /// Returns the member of an object with that name. Absent if there is none, or if the value is not an object.
  /// O(log members).
  ValueView find(std::string_view name) const noexcept;

 private:
  friend ValueView detail::object_view(const Elements<ValueMember>& members) noexcept;

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

/// An owning value: null, a bool, a 64-bit integer, a double, a string, a timestamp, an array, or an object, whose
/// members have names. Each C++ type creates a value of its own kind: "true" is a string, and 1 is not a bool. Arrays
/// and objects nest, except arrays directly in arrays. They cannot be modified, only replaced.
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
  /// The maximum number of arrays and objects inside each other. A value that would be deeper is invalid. So no
  /// function of a value recurses further.
  static constexpr unsigned deepest = 64;

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
  Value(const Value& other);
  /// The moved-from value is null.
  Value(Value&& other) noexcept : content_(other.content_), kind_(other.kind_), levels_(other.levels_) {
    other.kind_ = ValueKind::null;
    other.levels_ = 0;
    other.content_.number = 0;
  }
  /// @{
  /// Replaces the value. `other` may be an element of this value.
  Value& operator=(const Value& other);
  Value& operator=(Value&& other) noexcept;
  /// @}
  ~Value();

  /// @{
  /// Returns an array of the elements of a list, or of a range of elements that convert to Value. The result is invalid
  /// if an element is an array, is invalid, or is an object that nests to `deepest`.
  static Value array(std::initializer_list<Value> elements);
  template <class Range>
  static Value array(const Range& elements);
  /// @}
  /// Returns an object with these members. Their values are moved, not copied. The result is invalid if a member is
  /// invalid, or nests to `deepest`. O(members). Needs <presence/model/attributes.hpp>.
  ///
  /// @code
  /// #include <presence/model/attributes.hpp>
  ///
  /// Attributes parts;
  /// parts["city"] = "Kyoto";
  /// parts["floor"] = 3;
  /// const Value location = Value::object(std::move(parts));
  /// assert(location.kind() == ValueKind::object && location.members().size() == 2);
  /// assert(location.members()[0].name() == "city" && *location.find("floor") == 3);
  /// assert(location.view().find("street").is_absent() && location.find("street") == nullptr);
  /// @endcode
  static Value object(Attributes members);

  ValueKind kind() const noexcept { return kind_; }             ///< never absent
  ValueView view() const noexcept { return ValueView(*this); }  ///< valid until this value is modified or destroyed
  /// @{
  /// The elements of an array; empty for other kinds. For a temporary, the elements are copied.
  Elements<Value> elements() const& noexcept {
    if (kind_ != ValueKind::array || content_.elements == nullptr) return {};
    return {detail::CompactVector<Value>::elements_of(content_.elements), content_.elements->size};
  }
  std::vector<Value> elements() const&&;
  /// @}
  /// @{
  /// The members of an object, ascending by name; empty for other kinds. Names compare as bytes. For a temporary, the
  /// members are copied.
  Elements<ValueMember> members() const& noexcept;
  std::vector<ValueMember> members() const&&;
  /// @}
  /// @{
  /// Returns a pointer to the value of the member with that name, or a null pointer if there is none or the value is
  /// not an object. Valid until this value is modified or destroyed. O(log members).
  const Value* find(std::string_view name) const& noexcept;
  const Value* find(std::string_view name) const&& = delete;
  /// @}

  /// Returns true if both have the same kind and equal values. Numbers of both kinds compare exactly: 1 equals 1.0.
  /// Strings are equal if their bytes are equal, even if they contain timestamps. Arrays have equal elements in the
  /// same order, and objects the same names with equal values. Two invalid values are equal.
  friend bool operator==(const Value& a, const Value& b) noexcept;
  friend bool operator!=(const Value& a, const Value& b) noexcept { return !(a == b); }

 private:
  friend class ValueView;
  friend class detail::ArrayMaker;
  friend class detail::ObjectMaker;
  friend std::string_view detail::text_of(const Value& value) noexcept;
  friend unsigned detail::levels_of(const Value& value) noexcept;
  friend detail::CompactVector<ValueMember> detail::take_members(Value& value) noexcept;

  void set_text(std::string_view text);
  void set_elements(detail::CompactVector<Value> elements, unsigned levels) noexcept;
  void set_members(detail::CompactVector<ValueMember> members, unsigned levels) noexcept;
  void free_memory() noexcept;
  void set_invalid() noexcept { kind_ = ValueKind::invalid; }  // precondition: it is null
  void swap(Value& other) noexcept;

  union Content {
    std::int64_t number;  // of a bool, an integer, or a timestamp
    double real;
    detail::CompactText::Head* text;
    detail::CompactVector<Value>::Head* elements;
    detail::CompactVector<ValueMember>::Head* members;
  };

  Content content_;
  // Small and last, so that a derived class can use the padding after them.
  ValueKind kind_;
  std::uint8_t levels_ = 0;  // the arrays and objects inside each other, this one included
};

/// A member of an object: its name and its value. Cannot be modified.
// The value is the base class, so that the size of the name fits into its tail padding. Short names are stored inside,
// because an object in JSON may have a member for every six bytes.
class ValueMember : private Value {
 public:
  // Not in value_bodies.hpp: g++ ignores that a constructor is kept apart unless its first declaration says so.
  /// The name is copied.
  PRESENCE_DETAIL_APART ValueMember(std::string_view name, Value value) : Value(std::move(value)) {
    if (name.size() <= sizeof(name_.inside)) {
      size_ = static_cast<std::uint8_t>(name.size());
      if (!name.empty()) std::memcpy(name_.inside, name.data(), name.size());
    } else {
      name_.outside = detail::CompactText(name).release();
      size_ = is_outside;
    }
  }
  /// A deep copy.
  ValueMember(const ValueMember& other);
  /// The moved-from member has an empty name and is null.
  ValueMember(ValueMember&& other) noexcept;
  /// @{
  /// Replaces the name and the value.
  ValueMember& operator=(const ValueMember& other);
  ValueMember& operator=(ValueMember&& other) noexcept;
  /// @}
  ~ValueMember();

  /// @{
  /// The name, and the value, which is never invalid in an object. Valid until the member is modified or destroyed.
  std::string_view name() const noexcept {
    return size_ == is_outside ? detail::CompactText::text_of(name_.outside) : std::string_view(name_.inside, size_);
  }
  const Value& value() const noexcept { return *this; }
  /// @}

  /// Returns true if the names and the values are equal.
  friend bool operator==(const ValueMember& a, const ValueMember& b) noexcept {
    return a.name() == b.name() && a.value() == b.value();
  }
  friend bool operator!=(const ValueMember& a, const ValueMember& b) noexcept { return !(a == b); }

 private:
  friend class detail::ObjectMaker;

  static constexpr std::uint8_t is_outside = 255;
  union Name {
    char inside[8] = {};
    detail::CompactText::Head* outside;
  };

  Value& own_value() noexcept { return *this; }
  void swap(ValueMember& other) noexcept;

  std::uint8_t size_;  // of a name that is stored inside, else is_outside
  Name name_;
};

inline Value::~Value() {
  if (kind_ == ValueKind::string || kind_ == ValueKind::array || kind_ == ValueKind::object) free_memory();
}
inline Elements<ValueMember> Value::members() const& noexcept {
  if (kind_ != ValueKind::object || content_.members == nullptr) return {};
  return {detail::CompactVector<ValueMember>::elements_of(content_.members), content_.members->size};
}

namespace detail {

/// Returns the string of a value whose kind is `text`.
inline std::string_view text_of(const Value& value) noexcept { return CompactText::text_of(value.content_.text); }

/// Returns the number of arrays and objects inside each other. O(1).
inline unsigned levels_of(const Value& value) noexcept { return value.levels_; }

/// Returns a view of an object with these members, which are ascending by name.
inline ValueView object_view(const Elements<ValueMember>& members) noexcept {
  ValueView view;
  view.kind_ = ValueKind::object;
  view.data_ = members.data();
  view.size_ = members.size();
  return view;
}

/// Returns the member with that name, or a null pointer.
const ValueMember* find_member(const Elements<ValueMember>& members, std::string_view name) noexcept;

/// Builds an array from elements that are added one at a time.
class ArrayMaker {
 public:
  /// `expected` is the usual number of elements, so that no more memory is allocated than needed.
  explicit ArrayMaker(std::size_t expected = 0);
  ~ArrayMaker();

  void add(Value element);
  Value take() noexcept;

 private:
  CompactVector<Value> elements_;
  unsigned levels_ = 1;
  bool is_invalid_ = false;
};

/// Builds an object from members that are added one at a time, in any order.
class ObjectMaker {
 public:
  /// `expected` is the usual number of members, so that no more memory is allocated than needed.
  explicit ObjectMaker(std::size_t expected = 0);

  void add(std::string_view name, Value value);
  /// Returns whether two members have the same name. Sorts the members.
  bool has_repeated();
  /// Removes all members whose names are repeated.
  void drop_repeated();
  /// Precondition: no name is repeated.
  Value take();

 private:
  void drop_those_repeated();
  void sort();
  void sort_unsorted();

  CompactVector<ValueMember> members_;
  unsigned levels_ = 1;
  bool is_sorted_ = true;  // and no name is repeated, until `sort`
  bool is_invalid_ = false;
};

}  // namespace detail

template <class Range>
Value Value::array(const Range& elements) {
  detail::ArrayMaker maker(detail::size_known_of(elements, 0));
  for (const auto& element : elements) maker.add(Value(element));
  return maker.take();
}

/// @{
/// Returns an array, for filters that compare with one.
Value array(std::initializer_list<Value> elements);
template <class Range>
Value array(const Range& elements) {
  return Value::array(elements);
}
/// @}

inline ValueView::ValueView(const Value& value) noexcept : kind_(value.kind_) {
  switch (value.kind_) {
    case ValueKind::real: real_ = value.content_.real; break;
    case ValueKind::string: {
      const std::string_view text = detail::CompactText::text_of(value.content_.text);
      data_ = text.data();
      size_ = text.size();
      break;
    }
    case ValueKind::array: *this = ValueView(value.elements()); break;
    case ValueKind::object: *this = detail::object_view(value.members()); break;
    default: number_ = value.content_.number; break;
  }
}
inline ValueView::ValueView(Elements<Value> elements) noexcept
    : kind_(ValueKind::array), data_(elements.data()), size_(elements.size()), element_(&element_of<Value>) {}
inline Elements<ValueMember> ValueView::members() const noexcept {
  if (kind_ != ValueKind::object) return {};
  return {static_cast<const ValueMember*>(data_), size_};
}

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

Ordering compare_texts(std::string_view a, std::string_view b) noexcept;

/// Reads a timestamp, or a string that contains one. Returns false for any other value.
bool read_moment(const ValueView& value, Moment& moment) noexcept;

/// A total order of objects: by their first different member, name before value. Linear in the smaller object. Recurses
/// as deep as the objects nest.
Ordering compare_objects(const ValueView& a, const ValueView& b) noexcept;
/// Compares values that are not arrays. Objects are equal or unordered.
Ordering compare_scalars(const ValueView& a, const ValueView& b) noexcept;

}  // namespace detail

/// Compares numbers exactly: neither is converted to the type of the other.
bool operator==(const Value& a, const Value& b) noexcept;

namespace detail {

/// Returns whether two values are equal as `Value::operator==` compares them. The depth of the recursion is at most
/// that of a value.
bool same_values(const ValueView& a, const ValueView& b) noexcept;

}  // namespace detail

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/model/detail/value_bodies.hpp>
#endif

#endif  // PRESENCE_MODEL_VALUE_HPP
