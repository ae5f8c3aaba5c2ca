// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_USER_HPP
#define PRESENCE_MODEL_USER_HPP

#include <presence/base/time.hpp>
#include <presence/model/attributes.hpp>
#include <presence/model/availability.hpp>

#include <optional>     // for optional, nullopt
#include <string>       // for string
#include <string_view>  // for string_view
#include <type_traits>  // for bool_constant, enable_if, false_type, is_class, is_convertible, is_same, is_trivially_copyable
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// True if an argument of type `Text&&` is a temporary that owns its characters, such as a string. A view of it would
/// dangle. A trivially copyable temporary owns nothing: it is a view itself.
template <class Text>
struct IsOwningTemporary
    : std::bool_constant<std::is_class<Text>::value && std::is_convertible<Text, std::string_view>::value &&
                         !std::is_trivially_copyable<Text>::value> {};
template <class Text>
struct IsOwningTemporary<Text&> : std::false_type {};
template <class Text>
using EnableIfOwningTemporary = std::enable_if_t<IsOwningTemporary<Text>::value, int>;

class BorrowedText;
/// Enables an overload for named strings and other class objects that convert to a string view.
template <class Text>
using EnableIfNamedText = std::enable_if_t<std::is_class<Text>::value && !std::is_same<Text, BorrowedText>::value &&
                                               !std::is_same<Text, std::string_view>::value &&
                                               std::is_convertible<const Text&, std::string_view>::value,
                                           int>;

/// A string parameter that is stored as a view. Rejects, at compile time, a temporary that owns its characters.
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

/// Returns the availability of a user as it is shown: `offline` if and only if they are not online.
constexpr Availability shown_availability(bool online, Availability availability) noexcept {
  if (!online) return Availability::offline;
  return availability == Availability::offline ? Availability::available : availability;
}

}  // namespace detail

/// A user as one viewer sees them. Copying it copies two strings.
struct User {
  std::string id;                        ///< chosen by the host: any bytes, compared bytewise
  bool online = false;                   ///< has a live session, or is reported online
  std::string status;                    ///< free text; empty: none is set
  std::optional<Timestamp> last_active;  ///< absent: never seen active
  bool invisible = false;                ///< true only in the user's view of themselves
  /// How available a user is who is online. While `online` is true, `offline` stands for `available`; else it is not
  /// read.
  Availability availability{};
  Attributes activity{};  ///< what the user is doing; empty while they are not online
  Attributes data{};      ///< such as "name" and "image"; also while they are not online
};

/// A borrowed view of the fields of a User. Valid until its source User or Snapshot is modified or destroyed.
class UserView {
 public:
  /// @{
  /// As in User.
  std::string_view id;
  bool online = false;
  std::string_view status;
  std::optional<Timestamp> last_active;
  bool invisible = false;
  Availability availability{};
  AttributesView activity;
  AttributesView data;
  /// @}

  constexpr UserView() noexcept = default;
  /// Borrows the strings, which must outlive the view. A temporary string does not compile.
  constexpr UserView(detail::BorrowedText user_id, bool is_online, detail::BorrowedText text,
                     std::optional<Timestamp> active, bool is_invisible, Availability how = {}) noexcept
      : id(user_id), online(is_online), status(text), last_active(active), invisible(is_invisible), availability(how) {}
  /// @{
  /// Borrows the strings of the User, which must outlive the view. A temporary User does not compile.
  UserView(const User& user) noexcept
      : id(user.id),
        online(user.online),
        status(user.status),
        last_active(user.last_active),
        invisible(user.invisible),
        availability(user.availability),
        activity(user.activity),
        data(user.data) {}
  UserView(const User&&) = delete;
  /// @}

  /// Returns a copy that owns its strings.
  operator User() const;

  /// Returns true if all fields are equal. The availabilities are compared as they are shown.
  friend bool operator==(const UserView& a, const UserView& b) noexcept { return are_equal(a, b); }
  friend bool operator!=(const UserView& a, const UserView& b) noexcept { return !(a == b); }

 private:
  static bool are_equal(const UserView& a, const UserView& b) noexcept;
};

/// @{
/// Returns true if all fields are equal.
bool operator==(const User& a, const User& b) noexcept;
inline bool operator!=(const User& a, const User& b) noexcept { return !(a == b); }
// Each type converts to the other, so a mixed comparison would be ambiguous without these overloads.
inline bool operator==(const User& a, const UserView& b) noexcept { return UserView(a) == b; }
inline bool operator!=(const User& a, const UserView& b) noexcept { return !(a == b); }
inline bool operator==(const UserView& a, const User& b) noexcept { return a == UserView(b); }
inline bool operator!=(const UserView& a, const User& b) noexcept { return !(a == b); }
/// @}

/// The user whose view is requested, or one session of that user. In views and queries, viewers see their own true
/// state, and only the public state of other users. The changes that a Store delivers have the public state of all
/// users, also of the viewer. Borrows the ids. Valid until a string that it was made from is modified or destroyed.
///
/// What a viewer sees depends on the user alone. In a Store, each session has its own watches and subscriptions: two
/// tabs of one user watch and unwatch independently. A viewer without a session is a viewer of its own.
class Viewer {
 public:
  /// @{
  /// The user with this id, who need not be known, and optionally the id of one of their sessions. Borrows the ids,
  /// which must outlive the viewer. A temporary string does not compile, even if the viewer itself is only a function
  /// argument: store the string in a variable.
  explicit constexpr Viewer(std::string_view user, std::string_view session = {}) noexcept
      : id_(user), session_(session) {}
  template <class Text, detail::EnableIfOwningTemporary<Text> = 0>
  explicit Viewer(Text&& user, std::string_view session = {}) = delete;
  template <class Text, detail::EnableIfOwningTemporary<Text> = 0>
  explicit Viewer(std::string_view user, Text&& session) = delete;
  /// @}
  constexpr std::string_view id() const noexcept { return id_; }            ///< empty: no particular user
  constexpr std::string_view session() const noexcept { return session_; }  ///< empty: no particular session

  /// @{
  /// Returns whether both are the same user and the same session.
  friend constexpr bool operator==(Viewer a, Viewer b) noexcept { return a.id_ == b.id_ && a.session_ == b.session_; }
  friend constexpr bool operator!=(Viewer a, Viewer b) noexcept { return !(a == b); }
  /// @}

 private:
  std::string_view id_, session_;
};

/// The viewer that is none of the users. Sees only public state.
inline constexpr Viewer nobody{std::string_view{}};

/// The stored registers of one session, for servers and tests. Registers that were forgotten (see Rules) are absent.
/// The activity is not among them; see Snapshot::devices.
struct Session {
  std::string id;                          ///< unique per user; sessions of two users may share an id
  std::optional<Timestamp> last_evidence;  ///< timestamp of the latest event that shows that it was connected
  std::optional<Timestamp> online_since;   ///< since when it has been connected without a silence that ends a session,
                                           ///< as far as that is still known; absent without timeouts
  std::vector<Timestamp> disconnects;      ///< oldest first; only the latest if offline_grace is 0
  std::optional<Timestamp> online_until;   ///< when the session stops keeping its user online; absent: it never did, or
                                           ///< it has no end without a further event
  bool alive = false;                      ///< neither disconnected nor timed out
  std::optional<Availability> availability;  ///< what the session last said in its present life; absent: nothing
  std::int8_t priority = 0;                  ///< the priority that was set with the availability
  std::optional<Timestamp> active;           ///< its latest activity; kept only with Rules::idle_after

  /// Returns true if all fields are equal.
  friend bool operator==(const Session& a, const Session& b) { return are_equal(a, b); }
  friend bool operator!=(const Session& a, const Session& b) { return !(a == b); }

 private:
  static bool are_equal(const Session& a, const Session& b);
};

/// One of the sessions that keep a user online.
struct Device {
  std::string session;          ///< its id
  Availability availability{};  ///< what it contributes; never offline
  Attributes activity{};        ///< its own

  /// Returns true if all fields are equal.
  friend bool operator==(const Device& a, const Device& b) { return are_equal(a, b); }
  friend bool operator!=(const Device& a, const Device& b) { return !(a == b); }

 private:
  static bool are_equal(const Device& a, const Device& b);
};

/// The full state of one user, including what is hidden from others. Not for clients.
struct PresenceState {
  User user;                                 ///< as the user sees themselves
  std::optional<Timestamp> status_at;        ///< when the status was set
  std::optional<Timestamp> invisible_since;  ///< absent: visible
  std::vector<Session> sessions;  ///< in order of their ids; ended ones remain while a late event can still affect them
  std::optional<Availability> choice;     ///< the user's own choice; absent: none, or it has ended
  std::optional<Timestamp> choice_until;  ///< when the choice ends; absent: it has no end
  std::optional<Timestamp> status_until;  ///< when the status ends; absent: it has no end, or it ended long ago

  /// Returns true if all fields are equal, including the sessions.
  friend bool operator==(const PresenceState& a, const PresenceState& b) { return are_equal(a, b); }
  friend bool operator!=(const PresenceState& a, const PresenceState& b) { return !(a == b); }

 private:
  static bool are_equal(const PresenceState& a, const PresenceState& b);
};

namespace detail {

inline std::optional<UserView> borrowed(const std::optional<User>& user) noexcept {
  return user ? std::optional<UserView>(*user) : std::nullopt;
}

}  // namespace detail

/// Emitted when a user's publicly visible state changed. If `before` is absent, the user was not known to others. If
/// `after` is absent, the user is no longer known to others. Borrowed: valid until the callback that receives it
/// returns. To keep it, copy it into a UserPresenceChanged.
struct UserPresenceChangedView {
  std::string_view id;             ///< id of the user
  std::optional<UserView> before;  ///< what others saw until now
  std::optional<UserView> after;   ///< what others see from now on
  Timestamp at;                    ///< when it changed; for a change caused by time alone, its deadline

  /// @{
  /// Return true if that field changed. An unknown user counts as offline, without a status and never active.
  bool online_changed() const noexcept;
  bool availability_changed() const noexcept;
  bool activity_changed() const noexcept;
  bool data_changed() const noexcept;
  bool status_changed() const noexcept;
  bool last_active_changed() const noexcept;
  /// @}
};

/// An owning copy of a UserPresenceChangedView.
///
/// @code
/// const auto show = [](const UserPresenceChanged& change) -> std::string {  // as a Store passes it to a callback
///   if (!change.after) return "forget " + change.id;
///   if (change.online_changed()) return change.id + (change.after->online ? " comes" : " goes");
///   return change.status_changed() ? change.id + " says " + change.after->status : "";
/// };
/// UserPresenceChanged change;
/// change.id = "john";
/// change.before = User{"john", true, "brb", {}, false};
/// change.after = User{"john", true, "", Timestamp::from_ms(1546867062375), false};
/// assert(show(change) == "john says " && change.last_active_changed());
/// change.before.reset();  // john was not known before
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
  UserPresenceChanged(const UserPresenceChangedView& change);

  /// @{
  /// Return true if that field changed. An unknown user counts as offline, without a status and never active.
  bool online_changed() const noexcept;
  bool availability_changed() const noexcept;
  bool activity_changed() const noexcept;
  bool data_changed() const noexcept;
  bool status_changed() const noexcept;
  bool last_active_changed() const noexcept;
  /// @}

  /// Returns true if all fields are equal.
  friend bool operator==(const UserPresenceChanged& a, const UserPresenceChanged& b) noexcept {
    return are_equal(a, b);
  }
  friend bool operator!=(const UserPresenceChanged& a, const UserPresenceChanged& b) noexcept { return !(a == b); }

 private:
  static bool are_equal(const UserPresenceChanged& a, const UserPresenceChanged& b) noexcept;
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/model/detail/user_bodies.hpp>
#endif

#endif  // PRESENCE_MODEL_USER_HPP
