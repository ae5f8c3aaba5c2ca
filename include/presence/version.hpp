// SPDX-License-Identifier: MIT
#ifndef PRESENCE_VERSION_HPP
#define PRESENCE_VERSION_HPP

/// @{
/// The version of the library. Every other copy of it (build files, package files, the single header) is read from
/// here.
///
/// @code
/// #if PRESENCE_VERSION_MAJOR == 0 && PRESENCE_VERSION_MINOR < 1
/// #error "this game needs presence 0.1 or later"
/// #endif
///
/// int main() {
///   const int version = PRESENCE_VERSION_MAJOR * 10000 + PRESENCE_VERSION_MINOR * 100 + PRESENCE_VERSION_PATCH;
///   assert(version >= 100);
/// }
/// @endcode
#define PRESENCE_VERSION_MAJOR 0
#define PRESENCE_VERSION_MINOR 1
#define PRESENCE_VERSION_PATCH 0
/// @}

#endif  // PRESENCE_VERSION_HPP
