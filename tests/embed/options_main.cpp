// SPDX-License-Identifier: MIT

// Each half of the program must use its own library: memory of the host for one, for the other none of it.
#include <cstddef>

extern long blocks_of_host;

namespace plain {
void* make(int users);
std::size_t fold(void* snapshot);
void destroy(void* snapshot);
}  // namespace plain
namespace counted {
void* make(int users);
std::size_t fold(void* snapshot);
void destroy(void* snapshot);
}  // namespace counted

int main() {
  void* const without = plain::make(300);
  if (blocks_of_host != 0) return 1;
  void* const with = counted::make(300);
  const long blocks = blocks_of_host;
  if (blocks < 300) return 2;
  if (plain::fold(without) != 301 || blocks_of_host != blocks) return 3;
  if (counted::fold(with) != 301 || blocks_of_host <= blocks) return 4;
  plain::destroy(without);
  if (blocks_of_host <= blocks) return 5;
  counted::destroy(with);
  return blocks_of_host == 0 ? 0 : 6;
}
