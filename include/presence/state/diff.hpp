// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DIFF_HPP
#define PRESENCE_STATE_DIFF_HPP

#include <presence/state/detail/change_sink.hpp>
#include <presence/state/snapshot.hpp>

namespace presence {
inline namespace PRESENCE_ABI {

namespace detail {

void diff(const Snapshot& from, const Snapshot& to, const ChangeSink& on_change);

}  // namespace detail

/// Calls `on_change(const UserPresenceChangedView&)` for every user whose publicly visible state differs between `from`
/// and `to`. Applying the changes to the views of `from` gives the views of `to`. Each change carries `to.now()`, or,
/// if there is none, the latest timestamp in what others know of that user. The order is (timestamp, id). Parts that
/// both snapshots share are skipped.
///
/// @code
/// #include <presence/state/reduce.hpp>
///
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// Snapshot s = reduce(Snapshot(), PresenceEvent::connect("john", "phone", now));
/// const Snapshot shown = s;  // what the last frame showed
/// s = reduce(std::move(s), PresenceEvent::disconnect("john", "phone", now + Duration::from_s(5)));
/// s = reduce(std::move(s), PresenceEvent::connect("mary", "tv", now + Duration::from_s(5)));
/// std::string text;
/// diff(shown, s, [&](const UserPresenceChangedView& change) {
///   text += std::string(change.id) + (change.after->online ? " came, " : " went, ");
/// });
/// assert(text == "john went, mary came, ");
/// @endcode
template <class Fn>
void diff(const Snapshot& from, const Snapshot& to, Fn&& on_change) {
  detail::expect_callback<Fn>();
  detail::diff(from, to, on_change);
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/state/detail/diff_bodies.hpp>
#endif

#endif  // PRESENCE_STATE_DIFF_HPP
