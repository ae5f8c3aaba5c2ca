// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_DETAIL_LISTENING_HPP
#define PRESENCE_LIVE_DETAIL_LISTENING_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/base/detail/memory.hpp>

#include <vector>  // for vector

/// What a Store needs to declare of its listeners.
namespace presence {
inline namespace PRESENCE_ABI {

class Viewers;

namespace detail {

struct Listener;
using Listeners = std::vector<Shared<Listener>>;

/// What a listener receives.
enum class NoticeKind : unsigned char { presence_changed, watching_started, watching_stopped, session_ended };

/// Where the store keeps a listener.
enum class ListenerPlace : unsigned char { every_change, deliveries, session_ends, of_viewer };

/// Calls a listener with the notice, whose type follows from the kind.
using Notify = Callback<const void*, const Viewers&>;

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_DETAIL_LISTENING_HPP
