// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <presence/json/filters.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using presence::ErrorCode;
using presence::parse_value;
using presence::to_json;
using presence::Value;

namespace {

/// Checks the error of a string with a '^' before the byte at the error's offset.
void is_rejected(ErrorCode code, std::string marked) {
  CAPTURE(marked.substr(0, 80));
  const std::size_t offset = marked.find('^');
  REQUIRE(offset != std::string::npos);
  marked.erase(offset, 1);
  const auto value = parse_value(marked);
  REQUIRE_FALSE(value);
  CHECK(static_cast<int>(value.error().code) == static_cast<int>(code));
  CHECK(value.error().offset == offset);
  CHECK(std::string(value.error().message) != "");
}

}  // namespace

TEST_CASE("parse_value reads every kind of value that JSON has a form for") {
  const std::vector<std::pair<std::string, Value>> values = {
      {"null", Value()},
      {"true", Value(true)},
      {" false\n", Value(false)},
      {"0", Value(0)},
      {"-9223372036854775808", Value(INT64_MIN)},
      {"1.5", Value(1.5)},
      {"-2e3", Value(-2000.0)},
      {"\"\"", Value("")},
      {R"("caf\u00e9")", Value("caf\xC3\xA9")},
      {"[]", Value::array(std::vector<Value>())},
      {"[ 1 , null , \"a\\n\" , true, 0.5 ]",
       Value::array(std::vector<Value>{Value(1), Value(), Value("a\n"), Value(true), Value(0.5)})},
  };
  for (const auto& each : values) {
    const auto& text = each.first;
    const auto& value = each.second;
    CAPTURE(text);
    const auto read = parse_value(text);
    REQUIRE(read);
    CHECK(*read == value);
    CHECK(read->kind() == value.kind());
    CHECK(*parse_value(to_json(value)) == value);
  }
}

TEST_CASE("parse_value rejects what is not one value, at the first byte that is wrong") {
  is_rejected(ErrorCode::truncated, "^");
  is_rejected(ErrorCode::truncated, "[1,^");
  is_rejected(ErrorCode::truncated, "\"a^");
  is_rejected(ErrorCode::syntax, "[1,^]");
  is_rejected(ErrorCode::syntax, "n^an");
  is_rejected(ErrorCode::trailing_bytes, "1^,2");
  is_rejected(ErrorCode::trailing_bytes, "[] ^]");
  is_rejected(ErrorCode::bad_utf8, "[\"^\xFF\"]");
  is_rejected(ErrorCode::bad_escape, R"(["^\ud83d"])");
  is_rejected(ErrorCode::wrong_type, "[^[]]");
  is_rejected(ErrorCode::out_of_range, "^9223372036854775808");
  is_rejected(ErrorCode::out_of_range, "[1,^1e999]");
}

TEST_CASE("parse_value takes linear time for deep and long text") {
  constexpr std::size_t many = 1000000;
  is_rejected(ErrorCode::too_deep, std::string(64, '[') + "^" + std::string(many, '['));
  std::string ones = "[1";
  for (std::size_t i = 1; i < many; ++i) ones += ",1";
  const auto value = parse_value(ones + "]");
  REQUIRE(value);
  CHECK(value->elements().size() == many);
}
