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
#include <presence/state.hpp>
#include <presence/version.hpp>

#endif  // PRESENCE_PRESENCE_HPP

// The bodies of what PRESENCE_SEPARATE only declares. Behind the guard, because in a unity build a file that only
// declares may have been first.
#if !PRESENCE_SEPARATE || defined(PRESENCE_IMPLEMENTATION)
#if PRESENCE_SEPARATE
#undef PRESENCE_DETAIL_BODY
#define PRESENCE_DETAIL_BODY
#endif
#include <presence/base/detail/time_bodies.hpp>
#include <presence/binary/detail/anti_entropy_bodies.hpp>
#include <presence/binary/detail/codec_bodies.hpp>
#include <presence/binary/detail/events_bodies.hpp>
#include <presence/json/detail/channels_bodies.hpp>
#include <presence/json/detail/events_bodies.hpp>
#include <presence/json/detail/filters_bodies.hpp>
#include <presence/json/detail/lists_bodies.hpp>
#include <presence/json/detail/queries_bodies.hpp>
#include <presence/json/detail/values_bodies.hpp>
#include <presence/live/detail/change_dates_bodies.hpp>
#include <presence/live/detail/rooms_bodies.hpp>
#include <presence/live/detail/session_deadlines_bodies.hpp>
#include <presence/live/detail/session_tracker_bodies.hpp>
#include <presence/live/detail/store_bodies.hpp>
#include <presence/live/detail/watches_bodies.hpp>
#include <presence/model/detail/attributes_bodies.hpp>
#include <presence/model/detail/channel_bodies.hpp>
#include <presence/model/detail/event_bodies.hpp>
#include <presence/model/detail/fields_bodies.hpp>
#include <presence/model/detail/user_bodies.hpp>
#include <presence/model/detail/value_bodies.hpp>
#include <presence/query/detail/filter_bodies.hpp>
#include <presence/query/detail/query_bodies.hpp>
#include <presence/state/detail/diff_bodies.hpp>
#include <presence/state/detail/merge_bodies.hpp>
#include <presence/state/detail/reduce_bodies.hpp>
#include <presence/state/detail/reports_bodies.hpp>
#include <presence/state/detail/resume_bodies.hpp>
#include <presence/state/detail/snapshot_bodies.hpp>
#endif
