// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_FILTER_HPP
#define PRESENCE_JSON_FILTER_HPP

#include <presence/detail/decimal.hpp>
#include <presence/detail/json_reader.hpp>
#include <presence/detail/operand.hpp>
#include <presence/filter.hpp>
#include <presence/json.hpp>
#include <presence/result.hpp>
#include <presence/value.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t
#include <optional>     // for optional
#include <string>       // for string, to_string
#include <string_view>  // for string_view
#include <utility>      // for move
#include <vector>       // for vector

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

/// Reads what comes next as a value that is no array. False after an error.
inline bool read_scalar(JsonReader& in, Value& value) {
  JsonValue found;
  in.read(found);
  if (!in.ok()) return false;
  switch (found.kind) {
    case JsonKind::null: value = Value(); return true;
    case JsonKind::boolean: value = Value(found.truth); return true;
    case JsonKind::string: value = Value(found.text); return true;
    case JsonKind::number: {
      if (found.text.find_first_of(".eE") == std::string_view::npos) {
        std::int64_t integer = 0;
        if (!to_int64(found.text, integer))
          return in.fail(ErrorCode::out_of_range, found.offset, "an integer has 64 bits");
        value = Value(integer);
        return true;
      }
      double real = 0;
      if (!read_double(found.text, real))
        return in.fail(ErrorCode::out_of_range, found.offset, "larger than any double");
      value = Value(real);
      return true;
    }
    case JsonKind::array: return in.fail(ErrorCode::wrong_type, found.offset, "no array is possible here");
    default: return in.fail(ErrorCode::wrong_type, found.offset, "no object is possible here");
  }
}

inline bool read_value(JsonReader& in, Value& value) {
  if (in.peek() != JsonKind::array) return read_scalar(in, value);
  std::vector<Value> elements;
  in.open();
  while (in.next_element()) {
    Value element;
    if (!read_scalar(in, element)) return false;
    elements.push_back(std::move(element));
  }
  value = Value::array(elements);
  return in.ok();
}

/// The keys of an object that is read, each of which may stand there once.
class JsonKeys {
 public:
  void add(const JsonReader& in, std::string_view key) { all_.push_back(Key{key, in.key_offset()}); }
  bool empty() const noexcept { return all_.empty(); }

  /// At the end of the object: fails at the first key that stands there a second time. False after any error.
  bool are_unique(JsonReader& in) {
    detail::sort(all_, [](const Key& a, const Key& b) { return a.key != b.key ? a.key < b.key : a.offset < b.offset; });
    const Key* repeated = nullptr;
    for (std::size_t i = 1; i < all_.size(); ++i) {
      if (all_[i].key == all_[i - 1].key && (repeated == nullptr || all_[i].offset < repeated->offset))
        repeated = &all_[i];
    }
    if (in.ok() && repeated != nullptr)
      in.fail(ErrorCode::duplicate_key, repeated->offset, "this key stands in the object twice");
    return in.ok();
  }

 private:
  struct Key {
    std::string_view key;
    std::size_t offset;
  };
  std::vector<Key> all_;
};

inline bool read_test(JsonReader& in, Operator op, std::string_view field, std::size_t field_offset,
                      std::vector<Filter>& parts) {
  in.peek();
  const std::size_t offset = in.offset();
  Value operand;
  if (!read_value(in, operand)) return false;
  Filter test = Filter::test(op, field, std::move(operand));
  if (const std::optional<Error> error = test.error())
    return in.fail(error->code, field.empty() ? field_offset : offset, error->message);
  parts.push_back(std::move(test));
  return true;
}

/// Reads what a field is asked: a value, or an object of operators.
inline bool read_field(JsonReader& in, std::string_view field, std::vector<Filter>& parts) {
  const std::size_t field_offset = in.key_offset();
  if (in.peek() != JsonKind::object) return read_test(in, Operator::eq, field, field_offset, parts);
  const std::size_t offset = in.offset();
  JsonKeys keys;
  std::string_view key;
  in.open();
  while (in.next_key(key)) {
    keys.add(in, key);
    const std::optional<Operator> op = operator_of(key);
    if (!op || is_combination(*op))
      return in.fail(ErrorCode::unknown_operator, in.key_offset(), "no operator of a field");
    if (!read_test(in, *op, field, field_offset, parts)) return false;
  }
  if (in.ok() && keys.empty()) return in.fail(ErrorCode::bad_operand, offset, "an operator is needed here");
  return keys.are_unique(in);
}

inline bool read_filter(JsonReader& in, Filter& filter, unsigned depth);

/// Reads the filters that one of the combining operators has, once its key was read.
inline bool read_parts(JsonReader& in, std::vector<Filter>& parts, unsigned depth) {
  const JsonKind kind = in.peek();
  const std::size_t offset = in.offset();
  if (!in.ok()) return false;
  if (kind != JsonKind::array) return in.fail(ErrorCode::wrong_type, offset, "an array is needed here");
  if (depth == Filter::deepest) return in.fail(ErrorCode::too_deep, offset, "nested too deeply");
  in.open();
  while (in.next_element()) {
    Filter part;
    if (!read_filter(in, part, depth + 1)) return false;
    parts.push_back(std::move(part));
  }
  if (in.ok() && parts.empty()) return in.fail(ErrorCode::bad_operand, offset, "at least one filter is needed here");
  return in.ok();
}

inline bool read_filter(JsonReader& in, Filter& filter, unsigned depth) {
  const JsonKind kind = in.peek();
  const std::size_t offset = in.offset();
  if (!in.ok()) return false;
  if (kind != JsonKind::object) return in.fail(ErrorCode::wrong_type, offset, "an object is needed here");
  std::vector<Filter> parts;
  JsonKeys keys;
  std::string_view key;
  in.open();
  while (in.next_key(key)) {
    keys.add(in, key);
    if (key.empty() || key.front() != '$') {
      if (!read_field(in, key, parts)) return false;
      continue;
    }
    const std::optional<Operator> op = operator_of(key);
    if (!op || !is_combination(*op))
      return in.fail(ErrorCode::unknown_operator, in.key_offset(), "no operator that combines filters");
    std::vector<Filter> combined;
    if (!read_parts(in, combined, depth)) return false;
    parts.push_back(Filter::combination(*op, std::move(combined)));
  }
  if (!keys.are_unique(in)) return false;
  if (parts.size() == 1) {
    filter = std::move(parts.front());
  } else if (!parts.empty()) {
    filter = Filter::combination(Operator::all_of, std::move(parts));
  }
  if (const std::optional<Error> error = filter.error()) return in.fail(error->code, offset, error->message);
  return true;
}

}  // namespace detail

/// Reads a filter as chat services write it:
///
///     {"type":"messaging","members":{"$in":["john","jack"]},"$or":[{"name":{"$autocomplete":"ro"}},{"level":{"$gt":3}}]}
///
/// A value stands for `$eq`, several keys for `$and`, and `{}` holds for everything. The operators are `$eq`, `$ne`,
/// `$gt`, `$gte`, `$lt`, `$lte`, `$in`, `$nin`, `$contains`, `$exists` and `$autocomplete` of a field, and `$and`,
/// `$or` and `$nor` of filters. An instant is written as a text of RFC 3339, with which it compares.
///
/// What is wrong first is told with its offset: the grammar as for `parse_event`; `duplicate_key` at the second of two
/// keys in one object, once that is read; `unknown_operator` at a key that is none, or none that may stand there;
/// `wrong_type` at a value of another type; `bad_operand` at a value that its operator has no use for, an empty list of
/// filters, or a field without a name; `out_of_range` at a number; `too_deep` where more than Filter::deepest
/// combinations stand in each other.
///
/// @code
/// const Result<Filter> asked = parse_filter(R"({"online":true,"status":{"$autocomplete":"look"}})");
/// assert(*asked == (eq("online", true) && autocomplete("status", "look")));
/// assert(matches(*asked, User{"mary", true, "Looking for a group", {}, false}));
/// assert(*parse_filter(to_json(*asked)) == *asked);
///
/// const Result<Filter> wrong = parse_filter(R"({"level":{"$above":5}})");
/// assert(wrong.error().code == ErrorCode::unknown_operator && wrong.error().offset == 10);
/// @endcode
inline Result<Filter> parse_filter(std::string_view json) {
  std::string scratch;
  detail::JsonReader in(json, scratch);
  Filter filter;
  if (detail::read_filter(in, filter, 0)) in.finish();
  if (!in.ok()) return in.error();
  return filter;
}

/// Appends a value: an instant as RFC 3339, a number that is not finite as null, and null for what is invalid.
inline void append_json(std::string& out, const ValueView& value) {
  switch (value.kind()) {
    case ValueKind::boolean: out += value.truth() ? "true" : "false"; break;
    case ValueKind::integer: out += std::to_string(value.integer()); break;
    case ValueKind::real: {
      if (value.real() - value.real() != 0.0) {
        out += "null";
        break;
      }
      char text[detail::longest_double];
      out.append(text, detail::write_double(value.real(), text));
      break;
    }
    case ValueKind::text: detail::append_json_string(out, value.text()); break;
    case ValueKind::instant: detail::append_json_instant(out, {}, value.instant()); break;
    case ValueKind::array:
      out += '[';
      for (std::size_t i = 0; i < value.size(); ++i) {
        if (i > 0) out += ',';
        append_json(out, value[i]);
      }
      out += ']';
      break;
    default: out += "null"; break;
  }
}
/// The same, of one that owns what it holds.
inline void append_json(std::string& out, const Value& value) { append_json(out, value.view()); }

/// Appends a filter, which `parse_filter` reads as one that is equal, instants aside, which it reads as texts. An
/// invalid one is written as `{"$invalid":"…"}` with what is wrong, which is read as an error.
inline void append_json(std::string& out, const Filter& filter) {
  out += '{';
  if (detail::is_combination(filter.op())) {
    detail::append_json_string(out, detail::name_of(filter.op()));
    out += ":[";
    bool first = true;
    for (const Filter& part : filter.parts()) {
      if (!first) out += ',';
      first = false;
      append_json(out, part);
    }
    out += ']';
  } else if (const std::optional<Error> error = filter.error()) {
    detail::append_json_text(out, R"("$invalid":)", error->message);
  } else if (filter.op() != Operator::everything) {
    detail::append_json_string(out, filter.field());
    out += ":{";
    detail::append_json_string(out, detail::name_of(filter.op()));
    out += ':';
    append_json(out, filter.operand());
    out += '}';
  }
  out += '}';
}
/// @{
/// What `append_json` appends.
inline std::string to_json(const Filter& filter) { return detail::json_of(filter); }
inline std::string to_json(const Value& value) { return detail::json_of(value); }
/// @}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_FILTER_HPP
