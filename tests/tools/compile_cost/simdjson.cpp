// SPDX-License-Identifier: MIT

// Parses a text and reads one string of it.
#include <simdjson.h>

#include <cstdio>
#include <string>
#include <string_view>

int main(int count, char** arguments) {
  const simdjson::padded_string text(std::string(count > 1 ? arguments[1] : "{}"));
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document parsed;
  std::string_view status;
  if (parser.iterate(text).get(parsed) != simdjson::SUCCESS) return 1;
  if (parsed["status"].get_string().get(status) != simdjson::SUCCESS) return 1;
  std::puts(std::string(status).c_str());
}
