// SPDX-License-Identifier: MIT

// What reading JSON costs of memory, whatever is read. Replaces the allocator of its program by one that counts.

#include "../short_run.hpp"

#include <doctest/doctest.h>
#include <presence/json/channels.hpp>
#include <presence/json/events.hpp>
#include <presence/json/lists.hpp>
#include <presence/json/queries.hpp>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Counted {
  std::size_t bytes = 0, most = 0;
};
Counted counted;

constexpr std::size_t header = 16;  // before each block, for its size

/// What malloc takes for so many bytes.
constexpr std::size_t taken_for(std::size_t bytes) {
  const std::size_t chunk = (bytes + 8 + 15) / 16 * 16;
  return chunk < 32 ? 32 : chunk;
}

}  // namespace

// Not inline: GCC would see only one of a pair of these, and take it for a mistake.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  auto* const block = static_cast<unsigned char*>(std::malloc(bytes + header));
  if (block == nullptr) std::abort();
  std::memcpy(block, &bytes, sizeof bytes);
  counted.bytes += taken_for(bytes);
  if (counted.bytes > counted.most) counted.most = counted.bytes;
  return block + header;
}
[[gnu::noinline]] void operator delete(void* given) noexcept {
  if (given == nullptr) return;
  auto* const block = static_cast<unsigned char*>(given) - header;
  std::size_t bytes = 0;
  std::memcpy(&bytes, block, sizeof bytes);
  counted.bytes -= taken_for(bytes);
  std::free(block);
}
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept { ::operator delete(block); }

namespace {

using namespace presence;

constexpr std::size_t most_times = 16;

/// The most that is held at any moment, what is returned included.
template <class Read>
std::size_t taken_by(const Read& read) {
  const std::size_t before = counted.bytes;
  counted.most = before;
  read();
  CHECK(counted.bytes == before);
  return counted.most - before;
}

void channel_stays_small(const std::string& text, bool is_read = true, const ReadOptions& options = {}) {
  CAPTURE(text.substr(0, 60));
  CAPTURE(text.size());
  const std::size_t taken = taken_by([&] {
    ReadNotes notes;
    const bool read = parse_channel(text, options, &notes).has_value();
    CHECK(read == is_read);
  });
  CAPTURE(taken);
  CHECK(taken <= most_times * text.size() + 1024);
}

void payload_stays_small(const std::string& text, bool is_read = true) {
  CAPTURE(text.substr(0, 60));
  CAPTURE(text.size());
  const std::string event = R"({"type":"user.updated","created_at":"2024-03-01T12:00:00Z","user":)" + text + "}";
  CHECK(taken_by([&] { CHECK(parse_event(event).has_value() == is_read); }) <= most_times * text.size() + 1024);
  CHECK(taken_by([&] { CHECK(parse_user(text).has_value() == is_read); }) <= most_times * text.size() + 1024);
}

/// Reads the keys, which begin with a comma, as those of a user of a payload, of a user, of a list, and as the data of
/// an event line, without limits.
void data_stays_small(const std::string& keys, bool is_line = true) {
  CAPTURE(keys.substr(0, 60));
  CAPTURE(keys.size());
  ReadOptions options;
  options.max_activity_bytes = options.max_user_data_bytes = options.max_data_names = static_cast<std::size_t>(-1);
  const std::size_t most = most_times * keys.size() + 2048;
  ReadNotes notes;
  const std::string user = R"({"id":"u","online":true)" + keys + "}";
  const std::string event = R"({"type":"user.updated","created_at":"2024-03-01T12:00:00Z","user":)" + user + "}";
  CHECK(taken_by([&] { CHECK(parse_event(event, options, &notes).has_value()); }) <= most);
  CHECK(taken_by([&] {
          EventBuffer buffer;
          CHECK(parse_event(event, buffer, options, &notes).has_value());
        }) <= most);
  CHECK(taken_by([&] { CHECK(parse_user(user, options, &notes).has_value()); }) <= most);
  const std::string list = "[" + user + R"(,{"id":"\n"}])";
  CHECK(taken_by([&] { CHECK_FALSE(parse_users(list, options, &notes, [](User&&) {})); }) <= most);
  const std::string line =
      R"({"type":"report","user":"u","online":true,"at":"2024-03-01T12:00:00Z","data":{"first":0)" + keys +
      "},\"activity\":{\"first\":0}}";
  CHECK(taken_by([&] { CHECK(parse_event(line, options, &notes).has_value() == is_line); }) <= most);
}

void value_stays_small(const std::string& text, bool is_read = true) {
  CAPTURE(text.substr(0, 60));
  CAPTURE(text.size());
  CHECK(taken_by([&] { CHECK(parse_value(text).has_value() == is_read); }) <= most_times * text.size() + 1024);
}

void query_stays_small(const std::string& text, bool is_read = true) {
  CAPTURE(text.substr(0, 60));
  CAPTURE(text.size());
  CHECK(taken_by([&] { CHECK(parse_user_query(text).has_value() == is_read); }) <= most_times * text.size() + 1024);
}

void users_stay_small(const std::string& text, bool is_read = true) {
  CAPTURE(text.substr(0, 60));
  CAPTURE(text.size());
  const std::size_t taken = taken_by([&] {
    ReadNotes notes;
    const bool read = !parse_users(text, ReadOptions(), &notes, [](User&&) {});
    CHECK(read == is_read);
  });
  CHECK(taken <= most_times * text.size() + 1024);
}

void channels_stay_small(const std::string& text, bool is_read = true) {
  CAPTURE(text.substr(0, 60));
  CAPTURE(text.size());
  const std::size_t taken = taken_by([&] {
    ReadNotes notes;
    const bool read = !parse_channels(text, ReadOptions(), &notes, [](Channel&&) {});
    CHECK(read == is_read);
  });
  CHECK(taken <= most_times * text.size() + 1024);
}

/// An array, or the content of an object, of `count` parts.
std::string list_of(std::string_view part, std::size_t count, const char* brackets = "[]") {
  std::string list(1, brackets[0]);
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) list += ',';
    list += part;
  }
  return list + brackets[1];
}

std::string repeated(std::string_view part, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += part;
  return all;
}

/// So many fields with the shortest names that differ, each with this value.
std::string fields_of(std::string_view value, std::size_t count) {
  std::string fields;
  for (std::size_t i = 0; i < count; ++i) {
    std::string name;
    for (std::size_t n = i + 1; n > 0; n /= 90) {
      const char c = static_cast<char>('#' + n % 90);
      name += c >= '\\' ? static_cast<char>(c + 1) : c;
    }
    if (name == "id") continue;  // which is no other field
    fields += ",\"" + name + "\":";
    fields += value;
  }
  return fields;
}

/// Values of about so many bytes that take the most memory for their length that arrays and objects can.
std::vector<std::string> nested_values(std::size_t bytes) {
  const auto many = [bytes](const std::string& part) { return list_of(part, bytes / part.size() + 1); };
  const std::size_t count = bytes / 8;
  std::vector<std::string> all;
  for (const std::string_view name : {"", "a", "eightchr", "ninechars", "\\n"}) {
    const std::string key = "{\"" + std::string(name) + "\":";
    for (const std::size_t levels : {1u, 2u, 10u, 28u}) {
      const std::string objects = repeated(key, levels) + "0" + repeated("}", levels);
      const std::string by_turns = repeated(key + '[', levels) + "{}" + repeated("]}", levels);
      all.push_back(many(objects));
      all.push_back(many(by_turns));
      all.push_back(many(key + list_of(by_turns, 5) + '}'));
    }
    all.push_back(many(key + "{}}"));
    all.push_back(many(key + "[]}"));
  }
  for (const std::string_view value : {"0", "\"\"", "{}", "[]", "[0]", "\"a\"", "{\"\":0}", "{\"\":[0]}"}) {
    all.push_back("{\"\":0" + fields_of(value, count) + "}");
    all.push_back("[0," + list_of(value == "[]" || value[0] == '[' ? "{}" : value, count + 1).substr(1));
    all.push_back(list_of("{\"\":0" + fields_of(value, 3) + "}", count / 3));
    all.push_back("{\"a\":{\"\":0" + fields_of(value, count) + "},\"b\":{\"\":0" + fields_of(value, count) + "}}");
  }
  return all;
}

/// The last takes most of the time, and is left to runs with all random histories (PRESENCE_HISTORIES).
std::vector<std::size_t> sizes() {
  if (support::is_short_run()) return {0, 1, 2, 3, 100, 8191};
  return {0, 1, 2, 3, 100, 8191, 33000};
}

}  // namespace

TEST_CASE("reading a channel's members takes at most 16 times its bytes of memory") {
  for (const std::size_t count : sizes()) {
    for (const std::string_view member :
         {"\"\"", "\"u\"", "\"\\n\"", R"("sixteen letters.")", R"({"user_id":""})", R"({"user":{"id":"\n"}})", "1",
          "{}", "null", "[]", "\"\\ud83d\"", "\"\xFF\"", R"({"user_id":"a","user":{"id":"b"}})"}) {
      const std::string members = list_of(member, count);
      channel_stays_small(R"({"type":"t","id":"c","members":)" + members + "}");
      channel_stays_small(R"({"channel":{"cid":"t:c","x":"\n"},"members":)" + members + R"(,"y":"\n"})");
      channel_stays_small(R"({"channel":{"cid":"t:c","members":)" + members + "}}");
      channel_stays_small(R"({"type":"t","members":)" + members + "}", false);
    }
  }
}

TEST_CASE("reading skipped parts of a channel takes at most 16 times its bytes of memory") {
  for (const std::size_t count : sizes()) {
    for (const std::string_view part : {"[]", "{}", "[1]", "1e999", "{\"a\":1}", "\"\",[]"}) {
      channel_stays_small(R"({"cid":"t:c","x":)" + list_of(part, count + 1) + "}");
      channel_stays_small(R"({"cid":"t:c","x":{"y":)" + list_of(part, count) + "}}");
    }
    channel_stays_small(R"({"cid":"t:c","x":)" + list_of("1", count + 1).substr(0, 2 * count + 2) + ",{}]}");
    channel_stays_small(R"({"cid":"t:c")" + fields_of("{}", count) + "}");
    channel_stays_small(R"({"cid":"t:c")" + fields_of("[[]]", count) + "}");
    for (const std::string_view twice :
         {"\"\":0", "\"a\":1", "\"a\":[1]", "\"a\":\"b\"", "\"\\u0061\":{}", "\"members\":[\"\"]"}) {
      channel_stays_small(R"({"cid":"t:c",)" + list_of(twice, count + 2, "  ") + "}");
    }
    channel_stays_small(R"({"cid":"t:c",)" + list_of("\"cid\":\"t:c\"", count + 2, "  ") + "}", false);
  }
  for (std::size_t depth = 1; depth < 64; ++depth) {
    channel_stays_small(R"({"cid":"t:c","x":)" + repeated("[", depth) + repeated("]", depth) + "}");
    channel_stays_small(R"({"cid":"t:c","x":)" + repeated("{\"\":", depth) + "1" + repeated("}", depth) + "}");
  }
}

TEST_CASE("reading long strings takes at most 16 times their bytes of memory") {
  for (const std::size_t count : sizes()) {
    for (const std::string_view part :
         {"a", "\\n", "\\u00e9", "\\ud83d", "\\ud83d\\ude00", "\xFF", "\xFF\\n", "\xC3\xAB"}) {
      const std::string text = '"' + repeated(part, count) + '"';
      channel_stays_small(R"({"cid":"t:c","x":)" + text + "}");
      channel_stays_small(R"({"cid":"t:c","x":{"y":)" + text + R"(},"y":)" + text + "}");
      channel_stays_small(R"({"cid":"t:c","members":[)" + text + "]}");
      channel_stays_small(R"({"cid":"t:c",)" + text + ":1}");
      payload_stays_small(R"({"id":"u","online":true,"status":)" + text + "}");
      payload_stays_small(R"({"id":"u","online":true,"x":)" + text + R"(,"custom":{"status":)" + text + "}}");
      payload_stays_small(R"({"id":"u","online":true,)" + text + ":1}");
      payload_stays_small(R"({"id":"u","online":true,)" + list_of("\"status\":" + text, 3, "  ") + "}");
    }
    payload_stays_small(R"({"id":"u","online":true,"x":)" + list_of("{\"status\":\"\\n\"}", count) + "}");
    payload_stays_small(R"({"id":"u","online":true,)" + list_of("\"status\":\"\\n\"", count + 2, "  ") + "}");
    payload_stays_small(R"({"id":"u","online":true)" + fields_of("\"\\ud83d\"", count) + "}");
  }
}

TEST_CASE("reading a channel's custom fields takes at most 16 times its bytes of memory") {
  if (sizeof(Value) > 16) return;  // it alone may be larger
  for (const std::size_t count : sizes()) {
    for (const std::string_view element : {"1", "null", "1.5", "true", "\"\"", "\"seven..\"", "\"\\n\\n\\n\""}) {
      channel_stays_small(R"({"cid":"t:c","x":)" + list_of(element, count) + "}");
      channel_stays_small(R"({"channel":{"cid":"t:c","x":)" + list_of(element, count) + R"(},"y":"\n"})");
    }
    for (const std::string_view value : {"1", "\"\"", "null", "[]", "[1]", "\"\\n\""}) {
      channel_stays_small(R"({"cid":"t:c")" + fields_of(value, count) + "}");
      channel_stays_small(R"({"channel":{"cid":"t:c")" + fields_of(value, count) + "}}");
    }
  }
}

TEST_CASE("reading objects takes at most 16 times their bytes of memory") {
  if (sizeof(Value) > 16 || sizeof(ValueMember) > 24) return;  // they alone may be larger
  for (const std::size_t count : sizes()) {
    for (const std::string& value : nested_values(count)) {
      value_stays_small(value);
      value_stays_small("{\"\\n\":" + value + "}");
      value_stays_small("{\"a\":" + value + ",\"a\":0}", false);
      value_stays_small(value + "]", false);
      value_stays_small(value.substr(0, value.size() - 1), false);
      channel_stays_small(R"({"cid":"t:c","x":)" + value + "}");
      channel_stays_small(R"({"cid":"t:c","x":{"\n":)" + value + R"(},"\n":"\n"})");
      channel_stays_small(R"({"channel":{"cid":"t:c","x":)" + value + R"(},"y":"\n"})");
      channels_stay_small(R"([{"cid":"t:c","x":{"\n":)" + value + R"(}},{"cid":"\n:"}])");
      query_stays_small("{\"filter\":{\"id\":{\"$eq\":{\"\\n\":" + value + "}}},\"\\n\":\"\\n\"}");
    }
    for (const std::string_view field : {"{}", "{\"\":0}", "{\"a\":{}}", "{\"\":[{}]}", "{\"a\":0,\"a\":0}"})
      channel_stays_small(R"({"cid":"t:c")" + fields_of(field, count) + "}");
    const std::string twice = list_of("\"a\":1", count + 2, "{}");
    value_stays_small(twice, false);
    channel_stays_small(R"({"cid":"t:c","x":)" + twice + "}");
    value_stays_small(repeated("{\"\":", count) + "0" + repeated("}", count), count <= 64);
    value_stays_small(repeated("{\"\":0,\"\":", count) + "0" + repeated("}", count), count == 0);
  }
}

TEST_CASE("reading the data of a user takes at most 16 times its bytes of memory") {
  if (sizeof(Value) > 16 || sizeof(ValueMember) > 24) return;  // they alone may be larger
  for (const std::size_t count : sizes()) {
    for (const std::string_view value : {"1", "null", "true", "[]", "[1]", "{}", "{\"a\":1}", "\"\"", "\"\\n\"",
                                         "\"sixteen letters.\"", "{\"\":{\"a\":[0]}}"}) {
      data_stays_small(fields_of(value, count));
      data_stays_small(fields_of(value, count) + R"(,"\n":"\n")");
    }
    data_stays_small(fields_of("\"\xFF\"", count), count == 0);
    data_stays_small(fields_of("[[]]", count), count == 0);
    data_stays_small("," + list_of("\"a\":1", count + 2, "  "), false);
    data_stays_small("," + list_of("\"\\u0061\":1", count + 2, "  "), false);
    for (const std::string& value : nested_values(count)) {
      data_stays_small(",\"x\":" + value);
      data_stays_small(R"(,"x":{"\n":)" + value + R"(},"\n":"\n")");
    }
    for (const std::string_view part : {"a", "\\n", "\\u00e9", "\xC3\xAB"}) {
      const std::string text = '"' + repeated(part, count) + '"';
      data_stays_small(",\"x\":" + text);
      data_stays_small("," + ("\"x" + text.substr(1)) + ":" + text + R"(,"y":{"z":)" + text + "}");
    }
  }
  for (std::size_t depth = 1; depth < 120; ++depth)
    data_stays_small(R"(,"x":)" + repeated("{\"\":", depth) + "1" + repeated("}", depth), depth <= 64);
}

TEST_CASE("data over the limits of ReadOptions is not kept, and long data is read value by value") {
  const std::string user = R"({"id":"u","online":true)" + fields_of("1", 10000) + "}";
  User read;
  CHECK(taken_by([&] {
          read = *parse_user(user);
          read = User();
        }) <= most_times * user.size());
  ReadOptions options;
  options.max_data_names = 0;
  CHECK(taken_by([&] { CHECK(parse_user(user, options)->data.empty()); }) == 0);
}

TEST_CASE("members and elements over the limits of ReadOptions are not allocated") {
  ReadOptions options;
  options.max_members = options.max_custom_elements = 10;
  const std::string text =
      R"({"cid":"t:c","members":)" + list_of("\"u\"", 10000) + R"(,"x":)" + list_of("1", 10000) + "}";
  CHECK(taken_by([&] {
          const auto channel = parse_channel(text, options);
          CHECK(channel->members.size() == 10);
          CHECK(channel->custom.empty());
        }) < 2048);
}

TEST_CASE("reading a value takes at most 16 times its bytes of memory") {
  if (sizeof(Value) > 16) return;  // it alone may be larger
  for (const std::size_t count : sizes()) {
    for (const std::string_view element :
         {"1", "null", "1.5", "true", "\"\"", "\"seven..\"", "\"\\n\\n\\n\"", "\"sixteen letters.\""})
      value_stays_small(list_of(element, count));
    value_stays_small(list_of("[]", count + 1), false);
    value_stays_small(repeated("[", count), false);
    value_stays_small(list_of("1", count) + "]", false);
    value_stays_small(list_of("1", count + 1).substr(0, 2 * count + 2) + ",[]]", false);
    value_stays_small('"' + repeated("\\n", count) + '"');
  }
}

TEST_CASE("reading a list takes at most 16 times its bytes of memory, and what the function keeps") {
  for (const std::size_t count : sizes()) {
    for (const std::string_view user :
         {R"({"id":""})", R"({"id":"\n"})", "{\"id\":\"u\",\"status\":\"\xFF\"}", R"({"id":"sixteen letters."})"}) {
      users_stay_small(list_of(user, count));
      users_stay_small("{\"users\":" + list_of(user, count) + "}");
      users_stay_small("{\"x\":" + list_of(user, count) + ",\"users\":" + list_of(user, count) + "}");
      users_stay_small(list_of(user, count + 1, "[,"), false);
    }
    users_stay_small(list_of("{}", count + 1), false);
    users_stay_small(R"([{"id":"u",)" + list_of("\"\\n\":0", count + 1, "  ") + "}]");
    for (const std::string_view part : {"\\n", "\xFF", "\\ud83d", "a"}) {
      const std::string text = '"' + repeated(part, count) + '"';
      users_stay_small("[{\"id\":\"u\",\"status\":" + text + "}]");
      users_stay_small("{\"users\":[{\"id\":\"u\",\"x\":" + text + "}]," + text + ":" + text + "}");
      channels_stay_small("[{\"cid\":\"t:c\",\"x\":" + text + "}]");
      channels_stay_small("{\"channels\":[{\"cid\":\"t:c\",\"members\":[" + text + "]}]," + text + ":" + text + "}");
    }
    for (const std::string_view channel :
         {R"({"cid":":"})", R"({"channel":{"cid":"\n:"}})", R"({"type":"","id":"","members":["",{"user_id":""}]})",
          "{\"cid\":\":\",\"a\":\"\xFF\",\"b\":1,\"c\":[1,2]}"}) {
      channels_stay_small(list_of(channel, count));
      channels_stay_small("{\"channels\":" + list_of(channel, count) + "}");
      channels_stay_small("{\"x\":" + list_of(channel, count) + ",\"channels\":" + list_of(channel, count) + "}");
    }
    channels_stay_small(list_of("{}", count + 1), false);
    channels_stay_small(R"([{"cid":"t:c","members":)" + list_of("\"\"", count) + "}]");
    channels_stay_small(R"([{"cid":"t:c","members":)" + list_of("\"\\n\"", count) + R"(},{"cid":"\n:"}])");
    if (sizeof(Value) > 16) continue;
    channels_stay_small(R"([{"cid":"t:c")" + fields_of("\"\\n\"", count) + "}]");
    channels_stay_small(R"([{"cid":"t:c")" + fields_of("1", count) + R"(},{"cid":":"}])");
  }
}

TEST_CASE("reading a query takes at most 16 times its bytes of memory") {
  for (const std::size_t count : sizes()) {
    for (const std::string_view key :
         {R"({"a":1})", "{}", R"({"\n":1})", R"({"sixteen letters.":-1})", R"({"field":"a","direction":1})",
          R"({"direction":-1,"field":"\n"})", R"({"a":1,"b":1})"}) {
      query_stays_small("{\"sort\":" + list_of(key, count) + "}");
      query_stays_small("{\"sort\":" + list_of(key, count) + ",\"\\n\":\"\\n\"}");
      query_stays_small("{\"sort\":" + list_of(key, count) + ",\"limit\":-1}", false);
    }
    query_stays_small("{\"sort\":{\"first\":1" + fields_of("1", count) + "}}");
    query_stays_small("{\"sort\":{\"\\n\":1" + fields_of("-1", count) + "}}");
    query_stays_small("{\"sort\":{\"first\":1" + fields_of("1", count) + ",\"first\":1}}", false);
    query_stays_small("{\"sort\":{" + list_of("\"a\":1", count + 2, "  ") + "}}", false);
    query_stays_small("{" + list_of("\"sort\":[]", count + 2, "  ") + "}", false);
    if (sizeof(Value) > 16) continue;
    query_stays_small("{\"filter\":{\"id\":{\"$in\":" + list_of("\"\\n\"", count) + "}},\"x\":\"\\n\"}");
    query_stays_small("{\"filter\":{\"id\":" + list_of("1", count) + "},\"sort\":" + list_of(R"({"a":1})", count) +
                      "}");
    query_stays_small("{\"filter\":{},\"x\":" + list_of("[]", count) + "}");
    query_stays_small("{\"filter\":{\"a" + repeated("\\n", count) + "\":1},\"offset\":" + std::string(count + 1, '9') +
                      "}");
  }
}
