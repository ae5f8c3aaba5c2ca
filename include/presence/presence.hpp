// SPDX-License-Identifier: MIT
#ifndef PRESENCE_PRESENCE_HPP
#define PRESENCE_PRESENCE_HPP

/// Everything.
///
/// @code
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// Store store;
/// UserQuery friends;
/// friends.filter = in("id", {"mary", "jack"});
/// friends.presence = true;  // john hears about them from now on
/// store.dispatch(PresenceEvent::connect("mary", "phone", now));
/// assert(store.query_users(friends, Viewer("john")).size() == 1);  // nothing is known of jack yet
///
/// std::string sent;
/// const Subscription subscription = store.subscribe<UserPresenceChanged>(
///     Viewer("john"), [&](const UserPresenceChanged& change) { sent = to_json(change); });
/// store.dispatch(PresenceEvent::set_status("mary", "Looking for a group", now));
/// assert(parse_event(sent)->status == "Looking for a group");  // what a client reads
/// @endcode
#include <presence/anti_entropy.hpp>
#include <presence/channel.hpp>
#include <presence/codec.hpp>
#include <presence/diff.hpp>
#include <presence/event.hpp>
#include <presence/fields.hpp>
#include <presence/filter.hpp>
#include <presence/fwd.hpp>
#include <presence/json.hpp>
#include <presence/json_channel.hpp>
#include <presence/json_filter.hpp>
#include <presence/merge.hpp>
#include <presence/query.hpp>
#include <presence/reduce.hpp>
#include <presence/reports.hpp>
#include <presence/result.hpp>
#include <presence/rules.hpp>
#include <presence/snapshot.hpp>
#include <presence/store.hpp>
#include <presence/time.hpp>
#include <presence/user.hpp>
#include <presence/value.hpp>
#include <presence/version.hpp>
#include <presence/watches.hpp>

#endif  // PRESENCE_PRESENCE_HPP
