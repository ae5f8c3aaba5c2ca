// expect: ignoring return
// within the first lines
// options: -Werror=unused-result
// SPDX-License-Identifier: MIT
// An error would get lost.
#include <presence/base/time.hpp>

using namespace presence;

void attempt();
void attempt() {
#if defined(CONTROL)
  static_cast<void>(parse_timestamp("2019"));
#else
  parse_timestamp("2019");
#endif
}
