// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_DETAIL_READER_HPP
#define PRESENCE_JSON_DETAIL_READER_HPP

#include <presence/base/detail/byte_search.hpp>
#include <presence/base/detail/callback.hpp>
#include <presence/base/detail/utf8.hpp>
#include <presence/base/result.hpp>
#include <presence/base/time.hpp>

#include <cstddef>      // for ptrdiff_t, size_t
#include <cstdint>      // for int64_t, uint8_t, uint32_t, uint64_t, INT64_MAX
#include <cstring>      // for memcmp
#include <string>       // for string
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Returns the first byte that is not plain ASCII in a JSON string, or `end`. Most bytes of a payload are plain.
inline const char* skip_plain(const char* p, const char* end) noexcept {
  for (; static_cast<std::size_t>(end - p) >= special_width; p += special_width) {
    if (const std::uint64_t marks = special_in_json(p)) return p + lowest_bit(marks);
  }
  while (p != end && octet(*p) >= 0x20 && octet(*p) < 0x80 && *p != '"' && *p != '\\') ++p;
  return p;
}

/// The marks of a text, for sequential reading. A mark is a byte that is not plain in a JSON string. Marks are computed
/// for a block of 64 bytes at a time, so the search for the end of a string is usually only a shift.
class Marks {
 public:
  explicit Marks(std::string_view text) noexcept : first_(text.data()), end_(text.data() + text.size()) {
    make(first_, text.size());
  }

  /// Returns the first marked byte from `p` on, or the end. Fastest if `p` never decreases between calls.
  const char* next(const char* p) noexcept {
    const auto at = static_cast<std::size_t>(p - block_);
    if (at < 64 && marks_ >> at != 0) return p + lowest_bit(marks_ >> at);
    const std::uint64_t marks = from_beyond(p);
    return marks != 0 ? place_of_lowest(marks) : end_;
  }

  /// Returns the marks of one block from `p` on, or zero if there are none up to the end. The caller removes the lowest
  /// mark for each marked byte that is passed, and calls again when no mark is left.
  std::uint64_t from(const char* p) noexcept {
    const auto at = static_cast<std::size_t>(p - block_);
    if (at < 64 && marks_ >> at != 0) return marks_ >> at << at;
    return from_beyond(p);
  }

  /// As `from`, if the current block has no marks from `p` on.
  std::uint64_t from_beyond(const char* p) noexcept {
    // Usually the next block is needed. Its address does not depend on `p`, so the load does not wait for `p`.
    std::ptrdiff_t left = end_ - p;
    if (static_cast<std::size_t>(p - block_) < 64) {
      left = end_ - block_ - 64;
      if (left <= 0) return 0;
      p = block_ + 64;
    }
    while (left > 0) {
      make(p, static_cast<std::size_t>(left));
      if (marks_ != 0) return marks_;
      if (left <= 64) return 0;
      p += 64;
      left -= 64;
    }
    return 0;
  }

  /// Returns the byte of the lowest of these marks, which belong to the current block. There must be one.
  const char* place_of_lowest(std::uint64_t marks) const noexcept { return block_ + lowest_bit(marks); }

 private:
  void make(const char* block, std::size_t left) noexcept {
    block_ = block;
    if (left >= 64) {
      marks_ = special_in_64(block);
    } else if (end_ - first_ >= 64) {
      marks_ = special_in_64(end_ - 64) >> (64 - left);
    } else {
      make_short(block, left);
    }
  }

  /// As `make`, for a text that is shorter than a block.
  void make_short(const char* block, std::size_t left) noexcept {
    std::uint64_t marks = 0;
    std::size_t i = 0;
    for (; left - i >= special_width; i += special_width) marks |= special_in_json(block + i) << i;
    if (i != left && static_cast<std::size_t>(end_ - first_) >= special_width) {
      marks |= special_in_json(end_ - special_width) >> (special_width - (left - i)) << i;  // overlaps the last load
      i = left;
    }
    for (; i < left; ++i) marks |= std::uint64_t{skip_plain(block + i, block + i + 1) == block + i ? 1u : 0u} << i;
    marks_ = marks;
  }

  const char* first_;
  const char* end_;
  const char* block_;
  std::uint64_t marks_;
};

/// Reads the text of a JSON number as an int64. Returns false if it has a fraction or an exponent, or does not fit.
inline bool to_int64(std::string_view number, std::int64_t& value) noexcept {
  const bool negative = !number.empty() && number.front() == '-';
  const std::uint64_t limit = static_cast<std::uint64_t>(INT64_MAX) + (negative ? 1 : 0);
  std::uint64_t magnitude = 0;
  for (const char c : number.substr(negative ? 1 : 0)) {
    if (c < '0' || c > '9') return false;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (magnitude > (limit - digit) / 10) return false;
    magnitude = magnitude * 10 + digit;
  }
  value = static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude);
  return true;
}

enum class JsonKind : std::uint8_t {
  nothing,  ///< there is no value
  null,
  boolean,
  number,
  string,
  array,
  object,
  repeated,  ///< the key occurs twice in its object
};

/// A recorded value. While the kind is `nothing`, offset and text are not initialised, because many of these are
/// created and few are used.
struct JsonNote {
  JsonKind kind;
  bool truth;          ///< the value of a boolean
  bool broken;         ///< for a string: a lenient reader replaced a part of it by U+FFFD
  std::size_t offset;  ///< of the first byte; for a repeated key, of the opening quote of the second key
  union {
    std::string_view text;  ///< for a string, its decoded content; for a number, its text
  };

  JsonNote() noexcept : kind(JsonKind::nothing), truth(false), broken(false) {}
};

/// A JsonNote with all members initialised.
struct JsonValue : JsonNote {
  JsonValue() noexcept {
    offset = 0;
    text = std::string_view();
  }
};

/// Makes a reader lenient: in any string, half of a surrogate pair and bytes that are not UTF-8 are read as U+FFFD.
/// Everything else remains strict.
///
/// U+FFFD may be longer than the bytes that it replaces. So a first reader leaves bytes that are not UTF-8 unchanged,
/// and counts how much the text would grow. If it grows, a second reader reserves memory for it.
struct JsonLeniency {
  ReadNotes* notes = nullptr;  ///< may be null
  std::size_t growth = 0;      ///< maximum growth of all strings together, in bytes
  bool has_room = false;       ///< `growth` is known for the whole text
  bool needs_room = false;     ///< a malformed string was left unchanged
  bool is_broken = false;
  Error first;  ///< if `is_broken`: the first error of a strict reader

  explicit JsonLeniency(ReadNotes* where_to_note) noexcept : notes(where_to_note) {}

  PRESENCE_DETAIL_RARE void pass_over(ErrorCode code, std::size_t offset, const char* message) noexcept {
    const Error error{code, offset, message};
    if (!is_broken) first = error;
    is_broken = true;
    if (notes != nullptr) notes->add(error);
  }

  /// Prepares further readers of a text that was read to its end. They note nothing.
  void stop_noting() noexcept {
    has_room = true;
    notes = nullptr;
  }

  /// Prepares a second reader of the same text, which notes everything again.
  void make_room() noexcept {
    has_room = true;
    needs_room = false;
    is_broken = false;
    if (notes != nullptr) notes->clear();
  }
};

/// A pull reader for one JSON text, strict to RFC 8259: one pass, no recursion, nesting up to a limit. With a
/// JsonLeniency it is lenient as described there.
///
/// The first error is stored with its offset, and every later call fails. So callers need to check `ok()` only at the
/// end. The offset is that of the first byte that is not valid. For a bad escape or bad UTF-8 it is the first byte of
/// that sequence. For a truncated text it is the size of the text.
///
/// Strings are borrowed from the text. Strings with escapes are decoded into `scratch`, which is cleared and reserved
/// once, before the first of them. The decoded strings are never longer than the text plus the growth by a lenient
/// reader. So strings that were borrowed from `scratch` are not invalidated.
class JsonReader {
 public:
  /// The usual limit, which is that of a Value.
  static constexpr unsigned deepest = 64;
  /// The limit for JSON that contains Values far inside: filters, and the data of users inside events. Data of users
  /// that is deeper is skipped.
  static constexpr unsigned deepest_around_values = 128;

  JsonReader(std::string_view text, std::string& scratch, JsonLeniency* leniency = nullptr,
             unsigned limit = deepest) noexcept
      : first_(text.data()),
        p_(text.data()),
        end_(text.data() + text.size()),
        pairs_end_(text.size() > 2 ? end_ - 2 : first_),
        marks_(text),
        scratch_(&scratch),
        leniency_(leniency),
        limit_(limit) {}

  bool ok() const noexcept { return !failed_; }
  const Error& error() const noexcept { return error_; }

  /// Returns the kind of the next value, from its first byte. If no value can begin there, fails and returns `nothing`.
  JsonKind peek() noexcept {
    skip_space();
    return p_ != end_ && *p_ == '"' ? JsonKind::string : peek_other();
  }

  /// Returns true if the next value is an object.
  bool at_object() noexcept {
    skip_space();
    return p_ != end_ && *p_ == '{';
  }

  /// Returns the current offset; after `peek`, that of the first byte of the value.
  std::size_t offset() const noexcept { return offset_of(p_); }
  std::size_t offset_of(const char* p) const noexcept { return static_cast<std::size_t>(p - first_); }

  /// Moves to a value, and reads it as if it were the whole text. Strings that were borrowed from `scratch` before may
  /// be overwritten. Requires a text whose grammar was checked.
  void seek(std::size_t offset) noexcept {
    p_ = first_ + offset;
    depth_ = 0;
    objects_ = outer_objects_ = 0;
    fresh_ = false;
    decoding_ = false;
  }
  /// Strings that were borrowed from `scratch` before may be overwritten from now on.
  void forget_strings() noexcept { decoding_ = false; }
  /// Moves to a key of an object; `next_key` then reads it.
  void seek_key(std::size_t offset) noexcept {
    seek(offset);
    fresh_ = true;
  }

  /// Enters the next value. Requires that `peek` returned object or array.
  void open() noexcept {
    if (p_ == end_) return;  // an earlier error
    if (depth_ == limit_) {
      fail(ErrorCode::too_deep, offset(), "nested too deeply");
      return;
    }
    ++depth_;
    outer_objects_ = outer_objects_ << 1 | objects_ >> 63;
    objects_ = objects_ << 1 | (*p_ == '{' ? 1u : 0u);
    fresh_ = true;
    ++p_;
  }

  /// Inside an object: reads the next key and its colon, so that its value is next. At the end of the object, leaves
  /// the object and returns false.
  bool next_key(std::string_view& key) { return next_key(&key); }

  /// Reads all fields of an object, from behind its opening brace, and leaves it. `find(found, key)` returns the note
  /// for the value of a key, or null if it is skipped. A string in the common format is recorded or skipped directly.
  /// For any other value that has a note `read_other` is called; it reads or skips the value. While the text has the
  /// common format, the position and the marks are kept in registers.
  void fields(void* found, JsonNote* (*find)(void* found, std::string_view key) noexcept,
              FunctionRef<void(JsonNote&)> read_other) {
    // The first character of a key in the common format, and the marks from the quote before it on.
    const char* start = p_ < pairs_end_ && *p_ == '"' ? p_ + 1 : nullptr;
    std::uint64_t marks = start != nullptr ? marks_.from(p_) : 0;
    while (true) {
      std::string_view key;
      const char* value = nullptr;
      if (start != nullptr) {
        const char* key_end = start;
        if (next_mark(key_end, marks) && key_end < pairs_end_ && std::memcmp(key_end, "\":", 2) == 0) {
          key = std::string_view(start, static_cast<std::size_t>(key_end - start));
          value = key_end + 2;
        } else {
          p_ = start - 1;
          fresh_ = true;  // the comma was read
        }
      }
      if (value == nullptr) {
        if (p_ != end_ && *p_ == '}' && !fresh_) {
          close();
          return;
        }
        std::string_view unusual;
        if (!next_key(&unusual)) return;
        key = unusual;
      }

      JsonNote* const note = find(found, key);
      if (value != nullptr) {
        if (*value == '"') {
          const char* const text = value + 1;
          marks &= marks - 1;  // removes the mark of the quote after the key
          const char* text_end = text;
          if (next_mark(text_end, marks) && *text_end == '"') {
            if (note == nullptr) {
              // Skipped.
            } else if (note->kind == JsonKind::nothing) {
              note->kind = JsonKind::string;
              note->offset = offset_of(value);
              note->text = std::string_view(text, static_cast<std::size_t>(text_end - text));
            } else {
              note_repeated(*note, offset_of(start - 1));
            }
            if (is_before_key(text_end + 1)) {
              marks &= marks - 1;
              start = text_end + 3;
            } else {
              p_ = text_end + 1;
              fresh_ = false;
              start = nullptr;
            }
            continue;
          }
        }
        p_ = value;
        fresh_ = false;
        key_offset_ = offset_of(start - 1);
      }
      if (note == nullptr) {
        skip();
      } else {
        read_other(*note);
      }
      start = is_before_key(p_) ? p_ + 2 : nullptr;
      if (start != nullptr) marks = marks_.from(p_ + 1);
    }
  }

  /// Records that the last key is a repetition of an earlier key. Not an error yet, because the type may not use the
  /// key.
  void note_repeated(JsonNote& value) const noexcept { note_repeated(value, key_offset_); }
  /// Returns the offset of the opening quote of the last key.
  std::size_t key_offset() const noexcept { return key_offset_; }

  /// Inside an array: returns true if there is another element. At the end of the array, leaves the array and returns
  /// false.
  bool next_element() noexcept {
    skip_space();
    if (p_ != end_ && *p_ == ']') return close();
    if (!fresh_) return comma("an array goes on with a comma or ends here");
    fresh_ = false;
    return true;
  }

  /// Reads the next value. For an array or object, only the kind and the offset are stored.
  PRESENCE_DETAIL_APART void read(JsonNote& value) {
    value.kind = peek();
    value.offset = offset();
    if (value.kind == JsonKind::string) {
      std::string_view text;
      broken_ = false;
      string(&text);
      value.text = text;
      value.broken = broken_;
    } else {
      read_other(value);
    }
  }

  /// Skips the next value, but still checks its grammar.
  void skip() {
    skip_space();
    if (p_ != end_ && *p_ == '"') {
      string(nullptr);
    } else if (!skip_texts()) {
      skip_other();
    }
  }

  /// Must be called after the outermost value. Fails if anything except white space follows.
  void finish() noexcept {
    skip_space();
    if (p_ != end_) fail(ErrorCode::trailing_bytes, offset(), "unexpected characters after the value");
  }

  /// Stores an error, unless there already is one. Always returns false.
  PRESENCE_DETAIL_RARE bool fail(ErrorCode code, std::size_t offset, const char* message) noexcept {
    if (!failed_) {
      failed_ = true;
      error_.code = code;
      error_.offset = offset;
      error_.message = message;
    }
    p_ = end_;  // so that all later reads fail
    return false;
  }

 private:
  /// Returns true if a comma and the quote of a key follow directly.
  bool is_before_key(const char* p) const noexcept { return p < pairs_end_ && std::memcmp(p, ",\"", 2) == 0; }

  /// Moves to the first marked byte from `p` on. Returns false if there is none. On entry, the lowest mark is that of
  /// the byte before `p`; on return, that of the byte moved to.
  bool next_mark(const char*& p, std::uint64_t& marks) noexcept {
    marks &= marks - 1;
    if (marks == 0) marks = marks_.from_beyond(p);
    if (marks == 0) return false;
    p = marks_.place_of_lowest(marks);
    return true;
  }

  static void note_repeated(JsonNote& value, std::size_t key_offset) noexcept {
    if (value.kind == JsonKind::repeated) return;
    value.kind = JsonKind::repeated;
    value.offset = key_offset;
  }

  /// Handles content that a strict reader rejects and a lenient one replaces. Returns true if reading continues.
  PRESENCE_DETAIL_RARE bool pass_over(ErrorCode code, std::size_t offset, const char* message) noexcept {
    if (leniency_ == nullptr) return fail(code, offset, message);
    broken_ = true;
    leniency_->pass_over(code, offset, message);
    return true;
  }

  PRESENCE_DETAIL_RARE bool fail_here(const char* message) noexcept {
    return fail(p_ == end_ ? ErrorCode::truncated : ErrorCode::syntax, offset(),
                p_ == end_ ? "the text is truncated" : message);
  }

  // The short functions are the common case and should be inlined. The rare cases are in separate functions.

  void skip_space() noexcept {
    if (p_ != end_ && octet(*p_) <= ' ') skip_more_space();
  }

  PRESENCE_DETAIL_APART void skip_more_space() noexcept {
    while (p_ != end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\r' || *p_ == '\t')) ++p_;
  }

  /// As `peek`, for values that are not strings.
  PRESENCE_DETAIL_APART JsonKind peek_other() noexcept {
    if (p_ != end_) {
      switch (*p_) {
        case '{': return JsonKind::object;
        case '[': return JsonKind::array;
        case 't':
        case 'f': return JsonKind::boolean;
        case 'n': return JsonKind::null;
        case '-':
        case '0':
        case '1':
        case '2':
        case '3':
        case '4':
        case '5':
        case '6':
        case '7':
        case '8':
        case '9': return JsonKind::number;
        default: break;
      }
    }
    fail_here("expected a value");
    return JsonKind::nothing;
  }

  void read_other(JsonNote& value) {
    switch (value.kind) {
      case JsonKind::number: {
        std::string_view text;
        number(&text);
        value.text = text;
        break;
      }
      case JsonKind::boolean: boolean(value.truth); break;
      default: skip(); break;
    }
  }

  /// Skips an array of plain strings without white space, like most arrays in payloads. For anything else, returns
  /// false and does not move.
  bool skip_texts() noexcept {
    if (p_ == end_ || *p_ != '[' || depth_ == limit_) return false;
    for (const char* p = p_ + 1; p < pairs_end_; ++p) {
      if (*p == '"') {
        p = marks_.next(p + 1);
        if (p >= pairs_end_ || *p != '"') return false;
        ++p;
        if (*p == ',') continue;
      } else if (p != p_ + 1) {
        return false;
      }
      if (*p != ']') return false;
      p_ = p + 1;
      fresh_ = false;
      return true;
    }
    return false;
  }

  void skip_other() {
    const unsigned outside = depth_;
    bool ignored = false;
    do {
      switch (peek()) {
        case JsonKind::object:
        case JsonKind::array: open(); break;
        case JsonKind::string: string(nullptr); break;
        case JsonKind::number: number(nullptr); break;
        case JsonKind::boolean: boolean(ignored); break;
        case JsonKind::null: literal("null"); break;
        default: break;
      }
      while (ok() && depth_ > outside && !((objects_ & 1) != 0 ? next_key(nullptr) : next_element())) {
      }
    } while (ok() && depth_ > outside);
  }

  bool close() noexcept {
    --depth_;
    objects_ = objects_ >> 1 | outer_objects_ << 63;
    outer_objects_ >>= 1;
    fresh_ = false;
    ++p_;
    return false;
  }

  bool comma(const char* message) noexcept {
    if (p_ == end_ || *p_ != ',') return fail_here(message);
    ++p_;
    return true;
  }

  bool next_key(std::string_view* key) {
    // The common case: a comma, directly followed by the key.
    if (!fresh_ && end_ - p_ >= 2 && p_[0] == ',' && p_[1] == '"') {
      ++p_;
    } else if (!find_key()) {
      return false;
    }
    key_offset_ = offset();
    if (!string(key)) return false;
    skip_space();
    if (p_ == end_ || *p_ != ':') return fail_here("expected a colon after the key");
    ++p_;
    return true;
  }

  /// Moves to the opening quote of the next key.
  bool find_key() noexcept {
    skip_space();
    if (p_ != end_ && *p_ == '}') return close();
    if (!fresh_) {
      if (!comma("an object goes on with a comma or ends here")) return false;
      skip_space();
    }
    fresh_ = false;
    if (p_ == end_ || *p_ != '"') return fail_here("a key is needed here");
    return true;
  }

  PRESENCE_DETAIL_APART bool literal(std::string_view word) noexcept {
    if (static_cast<std::size_t>(end_ - p_) >= word.size() && std::memcmp(p_, word.data(), word.size()) == 0) {
      p_ += word.size();
      return true;
    }
    for (const char c : word) {
      if (p_ == end_ || *p_ != c) return fail_here("expected true, false or null");
      ++p_;
    }
    return true;
  }

  void boolean(bool& value) noexcept {
    value = *p_ == 't';
    if (value) {
      literal("true");
    } else {
      literal("false");
    }
  }

  bool digit() const noexcept { return p_ != end_ && *p_ >= '0' && *p_ <= '9'; }

  bool digits(const char* message) noexcept {
    if (!digit()) return fail_here(message);
    while (digit()) ++p_;
    return true;
  }

  PRESENCE_DETAIL_APART void number(std::string_view* text) noexcept {
    const char* const start = p_;
    if (*p_ == '-') ++p_;
    if (p_ != end_ && *p_ == '0') {
      ++p_;
      if (digit()) {
        fail_here("the number has a leading zero");
        return;
      }
    } else if (!digits("a number has a digit here")) {
      return;
    }
    if (p_ != end_ && *p_ == '.') {
      ++p_;
      if (!digits("expected a digit of the fraction")) return;
    }
    if (p_ != end_ && (*p_ == 'e' || *p_ == 'E')) {
      ++p_;
      if (p_ != end_ && (*p_ == '+' || *p_ == '-')) ++p_;
      if (!digits("an exponent has a digit here")) return;
    }
    if (text != nullptr) *text = std::string_view(start, static_cast<std::size_t>(p_ - start));
  }

  /// Reads the string whose opening quote is next. If `text` is null, only checks the grammar.
  bool string(std::string_view* text) {
    const char* const start = p_ + 1;
    const char* const stop = marks_.next(start);
    if (stop == end_ || *stop != '"') return long_way(text, stop);
    if (text != nullptr) *text = std::string_view(start, static_cast<std::size_t>(stop - start));
    p_ = stop + 1;
    return true;
  }

  /// As `string`, for a string that is plain ASCII only up to `stop`. A separate function, so that the common case
  /// stays fast.
  PRESENCE_DETAIL_APART bool long_way(std::string_view* text, const char* stop) {
    const char* run = p_ + 1;  // start of the part that is not yet decoded
    std::size_t decoded = 0;
    bool escaped = false;
    for (p_ = stop;; p_ = marks_.next(p_)) {
      if (p_ == end_) return fail_here("");
      if (*p_ == '"') break;
      if (octet(*p_) >= 0x80) {
        const Utf8Step step = utf8_step(p_, end_);
        if (!step.valid) {
          if (step.cut) p_ = end_;
          if (step.cut) return fail_here("");
          if (!pass_over(ErrorCode::bad_utf8, offset(), "not UTF-8")) return false;
          if (!leniency_->has_room) {
            leniency_->needs_room = true;
            leniency_->growth += 3 - step.length;  // a malformed part has at most three bytes
          } else if (text != nullptr) {
            if (!escaped) decoded = begin_decoding();
            escaped = true;
            scratch_->append(run, static_cast<std::size_t>(p_ - run));
            scratch_->append("\xEF\xBF\xBD");
            run = p_ + step.length;
          }
        }
        p_ += step.length;
      } else if (*p_ == '\\') {
        if (text != nullptr) {
          if (!escaped) decoded = begin_decoding();
          escaped = true;
          scratch_->append(run, static_cast<std::size_t>(p_ - run));
        }
        if (!escape(text != nullptr)) return false;
        run = p_;
      } else {
        return fail_here("unescaped control character in a string");
      }
    }
    if (text != nullptr) {
      *text = std::string_view(run, static_cast<std::size_t>(p_ - run));
      if (escaped) {
        scratch_->append(*text);
        *text = std::string_view(*scratch_).substr(decoded);
      }
    }
    ++p_;
    return true;
  }

  /// Returns the offset in `scratch` at which the next decoded string begins.
  std::size_t begin_decoding() {
    if (!decoding_) {
      decoding_ = true;
      scratch_->clear();
      // The capacity is checked, because before C++20 `reserve` may also shrink it.
      const auto whole = static_cast<std::size_t>(end_ - first_) + (leniency_ != nullptr ? leniency_->growth : 0);
      if (scratch_->capacity() < whole) scratch_->reserve(whole);
    }
    return scratch_->size();
  }

  /// Reads one escape, or two that form one character. Decodes it into `scratch` if `keep` is true.
  bool escape(bool keep) {
    const std::size_t start = offset();
    if (++p_ == end_) return fail_here("");
    char c = *p_++;
    switch (c) {
      case '"':
      case '\\':
      case '/': break;
      case 'b': c = '\b'; break;
      case 'f': c = '\f'; break;
      case 'n': c = '\n'; break;
      case 'r': c = '\r'; break;
      case 't': c = '\t'; break;
      case 'u': return unicode_escape(start, keep);
      default: return fail(ErrorCode::bad_escape, start, "unknown escape sequence");
    }
    if (keep) scratch_->push_back(c);
    return true;
  }

  PRESENCE_DETAIL_APART bool unicode_escape(std::size_t start, bool keep) {
    std::uint32_t code = 0;
    if (!hex4(start, code)) return false;
    if (code >= 0xD800 && code <= 0xDFFF && !surrogate_pair(start, code)) return false;
    if (keep) append_utf8(code);
    return true;
  }

  /// Combines the first half of a surrogate pair with the next escape.
  bool surrogate_pair(std::size_t start, std::uint32_t& code) noexcept {
    const char* const after = p_;
    if (code < 0xDC00) {
      bool is_escape = true;
      for (const char c : {'\\', 'u'}) {
        if (p_ == end_) return fail_here("");
        is_escape = is_escape && *p_ == c;
        if (is_escape) ++p_;
      }
      std::uint32_t second = 0;
      if (is_escape && !hex4(start, second)) return false;
      if (second >= 0xDC00 && second <= 0xDFFF) {
        code = 0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00);
        return true;
      }
    }
    p_ = after;
    code = 0xFFFD;
    return pass_over(ErrorCode::bad_escape, start, "half of a surrogate pair");
  }

  bool hex4(std::size_t start, std::uint32_t& code) noexcept {
    for (int i = 0; i < 4; ++i) {
      if (p_ == end_) return fail_here("");
      const char c = *p_;
      const int value = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (value < 0) return fail(ErrorCode::bad_escape, start, "four hexadecimal digits follow \\u");
      code = code << 4 | static_cast<std::uint32_t>(value);
      ++p_;
    }
    return true;
  }

  void append_utf8(std::uint32_t code) {
    const auto put = [this](std::uint32_t byte) {
      scratch_->push_back(static_cast<char>(static_cast<std::uint8_t>(byte)));
    };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xC0 | code >> 6);
      put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      put(0xE0 | code >> 12);
      put(0x80 | (code >> 6 & 0x3F));
      put(0x80 | (code & 0x3F));
    } else {
      put(0xF0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3F));
      put(0x80 | (code >> 6 & 0x3F));
      put(0x80 | (code & 0x3F));
    }
  }

  const char* first_;
  const char* p_;
  const char* end_;
  const char* pairs_end_;  // each byte before it is followed by at least two more
  Marks marks_;
  std::string* scratch_;
  JsonLeniency* leniency_;
  std::size_t key_offset_ = 0;
  // One bit per open container, innermost lowest: set for an object. The outer ones follow in the second word.
  std::uint64_t objects_ = 0, outer_objects_ = 0;
  unsigned depth_ = 0, limit_;
  bool fresh_ = false;  // a container was just opened, so no comma precedes the next entry
  bool decoding_ = false;
  bool failed_ = false;
  bool broken_ = false;  // a part of the last string was replaced
  Error error_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_DETAIL_READER_HPP
