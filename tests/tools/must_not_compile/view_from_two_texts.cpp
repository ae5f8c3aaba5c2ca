// expect: no matching function | no matching constructor
// SPDX-License-Identifier: MIT
// Two strings are not the two ends of one.
#include <presence/model/value.hpp>

using namespace presence;

#if defined(CONTROL)
const ValueView view("a");
#else
const ValueView view{{"a", "b"}};
#endif
