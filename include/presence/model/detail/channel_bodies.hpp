// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_DETAIL_CHANNEL_BODIES_HPP
#define PRESENCE_MODEL_DETAIL_CHANNEL_BODIES_HPP

#include <presence/model/attributes.hpp>
#include <presence/model/channel.hpp>
#include <presence/model/fields.hpp>
#include <presence/model/value.hpp>

#include <cstddef>      // for size_t
#include <string>       // for string
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {

PRESENCE_DETAIL_BODY std::string Channel::cid() const { return type + ':' + id; }
PRESENCE_DETAIL_BODY bool Channel::are_equal(const Channel& a, const Channel& b) noexcept {
  return a.type == b.type && a.id == b.id && a.members == b.members && a.custom == b.custom;
}

PRESENCE_DETAIL_BODY ValueView Fields<Channel>::other(const Channel& channel, std::string_view name) noexcept {
  if (const Value* const whole = channel.custom.find(name)) return ValueView(*whole);
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return ValueView();
  const std::string_view outer = name.substr(0, dot);
  if (detail::index_of_field(list, outer) != list.size) return ValueView();
  return detail::find_inside(channel.custom.find(outer), name.substr(dot + 1));
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_MODEL_DETAIL_CHANNEL_BODIES_HPP
