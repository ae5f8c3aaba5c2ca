// SPDX-License-Identifier: MIT
#include <presence/binary/codec.hpp>

#include "../second_writer.hpp"
#include "../telling.hpp"

using namespace support;
using namespace support::second_writer;

namespace {

std::string told(ErrorCode code, std::size_t offset) {
  static constexpr const char* const names[] = {
      "syntax",        "truncated",        "trailing_bytes", "bad_utf8",        "bad_escape",   "too_deep",
      "duplicate_key", "missing_key",      "wrong_type",     "out_of_range",    "unset",        "unknown_type",
      "not_presence",  "unknown_operator", "bad_operand",    "unknown_version", "bad_checksum", "over_limit"};
  return std::string(names[static_cast<int>(code)]) + " at " + std::to_string(offset);
}
std::string told(const Result<Snapshot>& result) {
  return result ? "accepted" : told(result.error().code, result.error().offset);
}
/// What is wrong with a body of a snapshot, and at which of its bytes.
std::string judged(const std::string& body, const Rules& rules = {}, unsigned version = 2) {
  const Result<Snapshot> result = decode(framed({body}, 0, version), rules);
  if (result) return "accepted";
  return told(result.error().code, result.error().offset - before_body);
}

const std::string no_now = octet(0);
const unsigned in_ms = 1, visibility_changes = 32, rare = 64;

/// A user with only a status.
std::string with_status(std::string_view id, std::string_view text = "x") {
  return text_bytes(id) + octet(in_ms | rare) + octet(2) + earlier(0) + text_bytes(text);
}
/// Evidence, which is also the start of its run.
std::string session(std::string_view id) { return text_bytes(id) + octet(1 + 4) + earlier(0) + number(0); }
/// In version 1: a connect.
std::string session_1(std::string_view id) { return text_bytes(id) + octet(1) + earlier(0); }
std::string with_sessions(const std::vector<std::string>& sessions) {
  const std::size_t n = sessions.size();
  std::string bytes = text_bytes("a") + octet(static_cast<unsigned>(in_ms | (n < 3 ? n : 3) << 1));
  if (n >= 3) bytes += number(n - 3);
  for (const std::string& each : sessions) bytes += each;
  return bytes;
}
std::string with_flips(const std::vector<std::string>& all) {
  std::string bytes = text_bytes("a") + octet(in_ms | visibility_changes) + number(all.size());
  for (const std::string& each : all) bytes += each;
  return bytes;
}
std::string with_activities(const std::vector<std::string>& all) {
  const std::size_t n = all.size();
  std::string bytes = text_bytes("a") + octet(static_cast<unsigned>(in_ms | (n < 3 ? n : 3) << 3));
  if (n >= 3) bytes += number(n - 3);
  for (const std::string& each : all) bytes += each;
  return bytes;
}

Result<Snapshot> decode_in_pieces(std::string_view bytes, const Rules& rules, std::size_t least, std::size_t most,
                                  Chance& chance) {
  Decoder decoder(rules);
  while (!bytes.empty()) {
    const std::size_t piece = least + chance.below(most - least + 1);
    if (!decoder.push(bytes.substr(0, piece))) break;
    bytes.remove_prefix(piece < bytes.size() ? piece : bytes.size());
  }
  return decoder.finish();
}

bool same(const Result<Snapshot>& a, const Result<Snapshot>& b) { return a && b ? *a == *b : told(a) == told(b); }

Snapshot small() {
  Rules rules;
  rules.max_recent_per_user = 1;
  return reduce(folded(rules, {saying(connect("john", "phone", at(0)), "hi"), disconnect("john", "tablet", at(5)),
                               connect("mary", "tv", at(1) + tick), active(report("ann", true, at(3)), at(-5)),
                               visibly("bob", "tv", at(1)), invisibly("bob", "tv", at(2)),
                               invisibly("bob", "tv", at(3)), invisibly("bob", "tv", at(4))}),
                at(30));
}

Snapshot many(std::size_t users) {
  Snapshot s;
  for (std::size_t i = 0; i < users; ++i) s = reduce(std::move(s), connect(user_id(i), "phone", at(0)));
  return s;
}

Snapshot random_snapshot(Chance& chance, const Rules& rules) {
  std::vector<PresenceEvent> events;
  for (std::size_t n = 1 + chance.below(25); n > 0; --n) events.push_back(random_event_of_any_type(chance, 30, 4, 3));
  const Snapshot s = folded(rules, events);
  return chance.below(3) == 0 ? s : reduce(s, at(static_cast<double>(30 + chance.below(60))));
}

}  // namespace

// ---- damage ----

TEST_CASE("a snapshot cut at any byte is truncated, with the error at its end") {
  const Snapshot s = small();
  const std::string bytes = encode(s);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    CHECK(told(decode(std::string_view(bytes).substr(0, n), s.rules())) == told(ErrorCode::truncated, n));
  }
  const std::string large = encode(many(3000));
  for (std::size_t n = 0; n < large.size(); n += 397) {
    CHECK(told(decode(std::string_view(large).substr(0, n), Rules())) == told(ErrorCode::truncated, n));
  }
}

TEST_CASE("a snapshot with any single bit flipped is rejected, with the error at the damaged part") {
  const Snapshot s = small();
  const std::string bytes = encode(s);
  const std::size_t end = bytes.size() - 12;
  for (std::size_t i = 0; i < bytes.size() * 8; ++i) {
    std::string other = bytes;
    const std::size_t at_byte = i / 8;
    other[at_byte] = static_cast<char>(other[at_byte] ^ 1 << i % 8);
    const std::string what = told(decode(other, s.rules()));
    CAPTURE(i);
    if (at_byte < 4) {
      CHECK(what == told(ErrorCode::syntax, at_byte));
    } else if (at_byte == 4) {
      CHECK(what == told(ErrorCode::unknown_version, 4));
    } else if (at_byte == 5) {
      CHECK(what == told(ErrorCode::wrong_type, 5));
    } else if (at_byte < 10) {  // the size of the body
      const bool longer = (static_cast<unsigned char>(other[at_byte]) > static_cast<unsigned char>(bytes[at_byte]));
      const std::string told_early = told(ErrorCode::bad_checksum, 6);
      CHECK((what == told_early || (longer && what == told(ErrorCode::truncated, bytes.size()))));
    } else if (at_byte < end) {
      CHECK(what == told(ErrorCode::bad_checksum, 6));
    } else if (at_byte < end + 4) {  // a block after a short one
      CHECK(what == told(ErrorCode::syntax, end));
    } else {
      CHECK(what == told(ErrorCode::bad_checksum, end));
    }
  }
}

TEST_CASE("bytes after the end are rejected as trailing_bytes") {
  const std::string bytes = encode(small());
  CHECK(told(decode(bytes + "x", small().rules())) == told(ErrorCode::trailing_bytes, bytes.size()));
  CHECK(told(decode(bytes + bytes, small().rules())) == told(ErrorCode::trailing_bytes, bytes.size()));
}

TEST_CASE("a missing or swapped block is rejected") {
  const std::string bytes = encode(many(3000));
  std::vector<std::string> pieces;
  encode(many(3000), [&pieces](std::string_view piece) { pieces.emplace_back(piece); });
  REQUIRE(pieces.size() > 4);
  const auto told_without = [&](std::size_t lost) {
    std::string rest;
    for (std::size_t i = 0; i < pieces.size(); ++i) rest += i == lost ? "" : pieces[i];
    return told(decode(rest, Rules()));
  };
  CHECK(told_without(1) == told(ErrorCode::bad_checksum, pieces[0].size()));
  CHECK(told_without(pieces.size() - 1) == told(ErrorCode::truncated, bytes.size() - 12));
  CHECK(told_without(pieces.size() - 2) ==
        told(ErrorCode::bad_checksum, bytes.size() - pieces[pieces.size() - 2].size() - 12));
  std::swap(pieces[1], pieces[2]);
  CHECK(told_without(pieces.size()) == told(ErrorCode::bad_checksum, pieces[0].size()));
}

TEST_CASE("messages of another kind are rejected as wrong_type") {
  const Snapshot s = small();
  CHECK(told(decode(encode_delta(Snapshot(), s), s.rules())) == told(ErrorCode::wrong_type, 5));
  for (unsigned kind = 1; kind < 256; ++kind) {
    CHECK(told(decode(framed({no_now}, kind), Rules())) == told(ErrorCode::wrong_type, 5));
  }
  Snapshot other;
  const auto error = apply_delta(other, encode(s), at(0));
  REQUIRE(error);
  CHECK(told(error->code, error->offset) == told(ErrorCode::wrong_type, 5));
  CHECK(told(decode("", Rules())) == told(ErrorCode::truncated, 0));
  CHECK(told(decode("{\"users\":[]}", Rules())) == told(ErrorCode::syntax, 0));
}

// ---- the one form of each snapshot ----

TEST_CASE("the tests' writer produces the library's bytes") {
  CHECK(framed({no_now}) == encode(Snapshot()));
  CHECK(framed({no_now}, 1) == encode_delta(Snapshot(), Snapshot()));
  const std::string bytes = encode(small());
  CHECK(framed({body_of(bytes)}) == bytes);
  CHECK(judged(no_now + with_status("a")) == "accepted");
  CHECK(judged(no_now + with_sessions({session("p"), session("q"), session("r"), session("s")})) == "accepted");
  CHECK(judged(no_now + with_flips({earlier(-1) + octet(0), earlier(-2) + octet(1)})) == "accepted");
  CHECK(judged(no_now + with_activities({earlier(-1) + number(0), earlier(-2) + number(0)})) == "accepted");
}

TEST_CASE("a snapshot without a body is rejected, a delta without one is accepted") {
  CHECK(told(decode(framed({}), Rules())) == told(ErrorCode::syntax, 6));
  Snapshot s;
  CHECK(apply_delta(s, framed({}, 1), at(0)).has_value());
}

TEST_CASE("the snapshot's timestamp must be absent or complete and in range") {
  CHECK(judged(octet(2)) == "syntax at 0");
  CHECK(judged(octet(255) + words(0, 8)) == "syntax at 0");
  CHECK(judged(octet(1)) == "truncated at 1");
  CHECK(judged(octet(1) + words(0, 7)) == "truncated at 8");
  CHECK(judged(octet(1) + words(std::uint64_t{1} << 63, 8)) == "out_of_range at 0");
  CHECK(judged(octet(1) + words(INT64_MAX, 8)) == "out_of_range at 0");
  CHECK(judged(octet(1) + words(INT64_MAX - 1, 8)) == "accepted");
  CHECK(judged(octet(1) + words((std::uint64_t{1} << 63) + 1, 8)) == "accepted");
  CHECK(judged(no_now + octet(0)) != "accepted");
}

TEST_CASE("users must be in the snapshot's order, each once") {
  std::vector<std::string> ids;
  for (const UserView user : many(40)) ids.emplace_back(user.id);
  for (std::size_t i = 1; i < ids.size(); ++i) {
    const std::string a = with_status(ids[i - 1]), b = with_status(ids[i]);
    const std::string second = " at " + std::to_string(1 + a.size());
    CHECK(judged(no_now + a + b) == "accepted");
    CHECK(judged(no_now + b + a) == "syntax" + second);
    CHECK(judged(no_now + a + a) == "syntax" + second);
  }
}

TEST_CASE("a user needs an id and at least one register") {
  CHECK(judged(no_now + octet(0) + octet(in_ms | rare) + octet(2) + earlier(0) + text_bytes("x")) == "syntax at 1");
  for (const unsigned shape : {0u, 1u}) CHECK(judged(no_now + text_bytes("a") + octet(shape)) == "syntax at 1");
  // Version 1 has no data.
  for (const unsigned shape : {0u, 1u, 128u, 129u, 255u, 128u | in_ms | rare})
    CHECK(judged(no_now + text_bytes("a") + octet(shape), Rules(), 1) == "syntax at 1");
}

TEST_CASE("sessions must be in ascending order of their ids, each with an id and a timestamp") {
  const std::string p = session("p"), q = session("q");
  const auto judged_sessions = [](const std::vector<std::string>& all) { return judged(no_now + with_sessions(all)); };
  CHECK(judged_sessions({p, q}) == "accepted");
  CHECK(judged_sessions({q, p}) == "syntax at 9");
  CHECK(judged_sessions({p, p}) == "syntax at 9");
  CHECK(judged_sessions({session("pp"), session("p")}) == "syntax at 10");
  CHECK(judged_sessions({text_bytes("p") + octet(0)}) == "syntax at 4");
  // The empty id is that of the reports, whose runs do not end by default.
  CHECK(judged_sessions({session("")}) == "accepted");
  CHECK(judged_sessions({p, session("")}) == "syntax at 9");
  const auto judged_1 = [](const std::vector<std::string>& all) {
    return judged(no_now + with_sessions(all), Rules(), 1);
  };
  CHECK(judged_1({session_1("p"), session_1("q")}) == "accepted");
  CHECK(judged_1({session_1("q"), session_1("p")}) == "syntax at 8");
  CHECK(judged_1({session_1("p"), session_1("p")}) == "syntax at 8");
  CHECK(judged_1({session_1("")}) == "syntax at 4");
  CHECK(judged_1({text_bytes("p") + octet(0)}) == "syntax at 4");
}

TEST_CASE("the bits of a session must be a valid combination, and what is rare of it must have no shorter form") {
  const auto judged_session = [](unsigned bits, const std::string& rest) {
    return judged(no_now + with_sessions({text_bytes("p") + octet(bits) + rest}));
  };
  constexpr unsigned evidence = 1, by_connect = 2, run_start = 4, what_is_rare = 8, available = 16;
  CHECK(judged_session(evidence, earlier(0)) == "accepted");  // of a writer without timeouts
  CHECK(judged_session(evidence | by_connect | run_start | available, earlier(0) + earlier(5)) == "accepted");
  // A run may start after its evidence, if the evidence that began it was removed, but not after its end.
  CHECK(judged_session(evidence | run_start, earlier(0) + earlier(-40000)) == "accepted");
  CHECK(judged_session(evidence | run_start, earlier(0) + earlier(-40001)) == "syntax at 4");
  for (const unsigned bits : {by_connect, run_start, available, by_connect | run_start | available})
    CHECK(judged_session(bits, earlier(0) + number(0)) == "syntax at 4");
  const auto judged_rare = [&](unsigned bits, const std::string& rest) {
    return judged_session(evidence | run_start | what_is_rare, earlier(0) + earlier(5) + octet(bits) + rest);
  };
  constexpr unsigned state = 1, state_by_connect = 2, active = 4, active_by_connect = 8, held = 16, runs = 32;
  constexpr unsigned shown_by_connect = 128;
  for (const unsigned bits : {0u, state_by_connect, active_by_connect, state | active_by_connect, shown_by_connect,
                              shown_by_connect | active})
    CHECK(judged_rare(bits, earlier(0) + octet(3) + octet(0)) == "syntax at 9");
  CHECK(judged_rare(state, earlier(1) + octet(3) + octet(255)) == "accepted");
  CHECK(judged_rare(state, earlier(1) + octet(0) + octet(0)) == "syntax at 11");  // offline
  CHECK(judged_rare(state, earlier(1) + octet(5) + octet(0)) == "syntax at 11");
  CHECK(judged_rare(state, earlier(0) + octet(4) + octet(0)) == "syntax at 9");  // available by the evidence
  CHECK(judged_rare(state | state_by_connect, earlier(0) + octet(4) + octet(0)) == "accepted");
  CHECK(judged_rare(state, earlier(0) + octet(4) + octet(1)) == "accepted");
  CHECK(judged_session(evidence | run_start | what_is_rare | available,
                       earlier(0) + earlier(5) + octet(state) + earlier(1) + octet(3) + octet(0)) == "syntax at 9");
  CHECK(judged_rare(active | active_by_connect, earlier(0)) == "accepted");
  CHECK(judged_rare(held, earlier(-100000)) == "accepted");
  // The run of the evidence starts 5 ms earlier.
  CHECK(judged_rare(runs, number(0)) == "syntax at 10");
  CHECK(judged_rare(runs, number(1) + earlier(9) + earlier(6)) == "accepted");
  CHECK(judged_rare(runs, number(1) + earlier(9) + earlier(5)) == "syntax at 4");
  CHECK(judged_rare(runs, number(1) + earlier(6) + earlier(9)) == "syntax at 11");
  CHECK(judged_rare(runs, number(2) + earlier(9) + earlier(8) + earlier(7) + earlier(6)) == "accepted");
  CHECK(judged_rare(runs, number(2) + earlier(9) + earlier(8) + earlier(8) + earlier(6)) == "syntax at 13");
}

TEST_CASE("the activity of a session must be an object with members, or none, within max_activity_bytes") {
  Rules rules;
  rules.max_activity_bytes = 17;
  const auto judged_activity = [&](const std::string& value, unsigned bits = 64) {
    return judged(no_now + with_sessions({text_bytes("p") + octet(1 + 4 + 8) + earlier(0) + number(0) + octet(bits) +
                                          earlier(0) + value}),
                  rules);
  };
  const auto object = [](const std::string& name, const std::string& value) {
    return octet(7) + number(1) + text_bytes(name) + value;
  };
  const std::string null = octet(0), seven = octet(3) + number(14);
  CHECK(judged_activity(null) == "accepted");
  CHECK(judged_activity(object("k", seven)) == "accepted");
  CHECK(judged_activity(object("k", seven), 64 + 128) == "accepted");
  CHECK(judged_activity(seven) == "syntax at 11");
  CHECK(judged_activity(octet(6) + number(1) + seven) == "syntax at 11");
  CHECK(judged_activity(octet(7) + number(0)) == "syntax at 11");
  CHECK(judged_activity(object("kkk", seven)) == "accepted");  // a number counts as 8 bytes
  CHECK(judged_activity(object("kkkk", seven)) == "over_limit at 11");
  CHECK(judged_activity(object("k", octet(8))) == "syntax at 15");
  std::string deep = seven;
  for (unsigned levels = 0; levels < Value::deepest; ++levels) deep = object("k", deep);
  rules.max_activity_bytes = 4096;
  CHECK(judged_activity(deep) == "accepted");
  CHECK(judged_activity(object("k", deep)).substr(0, 6) == "syntax");
}

TEST_CASE("the data of a user must have ascending names that data can have, and values that JSON has") {
  constexpr unsigned data = 128;
  const auto judged_data = [](const std::string& rest, const Rules& rules = Rules()) {
    return judged(no_now + text_bytes("a") + octet(in_ms | data) + rest, rules);
  };
  const std::string one = octet(3) + number(2), null = octet(0);
  const auto entry = [](const std::string& name, const std::string& value) {
    return text_bytes(name) + earlier(0) + value;
  };
  CHECK(judged_data(number(0)) == "syntax at 4");
  CHECK(judged_data(number(1) + earlier(0)) == "accepted");  // all of it is gone
  CHECK(judged_data(number(2) + entry("k", one)) == "accepted");
  CHECK(judged_data(number(2) + entry("k", null)) == "accepted");
  CHECK(judged_data(number(5) + earlier(1) + entry("k", one) + entry("l", one)) == "accepted");
  CHECK(judged_data(number(4) + entry("l", one) + entry("k", one)) == "syntax at 10");
  CHECK(judged_data(number(4) + entry("k", one) + entry("k", null)) == "syntax at 10");
  CHECK(judged_data(number(2) + entry("", one)) == "syntax at 5");
  CHECK(judged_data(number(2) + entry("online", one)) == "syntax at 5");
  CHECK(judged_data(number(2) + entry("k", octet(8))) == "syntax at 8");
  CHECK(judged_data(number(2) + entry("k", octet(4) + words(0x7FF0000000000000u, 8))) == "syntax at 8");
  CHECK(judged_data(number(2) + entry("k", octet(6) + number(1) + octet(6) + number(0))) == "syntax at 10");
  CHECK(judged_data(number(2) + entry("k", octet(7) + number(2) + text_bytes("o") + one + text_bytes("o") + one)) ==
        "syntax at 14");
  CHECK(judged_data(number(2) + entry("k", octet(6) + number(UINT64_MAX))) == "truncated at 19");
  Rules rules;
  rules.max_data_names = 1;
  rules.max_user_data_bytes = 15;
  CHECK(judged_data(number(4) + entry("k", one) + entry("l", one), rules) == "over_limit at 4");
  CHECK(judged_data(number(2) + entry("kkk", one), rules) == "accepted");  // a number counts as 8 bytes
  CHECK(judged_data(number(2) + entry("kkkk", one), rules) == "over_limit at 4");
  CHECK(judged_data(number(2) + entry("kkkkkkkkkkkkkkkk", null), rules) == "over_limit at 5");
}

TEST_CASE("disconnects, activities and visibility changes must be strictly ascending") {
  Rules rules;
  rules.offline_grace = seconds(10);
  for (const unsigned version : {1u, 2u}) {
    const auto of_disconnects = [&](std::int64_t first, std::int64_t second) {
      const unsigned two = version == 1 ? 2 << 2 : 2 << 5;
      return judged(no_now + with_sessions({text_bytes("p") + octet(two) + earlier(-first) + earlier(-second)}), rules,
                    version);
    };
    CHECK(of_disconnects(1, 2) == "accepted");
    CHECK(of_disconnects(2, 2) == "syntax at 8");
    CHECK(of_disconnects(2, 1) == "syntax at 8");
  }

  const auto of_activities = [](std::int64_t evidence, std::uint64_t value, std::int64_t then, std::uint64_t next) {
    return judged(no_now + with_activities({earlier(-evidence) + number(static_cast<std::uint64_t>(evidence) - value),
                                            earlier(-then) + number(static_cast<std::uint64_t>(then) - next)}));
  };
  CHECK(of_activities(5, 3, 6, 4) == "accepted");
  CHECK(of_activities(5, 3, 6, 3) == "syntax at 6");
  CHECK(of_activities(5, 3, 5, 4) == "syntax at 6");
  CHECK(of_activities(5, 3, 4, 4) == "syntax at 6");
  CHECK(of_activities(5, 3, 6, 2) == "syntax at 6");

  const auto of_flips = [](std::int64_t first, std::int64_t second) {
    return judged(no_now + with_flips({earlier(-first) + octet(1), earlier(-second) + octet(0)}));
  };
  CHECK(of_flips(1, 2) == "accepted");
  CHECK(of_flips(2, 2) == "syntax at 7");
  CHECK(of_flips(2, 1) == "syntax at 7");
  CHECK(judged(no_now + with_flips({earlier(0) + octet(2)})) == "syntax at 5");
  CHECK(judged(no_now + with_flips({})) == "syntax at 4");
}

TEST_CASE("the bits of rare registers must be known, not empty and a valid combination") {
  unsigned version = 1;
  const auto judged_rare = [&](unsigned bits, const std::string& rest) {
    return judged(no_now + text_bytes("a") + octet(in_ms | rare) + octet(bits) + rest, Rules(), version);
  };
  // In version 1, 8 is a report of online. It has no ends of statuses and no removals.
  CHECK(judged_rare(0, "") == "syntax at 4");
  CHECK(judged_rare(64, "") == "syntax at 4");
  CHECK(judged_rare(64 + 2, earlier(0) + text_bytes("x") + earlier(-5)) == "syntax at 4");
  CHECK(judged_rare(128, earlier(0)) == "syntax at 4");
  CHECK(judged_rare(8, earlier(0)) == "syntax at 4");
  CHECK(judged_rare(8 + 2, earlier(0) + text_bytes("x")) == "syntax at 4");
  CHECK(judged_rare(4, earlier(0)) == "accepted");
  CHECK(judged_rare(4 + 8, earlier(0)) == "accepted");
  CHECK(judged_rare(16, earlier(0) + earlier(5)) == "accepted");
  version = 2;
  CHECK(judged_rare(0, "") == "syntax at 4");
  CHECK(judged_rare(64, earlier(0)) == "syntax at 4");  // the end of no status
  CHECK(judged_rare(64 + 2, earlier(0) + text_bytes("x") + earlier(-1)) == "accepted");
  CHECK(judged_rare(64 + 2, earlier(0) + text_bytes("") + earlier(-5)) == "syntax at 4");
  CHECK(judged_rare(128, earlier(0)) == "accepted");
  CHECK(judged_rare(4, earlier(0)) == "accepted");
  CHECK(judged_rare(8, earlier(0) + octet(0)) == "accepted");  // the choice of none
  CHECK(judged_rare(8, earlier(0) + octet(4)) == "accepted");
  CHECK(judged_rare(8, earlier(0) + octet(5)) == "syntax at 6");
  CHECK(judged_rare(8, earlier(0) + octet(128 + 3) + earlier(-1)) == "accepted");
  CHECK(judged_rare(8, earlier(0) + octet(128 + 3)) == "truncated at 7");
  CHECK(judged_rare(16, earlier(0) + earlier(5)) == "accepted");
  CHECK(judged_rare(32, earlier(0)) == "accepted");
  CHECK(judged_rare(1, earlier(5) + earlier(4)) == "accepted");
  CHECK(judged_rare(1, earlier(5) + earlier(5)) == "syntax at 4");
  CHECK(judged_rare(1, earlier(4) + earlier(5)) == "syntax at 4");
  CHECK(judged_rare(2, earlier(0)) == "truncated at 6");
  CHECK(judged_rare(2, earlier(0) + number(2) + "x") == "truncated at 8");
}

TEST_CASE("a number must have the shortest encoding and fit into 64 bits") {
  const auto of_id = [](const std::string& size) { return judged(no_now + size + std::string(300, 'x')); };
  CHECK(of_id(octet(0x81) + octet(0)) == "syntax at 1");
  CHECK(of_id(octet(0x80) + octet(0)) == "syntax at 1");
  CHECK(of_id(std::string(9, '\xFF') + octet(0)) == "syntax at 1");
  CHECK(of_id(std::string(9, '\xFF') + octet(2)) == "syntax at 1");
  CHECK(of_id(std::string(9, '\xFF') + octet(0x81) + octet(1)) == "syntax at 1");
  CHECK(of_id(std::string(9, '\xFF') + octet(1)) == "over_limit at 1");
  CHECK(judged(no_now + octet(0x80)) == "truncated at 2");
  CHECK(judged(no_now + text_bytes("a") + octet(in_ms | rare) + octet(32) + octet(0x80) + octet(0)) == "syntax at 5");
}

TEST_CASE("nanoseconds are rejected for a user whose timestamps are whole milliseconds") {
  const auto in_ns = [](std::int64_t ns, std::string_view now) {
    return judged(std::string(now) + text_bytes("a") + octet(rare) + octet(32) + earlier(ns));
  };
  CHECK(in_ns(1, no_now) == "accepted");
  CHECK(in_ns(-1500000, no_now) == "accepted");
  CHECK(in_ns(0, no_now) == "syntax at 1");
  CHECK(in_ns(7000000, no_now) == "syntax at 1");
  CHECK(in_ns(-7000000, no_now) == "syntax at 1");
  // The base is a whole millisecond, whatever the timestamp of the snapshot.
  for (const std::int64_t now : {std::int64_t{1500001}, std::int64_t{-1500001}}) {
    const std::string given = octet(1) + words(static_cast<std::uint64_t>(now), 8);
    CHECK(in_ns(3000000, given) == "syntax at 9");
    CHECK(in_ns(3000001, given) == "accepted");
  }
  const Result<Snapshot> s =
      decode(framed({octet(1) + words(static_cast<std::uint64_t>(std::int64_t{-1500001}), 8) + text_bytes("a") +
                     octet(in_ms | rare) + octet(2) + earlier(3) + text_bytes("x")}),
             Rules());
  REQUIRE(s);
  CHECK(s->inspect("a")->status_at == Timestamp::from_ns(-5000000));
}

TEST_CASE("timestamps at or beyond either end of the range are out_of_range") {
  const auto in_ns = [](const std::string& instant) {
    return judged(no_now + text_bytes("a") + octet(rare) + octet(32) + instant);
  };
  CHECK(in_ns(earlier(INT64_MIN)) == "out_of_range at 5");   // the first timestamp
  CHECK(in_ns(earlier(-INT64_MAX)) == "out_of_range at 5");  // the last
  CHECK(in_ns(earlier(-INT64_MAX + 1)) == "accepted");
  CHECK(in_ns(earlier(INT64_MAX)) == "accepted");
  const auto of_ms = [](std::int64_t ms) {
    return judged(no_now + text_bytes("a") + octet(in_ms | rare) + octet(32) + earlier(ms));
  };
  CHECK(of_ms(INT64_MAX / 1000000) == "accepted");
  CHECK(of_ms(-(INT64_MAX / 1000000)) == "accepted");
  CHECK(of_ms(INT64_MAX / 1000000 + 1) == "out_of_range at 5");
  CHECK(of_ms(-(INT64_MAX / 1000000) - 1) == "out_of_range at 5");
  CHECK(of_ms(INT64_MIN) == "out_of_range at 5");
  CHECK(of_ms(INT64_MAX) == "out_of_range at 5");
  const auto active_earlier = [](std::uint64_t units) {
    return judged(no_now + with_activities({earlier(0) + number(units)}));
  };
  CHECK(active_earlier(9223372036854) == "accepted");
  CHECK(active_earlier(9223372036855) == "out_of_range at 5");
  CHECK(active_earlier(UINT64_MAX) == "out_of_range at 5");
}

TEST_CASE("a block must end with the first record that makes it 16384 bytes long") {
  const std::string a = with_status("a"), b = with_status("b");
  const bool a_first = judged(no_now + a + b) == "accepted";
  const std::string &first = a_first ? a : b, &second = a_first ? b : a;
  const std::string early = framed({no_now + first, second});
  CHECK(told(decode(early, Rules())) == told(ErrorCode::syntax, before_body + 1 + first.size()));
  Rules rules;
  rules.max_status_bytes = 20000;
  const auto filled = [&](std::size_t body) {
    std::string record = with_status(a_first ? "a" : "b", std::string(body - 8, 'x'));
    REQUIRE((no_now + record).size() == body);
    return no_now + record;
  };
  CHECK(told(decode(framed({filled(16383) + second}), rules)) == "accepted");
  CHECK(told(decode(framed({filled(16384), second}), rules)) == "accepted");
  CHECK(told(decode(framed({filled(16384)}), rules)) == "accepted");
  CHECK(told(decode(framed({filled(16384) + second}), rules)) == told(ErrorCode::syntax, before_body + 16384));
  CHECK(told(decode(framed({filled(16383), second}), rules)) == told(ErrorCode::syntax, before_body + 16383));
}

// ---- the reader's own rules ----

TEST_CASE("an id or status longer than the reader's limit is over_limit at its length") {
  Rules rules;
  rules.max_id_bytes = 4;
  rules.max_status_bytes = 5;
  CHECK(judged(no_now + with_status("abcd", "12345"), rules) == "accepted");
  CHECK(judged(no_now + with_status("abcde"), rules) == "over_limit at 1");
  CHECK(judged(no_now + with_status("a", "123456"), rules) == "over_limit at 6");
  CHECK(judged(no_now + with_sessions({session("pqrs")}), rules) == "accepted");
  CHECK(judged(no_now + with_sessions({session("pqrst")}), rules) == "over_limit at 4");
}

TEST_CASE("more sessions, activities or changes of a user than the rules allow are over_limit") {
  Rules rules;
  rules.max_recent_per_user = 2;
  rules.max_sessions_per_user = 1;
  rules.offline_grace = seconds(10);
  std::vector<std::string> sessions, activities, changes;
  std::string disconnects;
  for (unsigned i = 0; i < 5; ++i) {
    const std::int64_t ms = i;
    sessions.push_back(session(std::string(1, static_cast<char>('p' + i))));
    activities.push_back(earlier(-ms) + number(0));
    changes.push_back(earlier(-ms) + octet(i % 2));
    disconnects += earlier(-ms);
  }
  const auto first = [](const std::vector<std::string>& all, std::ptrdiff_t n) {
    return std::vector<std::string>(all.begin(), all.begin() + n);
  };
  // One more, for the reports.
  sessions.insert(sessions.begin(), session(""));
  CHECK(judged(no_now + with_sessions(first(sessions, 4)), rules) == "accepted");
  CHECK(judged(no_now + with_sessions(first(sessions, 5)), rules) == "over_limit at 4");
  CHECK(judged(no_now + with_activities(first(activities, 4)), rules) == "accepted");
  CHECK(judged(no_now + with_activities(first(activities, 5)), rules) == "over_limit at 4");
  CHECK(judged(no_now + with_flips(first(changes, 4)), rules) == "accepted");
  CHECK(judged(no_now + with_flips(first(changes, 5)), rules) == "over_limit at 4");
  const auto of_disconnects = [&](unsigned n, unsigned version) {
    const unsigned bits = version == 1 ? n << 2 : n << 5;
    return judged(no_now + with_sessions({text_bytes("p") + octet(bits) + disconnects.substr(0, n)}), rules, version);
  };
  for (const unsigned version : {1u, 2u}) {
    CHECK(of_disconnects(2, version) == "accepted");
    CHECK(of_disconnects(3, version) == "over_limit at 7");
  }
  const auto of_runs = [&](std::size_t n) {
    std::string runs = number(n);
    for (std::size_t i = n; i > 0; --i)
      runs += earlier(static_cast<std::int64_t>(2 * i + 1)) + earlier(static_cast<std::int64_t>(2 * i));
    return judged(
        no_now + with_sessions({text_bytes("p") + octet(1 + 4 + 8) + earlier(0) + number(0) + octet(32) + runs}),
        rules);
  };
  CHECK(of_runs(2) == "accepted");
  CHECK(of_runs(3) == "over_limit at 10");
  const std::string huge = number(UINT64_MAX);
  CHECK(judged(no_now + text_bytes("a") + octet(in_ms | 3 << 1) + huge) == "over_limit at 4");
  CHECK(judged(no_now + text_bytes("a") + octet(in_ms | 3 << 3) + huge) == "over_limit at 4");
  CHECK(judged(no_now + text_bytes("a") + octet(in_ms | visibility_changes) + huge) == "over_limit at 4");
  CHECK(judged(no_now + with_sessions({text_bytes("p") + octet(7 << 5) + huge})) == "over_limit at 7");
  CHECK(judged(no_now + with_sessions({text_bytes("p") + octet(63 << 2) + huge}), Rules(), 1) == "over_limit at 7");
  rules.max_recent_per_user = rules.max_sessions_per_user = 0;
  CHECK(judged(no_now + with_sessions(first(sessions, 2)), rules) == "accepted");
  CHECK(judged(no_now + with_sessions(first(sessions, 3)), rules) == "over_limit at 4");
}

TEST_CASE("decoding with other rules applies those rules to the data") {
  const Snapshot s = folded({connect("john", "phone", at(0)), saying(connect("ann", "phone", at(0)), "hi")});
  const Snapshot then = reduce(s, at(30));
  const Result<Snapshot> sooner = decode(encode(then), with_timeout(seconds(20)));
  REQUIRE(sooner);
  CHECK(sooner->rules() == with_timeout(seconds(20)));
  CHECK(sooner->size() == 2);
  CHECK(sooner->online_count() == 0);
  Rules forgetful;
  forgetful.forget_after = seconds(5);
  forgetful.session_timeout = seconds(1);
  forgetful.reorder_window = Duration();
  const Result<Snapshot> nothing = decode(encode(then), forgetful);
  REQUIRE(nothing);
  CHECK(nothing->size() == 0);
  CHECK(*nothing == reduce(Snapshot(forgetful), at(30)));
  Rules negative = then.rules();
  negative.offline_grace = seconds(-1);
  CHECK(told(decode(encode(then), negative)) == "accepted");
}

TEST_CASE("decode does not enforce max_users of the rules") {
  Rules rules;
  rules.max_users = 1;
  const Snapshot one = folded(rules, {connect("ann", "phone", at(0))}),
                 two = folded(rules, {connect("bob", "tv", at(0))});
  const Snapshot both = merge(one, two);
  const Result<Snapshot> again = decode(encode(both), rules);
  REQUIRE(again);
  CHECK(*again == both);
  CHECK(again->size() == 2);
}

TEST_CASE("more users than DecodeOptions::max_users are over_limit, at the first user beyond it") {
  const std::string a = with_status("a"), b = with_status("b");
  const bool a_first = judged(no_now + a + b) == "accepted";
  const std::string& first = a_first ? a : b;
  const std::string bytes = framed({no_now + first + (a_first ? b : a)});
  DecodeOptions options;
  options.max_users = 2;
  CHECK(told(decode(bytes, Rules(), options)) == "accepted");
  options.max_users = 1;
  CHECK(told(decode(bytes, Rules(), options)) == told(ErrorCode::over_limit, before_body + 1 + first.size()));
  options.max_users = 0;
  CHECK(told(decode(bytes, Rules(), options)) == told(ErrorCode::over_limit, before_body + 1));
  CHECK(told(decode(framed({no_now}), Rules(), options)) == "accepted");

  options.max_users = 999;
  Decoder decoder(Rules(), options);
  CHECK_FALSE(decoder.push(encode(many(1000))));
  CHECK(decoder.finish().error().code == ErrorCode::over_limit);
  options.max_users = 1000;
  Decoder wider(Rules(), options);
  CHECK(wider.push(encode(many(1000))));
  CHECK(wider.finish());
}

// ---- whatever comes ----

TEST_CASE("a Decoder gives the same result and error however the input is split") {
  Chance chance(7);
  Snapshot s = small();
  std::vector<std::string> inputs = {encode(s), encode(many(2000)), "", "PRSN", framed({no_now, no_now})};
  std::string harmed = inputs[0], trailing = inputs[0] + "more";
  harmed[40] = static_cast<char>(harmed[40] ^ 1);
  inputs.push_back(harmed);
  inputs.push_back(trailing);
  std::string bad = body_of(inputs[0]);
  bad[20] = static_cast<char>(bad[20] ^ 0x55);
  inputs.push_back(framed({bad}));
  for (const std::string& bytes : inputs) {
    const Result<Snapshot> whole = decode(bytes, s.rules());
    for (const std::size_t piece : {1u, 2u, 3u, 5u, 11u, 12u, 13u, 4096u, 16384u, 16396u, 100000u}) {
      CHECK(same(decode_in_pieces(bytes, s.rules(), piece, piece, chance), whole));
    }
    for (int i = 0; i < 20; ++i) CHECK(same(decode_in_pieces(bytes, s.rules(), 0, 700, chance), whole));
  }
  Decoder decoder(s.rules());
  CHECK(decoder.push(""));
  CHECK(decoder.push("PRS"));
  CHECK_FALSE(decoder.push("XYZ"));
  CHECK_FALSE(decoder.push(inputs[0]));
  CHECK(told(decoder.finish()) == told(ErrorCode::syntax, 3));
}

TEST_CASE("random bytes are rejected") {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    Chance chance(seed);
    std::string bytes;
    for (std::size_t n = chance.below(80); n > 0; --n) bytes += octet(static_cast<unsigned>(chance.below(256)));
    CAPTURE(seed);
    REQUIRE_FALSE(decode(bytes, Rules()));
    const Result<Snapshot> inside = decode(framed({no_now + bytes}), Rules());
    if (!inside) REQUIRE(inside.error().offset >= before_body);
  }
}

TEST_CASE("an accepted snapshot encodes to the same bytes, or to no more if expired data was dropped") {
  std::size_t accepted = 0, alike = 0, longer = 0;
  for (std::uint64_t seed = 1; seed <= 20000; ++seed) {
    Chance chance(seed);
    Rules rules;
    if (chance.below(3) == 0) rules.session_timeout = Duration();
    if (chance.below(3) == 0) rules.offline_grace = seconds(10);
    if (chance.below(3) == 0) rules.forget_after = seconds(50);
    if (chance.below(3) == 0) rules.max_recent_per_user = 2;
    if (chance.below(3) == 0) rules.idle_after = seconds(60);
    if (chance.below(3) == 0) rules.report_timeout = seconds(20);
    std::string body = body_of(encode(random_snapshot(chance, rules)));
    for (std::size_t n = chance.below(4); n > 0; --n) {
      const std::size_t place = chance.below(body.size());
      switch (chance.below(4)) {
        case 0: body[place] = static_cast<char>(body[place] ^ 1 << chance.below(8)); break;
        case 1: body[place] = static_cast<char>(chance.below(8)); break;
        case 2: body.insert(place, octet(static_cast<unsigned>(chance.below(256)))); break;
        default:
          if (body.size() > 1) body.erase(place, 1);
      }
    }
    const std::string bytes = framed({body});
    const Result<Snapshot> s = decode(bytes, rules);
    CAPTURE(seed);
    REQUIRE(same(decode_in_pieces(bytes, rules, 1, 9, chance), s));
    if (!s) continue;
    ++accepted;
    const std::string again = encode(*s);
    alike += again == bytes ? 1u : 0u;
    if (again.size() > bytes.size()) {
      // The reader adds the starts of runs that a writer without timeouts did not write.
      Rules untimed = rules;
      untimed.session_timeout = untimed.report_timeout = Duration();
      REQUIRE(encode(*decode(bytes, untimed)).size() <= bytes.size());
      ++longer;
    }
    const Result<Snapshot> next = decode(again, rules);
    REQUIRE(next);
    REQUIRE(*next == *s);
    REQUIRE(encode(*next) == again);
    std::size_t known = 0, online = 0;
    for (const UserView user : *s) {
      ++known;
      online += user.online ? 1u : 0u;
    }
    REQUIRE(known == s->size());
    REQUIRE(online == s->online_count());
  }
  CHECK(accepted > 5000);
  CHECK(alike > 4000);
  CHECK(longer > 0);
  CHECK(longer < accepted / 100);
}

TEST_CASE("a user with 100000 sessions, changes, activities or disconnects is read if the limits allow it") {
  Rules rules;
  rules.max_recent_per_user = rules.max_sessions_per_user = 1000000;
  rules.offline_grace = seconds(10);
  std::vector<std::string> sessions, changes, activities;
  std::string disconnects = text_bytes("p") + octet(7 << 5) + number(100000 - 7);
  for (int i = 0; i < 100000; ++i) {
    sessions.push_back(session(user_id(static_cast<std::size_t>(i))));
    changes.push_back(earlier(-i) + octet(static_cast<unsigned>(i) % 2));
    activities.push_back(earlier(-i) + number(0));
    disconnects += earlier(-i);
  }
  const std::string bodies[] = {no_now + with_sessions(sessions), no_now + with_flips(changes),
                                no_now + with_activities(activities), no_now + with_sessions({disconnects})};
  for (const std::string& body : bodies) CHECK(judged(body, rules) == "accepted");
}
