// SPDX-License-Identifier: MIT

// The strings of values, of names and of filters, and the memory that they take. Defines its own allocator, so it is a
// program of its own.

#include <cstddef>
#include <cstdlib>
#include <new>

namespace host {
struct Memory {
  std::size_t blocks = 0, bytes = 0, asked = 0, latest = 0, alignment = 0;
};
inline Memory memory;
inline void* allocate(std::size_t bytes, std::size_t alignment) {
  memory.latest = bytes;
  memory.alignment = alignment;
#if defined(__cpp_exceptions)
  if (bytes > static_cast<std::size_t>(-1) / 4) throw std::bad_alloc();
#endif
  ++memory.asked;
  ++memory.blocks;
  memory.bytes += bytes;
  return std::malloc(bytes);
}
inline void free(void* block, std::size_t bytes, std::size_t) noexcept {
  --memory.blocks;
  memory.bytes -= bytes;
  std::free(block);
}
}  // namespace host

#define PRESENCE_ALLOC(bytes, alignment) host::allocate(bytes, alignment)
#define PRESENCE_FREE(block, bytes, alignment) host::free(block, bytes, alignment)

#include <doctest/doctest.h>
#include <presence/base/detail/compact_text.hpp>
#include <presence/model/attributes.hpp>
#include <presence/query/filter.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace {

using namespace presence;
using detail::CompactText;

/// Around the sizes at which the layout of a string or of a name changes.
constexpr std::size_t sizes[] = {0, 1, 7, 8, 9, 254, 255, 256, 65536};

/// Different bytes, zeros among them, also at both ends if `first` is zero.
std::string text_of_size(std::size_t size, std::size_t first = 0) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(static_cast<unsigned char>((first + i) * 37));
  if (size > 1) text.back() = '\0';
  return text;
}
std::size_t bytes_for(std::size_t size) { return size == 0 ? 0 : size < 255 ? 1 + size : 1 + sizeof(std::size_t) + size; }

/// Checks when it is destroyed that all memory that was allocated since then is free, with the sizes it had.
struct NothingLeft {
  host::Memory before = host::memory;

  ~NothingLeft() {
    CHECK(host::memory.blocks == before.blocks);
    CHECK(host::memory.bytes == before.bytes);
  }
};

}  // namespace

TEST_CASE("a CompactText has the text that it was made from") {
  for (const std::size_t size : sizes) {
    CAPTURE(size);
    const NothingLeft nothing_left;
    const std::string text = text_of_size(size);
    CompactText made(text);
    CompactText moved(std::move(made));
    CompactText::Head* const memory = moved.release();
    CHECK((memory == nullptr) == (size == 0));
    CHECK(CompactText::text_of(memory) == text);
    CHECK(CompactText::text_of(memory).data() != nullptr);
    CompactText::adopt(memory);
    CHECK(CompactText::text_of(made.release()).empty());
  }
  CHECK(CompactText::text_of(CompactText().release()).empty());
}

TEST_CASE("the size of a CompactText takes one byte up to 254 bytes, nine beyond, and none if it is empty") {
  for (const std::size_t size : sizes) {
    CAPTURE(size);
    const std::size_t blocks = host::memory.blocks, bytes = host::memory.bytes;
    const CompactText text(text_of_size(size));
    CHECK(host::memory.blocks - blocks == (size == 0 ? 0 : 1));
    CHECK(host::memory.bytes - bytes == bytes_for(size));
    if (size != 0) CHECK(host::memory.alignment == 1);
  }
  const std::size_t bytes = host::memory.bytes;
  const CompactText longest(text_of_size(254));
  CHECK(host::memory.bytes - bytes == 255);
}

TEST_CASE("copies and moves of values, members and filters keep strings of every size") {
  static_assert(sizeof(Value) <= 16 && sizeof(ValueMember) <= 24 && sizeof(Filter) <= 24, "");
  for (const std::size_t size : sizes) {
    CAPTURE(size);
    const NothingLeft nothing_left;
    const std::string text = text_of_size(size), name = text_of_size(size, 1);

    Value value{std::string_view(text)};
    Value copy(value);
    CHECK((size == 0 || copy.view().text().data() != value.view().text().data()));
    const Value moved(std::move(value));
    CHECK(moved.view().text() == text);
    CHECK(copy == moved);
    copy = "another string";
    copy = moved;
    CHECK(copy.view().text() == text);

    ValueMember member(name, copy);
    const ValueMember other(member), taken(std::move(member));
    CHECK(taken.name() == name);
    CHECK(taken.value().view().text() == text);
    CHECK(other == taken);
    CHECK(member.name().empty());

    if (size == 0) continue;  // a test needs the name of a field
    Filter filter = eq(name, copy);
    const Filter same(filter), last(std::move(filter));
    CHECK(last.field() == name);
    CHECK(last.operand().view().text() == text);
    CHECK(same == last);
    CHECK(filter == Filter());
  }
}

TEST_CASE("a string of a value takes the memory of its size and characters, and a name if it is longer than 8 bytes") {
  for (const std::size_t size : sizes) {
    CAPTURE(size);
    const std::string text = text_of_size(size), name = text_of_size(size, 1);
    const std::size_t before = host::memory.bytes;
    const Value value{std::string_view(text)};
    const std::size_t with_value = host::memory.bytes;
    CHECK(with_value - before == bytes_for(size));
    const ValueMember member(name, Value());
    const std::size_t with_member = host::memory.bytes;
    CHECK(with_member - with_value == (size <= 8 ? 0 : bytes_for(size)));
    const Filter filter = exists(name, true);
    CHECK(host::memory.bytes - with_member == bytes_for(size));
  }
}

#if defined(__cpp_exceptions)
TEST_CASE("a string too large for memory fails as an allocation") {
  const char character = 'a';
  for (std::size_t below = 0; below < 12; ++below) {
    for (const std::size_t most : {static_cast<std::size_t>(-1), static_cast<std::size_t>(-1) / 2}) {
      const volatile std::size_t size = most - below;  // compilers warn of such a size where they know it
      CHECK_THROWS_AS(CompactText(std::string_view(&character, size)), std::bad_alloc);
      CHECK(host::memory.latest <= static_cast<std::size_t>(-1) / 2);
    }
  }
}
#endif
