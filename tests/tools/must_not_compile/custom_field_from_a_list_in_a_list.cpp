// expect: no match for | no viable overloaded
// SPDX-License-Identifier: MIT
// An array is made with array().
#include <presence/model/channel.hpp>

using namespace presence;

#if defined(CONTROL)
void set(Attributes& fields) { fields["x"] = array({"a", "b"}); }
#else
void set(Attributes& fields) { fields["x"] = {{"a", "b"}}; }
#endif
