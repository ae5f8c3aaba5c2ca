// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_QUERIES_HPP
#define PRESENCE_JSON_QUERIES_HPP

#include <presence/base/result.hpp>
#include <presence/json/events.hpp>
#include <presence/json/filters.hpp>
#include <presence/json/limits.hpp>
#include <presence/query/query.hpp>

#include <string>       // for string
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {

/// Parses the query for users that a chat service accepts:
///
///     {"filter_conditions":{"id":{"$in":["john","mary"]}},"sort":[{"field":"last_active","direction":-1}],"limit":30,
///      "offset":0,"presence":true}
///
/// Every key may be absent or null. Other keys, such as `watch`, `state` and `message_limit`, are skipped. So are
/// `id_gt` and its like, with which some clients page: only the filter decides what matches.
///
/// * `filter_conditions`, or `filter`: as for `parse_filter`. If it is absent, the query matches everything.
/// * `sort`: an array of sort keys, the first with the highest priority, or one sort key. A sort key is an object with
///   `field` and `direction`; other keys in it are skipped. An object with neither is read as SDKs write it: each of
///   its keys is a field with its direction, in the order of the text, as in `[{"last_active":-1},{"name":1}]` or
///   `{"last_active":-1,"name":1}`. A direction is 1, for ascending, or -1. A field has at least one character.
/// * `limit`, `offset`: nonnegative integers, without a fraction or an exponent. One that exceeds a size_t is read as
///   the largest size_t. Without a limit, the page has all matches; with limit 0 it has none. Services have a default
///   limit. To have one, set it if the result has none.
/// * `presence`: a bool, false if it is absent.
///
/// `limits.max_bytes` applies to the whole text. `limits.max_values` applies to the values of the filter and the sort
/// keys together.
///
/// An error is returned rather than a query that means something else. Errors, in order of precedence, with their
/// offsets in the whole text:
///
/// 1. `over_limit` at `limits.max_bytes`.
/// 2. The grammar of the whole text, as for `parse_filter`; `wrong_type` if the text is not an object.
/// 3. Each key, in the order of the list above. `duplicate_key` at its second occurrence, where `filter` and
///    `filter_conditions` are the same key; `wrong_type` at a value of another type; then the errors of its content:
///    * `filter_conditions`: as for `parse_filter`.
///    * `sort`, at the first malformed sort key: `wrong_type` at a sort key, field or direction of another type;
///      `out_of_range` at a direction that is another number; `missing_key` at an object with only one of `field` and
///      `direction`; `bad_operand` at an empty field; `over_limit` at the field beyond `limits.max_values`;
///      `duplicate_key` at the second of two equal keys of one object.
///    * `limit` and `offset`: `out_of_range` at a number that is negative or not an integer.
///
/// O(n log n) for n bytes. Allocates at most 16 n bytes at any moment.
///
/// @code
/// const Result<UserQuery> asked = parse_user_query(
///     R"({"filter_conditions":{"online":true},"sort":[{"last_active":-1}],"limit":30,"presence":true,"watch":false})");
/// assert(asked && asked->filter == eq("online", true) && asked->limit == 30 && asked->presence);
/// assert((asked->sort == std::vector<SortKey>{{"last_active", Order::descending}}));
///
/// const Result<UserQuery> wrong = parse_user_query(R"({"filter_conditions":{"id":{"$above":5}},"limit":30})");
/// assert(wrong.error().code == ErrorCode::unknown_operator && wrong.error().offset == 28);
/// assert(parse_user_query(R"({"limit":-1})").error().code == ErrorCode::out_of_range);
/// @endcode
Result<UserQuery> parse_user_query(std::string_view json, const FilterLimits& limits);
/// Parses a query for users without limits.
Result<UserQuery> parse_user_query(std::string_view json);

/// Parses a query for channels, in the format of `parse_user_query`:
///
/// @code
/// const Result<ChannelQuery> asked = parse_channel_query(
///     R"({"filter_conditions":{"type":"messaging","members":{"$in":["john"]}},"state":true,"watch":true,"limit":0})");
/// assert(asked && asked->limit == 0 && asked->filter == (eq("type", "messaging") && in("members", {"john"})));
/// assert(parse_channel_query("{}")->limit == static_cast<std::size_t>(-1));  // no limit
/// @endcode
Result<ChannelQuery> parse_channel_query(std::string_view json, const FilterLimits& limits);
/// Parses a query for channels without limits.
Result<ChannelQuery> parse_channel_query(std::string_view json);

/// @{
/// Appends a query, which `parse_user_query` or `parse_channel_query` reads as an equal query, except for the filter,
/// which is as `append_json` writes it. The keys are, in this order: filter_conditions, sort (if there is a sort key),
/// limit (if there is one), offset (if it is not 0), presence (if it is true). Sort keys without a field, which have no
/// effect, are omitted.
///
/// @code
/// UserQuery asked;
/// asked.filter = eq("online", true);
/// asked.sort = {{"last_active", Order::descending}};
/// asked.limit = 30;
/// assert(to_json(asked) ==
///        R"({"filter_conditions":{"online":{"$eq":true}},"sort":[{"field":"last_active","direction":-1}],"limit":30})");
/// @endcode
void append_json(std::string& out, const UserQuery& query);
void append_json(std::string& out, const ChannelQuery& query);
/// @}
/// @{
/// Returns the string that `append_json` appends.
std::string to_json(const UserQuery& query);
std::string to_json(const ChannelQuery& query);
/// @}

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/json/detail/queries_bodies.hpp>
#endif

#endif  // PRESENCE_JSON_QUERIES_HPP
