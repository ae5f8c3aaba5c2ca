// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_VALUES_HPP
#define PRESENCE_JSON_VALUES_HPP

#include <presence/base/detail/decimal.hpp>
#include <presence/base/detail/utf8.hpp>
#include <presence/base/result.hpp>
#include <presence/json/detail/reader.hpp>
#include <presence/json/detail/value_reader.hpp>
#include <presence/json/detail/writer.hpp>
#include <presence/model/value.hpp>

#include <cstddef>      // for size_t
#include <string>       // for string, to_string
#include <string_view>  // for string_view
#include <utility>      // for move

namespace presence {
inline namespace PRESENCE_ABI {
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
/// Returns the string that `append_json` appends.
inline std::string to_json(const Value& value) { return detail::json_of(value); }

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_VALUES_HPP
