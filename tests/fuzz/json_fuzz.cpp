// SPDX-License-Identifier: MIT
// Reads strings as events, users, channels, lists, queries and timestamps, and so does a naive reader; both must say
// the same, or find the same wrong at the same place. Of filters, the grammar is compared. The first byte says whether
// the rest is such a text, or the changes that are made to one, or decides what text, event, user or channel is made.
// What is written must be read as what it was. What does not hold is told, and ends the program.
#include "naive_json.hpp"

#include <presence/base/result.hpp>
#include <presence/base/time.hpp>
#include <presence/json/channels.hpp>
#include <presence/json/events.hpp>
#include <presence/json/filters.hpp>
#include <presence/json/lists.hpp>
#include <presence/json/queries.hpp>
#include <presence/model/availability.hpp>
#include <presence/model/channel.hpp>
#include <presence/model/event.hpp>
#include <presence/model/fields.hpp>
#include <presence/model/user.hpp>
#include <presence/model/value.hpp>
#include <presence/query/filter.hpp>
#include <presence/query/query.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::size_t news = 0;

}  // namespace

// Not inline: GCC would see only one of a pair of these, and take it for a mistake.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++news;
  void* const block = std::malloc(bytes);
  if (block == nullptr) std::abort();
  return block;
}
// The fuzzer uses it, and gives back what it got to those below.
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return std::malloc(bytes); }
[[gnu::noinline]] void operator delete(void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept { std::free(block); }

namespace {

using namespace presence;
using naive::Answer;
using naive::Json;
using naive::Meaning;
using naive::Mistake;
using naive::Text;

[[noreturn]] void wrong(const char* what, std::string_view text) {
  std::fprintf(stderr, "json_fuzz: wrong: %s\n", what);
  for (const char c : text) {
    if (c >= ' ' && c <= '~') {
      std::fputc(c, stderr);
    } else {
      std::fprintf(stderr, "<%02X>", naive::byte_of(c));
    }
  }
  std::fputc('\n', stderr);
  std::abort();
}
void require(bool holds, const char* what, std::string_view text) {
  if (!holds) wrong(what, text);
}

/// The text in a block of its own that it fills, so that a sanitizer sees a read past its end; at an odd address.
class Exactly {
 public:
  explicit Exactly(std::string_view text) : block_(new char[text.size() + 1]), size_(text.size()) {
    text.copy(block_.get() + 1, text.size());
  }
  std::string_view text() const { return {block_.get() + 1, size_}; }

 private:
  std::unique_ptr<char[]> block_;
  std::size_t size_;
};

bool lies_in(std::string_view part, std::string_view whole) {
  const std::less_equal<const char*> before{};
  return part.empty() ||
         (before(whole.data(), part.data()) && before(part.data() + part.size(), whole.data() + whole.size()));
}

bool is_instant(Timestamp at) { return at != Timestamp::lowest() && at != Timestamp::highest(); }
bool is_instant(const std::optional<Timestamp>& at) { return !at || is_instant(*at); }

template <class Read, class T>
void require_same(const Result<Read>& read, const Answer<T>& expected, const char* what, std::string_view text) {
  if (!expected.mistake) {
    if (!read) std::fprintf(stderr, "refused at %zu: %s\n", read.error().offset, read.error().message);
    require(read.has_value(), what, text);
    return;
  }
  const Mistake mistake = *expected.mistake;
  const bool is_same = !read && read.error().code == mistake.code && read.error().offset == mistake.offset;
  if (!is_same) {
    std::fprintf(stderr, "expected error %d at %zu, not ", static_cast<int>(mistake.code), mistake.offset);
    if (read) {
      std::fprintf(stderr, "none\n");
    } else {
      std::fprintf(stderr, "%d at %zu\n", static_cast<int>(read.error().code), read.error().offset);
    }
  }
  require(is_same, what, text);
  require(read.error().message[0] != '\0', "an error is told", text);
}

// ---- timestamps ---------------------------------------------------------------------------------------------------

void check_written(Timestamp at) {
  const std::string text = to_string(at);
  require(text == naive::written(at.ns()), "an instant is written as it is", text);
  const Answer<std::int64_t> expected = naive::instant(text);
  require(expected.mistake.has_value() != is_instant(at) && (expected.mistake || expected.value == at.ns()),
          "an instant that is one can be read", text);
}

void read_timestamp(std::string_view given) {
  const Exactly exactly(given);
  const std::string_view text = exactly.text();
  const Answer<std::int64_t> expected = naive::instant(std::string(text));
  const std::size_t before = news;
  const Result<Timestamp> read = parse_timestamp(text);
  require(news == before, "an instant is read without memory", text);
  require_same(read, expected, "an instant is read as RFC 3339 says", text);
  if (!read) return;
  require(read->ns() == expected.value, "an instant is the right one", text);
  check_written(*read);
  const Result<Timestamp> again = parse_timestamp(to_string(*read));
  require(again && *again == *read, "an instant that was written reads as itself", text);
}

// ---- strings ------------------------------------------------------------------------------------------------------

void require_noted(const ReadNotes& notes, std::vector<Mistake> expected, const char* what, std::string_view text) {
  require(notes.count() == expected.size(), what, text);
  if (expected.size() > ReadNotes::max_kept) return;
  for (const Error& note : notes) {
    const auto is_it = [&note](const Mistake& odd) { return odd.code == note.code && odd.offset == note.offset; };
    const auto found = std::find_if(expected.begin(), expected.end(), is_it);
    require(found != expected.end() && note.message[0] != '\0', what, text);
    expected.erase(found);
  }
}

/// Whether no key has an escape, or a part that is replaced.
bool has_plain_keys(const Json& json) {
  const auto is_plain = [](const Json& key) { return key.is_as_written; };
  return std::all_of(json.keys.begin(), json.keys.end(), is_plain) &&
         std::all_of(json.elements.begin(), json.elements.end(), has_plain_keys);
}

void check_event(std::string_view text, const Text& tree) {
  const Meaning<PresenceEvent> expected = naive::event(tree), borrowed = naive::event(tree, false);
  ReadNotes notes;
  const Result<PresenceEvent> read = parse_event(text, ReadOptions(), &notes);
  require_same(read, expected, "an event is read as documented", text);
  if (read) require(*read == expected.value, "an event has the fields that it says", text);
  if (read) require_noted(notes, expected.odd, "what of an event is odd is noted", text);

  static EventBuffer buffer;
  const Result<PresenceEventView> buffered = parse_event(text, buffer, ReadOptions(), &notes);
  require_same(buffered, expected, "an event is read into a buffer as documented", text);
  if (buffered) {
    require(static_cast<PresenceEvent>(*buffered) == expected.value, "a buffered event has the fields it says", text);
    require(to_json(*buffered) == to_json(*read), "a buffered event is the same to the byte", text);
    require_noted(notes, expected.odd, "what of a buffered event is odd is noted", text);
  }

  const bool is_as_written = text.find('\\') == std::string_view::npos && tree.replaced.empty();
  const auto is_utf8 = [](const Mistake& replaced) { return replaced.code != ErrorCode::bad_utf8; };
  const bool fits =
      std::all_of(tree.replaced.begin(), tree.replaced.end(), is_utf8) && !tree.mistake && has_plain_keys(tree.value);
  std::string empty, roomy = "what was there before";
  roomy.reserve(text.size());
  for (std::string* const scratch : {&empty, &roomy}) {
    const std::size_t before = news;
    const Result<PresenceEventView> view = parse_event(text, *scratch);
    if (is_as_written || (fits && scratch == &roomy))
      require(news == before, "an event is borrowed without memory", text);
    if (is_as_written) require(*scratch == (scratch == &roomy ? "what was there before" : ""), "scratch is kept", text);
    require_same(view, borrowed, "an event is borrowed as documented", text);
    if (!view) continue;
    require(static_cast<PresenceEvent>(*view) == borrowed.value, "a borrowed event has the fields it says", text);
    const std::string_view value = view->value.kind() == ValueKind::string ? view->value.text() : std::string_view();
    for (const std::string_view part : {view->user, view->session, view->status.value_or(""), view->name, value})
      require(lies_in(part, text) || lies_in(part, *scratch), "an event borrows from nowhere else", text);
  }

  if (!read || !is_instant(read->at) || !is_instant(read->until) || !is_instant(read->last_active)) return;
  const std::string written = to_json(*read);
  const Result<PresenceEvent> again = parse_event(written);
  require(again && *again == *read, "an event that was written reads as itself", text);
  require(to_json(*again) == written, "an event is written the same again", text);
}

void check_user(std::string_view text, const Text& tree) {
  const Meaning<User> expected = naive::user(tree);
  ReadNotes notes;
  const Result<User> read = parse_user(text, ReadOptions(), &notes);
  require_same(read, expected, "a user is read as documented", text);
  if (!read) return;
  require(*read == expected.value, "a user has the fields that it says", text);
  require_noted(notes, expected.odd, "what of a user is odd is noted", text);
  if (!is_instant(read->last_active)) return;
  const std::string written = to_json(*read);
  const Result<User> again = parse_user(written);
  require(again && *again == *read, "a user that was written reads as itself", text);
  require(to_json(*again) == written, "a user is written the same again", text);
}

bool is_of_the_grammar(ErrorCode code) {
  return code == ErrorCode::syntax || code == ErrorCode::truncated || code == ErrorCode::trailing_bytes ||
         code == ErrorCode::bad_utf8 || code == ErrorCode::bad_escape;
}

/// What a filter means, another fuzzer asks. Its mistakes come in the order of the text, those of the grammar among
/// the others.
template <class T>
void check_grammar(const Result<T>& read, const std::optional<Mistake>& mistake, const char* what,
                   std::string_view text) {
  if (!read) {
    require(read.error().offset <= text.size() && read.error().message[0] != '\0', "an error says what and where",
            text);
  }
  if (!mistake) {
    require(read || !is_of_the_grammar(read.error().code), what, text);
  } else if (read || is_of_the_grammar(read.error().code) || read.error().offset >= mistake->offset) {
    Answer<T> expected;
    expected.mistake = mistake;
    require_same(read, expected, what, text);
  }
}

template <class T>
void check_rewritten(const Result<T>& read, Result<T> (*parse)(std::string_view), const char* what,
                     std::string_view text) {
  if (!read) return;
  const std::string written = to_json(*read);
  const Result<T> again = parse(written);
  require(again && *again == *read && to_json(*again) == written, what, text);
}

void check_filter(std::string_view text, const Text& tree) {
  const Result<Filter> read = parse_filter(text);
  check_grammar(read, tree.strict_mistake(), "a filter is of the grammar", text);
  check_rewritten(read, parse_filter, "a filter that was written reads as itself, and is written the same again", text);
}

void check_channel(std::string_view text, const Text& tree) {
  const Meaning<Channel> expected = naive::channel(tree);
  ReadNotes notes;
  const Result<Channel> read = parse_channel(text, ReadOptions(), &notes);
  require_same(read, expected, "a channel is read as documented", text);
  if (!read) return;
  require(*read == expected.value && to_json(*read) == to_json(expected.value), "a channel has the fields that it says",
          text);
  require_noted(notes, expected.odd, "what of a channel is odd is noted", text);
  check_rewritten<Channel>(read, parse_channel,
                           "a channel that was written reads as itself, and is written the same again", text);
}

template <class T, class Parse>
void check_list(const Meaning<std::vector<T>>& expected, const Parse& parse, const char* what, std::string_view text) {
  std::vector<T> elements;
  ReadNotes notes;
  const std::optional<Error> error =
      parse(text, ReadOptions(), &notes, [&elements](T&& element) { elements.push_back(std::move(element)); });
  require_same(error ? Result<int>(*error) : Result<int>(0), expected, what, text);
  require(elements == (error ? std::vector<T>() : expected.value), "a list has its elements, all or none", text);
  if (!error) require_noted(notes, expected.odd, "what of a list is odd is noted", text);
}

void check_lists(std::string_view text, const Text& tree, const Text& tree_around_values) {
  check_list(
      naive::users(tree_around_values),
      [](std::string_view json, const ReadOptions& options, ReadNotes* notes, auto fn) {
        return parse_users(json, options, notes, fn);
      },
      "a list of users is read as documented", text);
  check_list(
      naive::channels(tree),
      [](std::string_view json, const ReadOptions& options, ReadNotes* notes, auto fn) {
        return parse_channels(json, options, notes, fn);
      },
      "a list of channels is read as documented", text);
}

void check_value(std::string_view text, const Text& tree) {
  const Result<Value> read = parse_value(text);
  check_grammar(read, tree.strict_mistake(), "a value is of the grammar", text);
  if (tree.strict_mistake()) return;
  const Meaning<Value> expected = naive::value(tree);
  require_same(read, expected, "a value is read as documented", text);
  if (read) require(*read == expected.value, "a value is what it says", text);
  check_rewritten(read, parse_value, "a value that was written reads as itself, and is written the same again", text);
}

template <class T>
bool are_equal(const T& query, const Filter& filter, const std::vector<SortKey>& sort, std::size_t limit,
               std::size_t offset, bool presence) {
  return query.filter == filter && query.sort == sort && query.limit == limit && query.offset == offset &&
         query.presence == presence;
}

void check_query(std::string_view text, const Text& tree) {
  const auto text_of = [text](const Json& part) { return text.substr(part.offset, part.end - part.offset); };
  const Answer<naive::Query> expected = naive::query(tree, [&](const Json& filter) {
    const Result<Filter> alone = parse_filter(text_of(filter));
    return alone ? std::nullopt : std::optional<Mistake>(Mistake{alone.error().code, alone.error().offset});
  });
  const Result<UserQuery> users = parse_user_query(text);
  const Result<ChannelQuery> channels = parse_channel_query(text);
  require_same(users, expected, "a query is read as documented", text);
  require_same(channels, expected, "a query for channels is read as one for users", text);
  if (!users) return;
  const naive::Query& said = expected.value;
  const Filter filter = said.filter != nullptr ? *parse_filter(text_of(*said.filter)) : Filter();
  require(are_equal(*users, filter, said.sort, said.limit, said.offset, said.presence) &&
              are_equal(*channels, filter, said.sort, said.limit, said.offset, said.presence),
          "a query asks for what it says", text);
  const std::string written = to_json(*users);
  const Result<UserQuery> again = parse_user_query(written);
  require(again && are_equal(*again, filter, said.sort, said.limit, said.offset, said.presence) &&
              to_json(*again) == written && to_json(*channels) == written,
          "a query that was written reads as itself, and is written the same again", text);
}

void read_text(std::string_view given) {
  const Exactly exactly(given);
  const std::string_view text = exactly.text();
  const Text tree = naive::json(std::string(text)), tree_around_values = naive::json_around_values(std::string(text));
  check_event(text, tree_around_values);
  check_user(text, tree_around_values);
  check_filter(text, tree_around_values);
  check_channel(text, tree);
  check_lists(text, tree, tree_around_values);
  check_value(text, tree);
  check_query(text, tree_around_values);
}

/// Reads the text as the elements of lists, and as a part of a query.
void read_inside(std::string_view given) {
  const std::string text(given);
  for (const std::string& list :
       {"[" + text + "," + text + "]", "{\"x\":" + text + ",\"users\":[" + text + "],\"channels\":[" + text + "]}"}) {
    const Exactly exactly(list);
    check_lists(exactly.text(), naive::json(list), naive::json_around_values(list));
  }
  for (const std::string& query : {"{\"filter\":" + text + "}", "{\"limit\":3,\"sort\":[" + text + "]}"}) {
    const Exactly exactly(query);
    check_query(exactly.text(), naive::json_around_values(query));
  }
}

// ---- bytes to strings, events and users ---------------------------------------------------------------------------

constexpr std::array<std::string_view, 25> payloads = {
    R"({"type":"connect","user":"u","session":"s","at":"2019-01-07T13:17:42.375Z","invisible":true,"status":"zo\u00eb"})",
    R"({"type":"report","user":"猫","online":false,"at":-12,"status":"","last_active":"2016-12-31T23:59:60Z"})",
    R"({"type":"status","user":"u","session":null,"at":1546867062375000000,"status":"a\"b\\\ud83d\ude00"})",
    R"({"type":"user.presence.changed","created_at":"2020-03-30T07:54:46.207332Z","user":{"id":"bender","role":"user",)"
    R"("online":true,"last_active":"0001-01-01T00:00:00Z","custom":{"status":"\"Bite\"\t\/"},"teams":["a","b"]}})",
    R"({"type":"health.check","connection_id":"c\\","me":{"id":"bender","online":true,"devices":[{}]},"created_at":0})",
    R"( { "created_at":"2019-01-07T14:17:42+01:00" , "user":{"status":null,"online":false,"id":"é","custom":null},)"
    R"("type":"user.updated"} )",
    R"({"type":"message.new","user":{"id":"u"},"message":{"text":"x","n":[1.5e-3,-0,1E+5,null,{"y":[]},false]}})",
    R"({"id":"u","online":true,"status":"away","last_active":"2262-04-11T23:47:16.854775806Z","invisible":true})",
    R"({"type":"messaging","members":{"$in":["john","jack"]},"$or":[{"name":{"$autocomplete":"ro"}},{"level":3.5}]})",
    R"({"type":"disconnect","user":"u","session":"s","at":"1677-09-21T00:12:43.145224193Z","online":true})",
    R"({"type":"messaging","id":"general","cid":"messaging:general","members":["john",{"user_id":"jack","user":null},)"
    R"({"user":{"id":"mary","name":"M"},"role":"x"}],"name":"General","level":-2.5e1,"tags":["a",1,null,true,0.1]})",
    R"({"cid":"livestream:a:b","members":null,"created_by":{"id":"u"},"config":[1,[],1e999],"n":12,"x":[[]],"m":[]})",
    R"({"channel":{"cid":"t:c","created_at":"2020-01-28T22:17:31Z","created_by":{"id":"u"},"own_capabilities":["x"]},)"
    R"("members":[{"user_id":"u","user":{"id":"u","online":false}},{"user":{"id":"v"}},{"user_id":7}],"read":[{}]})",
    R"({"type":"user.updated","created_at":1546867062375,"user":{"id":"u","online":true,"name":"a\ud83d","status":7,)"
    R"("last_active":"","custom":{"status":"b\udc00"},"invisible":0}})",
    R"({"type":"visible","user":"u","at":"2019-01-07T13:17:42.375Z","invisible":false,"status":"a","until":0})",
    R"({"type":"remove","user":"u","at":1546867062375000000,"until":"2019-01-07T13:17:42.375000001Z","session":""})",
    R"({"type":"user.deleted","created_at":1546867062,"user":{"id":"u","online":1,"online":2,"status":"\ud83d"}})",
    R"({"type":"update","user":"u","session":"s","at":1546867062375000000,"availability":"b\u0075sy","priority":-128})",
    R"({"type":"availability","user":"u","at":"2019-01-07T13:17:42.375Z","until":null,"availability":"offline"})",
    R"({"type":"user.presence.changed","created_at":1546867062375000000,"user":{"availability":"dnd","id":"u",)"
    R"("online":true,"availability":"away"}})",
    R"({"type":"update","user":"u","session":"s","at":1546867062375000000,"activity":{"map":"harbour","in":[1,{"a":2.5}]}})",
    R"({"type":"data","user":"u","at":"2019-01-07T13:17:42.375Z","name":"im\u0061ge","value":{"url":"https:\/\/x","n":[1,null]}})",
    R"({"type":"report","user":"u","online":true,"at":1546867062375000000,"data":{"name":"U","b":{"c":[]}},"activity":{}})",
    R"({"type":"user.updated","created_at":1546867062375000000,"user":{"id":"u","online":true,"name":"Kim","banned":true,)"
    R"("x":[[]],"activity":{"a":1},"b":1e999,"b":2,"":3,"z":{"y":"\ud83d"},"created_at":7,"teams":["red"],"k":null}})",
    R"({"id":"u","online":true,"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":10,"activity":{"x":{"y":{}}}})"};

constexpr std::array<std::string_view, 8> instants = {
    "2019-01-07T13:17:42.375Z",  "1677-09-21T00:12:43.145224193Z", "2262-04-11T23:47:16.854775806Z",
    "2016-12-31T15:59:60-08:00", "0001-01-01T00:00:00Z",           "2000-02-29t23:59:59.000000001z",
    "1900-02-28T00:00:00+23:59", "1969-12-31T23:59:59.999999Z"};

constexpr std::array<std::string_view, 52> pieces = {"\"",
                                                     "\\",
                                                     ":",
                                                     ",",
                                                     "{",
                                                     "}",
                                                     "[",
                                                     "]",
                                                     "null",
                                                     "true",
                                                     "false",
                                                     "0",
                                                     "-",
                                                     ".",
                                                     "e",
                                                     "+",
                                                     " ",
                                                     "\n",
                                                     "\\u",
                                                     "\\ud83d",
                                                     "\\ude00",
                                                     "\\u0000",
                                                     "\\n",
                                                     "\\/",
                                                     "\xF0",
                                                     "\x9F\x98\x80",
                                                     "\xED\xA0\x80",
                                                     "\xC3",
                                                     "\x80",
                                                     "\xE0\x9F",
                                                     "\x1F",
                                                     "\x7F",
                                                     "\"\"",
                                                     "[[[[",
                                                     "{\"\":{\"\":",
                                                     "9223372036854775807",
                                                     "\"user\"",
                                                     "\"type\"",
                                                     "\"status\":",
                                                     "\"at\":null,",
                                                     "60",
                                                     "31",
                                                     "Z",
                                                     "T23:59:60",
                                                     "01",
                                                     "\\u0061",
                                                     "1e400",
                                                     "2262-04-11T23:47:16.854775807Z",
                                                     "\"activity\":{",
                                                     "\"data\":{",
                                                     "\"value\":",
                                                     "{\"a\":["};

/// The values that keys of events have, and others.
constexpr std::array<std::string_view, 78> values = {"null",
                                                     "true",
                                                     "false",
                                                     "0",
                                                     "-0",
                                                     "-9223372036854775808",
                                                     "9223372036854775807",
                                                     "9223372036854775808",
                                                     "-9223372036854775809",
                                                     "18446744073709551616",
                                                     "1e3",
                                                     "1.0",
                                                     "\"\"",
                                                     "\"u\"",
                                                     "\"\\u0075\"",
                                                     "\"0001-01-01T00:00:00Z\"",
                                                     "\"0001-06-15T12:00:00\\u002b05:00\"",
                                                     "\"2019-01-07T13:17:42.375Z\"",
                                                     "\"2019-01-07T13:17:42.375\\u005a\"",
                                                     "\"2019-02-29T13:17:42Z\"",
                                                     "\"2019-01-07 13:17:42Z\"",
                                                     "\"2019-01-07T13:17:42\\/\"",
                                                     "\"2019-01-07T\"",
                                                     "\"2019-01-07T13:17:42Z \"",
                                                     "\"2262-04-11T23:47:16.854775807Z\"",
                                                     "{}",
                                                     "[]",
                                                     "[{},[]]",
                                                     "\"connect\"",
                                                     "\"disconnect\"",
                                                     "\"heartbeat\"",
                                                     "\"status\"",
                                                     "\"report\"",
                                                     "\"user.presence.changed\"",
                                                     "\"user.updated\"",
                                                     "\"health.check\"",
                                                     "\"visible\"",
                                                     "\"remove\"",
                                                     "\"user.deleted\"",
                                                     "\"message.new\"",
                                                     "\"r\\u0065port\"",
                                                     "\"Report\"",
                                                     "{\"status\":1,\"status\":{}}",
                                                     "\"messaging\"",
                                                     "\"a:u\"",
                                                     "\"report:u\"",
                                                     "\":\"",
                                                     "-1.5e300",
                                                     "1e309",
                                                     "5e-324",
                                                     "[\"u\",{\"user_id\":\"u\"},{\"user\":{\"id\":\"u\"}}]",
                                                     "[{\"user_id\":\"u\",\"user\":{\"id\":\"v\"}}]",
                                                     "[{\"user\":{\"id\":\"u\",\"id\":1},\"user_id\":null}]",
                                                     "[1,0.5,true,null,\"u\"]",
                                                     "[{\"user_id\":\"u\"},1e400,[],1e400]",
                                                     "1546867062",
                                                     "1546867062375",
                                                     "1546867062375000",
                                                     "946684799999999999",
                                                     "7289654400000000000",
                                                     "\"a\\ud83d\"",
                                                     "\"\xFF\xC3\\n\"",
                                                     "{\"cid\":\"a:u\",\"members\":[\"u\"]}",
                                                     "\"active\"",
                                                     "\"update\"",
                                                     "\"availability\"",
                                                     "\"away\"",
                                                     "\"\\u0069dle\"",
                                                     "\"offline\"",
                                                     "\"available\\u0000\"",
                                                     "127",
                                                     "-128",
                                                     "-129",
                                                     "\"data\"",
                                                     "{\"map\":\"harbour\",\"n\":[1,2.5,null]}",
                                                     "{\"a\":{\"b\":[{}]},\"\\u0061\":1}",
                                                     "{\"x\":[[]]}",
                                                     "{\"x\":\"\xFF\"}"};

constexpr std::array<std::string_view, 44> keys = {"\"type\"",
                                                   "\"user\"",
                                                   "\"session\"",
                                                   "\"online\"",
                                                   "\"at\"",
                                                   "\"invisible\"",
                                                   "\"status\"",
                                                   "\"last_active\"",
                                                   "\"created_at\"",
                                                   "\"me\"",
                                                   "\"id\"",
                                                   "\"custom\"",
                                                   "\"t\\u0079pe\"",
                                                   "\"us\\u0065r\"",
                                                   "\"\\u0061t\"",
                                                   "\"\"",
                                                   "\"Type\"",
                                                   "\"statu\"",
                                                   "\"$in\"",
                                                   "\"name\"",
                                                   "\"until\"",
                                                   "\"unt\\u0069l\"",
                                                   "\"$or\"",
                                                   "\"use\\r\"",
                                                   "\"last_activ\\u0065\"",
                                                   "\"created_a\"",
                                                   "\"members\"",
                                                   "\"cid\"",
                                                   "\"user_id\"",
                                                   "\"memb\\u0065rs\"",
                                                   "\"a\"",
                                                   "\"\\u0061\"",
                                                   "\"channel\"",
                                                   "\"\xFF\\ud83d\"",
                                                   "\"availability\"",
                                                   "\"priority\"",
                                                   "\"avail\\u0061bility\"",
                                                   "\"activity\"",
                                                   "\"data\"",
                                                   "\"value\"",
                                                   "\"n\\u0061me\"",
                                                   "\"banned\"",
                                                   "\"image\"",
                                                   "\"d\\u0061ta\""};

/// Parts of lists and queries.
constexpr std::array<std::string_view, 8> list_beginnings = {"[",
                                                             "{\"users\":[",
                                                             "{\"channels\":[",
                                                             " { \"duration\" : \"5ms\" , \"users\" : [ ",
                                                             "{\"us\\u0065rs\":[",
                                                             "{\"x\":\"\xFF\",\"channels\":[",
                                                             "{\"users\":[],\"channels\":[",
                                                             "{\"users\":null,\"users\":["};
constexpr std::array<std::string_view, 16> list_elements = {
    R"({"id":"u"})",
    R"({"id":"v","online":true,"status":"a\n\ud83d"})",
    "{\"id\":\"w\",\"status\":\"\xFF\xFF\",\"last_active\":\"\"}",
    R"({"online":true})",
    R"({"id":7})",
    R"({"id":"u","online":1})",
    R"({"cid":"t:c"})",
    R"({"type":"t","id":"u","members":["a",7,{"user_id":"b"}],"x":[1,"\n"],"y":{}})",
    R"({"channel":{"cid":"t:c","members":["x"]},"members":[{"user":{"id":"a"}}]})",
    R"({"channel":{"type":"t"},"cid":"t:c"})",
    R"({"type":"t","id":"u","cid":"t:v"})",
    R"({"id":"u","id":"v"})",
    "7",
    "[]",
    "null",
    "{}"};
constexpr std::array<std::string_view, 5> list_ends = {"]", "]}", "],\"y\":\"\xFE\"}", "", "],\"channels\":[]}"};
constexpr std::array<std::string_view, 12> query_keys = {
    "\"filter_conditions\"", "\"filter\"", "\"sort\"",  "\"limit\"",       "\"offset\"",  "\"presence\"",
    "\"s\\u006frt\"",        "\"watch\"",  "\"state\"", "\"l\\u0069mit\"", "\"user_id\"", "\"Limit\""};
constexpr std::array<std::string_view, 40> query_values = {"{}",
                                                           R"({"id":{"$in":["u","v"]}})",
                                                           R"({"online":true,"status":{"$autocomplete":"ro"}})",
                                                           R"({"$or":[{"a":1},{"b":{"$gt":0.5}}]})",
                                                           R"({"$foo":1})",
                                                           R"({"a":{"$foo":1}})",
                                                           R"({"a":1,"\u0061":2})",
                                                           R"({"a":{"$in":1}})",
                                                           R"({"a":1e999})",
                                                           "[]",
                                                           R"([{"field":"last_active","direction":-1}])",
                                                           R"([{"direction":1,"field":"n\u0061me"},{"a":-1}])",
                                                           R"([{"last_active":-1},{"name":1}])",
                                                           R"({"last_active":-1,"name":1})",
                                                           R"({"field":"a","direction":1,"x":[]})",
                                                           R"([{"field":"a"}])",
                                                           R"([{"direction":1}])",
                                                           R"([{"field":null,"direction":1}])",
                                                           R"([{"field":"","direction":1}])",
                                                           R"([{"":1}])",
                                                           R"([{"a":1,"a":1}])",
                                                           R"([{"field":"a","field":"a","direction":1}])",
                                                           R"([{"a":2}])",
                                                           R"([{"a":"1"}])",
                                                           R"([{"a":-1.0}])",
                                                           R"([{},{}])",
                                                           R"([[]])",
                                                           R"(["a"])",
                                                           "30",
                                                           "0",
                                                           "-0",
                                                           "-1",
                                                           "1.0",
                                                           "1e2",
                                                           "18446744073709551615",
                                                           "18446744073709551616",
                                                           "999999999999999999999999",
                                                           "true",
                                                           "\"30\"",
                                                           "null"};

constexpr std::array<std::string_view, 10> custom_names = {"name", "type", "id",     "cid",      "members",
                                                           "a",    "\"\n", "banned", "activity", ""};

/// Where a key finds a value that it needs.
std::string_view fitting(std::string_view key) {
  if (key == "\"type\"") return "\"report\"";
  if (key == "\"online\"" || key == "\"invisible\"") return "true";
  if (key == "\"user\"" || key == "\"session\"" || key == "\"status\"" || key == "\"id\"") return "\"u\"";
  if (key == "\"availability\"") return "\"away\"";
  if (key == "\"priority\"") return "-5";
  if (key == "\"members\"") return "[\"u\"]";
  if (key == "\"cid\"") return "\"report:u\"";
  if (key == "\"me\"" || key == "\"custom\"") return "{}";
  if (key == "\"activity\"" || key == "\"data\"") return R"({"map":"harbour"})";
  if (key == "\"name\"" || key == "\"image\"") return "\"u\"";
  if (key == "\"value\"") return R"([1,{"a":"b"}])";
  if (key == "\"channel\"") return R"({"cid":"report:u"})";
  return "1546867062375000000";
}

class Maker {
 public:
  Maker(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  void change_payload() { read_text(changed(any(payloads))); }
  void change_instant() { read_timestamp(changed(any(instants))); }

  void make_text() {
    std::string text = take() % 16 == 0 ? " \t\r\n" : "";
    add_object(text, 3);
    const unsigned after = take();
    if (after >= 240) text += any(pieces);
    read_text(text);
  }

  /// What is written is read back, by the naive reader too.
  void make_event() {
    PresenceEvent event;
    event.type = any(std::array<EventType, 11>{EventType::connect, EventType::disconnect, EventType::heartbeat,
                                               EventType::set_status, EventType::report, EventType::set_visible,
                                               EventType::remove, EventType::active, EventType::update,
                                               EventType::set_availability, EventType::set_data});
    const unsigned has = take();
    event.user = a_text();
    event.session = a_text();
    event.at = an_instant();
    if (has & 1) event.invisible = (has & 2) != 0;
    if (has & 4) event.status = a_text();
    event.online = (has & 8) != 0;
    if (has & 16) event.last_active = an_instant();
    if (has & 32) event.until = an_instant();
    if (has & 64) event.availability = an_availability();
    if (has & 128) event.priority = static_cast<std::int8_t>(static_cast<int>(take()) - 128);
    PresenceEvent expected = event;
    const unsigned content = take();
    if (content & 1) event.activity = some_fields(expected.activity.emplace());
    if (content & 2) event.data = some_fields(expected.data.emplace());
    if (content & 4) expected.name = event.name = a_text();
    if (content & 8) {
      const std::optional<Value> value = a_value(expected.value);
      event.value = value ? *value : Value(UINT64_MAX);  // which none holds
    }
    const bool is_value = is_json(event.value);
    if (!is_value) expected.value = Value();

    const std::string text = to_json(event);
    require(to_json(PresenceEventView(event)) == text, "a view is written the same", text);
    const Text tree = naive::json(text);
    require(!tree.mistake, "what is written is JSON", text);
    std::string expected_keys = "type user ";
    const bool is_of_session = event.type == EventType::connect || event.type == EventType::disconnect ||
                               event.type == EventType::heartbeat || event.type == EventType::active ||
                               event.type == EventType::update;
    if (is_of_session || !event.session.empty()) expected_keys += "session ";
    if (event.type == EventType::report || event.online) expected_keys += "online ";
    expected_keys += "at ";
    if (event.invisible) expected_keys += "invisible ";
    if (event.status) expected_keys += "status ";
    if (event.until) expected_keys += "until ";
    if (event.availability) expected_keys += "availability ";
    if (event.priority) expected_keys += "priority ";
    if (event.last_active) expected_keys += "last_active ";
    const bool is_data = event.type == EventType::set_data;
    if (event.activity) expected_keys += "activity ";
    if (is_data || !event.name.empty()) expected_keys += "name ";
    if (is_value && (is_data || event.value.kind() != ValueKind::null)) expected_keys += "value ";
    if (event.data) expected_keys += "data ";
    require(keys_of(tree.value) == expected_keys, "an event is written with its keys", text);

    expected.user = naive::repaired(event.user);
    expected.name = naive::repaired(event.name);
    expected.session = naive::repaired(event.session);
    if (event.status) expected.status = naive::repaired(*event.status);
    const bool is_whole = is_instant(event.at) && is_instant(event.until) && is_instant(event.last_active) &&
                          (event.type != EventType::set_status || event.status) &&
                          (event.type != EventType::set_visible || event.invisible) && (!is_data || is_value);
    const Meaning<PresenceEvent> said = naive::event(tree);
    require(said.mistake.has_value() != is_whole && (said.mistake || said.value == expected), "an event is written",
            text);
    read_text(text);
  }

  void make_user() {
    const User user = a_user(read_form_);
    const std::string text = to_json(user);
    require(to_json(UserView(user)) == text, "a view is written the same", text);
    const Text tree = naive::json(text);
    require(!tree.mistake, "what is written is JSON", text);
    require(keys_of(tree.value) == keys_of(user), "a user is written with its keys", text);
    const Meaning<User> said = naive::user(tree);
    require(!said.mistake, "a user is written", text);
    // What is beyond a limit is odd.
    if (said.odd.empty()) require(said.value == read_form_, "a user is written with what they have", text);
    read_text(text);
  }

  void make_change() {
    const unsigned has = take();
    UserPresenceChanged change;
    change.id = a_text();
    change.at = an_instant();
    User read_before;
    read_form_ = User();
    if (has & 1) change.after = a_user(read_form_);
    if (has & 2) change.before = a_user(read_before);
    if (!change.after) read_form_.id = naive::repaired(change.id);

    const std::string text = to_json(change);
    UserPresenceChangedView view;
    view.id = change.id;
    view.at = change.at;
    if (change.after) view.after = UserView(*change.after);
    require(to_json(view) == text, "a view is written the same", text);
    const Text tree = naive::json(text);
    require(!tree.mistake, "what is written is JSON", text);
    // After it the user is as described, or unknown to others.
    const std::string expected_keys = change.after ? keys_of(*change.after) : std::string("id ");
    require(keys_of(tree.value) == "type created_at user " && keys_of(tree.value.elements[2]) == expected_keys,
            "a change is written with its keys", text);

    const Meaning<PresenceEvent> said = naive::event(tree);
    const bool is_whole = is_instant(change.at) && !(change.after ? change.after->id : change.id).empty();
    require(said.mistake.has_value() != is_whole, "a change can be read", text);
    if (is_whole && said.odd.empty()) {
      const PresenceEvent expected =
          change.after ? PresenceEvent::report(read_form_, change.at) : PresenceEvent::remove(read_form_.id, change.at);
      require(said.value == expected, "a change reads as a report, or a removal", text);
    }
    read_text(text);
  }

  void make_channel() {
    Channel channel, expected;
    channel.type = a_text();
    channel.id = a_text();
    expected.type = naive::repaired(channel.type);
    expected.id = naive::repaired(channel.id);
    for (unsigned left = take() % 4; left > 0; --left) {
      channel.members.push_back(a_text());
      expected.members.push_back(naive::repaired(channel.members.back()));
    }
    for (unsigned left = take() % 8; left > 0; --left) {
      const std::string name = take() % 2 == 0 ? a_text() : std::string(any(custom_names));
      if (channel.custom.find(name) != nullptr) continue;
      Value expected_value;
      const std::optional<Value> value = a_value(expected_value);
      channel.custom[name] = value ? *value : Value(UINT64_MAX);  // which none holds
      const bool is_hidden = name == "type" || name == "id" || name == "cid" || name == "members";
      if (value && !is_hidden && naive::repaired(name) == name) expected.custom[name] = expected_value;
    }
    const std::string text = to_json(channel);
    const Text tree = naive::json(text);
    require(!tree.mistake, "what is written is JSON", text);
    const Meaning<Channel> said = naive::channel(tree);
    require(!said.mistake && said.value == expected, "a channel is written", text);
    std::string expected_keys = "type id members ";
    for (const Attributes::Entry& field : expected.custom) expected_keys += field.name + ' ';
    require(keys_of(tree.value) == expected_keys, "a channel is written with its keys", text);
    read_text(text);
  }

  void make_body() {
    const unsigned how = take();
    std::string text;
    if (how % 2 == 0) {
      text = any(list_beginnings);
      for (unsigned left = how / 2 % 8; left > 0; --left) {
        text += any(list_elements);
        if (left > 1) text += how < 192 ? "," : " , ";
      }
      text += any(list_ends);
    } else {
      text = "{";
      for (unsigned left = how / 2 % 8; left > 0; --left) {
        text += any(query_keys);
        text += how < 192 ? ":" : " : ";
        text += any(query_values);
        if (left > 1) text += ',';
      }
      text += '}';
    }
    read_text(changed(text));
  }

  void make_instant() {
    const Timestamp at = an_instant();
    check_written(at);
    read_timestamp(to_string(at));
  }

 private:
  unsigned take() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  template <class T, std::size_t N>
  T any(const std::array<T, N>& of) {
    return of[take() % N];
  }
  std::string take_text(std::size_t size) {
    std::string text;
    for (; size > 0 && size_ > 0; --size) text += static_cast<char>(static_cast<unsigned char>(take()));
    return text;
  }

  static std::string keys_of(const Json& object) {
    std::string names;
    for (const Json& key : object.keys) names += key.text + ' ';
    return names;
  }
  static std::string keys_of(const User& user) {
    const bool is_said =
        user.online && user.availability != Availability::offline && user.availability != Availability::available;
    return std::string("id online status ") + (is_said ? "availability " : "") +
           (user.last_active ? "last_active " : "") + (user.invisible ? "invisible " : "") +
           (user.online && !user.activity.empty() ? "activity " : "") + names_of_data(user);
  }
  static std::string names_of_data(const User& user) {
    std::string names;
    for (const Attributes::Entry& field : user.data) {
      if (is_written(field.name)) names += field.name + ' ';
    }
    return names;
  }
  static bool is_written(const std::string& name) {
    for (const char* const reserved : {"", "id", "online", "status", "last_active", "invisible", "availability",
                                       "activity", "custom", "created_at", "updated_at", "deleted_at"}) {
      if (name == reserved) return false;
    }
    return naive::repaired(name) == name;
  }
  /// Spans are replaced, put in or taken out for as long as there are bytes.
  std::string changed(std::string_view from) {
    std::string text(from);
    while (size_ > 0) {
      const unsigned how = take();
      const std::size_t at = (how / 64 * 256 + take()) % (text.size() + 1);
      const std::size_t gone = how % 4 == 0 ? 0 : how % 4 == 1 ? take() % 16 : how % 4 == 2 ? 1 : text.size();
      std::string put;
      switch (how / 4 % 8) {
        case 0: break;
        case 1: put = take_text(take() % 8); break;
        case 2: {
          const std::string_view piece = any(pieces);
          for (unsigned times = take() % 72; times > 0; --times) put += piece;
          break;
        }
        case 3: put = any(values); break;
        case 4: put = any(keys); break;
        case 5: put = take_text(1); break;
        default: put = any(pieces); break;
      }
      // Cut off there is what is taken rarely, so that the end is reached.
      if (how % 4 == 3 && how < 192) {
        text.insert(at, put);
      } else {
        text.replace(at, gone, put);
      }
      if (text.size() > 4096) text.resize(4096);
    }
    return text;
  }

  void add_object(std::string& text, unsigned deeper) {
    const unsigned levels = take();
    if (levels >= 248 && deeper == 3) {  // about as deep as is followed
      const std::size_t deeper_still = take();
      const std::size_t depth = (deeper_still < 128 ? 62 : 126) + deeper_still % 4;
      for (std::size_t i = 0; i < depth; ++i) text += levels % 2 == 0 ? "[" : "{\"user\":";
      text += any(values);
      for (std::size_t i = 0; i < depth; ++i) text += levels % 2 == 0 ? ']' : '}';
      return;
    }
    text += '{';
    for (unsigned count = levels % 12; count > 0; --count) {
      const unsigned byte = take();
      const std::string_view key = keys[byte < 192 ? byte % 12 : byte % keys.size()];
      text += key;
      text += ':';
      const unsigned kind = take();
      if (kind < 128) {
        text += fitting(key);
      } else if (kind < 160 && deeper > 0) {
        add_object(text, deeper - 1);
      } else if (kind < 176) {
        text += '"';
        text += changed_shortly(any(instants));
        text += '"';
      } else {
        text += any(values);
      }
      if (count > 1) text += byte == 255 ? " , " : ",";
    }
    text += '}';
  }
  std::string changed_shortly(std::string_view from) {
    std::string text(from);
    const unsigned at = take();
    if (at < text.size()) text.replace(at, take() % 2, take_text(1));
    return text;
  }

  std::string a_text() {
    const unsigned how = take();
    if (how < 128) return take_text(how % 16);
    std::string text;
    for (unsigned count = how % 8; count > 0; --count) {
      switch (take() % 4) {
        case 0: text += take_text(1); break;
        case 1: text += std::string(take() % 20, 'a'); break;
        default: text += any(pieces); break;
      }
    }
    return text;
  }

  Timestamp an_instant() {
    const unsigned how = take();
    constexpr std::int64_t a_day = 86400000000000;
    switch (how % 8) {
      case 0: return Timestamp::from_ns(1546867062375000000);
      case 1: return Timestamp::lowest() + Duration::from_ns(how / 8 % 3);
      case 2: return Timestamp::highest() - Duration::from_ns(how / 8 % 3);
      case 3: return Timestamp::from_ns((static_cast<std::int64_t>(take() * 256 + take()) - 32768) * a_day);
      case 4: return Timestamp::from_ms(static_cast<std::int64_t>(take()) - 128);
      case 5: return Timestamp::from_ns((static_cast<std::int64_t>(take()) - 128) * 1000);
      case 6: return Timestamp::from_ns(static_cast<std::int64_t>(take()) - 128);
      default: {
        std::uint64_t bits = 0;
        for (int i = 0; i < 8; ++i) bits = bits << 8 | take();
        return Timestamp::from_ns(static_cast<std::int64_t>(bits));
      }
    }
  }

  /// Absent: one that is invalid. As it is read when it was written, it is `read`.
  std::optional<Value> a_scalar(Value& read) {
    const unsigned how = take();
    switch (how % 8) {
      case 0: return read = Value();
      case 1: return read = Value(how / 8 % 2 == 1);
      case 2: return read = Value(an_instant().ns());
      case 3: {
        const std::int64_t bits = an_instant().ns();
        double number = 0;
        static_assert(sizeof(number) == sizeof(bits), "a double has 64 bits");
        std::memcpy(&number, &bits, sizeof(bits));
        read = std::isfinite(number) ? Value(number) : Value();
        return Value(number);
      }
      case 4: return read = Value(static_cast<double>(how) / 8);
      case 5: {
        const Timestamp at = an_instant();
        read = Value(naive::written(at.ns()));
        return Value(at);
      }
      default: {
        const std::string text = a_text();
        read = Value(naive::repaired(text));
        return Value(text);
      }
    }
  }
  std::optional<Value> a_value(Value& read, unsigned levels = 3) {
    const unsigned how = take();
    if (how >= 240) return std::nullopt;
    if (how >= 192 && levels > 0) {
      Attributes members, read_members;
      for (unsigned left = how % 6; left > 0; --left) {
        const std::string name = take() % 2 == 0 ? a_text() : std::string(any(custom_names));
        Value read_member;
        const std::optional<Value> member = a_value(read_member, levels - 1);
        if (!member) return std::nullopt;
        members[name] = *member;
        if (naive::repaired(name) == name) read_members[name] = read_member;
      }
      read = Value::object(std::move(read_members));
      return Value::object(std::move(members));
    }
    if (how % 3 > 0) return a_scalar(read);
    std::vector<Value> elements, read_elements;
    for (unsigned left = how / 3 % 5; left > 0; --left) {
      read_elements.emplace_back();
      elements.push_back(*a_scalar(read_elements.back()));
    }
    read = Value::array(read_elements);
    return Value::array(elements);
  }

  Availability an_availability() {
    return any(std::array<Availability, 5>{Availability::offline, Availability::idle, Availability::away,
                                           Availability::busy, Availability::available});
  }

  /// No number in it is infinite or none, and nothing is invalid.
  static bool is_json(const Value& value) {
    const auto is = [](const auto& part) { return is_json(part); };
    if (value.kind() == ValueKind::invalid) return false;
    if (value.kind() == ValueKind::real) return std::isfinite(value.view().real());
    const auto elements = value.elements();
    const auto members = value.members();
    return std::all_of(elements.begin(), elements.end(), is) &&
           std::all_of(members.begin(), members.end(), [](const ValueMember& one) { return is_json(one.value()); });
  }
  /// As they are read when they were written, they are `read`.
  Attributes some_fields(Attributes& read) {
    Attributes fields;
    for (unsigned left = take() % 8; left > 0; --left) {
      const std::string name = take() % 2 == 0 ? a_text() : std::string(any(custom_names));
      if (fields.find(name) != nullptr) continue;
      Value read_value;
      const std::optional<Value> value = a_value(read_value);
      fields[name] = value ? *value : Value(UINT64_MAX);  // which none holds
      if (naive::repaired(name) == name) read[name] = value ? read_value : Value();
    }
    return fields;
  }

  /// As they are read when they were written, they are `read`, but for the limits.
  User a_user(User& read) {
    User user;
    const unsigned has = take();
    user.id = a_text();
    user.online = (has & 1) != 0;
    user.status = a_text();
    if (has & 2) user.last_active = an_instant();
    user.invisible = (has & 4) != 0;
    if (has & 8) user.availability = an_availability();
    Attributes activity, data;
    if (has & 16) user.activity = some_fields(activity);
    if (has & 32) user.data = some_fields(data);
    read = user;
    if (!is_instant(user.last_active)) read.last_active.reset();
    read.id = naive::repaired(user.id);
    read.status = naive::repaired(user.status);
    read.activity = user.online ? activity : Attributes();
    read.data = Attributes();
    for (const Attributes::Entry& field : data) {
      if (is_written(field.name) && !naive::is_no_data(field.name) && field.value.kind() != ValueKind::null)
        read.data[field.name] = field.value;
    }
    return user;
  }

  const std::uint8_t* data_;
  std::size_t size_;
  User read_form_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  Maker maker(data + 1, size - 1);
  switch (data[0] % 8) {
    case 0:
      read_text(rest);
      read_inside(rest);
      break;
    case 1: read_timestamp(rest); break;
    case 2: maker.change_payload(); break;
    case 3: maker.change_instant(); break;
    case 4: maker.make_text(); break;
    case 5: maker.make_event(); break;
    case 6: maker.make_change(); break;
    default:
      if (data[0] / 8 % 4 == 0) {
        maker.make_instant();
      } else if (data[0] / 8 % 4 == 1) {
        maker.make_user();
      } else if (data[0] / 8 % 4 == 2) {
        maker.make_channel();
      } else {
        maker.make_body();
      }
      break;
  }
  return 0;
}
