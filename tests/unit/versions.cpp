// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <presence/presence.hpp>

#include <string>

#define PRESENCE_TEST_TEXT_OF(x) #x
#define PRESENCE_TEST_EXPANDED(x) PRESENCE_TEST_TEXT_OF(x)

TEST_CASE("the inline namespace contains the version") {
  const std::string version = "v" + std::to_string(PRESENCE_VERSION_MAJOR) + "_" + std::to_string(PRESENCE_VERSION_MINOR) + "_" +
                              std::to_string(PRESENCE_VERSION_PATCH);
  CHECK(std::string(PRESENCE_TEST_EXPANDED(PRESENCE_ABI)) == version);
}
