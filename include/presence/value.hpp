// SPDX-License-Identifier: MIT
#ifndef PRESENCE_VALUE_HPP
#define PRESENCE_VALUE_HPP

#include <presence/time.hpp>

#include <cstddef>           // for size_t, nullptr_t
#include <cstdint>           // for int64_t, uint8_t, uint64_t, INT64_MAX
#include <initializer_list>  // for initializer_list
#include <optional>          // for optional
#include <string>            // for string
#include <string_view>       // for string_view
#include <type_traits>       // for enable_if, is_convertible, is_floating_point, is_integral, is_same, is_signed
#include <utility>           // for declval, move
#include <vector>            // for vector

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

namespace detail {

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

template <class Integer>
constexpr bool fits_int64(Integer integer) noexcept {
  if constexpr (std::is_signed<Integer>::value) {
    static_cast<void>(integer);
    return true;
  } else {
    return static_cast<std::uint64_t>(integer) <= static_cast<std::uint64_t>(INT64_MAX);
  }
}

}  // namespace detail

/// A value, borrowed from where it lies: valid as long as that is neither changed nor destroyed. Made of anything that
/// a filter can be asked about: bool, integers, floating-point numbers, texts, instants, optionals of these, and
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
  constexpr ValueView(std::string_view text) noexcept
      : kind_(ValueKind::text), data_(text.data()), size_(text.size()) {}
  constexpr ValueView(const char* text) noexcept {
    if (text == nullptr) {
      kind_ = ValueKind::null;
    } else {
      *this = ValueView(std::string_view(text));
    }
  }
  ValueView(const std::string& text) noexcept : ValueView(std::string_view(text)) {}
  ValueView(const std::string&&) = delete;
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
    std::int64_t number_ = 0;  // of a bool, an integer, an instant
    double real_;
  };
  const void* data_ = nullptr;
  std::size_t size_ = 0;
  ValueView (*element_)(const void*, std::size_t) noexcept = nullptr;
};

/// A value that owns what it holds: null, a bool, an integer of 64 bits, a double, a text, an instant, or an array of
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
  Value() noexcept = default;  ///< null
  /// @{
  /// Of the kind that it has in C++. Null pointers are null; an unsigned integer above INT64_MAX is invalid.
  Value(std::nullptr_t) noexcept {}
  template <class Truth, detail::EnableIfBool<Truth> = 0>
  Value(Truth truth) noexcept : kind_(ValueKind::boolean), number_(truth ? 1 : 0) {}
  template <class Integer, detail::EnableIfInteger<Integer> = 0>
  Value(Integer integer) noexcept
      : kind_(detail::fits_int64(integer) ? ValueKind::integer : ValueKind::invalid),
        number_(static_cast<std::int64_t>(integer)) {}
  template <class Real, detail::EnableIfReal<Real> = 0>
  Value(Real real) noexcept : kind_(ValueKind::real), real_(static_cast<double>(real)) {}
  Value(Timestamp at) noexcept : kind_(ValueKind::instant), number_(at.ns()) {}
  Value(std::string text) noexcept : kind_(ValueKind::text), text_(std::move(text)) {}
  Value(std::string_view text) : Value(std::string(text)) {}
  Value(const char* text) {
    if (text != nullptr) *this = Value(std::string(text));
  }
  /// @}
  /// A copy of what is borrowed. Absent becomes null.
  explicit Value(const ValueView& view) {
    switch (view.kind()) {
      case ValueKind::boolean: *this = Value(view.truth()); break;
      case ValueKind::integer: *this = Value(view.integer()); break;
      case ValueKind::real: *this = Value(view.real()); break;
      case ValueKind::text: *this = Value(view.text()); break;
      case ValueKind::instant: *this = Value(view.instant()); break;
      case ValueKind::array:
        kind_ = ValueKind::array;
        for (std::size_t i = 0; i < view.size(); ++i) append(Value(view[i]));
        break;
      case ValueKind::invalid: kind_ = ValueKind::invalid; break;
      case ValueKind::absent:
      case ValueKind::null: break;
    }
  }

  /// @{
  /// An array of a list, or of a range of what makes values. Invalid with an array in it.
  static Value array(std::initializer_list<Value> elements) { return array<std::initializer_list<Value>>(elements); }
  template <class Range>
  static Value array(const Range& elements) {
    Value array;
    array.kind_ = ValueKind::array;
    for (const auto& element : elements) array.append(Value(element));
    return array;
  }
  /// @}

  ValueKind kind() const noexcept { return kind_; }             ///< never absent
  ValueView view() const noexcept { return ValueView(*this); }  ///< to read it by; until this value is changed
  /// Of an array; empty otherwise.
  const std::vector<Value>& elements() const noexcept { return elements_; }

  /// Whether both are of one kind and the same; of numbers, whether they are equal: 1 and 1.0 are.
  friend bool operator==(const Value& a, const Value& b) noexcept;
  friend bool operator!=(const Value& a, const Value& b) noexcept { return !(a == b); }

 private:
  friend class ValueView;

  void append(Value element) {
    if (element.kind_ == ValueKind::array || element.kind_ == ValueKind::invalid) kind_ = ValueKind::invalid;
    elements_.push_back(std::move(element));
  }

  ValueKind kind_ = ValueKind::null;
  union {
    std::int64_t number_ = 0;
    double real_;
  };
  std::string text_;
  std::vector<Value> elements_;
};

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
    case ValueKind::real: real_ = value.real_; break;
    case ValueKind::text:
      data_ = value.text_.data();
      size_ = value.text_.size();
      break;
    case ValueKind::array:
      data_ = value.elements_.data();
      size_ = value.elements_.size();
      element_ = &element_of<Value>;
      break;
    default: number_ = value.number_; break;
  }
}

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

/// Instants compare with texts of RFC 3339; a text that is none is of another kind.
inline Ordering compare_text(std::string_view text, Timestamp at) noexcept {
  const Result<Timestamp> parsed = parse_timestamp(text);
  return parsed ? ordering_of(*parsed, at) : Ordering::unordered;
}

/// Of values that are no arrays.
inline Ordering compare_scalars(const ValueView& a, const ValueView& b) noexcept {
  if (a.is_number() && b.is_number()) return compare_numbers(a, b);
  if (a.is_nothing() && b.is_nothing()) return Ordering::equal;
  if (a.kind() == b.kind()) {
    switch (a.kind()) {
      case ValueKind::text: return compare_texts(a.text(), b.text());
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
  if (a.kind_ == ValueKind::text) return a.text_ == b.text_;
  if (a.kind_ == ValueKind::array || a.kind_ == ValueKind::invalid) return a.elements_ == b.elements_;
  return a.number_ == b.number_;
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_VALUE_HPP
