// SPDX-License-Identifier: MIT
// The JSON of envelopes: what is around the users, channels, queries and events that the library reads and writes.
#ifndef SERVICE_JSON_HPP
#define SERVICE_JSON_HPP

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace service {

using Json = nlohmann::json;

/// Returns a discarded value if the text is not JSON, or nests deeper than any message of a client does. So nothing
/// that recurses into the result can exhaust the stack.
inline Json parse_json_or_discard(std::string_view text) {
  constexpr int deepest = 64;
  bool is_too_deep = false;
  Json json = Json::parse(
      text,
      [&is_too_deep](int depth, Json::parse_event_t, Json&) {
        is_too_deep |= depth > deepest;
        return !is_too_deep;
      },
      false);
  return is_too_deep ? Json(Json::value_t::discarded) : json;
}

/// Returns the member of an object, or null.
inline const Json& member(const Json& object, const char* name) {
  static const Json null;
  if (!object.is_object()) return null;
  const auto found = object.find(name);
  return found == object.end() ? null : *found;
}

}  // namespace service

#endif  // SERVICE_JSON_HPP
