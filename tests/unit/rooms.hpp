// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TESTS_UNIT_ROOMS_HPP
#define PRESENCE_TESTS_UNIT_ROOMS_HPP

// Channels with members, and viewers who watch somebody.

#include "telling.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace support {

using Ids = std::vector<std::string>;

inline Channel room(std::string type, std::string id, Ids members) {
  Channel channel;
  channel.type = std::move(type);
  channel.id = std::move(id);
  channel.members = std::move(members);
  return channel;
}
inline Channel room(std::string id, Ids members) { return room("messaging", std::move(id), std::move(members)); }

inline void watch_user(Store& store, Viewer viewer, std::string_view user) {
  UserQuery asked;
  asked.filter = eq("id", user);
  asked.presence = true;
  store.query_users(asked, viewer);
}

}  // namespace support

#endif  // PRESENCE_TESTS_UNIT_ROOMS_HPP
