// expect: deleted | ambiguous
// SPDX-License-Identifier: MIT
// Two strings are not the two ends of one.
#include <presence/query/filter.hpp>

using namespace presence;

#if defined(CONTROL)
const Filter filter = autocomplete("x", {"ab", 1});
#else
const Filter filter = autocomplete("x", {"a", "b"});
#endif
