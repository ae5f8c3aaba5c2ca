// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_DETAIL_FILTER_READER_HPP
#define PRESENCE_JSON_DETAIL_FILTER_READER_HPP

#include <presence/base/detail/compact_vector.hpp>
#include <presence/base/result.hpp>
#include <presence/json/detail/reader.hpp>
#include <presence/json/detail/value_reader.hpp>
#include <presence/json/limits.hpp>
#include <presence/model/value.hpp>
#include <presence/query/filter.hpp>

#include <cstddef>      // for size_t
#include <optional>     // for optional, nullopt
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for move

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

struct OperatorName {
  Operator op;
  std::string_view name;
};
inline constexpr OperatorName operator_names[] = {
    {Operator::eq, "$eq"},
    {Operator::ne, "$ne"},
    {Operator::gt, "$gt"},
    {Operator::gte, "$gte"},
    {Operator::lt, "$lt"},
    {Operator::lte, "$lte"},
    {Operator::in, "$in"},
    {Operator::nin, "$nin"},
    {Operator::contains, "$contains"},
    {Operator::exists, "$exists"},
    {Operator::autocomplete, "$autocomplete"},
    {Operator::all_of, "$and"},
    {Operator::any_of, "$or"},
    {Operator::none_of, "$nor"},
};
inline std::optional<Operator> operator_of(std::string_view name) noexcept {
  for (const OperatorName& known : operator_names) {
    if (known.name == name) return known.op;
  }
  return std::nullopt;
}
inline std::string_view name_of(Operator op) noexcept {
  for (const OperatorName& known : operator_names) {
    if (known.op == op) return known.name;
  }
  return "$invalid";
}
constexpr bool is_combination(Operator op) noexcept {
  return op == Operator::all_of || op == Operator::any_of || op == Operator::none_of;
}

/// Reads a filter, and fails at the first value beyond the limits.
class FilterReader {
 public:
  // A combination has two levels of text, and a test two around its operand.
  static_assert(2 * Filter::deepest + 2 + Value::deepest < JsonReader::deepest_around_values,
                "each valid filter is read, also inside a query");

  FilterReader(std::string_view json, std::string& scratch, const FilterLimits& limits)
      : in_(json, scratch, nullptr, JsonReader::deepest_around_values),
        counts_(json, JsonCounts::Text::filter),
        left_(limits.max_values) {}

  JsonReader& in() noexcept { return in_; }
  /// Returns how many more values the limits allow.
  std::size_t values_left() const noexcept { return left_; }

  bool filter(Filter& filter, unsigned depth) {
    const JsonKind kind = in_.peek();
    const std::size_t offset = in_.offset();
    if (!in_.ok()) return false;
    if (kind != JsonKind::object) return in_.fail(ErrorCode::wrong_type, offset, "expected an object");
    if (!is_one_more(offset)) return false;
    CompactVector<Filter> parts;
    JsonKeys keys;
    const std::size_t count = counts_.next();
    parts.reserve(count);
    keys.reserve(count);
    std::string_view key;
    in_.open();
    while (in_.next_key(key)) {
      keys.add(in_, key);
      if (key.empty() || key.front() != '$') {
        if (!field(key, parts)) return false;
        continue;
      }
      const std::optional<Operator> op = operator_of(key);
      if (!op || !is_combination(*op))
        return in_.fail(ErrorCode::unknown_operator, in_.key_offset(), "unknown operator that combines filters");
      CompactVector<Filter> combined;
      if (!all_parts(combined, depth)) return false;
      parts.push_back(FilterMaker::combination(*op, std::move(combined)));
    }
    if (!keys.are_unique(in_)) return false;
    if (parts.size() == 1) {
      filter = std::move(parts[0]);
    } else if (!parts.empty()) {
      filter = FilterMaker::combination(Operator::all_of, std::move(parts));
    }
    if (const std::optional<Error> error = filter.error()) return in_.fail(error->code, offset, error->message);
    return true;
  }

 private:
  /// Counts a filter. Fails and returns false if the limit is exceeded.
  bool is_one_more(std::size_t offset) noexcept {
    if (left_ == 0) return in_.fail(ErrorCode::over_limit, offset, "the number of values exceeds the limit");
    --left_;
    return true;
  }

  bool test(Operator op, std::string_view field, std::size_t field_offset, Filter& made) {
    in_.peek();
    const std::size_t offset = in_.offset();
    Value value;
    if (!JsonValueReader(in_, counts_, left_, JsonValueReader::Repeated::fails).read(value)) return false;
    made = Filter::test(op, field, std::move(value));
    if (const std::optional<Error> error = made.error())
      return in_.fail(error->code, field.empty() ? field_offset : offset, error->message);
    return true;
  }

  /// Reads the condition of a field: a value, or an object of operators.
  bool field(std::string_view field, CompactVector<Filter>& parts) {
    const std::size_t field_offset = in_.key_offset();
    Filter part;
    if (in_.peek() != JsonKind::object) {
      if (!test(Operator::eq, field, field_offset, part)) return false;
      parts.push_back(std::move(part));
      return true;
    }
    const std::size_t offset = in_.offset();
    counts_.next();
    unsigned seen = 0;  // a bit for each operator
    std::optional<std::size_t> repeated;
    std::string_view key;
    in_.open();
    while (in_.next_key(key)) {
      const std::size_t key_offset = in_.key_offset();
      const std::optional<Operator> op = operator_of(key);
      if (!op || is_combination(*op))
        return in_.fail(ErrorCode::unknown_operator, key_offset, "unknown operator of a field");
      if (!test(*op, field, field_offset, part)) return false;
      const unsigned bit = 1u << static_cast<unsigned>(*op);
      // A repeated operator is not kept, because each test has a copy of the field name, which may be long.
      if ((seen & bit) == 0) parts.push_back(std::move(part));
      if ((seen & bit) != 0 && !repeated) repeated = key_offset;
      seen |= bit;
    }
    if (in_.ok() && seen == 0) return in_.fail(ErrorCode::bad_operand, offset, "expected an operator");
    if (repeated) return in_.fail(ErrorCode::duplicate_key, *repeated, JsonKeys::is_repeated);
    return in_.ok();
  }

  /// Reads the array of filters of a combining operator, after its key.
  bool all_parts(CompactVector<Filter>& parts, unsigned depth) {
    const JsonKind kind = in_.peek();
    const std::size_t offset = in_.offset();
    if (!in_.ok()) return false;
    if (kind != JsonKind::array) return in_.fail(ErrorCode::wrong_type, offset, "expected an array");
    if (depth == Filter::deepest) return in_.fail(ErrorCode::too_deep, offset, "nested too deeply");
    const std::size_t count = counts_.next();
    in_.open();
    while (in_.next_element()) {
      if (parts.empty() && in_.at_object()) parts.reserve(count);
      Filter part;
      if (!filter(part, depth + 1)) return false;
      parts.push_back(std::move(part));
    }
    if (in_.ok() && parts.empty()) return in_.fail(ErrorCode::bad_operand, offset, "expected at least one filter");
    return in_.ok();
  }

  JsonReader in_;
  JsonCounts counts_;
  std::size_t left_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_DETAIL_FILTER_READER_HPP
