// SPDX-License-Identifier: MIT
// Catch2 3 comes with a library, Catch2 2 as one header.
#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_test_macros.hpp>
#else
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif

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
