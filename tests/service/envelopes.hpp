// SPDX-License-Identifier: MIT
// Reads the parts of requests around what the library parses.
#ifndef SERVICE_ENVELOPES_HPP
#define SERVICE_ENVELOPES_HPP

#include "json.hpp"

#include <presence/presence.hpp>

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace service {

/// Why a request is refused.
struct Problem {
  unsigned status = 400;
  int code = 4;
  std::string message;
};

constexpr std::size_t most_in_filter = 10000;  // values
constexpr std::size_t most_sort_keys = 16;     // each is a comparison of two users or channels
constexpr std::size_t members_page = 100;      // members and watchers in the state of a channel

/// Returns what the library says of a text, with the place in the text.
inline Problem problem_of(const std::string& what, const presence::Error& error, std::string_view text) {
  constexpr std::size_t shown = 24;
  const std::string place(text.substr(std::min(error.offset, text.size()), shown));
  return {400, 4,
          what + ": " + std::string(to_string(error.code)) + " at offset " + std::to_string(error.offset) +
              (place.empty() ? "" : ", at `" + place + "`") + ": " + error.message};
}

/// Returns the beginning of a text that a client sent, for a message.
inline std::string shortened(std::string text) {
  constexpr std::size_t most = 200;
  if (text.size() <= most) return text;
  std::size_t size = most;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size) + "...";
}

inline Json parsed(std::string_view text, const char* what) {
  Json json = parse_json_or_discard(text);
  if (json.is_discarded()) throw Problem{400, 4, std::string(what) + " is not JSON"};
  return json;
}

/// Returns a text as JSON.
inline std::string json_text(std::string_view text) { return presence::to_json(presence::Value(text)); }

/// Returns a timestamp with nine digits after the point: the order of events is then that of these strings, too.
inline std::string nine_digits(presence::Timestamp at) {
  std::string text = to_string(at);
  const std::size_t end = text.size() - 1, point = text.find('.');
  if (point != std::string::npos) text.insert(end, 9 - (end - point - 1), '0');
  return text;
}

/// Returns a member of an object, or an empty string if it is absent or null.
inline std::string text_of(const Json& object, const char* name) {
  const Json& found = member(object, name);
  if (found.is_null()) return std::string();
  if (!found.is_string()) throw Problem{400, 4, std::string(name) + " is not a string"};
  return found.get<std::string>();
}

inline std::size_t count_of(const Json& object, const char* name, std::size_t otherwise) {
  const Json& found = member(object, name);
  if (found.is_null()) return otherwise;
  if (!found.is_number_unsigned()) throw Problem{400, 4, std::string(name) + " is not a count"};
  return found.get<std::size_t>();
}

/// Returns the ids in a list of ids, or of objects with a `user_id` or a `user`. Each once.
inline std::vector<std::string> ids_of(const Json& object, const char* name) {
  std::vector<std::string> ids;
  const Json& found = member(object, name);
  if (found.is_null()) return ids;
  if (!found.is_array()) throw Problem{400, 4, std::string(name) + " is not a list"};
  std::set<std::string> known;
  for (const Json& element : found) {
    std::string id = element.is_string() ? element.get<std::string>() : text_of(element, "user_id");
    if (id.empty()) id = text_of(member(element, "user"), "id");
    if (id.empty()) throw Problem{400, 4, std::string("an element of ") + name + " has no id"};
    if (known.insert(id).second) ids.push_back(std::move(id));
  }
  return ids;
}

/// The query of a request, and its whole JSON.
template <class Query>
struct ReadQuery {
  Query query;
  Json envelope;
};

/// Reads a query by a function of the library. One without a limit has the usual one. Refuses one that is too large.
template <class Query>
ReadQuery<Query> read_query(const std::string& text, std::size_t usual, std::size_t largest,
                            presence::Result<Query> (*parse)(std::string_view, const presence::FilterLimits&)) {
  presence::FilterLimits limits;
  limits.max_values = most_in_filter;
  presence::Result<Query> found = parse(text, limits);
  if (!found) throw problem_of("the query", found.error(), text);
  Query& query = *found;
  Json envelope = parsed(text, "the query");
  if (member(envelope, "limit").is_null()) query.limit = usual;
  if (query.limit > largest)
    throw Problem{
        400, 4, "the limit is " + std::to_string(query.limit) + "; at most " + std::to_string(largest) + " is allowed"};
  if (query.sort.size() > most_sort_keys)
    throw Problem{400, 4,
                  "there are " + std::to_string(query.sort.size()) + " sort keys; at most " +
                      std::to_string(most_sort_keys) + " are allowed"};
  return {std::move(query), std::move(envelope)};
}

}  // namespace service

#endif  // SERVICE_ENVELOPES_HPP
