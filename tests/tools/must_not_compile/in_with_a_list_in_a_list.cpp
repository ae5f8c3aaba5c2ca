// expect: no matching function
// SPDX-License-Identifier: MIT
// One list is enough.
#include <presence/query/filter.hpp>

using namespace presence;

#if defined(CONTROL)
const Filter filter = in("x", {"a", "b"});
#else
const Filter filter = in("x", {{"a", "b"}});
#endif
