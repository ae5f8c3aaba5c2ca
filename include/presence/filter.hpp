// SPDX-License-Identifier: MIT
#ifndef PRESENCE_FILTER_HPP
#define PRESENCE_FILTER_HPP

#include <presence/detail/operand.hpp>
#include <presence/fields.hpp>
#include <presence/result.hpp>
#include <presence/value.hpp>

#include <cstddef>           // for size_t
#include <cstdint>           // for uint8_t, uint32_t
#include <initializer_list>  // for initializer_list
#include <optional>          // for optional, nullopt
#include <string>            // for string
#include <string_view>       // for string_view
#include <type_traits>       // for enable_if, integral_constant, is_arithmetic, is_convertible, is_same
#include <utility>           // for index_sequence, make_index_sequence, move
#include <vector>            // for vector

namespace presence {
inline namespace PRESENCE_ABI {

/// A question to an object, which holds or does not. A plain value, made by the functions below; `Filter{}` holds for
/// every object. Meaning follows the chat services and, where those are silent, MongoDB:
///
/// - An array is what it has: `in` holds when both have something in common and `nin` when they have not; `eq` with a
///   value that is no array asks whether that is an element; `eq` with an array whether both are the same set. A range
///   test and `autocomplete` hold when they do for an element.
/// - A field that the object lacks passes `ne` and `nin`, `eq` with null and `exists` with false, and nothing else.
/// null is like an absent field for all but `exists`.
/// - Values of different types are never equal, and neither is the greater. 1 and 1.0 are equal; an instant and a text
///   of RFC 3339 compare as instants.
///
/// A filter that was built wrong is invalid, as is all that contains it, its negation too: it says why, and holds for
/// nothing.
///
/// @code
/// const Filter recent = eq("online", true) || gt("last_active", "2019-01-07T12:00:00Z");
/// const Filter asked = recent && nin("id", {"jack", "bot"});
/// const User john{"john", false, "brb", *parse_timestamp("2019-01-07T13:17:42.375Z"), false};
/// assert(matches(asked, john));
/// const Matcher<User> holds = compile<User>(asked);  // for many users
/// assert(holds(john) && !holds(User{"bot", true, "", {}, false}));
///
/// assert(!matches(eq("online", "true"), john));  // a text is no bool
/// assert(validate(eq("online", "true"), Fields<User>{})->field == "online");  // for hosts that refuse such a filter
/// assert(in("id", "john").error()->code == ErrorCode::bad_operand);  // not a list
/// @endcode
class Filter {
 public:
  /// How many of `and_`, `or_` and `nor` may stand in each other.
  static constexpr unsigned deepest = 30;

  Filter() noexcept = default;

  Operator op() const noexcept { return op_; }                          ///< says what it consists of
  const std::string& field() const noexcept { return field_; }          ///< of a test
  const Value& operand() const noexcept { return operand_; }            ///< of a test; of `in` and `nin` an array
  const std::vector<Filter>& parts() const noexcept { return parts_; }  ///< of `all_of`, `any_of`, `none_of`

  /// Why it is invalid; absent: it is not.
  std::optional<Error> error() const noexcept {
    return op_ == Operator::invalid ? std::optional<Error>(error_) : std::nullopt;
  }

  /// Of one operator about a field; what the functions below make. Invalid where the operator has no use for the
  /// operand: `in` and `nin` need an array, `exists` a bool, `autocomplete` a text that is not empty, the ranges a
  /// number, a text or an instant, `contains` anything but an array; a number must be finite, and a field must have a
  /// name, which does not begin with `$`.
  static Filter test(Operator op, std::string_view field, Value operand) {
    if (field.empty() || field.front() == '$') return invalid(ErrorCode::bad_operand, "a field needs a name without $");
    if (const char* const wrong = wrong_operand(op, operand.view())) return invalid(ErrorCode::bad_operand, wrong);
    Filter filter;
    filter.op_ = op;
    filter.field_ = std::string(field);
    filter.operand_ = std::move(operand);
    return filter;
  }

  /// Of several filters. Invalid without any.
  static Filter combination(Operator op, std::vector<Filter> parts) {
    if (op != Operator::all_of && op != Operator::any_of && op != Operator::none_of)
      return invalid(ErrorCode::unknown_operator, "this operator combines no filters");
    if (parts.empty()) return invalid(ErrorCode::bad_operand, "at least one filter is needed here");
    unsigned depth = 0;
    for (const Filter& part : parts) {
      if (part.op_ == Operator::invalid) return invalid(part.error_.code, part.error_.message);
      depth = part.depth_ > depth ? part.depth_ : depth;
    }
    if (depth == deepest) return invalid(ErrorCode::too_deep, "nested too deeply");
    Filter filter;
    filter.op_ = op;
    filter.parts_ = std::move(parts);
    filter.depth_ = static_cast<std::uint8_t>(depth + 1);
    return filter;
  }

  /// @{
  /// Both; either; not this one. A chain of the same operator is one level deep.
  friend Filter operator&&(Filter a, Filter b) { return joined(Operator::all_of, std::move(a), std::move(b)); }
  friend Filter operator||(Filter a, Filter b) { return joined(Operator::any_of, std::move(a), std::move(b)); }
  friend Filter operator!(Filter a) {
    std::vector<Filter> parts;
    parts.push_back(std::move(a));
    return combination(Operator::none_of, std::move(parts));
  }
  /// @}

  /// Whether both ask the same in the same words.
  friend bool operator==(const Filter& a, const Filter& b) noexcept {
    return a.op_ == b.op_ && a.field_ == b.field_ && a.operand_ == b.operand_ && a.parts_ == b.parts_ &&
           a.error_ == b.error_;
  }
  friend bool operator!=(const Filter& a, const Filter& b) noexcept { return !(a == b); }

 private:
  static Filter invalid(ErrorCode code, const char* message) noexcept {
    Filter filter;
    filter.op_ = Operator::invalid;
    filter.error_.code = code;
    filter.error_.message = message;
    return filter;
  }

  static bool is_finite(const ValueView& value) noexcept {
    return value.kind() != ValueKind::real || value.real() - value.real() == 0.0;
  }

  static const char* wrong_operand(Operator op, const ValueView& operand) noexcept {
    const ValueKind kind = operand.kind();
    if (kind == ValueKind::invalid) return "a value that cannot be held, or an array in an array";
    if (!is_finite(operand)) return "a number must be finite";
    for (std::size_t i = 0; kind == ValueKind::array && i < operand.size(); ++i) {
      if (!is_finite(operand[i])) return "a number must be finite";
    }
    switch (op) {
      case Operator::eq:
      case Operator::ne: return nullptr;
      case Operator::in:
      case Operator::nin: return kind == ValueKind::array ? nullptr : "an array is needed here";
      case Operator::contains: return kind != ValueKind::array ? nullptr : "no array is possible here";
      case Operator::exists: return kind == ValueKind::boolean ? nullptr : "true or false is needed here";
      case Operator::autocomplete:
        return kind == ValueKind::text && !operand.text().empty() ? nullptr : "a text that is not empty is needed here";
      case Operator::gt:
      case Operator::gte:
      case Operator::lt:
      case Operator::lte:
        return operand.is_number() || kind == ValueKind::text || kind == ValueKind::instant
                   ? nullptr
                   : "a number, a text or an instant is needed here";
      default: return "this operator tests no field";
    }
  }

  static Filter joined(Operator op, Filter a, Filter b) {
    std::vector<Filter> parts;
    for (Filter* part : {&a, &b}) {
      if (part->op_ == op) {
        for (Filter& inner : part->parts_) parts.push_back(std::move(inner));
      } else {
        parts.push_back(std::move(*part));
      }
    }
    return combination(op, std::move(parts));
  }

  Operator op_ = Operator::everything;
  std::uint8_t depth_ = 0;
  std::string field_;
  Value operand_;
  std::vector<Filter> parts_;
  Error error_;
};

/// The field is the value, or has it; with an array: is the same set.
inline Filter eq(std::string_view field, Value value) { return Filter::test(Operator::eq, field, std::move(value)); }
/// The field is not what `eq` asks for: another value, or none.
inline Filter ne(std::string_view field, Value value) { return Filter::test(Operator::ne, field, std::move(value)); }
/// @{
/// The field, or an element of it, is greater than the value; or equal; less; or equal. Texts compare as bytes.
inline Filter gt(std::string_view field, Value value) { return Filter::test(Operator::gt, field, std::move(value)); }
inline Filter gte(std::string_view field, Value value) { return Filter::test(Operator::gte, field, std::move(value)); }
inline Filter lt(std::string_view field, Value value) { return Filter::test(Operator::lt, field, std::move(value)); }
inline Filter lte(std::string_view field, Value value) { return Filter::test(Operator::lte, field, std::move(value)); }
/// @}
/// The field is an array that has the value.
inline Filter contains(std::string_view field, Value value) {
  return Filter::test(Operator::contains, field, std::move(value));
}
/// The object has the field, or has it not.
inline Filter exists(std::string_view field, bool wanted) { return Filter::test(Operator::exists, field, wanted); }
/// A word of the field begins so, in whichever case: "ro" finds "Curiosity Rover". Letters of the Latin, Greek and
/// Cyrillic alphabets are the same in both cases.
inline Filter autocomplete(std::string_view field, std::string_view text) {
  return Filter::test(Operator::autocomplete, field, Value(text));
}

/// @{
/// The field is, or has, one of the values. Of none it holds for nothing.
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
/// The field neither is nor has any of the values.
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
/// All of them hold; at least one; none.
inline Filter and_(std::vector<Filter> parts) { return Filter::combination(Operator::all_of, std::move(parts)); }
inline Filter or_(std::vector<Filter> parts) { return Filter::combination(Operator::any_of, std::move(parts)); }
inline Filter nor(std::vector<Filter> parts) { return Filter::combination(Operator::none_of, std::move(parts)); }
/// @}

/// Whether the filter holds for the object: a User, a UserView, a Channel, or any type with Fields. For many objects
/// `compile` is faster.
template <class T>
bool matches(const Filter& filter, const T& object) {
  switch (filter.op()) {
    case Operator::everything: return true;
    case Operator::invalid: return false;
    case Operator::all_of:
      for (const Filter& part : filter.parts()) {
        if (!presence::matches(part, object)) return false;
      }
      return true;
    case Operator::any_of:
    case Operator::none_of:
      for (const Filter& part : filter.parts()) {
        if (presence::matches(part, object)) return filter.op() == Operator::any_of;
      }
      return filter.op() == Operator::none_of;
    default:
      return detail::with_field(object, filter.field(), [&](const ValueView& value) {
        return detail::holds(filter.op(), value, filter.operand().view());
      });
  }
}

/// A filter made ready for many objects of one type: its fields are resolved, and what it compares with is put where it
/// is found at once. Owns all it needs. Made by `compile`.
template <class T>
class Matcher {
 public:
  /// Costs what the filter is long; an `in` with many texts is made a set.
  explicit Matcher(const Filter& filter) { add(filter); }

  /// Says what `matches` says. Does not allocate, unless the fields of T do.
  bool operator()(const T& object) const { return holds(0, object); }

 private:
  struct Node {
    using Test = bool (*)(const Node&, const T&);

    Operator op = Operator::everything;
    std::uint32_t end = 0;  // of the parts, which follow it
    Test test = nullptr;
    detail::Operand operand;
    std::string field;  // one that is known only at run time
  };

  static constexpr const auto& list() noexcept { return Fields<T>::list; }
  using List = std::decay_t<decltype(Fields<T>::list)>;

  template <std::size_t i>
  static bool test_field(const Node& node, const T& object) {
    return detail::with_raw(detail::field_at<i>(list()), object, [&](const auto& raw) {
      using Raw = std::decay_t<decltype(raw)>;
      if constexpr (std::is_same<Raw, std::string>::value || std::is_same<Raw, std::string_view>::value) {
        return node.operand.answer(std::string_view(raw));
      } else if constexpr (std::is_same<Raw, std::vector<std::string>>::value ||
                           std::is_same<Raw, std::vector<std::string_view>>::value) {
        return node.operand.answer(raw);
      } else {
        return node.operand.answer(ValueView(raw));
      }
    });
  }
  static bool test_other(const Node& node, const T& object) {
    if constexpr (detail::has_other<T>) {
      return node.operand.answer(Fields<T>::other(object, node.field));
    } else {
      static_cast<void>(object);
      return node.operand.answer(ValueView());
    }
  }
  template <std::size_t... i>
  static typename Node::Test test_of(std::size_t field, std::index_sequence<i...>) noexcept {
    constexpr typename Node::Test tests[] = {&Matcher::test_field<i>..., &Matcher::test_other};
    return tests[field];
  }

  void add(const Filter& filter) {
    const std::size_t at = nodes_.size();
    Node node;
    node.op = filter.op();
    if (!filter.field().empty()) {
      node.test = test_of(detail::index_of_field(list(), filter.field()), std::make_index_sequence<List::size>());
      node.operand = detail::Operand(filter.op(), filter.operand());
      node.field = filter.field();
    }
    nodes_.push_back(std::move(node));
    for (const Filter& part : filter.parts()) add(part);
    nodes_[at].end = static_cast<std::uint32_t>(nodes_.size());
  }

  bool holds(std::size_t at, const T& object) const {
    const Node& node = nodes_[at];
    if (node.test != nullptr) return node.test(node, object);
    switch (node.op) {
      case Operator::everything: return true;
      case Operator::all_of:
        for (std::size_t part = at + 1; part < node.end; part = nodes_[part].end) {
          if (!holds(part, object)) return false;
        }
        return true;
      case Operator::any_of:
      case Operator::none_of:
        for (std::size_t part = at + 1; part < node.end; part = nodes_[part].end) {
          if (holds(part, object)) return node.op == Operator::any_of;
        }
        return node.op == Operator::none_of;
      default: return false;
    }
  }

  std::vector<Node> nodes_;  // each before its parts
};

/// The filter, made ready for objects of the type: `compile<User>(filter)`.
template <class T>
Matcher<T> compile(const Filter& filter) {
  return Matcher<T>(filter);
}

/// A test that objects of a type cannot answer.
struct Unanswerable {
  std::string field;                ///< empty where the filter itself is invalid
  Operator op = Operator::invalid;  ///< of the test
  const char* message = "";         ///< English, a string literal
};

namespace detail {

/// Which kinds of value a field may have, one bit each.
constexpr unsigned bit_of(ValueKind kind) noexcept { return 1u << static_cast<unsigned>(kind); }
inline constexpr unsigned number_bits =
    (1u << static_cast<unsigned>(ValueKind::integer)) | (1u << static_cast<unsigned>(ValueKind::real));
struct FieldKinds {
  unsigned scalar = ~0u, element = ~0u;  // of itself, and of its elements where it is an array
};

template <class Raw>
struct KindsOf {
  static constexpr FieldKinds kinds() noexcept {
    if constexpr (std::is_same<Raw, bool>::value) {
      return {bit_of(ValueKind::boolean), 0};
    } else if constexpr (std::is_arithmetic<Raw>::value) {
      return {number_bits, 0};
    } else if constexpr (std::is_same<Raw, Timestamp>::value) {
      return {bit_of(ValueKind::instant), 0};
    } else if constexpr (std::is_convertible<const Raw&, std::string_view>::value) {
      return {bit_of(ValueKind::text), 0};
    } else if constexpr (std::is_same<Raw, ValueView>::value || std::is_same<Raw, Value>::value) {
      return {};
    } else {
      return {0, KindsOf<std::decay_t<decltype(*std::declval<const Raw&>().data())>>::kinds().scalar};
    }
  }
};
template <class T>
struct KindsOf<std::optional<T>> : KindsOf<T> {};

/// Whether values of these kinds can stand in any order to the operand.
inline bool can_compare(unsigned kinds, const ValueView& operand) noexcept {
  if (operand.is_nothing()) return true;
  if (operand.is_number()) return (kinds & number_bits) != 0;
  unsigned wanted = bit_of(operand.kind());
  if (operand.kind() == ValueKind::instant) wanted |= bit_of(ValueKind::text);
  if (operand.kind() == ValueKind::text && parse_timestamp(operand.text())) wanted |= bit_of(ValueKind::instant);
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
    case Operator::autocomplete: return (any & bit_of(ValueKind::text)) != 0 ? nullptr : "the field is no text";
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

/// The first test that no object with these fields can answer but in one way: of a field that there is not, or of a
/// type that the field never has. Nothing is wrong with such a filter, it finds what it says; this is for hosts that
/// want to refuse it: `validate(filter, Fields<User>{})`. An invalid filter is unanswerable as a whole.
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

#endif  // PRESENCE_FILTER_HPP
