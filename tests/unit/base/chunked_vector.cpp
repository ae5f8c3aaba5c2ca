// SPDX-License-Identifier: MIT
#include "../support.hpp"

#include <presence/base/detail/chunked_vector.hpp>

#include <memory>

using namespace support;
using Numbers = detail::ChunkedVector<std::unique_ptr<int>>;

TEST_CASE("elements keep their address and order when more are added") {
  Numbers numbers;
  std::vector<std::unique_ptr<int>*> places;
  for (int i = 0; i < 1000; ++i) places.push_back(&numbers.add(std::make_unique<int>(i)));
  REQUIRE(numbers.size() == 1000);
  for (std::size_t i = 0; i < 1000; ++i) {
    REQUIRE(&numbers[i] == places[i]);
    REQUIRE(*numbers[i] == static_cast<int>(i));
  }
}

TEST_CASE("a move transfers all elements, and a cleared vector can be filled again") {
  Numbers numbers;
  for (int i = 0; i < 100; ++i) numbers.add(std::make_unique<int>(i));
  Numbers taken(std::move(numbers));
  CHECK(taken.size() == 100);
  CHECK(*taken[99] == 99);
  Numbers other;
  other.add(std::make_unique<int>(7));
  other = std::move(taken);
  CHECK(other.size() == 100);
  CHECK(*other[64] == 64);
  other.clear();
  CHECK(other.size() == 0);
  for (int i = 0; i < 65; ++i) other.add(std::make_unique<int>(-i));
  CHECK(*other[64] == -64);
}
