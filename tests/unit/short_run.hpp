// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TESTS_UNIT_SHORT_RUN_HPP
#define PRESENCE_TESTS_UNIT_SHORT_RUN_HPP

#include <cstdlib>

namespace support {

/// Returns whether PRESENCE_HISTORIES asks for few random histories. Tests may then cut what takes long.
inline bool is_short_run() {
  const char* const histories = std::getenv("PRESENCE_HISTORIES");
  return histories != nullptr && std::strtoul(histories, nullptr, 0) < 300;
}

}  // namespace support

#endif  // PRESENCE_TESTS_UNIT_SHORT_RUN_HPP
