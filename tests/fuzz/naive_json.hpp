// SPDX-License-Identifier: MIT
// RFC 8259, RFC 3629 and RFC 3339 and what events, users, channels, lists and queries mean in them, written once more
// from the RFCs and the documentation, as simply as possible: for comparison with what the library says. Shares nothing
// with it but the plain types that hold the results.
#ifndef PRESENCE_TESTS_FUZZ_NAIVE_JSON_HPP
#define PRESENCE_TESTS_FUZZ_NAIVE_JSON_HPP

#include <presence/base/result.hpp>
#include <presence/base/time.hpp>
#include <presence/model/availability.hpp>
#include <presence/model/channel.hpp>
#include <presence/model/event.hpp>
#include <presence/model/fields.hpp>
#include <presence/model/user.hpp>
#include <presence/model/value.hpp>

#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace naive {

using presence::ErrorCode;

struct Mistake {
  ErrorCode code = ErrorCode::syntax;
  std::size_t offset = 0;
};

/// The value is meant only where there is no mistake.
template <class T>
struct Answer {
  T value{};
  std::optional<Mistake> mistake;
};

/// Reads a text byte by byte. Of the mistakes the first is kept, and after it nothing is there.
class Bytes {
 public:
  explicit Bytes(std::string text) : text_(std::move(text)) {}

 protected:
  bool at_end() const { return at_ == text_.size(); }
  bool is(char c) const { return !at_end() && text_[at_] == c; }
  bool is_digit() const { return !at_end() && text_[at_] >= '0' && text_[at_] <= '9'; }
  bool next(char c) {
    if (!is(c)) return false;
    ++at_;
    return true;
  }
  bool wrong(ErrorCode code, std::size_t offset) {
    if (!mistake_) mistake_ = Mistake{code, offset};
    return false;
  }
  /// What stands here fits nothing; or nothing stands here.
  bool wrong() { return wrong(at_end() ? ErrorCode::truncated : ErrorCode::syntax, at_); }

  std::string text_;
  std::size_t at_ = 0;
  std::optional<Mistake> mistake_;
};

// ---- UTF-8 ------------------------------------------------------------------------------------------------------

inline unsigned byte_of(char c) { return static_cast<unsigned char>(c); }

inline std::string utf8(unsigned long code) {
  std::string bytes;
  const auto put = [&bytes](unsigned long byte) { bytes += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 + code / 64);
    put(0x80 + code % 64);
  } else if (code < 0x10000) {
    put(0xE0 + code / 4096);
    put(0x80 + code / 64 % 64);
    put(0x80 + code % 64);
  } else {
    put(0xF0 + code / 262144);
    put(0x80 + code / 4096 % 64);
    put(0x80 + code / 64 % 64);
    put(0x80 + code % 64);
  }
  return bytes;
}

/// Whether the bytes are one character: what they decode to is one, and is encoded by these bytes.
inline bool is_character(const std::string& bytes) {
  if (bytes.empty() || bytes.size() > 4) return false;
  unsigned long code = byte_of(bytes[0]);
  if (bytes.size() == 2) code %= 0x20;
  if (bytes.size() == 3) code %= 0x10;
  if (bytes.size() == 4) code %= 0x08;
  for (std::size_t i = 1; i < bytes.size(); ++i) code = code * 64 + byte_of(bytes[i]) % 64;
  return code <= 0x10FFFF && !(code >= 0xD800 && code <= 0xDFFF) && utf8(code) == bytes;
}

/// Whether a character begins so and is longer: some ending makes it one. Only what may follow the first byte differs
/// between characters, and for each first byte either the lowest or the highest may.
inline bool begins_character(const std::string& bytes) {
  for (const char* const ending : {"\x80\x80\x80", "\xBF\x80\x80"}) {
    for (std::size_t more = 1; more <= 3; ++more) {
      if (!bytes.empty() && is_character(bytes + std::string(ending, more))) return true;
    }
  }
  return false;
}

/// 0: none stands there.
inline std::size_t character_length(const std::string& text, std::size_t at) {
  for (std::size_t length = 1; length <= 4; ++length) {
    if (at + length <= text.size() && is_character(text.substr(at, length))) return length;
  }
  return 0;
}

/// With U+FFFD for each maximal subpart of what is no character (Unicode, section 3.9): the longest that one begins
/// with, or else a byte.
inline std::string repaired(const std::string& text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = character_length(text, at);
    if (length > 0) {
      result += text.substr(at, length);
    } else {
      result += "\xEF\xBF\xBD";
      length = 1;
      while (at + length < text.size() && begins_character(text.substr(at, length + 1))) ++length;
    }
    at += length;
  }
  return result;
}

// ---- JSON -------------------------------------------------------------------------------------------------------

enum class Kind { null, boolean, number, string, array, object };

struct Json {
  Kind kind = Kind::null;
  std::size_t offset = 0;  // of its first byte
  std::size_t end = 0;     // behind its last byte; 0: the text goes wrong inside it
  bool truth = false;
  bool is_as_written = true;   // a string without escapes in which nothing is replaced
  bool is_broken = false;      // a string in which something is replaced
  std::string text;            // of a string, what it says; of a number, as it is written
  std::vector<Json> keys;      // of an object, strings, as many as elements
  std::vector<Json> elements;  // of an array or object
};

/// A text and what is wrong with it.
struct Text {
  Json value;  // as far as it could be read
  std::optional<Mistake> mistake;
  std::vector<Mistake> replaced;  // halves of surrogate pairs and what is not UTF-8, up to the mistake

  /// For a reader that replaces nothing.
  std::optional<Mistake> strict_mistake() const { return replaced.empty() ? mistake : replaced.front(); }
};

/// What is wrong is so at the first byte that fits nothing, or at the size of a text that ends too early. But a bad
/// escape, which is judged when all its characters were read, and bad UTF-8 are so at their first byte.
class JsonText : Bytes {
 public:
  JsonText(std::string text, int deepest) : Bytes(std::move(text)), deepest_(deepest) {}

  Text read() {
    Text text;
    any(text.value, 1);
    space();
    if (!at_end()) wrong(ErrorCode::trailing_bytes, at_);
    text.mistake = mistake_;
    text.replaced = replaced_;
    return text;
  }

 private:
  void space() {
    while (is(' ') || is('\t') || is('\n') || is('\r')) ++at_;
  }

  bool any(Json& value, int level) {
    if (!any_kind(value, level)) return false;
    value.end = at_;
    return true;
  }

  bool any_kind(Json& value, int level) {
    space();
    value.offset = at_;
    if (is('"')) return string(value);
    if (is('-') || is_digit()) return number(value);
    if (is('[') || is('{')) {
      if (level > deepest_) return wrong(ErrorCode::too_deep, at_);
      return is('[') ? array(value, level) : object(value, level);
    }
    if (is('n')) return word("null");
    value.kind = Kind::boolean;
    value.truth = is('t');
    if (is('t')) return word("true");
    if (is('f')) return word("false");
    return wrong();
  }

  bool word(const std::string& letters) {
    for (const char c : letters) {
      if (!next(c)) return wrong();
    }
    return true;
  }

  bool digits() {
    if (!is_digit()) return wrong();
    while (is_digit()) ++at_;
    return true;
  }

  bool number(Json& value) {
    value.kind = Kind::number;
    next('-');
    if (next('0')) {
      if (is_digit()) return wrong();
    } else if (!digits()) {
      return false;
    }
    if (next('.') && !digits()) return false;
    if (next('e') || next('E')) {
      if (!next('+')) next('-');
      if (!digits()) return false;
    }
    value.text = text_.substr(value.offset, at_ - value.offset);
    return true;
  }

  bool array(Json& value, int level) {
    value.kind = Kind::array;
    next('[');
    space();
    if (next(']')) return true;
    do {
      value.elements.emplace_back();
      if (!any(value.elements.back(), level + 1)) return false;
      space();
    } while (next(','));
    return next(']') || wrong();
  }

  bool object(Json& value, int level) {
    value.kind = Kind::object;
    next('{');
    space();
    if (next('}')) return true;
    do {
      space();
      Json key;
      key.offset = at_;
      if (!is('"')) return wrong();
      if (!string(key)) return false;
      key.end = at_;
      space();
      if (!next(':')) return wrong();
      value.keys.push_back(key);
      value.elements.emplace_back();
      if (!any(value.elements.back(), level + 1)) return false;
      space();
    } while (next(','));
    return next('}') || wrong();
  }

  bool string(Json& value) {
    value.kind = Kind::string;
    next('"');
    while (!next('"')) {
      if (at_end() || byte_of(text_[at_]) < 0x20) return wrong();
      if (is('\\')) {
        value.is_as_written = false;
        if (!escape(value)) return false;
        continue;
      }
      const std::size_t length = character_length(text_, at_);
      if (length == 0) {
        if (begins_character(text_.substr(at_))) return wrong(ErrorCode::truncated, text_.size());
        replace(value, ErrorCode::bad_utf8, at_);
        for (std::size_t part = 1; part <= 3; ++part) {
          if (part == 3 || !begins_character(text_.substr(at_, part + 1))) {
            at_ += part;
            break;
          }
        }
        continue;
      }
      value.text += text_.substr(at_, length);
      at_ += length;
    }
    return true;
  }

  void replace(Json& value, ErrorCode code, std::size_t offset) {
    replaced_.push_back(Mistake{code, offset});
    value.is_as_written = false;
    value.is_broken = true;
    value.text += utf8(0xFFFD);
  }

  bool escape(Json& value) {
    const std::size_t start = at_;
    next('\\');
    if (at_end()) return wrong();
    const std::string letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    const std::size_t letter = letters.find(text_[at_]);
    if (letter != std::string::npos) {
      value.text += meanings[letter];
      ++at_;
      return true;
    }
    unsigned long code = 0, second = 0;
    if (!in_escape(next('u'), start) || !hexadecimal(code, start)) return false;
    const std::size_t after = at_;
    if (code >= 0xD800 && code <= 0xDBFF) {
      if (at_end()) return wrong();
      if (next('\\')) {
        if (at_end()) return wrong();
        if (next('u') && !hexadecimal(second, start)) return false;
      }
    }
    if (second >= 0xDC00 && second <= 0xDFFF) {
      value.text += utf8(0x10000 + (code - 0xD800) * 0x400 + (second - 0xDC00));
    } else if (code >= 0xD800 && code <= 0xDFFF) {
      at_ = after;
      replace(value, ErrorCode::bad_escape, start);
    } else {
      value.text += utf8(code);
    }
    return true;
  }
  bool in_escape(bool fits, std::size_t start) {
    return fits || (at_end() ? wrong() : wrong(ErrorCode::bad_escape, start));
  }
  bool hexadecimal(unsigned long& code, std::size_t start) {
    const std::string sixteen = "0123456789abcdef0123456789ABCDEF";
    for (int i = 0; i < 4; ++i) {
      const std::size_t digit = at_end() ? std::string::npos : sixteen.find(text_[at_]);
      if (!in_escape(digit != std::string::npos, start)) return false;
      code = code * 16 + digit % 16;
      ++at_;
    }
    return true;
  }

  std::vector<Mistake> replaced_;
  int deepest_;
};

/// Of what nests deeper the text goes wrong.
inline Text json(const std::string& text) { return JsonText(text, 64).read(); }
inline Text json_around_values(const std::string& text) { return JsonText(text, 128).read(); }

// ---- timestamps ---------------------------------------------------------------------------------------------------

inline bool is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }
inline int days_of(int year, int month) {
  const int days[] = {31, is_leap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return days[month - 1];
}

constexpr std::int64_t billion = 1000000000;

/// A number is judged when its last digit was read, and the day of the month, a leap second, the year 1 and the range,
/// in this order, when nothing else is wrong.
class InstantText : Bytes {
 public:
  using Bytes::Bytes;

  Answer<std::int64_t> read() {
    Answer<std::int64_t> answer;
    if (fields()) answer.value = instant();
    answer.mistake = mistake_;
    return answer;
  }

 private:
  struct Range {
    int low, high;
  };

  bool fields() {
    if (!shaped("dddd-dd-ddTdd:dd:dd", {{0, 9999}, {1, 12}, {1, 31}, {0, 23}, {0, 59}, {0, 60}})) return false;
    if (next('.')) {
      if (!is_digit()) return wrong();
      for (; is_digit(); ++at_) {
        if (fraction_.size() == 9) return wrong(ErrorCode::out_of_range, at_);
        fraction_ += text_[at_];
      }
    }
    if (is('+') || is('-')) {
      const int sign = is('+') ? 1 : -1;
      ++at_;
      if (!shaped("dd:dd", {{0, 23}, {0, 59}})) return false;
      ahead_ = sign * (numbers_[6] * 60 + numbers_[7]);
    } else if (!next('Z') && !next('z')) {
      return wrong();
    }
    return at_end() || wrong(ErrorCode::trailing_bytes, at_);
  }

  /// Each `d` is a digit, and each run of them a number.
  bool shaped(const std::string& shape, const std::vector<Range>& ranges) {
    std::string number;
    std::size_t numbers = 0;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      const bool fits = shape[i] == 'd' ? is_digit() : is(shape[i]) || (shape[i] == 'T' && is('t'));
      if (!fits) return wrong();
      if (shape[i] == 'd') number += text_[at_];
      ++at_;
      if (shape[i] != 'd' || (i + 1 < shape.size() && shape[i + 1] == 'd')) continue;
      const int value = std::atoi(number.c_str());
      if (value < ranges[numbers].low || value > ranges[numbers].high)
        return wrong(ErrorCode::out_of_range, at_ - number.size());
      numbers_.push_back(value);
      number.clear();
      ++numbers;
    }
    return true;
  }

  std::int64_t instant() {
    const int year = numbers_[0], month = numbers_[1], day = numbers_[2], second = numbers_[5];
    if (day > days_of(year, month)) return wrong(ErrorCode::out_of_range, 8);
    std::int64_t days = day - 1;
    for (int m = 1; m < month; ++m) days += days_of(year, m);
    for (int y = 1970; y < year; ++y) days += is_leap(y) ? 366 : 365;
    for (int y = year; y < 1970; ++y) days -= is_leap(y) ? 366 : 365;
    const std::int64_t minutes = (days * 24 + numbers_[3]) * 60 + numbers_[4] - ahead_;
    if (second == 60 && (minutes + 1) % (24 * 60) != 0) return wrong(ErrorCode::out_of_range, 17);
    if (year == 1) return wrong(ErrorCode::unset, 0);
    // The seconds and nanoseconds of -2^63 and of 2^63 - 1, which are no timestamps themselves.
    using Parts = std::pair<std::int64_t, int>;
    const Parts first = {-9223372037, 145224192}, last = {9223372036, 854775807};
    const int ns = std::atoi((fraction_ + std::string(9 - fraction_.size(), '0')).c_str());
    const Parts parts = {minutes * 60 + second, ns};
    if (parts <= first || parts >= last) return wrong(ErrorCode::out_of_range, 0);
    return parts.first < 0 ? (parts.first + 1) * billion + (ns - billion) : parts.first * billion + ns;
  }

  std::vector<int> numbers_;
  std::string fraction_;
  int ahead_ = 0;  // minutes
};

inline Answer<std::int64_t> instant(const std::string& text) { return InstantText(text).read(); }

/// In UTC, with the fewest of 3, 6 or 9 digits that do.
inline std::string written(std::int64_t instant) {
  std::int64_t seconds = instant / billion, ns = instant % billion;
  if (ns < 0) {
    --seconds;
    ns += billion;
  }
  int year = 1970, month = 1;
  while (seconds < 0) seconds += (is_leap(--year) ? 366 : 365) * 86400;
  while (seconds >= (is_leap(year) ? 366 : 365) * 86400) seconds -= (is_leap(year++) ? 366 : 365) * 86400;
  while (seconds >= days_of(year, month) * 86400) seconds -= days_of(year, month++) * 86400;
  const auto digits = [](std::int64_t number, std::size_t width) {
    const std::string text = std::to_string(number);
    return std::string(width - text.size(), '0') + text;
  };
  std::string fraction = digits(ns, 9);
  while (fraction.size() > 3 && fraction.substr(fraction.size() - 3) == "000") fraction.resize(fraction.size() - 3);
  return digits(year, 4) + '-' + digits(month, 2) + '-' + digits(seconds / 86400 + 1, 2) + 'T' +
         digits(seconds / 3600 % 24, 2) + ':' + digits(seconds / 60 % 60, 2) + ':' + digits(seconds % 60, 2) + '.' +
         fraction + 'Z';
}

// ---- events and users -------------------------------------------------------------------------------------------

/// Whole nanoseconds since 1970 in the years 2000 to 2200. In seconds, milliseconds or microseconds such a year is
/// another number, which `may_be_coarse`.
inline std::optional<std::int64_t> counted(long long number, bool may_be_coarse) {
  std::int64_t first = 0, last = 0;  // seconds
  for (int year = 1970; year <= 2200; ++year) {
    if (year < 2000) first += (is_leap(year) ? 366 : 365) * std::int64_t{86400};
    last += (is_leap(year) ? 366 : 365) * std::int64_t{86400};
  }
  for (const std::int64_t unit : {std::int64_t{1}, std::int64_t{1000}, std::int64_t{1000000}, billion}) {
    const std::int64_t in_a_second = billion / unit;
    if ((unit == 1 || may_be_coarse) && number >= first * in_a_second && number < last * in_a_second)
      return number * unit;
  }
  return std::nullopt;
}

inline std::optional<presence::Availability> named(const std::string& word) {
  using presence::Availability;
  if (word == "offline") return Availability::offline;
  if (word == "idle") return Availability::idle;
  if (word == "away") return Availability::away;
  if (word == "busy") return Availability::busy;
  if (word == "available") return Availability::available;
  return std::nullopt;
}

/// Asks objects for their keys. Of the mistakes the first is kept; what is only odd is listed.
class Reading {
 public:
  explicit Reading(const Text& text) : odd(text.replaced), replaced_(text.replaced) {}

  /// Whether there is memory for values that cannot be borrowed. To need it is a mistake where there is none.
  bool has_buffer = true;

  std::optional<Mistake> mistake;
  std::vector<Mistake> odd;

  void wrong(ErrorCode code, std::size_t offset) {
    if (!mistake) mistake = Mistake{code, offset};
  }

  /// Null pointer: there is none, or null.
  const Json* value(const Json& object, const std::string& key) {
    const Json* found = nullptr;
    for (std::size_t i = 0; i < object.keys.size(); ++i) {
      if (object.keys[i].text != key) continue;
      if (found != nullptr) {
        wrong(ErrorCode::duplicate_key, object.keys[i].offset);
        return nullptr;
      }
      found = &object.elements[i];
    }
    return found != nullptr && found->kind != Kind::null ? found : nullptr;
  }

  const Json* value(const Json& object, const std::string& key, Kind kind) {
    const Json* const found = value(object, key);
    if (found == nullptr || found->kind == kind) return found;
    wrong(ErrorCode::wrong_type, found->offset);
    return nullptr;
  }

  std::optional<std::string> text(const Json& object, const std::string& key) {
    const Json* const found = value(object, key, Kind::string);
    return found != nullptr ? std::optional<std::string>(found->text) : std::nullopt;
  }

  std::optional<bool> truth(const Json& object, const std::string& key) {
    const Json* const found = value(object, key, Kind::boolean);
    return found != nullptr ? std::optional<bool>(found->truth) : std::nullopt;
  }

  /// What of a service is in another unit is odd all the same.
  std::optional<presence::Timestamp> instant(const Json& object, const std::string& key, bool is_of_a_service = false) {
    const Json* const found = value(object, key);
    if (found == nullptr) return std::nullopt;
    if (found->kind == Kind::number) {
      errno = 0;
      const long long number = std::strtoll(found->text.c_str(), nullptr, 10);
      if (errno == 0 && found->text.find_first_of(".eE") == std::string::npos) {
        if (number == 0) return std::nullopt;
        if (const auto ns = counted(number, false)) return presence::Timestamp::from_ns(*ns);
        const auto ns = counted(number, is_of_a_service);
        if (ns) odd.push_back(Mistake{ErrorCode::out_of_range, found->offset});
        if (ns) return presence::Timestamp::from_ns(*ns);
      }
      wrong(ErrorCode::out_of_range, found->offset);
      return std::nullopt;
    }
    if (value(object, key, Kind::string) == nullptr) return std::nullopt;
    const Answer<std::int64_t> answer = naive::instant(found->text);
    if (!answer.mistake) return presence::Timestamp::from_ns(answer.value);
    if (answer.mistake->code == ErrorCode::unset) return std::nullopt;
    if (answer.mistake->code == ErrorCode::out_of_range) {
      wrong(ErrorCode::out_of_range, found->offset);
    } else {
      // Inside, if what is inside is as it is written.
      wrong(ErrorCode::syntax, found->offset + (found->is_as_written ? 1 + answer.mistake->offset : 0));
    }
    return std::nullopt;
  }

  /// What `read` finds, which must not be there: its mistake is only odd.
  template <class Read>
  auto side(const Read& read) {
    const std::optional<Mistake> before = mistake;
    mistake.reset();
    auto found = read();
    if (mistake) odd.push_back(*mistake);
    mistake = before;
    return found;
  }
  const Json* side_value(const Json& object, const std::string& key, Kind kind) {
    return side([&] { return value(object, key, kind); });
  }
  std::optional<presence::Timestamp> side_instant(const Json& object, const std::string& key) {
    return side([&] { return instant(object, key, true); });
  }

  /// Whether the key is there, and says something or says it twice, that is of no such kind.
  bool is_unknown(const Json& object, const std::string& key, Kind kind) {
    Reading apart = *this;
    apart.mistake.reset();
    apart.value(object, key, kind);
    return apart.mistake.has_value();
  }
  /// Whether the key is there once, as null.
  bool is_null(const Json& object, const std::string& key) {
    std::size_t times = 0;
    bool found = false;
    for (std::size_t i = 0; i < object.keys.size(); ++i) {
      if (object.keys[i].text != key) continue;
      ++times;
      found = object.elements[i].kind == Kind::null;
    }
    return times == 1 && found;
  }

  /// The id of a user of a service.
  std::string id(const Json& user) {
    const Json* const found = value(user, "id", Kind::string);
    const std::string id = needed(text(user, "id"), user, "id");
    if (found != nullptr) not_replaced(*found);
    return id;
  }
  /// A string in which something was replaced is none.
  bool not_replaced(const Json& string) {
    for (const Mistake& part : replaced_) {
      if (part.offset > string.offset && part.offset < string.end) {
        wrong(part.code, part.offset);
        return false;
      }
    }
    return true;
  }

  /// Whether a part of a string in it was replaced.
  bool is_replaced_in(const Json& json) const {
    for (const Mistake& part : replaced_) {
      if (part.offset >= json.offset && part.offset < json.end) return true;
    }
    return false;
  }

  /// Absent: nothing is said. Empty: there is none.
  std::optional<std::string> status(const Json& user, bool is_whole) {
    const Json* found = side_value(user, "status", Kind::string);
    bool is_unsure = is_unknown(user, "status", Kind::string), is_cleared = is_whole || is_null(user, "status");
    if (found == nullptr) {
      std::size_t customs = 0;
      for (const Json& key : user.keys) customs += key.text == "custom" ? 1u : 0u;
      is_unsure = is_unsure || customs > 1;
      if (const Json* const custom = side_value(user, "custom", Kind::object)) {
        found = side_value(*custom, "status", Kind::string);
        is_unsure = is_unsure || is_unknown(*custom, "status", Kind::string);
        is_cleared = is_cleared || is_null(*custom, "status");
      }
    }
    if (found == nullptr) return is_cleared && !is_unsure ? std::optional<std::string>("") : std::nullopt;
    if (found->text.size() <= 1024) return found->text;
    odd.push_back(Mistake{ErrorCode::over_limit, found->offset});
    std::string cut;
    for (std::size_t next = 0; cut.size() + (next = character_length(found->text, cut.size())) <= 1024;)
      cut += found->text.substr(cut.size(), next);
    return cut;
  }

  std::optional<presence::Availability> availability(const Json& object) {
    const Json* const found = value(object, "availability", Kind::string);
    if (found == nullptr) return std::nullopt;
    if (!named(found->text)) wrong(ErrorCode::out_of_range, found->offset);
    return named(found->text);
  }
  /// Of a user of a service who is online, and so is never offline.
  presence::Availability side_availability(const Json& user) {
    const Json* const found = side_value(user, "availability", Kind::string);
    if (found == nullptr) return presence::Availability::available;
    if (named(found->text) && found->text != "offline") return *named(found->text);
    odd.push_back(Mistake{ErrorCode::out_of_range, found->offset});
    return presence::Availability::available;
  }

  std::optional<std::int8_t> priority(const Json& object) {
    const Json* const found = value(object, "priority", Kind::number);
    if (found == nullptr) return std::nullopt;
    const double number = std::strtod(found->text.c_str(), nullptr);
    if (found->text.find_first_of(".eE") == std::string::npos && number >= -128 && number <= 127)
      return static_cast<std::int8_t>(number);
    wrong(ErrorCode::out_of_range, found->offset);
    return std::nullopt;
  }

  /// What was found under the key, which the object must have.
  template <class T>
  T needed(const std::optional<T>& found, const Json& object, const std::string& key) {
    if (found) return *found;
    const Json* const in_its_place = value(object, key);
    wrong(ErrorCode::missing_key, in_its_place != nullptr ? in_its_place->offset : object.offset);
    return T();
  }

 private:
  std::vector<Mistake> replaced_;
};

inline bool is_nested(const Json& value) { return value.kind == Kind::array || value.kind == Kind::object; }

inline presence::Value scalar(Reading& reading, const Json& json) {
  using presence::Value;
  if (is_nested(json)) reading.wrong(ErrorCode::wrong_type, json.offset);
  if (json.kind == Kind::boolean) return Value(json.truth);
  if (json.kind == Kind::string) return Value(json.text);
  if (json.kind != Kind::number) return Value();
  if (json.text.find_first_of(".eE") == std::string::npos) {
    errno = 0;
    const long long number = std::strtoll(json.text.c_str(), nullptr, 10);
    if (errno != 0) reading.wrong(ErrorCode::out_of_range, json.offset);
    return Value(static_cast<std::int64_t>(number));
  }
  const double number = std::strtod(json.text.c_str(), nullptr);
  if (std::isinf(number)) reading.wrong(ErrorCode::out_of_range, json.offset);
  return Value(number);
}

inline std::size_t times(const Json& object, const std::string& key) {
  std::size_t count = 0;
  for (const Json& other : object.keys) count += other.text == key ? 1u : 0u;
  return count;
}

/// What first is in more than 64 arrays and objects, itself one of them. Null pointer: nothing.
inline const Json* too_deep(const Json& json, int level) {
  if (!is_nested(json)) return nullptr;
  if (level > 64) return &json;
  for (const Json& element : json.elements) {
    if (const Json* const found = too_deep(element, level + 1)) return found;
  }
  return nullptr;
}

/// A mistake: no Value holds it. A name that is repeated in an object is one as well, or only odd and left out.
inline presence::Value custom(Reading& reading, const Json& json, bool repeated_is_odd, bool is_element = false,
                              int level = 1) {
  // An array in an array is read to its end, before it is found to be wrong.
  const bool is_read_first = is_element && json.kind == Kind::array;
  if (const Json* const deep = level > 64 || is_read_first ? too_deep(json, level) : nullptr) {
    reading.wrong(ErrorCode::too_deep, deep->offset);
    return presence::Value();
  }
  if (json.kind == Kind::array && !is_element) {
    std::vector<presence::Value> elements;
    for (const Json& element : json.elements)
      elements.push_back(custom(reading, element, repeated_is_odd, true, level + 1));
    return presence::Value::array(elements);
  }
  if (json.kind != Kind::object) return scalar(reading, json);
  presence::Attributes members;
  for (std::size_t i = 0; i < json.keys.size(); ++i) {
    const presence::Value value = custom(reading, json.elements[i], repeated_is_odd, false, level + 1);
    if (times(json, json.keys[i].text) == 1) members[json.keys[i].text] = value;
  }
  for (std::size_t i = 0; !reading.mistake && i < json.keys.size(); ++i) {
    std::size_t before = 0;
    for (std::size_t j = 0; j < i; ++j) before += json.keys[j].text == json.keys[i].text ? 1u : 0u;
    if (before != 1) continue;
    if (repeated_is_odd) {
      reading.odd.push_back(Mistake{ErrorCode::duplicate_key, json.keys[i].offset});
    } else {
      reading.wrong(ErrorCode::duplicate_key, json.keys[i].offset);
    }
  }
  return presence::Value::object(std::move(members));
}

/// The fields of an object. A name that is repeated is a mistake, behind those of the values.
inline presence::Attributes fields(Reading& reading, const Json& object) {
  presence::Attributes fields;
  if (!reading.has_buffer && !object.keys.empty()) reading.wrong(ErrorCode::needs_buffer, object.offset);
  for (std::size_t i = 0; i < object.keys.size(); ++i)
    fields[object.keys[i].text] = custom(reading, object.elements[i], false);
  for (std::size_t i = 0; i < object.keys.size(); ++i) {
    for (std::size_t before = 0; before < i; ++before) {
      if (object.keys[before].text == object.keys[i].text)
        reading.wrong(ErrorCode::duplicate_key, object.keys[i].offset);
    }
  }
  return fields;
}

/// About the size of it in JSON.
inline std::size_t size_of(const presence::Value& value) {
  using presence::ValueKind;
  std::size_t size = 2;
  if (value.kind() == ValueKind::integer || value.kind() == ValueKind::real) return 8;
  if (value.kind() == ValueKind::string) return value.view().text().size() + 2;
  if (value.kind() == ValueKind::array) {
    for (const presence::Value& element : value.elements()) size += size_of(element) + 1;
    return size;
  }
  if (value.kind() == ValueKind::object) {
    for (const presence::ValueMember& member : value.members())
      size += member.name().size() + 4 + size_of(member.value());
    return size;
  }
  return 5;
}
inline std::size_t size_of(const presence::Attributes& fields) {
  std::size_t size = 2;
  for (const presence::Attributes::Entry& field : fields) size += field.name.size() + 4 + size_of(field.value);
  return size;
}

inline std::size_t levels_of(const Json& json) {
  std::size_t levels = 0;
  for (const Json& element : json.elements) {
    const std::size_t inside = levels_of(element);
    if (inside > levels) levels = inside;
  }
  return is_nested(json) ? levels + 1 : 0;
}

/// Of a user of a service who is online.
inline presence::Attributes side_activity(Reading& reading, const Json& user) {
  const Json* const found = reading.side_value(user, "activity", Kind::object);
  if (found == nullptr) return {};
  if (!reading.has_buffer) {
    if (!found->keys.empty()) reading.wrong(ErrorCode::needs_buffer, found->offset);
    return {};
  }
  const std::size_t odd_before = reading.odd.size();
  presence::Attributes activity = reading.side([&] { return fields(reading, *found); });
  if (reading.odd.size() > odd_before || reading.is_replaced_in(*found)) return {};
  if (levels_of(*found) > 64) {
    reading.odd.push_back(Mistake{ErrorCode::too_deep, found->offset});
  } else if (size_of(activity) > 1024) {
    reading.odd.push_back(Mistake{ErrorCode::over_limit, found->offset});
  } else {
    return activity;
  }
  return {};
}

inline bool is_no_data(const std::string& name) {
  for (const char* const other : {"id",
                                  "online",
                                  "status",
                                  "last_active",
                                  "invisible",
                                  "availability",
                                  "activity",
                                  "custom",
                                  "created_at",
                                  "updated_at",
                                  "deleted_at",
                                  "banned",
                                  "ban_expires",
                                  "shadow_banned",
                                  "bypass_moderation",
                                  "blocked_user_ids",
                                  "devices",
                                  "push_notifications",
                                  "push_preferences",
                                  "mutes",
                                  "channel_mutes",
                                  "unread_count",
                                  "unread_channels",
                                  "unread_threads",
                                  "total_unread_count",
                                  "total_unread_count_by_team",
                                  "latest_hidden_channels",
                                  "privacy_settings",
                                  "avg_response_time",
                                  "deactivated_at",
                                  "revoke_tokens_issued_before"}) {
    if (name == other) return true;
  }
  return false;
}

/// Of a user of a service. In order of the names.
inline presence::Attributes side_data(Reading& reading, const Json& user) {
  for (std::size_t i = 0; i < user.keys.size() && !reading.has_buffer; ++i) {
    if (!is_no_data(user.keys[i].text) && user.elements[i].kind != Kind::null)
      reading.wrong(ErrorCode::needs_buffer, user.keys[i].offset);
  }
  if (!reading.has_buffer) return {};
  presence::Attributes order, data;
  for (const Json& key : user.keys) order[key.text] = presence::Value();
  std::size_t size = 0;
  bool is_full = false;
  for (const presence::Attributes::Entry& one : order) {
    if (is_no_data(one.name)) continue;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < user.keys.size(); ++i) {
      if (user.keys[i].text == one.name) places.push_back(i);
    }
    const Json &key = user.keys[places[0]], &found = user.elements[places[0]];
    if (places.size() > 1) {
      reading.odd.push_back(Mistake{ErrorCode::duplicate_key, user.keys[places[1]].offset});
    } else if (found.kind == Kind::null || is_full) {
      continue;
    } else if (one.name.empty()) {
      reading.odd.push_back(Mistake{ErrorCode::out_of_range, key.offset});
    } else {
      const std::size_t odd_before = reading.odd.size();
      const presence::Value value = reading.side([&] { return custom(reading, found, false); });
      if (reading.odd.size() > odd_before || reading.is_replaced_in(key) || reading.is_replaced_in(found)) continue;
      const std::size_t more = one.name.size() + 4 + size_of(value);
      if (size + more > 4096) {
        reading.odd.push_back(Mistake{ErrorCode::over_limit, found.offset});
      } else if (data.size() == 64) {
        reading.odd.push_back(Mistake{ErrorCode::over_limit, key.offset});
        is_full = true;
      } else {
        size += more;
        data[one.name] = value;
      }
    }
  }
  return data;
}

inline std::optional<presence::EventType> line_type(const std::string& name) {
  using presence::EventType;
  if (name == "connect") return EventType::connect;
  if (name == "disconnect") return EventType::disconnect;
  if (name == "heartbeat") return EventType::heartbeat;
  if (name == "status") return EventType::set_status;
  if (name == "report") return EventType::report;
  if (name == "active") return EventType::active;
  if (name == "update") return EventType::update;
  if (name == "availability") return EventType::set_availability;
  if (name == "data") return EventType::set_data;
  if (name == "visible") return EventType::set_visible;
  if (name == "remove") return EventType::remove;
  return std::nullopt;
}

inline presence::PresenceEvent line(Reading& reading, const Json& whole, presence::EventType type) {
  using presence::EventType;
  presence::PresenceEvent event;
  event.type = type;
  event.user = reading.needed(reading.text(whole, "user"), whole, "user");
  const std::optional<std::string> session = reading.text(whole, "session");
  if (type == EventType::connect || type == EventType::disconnect || type == EventType::heartbeat ||
      type == EventType::active || type == EventType::update)
    reading.needed(session, whole, "session");
  event.session = session.value_or("");
  const std::optional<bool> online = reading.truth(whole, "online");
  if (type == EventType::report) reading.needed(online, whole, "online");
  event.online = online.value_or(false);
  event.at = reading.needed(reading.instant(whole, "at"), whole, "at");
  event.invisible = reading.truth(whole, "invisible");
  if (type == EventType::set_visible) reading.needed(event.invisible, whole, "invisible");
  event.status = reading.text(whole, "status");
  if (type == EventType::set_status) reading.needed(event.status, whole, "status");
  event.until = reading.instant(whole, "until");
  event.availability = reading.availability(whole);
  event.priority = reading.priority(whole);
  event.last_active = reading.instant(whole, "last_active");
  if (const Json* const activity = reading.value(whole, "activity", Kind::object))
    event.activity = fields(reading, *activity);
  const std::optional<std::string> name = reading.text(whole, "name");
  if (type == EventType::set_data) reading.needed(name, whole, "name");
  event.name = name.value_or("");
  if (type == EventType::set_data && times(whole, "value") == 0) reading.wrong(ErrorCode::missing_key, whole.offset);
  if (const Json* const value = reading.value(whole, "value")) {
    if (!reading.has_buffer && is_nested(*value)) reading.wrong(ErrorCode::needs_buffer, value->offset);
    event.value = custom(reading, *value, false);
  }
  if (const Json* const data = reading.value(whole, "data", Kind::object)) event.data = fields(reading, *data);
  return event;
}

inline presence::PresenceEvent payload(Reading& reading, const Json& whole, const std::string& whose,
                                       bool is_whole_truth) {
  presence::PresenceEvent event;
  event.type = presence::EventType::report;
  const Json* const user = reading.value(whole, whose, Kind::object);
  if (user == nullptr) {
    reading.wrong(ErrorCode::missing_key, whole.offset);
    return event;
  }
  event.user = reading.id(*user);
  if (event.user.empty() && !reading.mistake) reading.wrong(ErrorCode::missing_key, reading.value(*user, "id")->offset);
  event.online = reading.needed(reading.truth(*user, "online"), *user, "online");
  event.at = reading.needed(reading.instant(whole, "created_at", true), whole, "created_at");
  event.status = reading.status(*user, is_whole_truth);
  if (event.online) event.availability = reading.side_availability(*user);
  event.last_active = reading.side_instant(*user, "last_active");
  if (event.online) event.activity = side_activity(reading, *user);
  event.data = side_data(reading, *user);
  return event;
}

inline presence::PresenceEvent deletion(Reading& reading, const Json& whole) {
  presence::PresenceEvent event;
  event.type = presence::EventType::remove;
  const Json* const user = reading.value(whole, "user", Kind::object);
  if (user == nullptr) {
    reading.wrong(ErrorCode::missing_key, whole.offset);
    return event;
  }
  event.user = reading.id(*user);
  if (event.user.empty() && !reading.mistake) reading.wrong(ErrorCode::missing_key, reading.value(*user, "id")->offset);
  event.at = reading.needed(reading.instant(whole, "created_at", true), whole, "created_at");
  return event;
}

inline presence::PresenceEvent event(Reading& reading, const Json& whole) {
  const std::string type = reading.needed(reading.text(whole, "type"), whole, "type");
  if (reading.mistake) return {};
  if (line_type(type)) return line(reading, whole, *line_type(type));
  if (type == "user.presence.changed") return payload(reading, whole, "user", false);
  if (type == "user.updated") return payload(reading, whole, "user", true);
  if (type == "user.deleted") return deletion(reading, whole);
  if (type == "health.check" && reading.value(whole, "me") != nullptr) return payload(reading, whole, "me", false);
  const bool is_of_a_service = type.find('.') != std::string::npos;
  reading.wrong(is_of_a_service ? ErrorCode::not_presence : ErrorCode::unknown_type,
                reading.value(whole, "type")->offset);
  return {};
}

inline presence::User user(Reading& reading, const Json& whole) {
  presence::User user;
  user.id = reading.id(whole);
  user.online = reading.truth(whole, "online").value_or(false);
  user.status = reading.status(whole, true).value_or("");
  if (user.online) user.availability = reading.side_availability(whole);
  user.last_active = reading.side_instant(whole, "last_active");
  const Json* const invisible = reading.side_value(whole, "invisible", Kind::boolean);
  user.invisible = invisible != nullptr && invisible->truth;
  if (user.online) user.activity = side_activity(reading, whole);
  user.data = side_data(reading, whole);
  return user;
}

// ---- channels ---------------------------------------------------------------------------------------------------

inline std::optional<std::string> member(Reading& reading, const Json& json) {
  if (json.kind == Kind::string) return json.is_broken ? std::nullopt : std::optional<std::string>(json.text);
  if (json.kind != Kind::object) {
    reading.odd.push_back(Mistake{ErrorCode::wrong_type, json.offset});
    return std::nullopt;
  }
  const Json* user_id = reading.side_value(json, "user_id", Kind::string);
  const Json* const user = reading.side_value(json, "user", Kind::object);
  const Json* id = user != nullptr ? reading.side_value(*user, "id", Kind::string) : nullptr;
  if (user_id != nullptr && user_id->is_broken) user_id = nullptr;
  if (id != nullptr && id->is_broken) id = nullptr;
  if (user_id != nullptr && id != nullptr && user_id->text != id->text) {
    reading.odd.push_back(Mistake{ErrorCode::out_of_range, id->offset});
    return std::nullopt;
  }
  if (user_id == nullptr) user_id = id;
  if (user_id != nullptr) return user_id->text;
  reading.odd.push_back(Mistake{ErrorCode::missing_key, json.offset});
  return std::nullopt;
}

/// What names a channel.
struct Name {
  std::optional<std::string> text;
  std::optional<Mistake> mistake;
  std::size_t offset = 0;
};
inline Name name(const Reading& reading, const Json& object, const std::string& key) {
  Name name;
  Reading apart = reading;
  apart.mistake.reset();
  const Json* const found = apart.value(object, key, Kind::string);
  if (found != nullptr) name.offset = found->offset;
  if (found != nullptr && apart.not_replaced(*found)) name.text = found->text;
  name.mistake = apart.mistake;
  return name;
}

inline presence::Channel channel(Reading& reading, const Json& whole) {
  presence::Channel channel;
  Reading apart = reading;
  const auto is_absent = [&](const std::string& key) { return times(whole, key) == 0 || apart.is_null(whole, key); };
  const bool is_state = apart.value(whole, "channel", Kind::object) != nullptr && is_absent("cid") &&
                        (is_absent("type") || is_absent("id"));
  const Json& object = is_state ? *apart.value(whole, "channel") : whole;

  const Name type = name(reading, object, "type"), id = name(reading, object, "id"), cid = name(reading, object, "cid");
  for (const Name* const needed : {&type, &id}) {
    if (needed->text || cid.text) continue;
    const Mistake missing = {ErrorCode::missing_key, object.offset};
    const Mistake mistake = needed->mistake ? *needed->mistake : cid.mistake ? *cid.mistake : missing;
    reading.wrong(mistake.code, mistake.offset);
  }
  if (reading.mistake) return channel;
  const std::string both = cid.text ? *cid.text : *type.text + ':' + *id.text;
  const std::size_t colon = both.find(':');
  channel.type = type.text ? *type.text : both.substr(0, colon);
  channel.id = id.text ? *id.text : colon != std::string::npos ? both.substr(colon + 1) : "";
  if (channel.type + ':' + channel.id != both) reading.wrong(ErrorCode::out_of_range, cid.offset);
  for (const Name* const odd : {&type, &id, &cid}) {
    if (odd->mistake) reading.odd.push_back(*odd->mistake);
  }

  // Members that are listed twice are odd, wherever they are asked for.
  if (times(object, "members") > 1) reading.side_value(object, "members", Kind::array);
  const Json* members = is_state ? reading.side_value(whole, "members", Kind::array) : nullptr;
  if (members == nullptr && times(object, "members") == 1) members = reading.side_value(object, "members", Kind::array);
  if (members != nullptr) {
    for (const Json& element : members->elements) {
      if (const std::optional<std::string> read = member(reading, element)) channel.members.push_back(*read);
    }
  }

  for (std::size_t i = 0; i < object.keys.size(); ++i) {
    const std::string& key = object.keys[i].text;
    if (key == "type" || key == "id" || key == "cid" || key == "members") continue;
    if (times(object, key) > 1) {
      std::size_t before = 0;
      for (std::size_t j = 0; j < i; ++j) before += object.keys[j].text == key ? 1u : 0u;
      if (before == 1) reading.odd.push_back(Mistake{ErrorCode::duplicate_key, object.keys[i].offset});
      continue;
    }
    const auto read = [&] {
      const presence::Value value = custom(reading, object.elements[i], true);
      return reading.mistake ? std::optional<presence::Value>() : value;
    };
    const std::optional<presence::Value> value = reading.side(read);
    if (value) channel.custom[key] = *value;
  }
  return channel;
}

// ---- queries ----------------------------------------------------------------------------------------------------

struct Query {
  const Json* filter = nullptr;  // null pointer: everything matches
  std::vector<presence::SortKey> sort;
  std::size_t limit = static_cast<std::size_t>(-1), offset = 0;
  bool presence = false;
};

inline presence::Order direction(Reading& reading, const Json& json) {
  if (json.kind != Kind::number) reading.wrong(ErrorCode::wrong_type, json.offset);
  if (json.text != "1" && json.text != "-1") reading.wrong(ErrorCode::out_of_range, json.offset);
  return json.text == "1" ? presence::Order::ascending : presence::Order::descending;
}

inline void sort_key(Reading& reading, const Json& json, std::vector<presence::SortKey>& sort) {
  const auto add = [&](const Json& field, const Json& which) {
    if (field.text.empty()) reading.wrong(ErrorCode::bad_operand, field.offset);
    sort.push_back(presence::SortKey{field.text, direction(reading, which)});
  };
  if (json.kind != Kind::object) {
    reading.wrong(ErrorCode::wrong_type, json.offset);
  } else if (times(json, "field") + times(json, "direction") > 0) {
    const Json* const field = reading.value(json, "field", Kind::string);
    if (field == nullptr) reading.wrong(ErrorCode::missing_key, json.offset);
    const Json* const which = reading.value(json, "direction");
    if (which == nullptr) reading.wrong(ErrorCode::missing_key, json.offset);
    const bool nulls_last = reading.truth(json, "nulls_last").value_or(false);
    if (reading.mistake) return;
    add(*field, *which);
    if (!sort.empty()) sort.back().nulls_last = nulls_last;
  } else {
    for (std::size_t i = 0; i < json.keys.size(); ++i) add(json.keys[i], json.elements[i]);
    for (std::size_t i = 0; i < json.keys.size(); ++i) {
      for (std::size_t before = 0; before < i; ++before) {
        if (json.keys[before].text == json.keys[i].text) reading.wrong(ErrorCode::duplicate_key, json.keys[i].offset);
      }
    }
  }
}

inline void size(Reading& reading, const Json& whole, const std::string& key, std::size_t& size) {
  const Json* const found = reading.value(whole, key, Kind::number);
  if (found == nullptr) return;
  if (found->text.find_first_not_of("0123456789") != std::string::npos)
    return reading.wrong(ErrorCode::out_of_range, found->offset);
  errno = 0;
  const unsigned long long number = std::strtoull(found->text.c_str(), nullptr, 10);
  size = errno != 0 || number > static_cast<std::size_t>(-1) ? static_cast<std::size_t>(-1)
                                                             : static_cast<std::size_t>(number);
}

/// `filter_mistake` says what is wrong with a text that is a filter.
template <class FilterMistake>
Query query(Reading& reading, const Json& whole, const FilterMistake& filter_mistake) {
  Query query;
  Json names = whole;  // with one name for the filter
  for (Json& key : names.keys) {
    if (key.text == "filter") key.text = "filter_conditions";
  }
  if (const Json* const filter = reading.value(names, "filter_conditions", Kind::object)) {
    for (const Json& element : whole.elements) {
      if (element.offset == filter->offset) query.filter = &element;
    }
    const std::optional<Mistake> mistake = filter_mistake(*filter);
    if (mistake) reading.wrong(mistake->code, filter->offset + mistake->offset);
  }
  if (const Json* const sort = reading.value(whole, "sort")) {
    if (sort->kind == Kind::object) {
      sort_key(reading, *sort, query.sort);
    } else if (sort->kind == Kind::array) {
      for (const Json& key : sort->elements) sort_key(reading, key, query.sort);
    } else {
      reading.wrong(ErrorCode::wrong_type, sort->offset);
    }
  }
  size(reading, whole, "limit", query.limit);
  size(reading, whole, "offset", query.offset);
  query.presence = reading.truth(whole, "presence").value_or(false);
  return query;
}

// ---- what a text means ------------------------------------------------------------------------------------------

/// With what is odd, unless there is a mistake.
template <class T>
struct Meaning : Answer<T> {
  std::vector<Mistake> odd;
};

/// A mistake of the grammar goes before all others.
template <class T>
Meaning<T> meaning(const Text& text, const std::optional<Mistake>& mistake, T (*read)(Reading&, const Json&),
                   bool has_buffer = true) {
  Meaning<T> answer;
  answer.mistake = mistake;
  if (answer.mistake) return answer;
  Reading reading(text);
  reading.has_buffer = has_buffer;
  if (text.value.kind == Kind::object) {
    answer.value = read(reading, text.value);
  } else {
    reading.wrong(ErrorCode::wrong_type, text.value.offset);
  }
  answer.mistake = reading.mistake;
  answer.odd = reading.odd;
  return answer;
}
/// Only what is seen to be of a service has strings in which something is replaced.
inline Meaning<presence::PresenceEvent> event(const Text& text, bool has_buffer = true) {
  bool is_of_a_service = false;
  if (text.value.kind == Kind::object && times(text.value, "type") == 1) {
    for (std::size_t i = 0; i < text.value.keys.size(); ++i) {
      const Json& type = text.value.elements[i];
      if (text.value.keys[i].text == "type" && type.kind == Kind::string && type.end != 0 && !type.is_broken)
        is_of_a_service = type.text.find('.') != std::string::npos;
    }
  }
  return meaning<presence::PresenceEvent>(text, is_of_a_service ? text.mistake : text.strict_mistake(), event,
                                          has_buffer);
}
template <class T>
Meaning<std::vector<T>> list(const Text& text, const std::string& key, T (*read)(Reading&, const Json&)) {
  Meaning<std::vector<T>> answer;
  answer.mistake = text.mistake;
  if (answer.mistake) return answer;
  Reading reading(text);
  const Json* array = &text.value;
  if (text.value.kind == Kind::object) {
    array = reading.value(text.value, key, Kind::array);
    if (array == nullptr) reading.wrong(ErrorCode::missing_key, text.value.offset);
  } else if (text.value.kind != Kind::array) {
    reading.wrong(ErrorCode::wrong_type, text.value.offset);
  }
  for (std::size_t i = 0; !reading.mistake && i < array->elements.size(); ++i) {
    const Json& element = array->elements[i];
    if (element.kind != Kind::object) {
      reading.wrong(ErrorCode::wrong_type, element.offset);
    } else {
      answer.value.push_back(read(reading, element));
    }
  }
  answer.mistake = reading.mistake;
  answer.odd = reading.odd;
  return answer;
}
inline Meaning<std::vector<presence::User>> users(const Text& text) {
  return list<presence::User>(text, "users", user);
}
inline Meaning<std::vector<presence::Channel>> channels(const Text& text) {
  return list<presence::Channel>(text, "channels", channel);
}

inline Meaning<presence::Value> value(const Text& text) {
  Meaning<presence::Value> answer;
  answer.mistake = text.strict_mistake();
  if (answer.mistake) return answer;
  Reading reading(text);
  answer.value = custom(reading, text.value, false);
  answer.mistake = reading.mistake;
  return answer;
}

/// The filter is a part of the text.
template <class FilterMistake>
Answer<Query> query(const Text& text, const FilterMistake& filter_mistake) {
  Answer<Query> answer;
  answer.mistake = text.strict_mistake();
  if (answer.mistake) return answer;
  Reading reading(text);
  if (text.value.kind == Kind::object) {
    answer.value = query(reading, text.value, filter_mistake);
  } else {
    reading.wrong(ErrorCode::wrong_type, text.value.offset);
  }
  answer.mistake = reading.mistake;
  return answer;
}

inline Meaning<presence::User> user(const Text& text) { return meaning<presence::User>(text, text.mistake, user); }
inline Meaning<presence::Channel> channel(const Text& text) {
  return meaning<presence::Channel>(text, text.mistake, channel);
}

}  // namespace naive

#endif  // PRESENCE_TESTS_FUZZ_NAIVE_JSON_HPP
