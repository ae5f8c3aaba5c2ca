// expect: a callback for the ids of users must accept (std::string_view)
// within the first lines
// SPDX-License-Identifier: MIT
// A listing of all users: the callback receives ids, not users.
#include <presence/state.hpp>

using namespace presence;

void attempt(const Snapshot& s);
void attempt(const Snapshot& s) {
#if defined(CONTROL)
  const auto on_user_id = [](std::string_view) {};
#else
  const auto on_user_id = [](const UserView&) {};
#endif
  s.each_user_id(on_user_id);
}
