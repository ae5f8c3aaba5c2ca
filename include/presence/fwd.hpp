// SPDX-License-Identifier: MIT
#ifndef PRESENCE_FWD_HPP
#define PRESENCE_FWD_HPP

#include <presence/config.hpp>

#include <cstdint>  // for uint8_t

/// Forward declarations of every public type, for headers that only name them. Compiles in almost no time.
///
/// @code
/// struct FriendList {  // in a header of the game: including it compiles no other part of the library
///   void show(const presence::UserPresenceChanged& change);
///   presence::Store* store = nullptr;
///   presence::Verdict last{};  // enumerations are complete types
/// };
///
/// int main() {
///   FriendList list;
///   assert(list.store == nullptr && sizeof(list.last) == 1);
/// }
/// @endcode
namespace presence {
inline namespace PRESENCE_ABI {

class Duration;
class Timestamp;

enum class ErrorCode : std::uint8_t;
struct Error;
template <class T>
class Result;

enum class Availability : std::uint8_t;
enum class SessionFold : std::uint8_t;
class Ranking;
struct User;
class UserView;
struct Session;
struct Device;
struct PresenceState;
class Viewer;
struct UserPresenceChangedView;
class UserPresenceChanged;

class UserId;
class SessionId;
enum class EventType : std::uint8_t;
struct PresenceEvent;
struct PresenceEventView;

struct Rules;
enum class Verdict : std::uint8_t;
struct Tally;

class Snapshot;
class Decoder;

enum class ValueKind : std::uint8_t;
class Value;
class ValueView;
class ValueMember;
template <class Getter>
struct Field;
template <class... All>
struct FieldList;
template <class T>
struct Fields;
class Attributes;
class AttributesView;
struct Channel;
enum class Operator : std::uint8_t;
class Filter;
template <class T>
class Matcher;
struct Unanswerable;
enum class Order : std::uint8_t;
struct SortKey;
struct Query;
struct UserQuery;
struct ChannelQuery;
struct WatchLimits;
class Watches;
class Viewers;
struct Dispatched;
enum class SessionEndReason : std::uint8_t;
struct SessionEnded;
struct WatchingStarted;
struct WatchingStopped;
struct StoreStats;
class MaySee;
struct DeliveryOptions;
struct StoreOptions;
struct WatchChannel;
class Store;
class Subscription;

class HostClock;

struct OutboxOptions;
class Outbox;
class Inbox;
struct Checkpoint;

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_FWD_HPP
