// SPDX-License-Identifier: MIT
#include "../telling.hpp"

#include <presence/base/detail/sorted_chunks.hpp>

#include <set>

using namespace support;

namespace {

struct Pair {
  std::uint32_t key = 0, value = 0;
};
struct KeyOfPair {
  static std::uint32_t of(const Pair& pair) noexcept { return pair.key; }
};
using Chunks = detail::SortedChunks<Pair, KeyOfPair>;

void compare(const Chunks& chunks, const std::multiset<std::uint32_t>& model) {
  CHECK(chunks.is_sound());
  CHECK(chunks.size() == model.size());
  CHECK(chunks.empty() == model.empty());
  auto expected = model.begin();
  bool same = true;
  for (const Pair& pair : chunks)
    same = same && expected != model.end() && *expected++ == pair.key && pair.value == 3 * pair.key;
  CHECK(same);
  CHECK(expected == model.end());
  if (!model.empty()) CHECK(chunks.back().key == *model.rbegin());
}

}  // namespace

TEST_CASE("SortedChunks behaves like std::multiset under random insertions and erasures") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    Chunks chunks;
    std::multiset<std::uint32_t> model;
    const std::size_t keys = seed % 2 == 0 ? 40 : 5000;
    for (int step = 0; step < 12000; ++step) {
      const auto key = static_cast<std::uint32_t>(chance.below(keys));
      const bool grows = step / 2000 % 2 == 0;
      if (chance.below(4) == 0 ? grows : !grows) {
        const auto place = model.find(key);
        REQUIRE(chunks.erase(key) == (place != model.end()));
        if (place != model.end()) model.erase(place);
      } else {
        chunks.insert(Pair{key, 3 * key});
        model.insert(key);
      }
      if (step % 500 == 0) compare(chunks, model);
      if (step % 50 == 0) {
        const auto asked = static_cast<std::uint32_t>(chance.below(keys + 2));
        REQUIRE((chunks.find(asked) != nullptr) == (model.count(asked) != 0));
        std::size_t up_to = 0;
        for (const std::uint32_t k : model) up_to += k <= asked ? 1u : 0u;
        REQUIRE(chunks.count_up_to(asked) == up_to);
      }
    }
    const Chunks copy = chunks;
    compare(copy, model);
    Chunks other;
    other.swap(chunks);
    compare(chunks, {});
    compare(other, model);
    while (!model.empty()) {
      const std::uint32_t key = chance.below(2) == 0 ? *model.begin() : *model.rbegin();
      model.erase(model.find(key));
      REQUIRE(other.erase(key));
    }
    compare(other, model);
    CHECK(other.chunk_count() <= 2);
  }
}

TEST_CASE("elements inserted in ascending or descending order fill their chunks at least half") {
  for (const bool backwards : {false, true}) {
    Chunks chunks;
    std::multiset<std::uint32_t> model;
    for (std::uint32_t i = 0; i < 20000; ++i) {
      const std::uint32_t key = backwards ? 20000 - i : i;
      chunks.insert(Pair{key, 3 * key});
      model.insert(key);
    }
    compare(chunks, model);
    CHECK(chunks.chunk_count() <= 2 * 20000 / Chunks::room + 2);
  }
}

TEST_CASE("erasing frees chunks, even if a few elements remain everywhere") {
  Chunks chunks;
  for (std::uint32_t i = 0; i < 50000; ++i) chunks.insert(Pair{i, 3 * i});
  for (std::uint32_t i = 0; i < 50000; ++i) {
    if (i % 100 != 0) chunks.erase(i);
  }
  CHECK(chunks.is_sound());
  CHECK(chunks.size() == 500);
  CHECK(chunks.chunk_count() <= 8 * 500 / Chunks::room + 3);
  chunks.clear();
  CHECK(chunks.empty());
  CHECK_FALSE(chunks.begin() != chunks.end());
}
