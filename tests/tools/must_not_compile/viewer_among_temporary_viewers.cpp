// expect: deleted
// SPDX-License-Identifier: MIT
#include <presence/live/store.hpp>

#include <string>
#include <utility>

using namespace presence;

bool attempt();
bool attempt() { return Viewers()[0].id().empty(); }
