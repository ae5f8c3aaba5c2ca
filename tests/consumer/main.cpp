#include <presence/presence.hpp>

int main() {
  presence::Snapshot s;
  return s.size() == 0 ? 0 : 1;
}
