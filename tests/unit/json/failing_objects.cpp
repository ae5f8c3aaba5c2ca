// SPDX-License-Identifier: MIT

// One allocation fails while objects are made, copied, read and compared. Replaces the allocator of its program by one
// that counts and can fail.

// An index out of bounds ends the program, where the standard library can check it.
#ifndef _GLIBCXX_ASSERTIONS
#define _GLIBCXX_ASSERTIONS 1
#endif

#include <doctest/doctest.h>
#include <presence/json/channels.hpp>
#include <presence/json/events.hpp>
#include <presence/json/filters.hpp>
#include <presence/json/lists.hpp>
#include <presence/json/values.hpp>
#include <presence/model/attributes.hpp>
#include <presence/model/channel.hpp>
#include <presence/model/event.hpp>
#include <presence/model/user.hpp>
#include <presence/model/value.hpp>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace {

constexpr std::size_t never_fails = static_cast<std::size_t>(-1);
struct Memory {
  std::size_t blocks = 0, asked = 0;
  std::size_t fails_at = never_fails;  // the number of the allocation that fails, once
};
Memory memory;

}  // namespace

// Not inline: GCC would see only one of a pair of these, and take it for a mistake.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
#if defined(__cpp_exceptions)
  if (memory.asked++ == memory.fails_at) throw std::bad_alloc();
#endif
  void* const block = std::malloc(bytes == 0 ? 1 : bytes);
  if (block == nullptr) std::abort();
  ++memory.blocks;
  return block;
}
[[gnu::noinline]] void operator delete(void* block) noexcept {
  if (block == nullptr) return;
  --memory.blocks;
  std::free(block);
}
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept { ::operator delete(block); }

#if defined(__cpp_exceptions)

namespace {

using namespace presence;

constexpr std::string_view json =
    R"({"a name that is long":[1,{"b":"a string that is too long to be kept inside"},{}],"c":{"d":{"e":null}},"\n":2})";

/// Calls `act` again and again; in each round another of its allocations fails, until none does. Returns their number.
template <class Act>
std::size_t each_fails(const Act& act) {
  for (std::size_t fails_at = 0;; ++fails_at) {
    const std::size_t blocks = memory.blocks;
    bool has_failed = false;
    memory.asked = 0;
    memory.fails_at = fails_at;
    try {
      act();
    } catch (const std::bad_alloc&) {
      has_failed = true;
    }
    memory.fails_at = never_fails;
    REQUIRE(memory.blocks == blocks);
    if (!has_failed) return fails_at;
  }
}

}  // namespace

TEST_CASE(
    "an allocation that fails while an object is made, copied or read leaks nothing and leaves others as they were") {
  const Value value = *parse_value(json);
  const Value same = *parse_value(json);
  Value replaced = Value(1);
  CHECK(each_fails([&] { const Value copy = value; }) >= 7);
  CHECK(each_fails([&] { const Value copy(value.view()); }) >= 7);
  CHECK(each_fails([&] { const auto members = Value(value).members(); }) >= 7);
  CHECK(each_fails([&] {
          Value target = replaced;
          target = value;
        }) >= 7);
  CHECK(each_fails([&] {
          Attributes fields;
          for (const ValueMember& member : value.members()) fields[member.name()] = member.value();
          const Value object = Value::object(std::move(fields));
        }) >= 10);
  CHECK(each_fails([&] { static_cast<void>(parse_value(json)); }) >= 8);
  CHECK(each_fails([&] { static_cast<void>(parse_value(R"({"a":{"b":[]},"c":1,"a":{"b":"ninechars"}})")); }) >= 4);
  const std::string channel = R"({"cid":"t:c","x":)" + std::string(json) + R"(,"y":{"a":1,"b":2,"a":1}})";
  CHECK(each_fails([&] { static_cast<void>(parse_channel(channel)); }) >= 10);
  const std::string text = R"({"x":{"$in":[)" + std::string(json) + "," + std::string(json) + "]}}";
  CHECK(each_fails([&] { static_cast<void>(parse_filter(text)); }) >= 10);
  const Filter filter = *parse_filter(text);
  Channel object = *parse_channel(channel);
  CHECK(each_fails([&] { static_cast<void>(matches(filter, object)); }) == 0);
  object.custom["x"] = array({value, 1});
  CHECK(each_fails([&] { static_cast<void>(matches(filter, object)); }) >= 10);
  CHECK(each_fails([&] { static_cast<void>(compile<Channel>(filter)); }) >= 10);
  CHECK(each_fails([&] { static_cast<void>(to_json(value)); }) >= 1);
  CHECK(value == same);
  CHECK(replaced == Value(1));
}

TEST_CASE("an allocation that fails while an event or a user with data is read leaks nothing") {
  const std::string user = R"({"id":"a user with a long id\n","online":true,"activity":)" + std::string(json) +
                           R"(,"x":{"a":1,"a":2},"z":)" + std::string(json) + R"(,"\ty":"a string that is long\t"})";
  const std::string payload = R"({"type":"user.updated","created_at":"2024-03-01T12:00:00Z","user":)" + user + "}";
  const std::string line =
      R"({"type":"report","user":"u","online":true,"at":"2024-03-01T12:00:00Z","name":"n","value":)" +
      std::string(json) + R"(,"data":)" + std::string(json) + "}";
  for (const std::string& text : {payload, line}) {
    CHECK(each_fails([&] { static_cast<void>(parse_event(text)); }) >= 20);
    CHECK(each_fails([&] {
            EventBuffer buffer;
            static_cast<void>(parse_event(text, buffer));
          }) >= 10);
    const PresenceEvent event = *parse_event(text);
    CHECK(each_fails([&] { static_cast<void>(to_json(event)); }) >= 1);
    EventBuffer reused;  // is usable after a failure
    for (std::size_t i = 0; i < 5; ++i) {
      memory.asked = 0;
      memory.fails_at = 3 * i;
      try {
        static_cast<void>(parse_event(text, reused));
      } catch (const std::bad_alloc&) {
      }
      memory.fails_at = never_fails;
      REQUIRE(parse_event(text, reused));
      CHECK(static_cast<PresenceEvent>(*parse_event(text, reused)) == event);
    }
  }
  CHECK(each_fails([&] { static_cast<void>(parse_user(user)); }) >= 20);
  CHECK(each_fails([&] {
          std::size_t users = 0;
          static_cast<void>(parse_users("[" + user + "," + user + "]", [&](const User&) { ++users; }));
        }) >= 30);
}

#endif
