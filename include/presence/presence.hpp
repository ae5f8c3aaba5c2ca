// SPDX-License-Identifier: MIT
#ifndef PRESENCE_PRESENCE_HPP
#define PRESENCE_PRESENCE_HPP

/// Includes the whole library.
///
/// @code
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// Store store;
/// UserQuery friends;
/// friends.filter = in("id", {"mary", "jack"});
/// friends.presence = true;  // john is notified about them from now on
/// store.dispatch(PresenceEvent::connect("mary", "phone", now));
/// assert(store.query_users(friends, Viewer("john")).size() == 1);  // jack is unknown so far
///
/// std::string sent;
/// const Subscription subscription = store.subscribe<UserPresenceChanged>(
///     Viewer("john"), [&](const UserPresenceChanged& change) { sent = to_json(change); });
/// store.dispatch(PresenceEvent::set_status("mary", "Looking for a group", now));
/// assert(parse_event(sent)->status == "Looking for a group");  // what a client reads
/// @endcode
#include <presence/base.hpp>
#include <presence/binary.hpp>
#include <presence/fwd.hpp>
#include <presence/json.hpp>
#include <presence/live.hpp>
#include <presence/model.hpp>
#include <presence/query.hpp>
#include <presence/registers.hpp>
#include <presence/state.hpp>
#include <presence/table.hpp>
#include <presence/version.hpp>

#endif  // PRESENCE_PRESENCE_HPP
