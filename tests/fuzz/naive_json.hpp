// SPDX-License-Identifier: MIT
// RFC 8259, RFC 3629 and RFC 3339 and what events, users and channels mean in them, written once more from the RFCs and
// the documentation, as simply as possible: for comparison with what the library says. Shares nothing with it but the
// plain types that hold the results.
#ifndef PRESENCE_TESTS_FUZZ_NAIVE_JSON_HPP
#define PRESENCE_TESTS_FUZZ_NAIVE_JSON_HPP

#include <presence/channel.hpp>
#include <presence/event.hpp>
#include <presence/result.hpp>
#include <presence/time.hpp>
#include <presence/user.hpp>
#include <presence/value.hpp>

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
  bool truth = false;
  bool has_escapes = false;
  std::string text;            // of a string, what it says; of a number, as it is written
  std::vector<Json> keys;      // of an object, strings, as many as elements
  std::vector<Json> elements;  // of an array or object
};

/// What is wrong is so at the first byte that fits nothing, or at the size of a text that ends too early. But a bad
/// escape, which is judged when all its characters were read, and bad UTF-8 are so at their first byte.
class JsonText : Bytes {
 public:
  using Bytes::Bytes;

  Answer<Json> read() {
    Answer<Json> answer;
    any(answer.value, 1);
    space();
    if (!at_end()) wrong(ErrorCode::trailing_bytes, at_);
    answer.mistake = mistake_;
    return answer;
  }

 private:
  void space() {
    while (is(' ') || is('\t') || is('\n') || is('\r')) ++at_;
  }

  bool any(Json& value, int level) {
    space();
    value.offset = at_;
    if (is('"')) return string(value);
    if (is('-') || is_digit()) return number(value);
    if (is('[') || is('{')) {
      if (level > 64) return wrong(ErrorCode::too_deep, at_);
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
      value.keys.emplace_back();
      value.elements.emplace_back();
      value.keys.back().offset = at_;
      if (!is('"')) return wrong();
      if (!string(value.keys.back())) return false;
      space();
      if (!next(':')) return wrong();
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
        value.has_escapes = true;
        if (!escape(value.text)) return false;
        continue;
      }
      const std::size_t length = character_length(text_, at_);
      if (length == 0) {
        if (begins_character(text_.substr(at_))) return wrong(ErrorCode::truncated, text_.size());
        return wrong(ErrorCode::bad_utf8, at_);
      }
      value.text += text_.substr(at_, length);
      at_ += length;
    }
    return true;
  }

  bool escape(std::string& text) {
    const std::size_t start = at_;
    next('\\');
    if (at_end()) return wrong();
    const std::string letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    const std::size_t letter = letters.find(text_[at_]);
    if (letter != std::string::npos) {
      text += meanings[letter];
      ++at_;
      return true;
    }
    unsigned long code = 0, second = 0;
    if (!in_escape(next('u'), start) || !hexadecimal(code, start)) return false;
    if (code >= 0xDC00 && code <= 0xDFFF) return wrong(ErrorCode::bad_escape, start);
    if (code >= 0xD800 && code <= 0xDBFF) {
      if (!in_escape(next('\\'), start) || !in_escape(next('u'), start) || !hexadecimal(second, start)) return false;
      if (second < 0xDC00 || second > 0xDFFF) return wrong(ErrorCode::bad_escape, start);
      code = 0x10000 + (code - 0xD800) * 0x400 + (second - 0xDC00);
    }
    text += utf8(code);
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
};

inline Answer<Json> json(const std::string& text) { return JsonText(text).read(); }

// ---- instants ---------------------------------------------------------------------------------------------------

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
    // The seconds and nanoseconds of -2^63 and of 2^63 - 1, which are no instants themselves.
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

/// Asks objects for their keys. Of the mistakes the first is kept.
class Reading {
 public:
  std::optional<Mistake> mistake;

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

  std::optional<presence::Timestamp> instant(const Json& object, const std::string& key) {
    const Json* const found = value(object, key);
    if (found == nullptr) return std::nullopt;
    if (found->kind == Kind::number) {
      errno = 0;
      const long long number = std::strtoll(found->text.c_str(), nullptr, 10);
      if (errno == 0 && found->text.find_first_of(".eE") == std::string::npos)
        return presence::Timestamp::from_ns(number);
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
      wrong(ErrorCode::syntax, found->offset + (found->has_escapes ? 0 : 1 + answer.mistake->offset));
    }
    return std::nullopt;
  }

  std::optional<std::string> status(const Json& user) {
    if (value(user, "status") != nullptr) return text(user, "status");
    const Json* const custom = value(user, "custom");
    return custom != nullptr ? text(*custom, "status") : std::nullopt;
  }

  /// What was found under the key, which the object must have.
  template <class T>
  T needed(const std::optional<T>& found, const Json& object, const std::string& key) {
    if (found) return *found;
    const Json* const in_its_place = value(object, key);
    wrong(ErrorCode::missing_key, in_its_place != nullptr ? in_its_place->offset : object.offset);
    return T();
  }
};

inline std::optional<presence::EventType> line_type(const std::string& name) {
  using presence::EventType;
  if (name == "connect") return EventType::connect;
  if (name == "disconnect") return EventType::disconnect;
  if (name == "heartbeat") return EventType::heartbeat;
  if (name == "status") return EventType::set_status;
  if (name == "report") return EventType::report;
  return std::nullopt;
}

inline presence::PresenceEvent line(Reading& reading, const Json& whole, presence::EventType type) {
  using presence::EventType;
  presence::PresenceEvent event;
  event.type = type;
  event.user = reading.needed(reading.text(whole, "user"), whole, "user");
  const std::optional<std::string> session = reading.text(whole, "session");
  if (type == EventType::connect || type == EventType::disconnect || type == EventType::heartbeat)
    reading.needed(session, whole, "session");
  event.session = session.value_or("");
  const std::optional<bool> online = reading.truth(whole, "online");
  if (type == EventType::report) reading.needed(online, whole, "online");
  event.online = online.value_or(false);
  event.at = reading.needed(reading.instant(whole, "at"), whole, "at");
  event.invisible = reading.truth(whole, "invisible");
  event.status = reading.text(whole, "status");
  if (type == EventType::set_status) reading.needed(event.status, whole, "status");
  event.last_active = reading.instant(whole, "last_active");
  return event;
}

inline presence::PresenceEvent payload(Reading& reading, const Json& whole, const std::string& whose) {
  presence::PresenceEvent event;
  event.type = presence::EventType::report;
  const Json* const user = reading.value(whole, whose, Kind::object);
  if (user == nullptr) {
    reading.wrong(ErrorCode::missing_key, whole.offset);
    return event;
  }
  event.user = reading.needed(reading.text(*user, "id"), *user, "id");
  event.online = reading.needed(reading.truth(*user, "online"), *user, "online");
  event.at = reading.needed(reading.instant(whole, "created_at"), whole, "created_at");
  event.status = reading.status(*user);
  event.last_active = reading.instant(*user, "last_active");
  return event;
}

inline presence::PresenceEvent event(Reading& reading, const Json& whole) {
  const std::string type = reading.needed(reading.text(whole, "type"), whole, "type");
  if (reading.mistake) return {};
  if (line_type(type)) return line(reading, whole, *line_type(type));
  if (type == "user.presence.changed" || type == "user.updated") return payload(reading, whole, "user");
  if (type == "health.check" && reading.value(whole, "me") != nullptr) return payload(reading, whole, "me");
  const bool is_of_a_service = type.find('.') != std::string::npos;
  reading.wrong(is_of_a_service ? ErrorCode::not_presence : ErrorCode::unknown_type,
                reading.value(whole, "type")->offset);
  return {};
}

inline presence::User user(Reading& reading, const Json& whole) {
  presence::User user;
  user.id = reading.needed(reading.text(whole, "id"), whole, "id");
  user.online = reading.truth(whole, "online").value_or(false);
  user.status = reading.status(whole).value_or("");
  user.last_active = reading.instant(whole, "last_active");
  user.invisible = reading.truth(whole, "invisible").value_or(false);
  return user;
}

// ---- channels ---------------------------------------------------------------------------------------------------

inline bool is_nested(const Json& value) { return value.kind == Kind::array || value.kind == Kind::object; }

inline presence::Value scalar(Reading& reading, const Json& json) {
  using presence::Value;
  if (json.kind == Kind::boolean) return Value(json.truth);
  if (json.kind == Kind::string) return Value(json.text);
  if (json.kind == Kind::null) return Value();
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

/// Absent: no Value holds it.
inline std::optional<presence::Value> custom(Reading& reading, const Json& json) {
  if (json.kind == Kind::object) return std::nullopt;
  if (json.kind != Kind::array) return scalar(reading, json);
  std::vector<presence::Value> elements;
  for (const Json& element : json.elements) {
    if (is_nested(element)) return std::nullopt;
    elements.push_back(scalar(reading, element));
  }
  return presence::Value::array(elements);
}

inline void member(Reading& reading, const Json& json, std::vector<std::string>& members) {
  if (json.kind == Kind::string) {
    members.push_back(json.text);
  } else if (json.kind == Kind::object) {
    const std::optional<std::string> user_id = reading.text(json, "user_id");
    const Json* const user = reading.value(json, "user", Kind::object);
    const std::optional<std::string> id = user != nullptr ? reading.text(*user, "id") : std::nullopt;
    if (user_id && id && *user_id != *id) reading.wrong(ErrorCode::out_of_range, reading.value(*user, "id")->offset);
    if (!user_id && !id) reading.wrong(ErrorCode::missing_key, json.offset);
    members.push_back(user_id ? *user_id : id.value_or(""));
  } else {
    reading.wrong(ErrorCode::wrong_type, json.offset);
  }
}

/// What is wrong with a value is found where it stands, and what is wrong with the whole at its end.
inline presence::Channel channel(Reading& reading, const Json& whole) {
  presence::Channel channel;
  std::optional<std::string> type, id, cid;
  std::size_t cid_offset = 0;
  for (std::size_t i = 0; i < whole.keys.size(); ++i) {
    const std::string& key = whole.keys[i].text;
    const Json& value = whole.elements[i];
    if (key == "type" || key == "id" || key == "cid") {
      if (key == "cid") cid_offset = value.offset;
      if (value.kind == Kind::null) continue;
      if (value.kind != Kind::string) reading.wrong(ErrorCode::wrong_type, value.offset);
      (key == "type" ? type : key == "id" ? id : cid) = value.text;
    } else if (key == "members") {
      if (value.kind != Kind::null && value.kind != Kind::array) reading.wrong(ErrorCode::wrong_type, value.offset);
      if (value.kind != Kind::array) continue;
      for (const Json& element : value.elements) member(reading, element, channel.members);
    } else if (const std::optional<presence::Value> field = custom(reading, value)) {
      channel.custom[key] = *field;
    }
  }
  for (std::size_t second = 0; second < whole.keys.size(); ++second) {
    for (std::size_t first = 0; first < second; ++first) {
      if (whole.keys[first].text == whole.keys[second].text)
        reading.wrong(ErrorCode::duplicate_key, whole.keys[second].offset);
    }
  }
  if ((!type || !id) && !cid) reading.wrong(ErrorCode::missing_key, whole.offset);
  if (!cid) cid = type.value_or("") + ':' + id.value_or("");
  const std::size_t colon = cid->find(':');
  channel.type = type ? *type : cid->substr(0, colon);
  channel.id = id ? *id : colon != std::string::npos ? cid->substr(colon + 1) : "";
  if (channel.type + ':' + channel.id != *cid) reading.wrong(ErrorCode::out_of_range, cid_offset);
  return channel;
}

/// A mistake of the grammar goes before all others.
template <class T>
Answer<T> meaning(const Answer<Json>& text, T (*read)(Reading&, const Json&)) {
  Answer<T> answer;
  answer.mistake = text.mistake;
  if (answer.mistake) return answer;
  Reading reading;
  if (text.value.kind == Kind::object) {
    answer.value = read(reading, text.value);
  } else {
    reading.wrong(ErrorCode::wrong_type, text.value.offset);
  }
  answer.mistake = reading.mistake;
  return answer;
}
inline Answer<presence::PresenceEvent> event(const Answer<Json>& text) {
  return meaning<presence::PresenceEvent>(text, event);
}
inline Answer<presence::User> user(const Answer<Json>& text) { return meaning<presence::User>(text, user); }
/// But of a channel they come in the order of the text.
inline Answer<presence::Channel> channel(const Answer<Json>& text) { return meaning<presence::Channel>(text, channel); }

}  // namespace naive

#endif  // PRESENCE_TESTS_FUZZ_NAIVE_JSON_HPP
