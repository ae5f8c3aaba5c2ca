// SPDX-License-Identifier: MIT
#ifndef PRESENCE_VERSION_HPP
#define PRESENCE_VERSION_HPP

/// The version of the library. Every other copy of it (build files, package files, the single header) is read from
/// here.
#define PRESENCE_VERSION_MAJOR 0
#define PRESENCE_VERSION_MINOR 1
#define PRESENCE_VERSION_PATCH 0

#endif  // PRESENCE_VERSION_HPP
