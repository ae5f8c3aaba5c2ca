// SPDX-License-Identifier: MIT

// The bodies of what the other files of a program only declare.
#define PRESENCE_IMPLEMENTATION
#include <presence/presence.hpp>
