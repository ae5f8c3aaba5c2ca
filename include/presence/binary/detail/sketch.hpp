// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BINARY_DETAIL_SKETCH_HPP
#define PRESENCE_BINARY_DETAIL_SKETCH_HPP

#include <presence/base/detail/memory.hpp>
#include <presence/base/detail/siphash.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/binary/detail/bytes.hpp>

#include <cstddef>  // for size_t
#include <cstdint>  // for uint8_t, uint32_t, uint64_t

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

inline void append_bits(ByteWriter& out, const Bits128& bits) {
  out.word64(bits.low);
  out.word64(bits.high);
}
inline Bits128 read_bits(ByteReader& in) noexcept {
  Bits128 bits;
  bits.low = in.word64();
  bits.high = in.word64();
  return bits;
}

/// A set sketch: an invertible Bloom lookup table (Goodrich, Mitzenmacher 2011; used for set differences by Eppstein,
/// Goodrich, Uyeda, Varghese 2011). The difference of two sets can be decoded, with few exceptions, if it has at most
/// half as many keys as there are cells. The size of the sets does not matter.
///
/// Each key is added to one cell of each quarter. A cell stores the sum of its keys, so subtracting another sketch
/// leaves only the difference. A cell with a single key is read, and that key is removed from its other cells.
class Sketch {
 public:
  static constexpr std::size_t least = 32, growth = 4, bytes_per_cell = 21;

  static bool is_size(std::uint64_t cells) noexcept {
    while (cells > least && cells % growth == 0) cells /= growth;
    return cells == least;
  }
  explicit Sketch(std::size_t cells) : cells_(cells) {}

  std::size_t size() const noexcept { return cells_.size(); }

  void add(const Bits128& key) noexcept { count(key, 1); }
  void subtract(const Sketch& other) noexcept {
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      combine(cells_[i].keys, other.cells_[i].keys);
      cells_[i].checks ^= other.cells_[i].checks;
      cells_[i].count = static_cast<std::uint8_t>(cells_[i].count - other.cells_[i].count);
    }
  }

  /// Decodes the difference after `subtract`: the keys that were only in this sketch, and those only in the other.
  /// Returns false if there are too many, or if the other cells were not a valid sketch.
  bool tell_apart(Vector<Bits128>& ours, Vector<Bits128>& theirs) {
    Vector<std::uint32_t> alone;
    const auto note = [&](std::size_t cell) {
      if (holds_one_key(cells_[cell])) alone.push_back(static_cast<std::uint32_t>(cell));
    };
    for (std::size_t i = 0; i < cells_.size(); ++i) note(i);
    while (!alone.empty()) {
      const Cell cell = cells_[alone.back()];
      alone.pop_back();
      if (!holds_one_key(cell)) continue;
      if (ours.size() + theirs.size() == cells_.size()) return false;
      (cell.count == 1 ? ours : theirs).push_back(cell.keys);
      count(cell.keys, static_cast<std::uint8_t>(0u - cell.count));
      for (unsigned quarter = 0; quarter < quarters; ++quarter) note(place_of(cell.keys, quarter));
    }
    for (const Cell& cell : cells_) {
      if (cell.keys != Bits128() || cell.checks != 0 || cell.count != 0) return false;
    }
    return true;
  }

  void append_cell(ByteWriter& out, std::size_t cell) const {
    append_bits(out, cells_[cell].keys);
    out.bytes(cells_[cell].checks, 4);
    out.byte(cells_[cell].count);
  }
  void append_cell_from(ByteReader& in) {
    Cell cell;
    cell.keys = read_bits(in);
    cell.checks = in.word32();
    cell.count = in.byte();
    if (in.ok()) cells_.push_back(cell);
  }

 private:
  static constexpr unsigned quarters = 4;
  struct Cell {
    Bits128 keys;              // xor of all keys in the cell
    std::uint32_t checks = 0;  // xor of their checks
    std::uint8_t count = 0;    // ours minus theirs, modulo 256
  };

  static void combine(Bits128& keys, const Bits128& with) noexcept {
    keys.low ^= with.low;
    keys.high ^= with.high;
  }
  static std::uint64_t word_of(const Bits128& key, std::uint64_t salt) noexcept {
    return mix(mix(key.low + salt) ^ key.high);
  }
  static std::uint32_t check_of(const Bits128& key) noexcept {
    return static_cast<std::uint32_t>(word_of(key, 0xC2B2AE3D27D4EB4Fu) >> 32);
  }
  static bool holds_one_key(const Cell& cell) noexcept {
    return (cell.count == 1 || cell.count == 0xFF) && cell.checks == check_of(cell.keys);
  }
  std::size_t place_of(const Bits128& key, unsigned quarter) const noexcept {
    const std::uint64_t cells = cells_.size() / quarters;
    const std::uint64_t hash = word_of(key, (quarter + 1) * 0x9E3779B97F4A7C15u) >> 32;
    return narrowed<std::size_t>(quarter * cells + (hash * cells >> 32));
  }
  void count(const Bits128& key, std::uint8_t by) noexcept {
    for (unsigned quarter = 0; quarter < quarters; ++quarter) {
      Cell& cell = cells_[place_of(key, quarter)];
      combine(cell.keys, key);
      cell.checks ^= check_of(key);
      cell.count = static_cast<std::uint8_t>(cell.count + by);
    }
  }

  Vector<Cell> cells_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BINARY_DETAIL_SKETCH_HPP
