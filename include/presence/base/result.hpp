// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_RESULT_HPP
#define PRESENCE_BASE_RESULT_HPP

#include <presence/base/detail/printing.hpp>
#include <presence/config.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint8_t
#include <optional>     // for optional
#include <string_view>  // for string_view
#include <type_traits>  // for is_same
#include <utility>      // for forward, move

namespace presence {
inline namespace PRESENCE_ABI {

/// The reason why an input was rejected.
enum class ErrorCode : std::uint8_t {
  syntax,            ///< violates the grammar of the format (RFC 8259, RFC 3339)
  truncated,         ///< the input ends before the value is complete
  trailing_bytes,    ///< bytes follow the value
  bad_utf8,          ///< not UTF-8 (RFC 3629)
  bad_escape,        ///< an unknown escape, or half of a surrogate pair
  too_deep,          ///< nested deeper than the reader supports
  duplicate_key,     ///< a key that is read occurs twice in one object
  missing_key,       ///< a required key is absent
  wrong_type,        ///< a value of the wrong type, or bytes of the wrong kind
  out_of_range,      ///< a number or a timestamp that is not representable
  unset,             ///< a timestamp in the year 1, which services use for "never"
  unknown_type,      ///< `type` is not a known event
  not_presence,      ///< a well-formed event of a service that is not about presence
  unknown_operator,  ///< a key with a `$` that is not a filter operator, or not allowed there
  bad_operand,       ///< a value that the filter operator does not accept
  unknown_version,   ///< an unknown version of the binary format
  bad_checksum,      ///< the bytes were changed after they were written
  over_limit,        ///< exceeds a limit of Rules or of the reader
  too_early,         ///< a timestamp of a peer that is too far ahead of the host's clock
  not_live,          ///< a session that has ended
  needs_buffer,      ///< an event whose activity, data or value needs an EventBuffer
};

/// Returns the name of the enumerator, such as "bad_utf8", or "?" for a number that is none. O(1); the string is a
/// literal.
constexpr std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::syntax: return "syntax";
    case ErrorCode::truncated: return "truncated";
    case ErrorCode::trailing_bytes: return "trailing_bytes";
    case ErrorCode::bad_utf8: return "bad_utf8";
    case ErrorCode::bad_escape: return "bad_escape";
    case ErrorCode::too_deep: return "too_deep";
    case ErrorCode::duplicate_key: return "duplicate_key";
    case ErrorCode::missing_key: return "missing_key";
    case ErrorCode::wrong_type: return "wrong_type";
    case ErrorCode::out_of_range: return "out_of_range";
    case ErrorCode::unset: return "unset";
    case ErrorCode::unknown_type: return "unknown_type";
    case ErrorCode::not_presence: return "not_presence";
    case ErrorCode::unknown_operator: return "unknown_operator";
    case ErrorCode::bad_operand: return "bad_operand";
    case ErrorCode::unknown_version: return "unknown_version";
    case ErrorCode::bad_checksum: return "bad_checksum";
    case ErrorCode::over_limit: return "over_limit";
    case ErrorCode::too_early: return "too_early";
    case ErrorCode::not_live: return "not_live";
    case ErrorCode::needs_buffer: return "needs_buffer";
  }
  return "?";
}

/// Why an input was rejected, and where.
struct Error {
  ErrorCode code = ErrorCode::syntax;  ///< the reason, for programs
  std::size_t offset = 0;              ///< bytes from the start of the input to the error
  const char* message = "";            ///< the reason, for people: English, a string literal

  /// Returns true if code and offset are equal. Messages are not compared: they may change.
  friend bool operator==(const Error& a, const Error& b) noexcept { return a.code == b.code && a.offset == b.offset; }
  friend bool operator!=(const Error& a, const Error& b) noexcept { return !(a == b); }
};

/// A list of what a lenient reader skipped, truncated or replaced: the number of places, and the first few of them.
/// Allocates nothing.
///
/// @code
/// ReadNotes notes;
/// notes.add(Error{ErrorCode::wrong_type, 17, "expected a string"});
/// assert(notes.count() == 1 && notes.begin()->offset == 17);
/// notes.clear();
/// assert(notes.empty());
/// @endcode
class ReadNotes {
 public:
  static constexpr std::size_t max_kept = 8;  ///< later notes are only counted
  /// @{
  /// As for a standard container.
  using value_type = Error;
  using const_iterator = const Error*;
  using iterator = const_iterator;
  /// @}

  std::size_t count() const noexcept { return count_; }  ///< number of all notes
  bool empty() const noexcept { return count_ == 0; }    ///< true if nothing was skipped, truncated or replaced
  /// @{
  /// The first `max_kept` notes, in the order in which they were added.
  const Error* begin() const noexcept { return kept_; }
  const Error* end() const noexcept { return kept_ + (count_ < max_kept ? count_ : max_kept); }
  /// @}

  /// Adds a note.
  void add(const Error& what) noexcept {
    if (count_ < max_kept) kept_[count_] = what;
    ++count_;
  }
  /// Removes all notes.
  void clear() noexcept { count_ = 0; }

 private:
  std::size_t count_ = 0;
  Error kept_[max_kept];
};

/// A value or an Error. Access to the value of an error, or to the error of a value, violates a precondition: see
/// PRESENCE_ASSERT. A compiler warns if a Result that a function returns is not used.
///
/// @code
/// const auto level_of = [](char c) -> Result<int> {
///   if (c < '0' || c > '9') return Error{ErrorCode::syntax, 0, "expected a digit"};
///   return c - '0';
/// };
/// assert(*level_of('7') == 7);
/// if (const Result<int> level = level_of('x')) {
///   assert(false);
/// } else {
///   assert(level.error().code == ErrorCode::syntax && level.error().offset == 0);
/// }
/// assert(level_of('x').value_or(1) == 1);
/// @endcode
template <class T>
class [[nodiscard]] Result {
  static_assert(!std::is_same<T, bool>::value, "Result<bool> would read as its own success");

 public:
  Result(T value) : value_(std::move(value)) {}    ///< success
  Result(Error error) noexcept : error_(error) {}  ///< failure

  /// @{
  /// Returns true if there is a value, and no error.
  explicit operator bool() const noexcept { return value_.has_value(); }
  bool has_value() const noexcept { return value_.has_value(); }
  /// @}

  /// @{
  /// The value. Precondition: there is one.
  const T& operator*() const& noexcept { return held(*this); }
  T& operator*() & noexcept { return held(*this); }
  T operator*() && {
    return std::move(held(*this));
  }  // by value: a reference into a temporary would dangle in a range-for
  const T* operator->() const noexcept { return &held(*this); }
  T* operator->() noexcept { return &held(*this); }
  /// @}

  /// @{
  /// Returns the value, or `fallback`, converted to T, if there is an error.
  template <class Fallback>
  T value_or(Fallback&& fallback) const& {
    return value_ ? *value_ : static_cast<T>(std::forward<Fallback>(fallback));
  }
  template <class Fallback>
  T value_or(Fallback&& fallback) && {
    return value_ ? std::move(*value_) : static_cast<T>(std::forward<Fallback>(fallback));
  }
  /// @}

  /// Returns the error. Precondition: there is no value.
  const Error& error() const noexcept {
    PRESENCE_ASSERT(!value_.has_value(), "the error of a Result that holds a value");
    return error_;
  }

 private:
  template <class Self>
  static auto& held(Self& self) noexcept {
    PRESENCE_ASSERT(self.value_.has_value(), "the value of a Result that holds an error");
    return *self.value_;
  }

  std::optional<T> value_;
  Error error_;
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_RESULT_HPP
