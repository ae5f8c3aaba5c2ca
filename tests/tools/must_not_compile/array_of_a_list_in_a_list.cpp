// expect: no matching function
// SPDX-License-Identifier: MIT
// An array has no array in it.
#include <presence/model/value.hpp>

using namespace presence;

#if defined(CONTROL)
const Value value = array({"a", "b"});
#else
const Value value = array({{"a", "b"}});
#endif
