// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_HPP
#define PRESENCE_STATE_HPP

/// The module `state`: Snapshot, and the pure functions between snapshots: reduce, apply, advance, diff, merge,
/// reports.
///
/// Includes `base`, `model`, `registers` and `table`.
#include <presence/state/diff.hpp>
#include <presence/state/merge.hpp>
#include <presence/state/reduce.hpp>
#include <presence/state/reports.hpp>
#include <presence/state/resume.hpp>
#include <presence/state/snapshot.hpp>

#endif  // PRESENCE_STATE_HPP
