// SPDX-License-Identifier: MIT

// A plugin that is handed snapshots, and hands some out. All but its three functions is hidden.
#include <presence/presence.hpp>

#include <string>
#include <utility>

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED void plugin_fold(void* snapshot, int users);
EXPORTED void* plugin_copy(const void* snapshot);
EXPORTED void plugin_destroy(void* snapshot);

EXPORTED void plugin_fold(void* snapshot, int users) {
  auto& s = *static_cast<presence::Snapshot*>(snapshot);
  for (int i = 0; i < users; ++i) {
    presence::PresenceEvent hello = presence::PresenceEvent::connect("known to the plugin, " + std::to_string(i),
                                                                     "phone", presence::Timestamp::from_ms(i));
    hello.status = "a text that does not fit inside of a string, of somebody the plugin knows";
    s = reduce(std::move(s), hello);
  }
}

EXPORTED void* plugin_copy(const void* snapshot) {
  return new presence::Snapshot(*static_cast<const presence::Snapshot*>(snapshot));
}

EXPORTED void plugin_destroy(void* snapshot) { delete static_cast<presence::Snapshot*>(snapshot); }
