// SPDX-License-Identifier: MIT

// How much memory filters take while they are read and compiled, whatever they say. Counts all that is allocated in its
// program, so it is a program of its own.

#include <doctest/doctest.h>
#include <presence/model/channel.hpp>
#include <presence/json/channels.hpp>
#include <presence/json/filters.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace {

std::size_t held = 0, most = 0;

constexpr std::size_t head = alignof(std::max_align_t);

void* allocate(std::size_t bytes) {
  void* const block = std::malloc(bytes + head);
  if (block == nullptr) std::abort();
  *static_cast<std::size_t*>(block) = bytes;
  held += bytes;
  if (held > most) most = held;
  return static_cast<char*>(block) + head;
}
void deallocate(void* memory) noexcept {
  if (memory == nullptr) return;
  char* const block = static_cast<char*>(memory) - head;
  held -= *reinterpret_cast<std::size_t*>(block);
  std::free(block);
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes); }
void* operator new[](std::size_t bytes) { return allocate(bytes); }
void operator delete(void* memory) noexcept { deallocate(memory); }
void operator delete[](void* memory) noexcept { deallocate(memory); }
void operator delete(void* memory, std::size_t) noexcept { deallocate(memory); }
void operator delete[](void* memory, std::size_t) noexcept { deallocate(memory); }

namespace {

using namespace presence;

constexpr std::size_t factor = 16, beside = 1024;  // beside: for what is there once

/// The most that is held at any moment of a call, beyond what was held before.
template <class Call>
std::size_t most_during(Call&& call) {
  const std::size_t before = held;
  most = held;
  call();
  return most - before;
}

std::string repeated(const std::string& text, std::size_t times, const std::string& between = ",") {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += (i == 0 ? "" : between) + text;
  return all;
}
/// "before0after","before1after", ...
template <class Number>
std::string numbered(const std::string& before, const std::string& after, std::size_t times, Number number) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += (i == 0 ? "" : ",") + before + number(i) + after;
  return all;
}
std::string decimal(std::size_t i) { return std::to_string(i); }
/// The shortest names there are.
std::string shortest(std::size_t i) {
  const std::string digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
  std::string name;
  for (; i >= digits.size(); i /= digits.size()) name += digits[i % digits.size()];
  return name + digits[i];
}

/// Strings that take the most memory for their length that their kind can: read, and then compiled; or refused.
std::vector<std::string> shapes(std::size_t n) {
  const std::string long_name(n, 'n');
  std::vector<std::string> all = {
      "{}",
      R"({"$or":[)" + repeated("{}", n) + "]}",
      R"({"$or":[ )" + repeated("{ }", n, " , ") + "]}",
      R"({"x":{"$in":[)" + repeated("1", n) + "]}}",
      R"({"x":[)" + repeated("1", n) + "]}",
      R"({"x":{"$nin":[)" + repeated("\"\"", n) + "]}}",
      R"({"x":{"$in":[)" + repeated("\"a\"", n) + "]}}",
      R"({"x":{"$in":[)" + numbered("\"", "\"", n, shortest) + "]}}",
      R"({"x":[)" + numbered("\"", "\"", n, shortest) + "]}",
      R"({"x":{"$in":[)" + numbered("", "", n, decimal) + "]}}",
      R"({"x":{"$in":[)" + numbered("\"", "-08-07T12:00:00Z\"", n, [](std::size_t i) { return std::to_string(1000 + i % 9000); }) + "]}}",
      R"({"x":{"$in":[)" + repeated("null,true,0.5", n) + "]}}",
      "{" + numbered("\"", "\":1", n, shortest) + "}",
      "{" + numbered("\"", "\":[]", n, shortest) + "}",
      "{" + numbered("\"", "\":[1]", n, shortest) + "}",
      "{" + numbered("\"", "\":[\"\"]", n, shortest) + "}",
      "{" + numbered("\"", "\":\"a\"", n, shortest) + "}",
      "{" + numbered("\"", "\":{\"$gt\":1,\"$lt\":1,\"$ne\":1,\"$in\":[]}", n, shortest) + "}",
      "{" + numbered("\"", "\":{\"$gt\":\"\",\"$lt\":1,\"$autocomplete\":\"a\"}", n, shortest) + "}",
      R"({"$or":[)" + repeated(R"({"a":1})", n) + "]}",
      R"({"$or":[)" + repeated(R"({"a":[]})", n) + "]}",
      R"({"$or":[)" + repeated(R"({"a":""})", n) + "]}",
      R"({"$or":[)" + repeated(R"({"a":1,"b":1})", n) + "]}",
      R"({"$or":[)" + repeated("{" + numbered("\"", "\":1", 60, shortest) + "}", n / 60 + 1) + "]}",
      R"({"$or":[)" + repeated(R"({"$or":[{}]})", n) + "]}",
      R"({"$or":[)" + repeated(R"({"$or":[{},{}]})", n) + "]}",
      R"({"$or":[)" + repeated(R"({"$or":[{"$or":[{}]}]})", n) + "]}",
      R"({"$or":[)" + repeated(R"({"a":{"$autocomplete":"b"}})", n) + "]}",
      R"({"a":{"$autocomplete":")" + std::string(n, 'a') + "\"}}",
      R"({"a":{"$autocomplete":")" + std::string(n, '-') + "\"}}",
      R"({"a":")" + repeated(R"(\u0061)", n, "") + "\"}",
      R"({"a":{"$in":[")" + repeated(R"(\n)", n, "") + "\"]}}",
      R"({"a":{"$autocomplete":")" + repeated(R"(\n)", n, "") + "\"}}",
      R"({"a":[)" + repeated(R"("\n")", n) + "]}",
      R"({")" + long_name + R"(":1})",
      R"({")" + long_name + R"(":{"$eq":1,"$ne":1,"$gt":1,"$gte":1,"$lt":1,"$lte":1,"$in":[1],"$nin":[1],"$contains":1,"$exists":true}})",
      // Refused, at the beginning or at the end.
      "{" + repeated(R"("a":1)", n) + "}",
      R"({")" + long_name + R"(":{)" + repeated(R"("$gt":1)", n) + "}}",
      "{" + repeated(R"("":1)", n) + "}",
      "{" + repeated(R"("")", n, ":") + "}",
      "{" + std::string(n, ':') + "}",
      "{" + repeated(":1", n) + "}",
      R"({"a":[)" + std::string(n, ',') + "]}",
      R"({"$or":[)" + repeated("1", n) + "]}",
      R"({"$or":[)" + repeated("[]", n) + "]}",
      R"({"$or":[)" + repeated("{}", n) + ",",
      R"({"a":[)" + repeated("1", n) + ",[]]}",
      std::string(n, '['),
      std::string(n, '{'),
      std::string(n, '"'),
      repeated("{}", n, ""),
  };
  if (sizeof(ValueMember) <= 24) {  // it alone may be larger
    std::string objects = "{}", by_turns = "{}";
    for (int i = 0; i < 26; ++i) objects = R"({"":)" + objects + "}";
    for (int i = 0; i < 26; ++i) by_turns = R"({"":[)" + by_turns + "]}";
    for (const std::string& object : {std::string("{}"), std::string(R"({"":0})"), std::string(R"({"a":{"b":0}})"), std::string(R"({"":[{}]})"), objects, by_turns}) {
      const std::string list = "[" + repeated(object, n / object.size() + 1) + "]";
      all.push_back(R"({"x":)" + list + "}");
      all.push_back(R"({"x":{"$in":)" + list + "}}");
      all.push_back(R"({"x":{"$in":[0,)" + list.substr(1) + "}}");
      all.push_back(R"({"x":{"$eq":{"":)" + list + "}}}");
      all.push_back("{" + numbered("\"", "\":{\"$eq\":" + object + "}", n / object.size() + 1, shortest) + "}");
      all.push_back(R"({"$or":[)" + object + "," + repeated("1", n) + "]}");
    }
    all.push_back(R"({"x":{"$eq":{)" + numbered("\"", "\":1", n, shortest) + "}}}");
    all.push_back(R"({"x":{"$eq":{"a":{)" + numbered("\"", "\":{\"\":1}", n, shortest) + "}}}}");
    all.push_back(R"({"x":{"$eq":)" + repeated(R"({"":)", 40, "") + "{" + numbered("\"", "\":1", n, shortest) + "}" + repeated("}", 40, "") + "}}");
    all.push_back(R"({"\u0061":[{"a":{)" + numbered("\"", "\":1", n, shortest) + "}}]}");
    all.push_back(R"({"\u0024or":[{"a":{)" + numbered("\"$", "\":1", n, shortest) + "}}]}");
    all.push_back(R"({"\u0024or":[{)" + numbered("\"", R"(":{"$gt":1,"$lt":1,"$gte":1,"$lte":1,"$eq":1,"$ne":1})", n / 10 + 1, shortest) + "}]}");
    all.push_back(R"({"x":{"$eq":{)" + repeated(R"("a":1)", n) + "}}}");
    all.push_back(R"({"x":{"$eq":)" + repeated(R"({"":)", n, "") + repeated("}", n, "") + "}}");
  }
  std::string deep = R"({"a":1})", chain;
  for (unsigned i = 0; i < Filter::deepest; ++i) deep = R"({"$or":[)" + deep + "]}";
  all.push_back(deep);
  all.push_back(repeated(deep, n / deep.size() + 1));
  for (std::size_t i = 0; i < n; ++i) chain += R"({"$or":[)";
  all.push_back(chain);
  return all;
}

template <class T>
void compile_within_bounds(const Filter& filter, std::size_t bytes) {
  CHECK(most_during([&] { static_cast<void>(compile<T>(filter)); }) <= factor * bytes + beside);
}

}  // namespace

TEST_CASE("a Value takes at most 16 bytes and a Filter at most 24") {
  CHECK(sizeof(Value) <= 16);
  CHECK(sizeof(Filter) <= 24);
}

TEST_CASE("reading and compiling a filter each take at most 16 bytes of memory per byte of its JSON, plus a constant") {
  std::size_t read_count = 0;
  for (const std::size_t n : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{60}, std::size_t{1025}, std::size_t{4096}}) {
    for (const std::string& text : shapes(n)) {
      CAPTURE(n);
      CAPTURE(text.substr(0, 60));
      Filter filter;
      bool is_read = false;
      CHECK(most_during([&] {
              Result<Filter> read = parse_filter(text);
              is_read = read.has_value();
              if (is_read) filter = std::move(*read);
            }) <= factor * text.size() + beside);
      if (!is_read) continue;
      ++read_count;
      compile_within_bounds<User>(filter, text.size());
      compile_within_bounds<Channel>(filter, text.size());
    }
  }
  CHECK(read_count > 250);
}

TEST_CASE("copying a filter, compiled or not, takes at most 16 bytes of memory per byte of its JSON, plus a constant") {
  for (const std::string& text : shapes(1000)) {
    Result<Filter> read = parse_filter(text);
    if (!read) continue;
    CAPTURE(text.substr(0, 60));
    CHECK(most_during([&] { const Filter copy = *read; }) <= factor * text.size() + beside);
    const Matcher<Channel> matcher = compile<Channel>(*read);
    CHECK(most_during([&] { const Matcher<Channel> copy = matcher; }) <= factor * text.size() + beside);
  }
}

TEST_CASE("evaluating a compiled filter allocates nothing, and matches() on a string less than 200 bytes") {
  Channel channel;
  channel.type = "a";
  for (int i = 0; i < 1000; ++i) channel.members.push_back(std::to_string(i));
  channel.custom["x"] = Value::array(channel.members);
  for (const Filter& filter : {eq("type", "a"), in("type", channel.members), eq("members", "a"), in("members", {"a"}), eq("x", Value::array(channel.members)), ne("members", Value::array(channel.members)), gt("type", "a"), autocomplete("type", "a")}) {
    CAPTURE(to_json(filter).substr(0, 60));
    const Matcher<Channel> matcher = compile<Channel>(filter);
    CHECK(most_during([&] { static_cast<void>(matcher(channel)); }) == 0);
  }
  CHECK(most_during([&] { static_cast<void>(matches(eq("type", "b"), channel)); }) < 200);
}

TEST_CASE("small custom fields take at most 90 bytes of memory each, plus a constant") {
  for (const std::size_t n : {std::size_t{1}, std::size_t{100}, std::size_t{20000}}) {
    std::size_t bytes = 0;
    Attributes fields;
    const std::size_t took = most_during([&] {
      for (std::size_t i = 0; i < n; ++i) {
        const std::size_t mixed = i * 7919 % n;
        fields["x" + std::to_string(mixed)] = 1;
        bytes += 9;
      }
    });
    CHECK(fields.size() == n);
    CHECK(took <= 10 * bytes + beside);
  }
}
