// SPDX-License-Identifier: MIT
#include "../telling.hpp"

#include <presence/live/detail/viewer_map.hpp>

#include <map>
#include <set>

using namespace support;

namespace {

using detail::ViewerKey;
using Pair = std::pair<std::string, std::string>;

std::string key_of(const std::string& user, const std::string& session) {
  const ViewerKey key{Viewer(user, session)};
  return std::string(key.bytes());
}
/// Ids with every kind of byte.
std::string random_id(Chance& chance, std::size_t longest) {
  std::string id(chance.below(longest + 1), 'x');
  for (char& byte : id) byte = static_cast<char>(chance.below(3) == 0 ? 0 : chance.below(256));
  return id;
}

}  // namespace

TEST_CASE("different viewers have different keys, whatever bytes their ids contain") {
  const std::string nul(1, '\0'), eight(8, '\0');
  const std::vector<Pair> viewers = {{"", ""},
                                     {"a", ""},
                                     {"", "a"},
                                     {"a", "bc"},
                                     {"ab", "c"},
                                     {"abc", ""},
                                     {"", "abc"},
                                     {nul, ""},
                                     {"", nul},
                                     {nul, nul},
                                     {nul + nul, ""},
                                     {"", nul + nul},
                                     {"a" + nul, "b"},
                                     {"a", nul + "b"},
                                     {eight, ""},
                                     {"", eight},
                                     {eight + "\1", ""},
                                     {eight, "\1"},
                                     {"\1" + eight, eight}};
  std::set<std::string> keys;
  for (const auto& [user, session] : viewers) CHECK(keys.insert(key_of(user, session)).second);
  CHECK(key_of("a", "bc") == key_of(std::string("a"), std::string("bc")));
}

TEST_CASE("a key returns its viewer, for ids of any length and content") {
  Chance chance(1);
  for (const std::size_t user_size : {0u, 1u, 100u, 123u, 124u, 247u, 248u, 249u, 251u, 252u, 253u, 256u, 5000u}) {
    for (const std::size_t session_size : {0u, 1u, 100u, 124u, 125u, 148u, 248u, 255u, 256u, 257u, 70000u}) {
      CAPTURE(user_size);
      CAPTURE(session_size);
      std::string user(user_size, 'u'), session(session_size, 's');
      for (char& byte : user) byte = static_cast<char>(chance.below(256));
      for (char& byte : session) byte = static_cast<char>(chance.below(256));
      const std::string key = key_of(user, session);
      const Viewer viewer = ViewerKey::viewer_of(key);
      const bool is_same = viewer == Viewer(user, session);
      CHECK(is_same);
      CHECK(viewer.id().size() == user_size);
    }
  }
}

TEST_CASE("a ViewerMap agrees with a map from pairs of strings") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    detail::ViewerMap<int> viewers(chance.bits());
    std::map<Pair, int> model;
    std::vector<Pair> ids;
    for (int i = 0; i < 60; ++i) ids.emplace_back(random_id(chance, i % 10 == 0 ? 300 : 3), random_id(chance, 3));
    CHECK(viewers.find(nobody) == detail::ViewerMap<int>::none);
    for (int step = 1; step < 2000; ++step) {
      const Pair& id = ids[chance.below(ids.size())];
      const Viewer viewer(id.first, id.second);
      const std::uint32_t known = viewers.find(viewer);
      const bool is_known = known != detail::ViewerMap<int>::none;
      REQUIRE(is_known == (model.count(id) != 0));
      if (is_known && chance.below(2) == 0) {
        viewers.erase(known);
        CHECK_FALSE(viewers.has(known));
        model.erase(id);
      } else {
        const std::uint32_t number = viewers.add(viewer);
        CHECK((!is_known || number == known));
        viewers[number] = model[id] = step;
      }
      CHECK(viewers.size() == model.size());
      if (step % 100 != 0) continue;
      std::map<Pair, int> all;
      for (auto it = viewers.begin(); it != viewers.end(); ++it) {
        const Viewer each = viewers.viewer_of(it.number());
        CHECK(all.emplace(Pair(each.id(), each.session()), viewers[it.number()]).second);
      }
      const bool is_same = all == model;
      CHECK(is_same);
    }
    viewers.clear();
    CHECK(viewers.size() == 0);
    CHECK(viewers.find(Viewer(ids[0].first, ids[0].second)) == detail::ViewerMap<int>::none);
  }
}
