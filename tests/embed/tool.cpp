// SPDX-License-Identifier: MIT

// One of three files of a program.
#include <presence/json/events.hpp>
#include <presence/json/filters.hpp>
#include <presence/state/reduce.hpp>

#include <string>

namespace {

using presence::to_json;

}  // namespace

std::string tool(const presence::User& user);
std::string tool(const presence::User& user) {
  return to_json(user) + to_json(*presence::parse_filter(R"({"id":"john"})"));
}
