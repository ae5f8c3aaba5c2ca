// expect: no matching function | no matching constructor
// SPDX-License-Identifier: MIT
// Two strings are not the two ends of one.
#include <presence/model/value.hpp>

using namespace presence;

#if defined(CONTROL)
const Value value{"a"};
#else
const Value value{{"a", "b"}};
#endif
