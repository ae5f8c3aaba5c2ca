// SPDX-License-Identifier: MIT
#include <string>
#include <vector>

namespace {

std::vector<std::string> broken;  // the messages of the preconditions that were broken

}  // namespace

#define PRESENCE_ASSERT(condition, message) ((condition) ? void() : static_cast<void>(broken.emplace_back(message)))
#include <doctest/doctest.h>
#include <presence/base/result.hpp>
#include <presence/model/value.hpp>

#include <cstring>
#include <utility>

using namespace presence;

#if !PRESENCE_CUSTOM_ASSERT
#error "PRESENCE_CUSTOM_ASSERT says whether the host has its own PRESENCE_ASSERT"
#endif

namespace {

#define NAME_OF(...) NAME_OF_EXPANDED(__VA_ARGS__)
#define NAME_OF_EXPANDED(...) #__VA_ARGS__

std::vector<std::string> taken() { return std::exchange(broken, {}); }

}  // namespace

static_assert(ValueView(7).integer() == 7, "a precondition that holds is no obstacle to constant expressions");

TEST_CASE("a host's own PRESENCE_ASSERT is called with a message if a precondition is broken") {
  const Result<int> good = 7;
  static_cast<void>(good.error());
  CHECK(taken() == std::vector<std::string>{"the error of a Result that holds a value"});
  static_cast<void>(ValueView(7).real());
  CHECK(taken() == std::vector<std::string>{"a ValueView is read as a value of another kind"});
}

TEST_CASE("a host's own PRESENCE_ASSERT is not called if every precondition holds") {
  const Result<int> good = 7, bad = Error{ErrorCode::syntax, 1, ""};
  CHECK(*good == 7);
  CHECK(bad.error().offset == 1);
  const Value list = array({1, 2});
  CHECK(list.view()[1].integer() == 2);
  CHECK(list.elements()[1] == Value(2));
  CHECK(taken().empty());
}

TEST_CASE("a host's own PRESENCE_ASSERT is part of the name of the inline namespace") {
  CHECK(std::strstr(NAME_OF(PRESENCE_ABI), "_assert") != nullptr);
}
