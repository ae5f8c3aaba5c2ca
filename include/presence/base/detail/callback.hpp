// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_DETAIL_CALLBACK_HPP
#define PRESENCE_BASE_DETAIL_CALLBACK_HPP

#include <presence/base/detail/memory.hpp>

#include <cstring>      // for memcpy
#include <type_traits>  // for decay, enable_if, is_function, is_same, remove_reference
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

template <class Signature>
class FunctionRef;
/// A non-owning, type-erased reference to a callable, for parameters of large functions: they are compiled once, not
/// once per callable. Empty by default. The callable must outlive the reference.
template <class Result, class... Args>
class FunctionRef<Result(Args...)> {
 public:
  FunctionRef() noexcept = default;
  template <class Fn, class = std::enable_if_t<!std::is_same<std::decay_t<Fn>, FunctionRef>::value>>
  FunctionRef(Fn&& fn) noexcept : call_(&FunctionRef::call<std::remove_reference_t<Fn>>) {
    if constexpr (std::is_function<std::remove_reference_t<Fn>>::value) {
      // Copied as bytes, because compilers warn of a cast to another type of function.
      auto* const function = &fn;
      std::memcpy(&target_.function, &function, sizeof(function));
    } else {
      // A callable may overload `&`.
      target_.object = const_cast<char*>(&reinterpret_cast<const volatile char&>(fn));
    }
  }

  explicit operator bool() const noexcept { return call_ != nullptr; }
  /// Requires that it is not empty.
  Result operator()(Args... args) const { return call_(target_, static_cast<Args>(args)...); }

 private:
  union Target {
    void* object = nullptr;
    void (*function)();
  };

  template <class Fn>
  static Result call(Target target, Args... args) {
    if constexpr (std::is_function<Fn>::value) {
      Fn* function;
      std::memcpy(&function, &target.function, sizeof(function));
      return static_cast<Result>(function(static_cast<Args>(args)...));
    } else {
      return static_cast<Result>((*static_cast<Fn*>(target.object))(static_cast<Args>(args)...));
    }
  }

  Target target_;
  Result (*call_)(Target, Args...) = nullptr;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_DETAIL_CALLBACK_HPP
