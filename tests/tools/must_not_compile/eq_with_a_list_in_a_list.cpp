// expect: could not convert | no matching function
// SPDX-License-Identifier: MIT
// An array is made with array().
#include <presence/query/filter.hpp>

using namespace presence;

#if defined(CONTROL)
const Filter filter = eq("x", array({"a", "b"}));
#else
const Filter filter = eq("x", {{"a", "b"}});
#endif
