// SPDX-License-Identifier: MIT
#ifndef PRESENCE_QUERY_DETAIL_FILTER_BODIES_HPP
#define PRESENCE_QUERY_DETAIL_FILTER_BODIES_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/base/detail/compact_text.hpp>
#include <presence/base/detail/compact_vector.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/base/result.hpp>
#include <presence/base/time.hpp>
#include <presence/model/fields.hpp>
#include <presence/model/value.hpp>
#include <presence/query/detail/operand.hpp>
#include <presence/query/filter.hpp>

#include <cstddef>           // for size_t
#include <cstdint>           // for uint8_t
#include <initializer_list>  // for initializer_list
#include <optional>          // for optional, nullopt
#include <string>            // for string
#include <string_view>       // for string_view
#include <utility>           // for move, swap
#include <vector>            // for vector

namespace presence {
inline namespace PRESENCE_ABI {

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY Filter::Filter(const Filter& other)
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
PRESENCE_DETAIL_BODY Filter::Filter(Filter&& other) noexcept : Value() { swap(other); }
PRESENCE_DETAIL_BODY Filter& Filter::operator=(const Filter& other) {
  Filter copy(other);
  swap(copy);
  return *this;
}
PRESENCE_DETAIL_BODY Filter& Filter::operator=(Filter&& other) noexcept {
  Filter taken(std::move(other));
  swap(taken);
  return *this;
}
PRESENCE_DETAIL_BODY Filter::~Filter() {
  if (op_ != Operator::everything && op_ != Operator::invalid) free_memory();
}
PRESENCE_DETAIL_BODY std::vector<Filter> Filter::parts() const&& { return parts(); }

PRESENCE_DETAIL_BODY std::optional<Error> Filter::error() const noexcept {
  if (op_ != Operator::invalid) return std::nullopt;
  Error error;
  error.code = code_;
  error.message = what_.message;
  return error;
}

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY Filter Filter::test(Operator op, std::string_view field, Value operand) {
  if (field.empty() || field.front() == '$') return invalid(ErrorCode::bad_operand, "a field needs a name without $");
  if (const char* const wrong = wrong_operand(op, operand.view())) return invalid(ErrorCode::bad_operand, wrong);
  detail::CompactText name(field);
  Filter filter;
  filter.op_ = op;
  filter.what_.field = name.release();
  filter.own_operand() = std::move(operand);
  return filter;
}

PRESENCE_DETAIL_BODY Filter Filter::combination(Operator op, std::vector<Filter> parts) {
  Parts own;
  own.reserve(parts.size());
  for (Filter& part : parts) own.push_back(std::move(part));
  return combination_of(op, std::move(own));
}

PRESENCE_DETAIL_BODY Filter Filter::negated(Filter&& a) {
  Parts parts;
  parts.push_back(std::move(a));
  return combination_of(Operator::none_of, std::move(parts));
}

PRESENCE_DETAIL_BODY bool Filter::are_equal(const Filter& a, const Filter& b) noexcept {
  return a.op_ == b.op_ && a.field() == b.field() && a.operand() == b.operand() && a.parts() == b.parts() &&
         (a.op_ != Operator::invalid || a.code_ == b.code_);
}

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Filter::free_memory() noexcept {
  if (is_test()) {
    detail::CompactText::adopt(what_.field);
  } else if (is_combination()) {
    Parts::adopt(what_.parts);
  }
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Filter::swap(Filter& other) noexcept {
  std::swap(op_, other.op_);
  std::swap(depth_, other.depth_);
  std::swap(code_, other.code_);
  std::swap(what_, other.what_);
  std::swap(own_operand(), other.own_operand());
}

PRESENCE_DETAIL_BODY Filter Filter::invalid(ErrorCode code, const char* message) noexcept {
  Filter filter;
  filter.op_ = Operator::invalid;
  filter.code_ = code;
  filter.what_.message = message;
  return filter;
}

PRESENCE_DETAIL_BODY Filter Filter::combination_of(Operator op, Parts parts) noexcept {
  if (op != Operator::all_of && op != Operator::any_of && op != Operator::none_of)
    return invalid(ErrorCode::unknown_operator, "this operator combines no filters");
  if (parts.empty()) return invalid(ErrorCode::bad_operand, "expected at least one filter");
  return combination_from(op, std::move(parts), 0, 0);
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY Filter Filter::combination_from(Operator op, Parts parts, std::size_t first,
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

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY bool Filter::is_finite(const ValueView& value) noexcept {
  if (value.kind() == ValueKind::real) return value.real() - value.real() == 0.0;
  for (std::size_t i = 0; value.kind() == ValueKind::array && i < value.size(); ++i) {
    if (!is_finite(value[i])) return false;
  }
  for (const ValueMember& member : value.members()) {
    if (!is_finite(member.value().view())) return false;
  }
  return true;
}

PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY const char* Filter::wrong_object(Operator op) noexcept {
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

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY const char* Filter::wrong_operand(Operator op,
                                                                             const ValueView& operand) noexcept {
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

PRESENCE_DETAIL_BODY Filter Filter::joined(Operator op, Filter a, Filter b) {
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

namespace detail {

PRESENCE_DETAIL_BODY Filter FilterMaker::combination(Operator op, CompactVector<Filter> parts) noexcept {
  return Filter::combination_of(op, std::move(parts));
}

}  // namespace detail

PRESENCE_DETAIL_BODY Filter eq(std::string_view field, Value value) {
  return Filter::test(Operator::eq, field, std::move(value));
}
PRESENCE_DETAIL_BODY Filter ne(std::string_view field, Value value) {
  return Filter::test(Operator::ne, field, std::move(value));
}
PRESENCE_DETAIL_BODY Filter gt(std::string_view field, Value value) {
  return Filter::test(Operator::gt, field, std::move(value));
}
PRESENCE_DETAIL_BODY Filter gte(std::string_view field, Value value) {
  return Filter::test(Operator::gte, field, std::move(value));
}
PRESENCE_DETAIL_BODY Filter lt(std::string_view field, Value value) {
  return Filter::test(Operator::lt, field, std::move(value));
}
PRESENCE_DETAIL_BODY Filter lte(std::string_view field, Value value) {
  return Filter::test(Operator::lte, field, std::move(value));
}
PRESENCE_DETAIL_BODY Filter contains(std::string_view field, Value value) {
  return Filter::test(Operator::contains, field, std::move(value));
}
PRESENCE_DETAIL_BODY Filter exists(std::string_view field, bool wanted) {
  return Filter::test(Operator::exists, field, wanted);
}
PRESENCE_DETAIL_BODY Filter autocomplete(std::string_view field, std::string_view text) {
  return Filter::test(Operator::autocomplete, field, Value(text));
}
PRESENCE_DETAIL_BODY Filter in(std::string_view field, Value values) {
  return Filter::test(Operator::in, field, std::move(values));
}
PRESENCE_DETAIL_BODY Filter in(std::string_view field, std::initializer_list<Value> values) {
  return presence::in(field, Value::array(values));
}
PRESENCE_DETAIL_BODY Filter nin(std::string_view field, Value values) {
  return Filter::test(Operator::nin, field, std::move(values));
}
PRESENCE_DETAIL_BODY Filter nin(std::string_view field, std::initializer_list<Value> values) {
  return presence::nin(field, Value::array(values));
}
PRESENCE_DETAIL_BODY Filter and_(std::vector<Filter> parts) {
  return Filter::combination(Operator::all_of, std::move(parts));
}
PRESENCE_DETAIL_BODY Filter or_(std::vector<Filter> parts) {
  return Filter::combination(Operator::any_of, std::move(parts));
}
PRESENCE_DETAIL_BODY Filter nor(std::vector<Filter> parts) {
  return Filter::combination(Operator::none_of, std::move(parts));
}

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

PRESENCE_DETAIL_BODY bool matches_fields(
    const Filter& filter, FunctionRef<bool(std::string_view name, FunctionRef<bool(const ValueView&)>)> with_field) {
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

PRESENCE_DETAIL_BODY bool Operand::is_match(const ValueView& element) const noexcept {
  switch (form_) {
    case Form::moment: return static_cast<const MomentOperand&>(*this).is_match(element);
    case Form::set: return static_cast<const SetOperand&>(*this).is_match(element);
    case Form::prefix: return static_cast<const PrefixOperand&>(*this).is_match(element);
    default: return static_cast<const ScalarOperand&>(*this).is_match(element);
  }
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY bool Operand::answer(const ValueView& field) const {
  if (op_ == Operator::exists) return !field.is_absent() == static_cast<const ScalarOperand&>(*this).is_wanted();
  if (form_ == Form::set && static_cast<const SetOperand&>(*this).is_of_array())
    return static_cast<const SetOperand&>(*this).answer_array(field);
  if (op_ == Operator::contains && !is_array(field)) return false;
  return any_element(field, [this](const ValueView& element) { return is_match(element); }) != is_negative_;
}
PRESENCE_DETAIL_BODY bool Operand::answer(std::string_view field) const noexcept {
  switch (form_) {
    case Form::moment: return static_cast<const MomentOperand&>(*this).answer_text(field);
    case Form::set: return static_cast<const SetOperand&>(*this).answer_text(field);
    case Form::prefix: return static_cast<const PrefixOperand&>(*this).answer_text(field);
    default: return static_cast<const ScalarOperand&>(*this).answer_text(field);
  }
}
template <class Text>
bool Operand::answer_texts(const std::vector<Text>& field) const {
  if (op_ == Operator::exists) return answer(ValueView(field));
  const auto is_any = [&field](const auto& operand) {
    for (const std::string_view text : field) {
      if (operand.is_match(text)) return true;
    }
    return false;
  };
  switch (form_) {
    case Form::moment: return is_any(static_cast<const MomentOperand&>(*this)) != is_negative_;
    case Form::set: {
      const SetOperand& set = static_cast<const SetOperand&>(*this);
      return set.is_of_array() ? set.answer_array(ValueView(field)) : is_any(set) != is_negative_;
    }
    case Form::prefix: return is_any(static_cast<const PrefixOperand&>(*this));
    default: return is_any(static_cast<const ScalarOperand&>(*this)) != is_negative_;
  }
}
PRESENCE_DETAIL_BODY bool Operand::answer(const std::vector<std::string>& field) const { return answer_texts(field); }
PRESENCE_DETAIL_BODY bool Operand::answer(const std::vector<std::string_view>& field) const {
  return answer_texts(field);
}

PRESENCE_DETAIL_BODY Operand* Operand::make(Operator op, const Value& value) {
  if (op == Operator::autocomplete) return create<PrefixOperand>(op, value);
  if (value.kind() == ValueKind::array) return create<SetOperand>(op, value);
  Moment moment;
  if (read_moment(value.view(), moment)) return create<MomentOperand>(op, value, moment);
  return create<ScalarOperand>(op, value);
}
PRESENCE_DETAIL_BODY Operand* Operand::copy(const Operand& other) {
  switch (other.form_) {
    case Form::moment: return create<MomentOperand>(static_cast<const MomentOperand&>(other));
    case Form::set: return create<SetOperand>(static_cast<const SetOperand&>(other));
    case Form::prefix: return create<PrefixOperand>(static_cast<const PrefixOperand&>(other));
    default: return create<ScalarOperand>(static_cast<const ScalarOperand&>(other));
  }
}
PRESENCE_DETAIL_BODY void Operand::drop(Operand* operand) noexcept {
  switch (operand->form_) {
    case Form::moment: return destroy(static_cast<MomentOperand*>(operand));
    case Form::set: return destroy(static_cast<SetOperand*>(operand));
    case Form::prefix: return destroy(static_cast<PrefixOperand*>(operand));
    default: return destroy(static_cast<ScalarOperand*>(operand));
  }
}

/// A test or a combination. Small, because a filter may have one for every three bytes of its text.
class CompiledFilter::Node {
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

PRESENCE_DETAIL_BODY CompiledFilter::CompiledFilter(const Filter& filter, const Tests& tests) {
  std::size_t nodes = 0, characters = 0;
  measure(filter, tests, nodes, characters);
  nodes_.reserve(nodes);
  names_.reserve(characters);
  add(filter, tests);
}
PRESENCE_DETAIL_BODY CompiledFilter::CompiledFilter(const CompiledFilter& other) = default;
PRESENCE_DETAIL_BODY CompiledFilter::CompiledFilter(CompiledFilter&& other) noexcept = default;
PRESENCE_DETAIL_BODY CompiledFilter& CompiledFilter::operator=(const CompiledFilter& other) = default;
PRESENCE_DETAIL_BODY CompiledFilter& CompiledFilter::operator=(CompiledFilter&& other) noexcept = default;
PRESENCE_DETAIL_BODY CompiledFilter::~CompiledFilter() = default;

PRESENCE_DETAIL_BODY bool CompiledFilter::holds(const void* object) const { return holds(0, object); }
PRESENCE_DETAIL_BODY std::string_view CompiledFilter::name_of(const Operand& operand) const noexcept {
  return std::string_view(names_.data() + operand.field_at, operand.field_size);
}

PRESENCE_DETAIL_BODY std::size_t CompiledFilter::index_of(std::string_view name, const Tests& tests) noexcept {
  return index_of_name(tests.names, tests.size, name);
}

PRESENCE_DETAIL_BODY void CompiledFilter::measure(const Filter& filter, const Tests& tests, std::size_t& nodes,
                                                  std::size_t& characters) noexcept {
  ++nodes;
  if (tests.has_other && !filter.field().empty() && index_of(filter.field(), tests) == tests.size)
    characters += filter.field().size();
  for (const Filter& part : filter.parts()) measure(part, tests, nodes, characters);
}
PRESENCE_DETAIL_BODY void CompiledFilter::add(const Filter& filter, const Tests& tests) {
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
PRESENCE_DETAIL_BODY bool CompiledFilter::holds(std::size_t at, const void* object) const {
  const Node& node = nodes_[at];
  if (node.test() != nullptr) return node.test()(*this, node.operand(), object);
  return combination_matches(node.op(), [&](bool wanted) {
    for (std::size_t part = at + 1, end = node.end_of_parts(); part < end; part = nodes_[part].end(part)) {
      if (holds(part, object) == wanted) return true;
    }
    return false;
  });
}

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

PRESENCE_DETAIL_BODY const char* why_unanswerable(const FieldKinds& kinds, Operator op,
                                                  const ValueView& operand) noexcept {
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

PRESENCE_DETAIL_BODY std::optional<Unanswerable> first_unanswerable(const Filter& filter,
                                                                    FunctionRef<const char*(const Filter&)> why) {
  if (const std::optional<Error> error = filter.error()) return Unanswerable{{}, Operator::invalid, error->message};
  for (const Filter& part : filter.parts()) {
    if (std::optional<Unanswerable> wrong = first_unanswerable(part, why)) return wrong;
  }
  if (filter.field().empty()) return std::nullopt;
  const char* const message = why(filter);
  return message == nullptr ? std::nullopt
                            : std::optional<Unanswerable>(Unanswerable{filter.field(), filter.op(), message});
}

}  // namespace detail

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_QUERY_DETAIL_FILTER_BODIES_HPP
