// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_HPP
#define PRESENCE_BASE_HPP

/// The module `base`: Result and Error, Timestamp and Duration; below them memory, hashes and small containers.
///
/// Includes nothing of the library but <presence/config.hpp>.
#include <presence/base/result.hpp>
#include <presence/base/time.hpp>

#endif  // PRESENCE_BASE_HPP
