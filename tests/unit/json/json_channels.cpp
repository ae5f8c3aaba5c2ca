// SPDX-License-Identifier: MIT
#include "../rooms.hpp"

#include <presence/json/channels.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace support;

namespace {

/// Parses a copy of exactly the size of the text, so that a sanitizer sees a read past its end.
Result<Channel> parse_exactly(std::string_view text, const ReadOptions& options = {}, ReadNotes* notes = nullptr) {
  const std::unique_ptr<char[]> exact(new char[text.size() + 1]);
  char* const start = exact.get() + 1;
  text.copy(start, text.size());
  return parse_channel(std::string_view(start, text.size()), options, notes);
}

Channel read(std::string_view text) {
  CAPTURE(std::string(text));
  const auto channel = parse_exactly(text);
  REQUIRE(channel);
  return *channel;
}

/// Checks the error of a string with a '^' before the byte at the error's offset.
void refused(ErrorCode code, std::string marked) {
  CAPTURE(marked);
  const std::size_t offset = marked.find('^');
  REQUIRE(offset != std::string::npos);
  marked.erase(offset, 1);
  const auto channel = parse_exactly(marked);
  REQUIRE_FALSE(channel);
  CHECK(static_cast<int>(channel.error().code) == static_cast<int>(code));
  CHECK(channel.error().offset == offset);
  CHECK(std::string(channel.error().message) != "");
}

/// The same inside `{"type":"t","id":"c",…}`.
void refused_in_channel(ErrorCode code, const std::string& marked) {
  refused(code, R"({"type":"t","id":"c",)" + marked + "}");
}

/// Checks the channel read from a string, and that exactly the places marked by '^' are noted, with this code.
void passed_over(ErrorCode code, std::string marked, const Channel& expected, const ReadOptions& options = {}) {
  CAPTURE(marked);
  std::vector<std::size_t> offsets;
  for (std::size_t at = marked.find('^'); at != std::string::npos; at = marked.find('^')) {
    offsets.push_back(at);
    marked.erase(at, 1);
  }
  ReadNotes notes;
  const auto channel = parse_exactly(marked, options, &notes);
  REQUIRE(channel);
  CHECK(*channel == expected);
  REQUIRE(notes.count() == offsets.size());
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    CHECK(static_cast<int>(notes.begin()[i].code) == static_cast<int>(code));
    CHECK(notes.begin()[i].offset == offsets[i]);
    CHECK(std::string(notes.begin()[i].message) != "");
  }
  CHECK(*parse_exactly(marked, options) == expected);
}

/// The same inside `{"type":"t","id":"c",…}`, of whose `members` these are left.
void passed_over_in_channel(ErrorCode code, const std::string& marked, const Ids& left) {
  passed_over(code, R"({"type":"t","id":"c",)" + marked + "}", room("t", "c", left));
}

Channel with(Channel channel, std::string_view name, Value value) {
  channel.custom[name] = std::move(value);
  return channel;
}

/// What the only custom field of a channel reads as.
void reads_custom(std::string_view json, const Value& expected) {
  CAPTURE(std::string(json));
  const Channel channel = read(R"({"type":"t","id":"c","x":)" + std::string(json) + "}");
  const Value* const found = channel.custom.find("x");
  REQUIRE(found != nullptr);
  CHECK(channel.custom.size() == 1);
  CHECK(static_cast<int>(found->kind()) == static_cast<int>(expected.kind()));
  CHECK(*found == expected);
}

std::string repeated(std::string_view text, unsigned times) {
  std::string all;
  for (unsigned i = 0; i < times; ++i) all += text;
  return all;
}

std::string random_text(Chance& dice) {
  constexpr std::string_view bits[] = {"a",  "Z",    " ",    ":",   "\"",       "\\",           "/",
                                       "\n", "\x01", "\x7F", "$",   "\xC3\xA9", "\xE7\x8C\xAB", "\xF0\x9F\x98\x80",
                                       "{",  "]",    "id",   "type"};
  std::string text;
  for (std::size_t i = dice.below(5); i > 0; --i) text += bits[dice.below(std::size(bits))];
  if (dice.below(20) == 0) text += '\0';
  return text;
}

Value random_scalar(Chance& dice) {
  switch (dice.below(5)) {
    case 0: return Value();
    case 1: return Value(dice.below(2) == 0);
    case 2: return Value(static_cast<std::int64_t>(dice.bits() >> dice.below(64)));
    case 3:
      return Value(static_cast<double>(static_cast<std::int64_t>(dice.bits())) /
                   static_cast<double>(1 + dice.below(1000000)));
    default: return Value(random_text(dice));
  }
}

Value random_value(Chance& dice) {
  if (dice.below(3) != 0) return random_scalar(dice);
  std::vector<Value> elements;
  for (std::size_t i = dice.below(4); i > 0; --i) elements.push_back(random_scalar(dice));
  return Value::array(elements);
}

/// One whose fields all have a form in JSON.
Channel random_channel(Chance& dice) {
  Channel channel;
  channel.type = random_text(dice);
  channel.id = random_text(dice);
  for (std::size_t i = dice.below(4); i > 0; --i) channel.members.push_back(random_text(dice));
  for (std::size_t i = dice.below(6); i > 0; --i) {
    const std::string name = random_text(dice);
    if (name != "type" && name != "id") channel.custom[name] = random_value(dice);
  }
  return channel;
}

constexpr std::string_view full =
    R"({"type":"messaging","id":"general","members":["john",{"user_id":"jack"},{"user":{"id":"mary"}}],"name":"General","level":3,"ratio":-1.5e-3,"open":true,"topic":null,"tags":["a\n",1,null,false,0.5],"config":{"a":[{}]},"caf\u00e9":"\ud83d\ude00"})";

}  // namespace

TEST_CASE("a channel in a service's format is read") {
  Channel expected = room("messaging", "general", {"john", "jack", "mary"});
  expected.custom["name"] = "General";
  expected.custom["level"] = 3;
  expected.custom["ratio"] = -0.0015;
  expected.custom["open"] = true;
  expected.custom["topic"] = nullptr;
  expected.custom["tags"] = array({"a\n", 1, nullptr, false, 0.5});
  expected.custom["caf\xC3\xA9"] = "\xF0\x9F\x98\x80";
  expected.custom["config"] = *parse_value(R"({"a":[{}]})");
  CHECK(read(full) == expected);

  CHECK(read(R"({
    "id": "general", "type": "messaging", "cid": "messaging:general",
    "created_at": "2019-01-07T13:17:42.375Z", "created_by": {"id": "john", "role": "user", "id": "john"},
    "frozen": false, "member_count": 2, "own_capabilities": ["read", "send"],
    "members": [{"user_id": "john", "user": {"id": "john", "online": true, "teams": [["a"]]}, "role": "owner", "role": "owner"},
                {"user": {"name": "Jack", "id": "jack"}, "invite": null}],
    "config": {"commands": [{"name": "giphy"}], "reactions": true}
  } )") == with(with(with(with(with(with(room("general", {"john", "jack"}), "created_at", "2019-01-07T13:17:42.375Z"),
                                    "created_by", *parse_value(R"({"role":"user"})")),  // its id is repeated
                               "frozen", false),
                          "member_count", 2),
                     "own_capabilities", array({"read", "send"})),
                "config", *parse_value(R"({"commands":[{"name":"giphy"}],"reactions":true})")));
}

TEST_CASE("a channel needs only a type and an id") {
  CHECK(read(R"({"type":"messaging","id":"general"})") == room("general", {}));
  CHECK(read(R"({"id":"general","members":[],"type":"messaging"})") == room("general", {}));
  CHECK(read(R"({"type":"messaging","id":"general","members":null,"cid":null})") == room("general", {}));
  refused(ErrorCode::missing_key, "^{}");
  refused(ErrorCode::missing_key, R"( ^{"type":"t"})");
  refused(ErrorCode::missing_key, R"(^{"id":"c"})");
  refused(ErrorCode::missing_key, R"(^{"type":null,"id":"c"})");
  refused(ErrorCode::missing_key, R"(^{"type":"t","id":null,"cid":null})");
  refused(ErrorCode::missing_key, R"({"channel":^{"type":"t"}})");
  refused(ErrorCode::missing_key, R"(^{"channel":null})");
  refused(ErrorCode::missing_key, R"(^{"type":"t","channel":"t:c"})");
}

TEST_CASE("a cid replaces the type and the id, and is split at its first colon") {
  CHECK(read(R"({"cid":"messaging:general"})") == room("general", {}));
  CHECK(read(R"({"cid":"messaging:general","type":"messaging"})") == room("general", {}));
  CHECK(read(R"({"cid":"messaging:general","id":"general"})") == room("general", {}));
  CHECK(read(R"({"cid":"messaging:general","id":null,"type":null})") == room("general", {}));
  CHECK(read(R"({"cid":"messaging:a:b:"})") == room("a:b:", {}));
  CHECK(read(R"({"cid":"messaging:a:b","id":"a:b"})") == room("a:b", {}));
  CHECK(read(R"({"cid":":"})") == room("", "", {}));
  CHECK(read(R"({"cid":"\u0074\u003ac"})") == room("t", "c", {}));
}

TEST_CASE("a cid without a colon, or that differs from the type and the id, is rejected") {
  refused(ErrorCode::out_of_range, R"({"cid":^"general"})");
  refused(ErrorCode::out_of_range, R"({"cid":^""})");
  refused(ErrorCode::out_of_range, R"({"cid":^"general","id":"general"})");
  refused(ErrorCode::out_of_range, R"({"cid":^"messaging","type":"messaging"})");
  refused(ErrorCode::out_of_range, R"({"cid":^"messaging","type":"messaging","id":""})");
  refused(ErrorCode::out_of_range, R"({"type":"messaging","id":"general","cid": ^"messaging:other"})");
  refused(ErrorCode::out_of_range, R"({"type":"messaging","cid":^"team:general"})");
  refused(ErrorCode::out_of_range, R"({"id":"general","cid":^"messaging:other"})");
  refused(ErrorCode::out_of_range, R"({"id":"b","cid":^"messaging:a:b"})");
  refused(ErrorCode::out_of_range, R"({"type":"messaging:a","cid":^"messaging:a:b"})");
}

TEST_CASE("a member is an id, or an object with a user_id or a user's id") {
  const auto members = [](std::string_view json) {
    return read(R"({"type":"t","id":"c","members":[)" + std::string(json) + "]}").members;
  };
  CHECK(members("") == Ids{});
  CHECK(members(R"("a","b")") == Ids{"a", "b"});
  CHECK(members(R"({"user_id":"a"},{"user":{"id":"b"}},"c")") == Ids{"a", "b", "c"});
  CHECK(members(R"({"user_id":"a","user":{"id":"a"}})") == Ids{"a"});
  CHECK(members(R"({"user":{"id":"a"},"user_id":"\u0061"})") == Ids{"a"});
  CHECK(
      members(
          R"({"user_id":"a","user":null},{"user_id":null,"user":{"id":"b"}},{"user_id":"c","user":{}},{"user_id":"d","user":{"id":null}})") ==
      Ids{"a", "b", "c", "d"});
  CHECK(members(R"({"id":1,"user_id":"a","user":{"user_id":2,"id":"a"},"id":[{}]})") == Ids{"a"});
}

TEST_CASE("members keep their order and duplicates") {
  CHECK(read(R"({"type":"t","id":"c","members":["b","a",{"user_id":"b"},""]})").members == Ids{"b", "a", "b", ""});
}

TEST_CASE("members that are not an array, and elements without exactly one valid id, are skipped and noted") {
  passed_over_in_channel(ErrorCode::wrong_type, R"("members":^"john")", {});
  passed_over_in_channel(ErrorCode::wrong_type, R"("members":^{"john":{}})", {});
  passed_over_in_channel(ErrorCode::wrong_type, R"("members":^0)", {});
  passed_over_in_channel(ErrorCode::wrong_type, R"("members":["a", ^null,"b"])", {"a", "b"});
  passed_over_in_channel(ErrorCode::wrong_type, R"("members":[^1,"b"])", {"b"});
  passed_over_in_channel(ErrorCode::wrong_type, R"("members":[^["a"],"b",{"user_id":"a","user":^"a"}])", {"b", "a"});
  passed_over_in_channel(ErrorCode::missing_key, R"("members":["a",^{},"b"])", {"a", "b"});
  passed_over_in_channel(ErrorCode::missing_key, R"("members":[^{"id":"a"}])", {});
  passed_over_in_channel(ErrorCode::missing_key, R"("members":[^{"user_id":null,"user":{"user_id":"a"}}])", {});
  passed_over_in_channel(ErrorCode::out_of_range, R"("members":[{"user_id":"a","user":{"id":^"b"}}])", {});
  passed_over_in_channel(ErrorCode::out_of_range, R"("members":[{"user":{"id":^"b"},"user_id":"a"},"c"])", {"c"});
  passed_over_in_channel(ErrorCode::out_of_range, R"("members":[{"user":{"id":^""},"user_id":"a"}])", {});
  // One key names the member where the other is odd.
  passed_over_in_channel(ErrorCode::wrong_type, R"("members":[{"user_id":"a","user":^"a"}])", {"a"});
  passed_over_in_channel(ErrorCode::wrong_type, R"("members":[{"user_id":"a","user":{"id":^[]}}])", {"a"});
  passed_over_in_channel(ErrorCode::wrong_type, R"("members":[{"user_id":^1,"user":{"id":"a"}}])", {"a"});
  passed_over_in_channel(ErrorCode::duplicate_key, R"("members":[{"user_id":"a",^"user_id":"a","user":{"id":"b"}}])",
                         {"b"});
  passed_over_in_channel(ErrorCode::duplicate_key,
                         R"("members":[{"user":{"id":"a"},^"user":{"id":"a"},"user_id":"b"}])", {"b"});
  passed_over_in_channel(ErrorCode::duplicate_key, R"("members":[{"user":{"id":"a",^"id":"a"},"user_id":"b"}])", {"b"});
  for (const std::string odd : {R"({"user_id":1})", R"({"user":{"id":{}}})", R"({"user_id":"a","user_id":"a"})",
                                R"({"user":null,"user":{"id":"a"}})", R"({"user_id":"\ud83d"})",
                                "{\"user\":{\"id\":\"\xFF\"}}", R"("\ud83d")", "\"a\xC3\""}) {
    CAPTURE(odd);
    ReadNotes notes;
    const auto channel = parse_exactly(R"({"type":"t","id":"c","members":["b",)" + odd + R"(,"d"]})", {}, &notes);
    REQUIRE(channel);
    CHECK(*channel == room("t", "c", {"b", "d"}));
    CHECK_FALSE(notes.empty());
  }
}

TEST_CASE("every other key of a channel is a custom field") {
  reads_custom("null", Value());
  reads_custom("true", Value(true));
  reads_custom("0", Value(0));
  reads_custom("-9223372036854775808", Value(std::numeric_limits<std::int64_t>::min()));
  reads_custom("9223372036854775807", Value(std::numeric_limits<std::int64_t>::max()));
  reads_custom("1.0", Value(1.0));
  reads_custom("1e3", Value(1000.0));
  reads_custom(R"("")", Value(""));
  reads_custom(R"("2019-01-07T13:17:42.375Z")", Value("2019-01-07T13:17:42.375Z"));
  reads_custom("[]", array({}));
  reads_custom(R"([null,true,-1,0.25,"a"])", array({nullptr, true, -1, 0.25, "a"}));
  CHECK(read(R"({"Type":1,"type":"t","":2,"id":"c","$and":3,"member":4})") ==
        with(with(with(with(room("t", "c", {}), "Type", 1), "", 2), "$and", 3), "member", 4));
}

TEST_CASE("values that contain an array directly in an array are skipped as custom fields") {
  const Channel expected = with(room("t", "c", {}), "y", 1);
  for (const std::string_view json : {R"([[]])", R"({"id":{"type":[[]]}})", R"([{"a":[1,[2]]}])",
                                      R"(["a",[1],1e999])", R"([[[{"b":null}]]])", R"([{},99999999999999999999])"}) {
    CAPTURE(std::string(json));
    CHECK(read(R"({"type":"t","x":)" + std::string(json) + R"(,"id":"c","y":1})") == expected);
  }
  passed_over(ErrorCode::wrong_type, R"({"type":"t","x":{"a":[^[]]},"id":"c","y":1,"z":[1,^[],{}]})", expected);
}

TEST_CASE("escapes in the keys and strings of a channel are decoded") {
  CHECK(
      read(
          R"({"t\u0079pe":"\"\\\/\b\f\r\t","\u0069d":"\u0000b","members":["\u00e9",{"user\u005fid":"\ud83d\ude00"}],"\u0061\n":["\n",1]})") ==
      with(room("\"\\/\b\f\r\t", std::string("\0b", 2), {"\xC3\xA9", "\xF0\x9F\x98\x80"}), "a\n", array({"\n", 1})));
}

TEST_CASE("channels that Store::put rejects can be read") {
  CHECK(read(R"({"type":"","id":""})") == room("", "", {}));
  CHECK(read(R"({"type":"a:b","id":"c"})") == room("a:b", "c", {}));
  CHECK(read(R"({"type":"a:b","id":"c","cid":"a:b:c"})") == room("a:b", "c", {}));
  Store store;
  for (const std::string_view json :
       {R"({"type":"","id":"c"})", R"({"type":"t","id":""})", R"({"cid":":"})", R"({"type":"a:b","id":"c"})"}) {
    CHECK(store.put(read(json)));
  }
  CHECK_FALSE(store.put(read(full)));
  CHECK(store.find_channel("messaging:general") != nullptr);
}

TEST_CASE("a channel that is not valid JSON is rejected at the wrong byte") {
  refused(ErrorCode::truncated, "^");
  refused(ErrorCode::truncated, " \n^");
  refused(ErrorCode::syntax, "^x");
  refused(ErrorCode::syntax, "{^type:1}");
  refused(ErrorCode::syntax, R"({"type" ^"t"})");
  refused(ErrorCode::syntax, R"({"type":"t",^})");
  refused(ErrorCode::syntax, R"([1,^])");
  refused_in_channel(ErrorCode::syntax, R"("x":^)");
  refused_in_channel(ErrorCode::syntax, R"("x":0^1)");
  refused_in_channel(ErrorCode::syntax, R"("x":[1,^])");
  refused_in_channel(ErrorCode::syntax, R"("x":[{},^])");
  refused_in_channel(ErrorCode::syntax, R"("x":{"a":1,^})");
  refused_in_channel(ErrorCode::syntax, R"("members":["a" ^"b"])");
  refused_in_channel(ErrorCode::syntax, R"("members":["a",^])");
  refused_in_channel(ErrorCode::syntax, R"("members":[{"user_id":"a",^}])");
  refused_in_channel(ErrorCode::syntax, R"("members":[{"user":{"id":"a" ^"b"}}])");
  refused_in_channel(ErrorCode::syntax, "\"x\":\"a^\tb\"");
  refused_in_channel(ErrorCode::bad_escape, R"("x":"^\x")");
  refused_in_channel(ErrorCode::bad_escape, R"("x":{"^\u12G4":1})");
  refused(ErrorCode::trailing_bytes, R"({"type":"t","id":"c"} ^})");
  refused(ErrorCode::trailing_bytes, R"({"type":"t","id":"c"}^,)");
}

TEST_CASE("a channel that is not an object, or whose type, id or cid is not a string, is rejected") {
  refused(ErrorCode::wrong_type, "^[]");
  refused(ErrorCode::wrong_type, " ^null");
  refused(ErrorCode::wrong_type, R"(^"messaging:general")");
  refused(ErrorCode::wrong_type, R"({"type":^1,"id":"c"})");
  refused(ErrorCode::wrong_type, R"({"type":"t","id": ^true})");
  refused(ErrorCode::wrong_type, R"({"cid":^["t:c"]})");
}

TEST_CASE("an invalid type, id or cid is skipped if the others suffice, and rejected if not") {
  const Channel expected = room("t", "c", {});
  passed_over(ErrorCode::wrong_type, R"({"type":"t","id":"c","cid":^{}})", expected);
  passed_over(ErrorCode::wrong_type, R"({"cid":"t:c","id":^7,"type":"t"})", expected);
  passed_over(ErrorCode::duplicate_key, R"({"type":"a",^"type":"b","cid":"t:c"})", expected);
  passed_over(ErrorCode::duplicate_key, R"({"cid":"t:a",^"cid":"t:b","type":"t","id":"c"})", expected);
  refused(ErrorCode::duplicate_key, R"({"type":"t","id":"c",^"type":"t"})");
  refused(ErrorCode::duplicate_key, R"({"type":"t","id":"c",^"id":null})");
  refused(ErrorCode::duplicate_key, R"({"cid":"t:c",^"cid":"t:c"})");
  refused(ErrorCode::duplicate_key, R"({"cid":"t:c", ^"cid":"t:c","cid":1,"type":"t"})");
}

TEST_CASE("a type, id or cid with invalid escapes or UTF-8 is rejected if it is needed") {
  refused(ErrorCode::bad_escape, R"({"type":"t","x":"\udc00","id":"c^\ud83d"})");
  refused(ErrorCode::bad_escape, R"({"type":"t^\udc00\ud83d","id":"c"})");
  refused(ErrorCode::bad_utf8, "{\"x\":\"\xFF\",\"cid\":\"t:^\xC0\x80\"}");
  CHECK(read(R"({"cid":"t:c","id":"\ud83d"})") == room("t", "c", {}));
}

TEST_CASE("a custom field with a number out of range, and an array that contains one, is skipped and noted") {
  const Channel expected = with(room("t", "c", {}), "y", 1);
  for (const std::string odd : {"^9223372036854775808", "^-9223372036854775809", "[1,^1e309]", "[^1e309,{}]",
                                "^-99999999999999999999999999999999999999999999"}) {
    passed_over(ErrorCode::out_of_range, R"({"type":"t","x":)" + odd + R"(,"y":1,"id":"c"})", expected);
  }
}

TEST_CASE("a duplicate key of a channel is skipped with all its values, and noted") {
  const Channel expected = with(room("t", "c", {}), "y", 1);
  for (const std::string twice :
       {R"("members":["a"],^"members":null)", R"("a":1,"b":2,^"a":1,^"b":2)", R"("a":1, ^"\u0061":{})",
        R"("config":{},^"config":{})", R"("":1,^"":1)", R"("a":1,^"a":2,"a":3,"a":1e999)"}) {
    passed_over(ErrorCode::duplicate_key, R"({"type":"t",)" + twice + R"(,"y":1,"id":"c"})", expected);
  }
}

TEST_CASE("invalid escapes and UTF-8 in a channel's strings are read as U+FFFD and noted") {
  const std::string instead = "\xEF\xBF\xBD";
  ReadNotes notes;
  const auto channel = parse_exactly(
      "{\"cid\":\"t:c\",\"a\":\"\\ud83d\",\"b\\udc00\":[\"\xF0\x9F\x98\\n\",1],\"c\\n\":\"\xFF\xFE\\t\xC3\","
      "\"d\":[{\"\xFF\":\"\\ud83d\"},[]],\"members\":[\"a\\n\"]}",
      {}, &notes);
  REQUIRE(channel);
  CHECK(*channel == with(with(with(room("t", "c", {"a\n"}), "a", instead), "b" + instead, array({instead + "\n", 1})),
                         "c\n", instead + instead + "\t" + instead));
  CHECK(notes.count() == 9);  // and that the array in an array is no Value
  CHECK(notes.end() - notes.begin() == 8);
  CHECK(static_cast<int>(notes.begin()[0].code) == static_cast<int>(ErrorCode::bad_escape));
  CHECK(notes.begin()[0].offset == 18);
  CHECK(static_cast<int>(notes.begin()[2].code) == static_cast<int>(ErrorCode::bad_utf8));
}

TEST_CASE("a channel's state in the format of a service's query response is read") {
  const std::string state = R"({
    "channel": {"id": "general", "type": "messaging", "cid": "messaging:general",
                "created_at": "2020-01-28T22:17:31.00187Z", "frozen": false, "member_count": 2,
                "last_message_at": "2020-01-28T22:17:31.204287Z", "own_capabilities": ["read-events", "send-message"],
                "created_by": {"id": "kim", "role": "user", "online": false, "name": "\ud83d"},
                "config": {"name": "messaging", "commands": [{"name": "giphy", "args": "[text]"}], "replies": true}},
    "messages": [{"id": "1", "text": "hi \ud83d", "user": {"id": "kim", "online": true}, "reaction_counts": {}}],
    "pinned_messages": [], "threads": [],
    "members": [{"user_id": "kim", "user": {"id": "kim", "online": false, "last_active": ""}, "channel_role": "member"},
                {"user": {"id": "mary", "online": true, "teams": [["a"]]}, "created_at": "2020-01-28T22:17:31Z"}],
    "read": [{"user": {"id": "kim"}, "last_read": "2020-01-28T22:17:31.016937Z", "unread_messages": 0}],
    "watchers": [{"id": "john"}], "membership": {"user_id": "john"}, "watcher_count": 2, "hidden": false})";
  Channel expected = room("general", {"kim", "mary"});
  expected.custom["created_at"] = "2020-01-28T22:17:31.00187Z";
  expected.custom["frozen"] = false;
  expected.custom["member_count"] = 2;
  expected.custom["last_message_at"] = "2020-01-28T22:17:31.204287Z";
  expected.custom["own_capabilities"] = array({"read-events", "send-message"});
  expected.custom["created_by"] = *parse_value(R"({"id":"kim","role":"user","online":false,"name":"\ufffd"})");
  expected.custom["config"] =
      *parse_value(R"({"commands":[{"args":"[text]","name":"giphy"}],"name":"messaging","replies":true})");
  ReadNotes notes;
  const auto channel = parse_exactly(state, {}, &notes);
  REQUIRE(channel);
  CHECK(*channel == expected);
  CHECK(notes.count() == 2);  // two halves of a character

  CHECK(read(R"({"members":["a"],"channel":{"cid":"t:c","x":1}})") == with(room("t", "c", {"a"}), "x", 1));
  CHECK(read(R"({"type":"answer","channel":{"cid":"t:c"}})") == room("t", "c", {}));
  CHECK(read(R"({"id":7,"channel":{"cid":"t:c"}})") == room("t", "c", {}));
  // The members of the channel itself count where the state has none.
  CHECK(read(R"({"channel":{"cid":"t:c","members":["a"]},"members":[]})") == room("t", "c", {}));
  CHECK(read(R"({"channel":{"cid":"t:c","members":["a"]},"members":null})") == room("t", "c", {"a"}));
  CHECK(read(R"({"channel":{"cid":"t:c","members":["a"]}})") == room("t", "c", {"a"}));
  passed_over(ErrorCode::wrong_type, R"({"channel":{"cid":"t:c","members":["a"]},"members":^{"b":{}}})",
              room("t", "c", {"a"}));
  passed_over(ErrorCode::duplicate_key, R"({"channel":{"cid":"t:c"},"members":["a"],^"members":["b"]})",
              room("t", "c", {}));
  // What is named itself is no state.
  const Channel with_channel = with(room("t", "c", {}), "channel", *parse_value(R"({"cid":"a:b"})"));
  CHECK(read(R"({"type":"t","id":"c","channel":{"cid":"a:b"}})") == with_channel);
  CHECK(read(R"({"cid":"t:c","channel":{"cid":"a:b"}})") == with_channel);
  refused(ErrorCode::missing_key, R"({"members":["a"],"channel":^{"id":"c"}})");
  refused(ErrorCode::wrong_type, R"({"members":["a"],"channel":{"id":"c","type":^[]}})");
  refused(ErrorCode::duplicate_key, R"({"channel":{"id":"c","type":"t",^"type":"t"}})");
  refused(ErrorCode::missing_key, R"(^{"channel":{"cid":"t:c"},"channel":{"cid":"t:c"}})");
  refused(ErrorCode::syntax, R"({"channel":{"cid":"t:c"},"members":["a",^]})");
}

TEST_CASE("members and custom fields over the limits of ReadOptions are dropped and noted, not rejected") {
  ReadOptions options;
  const std::string text = R"({"cid":"t:c","members":["a",{"user_id":"b"},^"c","d"],"x":1})";
  options.max_members = 2;
  passed_over(ErrorCode::over_limit, text, with(room("t", "c", {"a", "b"}), "x", 1), options);
  options.max_members = 0;
  passed_over(ErrorCode::over_limit, R"({"cid":"t:c","members":[^"c","d"]})", room("t", "c", {}), options);
  options.max_members = 1;
  passed_over(ErrorCode::over_limit, R"({"channel":{"cid":"t:c"},"members":["a",^"b"]})", room("t", "c", {"a"}),
              options);
  passed_over(ErrorCode::over_limit, R"({"cid":"t:c","members":["a"]})", room("t", "c", {"a"}), options);

  options = ReadOptions();
  options.max_custom_fields = 2;
  passed_over(ErrorCode::over_limit, R"({"cid":"t:c",^"d":4,"b":[1],"c":3})",
              with(with(room("t", "c", {}), "b", array({1})), "c", 3), options);
  options.max_custom_fields = 0;
  passed_over(ErrorCode::over_limit, R"({"cid":"t:c",^"d":4})", room("t", "c", {}), options);

  options = ReadOptions();
  options.max_custom_elements = 3;
  passed_over(ErrorCode::over_limit, R"({"a":[1,2],"cid":"t:c","b":^[1,2],"c":[3],"d":4,"e":^[1]})",
              with(with(with(room("t", "c", {}), "a", array({1, 2})), "c", array({3})), "d", 4), options);
}

TEST_CASE("of several errors of a channel, JSON syntax is reported first, then type, id and cid") {
  refused(ErrorCode::truncated, R"({"type":1,"type":"t",^)");
  refused(ErrorCode::syntax, R"({"type":1,"x":^})");
  refused(ErrorCode::wrong_type, R"({"x":1e999,"type":^1})");
  refused(ErrorCode::missing_key, R"(^{"a":1,"a":1e999})");
  refused(ErrorCode::wrong_type, R"({"id":7,"type":^1})");
  refused(ErrorCode::wrong_type, R"({"cid":^7,"type":"t"})");
  refused(ErrorCode::duplicate_key, R"({"cid":"x",^"cid":"t:c"})");
  refused(ErrorCode::trailing_bytes, R"({"type":"t"}^})");
  refused(ErrorCode::syntax, R"([1 ^2])");
  refused(ErrorCode::syntax, R"({"members":[{"user_id":1 ^2}]})");
}

TEST_CASE("a channel nested to 64 levels is read, and one more level is too_deep") {
  constexpr unsigned inside = 63;  // of 64
  CHECK(read(R"({"cid":"t:c","x":)" + repeated("[", inside) + repeated("]", inside) + "}") == room("t", "c", {}));
  refused(ErrorCode::too_deep, R"({"cid":"t:c","x":)" + repeated("[", inside) + "^[" + repeated("]", inside + 1) + "}");
  refused(ErrorCode::too_deep, R"({"cid":"t:c","x":)" + repeated(R"({"a":)", inside) + "^{" + repeated("[", 100000));
  refused(ErrorCode::too_deep, R"({"members":[{"user":{"x":)" + repeated("[", inside - 3) + "^[" + repeated("[", 500));
  refused(ErrorCode::too_deep, R"({"members":[{"user_id":)" + repeated("[", inside - 2) + "^{");
}

TEST_CASE("a channel cut at any byte is truncated, with the error at its end") {
  const std::string_view texts[] = {
      full,
      R"({"cid":"messaging:general","members":[{"user_id":"a","user":{"id":"a","x":[1,{}]},"y":2}],"x":[[1.5,"\n"],-0.1]})",
      "{ \"id\" : \"caf\xC3\xA9\" , \"x\" : [ [ ] , 1 ] , \"type\" : \"\xF0\x9F\x98\x80\" }",
  };
  for (const std::string_view text : texts) {
    REQUIRE(parse_exactly(text));
    for (std::size_t length = 0; length < text.size(); ++length) {
      const auto cut = parse_exactly(text.substr(0, length));
      CAPTURE(std::string(text.substr(0, length)));
      REQUIRE_FALSE(cut);
      CHECK(static_cast<int>(cut.error().code) == static_cast<int>(ErrorCode::truncated));
      CHECK(cut.error().offset == length);
    }
  }
}

TEST_CASE("a channel with any byte changed is rejected, or read as one that is written and read back equal") {
  const std::string_view text =
      R"({"cid":"t:c","members":["a",{"user_id":"b","user":{"id":"b"}}],"x":[1.5e3,"\n"],"y":{"z":[]}})";
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (unsigned byte = 0; byte < 256; ++byte) {
      std::string changed(text);
      changed[i] = static_cast<char>(static_cast<unsigned char>(byte));
      const auto channel = parse_exactly(changed);
      if (channel) {
        const auto again = parse_exactly(to_json(*channel));
        REQUIRE(again);
        REQUIRE(*again == *channel);
      } else {
        REQUIRE(channel.error().offset <= changed.size());
      }
    }
  }
}

TEST_CASE("a channel with 60000 custom fields in descending order is read, and a duplicate one is skipped") {
  constexpr std::size_t count = 60000;
  std::string text = R"({"cid":"t:c")";
  for (std::size_t i = count; i > 0; --i) text += ",\"" + user_id(i) + "\":" + std::to_string(i);
  const Channel channel = read(text + "}");
  CHECK(channel.custom.size() == count);
  CHECK(*channel.custom.find(user_id(1)) == Value(1));
  CHECK(*channel.custom.find(user_id(count)) == Value(count));
  const auto twice = parse_exactly(text + ",\"" + user_id(count / 2) + "\":0}");
  REQUIRE(twice);
  CHECK(twice->custom.size() == count - 1);
  CHECK(twice->custom.find(user_id(count / 2)) == nullptr);
}

TEST_CASE("a channel is written with type, id and members first, then its custom fields by name") {
  CHECK(to_json(room("general", {})) == R"({"type":"messaging","id":"general","members":[]})");
  CHECK(to_json(Channel()) == R"({"type":"","id":"","members":[]})");
  CHECK(to_json(read(full)) ==
        "{\"type\":\"messaging\",\"id\":\"general\",\"members\":[\"john\",\"jack\",\"mary\"],\"caf\xC3\xA9\":"
        "\"\xF0\x9F\x98\x80\",\"config\":{\"a\":[{}]},\"level\":3,\"name\":\"General\",\"open\":true,\"ratio\":-0.0015,\"tags\":[\"a\\n\",1,"
        "null,false,0.5],\"topic\":null}");
  CHECK(to_json(with(with(with(room("t", "c", {"\"", "b"}), "b", 1), "\xC3\xA9", 2), "\"", 3)) ==
        "{\"type\":\"t\",\"id\":\"c\",\"members\":[\"\\\"\",\"b\"],\"\\\"\":3,\"b\":1,\"\xC3\xA9\":2}");
  std::string out = "x";
  append_json(out, room("t", "c", {"a"}));
  CHECK(out == R"(x{"type":"t","id":"c","members":["a"]})");
}

TEST_CASE("a timestamp in a custom field is written as an RFC 3339 string") {
  const Channel channel = with(room("t", "c", {}), "x", *parse_timestamp("2019-01-07T12:00:00.5Z"));
  CHECK(to_json(channel) == R"({"type":"t","id":"c","members":[],"x":"2019-01-07T12:00:00.500Z"})");
  CHECK(read(to_json(channel)) == with(room("t", "c", {}), "x", "2019-01-07T12:00:00.500Z"));
  CHECK(matches(eq("x", *parse_timestamp("2019-01-07T12:00:00.5Z")), read(to_json(channel))));
}

TEST_CASE("custom fields that could not be read back as custom fields are not written") {
  Channel channel = room("t", "c", {});
  for (const std::string_view name : {"type", "id", "cid", "members", "\xFF", "\xFE", "a\xC3", "\xED\xA0\x80"})
    channel.custom[name] = 1;
  channel.custom["array"] = array({array({1})});
  channel.custom["large"] = std::uint64_t{1} << 63;
  CHECK(to_json(channel) == R"({"type":"t","id":"c","members":[]})");
  channel.custom["\xEF\xBF\xBD"] = 2;
  channel.custom["ids"] = 3;
  CHECK(to_json(channel) == "{\"type\":\"t\",\"id\":\"c\",\"members\":[],\"ids\":3,\"\xEF\xBF\xBD\":2}");
}

TEST_CASE("infinity and NaN in a channel are written as null, and invalid UTF-8 as U+FFFD") {
  Channel channel = room("\xFF", "\xC3", {"a\x80"});
  channel.custom["x"] = std::numeric_limits<double>::infinity();
  channel.custom["y"] = array({std::numeric_limits<double>::quiet_NaN(), "\xFE"});
  CHECK(to_json(channel) ==
        "{\"type\":\"\xEF\xBF\xBD\",\"id\":\"\xEF\xBF\xBD\",\"members\":[\"a\xEF\xBF\xBD\"],\"x\":null,\"y\":[null,"
        "\"\xEF\xBF\xBD\"]}");
  REQUIRE(parse_exactly(to_json(channel)));
}

TEST_CASE("random channels are read back equal") {
  constexpr std::uint64_t seed = 0xc4a22e1;
  CAPTURE(seed);
  Chance dice(seed);
  for (int round = 0; round < 3000; ++round) {
    CAPTURE(round);
    const Channel channel = random_channel(dice);
    const std::string text = to_json(channel);
    const auto again = parse_exactly(text);
    CAPTURE(text);
    REQUIRE(again);
    CHECK(*again == channel);
    CHECK(to_json(*again) == text);
  }
}
