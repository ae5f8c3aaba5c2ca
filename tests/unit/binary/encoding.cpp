// SPDX-License-Identifier: MIT
#include <presence/binary/codec.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/table/detail/user_row.hpp>

#include "../../property/history.hpp"
#include "../telling.hpp"

using namespace support;

namespace {

std::string unhex(std::string_view digits) {
  std::string bytes;
  const auto value = [](char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; };
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    bytes += static_cast<char>(value(digits[i]) * 16 + value(digits[i + 1]));
  return bytes;
}

/// What is wrong with the bytes of a snapshot; empty: nothing.
std::string judge(const Snapshot& s) {
  const std::string bytes = encode(s);
  const Result<Snapshot> again = decode(bytes, s.rules());
  if (!again) return "not decoded: " + std::string(again.error().message);
  if (!(*again == s && s == *again)) return "another snapshot";
  if (again->digest() != s.digest() || again->now() != s.now()) return "another digest or timestamp";
  if (again->size() != s.size() || again->online_count() != s.online_count()) return "other counts";
  if (again->next_deadline() != s.next_deadline()) return "another deadline";
  if (encode(*again) != bytes) return "other bytes";
  const detail::Root* const root = detail::SnapshotAccess::read(s);
  if (root == nullptr) return {};
  for (const detail::RowView row : root->table) {
    const std::string id(row.name());
    if (again->find(id) != s.find(id) || again->find(id, self(id)) != s.find(id, self(id))) return "another view";
    if (again->inspect(id) != s.inspect(id)) return "another truth";
  }
  return {};
}

/// A history of names of all kinds, at another place of time.
property::History elsewhere(property::History history, Chance& chance) {
  const std::string names[] = {"", std::string(200, 'n'), std::string("\0\xFF\x80\n", 4), "a name of 16 b.."};
  const std::string& name = names[chance.below(4)];
  constexpr std::int64_t near_end = INT64_MAX - 200;
  const std::int64_t places[] = {0, 0, near_end, -near_end, 1546858800000000000};
  const std::int64_t place = places[chance.below(5)];
  const auto moved = [place](Timestamp at) { return at + Duration::from_ns(place); };
  const auto rewrite = [&](std::vector<PresenceEvent>& events) {
    for (PresenceEvent& event : events) {
      event.user += name;
      event.session += event.session.empty() ? "" : name;
      event.at = moved(event.at);
      if (event.last_active) event.last_active = moved(*event.last_active);
    }
  };
  for (property::Step& step : history.steps) {
    rewrite(step.events);
    if (step.at) step.at = moved(*step.at);
  }
  rewrite(history.events);
  return history;
}

property::Mix random_mix(Chance& chance) {
  property::Mix mix;
  mix.users = 1 + chance.below(4);
  mix.steps = 1 + chance.below(60);
  mix.small_limits = chance.below(3) == 0;
  mix.hiding = chance.below(2) == 0;
  mix.forgetting = chance.below(3) == 0;
  return mix;
}

std::string failed(const std::string& why, std::uint64_t seed) {
  return why.empty() ? "" : why + " (PRESENCE_SEED=" + std::to_string(seed) + ")";
}

Snapshot many(std::size_t users) {
  Snapshot s;
  for (std::size_t i = 0; i < users; ++i) {
    s = reduce(std::move(s),
               saying(connect(user_id(i), "phone", at(static_cast<double>(i % 20))), i % 5 == 0 ? "hello" : ""));
  }
  return reduce(std::move(s), at(30));
}

/// A snapshot with every kind of register.
Snapshot everyone() {
  Rules rules;
  rules.max_recent_per_user = 1;
  Snapshot s = forget_reports(folded(rules, {report("eve", true, at(3))}));
  for (const PresenceEvent& event :
       {saying(connect("john", "phone", at(0)), "hi"), heartbeat("john", "phone", at(20)),
        disconnect("john", "tablet", at(5)), connect("mary", "tv", at(1) + tick),
        saying(active(report("ann", true, at(3)), at(-5)), ""), visibly("bob", "tv", at(1)),
        invisibly("bob", "tv", at(2)), invisibly("bob", "tv", at(3)), invisibly("bob", "tv", at(4))}) {
    s = reduce(std::move(s), event);
  }
  return reduce(std::move(s), at(30));
}

}  // namespace

TEST_CASE("decoding an encoded snapshot gives an equal snapshot, which encodes to the same bytes") {
  const std::size_t histories = property::histories_to_try(1500);
  for (std::size_t i = 0; i < histories; ++i) {
    const std::uint64_t seed = property::first_seed() + i;
    Chance chance(seed);
    property::History history = property::random_history(seed, random_mix(chance));
    history.rules.max_users = Rules().max_users;  // a merge does not count users
    history = elsewhere(std::move(history), chance);
    if (chance.below(8) == 0) {
      const std::uint64_t seed_of_hash = history.rules.hash_seed;
      history.rules = Rules::mirror();
      history.rules.hash_seed = seed_of_hash;
    }
    Snapshot s(history.rules);
    property::Changes changes;
    for (const property::Step& step : history.steps) {
      property::perform(s, step, changes);
      const std::string wrong = failed(judge(s), seed);
      REQUIRE(wrong == "");
    }
  }
}

TEST_CASE("equal snapshots encode to equal bytes, whatever the order of events and the hash_seed") {
  const std::size_t histories = property::histories_to_try(300);
  for (std::size_t i = 0; i < histories; ++i) {
    const std::uint64_t seed = property::first_seed() + i;
    Chance chance(seed);
    std::vector<PresenceEvent> events;
    for (std::size_t n = 5 + chance.below(60); n > 0; --n) events.push_back(random_event(chance, 30, 4, 3));
    Rules rules;
    if (chance.below(2) == 0) rules.offline_grace = seconds(10);
    const Snapshot first = reduce(folded(rules, events), at(60));
    for (std::size_t n = events.size(); n > 1; --n) std::swap(events[n - 1], events[chance.below(n)]);
    events.push_back(events[0]);
    rules.hash_seed = chance.bits();
    const Snapshot second = reduce(folded(rules, events), at(60));
    const std::string wrong = failed(first == second && encode(first) == encode(second) ? "" : "other bytes", seed);
    REQUIRE(wrong == "");
  }
}

TEST_CASE("a user without new events is encoded without the registers that have expired") {
  const Snapshot s =
      folded({heartbeat("john", "phone", at(0)), disconnect("ann", "tv", at(0)), visibly("bob", "tv", at(0))});
  const Snapshot then = reduce(s, at(1000));
  CHECK(judge(s) == "");
  CHECK(judge(then) == "");
  CHECK(encode(then).size() < encode(s).size());
}

TEST_CASE("the bytes of a snapshot without users are fixed") {
  const std::string bytes =
      "5052534e0200"               // the head: a snapshot, in version 2
      "01000000322d7b652c639c75"   // a block of one byte, its checksum
      "00"                         // no timestamp
      "00000000193d56190b7c75ca";  // the end, its checksum
  CHECK(hex(encode(Snapshot())) == bytes);
  CHECK(hex(encode(Snapshot(Rules::mirror()))) == bytes);
  CHECK(hex(encode_for(Snapshot(), nobody)) == bytes);
  CHECK(hex(encode_delta(Snapshot(), Snapshot())) ==
        "5052534e0201"
        "0100000098ada3539943f18a"
        "00"
        "0000000043dd11e17d1d9dcf");
}

TEST_CASE("the bytes of every kind of register are fixed") {
  // Timestamps: twice as many milliseconds as they are earlier than at(30); a0 9c 01 is at(20).
  const std::string john =
      "046a6f686e"  // the id
      "4d"          // in ms, two sessions, an activity, rare registers
      "0570686f6e65"
      "05"      // phone: evidence, the start of its run
      "a09c01"  // ... at(20)
      "c0b802"  // ... 20 s earlier
      "067461626c6574"
      "20"      // tablet: a disconnect
      "d08603"  // ... at(5)
      "e0d403"
      "00"  // active at(0), known from that timestamp
      "02"
      "e0d403"
      "026869";  // a status: at(0), hi
  const std::string mary =
      "046d617279"
      "0a"  // not in ms, a session, an activity
      "027476"
      "07"
      "fe87c788d801"  // tv: evidence by a connect 28.999999999 s earlier, in ns
      "00"            // ... which is where its run starts
      "fe87c788d801"
      "00";
  const std::string ann =
      "03616e6e"
      "43"  // in ms, a session, rare registers
      "00"  // the session of the reports
      "03"
      "f0a503"  // ... evidence by a connect at(3), without a run
      "16"      // status, report, and with last_active
      "f0a503"
      "00"      // at(3), no text
      "f0a503"  // at(3)
      "f0a503"
      "f0a204";  // at(3), at(-5)
  const std::string eve =
      "03657665"
      "41"  // in ms, rare registers
      "24"  // a report, forgotten
      "f0a503"
      "f0a503";  // at(3), up to at(3)
  const std::string bob =
      "03626f62"
      "73"  // in ms, a session, two activities, visibility changes, rare registers
      "027476"
      "07"
      "a09603"  // tv: evidence by a connect at(4)
      "f02e"    // ... in a run from at(1) on
      "90c503"
      "00"
      "c0b503"
      "00"  // active at(1) and at(2)
      "02"
      "90c503"
      "00"
      "c0b503"
      "01"  // visibility changes: visible at(1), invisible at(2)
      "01"
      "c0b503"
      "a09603";  // crowded after at(2), up to at(4)
  const std::string now =
      "01"
      "008cd307e98b7715";  // at(30) in ns
  const Snapshot s = everyone();
  const std::string bytes = hex(encode(s));
  CAPTURE(bytes);
  CHECK(bytes.substr(0, 12) == "5052534e0200");
  std::string body = now;
  for (const UserView user : s) {
    body += user.id == "john" ? john : user.id == "mary" ? mary : user.id == "ann" ? ann : user.id == "bob" ? bob : eve;
  }
  CHECK(bytes.substr(36, bytes.size() - 60) == body);
  // The size of the body and its checksum, and those of the end.
  CHECK(bytes.substr(12, 24) == "940000007cc3354ca68eb27c");
  CHECK(bytes.substr(bytes.size() - 24) == "00000000274ddf7af0c9aadf");
}

TEST_CASE("the bytes of what sessions and users say are fixed") {
  Rules rules;
  rules.idle_after = seconds(60);
  rules.report_timeout = seconds(50);
  Snapshot s(rules);
  PresenceEvent at_home = connect("john", "phone", at(0));
  at_home.availability = Availability::busy;
  at_home.priority = std::int8_t{-2};
  PresenceEvent choice = PresenceEvent::set_availability("john", Availability::away, at(5));
  choice.until = at(40);
  PresenceEvent said = says("john", "hi", at(6));
  said.until = at(50);
  PresenceEvent told = report("john", true, at(7));
  told.availability = Availability::available;
  for (const PresenceEvent& event :
       {PresenceEvent::remove("john", at(-60)), at_home, heartbeat("john", "phone", at(20)), choice, said, told,
        connect("john", "tv", at(-55)), connect("john", "tv", at(10))})
    s = reduce(std::move(s), event);
  s = reduce(std::move(s), at(30));
  const std::string record =
      "046a6f686e"
      "5f"  // in ms, three or more sessions and activities, rare registers
      "00"  // three sessions
      "00"
      "17"      // the reports: evidence by a connect, the start of its run, and available with it
      "b0e702"  // ... at(7)
      "00"      // ... when its run starts
      "0570686f6e65"
      "0d"      // phone: evidence, the start of its run, and what is rare
      "a09c01"  // ... at(20)
      "c0b802"  // ... 20 s earlier
      "07"      // ... a state by a connect, an activity
      "e0d403"
      "03"
      "fe"      // ... at(0), busy, priority -2
      "a09c01"  // ... active at(20)
      "027476"
      "0f"      // tv: evidence by a connect, the start of its run, and what is rare
      "c0b802"  // ... at(10)
      "00"      // ... when its run starts
      "2c"      // ... an activity by a connect, earlier runs
      "c0b802"  // ... active at(10)
      "01"
      "90b00a"
      "90bf05"  // ... one, from at(-55) to at(-15)
      "00"      // three activities
      "90b00a"
      "00"
      "e0d403"
      "00"
      "c0b802"
      "00"
      "ce"  // a status with an end, a report, a choice, a removal
      "80f702"
      "026869"  // at(6), hi
      "b0e702"  // at(7)
      "d08603"
      "82"
      "9f9c01"   // at(5), away, until at(40)
      "bfb802"   // the end of the status: at(50)
      "a0fe0a";  // removed at(-60)
  const std::string bytes = hex(encode(s));
  CAPTURE(bytes);
  CHECK(bytes.substr(54, bytes.size() - 78) == record);
  CHECK(judge(s) == "");
}

TEST_CASE("the bytes of activities and data are fixed") {
  PresenceEvent playing = connect("john", "tv", at(20));
  playing.activity.emplace();
  (*playing.activity)["map"] = "harbour";
  (*playing.activity)["players"] = -2;
  PresenceEvent done = PresenceEvent::update("john", "phone", at(25));
  done.activity.emplace();
  PresenceEvent whole = report("john", false, at(10));
  whole.data.emplace()["image"] = "i.png";
  const std::vector<std::string> tags = {"a", "b"};
  Snapshot s;
  for (const PresenceEvent& event :
       {playing, done, whole, PresenceEvent::set_data("john", "name", Value(), at(15)),
        PresenceEvent::set_data("john", "score", 0.5, at(15)), PresenceEvent::set_data("john", "vip", true, at(15)),
        PresenceEvent::set_data("john", "tags", Value(tags), at(20))})
    s = reduce(std::move(s), event);
  s = reduce(std::move(s), at(30));
  const std::string record =
      "046a6f686e"
      "cf"      // in ms, three or more sessions, an activity, rare registers, data
      "00"      // three sessions
      "00"      // the reports
      "20"      // ... a disconnect
      "c0b802"  // ... at(10)
      "0570686f6e65"
      "0d"    // phone: evidence, the start of its run, and what is rare
      "904e"  // ... at(25)
      "00"    // ... when its run starts
      "40"
      "904e"
      "00"  // ... nothing is done since at(25)
      "027476"
      "0f"      // tv: evidence by a connect, the start of its run, and what is rare
      "a09c01"  // ... at(20)
      "00"      // ... when its run starts
      "c0"
      "a09c01"  // ... what is done since a connect at(20)
      "0702"
      "036d6170"
      "0507686172626f7572"  // ... map: harbour
      "07706c6179657273"
      "0303"  // ... players: -2
      "a09c01"
      "00"  // active at(20)
      "04"
      "c0b802"  // a report at(10)
      "0b"
      "c0b802"  // five names; all since at(10)
      "05696d616765"
      "c0b802"
      "0505692e706e67"  // image at(10): i.png
      "046e616d65"
      "b0ea01"
      "00"  // name at(15): removed
      "0573636f7265"
      "b0ea01"
      "04000000000000e03f"  // score at(15): 0.5
      "0474616773"
      "a09c01"
      "0602050161050162"  // tags at(20): a, b
      "03766970"
      "b0ea01"
      "02";  // vip at(15): true
  const std::string bytes = hex(encode(s));
  CAPTURE(bytes);
  CHECK(bytes.substr(54, bytes.size() - 78) == record);
  CHECK(judge(s) == "");
}

TEST_CASE("version 1 is still read: the later one of connect and heartbeat is the evidence") {
  // What version 0.1 wrote of everyone(): sessions with a connect (1) and a heartbeat (2), reports in the rare
  // registers.
  const std::string old =
      "5052534e0100"
      "8c00000057dd1c3665e1eb9e"
      "01008cd307e98b7715"
      // bob: tv, connected at(4); active at(1) and at(2); visible at(1), invisible at(2), crowded up to at(4)
      "03626f627302747601a0960390c50300c0b503000290c50300c0b5030101c0b503a09603"
      // john: phone, connected at(0), heartbeat at(20); tablet, disconnected at(5); active at(0); "hi" at(0)
      "046a6f686e4d0570686f6e6503e0d403a09c01067461626c657404d08603e0d4030002e0d403026869"
      // mary: tv, connected at(1) and a nanosecond
      "046d6172790a02747601fe87c788d801fe87c788d80100"
      // ann: reported online at(3), last active at(-5), without a status; eve: reported online at(3), forgotten
      "03616e6e411ef0a50300f0a503f0a503f0a204"
      "03657665412cf0a503f0a503"
      "000000002747cb87eff22d9a";
  Rules rules;
  rules.max_recent_per_user = 1;
  const Result<Snapshot> read = decode(unhex(old), rules);
  REQUIRE(read);
  const Snapshot written = everyone();
  CHECK(read->now() == at(30));
  CHECK(text(views(*read)) == text(views(written)));
  for (const char* user : {"john", "mary", "ann", "eve"}) CHECK(read->inspect(user) == written.inspect(user));
  const std::vector<Session> sessions = read->inspect("john")->sessions;
  REQUIRE(sessions.size() == 2);
  CHECK(sessions[0].last_evidence == at(20));
  CHECK(sessions[0].online_since == at(0));
  CHECK(sessions[0].alive);
  CHECK(sessions[1].disconnects == std::vector<Timestamp>{at(5)});
  // A run began with the first connect, which version 1 did not keep. The run is at least as long as what is known.
  CHECK(written.inspect("bob")->sessions[0].online_since == at(1));
  CHECK(read->inspect("bob")->sessions[0].online_since == at(4));
  CHECK(read->inspect("bob")->sessions[0].last_evidence == at(4));
  CHECK(read->inspect("bob")->invisible_since == at(2));
  CHECK(merge(*read, written) == written);
  CHECK(judge(*read) == "");
  // A report is a session that does not time out, and a later report of offline ends it.
  CHECK(reduce(*read, at(1e6)).online("ann"));
  CHECK_FALSE(reduce(*read, report("ann", false, at(4))).online("ann"));
  CHECK(reduce(*read, report("ann", false, at(3))).online("ann"));  // at the same timestamp online wins
  CHECK_FALSE(read->online("eve"));
  CHECK(reduce(*read, report("eve", true, at(3) + tick)).online("eve"));

  Snapshot by_delta(rules);
  const std::string delta =
      "5052534e0101"
      "01000000be5d25088bdf0f30"
      "00"
      "00000000d1f8b0252cfda964";
  CHECK_FALSE(apply_delta(by_delta, unhex(delta), at(0)));
  CHECK(by_delta.now() == at(0));
}

TEST_CASE("counts too large for the shape byte are written before the counted records") {
  Rules rules;
  rules.offline_grace = seconds(10);
  rules.max_recent_per_user = 100;
  Snapshot s(rules);
  s = reduce(std::move(s), at(30));
  for (int i = 0; i < 64; ++i) s = reduce(std::move(s), disconnect("a", "p", at(30) - Duration::from_ms(63 - i)));
  for (const char* session : {"q", "r", "s"}) s = reduce(std::move(s), disconnect("a", session, at(30)));
  std::string record =
      "0161"
      "07"
      "01"
      "0170"
      "e0"
      "39";  // a: four sessions; p: 64 disconnects, which is 7 and 57
  for (unsigned i = 0; i < 64; ++i) {
    const unsigned number = 2 * (63 - i);
    record += hex(std::string(1, static_cast<char>(number)));
  }
  record +=
      "01712000"
      "01722000"
      "01732000";
  const std::string bytes = hex(encode(s));
  CHECK(bytes.substr(54, bytes.size() - 78) == record);
  CHECK(judge(s) == "");
}

TEST_CASE("a typical user takes 25 to 40 bytes") {
  Snapshot s;
  for (std::size_t i = 0; i < 1000; ++i) {
    s = reduce(std::move(s),
               connect(user_id(i), "phone-" + std::to_string(100 + i % 900), at(-600 + static_cast<double>(i % 30))));
    s = reduce(std::move(s),
               heartbeat(user_id(i), "phone-" + std::to_string(100 + i % 900), at(static_cast<double>(i % 30))));
  }
  s = reduce(std::move(s), at(30));
  CHECK(encode(s).size() < 1000 * 40);
  CHECK(encode(s).size() > 1000 * 25);
}

TEST_CASE("a sink receives pieces of about 16 KiB that add up to the bytes of encode") {
  const Snapshot s = many(5000);
  std::vector<std::string> pieces;
  encode(s, [&pieces](std::string_view piece) { pieces.emplace_back(piece); });
  std::string all;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    all += pieces[i];
    CHECK(pieces[i].size() < 16384 + 200);
    // Each but the last but one is closed as soon as it is long enough, and the last is the end.
    if (i + 2 < pieces.size()) CHECK(pieces[i].size() >= 16384 + 12);
  }
  CHECK(pieces.size() > 5);
  CHECK(pieces.back().size() == 12);
  CHECK(all == encode(s));
  CHECK(judge(s) == "");

  std::string for_somebody;
  encode_for(s, nobody, [&for_somebody](std::string_view piece) { for_somebody += piece; });
  CHECK(for_somebody == encode_for(s, nobody));
}

TEST_CASE("a block ends with the record that makes it 16384 bytes long") {
  Rules rules;
  rules.max_status_bytes = 20000;
  // A body of one user: the timestamp (9), the id (2), the shape, the rare byte, at, the length (2), the text.
  const auto sized = [&rules](std::size_t text) {
    Snapshot s(rules);
    s = reduce(std::move(s), at(0));
    s = reduce(std::move(s), says("a", std::string(text, 'x'), at(0)));
    return reduce(std::move(s), says("b", "y", at(0)));
  };
  const auto blocks = [&sized](std::size_t text) {
    std::size_t count = 0;
    encode(sized(text), [&count](std::string_view) { ++count; });
    return count;
  };
  const Snapshot both = sized(1);
  const bool a_is_first = (*both.begin()).id == "a";
  REQUIRE(a_is_first);
  CHECK(blocks(16384 - 16) == 3);
  CHECK(blocks(16384 - 17) == 2);
  CHECK(judge(sized(16384 - 17)) == "");
  CHECK(judge(sized(16384 - 16)) == "");
}

TEST_CASE("a cleared status and nanosecond timestamps survive encoding") {
  const Snapshot s = folded({says("john", "hi", at(0) + tick), says("john", "", at(1) + tick)});
  const Result<Snapshot> again = decode(encode(s), s.rules());
  REQUIRE(again);
  CHECK(reduce(*again, says("john", "late", at(1))) == *again);
  CHECK(again->inspect("john")->status_at == at(1) + tick);
  CHECK(judge(reduce(s, at(1) + tick + tick)) == "");
}

TEST_CASE("timestamps further apart than a Duration can hold survive encoding") {
  Rules rules;
  rules.reorder_window = Duration::highest();
  rules.session_timeout = Duration();
  const std::int64_t far = 9000000000000000000;
  for (const std::int64_t step : {std::int64_t{1}, far + 551616, far}) {
    rules.last_active_refresh = Duration::from_ns(step);
    for (const std::int64_t heard : {std::int64_t{-1000000}, -far, far - 1000000, std::int64_t{-1}}) {
      Snapshot s(rules);
      s = reduce(std::move(s), Timestamp::from_ns(far));
      s = reduce(std::move(s), heartbeat("a", "p", Timestamp::from_ns(heard)));
      CAPTURE(step);
      CAPTURE(heard);
      CHECK(s.size() == 1);
      CHECK(judge(s) == "");
    }
  }
}
