// SPDX-License-Identifier: MIT
// Law 2. Time is additive: advancing in one step or in many gives the same snapshot and the same changes with the same
// timestamps. A timeout happens at its deadline, and time alone never turns a user online. next_deadline is exact.
#include "history.hpp"
#include "shrink.hpp"

#include <presence/presence.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace property;

namespace {

struct Seen {
  std::size_t advances = 0, timeouts = 0, several = 0, deadlines = 0, texts = 0, unknown = 0;
};

Wrong time_only_ends(const Snapshot& before, Timestamp to, const Changes& changes) {
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const UserPresenceChanged& change = changes[i];
    if (!is_of_time(change, before.rules())) return "time did something else than to end: " + told(change);
    if (change.at > to || (before.now() && change.at <= *before.now()))
      return "a change is dated outside of the advance: " + told(change);
    if (i > 0 && !in_order(changes[i - 1], change))
      return "changes are not in order of (timestamp, id)\n" + told(changes);
  }
  return std::nullopt;
}

Wrong split_is_the_same(const Snapshot& start, Timestamp to, Chance& chance, Seen& seen) {
  Snapshot whole = start;
  Changes at_once;
  apply(whole, to, into(at_once));
  if (Wrong wrong = time_only_ends(start, to, at_once)) return wrong;
  if (reduce(start, to) != whole) return "reduce(s, now) differs from apply(s, now)";

  std::vector<Timestamp> stops;
  const std::int64_t low = start.now() ? start.now()->ns() : to.ns() - 20;
  if (low < to.ns()) {
    const std::size_t count = 1 + chance.below(3);
    for (std::size_t i = 0; i < count; ++i) stops.push_back(Timestamp::from_ns(chance.between(low, to.ns())));
    for (const UserPresenceChanged& change : at_once) {
      if (chance.one_in(2)) stops.push_back(change.at - Duration::from_ns(chance.between(0, 1)));
    }
  }
  stops.push_back(to);
  std::sort(stops.begin(), stops.end());
  if (chance.one_in(4)) stops.push_back(stops.front());  // a timestamp that is past changes nothing

  Snapshot split = start;
  Changes bit_by_bit;
  std::string text;
  for (const Timestamp stop : stops) {
    text += " " + told(stop);
    apply(split, stop, into(bit_by_bit));
  }
  if (split != whole || all_of(split) != all_of(whole)) {
    return "advancing to " + told(to) + " by way of" + text + " gives\n" + all_of(split) + "\n  not\n" + all_of(whole);
  }
  if (bit_by_bit != at_once)
    return "advancing to " + told(to) + " by way of" + text + " tells\n" + told(bit_by_bit) + "    not\n" +
           told(at_once);

  // Each timeout separately: just before its timestamp nothing has changed yet.
  for (const UserPresenceChanged& change : at_once) {
    const Snapshot just_before = reduce(start, change.at - Duration::from_ns(1)), just_then = reduce(start, change.at);
    if (just_before.find(change.id) != change.before) return "a timeout shows before its timestamp: " + told(change);
    if (just_then.find(change.id) != change.after) return "a timeout does not show at its timestamp: " + told(change);
  }
  ++seen.advances;
  seen.timeouts += at_once.size();
  for (const UserPresenceChanged& change : at_once) {
    if (change.after && change.status_changed()) ++seen.texts;
    if (!change.after && start.rules().forget_after == Duration::highest()) ++seen.unknown;
  }
  if (at_once.size() > 1) ++seen.several;
  return std::nullopt;
}

Wrong deadline_is_exact(const Snapshot& s, Seen& seen) {
  const std::optional<Timestamp> deadline = s.next_deadline();
  const Views views = views_of(s);
  Changes changes;
  if (!deadline) {
    Snapshot later = s;
    apply(later, Timestamp::highest() - Duration::from_ns(1), into(changes));
    if (!changes.empty() || views_of(later) != views)
      return "there is no deadline, and yet time changes\n" + told(changes);
    return std::nullopt;
  }
  ++seen.deadlines;
  if (s.now() && *deadline <= *s.now()) return "the next deadline is past";
  Snapshot later = s;
  apply(later, *deadline - Duration::from_ns(1), into(changes));
  if (!changes.empty() || views_of(later) != views)
    return "before the next deadline " + told(*deadline) + " time changes\n" + told(changes);
  if (later.next_deadline() != deadline)
    return "the deadline moved from " + told(*deadline) + " to " + told(later.next_deadline()) + " by waiting for it";
  apply(later, *deadline, into(changes));
  if (changes.empty() || views_of(later) == views)
    return "at the next deadline " + told(*deadline) + " nothing changes";
  for (const UserPresenceChanged& change : changes) {
    if (change.at != *deadline) return "a change at the deadline " + told(*deadline) + " is dated " + told(change);
  }
  return std::nullopt;
}

Wrong time_is_additive(const History& h, Seen& seen) {
  Snapshot s(h.rules);
  for (std::size_t i = 0; i <= h.steps.size(); ++i) {
    Chance chance(mixed(h.seed, i));
    const std::string where = "\n  after step " + std::to_string(i);
    if (Wrong wrong = deadline_is_exact(s, seen)) return *wrong + where;
    std::vector<Timestamp> targets;
    if (i < h.steps.size() && h.steps[i].what == Do::advance) targets.push_back(*h.steps[i].at);
    if (chance.one_in(3)) targets.push_back(h.last + Duration::from_ns(chance.between(0, 30)));
    if (const std::optional<Timestamp> deadline = s.next_deadline())
      targets.push_back(*deadline + Duration::from_ns(chance.between(0, 6)));
    for (const Timestamp to : targets) {
      if (Wrong wrong = split_is_the_same(s, to, chance, seen)) return *wrong + where;
    }
    if (i == h.steps.size()) break;
    Changes unread;
    perform(s, h.steps[i], unread);
  }
  return std::nullopt;
}

void expect_additive(std::size_t count, const Mix& mix, std::uint64_t salt) {
  Seen seen;
  const std::size_t tried =
      try_histories(histories_to_try(count), mix, salt, [&](const History& h) { return time_is_additive(h, seen); });
  MESSAGE(tried << " histories, " << seen.advances << " advances, " << seen.timeouts << " timeouts, " << seen.several
                << " with several, " << seen.deadlines << " deadlines, " << seen.texts << " texts that ended, "
                << seen.unknown << " users known only while online");
  CHECK_REACHED(seen.texts * 10 > tried);
  CHECK_REACHED(seen.timeouts * 5 > seen.advances);
  CHECK_REACHED(seen.deadlines > tried);
}

}  // namespace

TEST_CASE("law 2: advancing in one step or in many gives the same result") {
  Mix mix;
  expect_additive(1000, mix, 1);
}

TEST_CASE("law 2: advancing in one step or in many gives the same result for one user") {
  Mix mix;
  mix.users = 1;
  mix.steps = 12;
  expect_additive(1500, mix, 2);
}

TEST_CASE("law 2: advancing in one step or in many gives the same result if users are forgotten by age") {
  Mix mix;
  mix.forgetting = true;
  expect_additive(2000, mix, 4);
}

TEST_CASE("law 2: advancing in one step or in many gives the same result with small limits") {
  Mix mix;
  mix.small_limits = true;
  mix.hiding = true;
  expect_additive(600, mix, 3);
}
