// SPDX-License-Identifier: MIT
// What filters mean, written once more from the documentation, as simply as possible: for comparison with what the
// library says. Shares nothing with it but the names of the operators and the reading of RFC 3339.
#ifndef PRESENCE_TESTS_FUZZ_NAIVE_FILTER_HPP
#define PRESENCE_TESTS_FUZZ_NAIVE_FILTER_HPP

#include <presence/base/time.hpp>
#include <presence/model/value.hpp>
#include <presence/query/filter.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace naive {

using presence::Operator;

enum class Kind { null, boolean, integer, real, text, instant, array, object, unholdable };

struct Plain {
  Kind kind = Kind::null;
  std::int64_t number = 0;  // of a bool, an integer, a timestamp
  double real = 0;
  std::string text;
  std::vector<Plain> elements;     // of an object, the values of its members
  std::vector<std::string> names;  // of an object, as many as elements, ascending
};

inline Plain whole(Kind kind, std::int64_t number) {
  Plain plain;
  plain.kind = kind;
  plain.number = number;
  return plain;
}
inline Plain boolean(bool truth) { return whole(Kind::boolean, truth ? 1 : 0); }
inline Plain integer(std::int64_t number) { return whole(Kind::integer, number); }
inline Plain instant(std::int64_t ns) { return whole(Kind::instant, ns); }
inline Plain unholdable() { return whole(Kind::unholdable, 0); }
inline Plain real(double number) {
  Plain plain;
  plain.kind = Kind::real;
  plain.real = number;
  return plain;
}
inline Plain text(std::string_view text) {
  Plain plain;
  plain.kind = Kind::text;
  plain.text = std::string(text);
  return plain;
}
inline Plain array(std::vector<Plain> elements) {
  Plain plain;
  plain.kind = Kind::array;
  plain.elements = std::move(elements);
  return plain;
}

using Object = std::map<std::string, Plain>;  // what is not in it is absent

inline Plain object(const Object& members) {
  Plain plain;
  plain.kind = Kind::object;
  for (const auto& [name, value] : members) {
    plain.names.push_back(name);
    plain.elements.push_back(value);
  }
  return plain;
}
inline Object members(const Plain& plain) {
  Object members;
  for (std::size_t i = 0; i < plain.names.size(); ++i) members[plain.names[i]] = plain.elements[i];
  return members;
}

/// The field of a user that holds their activity, which no name names: it is asked for by what is behind the dot.
inline const std::string activity = "activity.";

/// What a name with dots names. The whole name goes first, then what is behind its first dot, in what is before it.
inline std::optional<Plain> find(const Object& object, const std::string& name) {
  if (object.count(activity) != 0 && name.compare(0, activity.size(), activity) == 0)
    return find(members(object.at(activity)), name.substr(activity.size()));
  const auto whole = object.find(name);
  if (whole != object.end()) return whole->second;
  const std::size_t dot = name.find('.');
  if (dot == std::string::npos) return std::nullopt;
  const auto outer = object.find(name.substr(0, dot));
  if (outer == object.end() || outer->second.kind != Kind::object) return std::nullopt;
  return find(members(outer->second), name.substr(dot + 1));
}

/// A filter, before it is one.
struct Question {
  Operator op = Operator::everything;
  std::string field;
  Plain operand;
  std::vector<Question> parts;
  bool by_signs = false;  // made with &&, || and !
};

inline bool is_combination(Operator op) {
  return op == Operator::all_of || op == Operator::any_of || op == Operator::none_of;
}

// ---- telling ----------------------------------------------------------------------------------------------------

inline std::string told(const Plain& value) {
  switch (value.kind) {
    case Kind::null: return "null";
    case Kind::boolean: return value.number != 0 ? "true" : "false";
    case Kind::integer: return std::to_string(value.number);
    case Kind::instant: return "instant " + std::to_string(value.number);
    case Kind::unholdable: return "unholdable";
    case Kind::real: {
      char digits[64];
      std::snprintf(digits, sizeof(digits), "real %.17g", value.real);
      return digits;
    }
    case Kind::text: {
      std::string quoted = "\"";
      for (const char c : value.text) {
        const auto byte = static_cast<unsigned char>(c);
        char escaped[8];
        std::snprintf(escaped, sizeof(escaped), "\\x%02x", static_cast<unsigned>(byte));
        quoted += byte < 0x20 || byte > 0x7E ? std::string(escaped) : std::string(1, c);
      }
      return quoted + "\"";
    }
    case Kind::array: {
      std::string list = "[";
      for (const Plain& element : value.elements) list += told(element) + ",";
      return list + "]";
    }
    case Kind::object: {
      std::string list = "{";
      for (std::size_t i = 0; i < value.names.size(); ++i) list += value.names[i] + ":" + told(value.elements[i]) + ",";
      return list + "}";
    }
  }
  return "?";
}

inline std::string told(const Object& object) {
  std::string list;
  for (const auto& [name, value] : object) list += "  " + told(text(name)) + ": " + told(value) + "\n";
  return list;
}

inline std::string told(const Question& question) {
  static constexpr std::array<const char*, 16> names = {"everything", "eq", "ne",  "gt",       "gte",    "lt",
                                                        "lte",        "in", "nin", "contains", "exists", "autocomplete",
                                                        "and",        "or", "nor", "invalid"};
  std::string list = names.at(static_cast<std::size_t>(question.op));
  if (question.by_signs) list += " by signs";
  if (!is_combination(question.op)) return list + " " + told(text(question.field)) + " " + told(question.operand);
  list += "(";
  for (const Question& part : question.parts) list += told(part) + "; ";
  return list + ")";
}

// ---- values -----------------------------------------------------------------------------------------------------

inline bool is_number(const Plain& value) { return value.kind == Kind::integer || value.kind == Kind::real; }

/// Below zero, zero or above: how the first stands to the second. Absent: in no way.
using Order = std::optional<int>;

template <class T>
Order order_of(const T& a, const T& b) {
  return a < b ? Order(-1) : b < a ? Order(1) : a == b ? Order(0) : Order();
}

/// Rounding keeps the order, so that it decides wherever it leaves a difference; and where it leaves none the double is
/// an integer, or two to the 63rd.
inline Order order_of_mixed(std::int64_t a, double b) {
  const Order rounded = order_of(static_cast<double>(a), b);
  if (rounded != 0) return rounded;
  return b == 9223372036854775808.0 ? Order(-1) : order_of(a, static_cast<std::int64_t>(b));
}

/// A point in time, if the value is one: whole seconds, and nanoseconds.
using Point = std::pair<std::int64_t, std::int64_t>;
inline std::optional<Point> point_of(const Plain& value) {
  const auto split = [](std::int64_t ns) {
    const bool is_cut_upwards = ns % 1000000000 < 0;
    return Point(ns / 1000000000 - (is_cut_upwards ? 1 : 0), ns % 1000000000 + (is_cut_upwards ? 1000000000 : 0));
  };
  if (value.kind == Kind::instant) return split(value.number);
  if (value.kind != Kind::text || value.text.size() < 20) return std::nullopt;
  int year = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    if (value.text[i] < '0' || value.text[i] > '9') return std::nullopt;
    year = year * 10 + (value.text[i] - '0');
  }
  // The calendar repeats every 400 years, so any year is read as one that a Timestamp holds.
  const int like = 1800 + (year + 200) % 400;
  const auto at = presence::parse_timestamp(std::to_string(like) + value.text.substr(4));
  if (!at) return std::nullopt;
  Point point = split(at->ns());
  point.first += (year - like) / 400 * std::int64_t{146097} * 86400;
  return point;
}

inline Order order(const Plain& a, const Plain& b);

/// As parts of objects.
inline bool are_same(const Plain& a, const Plain& b) {
  if (a.kind != Kind::array && a.kind != Kind::object) return order(a, b) == 0;
  if (a.kind != b.kind || a.names != b.names || a.elements.size() != b.elements.size()) return false;
  for (std::size_t i = 0; i < a.elements.size(); ++i) {
    if (!are_same(a.elements[i], b.elements[i])) return false;
  }
  return true;
}

inline Order order(const Plain& a, const Plain& b) {
  if (a.kind == Kind::object) return are_same(a, b) ? Order(0) : Order();
  if (a.kind == Kind::real && b.kind == Kind::real) return order_of(a.real, b.real);
  if (a.kind == Kind::integer && b.kind == Kind::real) return order_of_mixed(a.number, b.real);
  if (point_of(a) && point_of(b)) return order_of(*point_of(a), *point_of(b));
  if (a.kind == Kind::real && b.kind == Kind::integer) {
    const Order other = order(b, a);
    return other ? Order(-*other) : Order();
  }
  if (a.kind != b.kind || a.kind == Kind::unholdable || a.kind == Kind::array) return std::nullopt;
  return a.kind == Kind::text ? order_of(a.text, b.text) : order_of(a.number, b.number);  // null is null: both are zero
}

inline bool has(const std::vector<Plain>& elements, const Plain& value) {
  return std::any_of(elements.begin(), elements.end(), [&](const Plain& e) { return order(e, value) == 0; });
}
inline bool has_all(const std::vector<Plain>& elements, const std::vector<Plain>& values) {
  return std::all_of(values.begin(), values.end(), [&](const Plain& v) { return has(elements, v); });
}

// ---- words ------------------------------------------------------------------------------------------------------

/// The characters of the text, in lower case. Of the letters that are not ASCII only those that the objects here have.
inline std::vector<std::string> characters(const std::string& text) {
  static const std::map<std::string, std::string> lower = {{"É", "é"}, {"Ж", "ж"}, {"Σ", "σ"}, {"ς", "σ"},
                                                           {"Ÿ", "ÿ"}, {"Ł", "ł"}, {"Ā", "ā"}, {"Ё", "ё"}};
  std::vector<std::string> list;
  for (const char c : text) {
    const bool goes_on = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
    if (goes_on && !list.empty() && static_cast<unsigned char>(list.back()[0]) >= 0xC0) {
      list.back() += c;
    } else {
      list.emplace_back(1, c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    }
  }
  for (std::string& c : list) {
    const auto found = lower.find(c);
    if (found != lower.end()) c = found->second;
  }
  return list;
}

inline bool is_of_word(const std::string& c) {
  if (c == "—" || c == "·" || c == "×" || c == "\u3000") return false;
  return static_cast<unsigned char>(c[0]) >= 0x80 || (c[0] >= '0' && c[0] <= '9') || (c[0] >= 'a' && c[0] <= 'z');
}

/// From each place where a word begins, and from each sign.
inline bool completes(const std::string& text, const std::string& prefix) {
  const std::vector<std::string> in = characters(text), sought = characters(prefix);
  for (std::size_t i = 0; i + sought.size() <= in.size(); ++i) {
    if (i > 0 && is_of_word(in[i - 1]) && is_of_word(in[i])) continue;
    std::size_t same = 0;
    while (same < sought.size() && in[i + same] == sought[same]) ++same;
    if (same == sought.size()) return true;
  }
  return false;
}

// ---- filters ----------------------------------------------------------------------------------------------------

/// Arrays hold no arrays, and numbers are finite. Of objects as few levels are made here as a Value holds.
inline bool can_be_asked_for(const Plain& value) {
  return value.kind != Kind::unholdable && (value.kind != Kind::real || std::isfinite(value.real)) &&
         std::all_of(value.elements.begin(), value.elements.end(), [&](const Plain& e) {
           return (value.kind == Kind::object || e.kind != Kind::array) && can_be_asked_for(e);
         });
}

/// How many combinations stand in each other; a chain of && or of || is one.
inline unsigned depth_of(const Question& question) {
  if (!is_combination(question.op)) return 0;
  unsigned depth = 0;
  for (const Question& part : question.parts) {
    const bool is_chained = question.by_signs && question.op != Operator::none_of && part.op == question.op;
    depth = (std::max)(depth, depth_of(part) - (is_chained ? 1 : 0));
  }
  return depth + 1;
}

inline bool is_valid(const Question& question) {
  if (question.op == Operator::everything) return true;
  if (is_combination(question.op)) {
    return !question.parts.empty() && depth_of(question) <= 30 &&
           std::all_of(question.parts.begin(), question.parts.end(), is_valid);
  }
  const Plain& operand = question.operand;
  if (question.field.empty() || question.field[0] == '$' || !can_be_asked_for(operand)) return false;
  switch (question.op) {
    case Operator::eq:
    case Operator::ne: return true;
    case Operator::in:
    case Operator::nin: return operand.kind == Kind::array;
    case Operator::contains: return operand.kind != Kind::array;
    case Operator::exists: return operand.kind == Kind::boolean;
    case Operator::autocomplete: return operand.kind == Kind::text && !operand.text.empty();
    case Operator::gt:
    case Operator::gte:
    case Operator::lt:
    case Operator::lte: return is_number(operand) || operand.kind == Kind::text || operand.kind == Kind::instant;
    default: return false;
  }
}

inline bool equals(const Plain& field, const Plain& operand) {
  if (operand.kind == Kind::array) {
    return field.kind == Kind::array && has_all(field.elements, operand.elements) &&
           has_all(operand.elements, field.elements);
  }
  return field.kind == Kind::array ? has(field.elements, operand) : order(field, operand) == 0;
}

template <class Holds>
bool itself_or_an_element(const Plain& field, Holds holds) {
  return field.kind == Kind::array ? std::any_of(field.elements.begin(), field.elements.end(), holds) : holds(field);
}

/// Of a valid one.
inline bool holds(const Question& question, const Object& object) {
  const auto asked = [&](const Question& part) { return holds(part, object); };
  const std::optional<Plain> found = find(object, question.field);
  const Plain field = found.value_or(Plain());
  const Plain& operand = question.operand;
  const auto in_range = [&](int wanted, bool or_equal) {
    return itself_or_an_element(field, [&](const Plain& e) {
      const Order o = order(e, operand);
      return o == wanted || (or_equal && o == 0);
    });
  };
  const auto is_one = [&](const Plain& v) { return equals(field, v); };
  switch (question.op) {
    case Operator::everything: return true;
    case Operator::all_of: return std::all_of(question.parts.begin(), question.parts.end(), asked);
    case Operator::any_of: return std::any_of(question.parts.begin(), question.parts.end(), asked);
    case Operator::none_of: return std::none_of(question.parts.begin(), question.parts.end(), asked);
    case Operator::eq: return equals(field, operand);
    case Operator::ne: return !equals(field, operand);
    case Operator::in: return std::any_of(operand.elements.begin(), operand.elements.end(), is_one);
    case Operator::nin: return std::none_of(operand.elements.begin(), operand.elements.end(), is_one);
    case Operator::gt: return in_range(1, false);
    case Operator::gte: return in_range(1, true);
    case Operator::lt: return in_range(-1, false);
    case Operator::lte: return in_range(-1, true);
    case Operator::contains: return field.kind == Kind::array && has(field.elements, operand);
    case Operator::exists: return found.has_value() == (operand.number != 0);
    case Operator::autocomplete:
      return itself_or_an_element(
          field, [&](const Plain& e) { return e.kind == Kind::text && completes(e.text, operand.text); });
    default: return false;
  }
}

/// One that is built wrong holds for nothing.
inline bool answer(const Question& question, const Object& object) {
  return is_valid(question) && holds(question, object);
}

}  // namespace naive

#endif  // PRESENCE_TESTS_FUZZ_NAIVE_FILTER_HPP
