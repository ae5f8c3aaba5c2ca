// SPDX-License-Identifier: MIT
#ifndef PRESENCE_VERSION_HPP
#define PRESENCE_VERSION_HPP

/// @{
/// The version of the library. Every other copy of it (build files, package files, the single header) is read from
/// here.
///
/// @code
/// #if PRESENCE_VERSION_MAJOR == 0 && PRESENCE_VERSION_MINOR < 2
/// #error "this game needs presence 0.2 or later"
/// #endif
///
/// int main() {
///   const int version = PRESENCE_VERSION_MAJOR * 10000 + PRESENCE_VERSION_MINOR * 100 + PRESENCE_VERSION_PATCH;
///   assert(version >= 200);
/// }
/// @endcode
#define PRESENCE_VERSION_MAJOR 0
#define PRESENCE_VERSION_MINOR 2
#define PRESENCE_VERSION_PATCH 0
/// @}

#endif  // PRESENCE_VERSION_HPP
