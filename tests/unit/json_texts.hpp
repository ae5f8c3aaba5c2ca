// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TESTS_UNIT_JSON_TEXTS_HPP
#define PRESENCE_TESTS_UNIT_JSON_TEXTS_HPP

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

namespace support {

/// Removes the '^' of a string and returns where it was.
inline std::size_t unmark(std::string& marked) {
  const std::size_t offset = marked.find('^');
  REQUIRE(offset != std::string::npos);
  marked.erase(offset, 1);
  return offset;
}

/// A payload of each type that becomes a report, with more keys in the object of the user; each begins with a comma.
inline std::vector<std::string> payloads(const std::string& keys, bool online = true) {
  std::vector<std::string> all;
  for (const std::string type : {"user.presence.changed", "user.updated", "health.check"}) {
    all.push_back(R"({"type":")" + type + R"(","created_at":"2024-03-01T12:00:00Z",")" +
                  (type == "health.check" ? "me" : "user") + R"(":{"id":"kim","online":)" +
                  (online ? "true" : "false") + keys + "}}");
  }
  return all;
}

}  // namespace support

#endif  // PRESENCE_TESTS_UNIT_JSON_TEXTS_HPP
