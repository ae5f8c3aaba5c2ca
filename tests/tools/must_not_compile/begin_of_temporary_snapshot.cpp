// expect: deleted
// SPDX-License-Identifier: MIT
#include <presence/live/store.hpp>

#include <string>
#include <utility>

using namespace presence;

bool attempt();
bool attempt() {
  Store store;
  return (*store.snapshot().begin()).online;
}
