// SPDX-License-Identifier: MIT

// The one file of a program that has the bodies, when the headers only declare.
#define PRESENCE_IMPLEMENTATION
#include <presence/presence.hpp>
