// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_HPP
#define PRESENCE_LIVE_HPP

/// The module `live`: Watches (which viewer watches which users), and Store, which applies events and notifies.
///
/// Includes `base`, `model`, `registers`, `state` and `query`.
#include <presence/live/may_see.hpp>
#include <presence/live/notices.hpp>
#include <presence/live/store.hpp>
#include <presence/live/subscription.hpp>
#include <presence/live/viewers.hpp>
#include <presence/live/watches.hpp>

#endif  // PRESENCE_LIVE_HPP
