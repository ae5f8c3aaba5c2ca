// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_DETAIL_VALUE_READER_HPP
#define PRESENCE_JSON_DETAIL_VALUE_READER_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/decimal.hpp>
#include <presence/base/result.hpp>
#include <presence/json/detail/places.hpp>
#include <presence/json/detail/reader.hpp>
#include <presence/model/value.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, uint8_t, uint32_t
#include <string_view>  // for string_view
#include <utility>      // for move
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Reads the next value, which must not be an array, and is not an object. Returns false after an error.
PRESENCE_DETAIL_APART inline bool read_scalar(JsonReader& in, Value& value) {
  JsonValue found;
  in.read(found);
  if (!in.ok()) return false;
  switch (found.kind) {
    case JsonKind::null: value = Value(); return true;
    case JsonKind::boolean: value = Value(found.truth); return true;
    case JsonKind::string: value = Value(found.text); return true;
    case JsonKind::number: {
      if (found.text.find_first_of(".eE") == std::string_view::npos) {
        std::int64_t integer = 0;
        if (!to_int64(found.text, integer))
          return in.fail(ErrorCode::out_of_range, found.offset, "the integer has more than 64 bits");
        value = Value(integer);
        return true;
      }
      double real = 0;
      if (!read_double(found.text, real))
        return in.fail(ErrorCode::out_of_range, found.offset, "the number exceeds the range of a double");
      value = Value(real);
      return true;
    }
    default: return in.fail(ErrorCode::wrong_type, found.offset, "an array is not allowed in an array");
  }
}

/// The keys of an object. Each key may occur only once.
class JsonKeys {
 public:
  /// Reserves memory for this number of keys, so that no more is allocated than needed.
  void reserve(std::size_t keys) { all_.reserve(keys); }
  void add(const JsonReader& in, std::string_view key) { all_.push_back(JsonPlace{key, in.key_offset()}); }
  bool empty() const noexcept { return all_.empty(); }

  /// Must be called at the end of the object. Fails at the first key that is repeated. Returns false after any error.
  bool are_unique(JsonReader& in) {
    sort_places(all_.data(), all_.size());
    const JsonPlace* repeated = nullptr;
    for (std::size_t i = 1; i < all_.size(); ++i) {
      if (all_[i].name == all_[i - 1].name && (repeated == nullptr || all_[i].offset < repeated->offset))
        repeated = &all_[i];
    }
    if (in.ok() && repeated != nullptr) in.fail(ErrorCode::duplicate_key, repeated->offset, is_repeated);
    return in.ok();
  }

  static constexpr const char* is_repeated = "this key stands in the object twice";

 private:
  std::vector<JsonPlace> all_;
};

/// The number of entries of each array and object of a filter or a value, counted in advance so that memory is
/// allocated once, in the right size. An array has elements; an object has members or, as a filter, the tests and
/// combinations of its keys. One pass over the text counts the arrays and objects, and one counts their entries. If the
/// text is not what it should be, or a key begins with an escape, the counts are not exact, but there is never more
/// than one for each two bytes.
class JsonCounts {
 public:
  enum class Text : std::uint8_t { filter, value };

  JsonCounts(std::string_view json, Text text) {
    std::size_t opened = 0;
    for (const char *p = json.data(), *const end = p + json.size(); p != end; ++p) {
      if (*p == '"') {
        p = end_of_string(p, end);
        if (p == end) break;
      } else if (*p == '{' || *p == '[') {
        ++opened;
      }
    }
    counts_.reserve(opened);
    count(json, text == Text::filter ? Role::filter : Role::operand);
  }

  /// Returns the count of the next array or object, in the order in which they open.
  std::size_t next() noexcept { return at_ < counts_.size() ? counts_[at_++] : 0; }

 private:
  static constexpr std::uint32_t most = 0xFFFFFFFF;
  /// What may come next in an array or object.
  enum class Next : std::uint8_t { key, colon, value, comma };
  /// What an array or object is: a filter, the filters that it combines, the operators of a field, or a part of a
  /// value.
  enum class Role : std::uint8_t { filter, parts, operators, operand };
  /// An array or object that is open.
  struct Open {
    std::size_t index;  // index of its count
    bool is_object;
    Next next;
    Role role;
    bool has_dollar;  // whether the last key begins with one
  };

  /// Returns the closing quote of the string, or the end.
  static const char* end_of_string(const char* p, const char* end) noexcept {
    for (++p; p != end && *p != '"'; ++p) {
      if (*p == '\\' && ++p == end) break;
    }
    return p;
  }
  void add(std::size_t index, std::uint32_t more) noexcept {
    counts_[index] = counts_[index] > most - more ? most : counts_[index] + more;
  }
  void begin_value(Open& open, const char* p, const char* end) noexcept {
    if (open.next == Next::key && *p == '"') {
      open.next = Next::colon;
      open.has_dollar = p + 1 != end && p[1] == '$';
    }
    if (open.next != Next::value) return;
    add(open.index, 1);
    open.next = Next::comma;
  }
  /// Returns the role of an array or object inside another.
  static Role role_in(const Open& open, char bracket) noexcept {
    if (open.role == Role::parts && bracket == '{') return Role::filter;
    if (open.role != Role::filter || (bracket == '{') == open.has_dollar) return Role::operand;
    return open.has_dollar ? Role::parts : Role::operators;
  }

  void count(std::string_view json, Role role) {
    Open opened[JsonReader::deepest_around_values + 1];
    std::size_t depth = 0;
    for (const char *p = json.data(), *const end = p + json.size(); p != end; ++p) {
      Open* const inner = depth > 0 ? &opened[depth - 1] : nullptr;
      switch (*p) {
        case ' ':
        case '\t':
        case '\n':
        case '\r': break;
        case '{':
        case '[':
          if (inner != nullptr) begin_value(*inner, p, end);
          if (inner != nullptr) role = role_in(*inner, *p);
          if (depth > JsonReader::deepest_around_values) return;
          opened[depth++] = Open{counts_.size(), *p == '{', *p == '{' ? Next::key : Next::value, role, false};
          counts_.push_back(0);
          break;
        case '}':
        case ']':
          if (inner == nullptr) return;
          // A field with several operators counts as that many tests.
          if (inner->role == Role::operators && counts_[inner->index] > 1)
            add(opened[depth - 2].index, counts_[inner->index] - 1);
          if (--depth == 0) return;
          break;
        case ',':
          if (inner == nullptr) return;
          inner->next = inner->is_object ? Next::key : Next::value;
          break;
        case ':':
          if (inner == nullptr) return;
          if (inner->next == Next::colon) inner->next = Next::value;
          break;
        default:
          if (inner == nullptr) return;
          begin_value(*inner, p, end);
          if (*p == '"') p = end_of_string(p, end);
          if (p == end) return;
          break;
      }
    }
  }

  std::vector<std::uint32_t> counts_;
  std::size_t at_ = 0;
};

/// Reads a value with its elements and members. Fails at the first value beyond a limit, and where the value has more
/// levels than a Value may have. Recurses as deep as the value nests.
class JsonValueReader {
 public:
  /// What happens to members with the same name: an error at the second one, or all of them are omitted.
  enum class Repeated : std::uint8_t { fails, is_omitted };

  /// `counts` are those of the text from the value on. `left` is decreased for each value that is read.
  JsonValueReader(JsonReader& in, JsonCounts& counts, std::size_t& left, Repeated repeated) noexcept
      : in_(in), counts_(counts), left_(left), repeated_(repeated) {}

  /// Returns false after an error.
  bool read(Value& value) { return read(value, 0, false); }

 private:
  /// `level` is the number of arrays and objects around the value.
  bool read(Value& value, unsigned level, bool is_element) {
    const JsonKind kind = in_.peek();
    if (left_ == 0) return in_.fail(ErrorCode::over_limit, in_.offset(), "the number of values exceeds the limit");
    --left_;
    const bool is_array = kind == JsonKind::array && !is_element;
    if (!is_array && kind != JsonKind::object) return read_scalar(in_, value);
    if (level == Value::deepest) return in_.fail(ErrorCode::too_deep, in_.offset(), "nested too deeply");
    return is_array ? read_array(value, level + 1) : read_object(value, level + 1);
  }

  bool read_array(Value& value, unsigned inside) {
    ArrayMaker elements(counts_.next());
    in_.open();
    while (in_.next_element()) {
      Value element;
      if (!read(element, inside, true)) return false;
      elements.add(std::move(element));
    }
    value = elements.take();
    return in_.ok();
  }

  bool read_object(Value& value, unsigned inside) {
    const std::size_t start = in_.offset();
    ObjectMaker members(counts_.next());
    std::string_view name;
    in_.open();
    while (in_.next_key(name)) {
      Value member;
      if (!read(member, inside, false)) return false;
      members.add(name, std::move(member));
    }
    if (!in_.ok()) return false;
    if (repeated_ == Repeated::is_omitted) {
      members.drop_repeated();
    } else if (members.has_repeated()) {
      members = ObjectMaker();  // frees its memory
      return fail_at_repeated(start);
    }
    value = members.take();
    return true;
  }

  /// Fails at the first key of an object that is repeated. There must be one.
  PRESENCE_DETAIL_RARE bool fail_at_repeated(std::size_t object) {
    std::size_t count = 0;
    std::string_view name;
    in_.seek(object);
    for (in_.open(); in_.next_key(name); in_.skip()) ++count;
    JsonKeys keys;
    keys.reserve(count);
    in_.seek(object);
    for (in_.open(); in_.next_key(name); in_.skip()) keys.add(in_, name);
    return keys.are_unique(in_);
  }

  JsonReader& in_;
  JsonCounts& counts_;
  std::size_t& left_;
  Repeated repeated_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_DETAIL_VALUE_READER_HPP
