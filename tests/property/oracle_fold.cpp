// SPDX-License-Identifier: MIT
// After each step the library and the oracle agree on verdicts, views, changes and their timestamps, deadlines and the
// state of sessions.
#include "history.hpp"
#include "oracle.hpp"
#include "shrink.hpp"

#include <presence/presence.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace property;

namespace {

Wrong differs_from_oracle(const Snapshot& s, const Oracle& oracle) {
  const Views views = oracle.views();
  std::size_t online = 0, in_order = 0;
  for (const auto& entry : views) online += entry.second.online ? 1 : 0;
  for (const presence::UserView& user : s) {
    ++in_order;
    if (find(views, std::string(user.id)) != std::optional<User>(User(user)))
      return "iteration shows " + std::string(user.id) + " otherwise than the oracle";
  }
  if (s.now() != oracle.now()) return "now is " + told(s.now()) + ", not " + told(oracle.now());
  if (s.size() != views.size() || in_order != views.size())
    return "size() is " + std::to_string(s.size()) + ", not " + std::to_string(views.size());
  if (s.online_count() != online)
    return "online_count() is " + std::to_string(s.online_count()) + ", not " + std::to_string(online);
  if (s.next_deadline() != oracle.next_deadline())
    return "next_deadline() is " + told(s.next_deadline()) + ", not " + told(oracle.next_deadline());
  for (const std::string user : {"ann", "bob", "cyd", "dee", "eve"}) {
    const std::optional<User> seen = s.find(user), expected = find(views, user);
    if (seen != expected) return user + " is " + told(seen) + ", not " + told(expected);
    if (s.online(user) != (expected && expected->online)) return "online() of " + user + " is wrong";
    const std::optional<User> himself = s.find(user, Viewer{user}), truth = oracle.truth(user, oracle.now());
    if (himself != truth) return user + " is to himself " + told(himself) + ", not " + told(truth);
    const std::optional<presence::PresenceState> state = s.inspect(user);
    if (truth && !state) return "inspect(" + user + ") is absent";
    if (!state) continue;
    if (truth && state->user != *truth)
      return "inspect(" + user + ").user is " + told(std::optional<User>(state->user)) + ", not " + told(truth);
    if (state->status_at != oracle.status_at(user))
      return "status_at of " + user + " is " + told(state->status_at) + ", not " + told(oracle.status_at(user));
    if (!state->user.status.empty() && state->status_until != oracle.status_until(user)) {
      return "status_until of " + user + " is " + told(state->status_until) + ", not " +
             told(oracle.status_until(user));
    }
    if (state->invisible_since != oracle.went_invisible(user)) {
      return "invisible_since of " + user + " is " + told(state->invisible_since) + ", not " +
             told(oracle.went_invisible(user));
    }
    std::size_t alive_to_oracle = 0, alive_in_all = 0;
    for (const presence::Session& kept : state->sessions) alive_in_all += kept.alive ? 1u : 0u;
    for (const std::string& session : oracle.sessions(user)) {
      alive_to_oracle += oracle.alive(user, session, oracle.now()) ? 1u : 0u;
      bool alive = false;
      for (const presence::Session& kept : state->sessions) alive = alive || (kept.id == session && kept.alive);
      if (alive != oracle.alive(user, session, oracle.now()))
        return "session " + session + " of " + user + (alive ? " is alive" : " is not alive");
    }
    if (alive_in_all != alive_to_oracle) return std::to_string(alive_in_all) + " sessions of " + user + " are alive";
  }
  return std::nullopt;
}

Wrong verdicts_differ(Tally library, Tally oracle) {
  // The oracle does not distinguish "applied" from "unchanged".
  if (library.accepted() == oracle.accepted() && library.too_late == oracle.too_late &&
      library.too_early == oracle.too_early && library.invalid == oracle.invalid &&
      library.over_limit == oracle.over_limit) {
    return std::nullopt;
  }
  return "verdicts: accepted " + std::to_string(library.accepted()) + ", too late " + std::to_string(library.too_late) +
         ", too early " + std::to_string(library.too_early) + ", invalid " + std::to_string(library.invalid) +
         ", over limit " + std::to_string(library.over_limit) + "; the oracle: " + std::to_string(oracle.accepted()) +
         ", " + std::to_string(oracle.too_late) + ", " + std::to_string(oracle.too_early) + ", " +
         std::to_string(oracle.invalid) + ", " + std::to_string(oracle.over_limit);
}

struct Seen {
  std::size_t steps = 0, changes = 0, timeouts = 0, refused = 0, deadlines = 0, invisible = 0;
  std::size_t removed = 0, removed_invisible = 0, without_value = 0, unknown = 0, revived = 0;  ///< of the removals
  std::size_t texts = 0, texts_of_invisible = 0, shown = 0,
              hidden = 0;  ///< texts that ended; set_visible that changed something
};

/// What a history came across of removals, texts that end, and visibility without a session.
void note_new(const Snapshot& before, const Step& step, const Snapshot& after, const Oracle& oracle,
              const Changes& changes, Seen& seen) {
  for (const UserPresenceChanged& change : changes) {
    const std::optional<presence::PresenceState> state = after.inspect(change.id);
    const bool is_invisible = state && state->invisible_since;
    if (step.what == Do::advance && change.after && change.status_changed()) {
      ++seen.texts;
      if (is_invisible) ++seen.texts_of_invisible;
    }
    if (step.what == Do::advance && !change.after && change.before->online) ++seen.unknown;
    if (step.what != Do::event || step.events.size() != 1 || step.events.front().user != change.id) continue;
    const EventType type = step.events.front().type;
    if (type == EventType::remove && !change.after) ++(is_invisible ? seen.removed_invisible : seen.removed);
    if (type == EventType::heartbeat && change.after && change.after->online && !change.after->last_active)
      ++seen.without_value;
    if (!change.before && oracle.removed_up_to(change.id)) ++seen.revived;
    if (type != EventType::set_visible) continue;
    const std::optional<presence::PresenceState> was = before.inspect(change.id);
    if (was && was->invisible_since && !is_invisible) ++seen.shown;
    if (is_invisible && !(was && was->invisible_since)) ++seen.hidden;
  }
}

Wrong follows_oracle(const History& h, Seen& seen) {
  Snapshot s(h.rules);
  Oracle oracle(h.rules);
  std::vector<Snapshot> kept;
  for (std::size_t i = 0; i < h.steps.size(); ++i) {
    const Step& step = h.steps[i];
    const std::string where = "step " + std::to_string(i + 1) + ", " + told(step);
    const Snapshot before = s;
    if (mixed(h.seed, i) % 3 != 0)
      s = reduce(Snapshot(s), Timestamp::lowest());  // the same, and perhaps not shared by `before` alone
    Changes changes, expected;
    const Tally tally = perform(s, step, changes), truth = oracle.perform(step, expected);
    ++seen.steps;
    seen.changes += changes.size();
    if (step.what == Do::advance) seen.timeouts += changes.size();
    seen.refused += tally.refused();
    if (s.next_deadline()) ++seen.deadlines;
    note_new(before, step, s, oracle, expected, seen);
    for (const std::string& user : oracle.users()) {
      if (oracle.went_invisible(user)) ++seen.invisible;
    }
    if (Wrong wrong = verdicts_differ(tally, truth)) return *wrong + "\n  at " + where;
    if (changes.size() == expected.size()) {
      const bool is_of_many = step.what == Do::merge || (!s.now() && step.what == Do::forget);
      if (is_of_many) {
        // The oracle does not date all of them.
        const auto by_id = [](const auto& a, const auto& b) { return a.id < b.id; };
        std::sort(changes.begin(), changes.end(), by_id);
        std::sort(expected.begin(), expected.end(), by_id);
      }
      for (std::size_t k = 0; k < changes.size(); ++k) {
        if (expected[k].at == Oracle::no_instant() && oracle.is_instant_of(changes[k].id, changes[k].at))
          expected[k].at = changes[k].at;
      }
    }
    if (changes != expected) return "changes at " + where + "    are\n" + told(changes) + "    not\n" + told(expected);
    if (Wrong wrong = differs_from_oracle(s, oracle)) return *wrong + "\n  after " + where;
    if (step.what == Do::event || step.what == Do::advance) {
      if ((tally.applied > 0) != (s != before))
        return "the verdict says " + std::string(tally.applied > 0 ? "applied" : "nothing changed") + " at " + where;
      if ((s == before) != (s.digest() == before.digest())) return "digest and == disagree after " + where;
    }
    if (step.what == Do::event && tally.accepted() == step.events.size()) {
      const Snapshot once = s;
      Changes none;
      for (const PresenceEvent& e : step.events) {
        if (apply(s, e, into(none)) != Verdict::unchanged || !none.empty())
          return "a duplicate changes something after " + where;
      }
      if (s != once || s.digest() != once.digest()) return "a duplicate leaves another snapshot after " + where;
    }
    // The pure functions equal those in place, whether the snapshot is shared or not.
    Snapshot pure = before;
    if (step.what == Do::event) {
      for (const PresenceEvent& e : step.events) pure = reduce(std::move(pure), e);
    } else if (step.what == Do::advance) {
      pure = reduce(pure, *step.at);
    } else if (step.what == Do::merge) {
      pure = merge(pure, other_node(h.rules, not_too_old(step, before.now(), h.rules), step.at));
    } else if (step.what == Do::forget) {
      pure = forget_reports(pure);
    } else {
      pure = s;
    }
    if (pure != s || pure.digest() != s.digest()) return "the pure function differs from the one in place at " + where;
  }
  return std::nullopt;
}

void expect_to_follow(std::size_t count, const Mix& mix, std::uint64_t salt) {
  Seen seen;
  const std::size_t tried =
      try_histories(histories_to_try(count), mix, salt, [&](const History& h) { return follows_oracle(h, seen); });
  MESSAGE(tried << " histories, " << seen.steps << " steps, " << seen.changes << " changes, " << seen.timeouts
                << " timeouts, " << seen.refused << " refused, " << seen.deadlines << " deadlines, " << seen.invisible
                << " invisible; " << seen.removed << " removed, " << seen.removed_invisible << " while invisible, "
                << seen.revived << " known again later, " << seen.without_value << " heartbeats without a last_active, "
                << seen.unknown << " known only while online; " << seen.texts << " texts that ended, "
                << seen.texts_of_invisible << " of invisible users; by set_visible " << seen.shown << " shown, "
                << seen.hidden << " hidden");
  for (const std::size_t reached : {seen.removed, seen.removed_invisible, seen.revived, seen.texts,
                                    seen.texts_of_invisible, seen.shown, seen.hidden})
    CHECK_REACHED(reached * 500 > tried);
  if (mix.removing) {
    CHECK_REACHED(seen.without_value * 30 > tried);
    CHECK_REACHED(seen.unknown * 100 > tried);
  }
  CHECK_REACHED(seen.changes * 5 > seen.steps);
  CHECK_REACHED(seen.timeouts * 80 > seen.steps);
  CHECK_REACHED(seen.deadlines * 10 > seen.steps);
  CHECK_REACHED(seen.invisible * 10 > seen.steps);
}

}  // namespace

TEST_CASE("oracle: the library agrees with the oracle on events and advances") {
  Mix mix;
  mix.batches = mix.replays = mix.merges = mix.forgets = mix.resyncs = false;
  expect_to_follow(1500, mix, 101);
}

TEST_CASE("oracle: the library agrees with the oracle on events and advances of one user") {
  Mix mix;
  mix.users = 1;
  mix.sessions = 2;
  mix.steps = 14;
  mix.batches = mix.replays = mix.merges = mix.forgets = mix.resyncs = false;
  expect_to_follow(3000, mix, 102);
}

TEST_CASE("oracle: the library agrees with the oracle on every operation") { expect_to_follow(1500, Mix(), 103); }

TEST_CASE(
    "oracle: the library agrees with the oracle on every operation, with users who are removed and heard of again") {
  for (const std::size_t users : {std::size_t{1}, std::size_t{3}}) {
    Mix mix;
    mix.users = users;
    mix.removing = true;
    expect_to_follow(1500, mix, 107);
    mix.hiding = mix.forgetting = true;
    expect_to_follow(1000, mix, 108);
  }
}

TEST_CASE("oracle: the library agrees with the oracle on every operation, with few sessions per user") {
  for (const std::size_t users : {std::size_t{2}, std::size_t{3}}) {
    Mix mix;
    mix.users = users;
    mix.few_sessions = true;
    expect_to_follow(2000, mix, 105);
    mix.hiding = mix.forgetting = true;
    expect_to_follow(1000, mix, 106);
  }
}

TEST_CASE("oracle: the library agrees with the oracle on every operation, with users forgotten by age") {
  for (const std::size_t users : {std::size_t{1}, std::size_t{3}}) {
    Mix mix;
    mix.users = users;
    mix.hiding = users == 1;
    mix.forgetting = true;
    expect_to_follow(3000, mix, 104);
  }
}
