// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_DETAIL_FILTERS_BODIES_HPP
#define PRESENCE_JSON_DETAIL_FILTERS_BODIES_HPP

#include <presence/base/result.hpp>
#include <presence/json/detail/filter_reader.hpp>
#include <presence/json/detail/writer.hpp>
#include <presence/json/filters.hpp>
#include <presence/json/limits.hpp>
#include <presence/json/values.hpp>
#include <presence/query/filter.hpp>

#include <optional>     // for optional
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for move

namespace presence {
inline namespace PRESENCE_ABI {

PRESENCE_DETAIL_BODY Result<Filter> parse_filter(std::string_view json, const FilterLimits& limits) {
  if (json.size() > limits.max_bytes)
    return Error{ErrorCode::over_limit, limits.max_bytes, "the length exceeds the limit in bytes"};
  std::string scratch;
  detail::FilterReader reader(json, scratch, limits);
  Filter filter;
  if (reader.filter(filter, 0)) reader.in().finish();
  if (!reader.in().ok()) return reader.in().error();
  return Result<Filter>(std::move(filter));
}
PRESENCE_DETAIL_BODY Result<Filter> parse_filter(std::string_view json) { return parse_filter(json, FilterLimits()); }

PRESENCE_DETAIL_BODY void append_json(std::string& out, const Filter& filter) {
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
PRESENCE_DETAIL_BODY std::string to_json(const Filter& filter) { return detail::json_of(filter); }

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_DETAIL_FILTERS_BODIES_HPP
