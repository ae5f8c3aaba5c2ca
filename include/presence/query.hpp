// SPDX-License-Identifier: MIT
#ifndef PRESENCE_QUERY_HPP
#define PRESENCE_QUERY_HPP

/// The module `query`: filters and sorts over users and channels, and pages of results.
///
/// Includes `base`, `model` and `state`.
#include <presence/query/filter.hpp>
#include <presence/query/query.hpp>

#endif  // PRESENCE_QUERY_HPP
