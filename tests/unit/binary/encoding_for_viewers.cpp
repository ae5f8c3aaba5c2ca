// SPDX-License-Identifier: MIT
#include <presence/binary/codec.hpp>

#include <algorithm>

#include "../../property/history.hpp"
#include "../telling.hpp"

using namespace support;

namespace {

std::string bytes_for(const Snapshot& s, const std::string& viewer) {
  return encode_for(s, viewer.empty() ? nobody : self(viewer));
}

/// What is wrong with what the viewer is sent; empty: nothing.
std::string judge(const Snapshot& s, const std::string& viewer, const std::vector<std::string>& ids) {
  const std::string bytes = bytes_for(s, viewer);
  Rules rules = Rules::mirror();
  rules.report_timeout = s.rules().report_timeout;  // the bytes depend on whether reports time out
  const Result<Snapshot> mirror = decode(bytes, rules);
  if (!mirror) return std::string("not decoded: ") + mirror.error().message;
  const Viewer who = viewer.empty() ? nobody : self(viewer);
  if (mirror->now() != s.now()) return "another timestamp";
  std::size_t others = 0, seen = 0;
  for (const std::string& id : ids) {
    if (mirror->find(id, who) != s.find(id, who)) return "another view of " + id;
    others += s.find(id) && id != viewer ? 1u : 0u;
    seen += mirror->find(id) && id != viewer ? 1u : 0u;
  }
  if (others != seen) return "others are known there and not here";
  if (encode_for(*mirror, who) != bytes) return "not the same when it is sent on";
  return {};
}

const std::vector<std::string> ids = {"ann", "bob", "cyd", "dee", "nobody knows"};

template <class Check>
void for_seeds(std::size_t otherwise, Check check) {
  const std::size_t histories = property::histories_to_try(otherwise);
  for (std::size_t i = 0; i < histories; ++i) {
    const std::uint64_t seed = property::first_seed() + i;
    const std::string why = check(seed);
    const std::string wrong = why.empty() ? "" : why + " (PRESENCE_SEED=" + std::to_string(seed) + ")";
    REQUIRE(wrong == "");
  }
}

}  // namespace

TEST_CASE("a mirror of encode_for gives the viewer the same views as the server") {
  for_seeds(600, [](std::uint64_t seed) -> std::string {
    Chance chance(seed);
    property::Mix mix;
    mix.users = 1 + chance.below(4);
    mix.steps = 40;
    mix.hiding = chance.below(2) == 0;
    mix.forgetting = chance.below(3) == 0;
    mix.small_limits = chance.below(4) == 0;
    const property::History history = property::random_history(seed, mix);
    Snapshot s(history.rules);
    property::Changes changes;
    for (const property::Step& step : history.steps) {
      property::perform(s, step, changes);
      for (const std::string& viewer : {std::string(), ids[0], ids[1], ids[2], ids[3], ids[4]}) {
        const std::string why = judge(s, viewer, ids);
        if (!why.empty()) return "for " + viewer + ": " + why;
      }
    }
    return {};
  });
}

TEST_CASE("activity of an invisible user changes no byte of encode_for for others") {
  std::size_t hidden = 0;
  for_seeds(1500, [&hidden](std::uint64_t seed) -> std::string {
    Chance chance(seed);
    Rules rules;
    if (chance.below(3) == 0) rules.session_timeout = Duration();
    if (chance.below(3) == 0) rules.offline_grace = seconds(10);
    if (chance.below(4) == 0) rules.max_recent_per_user = static_cast<std::uint32_t>(1 + chance.below(3));
    if (chance.below(4) == 0) rules.max_users = 3;
    const bool has_now = chance.below(2) == 0;
    Snapshot quiet(rules);
    std::vector<PresenceEvent> before;
    for (std::size_t n = chance.below(25); n > 0; --n) before.push_back(random_event(chance, 30, 3, 3));
    for (const PresenceEvent& event : before) quiet = reduce(std::move(quiet), event);
    const std::string spy = user_id(0);
    const Timestamp gone = at(31);
    quiet = reduce(std::move(quiet), invisibly(spy, "phone", gone));
    Snapshot busy = quiet;

    double second = 32;
    const auto both = [&](auto&& input) {
      quiet = reduce(std::move(quiet), input);
      busy = reduce(std::move(busy), input);
    };
    for (int i = 0; i < 20; ++i) {
      second += static_cast<double>(chance.below(8));
      if (has_now && chance.below(4) == 0) both(at(second));
      PresenceEvent event = random_event(chance, second, 3, 4);
      event.at = std::max(event.at, gone + seconds(0.5));
      if (event.user != spy) {
        both(event);
        continue;
      }
      // All but becoming visible, and what is published: statuses and reports.
      if (event.type == EventType::report || event.type == EventType::set_status) continue;
      event.status.reset();
      if (event.invisible) event.invisible = true;
      busy = reduce(std::move(busy), event);
    }
    if (has_now) both(at(second));
    if (!(busy == quiet)) ++hidden;
    for (const std::string& viewer : {std::string(), user_id(1), user_id(2), std::string("stranger")}) {
      if (bytes_for(quiet, viewer) != bytes_for(busy, viewer)) return "told to " + viewer;
    }
    return {};
  });
  CHECK(hidden > 0);
}

TEST_CASE("encode_for contains no user that was never visible, and no session ids") {
  for (const bool has_now : {false, true}) {
    Snapshot s = folded({invisibly("somebody-hidden", "secret-session", at(0)),
                         heartbeat("somebody-hidden", "secret-session", at(9)), connect("john", "phone", at(1)),
                         disconnect("never-here", "tv", at(2))});
    if (has_now) s = reduce(std::move(s), at(10));
    for (const std::string& viewer : {std::string(), std::string("john"), std::string("never-here")}) {
      const std::string bytes = bytes_for(s, viewer);
      CHECK(bytes.find("john") != std::string::npos);
      CHECK(bytes.find("hidden") == std::string::npos);
      CHECK(bytes.find("secret") == std::string::npos);
      CHECK(bytes.find("phone") == std::string::npos);
      CHECK(bytes.find("never-here") == std::string::npos);
    }
    const std::string own = bytes_for(s, "somebody-hidden");
    CHECK(own.find("somebody-hidden") != std::string::npos);
    CHECK(own.find("secret") == std::string::npos);
  }
}

TEST_CASE("without a now, unknown users do not influence the dates in encode_for") {
  const std::vector<PresenceEvent> events = {connect("john", "phone", at(1))};
  const Snapshot s = folded(events);
  Snapshot more = reduce(s, invisibly("hidden", "tv", at(50)));
  more = reduce(std::move(more), heartbeat("hidden", "tv", at(60)));
  more = reduce(std::move(more), disconnect("gone", "tv", at(70)));
  CHECK(bytes_for(more, "") == bytes_for(s, ""));
  CHECK(bytes_for(more, "john") == bytes_for(s, "john"));
  CHECK(bytes_for(more, "hidden") != bytes_for(s, "hidden"));
}

TEST_CASE("encode_for sends an invisible user their own state, and others their last visible state") {
  Snapshot s = folded({saying(connect("john", "phone", at(0)), "hi"), invisibly("john", "phone", at(5)),
                       connect("john", "phone", at(900))});
  for (const bool has_now : {false, true}) {
    if (has_now) s = reduce(std::move(s), at(910));
    const Result<Snapshot> own = decode(bytes_for(s, "john"), Rules::mirror());
    REQUIRE(own);
    CHECK(own->find("john", self("john")) == sees_himself("john", true, at(900), "hi"));
    const Result<Snapshot> others = decode(bytes_for(s, "ann"), Rules::mirror());
    REQUIRE(others);
    CHECK(others->find("john", self("ann")) == seen_offline("john", at(0), "hi"));
    CHECK(others->find("john", self("john")) == seen_offline("john", at(0), "hi"));
  }
}

TEST_CASE("reports in encode_for are dated the snapshot's now: later events replace them, earlier ones do not") {
  Snapshot server = reduce(folded({saying(connect("john", "phone", at(0)), "hi"), says("ann", "", at(0))}), at(20));
  const Result<Snapshot> mirror = decode(encode_for(server, nobody), Rules::mirror());
  REQUIRE(mirror);
  CHECK(mirror->now() == at(20));
  CHECK(reduce(*mirror, report("john", false, at(21))).online("john") == false);
  CHECK(reduce(*mirror, report("john", false, at(19))).online("john"));
  CHECK(status(reduce(*mirror, says("ann", "late", at(19))), "ann") == "");
  CHECK(status(reduce(*mirror, says("ann", "new", at(21))), "ann") == "new");
}

TEST_CASE("a status in encode_for ends at the mirror when it ends at the server") {
  Snapshot s = reduce(Snapshot(), at(5));
  s = reduce(std::move(s), until(says("john", "brb", at(0)), at(10)));
  s = reduce(std::move(s), until(says("mary", "gone", at(0)), at(1)));
  const Result<Snapshot> mirror = decode(bytes_for(s, "ann"), Rules::mirror());
  REQUIRE(mirror);
  CHECK(mirror->next_deadline() == at(10));
  CHECK(status(reduce(*mirror, at(10) - tick), "john") == "brb");
  CHECK(status(reduce(*mirror, at(10)), "john").empty());
  CHECK(status(*mirror, "mary").empty());
}

TEST_CASE("a mirror that merges successive encode_for results shows the latest one") {
  Snapshot server = folded({saying(connect("john", "phone", at(0)), "hi")});
  server = reduce(std::move(server), at(10));
  Told client(Rules::mirror());
  merge_into(client.s, *decode(encode_for(server, nobody), Rules::mirror()), client);
  CHECK(client.take().size() == 1);
  server = reduce(reduce(std::move(server), says("john", "", at(15))), at(100));
  merge_into(client.s, *decode(encode_for(server, nobody), Rules::mirror()), client);
  REQUIRE(client.changes.size() == 1);
  CHECK(client.changes[0].after == seen_offline("john", at(0)));
  merge_into(client.s, *decode(encode_for(server, nobody), Rules::mirror()), client);
  CHECK(client.changes.size() == 1);
}

TEST_CASE("what is encoded for a viewer does not depend on the timeouts of the reports") {
  Rules rules;
  rules.report_timeout = seconds(30);
  const PresenceEvent event = report("john", true, at(5));
  const std::string bytes = encode_for(reduce(Snapshot(rules), event), nobody);
  CHECK(bytes == encode_for(reduce(Snapshot(), event), nobody));
  CHECK(encode(*decode(bytes, Rules::mirror())) == bytes);
  const Result<Snapshot> with_timeout = decode(bytes, rules);
  REQUIRE(with_timeout);
  CHECK(with_timeout->next_deadline() == at(35));
}
