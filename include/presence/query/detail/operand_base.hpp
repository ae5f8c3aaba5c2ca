// SPDX-License-Identifier: MIT
#ifndef PRESENCE_QUERY_DETAIL_OPERAND_BASE_HPP
#define PRESENCE_QUERY_DETAIL_OPERAND_BASE_HPP

#include <presence/model/value.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint8_t
#include <string>       // for string
#include <string_view>  // for string_view
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The operand of a test, prepared for comparison with many fields. Gives the same results as `holds`, but faster. Each
/// operand has one of the four classes below, so that it takes no more memory than it needs.
class Operand {
 public:
  enum class Form : std::uint8_t { scalar, moment, set, prefix };

  /// Returns an operand that owns its data. The caller must pass it to `drop`.
  static Operand* make(Operator op, const Value& value);
  static Operand* copy(const Operand& other);
  static void drop(Operand* operand) noexcept;

  /// @{
  /// Returns whether the test matches a field. A string or a vector of strings is faster than its ValueView.
  bool answer(const ValueView& field) const;
  bool answer(std::string_view field) const noexcept;
  bool answer(const std::vector<std::string>& field) const;
  bool answer(const std::vector<std::string_view>& field) const;
  /// @}

  // The position of the field's name in the names of the matcher, if the field is read by name.
  std::size_t field_at = 0, field_size = 0;

 protected:
  Operand(Operator op, Form form) noexcept
      : op_(op), form_(form), is_negative_(op == Operator::ne || op == Operator::nin) {}

  Operator op() const noexcept { return op_; }
  bool is_negative() const noexcept { return is_negative_; }

 private:
  /// Returns whether the positive form of the test matches a field that is no array, or an element.
  bool is_match(const ValueView& element) const noexcept;
  template <class Text>
  bool answer_texts(const std::vector<Text>& field) const;

  Operator op_;
  Form form_;
  bool is_negative_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_QUERY_DETAIL_OPERAND_BASE_HPP
