// SPDX-License-Identifier: MIT
#include <presence/presence.hpp>

#include <cstdio>
#include <utility>

int main() {
  using namespace presence;
  const Timestamp now = Timestamp::from_ms(1546867062375);
  Snapshot s = reduce(Snapshot(), PresenceEvent::connect("john", "phone", now));
  s = reduce(std::move(s), now);
  std::puts(to_json(*s.find("john")).c_str());
  return 0;
}
