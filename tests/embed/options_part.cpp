// SPDX-License-Identifier: MIT

// Compiled twice, with an allocator and without, for one program: options_main.cpp.
#include <cstddef>
#include <cstdlib>

#if defined(WITH_ALLOCATOR)
extern long blocks_of_host;
void* allocate_counted(std::size_t bytes);
void free_counted(void* block);
#define PRESENCE_ALLOC(bytes, alignment) allocate_counted(bytes)
#define PRESENCE_FREE(block, bytes, alignment) free_counted(block)
#endif

#include <presence/presence.hpp>

#include <string>
#include <utility>

#if defined(WITH_ALLOCATOR)
long blocks_of_host = 0;
void* allocate_counted(std::size_t bytes) {
  ++blocks_of_host;
  return std::malloc(bytes);
}
void free_counted(void* block) {
  --blocks_of_host;
  std::free(block);
}
#endif

namespace PART {

// These would be of two bodies themselves if they could be called by one name.
void* make(int users);
std::size_t fold(void* snapshot);
void destroy(void* snapshot);

void* make(int users) {
  auto* const s = new presence::Snapshot;
  for (int i = 0; i < users; ++i) {
    *s = reduce(std::move(*s), presence::PresenceEvent::connect("a name of some length, " + std::to_string(i), "phone",
                                                                presence::Timestamp::from_ms(i)));
  }
  return s;
}

std::size_t fold(void* snapshot) {
  auto& s = *static_cast<presence::Snapshot*>(snapshot);
  const presence::Snapshot before = s;
  s = reduce(std::move(s), presence::PresenceEvent::connect("john", "phone", presence::Timestamp::from_ms(5000)));
  return s == before ? 0 : s.online_count();
}

void destroy(void* snapshot) { delete static_cast<presence::Snapshot*>(snapshot); }

}  // namespace PART
