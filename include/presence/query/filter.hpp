// SPDX-License-Identifier: MIT
#ifndef PRESENCE_QUERY_FILTER_HPP
#define PRESENCE_QUERY_FILTER_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/base/detail/compact_text.hpp>
#include <presence/base/detail/compact_vector.hpp>
#include <presence/base/result.hpp>
#include <presence/model/fields.hpp>
#include <presence/model/value.hpp>
#include <presence/query/detail/operand.hpp>

#include <cstddef>           // for size_t
#include <cstdint>           // for uint8_t
#include <initializer_list>  // for initializer_list
#include <optional>          // for optional, nullopt
#include <string>            // for string
#include <string_view>       // for string_view
#include <type_traits>       // for decay, enable_if, is_arithmetic, is_convertible, is_same
#include <utility>           // for index_sequence, make_index_sequence, move, swap
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
  PRESENCE_DETAIL_APART Filter(const Filter& other)
      : Value(other.operand()), op_(other.op_), depth_(other.depth_), code_(other.code_), what_(other.what_) {
    if (is_test()) {
      what_.field = detail::CompactText(other.field()).release();
    } else if (is_combination()) {
      Parts copy;
      copy.reserve(other.parts().size());
      for (const Filter& part : other.parts()) copy.push_back(part);
      what_.parts = copy.release();
    }
  }
  /// Leaves a filter behind that matches every object.
  Filter(Filter&& other) noexcept : Value() { swap(other); }
  /// @{
  /// The other filter may be a part of this one. A moved-from filter matches every object.
  Filter& operator=(const Filter& other) {
    Filter copy(other);
    swap(copy);
    return *this;
  }
  Filter& operator=(Filter&& other) noexcept {
    Filter taken(std::move(other));
    swap(taken);
    return *this;
  }
  /// @}
  ~Filter() {
    if (op_ != Operator::everything && op_ != Operator::invalid) free_memory();
  }

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
  std::vector<Filter> parts() const&& { return parts(); }
  /// @}

  /// Returns why the filter is invalid, or nullopt if it is valid.
  std::optional<Error> error() const noexcept {
    if (op_ != Operator::invalid) return std::nullopt;
    Error error;
    error.code = code_;
    error.message = what_.message;
    return error;
  }

  /// Returns a test of one field with one operator. The functions below call it. The field name must not be empty or
  /// begin with `$`, all numbers must be finite, and the operand must suit the operator. Otherwise the filter is
  /// invalid. The operands are:
  /// - `in` and `nin`: an array.
  /// - `exists`: a bool.
  /// - `autocomplete`: a string that is not empty.
  /// - `gt`, `gte`, `lt` and `lte`: a number, a string or a timestamp.
  /// - `contains`: any value but an array.
  PRESENCE_DETAIL_APART static Filter test(Operator op, std::string_view field, Value operand) {
    if (field.empty() || field.front() == '$') return invalid(ErrorCode::bad_operand, "a field needs a name without $");
    if (const char* const wrong = wrong_operand(op, operand.view())) return invalid(ErrorCode::bad_operand, wrong);
    detail::CompactText name(field);
    Filter filter;
    filter.op_ = op;
    filter.what_.field = name.release();
    filter.own_operand() = std::move(operand);
    return filter;
  }

  /// Combines filters with `all_of`, `any_of` or `none_of`. Invalid if there are no parts.
  static Filter combination(Operator op, std::vector<Filter> parts) {
    Parts own;
    own.reserve(parts.size());
    for (Filter& part : parts) own.push_back(std::move(part));
    return combination_of(op, std::move(own));
  }

  /// @{
  /// Matches if both match; if either matches; if this one does not match. A chain of the same operator has one level
  /// of nesting, and is built in linear time.
  friend Filter operator&&(Filter a, Filter b) { return joined(Operator::all_of, std::move(a), std::move(b)); }
  friend Filter operator||(Filter a, Filter b) { return joined(Operator::any_of, std::move(a), std::move(b)); }
  friend Filter operator!(Filter a) {
    Parts parts;
    parts.push_back(std::move(a));
    return combination_of(Operator::none_of, std::move(parts));
  }
  /// @}

  /// Returns whether both have the same structure, fields and operands. Invalid filters are equal if their error codes
  /// are.
  friend bool operator==(const Filter& a, const Filter& b) noexcept {
    return a.op_ == b.op_ && a.field() == b.field() && a.operand() == b.operand() && a.parts() == b.parts() &&
           (a.op_ != Operator::invalid || a.code_ == b.code_);
  }
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
  PRESENCE_DETAIL_APART void free_memory() noexcept {
    if (is_test()) {
      detail::CompactText::adopt(what_.field);
    } else if (is_combination()) {
      Parts::adopt(what_.parts);
    }
  }
  PRESENCE_DETAIL_APART void swap(Filter& other) noexcept {
    std::swap(op_, other.op_);
    std::swap(depth_, other.depth_);
    std::swap(code_, other.code_);
    std::swap(what_, other.what_);
    std::swap(own_operand(), other.own_operand());
  }

  static Filter invalid(ErrorCode code, const char* message) noexcept {
    Filter filter;
    filter.op_ = Operator::invalid;
    filter.code_ = code;
    filter.what_.message = message;
    return filter;
  }

  static Filter combination_of(Operator op, Parts parts) noexcept {
    if (op != Operator::all_of && op != Operator::any_of && op != Operator::none_of)
      return invalid(ErrorCode::unknown_operator, "this operator combines no filters");
    if (parts.empty()) return invalid(ErrorCode::bad_operand, "expected at least one filter");
    return combination_from(op, std::move(parts), 0, 0);
  }
  /// Combines parts. The parts before `first` are known to be valid and at most `depth` deep.
  PRESENCE_DETAIL_APART static Filter combination_from(Operator op, Parts parts, std::size_t first,
                                                       unsigned depth) noexcept {
    for (std::size_t i = first; i < parts.size(); ++i) {
      const Filter& part = parts[i];
      if (part.op_ == Operator::invalid) return invalid(part.code_, part.what_.message);
      depth = part.depth_ > depth ? part.depth_ : depth;
    }
    if (depth == deepest) return invalid(ErrorCode::too_deep, "nested too deeply");
    Filter filter;
    filter.op_ = op;
    filter.what_.parts = parts.release();
    filter.depth_ = static_cast<std::uint8_t>(depth + 1);
    return filter;
  }

  /// Returns whether all numbers in the value are finite.
  PRESENCE_DETAIL_APART static bool is_finite(const ValueView& value) noexcept {
    if (value.kind() == ValueKind::real) return value.real() - value.real() == 0.0;
    for (std::size_t i = 0; value.kind() == ValueKind::array && i < value.size(); ++i) {
      if (!is_finite(value[i])) return false;
    }
    for (const ValueMember& member : value.members()) {
      if (!is_finite(member.value().view())) return false;
    }
    return true;
  }

  /// Returns why the operator cannot compare with an object, or a null pointer if it can.
  PRESENCE_DETAIL_RARE static const char* wrong_object(Operator op) noexcept {
    switch (op) {
      case Operator::eq:
      case Operator::ne:
      case Operator::contains: return nullptr;
      case Operator::gt: return "$gt expects a number, a string or a timestamp, not an object";
      case Operator::gte: return "$gte expects a number, a string or a timestamp, not an object";
      case Operator::lt: return "$lt expects a number, a string or a timestamp, not an object";
      case Operator::lte: return "$lte expects a number, a string or a timestamp, not an object";
      case Operator::in: return "$in expects an array, not an object";
      case Operator::nin: return "$nin expects an array, not an object";
      case Operator::exists: return "$exists expects true or false, not an object";
      case Operator::autocomplete: return "$autocomplete expects a string, not an object";
      default: return "this operator tests no field";
    }
  }

  PRESENCE_DETAIL_APART static const char* wrong_operand(Operator op, const ValueView& operand) noexcept {
    const ValueKind kind = operand.kind();
    if (kind == ValueKind::invalid) return "a value that cannot be held: an array in an array, or one too deep";
    if (!is_finite(operand)) return "a number must be finite";
    if (kind == ValueKind::object) return wrong_object(op);
    switch (op) {
      case Operator::eq:
      case Operator::ne: return nullptr;
      case Operator::in:
      case Operator::nin: return kind == ValueKind::array ? nullptr : "expected an array";
      case Operator::contains: return kind != ValueKind::array ? nullptr : "an array is not allowed here";
      case Operator::exists: return kind == ValueKind::boolean ? nullptr : "true or false is needed here";
      case Operator::autocomplete:
        return kind == ValueKind::string && !operand.text().empty() ? nullptr : "expected a string that is not empty";
      case Operator::gt:
      case Operator::gte:
      case Operator::lt:
      case Operator::lte:
        return operand.is_number() || kind == ValueKind::string || kind == ValueKind::timestamp
                   ? nullptr
                   : "expected a number, a string or a timestamp";
      default: return "this operator tests no field";
    }
  }

  static Filter joined(Operator op, Filter a, Filter b) {
    if (a.op_ == Operator::invalid) return a;
    if (b.op_ == Operator::invalid) return b;
    if (a.op_ != op) {
      Parts alone;
      alone.reserve(2);
      alone.push_back(std::move(a));
      a = combination_of(op, std::move(alone));
      if (a.op_ != op) return a;
    }
    // The existing parts are not checked again, so that a long chain takes linear time.
    const unsigned depth = a.depth_ - 1u;
    Parts parts = Parts::adopt(a.what_.parts);
    a.what_.parts = nullptr;
    const std::size_t first = parts.size();
    if (b.op_ == op) {
      Parts others = Parts::adopt(b.what_.parts);
      b.what_.parts = nullptr;
      for (Filter& part : others) parts.push_back(std::move(part));
    } else {
      parts.push_back(std::move(b));
    }
    return combination_from(op, std::move(parts), first, depth);
  }

  Operator op_ = Operator::everything;
  std::uint8_t depth_ = 0;
  ErrorCode code_ = ErrorCode::syntax;  // of an invalid filter
  What what_ = {nullptr};
};

namespace detail {

/// Makes combinations from a vector of the internal type, without moving each part.
class FilterMaker {
 public:
  static Filter combination(Operator op, CompactVector<Filter> parts) noexcept {
    return Filter::combination_of(op, std::move(parts));
  }
};

}  // namespace detail

/// Matches if the field equals the value, or is an array that contains it. With an array: matches if the field is the
/// same set.
inline Filter eq(std::string_view field, Value value) { return Filter::test(Operator::eq, field, std::move(value)); }
/// Matches if `eq` does not: the field has another value, or is absent.
inline Filter ne(std::string_view field, Value value) { return Filter::test(Operator::ne, field, std::move(value)); }
/// @{
/// Matches if the field, or an element of it, is greater than the value (`gt`), greater or equal (`gte`), less (`lt`),
/// less or equal (`lte`). Strings compare as bytes, except for RFC 3339 strings; see Filter.
inline Filter gt(std::string_view field, Value value) { return Filter::test(Operator::gt, field, std::move(value)); }
inline Filter gte(std::string_view field, Value value) { return Filter::test(Operator::gte, field, std::move(value)); }
inline Filter lt(std::string_view field, Value value) { return Filter::test(Operator::lt, field, std::move(value)); }
inline Filter lte(std::string_view field, Value value) { return Filter::test(Operator::lte, field, std::move(value)); }
/// @}
/// Matches if the field is an array that contains the value.
inline Filter contains(std::string_view field, Value value) {
  return Filter::test(Operator::contains, field, std::move(value));
}
/// Matches if the object has the field (true), or lacks it (false).
inline Filter exists(std::string_view field, bool wanted) { return Filter::test(Operator::exists, field, wanted); }
/// Matches if a word of the field begins with the text: "ro" matches "Curiosity Rover". Ignores the case of Latin,
/// Greek and Cyrillic letters.
inline Filter autocomplete(std::string_view field, std::string_view text) {
  return Filter::test(Operator::autocomplete, field, Value(text));
}
/// Rejects two string literals: they would be taken for the two ends of one string.
Filter autocomplete(std::string_view field, detail::TwoTexts texts) = delete;

/// @{
/// Matches if the field equals one of the values, or is an array that contains one. Without values, matches no object.
inline Filter in(std::string_view field, Value values) { return Filter::test(Operator::in, field, std::move(values)); }
inline Filter in(std::string_view field, std::initializer_list<Value> values) {
  return presence::in(field, Value::array(values));
}
template <class Range, std::enable_if_t<!std::is_convertible<const Range&, Value>::value, int> = 0>
Filter in(std::string_view field, const Range& values) {
  return presence::in(field, Value::array(values));
}
/// @}
/// @{
/// Matches if `in` does not: the field equals none of the values, and contains none.
inline Filter nin(std::string_view field, Value values) {
  return Filter::test(Operator::nin, field, std::move(values));
}
inline Filter nin(std::string_view field, std::initializer_list<Value> values) {
  return presence::nin(field, Value::array(values));
}
template <class Range, std::enable_if_t<!std::is_convertible<const Range&, Value>::value, int> = 0>
Filter nin(std::string_view field, const Range& values) {
  return presence::nin(field, Value::array(values));
}

/// @}

/// @{
/// Matches if all parts match (`and_`), at least one (`or_`), none (`nor`).
inline Filter and_(std::vector<Filter> parts) { return Filter::combination(Operator::all_of, std::move(parts)); }
inline Filter or_(std::vector<Filter> parts) { return Filter::combination(Operator::any_of, std::move(parts)); }
inline Filter nor(std::vector<Filter> parts) { return Filter::combination(Operator::none_of, std::move(parts)); }
/// @}

namespace detail {

/// Returns whether a combination matches. `has_part(matches)` must return whether any part of it matches, or whether
/// any part does not match.
template <class HasPart>
bool combination_matches(Operator op, HasPart has_part) {
  switch (op) {
    case Operator::everything: return true;
    case Operator::all_of: return !has_part(false);
    case Operator::any_of: return has_part(true);
    case Operator::none_of: return !has_part(true);
    default: return false;
  }
}

/// Returns whether the filter matches an object whose fields `with_field` passes to a function by name.
inline bool matches_fields(const Filter& filter,
                           FunctionRef<bool(std::string_view name, FunctionRef<bool(const ValueView&)>)> with_field) {
  if (!filter.field().empty()) {
    return with_field(filter.field(), [&filter](const ValueView& value) {
      return detail::holds(filter.op(), value, filter.operand());
    });
  }
  return detail::combination_matches(filter.op(), [&](bool wanted) {
    for (const Filter& part : filter.parts()) {
      if (matches_fields(part, with_field) == wanted) return true;
    }
    return false;
  });
}

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

  CompiledFilter(const Filter& filter, const Tests& tests) {
    std::size_t nodes = 0, characters = 0;
    measure(filter, tests, nodes, characters);
    nodes_.reserve(nodes);
    names_.reserve(characters);
    add(filter, tests);
  }

  bool holds(const void* object) const { return holds(0, object); }
  /// Returns the name of the field of a test that is read by its name.
  std::string_view name_of(const Operand& operand) const noexcept {
    return std::string_view(names_.data() + operand.field_at, operand.field_size);
  }

 private:
  /// A test or a combination. Small, because a filter may have one for every three bytes of its text.
  class Node {
   public:
    explicit Node(Operator op) noexcept : content_{static_cast<std::size_t>(op)} {}
    Node(Test how, Operator op, const Value& operand) : Node(op) {
      content_.operand = Operand::make(op, operand);
      test_ = how;
    }
    Node(const Node& other) : test_(other.test_), content_(other.content_) {
      if (test_ != nullptr) content_.operand = Operand::copy(other.operand());
    }
    Node(Node&& other) noexcept : test_(other.test_), content_(other.content_) { other.test_ = nullptr; }
    Node& operator=(Node other) noexcept {
      std::swap(test_, other.test_);
      std::swap(content_, other.content_);
      return *this;
    }
    ~Node() {
      if (test_ != nullptr) Operand::drop(content_.operand);
    }

    Test test() const noexcept { return test_; }  // null if it is not a test
    /// @{
    /// Precondition: it is a test.
    const Operand& operand() const noexcept { return *content_.operand; }
    Operand& operand() noexcept { return *content_.operand; }
    /// @}
    /// @{
    /// Precondition: it is not a test. Its parts follow it in nodes_.
    Operator op() const noexcept { return static_cast<Operator>(content_.parts & op_mask); }
    std::size_t end_of_parts() const noexcept { return content_.parts >> op_bits; }
    /// @}
    /// Returns the index behind this node and its parts; `at` is its own index.
    std::size_t end(std::size_t at) const noexcept { return test_ != nullptr ? at + 1 : end_of_parts(); }
    void set_end(std::size_t end) noexcept {
      if (test_ == nullptr) content_.parts = end << op_bits | (content_.parts & op_mask);
    }

   private:
    static constexpr unsigned op_bits = 4;  // the remaining bits can count all nodes that fit into memory
    static constexpr std::size_t op_mask = (std::size_t{1} << op_bits) - 1;
    union Content {
      std::size_t parts;
      Operand* operand;
    };

    Test test_ = nullptr;
    Content content_;
  };

  /// Returns the index of the test of a field.
  static std::size_t index_of(std::string_view name, const Tests& tests) noexcept {
    return index_of_name(tests.names, tests.size, name);
  }

  /// Adds the number of nodes, and the total size of the names that are stored.
  static void measure(const Filter& filter, const Tests& tests, std::size_t& nodes, std::size_t& characters) noexcept {
    ++nodes;
    if (tests.has_other && !filter.field().empty() && index_of(filter.field(), tests) == tests.size)
      characters += filter.field().size();
    for (const Filter& part : filter.parts()) measure(part, tests, nodes, characters);
  }

  void add(const Filter& filter, const Tests& tests) {
    const std::size_t at = nodes_.size();
    const FieldName name = filter.field();
    if (name.empty()) {
      nodes_.push_back(Node(filter.op()));
    } else {
      const std::size_t field = index_of(name, tests);
      nodes_.push_back(Node(tests.tests[field], filter.op(), filter.operand()));
      if (tests.has_other && field == tests.size) {
        nodes_.back().operand().field_at = names_.size();
        nodes_.back().operand().field_size = name.size();
        names_.append(name.data(), name.size());
      }
    }
    for (const Filter& part : filter.parts()) add(part, tests);
    nodes_[at].set_end(nodes_.size());
  }

  bool holds(std::size_t at, const void* object) const {
    const Node& node = nodes_[at];
    if (node.test() != nullptr) return node.test()(*this, node.operand(), object);
    return combination_matches(node.op(), [&](bool wanted) {
      for (std::size_t part = at + 1, end = node.end_of_parts(); part < end; part = nodes_[part].end(part)) {
        if (holds(part, object) == wanted) return true;
      }
      return false;
    });
  }

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

/// Returns whether a value of one of these kinds can be equal to, less or greater than the operand.
inline bool can_compare(unsigned kinds, const ValueView& operand) noexcept {
  if (operand.is_nothing()) return true;
  if (operand.is_number()) return (kinds & number_bits) != 0;
  unsigned wanted = bit_of(operand.kind());
  if (operand.kind() == ValueKind::timestamp) wanted |= bit_of(ValueKind::string);
  Moment moment;
  if (operand.kind() == ValueKind::string && read_moment(operand.text(), moment))
    wanted |= bit_of(ValueKind::timestamp);
  return (kinds & wanted) != 0;
}

inline const char* why_unanswerable(const FieldKinds& kinds, Operator op, const ValueView& operand) noexcept {
  constexpr const char* of_another_type = "the field is never of the type that it is compared with";
  const unsigned any = kinds.scalar | kinds.element;
  switch (op) {
    case Operator::exists: return nullptr;
    case Operator::contains:
      if (kinds.element == 0) return "the field is no array";
      return can_compare(kinds.element, operand) ? nullptr : of_another_type;
    case Operator::autocomplete: return (any & bit_of(ValueKind::string)) != 0 ? nullptr : "the field is not a string";
    case Operator::eq:
    case Operator::ne:
      if (operand.kind() != ValueKind::array) return can_compare(any, operand) ? nullptr : of_another_type;
      if (kinds.element == 0) return "the field is no array";
      for (std::size_t i = 0; i < operand.size(); ++i) {
        if (!can_compare(kinds.element, operand[i])) return of_another_type;
      }
      return nullptr;
    case Operator::in:
    case Operator::nin:
      for (std::size_t i = 0; i < operand.size(); ++i) {
        if (can_compare(any, operand[i])) return nullptr;
      }
      return operand.size() == 0 ? nullptr : of_another_type;
    default: return can_compare(any, operand) ? nullptr : of_another_type;
  }
}

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

}  // namespace detail

/// Returns the first test whose result is the same for all objects with these fields, or nullopt if there is none. Such
/// a test names a field that does not exist, or compares a field with a type that it never has. The filter is still
/// valid, and queries accept it. For hosts that want to reject it: `validate(filter, Fields<User>{})`. For an invalid
/// filter, returns its error.
template <class T>
std::optional<Unanswerable> validate(const Filter& filter, Fields<T> fields) {
  if (const std::optional<Error> error = filter.error()) return Unanswerable{{}, Operator::invalid, error->message};
  for (const Filter& part : filter.parts()) {
    if (std::optional<Unanswerable> wrong = presence::validate(part, fields)) return wrong;
  }
  if (filter.field().empty()) return std::nullopt;
  const char* const message = detail::why_unanswerable<T>(Fields<T>::list, filter);
  return message == nullptr ? std::nullopt
                            : std::optional<Unanswerable>(Unanswerable{filter.field(), filter.op(), message});
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_QUERY_FILTER_HPP
