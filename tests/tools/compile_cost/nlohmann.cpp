// SPDX-License-Identifier: MIT

// Parses a text, changes it and writes it.
#include <nlohmann/json.hpp>

#include <cstdio>

int main(int count, char** arguments) {
  nlohmann::json parsed = nlohmann::json::parse(count > 1 ? arguments[1] : "{}");
  parsed["count"] = count;
  std::puts(parsed.dump().c_str());
}
