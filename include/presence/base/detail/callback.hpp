// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_CALLBACK_HPP
#define PRESENCE_BASE_DETAIL_CALLBACK_HPP

#include <presence/base/detail/memory.hpp>

#include <type_traits>  // for decay
#include <utility>      // for exchange, forward

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// An owning, type-erased callable. <functional> costs more compile time than all headers of this library.
template <class... Args>
class Callback {
 public:
  Callback() noexcept = default;
  template <class Fn>
  static Callback of(Fn&& fn) {
    using Kept = std::decay_t<Fn>;
    Callback made;
    made.kept_ = detail::create<Kept>(std::forward<Fn>(fn));
    made.call_ = [](void* kept, Args... args) { (*static_cast<Kept*>(kept))(static_cast<Args>(args)...); };
    made.end_ = [](void* kept) noexcept { detail::destroy(static_cast<Kept*>(kept)); };
    return made;
  }
  Callback(Callback&& other) noexcept
      : kept_(std::exchange(other.kept_, nullptr)), call_(other.call_), end_(other.end_) {}
  Callback& operator=(Callback&& other) = delete;
  ~Callback() {
    if (kept_ != nullptr) end_(kept_);
  }

  void operator()(Args... args) const { call_(kept_, args...); }

 private:
  void* kept_ = nullptr;
  void (*call_)(void*, Args...) = nullptr;
  void (*end_)(void*) noexcept = nullptr;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_DETAIL_CALLBACK_HPP
