// SPDX-License-Identifier: MIT
#include <presence/json/lists.hpp>

#include "../json_texts.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace presence;
using support::unmark;

namespace {

std::vector<User> users_of(std::string_view json, const ReadOptions& options = {}, ReadNotes* notes = nullptr) {
  CAPTURE(std::string(json.substr(0, 120)));
  std::vector<User> users;
  const auto error = parse_users(json, options, notes, [&](User&& user) { users.push_back(std::move(user)); });
  REQUIRE_FALSE(error);
  return users;
}
std::vector<Channel> channels_of(std::string_view json, const ReadOptions& options = {}, ReadNotes* notes = nullptr) {
  CAPTURE(std::string(json.substr(0, 120)));
  std::vector<Channel> channels;
  const auto error = parse_channels(json, options, notes, [&](Channel&& read) { channels.push_back(std::move(read)); });
  REQUIRE_FALSE(error);
  return channels;
}

/// Checks the error of a string with a '^' before the byte at the error's offset, and that `fn` is not called.
void is_error(const std::optional<Error>& error, ErrorCode code, std::size_t offset) {
  REQUIRE(error);
  CHECK(static_cast<int>(error->code) == static_cast<int>(code));
  CHECK(error->offset == offset);
  CHECK(std::string(error->message) != "");
}
void are_no_users(ErrorCode code, std::string marked) {
  CAPTURE(marked.substr(0, 120));
  const std::size_t offset = unmark(marked);
  is_error(parse_users(marked, [](const User&) { FAIL_CHECK("a user of a rejected list"); }), code, offset);
}
void are_no_channels(ErrorCode code, std::string marked) {
  CAPTURE(marked.substr(0, 120));
  const std::size_t offset = unmark(marked);
  is_error(parse_channels(marked, [](const Channel&) { FAIL_CHECK("a channel of a rejected list"); }), code, offset);
}

std::string repeated(std::string_view part, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += part;
  return all;
}
std::string list_of(std::string_view part, std::size_t count) {
  const std::string more = "," + std::string(part);
  return "[" + (count > 0 ? std::string(part) + repeated(more, count - 1) : std::string()) + "]";
}

/// The notes as a list of offsets.
std::vector<std::size_t> offsets_of(const ReadNotes& notes) {
  std::vector<std::size_t> offsets;
  for (const Error& note : notes) offsets.push_back(note.offset);
  return offsets;
}

// The bodies of a chat service's responses.
constexpr std::string_view user_page = R"({
  "users": [
    {"id":"bender","role":"user","created_at":"2020-03-30T07:54:46.207332Z","updated_at":"2020-03-30T07:54:46.207332Z",
     "last_active":"2020-03-30T08:00:00Z","banned":false,"online":true,"name":"Bender","image":"https://x/y?a=1&b=2",
     "teams":["red"],"devices":[{"id":"d","push_provider":"firebase"}]},
    {"id":"fry","role":"user","created_at":"0001-01-01T00:00:00Z","last_active":"0001-01-01T00:00:00Z","online":false,
     "custom":{"status":"frozen"}}
  ],
  "duration": "5.12ms"
})";
constexpr std::string_view channel_page = R"({
  "channels": [
    {"channel":{"id":"general","type":"messaging","cid":"messaging:general","last_message_at":"2020-03-30T08:00:00Z",
      "created_by":{"id":"bender","online":true},"frozen":false,"member_count":2,"config":{"name":"messaging"},
      "own_capabilities":["send-message","leave-channel"],"name":"General"},
     "messages":[{"id":"m","user":{"id":"fry"}}],"pinned_messages":[],"watcher_count":1,
     "watchers":[{"id":"bender","online":true}],"read":[{"user":{"id":"fry"},"unread_messages":0}],
     "members":[{"user_id":"bender","user":{"id":"bender","online":true},"role":"owner"},{"user":{"id":"fry"}}],
     "membership":{"user_id":"bender"}},
    {"channel":{"cid":"livestream:a:b"},"members":[]}
  ],
  "duration": "11.30ms"
})";

}  // namespace

TEST_CASE("users are read from a service's page, in order, as parse_user reads each") {
  const std::vector<User> users = users_of(user_page);
  REQUIRE(users.size() == 2);
  User bender{"bender", true, "", *parse_timestamp("2020-03-30T08:00:00Z"), false};
  bender.data["role"] = "user";
  bender.data["name"] = "Bender";
  bender.data["image"] = "https://x/y?a=1&b=2";
  bender.data["teams"] = array({"red"});
  CHECK(users[0] == bender);
  User fry{"fry", false, "frozen", std::nullopt, false};
  fry.data["role"] = "user";
  CHECK(users[1] == fry);
}

TEST_CASE("channels are read from a service's page, in order, as parse_channel reads each") {
  const std::vector<Channel> channels = channels_of(channel_page);
  REQUIRE(channels.size() == 2);
  CHECK(channels[0].cid() == "messaging:general");
  CHECK(channels[0].members == std::vector<std::string>{"bender", "fry"});
  CHECK(channels[0].custom.size() == 7);
  CHECK(*channels[0].custom.find("name") == Value("General"));
  const Value* const config = channels[0].custom.find("config");
  REQUIRE(config != nullptr);
  REQUIRE(config->find("name") != nullptr);
  CHECK(*config->find("name") == Value("messaging"));
  CHECK(channels[1].type == "livestream");
  CHECK(channels[1].id == "a:b");
  CHECK(channels[1].members.empty());
  CHECK(channels[1].custom.empty());
}

TEST_CASE("each element of a list is read as if it were the whole text, wherever it is") {
  const std::string_view elements[] = {
      R"({"id":"u"})",
      R"({"id":"","status":"a\u00e9b","invisible":true,"online":null})",
      R"({"st\u0061tus":"\n","i\u0064":"\u0075\t","online":true,"x":{"y":[1,{}]}})",
      "{\"id\":\"u\",\"status\":\"a\xFF\xC3\",\"x\":\"\xFF\"}",
      R"({"id":"u","custom":{"status":"\ud83dx"},"last_active":1546867062})",
      R"( { "id" : "u" , "online" : true } )",
  };
  for (const std::string_view one : elements) {
    for (const std::string_view other : elements) {
      const auto first = parse_user(one), second = parse_user(other);
      REQUIRE(first);
      REQUIRE(second);
      for (const std::string_view before :
           {"[", R"({"users":[)", "{\"x\":\"\\n\xFF\",\"d\":[{}],\"us\\u0065rs\" : [ "}) {
        const std::string end = before == "[" ? "]" : "],\"y\":\"\xFE\\ud83d\"}";
        const std::string text = std::string(before) + std::string(one) + "," + std::string(other) + end;
        CHECK(users_of(text) == std::vector<User>{*first, *second});
      }
    }
  }
  const std::string_view channels[] = {
      R"({"cid":"t:c"})",
      R"({"type":"t","id":"c","members":["a\n","b",{"user_id":"c"}],"x":[1,"\u00e9"],"y":"\n"})",
      R"({"channel":{"cid":"t\n:c","z\n":1,"members":["x"]},"members":[{"user":{"id":"\u0061"}}]})",
      "{\"cid\":\"t:c\",\"x\":\"a\xFF\xC3\",\"\xFF\":1,\"members\":[\"\xFF\",\"ok\"]}",
      R"({"channel":{"cid":"t:c"}})",
      R"({"channel":{"cid":"t:c"},"cid":"u:d","members":["a"]})",
  };
  for (const std::string_view one : channels) {
    for (const std::string_view other : channels) {
      const auto first = parse_channel(one), second = parse_channel(other);
      REQUIRE(first);
      REQUIRE(second);
      for (const std::string_view before : {"[ ", "{\"x\":\"\\n\xFF\",\"users\":[{}],\"ch\\u0061nnels\":["}) {
        const std::string end = before == "[ " ? "]" : "],\"y\":\"\xFE\\ud83d\"}";
        const std::string text = std::string(before) + std::string(one) + " , " + std::string(other) + end;
        CHECK(channels_of(text) == std::vector<Channel>{*first, *second});
      }
    }
  }
}

TEST_CASE("an empty array is a list without elements; an absent or null list is an error") {
  CHECK(users_of("[]").empty());
  CHECK(users_of(R"( {"users" : [ ] , "duration":"1ms"} )").empty());
  CHECK(channels_of("[]").empty());
  CHECK(channels_of(R"({"channels":[]})").empty());
  are_no_users(ErrorCode::missing_key, "^{}");
  are_no_users(ErrorCode::missing_key, R"( ^{"code":17,"message":"not allowed","StatusCode":403,"duration":"0ms"})");
  are_no_users(ErrorCode::missing_key, R"(^{"users":null})");
  are_no_users(ErrorCode::missing_key, R"(^{"channels":[]})");
  are_no_users(ErrorCode::missing_key, R"(^{"response":{"users":[]}})");
  are_no_channels(ErrorCode::missing_key, R"(^{"users":[]})");
  are_no_channels(ErrorCode::missing_key, R"(^{"channels":null})");
}

TEST_CASE("a text that is not a list is rejected with the error code and offset") {
  are_no_users(ErrorCode::wrong_type, R"( ^"users")");
  are_no_users(ErrorCode::wrong_type, "^null");
  are_no_users(ErrorCode::wrong_type, R"({"users":^{"id":"u"}})");
  are_no_users(ErrorCode::wrong_type, R"({"users": ^"[]"})");
  are_no_users(ErrorCode::duplicate_key, R"({"users":[],^"users":[]})");
  are_no_users(ErrorCode::duplicate_key, R"({"users":null,"x":1,^"us\u0065rs":[]})");
  are_no_channels(ErrorCode::wrong_type, "^7");
  are_no_channels(ErrorCode::wrong_type, R"({"channels":^{}})");
  are_no_channels(ErrorCode::duplicate_key, R"({"channels":[],^"channels":[{}]})");
}

TEST_CASE("the grammar of the whole text is checked first, and all or none of a list is passed on") {
  are_no_users(ErrorCode::truncated, "^");
  are_no_users(ErrorCode::truncated, R"([{"id":"u"},^)");
  are_no_users(ErrorCode::truncated, R"({"users":[{"id":"u"},{}]^)");
  are_no_users(ErrorCode::trailing_bytes, R"([{"id":"u"}]^,)");
  are_no_users(ErrorCode::syntax, R"([{"id":"u"},^])");
  are_no_users(ErrorCode::syntax, R"({"users":[7],"users":[],"x":^})");
  are_no_users(ErrorCode::bad_escape, R"([{"id":"u"},{"id":"v","x":"^\q"}])");
  are_no_users(ErrorCode::too_deep, R"([{"id":"u"},{"id":"v","x":)" + repeated("[", 126) + "^" + repeated("[", 9));
  are_no_channels(ErrorCode::truncated, R"([{"cid":"t:c"},{}^)");
  are_no_channels(ErrorCode::syntax, R"({"channels":[{"cid":"t:c"}],"x":[1^;2]})");
  are_no_channels(ErrorCode::too_deep, R"([{"cid":"t:c","x":)" + repeated("[", 62) + "^" + repeated("[", 9));
  const std::string deepest = R"("x":)" + repeated("[", 62) + repeated("]", 62);
  CHECK(users_of(R"([{"id":"u",)" + deepest + "}]").size() == 1);
  CHECK(channels_of(R"([{"cid":"t:c",)" + deepest + "}]").size() == 1);
}

TEST_CASE("the first malformed user of a list is reported at its offset, and no user is passed on") {
  are_no_users(ErrorCode::missing_key, R"([{"id":"u"},^{"online":true},7])");
  are_no_users(ErrorCode::missing_key, R"({"users":[{"id":"u"}, ^{"id":null}]})");
  are_no_users(ErrorCode::wrong_type, R"([{"id":"u"},{"id":^7}])");
  are_no_users(ErrorCode::wrong_type, R"([{"id":"u"}, ^"v"])");
  are_no_users(ErrorCode::wrong_type, R"([^null])");
  are_no_users(ErrorCode::wrong_type, R"([{"id":"u"},^[{"id":"v"}]])");
  are_no_users(ErrorCode::wrong_type, R"([{"id":"u"},{"id":"v","online":^1},{}])");
  are_no_users(ErrorCode::duplicate_key, R"([{"id":"u"},{"id":"v",^"id":"v"}])");
  are_no_users(ErrorCode::duplicate_key, R"([{"id":"u","online":true,^"online":false}])");
  are_no_users(ErrorCode::bad_escape, R"([{"id":"u"},{"id":"v^\ud83d"}])");
  are_no_users(ErrorCode::bad_utf8, "{\"users\":[{\"id\":\"u\",\"x\":\"\xFF\"},{\"id\":\"v^\xFF\"}]}");
}

TEST_CASE("the first malformed channel of a list is reported at its offset, and no channel is passed on") {
  are_no_channels(ErrorCode::missing_key, R"([{"cid":"t:c"},^{"type":"t"},7])");
  are_no_channels(ErrorCode::missing_key, R"({"channels":[{"channel":{"cid":"t:c"}},{"channel": ^{},"members":[]}]})");
  are_no_channels(ErrorCode::wrong_type, R"([{"cid":"t:c"}, ^"t:d"])");
  are_no_channels(ErrorCode::wrong_type, R"([ ^[]])");
  are_no_channels(ErrorCode::wrong_type, R"([{"cid":"t:c"},{"cid":^7}])");
  are_no_channels(ErrorCode::duplicate_key, R"([{"cid":"t:c"},{"cid":"t:d",^"cid":"t:d"}])");
  are_no_channels(ErrorCode::out_of_range, R"([{"cid":"t:c"},{"type":"t","id":"d","cid":^"t:c"}])");
  are_no_channels(ErrorCode::bad_utf8, "[{\"cid\":\"t:c\"},{\"cid\":\"t:^\xFF\"}]");
}

TEST_CASE("malformed content of a list is noted with its offset in the whole text: strings first, then in order") {
  ReadNotes notes;
  notes.add(Error{ErrorCode::syntax, 999, "an old note"});
  const std::string users =
      "{\"x\":\"\xFF\",\"users\":[{\"id\":\"u\",\"status\":7,\"y\":\"\\ud83d\"},{\"id\":\"v\","
      "\"last_active\":\"\"},{\"id\":\"w\",\"status\":\"\xFF\"}]}";
  CHECK(users_of(users, {}, &notes).size() == 3);
  CHECK(notes.count() == 5);
  CHECK(offsets_of(notes) == std::vector<std::size_t>{users.find('\xFF'), users.find("\\ud83d"), users.rfind('\xFF'),
                                                      users.find('7'), users.find("\"\"") + 1});
  const std::string channels =
      "{\"channels\":[{\"cid\":\"t:c\",\"members\":[7]},{\"cid\":\"t:d\",\"x\":[[]],"
      "\"y\":\"\xFF\"},{\"cid\":\"t:e\"}],\"z\":\"\xFF\"}";
  CHECK(channels_of(channels, {}, &notes).size() == 3);
  CHECK(offsets_of(notes) == std::vector<std::size_t>{channels.find('\xFF'), channels.rfind('\xFF'), channels.find('7'),
                                                      channels.find("[[]]") + 1});
  CHECK(users_of("[]", {}, &notes).empty());
  CHECK(notes.empty());
}

TEST_CASE("the limits of ReadOptions apply to each element of a list") {
  ReadOptions options;
  options.max_status_bytes = 2;
  options.max_members = 1;
  ReadNotes notes;
  const std::vector<User> users = users_of(R"([{"id":"u","status":"abc"},{"id":"v","status":"ab"}])", options, &notes);
  CHECK(users[0].status == "ab");
  CHECK(users[1].status == "ab");
  CHECK(offsets_of(notes) == std::vector<std::size_t>{20});
  const std::vector<Channel> channels =
      channels_of(R"([{"cid":"t:c","members":["a","b"]},{"cid":"t:d","members":["c"]}])", options, &notes);
  CHECK(channels[0].members == std::vector<std::string>{"a"});
  CHECK(channels[1].members == std::vector<std::string>{"c"});
  CHECK(offsets_of(notes) == std::vector<std::size_t>{29});
}

namespace {

struct NeverCopied {
  NeverCopied() = default;
  NeverCopied(const NeverCopied&) = delete;
  NeverCopied& operator=(const NeverCopied&) = delete;
  int operator()(User user) {
    ids += user.id;
    return 7;
  }
  void operator()(const Channel& channel) const { *cids += channel.cid(); }
  std::string ids;
  std::string* cids = nullptr;
};
std::string seen_by_function;
void see(const User& user) { seen_by_function += user.id; }
void see_channel(Channel&& channel) { seen_by_function += channel.cid(); }

}  // namespace

TEST_CASE("the function of a list is called in place, whatever kind of function it is") {
  const std::string_view users = R"([{"id":"a"},{"id":"b"}])", channels = R"([{"cid":"t:c"},{"cid":"t:d"}])";
  NeverCopied fn;
  std::string cids;
  fn.cids = &cids;
  CHECK_FALSE(parse_users(users, fn));
  CHECK(fn.ids == "ab");
  const NeverCopied& constant = fn;
  CHECK_FALSE(parse_channels(channels, constant));
  CHECK(cids == "t:ct:d");
  CHECK_FALSE(parse_users(users, see));
  CHECK_FALSE(parse_users(users, ReadOptions(), &see));
  CHECK_FALSE(parse_channels(channels, ReadOptions(), see_channel));
  CHECK(seen_by_function == "ababt:ct:d");
}

TEST_CASE("a list that is written by a loop is read as an equal list") {
  const std::vector<User> users = {{"ann", true, "caf\xC3\xA9 \"\n", Timestamp::from_ms(1546867062375), true},
                                   {"", false, "", std::nullopt, false}};
  std::string text = R"({"users":[)";
  for (const User& user : users) {
    if (&user != &users.front()) text += ',';
    append_json(text, user);
  }
  CHECK(users_of(text + "]}") == users);
  Channel general;
  general.type = "messaging";
  general.id = "general:1";
  general.members = {"ann", "bob\n"};
  general.custom["level"] = 3;
  general.custom["tags"] = array({"a", nullptr, 1.5});
  const std::string channels = to_json(general) + ",{\"channel\":" + to_json(general) + "}";
  CHECK(channels_of("[" + channels + "]") == std::vector<Channel>{general, general});
  CHECK(channels_of(R"({"channels":[)" + channels + "]}") == std::vector<Channel>{general, general});
}

#if defined(__cpp_exceptions)
TEST_CASE("an exception of the function of a list ends the calls") {
  int calls = 0;
  const auto throws = [&calls](const auto&) {
    if (++calls == 2) throw calls;
  };
  CHECK_THROWS_AS(static_cast<void>(parse_users(list_of(R"({"id":"u"})", 5), throws)), int);
  CHECK(calls == 2);
  calls = 0;
  CHECK_THROWS_AS(static_cast<void>(parse_channels(list_of(R"({"cid":"t:c"})", 5), throws)), int);
  CHECK(calls == 2);
}
#endif

TEST_CASE("reading a list takes linear time for deep, long and repetitive text") {
  constexpr std::size_t many = 300000;
  const std::string objects = list_of("{}", many);
  are_no_users(ErrorCode::missing_key, "[^" + objects.substr(1));
  are_no_channels(ErrorCode::missing_key, "[^" + objects.substr(1));
  CHECK(users_of(R"({"x":)" + objects + R"(,"users":[],"y":)" + objects + "}").empty());
  CHECK(users_of(list_of(R"({"id":"\n"})", many)).size() == many);
  CHECK(channels_of(list_of(R"({"cid":"\n:"})", many)).size() == many);
  CHECK(users_of("[{\"id\":\"u\",\"" + std::string(many, 'k') + R"(":1,"\n":"\n\n"}])").size() == 1);
  CHECK(users_of("[" + repeated("{\"id\":\"u\",\"status\":\"\xFF\\ud83d\"},", many) + R"({"id":"u"}])").size() ==
        many + 1);
  are_no_users(ErrorCode::too_deep, repeated("[", 128) + "^" + repeated("[", many));
  are_no_users(ErrorCode::too_deep, repeated("{\"users\":", 128) + "^" + repeated("{\"users\":", many));
  are_no_channels(ErrorCode::too_deep, repeated("{\"channel\":", 64) + "^" + repeated("{\"channel\":", many));
}
