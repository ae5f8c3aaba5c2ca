// SPDX-License-Identifier: MIT
#ifndef PRESENCE_CONFIG_HPP
#define PRESENCE_CONFIG_HPP

#include <presence/version.hpp>

#if !defined(__GNUC__) && !defined(__clang__)
#include <cstdlib>  // for abort; long, and not needed where there is a trap
#endif

#if defined(PRESENCE_ALLOC) != defined(PRESENCE_FREE)
#error "presence: define PRESENCE_ALLOC and PRESENCE_FREE together, or neither"
#endif

/// Whether the host has its own memory: 1 or 0. It may define both PRESENCE_ALLOC(bytes, alignment) and
/// PRESENCE_FREE(pointer, bytes, alignment) before the first include, the same in every translation unit. Both must be
/// callable from any thread, and PRESENCE_ALLOC must not return null. All memory inside a Snapshot then comes from
/// there.
///
/// @code
/// #include <atomic>
/// #include <new>
///
/// inline std::atomic<std::size_t> taken{0};  // bytes
/// inline void* take(std::size_t bytes, std::align_val_t at) { return taken += bytes, ::operator new(bytes, at); }
/// inline void give_back(void* p, std::size_t bytes, std::align_val_t at) { taken -= bytes, ::operator delete(p, at); }
/// #define PRESENCE_ALLOC(bytes, alignment) take(bytes, std::align_val_t{alignment})
/// #define PRESENCE_FREE(pointer, bytes, alignment) give_back(pointer, bytes, std::align_val_t{alignment})
/// #include <presence/state/snapshot.hpp>
///
/// int main() {
///   { const presence::Snapshot lobby{presence::Rules()}, copy = lobby; assert(taken > 0); }
///   assert(taken == 0);  // with the last copy all of it is given back
/// }
/// @endcode
#if defined(PRESENCE_ALLOC)
#define PRESENCE_CUSTOM_ALLOCATOR 1
#else
#define PRESENCE_CUSTOM_ALLOCATOR 0
#endif

/// The inline namespace carries the version and each option that changes a layout or a function body, so that two
/// translation units that disagree get two types instead of one silent violation of the one definition rule.
#if PRESENCE_CUSTOM_ALLOCATOR
#define PRESENCE_ABI v0_1_0_alloc
#else
#define PRESENCE_ABI v0_1_0
#endif

/// @{
/// Of the library's own: a function that is one with all that it calls, and a function that is not to become a part of
/// its callers. Together they keep the way that most events take short, and what it works with in registers.
#if defined(__GNUC__) || defined(__clang__)
#define PRESENCE_DETAIL_FLAT __attribute__((__flatten__))
#define PRESENCE_DETAIL_APART __attribute__((__noinline__))
#elif defined(_MSC_VER)
#define PRESENCE_DETAIL_FLAT
#define PRESENCE_DETAIL_APART __declspec(noinline)
#else
#define PRESENCE_DETAIL_FLAT
#define PRESENCE_DETAIL_APART
#endif
/// @}

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Ends the program at a broken contract of the caller. The library has no exceptions of its own to throw, and going on
/// would read what is not there.
[[noreturn]] inline void trap() noexcept {
#if defined(__GNUC__) || defined(__clang__)
  __builtin_trap();
#else
  std::abort();
#endif
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_CONFIG_HPP
