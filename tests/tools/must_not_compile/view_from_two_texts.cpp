// expect: no matching function | no matching constructor
// SPDX-License-Identifier: MIT
// Two texts are not the two ends of one.
#include <presence/value.hpp>

using namespace presence;

#if defined(CONTROL)
const ValueView view("a");
#else
const ValueView view{{"a", "b"}};
#endif
