// SPDX-License-Identifier: MIT

// What each file costs that includes all of the library, whatever it uses.
#include <presence/presence.hpp>
