// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BINARY_HPP
#define PRESENCE_BINARY_HPP

/// The module `binary`: snapshots, deltas and batches of events as bytes, and set reconciliation between nodes.
///
/// Includes `base`, `model`, `registers`, `table` and `state`.
#include <presence/binary/anti_entropy.hpp>
#include <presence/binary/codec.hpp>
#include <presence/binary/events.hpp>

#endif  // PRESENCE_BINARY_HPP
