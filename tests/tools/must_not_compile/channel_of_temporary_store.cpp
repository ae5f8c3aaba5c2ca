// expect: deleted
// SPDX-License-Identifier: MIT
#include <presence/live/store.hpp>

#include <string>
#include <utility>

using namespace presence;

bool attempt();
bool attempt() { return Store().find_channel("match:eu") != nullptr; }
