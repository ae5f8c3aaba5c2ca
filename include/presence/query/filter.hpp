// SPDX-License-Identifier: MIT
#ifndef PRESENCE_QUERY_FILTER_HPP
#define PRESENCE_QUERY_FILTER_HPP

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
#include <type_traits>       // for enable_if, integral_constant, is_arithmetic, is_convertible, is_same
#include <utility>           // for index_sequence, make_index_sequence, move, swap
#include <vector>            // for vector

namespace presence {
inline namespace PRESENCE_ABI {

/// The name of a field, borrowed from the filter that asks about it: read like a std::string_view, and converts to a
/// std::string, which copies it.
class FieldName : public std::string_view {
 public:
  constexpr FieldName() noexcept = default;                                                 ///< empty
  constexpr explicit FieldName(std::string_view name) noexcept : std::string_view(name) {}  ///< of these characters

  operator std::string() const { return std::string(data(), size()); }  ///< a copy
  /// @{
  /// As of strings.
  friend std::string operator+(std::string a, const FieldName& b) { return a.append(b.data(), b.size()); }
  friend std::string operator+(const FieldName& a, std::string_view b) {
    return std::string(a.data(), a.size()).append(b.data(), b.size());
  }
  /// @}
};

namespace detail {

class FilterMaker;

/// What `{"a", "b"}` makes where a text is wanted, so that it does not make one.
struct TwoTexts {
  TwoTexts(const char*, const char*) noexcept {}
};

}  // namespace detail

/// A question to an object, which holds or does not. A plain value, made by the functions below; `Filter{}` holds for
/// every object. Meaning follows the chat services and, where those are silent, MongoDB:
///
/// - An array is what it has: `in` holds when both have something in common and `nin` when they have not; `eq` with a
///   value that is no array asks whether that is an element; `eq` with an array whether both are the same set. A range
///   test and `autocomplete` hold when they do for an element.
/// - A field that the object lacks passes `ne` and `nin`, `eq` with null and `exists` with false, and nothing else.
/// null is like an absent field for all but `exists`.
/// - Values of different types are never equal, and neither is the greater. 1 and 1.0 are equal. Strings compare as
/// bytes,
///   but strings of RFC 3339, of any year, compare as points in time with each other and with timestamps:
///   "2019-01-07T13:17:42Z" equals "2019-01-07T14:17:42.0+01:00".
///
/// Every test takes time that is linear in what it is asked about and what it compares with, up to a logarithm.
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
// With what it compares as its base, a filter has room for the rest of it behind that.
class Filter : private Value {
 public:
  /// How many of `and_`, `or_` and `nor` may stand in each other.
  static constexpr unsigned deepest = 30;

  Filter() noexcept = default;
  /// A copy of all parts.
  Filter(const Filter& other)
      : Value(other.operand()), op_(other.op_), depth_(other.depth_), code_(other.code_), what_(other.what_) {
    if (is_test()) {
      what_.field = detail::characters_of(other.field()).release();
    } else if (is_combination()) {
      Parts copy;
      copy.reserve(other.parts().size());
      for (const Filter& part : other.parts()) copy.push_back(part);
      what_.parts = copy.release();
    }
  }
  /// Leaves one behind that holds for everything.
  Filter(Filter&& other) noexcept : Value() { swap(other); }
  /// @{
  /// The other may be a part of this one. What was moved from holds for everything.
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
    if (is_test()) {
      detail::CompactVector<char>::adopt(what_.field);
    } else if (is_combination()) {
      Parts::adopt(what_.parts);
    }
  }

  Operator op() const noexcept { return op_; }  ///< says what it consists of
  /// @{
  /// Of a test; empty otherwise. Of a temporary it is copied.
  FieldName field() const& noexcept { return is_test() ? FieldName(detail::text_of(what_.field)) : FieldName(); }
  std::string field() const&& { return field(); }
  /// @}
  const Value& operand() const noexcept { return *this; }  ///< of a test; of `in` and `nin` an array
  /// @{
  /// Of `all_of`, `any_of` and `none_of`; empty otherwise. Of a temporary they are copied.
  Elements<Filter> parts() const& noexcept {
    if (!is_combination() || what_.parts == nullptr) return {};
    return {Parts::elements_of(what_.parts), what_.parts->size};
  }
  std::vector<Filter> parts() const&& { return parts(); }
  /// @}

  /// Why it is invalid; absent: it is not.
  std::optional<Error> error() const noexcept {
    if (op_ != Operator::invalid) return std::nullopt;
    Error error;
    error.code = code_;
    error.message = what_.message;
    return error;
  }

  /// Of one operator about a field; what the functions below make. Invalid where the operator has no use for the
  /// operand: `in` and `nin` need an array, `exists` a bool, `autocomplete` a text that is not empty, the ranges a
  /// number, a text or a timestamp, `contains` anything but an array; a number must be finite, and a field must have a
  /// name, which does not begin with `$`.
  static Filter test(Operator op, std::string_view field, Value operand) {
    if (field.empty() || field.front() == '$') return invalid(ErrorCode::bad_operand, "a field needs a name without $");
    if (const char* const wrong = wrong_operand(op, operand.view())) return invalid(ErrorCode::bad_operand, wrong);
    detail::CompactVector<char> name = detail::characters_of(field);
    Filter filter;
    filter.op_ = op;
    filter.what_.field = name.release();
    filter.own_operand() = std::move(operand);
    return filter;
  }

  /// Of several filters. Invalid without any.
  static Filter combination(Operator op, std::vector<Filter> parts) {
    Parts own;
    own.reserve(parts.size());
    for (Filter& part : parts) own.push_back(std::move(part));
    return combination_of(op, std::move(own));
  }

  /// @{
  /// Both; either; not this one. A chain of the same operator is one level deep, and takes linear time to make.
  friend Filter operator&&(Filter a, Filter b) { return joined(Operator::all_of, std::move(a), std::move(b)); }
  friend Filter operator||(Filter a, Filter b) { return joined(Operator::any_of, std::move(a), std::move(b)); }
  friend Filter operator!(Filter a) {
    Parts parts;
    parts.push_back(std::move(a));
    return combination_of(Operator::none_of, std::move(parts));
  }
  /// @}

  /// Whether both ask the same in the same words.
  friend bool operator==(const Filter& a, const Filter& b) noexcept {
    return a.op_ == b.op_ && a.field() == b.field() && a.operand() == b.operand() && a.parts() == b.parts() &&
           (a.op_ != Operator::invalid || a.code_ == b.code_);
  }
  friend bool operator!=(const Filter& a, const Filter& b) noexcept { return !(a == b); }

 private:
  friend class detail::FilterMaker;
  using Parts = detail::CompactVector<Filter>;

  union What {
    detail::CompactVector<char>::Head* field;  // of a test
    Parts::Head* parts;                        // of a combination
    const char* message;                       // of what is invalid
  };

  bool is_combination() const noexcept {
    return op_ == Operator::all_of || op_ == Operator::any_of || op_ == Operator::none_of;
  }
  bool is_test() const noexcept { return op_ != Operator::everything && op_ != Operator::invalid && !is_combination(); }
  Value& own_operand() noexcept { return *this; }
  void swap(Filter& other) noexcept {
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
    if (parts.empty()) return invalid(ErrorCode::bad_operand, "at least one filter is needed here");
    return combination_from(op, std::move(parts), 0, 0);
  }
  /// Of parts of which the first ones are known to be valid, and no deeper than that.
  static Filter combination_from(Operator op, Parts parts, std::size_t first, unsigned depth) noexcept {
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
    if (a.op_ == Operator::invalid) return a;
    if (b.op_ == Operator::invalid) return b;
    if (a.op_ != op) {
      Parts alone;
      alone.reserve(2);
      alone.push_back(std::move(a));
      a = combination_of(op, std::move(alone));
      if (a.op_ != op) return a;
    }
    // What the first has is not iterated again, so that a long chain takes linear time.
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
  ErrorCode code_ = ErrorCode::syntax;  // of what is invalid
  What what_ = {nullptr};
};

namespace detail {

/// Makes filters of parts that are where they are to be.
class FilterMaker {
 public:
  static Filter combination(Operator op, CompactVector<Filter> parts) noexcept {
    return Filter::combination_of(op, std::move(parts));
  }
};

}  // namespace detail

/// The field is the value, or has it; with an array: is the same set.
inline Filter eq(std::string_view field, Value value) { return Filter::test(Operator::eq, field, std::move(value)); }
/// The field is not what `eq` asks for: another value, or none.
inline Filter ne(std::string_view field, Value value) { return Filter::test(Operator::ne, field, std::move(value)); }
/// @{
/// The field, or an element of it, is greater than the value; or equal; less; or equal. Strings compare as bytes.
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
/// Two strings are not the two ends of one.
Filter autocomplete(std::string_view field, detail::TwoTexts texts) = delete;

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
        return detail::holds(filter.op(), value, filter.operand());
      });
  }
}

/// A filter made ready for many objects of one type: its fields are resolved, and what it compares with is put where it
/// is found at once. Owns all it needs. Made by `compile`.
template <class T>
class Matcher {
 public:
  /// Costs what the filter is long; what an array has is sorted.
  explicit Matcher(const Filter& filter) {
    std::size_t nodes = 0, characters = 0;
    measure(filter, nodes, characters);
    nodes_.reserve(nodes);
    names_.reserve(characters);
    add(filter);
  }

  /// Says what `matches` says. Does not allocate, unless the fields of T do, or an array is compared with one that has
  /// more than a thousand different values.
  bool operator()(const T& object) const { return holds(0, object); }

 private:
  /// Small, as there may be one for each three bytes of a filter.
  class Node {
   public:
    using Test = bool (*)(const Matcher&, const detail::Operand&, const T&);

    explicit Node(Operator op) noexcept : content_{static_cast<std::size_t>(op)} {}
    Node(std::size_t field, Operator op, const Value& operand) : Node(op) {
      content_.operand = detail::Operand::make(op, operand);
      test_ = test_of(field, content_.operand->form());
    }
    Node(const Node& other) : test_(other.test_), content_(other.content_) {
      if (test_ != nullptr) content_.operand = detail::Operand::copy(other.operand());
    }
    Node(Node&& other) noexcept : test_(other.test_), content_(other.content_) { other.test_ = nullptr; }
    Node& operator=(Node other) noexcept {
      std::swap(test_, other.test_);
      std::swap(content_, other.content_);
      return *this;
    }
    ~Node() {
      if (test_ != nullptr) detail::Operand::drop(content_.operand);
    }

    Test test() const noexcept { return test_; }  // null: of no test
    /// @{
    /// Of a test.
    const detail::Operand& operand() const noexcept { return *content_.operand; }
    detail::Operand& operand() noexcept { return *content_.operand; }
    /// @}
    /// @{
    /// Of no test. The parts follow it.
    Operator op() const noexcept { return static_cast<Operator>(content_.parts & op_mask); }
    std::size_t end_of_parts() const noexcept { return content_.parts >> op_bits; }
    /// @}
    /// Behind it and its parts, if it is at this place.
    std::size_t end(std::size_t at) const noexcept { return test_ != nullptr ? at + 1 : end_of_parts(); }
    void set_end(std::size_t end) noexcept {
      if (test_ == nullptr) content_.parts = end << op_bits | (content_.parts & op_mask);
    }

   private:
    static constexpr unsigned op_bits = 4;  // there are fewer nodes in any memory than the other bits can count
    static constexpr std::size_t op_mask = (std::size_t{1} << op_bits) - 1;
    union Content {
      std::size_t parts;
      detail::Operand* operand;
    };

    Test test_ = nullptr;
    Content content_;
  };

  static constexpr const auto& list() noexcept { return Fields<T>::list; }
  using List = std::decay_t<decltype(Fields<T>::list)>;

  template <std::size_t i, detail::Operand::Form form>
  static bool test_field(const Matcher&, const detail::Operand& of_any_form, const T& object) {
    return detail::with_raw(detail::field_at<i>(list()), object, [&](const auto& raw) {
      using Raw = std::decay_t<decltype(raw)>;
      const auto& operand = static_cast<const typename detail::OperandOf<form>::Type&>(of_any_form);
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
  template <detail::Operand::Form form>
  static bool test_other(const Matcher& self, const detail::Operand& of_any_form, const T& object) {
    const auto& operand = static_cast<const typename detail::OperandOf<form>::Type&>(of_any_form);
    if constexpr (detail::has_other<T>) {
      const std::string_view name(self.names_.data() + operand.field_at, operand.field_size);
      return operand.answer(ValueView(Fields<T>::other(object, name)));
    } else {
      static_cast<void>(self), static_cast<void>(object);
      return operand.answer(ValueView());
    }
  }
  template <detail::Operand::Form form, std::size_t... i>
  static typename Node::Test test_of_form(std::size_t field, std::index_sequence<i...>) noexcept {
    constexpr typename Node::Test tests[] = {&Matcher::test_field<i, form>..., &Matcher::test_other<form>};
    return tests[field];
  }
  static typename Node::Test test_of(std::size_t field, detail::Operand::Form form) noexcept {
    using Form = detail::Operand::Form;
    constexpr auto all = std::make_index_sequence<List::size>();
    switch (form) {
      case Form::moment: return test_of_form<Form::moment>(field, all);
      case Form::set: return test_of_form<Form::set>(field, all);
      case Form::prefix: return test_of_form<Form::prefix>(field, all);
      default: return test_of_form<Form::scalar>(field, all);
    }
  }

  /// Whether the name of the field is needed to read it.
  static bool is_known_by_name(std::size_t field) noexcept { return detail::has_other<T> && field == List::size; }

  /// How many nodes there will be, and how long the names are that are kept.
  static void measure(const Filter& filter, std::size_t& nodes, std::size_t& characters) noexcept {
    ++nodes;
    if (!filter.field().empty() && is_known_by_name(detail::index_of_field(list(), filter.field())))
      characters += filter.field().size();
    for (const Filter& part : filter.parts()) measure(part, nodes, characters);
  }

  void add(const Filter& filter) {
    const std::size_t at = nodes_.size();
    if (filter.field().empty()) {
      nodes_.emplace_back(filter.op());
    } else {
      const std::size_t field = detail::index_of_field(list(), filter.field());
      nodes_.emplace_back(field, filter.op(), filter.operand());
      if (is_known_by_name(field)) {
        nodes_.back().operand().field_at = names_.size();
        nodes_.back().operand().field_size = filter.field().size();
        names_.append(filter.field().data(), filter.field().size());
      }
    }
    for (const Filter& part : filter.parts()) add(part);
    nodes_[at].set_end(nodes_.size());
  }

  bool holds(std::size_t at, const T& object) const {
    const Node& node = nodes_[at];
    if (node.test() != nullptr) return node.test()(*this, node.operand(), object);
    switch (node.op()) {
      case Operator::everything: return true;
      case Operator::all_of:
        for (std::size_t part = at + 1, end = node.end_of_parts(); part < end; part = nodes_[part].end(part)) {
          if (!holds(part, object)) return false;
        }
        return true;
      case Operator::any_of:
      case Operator::none_of:
        for (std::size_t part = at + 1, end = node.end_of_parts(); part < end; part = nodes_[part].end(part)) {
          if (holds(part, object)) return node.op() == Operator::any_of;
        }
        return node.op() == Operator::none_of;
      default: return false;
    }
  }

  std::vector<Node> nodes_;  // each before its parts
  std::string names_;        // of the fields that are known only at run time
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
  Moment moment;
  if (operand.kind() == ValueKind::text && read_moment(operand.text(), moment)) wanted |= bit_of(ValueKind::instant);
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

#endif  // PRESENCE_QUERY_FILTER_HPP
