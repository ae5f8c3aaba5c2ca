// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_FILTERS_HPP
#define PRESENCE_JSON_FILTERS_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/compact_vector.hpp>
#include <presence/base/detail/utf8.hpp>
#include <presence/base/result.hpp>
#include <presence/json/detail/decimal.hpp>
#include <presence/json/detail/reader.hpp>
#include <presence/json/events.hpp>
#include <presence/model/value.hpp>
#include <presence/query/filter.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, uint32_t
#include <optional>     // for optional
#include <string>       // for string, to_string
#include <string_view>  // for string_view
#include <utility>      // for move
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {

/// Limits for parsing untrusted filters. For any filter, parsing and compiling take at most 16 bytes of memory per byte
/// of its text. The cost of evaluation is linear in its size.
struct FilterLimits {
  /// Maximum length of the text, in bytes.
  std::size_t max_bytes = static_cast<std::size_t>(-1);
  /// Maximum number of filters and operands together. Nested filters, elements of arrays and members of objects count
  /// too: `{"id":{"$in":["a","b"]}}` has four.
  std::size_t max_values = static_cast<std::size_t>(-1);
};

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

/// Reads the next value, which must not be an array, and is not an object. Returns false after an error.
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
          return in.fail(ErrorCode::out_of_range, found.offset, "the integer has more than 64 bits");
        value = Value(integer);
        return true;
      }
      double real = 0;
      if (!read_double(found.text, real))
        return in.fail(ErrorCode::out_of_range, found.offset, "the number exceeds the range of a double");
      value = Value(real);
      return true;
    }
    default: return in.fail(ErrorCode::wrong_type, found.offset, "an array is not allowed in an array");
  }
}

/// The keys of an object. Each key may occur only once.
class JsonKeys {
 public:
  /// Reserves memory for this number of keys, so that no more is allocated than needed.
  void reserve(std::size_t keys) { all_.reserve(keys); }
  void add(const JsonReader& in, std::string_view key) { all_.push_back(Key{key, in.key_offset()}); }
  bool empty() const noexcept { return all_.empty(); }

  /// Must be called at the end of the object. Fails at the first key that is repeated. Returns false after any error.
  bool are_unique(JsonReader& in) {
    detail::sort(all_, [](const Key& a, const Key& b) { return a.key != b.key ? a.key < b.key : a.offset < b.offset; });
    const Key* repeated = nullptr;
    for (std::size_t i = 1; i < all_.size(); ++i) {
      if (all_[i].key == all_[i - 1].key && (repeated == nullptr || all_[i].offset < repeated->offset))
        repeated = &all_[i];
    }
    if (in.ok() && repeated != nullptr) in.fail(ErrorCode::duplicate_key, repeated->offset, is_repeated);
    return in.ok();
  }

  static constexpr const char* is_repeated = "this key stands in the object twice";

 private:
  struct Key {
    std::string_view key;
    std::size_t offset;
  };
  std::vector<Key> all_;
};

/// The number of entries of each array and object of a filter or a value, counted in advance so that memory is
/// allocated once, in the right size. An array has elements; an object has members or, as a filter, the tests and
/// combinations of its keys. One pass over the text counts the arrays and objects, and one counts their entries. If the
/// text is not what it should be, or a key begins with an escape, the counts are not exact, but there is never more
/// than one for each two bytes.
class JsonCounts {
 public:
  enum class Text : std::uint8_t { filter, value };

  JsonCounts(std::string_view json, Text text) {
    std::size_t opened = 0;
    for (const char *p = json.data(), *const end = p + json.size(); p != end; ++p) {
      if (*p == '"') {
        p = end_of_string(p, end);
        if (p == end) break;
      } else if (*p == '{' || *p == '[') {
        ++opened;
      }
    }
    counts_.reserve(opened);
    count(json, text == Text::filter ? Role::filter : Role::operand);
  }

  /// Returns the count of the next array or object, in the order in which they open.
  std::size_t next() noexcept { return at_ < counts_.size() ? counts_[at_++] : 0; }

 private:
  static constexpr std::uint32_t most = 0xFFFFFFFF;
  /// What may come next in an array or object.
  enum class Next : std::uint8_t { key, colon, value, comma };
  /// What an array or object is: a filter, the filters that it combines, the operators of a field, or a part of a
  /// value.
  enum class Role : std::uint8_t { filter, parts, operators, operand };
  /// An array or object that is open.
  struct Open {
    std::size_t index;  // index of its count
    bool is_object;
    Next next;
    Role role;
    bool has_dollar;  // whether the last key begins with one
  };

  /// Returns the closing quote of the string, or the end.
  static const char* end_of_string(const char* p, const char* end) noexcept {
    for (++p; p != end && *p != '"'; ++p) {
      if (*p == '\\' && ++p == end) break;
    }
    return p;
  }
  void add(std::size_t index, std::uint32_t more) noexcept {
    counts_[index] = counts_[index] > most - more ? most : counts_[index] + more;
  }
  void begin_value(Open& open, const char* p, const char* end) noexcept {
    if (open.next == Next::key && *p == '"') {
      open.next = Next::colon;
      open.has_dollar = p + 1 != end && p[1] == '$';
    }
    if (open.next != Next::value) return;
    add(open.index, 1);
    open.next = Next::comma;
  }
  /// Returns the role of an array or object inside another.
  static Role role_in(const Open& open, char bracket) noexcept {
    if (open.role == Role::parts && bracket == '{') return Role::filter;
    if (open.role != Role::filter || (bracket == '{') == open.has_dollar) return Role::operand;
    return open.has_dollar ? Role::parts : Role::operators;
  }

  void count(std::string_view json, Role role) {
    Open opened[JsonReader::deepest_around_values + 1];
    std::size_t depth = 0;
    for (const char *p = json.data(), *const end = p + json.size(); p != end; ++p) {
      Open* const inner = depth > 0 ? &opened[depth - 1] : nullptr;
      switch (*p) {
        case ' ':
        case '\t':
        case '\n':
        case '\r': break;
        case '{':
        case '[':
          if (inner != nullptr) begin_value(*inner, p, end);
          if (inner != nullptr) role = role_in(*inner, *p);
          if (depth > JsonReader::deepest_around_values) return;
          opened[depth++] = Open{counts_.size(), *p == '{', *p == '{' ? Next::key : Next::value, role, false};
          counts_.push_back(0);
          break;
        case '}':
        case ']':
          if (inner == nullptr) return;
          // A field with several operators counts as that many tests.
          if (inner->role == Role::operators && counts_[inner->index] > 1)
            add(opened[depth - 2].index, counts_[inner->index] - 1);
          if (--depth == 0) return;
          break;
        case ',':
          if (inner == nullptr) return;
          inner->next = inner->is_object ? Next::key : Next::value;
          break;
        case ':':
          if (inner == nullptr) return;
          if (inner->next == Next::colon) inner->next = Next::value;
          break;
        default:
          if (inner == nullptr) return;
          begin_value(*inner, p, end);
          if (*p == '"') p = end_of_string(p, end);
          if (p == end) return;
          break;
      }
    }
  }

  std::vector<std::uint32_t> counts_;
  std::size_t at_ = 0;
};

/// Reads a value with its elements and members. Fails at the first value beyond a limit, and where the value has more
/// levels than a Value may have. Recurses as deep as the value nests.
class JsonValueReader {
 public:
  /// What happens to members with the same name: an error at the second one, or all of them are omitted.
  enum class Repeated : std::uint8_t { fails, is_omitted };

  /// `counts` are those of the text from the value on. `left` is decreased for each value that is read.
  JsonValueReader(JsonReader& in, JsonCounts& counts, std::size_t& left, Repeated repeated) noexcept
      : in_(in), counts_(counts), left_(left), repeated_(repeated) {}

  /// Returns false after an error.
  bool read(Value& value) { return read(value, 0, false); }

 private:
  /// `level` is the number of arrays and objects around the value.
  bool read(Value& value, unsigned level, bool is_element) {
    const JsonKind kind = in_.peek();
    if (left_ == 0) return in_.fail(ErrorCode::over_limit, in_.offset(), "the number of values exceeds the limit");
    --left_;
    const bool is_array = kind == JsonKind::array && !is_element;
    if (!is_array && kind != JsonKind::object) return read_scalar(in_, value);
    if (level == Value::deepest) return in_.fail(ErrorCode::too_deep, in_.offset(), "nested too deeply");
    return is_array ? read_array(value, level + 1) : read_object(value, level + 1);
  }

  bool read_array(Value& value, unsigned inside) {
    ArrayMaker elements(counts_.next());
    in_.open();
    while (in_.next_element()) {
      Value element;
      if (!read(element, inside, true)) return false;
      elements.add(std::move(element));
    }
    value = elements.take();
    return in_.ok();
  }

  bool read_object(Value& value, unsigned inside) {
    const std::size_t start = in_.offset();
    ObjectMaker members(counts_.next());
    std::string_view name;
    in_.open();
    while (in_.next_key(name)) {
      Value member;
      if (!read(member, inside, false)) return false;
      members.add(name, std::move(member));
    }
    if (!in_.ok()) return false;
    if (repeated_ == Repeated::is_omitted) {
      members.drop_repeated();
    } else if (members.has_repeated()) {
      members = ObjectMaker();  // frees its memory
      return fail_at_repeated(start);
    }
    value = members.take();
    return true;
  }

  /// Fails at the first key of an object that is repeated. There must be one.
  bool fail_at_repeated(std::size_t object) {
    std::size_t count = 0;
    std::string_view name;
    in_.seek(object);
    for (in_.open(); in_.next_key(name); in_.skip()) ++count;
    JsonKeys keys;
    keys.reserve(count);
    in_.seek(object);
    for (in_.open(); in_.next_key(name); in_.skip()) keys.add(in_, name);
    return keys.are_unique(in_);
  }

  JsonReader& in_;
  JsonCounts& counts_;
  std::size_t& left_;
  Repeated repeated_;
};

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

/// Parses a filter in the format of chat services:
///
///     {"type":"messaging","members":{"$in":["john","jack"]},"$or":[{"name":{"$autocomplete":"ro"}},{"level":{"$gt":3}}]}
///
/// A value means `$eq`, several keys mean `$and`, and `{}` matches everything. The operators of a field are `$eq`,
/// `$ne`, `$gt`, `$gte`, `$lt`, `$lte`, `$in`, `$nin`, `$contains`, `$exists` and `$autocomplete`. The operators that
/// combine filters are `$and`, `$or` and `$nor`. A timestamp is written as an RFC 3339 string, which compares with
/// timestamps. An object is an operand only behind an operator, as in `{"location":{"$eq":{"city":"Kyoto"}}}`.
///
/// Returns the first error, with its offset:
///
/// * The grammar, as for `parse_event`.
/// * `duplicate_key` at the second of two equal keys in one object, after the object was read.
/// * `unknown_operator` at a key that is not an operator, or not one that is allowed there.
/// * `wrong_type` at a value of another type, or at an array directly in an array.
/// * `bad_operand` at a value that the operator does not accept, an empty list of filters, or a field without a name.
/// * `out_of_range` at a number.
/// * `too_deep` at more than Filter::deepest nested combinations, or more than Value::deepest levels of an operand.
/// * `over_limit` at the first byte or value beyond the limits.
///
/// @code
/// const Result<Filter> asked = parse_filter(R"({"online":true,"status":{"$autocomplete":"look"}})");
/// assert(*asked == (eq("online", true) && autocomplete("status", "look")));
/// assert(matches(*asked, User{"mary", true, "Looking for a group", {}, false}));
/// assert(*parse_filter(to_json(*asked)) == *asked);
///
/// const Result<Filter> wrong = parse_filter(R"({"level":{"$above":5}})");
/// assert(wrong.error().code == ErrorCode::unknown_operator && wrong.error().offset == 10);
///
/// FilterLimits limits;
/// limits.max_values = 3;
/// assert(parse_filter(R"({"id":{"$in":["a","b"]}})", limits).error().code == ErrorCode::over_limit);
/// @endcode
inline Result<Filter> parse_filter(std::string_view json, const FilterLimits& limits) {
  if (json.size() > limits.max_bytes)
    return Error{ErrorCode::over_limit, limits.max_bytes, "the length exceeds the limit in bytes"};
  std::string scratch;
  detail::FilterReader reader(json, scratch, limits);
  Filter filter;
  if (reader.filter(filter, 0)) reader.in().finish();
  if (!reader.in().ok()) return reader.in().error();
  return Result<Filter>(std::move(filter));
}
/// Parses a filter without limits.
inline Result<Filter> parse_filter(std::string_view json) { return parse_filter(json, FilterLimits()); }

/// Parses a JSON text that is one value, as a filter reads its operands: null, a bool, an integer, a number, a string,
/// an array or an object. A timestamp is read as a string, which compares with timestamps.
///
/// Returns the first error, with its offset: the grammar, as for `parse_filter`; `too_deep` at more than Value::deepest
/// levels; `wrong_type` at an array directly in an array; `duplicate_key` at the second of two equal names in one
/// object, after the object was read; `out_of_range` at a number that is not representable. O(n log n) for n bytes.
/// Allocates at most 16 n bytes at any moment.
///
/// @code
/// const Result<Value> location = parse_value(R"({"floor":3,"city":"Kyoto"})");
/// assert(*location->find("city") == "Kyoto" && to_json(*location) == R"({"city":"Kyoto","floor":3})");
/// assert(*parse_value("[1, 2.5, null]") == Value::array({Value(1), Value(2.5), Value()}));
/// assert(to_json(*parse_value(R"("a\u0062c")")) == R"("abc")");
/// assert(parse_value("[1, [2]]").error() == (Error{ErrorCode::wrong_type, 4, ""}));
/// @endcode
inline Result<Value> parse_value(std::string_view json) {
  using Repeated = detail::JsonValueReader::Repeated;
  std::string scratch;
  detail::JsonReader in(json, scratch);
  detail::JsonCounts counts(json, detail::JsonCounts::Text::value);
  std::size_t left = static_cast<std::size_t>(-1);
  Value value;
  if (detail::JsonValueReader(in, counts, left, Repeated::fails).read(value)) in.finish();
  if (!in.ok()) return in.error();
  return Result<Value>(std::move(value));
}

/// Appends a value. A timestamp is written as an RFC 3339 string. A number that is not finite, and an invalid value,
/// are written as null. The members of an object are written in order of their names, which compare as bytes. Members
/// whose name is not UTF-8 are omitted.
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
    case ValueKind::string: detail::append_json_string(out, value.text()); break;
    case ValueKind::timestamp: detail::append_json_timestamp(out, {}, value.instant()); break;
    case ValueKind::array:
      out += '[';
      for (std::size_t i = 0; i < value.size(); ++i) {
        if (i > 0) out += ',';
        append_json(out, value[i]);
      }
      out += ']';
      break;
    case ValueKind::object: {
      std::string_view separator = "{";
      for (const ValueMember& member : value.members()) {
        if (!detail::is_utf8(member.name())) continue;
        detail::append_json_text(out, separator, member.name());
        out += ':';
        append_json(out, member.value().view());
        separator = ",";
      }
      out += separator == "{" ? "{}" : "}";
      break;
    }
    default: out += "null"; break;
  }
}
/// Appends an owning value.
inline void append_json(std::string& out, const Value& value) { append_json(out, value.view()); }

/// Appends a filter. `parse_filter` reads it as an equal filter, except that timestamps are read as strings, and that
/// it rejects a text of more than 64 levels: operands and combinations may be deeper together. An invalid filter is
/// written as `{"$invalid":"…"}` with its error message, which `parse_filter` rejects.
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
/// Returns the string that `append_json` appends.
inline std::string to_json(const Filter& filter) { return detail::json_of(filter); }
inline std::string to_json(const Value& value) { return detail::json_of(value); }
/// @}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_FILTERS_HPP
