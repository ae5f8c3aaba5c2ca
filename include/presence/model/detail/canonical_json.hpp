// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_DETAIL_CANONICAL_JSON_HPP
#define PRESENCE_MODEL_DETAIL_CANONICAL_JSON_HPP

#include <presence/base/detail/decimal.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/base/time.hpp>
#include <presence/model/attributes.hpp>
#include <presence/model/value.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, uint64_t
#include <cstring>      // for memcpy
#include <string_view>  // for string_view

/// The values that are stored for users: those that JSON has. Their canonical JSON text decides ties.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Appends the canonical JSON of a value: without spaces, members by name, the shortest numbers, only the required
/// escapes. Two values with the same text are the same value, if their strings are UTF-8. The depth of the recursion is
/// at most that of a value.
class CanonicalJson {
 public:
  explicit CanonicalJson(const ValueView& value) { add(value); }
  std::string_view text() const noexcept { return {text_.data(), text_.size()}; }

 private:
  void add(std::string_view raw) { text_.insert(text_.end(), raw.begin(), raw.end()); }
  void add_string(std::string_view string) {
    text_.push_back('"');
    for (const char c : string) {
      const auto code = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        text_.push_back('\\');
        text_.push_back(c);
      } else if (code >= 0x20) {
        text_.push_back(c);
      } else {
        add_control(code);
      }
    }
    text_.push_back('"');
  }
  void add_control(unsigned code) {
    const char* const short_names = "btn_fr";
    if (code >= 8 && code <= 13 && code != 11) {
      text_.push_back('\\');
      text_.push_back(short_names[code - 8]);
    } else {
      add(std::string_view(code < 16 ? "\\u000" : "\\u001"));
      text_.push_back("0123456789abcdef"[code & 15]);
    }
  }
  void add_integer(std::int64_t number) {
    char digits[20];
    std::size_t count = 0;
    auto left = static_cast<std::uint64_t>(number);
    if (number < 0) {
      left = 0 - left;
      text_.push_back('-');
    }
    do {
      digits[count++] = static_cast<char>('0' + left % 10);
      left /= 10;
    } while (left != 0);
    while (count != 0) text_.push_back(digits[--count]);
  }
  void add(const ValueView& value) {
    switch (value.kind()) {
      case ValueKind::boolean: add(std::string_view(value.truth() ? "true" : "false")); break;
      case ValueKind::integer: add_integer(value.integer()); break;
      case ValueKind::real: {
        char digits[longest_double];
        add(std::string_view(digits, write_double(value.real(), digits)));
        break;
      }
      case ValueKind::string: add_string(value.text()); break;
      case ValueKind::array:
        for (std::size_t i = 0; i < value.size(); ++i) {
          text_.push_back(i == 0 ? '[' : ',');
          add(value[i]);
        }
        add(std::string_view(value.size() == 0 ? "[]" : "]"));
        break;
      case ValueKind::object: {
        bool is_first = true;
        for (const ValueMember& member : value.members()) {
          text_.push_back(is_first ? '{' : ',');
          is_first = false;
          add_string(member.name());
          text_.push_back(':');
          add(member.value().view());
        }
        add(std::string_view(is_first ? "{}" : "}"));
        break;
      }
      default: add(std::string_view("null")); break;
    }
  }

  Vector<char> text_;
};

inline std::uint64_t bits_of(double number) noexcept {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &number, sizeof bits);
  return bits;
}
inline double number_of(std::uint64_t bits) noexcept {
  double number = 0;
  std::memcpy(&number, &bits, sizeof number);
  return number;
}

/// Returns whether JSON has such a value, with at most so many levels of arrays and objects: no number that is not
/// finite, and nothing invalid.
inline bool is_json(const ValueView& value, unsigned levels) noexcept {
  switch (value.kind()) {
    case ValueKind::invalid:
    case ValueKind::absent: return false;
    case ValueKind::real: return (bits_of(value.real()) >> 52 & 0x7FF) != 0x7FF;
    case ValueKind::array:
      if (levels == 0) return false;
      for (std::size_t i = 0; i < value.size(); ++i) {
        if (!is_json(value[i], levels - 1)) return false;
      }
      return true;
    case ValueKind::object:
      if (levels == 0) return false;
      for (const ValueMember& member : value.members()) {
        if (!is_json(member.value().view(), levels - 1)) return false;
      }
      return true;
    default: return true;
  }
}
inline bool is_json(const AttributesView& fields, unsigned levels) noexcept {
  for (const AttributesView::Entry entry : fields) {
    if (!is_json(entry.value, levels)) return false;
  }
  return true;
}

/// The size of a name with its quotes, the colon and the comma.
inline std::size_t json_bytes_of_name(std::string_view name) noexcept { return name.size() + 4; }
/// Returns the size that counts for the limits of a value: about that of its JSON.
inline std::size_t json_bytes(const ValueView& value) noexcept {
  switch (value.kind()) {
    case ValueKind::integer:
    case ValueKind::real: return 8;
    case ValueKind::string: return value.text().size() + 2;
    case ValueKind::timestamp: return longest_timestamp + 2;
    case ValueKind::array: {
      std::size_t sum = 2;
      for (std::size_t i = 0; i < value.size(); ++i) sum += json_bytes(value[i]) + 1;
      return sum;
    }
    case ValueKind::object: {
      std::size_t sum = 2;
      for (const ValueMember& member : value.members())
        sum += json_bytes_of_name(member.name()) + json_bytes(member.value().view());
      return sum;
    }
    default: return 5;
  }
}
inline std::size_t json_bytes(const AttributesView& fields) noexcept {
  std::size_t sum = 2;
  for (const AttributesView::Entry entry : fields) sum += json_bytes_of_name(entry.name) + json_bytes(entry.value);
  return sum;
}

/// Returns a copy of a value as JSON has it: a timestamp becomes its text.
inline Value as_json(const ValueView& value) {
  switch (value.kind()) {
    case ValueKind::timestamp: {
      char text[longest_timestamp];
      return Value(std::string_view(text, write_timestamp(value.instant(), text)));
    }
    case ValueKind::array: {
      ArrayMaker maker(value.size());
      for (std::size_t i = 0; i < value.size(); ++i) maker.add(as_json(value[i]));
      return maker.take();
    }
    case ValueKind::object: {
      ObjectMaker maker(value.members().size());
      for (const ValueMember& member : value.members()) maker.add(member.name(), as_json(member.value().view()));
      return maker.take();
    }
    default: return Value(value);
  }
}
/// The same for fields, as an object.
inline Value as_json(const AttributesView& fields) {
  ObjectMaker maker(fields.size());
  for (const AttributesView::Entry entry : fields) maker.add(entry.name, as_json(entry.value));
  return maker.take();
}

/// Returns whether both are the same JSON: their kinds and bytes are equal, and 1 is not 1.0. A timestamp is its text.
inline bool same_json(const ValueView& a, const ValueView& b) noexcept {
  if (a.kind() == ValueKind::timestamp && b.kind() == ValueKind::string) return same_json(b, a);
  if (a.kind() == ValueKind::string && b.kind() == ValueKind::timestamp) {
    char text[longest_timestamp];
    return a.text() == std::string_view(text, write_timestamp(b.instant(), text));
  }
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case ValueKind::array:
      if (a.size() != b.size()) return false;
      for (std::size_t i = 0; i < a.size(); ++i) {
        if (!same_json(a[i], b[i])) return false;
      }
      return true;
    case ValueKind::object: {
      const Elements<ValueMember> one = a.members(), other = b.members();
      if (one.size() != other.size()) return false;
      for (std::size_t i = 0; i < one.size(); ++i) {
        if (one[i].name() != other[i].name() || !same_json(one[i].value().view(), other[i].value().view()))
          return false;
      }
      return true;
    }
    case ValueKind::real: return bits_of(a.real()) == bits_of(b.real());
    default: return same_values(a, b);
  }
}

/// Returns whether both have the same fields, as JSON. Fields that are null count only if `has_nulls` is true.
inline bool same_json(const AttributesView& a, const AttributesView& b, bool has_nulls) noexcept {
  std::size_t i = 0, j = 0;
  while (true) {
    while (!has_nulls && i < a.size() && a[i].value.kind() == ValueKind::null) ++i;
    while (!has_nulls && j < b.size() && b[j].value.kind() == ValueKind::null) ++j;
    if (i == a.size() || j == b.size()) return i == a.size() && j == b.size();
    if (a[i].name != b[j].name || !same_json(a[i++].value, b[j++].value)) return false;
  }
}

/// Returns whether the JSON of `a` is less than that of `b`. For ties only: it writes both.
inline bool is_less_json(const ValueView& a, const ValueView& b) {
  const CanonicalJson one(a), other(b);
  return one.text() < other.text();
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_MODEL_DETAIL_CANONICAL_JSON_HPP
