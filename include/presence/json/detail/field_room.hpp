// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_DETAIL_FIELD_ROOM_HPP
#define PRESENCE_JSON_DETAIL_FIELD_ROOM_HPP

#include <presence/model/attributes.hpp>
#include <presence/model/value.hpp>

#include <string>  // for string

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// What is read of an event or a user and cannot be borrowed from the text.
struct JsonFieldRoom {
  Attributes activity, data;
  Value value;
  std::string scratch;  // decoded strings, while a value is read
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_DETAIL_FIELD_ROOM_HPP
