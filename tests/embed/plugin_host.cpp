// SPDX-License-Identifier: MIT

// The host of a plugin: what is begun on one side is gone on with, compared, and destroyed on the other.
// usage: plugin_host FILE
#include <presence/presence.hpp>

#include <dlfcn.h>

#include <string>
#include <utility>

namespace {

presence::Snapshot known_to_the_host(int users) {
  presence::Rules rules;
  rules.offline_grace = presence::Duration::from_s(3);
  presence::Snapshot s(rules);
  for (int i = 0; i < users; ++i) {
    s = reduce(std::move(s), presence::PresenceEvent::connect("known to the host, " + std::to_string(i), "phone",
                                                              presence::Timestamp::from_ms(i)));
  }
  return s;
}

template <class Function>
Function* function_of(void* library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 1;
  void* const library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return 2;
  auto* const fold = function_of<void(void*, int)>(library, "plugin_fold");
  auto* const copy = function_of<void*(const void*)>(library, "plugin_copy");
  auto* const destroy = function_of<void(void*)>(library, "plugin_destroy");
  if (fold == nullptr || copy == nullptr || destroy == nullptr) return 3;

  presence::Snapshot s = known_to_the_host(200);
  const presence::Snapshot before = s;
  fold(&s, 200);  // shared with `before`
  fold(&s, 300);  // its own now, and folded in place
  if (before.size() != 200 || s.size() != 500) return 4;

  auto* const theirs = static_cast<presence::Snapshot*>(copy(&s));
  if (*theirs != s || theirs->digest() != s.digest()) return 5;
  s = reduce(std::move(s), presence::Timestamp::from_ms(100000));
  if (theirs->online_count() != 500 || s.online_count() != 0) return 6;
  // The last owner of what the plugin made is the host, and the other way round.
  delete theirs;
  auto* const ours = new presence::Snapshot(s);
  s = presence::Snapshot();
  destroy(ours);
  // Made of nothing, on the other side.
  presence::Snapshot empty;
  fold(&empty, 50);
  if (empty.size() != 50) return 7;
  auto* const left = static_cast<presence::Snapshot*>(copy(&empty));

  // What is left of a plugin that is gone is used as before.
  if (dlclose(library) != 0) return 8;
  *left = reduce(std::move(*left), presence::PresenceEvent::set_status("known to the plugin, 7", "alone",
                                                                       presence::Timestamp::from_ms(60)));
  const bool is_right = left->view("known to the plugin, 7")->status == "alone" && left->rules() == presence::Rules();
  delete left;
  return is_right && empty.size() == 50 ? 0 : 9;
}
