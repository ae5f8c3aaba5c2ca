// expect: no matching function | no matching constructor
// SPDX-License-Identifier: MIT
// Two texts are not the two ends of one.
#include <presence/value.hpp>

using namespace presence;

#if defined(CONTROL)
const Value value{"a"};
#else
const Value value{{"a", "b"}};
#endif
