// SPDX-License-Identifier: MIT

// The availability and the priority of event lines, of users and of payloads of services.

#include "../json_texts.hpp"
#include "../support.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace support;

namespace {

const Timestamp noon = *parse_timestamp("2024-03-01T12:00:00Z");

/// The five words, in the order of the enumerators.
const std::vector<std::pair<std::string, Availability>> words = {{"offline", Availability::offline},
                                                                 {"idle", Availability::idle},
                                                                 {"away", Availability::away},
                                                                 {"busy", Availability::busy},
                                                                 {"available", Availability::available}};

/// Words that are none of the five.
const std::vector<std::string> unknown_words = {"",      "Away",     "away ",      "dnd", "none",
                                                "onlin", "availabl", "awa\\u0000", "?"};

/// A line of each type, without its closing brace.
const std::vector<std::string> lines = {
    R"({"type":"connect","user":"u","session":"s","at":"2024-03-01T12:00:00Z")",
    R"({"type":"disconnect","user":"u","session":"s","at":"2024-03-01T12:00:00Z")",
    R"({"type":"heartbeat","user":"u","session":"s","at":"2024-03-01T12:00:00Z")",
    R"({"type":"active","user":"u","session":"s","at":"2024-03-01T12:00:00Z")",
    R"({"type":"update","user":"u","session":"s","at":"2024-03-01T12:00:00Z")",
    R"({"type":"status","user":"u","at":"2024-03-01T12:00:00Z","status":"brb")",
    R"({"type":"report","user":"u","online":true,"at":"2024-03-01T12:00:00Z")",
    R"({"type":"availability","user":"u","at":"2024-03-01T12:00:00Z")",
    R"({"type":"visible","user":"u","at":"2024-03-01T12:00:00Z","invisible":true)",
    R"({"type":"remove","user":"u","at":"2024-03-01T12:00:00Z")",
};

PresenceEvent read(const std::string& json, ReadNotes* notes = nullptr) {
  CAPTURE(json);
  const auto event = parse_event(json, ReadOptions(), notes);
  if (!event) MESSAGE(event.error().message << " at " << event.error().offset);
  REQUIRE(event);
  return *event;
}
User read_user(const std::string& json, ReadNotes* notes = nullptr) {
  CAPTURE(json);
  const auto user = parse_user(json, ReadOptions(), notes);
  REQUIRE(user);
  return *user;
}

/// Checks the error of a string with a '^' before the byte at the error's offset.
void refused(ErrorCode code, std::string marked) {
  CAPTURE(marked);
  const std::size_t offset = unmark(marked);
  const auto event = parse_event(marked);
  REQUIRE_FALSE(event);
  CHECK(to_string(event.error().code) == to_string(code));
  CHECK(event.error().offset == offset);
  CHECK(std::string(event.error().message) != "");
}

void check_note(const ReadNotes& notes, ErrorCode code, std::size_t offset) {
  REQUIRE(notes.count() == 1);
  CHECK(to_string(notes.begin()->code) == to_string(code));
  CHECK(notes.begin()->offset == offset);
}

User user(bool online, Availability availability) { return User{"kim", online, "hi", noon, false, availability}; }

}  // namespace

TEST_CASE("the types active, update and availability are read") {
  CHECK(read(lines[3] + "}") == PresenceEvent::active("u", "s", noon));
  CHECK(read(lines[4] + "}") == PresenceEvent::update("u", "s", noon));
  CHECK(read(lines[7] + "}") == PresenceEvent::set_availability("u", std::nullopt, noon));
  CHECK(read(lines[7] + R"(,"availability":null})") == PresenceEvent::set_availability("u", std::nullopt, noon));
  CHECK(read(lines[7] + R"(,"availability":"busy"})") ==
        PresenceEvent::set_availability("u", Availability::busy, noon));
  for (const std::string name : {"active", "update"})
    refused(ErrorCode::missing_key, R"(^{"type":")" + name + R"(","user":"u","at":"2024-03-01T12:00:00Z"})");
  for (const std::string name : {"set_availability", "Active", "updated", "activ"})
    refused(ErrorCode::unknown_type, R"({"type":^")" + name + R"(","user":"u","session":"s"})");
}

TEST_CASE("each word and each priority is read on a line of every type, whatever the order and the escapes") {
  for (const std::string& line : lines) {
    PresenceEvent expected = read(line + "}");
    CHECK(expected.availability == std::nullopt);
    CHECK(expected.priority == std::nullopt);
    for (const auto& word : words) {
      expected.availability = word.second;
      CHECK(read(line + R"(,"availability":")" + word.first + "\"}") == expected);
      CHECK(read(line + R"(,"av\u0061ilability":"\u00)" +
                 (word.first[0] == 'o'   ? "6f"
                  : word.first[0] == 'i' ? "69"
                  : word.first[0] == 'b' ? "62"
                                         : "61") +
                 word.first.substr(1) + "\"}") == expected);
      CHECK(read(R"({"availability":")" + word.first + "\"," + line.substr(1) + "}") == expected);
    }
    expected.availability.reset();
    for (int number = -128; number <= 127; ++number) {
      expected.priority = static_cast<std::int8_t>(number);
      CHECK(read(line + R"(,"priority":)" + std::to_string(number) + "}") == expected);
    }
    expected.priority = std::int8_t{0};
    CHECK(read(line + R"(,"prior\u0069ty":-0})") == expected);
    CHECK(read(line + R"(,"priority":null,"availability":null})") == read(line + "}"));
  }
}

TEST_CASE("an unknown word is out_of_range, another type wrong_type, a repeated key duplicate_key") {
  for (const std::string& line : lines) {
    for (const std::string& word : unknown_words)
      refused(ErrorCode::out_of_range, line + R"(,"availability":^")" + word + "\"}");
    for (const std::string value : {"7", "true", "[\"away\"]", "{}", "-1.5"})
      refused(ErrorCode::wrong_type, line + R"(,"availability": ^)" + value + "}");
    refused(ErrorCode::duplicate_key, line + R"(,"availability":"away",^"availability":"away"})");
    refused(ErrorCode::duplicate_key, line + R"(,"availability":null,^"availability":null})");
    refused(ErrorCode::bad_escape, line + R"(,"availability":"^\ud83d"})");
  }
}

TEST_CASE("a priority that is no integer from -128 to 127 is out_of_range, another type wrong_type") {
  for (const std::string& line : lines) {
    for (const std::string value : {"128", "-129", "256", "4294967296", "-9223372036854775808", "9223372036854775808",
                                    "99999999999999999999999", "1.0", "1e2", "-0.5", "0e0"})
      refused(ErrorCode::out_of_range, line + R"(,"priority":^)" + value + "}");
    for (const std::string value : {"\"7\"", "true", "[7]", "{}"})
      refused(ErrorCode::wrong_type, line + R"(,"priority":^)" + value + "}");
    refused(ErrorCode::duplicate_key, line + R"(,"priority":1,^"priority":1})");
    refused(ErrorCode::syntax, line + R"(,"priority":0^1})");
  }
}

TEST_CASE("errors of availability and priority are reported after until and before last_active") {
  const std::string start = R"({"type":"connect","user":"u","session":"s","at":"2024-03-01T12:00:00Z")";
  refused(ErrorCode::out_of_range, start + R"(,"last_active":1,"priority":200,"availability":"x","until":^1})");
  refused(ErrorCode::out_of_range, start + R"(,"last_active":1,"priority":200,"availability":^"x"})");
  refused(ErrorCode::out_of_range, start + R"(,"last_active":1,"priority":^200})");
  refused(ErrorCode::out_of_range, start + R"(,"last_active":^1})");
}

TEST_CASE("keys of the same length, and keys in other objects, are not read") {
  for (const std::string key : {"Availability", "availabilitY", "bvailability", "availapility", "Priority", "prioritY",
                                "pruority", "availabilit", "availabilitys", "priorit"})
    CHECK(read(lines[0] + ",\"" + key + "\":[7],\"" + key + "\":{}}") == read(lines[0] + "}"));
  CHECK(read(lines[0] + R"(,"x":{"availability":7,"priority":[]}})") == read(lines[0] + "}"));
  for (const std::string key : {"Availability", "availabilitY", "bvailability", "availapility"}) {
    CHECK(read_user(R"({"id":"kim","online":true,")" + key + R"(":"away"})").availability == Availability::available);
    for (const std::string& payload : payloads(",\"" + key + R"(":"away")"))
      CHECK(read(payload).availability == Availability::available);
  }
}

TEST_CASE("events of every type are read back as written, with every availability and priority") {
  for (const std::string& line : lines) {
    for (const auto& word : words) {
      for (const int number : {-128, -1, 0, 5, 127}) {
        PresenceEvent event = read(line + "}");
        event.availability = word.second;
        event.priority = static_cast<std::int8_t>(number);
        event.until = noon + seconds(60);
        event.last_active = noon;
        const std::string text = to_json(event);
        CHECK(text.find(R"("until":"2024-03-01T12:01:00.000Z","availability":")" + word.first + R"(","priority":)" +
                        std::to_string(number) + R"(,"last_active":)") != std::string::npos);
        CHECK(read(text) == event);
        CHECK(to_json(read(text)) == text);
        CHECK(to_json(PresenceEventView(event)) == text);
        event.availability.reset();
        CHECK(read(to_json(event)) == event);
        event.priority.reset();
        CHECK(read(to_json(event)) == event);
      }
    }
  }
  CHECK(to_json(PresenceEvent::set_availability("u", std::nullopt, noon)) ==
        R"({"type":"availability","user":"u","at":"2024-03-01T12:00:00.000Z"})");
  CHECK(to_json(PresenceEvent::report(user(true, Availability::away), noon)) ==
        R"({"type":"report","user":"kim","online":true,"at":"2024-03-01T12:00:00.000Z","status":"hi",)"
        R"("availability":"away","last_active":"2024-03-01T12:00:00.000Z","activity":{},"data":{}})");
}

TEST_CASE("a number that is no availability is written as a word that no reader accepts") {
  PresenceEvent event = PresenceEvent::update("u", "s", noon);
  event.availability = static_cast<Availability>(200);
  const auto again = parse_event(to_json(event));
  REQUIRE_FALSE(again);
  CHECK(to_string(again.error().code) == "out_of_range");
  CHECK(to_json(user(true, static_cast<Availability>(200))) == to_json(user(true, Availability::available)));
}

TEST_CASE("the availability offline is read; applying the event is invalid") {
  for (const std::size_t i : {0u, 4u, 6u, 7u}) {
    Snapshot s;
    const auto none = [](const UserPresenceChangedView&) {};
    CHECK(apply(s, read(lines[i] + R"(,"availability":"offline"})"), none) == Verdict::invalid);
    CHECK(apply(s, read(lines[i] + R"(,"availability":"away"})"), none) == Verdict::applied);
  }
}

TEST_CASE("a user is written with an availability only if online does not imply it") {
  for (const auto& word : words) {
    const bool is_written = word.first == "idle" || word.first == "away" || word.first == "busy";
    const std::string written = is_written ? R"(,"availability":")" + word.first + "\"" : "";
    const User online = user(true, word.second), offline = user(false, word.second);
    CHECK(to_json(online) ==
          R"({"id":"kim","online":true,"status":"hi")" + written + R"(,"last_active":"2024-03-01T12:00:00.000Z"})");
    CHECK(to_json(offline) == R"({"id":"kim","online":false,"status":"hi","last_active":"2024-03-01T12:00:00.000Z"})");
    for (const User& one : {online, offline}) {
      CHECK(to_json(UserView(one)) == to_json(one));
      ReadNotes notes;
      CHECK(read_user(to_json(one), &notes) == one);
      CHECK(notes.empty());
      CHECK(to_json(read_user(to_json(one))) == to_json(one));
    }
  }
  User hidden = user(true, Availability::busy);
  hidden.invisible = true;
  CHECK(to_json(hidden) == R"({"id":"kim","online":true,"status":"hi","availability":"busy",)"
                           R"("last_active":"2024-03-01T12:00:00.000Z","invisible":true})");
  CHECK(read_user(to_json(hidden)) == hidden);
}

TEST_CASE("the availability of a user who is online is read, whatever the order of the keys") {
  for (const auto& word : words) {
    const Availability shown = word.first == "offline" ? Availability::available : word.second;
    ReadNotes notes;
    CHECK(read_user(R"({"id":"kim","online":true,"availability":")" + word.first + "\"}", &notes).availability ==
          shown);
    CHECK(notes.count() == (word.first == "offline" ? 1u : 0u));
    CHECK(read_user(R"({"availability":")" + word.first + R"(","online":true,"id":"kim"})").availability == shown);
    CHECK(read_user(R"({"id":"kim","availability":")" + word.first + "\"}", &notes).availability ==
          Availability::offline);
    CHECK(notes.empty());
    for (const std::string& payload : payloads(R"(,"availability":")" + word.first + "\""))
      CHECK(read(payload).availability == shown);
  }
  CHECK(read_user(R"({"id":"kim","online":true})").availability == Availability::available);
  CHECK(read_user(R"({"id":"kim","online":true,"availability":null})").availability == Availability::available);
}

TEST_CASE("a report of a payload has an availability if and only if the user is online") {
  for (const std::string keys : {"", R"(,"availability":null)", R"(,"custom":{"availability":"away"})"}) {
    ReadNotes notes;
    for (const std::string& payload : payloads(keys)) {
      CHECK(read(payload, &notes).availability == Availability::available);
      CHECK(notes.empty());
    }
  }
  for (const std::string keys : {"", R"(,"availability":null)", R"(,"availability":"away")", R"(,"availability":"x")",
                                 R"(,"availability":7,"availability":[])"}) {
    for (const std::string& payload : payloads(keys, false)) {
      ReadNotes notes;
      const PresenceEvent event = read(payload, &notes);
      CHECK_FALSE(event.online);
      CHECK(event.availability == std::nullopt);
      CHECK(event.priority == std::nullopt);
      CHECK(notes.empty());
    }
  }
  // Beside the user, and in a payload that is no report, it is not read.
  CHECK(read(R"({"type":"user.updated","availability":"away","availability":1,"priority":"x",)"
             R"("created_at":"2024-03-01T12:00:00Z","user":{"id":"kim","online":true,"priority":999}})") == [] {
    PresenceEvent event = PresenceEvent::report("kim", true, noon);
    event.status = "";
    event.availability = Availability::available;
    event.activity.emplace();
    event.data.emplace();
    (*event.data)["priority"] = 999;
    return event;
  }());
  CHECK(read(R"({"type":"user.deleted","created_at":"2024-03-01T12:00:00Z","user":{"id":"kim","availability":7}})") ==
        PresenceEvent::remove("kim", noon));
}

TEST_CASE("a malformed availability of a user counts as absent and is noted at its place, and never loses online") {
  const std::vector<std::pair<std::string, ErrorCode>> odd = {
      {R"(,"availability":^"dnd")", ErrorCode::out_of_range},
      {R"(,"availability":^"")", ErrorCode::out_of_range},
      {R"(,"availability":^"offline")", ErrorCode::out_of_range},
      {R"(,"availability":^"AWAY")", ErrorCode::out_of_range},
      {R"(,"availability": ^7)", ErrorCode::wrong_type},
      {R"(,"availability":^true)", ErrorCode::wrong_type},
      {R"(,"availability":^["away"])", ErrorCode::wrong_type},
      {R"(,"availability":^{"x":1})", ErrorCode::wrong_type},
      {R"(,"availability":"away",^"availability":"away")", ErrorCode::duplicate_key},
      {R"(,"availability":null,^"availability":"away")", ErrorCode::duplicate_key},
  };
  for (const auto& one : odd) {
    for (std::string marked : payloads(one.first)) {
      const std::size_t offset = unmark(marked);
      ReadNotes notes;
      const PresenceEvent event = read(marked, &notes);
      CHECK(event.user == "kim");
      CHECK(event.online);
      CHECK(event.at == noon);
      CHECK(event.availability == Availability::available);
      check_note(notes, one.second, offset);
    }
    std::string marked = R"({"id":"kim","online":true)" + one.first + "}";
    const std::size_t offset = unmark(marked);
    ReadNotes notes;
    CHECK(read_user(marked, &notes) == User{"kim", true, "", std::nullopt, false, Availability::available});
    check_note(notes, one.second, offset);

    std::vector<User> list;
    CHECK_FALSE(parse_users("[{\"id\":\"u\"}," + marked + "]", ReadOptions(), &notes,
                            [&](User&& read) { list.push_back(std::move(read)); }));
    REQUIRE(list.size() == 2);
    CHECK(list[1].online);
    CHECK(list[1].availability == Availability::available);
    check_note(notes, one.second, offset + 12);
  }
  // What is replaced in a string is noted as well.
  for (const std::string& payload : payloads(",\"availability\":\"away\xFF\"")) {
    ReadNotes notes;
    CHECK(read(payload, &notes).availability == Availability::available);
    CHECK(notes.count() == 2);
  }
}

TEST_CASE("a list of users carries their availabilities") {
  const std::vector<User> users = {user(true, Availability::away), user(true, Availability::available),
                                   user(false, Availability::busy), user(true, Availability::idle)};
  std::string sent = "[";
  for (const User& one : users) {
    if (sent.size() > 1) sent += ',';
    append_json(sent, one);
  }
  std::vector<User> received;
  CHECK_FALSE(parse_users(sent + "]", [&](User&& one) { received.push_back(std::move(one)); }));
  CHECK(received == users);
}

TEST_CASE("a mirror that reads the changes of a snapshot has the same view of every user") {
  Rules rules;
  rules.idle_after = seconds(20);
  rules.session_fold = SessionFold::by_priority;
  Told told(rules);
  Snapshot mirror(Rules::mirror());
  std::size_t changes = 0, changes_of_availability = 0;
  const auto pass_on = [&] {
    for (const UserPresenceChanged& change : told.take()) {
      ReadNotes notes;
      const PresenceEvent report = read(to_json(change), &notes);
      CHECK(notes.empty());
      CHECK(accepted(apply(mirror, report, [](const UserPresenceChangedView&) {})));
      CHECK(mirror.find(change.id) == (change.after ? change.after : User{change.id, false, "", std::nullopt, false}));
      ++changes;
      changes_of_availability += change.availability_changed() ? 1u : 0u;
    }
    for (const UserView& seen : told.s) {
      REQUIRE(mirror.view(seen.id));
      CHECK(*mirror.view(seen.id) == seen);
    }
  };
  const auto fold = [&](const PresenceEvent& event) {
    told.pass(event.at);  // so that no two changes have the same timestamp
    CHECK(told.fold(event) == Verdict::applied);
    pass_on();
  };
  const auto state = [&](std::string session, Availability availability, int priority, double when) {
    PresenceEvent event = PresenceEvent::update("kim", std::move(session), at(when));
    event.availability = availability;
    event.priority = static_cast<std::int8_t>(priority);
    fold(event);
  };
  fold(connect("kim", "phone", at(0)));
  state("phone", Availability::away, 0, 1);
  state("desk", Availability::busy, -1, 2);
  state("desk", Availability::busy, 1, 3);
  state("desk", Availability::available, 2, 4);
  fold(connect("ann", "desk", at(5)));
  told.pass(at(26));  // kim and ann are idle
  pass_on();
  PresenceEvent choice = PresenceEvent::set_availability("kim", Availability::busy, at(27));
  choice.until = at(29);
  fold(choice);
  told.pass(at(30));
  pass_on();
  fold(PresenceEvent::active("ann", "desk", at(31)));
  fold(disconnect("kim", "desk", at(32)));
  fold(hides("kim", at(33)));
  fold(shows("kim", at(34)));
  told.pass(at(200));
  pass_on();
  CHECK(changes >= 12);
  CHECK(changes_of_availability >= 12);
}

TEST_CASE("the JSON of an invisible user reveals no availability") {
  Told told;
  PresenceEvent hidden = invisibly("kim", "phone", at(0));
  hidden.availability = Availability::busy;
  told.fold(hidden);
  CHECK(told.take().empty());
  told.fold(says("kim", "hi", at(1)));
  for (const UserPresenceChanged& change : told.take())
    CHECK(to_json(change).find("availability") == std::string::npos);
  told.fold(shows("kim", at(2)));
  told.fold(PresenceEvent::set_availability("kim", Availability::away, at(3)));
  told.take();
  told.fold(hides("kim", at(4)));
  told.fold(PresenceEvent::set_availability("kim", Availability::idle, at(5)));
  const std::vector<UserPresenceChanged> changes = told.take();
  REQUIRE(changes.size() == 1);
  CHECK(to_json(changes[0]).find("availability") == std::string::npos);
  CHECK(to_json(*told.s.find("kim")).find("availability") == std::string::npos);
  CHECK(to_json(*told.s.find("kim", self("kim"))).find(R"("availability":"idle")") != std::string::npos);
}
