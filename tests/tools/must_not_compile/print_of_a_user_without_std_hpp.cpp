// expect: IncludePresenceStdHppToPrintThis
// within the first lines
// SPDX-License-Identifier: MIT
// What a stream prints is in a header of its own.
#include <presence/presence.hpp>

#include <iostream>
#if defined(CONTROL)
#include <presence/std.hpp>
#endif

using namespace presence;

void attempt();
void attempt() { std::cout << User(); }
