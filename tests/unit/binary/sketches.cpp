// SPDX-License-Identifier: MIT
#include "../telling.hpp"

#include <presence/base/detail/memory.hpp>
#include <presence/base/detail/siphash.hpp>
#include <presence/binary/detail/bytes.hpp>
#include <presence/binary/detail/sketch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

using namespace support;

namespace {

using detail::Bits128;
using detail::Sketch;
using Keys = std::set<Bits128>;

Sketch sketch_of(const Keys& keys, std::size_t cells) {
  Sketch sketch(cells);
  for (const Bits128& key : keys) sketch.add(key);
  return sketch;
}

Keys random_keys(Chance& chance, std::size_t count) {
  Keys keys;
  while (keys.size() < count) keys.insert({chance.bits(), chance.bits()});
  return keys;
}

struct Apart {
  bool told = false;
  Keys ours, theirs;
  std::size_t listed = 0;  // duplicates counted
};

Apart told_apart(Sketch ours, const Sketch& theirs) {
  Apart apart;
  detail::Vector<Bits128> our_keys, their_keys;
  ours.subtract(theirs);
  apart.told = ours.tell_apart(our_keys, their_keys);
  apart.ours.insert(our_keys.begin(), our_keys.end());
  apart.theirs.insert(their_keys.begin(), their_keys.end());
  apart.listed = our_keys.size() + their_keys.size();
  return apart;
}

/// Sets that share `shared` keys, and have `ours` and `theirs` to themselves: whether they were told apart. Whatever is
/// told is right.
bool tells_apart(Chance& chance, std::size_t cells, std::size_t shared, std::size_t ours, std::size_t theirs) {
  const Keys our_keys = random_keys(chance, ours), their_keys = random_keys(chance, theirs);
  const Keys both = random_keys(chance, shared);
  Sketch a = sketch_of(our_keys, cells), b = sketch_of(their_keys, cells);
  for (const Bits128& key : both) {
    a.add(key);
    b.add(key);
  }
  const Apart apart = told_apart(a, b);
  CHECK(apart.listed <= cells);
  if (!apart.told) return false;
  CHECK(apart.listed == ours + theirs);
  CHECK(apart.ours == our_keys);
  CHECK(apart.theirs == their_keys);
  return true;
}

/// Of a hundred, on average over many more.
std::size_t often_told_apart(std::size_t cells, std::size_t shared, std::size_t ours, std::size_t theirs) {
  Chance chance(cells * 1000003 + shared * 1009 + ours * 17 + theirs);
  constexpr std::size_t tries = 1000;
  std::size_t told = 0;
  for (std::size_t i = 0; i < tries; ++i) told += tells_apart(chance, cells, shared, ours, theirs) ? 1u : 0u;
  return told * 100 / tries;
}

/// A cell as bytes: what was added up of keys and of their checks, and how many.
struct Cell {
  Bits128 keys;
  std::uint32_t checks = 0;
  std::uint8_t count = 0;
};

std::vector<Cell> cells_of(const Sketch& sketch) {
  std::vector<Cell> cells;
  for (std::size_t i = 0; i < sketch.size(); ++i) {
    detail::ByteWriter out;
    sketch.append_cell(out, i);
    REQUIRE(out.size() == Sketch::bytes_per_cell);
    detail::ByteReader in(out.view());
    Cell cell;
    cell.keys = detail::read_bits(in);
    cell.checks = in.word32();
    cell.count = in.byte();
    cells.push_back(cell);
  }
  return cells;
}

Sketch sketch_with(const std::vector<Cell>& cells) {
  Sketch sketch(0);
  for (const Cell& cell : cells) {
    detail::ByteWriter out;
    detail::append_bits(out, cell.keys);
    out.bytes(cell.checks, 4);
    out.byte(cell.count);
    detail::ByteReader in(out.view());
    sketch.append_cell_from(in);
  }
  return sketch;
}

bool is_empty(const Cell& cell) { return cell.keys == Bits128() && cell.checks == 0 && cell.count == 0; }

}  // namespace

TEST_CASE("sketches almost always list up to half as many differences as cells, on either side") {
  for (const std::size_t cells : {std::size_t{32}, std::size_t{128}, std::size_t{512}}) {
    CAPTURE(cells);
    CHECK(often_told_apart(cells, 1000, 0, 0) == 100);
    CHECK(often_told_apart(cells, 1000, 1, 0) == 100);
    CHECK(often_told_apart(cells, 1000, 0, 1) == 100);
    CHECK(often_told_apart(cells, 0, 2, 3) >= 99);
    CHECK(often_told_apart(cells, 1000, cells / 4, cells / 4) >= 94);
    CHECK(often_told_apart(cells, 100, cells / 2, 0) >= 94);
    CHECK(often_told_apart(cells, 100, 0, cells / 2) >= 94);
  }
}

TEST_CASE("sketches can list differences of up to three quarters of their cells, larger ones more reliably") {
  CHECK(often_told_apart(32, 100, 6, 6) >= 95);
  CHECK(often_told_apart(32, 100, 12, 12) >= 20);
  CHECK(often_told_apart(512, 100, 180, 180) >= 95);
  CHECK(often_told_apart(2048, 100, 768, 768) >= 75);
  Chance chance(9);
  for (int i = 0; i < 10; ++i) CHECK(tells_apart(chance, 32768, 100, 10000, 14000));
}

TEST_CASE("sketches report failure if there are too many differences, and never list a wrong key") {
  for (const std::size_t cells : {std::size_t{32}, std::size_t{128}}) {
    CAPTURE(cells);
    CHECK(often_told_apart(cells, 100, cells, cells) == 0);
    CHECK(often_told_apart(cells, 100, 0, cells + 1) == 0);
    CHECK(often_told_apart(cells, 100, 20 * cells, 3 * cells) == 0);
    CHECK(often_told_apart(cells, 0, 255 * cells / 4, cells / 4) == 0);  // counts go round
  }
}

TEST_CASE("few differences are listed however many keys are shared") {
  Chance chance(4);
  for (int i = 0; i < 3; ++i) CHECK(tells_apart(chance, 32, 100000, 4, 5));
}

TEST_CASE("a sketch does not depend on the order in which keys were added") {
  Chance chance(5);
  const Keys keys = random_keys(chance, 300);
  Sketch forwards(128), backwards(128);
  for (auto key = keys.begin(); key != keys.end(); ++key) forwards.add(*key);
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) backwards.add(*key);
  const Apart apart = told_apart(forwards, backwards);
  CHECK(apart.told);
  CHECK(apart.listed == 0);
}

TEST_CASE("each key is stored in exactly one cell of each quarter") {
  Chance chance(6);
  std::set<std::size_t> used;
  for (int i = 0; i < 500; ++i) {
    const Bits128 key{chance.bits(), chance.bits()};
    const std::vector<Cell> cells = cells_of(sketch_of({key}, 32));
    for (std::size_t quarter = 0; quarter < 4; ++quarter) {
      std::size_t full = 0;
      for (std::size_t cell = quarter * 8; cell < quarter * 8 + 8; ++cell) {
        if (is_empty(cells[cell])) continue;
        ++full;
        used.insert(cell);
        CHECK(cells[cell].keys == key);
        CHECK(cells[cell].count == 1);
      }
      CHECK(full == 1);
    }
  }
  CHECK(used.size() == 32);
}

TEST_CASE("valid numbers of cells are 32 times a power of four") {
  std::set<std::uint64_t> sizes;
  for (std::uint64_t cells = 32; cells <= std::uint64_t{1} << 61; cells *= 4) sizes.insert(cells);
  for (const std::uint64_t size : sizes) {
    CHECK(Sketch::is_size(size));
    CHECK_FALSE(Sketch::is_size(size - 1));
    CHECK_FALSE(Sketch::is_size(size + 1));
    CHECK_FALSE(Sketch::is_size(size * 2));
    CHECK_FALSE(Sketch::is_size(size / 2));
  }
  for (std::uint64_t cells = 0; cells <= 40000; ++cells) {
    if (Sketch::is_size(cells) != (sizes.count(cells) == 1)) FAIL_CHECK(cells);
  }
  CHECK_FALSE(Sketch::is_size(UINT64_MAX));
}

TEST_CASE("a sketch written and read cell by cell is equal") {
  Chance chance(7);
  const Keys ours = random_keys(chance, 400), theirs = random_keys(chance, 30);
  const Sketch sketch = sketch_of(ours, 512);
  const Apart same = told_apart(sketch_with(cells_of(sketch)), sketch);
  CHECK(same.told);
  CHECK(same.listed == 0);
  const Apart apart = told_apart(sketch_of(theirs, 512), sketch_with(cells_of(sketch_of({}, 512))));
  CHECK(apart.told);
  CHECK(apart.ours == theirs);
}

TEST_CASE("an incomplete cell is truncated and not added") {
  Sketch sketch(0);
  detail::ByteReader in(std::string_view("12345678901234567890"));
  sketch.append_cell_from(in);
  CHECK(in.error() == Error{ErrorCode::truncated, 20, ""});
  CHECK(sketch.size() == 0);
}

TEST_CASE("a key alone in a cell it does not belong to is detected") {
  Chance chance(8);
  for (int i = 0; i < 200; ++i) {
    const Bits128 key{chance.bits(), chance.bits()};
    std::vector<Cell> cells = cells_of(sketch_of({key}, 32));
    Cell alone;
    for (const Cell& cell : cells) {
      if (!is_empty(cell)) alone = cell;
    }
    // Everywhere, or in one more cell, or in none but a wrong one.
    std::vector<Cell> everywhere(32, alone), one_more = cells, wrong(32);
    for (std::size_t cell = chance.below(32);; cell = (cell + 1) % 32) {
      if (!is_empty(cells[cell])) continue;
      one_more[cell] = wrong[cell] = alone;
      break;
    }
    for (const std::vector<Cell>& hostile : {everywhere, one_more, wrong}) {
      const Apart apart = told_apart(Sketch(32), sketch_with(hostile));
      CHECK_FALSE(apart.told);
      CHECK(apart.listed <= 32);
    }
  }
}

TEST_CASE("decoding cells that are no valid sketch terminates and reports failure") {
  Chance chance(10);
  for (int i = 0; i < 2000; ++i) {
    std::vector<Cell> cells = cells_of(sketch_of(random_keys(chance, chance.below(40)), 32));
    switch (chance.below(3)) {
      case 0:  // noise
        for (Cell& cell : cells) {
          cell.keys = {chance.bits(), chance.bits()};
          cell.checks = static_cast<std::uint32_t>(chance.bits());
          cell.count = static_cast<std::uint8_t>(chance.below(4) == 0 ? chance.below(256) : chance.below(2) * 254 + 1);
        }
        break;
      case 1: {
        Bits128& keys = cells[chance.below(32)].keys;
        (chance.below(2) == 0 ? keys.low : keys.high) ^= std::uint64_t{1} << chance.below(64);
        break;
      }
      default: {  // cells that stand in other places
        const std::vector<Cell> before = cells;
        for (std::size_t k = 0; k < 32; ++k) cells[k] = before[(k + 8) % 32];
        if (std::all_of(before.begin(), before.end(), is_empty)) cells[0].count = 1;
        break;
      }
    }
    const Apart apart = told_apart(Sketch(32), sketch_with(cells));
    CHECK_FALSE(apart.told);
    CHECK(apart.listed <= 32);
  }
}
