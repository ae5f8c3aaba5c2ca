// SPDX-License-Identifier: MIT

// What the three files of a program make together.
#include <presence/presence.hpp>

#include <cstddef>
#include <string>
#include <string_view>

std::string server(int guests);
std::size_t client(std::string_view bytes);
std::string tool(const presence::User& user);

int main() {
  presence::User john;
  john.id = "john";
  if (client(server(300)) != 300) return 1;
  return tool(john).find("john") == std::string::npos ? 2 : 0;
}
