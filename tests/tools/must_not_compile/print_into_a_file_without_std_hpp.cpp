// expect: IncludePresenceStdHppToPrintThis
// within the first lines
// SPDX-License-Identifier: MIT
// A stream of any type says so.
#include <presence/presence.hpp>

#include <fstream>
#if defined(CONTROL)
#include <presence/std.hpp>
#endif

using namespace presence;

void attempt(std::ofstream& out);
void attempt(std::ofstream& out) { out << User(); }
