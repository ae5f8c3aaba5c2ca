// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_HPP
#define PRESENCE_MODEL_HPP

/// The module `model`: values without behaviour. Users, events, rules and verdicts, channels, and the fields of them
/// that filters name.
///
/// Includes `base`.
#include <presence/model/attributes.hpp>
#include <presence/model/availability.hpp>
#include <presence/model/channel.hpp>
#include <presence/model/event.hpp>
#include <presence/model/fields.hpp>
#include <presence/model/ids.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/user.hpp>
#include <presence/model/value.hpp>

#endif  // PRESENCE_MODEL_HPP
