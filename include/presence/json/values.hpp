// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_VALUES_HPP
#define PRESENCE_JSON_VALUES_HPP

#include <presence/base/result.hpp>
#include <presence/model/value.hpp>

#include <string>       // for string
#include <string_view>  // for string_view

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
Result<Value> parse_value(std::string_view json);

/// Appends a value. A timestamp is written as an RFC 3339 string. A number that is not finite, and an invalid value,
/// are written as null. The members of an object are written in order of their names, which compare as bytes. Members
/// whose name is not UTF-8 are omitted.
void append_json(std::string& out, const ValueView& value);
/// Appends an owning value.
void append_json(std::string& out, const Value& value);
/// Returns the string that `append_json` appends.
std::string to_json(const Value& value);

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/json/detail/values_bodies.hpp>
#endif

#endif  // PRESENCE_JSON_VALUES_HPP
