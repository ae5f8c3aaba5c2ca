// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_CHANGE_SINK_HPP
#define PRESENCE_STATE_DETAIL_CHANGE_SINK_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/model/user.hpp>

#include <type_traits>  // for is_invocable, is_same, remove_cv

/// What collects changes of the publicly visible state: the callback of the host, or nothing.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The callback type for callers that need no changes. With it no changes are collected.
struct NoCallback {
  void operator()(const UserPresenceChangedView&) const noexcept {}
};
template <class OnChange>
inline constexpr bool has_callback = !std::is_same<std::remove_cv_t<OnChange>, NoCallback>::value;

/// Ends a compilation with a sentence if the callback does not accept a change. An argument of a public function may be
/// anything, and what its misuse causes inside would be reported first.
template <class OnChange>
constexpr void expect_callback() noexcept {
  static_assert(std::is_invocable<OnChange&, const UserPresenceChangedView&>::value,
                "presence: a callback for changes must accept (const presence::UserPresenceChangedView&)");
}

/// A non-owning reference to a callback for changes. Empty if the callback is NoCallback.
class ChangeSink {
 public:
  ChangeSink() noexcept = default;
  template <class OnChange>
  ChangeSink(OnChange& on_change) noexcept {
    if constexpr (has_callback<OnChange>) call_ = on_change;
  }

  explicit operator bool() const noexcept { return static_cast<bool>(call_); }
  /// Requires that it is not empty.
  void operator()(const UserPresenceChangedView& change) const { call_(change); }

 private:
  FunctionRef<void(const UserPresenceChangedView&)> call_;
};

}  // namespace detail

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_CHANGE_SINK_HPP
