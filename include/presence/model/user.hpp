// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_USER_HPP
#define PRESENCE_MODEL_USER_HPP

#include <presence/base/time.hpp>

#include <optional>     // for optional
#include <string>       // for string
#include <string_view>  // for string_view
#include <type_traits>  // for bool_constant, enable_if, false_type, is_class, is_convertible, is_same, is_trivially_copyable
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Whether an argument of type `Text&&` is a temporary that owns its characters, such as a string: a view of it would
/// dangle. A temporary that can be copied byte for byte owns nothing; it is a view itself.
template <class Text>
struct IsOwningTemporary
    : std::bool_constant<std::is_class<Text>::value && std::is_convertible<Text, std::string_view>::value &&
                         !std::is_trivially_copyable<Text>::value> {};
template <class Text>
struct IsOwningTemporary<Text&> : std::false_type {};
template <class Text>
using EnableIfOwningTemporary = std::enable_if_t<IsOwningTemporary<Text>::value, int>;

class BorrowedText;
/// Of strings, and whatever else converts to a view.
template <class Text>
using EnableIfNamedText = std::enable_if_t<std::is_class<Text>::value && !std::is_same<Text, BorrowedText>::value &&
                                               !std::is_same<Text, std::string_view>::value &&
                                               std::is_convertible<const Text&, std::string_view>::value,
                                           int>;

/// A string parameter that is stored as a view: refuses a temporary that owns its characters.
class BorrowedText {
 public:
  constexpr BorrowedText() noexcept = default;
  constexpr BorrowedText(std::string_view text) noexcept : text_(text) {}
  constexpr BorrowedText(const char* text) noexcept : text_(text) {}
  template <class Text, EnableIfNamedText<Text> = 0>
  constexpr BorrowedText(const Text& text) noexcept : text_(text) {}
  template <class Text, EnableIfOwningTemporary<Text> = 0>
  BorrowedText(Text&&) = delete;
  constexpr operator std::string_view() const noexcept { return text_; }

 private:
  std::string_view text_;
};

}  // namespace detail

/// A user as somebody sees them. Costs copies of two strings to copy.
struct User {
  std::string id;                        ///< the host's name for them: any bytes, compared as they are
  bool online = false;                   ///< has a live session, or is reported to be online
  std::string status;                    ///< free text; empty where none is set
  std::optional<Timestamp> last_active;  ///< absent: never seen active
  bool invisible = false;                ///< true only in what users see of themselves
};

/// The same fields, borrowed. Valid until the User or the Snapshot that it was made from is modified or destroyed.
class UserView {
 public:
  /// @{
  /// As in User.
  std::string_view id;
  bool online = false;
  std::string_view status;
  std::optional<Timestamp> last_active;
  bool invisible = false;
  /// @}

  constexpr UserView() noexcept = default;
  /// Borrows the strings, which must outlive the view. A temporary string is refused.
  constexpr UserView(detail::BorrowedText user_id, bool is_online, detail::BorrowedText text,
                     std::optional<Timestamp> active, bool is_invisible) noexcept
      : id(user_id), online(is_online), status(text), last_active(active), invisible(is_invisible) {}
  /// @{
  /// Borrows the strings of the User, which must outlive the view. A temporary User is refused.
  UserView(const User& user) noexcept
      : id(user.id),
        online(user.online),
        status(user.status),
        last_active(user.last_active),
        invisible(user.invisible) {}
  UserView(const User&&) = delete;
  /// @}

  /// A copy that owns its strings.
  operator User() const { return User{std::string(id), online, std::string(status), last_active, invisible}; }

  /// Whether all fields are the same.
  friend constexpr bool operator==(const UserView& a, const UserView& b) noexcept {
    return a.id == b.id && a.online == b.online && a.status == b.status && a.last_active == b.last_active &&
           a.invisible == b.invisible;
  }
  friend constexpr bool operator!=(const UserView& a, const UserView& b) noexcept { return !(a == b); }
};

/// @{
/// Whether all fields are the same.
inline bool operator==(const User& a, const User& b) noexcept { return UserView(a) == UserView(b); }
inline bool operator!=(const User& a, const User& b) noexcept { return !(a == b); }
// Each converts to the other, so that without these a comparison of the two would be ambiguous.
inline bool operator==(const User& a, const UserView& b) noexcept { return UserView(a) == b; }
inline bool operator!=(const User& a, const UserView& b) noexcept { return !(a == b); }
inline bool operator==(const UserView& a, const User& b) noexcept { return a == UserView(b); }
inline bool operator!=(const UserView& a, const User& b) noexcept { return !(a == b); }
/// @}

/// Who is looking. Users see themselves as they are, and everybody else as these wish to be seen. Borrows the id. Valid
/// until the string that it was made from is modified or destroyed.
class Viewer {
 public:
  /// @{
  /// The user of this id, who need not be known. Borrows the id, which must outlive the viewer: a temporary string is
  /// refused, also where the viewer is an argument of a call. Give the string a name.
  explicit constexpr Viewer(std::string_view id) noexcept : id_(id) {}
  template <class Text, detail::EnableIfOwningTemporary<Text> = 0>
  explicit Viewer(Text&& id) = delete;
  /// @}
  constexpr std::string_view id() const noexcept { return id_; }  ///< empty: nobody in particular

 private:
  std::string_view id_;
};

/// A viewer who is none of the users: what everyone may know.
inline constexpr Viewer nobody{std::string_view{}};

/// The registers of one session, for servers and tests. What is forgotten (see Rules) is absent.
struct Session {
  std::string id;                         ///< tells a user's sessions apart: those of two users may have the same
  std::optional<Timestamp> connected;     ///< the latest connect
  std::optional<Timestamp> heartbeat;     ///< the latest heartbeat
  std::vector<Timestamp> disconnects;     ///< oldest first; without an offline_grace the latest alone
  std::optional<Timestamp> online_until;  ///< the timestamp from which it keeps its user online no more; absent: never
                                          ///< did, or does not end by itself
  bool alive = false;                     ///< neither disconnected nor timed out

  /// Whether all fields are the same.
  friend bool operator==(const Session& a, const Session& b) {
    return a.id == b.id && a.connected == b.connected && a.heartbeat == b.heartbeat && a.disconnects == b.disconnects &&
           a.online_until == b.online_until && a.alive == b.alive;
  }
  friend bool operator!=(const Session& a, const Session& b) { return !(a == b); }
};

/// The truth about one user, whatever others may see: not for clients.
struct PresenceState {
  User user;                                 ///< as the user sees himself
  std::optional<Timestamp> status_at;        ///< when the status text was set
  std::optional<Timestamp> invisible_since;  ///< absent: visible
  std::vector<Session> sessions;  ///< by id; the ended ones for as long as a late event could still concern them

  /// Whether all fields are the same, those of the sessions too.
  friend bool operator==(const PresenceState& a, const PresenceState& b) {
    return a.user == b.user && a.status_at == b.status_at && a.invisible_since == b.invisible_since &&
           a.sessions == b.sessions;
  }
  friend bool operator!=(const PresenceState& a, const PresenceState& b) { return !(a == b); }
};

namespace detail {

template <class View>
bool changed_online(const std::optional<View>& before, const std::optional<View>& after) noexcept {
  return (before && before->online) != (after && after->online);
}
template <class View>
bool changed_status(const std::optional<View>& before, const std::optional<View>& after) noexcept {
  return (before ? std::string_view(before->status) : std::string_view()) !=
         (after ? std::string_view(after->status) : std::string_view());
}
template <class View>
bool changed_last_active(const std::optional<View>& before, const std::optional<View>& after) noexcept {
  return (before ? before->last_active : std::nullopt) != (after ? after->last_active : std::nullopt);
}

}  // namespace detail

namespace detail {

inline std::optional<UserView> borrowed(const std::optional<User>& user) noexcept {
  return user ? std::optional<UserView>(*user) : std::nullopt;
}

}  // namespace detail

/// That what others see of a user is not what it was. An absent `before` means that they have just come to know of the
/// user, an absent `after` that they know of the user no more. Borrowed. Valid until the callback that it was passed to
/// returns; to keep it, copy it into a UserPresenceChanged.
struct UserPresenceChangedView {
  std::string_view id;             ///< of the user
  std::optional<UserView> before;  ///< as others saw the user until now
  std::optional<UserView> after;   ///< as they see the user from now on
  Timestamp at;                    ///< when it changed: for what time changes, its deadline

  /// @{
  /// A user who is not known counts as offline, without a status and never seen active.
  bool online_changed() const noexcept { return detail::changed_online(before, after); }
  bool status_changed() const noexcept { return detail::changed_status(before, after); }
  bool last_active_changed() const noexcept { return detail::changed_last_active(before, after); }
  /// @}
};

/// The same, owning.
///
/// @code
/// const auto show = [](const UserPresenceChanged& change) -> std::string {  // as a Store tells it to a subscription
///   if (!change.after) return "forget " + change.id;
///   if (change.online_changed()) return change.id + (change.after->online ? " comes" : " goes");
///   return change.status_changed() ? change.id + " says " + change.after->status : "";
/// };
/// UserPresenceChanged change;
/// change.id = "john";
/// change.before = User{"john", true, "brb", {}, false};
/// change.after = User{"john", true, "", Timestamp::from_ms(1546867062375), false};
/// assert(show(change) == "john says " && change.last_active_changed());
/// change.before.reset();  // so far nobody knew of john
/// assert(show(change) == "john comes");
/// @endcode
class UserPresenceChanged {
 public:
  /// @{
  /// As in UserPresenceChangedView.
  std::string id;
  std::optional<User> before;
  std::optional<User> after;
  Timestamp at;
  /// @}

  UserPresenceChanged() = default;
  /// Copies the strings.
  UserPresenceChanged(const UserPresenceChangedView& change) : id(change.id), at(change.at) {
    if (change.before) before = static_cast<User>(*change.before);
    if (change.after) after = static_cast<User>(*change.after);
  }

  /// @{
  /// A user who is not known counts as offline, without a status and never seen active.
  bool online_changed() const noexcept { return detail::changed_online(before, after); }
  bool status_changed() const noexcept { return detail::changed_status(before, after); }
  bool last_active_changed() const noexcept { return detail::changed_last_active(before, after); }
  /// @}

  /// Whether all fields are the same.
  friend bool operator==(const UserPresenceChanged& a, const UserPresenceChanged& b) noexcept {
    return a.id == b.id && a.at == b.at && a.before == b.before && a.after == b.after;
  }
  friend bool operator!=(const UserPresenceChanged& a, const UserPresenceChanged& b) noexcept { return !(a == b); }
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_MODEL_USER_HPP
