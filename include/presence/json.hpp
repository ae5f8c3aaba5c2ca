// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_HPP
#define PRESENCE_JSON_HPP

/// The module `json`: readers and writers of events, users, channels, lists, values, filters and
/// queries.
///
/// Includes `base`, `model` and `query`. <presence/json_hooks.hpp>, for the values of other JSON libraries, is
/// separate.
#include <presence/json/channels.hpp>
#include <presence/json/events.hpp>
#include <presence/json/filters.hpp>
#include <presence/json/limits.hpp>
#include <presence/json/lists.hpp>
#include <presence/json/queries.hpp>
#include <presence/json/values.hpp>

#endif  // PRESENCE_JSON_HPP
