// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_LIMITS_HPP
#define PRESENCE_JSON_LIMITS_HPP

#include <presence/config.hpp>
#include <presence/model/value.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for SIZE_MAX
#include <string_view>  // for string_view

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

/// What chat services put into the object of a user and is not the user's data, beside the fields of a User:
/// moderation, devices, and what concerns only the user themselves, such as unread counts. See
/// ReadOptions::skipped_names.
// clang-format off
inline constexpr std::string_view names_beside_data[] = {
    "banned", "ban_expires", "shadow_banned", "bypass_moderation", "blocked_user_ids", "devices",
    "push_notifications", "push_preferences", "mutes", "channel_mutes", "unread_count", "unread_channels",
    "unread_threads", "total_unread_count", "total_unread_count_by_team", "latest_hidden_channels",
    "privacy_settings", "avg_response_time", "deactivated_at", "revoke_tokens_issued_before"};
// clang-format on

/// Limits for reading content of a chat service. Content beyond a limit is truncated or omitted, and noted. It is never
/// an error.
///
/// @code
/// #include <presence/json/events.hpp>
///
/// const std::string_view json = R"({"id":"kim","online":true,"name":"Kim","banned":false})";
/// assert(*parse_user(json)->data.find("name") == "Kim" && parse_user(json)->data.size() == 1);
/// ReadOptions options;
/// options.skipped_names = {};  // none: every name is data
/// assert(parse_user(json, options)->data.size() == 2);
/// options.max_data_names = 0;
/// assert(parse_user(json, options)->data.empty());
/// @endcode
struct ReadOptions {
  /// Maximum size of a status. A longer one is truncated at a character boundary. The default is that of Rules.
  std::size_t max_status_bytes = 1024;
  std::size_t max_members = SIZE_MAX;        ///< maximum members of a channel
  std::size_t max_custom_fields = SIZE_MAX;  ///< maximum custom fields of a channel
  /// Maximum total number of elements of arrays and members of objects in the custom fields of a channel, nested ones
  /// included. A field that would exceed it is omitted.
  std::size_t max_custom_elements = SIZE_MAX;
  /// Maximum size of an activity, counted as for Rules::max_activity_bytes. A larger one counts as absent. 0: no
  /// activity is read, so a report leaves it unchanged.
  std::size_t max_activity_bytes = 1024;
  /// Maximum size of all data of a user, counted as for Rules::max_user_data_bytes. In order of the names, each field
  /// that would exceed it is omitted.
  std::size_t max_user_data_bytes = 4096;
  /// Maximum number of names in the data of a user. Of more, the first in order are read. 0: no data is read, so a
  /// report leaves it unchanged.
  std::size_t max_data_names = 64;
  /// Names in the object of a user that are not data. They are not noted. Borrowed.
  Elements<std::string_view> skipped_names{names_beside_data, sizeof(names_beside_data) / sizeof(names_beside_data[0])};
};

namespace detail {

inline constexpr ReadOptions default_read_options{};

}  // namespace detail

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_LIMITS_HPP
