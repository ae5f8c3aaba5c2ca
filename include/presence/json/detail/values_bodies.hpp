// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_DETAIL_VALUES_BODIES_HPP
#define PRESENCE_JSON_DETAIL_VALUES_BODIES_HPP

#include <presence/base/detail/decimal.hpp>
#include <presence/base/detail/utf8.hpp>
#include <presence/base/result.hpp>
#include <presence/json/detail/reader.hpp>
#include <presence/json/detail/value_reader.hpp>
#include <presence/json/detail/writer.hpp>
#include <presence/json/values.hpp>
#include <presence/model/value.hpp>

#include <cstddef>      // for size_t
#include <string>       // for string, to_string
#include <string_view>  // for string_view
#include <utility>      // for move

namespace presence {
inline namespace PRESENCE_ABI {

PRESENCE_DETAIL_BODY Result<Value> parse_value(std::string_view json) {
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

PRESENCE_DETAIL_BODY void append_json(std::string& out, const ValueView& value) {
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

PRESENCE_DETAIL_BODY void append_json(std::string& out, const Value& value) { append_json(out, value.view()); }
PRESENCE_DETAIL_BODY std::string to_json(const Value& value) { return detail::json_of(value); }

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_DETAIL_VALUES_BODIES_HPP
