// SPDX-License-Identifier: MIT
#ifndef PRESENCE_CONFIG_HPP
#define PRESENCE_CONFIG_HPP

#include <presence/version.hpp>

#if !defined(__GNUC__) && !defined(__clang__)
#include <cstdlib>  // for abort; a large header, not needed with __builtin_trap
#endif

#if defined(PRESENCE_ALLOC) != defined(PRESENCE_FREE)
#error "presence: define PRESENCE_ALLOC and PRESENCE_FREE together, or neither"
#endif

/// 1 if the host defines its own allocator, else 0. To do so, define both PRESENCE_ALLOC(bytes, alignment) and
/// PRESENCE_FREE(pointer, bytes, alignment) before the first include, identically in every translation unit. Both must
/// be callable from any thread, and PRESENCE_ALLOC must not return null. All memory inside a Snapshot is then allocated
/// with them.
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
///   assert(taken == 0);  // all of it was freed with the last copy
/// }
/// @endcode
#if defined(PRESENCE_ALLOC)
#define PRESENCE_CUSTOM_ALLOCATOR 1
#else
#define PRESENCE_CUSTOM_ALLOCATOR 0
#endif

/// 1 if the host defines its own PRESENCE_ASSERT, else 0.
///
/// The library calls PRESENCE_ASSERT(condition, message), as a statement, before what would otherwise be undefined
/// behaviour: to read the value of a Result that holds an error, or an element beyond the end. `message` is a string
/// literal that names the mistake. Malformed input never breaks such a precondition: it gives an Error or a Verdict.
///
/// By default the program ends with a trap instruction if the condition is false, in debug and in release builds.
/// NDEBUG has no effect, so translation units with and without it can be linked together.
///
/// A host may define its own before the first include, identically in every translation unit, for example as Unreal's
/// `checkf`. Functions that are constexpr or noexcept use it. It must be usable in the former; an exception from it
/// ends the program in the latter. If it continues although the condition is false, the behaviour is undefined. The
/// limits that keep malformed input harmless do not depend on it.
///
/// @code
/// #include <cstdio>
/// #include <cstdlib>
///
/// [[noreturn]] inline void give_up(const char* what) { std::fprintf(stderr, "presence: %s\n", what), std::abort(); }
/// #define PRESENCE_ASSERT(condition, message) ((condition) ? void() : give_up(message))
/// #include <presence/base/result.hpp>
///
/// int main() {
///   const presence::Result<int> level = 7;
///   assert(*level == 7);  // level.error() would print "presence: the error of a Result that holds a value"
/// }
/// @endcode
#if defined(PRESENCE_ASSERT)
#define PRESENCE_CUSTOM_ASSERT 1
#else
#define PRESENCE_CUSTOM_ASSERT 0
/// Ends the program if the condition is false. See PRESENCE_CUSTOM_ASSERT.
#define PRESENCE_ASSERT(condition, message) ((condition) ? void() : ::presence::detail::trap())
#endif

/// 1 if the headers only declare the larger functions, so that including them compiles little code; else 0, the
/// default: header-only. To separate, define PRESENCE_SEPARATE as 1 in every translation unit, as an option of the
/// build. Then exactly one translation unit defines PRESENCE_IMPLEMENTATION as well, and includes the umbrella or the
/// single header itself behind that. It holds the bodies of the functions:
///
///     #define PRESENCE_IMPLEMENTATION
///     #include <presence/presence.hpp>
///
/// The umbrella may have been included before, as by a precompiled header. A smaller header has no bodies.
///
/// All functions and types are the same, and so are their results. Functions that are now calls into the other
/// translation unit cannot be inlined, unless the linker does so. Opt-in headers, such as <presence/replica.hpp>, have
/// their bodies in either case.
#if !defined(PRESENCE_SEPARATE)
#define PRESENCE_SEPARATE 0
#elif 2 - PRESENCE_SEPARATE - 1 != 0 && 2 - PRESENCE_SEPARATE - 1 != 1
#error "presence: define PRESENCE_SEPARATE as 1 or 0"
#endif
#if defined(PRESENCE_IMPLEMENTATION) && !PRESENCE_SEPARATE
#error \
    "presence: PRESENCE_IMPLEMENTATION is for PRESENCE_SEPARATE: compile the whole program with -DPRESENCE_SEPARATE=1"
#endif

/// The name of the inline namespace. It contains the version and each option that changes a layout or a function body.
/// Two translation units with different options therefore get different types, not a silent violation of the one
/// definition rule.
#if PRESENCE_CUSTOM_ALLOCATOR && PRESENCE_CUSTOM_ASSERT
#define PRESENCE_ABI v0_2_0_alloc_assert
#elif PRESENCE_CUSTOM_ALLOCATOR
#define PRESENCE_ABI v0_2_0_alloc
#elif PRESENCE_CUSTOM_ASSERT
#define PRESENCE_ABI v0_2_0_assert
#else
#define PRESENCE_ABI v0_2_0
#endif

/// @{
/// Internal: FLAT inlines all calls into a function; APART keeps a function from being inlined into its callers.
/// Together they keep the most common path short and its variables in registers. RARE is APART for what is seldom
/// called: compiled for size. BODY precedes the definition of each function that PRESENCE_SEPARATE only declares, in
/// the headers *_bodies.hpp: the umbrella makes it nothing in the translation unit that holds the bodies.
#if defined(__clang__)
#define PRESENCE_DETAIL_FLAT __attribute__((__flatten__))
#define PRESENCE_DETAIL_APART __attribute__((__noinline__))
#define PRESENCE_DETAIL_RARE __attribute__((__noinline__, __cold__))
#elif defined(__GNUC__)
#define PRESENCE_DETAIL_FLAT __attribute__((__flatten__))
#define PRESENCE_DETAIL_APART __attribute__((__noinline__, __noclone__))
#define PRESENCE_DETAIL_RARE __attribute__((__noinline__, __noclone__, __cold__))
#elif defined(_MSC_VER)
#define PRESENCE_DETAIL_FLAT
#define PRESENCE_DETAIL_APART __declspec(noinline)
#define PRESENCE_DETAIL_RARE __declspec(noinline)
#else
#define PRESENCE_DETAIL_FLAT
#define PRESENCE_DETAIL_APART
#define PRESENCE_DETAIL_RARE
#endif
#define PRESENCE_DETAIL_BODY inline
/// @}

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Terminates the program if the caller violated a precondition. The library throws no exceptions of its own, and to
/// continue would be undefined behaviour.
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
