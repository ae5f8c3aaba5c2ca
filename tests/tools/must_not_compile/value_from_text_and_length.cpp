// expect: no matching function | no matching constructor
// SPDX-License-Identifier: MIT
// An array of both may have been meant.
#include <presence/model/value.hpp>

using namespace presence;

#if defined(CONTROL)
const Value value(std::string_view("ab", 1));
#else
const Value value{{"ab", 1}};
#endif
