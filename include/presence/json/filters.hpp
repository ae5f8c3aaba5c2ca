// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_FILTERS_HPP
#define PRESENCE_JSON_FILTERS_HPP

#include <presence/base/result.hpp>
#include <presence/json/limits.hpp>
#include <presence/json/values.hpp>
#include <presence/query/filter.hpp>

#include <string>       // for string
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {

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
Result<Filter> parse_filter(std::string_view json, const FilterLimits& limits);
/// Parses a filter without limits.
Result<Filter> parse_filter(std::string_view json);

/// Appends a filter. `parse_filter` reads it as an equal filter, except that timestamps are read as strings, and that
/// it rejects a text of more than 64 levels: operands and combinations may be deeper together. An invalid filter is
/// written as `{"$invalid":"…"}` with its error message, which `parse_filter` rejects.
void append_json(std::string& out, const Filter& filter);
/// Returns the string that `append_json` appends.
std::string to_json(const Filter& filter);

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/json/detail/filters_bodies.hpp>
#endif

#endif  // PRESENCE_JSON_FILTERS_HPP
