// SPDX-License-Identifier: MIT
#include <presence/state/detail/snapshot_access.hpp>

#include "../telling.hpp"

using namespace support;

namespace {
Changes told_by_merge(const Snapshot& ours, const Snapshot& theirs) {
  Told t;
  t.s = ours;
  merge_into(t.s, theirs, t);
  CHECK(t.s == merge(ours, theirs));
  return t.take();
}
}  // namespace

TEST_CASE("merge is commutative, associative, idempotent and equal to one node applying all events") {
  Chance chance(23);
  for (int round = 0; round < 80; ++round) {
    Rules rules;
    rules.session_timeout = seconds(round % 3 == 0 ? 0 : 20);
    rules.offline_grace = seconds(round % 2 == 0 ? 0 : 15);
    rules.reorder_window = seconds(60);
    const bool timed = round % 5 != 0;
    Snapshot nodes[3] = {Snapshot(rules), Snapshot(rules), Snapshot(rules)}, one(rules);
    for (int i = 0; i < 30; ++i) {
      const PresenceEvent event = random_event(chance, 60, 4, 2);
      Snapshot& node = nodes[chance.below(3)];
      node = reduce(std::move(node), event);
      one = reduce(std::move(one), event);
      if (timed && i % 6 == 0) node = reduce(std::move(node), at(60 + i));
    }
    if (timed) nodes[1] = reduce(nodes[1],
                                 at(90));  // 31, the oldest of the events, is inside its window
    if (timed) one = reduce(one, at(90));
    const auto& [a, b, c] = nodes;
    REQUIRE(merge(a, b) == merge(b, a));
    REQUIRE(merge(merge(a, b), c) == merge(a, merge(b, c)));
    REQUIRE(merge(merge(a, b), a) == merge(a, b));
    REQUIRE(merge(a, a) == a);
    const Snapshot all = merge(merge(c, b), a);
    REQUIRE(all == one);
    REQUIRE(all.digest() == one.digest());
    REQUIRE(text(views(all)) == text(views(one)));
    REQUIRE(all.size() == one.size());
    REQUIRE(all.online_count() == one.online_count());
    REQUIRE(all.next_deadline() == one.next_deadline());
  }
}

TEST_CASE("merge joins every register of a user") {
  const Rules rules = [] {
    Rules r;
    r.offline_grace = seconds(5);
    r.last_active_refresh = Duration();
    return r;
  }();
  const Snapshot ours = forget_reports(folded(
      rules, {connect("john", "phone", at(0)), disconnect("john", "phone", at(20)), invisibly("john", "phone", at(4)),
              says("john", "a", at(9)), active(report("john", true, at(9)), at(50))}));
  const Snapshot theirs = folded(
      rules, {heartbeat("john", "phone", at(7)), disconnect("john", "phone", at(15)), visibly("john", "laptop", at(6)),
              says("john", "b", at(8)), active(report("john", true, at(9)), at(60)), heartbeat("john", "tv", at(2))});
  for (const Snapshot& merged : {merge(ours, theirs), merge(theirs, ours)}) {
    CHECK(merged.find("john") == seen_online("john", at(60), "a"));
    const auto truth = merged.inspect("john").value();
    REQUIRE(truth.sessions.size() == 3);
    CHECK(truth.status_at == at(9));
    CHECK_FALSE(truth.invisible_since);
    const Session& phone = truth.sessions[1];
    CHECK(phone.id == "phone");
    CHECK(phone.last_evidence == at(7));
    CHECK(phone.online_since == at(0));
    CHECK(phone.disconnects == std::vector<Timestamp>{at(15), at(20)});
    CHECK(truth.sessions[2].last_evidence == at(2));
    // The report is forgotten here too: without the sessions john is offline.
    CHECK_FALSE(reduce(merged, at(100)).online("john"));
  }
}

TEST_CASE("changes made by a merge are dated our now, and timeouts their deadline") {
  const Snapshot ours = reduce(folded({connect("john", "phone", at(0)), says("jack", "hi", at(0))}), at(10));
  const Snapshot theirs = reduce(
      folded({connect("ann", "phone", at(9)), connect("jack", "phone", at(15)), disconnect("john", "phone", at(9))}),
      at(30));
  CHECK(text(told_by_merge(ours, theirs)) ==
        text({changed(at(10), std::nullopt, seen_online("ann", at(9))),
              changed(at(10), seen_offline("jack", std::nullopt, "hi"), seen_online("jack", at(15), "hi")),
              changed(at(10), seen_online("john", at(0)), seen_offline("john", at(0)))}));
  CHECK(text(told_by_merge(ours, reduce(Snapshot(), at(40)))) ==
        text({changed(at(40), seen_online("john", at(0)), seen_offline("john", at(0)))}));
  CHECK(told_by_merge(ours, reduce(Snapshot(), at(40) - tick)).empty());
  CHECK(told_by_merge(reduce(ours, at(40)), theirs).size() == 2);
}

TEST_CASE("without our now, changes of a merge are dated their now, or else the user's latest visible timestamp") {
  const Snapshot ours = folded({says("john", "hi", at(5))});
  const Snapshot theirs =
      folded({connect("john", "phone", at(3)), connect("ann", "phone", at(7)), connect("eve", "phone", at(8)),
              invisibly("eve", "phone", at(9)), heartbeat("eve", "phone", at(20)), invisibly("zoe", "phone", at(9))});
  CHECK(text(told_by_merge(ours, theirs)) ==
        text({changed(at(5), seen_offline("john", std::nullopt, "hi"), seen_online("john", at(3), "hi")),
              changed(at(7), std::nullopt, seen_online("ann", at(7))),
              changed(at(9), std::nullopt, seen_offline("eve", at(8)))}));
  CHECK(text(told_by_merge(ours, reduce(theirs, at(12)))) ==
        text({changed(at(12), std::nullopt, seen_online("ann", at(7))),
              changed(at(12), std::nullopt, seen_offline("eve", at(8))),
              changed(at(12), seen_offline("john", std::nullopt, "hi"), seen_online("john", at(3), "hi"))}));
}

TEST_CASE("a timeout found by a merge is dated its deadline, even if only the other side had the session") {
  const Snapshot ours = reduce(Snapshot(), at(10));
  const Snapshot theirs = reduce(folded({connect("john", "phone", at(5))}), at(100));
  CHECK(text(told_by_merge(ours, theirs)) == text({changed(at(45), std::nullopt, seen_offline("john", at(5)))}));
}

TEST_CASE("with many users, a merge has the counts, the order and the deadlines of one snapshot with all events") {
  Snapshot ours, theirs, one;
  for (std::size_t i = 0; i < 400; ++i) {
    const PresenceEvent event = i % 7 == 0    ? invisibly(user_id(i), "phone", at(0))
                                : i % 11 == 0 ? disconnect(user_id(i), "phone", at(0))
                                              : connect(user_id(i), "phone", at(0.01 * static_cast<double>(i)));
    if (i % 3 != 0) ours = reduce(std::move(ours), event);
    if (i % 3 != 1) theirs = reduce(std::move(theirs), event);
    one = reduce(std::move(one), event);
  }
  const Snapshot merged = merge(ours, theirs);
  CHECK(merged == one);
  CHECK(merged.size() == one.size());
  CHECK(merged.online_count() == one.online_count());
  CHECK(merged.next_deadline() == one.next_deadline());
  CHECK(text(views(reduce(merged, at(42)))) == text(views(reduce(one, at(42)))));
  CHECK(reduce(merged, at(42)).online_count() == reduce(one, at(42)).online_count());
  CHECK(reduce(merged, at(200)) == reduce(one, at(200)));
  CHECK(detail::SnapshotAccess::read(reduce(merged, at(200)))->table.size() ==
        detail::SnapshotAccess::read(reduce(one, at(200)))->table.size());
}

TEST_CASE("merging with a node that has already discarded the session leaves the user offline") {
  const Snapshot stale = reduce(folded({connect("john", "phone", at(0))}), at(1));
  const Snapshot ahead =
      reduce(folded({connect("john", "phone", at(0)), disconnect("john", "phone", at(2))}), at(1000));
  CHECK(stale.online("john"));
  for (const Snapshot& merged : {merge(stale, ahead), merge(ahead, stale)}) {
    CHECK_FALSE(merged.online("john"));
    CHECK(merged.now() == at(1000));
    CHECK_FALSE(merged.next_deadline());
  }
  CHECK(merge(stale, ahead) == merge(ahead, stale));
}

TEST_CASE("equal snapshots give equal merges, whatever expired registers they still store") {
  const std::vector<PresenceEvent> events = {connect("john", "phone", at(0)), disconnect("john", "phone", at(1)),
                                             disconnect("jack", "phone", at(0))};
  Snapshot jumped = reduce(folded(events), at(500)), stepped = folded(events);
  for (double now = 10; now <= 500; now += 10)
    stepped = reduce(reduce(std::move(stepped), at(now)), says("mary", "hi", at(0)));
  stepped = reduce(std::move(stepped), at(500));
  jumped = merge(jumped, folded({says("mary", "hi", at(0))}));
  CHECK(jumped == stepped);
  const Snapshot other =
      folded({connect("john", "phone", at(0))});  // would come back if a forgotten register were joined
  CHECK(merge(jumped, other) == merge(stepped, other));
  CHECK(merge(other, jumped) == merge(other, stepped));
  CHECK(merge(jumped, other).digest() == merge(stepped, other).digest());
}

TEST_CASE("a merge removes a disconnect without a session once it has expired") {
  const Snapshot ours = folded({disconnect("john", "phone", at(0)), says("jack", "hi", at(0))});
  for (const auto& [now, there] : {std::pair<Timestamp, bool>{at(120), true}, {at(120) + tick, false}}) {
    const Snapshot merged = merge(ours, reduce(Snapshot(), now));
    CHECK(merged.inspect("john").has_value() == there);
    CHECK(merged == reduce(ours, now));
    CHECK(detail::SnapshotAccess::read(merged)->table.size() == (there ? 2 : 1));
  }
}

TEST_CASE("after a merge, no event makes a user visible inside a range that either side dropped") {
  Rules rules;
  rules.max_recent_per_user = 2;
  const auto run = [&](int from, int to) {
    Snapshot s = folded(rules, {connect("john", "phone", at(0))});
    for (int i = from; i <= to; ++i) s = reduce(std::move(s), invisibly("john", "phone", at(i)));
    return s;
  };
  const Snapshot ours = run(10, 20), theirs = run(30, 40);
  for (const Snapshot& merged : {merge(ours, theirs), merge(theirs, ours)}) {
    CHECK(merged.inspect("john")->invisible_since == at(10));
    CHECK(kept_of(merged, "john")->visibility_changes.size() == 2);
    Told t;
    t.s = merged;
    CHECK(t.fold(visibly("john", "phone", at(15))) == Verdict::over_limit);
    CHECK(t.fold(visibly("john", "phone", at(35))) == Verdict::over_limit);
    CHECK_FALSE(t.s.online("john"));
  }
  CHECK(merge(ours, theirs) == merge(theirs, ours));
  CHECK(merge(ours, ours) == ours);
  CHECK(merge(merge(ours, theirs), theirs) == merge(ours, theirs));
  // A node that had received a visible change inside the dropped range now ignores it.
  const Snapshot seen = folded(rules, {connect("john", "phone", at(0)), visibly("john", "laptop", at(15))});
  CHECK_FALSE(merge(seen, ours).online("john"));
  CHECK(merge(seen, ours).inspect("john")->invisible_since == at(10));
  CHECK(merge(seen, ours) == merge(ours, seen));
  // A visible change after the dropped range makes the user visible.
  const Snapshot later = folded(rules, {visibly("john", "laptop", at(20) + tick)});
  CHECK(merge(ours, later).online("john"));
  CHECK(merge(later, ours).online("john"));
}

TEST_CASE("a merge enforces max_sessions_per_user and max_recent_per_user") {
  Rules rules;
  rules.max_recent_per_user = 4;
  rules.max_sessions_per_user = 3;
  rules.last_active_refresh = Duration();
  Snapshot ours(rules), theirs(rules);
  for (int i = 0; i < 30; ++i) {
    Snapshot& s = i % 2 == 0 ? ours : theirs;
    const std::string session = std::to_string(100 + i);
    s = reduce(std::move(s), visibly("john", session, at(i)));
    if (i < 24) s = reduce(std::move(s), disconnect("john", session, at(i) + tick));
  }
  for (const Snapshot& merged : {merge(ours, theirs), merge(theirs, ours)}) {
    const auto kept = *kept_of(merged, "john");
    CHECK(kept.sessions.size() == 3 + 4);
    CHECK(kept.visibility_changes.size() == 4);
    CHECK(kept.activities.size() == 4);
    CHECK(text_of(kept.sessions.back().id) == "129");
    CHECK(merged.online("john"));
    CHECK(last_active(merged, "john") == at(29));
  }
}

TEST_CASE("merge leaves both arguments unchanged") {
  const Snapshot ours = folded({connect("john", "phone", at(0))}),
                 theirs = reduce(folded({connect("jack", "phone", at(0))}), at(100));
  const std::uint64_t our_digest = ours.digest(), their_digest = theirs.digest();
  const Snapshot merged = merge(ours, theirs);
  CHECK(merged.size() == 2);
  CHECK(ours.digest() == our_digest);
  CHECK(theirs.digest() == their_digest);
  CHECK(ours.online("john"));
}

TEST_CASE("a diff skips shared user records only if both snapshots have the same now and rules") {
  const Snapshot s = reduce(folded({connect("john", "phone", at(0)), connect("jack", "phone", at(15))}), at(20));
  const Snapshot strict = merge(Snapshot(with_timeout(seconds(10))),
                                s);  // shares the records, and reads them by its own rules
  Changes changes;
  const auto into = [&](const UserPresenceChangedView& change) { changes.emplace_back(change); };
  diff(s, strict, into);
  CHECK(text(changes) == text({changed(at(20), seen_online("john", at(0)), seen_offline("john", at(0)))}));
  changes.clear();
  diff(s, reduce(s, at(45)), into);
  CHECK(text(changes) == text({changed(at(45), seen_online("john", at(0)), seen_offline("john", at(0)))}));
  changes.clear();
  diff(reduce(s, at(45)), s, into);
  CHECK(text(changes) == text({changed(at(20), seen_offline("john", at(0)), seen_online("john", at(0)))}));
  changes.clear();
  diff(s, reduce(s, says("mary", "hi", at(20))), into);
  CHECK(text(changes) == text({changed(at(20), std::nullopt, seen_offline("mary", std::nullopt, "hi"))}));
  changes.clear();
  diff(s, s, into);
  diff(Snapshot(), Snapshot(), into);
  CHECK(changes.empty());
}

TEST_CASE("without a now, a diff dates each change by the user's visible events, and hiding by invisible_since") {
  const Snapshot from =
      folded({connect("john", "phone", at(0)), connect("jack", "phone", at(1)), says("mary", "hi", at(9))});
  Snapshot to = from;
  for (const PresenceEvent& event : {invisibly("john", "phone", at(5)), heartbeat("john", "phone", at(30)),
                                     disconnect("jack", "phone", at(3)), says("mary", "ho", at(10))}) {
    to = reduce(std::move(to), event);
  }
  Changes changes;
  diff(from, to, [&](const UserPresenceChangedView& change) { changes.emplace_back(change); });
  CHECK(text(changes) ==
        text({changed(at(3), seen_online("jack", at(1)), seen_offline("jack", at(1))),
              changed(at(5), seen_online("john", at(0)), seen_offline("john", at(0))),
              changed(at(10), seen_offline("mary", std::nullopt, "hi"), seen_offline("mary", std::nullopt, "ho"))}));
}
