// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_DETAIL_FIELDS_BODIES_HPP
#define PRESENCE_MODEL_DETAIL_FIELDS_BODIES_HPP

#include <presence/model/attributes.hpp>
#include <presence/model/fields.hpp>
#include <presence/model/value.hpp>

#include <cstddef>      // for size_t
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {

namespace detail {

PRESENCE_DETAIL_BODY ValueView find_inside(const AttributesView& fields, std::string_view name) noexcept {
  ValueView found = fields.find(name);
  std::size_t dot = name.find('.');
  if (!found.is_absent() || dot == std::string_view::npos) return found;
  ValueView outer = fields.find(name.substr(0, dot));
  while (!outer.is_absent()) {
    name.remove_prefix(dot + 1);
    found = outer.find(name);
    dot = name.find('.');
    if (!found.is_absent() || dot == std::string_view::npos) return found;
    outer = outer.find(name.substr(0, dot));
  }
  return ValueView();
}

PRESENCE_DETAIL_BODY std::size_t index_of_name(const std::string_view* names, std::size_t size,
                                               std::string_view name) noexcept {
  std::size_t i = 0;
  while (i < size && names[i] != name) ++i;
  return i;
}

}  // namespace detail

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_MODEL_DETAIL_FIELDS_BODIES_HPP
