// SPDX-License-Identifier: MIT
// Asks filters about objects for test_filter_costs.py, which counts the instructions:
//   filter_costs CASE SIZE ROUNDS
// With no rounds everything is made ready and nothing is asked.
#include <presence/json/filters.hpp>
#include <presence/model/attributes.hpp>
#include <presence/query/query.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace presence;

std::uint64_t state = 1;
std::string random_text(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    text += static_cast<char>('a' + (state >> 33) % 26);
  }
  return text;
}
struct SameHash {
  static std::uint64_t of(std::string_view text) { return detail::TextHash::of(text) & 0; }
};

template <class Hash>
std::size_t find_all(std::size_t size, std::size_t rounds) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < 2 * size; ++i) texts.push_back("are all the same" + random_text(16));
  auto* const set = detail::BasicTextSet<Hash>::make(size, size * texts[0].size());
  for (std::size_t i = 0; i < size; ++i) set->add(texts[i]);
  set->finish();
  std::size_t found = 0;
  for (std::size_t round = 0; round < rounds; ++round) {
    for (const std::string& text : texts) found += set->contains(text) ? 1u : 0u;
  }
  detail::BasicTextSet<Hash>::drop(set);
  return found;
}

std::size_t ask(const Filter& filter, const Channel& channel, std::size_t rounds) {
  std::size_t found = 0;
  for (std::size_t round = 0; round < rounds; ++round) {
    found += matches(filter, channel) ? 1u : 0u;
    found += compile<Channel>(filter)(channel) ? 1u : 0u;
  }
  return found;
}

}  // namespace

int main(int, char** arguments) {
  const std::string what = arguments[1];
  const std::size_t size = std::strtoul(arguments[2], nullptr, 10), rounds = std::strtoul(arguments[3], nullptr, 10);
  Channel channel;
  std::size_t found = 0;
  if (what == "find") {
    found = find_all<detail::TextHash>(size, rounds);
  } else if (what == "find-same-hash") {
    found = find_all<SameHash>(size, rounds);
  } else if (what == "complete") {
    channel.type = random_text(size);
    found = ask(autocomplete("type", random_text(size / 2)), channel, rounds);
  } else if (what == "complete-signs") {
    channel.type = std::string(size, '-');
    found = ask(autocomplete("type", std::string(size / 2, '-') + "x"), channel, rounds);
  } else if (what == "complete-words") {
    for (std::size_t i = 0; i < size / 2; ++i) channel.type += "a-";
    std::string prefix;
    for (std::size_t i = 0; i < size / 4; ++i) prefix += "a-";
    found = ask(autocomplete("type", prefix + "x"), channel, rounds);
  } else if (what == "dots-everywhere") {
    // At each level of the object, a member whose name begins as the rest of the name does.
    std::string name = "a";
    for (std::size_t i = 0; i < size; ++i) name += ".a";
    Value value = 1;
    for (unsigned i = 1; i < Value::deepest; ++i) {
      Attributes members;
      members["a"] = std::move(value);
      members[name + "x"] = 2;
      value = Value::object(std::move(members));
    }
    channel.custom["a"] = value;
    found = ask(eq(name, 1), channel, rounds);
  } else if (what == "objects-alike") {
    // Objects that differ only in their last member.
    std::vector<Value> objects;
    for (std::size_t i = 0; i < size; ++i) {
      Attributes members;
      for (int j = 0; j < 9; ++j) members["a" + std::to_string(j)] = "always the same";
      members["b"] = random_text(12);
      objects.push_back(Value::object(std::move(members)));
    }
    channel.custom["x"] = array(objects);
    found = ask(eq("x", array(objects)), channel, rounds);
  } else {
    std::vector<Value> same;
    for (std::size_t i = 0; i < size; ++i) {
      channel.members.push_back(random_text(12));
      same.emplace_back(channel.members.back());
    }
    if (what == "sets-nearly") same.back() = "another";
    found = ask(eq("members", array(same)), channel, rounds);
  }
  std::printf("%zu\n", found);
  return 0;
}
