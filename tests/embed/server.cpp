// SPDX-License-Identifier: MIT

// One of three files of a program. They are compiled one by one, and all as one.
#include <presence/presence.hpp>

#include <string>
#include <utility>

namespace {

presence::Snapshot full_house(int guests) {
  presence::Snapshot s;
  for (int i = 0; i < guests; ++i) {
    s = reduce(std::move(s),
               presence::PresenceEvent::connect(std::to_string(i), "door", presence::Timestamp::from_ms(i)));
  }
  return s;
}

}  // namespace

std::string server(int guests);
std::string server(int guests) { return presence::encode(full_house(guests)); }
