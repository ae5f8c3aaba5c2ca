// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_MAY_SEE_HPP
#define PRESENCE_LIVE_MAY_SEE_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/model/user.hpp>

#include <string_view>  // for string_view
#include <type_traits>  // for decay_t, enable_if, is_invocable_r, is_same
#include <utility>      // for forward, move

namespace presence {
inline namespace PRESENCE_ABI {

/// A host's rule about which viewer may see which user, for blocks and for friends-only presence. Made from any
/// `bool(Viewer, std::string_view user)`. For a viewer who may not see a user, a Store knows no such user. Users always
/// see themselves. Without a rule, viewers see all users.
///
/// The rule is called often: once for each user that a query considers, and once for each viewer of each change. It
/// must not use the store. If the answer for a viewer changes, the viewer is not notified; query or watch again.
///
/// Copies share the callable. O(1).
///
/// @code
/// #include <presence/live/store.hpp>
///
/// StoreOptions options;
/// options.may_see = [](Viewer viewer, std::string_view user) { return !(viewer.id() == "mary" && user == "john"); };
/// Store store(Rules(), options);
/// store.dispatch(PresenceEvent::connect("john", "phone", *parse_timestamp("2019-01-07T13:17:42.375Z")));
/// assert(store.online("john", Viewer("jack")) && !store.find("john", Viewer("mary")));
/// @endcode
class MaySee {
 public:
  /// Viewers see all users.
  MaySee() noexcept = default;
  /// Stores a copy of the callable.
  template <class Fn, class = std::enable_if_t<!std::is_same<std::decay_t<Fn>, MaySee>::value>>
  MaySee(Fn&& rule) {
    static_assert(std::is_invocable_r<bool, std::decay_t<Fn>&, Viewer, std::string_view>::value,
                  "may_see needs a function bool(Viewer, std::string_view user)");
    auto answer = [kept = std::decay_t<Fn>(std::forward<Fn>(rule))](Viewer viewer, std::string_view user,
                                                                    bool& may) mutable {
      may = static_cast<bool>(kept(viewer, user));
    };
    rule_ = detail::Shared<Rule>::make(Rule::Answer::of(std::move(answer)));
  }

  /// Returns whether there is a rule.
  explicit operator bool() const noexcept { return static_cast<bool>(rule_); }
  /// Returns whether the viewer may see the user.
  bool operator()(Viewer viewer, std::string_view user) const {
    bool may = true;
    if (rule_ && (viewer.id().empty() || viewer.id() != user)) rule_->answer(viewer, user, may);
    return may;
  }

 private:
  struct Rule {
    using Answer = detail::Callback<Viewer, std::string_view, bool&>;
    detail::OwnerCount owners;
    Answer answer;
    explicit Rule(Answer&& fn) : answer(std::move(fn)) {}
  };
  detail::Shared<Rule> rule_;
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_MAY_SEE_HPP
