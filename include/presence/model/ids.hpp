// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_IDS_HPP
#define PRESENCE_MODEL_IDS_HPP

#include <presence/config.hpp>

#include <string>       // for string
#include <string_view>  // for string_view
#include <type_traits>  // for decay, enable_if, is_same
#include <utility>      // for move

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// What UserId and SessionId have in common. `Id` is the derived class.
template <class Id>
class StrongId {
 public:
  StrongId() noexcept = default;
  explicit StrongId(std::string id) noexcept : id_(std::move(id)) {}
  explicit StrongId(std::string_view id) : id_(id) {}
  explicit StrongId(const char* id) : id_(id) {}

  const std::string& str() const noexcept { return id_; }
  std::string_view view() const noexcept { return id_; }
  operator std::string_view() const noexcept { return id_; }
  operator std::string() const { return id_; }

  friend bool operator==(const Id& a, const Id& b) noexcept { return a.view() == b.view(); }
  friend bool operator!=(const Id& a, const Id& b) noexcept { return a.view() != b.view(); }
  friend bool operator<(const Id& a, const Id& b) noexcept { return a.view() < b.view(); }

 private:
  std::string id_;
};

}  // namespace detail

/// The id of a user, in a type of its own. Opt-in: every function takes ids as plain strings as well.
///
/// Owns the string. Created only explicitly; converts to `std::string` and `std::string_view`, so it can be passed
/// wherever an id is expected. But where the id of a session is expected, as in PresenceEvent::connect, it does not
/// compile. So a host that stores its ids as UserId and SessionId cannot swap the two silently.
///
/// Ids are equal if their bytes are equal, and `<` compares bytes. `str()` and `view()` return the string.
///
/// @code
/// #include <presence/model/event.hpp>
///
/// const UserId user("john");
/// const SessionId session("phone");
/// const PresenceEvent hello = PresenceEvent::connect(user, session, Timestamp::from_s(7));
/// assert(hello.user == "john" && hello.session == "phone" && user == UserId("john"));
/// // PresenceEvent::connect(session, user, Timestamp::from_s(7)) does not compile.
/// @endcode
class UserId : public detail::StrongId<UserId> {
 public:
  using StrongId::StrongId;
};

/// The id of a session of one user, in a type of its own. As UserId, but does not compile where the id of a user is
/// expected.
class SessionId : public detail::StrongId<SessionId> {
 public:
  using StrongId::StrongId;
};

namespace detail {

/// Enables the deleted overloads for arguments that are in each other's place.
template <class First, class Second>
using EnableIfSwapped = std::enable_if_t<
    std::is_same<std::decay_t<First>, SessionId>::value || std::is_same<std::decay_t<Second>, UserId>::value, int>;

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_MODEL_IDS_HPP
