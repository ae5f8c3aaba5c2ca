// SPDX-License-Identifier: MIT
#include "../support.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

using namespace support;

namespace {

/// The ids of a page, found by sorting everybody.
std::string expected_page(const Snapshot& s, const UserQuery& asked, bool online_only, Viewer viewer) {
  std::vector<User> all;
  for (const UserView user : s) {
    if (user.id != viewer.id()) all.push_back(static_cast<User>(user));
  }
  if (const auto self = s.find(viewer.id(), viewer)) all.push_back(*self);
  if (online_only) all.erase(std::remove_if(all.begin(), all.end(), [](const User& u) { return !u.online; }), all.end());
  std::sort(all.begin(), all.end(), [](const User& a, const User& b) {
    if (a.last_active.has_value() != b.last_active.has_value()) return a.last_active.has_value();
    return a.last_active == b.last_active ? a.id < b.id : *a.last_active > *b.last_active;
  });
  std::string ids;
  for (std::size_t i = asked.offset; i < all.size() && i < asked.offset + asked.limit; ++i) ids += all[i].id + " ";
  return ids;
}

}  // namespace

TEST_CASE("a page of the users who were active last is that of all users sorted") {
  const std::uint64_t seed = 30;
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t n) { return static_cast<double>(random() % n); };
  std::size_t full_pages = 0;
  for (int history = 0; history < 40; ++history) {
    Rules rules;
    rules.last_active_refresh = history % 2 == 0 ? Duration() : seconds(60);
    if (history % 5 == 1) rules.idle_after = seconds(40);
    if (history % 5 == 2) rules.forget_after = seconds(300);
    if (history % 5 == 3) rules.offline_grace = seconds(10);
    const auto users = static_cast<int>(100 + below(300));
    Snapshot s(rules);
    double now = 0;
    for (int step = 0; step < 3 * users; ++step) {
      const std::string user = "user" + std::to_string(static_cast<int>(below(static_cast<std::uint64_t>(users))));
      switch (static_cast<int>(below(9))) {
        case 0: apply(s, disconnect(user, "phone", at(now))); break;
        case 1: apply(s, says(user, "hello", at(now))); break;
        case 2: apply(s, invisibly(user, "phone", at(now))); break;
        case 3: apply(s, report(user, below(2) == 0, at(now))); break;
        case 4: apply(s, at(now += 0.25)); break;
        default: apply(s, connect(user, "phone", at(now)));
      }
    }
    for (int page = 0; page < 12; ++page) {
      UserQuery asked;
      const bool online_only = page % 3 != 0;
      if (online_only) asked.filter = eq("online", true);
      asked.sort = {{"last_active", Order::descending}};
      asked.offset = static_cast<std::size_t>(below(4)) * 10;
      asked.limit = 1 + static_cast<std::size_t>(below(30));
      const std::string self = "user" + std::to_string(page);
      const Viewer viewer = page % 4 == 0 ? Viewer(self) : nobody;
      std::string ids;
      std::size_t count = 0;
      query(s, asked, viewer, [&](const UserView& user) {
        ids.append(user.id).append(" ");
        ++count;
      });
      CHECK(ids == expected_page(s, asked, online_only, viewer));
      full_pages += count == asked.limit ? 1u : 0u;
    }
  }
  CHECK(full_pages > 200);
}
