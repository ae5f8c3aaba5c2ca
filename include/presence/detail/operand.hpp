// SPDX-License-Identifier: MIT
#ifndef PRESENCE_DETAIL_OPERAND_HPP
#define PRESENCE_DETAIL_OPERAND_HPP

#include <presence/detail/algorithm.hpp>
#include <presence/detail/user_key.hpp>
#include <presence/detail/words.hpp>
#include <presence/value.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint8_t, uint32_t, uint64_t
#include <string>       // for string
#include <string_view>  // for string_view
#include <type_traits>  // for is_convertible
#include <utility>      // for move
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {

namespace detail {

/// One value against one: whether a field with no array in it equals an operand that is none.
inline bool same_scalar(const ValueView& field, const ValueView& operand) noexcept {
  return compare_scalars(field, operand) == Ordering::equal;
}

/// Whether the field, or where it is an array one of its elements, is the value.
inline bool is_or_has(const ValueView& field, const ValueView& operand) noexcept {
  if (field.kind() != ValueKind::array) return same_scalar(field, operand);
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (same_scalar(field[i], operand)) return true;
  }
  return false;
}

/// Whether each element of the one is an element of the other, and the other way round.
inline bool same_set(const ValueView& field, const ValueView& operand) noexcept {
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (!is_or_has(operand, field[i])) return false;
  }
  for (std::size_t i = 0; i < operand.size(); ++i) {
    if (!is_or_has(field, operand[i])) return false;
  }
  return true;
}

inline bool equals(const ValueView& field, const ValueView& operand) noexcept {
  if (operand.kind() == ValueKind::array) return field.kind() == ValueKind::array && same_set(field, operand);
  return is_or_has(field, operand);
}

inline bool is_in_range(Operator op, const ValueView& field, const ValueView& operand) noexcept {
  const Ordering order = compare_scalars(field, operand);
  switch (op) {
    case Operator::gt: return order == Ordering::greater;
    case Operator::gte: return order == Ordering::greater || order == Ordering::equal;
    case Operator::lt: return order == Ordering::less;
    default: return order == Ordering::less || order == Ordering::equal;
  }
}

/// Calls `holds` for a field that is no array, or for its elements until it does.
template <class Holds>
bool any_element(const ValueView& field, Holds holds) {
  if (field.kind() != ValueKind::array) return holds(field);
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (holds(field[i])) return true;
  }
  return false;
}

/// Whether the operand is one of those of `in`, each tried in turn.
inline bool is_any_of(const ValueView& field, const ValueView& operands) noexcept {
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (is_or_has(field, operands[i])) return true;
  }
  return false;
}

/// What a test of a valid filter says about a field.
inline bool holds(Operator op, const ValueView& field, const ValueView& operand) noexcept {
  switch (op) {
    case Operator::eq: return equals(field, operand);
    case Operator::ne: return !equals(field, operand);
    case Operator::gt:
    case Operator::gte:
    case Operator::lt:
    case Operator::lte:
      return any_element(field, [&](const ValueView& element) { return is_in_range(op, element, operand); });
    case Operator::in: return is_any_of(field, operand);
    case Operator::nin: return !is_any_of(field, operand);
    case Operator::contains: return field.kind() == ValueKind::array && is_or_has(field, operand);
    case Operator::exists: return !field.is_absent() == operand.truth();
    case Operator::autocomplete:
      return any_element(field, [&](const ValueView& element) {
        return element.kind() == ValueKind::text && has_word_with_prefix(element.text(), operand.text());
      });
    default: return false;
  }
}

/// Texts, to be found among many: a few are compared one by one, more by their hashes. Who chooses texts whose hashes
/// collide gets a set that is searched by halves.
class TextSet {
 public:
  TextSet() noexcept = default;
  explicit TextSet(std::vector<std::string> texts) : texts_(std::move(texts)) {
    detail::sort(texts_, [](const std::string& a, const std::string& b) { return a < b; });
    std::size_t kept = 0;
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      if (kept > 0 && texts_[kept - 1] == texts_[i]) continue;
      if (kept != i) texts_[kept] = std::move(texts_[i]);
      ++kept;
    }
    texts_.resize(kept);
    if (kept <= few) return;
    std::size_t places = 4 * few;
    while (places < 2 * kept) places *= 2;
    places_.resize(places);
    for (std::uint32_t i = 0; i < kept; ++i) {
      if (!put(i)) {
        places_.clear();
        return;
      }
    }
  }

  bool contains(std::string_view text) const noexcept {
    if (!places_.empty()) return is_placed(text);
    if (texts_.size() > few) {
      const auto place =
          detail::partition_point(texts_.begin(), texts_.end(), [text](const std::string& one) { return one < text; });
      return place != texts_.end() && *place == text;
    }
    // Ids that are not the same mostly differ in their last character.
    for (const std::string& one : texts_) {
      if (one.size() == text.size() && (text.empty() || (one.back() == text.back() && one == text))) return true;
    }
    return false;
  }

 private:
  static constexpr std::size_t few = 4;
  static constexpr std::size_t most_probes = 128;  // chance alone needs more once in a billion sets
  struct Place {
    std::uint32_t mark = 0;
    std::uint32_t text = 0;  // one more than its index; zero: empty
  };

  bool put(std::uint32_t i) noexcept {
    const std::uint64_t hash = hash_of(Sought(texts_[i]), 0);
    const std::size_t last = places_.size() - 1;
    std::size_t at = static_cast<std::uint32_t>(hash) & last;
    for (std::size_t probes = 0; probes < most_probes; ++probes, at = (at + 1) & last) {
      if (places_[at].text != 0) continue;
      places_[at] = Place{static_cast<std::uint32_t>(hash >> 32), i + 1};
      return true;
    }
    return false;
  }
  bool is_placed(std::string_view text) const noexcept {
    const std::uint64_t hash = hash_of(Sought(text), 0);
    const auto mark = static_cast<std::uint32_t>(hash >> 32);
    const std::size_t last = places_.size() - 1;
    for (std::size_t at = static_cast<std::uint32_t>(hash) & last; places_[at].text != 0; at = (at + 1) & last) {
      if (places_[at].mark == mark && texts_[places_[at].text - 1] == text) return true;
    }
    return false;
  }

  std::vector<std::string> texts_;  // ascending, each once
  std::vector<Place> places_;       // a power of two of them, at most half of them taken; or none
};

/// The operand of a test, made ready to be compared with many fields. Says what `holds` says, only faster: what is
/// compared for equality is looked up, not tried in turn.
class Operand {
 public:
  Operand() noexcept = default;
  Operand(Operator op, const Value& value) : op_(op), value_(value) {
    std::vector<std::string> texts;
    if (op == Operator::in || op == Operator::nin) {
      for (const Value& element : value.elements()) add(element, texts);
    } else if (op == Operator::eq || op == Operator::ne || op == Operator::contains) {
      is_array_ = value.kind() == ValueKind::array;
      if (!is_array_) add(value, texts);
    }
    texts_ = TextSet(std::move(texts));
    detail::sort(numbers_, is_before);
    detail::sort(instants_, is_before);
    detail::sort(parsed_, is_before);
  }

  /// Of a ValueView; a text, or a vector of texts, may be given as what it is, which is faster.
  template <class Field>
  bool answer(const Field& field) const noexcept {
    switch (op_) {
      case Operator::eq:
      case Operator::in: return is_member(field);
      case Operator::ne:
      case Operator::nin: return !is_member(field);
      case Operator::contains: return ValueView(field).kind() == ValueKind::array && is_member(field);
      default: return holds(op_, ValueView(field), value_.view());
    }
  }

 private:
  static bool is_before(const Value& a, const Value& b) noexcept {
    return compare_scalars(a.view(), b.view()) == Ordering::less;
  }

  void add(const Value& value, std::vector<std::string>& texts) {
    const ValueView view = value.view();
    switch (view.kind()) {
      case ValueKind::text:
        texts.emplace_back(view.text());
        if (const Result<Timestamp> at = parse_timestamp(view.text())) parsed_.emplace_back(*at);
        break;
      case ValueKind::integer:
      case ValueKind::real: numbers_.push_back(value); break;
      case ValueKind::instant: instants_.push_back(value); break;
      case ValueKind::boolean: (view.truth() ? has_true_ : has_false_) = true; break;
      default: has_null_ = true; break;
    }
  }

  static bool is_among(const std::vector<Value>& ascending, const ValueView& sought) noexcept {
    const auto place = detail::partition_point(ascending.begin(), ascending.end(), [&](const Value& value) {
      return compare_scalars(value.view(), sought) == Ordering::less;
    });
    return place != ascending.end() && same_scalar(place->view(), sought);
  }

  bool is_member(std::string_view text) const noexcept {
    if (texts_.contains(text)) return true;
    if (instants_.empty()) return false;
    const Result<Timestamp> at = parse_timestamp(text);
    return at && is_among(instants_, ValueView(*at));
  }

  bool has_scalar(const ValueView& field) const noexcept {
    switch (field.kind()) {
      case ValueKind::text: return is_member(field.text());
      case ValueKind::integer:
      case ValueKind::real: return is_among(numbers_, field);
      case ValueKind::instant: return is_among(instants_, field) || is_among(parsed_, field);
      case ValueKind::boolean: return field.truth() ? has_true_ : has_false_;
      case ValueKind::absent:
      case ValueKind::null: return has_null_;
      default: return false;
    }
  }

  bool is_member(const ValueView& field) const noexcept {
    if (is_array_) return equals(field, value_.view());
    return any_element(field, [this](const ValueView& element) { return has_scalar(element); });
  }
  template <class Text>
  bool is_member(const std::vector<Text>& texts) const noexcept {
    if (is_array_) return is_member(ValueView(texts));
    for (const std::string_view text : texts) {
      if (is_member(text)) return true;
    }
    return false;
  }

  Operator op_ = Operator::everything;
  bool is_array_ = false, has_null_ = false, has_true_ = false, has_false_ = false;
  Value value_;
  TextSet texts_;
  std::vector<Value> numbers_, instants_, parsed_;  // ascending; parsed are texts that are instants
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_DETAIL_OPERAND_HPP
