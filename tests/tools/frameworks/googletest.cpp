// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "failing.hpp"

TEST(Values, Fail) {
  EXPECT_EQ(made_user(), other_user());
  EXPECT_EQ(made_event(), other_event());
  EXPECT_EQ(made_time(), other_time());
  EXPECT_EQ(made_length(), other_length());
  EXPECT_EQ(made_verdict(), other_verdict());
  EXPECT_EQ(made_error(), other_error());
  EXPECT_EQ(made_value(), other_value());
  EXPECT_EQ(made_tally(), other_tally());
}
