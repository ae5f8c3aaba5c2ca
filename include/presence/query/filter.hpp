// SPDX-License-Identifier: MIT
#ifndef PRESENCE_QUERY_FILTER_HPP
#define PRESENCE_QUERY_FILTER_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/base/detail/compact_text.hpp>
#include <presence/base/detail/compact_vector.hpp>
#include <presence/base/result.hpp>
#include <presence/model/fields.hpp>
#include <presence/model/value.hpp>
#include <presence/query/detail/operand_base.hpp>

#include <cstddef>           // for size_t
#include <cstdint>           // for uint8_t
#include <initializer_list>  // for initializer_list
#include <optional>          // for optional
#include <string>            // for string
#include <string_view>       // for string_view
#include <type_traits>       // for decay, enable_if, is_arithmetic, is_convertible, is_same
#include <utility>           // for declval, index_sequence, make_index_sequence, move
#include <vector>            // for vector

namespace presence {
inline namespace PRESENCE_ABI {

/// The name of a field, borrowed from the filter that tests it. It is a std::string_view, and converts to a std::string
/// by copying.
class FieldName : public std::string_view {
 public:
  constexpr FieldName() noexcept = default;                                                 ///< empty
  constexpr explicit FieldName(std::string_view name) noexcept : std::string_view(name) {}  ///< borrows the name

  operator std::string() const { return std::string(data(), size()); }  ///< a copy
  /// @{
  /// Concatenation, as of strings.
  friend std::string operator+(std::string a, const FieldName& b) { return a.append(b.data(), b.size()); }
  friend std::string operator+(const FieldName& a, std::string_view b) {
    return std::string(a.data(), a.size()).append(b.data(), b.size());
  }
  /// @}
};

namespace detail {

class FilterMaker;

/// The type that `{"a", "b"}` converts to where a string is expected. Without it, the two pointers would make one
/// string.
struct TwoTexts {
  TwoTexts(const char*, const char*) noexcept {}
};

}  // namespace detail

/// A condition on an object, which matches or does not match. A plain value, made by the functions below. `Filter{}`
/// matches every object. The semantics are those of the chat services and, where they define none, of MongoDB.
///
/// Arrays:
/// - `in` matches if the two arrays have a common element; `nin` matches if they have none.
/// - `eq` with a value that is not an array matches if the value is an element.
/// - `eq` with an array matches if both are the same set.
/// - A range test or `autocomplete` matches if it matches an element.
///
/// Objects:
/// - "location.city" names the member `city` of the field `location`. At each level, a field or member whose name is
///   the whole rest of the name takes precedence, so a name may contain dots. This applies to the custom fields of a
///   channel, and to the activity and data of a user; a name in the list of Fields<T> is always one name.
/// - Names do not descend into arrays: for an array of objects, "players.name" is absent. (In MongoDB it would name the
///   member of each element.)
/// - `eq` with an object matches an object that has the same names with equal values, in any order. (MongoDB compares
///   them in order.) Inside objects, arrays are equal if they have equal elements in the same order, and a null member
///   is not equal to an absent one. `ne`, `in`, `nin` and `contains` compare in the same way.
/// - No object is less or greater than another value. Range tests and `autocomplete` do not accept objects.
///
/// Absent fields and null:
/// - A field that the object lacks matches only `ne`, `nin`, `eq` with null, and `exists` with false.
/// - Null counts as an absent field, except for `exists`.
///
/// Types:
/// - Values of different types are never equal, less or greater. 1 and 1.0 are equal.
/// - Strings compare as bytes. Two RFC 3339 strings, of any year, compare as points in time. They compare with
///   timestamps in the same way: "2019-01-07T13:17:42Z" equals "2019-01-07T14:17:42.0+01:00".
///
/// A test is linear in the sizes of the field, its name and the operand, up to a logarithmic factor.
///
/// A filter that was built incorrectly is invalid. So is every filter that contains it, including its negation. An
/// invalid filter matches no object; `error()` returns the reason.
///
/// @code
/// const Filter recent = eq("online", true) || gt("last_active", "2019-01-07T12:00:00Z");
/// const Filter asked = recent && nin("id", {"jack", "bot"});
/// const User john{"john", false, "brb", *parse_timestamp("2019-01-07T13:17:42.375Z"), false};
/// assert(matches(asked, john));
/// const Matcher<User> holds = compile<User>(asked);  // for many users
/// assert(holds(john) && !holds(User{"bot", true, "", {}, false}));
///
/// assert(!matches(eq("online", "true"), john));  // a string is not a bool
/// assert(validate(eq("online", "true"), Fields<User>{})->field == "online");  // for hosts that reject such a filter
/// assert(in("id", "john").error()->code == ErrorCode::bad_operand);  // not a list
/// @endcode
// The operand is the base class, so that the other members fit into its tail padding.
class Filter : private Value {
 public:
  /// The maximum nesting depth of `and_`, `or_` and `nor`.
  static constexpr unsigned deepest = 30;

  Filter() noexcept = default;
  /// Copies all parts.
  Filter(const Filter& other);
  /// Leaves a filter behind that matches every object.
  Filter(Filter&& other) noexcept;
  /// @{
  /// The other filter may be a part of this one. A moved-from filter matches every object.
  Filter& operator=(const Filter& other);
  Filter& operator=(Filter&& other) noexcept;
  /// @}
  ~Filter();

  Operator op() const noexcept { return op_; }  ///< decides which of the functions below may be called
  /// @{
  /// Returns the field of a test; empty for other filters. For a temporary, returns a copy.
  FieldName field() const& noexcept {
    return is_test() ? FieldName(detail::CompactText::text_of(what_.field)) : FieldName();
  }
  std::string field() const&& { return field(); }
  /// @}
  const Value& operand() const noexcept { return *this; }  ///< the operand of a test; an array for `in` and `nin`
  /// @{
  /// Returns the parts of `all_of`, `any_of` and `none_of`; empty for other filters. For a temporary, returns copies.
  Elements<Filter> parts() const& noexcept {
    if (!is_combination() || what_.parts == nullptr) return {};
    return {Parts::elements_of(what_.parts), what_.parts->size};
  }
  std::vector<Filter> parts() const&&;
  /// @}

  /// Returns why the filter is invalid, or nullopt if it is valid.
  std::optional<Error> error() const noexcept;

  /// Returns a test of one field with one operator. The functions below call it. The field name must not be empty or
  /// begin with `$`, all numbers must be finite, and the operand must suit the operator. Otherwise the filter is
  /// invalid. The operands are:
  /// - `in` and `nin`: an array.
  /// - `exists`: a bool.
  /// - `autocomplete`: a string that is not empty.
  /// - `gt`, `gte`, `lt` and `lte`: a number, a string or a timestamp.
  /// - `contains`: any value but an array.
  static Filter test(Operator op, std::string_view field, Value operand);

  /// Combines filters with `all_of`, `any_of` or `none_of`. Invalid if there are no parts.
  static Filter combination(Operator op, std::vector<Filter> parts);

  /// @{
  /// Matches if both match; if either matches; if this one does not match. A chain of the same operator has one level
  /// of nesting, and is built in linear time.
  friend Filter operator&&(Filter a, Filter b) { return joined(Operator::all_of, std::move(a), std::move(b)); }
  friend Filter operator||(Filter a, Filter b) { return joined(Operator::any_of, std::move(a), std::move(b)); }
  friend Filter operator!(Filter a) { return negated(std::move(a)); }
  /// @}

  /// Returns whether both have the same structure, fields and operands. Invalid filters are equal if their error codes
  /// are.
  friend bool operator==(const Filter& a, const Filter& b) noexcept { return are_equal(a, b); }
  friend bool operator!=(const Filter& a, const Filter& b) noexcept { return !(a == b); }

 private:
  friend class detail::FilterMaker;
  using Parts = detail::CompactVector<Filter>;

  union What {
    detail::CompactText::Head* field;  // of a test
    Parts::Head* parts;                // of a combination
    const char* message;               // of an invalid filter
  };

  bool is_combination() const noexcept {
    return op_ == Operator::all_of || op_ == Operator::any_of || op_ == Operator::none_of;
  }
  bool is_test() const noexcept { return op_ != Operator::everything && op_ != Operator::invalid && !is_combination(); }
  Value& own_operand() noexcept { return *this; }
  void free_memory() noexcept;
  void swap(Filter& other) noexcept;

  static bool are_equal(const Filter& a, const Filter& b) noexcept;
  static Filter invalid(ErrorCode code, const char* message) noexcept;
  static Filter combination_of(Operator op, Parts parts) noexcept;
  /// Combines parts. The parts before `first` are known to be valid and at most `depth` deep.
  static Filter combination_from(Operator op, Parts parts, std::size_t first, unsigned depth) noexcept;
  /// Returns whether all numbers in the value are finite.
  static bool is_finite(const ValueView& value) noexcept;
  /// Returns why the operator cannot compare with an object, or a null pointer if it can.
  static const char* wrong_object(Operator op) noexcept;
  static const char* wrong_operand(Operator op, const ValueView& operand) noexcept;
  static Filter joined(Operator op, Filter a, Filter b);
  static Filter negated(Filter&& a);

  Operator op_ = Operator::everything;
  std::uint8_t depth_ = 0;
  ErrorCode code_ = ErrorCode::syntax;  // of an invalid filter
  What what_ = {nullptr};
};

namespace detail {

/// Makes combinations from a vector of the internal type, without moving each part.
class FilterMaker {
 public:
  static Filter combination(Operator op, CompactVector<Filter> parts) noexcept;
};

}  // namespace detail

/// Matches if the field equals the value, or is an array that contains it. With an array: matches if the field is the
/// same set.
Filter eq(std::string_view field, Value value);
/// Matches if `eq` does not: the field has another value, or is absent.
Filter ne(std::string_view field, Value value);
/// @{
/// Matches if the field, or an element of it, is greater than the value (`gt`), greater or equal (`gte`), less (`lt`),
/// less or equal (`lte`). Strings compare as bytes, except for RFC 3339 strings; see Filter.
Filter gt(std::string_view field, Value value);
Filter gte(std::string_view field, Value value);
Filter lt(std::string_view field, Value value);
Filter lte(std::string_view field, Value value);
/// @}
/// Matches if the field is an array that contains the value.
Filter contains(std::string_view field, Value value);
/// Matches if the object has the field (true), or lacks it (false).
Filter exists(std::string_view field, bool wanted);
/// Matches if a word of the field begins with the text: "ro" matches "Curiosity Rover". Ignores the case of Latin,
/// Greek and Cyrillic letters.
Filter autocomplete(std::string_view field, std::string_view text);
/// Rejects two string literals: they would be taken for the two ends of one string.
Filter autocomplete(std::string_view field, detail::TwoTexts texts) = delete;

/// @{
/// Matches if the field equals one of the values, or is an array that contains one. Without values, matches no object.
Filter in(std::string_view field, Value values);
Filter in(std::string_view field, std::initializer_list<Value> values);
template <class Range, std::enable_if_t<!std::is_convertible<const Range&, Value>::value, int> = 0>
Filter in(std::string_view field, const Range& values) {
  return presence::in(field, Value::array(values));
}
/// @}
/// @{
/// Matches if `in` does not: the field equals none of the values, and contains none.
Filter nin(std::string_view field, Value values);
Filter nin(std::string_view field, std::initializer_list<Value> values);
template <class Range, std::enable_if_t<!std::is_convertible<const Range&, Value>::value, int> = 0>
Filter nin(std::string_view field, const Range& values) {
  return presence::nin(field, Value::array(values));
}

/// @}

/// @{
/// Matches if all parts match (`and_`), at least one (`or_`), none (`nor`).
Filter and_(std::vector<Filter> parts);
Filter or_(std::vector<Filter> parts);
Filter nor(std::vector<Filter> parts);
/// @}

namespace detail {

/// Returns whether the filter matches an object whose fields `with_field` passes to a function by name.
bool matches_fields(const Filter& filter,
                    FunctionRef<bool(std::string_view name, FunctionRef<bool(const ValueView&)>)> with_field);

}  // namespace detail

/// Returns whether the filter matches the object: a User, a UserView, a Channel, or any type with Fields. For many
/// objects, `compile` is faster.
template <class T>
bool matches(const Filter& filter, const T& object) {
  return detail::matches_fields(filter,
                                [&object](std::string_view name, detail::FunctionRef<bool(const ValueView&)> use) {
                                  return detail::with_field(object, name, use);
                                });
}

namespace detail {

/// A compiled filter, for objects of any one type.
class CompiledFilter {
 public:
  using Test = bool (*)(const CompiledFilter&, const Operand&, const void* object);
  /// How the fields of a type are tested.
  struct Tests {
    const std::string_view* names;  ///< of the listed fields
    std::size_t size;               ///< the number of names
    const Test* tests;              ///< of each listed field, then of any other name
    bool has_other;                 ///< whether other names are read at run time
  };

  CompiledFilter(const Filter& filter, const Tests& tests);
  CompiledFilter(const CompiledFilter& other);
  CompiledFilter(CompiledFilter&& other) noexcept;
  CompiledFilter& operator=(const CompiledFilter& other);
  CompiledFilter& operator=(CompiledFilter&& other) noexcept;
  ~CompiledFilter();

  bool holds(const void* object) const;
  /// Returns the name of the field of a test that is read by its name.
  std::string_view name_of(const Operand& operand) const noexcept;

 private:
  class Node;

  /// Returns the index of the test of a field.
  static std::size_t index_of(std::string_view name, const Tests& tests) noexcept;
  /// Adds the number of nodes, and the total size of the names that are stored.
  static void measure(const Filter& filter, const Tests& tests, std::size_t& nodes, std::size_t& characters) noexcept;
  void add(const Filter& filter, const Tests& tests);
  bool holds(std::size_t at, const void* object) const;

  std::vector<Node> nodes_;  // in preorder
  std::string names_;        // concatenated, of the fields that are read by name
};

/// The tests of the fields of one type.
template <class T, class Indices = std::make_index_sequence<FieldNames<T>::size>>
class FieldTests;
template <class T, std::size_t... i>
class FieldTests<T, std::index_sequence<i...>> {
  template <std::size_t field>
  static bool test_field(const CompiledFilter&, const Operand& operand, const void* object) {
    return with_raw(field_at<field>(Fields<T>::list), *static_cast<const T*>(object), [&operand](const auto& raw) {
      using Raw = std::decay_t<decltype(raw)>;
      if constexpr (std::is_same<Raw, std::string>::value || std::is_same<Raw, std::string_view>::value) {
        return operand.answer(std::string_view(raw));
      } else if constexpr (std::is_same<Raw, std::vector<std::string>>::value ||
                           std::is_same<Raw, std::vector<std::string_view>>::value) {
        return operand.answer(raw);
      } else {
        return operand.answer(ValueView(raw));
      }
    });
  }
  static bool test_other(const CompiledFilter& filter, const Operand& operand, const void* object) {
    if constexpr (has_other<T>) {
      return operand.answer(ValueView(Fields<T>::other(*static_cast<const T*>(object), filter.name_of(operand))));
    } else {
      static_cast<void>(filter), static_cast<void>(object);
      return operand.answer(ValueView());
    }
  }
  static constexpr CompiledFilter::Test tests[] = {&FieldTests::test_field<i>..., &FieldTests::test_other};

 public:
  static constexpr CompiledFilter::Tests all{FieldNames<T>::all, sizeof...(i), tests, has_other<T>};
};

}  // namespace detail

/// A filter that is compiled for objects of one type: its fields are resolved, and its operands are prepared for fast
/// comparison. Owns its data, so the filter may be destroyed. Made by `compile`.
template <class T>
class Matcher {
 public:
  /// Linear in the size of the filter, except that the elements of each array are sorted.
  explicit Matcher(const Filter& filter) : filter_(filter, detail::FieldTests<T>::all) {}

  /// Returns the same as `matches`. Does not allocate memory, with two exceptions: the fields of T allocate, or an
  /// array is compared with an array that has more than a thousand different values.
  bool operator()(const T& object) const { return filter_.holds(detail::address_of(object)); }

 private:
  detail::CompiledFilter filter_;
};

/// Compiles the filter for objects of one type: `compile<User>(filter)`.
template <class T>
Matcher<T> compile(const Filter& filter) {
  return Matcher<T>(filter);
}

/// A test that gives the same result for all objects of a type; see `validate`.
struct Unanswerable {
  std::string field;                ///< empty if the filter itself is invalid
  Operator op = Operator::invalid;  ///< the operator of the test
  const char* message = "";         ///< English, a string literal
};

namespace detail {

/// The bit of a kind, in a set of the kinds of value that a field may have.
constexpr unsigned bit_of(ValueKind kind) noexcept { return 1u << static_cast<unsigned>(kind); }
inline constexpr unsigned number_bits =
    (1u << static_cast<unsigned>(ValueKind::integer)) | (1u << static_cast<unsigned>(ValueKind::real));
struct FieldKinds {
  unsigned scalar = ~0u, element = ~0u;  // kinds of the field; kinds of its elements if it is an array
};

template <class Raw>
struct KindsOf {
  static constexpr FieldKinds kinds() noexcept {
    if constexpr (std::is_same<Raw, bool>::value) {
      return {bit_of(ValueKind::boolean), 0};
    } else if constexpr (std::is_arithmetic<Raw>::value) {
      return {number_bits, 0};
    } else if constexpr (std::is_same<Raw, Timestamp>::value) {
      return {bit_of(ValueKind::timestamp), 0};
    } else if constexpr (std::is_convertible<const Raw&, std::string_view>::value) {
      return {bit_of(ValueKind::string), 0};
    } else if constexpr (std::is_same<Raw, ValueView>::value || std::is_same<Raw, Value>::value) {
      return {};
    } else {
      return {0, KindsOf<std::decay_t<decltype(*std::declval<const Raw&>().data())>>::kinds().scalar};
    }
  }
};
template <class T>
struct KindsOf<std::optional<T>> : KindsOf<T> {};

const char* why_unanswerable(const FieldKinds& kinds, Operator op, const ValueView& operand) noexcept;

template <class T, class List>
const char* why_unanswerable(const List& list, const Filter& test) {
  if constexpr (List::size == 0) {
    return has_other<T> ? nullptr : "there is no such field";
  } else {
    if (list.first.name != test.field()) return detail::why_unanswerable<T>(list.rest, test);
    constexpr FieldKinds kinds = KindsOf<RawOf<decltype(list.first.get), T>>::kinds();
    return why_unanswerable(kinds, test.op(), test.operand().view());
  }
}

/// Returns the first test for which `why` returns a message, or nullopt if there is none. For an invalid filter,
/// returns its error.
std::optional<Unanswerable> first_unanswerable(const Filter& filter, FunctionRef<const char*(const Filter&)> why);

}  // namespace detail

/// Returns the first test whose result is the same for all objects with these fields, or nullopt if there is none. Such
/// a test names a field that does not exist, or compares a field with a type that it never has. The filter is still
/// valid, and queries accept it. For hosts that want to reject it: `validate(filter, Fields<User>{})`. For an invalid
/// filter, returns its error.
template <class T>
std::optional<Unanswerable> validate(const Filter& filter, Fields<T>) {
  return detail::first_unanswerable(
      filter, [](const Filter& test) { return detail::why_unanswerable<T>(Fields<T>::list, test); });
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/query/detail/filter_bodies.hpp>
#endif

#endif  // PRESENCE_QUERY_FILTER_HPP
