// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BASE_RESULT_HPP
#define PRESENCE_BASE_RESULT_HPP

#include <presence/config.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint8_t
#include <optional>     // for optional
#include <type_traits>  // for is_same
#include <utility>      // for move

namespace presence {
inline namespace PRESENCE_ABI {

/// What is wrong with a text that was read.
enum class ErrorCode : std::uint8_t {
  syntax,            ///< not the grammar of the format (RFC 8259, RFC 3339)
  truncated,         ///< the text ends before the value does
  trailing_bytes,    ///< something follows the value
  bad_utf8,          ///< not UTF-8 (RFC 3629)
  bad_escape,        ///< an unknown escape, or half of a surrogate pair
  too_deep,          ///< nested deeper than the reader follows
  duplicate_key,     ///< a key that is read stands twice in one object
  missing_key,       ///< a key that is needed is absent
  wrong_type,        ///< a value of another type, or bytes of another kind, than is needed
  out_of_range,      ///< a number or a timestamp that cannot be held
  unset,             ///< a timestamp in the year 1, which services write for "never"
  unknown_type,      ///< `type` names no event that is known
  not_presence,      ///< a well-formed event of a service that says nothing about presence
  unknown_operator,  ///< a key with a `$` that is no operator of filters, or not one that may stand there
  bad_operand,       ///< a value that the operator of a filter has no use for
  unknown_version,   ///< bytes of a version of the format that is not known
  bad_checksum,      ///< the bytes are not those that were written
  over_limit,        ///< more, or longer, than Rules or the limits of a reader allow
  too_early,         ///< dated later than the host's clock allows a peer
};

/// Why a text was refused, and where.
struct Error {
  ErrorCode code = ErrorCode::syntax;  ///< what a program decides by
  std::size_t offset = 0;              ///< bytes from the start of the text to what is wrong
  const char* message = "";            ///< English, a string literal

  /// Whether both have the same code and offset; messages may change.
  friend bool operator==(const Error& a, const Error& b) noexcept { return a.code == b.code && a.offset == b.offset; }
  friend bool operator!=(const Error& a, const Error& b) noexcept { return !(a == b); }
};

/// What a lenient reader skipped, cut or replaced: how many places, and the first few of them. Allocates nothing.
///
/// @code
/// ReadNotes notes;
/// notes.add(Error{ErrorCode::wrong_type, 17, "a string is needed here"});
/// assert(notes.count() == 1 && notes.begin()->offset == 17);
/// notes.clear();
/// assert(notes.empty());
/// @endcode
class ReadNotes {
 public:
  static constexpr std::size_t max_kept = 8;  ///< later notes are counted only

  std::size_t count() const noexcept { return count_; }  ///< number of all notes
  bool empty() const noexcept { return count_ == 0; }    ///< whether everything was read as it was written
  /// @{
  /// The first `max_kept` notes, in the order in which they were made.
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

/// A value, or the Error that stands in its place. Asking an error for its value, or a value for its error, ends the
/// program.
///
/// @code
/// const auto level_of = [](char c) -> Result<int> {
///   if (c < '0' || c > '9') return Error{ErrorCode::syntax, 0, "a level is a digit"};
///   return c - '0';
/// };
/// assert(*level_of('7') == 7);
/// if (const Result<int> level = level_of('x')) {
///   assert(false);
/// } else {
///   assert(level.error().code == ErrorCode::syntax && level.error().offset == 0);
/// }
/// @endcode
template <class T>
class Result {
  static_assert(!std::is_same<T, bool>::value, "Result<bool> would read as its own success");

 public:
  Result(T value) : value_(std::move(value)) {}    ///< success
  Result(Error error) noexcept : error_(error) {}  ///< failure

  /// @{
  /// Whether there is a value, and no error.
  explicit operator bool() const noexcept { return value_.has_value(); }
  bool has_value() const noexcept { return value_.has_value(); }
  /// @}

  /// @{
  /// The value. There must be one.
  const T& operator*() const& noexcept { return held(*this); }
  T& operator*() & noexcept { return held(*this); }
  T operator*() && {
    return std::move(held(*this));
  }  // by value: a reference into a temporary would dangle in a range-for
  const T* operator->() const noexcept { return &held(*this); }
  T* operator->() noexcept { return &held(*this); }
  /// @}

  /// Why there is no value. There must be none.
  const Error& error() const noexcept {
    if (value_) detail::trap();
    return error_;
  }

 private:
  template <class Self>
  static auto& held(Self& self) noexcept {
    if (!self.value_) detail::trap();
    return *self.value_;
  }

  std::optional<T> value_;
  Error error_;
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BASE_RESULT_HPP
