// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_CHANNEL_HPP
#define PRESENCE_MODEL_CHANNEL_HPP

#include <presence/model/attributes.hpp>
#include <presence/model/fields.hpp>
#include <presence/model/value.hpp>

#include <string>       // for string
#include <string_view>  // for string_view
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {

/// A channel of a chat service: a group of members who see each other. A plain value. `type` and `id` together identify
/// a channel.
///
/// @code
/// Channel match{"match", "eu-17", {"john", "mary"}, {}};
/// match.custom["map"] = "harbour";
/// match.custom["slots"] = 4;
/// assert(match.cid() == "match:eu-17");  // the name that the functions of a Store use
/// assert(*match.custom.find("slots") == Value(4) && match.custom.find("mode") == nullptr);
/// assert(match.custom.begin()->name == "map");  // sorted by name
/// @endcode
struct Channel {
  std::string type;                  ///< a host-defined kind, such as "messaging"; without a colon
  std::string id;                    ///< unique among the channels of one type
  std::vector<std::string> members;  ///< ids of users
  Attributes custom;                 ///< filters ignore a custom `type`, `id`, `cid` or `members`

  /// Returns "type:id".
  std::string cid() const;

  /// Returns true if all fields are equal, with the members in the same order.
  friend bool operator==(const Channel& a, const Channel& b) noexcept { return are_equal(a, b); }
  friend bool operator!=(const Channel& a, const Channel& b) noexcept { return !(a == b); }

 private:
  static bool are_equal(const Channel& a, const Channel& b) noexcept;
};

/// The fields of a channel: `type`, `id`, `cid`, `members`, and all custom fields.
template <>
struct Fields<Channel> {
  /// The fields that every channel has.
  static constexpr auto list = fields(field("type", &Channel::type), field("id", &Channel::id),
                                      field("cid", &Channel::cid), field("members", &Channel::members));
  /// Returns the custom field of that name, or a member of an object: "location.city" is the `city` of the custom field
  /// `location`. A name with dots descends into objects at its dots, but at each level a field or member with the whole
  /// rest of the name takes precedence. Absent if there is none. Never descends into a custom field that is named as a
  /// field of every channel.
  static ValueView other(const Channel& channel, std::string_view name) noexcept;
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/model/detail/channel_bodies.hpp>
#endif

#endif  // PRESENCE_MODEL_CHANNEL_HPP
