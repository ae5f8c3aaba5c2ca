// expect: a callback for sessions must accept (std::string_view user, std::string_view session)
// within the first lines
// SPDX-License-Identifier: MIT
// A listing of sessions: the callback receives the user too, because sessions of two users may share an id.
#include <presence/state.hpp>

using namespace presence;

void attempt(const Snapshot& s);
void attempt(const Snapshot& s) {
#if defined(CONTROL)
  const auto on_session = [](std::string_view, std::string_view) {};
#else
  const auto on_session = [](std::string_view) {};
#endif
  s.each_session("node-7/", on_session);
}
