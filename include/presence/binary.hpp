// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BINARY_HPP
#define PRESENCE_BINARY_HPP

/// The module `binary`: snapshots and deltas as bytes, and set reconciliation between nodes.
///
/// Includes `base`, `model`, `registers`, `table` and `state`.
#include <presence/binary/anti_entropy.hpp>
#include <presence/binary/codec.hpp>

#endif  // PRESENCE_BINARY_HPP
