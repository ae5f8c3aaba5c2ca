// expect: no matching function | no matching constructor
// SPDX-License-Identifier: MIT
// Characters are no text.
#include <presence/value.hpp>

using namespace presence;

#if defined(CONTROL)
const Value value = array({1, 2});
#else
const Value value{{'a', 'b'}};
#endif
