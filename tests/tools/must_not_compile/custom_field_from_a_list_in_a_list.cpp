// expect: no match for | no viable overloaded
// SPDX-License-Identifier: MIT
// An array is made with array().
#include <presence/model/channel.hpp>

using namespace presence;

#if defined(CONTROL)
void set(CustomFields& fields) { fields["x"] = array({"a", "b"}); }
#else
void set(CustomFields& fields) { fields["x"] = {{"a", "b"}}; }
#endif
