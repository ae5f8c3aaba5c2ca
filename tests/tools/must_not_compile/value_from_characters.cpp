// expect: no matching function | no matching constructor
// SPDX-License-Identifier: MIT
// Characters are no text.
#include <presence/model/value.hpp>

using namespace presence;

#if defined(CONTROL)
const Value value = array({1, 2});
#else
const Value value{{'a', 'b'}};
#endif
