// expect: may_see needs a function bool(Viewer, std::string_view user)
// within the first lines
// SPDX-License-Identifier: MIT
// A rule about who may see whom: takes a viewer and a user.
#include <presence/live.hpp>

using namespace presence;

void attempt(Store& store, const Snapshot& s);
void attempt(Store& store, const Snapshot& s) {
#if defined(CONTROL)
  const auto rule = [](Viewer, std::string_view) { return true; };
#else
  const auto rule = [](std::string_view) { return true; };
#endif
  const MaySee may_see = rule;
  static_cast<void>(may_see);
  static_cast<void>(store);
  static_cast<void>(s);
}
