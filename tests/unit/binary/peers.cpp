// SPDX-License-Identifier: MIT
// A peer's data is validated against the host's clock: it advances no time and has no effect long after it arrived.
#include "../telling.hpp"

#include <presence/base/detail/shared_string.hpp>
#include <presence/binary/anti_entropy.hpp>
#include <presence/binary/codec.hpp>
#include <presence/binary/detail/exchange.hpp>
#include <presence/binary/detail/framing.hpp>
#include <presence/binary/detail/sketch.hpp>
#include <presence/binary/detail/snapshot_record.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/registers/detail/session.hpp>
#include <presence/state/detail/plan.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/table/detail/user_row.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace support;

namespace {

using detail::UserRegisters;

const Timestamp first = Timestamp::from_ns(INT64_MIN) + tick, last = Timestamp::from_ns(INT64_MAX) - tick;

/// A snapshot with one user that has exactly these registers.
Snapshot holding(UserRegisters user, std::optional<Timestamp> now, const Rules& rules = {}) {
  Snapshot s(rules);
  detail::Root& root = detail::SnapshotAccess::write(s);
  if (now) root.now = *now;
  detail::Plan plan;
  plan.after = std::move(user);
  detail::commit(root, root.table.key_of("john"), std::move(plan));
  return s;
}
template <class Set>
UserRegisters with(Set set) {
  UserRegisters user;
  set(user);
  return user;
}

/// Every register, dated `when`; the registers it needs besides are older.
std::vector<std::pair<const char*, UserRegisters>> all_dated(Timestamp when) {
  const Timestamp old = when - seconds(1), end_of_run = std::min(when + Rules().session_timeout, last);
  detail::SessionRegisters session;
  session.id = detail::SharedString("phone");
  const auto with_session = [&](auto set) {
    return with([&](UserRegisters& user) {
      user.sessions.push_back(session);
      set(user.sessions[0]);
    });
  };
  return {
      {"a connect", with_session([&](auto& s) {
         s.set_evidence({when, true});
         s.set_run_start(when);
       })},
      {"a heartbeat", with_session([&](auto& s) {
         s.set_evidence({when, false});
         s.set_run_start(old);
       })},
      {"a disconnect", with_session([&](auto& s) { s.add_disconnect(when); })},
      {"the latest of two disconnects", with_session([&](auto& s) {
         s.add_disconnect(old);
         s.add_disconnect(when);
       })},
      {"what a session says", with_session([&](auto& s) {
         s.set_evidence({old, false});
         s.set_run_start(old);
         s.set_state({{when, false}, Availability::busy, 0});
       })},
      {"a run", with_session([&](auto& s) {
         s.add_earlier_run({old, end_of_run});
       })},
      {"a hold", with_session([&](auto& s) {
         s.set_evidence({old, true});
         s.set_run_start(old);
         s.set_held_until(end_of_run);
       })},
      {"an activity", with([&](UserRegisters& u) {
         u.activities.push_back({old, when});
       })},
      {"an activity of that time", with([&](UserRegisters& u) {
         u.activities.push_back({when, when});
       })},
      {"an invisible visibility change", with([&](UserRegisters& u) {
         u.visibility_changes.push_back({when, true});
       })},
      {"a visible visibility change", with([&](UserRegisters& u) {
         u.visibility_changes.push_back({when, false});
       })},
      {"a dropped range", with([&](UserRegisters& u) {
         u.visibility_changes.push_back({old - seconds(1), true});
         u.dropped_range = {old, when};
       })},
      {"a status", with([&](UserRegisters& u) { u.status_at = when, u.status = detail::SharedString("hi"); })},
      {"a cleared status", with([&](UserRegisters& u) { u.status_at = when; })},
      {"a report", with([&](UserRegisters& u) { u.reported_at = when; })},
      {"a report of online", with_session([&](auto& s) {
         s.id = detail::SharedString();
         s.set_evidence({when, true});
       })},
      {"a report of offline", with_session([&](auto& s) {
         s.id = detail::SharedString();
         s.add_disconnect(when);
       })},
      {"a choice", with([&](UserRegisters& u) { u.choice_at = when, u.choice = Availability::away; })},
      {"the end of a choice", with([&](UserRegisters& u) { u.choice_at = when, u.choice_until = when + seconds(1); })},
      {"a removal", with([&](UserRegisters& u) { u.removed = when; })},
      {"a reported last_active",
       with([&](UserRegisters& u) { u.reported_last_active_at = when, u.reported_last_active = old; })},
      {"forgotten reports", with([&](UserRegisters& u) { u.forgotten_up_to = when; })},
      {"a removal", with([&](UserRegisters& u) { u.removed = when; })},
  };
}

std::string delta_of(const Snapshot& s) { return encode_delta(Snapshot(s.rules()), s); }

/// A missing-updates message with all users of a snapshot.
std::string missing_updates_of(const Snapshot& theirs) {
  const detail::Terms terms;
  return detail::missing_updates_of(theirs, terms, true, {}, [](std::size_t, const detail::RowView&) { return true; });
}

/// Applies a peer's snapshot by delta, missing updates and Store::merge. Checks that all agree, or all change nothing.
bool is_taken(const Snapshot& ours, const Snapshot& theirs, Timestamp now) {
  Told by_delta, by_news;
  by_delta.s = by_news.s = ours;
  const std::optional<Error> error = apply_delta(by_delta.s, delta_of(theirs), now, by_delta);
  const Result<std::string> answer = reconcile(by_news.s, missing_updates_of(theirs), now, by_news);
  Store store(ours);
  const std::optional<Error> of_store = store.merge(theirs, now);
  CHECK(error.has_value() == !answer.has_value());
  CHECK(error.has_value() == of_store.has_value());
  for (const Snapshot& s : {by_delta.s, by_news.s, store.snapshot()}) {
    CHECK(s == by_delta.s);
    CHECK(s.now() == (error                             ? ours.now()
                      : ours.now() && *ours.now() > now ? ours.now()
                                                        : std::optional<Timestamp>(now)));
    if (error) CHECK((s == ours && s.digest() == ours.digest()));
  }
  CHECK(text(by_news.changes) == text(by_delta.changes));
  if (!error) return true;
  CHECK(by_delta.changes.empty());
  for (const Error& each : {*error, answer.error(), *of_store})
    CHECK(static_cast<int>(each.code) == static_cast<int>(ErrorCode::too_early));
  return false;
}

}  // namespace

TEST_CASE("a peer's data dated later than the peer's now + max_clock_skew is too_early") {
  const Duration skew = Rules().max_clock_skew;
  for (const double behind : {0.0, 30.0, -30.0, -60.0}) {
    CAPTURE(behind);
    const Timestamp theirs = at(100), host = at(100 + behind);
    for (const Snapshot& ours :
         {Snapshot(), reduce(Snapshot(), at(10)), reduce(folded({connect("john", "tv", at(0))}), at(20))}) {
      for (const auto& dated : all_dated(theirs + skew)) {
        const auto& what = dated.first;
        const auto& user = dated.second;
        CAPTURE(what);
        CHECK(is_taken(ours, holding(user, theirs), host));
      }
      for (const auto& dated : all_dated(theirs + skew + tick)) {
        const auto& what = dated.first;
        const auto& user = dated.second;
        CAPTURE(what);
        CHECK_FALSE(is_taken(ours, holding(user, theirs), host));
      }
    }
  }
}

TEST_CASE("data of a message without a now is limited by the host's now + max_clock_skew") {
  const Duration skew = Rules().max_clock_skew;
  for (const auto& dated : all_dated(at(0) + skew)) {
    const auto& what = dated.first;
    const auto& user = dated.second;
    CAPTURE(what);
    CHECK(is_taken(Snapshot(), holding(user, std::nullopt), at(0)));
    CHECK_FALSE(is_taken(Snapshot(), holding(user, std::nullopt), at(0) - tick));
    CHECK(is_taken(reduce(Snapshot(), at(0)), holding(user, std::nullopt), at(-1000)));
    CHECK_FALSE(is_taken(reduce(Snapshot(), at(0) - tick), holding(user, std::nullopt), at(-1000)));
  }
}

TEST_CASE("a message's now may be at most max_clock_skew after the host's clock and now") {
  const Snapshot theirs = reduce(folded({connect("mary", "tv", at(0))}), at(60));
  CHECK(is_taken(Snapshot(), theirs, at(0)));
  CHECK_FALSE(is_taken(Snapshot(), theirs, at(0) - tick));
  // Or after our own now, if that is later than the clock.
  CHECK(is_taken(reduce(Snapshot(), at(0)), theirs, at(-500)));
  CHECK_FALSE(is_taken(reduce(Snapshot(), at(0) - tick), theirs, at(-500)));
  // It is accepted however old it is.
  CHECK(is_taken(Snapshot(), theirs, at(100000)));
  CHECK(is_taken(reduce(Snapshot(), last), theirs, at(0)));
}

TEST_CASE("a peer's now never advances ours") {
  const Snapshot ours = reduce(folded({connect("john", "phone", at(0))}), at(1));
  const Snapshot fast = reduce(folded({connect("mary", "tv", at(50))}), at(55));
  Told t;
  t.s = ours;
  CHECK_FALSE(apply_delta(t.s, delta_of(fast), at(2), t));
  CHECK(t.s.now() == at(2));
  CHECK(t.s.online("john"));  // whom the peer's time would have ended
  CHECK(t.s.online("mary"));
  CHECK(text(t.take()) == text(Changes{changed(at(1), std::nullopt, seen_online("mary", at(50)))}));
  const Snapshot far = reduce(Snapshot(), at(1000000));
  for (const Snapshot& hostile : {far, reduce(Snapshot(), last)}) CHECK_FALSE(is_taken(ours, hostile, at(2)));
}

TEST_CASE("a delta is applied first, then time advances to the host's clock, with timeouts dated their deadline") {
  Told t;
  t.s =
      reduce(folded({connect("ann", "tv", at(0)), connect("john", "tv", at(0)), connect("pete", "tv", at(0))}), at(1));
  const Snapshot theirs = reduce(folded({heartbeat("john", "tv", at(25)), disconnect("pete", "tv", at(20))}), at(30));
  CHECK_FALSE(apply_delta(t.s, delta_of(theirs), at(50), t));
  CHECK(text(t.take()) == text(Changes{changed(at(1), seen_online("pete", at(0)), seen_offline("pete", at(0))),
                                       changed(at(40), seen_online("ann", at(0)), seen_offline("ann", at(0)))}));
  CHECK(t.s.online("john"));
  // Without a time of our own it is the host's.
  Told fresh;
  CHECK_FALSE(apply_delta(fresh.s, delta_of(folded({connect("mary", "tv", at(3))})), at(4), fresh));
  CHECK(text(fresh.take()) == text(Changes{changed(at(4), std::nullopt, seen_online("mary", at(3)))}));
}

TEST_CASE("time advances even if the peer's snapshot is empty or equal to ours") {
  const Snapshot ours = reduce(folded({connect("john", "phone", at(0))}), at(1));
  for (const Snapshot& theirs : {Snapshot(), ours, reduce(Snapshot(), at(1))}) {
    Store store(ours);
    CHECK_FALSE(store.merge(theirs, at(50)));
    CHECK(store.snapshot() == reduce(ours, at(50)));
    CHECK_FALSE(store.merge(theirs, at(2)));
    CHECK(store.snapshot().now() == at(50));
    CHECK(is_taken(ours, theirs, at(50)));
  }
  Store fresh;
  CHECK_FALSE(fresh.merge(Snapshot(), at(5)));
  CHECK(fresh.snapshot().now() == at(5));
  // A sketch as well.
  Told t;
  t.s = ours;
  CHECK(reconcile(t.s, sketch(ours), at(50), t).has_value());
  CHECK(t.s == reduce(ours, at(50)));
  CHECK(text(t.take()) == text(Changes{changed(at(40), seen_online("john", at(0)), seen_offline("john", at(0)))}));
}

TEST_CASE("a clock at either end of the range is an error") {
  const Snapshot ours = reduce(folded({connect("john", "phone", at(0))}), at(1));
  for (const Timestamp now : {Timestamp::lowest(), Timestamp::highest()}) {
    Snapshot s = ours;
    Store store(ours);
    const std::optional<Error> error = apply_delta(s, delta_of(ours), now);
    REQUIRE(error);
    CHECK(*error == Error{ErrorCode::out_of_range, 0, ""});
    for (const std::string& message : {sketch(ours), missing_updates_of(ours), std::string()}) {
      const Result<std::string> answer = reconcile(s, message, now);
      REQUIRE_FALSE(answer);
      CHECK(answer.error() == Error{ErrorCode::out_of_range, 0, ""});
    }
    const std::optional<Error> of_store = store.merge(reduce(ours, at(2)), now);
    REQUIRE(of_store);
    CHECK(of_store->code == ErrorCode::out_of_range);
    CHECK(s == ours);
    CHECK(store.snapshot() == ours);
  }
  for (const Timestamp now : {first, last}) {
    Snapshot s;
    CHECK_FALSE(apply_delta(s, delta_of(Snapshot()), now));
    CHECK(s.now() == now);
  }
}

TEST_CASE("too_early is reported at the offset of the message's now, or of the user") {
  Snapshot s = reduce(Snapshot(), at(0));
  std::optional<Error> error = apply_delta(s, delta_of(reduce(Snapshot(), at(61))), at(0));
  REQUIRE(error);
  CHECK(*error == Error{ErrorCode::too_early, 18, ""});
  // After the header: a byte and a 64-bit word of the time, then the user.
  error = apply_delta(s, delta_of(holding(all_dated(at(61))[0].second, at(0))), at(0));
  REQUIRE(error);
  CHECK(*error == Error{ErrorCode::too_early, 27, ""});
}

TEST_CASE("a mirror accepts data of any date, and its now does not follow it") {
  const Snapshot ours = reduce(Snapshot(Rules::mirror()), at(0));
  for (const auto& dated : all_dated(last)) {
    const auto& what = dated.first;
    const auto& user = dated.second;
    CAPTURE(what);
    CHECK(is_taken(ours, holding(user, last - seconds(5), Rules::mirror()), at(5)));
  }
}

TEST_CASE("a report's last_active may be any timestamp without making the delta invalid") {
  Snapshot theirs = reduce(Snapshot(), at(0));
  theirs = reduce(std::move(theirs), active(report("john", true, at(0)), last));
  REQUIRE(theirs.find("john")->last_active == last);
  CHECK(is_taken(reduce(Snapshot(), at(0)), theirs, at(0)));
}

TEST_CASE("a status may end at any timestamp without making the delta invalid") {
  const Snapshot theirs = reduce(reduce(Snapshot(), at(0)), until(says("john", "busy", at(0)), last));
  REQUIRE(theirs.next_deadline() == last);
  CHECK(is_taken(reduce(Snapshot(), at(0)), theirs, at(0)));
}

TEST_CASE("data a peer dated ahead no longer overrides a user's own events once two skews have passed") {
  const Timestamp now = at(0), latest = now + Rules().max_clock_skew + Rules().max_clock_skew,
                  then = latest + seconds(1);
  for (const auto& dated : all_dated(latest)) {
    const auto& what = dated.first;
    const auto& user = dated.second;
    CAPTURE(what);
    Snapshot s = reduce(Snapshot(), now);
    REQUIRE_FALSE(apply_delta(s, delta_of(holding(user, now + Rules().max_clock_skew)), now));
    s = reduce(std::move(s), then);
    Told t;
    t.s = s;
    CHECK(t.fold(saying(visibly("john", "tv", then), "here")) == Verdict::applied);
    CHECK(t.s.online("john"));
    CHECK(status(t.s, "john") == "here");
    CHECK(t.fold(disconnect("john", "tv", then + tick)) == Verdict::applied);
    const std::set<std::string> alive = {"a report of online", "a connect", "a heartbeat", "what a session says",
                                         "a hold"};
    CHECK(t.s.online("john") == (alive.count(what) != 0));
  }
}

TEST_CASE("a store merges data it already has, however it is dated") {
  Rules rules;
  rules.max_clock_skew = Duration();
  Store store(rules);
  store.advance(at(0));
  // Moved in its frame, and so later than the rules would let a peer date it.
  store.dispatch(connect("john", "phone", at(0)));
  store.dispatch(disconnect("john", "phone", at(0)));
  Snapshot copy = store.snapshot();
  REQUIRE_FALSE(is_taken(reduce(Snapshot(rules), at(0)), copy, at(0)));
  CHECK_FALSE(apply_delta(copy, delta_of(reduce(folded(rules, {says("mary", "hi", at(0))}), at(0))), at(0)));
  CHECK_FALSE(store.merge(copy, at(0)));
  CHECK(store.snapshot() == copy);
  CHECK(status(store.snapshot(), "mary") == "hi");
  // Also where it comes alone, to a store of many users.
  Store alone(rules), many(rules);
  for (Store* const each : {&alone, &many}) {
    each->advance(at(0));
    each->dispatch(connect("john", "phone", at(0)));
    each->dispatch(disconnect("john", "phone", at(0)));
  }
  for (std::size_t i = 0; i < 100; ++i) many.dispatch(connect(user_id(i), "phone", at(0)));
  CHECK_FALSE(many.merge(alone.snapshot(), at(0)));
  // Once time has passed by the frame others take it as well.
  CHECK(is_taken(reduce(Snapshot(rules), at(0)), reduce(copy, at(1)), at(1)));
}

TEST_CASE("a snapshot with one record that is too_early leaves the whole store unchanged") {
  Snapshot base = reduce(Snapshot(), at(0));
  for (std::size_t i = 0; i < 300; ++i) base = reduce(std::move(base), connect(user_id(i), "phone", at(0)));
  Snapshot theirs = base;
  for (std::size_t i = 0; i < 300; ++i) theirs = reduce(std::move(theirs), heartbeat(user_id(i), "phone", at(10)));
  detail::UserRegisters late;
  late.status_at = at(61);
  theirs = merge(theirs, holding(late, at(0)));
  Store store(merge(Snapshot(), base));
  const Snapshot before = merge(Snapshot(), base);
  const std::optional<Error> error = store.merge(theirs, at(0));
  REQUIRE(error);
  CHECK(error->code == ErrorCode::too_early);
  CHECK(store.snapshot() == before);
  CHECK(store.snapshot().digest() == before.digest());
}

TEST_CASE("a sketch's as_of may be at most max_clock_skew plus four leads ahead") {
  // The skew, and four times the lead of ten seconds.
  const auto judged = [](Timestamp as_of, Timestamp now) {
    detail::Terms terms;
    terms.as_of = as_of;
    Snapshot s = reduce(Snapshot(), at(0));
    const Snapshot before = s;
    const Result<std::string> by_sketch = reconcile(s, detail::written(detail::Sketch(32), terms), now);
    Snapshot other = before;
    const std::string news = detail::missing_updates_of(reduce(Snapshot(), at(0)), terms, true, {},
                                                        [](std::size_t, const detail::RowView&) { return true; });
    const Result<std::string> by_news = reconcile(other, news, now);
    CHECK(by_sketch.has_value() == by_news.has_value());
    if (!by_sketch) {
      CHECK(by_sketch.error() == Error{ErrorCode::too_early, 18, ""});
      CHECK(by_news.error() == Error{ErrorCode::too_early, 27, ""});
      CHECK(s == before);
      CHECK(other == before);
    }
    return by_sketch.has_value();
  };
  CHECK(judged(at(100), at(0)));
  CHECK_FALSE(judged(at(100) + tick, at(0)));
  CHECK(judged(at(107), at(7)));
  CHECK_FALSE(judged(at(107) + tick, at(7)));
  CHECK(judged(at(100), at(-50)));
  CHECK_FALSE(judged(last, at(0)));
  CHECK(judged(first, at(0)));
  Snapshot mirror(Rules::mirror());
  detail::Terms terms;
  terms.as_of = last;
  CHECK(reconcile(mirror, detail::written(detail::Sketch(32), terms), at(0)).has_value());
}

TEST_CASE("a peer that is ahead by max_clock_skew can begin and restart an exchange") {
  for (const unsigned restarts : {0u, 1u, 2u}) {
    const Snapshot theirs = reduce(Snapshot(), at(60));
    Snapshot ours = reduce(Snapshot(), at(0));
    CHECK(reconcile(ours, detail::begun_exchange(theirs, detail::parameters_of(theirs, restarts)), at(0)).has_value());
    CHECK(ours.now() == at(0));
  }
}

TEST_CASE("a peer's removal of a session with as many runs as fit leaves a snapshot that can be stored") {
  for (const bool is_report : {false, true}) {
    Rules rules;
    rules.report_timeout = rules.session_timeout;
    rules.max_recent_per_user = 2;
    UserRegisters user;
    detail::SessionRegisters& session = detail::join_session(user, is_report ? "" : "phone");
    for (const double start : {-100.0, -95.0}) session.add_earlier_run({at(start), at(start + 1)});
    session.set_evidence({at(-50), true});
    session.set_run_start(at(-50));
    (is_report ? user.forgotten_up_to : user.removed) = at(0);
    Snapshot s(rules);
    s = reduce(std::move(s), at(0));
    detail::StringSink sink;  // an honest peer would have dropped one of the runs
    detail::FrameWriter<detail::StringSink> out(sink, detail::FrameKind::delta);
    detail::write_head(out, at(0));
    detail::write_user(out, "john", user, at(0));
    out.finish();
    REQUIRE_FALSE(apply_delta(s, sink.bytes, at(0)));
    CHECK(detail::SnapshotAccess::read(s)->table.size() == 1);
    const Result<Snapshot> restored = decode(encode(s), rules);
    REQUIRE(restored);
    CHECK(*restored == s);
  }
}
