// SPDX-License-Identifier: MIT
#ifndef PRESENCE_DETAIL_JSON_READER_HPP
#define PRESENCE_DETAIL_JSON_READER_HPP

#include <presence/result.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, uint8_t, uint32_t, uint64_t, INT64_MAX
#include <string>       // for string
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

constexpr std::uint8_t octet(char c) noexcept { return static_cast<std::uint8_t>(c); }

/// What stands at one place of a text that should be UTF-8.
struct Utf8Step {
  std::size_t length;  ///< of the character; of what is not one, the bytes up to where it went wrong (Unicode 3.9,
                       ///< "maximal subpart")
  bool valid;
  bool cut;  ///< not valid only because the text ends inside it
};

/// RFC 3629, section 4: no overlong forms, no surrogates, nothing above U+10FFFF. `p` is not at `end`.
inline Utf8Step utf8_step(const char* p, const char* end) noexcept {
  const std::uint8_t lead = octet(*p);
  if (lead < 0x80) return {1, true, false};
  if (lead < 0xC2 || lead > 0xF4) return {1, false, false};
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // Everything that is refused shows in the second byte already; the others are free.
  std::uint8_t lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  std::uint8_t highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (std::size_t i = 1; i < length; ++i) {
    if (static_cast<std::size_t>(end - p) == i) return {i, false, true};
    if (octet(p[i]) < lowest || octet(p[i]) > highest) return {i, false, false};
    lowest = 0x80;
    highest = 0xBF;
  }
  return {length, true, false};
}

/// Which byte of a word, counted from the lowest, is the lowest that has its top bit set; no other bits are set, and at
/// least one is.
inline std::size_t lowest_marked(std::uint64_t marks) noexcept {
#if defined(__GNUC__) || defined(__clang__)
  return static_cast<std::size_t>(__builtin_ctzll(marks)) / 8;
#else
  // Every bit below the lowest mark: a one in each byte up to and with the marked one, which the product adds up.
  const std::uint64_t below = (marks & (0 - marks)) - 1;
  return static_cast<std::size_t>((below & 0x0101010101010101) * 0x0101010101010101 >> 56) - 1;
#endif
}

/// Skips what stands for itself in a JSON string and is ASCII: stops at a quote, a backslash, a control character, a
/// byte of a longer UTF-8 character, or `end`. Eight bytes at a time: most of any payload is such text.
inline const char* skip_plain(const char* p, const char* end) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
  for (; end - p >= 8; p += 8) {
    // Put together by shifts, so that the first byte is the lowest on every machine; compilers make one load of it.
    const std::uint64_t word = std::uint64_t{octet(p[0])} | std::uint64_t{octet(p[1])} << 8 |
                               std::uint64_t{octet(p[2])} << 16 | std::uint64_t{octet(p[3])} << 24 |
                               std::uint64_t{octet(p[4])} << 32 | std::uint64_t{octet(p[5])} << 40 |
                               std::uint64_t{octet(p[6])} << 48 | std::uint64_t{octet(p[7])} << 56;
    const std::uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
    // The top bit of each byte below 0x80 that is zero, or below 0x20, and of every other. A borrow can mark a wrong
    // byte only above a right one, and the lowest is what counts.
    const std::uint64_t marks = ((quote - ones) | (backslash - ones) | (word - ones * 0x20) | word) & tops;
    if (marks != 0) return p + lowest_marked(marks);
  }
  while (p != end && octet(*p) >= 0x20 && octet(*p) < 0x80 && *p != '"' && *p != '\\') ++p;
  return p;
}

/// Reads the text of a JSON number as an int64. False where it has a fraction or an exponent, or does not fit.
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
  nothing,  ///< no value stands there
  null,
  boolean,
  number,
  string,
  array,
  object,
  repeated,  ///< of a key that stands twice in its object
};

/// A value as it stands in the text.
struct JsonValue {
  JsonKind kind = JsonKind::nothing;
  bool truth = false;      ///< of a boolean
  std::size_t offset = 0;  ///< of the first byte; of a repeated key, of the opening quote of the second
  std::string_view text;   ///< of a string, what it says; of a number, as it is written
};

/// A pull reader for one JSON text, strict to RFC 8259: one pass, no recursion, nesting up to `deepest`.
///
/// What is wrong first is remembered, with its offset, and from then on every call fails: callers look at `ok()` when
/// they are done. An offset is that of the byte that fits no continuation; of a bad escape or bad UTF-8, of the first
/// byte of it; of a text that ends too early, its size. Strings are borrowed from the text. Those with escapes are
/// decoded into `scratch`, which is cleared and reserved once, before the first of them: what is decoded is never
/// longer than the text, so what was borrowed from scratch stays where it is.
class JsonReader {
 public:
  static constexpr unsigned deepest = 64;

  JsonReader(std::string_view text, std::string& scratch) noexcept
      : first_(text.data()), p_(text.data()), end_(text.data() + text.size()), scratch_(&scratch) {}

  bool ok() const noexcept { return !failed_; }
  const Error& error() const noexcept { return error_; }

  /// The kind of the value that comes next, by its first byte. `nothing` where none can start there, which is an error.
  JsonKind peek() noexcept {
    skip_space();
    if (p_ != end_) {
      switch (*p_) {
        case '"': return JsonKind::string;
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
    fail_here("a value is needed here");
    return JsonKind::nothing;
  }

  /// Of what comes next; after `peek`, of the first byte of the value.
  std::size_t offset() const noexcept { return static_cast<std::size_t>(p_ - first_); }

  /// Goes into the object or array that comes next, after `peek` said that it is one.
  void open() noexcept {
    if (p_ == end_) return;  // an earlier error
    if (depth_ == deepest) {
      fail(ErrorCode::too_deep, offset(), "nested too deeply");
      return;
    }
    ++depth_;
    objects_ = objects_ << 1 | (*p_ == '{' ? 1u : 0u);
    fresh_ = true;
    ++p_;
  }

  /// Inside an object: reads the next key and its colon, so that its value comes next. False at the end of the object,
  /// which is then left.
  bool next_key(std::string_view& key) { return next_key(&key); }
  /// The offset of the opening quote of the key that was read last.
  std::size_t key_offset() const noexcept { return key_offset_; }

  /// Inside an array: whether another element comes next. False at the end of the array, which is then left.
  bool next_element() noexcept {
    skip_space();
    if (p_ != end_ && *p_ == ']') return close();
    if (!fresh_) return comma("an array goes on with a comma or ends here");
    fresh_ = false;
    return true;
  }

  /// Reads what comes next. Of an array or object only the kind and the place are kept.
  void read(JsonValue& value) {
    value.kind = peek();
    value.offset = offset();
    switch (value.kind) {
      case JsonKind::string: string(&value.text); break;
      case JsonKind::number: number(&value.text); break;
      case JsonKind::boolean: boolean(value.truth); break;
      default: skip(); break;
    }
  }

  /// Passes over what comes next, which must be well-formed all the same.
  void skip() {
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

  /// After the outermost value: nothing but white space may follow.
  void finish() noexcept {
    skip_space();
    if (p_ != end_) fail(ErrorCode::trailing_bytes, offset(), "something follows the value");
  }

  /// Notes an error, unless there was one. Always false.
  bool fail(ErrorCode code, std::size_t offset, const char* message) noexcept {
    if (!failed_) {
      failed_ = true;
      error_.code = code;
      error_.offset = offset;
      error_.message = message;
    }
    p_ = end_;  // so that whatever is asked for next is not there
    return false;
  }

 private:
  bool fail_here(const char* message) noexcept {
    return fail(p_ == end_ ? ErrorCode::truncated : ErrorCode::syntax, offset(),
                p_ == end_ ? "the text ends too early" : message);
  }

  void skip_space() noexcept {
    while (p_ != end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\r' || *p_ == '\t')) ++p_;
  }

  bool close() noexcept {
    --depth_;
    objects_ >>= 1;
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
    skip_space();
    if (p_ != end_ && *p_ == '}') return close();
    if (!fresh_) {
      if (!comma("an object goes on with a comma or ends here")) return false;
      skip_space();
    }
    fresh_ = false;
    if (p_ == end_ || *p_ != '"') return fail_here("a key is needed here");
    key_offset_ = offset();
    if (!string(key)) return false;
    skip_space();
    if (p_ == end_ || *p_ != ':') return fail_here("a key is followed by a colon");
    ++p_;
    return true;
  }

  bool literal(std::string_view word) noexcept {
    for (const char c : word) {
      if (p_ == end_ || *p_ != c) return fail_here("neither true, false nor null");
      ++p_;
    }
    return true;
  }

  void boolean(bool& value) noexcept {
    value = *p_ == 't';
    literal(value ? "true" : "false");
  }

  bool digit() const noexcept { return p_ != end_ && *p_ >= '0' && *p_ <= '9'; }

  bool digits(const char* message) noexcept {
    if (!digit()) return fail_here(message);
    while (digit()) ++p_;
    return true;
  }

  void number(std::string_view* text) noexcept {
    const char* const start = p_;
    if (*p_ == '-') ++p_;
    if (p_ != end_ && *p_ == '0') {
      ++p_;
      if (digit()) {
        fail_here("a number has no leading zero");
        return;
      }
    } else if (!digits("a number has a digit here")) {
      return;
    }
    if (p_ != end_ && *p_ == '.') {
      ++p_;
      if (!digits("a fraction has a digit here")) return;
    }
    if (p_ != end_ && (*p_ == 'e' || *p_ == 'E')) {
      ++p_;
      if (p_ != end_ && (*p_ == '+' || *p_ == '-')) ++p_;
      if (!digits("an exponent has a digit here")) return;
    }
    if (text != nullptr) *text = std::string_view(start, static_cast<std::size_t>(p_ - start));
  }

  /// Reads the string whose opening quote comes next. Without `text` it is only gone through.
  bool string(std::string_view* text) {
    const char* const start = p_ + 1;
    const char* const stop = skip_plain(start, end_);
    if (stop == end_ || *stop != '"') return long_way(text, stop);
    if (text != nullptr) *text = std::string_view(start, static_cast<std::size_t>(stop - start));
    p_ = stop + 1;
    return true;
  }

  /// The same for a string that is not plain ASCII up to its closing quote, but up to `stop`. Apart, so that all others
  /// stay fast.
  bool long_way(std::string_view* text, const char* stop) {
    const char* run = p_ + 1;  // where what is not yet decoded starts
    std::size_t decoded = 0;
    bool escaped = false;
    for (p_ = stop;; p_ = skip_plain(p_, end_)) {
      if (p_ == end_) return fail_here("");
      if (*p_ == '"') break;
      if (octet(*p_) >= 0x80) {
        const Utf8Step step = utf8_step(p_, end_);
        if (!step.valid) {
          if (step.cut) p_ = end_;
          return step.cut ? fail_here("") : fail(ErrorCode::bad_utf8, offset(), "not UTF-8");
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
        return fail_here("a control character must be escaped in a string");
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

  /// Where in scratch the string begins that is decoded next.
  std::size_t begin_decoding() {
    if (!decoding_) {
      decoding_ = true;
      scratch_->clear();
      // Not reserve alone: before C++20 it may also give room back.
      const auto whole = static_cast<std::size_t>(end_ - first_);
      if (scratch_->capacity() < whole) scratch_->reserve(whole);
    }
    return scratch_->size();
  }

  /// Reads one escape, or two that make one character, and decodes it into scratch if it is to be kept.
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
      default: return fail(ErrorCode::bad_escape, start, "no such escape");
    }
    if (keep) scratch_->push_back(c);
    return true;
  }

  bool unicode_escape(std::size_t start, bool keep) {
    std::uint32_t code = 0, second = 0;
    if (!hex4(start, code)) return false;
    if (code >= 0xD800 && code <= 0xDFFF) {
      constexpr const char* alone = "half of a surrogate pair";
      if (code >= 0xDC00) return fail(ErrorCode::bad_escape, start, alone);
      for (const char c : {'\\', 'u'}) {
        if (p_ == end_) return fail_here("");
        if (*p_ != c) return fail(ErrorCode::bad_escape, start, alone);
        ++p_;
      }
      if (!hex4(start, second)) return false;
      if (second < 0xDC00 || second > 0xDFFF) return fail(ErrorCode::bad_escape, start, alone);
      code = 0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00);
    }
    if (keep) append_utf8(code);
    return true;
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
  std::string* scratch_;
  std::size_t key_offset_ = 0;
  std::uint64_t objects_ = 0;  // one bit for each container that is open, the innermost lowest: set for an object
  unsigned depth_ = 0;
  bool fresh_ = false;  // a container was opened and nothing in it read: no comma comes before what is next
  bool decoding_ = false;
  bool failed_ = false;
  Error error_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_DETAIL_JSON_READER_HPP
