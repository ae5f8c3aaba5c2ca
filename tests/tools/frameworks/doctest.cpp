// SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "failing.hpp"

TEST_CASE("fails") {
  CHECK(made_user() == other_user());
  CHECK(made_event() == other_event());
  CHECK(made_time() == other_time());
  CHECK(made_length() == other_length());
  CHECK(made_verdict() == other_verdict());
  CHECK(made_error() == other_error());
  CHECK(made_value() == other_value());
  CHECK(made_tally() == other_tally());
}
