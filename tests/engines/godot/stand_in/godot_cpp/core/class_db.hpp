// SPDX-License-Identifier: MIT
#include "../stand_in.hpp"
