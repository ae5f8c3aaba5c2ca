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

/// What the fields of objects hold, and what filters compare them with.
namespace presence {
inline namespace PRESENCE_ABI {

/// Of which type a value is.
enum class ValueKind : std::uint8_t {
  absent,   ///< the object has no such field; of a ValueView alone
  null,     ///< the field is there, and says nothing
  boolean,  ///< true or false
  integer,  ///< of 64 bits, signed
  real,     ///< a double
  text,     ///< any bytes, as a rule UTF-8
  instant,  ///< a Timestamp
  array,    ///< of values that are no arrays
  invalid,  ///< what cannot be held: an unsigned integer above INT64_MAX, an array in an array
};

/// What one part of a filter asks of a value.
enum class Operator : std::uint8_t {
  everything,  ///< holds for every object: the filter `{}`
  /// @{
  /// What the function of that name asks of a field (filter.hpp).
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
  invalid   ///< built wrong: holds for nothing
};

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
/// Of a class that says that it is a text. Constructors that take one are templates: no list in braces becomes their
/// argument, so that `{"a", "b"}` is never taken for the two ends of one text.
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

/// How many elements a range says that it has; zero where it does not say.
template <class Range>
auto size_known_of(const Range& range, int) -> decltype(static_cast<std::size_t>(range.size())) {
  return static_cast<std::size_t>(range.size());
}
template <class Range>
std::size_t size_known_of(const Range&, long) {
  return 0;
}

}  // namespace detail

/// A value, borrowed from where it lies: valid as long as that is neither changed nor destroyed. Made of anything that
/// a filter can be asked about: bool, integers, floating-point numbers, strings, timestamps, optionals of these, and
/// contiguous containers of these.
class ValueView {
 public:
  constexpr ValueView() noexcept = default;  ///< absent
  /// @{
  /// Of the kind that it has in C++. Null pointers are null, and empty optionals absent; an unsigned integer above
  /// INT64_MAX is invalid.
  constexpr ValueView(std::nullptr_t) noexcept : kind_(ValueKind::null) {}
  template <class Truth, detail::EnableIfBool<Truth> = 0>
  constexpr ValueView(Truth truth) noexcept : kind_(ValueKind::boolean), number_(truth ? 1 : 0) {}
  template <class Integer, detail::EnableIfInteger<Integer> = 0>
  constexpr ValueView(Integer integer) noexcept
      : kind_(detail::fits_int64(integer) ? ValueKind::integer : ValueKind::invalid),
        number_(static_cast<std::int64_t>(integer)) {}
  template <class Real, detail::EnableIfReal<Real> = 0>
  constexpr ValueView(Real real) noexcept : kind_(ValueKind::real), real_(static_cast<double>(real)) {}
  constexpr ValueView(Timestamp at) noexcept : kind_(ValueKind::instant), number_(at.ns()) {}
  template <class Text, detail::EnableIfTextView<Text> = 0>
  constexpr ValueView(const Text& text) noexcept : kind_(ValueKind::text) {
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
  template <class T>
  ValueView(const std::optional<T>& value) noexcept {
    if (value) *this = ValueView(*value);
  }
  template <class T>
  ValueView(const std::optional<T>&& value) = delete;
  /// @}
  /// An array. Elements that are arrays themselves are invalid.
  template <class Range, class Element = std::remove_reference_t<decltype(*std::declval<const Range&>().data())>,
            std::enable_if_t<std::is_convertible<Element&, ValueView>::value &&
                                 !std::is_convertible<const Range&, std::string_view>::value,
                             int> = 0>
  ValueView(const Range& range) noexcept
      : kind_(ValueKind::array), data_(range.data()), size_(range.size()), element_(&element_of<Element>) {}
  ValueView(Elements<Value> elements) noexcept;  ///< an array of these
  template <class Range, class = std::enable_if_t<!std::is_lvalue_reference<Range>::value>,
            class Element = std::remove_reference_t<decltype(*std::declval<const Range&>().data())>,
            std::enable_if_t<std::is_convertible<Element&, ValueView>::value &&
                                 !std::is_convertible<const Range&, std::string_view>::value,
                             int> = 0>
  ValueView(Range&& range) = delete;

  constexpr ValueKind kind() const noexcept { return kind_; }  ///< says which of the functions below may be called
  /// Whether the object has no such field. Null is not absent.
  constexpr bool is_absent() const noexcept { return kind_ == ValueKind::absent; }
  /// Whether there is nothing there to compare: absent or null.
  constexpr bool is_nothing() const noexcept { return kind_ == ValueKind::absent || kind_ == ValueKind::null; }
  /// Whether it is an integer or a real number, which compare with each other.
  constexpr bool is_number() const noexcept { return kind_ == ValueKind::integer || kind_ == ValueKind::real; }

  /// @{
  /// What it holds. To ask a value of another kind ends the program.
  constexpr bool truth() const noexcept { return of(ValueKind::boolean).number_ != 0; }
  constexpr std::int64_t integer() const noexcept { return of(ValueKind::integer).number_; }
  constexpr double real() const noexcept { return of(ValueKind::real).real_; }
  constexpr Timestamp instant() const noexcept { return Timestamp::from_ns(of(ValueKind::instant).number_); }
  std::string_view text() const noexcept {
    return std::string_view(static_cast<const char*>(of(ValueKind::text).data_), size_);
  }
  /// @}
  /// @{
  /// Elements of an array. To ask what is none, or for one that is not there, ends the program.
  std::size_t size() const noexcept { return of(ValueKind::array).size_; }
  ValueView operator[](std::size_t i) const noexcept {
    if (i >= size()) detail::trap();
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
    if (kind_ != kind) detail::trap();
    return *this;
  }

  ValueKind kind_ = ValueKind::absent;
  union {
    std::int64_t number_ = 0;  // of a bool, an integer, a timestamp
    double real_;
  };
  const void* data_ = nullptr;
  std::size_t size_ = 0;
  ValueView (*element_)(const void*, std::size_t) noexcept = nullptr;
};

/// Elements that lie one behind the other, borrowed from what has them: valid as long as that is neither changed nor
/// destroyed. Read like a std::vector, and converts to one, which copies them.
template <class T>
class Elements {
 public:
  /// @{
  /// As containers have them; no element can be changed.
  using value_type = T;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  using reference = const T&;
  using const_reference = const T&;
  using iterator = const T*;
  using const_iterator = const T*;
  /// @}

  constexpr Elements() noexcept = default;  ///< none
  /// So many, from there on.
  constexpr Elements(const T* first, std::size_t size) noexcept : first_(first), size_(size) {}

  /// @{
  /// As containers have them.
  const T* begin() const noexcept { return first_; }
  const T* end() const noexcept { return first_ + size_; }
  const T* cbegin() const noexcept { return begin(); }
  const T* cend() const noexcept { return end(); }
  const T* data() const noexcept { return first_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  /// @}
  /// @{
  /// An element. To ask for one that is not there ends the program.
  const T& operator[](std::size_t i) const noexcept {
    if (i >= size_) detail::trap();
    return first_[i];
  }
  const T& at(std::size_t i) const noexcept { return (*this)[i]; }
  const T& front() const noexcept { return (*this)[0]; }
  const T& back() const noexcept { return (*this)[size_ - 1]; }
  /// @}

  /// Copies of all of them.
  operator std::vector<T>() const { return std::vector<T>(begin(), end()); }

  /// @{
  /// Whether both have equal elements in the same order.
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

/// A value that owns what it holds: null, a bool, an integer of 64 bits, a double, a text, a timestamp, or an array of
/// these. "true" is a text and 1 is no bool: each type makes a value of its own kind.
///
/// @code
/// assert(Value(7) == Value(7.0) && Value(7) != Value("7") && Value(1) != Value(true));
/// const Value tags = array({"ranked", "eu"});
/// assert(tags.kind() == ValueKind::array && tags.view()[1].text() == "eu");
/// assert(Value(UINT64_MAX).kind() == ValueKind::invalid);  // more than can be held
///
/// const std::optional<Timestamp> never_seen;  // a view of the host's own data: nothing is copied
/// assert(ValueView(never_seen).is_absent() && !Value().view().is_absent());  // null is not absent
/// @endcode
class Value {
 public:
  constexpr Value() noexcept : content_{0}, kind_(ValueKind::null) {}  ///< null
  /// @{
  /// Of the kind that it has in C++. Null pointers are null; an unsigned integer above INT64_MAX is invalid. No list in
  /// braces is a text: `{"a", "b"}` makes no Value, `array({"a", "b"})` does.
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
  constexpr Value(Timestamp at) noexcept : content_{at.ns()}, kind_(ValueKind::instant) {}
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
  /// A copy of what is borrowed. Absent becomes null.
  explicit Value(const ValueView& view);

  /// A copy of all that it holds.
  Value(const Value& other) : Value() {
    if (other.kind_ == ValueKind::text) {
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
  /// What was moved from is null.
  Value(Value&& other) noexcept : content_(other.content_), kind_(other.kind_) {
    other.kind_ = ValueKind::null;
    other.content_.number = 0;
  }
  /// @{
  /// The other may be an element of this one.
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
    if (kind_ == ValueKind::text) {
      detail::CompactVector<char>::adopt(content_.text);
    } else if (kind_ == ValueKind::array) {
      detail::CompactVector<Value>::adopt(content_.elements);
    }
  }

  /// @{
  /// An array of a list, or of a range of what makes values. Invalid with an array in it.
  static Value array(std::initializer_list<Value> elements) { return array<std::initializer_list<Value>>(elements); }
  template <class Range>
  static Value array(const Range& elements);
  /// @}

  ValueKind kind() const noexcept { return kind_; }             ///< never absent
  ValueView view() const noexcept { return ValueView(*this); }  ///< to read it by; until this value is changed
  /// @{
  /// Of an array; empty otherwise. Of a temporary they are copied.
  Elements<Value> elements() const& noexcept {
    if (kind_ != ValueKind::array || content_.elements == nullptr) return {};
    return {detail::CompactVector<Value>::elements_of(content_.elements), content_.elements->size};
  }
  std::vector<Value> elements() const&& { return elements(); }
  /// @}

  /// Whether both are of one kind and the same; of numbers, whether they are equal: 1 and 1.0 are. Strings are the same
  /// if their bytes are, timestamps or not; all that is invalid is.
  friend bool operator==(const Value& a, const Value& b) noexcept;
  friend bool operator!=(const Value& a, const Value& b) noexcept { return !(a == b); }

 private:
  friend class ValueView;
  friend class detail::ArrayMaker;
  friend std::string_view detail::text_of(const Value& value) noexcept;

  void set_text(std::string_view text) {
    content_.text = detail::characters_of(text).release();
    kind_ = ValueKind::text;
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
    std::int64_t number;  // of a bool, an integer, a timestamp
    double real;
    detail::CompactVector<char>::Head* text;
    detail::CompactVector<Value>::Head* elements;
  };

  Content content_;
  ValueKind kind_;  // last, so that a class with a Value as its base has the room behind it
};

namespace detail {

/// Of one that is a text.
inline std::string_view text_of(const Value& value) noexcept { return text_of(value.content_.text); }

/// Makes an array of elements that come one after the other.
class ArrayMaker {
 public:
  /// `expected` as a rule, so that no more memory is taken than is needed.
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
    case ValueKind::text: set_text(view.text()); break;
    case ValueKind::instant: *this = Value(view.instant()); break;
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
/// An array, for filters that compare with one.
inline Value array(std::initializer_list<Value> elements) { return Value::array(elements); }
template <class Range>
Value array(const Range& elements) {
  return Value::array(elements);
}
/// @}

inline ValueView::ValueView(const Value& value) noexcept : kind_(value.kind_) {
  switch (value.kind_) {
    case ValueKind::real: real_ = value.content_.real; break;
    case ValueKind::text: {
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

/// How two values stand to each other. Unordered: of kinds that are never equal, or not a number.
enum class Ordering : std::uint8_t { less, equal, greater, unordered };

template <class T>
constexpr Ordering ordering_of(const T& a, const T& b) noexcept {
  return a < b ? Ordering::less : b < a ? Ordering::greater : Ordering::equal;
}
constexpr Ordering reversed(Ordering order) noexcept {
  return order == Ordering::less ? Ordering::greater : order == Ordering::greater ? Ordering::less : order;
}

/// Exact: a conversion of either to the type of the other would make unequal numbers equal.
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

/// Whether a text may be one of RFC 3339: most that are none need not be read to know it.
constexpr bool may_be_moment(std::string_view text) noexcept {
  return text.size() >= 20 && text.size() <= 35 && text[4] == '-' && (text[10] == 'T' || text[10] == 't');
}

/// Reads a text of RFC 3339, of any year. False for any other text.
inline bool read_moment(std::string_view text, Moment& moment) noexcept {
  if (!may_be_moment(text)) return false;
  Timestamp at;
  if (read_usual_instant(text, at)) {
    moment = moment_of(at);
    return true;
  }
  InstantReader in(text);
  std::int64_t year = 0;
  moment = read_moment(in, year);
  return in.ok();
}

/// Whether it is a timestamp, or a text that is one.
inline bool read_moment(const ValueView& value, Moment& moment) noexcept {
  if (value.kind() == ValueKind::text) return read_moment(value.text(), moment);
  if (value.kind() != ValueKind::instant) return false;
  moment = moment_of(value.instant());
  return true;
}

/// Timestamps compare with strings of RFC 3339; a text that is none is of another kind.
inline Ordering compare_text(std::string_view text, Timestamp at) noexcept {
  Moment moment;
  return read_moment(text, moment) ? ordering_of(moment, moment_of(at)) : Ordering::unordered;
}

/// Strings compare as bytes, but as points in time where both are of RFC 3339. So strings that are equal make classes,
/// each of one text or of all that are one timestamp.
inline Ordering compare_texts_or_moments(std::string_view a, std::string_view b) noexcept {
  Moment first, second;
  if (may_be_moment(b) && read_moment(a, first) && read_moment(b, second)) return ordering_of(first, second);
  return compare_texts(a, b);
}

/// Of values that are no arrays.
inline Ordering compare_scalars(const ValueView& a, const ValueView& b) noexcept {
  if (a.is_number() && b.is_number()) return compare_numbers(a, b);
  if (a.is_nothing() && b.is_nothing()) return Ordering::equal;
  if (a.kind() == b.kind()) {
    switch (a.kind()) {
      case ValueKind::text: return compare_texts_or_moments(a.text(), b.text());
      case ValueKind::instant: return ordering_of(a.instant(), b.instant());
      case ValueKind::boolean: return ordering_of(a.truth(), b.truth());
      default: return Ordering::unordered;
    }
  }
  if (a.kind() == ValueKind::text && b.kind() == ValueKind::instant) return compare_text(a.text(), b.instant());
  if (a.kind() == ValueKind::instant && b.kind() == ValueKind::text)
    return reversed(compare_text(b.text(), a.instant()));
  return Ordering::unordered;
}

}  // namespace detail

/// Exact for numbers: neither is converted to the type of the other.
inline bool operator==(const Value& a, const Value& b) noexcept {
  if (a.view().is_number() && b.view().is_number())
    return detail::compare_numbers(a.view(), b.view()) == detail::Ordering::equal;
  if (a.kind_ != b.kind_) return false;
  switch (a.kind_) {
    case ValueKind::text: return a.view().text() == b.view().text();
    case ValueKind::array: return a.elements() == b.elements();
    case ValueKind::boolean:
    case ValueKind::instant: return a.content_.number == b.content_.number;
    default: return true;
  }
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_MODEL_VALUE_HPP
